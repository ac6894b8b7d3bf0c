"""An `Evolver` carries a recipe's events into a model in training."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

import numpy as np
import torch
from torch import nn

from netsnn.bridge.engine import check_form, several
from netsnn.bridge.links import LinksOnly, Loan, Stencils, fits, on_links
from netsnn.bridge.model import CHAINS, MASK, Weighted, chains_of, matrix, plain, put, read, sparse_layers
from netsnn.bridge.rules import ENGINES
from netsnn.errors import TrainingError, check_whole, check_within
from netsnn.evolve import STDS, Event, Recipe, State, rewire
from netsnn.evolve.rates import RATES
from netsnn.evolve.recipe import check_recipe
from netsnn.evolve.rewiring import living, who_evolves
from netsnn.graph import Layer
from netsnn.hints import PathLike
from netsnn.history import History

__all__ = ["Evolver"]

Decision = TypeVar("Decision")


class Evolver:
    """Carries a recipe's events into a model: call `step()` after each `optimizer.step()`.

    From its creation on, absent weights, their gradients and all optimizer state at their places are exactly 0 after every optimizer step.
    (Not under `grad_r` and `stds`, whose absent weights go on living in hidden ones.)

    Parameters
    ----------
    model : a model that `sparsify` or `from_graph` gave masks; also in DistributedDataParallel, where rank 0 decides, or compiled
    optimizer : of its parameters
    steps_per_epoch : int
        The clock of recipes whose events come once an epoch.
    epochs : int, optional
        How long training lasts, for rates that fall with it; without it they stay as at the start.
    chains : as in `sparsify`, by default the same
    history : folder or History, optional
        The start (as step 0), every event and the end of every epoch are recorded, with the numbers in `evolver.scalars`, a dict or a function that
        gives one: it is called when a snapshot is recorded, which is after the event.
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

    def __init__(self, model: nn.Module, optimizer: torch.optim.Optimizer, recipe: Recipe, *, steps_per_epoch: int = 100, epochs: int | None = None,
                 chains: Sequence[Sequence[str]] | None = None, history: History | PathLike | None = None, weights: bool = False, seed: int = 0) -> None:
        check_recipe(recipe)
        self.steps_per_epoch = check_whole("steps_per_epoch", steps_per_epoch, 1)
        self.total = None if epochs is None else check_whole("epochs", epochs, 1) * self.steps_per_epoch
        self.modules = sparse_layers(model)
        if not self.modules:
            raise ValueError("the model has no masks yet: call sparsify(model, recipe) first")
        known = {id(p) for group in optimizer.param_groups for p in group["params"]}
        missing = next((name for name, module in self.modules.items() if id(module.weight) not in known), None)
        if missing is not None:
            raise ValueError(f"the optimizer does not hold the weight of {missing!r}")
        if self.total is None and isinstance(recipe.rule, STDS):
            raise ValueError("the threshold of stds rises over training: give epochs")
        self.model, self.optimizer, self.recipe, self.seed = model, optimizer, recipe, _decided(lambda: check_whole("seed", seed, 0))
        self.names, self.steps, self.events = list(self.modules), 0, 0
        grouped = chains or getattr(plain(model), CHAINS, None) or chains_of(plain(model), self.names)
        place = {name: i for i, name in enumerate(self.names)}
        if sorted(name for chain in grouped for name in chain) != sorted(self.names):
            raise ValueError(f"chains must hold each sparse layer once; layers: {', '.join(self.names)}")
        self.chains = tuple(tuple(place[name] for name in chain) for chain in grouped)
        self.evolving = tuple(takes and module.weight.requires_grad for takes, module in zip(who_evolves(recipe, self.chains), self.modules.values()))  # the frozen stay
        layers, values = self._read()
        self._state = State(tuple(layers), tuple(values), self.chains, living(layers, self.chains, recipe), self.evolving)
        self._engine = ENGINES[type(recipe.rule)](recipe.rule, list(self.modules.values()), self.evolving, optimizer, self.seed) if recipe.rule else None
        self._masked = self._engine is None or self._engine.masked
        self.scalars: dict[str, float] | Callable[[], dict[str, float]] = {}
        self.history = history if history is None or isinstance(history, History) else History(history)
        self.keep_weights = weights
        self._means: dict[int, torch.Tensor] = {}
        self._gradients: list[np.ndarray | None] = [None] * len(self.names)
        self._loan, self._stencils = Loan(optimizer), Stencils()
        self._ask()
        self._hooks = [optimizer.register_step_pre_hook(self._before_step), optimizer.register_step_post_hook(self._after_step)]
        if self._masked:
            self._mask_all()
        if self.history is not None and not len(self.history):
            self._record(None, 0)

    @property
    def progress(self) -> float:
        """Share of training that is done; 0 while nobody said how long it lasts."""
        return self._progress(self.steps)

    @property
    def alive(self) -> tuple[tuple[np.ndarray, ...], ...]:
        """For each chain, for each of its groups of neurons, who is alive."""
        return self._state.alive

    def step(self) -> Event | None:
        """Count an optimizer step; if an event is due, evolve. Returns the event, if there was one."""
        self.steps += 1
        event = self._evolve() if self._due(self.steps) else None
        if self.history is not None and (event is not None or self.steps % self.steps_per_epoch == 0):
            self._record(event, self.steps)
        self._ask()
        return event

    @torch.no_grad()
    def clip_gradients(self, most: float) -> float:
        """Scale all gradients down so that their norm is at most `most`, and return what it was: call it between `backward` and `optimizer.step`.

        The norm is of links, biases and all else that is trained; torch's clip_grad_norm_ counts absent weights too, and takes no sparse gradients.
        """
        check_within("most", most, "(0, inf)")
        masks = {id(module.weight): getattr(module, MASK) for module in self.modules.values()} if self._masked else {}
        gradients = {id(p): p.grad for group in self.optimizer.param_groups for p in group["params"] if p.grad is not None}
        squares = [(g._values() if g.is_sparse else g[masks[key]] if key in masks else g).double().square().sum() for key, g in gradients.items()]
        norm = float(torch.stack(squares).sum().sqrt()) if squares else 0.0
        if norm > most:
            for gradient in gradients.values():
                gradient.mul_(most / norm)
        return norm

    def state_dict(self) -> dict:
        """What a checkpoint needs beside the model's and the optimizer's own: tensors and plain values only, so that `torch.load(weights_only=True)` reads it."""
        return _tensors({"steps": self.steps, "events": self.events, "seed": self.seed, "alive": self.alive,
                "settled": self._state.settled, "means": self._means,
                "rule": None if self._engine is None else self._engine.state_dict()})

    def load_state_dict(self, state: dict) -> None:
        """Go on from a checkpoint (the history, if there is one, forgets what came after). Load the model's and the optimizer's first."""
        self._check(state)
        state = _arrays(state, keep=("means",)) if self._engine is None else _arrays(state, keep=("means", *self._engine.tensors))
        self.steps, self.events, self.seed = state["steps"], state["events"], state["seed"]
        layers, weights = self._read()
        alive = tuple(map(tuple, state["alive"]))
        self._state = State(tuple(layers), tuple(weights), self.chains, alive, self.evolving, self.events, tuple(state["settled"]))
        weight = [module.weight for module in self.modules.values()]
        self._means = {i: m.to(weight[i].device, copy=True) for i, m in state["means"].items()}
        if self._engine is not None:
            self._engine.seed = self.seed
            self._engine.load_state_dict(state["rule"])
        if self._masked:
            self._mask_all()
        self._ask()
        if self.history is not None:
            self.history.rewind(self.steps)

    def _check(self, state: dict) -> None:
        """What was kept must have the form of what is here: a ValueError now, not a failure in the middle of training."""
        check_form(state, self.state_dict() | {"settled": [], "means": {}}, "the evolver's state")
        for name in ("steps", "events", "seed"):
            check_whole(name, state[name], 0)
        if len(state["settled"]) not in (0, len(self.names)) or not all(isinstance(done, bool) for done in state["settled"]):
            raise ValueError("the evolver's state does not say which layers have settled")
        for i, mean in state["means"].items():
            check_form(mean, list(self.modules.values())[i].weight.detach(), f"the mean gradient of layer {i}")

    def close(self) -> None:
        """Take the hooks off the optimizer and the model."""
        for hook in self._hooks:
            hook.remove()
        if self._engine is not None:
            self._engine.close()

    # ---- inside -----------------------------------------------------------------------------------

    def _evolve(self) -> Event:
        before, gradients = self._state, self._gradients
        self._gradients = [None] * len(self.names)
        if self._engine is not None:
            self._engine.epoch(self.events)
            layers, weights = self._read()
            self._state = State(tuple(layers), tuple(weights), self.chains, self.alive, self.evolving)
            event = _difference(before, self._state, self.recipe.name)
        else:
            layers, weights = self._read()
            takes = tuple(e and not (self.recipe.needs_gradient and g is None) for e, g in zip(self.evolving, gradients))  # a step passed over, a layer not used
            now = State(tuple(layers), tuple(weights), self.chains, self.alive, takes, self.events, before.settled)
            self._state, event = _decided(lambda: rewire(now, self.recipe, progress=self._progress(self.steps - 1), gradients=gradients,
                                                         seed=np.random.SeedSequence([self.seed, self.events])))
            for module, layer, values in zip(self.modules.values(), self._state.layers, self._state.weights):
                put(module, layer, values)
            if self.recipe.returning == "zero":
                self._forget(event)
        if self._masked:
            self._mask_all()
        self.events += 1
        return event

    def _progress(self, steps: int) -> float:
        return 0.0 if self.total is None else min(1.0, steps / self.total)

    def _due(self, step: int) -> bool:
        every = self.steps_per_epoch if self.recipe.every == "epoch" else int(self.recipe.every)
        within = self.total is None or step < self.total or (self._engine is not None and step == self.total)
        return self.recipe.evolves and step % every == 0 and within and not self._over(step)

    def _over(self, step: int) -> bool:
        """Whether a recipe of removal and growth has come to its end: its rate is 0, or all its layers have settled."""
        if self._engine is not None or self.recipe.scope is not None:
            return False
        settled = self._state.settled or (False,) * len(self.names)
        if self.recipe.stop is not None and all(done or not evolves for done, evolves in zip(settled, self.evolving)):
            return True
        return RATES[self.recipe.rate](self._progress(step - 1), self.recipe.zeta, self.recipe.until) == 0

    @torch.no_grad()
    def _forget(self, event: Event) -> None:
        """Links that went and came at once begin anew in the optimizer too."""
        for module, grown in zip(self.modules.values(), event.grown):
            for row, col in grown.values():
                new = torch.zeros(module.weight.shape[0], module.weight[0].numel(), dtype=torch.bool)
                new[torch.from_numpy(np.asarray(col)).long(), torch.from_numpy(np.asarray(row)).long()] = True
                new = new.reshape(module.weight.shape).to(module.weight.device)
                for value in self._moments(module):
                    value.masked_fill_(new, 0)

    def _ask(self) -> None:
        """Tell the layers, for the next backward pass, whether the gradient of absent weights is wanted; of those that compute on links it costs extra."""
        wanted = self.recipe.growth == "momentum" or (self.recipe.needs_gradient and self._due(self.steps + 1))
        for module in self.modules.values():
            vars(module)["dense_gradient"] = wanted or (self._engine is not None and self._engine.dense_gradient)

    @torch.no_grad()
    def _before_step(self, _: Any, arguments: tuple, named: dict) -> None:
        closure = arguments[1] if len(arguments) > 1 else named.get("closure")  # the first is the optimizer
        if closure is not None and (not self._masked or any(map(on_links, self.modules.values()))):
            raise ValueError(f"optimizer.step(closure) would run the model in the middle of a step, which {self.recipe.name} or layers on links do not bear")
        due = self._due(self.steps + 1)
        if self._engine is not None:
            self._engine.before()
        for i, module in enumerate(self.modules.values()):
            gradient = module.weight.grad
            if gradient is None or not self._masked:
                continue
            gradient = gradient.to_dense() if gradient.is_sparse and vars(module)["dense_gradient"] else gradient
            if self.recipe.growth == "momentum":
                mean = self._means.get(i)
                self._means[i] = (1 - self.recipe.decay) * gradient if mean is None else mean.mul_(self.recipe.decay).add_(gradient, alpha=1 - self.recipe.decay)
            if due and self.recipe.needs_gradient:
                self._gradients[i] = matrix(self._means[i] if self.recipe.growth == "momentum" else gradient).cpu().float().numpy().copy()
            if not (on_links(module) and self._loan.able):
                module.weight.grad = gradient.to_dense() if gradient.is_sparse else gradient
                self._stencils.cut(module, module.weight.grad)
        if due and self.recipe.replaces_step:  # without gradients the optimizer passes over its parameters
            for group in self.optimizer.param_groups:
                for parameter in group["params"]:
                    parameter.grad = None
        elif self._masked and self._loan.able:
            for module in self.modules.values():
                if isinstance(module, LinksOnly) and module.weight.grad is not None:
                    self._loan.lend(module.weight, module.pattern)

    @torch.no_grad()
    def _after_step(self, *_: Any) -> None:
        lent = self._loan.give_back()
        if self._engine is not None:
            self._engine.after(self.steps + 1, self._progress(self.steps + 1))
            if self._masked:
                self._mask_all()
        else:
            for module in self.modules.values():
                if id(module.weight) not in lent:
                    self._mask(module, moments=not self._loan.able)

    def _mask_all(self) -> None:
        for module in self.modules.values():
            self._mask(module)

    @torch.no_grad()
    def _mask(self, module: Weighted, moments: bool = True) -> None:
        self._stencils.cut(module, module.weight)
        for value in self._moments(module) if moments else ():
            self._stencils.cut(module, value)

    def _moments(self, module: Weighted) -> list[torch.Tensor]:
        """What the optimizer keeps for each weight of a module."""
        return [value for value in self.optimizer.state.get(module.weight, {}).values() if fits(value, module.weight)]

    def _read(self) -> tuple[list[Layer], list[np.ndarray]]:
        layers, weights = zip(*(read(module) for module in self.modules.values()))
        lost = next((name for name, values in zip(self.names, weights) if not np.isfinite(values).all()), None)
        if lost is not None:
            raise TrainingError(f"weights of {lost} are not finite after {self.steps} steps: training has diverged")
        return list(layers), list(weights)

    def _record(self, event: Event | None, step: int) -> None:
        if _rank() or self.history is None:
            return
        layers, weights = self._read()
        scalars = dict(self.scalars() if callable(self.scalars) else self.scalars)
        self.history.record(dict(zip(self.names, layers)), step=step, scalars=scalars, weights=weights if self.keep_weights else None,
                            removed=event.removed if event else None, grown=event.grown if event else None)


