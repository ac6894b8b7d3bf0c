"""What a recipe is: the named parts of a training method that evolves its wiring."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, get_args

from netsnn.errors import check_flag, check_whole, check_within
from netsnn.evolve.growth import GROWTHS
from netsnn.evolve.initial import INITIAL
from netsnn.evolve.rates import RATES
from netsnn.evolve.rules import PQ, Rule
from netsnn.evolve.scores import SCORES
from netsnn.linkpred import METHODS

__all__ = ["ALLOCATIONS", "WIRINGS", "Recipe", "check_recipe"]

WIRINGS = ("uniform", "erdos_renyi", "small_world", "scale_free", "receptive_field", "sscti", "csti", "dense")
ALLOCATIONS = {"equal": "every layer has the same density", "erk": "density in proportion to (n_in + n_out) / (n_in n_out), at most 1 (RigL's ERK)"}


@dataclass(frozen=True)
class Recipe:
    """A method as data: change any part with `replace`.

    wiring : how later layers are first linked;  first_wiring : the layer that sees the inputs ("sscti" and "csti" need samples of them)
    sparsity : of each layer that evolves;  allocation : how the density is shared out among layers
    convolutions : whether convolutions are sparse too (their kernels unrolled: n_in = channels x kernel)
    weights : first weights, a name in `initial.INITIAL`; "own": those that the model has
    rule : constants of a method without removal and growth at events, see `rules`; None: the parts below
    removal : score whose lowest links go, a name in `scores.SCORES`, or "signed" (SET: of both signs apart); None: nothing goes
    keep : "top" keeps the best, "sample" draws the kept links in proportion to score ^ exponent
    exponent : (at the start, at the end) of training, linear between
    growth : rule of new links, see `growth.grow`; None: nothing grows;  draw : "top" or "sample"
    rate, zeta, until : share of links that go at an event, and its decay, see `rates`
    scope : None, or PQ's "layer" or "neuron": the PQ index sets how many go, instead of the rate
    pq : the index's constants;  decay : of the running mean of gradients that growth by "momentum" looks at
    regrow : how many links grow for each that went (PQ's kappa);  shrink_every : at every so many events nothing grows back (0: never)
    stop : evolution ends when in every layer, once, more than this share of the links grown had just been removed (CHT); None: it goes on
    chain : dead neurons lose their links, for good, and what this takes grows elsewhere
    exclude_removed : links just removed cannot come back at once
    returning : "keep" or "zero": weight of a link that went and came back at once;  fresh : "zero" or "normal_tenth": of other new links
    last : "dense" leaves the last layer of the network (of those given) dense and unevolved, "evolve" treats it as the others
    every : "epoch", or a number of optimizer steps;  replaces_step : the event takes an optimizer step's place

    Examples
    --------
    >>> recipe = Recipe("mine", sparsity=0.95, removal="lrs", growth="ch3_l3", draw="sample")
    >>> recipe.replace(zeta=0.2).zeta, recipe.evolves
    (0.2, True)
    """

    name: str
    sparsity: float = 0.99
    allocation: str = "equal"
    wiring: str = "uniform"
    first_wiring: str | None = None
    convolutions: bool = False
    weights: str = "kaiming"
    rule: Rule | None = None
    removal: str | None = "magnitude"
    keep: str = "top"
    exponent: tuple[float, float] = (1.0, 1.0)
    growth: str | None = "uniform"
    draw: str = "top"
    rate: str = "constant"
    zeta: float = 0.3
    until: float = 1.0
    scope: str | None = None
    pq: PQ = PQ()
    decay: float = 0.9
    regrow: float = 1.0
    shrink_every: int = 0
    stop: float | None = None
    chain: bool = False
    exclude_removed: bool = False
    returning: str = "zero"
    fresh: str = "zero"
    last: str = "dense"
    every: str | int = "epoch"
    replaces_step: bool = False

    def __post_init__(self) -> None:
        choices = {"allocation": ALLOCATIONS, "wiring": WIRINGS, "first_wiring": (None, *WIRINGS), "weights": (*INITIAL, "own"), "removal": (None, *SCORES, "signed"),
                   "keep": ("top", "sample"), "draw": ("top", "sample"), "rate": RATES, "scope": (None, "layer", "neuron"),
                   "growth": (None, *GROWTHS, *(name for name, method in METHODS.items() if method.bipartite)), "returning": ("keep", "zero"),
                   "fresh": ("zero", "normal_tenth"), "last": ("dense", "evolve")}
        for name, allowed in choices.items():
            if getattr(self, name) not in tuple(allowed):
                raise ValueError(f"{name} must be one of {', '.join(str(x) for x in allowed)}, got {getattr(self, name)!r}")
        for name in ("convolutions", "chain", "exclude_removed", "replaces_step"):
            check_flag(name, getattr(self, name))
        if not isinstance(self.exponent, (tuple, list)) or len(self.exponent) != 2:
            raise ValueError(f"exponent must be two numbers, at the start and at the end, got {self.exponent!r}")
        for value in self.exponent:
            check_within("exponent", value, "[0, inf)")
        object.__setattr__(self, "exponent", tuple(map(float, self.exponent)))
        check_within("sparsity", self.sparsity, "[0, 1)")
        for name in ("zeta", "until", "regrow", "decay", *(("stop",) if self.stop is not None else ())):
            check_within(name, getattr(self, name), "[0, 1]")
        check_whole("shrink_every", self.shrink_every, 0)
        if not isinstance(self.pq, PQ):
            raise ValueError(f"pq must be a netsnn.evolve.rules.PQ, got {self.pq!r}")
        if self.scope == "neuron" and self.growth not in (None, *GROWTHS):
            raise ValueError(f'scope "neuron" regrows in each neuron what it lost, which growth by {self.growth} cannot; take one of {", ".join(GROWTHS)}')
        if self.wiring in ("sscti", "csti"):
            raise ValueError(f'wiring "{self.wiring}" is for the layer that sees the inputs: set first_wiring')
        if self.rule is not None and not isinstance(self.rule, Rule):
            raise ValueError(f"rule must be one of netsnn.evolve.rules ({', '.join(kind.__name__ for kind in get_args(Rule))}), got {self.rule!r}")
        if self.rule is not None and (self.removal is not None or self.growth is not None):
            raise ValueError(f"a recipe with a rule ({type(self.rule).__name__}) has no removal and no growth of its own: set both to None")
        if self.every != "epoch" and (isinstance(self.every, bool) or not isinstance(self.every, int) or self.every < 1):
            raise ValueError(f'every must be "epoch" or a number of steps, got {self.every!r}')

    @property
    def needs_gradient(self) -> bool:
        """Whether growth looks at gradients of absent weights (or their running mean)."""
        return self.growth in ("gradient", "momentum")

    @property
    def evolves(self) -> bool:
        """Whether the wiring changes in training."""
        return self.removal is not None or self.growth is not None or self.rule is not None

    def replace(self, **changes: Any) -> Recipe:
        """The recipe with some parts exchanged.

        Examples
        --------
        >>> Recipe("mine").replace(growth="ch2_l3", draw="sample").growth
        'ch2_l3'
        """
        known = [field.name for field in dataclasses.fields(self)]
        unknown = next((name for name in changes if name not in known), None)
        if unknown is not None:
            raise ValueError(f"a recipe has no part {unknown!r}; parts: {', '.join(known)}")
        return dataclasses.replace(self, **changes)


def check_recipe(recipe: Any) -> None:
    """A ValueError unless this is a Recipe: its name, or the function that makes it, is a likely slip."""
    if not isinstance(recipe, Recipe):
        raise ValueError(f"recipe must be a Recipe, as netsnn.evolve.ch_snn(sparsity=0.99), got {recipe!r}")
