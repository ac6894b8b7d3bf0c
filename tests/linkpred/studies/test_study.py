import json
import os
import signal
import subprocess
import sys
import textwrap
import time
import warnings

import matplotlib
import matplotlib.pyplot as plt
import networkx as nx
import numpy as np
import pytest

import netsnn as ns
from netsnn.linkpred import METRICS, Study, evaluate, nadeau_bengio, read_study, split
from netsnn.linkpred.studies.study_file import read_study_file

matplotlib.use("Agg")
NETWORKS = {"karate": ns.Graph.from_networkx(nx.karate_club_graph()), "women": ns.Layer.from_networkx(nx.davis_southern_women_graph()),
            "a b/c": ns.Graph.from_networkx(nx.les_miserables_graph())}


def degree_sum(graph):
    if isinstance(graph, ns.Layer):
        return graph.out_degrees[:, None] + graph.in_degrees[None]
    return graph.degrees[:, None] + graph.degrees[None]


def broken(graph):
    raise RuntimeError("this method\nis broken")


@pytest.fixture(scope="module")
def study():
    methods = {"l3": "l3", "ra": "ra", "small katz": {"method": "katz", "beta": 0.01}, "mine": degree_sum, "broken": broken, "spm": "spm"}
    return Study(NETWORKS, methods, repeats=3, removal="connected", seed=5, node_k=3, domains={"karate": "social", "women": "social"})


@pytest.fixture(scope="module")
def result(study):
    return study.run()


def test_every_cell_is_the_evaluation_of_one_method_on_the_shared_split(study, result):
    assert len(result.records) == len(study.cells()) == 3 * (7 + 7 + 6)  # ra is not defined on a layer
    for record in result.records:
        hidden = study.split(record["network"], record["split"])
        if record["method"] in ("l3", "pa", "small katz", "mine"):
            what, options = {"small katz": ("katz", {"beta": 0.01}), "mine": (degree_sum, {})}.get(record["method"], (record["method"], {}))
            expected = evaluate(hidden.train, what, hidden.test, **options).summary()
            assert {name: record["metrics"][name] for name in METRICS} == pytest.approx(expected)
            assert record["test"] == len(hidden.test[0]) and record["links"] == hidden.train.n_links
    assert result.records[0]["metrics"].keys() == {*METRICS, "node_precision", "node_recall", "vcmpr"}


def test_the_null_is_always_there_and_marked(result):
    assert result.methods[0] == "pa" and "pa (null)" in result.table()
    renamed = Study(NETWORKS, {"degrees": "pa", "l3": "l3"}, repeats=1)
    assert list(renamed.methods) == ["degrees", "l3"] and "degrees (null)" in renamed.run().table()


def test_a_failing_cell_is_recorded_and_stops_nothing(result):
    assert {(r["network"], r["method"]) for r in result.failed} == {(name, "broken") for name in NETWORKS}
    assert result.failed[0]["error"] == "RuntimeError: this method is broken"
    assert np.isfinite(result.means("auc_roc")[:, [0, 1, 3, 4, 6]]).all() and np.isnan(result.means("auc_roc")[:, 5]).all()


def test_processes_give_the_same_numbers_and_a_second_run_computes_nothing(study, result, tmp_path):
    found = study.run(tmp_path / "s", jobs=2)
    assert found.records == result.records
    stamps = {path: path.stat().st_mtime_ns for path in (tmp_path / "s").rglob("*.json")}
    again = study.run(tmp_path / "s")
    assert again.records == result.records and {path: path.stat().st_mtime_ns for path in (tmp_path / "s").rglob("*.json")} == stamps
    assert read_study(tmp_path / "s").table() == result.table()


def test_only_failed_cells_are_computed_again_with_retry(tmp_path):
    flag = tmp_path / "fixed"

    def sometimes(graph):
        if not flag.exists():
            raise ValueError("not yet")
        return degree_sum(graph)

    study = Study({"karate": NETWORKS["karate"]}, [sometimes], repeats=2)
    first = study.run(tmp_path / "s")
    flag.touch()
    assert len(first.failed) == 2 == len(study.run(tmp_path / "s").failed)
    assert not study.run(tmp_path / "s", retry=True).failed


