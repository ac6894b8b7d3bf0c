"""The index of a history: one line of JSON for what all snapshots share, then one line a snapshot, only ever appended.

A line counts once its line break is on the disk. A last line without one was torn by a crash: it is not part of the record, and
the next snapshot is written in its place.
"""

from __future__ import annotations

import json
import math
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from netsnn.errors import FileError
from netsnn.graph import MAX_INDEX, Layer, _check_names
from netsnn.io.atomic import write_bytes
from netsnn.network import Network

__all__ = ["Entry", "Form", "Index", "form_of", "from_plain", "number", "to_plain"]

NAME = "index.jsonl"
VERSION = 1
SNAPSHOT_FILE = re.compile(r"\d{6,}-[0-9a-f]{8}\.npz")
LARGEST = 2**63 - 1


@dataclass(frozen=True)
class Form:
    """What all snapshots of a history share: how many layers, their shapes and names, the names of their neurons."""

    network: bool
    names: tuple[str, ...] | None
    shapes: tuple[tuple[int, int], ...]
    neurons: tuple[tuple | None, ...]
    """Names of the inputs and of the outputs of each layer in turn: two entries a layer."""

    @property
    def groups(self) -> list[int]:
        """Sizes of the groups of neurons: in a Network layers share them, else every layer has its inputs and its outputs."""
        if self.network:
            return [self.shapes[0][0], *(n_out for _, n_out in self.shapes)]
        return [n for shape in self.shapes for n in shape]

    @property
    def labels(self) -> tuple[str, ...] | tuple[int, ...]:
        """What to call the layers: their names, or their numbers."""
        return self.names or tuple(range(len(self.shapes)))

    def number(self, layer: int | str) -> int:
        """The number of a layer given by name or number."""
        if isinstance(layer, str) and self.names is not None and layer in self.names:
            return self.names.index(layer)
        if not isinstance(layer, str) and hasattr(layer, "__index__") and -len(self.shapes) <= layer < len(self.shapes):
            return range(len(self.shapes))[layer]
        raise ValueError(f"no layer {layer!r}; layers: {', '.join(map(str, self.labels))}")

    def check(self, new: Form, folder: Path) -> None:
        """Refuse a snapshot of another form."""
        first = f"in the first snapshot of {folder}"
        if len(new.shapes) != len(self.shapes):
            raise ValueError(f"{len(new.shapes)} layers, but {len(self.shapes)} {first}")
        for label, mine, theirs in zip(self.labels, self.shapes, new.shapes):
            if mine != theirs:
                raise ValueError(f"layer {label!r} has shape {theirs}, but {mine} {first}")
        if new.names != self.names:
            raise ValueError(f"the layers are named {new.names}, but {self.names} {first}")
        if new.network != self.network:
            kinds = {True: "a Network", False: "separate layers"}
            raise ValueError(f"got {kinds[new.network]}, but {kinds[self.network]} {first}")
        for at, (mine, theirs) in enumerate(zip(self.neurons, new.neurons)):
            if mine != theirs:
                raise ValueError(f"the {'outputs' if at % 2 else 'inputs'} of layer {self.labels[at // 2]!r} are named otherwise {first}")


def form_of(layers: Any) -> tuple[list[Layer], Form]:
    """The layers of a Network, of a list or of a mapping from name to Layer, and their form."""
    if isinstance(layers, Network):
        found, names = list(layers.layers), layers.names
    elif isinstance(layers, Mapping):
        found, names = list(layers.values()), tuple(layers)
    elif isinstance(layers, Layer):
        raise ValueError("layers must be a Network or a list of Layers, got a single Layer: write [layer]")
    else:
        found, names = list(layers), None
    if not found:
        raise ValueError("a snapshot needs at least one layer")
    for i, layer in enumerate(found):
        if not isinstance(layer, Layer):
            raise ValueError(f"layer {i} must be a Layer, got {type(layer).__name__}")
    for name in names or ():
        if not isinstance(name, str):
            raise ValueError(f"the name of a layer must be text, got {name!r}")
    neurons = tuple(side for layer in found for side in (layer.input_names, layer.output_names))
    for name in (name for side in neurons for name in side or ()):
        if type(name) not in (str, int, float, bool):
            raise ValueError(f"the name of a neuron must be text or a number to be recorded, got {name!r}")
    return found, Form(isinstance(layers, Network), names, tuple(layer.shape for layer in found), neurons)


