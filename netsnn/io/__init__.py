"""Files <-> Layer, Graph and Network.

`read` and `write` take the format from the extension. A file that cannot be read gives one `FileError` with file, line and
reason; nothing in a file is ever executed. Writing is atomic: the target is whole or untouched.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from netsnn.errors import FileError
from netsnn.graph import Graph, Layer
from netsnn.io import edges, matlab, matrix_market, npz, pajek, xml
from netsnn.io.atomic import write_bytes
from netsnn.io.record import KINDS, flatten, unflatten
from netsnn.network import Network

__all__ = ["FORMATS", "Format", "read", "write", "write_text"]


@dataclass(frozen=True)
class Format:
    """A file format: its extensions, what it is, its parser and its formatter.

    `load(source, kind, data)` makes a Record of a file's bytes; `dump(record)` makes the bytes of a file.
    """

    extensions: tuple[str, ...]
    description: str
    load: Callable
    dump: Callable


FORMATS = {
    "npz": Format(("npz",), "NumPy archive; the fastest; also reads scipy.sparse.save_npz", npz.load, npz.dump),
    "edges": Format(("edges", "txt", "tsv", "csv"), "edge list: two ids or names a line, and a weight", edges.load, edges.dump),
    "graphml": Format(("graphml",), "GraphML: networkx, igraph, Gephi, Cytoscape", xml.load_graphml, xml.dump_graphml),
    "gexf": Format(("gexf",), "GEXF: Gephi, networkx", xml.load_gexf, xml.dump_gexf),
    "pajek": Format(("net", "pajek"), "Pajek: networkx, igraph", pajek.load, pajek.dump),
    "mtx": Format(("mtx",), "Matrix Market: scipy, MATLAB, Julia, R", matrix_market.load, matrix_market.dump),
    "mat": Format(("mat",), "MATLAB 5: scipy, MATLAB, Octave", matlab.load, matlab.dump),
}


def read(path, *, kind: str | None = None, weights: bool = False, format: str | None = None):
    """The Layer, Graph or Network in a file; with `weights=True`, (value, weights in links order or None).

    Parameters
    ----------
    path : path, or "-" for standard input
    kind : "layer", "graph" or "network"
        What the file holds, where it does not say so itself; an error if it says otherwise.
    weights : bool
        Also return the weights: one array, a list of arrays for a Network, None if the file has none.
    format : str
        A name in `FORMATS`, if the extension does not tell.

    Names of neurons come back as text. Weights come back as float64, or in the file's own type from npz and mat.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "square.graphml"
    >>> write(Graph.from_edges([0, 1, 2, 3], [1, 2, 3, 0], n=4), path)
    >>> read(path)
    Graph(4 nodes, 4 links)
    """
    if kind is not None and kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}")
    form = _format(path, format)
    source = "standard input" if str(path) == "-" else str(path)
    try:
        data = sys.stdin.buffer.read() if str(path) == "-" else Path(path).read_bytes()
    except OSError as error:
        raise FileError(f"{source}: {error.strerror or error}") from None
    if not data:
        raise FileError(f"{source}: the file is empty")
    try:
        value, values = unflatten(source, form.load(source, kind, data))
    except (ValueError, ArithmeticError, MemoryError, RecursionError, LookupError) as error:
        raise FileError(f"{source}: {' '.join(str(error).split()) or type(error).__name__}") from None
    return (value, values) if weights else value


def write(value: Layer | Graph | Network, path, *, weights=None, format: str | None = None) -> None:
    """Write a Layer, Graph or Network, and weights if given (for a Network a list, one array a layer).

    The file appears whole or not at all. "-" writes to standard output (then `format` is needed).
    """
    form = _format(path, format)
    write_bytes(form.dump(flatten(value, weights)), path)


def write_text(text: str, path) -> None:
    """Write text as UTF-8, whole or not at all; "-" is standard output."""
    write_bytes(text.encode(), path)


def _format(path, name: str | None) -> Format:
    if name is not None:
        if name not in FORMATS:
            raise ValueError(f"no format {name!r}; formats: {', '.join(FORMATS)}")
        return FORMATS[name]
    extension = os.path.splitext(str(path))[1].lower().lstrip(".")
    for form in FORMATS.values():
        if extension in form.extensions:
            return form
    known = ", ".join("." + extension for form in FORMATS.values() for extension in form.extensions)
    what = "standard input and output have no extension" if str(path) == "-" else f"{path}: unknown extension {'.' + extension!r}"
    raise ValueError(f"{what}; give a format ({', '.join(FORMATS)}) or one of {known}")
