"""A snapshot and its file.

The file is an npz archive, stored unpacked, that `numpy.load` opens too. Of layer number I it holds `degreesI` (links that leave each
input) and `columnsI` (the output of each link, row-major), in the smallest unsigned type that holds them; on request `weightsI` (one a
link), `removedI` and `grownI` (row * n_out + col of each link, reason after reason); and `dead` (ids of neurons, group after group).
"""

from __future__ import annotations

import io
import os
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from netsnn.errors import FileError
from netsnn.graph import Layer, _check_ids
from netsnn.history.index import Entry, Form
from netsnn.io.npz import _Reader
from netsnn.network import Network

__all__ = ["Snapshot", "pack"]

Reasons = dict[str, tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True, eq=False, repr=False)
class Snapshot:
    """A network at one step. Its arrays are read when they are asked for, and are read-only."""

    number: int
    """Its place in the history, from 0."""
    step: int
    scalars: Mapping[str, int | float]
    """The numbers recorded with it."""
    note: str
    names: tuple[str, ...] | None
    """Names of the layers, if they have any."""
    path: Path
    _entry: Entry
    _form: Form

    def __repr__(self) -> str:
        return f"Snapshot({self.number}: step {self.step}, {len(self._form.shapes)} layers, {sum(self._entry.links)} links)"

    def layer(self, layer: int | str) -> Layer:
        """One layer, by number or name; the others stay unread."""
        i = self._form.number(layer)
        if "layers" in self.__dict__:
            return self.layers[i]
        with _reading(self.path) as reader:
            return self._layer(reader, i)

    @cached_property
    def layers(self) -> list[Layer]:
        """All layers, in order."""
        with _reading(self.path) as reader:
            return [self._layer(reader, i) for i in range(len(self._form.shapes))]

    def network(self) -> Network:
        """The layers as a Network; an error if they do not follow on each other."""
        return Network(self.layers, self.names)

    @cached_property
    def weights(self) -> list[np.ndarray | None] | None:
        """The weights of each layer, aligned with its `links`; None for those (or if all are) without."""
        kept = self._entry.weights
        if not any(kept):
            return None
        with _reading(self.path) as reader:
            return [reader.array(f"weights{i}", "biuf", (self._entry.links[i],)) if kept[i] else None for i in range(len(kept))]

    @cached_property
    def removed(self) -> list[Reasons] | None:
        """For each layer a dict from reason to the (row, col) of the links removed for it; None if not recorded."""
        return self._reasons("removed")

    @cached_property
    def grown(self) -> list[Reasons] | None:
        """For each layer a dict from reason to the (row, col) of the links grown for it; None if not recorded."""
        return self._reasons("grown")

    @cached_property
    def dead(self) -> list[np.ndarray] | None:
        """For each group of neurons the ids of those that died; None if not recorded.

        The groups of a Network are its inputs, hidden groups and outputs; separate layers have two each, inputs and outputs.
        """
        counts = self._entry.dead
        if counts is None:
            return None
        with _reading(self.path) as reader:
            ids = reader.array("dead", "u", (sum(counts),)).astype(np.int64)
            found = np.split(ids, np.cumsum(counts)[:-1])
            if any(len(part) and part.max() >= size for part, size in zip(found, self._form.groups)):
                raise ValueError("member dead holds a neuron that does not exist")
        return [_frozen(part) for part in found]

    def _layer(self, reader: _Reader, i: int) -> Layer:
        n_in, n_out = self._form.shapes[i]
        degrees = reader.array(f"degrees{i}", "u", (n_in,))  # first: it bears out n_in
        indptr = np.zeros(n_in + 1, dtype=np.int64)
        np.cumsum(degrees, out=indptr[1:])
        columns = reader.array(f"columns{i}", "u", (self._entry.links[i],))
        return Layer(n_in, n_out, indptr, columns, *self._form.neurons[2 * i:2 * i + 2])

    def _reasons(self, what: str) -> list[Reasons] | None:
        counts = getattr(self._entry, what)
        if counts is None:
            return None
        found = []
        with _reading(self.path) as reader:
            for i, (n_in, n_out) in enumerate(self._form.shapes):
                total = sum(counts[i].values())
                ids = reader.array(f"{what}{i}", "u", (total,)) if total else np.empty(0, dtype=np.int64)
                if total and ids.max() >= n_in * n_out:
                    raise ValueError(f"member {what}{i} holds a link outside {n_in} x {n_out}")
                row, col = (_frozen(x.astype(np.int32)) for x in np.divmod(ids, max(n_out, 1)))
                cuts = np.cumsum(list(counts[i].values()))[:-1]
                found.append(dict(zip(counts[i], zip(np.split(row, cuts), np.split(col, cuts)))))
        return found


