"""Studies of training runs: tables that grow, go on where they were, and know what is done."""

import math
import os
import signal
import subprocess
import sys
import time

import pytest

from analysis import ablations, accuracy, drawing, methods, topology
from analysis.measured import result
from analysis.runs import ROOT, Place, Study, read_table, write_table
from netsnn.errors import FileError
from netsnn.snn import Config

TINY = Config(data="digits", samples=100, test_samples=50, hidden=(30,), epochs=2, batch=50, sparsity=0.9)


def measure(run):
    return {"runs": [result(run)], "epochs": [{"epoch": row["epoch"], "loss": row["loss"]} for row in run.log]}


def study(folder, **changes):
    cells = {"a/0": TINY, "b/0": TINY.replace(method="static"), "wild/0": TINY.replace(lr=1e30)}
    return Study("some", {**cells, **changes}, measure, ("runs", "epochs"), Place(folder / "results", folder / "work", jobs=2))


def test_a_study_goes_on_where_it_was_and_does_anew_what_changed(tmp_path):
    stopped = Study("some", study(tmp_path).cells, measure, ("runs", "epochs"), Place(tmp_path / "results", tmp_path / "work", 2, deadline=time.monotonic()))
    assert not stopped.run() and stopped.rows() == []
    said = []
    assert study(tmp_path).run(said.append) and len(said) == 3
    rows = {row["cell"]: row for row in study(tmp_path).rows()}
    assert [*rows] == ["a/0", "b/0", "wild/0"] and rows["a/0"]["density"] == pytest.approx(0.1, rel=0.01) and rows["a/0"]["problem"] is None
    assert "loss" in rows["wild/0"]["problem"] and math.isnan(rows["wild/0"]["accuracy"])
    assert [(row["cell"], row["epoch"]) for row in study(tmp_path).rows("epochs")] == [("a/0", 1), ("a/0", 2), ("b/0", 1), ("b/0", 2)]
    said.clear()
    assert study(tmp_path).run(said.append) and said == []
    changed = study(tmp_path, **{"b/0": TINY.replace(method="static", seed=1)})
    assert [row["cell"] for row in changed.rows()] == ["a/0", "wild/0"]
    assert changed.run(said.append) and len(said) == 1
    assert len(read_table(changed.folder / "runs.csv")) == 3 and len(changed.rows("epochs")) == 4
    assert (changed.folder / "provenance.txt").read_text().count("\n") == 3 and "PyTorch" in (changed.folder / "provenance.txt").read_text()
    assert "all 3 runs done" in changed.state()


def test_tables_come_back_as_they_were(tmp_path):
    rows = [{"cell": "1", "settings": "12e4567890", "n": 3, "x": 0.25, "note": "", "more": None}, {"cell": "b", "settings": "7", "n": -1, "x": math.nan, "note": "a, b"}]
    write_table(tmp_path / "t.csv", rows)
    first, second = read_table(tmp_path / "t.csv")
    assert first == {"cell": "1", "settings": "12e4567890", "n": 3, "x": 0.25, "note": None, "more": None}
    assert second["n"] == -1 and math.isnan(second["x"]) and second["note"] == "a, b"
    assert read_table(tmp_path / "none.csv") == []


@pytest.mark.parametrize(("data", "message"), [
    (b"cell,n\na,1\nb\n", ":3: expected 2 columns"), (b"cell,n\na,1,2\n", ":2: expected 2 columns"), (b"cell,n\na,\xff\n", ": no table"), (b'cell,n\n"' + b"a" * 200_000, ": no table"),
])
def test_a_damaged_table_is_named(data, message, tmp_path):
    (tmp_path / "t.csv").write_bytes(data)
    with pytest.raises(FileError, match=f"^{tmp_path}/t.csv{message}"):
        read_table(tmp_path / "t.csv")


