"""Counting a stream of scores against thresholds, and the modified ROC curve of a ranking with ties."""

import numpy as np
from numba import int64, uint64

from netsnn.kernels.compile import kernel


@kernel(reorder=False)
def tally(values, bits, begin, end, lower, upper, bucket, lowest, shift, counts):
    """Count the non-zero values[begin[r]:end[r]] of all r.

    Intervals lower..upper ascend and lie apart. A score in interval i counts at 2 i + 1, one above i intervals and in none at 2 i.
    A bucket holds the positive scores that share their leading bits; bucket[b] intervals lie below all of bucket b, so that
    few steps of the search are left. `bits` are the values as integers; the first bucket begins at `lowest`.
    """
    n, last_bucket = uint64(len(lower)), uint64(len(bucket) - 2)
    one = uint64(1)
    for r in range(len(begin)):
        for i in range(uint64(begin[r]), uint64(end[r])):
            score = values[i]
            if score == 0.0:
                continue
            first, last = uint64(0), n
            if score > 0.0:
                if bits[i] < lowest:
                    first, last = bucket[uint64(0)], bucket[uint64(0)]
                else:
                    b = min((bits[i] - lowest) >> shift, last_bucket)
                    first, last = bucket[b], bucket[b + one]
            while first < last:  # the first interval whose upper end is not below the score
                middle = (first + last) >> one
                if upper[middle] < score:
                    first = middle + one
                else:
                    last = middle
            counts[uint64(2) * first + uint64(first < n and score >= lower[min(first, n - one)])] += 1


@kernel(reorder=False)
def tally_at_nodes(values, begin, end, rows, col, first_col, transposed, shift, ptr, lower, upper, counts):
    """Count every non-zero score among the intervals of each of its two nodes.

    Node x has intervals ptr[x]..ptr[x + 1], and counts (as in `tally`) from 2 ptr[x] + x on. The column of entry i is col[i], or if
    `col` is empty lies as far from first_col[r] as i from begin[r]; columns are nodes from `shift` on.
    """
    one = uint64(1)
    for r in range(len(begin)):
        for i in range(uint64(begin[r]), uint64(end[r])):
            score = values[i]
            if score == 0.0:
                continue
            u = uint64(rows[r])
            v = uint64(col[i]) if len(col) else uint64(first_col[r]) + i - uint64(begin[r])
            if transposed:
                u, v = v, u
            for side in range(2):
                x = u if side == 0 else v + uint64(shift)
                first, end_of_x = ptr[x], ptr[x + one]
                if first == end_of_x:
                    continue
                while first < end_of_x and upper[first] < score:
                    first += one
                counts[uint64(2) * first + x + uint64(first < end_of_x and score >= lower[min(first, end_of_x - one)])] += 1


@kernel(reorder=False)
def modified_roc(positive, negative, nodes, weights):
    """Expected area under the modified ROC curve (AUC-mROC) of groups in rank order, each in random order.

    With f negatives and t positives so far, the curve's point is x = ln(1 + f) / ln(1 + N) and
    y = (m - r) / (1 - r) (1 - x) + x, where m = ln(1 + t) / ln(1 + P) and r the same for t = f P / N. Only steps to a
    negative have width, and y is linear in m: the area is a sum over the negatives of E[m] times a smooth weight.
    Far from the start such a sum is an integral (Euler-Maclaurin), taken by Gauss-Legendre `nodes` and `weights`.
    """
    n_positive, n_negative = float(positive.sum()), float(negative.sum())
    scale = 1.0 / np.log1p(n_positive)
    area, f, t = 0.0, int64(0), int64(0)
    for g in range(len(positive)):
        p, n = positive[g], negative[g]
        j = int64(0)
        while j < n:
            near = j if p else f + j  # with positives in it the group has a scale of its own
            length = near // 4
            if near < 512 or n - j < 64 or length < 64 or n_negative - (f + j) < 64.0:
                area += _strip(float(f + j), _mean_log(float(j), p, n, t) * scale, n_positive, n_negative)
                j += 1
                continue
            stop = min(n, j + length)
            stop = min(stop, int64(n_negative) - 63 - f)
            a, b = j - 0.5, stop - 0.5
            total = 0.0
            for k in range(len(nodes)):
                x = a + (b - a) * nodes[k]
                total += weights[k] * _strip(f + x, _mean_log(x, p, n, t) * scale, n_positive, n_negative)
            area += total * (b - a)
            for sign, x in ((1.0, b), (-1.0, a)):
                after = _strip(f + x + 0.25, _mean_log(x + 0.25, p, n, t) * scale, n_positive, n_negative)
                before = _strip(f + x - 0.25, _mean_log(x - 0.25, p, n, t) * scale, n_positive, n_negative)
                area -= sign * (after - before) / 12.0  # the slope is twice this difference
            j = stop
        f += n
        t += p
    return area


@kernel(reorder=False)
def _strip(f, m, n_positive, n_negative):
    """Area of the trapezium from f to f + 1 negatives at height m."""
    width = np.log1p(1.0 / (1.0 + f)) / np.log1p(n_negative)
    return width * 0.5 * (_height(f, m, n_positive, n_negative) + _height(f + 1.0, m, n_positive, n_negative))


@kernel(reorder=False)
def _height(f, m, n_positive, n_negative):
    left = n_negative - f
    if left <= 0.0:
        return 1.0
    above = np.log1p(left / (1.0 + f)) / np.log1p(n_negative)  # 1 - x
    share = n_positive / n_negative
    room = np.log1p(share * left / (1.0 + share * f)) / np.log1p(n_positive)  # 1 - r
    return 1.0 - above + (m - 1.0 + room) / room * above


@kernel(reorder=False)
def _mean_log(j, p, n, t):
    """E[ln(1 + t + T)], T of a group's p positives standing before the negative that j of its n negatives precede."""
    if p == 0:
        return np.log1p(float(t))
    mode = min(max(int64(p * (j + 0.5) / n), int64(0)), int64(p))
    total, mean = 1.0, np.log1p(float(t + mode))
    for step in (1, -1):
        weight, k = 1.0, mode
        while weight > 1e-18 * total:
            # P(k + 1) / P(k) of the negative hypergeometric law
            if step == 1:
                if k == p:
                    break
                weight *= (j + k + 1.0) / (k + 1.0) * (p - k) / (n - 1.0 - j + p - k)
            else:
                if k == 0:
                    break
                weight /= (j + k) / k * (p - k + 1.0) / (n - 1.0 - j + p - k + 1.0)
            k += step
            total += weight
            mean += weight * np.log1p(float(t + k))
    return mean / total
