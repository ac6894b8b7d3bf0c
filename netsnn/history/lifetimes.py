"""How links come and go: everything from their spells, which one pass over the snapshots finds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

__all__ = ["Spells", "ages", "overlap", "spells", "survival", "turnover"]


class Spells(NamedTuple):
    """The spells of a layer's links, ordered by link, then by time. A spell is a longest run of snapshots that all hold the link."""

    ids: np.ndarray
    """row * n_out + col of the link."""
    born: np.ndarray
    """Number of the first snapshot of the run."""
    died: np.ndarray
    """Number of the first snapshot after the run; the number of snapshots if the run lasts."""

    @property
    def earlier(self) -> np.ndarray:
        """How many spells of the same link went before."""
        begins = np.flatnonzero(np.r_[True, self.ids[1:] != self.ids[:-1]][:len(self.ids)])
        return np.arange(len(self.ids)) - np.repeat(begins, np.diff(np.r_[begins, len(self.ids)]))


def spells(snapshots: Iterable[np.ndarray]) -> Spells:
    """The spells of the links whose sorted ids each snapshot gives: O(links) a snapshot."""
    ended, t = [], -1
    ids, born = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int32)
    for t, now in enumerate(snapshots):
        stays, known = _in_both(ids, now)
        ended.append((ids[~stays], born[~stays], np.full(len(ids) - np.count_nonzero(stays), t, dtype=np.int32)))
        births = np.full(len(now), t, dtype=np.int32)
        births[known] = born[stays]
        ids, born = now, births
    ended.append((ids, born, np.full(len(ids), t + 1, dtype=np.int32)))
    ids, born, died = (np.concatenate(parts) for parts in zip(*ended))
    order = np.argsort(ids, kind="stable")  # earlier spells ended first, and so stand first
    return Spells(ids[order], born[order], died[order])


def turnover(found: Spells, n: int, possible: int) -> dict[str, np.ndarray]:
    """See `History.turnover`; `n` snapshots, `possible` links."""
    new = found.earlier == 0
    gained, lost, regrown, first = (np.bincount(times, minlength=n + 1)[:n]
                                    for times in (found.born, found.died, found.born[~new], found.born[new]))
    links = np.cumsum(gained) - np.cumsum(lost)
    ever = np.cumsum(first)
    gained[:1] = 0  # the first snapshot has none before it
    before = np.r_[0, links[:-1]][:n]
    kept = before - lost
    follows = np.arange(n) > 0
    return {"links": links, "kept": kept, "lost": lost, "gained": gained, "regrown": regrown,
            "retained": np.where(follows, _ratio(kept, before, 1.0), np.nan),
            "jaccard": np.where(follows, _ratio(kept, before + gained, 1.0), np.nan),
            "turnover": np.where(follows, _ratio(lost + gained, before + links, 0.0), np.nan),
            "ever": ever, "itop": ever / possible if possible else np.zeros(n)}


def overlap(found: Spells, n: int, of: str) -> np.ndarray:
    """See `History.overlap`. Two spells of one link add 1 to the rectangle of their snapshots: four corners, then sums."""
    corners = np.zeros((n + 1) ** 2, dtype=np.int64)
    length = len(found.ids)
    for lag in range(int(found.earlier.max(initial=0)) + 1 if length else 0):
        one, other = np.arange(length - lag), np.arange(lag, length)
        same = found.ids[one] == found.ids[other]
        one, other = one[same], other[same]
        for a, sign_a in ((found.born, 1), (found.died, -1)):
            for b, sign_b in ((found.born, 1), (found.died, -1)):
                corners += sign_a * sign_b * np.bincount(a[one].astype(np.int64) * (n + 1) + b[other], minlength=(n + 1) ** 2)
    common = corners.reshape(n + 1, n + 1).cumsum(axis=0).cumsum(axis=1)[:n, :n]
    common = np.triu(common) + np.triu(common, 1).T  # the spells of a pair stand in time order, so only s <= t was counted
    size = np.diag(common)
    if of == "jaccard":
        return _ratio(common, size[:, None] + size[None, :] - common, 1.0)
    return _ratio(common, np.broadcast_to(size[:, None], common.shape), 1.0)


def survival(found: Spells, steps: np.ndarray, cohort: int | None) -> dict[str, np.ndarray]:
    """See `History.survival`."""
    n = len(steps)
    born, died = found.born, found.died
    if cohort is not None:
        among = (born <= cohort) & (cohort < died)
        born, died = np.full(np.count_nonzero(among), cohort), died[among]
    over = died < n
    lived = steps[np.minimum(died, n - 1)] - steps[born] if n else np.empty(0, dtype=np.int64)
    age, place = np.unique(np.r_[0, lived], return_inverse=True)
    leaving = np.bincount(place[1:], minlength=len(age))
    ended = np.bincount(place[1:][over], minlength=len(age))
    at_risk = np.cumsum(leaving[::-1])[::-1]
    return {"age": age, "at_risk": at_risk, "ended": ended, "fraction": np.cumprod(1 - _ratio(ended, at_risk, 0.0))}


def ages(found: Spells, steps: np.ndarray, at: int, n_out: int) -> dict[str, np.ndarray]:
    """See `History.ages`."""
    alive = (found.born <= at) & (at < found.died)
    row, col = np.divmod(found.ids[alive], max(n_out, 1))
    return {"row": row, "col": col, "age": steps[at] - steps[found.born[alive]], "earlier": found.earlier[alive]}


def _in_both(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which of two sorted arrays without repeats are in the other: sorting the two runs behind each other merges them."""
    both = np.concatenate([a, b])
    order = np.argsort(both, kind="stable")
    merged = both[order]
    twice = np.flatnonzero(merged[1:] == merged[:-1])
    in_a, in_b = np.zeros(len(a), dtype=bool), np.zeros(len(b), dtype=bool)
    in_a[order[twice]] = True
    in_b[order[twice + 1] - len(a)] = True
    return in_a, in_b


def _ratio(a: np.ndarray, b: np.ndarray, empty: float) -> np.ndarray:
    """a / b, and `empty` where both are 0."""
    return np.divide(a, b, out=np.full(np.shape(a), empty), where=b != 0)
