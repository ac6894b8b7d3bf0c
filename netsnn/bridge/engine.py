"""What a rule at work has in common: methods that act at every optimizer step or on whole epochs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from netsnn.bridge.model import Weighted
from netsnn.evolve.rules import Rule

__all__ = ["Engine", "check_form", "several", "torch_seed"]


class Engine:
    """A rule at work on the modules of a model.

    masked : whether absent weights, their gradients and optimizer state are held at 0; where not, masks only show which weights are 0
    dense_gradient : whether it looks at gradients of absent weights
    tensors : names in the state that stand for tensors, not arrays
    """

    masked = True
    dense_gradient = False
    tensors: tuple[str, ...] = ()

    def __init__(self, rule: Rule, modules: Sequence[Weighted], evolving: Sequence[bool], optimizer: torch.optim.Optimizer, seed: int) -> None:
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

    def lr(self, weight: torch.Tensor) -> tuple[float, dict]:
        """The learning rate of a weight, and its optimizer group."""
        group = next(group for group in self.optimizer.param_groups if any(p is weight for p in group["params"]))
        return float(group["lr"]), group


def check_form(kept: Any, mine: Any, where: str) -> None:
    """A ValueError unless a part of a checkpoint has the types, names and shapes of this one; where this one is None or empty, they are not known."""
    if isinstance(mine, dict):
        fits = isinstance(kept, dict) and (kept.keys() == mine.keys() or not mine)
    elif isinstance(mine, (list, tuple)):
        fits = isinstance(kept, (list, tuple)) and (len(kept) == len(mine) or not mine)
    elif torch.is_tensor(mine):
        fits = torch.is_tensor(kept) and (kept.shape, kept.dtype, kept.layout, kept.is_meta) == (mine.shape, mine.dtype, mine.layout, False)
    else:
        fits = mine is None or type(kept) is type(mine)
    if not fits:
        raise ValueError(f"{where} is not what it should be")
    for key in mine if isinstance(mine, dict) else range(len(mine)) if isinstance(mine, (list, tuple)) else ():
        check_form(kept[key], mine[key], f"{where}.{key}")


def torch_seed(*numbers: int) -> int:
    """One seed for torch out of several numbers; drawn on the CPU, numbers are the same on every device and in every process."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)


def several() -> bool:
    """Whether processes train together."""
    return torch.distributed.is_available() and torch.distributed.is_initialized()
