"""What stands between a model and its user: torch.compile, DistributedDataParallel, models of other packages, convolutions."""

import os
import socket
import subprocess
import sys
from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from netsnn.bridge import Evolver, density, from_graph, sparse_layers, sparsify, to_graph
from netsnn.evolve import RECIPES, ch_snn, rigl, set_, static
from netsnn.graph import Layer

torch.set_num_threads(1)
SPIKES = (np.random.default_rng(0).random((60, 4, 24)) < np.linspace(0.1, 0.6, 24)).astype(np.float32)


def mlp():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(24, 40), nn.ReLU(), nn.Linear(40, 30), nn.ReLU(), nn.Linear(30, 5))


def batch(step):
    generator = torch.Generator().manual_seed(step)
    return torch.randn(16, 24, generator=generator), torch.randint(5, (16,), generator=generator)


# ---- torch.compile ----------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("backend", ["aot_eager", pytest.param("inductor", marks=pytest.mark.slow)])
def test_a_compiled_model_sees_every_change_of_its_wiring(backend):
    recipe = ch_snn(0.9)
    plain = sparsify(mlp(), recipe, calibration=SPIKES, seed=0)
    twin = deepcopy(plain)
    compiled = torch.compile(twin, backend=backend)
    runs = []
    for model in (plain, compiled):
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
        evolver = Evolver(model, optimizer, recipe, steps_per_epoch=2, epochs=4, seed=3)
        for step in range(7):
            x, y = batch(step)
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
            optimizer.step()
            evolver.step()
        assert evolver.events == 3 and evolver.names == ["0", "2", "4"]
        runs.append(to_graph(model, weights=True))
    for (one, w), (other, v) in zip(runs[0].values(), runs[1].values()):
        assert one == other
        np.testing.assert_allclose(w, v, rtol=1e-4, atol=1e-6)


# ---- several processes --------------------------------------------------------------------------------------

WORKER = """
import sys, hashlib
from pathlib import Path
import numpy as np, torch, torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from netsnn.bridge import Evolver, sparsify, to_graph
from netsnn.evolve import RECIPES
torch.set_num_threads(1)
dist.init_process_group("gloo")
rank = dist.get_rank()
spikes = (np.random.default_rng(0).random((60, 4, 24)) < np.linspace(0.1, 0.6, 24)).astype(np.float32)
for name in sys.argv[2:]:
    recipe = RECIPES[name](**({"patience": 1} if name == "sd_snn" else {}))
    recipe = recipe.replace(every=4) if isinstance(recipe.every, int) else recipe
    torch.manual_seed(rank)  # wired alike only because rank 0's wiring is sent to the others
    model = sparsify(nn.Sequential(nn.Linear(24, 40), nn.ReLU(), nn.Linear(40, 30), nn.ReLU(), nn.Linear(30, 5)), recipe, calibration=spikes, seed=rank)
    model = DistributedDataParallel(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    evolver = Evolver(model, optimizer, recipe, steps_per_epoch=4, epochs=3, seed=100 + rank, history=f"{sys.argv[1]}/{name}")  # other seeds on other ranks
    for step in range(11):
        generator = torch.Generator().manual_seed(10 * step + rank)  # other data, too
        x, y = torch.randn(16, 24, generator=generator), torch.randint(5, (16,), generator=generator)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
        evolver.step()
    state = b"".join(t.numpy().tobytes() for t in model.module.state_dict().values())
    alive = b"".join(g.tobytes() for groups in evolver.alive for g in groups)
    found = f"{evolver.events} {[layer.n_links for layer in to_graph(model).values()]} {hashlib.sha256(state + alive).hexdigest()}"
    Path(sys.argv[1], f"{name}.{rank}").write_text(found)
dist.destroy_process_group()
"""


@pytest.mark.skipif(not torch.distributed.is_available(), reason="torch was built without torch.distributed")
def test_two_processes_stay_equal_bit_by_bit(tmp_path):
    names = [name for name in RECIPES if name not in ("static", "dense")]
    (tmp_path / "worker.py").write_text(WORKER)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--master-addr=127.0.0.1", f"--master-port={port}", str(tmp_path / "worker.py"),
               str(tmp_path), *names]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    for name in names:
        one, other = ((tmp_path / f"{name}.{rank}").read_text() for rank in (0, 1))
        assert one == other and one[0] == "2", name
        assert len(list((tmp_path / name).iterdir())) > 1  # one history, of rank 0


# ---- convolutions ---------------------------------------------------------------------------------------------


