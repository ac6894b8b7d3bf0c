"""Faults on purpose: real kills at random moments, full disks and folders that nobody may write into; what is left, and whether going on gives the same bits.

    python -m analysis.reliability [--kills 210] [--jobs 2] [--seed 0]

A kill is a SIGKILL to a whole process group that was alive: `netsnn train`, `netsnn study`, or a script that records a history or writes files. Afterwards its folder
is read as a user would, the same command goes on (perhaps to the next kill), and what it ends with is compared bit for bit with a run that nobody disturbed. Kills
that are done stand in analysis/results/reliability/kills.csv: interrupted, the same command goes on from there; another seed adds more (delete the folder to begin anew).
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import ctypes
import functools
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import netsnn as ns
from analysis.runs import ONE_THREAD, ROOT, Rows, note_provenance, read_table, write_table
from netsnn.io.atomic import write_bytes

__all__ = ["SHOTS", "TASKS", "Task", "Whole", "full_disk", "kill_and_resume", "killings", "page", "read_only"]

RESULTS = ROOT / "analysis" / "results" / "reliability"
MOST_IN_A_ROW = 4
ENVIRONMENT = {**ONE_THREAD, "SOURCE_DATE_EPOCH": "0", "PYTHONDONTWRITEBYTECODE": "1", "MPLBACKEND": "Agg"}  # a PDF knows when it was made


# ---- what is killed ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Task:
    """Work in a folder: the command that begins it and goes on with it, all that the folder says in the end, and what it says at any other moment.

    `look(folder, whole)` gives how far the work has come, and raises a Violation where a reader would be deceived.
    """

    name: str
    share: float
    """Of all kills."""
    command: Callable[[Path], list[str]]
    content: Callable[[Path], dict[str, bytes]]
    look: Callable[[Path, dict[str, bytes]], str]


@dataclass(frozen=True)
class Whole:
    """What a task ends with if nobody disturbs it, and how long it takes."""

    content: dict[str, bytes]
    seconds: float


class Violation(Exception):
    """What must not be."""


def train(folder: Path, *more: str) -> list[str]:
    words = "--hidden 30 --sparsity 0.9 --steps 3 --batch 40 --epochs 25 --seed 5 --quiet --set samples=120 --set test_samples=60 --set calibration=50"
    return [sys.executable, "-m", "netsnn.cli", "train", "--resume", "--out", str(folder), *words.split(), *more]


STUDY = """
networks = ["karate.edges", "davis_southern_women.edges"]
methods = ["l3", "ch3_l3", "katz", "spm"]
metrics = ["precision"]
repeats = 8
"""


def study(folder: Path, jobs: int) -> list[str]:
    file = folder.parent / "study.toml"
    if not file.exists():
        for name in ("karate.edges", "davis_southern_women.edges"):
            shutil.copy(ROOT / "data" / name, file.parent / name)
        write_bytes(STUDY.encode(), file)
    return [sys.executable, "-m", "netsnn.cli", "study", str(file), "--jobs", str(jobs), "--out", str(folder)]


HISTORY = """
import sys
import numpy as np
import netsnn as ns

def layers(seed):
    rng = np.random.default_rng(seed)
    links = [np.unique(rng.integers(0, n_in * n_out, 3000)) for n_in, n_out in ((300, 200), (200, 100))]
    return {name: ns.Layer.from_edges(*np.divmod(ids, n_out), (n_in, n_out)) for name, ids, n_in, n_out in zip(("a", "b"), links, (300, 200), (200, 100))}

def record(step, seed, note=""):
    found = layers(seed)
    history.record(found, step=step, weights=[np.random.default_rng(seed).normal(size=layer.n_links) for layer in found.values()], scalars={"accuracy": 1 / seed},
                   removed={"a": {"magnitude": ([step], [0])}}, note=note)

def counts(layer):
    return {"links": layer.n_links, "largest": int(layer.in_degrees.max())}

history = ns.History(sys.argv[1] + "/history")
if len(history) and history[-1].note:  # cut off before it was taken back
    history.rewind(int(history.steps[-1]) - 1)
