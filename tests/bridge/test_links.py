"""Layers that compute on their links under an optimizer and an Evolver: the same training as with all weights."""

import io
from copy import deepcopy

import numpy as np
import pytest
import torch
from torch import nn

from netsnn.bridge import Evolver, choose_compute, compute_dense, compute_on_links, on_links, sparsify, to_graph
from netsnn.evolve import RECIPES, ch_snn, rigl, set_, static

torch.set_num_threads(1)
SPIKES = (np.random.default_rng(0).random((60, 4, 24)) < np.linspace(0.1, 0.6, 24)).astype(np.float32)


def mlp():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(24, 40), nn.ReLU(), nn.Linear(40, 30), nn.ReLU(), nn.Linear(30, 5))


OPTIMIZERS = {"sgd": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=1e-3), "adam": lambda p: torch.optim.Adam(p, lr=1e-2, amsgrad=True),
              "adamw": lambda p: torch.optim.AdamW(p, lr=1e-2), "nadam": lambda p: torch.optim.NAdam(p, lr=1e-2), "radam": lambda p: torch.optim.RAdam(p, lr=1e-2),
              "adamax": lambda p: torch.optim.Adamax(p, lr=1e-2), "rmsprop": lambda p: torch.optim.RMSprop(p, lr=1e-3, momentum=0.5, centered=True),
              "adagrad": lambda p: torch.optim.Adagrad(p, lr=1e-2), "asgd": lambda p: torch.optim.ASGD(p, lr=1e-2)}


def trained(recipe, optimizer, links, steps=11, on=None):
    model = sparsify(mlp(), recipe, calibration=SPIKES, seed=0)
    if links:
        compute_on_links(model, on)
    optimizer = OPTIMIZERS[optimizer](model.parameters())
    evolver = Evolver(model, optimizer, recipe, steps_per_epoch=4, epochs=3, seed=1)
    for step in range(steps):
        generator = torch.Generator().manual_seed(step)
        x, y = torch.randn(16, 24, generator=generator), torch.randint(5, (16,), generator=generator)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
        for module in model[::2]:
            outside = ~module.weight_mask
            hidden = recipe.name in ("grad_r", "stds")
            assert (module.weight[outside] == 0).all()
            assert hidden or all((value[outside] == 0).all() for value in optimizer.state[module.weight].values() if value.shape == outside.shape)
        evolver.step()
    return model, optimizer


@pytest.mark.parametrize("optimizer", list(OPTIMIZERS))
def test_every_optimizer_takes_the_same_steps_on_links(optimizer):
    dense, one = trained(set_(0.8), optimizer, links=False)
    links, other = trained(set_(0.8), optimizer, links=True)
    assert [type(module).__name__ for module in links] == [type(module).__name__ for module in dense] and on_links(links[0]) and isinstance(links[0], nn.Linear)
    for a, b in zip(dense.parameters(), links.parameters()):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)
        for key, value in one.state[a].items():
            torch.testing.assert_close(value, other.state[b][key], rtol=1e-3, atol=1e-5)
            assert value.shape == other.state[b][key].shape
    assert to_graph(dense) == to_graph(links) and list(links.state_dict()) == list(dense.state_dict())
    assert [id(p) for p in other.param_groups[0]["params"]] == [id(p) for p in links.parameters()]


@pytest.mark.parametrize("name", list(RECIPES))
def test_every_recipe_evolves_the_same_on_links(name):
    recipe = RECIPES[name](**({"patience": 1} if name == "sd_snn" else {}))
    recipe = recipe.replace(every=4) if isinstance(recipe.every, int) else recipe
    dense, _ = trained(recipe, "adam", links=False)
    links, _ = trained(recipe, "adam", links=True)
    assert to_graph(dense) == to_graph(links)
    for a, b in zip(dense.parameters(), links.parameters()):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)


