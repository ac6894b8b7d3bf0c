"""Scorers of the local and path scores: weighted walks, and pairs with their local communities."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import cast

import numpy as np

from netsnn.errors import check_within
from netsnn.graph import Graph, Layer
from netsnn.linkpred.blocks import CompressedRows, DenseRows, pick_from_rows
from netsnn.linkpred.methods import Factor, Method
from netsnn.threads import run

__all__ = ["communities", "degree_product", "factor_table", "local_path", "neighbourhood", "paths3"]


def factor_table(degrees: np.ndarray, factor: Factor, ends: int) -> tuple[np.ndarray, np.ndarray]:
    """(table, offset): table[offset[z] + i] = factor(d, i, d - ends - i) for a node z of degree d that `ends` ends neighbour.

    One row a distinct degree, so the table is never longer than the links. Where the factor is not defined
    (a node cannot have so many internal links) the table holds 0.
    """
    distinct, which = np.unique(degrees, return_inverse=True)
    starts = np.concatenate([[0], np.cumsum(distinct.astype(np.int64) + 1)])
    d = np.repeat(distinct, distinct + 1).astype(np.float64)
    i = np.arange(starts[-1], dtype=np.float64) - np.repeat(starts[:-1], distinct + 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        table = np.asarray(factor(d, i, d - ends - i), dtype=np.float64)
    table[~np.isfinite(table)] = 0.0
    return np.append(table, 0.0), starts[which].astype(np.uint64)  # one more entry: a count of 1 at degree 0


def neighbourhood(graph: Layer | Graph, method: Method) -> CompressedRows:
    """CN, Jaccard, AA, RA: walks u - z - v weighted by z."""
    from netsnn.kernels.walks import walk2

    indptr, indices = graph.indptr.view(np.uint32), graph.indices.view(np.uint32)
    degrees = graph.degrees.astype(np.float64)
    with np.errstate(divide="ignore"):
        weight = cast(Callable, method.factor)(degrees, None, None)  # these look at the degree alone
    weight[~np.isfinite(weight)] = 0.0

    def compress(rows: np.ndarray, upper: bool, ptr: np.ndarray, col: np.ndarray, val: np.ndarray, keep_links: bool = False) -> None:
        walk2(indptr, indices, weight, rows, upper, keep_links, ptr, col, val)
        if method.name == "jaccard":
            shared = val[:ptr[-1]]
            both = degrees[np.repeat(rows, np.diff(ptr))] + degrees[col[:ptr[-1]]] - shared
            np.divide(shared, both, out=shared)

    bound = graph.to_scipy() @ degrees
    pairs = _pick_compressed(graph, bound, partial(compress, keep_links=True))
    return CompressedRows(graph, bound, compress, pairs)


def paths3(graph: Layer | Graph, method: Method) -> CompressedRows:
    """L3: walks u - a - b - v weighted by 1 / sqrt(d(a) d(b)); for unlinked pairs every walk is a path."""
    compress, bound = _walks3(graph, lambda d: 1 / np.sqrt(np.maximum(d, 1)), 1.0, 0.0)
    return CompressedRows(graph, bound, lambda *arrays: compress(*arrays, False), communities(graph, method).pairs)


def local_path(graph: Layer | Graph, eps: float = 0.01) -> CompressedRows:
    """LP: A^2 + eps A^3. Between the two sides of a layer A^2 is 0."""
    check_within("eps", eps, "(0, inf)")
    compress, bound = _walks3(graph, np.ones_like, float(eps), 1.0 / eps if isinstance(graph, Graph) else 0.0)
    if isinstance(graph, Graph):
        bound = bound + graph.to_scipy() @ graph.degrees
    pairs = _pick_compressed(graph, bound, lambda *arrays: compress(*arrays, True))
    return CompressedRows(graph, bound, lambda *arrays: compress(*arrays, False), pairs)


def _walks3(graph: Layer | Graph, weight: Callable[[np.ndarray], np.ndarray], scale: float, shortcut: float) -> tuple[Callable[..., None], np.ndarray]:
    from netsnn.kernels.walks import walk3

    indptr, indices = graph.indptr.view(np.uint32), graph.indices.view(np.uint32)
    back = graph.T if isinstance(graph, Layer) else graph
    back_ptr, back_idx = back.indptr.view(np.uint32), back.indices.view(np.uint32)
    matrix = graph.to_scipy()
    near = scale * weight(np.diff(back.indptr).astype(np.float64))
    far = weight(np.diff(graph.indptr).astype(np.float64))

    def compress(rows: np.ndarray, upper: bool, ptr: np.ndarray, col: np.ndarray, val: np.ndarray, keep_links: bool) -> None:
        walk3(indptr, indices, back_ptr, back_idx, near, far, shortcut, isinstance(graph, Graph), rows, upper, keep_links, ptr, col, val)

    return compress, matrix @ (matrix.T @ np.diff(graph.indptr).astype(np.float64))


def communities(graph: Layer | Graph, method: Method) -> CompressedRows:
    """Every score that looks at a pair's local community, by listing each pair's paths: any graph, any pair."""
    from netsnn.kernels import communities as kernels

    both_sides = isinstance(graph, Layer)
    shift = graph.n_in if isinstance(graph, Layer) else 0
    whole = graph.to_graph() if isinstance(graph, Layer) else graph
    indptr, indices = whole.indptr.view(np.uint32), whole.indices.view(np.uint32)
    factor = method.factor or (lambda d, i, e: np.zeros_like(d))
    one_table, offset = factor_table(whole.degrees, factor, 1)
    both_table, _ = factor_table(whole.degrees, factor, 2)
    rule = {"car": kernels.CAR, "cpa": kernels.CPA, "cjc": kernels.CJC, "bjc": kernels.BJC}.get(
        method.name, kernels.SUM_OF_NODES if method.family == "car" or method.name.endswith("n") else kernels.SUM_OF_PATHS)
    two_steps = method.name.endswith("_l2") or (method.family == "car" and not both_sides)

    def kernel(rows: np.ndarray, pair_ptr: np.ndarray, pair_col: np.ndarray, upper: bool, ptr: np.ndarray, col: np.ndarray, val: np.ndarray) -> None:
        if two_steps:
            kernels.community2(indptr, indices, offset, both_table, rule, rows, pair_ptr, pair_col, upper, ptr, col, val)
        else:
            kernels.community3(indptr, indices, offset, one_table, both_table, method.name.endswith("_nodes"), rule,
                               rows, pair_ptr, pair_col, shift, upper, ptr, col, val)

    no_pairs = np.zeros(1, dtype=np.uint32), np.zeros(0, dtype=np.uint32)

    def compress(rows: np.ndarray, upper: bool, ptr: np.ndarray, col: np.ndarray, val: np.ndarray) -> None:
        kernel(rows, *no_pairs, upper, ptr, col, val)

    def pairs(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        rows, which = np.unique(u, return_inverse=True)
        order = np.argsort(which, kind="stable")
        starts = np.searchsorted(which[order], np.arange(len(rows) + 1))
        columns = (v[order] + shift).astype(np.uint32)

        def part(first: int) -> np.ndarray:
            last = min(first + 256, len(rows))
            ptr, begin, end = np.zeros(last - first + 1, dtype=np.int64), starts[first], starts[last]
            col, val = np.empty(end - begin, dtype=np.uint32), np.empty(end - begin)
            kernel(rows[first:last].astype(np.uint32), (starts[first:last + 1] - begin).astype(np.uint32),
                   columns[begin:end], False, ptr, col, val)
            return val

        values = np.empty(len(u))
        values[order] = np.concatenate([np.empty(0), *run(part, range(0, len(rows), 256))])
        return values

    matrix = whole.to_scipy()
    bound = matrix @ whole.degrees.astype(np.float64)
    bound = bound if two_steps else matrix @ bound
    return CompressedRows(graph, bound[:graph.shape[0]] + 1, compress, pairs, costly=True)


def degree_product(graph: Layer | Graph) -> DenseRows:
    """PA: d(u) d(v)."""
    d_row = np.diff(graph.indptr).astype(np.float64)
    d_col = graph.in_degrees.astype(np.float64) if isinstance(graph, Layer) else d_row
    return DenseRows(graph, lambda rows: np.outer(d_row[rows], d_col), lambda u, v: d_row[u] * d_col[v])


def cannistraci_product(graph: Layer | Graph, method: Method) -> DenseRows:
    """CPA: pairs without a local community have the degree product, so that no row is sparse."""
    inner, product = communities(graph, method), degree_product(graph)

    def rows_of(rows: np.ndarray) -> np.ndarray:
        block, values = inner.block(rows, False), product.rows_of(rows)
        values[np.repeat(np.arange(len(rows)), np.diff(block.ptr)), block.col] = block.val
        return values

    return DenseRows(graph, rows_of, inner.pairs)


def _pick_compressed(graph: Layer | Graph, bound: np.ndarray, compress_with_links: Callable[..., None]) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """Scores of given pairs, linked ones too, from a kernel of compressed rows."""
    n_cols = graph.shape[1]

    def rows_of(rows: np.ndarray) -> np.ndarray:
        ptr = np.zeros(len(rows) + 1, dtype=np.int64)
        room = int(np.minimum(bound[rows], n_cols).sum()) + 1
        col, val = np.empty(room, dtype=np.uint32), np.empty(room)
        compress_with_links(rows, False, ptr, col, val)
        values = np.zeros((len(rows), n_cols))
        values[np.repeat(np.arange(len(rows)), np.diff(ptr)), col[:ptr[-1]]] = val[:ptr[-1]]
        return values

    return pick_from_rows(rows_of, n_cols)
