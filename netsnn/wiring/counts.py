"""How many links a layer gets, and draws of links without repetition: shared by all generators."""

from __future__ import annotations

import numpy as np

from netsnn.graph import _check_shape

__all__ = ["draw_ids", "link_count", "spread"]


def link_count(n_in: int, n_out: int, density: float | None, sparsity: float | None, links: int | None) -> int:
    """The exact number of links: round(density * n_in * n_out), of which sparsity = 1 - density, or `links` itself."""
    n_in, n_out = _check_shape((n_in, n_out))
    given = [name for name, value in (("density", density), ("sparsity", sparsity), ("links", links)) if value is not None]
    if len(given) != 1:
        raise ValueError(f"give one of density, sparsity and links, got {' and '.join(given) or 'none'}")
    if links is not None:
        if isinstance(links, bool) or not isinstance(links, (int, np.integer)) or not 0 <= links <= n_in * n_out:
            raise ValueError(f"links must be a whole number from 0 to n_in * n_out = {n_in * n_out}, got {links!r}")
        return int(links)
    if density is not None:
        if not 0 <= density <= 1:
            raise ValueError(f"density must lie in [0, 1], got {density}")
    elif not 0 <= sparsity < 1:
        raise ValueError(f"sparsity must lie in [0, 1), got {sparsity}")
    return round((density if density is not None else 1 - sparsity) * n_in * n_out)


def spread(total: int, parts: int, rng: np.random.Generator) -> np.ndarray:
    """`total` shared out over `parts` as equally as can be, the left-overs at random."""
    shares = np.full(parts, total // parts if parts else 0, dtype=np.int64)
    shares[rng.choice(parts, total % parts if parts else 0, replace=False)] += 1
    return shares


def draw_ids(possible: int, count: int, rng: np.random.Generator, taken: np.ndarray | None = None) -> np.ndarray:
    """`count` different numbers below `possible`, uniformly, none of them in `taken` (sorted): sorted, in memory O(count)."""
    taken = np.empty(0, dtype=np.int64) if taken is None else taken
    free = possible - len(taken)
    if count > free // 2:
        if possible <= 4 * (count + len(taken)) + 1000:  # nearly all: leave some out of the list of all
            every = np.setdiff1d(np.arange(possible), taken, assume_unique=True)
            return np.sort(rng.permutation(every)[:count])
    found = np.empty(0, dtype=np.int64)
    while len(found) < count:  # as many draws as should give the missing numbers, repeated ones included
        missing, left = count - len(found), free - len(found)
        more = rng.integers(possible, size=int(-possible * np.log1p(-missing / left) * 1.02) + 16)
        more = np.sort(np.concatenate([found, more]))
        found = more[np.concatenate([[True], more[1:] != more[:-1]])]
        if len(taken):
            found = found[taken[np.minimum(np.searchsorted(taken, found), len(taken) - 1)] != found]
    return np.sort(rng.permutation(found)[:count])