for step in range(int(history.steps[-1]) + 1 if len(history) else 0, 80):
    if step % 8 == 7:
        record(step, 1000 + step, "to be taken back")
        history.rewind(step - 1)
    record(step, 1 + step)
table = history.frame(counts)
ns.io.write_text("\\n".join(f"{step} {layer} {links} {largest}" for step, layer, links, largest in zip(table["step"], table["layer"], table["links"], table["largest"])) + "\\n",
                 sys.argv[1] + "/table.txt")
"""

WRITING = """
import sys, os
import numpy as np
import netsnn as ns

os.makedirs(sys.argv[1], exist_ok=True)
for version in range(60):  # each in the place of the one before
    rng = np.random.default_rng(version)
    layer = ns.Layer.from_edges(*np.divmod(rng.choice(40000, 2000 + version, replace=False), 200), (200, 200))
    for ending in ("npz", "edges", "graphml"):
        ns.write(layer, f"{sys.argv[1]}/layer.{ending}", weights=rng.normal(size=layer.n_links))
"""


def content_of_training(folder: Path) -> dict[str, bytes]:
    import torch

    checkpoint = torch.load(folder / "checkpoint.pt", weights_only=True)
    found = {f"checkpoint.pt {name}": value for name, value in flat(checkpoint)}
    return found | {name: (folder / name).read_bytes() for name in ("log.csv", "config.toml")} | content_of_history(folder) | {"files": repr(visible(folder, 1)).encode()}


def content_of_history(folder: Path) -> dict[str, bytes]:
    """The index but for the random parts of file names, and every byte of each snapshot."""
    head, *lines = (folder / "history" / "index.jsonl").read_bytes().splitlines()
    found = {"index.jsonl": head}
    for line in lines:
        entry = json.loads(line)
        file = entry.pop("file")
        found[f"snapshot {entry['step']}"] = json.dumps(entry).encode() + (folder / "history" / "snapshots" / file).read_bytes()
    return found | ({"table.txt": (folder / "table.txt").read_bytes()} if (folder / "table.txt").exists() else {})


def content_of_files(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in visible(folder)}


def look_at_training(folder: Path, whole: dict[str, bytes]) -> str:
    if not (folder / "config.toml").exists():
        expect(not visible(folder), "files without settings")
        return "nothing"
    expect((folder / "config.toml").read_bytes() == whole["config.toml"], "config.toml is not whole")
    log = (folder / "log.csv").read_bytes() if (folder / "log.csv").exists() else b""
    expect(whole["log.csv"].startswith(log) and (not log or log.endswith(b"\n")), "log.csv is no beginning of the whole")
    history = look_at_snapshots(folder, whole)
    if not (folder / "checkpoint.pt").exists():
        expect(not log, "a log without a checkpoint")
        refused(lambda: ns.snn.open_run(folder), f"{folder / 'checkpoint.pt'}: No such file or directory")
        return "settings"
    run = ns.snn.open_run(folder)
    said = [{key: str(value) for key, value in row.items()} for row in run.log]
    rows = list(csv.DictReader(io.StringIO(whole["log.csv"].decode())))
    expect(said == rows[:len(said)], "the checkpoint's log is no beginning of the whole")
    expect(len(said) - len(list(csv.DictReader(io.StringIO(log.decode())))) in (0, 1), "log.csv is not that of the checkpoint or of the one before")
    expect((run.log[-1]["step"] if run.log else 0) in history.steps, "the history lacks the checkpoint's snapshot")
    return "all" if len(said) == len(rows) else f"epoch {len(said)}"


def look_at_snapshots(folder: Path, whole: dict[str, bytes]) -> ns.History:
    """Every snapshot in the index can be read, and is the whole run's; one that is to be taken back may be the last."""
    history = ns.History(folder / "history")
    for snapshot in history:
        _ = snapshot.layers, snapshot.weights, snapshot.removed, snapshot.grown, snapshot.dead
        if snapshot.note:
            expect(snapshot.number == len(history) - 1, "a snapshot that is to be taken back is followed by another")
            continue
        entry = json.loads((folder / "history" / "index.jsonl").read_bytes().split(b"\n")[1 + snapshot.number])
        entry.pop("file")
        expect(json.dumps(entry).encode() + snapshot.path.read_bytes() == whole[f"snapshot {snapshot.step}"], f"the snapshot of step {snapshot.step} is another")
    return history


