import copy
import pickle

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import netsnn as ns


@st.composite
def networks(draw):
    sizes = draw(st.lists(st.integers(1, 6), min_size=2, max_size=6))
    return ns.Network([ns.Layer.from_dense(draw(arrays(bool, shape, elements=st.sampled_from([False, False, True]))))
                       for shape in zip(sizes, sizes[1:])])


def as_digraph(network):
    graph = nx.DiGraph()
    for group, n in enumerate(network.sizes):
        graph.add_nodes_from((group, i) for i in range(n))
    for group, layer in enumerate(network):
        graph.add_edges_from(((group, i), (group + 1, j)) for i, j in zip(*(x.tolist() for x in layer.links)))
    return graph


def on_a_path(network):
    """Nodes that an input reaches and that reach an output, by networkx."""
    graph, last = as_digraph(network), len(network)
    reached = {y for x in graph if x[0] == 0 for y in nx.descendants(graph, x) | {x}}
    leading = {y for x in graph if x[0] == last for y in nx.ancestors(graph, x) | {x}}
    return reached & leading


@settings(max_examples=150, deadline=None)
@given(network=networks())
def test_percolation_finds_the_dead_and_leaves_exactly_the_links_on_paths(network):
    alive, graph = on_a_path(network), as_digraph(network)
    result = network.percolate()
    for group, n in enumerate(network.sizes):
        dead = {i for i in range(n) if (group, i) not in alive}
        assert set(result.dead[group].tolist()) == dead
        assert set(result.killed[group].tolist()) == {i for i in dead if graph.degree((group, i))}
        assert (network.active[group] == [(group, i) in alive for i in range(n)]).all()
    assert set(as_digraph(result.network).edges) == {(x, y) for x, y in graph.edges if x in alive and y in alive}
    assert network.effective() == result.network
    assert result.network.percolate().network == result.network  # the fixpoint


@settings(max_examples=80, deadline=None)
@given(network=networks())
def test_path_counts_equal_matrix_products_and_listed_paths(network):
    product = np.eye(network.sizes[0], dtype=object)
    for layer in network:
        product = product @ layer.to_dense().astype(int).astype(object)
    assert network.n_paths == product.sum()
    graph, last = as_digraph(network), len(network)
    through = {node: 0 for node in graph}
    for source in range(network.sizes[0]):
        for target in range(network.sizes[-1]):
            for path in nx.all_simple_paths(graph, (0, source), (last, target)):
                for node in path:
                    through[node] += 1
    assert all(through[group, i] == count for group, counts in enumerate(network.path_counts()) for i, count in enumerate(counts.tolist()))


def test_path_counts_do_not_overflow():
    full = ns.Layer.from_dense(np.ones((100, 100)))
    network = ns.Network([full] * 12)
    assert network.n_paths == 100**13
    assert set(network.path_counts()[6].tolist()) == {100**12}


@pytest.mark.parametrize("n", [31, 32, 63, 64])
def test_path_counts_are_exact_on_both_sides_of_64_bits(n):
    # 2^n paths into the one output, 2^n from each input on: powers of two around the border where int64 ends
    pair = ns.Layer.from_dense(np.ones((2, 2)))
    network = ns.Network([*[pair] * (n - 1), ns.Layer.from_dense(np.ones((2, 1)))])
    assert network.n_paths == 2**n
    assert [sum(map(int, counts)) for counts in network.path_counts()] == [2**n] * (n + 1)


def test_path_counts_of_unequal_neurons_beyond_64_bits_equal_products_of_whole_numbers():
    rng = np.random.default_rng(0)
    dense = [(rng.random((40, 40)) < 0.5).astype(int).astype(object) for _ in range(16)]
    network = ns.Network([ns.Layer.from_dense(m.astype(bool)) for m in dense])
    before, after = [np.ones(40, dtype=object)], [np.ones(40, dtype=object)]
    for m in dense:
        before.append(before[-1] @ m)
    for m in dense[::-1]:
        after.append(m @ after[-1])
    assert max(before[-1]) > 2**63
    assert [c.tolist() for c in network.path_counts()] == [(a * b).tolist() for a, b in zip(before, after[::-1])]


