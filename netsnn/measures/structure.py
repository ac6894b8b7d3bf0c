"""Clustering, nestedness, rich club: how neighbourhoods overlap."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from netsnn.graph import Layer, _transpose
from netsnn.hints import Seed
from netsnn.measures.checks import check_kind
from netsnn.measures.nulls import null_layers
from netsnn.threads import n_threads, run

__all__ = ["Latapy", "RichClub", "latapy", "nodf", "rich_club", "robins_alexander"]


class Latapy(NamedTuple):
    """Latapy's clustering of every input and of every output."""

    inputs: np.ndarray
    outputs: np.ndarray


@dataclass(frozen=True, eq=False)
class RichClub:
    """For each degree k: the density of links among the inputs and outputs of degree > k, and the same beside null layers."""

    degree: np.ndarray
    density: np.ndarray
    null: np.ndarray
    normalised: np.ndarray


def robins_alexander(layer: Layer) -> float:
    """Bipartite clustering: 4 times the number of squares over the number of paths of three links; 0 without such paths.

    A bipartite graph has no triangles: the clustering of Watts and Strogatz is always 0 on a layer.

    References
    ----------
    Robins, Alexander (2004), Comput. Math. Organ. Theory 10:69.

    Examples
    --------
    >>> robins_alexander(Layer.from_edges([0, 0, 1, 1, 2], [0, 1, 0, 1, 1], shape=(3, 2)))
    0.6666666666666666
    """
    check_kind(layer, Layer, "robins_alexander")
    row, col = layer.links
    paths = float(((layer.out_degrees[row] - 1.0) * (layer.in_degrees[col] - 1.0)).sum())
    side = layer if layer.n_in <= layer.n_out else layer.T
    return float(4 * _shared(side)[3].sum() / paths) if paths else 0.0


def latapy(layer: Layer, mode: str = "dot") -> Latapy:
    """Latapy's clustering of each neuron: the mean, over neurons that share a neighbour with it, of how much they share.

    mode "dot": shared / union of the two neighbourhoods; "min": shared / the smaller, "max": shared / the larger.
    A neuron that shares none has 0 (as in networkx).

    References
    ----------
    Latapy, Magnien, Del Vecchio (2008), Soc. Networks 30:31.

    Examples
    --------
    >>> latapy(Layer.from_edges([0, 0, 1, 1, 2], [0, 1, 0, 1, 1], shape=(3, 2))).inputs
    array([0.75, 0.75, 0.5 ])
    """
    check_kind(layer, Layer, "latapy")
    modes = ("dot", "min", "max")
    if mode not in modes:
        raise ValueError(f"mode must be one of {', '.join(modes)}, got {mode!r}")
    return Latapy(*(_shared(side)[modes.index(mode)] for side in (layer, layer.T)))


def nodf(layer: Layer) -> float:
    """Nestedness (NODF), 0 to 100: how far the partners of neurons with few links are also partners of those with more.

    For two inputs of unequal degree: 100 * shared / the smaller degree, for equal degrees 0 (so for two outputs); the mean over
    all pairs of both sides.

    References
    ----------
    Almeida-Neto et al. (2008), Oikos 117:1227.

    Examples
    --------
    >>> nodf(Layer.from_dense([[1, 1, 1], [1, 1, 0], [1, 0, 0]]))
    100.0
    """
    check_kind(layer, Layer, "nodf")
    pairs = sum(n * (n - 1) / 2 for n in layer.shape)
    return float(100 * sum(_shared(side)[4].sum() for side in (layer, layer.T)) / pairs) if pairs else 0.0


def rich_club(layer: Layer, *, draws: int = 10, seed: Seed = 0) -> RichClub:
    """Whether hubs link to hubs more than their degrees make them: density among neurons of degree > k, over that of null layers.

    With A and B the numbers of inputs and of outputs of degree > k: density(k) = links between them / (A B), normalised(k) = density(k) / its
    mean over null layers. Up to the largest k that both sides exceed. `normalised` is NaN where the null density is 0.

    Parameters
    ----------
    layer : Layer
    draws : int
        How many null layers.
    seed : int or numpy Generator

    References
    ----------
    Colizza, Flammini, Serrano, Vespignani (2006), Nat. Phys. 2:110; Opsahl et al. (2008), Phys. Rev. Lett. 101:168702 (weighted). Both monopartite;
    here between the two sides.

    Examples
    --------
    >>> blocks = np.kron(np.eye(4, dtype=bool), np.ones((5, 6), dtype=bool))
    >>> rich_club(Layer.from_dense(blocks)).density[0].round(3)
    np.float64(0.25)
    """
    check_kind(layer, Layer, "rich_club")
    top = int(min(layer.out_degrees.max(initial=0), layer.in_degrees.max(initial=0)))
    found = _club_density(layer, top)
    null = np.mean([_club_density(drawn, top) for drawn in null_layers(layer, draws, seed=seed)], axis=0) if draws else np.full(top, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        return RichClub(np.arange(top), found, null, np.where(null > 0, found / null, np.nan))


def _club_density(layer: Layer, top: int) -> np.ndarray:
    """Density among inputs and outputs of degree > k, for k = 0 .. top - 1."""
    row, col = layer.links
    smaller = np.minimum(layer.out_degrees[row], layer.in_degrees[col])
    above = lambda d: len(d) - np.cumsum(np.bincount(np.minimum(d, top), minlength=top + 1))[:top]
    return above(smaller) / np.maximum(above(layer.out_degrees) * above(layer.in_degrees).astype(np.float64), 1)


@lru_cache(maxsize=8)
def _shared(layer: Layer) -> tuple[np.ndarray, ...]:
    """Of each input: Latapy's dot, min, max; squares with later inputs; nestedness over inputs of smaller degree."""
    from netsnn.kernels.topology import shared

    col_ptr, col_idx, _ = _transpose(layer.indptr, layer.indices, layer.n_out)
    out = tuple(np.zeros(layer.n_in) for _ in range(5))
    step = max(1, -(-layer.n_in // (8 * n_threads())))
    for _ in run(lambda first: shared(layer.indptr, layer.indices, col_ptr, col_idx, first, min(first + step, layer.n_in), *out),
                 range(0, layer.n_in, step)):
        pass
    for values in out:  # they are kept, and handed out again
        values.setflags(write=False)
    return out
