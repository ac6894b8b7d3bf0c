"""How many links go at an event."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from netsnn.errors import check_within
from netsnn.graph import Layer

__all__ = ["RATES", "check_norms", "constant", "cosine", "linear", "pq_counts", "pq_index", "pq_retained"]


def constant(progress: float, zeta: float, until: float = 1.0) -> float:
    """zeta until the share `until` of training is done, then 0."""
    return zeta if progress < until else 0.0


def cosine(progress: float, zeta: float, until: float = 0.75) -> float:
    """zeta / 2 (1 + cos(pi progress / until)), then 0 (RigL's decay; Evci et al. 2020).

    >>> [round(cosine(t, 0.3), 3) for t in (0, 0.375, 0.75)]
    [0.3, 0.15, 0.0]
    """
    return float(zeta / 2 * (1 + np.cos(np.pi * progress / until))) if progress < until else 0.0


def linear(progress: float, zeta: float, until: float = 1.0) -> float:
    """zeta (1 - progress / until), then 0."""
    return zeta * (1 - progress / until) if progress < until else 0.0


RATES = {"constant": constant, "cosine": cosine, "linear": linear}


def pq_index(weights: ArrayLike, p: float = 0.5, q: float = 1.0) -> float:
    """PQ index of the existing weights: 1 - d^(1/q - 1/p) ||w||_p / ||w||_q, 0 for equal |w|, towards 1 where few carry all.

    The two-stage paper prints the exponent's sign the other way round, with which the index is not scale invariant; this is the form of
    the PQ index's own paper. All-zero weights are equal weights: 0.

    References
    ----------
    Diao et al., Pruning deep neural networks from a sparsity perspective, ICLR 2023, arXiv 2302.05601.

    Examples
    --------
    >>> pq_index([1, -1, 1]), round(pq_index([1, 0, 0, 0]), 3)
    (0.0, 0.75)
    """
    check_norms(p, q)
    w = np.abs(np.asarray(weights, dtype=np.float64)).reshape(-1)
    if not len(w):
        raise ValueError("the PQ index needs at least one weight")
    top = w.max()
    if not top:
        return 0.0
    w = w / top  # no overflow, no underflow
    return float(max(0.0, 1 - (w**p).mean() ** (1 / p) / (w**q).mean() ** (1 / q)))


def pq_retained(weights: ArrayLike, p: float = 0.5, q: float = 1.0, eta: float = 0.001) -> float:
    """Lower bound on how many weights carry the layer: d (1 + eta)^(-q / (q - p)) (1 - I)^(p q / (q - p)).

    d is the number of weights, I their `pq_index`.

    References
    ----------
    Diao et al., Pruning deep neural networks from a sparsity perspective, ICLR 2023, arXiv 2302.05601.

    Examples
    --------
    >>> round(pq_retained([1.0, 1.0, 1.0, 1.0], eta=0.0), 6), round(pq_retained([1.0, 0.0, 0.0, 0.0], eta=0.0), 6)
    (4.0, 1.0)
    """
    check_norms(p, q)
    d = np.size(weights)
    return float(d * (1 + eta) ** (-q / (q - p)) * (1 - pq_index(weights, p, q)) ** (p * q / (q - p)))


def pq_counts(layer: Layer, weights: np.ndarray, *, scope: str = "layer", p: float = 0.5, q: float = 1.0, eta: float = 0.001, gamma: float = 1.0,
              beta: float = 0.9) -> np.ndarray:
    """How many links to remove: of each output neuron (scope "neuron"), or one number for the layer.

    c = min(max(gamma (1 - r / d), 0), beta) with r = `pq_retained`, rounded up, of the d weights in scope; the number is floor(d c).
    Scopes of one weight or none lose nothing, so that no neuron loses its last link.

    Parameters
    ----------
    layer, weights
        The layer, and one weight a link.
    scope : "layer" or "neuron"
    p, q, eta, gamma, beta
        The constants of the formula.

    References
    ----------
    Shen, Xu, Pan, Chen, two-stage structure learning, arXiv 2502.13572 (ICLR 2025); constants as Diao et al. (p, q: inferred, see the
    method notes: they fit the published densities).

    Examples
    --------
    >>> layer = Layer.from_edges([0, 1, 2, 3], [0, 0, 0, 0], shape=(4, 1))
    >>> pq_counts(layer, np.array([1.0, 0.01, 0.01, 0.01])).tolist()
    [2]
    >>> pq_counts(layer, np.ones(4)).tolist()
    [0]
    """
    if scope not in ("layer", "neuron"):
        raise ValueError(f"scope must be layer or neuron, got {scope!r}")
    weights = np.asarray(weights, dtype=np.float64)
    groups = [weights] if scope == "layer" else np.split(weights[np.argsort(layer.links[1], kind="stable")], np.cumsum(layer.in_degrees)[:-1])
    out = np.zeros(len(groups), dtype=np.int64)
    for i, group in enumerate(groups):
        d = len(group)
        if d > 1:
            share = min(max(gamma * (1 - np.ceil(pq_retained(group, p, q, eta)) / d), 0.0), beta)
            out[i] = min(int(d * share + 1e-9), d - 1)  # d (1 - r / d) is a whole number, or just below
    return out


def check_norms(p: float, q: float) -> None:
    """0 < p < q, or a ValueError."""
    check_within("p", p, "(0, inf)")
    check_within("q", q, "(0, inf)")
    if not p < q:
        raise ValueError(f"p and q must satisfy 0 < p < q, got {p!r} and {q!r}")
