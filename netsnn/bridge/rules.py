"""Methods that act at every optimizer step or on whole epochs, in torch: Grad R, Deep R, STDS, SD-SNN, DPAP.

Each has `before` and `after` an optimizer step, and `epoch`. What a step does is defined, and tested, by the NumPy functions of `netsnn.evolve`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from netsnn.bridge.model import MASK, matrix
from netsnn.evolve.latent import stds_threshold
from netsnn.evolve.rules import DPAP, SDSNN, STDS, DeepR, GradR, Rule
from netsnn.evolve.spines import Spines, spines_epoch, spines_live
from netsnn.evolve.survival import bcm, scaled, survival_step

__all__ = ["ENGINES", "Engine"]


class Engine:
    """A rule at work on the modules of a model.

    masked : whether absent weights, their gradients and optimizer state are held at 0; where not, masks only show which weights are 0
    dense_gradient : whether it looks at gradients of absent weights
    tensors : names in the state that stand for tensors, not arrays
    """

    masked = True
    dense_gradient = False
    tensors: tuple[str, ...] = ()

    def __init__(self, rule: Rule, modules: Sequence[nn.Module], evolving: Sequence[bool], optimizer: torch.optim.Optimizer, seed: int) -> None:
        self.rule, self.modules, self.optimizer, self.seed = rule, list(modules), optimizer, seed
        self.places = [i for i, takes_part in enumerate(evolving) if takes_part]
        self.begin()

    def begin(self) -> None:
        """Make the state."""

    def before(self) -> None:
        """What is done when gradients are there, before the optimizer takes its step."""

    def after(self, step: int, progress: float) -> None:
        """What is done after the optimizer's step."""

    def epoch(self, number: int) -> None:
        """What is done at the end of an epoch, counted from 0."""

    def state_dict(self) -> dict:
        """What a checkpoint needs; it is copied by who asks."""
        return {}

    def load_state_dict(self, state: dict) -> None:
        """Go on from a checkpoint."""

    def close(self) -> None:
        """Take hooks off the model."""

    def lr(self, weight: nn.Parameter) -> tuple[float, dict]:
        """The learning rate of a weight, and its optimizer group."""
        group = next(group for group in self.optimizer.param_groups if any(p is weight for p in group["params"]))
        return float(group["lr"]), group


class Latent(Engine):
    """Weights that are a function of hidden ones, all of them alive: the optimizer moves the hidden ones by the gradient of the weights."""

    masked = False
    dense_gradient = True
    tensors = ("hidden", "sign")

    def begin(self) -> None:
        self.hidden = {i: self.modules[i].weight.detach().clone() for i in self.places}

    @torch.no_grad()
    def before(self) -> None:
        for i, hidden in self.hidden.items():
            self.modules[i].weight.copy_(hidden)

    @torch.no_grad()
    def after(self, step: int, progress: float) -> None:
        for i, hidden in self.hidden.items():
            weight = self.modules[i].weight
            self.pull(i, weight)
            hidden.copy_(weight)
            weight.copy_(self.weight(i, hidden, progress))
            getattr(self.modules[i], MASK).copy_(weight != 0)

    def pull(self, i: int, weight: nn.Parameter) -> None:
        """What moves hidden weights beside the optimizer; `weight` holds them after its step, `self.hidden` those before."""

    def weight(self, i: int, hidden: torch.Tensor, progress: float) -> torch.Tensor:
        raise NotImplementedError

    def state_dict(self) -> dict:
        return {"hidden": self.hidden}

    def load_state_dict(self, state: dict) -> None:
        for i, hidden in state["hidden"].items():
            self.hidden[i].copy_(hidden)


