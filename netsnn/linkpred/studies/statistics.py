"""Comparing methods over repeats of one network and over many networks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import scipy.stats
from numpy.typing import ArrayLike

from netsnn.errors import check_within
from netsnn.hints import Seed, generator

__all__ = ["TIES", "Comparison", "Interval", "Pair", "bootstrap", "compare", "critical_difference", "holm", "mean_ranks", "nadeau_bengio",
           "rank_biserial", "win_rates"]

TIES = {"shared": "methods that tie for the best share the win", "all": "every method that ties for the best wins (rates add up to more than 1)"}


class Interval(NamedTuple):
    """A mean and its 95 % interval."""

    mean: float
    low: float
    high: float


class Pair(NamedTuple):
    """Two methods over the same networks: what a differs from b."""

    a: str
    b: str
    median_difference: float
    wins: int
    ties: int
    losses: int
    effect: float
    p: float
    p_holm: float


@dataclass(frozen=True, eq=False)
class Comparison:
    """Methods compared over networks; the network is the unit. Arrays follow `methods`.

    `values` are networks x methods; `left_out` names networks without a value for every method. `friedman_p` is NaN for fewer than
    three methods or two networks.
    """

    methods: tuple[str, ...]
    networks: tuple[str, ...]
    left_out: tuple[str, ...]
    values: np.ndarray
    mean: list[Interval]
    rank: list[Interval]
    win_rate: np.ndarray
    win_rule: str
    friedman: float
    friedman_p: float
    critical_difference: float
    pairs: list[Pair]


def nadeau_bengio(values: ArrayLike, test_share: float, confidence: float = 0.95) -> Interval:
    """Mean over repeated random splits, with an interval that allows for the overlap of their training sets.

    The variance of the mean is s^2 (1 / R + n_test / n_train), not s^2 / R: R repeats of 10 % hidden links give no R independent values.

    Parameters
    ----------
    values : array
        One value a repeat.
    test_share : float
        n_test / n_train: 1 / 9 where 10 % are hidden.
    confidence : float
        Of the interval.

    References
    ----------
    Nadeau, Bengio (2003), Machine Learning 52:239, eq. 9.

    Examples
    --------
    >>> interval = nadeau_bengio([0.50, 0.52, 0.51, 0.55], 1 / 9)
    >>> [round(x, 3) for x in interval]
    [0.52, 0.479, 0.561]
    """
    check_within("test_share", test_share, "[0, inf)")
    check_within("confidence", confidence, "(0, 1)")
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1:
        raise ValueError(f"values must be one number a repeat, got an array of shape {values.shape}")
    n = len(values)
    if n < 2:
        return Interval(float(values.mean()) if n else float("nan"), float("nan"), float("nan"))
    half = scipy.stats.t.ppf((1 + confidence) / 2, n - 1) * np.sqrt(values.var(ddof=1) * (1 / n + test_share))
    return Interval(float(values.mean()), float(values.mean() - half), float(values.mean() + half))


def mean_ranks(values: ArrayLike) -> np.ndarray:
    """Mean rank of each method (column) over networks (rows): 1 is best, ties share the mean of their ranks.

    >>> mean_ranks([[0.9, 0.5, 0.5], [0.8, 0.9, 0.1]])
    array([1.5 , 1.75, 2.75])
    """
    return scipy.stats.rankdata(-_rounded(values), axis=1).mean(axis=0)


def win_rates(values: ArrayLike, ties: str = "shared") -> np.ndarray:
    """Share of networks (rows) on which each method (column) is the best; see `TIES`.

    >>> win_rates([[0.9, 0.5, 0.9], [0.8, 0.9, 0.1]])
    array([0.25, 0.5 , 0.25])
    >>> win_rates([[0.9, 0.5, 0.9], [0.8, 0.9, 0.1]], ties="all")
    array([0.5, 0.5, 0.5])
    """
    if ties not in TIES:
        raise ValueError(f"ties must be one of {', '.join(TIES)}, got {ties!r}")
    values = _rounded(values)
    best = (values == values.max(axis=1, keepdims=True)).astype(np.float64)
    return (best / best.sum(axis=1, keepdims=True) if ties == "shared" else best).mean(axis=0)


def holm(p: ArrayLike) -> np.ndarray:
    """Holm's step-down correction of several p-values, in their order.

    >>> holm([0.01, 0.04, 0.03])
    array([0.03, 0.06, 0.06])
    """
    p = np.asarray(p, dtype=np.float64)
    order = np.argsort(p)
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    out = np.empty(len(p))
    out[order] = np.minimum(stepped, 1)
    return out


def rank_biserial(differences: ArrayLike) -> float:
    """Matched-pairs rank-biserial correlation: signed ranks for less signed ranks against, over their sum. 1: always better.

    Zero differences are left out (Kerby 2014).

    >>> rank_biserial([0.1, 0.2, -0.05])
    0.6666666666666666
    """
    differences = _rounded(differences)
    differences = differences[differences != 0]
    if not len(differences):
        return 0.0
    ranks = scipy.stats.rankdata(np.abs(differences))
    return float((ranks * np.sign(differences)).sum() / ranks.sum())


def critical_difference(n_methods: int, n_networks: int, alpha: float = 0.05) -> float:
    """Nemenyi's critical difference of two mean ranks (Demsar 2006): q sqrt(k (k + 1) / (6 N)).

    >>> round(critical_difference(4, 14), 3)
    1.254
    """
    if n_methods < 2 or n_networks < 2:
        return float("nan")
    q = scipy.stats.studentized_range.ppf(1 - alpha, n_methods, np.inf) / np.sqrt(2)
    return float(q * np.sqrt(n_methods * (n_methods + 1) / (6 * n_networks)))


def bootstrap(values: ArrayLike, statistic: Callable[[np.ndarray], np.ndarray], *, draws: int = 2000, confidence: float = 0.95, seed: Seed = 0) -> list[Interval]:
    """`statistic` (one number a column) of the networks (rows), with percentile intervals from drawing networks anew."""
    values = np.asarray(values, dtype=np.float64)
    if len(values) < 2:  # one network tells nothing of others
        return [Interval(float(m), float("nan"), float("nan")) for m in statistic(values)]
    rng = generator(seed)
    found = np.array([statistic(values[rng.integers(len(values), size=len(values))]) for _ in range(draws)])
    low, high = np.quantile(found, [(1 - confidence) / 2, (1 + confidence) / 2], axis=0)
    return [Interval(float(m), float(a), float(b)) for m, a, b in zip(statistic(values), low, high)]


def compare(values: ArrayLike, methods: Sequence[str], networks: Sequence[str], *, ties: str = "shared", seed: Seed = 0) -> Comparison:
    """All comparisons of methods (columns) over networks (rows) at once; rows with a NaN are left out, and named.

    Parameters
    ----------
    values : (networks, methods) array
        Of a metric, the larger the better.
    methods, networks : names of the columns and rows
    ties : str
        See `TIES`: whether methods that tie for the best share the win.
    seed : int or numpy Generator
        Of the bootstrap over networks.

    References
    ----------
    Demsar (2006), Statistical comparisons of classifiers over multiple data sets, J. Mach. Learn. Res. 7:1 (mean ranks, Friedman, critical difference).
    Holm (1979), Scand. J. Statist. 6:65 (the pairs' p-values).

    Examples
    --------
    >>> found = compare([[0.9, 0.5], [0.8, 0.7], [0.6, 0.3]], ["l3", "pa"], ["a", "b", "c"])
    >>> found.win_rate.tolist(), found.pairs[0].wins, found.pairs[0].median_difference
    ([1.0, 0.0], 3, 0.3)
    """
    values, methods, networks = np.asarray(values, dtype=np.float64), tuple(methods), tuple(networks)
    if values.shape != (len(networks), len(methods)):
        raise ValueError(f"values must be an array of {len(networks)} networks x {len(methods)} methods, got shape {values.shape}")
    whole = ~np.isnan(values).any(axis=1)
    names, left_out = (tuple(name for name, kept in zip(networks, which) if kept) for which in (whole, ~whole))
    values = values[whole]
    if not len(values) or not methods:
        raise ValueError("no network has a value for every method: nothing to compare")
    several = len(values) > 1 and len(methods) > 2
    rounded = _rounded(values)
    alike = np.ptp(rounded, axis=1).max() == 0
    chi2, p = scipy.stats.friedmanchisquare(*rounded.T) if several and not alike else (float("nan"), float("nan"))
    ranks = scipy.stats.rankdata(-rounded, axis=1)  # a network's ranks are its own: no need to rank it anew in each draw
    mean = lambda x: x.mean(axis=0)
    return Comparison(
        methods, names, left_out, values, bootstrap(values, mean, seed=seed), bootstrap(ranks, mean, seed=seed),
        win_rates(values, ties), TIES[ties], float(chi2), float(p), critical_difference(len(methods), len(values)), _pairs(values, methods))


def _pairs(values: np.ndarray, methods: tuple[str, ...]) -> list[Pair]:
    """Every two methods, the better (by mean rank) first; Wilcoxon signed-rank p, Holm-corrected over all of them."""
    order = np.argsort(mean_ranks(values), kind="stable")
    found = []
    for i, a in enumerate(order):
        for b in order[i + 1:]:
            difference = _rounded(values[:, a] - values[:, b])
            p = _signed_rank_p(difference)
            found.append((methods[a], methods[b], float(np.median(difference)), int((difference > 0).sum()), int((difference == 0).sum()),
                          int((difference < 0).sum()), rank_biserial(difference), p))
    corrected = holm([row[-1] for row in found])
    return [Pair(*row, float(q)) for row, q in zip(found, corrected)]


def _signed_rank_p(difference: np.ndarray) -> float:
    """Wilcoxon's signed-rank p, two-sided, zeros ranked but not counted (Pratt): exact given the ties for up to 50 networks."""
    if not (difference != 0).any():
        return 1.0
    if len(difference) > 50:
        return float(scipy.stats.wilcoxon(difference, zero_method="pratt", method="asymptotic").pvalue)
    ranks = np.round(2 * scipy.stats.rankdata(np.abs(difference))).astype(np.int64)  # twice: tied ranks may end in .5
    ranks, sign = ranks[difference != 0], difference[difference != 0]
    law = np.zeros(ranks.sum() + 1)  # of the sum of positive ranks, each sign a fair coin
    law[0] = 1.0
    for rank in ranks:
        law = (law + np.concatenate([np.zeros(rank), law[:len(law) - rank]])) / 2
    away = abs(2 * int(ranks[sign > 0].sum()) - int(ranks.sum()))
    return float(min(1.0, law[np.abs(2 * np.arange(len(law)) - int(ranks.sum())) >= away].sum()))


def _rounded(values: ArrayLike) -> np.ndarray:
    """To 12 digits: what rounding makes of equal values is no difference."""
    return np.round(np.asarray(values, dtype=np.float64), 12)
