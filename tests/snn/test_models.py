import pickle
from copy import deepcopy

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from netsnn.bridge import Evolver, density, sparse_layers, sparsify, to_graph
from netsnn.bridge.model import chains_of
from netsnn.evolve import ch_snn, set_
from netsnn.snn import LIF
from netsnn.snn.models import CH_SNN_NEURON, MODELS, conv, mlp, spikformer
from netsnn.snn.modules import Attention

torch.set_num_threads(1)


def small(kind, **options):
    """A model of each kind, of the smallest size, and the shape of its inputs."""
    makes = {"mlp": (lambda: mlp(12, 20, 16, 4, seed=0, **options), (12,)),
             "conv": (lambda: conv((2, 6, 6), (4, "P", 6), 15, 4, seed=0, **options), (2, 6, 6)),
             "spikformer": (lambda: spikformer((1, 8, 8), 16, 2, 2, 4, seed=0, **options), (1, 8, 8))}
    make, shape = makes[kind]
    return make(), shape


KINDS = pytest.mark.parametrize("kind", ["mlp", "conv", "spikformer"])


def weights(model):
    return sum(p.numel() for p in model.parameters() if p.ndim > 1)


@pytest.mark.parametrize(("name", "wanted"), [("2fc", 784 * 1568 + 15680), ("3fc", 784 * 1568 + 1568**2 + 15680), ("6conv2fc", 21_356_928), ("2conv2fc", 2_782_296)])
def test_published_networks_have_the_published_numbers_of_weights(name, wanted):
    model = MODELS[name]()
    assert weights(model) == wanted
    assert sum(p.numel() for p in model.parameters()) == wanted + sum(2 * m.num_features for m in model.modules() if isinstance(m, nn.BatchNorm2d))


def test_the_network_for_100_classes_differs_in_its_last_layer_alone():
    model = MODELS["6conv2fc"](classes=100)
    assert weights(model) == 21_403_008 and (model.fc2.in_features, model.fc2.out_features) == (512, 100)
    assert model.fc1.weight.shape == (512, 32768)


@pytest.mark.parametrize(("name", "sparsity", "published"), [("2fc", 0.99, 97.75), ("3fc", 0.95, 94.6), ("2conv2fc", 0.95, 94.73)])
def test_sparsified_networks_have_the_published_sparsity(name, sparsity, published):
    model = sparsify(MODELS[name](seed=0), ch_snn(sparsity).replace(first_wiring=None), seed=0)
    assert 100 * (1 - density(model)["parameters"]) == pytest.approx(published, abs=0.006)
    assert to_graph(model)["fc2" if name != "3fc" else "fc3"].density == 1


def test_all_named_models_know_shape_and_classes():
    for name, make in MODELS.items():
        options = {"mlp": {"hidden": [25]}, "2fc": {"hidden": [30]}, "3fc": {"hidden": [30, 20]}, "2conv2fc": {"hidden": 9}, "6conv2fc": {"channels": (4, "P", 4), "hidden": 9}}
        model = make(shape=(3, 8, 8), classes=7, steps=2, **options.get(name, {"dim": 24, "blocks": 1}))
        assert model(torch.rand(5, 3, 8, 8)).shape == (5, 7)


