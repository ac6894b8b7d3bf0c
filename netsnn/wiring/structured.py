"""Wiring with a structure of networks in nature: small worlds, hubs, receptive fields.

All three place the neurons of each side on a ring and scale the two rings onto each other.
"""

from __future__ import annotations

import numpy as np

from netsnn.errors import check_within
from netsnn.graph import Layer
from netsnn.hints import Seed, generator
from netsnn.wiring.counts import draw_ids, link_count, spread

__all__ = ["receptive_field", "scale_free", "small_world"]


def small_world(n_in: int, n_out: int, *, density: float | None = None, sparsity: float | None = None,
                links: int | None = None, rewire: float = 0.1, seed: Seed = None) -> Layer:
    """Bipartite small world (BSW): links to ring neighbours, a fraction `rewire` of them moved anywhere.

    Each neuron i of the larger side (N neurons; M on the other) starts with K or K + 1 consecutive partners centred at
    i M / N. Each link is then dropped with probability `rewire` and another drawn uniformly from the pairs without
    a link. rewire = 0 is the ring, rewire = 1 the Erdos-Renyi layer.

    Parameters
    ----------
    n_in, n_out, density, sparsity, links, seed
        As in `erdos_renyi`.
    rewire : float
        The paper's beta, in [0, 1].

    References
    ----------
    Watts, Strogatz (1998), Nature 393:440; bipartite: Zhang et al. (2025), arXiv 2501.19107.

    Examples
    --------
    >>> small_world(6, 6, links=12, rewire=0, seed=0).to_dense().astype(int)
    array([[1, 0, 0, 0, 0, 1],
           [1, 1, 0, 0, 0, 0],
           [0, 1, 1, 0, 0, 0],
           [0, 0, 1, 1, 0, 0],
           [0, 0, 0, 1, 1, 0],
           [0, 0, 0, 0, 1, 1]])
    """
    n_in, n_out, count = link_count(n_in, n_out, density, sparsity, links)
    check_within("rewire", rewire, "[0, 1]")
    if not count:
        return _layer(np.empty(0, dtype=np.int64), n_in, n_out)
    rng = generator(seed)
    large, small = max(n_in, n_out), min(n_in, n_out)
    degrees = spread(count, large, rng)
    node = np.repeat(np.arange(large), degrees)
    step = np.arange(count) - np.repeat(np.cumsum(degrees) - degrees, degrees)
    partner = (np.floor(node * small / large - degrees[node] / 2).astype(np.int64) + step) % small
    ids = np.sort(node * small + partner)
    kept = ids[rng.random(count) >= rewire]
    ids = np.concatenate([kept, draw_ids(large * small, count - len(kept), rng, taken=kept)])
    return _from_sides(ids // small, ids % small, n_in, n_out)


def scale_free(n_in: int, n_out: int, *, density: float | None = None, sparsity: float | None = None,
               links: int | None = None, seed: Seed = None) -> Layer:
    """Bipartite scale-free layer (BSF): preferential attachment, degrees falling as k^-3.

    A Barabasi-Albert graph grows on all n_in + n_out neurons from a clique, each new neuron with
    m = links / (n_in + n_out) links (a fractional m is mixed from the whole numbers around it). Neurons are then dealt
    to the two sides at random, the far end of every link within one side moves to the other side, preferentially by
    degree, and what is lost to repeated links is attached preferentially, so that the count is exact.

    Parameters
    ----------
    n_in, n_out, density, sparsity, links, seed
        As in `erdos_renyi`.

    References
    ----------
    Barabasi, Albert (1999), Science 286:509; bipartite: Zhang et al. (2025), arXiv 2501.19107.

    Examples
    --------
    >>> layer = scale_free(500, 500, links=2000, seed=0)
    >>> layer.n_links, bool(layer.in_degrees.max() > 5 * layer.in_degrees.mean())
    (2000, True)
    """
    n_in, n_out, count = link_count(n_in, n_out, density, sparsity, links)
    rng = generator(seed)
    n = n_in + n_out
    x, y = _barabasi_albert(n, count, rng)
    side_place = rng.permutation(n)  # below n_in: an input; otherwise output number place - n_in
    x, y = side_place[x], side_place[y]
    same = (x < n_in) == (y < n_in)
    keep_x = rng.random(len(x)) < 0.5
    stay, ends = np.where(keep_x, x, y)[same], np.concatenate([x, y])
    moved = np.where(stay < n_in, _draw(ends[ends >= n_in], len(stay), n_in, n_out, rng),
                     _draw(ends[ends < n_in], len(stay), 0, n_in, rng))
    first, second = np.concatenate([x[~same], stay]), np.concatenate([y[~same], moved])
    row, col = np.minimum(first, second), np.maximum(first, second) - n_in
    ids = np.unique(row * n_out + col)
    if len(ids) > count:
        ids = np.sort(rng.permutation(ids)[:count])
    for _ in range(100):
        missing = count - len(ids)
        if not missing:
            break
        rows, cols = np.divmod(ids, n_out)  # each neuron once for every link it has
        more = _draw(rows, 2 * missing, 0, n_in, rng) * n_out + _draw(cols, 2 * missing, 0, n_out, rng)
        more = np.setdiff1d(more, ids)
        ids = np.union1d(ids, rng.permutation(more)[:missing])
    ids = np.concatenate([ids, draw_ids(n_in * n_out, count - len(ids), rng, taken=ids)])  # hubs are full: anywhere
    return _layer(ids, n_in, n_out)


def receptive_field(n_in: int, n_out: int, *, density: float | None = None, sparsity: float | None = None,
                    links: int | None = None, spread_out: float = 0.25, degrees: str = "fixed", seed: Seed = None) -> Layer:
    """Bipartite receptive fields (BRF): the closer two neurons on their rings, the likelier their link.

    Each neuron of the smaller side draws its partners without replacement with probability proportional to
    (1 + distance)^(-(1 - r) / r), r = `spread_out`, distance along the larger ring from the neuron's own scaled place.
    r = 0 takes the nearest partners, r = 1 any with equal probability. Time is O(n_in n_out), memory is not.

    Parameters
    ----------
    n_in, n_out, density, sparsity, links, seed
        As in `erdos_renyi`.
    spread_out : float
        The paper's r, in [0, 1].
    degrees : "fixed" or "random"
        On the smaller side equal (to within one), or shared out at random, at least one each where the links suffice.

    References
    ----------
    Zhang et al. (2025), Brain network science modelling of sparse neural networks, arXiv 2501.19107.

    Examples
    --------
    >>> receptive_field(6, 3, links=6, spread_out=0, seed=0).to_dense().astype(int)
    array([[1, 0, 0],
           [1, 0, 0],
           [0, 1, 0],
           [0, 1, 0],
           [0, 0, 1],
           [0, 0, 1]])
    """
    n_in, n_out, count = link_count(n_in, n_out, density, sparsity, links)
    check_within("spread_out", spread_out, "[0, 1]")
    if degrees not in ("fixed", "random"):
        raise ValueError(f"degrees must be 'fixed' or 'random', got {degrees!r}")
    if not count:
        return _layer(np.empty(0, dtype=np.int64), n_in, n_out)
    rng = generator(seed)
    large, small = max(n_in, n_out), min(n_in, n_out)
    share = spread(count, small, rng) if degrees == "fixed" else _random_share(count, small, large, rng)
    exponent = (1 - spread_out) / spread_out if spread_out else np.inf
    block = max(1, 2**22 // large)
    nodes, partners = [], []
    for first in range(0, small, block):
        node = np.arange(first, min(first + block, small))
        away = np.abs(np.arange(large) - ((node[:, None] + 0.5) * large / small - 0.5))
        away = np.minimum(away, large - away)
        if np.isinf(exponent):
            order = np.lexsort((rng.random(away.shape), away), axis=1)
        else:  # the largest of log(weight) + Gumbel noise: a weighted draw without replacement
            key = exponent * np.log1p(away) - rng.gumbel(size=away.shape)
            order = np.argpartition(key, share[node].max() - 1, axis=1)[:, :share[node].max()]
            order = np.take_along_axis(order, np.argsort(np.take_along_axis(key, order, axis=1), axis=1), axis=1)
        chosen = np.arange(order.shape[1]) < share[node][:, None]
        nodes.append(np.repeat(node, share[node]))
        partners.append(order[chosen])
    return _from_sides(np.concatenate(partners), np.concatenate(nodes), n_in, n_out)


def _barabasi_albert(n: int, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Links of a Barabasi-Albert graph of n nodes and about `count` links, grown from a clique."""
    if n < 2 or not count:
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    m = count / n
    core = min(n, int(np.ceil(m)) + 1)
    pairs = np.triu_indices(core, 1)
    left = max(0, count - len(pairs[0]))  # so that the total is right whatever the core took
    per_node = spread(left, n - core, rng) if n > core else np.empty(0, dtype=np.int64)
    ends = np.empty(2 * (len(pairs[0]) + int(per_node.sum())), dtype=np.int64)  # each node once for every link it has
    size = 2 * len(pairs[0])
    ends[0:size:2], ends[1:size:2] = pairs
    for new, links in enumerate(per_node.tolist(), core):
        links = min(links, new)
        chosen: set[int] = set()
        while len(chosen) < links:
            chosen.update(ends[rng.integers(size, size=links - len(chosen))].tolist())
        stop = size + 2 * links
        ends[size:stop:2] = new
        ends[size + 1:stop:2] = list(chosen)
        size = stop
    return ends[0:size:2], ends[1:size:2]


def _draw(ends: np.ndarray, count: int, first: int, n: int, rng: np.random.Generator) -> np.ndarray:
    """`count` nodes in proportion to how often they stand in `ends`; if that is empty, any from first on."""
    return rng.choice(ends, count) if len(ends) else rng.integers(first, first + max(n, 1), size=count)


def _random_share(count: int, parts: int, most: int, rng: np.random.Generator) -> np.ndarray:
    """`count` shared out at random: at least one each where that is possible, and no more than `most`."""
    share = np.full(parts, 1 if count >= parts else 0, dtype=np.int64)
    while share.sum() < count:
        room = np.flatnonzero(share < most)
        share += np.bincount(rng.choice(room, count - share.sum()), minlength=parts)
        share = np.minimum(share, most)
    return share


def _from_sides(large: np.ndarray, small: np.ndarray, n_in: int, n_out: int) -> Layer:
    """The layer of links between places on the larger and on the smaller side."""
    row, col = (large, small) if n_in >= n_out else (small, large)
    return Layer.from_edges(row, col, (n_in, n_out))


def _layer(ids: np.ndarray, n_in: int, n_out: int) -> Layer:
    return Layer.from_edges(ids // max(n_out, 1), ids % max(n_out, 1), (n_in, n_out))
