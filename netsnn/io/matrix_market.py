"""Matrix Market: a layer as a general matrix, a graph as a symmetric one; names in comments."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

from netsnn.io.npz import of_matrix
from netsnn.io.record import Record, check_claim, fail
from netsnn.io.tables import decode, fast_columns, float_texts, numbers, whole_numbers

__all__ = ["dump", "load"]


def dump(record: Record) -> bytes:
    if record.kind == "network":
        raise ValueError("a Matrix Market file holds one matrix; a network can be written as npz, edges, graphml, gexf or mat")
    graph = record.kind == "graph"
    field = "pattern" if record.weights is None else "real" if record.weights.dtype.kind == "f" else "integer"
    lines = [f"%%MatrixMarket matrix coordinate {field} {'symmetric' if graph else 'general'}", f"% netsnn {record.kind}"]
    for group, names in enumerate(record.names):
        for i, name in enumerate(names or []):
            if not name or name != name.strip() or any(c in name for c in "\n\r\0"):
                raise ValueError(f"a Matrix Market file cannot carry the name {name!r} (empty, or with a line break or outer blanks)")
            lines.append(f"% name {group} {i} {name}")
    first = 0 if graph else record.sizes[0]
    # the lower triangle of a symmetric matrix is stored: the larger id is the row
    row, col = (record.v + 1, record.u + 1) if graph else (record.u + 1, record.v - first + 1)
    shape = record.sizes * 2 if graph else record.sizes
    lines.append(f"{shape[0]} {shape[1]} {len(row)}")
    if record.weights is None:
        lines += [f"{i} {j}" for i, j in zip(row.tolist(), col.tolist())]
    else:
        lines += [f"{i} {j} {w}" for i, j, w in zip(row.tolist(), col.tolist(), float_texts(record.weights))]
    return ("\n".join(lines) + "\n").encode()


def load(source: str, kind: str | None, data: bytes) -> Record:
    table, columns = _fast(data)
    texts = decode(source, data if columns is None else data[:table])
    head = texts[0].lower().split()
    if len(head) != 5 or head[:2] != ["%%matrixmarket", "matrix"]:
        fail(source, "the first line must be '%%MatrixMarket matrix coordinate|array real|integer|pattern general|symmetric'", 1)
    form, field, symmetry = head[2:]
    if form not in ("coordinate", "array") or field not in ("real", "integer", "pattern", "double") or symmetry not in ("general", "symmetric"):
        fail(source, f"cannot read a {form} {field} {symmetry} matrix (real, integer or pattern; general or symmetric)", 1)
    names: dict[int, dict[int, str]] = {}
    rows, lines, said = [], [], None
    for number, line in enumerate(texts[1:], 2):
        if line.startswith("%"):
            words = line[1:].split(None, 3)
            if words[:1] == ["netsnn"]:
                said = words[1] if len(words) > 1 else None
            elif words[:1] == ["name"] and len(words) == 4 and words[1].isdecimal() and words[2].isdecimal():
                names.setdefault(int(words[1]), {})[int(words[2])] = words[3]
        elif line.strip():
            rows.append(line.split())
            lines.append(number)
    if not rows or len(rows[0]) != (3 if form == "coordinate" else 2):
        fail(source, "the size line is missing or malformed", lines[0] if lines else len(texts))
    size = whole_numbers(source, rows[0], [lines[0]] * 3, 0, 2**62, "a size").tolist()
    if said not in (None, "layer", "graph"):
        fail(source, "the netsnn comment is damaged")
    form_kind = said or kind or ("graph" if symmetry == "symmetric" else "layer")
    if kind not in (None, form_kind) or form_kind == "network":
        fail(source, f"the file holds a {said or 'matrix'}, not a {kind}", 1)
    check_claim(source, size[0] + size[1], len(data), lines[0])
    entries, size_line, lines = rows[1:], lines[0], lines[1:]
    if form == "array":
        row, col, weights, lines = _array(source, size, field, symmetry, entries, lines)
    else:
        n_entries = len(entries) if columns is None else len(columns[0])
        if n_entries != size[2]:
            fail(source, f"the size line says {size[2]} entries, the file holds {n_entries}", size_line + n_entries)
        if columns is not None:
            lines = np.arange(size_line + 1, size_line + 1 + n_entries)
        else:
            width = 2 if field == "pattern" else 3
            for entry, line in zip(entries, lines):
                if len(entry) != width:
                    fail(source, f"expected {width} columns, got {len(entry)}", line)
            columns = [list(column) for column in zip(*entries)] or [[], [], []]
        row = whole_numbers(source, columns[0], lines, 1, size[0], "row") - 1
        col = whole_numbers(source, columns[1], lines, 1, size[1], "column") - 1
        if field == "integer":
            weights = whole_numbers(source, columns[2], lines, -2**63, 2**63 - 1, "a weight")
        else:
            weights = None if field == "pattern" else numbers(source, columns[2], lines)
    where = np.array(lines, dtype=np.int64)
    if symmetry == "symmetric" and form_kind == "layer":  # both halves of the matrix
        half = row != col
        row, col = np.concatenate([row, col[half]]), np.concatenate([col, row[half]])
        weights, where = None if weights is None else np.concatenate([weights, weights[half]]), np.concatenate([where, where[half]])
    if form_kind == "graph":
        if size[0] != size[1]:
            fail(source, f"a graph needs a square matrix, got {size[0]} x {size[1]} (read it as a layer)", size_line)
        if symmetry == "general" and said is None:
            values = np.ones(len(row)) if weights is None else weights
            return of_matrix(source, sp.coo_array((values, (row, col)), shape=size[:2]), "graph", weights is not None)
        return Record("graph", [size[0]], row, col, weights, [_names(source, names.get(0), size[0])], lines=where)
    sides = [_names(source, names.get(i), size[i]) for i in (0, 1)]
    return Record("layer", size[:2], row, col + size[0], weights, sides, lines=where, directed=True)


def _fast(data: bytes) -> tuple[int, list[np.ndarray] | None]:
    """Where the entries begin, below the comments and the size line, and their columns if every line is as it should be."""
    words = data[:data.find(b"\n") + 1].lower().split()
    at = 0
    while (end := data.find(b"\n", at) + 1) and (data[at:at + 1] == b"%" or not data[at:end].strip()):
        at = end
    if len(words) != 5 or words[2] != b"coordinate" or not 0 < end < len(data):
        return 0, None
    return end, fast_columns(data[end:], 2 if words[3] == b"pattern" else 3, whole=words[3] == b"integer")


def _array(source: str, size: Any, field: str, symmetry: str, entries: list[list[str]], lines: list[int]) -> Any:
    if symmetry != "general" or field == "pattern":
        fail(source, "a dense matrix must be general", 1)
    if len(entries) != size[0] * size[1]:
        fail(source, f"the size line says {size[0] * size[1]} entries, the file holds {len(entries)}", lines[-1] if lines else None)
    for entry, line in zip(entries, lines):
        if len(entry) != 1:
            fail(source, f"expected 1 column, got {len(entry)}", line)
    values = numbers(source, [entry[0] for entry in entries], lines)
    some = np.flatnonzero(values)  # column by column
    return some % max(size[0], 1), some // max(size[0], 1), values[some], np.array(lines)[some].tolist()


def _names(source: str, names: dict[int, str] | None, n: int) -> list[str] | None:
    if not names:
        return None
    if set(names) != set(range(n)):
        fail(source, f"{len(names)} names for {n} nodes")
    return [names[i] for i in range(n)]
