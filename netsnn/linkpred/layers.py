"""The scorer of Cannistraci-Hebb scores on a bipartite layer, by their exact closed form (kernels/layers.py)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from netsnn.graph import Layer, _transpose
from netsnn.linkpred.blocks import BLOCK, DenseBlock, RowsBlock, row_ranges
from netsnn.linkpred.graphs import communities, factor_table
from netsnn.linkpred.methods import Method
from netsnn.threads import n_threads, run

__all__ = ["LayerScorer"]

TABLE = 64 * 2**20  # numbers in the table of counts: columns are taken in ranges that keep to it
EXTRAS = 16 * 2**20  # entries in the lists of counts above 1, bounded from above in the same way; or so many a link, where that is more:
EXTRAS_A_LINK = 8  # ranges that grew in number with the links would make the time quadratic
TILE_COLUMNS = 2**11  # most columns of a range, for tiles: so that a block of few columns still has many rows
TILE_BLOCK = 2**19  # numbers in the block of scores that a task's tiles are spread over: each thread's share of the last cache
TILES_IN_CACHE = 2**14  # numbers in the tiles that are worked on together: an eighth of an L2 cache (more only evicts the scores)
MOST_LEFT = 2**13  # left nodes for which `tiles` may keep a dense block of rows


@dataclass(frozen=True)
class Plan:
    """How to add up one layer's walks: from which side, and with which kernel; and the estimated cost."""

    transposed: bool
    tiled: bool
    cost: float


class Columns(NamedTuple):
    """A range of columns, and the links of each left node that fall into it."""

    first: int
    last: int
    start: np.ndarray
    stop: np.ndarray


