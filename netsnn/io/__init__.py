"""Files <-> Layer, Graph and Network.

`read` and `write` take the format from the extension. A file that cannot be read gives one `FileError` with file, line and
reason; nothing in a file is ever executed. Writing is atomic: the target is whole or untouched.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from numpy.typing import ArrayLike

from netsnn.errors import FileError, check_flag
from netsnn.graph import Graph, Layer
from netsnn.hints import PathLike
from netsnn.io import edges, matlab, matrix_market, npz, pajek, xml
from netsnn.io.atomic import write_bytes
from netsnn.io.record import KINDS, flatten, most_nodes, unflatten
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


def read(path: PathLike | BinaryIO, *, kind: str | None = None, weights: bool = False, simplify: bool = False, format: str | None = None) -> Any:
    """The Layer, Graph or Network in a file; with `weights=True`, (value, weights in links order or None).

    Names of neurons come back as text, weights as float64, or in the file's own type from npz and mat. A list's titles are skipped: the usual ones (source, target,
    pre, post, ...), or any texts above columns of ids. An undirected file may
    give a layer's link from either end; a directed one must give it from the input. Ids in a list without a header count from 0.

    Parameters
    ----------
    path : path, "-" for standard input, or an open binary file
    kind : "layer", "graph" or "network"
        What the file holds, where it does not say so itself; an error if it says otherwise.
    weights : bool
        Also return the weights: one array, a list of arrays for a Network, None if the file has none.
    simplify : bool
        Drop links given twice (in a graph from either end; the first stays, with its weight) and a graph's self-loops, which are errors otherwise.
    format : str
        A name in `FORMATS`, if the extension does not tell.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "square.graphml"
    >>> write(Graph.from_edges([0, 1, 2, 3], [1, 2, 3, 0], n=4), path)
    >>> read(path)
    Graph(4 nodes, 4 links)
    """
    check_flag("simplify", simplify)
    if kind is not None and kind not in KINDS:
        raise ValueError(f"kind must be one of {', '.join(KINDS)}, got {kind!r}")
    form = _format(path, format)
    stream = sys.stdin.buffer if str(path) == "-" else path if hasattr(path, "read") else None
    source = "standard input" if str(path) == "-" else _name(path)
    try:
        data = stream.read() if stream is not None else Path(cast(PathLike, path)).read_bytes()
    except OSError as error:
        raise FileError(f"{source}: {error.strerror or error}") from None
    except ValueError as error:  # a zero byte in the path
        raise FileError(f"{source!r}: {error}") from None
    if not isinstance(data, bytes):
        raise ValueError(f"{source} must be opened in binary mode ('rb')")
    if not data:
        raise FileError(f"{source}: the file is empty")
    try:
        value, values = unflatten(source, form.load(source, kind, data), simplify)
    except (ValueError, TypeError, ArithmeticError, MemoryError, RecursionError, LookupError) as error:
        raise FileError(f"{source}: {' '.join(str(error).split()) or type(error).__name__}") from None
    return (value, values) if weights else value


def write(value: Layer | Graph | Network, path: PathLike, *, weights: ArrayLike | Sequence[ArrayLike] | None = None, format: str | None = None) -> None:
    """Write a Layer, Graph or Network, and weights if given (for a Network a list, one array a layer).

    The file appears whole or not at all. "-" writes to standard output (then `format` is needed). Neurons that two layers of a
    Network share have one name in a file: where one layer alone names them, both do after reading.

    Parameters
    ----------
    value : Layer, Graph or Network
    path : path, or "-" for standard output
    weights : array, optional
        One value a link, in the order of `links`; for a Network a list of arrays.
    format : str
        A name in `FORMATS`, if the extension does not tell.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "layer.mtx"
    >>> write(Layer.from_edges([0, 1], [2, 0], shape=(2, 3)), path, weights=[0.5, -1.0])
    >>> read(path, weights=True)
    (Layer(2 -> 3, 2 links, density 33.33%), array([ 0.5, -1. ]))
    """
    form = _format(path, format)
    record = flatten(value, weights)
    data = form.dump(record)
    if record.n > most_nodes(len(data)):  # never a file that `read` would not believe
        raise ValueError(f"{record.n} nodes with only {len(record.u)} links make a file too small to be believed; name the nodes, or drop idle ones")
    write_bytes(data, path)


def write_text(text: str, path: PathLike) -> None:
    """Write text as UTF-8, whole or not at all; "-" is standard output.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "note.txt"
    >>> write_text("two lines\\nof text", path)
    >>> path.read_text().splitlines()
    ['two lines', 'of text']
    """
    write_bytes(text.encode(), path)


def _name(path: PathLike | BinaryIO) -> str:
    """What to call a path or an open file in messages."""
    return str(getattr(path, "name", "an open file") if hasattr(path, "read") else path)


def _format(path: PathLike | BinaryIO, name: str | None) -> Format:
    if name is not None:
        if name not in FORMATS:
            raise ValueError(f"no format {name!r}; formats: {', '.join(FORMATS)}")
        return FORMATS[name]
    extension = os.path.splitext(_name(path))[1].lower().lstrip(".")
    for form in FORMATS.values():
        if extension in form.extensions:
            return form
    if os.path.isdir(_name(path)):
        raise FileError(f"{_name(path)}: Is a directory")
    known = ", ".join("." + extension for form in FORMATS.values() for extension in form.extensions)
    what = "standard input and output have no extension" if str(path) == "-" else f"{_name(path)}: unknown extension {'.' + extension!r}" if extension else f"{_name(path)}: no extension"
    raise ValueError(f"{what}; give a format ({', '.join(FORMATS)}) or one of {known}")