def look_at_history(folder: Path, whole: dict[str, bytes]) -> str:
    history = look_at_snapshots(folder, whole)
    if (folder / "table.txt").exists():
        expect((folder / "table.txt").read_bytes() == whole["table.txt"], "table.txt is not whole")
        return "all"
    return f"{len(history)} snapshots" if len(history) else "nothing"


def look_at_study(folder: Path, whole: dict[str, bytes]) -> str:
    from netsnn.linkpred.studies.result import read_study

    names = visible(folder)
    for name in names:
        expect((folder / name).read_bytes() == whole.get(name), f"{name} is not whole")
    if "study.json" not in names:
        expect(not names, "cells without a plan")
        refused(lambda: read_study(folder), f"{folder / 'study.json'}: No such file or directory")
        return "nothing"
    result, cells = read_study(folder), sum(name.startswith("cells/") for name in names)
    expect(len(result.records) == cells, "read_study passes over a cell")
    result.means("precision")
    made = sum(name.startswith(("tables/", "figures/")) or name == "cells.csv" for name in names)
    return "all" if len(names) == len(whole) else f"all cells, {made} tables and figures" if made else f"{cells} cells"


def look_at_files(folder: Path, whole: dict[str, bytes]) -> str:
    versions = []
    for name in visible(folder):
        layer, weights = ns.read(folder / name, weights=True)
        versions.append(layer.n_links - 2000)
        rng = np.random.default_rng(versions[-1])
        made = ns.Layer.from_edges(*np.divmod(rng.choice(40000, layer.n_links, replace=False), 200), (200, 200))
        drawn = [rng.normal(size=layer.n_links) for _ in ("npz", "edges", "graphml")][("npz", "edges", "graphml").index(name.split(".")[1])]
        expect(made == layer and (drawn == weights).all(), f"{name} is no version that was ever written")
    expect(not versions or max(versions) - min(versions) <= 1, "files of versions far apart")
    return ("all" if versions.count(59) == 3 else f"version {max(versions)}") if versions else "nothing"


TASKS = {task.name: task for task in (
    Task("train ch-snn", 0.12, lambda folder: train(folder, "--compute", "links"), content_of_training, look_at_training),
    Task("train rigl, events within epochs", 0.10, lambda folder: train(folder, "--method", "rigl", "--set", "options.every=2"), content_of_training, look_at_training),
    Task("train deep-r, without events", 0.08, lambda folder: train(folder, "--method", "deep-r", "--set", "snapshots=true"), content_of_training, look_at_training),
    Task("study, one process", 0.10, lambda folder: study(folder, 1), content_of_files, look_at_study),
    Task("study, two processes", 0.10, lambda folder: study(folder, 2), content_of_files, look_at_study),
    Task("history", 0.30, lambda folder: [sys.executable, "-c", HISTORY, str(folder)], content_of_history, look_at_history),
    Task("files", 0.20, lambda folder: [sys.executable, "-c", WRITING, str(folder)], content_of_files, look_at_files))}


# ---- kills ------------------------------------------------------------------------------------


def undisturbed(task: Task, folder: Path) -> Whole:
    """Done twice, for two undisturbed runs must agree; the time of the second counts, which finds every file of Python's and the kernels' in memory."""
    found = []
    for number in range(2):
        out, begin = folder / f"whole{number}" / "out", time.monotonic()
        out.parent.mkdir(parents=True)
        done = run(task.command(out))
        if done.returncode:
            raise SystemExit(f"{task.name} fails undisturbed: {done.stderr}")
        found.append(Whole(task.content(out), time.monotonic() - begin))
    expect(not (differ := differences(found[0].content, found[1].content)), f"{task.name}: two undisturbed runs differ in {differ}")
    expect(task.look(out, found[1].content) == "all", f"{task.name}: the whole is not seen as such")
    return found[1]


