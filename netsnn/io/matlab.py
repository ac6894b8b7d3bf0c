"""MATLAB 5 files. Sizes are checked element by element before scipy reads the file."""

from __future__ import annotations

import io
import warnings
from typing import Any

import numpy as np
import scipy.sparse as sp

from netsnn.io.matlab_check import believable, check_elements
from netsnn.io.npz import is_symmetric, of_matrix
from netsnn.io.record import KINDS, Record, check_claim, fail
from netsnn.io.tables import exact_float64

__all__ = ["dump", "load"]


def dump(record: Record) -> bytes:
    """kind, sizes, links (two columns of 1-based ids among all nodes), weights, names; and of a layer or graph the matrix `net`."""
    from scipy.io import savemat

    content = {"netsnn": record.kind, "sizes": np.array(record.sizes, dtype=np.float64),
               "links": np.column_stack([record.u, record.v]).astype(np.float64) + 1}
    if record.weights is not None:
        weights = record.weights if record.weights.dtype.itemsize <= 8 else exact_float64(record.weights)
        content["weights"] = weights.reshape(-1, 1)
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
    if not believable(file.getvalue()):  # so regular that it packs like a zip bomb: store it as it is
        file = io.BytesIO()
        savemat(file, content, do_compression=False, oned_as="column")
    return file.getvalue()


def load(source: str, kind: str | None, data: bytes) -> Record:
    from scipy.io import loadmat

    checked = check_elements(source, data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            content = loadmat(io.BytesIO(checked))
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
    check_claim(source, sum(matrices[name].shape), size)
    if sp.issparse(matrices[name]):
        _check_columns(source, name, matrices[name])
    matrix = matrices[name].astype(matrices[name].dtype.newbyteorder("="))  # SciPy takes no other byte order
    matrix = sp.coo_array(matrix)
    if not sp.issparse(matrices[name]):
        matrix.eliminate_zeros()
    if kind is None:
        square = matrix.shape[0] == matrix.shape[1]
        symmetric = square and matrix.nnz and not (matrix.row == matrix.col).any() and is_symmetric(matrix)
        kind = "graph" if symmetric else "layer"
    return of_matrix(source, matrix, kind)


def _check_columns(source: str, name: str, matrix: Any) -> None:
    """SciPy trusts the column pointers of a file; wrong ones would make it write outside its arrays."""
    starts, rows = matrix.indptr.astype(np.int64), matrix.indices
    if matrix.format != "csc" or starts[0] != 0 or (np.diff(starts) < 0).any() or starts[-1] > min(len(rows), len(matrix.data)):
        fail(source, f"matrix {name} is damaged: its columns do not rise from 0 to its {len(rows)} entries")
    if len(rows) and not 0 <= rows.min() <= rows.max() < matrix.shape[0]:
        fail(source, f"matrix {name} is damaged: row {rows.max() + 1} of {matrix.shape[0]}")


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