def _difference(before: State, after: State, reason: str) -> Event:
    """The event between two states, for rules that change the wiring at any step. Who died: neurons that lost their last link from below."""
    removed = [{reason: (old - new).links} for old, new in zip(before.layers, after.layers)]
    grown = [{reason: (new - old).links} for old, new in zip(before.layers, after.layers)]
    dead = []
    for chain in after.chains:
        lost = [np.flatnonzero((before.layers[i].in_degrees > 0) & (after.layers[i].in_degrees == 0)) for i in chain]
        dead.append([np.empty(0, dtype=np.int64), *lost])
    return Event(removed, grown, dead)


def _tensors(value: Any) -> Any:
    """A copy with tensors for NumPy arrays."""
    if isinstance(value, dict):
        return {key: _tensors(part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_tensors(part) for part in value]
    return torch.from_numpy(value.copy()) if isinstance(value, np.ndarray) else value.clone() if torch.is_tensor(value) else value


def _arrays(value: Any, keep: Sequence[str] = ()) -> Any:
    """The other way round; what stands under a name in `keep` stays tensors."""
    if isinstance(value, dict):
        return {key: part if key in keep else _arrays(part, keep) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_arrays(part, keep) for part in value]
    return value.numpy().copy() if torch.is_tensor(value) else value


def _rank() -> int:
    return torch.distributed.get_rank() if several() else 0


def _decided(decide: Callable[[], Decision]) -> Decision:
    """What rank 0 decides, on every rank."""
    if not several():
        return decide()
    found: list[Any] = [decide() if _rank() == 0 else None]
    torch.distributed.broadcast_object_list(found, src=0)
    return cast(Decision, found[0])
