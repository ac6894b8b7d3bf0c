"""MNIST and Fashion-MNIST: IDX files, plain or gzip-packed."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from netsnn.hints import PathLike
from netsnn.io.npz import most_unpacked
from netsnn.io.record import fail
from netsnn.snn.data.dataset import Dataset
from netsnn.snn.data.files import MOST, check_md5, existing

__all__ = ["load", "read"]


@dataclass(frozen=True)
class Source:
    """A data set in four IDX files."""

    get: str
    """Where to get it."""
    classes: tuple[str, ...]
    md5: dict[str, str]
    """Checksums of the unpacked files, which packing them anew does not change."""
    home: str | None = None
    """Where a package of the system puts it."""


SOURCES = {
    "mnist": Source("https://ossci-datasets.s3.amazonaws.com/mnist/", tuple("0123456789"), {
        "train-images": "6bbc9ace898e44ae57da46a324031adb", "train-labels": "a25bea736e30d166cdddb491f175f624",
        "t10k-images": "2646ac647ad5339dbf082846283269ea", "t10k-labels": "27ae3e4e09519cfbb04c329615203637"}),
    "fashion-mnist": Source("https://github.com/zalandoresearch/fashion-mnist or with apt-get install dataset-fashion-mnist", (
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"), {
        "train-images": "f4a8712d7a061bf5bd6d2ca38dc4d50a", "train-labels": "9018921c3c673c538a1fc5bad174d6f9",
        "t10k-images": "8181f5470baa50b63fa0f6fddb340f0a", "t10k-labels": "15d484375f8d13e6eb1aabb0c3f46965"},
        home="/usr/share/datasets/fashion-mnist"),
}
PREFIX = {"train": "train", "test": "t10k"}
PLACES = ("", "raw", "MNIST/raw", "FashionMNIST/raw")


def load(name: str, folder: PathLike | None, parts: tuple[str, ...], verify: bool) -> Dataset:
    """MNIST or Fashion-MNIST from the four files that torchvision and Debian keep."""
    source = SOURCES[name]
    if folder is None and source.home and Path(source.home).is_dir():
        folder = source.home
    images, labels = zip(*(_part(name, source, folder, PREFIX[part], verify) for part in parts))
    return Dataset(np.concatenate(images), np.concatenate(labels), name, source.classes)


def read(path: Path, dimensions: int, md5: str | None = None) -> np.ndarray:
    """The bytes of an IDX file, as an array of that many dimensions.

    The file is 00 00 08 (bytes) and the number of dimensions, the length of each as four bytes, big-endian, and the values, the last index
    fastest. The lengths are checked against the size of the file before memory is set aside.
    """
    source = str(path)
    try:
        size = path.stat().st_size
        with open(path, "rb") as plain:
            packed = plain.read(2) == b"\x1f\x8b"
            plain.seek(0)
            with gzip.GzipFile(fileobj=plain) if packed else plain as file:
                header = file.read(4 + 4 * dimensions)
                if len(header) < 4 + 4 * dimensions or header[:4] != bytes([0, 0, 8, dimensions]):
                    fail(source, f"not an IDX file of bytes in {dimensions} dimensions (starts with {header[:4].hex(' ') or 'nothing'})")
                shape = struct.unpack(f">{dimensions}I", header[4:])
                length = math.prod(shape)
                if length > min(MOST, most_unpacked(size)) or (not packed and len(header) + length != size):
                    fail(source, f"claims {' x '.join(map(str, shape))} bytes, which its {size} bytes do not bear out")
                values = np.empty(length, dtype=np.uint8)
                filled = 0
                while filled < length and (n := file.readinto(values.data[filled:])):
                    filled += n
                if filled < length or file.read(1):
                    fail(source, f"unpacks to {'less' if filled < length else 'more'} than the {length} bytes that it claims")
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        fail(source, f"a damaged or truncated gzip file ({error})")
    except OSError as error:
        fail(source, error.strerror or str(error))
    if md5 is not None:
        check_md5(source, md5, header, values)
    return values.reshape(shape)


def _part(name: str, source: Source, folder: PathLike | None, prefix: str, verify: bool) -> tuple[np.ndarray, np.ndarray]:
    kinds = {"images": 3, "labels": 1}
    expected = [f"{prefix}-{kind}-idx{n}-ubyte" for kind, n in kinds.items()]
    needs = f"{' and '.join(expected)} (plain or .gz), from {source.get}"
    folder = existing(name, folder, needs)
    found = {kind: _find(folder, f"{prefix}-{kind}", n) for kind, n in kinds.items()}
    missing = [file for file, path in zip(expected, found.values()) if path is None]
    if missing:
        fail(str(folder), f"holds no {' and no '.join(missing)} (nor do {', '.join(PLACES[1:])} below it); {name} needs {needs}")
    paths = {kind: path for kind, path in found.items() if path is not None}
    images, labels = (read(paths[kind], n, source.md5[f"{prefix}-{kind}"] if verify else None) for kind, n in kinds.items())
    if not images.size or len(images) != len(labels):
        fail(str(found["images"]), f"holds {len(images)} images of {images.shape[1]} x {images.shape[2]}, "
                                   f"and {paths['labels'].name} {len(labels)} labels")
    if labels.max() >= len(source.classes):
        where = int(np.argmax(labels >= len(source.classes)))
        fail(str(found["labels"]), f"label number {where + 1} is {labels[where]}, outside 0 .. {len(source.classes) - 1}")
    return images[:, None], labels.astype(np.int64)


def _find(folder: Path, stem: str, dimensions: int) -> Path | None:
    for place in PLACES:
        for middle in "-.":  # train-images-idx3-ubyte as published, train-images.idx3-ubyte as some tools unpack it
            for ending in ("", ".gz"):
                path = folder / place / f"{stem}{middle}idx{dimensions}-ubyte{ending}"
                if path.is_file():
                    return path
    return None
