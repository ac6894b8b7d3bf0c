"""Linear layers that compute on their links alone: switched on where that was measured to be faster, and the optimizer steps that go with them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from statistics import median
from typing import Any, SupportsIndex, TypeGuard

import torch
from numpy.typing import ArrayLike
from torch import nn
from torch.nn import functional

from netsnn.bridge.compute import Pattern, sparse_linear
from netsnn.bridge.model import MASK, plain, sparse_layers, watch
from netsnn.errors import check_whole

__all__ = ["Choice", "LinksOnly", "Loan", "Stencils", "choose_compute", "compute_dense", "compute_on_links", "fits", "on_links"]


@dataclass(frozen=True)
class Choice:
    """What was measured of a layer: milliseconds of forward and backward, with all weights and on its links alone, and what was chosen."""

    density: float
    dense: float
    links: float
    on_links: bool


def choose_compute(model: nn.Module, inputs: ArrayLike | torch.Tensor, *, repeats: int = 5) -> dict[str, Choice]:
    """Measure each sparse linear layer both ways, on what it sees when the model gets `inputs`, and let it compute the faster way from now on.

    Give a batch as in training. The choice depends on clocks; to repeat a run bit by bit, note what was chosen and use `compute_on_links(model, names)`.
    Layers that cannot compute on links (convolutions, other devices than the CPU, layers with a forward of their own) stay as they are.

    Parameters
    ----------
    model : any torch module
    inputs
        What the model takes.
    repeats : int
        How often each way is measured; the median counts.

    Examples
    --------
    >>> from netsnn.bridge import sparsify
    >>> from netsnn.evolve import static
    >>> model = sparsify(nn.Sequential(nn.Linear(200, 300), nn.ReLU(), nn.Linear(300, 10)), static(0.99), seed=0)
    >>> list(choose_compute(model, torch.rand(64, 200)))
    ['0', '2']
    """
    check_whole("repeats", repeats, 1)
    root, found = plain(model), {}
    modules = {name: module for name, module in sparse_layers(root).items() if _able(module)}
    compute_dense(root)
    seen: dict[str, torch.Tensor] = {}
    watch(root, {name: lambda given, _, name=name: seen.setdefault(name, given[0].detach()) for name in modules}, inputs)
    first = next(iter(modules), None)
    for name, module in modules.items():
        if name not in seen:
            continue
        x, weight, mask = seen[name].clone(), module.weight.detach().clone().requires_grad_(), getattr(module, MASK)
        x.requires_grad_(name != first)
        pattern = Pattern(mask)
        ways = [lambda: functional.linear(x, weight * mask, module.bias), lambda: sparse_linear(x, weight, module.bias, pattern)]
        dense, links = (1000 * seconds for seconds in _race(ways, (x, weight), repeats))
        found[name] = Choice(float(mask.float().mean()), dense, links, links < dense)
    compute_on_links(root, [name for name, choice in found.items() if choice.on_links])
    return found


def compute_on_links(model: nn.Module, names: Iterable[str] | None = None) -> nn.Module:
    """Let sparse linear layers (all that can, or those named) compute on their links alone, in place: the same numbers to rounding, in time that goes with links.

    A layer stays an instance of its class, with its Parameters, buffers and keys; its `weight.grad` becomes a sparse tensor, which
    torch's clip_grad_norm_ does not take. Under an `Evolver` the optimizer, too, works on the links alone.

    Parameters
    ----------
    model : any torch module
    names : names of layers, optional
        By default all sparse linear layers that can.

    Examples
    --------
    >>> from netsnn.bridge import sparsify
    >>> from netsnn.evolve import static
    >>> model = sparsify(nn.Sequential(nn.Linear(200, 300), nn.ReLU(), nn.Linear(300, 10)), static(0.99), seed=0)
    >>> x = torch.rand(8, 200)
    >>> before = model(x)
    >>> bool(torch.allclose(compute_on_links(model, ["0"])(x), before, atol=1e-5)), on_links(model[0]), on_links(model[2])
    (True, True, False)
    """
    modules = sparse_layers(model)
    for name in modules if names is None else [names] if isinstance(names, str) else names:
        if name not in modules:
            raise ValueError(f"the model has no sparse layer {name!r}; sparse layers: {', '.join(modules)}")
        if _able(modules[name]):
            modules[name].__class__ = _links_class(type(modules[name]))  # type: ignore[arg-type]  # a class is hashable
        elif names is not None and not on_links(modules[name]):
            raise ValueError(f"{name} cannot compute on links: that is for linear layers of float32 on the CPU")
    return model


def compute_dense(model: nn.Module) -> nn.Module:
    """Let all layers compute with all their weights again, in place.

    Examples
    --------
    >>> from netsnn.bridge import sparsify
    >>> from netsnn.evolve import static
    >>> model = compute_on_links(sparsify(nn.Sequential(nn.Linear(20, 30), nn.ReLU(), nn.Linear(30, 10)), static(0.9), seed=0))
    >>> on_links(model[0]), on_links(compute_dense(model)[0])
    (True, False)
    """
    for module in plain(model).modules():
        if isinstance(module, LinksOnly):
            module.__dict__.pop("_pattern", None)
            module.__class__ = type(module).plain_class  # type: ignore[assignment]
    return model


def on_links(module: nn.Module) -> bool:
    """Whether a module computes on its links alone.

    Examples
    --------
    >>> on_links(nn.Linear(3, 2))
    False
    """
    return isinstance(module, LinksOnly)


class LinksOnly:
    """What is mixed into a linear layer's class: the forward pass on links, and copies and pickles that know the plain class only."""

    plain_class: type[nn.Linear]
    weight: nn.Parameter
    bias: nn.Parameter | None

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        if self.weight.device.type != "cpu" or self.weight.dtype not in (torch.float32, torch.float64):
            return super().forward(inputs)  # type: ignore[misc]  # of the class that this one is mixed into
        return sparse_linear(inputs, self.weight, self.bias, self.pattern, dense_gradient=self.__dict__.get("dense_gradient", False))

    @property
    def pattern(self) -> Pattern:
        """The wiring, compiled anew whenever the mask was written to."""
        mask = getattr(self, MASK)
        state = mask.data_ptr(), mask._version
        known = self.__dict__.get("_pattern")
        if known is None or known[0] != state:
            known = self.__dict__["_pattern"] = state, Pattern(mask)
        return known[1]

    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[Any, ...]:
        return _revived, (self.plain_class,), {key: value for key, value in self.__dict__.items() if key != "_pattern"}


