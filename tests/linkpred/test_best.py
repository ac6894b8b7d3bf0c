import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import netsnn as ns
from netsnn.linkpred import blocks, layers
from tests.linkpred.test_scores import METHODS, random_graph, random_layer

LAYER, GRAPH = random_layer((40, 60), 0.08, 0), random_graph(50, 0.2, 0)
CASES = [(value, method) for value in (LAYER, GRAPH) for method in METHODS
         if (METHODS[method].bipartite if isinstance(value, ns.Layer) else METHODS[method].unipartite)]
CASE_IDS = [f"{type(value).__name__.lower()}-{method}" for value, method in CASES]


def candidates(value, method):
    scores = ns.linkpred.scores(value, method)
    return scores if isinstance(value, ns.Layer) else np.triu(scores)


@pytest.mark.parametrize(("value", "method"), CASES, ids=CASE_IDS)
def test_best_are_the_largest_of_the_dense_scores(value, method):
    dense = candidates(value, method)
    u, v, score = ns.linkpred.best(value, method, k=30)
    assert len(set(zip(u.tolist(), v.tolist()))) == 30
    np.testing.assert_allclose(score, np.sort(dense[dense > 0])[::-1][:30], rtol=1e-12)
    np.testing.assert_allclose(dense[u, v], score, rtol=1e-12)
    assert (value.find(u, v) < 0).all()
    assert isinstance(value, ns.Layer) or (u < v).all()


@settings(max_examples=60, deadline=None)
@given(shape=st.tuples(st.integers(1, 15), st.integers(1, 15)), density=st.floats(0.05, 0.9), seed=st.integers(0, 99),
       k=st.integers(0, 300), sample=st.booleans())
def test_best_of_any_layer_is_complete_and_unlinked(shape, density, seed, k, sample):
    layer = random_layer(shape, density, seed)
    dense = ns.linkpred.scores(layer, "ch3_l3")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ns.ShortfallWarning)
        u, v, score = ns.linkpred.best(layer, "ch3_l3", k, sample=sample, seed=seed)
    assert len(u) == min(k, (dense > 0).sum()) == len(set(zip(u.tolist(), v.tolist())))
    np.testing.assert_allclose(dense[u, v], score, rtol=1e-12)
    assert (np.diff(score) <= 1e-12 * (1 + score[:-1])).all() and (layer.find(u, v) < 0).all()


@pytest.mark.parametrize("sample", [False, True])
@pytest.mark.parametrize(("value", "method"), [(LAYER, "ch3_l3"), (LAYER, "l3"), (LAYER, "pa"), (GRAPH, "ra"), (GRAPH, "ch2_l3")])
def test_best_is_the_same_for_any_threads_blocks_and_plan(monkeypatch, value, method, sample):
    def choose():
        return ns.linkpred.best(value, method, k=40, sample=sample, seed=5)

    expected = choose()
    results = []
    for threads in ("1", "3"):
        monkeypatch.setenv("NETSNN_THREADS", threads)
        for entries in (50, 10**6):
            monkeypatch.setattr(blocks, "BLOCK", entries)
            monkeypatch.setattr(blocks.row_ranges, "__defaults__", (entries,))
            monkeypatch.setattr(layers, "TABLE", entries)
            monkeypatch.setattr(layers, "EXTRAS", entries)
            monkeypatch.setattr(layers, "TILE_BLOCK", entries)
            for plan in [layers.Plan(t, tiled, 0.0) for t in (False, True) for tiled in (False, True)]:
                monkeypatch.setattr(layers, "_cheapest_plan", lambda layer, plan=plan: plan)
                results.append(choose())
    for result in results:
        assert (result.u == expected.u).all() and (result.v == expected.v).all()
        np.testing.assert_allclose(result.score, expected.score, rtol=1e-12)


def test_scores_are_the_same_however_columns_are_divided(monkeypatch):
    expected = ns.linkpred.scores(LAYER, "ch3_l3")
    for plan in [layers.Plan(t, tiled, 0.0) for t in (False, True) for tiled in (False, True)]:
        for entries in (1, 30, 200):
            monkeypatch.setattr(layers, "TABLE", entries)
            monkeypatch.setattr(layers, "EXTRAS", entries)
            scorer = layers.LayerScorer(LAYER, METHODS["ch3_l3"], plan)
            out = scorer.new_array()
            scorer.fill(out)
            np.testing.assert_allclose(out, expected, rtol=1e-12, atol=1e-13)


