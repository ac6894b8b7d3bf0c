"""Layer (bipartite) and Graph (undirected): immutable values over canonical CSR, and their conversions.

A link is structure, never a non-zero value: weights travel beside a layer as an array aligned with
`layer.links` (row-major order), so that a link of weight 0 is still a link.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, cast, overload

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    import igraph
    import networkx

__all__ = ["Graph", "Layer"]

MAX_INDEX = 2**31 - 1  # neurons and links are counted in int32: half the memory, one compiled kernel
Names = tuple[Any, ...]


@dataclass(frozen=True, eq=False, repr=False)
class Layer:
    """A bipartite layer: which of `n_in` input neurons link to which of `n_out` output neurons.

    Rows are inputs (presynaptic), columns are outputs (postsynaptic). Build one with `from_edges`,
    `from_dense`, `from_scipy`, `from_networkx` or `from_igraph`; `indptr` and `indices` are the rows
    in canonical CSR form (sorted, no duplicates), read-only.

    Examples
    --------
    >>> layer = Layer.from_edges([0, 0, 1], [1, 2, 0], shape=(2, 3))
    >>> layer
    Layer(2 -> 3, 3 links, density 50%)
    >>> layer.out_degrees.tolist(), layer.in_degrees.tolist()
    ([2, 1], [1, 1, 1])
    >>> layer == Layer.from_dense(layer.to_dense())
    True
    """

    n_in: int
    n_out: int
    indptr: np.ndarray
    indices: np.ndarray
    input_names: Names | None = None
    output_names: Names | None = None

    def __post_init__(self) -> None:
        _check_size(self.n_in, "n_in")
        _check_size(self.n_out, "n_out")
        object.__setattr__(self, "n_in", int(self.n_in))
        object.__setattr__(self, "n_out", int(self.n_out))
        _freeze_csr(self, self.n_in, self.n_out)
        object.__setattr__(self, "input_names", _check_names(self.input_names, self.n_in, "input_names"))
        object.__setattr__(self, "output_names", _check_names(self.output_names, self.n_out, "output_names"))

    # ---- building ---------------------------------------------------------------------------------

    @overload
    @classmethod
    def from_edges(cls, row: ArrayLike, col: ArrayLike, shape: tuple[int, int], *, weights: None = None, simplify: bool = False,
                   input_names: Sequence | None = None, output_names: Sequence | None = None) -> Layer: ...

    @overload
    @classmethod
    def from_edges(cls, row: ArrayLike, col: ArrayLike, shape: tuple[int, int], *, weights: ArrayLike, simplify: bool = False,
                   input_names: Sequence | None = None, output_names: Sequence | None = None) -> tuple[Layer, np.ndarray]: ...

    @overload
    @classmethod
    def from_edges(cls, row: ArrayLike, col: ArrayLike, shape: tuple[int, int], *, weights: ArrayLike | None, simplify: bool = False,
                   input_names: Sequence | None = None, output_names: Sequence | None = None) -> Any: ...

    @classmethod
    def from_edges(cls, row: ArrayLike, col: ArrayLike, shape: tuple[int, int], *, weights: ArrayLike | None = None, simplify: bool = False,
                   input_names: Sequence | None = None, output_names: Sequence | None = None) -> Layer | tuple[Layer, np.ndarray]:
        """The layer with links row[i] -> col[i]; with `weights`, `(layer, weights in links order)`.

        A link named twice is an error, unless `simplify=True` (the first weight is kept).

        >>> layer, weights = Layer.from_edges([1, 0], [0, 2], shape=(2, 3), weights=[0.5, 0.7])
        >>> [ends.tolist() for ends in layer.links], weights.tolist()
        ([[0, 1], [2, 0]], [0.7, 0.5])
        """
        n_in, n_out = _check_shape(shape)
        row, col = _check_ids(row, n_in, "row"), _check_ids(col, n_out, "col")
        indptr, indices, order = _csr(row, col, n_in, n_out, simplify)
        layer = cls(n_in, n_out, indptr, indices, cast(Names | None, input_names), cast(Names | None, output_names))  # tuples once checked
        return layer if weights is None else (layer, _check_weights(weights, len(row))[order])

    @overload
    @classmethod
    def from_dense(cls, array: ArrayLike, *, weights: Literal[False] = False) -> Layer: ...

    @overload
    @classmethod
    def from_dense(cls, array: ArrayLike, *, weights: Literal[True]) -> tuple[Layer, np.ndarray]: ...

    @classmethod
    def from_dense(cls, array: ArrayLike, *, weights: bool = False) -> Layer | tuple[Layer, np.ndarray]:
        """The layer whose links are the non-zero entries; with `weights=True`, `(layer, values)`.

        >>> layer, weights = Layer.from_dense([[0, 0.5], [0.7, 0]], weights=True)
        >>> layer, weights.tolist()
        (Layer(2 -> 2, 2 links, density 50%), [0.5, 0.7])
        """
        array = np.asarray(array)
        if array.ndim != 2:
            raise ValueError(f"a dense layer must have 2 dimensions, got shape {array.shape}")
        if array.dtype.kind == "f" and np.isnan(array).any():
            raise ValueError(f"NaN at {tuple(int(i) for i in np.argwhere(np.isnan(array))[0])} of the dense layer")
        row, col = np.nonzero(array)
        return cls.from_edges(row, col, array.shape, weights=array[row, col] if weights else None)

    @overload
    @classmethod
    def from_scipy(cls, matrix: Any, *, weights: Literal[False] = False) -> Layer: ...

    @overload
    @classmethod
    def from_scipy(cls, matrix: Any, *, weights: Literal[True]) -> tuple[Layer, np.ndarray]: ...

    @classmethod
    def from_scipy(cls, matrix: Any, *, weights: bool = False) -> Layer | tuple[Layer, np.ndarray]:
        """The layer of all stored entries (stored zeros are links); with `weights=True`, `(layer, values)`.

        >>> import scipy.sparse as sp
        >>> Layer.from_scipy(sp.csr_array(([0.5, 0.0], ([0, 1], [1, 0])), shape=(2, 2)))
        Layer(2 -> 2, 2 links, density 50%)
        """
        matrix = _canonical(matrix)
        layer = cls(matrix.shape[0], matrix.shape[1], matrix.indptr, matrix.indices)
        return (layer, _check_weights(matrix.data, layer.n_links)) if weights else layer

    @overload
    @classmethod
    def from_networkx(cls, graph: networkx.Graph, *, weight: None = None) -> Layer: ...

    @overload
    @classmethod
    def from_networkx(cls, graph: networkx.Graph, *, weight: str) -> tuple[Layer, np.ndarray]: ...

    @classmethod
    def from_networkx(cls, graph: networkx.Graph, *, weight: str | None = None) -> Layer | tuple[Layer, np.ndarray]:
        """The layer of a networkx graph whose nodes carry `bipartite` 0 (inputs) or 1 (outputs).

        With `weight`, the name of an edge attribute: `(layer, values)`.

        >>> import networkx as nx
        >>> women = Layer.from_networkx(nx.davis_southern_women_graph())
        >>> women, women.input_names[0]
        (Layer(18 -> 14, 89 links, density 35.32%), 'Evelyn Jefferson')
        """
        if graph.is_multigraph():
            raise ValueError("a layer holds each link once; got a networkx multigraph")
        nodes = list(graph)
        side = _side([graph.nodes[x].get("bipartite") for x in nodes], nodes, "bipartite")
        place, counts = {}, [0, 0]
        for node, s in zip(nodes, side):
            place[node] = (s, counts[s])
            counts[s] += 1
        row, col, values = [], [], []
        for x, y, value in graph.edges(data=weight):
            (s, i), (t, j) = place[x], place[y]
            if s == t or (graph.is_directed() and s == 1):
                raise ValueError(f"link {x!r} - {y!r} does not go from an input (bipartite=0) to an output (bipartite=1)")
            row.append(i if s == 0 else j)
            col.append(j if s == 0 else i)
            if weight is not None:
                values.append(_given(value, x, y, weight))
        given = [graph.nodes[x].get("name") for x in nodes]
        if all(name is None for name in given) and not (nodes == list(range(len(nodes))) and side == sorted(side)):
            given = nodes
        names = _split_names(given, side)
        return cls.from_edges(row, col, (counts[0], counts[1]), weights=None if weight is None else values,
                              input_names=names[0], output_names=names[1])

    @overload
    @classmethod
    def from_igraph(cls, graph: igraph.Graph, *, weight: None = None) -> Layer: ...

    @overload
    @classmethod
    def from_igraph(cls, graph: igraph.Graph, *, weight: str) -> tuple[Layer, np.ndarray]: ...

    @classmethod
    def from_igraph(cls, graph: igraph.Graph, *, weight: str | None = None) -> Layer | tuple[Layer, np.ndarray]:
        """The layer of an igraph graph whose vertices carry `type` False (inputs) or True (outputs).

        With `weight`, the name of an edge attribute: `(layer, values)`.

        >>> import igraph as ig
        >>> Layer.from_igraph(ig.Graph.Full_Bipartite(2, 3))
        Layer(2 -> 3, 6 links, density 100%)
        """
        n = graph.vcount()
        if "type" not in graph.vs.attributes() and n:
            raise ValueError("the igraph graph has no vertex attribute 'type' (False for inputs, True for outputs)")
        side = np.array(_side(graph.vs["type"] if n else [], range(n), "type"), dtype=np.int64)
        place = np.where(side == 0, np.cumsum(side == 0), np.cumsum(side == 1)) - 1
        ends = np.array(graph.get_edgelist(), dtype=np.int64).reshape(-1, 2)
        wrong = np.flatnonzero(side[ends[:, 0]] == side[ends[:, 1]])
        if wrong.size:
            raise ValueError(f"link {tuple(ends[wrong[0]].tolist())} joins two vertices of the same type")
        swap = side[ends[:, 0]] == 1
        if graph.is_directed() and swap.any():
            raise ValueError(f"link {tuple(ends[swap][0].tolist())} goes from an output (type=True) to an input (type=False)")
        row, col = np.where(swap, ends[:, 1], ends[:, 0]), np.where(swap, ends[:, 0], ends[:, 1])
        names = _split_names(graph.vs["name"] if "name" in graph.vs.attributes() else [None] * n, side)
        return cls.from_edges(place[row], place[col], (int((side == 0).sum()), int((side == 1).sum())),
                              weights=None if weight is None else _igraph_values(graph, weight),
                              input_names=names[0], output_names=names[1])

    # ---- reading ----------------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, int]:
        """(n_in, n_out)."""
        return self.n_in, self.n_out

    @property
    def n_links(self) -> int:
        """How many links there are."""
        return len(self.indices)

    @property
    def density(self) -> float:
        """Links over possible links; 0 for a layer without neurons."""
        return self.n_links / (self.n_in * self.n_out) if self.n_in and self.n_out else 0.0

    @property
    def sparsity(self) -> float:
        """1 - density."""
        return 1.0 - self.density

    @cached_property
    def links(self) -> tuple[np.ndarray, np.ndarray]:
        """(row, col) of every link in row-major order: the order of every weight array.

        >>> [ends.tolist() for ends in Layer.from_dense([[0, 1], [1, 1]]).links]
        [[0, 1, 1], [1, 0, 1]]
        """
        row = np.repeat(np.arange(self.n_in, dtype=np.int32), self.out_degrees)
        row.setflags(write=False)
        return row, self.indices

    @property
    def ids(self) -> np.ndarray:
        """row * n_out + col of every link: sorted int64.

        >>> Layer.from_dense([[0, 1], [1, 1]]).ids.tolist()
        [1, 2, 3]
        """
        row, col = self.links
        return row.astype(np.int64) * self.n_out + col

    @cached_property
    def out_degrees(self) -> np.ndarray:
        """Links leaving each input neuron (length n_in)."""
        return _read_only(np.diff(self.indptr))

    @cached_property
    def in_degrees(self) -> np.ndarray:
        """Links entering each output neuron (length n_out)."""
        return _read_only(np.bincount(self.indices, minlength=self.n_out).astype(np.int32))

    @cached_property
    def T(self) -> Layer:
        """The layer seen from its outputs: (n_out -> n_in).

        >>> Layer.from_dense([[1, 1, 0]]).T
        Layer(3 -> 1, 2 links, density 66.67%)
        """
        indptr, indices, _ = _transpose(self.indptr, self.indices, self.n_out)
        return Layer(self.n_out, self.n_in, indptr, indices, self.output_names, self.input_names)

    def find(self, row: ArrayLike, col: ArrayLike) -> np.ndarray:
        """Position of each link row[i] -> col[i] in `links` order, -1 where there is none.

        >>> Layer.from_dense([[0, 1], [1, 1]]).find([1, 0], [0, 0]).tolist()
        [1, -1]
        """
        row, col = _check_ids(row, self.n_in, "row"), _check_ids(col, self.n_out, "col")
        return _find(self.ids, row * self.n_out + col)

    # ---- set algebra ------------------------------------------------------------------------------

    def __or__(self, other: Layer) -> Layer:
        return self._of_ids(_union(self.ids, self._same_shape(other).ids))

    def __and__(self, other: Layer) -> Layer:
        ids = self.ids
        return self._of_ids(ids[_find(self._same_shape(other).ids, ids) >= 0])

    def __sub__(self, other: Layer) -> Layer:
        ids = self.ids
        return self._of_ids(ids[_find(self._same_shape(other).ids, ids) < 0])

    def with_links(self, row: ArrayLike, col: ArrayLike) -> Layer:
        """A layer of the same neurons with other links.

        >>> layer = Layer.from_edges([0], [1], shape=(2, 2), input_names=["left", "right"])
        >>> layer.with_links([0, 1], [0, 0]).input_names
        ('left', 'right')
        """
        return Layer.from_edges(row, col, self.shape, input_names=self.input_names, output_names=self.output_names)

    def select(self, mask: ArrayLike) -> Layer:
        """The links where `mask` (one boolean a link) is true; neurons stay.

        >>> layer, weights = Layer.from_dense([[0.1, 0.5], [0.7, 0]], weights=True)
        >>> strong = weights > 0.3
        >>> layer.select(strong), weights[strong].tolist()
        (Layer(2 -> 2, 2 links, density 50%), [0.5, 0.7])
        """
        mask = np.asarray(mask, dtype=bool)
        if mask.shape != (self.n_links,):
            raise ValueError(f"mask must have one value a link ({self.n_links}), got shape {mask.shape}")
        row, col = self.links
        return self.with_links(row[mask], col[mask])

    # ---- conversions ------------------------------------------------------------------------------

    def to_scipy(self, weights: ArrayLike | None = None) -> sp.csr_array:
        """CSR array of `weights` (ones without); shares no memory with the layer.

        >>> layer = Layer.from_edges([0, 1], [1, 0], shape=(2, 2))
        >>> (layer.to_scipy([0.5, 0.7]) @ [1, 10]).tolist()
        [5.0, 0.7]
        """
        data = np.ones(self.n_links) if weights is None else _check_weights(weights, self.n_links).copy()
        return sp.csr_array((data, self.indices.copy(), self.indptr.copy()), shape=self.shape)

    def to_dense(self, weights: ArrayLike | None = None) -> np.ndarray:
        """(n_in, n_out) array: boolean mask, or the weights with 0 where there is no link.

        >>> Layer.from_edges([0, 1], [1, 0], shape=(2, 2)).to_dense([0.5, 0.7])
        array([[0. , 0.5],
               [0.7, 0. ]])
        """
        values = True if weights is None else _check_weights(weights, self.n_links)
        dense = np.zeros(self.shape, dtype=np.asarray(values).dtype)
        dense[self.links] = values
        return dense

    def to_networkx(self, weights: ArrayLike | None = None) -> networkx.Graph:
        """networkx Graph: inputs first with `bipartite=0`, outputs with `bipartite=1`.

        Nodes are 0 .. n_in + n_out - 1, or the neurons' names where those differ from each other; a
        named neuron carries its name as `name`. Weights become the edge attribute `weight`.

        >>> graph = Layer.from_edges([0, 1], [2, 0], shape=(2, 3)).to_networkx([0.5, 0.7])
        >>> list(graph.edges(data="weight"))
        [(0, 4, 0.5), (1, 2, 0.7)]
        """
        import networkx as nx

        labels, names = self._labels()
        graph = nx.Graph()
        for i, label in enumerate(labels):
            graph.add_node(label, bipartite=int(i >= self.n_in), **({} if names[i] is None else {"name": names[i]}))
        row, col = (x.tolist() for x in self.links)
        if weights is None:
            graph.add_edges_from((labels[i], labels[self.n_in + j]) for i, j in zip(row, col))
        else:
            values = _check_weights(weights, self.n_links).tolist()
            graph.add_weighted_edges_from((labels[i], labels[self.n_in + j], w) for i, j, w in zip(row, col, values))
        return graph

    def to_igraph(self, weights: ArrayLike | None = None) -> igraph.Graph:
        """igraph Graph: inputs first, vertex attribute `type` (False, True), `name` if named, edge `weight`.

        >>> graph = Layer.from_edges([0, 1], [2, 0], shape=(2, 3)).to_igraph([0.5, 0.7])
        >>> graph.get_edgelist(), graph.vs["type"]
        ([(0, 4), (1, 2)], [False, False, True, True, True])
        """
        import igraph as ig

        row, col = self.links
        graph = ig.Graph(n=self.n_in + self.n_out, edges=np.column_stack([row, col + self.n_in]).tolist())
        graph.vs["type"] = [False] * self.n_in + [True] * self.n_out
        if self.input_names is not None or self.output_names is not None:
            graph.vs["name"] = self._labels()[1]
        if weights is not None:
            graph.es["weight"] = _check_weights(weights, self.n_links).tolist()
        return graph

    def to_graph(self) -> Graph:
        """The undirected graph on n_in + n_out nodes, inputs first.

        >>> [ends.tolist() for ends in Layer.from_edges([0, 1], [2, 0], shape=(2, 3)).to_graph().links]
        [[0, 1], [4, 2]]
        """
        row, col = self.links
        labels, names = self._labels()
        named = any(name is not None for name in names)
        return Graph.from_edges(row, col.astype(np.int64) + self.n_in, self.n_in + self.n_out, names=labels if named else None)

    # ---- the value --------------------------------------------------------------------------------

    def __repr__(self) -> str:
        return f"Layer({self.n_in} -> {self.n_out}, {self.n_links} links, density {100 * self.density:.4g}%)"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Layer):
            return NotImplemented
        return (self.shape == other.shape and np.array_equal(self.indptr, other.indptr)
                and np.array_equal(self.indices, other.indices)
                and self.input_names == other.input_names and self.output_names == other.output_names)

    @cached_property
    def _hash(self) -> int:
        return hash(("Layer", self.shape, self.input_names, self.output_names, _digest(self.indptr, self.indices)))

    def __hash__(self) -> int:
        return self._hash

    def __reduce__(self) -> tuple[Any, ...]:
        return Layer, (self.n_in, self.n_out, np.array(self.indptr), np.array(self.indices),
                       self.input_names, self.output_names)

    def _of_ids(self, ids: np.ndarray) -> Layer:
        return self.with_links(ids // max(self.n_out, 1), ids % max(self.n_out, 1))

    def _same_shape(self, other: Layer) -> Layer:
        if not isinstance(other, Layer) or other.shape != self.shape:
            raise ValueError(f"layers must have the same shape, got {self} and {other}")
        return other

    def _labels(self) -> tuple[list, list]:
        """Node labels of the whole graph, and the name (or None) of each node."""
        n = self.n_in + self.n_out
        names = [*(self.input_names or [None] * self.n_in), *(self.output_names or [None] * self.n_out)]
        labels = [i if name is None else name for i, name in enumerate(names)]
        return (labels if _distinct(labels) else list(range(n))), names


@dataclass(frozen=True, eq=False, repr=False)
class Graph:
    """A simple undirected graph of `n` nodes: no self-loops, no repeated links.

    `indptr` and `indices` are the symmetric adjacency in canonical CSR form, read-only; `links` holds
    each link once, as (u, v) with u < v.

    Examples
    --------
    >>> square = Graph.from_edges([0, 1, 2, 3], [1, 2, 3, 0], n=4)
    >>> square
    Graph(4 nodes, 4 links)
    >>> square.degrees.tolist()
    [2, 2, 2, 2]
    """

    n: int
    indptr: np.ndarray
    indices: np.ndarray
    names: Names | None = None

    def __post_init__(self) -> None:
        _check_size(self.n, "n")
        object.__setattr__(self, "n", int(self.n))
        _freeze_csr(self, self.n, self.n)
        row = np.repeat(np.arange(self.n), np.diff(self.indptr))
        if (row == self.indices).any():
            raise ValueError(f"a graph has no self-loops; node {int(row[row == self.indices][0])} has one")
        indptr, indices, _ = _transpose(self.indptr, self.indices, self.n)
        if not (np.array_equal(indptr, self.indptr) and np.array_equal(indices, self.indices)):
            raise ValueError("the adjacency of an undirected graph must be symmetric")
        object.__setattr__(self, "names", _check_names(self.names, self.n, "names"))

    # ---- building ---------------------------------------------------------------------------------

    @overload
    @classmethod
    def from_edges(cls, u: ArrayLike, v: ArrayLike, n: int, *, weights: None = None, simplify: bool = False, names: Sequence | None = None) -> Graph: ...

    @overload
    @classmethod
    def from_edges(cls, u: ArrayLike, v: ArrayLike, n: int, *, weights: ArrayLike, simplify: bool = False, names: Sequence | None = None) -> tuple[Graph, np.ndarray]: ...

    @overload
    @classmethod
    def from_edges(cls, u: ArrayLike, v: ArrayLike, n: int, *, weights: ArrayLike | None, simplify: bool = False, names: Sequence | None = None) -> Any: ...

    @classmethod
    def from_edges(cls, u: ArrayLike, v: ArrayLike, n: int, *, weights: ArrayLike | None = None, simplify: bool = False,
                   names: Sequence | None = None) -> Graph | tuple[Graph, np.ndarray]:
        """The graph with links u[i] - v[i]; with `weights`, `(graph, weights in links order)`.

        Self-loops and links named twice (in either direction) are errors, unless `simplify=True` drops them.

        >>> graph, weights = Graph.from_edges([2, 0], [1, 1], n=3, weights=[0.5, 0.7])
        >>> [ends.tolist() for ends in graph.links], weights.tolist()
        ([[0, 1], [1, 2]], [0.7, 0.5])
        """
        _check_size(n, "n")
        u, v = _check_ids(u, n, "u"), _check_ids(v, n, "v")
        if len(u) != len(v):
            raise ValueError(f"u and v must have the same length, got {len(u)} and {len(v)}")
        w = None if weights is None else _check_weights(weights, len(u))
        loops = u == v
        if loops.any():
            if not simplify:
                raise ValueError(f"a graph has no self-loops; node {int(u[loops][0])} has one (simplify=True drops them)")
            u, v, w = u[~loops], v[~loops], None if w is None else w[~loops]
        low, high = np.minimum(u, v), np.maximum(u, v)
        indptr, high, order = _csr(low, high, n, n, simplify)
        low = np.repeat(np.arange(n), np.diff(indptr))
        indptr, indices, _ = _csr(np.concatenate([low, high]), np.concatenate([high, low]), n, n, False)
        graph = cls(n, indptr, indices, cast(Names | None, names))
        return graph if w is None else (graph, w[order])

    @overload
    @classmethod
    def from_dense(cls, array: ArrayLike, *, weights: Literal[False] = False) -> Graph: ...

    @overload
    @classmethod
    def from_dense(cls, array: ArrayLike, *, weights: Literal[True]) -> tuple[Graph, np.ndarray]: ...

    @classmethod
    def from_dense(cls, array: ArrayLike, *, weights: bool = False) -> Graph | tuple[Graph, np.ndarray]:
        """The graph of a symmetric array's non-zero entries; with `weights=True`, `(graph, values)`.

        >>> graph, weights = Graph.from_dense([[0, 0.5], [0.5, 0]], weights=True)
        >>> graph, weights.tolist()
        (Graph(2 nodes, 1 links), [0.5])
        """
        return cls.from_scipy(Layer.from_dense(array).to_scipy(np.asarray(array)[np.nonzero(np.asarray(array))]), weights=weights)

    @overload
    @classmethod
    def from_scipy(cls, matrix: Any, *, weights: Literal[False] = False) -> Graph: ...

    @overload
    @classmethod
    def from_scipy(cls, matrix: Any, *, weights: Literal[True]) -> tuple[Graph, np.ndarray]: ...

    @overload
    @classmethod
    def from_scipy(cls, matrix: Any, *, weights: bool) -> Any: ...

    @classmethod
    def from_scipy(cls, matrix: Any, *, weights: bool = False) -> Graph | tuple[Graph, np.ndarray]:
        """The graph of a symmetric sparse matrix's stored entries; with `weights=True`, `(graph, values)`.

        >>> import scipy.sparse as sp
        >>> Graph.from_scipy(sp.csr_array([[0, 1, 1], [1, 0, 0], [1, 0, 0]]))
        Graph(3 nodes, 2 links)
        """
        matrix = _canonical(matrix)
        if matrix.shape[0] != matrix.shape[1]:
            raise ValueError(f"an undirected graph needs a square matrix, got shape {matrix.shape} (a Layer may be rectangular)")
        graph = cls(matrix.shape[0], matrix.indptr, matrix.indices)
        if not weights:
            return graph
        values = _check_weights(sp.triu(matrix, 1, format="csr").data, graph.n_links)
        mirrored = matrix.data[_transpose(matrix.indptr, matrix.indices, graph.n)[2]]
        if (mirrored != matrix.data).any():
            raise ValueError("the weights of an undirected graph must be symmetric")
        return graph, values

    @overload
    @classmethod
    def from_networkx(cls, graph: networkx.Graph, *, weight: None = None, simplify: bool = False) -> Graph: ...

    @overload
    @classmethod
    def from_networkx(cls, graph: networkx.Graph, *, weight: str, simplify: bool = False) -> tuple[Graph, np.ndarray]: ...

    @classmethod
    def from_networkx(cls, graph: networkx.Graph, *, weight: str | None = None, simplify: bool = False) -> Graph | tuple[Graph, np.ndarray]:
        """The graph of an undirected networkx graph; with `weight`, an edge attribute: `(graph, values)`.

        >>> import networkx as nx
        >>> karate, weights = Graph.from_networkx(nx.karate_club_graph(), weight="weight")
        >>> karate, int(weights.max())
        (Graph(34 nodes, 78 links), 7)
        """
        if graph.is_directed() and not simplify:
            raise ValueError("got a directed networkx graph; pass graph.to_undirected(), or simplify=True")
        nodes = list(graph)
        place = {x: i for i, x in enumerate(nodes)}
        ends = [(place[x], place[y]) for x, y in graph.edges()]
        values = None if weight is None else [_given(value, x, y, weight) for x, y, value in graph.edges(data=weight)]
        u, v = zip(*ends) if ends else ((), ())
        named = nodes != list(range(len(nodes))) or any("name" in graph.nodes[x] for x in nodes)
        names = [graph.nodes[x].get("name", x) for x in nodes] if named else None
        return cls.from_edges(u, v, len(nodes), weights=values, simplify=simplify, names=names)

    @overload
    @classmethod
    def from_igraph(cls, graph: igraph.Graph, *, weight: None = None, simplify: bool = False) -> Graph: ...

    @overload
    @classmethod
    def from_igraph(cls, graph: igraph.Graph, *, weight: str, simplify: bool = False) -> tuple[Graph, np.ndarray]: ...

    @classmethod
    def from_igraph(cls, graph: igraph.Graph, *, weight: str | None = None, simplify: bool = False) -> Graph | tuple[Graph, np.ndarray]:
        """The graph of an undirected igraph graph; with `weight`, an edge attribute: `(graph, values)`.

        >>> import igraph as ig
        >>> Graph.from_igraph(ig.Graph.Ring(5))
        Graph(5 nodes, 5 links)
        """
        if graph.is_directed() and not simplify:
            raise ValueError("got a directed igraph graph; pass graph.as_undirected(), or simplify=True")
        ends = np.array(graph.get_edgelist(), dtype=np.int64).reshape(-1, 2)
        names = graph.vs["name"] if "name" in graph.vs.attributes() else None
        return cls.from_edges(ends[:, 0], ends[:, 1], graph.vcount(), simplify=simplify, names=names,
                              weights=None if weight is None else _igraph_values(graph, weight))

    # ---- reading ----------------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, int]:
        """(n, n): the shape of the adjacency matrix."""
        return self.n, self.n

    @property
    def n_links(self) -> int:
        """How many links there are, each counted once."""
        return len(self.indices) // 2

    @property
    def density(self) -> float:
        """Links over possible links; 0 for fewer than two nodes.

        >>> Graph.from_edges([0, 1, 2, 3], [1, 2, 3, 0], n=4).density
        0.6666666666666666
        """
        return self.n_links / (self.n * (self.n - 1) / 2) if self.n > 1 else 0.0

    @cached_property
    def links(self) -> tuple[np.ndarray, np.ndarray]:
        """(u, v) of every link with u < v, sorted: the order of every weight array.

        >>> [ends.tolist() for ends in Graph.from_edges([2, 1], [0, 0], n=3).links]
        [[0, 0], [1, 2]]
        """
        row = np.repeat(np.arange(self.n, dtype=np.int32), self.degrees)
        upper = row < self.indices
        return _read_only(row[upper]), _read_only(self.indices[upper])

    @property
    def ids(self) -> np.ndarray:
        """u * n + v of every link (u < v): sorted int64.

        >>> Graph.from_edges([2, 1], [0, 2], n=3).ids.tolist()
        [2, 5]
        """
        u, v = self.links
        return u.astype(np.int64) * self.n + v

    @cached_property
    def degrees(self) -> np.ndarray:
        """Links of each node."""
        return _read_only(np.diff(self.indptr))

    def find(self, u: ArrayLike, v: ArrayLike) -> np.ndarray:
        """Position of each link u[i] - v[i] in `links` order, -1 where there is none.

        >>> Graph.from_edges([0, 1], [1, 2], n=3).find([2, 0], [1, 2]).tolist()
        [1, -1]
        """
        u, v = _check_ids(u, self.n, "u"), _check_ids(v, self.n, "v")
        return _find(self.ids, np.minimum(u, v) * self.n + np.maximum(u, v))

    # ---- set algebra ------------------------------------------------------------------------------

    def select(self, mask: ArrayLike) -> Graph:
        """The links where `mask` (one boolean a link) is true; nodes stay.

        >>> graph, weights = Graph.from_edges([0, 1, 2], [1, 2, 3], n=4, weights=[0.5, 0.1, 0.7])
        >>> graph.select(weights > 0.3)
        Graph(4 nodes, 2 links)
        """
        mask = np.asarray(mask, dtype=bool)
        if mask.shape != (self.n_links,):
            raise ValueError(f"mask must have one value a link ({self.n_links}), got shape {mask.shape}")
        return self._of_ids(self.ids[mask])

    def __or__(self, other: Graph) -> Graph:
        return self._of_ids(_union(self.ids, self._same_size(other).ids))

    def __and__(self, other: Graph) -> Graph:
        ids = self.ids
        return self._of_ids(ids[_find(self._same_size(other).ids, ids) >= 0])

    def __sub__(self, other: Graph) -> Graph:
        ids = self.ids
        return self._of_ids(ids[_find(self._same_size(other).ids, ids) < 0])

    def with_links(self, u: ArrayLike, v: ArrayLike) -> Graph:
        """A graph of the same nodes with other links.

        >>> Graph.from_edges([0], [1], n=3, names=["a", "b", "c"]).with_links([0, 1], [2, 2]).names
        ('a', 'b', 'c')
        """
        return Graph.from_edges(u, v, self.n, names=self.names)

    # ---- conversions ------------------------------------------------------------------------------

    def to_scipy(self, weights: ArrayLike | None = None) -> sp.csr_array:
        """Symmetric CSR array of `weights` (ones without).

        >>> (Graph.from_edges([0, 1], [1, 2], n=3).to_scipy([0.5, 0.7]) @ [1, 10, 100]).tolist()
        [5.0, 70.5, 7.0]
        """
        data = np.ones(self.n_links) if weights is None else _check_weights(weights, self.n_links)
        u, v = self.links
        both = np.concatenate([u, v]), np.concatenate([v, u])
        matrix = sp.csr_array(sp.coo_array((np.concatenate([data, data]), both), shape=self.shape))
        matrix.sort_indices()
        return matrix

    def to_dense(self, weights: ArrayLike | None = None) -> np.ndarray:
        """(n, n) symmetric array: boolean, or the weights with 0 where there is no link.

        >>> Graph.from_edges([0], [1], n=2).to_dense([0.5])
        array([[0. , 0.5],
               [0.5, 0. ]])
        """
        values = True if weights is None else _check_weights(weights, self.n_links)
        dense = np.zeros(self.shape, dtype=np.asarray(values).dtype)
        u, v = self.links
        dense[u, v] = dense[v, u] = values
        return dense

    def to_networkx(self, weights: ArrayLike | None = None) -> networkx.Graph:
        """networkx Graph on 0 .. n-1, or on the nodes' names; weights become the edge attribute `weight`.

        >>> graph = Graph.from_edges([0, 1], [1, 2], n=3, names=["a", "b", "c"]).to_networkx([0.5, 0.7])
        >>> list(graph.edges(data="weight"))
        [('a', 'b', 0.5), ('b', 'c', 0.7)]
        """
        import networkx as nx

        labels = list(range(self.n)) if self.names is None or not _distinct(self.names) else list(self.names)
        graph = nx.Graph()
        for i, label in enumerate(labels):
            graph.add_node(label, **({} if self.names is None else {"name": self.names[i]}))
        u, v = (x.tolist() for x in self.links)
        values = None if weights is None else _check_weights(weights, self.n_links).tolist()
        if values is None:
            graph.add_edges_from((labels[i], labels[j]) for i, j in zip(u, v))
        else:
            graph.add_weighted_edges_from((labels[i], labels[j], w) for i, j, w in zip(u, v, values))
        return graph

    def to_igraph(self, weights: ArrayLike | None = None) -> igraph.Graph:
        """igraph Graph with vertex attribute `name` if named and edge attribute `weight` if given.

        >>> graph = Graph.from_edges([0, 1], [1, 2], n=3).to_igraph([0.5, 0.7])
        >>> graph.get_edgelist(), graph.es["weight"]
        ([(0, 1), (1, 2)], [0.5, 0.7])
        """
        import igraph as ig

        graph = ig.Graph(n=self.n, edges=np.column_stack(self.links).tolist())
        if self.names is not None:
            graph.vs["name"] = list(self.names)
        if weights is not None:
            graph.es["weight"] = _check_weights(weights, self.n_links).tolist()
        return graph

    # ---- the value --------------------------------------------------------------------------------

    def __repr__(self) -> str:
        return f"Graph({self.n} nodes, {self.n_links} links)"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Graph):
            return NotImplemented
        return (self.n == other.n and np.array_equal(self.indptr, other.indptr)
                and np.array_equal(self.indices, other.indices) and self.names == other.names)

    @cached_property
    def _hash(self) -> int:
        return hash(("Graph", self.n, self.names, _digest(self.indptr, self.indices)))

    def __hash__(self) -> int:
        return self._hash

    def __reduce__(self) -> tuple[Any, ...]:
        return Graph, (self.n, np.array(self.indptr), np.array(self.indices), self.names)

    def _of_ids(self, ids: np.ndarray) -> Graph:
        return self.with_links(ids // max(self.n, 1), ids % max(self.n, 1))

    def _same_size(self, other: Graph) -> Graph:
        if not isinstance(other, Graph) or other.n != self.n:
            raise ValueError(f"graphs must have the same number of nodes, got {self} and {other}")
        return other


# ---- helpers: arrays in, checked arrays out ---------------------------------------------------------


def _csr(row: np.ndarray, col: np.ndarray, n_rows: int, n_cols: int, simplify: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Canonical (indptr, indices) of links row -> col, and the order that sorts the links' weights."""
    if len(row) != len(col):
        raise ValueError(f"row and col must have the same length, got {len(row)} and {len(col)}")
    ids = row * n_cols + col
    order = np.argsort(ids, kind="stable")
    ids = ids[order]
    repeated = np.flatnonzero(ids[1:] == ids[:-1]) + 1
    if repeated.size:
        if not simplify:
            where = int(order[repeated[0]])
            raise ValueError(f"link {int(row[where])} -> {int(col[where])} is given twice (simplify=True keeps the first)")
        order = np.delete(order, repeated)
    indptr = np.zeros(n_rows + 1, dtype=np.int64)
    np.cumsum(np.bincount(row[order], minlength=n_rows), out=indptr[1:])
    return indptr, col[order], order