def kill_and_resume(task: Task, whole: Whole, folder: Path, seed: object, most: int = MOST_IN_A_ROW) -> Rows:
    """Kill the task once or several times in a row, look each time, then let it finish; a row a kill that hit."""
    rng, out, rows = np.random.default_rng(seed), folder / "out", []
    out.parent.mkdir(parents=True)
    for _ in range(int(rng.integers(1, most + 1))):
        how, before = "a write" if rng.random() < 0.4 else "a time", leftovers(out)
        row = kill(task.command(out), out, how, float(rng.random()) * whole.seconds, int(rng.integers(1, 60)))
        if row is None:  # it was faster: nothing was killed
            break
        row |= {"within": within(out, before), "state": "", "problem": ""}
        try:
            row["state"] = task.look(out, whole.content)
        except Exception as error:
            row["problem"] = f"{type(error).__name__}: {error}".replace(str(folder), "")
        rows.append(row)
    done = run(task.command(out))
    try:
        differ = differences(task.content(out), whole.content) if not done.returncode else [" ".join(done.stderr.split())]
    except Exception as error:
        differ = [f"{type(error).__name__}: {error}"]
    for row in rows:
        row |= {"identical": "no" if differ else "yes", "differ": "; ".join(differ[:3]), "leftovers": len(leftovers(out))}
    return rows


def kill(command: list[str], out: Path, how: str, seconds: float, writes: int) -> dict | None:
    """SIGKILL to the whole group of a command: after so many seconds, or when a file is being written for the n-th time, as far as one sees. None if it ended before."""
    begin, seen, last, before = time.monotonic(), 0, None, leftovers(out)
    with open(os.devnull, "wb") as null:
        process = subprocess.Popen(command, stdout=null, stderr=null, start_new_session=True, cwd=ROOT, env={**os.environ, **ENVIRONMENT})
    if how == "a time":
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(seconds)
    else:
        while process.poll() is None and seen < writes:
            time.sleep(0.0003)
            now = next((path for path in leftovers(out) if path.name.startswith(".netsnn-") and path not in before), None)
            if now is not None and now != last:
                seen, last = seen + 1, now
            if now is None:
                time.sleep(0.001)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    return {"how": how, "seconds": round(time.monotonic() - begin, 3)} if process.wait() == -signal.SIGKILL else None


def killings(tasks: list[Task], kills: int, jobs: int, seed: int, folder: Path, results: Path, tell: Callable[[str], None] = print) -> Rows:
    """As many kills as asked, shared out over the tasks; rows of kills.csv with this seed count, and trials that are missing are added."""
    path, known = results / "kills.csv", read_table(results / "kills.csv")
    others, rows = [row for row in known if row["seed"] != seed], [row for row in known if row["seed"] == seed]
    total = sum(task.share for task in tasks)
    quota = {task.name: max(1, round(kills * task.share / total)) for task in tasks}
    while sum(quota.values()) < kills:
        quota[min(quota, key=quota.__getitem__)] += 1
    count = lambda name: sum(row["task"] == name for row in rows)
    tasks = [task for task in tasks if count(task.name) < quota[task.name]]
    if not tasks:
        return rows
    with ThreadPoolExecutor(jobs) as pool:
        wholes = dict(zip((task.name for task in tasks), pool.map(lambda task: undisturbed(task, folder / task.name), tasks)))
        tell("undisturbed: " + "; ".join(f"{name} {whole.seconds:.1f} s" for name, whole in wholes.items()))
        trial = {task.name: max((row["trial"] for row in rows if row["task"] == task.name), default=0) for task in tasks}
        running: dict = {}
        while True:
            for task in sorted(tasks, key=lambda task: count(task.name) / quota[task.name]):
                under_way = sum(name == task.name for name, _ in running.values())
                if len(running) < jobs and count(task.name) + under_way < quota[task.name]:
                    trial[task.name] += 1
                    place = folder / task.name / str(trial[task.name])
                    mixed = [seed, trial[task.name], *task.name.encode()]
                    running[pool.submit(kill_and_resume, task, wholes[task.name], place, mixed)] = task.name, trial[task.name]
            if not running:
                return rows
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                name, number = running.pop(future)
                found = [{"seed": seed, "task": name, "trial": number, **row} for row in future.result()]
                rows += found
                write_table(path, others + rows)
                bad = [row for row in found if row["problem"] or row["identical"] == "no"]
                if not bad:
                    shutil.rmtree(folder / name / str(number))
                for row in found:
                    tell(f"{len(rows)}/{sum(quota.values())}  {name}, killed at {row['how']} after {row['seconds']:.2f} s: {row['state'] or row['problem']}"
                         f"{', in the middle of ' + row['within'] if row['within'] else ''}; identical: {row['identical']} {row['differ']}")