def scipy_ch3_l3(layer):
    """S[u, v] = sum over links (b, a) of A[u, a] A[b, v] / sqrt((d(b) - C[b, u]) (d(a) - C[a, v])), as one matrix product."""
    a, (b_of, a_of) = layer.to_dense().astype(float), layer.links
    with np.errstate(divide="ignore"):
        left = a[:, a_of] / np.sqrt(layer.out_degrees[b_of] - (a @ a.T)[:, b_of])
        right = a[b_of] / np.sqrt(layer.in_degrees[a_of][:, None] - (a.T @ a)[a_of])
    left[~np.isfinite(left)], right[~np.isfinite(right)] = 0, 0  # walks back to u or v: they end on links
    return np.where(layer.to_dense(), 0, left @ right)


def layer_with(kind):
    mask = np.random.default_rng(7).random({"wide": (30, 300), "tall": (300, 30), "odd": (67, 129)}.get(kind, (60, 90))) < 0.15
    if kind == "full":
        mask[:] = True
    if kind == "hubs":
        mask[3], mask[:, 5], mask[3, 4], mask[2, 5] = True, True, False, False
    if kind == "gaps":
        mask[10:20], mask[:, 40:70], mask[0], mask[:, -1] = False, False, False, False
    return ns.Layer.from_dense(mask)


@pytest.mark.parametrize("kind", ["wide", "tall", "odd", "full", "hubs", "gaps"])
def test_every_plan_gives_the_matrix_product_and_the_same_bits_for_any_threads(monkeypatch, kind):
    layer = layer_with(kind)
    expected = scipy_ch3_l3(layer)
    for plan in [layers.Plan(t, tiled, 0.0) for t in (False, True) for tiled in (False, True)]:
        for columns, block in ((2**11, 2**19), (16, 150)):  # one tile a node and many, one task a thread and many
            monkeypatch.setattr(layers, "TILE_COLUMNS", columns)
            monkeypatch.setattr(layers, "TILE_BLOCK", block)
            outs = []
            for threads in ("1", "2"):
                monkeypatch.setenv("NETSNN_THREADS", threads)
                scorer = layers.LayerScorer(layer, METHODS["ch3_l3"], plan)
                outs.append(scorer.new_array())
                scorer.fill(outs[-1])
                blocks_of = list(scorer.stream(lambda block: block.values.sum() if hasattr(block, "values") else block.val.sum()))
                assert sum(blocks_of) == pytest.approx(expected.sum(), rel=1e-9)
            assert outs[0].tobytes() == outs[1].tobytes()
            np.testing.assert_allclose(outs[0], expected, rtol=1e-12, atol=1e-13)


@settings(max_examples=60, deadline=None)
@given(shape=st.tuples(st.integers(1, 40), st.integers(1, 40)), density=st.floats(0.0, 1.0), seed=st.integers(0, 99),
       transposed=st.booleans(), columns=st.integers(1, 40), block=st.integers(1, 1000), cache=st.integers(1, 4000))
def test_tiles_equal_the_matrix_product_however_they_are_cut(shape, density, seed, transposed, columns, block, cache):
    layer = random_layer(shape, density, seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layers, "TILE_COLUMNS", columns)
        patch.setattr(layers, "TILE_BLOCK", block)
        patch.setattr(layers, "TILES_IN_CACHE", cache)
        scorer = layers.LayerScorer(layer, METHODS["ch3_l3"], layers.Plan(transposed, True, 0.0))
        out = scorer.new_array()
        scorer.fill(out)
    np.testing.assert_allclose(out, scipy_ch3_l3(layer), rtol=1e-12, atol=1e-13)


def test_the_plan_follows_what_was_measured():
    def tiled(shape, density):
        return layers._cheapest_plan(ns.wiring.erdos_renyi(*shape, density=density, seed=0)).tiled

    assert not tiled((784, 1000), 0.01) and tiled((784, 1000), 0.05)
    assert not tiled((4096, 4096), 0.01) and tiled((4096, 4096), 0.03)


