"""What spiking models are built of, besides torch's own modules and `LIF`: all of it is made for tensors with time first, (steps, batch, ...)."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence

from torch import Tensor, nn

from netsnn.snn.neuron import LIF

__all__ = ["Attention", "Frames", "Inputs", "Mean", "Norm", "Product", "Residual", "Tokens", "named"]


class Inputs(nn.Module):
    """Check what a model is given, and make floats of it: (steps, batch, *shape), or (batch, *shape) if the input is constant for so many `steps`.

    A shape of one number takes images and the like as well, and flattens them.

    Examples
    --------
    >>> import torch
    >>> Inputs((784,), steps=8)(torch.zeros(32, 1, 28, 28, dtype=torch.uint8)).shape
    torch.Size([32, 784])
    """

    def __init__(self, shape: Sequence[int], steps: int | None = None):
        super().__init__()
        self.shape, self.steps = tuple(shape), steps

    def forward(self, x: Tensor) -> Tensor:
        lead = 2 if self.steps is None else 1
        given = tuple(x.shape[lead:])
        flat = len(self.shape) == 1 and math.prod(given) == self.shape[0]
        if x.ndim <= lead or not (given == self.shape or flat):
            wanted = ", ".join([*(["steps"] if self.steps is None else []), "batch", *map(str, self.shape)])
            hint = "; for one that is constant in time, build the model with steps=..." if self.steps is None else ""
            raise ValueError(f"the input must be ({wanted}), got {tuple(x.shape)}{hint}")
        x = x if x.is_floating_point() else x.float()
        return x.flatten(lead) if flat else x

    def extra_repr(self) -> str:
        return f"{self.shape}" + ("" if self.steps is None else f", steps={self.steps}")


class Frames(nn.Sequential):
    """Modules for images, applied to the images of all steps at once: time is folded into the batch. One image for all steps, (batch, ...), stays one.

    Examples
    --------
    >>> import torch
    >>> conv = Frames(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4))
    >>> conv(torch.zeros(8, 2, 1, 6, 6)).shape, conv(torch.zeros(2, 1, 6, 6)).shape
    (torch.Size([8, 2, 4, 4, 4]), torch.Size([2, 4, 4, 4]))
    """

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) if x.ndim == 4 else super().forward(x.flatten(0, 1)).unflatten(0, x.shape[:2])


class Norm(nn.BatchNorm1d):
    """Batch normalisation of the last dimension, over all others.

    Examples
    --------
    >>> import torch
    >>> Norm(3)(torch.randn(8, 2, 5, 3)).shape
    torch.Size([8, 2, 5, 3])
    """

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.flatten(0, -2)).view_as(x)


class Residual(nn.Sequential):
    """What its modules make of x, and x itself: x + f(x). Of spikes this makes whole numbers."""

    def forward(self, x: Tensor) -> Tensor:
        return x + super().forward(x)


class Tokens(nn.Module):
    """The places of feature maps as a sequence: (steps, batch, channels, height, width) to (steps, batch, places, channels)."""

    def forward(self, x: Tensor) -> Tensor:
        return x.flatten(3).transpose(2, 3).contiguous()


class Mean(nn.Module):
    """The mean over a dimension."""

    def __init__(self, dim: int):
        super().__init__()
        self.dim = dim

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(self.dim)

    def extra_repr(self) -> str:
        return f"dim={self.dim}"


class Product(nn.Module):
    """A matrix product of two activities, as a module so that `energy` can see both."""

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        return a @ b


class Attention(nn.Module):
    """Spiking self attention, and the residual connection around it.

    q, k, v = spikes of their linear layers, a head's channels each;  x + spikes(W spikes(scale q k^T v))

    There is no softmax, so that the products can be taken in any order; the cheaper one is. All of them hold whole numbers, so the order changes nothing.

    Parameters
    ----------
    dim, heads : channels, and how many heads share them
    threshold : of the neurons behind the products
    scale : of the products
    neuron : options of `LIF`

    References
    ----------
    Z. Zhou et al., "Spikformer: when spiking neural network meets transformer", ICLR 2023, equations 5-8.

    Examples
    --------
    >>> import torch
    >>> Attention(16, heads=4)(torch.ones(2, 3, 10, 16)).shape
    torch.Size([2, 3, 10, 16])
    """

    def __init__(self, dim: int, heads: int, *, threshold: float = 0.5, scale: float = 0.125, neuron: dict | None = None):
        super().__init__()
        neuron = neuron or {}
        if dim % heads:
            raise ValueError(f"dim must be a multiple of heads, got {dim} and {heads}")
        self.heads, self.scale = heads, scale
        self.q, self.k, self.v = (_neurons(dim, neuron) for _ in range(3))
        self.product = Product()
        self.lif = LIF(**{**neuron, "threshold": threshold})
        self.out = _neurons(dim, neuron)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (part(x).unflatten(-1, (self.heads, -1)).transpose(-2, -3) for part in (self.q, self.k, self.v))
        if q.shape[-1] < q.shape[-2]:
            mixed = self.product(q, self.product(k.mT, v))
        else:
            mixed = self.product(self.product(q, k.mT), v)
        return x + self.out(self.lif((self.scale * mixed).transpose(-2, -3).flatten(-2)))

    def extra_repr(self) -> str:
        return f"heads={self.heads}, scale={self.scale}"


def named(layers: dict[str, nn.Module], kind: type[nn.Sequential] = nn.Sequential) -> nn.Sequential:
    """An nn.Sequential (or one of its kin) whose modules have names."""
    return kind(OrderedDict(layers))


def _neurons(dim: int, neuron: dict) -> nn.Sequential:
    return named({"fc": nn.Linear(dim, dim, bias=False), "norm": Norm(dim), "lif": LIF(**neuron)})
