import io
import math
from copy import deepcopy

import numpy as np
import pytest
import torch
from torch import nn

import netsnn as ns
from netsnn.bridge import Evolver, from_graph, sparse_layers, sparsify, to_graph
from netsnn.errors import TrainingError
from netsnn.evolve import RECIPES, ch_snn, rigl, set_, static, stds

torch.set_num_threads(1)
SPIKES = (np.random.default_rng(0).random((60, 4, 24)) < np.linspace(0.1, 0.6, 24)).astype(np.float32)


def mlp(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(24, 40), nn.ReLU(), nn.Linear(40, 30), nn.ReLU(), nn.Linear(30, 5))


OPTIMIZERS = {"sgd": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=1e-3), "adam": lambda p: torch.optim.Adam(p, lr=1e-2),
              "adamw": lambda p: torch.optim.AdamW(p, lr=1e-2)}


def train(model, optimizer, evolver, steps, seed=0, first=0):
    for step in range(first, first + steps):
        generator = torch.Generator().manual_seed(1000 * seed + step)
        x, y = torch.randn(16, 24, generator=generator), torch.randint(5, (16,), generator=generator)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
        evolver.step()


def masked_places_are_zero(model, optimizer, moments=True):
    for module in sparse_layers(model).values():
        outside = ~module.weight_mask
        assert (module.weight[outside] == 0).all()
        for value in optimizer.state[module.weight].values():
            if moments and torch.is_tensor(value) and value.shape == module.weight.shape:
                assert (value[outside] == 0).all()


@pytest.mark.parametrize("optimizer", list(OPTIMIZERS))
@pytest.mark.parametrize("name", list(RECIPES))
def test_absent_weights_and_their_moments_stay_exactly_zero(name, optimizer):
    recipe = RECIPES[name]()
    recipe = recipe.replace(every=4) if isinstance(recipe.every, int) else recipe
    model = sparsify(mlp(), recipe, calibration=SPIKES, seed=0)
    parameters, keys = [id(p) for p in model.parameters()], list(model.state_dict())
    optimizer = OPTIMIZERS[optimizer](model.parameters())
    evolver = Evolver(model, optimizer, recipe, steps_per_epoch=4, epochs=4)
    counts = [layer.n_links for layer in to_graph(model).values()]
    for step in range(14):
        train(model, optimizer, evolver, 1, first=step)
        masked_places_are_zero(model, optimizer, moments=name not in ("grad_r", "stds"))  # whose hidden weights go on
    assert [id(p) for p in model.parameters()] == parameters and list(model.state_dict()) == keys
    assert evolver.events == (3 if recipe.evolves else 0) or (name == "cht" and evolver._over(13))  # which may have settled
    if name not in ("ch_snn", "cht", "chts", "grad_r", "stds", "sd_snn", "dpap"):
        assert [layer.n_links for layer in to_graph(model).values()] == counts


def test_keys_of_a_sparse_model_load_into_a_plain_one():
    model = sparsify(mlp(), set_(0.9))
    plain = mlp(1)
    missing = plain.load_state_dict(model.state_dict(), strict=False)
    assert not missing.missing_keys and all("weight_mask" in key for key in missing.unexpected_keys)
    x = torch.randn(7, 24)
    assert torch.equal(plain(x), model(x))


def test_graphs_come_back_as_they_went_in():
    model = mlp()
    layers = {"0": ns.wiring.uniform(24, 40, density=0.1, seed=0), "2": ns.wiring.scale_free(40, 30, density=0.2, seed=0)}
    weights = {name: np.random.default_rng(0).standard_normal(layer.n_links).astype(np.float32) for name, layer in layers.items()}
    from_graph(model, {name: (layer, weights[name]) for name, layer in layers.items()})
    found = to_graph(model, weights=True)
    for name, layer in layers.items():
        assert found[name][0] == layer and (found[name][1] == weights[name]).all()
        assert (model[int(name)].weight.T.detach().numpy() == layer.to_dense(weights[name])).all()  # torch's weight is (out, in)
    with pytest.raises(ValueError, match=r"0 has 24 inputs and 40 outputs, the layer shape \(40, 24\)"):
        from_graph(model, {"0": layers["0"].T})
    with pytest.raises(ValueError, match="the model has no linear layer or convolution '1'; it has 0, 2, 4"):
        from_graph(model, {"1": layers["0"]})


