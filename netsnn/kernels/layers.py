"""Cannistraci-Hebb scores of a bipartite layer from their closed form, at less than one operation a walk.

For u and v not linked, with walks u - a - b - v (a right, b left, as v and u are) and the numbers of common
neighbours C[b,u] = |N(b) & N(u)| and C[a,v] = |N(a) & N(v)|,

    score(u, v) = sum over b in N(v) of  left[b, C[b,u]] * (sum over a in N(u) & N(b) of right[a, C[a,v]]) + add[b, C[b,u]].

`left`, `right` and `add` depend on two whole numbers, a node's degree and a count, and come as tables
(`table[offset[node] + count]`). Two ways to add up, chosen by the caller:

* few shared neighbours (`extras`, `sparse_*`): C[a,v] is nearly always 1. The walks of all a to one b merge into
  one number, as if C were 1, and are spread over N(b) once; the rare counts above 1 follow as a list of differences.
* many shared neighbours (`counts`, `tiles`): right[a, C[a,v]] is laid out as a tile of rows a and columns
  v in N(b). For each (u, b) the rows of the common neighbours are added as vectors, in cache, and spread
  over N(b) once.

(row_ptr, row_idx) are the links of the left nodes, (col_ptr, col_idx) those of the right nodes. `start` and `stop`
bound the links of each left node to a range of columns that begins at `first_col`.
"""

import numpy as np
from numba import uint32, uint64

from netsnn.kernels.compile import kernel


@kernel
def extras(row_idx, start, stop, col_ptr, col_idx, right, offset, first_col, n_cols, a_first, a_last,
           ptr, left_node, column, difference):
    """For a_first <= a < a_last, list (b, v, right[a, C] - right[a, 1]) wherever C = C[a,v] > 1.

    Returns how many there are; where that is more than the lists hold, call again with longer ones.
    """
    count = np.zeros(n_cols, np.uint32)
    room = uint64(len(column))
    m, one = uint64(0), uint64(1)
    for a in range(uint64(a_first), uint64(a_last)):
        begin, end = uint64(col_ptr[a]), uint64(col_ptr[a + one])
        for e in range(begin, end):
            b = col_idx[e]
            for j in range(uint64(start[b]), uint64(stop[b])):
                count[uint64(row_idx[j]) - uint64(first_col)] += uint32(1)
        base = right[offset[a] + one]
        for e in range(begin, end):
            b = col_idx[e]
            for j in range(uint64(start[b]), uint64(stop[b])):
                v = uint64(row_idx[j]) - uint64(first_col)
                c = count[v]
                if c > uint32(1):
                    if m < room:
                        left_node[m] = b
                        column[m] = v
                        difference[m] = right[offset[a] + uint64(c)] - base
                    m += one
        for e in range(begin, end):
            b = col_idx[e]
            for j in range(uint64(start[b]), uint64(stop[b])):
                count[uint64(row_idx[j]) - uint64(first_col)] = uint32(0)
        ptr[a - uint64(a_first) + one] = m
    return m


@kernel
def two_steps(row_ptr, row_idx, col_ptr, col_idx, once, u, common, mass, reach):
    """Over the walks u - a - b: how many lead to each b (`common`) and their sum of once[a] (`mass`); the number of b, in `reach`."""
    reached, one = uint64(0), uint64(1)
    for k in range(uint64(row_ptr[u]), uint64(row_ptr[u + one])):
        a = uint64(row_idx[k])
        w = once[a]
        for e in range(uint64(col_ptr[a]), uint64(col_ptr[a + one])):
            b = col_idx[e]
            c = common[b]
            reach[reached] = b
            reached += uint64(c == uint32(0))
            common[b] = c + uint32(1)
            mass[b] += w
    return reached


@kernel
def sparse_dense(row_ptr, row_idx, start, stop, col_ptr, col_idx, once, left, add, offset,
                 ptr, left_node, column, difference, first_col, u_first, u_last, row_shift, col_shift, out):
    """Add the scores of u_first <= u < u_last and all columns of the range into out[u - row_shift, v - col_shift]."""
    n_left = len(row_ptr) - 1
    one = uint64(1)
    shift = uint64(first_col) - uint64(col_shift)
    common = np.zeros(n_left, np.uint32)
    mass = np.zeros(n_left, np.float64)
    factor = np.zeros(n_left, np.float64)
    reach = np.empty(n_left + 1, np.uint32)
    for u in range(uint64(u_first), uint64(u_last)):
        total = out[u - uint64(row_shift)]
        reached = two_steps(row_ptr, row_idx, col_ptr, col_idx, once, u, common, mass, reach)
        for i in range(reached):
            b = uint64(reach[i])
            at = offset[b] + uint64(common[b])
            f = left[at]
            w = f * mass[b] + add[at]
            factor[b] = f
            common[b] = uint32(0)
            mass[b] = 0.0
            if b == u:  # such walks end on u's own links
                continue
            for j in range(uint64(start[b]), uint64(stop[b])):
                total[uint64(row_idx[j]) - uint64(col_shift)] += w
        for k in range(uint64(row_ptr[u]), uint64(row_ptr[u + one])):
            a = uint64(row_idx[k])
            for i in range(ptr[a], ptr[a + one]):
                total[uint64(column[i]) + shift] += factor[left_node[i]] * difference[i]
        for k in range(uint64(start[u]), uint64(stop[u])):
            total[uint64(row_idx[k]) - uint64(col_shift)] = 0.0


