import itertools
import json
import tracemalloc
import warnings
from functools import reduce
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.sparse.csgraph import connected_components, minimum_spanning_tree
from scipy.stats import kendalltau

import netsnn as ns
from netsnn.measures import persistence
from netsnn.measures.persistence import deep_graph_persistence, neural_persistence, permutation_null, sortedness, weight_variance

CASES = ["constant_10x12", "dense_5x8", "mlp3_dense_64_48_32_10", "sparse95_isolated_60x120", "ties_30x40"]
SHAPES = st.tuples(st.integers(1, 7), st.integers(1, 7))
QUARTERS = SHAPES.flatmap(lambda shape: arrays(np.int64, shape, elements=st.integers(-4, 4))).map(lambda x: x / 4)
REALS = SHAPES.flatmap(lambda shape: arrays(np.float64, shape, elements=st.floats(-1e3, 1e3)))


def stored_weights(golden, case):
    file = golden(f"persistence/{case}.npz")
    return file, [file[f"W{i}"].T for i in range(sum(name[0] == "W" for name in file.files))]


def stored_numbers(name):
    return json.loads((Path(__file__).parents[1] / f"golden/persistence/{name}.json").read_text())


def drawn_weights(seed, n_in, n_out, density, scale=1.0):
    """As the golden files' sparse layers were drawn (see sparse95_isolated_60x120, whose weights are stored)."""
    rng = np.random.default_rng(seed)
    values = rng.standard_normal((n_out, n_in)) * scale
    return np.where(rng.random((n_out, n_in)) < density, values, 0).astype(np.float32).T


def as_links(weights):
    """(row, col, value, shape) of an array's entries other than 0, or of a pair."""
    if isinstance(weights, tuple):
        return *weights[0].links, weights[1], weights[0].shape
    return *np.nonzero(weights), weights[np.nonzero(weights)], weights.shape


def by_scipy(weights, unit, convention="reference", missing="zero", nodes="all", p=2):
    """(raw, normalized, components, isolated) from the definition: SciPy's spanning tree of all links, missing ones of weight 0 among them."""
    row, col, value, (n_in, n_out) = as_links(weights)
    x = np.abs(value.astype(np.float64)) / unit
    inputs, outputs = (np.unique(row), np.unique(col)) if nodes == "active" else (np.arange(n_in), np.arange(n_out))
    n = len(inputs) + len(outputs)
    graph = sp.coo_array((2 - x, (row, col + n_in)), shape=(n_in + n_out,) * 2).tocsr()
    components = connected_components(graph, directed=False)[0]
    isolated = n_in + n_out - len(np.unique(row)) - len(np.unique(col))
    if missing == "zero" and n:
        dense = np.full((n_in, n_out), 2.0)
        dense[row, col] = 2 - x
        dense = dense[np.ix_(inputs, outputs)]
        graph = sp.block_array([[None, sp.csr_array(dense)], [sp.csr_array((n_out if nodes == "all" else len(outputs), len(inputs))), None]])
    persistences = minimum_spanning_tree(sp.csr_array(graph)).data - 1
    if missing == "zero" and convention == "reference" and n:
        persistences = np.append(persistences, 1)
    raw = np.sum(persistences**p) ** (1 / p)
    return raw, raw / (n - 1) ** (1 / p) if n else 0.0, components, isolated


# ---- neural persistence -------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES)
def test_neural_persistence_is_that_of_the_authors_program(golden, case):
    file, weights = stored_weights(golden, case)
    found, by_layer = neural_persistence(weights), neural_persistence(weights, scale="layer")
    np.testing.assert_allclose(found.raw, file["np_raw"], rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.normalized, file["np_norm"], rtol=0, atol=1e-9)
    np.testing.assert_allclose(by_layer.raw, file["np_raw_layermax"], rtol=0, atol=1e-9)
    np.testing.assert_allclose(by_layer.normalized, file["np_norm_layermax"], rtol=0, atol=1e-9)
    assert found.raw.sum() == pytest.approx(file["np_global_sum"], abs=1e-9)
    assert found.mean == pytest.approx(file["np_global_norm"], abs=1e-9)
    for i, diagram in enumerate(found.diagrams):
        np.testing.assert_allclose(diagram[:, 1], file[f"death{i}"], rtol=0, atol=1e-6)  # stored with six digits
        assert (diagram[:, 0] == 1).all()


