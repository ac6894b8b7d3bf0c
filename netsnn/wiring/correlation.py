"""Wiring from the correlations of the inputs: SSCTI for spikes, CSTI for analog samples."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from netsnn.errors import check_within
from netsnn.graph import Layer, _check_shape
from netsnn.hints import Seed, generator
from netsnn.threads import one_blas_thread
from netsnn.wiring.counts import check_amount, link_count

__all__ = ["csti", "phi", "sscti"]

EXACT = 2**24  # whole numbers up to here are exact in float32, and so are sums of that many spikes
BLOCK = 2**24  # spikes turned to float32 at a time: 64 MiB
ROOM = 3_037_000_499  # the square root of 2**63: n * a_ij fits int64 for up to this many observations


def phi(spikes: Any) -> np.ndarray:
    """Phi coefficients of all pairs of binary inputs: sqrt(chi2 / (2 n)) of their 2 x 2 tables over n observations.

    With p_i the number of observations in which i fires and a_ij in which both do,
    chi2_ij = n (n a_ij - p_i p_j)^2 / (p_i (n - p_i) p_j (n - p_j)), without Yates' correction. This makes phi
    |Pearson r| / sqrt(2): ranking by phi is ranking by |r|. Inputs that never change have phi 0, and so has an input
    with itself.

    Parameters
    ----------
    spikes : array, or iterable of arrays
        (samples, time, inputs) or (observations, inputs) of 0 and 1. An iterable is read batch by batch.

    Returns
    -------
    (inputs, inputs) array, symmetric

    References
    ----------
    CH-SNN, arXiv 2511.05581 (2025), section on SSCTI.

    Examples
    --------
    >>> phi(np.array([[0, 0, 1], [1, 1, 1], [1, 1, 1], [0, 1, 1]])).round(3)
    array([[0.   , 0.408, 0.   ],
           [0.408, 0.   , 0.   ],
           [0.   , 0.   , 0.   ]])
    """
    return _spike_correlation(*_spike_counts(spikes)) / np.sqrt(2)


def sscti(spikes: Any, n_out: int | None = None, *, beta: float | None = None, density: float | None = None,
          sparsity: float | None = None, links: int | None = None, seed: Seed = None) -> Layer:
    """Sparse spike correlated topological initialisation (SSCTI): link each input to the copies of those it fires with.

    Hidden neuron h stands for input h mod inputs. The links are the pairs (i, h) with the largest phi(i, h mod inputs),
    exactly as many as asked for; equal values are chosen among at random by the seed. If fewer pairs are correlated
    than links wanted, the others are drawn uniformly; an input links to its own copy only when nothing else is left.
    Memory is O(inputs^2), whatever the number of samples.

    Parameters
    ----------
    spikes : array, or iterable of arrays
        (samples, time, inputs) or (observations, inputs) of 0 and 1; every step of every sample is one observation.
    n_out : int, or beta : float
        Hidden neurons: n_out, or round(beta * inputs).
    density, sparsity, links
        One of them, as in `erdos_renyi`.
    seed : int or numpy Generator

    References
    ----------
    CH-SNN, arXiv 2511.05581 (2025).

    Examples
    --------
    >>> spikes = np.random.default_rng(0).random((50, 8, 20)) < 0.3
    >>> sscti(spikes, beta=1.5, sparsity=0.9, seed=0)
    Layer(20 -> 30, 60 links, density 10%)
    """
    _check_request(n_out, beta, density, sparsity, links)
    similarity = _spike_correlation(*_spike_counts(spikes))
    size = _size(len(similarity), n_out, beta, density, sparsity, links)
    # counts are exact, so equal values differ by the last bits of one division and one root at most
    return _link_the_most_similar(similarity, *size, generator(seed), rtol=2.0**-48, atol=0.0)


def csti(samples: Any, n_out: int | None = None, *, beta: float | None = None, density: float | None = None,
         sparsity: float | None = None, links: int | None = None, seed: Seed = None) -> Layer:
    """Correlated sparse topological initialisation (CSTI): as `sscti`, from the |Pearson r| of analog inputs.

    Correlations within 1e-12 of each other are ties, and those below 1e-12 are none: so much is rounding.

    Parameters
    ----------
    samples : array, or iterable of arrays
        (observations, inputs); an iterable is read batch by batch.
    n_out, beta, density, sparsity, links, seed
        As in `sscti`.

    References
    ----------
    Zhang et al. (2024), Epitopological learning and Cannistraci-Hebb network shape intelligence, ICLR.

    Examples
    --------
    >>> samples = np.random.default_rng(0).normal(size=(100, 20))
    >>> csti(samples, n_out=20, sparsity=0.9, seed=0)
    Layer(20 -> 20, 40 links, density 10%)
    """
    _check_request(n_out, beta, density, sparsity, links)
    similarity = _pearson(samples)
    size = _size(len(similarity), n_out, beta, density, sparsity, links)
    return _link_the_most_similar(similarity, *size, generator(seed), rtol=0.0, atol=1e-12)


def _check_request(n_out: int | None, beta: float | None, density: float | None, sparsity: float | None, links: int | None) -> None:
    """All that can be checked before hours of samples are read."""
    if (n_out is None) == (beta is None):
        raise ValueError(f"give one of n_out and beta, got {'none' if n_out is None else 'both'}")
    if beta is not None:
        check_within("beta", beta, "(0, inf)")
    if n_out is not None:
        _check_shape((0, n_out))
    check_amount(density, sparsity, links)


def _size(inputs: int, n_out: int | None, beta: float | None, density: float | None, sparsity: float | None, links: int | None) -> tuple[int, int]:
    """(n_out, number of links)."""
    n_out = n_out if beta is None else round(beta * inputs)
    assert n_out is not None  # one of the two was given
    return link_count(inputs, n_out, density, sparsity, links)[1:]


def _link_the_most_similar(similarity: np.ndarray, n_out: int, count: int, rng: np.random.Generator, *,
                           rtol: float, atol: float) -> Layer:
    """The `count` pairs (i, h) with the largest similarity[i, h mod inputs]; ties and pairs of similarity 0 at random.

    Two values next to each other in the order are ties if they differ by at most rtol * value + atol. (Rounding all
    values to a grid would not do: equal ones, apart by rounding, may lie on two sides of a grid line.)
    """
    inputs = len(similarity)
    if not count:
        return Layer.from_edges([], [], (inputs, n_out))
    value = similarity.copy()
    np.fill_diagonal(value, -1.0)  # an input and its own copies come last of all
    copies = np.full(inputs, n_out // inputs)
    copies[:n_out % inputs] += 1
    order = np.argsort(-value, axis=None, kind="stable")
    ranked = value.ravel()[order]
    edge = np.searchsorted(np.cumsum(copies[order % inputs]), count)  # the pair whose copies complete the count
    steps = np.flatnonzero(ranked[:-1] - ranked[1:] > rtol * np.abs(ranked[:-1]) + atol) + 1
    nth = np.searchsorted(steps, edge, side="right")  # ties of the edge stand between two steps
    first, last = steps[nth - 1] if nth else 0, steps[nth] if nth < len(steps) else len(order)
    row, col = _with_copies(order[:first], inputs, n_out)
    tied_row, tied_col = _with_copies(np.sort(order[first:last]), inputs, n_out)
    some = rng.choice(len(tied_row), count - len(row), replace=False)
    row, col = np.concatenate([row, tied_row[some]]), np.concatenate([col, tied_col[some]])
    return Layer.from_edges(row, col, (inputs, n_out))


def _with_copies(pairs: np.ndarray, inputs: int, n_out: int) -> tuple[np.ndarray, np.ndarray]:
    """Every (i, h) with h mod inputs = j and h < n_out, of the pairs i * inputs + j."""
    row, col = np.divmod(pairs, inputs)
    rows, cols = [row[:0]], [col[:0]]
    for h in range(0, n_out, inputs):
        inside = col + h < n_out
        rows.append(row[inside])
        cols.append(col[inside] + h)
    return np.concatenate(rows), np.concatenate(cols)


def _spike_counts(spikes: Any) -> tuple[int, np.ndarray]:
    """(n, a): the number of observations, and in how many of them each two inputs fire together."""
    n = 0
    together: np.ndarray | None = None
    for number, batch in enumerate(_batches(spikes)):
        fired = batch != 0
        if batch.dtype != bool:
            wrong = np.argwhere(fired & (batch != 1))
            if len(wrong):
                where, which = wrong[0].tolist()
                raise ValueError(f"spikes must be 0 or 1, got {batch[where, which]} in batch {number}, "
                                 f"observation {where}, input {which}")
        if together is None:
            together = np.zeros((batch.shape[1],) * 2, dtype=np.int64)
        _check_width(batch, together, number)
        step = min(EXACT, max(1, BLOCK // max(batch.shape[1], 1)))
        for first in range(0, len(fired), step):
            part = fired[first:first + step].astype(np.float32)
            together += (part.T @ part).astype(np.int64)
        n += len(fired)
    if together is None or not n:
        raise ValueError("no spikes: at least one observation is needed")
    return n, together


def _spike_correlation(n: int, together: np.ndarray) -> np.ndarray:
    """sqrt(chi2 / n) = |n a_ij - p_i p_j| / sqrt(p_i (n - p_i) p_j (n - p_j)); 0 for i = j and for constant inputs."""
    if n > ROOM:
        together = together.astype(object)  # Python's integers do not overflow
    p = np.diag(together)
    numerator = np.abs(n * together - np.outer(p, p)).astype(np.float64)
    spread = (p * (n - p)).astype(np.float64)
    return _ratio(numerator, np.sqrt(np.outer(spread, spread)))


def _pearson(samples: Any) -> np.ndarray:
    """|Pearson r| of all pairs of features; 0 for i = j and where a feature never changes.

    Means and products about them are merged batch by batch (Chan, Golub, LeVeque 1983), which cancels no digits
    whatever the features' means and however these drift.
    """
    n = 0
    for number, batch in enumerate(_batches(samples)):
        batch = batch.astype(np.float64)
        if not np.isfinite(batch).all():
            where, which = np.argwhere(~np.isfinite(batch))[0].tolist()
            raise ValueError(f"samples must be finite, got {batch[where, which]} in batch {number}, "
                             f"observation {where}, input {which}")
        if number == 0:
            mean, products = np.zeros(batch.shape[1]), np.zeros((batch.shape[1],) * 2)
            low, high = np.full(len(mean), np.inf), np.full(len(mean), -np.inf)
        _check_width(batch, products, number)
        if not len(batch):
            continue
        low, high = np.minimum(low, batch.min(axis=0)), np.maximum(high, batch.max(axis=0))
        with np.errstate(over="ignore", invalid="ignore"):  # told below
            middle = batch.mean(axis=0)
            middle += (batch - middle).mean(axis=0)  # what rounding left out of the mean
            batch -= middle
            away, both = middle - mean, n + len(batch)
            with one_blas_thread():
                products += batch.T @ batch
            products += np.outer(away, away) * (n * len(batch) / both)
            mean += away * (len(batch) / both)
        n = both
    if not n:
        raise ValueError("no samples: at least one observation is needed")
    if not np.isfinite(products).all():
        raise ValueError("samples are too large: their squares exceed float64; divide them by a constant")
    products = (products + products.T) / 2  # BLAS need not sum (i, j) and (j, i) alike
    deviation = np.sqrt(np.diag(products))
    deviation[low == high] = 0.0  # rounding may leave a constant a tiny deviation
    return _ratio(np.abs(products), np.outer(deviation, deviation))


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    """numerator / denominator; 0 where that is 0 / 0, and on the diagonal."""
    ratio = np.divide(numerator, denominator, out=np.zeros_like(denominator), where=denominator > 0)
    np.fill_diagonal(ratio, 0.0)
    return ratio


def _batches(data: Any) -> Iterator[np.ndarray]:
    """Two-dimensional batches (observations, inputs) of an array or of an iterable of arrays."""
    whole = isinstance(data, np.ndarray) or hasattr(data, "__array__")
    if not whole and not isinstance(data, Iterable):
        raise ValueError(f"need an array or an iterable of arrays, got {type(data).__name__}")
    for batch in [data] if whole else data:
        batch = np.asarray(batch)
        if batch.ndim not in (2, 3) or batch.dtype.kind not in "biuf":
            raise ValueError("a batch must be a numeric array (samples, time, inputs) or (observations, inputs), "
                             f"got {batch.dtype} of shape {batch.shape}")
        yield batch.reshape(math.prod(batch.shape[:-1]), batch.shape[-1])  # -1 is undefined for 0 inputs


def _check_width(batch: np.ndarray, square: np.ndarray, number: int) -> None:
    if batch.shape[1] != len(square):
        raise ValueError(f"batch {number} has {batch.shape[1]} inputs, the batches before it {len(square)}")
