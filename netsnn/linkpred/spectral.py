"""Scores of the whole spectrum: Katz, and the structural perturbation method."""

from __future__ import annotations

import numpy as np
import scipy.linalg
import scipy.sparse as sp
import scipy.sparse.linalg

from netsnn.errors import check_memory, check_whole, check_within
from netsnn.graph import Graph, Layer
from netsnn.hints import Seed, generator
from netsnn.linkpred.blocks import BLOCK, DenseRows, pick_from_rows
from netsnn.threads import one_blas_thread

__all__ = ["katz", "perturbation", "perturbed_graph", "perturbed_layer"]

DEGENERATE = 1e-11  # eigenvalues closer than this (relative to the largest) count as one, as in the authors' code


@one_blas_thread()
def largest_eigenvalue(graph: Layer | Graph) -> float:
    """Largest eigenvalue of the adjacency (of a layer: its largest singular value)."""
    matrix = graph.to_scipy()
    if graph.n_links == 0:
        return 0.0
    if min(matrix.shape) < 3:
        dense = matrix.toarray()
        return float(np.linalg.norm(dense, 2))
    start = np.ones(min(matrix.shape))  # a fixed start: the same digits every time
    if isinstance(graph, Graph):
        return float(scipy.sparse.linalg.eigsh(matrix, k=1, which="LA", v0=start, return_eigenvectors=False)[0])
    return float(scipy.sparse.linalg.svds(matrix, k=1, v0=start, return_singular_vectors=False)[0])


