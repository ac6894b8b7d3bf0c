import itertools
import math

import numpy as np
import pytest
import torch
from torch import nn

from netsnn.bridge import from_graph, sparsify, to_graph
from netsnn.bridge.model import MASK
from netsnn.evolve import static
from netsnn.graph import Layer
from netsnn.network import Network
from netsnn.snn import LIF
from netsnn.snn.energy import energy
from netsnn.snn.models import conv, mlp, spikformer
from netsnn.snn.modules import Product

torch.set_num_threads(1)


def random_spikes(*shape, p=0.4, seed=0):
    return (torch.rand(shape, generator=torch.Generator().manual_seed(seed)) < p).float()


def inputs_of(model, batch, names):
    """What the named modules see when the model gets a batch."""
    seen = {name: [] for name in names}
    modules = dict(model.named_modules())
    handles = [modules[name].register_forward_hook(lambda _, given, made, name=name: seen[name].append(given[0])) for name in names]
    with torch.no_grad():
        model.eval()(batch)
    for handle in handles:
        handle.remove()
    return {name: torch.cat([x.reshape(-1, *x.shape[-kept:]) for x in seen[name]]) for name, kept in names.items()}


def strong(model, factor=4):
    """The same model with weights under which its neurons fire."""
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(factor)
    return model


def sparse_mlp():
    """A masked network with a hidden neuron that nothing reaches (0), one that leads nowhere (2, of the second hidden layer), and one that leads to that one alone (5)."""
    rng = np.random.default_rng(0)
    masks = [rng.random(shape) < 0.5 for shape in ((8, 9), (9, 7), (7, 3))]
    masks[0][:, 0], masks[2][2], masks[1][5] = False, False, np.arange(7) == 2
    layers = [Layer.from_dense(mask) for mask in masks]
    return from_graph(mlp(8, 9, 7, 3), {f"fc{i}": (layer, rng.normal(0.5, 1, layer.n_links)) for i, layer in enumerate(layers, 1)})


def test_sops_of_a_masked_mlp_are_its_spikes_times_its_live_links_one_by_one():
    model, batch = sparse_mlp(), random_spikes(5, 4, 8)
    seen = inputs_of(model, batch, {"fc1": 1, "fc2": 1, "fc3": 1})
    masks = [getattr(model.get_submodule(name), MASK).tolist() for name in seen]

    def leads(depth, neuron):  # whether a neuron behind layer `depth` leads on to the outputs
        return depth == 2 or any(row[neuron] and leads(depth + 1, i) for i, row in enumerate(masks[depth + 1]))

    found = energy(model, batch)
    for depth, (name, spikes) in enumerate(seen.items()):
        wanted = 0
        for sample in spikes.tolist():
            for j, spike in enumerate(sample):
                for i, row in enumerate(masks[depth]):
                    wanted += int(spike and row[j] and leads(depth, i))
        assert found.layers[depth].sops == wanted / 4 > 0 and found.layers[depth].name == name
        assert found.layers[depth].spikes == spikes.sum().item() / 4 and found.layers[depth].macs == 0
        assert found.layers[depth].links == sum(row[j] and leads(depth, i) for i, row in enumerate(masks[depth]) for j in range(len(row)))
    assert found.samples == 4 and found.uncounted == ()
    assert not leads(1, 2) and not leads(0, 5) and not any(masks[0][0])


def test_links_of_dead_neurons_cost_nothing():
    model, batch = sparse_mlp(), random_spikes(5, 4, 8)
    before = energy(model, batch)
    graph = to_graph(model, weights=True)
    effective = Network([layer for layer, _ in graph.values()]).effective()
    assert effective.n_links < sum(layer.n_links for layer, _ in graph.values())
    from_graph(model, dict(zip(graph, effective.layers)))
    after = energy(model, batch)
    assert [layer.sops for layer in before.layers] == [layer.sops for layer in after.layers]
    assert sum(layer.links for layer in after.layers) == effective.n_links
    assert sum(layer.sops for layer in energy(sparse_mlp(), batch, chains=[["fc1"], ["fc2"], ["fc3"]]).layers) > before.sops


