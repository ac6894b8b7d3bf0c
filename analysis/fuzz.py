"""Bad input: every reader of netsnn is given spoiled files, until nothing comes back but a good value or one clear line.

    python -m analysis.fuzz [--inputs 100000] [--jobs 2] [--readers NAME ...] [--seed 0]
    python -m analysis.fuzz --readers NAME --only NUMBER        one input again, with its files kept

The inputs follow from the seed: input NUMBER of a reader is the same on every machine. Each is read in a worker process with a limit of memory, which
is watched for what it opens, writes, prints, warns of and runs. A finding is anything else than

- a value that is what its type promises (`analysis.fuzz_readers` checks it),
- an exception of the kinds that the reader names, in one line of at most 1,000 characters, none of them a control character, that says which file it is.

So a finding is any other exception, a crash, a hang, more than the memory or time that a small file may take, a warning, a byte on standard output or
error, a file written elsewhere, a file opened elsewhere, an unpickled global, a command or a connection. What was found is kept as files.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import ctypes
import faulthandler
import gc
import io
import json
import mmap
import os
import random
import re
import resource
import shutil
import signal
import struct
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
for _name, _value in (("OMP_NUM_THREADS", "1"), ("OPENBLAS_NUM_THREADS", "1"), ("NETSNN_THREADS", "1"), ("MPLBACKEND", "Agg")):
    os.environ.setdefault(_name, _value)  # before NumPy: workers are forked, and threads do not survive that

from analysis.fuzz_mutations import ESCAPED, bomb, spoil  # noqa: E402
from analysis.fuzz_readers import READERS, Broken, Files, Reader  # noqa: E402

__all__ = ["Finding", "Limits", "Report", "fuzz", "make_input", "main"]

MOST_LETTERS = 1000
STATE = struct.Struct("<QQQdddQ")
"""Of a worker: the input it is at, how many were accepted, refused, since when it is at it, the longest (seconds), the most memory (bytes), whether it is done."""


@dataclass(frozen=True)
class Limits:
    """What one input may take. A small file may claim ten million nodes, and is believed: that takes some 700 MB and two seconds."""

    memory: int = 2**30
    seconds: float = 10.0
    """Of the processor."""
    hang: float = 60.0
    """Of the clock: then the worker is killed."""


@dataclass(frozen=True)
class Finding:
    reader: str
    number: int
    kind: str
    text: str
    """What happened, in one line."""
    where: str
    """Of findings with the same kind and place one is kept as files, and the others counted."""


@dataclass
class Report:
    reader: str
    inputs: int = 0
    accepted: int = 0
    refused: int = 0
    reasons: int = 0
    """How many different refusals there were, numbers and quoted parts aside."""
    seconds: float = 0.0
    """Of the processor, in all workers."""
    longest: float = 0.0
    memory: int = 0
    findings: list[Finding] = field(default_factory=list)

    def row(self) -> dict[str, Any]:
        return {"reader": self.reader, "inputs": self.inputs, "accepted": self.accepted, "refused": self.refused, "findings": len(self.findings), "reasons": self.reasons,
                "inputs_per_second": round(self.inputs / max(self.seconds, 1e-9)), "longest_seconds": round(self.longest, 3), "peak_memory_mb": round(self.memory / 2**20)}


# ---- inputs -----------------------------------------------------------------------------------


def make_input(name: str, reader: Reader, seeds: list[Files], seed: int, number: int) -> Files:
    """Input `number`: a seed with one file, seldom two, spoiled a few times, or missing."""
    rng = random.Random(f"{seed} {name} {number}")
    files = dict(rng.choice(seeds))
    mine = [file for file in files if not reader.spoiled or file.startswith(reader.spoiled)]
    for file in rng.sample(mine, min(len(mine), 1 + (rng.random() < 0.1))):
        form = reader.form(file)
        others = [data for them in seeds for other, data in them.items() if other == file or reader.form(other) == form]
        for _ in range(1 + min(int(rng.expovariate(0.8)), 5)):
            files[file] = spoil(rng, form, files[file], others)
    if len(mine) > 1 and rng.random() < 0.01:
        del files[rng.choice(mine)]
    return files


# ---- one input --------------------------------------------------------------------------------


class Watch:
    """What the process does while an input is read."""

    def __init__(self, box: Path, reader: Reader) -> None:
        self.box, self.reader, self.on = f"{box}/", reader, False
        self.seen: list[str] = []
        self.known = tuple({f"{Path(part).resolve()}/" for part in (sys.prefix, sys.base_prefix, ROOT / "netsnn", ROOT / "analysis", ROOT / "tests")})
        sys.addaudithook(self.hook)

    def hook(self, event: str, arguments: tuple) -> None:
        if not self.on:
            return
        if event == "open":
            self.opened(*arguments)
        elif event in FORBIDDEN:
            self.seen.append(f"{event} {str(arguments)[:100]}")
        elif event in CHANGES:
            for path in arguments[:2]:
                if isinstance(path, (str, bytes, os.PathLike)) and not (self.reader.writes and self.inside(path)):
                    self.seen.append(f"{event} {os.fsdecode(path)[:100]}")

    def opened(self, path: Any, mode: Any, flags: Any) -> None:
        if isinstance(path, int) or path in (None, "<string>", "<unknown>"):  # there Python 3.12 and later look for the source line of a SyntaxError
            return
        inside = self.inside(path)
        if isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND) and not (inside and self.reader.writes):
            self.seen.append(f"open for writing {os.fsdecode(path)[:100]}")
        elif not inside and not self.reader.elsewhere and not os.path.realpath(os.fsdecode(path)).startswith((*self.known, "/proc/", "/sys/", "/usr/lib", "/dev/null", "/dev/urandom")):
            self.seen.append(f"open {os.fsdecode(path)[:100]}")

    def inside(self, path: Any) -> bool:
        path = os.path.normpath(os.path.join(os.getcwd(), os.fsdecode(path)))
        return f"{path}/".startswith(self.box)


FORBIDDEN = {"os.system", "os.exec", "os.posix_spawn", "os.spawn", "subprocess.Popen", "os.fork", "os.forkpty", "pickle.find_class", "socket.connect", "socket.getaddrinfo", "ctypes.dlopen", "urllib.Request", "os.putenv", "os.kill"}
CHANGES = {"os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.chmod", "os.chown", "os.truncate", "shutil.rmtree", "shutil.move", "shutil.copyfile", "os.mkfifo", "os.mknod", "tempfile.mkstemp"}


class Box:
    """The folder that holds an input's files; only what differs from the last input is written."""

    def __init__(self, folder: Path, writes: bool) -> None:
        self.folder, self.writes = folder, writes
        self.held: Files = {}
        folder.mkdir()

    def put(self, files: Files) -> None:
        if self.writes:
            shutil.rmtree(self.folder)
            self.folder.mkdir()
            self.held = {}
        for name in self.held.keys() - files.keys():
            os.unlink(f"{self.folder}/{name}")
        for name, data in files.items():
            if self.held.get(name) is not data:
                path = f"{self.folder}/{name}"
                if "/" in name and name not in self.held:
                    os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, "wb", buffering=0) as file:
                    file.write(data)
        self.held = files


