"""The fuzzer of the readers: a small run of all of them, and whether it sees faults that are planted."""

import csv
import os
import pickle
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

from analysis.fuzz import Limits, fuzz, make_input
from analysis.fuzz_readers import READERS, Broken, Reader
from netsnn.errors import FileError

ROOT = Path(__file__).parents[2]


def test_no_reader_is_led_astray_by_some_hundred_spoiled_files(tmp_path):
    done = subprocess.run([sys.executable, "-m", "analysis.fuzz", "--inputs", "120", "--seed", "1", "--out", str(tmp_path)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    with open(tmp_path / "readers.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["reader"] for row in rows] == [*READERS] and {row["inputs"] for row in rows} == {"120"}
    assert {row["findings"] for row in rows} == {"0"} and not (tmp_path / "findings").exists(), done.stdout
    assert all(int(row["accepted"]) + int(row["refused"]) == 120 for row in rows)
    assert all(int(row["accepted"]) >= 3 for row in rows)
    assert all(int(row["reasons"]) >= 3 for row in rows if row["reader"] != "history-cache")  # where what makes no sense is measured anew
    assert "no findings" in (tmp_path / "README.md").read_text() and "netsnn" in (tmp_path / "provenance.txt").read_text()


def test_the_same_seed_gives_the_same_inputs():
    for name in ("npz", "matlab", "history-snapshot", "mnist", "study-file"):
        reader = READERS[name]
        inputs = [[make_input(name, reader, seeds, seed, number) for number in range(20)] for seed, seeds in ((0, reader.seeds()), (0, reader.seeds()), (1, reader.seeds()))]
        assert inputs[0] == inputs[1] != inputs[2]


class Careless(Exception):
    """Errors of netsnn are one line of their own accord; this one is not."""


def stray(path):
    def read(folder, files):
        with open(folder / path, "w"):
            raise FileError(f"{folder}: no")

    return read


def say(text):
    def read(folder, files):
        raise Careless(text.format(folder=folder))

    return read


def starve(folder, files):
    try:
        np.zeros(10**12)
    except MemoryError:
        raise FileError(f"{folder}: no valid header") from None


def scream(folder, files):
    raise ValueError("a traceback")


def hang(folder, files):
    time.sleep(30)


def work(folder, files):
    begin = time.process_time()
    while time.process_time() < begin + 0.3:
        pass


def swell(folder, files):
    np.ones(5_000_000)


def warn(folder, files):
    warnings.warn("odd", stacklevel=1)


def break_off(folder, files):
    raise Broken("links out of order")


FAULTS = {
    "exception": scream, "hang": hang, "slow": work, "memory": swell, "crash": lambda folder, files: os.abort(), "warning": warn, "printed": lambda folder, files: print("oops"), "broken value": break_off,
    "exit": lambda folder, files: sys.exit(3), "not one line": say("{folder}: first\nsecond"), "no file named": say("damaged"), "a long message": say("{folder}: " + "x" * 2000),
}


@pytest.mark.parametrize("kind", [*FAULTS, "starved", "deed: pickle", "deed: command", "deed: write beside", "deed: write inside", "deed: read elsewhere", "escape"])
def test_a_planted_fault_is_found(kind, tmp_path):
    faults = FAULTS | {"starved": starve, "deed: pickle": lambda folder, files: pickle.loads(pickle.dumps(Path("x"))), "deed: command": lambda folder, files: os.system("true"), "deed: write beside": stray("../x"),
                       "deed: write inside": stray("x"), "deed: read elsewhere": lambda folder, files: open("/etc/hostname").close(), "escape": lambda folder, files: os.mkfifo(folder / "../x")}

    def read(folder, files):
        if files["a.txt"] != b"good\n" and files["a.txt"].startswith(b"g"):
            faults[kind](folder, files)

    reader = Reader(lambda: [{"a.txt": b"good\n"}], read, errors=(FileError, Careless))
    inputs = 4 if kind in ("hang", "slow") else 12
    found = fuzz("planted", reader, inputs, jobs=1, limits=Limits(2**25, 0.2 if kind == "slow" else 10.0, 1.0 if kind == "hang" else 60.0), keep=tmp_path)
    assert found.findings and {finding.kind for finding in found.findings} == {{"starved": "memory"}.get(kind, kind.partition(":")[0])}
    assert found.accepted + found.refused + len(found.findings) == inputs
    kept = list(tmp_path.rglob("a.txt"))
    assert kept and all(path.read_bytes() == make_input("planted", reader, reader.seeds(), 0, int(path.parent.name.partition("-")[2]))["a.txt"] for path in kept)