@pytest.mark.filterwarnings("ignore")
def test_the_spikformer_for_cifar_has_the_parameters_of_spikingjellys():
    pytest.importorskip("spikingjelly", exc_type=Exception)
    from spikingjelly.activation_based.model.spikformer import spikformer_cifar10

    ours, theirs = MODELS["spikformer-cifar"](steps=4), spikformer_cifar10(T=4, num_classes=10)
    for kinds in [(nn.Conv2d,), (nn.Linear, nn.Conv1d), (nn.BatchNorm1d,), (nn.BatchNorm2d,)]:
        counts = [sum(p.numel() for m in model.modules() if isinstance(m, kinds) for p in m.parameters()) for model in (ours, theirs)]
        assert counts[0] == counts[1] > 0
    assert sum(p.numel() for p in ours.parameters()) == 9_310_906


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("tokens", [6, 12])  # fewer and more than a head's channels: both orders of the products
def test_a_block_computes_what_spikingjellys_does(tokens):
    pytest.importorskip("spikingjelly", exc_type=Exception)
    from spikingjelly.activation_based import functional as reset
    from spikingjelly.activation_based import surrogate
    from spikingjelly.activation_based.model.spikformer import SpikformerBlock

    ours = spikformer((1, 8, 8), 16, 2, 1, 4, seed=0).block1
    theirs = SpikformerBlock(16, 2, 4.0, surrogate_function=surrogate.Sigmoid(4.0))
    reset.set_step_mode(theirs, "m")
    parts = [(ours.attention.out.fc, theirs.attn.proj_conv_bn[0]), (ours.mlp.fc1, theirs.mlp.fc1[0]), (ours.mlp.fc2, theirs.mlp.fc2[0])]
    with torch.no_grad():
        for norm in [module for block in (ours, theirs) for module in block.modules() if isinstance(module, nn.BatchNorm1d)]:
            norm.bias.fill_(1.0)  # so that much fires
        for mine, other in parts:
            other.weight.copy_(mine.weight.unsqueeze(-1))
        theirs.attn.qkv_conv_bn[0].weight.copy_(torch.cat([part.fc.weight for part in (ours.attention.q, ours.attention.k, ours.attention.v)]).unsqueeze(-1))
    x = (torch.rand(4, 3, tokens, 16, generator=torch.Generator().manual_seed(1)) < 0.4).float()
    made = ours(x.clone().requires_grad_())
    other = theirs(x.transpose(2, 3).unflatten(3, (1, tokens))).flatten(3).transpose(2, 3)
    assert (made.detach() != x).float().mean() > 0.05
    torch.testing.assert_close(made, other, rtol=0, atol=1e-5)
    seed = torch.randn(made.shape, generator=torch.Generator().manual_seed(2))
    (made * seed).sum().backward()
    (other * seed).sum().backward()
    for mine, far in parts:
        torch.testing.assert_close(mine.weight.grad, far.weight.grad.squeeze(-1), rtol=1e-3, atol=1e-4)
    qkv = torch.cat([part.fc.weight.grad for part in (ours.attention.q, ours.attention.k, ours.attention.v)])
    torch.testing.assert_close(qkv, theirs.attn.qkv_conv_bn[0].weight.grad.squeeze(-1), rtol=1e-3, atol=1e-4)
    assert qkv.abs().max() > 1e-3


@pytest.mark.parametrize("tokens", [3, 20])
def test_attention_is_q_times_k_times_v_whatever_the_order(tokens):
    attention = Attention(12, 2, threshold=0.3, neuron={"threshold": 0.4})
    seen = {}
    for name in "qkv":
        getattr(attention, name).register_forward_hook(lambda _, given, made, name=name: seen.setdefault(name, made))
    attention.lif.register_forward_hook(lambda _, given, made: seen.setdefault("mixed", given[0]))
    attention((torch.rand(2, 3, tokens, 12, generator=torch.Generator().manual_seed(0)) < 0.6).float())
    q, k, v = (seen[name] for name in "qkv")
    for head in (slice(0, 6), slice(6, 12)):
        wanted = 0.125 * torch.einsum("tbic,tbjc,tbjd->tbid", q[..., head], k[..., head], v[..., head])
        assert torch.equal(seen["mixed"][..., head], wanted) and wanted.any()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("readout", ["current", "spikes"])
def test_gradients_are_those_of_the_same_network_in_spikingjelly(readout):
    pytest.importorskip("spikingjelly", exc_type=Exception)
    from spikingjelly.activation_based import neuron, surrogate

    def node():
        return neuron.LIFNode(tau=2.0, v_threshold=0.5, v_reset=0.0, decay_input=False, surrogate_function=surrogate.ATan(2.0), step_mode="m")

    ours = mlp(30, 40, 20, 5, readout=readout, seed=0)
    theirs = nn.Sequential(nn.Linear(30, 40, bias=False), node(), nn.Linear(40, 20, bias=False), node(), nn.Linear(20, 5, bias=False),
                           *([node()] if readout == "spikes" else []))
    with torch.no_grad():
        for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            mine.mul_(4)
            other.copy_(mine)
    x = (torch.rand(8, 16, 30, generator=torch.Generator().manual_seed(0)) < 0.3).float()
    y = torch.arange(16) % 5
    made, other = ours(x), theirs(x).mean(0)
    torch.testing.assert_close(made, other)
    functional.cross_entropy(made, y).backward()
    functional.cross_entropy(other, y).backward()
    for mine, far in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine.grad, far.grad, rtol=1e-4, atol=1e-6)
        assert mine.grad.abs().max() > 1e-4


@KINDS
def test_a_constant_input_is_the_same_as_its_repetition(kind):
    constant, shape = small(kind, steps=5)
    repeated, _ = small(kind)
    x = torch.rand(3, *shape, generator=torch.Generator().manual_seed(0)) * 2
    for training in (True, False):
        torch.testing.assert_close(constant.train(training)(x), repeated.train(training)(x.expand(5, *x.shape)), rtol=1e-3, atol=1e-4)


@KINDS
def test_a_constant_input_is_multiplied_once(kind):
    model, shape = small(kind, steps=5)
    first = next(module for module in model.modules() if isinstance(module, (nn.Linear, nn.Conv2d)))
    seen = []
    first.register_forward_hook(lambda _, given, made: seen.append(len(given[0])))
    model(torch.rand(3, *shape))
    assert seen == [3]


