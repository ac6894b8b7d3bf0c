"""Layers become masked weights of a torch model, and come back.

The only module that transposes: a Layer is (n_in, n_out), torch's weight (out, in). A convolution's kernels are unrolled: n_in = channels x height x width.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from typing import TypeAlias, TypeGuard, cast

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import nn

from netsnn.evolve import Recipe, start
from netsnn.evolve.initial import READINGS
from netsnn.evolve.recipe import check_recipe
from netsnn.graph import Layer
from netsnn.hints import Seed

__all__ = ["MASK", "chains_of", "density", "from_graph", "matrix", "plain", "put", "read", "sparse_layers", "sparsify", "to_graph", "watch"]

MASK = "weight_mask"
CHAINS = "_weight_chains"  # on the model: what `sparsify` was told or found, for its `Evolver`
CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
Weighted: TypeAlias = nn.Linear | nn.Conv1d | nn.Conv2d | nn.Conv3d


def sparsify(model: nn.Module, recipe: Recipe, *, calibration: ArrayLike | torch.Tensor | None = None, exclude: Iterable[str] = (),
             chains: Sequence[Sequence[str]] | None = None, theta: float = 0.5, seed: Seed = 0) -> nn.Module:
    """Make a model's layers sparse, in place: wire them, draw their weights, and put a `weight_mask` buffer beside each weight.

    The weights stay the Parameters that they are, under the names that they have. The model computes as before; absent weights are 0.
    Layers are nn.Linear and its kin (convolutions over a sequence with a kernel of 1, which Spikformers use), and other convolutions where the
    recipe asks for them.

    Parameters
    ----------
    model : any torch module
    recipe : Recipe
        See `netsnn.evolve.RECIPES`.
    calibration : tensor or array, optional
        Samples of the first layer's inputs (the last dimension is theirs), or of the model's, which is then run on them once. Needed by
        recipes that wire the first layer by correlations, and by SSWI, which takes the share of zeros from it; not where a convolution or
        an excluded layer stands before the first layer, which then is wired as the later ones are.
    exclude : names of modules to leave alone
        Of the others the last then counts as the network's last layer, which many recipes leave dense (`last`).
    chains : lists of names of layers that share neurons, in order
        By default linear layers of fitting sizes that follow each other with nothing but element-wise modules between them in one
        nn.Sequential; all others are chains of their own, whose neurons nobody takes for dead because of another layer.
    theta : firing threshold, for SSWI
    seed : int or numpy Generator

    Examples
    --------
    >>> from netsnn.evolve import set_
    >>> model = sparsify(nn.Sequential(nn.Linear(20, 30), nn.ReLU(), nn.Linear(30, 5)), set_(0.9), seed=0)
    >>> [layer.n_links for layer in to_graph(model).values()]
    [60, 150]
    """
    check_recipe(recipe)
    root, exclude = plain(model), (exclude,) if isinstance(exclude, str) else tuple(exclude)
    modules = {name: module for name, module in root.named_modules() if _is_weighted(module)}
    names = _layer_names(root, exclude, recipe.convolutions)
    if not names:
        what = "linear layer or convolution" if recipe.convolutions else "linear layer"
        raise ValueError(f"the model has no {what} to make sparse" + (f" (excluded: {', '.join(exclude)})" if exclude else ""))
    shared = next((name for i, name in enumerate(names) if any(modules[name].weight is modules[other].weight for other in names[:i])), None)
    if shared is not None:
        raise ValueError(f"{shared} shares its weight with another layer, and could not have a wiring of its own: exclude one of them")
    grouped = chains_of(root, names) if chains is None else [list(chain) for chain in chains]
    if sorted(name for chain in grouped for name in chain) != sorted(names):
        raise ValueError(f"chains must hold each layer once; layers: {', '.join(names)}")
    if not _sees_inputs(root, names[0]):
        recipe, calibration = recipe.replace(first_wiring=None), None
    samples = None if calibration is None else _samples(root, names[0], calibration)
    silence = None if samples is None or not np.isin(samples, (0, 1)).all() else float(np.mean(samples == 0))  # of spikes only
    if recipe.first_wiring == "sscti" and samples is not None and not np.isin(samples, (0, 1)).all():
        raise ValueError(f'{names[0]} does not see spikes (0 or 1), which "sscti" correlates; take first_wiring="csti" among the options of the recipe, or encode the inputs')
    if recipe.weights in READINGS and recipe.first_wiring in ("sscti", "csti") and samples is None:
        raise ValueError(f"{recipe.name} wires and weighs its first layer by its inputs: give calibration")
    order = {name: i for i, name in enumerate(names)}
    state = start(recipe, [_dimensions(modules[name]) for name in names], chains=[[order[name] for name in chain] for chain in grouped], samples=samples,
                  theta=theta, silence=silence, own=[_values(modules[name]) for name in names], seed=seed)
    for name, layer, values in zip(names, state.layers, state.weights):
        put(modules[name], layer, values)
    setattr(root, CHAINS, grouped)
    return model


def sparse_layers(model: nn.Module) -> dict[str, Weighted]:
    """The modules that carry a mask, by name.

    Examples
    --------
    >>> from netsnn.evolve import set_
    >>> model = sparsify(nn.Sequential(nn.Linear(20, 30), nn.ReLU(), nn.Linear(30, 5)), set_(0.9), seed=0)
    >>> list(sparse_layers(model))
    ['0', '2']
    """
    return {name: module for name, module in plain(model).named_modules() if _is_masked(module)}


def to_graph(model: nn.Module, *, weights: bool = False) -> dict:
    """The layers of a model by name; with `weights=True`, name to (Layer, weights). Linear layers without a mask come with their non-zeros.

    Examples
    --------
    >>> from netsnn.evolve import set_
    >>> model = sparsify(nn.Sequential(nn.Linear(20, 30), nn.ReLU(), nn.Linear(30, 5)), set_(0.9), seed=0)
    >>> to_graph(model)
    {'0': Layer(20 -> 30, 60 links, density 10%), '2': Layer(30 -> 5, 150 links, density 100%)}
    >>> layer, weights = to_graph(model, weights=True)["0"]
    >>> weights.shape
    (60,)
    """
    found = {}
    for name, module in plain(model).named_modules():
        if _is_linear(module) or (_is_weighted(module) and getattr(module, MASK, None) is not None):
            layer, values = read(module)
            found[name] = (layer, values) if weights else layer
    return found


def from_graph(model: nn.Module, layers: dict) -> nn.Module:
    """Set masks (and weights) of a model's layers, in place: name to Layer, or to (Layer, weights). A link without weights keeps the model's.

    Examples
    --------
    >>> model = nn.Sequential(nn.Linear(2, 3))
    >>> layer = Layer.from_edges([0, 1], [0, 2], shape=(2, 3))
    >>> to_graph(from_graph(model, {"0": (layer, [0.5, -1.0])}))["0"] == layer
    True
    """
    modules = dict(plain(model).named_modules())
    for name, given in layers.items():
        layer, values = given if isinstance(given, tuple) else (given, None)
        module = modules.get(name)
        if not _is_weighted(module):
            raise ValueError(f"the model has no linear layer or convolution {name!r}; it has {', '.join(_layer_names(plain(model), (), True))}")
        now = _values(module)
        if layer.shape != now.shape:
            raise ValueError(f"{name} has {now.shape[0]} inputs and {now.shape[1]} outputs, the layer shape {layer.shape}")
        put(module, layer, now[layer.links] if values is None else np.asarray(values))
    return model


def density(model: nn.Module, inputs: ArrayLike | torch.Tensor | None = None) -> dict[str, float]:
    """Links over places of all linear layers and convolutions: "parameters", and, if `inputs` for the model are given, "connections".

    parameters: each weight counts once. connections: each as often as it is used for one sample, that is once for each place of a feature map
    or token of a sequence. Published tables mix the two: compare like with like.

    Examples
    --------
    >>> model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 2))
    >>> layer = Layer.from_edges([0, 1], [0, 1], shape=(9, 2))
    >>> {k: round(v, 3) for k, v in density(from_graph(model, {"0": layer}), torch.zeros(1, 1, 4, 4)).items()}
    {'parameters': 0.529, 'connections': 0.273}
    """
    counted = {name: module for name, module in plain(model).named_modules() if _is_weighted(module)}
    if not counted:
        raise ValueError("the model has no linear layer and no convolution")
    links = {name: int(module.weight.count_nonzero() if getattr(module, MASK, None) is None else getattr(module, MASK).sum()) for name, module in counted.items()}
    found = {"parameters": sum(links.values()) / sum(module.weight.numel() for module in counted.values())}
    if inputs is not None:
        uses = dict.fromkeys(counted, 0)

        def count(name: str, outputs: torch.Tensor) -> None:
            uses[name] += outputs.numel() // counted[name].weight.shape[0]

        watch(plain(model), {name: (lambda _, outputs, name=name: count(name, outputs)) for name in counted}, inputs)
        found["connections"] = sum(links[name] * uses[name] for name in counted) / sum(module.weight.numel() * uses[name] for name, module in counted.items())
    return found


def plain(model: nn.Module) -> nn.Module:
    """The model itself, out of DistributedDataParallel and torch.compile, so that its layers have the same names everywhere."""
    while True:
        if isinstance(model, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
            model = model.module
        elif hasattr(model, "_orig_mod"):
            model = cast(nn.Module, model._orig_mod)
        else:
            return model


def matrix(weight: torch.Tensor) -> torch.Tensor:
    """A weight, or what has its shape, as (n_in, n_out)."""
    return weight.detach().flatten(1).T


def read(module: Weighted) -> tuple[Layer, np.ndarray]:
    """A module's layer and the weights of its links."""
    mask, values = getattr(module, MASK, None), _values(module)
    layer = Layer.from_dense((values != 0) if mask is None else matrix(mask).cpu().numpy())
    return layer, values[layer.links]


