"""The study of persistence: what explains it, what masking does to it, and its page from a small version of all runs."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

import netsnn as ns
from analysis import persistence
from analysis.runs import Place


def test_explained_is_the_r2_of_a_straight_line():
    rng = np.random.default_rng(0)
    x = rng.normal(size=50)
    y = 3 - 2 * x + rng.normal(size=50)
    assert persistence.explained(np.column_stack([x, y])) == pytest.approx(stats.linregress(x, y).rvalue ** 2)
    assert persistence.explained(np.column_stack([x, 1 - x])) == pytest.approx(1)
    assert np.isnan(persistence.explained(np.column_stack([x, np.ones(50)])))


def test_rows_of_one_run_are_not_taken_for_independent():
    rng = np.random.default_rng(1)
    points = rng.normal(size=(20, 1))
    value, low, high = persistence.over_runs(persistence.mean, list(points[:, None]))
    assert value == pytest.approx(points.mean()) and low < value < high
    assert high - low == pytest.approx(2 * 1.96 * points.std() / np.sqrt(20), rel=0.15)
    copied = persistence.over_runs(persistence.mean, [np.repeat(point[None], 10, axis=0) for point in points])
    assert copied == pytest.approx((value, low, high))


def test_masking_keeps_the_weights_and_their_scale():
    rng = np.random.default_rng(2)
    weights = rng.normal(size=(40, 30))
    full, values = ns.Layer.from_dense(weights != 0), weights.ravel()
    layer, kept = persistence.thinned(full, values, 0.9, rng)
    assert layer.n_links == 120 and np.array_equal(layer.to_dense(kept)[layer.to_dense()], weights[layer.to_dense()])
    most = float(np.abs(weights).max())
    dense, thin = (persistence.of_layer(one, 0, scale=most) for one in (weights, (layer, kept)))
    assert dense["persistence"] < thin["persistence"] and dense["null_moved"] == dense["null"]
    assert abs(thin["persistence"] - thin["null_moved"]) < 4 * thin["null_moved_sd"]


def test_a_small_study_measures_every_epoch_and_layer_and_writes_its_page(tmp_path):
    study = persistence.study(Place(tmp_path / "results", tmp_path / "work", jobs=1), quick=True)
    study = replace(study, cells={name: one.replace(hidden=(30,) * len(one.hidden), epochs=2, samples=200, test_samples=100) for name, one in study.cells.items()})
    assert study.run(lambda line: None)
    runs = {row["cell"]: row for row in study.rows()}
    assert {row["method"] for row in runs.values()} == {"dense", "ch_snn"}
    layers = study.rows("layers")
    assert [(row["epoch"], row["layer"]) for row in layers if row["cell"] == "2FC/dense/lr=0.003/0"] == [(e, name) for e in range(3) for name in ("fc1", "fc2", "all")]
    assert all(row["accuracy"] == runs[row["cell"]]["accuracy"] for row in layers if row["epoch"] == 2)
    first = next(row for row in layers if row["cell"] == "3FC/ch_snn/0.9/lr=0.003/0" and row["layer"] == "fc1" and not row["epoch"])
    assert first["density"] == pytest.approx(0.1, rel=0.01) and first["isolated"] > 0 and first["sortedness"] is not None
    assert {row["cell"] for row in study.rows("linear")} == {"2FC/dense/lr=0.003/0"} and study.rows("linear")[-1]["accuracy"] > 0.3
    of_network = {row["sparsity"]: row for row in study.rows("masked") if row["layer"] == "all" and row["cell"] == "2FC/dense/lr=0.003/0"}
    assert list(of_network) == [0, *persistence.LEVELS] and of_network[0]["deep"] == pytest.approx(of_network[0]["deep_aware"])
    for path in persistence.report(study):
        assert path.stat().st_size > 500
    assert "nan" not in (study.folder / "README.md").read_text().split("## 2")[1].split("## 3")[0]
    files = {path.name for path in study.folder.iterdir()}
    assert files == {*(f"{name}.csv" for name in study.tables), "training.png", "training.pdf", "caveats.png", "caveats.pdf", "README.md", "provenance.txt"}
