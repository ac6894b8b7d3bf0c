"""Spanning trees."""

import numpy as np
from numba import int64, uint64

from netsnn.kernels.compile import kernel
from netsnn.kernels.select import pair_hash


@kernel(reorder=False)
def wilson(indptr, indices, roots, seed, parent):
    """Wilson's algorithm: parent[i] in a uniformly drawn spanning tree of each component, -1 for the given `roots`.

    Each node outside the tree walks at random until it meets the tree, and joins it by the way it last left each node.
    """
    n = len(indptr) - 1
    inside = np.zeros(n, np.bool_)
    for root in roots:
        inside[root] = True
    step = uint64(0)
    for start in range(n):
        i = int64(start)
        while not inside[i]:
            first, degree = int64(indptr[i]), uint64(indptr[i + 1] - indptr[i])
            parent[i] = indices[first + int64(pair_hash(seed, step) % degree)]
            step += uint64(1)
            i = int64(parent[i])
        i = int64(start)
        while not inside[i]:
            inside[i] = True
            i = int64(parent[i])