def test_copies_and_files_of_a_layer_on_links_know_its_plain_class():
    model = compute_on_links(sparsify(mlp(), set_(0.8)))
    x = torch.randn(7, 24)
    expected = model(x)
    file = io.BytesIO()
    torch.save(model, file)
    file.seek(0)
    loaded, copied = torch.load(file, weights_only=False), deepcopy(model)
    for other in (loaded, copied):
        assert on_links(other[0]) and torch.equal(other(x), expected) and repr(other) == repr(model)
    copied[0].weight_mask.zero_()  # the wiring that was compiled is not the copy's
    assert torch.equal(copied[0](x), copied[0].bias.expand(7, 40)) and torch.equal(model(x), expected)
    assert not on_links(compute_dense(model)[0]) and type(model[0]) is nn.Linear
    torch.testing.assert_close(model(x), expected)
    model.load_state_dict(loaded.state_dict())


def test_a_changed_mask_is_compiled_anew():
    model = compute_on_links(sparsify(mlp(), set_(0.8), seed=0))
    x = torch.randn(7, 24)
    model(x)
    other = sparsify(mlp(), set_(0.8), seed=5)
    model.load_state_dict(other.state_dict())
    torch.testing.assert_close(model(x), other(x))
    assert to_graph(model) == to_graph(other)


def test_the_choice_is_measured_and_can_be_repeated():
    recipe = static(0.99)
    torch.manual_seed(0)
    model = sparsify(nn.Sequential(nn.Flatten(), nn.Linear(600, 700), nn.ReLU(), nn.Linear(700, 600), nn.ReLU(), nn.Linear(600, 10)), recipe, seed=0)
    before = deepcopy(model.state_dict())
    found = choose_compute(model, torch.rand(256, 600), repeats=3)
    assert list(found) == ["1", "3", "5"] and found["1"].density == pytest.approx(0.01) and found["5"].density == 1
    assert all(choice.on_links == (choice.links < choice.dense) == on_links(model[int(name)]) for name, choice in found.items())
    assert all(torch.equal(a, b) for a, b in zip(before.values(), model.state_dict().values())) and model[1].weight.grad is None
    compute_dense(model)
    compute_on_links(model, ["3"])
    assert [on_links(module) for module in model] == [False, False, False, True, False, False]
    with pytest.raises(ValueError, match="the model has no sparse layer '2'; sparse layers: 1, 3, 5"):
        compute_on_links(model, ["2"])
    with pytest.raises(ValueError, match="1 cannot compute on links: that is for linear layers of float32 on the CPU"):
        compute_on_links(model.double(), ["1"])
    with pytest.raises(ValueError, match="repeats must be a whole number of at least 1, got 0"):
        choose_compute(model, torch.rand(2, 600), repeats=0)


def test_on_links_gradients_may_gather_over_an_event():
    """A gradient from before an event and one from after it: their sum at the links that there are now."""
    recipe = ch_snn(0.8, replaces_step=False)
    ways = []
    for links in (False, True):
        model = sparsify(mlp(), recipe, calibration=SPIKES, seed=0)
        if links:
            compute_on_links(model)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        evolver = Evolver(model, optimizer, recipe, steps_per_epoch=1, epochs=5)
        x = torch.randn(16, 24, generator=torch.Generator().manual_seed(0))
        for _ in range(3):  # without zero_grad
            model(x).square().sum().backward()
            optimizer.step()
            evolver.step()
        ways.append(model)
    assert to_graph(ways[0]).keys() == to_graph(ways[1]).keys() and all((m.weight[~m.weight_mask] == 0).all() for m in ways[1][::2])


def test_rigl_sees_the_dense_gradient_at_its_event_only():
    recipe = rigl(0.8, every=3, allocation="equal")
    model = compute_on_links(sparsify(mlp(), recipe, seed=0))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    evolver = Evolver(model, optimizer, recipe, steps_per_epoch=3, epochs=4)
    kinds = []
    for _ in range(6):
        optimizer.zero_grad()
        model(torch.randn(8, 24)).square().sum().backward()
        kinds.append(model[0].weight.grad.is_sparse)
        optimizer.step()
        evolver.step()
    assert kinds == [True, True, False] * 2
