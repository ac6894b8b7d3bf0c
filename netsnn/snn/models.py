"""Spiking models: fully connected, convolutional, Spikformer. Each is a plain nn.Sequential of torch's modules, `LIF` and a few of `netsnn.snn.modules`.

A model takes (steps, batch, ...) and gives logits, (batch, classes). Built with `steps`, it takes (batch, ...), the same input at every step: the
first layer multiplies it once, and its neurons get that current for so many steps.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import nn

from netsnn.errors import check_memory, check_whole
from netsnn.snn.modules import Attention, Frames, Inputs, Mean, Norm, Residual, Tokens, named
from netsnn.snn.neuron import LIF

__all__ = ["CH_SNN_NEURON", "MODELS", "SPIKFORMER_NEURON", "conv", "mlp", "spikformer"]

CH_SNN_NEURON = {"tau": 2.0, "threshold": 0.5, "reset": 0.0, "decay_input": False}
SPIKFORMER_NEURON = {"tau": 2.0, "threshold": 1.0, "reset": 0.0, "decay_input": True, "detach_reset": True, "surrogate": "sigmoid"}


def mlp(*sizes: int, steps: int | None = None, readout: str = "current", bias: bool = False, seed: int | None = None, **neuron: Any) -> nn.Sequential:
    """Linear layers with spiking neurons between them.

    logits = mean over time of the currents into the last neurons, or of their spikes

    Parameters
    ----------
    sizes : numbers of neurons: inputs, hidden ones, classes
    steps : how many steps an input lasts that is constant in time; without it inputs come with time first
    readout : "current" (the last layer has no neurons), or "spikes"
    bias : whether layers have biases; the neurons that a sparse layer cuts off are silent only without
    seed : of the weights; without it torch's own generator draws them, as it does for any torch module
    neuron : options of `LIF`; by default CH-SNN's neuron, threshold 0.5, tau 2, no decay of the input

    References
    ----------
    CH-SNN, ICLR 2026 (arXiv 2511.05581): the networks "2FC" and "3FC" on MNIST.

    Examples
    --------
    >>> model = mlp(784, 1568, 10, steps=8)
    >>> model(torch.rand(32, 1, 28, 28)).shape
    torch.Size([32, 10])
    >>> mlp(784, 1568, 10)(torch.ones(8, 32, 784)).shape  # any spikes, time first
    torch.Size([32, 10])
    >>> [name for name, _ in model.named_children()]
    ['inputs', 'fc1', 'fc1_lif', 'fc2', 'readout']
    """
    if len(sizes) < 2:
        raise ValueError(f"sizes must be at least two, inputs and classes, got {sizes}")
    if steps is not None and len(sizes) == 2 and readout == "current":
        raise ValueError('a model of one layer under a constant input needs readout="spikes": its currents have no time')
    with _seeded(seed):
        return named({"inputs": Inputs((check_whole("a size", sizes[0], 1),), _steps(steps)),
                      **_linear(sizes, {**CH_SNN_NEURON, **neuron}, bias, readout, steps)})


def conv(shape: Sequence[int], channels: Sequence[int | str], hidden: int | Sequence[int], classes: int, *, kernel: int = 3, norm: bool = True,
         steps: int | None = None, readout: str = "current", bias: bool = False, seed: int | None = None, **neuron: Any) -> nn.Sequential:
    """Convolutions with spiking neurons, then linear layers as in `mlp`.

    Convolutions keep the size of the maps (stride 1; `kernel` is odd); poolings take the maximum of 2 x 2 places, so that spikes stay spikes.

    Parameters
    ----------
    shape : channels, height and width of the inputs
    channels : of each convolution; "P" is a pooling
    hidden : neurons of the hidden linear layer, or of each
    classes : number of classes
    kernel : height and width of the convolutions' kernels
    norm : whether batch normalisation stands between a convolution and its neurons; the linear layers have none
    bias : whether linear layers, and convolutions without `norm`, have biases
    steps, readout, seed, neuron : as in `mlp`

    References
    ----------
    The "6Conv2FC" of SD-SNN (Han et al. 2025), DPAP and CH-SNN. That of Grad R, STDS and UPR (Chen et al. 2021) is another network.

    Examples
    --------
    >>> model = conv((3, 32, 32), (128, 128, "P", 256, 256, "P", 512, 512), 512, 10, steps=8)
    >>> sum(p.numel() for p in model.parameters() if p.ndim > 1)
    21356928
    >>> model.fc1
    Linear(in_features=32768, out_features=512, bias=False)
    """
    n, height, width = _shape(shape)
    if check_whole("kernel", kernel, 1) % 2 == 0:
        raise ValueError(f"kernel must be odd, so that maps keep their size, got {kernel}")
    neuron = {**CH_SNN_NEURON, **neuron}
    with _seeded(seed):
        layers: dict[str, nn.Module] = {"inputs": Inputs(shape, _steps(steps))}
        convs = pools = 0
        for part in channels:
            if part == "P":
                pools, height, width = pools + 1, height // 2, width // 2
                if not min(height, width):
                    raise ValueError(f"inputs of {shape[1]} x {shape[2]} are too small for {pools} poolings")
                layers[f"pool{pools}"] = Frames(nn.MaxPool2d(2))
            else:
                convs, (before, n) = convs + 1, (n, check_whole("channels", part, 1))
                parts = {"conv": nn.Conv2d(before, n, kernel, padding=kernel // 2, bias=bias and not norm), **({"norm": nn.BatchNorm2d(n)} if norm else {})}
                layers[f"conv{convs}"] = named(parts, Frames)
                layers[f"conv{convs}_lif"] = LIF(**neuron, steps=steps if convs == 1 else None)
        if not convs:
            raise ValueError(f"channels must name a convolution, got {tuple(channels)}")
        sizes = [n * height * width, *([hidden] if not isinstance(hidden, Sequence) else hidden), classes]
        return named({**layers, "flatten": nn.Flatten(2), **_linear(sizes, neuron, bias, readout, None)})


def spikformer(shape: Sequence[int], dim: int, heads: int, blocks: int, classes: int, *, patch: int = 4, ratio: float = 4.0, scale: float = 0.125,
               attention_threshold: float = 0.5, steps: int | None = None, readout: str = "current", seed: int | None = None,
               **neuron: Any) -> nn.Sequential:
    """The transformer of spikes: a stem of convolutions makes tokens, blocks of spiking self attention and two-layer perceptrons mix them.

    stem   four convolutions to dim/8, dim/4, dim/2, dim channels, pooled where `patch` asks for it, and one more whose spikes are added: the position
    block  x <- x + attention(x);  x <- x + spikes(W2 spikes(W1 x))
    head   linear, on the mean over tokens

    All linear layers work on tokens, and are nn.Linear without bias, with batch normalisation; the head has a bias.

    Parameters
    ----------
    shape : channels, height and width of the inputs
    dim, heads : channels of a token, a multiple of 8 and of the number of heads
    blocks : how many
    classes : number of classes
    patch : side of the square that becomes a token: 1, 2, 4, 8 or 16; the last convolutions of the stem have a pooling each
    ratio : hidden neurons of the perceptrons over `dim`
    scale, attention_threshold : of the products of attention, and of the neurons behind them
    steps, readout, seed : as in `mlp`
    neuron : options of `LIF`; by default those of the paper, threshold 1, tau 2, sigmoid, no gradient through the reset

    References
    ----------
    Z. Zhou et al., "Spikformer: when spiking neural network meets transformer", ICLR 2023.

    Examples
    --------
    >>> model = spikformer((1, 16, 16), dim=16, heads=2, blocks=1, classes=10, steps=2)
    >>> model(torch.rand(3, 1, 16, 16)).shape
    torch.Size([3, 10])
    >>> [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]  # doctest: +NORMALIZE_WHITESPACE
    ['block1.attention.q.fc', 'block1.attention.k.fc', 'block1.attention.v.fc', 'block1.attention.out.fc', 'block1.mlp.fc1', 'block1.mlp.fc2',
     'head']
    """
    n, _, _ = _shape(shape)
    for name, value in (("heads", heads), ("blocks", blocks), ("classes", classes)):
        check_whole(name, value, 1)
    if check_whole("dim", dim, 8) % 8 or dim % heads:
        raise ValueError(f"dim must be a multiple of 8 and of the number of heads, {heads}, got {dim}")
    if patch not in (1, 2, 4, 8, 16):
        raise ValueError(f"patch must be 1, 2, 4, 8 or 16, got {patch}")
    neuron = {**SPIKFORMER_NEURON, **neuron}
    with _seeded(seed):
        stem: dict[str, nn.Module] = {}
        for i in range(4):
            before, n = n, dim // 2 ** (3 - i)
            stem[f"conv{i + 1}"], stem[f"conv{i + 1}_lif"] = _same(before, n), LIF(**neuron, steps=steps if i == 0 else None)
            if 2 ** (4 - i) <= patch:
                stem[f"pool{i + 1}"] = Frames(nn.MaxPool2d(3, stride=2, padding=1))
        stem["position"] = named({"conv": _same(dim, dim), "lif": LIF(**neuron)}, Residual)
        layers = {"inputs": Inputs(shape, _steps(steps)), "stem": named(stem), "tokens": Tokens()}
        for i in range(blocks):
            attention = Attention(dim, heads, threshold=attention_threshold, scale=scale, neuron=neuron)
            layers[f"block{i + 1}"] = named({"attention": attention, "mlp": _perceptron(dim, int(dim * ratio), neuron)})
        return named({**layers, "pool": Mean(-2), "head": nn.Linear(dim, classes), **_readout(readout, neuron, None)})


# ---- inside -----------------------------------------------------------------------------------


def _fc(shape: Sequence[int], hidden: Sequence[int], classes: int, **options: Any) -> nn.Sequential:
    return mlp(math.prod(shape), *hidden, classes, **options)


MODELS = {
    "mlp": partial(_fc, shape=(1, 28, 28), hidden=(1568,), classes=10),  # a run's setting `hidden` gives it other layers
    "2fc": partial(_fc, shape=(1, 28, 28), hidden=(1568,), classes=10),
    "3fc": partial(_fc, shape=(1, 28, 28), hidden=(1568, 1568), classes=10),
    # for N-MNIST; its sizes are not public: these have the published share of absent weights, 94.73 %, with 95 % of fc1 absent
    "2conv2fc": partial(conv, shape=(2, 34, 34), channels=(16, 32, "P"), hidden=300, classes=10),
    "6conv2fc": partial(conv, shape=(3, 32, 32), channels=(128, 128, "P", 256, 256, "P", 512, 512), hidden=512, classes=10),
    "spikformer-small": partial(spikformer, shape=(1, 28, 28), dim=64, heads=4, blocks=2, classes=10),
    "spikformer-cifar": partial(spikformer, shape=(3, 32, 32), dim=384, heads=12, blocks=4, classes=10),
}
"""Models by name, as functions whose arguments can be replaced: `MODELS["6conv2fc"](classes=100, steps=8)`. All of them know shape and classes."""


def _linear(sizes: Sequence[int], neuron: dict, bias: bool, readout: str, steps: int | None) -> dict[str, nn.Module]:
    """Linear layers with neurons between them, and the readout. `steps`: the first gets a constant input."""
    sizes = [check_whole("a size", size, 1) for size in sizes]
    layers: dict[str, nn.Module] = {}
    last = len(sizes) - 1
    for i, (n_in, n_out) in enumerate(zip(sizes, sizes[1:]), 1):
        check_memory(f"fc{i}", (n_in, n_out), 1)
        layers[f"fc{i}"] = nn.Linear(n_in, n_out, bias=bias)
        if i < last:
            layers[f"fc{i}_lif"] = LIF(**neuron, steps=steps if i == 1 else None)
    return {**layers, **_readout(readout, neuron, steps if last == 1 else None, f"fc{last}_lif")}


def _readout(kind: str, neuron: dict, steps: int | None, name: str = "head_lif") -> dict[str, nn.Module]:
    if kind not in ("current", "spikes"):
        raise ValueError(f'readout must be "current" or "spikes", got {kind!r}')
    return {**({name: LIF(**neuron, steps=steps)} if kind == "spikes" else {}), "readout": Mean(0)}


def _same(n_in: int, n_out: int) -> nn.Sequential:
    return named({"conv": nn.Conv2d(n_in, n_out, 3, padding=1, bias=False), "norm": nn.BatchNorm2d(n_out)}, Frames)


def _perceptron(dim: int, hidden: int, neuron: dict) -> nn.Sequential:
    return named({"fc1": nn.Linear(dim, hidden, bias=False), "fc1_norm": Norm(hidden), "fc1_lif": LIF(**neuron),
                  "fc2": nn.Linear(hidden, dim, bias=False), "fc2_norm": Norm(dim), "fc2_lif": LIF(**neuron)}, Residual)


def _shape(shape: Sequence[int]) -> tuple[int, int, int]:
    if len(shape) != 3:
        raise ValueError(f"shape must be channels, height and width, got {tuple(shape)}")
    channels, height, width = (check_whole("a number of the shape", size, 1) for size in shape)
    return channels, height, width


def _steps(steps: int | None) -> int | None:
    return None if steps is None else check_whole("steps", steps, 1)


@contextmanager
def _seeded(seed: int | None) -> Iterator[None]:
    """Torch's generator begins at the seed inside, and goes on outside as if nothing had been."""
    if seed is None:
        yield
        return
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(check_whole("seed", seed, 0))
        yield