class GradientRewiring(Latent):
    """Hidden weights are sign theta: the optimizer's step on dL/dw moves theta by sign times as much, as gradient rewiring wants it."""

    def begin(self) -> None:
        super().begin()
        self.alpha, self.sign = self.rule.alpha, {}
        for i, hidden in self.hidden.items():  # a weight of 0 has no sign, and without one could never grow
            generator = torch.Generator().manual_seed(_seed(self.seed, i))
            drawn = torch.where(torch.rand(hidden.shape, generator=generator) < 0.5, -1.0, 1.0).to(hidden)
            self.sign[i] = torch.where(hidden == 0, drawn, hidden.sign())

    def pull(self, i: int, weight: nn.Parameter) -> None:
        if self.alpha <= 1e-8:
            return
        lr, group = self.lr(weight)
        if "betas" in group:  # the prior's step is scaled as Adam scales its own
            step = self.optimizer.state.get(weight, {}).get("step")
            lr /= 1 if step is None else 1 - group["betas"][0] ** float(step)
        centre = float(np.log(2 * (1 - self.rule.target))) / self.alpha
        weight.sub_(self.sign[i] * torch.sign(self.sign[i] * self.hidden[i] - centre), alpha=self.alpha * lr)

    def weight(self, i: int, hidden: torch.Tensor, progress: float) -> torch.Tensor:
        return torch.where(self.sign[i] * hidden > 0, hidden, 0.0)

    def epoch(self, number: int) -> None:
        if self.rule.steer:
            links = sum(int(getattr(self.modules[i], MASK).sum()) for i in self.places)
            share = links / sum(hidden.numel() for hidden in self.hidden.values())
            self.alpha *= float(np.exp(self.rule.steer * (share - (1 - self.rule.target))))

    def state_dict(self) -> dict:
        return {**super().state_dict(), "alpha": self.alpha, "sign": self.sign}

    def load_state_dict(self, state: dict) -> None:
        super().load_state_dict(state)
        self.alpha = state["alpha"]
        for i, sign in state["sign"].items():
            self.sign[i].copy_(sign)


class SoftThreshold(Latent):
    """w = sign(theta) relu(|theta| - D)."""

    def weight(self, i: int, hidden: torch.Tensor, progress: float) -> torch.Tensor:
        return nn.functional.softshrink(hidden, stds_threshold(progress, self.rule.final, self.rule.schedule))


class DeepRewiring(Engine):
    """Links whose weight would turn its sign go, exactly as many dormant ones come."""

    tensors = ("sign",)

    def begin(self) -> None:
        self.sign, self.counts = {}, {}
        for i in self.places:
            weight, mask = self.modules[i].weight.detach(), getattr(self.modules[i], MASK)
            generator = torch.Generator().manual_seed(_seed(self.seed, i))
            drawn = torch.where(torch.rand(weight.shape, generator=generator) < 0.5, -1.0, 1.0).to(weight)
            self.sign[i] = torch.where(weight == 0, drawn, weight.sign())
            self.counts[i] = int(mask.sum())

    @torch.no_grad()
    def after(self, step: int, progress: float) -> None:
        missing = {}
        generator = torch.Generator().manual_seed(_seed(self.seed, step))
        for i in self.places:
            weight, mask, sign = self.modules[i].weight, getattr(self.modules[i], MASK), self.sign[i]
            lr, _ = self.lr(weight)
            theta = weight * sign - lr * self.rule.l1
            if self.rule.temperature:
                theta += (2 * lr * self.rule.temperature) ** 0.5 * torch.randn(weight.shape, generator=generator).to(weight)
            stays = mask & (theta > 0)
            missing[i] = int(mask.sum()) - int(stays.sum())
            weight.copy_(torch.where(stays, theta * sign, 0.0))
            if missing[i]:
                missing[i] = _revive(weight, mask, stays, sign, missing[i], generator) if self.rule.scope == "layer" else missing[i]
                mask.copy_(stays)
        if self.rule.scope == "model":
            self._share_out(sum(missing.values()), generator)

    def _share_out(self, missing: int, generator: torch.Generator) -> None:
        share = torch.tensor([float(self.counts[i]) for i in self.places])
        while missing:
            room = torch.tensor([float(not bool(getattr(self.modules[i], MASK).all())) for i in self.places])
            drawn = torch.multinomial(share * room, missing, replacement=True, generator=generator)
            for k, i in enumerate(self.places):
                count = int((drawn == k).sum())
                if count:
                    mask = getattr(self.modules[i], MASK)
                    places = _dormant(mask, count, generator)
                    mask.view(-1)[places] = True
                    self.modules[i].weight.view(-1)[places] = 1e-12 * self.sign[i].view(-1)[places]
                    missing -= len(places)

    def state_dict(self) -> dict:
        return {"sign": self.sign, "counts": self.counts}

    def load_state_dict(self, state: dict) -> None:
        self.counts = dict(state["counts"])
        for i, sign in state["sign"].items():
            self.sign[i].copy_(sign)