@KINDS
@pytest.mark.parametrize("readout", ["current", "spikes"])
def test_a_dense_model_learns(kind, readout):
    model, shape = small(kind, steps=4, readout=readout)
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(64) % 4
    x = torch.rand(4, *shape, generator=generator)[y] + 0.1 * torch.rand(64, *shape, generator=generator)
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    first = functional.cross_entropy(5 * model(x), y).item()
    for _ in range(40):
        optimizer.zero_grad()
        loss = functional.cross_entropy(5 * model(x), y)
        loss.backward()
        optimizer.step()
    assert loss.item() < first / 2 and (model(x).argmax(1) == y).float().mean() > 0.9


@KINDS
def test_neuron_options_reach_every_neuron(kind):
    model, _ = small(kind, readout="spikes", tau=3.0, reset=None, surrogate="triangular", alpha=0.7, decay_input=True)
    found = [module for module in model.modules() if isinstance(module, LIF)]
    assert len(found) == {"mlp": 3, "conv": 4, "spikformer": 5 + 2 * 7 + 1}[kind]
    assert {(lif.tau, lif.reset, lif.surrogate, lif.alpha, lif.decay_input) for lif in found} == {(3.0, None, "triangular", 0.7, True)}


def test_the_neuron_is_ch_snns_by_default_and_spikformers_own():
    assert {name: getattr(mlp(3, 4, 2).fc1_lif, name) for name in CH_SNN_NEURON} == CH_SNN_NEURON == {"tau": 2.0, "threshold": 0.5, "reset": 0.0, "decay_input": False}
    model, _ = small("spikformer")
    assert model.block1.attention.lif.threshold == 0.5 and model.block1.attention.q.lif.threshold == 1.0
    assert all(lif.decay_input and lif.detach_reset and lif.surrogate == "sigmoid" for lif in model.modules() if isinstance(lif, LIF))


def test_readouts_are_means_over_time():
    spikes = (torch.rand(8, 5, 12, generator=torch.Generator().manual_seed(0)) < 0.5).float()
    for readout in ("current", "spikes"):
        model, _ = small("mlp", readout=readout)
        with torch.no_grad():
            for weight in model.parameters():
                weight.mul_(5)
        last = [module for name, module in model.named_children() if name not in ("inputs", "readout")][-1]
        seen = []
        last.register_forward_hook(lambda _, given, made: seen.append(made))
        made = model(spikes)
        assert torch.equal(made, seen[0].mean(0)) and made.shape == (5, 4)
        assert readout == "current" or (set((8 * made).flatten().tolist()) <= set(range(9)) and made.any())


@pytest.mark.parametrize("bias", [False, True])
def test_linear_layers_have_biases_only_if_asked(bias):
    assert all((m.bias is not None) == bias for m in mlp(3, 4, 2, bias=bias).modules() if isinstance(m, nn.Linear))
    model = conv((1, 4, 4), (2, 3), 5, 2, bias=bias)
    assert (model.fc1.bias is not None) == bias and model.conv1.conv.bias is None
    assert (conv((1, 4, 4), (2, 3), 5, 2, bias=bias, norm=False).conv2.conv.bias is not None) == bias


def test_a_model_without_norm_has_none():
    assert not any(isinstance(m, nn.BatchNorm2d) for m in conv((1, 4, 4), (2, "P", 3), 5, 2, norm=False).modules())


def test_linear_layers_are_the_chains_that_they_are():
    for model, wanted in [(mlp(9, 8, 7, 6), [["fc1", "fc2", "fc3"]]), (small("conv")[0], [["fc1", "fc2"]])]:
        assert chains_of(model, [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]) == wanted
    model, _ = small("spikformer")
    found = chains_of(model, [name for name, module in model.named_modules() if isinstance(module, nn.Linear)])
    assert ["block1.mlp.fc1", "block1.mlp.fc2"] in found and ["block2.attention.v.fc"] in found and ["head"] in found and len(found) == 11


