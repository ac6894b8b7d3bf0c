"""Unlinked pairs drawn in proportion to CH3-L3, without computing the scores: walks are drawn instead, and kept in proportion to what they add."""

from __future__ import annotations

import warnings

import numpy as np

from netsnn.errors import ShortfallWarning
from netsnn.graph import Layer
from netsnn.hints import Seed, generator
from netsnn.kernels.draws import keep_new, keep_walks, largest_overlaps
from netsnn.linkpred.scoring import best
from netsnn.threads import n_threads, run

__all__ = ["draw_ch3_l3"]

BATCH = 2**15  # walks drawn together, at most
FEW_WALKS = 10**7  # of length 3: for so few all scores are computed as fast
EFFORT = 30  # walks for each pair wanted, after which the rest is drawn from all scores


def draw_ch3_l3(layer: Layer, k: int, *, exclude: np.ndarray | None = None, seed: Seed = 0, few_walks: int = FEW_WALKS, effort: int = EFFORT) -> np.ndarray:
    """Ids (row * n_out + col) of k unlinked pairs, each next one drawn in proportion to its CH3-L3 among those left; in the order drawn.

    CH3-L3(u, v) is a sum over walks u - z1 - z2 - v of 1 / sqrt((d(z1) - |N(z1) & N(v)|) (d(z2) - |N(z2) & N(u)|)). A walk is drawn in proportion to an upper bound of
    its term (by its middle link, then its ends), and kept with the share of the bound that its term is: the pair at its ends is then drawn as its score wants it.
    That takes time in proportion to k, where the scores of all pairs take it in proportion to the walks. The same law as `best(sample=True)`, other draws.

    Parameters
    ----------
    exclude : ids of pairs that must not be drawn
    few_walks, effort : where there are fewer walks, or too many drawn in vain, all scores are computed

    Returns fewer than k where fewer pairs have a score.

    Examples
    --------
    >>> layer = Layer.from_edges([0, 0, 1, 1, 2], [0, 1, 0, 2, 1], shape=(3, 3))
    >>> ids = draw_ch3_l3(layer, 2, seed=0)
    >>> len(ids), bool(np.isin(ids, layer.ids).any())
    (2, False)
    """
    rng = generator(seed)
    found = np.empty(0, dtype=np.int64)
    taken = np.empty(0, dtype=np.int64) if exclude is None else np.unique(exclude).astype(np.int64)
    rows, cols = (ids.astype(np.int64) for ids in layer.links)
    out_degrees, in_degrees = layer.out_degrees.astype(np.int64), layer.in_degrees.astype(np.int64)
    through = (in_degrees[cols] - 1) * (out_degrees[rows] - 1)  # walks over each link as their middle one
    if through.any() and through.sum() > few_walks:
        back = layer.T
        sides = [[array.astype(np.int64) for array in (side.indptr, side.indices)] for side in (layer, back)]
        (row_ptr, row_idx), (col_ptr, col_idx) = sides
        row_most, col_most = _overlaps(row_ptr, row_idx, col_ptr, col_idx), _overlaps(col_ptr, col_idx, row_ptr, row_idx)
        heights = np.cumsum(through / np.sqrt(((in_degrees - col_most)[cols] * (out_degrees - row_most)[rows]).clip(1)))
        table = np.full(2 ** int(2 * (len(taken) + k + BATCH)).bit_length(), -1, dtype=np.int64)  # what was drawn, or must not be
        keep_new(taken, table, np.empty(len(taken), dtype=np.int64))
        left, count, parts = effort * k, 0, [found]
        while left > 0 and count < k:
            size = min(BATCH, 4 * (k - count) + 64)
            left -= size
            edges = np.searchsorted(heights, rng.random(size) * heights[-1], side="right").clip(max=len(rows) - 1)
            chance, kept = rng.random((size, 3)), np.empty(size, dtype=np.int64)
            step = max(-(-size // (4 * n_threads())), 1024)
            list(run(lambda a: keep_walks(rows, cols, edges[a:a + step], chance[a:a + step], row_ptr, row_idx, col_ptr, col_idx, row_most, col_most, kept[a:a + step]),
                     range(0, size, step)))
            new = np.empty(size, dtype=np.int64)
            parts.append(new[:keep_new(kept, table, new)])  # drawn again, a pair that was drawn before changes nothing
            count += len(parts[-1])
        found = np.concatenate(parts)
    if len(found) < k:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ShortfallWarning)
            u, v, _ = best(layer, "ch3_l3", k + len(taken), sample=True, drawn=True, seed=rng)
        rest = u * layer.n_out + v
        found = np.concatenate([found, rest[~np.isin(rest, found) & ~np.isin(rest, taken)]])
    return found[:k]


def _overlaps(ptr: np.ndarray, idx: np.ndarray, back_ptr: np.ndarray, back_idx: np.ndarray) -> np.ndarray:
    n = len(ptr) - 1
    out, step = np.zeros(n, dtype=np.int64), -(-n // (4 * n_threads())) or 1
    list(run(lambda a: largest_overlaps(ptr, idx, back_ptr, back_idx, a, min(a + step, n), out), range(0, n, step)))
    return out