class Loan:
    """For one optimizer step, weights are replaced by the values at their links, with the gradients and the optimizer state at those places.

    Nothing else of a weight or of its state is read or written: a step takes time that goes with the links, and what stands elsewhere stays exactly 0.
    """

    # what these do to a weight depends on that weight alone, and without gradient and state they leave a weight of 0 at 0, and its state
    kinds = (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW, torch.optim.NAdam, torch.optim.RAdam, torch.optim.RMSprop)

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self.optimizer, self.able = optimizer, type(optimizer) in self.kinds
        self.lent: list[tuple[nn.Parameter, nn.Parameter, torch.Tensor, dict]] = []

    def lend(self, weight: nn.Parameter, pattern: Pattern) -> None:
        """Put the values at the links in the optimizer in the weight's place."""
        gradient, positions = weight.grad, pattern.positions
        assert gradient is not None  # without one nothing is lent
        if gradient.is_sparse and torch.equal(gradient._indices(), pattern.indices):
            values = gradient._values()
        else:  # dense, or gathered over a change of the wiring
            values = gradient.to_dense().reshape(-1).index_select(0, positions)
        small = nn.Parameter(weight.detach().view(-1).index_select(0, positions))  # many times faster than [positions]
        small.grad = values
        state = self.optimizer.state.pop(weight, {})
        self.optimizer.state[small] = {key: value.view(-1).index_select(0, positions) if fits(value, weight) else value for key, value in state.items()}
        self._swap(weight, small)
        self.lent.append((weight, small, positions, state))

    def give_back(self) -> set[int]:
        """Put the weights back, with what the optimizer made of their values and state; the ids of these weights."""
        for weight, small, positions, state in self.lent:
            weight.detach().view(-1).index_copy_(0, positions, small.detach())
            self._swap(small, weight)
            after = self.optimizer.state.pop(small, {})
            for key, value in after.items():
                if fits(value, small):
                    whole = state.get(key)
                    whole = torch.zeros_like(weight) if whole is None else whole
                    whole.view(-1).index_copy_(0, positions, value)
                    after[key] = whole
            if after:
                self.optimizer.state[weight] = after
        lent = {id(weight) for weight, *_ in self.lent}
        self.lent.clear()
        return lent

    def _swap(self, old: nn.Parameter, new: nn.Parameter) -> None:
        for group in self.optimizer.param_groups:
            for i, parameter in enumerate(group["params"]):
                if parameter is old:
                    group["params"][i] = new
                    return


class Stencils:
    """Masks as integers of the weight's width, to cut tensors with: a bitwise and is six times faster than a product with a mask, and leaves 0 of NaN as well."""

    kinds = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}

    def __init__(self) -> None:
        self.made: dict[int, tuple[tuple, torch.Tensor]] = {}

    def cut(self, module: nn.Module, tensor: torch.Tensor) -> None:
        """Set a tensor to 0 where the module has no links, in place."""
        mask = getattr(module, MASK)
        kind, state = self.kinds[tensor.element_size()], (mask.data_ptr(), mask._version, tensor.element_size())
        known = self.made.get(id(module))
        if known is None or known[0] != state:
            known = self.made[id(module)] = state, -mask.to(kind)
        tensor.detach().view(kind).bitwise_and_(known[1])


# ---- inside -----------------------------------------------------------------------------------


@cache
def _links_class(plain_class: type) -> type:
    return type(plain_class.__name__, (LinksOnly, plain_class), {"plain_class": plain_class, "__module__": plain_class.__module__})


def _revived(plain_class: type) -> nn.Module:
    kind: Any = _links_class(plain_class)
    return kind.__new__(kind)


def _able(module: nn.Module) -> TypeGuard[nn.Linear]:
    return isinstance(module, nn.Linear) and type(module).forward is nn.Linear.forward and module.weight.device.type == "cpu" and module.weight.dtype == torch.float32


def fits(value: object, weight: torch.Tensor) -> TypeGuard[torch.Tensor]:
    """Whether an entry of an optimizer's state has a number for each weight."""
    return torch.is_tensor(value) and value.shape == weight.shape


def _race(ways: list[Callable], leaves: tuple[torch.Tensor, ...], repeats: int) -> list[float]:
    """Median seconds of forward and backward of each way, taken in turns after one round that does not count."""
    seconds: list[list[float]] = [[] for _ in ways]
    for turn in range(repeats + 1):
        for way, spent in zip(ways, seconds):
            for leaf in leaves:
                leaf.grad = None
            start = time.perf_counter()
            made = way()
            made.backward(torch.ones_like(made))
            if turn:
                spent.append(time.perf_counter() - start)
    return [median(spent) for spent in seconds]
