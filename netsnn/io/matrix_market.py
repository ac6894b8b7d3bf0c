"""Matrix Market: a layer as a general matrix, a graph as a symmetric one; names in comments."""

from __future__ import annotations

import numpy as np

from netsnn.io.record import Record, check_claim, fail
from netsnn.io.tables import decode, float_texts, numbers, whole_numbers

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
    texts = decode(source, data)
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
            elif words[:1] == ["name"] and len(words) == 4 and words[1].isdigit() and words[2].isdigit():
                names.setdefault(int(words[1]), {})[int(words[2])] = words[3]
        elif line.strip():
            rows.append(line.split())
            lines.append(number)
    if not rows or len(rows[0]) != (3 if form == "coordinate" else 2):
        fail(source, "the size line is missing or malformed", lines[0] if lines else len(texts))
    size = whole_numbers(source, rows[0], [lines[0]] * 3, 0, 2**62, "a size").tolist()
    said = said or ("graph" if symmetry == "symmetric" else "layer")
    if kind == "network" or (kind == "layer" and said == "graph" and symmetry == "symmetric") or (kind == "graph" and symmetry != "symmetric"):
        fail(source, f"the file holds a {said}, not a {kind}", 1)
    check_claim(source, size[0] + size[1], len(data), lines[0])
    entries, lines = rows[1:], lines[1:]
    if form == "array":
        row, col, weights, lines = _array(source, size, field, symmetry, entries, lines)
    else:
        if len(entries) != size[2]:
            fail(source, f"the size line says {size[2]} entries, the file holds {len(entries)}", lines[-1] if lines else None)
        width = 2 if field == "pattern" else 3
        for entry, line in zip(entries, lines):
            if len(entry) != width:
                fail(source, f"expected {width} columns, got {len(entry)}", line)
        columns = [list(column) for column in zip(*entries)] or [[], [], []]
        row = whole_numbers(source, columns[0], lines, 1, size[0], "row") - 1
        col = whole_numbers(source, columns[1], lines, 1, size[1], "column") - 1
        weights = None if field == "pattern" else numbers(source, columns[2], lines)
    if weights is not None and field == "integer":
        weights = weights.astype(np.int64)
    where = np.array(lines, dtype=np.int64)
    if said == "graph":
        if size[0] != size[1]:
            fail(source, f"a graph needs a square matrix, got {size[0]} x {size[1]}")
        return Record("graph", [size[0]], row, col, weights, [_names(source, names.get(0), size[0])], lines=where)
    if symmetry == "symmetric":
        fail(source, "a symmetric matrix is a graph, not a layer", 1)
    sides = [_names(source, names.get(i), size[i]) for i in (0, 1)]
    return Record("layer", size[:2], row, col + size[0], weights, sides, lines=where, directed=True)


def _array(source, size, field, symmetry, entries, lines):
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