def test_convolutions_are_graphs_of_unrolled_kernels_where_a_recipe_asks():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(2, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 16, 10))
    recipe = set_(0.8, convolutions=True, allocation="equal")
    sparsify(model, recipe, seed=0)
    graph = to_graph(model, weights=True)
    layer, weights = graph["0"]
    assert layer.shape == (18, 6) and layer.n_links == round(0.2 * 108)
    u, v = layer.links
    assert (model[0].weight.detach().numpy()[v, u // 9, u % 9 // 3, u % 3] == weights).all() and int(model[0].weight.count_nonzero()) == layer.n_links
    optimizer = torch.optim.Adam(model.parameters())
    evolver = Evolver(model, optimizer, recipe, steps_per_epoch=1, epochs=5)
    for _ in range(3):
        optimizer.zero_grad()
        model(torch.randn(4, 2, 6, 6)).square().sum().backward()
        optimizer.step()
        evolver.step()
        assert (model[0].weight[~model[0].weight_mask] == 0).all() and (optimizer.state[model[0].weight]["exp_avg"][~model[0].weight_mask] == 0).all()
    assert to_graph(model)["0"] != layer and to_graph(model)["0"].n_links == layer.n_links
    again = from_graph(deepcopy(model), {"0": (layer, weights)})
    assert to_graph(again)["0"] == layer
    with pytest.raises(ValueError, match=r"0 has 18 inputs and 6 outputs, the layer shape \(2, 6\)"):
        from_graph(model, {"0": Layer.from_edges([0], [0], shape=(2, 6))})


def test_rigl_measures_convolutions_by_all_their_dimensions():
    model = nn.Sequential(nn.Conv2d(8, 16, 3), nn.ReLU(), nn.Conv2d(16, 32, 3), nn.Flatten(), nn.Linear(32 * 4, 10))
    sparsify(model, rigl(0.9, convolutions=True), seed=0)
    share = [layer.n_links / (layer.n_in * layer.n_out) for layer in to_graph(model).values()]
    assert share[0] / share[1] == pytest.approx((8 + 16 + 6) / (8 * 16 * 9) / ((16 + 32 + 6) / (16 * 32 * 9)), rel=1e-2) and share[2] == 1


def test_densities_count_weights_once_or_as_often_as_they_are_used():
    model = nn.Sequential(nn.Conv2d(3, 4, 3, stride=2), nn.Flatten(), nn.Linear(4 * 9, 5))
    assert density(model) == {"parameters": 1.0}
    conv, linear = Layer.from_edges([0, 5], [1, 2], shape=(27, 4)), Layer.from_edges(range(36), [0] * 36, shape=(36, 5))
    from_graph(model, {"0": conv, "2": linear})
    found = density(model, torch.zeros(2, 3, 7, 7))  # 3 x 3 places of the feature map
    assert found["parameters"] == pytest.approx((2 + 36) / (108 + 180)) and found["connections"] == pytest.approx((2 * 9 + 36) / (108 * 9 + 180))
    with pytest.raises(ValueError, match="the model has no linear layer and no convolution"):
        density(nn.ReLU())


# ---- models of other packages -----------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore")
def test_spikingjellys_spiking_convolutional_network_evolves_in_its_linear_layers_or_everywhere():
    pytest.importorskip("spikingjelly", exc_type=Exception)
    from spikingjelly.activation_based import functional, layer, neuron

    def network():
        torch.manual_seed(0)
        model = nn.Sequential(layer.Conv2d(1, 6, 3, padding=1), layer.BatchNorm2d(6), neuron.LIFNode(), layer.MaxPool2d(2, 2), layer.Conv2d(6, 8, 3, padding=1),
                              neuron.LIFNode(), layer.Flatten(), layer.Linear(8 * 16, 40), neuron.LIFNode(), layer.Linear(40, 5))
        functional.set_step_mode(model, "m")
        return model

    for recipe, names in ((ch_snn(0.9), ["7", "9"]), (RECIPES["pq"](0.5), ["0", "4", "7", "9"]), (RECIPES["dpap"](), ["0", "4", "7", "9"])):
        model = sparsify(network(), recipe, seed=0)
        assert list(sparse_layers(model)) == names
        optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
        evolver = Evolver(model, optimizer, recipe, steps_per_epoch=2, epochs=5)
        for _ in range(8):
            functional.reset_net(model)
            optimizer.zero_grad()
            model((torch.rand(3, 4, 1, 8, 8) < 0.5).float()).sum().backward()
            optimizer.step()
            evolver.step()
        assert evolver.events == 4 and all((module.weight[~module.weight_mask] == 0).all() for module in sparse_layers(model).values())


@pytest.mark.filterwarnings("ignore")
def test_spikingjellys_spikformer_evolves_in_all_its_linear_layers():
    pytest.importorskip("spikingjelly", exc_type=Exception)
    from spikingjelly.activation_based import functional
    from spikingjelly.activation_based.model.spikformer import Spikformer

    torch.manual_seed(0)
    model = Spikformer(T=2, in_channels=1, img_size_h=16, img_size_w=16, patch_size=4, num_classes=5, embed_dims=16, num_heads=2, mlp_ratio=2.0, depths=1)
    recipe = ch_snn(0.9)
    sparsify(model, recipe, seed=0)
    layers = to_graph(model)
    assert layers["head"].density == 1 and all(layer.density == pytest.approx(0.1, abs=0.01) and np.ptp(layer.in_degrees) <= 1 for name, layer in layers.items() if name != "head")
    assert {layer.shape for layer in layers.values()} >= {(16, 16), (16, 32), (32, 16), (16, 5)}
    optimizer = torch.optim.AdamW(model.parameters())
    evolver = Evolver(model, optimizer, recipe, steps_per_epoch=1, epochs=4)
    for _ in range(2):
        functional.reset_net(model)
        optimizer.zero_grad()
        model(torch.rand(2, 1, 16, 16)).sum().backward()
        optimizer.step()
        evolver.step()
    assert evolver.events == 2 and all((module.weight[~module.weight_mask] == 0).all() for module in sparse_layers(model).values())


@pytest.mark.filterwarnings("ignore")
def test_snntorchs_convolutional_network_is_calibrated_through_itself():
    snntorch = pytest.importorskip("snntorch", exc_type=Exception)
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(36, 30), snntorch.Leaky(beta=0.9, init_hidden=True), nn.Linear(30, 5), snntorch.Leaky(beta=0.9, init_hidden=True, output=True))
    images = (torch.rand(40, 1, 6, 6) < torch.linspace(0.1, 0.9, 36).reshape(6, 6)).float()
    sparsify(model, ch_snn(0.9), calibration=images, seed=0)
    assert to_graph(model)["1"].n_links == 108
    sparsify(model, static(0.5))
    assert to_graph(model)["1"].n_links == 540
