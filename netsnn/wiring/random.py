"""Wiring without structure: equal degrees, or every set of links equally likely."""

from __future__ import annotations

import numpy as np

from netsnn.graph import Layer
from netsnn.hints import Seed, generator
from netsnn.wiring.counts import draw_ids, link_count, spread

__all__ = ["erdos_renyi", "uniform"]


def erdos_renyi(n_in: int, n_out: int, *, density: float | None = None, sparsity: float | None = None,
                links: int | None = None, seed: Seed = None) -> Layer:
    """A layer with a given number of links, every choice of them equally likely: G(n_in, n_out, links).

    Degrees follow the hypergeometric law. Memory is that of the links.

    Parameters
    ----------
    n_in, n_out : int
        Neurons on the two sides.
    density, sparsity, links
        One of them: round(density * n_in * n_out) links, with density = 1 - sparsity, or `links` itself.
    seed : int or numpy Generator

    References
    ----------
    Erdos, Renyi (1959), On random graphs I.

    Examples
    --------
    >>> erdos_renyi(784, 1000, sparsity=0.99, seed=0)
    Layer(784 -> 1000, 7840 links, density 1%)
    """
    n_in, n_out, count = link_count(n_in, n_out, density, sparsity, links)
    ids = draw_ids(n_in * n_out, count, generator(seed))
    return Layer.from_edges(ids // max(n_out, 1), ids % max(n_out, 1), (n_in, n_out))


def uniform(n_in: int, n_out: int, *, density: float | None = None, sparsity: float | None = None,
            links: int | None = None, seed: Seed = None) -> Layer:
    """A random layer of equal degrees: on each side any two neurons' degrees differ by at most one.

    CH-SNN wires so the linear layers whose inputs are not the network's inputs. Link ends are joined at random (the
    configuration model), repeated links undone by random exchanges of ends, which keep every degree, and the layer then
    mixed by further exchanges, so that all layers of these degrees come up equally often.

    Parameters
    ----------
    n_in, n_out, density, sparsity, links, seed
        As in `erdos_renyi`.

    References
    ----------
    CH-SNN, arXiv 2511.05581 (2025), initialisation of intermediate layers.
    Rao, Jana, Bandyopadhyay (1996), Sankhya A 58:225 (exchanges of ends).

    Examples
    --------
    >>> layer = uniform(6, 4, links=9, seed=0)
    >>> sorted(layer.out_degrees.tolist()), sorted(layer.in_degrees.tolist())
    ([1, 1, 1, 2, 2, 2], [2, 2, 2, 3])
    """
    n_in, n_out, count = link_count(n_in, n_out, density, sparsity, links)
    rng = generator(seed)
    possible = n_in * n_out
    absent = count > possible // 2  # the absent links of such a layer have equal degrees too
    ids = _equal_degrees(n_in, n_out, possible - count if absent else count, rng)
    if absent:
        ids = np.setdiff1d(np.arange(possible), ids, assume_unique=True)
    return Layer.from_edges(ids // max(n_out, 1), ids % max(n_out, 1), (n_in, n_out))


def _equal_degrees(n_in: int, n_out: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """row * n_out + col of `count` different links with nearly equal degrees on both sides."""
    if not count:
        return np.empty(0, dtype=np.int64)
    row = np.repeat(np.arange(n_in), spread(count, n_in, rng))
    col = rng.permutation(np.repeat(np.arange(n_out), spread(count, n_out, rng)))
    for _ in range(300):
        ids = row * n_out + col
        order = np.argsort(ids, kind="stable")
        repeated = order[1:][ids[order][1:] == ids[order][:-1]]
        if not len(repeated):
            return _mixed(ids, n_out, rng)
        # exchange the column of each repeated link with that of a random other link, where both new links are new
        partner = rng.permutation(count)[:len(repeated)]
        fresh = np.concatenate([row[repeated] * n_out + col[partner], row[partner] * n_out + col[repeated]])
        known = np.isin(fresh, ids)
        _, first, times = np.unique(fresh, return_index=True, return_counts=True)
        alone = np.zeros(len(fresh), dtype=bool)
        alone[first[times == 1]] = True
        fine = (alone & ~known).reshape(2, -1).all(axis=0) & ~np.isin(partner, repeated)
        a, b = repeated[fine], partner[fine]
        col[a], col[b] = col[b], col[a]
    return _mixed(_in_turn(n_in, n_out, count, rng), n_out, rng, rounds=100)


def _mixed(ids: np.ndarray, n_out: int, rng: np.random.Generator, rounds: int = 5) -> np.ndarray:
    """The links after `rounds` of exchanging the columns of randomly paired links where that repeats no link.

    A pair moves only if its two links, old and new, concern no other link and no other pair. That condition is the same
    before and after the move, so each round is as likely as its reverse: the rounds converge to equal odds for all.
    """
    ids, half = ids.copy(), len(ids) // 2
    for _ in range(rounds):
        pairs = rng.permutation(len(ids))[:2 * half].reshape(2, half)
        pairs = pairs[:, rng.random(half) < rng.random()]  # sometimes few pairs try: they get in each other's way less
        row, col = np.divmod(ids[pairs], n_out)
        fresh = row * n_out + col[::-1]
        every = np.concatenate([ids, fresh.ravel()])
        order = np.argsort(every, kind="stable")
        same = np.diff(every[order]) == 0
        shared = np.zeros(len(every), dtype=bool)
        shared[order[1:][same]] = shared[order[:-1][same]] = True
        free = ~(shared[pairs] | shared[len(ids):].reshape(fresh.shape)).any(axis=0)
        ids[pairs[:, free]] = fresh[:, free]
    return ids


def _in_turn(n_in: int, n_out: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """Equal degrees by dealing inputs out in turn: always possible, should the exchanges not come to an end."""
    col = np.repeat(np.arange(n_out), spread(count, n_out, rng))
    row = np.arange(count) % n_in
    return rng.permutation(n_in)[row] * n_out + rng.permutation(n_out)[col]
