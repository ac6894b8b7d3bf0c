"""The snippets of CONTRIBUTING.md run as they stand, in their order, and what they add works everywhere it should."""

import re
from pathlib import Path

import matplotlib
import networkx as nx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import netsnn as ns
from netsnn.cli import main
from netsnn.cli import plot as plot_command
from netsnn.evolve import rates
from tests.linkpred import brute_force

matplotlib.use("Agg")
ROOT = Path(__file__).parent.parent
PACKAGE = Path(ns.__file__).parent
TEXT = (ROOT / "CONTRIBUTING.md").read_text()
SNIPPETS = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
LAYER = ns.wiring.erdos_renyi(12, 9, density=0.3, seed=0)
GRAPH = ns.Graph.from_networkx(nx.karate_club_graph())

masks = st.tuples(st.integers(1, 8), st.integers(1, 8)).flatmap(lambda shape: arrays(bool, shape))


@pytest.fixture(scope="module")
def added():
    """The names that the snippets define; afterwards netsnn is as it was."""
    dicts = (ns.linkpred.METHODS, ns.measures.MEASURES, ns.evolve.RECIPES, rates.RATES, brute_force.CH)
    before = [dict(one) for one in dicts]
    names = {"np": np, "ns": ns}
    for snippet in SNIPPETS:
        exec(compile(snippet, "<CONTRIBUTING.md>", "exec"), names)
    brute_force.CH["inner"] = lambda d, i, e: 1 + i  # of a node; a path is worth the square root of its two nodes' product
    yield names
    for one, was in zip(dicts, before):
        one.clear()
        one.update(was)


def test_there_is_a_snippet_of_ten_lines_at_most_for_each_kind_of_addition():
    sections = re.split(r"\n### ", TEXT)[1:]
    assert [section.split("\n")[0] for section in sections] == ["A link score", "A measure", "A training recipe", "A figure"]
    assert all("```python" in section for section in sections)
    assert all(len([line for line in snippet.splitlines() if line.strip()]) <= 10 for snippet in SNIPPETS)


def test_the_files_and_names_that_the_page_tells_of_exist():
    for link in re.findall(r"\]\(([^)#:]+)[^)]*\)", TEXT):
        assert ((PACKAGE.parent if link.startswith("netsnn/") else ROOT) / link).exists(), link
    for path in re.findall(r"`((?:tests|analysis)/[\w/.]+|\w+/\w+\.py)`", TEXT):
        assert (ROOT / path).exists() or (PACKAGE / path).exists(), path
    readme = (ROOT / "README.md").read_text()
    assert re.search(r"kernels <- .* <- cli", TEXT)[0] == re.search(r"kernels <- .* <- cli", readme)[0]


# ---- a link score -----------------------------------------------------------------------------


def test_the_new_score_is_the_sum_over_listed_paths(added):
    layer = ns.linkpred.scores(LAYER, "inner_l3", links=True)
    np.testing.assert_allclose(layer, brute_force.all_scores(LAYER.to_graph().to_dense(), "inner_l3", n_left=12), rtol=1e-12)
    np.testing.assert_allclose(ns.linkpred.scores(GRAPH, "inner_l3", links=True), brute_force.all_scores(GRAPH.to_dense(), "inner_l3"), rtol=1e-12)


def test_the_new_score_streams_and_samples(added):
    every = ns.linkpred.scores(LAYER, "inner_l3")
    u, v, score = ns.linkpred.best(LAYER, "inner_l3", 5, seed=0)
    np.testing.assert_allclose(score, np.sort(every.ravel())[::-1][:5], rtol=1e-12)
    np.testing.assert_allclose(every[u, v], score, rtol=1e-12)
    drawn = ns.linkpred.best(LAYER, "inner_l3", 5, sample=True, seed=0)
    assert (every[drawn.u, drawn.v] > 0).all() and (LAYER.find(drawn.u, drawn.v) < 0).all()


