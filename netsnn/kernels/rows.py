"""From compressed rows to a dense array."""

from numba import uint64

from netsnn.kernels.compile import kernel


@kernel
def spread(ptr, col, val, rows, mirror, out):
    """out[rows[r], col[i]] = val[i] for the entries i of each row r, and with `mirror` also out[col[i], rows[r]]."""
    for r in range(len(rows)):
        u = uint64(rows[r])
        for i in range(uint64(ptr[r]), uint64(ptr[r + 1])):
            out[u, uint64(col[i])] = val[i]
            if mirror:
                out[uint64(col[i]), u] = val[i]
