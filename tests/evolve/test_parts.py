import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import netsnn as ns
from netsnn.evolve import GROWTHS, choose, grow, likelihood, lrs, magnitude, pq_counts, pq_index, pq_retained, relative_importance
from netsnn.evolve.initial import INITIAL, UNIT, sswi, sswi_variance
from netsnn.evolve.rates import constant, cosine, linear

layers = st.tuples(st.integers(1, 8), st.integers(1, 8)).flatmap(lambda shape: arrays(bool, shape)).map(ns.Layer.from_dense)
finite = st.floats(-3, 3, allow_nan=False, width=32)


def random_layer(n_in, n_out, density, seed=0):
    rng = np.random.default_rng(seed)
    layer = ns.Layer.from_dense(rng.random((n_in, n_out)) < density)
    return layer, rng.standard_normal(layer.n_links)


# ---- removal -----------------------------------------------------------------------------------------

@settings(max_examples=40, deadline=None)
@given(layers, st.integers(0, 9))
def test_scores_are_their_formulas_on_the_dense_matrix(layer, seed):
    w = np.random.default_rng(seed).standard_normal(layer.n_links)
    full = np.abs(layer.to_dense(w)) if layer.n_links else np.zeros(layer.shape)
    into, out = full.sum(axis=0, keepdims=True), full.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        expected = {"lrs": full / (1 + into) + full / (1 + out), "relative_importance": full / into + full / out,
                    "likelihood": full / (0.3 + 0.7 * into) + full / (0.3 + 0.7 * out)}
    np.testing.assert_allclose(lrs(layer, w), expected["lrs"][layer.links])
    np.testing.assert_allclose(relative_importance(layer, w), expected["relative_importance"][layer.links])
    np.testing.assert_allclose(likelihood(layer, w, alpha=0.3, delta=0.75), expected["likelihood"][layer.links] ** 3)
    np.testing.assert_allclose(magnitude(layer, w), np.abs(w))
    np.testing.assert_allclose(likelihood(layer, w, alpha=0.5, delta=0.5), 2 * lrs(layer, w))  # as the notes derive


def test_choosing_by_rank_is_exact_and_breaks_ties_by_the_seed():
    scores = np.array([1.0, 2, 2, 2, 0, 3])
    seen = np.zeros(6)
    for seed in range(600):
        mask = choose(scores, 3, np.random.default_rng(seed))
        assert mask.sum() == 3 and mask[5] and not mask[[0, 4]].any()
        seen += mask
    assert scipy.stats.chisquare(seen[1:4]).pvalue > 1e-4


def test_choosing_by_lot_follows_the_scores():
    scores, seen = np.array([1.0, 2.0, 3.0, 4.0, 0.0]), np.zeros(5)
    for seed in range(6000):
        seen += choose(scores, 1, np.random.default_rng(seed), sample=True)
    assert seen[4] == 0 and scipy.stats.chisquare(seen[:4], 6000 * scores[:4] / 10).pvalue > 1e-4
    squared = sum(choose(scores, 1, np.random.default_rng(s), sample=True, exponent=2) for s in range(6000))
    assert scipy.stats.chisquare(squared[:4], 6000 * scores[:4] ** 2 / 30).pvalue > 1e-4
    assert choose(scores, 5, np.random.default_rng(0), sample=True).all()  # scores of 0 when nothing else is left
    with pytest.raises(ValueError, match="cannot choose 6 of 5"):
        choose(scores, 6, np.random.default_rng(0))


# ---- growth ------------------------------------------------------------------------------------------

