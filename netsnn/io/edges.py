"""Edge lists. Our own begin with a header in comments, which other readers skip:

    # netsnn layer nodes=32 edges=89 bipartite n_left=18 n_right=14
    # name 0 Evelyn Jefferson
    0 18
    0 19 2.5

Ids are 0-based places in the list of all nodes: in a layer outputs follow the inputs, so that a reader that knows nothing of layers sees
one graph without confusion. Lists without a header may hold ids or names, separated by blanks, tabs or commas.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence

import numpy as np

from netsnn.io.record import Record, check_claim, fail
from netsnn.io.tables import Column, Lines, decode, fast_columns, float_texts, numbers, whole_numbers

__all__ = ["dump", "load"]

TITLES = {"source", "target", "from", "to", "u", "v", "input", "output", "node1", "node2", "i", "j", "weight", "id1", "id2",
          "src", "dst", "tgt", "destination", "from_node", "to_node", "from_id", "to_id", "node_1", "node_2", "pre", "post", "pre_id", "post_id", "presynaptic", "postsynaptic", "head", "tail"}

WHOLE = re.compile(r"[+-]?[0-9]+")
NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?|[+-]?(nan|inf|infinity)", re.IGNORECASE)


def dump(record: Record) -> bytes:
    head = f"# netsnn {record.kind} nodes={record.n} edges={len(record.u)}"
    if record.kind == "layer":
        head += f" bipartite n_left={record.sizes[0]} n_right={record.sizes[1]}"
    elif record.kind == "network":
        head += " sizes=" + ",".join(map(str, record.sizes))
    lines = [head]
    for i, name in enumerate(record.layer_names or []):
        lines.append(f"# layer {i} {_one_line(name)}")
    lines += [f"# name {place} {_one_line(name)}" for place, name in enumerate(record.all_names()) if name is not None]
    if record.weights is None:
        lines += [f"{u} {v}" for u, v in zip(record.u.tolist(), record.v.tolist())]
    else:
        lines += [f"{u} {v} {w}" for u, v, w in zip(record.u.tolist(), record.v.tolist(), float_texts(record.weights))]
    return ("\n".join(lines) + "\n").encode()


def load(source: str, kind: str | None, data: bytes) -> Record:
    head, n_head, columns = _fast(data)
    header: dict[str, str] = {}
    names: dict[int, str] = {}
    layer_names: dict[int, str] = {}
    rows, lines = [], []
    for number, line in enumerate(decode(source, data if columns is None else head), 1):
        if line[:1] in "#%":
            word, _, rest = line[1:].strip(" ").partition(" ") if line else ("", "", "")
            if "nodes" not in header:
                header |= {"line": str(number)} | _key_values(line)
            if word in ("name", "layer") and "nodes" in header:
                place, _, name = rest.partition(" ")
                if place.isdecimal():
                    (names if word == "name" else layer_names)[int(place)] = name
        elif line.strip() and columns is None:
            rows.append(line.strip())
            lines.append(number)
    if columns is None:
        columns = _columns(source, rows, lines)
    else:
        lines = np.arange(n_head + 1, n_head + 1 + len(columns[0]))
    if "nodes" in header:
        return _with_header(source, kind, data, header, names, layer_names, columns, lines)
    if not columns:
        fail(source, "no links and no header that says how many nodes there are")
    return _without_header(source, kind, data, columns, lines)


def _with_header(source: str, kind: str | None, data: bytes, header: dict[str, str], names: dict[int, str], layer_names: dict[int, str],
                 columns: Sequence[Column], lines: Lines) -> Record:
    at = int(header["line"])
    n = int(whole_numbers(source, [header["nodes"]], [at], 0, 2**62, "the number of nodes")[0])
    check_claim(source, n, len(data), at)
    said = "network" if "sizes" in header else "layer" if "n_left" in header else "graph"
    if kind not in (None, said):
        fail(source, f"the file holds a {said}, not a {kind}", at)
    if said == "network":
        sizes = whole_numbers(source, header["sizes"].split(","), [at] * header["sizes"].count(",") + [at], 0, n, "a size").tolist()
    elif said == "layer":
        left = int(whole_numbers(source, [header["n_left"]], [at], 0, n, "n_left")[0])
        sizes = [left, n - left]
        if header.get("n_right", str(n - left)) != str(n - left):
            fail(source, f"{left} inputs and {header['n_right']} outputs do not add up to {n} nodes", at)
    else:
        sizes = [n]
    if sum(sizes) != n or (said == "network" and len(sizes) < 2):
        fail(source, f"sizes {sizes} do not add up to {n} nodes", at)
    if "edges" in header and header["edges"] != str(len(lines)):
        fail(source, f"the header says {header['edges']} links, the file holds {len(lines)}", at)
    if any(place >= n for place in names):
        fail(source, f"a name is given to node {max(names)}, outside 0 .. {n - 1}", at)
    first = np.concatenate([[0], np.cumsum(sizes)]).tolist()
    parts = [[names[place] for place in range(a, b) if place in names] for a, b in zip(first, first[1:])]
    u, v = (whole_numbers(source, column, lines, 0, n - 1, "node") for column in columns[:2] or ([], []))
    return Record(said, sizes, u, v, weights=numbers(source, columns[2], lines) if len(columns) > 2 else None,
                  names=[part if names and len(part) == size else None for part, size in zip(parts, sizes)], lines=np.array(lines, dtype=np.int64),
                  layer_names=[layer_names.get(i, f"layer{i}") for i in range(len(sizes) - 1)] if layer_names else None)


def _without_header(source: str, kind: str | None, data: bytes, columns: Sequence[Column], lines: Lines) -> Record:
    if kind == "network":
        fail(source, "a network needs a header with the sizes of its groups")
    if _titled(columns, b"," in data or b"\t" in data):
        columns, lines = [column[1:] for column in columns], lines[1:]
    weights = numbers(source, columns[2], lines) if len(columns) > 2 else None
    ends, sizes = [], []
    names: list[list[str] | None] = []
    fast = isinstance(columns[0], np.ndarray)
    both = np.concatenate(columns[:2]) if fast else [*columns[0], *columns[1]]
    twice = np.tile(np.asarray(lines, dtype=np.int64), 2)
    for texts in columns[:2] if kind == "layer" else [both]:
        if fast or all(map(WHOLE.fullmatch, texts)):
            ids = whole_numbers(source, texts, twice, 0, 2**62, "node")
            n = int(ids.max(initial=-1)) + 1
            check_claim(source, n, len(data), None if n < 2 else int(twice[ids.argmax()]))
            names.append(None)
        else:
            place: dict[str, int] = {}
            ids = np.array([place.setdefault(text, len(place)) for text in texts], dtype=np.int64)
            n = len(place)
            names.append(list(place))
        ends.append(ids)
        sizes.append(n)
    if kind == "layer":
        u, v = ends[0], ends[1] + sizes[0]
    else:
        u, v = ends[0][:len(lines)], ends[0][len(lines):]
    return Record(kind or "graph", sizes, u, v, weights, names, lines=np.array(lines), directed=kind == "layer")


def _titled(columns: Sequence[Column], delimited: bool) -> bool:
    """Whether the first row are titles: the usual ones, or any texts above ids (and weights) in columns that a comma or tab divides, or that are three."""
    if isinstance(columns[0], np.ndarray):
        return False
    titles, rest = [column[0] for column in columns], [text for column in columns[:2] for text in column[1:]]
    if any(title in rest for title in titles[:2]):  # a title is no node's name
        return False
    if all(title.lower() in TITLES for title in titles[:2]):
        return True
    return (delimited or len(titles) == 3) and bool(rest) and all(map(WHOLE.fullmatch, rest)) and not any(map(NUMBER.fullmatch, titles))


def _fast(data: bytes) -> tuple[bytes, int, list[np.ndarray] | None]:
    """The comments (and titles) above the links, how many lines they are, and the links' columns if all are plain numbers."""
    at = n_head = 0
    title = None
    while at < len(data):
        end = data.find(b"\n", at) + 1 or len(data)
        line = data[at:end].strip()
        delimiter = "," if b"," in line else "\t" if b"\t" in line else None
        cells = line.decode("ascii", "replace").lower().split(delimiter)
        comment = not line or data[at:at + 1] in b"#%"
        if not comment and title is None and len(cells) in (2, 3) and all(cell.strip() in TITLES for cell in cells[:2]):
            title = len(cells), delimiter
        elif not comment:
            plain = len(cells) in (2, 3) and (title is None or (title == (len(cells), delimiter) and b"nodes=" not in data[:at]))
            return data[:at], n_head, fast_columns(data[at:], len(cells), delimiter) if plain else None
        at, n_head = end, n_head + 1
    return data, n_head, None