@kernel
def sparse_rows(row_ptr, row_idx, start, stop, col_ptr, col_idx, once, left, add, offset,
                ptr, left_node, column, difference, first_col, n_cols, rows, out_ptr, out_col, out_val):
    """The positive scores of the left nodes `rows`, as compressed rows (columns of the range only)."""
    n_left = len(row_ptr) - 1
    one = uint64(1)
    common = np.zeros(n_left, np.uint32)
    mass = np.zeros(n_left, np.float64)
    factor = np.zeros(n_left, np.float64)
    reach = np.empty(n_left + 1, np.uint32)
    total = np.zeros(n_cols, np.float64)
    touched = np.empty(n_cols + 1, np.uint32)
    m = uint64(0)
    for r in range(len(rows)):
        u = uint64(rows[r])
        count = uint64(0)
        reached = two_steps(row_ptr, row_idx, col_ptr, col_idx, once, u, common, mass, reach)
        for i in range(reached):
            b = uint64(reach[i])
            at = offset[b] + uint64(common[b])
            f = left[at]
            w = f * mass[b] + add[at]
            factor[b] = f
            common[b] = uint32(0)
            mass[b] = 0.0
            if b == u or w == 0.0:
                continue
            for j in range(uint64(start[b]), uint64(stop[b])):
                v = uint64(row_idx[j]) - uint64(first_col)
                old = total[v]
                touched[count] = v
                count += uint64(old == 0.0)
                total[v] = old + w
        for k in range(uint64(row_ptr[u]), uint64(row_ptr[u + one])):
            a = uint64(row_idx[k])
            for i in range(ptr[a], ptr[a + one]):
                total[column[i]] += factor[left_node[i]] * difference[i]
        for k in range(uint64(start[u]), uint64(stop[u])):
            total[uint64(row_idx[k]) - uint64(first_col)] = 0.0
        for i in range(count):
            v = touched[i]
            value = total[v]
            total[v] = 0.0
            out_col[m] = v + uint32(first_col)
            out_val[m] = value
            m += uint64(value > 0.0)
        out_ptr[r + 1] = m


@kernel
def counts(row_idx, start, stop, col_ptr, col_idx, place, first_col, n_cols, a_first, a_last, table):
    """Lay out C[a,v] for each link (a, b) and each v in N(b): a row of b's tile, which begins at place[link]."""
    count = np.zeros(n_cols, np.uint32)
    one = uint64(1)
    for a in range(uint64(a_first), uint64(a_last)):
        begin, end = uint64(col_ptr[a]), uint64(col_ptr[a + one])
        for e in range(begin, end):
            b = col_idx[e]
            for j in range(uint64(start[b]), uint64(stop[b])):
                count[uint64(row_idx[j]) - uint64(first_col)] += uint32(1)
        for e in range(begin, end):
            b = col_idx[e]
            at = place[e] - uint64(start[b])
            for j in range(uint64(start[b]), uint64(stop[b])):
                table[at + j] = count[uint64(row_idx[j]) - uint64(first_col)]
        for e in range(begin, end):
            b = col_idx[e]
            for j in range(uint64(start[b]), uint64(stop[b])):
                count[uint64(row_idx[j]) - uint64(first_col)] = uint32(0)


