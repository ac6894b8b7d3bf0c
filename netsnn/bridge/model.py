"""Layers become masked weights of a torch model, and come back.

The only module that transposes: a Layer is (n_in, n_out), torch's weight (out, in).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy

import numpy as np
import torch
from torch import nn

from netsnn.evolve import Recipe, start
from netsnn.graph import Layer

__all__ = ["MASK", "chains_of", "from_graph", "put", "sparse_layers", "sparsify", "to_graph"]

MASK = "weight_mask"


def sparsify(model: nn.Module, recipe: Recipe, *, calibration=None, exclude: Iterable[str] = (), chains: Sequence[Sequence[str]] | None = None,
             theta: float = 0.5, seed=0) -> nn.Module:
    """Make a model's linear layers sparse, in place: wire them, draw their weights, and put a `weight_mask` buffer beside each weight.

    The weights stay the Parameters that they are, under the names that they have. The model computes as before; absent weights are 0.

    Parameters
    ----------
    model : any torch module with nn.Linear layers
    calibration : tensor or array, optional
        Samples of the first layer's inputs (the last dimension is theirs), or of the model's, which is then run on them once. Needed by
        recipes that wire the first layer by correlations, and by SSWI, which takes the share of zeros from it.
    exclude : names of modules to leave alone
    chains : lists of names of layers that share neurons, in order
        By default linear layers of fitting sizes that follow each other with nothing but element-wise modules between them in one
        nn.Sequential; all others are chains of their own, whose neurons nobody takes for dead because of another layer.
    theta : firing threshold, for SSWI

    Examples
    --------
    >>> from netsnn.evolve import set_
    >>> model = sparsify(nn.Sequential(nn.Linear(20, 30), nn.ReLU(), nn.Linear(30, 5)), set_(0.9), seed=0)
    >>> [layer.n_links for layer in to_graph(model).values()]
    [60, 150]
    """
    names = _linear_names(model, exclude)
    if not names:
        raise ValueError("the model has no nn.Linear layer to make sparse" + (f" (excluded: {', '.join(exclude)})" if exclude else ""))
    modules = dict(model.named_modules())
    grouped = chains_of(model, names) if chains is None else [list(chain) for chain in chains]
    flat = [name for chain in grouped for name in chain]
    if sorted(flat) != sorted(names):
        raise ValueError(f"chains must hold each linear layer once; layers: {', '.join(names)}")
    order = {name: i for i, name in enumerate(names)}
    shapes = [(modules[name].in_features, modules[name].out_features) for name in names]
    samples = None if calibration is None else _samples(model, modules[names[0]], calibration)
    silence = None if samples is None else float(np.mean(samples == 0))
    if recipe.first_wiring == "sscti" and samples is not None and not np.isin(samples, (0, 1)).all():
        raise ValueError(f'{names[0]} does not see spikes (0 or 1), which "sscti" correlates; use recipe.replace(first_wiring="csti"), or encode the inputs')
    if recipe.weights == "sswi" and recipe.first_wiring in ("sscti", "csti") and samples is None:
        raise ValueError(f"{recipe.name} wires and weighs its first layer by its inputs: give calibration")
    state = start(recipe, shapes, chains=[[order[name] for name in chain] for chain in grouped], samples=samples, theta=theta, silence=silence, seed=seed)
    for name, layer, values in zip(names, state.layers, state.weights):
        put(modules[name], layer, values)
    return model


def sparse_layers(model: nn.Module) -> dict[str, nn.Module]:
    """The modules that carry a mask, by name."""
    return {name: module for name, module in model.named_modules() if MASK in dict(module.named_buffers(recurse=False))}


def to_graph(model: nn.Module, *, weights: bool = False) -> dict:
    """The layers of a sparse model by name; with `weights=True`, name to (Layer, weights). Linear layers without a mask come with their non-zeros."""
    found = {}
    for name, module in model.named_modules():
        if isinstance(module, nn.Linear):
            mask = getattr(module, MASK, None)
            values = module.weight.detach().cpu().numpy().T
            layer = Layer.from_dense((values != 0) if mask is None else mask.cpu().numpy().T)
            found[name] = (layer, values[layer.links]) if weights else layer
    return found


def from_graph(model: nn.Module, layers: dict) -> nn.Module:
    """Set masks (and weights) of a model's linear layers, in place: name to Layer, or to (Layer, weights). A link without weights keeps the model's.

    Examples
    --------
    >>> model = nn.Sequential(nn.Linear(2, 3))
    >>> layer = Layer.from_edges([0, 1], [0, 2], shape=(2, 3))
    >>> to_graph(from_graph(model, {"0": (layer, [0.5, -1.0])}))["0"] == layer
    True
    """
    modules = dict(model.named_modules())
    for name, given in layers.items():
        layer, values = given if isinstance(given, tuple) else (given, None)
        module = modules.get(name)
        if not isinstance(module, nn.Linear):
            raise ValueError(f"the model has no nn.Linear {name!r}; it has {', '.join(_linear_names(model, ()))}")
        if layer.shape != (module.in_features, module.out_features):
            raise ValueError(f"{name} has {module.in_features} inputs and {module.out_features} outputs, the layer shape {layer.shape}")
        put(module, layer, module.weight.detach().cpu().numpy().T[layer.links] if values is None else np.asarray(values))
    return model


def put(module: nn.Module, layer: Layer, values: np.ndarray) -> None:
    """Write a layer and its weights into a module; the Parameter stays the same object."""
    weight = module.weight
    mask = torch.from_numpy(np.ascontiguousarray(layer.to_dense().T)).to(weight.device)
    dense = np.zeros(layer.shape, dtype=np.float32 if weight.dtype != torch.float64 else np.float64)
    dense[layer.links] = values
    with torch.no_grad():
        weight.copy_(torch.from_numpy(np.ascontiguousarray(dense.T)))
    if MASK in dict(module.named_buffers(recurse=False)):
        getattr(module, MASK).copy_(mask)
    else:
        module.register_buffer(MASK, mask)


def _linear_names(model: nn.Module, exclude: Iterable[str]) -> list[str]:
    every = [name for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    unknown = next((name for name in exclude if name not in dict(model.named_modules())), None)
    if unknown is not None:
        raise ValueError(f"the model has no module {unknown!r}; linear layers: {', '.join(every)}")
    outside = tuple(f"{name}." for name in exclude)
    return [name for name in every if name not in set(exclude) and not name.startswith(outside or ("\0",))]


def chains_of(model: nn.Module, names: Sequence[str]) -> list[list[str]]:
    """Linear layers of fitting sizes with nothing but element-wise modules between them in one nn.Sequential."""
    modules = dict(model.named_modules())
    after: dict[str, str] = {}
    for prefix, container in modules.items():
        if not isinstance(container, nn.Sequential):
            continue
        before = None
        for child, module in container.named_children():
            name = f"{prefix}.{child}" if prefix else child
            if name in names:
                if before is not None and modules[before].out_features == module.in_features:
                    after[before] = name
                before = name
            elif isinstance(module, nn.Linear) or not _element_wise(module):
                before = None
    chains, second = [], set(after.values())
    for name in names:
        if name not in second:
            chain = [name]
            while chain[-1] in after:
                chain.append(after[chain[-1]])
            chains.append(chain)
    return chains


def _element_wise(module: nn.Module) -> bool:
    """Whether a module treats each neuron apart: activations, dropout, batch norm, and spiking neurons (modules without weights that keep a state)."""
    kinds = (nn.ReLU, nn.GELU, nn.Sigmoid, nn.Tanh, nn.Identity, nn.Dropout, nn.BatchNorm1d, nn.LeakyReLU, nn.ELU, nn.SiLU, nn.Softplus, nn.Hardtanh, nn.ReLU6)
    words = ("LIF", "IF", "Leaky", "Synaptic", "Alpha", "Lapicque")
    return isinstance(module, kinds) or any(word in type(module).__name__ for word in words)


def _samples(model: nn.Module, first: nn.Linear, calibration) -> np.ndarray:
    """Inputs of the first layer: the calibration itself if its last dimension fits, else what the layer sees when (a copy of) the model runs on it."""
    tensor = torch.as_tensor(calibration)
    if tensor.ndim >= 2 and tensor.shape[-1] == first.in_features:
        return tensor.detach().cpu().numpy().astype(np.float32)
    seen: list[np.ndarray] = []
    copy = deepcopy(model)
    name = next(name for name, module in model.named_modules() if module is first)
    hook: Callable = lambda _, inputs: seen.append(inputs[0].detach().cpu().numpy().reshape(-1, first.in_features))
    handle = dict(copy.named_modules())[name].register_forward_pre_hook(hook)
    with torch.no_grad():
        copy(tensor)
    handle.remove()
    if not seen:
        raise ValueError(f"running the model on the calibration did not reach its first linear layer {name!r}")
    return np.concatenate(seen)