def _columns(source: str, rows: list[str], lines: list[int]) -> list[list[str]]:
    """Two or three columns of texts."""
    if not rows:
        return []
    if "," in rows[0]:
        try:
            cells = [[cell.strip() for cell in row] for row in csv.reader(rows)]
        except csv.Error as error:
            fail(source, str(error))
        if len(cells) != len(rows):
            fail(source, "a quoted name runs over several lines", lines[0])
    else:
        split = "\t" if rows[0].count("\t") else None
        cells = [row.split(split) for row in rows] if split is None else [[cell.strip() for cell in row.split(split)] for row in rows]
    width = len(cells[0])
    if width not in (2, 3):
        fail(source, f"expected two node ids or names and perhaps a weight, got {width} columns", lines[0])
    for row, line in zip(cells, lines):
        if len(row) != width:
            fail(source, f"expected {width} columns as on line {lines[0]}, got {len(row)}", line)
        if not row[0] or not row[1]:
            fail(source, "a node's id or name is missing", line)
    return [list(column) for column in zip(*cells)]


def _key_values(line: str) -> dict[str, str]:
    found = dict(re.findall(r"\b(nodes|edges|n_left|n_right|sizes)=([0-9,]+)", line))
    return found if "nodes" in found else {}


def _one_line(name: str) -> str:
    if not name or name != name.strip(" ") or any(c in name for c in "\n\r\0"):
        raise ValueError(f"an edge list cannot carry the name {name!r} (empty, or with a line break, zero byte or outer blanks); "
                         "npz and graphml can")
    return name
