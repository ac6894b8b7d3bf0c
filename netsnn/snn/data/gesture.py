"""DVS Gesture: 29 people and 11 gestures before an event camera, as IBM published it or cut into recordings by tonic."""

from __future__ import annotations

import io
import math
import re
import tokenize
import warnings
from pathlib import Path

import numpy as np

from netsnn.hints import PathLike
from netsnn.io.npz import MOST_HEADER
from netsnn.io.record import fail
from netsnn.snn.data.aedat import read3
from netsnn.snn.data.dataset import Dataset
from netsnn.snn.data.events import Events, Recordings
from netsnn.snn.data.files import content, existing, names, place

__all__ = ["load", "read_npy", "read_trial", "trials"]

SENSOR = (128, 128)
CLASSES = ("hand clapping", "right hand wave", "left hand wave", "right arm clockwise", "right arm counter clockwise", "left arm clockwise",
           "left arm counter clockwise", "arm roll", "air drums", "air guitar", "other gestures")
COUNTS = {"aedat": {"train": 1176, "test": 288}, "npy": {"train": 1077, "test": 264}}
NEEDS = ("trials_to_{0}.txt with the .aedat files that it lists and their _labels.csv (DvsGesture.tar.gz, from http://research.ibm.com/dvsgesture), "
         "or the folder {1} that tonic makes")


def load(folder: PathLike | None, parts: tuple[str, ...], verify: bool) -> Dataset:
    """The recordings in the order of the list of files and of their times, or of tonic's folders and numbers."""
    keys, labels, kinds = [], [], set()
    for part in parts:
        tonic = f"ibmGesture{part.title()}"
        needs = NEEDS.format(part, tonic)
        home = existing("dvs-gesture", folder, needs)
        home = place("dvs-gesture", home, ("DvsGesture", "DVSGesture"), (f"trials_to_{part}.txt", tonic), needs)
        kind = "aedat" if (home / f"trials_to_{part}.txt").is_file() else "npy"
        found = _published(home, part) if kind == "aedat" else _tonic(home / tonic)
        if verify and len(found) != COUNTS[kind][part]:
            fail(str(home), f"the {part}ing set has {len(found)} recordings, the published one {COUNTS[kind][part]}; "
                            "part of a set is read with verify=False")
        keys += [key for key, _ in found]
        labels += [label for _, label in found]
        kinds.add(kind)
    if len(kinds) > 1:
        fail(str(folder), "holds one part as IBM published it and the other as tonic cut it")
    return Dataset(Recordings(read_trial if kinds == {"aedat"} else read_npy, keys, SENSOR), np.array(labels), "dvs-gesture", CLASSES)


def read_trial(key: tuple[Path, int, int]) -> Events:
    """The events of an AEDAT 3.1 file from one time to another."""
    return read3(*key, SENSOR)


def read_npy(path: Path) -> Events:
    """The events of a NumPy file of tonic: rows of x, y, polarity, and time in milliseconds."""
    source, file = str(path), io.BytesIO(content(path))
    try:
        with warnings.catch_warnings():  # odd headers make the parsers warn
            warnings.simplefilter("ignore")
            version = np.lib.format.read_magic(file)
            header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
            shape, fortran, dtype = header(file, max_header_size=MOST_HEADER)  # type: ignore[call-arg]  # missing in its stubs
    except (ValueError, KeyError, SyntaxError, TypeError, MemoryError, RecursionError, tokenize.TokenError):
        fail(source, "no valid npy header")
    if dtype.hasobject:
        fail(source, "holds pickled Python objects, which are never loaded")
    if dtype.kind not in "biuf" or len(shape) != 2 or shape[1] != 4 or not shape[0]:
        fail(source, f"holds {' x '.join(map(str, shape)) or 'one'} of {dtype}, expected n x 4 numbers (x, y, polarity, time)")
    rest = file.getbuffer()[file.tell():]
    if math.prod(shape) * dtype.itemsize != len(rest):
        fail(source, f"claims {' x '.join(map(str, shape))} of {dtype}, which its {len(rest)} bytes do not bear out")
    rows = np.frombuffer(rest, dtype=dtype).reshape(shape, order="F" if fortran else "C")
    good = np.isfinite(rows).all(axis=1) & (rows >= 0).all(axis=1) & (rows[:, 3] < 2**40)
    good &= (rows[:, 0] < SENSOR[1]) & (rows[:, 1] < SENSOR[0]) & (rows[:, 2] <= 1)
    if not good.all():
        where = int(np.argmin(good))
        fail(source, f"event number {where + 1} is {rows[where].tolist()}: x, y, polarity or time lies outside the sensor's")
    x, y, p = rows[:, :3].T.astype(np.int16, order="C")
    return Events((rows[:, 3].astype(np.float64) * 1000).astype(np.int64), x, y, p)


def trials(path: Path) -> list[tuple[int, int, int]]:
    """(label from 0, start, stop) of the lines of a _labels.csv: class from 1, first and last microsecond of a gesture."""
    source, found = str(path), []
    for i, line in enumerate(_lines(path), 1):
        if i == 1 and line.replace(" ", "") == "class,startTime_usec,endTime_usec" or not line.strip():
            continue
        parts = re.fullmatch(r"\s*(\d{1,15})\s*,\s*(\d{1,15})\s*,\s*(\d{1,15})\s*", line, re.ASCII)
        if parts is None:
            fail(source, f"expected class,start,end, got {line[:60]!r}", i)
        label, start, stop = map(int, parts.groups())
        if not 1 <= label <= len(CLASSES):
            fail(source, f"class {label} lies outside 1 .. {len(CLASSES)}", i)
        if not start < stop:
            fail(source, f"the gesture ends at {stop}, before it starts at {start}", i)
        found.append((label - 1, start, stop))
    return found


def _published(home: Path, part: str) -> list[tuple[tuple[Path, int, int], int]]:
    listing = home / f"trials_to_{part}.txt"
    found = []
    for i, line in enumerate(_lines(listing), 1):
        name = line.strip()
        if not name:
            continue
        if not re.fullmatch(r"\w[\w.-]{0,200}\.aedat", name, re.ASCII):
            fail(str(listing), f"expected the name of an .aedat file, got {name[:60]!r}", i)
        path = home / name
        if not path.is_file():
            fail(str(listing), f"{name} is not there", i)
        found += [((path, start, stop), label) for label, start, stop in trials(home / f"{name.removesuffix('.aedat')}_labels.csv")]
    if not found:
        fail(str(listing), "lists no recording")
    return found


def _tonic(home: Path) -> list[tuple[Path, int]]:
    found = []
    for below in sorted(path for path in home.iterdir() if path.is_dir() and not path.name.startswith(".")):
        for name in names(below, ".npy"):
            if not re.fullmatch(r"\d{1,2}\.npy", name, re.ASCII) or int(name[:-4]) >= len(CLASSES):
                fail(str(below / name), f"expected the number of a class, 0.npy to {len(CLASSES) - 1}.npy")
        found += sorted(((below / name, int(name[:-4])) for name in names(below, ".npy")), key=lambda one: one[1])
    if not found:
        fail(str(home), "holds no folder with .npy files")
    return found


def _lines(path: Path) -> list[str]:
    try:
        return content(path, 2**20).decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        fail(str(path), "not a text file")
