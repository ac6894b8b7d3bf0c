"""What the readers share: which folder to look in, how much of a file is read, what is said of the wrong one."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import numpy as np

from netsnn.errors import FileError
from netsnn.hints import PathLike
from netsnn.io.record import fail

__all__ = ["MOST", "check_counts", "check_md5", "content", "existing", "names", "place"]

MOST = 2**30
"""The largest file that is read: several times what the largest published one holds."""


def existing(name: str, folder: PathLike | None, needs: str) -> Path:
    """The folder of a data set; a FileError that says what it should hold if it was not given or does not exist."""
    if folder is None:
        raise FileError(f"{name}: no folder given; it needs {needs}")
    if not Path(folder).is_dir():
        fail(str(folder), f"no such folder; {name} needs {needs}")
    return Path(folder)


def place(name: str, folder: Path, below: tuple[str, ...], files: tuple[str, ...], needs: str) -> Path:
    """The first of `folder` and the folders below it that holds any of the files (patterns with *); a FileError if none does."""
    for part in ("", *below):
        if any(next(iter((folder / part).glob(file)), None) for file in files):
            return folder / part
    looked = f" (nor do {', '.join(below)} below it)" if below else ""
    fail(str(folder), f"holds no {' or '.join(files)}{looked}; {name} needs {needs}")


def names(folder: Path, suffix: str) -> list[str]:
    """The files of a folder that end so, without hidden ones, in order; a FileError if it cannot be listed."""
    try:
        return sorted(name for name in os.listdir(folder) if name.endswith(suffix) and not name.startswith("."))
    except OSError as error:
        fail(str(folder), error.strerror or str(error))


def content(path: Path, most: int = MOST) -> bytes:
    """The bytes of a file of at most `most` bytes, and at least one."""
    try:
        if not path.is_file():
            fail(str(path), "no such file" if not path.exists() else "not a file")
        size = path.stat().st_size
        if size > most:
            fail(str(path), f"{size} bytes are more than such a file holds (at most {most} are read)")
        data = path.read_bytes()
    except OSError as error:
        fail(str(path), error.strerror or str(error))
    if not data:
        fail(str(path), "the file is empty")
    return data


def check_md5(source: str, published: str, *parts: Any) -> None:
    """A FileError if the parts of a file, one after the other, do not have the published checksum."""
    digest = hashlib.md5(usedforsecurity=False)
    for part in parts:
        digest.update(part)
    if digest.hexdigest() != published:
        fail(source, f"the content is not the published one (md5 {digest.hexdigest()}, expected {published}); "
                     "get it again, or read it all the same with verify=False")


def check_counts(source: str, labels: np.ndarray, published: tuple[int, ...]) -> None:
    """A FileError if the classes do not have the published numbers of samples."""
    counts = np.bincount(labels, minlength=len(published)).tolist()
    for label, (found, expected) in enumerate(zip(counts, published)):
        if found != expected:
            fail(source, f"class {label} has {found} samples, the published set {expected}; part of a set is read with verify=False")
