"""An `Evolver` carries a recipe's events into a model in training."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from netsnn.bridge.model import MASK, chains_of, put, sparse_layers
from netsnn.evolve import Event, Recipe, State, rewire
from netsnn.evolve.rewiring import living
from netsnn.graph import Layer
from netsnn.history import History

__all__ = ["Evolver"]


class Evolver:
    """Carries a recipe's events into a model: call `step()` after each `optimizer.step()`.

    From its creation on, absent weights, their gradients and all optimizer state at their places are exactly 0 after every optimizer step.

    Parameters
    ----------
    model : a model that `sparsify` or `from_graph` gave masks
    optimizer : of its parameters
    steps_per_epoch, epochs : int
        The clock: when an event is due, and how much of training is done.
    history : folder or History, optional
        Every event is recorded (and the start, as step 0), with the numbers in `evolver.scalars`.
    weights : whether the history keeps the weights

    Examples
    --------
    >>> from netsnn.bridge import sparsify, to_graph
    >>> from netsnn.evolve import set_
    >>> model = sparsify(nn.Sequential(nn.Linear(20, 30), nn.ReLU(), nn.Linear(30, 5)), set_(0.9), seed=0)
    >>> optimizer = torch.optim.Adam(model.parameters())
    >>> evolver = Evolver(model, optimizer, set_(0.9), steps_per_epoch=2, epochs=5)
    >>> for _ in range(4):
    ...     optimizer.zero_grad()
    ...     model(torch.ones(3, 20)).sum().backward()
    ...     optimizer.step()
    ...     event = evolver.step()
    >>> evolver.events, to_graph(model)["0"].n_links
    (2, 60)
    """

    def __init__(self, model: nn.Module, optimizer: torch.optim.Optimizer, recipe: Recipe, *, steps_per_epoch: int, epochs: int,
                 chains: Sequence[Sequence[str]] | None = None, history: History | str | None = None, weights: bool = False, seed: int = 0) -> None:
        for what, value in (("steps_per_epoch", steps_per_epoch), ("epochs", epochs)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ValueError(f"{what} must be a whole number of at least 1, got {value!r}")
        self.modules = sparse_layers(model)
        if not self.modules:
            raise ValueError("the model has no masks yet: call sparsify(model, recipe) first")
        known = {id(p) for group in optimizer.param_groups for p in group["params"]}
        missing = next((name for name, module in self.modules.items() if id(module.weight) not in known), None)
        if missing is not None:
            raise ValueError(f"the optimizer does not hold the weight of {missing!r}")
        self.model, self.optimizer, self.recipe, self.seed = model, optimizer, recipe, int(seed)
        self.names, self.steps, self.events = list(self.modules), 0, 0
        self.steps_per_epoch, self.total = steps_per_epoch, steps_per_epoch * epochs
        grouped = chains_of(model, self.names) if chains is None else chains
        place = {name: i for i, name in enumerate(self.names)}
        self.chains = tuple(tuple(place[name] for name in chain) for chain in grouped)
        last = self.chains[-1][-1] if recipe.last == "dense" and len(self.names) > 1 else None
        self.evolving = tuple(i != last for i in range(len(self.names)))
        layers, _ = self._read()
        self.alive = living(layers, self.chains, recipe)
        self.scalars: dict[str, float] = {}
        self.history = History(history) if isinstance(history, str) or hasattr(history, "__fspath__") else history
        self.keep_weights = weights
        self._means: dict[int, torch.Tensor] = {}
        self._gradients: list[np.ndarray | None] = [None] * len(self.names)
        self._hooks = [optimizer.register_step_pre_hook(self._before_step), optimizer.register_step_post_hook(self._after_step)]
        self._mask_all()
        if self.history is not None and not len(self.history):
            self._record(None, 0)

    @property
    def progress(self) -> float:
        """Share of training that is done."""
        return min(1.0, self.steps / self.total)

    def step(self) -> Event | None:
        """Count an optimizer step; if an event is due, evolve. Returns the event, if there was one."""
        self.steps += 1
        if not self._due(self.steps):
            return None
        layers, weights = self._read()
        state = State(tuple(layers), tuple(weights), self.chains, self.alive, self.evolving)
        after, event = rewire(state, self.recipe, progress=min(1.0, (self.steps - 1) / self.total), gradients=self._gradients,
                              seed=np.random.SeedSequence([self.seed, self.events]))
        self.alive = after.alive
        for module, layer, values in zip(self.modules.values(), after.layers, after.weights):
            put(module, layer, values)
        self._mask_all()
        self.events += 1
        if self.history is not None:
            self._record(event, self.steps)
        return event

    def state_dict(self) -> dict:
        """What a checkpoint needs beside the model's and the optimizer's own."""
        return {"steps": self.steps, "events": self.events, "seed": self.seed, "alive": [[g.copy() for g in groups] for groups in self.alive],
                "means": {i: m.clone() for i, m in self._means.items()}}

    def load_state_dict(self, state: dict) -> None:
        """Go on from a checkpoint (the history, if there is one, forgets what came after)."""
        self.steps, self.events, self.seed = state["steps"], state["events"], state["seed"]
        self.alive = tuple(tuple(np.asarray(g) for g in groups) for groups in state["alive"])
        self._means = {i: m.clone() for i, m in state["means"].items()}
        self._mask_all()
        if self.history is not None:
            self.history.rewind(self.steps)

    def close(self) -> None:
        """Take the hooks off the optimizer."""
        for hook in self._hooks:
            hook.remove()

    # ---- inside -----------------------------------------------------------------------------------

    def _due(self, step: int) -> bool:
        every = self.steps_per_epoch if self.recipe.every == "epoch" else self.recipe.every
        return self.recipe.evolves and step % every == 0 and step < self.total

    @torch.no_grad()
    def _before_step(self, *_) -> None:
        due = self._due(self.steps + 1)
        for i, module in enumerate(self.modules.values()):
            gradient = module.weight.grad
            if gradient is None:
                continue
            if self.recipe.growth == "momentum":
                mean = self._means.get(i)
                self._means[i] = 0.1 * gradient if mean is None else mean.mul_(0.9).add_(gradient, alpha=0.1)
            if due and self.recipe.needs_gradient:
                source = self._means[i] if self.recipe.growth == "momentum" else gradient
                self._gradients[i] = source.detach().cpu().numpy().T.copy()
            gradient.mul_(getattr(module, MASK))
        if due and self.recipe.replaces_step:  # without gradients the optimizer passes over its parameters
            for group in self.optimizer.param_groups:
                for parameter in group["params"]:
                    parameter.grad = None

    @torch.no_grad()
    def _after_step(self, *_) -> None:
        self._mask_all()

    @torch.no_grad()
    def _mask_all(self) -> None:
        for module in self.modules.values():
            mask = getattr(module, MASK)
            module.weight.mul_(mask)
            for value in self.optimizer.state.get(module.weight, {}).values():
                if torch.is_tensor(value) and value.shape == module.weight.shape:
                    value.mul_(mask)

    def _read(self) -> tuple[list[Layer], list[np.ndarray]]:
        layers = [Layer.from_dense(getattr(module, MASK).cpu().numpy().T) for module in self.modules.values()]
        return layers, [module.weight.detach().cpu().numpy().T[layer.links] for module, layer in zip(self.modules.values(), layers)]

    def _record(self, event: Event | None, step: int) -> None:
        layers, weights = self._read()
        self.history.record(dict(zip(self.names, layers)), step=step, scalars=dict(self.scalars), weights=weights if self.keep_weights else None,
                            removed=event.removed if event else None, grown=event.grown if event else None)