@torch.no_grad()
def put(module: Weighted, layer: Layer, values: np.ndarray) -> None:
    """Write a layer and its weights into a module; the Parameter stays the same object."""
    weight = module.weight
    mask = torch.from_numpy(np.ascontiguousarray(layer.to_dense().T)).to(weight.device).reshape(weight.shape)
    dense = np.zeros(layer.shape[::-1], dtype=np.float64 if weight.dtype == torch.float64 else np.float32)
    row, col = layer.links
    dense[col, row] = values
    weight.copy_(torch.from_numpy(dense).reshape(weight.shape))
    if MASK in dict(module.named_buffers(recurse=False)):
        getattr(module, MASK).copy_(mask)
    else:
        module.register_buffer(MASK, mask)


def watch(model: nn.Module, seen: dict[str, Callable], inputs: ArrayLike | torch.Tensor) -> None:
    """Run a copy of the model, in evaluation, on the inputs; tell what the named modules got and gave."""
    copy = deepcopy(model).eval()

    def tell(name: str, given: tuple, made: torch.Tensor) -> None:  # returns nothing: what a hook returns would replace the module's output
        seen[name](given, made)

    for name, module in copy.named_modules():
        if name in seen:
            module.register_forward_hook(lambda _, given, made, name=name: tell(name, given, made))
    with torch.no_grad():
        copy(torch.as_tensor(inputs))