def test_ties_are_broken_by_the_seed_and_never_by_index():
    # two separate squares without one side each: every open pair has the same score
    n = 60
    row = np.repeat(np.arange(n), 2)
    row, col = np.concatenate([np.arange(n), np.arange(n), np.arange(n) + n]), np.concatenate([np.arange(n), np.arange(n) + n, np.arange(n)])
    layer = ns.Layer.from_edges(row, col, shape=(2 * n, 2 * n))
    tied = candidates(layer, "l3")
    assert np.unique(tied[tied > 0]).size == 1 and (tied > 0).sum() == n
    chosen = np.zeros(n)
    for seed in range(300):
        u, _, _ = ns.linkpred.best(layer, "l3", k=n // 2, seed=seed)
        chosen[u - n] += 1
    expected = 300 / 2
    statistic = ((chosen - expected) ** 2 / (expected / 2)).sum()  # binomial variance n p (1 - p)
    assert 25 < statistic < 100  # chi-square with about 59 degrees of freedom
    assert not (ns.linkpred.best(layer, "l3", 30, seed=0).u == ns.linkpred.best(layer, "l3", 30, seed=1).u).all()


def test_sums_in_another_order_still_tie():
    score = candidates(random_layer((30, 30), 0.2, 3), "ch3_l3")
    layer = random_layer((30, 30), 0.2, 3)
    doubled = ns.Layer.from_dense(np.kron(np.eye(2, dtype=bool), layer.to_dense()))
    first = 0
    for seed in range(200):
        u, v, _ = ns.linkpred.best(doubled, "ch3_l3", k=1, seed=seed)
        first += int(u[0] < 30)
    assert 70 < first < 130
    assert score[u % 30, v % 30] == pytest.approx(score.max())


def test_sampling_draws_in_proportion_to_the_score():
    layer = random_layer((6, 7), 0.45, 4)
    weight = candidates(layer, "ch3_l3").ravel()
    counts = np.zeros(weight.size)
    draws = 4000
    for seed in range(draws):
        u, v, _ = ns.linkpred.best(layer, "ch3_l3", k=1, sample=True, seed=seed)
        counts[u * 7 + v] += 1
    expected = draws * weight / weight.sum()
    some = expected > 0
    statistic = ((counts - expected)[some] ** 2 / expected[some]).sum()
    degrees = some.sum() - 1
    assert statistic < degrees + 4 * np.sqrt(2 * degrees) and counts[~some].sum() == 0


def test_sampling_without_replacement_follows_successive_draws():
    # inclusion probability of a pair among k=2 draws: p_i + sum_j p_j p_i / (1 - p_j)
    layer = random_layer((5, 5), 0.5, 1)
    weight = candidates(layer, "ch3_l3").ravel()
    p = weight / weight.sum()
    inclusion = p + p * ((p / (1 - p)).sum() - p / (1 - p))
    counts, draws = np.zeros(weight.size), 4000
    for seed in range(draws):
        u, v, _ = ns.linkpred.best(layer, "ch3_l3", k=2, sample=True, seed=seed)
        counts[u * 5 + v] += 1
    error = (counts - draws * inclusion) / np.sqrt(draws * inclusion * (1 - inclusion) + 1e-9)
    assert np.abs(error[p > 0]).max() < 4


def test_a_shortfall_is_reported_and_can_be_filled_uniformly():
    layer = ns.Layer.from_edges([0, 0, 1], [0, 1, 0], shape=(3, 4))
    with pytest.warns(ns.ShortfallWarning, match="asked for 5 pairs, but only 1 unlinked pairs have a positive score"):
        u, v, score = ns.linkpred.best(layer, "ch3_l3", k=5)
    assert (u.tolist(), v.tolist()) == ([1], [1])
    counts = np.zeros((3, 4))
    for seed in range(900):
        u, v, score = ns.linkpred.best(layer, "ch3_l3", k=4, fill=True, seed=seed)
        assert len(u) == 4 and score[0] > 0 and (score[1:] == 0).all() and (layer.find(u, v) < 0).all()
        counts[u, v] += 1
    assert counts[1, 1] == 900
    others = counts[(counts > 0) & (counts < 900)]
    assert len(others) == 8 and ((others - 900 * 3 / 8) ** 2 / (900 * 3 / 8)).sum() < 24
    with pytest.warns(ns.ShortfallWarning, match="asked for 10 pairs, but only 9 unlinked pairs exist"):
        assert len(ns.linkpred.best(layer, "ch3_l3", k=10, fill=True).u) == 9


def test_filling_a_graph_gives_each_pair_once():
    graph = ns.Graph.from_edges([0, 1], [1, 2], 30)
    u, v, _ = ns.linkpred.best(graph, "cn", k=400, fill=True)
    assert (u < v).all() and len(set(zip(u.tolist(), v.tolist()))) == 400 and (graph.find(u, v) < 0).all()


def test_best_leaves_the_global_random_state_alone():
    before = np.random.get_state()[1].copy()
    ns.linkpred.best(LAYER, "ch3_l3", 5, sample=True)
    assert (np.random.get_state()[1] == before).all()


def test_kernels_work_in_a_forked_child():
    import multiprocessing

    ns.linkpred.best(LAYER, "ch3_l3", 5)
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert len(pool.apply(ns.linkpred.best, (LAYER, "ch3_l3", 5)).u) == 5
