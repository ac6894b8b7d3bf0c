"""Many training runs, measured as they end, in tables that grow: what the scripts that reproduce papers share.

A study is a set of named runs (cells) and a function that measures a finished one. Its tables are CSV files in `analysis/results/STUDY/`; a row of
`runs.csv` says that a cell is done, so that a study goes on where it was, on any machine that has the tables. The runs themselves (weights, histories)
lie in `runs/STUDY/CELL/`, and go on to the same bits if they were cut off. Each run has one thread: numbers do not depend on how many run at a time.
"""

from __future__ import annotations

import argparse
import csv
import fcntl
import hashlib
import io
import multiprocessing
import os
import platform
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import netsnn as ns
from analysis.bench.measure import cpu
from netsnn.errors import DivergedError
from netsnn.io.atomic import write_bytes
from netsnn.snn import Config
from netsnn.snn.config import to_toml

ROOT = Path(__file__).parent.parent
Rows = list[dict]
TEXTS = {"cell", "settings", "hidden", "options"}  # columns that may look like numbers
ONE_THREAD = {"OMP_WAIT_POLICY": "PASSIVE", "OMP_NUM_THREADS": "1", "NETSNN_THREADS": "1"}

__all__ = ["Place", "Study", "arguments_of", "command", "read_table", "write_table"]


@dataclass(frozen=True)
class Place:
    """Where tables and runs lie, and how much may be done now."""

    results: Path = ROOT / "analysis" / "results"
    work: Path = ROOT / "runs"
    jobs: int = 2
    deadline: float = float("inf")
    """No cell begins after this moment (of time.monotonic)."""


