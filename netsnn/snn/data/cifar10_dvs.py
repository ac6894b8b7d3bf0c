"""CIFAR10-DVS: images of CIFAR-10 moved before an event camera; AEDAT 2 files, a folder a class."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from netsnn.hints import PathLike
from netsnn.io.record import fail
from netsnn.snn.data.aedat import read2
from netsnn.snn.data.cifar import SOURCES
from netsnn.snn.data.dataset import Dataset
from netsnn.snn.data.events import Events, Recordings
from netsnn.snn.data.files import existing, names, place

__all__ = ["load", "read"]

SENSOR = (128, 128)
CLASSES = SOURCES["cifar-10"].classes
TEST = 100
"""Recordings 0 .. 99 of each class; none was published as the test set."""
COUNT = 1000
NEEDS = ("ten folders (airplane to truck) of .aedat files, from https://figshare.com/articles/dataset/CIFAR10-DVS_New/4724671 "
         "(airplane.zip to truck.zip)")


def load(folder: PathLike | None, parts: tuple[str, ...], verify: bool) -> Dataset:
    """CLASS/cifar10_CLASS_NUMBER.aedat, in the order of classes and numbers."""
    home = existing("cifar10-dvs", folder, NEEDS)
    home = place("cifar10-dvs", home, ("CIFAR10DVS", "CIFAR10-DVS", "extract"), CLASSES[:1], NEEDS)
    found = []
    for label, name in enumerate(CLASSES):
        files = names(home / name, ".aedat")
        if not files and names(home / name, ".aedat4"):
            fail(str(home / name), f"holds AEDAT 4 files, which are not read: convert them to AEDAT 2 (jAER, DV), or take {NEEDS}")
        if not files:
            fail(str(home / name), f"holds no .aedat file; cifar10-dvs needs {NEEDS}")
        for file in files:
            number = re.fullmatch(rf"cifar10_{name}_(\d{{1,9}})\.aedat", file)
            if number is None:
                fail(str(home / name / file), f"expected a name like cifar10_{name}_0.aedat")
            found.append((label, int(number[1]), home / name / file))
        numbers = {number for _, number, _ in found[-len(files):]}
        if verify and numbers != set(range(COUNT)):
            fail(str(home / name), f"holds {len(numbers)} recordings, the published set {COUNT}, number 0 to {COUNT - 1}; "
                                   "part of a set is read with verify=False")
    chosen = [one for part in parts for one in sorted(found) if (one[1] < TEST) == (part == "test")]
    return Dataset(Recordings(read, [path for _, _, path in chosen], SENSOR), np.array([label for label, _, _ in chosen]), "cifar10-dvs", CLASSES)


def read(path: PathLike) -> Events:
    """The events of a file: bits 14 .. 8 and 7 .. 1 of an address count from the far corner of the image, bit 0 is 1 for OFF.

    The image comes out upright, as spikingjelly turns it: x = 127 - bits 14 .. 8, y = 127 - bits 7 .. 1.
    """
    t, address = read2(Path(path))
    low = (address & 0x7FFF).astype(np.int16)
    return Events(t, 127 - (low >> 8), 127 - (low >> 1 & 127), 1 - (low & 1))