def test_the_summary_holds_the_same_numbers(golden):
    for case, values in stored_numbers("summary").items():
        weights = stored_weights(golden, case)[1]
        deep = deep_graph_persistence(weights)
        np.testing.assert_allclose(neural_persistence(weights).mean, values["np_global_norm"], rtol=0, atol=1e-9)
        np.testing.assert_allclose(deep.normalized, values["dgp_dnp_exact_norm"], rtol=0, atol=1e-9)
        np.testing.assert_allclose(weight_variance(weights), values["variance"], rtol=0, atol=1e-9)


@pytest.mark.parametrize(("weights", "expected"), [
    ([(1, 784, 300, 1.0)], [0.304102]), ([(3, 300, 100, 0.05)], [0.607800]), ([(5, 200, 200, 0.01)], [0.783233]),
    ([(10, 256, 128, 0.05, 0.1 / 256), (11, 128, 64, 0.05, 0.1 / 128), (12, 64, 10, 0.05, 0.1 / 64)], [0.817897, 0.738364, 0.871395])])
def test_larger_layers_have_the_published_table_values(weights, expected):
    np.testing.assert_allclose(neural_persistence([drawn_weights(*w) for w in weights]).normalized, expected, rtol=0, atol=5.1e-7)


@pytest.mark.parametrize("convention", ["reference", "finite"])
@pytest.mark.parametrize("missing", ["zero", "absent"])
@pytest.mark.parametrize("nodes", ["all", "active"])
@pytest.mark.parametrize("p", [1, 2, 3.5])
def test_every_option_follows_scipys_spanning_tree(convention, missing, nodes, p):
    rng = np.random.default_rng(7)
    options = {"convention": convention, "missing": missing, "nodes": nodes, "p": p}
    dense = rng.standard_normal((40, 60))
    split = np.where(np.add.outer(np.arange(40) < 15, np.arange(60) < 30) == 1, 0, dense)  # two components
    split[3], split[:, 5] = 0, 0
    layer = ns.wiring.erdos_renyi(50, 45, density=0.03, seed=1)
    values = rng.standard_normal(layer.n_links)
    values[::7] = 0
    ties = rng.integers(-2, 3, (30, 25)) / 2.0
    thin = np.where(rng.random((80, 90)) < 0.02, rng.integers(1, 4, (80, 90)), 0)
    single = np.zeros((3, 4))
    single[1, 2] = -5
    net = [dense, split, (layer, values), ties, thin.astype(np.float64), single, dense.astype(np.float32)]
    for scale in ("global", "layer", 7.5):
        found = neural_persistence(net, scale=scale, **options)
        for i, weights in enumerate(net):
            largest = max(np.abs(as_links(w)[2]).max() for w in (net if scale == "global" else [weights]))
            expected = by_scipy(weights, 7.5 if scale == 7.5 else largest, **options)
            np.testing.assert_allclose([found.raw[i], found.normalized[i], found.components[i], found.isolated[i]], expected, rtol=0, atol=1e-9)


def test_a_link_of_weight_0_is_a_link():
    layer = ns.Layer.from_edges([0, 1], [0, 1], (2, 2))
    found = neural_persistence((layer, [1.0, 0.0]), missing="absent", nodes="active")
    array = neural_persistence(layer.to_dense([1.0, 0.0]), missing="absent", nodes="active")
    assert (found.components[0], found.isolated[0], found.raw[0]) == (2, 0, 1.0)
    assert (array.components[0], array.isolated[0], array.raw[0]) == (3, 2, 0.0)


