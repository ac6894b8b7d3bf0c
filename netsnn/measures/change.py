"""How topologies differ: overlap and turnover of links, and the distance between two networks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import scipy.optimize

from netsnn.errors import check_memory
from netsnn.graph import Layer
from netsnn.measures.checks import check_kind
from netsnn.network import Network

__all__ = ["explored", "overlap", "retained", "topology_distance"]


def overlap(a: Layer, b: Layer) -> float:
    """Jaccard overlap of two layers' links: shared / all links of either; 1 if both are empty.

    >>> overlap(Layer.from_edges([0, 1], [0, 1], (2, 2)), Layer.from_edges([0, 1], [0, 0], (2, 2)))
    0.3333333333333333
    """
    check_kind(a, Layer, "overlap")
    check_kind(b, Layer, "overlap")
    shared = (a & b).n_links
    either = a.n_links + b.n_links - shared
    return shared / either if either else 1.0


def retained(before: Layer, after: Layer) -> float:
    """Share of the links of `before` that `after` still has; 1 if it had none. Turnover is 1 less this.

    Examples
    --------
    >>> before = Layer.from_edges([0, 0, 1], [0, 1, 1], shape=(2, 2))
    >>> round(retained(before, Layer.from_edges([0, 1, 1], [0, 0, 1], shape=(2, 2))), 3)
    0.667
    """
    check_kind(before, Layer, "retained")
    check_kind(after, Layer, "retained")
    return (before & after).n_links / before.n_links if before.n_links else 1.0


def explored(layers: Sequence[Layer]) -> float:
    """In-time over-parametrisation rate (ITOP): links that any of the layers has, over all possible ones.

    References
    ----------
    Liu et al. (2021), ICML, arXiv 2102.02887.

    Examples
    --------
    >>> explored([Layer.from_edges([0], [0], (2, 2)), Layer.from_edges([0, 1], [0, 1], (2, 2))])
    0.5
    """
    layers = [layers] if isinstance(layers, Layer) else list(layers)
    if not layers:
        raise ValueError("explored needs at least one layer")
    for layer in layers:
        check_kind(layer, Layer, "explored")
    ever = layers[0]
    for layer in layers[1:]:
        ever = ever | layer
    return ever.density


def topology_distance(a: Layer | Network, b: Layer | Network) -> float:
    """NNSTD, the distance of two networks' topologies, 0 (equal up to the order of hidden neurons) to 1.

    Output neurons of the two layers are matched (Hungarian method) so that the sum of distances 1 - shared inputs / all inputs of either is
    least; a layer's value is the mean distance of matched neurons. The next layer's inputs follow the match; a network's value is
    the mean over layers. Two neurons without inputs have distance 0.

    References
    ----------
    Liu et al. (2020), Topological insights into sparse neural networks, ECML, arXiv 2006.14085.

    Examples
    --------
    >>> one = Layer.from_edges([0, 1, 2], [0, 0, 1], shape=(3, 2))
    >>> topology_distance(one, one.with_links([0, 1, 2], [1, 1, 0]))    # outputs exchanged
    0.0
    """
    for x in (a, b):
        check_kind(x, (Layer, Network), "topology_distance")
    ours, theirs = ([x] if isinstance(x, Layer) else list(x) for x in (a, b))
    if [x.shape for x in ours] != [x.shape for x in theirs]:
        raise ValueError(f"the two must have equal shapes, got {[x.shape for x in ours]} and {[x.shape for x in theirs]}")
    order, values = np.arange(ours[0].n_in), []
    for one, other in zip(ours, theirs):
        check_memory("topology_distance", (one.n_out, one.n_out), 4)
        x, y = one.to_scipy(), other.to_scipy()[order]  # input i of ours is input order[i] of theirs
        together = (x.T @ y).toarray()
        either = one.in_degrees[:, None].astype(np.float64) + other.in_degrees[None, :] - together
        with np.errstate(invalid="ignore", divide="ignore"):
            distance = np.where(either > 0, 1 - together / either, 0.0)
        mine, order = scipy.optimize.linear_sum_assignment(distance)
        values.append(float(distance[mine, order].mean()) if len(mine) else 0.0)
    return float(np.mean(values))