def test_a_study_may_grow_but_not_change(tmp_path):
    small = Study({"karate": NETWORKS["karate"]}, ["l3"], repeats=2, seed=1)
    first = small.run(tmp_path)
    larger = Study(NETWORKS, ["l3", "ch3_l3"], repeats=3, seed=1).run(tmp_path)
    assert [r for r in larger.records if r["network"] == "karate" and r["method"] != "ch3_l3" and r["split"] < 2] == first.records
    assert small.run(tmp_path).records == first.records
    for other, message in ((Study({"karate": NETWORKS["karate"]}, ["l3"], seed=2), r"settings seed differ \(1 there, 2 here\)"),
                           (Study({"karate": NETWORKS["a b/c"]}, ["l3"], seed=1), "networks karate differ"),
                           (Study({"karate": NETWORKS["karate"]}, {"l3": "ra"}, seed=1), "methods l3 differ")):
        with pytest.raises(ns.StudyError, match=f"^{tmp_path} holds another study: {message}.*; choose another folder"):
            other.run(tmp_path)


def test_a_worker_that_dies_costs_its_own_cell_alone(tmp_path):
    def deadly(graph):
        if isinstance(graph, ns.Layer):
            os.kill(os.getpid(), signal.SIGKILL)
        return degree_sum(graph)

    found = Study(NETWORKS, {"deadly": deadly, "l3": "l3"}, repeats=2).run(tmp_path, jobs=2)
    assert [(r["network"], r["method"]) for r in found.failed] == [("women", "deadly")] * 2
    assert found.failed[0]["error"] == "the process was ended by SIGKILL, perhaps for want of memory"
    assert len(found.records) == 18


KILLED = """
    import sys, networkx as nx, numpy as np, netsnn as ns, time
    networks = {"karate": ns.Graph.from_networkx(nx.karate_club_graph()), "women": ns.Layer.from_networkx(nx.davis_southern_women_graph()),
                "miserables": ns.Graph.from_networkx(nx.les_miserables_graph())}
    def slow(graph):
        time.sleep(0.03)
        return np.ones(graph.shape)
    study = ns.linkpred.Study(networks, {"l3": "l3", "spm": "spm", "cha": "cha", "slow": slow}, repeats=4, seed=3)
    study.run(sys.argv[1], jobs=int(sys.argv[2]))
"""


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_killed_at_any_moment_it_goes_on_to_the_same_bits(tmp_path, jobs):
    (tmp_path / "script.py").write_text(textwrap.dedent(KILLED))
    command = lambda out: [sys.executable, str(tmp_path / "script.py"), str(tmp_path / out), jobs]
    subprocess.run(command("whole"), check=True)
    cells = lambda out: {path.relative_to(tmp_path / out): path.read_bytes() for path in (tmp_path / out).rglob("*.json")}
    rng, kills = np.random.default_rng(0), 0
    while True:
        process = subprocess.Popen(command("killed"))
        before, start = len(cells("killed")), time.perf_counter()
        while process.poll() is None and len(cells("killed")) < before + 5 and time.perf_counter() - start < 60:
            time.sleep(0.01)
        time.sleep(rng.random() * 0.05)
        if process.poll() is not None:
            break
        process.kill()
        process.wait()
        kills += 1
    assert process.returncode == 0 and kills >= 3
    assert cells("killed") == cells("whole") and len(cells("whole")) == 4 * 3 * 5 + 1
    time.sleep(0.1)
    alive = subprocess.run(["pgrep", "-f", str(tmp_path)], capture_output=True, text=True).stdout
    assert not alive, "workers outlive their parent"


def test_ctrl_c_loses_nothing_that_was_done(tmp_path):
    (tmp_path / "script.py").write_text(textwrap.dedent(KILLED).replace("0.03", "0.2"))
    process = subprocess.Popen([sys.executable, str(tmp_path / "script.py"), str(tmp_path / "s"), "2"], stderr=subprocess.PIPE, text=True,
                               preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))  # ignored, if the tests run in the background
    while len(list((tmp_path / "s").rglob("slow.json"))) < 2:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=30)
    assert "interrupted; the same command goes on from" in error.strip().splitlines()[-1]
    assert not list((tmp_path / "s").rglob(".netsnn-*"))


def test_a_damaged_cell_or_plan_is_named(tmp_path):
    study = Study({"karate": NETWORKS["karate"]}, ["l3"], repeats=1)
    study.run(tmp_path)
    cell = tmp_path / "cells" / "karate" / "0" / "l3.json"
    cell.write_text(cell.read_text()[:20])
    with pytest.raises(ns.FileError, match=f"^{cell}: damaged; delete it"):
        study.run(tmp_path)
    (tmp_path / "study.json").write_text("{}")
    with pytest.raises(ns.FileError, match="study.json: damaged, or no study of netsnn"):
        study.run(tmp_path)
    with pytest.raises(ns.FileError, match="No such file"):
        read_study(tmp_path / "nothing")


