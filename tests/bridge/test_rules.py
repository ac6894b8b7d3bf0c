"""Grad R, Deep R, STDS, SD-SNN and DPAP at work in torch, against the NumPy functions that define them."""

import numpy as np
import pytest
import torch
from torch import nn

import netsnn as ns
from netsnn.bridge import Evolver, from_graph, sparse_layers, sparsify, to_graph
from netsnn.bridge.latent import dormant
from netsnn.evolve import deep_r, dpap, grad_r, sd_snn, stds
from netsnn.evolve.latent import deep_r_start, deep_r_step, grad_r_start, grad_r_step, soft_threshold, stds_threshold
from netsnn.evolve.rules import SDSNN
from netsnn.evolve.spines import spines_epoch
from netsnn.evolve.survival import bcm, scaled, survival_step, trace

torch.set_num_threads(1)


def one_layer(seed=0, dtype=torch.float64, bias=False):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(12, 9, bias=bias)).to(dtype)


def step(model, optimizer, evolver, gradient):
    """A step on a gradient of our own choosing, (n_in, n_out)."""
    model[0].weight.grad = torch.from_numpy(np.ascontiguousarray(gradient.T)).to(model[0].weight)
    optimizer.step()
    return evolver.step()


def weight(model):
    return model[0].weight.detach().numpy().T


def test_gradient_rewiring_on_adam_takes_the_defined_steps():
    recipe = grad_r(alpha=0.02, target=0.9)
    model = one_layer()
    with torch.no_grad():
        model[0].weight[0, 0] = 0  # its sign is drawn
    sparsify(model, recipe)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    evolver = Evolver(model, optimizer, recipe, steps_per_epoch=10, epochs=8)
    state = grad_r_start(weight(model))
    state.sign[0, 0] = evolver._engine.sign[0][0, 0].item()
    rng, died, back = np.random.default_rng(0), 0, 0
    for _ in range(60):
        gradient = rng.standard_normal((12, 9)) + 0.3
        was = to_graph(model)["0"]
        step(model, optimizer, evolver, gradient)
        state = grad_r_step(state, gradient, lr=0.01, alpha=0.02, target=0.9)
        np.testing.assert_allclose(weight(model), state.weights, rtol=1e-9, atol=1e-15)
        now = to_graph(model)["0"]
        assert (now.to_dense() == (state.theta > 0)).all()
        died, back = died + (was - now).n_links, back + (now - was).n_links
    assert died > 10 and back > 3 and evolver.events == 6


def test_a_steered_prior_grows_with_the_excess_density():
    recipe = grad_r(alpha=1e-3, target=0.9, steer=2.0)
    model = sparsify(one_layer(), recipe)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    evolver = Evolver(model, optimizer, recipe, steps_per_epoch=1)
    step(model, optimizer, evolver, np.zeros((12, 9)))
    assert evolver._engine.alpha == pytest.approx(1e-3 * np.exp(2 * (1 - 0.1)))


def test_soft_thresholds_pass_their_gradient_straight_through():
    recipe = stds(final=0.3)
    model = sparsify(one_layer(), recipe)
    theta = weight(model).copy()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    evolver = Evolver(model, optimizer, recipe, steps_per_epoch=5, epochs=4)
    rng = np.random.default_rng(0)
    for t in range(1, 21):
        gradient = 0.1 * rng.standard_normal((12, 9))
        step(model, optimizer, evolver, gradient)
        theta = theta - 0.1 * gradient
        np.testing.assert_allclose(weight(model), soft_threshold(theta, stds_threshold(t / 20, 0.3)), rtol=1e-12, atol=1e-15)
    assert 0 < to_graph(model)["0"].n_links < 100 and evolver.events == 4
    with pytest.raises(ValueError, match="the threshold of stds rises over training: give epochs"):
        Evolver(model, optimizer, recipe)


