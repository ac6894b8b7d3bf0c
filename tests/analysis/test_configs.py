"""The settings of the full-size networks: each is read, built, wired, and trained for two steps (of two time steps, on two random images: the size is what counts)."""

from pathlib import Path

import numpy as np
import pytest
import torch

import netsnn as ns
from analysis import gpu
from netsnn.snn import Config, read_config
from netsnn.snn.data import Dataset

CONFIGS = Path(__file__).parent.parent.parent / "analysis" / "configs"
WANTED = {  # weights, absent ones in % (6Conv2FC: those of the paper), sparse layers, whether links are grown in the test: fc1 of both 6Conv2FC is the same, and takes long
    "6conv2fc_cifar10": (21_356_928, 74.63, 1, True),
    "6conv2fc_cifar100": (21_403_008, 74.47, 1, False),
    "spikformer_cifar10": (9_281_040, 72.45, 24, True),
    "spikformer_cifar100": (9_315_600, 72.18, 24, True),
}


def test_every_file_is_tested():
    assert {path.stem for path in CONFIGS.glob("*.toml")} == set(WANTED)


@pytest.mark.parametrize("name", WANTED)
def test_a_full_size_network_takes_two_steps_and_keeps_its_density(name):
    config = read_config(CONFIGS / f"{name}.toml")
    weights, absent, n_sparse, grows = WANTED[name]
    classes = {"cifar-10": 10, "cifar-100": 100}[config.data]
    model = ns.snn.MODELS[config.model](classes=classes, steps=2, seed=0, **config.neuron)
    assert sum(p.numel() for p in model.parameters() if p.ndim > 1) == weights
    recipe = config.recipe()
    ns.sparsify(model, recipe, seed=0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=config.lr, weight_decay=config.weight_decay)
    evolver = ns.Evolver(model, optimizer, recipe, **({"steps_per_epoch": 1, "epochs": 2} if grows else {"steps_per_epoch": 2, "epochs": 1}))
    first, last = ns.bridge.to_graph(model), {name: module.weight.detach().clone() for name, module in model.named_modules() if hasattr(module, "weight")}
    for _ in range(2):
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(torch.rand(2, 3, 32, 32)), torch.randint(classes, (2,))).backward()
        optimizer.step()
        evolver.step()
    after = ns.bridge.to_graph(model)
    *sparse, head = after
    assert evolver.events == grows and len(sparse) == n_sparse and after[head].density == 1
    for layer in sparse:
        assert after[layer].n_links == round(0.05 * after[layer].n_in * after[layer].n_out)
        assert (after[layer] != first[layer]) == grows
    assert 100 * (1 - ns.bridge.density(model)["parameters"]) == pytest.approx(absent, abs=0.006)
    moved = [name for name, module in model.named_modules() if name in last and not torch.equal(module.weight, last[name])]
    assert {head, *sparse} <= set(moved) and all(bool(module.weight.isfinite().all()) for module in model.modules() if hasattr(module, "weight"))


def test_the_loop_for_a_gpu_learns_on_a_cpu(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    patterns, labels = rng.integers(0, 256, (3, 3, 16, 16)), np.arange(60) % 3
    images = np.clip(patterns[labels] + rng.integers(-20, 20, (60, 3, 16, 16)), 0, 255).astype(np.uint8)
    monkeypatch.setattr(ns.snn.data, "load", lambda name, folder, train: Dataset(images if train else images[:30], labels if train else labels[:30]))
    config = Config(data="cifar-10", model="2conv2fc", method="ch_snn", sparsity=0.9, steps=3, encoding="direct", epochs=6, batch=10, lr=5e-3, warmup=1)
    lines = []
    model = gpu.train(config, tmp_path / "run", "cpu", lines.append)
    assert len(lines) == 6 and float(lines[-1].split()[-1].rstrip("%")) > 80
    assert ns.bridge.to_graph(model)["fc1"].n_links == round(0.1 * model.fc1.weight.numel())
    assert read_config(tmp_path / "run" / "config.toml") == config and len(ns.History(tmp_path / "run" / "history")) == 7
    kept = torch.load(tmp_path / "run" / "model.pt", weights_only=True)
    assert all(torch.equal(kept[key], value) for key, value in model.state_dict().items())


def test_augmented_images_are_windows_of_the_padded_ones_or_their_mirrors():
    torch.manual_seed(0)
    images = torch.rand(500, 2, 6, 5)
    padded = torch.nn.functional.pad(images, (2, 2, 2, 2))
    seen = set()
    for made, whole in zip(gpu.augmented(images, most=2), padded):
        windows = {(down, right, mirrored): whole[:, down:down + 6, right:right + 5].flip([-1] * mirrored)
                   for down in range(5) for right in range(5) for mirrored in (False, True)}
        (which,) = [place for place, window in windows.items() if torch.equal(made, window)]
        seen.add(which)
    assert len(seen) == 50
