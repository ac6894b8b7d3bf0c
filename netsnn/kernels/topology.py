"""Counting in layers and graphs: shared neighbours, and distances."""

import numpy as np
from numba import uint32, uint64

from netsnn.kernels.compile import kernel


@kernel(reorder=False)
def shared(row_ptr, row_idx, col_ptr, col_idx, first, last, dot, least, most, squares, nested):
    """For each row r of first..last and all rows that share columns with it:

    the mean of shared / union, shared / smaller degree, shared / larger degree (Latapy's clustering); the number of pairs of shared
    columns, over rows after r (squares); and the sum of shared / smaller degree over rows of smaller degree (nestedness).
    """
    n, one = uint64(len(row_ptr) - 1), uint64(1)
    count = np.zeros(n, np.uint32)
    reach = np.empty(n + one, np.uint32)
    for r in range(uint64(first), uint64(last)):
        reached = uint64(0)
        for i in range(uint64(row_ptr[r]), uint64(row_ptr[r + one])):
            c = uint64(row_idx[i])
            for j in range(uint64(col_ptr[c]), uint64(col_ptr[c + one])):
                other = uint64(col_idx[j])
                reach[reached] = uint32(other)
                reached += uint64(count[other] == uint32(0))
                count[other] += uint32(1)
        degree = float(row_ptr[r + one] - row_ptr[r])
        a, b, c4, d, inside = 0.0, 0.0, 0.0, 0.0, 0.0
        others = uint64(0)
        for i in range(reached):
            other = uint64(reach[i])
            together = float(count[other])
            count[other] = uint32(0)
            if other == r:
                continue
            others += one
            its = float(row_ptr[other + one] - row_ptr[other])
            a += together / (degree + its - together)
            b += together / min(degree, its)
            d += together / max(degree, its)
            if other > r:
                c4 += together * (together - 1.0) / 2.0
            if its < degree:
                inside += together / its
        if others:
            dot[r], least[r], most[r] = a / float(others), b / float(others), d / float(others)
        squares[r], nested[r] = c4, inside


@kernel(reorder=False)
def distances(indptr, indices, sources, counts):
    """Breadth-first from up to 64 sources at once: counts[d] ordered pairs (source, node) at distance d; the last entry counts any beyond.

    Each node holds one bit a source, so that one sweep over the links takes all sources a step further.
    """
    n, one = uint64(len(indptr) - 1), uint64(1)
    seen, front, after = np.zeros(n, np.uint64), np.zeros(n, np.uint64), np.zeros(n, np.uint64)
    for s in range(len(sources)):
        front[uint64(sources[s])] |= one << uint64(s)
        seen[uint64(sources[s])] |= one << uint64(s)
    step, moving = 0, True
    while moving:
        step += 1
        moving = False
        for i in range(n):
            if front[i]:
                for k in range(uint64(indptr[i]), uint64(indptr[i + one])):
                    after[uint64(indices[k])] |= front[i]
        found = 0
        for i in range(n):
            fresh = after[i] & ~seen[i]
            seen[i] |= fresh
            front[i] = fresh
            after[i] = uint64(0)
            while fresh:
                found += 1
                fresh &= fresh - one
        moving = found > 0
        counts[min(step, len(counts) - 1)] += found


@kernel(reorder=False)
def move_nodes(indptr, indices, weights, row_strength, col_strength, total, order, label, row_sum, col_sum):
    """Louvain's local moves for Barber's modularity: each node joins the neighbouring community of the largest gain, until none moves.

    The quality is the sum over communities of links inside - (row strengths) (column strengths) / total. Returns how many moves there were.
    """
    n = len(indptr) - 1
    into = np.zeros(n, np.float64)
    near = np.empty(n + 1, np.int64)
    moves, idle, at = 0, 0, 0
    while idle < n:
        v = order[at]
        at = at + 1 if at + 1 < n else 0
        idle += 1
        old = label[v]
        known = 0
        for k in range(uint64(indptr[v]), uint64(indptr[v + 1])):
            u = indices[k]
            if u == v:
                continue
            c = label[u]
            if into[c] == 0.0:
                near[known] = c
                known += 1
            into[c] += weights[k]
        row_sum[old] -= row_strength[v]
        col_sum[old] -= col_strength[v]
        best, gain = old, into[old] - (row_strength[v] * col_sum[old] + col_strength[v] * row_sum[old]) / total
        for i in range(known):
            c = near[i]
            other = into[c] - (row_strength[v] * col_sum[c] + col_strength[v] * row_sum[c]) / total
            if other > gain + 1e-12:
                best, gain = c, other
        row_sum[best] += row_strength[v]
        col_sum[best] += col_strength[v]
        for i in range(known):
            into[near[i]] = 0.0
        if best != old:
            label[v] = best
            moves += 1
            idle = 0
    return moves