@dataclass(frozen=True)
class LayerScorer:
    """A scorer (see blocks.py) of `method` on `layer`; `plan` overrides the choice of kernel."""

    layer: Layer
    method: Method
    plan: Plan | None = None

    @property
    def stated(self) -> dict:
        return {}

    # ---- the three ways of a scorer ----------------------------------------------------------------

    def fill(self, out: np.ndarray) -> None:
        out = out.T if self._plan.transposed else out
        if not out.flags.c_contiguous:
            raise ValueError("out must be laid out by rows of the side that the plan starts from")
        for columns in self._column_ranges():
            add = self._tiles(columns) if self._plan.tiled else self._sparse_dense(columns)
            for _ in run(lambda rows: add(rows, 0, 0, out), self._row_tasks(columns.last - columns.first)):
                pass

    def stream(self, consume: Callable[[Any], Any]) -> Iterator[Any]:
        for columns in self._column_ranges():
            width = columns.last - columns.first
            if not self._plan.tiled and self._walks_of_row.mean() < width / 2:  # most scores are 0: compressed rows
                rows_of = self._sparse_rows(columns)
                yield from run(lambda rows: consume(rows_of(rows)), row_ranges(np.minimum(self._walks_of_row, width)))
                continue
            add = self._tiles(columns) if self._plan.tiled else self._sparse_dense(columns)

            def block(rows: np.ndarray) -> DenseBlock:
                values = np.zeros((len(rows), width))
                add(rows, int(rows[0]), columns.first, values)
                return DenseBlock(rows, columns.first, values, transposed=self._plan.transposed)

            yield from run(lambda rows: consume(block(rows)), self._row_tasks(width))

    def pairs(self, u: np.ndarray, v: np.ndarray) -> np.ndarray:
        return communities(self.layer, self.method).pairs(u, v)

    def new_array(self) -> np.ndarray:
        """Zeros of the layer's shape, laid out as `fill` wants them."""
        return np.zeros(self._left.shape).T if self._plan.transposed else np.zeros(self._left.shape)

    # ---- the layer as the kernels see it -----------------------------------------------------------

    @cached_property
    def _plan(self) -> Plan:
        return self.plan or _cheapest_plan(self.layer)

    @cached_property
    def _left(self) -> Layer:
        return self.layer.T if self._plan.transposed else self.layer

    @cached_property
    def _arrays(self) -> tuple[np.ndarray, ...]:
        left = self._left
        col_ptr, col_idx, position = _transpose(left.indptr, left.indices, left.n_out)
        return (left.indptr.view(np.uint32), left.indices.view(np.uint32),
                col_ptr.astype(np.int32).view(np.uint32), col_idx.astype(np.int32).view(np.uint32), position)

    @cached_property
    def _tables(self) -> tuple[np.ndarray, ...]:
        """left, add, offset of the left nodes; right, offset of the right nodes (see kernels/layers.py)."""
        factor = self.method.factor
        assert factor is not None  # a score by walks alone has another scorer
        left, left_offset = factor_table(self._left.out_degrees, factor, 1)
        if self.method.family == "cannistraci-hebb" and not self.method.name.endswith("n"):
            right, right_offset = factor_table(self._left.in_degrees, factor, 1)
            return left, np.zeros_like(left), left_offset, right, right_offset
        # each node counts once: spread a right node's value over its paths, add a left node's value to its walks' sum
        right, right_offset = factor_table(self._left.in_degrees, lambda d, i, e: factor(d, i, e) / np.maximum(i, 1), 1)
        return np.ones_like(left), left, left_offset, right, right_offset

    @cached_property
    def _walks_of_row(self) -> np.ndarray:
        matrix = self._left.to_scipy()
        return matrix @ (matrix.T @ self._left.out_degrees.astype(np.float64)) + 1

    @cached_property
    def _walks_to_column(self) -> np.ndarray:
        """Entries of the table of counts that belong to each column."""
        return self._left.to_scipy().T @ self._left.out_degrees.astype(np.float64)

    def _column_ranges(self) -> Iterator[Columns]:
        left = self._left
        row_ptr, row_idx = self._arrays[:2]
        first, start = 0, row_ptr[:-1]
        entries = self._walks_to_column
        work = np.maximum(entries / TABLE, 1 / TILE_COLUMNS) if self._plan.tiled else entries / _extras_room(left)
        for last in _ends(work):
            if last == left.n_out:
                stop = row_ptr[1:]
            else:
                before = np.concatenate([[0], np.cumsum(row_idx < last)])
                stop = (row_ptr[:-1] + (before[row_ptr[1:]] - before[row_ptr[:-1]])).astype(np.uint32)
            yield Columns(first, last, start, stop)
            first, start = last, stop

    def _row_tasks(self, width: int) -> Iterator[np.ndarray]:
        """Rows for each task, about as many in each. Tiles are read once a task: as few tasks as their blocks allow."""
        n, threads = self._left.n_in, n_threads()
        most = max(1, (TILE_BLOCK if self._plan.tiled else BLOCK) // width)
        tasks = threads * -(-n // (threads * most)) if self._plan.tiled else max(4 * threads, -(-n // most))
        step = -(-n // tasks) or 1
        return (np.arange(first, min(first + step, n), dtype=np.uint32) for first in range(0, n, step))

    # ---- the two ways to add up --------------------------------------------------------------------

    def _extras(self, columns: Columns) -> tuple[np.ndarray, ...]:
        """The lists of `kernels.layers.extras` for all right nodes, made side by side and joined."""
        from netsnn.kernels.layers import extras

        _, row_idx, col_ptr, col_idx, _ = self._arrays
        right, offset = self._tables[3:]
        n_right, width = len(col_ptr) - 1, columns.last - columns.first
        step = max(1, -(-n_right // n_threads()))

        def part(first: int) -> tuple[np.ndarray, list[np.ndarray]]:
            last, room = min(first + step, n_right), 2**14
            while True:
                ptr = np.zeros(last - first + 1, dtype=np.uint64)
                lists = np.empty(room, np.uint32), np.empty(room, np.uint32), np.empty(room)
                found = extras(row_idx, columns.start, columns.stop, col_ptr, col_idx, right, offset,
                               columns.first, width, first, last, ptr, *lists)
                if found <= room:
                    return ptr, [x[:found] for x in lists]
                room = int(found)

        parts = list(run(part, range(0, n_right, step)))
        before = np.cumsum([0, *(len(lists[0]) for _, lists in parts)]).astype(np.uint64)
        ptr = np.concatenate([np.zeros(1, np.uint64), *(p[1:] + b for (p, _), b in zip(parts, before))])
        return ptr, *(np.concatenate([lists[i] for _, lists in parts] or [np.empty(0)]) for i in range(3))

    def _sparse_arguments(self, columns: Columns) -> tuple[Any, ...]:
        left, add, offset, right, right_offset = self._tables
        once = right[right_offset + np.uint64(1)]
        return (*self._arrays[:2], columns.start, columns.stop, *self._arrays[2:4], once, left, add, offset,
                *self._extras(columns), columns.first)

    def _sparse_dense(self, columns: Columns) -> Callable[[np.ndarray, int, int, np.ndarray], None]:
        from netsnn.kernels.layers import sparse_dense

        arguments = self._sparse_arguments(columns)
        return lambda rows, row_shift, col_shift, out: sparse_dense(
            *arguments, int(rows[0]), int(rows[-1]) + 1, row_shift, col_shift, out)

    def _sparse_rows(self, columns: Columns) -> Callable[[np.ndarray], RowsBlock]:
        from netsnn.kernels.layers import sparse_rows

        arguments, width = self._sparse_arguments(columns), columns.last - columns.first

        def block(rows: np.ndarray) -> RowsBlock:
            ptr = np.zeros(len(rows) + 1, dtype=np.int64)
            room = int(np.minimum(self._walks_of_row[rows], width).sum()) + 1
            col, val = np.empty(room, dtype=np.uint32), np.empty(room)
            sparse_rows(*arguments, width, rows, ptr, col, val)
            return RowsBlock(rows, ptr, col[:ptr[-1]], val[:ptr[-1]], transposed=self._plan.transposed)

        return block

    def _tiles(self, columns: Columns) -> Callable[[np.ndarray, int, int, np.ndarray], None]:
        from netsnn.kernels.layers import counts, tiles

        row_ptr, row_idx, col_ptr, col_idx, position = self._arrays
        left, add, offset, right, right_offset = self._tables
        degrees = np.diff(row_ptr).astype(np.int64)
        width = (columns.stop.astype(np.int64) - columns.start + 7) // 8 * 8  # whole vectors
        tile_start = np.concatenate([[0], np.cumsum(degrees * width)]).astype(np.uint64)
        place = tile_start[col_idx] + ((position - row_ptr[col_idx]) * width[col_idx]).astype(np.uint64)
        small = self._left.in_degrees.max(initial=0) < 2**16
        table = np.zeros(int(tile_start[-1]), dtype=np.uint16 if small else np.uint32)
        n_right = len(col_ptr) - 1
        step = max(1, -(-n_right // (4 * n_threads())))
        for _ in run(lambda a: counts(row_idx, columns.start, columns.stop, col_ptr, col_idx, place, columns.first,
                                      columns.last - columns.first, a, min(a + step, n_right), table), range(0, n_right, step)):
            pass
        group = int(np.clip(TILES_IN_CACHE / max(1.0, (degrees * width).mean()), 1, 64))
        return lambda rows, row_shift, col_shift, out: tiles(
            row_ptr, row_idx, columns.start, columns.stop, col_ptr, col_idx, tile_start, width.astype(np.uint32), table,
            right, right_offset, left, add, offset, group, int(rows[0]), int(rows[-1]) + 1, row_shift, col_shift, out)


def _ends(work: np.ndarray) -> list[int]:
    """Divide columns into as few ranges of equal work as keep to about 1 each: where each ends."""
    total = np.cumsum(work, dtype=np.float64)
    n = int(np.ceil(total[-1])) if len(total) else 0
    if n <= 1:
        return [len(total)] * bool(len(total))
    ends = np.searchsorted(total, total[-1] / n * np.arange(1, n)) + 1
    return np.unique(np.append(ends[ends < len(total)], len(total))).tolist()


def _extras_room(layer: Layer) -> int:
    return max(EXTRAS, EXTRAS_A_LINK * layer.n_links)


def _cheapest_plan(layer: Layer) -> Plan:
    """Estimate four ways to add up by their memory accesses (constants in nanoseconds, measured on one core)."""
    d_in, d_out = layer.out_degrees.astype(np.float64), layer.in_degrees.astype(np.float64)
    matrix = layer.to_scipy()
    walks = float(d_in @ (matrix @ d_out))
    plans = []
    for transposed, (left, right) in ((False, (d_in, d_out)), (True, (d_out, d_in))):
        n_left, n_right = max(len(left), 1), max(len(right), 1)
        two_left, two_right = float(left @ left), float(right @ right)  # walks b - a - b' and a - b - a'
        table = two_left
        reached = n_left**2 * -np.expm1(-two_right / n_left**2)  # pairs of left nodes that share a neighbour
        degree = walks / max(two_right, 1.0)  # links of a reached left node
        several = -np.expm1(-two_left / n_right**2)  # how many entries of the table have a count above 1
        ranges = max(1.0, table / _extras_room(layer))
        lists = table * several / ranges  # in the lists of counts above 1: where they outgrow the cache, reading them takes longer
        gather = ranges * (two_right * 2 + reached * (10 + 0.5 * degree / ranges))
        plans.append(Plan(transposed, False, gather + table * (2 + 4 * several) + (1.3 + 1.4 * min(1.0, lists / 2**20)) * walks * several))
        if n_left <= MOST_LEFT:
            ranges = np.ceil(max(table / TABLE, n_right / TILE_COLUMNS, 0.5))
            width = max(degree / ranges, 1e-9)
            padded = np.ceil(width / 8 + 0.5) * 8 / max(width, 1.0)
            tasks = max(2.0, n_left * n_right / ranges / TILE_BLOCK)
            gather = ranges * (two_right * 2.4 + n_left**2 + reached * (20 + 0.8 * width))
            plans.append(Plan(transposed, True, gather + table * (5 + 1.3 * tasks) + 0.14 * walks * padded))
    return min(plans, key=lambda plan: plan.cost)
