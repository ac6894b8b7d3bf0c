import copy
import pickle

import igraph as ig
import networkx as nx
import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import netsnn as ns


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


def test_a_stored_zero_of_a_graph_is_a_link():
    ends = np.array([0, 1]), np.array([1, 0])
    graph, weights = ns.Graph.from_scipy(sp.csr_array((np.zeros(2), ends), shape=(3, 3)), weights=True)
    assert graph.n_links == 1 and weights.tolist() == [0]
    assert graph.to_scipy(weights).nnz == 2


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.uint8, bool])
def test_weights_keep_their_type(dtype):
    w = np.array([1, 0]).astype(dtype)
    for kind, value in ((ns.Layer, ns.Layer.from_edges([0, 1], [0, 1], (2, 2))), (ns.Graph, ns.Graph.from_edges([0, 1], [1, 2], 3))):
        matrix = value.to_scipy(w)
        again, weights = kind.from_scipy(matrix, weights=True)
        assert matrix.dtype == value.to_dense(w).dtype == weights.dtype == dtype
        assert again == value and weights.tolist() == w.tolist()
        np.testing.assert_array_equal(matrix.toarray(), value.to_dense(w))


@pytest.mark.parametrize("make", [
    lambda matrix: ns.Layer.from_scipy(matrix, weights=True),
    lambda matrix: ns.Graph.from_scipy(matrix, weights=True),
])
def test_reading_a_scipy_matrix_leaves_it_alone(make):
    # unsorted, and the first row names column 1 twice: SciPy puts that in order in place
    matrix = sp.csr_array((np.array([5.0, 1, 2, 5, 3]), np.array([2, 1, 1, 0, 0]), np.array([0, 3, 4, 5])), shape=(3, 3))
    matrix.data[3] = 3.0
    matrix.data[4] = 5.0
    arrays_of = lambda: [x.tolist() for x in (matrix.data, matrix.indices, matrix.indptr)]
    before = arrays_of()
    value, weights = make(matrix)
    assert arrays_of() == before
    np.testing.assert_array_equal(value.to_dense(weights), [[0, 3, 5], [3, 0, 0], [5, 0, 0]])
    weights[:] = -1
    assert arrays_of() == before


def test_weights_given_to_a_conversion_are_not_shared():
    layer, w = ns.Layer.from_edges([0, 1], [0, 1], (2, 2)), np.ones(2)
    layer.to_scipy(w).data[:] = 7
    layer.to_dense(w)[:] = 7
    ns.Layer.from_edges(*layer.links, layer.shape, weights=w)[1][:] = 7
    assert w.tolist() == [1, 1]


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
    assert ns.Graph.from_edges([0], [1], 2, names="ab") != ns.Graph.from_edges([0], [1], 2, names="ba")
    assert ns.Layer.from_edges([], [], (2, 2)) != ns.Graph.from_edges([], [], 2)


@pytest.mark.parametrize(("one", "two"), [(["a", "b"], np.array(["a", "b"])), ([1, 2], np.array([1, 2])), ([1, 2], [1.0, 2.0])])
def test_equal_names_of_other_types_make_equal_values_with_equal_hashes(one, two):
    make = lambda names: (ns.Layer.from_edges([0], [1], (2, 2), output_names=names), ns.Graph.from_edges([0], [1], 2, names=names))
    for a, b in zip(make(one), make(two)):
        assert a == b and hash(a) == hash(b) and len({a, b}) == 1
    assert not any(isinstance(name, np.generic) for name in make(two)[0].output_names)


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