def test_whatever_is_wrong_in_a_studys_files_is_found_when_they_are_read(tmp_path):
    study = Study({"karate": NETWORKS["karate"]}, ["l3"], repeats=2)
    study.run(tmp_path)
    assert len(read_study(tmp_path).records) == 4
    cell, plan = tmp_path / "cells" / "karate" / "1" / "l3.json", tmp_path / "study.json"
    for path, changes in ((cell, ({"metrics": []}, {"metrics": {"precision": "high"}}, {"metrics": {"precision": 1e300}}, {"metrics": {}}, {"split": 10**9}, {"split": 0}, {"split": "1"}, {"split": True}, {"method": []}, {"network": "none"},
                                  {"error": 3}, {"test": None}, {"links": -1}, {"candidates": 0.5}, {"stated": [0]}, {"stated": {"beta": "x"}}, {"curve": {"rank": [1], "hits": []}}, {"curve": None})),
                          (plan, ({"repeats": "2"}, {"networks": []}, {"networks": {"karate": {}}}, {"methods": {"l3": "l3"}}, {"methods": {}}, {"settings": {}}, {"settings": []}))):
        text = path.read_text()
        for bad in [*(json.dumps({**json.loads(text), **change}) for change in changes), "[" * 100_000, "9" * 5000, "[]", "null", "\0"]:
            path.write_text(bad)
            for function in (lambda: read_study(tmp_path).table(), lambda: study.run(tmp_path)):
                with pytest.raises(ns.NetsnnError, match=f"^{tmp_path}.*(damaged|another study)") as error:
                    function()
                assert str(error.value).count("\n") == 0
        path.write_text(text)
    other = cell.with_name("pa.json")
    other.write_text(json.dumps({**json.loads(other.read_text()), "metrics": {"precision": 0.5}}))
    with pytest.raises(ns.StudyError, match="not all cells have the same metrics"):
        read_study(tmp_path)
    with pytest.raises(ns.FileError, match=f"^{other}: damaged; delete it"):
        study.run(tmp_path)


def test_names_of_networks_and_methods_may_be_any_text(tmp_path):
    networks = {"../up": NETWORKS["karate"], ".hidden": NETWORKS["karate"], "ü 1": NETWORKS["karate"]}
    Study(networks, {"a/b": "l3"}, repeats=1).run(tmp_path / "s")
    assert sorted(os.listdir(tmp_path)) == ["s"] and len(list((tmp_path / "s" / "cells").glob("*/0/*.json"))) == 6
    assert read_study(tmp_path / "s").networks == list(networks)


def test_fixed_splits_take_the_place_of_drawn_ones():
    fixed = [split(NETWORKS["karate"], 0.2, negatives="degree_matched", seed=s) for s in range(2)]
    found = Study(NETWORKS, ["l3"], repeats=3, splits={"karate": fixed}).run()
    mine = [r for r in found.records if r["network"] == "karate" and r["method"] == "l3"]
    assert [r["metrics"]["auc_roc"] for r in mine] == [evaluate(s.train, "l3", s.test, negatives=s.negatives).auc_roc for s in fixed]
    assert mine[0]["candidates"] == 2 * mine[0]["test"]
    assert np.isfinite(found.means()).all()


def test_splits_of_unequal_size_are_averaged_as_shares():
    fixed = [split(NETWORKS["karate"], share, seed=0) for share in (0.05, 0.4)]
    found = Study({"karate": NETWORKS["karate"]}, ["ra"], splits={"karate": fixed}).run()
    for kind in ("pr", "mroc"):
        for line in found.plot(kind, network="karate").lines:
            x, y = line.get_data()
            assert max(x) <= 1 + 1e-9 and max(y) <= 1 + 1e-9 and (kind == "pr" or (x[-1], y[-1]) == pytest.approx((1, 1)))
        plt.close("all")
    shares = [len(s.test[0]) / s.train.n_links for s in fixed]
    mine = [r["metrics"]["auc_roc"] for r in found.records if r["method"] == "ra"]
    assert list(found.interval("karate", "ra", "auc_roc")) == pytest.approx(list(nadeau_bengio(mine, np.mean(shares))), rel=1e-3)
    with pytest.raises(ValueError, match="no network 'karat' in this study; networks: karate"):
        found.interval("karat", "ra")
    with pytest.raises(ValueError, match="no method 'r' in this study"):
        found.compare(methods="r")


