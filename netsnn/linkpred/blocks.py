"""What a scorer is, and the two plain kinds: compressed rows and dense rows.

A scorer knows the scores of all pairs of one graph under one method and gives them in three ways:

* `fill(out)` adds the scores of all unlinked pairs into an array of zeros;
* `stream(consume)` yields consume(block) for blocks that cover all unlinked pairs once, `consume` running in the
  threads, so that a block is reduced to what is wanted of it before the next is made;
* `pairs(u, v)` gives the scores of given pairs, linked ones included.

`stated` names the parameters that the scores depend on, defaults worked out: a study reports them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from netsnn.graph import Graph, Layer
from netsnn.threads import n_threads, run

__all__ = ["CompressedRows", "DenseBlock", "DenseRows", "RowsBlock", "pick_from_rows", "row_ranges"]

BLOCK = 2**20  # entries of a block: a few MB, so that every thread's block stays in cache


class RowsBlock(NamedTuple):
    """Scores of `rows`, compressed: entries ptr[r] to ptr[r + 1] of (col, val) belong to rows[r]."""

    rows: np.ndarray
    ptr: np.ndarray
    col: np.ndarray
    val: np.ndarray
    upper: bool = False
    transposed: bool = False


class DenseBlock(NamedTuple):
    """Scores of `rows` and the columns from `first_col`; transposed blocks have columns of the graph as rows."""

    rows: np.ndarray
    first_col: int
    values: np.ndarray
    upper: bool = False
    transposed: bool = False


@dataclass(frozen=True)
class CompressedRows:
    """A scorer from a kernel that gives compressed rows.

    `compress(rows, upper, ptr, col, val)` fills the arrays; `bound` is the most entries each row can have.
    A graph's rows hold v > u only when `upper` is asked for. `costly` says that computing half of a symmetric array is
    worth the scattered writing of the other half.
    """

    graph: Layer | Graph
    bound: np.ndarray
    compress: Callable[[np.ndarray, bool, np.ndarray, np.ndarray, np.ndarray], None]
    pairs: Callable[[np.ndarray, np.ndarray], np.ndarray]
    costly: bool = False
    stated: dict = field(default_factory=dict)

    def block(self, rows: np.ndarray, upper: bool) -> RowsBlock:
        ptr = np.zeros(len(rows) + 1, dtype=np.int64)
        room = int(np.minimum(self.bound[rows], self.graph.shape[1]).sum()) + 1  # kernels write one place ahead
        col, val = np.empty(room, dtype=np.uint32), np.empty(room)
        self.compress(rows, upper, ptr, col, val)
        return RowsBlock(rows, ptr, col[:ptr[-1]], val[:ptr[-1]], upper)

    def ranges(self) -> Iterator[np.ndarray]:
        return row_ranges(np.minimum(self.bound, self.graph.shape[1]))

    def fill(self, out: np.ndarray) -> None:
        from netsnn.kernels.rows import spread

        mirror = isinstance(self.graph, Graph) and self.costly

        def write(rows: np.ndarray) -> None:
            block = self.block(rows, mirror)
            spread(block.ptr, block.col, block.val, rows, mirror, out)

        for _ in run(write, self.ranges()):
            pass

    def stream(self, consume: Callable[[Any], Any]) -> Iterator[Any]:
        symmetric = isinstance(self.graph, Graph)
        return run(lambda rows: consume(self.block(rows, symmetric)), self.ranges())


@dataclass(frozen=True)
class DenseRows:
    """A scorer from a function that gives whole rows: `rows_of(rows)` is a (len(rows), n_cols) array.

    `whole(out)`, if there is one, fills all rows faster than row by row.
    """

    graph: Layer | Graph
    rows_of: Callable[[np.ndarray], np.ndarray]
    pairs: Callable[[np.ndarray, np.ndarray], np.ndarray]
    at_once: int = 64
    whole: Callable[[np.ndarray], None] | None = None
    stated: dict = field(default_factory=dict)

    def block(self, rows: np.ndarray) -> DenseBlock:
        values = np.array(self.rows_of(rows), dtype=np.float64, order="C")
        indptr, indices = self.graph.indptr, self.graph.indices
        linked = np.repeat(np.arange(len(rows)), np.diff(indptr)[rows])
        if len(rows):
            values[linked, indices[indptr[rows[0]]:indptr[rows[-1] + 1]]] = 0
        if isinstance(self.graph, Graph):
            values[np.arange(len(rows)), rows] = 0
        return DenseBlock(rows, 0, values, isinstance(self.graph, Graph))

    def ranges(self) -> Iterator[np.ndarray]:
        n_rows, n_cols = self.graph.shape
        step = max(1, min(self.at_once, 4 * BLOCK // max(n_cols, 1), -(-n_rows // n_threads())))
        return (np.arange(first, min(first + step, n_rows), dtype=np.uint32) for first in range(0, n_rows, step))

    def fill(self, out: np.ndarray) -> None:
        if self.whole is not None:
            return self.whole(out)

        def write(rows: np.ndarray) -> None:
            out[rows] = self.block(rows).values

        for _ in run(write, self.ranges()):
            pass

    def stream(self, consume: Callable[[Any], Any]) -> Iterator[Any]:
        return run(lambda rows: consume(self.block(rows)), self.ranges())


def row_ranges(work: np.ndarray, most: int = BLOCK) -> Iterator[np.ndarray]:
    """Consecutive rows in ranges of about equal work: at most `most` (or one row), and several for each thread."""
    total = np.concatenate([[0], np.cumsum(work, dtype=np.float64)])
    step = max(1.0, min(float(most), total[-1] / (4 * n_threads())))
    first = 0
    while first < len(work):
        last = max(first + 1, int(np.searchsorted(total, total[first] + step, side="right")) - 1)
        yield np.arange(first, last, dtype=np.uint32)
        first = last


def pick_from_rows(rows_of: Callable[[np.ndarray], np.ndarray], n_cols: int) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """A function of pairs (u, v) that computes whole rows, each distinct u once, and picks the v."""

    def pick(u: np.ndarray, v: np.ndarray) -> np.ndarray:
        rows, which = np.unique(u, return_inverse=True)
        order = np.argsort(which, kind="stable")
        starts = np.searchsorted(which[order], np.arange(len(rows) + 1))
        step = max(1, BLOCK // max(n_cols, 1))

        def part(first: int) -> np.ndarray:
            last = min(first + step, len(rows))
            mine = order[starts[first]:starts[last]]
            return rows_of(rows[first:last].astype(np.uint32))[which[mine] - first, v[mine]]

        values = np.empty(len(u))
        values[order] = np.concatenate([np.empty(0), *run(part, range(0, len(rows), step))])
        return values

    return pick
