"""MATLAB 5 files. Sizes are checked element by element before scipy reads the file."""

from __future__ import annotations

import io
import struct
import warnings
import zlib

import numpy as np
import scipy.sparse as sp

from netsnn.io.npz import of_matrix
from netsnn.io.record import KINDS, Record, check_claim, fail

__all__ = ["dump", "load"]

COMPRESSED, MATRIX = 15, 14


def dump(record: Record) -> bytes:
    """kind, sizes, links (two columns of 1-based ids among all nodes), weights, names; and of a layer or graph the matrix `net`."""
    from scipy.io import savemat

    content = {"netsnn": record.kind, "sizes": np.array(record.sizes, dtype=np.float64),
               "links": np.column_stack([record.u, record.v]).astype(np.float64) + 1}
    if record.weights is not None:
        content["weights"] = record.weights.reshape(-1, 1)
    for i, names in enumerate(record.names):
        if names is not None:
            content[f"names{i}"] = _cells(names)
    if record.layer_names:
        content["layer_names"] = _cells(record.layer_names)
    if record.kind != "network":
        first = record.sizes[0] if record.kind == "layer" else 0
        row, col = record.u, record.v - first
        if record.kind == "graph":
            row, col = np.concatenate([row, col]), np.concatenate([col, row])
        shape = record.sizes if record.kind == "layer" else record.sizes * 2
        content["net"] = sp.coo_array((np.ones(len(row)), (row, col)), shape=shape).tocsc()
    file = io.BytesIO()
    savemat(file, content, do_compression=True, oned_as="column")
    return file.getvalue()


