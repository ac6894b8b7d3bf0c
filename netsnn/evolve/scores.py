"""Which links stay: scores of existing links from their weights (the higher, the more worth keeping), and the choice by them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from netsnn.errors import check_within
from netsnn.graph import Layer

__all__ = ["SCORES", "choose", "likelihood", "lrs", "magnitude", "relative_importance"]

Score = Callable[[Layer, np.ndarray], np.ndarray]


def magnitude(layer: Layer, weights: np.ndarray) -> np.ndarray:
    """|w|.

    Examples
    --------
    >>> layer = Layer.from_edges([0, 0, 1], [0, 1, 1], shape=(2, 2))
    >>> magnitude(layer, np.array([0.5, -2.0, 1.0])).tolist()
    [0.5, 2.0, 1.0]
    """
    return np.abs(np.asarray(weights, dtype=np.float64))


def relative_importance(layer: Layer, weights: np.ndarray) -> np.ndarray:
    """|w_ij| / sum over i of |w_ij| + |w_ij| / sum over j of |w_ij|: a link's share of what enters its output, and of what leaves its input.

    Shares of a sum of 0 are 0.

    References
    ----------
    Zhang et al., Brain network science modelling of sparse neural networks (CHTs), arXiv 2501.19107 (2025).

    Examples
    --------
    >>> layer = Layer.from_edges([0, 0, 1], [0, 1, 1], shape=(2, 2))
    >>> relative_importance(layer, np.array([1.0, -3.0, 1.0])).tolist()
    [1.25, 1.5, 1.25]
    """
    return _shares(layer, weights, 0.0, 1.0)


def lrs(layer: Layer, weights: np.ndarray) -> np.ndarray:
    """Link removal score of CH-SNN: |w_ij| / (1 + sum over i of |w_ij|) + |w_ij| / (1 + sum over j of |w_ij|), between importance and magnitude.

    References
    ----------
    CH-SNN, arXiv 2511.05581 (2025).

    Examples
    --------
    >>> layer = Layer.from_edges([0, 0, 1], [0, 1, 1], shape=(2, 2))
    >>> lrs(layer, np.array([1.0, -1.0, 2.0])).round(3)
    array([0.833, 0.583, 1.167])
    """
    return _shares(layer, weights, 1.0, 1.0)


def likelihood(layer: Layer, weights: np.ndarray, *, alpha: float = 0.5, delta: float = 0.5) -> np.ndarray:
    """CHTs' removal score: (|w| / (alpha + (1 - alpha) sum_i |w|) + |w| / (alpha + (1 - alpha) sum_j |w|)) ^ (delta / (1 - delta)).

    alpha = 1 is magnitude, 0 relative importance; delta grows from 0.5 towards 1 as the choice hardens. Reconstructed from the published
    description (the paper's equation 2 was not at hand); alpha = delta = 1/2 is `lrs` times a constant.

    References
    ----------
    Zhang et al. (2025), arXiv 2501.19107, eq. 2.

    Examples
    --------
    >>> layer = Layer.from_edges([0, 0, 1], [0, 1, 1], shape=(2, 2))
    >>> weights = np.array([1.0, -3.0, 1.0])
    >>> likelihood(layer, weights).round(3).tolist()
    [1.4, 2.4, 1.4]
    >>> likelihood(layer, weights, alpha=0.0).tolist() == relative_importance(layer, weights).tolist()
    True
    """
    check_within("alpha", alpha, "[0, 1]")
    check_within("delta", delta, "[0, 1)")
    return _shares(layer, weights, alpha, 1 - alpha) ** (delta / (1 - delta))


SCORES: dict[str, Score] = {"magnitude": magnitude, "relative_importance": relative_importance, "lrs": lrs, "likelihood": likelihood}


def choose(scores: np.ndarray, count: int, generator: np.random.Generator, *, sample: bool = False, exponent: float = 1.0) -> np.ndarray:
    """A mask of exactly `count` of the scores: the largest, ties at random; or drawn without replacement in proportion to score ^ exponent.

    Draws take scores of 0 only when no others are left.

    Parameters
    ----------
    scores : array
    count : int
    generator : numpy Generator
    sample : bool
        Draw instead of taking the largest.
    exponent : float
        Of the draw; the larger, the nearer to the largest.

    Examples
    --------
    >>> choose(np.array([3.0, 1.0, 2.0]), 2, np.random.default_rng(0))
    array([ True, False,  True])
    """
    scores = np.asarray(scores, dtype=np.float64)
    if not 0 <= count <= len(scores):
        raise ValueError(f"cannot choose {count} of {len(scores)}")
    tie = generator.random(len(scores))
    if sample:
        with np.errstate(divide="ignore"):  # the race of exponential clocks: the first ones win
            key = exponent * np.log(scores) - np.log(-np.log(np.maximum(tie, 1e-300)))
        key[scores <= 0] = -np.inf
        order = np.lexsort((tie, -key))
    else:
        order = np.lexsort((tie, -scores))
    out = np.zeros(len(scores), dtype=bool)
    out[order[:count]] = True
    return out


def _shares(layer: Layer, weights: np.ndarray, constant: float, factor: float) -> np.ndarray:
    row, col = layer.links
    strength = magnitude(layer, weights)
    if strength.shape != (layer.n_links,):
        raise ValueError(f"weights must have one value a link ({layer.n_links}), got shape {strength.shape}")
    total = np.zeros(layer.n_links)
    for ends, n in ((col, layer.n_out), (row, layer.n_in)):
        base = constant + factor * np.bincount(ends, strength, n)[ends]
        total += np.divide(strength, base, out=np.zeros_like(strength), where=base > 0)
    return total