@dataclass(frozen=True)
class Entry:
    """A line of the index: a snapshot but for its arrays."""

    file: str
    step: int
    scalars: dict[str, int | float]
    note: str
    links: list[int]
    """Links of each layer."""
    weights: list[bool]
    """Of which layers the weights are kept."""
    removed: list[dict[str, int]] | None
    """For each layer, how many links were removed for each reason."""
    grown: list[dict[str, int]] | None
    dead: list[int] | None
    """For each group of neurons, how many died."""


class Index:
    """The index file of a history, and what it holds."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        self.form: Form | None = None
        self.entries: list[Entry] = []
        self._size = 0  # bytes that count
        self._seen = (0, 0)  # the file as this object last saw it: if another process writes, it no longer looks so
        try:
            if self.path.exists():
                with open(self.path, "rb") as file:
                    data = file.read()
                    self._seen = os.fstat(file.fileno()).st_ino, len(data)
                    self._parse(data, folder)
            elif folder.exists():
                self._check_new(folder)
        except OSError as error:
            raise FileError(f"{folder}: {error.strerror or error}") from None

    def next_file(self) -> str:
        """A name for the next snapshot's file, never used before: not by a snapshot dropped since, nor by another process."""
        return f"{len(self.entries):06d}-{secrets.token_hex(4)}.npz"

    def check(self) -> None:
        """Refuse to write after another process did."""
        try:
            found = os.stat(self.path)
        except FileNotFoundError:
            found = None
        except OSError as error:
            raise FileError(f"{self.path}: {error.strerror or error}") from None
        if self._seen != (_look(found) if found else (0, 0)):
            raise FileError(f"{self.path}: changed by another process since this history was opened; open it anew")

    def start(self, form: Form) -> None:
        """Write an index without snapshots."""
        self._rewrite(form, [])

    def cut(self, n: int) -> None:
        """Keep the first `n` entries only: all at once, by replacing the file."""
        assert self.form is not None  # there are entries
        self._rewrite(self.form, self.entries[:n])

    def append(self, entry: Entry) -> None:
        """Add a line and flush it to the disk; if that fails, the index is as before."""
        line = rest = _line(asdict(entry) | {"scalars": to_plain(entry.scalars)})
        try:
            self.check()
            with open(self.path, "r+b", buffering=0) as file:
                size = self._size
                try:
                    file.truncate(size)  # a line torn by a crash
                    file.seek(size)
                    while rest:  # a full disk takes a part of the line first and fails then
                        rest = rest[file.write(rest):]
                    os.fsync(file.fileno())
                    self._size, self._seen = size + len(line), _look(os.fstat(file.fileno()))
                    self.entries.append(entry)  # from here on it is recorded, even if Ctrl-C comes at this moment
                except BaseException:
                    if not self.ends_with(entry):
                        file.truncate(size)
                        self._size, self._seen = size, _look(os.fstat(file.fileno()))
                    raise
        except OSError as error:
            raise FileError(f"{self.path}: {error.strerror or error}") from None

    def ends_with(self, entry: Entry) -> bool:
        """Whether this very entry is the last one."""
        return bool(self.entries) and self.entries[-1] is entry

    def _rewrite(self, form: Form, entries: list[Entry]) -> None:
        self.check()
        head = {"netsnn": "history", "format": VERSION} | asdict(form)
        data = b"".join([_line(head), *(_line(asdict(entry) | {"scalars": to_plain(entry.scalars)}) for entry in entries)])
        write_bytes(data, self.path)
        self.form, self.entries, self._size, self._seen = form, entries, len(data), _look(os.stat(self.path))

    def _parse(self, data: bytes, folder: Path) -> None:
        *lines, _torn = data.split(b"\n")
        try:
            head = json.loads(lines[0])
            version = head["format"] if head["netsnn"] == "history" else None
        except (ValueError, LookupError, TypeError, RecursionError):
            version = None
        if version is None:
            raise FileError(f"{self.path}: line 1 is damaged, or {folder} is no history of netsnn")
        if version != VERSION:
            raise FileError(f"{self.path}: written by another version of netsnn (format {version!r}, this one reads {VERSION})")
        try:
            self.form = _form(head)
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise FileError(f"{self.path}: line 1 is damaged ({error})") from None
        self._size = len(lines[0]) + 1
        for at, line in enumerate(lines[1:], start=2):
            try:
                entry = _entry(json.loads(line), self.form)
                if self.entries and entry.step <= self.entries[-1].step:
                    raise ValueError(f"step {entry.step} after step {self.entries[-1].step}")
            except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
                raise FileError(f"{self.path}: line {at} is damaged ({error})") from None
            self.entries.append(entry)
            self._size += len(line) + 1

    @staticmethod
    def _check_new(folder: Path) -> None:
        """A folder without an index may become a history if it holds nothing but what a killed writer left."""
        other = next((name for name in sorted(os.listdir(folder)) if not name.startswith(".netsnn-")), None)
        if other is not None:
            raise FileError(f"{folder}: no history of netsnn (it has no {NAME}, but {other})")


