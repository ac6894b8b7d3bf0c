"""Walks of length 3 drawn at random, and kept in proportion to what they add to a Cannistraci-Hebb score."""

import numpy as np
from numba import uint64

from netsnn.kernels.compile import kernel
from netsnn.kernels.select import pair_hash


@kernel
def largest_overlaps(ptr, idx, back_ptr, back_idx, first, last, out):
    """out[z] = the most neighbours that z shares with another node of its side, for z in first .. last; below its degree."""
    counts = np.zeros(len(ptr) - 1, np.int64)
    touched = np.empty(len(ptr) - 1, np.int64)
    for z in range(uint64(first), uint64(last)):
        n, degree, most = 0, ptr[z + uint64(1)] - ptr[z], 0
        for k in range(uint64(ptr[z]), uint64(ptr[z + uint64(1)])):
            middle = uint64(idx[k])
            for m in range(uint64(back_ptr[middle]), uint64(back_ptr[middle + uint64(1)])):
                other = uint64(back_idx[m])
                if counts[other] == 0:
                    touched[n] = other
                    n += 1
                counts[other] += 1
        for k in range(uint64(n)):
            other = uint64(touched[k])
            # one that shares all is no bound: whoever lies beyond it is linked already
            if other != z and counts[other] < degree and counts[other] > most:
                most = counts[other]
            counts[other] = 0
        out[z] = most


@kernel
def keep_walks(rows, cols, edges, chance, row_ptr, row_idx, col_ptr, col_idx, row_most, col_most, out):
    """For each drawn middle link (rows, cols)[edges] a walk u - z1 - z2 - v over it; out is u * n_cols + v if it is kept, else -1.

    Kept with the probability sqrt(d(z1) - most(z1)) / sqrt(d(z1) - common(z1, v)) times the same of z2 and u, if u - v is no link: then each pair comes in
    proportion to its CH3-L3.
    """
    n_cols = len(col_ptr) - 1
    for t in range(uint64(len(edges))):
        out[t] = -1
        z2, z1 = rows[edges[t]], cols[edges[t]]
        degree1, degree2 = col_ptr[z1 + 1] - col_ptr[z1], row_ptr[z2 + 1] - row_ptr[z2]
        u = _other(col_idx, col_ptr[z1], degree1, z2, chance[t, 0])
        v = _other(row_idx, row_ptr[z2], degree2, z1, chance[t, 1])
        if _holds(row_idx, row_ptr[u], row_ptr[u + 1], v):
            continue
        bound = (degree1 - col_most[z1]) * (degree2 - row_most[z2])
        square = chance[t, 2] * chance[t, 2]
        if square * degree1 * degree2 <= bound:  # kept even if nothing were shared: nothing need be counted
            out[t] = u * n_cols + v
            continue
        free1 = degree1 - _common(col_idx, col_ptr[z1], col_ptr[z1 + 1], col_ptr[v], col_ptr[v + 1])
        free2 = degree2 - _common(row_idx, row_ptr[z2], row_ptr[z2 + 1], row_ptr[u], row_ptr[u + 1])
        if square * free1 * free2 <= bound:
            out[t] = u * n_cols + v


@kernel
def keep_new(ids, table, out):
    """Those of `ids` that are not negative and not in `table` yet, in order, into `out`; returns how many. They enter the table.

    It is one of hashes: a power of 2 of places, at least one of them empty (-1).
    """
    n, one, last = 0, uint64(1), uint64(len(table) - 1)
    for k in range(uint64(len(ids))):
        if ids[k] < 0:
            continue
        at = pair_hash(uint64(0), ids[k]) & last
        while table[at] >= 0 and table[at] != ids[k]:
            at = (at + one) & last
        if table[at] < 0:
            table[at] = ids[k]
            out[n] = ids[k]
            n += 1
    return n


@kernel
def _other(idx, start, degree, without, chance):
    """One of the degree - 1 neighbours in idx[start:start + degree] that are not `without`, by a number from 0 to 1."""
    k = start + min(int(chance * (degree - 1)), degree - 2)
    found = idx[k]
    return found if found < without else idx[k + 1]


@kernel
def _holds(idx, start, stop, value):
    """Whether a sorted stretch holds a value."""
    while start < stop:
        middle = (start + stop) // 2
        if idx[middle] < value:
            start = middle + 1
        elif idx[middle] > value:
            stop = middle
        else:
            return True
    return False


@kernel
def _common(idx, a, a_stop, b, b_stop):
    """How many values two sorted stretches share."""
    total = 0
    while a < a_stop and b < b_stop:
        left, right = idx[a], idx[b]
        total += left == right
        a += left <= right
        b += right <= left
    return total
