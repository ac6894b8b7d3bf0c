import copy
import pickle

import networkx as nx
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import netsnn as ns

names = st.one_of(st.none(), st.just("named"))


@st.composite
def layers(draw):
    mask = draw(arrays(bool, st.tuples(st.integers(0, 8), st.integers(0, 8))))
    bare = ns.Layer.from_dense(mask)
    sides = [[f"{side}{i}" for i in range(n)] if draw(st.booleans()) else None
             for side, n in ((draw(st.sampled_from("xy")), bare.n_in), ("x", bare.n_out))]
    return ns.Layer(*bare.shape, bare.indptr, bare.indices, *(side or None for side in sides))


@st.composite
def graphs(draw):
    n = draw(st.integers(0, 9))
    upper = np.triu(draw(arrays(bool, (n, n))), 1)
    bare = ns.Graph.from_dense(upper | upper.T)
    return ns.Graph(n, bare.indptr, bare.indices, [f"v{i}" for i in range(n)] if n and draw(st.booleans()) else None)


def weights_of(value, seed=0):
    weights = np.random.default_rng(seed).normal(size=value.n_links)
    weights[::3] = 0.0
    return weights


@settings(max_examples=80, deadline=None)
@given(layer=layers())
def test_layer_round_trips_are_exact(layer):
    bare, w = ns.Layer(*layer.shape, layer.indptr, layer.indices), weights_of(layer)
    assert ns.Layer.from_edges(*layer.links, layer.shape) == bare
    assert ns.Layer.from_dense(layer.to_dense()) == bare
    for again, weights in (ns.Layer.from_scipy(layer.to_scipy(w), weights=True),
                           ns.Layer.from_edges(*layer.links, layer.shape, weights=w)):
        assert again == bare
        np.testing.assert_array_equal(weights, w)
    for again, weights in (ns.Layer.from_networkx(layer.to_networkx(w), weight="weight"),
                           ns.Layer.from_igraph(layer.to_igraph(w), weight="weight")):
        assert again == layer
        np.testing.assert_array_equal(weights, w)
    assert ns.Layer.from_networkx(layer.to_networkx()) == layer == ns.Layer.from_igraph(layer.to_igraph())
    assert layer.T.T == layer and (layer.T.to_dense() == layer.to_dense().T).all()
    assert pickle.loads(pickle.dumps(layer)) == layer == copy.deepcopy(layer)


@settings(max_examples=80, deadline=None)
@given(graph=graphs())
def test_graph_round_trips_are_exact(graph):
    bare, w = ns.Graph(graph.n, graph.indptr, graph.indices), weights_of(graph)
    assert ns.Graph.from_edges(*graph.links, graph.n) == bare == ns.Graph.from_dense(graph.to_dense())
    again, weights = ns.Graph.from_scipy(graph.to_scipy(w), weights=True)
    assert again == bare
    np.testing.assert_array_equal(weights, w)
    for again, weights in (ns.Graph.from_networkx(graph.to_networkx(w), weight="weight"),
                           ns.Graph.from_igraph(graph.to_igraph(w), weight="weight")):
        assert again == graph
        np.testing.assert_array_equal(weights, w)
    assert pickle.loads(pickle.dumps(graph)) == graph == copy.deepcopy(graph)
    assert graph.degrees.tolist() == [d for _, d in graph.to_networkx().degree]


@pytest.mark.parametrize("kind", [sp.csr_array, sp.csr_matrix, sp.coo_array, sp.csc_array, sp.coo_matrix])
@pytest.mark.parametrize("index", [np.int32, np.int64])
def test_any_scipy_matrix_makes_the_same_layer(kind, index):
    matrix = kind(np.array([[0, 2, 0], [1, 0, 3.0]]))
    for name in ("indptr", "indices"):
        if hasattr(matrix, name):
            setattr(matrix, name, getattr(matrix, name).astype(index))
    layer, weights = ns.Layer.from_scipy(matrix, weights=True)
    assert layer == ns.Layer.from_edges([0, 1, 1], [1, 0, 2], (2, 3)) and weights.tolist() == [2, 1, 3]


def test_a_stored_zero_is_a_link():
    matrix = sp.csr_array((np.array([0.0, 1.0]), np.array([0, 1]), np.array([0, 1, 2])), shape=(2, 2))
    layer, weights = ns.Layer.from_scipy(matrix, weights=True)
    assert layer.n_links == 2 and weights.tolist() == [0, 1]
    assert ns.Layer.from_scipy(layer.to_scipy(weights)).n_links == 2


def test_float32_weights_keep_their_type():
    layer = ns.Layer.from_edges([0, 1], [0, 1], (2, 2))
    w = np.array([1, 0], dtype=np.float32)
    assert layer.to_scipy(w).dtype == layer.to_dense(w).dtype == ns.Layer.from_scipy(layer.to_scipy(w), weights=True)[1].dtype == np.float32