def pack(file: str, layers: list[Layer], form: Form, *, step: int, weights: Any, scalars: dict[str, int | float], removed: Any, grown: Any, dead: Any, note: str) -> tuple[bytes, Entry]:
    """The bytes of a snapshot's file, and its line in the index."""
    members: dict[str, Any] = {}
    for i, layer in enumerate(layers):
        members[f"degrees{i}"] = layer.out_degrees.astype(np.min_scalar_type(layer.n_out))
        members[f"columns{i}"] = layer.indices.astype(np.min_scalar_type(layer.n_out))
    weights = _each_layer(weights, form, "weights") or [None] * len(layers)
    kept = [values is not None for values in weights]
    for i, values in enumerate(weights):
        if kept[i]:
            members[f"weights{i}"] = _check_weights(values, layers[i].n_links, f"the weights of layer {form.labels[i]!r}")
    counts = {what: _pack_reasons(given, form, what, members) for what, given in (("removed", removed), ("grown", grown))}
    deaths = _pack_dead(dead, form, members)
    buffer = io.BytesIO()
    np.savez(buffer, **members)  # stored: packing would take ten times as long for a third of the size
    return buffer.getvalue(), Entry(file, step, scalars, note, [layer.n_links for layer in layers], kept, **counts, dead=deaths)


def _each_layer(given: Any, form: Form, what: str) -> list | None:
    """One entry a layer, of a list of them or of a mapping from a layer's name or number."""
    if given is None:
        return None
    n = len(form.shapes)
    if isinstance(given, Mapping):
        found = [None] * n
        for key, value in given.items():
            try:
                found[form.number(key)] = value
            except ValueError as error:
                raise ValueError(f"{what}: {error}") from None
        return found
    given = list(given)
    if len(given) != n:
        raise ValueError(f"{what} must hold one entry a layer ({n}), got {len(given)}")
    return given


def _check_weights(values: ArrayLike, n_links: int, what: str) -> np.ndarray:
    if hasattr(values, "detach"):  # a parameter of torch; NumPy knows no bfloat16
        values = values.detach().cpu()
        values = values.float() if str(values.dtype) == "torch.bfloat16" else values
    values = np.asarray(values)  # NaN passes: the record of a diverged run is what one wants to look at
    if values.shape != (n_links,) or values.dtype.kind not in "biuf":
        raise ValueError(f"{what} must be one number a link ({n_links}), got {values.dtype} of shape {values.shape}")
    return values


def _pack_reasons(given: Any, form: Form, what: str, members: dict) -> list[dict[str, int]] | None:
    entries = _each_layer(given, form, what)
    if entries is None:
        return None
    counts = []
    for i, (reasons, (n_in, n_out)) in enumerate(zip(entries, form.shapes)):
        place = f"{what} of layer {form.labels[i]!r}"
        if not isinstance(reasons, Mapping | None):
            raise ValueError(f"{place} must be a dict from reason to (row, col), got {type(reasons).__name__}")
        parts = {}
        for reason, pair in (reasons or {}).items():
            if not isinstance(reason, str):
                raise ValueError(f"{place}: a reason must be text, got {reason!r}")
            try:
                row, col = pair
            except (TypeError, ValueError):
                raise ValueError(f"{place}: {reason!r} must give (row, col), two arrays of the same length") from None
            row, col = _check_ids(row, n_in, f"{place}: row of {reason!r}"), _check_ids(col, n_out, f"{place}: col of {reason!r}")
            if len(row) != len(col):
                raise ValueError(f"{place}: {reason!r} has {len(row)} rows and {len(col)} columns")
            parts[reason] = row * n_out + col
        counts.append({reason: len(ids) for reason, ids in parts.items()})
        if any(counts[i].values()):
            members[f"{what}{i}"] = np.concatenate(list(parts.values())).astype(np.min_scalar_type(n_in * n_out))
    return counts


def _pack_dead(dead: Any, form: Form, members: dict) -> list[int] | None:
    if dead is None:
        return None
    groups, sides = list(dead), "group of neurons" if form.network else "side of each layer: its inputs, its outputs"
    if len(groups) != len(form.groups):
        raise ValueError(f"dead must hold one array a {sides} ({len(form.groups)}), got {len(groups)}")
    groups = [_check_ids(ids, size, f"dead of group {i}") for i, (ids, size) in enumerate(zip(groups, form.groups))]
    members["dead"] = np.concatenate(groups).astype(np.min_scalar_type(max(form.groups)))
    return [len(ids) for ids in groups]


@contextmanager
def _reading(path: Path) -> Iterator[_Reader]:
    """The members of a snapshot's file; whatever is wrong with it becomes one FileError."""
    try:
        file = open(path, "rb")
    except FileNotFoundError:
        raise FileError(f"{path}: there is no such file; it was removed, or the history was rewound since it was opened") from None
    except OSError as error:
        raise FileError(f"{path}: {error.strerror or error}") from None
    try:
        with file, zipfile.ZipFile(file) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            yield _Reader(str(path), archive, members, os.fstat(file.fileno()).st_size)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError,
            ValueError, TypeError, ArithmeticError, MemoryError, LookupError) as error:
        raise FileError(f"{path}: a damaged snapshot ({' '.join(str(error).split()) or type(error).__name__})") from None


def _frozen(array: np.ndarray) -> np.ndarray:
    array.setflags(write=False)
    return array