@settings(max_examples=40, deadline=None)
@given(layers, st.data())
def test_growth_gives_new_links_of_living_neurons_as_many_as_there_are(layer, data):
    rule = data.draw(st.sampled_from(["uniform", "gradient", "ch3_l3", "l3", "ch2_l3n"]))
    sample, count, seed = data.draw(st.booleans()), data.draw(st.integers(0, 70)), data.draw(st.integers(0, 3))
    rng = np.random.default_rng(seed)
    alive = (rng.random(layer.n_in) < 0.8, rng.random(layer.n_out) < 0.8)
    exclude = rng.choice(layer.n_in * layer.n_out, layer.n_in * layer.n_out // 4, replace=False)
    ids = grow(layer, count, rule, sample=sample, gradient=rng.standard_normal(layer.shape), alive=alive, exclude=exclude, seed=seed)
    free = np.outer(*alive) & ~layer.to_dense()
    free.reshape(-1)[exclude] = False
    assert len(ids) == min(count, free.sum()) == len(set(ids.tolist())) and free.reshape(-1)[ids].all() and (np.diff(ids) > 0).all()


@pytest.mark.parametrize("rule", ["ch3_l3", "ch2_l3n", "uniform"])
def test_nothing_grows_at_dead_neurons_that_still_have_links(rule):
    layer, alive = ns.wiring.erdos_renyi(8, 9, density=0.4, seed=0), (np.ones(8, dtype=bool), np.ones(9, dtype=bool))
    alive[0][0] = alive[1][3] = False
    assert layer.out_degrees[0] and layer.in_degrees[3]
    free = np.outer(*alive) & ~layer.to_dense()
    for sample, count in ((True, 25), (False, 6), (False, 25)):
        ids = grow(layer, count, rule, sample=sample, alive=alive, seed=1)
        assert len(ids) == count and free.reshape(-1)[ids].all()
    if rule != "uniform":
        scored = ns.linkpred.scores(layer, rule, pairs=np.nonzero(free))
        assert np.sort(ns.linkpred.scores(layer, rule, pairs=np.divmod(grow(layer, 6, rule, alive=alive), 9))) == pytest.approx(np.sort(scored)[-6:])


def test_growth_takes_the_best_and_fills_up_anywhere():
    layer = ns.Layer.from_edges([0, 0, 1, 1, 2], [0, 1, 0, 2, 1], shape=(3, 4))
    score = ns.linkpred.scores(layer, "ch3_l3")
    best = set(np.argsort(-score.reshape(-1))[:3].tolist())
    assert set(grow(layer, 3, "ch3_l3").tolist()) == best
    assert best < set(grow(layer, 5, "ch3_l3").tolist())
    gradient = np.arange(12.0).reshape(3, 4) - 5
    absent = np.where(layer.to_dense(), -1, np.abs(gradient)).reshape(-1)
    assert set(grow(layer, 2, "gradient", gradient=gradient).tolist()) == set(np.argsort(-absent)[:2].tolist())


def test_sampled_growth_follows_the_score():
    layer, _ = random_layer(6, 6, 0.4)
    score = ns.linkpred.scores(layer, "ch3_l3").reshape(-1)
    seen = np.zeros(36)
    for seed in range(4000):
        seen[grow(layer, 1, "ch3_l3", sample=True, seed=seed)] += 1
    at = score > 0
    assert not seen[~at].any() and scipy.stats.chisquare(seen[at], 4000 * score[at] / score.sum()).pvalue > 1e-4


def test_wrong_growths_are_named():
    layer, _ = random_layer(4, 5, 0.3)
    with pytest.raises(ValueError, match="no growth 'ra_l2'; growths: uniform, gradient, momentum, pa"):
        grow(layer, 2, "ra_l2")
    with pytest.raises(ValueError, match=r"growth by gradient needs a gradient of shape \(4, 5\), got none"):
        grow(layer, 2, "gradient")
    for count, shown in ((-1, "-1"), (1.5, "1.5"), ([1, -2, 0, 0, 0], "-2")):
        with pytest.raises(ValueError, match=f"the number of new links must be a whole number of at least 0, got {shown}"):
            grow(layer, count, "uniform")
    assert set(GROWTHS) == {"uniform", "gradient", "momentum"}


# ---- rates and the PQ index ------------------------------------------------------------------------------

def test_rates_begin_at_zeta_and_end_at_nothing():
    for rate, until in ((constant, 0.5), (cosine, 0.75), (linear, 1.0)):
        assert rate(0, 0.3, until) == pytest.approx(0.3) and rate(until, 0.3, until) == 0
        values = [rate(t, 0.3, until) for t in np.linspace(0, 1, 50)]
        assert all(a >= b for a, b in zip(values, values[1:])) and min(values) >= 0


def test_the_pq_index_has_its_closed_forms():
    """Gaussian, Laplace and uniform weights, and a one-hot vector (methods: 1.2)."""
    rng = np.random.default_rng(0)
    for draw, first, second in ((rng.standard_normal, 0.1528, 1 - 2 / math.pi), (lambda n: rng.laplace(size=n), 1 - math.pi / 4, 1 / 2), (rng.random, 1 / 9, 1 / 4)):
        w = draw(2_000_000)
        assert pq_index(w, 0.5, 1) == pytest.approx(first, abs=1.5e-3) and 1 - pq_retained(w, 1, 2, eta=0) / len(w) == pytest.approx(second, abs=1.5e-3)
        assert 1 - pq_retained(w, 0.5, 1, eta=0) / len(w) == pytest.approx(pq_index(w, 0.5, 1))  # c = I exactly
    for p, q, d in ((0.5, 1, 7), (1, 2, 30)):
        assert pq_index(np.eye(d)[0], p, q) == pytest.approx(1 - d ** (1 / q - 1 / p))


@settings(max_examples=60, deadline=None)
@given(arrays(float, st.integers(1, 40), elements=finite), st.floats(0.01, 100))
def test_the_pq_index_ignores_scale_and_copies_and_stays_in_its_range(w, scale):
    index = pq_index(w)
    assert 0 <= index < 1
    assert pq_index(w * scale) == pytest.approx(index, abs=1e-9) and pq_index(np.concatenate([w, w])) == pytest.approx(index, abs=1e-9)
    assert pq_retained(w, eta=0) <= len(w) * (1 + 1e-12)


def test_the_retained_bound_holds_for_the_eta_it_is_defined_by():
    rng = np.random.default_rng(0)
    for _ in range(300):
        w = np.sort(np.abs(rng.standard_normal(50)) ** rng.uniform(0.5, 4))[::-1]
        for r in (5, 20, 40):
            eta = (w[r:] ** 0.5).sum() / (w[:r] ** 0.5).sum()
            assert pq_retained(w, 0.5, 1, eta) <= r + 1e-9


def test_pq_counts_are_whole_numbers_not_one_less():
    """d (1 - r / d) with gamma = 1 is d - r, which in floating point may come out just below."""
    rng = np.random.default_rng(7)
    for d in (*range(2, 30), 50, 99):
        for _ in range(20):
            w = rng.normal(size=d)
            r = math.ceil(pq_retained(w))
            assert pq_counts(ns.Layer.from_dense(np.ones((d, 1), dtype=bool)), w, scope="neuron") == min(d - r, int(0.9 * d + 1e-9), d - 1)


def test_pq_counts_leave_every_neuron_a_link():
    layer, w = random_layer(40, 30, 0.2)
    for gamma in (1, 3, 9):
        counts = pq_counts(layer, w**5, scope="neuron", gamma=gamma)
        assert (counts < np.maximum(layer.in_degrees, 1)).all() and counts.shape == (30,)
    assert pq_counts(layer, np.ones(layer.n_links))[0] == 0  # equal weights: none is superfluous
    whole = pq_counts(layer, w)[0]
    assert whole == int(layer.n_links * (1 - math.ceil(pq_retained(w)) / layer.n_links))
    with pytest.raises(ValueError, match="scope must be layer or neuron, got 'net'"):
        pq_counts(layer, w, scope="net")
    with pytest.raises(ValueError, match="p and q must satisfy 0 < p < q, got 1 and 1"):
        pq_index(w, 1, 1)


# ---- first weights ------------------------------------------------------------------------------------------

def test_sswi_has_the_papers_variances():
    assert pytest.approx(2.066366, abs=1e-6) == UNIT == pytest.approx(1 / (2 * scipy.stats.norm.pdf(1)))
    layer = ns.wiring.uniform(400, 300, density=0.05, seed=0)
    assert sswi_variance(layer, position="first", silence=0.9) == pytest.approx(0.9 / (400 * 0.05))
    assert sswi_variance(layer, position="first", silence=0.9, reading="rate") == pytest.approx(0.1 / 20)
    assert sswi_variance(layer, position="first", silence=0.9, reading="inverse") == pytest.approx(10 / 20)
    assert sswi_variance(layer, position="middle", theta=0.5) == pytest.approx(0.25 * UNIT / 20)
    assert sswi_variance(layer, position="last", theta=0.5) == pytest.approx(0.25 * UNIT / 400)
    drawn = sswi(layer, np.random.default_rng(0), position="middle", theta=0.5)
    assert drawn.var() == pytest.approx(0.25 * UNIT / 20, rel=0.05) and abs(drawn.mean()) < 0.01
    with pytest.raises(ValueError, match=r"needs silence, the share of zeros in the input spikes, in \[0, 1\]; got None"):
        sswi_variance(layer, position="first")


@pytest.mark.parametrize(("reading", "silence"), [("silence", 0.0), ("rate", 1.0)])
def test_inputs_that_never_change_give_no_weights_of_0_but_an_error(reading, silence):
    layer = ns.wiring.uniform(20, 10, density=0.5, seed=0)
    with pytest.raises(ValueError, match="SSWI makes all weights of the first layer 0 .* ch_snn\\(weights='swi'\\)"):
        sswi(layer, np.random.default_rng(0), position="first", silence=silence, reading=reading)


def test_a_middle_layer_under_sswi_has_potentials_of_the_threshold():
    """Var(v) = theta^2 when the mean square of the inputs is 2 phi(1) = 0.484 (methods: 4)."""
    rng, theta = np.random.default_rng(0), 0.5
    layer = ns.wiring.uniform(600, 500, density=0.05, seed=0)
    w = layer.to_dense(sswi(layer, rng, position="middle", theta=theta))
    x = (rng.random((2000, 600)) < 2 * scipy.stats.norm.pdf(1)).astype(float)
    assert (x @ w).var() == pytest.approx(theta**2, rel=0.05)


@pytest.mark.parametrize("name", list(INITIAL))
def test_first_weights_follow_the_seed(name):
    layer, _ = random_layer(50, 40, 0.2)
    one, two, other = (INITIAL[name](layer, np.random.default_rng(s), position="middle") for s in (0, 0, 1))
    assert (one == two).all() and (one != other).any() and one.shape == (layer.n_links,)