@pytest.mark.parametrize(("inputs", "outputs"), [
    (["a", "b"], ["a", "b"]), (["a", "b"], None), (None, ["a", "b"]), ([2, 3], None), (None, [0, 1]), ([1, 0], [3, 2]),
    ([0, "0"], None), (["0", "1"], ["2", "3"]), ([0, 1], [2, 3]),
])
def test_names_on_any_side_survive_networkx_and_igraph(inputs, outputs):
    layer = ns.Layer.from_edges([0, 1], [1, 1], (2, 2), input_names=inputs, output_names=outputs)
    assert ns.Layer.from_networkx(layer.to_networkx()) == layer == ns.Layer.from_igraph(layer.to_igraph())
    assert layer.T.input_names == layer.output_names and layer.T.output_names == layer.input_names


@pytest.mark.parametrize("names", ["ab", [1, 0], [0, 1], [0, "0"], ["0", "1"]])
def test_names_of_a_graph_survive_networkx_and_igraph(names):
    graph = ns.Graph.from_edges([0], [1], 2, names=names)
    assert ns.Graph.from_networkx(graph.to_networkx()) == graph == ns.Graph.from_igraph(graph.to_igraph())


@settings(max_examples=60, deadline=None)
@given(graph=graphs(), data=st.data())
def test_find_on_a_graph_works_in_both_directions(graph, data):
    mask = graph.to_dense()
    u, v = np.indices(graph.shape).reshape(2, -1)
    at = graph.find(u, v)
    assert ((at >= 0) == mask.ravel()).all() and (at == graph.find(v, u)).all()
    assert at[(at >= 0) & (u < v)].tolist() == list(range(graph.n_links))
    assert graph.density == pytest.approx(nx.density(graph.to_networkx())) and graph.n_links * 2 == mask.sum()


def test_neighbouring_ids_of_a_large_layer_do_not_overflow():
    last = 2**31 - 2
    layer = ns.Layer.from_edges(np.array([4, 3, 0], dtype=np.int32), np.array([0, last, 5], dtype=np.int32), (5, last + 1))
    assert layer.ids.tolist() == [5, 4 * last + 3, 4 * last + 4] and layer.find([3, 4, 4], [last, 0, last]).tolist() == [1, 2, -1]
    wide = ns.Graph.from_edges(np.array([99_998], dtype=np.int32), np.array([99_999], dtype=np.int32), 100_000)
    assert wide.ids.tolist() == [99_998 * 100_000 + 99_999] and wide.find([99_999], [99_998]).tolist() == [0]


def test_clashing_names_of_the_two_sides_survive_networkx():
    layer = ns.Layer.from_edges([0, 1], [1, 1], (2, 2), input_names=["a", "b"], output_names=["a", "b"])
    graph = layer.to_networkx()
    assert list(graph) == [0, 1, 2, 3] and ns.Layer.from_networkx(graph) == layer
    assert list(ns.Layer.from_edges([0], [0], (1, 1), input_names=["a"], output_names=["b"]).to_networkx()) == ["a", "b"]


def test_labels_equal_as_text_do_not_become_nodes():
    # most files would make one node of 0 and "0"
    layer = ns.Layer.from_edges([0], [0], (1, 1), input_names=[0], output_names=["0"])
    assert list(layer.to_networkx().nodes(data="name")) == [(0, 0), (1, "0")]
    assert list(ns.Graph.from_edges([0], [1], 2, names=[7, "7"]).to_networkx().nodes(data="name")) == [(0, 7), (1, "7")]


def test_outputs_may_come_before_inputs_in_other_libraries():
    # outputs p, q and inputs a, b, c interleaved; links a-q, b-p, c-q with weights 1, 2, 3
    expected = ns.Layer.from_edges([0, 1, 2], [1, 0, 1], (3, 2), input_names="abc", output_names="pq")
    graph = nx.Graph()
    for node in "paqbc":
        graph.add_node(node, bipartite=int(node in "pq"))
    graph.add_weighted_edges_from([("q", "a", 1), ("p", "b", 2), ("c", "q", 3)])
    other = ig.Graph(n=5, edges=[(0, 3), (2, 1), (4, 2)])
    other.vs["name"], other.vs["type"], other.es["weight"] = list("paqbc"), [True, False, True, False, False], [2, 1, 3]
    for layer, weights in (ns.Layer.from_networkx(graph, weight="weight"), ns.Layer.from_igraph(other, weight="weight")):
        assert layer == expected and weights.tolist() == [1, 2, 3]


