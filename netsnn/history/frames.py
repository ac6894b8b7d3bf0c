"""A measure of every layer of every snapshot, computed once: results are kept beside the history.

The kept results are lines of JSON in a file a measure, added as they are found. A line that a crash tore is not read, and its snapshot
is measured again.
"""

from __future__ import annotations

import contextlib
import dis
import functools
import hashlib
import inspect
import json
import pickle
import sys
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from netsnn.history.index import from_plain, number, to_plain
from netsnn.history.snapshot import Snapshot

__all__ = ["frame"]

COLUMNS = ("snapshot", "step", "layer")
Row = dict[str, int | float]


def frame(snapshots: Sequence[Snapshot], labels: Sequence, measure: Callable, weights: bool, folder: Path) -> Any:
    """See `History.frame`; `labels` are the layers, and results are kept in `folder`."""
    if not callable(measure):
        raise ValueError(f"measure must be a function of a Layer, got {measure!r}")
    path = _path(folder, measure, weights)
    known = _read(path, len(labels))
    missing = [snapshot for snapshot in snapshots if snapshot.path.name not in known]
    for snapshot in _with_progress(missing, len(snapshots)):
        rows = _measure(snapshot, labels, measure, weights)
        known[snapshot.path.name] = rows
        _add(path, snapshot.path.name, rows)
    table: dict[str, list] = {name: [] for name in COLUMNS}
    for snapshot in snapshots:
        for label, row in zip(labels, known[snapshot.path.name]):
            at = len(table["step"])
            for name, value in (*zip(COLUMNS, (snapshot.number, snapshot.step, label)), *row.items()):
                column = table.setdefault(name, [])
                column += [np.nan] * (at - len(column))  # rows before this one that lack the number
                column.append(value)
    n = len(table["step"])
    columns = {name: np.array(column + [np.nan] * (n - len(column))) for name, column in table.items()}
    try:
        import pandas
    except ImportError:
        return columns
    return pandas.DataFrame(columns)


def _measure(snapshot: Snapshot, labels: Sequence, measure: Callable, weights: bool) -> list[Row]:
    """The measures of each layer of a snapshot."""
    kept = snapshot.weights if weights else None
    if weights and kept is None:
        raise ValueError(f"snapshot {snapshot.number} (step {snapshot.step}) holds no weights")
    rows, name = [], getattr(measure, "__name__", type(measure).__name__)
    for i, (label, layer) in enumerate(zip(labels, snapshot.layers)):
        if kept is not None and kept[i] is None:
            raise ValueError(f"snapshot {snapshot.number} (step {snapshot.step}) holds no weights of layer {label!r}")
        found = measure(layer) if kept is None else measure(layer, kept[i])
        found = found if isinstance(found, Mapping) else {name: found}
        for key in found:
            if not isinstance(key, str) or key in COLUMNS:
                raise ValueError(f"{name} names a number {key!r}; it must be text other than {', '.join(COLUMNS)}")
        rows.append({key: number(value, f"{key!r} of {name}") for key, value in found.items()})
    return rows


# ---- keeping results ----------------------------------------------------------------------------------


def _path(folder: Path, measure: Callable, weights: bool) -> Path | None:
    """The file of a measure's results; None if what it computes cannot be told from another's."""
    digest = _identity(measure)
    if digest is None:
        return None
    while isinstance(measure, functools.partial):
        measure = measure.func
    name = f"{getattr(measure, '__module__', '')}.{getattr(measure, '__qualname__', type(measure).__qualname__)}"
    return folder / f"{quote(name, safe='')[:100]}-{digest}{'-weights' if weights else ''}.jsonl"


def _read(path: Path | None, n_layers: int) -> dict[str, list[Row]]:
    """For each snapshot's file the rows found earlier; lines that make no sense are left out."""
    known = {}
    with contextlib.suppress(OSError):
        for line in path.read_bytes().split(b"\n") if path else ():
            with contextlib.suppress(ValueError, LookupError, TypeError, AttributeError, RecursionError):
                plain = json.loads(line)
                rows = [from_plain(row) for row in plain["rows"]]
                if len(rows) == n_layers and not any(name in row for row in rows for name in COLUMNS):
                    known[plain["snapshot"]] = rows
    return known


def _add(path: Path | None, snapshot: str, rows: list[Row]) -> None:
    """Keep the rows of a snapshot, if the folder lets us."""
    if path is None:
        return
    line = json.dumps({"snapshot": snapshot, "rows": [to_plain(row) for row in rows]}, separators=(",", ":"), allow_nan=False)
    with contextlib.suppress(OSError):
        path.parent.mkdir(exist_ok=True)
        with open(path, "ab", buffering=0) as file:
            file.write(f"\n{line}\n".encode())  # the first line break ends a line that a crash tore


