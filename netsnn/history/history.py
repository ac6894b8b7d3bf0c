"""`History`: the folder of an evolving network.

    index.jsonl      one line for what all snapshots share, then a line a snapshot (step, scalars, counts)
    snapshots/       NUMBER-TOKEN.npz: the links and whatever else was recorded with them
    cache/           results of `History.frame`; may be deleted

A snapshot is written in two steps, its file (whole or not at all), then its line. Killed in between, the file has no line: it is not
part of the record, and a later writer removes it. A file name is never used twice, so that a result kept for a snapshot that
`rewind` dropped is never taken for its successor's.
"""

from __future__ import annotations

import contextlib
import operator
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike

from netsnn.errors import FileError
from netsnn.graph import Layer
from netsnn.history import lifetimes
from netsnn.history.frames import frame
from netsnn.history.index import LARGEST, SNAPSHOT_FILE, Form, Index, form_of, number
from netsnn.history.lifetimes import Spells
from netsnn.history.snapshot import Snapshot, pack
from netsnn.io.atomic import write_bytes
from netsnn.network import Network

__all__ = ["History"]


class History:
    """The record of an evolving network: a sequence of snapshots in a folder.

    Opening reads the index alone. A folder that is not there yet is an empty history; the first snapshot creates it. One object
    may record at a time, and a second one is refused; others may read, and see what was there when they were opened.

    Examples
    --------
    >>> import tempfile
    >>> history = History(Path(tempfile.mkdtemp()) / "history")
    >>> before = Layer.from_edges([0, 0, 1], [0, 1, 1], shape=(2, 3))
    >>> after = Layer.from_edges([0, 1, 1], [1, 1, 2], shape=(2, 3))
    >>> history.record([before], step=0, scalars={"accuracy": 0.5})
    >>> history.record([after], step=100, scalars={"accuracy": 0.75}, removed=[{"magnitude": ([0], [0])}], grown=[{"score": ([1], [2])}])
    >>> history
    History(2 snapshots, steps 0 .. 100)
    >>> history[-1].layers == [after], history.scalars["accuracy"].tolist()
    (True, [0.5, 0.75])
    >>> history.turnover()["jaccard"].tolist()
    [nan, 0.5]
    >>> history.ages()["age"].tolist()
    [100, 100, 0]
    """

    def __init__(self, folder: str | os.PathLike) -> None:
        self.folder = Path(os.path.abspath(folder))
        self._index = Index(self.folder)
        self._checked = False
        self._spells: dict[int, tuple[str, Spells]] = {}  # with the last snapshot's file, which nothing else has as its last

    # ---- writing ----------------------------------------------------------------------------------

    def record(self, layers: Network | Sequence[Layer] | Mapping[str, Layer], *, step: int, weights: Sequence[Any] | Mapping[Any, Any] | None = None,
               scalars: Mapping[str, float] | None = None, removed: Sequence[Any] | Mapping[Any, Any] | None = None,
               grown: Sequence[Any] | Mapping[Any, Any] | None = None, dead: Sequence[ArrayLike] | None = None, note: str = "") -> None:
        """Write a snapshot: after this call it is on the disk; if it fails, the history is as before.

        Parameters
        ----------
        layers : Network, list of Layers, or mapping from name to Layer
            Of the same form (number, shapes, names) as in the first snapshot.
        step : int
            Larger than the last snapshot's; to record a step again, `rewind` first.
        weights : list of arrays, optional
            One a layer, aligned with its `links`; None for a layer whose weights are not kept.
        scalars : mapping from name to number, optional
            Accuracy, loss and the like.
        removed, grown : list of dicts, optional
            For each layer the links that went or came since the last snapshot, by reason: a dict from reason (any text, such as
            "magnitude", "chain", "percolation", "score", "random") to (row, col). Kept as given, repeats and order too.
        dead : list of arrays, optional
            Ids of the neurons that died since the last snapshot. For a Network one array a group (as `Percolation.killed`); for
            separate layers two arrays each, inputs and outputs.
        note : str

        `weights`, `removed` and `grown` may also be mappings from some layers' names or numbers.

        Examples
        --------
        >>> import tempfile
        >>> history = History(tempfile.mkdtemp())
        >>> layer, weights = Layer.from_dense([[0.5, 0.0, 0.7]], weights=True)
        >>> history.record({"first": layer}, step=0, weights=[weights], scalars={"accuracy": 0.9})
        >>> history.names, history[0].weights[0].tolist()
        (('first',), [0.5, 0.7])
        """
        index = self._index
        layers, form = self._check(layers)
        step = _whole(step)
        if index.entries and step <= index.entries[-1].step:
            raise ValueError(f"step must be larger than the last snapshot's, {index.entries[-1].step}, got {step}; "
                             f"history.rewind({step - 1}) drops the snapshots after step {step - 1}")
        if not isinstance(note, str):
            raise ValueError(f"note must be text, got {type(note).__name__}")
        for name in scalars or {}:
            if not isinstance(name, str):
                raise ValueError(f"the name of a scalar must be text, got {name!r}")
        scalars = {name: number(value, f"scalar {name!r}") for name, value in (scalars or {}).items()}
        what: dict[str, Any] = dict(step=step, weights=weights, scalars=scalars, removed=removed, grown=grown, dead=dead, note=note)
        pack_as = lambda file: pack(file, layers, form, **what)
        if not index.entries:
            pack_as("")  # arguments that are wrong leave no folder behind
            _make(self.folder)
            index.start(form)
        self._prepare()
        data, entry = pack_as(index.next_file())
        write_bytes(data, self._path(entry.file))
        try:
            index.append(entry)
        except BaseException:
            if not index.ends_with(entry):
                _remove(self._path(entry.file))
            raise

    def rewind(self, step: int) -> None:
        """Drop the snapshots after `step`, all at once: for a training that goes on from an earlier checkpoint.

        >>> import tempfile
        >>> history = History(tempfile.mkdtemp())
        >>> for i, wiring in enumerate([[[1, 1, 0]], [[0, 1, 1]], [[1, 1, 0]]]):
        ...     history.record([Layer.from_dense(wiring)], step=100 * i)
        >>> history.rewind(150)
        >>> history
        History(2 snapshots, steps 0 .. 100)
        """
        step = _whole(step)
        n = sum(entry.step <= step for entry in self._index.entries)
        dropped = self._index.entries[n:]
        if dropped:
            self._index.cut(n)
        for entry in dropped:
            _remove(self._path(entry.file))

    # ---- reading ----------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._index.entries)

    @overload
    def __getitem__(self, key: int) -> Snapshot: ...

    @overload
    def __getitem__(self, key: slice) -> list[Snapshot]: ...

    def __getitem__(self, key: int | slice) -> Snapshot | list[Snapshot]:
        if isinstance(key, slice):
            return [self._snapshot(i) for i in range(len(self))[key]]
        return self._snapshot(self._at(key))

    def __iter__(self) -> Iterator[Snapshot]:
        return (self._snapshot(i) for i in range(len(self)))

    def __repr__(self) -> str:
        steps = self.steps
        return f"History({len(self)} snapshots{f', steps {steps[0]} .. {steps[-1]}' if len(self) else ''})"

    def at(self, step: int) -> Snapshot:
        """The snapshot of exactly this step.

        >>> import tempfile
        >>> history = History(tempfile.mkdtemp())
        >>> for i, wiring in enumerate([[[1, 1, 0]], [[0, 1, 1]], [[1, 1, 0]]]):
        ...     history.record([Layer.from_dense(wiring)], step=100 * i)
        >>> history.at(100)
        Snapshot(1: step 100, 1 layers, 2 links)
        """
        place = int(np.searchsorted(self.steps, step))
        if place == len(self) or self.steps[place] != step:
            near = ", ".join(map(str, self.steps[max(place - 1, 0):place + 1]))
            raise ValueError(f"no snapshot of step {step!r}" + (f"; nearest: {near}" if near else ": the history is empty"))
        return self._snapshot(place)

    @property
    def steps(self) -> np.ndarray:
        """The step of each snapshot."""
        return np.array([entry.step for entry in self._index.entries], dtype=np.int64)

    @property
    def scalars(self) -> dict[str, np.ndarray]:
        """Each scalar over the snapshots, as floats; NaN where a snapshot lacks it.

        >>> import tempfile
        >>> history = History(tempfile.mkdtemp())
        >>> history.record([Layer.from_dense([[1, 0]])], step=0)
        >>> history.record([Layer.from_dense([[0, 1]])], step=1, scalars={"accuracy": 0.9})
        >>> history.scalars
        {'accuracy': array([nan, 0.9])}
        """
        names = dict.fromkeys(name for entry in self._index.entries for name in entry.scalars)
        return {name: np.array([entry.scalars.get(name, np.nan) for entry in self._index.entries], dtype=float) for name in names}

    @property
    def names(self) -> tuple[str, ...] | None:
        """Names of the layers; None if they have none, or nothing is recorded yet."""
        return self._index.form.names if self._index.form else None

    @property
    def shapes(self) -> tuple[tuple[int, int], ...]:
        """(n_in, n_out) of each layer; empty if nothing is recorded yet."""
        return self._index.form.shapes if self._index.form else ()

    def reasons(self, what: str, layer: int | str = 0) -> dict[str, np.ndarray]:
        """How many links of a layer were "removed" or "grown" for each reason, over the snapshots: from the index alone.

        >>> import tempfile
        >>> history = History(tempfile.mkdtemp())
        >>> history.record([Layer.from_dense([[1, 0, 0]])], step=0)
        >>> history.record([Layer.from_dense([[0, 1, 1]])], step=1, grown=[{"score": ([0], [1]), "random": ([0], [2])}])
        >>> {reason: counts.tolist() for reason, counts in history.reasons("grown").items()}
        {'score': [0, 1], 'random': [0, 1]}
        """
        if what not in ("removed", "grown"):
            raise ValueError(f"what must be removed or grown, got {what!r}")
        i = self._layer(layer)
        counts = [(getattr(entry, what) or [{}] * (i + 1))[i] for entry in self._index.entries]
        return {reason: np.array([count.get(reason, 0) for count in counts]) for reason in dict.fromkeys(r for count in counts for r in count)}

    def frame(self, measure: Callable, *, weights: bool = False) -> Any:
        """A table with one row a snapshot and layer: snapshot, step, layer (name, or number), and the numbers of `measure`.

        A pandas DataFrame if pandas is installed, else a dict of arrays. Results are kept in the history's folder `cache`, so that a
        second call computes nothing. They count for the same function only: its code, its defaults, the values it captured, and
        the functions and values of its own module that it uses (what it takes from other packages counts by name and version). A
        function that holds something which cannot be pickled is computed anew each time. Interrupted, the work done is kept.

        Parameters
        ----------
        measure : function of a Layer, or with `weights=True` of a Layer and its weights
            It returns a number or a flat dict of numbers. It is taken to return the same each time.
        weights : bool

        Examples
        --------
        >>> import tempfile
        >>> history = History(tempfile.mkdtemp())
        >>> history.record([Layer.from_edges([0, 1], [1, 1], shape=(2, 3))], step=0)
        >>> def hubs(layer):
        ...     return {"links": layer.n_links, "largest": layer.in_degrees.max()}
        >>> {name: list(map(int, column)) for name, column in history.frame(hubs).items()}
        {'snapshot': [0], 'step': [0], 'layer': [0], 'links': [2], 'largest': [2]}
        """
        return frame(self[:], self._index.form.labels if self._index.form else (), measure, weights, self.folder / "cache")

    # ---- links over time --------------------------------------------------------------------------

    def spells(self, layer: int | str = 0) -> Spells:
        """The spells of a layer's links: when each was born and when it died. A regrown link has several.

        Everything below is computed from them. What happens between two snapshots is not seen: a link lost and regrown
        in between never went. A link of the first snapshot is taken to be born there.

        >>> import tempfile
        >>> history = History(tempfile.mkdtemp())
        >>> for i, wiring in enumerate([[[1, 1, 0]], [[0, 1, 1]], [[1, 1, 0]]]):
        ...     history.record([Layer.from_dense(wiring)], step=100 * i)
        >>> spells = history.spells()
        >>> spells.ids.tolist(), spells.born.tolist(), spells.died.tolist()
        ([0, 0, 1, 2], [0, 2, 0, 1], [1, 3, 3, 2])
        """
        i = self._layer(layer)
        last = self._index.entries[-1].file if len(self) else ""
        if self._spells.get(i, (None,))[0] != last:
            self._spells[i] = last, lifetimes.spells(snapshot.layer(i).ids for snapshot in self)
        return self._spells[i][1]

    def turnover(self, layer: int | str = 0) -> dict[str, np.ndarray]:
        """How a layer's links changed from snapshot to snapshot: a dict of arrays, one value a snapshot.

        With A the links of the snapshot before and B those of this one:

        - links: |B|;  kept: |A and B|;  lost: |A minus B|;  gained: |B minus A|
        - regrown: how many of the gained links any earlier snapshot held ("previously seen")
        - retained: |A and B| / |A|, 1 if A is empty
        - jaccard: |A and B| / |A or B|, 1 if both are empty
        - turnover: (lost + gained) / (|A| + |B|), 0 if both are empty (Diamond 1969)
        - ever: links of this or any earlier snapshot;  itop: ever / (n_in n_out), the In-Time Over-Parameterization rate
          (Liu et al. 2021)

        The first snapshot has no A: its kept, lost, gained and regrown are 0, its ratios NaN.

        >>> import tempfile
        >>> history = History(tempfile.mkdtemp())
        >>> for i, wiring in enumerate([[[1, 1, 0]], [[0, 1, 1]], [[1, 1, 0]]]):
        ...     history.record([Layer.from_dense(wiring)], step=100 * i)
        >>> changes = history.turnover()
        >>> changes["gained"].tolist(), changes["regrown"].tolist(), changes["turnover"].tolist()
        ([0, 1, 1], [0, 0, 1], [nan, 0.5, 0.5])
        """
        n_in, n_out = self._shape(layer)
        return {"step": self.steps} | lifetimes.turnover(self.spells(layer), len(self), n_in * n_out)

    def overlap(self, layer: int | str = 0, of: str = "jaccard") -> np.ndarray:
        """How much the links of any two snapshots s and t overlap: a square array.

        With `of="jaccard"` |S and T| / |S or T|; with `of="retained"` |S and T| / |S|, where S belongs to the row. 1 where both (or
        S) are empty. The counts come from the links' spells, in O(links + snapshots^2) for links that are seldom regrown.

        >>> import tempfile
        >>> history = History(tempfile.mkdtemp())
        >>> for i, wiring in enumerate([[[1, 1, 0]], [[0, 1, 1]], [[1, 1, 0]]]):
        ...     history.record([Layer.from_dense(wiring)], step=100 * i)
        >>> history.overlap(of="retained")
        array([[1. , 0.5, 1. ],
               [0.5, 1. , 0.5],
               [1. , 0.5, 1. ]])
        """
        if of not in ("jaccard", "retained"):
            raise ValueError(f"of must be jaccard or retained, got {of!r}")
        return lifetimes.overlap(self.spells(layer), len(self), of)

    def survival(self, layer: int | str = 0, cohort: int | None = None) -> dict[str, np.ndarray]:
        """What fraction of links lives on past an age, in steps: arrays age, at_risk, ended, fraction.

        The Kaplan-Meier estimate over all spells: fraction(a) is the product over ages x <= a of 1 - ended(x) / at_risk(x), where
        at_risk counts the spells that reach age x and ended those that end at it. A spell ends at the first snapshot without the
        link; one that lasts to the last snapshot leaves unobserved (censored) at its age there. A regrown link begins a new spell at age 0.

        With `cohort`, the number of a snapshot: only the links of that snapshot, aged from there. Then fraction is just the
        part of them that every snapshot up to that age still held.

        >>> import tempfile
        >>> history = History(tempfile.mkdtemp())
        >>> for i, wiring in enumerate([[[1, 1, 0]], [[0, 1, 1]], [[1, 1, 0]]]):
        ...     history.record([Layer.from_dense(wiring)], step=100 * i)
        >>> curve = history.survival(cohort=0)
        >>> curve["age"].tolist(), curve["fraction"].tolist()
        ([0, 100, 200], [1.0, 0.5, 0.5])
        """
        return lifetimes.survival(self.spells(layer), self.steps, None if cohort is None else self._at(cohort))

    def ages(self, layer: int | str = 0, at: int = -1) -> dict[str, np.ndarray]:
        """The age in steps of every link of snapshot `at` (by default the last), in `links` order: arrays row, col, age, earlier.

        The age counts from the first snapshot of the unbroken run that holds the link: a regrown link starts anew, and `earlier`
        says how many such runs it had before.

        >>> import tempfile
        >>> history = History(tempfile.mkdtemp())
        >>> for i, wiring in enumerate([[[1, 1, 0]], [[0, 1, 1]], [[1, 1, 0]]]):
        ...     history.record([Layer.from_dense(wiring)], step=100 * i)
        >>> ages = history.ages()
        >>> ages["col"].tolist(), ages["age"].tolist(), ages["earlier"].tolist()
        ([0, 1], [0, 200], [1, 0])
        """
        return lifetimes.ages(self.spells(layer), self.steps, self._at(at), self._shape(layer)[1])

    # ---- inside -----------------------------------------------------------------------------------

    def _snapshot(self, i: int) -> Snapshot:
        entry, form = self._index.entries[i], self._index.form
        assert form is not None  # there is a snapshot
        return Snapshot(i, entry.step, dict(entry.scalars), entry.note, self.names, self._path(entry.file), entry, form)

    def _at(self, key: int) -> int:
        i, n = operator.index(key), len(self)
        if not -n <= i < n:
            raise IndexError(f"no snapshot {i} in a history of {n}" if n else f"{self.folder}: the history is empty")
        return range(n)[i]

    def _layer(self, layer: int | str) -> int:
        if self._index.form is None:
            raise ValueError(f"{self.folder}: the history is empty")
        return self._index.form.number(layer)

    def _shape(self, layer: int | str) -> tuple[int, int]:
        return self.shapes[self._layer(layer)]

    def _path(self, file: str) -> Path:
        return self.folder / "snapshots" / file

    def _check(self, layers: Network | Sequence[Layer] | Mapping[str, Layer]) -> tuple[list[Layer], Form]:
        """A ValueError unless these could be recorded next; returns them as a list, and their form."""
        found, form = form_of(layers)
        if self._index.entries:
            self._index.form.check(form, self.folder)
        return found, form

    def _prepare(self) -> None:
        """Before the first snapshot is written: make the folder for it, and remove what killed writers left there."""
        if self._checked:
            return
        self._index.check()  # else another writer's snapshots would be taken for leftovers
        folder, kept = self.folder / "snapshots", {entry.file for entry in self._index.entries}
        _make(folder)
        for path in (*self.folder.glob(".netsnn-*"), *folder.iterdir()):
            if path.name.startswith(".netsnn-") or SNAPSHOT_FILE.fullmatch(path.name) and path.name not in kept:
                with contextlib.suppress(OSError):
                    if path.stat().st_mtime < time.time() - 3600:  # else its writer may still be at work
                        path.unlink()
        self._checked = True


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:  # ValueError: a zero byte in the path
        raise FileError(f"{folder}: {getattr(error, 'strerror', None) or error}") from None


def _remove(path: Path) -> None:
    """Remove a file that is no part of the record; if that fails, it is in nobody's way."""
    with contextlib.suppress(OSError):
        path.unlink()


def _whole(step: Any) -> int:
    if isinstance(step, bool) or not isinstance(step, (int, np.integer)) or abs(int(step)) > LARGEST:
        raise ValueError(f"step must be a whole number, got {step!r}")
    return int(step)