def test_every_method_has_its_cells_and_as_many_tries():
    assert {*methods.METHODS, *methods.VARIANTS} == set(methods.NAMES) == set(drawing.LOOK)
    assert {len(methods.candidates("digits", method)) for method in methods.METHODS} == {8}
    cells = accuracy.study(Place()).cells
    for data in methods.DATASETS:
        for model in methods.HIDDEN:
            mine = [name for name in cells if name.startswith(f"{data}/{model}/") and "/own/" not in name]
            variants = [name for name in mine if name.split("/")[2] in methods.VARIANTS]
            seeds = 1 if (data, model) == ("fashion-mnist", "3fc") else 3
            assert len(mine) == 10 * (5 + 2 * (seeds - 1)) + seeds + len(variants)  # ten sparse methods: five levels, two of them with more seeds; and dense runs
    for name, config in cells.items():
        found = accuracy.parts(name)
        assert config.seed == found["seed"] and config.model == found["model"] and config.epochs == methods.DATASETS[found["data"]]["epochs"]
        assert config.sparsity in (None, found["level"]) or found["level"] == "own"
        if config.recipe().evolves and "every" in config.options:
            steps = methods.DATASETS[found["data"]]["steps_per_epoch"] * config.epochs
            assert 28 <= steps // config.options["every"] <= 32
    assert all(config.recipe().last == "dense" for config in cells.values())


def test_intervals_are_students():
    assert drawing.interval([1.0, 2.0, 3.0]) == pytest.approx((2.0, 4.302653 / math.sqrt(3)), rel=1e-6)
    assert drawing.interval([0.5])[0] == 0.5 and math.isnan(drawing.interval([0.5])[1]) and math.isnan(drawing.interval([])[0])
    assert drawing.mean_text([0.9, 0.92]) == "91.00" and drawing.mean_text([0.9, 0.91, 0.92]) == "91.00 ± 2.48" and drawing.mean_text([0.9]) == "90.00" and drawing.mean_text([]) == ""


def test_the_quick_studies_run_and_are_reported(tmp_path):
    place = Place(tmp_path / "results", tmp_path / "work", jobs=2)
    for module in (accuracy, ablations):
        found = module.study(place, quick=True)
        few = {name: config.replace(samples=200, test_samples=100, epochs=2) for name, config in found.cells.items()
               if name.split("/")[2] in ("dense", "set", "rigl", "ch_snn", "CH-SNN", "uniform", "random")}
        found = Study(found.name, few, found.measure, found.tables, place)
        assert found.run(lambda line: None)
        module.report(found)
        page = (found.folder / "README.md").read_text()
        assert "CH-SNN" in page and f"all {len(few)} runs done" in page
        if module is accuracy:
            topology.report(found)
    page = (tmp_path / "results" / "topology" / "README.md").read_text()
    assert "d to SET" in page and "| modularity |" in page
    for name in ("accuracy/accuracy", "accuracy/energy", "topology/evolution", "topology/receptive_fields", "topology/against_chance", "ablations/ablations"):
        assert (tmp_path / "results" / f"{name}.png").stat().st_size > 10_000


def test_an_interrupted_study_says_so_and_goes_on(tmp_path):
    code = f"""
import signal
from pathlib import Path
from tests.analysis.test_runs import TINY, measure
from analysis.runs import Place, Study
if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    Study("some", {{"quick/0": TINY, "long/0": TINY.replace(epochs=10_000)}}, measure, ("runs", "epochs"), Place(Path({str(tmp_path)!r}), Path({str(tmp_path / "work")!r}), 1)).run(lambda text: print(text, flush=True))
"""
    (tmp_path / "script.py").write_text(code)
    with subprocess.Popen([sys.executable, tmp_path / "script.py"], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          start_new_session=True) as process:
        assert process.stdout.readline().startswith("some: quick/0 ")
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(60) == 130
        assert process.stderr.read() == "some: interrupted; the next call goes on where it was\n"
    assert [row["cell"] for row in read_table(tmp_path / "some" / "runs.csv")] == ["quick/0"]