def judge(reader: Reader, box: Path, files: Files) -> tuple[str, str, str]:
    """(accepted, refused or the kind of finding; the message; where in the code it came from)."""
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            reader.read(box, files)
            found = "accepted", "", ""
        except reader.errors as error:
            message = str(error)
            reason = unclear(message, (str(box), ESCAPED) if reader.elsewhere else (str(box),)) or starved(error)
            found = (reason or "refused"), message, place(error) if reason else ""
        except Broken as error:
            found = "broken value", str(error), place(error)
        except Exception as error:
            found = "exception", f"{type(error).__name__}: {error}", place(error)
        except BaseException as error:  # pyo3's panics, SystemExit
            found = "exit", f"{type(error).__name__}: {error}", place(error)
    if warned:
        return "warning", f"{warned[0].category.__name__}: {warned[0].message}", f"{Path(warned[0].filename).name}:{warned[0].lineno}"
    return found


def unclear(message: str, places: tuple[str, ...]) -> str:
    """What is wrong with a message, if anything is."""
    if len(message.splitlines()) != 1 or not message.strip():
        return "not one line"
    if not any(path in message for path in places):
        return "no file named"
    if len(message) > MOST_LETTERS:
        return "a long message"
    if re.search(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]", message):
        return "control characters"
    return ""


def starved(error: BaseException | None) -> str:
    """Whether memory ran out on the way to a clean error: without the limit it would not have."""
    while error is not None:
        if isinstance(error, MemoryError) or isinstance(error, RuntimeError) and "allocate memory" in str(error):
            frames = traceback.extract_tb(error.__traceback__)
            if not (frames and (frames[-1].filename.endswith("/ast.py") or frames[-1].name == "check_memory")):  # Python's parser says it of nested brackets, netsnn before it asks for any
                return "memory"
        error = error.__context__
    return ""


