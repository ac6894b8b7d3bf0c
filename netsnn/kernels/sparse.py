"""A masked linear layer on its links alone: the product, and both gradients.

Rows of a batch are taken ROWS at a time and transposed, so that each neuron's values lie side by side and all neurons stay in the second-level
cache. A link then costs a few vector instructions. What happens to one such chunk never depends on the others, so neither do results on threads.
"""

import numpy as np
from numba import uint64

from netsnn.kernels.compile import kernel

ROWS = 64  # of a batch, together: 4096 neurons of float32 make 1 MB
TILE = 16  # neurons transposed together: one cache line of float32


@kernel
def product(x, start, stop, indptr, indices, values, bias, y):
    """y[start:stop] = x[start:stop] W^T + bias, where row o of W holds `values` at `indices` between indptr[o] and indptr[o + 1]."""
    n_out = uint64(y.shape[1])
    columns, sums = np.empty((x.shape[1], ROWS), x.dtype), np.empty((TILE, ROWS), x.dtype)
    for first in range(start, stop, ROWS):
        count = min(ROWS, stop - first)
        _turn(x, first, count, 0, x.shape[1], columns)
        for left in range(uint64(0), n_out, uint64(TILE)):
            right = min(left + uint64(TILE), n_out)
            for o in range(left, right):
                total = sums[o - left]
                for r in range(uint64(ROWS)):
                    total[r] = bias[o]
                _gather(columns, indptr[o], indptr[o + uint64(1)], indices, values, total)
            _turn_back(sums, first, count, left, right, y)


@kernel
def gradients(x, g, start, stop, indptr, indices, values, with_x, grad_x, grad_values, grad_bias):
    """From the gradient `g` of y: grad_x[start:stop] (if `with_x`), and what these rows add to `grad_values` and `grad_bias`.

    Links are those of the transpose: input i has `values` at outputs `indices` between indptr[i] and indptr[i + 1].
    """
    n_in = uint64(x.shape[1])
    columns = np.empty((g.shape[1], ROWS), x.dtype)
    inputs, sums = np.empty((TILE, ROWS), x.dtype), np.empty((TILE, ROWS), x.dtype)
    for first in range(start, stop, ROWS):
        count = min(ROWS, stop - first)
        _turn(g, first, count, 0, g.shape[1], columns)
        for o in range(uint64(len(grad_bias))):
            for r in range(uint64(ROWS)):
                grad_bias[o] += columns[o, r]
        for left in range(uint64(0), n_in, uint64(TILE)):
            right = min(left + uint64(TILE), n_in)
            _turn(x, first, count, left, right, inputs)
            for i in range(left, right):
                column, total, begin, end = inputs[i - left], sums[i - left], indptr[i], indptr[i + uint64(1)]
                if with_x:
                    for r in range(uint64(ROWS)):
                        total[r] = 0
                    _gather_and_dot(columns, begin, end, indices, values, column, total, grad_values)
                elif not _silent(column):
                    _dot(columns, begin, end, indices, column, grad_values)
            if with_x:
                _turn_back(sums, first, count, left, right, grad_x)


@kernel
def _turn(x, first, count, left, right, columns):
    """columns[j, r] = x[first + r, left + j] for r < count, and 0 after it."""
    first, count, left, right = uint64(first), uint64(count), uint64(left), uint64(right)
    for start in range(left, right, uint64(TILE)):
        stop = min(start + uint64(TILE), right)
        for r in range(count):  # a row of a tile is one cache line: no line is read twice
            for i in range(start, stop):
                columns[i - left, r] = x[first + r, i]
    for j in range(right - left):
        for r in range(count, uint64(ROWS)):
            columns[j, r] = 0


@kernel
def _turn_back(columns, first, count, left, right, y):
    """y[first + r, left + j] = columns[j, r] for r < count."""
    for r in range(uint64(count)):
        for j in range(uint64(left), uint64(right)):
            y[uint64(first) + r, j] = columns[j - uint64(left), r]


@kernel(inner=True)
def _gather(columns, begin, end, indices, values, total):
    """total += the columns at links begin .. end - 1, each times its value: four at a time, so that `total` is seldom read and written."""
    link, end = uint64(begin), uint64(end)
    while link + uint64(4) <= end:
        a, b, c, d = (columns[uint64(indices[link])], columns[uint64(indices[link + uint64(1)])],
                      columns[uint64(indices[link + uint64(2)])], columns[uint64(indices[link + uint64(3)])])
        va, vb, vc, vd = values[link], values[link + uint64(1)], values[link + uint64(2)], values[link + uint64(3)]
        for r in range(uint64(ROWS)):
            total[r] += va * a[r] + vb * b[r] + vc * c[r] + vd * d[r]
        link += uint64(4)
    for last in range(link, end):
        a, va = columns[uint64(indices[last])], values[last]
        for r in range(uint64(ROWS)):
            total[r] += va * a[r]


@kernel(inner=True)
def _gather_and_dot(columns, begin, end, indices, values, column, total, dots):
    """As `_gather`, and while the columns are at hand: dots[link] += column . (the column at that link)."""
    link, end = uint64(begin), uint64(end)
    while link + uint64(4) <= end:
        a, b, c, d = (columns[uint64(indices[link])], columns[uint64(indices[link + uint64(1)])],
                      columns[uint64(indices[link + uint64(2)])], columns[uint64(indices[link + uint64(3)])])
        va, vb, vc, vd = values[link], values[link + uint64(1)], values[link + uint64(2)], values[link + uint64(3)]
        da, db, dc, dd = dots[link], dots[link + uint64(1)], dots[link + uint64(2)], dots[link + uint64(3)]
        for r in range(uint64(ROWS)):
            total[r] += va * a[r] + vb * b[r] + vc * c[r] + vd * d[r]
            da += column[r] * a[r]
            db += column[r] * b[r]
            dc += column[r] * c[r]
            dd += column[r] * d[r]
        dots[link], dots[link + uint64(1)], dots[link + uint64(2)], dots[link + uint64(3)] = da, db, dc, dd
        link += uint64(4)
    for last in range(link, end):
        a, va, da = columns[uint64(indices[last])], values[last], dots[last]
        for r in range(uint64(ROWS)):
            total[r] += va * a[r]
            da += column[r] * a[r]
        dots[last] = da


@kernel(inner=True)
def _dot(columns, begin, end, indices, column, dots):
    """dots[link] += column . (the column at that link)."""
    for link in range(uint64(begin), uint64(end)):
        a, da = columns[uint64(indices[link])], dots[link]
        for r in range(uint64(ROWS)):
            da += column[r] * a[r]
        dots[link] = da


@kernel
def _silent(column):
    """Whether all are 0: an input that did not fire adds nothing to the gradients of its links."""
    fired = uint64(0)
    for r in range(uint64(ROWS)):
        fired += uint64(column[r] != 0)
    return fired == 0
