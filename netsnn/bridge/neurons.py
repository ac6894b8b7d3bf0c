"""SD-SNN and DPAP at work: once an epoch neurons go, by their spines or by the traces of their spikes.

What an epoch does is defined, and tested, by the NumPy functions of `netsnn.evolve.spines` and `netsnn.evolve.survival`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from netsnn.bridge.engine import Engine, several
from netsnn.bridge.model import MASK, Weighted, matrix
from netsnn.evolve.rules import DPAP, SDSNN
from netsnn.evolve.spines import Spines, spines_epoch, spines_live
from netsnn.evolve.survival import bcm, scaled, survival_step

__all__ = ["SpineBounds", "Survival"]


class SpineBounds(Engine):
    """Once an epoch bounds move, links return and neurons go; in between, what pulls at links, absent or not, is summed up: absent ones return if theirs is among the largest of all."""

    rule: SDSNN
    dense_gradient = True
    tensors = ("pull",)

    def begin(self) -> None:
        self.masked = not self.rule.faithful  # the published program masks at the end of an epoch only
        self.states: dict[int, Spines | None] = dict.fromkeys(self.places)
        self.pull = {i: torch.zeros_like(self.modules[i].weight.detach()) for i in self.places}

    @torch.no_grad()
    def before(self) -> None:
        for i, pull in self.pull.items():
            weight = self.modules[i].weight
            if self.states[i] is not None and weight.grad is not None and self.masked:
                pull.sub_(weight.grad, alpha=self.lr(weight)[0])

    @torch.no_grad()
    def after(self, step: int, progress: float) -> None:
        if self.masked:
            _silence([self.modules[i] for i in self.places])

    @torch.no_grad()
    def epoch(self, number: int) -> None:
        for i in self.places:
            module = self.modules[i]
            mask = getattr(module, MASK)
            weights, pull = (matrix(value).double().cpu().numpy() for value in (module.weight, self.pull[i]))
            state, weights, _ = spines_epoch(self.states[i], weights, pull if self.masked else weights, number, self.rule, kind=_kind(module), kernel=module.weight.shape[2:].numel(),
                                                      after=self._living_after(i), mask=matrix(mask).cpu().numpy(), seed=[self.seed, number, i])
            module.weight.copy_(torch.from_numpy(np.ascontiguousarray(weights.T)).reshape(module.weight.shape))
            mask.copy_(torch.from_numpy(np.ascontiguousarray(state.mask.T)).reshape(mask.shape))
            self.states[i] = state
            self.pull[i].zero_()

    def _living_after(self, i: int) -> int:
        if i + 1 == len(self.modules):
            return self.modules[i].weight.shape[0]
        mask = matrix(getattr(self.modules[i + 1], MASK)).cpu().numpy()
        return spines_live(mask, _kind(self.modules[i + 1]), self.rule)

    def state_dict(self) -> dict:
        return {"states": {i: None if s is None else dict(vars(s)) for i, s in self.states.items()}, "pull": self.pull}

    def load_state_dict(self, state: dict) -> None:
        self.states = {i: None if s is None else Spines(**s) for i, s in state["states"].items()}
        for i, found in self.states.items():
            shape = matrix(self.modules[i].weight).shape
            arrays = {} if found is None else {name: np.shape(value) for name, value in vars(found).items()}
            if any(form != {"rate": (), "pruned": shape[1:]}.get(name, shape) for name, form in arrays.items()):
                raise ValueError(f"the bounds of layer {i} have another shape than its weights")
        for i, pull in state["pull"].items():
            self.pull[i].copy_(pull)


class Survival(Engine):
    """Neurons and links live on the traces of their spikes, which the inputs of the next layer show.

    A model that takes one time step a call, or one whose inputs have time as an axis of their own, the first; steps folded into the batch cannot be told apart.
    """

    rule: DPAP
    kept = ("neurons", "synapses", "plastic", "spikes", "threshold")

    def begin(self) -> None:
        for i in self.places:
            here, after = self.modules[i].weight, self.modules[i + 1].weight if i + 1 < len(self.modules) else None
            if after is None or after.shape[1] % here.shape[0]:
                raise ValueError(f"dpap scores neurons by their spikes, which the next layer sees: none follows layer {i} on its {here.shape[0]} neurons")
        wide = {i: self.modules[i].weight.shape[0] for i in self.places}
        self.neurons = {i: np.full(n, self.rule.start) for i, n in wide.items()}
        self.synapses = {i: np.full(matrix(self.modules[i].weight).shape, self.rule.start) for i in self.places
                         if self.rule.synapses and _kind(self.modules[i]) == "linear"}
        self.plastic = {i: np.zeros((self.modules[i].weight.shape[1], n)) for i, n in wide.items()}
        self.spikes = {i: np.zeros(n) for i, n in wide.items()}
        self.threshold = {i: np.zeros(n) for i, n in wide.items()}
        self._seen: dict[int, tuple[torch.Tensor, int]] = {}
        self._given: dict[int, int] = {}
        watched = sorted({*self.places, *(i + 1 for i in self.places)})
        self._hooks = [self.modules[i].register_forward_pre_hook(lambda _, inputs, i=i: self._watch(i, self.modules[i], inputs[0])) for i in watched]
        if watched:  # a batch ends with its backward pass, so that several may make one optimizer step
            self._hooks.append(self.modules[watched[0]].weight.register_post_accumulate_grad_hook(lambda _: self._finish()))

    def _watch(self, i: int, module: Weighted, inputs: torch.Tensor) -> None:
        if not (module.training and torch.is_grad_enabled()):
            return
        self._given[i] = inputs.data_ptr()
        if i - 1 in self.places and self._given.get(i - 1) == inputs.data_ptr():
            raise ValueError(f"dpap scores neurons by their spikes, which the next layer sees; but layers {i - 1} and {i} see the same inputs: exclude one")
        steps = inputs.detach()
        single = steps.ndim == (2 if module.weight.ndim == 2 else module.weight.ndim)  # one time step a call, else time comes first
        for step in steps[None] if single else steps:
            channels = step.float() if module.weight.ndim == 2 else step.float().reshape(*step.shape[:2], -1).sum(-1)
            now, count = self._seen.get(i, (0.0, 0))
            self._seen[i] = self.rule.decay * now + channels, count + 1

    def before(self) -> None:
        self._finish()  # of what no backward pass has ended

    @torch.no_grad()
    def _finish(self) -> None:
        traces = {i: (now / count).double().cpu().numpy() for i, (now, count) in self._seen.items()}
        self._seen.clear()
        self._given.clear()
        for i in self.places:
            if i not in traces or i + 1 not in traces:
                continue
            n = self.modules[i].weight.shape[0]
            before, after = traces[i], traces[i + 1].reshape(len(traces[i + 1]), n, -1).sum(-1)
            before = before.reshape(len(before), self.modules[i].weight.shape[1], -1).sum(-1)
            self.plastic[i] += bcm(before, after, self.threshold[i])
            self.spikes[i] += after.sum(axis=0)
            self.threshold[i] += self.rule.pace * (after.mean(axis=0) - self.threshold[i])

    @torch.no_grad()
    def after(self, step: int, progress: float) -> None:
        _silence([self.modules[i] for i in self.places])

    @torch.no_grad()
    def epoch(self, number: int) -> None:
        for i in self.places:
            module = self.modules[i]
            mask, kind = getattr(module, MASK), _kind(module)
            plastic, spikes = _over_ranks(self.plastic[i]), _over_ranks(self.spikes[i])
            self.neurons[i], dead = survival_step(self.neurons[i], scaled(plastic.sum(axis=0)) * scaled(spikes), epoch=number, kind=kind, rule=self.rule)
            mask[torch.from_numpy(dead).to(mask.device)] = False
            if i in self.synapses:
                flat, gone = survival_step(self.synapses[i].reshape(-1), scaled(plastic).reshape(-1), epoch=number, kind=kind, rule=self.rule)
                self.synapses[i] = flat.reshape(plastic.shape)
                mask &= ~torch.from_numpy(np.ascontiguousarray(gone.reshape(plastic.shape).T)).reshape(mask.shape).to(mask.device)

    def state_dict(self) -> dict:
        return {name: getattr(self, name) for name in self.kept}

    def load_state_dict(self, state: dict) -> None:
        for name in self.kept:
            setattr(self, name, state[name])

    def close(self) -> None:
        for hook in self._hooks:
            hook.remove()


# ---- inside -----------------------------------------------------------------------------------


def _kind(module: Weighted) -> str:
    return "conv" if module.weight.shape[2:].numel() > 1 else "linear"


def _silence(modules: Sequence[Weighted]) -> None:
    """A neuron without links has no bias either."""
    for module in modules:
        if module.bias is not None:
            module.bias.mul_(matrix(getattr(module, MASK)).any(dim=0))


def _over_ranks(value: np.ndarray) -> np.ndarray:
    """The sum over all processes that train together."""
    if not several():
        return value
    total = torch.from_numpy(value.copy())
    torch.distributed.all_reduce(total)
    return total.numpy()
