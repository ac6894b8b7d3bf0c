"""Spanning trees of weighted layers and the max-min product: what persistence is made of.

Non-negative floats order as their bits do when read as integers, and the largest of many integers is found with vector
instructions, which the largest of many floats (any of which may be NaN) is not: `survey` and `dense_tree` see bits.
"""

import numpy as np
from numba import int64, uint32, uint64

from netsnn.kernels.compile import kernel

BLOCK = 64  # neurons whose strongest link to the tree is known together
WIDTH = 128  # columns of the max-min product made together: their part of `right` stays in the cache
PACE = 16  # middle neurons between two looks whether a row of the product is done
LEVELS = 256


@kernel
def survey(bits, mask):
    """(largest absolute value as bits, how many entries are not 0) of a matrix of floats read as integers; `mask` clears the sign."""
    largest, count = mask & 0, 0
    for i in range(uint64(bits.shape[0])):
        for j in range(uint64(bits.shape[1])):
            value = bits[i, j] & mask
            largest = value if value > largest else largest
            count += value != 0
    return largest, count


@kernel
def transpose(bits, start, stop, out):
    """out[:, start:stop] = the transpose of bits[start:stop], in tiles that stay in the cache."""
    tile = uint64(16)
    stop, n_out = uint64(stop), uint64(bits.shape[1])
    for top in range(uint64(start), stop, tile):
        for left in range(uint64(0), n_out, tile):
            for j in range(left, min(left + tile, n_out)):
                for i in range(top, min(top + tile, stop)):
                    out[j, i] = bits[i, j]


