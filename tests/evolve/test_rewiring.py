from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import netsnn as ns
from netsnn.evolve import RECIPES, Recipe, State, ch_snn, choose, cht, dense, grow, lrs, pq, rewire, rigl, set_, start
from netsnn.evolve.rewiring import densities
from netsnn.graph import Layer

SHAPES = [(40, 60), (60, 30), (30, 10)]
SPIKES = np.random.default_rng(0).random((200, 4, 40)) < np.linspace(0.05, 0.6, 40)
GRADIENTS = [np.random.default_rng(9).standard_normal(shape) for shape in SHAPES]


def begin(recipe, seed=0):
    return start(recipe, SHAPES, samples=SPIKES, silence=1 - SPIKES.mean(), own=GRADIENTS, seed=seed)


@pytest.mark.parametrize("name", list(RECIPES))
def test_a_start_has_the_exact_number_of_links_and_a_dense_last_layer(name):
    recipe = RECIPES[name]()
    state = begin(recipe)
    last_dense, full = recipe.last == "dense", recipe.wiring == "dense"
    for i, (layer, w, (a, b)) in enumerate(zip(state.layers, state.weights, SHAPES)):
        assert layer.shape == (a, b) and w.shape == (layer.n_links,) and np.isfinite(w).all()
        if recipe.allocation == "equal":
            assert layer.n_links == (a * b if (i == 2 and last_dense) or full else round((1 - recipe.sparsity) * a * b))
    assert state.evolving == (True, True, not last_dense)
    again, other = begin(recipe), begin(recipe, seed=1)
    assert again.layers == state.layers and all((x == y).all() for x, y in zip(again.weights, state.weights))
    assert full or other.layers != state.layers
    assert recipe.weights != "own" or all((w == own.reshape(-1)).all() for w, own in zip(state.weights, GRADIENTS))


def test_erk_shares_out_exactly_the_density():
    recipe = Recipe("erk", sparsity=0.9, allocation="erk")
    found = densities(recipe, SHAPES)
    sizes = np.array([a * b for a, b in SHAPES])
    assert found @ sizes == pytest.approx(0.1 * sizes.sum()) and max(found) <= 1
    free = [d * a * b / (a + b) for d, (a, b) in zip(found, SHAPES) if d < 1]
    assert np.ptp(free) < 1e-9


@pytest.mark.parametrize("name", ["ch_snn", "cht", "chts", "set", "rigl", "esl_snn", "pq"])
@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 1000), progress=st.floats(0, 1), sparsity=st.floats(0.5, 0.97))
def test_an_event_keeps_its_accounts(name, seed, progress, sparsity):
    recipe = RECIPES[name](sparsity)
    state = begin(recipe, seed)
    after, event = rewire(state, recipe, progress=progress, gradients=GRADIENTS, seed=seed)
    for i, (old, new) in enumerate(zip(state.layers, after.layers)):
        gone = [set(zip(*(x.tolist() for x in ends))) for ends in event.removed[i].values()]
        came = [set(zip(*(x.tolist() for x in ends))) for ends in event.grown[i].values()]
        before, now = (set(zip(*(x.tolist() for x in layer.links))) for layer in (old, new))
        assert sum(map(len, gone)) == len(set().union(*gone)) and set().union(*gone) <= before  # each link goes for one reason
        assert now == (before - set().union(*gone)) | set().union(*came)
        if state.evolving[i]:
            living = after.alive[0][i].sum() * after.alive[0][i + 1].sum()
            assert new.n_links == old.n_links or new.n_links == living  # fewer only if no pair is left
        w = after.weights[i]
        assert w.shape == (new.n_links,) and w.dtype == state.weights[i].dtype
        fresh = old.find(*new.links) < 0
        kept = old.find(*new.links)[~fresh]
        assert recipe.fresh != "zero" or (w[fresh] == 0).all()
        same = w[~fresh] == state.weights[i][kept]
        assert same.all() if recipe.returning == "keep" else (same | (w[~fresh] == 0) | (recipe.fresh != "zero")).all()
    again, _ = rewire(state, recipe, progress=progress, gradients=GRADIENTS, seed=seed)
    assert again.layers == after.layers and all((x == y).all() for x, y in zip(again.weights, after.weights))


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000))
def test_the_dead_stay_dead(seed):
    recipe = ch_snn(0.97, zeta=0.6, rate="constant", until=1.0)
    state = begin(recipe, seed)
    for event_number in range(6):
        after, event = rewire(state, recipe, progress=event_number / 10, seed=seed + event_number)
        network = ns.Network(after.layers)
        for g, (was, now) in enumerate(zip(state.alive[0], after.alive[0])):
            assert not (now & ~was).any() and set(event.dead[0][g].tolist()) == set(np.flatnonzero(was & ~now).tolist())
            linked = np.zeros(len(now), dtype=bool)
            if g < 3:
                linked |= after.layers[g].out_degrees > 0
            if g:
                linked |= after.layers[g - 1].in_degrees > 0
            assert not (linked & ~now).any()  # a dead neuron has no link, not even in the dense last layer
        assert network.effective() == network or all((a == b) for a, b in zip(network.effective(), network))
        state = after


