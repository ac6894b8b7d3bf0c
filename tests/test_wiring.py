import collections
import copy
import itertools
import re

import igraph as ig
import networkx as nx
import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import netsnn as ns
from netsnn.wiring import csti, erdos_renyi, phi, receptive_field, scale_free, small_world, sscti, uniform

GENERATORS = [uniform, erdos_renyi, small_world, scale_free, receptive_field]
sizes = st.integers(1, 25)


@pytest.mark.parametrize("make", GENERATORS)
@settings(max_examples=60, deadline=None)
@given(n_in=sizes, n_out=sizes, share=st.floats(0, 1), seed=st.integers(0, 9))
def test_every_generator_gives_the_exact_number_of_links(make, n_in, n_out, share, seed):
    layer = make(n_in, n_out, density=share, seed=seed)
    assert layer.shape == (n_in, n_out) and layer.n_links == round(share * n_in * n_out)
    count = int(share * n_in * n_out)
    assert make(n_in, n_out, links=count, seed=seed).n_links == count
    assert make(n_in, n_out, density=share, seed=seed) == layer


@pytest.mark.parametrize("make", GENERATORS)
def test_the_seed_decides_and_nothing_else(make):
    state = np.random.get_state()[1].copy()
    one, two = make(40, 60, density=0.1, seed=1), make(40, 60, density=0.1, seed=2)
    assert one != two and make(40, 60, density=0.1, seed=np.random.default_rng(1)) == one
    assert (np.random.get_state()[1] == state).all()


@pytest.mark.parametrize("seed", ["x", 1.5, -1, [0, -1], np.nan])
def test_what_is_no_seed_is_named(seed):
    for draw in (*GENERATORS, lambda *sizes, **more: ns.measures.communities(ns.Layer.from_dense(np.eye(3)), seed=seed)):
        with pytest.raises(ValueError, match=re.escape(f"seed must be a whole number of at least 0 or a numpy Generator, got {seed!r}")):
            draw(2, 3, links=2, seed=seed)


@pytest.mark.parametrize("seed", [3, np.int64(3), [1, 2], np.random.SeedSequence(3), np.random.PCG64(3)])
def test_any_seed_of_numpy_gives_what_numpy_gives(seed):
    assert erdos_renyi(9, 9, links=20, seed=copy.deepcopy(seed)) == erdos_renyi(9, 9, links=20, seed=np.random.default_rng(copy.deepcopy(seed)))


def test_sparsity_counts_exactly():
    assert erdos_renyi(784, 1000, sparsity=0.99, seed=0).n_links == 7840
    assert uniform(784, 1568, sparsity=0.99, seed=0).n_links == round(0.01 * 784 * 1568)


@pytest.mark.parametrize(("arguments", "message"), [
    ({"sparsity": 1.5}, r"sparsity must lie in \[0, 1\), got 1.5"),
    ({"density": -0.1}, r"density must lie in \[0, 1\], got -0.1"),
    ({"links": 7}, r"links must be a whole number from 0 to n_in \* n_out = 6, got 7"),
    ({}, "give one of density, sparsity and links, got none"),
    ({"density": 0.1, "links": 2}, "give one of density, sparsity and links, got density and links"),
])
@pytest.mark.parametrize("make", GENERATORS)
def test_wrong_amounts_are_named(make, arguments, message):
    with pytest.raises(ValueError, match=message):
        make(2, 3, **arguments)


def chi_square(counts, expected):
    return ((counts - expected) ** 2 / expected).sum()


@pytest.mark.parametrize("make", [erdos_renyi, uniform])
def test_every_link_is_equally_likely(make):
    draws, total = 3000, np.zeros((4, 6))
    for seed in range(draws):
        total += make(4, 6, links=9, seed=seed).to_dense()
    share = 9 / 24
    # counts of one link are binomial; links of one draw exclude each other, which only lowers the statistic
    assert chi_square(total, draws * share) / (1 - share) < scipy.stats.chi2.ppf(0.9999, 24)