def place(error: BaseException) -> str:
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "/netsnn/" in frame.filename] or traceback.extract_tb(error.__traceback__)
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""


# ---- a worker ---------------------------------------------------------------------------------


def work(name: str, reader: Reader, seeds: list[Files], seed: int, numbers: range, home: Path, state: mmap.mmap, limits: Limits, keep: bool) -> None:
    """Read the inputs of these numbers, one after the other; findings and reasons go to a file a line each."""
    box, empty = Box(home / "box", reader.writes), home / "empty"
    empty.mkdir()
    os.chdir(empty)
    faulthandler.disable()
    notes = open(home / "notes", "a")
    printed = os.open(home / "printed", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    for stream in (1, 2):
        os.dup2(printed, stream)
    sys.stdout = sys.stderr = io.TextIOWrapper(io.FileIO(printed, "w", closefd=False), write_through=True)
    expected, watch = {"box", "empty", "notes", "printed"}, Watch(home / "box", reader)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**28, 2**28))
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + 2 * limits.memory,) * 2)
    reasons: set[str] = set()
    _, accepted, refused, _, longest, memory, _ = STATE.unpack(state[:STATE.size])
    gc.collect()
    gc.freeze()
    base = _reset_peak()
    for number in numbers:
        state[:STATE.size] = STATE.pack(number, accepted, refused, time.monotonic(), longest, memory, 0)
        files = make_input(name, reader, seeds, seed, number)
        box.put(files)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        if peak > base + 16_000:
            base = peak = _reset_peak()
        begin = time.process_time()
        watch.on = True
        verdict, message, where = judge(reader, box.folder, files)
        watch.on = False
        took = time.process_time() - begin
        grown = 1024 * (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak)
        longest, memory = max(longest, took), max(memory, grown)
        if watch.seen:
            verdict, message, where = "deed", watch.seen[0], watch.seen[0].partition(" ")[0]
            watch.seen.clear()
        elif took > limits.seconds:
            verdict, message, where = "slow", f"{took:.1f} seconds ({message})", where
        elif grown > limits.memory:
            verdict, message, where = "memory", f"{grown / 2**20:.0f} MB ({message})", where
        elif os.fstat(printed).st_size:
            verdict, message, where = "printed", os.pread(printed, 300, 0).decode(errors="replace"), ""
            os.truncate(printed, 0)
            os.lseek(printed, 0, 0)
        elif set(os.listdir(home)) != expected or os.listdir(empty) or os.path.lexists(ESCAPED):
            verdict, message, where = "escape", f"{sorted(set(os.listdir(home)) - expected)} {os.listdir(empty)} {ESCAPED if os.path.lexists(ESCAPED) else ''}", ""
        if verdict in ("deed", "escape"):  # the next input shall not be blamed for it
            for path in (Path(ESCAPED), *(home / name for name in set(os.listdir(home)) - expected), *empty.iterdir()):
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        if keep:
            notes.write(json.dumps({"said": [verdict, message, where]}) + "\n")
        if verdict == "accepted":
            accepted += 1
        elif verdict == "refused":
            refused += 1
            reason = re.sub(r"'.*'|\".*\"|\d+", "_", message[message.find(str(box.folder)) + len(str(box.folder)):])[:80]
            if reason not in reasons:
                reasons.add(reason)
                notes.write(json.dumps({"reason": reason}) + "\n")
        else:
            notes.write(json.dumps({"finding": [number, verdict, " ".join(message.split())[:300].encode("ascii", "backslashreplace").decode(), where]}) + "\n")
            notes.flush()
    notes.close()
    state[:STATE.size] = STATE.pack(numbers[-1], accepted, refused, time.monotonic(), longest, memory, 1)


def _reset_peak() -> int:
    """Give free memory back, and forget the most that this process held so far; returns what it holds, in KB."""
    gc.collect()
    with contextlib.suppress(AttributeError, OSError):  # else what is freed but held may be used again unseen
        ctypes.CDLL(None).malloc_trim(0)
    with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w") as file:
        file.write("5")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


# ---- all inputs of a reader -------------------------------------------------------------------


@dataclass
class _Worker:
    pid: int
    numbers: range
    home: Path
    state: mmap.mmap