@KINDS
def test_models_evolve(kind):
    model, shape = small(kind, steps=3)
    recipe = set_(0.8)
    sparsify(model, recipe, seed=0)
    assert list(sparse_layers(model)) == [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    optimizer = torch.optim.AdamW(model.parameters())
    evolver = Evolver(model, optimizer, recipe, steps_per_epoch=1, epochs=4)
    for _ in range(2):
        optimizer.zero_grad()
        model(torch.rand(4, *shape)).square().sum().backward()
        optimizer.step()
        evolver.step()
    assert evolver.events == 2 and all((module.weight[~module.weight_mask] == 0).all() for module in sparse_layers(model).values())


@KINDS
def test_copies_and_pickles_compute_the_same(kind):
    model, shape = small(kind, steps=3)
    x = torch.rand(4, *shape, generator=torch.Generator().manual_seed(0))
    model(x).sum().backward()  # in training: batch norm has seen something
    model.eval()
    for copy in (deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert torch.equal(copy(x), model(x)) and repr(copy) == repr(model)
        assert next(copy.parameters()) is not next(model.parameters())
    other, _ = small(kind, steps=3)
    other.load_state_dict(model.state_dict())
    assert torch.equal(other.eval()(x), model(x))


def test_a_repr_can_be_read():
    assert repr(mlp(784, 100, 10, steps=8)) == """Sequential(
  (inputs): Inputs((784,), steps=8)
  (fc1): Linear(in_features=784, out_features=100, bias=False)
  (fc1_lif): LIF(tau=2.0, threshold=0.5, reset=0.0, decay_input=False, detach_reset=False, surrogate='atan', alpha=2.0, steps=8)
  (fc2): Linear(in_features=100, out_features=10, bias=False)
  (readout): Mean(dim=0)
)"""


@KINDS
def test_a_seed_makes_the_same_model_and_leaves_torchs_generator_alone(kind):
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    a, b = small(kind)[0], small(kind)[0]
    assert torch.equal(torch.rand(3), wanted)
    assert all(torch.equal(x, y) for x, y in zip(a.parameters(), b.parameters(), strict=True))
    torch.manual_seed(5)
    c, d = mlp(4, 5, 3), mlp(4, 5, 3)
    assert not torch.equal(c.fc1.weight, d.fc1.weight)


def test_spikes_may_be_bytes_or_booleans():
    model = mlp(12, 20, 4, seed=0)
    spikes = torch.from_numpy(np.random.default_rng(0).random((5, 3, 12)) < 0.5)
    assert torch.equal(model(spikes), model(spikes.float())) and torch.equal(model(spikes.byte()), model(spikes.float()))


@pytest.mark.parametrize(("make", "message"), [
    (lambda: mlp(10), "sizes must be at least two, inputs and classes, got (10,)"),
    (lambda: mlp(10, 0, 2), "a size must be a whole number of at least 1, got 0"),
    (lambda: mlp(10, 5, 2, steps=0), "steps must be a whole number of at least 1, got 0"),
    (lambda: mlp(10, 2, steps=4), 'a model of one layer under a constant input needs readout="spikes": its currents have no time'),
    (lambda: mlp(10, 5, 2, readout="rate"), "readout must be \"current\" or \"spikes\", got 'rate'"),
    (lambda: mlp(10, 5, 2, seed=-1), "seed must be a whole number of at least 0, got -1"),
    (lambda: mlp(10, 5, 2, seed="x"), "seed must be a whole number of at least 0, got 'x'"),
    (lambda: conv((3, 8), (4,), 5, 2), "shape must be channels, height and width, got (3, 8)"),
    (lambda: conv((3, 8, 8), ("P",), 5, 2), "channels must name a convolution, got ('P',)"),
    (lambda: conv((3, 4, 4), (4, "P", "P", "P"), 5, 2), "inputs of 4 x 4 are too small for 3 poolings"),
    (lambda: conv((3, 4, 4), (4, "Q"), 5, 2), "channels must be a whole number of at least 1, got 'Q'"),
    (lambda: conv((3, 4, 4), (4,), 5, 2, kernel=4), "kernel must be odd, so that maps keep their size, got 4"),
    (lambda: spikformer((3, 8, 8), 20, 2, 1, 10), "dim must be a multiple of 8 and of the number of heads, 2, got 20"),
    (lambda: spikformer((3, 8, 8), 16, 3, 1, 10), "dim must be a multiple of 8 and of the number of heads, 3, got 16"),
    (lambda: spikformer((3, 8, 8), 16, 2, 1, 10, patch=3), "patch must be 1, 2, 4, 8 or 16, got 3"),
    (lambda: Attention(10, 3), "dim must be a multiple of heads, got 10 and 3"),
    (lambda: mlp(10, 5, 2)(torch.zeros(4, 10)), "the input must be (steps, batch, 10), got (4, 10); for one that is constant in time, build the model with steps=..."),
    (lambda: mlp(10, 5, 2, steps=3)(torch.zeros(8, 4, 10)), "the input must be (batch, 10), got (8, 4, 10)"),
    (lambda: conv((1, 4, 4), (2,), 5, 2, steps=3)(torch.zeros(2, 1, 4, 5)), "the input must be (batch, 1, 4, 4), got (2, 1, 4, 5)"),
])
def test_what_cannot_be_is_said(make, message):
    with pytest.raises(ValueError) as error:
        make()
    assert str(error.value) == message


def test_one_layer_of_spikes_under_a_constant_input():
    assert mlp(10, 2, steps=4, readout="spikes")(torch.rand(3, 10)).shape == (3, 2)
    assert mlp(10, 2)(torch.rand(4, 3, 10)).shape == (3, 2)