def test_one_event_of_ch_snn_worked_by_hand():
    """Removal, chain removal and regrowth, each step from the library's single parts and counted out."""
    first = ns.Layer.from_edges([0, 0, 1, 1, 2, 3], [0, 1, 1, 2, 2, 3], shape=(4, 4))
    last = ns.Layer.from_dense(np.ones((4, 2), dtype=bool))
    weights = np.array([3.0, 2.0, 2.5, 0.5, 4.0, 0.01])
    recipe = ch_snn(keep="top", draw="top", zeta=0.34, rate="constant", until=1.0)
    alive = tuple(np.ones(n, dtype=bool) for n in (4, 4, 2))
    state = State((first, last), (weights, np.arange(8.0)), ((0, 1),), (alive,), (True, False))
    score = lrs(first, weights)
    assert score.round(3).tolist() == [1.25, 0.697, 1.08, 0.216, 1.527, 0.02]
    after, event = rewire(state, recipe, progress=0.0, seed=0)
    # floor(0.34 * 6) = 2 links of least score go: 1-2 and 3-3; then input 3 and hidden 3 are dead, and hidden 3's two links to the outputs with them
    assert sorted(zip(*(x.tolist() for x in event.removed[0]["lrs"]))) == [(1, 2), (3, 3)]
    assert [len(x) for x in event.removed[0]["chain"]] == [0, 0] and sorted(zip(*(x.tolist() for x in event.removed[1]["chain"]))) == [(3, 0), (3, 1)]
    assert [ids.tolist() for ids in event.dead[0]] == [[3], [3], []]
    # CH3-L3 knows one pair, (1, 0) by way of 1-1-0-0; a second link has no path and is drawn among the living
    kept = ns.Layer.from_edges([0, 0, 1, 2], [0, 1, 1, 2], shape=(4, 4))
    assert np.argwhere(ns.linkpred.scores(kept, "ch3_l3") > 0).tolist() == [[1, 0]]
    grown = sorted(zip(*(x.tolist() for x in event.grown[0]["ch3_l3"])))
    assert (1, 0) in grown and len(grown) == 2 and all(u < 3 and v < 3 for u, v in grown) and after.layers[0].n_links == 6
    back = after.layers[0].find([1], [2])[0]
    assert back < 0 or after.weights[0][back] == 0.5  # a link that comes back keeps its weight
    assert after.weights[0][after.layers[0].find([1], [0])[0]] == 0 and after.layers[1].n_links == 6
    assert after.weights[1].tolist() == [0, 1, 2, 3, 4, 5]


def test_set_removes_of_both_signs_the_smallest():
    layer = ns.Layer.from_dense(np.ones((2, 5), dtype=bool))
    weights = np.array([0.1, 0.2, 0.3, 0.4, 0.5, -0.1, -0.2, -0.3, -0.4, 0.6])
    recipe = set_(0.0, zeta=0.5, last="evolve")
    state = State((layer,), (weights,), ((0,),), ((np.ones(2, bool), np.ones(5, bool)),), (True,))
    _, event = rewire(state, recipe, progress=0, seed=0)
    row, col = event.removed[0]["signed"]
    assert sorted(weights.reshape(2, 5)[row, col].tolist()) == [-0.2, -0.1, 0.1, 0.2, 0.3]
    _, event = rewire(replace(state, weights=(np.arange(-1.0, 9.0),)), recipe.replace(zeta=0.34), progress=0, seed=0)  # one below 0, nine above or at it
    assert sorted(np.arange(-1.0, 9.0).reshape(2, 5)[event.removed[0]["signed"]].tolist()) == [0, 1, 2]  # 0.34 of nine


