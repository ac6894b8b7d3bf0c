"""Hiding links: a training graph and the test links that a score should find again."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse.csgraph import connected_components

from netsnn.errors import FileError, check_within, type_name
from netsnn.graph import Graph, Layer
from netsnn.hints import PathLike, Seed, generator
from netsnn.io import read
from netsnn.linkpred.scorers import check_pairs

__all__ = ["NEGATIVES", "REMOVALS", "Split", "read_split", "split"]

REMOVALS = {
    "random": "any links, each as likely",
    "connected": "any links outside a uniformly drawn spanning tree: what was connected stays so",
}
NEGATIVES = {
    "all": "every unlinked pair that is no test link",
    "degree_matched": "as many unlinked pairs as test links, drawn in proportion to the product of their degrees, as the ends of links are "
                      "(Aiyappa et al. 2024)",
    "sampled": "as many unlinked pairs as test links, each as likely",
}


@dataclass(frozen=True, eq=False)
class Split:
    """A training graph, the links hidden from it, and the other candidates (None: every other unlinked pair)."""

    train: Layer | Graph
    test: tuple[np.ndarray, np.ndarray]
    negatives: tuple[np.ndarray, np.ndarray] | None = None


def split(graph: Layer | Graph, fraction: float = 0.1, *, removal: str = "random", negatives: str = "all", seed: Seed = 0) -> Split:
    """Hide round(fraction * links) links.

    Parameters
    ----------
    fraction : float
        Of all links.
    removal : "random" or "connected"
        See `REMOVALS`. "connected" biases the test set against bridges and leaves: say which was used.
    negatives : "all", "degree_matched" or "sampled"
        See `NEGATIVES`. Sampling changes the ranking of methods; up to some 10,000 nodes there is no need to.
    seed : int or numpy Generator

    References
    ----------
    Degree-matched negatives: Aiyappa et al., ICML 2025, arXiv 2405.14985.

    Examples
    --------
    >>> graph = Graph.from_edges([0, 0, 1, 1, 2, 3], [1, 2, 2, 3, 3, 4], 5)
    >>> hidden = split(graph, 1 / 3, removal="connected", seed=0)
    >>> hidden.train, len(hidden.test[0])
    (Graph(5 nodes, 4 links), 2)
    """
    if not isinstance(graph, (Layer, Graph)):
        raise ValueError(f"split needs a Layer or a Graph, got {type_name(graph)}")
    check_within("fraction", fraction, "(0, 1)")
    if removal not in REMOVALS:
        raise ValueError(f"removal must be one of {', '.join(REMOVALS)}, got {removal!r}")
    if negatives not in NEGATIVES:
        raise ValueError(f"negatives must be one of {', '.join(NEGATIVES)}, got {negatives!r}")
    rng = generator(seed)
    count = round(fraction * graph.n_links)
    if not count:
        raise ValueError(f"{fraction:g} of {graph.n_links} links is no link at all; hide a larger fraction")
    loose = np.arange(graph.n_links)
    if removal == "connected":
        loose = np.setdiff1d(loose, spanning_forest(graph, rng), assume_unique=True)
        if count > len(loose):
            raise ValueError(f"cannot hide {count} of {graph.n_links} links and keep the graph connected: only {len(loose)} are no part of a spanning tree")
    hidden = np.zeros(graph.n_links, dtype=bool)
    hidden[rng.choice(loose, count, replace=False)] = True
    return _split(graph, hidden, negatives, rng)


def read_split(graph: Layer | Graph, test: PathLike, negatives: PathLike | None = None) -> Split:
    """A fixed split: the test links (and the negatives) are read from edge lists, by the graph's names or its ids.

    Test links must be links of the graph, negatives must not.

    Parameters
    ----------
    graph : Layer or Graph
        With all its links.
    test, negatives : path
        Edge lists; without `negatives` every other unlinked pair is a candidate.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> path = Path(tempfile.mkdtemp()) / "test.edges"
    >>> _ = path.write_text("0 1\\n2 3\\n")
    >>> hidden = read_split(Graph.from_edges([0, 1, 2], [1, 2, 3], n=4), path)
    >>> hidden.train, [ids.tolist() for ids in hidden.test]
    (Graph(4 nodes, 1 links), [[0, 2], [1, 3]])
    """
    pairs = _read_pairs(graph, test)
    at = graph.find(*pairs)
    if (at < 0).any():
        u, v = (int(x[at < 0][0]) for x in pairs)
        raise FileError(f"{test}: {_label(graph, u, 0)} - {_label(graph, v, 1)} is no link of the network")
    hidden = np.zeros(graph.n_links, dtype=bool)
    hidden[at] = True
    others = None
    if negatives is not None:
        others = _read_pairs(graph, negatives)
        linked = graph.find(*others) >= 0
        if linked.any():
            u, v = (int(x[linked][0]) for x in others)
            raise FileError(f"{negatives}: {_label(graph, u, 0)} - {_label(graph, v, 1)} is a link of the network, so no negative")
    return Split(graph.select(~hidden), _pairs(graph, hidden), others)


def spanning_forest(graph: Layer | Graph, generator: np.random.Generator) -> np.ndarray:
    """Numbers of the links of a spanning tree drawn uniformly from all spanning trees (of each component; Wilson 1996)."""
    from netsnn.kernels.trees import wilson

    whole = graph.to_graph() if isinstance(graph, Layer) else graph
    _, component = connected_components(whole.to_scipy(), directed=False)
    roots = np.unique(component, return_index=True)[1]
    parent = np.full(whole.n, -1, dtype=np.int64)
    wilson(whole.indptr, whole.indices, roots, np.uint64(generator.integers(2**63)), parent)
    child = np.flatnonzero(parent >= 0)
    return np.sort(whole.find(child, parent[child]))


def _split(graph: Layer | Graph, hidden: np.ndarray, negatives: str, generator: np.random.Generator) -> Split:
    train, test = graph.select(~hidden), _pairs(graph, hidden)
    if negatives == "all":
        return Split(train, test)
    return Split(train, test, _draw(graph, int(hidden.sum()), negatives == "degree_matched", generator))


def _draw(graph: Layer | Graph, count: int, by_degree: bool, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """`count` different unlinked pairs of the whole graph."""
    layer, n_cols = isinstance(graph, Layer), graph.shape[1]
    u, v = graph.links
    ends = (u, v) if layer else (np.concatenate([u, v]),) * 2
    sides = [np.count_nonzero(d) if by_degree else len(d) for d in ((graph.out_degrees, graph.in_degrees) if layer else (graph.degrees,))]
    free = (sides[0] * sides[1] if layer else sides[0] * (sides[0] - 1) // 2) - graph.n_links
    if count > free:
        raise ValueError(f"cannot draw {count} negatives: the graph has {free} unlinked pairs{' of linked nodes' if by_degree else ''}")
    if 2 * count > free:  # nearly all of them, where drawing until new ones come may never end: list them (Gumbel top-k draws the same way)
        if layer:
            a, b = np.divmod(np.arange(len(graph.out_degrees) * n_cols), n_cols)
            weight = graph.out_degrees[a].astype(np.float64) * graph.in_degrees[b]
        else:
            a, b = np.triu_indices(n_cols, 1)
            weight = graph.degrees[a].astype(np.float64) * graph.degrees[b]
        keep = (graph.find(a, b) < 0) & ((weight > 0) | (not by_degree))
        a, b, weight = a[keep], b[keep], weight[keep]
        key = generator.gumbel(size=len(a)) + (np.log(weight) if by_degree else 0)
        chosen = np.argsort(-key)[:count]
        return a[chosen], b[chosen]
    found = np.empty(0, dtype=np.int64)
    while len(found) < count:
        size = 2 * (count - len(found)) + 16
        if by_degree:
            a, b = (end[generator.integers(len(end), size=size)].astype(np.int64) for end in ends)
        else:
            a, b = (generator.integers(n, size=size) for n in graph.shape)
        if not layer:
            a, b = np.minimum(a, b), np.maximum(a, b)
        fresh = (graph.find(a, b) < 0) & ((a != b) | layer)
        pair = a[fresh] * n_cols + b[fresh]
        _, first = np.unique(pair, return_index=True)
        pair = pair[np.sort(first)]  # in the order of drawing, so that the draw stays in proportion
        found = np.concatenate([found, pair[~np.isin(pair, found)]])[:count]
    return found // n_cols, found % n_cols


def _pairs(graph: Layer | Graph, hidden: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    u, v = graph.links
    return u[hidden].astype(np.int64), v[hidden].astype(np.int64)


def _read_pairs(graph: Layer | Graph, path: PathLike) -> tuple[np.ndarray, np.ndarray]:
    """The pairs of an edge list, as ids of this graph."""
    layer = isinstance(graph, Layer)
    listed = read(path, kind="layer" if layer else None)
    if isinstance(listed, Layer) != layer:
        raise FileError(f"{path}: holds a {type(listed).__name__}, the network is a {type(graph).__name__}")
    u, v = (x.astype(np.int64) for x in listed.links)
    sides = [(u, listed.input_names, graph.input_names, graph.n_in), (v, listed.output_names, graph.output_names, graph.n_out)] if layer \
        else [(u, listed.names, graph.names, graph.n), (v, listed.names, graph.names, graph.n)]
    ends = []
    for ids, mine, names, n in sides:
        place = {str(name): i for i, name in enumerate(names if names is not None else range(n))}
        if mine is None and names is not None and all(str(i) in place for i in ids.tolist()):
            mine = range(int(ids.max(initial=-1)) + 1)  # names that happen to be numbers
        if mine is not None:
            unknown = next((mine[i] for i in ids.tolist() if str(mine[i]) not in place), None)
            if unknown is not None:
                raise FileError(f"{path}: the network has no node {unknown!r}")
            ids = np.array([place[str(mine[i])] for i in ids.tolist()], dtype=np.int64)
        elif len(ids) and ids.max() >= n:
            raise FileError(f"{path}: the network has no node {int(ids.max())}, only 0 .. {n - 1}")
        ends.append(ids)
    check_pairs(graph, ends)
    return (ends[0], ends[1]) if layer else (np.minimum(*ends), np.maximum(*ends))


def _label(graph: Layer | Graph, i: int, side: int) -> str:
    names = (graph.input_names, graph.output_names)[side] if isinstance(graph, Layer) else graph.names
    return str(names[i]) if names is not None else str(i)