@pytest.mark.parametrize("scope", ["layer", "model"])
def test_deep_rewiring_keeps_count_signs_and_the_steps_of_links_that_stay(scope):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(12, 9, bias=False), nn.Linear(9, 30, bias=False)).double()
    recipe = deep_r(0.8, l1=0.1, scope=scope)
    sparsify(model, recipe, seed=0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    evolver = Evolver(model, optimizer, recipe, steps_per_epoch=7, epochs=5)
    signs = [sign.clone() for sign in evolver._engine.sign.values()]
    total, moved = sum(layer.n_links for layer in to_graph(model).values()), 0
    counts, rng = [layer.n_links for layer in to_graph(model).values()], np.random.default_rng(0)
    for _ in range(30):
        before = to_graph(model, weights=True)
        gradients = [rng.standard_normal(layer.shape) for layer, _ in before.values()]
        for module, gradient in zip(model, gradients):
            module.weight.grad = torch.from_numpy(gradient.T.copy())
        optimizer.step()
        evolver.step()
        after = to_graph(model, weights=True)
        assert sum(layer.n_links for layer, _ in after.values()) == total
        if scope == "layer":
            assert [layer.n_links for layer, _ in after.values()] == counts
        for (old, w), (new, v), gradient, sign in zip(before.values(), after.values(), gradients, signs):
            defined = deep_r_step(deep_r_start(old, w), gradient, lr=0.1, l1=0.1)
            stay = defined.active & old.to_dense() & (defined.theta > 1e-12)
            assert (new.to_dense() & old.to_dense() == stay).all() or scope == "model"  # the just gone do not come back at once where there is room
            np.testing.assert_allclose(new.to_dense(v)[stay], defined.weights[stay], rtol=1e-12)
            assert (v * sign.numpy().T[new.links] > 0).all() and (np.abs(v[old.find(*new.links) < 0]) == 1e-12).all()
            moved += (new - old).n_links
    assert moved > 20


def test_dormant_places_are_drawn_evenly():
    mask = torch.zeros(6, 50, dtype=torch.bool)
    mask[:, ::2] = True
    counts = np.zeros(300)
    for seed in range(3000):
        places = dormant(mask, 5, torch.Generator().manual_seed(seed))
        assert len(set(places.tolist())) == 5 and not mask.view(-1)[places].any()
        counts[places] += 1
    free = counts[~mask.view(-1).numpy()]
    assert counts.sum() == 15000 and ((free - 100) ** 2 / 100).sum() < 220  # chi-square of 149 degrees, far tail
    assert sorted(dormant(mask, 200, torch.Generator()).tolist()) == torch.nonzero(~mask.view(-1)).view(-1).tolist()


@pytest.mark.parametrize("faithful", [False, True])
def test_spines_do_in_a_model_what_they_do_by_themselves(faithful):
    """60-80-10, patience 1: the first layer's epochs replayed by the pure function on the weights and gradients that the model had."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(60, 80), nn.ReLU(), nn.Linear(80, 10)).double()
    recipe = sd_snn(patience=1, faithful=faithful, rate_linear=20.0)
    sparsify(model, recipe)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    evolver = Evolver(model, optimizer, recipe, steps_per_epoch=3, epochs=14, seed=5)
    rng, state, came = np.random.default_rng(0), None, 0
    for epoch in range(14):
        pull, mask = np.zeros((60, 80)), model[0].weight_mask.numpy().T.copy()
        w = weight(model).copy()
        for _ in range(3):
            gradient = rng.standard_normal((60, 80))
            pull -= 0 if state is None else 0.05 * gradient  # of present links too: the percentile is the layer's
            w = w - 0.05 * np.where(mask | faithful, gradient, 0)
            model[0].weight.grad, model[2].weight.grad = torch.from_numpy(gradient.T.copy()), torch.zeros(10, 80, dtype=torch.float64)
            model[0].bias.grad = torch.ones(80, dtype=torch.float64)
            optimizer.step()
            event = evolver.step()
        if faithful:
            pull = w
        state, w, _ = spines_epoch(state, w, pull, epoch, SDSNN(patience=1, faithful=faithful, rate_linear=20.0), after=10, seed=[5, epoch, 0])
        np.testing.assert_allclose(weight(model), w, rtol=1e-9, atol=1e-12)
        assert (to_graph(model)["0"].to_dense() == state.mask).all() and to_graph(model)["2"].n_links == 800
        came += len(event.grown[0]["sd_snn"][0])
    assert state.pruned.sum() > 10 and came > 0


def test_a_pruned_neuron_has_no_bias():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(60, 20), nn.ReLU(), nn.Linear(20, 4))
    recipe = sd_snn(patience=1, rate_linear=50.0, regrow=False)
    sparsify(model, recipe)
    optimizer = torch.optim.Adam(model.parameters())
    evolver = Evolver(model, optimizer, recipe, steps_per_epoch=1)
    for _ in range(8):
        optimizer.zero_grad()
        model(torch.randn(16, 60)).square().sum().backward()
        optimizer.step()
        evolver.step()
    silent = ~model[0].weight_mask.any(dim=1)
    assert silent.sum() >= 10 and (model[0].bias[silent] == 0).all() and (model[0].bias[~silent] != 0).all()


def test_survival_in_a_model_is_that_of_its_traces():
    """A spiking 12-9-4 of hard thresholds, single steps: BCM and traces replayed from the spikes that passed."""
    torch.manual_seed(0)

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Linear(12, 9), nn.Linear(9, 4)

        def forward(self, x):  # (time, batch, 12)
            currents = [self.first(step) for step in x]
            self.hidden = [(current > 0.1).float() + 0 * current for current in currents]
            return sum(self.second(h) for h in self.hidden)

    model, recipe = Net(), dpap()
    sparsify(model, recipe)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    evolver = Evolver(model, optimizer, recipe, steps_per_epoch=2, epochs=40)
    assert evolver.evolving == (True, False)
    rng = np.random.default_rng(0)
    neurons, synapses, threshold = np.full(9, 10.0), np.full((12, 9), 10.0), np.zeros(9)
    alive, links = np.ones(9, bool), np.ones((12, 9), bool)
    plastic, spikes = np.zeros((12, 9)), np.zeros(9)  # never reset, as in the program
    for epoch in range(40):
        for _ in range(2):
            x = (rng.random((3, 16, 12)) < np.linspace(0.05, 0.9, 12)).astype(np.float32)
            optimizer.zero_grad()
            model(torch.from_numpy(x)).sum().backward()
            optimizer.step()
            before, after = trace(x), trace(torch.stack(model.hidden).detach().numpy())
            plastic += bcm(before, after, threshold)
            spikes += after.sum(axis=0)
            threshold += 0.1 * (after.mean(axis=0) - threshold)
            model.eval()
            with torch.no_grad():
                model(torch.from_numpy(x))  # an evaluation in between leaves no trace
            model.train()
            evolver.step()
        neurons, dead = survival_step(neurons, scaled(plastic.sum(axis=0)) * scaled(spikes), epoch=epoch)
        flat, gone = survival_step(synapses.reshape(-1), scaled(plastic).reshape(-1), epoch=epoch)
        synapses, alive, links = flat.reshape(12, 9), alive & ~dead, links & ~gone.reshape(12, 9)
        assert (to_graph(model)["first"].to_dense() == links & alive).all()
    assert 0 < to_graph(model)["first"].n_links < 108
    evolver.close()
    with pytest.raises(ValueError, match="dpap scores neurons by their spikes, which the next layer sees: none follows layer 0 on its 9 neurons"):
        alone = sparsify(one_layer(), recipe)
        Evolver(alone, torch.optim.SGD(alone.parameters(), 0.1), recipe)


@pytest.mark.parametrize("recipe", [grad_r(), deep_r(0.8), stds(), sd_snn(patience=1), dpap()], ids=lambda r: r.name)
def test_rules_leave_a_snapshot_each_epoch_and_work_on_convolutions(recipe, tmp_path):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU(), nn.Conv2d(6, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 16, 20), nn.ReLU(), nn.Linear(20, 5))
    sparsify(model, recipe, seed=0)
    assert list(sparse_layers(model)) == ["0", "2", "5", "7"] and to_graph(model)["2"].shape == (54, 8)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    evolver = Evolver(model, optimizer, recipe, steps_per_epoch=2, epochs=6, history=tmp_path / "h")
    for _ in range(12):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(torch.randn(6, 1, 8, 8)), torch.randint(5, (6,))).backward()
        optimizer.step()
        event = evolver.step()
    history = ns.History(tmp_path / "h")
    assert history.steps.tolist() == [0, 2, 4, 6, 8, 10, 12] and history.names == ("0", "2", "5", "7")
    assert history[-1].layers == list(to_graph(model).values())
    for i, (before, after) in enumerate(zip(history[-2].layers, history[-1].layers)):
        assert (before - after).n_links == len(event.removed[i][recipe.name][0]) and (after - before).n_links == len(event.grown[i][recipe.name][0])


def test_several_batches_may_make_one_step_of_dpap_and_siblings_are_refused():
    def engine(parts):
        torch.manual_seed(0)
        model = sparsify(nn.Sequential(nn.Linear(12, 9), nn.ReLU(), nn.Linear(9, 4)), dpap())
        optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
        evolver = Evolver(model, optimizer, dpap(pace=0.0), steps_per_epoch=2)
        for x in torch.rand(16, 12, generator=torch.Generator().manual_seed(0)).split(16 // parts):
            model(x).sum().backward()
        optimizer.step()
        return evolver._engine

    whole, halves = engine(1), engine(2)
    np.testing.assert_allclose(halves.plastic[0], whole.plastic[0], rtol=1e-5)
    np.testing.assert_allclose(halves.spikes[0], whole.spikes[0], rtol=1e-5)

    class Siblings(nn.Module):
        def __init__(self):
            super().__init__()
            self.q, self.k, self.out = nn.Linear(8, 8), nn.Linear(8, 8), nn.Linear(8, 3)

        def forward(self, x):
            return self.out(self.q(x) * self.k(x))

    model = sparsify(Siblings(), dpap())
    Evolver(model, torch.optim.SGD(model.parameters(), 0.1), dpap())
    with pytest.raises(ValueError, match="layers 0 and 1 see the same inputs: exclude one"):
        model(torch.rand(4, 8))


def test_spines_start_from_the_wiring_that_is_there():
    recipe = sd_snn(patience=1).replace(wiring="erdos_renyi", sparsity=0.8)
    model = sparsify(nn.Sequential(nn.Linear(30, 20), nn.ReLU(), nn.Linear(20, 4)), recipe, seed=0)
    layer = to_graph(model)["0"]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    evolver = Evolver(model, optimizer, recipe, steps_per_epoch=1)
    model(torch.rand(4, 30)).sum().backward()
    optimizer.step()
    evolver.step()
    assert layer.n_links == 120 and to_graph(model)["0"] == layer


def test_rules_start_from_the_wiring_they_are_given():
    recipe = grad_r(alpha=0.0).replace(wiring="erdos_renyi", sparsity=0.9)
    model = sparsify(one_layer(dtype=torch.float32), recipe, seed=0)
    layer = to_graph(model)["0"]
    assert layer.n_links == 11
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    evolver = Evolver(model, optimizer, recipe)
    step(model, optimizer, evolver, np.ones((12, 9)))
    sign = evolver._engine.sign[0].numpy().T
    assert (to_graph(model)["0"] | layer).n_links == (layer.to_dense() | (sign < 0)).sum()  # a step against the gradient wakes those of negative sign
    with pytest.raises(ValueError, match="a recipe with a rule .GradR. has no removal and no growth of its own"):
        recipe.replace(growth="uniform")
    with pytest.raises(ValueError, match="rule must be one of netsnn.evolve.rules .GradR, DeepR, STDS, SDSNN, DPAP., got 'x'"):
        recipe.replace(rule="x")
    with pytest.raises(ValueError, match=r"target must lie in \[0.5, 1\), got 0.2"):
        grad_r(target=0.2)
    from_graph(model, {"0": layer})
