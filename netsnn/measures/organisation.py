"""Structural consistency, the local-community paradigm, and small worlds."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.sparse.linalg

from netsnn.errors import check_memory, check_whole, check_within
from netsnn.graph import Graph, Layer
from netsnn.hints import Seed, generator
from netsnn.linkpred.evaluation import Evaluation
from netsnn.linkpred.scoring import scores
from netsnn.linkpred.spectral import perturbed_graph, perturbed_layer
from netsnn.measures.checks import check_kind
from netsnn.measures.degrees import pearson
from netsnn.measures.nulls import null_layers
from netsnn.measures.paths import distances
from netsnn.measures.structure import robins_alexander
from netsnn.threads import one_blas_thread
from netsnn.wiring import small_world as ring

__all__ = ["SmallWorld", "lcp_correlation", "small_world", "structural_consistency"]

EXACT = 2000  # neurons of the smaller side up to which the whole spectrum is taken


class SmallWorld(NamedTuple):
    """Clustering C (Robins-Alexander) and path length L of a layer, of null layers of its degrees, and of a ring.

    sigma = (C / C_null) / (L / L_null), above 1 in a small world. omega = L_null / L - C / C_ring, near 0 in a small world,
    towards 1 in a random and -1 in a regular layer.
    """

    sigma: float
    omega: float
    clustering: float
    path_length: float
    null_clustering: float
    null_path_length: float
    ring_clustering: float


@one_blas_thread()
def structural_consistency(layer: Layer | Graph, *, fraction: float = 0.1, repeats: int = 10, rank: int | None = None, seed: Seed = 0) -> float:
    """How far links follow from the rest: remove some, perturb the rest's spectrum by them to first order, rank what is unlinked; the share
    of removed links among as many best pairs. Mean over `repeats` removals; 0 to 1.

    Parameters
    ----------
    fraction : float
        Of the links to remove, rounded up.
    rank : int, optional
        Singular vectors to take; by default all up to 2,000 neurons on the smaller side, else 200.

    References
    ----------
    Lu, Pan, Zhou, Zhang, Stanley (2015), PNAS 112:2325.

    Examples
    --------
    >>> blocks = np.kron(np.eye(4, dtype=bool), np.ones((5, 6), dtype=bool))
    >>> structural_consistency(Layer.from_dense(blocks))
    1.0
    """
    check_kind(layer, (Layer, Graph), "structural_consistency")
    check_within("fraction", fraction, "(0, 1)")
    check_whole("repeats", repeats, 1)
    small = min(layer.shape)
    if rank is None:
        rank = None if small <= EXACT else 200
    elif isinstance(rank, bool) or not isinstance(rank, (int, np.integer)) or not 1 <= rank <= small:
        raise ValueError(f"rank must be a whole number from 1 to {small}, got {rank!r}")
    if layer.n_links < 2:
        return float("nan")
    check_memory("structural_consistency", layer.shape, 7)
    rng = generator(seed)
    row, col = layer.links
    count = min(int(np.ceil(fraction * layer.n_links)), layer.n_links - 1)
    found = []
    for _ in range(int(repeats)):
        hidden = np.zeros(layer.n_links, dtype=bool)
        hidden[rng.choice(layer.n_links, count, replace=False)] = True
        rest, gone = layer.select(~hidden), layer.select(hidden)
        if rank is None or rank >= small - 1:
            perturb = perturbed_layer if isinstance(layer, Layer) else perturbed_graph
            matrix = perturb(rest.to_dense().astype(np.float64), gone.to_dense().astype(np.float64))
        else:
            matrix = _truncated(rest, gone, rank)
        free = ~rest.to_dense()
        if isinstance(layer, Graph):
            free = np.triu(free, 1)
        found.append(Evaluation.from_scores(gone.to_dense()[free], np.round(matrix[free], 12)).precision())
    return float(np.mean(found))


def lcp_correlation(layer: Layer | Graph) -> float:
    """LCP-corr: over links with more than one node in their local community, the correlation of how many nodes it has and how many links
    these have among them. NaN for fewer than two such links, or where one of the two never varies.

    With n the nodes and l the links of a link's local community: LCP-corr = cov(n, l) / (std(n) std(l)) over the links with n > 1.
    In a Layer the local community of a link (i, j) are the nodes on L3 paths between its ends, in a Graph the common neighbours.

    References
    ----------
    Cannistraci, Alanis-Lobato, Ravasi (2013), Sci. Rep. 3:1613; bipartite: Daminelli et al. (2015), New J. Phys. 17:113037.

    Examples
    --------
    >>> from netsnn.wiring import scale_free
    >>> round(lcp_correlation(scale_free(40, 50, density=0.1, seed=0)), 1)
    1.0
    """
    check_kind(layer, (Layer, Graph), "lcp_correlation")
    row, col = (x.astype(np.int64) for x in layer.links)
    nodes, links = (scores(layer, name, pairs=(row, col), links=True) for name in ("bcn" if isinstance(layer, Layer) else "cn", "lcl"))
    several = nodes > 1
    x, y = nodes[several], links[several]
    if len(x) < 2 or not np.ptp(x) or not np.ptp(y):
        return float("nan")
    return pearson(x, y)


def small_world(layer: Layer, *, draws: int = 10, sources: int | None = None, seed: Seed = 0) -> SmallWorld:
    """Small-worldness of a layer against null layers of its degrees and a ring of its size.

    With clustering C and mean path length L: sigma = (C / C_null) / (L / L_null), omega = L_null / L - C / C_ring.

    Watts and Strogatz' clustering is 0 on any bipartite graph: here clustering counts squares (`robins_alexander`), and the null
    models are bipartite. The ring links every neuron to its nearest on the other side, with as many links.

    Parameters
    ----------
    layer : Layer
    draws : int
        How many null layers.
    sources : int, optional
        Estimate path lengths from so many neurons.
    seed : int or numpy Generator

    References
    ----------
    sigma: Humphries, Gurney (2008), PLoS ONE 3:e0002051. omega: Telesford et al. (2011), Brain Connect. 1:367. Both for graphs of one kind of node.

    Examples
    --------
    >>> from netsnn.wiring import small_world as wire
    >>> found = small_world(wire(60, 60, density=0.1, rewire=0.05, seed=0))
    >>> found.sigma > 2, found.ring_clustering >= found.clustering > found.null_clustering
    (True, True)
    """
    check_kind(layer, Layer, "small_world")
    check_whole("draws", draws, 1)
    c, length = robins_alexander(layer), distances(layer, sources=sources, seed=seed).mean
    nulls = [(robins_alexander(null), distances(null, sources=sources, seed=seed).mean) for null in null_layers(layer, int(draws), seed=seed)]
    null_c, null_length = np.mean(nulls, axis=0)
    ring_c = robins_alexander(ring(*layer.shape, links=layer.n_links, rewire=0, seed=seed)) if layer.n_links else 0.0
    ratio = lambda a, b: float(a / b) if b else float("nan")
    return SmallWorld(ratio(ratio(c, null_c), ratio(length, null_length)), ratio(null_length, length) - ratio(c, ring_c), c, length,
                      float(null_c), float(null_length), ring_c)


def _truncated(rest: Layer | Graph, gone: Layer | Graph, rank: int) -> np.ndarray:
    """The perturbed matrix from the `rank` largest singular vectors (of a graph: eigenvectors of largest absolute value)."""
    matrix, change = rest.to_scipy(), gone.to_scipy()
    start = np.random.default_rng(0).standard_normal(min(matrix.shape))
    if isinstance(rest, Graph):
        values, left = scipy.sparse.linalg.eigsh(matrix, k=rank, v0=start)
        right = left
    else:
        left, values, right = scipy.sparse.linalg.svds(matrix, k=rank, v0=start)
        right = right.T
    return (left * (values + np.einsum("ik,ik->k", left, change @ right))) @ right.T
