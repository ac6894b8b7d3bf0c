"""Wiring from the correlations of the inputs: SSCTI for spikes, CSTI for analog samples."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from netsnn.graph import Layer
from netsnn.wiring.counts import link_count

__all__ = ["csti", "phi", "sscti"]

EXACT = 2**24  # whole numbers up to here are exact in float32, and so are sums of that many spikes


def phi(spikes) -> np.ndarray:
    """Phi coefficients of all pairs of binary inputs: sqrt(chi2 / (2 n)) of their 2 x 2 tables over n observations.

    With p_i the number of observations in which i fires and a_ij in which both do,
    chi2_ij = n (n a_ij - p_i p_j)^2 / (p_i (n - p_i) p_j (n - p_j)): a constant times the squared Pearson correlation, so that
    ranking by phi is ranking by |r|. Inputs that never change have phi 0, and so has an input with itself.

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
    return np.sqrt(_squared_correlation(*_spike_counts(spikes)) / 2)


def sscti(spikes, n_out: int | None = None, *, beta: float | None = None, density: float | None = None, sparsity: float | None = None,
          links: int | None = None, seed=None) -> Layer:
    """Sparse spike correlated topological initialisation (SSCTI): link each input to the copies of those it fires with.

    Hidden neuron h stands for input h mod inputs. The links are the pairs (i, h) with the largest phi(i, h mod inputs), exactly as many as
    asked for; equal values are chosen among at random by the seed. An input never links to a copy of itself.
    If fewer pairs are correlated than links wanted, the others are drawn uniformly. Memory is O(inputs^2), whatever the number of samples.

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
    counts = _spike_counts(spikes)
    count = _wanted(counts[1].shape[0], n_out, beta, density, sparsity, links)
    return _link_the_most_similar(_squared_correlation(*counts), *count, np.random.default_rng(seed))


def csti(samples, n_out: int | None = None, *, beta: float | None = None, density: float | None = None, sparsity: float | None = None,
         links: int | None = None, seed=None) -> Layer:
    """Correlated sparse topological initialisation (CSTI): as `sscti`, from the |Pearson r| of analog inputs.

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
    squared = _pearson_squared(samples)
    count = _wanted(len(squared), n_out, beta, density, sparsity, links)
    return _link_the_most_similar(squared, *count, np.random.default_rng(seed))


def _wanted(inputs: int, n_out, beta, density, sparsity, links) -> tuple[int, int]:
    """(n_out, number of links)."""
    if (n_out is None) == (beta is None):
        raise ValueError(f"give one of n_out and beta, got {'none' if n_out is None else 'both'}")
    if beta is not None:
        if not (np.isfinite(beta) and beta > 0):
            raise ValueError(f"beta must be a positive number, got {beta!r}")
        n_out = round(beta * inputs)
    return n_out, link_count(inputs, n_out, density, sparsity, links)