def sops_of_a_convolution(module, spikes, mask):
    """Each link from each place, each spike: plain loops over one image's spikes (channels, height, width)."""
    kernel, (sy, sx), (dy, dx) = mask.shape[2:], module.stride, module.dilation
    reach = [d * (k - 1) for d, k in zip(module.dilation, kernel)]
    py, px = [(r // 2) for r in reach] if module.padding == "same" else (0, 0) if module.padding == "valid" else module.padding
    after = [r - r // 2 for r in reach] if module.padding == "same" else (py, px)
    _, height, width = spikes.shape
    rows, columns = (height + py + after[0] - reach[0] - 1) // sy + 1, (width + px + after[1] - reach[1] - 1) // sx + 1
    per_in, per_out = mask.shape[1], mask.shape[0] // module.groups
    total = 0
    for o, i, ky, kx in itertools.product(*map(range, mask.shape)):
        if mask[o, i, ky, kx]:
            for y, x in itertools.product(range(rows), range(columns)):
                iy, ix = y * sy + ky * dy - py, x * sx + kx * dx - px
                if module.padding_mode == "circular":
                    iy, ix = iy % height, ix % width
                if 0 <= iy < height and 0 <= ix < width:
                    total += spikes[o // per_out * per_in + i, iy, ix].item()
    return total


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("options", [{}, {"padding": 1}, {"stride": 2, "padding": 1}, {"stride": (2, 1), "padding": (0, 2)}, {"dilation": 2, "padding": 1}, {"groups": 2, "padding": 1},
                                     {"padding": "same"}, {"padding": "valid"}, {"kernel_size": (2, 3), "padding": "same"}, {"padding": 1, "padding_mode": "circular"},
                                     {"kernel_size": 4, "padding": "same", "dilation": (1, 2)}, {"groups": 4, "stride": 3, "padding": 1}])
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel")
def test_sops_of_a_convolution_are_counted_place_by_place(options, masked):
    torch.manual_seed(0)
    module = nn.Conv2d(4, 4, **{"kernel_size": 3, "bias": False, **options})
    model = nn.Sequential(module)
    if masked:
        rng = np.random.default_rng(0)
        layer = Layer.from_dense(rng.random((math.prod(module.weight.shape[1:]), 4)) < 0.4)
        from_graph(model, {"0": layer})
    mask = module.weight_mask if masked else torch.ones_like(module.weight)
    batch = random_spikes(3, 4, 6, 5)
    found = energy(model, batch, batch_dim=0)
    assert found.layers[0].sops == pytest.approx(sum(sops_of_a_convolution(module, image, mask) for image in batch) / 3, abs=1e-9)
    analog = energy(model, torch.rand(3, 4, 6, 5), batch_dim=0)
    assert analog.layers[0].macs == pytest.approx(sops_of_a_convolution(module, torch.ones(4, 6, 5), mask), abs=1e-9)
    assert analog.sops == analog.layers[0].spikes == found.macs == 0 and found.layers[0].links == int(mask.sum())


def test_sops_of_a_convolution_in_one_dimension():
    module = nn.Conv1d(2, 3, 3, stride=2, padding=1)
    batch = random_spikes(2, 2, 7)
    wanted = sum(3 * batch[b, c, y].item() for b, c, out, k in itertools.product(range(2), range(2), range(4), range(3)) for y in [2 * out + k - 1] if 0 <= y < 7)
    assert energy(nn.Sequential(module), batch, batch_dim=0).sops == wanted / 2


def test_our_convolutional_network_adds_up():
    model = strong(conv((2, 6, 6), (3, "P", 4), 9, 3, norm=False, seed=0))
    sparsify(model, static(0.7).replace(convolutions=True), seed=0)
    strong(model)
    batch = random_spikes(4, 2, 2, 6, 6)
    found = energy(model, batch)
    seen = inputs_of(model, batch, {"conv1.conv": 3, "conv2.conv": 3, "fc1": 1, "fc2": 1})
    for layer, (name, spikes) in zip(found.layers, seen.items(), strict=True):
        module = model.get_submodule(name)
        assert layer.name == name
        if name.startswith("conv"):
            wanted = sum(sops_of_a_convolution(module, image, module.weight_mask) for image in spikes)
        else:
            leads = model.fc2.weight_mask.any(0) if name == "fc1" else torch.ones(3, dtype=bool)
            wanted = (spikes @ (module.weight_mask & leads[:, None]).float().T).sum().item()
        assert layer.sops == wanted / 2 > 0


def test_a_constant_analog_input_is_multiplied_once():
    model = strong(mlp(6, 10, 4, steps=8, seed=0))
    batch = torch.rand(5, 6) + 0.1
    found = energy(model, batch)
    assert (found.layers[0].macs, found.layers[0].sops, found.layers[0].spikes) == (60, 0, 0)
    assert found.layers[1].sops == 4 * found.layers[1].spikes > 0 and found.layers[1].macs == 0
    repeated = energy(strong(mlp(6, 10, 4, seed=0)), batch.expand(8, 5, 6))
    assert repeated.layers[0].macs == 8 * 60 and repeated.layers[1:] == found.layers[1:] and repeated.neurons == found.neurons
    assert found.updates == 8 * 10 and found.neurons[0].spikes == found.layers[1].spikes
    assert found.neurons[0].rate == found.rate == found.layers[1].spikes / 80


def test_a_layer_that_multiplies_once_multiplies_in_every_call():
    model = mlp(2, 3, 1)
    found = energy(model, [torch.zeros(4, 1, 2), torch.full((4, 1, 2), 0.5)])
    assert (found.layers[0].macs, found.layers[0].sops) == (4 * 6, 0)


def test_values_count_as_so_many_spikes():
    model = nn.Sequential(nn.Linear(3, 5))
    assert energy(model, torch.tensor([[2.0, 0.0, 1.0]])).sops == 15
    assert energy(model, torch.tensor([[-1.0, 0.0, 1.0]])).sops == 10


def test_joules_are_operations_times_picojoules():
    model = strong(mlp(6, 10, 4, steps=8, seed=0))
    batch = torch.rand(5, 6)
    found = energy(model, batch)
    assert found.joules == pytest.approx(1e-12 * (1.5 * found.sops + 4.6 * 60))
    other = energy(model, batch, pj_per_sop=0.9, pj_per_mac=0, pj_per_update=2)
    assert other.joules == pytest.approx(1e-12 * (0.9 * found.sops + 2 * 80)) and other.layers == found.layers


def test_an_inference_is_the_mean_over_samples_of_all_batches():
    model = strong(mlp(6, 10, 4, seed=0))
    x = random_spikes(5, 7, 6)
    whole = energy(model, x)
    parts = energy(model, [(x[:, :3], None), (x[:, 3:], None)])
    assert whole.samples == parts.samples == 7 and whole.layers == parts.layers and whole.neurons == parts.neurons
    assert energy(model, (part for part in [x])).layers == whole.layers
    assert energy(model, x.numpy().astype(float)).layers == whole.layers
    single = [energy(model, x[:, [i]]).sops for i in range(7)]
    assert whole.sops == pytest.approx(np.mean(single))


def test_a_dense_twin_takes_more():
    dense, sparse = strong(mlp(20, 40, 4, seed=0)), strong(sparsify(mlp(20, 40, 4, seed=0), static(0.9), seed=0))
    batch = random_spikes(5, 7, 20)
    a, b = energy(dense, batch), energy(sparse, batch)
    assert [layer.links for layer in a.layers] == [800, 160] and [layer.links for layer in b.layers][0] == 80
    assert a.layers[0].sops == 40 * batch.sum().item() / 7 and a.joules > 3 * b.joules > 0


def test_products_of_attention_are_counted_pair_by_pair():
    model = spikformer((1, 8, 8), 16, 2, 1, 4, seed=0, steps=3, patch=2)
    batch = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    rng = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for norm in model.modules():
            if isinstance(norm, (nn.BatchNorm1d, nn.BatchNorm2d)):  # so that much fires
                norm.weight.fill_(3)
                norm.bias.uniform_(0, 2, generator=rng)
    seen = []
    handle = model.block1.attention.product.register_forward_hook(lambda _, given, made: seen.append(given))
    with torch.no_grad():
        model.eval()(batch)
    handle.remove()
    wanted = 0
    for a, b in seen:
        a, b = a.flatten(0, 2), b.flatten(0, 2)
        for sample, left in enumerate(a.tolist()):
            for row, column in itertools.product(left, b[sample].T.tolist()):
                wanted += sum(bool(p and q) for p, q in zip(row, column))
    found = energy(model, batch)
    product = next(layer for layer in found.layers if layer.name == "block1.attention.product")
    assert product.sops == wanted / 2 > 0 and product.macs == 0 and product.links == 0 and len(seen) == 2
    names = [layer.name for layer in found.layers]
    assert len(names) == 5 + 7 + 1 and found.uncounted == ()
    assert found.layers[0].macs == sops_of_a_convolution(model.stem.conv1.conv, torch.ones(1, 8, 8), torch.ones(2, 1, 3, 3))  # once, not three times
    head = found.layers[-1]
    assert head.name == "head" and head.macs == 3 * 16 * 4  # the mean over tokens is analog
    assert all(layer.macs == 0 for layer in found.layers[1:-1])
    assert {part.name for part in found.neurons} == {name for name, module in model.named_modules() if isinstance(module, LIF)}


def test_a_product_of_two_analog_activities_multiplies():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.product = Product()

        def forward(self, x):
            return self.product(x, x.mT).flatten(1)

    found = energy(Net(), torch.rand(2, 3, 5))
    assert (found.macs, found.sops) == (3 * 5 * 3, 0)
    assert energy(Net(), torch.ones(2, 3, 5)).sops == 45


@pytest.mark.filterwarnings("ignore")
def test_spikingjelly_in_one_and_many_steps_counts_as_ours():
    pytest.importorskip("spikingjelly", exc_type=Exception)
    from spikingjelly.activation_based import functional, layer, neuron

    ours = strong(mlp(12, 20, 4, seed=0))
    batch = random_spikes(6, 5, 12)
    wanted = energy(ours, batch)
    assert wanted.layers[1].sops > 0

    def twin(mode):
        net = nn.Sequential(layer.Linear(12, 20, bias=False), neuron.LIFNode(tau=2.0, v_threshold=0.5, decay_input=False), layer.Linear(20, 4, bias=False))
        functional.set_step_mode(net, mode)
        with torch.no_grad():
            for mine, other in zip(ours.parameters(), net.parameters(), strict=True):
                other.copy_(mine)
        return net

    multi, single = twin("m"), twin("s")
    functional.set_step_mode(single, "s")
    multi(batch).sum().backward()  # leaves a state with a graph, which must neither count nor break anything
    for found in (energy(multi, batch, batch_dim=1), energy(single, batch, batch_dim=1, run=lambda net, x: [net(step) for step in x])):
        assert [(part.links, part.spikes, part.sops) for part in found.layers] == [(part.links, part.spikes, part.sops) for part in wanted.layers]
        assert (found.updates, found.rate, found.samples) == (wanted.updates, wanted.rate, 5)
    assert multi[1].v == 0.0
    with pytest.raises(ValueError, match="cannot tell the number of samples from an output of shape \\(6, 5, 4\\); give batch_dim"):
        energy(multi, batch)
    with pytest.raises(ValueError, match="from an output that is a list"):
        energy(single, batch, run=lambda net, x: [net(step) for step in x])


@pytest.mark.filterwarnings("ignore")
def test_spikingjellys_convolution_over_many_steps():
    pytest.importorskip("spikingjelly", exc_type=Exception)
    from spikingjelly.activation_based import functional, layer, neuron

    net = nn.Sequential(layer.Conv2d(2, 3, 3, padding=1), neuron.LIFNode(), layer.Flatten(), layer.Linear(75, 2))
    functional.set_step_mode(net, "m")
    batch = random_spikes(4, 2, 2, 5, 5)
    found = energy(net, batch, batch_dim=1)
    assert found.layers[0].sops == sum(sops_of_a_convolution(net[0], image, torch.ones(3, 2, 3, 3)) for image in batch.flatten(0, 1)) / 2


@pytest.mark.filterwarnings("ignore")
def test_snntorch_step_by_step():
    snntorch = pytest.importorskip("snntorch", exc_type=Exception)

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc1, self.lif1 = nn.Linear(12, 20), snntorch.Leaky(beta=0.5, threshold=0.5, init_hidden=True)
            self.fc2, self.lif2 = nn.Linear(20, 4), snntorch.Leaky(beta=0.5)

        def forward(self, x):
            mem, out = self.lif2.init_leaky(), []
            for step in x:
                spikes, mem = self.lif2(self.fc2(self.lif1(self.fc1(step))), mem)
                out.append(spikes)
            return torch.stack(out).sum(0)

    net = strong(Net())
    batch = random_spikes(6, 5, 12)
    found = energy(net, batch)
    seen = inputs_of(net, batch, {"fc2": 1})
    assert found.layers[0].sops == 20 * batch.sum().item() / 5 and found.samples == 5
    assert found.layers[1].sops == 4 * seen["fc2"].sum().item() / 5 > 0
    assert [part.updates for part in found.neurons] == [6 * 20, 6 * 4] and found.neurons[0].spikes == found.layers[1].spikes
    assert energy(net, batch).layers == found.layers  # no state is left from before


def test_the_model_is_left_as_it_was():
    model = conv((1, 4, 4), (2,), 5, 3, seed=0)
    model.fc1.eval()
    state = {name: value.clone() for name, value in model.state_dict().items()}
    training = [module.training for module in model.modules()]
    energy(model, random_spikes(3, 2, 1, 4, 4))
    assert [module.training for module in model.modules()] == training and not all(training)
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    with pytest.raises(ValueError, match="the input must be"):
        energy(model, torch.zeros(3))
    assert [module.training for module in model.modules()] == training
    assert not any(module._forward_hooks for module in model.modules())


def test_what_is_not_counted_is_named():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.fc, self.idle, self.pair = nn.Linear(4, 3), nn.Linear(3, 2), nn.Bilinear(3, 3, 2)

        def forward(self, x):
            x = self.fc(x)
            return self.pair(x, x)

    found = energy(Net(), random_spikes(2, 4))
    assert found.uncounted == ("idle", "pair") and [layer.name for layer in found.layers] == ["fc"]
    assert "not counted: idle, pair" in str(found) and math.isnan(found.rate)


def test_neurons_of_other_libraries_can_be_named():
    class Step(nn.Module):
        def forward(self, x):
            return (x > 0).float()

    net = nn.Sequential(nn.Linear(4, 6), Step(), nn.Linear(6, 2))
    assert energy(net, random_spikes(3, 4)).neurons == ()
    found = energy(net, random_spikes(3, 4), neurons=[Step])
    assert found.neurons[0].updates == 6 and found.neurons[0].spikes == found.layers[1].spikes


def test_pruned_weights_without_a_mask_are_no_links():
    model = nn.Sequential(nn.Linear(3, 4))
    with torch.no_grad():
        model[0].weight[:2] = 0
    assert energy(model, torch.ones(1, 3)).sops == 6


def test_a_str_is_a_table():
    model = strong(mlp(2, 3, 1, steps=2, seed=0))
    lines = str(energy(model, torch.tensor([[1.0, 0.5]]))).splitlines()
    assert lines[0].split() == ["layer", "links", "spikes", "SOPs", "MACs"] and lines[1].split() == ["fc1", "6", "0.0", "0.0", "6.0"]
    assert lines[3].startswith("fc1_lif ") and lines[3].endswith("% fire") and lines[-1].endswith("J an inference")


@pytest.mark.parametrize(("call", "message"), [
    (lambda model: energy(model, []), "there is no input to count on"),
    (lambda model: energy(model, torch.zeros(1, 2, 4), chains=[["fc1", "fc9"]]), "chains name 'fc9', which is no layer of the model; layers: fc1, fc2"),
    (lambda model: energy(model, torch.zeros(1, 2, 4), chains=[["fc2", "fc1"]]), "fc2 ends on 3 neurons but fc1 starts on 4: they are no chain"),
])
def test_what_cannot_be_is_said(call, message):
    with pytest.raises(ValueError) as error:
        call(mlp(4, 5, 3))
    assert str(error.value) == message
