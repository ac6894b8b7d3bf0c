import collections
import itertools

import networkx as nx
import numpy as np
import pytest
import scipy.stats

import netsnn as ns
from netsnn.linkpred import read_split, split
from tests.linkpred.test_scores import random_graph, random_layer

NETWORKS = [random_graph(50, 0.12, 0), random_layer((30, 45), 0.08, 0)]


@pytest.mark.parametrize("graph", NETWORKS)
@pytest.mark.parametrize("removal", ["random", "connected"])
def test_a_split_hides_the_exact_number_of_links_and_loses_none(graph, removal):
    hidden = split(graph, 0.1, removal=removal, seed=1)
    u, v = hidden.test
    assert len(u) == round(0.1 * graph.n_links) and (hidden.train.find(u, v) < 0).all() and (graph.find(u, v) >= 0).all()
    assert hidden.train.n_links + len(u) == graph.n_links and hidden.train.shape == graph.shape
    again, other = (split(graph, 0.1, removal=removal, seed=s) for s in (1, 2))
    assert again.train == hidden.train != other.train
    if removal == "connected":
        parts = lambda g: nx.number_connected_components(g.to_networkx())
        for seed in range(20):
            assert parts(split(graph, 0.1, removal="connected", seed=seed).train) == parts(graph)


def test_spanning_trees_are_drawn_uniformly():
    from netsnn.linkpred.splits import spanning_forest

    graph = ns.Graph.from_edges([0, 0, 0, 1, 2, 5], [1, 2, 3, 2, 3, 6], 7)  # 8 trees of a square with a diagonal; a pair; a lone node
    square = graph.n_links - 1
    every = [t for t in itertools.combinations(range(square), 3)
             if nx.is_tree(nx.Graph([(int(graph.links[0][i]), int(graph.links[1][i])) for i in t])) and
             len({int(x[i]) for x in graph.links for i in t}) == 4]
    rng = np.random.default_rng(0)
    seen = collections.Counter(tuple(spanning_forest(graph, rng).tolist()) for _ in range(4000))
    assert len(every) == 8 and set(seen) == {(*t, square) for t in every}
    assert scipy.stats.chisquare(list(seen.values())).pvalue > 1e-4


@pytest.mark.parametrize("graph", NETWORKS)
def test_negatives_are_unlinked_and_as_many_as_test_links(graph):
    for negatives in ("degree_matched", "sampled"):
        hidden = split(graph, 0.1, negatives=negatives, seed=0)
        u, v = hidden.negatives
        assert len(u) == len(hidden.test[0]) == len(np.unique(u * graph.shape[1] + v)) and (graph.find(u, v) < 0).all()
        assert isinstance(graph, ns.Layer) or (u < v).all()


def test_degree_matched_negatives_have_the_degrees_of_links():
    graph = ns.Graph.from_networkx(nx.barabasi_albert_graph(400, 3, seed=0))
    degrees = graph.degrees
    mean = lambda negatives: np.mean([degrees[np.concatenate(split(graph, 0.1, negatives=negatives, seed=s).negatives)].mean() for s in range(20)])
    by_links = degrees[np.concatenate(graph.links)].mean()
    assert mean("degree_matched") == pytest.approx(by_links, rel=0.12)  # a little less: hubs' pairs are linked already
    assert mean("sampled") == pytest.approx(degrees.mean(), rel=0.05) and by_links > 2 * degrees.mean()


def test_a_split_is_read_from_files_by_name_or_number(tmp_path):
    graph = ns.Graph.from_edges([0, 1, 2, 3], [1, 2, 3, 0], 4, names="abcd")
    (tmp_path / "test.edges").write_text("b c\nd a\n")
    (tmp_path / "no.edges").write_text("d b\n")
    hidden = read_split(graph, tmp_path / "test.edges", tmp_path / "no.edges")
    assert sorted(zip(*(x.tolist() for x in hidden.test))) == [(0, 3), (1, 2)] and hidden.train.n_links == 2
    assert [x.tolist() for x in hidden.negatives] == [[1], [3]]
    layer = ns.Layer.from_edges([0, 1, 1], [0, 0, 2], (2, 3))
    (tmp_path / "layer.edges").write_text("1 2\n")
    assert [x.tolist() for x in read_split(layer, tmp_path / "layer.edges").test] == [[1], [2]]


@pytest.mark.parametrize(("text", "message"), [
    ("a c\n", r"a - c is no link of the network"), ("a z\n", r"the network has no node 'z'"), ("a b\nb a\n", r":2: link 'b' - 'a' is given twice|given twice"),
    ("", "the file is empty"),
])
def test_a_wrong_split_file_is_named(tmp_path, text, message):
    graph = ns.Graph.from_edges([0, 1, 2, 3], [1, 2, 3, 0], 4, names="abcd")
    (tmp_path / "test.edges").write_text(text)
    with pytest.raises(ns.FileError, match=f"^{tmp_path / 'test.edges'}.*({message})"):
        read_split(graph, tmp_path / "test.edges")
    (tmp_path / "fine.edges").write_text("a b\n")
    with pytest.raises(ns.FileError, match="b - c is a link of the network, so no negative"):
        (tmp_path / "no.edges").write_text("b c\n")
        read_split(graph, tmp_path / "fine.edges", tmp_path / "no.edges")


@pytest.mark.parametrize(("arguments", "message"), [
    ({"fraction": 1.5}, r"fraction must lie in \(0, 1\), got 1.5"),
    ({"fraction": 0.001}, "0.001 of 4 links is no link at all"),
    ({"fraction": 0.9, "removal": "connected"}, "cannot hide 4 of 4 links and keep the graph connected: only 1 are"),
    ({"removal": "all"}, "removal must be one of random, connected, got 'all'"),
    ({"negatives": "some"}, "negatives must be one of all, degree_matched, sampled, got 'some'"),
    ({"fraction": 0.75, "negatives": "sampled"}, "cannot draw 3 negatives: the graph has 2 unlinked pairs"),
])
def test_an_impossible_split_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        split(ns.Graph.from_edges([0, 1, 2, 3], [1, 2, 3, 0], 4), **arguments)
