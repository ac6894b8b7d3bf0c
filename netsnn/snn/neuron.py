"""The leaky integrate-and-fire neuron: all time steps in one differentiable function."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from netsnn.errors import check_flag, check_whole, check_within
from netsnn.kernels.neurons import ATAN, SIGMOID, TRIANGULAR, lif_backward, lif_forward
from netsnn.threads import n_threads, run

__all__ = ["LIF", "SURROGATES", "lif"]

SURROGATES = {"atan": 2.0, "sigmoid": 4.0, "triangular": 1.0}  # and their usual alpha
KINDS = {"atan": ATAN, "sigmoid": SIGMOID, "triangular": TRIANGULAR}
GRAIN = 1 << 19  # neurons times steps that are worth a thread


def lif(current: Tensor, *, tau: float = 2.0, threshold: float = 1.0, reset: float | None = 0.0, decay_input: bool = True,
        detach_reset: bool = False, surrogate: str = "atan", alpha: float | None = None, steps: int | None = None,
        state: Tensor | None = None, return_state: bool = False) -> Tensor | tuple[Tensor, Tensor]:
    """Spikes of leaky integrate-and-fire neurons.

    charge  h(t) = v(t-1) + (x(t) - (v(t-1) - r)) / tau      or, without `decay_input`,  h(t) = v(t-1) - (v(t-1) - r) / tau + x(t)
    fire    z(t) = 1 if h(t) >= threshold, else 0
    reset   v(t) = r if z(t), else h(t)                      or, if `reset` is None,      v(t) = h(t) - z(t) threshold   with r = 0

    The gradient takes for dz/dh the derivative of a surrogate of the step, at y = h - threshold:

    atan        alpha / 2 / (1 + (pi alpha y / 2)^2)         (Fang et al. 2021)
    sigmoid     alpha s (1 - s) with s = 1 / (1 + e^(-alpha y))
    triangular  max(0, alpha - alpha^2 |y|)                  (Esser et al. 2016; Bellec et al. 2018 with alpha 1; Deng et al. 2022 with
                                                             gamma = 1 / alpha; the "piecewise quadratic" of spikingjelly)

    Spikes and gradients are those of spikingjelly's LIFNode. CH-SNN's neuron, v(t+1) = (1 - z(t)) a v(t) + x(t+1), has `decay_input` False,
    reset 0 and tau = 1 / (1 - a). An infinite `tau` without `decay_input` is a neuron without leak.

    Parameters
    ----------
    current : (steps, batch..., neurons); with `steps`, (batch..., neurons): the same at each step, of which no copies are made
    tau : time constant of the leak in steps, at least 1
    threshold : membrane at which a neuron fires, positive
    reset : membrane after a spike, and without current; None subtracts the threshold (and rests at 0)
    decay_input : whether the current is divided by tau as well
    detach_reset : whether the gradient leaves out that a spike resets
    surrogate, alpha : a name in `SURROGATES` and its steepness, by default the usual one: 2, 4 and 1
    steps : how many steps a constant current lasts
    state : membrane before the first step, (batch..., neurons); at rest by default
    return_state : whether to return the membrane after the last step as well

    Returns
    -------
    spikes : (steps, batch..., neurons), 0 and 1 in the type of `current`; and the membrane, if asked for (float32 if `current` has half precision)

    Notes
    -----
    On a CPU compiled kernels take a few neurons at a time through all steps; elsewhere plain torch takes all neurons from step to step. Half
    precision is computed in float32. For the gradient only `current` is kept: do not change it in place. There is no second derivative.

    References
    ----------
    W. Fang et al., "Deep residual learning in spiking neural networks", NeurIPS 2021. S. K. Esser et al., "Convolutional networks for fast,
    energy-efficient neuromorphic computing", PNAS 2016. G. Bellec et al., "Long short-term memory and learning-to-learn in networks of spiking
    neurons", NeurIPS 2018. S. Deng et al., "Temporal efficient training of spiking neural network via gradient re-weighting", ICLR 2022.

    Examples
    --------
    >>> import torch
    >>> lif(torch.tensor([[1.5, 2.0], [1.5, 0.0], [1.5, 0.0]]))
    tensor([[0., 1.],
            [1., 0.],
            [0., 0.]])
    >>> lif(torch.tensor([0.4, 0.6]), steps=4, decay_input=False, reset=None)[:, 1]
    tensor([0., 0., 1., 0.])
    """
    rule = _Rule(tau, threshold, reset, decay_input, detach_reset, surrogate, alpha)
    if not isinstance(current, Tensor) or not current.is_floating_point():
        raise ValueError(f"current must be a tensor of floats, got {current.dtype if isinstance(current, Tensor) else type(current).__name__}")
    if steps is not None:
        steps, current = check_whole("steps", steps, 1), current.unsqueeze(0)
    elif current.ndim == 0:
        raise ValueError("current must be (steps, batch..., neurons), got a single number")
    if state is not None and state.shape != current.shape[1:]:
        raise ValueError(f"state must have the shape of one step, {tuple(current.shape[1:])}, got {tuple(state.shape)}")
    spikes, last = _LIF.apply(current, state, len(current) if steps is None else steps, rule)
    return (spikes, last) if return_state else spikes


class LIF(nn.Module):
    """The neurons of a layer, as a module: see `lif`, whose parameters these are.

    A call takes all time steps and begins at rest, unless it is given a state; nothing stays from call to call.

    firing : mean number of spikes per neuron and step in the last call in evaluation, or in any call if `record`; None before

    Examples
    --------
    >>> neurons = LIF(tau=2.0, threshold=0.5, decay_input=False, steps=8)  # CH-SNN's, as a first layer under a constant input
    >>> neurons
    LIF(tau=2.0, threshold=0.5, reset=0.0, decay_input=False, detach_reset=False, surrogate='atan', alpha=2.0, steps=8)
    >>> neurons.eval()(torch.full((10,), 0.3)).shape, neurons.firing
    (torch.Size([8, 10]), 0.25)
    """

    def __init__(self, tau: float = 2.0, threshold: float = 1.0, reset: float | None = 0.0, *, decay_input: bool = True,
                 detach_reset: bool = False, surrogate: str = "atan", alpha: float | None = None, steps: int | None = None, record: bool = False):
        super().__init__()
        rule = _Rule(tau, threshold, reset, decay_input, detach_reset, surrogate, alpha)
        self.tau, self.threshold, self.reset = tau, threshold, reset
        self.decay_input, self.detach_reset = decay_input, detach_reset
        self.surrogate, self.alpha = surrogate, rule.steepness
        self.steps = None if steps is None else check_whole("steps", steps, 1)
        self.record = record
        self._count: tuple[Tensor, int] | None = None

    def forward(self, current: Tensor, state: Tensor | None = None, *, return_state: bool = False) -> Tensor | tuple[Tensor, Tensor]:
        """Spikes of all steps: see `lif`; with `return_state=True` also the state after the last."""
        spikes, last = lif(current, state=state, return_state=True, **self._options())
        if self.record or not self.training:
            self._count = spikes.detach().count_nonzero(), spikes.numel()
        return (spikes, last) if return_state else spikes

    @property
    def firing(self) -> float | None:
        """Mean number of spikes per neuron and step in the last call that was counted; None before."""
        return None if self._count is None else int(self._count[0]) / max(self._count[1], 1)

    def extra_repr(self) -> str:
        """The settings, for `repr`."""
        options = {**self._options(), **({"record": True} if self.record else {})}
        return ", ".join(f"{name}={value!r}" for name, value in options.items() if name != "steps" or value is not None)

    def _options(self) -> dict:
        names = ("tau", "threshold", "reset", "decay_input", "detach_reset", "surrogate", "alpha", "steps")
        return {name: getattr(self, name) for name in names}


# ---- the differentiable function ----------------------------------------------------------------------


@dataclass(frozen=True)
class _Rule:
    tau: float
    threshold: float
    reset: float | None
    decay_input: bool
    detach_reset: bool
    surrogate: str
    alpha: float | None

    def __post_init__(self) -> None:
        if self.tau != math.inf:
            check_within("tau", self.tau, "[1, inf)")
        if self.surrogate not in tuple(SURROGATES):
            raise ValueError(f"surrogate must be one of {', '.join(SURROGATES)}, got {self.surrogate!r}")
        check_within("alpha", self.steepness, "(0, inf)")
        check_within("threshold", self.threshold, "(0, inf)")
        check_within("reset", self.rest, "(-inf, inf)")
        for name in ("decay_input", "detach_reset"):
            check_flag(name, getattr(self, name))

    @property
    def rest(self) -> float:
        return 0.0 if self.reset is None else self.reset

    @property
    def steepness(self) -> float:
        return SURROGATES[self.surrogate] if self.alpha is None else self.alpha


class _LIF(torch.autograd.Function):
    """`current` is (steps, ...), or (1, ...) if it is constant."""

    @staticmethod
    def forward(ctx: Any, current: Tensor, state: Tensor, steps: int, rule: _Rule) -> tuple[Tensor, Tensor]:
        ctx.save_for_backward(current, state)
        ctx.steps, ctx.rule = steps, rule
        ctx.set_materialize_grads(False)
        forward = _compiled_forward if _for_kernels(current) else _plain_forward
        spikes, last = forward(_rows(current), _row(state, current), steps, rule)
        return spikes.view(steps, *current.shape[1:]).to(current.dtype), last.view(current.shape[1:])

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_spikes: Tensor, grad_last: Tensor) -> tuple[Tensor | None, ...]:
        current, state = ctx.saved_tensors
        rows = _rows(current)
        grad_rows = rows.new_zeros(ctx.steps, rows.shape[1]) if grad_spikes is None else _rows(grad_spikes)
        backward = _compiled_backward if _for_kernels(current) else _plain_backward
        grad_current, grad_state = backward(rows, _row(state, current), grad_rows, _row(grad_last, current), ctx.rule)
        return (grad_current.view(current.shape).to(current.dtype), None if state is None else grad_state.view(state.shape).to(state.dtype), None, None)


def _for_kernels(current: Tensor) -> bool:
    return current.device.type == "cpu" and not torch.compiler.is_compiling()  # torch.compile sees through plain torch alone


def _rows(x: Tensor) -> Tensor:
    """(steps, neurons), contiguous, in single precision at least."""
    return x.detach().to(_working(x)).reshape(len(x), math.prod(x.shape[1:])).contiguous()


def _row(x: Tensor | None, current: Tensor) -> Tensor:
    """The same of one step; empty if there is none."""
    return current.new_empty(0, dtype=_working(current)) if x is None else x.detach().to(_working(current)).reshape(-1).contiguous()


def _working(x: Tensor) -> torch.dtype:
    return torch.float64 if x.dtype == torch.float64 else torch.float32


# ---- compiled, on a CPU -------------------------------------------------------------------------------


def _compiled_forward(current: Tensor, state: Tensor, steps: int, rule: _Rule) -> tuple[Tensor, Tensor]:
    spikes, membrane = current.new_empty(steps, current.shape[1]), current.new_empty(current.shape[1])
    x, v, *out = (tensor.numpy() for tensor in (current, state, spikes, membrane))
    how = rule.decay_input, rule.reset is None, *map(x.dtype.type, (rule.tau, rule.threshold, rule.rest))
    for _ in run(lambda part: lif_forward(x, v, *part, *how, *out), _parts(*spikes.shape)):
        pass
    return spikes, membrane


def _compiled_backward(current: Tensor, state: Tensor, grad_spikes: Tensor, grad_last: Tensor, rule: _Rule) -> tuple[Tensor, Tensor]:
    grad_current, grad_state = torch.empty_like(current), current.new_empty(current.shape[1])
    x, v, gz, gv, *out = (tensor.numpy() for tensor in (current, state, grad_spikes, grad_last, grad_current, grad_state))
    number = x.dtype.type
    how = (rule.decay_input, rule.reset is None, rule.detach_reset, number(rule.tau), number(rule.threshold), number(rule.rest),
           KINDS[rule.surrogate], number(rule.steepness))
    for _ in run(lambda part: lif_backward(x, v, gz, gv, *part, *how, *out), _parts(*gz.shape)):
        pass
    return grad_current, grad_state


def _parts(steps: int, neurons: int) -> list[tuple[int, int]]:
    """Ranges of neurons for the threads."""
    edges = np.linspace(0, neurons, min(n_threads(), 1 + steps * neurons // GRAIN) + 1).astype(int).tolist()
    return list(zip(edges, edges[1:]))


# ---- plain torch, elsewhere: the same step by step ----------------------------------------------------


def _plain_forward(current: Tensor, state: Tensor, steps: int, rule: _Rule) -> tuple[Tensor, Tensor]:
    charged, membrane = _charge(current, state, steps, rule)
    return (charged >= rule.threshold).to(charged.dtype), membrane


def _plain_backward(current: Tensor, state: Tensor, grad_spikes: Tensor, grad_last: Tensor, rule: _Rule) -> tuple[Tensor, Tensor]:
    charged, membrane = _charge(current, state, len(grad_spikes), rule)
    carry = grad_last if len(grad_last) else torch.zeros_like(membrane)
    grad_current = torch.zeros_like(current)
    for t in reversed(range(len(grad_spikes))):
        h, g = charged[t], grad_spikes[t]
        if not rule.detach_reset:
            g = g + carry * (-rule.threshold if rule.reset is None else rule.reset - h)
        g = g * _slope(h - rule.threshold, rule) + (carry if rule.reset is None else carry * (h < rule.threshold))
        leak = g / rule.tau
        carry = g - leak
        grad_current[t % len(current)] += leak if rule.decay_input else g
    return grad_current, carry


def _charge(current: Tensor, state: Tensor, steps: int, rule: _Rule) -> tuple[Tensor, Tensor]:
    """Membranes before each reset, and after the last one."""
    charged = current.new_empty(steps, current.shape[1])
    v = state if len(state) else current.new_full(current.shape[1:], rule.rest)
    for t in range(steps):
        x, over = current[t % len(current)], v - rule.rest
        h = v + (x - over) / rule.tau if rule.decay_input else v - over / rule.tau + x
        z = (h >= rule.threshold).to(h.dtype)
        v = h - z * rule.threshold if rule.reset is None else (1 - z) * h + z * rule.reset
        charged[t] = h
    return charged, v


def _slope(y: Tensor, rule: _Rule) -> Tensor:
    alpha = rule.steepness
    if rule.surrogate == "atan":
        return alpha / 2 / (1 + (y * (alpha / 2 * math.pi)).square())
    if rule.surrogate == "sigmoid":
        e = (-alpha * y.abs()).exp()
        return alpha * e / (1 + e).square()
    return (alpha - alpha * alpha * y.abs()).clamp(min=0)
