"""The 5,000 MNIST digits that come with netsnn; digits.txt says where they are from."""

from __future__ import annotations

import lzma
import struct
import tokenize
import zipfile
import zlib
from pathlib import Path

import numpy as np

from netsnn.hints import PathLike
from netsnn.io.npz import _Reader
from netsnn.io.record import fail
from netsnn.snn.data.dataset import Dataset
from netsnn.snn.data.files import check_counts, existing

__all__ = ["load"]

HOME = Path(__file__).parent
TEST = 100


def load(folder: PathLike | None, parts: tuple[str, ...], verify: bool) -> Dataset:
    """digits.npz of the folder, or the one that comes with netsnn."""
    path = (HOME if folder is None else existing("digits", folder, "digits.npz as it comes with netsnn")) / "digits.npz"
    source, (images, labels) = str(path), _read(path)
    if len(labels) and labels.max() > 9:
        fail(source, f"label {labels.max()} lies outside 0 .. 9")
    if verify:
        check_counts(source, labels, (500,) * 10)
    test = np.zeros(len(labels), dtype=bool)
    for label in range(10):
        test[np.flatnonzero(labels == label)[-TEST:]] = True
    chosen = np.concatenate([np.flatnonzero(test == (part == "test")) for part in parts])
    return Dataset(images.reshape(-1, 1, 28, 28)[chosen], labels.astype(np.int64)[chosen], "digits", tuple("0123456789"))


def _read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    try:
        if not path.is_file():
            fail(str(path), "no such file; netsnn comes with it (without a folder that one is read)")
        with zipfile.ZipFile(path) as archive:
            reader = _Reader(str(path), archive, {info.filename.removesuffix(".npy"): info for info in archive.infolist()}, path.stat().st_size)
            images = reader.array("images", "u", (None, 784))
            labels = reader.array("labels", "u", (len(images),))
    except PermissionError as error:
        fail(str(path), error.strerror or "Permission denied")
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, RuntimeError, OSError, ValueError, TypeError, LookupError, ArithmeticError,
            MemoryError, SyntaxError, tokenize.TokenError, struct.error) as error:
        fail(str(path), f"a damaged or truncated npz file ({error or type(error).__name__})")
    if images.dtype != np.uint8:
        fail(str(path), f"member 'images' has type {images.dtype}, expected uint8")
    return images, labels