def test_settings_may_be_numpy_numbers_and_large_options_come_back(tmp_path):
    study = Study({"karate": NETWORKS["karate"]}, {"k": {"method": "katz", "beta": 1e16, "length": 2}}, fraction=np.float32(0.025), repeats=np.int64(1), node_k=np.int64(2))
    first = study.run(tmp_path)
    assert (study.run(tmp_path).values() == first.values()).all() and "2.5% of links hidden" in first.table()
    with pytest.raises(ValueError, match="the domain of 'karate' must be a text, got 3"):
        Study({"karate": NETWORKS["karate"]}, ["l3"], domains={"karate": 3})


def test_tables_show_mean_and_interval_in_every_format(result, tmp_path):
    mine = [r["metrics"]["auc_roc"] for r in result.records if r["network"] == "karate" and r["method"] == "l3"]
    expected = nadeau_bengio(mine, 8 / 70)
    text = f"{expected.mean:.4f} +- {(expected.high - expected.low) / 2:.4f}"
    assert text in result.table("auc_roc") and text.replace("+-", "±") in result.table("auc_roc", "markdown")
    latex = result.table("auc_roc", "latex")
    assert text.replace("+-", r"$\pm$") in latex and r"\toprule" in latex and "small katz" in latex and r"auc\_roc" in latex
    assert latex.count("{") == latex.count("}")
    rows = [line.split(",") for line in result.table("auc_roc", "csv").splitlines()]
    assert rows[0][:4] == ["auc_roc", "pa (null)", "pa (null) low", "pa (null) high"]
    at = rows[0].index("l3")
    assert [float(x) for x in rows[1][at:at + 3]] == pytest.approx(list(expected))
    assert "beta 0.01" in " ".join(result.table().split()) and "failed" in result.table() and "not defined" in result.table()
    for kind in ("methods", "pairs", "domains"):
        for format in ("text", "csv", "latex", "markdown"):
            assert "l3" in result.table("auc_roc", format, kind=kind)
    assert "social" in result.table("auc_roc", kind="domains")
    frame = result.frame()
    assert len(frame) == len(result.records) - len(result.failed) and frame[frame.method == "l3"].auc_roc.mean() > 0.5


def test_ranks_and_comparison_use_networks_that_every_method_has(result):
    ranks = result.ranks("auc_roc")
    assert set(ranks) == {"pa", "l3", "small katz", "mine", "spm"} and list(ranks.values()) == sorted(ranks.values())
    found = result.compare("auc_roc", methods=["l3", "ra"])
    assert found.left_out == ("women",) and found.networks == ("karate", "a b/c")


def test_all_figures_and_tables_are_written(result, tmp_path):
    paths = result.save(tmp_path, ["auc_roc"])
    assert all(path.stat().st_size > 0 for path in paths)
    names = {path.name for path in paths}
    assert {"cells.csv", "auc_roc_networks.tex", "auc_roc_pairs.md", "heatmap_auc_roc.pdf", "ranks_auc_roc.png", "pr_a_b_c.pdf", "mroc_women.png"} <= names
    figure, axes = plt.subplots(1, 2)
    assert result.plot("pr", network="women", ax=axes[0]) is axes[0] and result.plot("heatmap", ax=axes[1]) is axes[1]
    assert len(axes[0].lines) == 5 and plt.rcParams["axes.spines.top"] is not False  # the user's style is left alone
    plt.close("all")