@settings(max_examples=60, deadline=None)
@given(n_in=st.integers(1, 40), n_out=st.integers(1, 40), share=st.floats(0, 1), seed=st.integers(0, 5))
def test_uniform_degrees_differ_by_at_most_one(n_in, n_out, share, seed):
    layer = uniform(n_in, n_out, density=share, seed=seed)
    assert np.ptp(layer.in_degrees) <= 1 and np.ptp(layer.out_degrees) <= 1


def test_uniform_wiring_is_random_beyond_its_degrees():
    layer = uniform(300, 300, links=3000, seed=0)
    shared = layer.to_scipy() @ layer.to_scipy().T
    pairs = shared.toarray()[np.triu_indices(300, 1)]
    assert pairs.mean() == pytest.approx(300 * 10 * 9 / (300 * 299), rel=0.01)  # every two links of an output make one pair
    assert pairs.var() == pytest.approx(pairs.mean(), rel=0.15)  # nearly Poisson, as in a random regular layer


@pytest.mark.parametrize("shape", [(3, 3), (3, 4)])
def test_uniform_draws_every_layer_of_equal_degrees_equally_often(shape):
    """All 0/1 matrices with two links a row: 6 of 3 x 3, and those of 3 x 4 whose columns hold one or two."""
    rows = [row for row in itertools.product([0, 1], repeat=shape[1]) if sum(row) == 2]
    every = [m for m in itertools.product(rows, repeat=3) if np.ptp(np.sum(m, axis=0)) <= 1]
    draws = 100 * len(every)
    seen = collections.Counter(uniform(*shape, links=6, seed=seed).to_dense().astype(int).tobytes() for seed in range(draws))
    counts = np.array([seen[np.array(m).tobytes()] for m in every])
    assert counts.sum() == draws
    assert chi_square(counts, draws / len(every)) < scipy.stats.chi2.ppf(0.9999, len(every) - 1)


def test_csti_is_exact_for_features_that_drift_far_from_zero():
    rng = np.random.default_rng(0)
    batches = [rng.standard_normal((50, 6)) + 1e7 * number for number in range(4)]
    expected = np.abs(np.corrcoef(np.concatenate(batches).T.astype(np.longdouble).astype(float)))
    from netsnn.wiring.correlation import _pearson
    got = _pearson(batches)
    np.testing.assert_allclose(got + np.eye(6), expected, rtol=1e-10)
    # the same features in one batch about their own mean, far from zero: naive sums of squares would hold no digits
    far = rng.standard_normal((200, 6)) + 1e9
    np.testing.assert_allclose(_pearson([far[:77], far[77:]]) + np.eye(6), np.abs(np.corrcoef((far - 1e9).T)), rtol=1e-6)


def test_erdos_renyi_degrees_follow_the_hypergeometric_law():
    degrees = np.concatenate([erdos_renyi(200, 100, links=1000, seed=seed).out_degrees for seed in range(50)])
    law = scipy.stats.hypergeom(200 * 100, 100, 1000).pmf(np.arange(13)) * len(degrees)
    law[-1] += len(degrees) - law.sum()
    counts = np.bincount(np.minimum(degrees, 12), minlength=13)
    assert chi_square(counts, law) < scipy.stats.chi2.ppf(0.9999, 12)


def ring_distance(layer):
    """Distance of each link's ends on the larger ring, in steps."""
    row, col = (x.astype(float) for x in layer.links)
    large, small = max(layer.shape), min(layer.shape)
    big, little = (row, col) if layer.n_in >= layer.n_out else (col, row)
    away = np.abs(big - ((little + 0.5) * large / small - 0.5))
    return np.minimum(away, large - away)


@pytest.mark.parametrize("shape", [(100, 100), (60, 150), (150, 60)])
def test_a_small_world_without_rewiring_is_a_ring(shape):
    layer = small_world(*shape, density=0.1, rewire=0, seed=0)
    side, other = (layer, shape[1]) if shape[0] >= shape[1] else (layer.T, shape[0])
    assert np.ptp(side.out_degrees) <= 1
    for row in side.to_dense():
        gaps = (row != np.roll(row, 1)).sum()
        assert gaps in (0, 2) and row.any()  # one run of neighbours around the ring
    centre = [np.angle(np.exp(2j * np.pi * np.flatnonzero(row) / other).sum()) / (2 * np.pi) * other for row in side.to_dense()]
    scaled = np.arange(len(centre)) * other / len(centre)
    away = np.abs((np.array(centre) - scaled + other / 2) % other - other / 2)
    assert away.max() < 1.5


