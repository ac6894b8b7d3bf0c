"""Recordings of event cameras, and the frames that count their events."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from netsnn.errors import check_whole

__all__ = ["Events", "Frames", "Recordings", "bin_events"]


class Events(NamedTuple):
    """The events of a recording, in the order of the file: time in microseconds (int64), column and row (int16), and whether the light grew
    (1, ON) or fell (0, OFF)."""

    t: np.ndarray
    x: np.ndarray
    y: np.ndarray
    p: np.ndarray


def bin_events(events: Events, steps: int, sensor: tuple[int, int], by: str = "number", dtype: DTypeLike = "float32") -> np.ndarray:
    """Count events in `steps` frames: an array (steps, 2, H, W), the OFF events of a frame first.

    With by="number", frame j holds the events j * k .. (j + 1) * k - 1 of the n in file order, k = n // steps, and the last frame also the
    rest. With by="time", it holds those with d j <= t - min t < d (j + 1), d = (max t - min t) // steps (at least 1), the last frame also
    the later ones. Both are what spikingjelly calls split_by.

    Parameters
    ----------
    events : Events
    steps : int
    sensor : (int, int)
        Height and width. An event outside is an error.
    by : "number" or "time"
    dtype : dtype
        With uint8, counts above 255 become 255; float32 keeps all of them.

    Examples
    --------
    >>> events = Events(t=np.array([0, 1, 2, 9]), x=np.array([0, 1, 1, 0]), y=np.array([0, 0, 0, 0]), p=np.array([1, 0, 0, 1]))
    >>> bin_events(events, 2, (1, 2))[:, 0].tolist(), bin_events(events, 2, (1, 2), by="time")[:, 0].tolist()
    ([[[0.0, 1.0]], [[0.0, 1.0]]], [[[0.0, 2.0]], [[0.0, 0.0]]])
    """
    check_whole("steps", steps, 1)
    dtype = np.dtype(dtype)
    if by not in ("number", "time"):
        raise ValueError(f"by must be number or time, got {by!r}")
    if dtype.kind not in "uif":
        raise ValueError(f"frames hold counts: dtype must be of numbers, got {dtype}")
    if np.shape(sensor) != (2,):
        raise ValueError(f"sensor must be (height, width), got {sensor!r}")
    height, width = (check_whole("a size of the sensor", size, 1) for size in sensor)
    n = len(events.t)
    if not n:
        return np.zeros((steps, 2, height, width), dtype=dtype)
    outside = (events.x < 0) | (events.x >= width) | (events.y < 0) | (events.y >= height)
    if outside.any():
        where = int(np.argmax(outside))
        raise ValueError(f"event number {where + 1} lies at ({events.x[where]}, {events.y[where]}), outside {width} x {height}")
    if by == "number":
        place = np.repeat(np.arange(steps), [n // steps] * (steps - 1) + [n - n // steps * (steps - 1)])
    else:
        first = int(events.t.min())
        place = np.minimum((events.t - first) // max((int(events.t.max()) - first) // steps, 1), steps - 1)
    for size, part in ((2, events.p != 0), (height, events.y), (width, events.x)):  # ((frame * 2 + p) * H + y) * W + x, in place
        place *= size
        place += part
    counts = np.bincount(place, minlength=steps * 2 * height * width)
    if dtype.kind in "ui":
        counts = np.minimum(counts, np.iinfo(dtype).max)
    return counts.astype(dtype).reshape(steps, 2, height, width)


@dataclass(frozen=True, eq=False)
class Recordings:
    """A sequence of recordings, each read from its file when it is asked for: `recordings[i]` gives Events."""

    read: Callable[[Any], Events]
    """Reads one recording, given its key; raises FileError."""
    keys: Sequence
    """What tells the reader which recording: a path, or a path and a span of time."""
    sensor: tuple[int, int]
    """Height and width."""

    def __len__(self) -> int:
        return len(self.keys)

    def __getitem__(self, i: int) -> Events:
        return self.read(self.keys[i])

    def __repr__(self) -> str:
        return f"Recordings({len(self)} of {' x '.join(map(str, self.sensor))})"

    def take(self, places: np.ndarray) -> Recordings:
        """The recordings at these places, in that order."""
        return replace(self, keys=[self.keys[i] for i in places.tolist()])


@dataclass(frozen=True, eq=False)
class Frames:
    """Recordings as frames, counted when they are asked for: `frames[i]` is (steps, 2, H, W), `frames[indices]` (steps, batch, 2, H, W)."""

    recordings: Recordings
    steps: int
    by: str
    dtype: np.dtype

    def __post_init__(self) -> None:
        bin_events(Events(*[np.empty(0, dtype=np.int64)] * 4), self.steps, (1, 1), self.by, self.dtype)  # bad arguments are found now

    def __len__(self) -> int:
        return len(self.recordings)

    def __getitem__(self, places: Any) -> np.ndarray:
        if np.ndim(places) == 0:
            return self._frames(places)
        batch = np.empty((self.steps, len(places), 2, *self.sensor), dtype=self.dtype)
        for j, i in enumerate(np.asarray(places).tolist()):
            batch[:, j] = self._frames(i)
        return batch

    def __repr__(self) -> str:
        return f"Frames({len(self)} of {' x '.join(map(str, self.shape[1:]))}, by {self.by}, {self.dtype})"

    @property
    def sensor(self) -> tuple[int, int]:
        """(height, width) of the sensor."""
        return self.recordings.sensor

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, steps, 2, H, W)."""
        return len(self), self.steps, 2, *self.sensor

    def take(self, places: np.ndarray) -> Frames:
        """The frames of the recordings at these places, in that order."""
        return replace(self, recordings=self.recordings.take(places))

    def _frames(self, i: int) -> np.ndarray:
        return bin_events(self.recordings[i], self.steps, self.sensor, self.by, self.dtype)
