"""What every file format reads and writes: one flat list of nodes and one of links."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NoReturn

import numpy as np
from numpy.typing import ArrayLike

from netsnn.errors import FileError, type_name
from netsnn.graph import Graph, Layer
from netsnn.network import Network

__all__ = ["KINDS", "Record", "check_claim", "fail", "flatten", "most_nodes", "unflatten"]

KINDS = ("layer", "graph", "network")
MOST_GROUPS = 10_001
SIMPLIFY = "simplify=True or --simplify"


@dataclass
class Record:
    """Nodes in groups (a graph has one, a layer two, a network one more than layers) and links between them.

    `u` and `v` are places in the list of all nodes, group after group unless `group` says which node is where.
    """

    kind: str
    sizes: list[int]
    u: np.ndarray
    v: np.ndarray
    weights: np.ndarray | None = None
    names: list[list[str] | None] = field(default_factory=list)
    layer_names: list[str] | None = None
    lines: np.ndarray | None = None
    """The line of the file on which each link stands, for messages."""
    directed: bool = False

    @property
    def n(self) -> int:
        return sum(self.sizes)

    @property
    def group(self) -> np.ndarray:
        return np.repeat(np.arange(len(self.sizes)), self.sizes)

    @property
    def first(self) -> np.ndarray:
        """Place of the first node of each group."""
        return np.concatenate([[0], np.cumsum(self.sizes)[:-1]]).astype(np.int64)

    def all_names(self) -> list[Any]:
        """The name of every node, or None."""
        return [name for names, size in zip(self.names, self.sizes) for name in (names if names is not None else [None] * size)]

    def labels(self) -> list[str]:
        """A different label for every node: its name where all names differ, its place otherwise."""
        labels = [str(place) if name is None else str(name) for place, name in enumerate(self.all_names())]
        return labels if len(set(labels)) == len(labels) else [str(place) for place in range(self.n)]

    @classmethod
    def of_groups(cls, kind: str, group: list[int], names: list, u: ArrayLike, v: ArrayLike, **more: Any) -> Record:
        """A record from nodes in any order, each with its group; a group is named if all its nodes are."""
        order = np.argsort(np.asarray(group, dtype=np.int64), kind="stable")
        place = np.empty(len(order), dtype=np.int64)
        place[order] = np.arange(len(order))
        n_groups = max(max(group, default=0) + 1, {"graph": 1, "layer": 2}.get(kind, 2))
        split: list[list] = [[] for _ in range(n_groups)]
        for i in order.tolist():
            split[group[i]].append(names[i])
        return cls(kind, [len(part) for part in split], place[np.asarray(u, dtype=np.int64)], place[np.asarray(v, dtype=np.int64)],
                   names=[None if not part or any(name is None for name in part) else part for part in split], **more)


def fail(source: str, reason: str, line: int | None = None) -> NoReturn:
    raise FileError(f"{source}:{line}: {reason}" if line is not None else f"{source}: {reason}") from None


def check_claim(source: str, nodes: int, size: int, line: int | None = None) -> None:
    """Refuse a number of nodes that a file of `size` bytes cannot mean seriously, before memory is set aside for it."""
    most = most_nodes(size)
    if not 0 <= nodes <= most:
        fail(source, f"a file of {size} bytes cannot hold {nodes} nodes (at most {most} are believed)", line)


def most_nodes(size: int) -> int:
    """The largest number of nodes that a file of `size` bytes is believed to hold."""
    return max(10_000_000, 64 * size)


def flatten(value: Layer | Graph | Network, weights: Any = None) -> Record:
    """The record of a value."""
    if isinstance(value, Layer):
        (row, col), names = value.links, [value.input_names, value.output_names]
        record = Record("layer", list(value.shape), row.astype(np.int64), col.astype(np.int64) + value.n_in)
    elif isinstance(value, Graph):
        (row, col), names = value.links, [value.names]
        record = Record("graph", [value.n], row.astype(np.int64), col.astype(np.int64))
    elif isinstance(value, Network):
        first = np.concatenate([[0], np.cumsum(value.sizes)])
        u = np.concatenate([layer.links[0].astype(np.int64) + first[i] for i, layer in enumerate(value)])
        v = np.concatenate([layer.links[1].astype(np.int64) + first[i + 1] for i, layer in enumerate(value)])
        names = [value[0].input_names, *(layer.output_names for layer in value)]
        for i, layer in enumerate(value.layers[1:], 1):
            names[i] = names[i] if names[i] is not None else layer.input_names
        record = Record("network", list(value.sizes), u, v, layer_names=[str(name) for name in value.names] if value.names else None)
        if weights is not None:
            if len(weights) != len(value):
                raise ValueError(f"a network of {len(value)} layers needs one array of weights a layer, got {len(weights)}")
            for i, (layer, w) in enumerate(zip(value, weights)):
                if np.shape(w) != (layer.n_links,):
                    raise ValueError(f"the weights of layer {i} must have one value a link ({layer.n_links}), got shape {np.shape(w)}")
            weights = np.concatenate(weights)
    else:
        raise ValueError(f"can write a Layer, Graph or Network, got {type_name(value)}")
    record.names = [None if part is None else [str(name) for name in part] for part in names]
    for part in [*record.names, record.layer_names]:
        if part is not None and len(set(part)) != len(part):
            raise ValueError("names that differ only as numbers and texts (1 and '1') cannot be told apart in a file")
    if weights is not None:
        weights = np.asarray(weights)
        if weights.shape != (len(record.u),):
            raise ValueError(f"weights must have one value a link ({len(record.u)}), got shape {weights.shape}")
        if weights.dtype.kind not in "biuf" or (weights.dtype.kind == "f" and np.isnan(weights).any()):
            raise ValueError(f"weights must be real numbers and not NaN, got {weights.dtype}")
        record.weights = weights
    return record


def unflatten(source: str, record: Record, simplify: bool = False) -> tuple[Layer | Graph | Network, Any]:
    """(value, weights) of a record that a file gave: here it is checked, link by link; `simplify` drops self-loops and repeated links."""
    u, v, weights = record.u, record.v, record.weights
    if weights is not None and weights.dtype.kind == "f" and np.isnan(weights).any():
        _fail_at(source, record, np.flatnonzero(np.isnan(weights))[0], "the weight is NaN")
    if record.kind == "graph":
        if not simplify:
            if (u == v).any():
                where = np.flatnonzero(u == v)[0]
                _fail_at(source, record, where, f"node {_label(record, u[where])} is linked to itself ({SIMPLIFY} drops such links)")
            _check_repeated(source, record, np.minimum(u, v), np.maximum(u, v))
        result: Any = Graph.from_edges(u, v, record.n, weights=weights, simplify=simplify, names=record.names[0] if record.names else None)
        return result if weights is not None else (result, None)
    if len(record.sizes) > MOST_GROUPS:
        fail(source, f"a network of {len(record.sizes)} groups (at most {MOST_GROUPS} are read)")
    group, first = record.group, record.first
    forward = group[v] - group[u]
    if not record.directed:
        swap = forward == -1
        u, v = np.where(swap, v, u), np.where(swap, u, v)
        forward = np.abs(forward)
    if (forward != 1).any():
        where = np.flatnonzero(forward != 1)[0]
        _fail_at(source, record, where, f"link {_label(record, record.u[where])} - {_label(record, record.v[where])} does not go from "
                 f"{'an input to an output' if record.kind == 'layer' else 'one group to the next'}")
    if not simplify:
        _check_repeated(source, record, u, v)
    names = record.names or [None] * len(record.sizes)
    layers, values = [], []
    order = np.argsort(group[u], kind="stable")
    bounds = np.searchsorted(group[u][order], np.arange(len(record.sizes)))
    for i in range(len(record.sizes) - 1):
        here = order[bounds[i]:bounds[i + 1]]
        made: Any = Layer.from_edges(u[here] - first[i], v[here] - first[i + 1], (record.sizes[i], record.sizes[i + 1]),
                                weights=None if weights is None else weights[here], simplify=simplify,
                                input_names=names[i], output_names=names[i + 1])
        layer, w = made if weights is not None else (made, None)
        layers.append(layer)
        values.append(w)
    if record.kind == "layer":
        return layers[0], values[0]
    return Network(layers, record.layer_names), None if weights is None else values


def _check_repeated(source: str, record: Record, a: np.ndarray, b: np.ndarray) -> None:
    ids = a * max(record.n, 1) + b
    order = np.argsort(ids, kind="stable")
    repeated = np.flatnonzero(ids[order][1:] == ids[order][:-1])
    if len(repeated):
        at = repeated[np.argmin(order[1:][repeated])]
        earlier, where = order[at], order[at + 1]
        before = f"link number {int(earlier) + 1}" if record.lines is None else f"line {int(record.lines[earlier])}"
        turned = ", in the other direction" if record.u[where] != record.u[earlier] else ""
        _fail_at(source, record, where, f"link {_label(record, record.u[where])} - {_label(record, record.v[where])} is given twice "
                                        f"(first on {before}{turned}; {SIMPLIFY} keeps the first)")


def _fail_at(source: str, record: Record, where: int | np.integer, reason: str) -> NoReturn:
    fail(source, reason if record.lines is not None else f"link number {int(where) + 1}: {reason}",
         None if record.lines is None else int(record.lines[where]))


def _label(record: Record, place: int | np.integer) -> str:
    name = record.all_names()[int(place)] if record.names else None
    return str(int(place)) if name is None else repr(name)