# ---- full disks and closed folders ------------------------------------------------------------


def one_file(words: str, name: str) -> Task:
    """A command that writes one file, in the place of an older one."""
    command = lambda folder: [sys.executable, "-m", "netsnn.cli", *(word.replace("DATA", str(ROOT / "data")).replace("OUT", str(folder / name)) for word in words.split())]

    def look(folder: Path, whole: dict[str, bytes]) -> str:
        there = content_of_files(folder)
        expect(there in ({name: b"older"}, {name: whole[name]}, {}), f"{name} is neither the older nor the new one")
        return "all" if there == whole else "older" if there else "nothing"

    return Task(words.split(" OUT")[0].removesuffix(" -o").replace("DATA/", ""), 0, command, content_of_files, look)


ONE_FILE = [one_file("predict DATA/celegans_neuromuscular.edges --method ch3_l3 --top 2000 -o OUT", "links.csv"),
            one_file("convert DATA/celegans_neuromuscular.edges OUT", "worm.graphml"),
            one_file("plot DATA/celegans_neuromuscular.edges --figure degrees -o OUT", "degrees.pdf"),
            one_file("report DATA/run -o OUT", "report.html")]
SHOTS = [*(TASKS[name] for name in ("train ch-snn", "study, one process", "history", "files")), *ONE_FILE]
"""What is tried on a full disk and in a closed folder."""


