"""How many links a layer gets, and draws of links without repetition: shared by all generators."""

from __future__ import annotations

import numpy as np

from netsnn.errors import check_within
from netsnn.graph import _check_shape

__all__ = ["check_amount", "density_of", "draw_ids", "link_count", "spread"]


def link_count(n_in: int, n_out: int, density: float | None, sparsity: float | None,
               links: int | None) -> tuple[int, int, int]:
    """(n_in, n_out, number of links): round(density * n_in * n_out), with sparsity = 1 - density, or `links` itself.

    The sizes come back as Python integers: products of NumPy's int32 overflow.
    """
    n_in, n_out = _check_shape((n_in, n_out))
    check_amount(density, sparsity, links)
    if links is not None:
        if isinstance(links, bool) or not isinstance(links, (int, np.integer)) or not 0 <= links <= n_in * n_out:
            raise ValueError(f"links must be a whole number from 0 to n_in * n_out = {n_in * n_out}, got {links!r}")
        return n_in, n_out, int(links)
    if sparsity is not None:
        density = density_of(sparsity)
    assert density is not None  # one of the three was given
    return n_in, n_out, round(float(density) * n_in * n_out)


def density_of(sparsity: float) -> float:
    """1 - sparsity, of 0.9 exactly 0.1: the float 1 - 0.9 is 0.09999999999999998."""
    return round(1 - float(sparsity), 15)


def check_amount(density: float | None, sparsity: float | None, links: int | None) -> None:
    """Exactly one of the three must be given, and lie in its range (that of `links` depends on the layer's size)."""
    given = [name for name, value in {"density": density, "sparsity": sparsity, "links": links}.items() if value is not None]
    if len(given) != 1:
        raise ValueError(f"give one of density, sparsity and links, got {' and '.join(given) or 'none'}")
    if density is not None:
        check_within("density", density, "[0, 1]")
    if sparsity is not None:
        check_within("sparsity", sparsity, "[0, 1)")


def spread(total: int, parts: int, rng: np.random.Generator) -> np.ndarray:
    """`total` shared out over `parts` as equally as can be, the left-overs at random."""
    shares = np.full(parts, total // parts if parts else 0, dtype=np.int64)
    shares[rng.choice(parts, total % parts if parts else 0, replace=False)] += 1
    return shares


def draw_ids(possible: int, count: int, rng: np.random.Generator, taken: np.ndarray | None = None) -> np.ndarray:
    """`count` different numbers below `possible`, uniformly, none of them in `taken` (sorted).

    Sorted, and in memory O(count + len(taken)).
    """
    taken = np.empty(0, dtype=np.int64) if taken is None else taken
    free = possible - len(taken)
    if count > free // 2:  # then possible < 2 count + len(taken) + 2: listing all is in O of the result
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
