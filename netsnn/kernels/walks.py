"""Scores that add up weighted walks of two or three steps, row by row."""

import numpy as np
from numba import uint64

from netsnn.kernels.compile import kernel


@kernel
def compress(total, touched, count, u, upper, m, out_col, out_val):
    """Append the non-zero totals of row u (v > u only, if `upper`) from place m on, and clear them; the new m."""
    for i in range(count):
        v = touched[i]
        value = total[v]
        total[v] = 0.0
        out_col[m] = v
        out_val[m] = value
        m += uint64(value != 0.0 and (v > u or not upper))
    return m


@kernel
def walk2(indptr, indices, weight, rows, upper, keep_links, out_ptr, out_col, out_val):
    """score(u, v) = sum over walks u - z - v of weight[z], for u in `rows`, as compressed rows.

    `upper` keeps only v > u; existing links and v = u are left out unless `keep_links`.
    """
    n = len(indptr) - 1
    one = uint64(1)
    total = np.zeros(n, np.float64)
    touched = np.empty(n + 1, np.uint32)
    m = uint64(0)
    for r in range(len(rows)):
        u = uint64(rows[r])
        count = uint64(0)
        for i in range(uint64(indptr[u]), uint64(indptr[u + one])):
            z = uint64(indices[i])
            w = weight[z]
            if w == 0.0:
                continue
            for j in range(uint64(indptr[z]), uint64(indptr[z + one])):
                v = indices[j]
                old = total[v]
                touched[count] = v
                count += uint64(old == 0.0)
                total[v] = old + w
        if not keep_links:
            for i in range(uint64(indptr[u]), uint64(indptr[u + one])):
                total[indices[i]] = 0.0
            total[u] = 0.0
        m = compress(total, touched, count, u, upper, m, out_col, out_val)
        out_ptr[r + 1] = m


@kernel
def walk3(indptr, indices, back_ptr, back_idx, near, far, shortcut, one_sided, rows, upper, keep_links, out_ptr, out_col, out_val):
    """score(u, v) = sum over walks u - a - b - v of near[a] far[b], plus `shortcut` times sum near[a] for v = b.

    (indptr, indices) leads from u to a and from b to v, (back_ptr, back_idx) from a to b: the transpose in
    a layer, the same in a graph (`one_sided`: u and v are nodes of one kind). Compressed rows, as in `walk2`.
    """
    n_left, n_right = len(indptr) - 1, len(back_ptr) - 1
    one = uint64(1)
    total = np.zeros(n_right, np.float64)
    touched = np.empty(n_right + 1, np.uint32)
    mass = np.zeros(n_left, np.float64)
    reach = np.empty(n_left + 1, np.uint32)
    m = uint64(0)
    for r in range(len(rows)):
        u = uint64(rows[r])
        reached = uint64(0)
        for i in range(uint64(indptr[u]), uint64(indptr[u + one])):
            a = uint64(indices[i])
            w = near[a]
            for j in range(uint64(back_ptr[a]), uint64(back_ptr[a + one])):
                b = back_idx[j]
                old = mass[b]
                reach[reached] = b
                reached += uint64(old == 0.0)
                mass[b] = old + w
        count = uint64(0)
        for i in range(reached):
            b = uint64(reach[i])
            w = mass[b] * far[b]
            for j in range(uint64(indptr[b]), uint64(indptr[b + one])):
                v = indices[j]
                old = total[v]
                touched[count] = v
                count += uint64(old == 0.0)
                total[v] = old + w
        for i in range(reached):
            b = reach[i]
            if shortcut != 0.0:
                old = total[b]
                touched[count] = b
                count += uint64(old == 0.0)
                total[b] = old + shortcut * mass[b]
            mass[b] = 0.0
        if not keep_links:
            for i in range(uint64(indptr[u]), uint64(indptr[u + one])):
                total[indices[i]] = 0.0
            if one_sided:
                total[u] = 0.0
        m = compress(total, touched, count, u, upper, m, out_col, out_val)
        out_ptr[r + 1] = m


@kernel
def walk_series(indptr, indices, beta, length, rows, out):
    """out[:, r] = sum for l = 1 .. length of beta^l (A^l)[:, rows[r]], by Horner's rule."""
    n, width = uint64(len(indptr) - 1), uint64(len(rows))
    one = uint64(1)
    block = np.zeros((n, width), np.float64)
    for step in range(length):
        for r in range(width):
            block[rows[r], r] += 1.0
        for i in range(n):
            for c in range(width):
                out[i, c] = 0.0
            for k in range(uint64(indptr[i]), uint64(indptr[i + one])):
                j = uint64(indices[k])
                for c in range(width):
                    out[i, c] += block[j, c]
            for c in range(width):
                out[i, c] *= beta
        if step + 1 < length:
            block[:] = out