def full_disk(tasks: list[Task], folder: Path, tell: Callable[[str], None] = print, shares: tuple[float, ...] = (0, 0.3, 0.8)) -> Rows:
    """Each task on a small disk of its own, of which a file leaves free only a share of what the task needs; then the file goes, and the same command goes on."""
    rows = []
    for task in tasks:
        whole = reference(task, folder / "whole")
        size = sum(-(-path.stat().st_size // 4096) * 4096 for path in (folder / "whole" / "out").rglob("*") if path.is_file())
        for share in shares:
            with disk(folder / "disk") as place:
                out, filler = prepared(task, place), place / "filler"
                before = state_of(out)
                with open(filler, "wb") as file:
                    while (free := os.statvfs(place).f_bavail * 4096 - int(share * size)) > 0:
                        file.write(bytes(min(free, 1 << 20)))
                        file.flush()
                row = failing(task, out, whole, before, "No space left on device")
                filler.unlink()
                rows.append({"what": "full disk", "task": task.name, "room": f"{share:.0%}", **row, **going_on(task, out, whole)})
                tell(say(rows[-1]))
        shutil.rmtree(folder / "whole")
    return rows


def read_only(tasks: list[Task], folder: Path, tell: Callable[[str], None] = print, mounts: bool = True) -> Rows:
    """Each task in a folder that it may not write into (without root's right to pass), from nothing and half done; and on a disk that is mounted for reading."""
    rows = []
    for task in tasks:
        whole = reference(task, folder / "whole")
        several = task not in ONE_FILE
        for what, half in [("read-only folder", False), *([("read-only folder", True)] if several else []), *([("read-only disk", several)] if mounts else [])]:
            with disk(folder / "disk") if what == "read-only disk" else fresh(folder / "closed") as place:
                out = prepared(task, place)
                if half:
                    kill(task.command(out), out, "a write", 0, 4)
                task.command(out)  # what it needs beside the folder
                before = state_of(out)
                closed = [place, *(path for path in place.rglob("*") if path.is_dir())]
                if what == "read-only disk":
                    subprocess.run(["mount", "-o", "remount,ro", str(place)], check=True)
                else:
                    for path in closed:
                        path.chmod(0o555)
                row = failing(task, out, whole, before, "Read-only file system" if what == "read-only disk" else "Permission denied", powerless=what == "read-only folder")
                if what == "read-only disk":
                    subprocess.run(["mount", "-o", "remount,rw", str(place)], check=True)
                else:
                    for path in closed:
                        path.chmod(0o755)
                rows.append({"what": what, "task": task.name, "room": "half done" if half else "", **row, **going_on(task, out, whole)})
                tell(say(rows[-1]))
        shutil.rmtree(folder / "whole")
    return rows


def reference(task: Task, folder: Path) -> dict[str, bytes]:
    out = prepared(task, folder)
    done = run(task.command(out))
    if done.returncode:
        raise SystemExit(f"{task.name} fails undisturbed: {done.stderr}")
    return task.content(out)


def prepared(task: Task, place: Path) -> Path:
    """Where a task shall work; a command that writes one file finds an older one there."""
    out = place / "out"
    (out if task.name == "files" else place).mkdir(parents=True, exist_ok=True)
    if task in ONE_FILE:
        out.mkdir()
        (out / Path(task.command(out)[-1]).name).write_bytes(b"older")
    task.command(out)
    return out


def failing(task: Task, out: Path, whole: dict[str, bytes], before: dict[str, bytes], reason: str, powerless: bool = False) -> dict:
    """What the command says and leaves where it cannot write. `clear`: exit code 1, one line with the reason, nothing deceives, what was there is still there."""
    done = run(task.command(out), powerless)
    script, lines = "-c" in task.command(out), done.stderr.strip().splitlines()  # of a user's script Python shows where it was
    row = {"code": done.returncode, "message": "".join(lines[-1:]).replace(str(out.parent), ".").removeprefix("netsnn.errors.FileError: ").removeprefix("netsnn: error: "),
           "state": "", "problem": ""}
    try:
        row["state"] = task.look(out, whole)
        expect(done.returncode == 1 and lines and reason in lines[-1] and (script or len(lines) == 1), "not one line with the reason, and exit code 1")
        expect(not script or lines[-1].startswith("netsnn.errors.FileError: "), "not a FileError")
        expect({str(path.relative_to(out)) for path in leftovers(out)} <= before.keys(), "a half-written file lies there")
        if reason != "No space left on device" or task in ONE_FILE:
            expect(state_of(out) == before, "what was there is changed")
    except Exception as error:
        row["problem"] = f"{type(error).__name__}: {error}"
    return row


def going_on(task: Task, out: Path, whole: dict[str, bytes]) -> dict:
    done = run(task.command(out))
    differ = differences(task.content(out), whole) if not done.returncode else [" ".join(done.stderr.split())]
    return {"identical": "no" if differ else "yes", "differ": "; ".join(differ[:3])}


@contextlib.contextmanager
def disk(place: Path):
    """A small disk in memory."""
    place.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m,mode=755", "netsnn-reliability", str(place)], capture_output=True, text=True)
    if done.returncode:
        raise CannotMount(done.stderr.strip())
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


class CannotMount(Exception):
    """Mounting is for root, and not in every container."""


@contextlib.contextmanager
def fresh(place: Path):
    place.mkdir(parents=True)
    try:
        yield place
    finally:
        shutil.rmtree(place)


# ---- helpers ----------------------------------------------------------------------------------


def run(command: list[str], powerless: bool = False) -> subprocess.CompletedProcess:
    """A command to its end; `powerless`: without the right of root to write anywhere."""
    def give_up() -> None:
        for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH: what lets root pass
            ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP: the command that begins now has it no more

    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env={**os.environ, **ENVIRONMENT}, preexec_fn=give_up if powerless and not os.getuid() else None)


def expect(true: object, what: str) -> None:
    if not true:
        raise Violation(what)


def refused(function: Callable, message: str) -> None:
    """A reader must say what is missing."""
    try:
        function()
    except ns.NetsnnError as error:
        expect(str(error) == message, f"says {str(error)!r}")
    else:
        raise Violation("a reader took it for whole")


def flat(value, name: str = ""):
    """Everything in nested dicts and lists by name, as bytes."""
    if isinstance(value, dict):
        yield f"{name} keys", repr(list(value)).encode()
    if isinstance(value, (dict, list, tuple)):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from flat(part, f"{name}.{key}")
    elif hasattr(value, "numpy"):
        array = value.numpy()
        yield name, f"{array.dtype} {array.shape} ".encode() + array.tobytes()
    else:
        yield name, repr(value).encode()


def visible(folder: Path, depth: int = 9) -> list[str]:
    """Names of the files that a user sees."""
    paths = folder.rglob("*") if depth > 1 else folder.glob("*")
    return sorted(str(path.relative_to(folder)) for path in paths if not path.name.startswith(".") and (path.is_file() or depth == 1))


def leftovers(folder: Path) -> list[Path]:
    """Files that a killed writer left: under temporary names, or snapshots that no index knows."""
    found = []
    for place, _, names in os.walk(folder):
        found += [Path(place, name) for name in names if name.startswith(".netsnn-")]
        if os.path.basename(place) == "snapshots":
            index = Path(place).parent / "index.jsonl"
            listed = index.read_text() if index.exists() else ""
            found += [Path(place, name) for name in names if name.endswith(".npz") and name not in listed]
    return found


def within(folder: Path, before: list[Path]) -> str:
    """What a kill fell into, as far as the disk tells."""
    found = [path for path in leftovers(folder) if path not in before]
    if any(path.name.startswith(".netsnn-") for path in found):
        return "a file"
    index = folder / "history" / "index.jsonl"
    if index.exists() and not index.read_bytes().endswith(b"\n"):
        return "a line of the index"
    return "a snapshot" if found else ""


def state_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def differences(one: dict[str, bytes], other: dict[str, bytes]) -> list[str]:
    return sorted(key for key in {*one, *other} if one.get(key) != other.get(key))


def say(row: dict) -> str:
    return f"{row['what']} {row['room']}, {row['task']}: {row['problem'] or 'clear'}: {row['message']}; left: {row['state']}; identical afterwards: {row['identical']} {row['differ']}"


# ---- the page ---------------------------------------------------------------------------------


def page(kills: Rows, faults: Rows, skipped: str, by: str) -> str:
    """The report as Markdown."""
    bad = [row for row in (*kills, *faults) if row["problem"] or row["identical"] != "yes"]
    middle = sum(bool(row["within"]) for row in kills)
    trials = lambda rows: len({(row["seed"], row["task"], row["trial"]) for row in rows})
    lines = ["# Faults on purpose", "", f"{len(kills)} real kills, {len(faults)} runs on full disks and in closed folders: " + (f"**{len(bad)} violations**, see below." if bad else
             "**no violation**; everything that went on ended with the same bits as an undisturbed run."), "",
             "Made by `python -m analysis.reliability` (`analysis/reliability.py`); every kill and every other fault has a line in "
             "[kills.csv](results/reliability/kills.csv) and [disks.csv](results/reliability/disks.csv).", "", f"{by}", "", "## Kills", "",
             f"{len(kills)} times SIGKILL hit the whole process group of a living command, in {trials(kills)} trials of up to {MOST_IN_A_ROW} kills in a row. "
             f"{sum(row['how'] == 'a time' for row in kills)} kills came at a moment drawn uniformly over the time that an undisturbed run takes, from the first import to the last table; "
             f"{sum(row['how'] == 'a write' for row in kills)} when a temporary file was seen to be written for the n-th time, n drawn. {middle} fell visibly into the middle of "
             "a write (a half-written temporary file, a torn last line of an index, or a snapshot not yet in the index).", "",
             "After each kill the folder was read as a user reads it (`open_run`, `History`, `read_study`, `ns.read`, every byte of every file beside the undisturbed run's): "
             "each file was whole or absent, and readers gave a consistent earlier state or said which file is missing. Then the same command went on.", "",
             "| task | trials | kills | before anything was written | when all was written | in the middle of a write | readers deceived | resumed runs that differ |",
             "|---|---:|---:|---:|---:|---:|---:|---:|"]
    for name in dict.fromkeys(row["task"] for row in kills):
        rows = [row for row in kills if row["task"] == name]
        states, failed = Counter(row["state"] for row in rows), trials(row for row in rows if row["identical"] != "yes")
        lines.append(f"| {name} | {trials(rows)} | {len(rows)} | {states['nothing']} | {states['all']} | {sum(bool(row['within']) for row in rows)} | "
                     f"{sum(bool(row['problem']) for row in rows)} | {failed} |")
    lines += ["", "Compared bit for bit: weights, masks, optimizer and evolver state, log and settings of trainings; every snapshot and its line of the index; all cells, tables and figures of "
              "studies; files. By nature different, and left out: the random part of the names of a history's snapshot files. PDF figures hold the date at which they were made: it was fixed by "
              "SOURCE_DATE_EPOCH. Nothing else: neither logs nor tables hold wall times.", "",
              f"A kill in the middle of a write leaves a hidden file (`.netsnn-...`) or a snapshot that no index knows, which no reader looks at. {sum(row['leftovers'] > 0 for row in kills)} of these "
              "kills belong to trials that ended with such a file: a later run in the same folder removes those that are older than an hour (a younger one may be another writer's). "
              "Beside a single file (`-o FILE`, `ns.write`) nobody removes them.", "", "## Full disks and closed folders", ""]
    if skipped:
        lines += [skipped, ""]
    if faults:
        lines += ["Full disk: a tmpfs of 16 MB of which a filler left free a share of what the task needs. Closed: a folder without write permission (the command runs without root's right to pass), at the beginning and after a "
                  "kill, and a disk mounted for reading. Asked of each: exit code 1, one line that names the file and the reason, no temporary file, nothing half-written, what was there untouched "
                  "(commands that write one file find an older one in its place); and with room or rights again the same command goes on to the same bits.", "",
                  "| fault | task | room | exit code | what it says | left behind | as asked | same bits afterwards |", "|---|---|---|---:|---|---|---|---|"]
        lines += [f"| {row['what']} | {row['task']} | {row['room'] or ''} | {row['code']} | {row['message']} | {row['state']} | {'**no**: ' + row['problem'] if row['problem'] else 'yes'} | "
                  f"{row['identical']} |" for row in faults]
    if bad:
        lines += ["", "## Violations", "", *(f"- {row['task']}: {row['problem'] or row['differ']}" for row in bad)]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=210)
    parser.add_argument("--jobs", type=int, default=2, help="trials at a time (default 2)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--report", action="store_true", help="only write the page of what is done")
    found = parser.parse_args()
    path, skipped = RESULTS / "disks.csv", "Full and read-only disks were skipped: mounting a tmpfs is not permitted here."
    tell = functools.partial(print, flush=True)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        if not found.report:
            killings(list(TASKS.values()), found.kills, found.jobs, found.seed, Path(folder), RESULTS, tell)
            with contextlib.suppress(CannotMount), disk(Path(folder) / "try"):
                skipped = ""
            if skipped:
                tell(skipped)
            rows = read_table(path)
            for task in [task for task in SHOTS if task.name not in {row["task"] for row in rows}]:
                rows += [*([] if skipped else full_disk([task], Path(folder) / "full", tell)), *read_only([task], Path(folder) / "closed", tell, not skipped)]
                write_table(path, rows)
            note_provenance(RESULTS)
    by = "\n".join(f"- {line}" for line in (RESULTS / "provenance.txt").read_text().splitlines())
    kills, faults = read_table(RESULTS / "kills.csv"), read_table(path)
    write_bytes(page(kills, faults, "" if any(row["what"] == "full disk" for row in faults) else skipped, by).encode(), ROOT / "analysis" / "reliability.md")
    bad = [row for row in (*kills, *faults) if row["problem"] or row["identical"] != "yes"]
    raise SystemExit(f"{len(bad)} violations" if bad else 0)


if __name__ == "__main__":
    main()
