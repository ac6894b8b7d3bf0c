"""The energy of an inference, counted from what the neurons really did."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from netsnn.bridge.model import CHAINS, MASK, chains_of, plain
from netsnn.snn.modules import Product

__all__ = ["Energy", "LayerWork", "NeuronWork", "energy"]

CONVOLUTIONS: dict[type[Any], Callable[..., Tensor]] = {nn.Conv1d: functional.conv1d, nn.Conv2d: functional.conv2d, nn.Conv3d: functional.conv3d}
NEURONS = {"LIF", "BaseNode", "SpikingNeuron"}  # netsnn's, and what those of spikingjelly (and BrainCog) and of snnTorch descend from


@dataclass(frozen=True)
class LayerWork:
    """What a layer does in one inference, on average. `pandas.DataFrame(found.layers)` is a table."""

    name: str
    links: int
    """Weights that exist and lead to a neuron that leads on; 0 for a product of two activities."""
    spikes: float
    """Spikes that come in; 0 if what comes in is analog."""
    sops: float
    """Synaptic operations: a spike over a live link."""
    macs: float
    """Multiply-accumulates: an analog value over a live link."""


@dataclass(frozen=True)
class NeuronWork:
    """What a layer of neurons does in one inference, on average."""

    name: str
    updates: float
    """Neurons times steps."""
    spikes: float
    rate: float
    """Spikes per neuron and step."""


@dataclass(frozen=True)
class Energy:
    """The work of one inference, that is of one sample in all its steps, and the energy it takes.

    joules = (SOPs x pj_per_sop + MACs x pj_per_mac + updates x pj_per_update) x 1e-12
    """

    layers: tuple[LayerWork, ...]
    neurons: tuple[NeuronWork, ...]
    samples: int
    """How many samples were counted."""
    pj_per_sop: float
    pj_per_mac: float
    pj_per_update: float
    uncounted: tuple[str, ...] = ()
    """Modules with matrices of weights whose work was not seen: of other kinds, or never called."""

    @property
    def sops(self) -> float:
        """Synaptic operations of all layers."""
        return math.fsum(layer.sops for layer in self.layers)

    @property
    def macs(self) -> float:
        """Multiply-accumulates of all layers."""
        return math.fsum(layer.macs for layer in self.layers)

    @property
    def updates(self) -> float:
        """Neurons times steps."""
        return math.fsum(neurons.updates for neurons in self.neurons)

    @property
    def rate(self) -> float:
        """Spikes per neuron and step; NaN without neurons."""
        return math.fsum(neurons.spikes for neurons in self.neurons) / self.updates if self.updates else math.nan

    @property
    def joules(self) -> float:
        """Energy of an inference."""
        return 1e-12 * (self.sops * self.pj_per_sop + self.macs * self.pj_per_mac + self.updates * self.pj_per_update)

    def __str__(self) -> str:
        width = max(map(len, ("layer", *(layer.name for layer in self.layers), *(part.name for part in self.neurons))))
        rows = [f"{'layer':{width}} {'links':>12} {'spikes':>12} {'SOPs':>12} {'MACs':>12}"]
        rows += [f"{layer.name:{width}} {layer.links:12,} {layer.spikes:12,.1f} {layer.sops:12,.1f} {layer.macs:12,.1f}" for layer in self.layers]
        rows += [f"{part.name:{width}} {100 * part.rate:.3g} % fire" for part in self.neurons]
        rows += [f"not counted: {', '.join(self.uncounted)}"] if self.uncounted else []
        return "\n".join([*rows, f"{self.sops:,.1f} SOPs, {self.macs:,.1f} MACs, {self.joules:.4g} J an inference"])


def energy(model: nn.Module, inputs: Tensor | np.ndarray | Iterable, *, pj_per_sop: float = 1.5, pj_per_mac: float = 4.6, pj_per_update: float = 0.0,
           chains: Sequence[Sequence[str]] | None = None, run: Callable[[nn.Module, Tensor], object] | None = None, batch_dim: int | None = None,
           neurons: Iterable[type[nn.Module]] = ()) -> Energy:
    """Count what a model does when it sees `inputs`, and the energy that takes: any torch model, in evaluation.

    SOPs = sum over layers, steps and spikes of the live fan-out of what fired

    A link is live if the mask holds it (without a mask: if its weight is not 0) and if it leads to a neuron that leads on to the end of its chain. What
    nothing reaches does not fire, and so costs nothing; where a bias makes it fire, its spikes are counted. Linear layers and convolutions are counted,
    the latter place by place, so that spikes at a border have fewer links. Where a layer has seen nothing but whole numbers, a value n is n spikes (sums
    of spikes in residual connections, events of a frame); a layer that has seen others multiplies, in every call, zeros too. A constant input is
    thus multiplied once by a model built with `steps`, and T times by a model that repeats it.

    In netsnn's `Attention` a pair of non-zeros that meet in the products is an operation. Not counted are the same products in others' attention
    modules, biases, batch normalisation (which a chip folds into the weights), pooling and residual sums.

    Parameters
    ----------
    model : any torch module; the states of spikingjelly's and snnTorch's neurons are reset before each batch and at the end
    inputs : a batch, or an iterable of batches, or of tuples that begin with one, as a DataLoader gives
    pj_per_sop : picojoules of a synaptic operation; 1.5 is the figure of the chip ANP-I, which CH-SNN uses; 0.9 that of a 32-bit addition (Horowitz)
    pj_per_mac : of a multiply-accumulate; 4.6 is that of 32-bit floats in 45 nm (Horowitz: 3.7 for the product, 0.9 for the sum)
    pj_per_update : of a neuron in a step; the chip's figure for an operation includes it
    chains : names of layers that share neurons, in order; by default those that `sparsify` found, or would find
    run : how the model is run on a batch, if not by `model(batch)`: say, `lambda net, x: [net(step) for step in x]`
    batch_dim : dimension of the inputs that counts samples; by default the model's output is taken for (samples, classes)
    neurons : further classes of spiking neurons

    References
    ----------
    CH-SNN, ICLR 2026 (arXiv 2511.05581). M. Horowitz, "Computing's energy problem (and what we can do about it)", ISSCC 2014.

    Examples
    --------
    >>> from netsnn.snn.models import mlp
    >>> model = mlp(2, 3, 1)
    >>> _ = torch.nn.init.ones_(model.fc1.weight), torch.nn.init.ones_(model.fc2.weight)
    >>> spikes = torch.tensor([[[1.0, 0.0]], [[0.0, 0.0]], [[1.0, 1.0]]])  # three steps of one sample
    >>> found = energy(model, spikes)
    >>> [(layer.name, layer.spikes, layer.sops) for layer in found.layers]  # the hidden neurons fire in the first and the last step
    [('fc1', 3.0, 9.0), ('fc2', 6.0, 6.0)]
    >>> found.joules
    2.25e-11
    """
    model = plain(model)
    modules = dict(model.named_modules())
    works = {name: _Work(fan) for name, fan in _fans(model, chains).items()}
    works.update({name: _Work(None) for name, module in modules.items() if isinstance(module, Product)})
    fired = {name: _Fired() for name, module in modules.items() if _spiking(module, tuple(neurons))}
    order = [name for name in modules if name in works]
    place = next(model.parameters(), torch.empty(0))
    samples = 0
    with _watched(model, {**works, **fired}):
        for batch in _batches(inputs):
            _reset(model)
            batch = torch.as_tensor(batch)
            batch = batch.to(place.device, place.dtype if batch.is_floating_point() else None)
            outputs = model(batch) if run is None else run(model, batch)
            samples += _samples(batch, outputs, batch_dim)
    if not samples:
        raise ValueError("there is no input to count on")
    unseen = [name for name in order if not works[name].calls and not isinstance(modules[name], Product)]
    unseen += [name for name, module in modules.items() if name not in works and "parametrizations" not in name
               and any(parameter.ndim > 1 for parameter in module.parameters(recurse=False))]
    return Energy(tuple(works[name].result(name, samples) for name in order if works[name].calls),
                  tuple(seen.result(name, samples) for name, seen in fired.items() if seen.updates),
                  samples, pj_per_sop, pj_per_mac, pj_per_update, tuple(unseen))


# ---- what is counted of a module ----------------------------------------------------------------------


@dataclass
class _Work:
    """Of a layer, whose live links are summed over outputs: (n_in,), or (groups, n_in, *kernel). None for a product."""

    fan: Tensor | None
    links: int = 0
    calls: int = 0
    whole: bool = True
    spikes: float = 0.0
    sops: float = 0.0
    macs: float = 0.0
    sizes: dict[tuple, float] = field(default_factory=dict)

    def see(self, module: nn.Module, given: tuple, made: Any) -> None:
        self.calls += 1
        if self.fan is None:
            self._product(*given[:2])
            return
        x = given[0].detach()
        self.whole = self.whole and (not x.is_floating_point() or bool((x == x.round()).all()))
        dims = self.fan.ndim - 1 if isinstance(module, tuple(CONVOLUTIONS)) else 1  # of one sample, channels among them
        rows = x.abs().reshape(-1, *x.shape[x.ndim - dims:])
        total = rows.sum(0, dtype=torch.float64).cpu()
        self.spikes += total.sum().item()
        self.sops += self._meet(module, total)
        if tuple(total.shape) not in self.sizes:
            self.sizes[tuple(total.shape)] = self._meet(module, torch.ones_like(total))
        self.macs += len(rows) * self.sizes[tuple(total.shape)]

    def _meet(self, module: Any, total: Tensor) -> float:
        """Inputs, summed over all samples, times their live fan-outs: exact, for all is linear."""
        assert self.fan is not None  # a product has none, and does not come here
        convolve = next((function for kind, function in CONVOLUTIONS.items() if isinstance(module, kind)), None)
        if convolve is None:
            return (total @ self.fan).item()
        total, padding = total.unsqueeze(0), module.padding
        if module.padding_mode != "zeros":
            total, padding = functional.pad(total, module._reversed_padding_repeated_twice, mode=module.padding_mode), 0
        return convolve(total, self.fan, None, module.stride, padding, module.dilation, module.groups).sum().item()

    def _product(self, a: Tensor, b: Tensor) -> None:
        there, here = a.detach() != 0, b.detach() != 0
        binary = bool((a == there).all()) or bool((b == here).all())
        pairs = (there.sum(-2, dtype=torch.float64) * here.sum(-1, dtype=torch.float64)).sum().item()
        if binary:
            self.sops += pairs
            self.spikes += (there.sum() + here.sum()).item()
        else:
            self.macs += a.numel() * b.shape[-1]

    def result(self, name: str, samples: int) -> LayerWork:
        if self.fan is not None and self.whole:
            self.macs = 0.0
        elif self.fan is not None:
            self.spikes = self.sops = 0.0
        return LayerWork(name, 0 if self.fan is None else int(self.fan.sum()), self.spikes / samples, self.sops / samples, self.macs / samples)


@dataclass
class _Fired:
    updates: int = 0
    spikes: int = 0

    def see(self, module: nn.Module, given: tuple, made: Any) -> None:
        spikes = made[0] if isinstance(made, (tuple, list)) else made
        self.updates += spikes.numel()
        self.spikes += int(spikes.count_nonzero())

    def result(self, name: str, samples: int) -> NeuronWork:
        return NeuronWork(name, self.updates / samples, self.spikes / samples, self.spikes / self.updates)


def _fans(model: nn.Module, chains: Sequence[Sequence[str]] | None) -> dict[str, Tensor]:
    """The live links of each layer, summed over its outputs."""
    modules: dict[str, Any] = {name: module for name, module in model.named_modules() if isinstance(module, (nn.Linear, *CONVOLUTIONS))}
    live = {name: (module.weight.detach() != 0 if getattr(module, MASK, None) is None else getattr(module, MASK)).cpu() for name, module in modules.items()}
    if chains is None:
        chains = getattr(model, CHAINS, None) or chains_of(model, list(modules))
    unknown = next((name for chain in chains for name in chain if name not in modules), None)
    if unknown is not None:
        raise ValueError(f"chains name {unknown!r}, which is no layer of the model; layers: {', '.join(modules)}")
    for chain in chains:
        for before, after in reversed(list(zip(chain, chain[1:]))):
            leads = live[after].flatten(1).any(0)
            if len(leads) != len(live[before]):
                raise ValueError(f"{before} ends on {len(live[before])} neurons but {after} starts on {len(leads)}: they are no chain")
            live[before] = live[before] & leads.reshape(-1, *[1] * (live[before].ndim - 1))
    found = {}
    for name, links in live.items():
        groups = getattr(modules[name], "groups", 1)
        summed = links.unflatten(0, (groups, -1)).sum(1).double()
        found[name] = summed[0] if isinstance(modules[name], nn.Linear) else summed
    return found


# ---- running the model --------------------------------------------------------------------------------


@contextmanager
def _watched(model: nn.Module, seen: dict) -> Iterator[None]:
    """The model in evaluation, without gradients, its modules watched; afterwards as it was."""
    modules, training = dict(model.named_modules()), {name: module.training for name, module in model.named_modules()}
    handles = [modules[name].register_forward_hook(lambda module, given, named, made, to=to: to.see(module, given or tuple(named.values()), made),
                                                   with_kwargs=True) for name, to in seen.items()]
    try:
        model.eval()
        with torch.no_grad():
            yield
    finally:
        for handle in handles:
            handle.remove()
        for name, module in modules.items():
            module.training = training[name]
        _reset(model)


def _batches(inputs: Any) -> Iterator:
    for batch in [inputs] if isinstance(inputs, (Tensor, np.ndarray)) else inputs:
        yield batch[0] if isinstance(batch, (tuple, list)) else batch


def _samples(batch: Tensor, outputs: Any, batch_dim: int | None) -> int:
    if batch_dim is not None:
        return batch.shape[batch_dim]
    if isinstance(outputs, Tensor) and outputs.ndim == 2:
        return len(outputs)
    shape = f"of shape {tuple(outputs.shape)}" if isinstance(outputs, Tensor) else f"that is a {type(outputs).__name__}"
    raise ValueError(f"cannot tell the number of samples from an output {shape}; give batch_dim, the dimension of the inputs that counts them")


def _spiking(module: nn.Module, further: tuple[type, ...]) -> bool:
    return isinstance(module, further) or any(kind.__name__ in NEURONS for kind in type(module).__mro__)


def _reset(model: nn.Module) -> None:
    """Put neurons that keep a state from call to call to rest."""
    module: Any
    for module in model.modules():
        kinds = {kind.__name__ for kind in type(module).__mro__}
        if "MemoryModule" in kinds:  # spikingjelly's
            module.reset()
        elif "SpikingNeuron" in kinds and hasattr(module, "reset_mem"):  # snnTorch's
            module.reset_mem()