@kernel
def tiles(row_ptr, row_idx, start, stop, col_ptr, col_idx, tile_start, tile_width, table, right, right_offset,
          left, add, offset, group, u_first, u_last, row_shift, col_shift, out):
    """Add the scores of u_first <= u < u_last and all columns of the range into out[u - row_shift, v - col_shift].

    Left nodes b go in groups of `group`. The tiles of a group, made from the counts in `table`, stay in cache while
    every u adds its rows of them.
    """
    n_left, n_right = uint64(len(row_ptr) - 1), uint64(len(col_ptr) - 1)
    u_first, u_last, one, two, four = uint64(u_first), uint64(u_last), uint64(1), uint64(2), uint64(4)
    n_u = u_last - u_first
    # the part of each right node's links that lies in u_first .. u_last
    low, high = np.empty(n_right, np.uint64), np.empty(n_right, np.uint64)
    for a in range(n_right):
        k, end = uint64(col_ptr[a]), uint64(col_ptr[a + one])
        while k < end and uint64(col_idx[k]) < u_first:
            k += one
        low[a] = k
        while k < end and uint64(col_idx[k]) < u_last:
            k += one
        high[a] = k
    widest = uint64(0)
    for b in range(n_left):
        widest = max(widest, uint64(tile_width[b]))
    acc = np.zeros(widest, np.float64)
    ptr = np.zeros((uint64(group), n_u + two), np.uint32)
    rows_of = np.empty(1024, np.uint32)
    tile = np.empty(1024, np.float64)
    for b_first in range(uint64(0), n_left, uint64(group)):
        b_last = min(n_left, b_first + uint64(group))
        # list, for each b of the group and each u, the rows of b's tile that belong to N(u) & N(b)
        total = uint64(0)
        origin, size = tile_start[b_first], tile_start[b_last] - tile_start[b_first]
        if size > uint64(len(tile)):
            tile = np.empty(size, np.float64)
        for b in range(b_first, b_last):
            width, at = uint64(tile_width[b]), tile_start[b]
            for k in range(uint64(row_ptr[b]), uint64(row_ptr[b + one])):
                first = right_offset[row_idx[k]]
                for j in range(at, at + width):
                    tile[j - origin] = right[first + uint64(table[j])]
                at += width
        for b in range(b_first, b_last):
            p = ptr[b - b_first]
            for x in range(n_u + two):
                p[x] = uint32(0)
            if start[b] == stop[b]:
                continue
            for k in range(uint64(row_ptr[b]), uint64(row_ptr[b + one])):
                a = uint64(row_idx[k])
                for e in range(low[a], high[a]):
                    p[uint64(col_idx[e]) - u_first + two] += uint32(1)
            p[0] = total
            p[1] = total
            for x in range(n_u):
                p[x + two] += p[x + one]
            total = uint64(p[n_u + one])
        if total > uint64(len(rows_of)):
            rows_of = np.empty(total * two, np.uint32)
        for b in range(b_first, b_last):
            if start[b] == stop[b]:
                continue
            p = ptr[b - b_first]
            row = uint64(0)
            for k in range(uint64(row_ptr[b]), uint64(row_ptr[b + one])):
                a = uint64(row_idx[k])
                for e in range(low[a], high[a]):
                    x = uint64(col_idx[e]) - u_first + one
                    t = p[x]
                    rows_of[t] = uint32(row)
                    p[x] = t + uint32(1)
                row += uint64(tile_width[b])
        for x in range(n_u):
            score = out[x + u_first - uint64(row_shift)]
            for b in range(b_first, b_last):
                s, t = uint64(ptr[b - b_first, x]), uint64(ptr[b - b_first, x + one])
                if s == t or b == x + u_first:
                    continue
                at = offset[b] + (t - s)
                f, extra = left[at], add[at]
                base, width = tile_start[b] - origin, uint64(tile_width[b])
                begin, n = uint64(start[b]), uint64(stop[b]) - uint64(start[b])
                r0 = base + uint64(rows_of[s])
                if t == s + one:
                    for j in range(n):
                        score[uint64(row_idx[begin + j]) - uint64(col_shift)] += f * tile[r0 + j] + extra
                    continue
                r1 = base + uint64(rows_of[s + one])
                for j in range(width):
                    acc[j] = tile[r0 + j] + tile[r1 + j]
                i = s + two
                while i + four <= t:
                    r0, r1 = base + uint64(rows_of[i]), base + uint64(rows_of[i + one])
                    r2, r3 = base + uint64(rows_of[i + two]), base + uint64(rows_of[i + uint64(3)])
                    for j in range(width):
                        acc[j] += (tile[r0 + j] + tile[r1 + j]) + (tile[r2 + j] + tile[r3 + j])
                    i += four
                while i < t:
                    r0 = base + uint64(rows_of[i])
                    for j in range(width):
                        acc[j] += tile[r0 + j]
                    i += one
                for j in range(n):
                    score[uint64(row_idx[begin + j]) - uint64(col_shift)] += f * acc[j] + extra
    for u in range(u_first, u_last):
        score = out[u - uint64(row_shift)]
        for k in range(uint64(start[u]), uint64(stop[u])):
            score[uint64(row_idx[k]) - uint64(col_shift)] = 0.0
