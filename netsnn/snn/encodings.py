"""Encodings: how values become the inputs of a spiking network, step by step. Tensors or arrays in, tensors out, time first: (steps, ...)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from netsnn.errors import check_whole
from netsnn.hints import Seed, generator

__all__ = ["direct", "latency", "rate"]


def direct(x: Tensor | np.ndarray, steps: int) -> Tensor:
    """The same values at every step: s[t] = x. No copy is made, all steps are one memory; the first layer turns values into spikes.

    References
    ----------
    Rueckauer, Lungu, Hu, Pfeiffer, Liu (2017), Front. Neurosci. 11:682 (analog input).

    Examples
    --------
    >>> direct(torch.tensor([[0.5, 1.0]]), 3).shape
    torch.Size([3, 1, 2])
    """
    x = _tensor(x)
    return x.unsqueeze(0).expand(check_whole("steps", steps, 1), *x.shape)


def rate(x: Tensor | np.ndarray, steps: int, *, seed: Seed) -> Tensor:
    """Spikes at random, independent from step to step, with the value as their probability: P(s[t] = 1) = x.

    The numbers are drawn by NumPy and only then sent to the device of `x`, so that a seed gives the same spikes everywhere: spike where the
    draw, one of 2^24 equidistant numbers from 0 (included) to 1, lies below x. Zeros never spike, ones always.

    Parameters
    ----------
    x : Tensor or array
        Values in [0, 1]. float64 values are compared as float32.
    steps : int
    seed : int or numpy.random.Generator
        A Generator goes on where it was: other spikes at every call, and in every epoch.

    Examples
    --------
    >>> rate(torch.tensor([0.0, 0.5, 1.0]), 4, seed=0)
    tensor([[0., 0., 1.],
            [0., 1., 1.],
            [0., 1., 1.],
            [0., 0., 1.]])
    """
    check_whole("steps", steps, 1)
    x = _values(x)
    draws = torch.from_numpy(generator(seed).random((steps, *x.shape), dtype=np.float32)).to(x.device)
    return draws.lt_(x.detach().float()).to(x.dtype)


def latency(x: Tensor | np.ndarray, steps: int) -> Tensor:
    """One spike an input, the earlier the larger its value, and none for zeros: at step t = min(floor((1 - x) * steps), steps - 1).

    Step 0 stands for the values in (1 - 1 / steps, 1], and each further step for the next interval of that length.

    Parameters
    ----------
    x : Tensor or array
        Values in [0, 1].
    steps : int

    References
    ----------
    Thorpe, Delorme, Van Rullen (2001), Neural Netw. 14:715 (the earlier, the stronger).

    Examples
    --------
    >>> latency(torch.tensor([0.0, 0.2, 0.6, 1.0]), 3)
    tensor([[0., 0., 0., 1.],
            [0., 0., 1., 0.],
            [0., 1., 0., 0.]])
    """
    check_whole("steps", steps, 1)
    x = _values(x).detach()
    when = ((1 - x.double()) * steps).floor().clamp(max=steps - 1).long()
    spikes = torch.zeros((steps, *x.shape), dtype=x.dtype, device=x.device)
    return spikes.scatter_(0, when.unsqueeze(0), (x > 0).to(x.dtype).unsqueeze(0))


def _tensor(x: Tensor | np.ndarray) -> Tensor:
    return x if isinstance(x, Tensor) else torch.as_tensor(np.require(x, requirements=["C", "W"]))  # else torch warns of read-only arrays, and refuses reversed ones


def _values(x: Tensor | np.ndarray) -> Tensor:
    x = _tensor(x)
    if not x.is_floating_point():
        raise ValueError(f"values must be floating-point numbers in [0, 1], got {x.dtype}")
    if x.numel() and not bool(((x >= 0) & (x <= 1)).all()):  # NaN fails too
        raise ValueError(f"values must lie in [0, 1], got {x.min().item():.4g} to {x.max().item():.4g}")
    return x