def test_a_network_without_neurons_in_a_group_has_no_paths():
    network = ns.Network([ns.Layer.from_dense(np.zeros((0, 3))), ns.Layer.from_dense(np.ones((3, 2)))])
    result = network.percolate()
    assert network.n_paths == 0 == result.network.n_links and [x.tolist() for x in result.dead] == [[], [0, 1, 2], [0, 1]]
    assert [x.tolist() for x in result.killed] == [[], [0, 1, 2], [0, 1]]


def test_the_worked_chain_dies_from_both_ends():
    # 0 -> 0 -> (nothing), (nothing) -> 1 -> 0, 1 -> 2 -> 0
    first = ns.Layer.from_edges([0, 1], [0, 2], (2, 3))
    second = ns.Layer.from_edges([1, 2], [0, 0], (3, 1))
    result = ns.Network([first, second], names=["fc1", "fc2"]).percolate()
    assert [x.tolist() for x in result.dead] == [[0], [0, 1], []] == [x.tolist() for x in result.killed]
    assert [layer.n_links for layer in result.network] == [1, 1] and result.network.names == ("fc1", "fc2")


def test_layers_are_found_by_place_and_name():
    network = ns.Network([ns.Layer.from_dense(np.ones((2, 3))), ns.Layer.from_dense(np.ones((3, 4)))], names=["fc1", "fc2"])
    assert network["fc2"] is network[1] and len(network) == 2 and network.sizes == (2, 3, 4) and network.n_links == 18
    assert repr(network) == "Network(2 -> 3 -> 4, 18 links, density 100%)"
    assert list(network) == [network["fc1"], network[-1]] and network.density == 1
    with pytest.raises(KeyError, match="no layer 'fc9'; layers: .*fc1"):
        network["fc9"]
    with pytest.raises(KeyError, match=r"no layer 'fc1'; layers: \(0, 1\)"):
        ns.Network(network.layers)["fc1"]
    with pytest.raises(IndexError):
        network[2]


@pytest.mark.parametrize(("layers", "names", "message"), [
    ([(2, 3), (4, 5)], None, "layer 1 starts on 4 neurons but layer 0 ends on 3"),
    ([], None, "a network needs at least one layer"),
    ([(2, 3)], ["a", "b"], "names must be 1 different names"),
    ([(2, 3), (3, 2)], ["a", "a"], "names must be 2 different names"),
    ([(2, 3), (3, 2)], "ab", "names must be 2 different names, one a layer, got 'ab'"),
    ([(2, 3)], ns.Layer.from_edges([0], [0], (3, 1)), r"names must be 1 different names, one a layer, got Layer\(3 -> 1"),
])
def test_wrong_networks_are_named(layers, names, message):
    with pytest.raises(ValueError, match=message):
        ns.Network([ns.Layer.from_dense(np.zeros(shape)) for shape in layers], names)


def test_layers_without_brackets_are_no_list():
    layer = ns.Layer.from_edges([0], [0], (1, 1))
    for more in ([], [layer]):
        with pytest.raises(ValueError, match=r"layers must be a list of Layers, got Layer\(1 -> 1, .*: write Network\(\[layer\]\)"):
            ns.Network(layer, *more)
    assert ns.Network([layer], "fc1").names == ("fc1",)


def test_only_layers_that_agree_on_the_neurons_they_share_make_a_network():
    first = ns.Layer.from_edges([0], [0], (1, 2), output_names=["a", "b"])
    second = ns.Layer.from_edges([0], [0], (2, 1), input_names=["b", "a"])
    with pytest.raises(ValueError, match="layers 0 and 1 name the neurons they share differently"):
        ns.Network([first, second])
    assert ns.Network([first, ns.Layer.from_edges([0], [0], (2, 1))]).percolate().network[0].output_names == ("a", "b")
    with pytest.raises(ValueError, match="layer 1 of a network must be a Layer, got Graph"):
        ns.Network([first, ns.Graph.from_edges([0], [1], 2)])


def test_a_network_is_a_value():
    make = lambda: ns.Network([ns.Layer.from_dense(np.eye(3))], names=["a"])
    assert make() == make() and hash(make()) == hash(make())
    assert make() != ns.Network(make().layers) and make() != ns.Network([ns.Layer.from_dense(np.ones((3, 3)))], names=["a"])
    assert pickle.loads(pickle.dumps(make())) == make() == copy.deepcopy(make())
    with pytest.raises(AttributeError):
        make().layers = ()