def test_rigl_drops_the_smallest_and_grows_the_largest_gradients():
    recipe = rigl(0.8, zeta=0.25)
    state = begin(recipe)
    after, event = rewire(state, recipe, progress=0, gradients=GRADIENTS, seed=0)
    layer, w = state.layers[0], np.abs(state.weights[0])
    count = int(0.25 * layer.n_links)
    gone = layer.find(*event.removed[0]["magnitude"])
    assert set(gone.tolist()) == set(np.argsort(w)[:count].tolist())
    kept = layer.select(~np.isin(np.arange(layer.n_links), gone))
    score = np.where(kept.to_dense(), -1, np.abs(GRADIENTS[0])).reshape(-1)
    row, col = event.grown[0]["gradient"]
    assert set((row * 60 + col).tolist()) == set(np.argsort(-score)[:count].tolist())
    assert rewire(state, recipe, progress=0.75, gradients=GRADIENTS)[0].layers == state.layers  # no event from three quarters on


def test_pq_shrinks_by_its_index_or_keeps_the_count():
    from netsnn.evolve import pq_counts

    state = begin(pq(0.5))
    for kappa in (0.0, 0.5, 1.0):
        after, event = rewire(state, pq(0.5, kappa=kappa), progress=0.1, gradients=GRADIENTS, seed=0)
        for old, new, w in zip(state.layers, after.layers, state.weights):
            n = pq_counts(old, w)[0]
            assert n > 0 and new.n_links == old.n_links - n + round(kappa * n)
        gone, came = ({(int(u), int(v)) for u, v in zip(*next(iter(x[0].values())))} if x[0] else set() for x in (event.removed, event.grown))
        assert not gone & came  # just removed links do not come back
    after, event = rewire(state, pq(0.5, scope="neuron", kappa=0), progress=0.1, gradients=GRADIENTS, seed=0)
    lost = np.bincount(event.removed[0]["magnitude"][1], minlength=60)
    assert (lost == pq_counts(state.layers[0], state.weights[0], scope="neuron")).all() and (after.layers[0].in_degrees >= 1).sum() == (state.layers[0].in_degrees >= 1).sum()


def test_parts_recombine_and_wrong_ones_are_named():
    mine = ch_snn(0.9, growth="ch2_l3", removal="magnitude", keep="top").replace(rate="linear", zeta=0.2)
    assert (mine.growth, mine.removal, mine.rate, mine.zeta, mine.chain) == ("ch2_l3", "magnitude", "linear", 0.2, True)
    rewire(begin(mine), mine, progress=0.3, seed=0)
    for change, message in (({"growth": "ra"}, "growth must be one of None, uniform, gradient"), ({"sparsity": 1.0}, r"sparsity must lie in \[0, 1\), got 1.0"),
                            ({"zeta": 2}, r"zeta must lie in \[0, 1\], got 2"), ({"every": 0}, 'every must be "epoch" or a number of steps, got 0'),
                            ({"grow": 1}, "a recipe has no part 'grow'; parts: name, sparsity"), ({"scope": "net"}, "scope must be one of None, layer, neuron")):
        with pytest.raises(ValueError, match=message):
            mine.replace(**change)
    with pytest.raises(ValueError, match="ch_snn wires its first layer by sscti, which needs samples of the inputs"):
        start(ch_snn(), SHAPES, silence=0.5)
    with pytest.raises(ValueError, match="the samples have 40 inputs, the first layer 50"):
        start(ch_snn(), [(50, 20), (20, 5)], samples=SPIKES, silence=0.5)
    with pytest.raises(ValueError, match="growth by gradient needs a gradient"):
        rewire(begin(rigl(0.9)), rigl(0.9), progress=0)
    with pytest.raises(ValueError, match=r"progress must lie in \[0, 1\], got 2"):
        rewire(begin(set_(0.9)), set_(0.9), progress=2)
    with pytest.raises(ValueError, match="chains must hold each of 3 layers once"):
        start(set_(), SHAPES, chains=[[0, 1]])