@dataclass(frozen=True)
class Study:
    """`measure` gets a finished run and gives rows of tables, among them one row of "runs"."""

    name: str
    cells: dict[str, Config]
    measure: Callable[[ns.snn.Run], dict[str, Rows]]
    tables: tuple[str, ...] = ("runs",)
    place: Place = field(default_factory=Place)

    @property
    def folder(self) -> Path:
        return self.place.results / self.name

    def rows(self, table: str = "runs") -> Rows:
        """The rows of the cells that are done, in the order of the cells."""
        done, order = self._done(), {name: i for i, name in enumerate(self.cells)}
        return sorted((row for row in read_table(self.folder / f"{table}.csv") if row["cell"] in done), key=lambda row: order[row["cell"]])

    def state(self) -> str:
        """Made by what, and how much of it is there."""
        there = len(self._done())
        return (f"Made by `python -m analysis.{self.name}` (sittings in provenance.txt), " + ("all" if there == len(self.cells) else f"{there} of") + f" {len(self.cells)} runs done; "
                "every number is in the CSV files beside this page.")

    def run(self, tell: Callable[[str], None] = print) -> bool:
        """Do the cells that are missing, in their order, several at a time; returns whether all are done."""
        missing = [name for name in self.cells if name not in self._done()]
        if not missing:
            return True
        work = self.place.work / self.name
        work.mkdir(parents=True, exist_ok=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        with alone(work), environment(ONE_THREAD), ProcessPoolExecutor(min(self.place.jobs, len(missing)), multiprocessing.get_context("spawn"), _die_with, (os.getpid(),)) as pool:
            note_provenance(self.folder)
            try:
                left = self._work_off(missing, work, pool, tell)
            except KeyboardInterrupt:
                for worker in multiprocessing.active_children():
                    worker.terminate()
                print(f"{self.name}: interrupted; the next call goes on where it was", file=sys.stderr)
                raise SystemExit(130) from None
            except ns.NetsnnError as error:
                raise SystemExit(f"{self.name}: {error}") from None
        return not left

    def _work_off(self, missing: list[str], work: Path, pool: ProcessPoolExecutor, tell: Callable[[str], None]) -> int:
        """Returns how many cells are left when the time is over."""
        waiting, running, left = iter(missing), {}, len(missing)
        while True:
            while len(running) < self.place.jobs and time.monotonic() < self.place.deadline and (name := next(waiting, None)) is not None:
                running[pool.submit(_train_and_measure, self.cells[name], work / name / digest(self.cells[name]), self.measure)] = name
            if not running:
                break
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                name = running.pop(future)
                self._add(name, future.result())
                left -= 1
                row = next(row for row in self.rows() if row["cell"] == name)
                tell(f"{self.name}: {name}  {row.get('problem') or format(row['accuracy'], '.2%')}  ({row['seconds']:.0f} s, {left} to go)")
        return left

    def _done(self) -> set[str]:
        return {row["cell"] for row in read_table(self.folder / "runs.csv") if row["cell"] in self.cells and row["settings"] == digest(self.cells[row["cell"]])}

    def _add(self, cell: str, found: dict[str, Rows]) -> None:
        """The other tables first: the row in runs.csv says that all is there."""
        head = {"cell": cell, "settings": digest(self.cells[cell])}
        for table in sorted(self.tables, key=lambda name: name == "runs"):
            kept = [row for row in read_table(self.folder / f"{table}.csv") if row["cell"] != cell]
            write_table(self.folder / f"{table}.csv", [*kept, *({**(head if table == "runs" else {"cell": cell}), **row} for row in found.get(table, ()))])


def _die_with(parent: int) -> None:
    """A worker whose parent is killed would go on for hours; one that is interrupted is stopped by its parent, without a word."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _train_and_measure(config: Config, folder: Path, measure: Callable) -> dict[str, Rows]:
    begin = time.perf_counter()
    try:
        run = ns.snn.train(config, out=folder, resume=True)
    except DivergedError as error:
        return {"runs": [{**settings(config), "accuracy": float("nan"), "seconds": time.perf_counter() - begin, "problem": str(error).split(": ", 1)[-1]}]}
    found, trained = measure(run), time.perf_counter() - begin
    found["runs"][0]["seconds"] = round(trained, 1)
    return found


# ---- tables -----------------------------------------------------------------------------------


def settings(config: Config) -> dict:
    """The columns that say what a run was."""
    names = ("data", "model", "method", "sparsity", "epochs", "batch", "lr", "weight_decay", "seed")
    return {**{name: getattr(config, name) for name in names}, "hidden": "-".join(map(str, config.hidden)),
            "options": "; ".join(f"{key}={value}" for key, value in config.options.items()), "problem": ""}


def digest(config: Config) -> str:
    """A short name of all settings but where the data lie."""
    return hashlib.sha256(to_toml(config.replace(folder="")).encode()).hexdigest()[:10]


def read_table(path: Path) -> Rows:
    """The rows of a CSV, numbers as numbers, what is empty as None; none if the file is not there yet."""
    if not path.exists():
        return []
    rows = []
    try:
        with open(path, newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            for row in reader:
                if None in row or None in row.values():
                    raise ns.FileError(f"{path}:{reader.line_num}: expected {len(reader.fieldnames)} columns")
                rows.append({key: text if key in TEXTS else _value(text) for key, text in row.items()})
    except (ValueError, csv.Error, OSError) as error:
        raise ns.FileError(f"{path}: no table ({error})") from None
    return rows


def write_table(path: Path, rows: Rows) -> None:
    """Write rows as CSV; columns in the order in which they first come."""
    names = list(dict.fromkeys(key for row in rows for key in row))
    out = io.StringIO()
    writer = csv.DictWriter(out, names, lineterminator="\n", restval="")
    writer.writeheader()
    writer.writerows({key: _short(value) for key, value in row.items()} for row in rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(out.getvalue().encode(), path)


def _value(text: str):
    if text == "":
        return None
    try:
        return int(text) if text.lstrip("-").isdigit() else float(text)
    except ValueError:
        return text


def _short(value):
    return f"{value:.6g}" if isinstance(value, float) else value


# ---- where it came from -----------------------------------------------------------------------


def note_provenance(folder: Path) -> None:
    """Add a line to provenance.txt: command, version, machine."""
    with open(folder / "provenance.txt", "a") as file:
        file.write(provenance() + "\n")


def provenance() -> str:
    """Command, version, machine in one line."""
    import numpy
    import torch

    module = getattr(sys.modules.get("__main__"), "__spec__", None)
    command = " ".join(["python -m", module.name if module else "?", *sys.argv[1:]])
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=ROOT, capture_output=True, text=True).stdout.strip() or "no checkout"
    return (f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC | {command} | netsnn {ns.__version__} ({commit}) | Python {platform.python_version()}, NumPy {numpy.__version__}, "
            f"PyTorch {torch.__version__} | {cpu()}, {os.cpu_count()} cores, one thread a run | seeds: column seed")


@contextmanager
def environment(values: dict[str, str]):
    """What workers inherit, before they load torch."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


@contextmanager
def alone(folder: Path):
    """One sitting at a time."""
    with open(folder / ".lock", "w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SystemExit(f"{folder}: another process is at work on this study") from None
        yield


def arguments_of(description: str, more: Iterable[tuple] = ()) -> tuple[argparse.Namespace, Place]:
    """The options that all studies share."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=2, help="runs at a time (default 2)")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no run after so many; the next call goes on")
    parser.add_argument("--report", action="store_true", help="only make figures and tables of the runs that are done")
    parser.add_argument("--quick", action="store_true", help="a small version, in runs/quick")
    for name, options in more:
        parser.add_argument(name, **options)
    found = parser.parse_args()
    place = Place(jobs=found.jobs, deadline=time.monotonic() + 60 * found.minutes)
    if found.quick:
        place = Place(ROOT / "runs" / "quick" / "results", ROOT / "runs" / "quick", found.jobs, place.deadline)
    return found, place


def command(description: str, study: Callable[[Place, bool], Study], report: Callable[[Study], object], before: Callable[[Place, bool], Study] | None = None) -> None:
    """The command of a study: what is missing (`before`: of another one first), unless --report, then its page."""
    arguments, place = arguments_of(description)
    if not arguments.report and (before is None or before(place, arguments.quick).run()):
        study(place, arguments.quick).run()
    found = study(place, arguments.quick)
    report(found)
    print(f"Report: {(found.folder / 'README.md').relative_to(ROOT)}")