def test_an_isolated_neuron_adds_1_unless_it_does_not_count():
    weights = np.random.default_rng(0).standard_normal((9, 11))
    more = np.pad(weights, ((0, 1), (0, 0)))
    for options, added in [({}, 1), ({"convention": "finite"}, 1), ({"missing": "absent"}, 0), ({"nodes": "active"}, 0)]:
        assert neural_persistence(more, **options).raw[0] ** 2 - neural_persistence(weights, **options).raw[0] ** 2 == pytest.approx(added, abs=1e-12)


@pytest.mark.parametrize(("nodes", "raw", "normalized"), [("all", np.sqrt(7), np.sqrt(7 / 6)), ("active", 0, 0)])
def test_a_layer_without_links_has_a_value(nodes, raw, normalized):
    empty = ns.Layer.from_edges([], [], (3, 4))
    for weights in ([np.zeros((3, 4))], [(empty, [])], [np.zeros((3, 4)), np.ones((4, 2))]):
        found = neural_persistence(weights, nodes=nodes)
        assert (found.raw[0], found.normalized[0]) == pytest.approx((raw, normalized))
        assert (found.components[0], found.isolated[0]) == (7, 7)
        assert found.diagrams[0].tolist() == [[1.0, 0.0]] * (7 if nodes == "all" else 0)


def test_links_that_are_all_0_join_at_0():
    layer = ns.wiring.erdos_renyi(3, 4, density=1)
    for missing, raw in [("zero", np.sqrt(7)), ("absent", np.sqrt(6))]:
        assert neural_persistence((layer, np.zeros(12)), missing=missing).raw[0] == pytest.approx(raw)


@settings(max_examples=60)
@given(QUARTERS | REALS, st.randoms(use_true_random=False))
def test_sides_order_sign_and_unit_of_weights_do_not_matter(weights, random):
    found = neural_persistence(weights)
    rows, columns = random.sample(range(len(weights)), len(weights)), random.sample(range(weights.shape[1]), weights.shape[1])
    for other in (weights.T, np.ascontiguousarray(weights.T), weights[rows][:, columns], -weights, weights * 8):
        same = neural_persistence(other)
        np.testing.assert_array_equal(same.raw, found.raw)
        np.testing.assert_array_equal(same.diagrams[0], found.diagrams[0])
        assert (same.components[0], same.isolated[0]) == (found.components[0], found.isolated[0])


@settings(max_examples=60)
@given(QUARTERS | REALS)
def test_persistence_keeps_to_its_range(weights):
    n = sum(weights.shape)
    assert 1 <= neural_persistence(weights).raw[0] <= np.sqrt(n) + 1e-12
    assert 0 <= neural_persistence(weights, convention="finite").normalized[0] <= 1 + 1e-12
    assert 0 <= neural_persistence(weights, missing="absent").normalized[0] <= 1 + 1e-12


@settings(max_examples=60)
@given(QUARTERS | REALS)
def test_prim_and_kruskal_find_the_same_tree(weights):
    found = []
    for prim in (True, False):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(persistence, "_prim_is_faster", lambda n_links, size: prim)
            found.append(neural_persistence(weights))
    np.testing.assert_array_equal(found[0].diagrams[0], found[1].diagrams[0])
    assert (found[0].raw, found[0].components, found[0].isolated) == (found[1].raw, found[1].components, found[1].isolated)


@pytest.mark.parametrize("levels", [None, 1, 3])
def test_prim_and_kruskal_agree_where_links_are_joined_in_rounds(monkeypatch, levels):
    rng = np.random.default_rng(3)
    weights = rng.random((300, 200)) if levels is None else rng.integers(1, levels + 1, (300, 200)).astype(np.float64)
    weights[:100, :60] *= 1e-3  # a corner that joins late
    weights[150] *= 1e-6
    found = []
    for prim in (True, False):
        monkeypatch.setattr(persistence, "_prim_is_faster", lambda n_links, size: prim)
        found.append(neural_persistence(weights).diagrams[0])
    np.testing.assert_array_equal(*found)
    assert len(found[0]) <= 500


