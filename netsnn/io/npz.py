"""NumPy archives. Every member's header is checked before its data is unpacked, and no object is ever unpickled."""

from __future__ import annotations

import io
import lzma
import math
import sys
import tokenize
import warnings
import zipfile
import zlib
from typing import Any

import numpy as np
import scipy.sparse as sp

from netsnn.graph import MAX_INDEX
from netsnn.io.record import KINDS, Record, check_claim, fail

__all__ = ["dump", "load"]

VERSION = 1
MOST_HEADER = 1000
"""Letters of an npy header, of which NumPy writes some hundred; it takes seconds over long ones that make no sense."""


def dump(record: Record) -> bytes:
    members: dict[str, Any] = {"netsnn": np.array(VERSION), "kind": np.array(record.kind), "sizes": np.array(record.sizes, dtype=np.int64),
               "u": record.u.astype(np.int32), "v": record.v.astype(np.int32)}
    if record.weights is not None:
        members["weights"] = record.weights
    members |= {f"names{i}": _texts(names) for i, names in enumerate(record.names) if names is not None}
    if record.layer_names:
        members["layer_names"] = _texts(record.layer_names)
    file = io.BytesIO()
    np.savez_compressed(file, **members)
    with zipfile.ZipFile(file) as archive:
        believable = all(info.file_size <= most_unpacked(info.compress_size) for info in archive.infolist())
    if not believable:  # so regular that it packs like a zip bomb: store it as it is
        file = io.BytesIO()
        np.savez(file, **members)
    return file.getvalue()


def most_unpacked(size: int) -> int:
    """The largest number of bytes that `size` compressed bytes are believed to hold."""
    return 2**25 + 400 * size


def load(source: str, kind: str | None, data: bytes) -> Record:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            reader = _Reader(source, archive, members, len(data))
            return _own(reader, kind) if "netsnn" in members else _scipy(reader, kind)
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        fail(source, f"a damaged or truncated npz file ({error or type(error).__name__})")


def _own(reader: _Reader, kind: str | None) -> Record:
    version = reader.array("netsnn", "iu", ())
    if version != VERSION:
        fail(reader.source, f"written by another version of netsnn (format {version}, this one reads {VERSION})")
    said = str(reader.array("kind", "U", ()))
    if said not in KINDS or kind not in (None, said):
        fail(reader.source, f"the file holds a {said}, not a {kind or 'layer, graph or network'}")
    sizes = reader.array("sizes", "iu", (None,)).tolist()
    if any(n < 0 for n in sizes) or (len(sizes) != {"graph": 1, "layer": 2}.get(said, len(sizes))) or (said == "network" and len(sizes) < 2):
        fail(reader.source, f"sizes {sizes} do not suit a {said}")
    check_claim(reader.source, sum(sizes), reader.size)
    u = reader.array("u", "iu", (None,)).astype(np.int64)
    v = reader.array("v", "iu", (len(u),)).astype(np.int64)
    for ends, name in ((u, "u"), (v, "v")):
        if len(ends) and not 0 <= ends.min() <= ends.max() < sum(sizes):
            fail(reader.source, f"member {name} holds node {ends.max() if ends.max() >= sum(sizes) else ends.min()}, "
                                f"outside 0 .. {sum(sizes) - 1}")
    weights = reader.array("weights", "biuf", (len(u),)) if "weights" in reader.members else None
    names = [reader.array(f"names{i}", "U", (n,)).tolist() if f"names{i}" in reader.members else None for i, n in enumerate(sizes)]
    layers = reader.array("layer_names", "U", (len(sizes) - 1,)).tolist() if "layer_names" in reader.members else None
    return Record(said, sizes, u, v, weights, names, layers)


def _scipy(reader: _Reader, kind: str | None) -> Record:
    """A file of scipy.sparse.save_npz: a layer, or if asked for a graph."""
    if "shape" not in reader.members or "data" not in reader.members:
        fail(reader.source, f"neither a netsnn nor a scipy.sparse file; it holds {', '.join(sorted(reader.members)[:8]) or 'nothing'}")
    if kind == "network":
        fail(reader.source, "the file holds one matrix, not a network")
    shape = tuple(reader.array("shape", "iu", (2,)).tolist())
    check_claim(reader.source, max(sum(shape), -min(shape)), reader.size)
    values = reader.array("data", "biuf", (None,))
    form = reader.array("format", "SU", ()).item() if "format" in reader.members else "coo"
    form = form.decode(errors="replace") if isinstance(form, bytes) else form
    if form in ("csr", "csc"):
        indices = reader.array("indices", "iu", (len(values),))
        # signed: the differences of unsigned numbers are never negative, and SciPy trusts what it is given
        indptr = reader.array("indptr", "iu", (shape[form == "csc"] + 1,)).astype(np.int64)
        if len(indptr) and (indptr[0] != 0 or indptr[-1] != len(indices) or (np.diff(indptr) < 0).any()):
            fail(reader.source, "member indptr does not rise from 0 to the number of entries")
        other = shape[form == "csr"]
        if len(indices) and not 0 <= indices.min() <= indices.max() < other:
            fail(reader.source, f"member indices leaves 0 .. {other - 1}")
        matrix = {"csr": sp.csr_array, "csc": sp.csc_array}[form]((values, indices, indptr), shape=shape).tocoo()
    elif form == "coo":
        matrix = sp.coo_array((values, (reader.array("row", "iu", (len(values),)), reader.array("col", "iu", (len(values),)))), shape=shape)
    else:
        fail(reader.source, f"cannot read the sparse format {form!r} (csr, csc and coo are read)")
    return of_matrix(reader.source, matrix, kind or "layer")


