"""Pairs drawn by walks: the law of `best(sample=True)`, without the scores."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import netsnn as ns
from netsnn.linkpred.drawing import _overlaps, draw_ch3_l3


def layers(seed=0):
    yield ns.wiring.erdos_renyi(9, 8, density=0.35, seed=seed)
    yield ns.wiring.scale_free(12, 7, density=0.4, seed=seed)
    full_row = np.zeros((6, 7), dtype=bool)
    full_row[0], full_row[:, 0], full_row[2, 3:], full_row[4, 1] = True, True, True, True
    yield ns.Layer.from_dense(full_row)


@pytest.mark.parametrize("number", [0, 1, 2])
def test_the_first_and_the_second_draw_follow_the_scores(number):
    layer = list(layers())[number]
    score = ns.linkpred.scores(layer, "ch3_l3").reshape(-1)
    pairs = np.flatnonzero(score)
    share = score[pairs] / score.sum()
    draws = np.array([draw_ch3_l3(layer, 2, seed=seed, few_walks=-1, effort=100) for seed in range(4000)])
    first = np.array([(draws[:, 0] == pair).sum() for pair in pairs])
    assert first.sum() == 4000 and stats.chisquare(first, 4000 * share).pvalue > 1e-3
    second = np.array([(draws[:, 1] == pair).sum() for pair in pairs])
    expected = np.array([share[j] * (share / (1 - share))[np.arange(len(pairs)) != j].sum() for j in range(len(pairs))])
    assert stats.chisquare(second, 4000 * expected).pvalue > 1e-3


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 14), st.integers(2, 14), st.floats(0.1, 0.95), st.integers(0, 1000))
def test_draws_are_different_unlinked_pairs_with_a_score_and_as_many_as_there_are(n_in, n_out, density, seed):
    layer = ns.wiring.erdos_renyi(n_in, n_out, density=density, seed=seed)
    score = ns.linkpred.scores(layer, "ch3_l3").reshape(-1)
    exclude = np.flatnonzero(score)[::4]
    there = np.setdiff1d(np.flatnonzero(score), exclude)
    for k in (1, 3, len(there), len(there) + 5):
        for effort in (0, 3, 100):  # where walks give out, all scores are computed
            found = draw_ch3_l3(layer, k, exclude=exclude, seed=seed, few_walks=-1, effort=effort)
            assert len(found) == len(set(found.tolist())) == min(k, len(there)) and np.isin(found, there).all()


def test_excluded_pairs_leave_the_law_of_the_others_alone():
    layer = next(layers())
    score = ns.linkpred.scores(layer, "ch3_l3").reshape(-1)
    exclude = np.argsort(-score)[:3]
    pairs = np.setdiff1d(np.flatnonzero(score), exclude)
    for effort in (0, 100):
        first = [draw_ch3_l3(layer, 1, exclude=exclude, seed=seed, few_walks=-1, effort=effort)[0] for seed in range(3000)]
        counts = np.array([(np.array(first) == pair).sum() for pair in pairs])
        assert stats.chisquare(counts, 3000 * score[pairs] / score[pairs].sum()).pvalue > 1e-3


def test_bounds_are_the_largest_overlaps_that_leave_a_walk():
    for layer in layers(3):
        dense = layer.to_dense().astype(np.int64)
        common = dense @ dense.T
        degree = dense.sum(axis=1)
        np.fill_diagonal(common, 0)
        expected = np.where(common < degree[:, None], common, 0).max(axis=1)
        back = layer.T
        arrays = [x.astype(np.int64) for x in (layer.indptr, layer.indices, back.indptr, back.indices)]
        assert _overlaps(*arrays).tolist() == expected.tolist()


def test_a_seed_gives_the_same_pairs_on_any_number_of_threads(monkeypatch):
    layer = ns.wiring.scale_free(200, 150, density=0.1, seed=0)
    runs = []
    for threads in ("1", "2", "3"):
        monkeypatch.setenv("NETSNN_THREADS", threads)
        runs.append(draw_ch3_l3(layer, 500, seed=4, few_walks=-1).tolist())
    assert runs[0] == runs[1] == runs[2] and len(set(runs[0])) == 500
