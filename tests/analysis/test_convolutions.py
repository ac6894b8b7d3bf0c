"""The study of convolutional and attention networks: what is sparse in it, how its runs compare, and its page from a small version of all runs."""

import pytest

from analysis import convolutions
from analysis.runs import Place


def test_only_the_wiring_differs_between_set_and_ch_snn():
    for model in convolutions.MODELS:
        one, other = (convolutions.settings(model, method, 0.95, 1e-3, 0) for method in ("set", "ch_snn"))
        assert one.replace(method="ch_snn", options=other.options) == other and one.options["every"] == other.options["every"]
        assert one.recipe().allocation == other.recipe().allocation == "equal" and one.recipe().last == other.recipe().last == "dense"
        assert one.samples // one.batch // one.options["every"] in (30, 31)


def test_every_method_is_tuned_equally_often_and_not_on_the_test_set(tmp_path):
    cells = convolutions.tuning(Place(tmp_path)).cells
    tried = [name.rsplit("/", 1)[0] for name in cells]
    more = {"/".join(where): len(rates) for where, rates in convolutions.BEYOND.items()}
    assert all(tried.count(name) == len(convolutions.RATES) + more.get(name, 0) for name in tried) and len(set(tried)) == 6
    assert all(config.validation for config in cells.values())


@pytest.mark.slow
def test_a_small_version_runs_and_writes_its_page(tmp_path):
    place = Place(tmp_path / "results", tmp_path / "work", jobs=1)
    assert not convolutions.study(place, quick=True).cells  # nobody knows the learning rates yet
    convolutions.report(convolutions.study(place, quick=True))
    assert (place.results / "convolutions" / "README.md").read_text().count("Not trained yet.") == 2
    assert convolutions.tuning(place, quick=True).run(tell=lambda line: None)
    found = convolutions.study(place, quick=True)
    assert found.run(tell=lambda line: None)
    rows = {row["cell"]: row for row in found.rows()}
    assert len(rows) == 10 and not any(row["problem"] for row in rows.values())
    for model, weights, sparse in (("2conv2fc", 1_889_352, 6272 * 300), ("spikformer-small", 160_072, 2 * 12 * 64**2)):
        assert rows[f"{model}/dense/0/0"]["weights"] == weights and rows[f"{model}/dense/0/0"]["links"] == sparse
        for method in ("set", "ch_snn"):
            for level in (0.9, 0.95):
                row = rows[f"{model}/{method}/{level:g}/0"]
                assert row["density"] == pytest.approx(1 - level, abs=1e-4) and row["weights"] == weights - (sparse - row["links"])
                assert row["sops_sparse"] <= row["sops"] and row["macs"] == rows[f"{model}/dense/0/0"]["macs"]
    assert rows["2conv2fc/set/0.9/0"]["sops_sparse"] < 0.2 * rows["2conv2fc/dense/0/0"]["sops_sparse"]
    convolutions.report(found)
    text = (found.folder / "README.md").read_text()
    assert "Not trained yet" not in text
    assert text.count("| CH-SNN | 9") == text.count("| SET | 9") == 4 and text.count("| dense | 0") == 2 and "all 10 runs done" in text and "| 94.73 % | 99.15 | +0.08 |" in text
    assert all((found.folder / f"convolutions.{ending}").stat().st_size > 5000 for ending in ("png", "pdf"))


def test_means_ranges_and_gains_are_those_of_the_seeds(tmp_path):
    rows = {f"2conv2fc/{method}/{level}/{seed}": {"accuracy": accuracy, "density": density, "network_density": density, "weights": 100 * density, "sops": 1e4 * density,
                                                  "sops_sparse": 1e3 * density, "macs": 7.0}
            for method, level, density, accuracies in (("dense", "0", 1.0, (0.9, 0.88)), ("set", "0.9", 0.1, (0.85, 0.89))) for seed, accuracy in enumerate(accuracies)}
    line = convolutions._line(rows, "2conv2fc", "set", 0.9)
    assert line == ["SET", "90.0", "90.00", "10", "87.00 (85.00 .. 89.00)", "-2.00", "1,000", "10.0", "100", "10.0", "7"]
    del rows["2conv2fc/dense/0/0"]
    assert convolutions._line(rows, "2conv2fc", "set", 0.9)[5] == "+1.00"
    assert convolutions._line(rows, "2conv2fc", "ch_snn", 0.9) == []
    convolutions._draw(rows, tmp_path / "some")
    convolutions._draw({}, tmp_path / "none")
