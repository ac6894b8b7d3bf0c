"""Communities of inputs and outputs, by Barber's bipartite modularity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike

from netsnn.errors import check_whole
from netsnn.graph import Layer
from netsnn.hints import Seed, generator
from netsnn.measures.checks import check_kind

__all__ = ["Communities", "barber", "communities"]


@dataclass(frozen=True, eq=False)
class Communities:
    """A division of a layer's neurons, numbered from the largest community (0), and its modularity."""

    modularity: float
    inputs: np.ndarray
    outputs: np.ndarray

    @property
    def count(self) -> int:
        """How many communities have a link."""
        return len(np.intersect1d(self.inputs, self.outputs))


def barber(layer: Layer, inputs: ArrayLike, outputs: ArrayLike) -> float:
    """Barber's modularity of a division: Q = (1 / m) sum over (i, j) in one community of (A_ij - k_i d_j / m).

    Newman's modularity of the whole graph compares with a null model in which inputs link to inputs, and is another number.

    Parameters
    ----------
    layer : Layer
    inputs, outputs : arrays
        The number of each neuron's community.

    References
    ----------
    Barber (2007), Phys. Rev. E 76:066102, eq. 15.

    Examples
    --------
    >>> layer = Layer.from_edges([0, 1, 2, 3], [0, 0, 1, 1], shape=(4, 2))
    >>> barber(layer, [0, 0, 1, 1], [0, 1])
    0.5
    """
    check_kind(layer, Layer, "barber")
    inputs, outputs = np.asarray(inputs), np.asarray(outputs)
    if inputs.shape != (layer.n_in,) or outputs.shape != (layer.n_out,):
        raise ValueError(f"give one community for each of {layer.n_in} inputs and {layer.n_out} outputs, got shapes {inputs.shape} and {outputs.shape}")
    m = layer.n_links
    if not m:
        return 0.0
    names, label = np.unique(np.concatenate([inputs, outputs]), return_inverse=True)
    a, b = label[:layer.n_in], label[layer.n_in:]
    row, col = layer.links
    k = np.bincount(a, layer.out_degrees, len(names))
    d = np.bincount(b, layer.in_degrees, len(names))
    return float(np.count_nonzero(a[row] == b[col]) / m - k @ d / m**2)


def communities(layer: Layer, *, restarts: int = 5, seed: Seed = 0) -> Communities:
    """The best division found by Louvain's method for Barber's modularity, of several random starts.

    The division is to maximise Q = (1 / m) sum over (i, j) in one community of (A_ij - k_i d_j / m), as in `barber`. Neurons without links are
    communities of their own.

    Parameters
    ----------
    layer : Layer
    restarts : int
        How many random starts.
    seed : int or numpy Generator

    References
    ----------
    Blondel et al. (2008), J. Stat. Mech. P10008 (the method); Barber (2007), Phys. Rev. E 76:066102 (Q).

    Examples
    --------
    >>> blocks = np.kron(np.eye(4, dtype=bool), np.ones((5, 6), dtype=bool))
    >>> found = communities(Layer.from_dense(blocks))
    >>> found.modularity, found.count
    (0.75, 4)
    """
    check_kind(layer, Layer, "communities")
    check_whole("restarts", restarts, 1)
    rng = generator(seed)
    # to begin with, all that have links together: modularity 0, and nothing better exists in, say, a full layer
    linked = np.concatenate([layer.out_degrees, layer.in_degrees]) > 0
    best = 0.0, np.where(linked, 0, np.cumsum(~linked))
    for _ in range(int(restarts)):
        label = _louvain(layer, rng)
        quality = barber(layer, label[:layer.n_in], label[layer.n_in:])
        if quality > best[0] + 1e-12:
            best = quality, label
    quality, label = best
    size = np.bincount(label, minlength=1)
    rank = np.empty(len(size), dtype=np.int64)
    rank[np.argsort(-size, kind="stable")] = np.arange(len(size))
    label = rank[label]
    return Communities(quality, label[:layer.n_in], label[layer.n_in:])


def _louvain(layer: Layer, generator: np.random.Generator) -> np.ndarray:
    """One run: local moves, communities become nodes, until nothing moves; then single neurons move once more from there."""
    from netsnn.kernels.topology import move_nodes

    whole = layer.to_graph().to_scipy()
    n, m = whole.shape[0], float(layer.n_links)
    row = np.concatenate([layer.out_degrees, np.zeros(layer.n_out)])
    col = np.concatenate([np.zeros(layer.n_in), layer.in_degrees])
    label = np.arange(n)
    if not m:
        return label

    def move(graph: sp.csr_array, rows: np.ndarray, cols: np.ndarray, start: np.ndarray) -> tuple[int, np.ndarray]:
        mine = start.astype(np.int64)
        sums = [np.bincount(mine, strength, len(rows)).astype(np.float64) for strength in (rows, cols)]
        moves = move_nodes(graph.indptr, graph.indices, graph.data, rows, cols, m, generator.permutation(len(rows)), mine, *sums)
        return int(moves), np.unique(mine, return_inverse=True)[1]

    while True:
        _, label = move(whole, row, col, label)  # single neurons, from the division so far
        before = label
        while True:
            k = int(label.max()) + 1
            member = sp.csr_array((np.ones(n), (label, np.arange(n))), shape=(k, n))
            graph = sp.csr_array(member @ whole @ member.T)
            graph.sort_indices()
            moves, merged = move(graph, member @ row, member @ col, np.arange(k))
            label = merged[label]
            if not moves:
                break
        if label.max() == before.max():
            return label