def fuzz(name: str, reader: Reader, inputs: int | range, *, seed: int = 0, jobs: int = 2, limits: Limits | None = None, keep: Path | None = None, tell: Callable[[Finding], None] | None = None) -> Report:
    """Give a reader its inputs; `keep` is where the files of findings go."""
    limits = limits or Limits()
    numbers = inputs if isinstance(inputs, range) else range(inputs)
    seeds, report, begin = reader.seeds(), Report(name, len(numbers)), _spent()
    for files in seeds:  # a seed that is refused would hide what lies behind; and what is loaded or compiled once is not counted
        with tempfile.TemporaryDirectory() as folder:
            Box(Path(folder) / "box", False).put(files)
            reader.read(Path(folder) / "box", files)
    with tempfile.TemporaryDirectory(prefix="netsnn-fuzz-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as root:
        share = -(-len(numbers) // jobs)
        workers = [_start(name, reader, seeds, seed, part, Path(root) / f"{i}-0", limits, None) for i in range(jobs) if (part := numbers[i * share:(i + 1) * share])]
        homes = {worker.home for worker in workers}
        while workers:
            time.sleep(0.02)
            for worker in list(workers):
                number, accepted, refused, since, longest, memory, done = STATE.unpack(worker.state[:STATE.size])
                ended, status = os.waitpid(worker.pid, os.WNOHANG)
                if not ended and time.monotonic() - since > limits.hang:
                    os.kill(worker.pid, signal.SIGKILL)
                    ended, status = os.waitpid(worker.pid, 0)[0], -1
                if not ended:
                    continue
                workers.remove(worker)
                if not (done and status == 0):
                    how = ("hang", f"no end after {limits.hang:g} seconds") if status == -1 else ("crash", f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else _last_words(worker.home, status))
                    report.findings.append(Finding(name, number, *how, ""))
                    rest = range(number + 1, worker.numbers.stop)
                    if rest:
                        workers.append(_start(name, reader, seeds, seed, rest, worker.home.with_name(f"{worker.home.name}-{number}"), limits, worker.state))
                        homes.add(workers[-1].home)
                        continue
                report.accepted, report.refused = report.accepted + accepted, report.refused + refused
                report.longest, report.memory = max(report.longest, longest), max(report.memory, memory)
        reasons: set[str] = set()
        for home in sorted(homes):
            for line in (home / "notes").read_text().splitlines() if (home / "notes").exists() else ():
                note = json.loads(line)
                if "reason" in note:
                    reasons.add(note["reason"])
                else:
                    report.findings.append(Finding(name, *note["finding"]))
        if strays := set(os.listdir(root)) - {home.name for home in homes}:
            report.findings.append(Finding(name, -1, "escape", f"{sorted(strays)} beside the folders of the inputs", ""))
    report.seconds, report.reasons = _spent() - begin, len(reasons)
    report.findings.sort(key=lambda finding: finding.number)
    shown: collections.Counter = collections.Counter()
    for finding in report.findings:
        shown[finding.kind, finding.where] += 1
        if shown[finding.kind, finding.where] == 1 and finding.number >= 0:
            if tell is not None:
                tell(finding)
            if keep is not None:
                _keep(make_input(name, reader, seeds, seed, finding.number), keep / f"{name}-{finding.number}")
    return report


def _spent() -> float:
    """Seconds of the processor that ended workers took."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _start(name: str, reader: Reader, seeds: list[Files], seed: int, numbers: range, home: Path, limits: Limits, state: mmap.mmap | None, keep: bool = False) -> _Worker:
    if state is None:
        state = mmap.mmap(-1, STATE.size)
        state[:STATE.size] = STATE.pack(numbers[0], 0, 0, time.monotonic(), 0.0, 0, 0)
    else:
        _, accepted, refused, _, longest, memory, _ = STATE.unpack(state[:STATE.size])
        state[:STATE.size] = STATE.pack(numbers[0], accepted, refused, time.monotonic(), longest, memory, 0)
    home.mkdir()
    sys.stdout.flush()
    sys.stderr.flush()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # a process of several threads, of which the worker has one
        pid = os.fork()
    if not pid:
        code = 1
        try:
            work(name, reader, seeds, seed, numbers, home, state, limits, keep)
            code = 0
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
        finally:
            os._exit(code)
    return _Worker(pid, numbers, home, state)


def _last_words(home: Path, status: int) -> str:
    try:
        return f"exit code {os.waitstatus_to_exitcode(status)}: {' '.join((home / 'printed').read_text(errors='replace').split())[-300:]}"
    except OSError:
        return f"exit code {os.waitstatus_to_exitcode(status)}"


def _keep(files: Files, folder: Path) -> None:
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def show(name: str, number: int, seed: int, limits: Limits) -> str:
    """What one input came to; its files are kept in the folder that is named."""
    reader = READERS[name]
    folder = Path(tempfile.mkdtemp(prefix=f"netsnn-fuzz-{name}-{number}-"))
    seeds = reader.seeds()
    _keep(make_input(name, reader, seeds, seed, number), folder / "files")
    worker = _start(name, reader, seeds, seed, range(number, number + 1), folder / "worker", limits, None, True)
    _, status = os.waitpid(worker.pid, 0)
    notes = (folder / "worker" / "notes").read_text().splitlines()
    return f"{folder}/files\n" + (" | ".join(json.loads(notes[0])["said"]) if notes else f"the worker ended with status {status}: {_last_words(folder / 'worker', status)}")


# ---- the command ------------------------------------------------------------------------------


def write_report(folder: Path, rows: list[dict]) -> None:
    """README.md, from the rows of all readers, and a line of provenance."""
    from analysis.drawing import table, write_text
    from analysis.runs import note_provenance

    note_provenance(folder)
    total, found = sum(row["inputs"] for row in rows), sum(row["findings"] for row in rows)
    head = ("reader", "inputs", "accepted", "refused", "findings", "different refusals", "inputs / s of a core", "longest, s", "peak memory, MB")
    text = (f"Made by `python -m analysis.fuzz` (sittings in provenance.txt); every number is in readers.csv. {len(rows)} readers were given {total:,} spoiled files: {found or 'no'} finding{'s' * (found != 1)}.")
    how = """A file that netsnn wrote, or one made by hand, is spoiled by chance: bytes flipped, cut, repeated, spliced with those of other files, numbers replaced by huge, negative and impossible ones, lines lost and doubled; and by
parts of its format: members of archives renamed, forged, swapped, replaced by pickles and by bombs, XML entities and deep nesting, keys of JSON and TOML, elements of MATLAB files, instructions of pickles, tensors of checkpoints. *Accepted* means that
the value which came back was checked: canonical, sorted, in range, one weight a link. *Refused* means one line that names the file. Anything else is a finding: another exception, a crash, a hang, a warning, a byte printed, more than 1 GB or 10 seconds
(a small file may claim ten million nodes, and is believed), a file written or opened outside of the folder, a pickle that ran. *Different refusals* counts messages without their numbers and quotations: how deep the files went. *Peak memory* is what a
single file took on top of the process. `python -m analysis.fuzz --readers NAME --only NUMBER` repeats one input."""
    write_text(folder / "README.md", "# Bad input", text, how, table(head, [[f"{value:,}" if isinstance(value, int) else value for value in row.values()] for row in rows]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=100_000, help="of each reader (default 100,000)")
    parser.add_argument("--jobs", type=int, default=2, help="processes (default 2)")
    parser.add_argument("--readers", nargs="+", metavar="NAME", choices=[*READERS], default=[*READERS], help=f"default: all of {', '.join(READERS)}")
    parser.add_argument("--seed", type=int, default=0, help="another one gives other inputs")
    parser.add_argument("--only", type=int, metavar="NUMBER", help="read one input of each reader again, and say what came")
    parser.add_argument("--out", type=Path, default=ROOT / "analysis" / "results" / "fuzzing", help="where the tables and the files of findings go")
    found = parser.parse_args()
    prepare()
    if found.only is not None:
        for name in found.readers:
            print(show(name, found.only, found.seed, Limits()))
        return
    from analysis.runs import read_table, write_table

    rows = {row["reader"]: row for row in read_table(found.out / "readers.csv")}
    for name in found.readers:
        for old in found.out.glob(f"findings/{name}-[0-9]*"):
            shutil.rmtree(old)
        report = fuzz(name, READERS[name], found.inputs, seed=found.seed, jobs=found.jobs, keep=found.out / "findings", tell=lambda one: print(f"    {one.reader} {one.number}: {one.kind}, {one.text} [{one.where}]", flush=True))
        rows[name] = row = report.row()
        rows = {name: rows[name] for name in READERS if name in rows}
        write_table(found.out / "readers.csv", [*rows.values()])
        print(f"{name:17} {row['accepted']:>8,} accepted {row['refused']:>8,} refused {row['findings']:>6,} findings {row['reasons']:>5} reasons {row['inputs_per_second']:>6,}/s  longest {row['longest_seconds']:.2f} s  {row['peak_memory_mb']} MB", flush=True)
    write_report(found.out, [*rows.values()])


def prepare() -> None:
    """What readers load late is loaded before workers are forked."""
    import torch

    torch.set_num_threads(1)
    bomb()
    import lzma  # noqa: F401

    import pandas  # noqa: F401
    import scipy.io  # noqa: F401

    import netsnn.snn  # noqa: F401


if __name__ == "__main__":
    main()
