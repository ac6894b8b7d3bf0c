"""N-MNIST: MNIST shown to an event camera that moves; one file of events a digit."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from netsnn.hints import PathLike
from netsnn.io.record import fail
from netsnn.snn.data.dataset import Dataset
from netsnn.snn.data.events import Events, Recordings
from netsnn.snn.data.files import check_counts, content, existing, names, place

__all__ = ["load", "read"]

SENSOR = (34, 34)
COUNTS = {"train": (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949), "test": (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009)}
"""Those of MNIST, each of whose images was recorded once."""
OVERFLOW = 240


def load(folder: PathLike | None, parts: tuple[str, ...], verify: bool) -> Dataset:
    """Train/DIGIT/NUMBER.bin and Test/DIGIT/NUMBER.bin, in the order of digits and numbers."""
    keys, labels = [], []
    for part in parts:
        needs = f"the folder {part.title()} with ten folders of .bin files, from https://www.garrickorchard.com/datasets/n-mnist ({part.title()}.zip)"
        home = existing("n-mnist", folder, needs)
        home = place("n-mnist", home, ("NMNIST", "N-MNIST"), (part.title(),), needs) / part.title()
        found = []
        for digit in range(10):
            below = home / str(digit)
            files = names(below, ".bin")
            if not files:
                fail(str(below), f"holds no .bin file; n-mnist needs {needs}")
            keys += [below / name for name in files]
            found += [digit] * len(files)
        if verify:
            check_counts(str(home), np.array(found), COUNTS[part])
        labels += found
    return Dataset(Recordings(read, keys, SENSOR), np.array(labels), "n-mnist", tuple("0123456789"))


def read(path: Path) -> Events:
    """The events of a file, five bytes each: x, y, and 24 bits, big-endian, of which the first is the polarity, the others the time.

    An event with y = 240 is none: the clock ran over, and the times from there on are 2^13 later.
    """
    data = np.frombuffer(content(path), dtype=np.uint8)
    if len(data) % 5:
        fail(str(path), f"ends in the middle of event number {len(data) // 5 + 1} ({len(data)} bytes, five an event)")
    x, y, high, middle, low = data.reshape(-1, 5).T.astype(np.int16, order="C")
    over = y == OVERFLOW
    t = ((high & 127).astype(np.int64) << 16 | middle.astype(np.int64) << 8 | low) + (np.cumsum(over) << 13)
    outside = ~over & ((x >= SENSOR[1]) | (y >= SENSOR[0]))
    if outside.any():
        where = int(np.argmax(outside))
        fail(str(path), f"event number {where + 1} lies at ({x[where]}, {y[where]}), outside {SENSOR[1]} x {SENSOR[0]}")
    return Events(t[~over], x[~over], y[~over], high[~over] >> 7)