def test_an_event_that_replaces_a_step_moves_no_weight_by_gradients():
    recipe = ch_snn(0.8, first_wiring="uniform", weights="swi", chain=False)
    model = sparsify(mlp(), recipe, seed=0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    evolver = Evolver(model, optimizer, recipe, steps_per_epoch=1, epochs=9)
    before = to_graph(model, weights=True)
    train(model, optimizer, evolver, 1)
    after = to_graph(model, weights=True)
    assert evolver.events == 1
    for name in before:
        old, new = before[name], after[name]
        at = old[0].find(*new[0].links)
        assert (new[1][at >= 0] == old[1][at[at >= 0]]).all() and (new[1][at < 0] == 0).all()


def test_rigl_grows_where_the_dense_gradient_is_largest():
    recipe = rigl(0.8, every=3, allocation="equal")
    model = sparsify(mlp(), recipe, seed=0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    evolver = Evolver(model, optimizer, recipe, steps_per_epoch=10, epochs=2)
    train(model, optimizer, evolver, 2)
    old = to_graph(model, weights=True)["0"]
    generator = torch.Generator().manual_seed(2)
    x, y = torch.randn(16, 24, generator=generator), torch.randint(5, (16,), generator=generator)
    probe = deepcopy(model)
    nn.functional.cross_entropy(probe(x), y).backward()
    gradient = probe[0].weight.grad.numpy().T
    train(model, optimizer, evolver, 1, first=2)
    new = to_graph(model)["0"]
    count = int(recipe.zeta / 2 * (1 + np.cos(np.pi * (2 / 20) / recipe.until)) * old[0].n_links)
    kept = old[0].select(np.argsort(np.argsort(np.abs(old[1]))) >= count)
    score = np.where(kept.to_dense(), -1, np.abs(gradient)).reshape(-1)
    assert set((new - kept).ids.tolist()) == set(np.argsort(-score)[:count].tolist())


@pytest.mark.parametrize("name", ["set", "esl_snn", "ch_snn", "cht", "pq", "grad_r", "deep_r", "stds", "sd_snn", "dpap"])
def test_a_checkpoint_in_the_middle_goes_on_to_the_same_bits(name):
    recipe = RECIPES[name](**({"patience": 1} if name == "sd_snn" else {}))

    def begin():
        model = sparsify(mlp(), recipe, calibration=SPIKES, seed=0)
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
        return model, optimizer, Evolver(model, optimizer, recipe, steps_per_epoch=3, epochs=6, seed=7)

    model, optimizer, evolver = begin()
    train(model, optimizer, evolver, 7)
    file = io.BytesIO()
    torch.save([model.state_dict(), optimizer.state_dict(), evolver.state_dict()], file)
    train(model, optimizer, evolver, 8, first=7)
    again, other, second = begin()
    file.seek(0)
    states = torch.load(file, weights_only=True)
    again.load_state_dict(states[0])
    other.load_state_dict(states[1])
    second.load_state_dict(states[2])
    train(again, other, second, 8, first=7)
    assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), again.state_dict().values()))


def test_deepcopy_saving_and_autocast_keep_working():
    model = sparsify(mlp(), set_(0.9))
    copied = deepcopy(model)
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    loaded = torch.load(file, weights_only=False)
    for other in (copied, loaded):
        assert to_graph(other) == to_graph(model) and sparse_layers(other).keys() == sparse_layers(model).keys()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        model(torch.randn(4, 24)).sum().backward()
    assert model[0].weight.grad is not None