def test_chains_do_not_reach_across_a_border():
    """Two chains: neurons dead in the first leave the second alone."""
    recipe = ch_snn(0.95, first_wiring="uniform")
    state = start(recipe, [(20, 30), (30, 20), (500, 40), (40, 10)], chains=[[0, 1], [2, 3]], silence=0.5, seed=0)
    assert state.evolving == (True, True, True, False) and [len(groups) for groups in state.alive] == [3, 3]
    after, event = rewire(state, recipe, progress=0, seed=0)
    assert [len(groups) for groups in event.dead] == [3, 3] and after.layers[3].n_links >= 0


def test_a_convolution_counts_as_its_unrolled_kernel_and_erk_sees_its_dimensions():
    recipe = rigl(0.9)
    state = start(recipe, [(3, 8, 5, 5), (200, 20), (20, 10)], chains=[[0], [1, 2]], seed=0)
    assert [layer.shape for layer in state.layers] == [(75, 8), (200, 20), (20, 10)]
    share = densities(recipe, [(3, 8, 5, 5), (200, 20)])
    assert share[0] / share[1] == pytest.approx(((3 + 8 + 5 + 5) / (3 * 8 * 25)) / (220 / 4000)) and share[0] * 600 + share[1] * 4000 == pytest.approx(460)
    first = start(ch_snn(0.9), [(3, 8, 5, 5), (200, 20), (20, 10)], chains=[[0], [1, 2]], silence=0.5, seed=0).layers[0]
    assert np.ptp(first.in_degrees) <= 1  # nothing to correlate: every neuron as many links


def test_pq_of_neurons_regrows_in_each_neuron_what_it_lost_and_shrinks_now_and_then():
    recipe = pq(0.5, scope="neuron", shrink_every=3)
    state = begin(recipe)
    for event in range(1, 4):
        after, _ = rewire(state, recipe, progress=0.1, gradients=GRADIENTS, seed=event)
        for old, new in zip(state.layers, after.layers):
            assert (new.in_degrees == old.in_degrees).all() if event < 3 else new.n_links < old.n_links
        assert after.events == event
        noisy = [w + 0.3 * np.random.default_rng(event).standard_normal(len(w)) for w in after.weights]
        state = State(after.layers, tuple(noisy), after.chains, after.alive, after.evolving, after.events)


def test_cht_ends_when_what_grows_had_just_gone():
    """Two layers: one whose only places are those just left (settles at once), one with room; evolution ends when both have."""
    full = start(cht(0.5, chain=False, growth="uniform", first_wiring="uniform"), [(4, 5), (5, 3), (3, 2)], seed=0)
    tight = Layer.from_dense(np.ones((4, 5), dtype=bool))
    state = State((tight, *full.layers[1:]), (np.arange(20.0), *full.weights[1:]), full.chains, full.alive, (True, True, False))
    recipe = cht(0.5, chain=False, growth="uniform", first_wiring="uniform")
    after, _ = rewire(state, recipe, progress=0, seed=0)
    assert after.settled[0] and not after.settled[2]
    done = State(after.layers, after.weights, after.chains, after.alive, after.evolving, after.events, (True, True, False))
    still, event = rewire(done, recipe, progress=0.1, seed=1)
    assert still.layers == done.layers and not any(event.grown) and not any(event.removed) and still.events == done.events + 1
    assert rewire(done, recipe.replace(stop=None), progress=0.1, seed=1)[0].layers != done.layers


def test_fixed_wirings_have_no_events():
    for recipe in (dense(), RECIPES["static"](0.9)):
        state = begin(recipe)
        after, event = rewire(state, recipe, progress=0.2)
        assert not recipe.evolves and after.layers == state.layers and not any(map(len, event.removed + event.grown))


def test_events_are_pure():
    state = begin(ch_snn(0.9))
    before = [w.copy() for w in state.weights]
    rewire(state, ch_snn(0.9), progress=0, seed=0)
    assert all((a == b).all() for a, b in zip(before, state.weights))
    assert choose(np.ones(3), 2, np.random.default_rng(0)).sum() == 2 and len(grow(state.layers[0], 3, "uniform")) == 3
