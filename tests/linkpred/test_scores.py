import networkx as nx
import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import netsnn as ns
from netsnn.linkpred.layers import LayerScorer, Plan
from tests.linkpred.brute_force import all_scores

METHODS = ns.linkpred.METHODS
SPECTRAL = ("katz", "spm", "lp", "cha")
LAYER_METHODS = [m for m in METHODS if METHODS[m].bipartite and m not in SPECTRAL]
GRAPH_METHODS = [m for m in METHODS if METHODS[m].unipartite and m not in SPECTRAL]
CLOSED_FORM = [m for m in LAYER_METHODS if m not in ("pa", "l3", "ra_l3", "car", "cpa", "cjc", "bjc")]
PLANS = [Plan(transposed, tiled, 0.0) for transposed in (False, True) for tiled in (False, True)]

masks = st.tuples(st.integers(1, 9), st.integers(1, 9)).flatmap(lambda shape: arrays(bool, shape))


@st.composite
def symmetric_masks(draw):
    n = draw(st.integers(2, 9))
    upper = np.triu(draw(arrays(bool, (n, n))), 1)
    return upper | upper.T


def random_layer(shape, density, seed):
    return ns.Layer.from_dense(np.random.default_rng(seed).random(shape) < density)


def random_graph(n, density, seed):
    upper = np.triu(np.random.default_rng(seed).random((n, n)) < density, 1)
    return ns.Graph.from_dense(upper | upper.T)


@pytest.mark.parametrize("name", ["er_8x6", "er_20x30", "edge_12x10", "skew_50x80"])
@pytest.mark.parametrize("method", ["ch3_l3", "ch2_l3", "ch1_l3", "ra_l3", "ilcl_l3", "ch31_l3", "ch3_l3n", "ch2_l3n"])
def test_scores_match_the_authors_program(golden, name, method):
    data = golden(f"ch/{name}.npz")
    layer = ns.Layer.from_edges(data["row"], data["col"], shape=tuple(data["shape"]))
    pairs = data["nonedge_row"], data["nonedge_col"]
    np.testing.assert_allclose(ns.linkpred.scores(layer, method)[pairs], data[method], rtol=1e-12)
    np.testing.assert_allclose(ns.linkpred.scores(layer, method, pairs=pairs), data[method], rtol=1e-12)
    if method in CLOSED_FORM:
        for plan in PLANS:
            np.testing.assert_allclose(filled(layer, method, plan)[pairs], data[method], rtol=1e-12)


def filled(layer, method, plan):
    scorer = LayerScorer(layer, METHODS[method], plan)
    out = scorer.new_array()
    scorer.fill(out)
    return out