def test_dead_neurons_end_at_the_border_of_a_chain():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = nn.Linear(24, 40), nn.Linear(40, 30)  # what happens in between is not known: two chains
            self.head = nn.Sequential(nn.Linear(30, 20), nn.ReLU(), nn.Linear(20, 5))

        def forward(self, x):
            return self.head(torch.relu(self.second(torch.relu(self.first(x)))))

    recipe = ch_snn(0.9)
    model = sparsify(Net(), recipe, calibration=SPIKES)
    optimizer = torch.optim.Adam(model.parameters())
    evolver = Evolver(model, optimizer, recipe, steps_per_epoch=2, epochs=3)
    assert evolver.chains == ((0,), (1,), (2, 3)) and evolver.evolving == (True, True, True, False)
    told = sparsify(Net(), recipe, calibration=SPIKES, chains=[["first", "second"], ["head.0", "head.2"]])
    assert Evolver(told, torch.optim.Adam(told.parameters()), recipe).chains == ((0, 1), (2, 3))  # sparsify's chains are the evolver's
    joined = Evolver(model, torch.optim.Adam(model.parameters()), recipe, steps_per_epoch=2, epochs=3, chains=[["first", "second"], ["head.0", "head.2"]])
    assert [len(groups) for groups in joined.alive] == [3, 3]


def test_the_history_holds_every_event(tmp_path):
    recipe = set_(0.8)
    model = sparsify(mlp(), recipe)
    optimizer = torch.optim.Adam(model.parameters())
    evolver = Evolver(model, optimizer, recipe, steps_per_epoch=2, epochs=4, history=tmp_path / "h", weights=True)
    for step in range(6):
        evolver.scalars["loss"] = float(step)
        train(model, optimizer, evolver, 1, first=step)
    history = ns.History(tmp_path / "h")
    assert history.steps.tolist() == [0, 2, 4, 6] and history.names == ("0", "2", "4") and history.scalars["loss"].tolist()[1:] == [1, 3, 5]
    assert history[-1].layers == list(to_graph(model).values()) and history.reasons("grown", "0")["uniform"][1:].min() > 0
    assert all((a == b).all() for a, b in zip(history[-1].weights, (w for _, w in to_graph(model, weights=True).values())))
    train(model, optimizer, evolver, 2, first=6)  # the end of training is no event, but a snapshot
    assert evolver.events == 3 and ns.History(tmp_path / "h").steps.tolist() == [0, 2, 4, 6, 8]
    fixed = sparsify(mlp(), static(0.8))
    optimizer = torch.optim.Adam(fixed.parameters())
    train(fixed, optimizer, Evolver(fixed, optimizer, static(0.8), steps_per_epoch=3, history=tmp_path / "static"), 7)
    assert ns.History(tmp_path / "static").steps.tolist() == [0, 3, 6]


