"""`scores` and `best`: link scores of all pairs, of given pairs, and the best pairs of all, streaming."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from netsnn.errors import ShortfallWarning, check_whole
from netsnn.graph import Graph, Layer, _find, _union
from netsnn.hints import Pairs, Seed, generator
from netsnn.linkpred.blocks import DenseBlock, RowsBlock
from netsnn.linkpred.scorers import all_scores, check_pairs, free_pairs, make_scorer

__all__ = ["Best", "best", "scores"]


class Best(NamedTuple):
    """Pairs and their scores, the highest score first."""

    u: np.ndarray
    v: np.ndarray
    score: np.ndarray


def scores(graph: Layer | Graph, method: str | Callable, *, pairs: Pairs | None = None, links: bool = False, seed: Seed = 0, **options: Any) -> np.ndarray:
    """Scores of every pair: a dense float64 array of the graph's shape, or one score for each of the given pairs.

    Parameters
    ----------
    graph : Layer or Graph
        In a Layer the pairs are (input, output); in a Graph they are unordered and the array is symmetric.
    method : str or function
        A name in `METHODS`, which holds each formula; or a function of the graph that returns the scores of all pairs as an
        array or sparse matrix of its shape (it is given `seed=` and the options if it takes them).
    pairs : (u, v), optional
        Two arrays of node ids; then the result has one score a pair and nothing of the size of all pairs is made.
    links : bool
        Existing links hold 0, unless `links=True` asks for the score that an existing link gets from the paths that
        avoid it (Katz, LP and SPM: the entry of their matrix). A node with itself always holds 0.
    seed : int or Generator
        For `spm`, the only score of `METHODS` that draws, and for functions that take a `seed`.
    **options
        `katz`: beta, length. `lp`: eps. `spm`: fraction, repeats. `cha`: methods, spcorr.

    References
    ----------
    Each method's paper stands with its formula in `METHODS`.

    Examples
    --------
    >>> layer = Layer.from_edges([0, 0, 1, 1, 2], [0, 1, 0, 2, 1], shape=(3, 3))
    >>> scores(layer, "ch3_l3").round(3)
    array([[0., 0., 1.],
           [0., 1., 0.],
           [1., 0., 0.]])
    >>> scores(layer, "l3", pairs=([0, 1], [2, 1])).round(3)
    array([0.5, 0.5])
    """
    scorer = make_scorer(graph, method, seed, options)
    if pairs is not None:
        u, v = check_pairs(graph, pairs)
        free = (u != v) | isinstance(graph, Layer)
        if not links:
            free &= graph.find(u, v) < 0
        values = np.zeros(len(u))
        values[free] = scorer.pairs(u[free], v[free])
        return values
    return all_scores(graph, scorer, links)


def best(graph: Layer | Graph, method: str | Callable, k: int, *, sample: bool = False, fill: bool = False, drawn: bool = False, seed: Seed = 0,
         **options: Any) -> Best:
    """The k unlinked pairs with the highest scores, or with `sample=True` k drawn in proportion to the score.

    Scores stream past in blocks: memory is that of the links, k and a block. Only positive scores are candidates; where they are
    fewer than k, all are returned with a `ShortfallWarning`, or with `fill=True` the rest is drawn uniformly
    from the other unlinked pairs (with score 0). Equal scores (to 12 digits) are ordered by the seed, never by index; the result
    depends on the seed alone, not on the number of threads.

    Sampling is without replacement, each next pair in proportion to its score among those left (Gumbel top-k); with `drawn=True` the
    pairs come in the order in which they were drawn, not by score.

    Parameters
    ----------
    graph, method, seed, **options
        As in `scores`; the seed also orders ties and draws.
    k : int
        How many pairs.
    sample : bool
        Draw in proportion to the score instead of taking the highest.
    fill : bool
        Make up a shortfall with pairs of score 0.
    drawn : bool
        With `sample`: in the order of the draw.

    Returns
    -------
    Best
        Arrays `u`, `v` (in a Graph u < v) and `score`, the highest score first.

    References
    ----------
    Each method's paper stands with its formula in `METHODS`.

    Examples
    --------
    >>> layer = Layer.from_edges([0, 0, 1, 1, 2], [0, 1, 0, 2, 1], shape=(3, 3))
    >>> u, v, score = best(layer, "ch3_l3", k=3, seed=0)
    >>> sorted(zip(u.tolist(), v.tolist()))
    [(0, 2), (1, 1), (2, 0)]
    """
    check_whole("k", k, 0)
    rng = generator(seed)
    scorer = make_scorer(graph, method, rng, options)
    key = int(rng.integers(2**63))
    pairs, value = _select(scorer.stream, graph.shape[1], min(int(k), free_pairs(graph)), sample, key, drawn)
    if len(pairs) < k:
        if fill:
            more = _other_pairs(graph, pairs, k - len(pairs), rng)
            pairs, value = np.concatenate([pairs, more]), np.concatenate([value, np.zeros(len(more))])
        if len(pairs) < k:
            warnings.warn(f"asked for {k} pairs, but only {len(pairs)} unlinked pairs "
                          f"{'exist' if fill else 'have a positive score'}", ShortfallWarning, stacklevel=2)
    n_cols = max(graph.shape[1], 1)
    return Best(pairs // n_cols, pairs % n_cols, value)


def _select(stream: Callable[[Callable[[Any], Any]], Iterator[Any]], n_cols: int, k: int, sample: bool, seed: int, drawn: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """The k best of a stream of blocks, as (pairs, scores): the largest keys, equal keys by the smaller tie."""
    chooser = _Chooser(n_cols, k, sample, np.uint64(seed))
    if k:
        for _ in stream(chooser.take):
            pass
    return chooser.result(drawn)


class _Chooser:
    """Keeps the best k pairs of the blocks it is given. Each thread has buffers of its own, joined at the end.

    The order of pairs is total (key, then tie), so the result does not depend on which thread saw what.
    """

    def __init__(self, n_cols: int, k: int, sample: bool, seed: np.uint64) -> None:
        self.n_cols, self.k, self.sample, self.seed = n_cols, k, sample, seed
        self.limit = (-np.inf, 2**64 - 1)  # what a pair must beat; a stale limit costs time, never the result
        self.buffers: dict[int, list[np.ndarray]] = {}
        self.filled: dict[int, int] = {}

    def take(self, block: RowsBlock | DenseBlock) -> None:
        from netsnn.kernels.select import from_dense, from_rows

        thread = threading.get_ident()
        if thread not in self.buffers:
            self.buffers[thread] = _pair_buffers(2 * self.k + 2**15)
        buffers, m, begin = self.buffers[thread], self.filled.get(thread, 0), 0
        dense = isinstance(block, DenseBlock)
        size = block.values.size if dense else len(block.val)
        while begin < size:
            if m == len(buffers[0]):
                m = _keep_best(buffers, m, self.k)
                self._tighten(buffers, m)
            key, tie = self.limit
            tail = (self.seed, self.sample, key, np.uint64(tie), begin, m, *buffers)
            if dense:
                begin, m = from_dense(block.values, block.rows, block.first_col, self.n_cols, block.transposed, block.upper, *tail)
            else:
                begin, m = from_rows(block.ptr, block.col, block.val, block.rows, self.n_cols, block.transposed, *tail)
            begin, m = int(begin), int(m)
        self.filled[thread] = m

    def result(self, drawn: bool = False) -> tuple[np.ndarray, np.ndarray]:
        parts = [[buffer[:self.filled[thread]] for buffer in buffers] for thread, buffers in self.buffers.items()]
        pairs, keys, ties, scores = [np.concatenate(part) for part in zip(*parts)] if parts else _pair_buffers(0)
        m = _keep_best([pairs, keys, ties, scores], len(pairs), self.k)
        order = np.lexsort((ties[:m], -(scores if self.sample and not drawn else keys)[:m]))
        return pairs[order], scores[order]

    def _tighten(self, buffers: list[np.ndarray], m: int) -> None:
        """Set the limit to the k-th best of the first m entries, if that is harder to beat."""
        keys, ties = buffers[1][:m], buffers[2][:m]
        edge = keys.min()
        self.limit = max(self.limit, (float(edge), int(ties[keys == edge].max())), key=lambda limit: (limit[0], -limit[1]))


def _pair_buffers(size: int) -> list[np.ndarray]:
    """Pairs, keys, ties and scores."""
    return [np.empty(size, dtype) for dtype in (np.int64, np.float64, np.uint64, np.float64)]


def _keep_best(buffers: list[np.ndarray], m: int, k: int) -> int:
    """Move the k best of the first m entries (largest key, then smallest tie) to the front; how many there are."""
    if m <= k:
        return m
    keys, ties = buffers[1][:m], buffers[2][:m]
    edge = np.partition(keys, m - k)[m - k]
    above, at_edge = keys > edge, np.flatnonzero(keys == edge)
    missing = k - int(above.sum())
    if missing < len(at_edge):
        at_edge = at_edge[np.argpartition(ties[at_edge], missing - 1)[:missing]] if missing else at_edge[:0]
    chosen = np.concatenate([np.flatnonzero(above), at_edge])
    for buffer in buffers:
        buffer[:k] = buffer[chosen]
    return k


def _other_pairs(graph: Layer | Graph, taken: np.ndarray, count: int, generator: np.random.Generator) -> np.ndarray:
    """Up to `count` pairs drawn uniformly from those neither linked nor taken, as u * n_cols + v."""
    n_rows, n_cols = graph.shape
    free = free_pairs(graph) - len(taken)
    taken = _union(graph.ids, np.sort(taken))
    count = min(count, free)
    if count > free // 2:  # nearly all of them: list them
        if isinstance(graph, Layer):
            every = np.arange(n_rows * n_cols)
        else:
            u, v = np.triu_indices(n_rows, 1)
            every = u * n_cols + v
        return generator.permutation(np.setdiff1d(every, taken, assume_unique=True))[:count]
    found = np.empty(0, dtype=np.int64)
    while len(found) < count:
        drawn = generator.integers(n_rows * n_cols, size=2 * (count - len(found)) + 16)
        if isinstance(graph, Graph):
            drawn = drawn[drawn // n_cols < drawn % n_cols]
        drawn = drawn[_find(taken, drawn) < 0]
        found = np.concatenate([found, drawn])
        found = found[np.sort(np.unique(found, return_index=True)[1])]
    return found[:count]
