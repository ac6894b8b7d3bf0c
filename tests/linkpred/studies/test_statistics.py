import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from netsnn.linkpred import compare, nadeau_bengio
from netsnn.linkpred.studies.statistics import bootstrap, critical_difference, holm, mean_ranks, rank_biserial, win_rates

tables = st.tuples(st.integers(2, 8), st.integers(2, 5)).flatmap(lambda shape: arrays(float, shape, elements=st.sampled_from([0.1, 0.2, 0.3, 0.7])))


def test_nadeau_bengio_widens_the_naive_interval_by_the_overlap():
    values = np.random.default_rng(0).normal(0.5, 0.1, 10)
    found = nadeau_bengio(values, 1 / 9)
    naive = scipy.stats.t.interval(0.95, 9, values.mean(), scipy.stats.sem(values))
    assert found.mean == pytest.approx(values.mean())
    assert (found.high - found.low) / (naive[1] - naive[0]) == pytest.approx(np.sqrt((1 / 10 + 1 / 9) / (1 / 10)))
    assert np.isnan(nadeau_bengio([0.5], 1 / 9).low) and nadeau_bengio([0.5], 1 / 9).mean == 0.5


@settings(max_examples=50, deadline=None)
@given(tables)
def test_ranks_and_wins_add_up(values):
    n, k = values.shape
    assert mean_ranks(values).sum() == pytest.approx(k * (k + 1) / 2)
    assert win_rates(values).sum() == pytest.approx(1) and win_rates(values, "all").sum() >= 1 - 1e-12
    assert (win_rates(values, "all") >= win_rates(values) - 1e-12).all()


def test_holm_is_the_step_down_procedure():
    """Against the definition: the i-th smallest p is rejected if all smaller ones are and p <= alpha / (m - i)."""
    p = np.random.default_rng(0).random(8) ** 3
    corrected = holm(p)
    for alpha in np.linspace(0.001, 0.999, 200):
        rejected = np.zeros(8, dtype=bool)
        for i, at in enumerate(np.argsort(p)):
            if p[at] * (8 - i) > alpha:
                break
            rejected[at] = True
        assert ((corrected <= alpha) == rejected).all()


def test_rounding_makes_no_difference_between_methods():
    values = np.array([[0.3, 0.1 + 0.2], [0.5, 0.5]])
    assert mean_ranks(values).tolist() == [1.5, 1.5] and win_rates(values).tolist() == [0.5, 0.5]
    assert rank_biserial(values[:, 0] - values[:, 1]) == 0


def test_the_critical_difference_is_that_of_demsar_table_5():
    # q of k = 2 .. 10 at 0.05: 1.960 2.343 2.569 2.728 2.850 2.949 3.031 3.102 3.164
    for k, q in zip(range(2, 11), (1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164)):
        assert critical_difference(k, 20) == pytest.approx(q * np.sqrt(k * (k + 1) / 120), abs=1e-3)


def test_comparison_agrees_with_scipy_and_leaves_incomplete_networks_out():
    rng = np.random.default_rng(1)
    values = rng.random((12, 3)) + [0, 0.3, 0.6]
    values[4, 1] = np.nan
    names = [f"n{i}" for i in range(12)]
    found = compare(values, ["a", "b", "c"], names)
    whole = np.delete(values, 4, axis=0)
    assert found.left_out == ("n4",) and len(found.networks) == 11
    assert (found.friedman, found.friedman_p) == pytest.approx(tuple(scipy.stats.friedmanchisquare(*whole.T)))
    assert [(p.a, p.b) for p in found.pairs] == [("c", "b"), ("c", "a"), ("b", "a")]
    expected = [scipy.stats.wilcoxon(whole[:, i], whole[:, j]).pvalue for i, j in ((2, 1), (2, 0), (1, 0))]
    assert [p.p for p in found.pairs] == pytest.approx(expected) and [p.p_holm for p in found.pairs] == pytest.approx(holm(expected))
    assert [p.wins - p.losses for p in found.pairs] == [int(np.sign(whole[:, i] - whole[:, j]).sum()) for i, j in ((2, 1), (2, 0), (1, 0))]
    assert all(-1 <= p.effect <= 1 and p.wins + p.ties + p.losses == 11 for p in found.pairs)
    assert all(i.low <= i.mean <= i.high for i in found.rank + found.mean)


def test_bootstrap_intervals_cover_the_mean_as_often_as_they_say():
    rng = np.random.default_rng(0)
    inside = 0
    for trial in range(200):
        interval = bootstrap(rng.normal(1, 1, (40, 1)), lambda x: x.mean(axis=0), draws=300, seed=trial)[0]
        inside += interval.low <= 1 <= interval.high
    assert 178 <= inside <= 199


def test_methods_that_never_differ_give_no_nonsense():
    found = compare(np.full((4, 3), 0.5), "abc", "wxyz")
    assert np.isnan(found.friedman_p) and all(p.p == p.p_holm == 1 and p.effect == 0 for p in found.pairs)
    assert found.win_rate.tolist() == pytest.approx([1 / 3] * 3)
    one = compare(np.array([[0.1, 0.2]]), "ab", "w")
    assert np.isnan(one.critical_difference) and one.win_rate.tolist() == [0, 1]
    with pytest.raises(ValueError, match="no network has a value for every method"):
        compare([[np.nan, 1.0]], "ab", "w")
    with pytest.raises(ValueError, match="ties must be one of shared, all, got 'half'"):
        win_rates([[1, 2]], "half")


@pytest.mark.parametrize(("call", "says"), [
    (lambda: compare([[0.9, 0.5]], ["l3"], ["a"]), r"values must be an array of 1 networks x 1 methods, got shape \(1, 2\)"),
    (lambda: compare([0.9, 0.5], ["l3", "pa"], ["a"]), r"values must be an array of 1 networks x 2 methods, got shape \(2,\)"),
    (lambda: nadeau_bengio([0.5, 0.6], -0.1), "test_share must be at least 0, got -0.1"),
    (lambda: nadeau_bengio([0.5, 0.6], 0.1, confidence=95), r"confidence must lie in \(0, 1\), got 95"),
    (lambda: nadeau_bengio([[0.5, 0.6]], 0.1), r"values must be one number a repeat, got an array of shape \(1, 2\)")])
def test_what_does_not_fit_is_named(call, says):
    with pytest.raises(ValueError, match=says):
        call()