@pytest.mark.parametrize(("call", "message"), [
    (lambda: sparsify(nn.Sequential(nn.Conv2d(3, 4, 3)), set_()), "the model has no linear layer to make sparse"),
    (lambda: sparsify(mlp(), set_(), exclude=["7"]), "the model has no module '7'; layers: 0, 2, 4"),
    (lambda: sparsify(mlp(), ch_snn()), "ch_snn wires and weighs its first layer by its inputs: give calibration"),
    (lambda: sparsify(mlp(), ch_snn(), calibration=np.random.rand(9, 24)), '0 does not see spikes'),
    (lambda: sparsify(mlp(), set_(), chains=[["0", "2"]]), "chains must hold each layer once; layers: 0, 2, 4"),
    (lambda: Evolver(sparsify(mlp(), stds()), torch.optim.SGD(mlp().parameters(), 0.1), stds()), "the optimizer does not hold the weight of '0'"),
    (lambda: Evolver(mlp(), torch.optim.SGD(mlp().parameters(), 0.1), set_(), steps_per_epoch=1, epochs=1), "the model has no masks yet"),
    (lambda: Evolver(sparsify(mlp(), set_()), torch.optim.SGD(mlp().parameters(), 0.1), set_(), steps_per_epoch=1, epochs=1), "the optimizer does not hold the weight of '0'"),
    (lambda: Evolver(sparsify(mlp(), set_()), None, set_(), steps_per_epoch=0, epochs=1), "steps_per_epoch must be a whole number of at least 1, got 0"),
    (lambda: sparsify(mlp(), "set_"), r"recipe must be a Recipe, as netsnn.evolve.ch_snn\(sparsity=0.99\), got 'set_'"), (lambda: sparsify(mlp(), set_), "recipe must be a Recipe"),
    (lambda: Evolver(sparsify(mlp(), set_()), None, "set_"), "recipe must be a Recipe"),
])
def test_wrong_calls_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_excluded_layers_are_left_alone_and_the_calibration_may_be_the_models_input():
    model = mlp()
    before = model[2].weight.clone()
    sparsify(model, static(0.9), exclude="2")
    assert list(sparse_layers(model)) == ["0", "4"] and torch.equal(model[2].weight, before)
    conv = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Threshold(0.0, 0.0), nn.Linear(2 * 36, 20), nn.ReLU(), nn.Linear(20, 3))
    sparsify(conv, ch_snn(0.9))  # a layer behind a convolution sees no inputs: uniform wiring, and no calibration is asked for
    assert to_graph(conv)["3"].n_links == round(0.1 * 72 * 20) and np.ptp(to_graph(conv)["3"].in_degrees) <= 1
    flat = nn.Sequential(nn.Flatten(), nn.Linear(64, 20), nn.ReLU(), nn.Linear(20, 3))
    images = torch.rand(50, 8, 8) * torch.linspace(0, 1, 8)
    sparsify(flat, ch_snn(0.9, first_wiring="csti"), calibration=images)  # run through the model, up to the first layer
    assert to_graph(flat)["1"] == ns.wiring.csti(images.reshape(50, 64).numpy(), 20, density=1 - 0.9, seed=np.random.default_rng(0))


def test_gradients_are_clipped_by_the_norm_of_what_is_trained():
    for links in (False, True):
        model = sparsify(mlp(), set_(0.9), seed=0)
        if links:
            ns.bridge.compute_on_links(model)
        optimizer = torch.optim.SGD([{"params": model[0].parameters()}, {"params": [*model[2].parameters(), *model[4].parameters()]}], lr=0.1)
        evolver = Evolver(model, optimizer, set_(0.9))
        model(torch.randn(16, 24, generator=torch.Generator().manual_seed(0))).square().sum().backward()
        kept = [(p.grad.to_dense() if p.grad.is_sparse else p.grad) * (model[int(name[0])].weight_mask if "weight" in name else 1) for name, p in model.named_parameters()]
        norm = float(torch.cat([g.reshape(-1) for g in kept]).norm())
        assert evolver.clip_gradients(norm / 4) == pytest.approx(norm, rel=1e-5)
        assert torch.allclose(model[0].bias.grad * 4, kept[1], rtol=1e-4)
        assert evolver.clip_gradients(1e9) == pytest.approx(norm / 4, rel=1e-5)
        for most in (-1.0, math.nan, "1"):
            with pytest.raises(ValueError, match="most must be a"):
                evolver.clip_gradients(most)