def test_float32_weights_are_read_as_they_are():
    weights = np.random.default_rng(4).standard_normal((70, 50)).astype(np.float32)
    assert neural_persistence(weights).raw[0] == neural_persistence(weights.astype(np.float64)).raw[0]
    assert neural_persistence(weights[::2, ::3]).raw[0] == neural_persistence(weights[::2, ::3].astype(np.float64)).raw[0]


@pytest.mark.parametrize("shape", [(6, 9), (12, 5)])
def test_diagrams_are_gudhis(shape):
    gudhi = pytest.importorskip("gudhi")
    rng = np.random.default_rng(5)
    for weights in (rng.standard_normal(shape), rng.integers(0, 4, shape) / 4, np.where(rng.random(shape) < 0.3, rng.random(shape), 0)):
        x = np.abs(weights) / np.abs(weights).max()
        tree = gudhi.SimplexTree()
        for i, j in np.ndindex(shape):
            tree.insert([i, shape[0] + j], 1 - x[i, j])
        for node in range(sum(shape)):
            tree.assign_filtration([node], 0.0)
        tree.compute_persistence(homology_coeff_field=2, min_persistence=0)
        pairs = 1 - np.minimum(tree.persistence_intervals_in_dimension(0), 1)  # the class that never dies is stored with death 0
        np.testing.assert_allclose(neural_persistence(weights).diagrams[0], pairs[np.argsort(-pairs[:, 1], kind="stable")], rtol=0, atol=1e-12)


def test_one_layer_needs_no_list():
    weights = np.random.default_rng(6).standard_normal((5, 4))
    layer, values = ns.Layer.from_dense(weights, weights=True)
    for one in (weights, [weights], (layer, values), [layer, values], [(layer, values)], weights[None], (weights,), iter([weights])):
        np.testing.assert_array_equal(neural_persistence(one).raw, neural_persistence([weights]).raw)


LAYER = ns.Layer.from_edges([0, 1], [1, 0], (2, 2))


@pytest.mark.parametrize(("weights", "options", "message"), [
    ([], {}, "weights must hold at least one layer"),
    (3.0, {}, r"layer 0 must be an array \(n_in, n_out\) or a pair \(Layer, values\), got shape \(\)"),
    ([[1.0, 2.0]], {}, r"layer 0 must be an array .* got shape \(2,\)"),
    (LAYER, {}, r"layer 0 must be an array .* or a pair \(Layer, values\), got a Layer alone"),
    ([np.eye(2), sp.eye_array(2)], {}, "layer 1 must be an array .* got a .* alone"),
    ((LAYER, [1.0]), {}, r"layer 0: there must be one weight a link \(2\), got shape \(1,\)"),
    ([np.eye(2), np.ones((0, 3))], {}, r"layer 1 has no neurons on one side: shape \(0, 3\)"),
    ([np.eye(2), [[0.0, np.nan]]], {}, r"layer 1: the weight at \(0, 1\) is nan"),
    (np.array([[1, -np.inf]], dtype=np.float32), {}, r"layer 0: the weight at \(0, 1\) is -inf"),
    ((LAYER, [1.0, np.inf]), {}, "layer 0: the weight at 1 is inf"),
    (np.array([["a"]]), {}, "layer 0: weights must be real numbers, got dtype <U1"),
    (np.eye(2) * 1j, {}, "layer 0: weights must be real numbers, got dtype complex128"),
    (np.eye(2), {"convention": "other"}, "convention must be 'reference' or 'finite', got 'other'"),
    (np.eye(2), {"missing": None}, "missing must be 'zero' or 'absent', got None"),
    (np.eye(2), {"nodes": "some"}, "nodes must be 'all' or 'active', got 'some'"),
    (np.eye(2), {"scale": "max"}, "scale must be 'global' or 'layer', got 'max'"),
    (np.eye(2), {"scale": 0.5}, "scale must be .* no smaller than the largest absolute weight 1, got 0.5"),
    (np.eye(2), {"scale": None}, "scale must be .* got None"),
    (np.eye(2), {"p": 0}, "p must be a positive number, got 0"),
    (np.eye(2), {"p": np.inf}, "p must be a number, got inf"),
])
def test_wrong_input_is_named(weights, options, message):
    with pytest.raises(ValueError, match=message):
        neural_persistence(weights, **options)