def _canonical(matrix: Any) -> sp.csr_array:
    """A sorted CSR copy, repeated entries summed: sorting in place would reorder the caller's own arrays."""
    matrix = sp.csr_array(matrix, copy=True)
    if matrix.ndim != 2:
        raise ValueError(f"the matrix must have 2 dimensions, got shape {matrix.shape}")
    matrix.sum_duplicates()
    return matrix


def _transpose(indptr: np.ndarray, indices: np.ndarray, n_cols: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """CSR of the transpose, and for each of its links the position of the same link in the original."""
    n_rows, n_links = len(indptr) - 1, len(indices)
    csc = sp.csr_array((np.arange(1, n_links + 1, dtype=np.int32), indices, indptr), shape=(n_rows, n_cols)).tocsc()
    return csc.indptr, csc.indices, csc.data - 1


def _union(*ids: np.ndarray) -> np.ndarray:
    """What any of some arrays holds, sorted: in linear time where they are sorted, which a stable sort finds out."""
    every = np.sort(np.concatenate(ids), kind="stable")
    return every[np.append(True, every[1:] != every[:-1])[:len(every)]]


def _find(ids: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    if not len(ids):
        return np.full(len(wanted), -1)
    at = np.searchsorted(ids, wanted)
    found = ids[np.minimum(at, len(ids) - 1)] == wanted
    return np.where(found, at, -1)


def _freeze_csr(value: Layer | Graph, n_rows: int, n_cols: int) -> None:
    """Check the CSR arrays of a new value and store them as read-only int32."""
    indptr, indices = np.asarray(value.indptr), np.asarray(value.indices)
    for array, name in ((indptr, "indptr"), (indices, "indices")):
        if array.ndim != 1 or array.dtype.kind not in "iu":
            raise ValueError(f"{name} must be a one-dimensional integer array, got {array.dtype} of shape {array.shape}")
    if len(indices) > MAX_INDEX:
        raise ValueError(f"at most {MAX_INDEX} links, got {len(indices)}")
    if len(indptr) != n_rows + 1 or indptr[0] != 0 or indptr[-1] != len(indices) or (np.diff(indptr) < 0).any():
        raise ValueError(f"indptr must rise from 0 to the {len(indices)} links in {n_rows + 1} entries")
    if len(indices):
        if indices.min() < 0 or indices.max() >= n_cols:
            raise ValueError(f"column {int(indices.max() if indices.max() >= n_cols else indices.min())} lies outside 0 .. {n_cols - 1}")
        rising = np.diff(indices.astype(np.int64)) > 0
        starts = indptr[1:-1]
        rising[starts[(starts > 0) & (starts < len(indices))] - 1] = True
        if not rising.all():
            raise ValueError("the columns of each row must rise: unsorted or repeated links (use from_edges)")
    object.__setattr__(value, "indptr", _read_only(indptr.astype(np.int32)))
    object.__setattr__(value, "indices", _read_only(indices.astype(np.int32)))


def _check_size(n: int, name: str) -> None:
    if isinstance(n, bool) or not isinstance(n, (int, np.integer)) or not 0 <= n <= MAX_INDEX:
        raise ValueError(f"{name} must be a whole number from 0 to {MAX_INDEX}, got {n!r}")


def _check_shape(shape: Sequence[int]) -> tuple[int, int]:
    try:
        n_in, n_out = shape
    except (TypeError, ValueError):
        raise ValueError(f"shape must be (n_in, n_out), got {shape!r}") from None
    _check_size(n_in, "n_in")
    _check_size(n_out, "n_out")
    return int(n_in), int(n_out)


def _check_ids(ids: ArrayLike, n: int, name: str) -> np.ndarray:
    ids = np.atleast_1d(np.asarray(ids))
    if ids.size == 0:
        ids = ids.astype(np.int64)
    if ids.ndim != 1 or ids.dtype.kind not in "iu":
        raise ValueError(f"{name} must be a one-dimensional array of whole numbers, got {ids.dtype} of shape {ids.shape}")
    if ids.size and (ids.min() < 0 or ids.max() >= n):
        bad = int(ids.max() if ids.max() >= n else ids.min())
        raise ValueError(f"{name} holds {bad}, outside 0 .. {n - 1}")
    return ids.astype(np.int64)


def _given(value: Any, x: Any, y: Any, attribute: str) -> Any:
    """The value of a link x - y; a ValueError if it has none."""
    if value is None:
        raise ValueError(f"link {x!r} - {y!r} has no {attribute!r}")
    return value


def _igraph_values(graph: igraph.Graph, attribute: str) -> list:
    """An attribute of all links; a ValueError for the first that has none."""
    values = graph.es[attribute] if attribute in graph.es.attributes() else [None] * graph.ecount()
    return [_given(value, x, y, attribute) for value, (x, y) in zip(values, graph.get_edgelist())]


def _check_weights(weights: ArrayLike, n_links: int) -> np.ndarray:
    weights = np.asarray(weights)
    if weights.shape != (n_links,):
        raise ValueError(f"weights must have one value a link ({n_links}), got shape {weights.shape}")
    if weights.dtype.kind not in "biuf":
        raise ValueError(f"weights must be numbers, got {weights.dtype}")
    if weights.dtype.kind == "f" and np.isnan(weights).any():
        raise ValueError(f"the weight of link number {int(np.flatnonzero(np.isnan(weights))[0])} is NaN")
    return weights


def _check_names(names: Sequence | None, n: int, what: str) -> Names | None:
    if names is None or n == 0:
        return None
    names = tuple(name.item() if isinstance(name, np.generic) else name for name in names)
    if len(names) != n:
        raise ValueError(f"{what} must hold one name a neuron ({n}), got {len(names)}")
    if None in names:
        raise ValueError(f"{what} must name every neuron, but number {names.index(None)} is None")
    if len(set(names)) != n:
        raise ValueError(f"{what} must differ from each other; {next(x for x in names if names.count(x) > 1)!r} stands twice")
    return names


def _distinct(labels: Sequence) -> bool:
    """Whether labels differ even as text: 0 and '0' would become one node in most files."""
    return len(set(map(str, labels))) == len(labels)


def _split_names(names: Sequence, side: Sequence[int] | np.ndarray) -> list[list | None]:
    """The names of the inputs and of the outputs; None for a side where one is missing."""
    sides = [[name for name, s in zip(names, side) if s == which] for which in (0, 1)]
    return [None if any(name is None for name in part) or not part else part for part in sides]


def _side(values: Sequence, nodes: Sequence, attribute: str) -> list[int]:
    for value, node in zip(values, nodes):
        if value not in (0, 1):
            raise ValueError(f"node {node!r} has {attribute}={value!r}; every node needs 0 (input) or 1 (output)")
    return [int(value) for value in values]


def _digest(*arrays: np.ndarray) -> bytes:
    digest = hashlib.blake2b(digest_size=8)
    for array in arrays:
        digest.update(array.tobytes())
    return digest.digest()


def _read_only(array: np.ndarray) -> np.ndarray:
    array.setflags(write=False)
    return array
