"""Random layers of given degrees."""

import numpy as np
from numba import uint64

from netsnn.kernels.compile import kernel
from netsnn.kernels.select import pair_hash


@kernel(reorder=False)
def trade(indptr, indices, n_cols, rounds, seed):
    """Curveball trades: in each round all rows are paired at random, and each pair deals its unshared columns out anew.

    Every deal of the columns that only one of two rows has, keeping both degrees, is equally likely; so is then every layer of these
    degrees in the long run (Carstens, Berger, Strona 2018, global curveball). `indices` change in place, unsorted within rows.
    """
    n, one = uint64(len(indptr) - 1), uint64(1)
    order = np.arange(len(indptr) - 1)
    mark = np.zeros(n_cols, np.uint8)
    pool = np.empty(n_cols + 1, indices.dtype)
    draw = uint64(0)
    for _ in range(rounds):
        for i in range(n - one, uint64(0), -1):
            j = pair_hash(seed, draw) % (uint64(i) + one)
            draw += one
            order[i], order[j] = order[j], order[i]
        for pair in range(n // uint64(2)):
            a, b = uint64(order[uint64(2) * pair]), uint64(order[uint64(2) * pair + one])
            first_a, end_a, first_b, end_b = uint64(indptr[a]), uint64(indptr[a + one]), uint64(indptr[b]), uint64(indptr[b + one])
            for k in range(first_a, end_a):
                mark[uint64(indices[k])] = 1
            for k in range(first_b, end_b):
                mark[uint64(indices[k])] += 2
            # unshared columns go to the pool; shared ones to the front of their row
            size, keep_a, keep_b = uint64(0), first_a, first_b
            for k in range(first_a, end_a):
                c = indices[k]
                if mark[uint64(c)] == 3:
                    indices[keep_a] = c
                    keep_a += one
                else:
                    pool[size] = c
                    size += one
            own = size
            for k in range(first_b, end_b):
                c = indices[k]
                if mark[uint64(c)] == 3:
                    indices[keep_b] = c
                    keep_b += one
                else:
                    pool[size] = c
                    size += one
            for k in range(keep_a, end_a):  # unmark what is overwritten next: all of both rows
                mark[uint64(indices[k])] = 0
            for k in range(size):
                mark[uint64(pool[k])] = 0
            for k in range(first_a, keep_a):
                mark[uint64(indices[k])] = 0
            for k in range(own):  # the first `own` of a random order
                j = uint64(k) + pair_hash(seed, draw) % (size - uint64(k))
                draw += one
                pool[k], pool[j] = pool[j], pool[k]
                indices[keep_a + uint64(k)] = pool[k]
            for k in range(own, size):
                indices[keep_b + uint64(k) - own] = pool[k]