class SpineBounds(Engine):
    """Once an epoch bounds move, links return and neurons go; in between, what pulls at absent links is summed up."""

    dense_gradient = True
    tensors = ("pull",)

    def begin(self) -> None:
        self.masked = not self.rule.faithful  # the published program masks at the end of an epoch only
        self.states = dict.fromkeys(self.places)
        self.pull = {i: torch.zeros_like(self.modules[i].weight.detach()) for i in self.places}

    @torch.no_grad()
    def before(self) -> None:
        for i, pull in self.pull.items():
            weight = self.modules[i].weight
            if self.states[i] is not None and weight.grad is not None and self.masked:
                pull.sub_(torch.where(getattr(self.modules[i], MASK), 0.0, weight.grad), alpha=self.lr(weight)[0])

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
            if not self.masked:
                pull = np.where(matrix(mask).cpu().numpy(), 0.0, weights)
            self.states[i], weights, _ = spines_epoch(self.states[i], weights, pull, number, self.rule, kind=_kind(module), kernel=module.weight.shape[2:].numel(),
                                                      after=self._living_after(i), mask=matrix(mask).cpu().numpy(), seed=[self.seed, number, i])
            module.weight.copy_(torch.from_numpy(np.ascontiguousarray(weights.T)).reshape(module.weight.shape))
            mask.copy_(torch.from_numpy(np.ascontiguousarray(self.states[i].mask.T)).reshape(mask.shape))
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
        for i, pull in state["pull"].items():
            self.pull[i].copy_(pull)


class Survival(Engine):
    """Neurons and links live on the traces of their spikes, which the inputs of the next layer show.

    A model that takes one time step a call, or one whose inputs have time as an axis of their own, the first; steps folded into the batch cannot be told apart.
    """

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
        self._hooks = [self.modules[i].register_forward_pre_hook(lambda module, inputs, i=i: self._watch(i, module, inputs[0])) for i in watched]
        if watched:  # a batch ends with its backward pass, so that several may make one optimizer step
            self._hooks.append(self.modules[watched[0]].weight.register_post_accumulate_grad_hook(lambda _: self._finish()))

    def _watch(self, i: int, module: nn.Module, inputs: torch.Tensor) -> None:
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
        return {name: getattr(self, name) for name in ("neurons", "synapses", "plastic", "spikes", "threshold")}

    def load_state_dict(self, state: dict) -> None:
        for name, values in state.items():
            setattr(self, name, values)

    def close(self) -> None:
        for hook in self._hooks:
            hook.remove()


ENGINES: dict[type, type[Engine]] = {GradR: GradientRewiring, DeepR: DeepRewiring, STDS: SoftThreshold, SDSNN: SpineBounds, DPAP: Survival}


# ---- inside -----------------------------------------------------------------------------------


def _kind(module: nn.Module) -> str:
    return "conv" if module.weight.shape[2:].numel() > 1 else "linear"


def _seed(*numbers: int) -> int:
    """One seed for torch out of several numbers; drawn on the CPU, numbers are the same on every device and in every process."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)


def _dormant(mask: torch.Tensor, count: int, generator: torch.Generator) -> torch.Tensor:
    """Up to `count` different flat places where there is no link, each as likely."""
    flat = mask.view(-1)
    free = flat.numel() - int(flat.sum())
    if free < 2 * count or free < flat.numel() // 4:
        places = torch.nonzero(~flat).view(-1)
        return places[torch.randperm(len(places), generator=generator).to(places.device)[:count]]
    found = torch.empty(0, dtype=torch.int64)
    while len(found) < count:  # of draws with repetition, the first ones that are different are a fair sample
        drawn = torch.cat([found, torch.randint(flat.numel(), (2 * (count - len(found)) + 8,), generator=generator)])
        drawn = drawn[~flat[drawn.to(flat.device)].cpu()]
        _, first = np.unique(drawn.numpy(), return_index=True)
        found = drawn[torch.from_numpy(np.sort(first))][:count]
    return found.to(mask.device)


def _revive(weight: torch.Tensor, mask: torch.Tensor, stays: torch.Tensor, sign: torch.Tensor, count: int, generator: torch.Generator) -> int:
    """Make dormant links active, in `stays` and the weight; those that have just gone only where no others are left."""
    places = _dormant(mask, count, generator)
    if len(places) < count:
        stays.view(-1)[places] = True
        places = torch.cat([places, _dormant(stays, count - len(places), generator)])
    stays.view(-1)[places] = True
    weight.view(-1)[places] = 1e-12 * sign.view(-1)[places]
    return count - len(places)


def _silence(modules: Sequence[nn.Module]) -> None:
    """A neuron without links has no bias either."""
    for module in modules:
        if module.bias is not None:
            module.bias.mul_(matrix(getattr(module, MASK)).any(dim=0))


def _over_ranks(value: np.ndarray) -> np.ndarray:
    """The sum over all processes that train together."""
    if not (torch.distributed.is_available() and torch.distributed.is_initialized()):
        return value
    total = torch.from_numpy(value.copy())
    torch.distributed.all_reduce(total)
    return total.numpy()