def test_weights_follow_the_row_major_order_of_links():
    layer, weights = ns.Layer.from_edges([1, 0, 1], [0, 2, 1], (2, 3), weights=[10.0, 20.0, 30.0])
    assert [x.tolist() for x in layer.links] == [[0, 1, 1], [2, 0, 1]] and weights.tolist() == [20, 10, 30]
    graph, weights = ns.Graph.from_edges([3, 0], [1, 2], 4, weights=[5.0, 7.0])
    assert [x.tolist() for x in graph.links] == [[0, 1], [2, 3]] and weights.tolist() == [7, 5]


def test_values_cannot_be_changed():
    for value in (ns.Layer.from_dense(np.eye(3)), ns.Graph.from_dense(1 - np.eye(3))):
        for array in (value.indptr, value.indices, *value.links):
            with pytest.raises(ValueError, match="read-only"):
                array[0] = 1
        with pytest.raises(AttributeError):
            value.indices = np.zeros(3)
    source = np.array([0, 1, 2])
    layer = ns.Layer.from_edges(source, source, (3, 3))
    source[0] = 2
    assert layer.links[0].tolist() == [0, 1, 2]
    layer.to_scipy().data[0] = 9
    layer.to_scipy().indices[0] = 2
    assert layer == ns.Layer.from_dense(np.eye(3))


def test_equality_and_hash_go_by_content():
    one, two = ns.Layer.from_edges([0, 1], [1, 0], (2, 2)), ns.Layer.from_edges([1, 0], [0, 1], (2, 2))
    assert one == two and hash(one) == hash(two) and len({one, two}) == 1
    assert one != ns.Layer.from_edges([0, 1], [1, 0], (2, 3)) and one != ns.Layer.from_edges([0], [1], (2, 2)) and one != "layer"
    assert one != ns.Layer.from_edges([0, 1], [1, 0], (2, 2), input_names="ab")
    assert ns.Graph.from_edges([0], [1], 2) == ns.Graph.from_edges([1], [0], 2) != ns.Graph.from_edges([0], [1], 3)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), shape=st.tuples(st.integers(0, 6), st.integers(0, 6)))
def test_set_algebra_is_that_of_sets_of_links(data, shape):
    a, b = (ns.Layer.from_dense(data.draw(arrays(bool, shape))) for _ in range(2))
    sets = [set(zip(*(x.tolist() for x in layer.links))) for layer in (a, b, a | b, a & b, a - b)]
    assert sets[2] == sets[0] | sets[1] and sets[3] == sets[0] & sets[1] and sets[4] == sets[0] - sets[1]
    if shape[0] == shape[1]:
        c, d = (ns.Graph.from_dense(np.triu(x.to_dense(), 1) | np.triu(x.to_dense(), 1).T) for x in (a, b))
        sets = [set(zip(*(x.tolist() for x in graph.links))) for graph in (c, d, c | d, c & d, c - d)]
        assert sets[2] == sets[0] | sets[1] and sets[3] == sets[0] & sets[1] and sets[4] == sets[0] - sets[1]


@settings(max_examples=40, deadline=None)
@given(layer=layers())
def test_find_and_degrees_agree_with_the_dense_mask(layer):
    mask = layer.to_dense()
    row, col = np.indices(layer.shape).reshape(2, -1)
    at = layer.find(row, col)
    assert ((at >= 0) == mask.ravel()).all() and at[at >= 0].tolist() == list(range(layer.n_links))
    assert layer.out_degrees.tolist() == mask.sum(1).tolist() and layer.in_degrees.tolist() == mask.sum(0).tolist()
    assert (layer.to_graph().to_dense()[:layer.n_in, layer.n_in:] == mask).all() and layer.to_graph().n_links == layer.n_links
    keep = np.arange(layer.n_links) % 2 == 0
    assert layer.select(keep).n_links == keep.sum() and layer.select(keep) | layer.select(~keep) == layer


def test_clashing_names_of_the_two_sides_survive_networkx():
    layer = ns.Layer.from_edges([0, 1], [1, 1], (2, 2), input_names=["a", "b"], output_names=["a", "b"])
    graph = layer.to_networkx()
    assert list(graph) == [0, 1, 2, 3] and ns.Layer.from_networkx(graph) == layer
    assert list(ns.Layer.from_edges([0], [0], (1, 1), input_names=["a"], output_names=["b"]).to_networkx()) == ["a", "b"]