# ---- deep graph persistence ---------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES)
def test_deep_graph_persistence_is_that_of_the_authors_program(golden, case):
    file, weights = stored_weights(golden, case)
    found = deep_graph_persistence(weights)
    names = {"raw": "dnp_exact", "normalized": "dnp_exact_norm", "previous": "dnp_prev", "previous_normalized": "dnp_prev_norm",
             "vanilla": "vanilla_dnp"}
    for name, stored in names.items():
        np.testing.assert_allclose(getattr(found, name), file[f"dgp_{stored}"], rtol=0, atol=1e-9)
    np.testing.assert_allclose(found.summarisation, file["S_normscaled"], rtol=0, atol=1e-9)


@pytest.mark.parametrize(("case", "weights"), [
    ("sparse95_100x300", [(3, 300, 100, 0.05)]), ("sparse99_200x200", [(5, 200, 200, 0.01)]),
    ("mlp3_sparse95_256_128_64_10", [(10, 256, 128, 0.05, 0.1 / 256), (11, 128, 64, 0.05, 0.1 / 128), (12, 64, 10, 0.05, 0.1 / 64)])])
def test_the_mask_aware_variant_has_the_stored_values(case, weights):
    expected = stored_numbers("stats_small")["dgp_maskaware_ext"][case]
    arrays = [drawn_weights(*w) for w in weights]
    for given_as in (arrays, [ns.Layer.from_dense(a, weights=True) for a in arrays]):
        found = deep_graph_persistence(given_as, masked="aware")
        np.testing.assert_allclose([found.previous, found.raw, found.normalized], list(expected.values()), rtol=0, atol=1e-9)


def strongest_paths(layers):
    """S by its definition: every path from an input to an output, one by one."""
    sizes = [len(layers[0]), *(layer.shape[1] for layer in layers)]
    best = np.full((sizes[0], sizes[-1]), -np.inf)
    for path in itertools.product(*map(range, sizes)):
        best[path[0], path[-1]] = max(best[path[0], path[-1]], min(layer[a, b] for layer, a, b in zip(layers, path, path[1:])))
    return best


@settings(max_examples=30)
@given(st.lists(st.integers(1, 4), min_size=3, max_size=5), st.integers(0, 2**32), st.sampled_from([None, 1, 3]))
def test_the_max_min_product_is_the_strongest_path(sizes, seed, levels):
    rng = np.random.default_rng(seed)
    layers = [rng.standard_normal(s) if levels is None else rng.integers(-levels, levels + 1, s).astype(float) for s in zip(sizes, sizes[1:])]
    np.testing.assert_array_equal(reduce(persistence._max_min, layers), strongest_paths(layers))
    positive = [np.abs(layer) for layer in layers]
    np.testing.assert_array_equal(reduce(persistence._max_min, positive), strongest_paths(positive))


@pytest.mark.parametrize("sparse", [0, 2])
@pytest.mark.parametrize("kind", ["dense", "levels", "half empty", "equal rows", "tiny", "huge", "no links"])
def test_the_max_min_product_of_large_layers(monkeypatch, kind, sparse):
    monkeypatch.setattr(persistence, "SPARSE", sparse)
    rng = np.random.default_rng(8)
    left, right = rng.random((70, 90)), rng.random((90, 300))
    if kind == "levels":
        left, right = np.round(3 * left), np.round(3 * right)
    elif kind == "half empty":
        left, right = left * (rng.random(left.shape) < 0.1), right * (rng.random(right.shape) < 0.05)
        right[:, 7], left[5] = 0, 0
    elif kind == "equal rows":
        left[:], right[-1] = 0.5, 2
    elif kind in ("tiny", "huge"):
        left, right = left * (unit := {"tiny": 1e-310, "huge": 1.7e308}[kind]), right * unit
        left[3, 4] = -left[2, 2]
    elif kind == "no links":
        right[:] = 0
    expected = np.array([np.minimum(row[:, None], right).max(axis=0) for row in left])
    np.testing.assert_array_equal(persistence._max_min(left, right), expected)