def katz(graph: Layer | Graph, beta: float | None = None, length: int | None = None) -> DenseRows:
    """Katz: sum over walks of beta^length, walks up to `length`, or all of them (then beta < 1 / largest eigenvalue).

    All pairs of the unbounded sum come from a Cholesky factorisation. Rows and pairs add up the series until the rest is below 1e-15 of the largest
    score. On a layer only odd walks join the two sides.
    """
    from netsnn.kernels.walks import walk_series

    eigenvalue = largest_eigenvalue(graph)
    if beta is None:
        beta = 0.5 / eigenvalue if eigenvalue else 1.0
    check_within("beta", beta, "(0, inf)")
    if length is not None:
        length = min(check_whole("length", length, 1), 2**63 - 1)
    decay = beta * eigenvalue
    if length is None and decay >= 1:
        raise ValueError(f"the Katz sum diverges: beta must be below 1 / largest eigenvalue = {1 / eigenvalue:.6g}, got {beta:.6g}"
                         " (or give a length)")
    steps = length if length is not None else max(1, int(np.ceil(np.log(1e-15 * (1 - decay)) / np.log(decay)))) if decay else 1
    whole = graph.to_graph() if isinstance(graph, Layer) else graph
    indptr, indices = whole.indptr.view(np.uint32), whole.indices.view(np.uint32)
    first = graph.n_in if isinstance(graph, Layer) else 0

    def rows_of(rows: np.ndarray) -> np.ndarray:
        scores = np.zeros((whole.n, len(rows)))
        walk_series(indptr, indices, beta, steps, rows, scores)
        return scores[first:].T

    @one_blas_thread()
    def all_pairs(out: np.ndarray) -> None:
        solve = _katz_layer if isinstance(graph, Layer) else _katz_graph
        solve(graph.to_dense().astype(np.float64), beta, out)
        out[np.repeat(np.arange(graph.shape[0]), np.diff(graph.indptr)), graph.indices] = 0
        if isinstance(graph, Graph):
            np.fill_diagonal(out, 0)

    pick = pick_from_rows(rows_of, min(16 * whole.n, BLOCK // 8))  # a block of walks is kept for all nodes, twice; 8 together use every cache line whole
    return DenseRows(graph, rows_of, pick, at_once=32, whole=all_pairs if length is None else None,
                     stated={"beta": float(beta), "length": length})


def _katz_graph(matrix: np.ndarray, beta: float, out: np.ndarray) -> None:
    """(I - beta A)^-1 - I for a symmetric A."""
    n = len(matrix)
    system = np.eye(n) - beta * matrix
    factor, _ = scipy.linalg.lapack.dpotrf(system.T, lower=1, overwrite_a=1)
    inverse, _ = scipy.linalg.lapack.dpotri(factor, lower=1, overwrite_c=1)
    for i in range(0, n, 512):  # LAPACK gives the lower triangle: mirror it, some rows at a time
        j = min(i + 512, n)
        corner = np.tril(inverse[i:j, i:j])
        out[i:j, i:j] = corner + np.tril(corner, -1).T
        out[i:j, :i] = inverse[i:j, :i]
        out[:i, i:j] = inverse[i:j, :i].T
    out[np.diag_indices(n)] -= 1


def _katz_layer(matrix: np.ndarray, beta: float, out: np.ndarray) -> None:
    """The odd walks: beta A (I - beta^2 A' A)^-1, solved on the smaller side."""
    wide = matrix.shape[0] < matrix.shape[1]
    small = matrix.T if wide else matrix  # more rows than columns
    system = np.eye(small.shape[1]) - beta**2 * (small.T @ small)
    solved = scipy.linalg.cho_solve(scipy.linalg.cho_factor(system, lower=True), beta * small.T)
    out[:] = solved if wide else solved.T


@one_blas_thread()
def perturbation(graph: Layer | Graph, seed: Seed, fraction: float = 0.1, repeats: int = 10) -> DenseRows:
    """SPM: the mean over `repeats` perturbations, each of ceil(fraction * links) links; dense, O(repeats n^3).

    A_R is the graph without the perturbed links, with eigenvectors x_k; the score is sum_k (x_k' A x_k) x_k x_k'. Eigenvectors
    of one degenerate eigenvalue are first turned to diagonalise the perturbation among them. On a layer the same sum
    is taken over singular vectors, which is equal and cheaper.
    """
    check_within("fraction", fraction, "(0, 1)")
    check_whole("repeats", repeats, 1)
    check_memory("spm", graph.shape, 6)
    matrix = graph.to_dense().astype(np.float64)
    total = np.zeros(matrix.shape)
    row, col = graph.links
    rng = generator(seed)
    perturb = perturbed_layer if isinstance(graph, Layer) else perturbed_graph
    for _ in range(int(repeats)):
        chosen = rng.choice(graph.n_links, size=int(np.ceil(fraction * graph.n_links)), replace=False)
        change = np.zeros(matrix.shape)
        change[row[chosen], col[chosen]] = 1
        if isinstance(graph, Graph):
            change += change.T
        total += perturb(matrix - change, change)
    total = np.round(total / repeats, 12)  # what an eigensolver leaves of a 0, or makes of two equal numbers, is no difference
    return DenseRows(graph, lambda rows: total[rows], lambda u, v: total[u, v],
                     stated={"fraction": fraction, "repeats": int(repeats)})


def perturbed_graph(rest: np.ndarray, change: np.ndarray) -> np.ndarray:
    """sum_k (lambda_k + x_k' change x_k) x_k x_k' over the eigenvectors of `rest` (which is overwritten)."""
    values, vectors = scipy.linalg.eigh(rest, driver="evd", overwrite_a=True)  # the fastest for all vectors
    few = sp.csr_array(change)
    for group in _equal_runs(values):
        inner = vectors[:, group]
        vectors[:, group] = inner @ scipy.linalg.eigh(inner.T @ (few @ inner))[1]
    values = values + np.einsum("ik,ik->k", vectors, few @ vectors)
    return (vectors * values) @ vectors.T


def perturbed_layer(rest: np.ndarray, change: np.ndarray) -> np.ndarray:
    """The same of the graph [[0, rest], [rest', 0]], from singular vectors."""
    # eigenvectors of [[0, B], [B', 0]] are (u_k, +-v_k) / sqrt(2), plus the two null spaces, within which the
    # degenerate turn gives back the whole perturbation between them
    left, values, right = scipy.linalg.svd(rest, full_matrices=False)
    right = right.T
    rank = int((values > DEGENERATE * max(1.0, values[:1].max(initial=0.0))).sum())
    for group in _equal_runs(values[:rank]):
        # the part of the perturbation inside one singular value's space, symmetric as the eigenvalue +s sees it
        inner = left[:, group].T @ change @ right[:, group]
        turn = scipy.linalg.eigh((inner + inner.T) / 2)[1]
        left[:, group], right[:, group] = left[:, group] @ turn, right[:, group] @ turn
    u, v = left[:, :rank], right[:, :rank]
    new = values[:rank] + np.einsum("ik,ik->k", u, change @ v)
    outside = change - u @ (u.T @ change)  # I - u u' projects on the null space, whose own vectors nobody needs
    return (u * new) @ v.T + outside - (outside @ v) @ v.T


def _equal_runs(values: np.ndarray) -> list[slice]:
    """Runs of at least two values that differ by less than DEGENERATE from the next (values sorted either way)."""
    scale = max(1.0, float(np.abs(values).max(initial=0.0)))
    ends = np.flatnonzero(np.concatenate([[True], np.abs(np.diff(values)) >= DEGENERATE * scale, [True]])) if len(values) else np.empty(0, dtype=np.int64)
    return [slice(a, b) for a, b in zip(ends[:-1], ends[1:]) if b - a > 1]
