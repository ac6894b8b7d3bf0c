"""Components and distances."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse.csgraph import connected_components

from netsnn.errors import check_whole
from netsnn.graph import Graph, Layer
from netsnn.hints import Seed, generator
from netsnn.measures.checks import check_kind
from netsnn.network import Network
from netsnn.threads import run

__all__ = ["Distances", "components", "distances"]


@dataclass(frozen=True, eq=False)
class Distances:
    """Numbers of hops: `counts[d]` pairs (a source and another node) are d hops apart; unreachable pairs are counted apart.

    `sources` is how many nodes were sources; where not all were, the numbers are estimates, exact over those sources.
    """

    counts: np.ndarray
    unreachable: int
    sources: int

    @property
    def mean(self) -> float:
        """Characteristic path length: the mean over pairs that are connected; NaN if none is."""
        pairs = self.counts.sum()
        return float(self.counts @ np.arange(len(self.counts)) / pairs) if pairs else float("nan")

    @property
    def efficiency(self) -> float:
        """Global efficiency: the mean over all pairs of 1 / distance, 0 for unconnected ones."""
        pairs = self.counts.sum() + self.unreachable
        return float((self.counts[1:] / np.arange(1, len(self.counts))).sum() / pairs) if pairs else float("nan")

    @property
    def diameter(self) -> int:
        """The largest distance of connected pairs (with sampled sources, at least this)."""
        return int(np.flatnonzero(self.counts).max(initial=0))


def components(layer: Layer | Graph | Network) -> tuple[np.ndarray, np.ndarray]:
    """(sizes, labels): nodes in each connected component, the largest first, and each node's component. In a layer inputs come first.

    Examples
    --------
    >>> components(Layer.from_edges([0, 1], [0, 0], shape=(3, 1)))
    (array([3, 1]), array([0, 0, 1, 0]))
    """
    _, found = connected_components(_whole(layer).to_scipy(), directed=False)
    sizes = np.bincount(found)
    order = np.argsort(-sizes, kind="stable")
    rank = np.empty(len(sizes), dtype=np.int64)
    rank[order] = np.arange(len(sizes))
    return sizes[order], rank[found]


def distances(layer: Layer | Graph | Network, *, sources: int | None = None, seed: Seed = 0) -> Distances:
    """Hops between all nodes, or from `sources` random ones; of a network over all its layers, links taken in both directions.

    Of the result, with d the hops of a pair: mean = sum of d / number of connected pairs, efficiency = sum of 1 / d / number of all pairs.
    64 sources are followed at once, a bit each, so that all sources of 10,000 nodes and a million links take about a second.

    Parameters
    ----------
    layer : Layer, Graph or Network
    sources : int, optional
        From how many nodes; by default from all.
    seed : int or numpy Generator
        Of the choice of sources.

    References
    ----------
    Watts, Strogatz (1998), Nature 393:440 (path length); Latora, Marchiori (2001), Phys. Rev. Lett. 87:198701 (efficiency).
    Then et al. (2014), Proc. VLDB Endow. 8:449 (many sources at once).

    Examples
    --------
    >>> found = distances(Layer.from_edges([0, 0, 1], [0, 1, 1], shape=(2, 2)))
    >>> round(found.mean, 3), round(found.efficiency, 3), found.diameter
    (1.667, 0.722, 3)
    """
    from netsnn.kernels.topology import distances as count

    whole = _whole(layer)
    chosen = np.arange(whole.n)
    if sources is not None:
        check_whole("sources", sources, 1)
        chosen = generator(seed).permutation(whole.n)[:sources]

    def part(first: int) -> np.ndarray:
        counts = np.zeros(whole.n + 1, dtype=np.int64)  # one step more is tried than the farthest node takes
        count(whole.indptr, whole.indices, chosen[first:first + 64], counts)
        return counts

    counts = sum(run(part, range(0, len(chosen), 64)), start=np.zeros(whole.n + 1, dtype=np.int64))
    last = int(np.flatnonzero(counts).max(initial=0)) + 1
    return Distances(counts[:last], len(chosen) * max(whole.n - 1, 0) - int(counts.sum()), len(chosen))


def _whole(layer: Layer | Graph | Network) -> Graph:
    """All nodes as one undirected graph."""
    check_kind(layer, (Layer, Graph, Network), "components (or distances)")
    if isinstance(layer, Graph):
        return layer
    if isinstance(layer, Layer):
        return layer.to_graph()
    first = np.concatenate([[0], np.cumsum(layer.sizes)])
    ends = [(row + first[i], col + first[i + 1]) for i, (row, col) in enumerate(one.links for one in layer)]
    return Graph.from_edges(np.concatenate([u for u, _ in ends]), np.concatenate([v for _, v in ends]), int(first[-1]))