def clustering(layer):
    """Robins-Alexander bipartite clustering: closed over all paths of three links."""
    return nx.bipartite.robins_alexander_clustering(layer.to_networkx())


def test_small_worlds_lie_between_the_ring_and_chance():
    ring, middle, chance, er = (clustering(layer) for layer in (
        *(small_world(120, 120, density=0.06, rewire=r, seed=0) for r in (0, 0.1, 1)), erdos_renyi(120, 120, density=0.06, seed=0)))
    assert ring > 0.5 and ring > middle > 3 * chance and chance == pytest.approx(er, abs=0.03)
    rows = [small_world(120, 120, density=0.06, rewire=r, seed=0).to_graph().to_igraph() for r in (0, 0.1)]
    assert rows[1].average_path_length() < 0.6 * rows[0].average_path_length()
    assert isinstance(rows[0], ig.Graph)


def test_rewiring_moves_the_stated_share():
    ring, moved = (small_world(100, 100, density=0.1, rewire=r, seed=3) for r in (0, 0.3))
    kept = (ring & moved).n_links / ring.n_links
    assert kept == pytest.approx(0.7 + 0.3 * 0.03, abs=0.05)  # few of the moved fall back into the ring


def test_scale_free_degrees_fall_as_the_third_power():
    layer = scale_free(6000, 6000, links=36000, seed=0)
    for degrees in (layer.in_degrees, layer.out_degrees):
        tail = degrees[degrees >= 12].astype(float)
        gamma = 1 + len(tail) / np.log(tail / 11.5).sum()
        assert 2.6 < gamma < 3.5
        assert degrees.max() > 3 * erdos_renyi(6000, 6000, links=36000, seed=0).in_degrees.max()
    exponent = ig.power_law_fit([int(d) for d in layer.in_degrees if d > 0], xmin=12).alpha
    assert 2.6 < exponent < 3.5


@pytest.mark.parametrize("shape", [(60, 90), (90, 60)])
def test_receptive_fields_follow_their_distance_law(shape):
    links = 60 * 9
    near = receptive_field(*shape, links=links, spread_out=0, seed=0)
    assert ring_distance(near).max() <= 5
    anywhere = ring_distance(receptive_field(*shape, links=links, spread_out=1, seed=0))
    assert anywhere.mean() == pytest.approx(90 / 4, rel=0.06)
    # one draw each: the distance law itself, weight (1 + d)^-(1 - r)/r with r = 1/4
    distance = np.minimum(np.arange(90), 90 - np.arange(90)).astype(float)
    weight = (1 + distance) ** -3.0
    single = np.concatenate([ring_distance(receptive_field(90, 90, links=90, spread_out=0.25, seed=s)) for s in range(60)])
    assert single.mean() == pytest.approx((distance * weight).sum() / weight.sum(), rel=0.06)
    assert (single == 0).mean() == pytest.approx(1 / weight.sum(), rel=0.05)


def test_receptive_fields_have_fixed_or_random_degrees():
    fixed, free = (receptive_field(80, 40, links=410, degrees=kind, seed=0) for kind in ("fixed", "random"))
    assert set(fixed.in_degrees.tolist()) == {10, 11} and free.in_degrees.min() >= 1 and free.in_degrees.std() > 2
    with pytest.raises(ValueError, match="degrees must be 'fixed' or 'random', got 'x'"):
        receptive_field(3, 3, links=2, degrees="x")
    with pytest.raises(ValueError, match=r"spread_out must lie in \[0, 1\], got 2"):
        receptive_field(3, 3, links=2, spread_out=2)


# ---- correlated inputs --------------------------------------------------------------------------------


