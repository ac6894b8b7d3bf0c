"""Where links grow: unlinked pairs chosen by a link-prediction score, by gradients, or at random."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from netsnn.errors import ShortfallWarning, check_whole
from netsnn.evolve.scores import choose
from netsnn.graph import Layer, _union
from netsnn.hints import Seed, generator
from netsnn.linkpred import METHODS, best
from netsnn.linkpred.drawing import draw_ch3_l3
from netsnn.wiring.counts import draw_ids

__all__ = ["GROWTHS", "grow"]

GROWTHS = {
    "uniform": "every unlinked pair is as likely",
    "gradient": "the largest |gradient| of the loss by the absent weight",
    "momentum": "the largest |running mean of that gradient|",
}


def grow(layer: Layer, count: int | np.ndarray, rule: str, *, sample: bool = False, gradient: np.ndarray | None = None, alive: Any = None, exclude: np.ndarray | None = None,
         seed: Seed = 0) -> np.ndarray:
    """Ids (row * n_out + col, sorted) of `count` new links; fewer only where no more unlinked pairs of living neurons are left.

    Where the rule has too few pairs (scores of 0), the rest is drawn uniformly.

    Parameters
    ----------
    count : int, or one for each output neuron
        In the latter case the rule is a gradient's, and each neuron gets its own number of links.
    rule : str
        A name in `GROWTHS`, or any link score of `linkpred.METHODS` that layers have, such as "ch3_l3".
    sample : bool
        Draw in proportion to the score instead of taking the best.
    gradient : (n_in, n_out) array
        For "gradient" and "momentum".
    alive : (inputs, outputs), optional
        Two boolean arrays: only pairs of living neurons grow.
    exclude : ids, optional
        Pairs that must not grow (such as those just removed).

    Examples
    --------
    >>> layer = Layer.from_edges([0, 0, 1, 1, 2], [0, 1, 0, 2, 1], shape=(3, 3))
    >>> grow(layer, 2, "ch3_l3", seed=0).tolist()
    [2, 6]
    """
    rng = generator(seed)
    n_in, n_out = layer.shape
    exclude = np.empty(0, dtype=np.int64) if exclude is None else np.unique(exclude)
    rows, cols = (np.flatnonzero(side) for side in alive) if alive is not None else (np.arange(n_in), np.arange(n_out))
    row_alive, col_alive = (np.isin(np.arange(n), side) for n, side in ((n_in, rows), (n_out, cols)))
    if np.ndim(count) and rule not in ("gradient", "momentum", "uniform"):
        raise ValueError(f"growth by {rule} has no number of links for each neuron: it takes one for the layer")
    dead = ~(row_alive[layer.links[0]] & col_alive[layer.links[1]])
    if dead.any():  # else they have no score with anyone
        exclude = np.union1d(exclude, np.flatnonzero(~(row_alive[:, None] & col_alive)))
    total = sum(check_whole("the number of new links", number, 0) for number in np.ravel(count).tolist())
    if rule == "ch3_l3" and sample:
        found = draw_ch3_l3(layer, total, exclude=exclude, seed=rng)
    elif rule in METHODS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ShortfallWarning)  # made up for below
            u, v, _ = best(layer, rule, total + len(exclude), sample=sample, drawn=True, seed=rng)
        found = u * n_out + v
        found = found[row_alive[u] & col_alive[v] & ~np.isin(found, exclude)][:total]
    elif rule in ("gradient", "momentum"):
        if gradient is None or np.shape(gradient) != layer.shape:
            raise ValueError(f"growth by {rule} needs a gradient of shape {layer.shape}, got {'none' if gradient is None else np.shape(gradient)}")
        found = _best_of(_open(np.abs(np.asarray(gradient, dtype=np.float64)), layer, row_alive, col_alive, exclude), count, rng, sample)
    elif rule == "uniform" and np.ndim(count):
        found = _best_of(_open(np.ones(layer.shape), layer, row_alive, col_alive, exclude), count, rng, sample)
    elif rule == "uniform":
        found = np.empty(0, dtype=np.int64)
    else:
        raise ValueError(f"no growth {rule!r}; growths: {', '.join([*GROWTHS, *(m for m in METHODS if METHODS[m].bipartite)])}")
    missing = 0 if np.ndim(count) else total - len(found)  # of a neuron that is full nothing can be made up for
    if missing > 0:
        taken = _union(layer.ids, np.sort(found), exclude)
        found = np.concatenate([found, _anywhere(rows, cols, n_out, missing, taken, rng)])
    return np.sort(found)


def _open(score: np.ndarray, layer: Layer, row_alive: np.ndarray, col_alive: np.ndarray, exclude: np.ndarray) -> np.ndarray:
    """The score with -1 where no link may grow."""
    score[layer.links] = -1
    score[~row_alive] = -1
    score[:, ~col_alive] = -1
    score.reshape(-1)[exclude] = -1
    return score


def _best_of(score: np.ndarray, count: int | np.ndarray, generator: np.random.Generator, sample: bool) -> np.ndarray:
    """Ids of the `count` best entries that are not negative, or of so many of each column."""
    if not np.ndim(count):
        candidates = np.flatnonzero(score.reshape(-1) >= 0)
        return candidates[choose(score.reshape(-1)[candidates], min(int(count), len(candidates)), generator, sample=sample)]
    found = [np.empty(0, dtype=np.int64)]
    counts = np.asarray(count)
    for j in np.flatnonzero(counts):
        rows = np.flatnonzero(score[:, j] >= 0)
        found.append(rows[choose(score[rows, j], min(int(counts[j]), len(rows)), generator, sample=sample)] * score.shape[1] + j)
    return np.concatenate(found)


def _anywhere(rows: np.ndarray, cols: np.ndarray, n_out: int, count: int, taken: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Up to `count` different ids of rows x cols that are not taken, each as likely."""
    possible = len(rows) * len(cols)
    u, v = np.divmod(taken, n_out) if len(taken) else (taken, taken)
    inside = np.isin(u, rows) & np.isin(v, cols)
    places = np.searchsorted(rows, u[inside]) * len(cols) + np.searchsorted(cols, v[inside])
    chosen = draw_ids(possible, min(count, possible - len(places)), generator, np.sort(places))
    return rows[chosen // max(len(cols), 1)] * n_out + cols[chosen % max(len(cols), 1)] if len(chosen) else np.empty(0, dtype=np.int64)