def test_results_do_not_depend_on_threads(monkeypatch):
    rng = np.random.default_rng(9)
    weights = [rng.standard_normal((700, 1600)), rng.standard_normal((1600, 150)), rng.standard_normal((150, 90)) * (rng.random((150, 90)) < 0.05)]
    found = []
    for threads in ("1", "2", "3"):
        monkeypatch.setenv("NETSNN_THREADS", threads)
        aware = deep_graph_persistence(weights, masked="aware")
        found.append((neural_persistence(weights).raw, aware.summarisation, aware.raw, aware.vanilla))
    for other in found[1:]:
        for a, b in zip(found[0], other):
            np.testing.assert_array_equal(a, b)


def test_layers_are_never_joined_in_three_dimensions():
    weights = [np.random.default_rng(i).standard_normal((200, 200)) for i in range(2)]
    deep_graph_persistence(weights)
    tracemalloc.start()
    deep_graph_persistence(weights)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10 * weights[0].nbytes


def test_only_aware_sees_a_path_without_links_as_none():
    first = ns.Layer.from_edges([0, 1], [0, 0], (2, 2)), [1.0, 2.0]
    second = ns.Layer.from_edges([1, 1], [0, 1], (2, 2)), [1.0, 3.0]  # starts where the first does not end
    aware = deep_graph_persistence([first, second], masked="aware")
    assert not aware.summarisation.any()
    assert (aware.raw, aware.normalized) == pytest.approx((2.0, 2 / np.sqrt(3)))
    assert deep_graph_persistence([first, second]).summarisation.any()


@pytest.mark.parametrize(("weights", "masked"), [(np.full((6, 4), 0.1), "reference"), (np.zeros((6, 4)), "aware"), (np.eye(6), "aware")])
def test_weights_that_cannot_be_standardised_give_nan(weights, masked):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = deep_graph_persistence([np.random.default_rng(0).standard_normal((3, 6)), weights], masked=masked)
    assert np.isnan([found.raw, found.normalized, found.previous, found.previous_normalized]).all()
    assert found.summarisation.shape == (3, weights.shape[1]) and np.isnan(found.summarisation).all()
    assert np.isfinite(found.vanilla)


@pytest.mark.parametrize(("weights", "options", "message"), [
    ([np.eye(2), np.eye(3)], {}, "layer 1 starts on 3 neurons but layer 0 ends on 2"),
    (np.eye(2), {"masked": "zero"}, "masked must be 'reference' or 'aware', got 'zero'")])
def test_wrong_networks_are_named(weights, options, message):
    with pytest.raises(ValueError, match=message):
        deep_graph_persistence(weights, **options)


# ---- what stands beside them --------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES)
def test_variance_is_that_of_the_authors_program(golden, case):
    file, weights = stored_weights(golden, case)
    assert weight_variance(weights) == pytest.approx(float(file["variance"]), abs=1e-9)
    assert weight_variance([ns.Layer.from_dense(w, weights=True) for w in weights]) == pytest.approx(float(file["variance"]), abs=1e-9)


def test_variance_of_links_alone():
    layer = ns.wiring.erdos_renyi(9, 8, density=0.3, seed=0)
    values = np.random.default_rng(0).standard_normal(layer.n_links)
    values[0] = 0
    expected = np.var(np.abs(values) / np.abs(values).max())
    assert weight_variance([(layer, values)], missing="absent") == pytest.approx(expected, abs=1e-12)
    assert weight_variance(np.zeros((2, 2))) == weight_variance((ns.Layer.from_edges([], [], (2, 2)), []), missing="absent") == 0


