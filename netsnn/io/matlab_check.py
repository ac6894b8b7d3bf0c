"""What a MATLAB 5 file claims about itself, checked element by element before SciPy reads it.

SciPy's reader is C that believes a file: it sets memory aside for any dimensions, and looks types up in a table without a check of
the bounds. So everything that it would look at is checked here, and it is given nothing else.
"""

from __future__ import annotations

import math
import struct
import zlib
from itertools import islice
from typing import Any, NamedTuple

from netsnn.io.npz import most_unpacked
from netsnn.io.record import fail

__all__ = ["believable", "check_elements"]

COMPRESSED, MATRIX = 15, 14
CELL, STRUCT, OBJECT, CHAR, SPARSE, LAST_NUMERIC = 1, 2, 3, 4, 5, 15
WIDTH = {1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 4, 7: 4, 9: 8, 12: 8, 13: 8}  # bytes of a number of each type
TEXT = {1, 2, 4, 16, 17, 18}
MOST_NESTED, MOST_FIELDS = 30, 10_000


class _Element(NamedTuple):
    kind: int
    start: int
    length: int


class _Damage(Exception):
    """Why an element is refused."""


def check_elements(source: str, data: bytes) -> bytes:
    """The file less the variables that are not read (functions, objects of classes); one with a claim that it cannot bear out is refused."""
    if b"\x89HDF\r\n\x1a\n" in (data[:8], data[512:520]) or data[:19] == b"MATLAB 7.3 MAT-file":
        fail(source, "a MATLAB 7.3 (HDF5) file; save it with '-v7'")
    if len(data) < 136 or data[126:128] not in (b"IM", b"MI") or 0 in data[:4]:
        fail(source, "not a MATLAB 5 file (a file of MATLAB 4 must be saved anew with '-v7')")
    order = "<" if data[126:128] == b"IM" else ">"
    checked, at = [data[:116], bytes(8), data[124:128]], 128  # without the place of the subsystem, where objects of classes are
    while at < len(data):
        if at + 8 > len(data):
            fail(source, f"the file ends inside an element at byte {at}")
        kind, length = struct.unpack_from(order + "II", data, at)
        if kind not in (COMPRESSED, MATRIX) or at + 8 + length > len(data):
            fail(source, f"a damaged element at byte {at}: type {kind} of {length} bytes, with {len(data) - at - 8} left in the file")
        content = data[at + 8:at + 8 + length]
        try:
            if kind == COMPRESSED:
                content = _unpack(content, order)
            readable = _check_matrix(content, order, 0, len(content), 0)
        except (_Damage, zlib.error, struct.error) as error:
            fail(source, f"a damaged element at byte {at}: {error}")
        if readable:
            checked.append(data[at:at + 8 + length])
        at += 8 + length
    return b"".join(checked)


def believable(data: bytes) -> bool:
    """Whether no element of our own file packs so well that `check_elements` would refuse it."""
    at = 128
    while at < len(data):
        kind, length = struct.unpack_from("=II", data, at)
        if kind == COMPRESSED:
            head = zlib.decompressobj().decompress(data[at + 8:at + 8 + min(length, 1000)], 8)
            if struct.unpack("=II", head)[1] > most_unpacked(length):
                return False
        at += 8 + length
    return True


def _unpack(packed: bytes, order: str) -> bytes:
    """The inside of a compressed matrix, unpacked no further than it claims and than its packed size bears out."""
    stream = zlib.decompressobj()
    kind, claim = struct.unpack(order + "II", stream.decompress(packed, 8))
    if kind != MATRIX or claim > most_unpacked(len(packed)):
        raise _Damage(f"it claims {claim} bytes, which its {len(packed)} bytes in the file do not bear out")
    content = stream.decompress(stream.unconsumed_tail, claim + 1)
    if len(content) != claim:
        raise _Damage(f"it claims {claim} bytes and holds {'more' if len(content) > claim else len(content)}")
    return content


def _check_matrix(data: bytes, order: str, at: int, end: int, depth: int) -> bool:
    """Check a matrix and all within it; whether it is a named matrix of a class that is read."""
    if at == end and depth:
        return True  # an empty cell
    if depth > MOST_NESTED:
        raise _Damage("cells are nested too deeply")
    rest = _parts(data, order, at, end)
    parts = list(islice(rest, 3))
    if not parts or parts[0].length != 8 or parts[0].kind != 6:
        raise _Damage("a matrix without flags")
    flags = struct.unpack_from(order + "I", data, parts[0].start)[0]
    kind, is_complex = flags & 0xFF, bool(flags & 0x800)
    if not CELL <= kind <= LAST_NUMERIC:
        if depth:
            raise _Damage(f"a matrix of class {kind} inside another")
        return False
    if len(parts) < 3 or parts[1].kind not in (5, 6) or parts[1].length % 4 or not 8 <= parts[1].length <= 128:
        raise _Damage("a matrix without dimensions")
    dims = struct.unpack_from(f"{order}{parts[1].length // 4}i", data, parts[1].start)
    n, inside = math.prod(dims), end - at
    n_fields = 1
    if kind in (STRUCT, OBJECT):
        fields = list(islice(rest, 2 if kind == STRUCT else 3))[-2:]
        if len(fields) < 2 or fields[0].length != 4:
            raise _Damage("a structure without fields")
        width = struct.unpack_from(order + "i", data, fields[0].start)[0]
        if width <= 0 or fields[1].length // width > MOST_FIELDS:
            raise _Damage(f"names of {width} bytes for the fields of a structure, in {fields[1].length} bytes")
        n_fields = fields[1].length // width
    nested = kind in (CELL, STRUCT, OBJECT)
    most = (inside + 64) // (8 * max(n_fields, 1)) if nested else inside + 64
    if min(dims) < 0 or (kind != SPARSE and n > most):
        raise _Damage(f"dimensions {dims} in {inside} bytes")
    expected = n * n_fields if nested else (3 if kind == SPARSE else 1) + is_complex
    count = 0
    for part in rest:
        count += 1
        pointers = kind == SPARSE and count < 3
        if part.kind not in ((MATRIX,) if nested else TEXT if kind == CHAR else (5, 6) if pointers else WIDTH):
            raise _Damage(f"a part of type {part.kind} in a matrix of class {kind}")
        if kind != CHAR and not nested and part.length % WIDTH[part.kind] and kind != SPARSE:
            raise _Damage(f"{part.length} bytes of numbers of {WIDTH[part.kind]} bytes")
        if nested:
            _check_matrix(data, order, part.start, part.start + part.length, depth + 1)
    if count != expected:
        raise _Damage(f"{count} parts in a matrix, expected {expected}")
    return parts[2].length > 0


def _parts(data: bytes, order: str, at: int, end: int) -> Any:
    """The elements from one byte to another; each must end before the last."""
    while at < end:
        if at + 8 > end:
            raise _Damage("a matrix ends inside a part")
        kind, length = struct.unpack_from(order + "II", data, at)
        if kind >> 16:  # a small part, in the tag itself
            kind, length, start, after = kind & 0xFFFF, kind >> 16, at + 4, at + 8
            if length > 4:
                raise _Damage("a small part that is none")
        else:
            start, after = at + 8, at + 8 + length + (-length % 8)
        if start + length > end:
            raise _Damage(f"a part of {length} bytes with {end - start} left")
        yield _Element(kind, start, length)
        at = after