def test_networkx_bipartite_functions_accept_a_layer():
    graph = ns.Layer.from_edges([0, 1, 1], [0, 0, 1], (2, 3)).to_networkx()
    assert nx.is_bipartite(graph) and nx.get_node_attributes(graph, "bipartite") == {0: 0, 1: 0, 2: 1, 3: 1, 4: 1}
    assert ns.Layer.from_networkx(nx.davis_southern_women_graph()).shape == (18, 14)


def test_igraph_bipartite_functions_accept_a_layer():
    graph = ns.Layer.from_edges([0, 1, 1], [0, 0, 1], (2, 3)).to_igraph()
    assert graph.is_bipartite() and graph.bipartite_projection_size() == (2, 1, 3, 1)


def joined_inputs():
    graph = ig.Graph(n=3, edges=[(0, 1)])
    graph.vs["type"] = [False, False, True]
    return graph


def backward_link():
    graph = nx.DiGraph([(1, 0)])
    nx.set_node_attributes(graph, {0: 0, 1: 1}, "bipartite")
    return graph


def backward_link_igraph():
    graph = ig.Graph(n=2, edges=[(1, 0)], directed=True)
    graph.vs["type"] = [False, True]
    return graph


def half_weighted():
    graph = nx.path_graph(3)
    for node in graph:
        graph.nodes[node].update(bipartite=node % 2, type=node % 2)
    graph.edges[0, 1]["weight"] = 0.5
    return graph


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
    (edges([0], [1], weights=["a"]), "weights must be numbers, got <U1"),
    (edges([0], [1], weights=[None]), "weights must be numbers, got object"),
    (lambda: ns.Layer.from_networkx(half_weighted(), weight="weight"), "link 1 - 2 has no 'weight'"),
    (lambda: ns.Graph.from_networkx(half_weighted(), weight="weight"), "link 1 - 2 has no 'weight'"),
    (lambda: ns.Layer.from_igraph(ig.Graph.from_networkx(half_weighted()), weight="weight"), "link 1 - 2 has no 'weight'"),
    (lambda: ns.Graph.from_igraph(ig.Graph.from_networkx(half_weighted()), weight="w"), "link 0 - 1 has no 'w'"),
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
    (edges([0], [1], input_names=["a", None]), "input_names must name every neuron, but number 1 is None"),
    (edges([0], [1], shape=(True, 3)), "n_in must be a whole number from 0 to 2147483647, got True"),
    (lambda: ns.Layer.from_dense(np.eye(2)).find([2], [0]), r"row holds 2, outside 0 \.\. 1"),
    (lambda: ns.Layer.from_dense(np.eye(2)).select([True]), r"mask must have one value a link \(2\), got shape \(1,\)"),
    (lambda: ns.Layer.from_scipy(sp.coo_array(np.ones(3))), r"the matrix must have 2 dimensions, got shape \(3,\)"),
    (lambda: ns.Layer.from_scipy(sp.csr_array([[np.nan]]), weights=True), "the weight of link number 0 is NaN"),
    (lambda: ns.Layer.from_dense(np.eye(2)).to_scipy([1.0]), r"weights must have one value a link \(2\), got shape \(1,\)"),
    (lambda: ns.Layer(1, 2, np.array([0.0, 1]), np.array([1])), r"indptr must be a one-dimensional integer array, got float64 of shape \(2,\)"),
    (lambda: ns.Layer(2, 2, np.array([0, 2, 1]), np.array([1])), "indptr must rise from 0 to the 1 links in 3 entries"),
    (lambda: ns.Layer.from_igraph(joined_inputs()), r"link \(0, 1\) joins two vertices of the same type"),
    (lambda: ns.Layer.from_igraph(backward_link_igraph()), r"link \(1, 0\) goes from an output \(type=True\) to an input"),
    (lambda: ns.Layer.from_networkx(backward_link()), r"link 1 - 0 does not go from an input \(bipartite=0\) to an output"),
    (lambda: ns.Layer.from_dense(np.eye(2)) - ns.Graph.from_edges([0], [1], 2), "layers must have the same shape"),
    (lambda: ns.Layer.from_dense(np.eye(2)) | ns.Layer.from_dense(np.eye(3)), "layers must have the same shape"),
    (lambda: ns.Graph.from_edges([0], [0], 2), "a graph has no self-loops; node 0 has one"),
    (lambda: ns.Graph.from_edges([0, 1], [1, 0], 2), "link 0 -> 1 is given twice|link 1 -> 0 is given twice"),
    (lambda: ns.Graph.from_scipy(sp.csr_array(np.array([[0, 1], [0, 0]]))), "must be symmetric"),
    (lambda: ns.Graph.from_scipy(sp.csr_array(np.ones((2, 3)))), r"needs a square matrix, got shape \(2, 3\)"),
    (lambda: ns.Graph.from_networkx(nx.DiGraph([(0, 1)])), "got a directed networkx graph"),
    (lambda: ns.Graph.from_networkx(nx.MultiGraph([(0, 1), (0, 1)])), "link 0 -> 1 is given twice"),
    (lambda: ns.Graph.from_igraph(ig.Graph(n=2, edges=[(0, 1)], directed=True)), "got a directed igraph graph"),
    (lambda: ns.Graph.from_edges([0, 1], [1], 3), "u and v must have the same length, got 2 and 1"),
    (lambda: ns.Graph.from_edges([0], [3], 3), r"v holds 3, outside 0 \.\. 2"),
    (lambda: ns.Graph.from_edges([0], [1], 3, names=["a"]), r"names must hold one name a neuron \(3\), got 1"),
    (lambda: ns.Graph.from_edges([0], [1], 2, weights=[np.nan]), "the weight of link number 0 is NaN"),
    (lambda: ns.Graph.from_dense(np.eye(2)), "a graph has no self-loops; node 0 has one"),
    (lambda: ns.Graph.from_dense([[0, 1], [0, 0]]), "must be symmetric"),
    (lambda: ns.Graph.from_dense([[0, 1], [2, 0]], weights=True), "the weights of an undirected graph must be symmetric"),
    (lambda: ns.Graph.from_dense([[0, 1, np.inf], [1, 0, 0], [2, 0, 0]], weights=True), "the weights of an undirected graph must be symmetric"),
    (lambda: ns.Graph.from_dense([[0, np.inf, 1], [np.inf, 0, 0], [7, 0, 0]], weights=True), "the weights of an undirected graph must be symmetric"),
    (lambda: ns.Graph.from_scipy(sp.csr_array([[0, np.nan], [np.nan, 0]]), weights=True), "the weight of link number 0 is NaN"),
    (lambda: ns.Graph.from_edges([0], [1], 2) & ns.Graph.from_edges([0], [1], 3), "graphs must have the same number of nodes"),
    (lambda: ns.Graph(2, np.array([0, 1, 1]), np.array([1])), "the adjacency of an undirected graph must be symmetric"),
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


def test_simplify_keeps_the_first_weight_of_each_link():
    rng = np.random.default_rng(0)
    row, col = rng.integers(0, 20, (2, 5000))
    first = {}
    for i, link in enumerate(zip(row.tolist(), col.tolist())):
        first.setdefault(link, i)
    layer, weights = ns.Layer.from_edges(row, col, (20, 20), weights=np.arange(5000), simplify=True)
    assert weights.tolist() == [first[link] for link in zip(*(x.tolist() for x in layer.links))] and layer.n_links == len(first)