def test_both_scores_take_part_in_studies_and_the_name_in_the_command(added, tmp_path, capsys):
    study = ns.linkpred.Study({"karate": GRAPH, "layer": LAYER}, {"inner_l3": "inner_l3", "gap": added["degree_gap"]}, fraction=0.2, repeats=2, seed=0)
    result = study.run()
    assert set(result.methods) == {"pa", "inner_l3", "gap"} and len(result.records) == 2 * 2 * 3
    for record in result.records:
        hidden = study.split(record["network"], record["split"])
        method = {"gap": added["degree_gap"]}.get(record["method"], record["method"])
        assert record["metrics"]["auc_roc"] == pytest.approx(by_counting(hidden, ns.linkpred.scores(hidden.train, method)))
    ns.write(LAYER, tmp_path / "layer.npz")
    assert main(["predict", str(tmp_path / "layer.npz"), "-m", "inner_l3", "-k", "3"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 4


def by_counting(hidden, score):
    """AUC-ROC: how often a hidden link is above a pair that was never linked, ties by half."""
    u, v = hidden.test
    score = np.vectorize(lambda value: float(f"{value:.11e}"))(score)  # what differs by rounding is a tie
    never = np.ones(score.shape, dtype=bool)
    never[hidden.train.links] = never[u, v] = False
    if isinstance(hidden.train, ns.Graph):
        never = np.triu(never & never.T, 1)
    hits, others = score[u, v][:, None], score[never][None]
    return ((hits > others) + (hits == others) / 2).mean()


# ---- a measure --------------------------------------------------------------------------------


@given(mask=masks)
def test_the_new_measure_counts_equal_columns(added, mask):
    found = ns.measures.summary(ns.Layer.from_dense(mask), "twins")
    alike = [any((mask[:, i] == mask[:, j]).all() for j in range(mask.shape[1]) if j != i) for i in range(mask.shape[1])]
    assert found["twins"] == pytest.approx(np.mean(alike))


def test_the_new_measure_is_in_summaries_frames_and_the_command(added, tmp_path, capsys):
    layer = ns.Layer.from_edges([0, 1, 0, 1, 2, 3], [0, 0, 1, 1, 2, 2], shape=(4, 3))  # outputs 0 and 1 are twins
    row = ns.measures.summary(layer, ["degrees", "twins"], nulls=5, seed=0)
    assert row["twins"] == pytest.approx(2 / 3) and "twins_z" in row
    history = ns.History(tmp_path / "run")
    history.record([layer, LAYER], step=0)
    assert list(history.frame(lambda one: ns.measures.summary(one, "twins"))["twins"]) == pytest.approx([2 / 3, 0])
    ns.write(layer, tmp_path / "layer.npz")
    assert main(["measure", str(tmp_path / "layer.npz"), "-m", "twins", "-o", "csv"]) == 0
    assert capsys.readouterr().out.splitlines() == ["twins", str(2 / 3)]


# ---- a training recipe ------------------------------------------------------------------------


@pytest.mark.parametrize(("progress", "share"), [(0, 0.4), (0.3, 0.2), (0.5, 0.1), (0.99, 0.05)])
def test_an_event_of_the_new_recipe_takes_the_share_and_grows_the_best_of_the_new_score(added, progress, share):
    recipe = added["inner_snn"](sparsity=0.7, last="evolve")
    before = ns.evolve.start(recipe, [(12, 10)], seed=0)
    after, event = ns.evolve.rewire(before, recipe, progress=progress, seed=1)
    (layer,), (grown,) = after.layers, event.grown
    row, col = (np.concatenate(ends) for ends in zip(*grown.values()))
    assert layer.n_links == before.n_links == 36 and len(row) == int(share * 36)
    kept = np.abs(before.weights[0]) >= np.sort(np.abs(before.weights[0]))[len(row)]
    left = ns.Layer.from_edges(*(ends[kept] for ends in before.layers[0].links), shape=(12, 10))
    assert left.n_links == 36 - len(row) and (layer.find(*left.links) >= 0).all()
    score = np.where(left.to_dense(), -1, brute_force.all_scores(left.to_graph().to_dense(), "inner_l3", n_left=12))
    assert sorted(score[row, col]) == pytest.approx(sorted(score.ravel())[-len(row):])


def test_the_new_recipe_trains_a_torch_model(added, tmp_path):
    import torch

    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(20, 30), torch.nn.ReLU(), torch.nn.Linear(30, 5))
    recipe = ns.evolve.RECIPES["inner_snn"](sparsity=0.8)
    ns.sparsify(model, recipe, seed=0)
    optimizer = torch.optim.Adam(model.parameters())
    evolver = ns.Evolver(model, optimizer, recipe, steps_per_epoch=2, epochs=4, history=tmp_path / "history")
    for _ in range(8):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(torch.rand(16, 20)), torch.randint(5, (16,))).backward()
        optimizer.step()
        evolver.step()
    layers = [snapshot.layers[0] for snapshot in ns.History(tmp_path / "history")]
    assert {layer.n_links for layer in layers} == {120} and len(set(layers)) > 2
    weight = model[0].weight.detach().numpy().T
    assert (weight[~layers[-1].to_dense()] == 0).all() and (weight[layers[-1].links] != 0).any()


def test_the_new_recipe_is_a_method_of_training_runs(added, tmp_path):
    run = ns.snn.train(out=tmp_path / "run", data="digits", samples=100, hidden=[30], method="inner_snn", sparsity=0.9, epochs=2, steps=2, seed=0)
    assert {snapshot.layers[0].n_links for snapshot in run.history} == {round(0.1 * 784 * 30)} and run.history[0].layers[0] != run.history[-1].layers[0]


# ---- a figure ---------------------------------------------------------------------------------


def test_the_new_figure_draws_what_networkx_counts_into_the_given_axes(added, tmp_path):
    from matplotlib import pyplot as plt

    before = dict(matplotlib.rcParams)
    figure, ax = plt.subplots()
    assert added["mixing"](LAYER, ax=ax) is ax and dict(matplotlib.rcParams) == before
    graph = LAYER.to_networkx()
    around = nx.average_neighbor_degree(graph)
    outputs = [node for node, side in graph.nodes(data="bipartite") if side == 1 and graph.degree[node]]
    expected = sorted((graph.degree[node], around[node]) for node in outputs)
    np.testing.assert_allclose(sorted(map(tuple, ax.collections[0].get_offsets().data)), expected)
    ns.plot.save(added["mixing"](LAYER), tmp_path / "mixing.pdf")
    ns.plot.save(ax, tmp_path / "mixing.svg")
    assert (tmp_path / "mixing.pdf").read_bytes().startswith(b"%PDF") and "links of an output</text>" in (tmp_path / "mixing.svg").read_text()
    plt.close("all")


def test_the_new_figure_becomes_one_of_the_command_by_two_entries(added, tmp_path, monkeypatch):
    monkeypatch.setattr(ns.plot, "mixing", added["mixing"], raising=False)
    monkeypatch.setitem(plot_command.LAYER, "mixing", "how links mix")
    ns.write(LAYER, tmp_path / "layer.npz")
    assert main(["plot", str(tmp_path / "layer.npz"), "--figure", "mixing", "-o", str(tmp_path / "mixing.svg")]) == 0
    assert "mean links of its inputs" in (tmp_path / "mixing.svg").read_text()