def number(value: Any, what: str) -> int | float:
    """A plain number of a Python, NumPy or torch one."""
    try:
        value = value.item() if hasattr(value, "item") else value
    except (ValueError, RuntimeError):  # an array of several
        pass
    if not isinstance(value, (int, float)):
        raise ValueError(f"{what} must be a number, got {' '.join(repr(value).split())[:80]}")
    try:
        return value if isinstance(value, float) else int(value) if abs(value) <= LARGEST else float(value)
    except OverflowError:
        raise ValueError(f"{what} is larger than any float") from None


def to_plain(values: Mapping[str, int | float]) -> dict[str, Any]:
    """Numbers for JSON, which knows no NaN and no infinity: those become text."""
    return {key: value if math.isfinite(value) else str(value) for key, value in values.items()}


def from_plain(values: Mapping[str, Any]) -> dict[str, int | float]:
    """Numbers that `to_plain` made plain."""
    return {key: float(value) if isinstance(value, str) else number(value, key) for key, value in values.items()}


def _line(plain: dict) -> bytes:
    return json.dumps(plain, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def _look(found: os.stat_result) -> tuple[int, int]:
    return found.st_ino, found.st_size


def _form(head: dict) -> Form:
    shapes = tuple((n_in, n_out) for n_in, n_out in head["shapes"])
    names = _tuple(head["names"])
    neurons = tuple(_tuple(side) for side in head["neurons"])
    if not (all(type(n) is int and 0 <= n <= MAX_INDEX for shape in shapes for n in shape) and shapes and len(neurons) == 2 * len(shapes)
            and (names is None or len(names) == len(set(names)) == len(shapes) and all(isinstance(name, str) for name in names)) and isinstance(head["network"], bool)):
        raise ValueError("shapes and names do not fit each other")
    for side, n in zip(neurons, (n for shape in shapes for n in shape)):
        _check_names(side, n, "names of neurons")
    if head["network"] and (any(before[1] != after[0] for before, after in zip(shapes, shapes[1:]))
                            or any(None not in shared and shared[0] != shared[1] for shared in zip(neurons[1::2], neurons[2::2]))):
        raise ValueError("the layers do not follow on each other")
    return Form(head["network"], names, shapes, neurons)


def _entry(plain: dict, form: Form) -> Entry:
    entry = Entry(**(plain | {"scalars": from_plain(plain["scalars"])}))
    if not SNAPSHOT_FILE.fullmatch(entry.file):
        raise ValueError(f"no name of a snapshot: {entry.file!r}")
    if type(entry.step) is not int or abs(entry.step) > LARGEST or not isinstance(entry.note, str):
        raise ValueError("no step or no note")
    parts: list[Any] = [entry.links, entry.weights, *(part for part in (entry.removed, entry.grown) if part is not None)]
    if not all(isinstance(part, list) for part in parts) or not all(isinstance(kept, bool) for kept in entry.weights):
        raise ValueError("counts that are none")
    lengths = [len(part) for part in parts]
    counts = [*entry.links, *(entry.dead or ()), *(n for part in (entry.removed, entry.grown) for reasons in part or () for n in reasons.values())]
    if set(lengths) != {len(form.shapes)} or not all(type(n) is int and n >= 0 for n in counts) \
            or entry.dead is not None and len(entry.dead) != len(form.groups):
        raise ValueError("counts do not fit the layers")
    return entry


def _tuple(value: list | None) -> tuple | None:
    if not isinstance(value, list | None):
        raise ValueError(f"expected a list, got {type(value).__name__}")
    return None if value is None else tuple(value)
