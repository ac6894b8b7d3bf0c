"""Choosing the best pairs from a stream of scores, the same whatever the order of the stream.

Every pair has one random number, computed from the seed and the pair alone. It breaks ties among the top scores,
and in sampling makes the exponential variable E of the race E / score, whose first k are a weighted sample of k
without replacement (the same as the k largest of log(score) + Gumbel noise).
"""

import numpy as np
from numba import uint64

from netsnn.kernels.compile import kernel


@kernel(reorder=False)
def pair_hash(seed, pair):
    """64 random bits of a pair: splitmix64 of the pair's place in a sequence that the seed begins."""
    x = uint64(seed) + uint64(pair) * uint64(0x9E3779B97F4A7C15)
    x ^= x >> uint64(30)
    x *= uint64(0xBF58476D1CE4E5B9)
    x ^= x >> uint64(27)
    x *= uint64(0x94D049BB133111EB)
    return x ^ (x >> uint64(31))


@kernel(reorder=False)
def rank(score, pair, seed, sample, key_limit, tie_limit):
    """(beats the limits, key, tie) of a pair. No arrays go in: their reference counts would cost more than the work."""
    key = 0.0
    if not sample:
        split = score * 4097.0  # Veltkamp: the upper 41 bits, so that sums in another order still tie
        key = split - (split - score)
        if key < key_limit:
            return False, key, uint64(0)
    tie = pair_hash(seed, pair)
    if sample:
        uniform = (float(tie >> uint64(11)) + 1.0) * 2.0**-53
        if uniform - 1.0 < key_limit * score:  # E >= 1 - uniform: too late in the race, no need for the logarithm
            return False, key, tie
        key = np.log(uniform) / score
    return key > key_limit or (key == key_limit and tie < tie_limit), key, tie


@kernel(reorder=False)
def from_dense(block, rows, first_col, n_cols, transposed, upper, seed, sample, key_limit, tie_limit, begin, m,
               pairs, keys, ties, values):
    """Offer the positive entries of a block, from flat place `begin` until the buffer is full: (where it stopped, m)."""
    width = uint64(block.shape[1])
    room = uint64(len(pairs))
    r, c = uint64(begin) // max(width, uint64(1)), uint64(begin) % max(width, uint64(1))
    m = uint64(m)
    while r < uint64(block.shape[0]):
        u = uint64(rows[r])
        while c < width:
            score = block[r, c]
            v = c + uint64(first_col)
            if score > 0.0 and (v > u or not upper):
                if m == room:
                    return r * width + c, m
                pair = v * uint64(n_cols) + u if transposed else u * uint64(n_cols) + v
                better, key, tie = rank(score, pair, seed, sample, key_limit, tie_limit)
                if better:
                    pairs[m] = pair
                    keys[m] = key
                    ties[m] = tie
                    values[m] = score
                    m += uint64(1)
            c += uint64(1)
        c = uint64(0)
        r += uint64(1)
    return r * width, m


@kernel(reorder=False)
def from_rows(ptr, col, val, rows, n_cols, transposed, seed, sample, key_limit, tie_limit, begin, m,
              pairs, keys, ties, values):
    """Offer the positive entries of compressed rows, from entry `begin` until the buffer is full: (where it stopped, m)."""
    room = uint64(len(pairs))
    i, m = uint64(begin), uint64(m)
    for r in range(len(rows)):
        if uint64(ptr[r + 1]) <= i:
            continue
        u = uint64(rows[r])
        while i < uint64(ptr[r + 1]):
            if val[i] > 0.0:
                if m == room:
                    return i, m
                v = uint64(col[i])
                pair = v * uint64(n_cols) + u if transposed else u * uint64(n_cols) + v
                better, key, tie = rank(val[i], pair, seed, sample, key_limit, tie_limit)
                if better:
                    pairs[m] = pair
                    keys[m] = key
                    ties[m] = tie
                    values[m] = val[i]
                    m += uint64(1)
            i += uint64(1)
    return i, m
