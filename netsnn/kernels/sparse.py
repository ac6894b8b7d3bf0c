"""Products of a batch with a sparse matrix of links, and their gradients: `WIDTH` rows of the batch at a time.

These rows are turned into columns that stay in the cache, so that a link is one multiplication of a vector: its weight times WIDTH values of its input.
"""

import numpy as np

from netsnn.kernels.compile import kernel

WIDTH = 64  # rows of the batch taken together
TILE = 16  # outputs written together: floats of a cache line


@kernel
def forward(x, starts, ends, values, bias, first, last, out):
    """out[first:last] = x[first:last] W^T + bias; W has `values` at (j, ends[k]), starts[j] <= k < starts[j + 1]."""
    turned, sums = np.zeros((x.shape[1], WIDTH), x.dtype), np.empty((TILE, WIDTH), x.dtype)
    for top in range(first, last, WIDTH):
        height = min(WIDTH, last - top)
        _turn(x, top, height, turned)
        _product(turned, starts, ends, values, bias, top, height, out, sums)


@kernel
def backward(x, gradient, starts, ends, back_starts, back_ends, back_values, first, last, want_x, want_values, out_x, out_values):
    """out_x[first:last] = gradient[first:last] W; out_values += for each link the product of its input's and its output's columns."""
    turned_x, turned_g = np.zeros((x.shape[1], WIDTH), x.dtype), np.zeros((gradient.shape[1], WIDTH), x.dtype)
    sums, none = np.empty((TILE, WIDTH), x.dtype), np.zeros(0, x.dtype)
    for top in range(first, last, WIDTH):
        height = min(WIDTH, last - top)
        _turn(gradient, top, height, turned_g)
        if want_x:
            _product(turned_g, back_starts, back_ends, back_values, none, top, height, out_x, sums)
        if want_values:
            _turn(x, top, height, turned_x)
            for j in range(np.uint64(len(starts) - 1)):
                for k in range(np.uint64(starts[j]), np.uint64(starts[j + np.uint64(1)])):
                    i = np.uint64(ends[k])
                    total = x.dtype.type(0)
                    for r in range(np.uint64(WIDTH)):
                        total += turned_x[i, r] * turned_g[j, r]
                    out_values[k] += total


@kernel
def _turn(x, top, height, turned):
    """turned[:, :height] = the transpose of x[top:top + height]; what is left is 0."""
    n, tile = np.uint64(x.shape[1]), np.uint64(TILE)
    for left in range(np.uint64(0), n, tile):
        right = min(left + tile, n)
        for r in range(np.uint64(height)):
            row = np.uint64(top) + r
            for i in range(left, right):
                turned[i, r] = x[row, i]
        for r in range(np.uint64(height), np.uint64(WIDTH)):
            for i in range(left, right):
                turned[i, r] = 0


@kernel
def _product(turned, starts, ends, values, bias, top, height, out, sums):
    n, tile = np.uint64(len(starts) - 1), np.uint64(TILE)
    for left in range(np.uint64(0), n, tile):
        right = min(left + tile, n)
        for j in range(left, right):
            place = j - left
            start = bias[j] if len(bias) else turned.dtype.type(0)
            for r in range(np.uint64(WIDTH)):
                sums[place, r] = start
            for k in range(np.uint64(starts[j]), np.uint64(starts[j + np.uint64(1)])):
                i, w = np.uint64(ends[k]), values[k]
                for r in range(np.uint64(WIDTH)):
                    sums[place, r] += w * turned[i, r]
        for r in range(np.uint64(height)):
            row = np.uint64(top) + r
            for j in range(left, right):
                out[row, j] = sums[j - left, r]