def chains_of(model: nn.Module, names: Sequence[str]) -> list[list[str]]:
    """Linear layers of fitting sizes with nothing but element-wise modules between them in one nn.Sequential."""
    modules = {name: module for name, module in model.named_modules() if _is_weighted(module)}
    after: dict[str, str] = {}
    for prefix, container in model.named_modules():
        if not isinstance(container, nn.Sequential):
            continue
        before = None
        for child, module in container.named_children():
            name = f"{prefix}.{child}" if prefix else child
            if name in names and _is_linear(module):
                if before is not None and modules[before].weight.shape[0] == module.weight.shape[1]:
                    after[before] = name
                before = name
            elif not _element_wise(module):
                before = None
    chains, second = [], set(after.values())
    for name in names:
        if name not in second:
            chain = [name]
            while chain[-1] in after:
                chain.append(after[chain[-1]])
            chains.append(chain)
    return chains


# ---- inside -----------------------------------------------------------------------------------


def _values(module: Weighted) -> np.ndarray:
    values = matrix(module.weight).cpu()
    return (values if values.dtype in (torch.float32, torch.float64) else values.float()).numpy()


def _dimensions(module: Weighted) -> tuple[int, ...]:
    """(n_in, n_out) of a linear layer, (channels in, channels out, *kernel) of a convolution."""
    n_out, n_in, *kernel = module.weight.shape
    return n_in, n_out, *([] if _is_linear(module) else kernel)