@pytest.mark.parametrize("method", LAYER_METHODS)
@settings(max_examples=25, deadline=None)
@given(mask=masks)
def test_layer_scores_equal_the_sum_over_listed_paths(method, mask):
    layer = ns.Layer.from_dense(mask)
    expected = all_scores(layer.to_graph().to_dense(), method, n_left=layer.n_in)
    np.testing.assert_allclose(ns.linkpred.scores(layer, method, links=True), expected, rtol=1e-12, atol=1e-13)
    unlinked = ns.linkpred.scores(layer, method)
    np.testing.assert_allclose(unlinked, np.where(mask, 0, expected), rtol=1e-12, atol=1e-13)
    assert (unlinked[mask] == 0).all()
    if method in CLOSED_FORM:
        for plan in PLANS:
            np.testing.assert_allclose(filled(layer, method, plan), unlinked, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("method", GRAPH_METHODS)
@settings(max_examples=25, deadline=None)
@given(mask=symmetric_masks())
def test_graph_scores_equal_the_sum_over_listed_paths(method, mask):
    graph = ns.Graph.from_dense(mask)
    expected = all_scores(mask, method)
    np.testing.assert_allclose(ns.linkpred.scores(graph, method, links=True), expected, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(ns.linkpred.scores(graph, method), np.where(mask, 0, expected), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("method", [m for m in METHODS if m.endswith("_nodes")])
def test_both_published_communities_agree_on_layers_and_differ_on_graphs(method):
    layer, graph = random_layer((20, 30), 0.2, 0), random_graph(30, 0.25, 0)
    path = method.removesuffix("_nodes")
    np.testing.assert_allclose(ns.linkpred.scores(layer, method), ns.linkpred.scores(layer, path), rtol=1e-12)
    assert not np.allclose(ns.linkpred.scores(graph, method), ns.linkpred.scores(graph, path))


@pytest.mark.parametrize(("method", "reference"), [("jaccard", nx.jaccard_coefficient), ("aa", nx.adamic_adar_index),
                                                   ("ra", nx.resource_allocation_index), ("pa", nx.preferential_attachment)])
def test_local_scores_equal_networkx(method, reference):
    graph = ns.Graph.from_networkx(nx.karate_club_graph())
    expected = np.zeros(graph.shape)
    for u, v, score in reference(graph.to_networkx()):
        expected[u, v] = expected[v, u] = score
    np.testing.assert_allclose(ns.linkpred.scores(graph, method), expected, rtol=1e-12)


@pytest.mark.parametrize("value", [random_layer((30, 20), 0.15, 1), random_layer((15, 40), 0.1, 2), random_graph(40, 0.12, 3)],
                         ids=["tall layer", "wide layer", "graph"])
def test_katz_equals_the_matrix_inverse_and_the_power_sum(value):
    whole = value.to_graph().to_dense().astype(float) if isinstance(value, ns.Layer) else value.to_dense().astype(float)
    left = slice(0, value.shape[0])
    right = slice(value.n_in, None) if isinstance(value, ns.Layer) else left
    beta = 0.8 / np.linalg.eigvalsh(whole)[-1]
    exact = (np.linalg.inv(np.eye(len(whole)) - beta * whole) - np.eye(len(whole)))[left, right]
    free = ~value.to_dense() & (np.ones(value.shape, bool) if isinstance(value, ns.Layer) else ~np.eye(value.n, dtype=bool))
    np.testing.assert_allclose(ns.linkpred.scores(value, "katz", beta=beta), exact * free, rtol=1e-10, atol=1e-14)
    some = np.nonzero(free)
    np.testing.assert_allclose(ns.linkpred.scores(value, "katz", beta=beta, pairs=some), exact[some], rtol=1e-10, atol=1e-14)
    truncated = sum(beta**p * np.linalg.matrix_power(whole, p) for p in range(1, 5))[left, right]
    np.testing.assert_allclose(ns.linkpred.scores(value, "katz", beta=beta, length=4), truncated * free, rtol=1e-12)
    np.testing.assert_allclose(ns.linkpred.scores(value, "katz", links=True, beta=beta)[~free & value.to_dense()],
                               exact[value.to_dense()], rtol=1e-10)


def test_katz_refuses_a_beta_whose_sum_diverges():
    with pytest.raises(ValueError, match=r"the Katz sum diverges: beta must be below 1 / largest eigenvalue = 0\.5, got 0\.6"):
        ns.linkpred.scores(ns.Graph.from_edges([0, 1, 2], [1, 2, 0], 3), "katz", beta=0.6)


def test_local_path_equals_its_matrix_powers():
    graph, layer = random_graph(30, 0.15, 5), random_layer((12, 18), 0.2, 5)
    a, b = graph.to_dense().astype(float), layer.to_dense().astype(float)
    free = ~graph.to_dense() & ~np.eye(30, dtype=bool)
    np.testing.assert_allclose(ns.linkpred.scores(graph, "lp", eps=0.02), (a @ a + 0.02 * a @ a @ a) * free, rtol=1e-12)
    np.testing.assert_allclose(ns.linkpred.scores(graph, "lp", links=True)[graph.to_dense()],
                               (a @ a + 0.01 * a @ a @ a)[graph.to_dense()], rtol=1e-12)
    np.testing.assert_allclose(ns.linkpred.scores(layer, "lp"), 0.01 * b @ b.T @ b * ~layer.to_dense(), rtol=1e-12)


def spm_by_definition(matrix, change):
    """Lu et al. 2015 with degenerate eigenspaces turned, one eigenvalue group after the other."""
    values, vectors = scipy.linalg.eigh(matrix - change)
    total, k = np.zeros_like(matrix), 0
    while k < len(values):
        end = k + 1
        while end < len(values) and values[end] - values[end - 1] < 1e-10:
            end += 1
        space = vectors[:, k:end]
        space = space @ np.linalg.eigh(space.T @ change @ space)[1]
        for x in space.T:
            total += (x @ matrix @ x) * np.outer(x, x)
        k = end
    return total


@pytest.mark.parametrize("value", [random_layer((14, 9), 0.25, 1), random_layer((6, 17), 0.2, 2), random_graph(20, 0.2, 3),
                                   ns.Layer.from_dense(np.eye(6, 8, dtype=bool)), ns.Graph.from_networkx(nx.petersen_graph())],
                         ids=["tall layer", "wide layer", "graph", "degenerate layer", "degenerate graph"])
def test_spm_equals_its_definition(value):
    row, col = value.links
    shift = value.n_in if isinstance(value, ns.Layer) else 0
    whole = (value.to_graph() if shift else value).to_dense().astype(float)
    chosen = np.random.default_rng(4).choice(value.n_links, size=int(np.ceil(0.1 * value.n_links)), replace=False)
    change = np.zeros_like(whole)
    change[row[chosen], col[chosen] + shift] = change[col[chosen] + shift, row[chosen]] = 1
    expected = spm_by_definition(whole, change)[:value.shape[0], shift:]
    if not shift:
        np.fill_diagonal(expected, 0)
    scores = ns.linkpred.scores(value, "spm", repeats=1, seed=4, links=True)
    np.testing.assert_allclose(scores, expected, rtol=1e-9, atol=1e-11)


def test_relabelling_neurons_permutes_the_scores():
    layer, generator = random_layer((25, 35), 0.12, 7), np.random.default_rng(0)
    p, q = generator.permutation(25), generator.permutation(35)
    moved = ns.Layer.from_dense(layer.to_dense()[p][:, q])
    for method in LAYER_METHODS:
        np.testing.assert_allclose(ns.linkpred.scores(moved, method), ns.linkpred.scores(layer, method)[p][:, q], rtol=1e-12)
        np.testing.assert_allclose(ns.linkpred.scores(layer.T, method), ns.linkpred.scores(layer, method).T, rtol=1e-12)


@pytest.mark.parametrize("method", ["cn", "jaccard", "aa", "ra", "ch1_l2", "ch2_l2", "ch3_l2"])
def test_common_neighbour_scores_of_a_layer_are_refused_with_the_reason(method):
    with pytest.raises(ValueError, match=rf"'{method}' counts common neighbours, and an input and an output .* never share one.*"
                                         r"Use the L3 family: l3, ch1_l3, ch2_l3, ch3_l3"):
        ns.linkpred.scores(random_layer((5, 5), 0.3, 0), method)


@pytest.mark.parametrize(("call", "message"), [
    (lambda g: ns.linkpred.scores(g, "ch3"), "no method 'ch3'; methods: cn, jaccard"),
    (lambda g: ns.linkpred.scores(g, "ch3_l3n"), "'ch3_l3n' is defined for bipartite layers only"),
    (lambda g: ns.linkpred.scores(g, "cn", beta=1), "'cn' has no option 'beta'; options: none"),
    (lambda g: ns.linkpred.scores(g.to_scipy(), "cn"), "scores need a Layer or a Graph, got scipy.csr_array"),
    (lambda g: ns.linkpred.scores(g, "cn", pairs=([0], [99])), "v of pairs holds 99, outside 0 .. 4"),
    (lambda g: ns.linkpred.scores(g, "cn", pairs=([0, 1], [1])), "u and v of pairs must have the same length, got 2 and 1"),
    (lambda g: ns.linkpred.best(g, "cn", -1), "k must be a whole number of at least 0, got -1"),
    (lambda g: ns.linkpred.scores(g, "katz", beta=-1), "beta must be a positive number, got -1"),
    (lambda g: ns.linkpred.scores(g, "spm", fraction=2), r"fraction must lie in \(0, 1\), got 2"),
])
def test_wrong_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(random_graph(5, 0.5, 0))


@pytest.mark.parametrize("method", list(METHODS))
def test_empty_and_full_layers_and_graphs_score_zero_everywhere(method):
    if METHODS[method].bipartite:
        for layer in [ns.Layer.from_dense(np.zeros(shape)) for shape in ((3, 4), (0, 4), (3, 0), (0, 0))] + [ns.Layer.from_dense(np.ones((3, 4)))]:
            assert ns.linkpred.scores(layer, method).shape == layer.shape and (ns.linkpred.scores(layer, method) == 0).all()
            with pytest.warns(ns.ShortfallWarning):
                assert len(ns.linkpred.best(layer, method, 10**12).u) == 0
    if METHODS[method].unipartite:
        for graph in (ns.Graph.from_dense(np.zeros((4, 4))), ns.Graph.from_dense(np.zeros((0, 0))), ns.Graph.from_dense(1 - np.eye(4))):
            assert (ns.linkpred.scores(graph, method) == 0).all()