def random_spikes(seed=0, samples=60, steps=5, inputs=12):
    generator = np.random.default_rng(seed)
    common = generator.random((samples, steps, 1)) < 0.3
    return (generator.random((samples, steps, inputs)) < 0.3) ^ (common & (np.arange(inputs) % 3 == 0))


def test_phi_is_that_of_the_contingency_table():
    spikes = random_spikes()
    flat, matrix = spikes.reshape(-1, 12), phi(spikes)
    for i in range(12):
        for j in range(12):
            if i != j:
                table = [[np.sum((flat[:, i] == a) & (flat[:, j] == b)) for b in (0, 1)] for a in (0, 1)]
                statistic = scipy.stats.chi2_contingency(table, correction=False).statistic
                assert matrix[i, j] == pytest.approx(np.sqrt(statistic / (2 * len(flat))), rel=1e-10)
    assert (np.diag(matrix) == 0).all() and (matrix == matrix.T).all()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000))
def test_ranking_by_phi_is_ranking_by_pearson(seed):
    spikes = random_spikes(seed, samples=20)
    correlation = np.abs(np.corrcoef(spikes.reshape(-1, 12).T))
    np.testing.assert_allclose(phi(spikes)[~np.eye(12, dtype=bool)] * np.sqrt(2), correlation[~np.eye(12, dtype=bool)], rtol=1e-9, atol=1e-15)


def test_sscti_takes_the_most_correlated_pairs_and_their_copies():
    spikes = random_spikes()
    matrix = phi(spikes)
    layer = sscti(spikes, n_out=24, links=30, seed=0)
    chosen = np.sort(matrix[layer.links[0], layer.links[1] % 12])
    tiled = np.tile(matrix, (1, 2))
    np.testing.assert_allclose(chosen, np.sort(tiled.ravel())[-30:])
    assert (layer.links[0] != layer.links[1] % 12).all()


@pytest.mark.parametrize("beta", [0.5, 1, 1.5, 2, 2.7])
def test_any_beta_tiles_the_inputs(beta):
    spikes = random_spikes()
    layer = sscti(spikes, beta=beta, density=0.2, seed=0)
    assert layer.shape == (12, round(12 * beta)) and layer.n_links == round(0.2 * 12 * round(12 * beta))
    if beta >= 1:
        matrix = phi(spikes)
        assert matrix[layer.links[0], layer.links[1] % 12].min() >= np.quantile(matrix[~np.eye(12, dtype=bool)], 0.7)


def test_batches_and_generators_give_the_same_layer_as_the_whole():
    spikes = random_spikes(samples=50)
    whole = sscti(spikes, n_out=20, density=0.3, seed=4)
    assert sscti([spikes[:7], spikes[7:]], n_out=20, density=0.3, seed=4) == whole
    assert sscti((spikes[i:i + 1].astype(np.uint8) for i in range(50)), n_out=20, density=0.3, seed=4) == whole
    assert sscti(spikes.reshape(-1, 12).astype(float), n_out=20, density=0.3, seed=4) == whole


def test_counts_are_exact_where_float32_sums_would_not_be():
    spikes = np.ones((5000, 2), dtype=bool)
    spikes[0, 0] = spikes[1, 1] = False
    assert phi(spikes)[0, 1] == pytest.approx(abs(np.corrcoef(spikes.T.astype(float))[0, 1]) / np.sqrt(2), rel=1e-9)


def test_constant_inputs_are_linked_last():
    spikes = random_spikes()
    spikes[..., 3], spikes[..., 7] = False, True
    assert (phi(spikes)[[3, 7]] == 0).all()
    layer = sscti(spikes, n_out=12, links=90, seed=0)
    assert layer.out_degrees[[3, 7]].sum() == 0 and layer.in_degrees[[3, 7]].sum() == 0