@pytest.mark.parametrize(("make", "message"), [
    (lambda: Study({}, ["l3"]), "a study needs at least one network"),
    (lambda: Study(NETWORKS["karate"], ["l3"]), 'give networks by name, as {"name": graph}'),
    (lambda: Study([NETWORKS["karate"]] * 2, ["l3"]), 'give networks by name, as {"name": graph}'),
    (lambda: Study({"x": 3}, ["l3"]), "network 'x' must be a Layer or a Graph, got int"),
    (lambda: Study(NETWORKS, ["l4"]), "no method 'l4'; methods: cn, jaccard"),
    (lambda: Study(NETWORKS, {"k": {"method": "katz", "gamma": 1}}), "'katz' has no option 'gamma'; options: beta, length"),
    (lambda: Study(NETWORKS, {"pa": "l3"}), "the label 'pa' is kept for the degree product"),
    (lambda: Study(NETWORKS, ["l3"], repeats=0), "repeats must be a whole number of at least 1, got 0"),
    (lambda: Study(NETWORKS, ["l3"], fraction=2), r"fraction must lie in \(0, 1\), got 2"),
    (lambda: Study(NETWORKS, ["l3"], removal="most"), "removal must be one of random, connected, got 'most'"),
    (lambda: Study(NETWORKS, ["l3"], domains={"kar": "x"}), "domains names 'kar', which is no network of the study"),
    (lambda: Study(NETWORKS, ["l3"], repeats=1).run(jobs=0), "jobs must be a whole number of at least 1, got 0"),
    (lambda: Study(NETWORKS, ["l3"], repeats=1).run(backend="mpi"), "backend must be processes or dask, got 'mpi'"),
    (lambda: Study(NETWORKS, ["l3"], repeats=1).run().table("auc"), "no metric 'auc' in this study; metrics: precision"),
    (lambda: Study(NETWORKS, ["l3"], repeats=1).run().table(format="html"), "format must be one of text, csv, latex, markdown, got 'html'"),
    (lambda: Study(NETWORKS, ["l3"], repeats=1).run().plot("pie"), "kind must be one of pr, mroc, ranks, heatmap, got 'pie'"),
])
def test_a_wrong_study_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


# ---- Dask ------------------------------------------------------------------------------------------

def slowly(graph):
    time.sleep(0.2)
    return degree_sum(graph)


@pytest.mark.filterwarnings("ignore")
def test_dask_gives_the_same_numbers_with_a_worker_killed_on_the_way(tmp_path):
    from distributed import Client, LocalCluster

    study = Study(NETWORKS, {"l3": "l3", "spm": "spm", "slowly": slowly}, repeats=3, seed=5)
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50) as cluster, Client(cluster) as client:
        victim = client.run(os.getpid)
        start = time.perf_counter()

        def kill_one():
            import threading

            def wait_and_kill():
                while len(list(tmp_path.rglob("slowly.json"))) < 2 and time.perf_counter() - start < 60:
                    time.sleep(0.02)
                os.kill(next(iter(victim.values())), signal.SIGKILL)

            thread = threading.Thread(target=wait_and_kill)
            thread.start()
            return thread

        thread = kill_one()
        found = study.run(tmp_path / "s", backend="dask", scheduler=client)
        thread.join()
        assert not set(client.run(os.getpid).values()) >= set(victim.values())  # it did die
    assert not found.failed and found.records == study.run().records


@pytest.mark.filterwarnings("ignore")
def test_dask_without_a_scheduler_starts_workers_and_a_wrong_address_is_named(tmp_path):
    study = Study({"karate": NETWORKS["karate"]}, ["l3"], repeats=2)
    assert study.run(tmp_path, backend="dask", jobs=2).records == study.run().records
    with pytest.raises(ns.StudyError, match="no Dask cluster answers at tcp://127.0.0.1:1"):
        Study({"karate": NETWORKS["karate"]}, ["l3"], repeats=1).run(backend="dask", scheduler="tcp://127.0.0.1:1")


# ---- study.toml and the command -------------------------------------------------------------------------