def of_matrix(source: str, matrix: sp.coo_array, kind: str, weighted: bool = True) -> Record:
    """The record of a biadjacency matrix, or of a symmetric adjacency matrix; all stored entries are links."""
    row, col = matrix.row.astype(np.int64), matrix.col.astype(np.int64)
    weights = matrix.data if weighted else None
    if kind == "layer":
        return Record("layer", list(matrix.shape), row, col + matrix.shape[0], weights, [None, None], directed=True)
    if matrix.shape[0] != matrix.shape[1]:
        fail(source, f"a graph needs a square matrix, got {matrix.shape[0]} x {matrix.shape[1]} (read it as a layer)")
    if not is_symmetric(matrix):
        fail(source, "a graph needs a symmetric matrix (read it as a layer)")
    half = row <= col
    return Record("graph", [matrix.shape[0]], row[half], col[half], None if weights is None else weights[half], [None])


def is_symmetric(matrix: sp.coo_array) -> bool:
    """Whether a square matrix has the same entries, stored zeros among them, on both sides of the diagonal."""
    here, there = np.lexsort((matrix.col, matrix.row)), np.lexsort((matrix.row, matrix.col))
    return (np.array_equal(matrix.row[here], matrix.col[there]) and np.array_equal(matrix.col[here], matrix.row[there])
            and np.array_equal(matrix.data[here], matrix.data[there], equal_nan=matrix.data.dtype.kind == "f"))


class _Reader:
    """Members of an archive, each checked before it is unpacked."""

    def __init__(self, source: str, archive: zipfile.ZipFile, members: dict[str, zipfile.ZipInfo], size: int) -> None:
        self.source, self.archive, self.members, self.size = source, archive, members, size

    def array(self, name: str, kinds: str, shape: tuple[int | None, ...]) -> np.ndarray:
        """The array of a member, of one of the dtype kinds and of the given shape (None: any length)."""
        if name not in self.members:
            fail(self.source, f"member {name!r} is missing")
        info = self.members[name]
        with self.archive.open(info) as file:
            try:
                with warnings.catch_warnings():  # odd headers make the parsers warn
                    warnings.simplefilter("ignore")
                    version = np.lib.format.read_magic(file)
                    header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
                    found, fortran, dtype = header(file, max_header_size=MOST_HEADER)  # type: ignore[call-arg]  # missing in its stubs
            except (ValueError, KeyError, SyntaxError, TypeError, UnicodeDecodeError, tokenize.TokenError, MemoryError, RecursionError):
                fail(self.source, f"member {name!r} has no valid npy header")
            if dtype.hasobject:
                fail(self.source, f"member {name!r} holds pickled Python objects, which are never loaded")
            if dtype.kind not in kinds or dtype.names is not None:
                fail(self.source, f"member {name!r} has type {dtype}, expected one of kind {'/'.join(kinds)}")
            if len(found) != len(shape) or any(want not in (None, n) for n, want in zip(found, shape)):
                fail(self.source, f"member {name!r} has shape {found}, expected {tuple('any' if n is None else n for n in shape)}")
            length = math.prod(found) * dtype.itemsize
            rest = info.file_size - file.tell()
            if length != rest or info.file_size > most_unpacked(info.compress_size) or math.prod(found) > MAX_INDEX:
                fail(self.source, f"member {name!r} claims {length} bytes, which its {info.compress_size} bytes in the file do not bear out")
            content = file.read(length + 1)
        if len(content) != length:
            fail(self.source, f"member {name!r} ends after {len(content)} of {length} bytes")
        if dtype.kind == "U" and np.frombuffer(content, dtype=np.dtype(np.uint32).newbyteorder(dtype.byteorder)).max(initial=0) > sys.maxunicode:
            fail(self.source, f"member {name!r} holds characters that do not exist")
        array = np.frombuffer(content, dtype=dtype).reshape(found, order="F" if fortran else "C")
        return array.astype(dtype.newbyteorder("="), copy=False)  # SciPy takes no other byte order


def _texts(names: list[str]) -> np.ndarray:
    if any(name.endswith("\0") for name in names):
        raise ValueError("a NumPy file cannot carry a name that ends with a zero byte")
    return np.array(names, dtype=np.str_) if names else np.empty(0, dtype="U1")