def load(source: str, kind: str | None, data: bytes) -> Record:
    from scipy.io import loadmat

    _check_elements(source, data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            content = loadmat(io.BytesIO(data))
    except Exception as error:  # scipy raises nearly anything on a damaged file
        fail(source, f"a damaged MATLAB file ({' '.join(str(error).split()) or type(error).__name__})")
    content = {name: value for name, value in content.items() if not name.startswith("__")}
    return _own(source, kind, content, len(data)) if "netsnn" in content else _foreign(source, kind, content, len(data))


def _own(source: str, kind: str | None, content: dict, size: int) -> Record:
    said = "".join(np.asarray(content["netsnn"]).astype(str).ravel().tolist())
    if said not in KINDS or kind not in (None, said):
        fail(source, f"the file holds a {said}, not a {kind or 'layer, graph or network'}")
    sizes = _whole(source, content, "sizes").ravel().tolist()
    if any(n < 0 for n in sizes) or (len(sizes) != {"graph": 1, "layer": 2}.get(said, len(sizes))) or (said == "network" and len(sizes) < 2):
        fail(source, f"sizes {sizes} do not suit a {said}")
    n = sum(sizes)
    check_claim(source, n, size)
    links = _whole(source, content, "links")
    if links.size and (links.ndim != 2 or links.shape[1] != 2):
        fail(source, f"links must have two columns, got shape {links.shape}")
    links = links.reshape(-1, 2)
    if links.size and not 1 <= links.min() <= links.max() <= n:
        fail(source, f"links hold node {links.max() if links.max() > n else links.min()}, outside 1 .. {n}")
    weights = None
    if "weights" in content:
        weights = np.asarray(content["weights"])
        if weights.size != len(links) or weights.dtype.kind not in "biuf":
            fail(source, f"weights must be {len(links)} numbers, got {weights.dtype} of shape {weights.shape}")
        weights = weights.ravel()
    names = [_names(source, content, f"names{i}", n) for i, n in enumerate(sizes)]
    return Record(said, sizes, links[:, 0] - 1, links[:, 1] - 1, weights, names, _names(source, content, "layer_names", len(sizes) - 1))


def _foreign(source: str, kind: str | None, content: dict, size: int) -> Record:
    """Somebody's matrix: the only one, or the one called net, A, x or Problem, or the largest."""
    matrices = {name: value for name, value in content.items()
                if getattr(value, "ndim", 0) == 2 and value.dtype.kind in "biuf" and min(value.shape) > 0}
    if not matrices:
        fail(source, f"no numeric matrix in the file; it holds {', '.join(content) or 'nothing'}")
    if kind == "network":
        fail(source, "the file holds matrices, not a network")
    name = next((name for name in ("net", "A", "x", "adj") if name in matrices),
                max(matrices, key=lambda name: matrices[name].shape[0] * matrices[name].shape[1]))
    matrix = sp.coo_array(matrices[name])
    check_claim(source, sum(matrix.shape), size)
    if not sp.issparse(matrices[name]):
        matrix.eliminate_zeros()
    if kind is None:
        square = matrix.shape[0] == matrix.shape[1]
        symmetric = square and not matrix.diagonal().any() and matrix.nnz and abs(matrix.tocsr() - matrix.tocsr().T).max() == 0
        kind = "graph" if symmetric else "layer"
    return of_matrix(source, matrix, kind)


def _whole(source: str, content: dict, name: str) -> np.ndarray:
    values = np.asarray(content.get(name, "missing"))
    if values.dtype.kind not in "biuf" or not np.isfinite(values).all() or (values != np.floor(values)).any() or (abs(values) > 2**53).any():
        fail(source, f"{name} must be whole numbers")
    return values.astype(np.int64)


def _names(source: str, content: dict, name: str, n: int) -> list[str] | None:
    if name not in content:
        return None
    cells = np.asarray(content[name])
    names = ["".join(np.asarray(cell).astype(str).ravel().tolist()) for cell in cells.ravel().tolist()] if cells.dtype == object else []
    if len(names) != n:
        fail(source, f"{name} must be a cell array of {n} texts, got {len(names)}")
    return names


def _cells(names: list[str]) -> np.ndarray:
    if any(not name or ord(max(name)) > 0xFFFF or "\0" in name for name in names):
        raise ValueError("a MATLAB file cannot carry empty names or characters beyond U+FFFF; npz and graphml can")
    cells = np.empty((len(names), 1), dtype=object)
    cells[:, 0] = names
    return cells


def _check_elements(source: str, data: bytes) -> None:
    """Every top-level element must fit into the file, and a compressed one must unpack to what it claims."""
    if data[:8] == b"\x89HDF\r\n\x1a\n" or data[:19] == b"MATLAB 7.3 MAT-file":
        fail(source, "a MATLAB 7.3 (HDF5) file; save it with '-v7'")
    if len(data) < 136 or data[126:128] not in (b"IM", b"MI"):
        fail(source, "not a MATLAB 5 file")
    order = "<" if data[126:128] == b"IM" else ">"
    at = 128
    while at < len(data):
        if at + 8 > len(data):
            fail(source, f"the file ends inside an element at byte {at}")
        kind, length = struct.unpack_from(order + "II", data, at)
        if kind not in (COMPRESSED, MATRIX) or at + 8 + length > len(data):
            fail(source, f"a damaged element at byte {at}: type {kind} of {length} bytes, with {len(data) - at - 8} left in the file")
        if kind == COMPRESSED:
            try:
                unpack = zlib.decompressobj()
                head = unpack.decompress(data[at + 8:at + 8 + length], 8)
                inner, claim = struct.unpack(order + "II", head)
                if inner != MATRIX or claim > 2**26 + 400 * length:
                    fail(source, f"the element at byte {at} claims {claim} bytes, which its {length} bytes in the file do not bear out")
                unpacked, rest = 0, unpack.unconsumed_tail
                while rest and not unpack.eof and unpacked <= claim:
                    unpacked += len(unpack.decompress(rest, 2**20))
                    rest = unpack.unconsumed_tail
                if unpacked != claim:
                    fail(source, f"the element at byte {at} claims {claim} bytes and holds {'more' if unpacked > claim else unpacked}")
            except (zlib.error, struct.error) as error:
                fail(source, f"a damaged element at byte {at} ({error})")
        at += 8 + length