def _is_weighted(module: nn.Module | None) -> TypeGuard[Weighted]:
    return isinstance(module, (nn.Linear, *CONVOLUTIONS))


def _is_masked(module: nn.Module) -> TypeGuard[Weighted]:
    return MASK in dict(module.named_buffers(recurse=False))


def _is_linear(module: nn.Module | None) -> TypeGuard[nn.Linear | nn.Conv1d]:
    """nn.Linear, or a convolution over a sequence that treats each token apart."""
    return isinstance(module, nn.Linear) or (isinstance(module, nn.Conv1d) and module.kernel_size == (1,) and module.groups == 1)


def _layer_names(model: nn.Module, exclude: Iterable[str], convolutions: bool) -> list[str]:
    exclude = set(exclude)
    every = [name for name, module in model.named_modules() if _is_linear(module) or (convolutions and isinstance(module, CONVOLUTIONS))]
    unknown = next((name for name in sorted(exclude) if name not in dict(model.named_modules())), None)
    if unknown is not None:
        raise ValueError(f"the model has no module {unknown!r}; layers: {', '.join(every)}")
    outside = tuple(f"{name}." for name in exclude)
    return [name for name in every if name not in exclude and not name.startswith(outside or ("\0",))]


def _element_wise(module: nn.Module) -> bool:
    """Whether a module treats each neuron apart: activations, dropout, batch norm, and spiking neurons (modules without weights that keep a state)."""
    kinds = (nn.ReLU, nn.GELU, nn.Sigmoid, nn.Tanh, nn.Identity, nn.Dropout, nn.BatchNorm1d, nn.LeakyReLU, nn.ELU, nn.SiLU, nn.Softplus, nn.Hardtanh, nn.ReLU6)
    words = ("LIF", "IF", "Leaky", "Synaptic", "Alpha", "Lapicque")
    return isinstance(module, kinds) or any(word in type(module).__name__ for word in words)


def _sees_inputs(model: nn.Module, name: str) -> bool:
    """Whether no module with a matrix or kernel of weights is defined before the layer."""
    for other, module in model.named_modules():
        if other == name:
            return True
        if any(parameter.ndim > 1 for parameter in module.parameters(recurse=False)):
            return False
    return True


def _samples(model: nn.Module, name: str, calibration: ArrayLike | torch.Tensor) -> np.ndarray:
    """Inputs of the first layer: the calibration itself if its last dimension fits, else what the layer sees when (a copy of) the model runs on it."""
    tensor = torch.as_tensor(calibration)
    module = {other: found for other, found in model.named_modules() if _is_weighted(found)}[name]
    n_in = math.prod(module.weight.shape[1:])
    if tensor.ndim >= 2 and tensor.shape[-1] == n_in:
        return tensor.detach().cpu().numpy().astype(np.float32)
    seen: list[np.ndarray] = []
    last = -1 if isinstance(module, nn.Linear) else 1
    watch(model, {name: lambda inputs, _: seen.append(inputs[0].detach().movedim(last, -1).cpu().numpy().reshape(-1, n_in))}, tensor)
    if not seen:
        raise ValueError(f"running the model on the calibration did not reach its first linear layer {name!r}")
    return np.concatenate(seen)