def _link_the_most_similar(similarity: np.ndarray, n_out: int, count: int, rng: np.random.Generator) -> Layer:
    """The `count` pairs (i, h) with the largest similarity[i, h mod inputs]; ties and pairs of similarity 0 at random."""
    inputs = len(similarity)
    split = similarity * 4097.0  # keep 41 of 53 bits (Veltkamp): values that differ by rounding alone are ties
    value = split - (split - similarity)
    np.fill_diagonal(value, -1.0)  # an input and its own copies come last of all
    copies = np.full(inputs, n_out // inputs if inputs else 0)
    copies[:n_out - copies.sum()] += 1
    order = np.argsort(-value, axis=None, kind="stable")
    reached = np.cumsum(copies[order % max(inputs, 1)])
    if count:
        edge = value.flat[order[np.searchsorted(reached, count)]]
        row, col = _with_copies(*np.nonzero(value > edge), inputs, n_out)
        tied_row, tied_col = _with_copies(*np.nonzero(value == edge), inputs, n_out)
        some = rng.choice(len(tied_row), count - len(row), replace=False)
        row, col = np.concatenate([row, tied_row[some]]), np.concatenate([col, tied_col[some]])
    else:
        row = col = np.empty(0, dtype=np.int64)
    return Layer.from_edges(row, col, (inputs, n_out))


def _with_copies(row: np.ndarray, col: np.ndarray, inputs: int, n_out: int) -> tuple[np.ndarray, np.ndarray]:
    """Every pair (row, h) with h mod inputs = col and h < n_out."""
    rows, cols = [], []
    for h in range(0, n_out, max(inputs, 1)):
        inside = col + h < n_out
        rows.append(row[inside])
        cols.append(col[inside] + h)
    return np.concatenate(rows or [row[:0]]), np.concatenate(cols or [col[:0]])


def _spike_counts(spikes) -> tuple[int, np.ndarray]:
    """(n, a): the number of observations, and in how many of them each two inputs fire together."""
    n, together = 0, None
    for number, batch in enumerate(_batches(spikes)):
        fired = batch != 0
        if batch.dtype != bool:
            wrong = np.argwhere(fired & (batch != 1))
            if len(wrong):
                where, which = wrong[0].tolist()
                raise ValueError(f"spikes must be 0 or 1, got {batch[where, which]} in batch {number}, observation {where}, input {which}")
        if together is None:
            together = np.zeros((batch.shape[1],) * 2, dtype=np.int64)
        _check_width(batch, together, number)
        step = min(EXACT, max(1, 2**26 // max(batch.shape[1], 1)))
        for first in range(0, len(fired), step):
            part = fired[first:first + step].astype(np.float32)
            together += (part.T @ part).astype(np.int64)
        n += len(fired)
    if not n:
        raise ValueError("no spikes: at least one observation is needed")
    return n, together


def _squared_correlation(n: int, together: np.ndarray) -> np.ndarray:
    """chi2 / n = (n a_ij - p_i p_j)^2 / (p_i (n - p_i) p_j (n - p_j)), and 0 for i = j and where an input never changes."""
    p = np.diag(together)
    numerator = (n * together - np.outer(p, p)).astype(np.float64)
    spread = (p * (n - p)).astype(np.float64)
    denominator = np.outer(spread, spread)
    squared = np.divide(numerator**2, denominator, out=np.zeros_like(denominator), where=denominator > 0)
    np.fill_diagonal(squared, 0.0)
    return squared


def _pearson_squared(samples) -> np.ndarray:
    """Squared correlation of all pairs of features, from sums about the first batch's mean."""
    n, shift, total, products = 0, None, None, None
    for number, batch in enumerate(_batches(samples)):
        batch = batch.astype(np.float64)
        if not np.isfinite(batch).all():
            where, which = np.argwhere(~np.isfinite(batch))[0].tolist()
            raise ValueError(f"samples must be finite, got {batch[where, which]} in batch {number}, observation {where}, input {which}")
        if shift is None:
            shift = batch.mean(axis=0) if len(batch) else np.zeros(batch.shape[1])
            total, products = np.zeros(len(shift)), np.zeros((len(shift),) * 2)
        _check_width(batch, products, number)
        centred = batch - shift
        total += centred.sum(axis=0)
        products += centred.T @ centred
        n += len(batch)
    if not n:
        raise ValueError("no samples: at least one observation is needed")
    covariance = products - np.outer(total, total) / n
    covariance = (covariance + covariance.T) / 2
    variance = np.diag(covariance).copy()
    constant = variance <= 1e-24 * (np.diag(products) + n * shift**2)  # what rounding leaves of a constant
    variance[constant] = 0
    scale = np.outer(variance, variance)
    squared = np.divide(covariance**2, scale, out=np.zeros_like(scale), where=scale > 0)
    np.fill_diagonal(squared, 0.0)
    return squared


def _batches(data) -> Iterator[np.ndarray]:
    """Two-dimensional batches (observations, inputs) of an array or of an iterable of arrays."""
    whole = isinstance(data, np.ndarray) or hasattr(data, "__array__")
    if not whole and not isinstance(data, Iterable):
        raise ValueError(f"need an array or an iterable of arrays, got {type(data).__name__}")
    for batch in [data] if whole else data:
        batch = np.asarray(batch)
        if batch.ndim not in (2, 3) or batch.dtype.kind not in "biuf":
            raise ValueError("a batch must be a numeric array (samples, time, inputs) or (observations, inputs), "
                             f"got {batch.dtype} of shape {batch.shape}")
        yield batch.reshape(-1, batch.shape[-1])


def _check_width(batch: np.ndarray, square: np.ndarray, number: int) -> None:
    if batch.shape[1] != len(square):
        raise ValueError(f"batch {number} has {batch.shape[1]} inputs, the batches before it {len(square)}")