def test_what_cannot_go_well_is_refused_where_it_begins():
    model = mlp()
    model.add_module("again", nn.Linear(30, 5))
    model.again.weight = model[4].weight
    with pytest.raises(ValueError, match="again shares its weight with another layer, and could not have a wiring of its own"):
        sparsify(model, set_(0.9))
    model = sparsify(mlp(), stds())
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    Evolver(model, optimizer, stds(), epochs=3)
    with pytest.raises(ValueError, match=r"optimizer.step\(closure\) would run the model in the middle of a step"):
        optimizer.step(lambda: torch.tensor(0.0))
    model = sparsify(mlp(), set_(0.9))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    evolver = Evolver(model, optimizer, set_(0.9), steps_per_epoch=1)
    with torch.no_grad():
        model[2].weight.mul_(torch.nan)
    with pytest.raises(TrainingError, match="weights of 2 are not finite after 1 steps: training has diverged"):
        evolver.step()
    with pytest.warns(ns.ShortfallWarning, match=r"layer 0 \(24 x 40\) has no link at a density of 0.0001"):
        sparsify(mlp(), set_(0.9999, allocation="equal"), exclude=["2"])
    for change, message in (({"scope": "neuron"}, 'scope "neuron" regrows in each neuron what it lost, which growth by ch3_l3 cannot'),
                            ({"wiring": "sscti"}, 'wiring "sscti" is for the layer that sees the inputs: set first_wiring'), ({"pq": (1, 2)}, "pq must be a netsnn.evolve.rules.PQ")):
        with pytest.raises(ValueError, match=message):
            ch_snn().replace(**change)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
def test_weights_may_have_any_width(dtype):
    recipe = rigl(0.8, every=2, zeta=0.5)
    model = sparsify(mlp().to(dtype), recipe, seed=0)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    evolver = Evolver(model, optimizer, recipe, epochs=2)
    for step in range(4):
        optimizer.zero_grad()
        model(torch.randn(8, 24, generator=torch.Generator().manual_seed(step)).to(dtype)).float().square().mean().backward()
        optimizer.step()
        evolver.step()
        masked_places_are_zero(model, optimizer)
    assert evolver.events == 2 and model[0].weight.dtype == dtype


# ---- models of other packages -----------------------------------------------------------------------------

@pytest.mark.filterwarnings("ignore")
def test_a_spikingjelly_model_evolves_as_one_chain():
    pytest.importorskip("spikingjelly", exc_type=Exception)
    from spikingjelly.activation_based import functional, neuron

    model = nn.Sequential(nn.Linear(24, 40), neuron.LIFNode(), nn.Linear(40, 30), neuron.LIFNode(), nn.Linear(30, 5), neuron.LIFNode())
    recipe = ch_snn(0.9)
    sparsify(model, recipe, calibration=SPIKES)
    optimizer = torch.optim.Adam(model.parameters())
    evolver = Evolver(model, optimizer, recipe, steps_per_epoch=2, epochs=4)
    for _ in range(6):
        functional.reset_net(model)
        optimizer.zero_grad()
        sum(model(torch.from_numpy(SPIKES[:8, t])) for t in range(4)).sum().backward()
        optimizer.step()
        evolver.step()
        masked_places_are_zero(model, optimizer)
    assert evolver.chains == ((0, 1, 2),) and evolver.events == 3 and to_graph(model)["0"].n_links == 96


@pytest.mark.filterwarnings("ignore")
def test_an_snntorch_model_evolves_as_one_chain():
    snntorch = pytest.importorskip("snntorch", exc_type=Exception)
    model = nn.Sequential(nn.Linear(24, 40), snntorch.Leaky(beta=0.9, init_hidden=True), nn.Linear(40, 5), snntorch.Leaky(beta=0.9, init_hidden=True))
    recipe = ch_snn(0.9)
    sparsify(model, recipe, calibration=SPIKES)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    evolver = Evolver(model, optimizer, recipe, steps_per_epoch=1, epochs=4)
    for _ in range(3):
        model[1].reset_hidden(), model[3].reset_hidden()
        optimizer.zero_grad()
        model(torch.from_numpy(SPIKES[:8, 0])).sum().backward()
        optimizer.step()
        evolver.step()
        masked_places_are_zero(model, optimizer)
    assert evolver.chains == ((0, 1),) and to_graph(model)["0"].n_links == 96
