"""Is a degree distribution a power law? Fit, goodness of fit, and better alternatives."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import NamedTuple

import numpy as np
import scipy.optimize
import scipy.special
from numpy.typing import ArrayLike

from netsnn.errors import check_whole, check_within
from netsnn.hints import Seed
from netsnn.measures.checks import generators
from netsnn.threads import run

__all__ = ["Alternative", "PowerLaw", "power_law"]

STEEPEST = 10.0  # the largest exponent of the Cannistraci group's programs; a steeper tail is nearly one value


class Alternative(NamedTuple):
    """Another distribution of the same tail, and Vuong's test against it.

    log_ratio > 0 favours the power law; p tells whether its sign can be trusted.
    """

    name: str
    parameters: tuple[float, ...]
    log_ratio: float
    p: float


@dataclass(frozen=True)
class PowerLaw:
    """P(x) = x^-gamma / zeta(gamma, xmin) for x >= xmin, fitted to `tail` values.

    p is the share of synthetic samples that fit their own power law worse: below 0.1 the power law is ruled out (Clauset et al.);
    NaN if no samples were asked for. All is NaN, and tail 0, where the values leave nothing to fit (fewer than two distinct ones).
    """

    gamma: float
    xmin: float
    distance: float
    tail: int
    p: float
    alternatives: tuple[Alternative, ...]


def power_law(values: ArrayLike, *, xmin: int | None = None, samples: int = 0, steepest: float = STEEPEST, alternatives: bool = True, seed: Seed = 0) -> PowerLaw:
    """Fit a discrete power law to the upper tail of whole numbers, such as degrees; zeros do not count.

    Exponent by maximum likelihood; the tail begins at the value that makes the Kolmogorov-Smirnov distance least. A claim of scale
    freeness needs more than gamma: a p of at least 0.1 (`samples=1000`), and alternatives that fit no better.

    Parameters
    ----------
    values : whole numbers of at least 0
    xmin : int, optional
        A given beginning of the tail.
    samples : int
        Synthetic data sets for p: the tail drawn from the fit, the rest from the values below, and each fitted anew
        (semi-parametric bootstrap). 1000 give p to about 0.01.
    steepest : float
        The largest exponent allowed. (The package `powerlaw` allows 3 by default, and so begins narrow distributions' tails elsewhere.)

    alternatives : bool
        Whether to fit the other distributions too: they take most of the time.

    References
    ----------
    Clauset, Shalizi, Newman (2009), SIAM Rev. 51:661.

    Examples
    --------
    >>> values = np.floor(3 * np.random.default_rng(0).pareto(1.5, 5000) + 3.5).astype(int)
    >>> fit = power_law(values)
    >>> round(fit.gamma, 1), [a.name for a in fit.alternatives]
    (2.5, ['lognormal', 'exponential'])
    """
    values = np.asarray(values)
    if values.ndim != 1 or values.dtype.kind not in "biuf" or (values.size and (values.dtype.kind not in "iu" and (values % 1).any())) or (values < 0).any():
        raise ValueError("a power law of degrees needs whole numbers of at least 0")
    check_whole("samples", samples, 0)
    check_within("steepest", steepest, "(1, inf)")
    if xmin is not None:
        check_whole("xmin", int(xmin) if isinstance(xmin, Real) and xmin % 1 == 0 else xmin, 1)  # 5.0 is as good as 5
    values = values[values >= (1 if xmin is None else xmin)].astype(np.int64)
    given = 0.0 if xmin is None else float(xmin)
    gamma, low, distance, tail = _fit(values, given, steepest)
    if not tail:
        return PowerLaw(float("nan"), float("nan"), float("nan"), 0, float("nan"), ())
    p = _bootstrap(values, (gamma, low, distance), given, steepest, int(samples), seed) if samples else float("nan")
    upper = values[values >= low]
    return PowerLaw(gamma, low, distance, tail, p, _alternatives(upper, gamma, low) if alternatives else ())


def _fit(values: np.ndarray, given: float, steepest: float) -> tuple[float, float, float, int]:
    from netsnn.kernels.powerlaw import fit_tail

    distinct, counts = np.unique(values, return_counts=True)
    out = np.empty(4)
    fit_tail(distinct.astype(np.float64), counts.astype(np.float64), steepest, given, out)
    return (float(out[0]), float(out[1]), float(out[2]), int(out[3])) if out[3] else (float("nan"),) * 3 + (0,)


def _bootstrap(values: np.ndarray, fit: tuple[float, float, float], given: float, steepest: float, samples: int, seed: Seed) -> float:
    gamma, low, distance = fit
    below, size = values[values < low], len(values)
    share = (size - len(below)) / size
    # the fit's distribution function as a table, long enough to hold all but 1e-6; beyond, the tail is inverted as if continuous
    table = np.arange(low, low + 2**16)
    norm = scipy.special.zeta(gamma, low)
    reach = np.cumsum(table**-gamma) / norm
    edge = float(table[-1])

    def worse(generator: np.random.Generator) -> bool:
        k = int(generator.binomial(size, share))
        u = generator.random(k)
        drawn = low + np.searchsorted(reach, u, side="right")
        beyond = drawn > edge
        drawn[beyond] = np.floor((edge + 1) * ((1 - u[beyond]) / (1 - reach[-1])) ** (-1 / (gamma - 1)))
        rest = generator.choice(below, size - k) if len(below) else np.empty(0, dtype=np.int64)
        return _fit(np.concatenate([drawn.clip(max=2**53).astype(np.int64), rest]), given, steepest)[2] >= distance

    found = list(run(worse, generators(seed, samples)))
    return float(np.mean(found))


def _alternatives(values: np.ndarray, gamma: float, low: float) -> tuple[Alternative, ...]:
    x, counts = np.unique(values, return_counts=True)
    law = -gamma * np.log(x) - np.log(scipy.special.zeta(gamma, low))
    rate = np.log1p(1 / (values.mean() - low)) if values.mean() > low else np.inf
    exponential = np.log(-np.expm1(-rate)) - rate * (x - low)
    mu, sigma = _fit_lognormal(x, counts, low)
    return (_against("lognormal", (mu, sigma), law, _lognormal(x, low, mu, sigma), counts), _against("exponential", (float(rate),), law, exponential, counts))


def _against(name: str, parameters: tuple, law: np.ndarray, other: np.ndarray, counts: np.ndarray) -> Alternative:
    """Vuong's test of two likelihoods over the same values."""
    difference, n = law - other, counts.sum()
    ratio = float(counts @ difference)
    spread = np.sqrt(counts @ (difference - ratio / n) ** 2 / n)
    p = float(scipy.special.erfc(abs(ratio) / (np.sqrt(2 * n) * spread))) if spread > 0 else 1.0
    return Alternative(name, tuple(float(v) for v in parameters), ratio, p)


def _lognormal(x: np.ndarray, low: float, mu: float, sigma: float) -> np.ndarray:
    """ln P of a lognormal rounded to whole numbers, cut at `low`."""
    above = lambda value: scipy.special.log_ndtr(-(np.log(value) - mu) / sigma)
    near, far = above(x - 0.5), above(x + 0.5)
    return near + np.log(-np.expm1(np.minimum(far - near, -1e-300))) - above(low - 0.5)


def _fit_lognormal(x: np.ndarray, counts: np.ndarray, low: float) -> tuple[float, float]:
    logs = np.log(x)
    mean = counts @ logs / counts.sum()
    start = [mean, np.log(np.sqrt(counts @ (logs - mean) ** 2 / counts.sum()) + 0.1)]

    def cost(parameters: np.ndarray) -> float:
        sigma = np.exp(np.clip(parameters[1], -5, 3))
        with np.errstate(divide="ignore"):
            value = -(counts @ _lognormal(x, low, parameters[0], sigma))
        return value if np.isfinite(value) else 1e12

    best = min((scipy.optimize.minimize(cost, [m, start[1] + s], method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-9, "maxiter": 4000})
                for m, s in ((start[0], 0.0), (start[0] - 2, 0.7))), key=lambda found: found.fun)
    return float(best.x[0]), float(np.exp(np.clip(best.x[1], -5, 3)))