@pytest.mark.parametrize("case", CASES)
def test_sortedness_lies_among_the_values_the_authors_chance_could_give(golden, case):
    file, weights = stored_weights(golden, case)
    found = sortedness(weights)
    for weight, ours, theirs in zip(weights, found, file["sortedness"]):
        if case.startswith("constant"):
            assert np.isnan(ours) and np.isnan(theirs)
            continue
        w = np.abs(weight.astype(np.float64))
        w = w[np.argsort(w.mean(axis=1), kind="stable")][:, np.argsort(w.mean(axis=0), kind="stable")]
        diagonal = np.add.outer(np.arange(len(w)), np.arange(w.shape[1])).ravel()
        # the authors order each diagonal by chance: the two extreme orders bracket every other
        low, high = (kendalltau(np.arange(w.size), w.ravel()[np.lexsort((sign * w.ravel(), diagonal))])[0] for sign in (-1, 1))
        assert low - 1e-12 < theirs < high + 1e-12 and low < ours < high
        assert ours == pytest.approx(theirs, abs=0.02)


def test_sortedness_knows_order_from_none_and_takes_no_notice_of_sides():
    rng = np.random.default_rng(0)
    gathered = np.outer(np.arange(1, 21), np.arange(1, 16)) * 1.0
    shuffled = rng.permutation(gathered.ravel()).reshape(20, 15)
    assert sortedness(gathered[rng.permutation(20)][:, rng.permutation(15)])[0] > 0.8 > 0.3 > sortedness(shuffled)[0]
    np.testing.assert_allclose(sortedness([shuffled, gathered]), sortedness([-shuffled.T, 3 * gathered.T]), atol=1e-12)


def test_the_null_shuffles_entries_and_nothing_else():
    weights = [np.arange(12.0).reshape(3, 4), np.eye(3)]
    layer = ns.wiring.erdos_renyi(6, 5, density=0.4, seed=0)
    pair = layer, np.arange(1.0, layer.n_links + 1)
    seen = []

    def look(layers):
        seen.append(layers)
        return 0.0

    permutation_null([*weights, pair], look, draws=5, seed=0)
    *shuffled, measured = seen
    assert all((a == b).all() for a, b in zip(measured[:2], weights)) and measured[2][0] is layer
    for first, second, (same, values) in shuffled:
        assert sorted(first.ravel()) == sorted(weights[0].ravel()) and sorted(second.ravel()) == sorted(weights[1].ravel())
        assert same is layer and sorted(values) == sorted(pair[1])
    assert len({tuple(values) for *_, (_, values) in shuffled}) == 5
    seen.clear()
    permutation_null(pair, look, draws=5, seed=0, links=True)
    moved = [layers[0] for layers in seen[:-1]]
    assert len({other for other, _ in moved}) == 5
    assert all(other.n_links == layer.n_links and sorted(values) == sorted(pair[1]) for other, values in moved)


def test_the_null_tells_gathered_weights_from_shuffled_ones_and_repeats_with_its_seed():
    rng = np.random.default_rng(1)
    gathered = np.outer(rng.random(20), rng.random(15))
    null = permutation_null(gathered, draws=40, seed=2)
    assert null.measured == neural_persistence(gathered).mean and null.z > 3
    assert null.z == pytest.approx((null.measured - null.draws.mean()) / null.draws.std(ddof=1))
    np.testing.assert_array_equal(null.draws, permutation_null(gathered, draws=40, seed=2).draws)
    calm = permutation_null(rng.permutation(gathered.ravel()).reshape(20, 15), draws=40, seed=3)
    assert abs(calm.z) < 3
    by_layer = permutation_null([gathered, gathered.T], sortedness, draws=5, seed=0)
    assert by_layer.z.shape == (2,) and by_layer.draws.shape == (5, 2) and (by_layer.z > 3).all()


def test_a_null_that_never_changes_has_no_z():
    null = permutation_null(np.ones((3, 3)), draws=3, seed=0)
    assert np.isnan(null.z) and null.mean == null.measured and null.std == 0


@pytest.mark.parametrize("draws", [1, 2.5, True])
def test_a_null_of_too_few_draws_is_refused(draws):
    with pytest.raises(ValueError, match=f"draws must be a whole number of at least 2, got {draws}"):
        permutation_null(np.eye(3), draws=draws)
