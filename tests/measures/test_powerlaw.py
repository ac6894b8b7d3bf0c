import numpy as np
import pytest
import scipy.optimize
import scipy.special
from hypothesis import given, settings
from hypothesis import strategies as st

from netsnn.measures import power_law
from tests.measures.test_measures import GOLDEN, MASKS


def draw(gamma, low, size, seed):
    """Exactly from the discrete law, by its distribution function."""
    x = np.arange(low, 10**6)
    return x[np.minimum(np.searchsorted(np.cumsum(x**-gamma) / scipy.special.zeta(gamma, low), np.random.default_rng(seed).random(size)), len(x) - 1)]


def test_zeta_is_hurwitzs():
    from netsnn.kernels.powerlaw import hurwitz

    for s in (1.01, 1.5, 2.5, 5, 9.9):
        for q in (1, 2, 7, 50, 1000):
            assert hurwitz(s, float(q)) == pytest.approx(scipy.special.zeta(s, q), rel=1e-11)


@pytest.mark.parametrize(("gamma", "low"), [(2.1, 1), (2.5, 4), (3.2, 2)])
def test_the_exponent_is_recovered_and_the_fit_is_the_most_likely(gamma, low):
    values = draw(gamma, low, 20_000, 0)
    fit = power_law(values, xmin=low)
    assert fit.gamma == pytest.approx(gamma, abs=0.04) and fit.tail == 20_000
    cost = lambda g: g * np.log(values).sum() + len(values) * np.log(scipy.special.zeta(g, low))
    assert fit.gamma == pytest.approx(scipy.optimize.minimize_scalar(cost, bounds=(1.2, 6), method="bounded", options={"xatol": 1e-10}).x, abs=1e-6)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=2, max_size=60).filter(lambda x: len(set(x)) > 1))
def test_the_cut_off_is_that_of_least_distance_over_all_whole_numbers(values):
    values = np.array(values)
    fit = power_law(values)
    best = np.inf
    for low in sorted(set(values.tolist()))[:-1]:
        tail = values[values >= low]
        cost = lambda g: g * np.log(tail).sum() + len(tail) * np.log(scipy.special.zeta(g, low))
        g = scipy.optimize.minimize_scalar(cost, bounds=(1 + 1e-6, 10), method="bounded", options={"xatol": 1e-10}).x
        x = np.arange(low, tail.max() + 1)
        law = np.cumsum(x**-g) / scipy.special.zeta(g, low)
        seen = np.searchsorted(np.sort(tail), x, side="right") / len(tail)
        best = min(best, np.abs(law - seen).max())
    assert fit.distance == pytest.approx(best, abs=1e-6)


def test_golden_fits_of_the_package_powerlaw():
    both = lambda name: np.concatenate([MASKS[f"mask_{name}"].sum(axis=i) for i in (0, 1)]).astype(int)
    gamma, xmin, distance = GOLDEN["chunglu_200x150"]["powerlaw"]
    fit = power_law(both("chunglu_200x150"))
    assert (fit.gamma, fit.xmin, fit.distance) == pytest.approx((gamma, xmin, distance), abs=2e-5)
    gamma, xmin, distance = GOLDEN["er_100x80"]["powerlaw"]  # the package allows no exponent above 3, which moves the cut-off
    fit = power_law(both("er_100x80"), xmin=int(xmin))
    assert (fit.gamma, fit.distance) == pytest.approx((gamma, distance), abs=2e-5)
    assert np.isnan(power_law(MASKS["mask_dense_6x5"].sum(axis=0).astype(int)).gamma)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", range(3))
def test_the_package_powerlaw_agrees(seed):
    package = pytest.importorskip("powerlaw")
    values = np.floor(3 * np.random.default_rng(seed).pareto(1.6, 1500) + 3.5).astype(int)
    fit = power_law(values)
    theirs = package.Fit(values, discrete=True, estimate_discrete=False, verbose=False)
    assert fit.xmin == theirs.xmin and fit.gamma == pytest.approx(theirs.power_law.alpha, abs=1e-4) and fit.distance == pytest.approx(theirs.power_law.D, abs=1e-5)
    ratio, p = theirs.distribution_compare("power_law", "exponential")
    exponential = fit.alternatives[1]
    assert exponential.log_ratio == pytest.approx(ratio, rel=1e-3) and exponential.p == pytest.approx(p, rel=0.05)
    # of the lognormal the package finds a fit that is no more likely than ours
    assert fit.alternatives[0].log_ratio <= theirs.distribution_compare("power_law", "lognormal")[0] + 0.01


def test_p_is_large_for_power_laws_and_small_for_others():
    law = power_law(draw(2.5, 2, 1000, 1), samples=200, seed=0)
    other = power_law(np.random.default_rng(0).poisson(20, 1000), xmin=10, samples=200, seed=0)
    assert law.p > 0.1 > 0.02 > other.p
    assert power_law(draw(2.5, 2, 1000, 1), samples=200, seed=0) == law
    assert other.alternatives[0].log_ratio < 0 and other.alternatives[0].p < 0.01  # a lognormal fits better


def test_p_of_power_laws_is_uniform():
    """Twenty samples of a true power law: their p-values are spread, not heaped."""
    p = [power_law(draw(2.3, 1, 300, seed), samples=60, seed=seed).p for seed in range(20)]
    assert np.mean(p) == pytest.approx(0.5, abs=0.25) and min(p) < 0.5 < max(p)


def test_what_cannot_be_fitted_is_nan_and_wrong_values_are_named():
    for values in ([], [0, 0], [3, 3, 3], [5]):
        fit = power_law(np.array(values, dtype=int))
        assert fit.tail == 0 and np.isnan(fit.gamma) and fit.alternatives == ()
    for values, message in (([1.5, 2], "whole numbers of at least 0"), ([-1, 2], "whole numbers of at least 0")):
        with pytest.raises(ValueError, match=message):
            power_law(values)
    for more, message in (({"samples": -1}, "samples must be a whole number of at least 0, got -1"), *(
            ({"xmin": value}, f"xmin must be a whole number of at least 1, got {value!r}") for value in ("a", np.inf, 0, 1.5)), *(
            ({"steepest": value}, f"steepest must .*, got {value!r}") for value in ("a", np.inf, 1))):
        with pytest.raises(ValueError, match=message):
            power_law([1, 2], **more)
    assert power_law([1, 2, 2, 5], xmin=2.0).gamma == power_law([1, 2, 2, 5], xmin=2).gamma


def test_a_given_cut_off_below_the_least_value_is_kept():
    """The power law from xmin = 1 on, though no value is below 5: another likelihood than from 5 on."""
    values = draw(3.0, 5, 500, 0)
    fit = power_law(values, xmin=1)
    from scipy.optimize import minimize_scalar
    from scipy.special import zeta

    best = minimize_scalar(lambda g: np.log(zeta(g, 1)) + g * np.log(values).mean(), bounds=(1.01, 9), method="bounded")
    assert fit.xmin == 1 and fit.tail == 500 and fit.gamma == pytest.approx(best.x, abs=1e-4) and fit.distance > 0.4