def test_networkx_bipartite_functions_accept_a_layer():
    graph = ns.Layer.from_edges([0, 1, 1], [0, 0, 1], (2, 3)).to_networkx()
    assert nx.is_bipartite(graph) and nx.get_node_attributes(graph, "bipartite") == {0: 0, 1: 0, 2: 1, 3: 1, 4: 1}
    assert ns.Layer.from_networkx(nx.davis_southern_women_graph()).shape == (18, 14)


def test_igraph_bipartite_functions_accept_a_layer():
    graph = ns.Layer.from_edges([0, 1, 1], [0, 0, 1], (2, 3)).to_igraph()
    assert graph.is_bipartite() and graph.bipartite_projection_size() == (2, 1, 3, 1)


def edges(row, col, shape=(2, 3), **more):
    return lambda: ns.Layer.from_edges(row, col, shape, **more)


@pytest.mark.parametrize(("make", "message"), [
    (edges([0, 0], [1, 1]), r"link 0 -> 1 is given twice \(simplify=True keeps the first\)"),
    (edges([2], [0]), r"row holds 2, outside 0 \.\. 1"),
    (edges([0], [-1]), r"col holds -1, outside 0 \.\. 2"),
    (edges([0.5], [1]), "row must be a one-dimensional array of whole numbers, got float64"),
    (edges([0, 1], [1]), "row and col must have the same length, got 2 and 1"),
    (edges([0], [1], shape=(2,)), r"shape must be \(n_in, n_out\), got \(2,\)"),
    (edges([0], [1], shape=(-2, 3)), "n_in must be a whole number from 0 to 2147483647, got -2"),
    (edges([0], [1], weights=[1.0, 2.0]), r"weights must have one value a link \(1\), got shape \(2,\)"),
    (edges([0], [1], weights=[np.nan]), "the weight of link number 0 is NaN"),
    (edges([0], [1], input_names=["a"]), r"input_names must hold one name a neuron \(2\), got 1"),
    (edges([0], [1], input_names=["a", "a"]), "input_names must differ from each other; 'a' stands twice"),
    (lambda: ns.Layer.from_dense([1, 2]), r"a dense layer must have 2 dimensions, got shape \(2,\)"),
    (lambda: ns.Layer.from_dense([[np.nan]]), r"NaN at \(0, 0\) of the dense layer"),
    (lambda: ns.Layer(1, 2, np.array([0, 2]), np.array([1, 0])), "the columns of each row must rise"),
    (lambda: ns.Layer(1, 2, np.array([0, 2]), np.array([1, 1])), "the columns of each row must rise"),
    (lambda: ns.Layer(1, 2, np.array([0, 1]), np.array([5])), r"column 5 lies outside 0 \.\. 1"),
    (lambda: ns.Layer(2, 2, np.array([0, 1]), np.array([1])), "indptr must rise from 0 to the 1 links in 3 entries"),
    (lambda: ns.Layer.from_networkx(nx.path_graph(2)), "node 0 has bipartite=None; every node needs 0"),
    (lambda: ns.Layer.from_igraph(ns.Graph.from_edges([0], [1], 2).to_igraph()), "no vertex attribute 'type'"),
    (lambda: ns.Layer.from_networkx(nx.MultiGraph()), "got a networkx multigraph"),
    (lambda: ns.Layer.from_dense(np.eye(2)) | ns.Layer.from_dense(np.eye(3)), "layers must have the same shape"),
    (lambda: ns.Graph.from_edges([0], [0], 2), "a graph has no self-loops; node 0 has one"),
    (lambda: ns.Graph.from_edges([0, 1], [1, 0], 2), "link 0 -> 1 is given twice|link 1 -> 0 is given twice"),
    (lambda: ns.Graph.from_scipy(sp.csr_array(np.array([[0, 1], [0, 0]]))), "must be symmetric"),
    (lambda: ns.Graph.from_scipy(sp.csr_array(np.ones((2, 3)))), r"needs a square matrix, got shape \(2, 3\)"),
    (lambda: ns.Graph.from_networkx(nx.DiGraph([(0, 1)])), "got a directed networkx graph"),
])
def test_wrong_input_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_same_side_links_are_refused():
    graph = nx.Graph([(0, 1)])
    nx.set_node_attributes(graph, 0, "bipartite")
    with pytest.raises(ValueError, match=r"link 0 - 1 does not go from an input \(bipartite=0\) to an output"):
        ns.Layer.from_networkx(graph)


def test_simplify_drops_loops_and_repeated_links():
    graph, weights = ns.Graph.from_edges([0, 1, 1, 2], [1, 0, 1, 1], 3, weights=[1.0, 2.0, 3.0, 4.0], simplify=True)
    assert graph == ns.Graph.from_edges([0, 1], [1, 2], 3) and weights.tolist() == [1, 4]
    assert ns.Layer.from_edges([0, 0], [1, 1], (1, 2), simplify=True).n_links == 1