@kernel
def dense_tree(bits, back, mask, out):
    """The maximum spanning tree of the complete bipartite graph with absolute weights `bits`: its n + m - 1 link weights.

    Prim's algorithm from the first input: O((n + m)^2) whatever the weights. `back` is the transpose of `bits`.
    """
    n, m = bits.shape
    near_in, gone_in, top_in = np.full(n, -1, bits.dtype), np.zeros(n, bits.dtype), np.full((n + BLOCK - 1) // BLOCK, -1, bits.dtype)
    near_out, gone_out, top_out = np.full(m, -1, bits.dtype), np.zeros(m, bits.dtype), np.full((m + BLOCK - 1) // BLOCK, -1, bits.dtype)
    gone_in[0] = -1
    _reach(bits[0], mask, near_out, gone_out, top_out)
    for step in range(uint64(n + m - 1)):
        block_in, block_out = np.argmax(top_in), np.argmax(top_out)
        out[step] = max(top_in[block_in], top_out[block_out])
        if top_in[block_in] > top_out[block_out]:
            i = _take(near_in, gone_in, top_in, block_in)
            _reach(bits[i], mask, near_out, gone_out, top_out)
        else:
            j = _take(near_out, gone_out, top_out, block_out)
            _reach(back[j], mask, near_in, gone_in, top_in)


@kernel
def _reach(weights, mask, near, gone, top):
    """A neuron with these link weights joined the tree: raise its partners' strongest links to the tree, and the strongest of each block."""
    n = uint64(len(near))
    for b in range(uint64(len(top))):
        best = mask | -1
        for j in range(b * uint64(BLOCK), min((b + uint64(1)) * uint64(BLOCK), n)):
            value = weights[j] & mask
            value = (value if value > near[j] else near[j]) | gone[j]  # -1 once in the tree
            near[j] = value
            best = value if value > best else best
        top[b] = best


@kernel
def _take(near, gone, top, block):
    """Take the neuron with the strongest link out of its block; its id."""
    start, stop = uint64(block * BLOCK), uint64(min((block + 1) * BLOCK, len(near)))
    place = start
    while near[place] != top[block]:
        place += uint64(1)
    near[place] = gone[place] = -1
    best = near[place]
    for j in range(start, stop):
        best = near[j] if near[j] > best else best
    top[block] = best
    return place


@kernel
def join(order, row, col, n_in, parent, count, out):
    """Kruskal's algorithm: walk the links in `order`, note in `out` from place `count` on those that join two components; the new count.

    `parent` is a forest over inputs and then outputs; a root is its own parent.
    """
    last = uint64(len(parent) - 1)
    count, n_in = uint64(count), uint64(n_in)
    for t in range(uint64(len(order))):
        if count == last:
            break
        link = uint64(order[t])
        a, b = uint64(row[link]), n_in + uint64(col[link])
        while parent[a] != a:
            parent[a] = parent[parent[a]]
            a = uint64(parent[a])
        while parent[b] != b:
            parent[b] = parent[parent[b]]
            b = uint64(parent[b])
        if a != b:
            parent[a] = b
            out[count] = link
            count += uint64(1)
    return int64(count)


@kernel
def crossing(links, row, col, n_in, parent, out):
    """Which of `links` still join two components, and how many; every `parent` becomes a root."""
    for a in range(uint64(len(parent))):
        root = uint64(parent[a])
        while parent[root] != root:
            root = uint64(parent[root])
        parent[a] = root
    count, n_in = uint64(0), uint64(n_in)
    for t in range(uint64(len(links))):
        link = uint64(links[t])
        out[count] = link
        count += uint64(parent[uint64(row[link])] != parent[n_in + uint64(col[link])])
    return int64(count)


@kernel
def max_min(left, right, ceiling, floor, start, stop, out):
    """out[i, k] = max over j of min(left[i, j], right[j, k]) for rows start .. stop - 1, where no entry is below `floor`.

    Middle neurons j come in falling order of left[i, j]. A row is done once no later j can raise it: when every out[i, k] has reached the
    largest left[i, j] to come or `ceiling[k]`, the largest entry of column k. Random layers are done after some 10 % of the j.
    """
    n_middle, n_out = uint64(right.shape[0]), uint64(right.shape[1])
    n_rows = uint64(stop - start)
    order = np.empty((n_rows, n_middle + uint64(4)), np.uint32)
    value = np.empty((n_rows, n_middle + uint64(4)), left.dtype)
    bound = np.empty((n_rows, n_middle // uint64(PACE) + uint64(2)), left.dtype)
    counts = np.empty(n_rows, np.uint64)
    for i in range(n_rows):
        counts[i] = _falling(left[uint64(start) + i], floor, order[i], value[i], bound[i])
    for first in range(uint64(0), n_out, uint64(WIDTH)):
        last = min(first + uint64(WIDTH), n_out)
        for i in range(n_rows):
            to = uint64(start) + i
            for k in range(first, last):
                out[to, k] = floor
            for t in range(uint64(0), counts[i], uint64(4)):
                if t % uint64(PACE) == 0:
                    to_come, open_columns = bound[i, t // uint64(PACE)], uint64(0)
                    for k in range(first, last):
                        open_columns += uint64((out[to, k] < to_come) & (out[to, k] < ceiling[k]))
                    if open_columns == 0:
                        break
                a, b, c, d = order[i, t], order[i, t + uint64(1)], order[i, t + uint64(2)], order[i, t + uint64(3)]
                va, vb, vc, vd = value[i, t], value[i, t + uint64(1)], value[i, t + uint64(2)], value[i, t + uint64(3)]
                for k in range(first, last):
                    best = out[to, k]
                    x = right[a, k] if right[a, k] < va else va
                    best = x if x > best else best
                    x = right[b, k] if right[b, k] < vb else vb
                    best = x if x > best else best
                    x = right[c, k] if right[c, k] < vc else vc
                    best = x if x > best else best
                    x = right[d, k] if right[d, k] < vd else vd
                    best = x if x > best else best
                    out[to, k] = best


@kernel
def _falling(row, floor, order, value, bound):
    """Entries of `row` above `floor`, the largest first up to one part in LEVELS of their range; how many.

    The last is repeated up to a multiple of four, which changes no maximum. bound[t] is the largest from place t * PACE on.
    """
    largest = floor
    for j in range(uint64(len(row))):
        largest = row[j] if row[j] > largest else largest
    if largest == floor:
        return uint64(0)
    place = np.zeros(LEVELS + 1, np.uint32)
    per_level = (LEVELS - 1) / (largest - floor)
    for j in range(uint64(len(row))):
        if row[j] > floor:
            place[_level(largest - row[j], per_level) + uint64(1)] += uint32(1)
    for level in range(uint64(LEVELS)):
        place[level + uint64(1)] += place[level]
    count = uint64(place[LEVELS])
    for j in range(uint64(len(row))):
        if row[j] > floor:
            level = _level(largest - row[j], per_level)
            order[place[level]] = j
            value[place[level]] = row[j]
            place[level] += uint32(1)
    for t in range(count, count + uint64(3)):
        order[t], value[t] = order[count - uint64(1)], value[count - uint64(1)]
    largest = floor
    for t in range(int64(count) - 1, -1, -1):
        largest = value[t] if value[t] > largest else largest
        if t % PACE == 0:
            bound[t // PACE] = largest
    return count


@kernel
def _level(depth, per_level):
    """The level of an entry; the last one where a tiny or huge range leaves no number. Any level is right: the order only saves time."""
    level = depth * per_level
    return uint64(int64(level)) if level < LEVELS - 1 else uint64(LEVELS - 1)  # from a float straight to uint64 is slow


@kernel
def max_min_sparse(left, indptr, indices, values, start, stop, out):
    """As `max_min` with non-negative entries, for a `right` of few links in compressed rows."""
    for i in range(uint64(start), uint64(stop)):
        for k in range(uint64(out.shape[1])):
            out[i, k] = 0.0
        for j in range(uint64(left.shape[1])):
            v = left[i, j]
            if v > 0.0:
                for link in range(uint64(indptr[j]), uint64(indptr[j + uint64(1)])):
                    k = uint64(indices[link])
                    x = values[link] if values[link] < v else v
                    out[i, k] = x if x > out[i, k] else out[i, k]