def _identity(measure: Callable) -> str | None:
    """A digest of what a function computes: its code, defaults and captured values, and the functions and values of its module that it uses.

    Of functions and modules of other packages only name and version count. None where a value cannot be pickled: then nobody can tell.
    """
    digest, inner = hashlib.blake2b(digest_size=8), measure
    while isinstance(inner, functools.partial):
        inner = inner.func
    try:
        for part in _parts(measure, _package(inner), set()):
            digest.update(part.encode() if isinstance(part, str) else part)
            digest.update(b"\0")
    except Exception:  # a value's own __reduce__ may raise anything
        return None
    return digest.hexdigest()


def _parts(value: Any, home: str, seen: set[int]) -> Iterator[str | bytes]:
    if isinstance(value, functools.partial):
        for part in (value.func, value.args, value.keywords):
            yield from _parts(part, home, seen)
    elif isinstance(value, types.MethodType):
        yield from _parts(value.__func__, home, seen)
        yield from _parts(value.__self__, home, seen)
    elif isinstance(value, types.FunctionType):
        yield f"{_package(value)}.{value.__qualname__}"
        if _package(value) != home:
            yield _version(_package(value))
        elif id(value) not in seen:
            seen.add(id(value))
            yield _version(home)
            yield from _code_parts(value.__code__)
            captured = [cell.cell_contents for cell in value.__closure__ or ()]
            for part in (*(value.__defaults__ or ()), *(value.__kwdefaults__ or {}).values(), *captured):
                yield from _parts(part, home, seen)
            for name in sorted(_globals_used(value.__code__) & value.__globals__.keys()):
                yield name
                yield from _parts(value.__globals__[name], home, seen)
    elif callable(inner := getattr(value, "py_func", None) or getattr(value, "__wrapped__", None)):  # compiled by numba, or wrapped
        yield from _parts(inner, home, seen)
    elif isinstance(value, types.ModuleType):
        yield f"{value.__name__} {_version(value.__name__.partition('.')[0])}"
    elif isinstance(value, type):
        yield f"{value.__module__}.{value.__qualname__}"
        if _package(value) == home and id(value) not in seen:  # its methods: pickle knows a class by name alone
            seen.add(id(value))
            for name, part in sorted(vars(value).items()):
                if not name.startswith("__") or isinstance(part, types.FunctionType):
                    part = part.fget if isinstance(part, property) else getattr(part, "func", part)
                    part = getattr(part, "__func__", part)
                    yield name
                    with contextlib.suppress(Exception):  # a member that cannot be pickled counts by its name
                        yield from _parts(part, home, seen)
            for base in value.__bases__:
                yield from _parts(base, home, seen)
    elif isinstance(value, types.BuiltinFunctionType):
        yield f"{value.__module__}.{value.__qualname__}"
    elif type(value) in (dict, types.MappingProxyType, list, tuple, set, frozenset):  # they may hold functions, which pickle knows by name alone
        yield type(value).__name__
        if id(value) not in seen:
            items = value.items() if isinstance(value, Mapping) else sorted(value, key=repr) if isinstance(value, (set, frozenset)) else value
            seen.add(id(value))
            for item in items:
                for part in item if isinstance(value, Mapping) else (item,):
                    yield from _parts(part, home, seen)
    elif _package(value) == home and type(value).__reduce__ is object.__reduce__ and hasattr(value, "__dict__"):  # type: ignore[comparison-overlap]
        yield from _parts(type(value), home, seen)
        if id(value) not in seen:
            seen.add(id(value))
            for name, part in sorted(vars(value).items()):
                yield name
                yield from _parts(part, home, seen)
    else:
        if isinstance(inspect.getattr_static(type(value), "__call__", None), types.FunctionType):
            yield from _parts(type(value).__call__, home, seen)
        yield pickle.dumps(value)  # only ever written, never loaded


def _code_parts(code: types.CodeType) -> Iterator[str | bytes]:
    yield code.co_code
    yield code.co_exceptiontable
    yield repr((code.co_names, code.co_varnames, code.co_freevars, code.co_argcount, code.co_kwonlyargcount, code.co_flags))
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _code_parts(constant)
        else:
            yield repr(sorted(map(repr, constant)) if isinstance(constant, frozenset) else constant)


def _globals_used(code: types.CodeType) -> set[str]:
    names = {step.argval for step in dis.get_instructions(code) if step.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
    return names.union(*(_globals_used(constant) for constant in code.co_consts if isinstance(constant, types.CodeType)))


def _package(value: Any) -> str:
    return str(getattr(value, "__module__", None) or type(value).__module__).partition(".")[0]


def _version(package: str) -> str:
    return str(getattr(sys.modules.get(package), "__version__", ""))


def _with_progress(snapshots: Sequence[Snapshot], total: int) -> Iterator[Snapshot]:
    if not snapshots or not sys.stderr.isatty():
        yield from snapshots
        return
    from tqdm.auto import tqdm

    yield from tqdm(snapshots, desc="measuring", unit="snapshot", total=total, initial=total - len(snapshots), file=sys.stderr, dynamic_ncols=True)