TOML = """
networks = ["nets", "w*.edges"]
methods = ["l3", "ra"]
repeats = 2
seed = 4
metrics = ["auc_roc"]
[method.k]
method = "katz"
beta = 0.02
[network.karate]
domain = "social"
[network.fixed]
path = "nets/karate.edges"
test = ["test.edges"]
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "nets").mkdir()
    ns.write(NETWORKS["karate"], tmp_path / "nets" / "karate.edges")
    (tmp_path / "nets" / "notes.csv").write_text("not a network")
    ns.write(NETWORKS["women"], tmp_path / "women.edges")
    (tmp_path / "test.edges").write_text("0 1\n0 2\n")
    (tmp_path / "s.toml").write_text(TOML)
    return tmp_path


def test_a_study_file_means_what_the_same_study_in_python_means(folder):
    study, out, metrics = read_study_file(folder / "s.toml")
    assert out == folder / "s" and metrics == ["auc_roc"] and list(study.networks) == ["karate", "women", "fixed"]
    fixed = ns.linkpred.read_split(study.networks["karate"], folder / "test.edges")
    same = Study({"karate": NETWORKS["karate"], "women": ns.read(folder / "women.edges"), "fixed": NETWORKS["karate"]},
                 {"l3": "l3", "ra": "ra", "k": {"method": "katz", "beta": 0.02}}, repeats=2, seed=4, domains={"karate": "social"}, splits={"fixed": [fixed]})
    same.networks["karate"] = same.networks["fixed"] = study.networks["karate"]
    assert study.plan() == same.plan()


def test_a_study_simplifies_all_its_networks_if_told_to(tmp_path):
    (tmp_path / "nets").mkdir()
    (tmp_path / "nets" / "both.edges").write_text("0 1\n1 0\n1 2\n2 2\n")
    (tmp_path / "more.edges").write_text("0 1\n0 1\n1 2\n")
    text = 'networks = ["nets"]\nmethods = ["ra"]\n[network.other]\npath = "more.edges"\n'
    (tmp_path / "s.toml").write_text(text)
    with pytest.raises(ns.FileError, match="both.edges:4: node 2 is linked to itself"):
        read_study_file(tmp_path / "s.toml")
    (tmp_path / "s.toml").write_text(f"simplify = true\n{text}")
    chain = ns.Graph.from_edges([0, 1], [1, 2], n=3)
    assert list(read_study_file(tmp_path / "s.toml").study.networks.values()) == [chain, chain]


def run_command(*arguments, cwd):
    return subprocess.run([sys.executable, "-m", "netsnn.cli", *arguments], capture_output=True, text=True, cwd=cwd)


def test_the_command_runs_prints_and_resumes(folder):
    checked = run_command("study", "s.toml", "--check", cwd=folder)
    assert checked.returncode == 0 and "networks: 3, methods: 4, cells: 18" in checked.stdout and not (folder / "s").exists()
    done = run_command("study", "s.toml", "--jobs", "2", cwd=folder)
    assert done.returncode == 0, done.stderr
    assert "pa (null)" in done.stdout and "18 cells in s" in done.stdout and (folder / "s" / "figures" / "heatmap_auc_roc.png").exists()
    assert done.stderr == ""
    record = json.loads((folder / "s" / "cells" / "fixed" / "0" / "k.json").read_text())
    assert record["stated"] == {"beta": 0.02, "length": None} and record["test"] == 2
    again = run_command("study", "s.toml", cwd=folder)
    assert again.stdout == done.stdout


@pytest.mark.parametrize(("change", "message"), [
    (("repeats", "repeat"), "unknown key 'repeat', did you mean 'repeats'"),
    (("repeats = 2", "repeats = 'two'"), "repeats must be a whole number, got 'two'"),
    (("repeats = 2", "simplify = 'no'"), "simplify must be true or false, got 'no'"),
    (('"l3", "ra"', '"l3", "rA"'), "no method 'rA'; methods: "),
    (("beta = 0.02", "alpha = 0.02"), "'katz' has no option 'alpha'"),
    (('"auc_roc"', '"auc"'), "no metric 'auc'; metrics: precision"),
    (('"nets"', '"nests"'), "nests: No such file or directory"),
    (('path = "nets/karate.edges"', ""), r"\[network.fixed\] has no path"),
    (('"test.edges"', '"women.edges"'), "women.edges: .* holds a Layer|women.edges: "),
    (("networks =", "networks"), "no TOML: "),
    (("networks =", "networks = " + "[" * 5000), "no TOML: "),
    (("networks =", "seed = " + "9" * 5000 + "\nnetworks ="), "no TOML: "),
    (('domain = "social"', "domain = 3"), r"\[network.karate\] domain must be a text, got 3"),
])
def test_a_wrong_study_file_is_one_clear_line(folder, change, message):
    (folder / "s.toml").write_text(TOML.replace(*change))
    with pytest.raises(ns.NetsnnError, match=message):
        read_study_file(folder / "s.toml")
    failed = run_command("study", "s.toml", cwd=folder)
    assert failed.returncode == 1 and failed.stderr.startswith("netsnn: error: ") and failed.stderr.count("\n") == 1 and not (folder / "s").exists()


def test_failed_cells_make_the_command_end_with_1_after_all_else_is_done(folder):
    # this katz diverges: beta above 1 / largest eigenvalue
    (folder / "s.toml").write_text(TOML.replace("beta = 0.02", "beta = 2"))
    failed = run_command("study", "s.toml", cwd=folder)
    assert failed.returncode == 1 and "5 of 18 cells failed (first: karate, split 0, k: the Katz sum diverges: beta must be below" in failed.stderr
    assert "pa (null)" in failed.stdout and (folder / "s" / "cells.csv").exists()


with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import distributed  # noqa: F401  its import warns
