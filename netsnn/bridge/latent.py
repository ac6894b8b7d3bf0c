"""Grad R, STDS and Deep R at work: at every step weights follow hidden ones, or links whose weight turns its sign go.

What a step does is defined, and tested, by the NumPy functions of `netsnn.evolve.latent`.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from netsnn.bridge.engine import Engine, torch_seed
from netsnn.bridge.model import MASK
from netsnn.evolve.latent import stds_threshold
from netsnn.evolve.rules import STDS, DeepR, GradR

__all__ = ["DeepRewiring", "GradientRewiring", "SoftThreshold", "dormant"]


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

    def pull(self, i: int, weight: torch.Tensor) -> None:
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

    rule: GradR

    def begin(self) -> None:
        super().begin()
        self.alpha = self.rule.alpha
        self.sign: dict[int, torch.Tensor] = {}
        for i, hidden in self.hidden.items():  # a weight of 0 has no sign, and without one could never grow
            generator = torch.Generator().manual_seed(torch_seed(self.seed, i))
            drawn = torch.where(torch.rand(hidden.shape, generator=generator) < 0.5, -1.0, 1.0).to(hidden)
            self.sign[i] = torch.where(hidden == 0, drawn, hidden.sign())

    def pull(self, i: int, weight: torch.Tensor) -> None:
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

    rule: STDS

    def weight(self, i: int, hidden: torch.Tensor, progress: float) -> torch.Tensor:
        return nn.functional.softshrink(hidden, stds_threshold(progress, self.rule.final, self.rule.schedule))


class DeepRewiring(Engine):
    """Links whose weight would turn its sign go, exactly as many dormant ones come."""

    rule: DeepR
    tensors = ("sign",)

    def begin(self) -> None:
        self.sign: dict[int, torch.Tensor] = {}
        self.counts: dict[int, int] = {}
        for i in self.places:
            weight, mask = self.modules[i].weight.detach(), getattr(self.modules[i], MASK)
            generator = torch.Generator().manual_seed(torch_seed(self.seed, i))
            drawn = torch.where(torch.rand(weight.shape, generator=generator) < 0.5, -1.0, 1.0).to(weight)
            self.sign[i] = torch.where(weight == 0, drawn, weight.sign())
            self.counts[i] = int(mask.sum())

    @torch.no_grad()
    def after(self, step: int, progress: float) -> None:
        missing = {}
        generator = torch.Generator().manual_seed(torch_seed(self.seed, step))
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
                    places = dormant(mask, count, generator)
                    mask.view(-1)[places] = True
                    self.modules[i].weight.view(-1)[places] = 1e-12 * self.sign[i].view(-1)[places]
                    missing -= len(places)

    def state_dict(self) -> dict:
        return {"sign": self.sign, "counts": self.counts}

    def load_state_dict(self, state: dict) -> None:
        self.counts = dict(state["counts"])
        for i, sign in state["sign"].items():
            self.sign[i].copy_(sign)


# ---- inside -----------------------------------------------------------------------------------


def dormant(mask: torch.Tensor, count: int, generator: torch.Generator) -> torch.Tensor:
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
    places = dormant(mask, count, generator)
    if len(places) < count:
        stays.view(-1)[places] = True
        places = torch.cat([places, dormant(stays, count - len(places), generator)])
    stays.view(-1)[places] = True
    weight.view(-1)[places] = 1e-12 * sign.view(-1)[places]
    return count - len(places)