def test_too_few_correlated_pairs_are_filled_up_uniformly():
    spikes = np.zeros((8, 6), dtype=int)
    spikes[:4, :2] = 1  # only inputs 0 and 1 ever fire, together
    counts = np.zeros((6, 6))
    for seed in range(600):
        layer = sscti(spikes, n_out=6, links=6, seed=seed)
        assert layer.n_links == 6 and (layer.find([0, 1], [1, 0]) >= 0).all()
        counts += layer.to_dense()
    others = counts[(counts > 0) & (counts < 600)]
    assert len(others) == 28 and (np.diag(counts) == 0).all()  # all pairs but the two and the copies of oneself
    assert chi_square(others, 600 * 4 / 28) < scipy.stats.chi2.ppf(0.9999, 28)
    assert sscti(spikes, n_out=6, links=36, seed=0).n_links == 36  # copies of oneself when nothing else is left


def test_tied_pairs_are_chosen_by_the_seed():
    spikes = np.repeat(np.eye(4, dtype=int), 5, axis=0)  # every pair has the same phi
    counts = sum(sscti(spikes, n_out=8, links=6, seed=seed).to_dense().astype(int) for seed in range(800))
    free = ~np.tile(np.eye(4, dtype=bool), (1, 2))
    assert (counts[~free] == 0).all() and chi_square(counts[free], 800 * 6 / 24) < scipy.stats.chi2.ppf(0.9999, 24)


def test_csti_takes_the_largest_pearson_correlations():
    generator = np.random.default_rng(0)
    samples = generator.normal(size=(200, 15)) @ generator.normal(size=(15, 15)) + 100
    correlation = np.abs(np.corrcoef(samples.T)) * ~np.eye(15, dtype=bool)
    layer = csti(samples, n_out=30, links=40, seed=0)
    np.testing.assert_allclose(np.sort(correlation[layer.links[0], layer.links[1] % 15]), np.sort(np.tile(correlation, 2).ravel())[-40:])
    assert csti(iter([samples[:3], samples[3:]]), n_out=30, links=40, seed=0) == layer
    samples[:, 4] = 0.1
    assert csti(samples, n_out=15, links=100, seed=0).out_degrees[4] == 0


@settings(max_examples=30, deadline=None)
@given(mask=arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 8))), share=st.floats(0, 1), beta=st.floats(0.3, 3))
def test_any_spikes_give_the_exact_count(mask, share, beta):
    n_out = round(beta * mask.shape[1])
    assert sscti(mask, beta=beta, density=share, seed=0).n_links == round(share * mask.shape[1] * n_out)
    assert csti(mask.astype(float), beta=beta, density=share, seed=0).n_links == round(share * mask.shape[1] * n_out)


@pytest.mark.parametrize(("call", "message"), [
    (lambda: sscti(np.array([[0, 2]]), n_out=2, links=1), "spikes must be 0 or 1, got 2 in batch 0, observation 0, input 1"),
    (lambda: sscti([np.zeros((2, 3)), np.full((1, 3), np.nan)], n_out=2, links=1), "spikes must be 0 or 1, got nan in batch 1"),
    (lambda: sscti(np.zeros(3), n_out=2, links=1), r"a batch must be a numeric array .* got float64 of shape \(3,\)"),
    (lambda: sscti([np.zeros((2, 3)), np.zeros((2, 4))], n_out=2, links=1), "batch 1 has 4 inputs, the batches before it 3"),
    (lambda: sscti([], n_out=2, links=1), "no spikes: at least one observation is needed"),
    (lambda: sscti(np.zeros((0, 3)), n_out=2, links=1), "no spikes: at least one observation is needed"),
    (lambda: sscti(np.zeros((2, 3)), n_out=2, beta=1, links=1), "give one of n_out and beta, got both"),
    (lambda: sscti(np.zeros((2, 3)), links=1), "give one of n_out and beta, got none"),
    (lambda: sscti(np.zeros((2, 3)), beta=-1, links=1), "beta must be a positive number, got -1"),
    (lambda: sscti(7, n_out=1, links=1), "need an array or an iterable of arrays, got int"),
    (lambda: csti(np.array([[0.0, np.inf]]), n_out=2, links=1), "samples must be finite, got inf in batch 0, observation 0, input 1"),
])
def test_wrong_samples_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
    assert isinstance(ns.wiring.__all__, list)
