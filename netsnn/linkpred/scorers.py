"""From a method's name, or a user's function, to its scorer on one graph."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import numpy as np
import scipy.sparse as sp

from netsnn.errors import type_name
from netsnn.graph import Graph, Layer, _check_ids
from netsnn.hints import Pairs, Seed
from netsnn.linkpred import graphs, spectral
from netsnn.linkpred.adaptive import adaptive
from netsnn.linkpred.blocks import CompressedRows, DenseRows
from netsnn.linkpred.layers import LayerScorer
from netsnn.linkpred.methods import METHODS, Method

__all__ = ["Scorer", "all_scores", "check_pairs", "free_pairs", "make_scorer"]

Scorer = LayerScorer | CompressedRows | DenseRows


def make_scorer(graph: Layer | Graph, method: str | Callable, seed: Seed = 0, options: dict | None = None) -> Scorer:
    """The scorer of a method (a name, or a function of the graph) on one graph."""
    options = options or {}
    if not isinstance(graph, (Layer, Graph)):
        raise ValueError(f"scores need a Layer or a Graph, got {type_name(graph)} (see Layer.from_scipy and its kin)")
    if callable(method):
        return _from_function(graph, method, seed, options)
    known = _check_method(graph, method, options)
    if method == "cha":
        return adaptive(graph, lambda other: all_scores(graph, make_scorer(graph, other, seed), links=True), **options)
    if method == "pa":
        return graphs.degree_product(graph)
    if method == "katz":
        return spectral.katz(graph, **options)
    if method == "spm":
        return spectral.perturbation(graph, seed, **options)
    if method == "lp":
        return graphs.local_path(graph, **options)
    if method == "cpa":
        return graphs.cannistraci_product(graph, known)
    if known.family == "local":
        return graphs.neighbourhood(graph, known)
    if known.family == "path":
        return graphs.paths3(graph, known)
    if isinstance(graph, Layer) and method not in ("car", "cjc", "bjc"):
        return LayerScorer(graph, known)
    return graphs.communities(graph, known)


def _check_method(graph: Layer | Graph, name: str, options: dict) -> Method:
    if name not in METHODS:
        raise ValueError(f"no method {name!r}; methods: {', '.join(METHODS)}")
    method = METHODS[name]
    if isinstance(graph, Layer) and not method.bipartite:
        instead = [m for m in METHODS if m.endswith("l3") and METHODS[m].bipartite]
        raise ValueError(f"{name!r} counts common neighbours, and an input and an output of a bipartite layer never share one: "
                         f"every score would be 0. Use the L3 family: {', '.join(instead)}")
    if isinstance(graph, Graph) and not method.unipartite:
        raise ValueError(f"{name!r} is defined for bipartite layers only")
    unknown = sorted(set(options) - set(method.options))
    if unknown:
        raise ValueError(f"{name!r} has no option {unknown[0]!r}; options: {', '.join(method.options) or 'none'}")
    return method


def check_pairs(graph: Layer | Graph, pairs: Pairs, what: str = "pairs") -> tuple[np.ndarray, np.ndarray]:
    try:
        u, v = pairs
    except (TypeError, ValueError):
        raise ValueError(f"{what} must be two arrays (u, v) of the same length") from None
    u, v = (_check_ids(ids, n, f"{name} of {what}") for ids, n, name in ((u, graph.shape[0], "u"), (v, graph.shape[1], "v")))
    if len(u) != len(v):
        raise ValueError(f"u and v of {what} must have the same length, got {len(u)} and {len(v)}")
    return u, v


def all_scores(graph: Layer | Graph, scorer: Scorer, links: bool = False) -> np.ndarray:
    """A dense array of the graph's shape; existing links hold 0, or with `links` the score from the paths that avoid them."""
    out = scorer.new_array() if isinstance(scorer, LayerScorer) else np.zeros(graph.shape)
    scorer.fill(out)
    if links:
        row, col = graph.links
        out[row, col] = scorer.pairs(row.astype(np.int64), col.astype(np.int64))
        if isinstance(graph, Graph):
            out[col, row] = out[row, col]
    return out


def free_pairs(graph: Layer | Graph) -> int:
    """How many pairs are not linked."""
    n_rows, n_cols = graph.shape
    return (n_rows * n_cols if isinstance(graph, Layer) else n_rows * (n_rows - 1) // 2) - graph.n_links


def _from_function(graph: Layer | Graph, function: Callable, seed: Seed, options: dict) -> DenseRows:
    name = getattr(function, "__name__", type(function).__name__)
    try:
        parameters: set[str] = set(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # some functions written in C do not tell
        parameters = set()
    if "seed" in parameters and "seed" not in options:
        options = options | {"seed": seed}
    total = function(graph, **options)
    sparse = sp.issparse(total)
    total = sp.csr_array(total) if sparse else np.asarray(total)
    if total.shape != graph.shape:
        raise ValueError(f"{name} must return scores of shape {graph.shape}, got {total.shape}")
    values = np.asarray(total.data if sparse else total)
    if values.dtype.kind not in "fiub" or not np.isfinite(values).all():
        raise ValueError(f"{name} must return finite numbers only")
    total = total.astype(np.float64, copy=False)  # also: neither bools nor unsigned numbers can be subtracted below
    if isinstance(graph, Graph):
        gap = abs(total - total.T).max() if graph.n else 0
        if gap > 1e-9 * abs(total).max():
            raise ValueError(f"{name} must return a symmetric array for an undirected graph; it differs from its transpose by up to {gap:.3g}")
    if sparse:
        return DenseRows(graph, lambda rows: total[rows].toarray(), lambda u, v: np.asarray(total[u, v], dtype=np.float64).reshape(-1))
    return DenseRows(graph, lambda rows: total[rows], lambda u, v: total[u, v].astype(np.float64))
