"""The start of a sparse network, and one event of its evolution: pure functions from state to state."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from netsnn import wiring
from netsnn.errors import ShortfallWarning, check_within
from netsnn.evolve.growth import grow
from netsnn.evolve.initial import INITIAL
from netsnn.evolve.rates import RATES, pq_counts
from netsnn.evolve.recipe import Recipe, check_recipe
from netsnn.evolve.scores import SCORES, choose
from netsnn.graph import Layer
from netsnn.hints import Seed, generator
from netsnn.network import Network
from netsnn.wiring.counts import density_of

__all__ = ["Event", "State", "densities", "living", "rewire", "start", "who_evolves"]

Reasons = dict[str, tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True, eq=False)
class State:
    """Layers with their weights, one a link, and who is alive.

    chains : numbers of the layers that follow each other on shared neurons; a convolution or attention in between starts a new chain
    alive : for each chain, for each of its groups of neurons, which are alive; only chain removal changes it, and none comes back
    evolving : whether each layer takes part in removal and growth
    events : how many events there were
    settled : layers whose growth once brought back little but what had just gone (see `Recipe.stop`)
    """

    layers: tuple[Layer, ...]
    weights: tuple[np.ndarray, ...]
    chains: tuple[tuple[int, ...], ...]
    alive: tuple[tuple[np.ndarray, ...], ...]
    evolving: tuple[bool, ...]
    events: int = 0
    settled: tuple[bool, ...] = ()

    @property
    def n_links(self) -> int:
        """Links of all layers."""
        return sum(layer.n_links for layer in self.layers)


@dataclass(frozen=True, eq=False)
class Event:
    """What one event changed: for each layer the links that went and came by reason, for each chain's groups the ids of who died."""

    removed: list[Reasons]
    grown: list[Reasons]
    dead: list[list[np.ndarray]]


def start(recipe: Recipe, shapes: Sequence[tuple[int, ...]], *, chains: Sequence[Sequence[int]] | None = None, samples: ArrayLike | None = None,
          theta: float = 0.5, silence: float | None = None, own: Sequence[np.ndarray] | None = None, seed: Seed = 0) -> State:
    """Wire the layers and draw their weights.

    Parameters
    ----------
    recipe : Recipe
    shapes : (n_in, n_out) of each layer; of a convolution (channels in, channels out, height, width), whose graph has channels x height x width inputs
    chains : lists of layer numbers that share neurons; by default one chain of all layers
    samples : spikes or values of the network's inputs, for "sscti" and "csti" (see `netsnn.wiring`)
    theta, silence : firing threshold, and share of zeros in the input spikes, for SSWI
    own : (n_in, n_out) arrays of the weights there are, for weights="own"

    Examples
    --------
    >>> state = start(Recipe("mine", sparsity=0.9), [(20, 30), (30, 10)], seed=0)
    >>> [layer.n_links for layer in state.layers], state.evolving
    ([60, 300], (True, False))
    """
    check_recipe(recipe)
    chains = tuple(tuple(chain) for chain in ([range(len(shapes))] if chains is None else chains))
    if sorted(i for chain in chains for i in chain) != list(range(len(shapes))):
        raise ValueError(f"chains must hold each of {len(shapes)} layers once, got {chains}")
    if recipe.weights == "own" and own is None:
        raise ValueError(f"{recipe.name} starts from the weights there are: give own")
    evolving = who_evolves(recipe, chains)
    rng = generator(seed)
    share = densities(recipe, [shape for i, shape in enumerate(shapes) if evolving[i]])
    share = [share.pop(0) if evolving[i] else 1.0 for i in range(len(shapes))]
    layers, weights = [], []
    for i, (dimensions, density) in enumerate(zip(shapes, share)):
        shape = dimensions[0] * math.prod(dimensions[2:]), dimensions[1]
        name = recipe.first_wiring if i == 0 and recipe.first_wiring else recipe.wiring
        if density == 1.0 or name == "dense":
            layer = Layer.from_dense(np.ones(shape, dtype=bool))
        elif name in ("sscti", "csti") and len(dimensions) == 2:
            if samples is None:
                raise ValueError(f"{recipe.name} wires its first layer by {name}, which needs samples of the inputs")
            layer = getattr(wiring, name)(samples, shape[1], density=density, seed=rng)
            if layer.shape != tuple(shape):
                raise ValueError(f"the samples have {layer.n_in} inputs, the first layer {shape[0]}")
        else:
            layer = getattr(wiring, "uniform" if name in ("sscti", "csti") else name)(*shape, density=density, seed=rng)
        if not layer.n_links and layer.n_in * layer.n_out:
            warnings.warn(f"layer {i} ({shape[0]} x {shape[1]}) has no link at a density of {density:.3g}", ShortfallWarning, stacklevel=3)
        position = "last" if i == len(shapes) - 1 and len(shapes) > 1 else "first" if i == 0 and silence is not None else "middle"
        layers.append(layer)
        weights.append(np.asarray(own[i])[layer.links] if recipe.weights == "own" and own is not None
                       else INITIAL[recipe.weights](layer, rng, position=position, theta=theta, silence=silence))
    alive = living(layers, chains, recipe)
    return State(tuple(layers), tuple(weights), chains, alive, evolving)


def who_evolves(recipe: Recipe, chains: Sequence[Sequence[int]]) -> tuple[bool, ...]:
    """Whether each layer takes part: all, but for the last one where the recipe leaves that dense (and there are others)."""
    n = sum(len(chain) for chain in chains)
    return tuple(n == 1 or recipe.last != "dense" or i != n - 1 for i in range(n))


def living(layers: Sequence[Layer], chains: Sequence[Sequence[int]], recipe: Recipe) -> tuple[tuple[np.ndarray, ...], ...]:
    """Who is alive in each group of each chain at the start: all, or under chain removal those on a path through their chain."""
    networks = [Network([layers[i] for i in chain]) for chain in chains]
    return tuple(network.active if recipe.chain else tuple(np.ones(n, dtype=bool) for n in network.sizes) for network in networks)


def densities(recipe: Recipe, shapes: Sequence[tuple[int, ...]]) -> list[float]:
    """The density of each layer, so that all together have the recipe's.

    ERK: density = epsilon (sum of the dimensions) / (their product), for a linear layer (n_in + n_out) / (n_in n_out); layers for which that is above 1 are
    dense, and epsilon is solved for the others anew.

    References
    ----------
    Evci et al., Rigging the lottery, ICML 2020.

    Examples
    --------
    >>> [round(d, 4) for d in densities(Recipe("erk", sparsity=0.9, allocation="erk"), [(784, 300), (300, 100), (100, 10)])]
    [0.0796, 0.2302, 1.0]
    """
    density = density_of(recipe.sparsity)
    if recipe.wiring == "dense":
        return [1.0] * len(shapes)
    if recipe.allocation == "equal":
        return [density] * len(shapes)
    size = np.array([math.prod(shape) for shape in shapes], dtype=np.float64)
    raw = np.array([sum(shape) / math.prod(shape) for shape in shapes])
    dense = np.zeros(len(shapes), dtype=bool)
    while True:
        epsilon = (density * size.sum() - size[dense].sum()) / (raw * size)[~dense].sum() if not dense.all() else 0.0
        over = ~dense & (epsilon * raw > 1)
        if not over.any():
            return np.where(dense, 1.0, epsilon * raw).tolist()
        dense |= over


def rewire(state: State, recipe: Recipe, *, progress: float, gradients: Sequence[np.ndarray | None] | None = None, seed: Seed = 0) -> tuple[State, Event]:
    """One event: remove, percolate, grow.

    Parameters
    ----------
    state : State
    recipe : Recipe
    progress : share of training that is done, 0 .. 1
    gradients : for growth by "gradient" or "momentum", an (n_in, n_out) array for each evolving layer

    Examples
    --------
    >>> recipe = Recipe("mine", sparsity=0.9, growth="ch3_l3", chain=True)
    >>> before = start(recipe, [(20, 30), (30, 10)], seed=0)
    >>> after, event = rewire(before, recipe, progress=0.0, seed=1)
    >>> len(event.removed[0]["magnitude"][0]), after.layers[0].n_links == before.layers[0].n_links
    (18, True)
    """
    check_recipe(recipe)
    check_within("progress", progress, "[0, 1]")
    rng = generator(seed)
    removed: list[Reasons] = [{} for _ in state.layers]
    grown: list[Reasons] = [{} for _ in state.layers]
    settled = state.settled or (False,) * len(state.layers)
    if recipe.stop is not None and all(done or not evolves for done, evolves in zip(settled, state.evolving)):
        return replace(state, events=state.events + 1), Event(removed, grown, [[np.empty(0, dtype=np.int64) for _ in groups] for groups in state.alive])
    kappa = 0.0 if recipe.shrink_every and (state.events + 1) % recipe.shrink_every == 0 else recipe.regrow
    kept: list[Layer] = list(state.layers)
    wanted: list = [0] * len(state.layers)  # links to grow: a number, or one for each output neuron
    for i, (layer, weights) in enumerate(zip(state.layers, state.weights)):
        if state.evolving[i] and recipe.removal is not None:
            gone = _falling(layer, weights, recipe, progress, rng)
            removed[i][recipe.removal] = _ends(layer, gone)
            kept[i] = layer.select(~gone)
            lost = np.bincount(removed[i][recipe.removal][1], minlength=layer.n_out) if recipe.scope == "neuron" else int(gone.sum())
            wanted[i] = np.rint(kappa * lost).astype(np.int64) if recipe.scope == "neuron" else round(float(kappa * lost))
    alive, dead = [list(groups) for groups in state.alive], [[np.empty(0, dtype=np.int64) for _ in groups] for groups in state.alive]
    if recipe.chain:
        for c, chain in enumerate(state.chains):
            found = Network([kept[i] for i in chain]).percolate()
            for i, layer in zip(chain, found.network):
                stranded = kept[i] - layer
                removed[i]["chain"] = stranded.links
                if state.evolving[i] and stranded.n_links:
                    wanted[i] = int(np.sum(wanted[i])) + stranded.n_links
                kept[i] = layer
            for g, ids in enumerate(found.dead):
                dead[c][g] = ids[alive[c][g][ids]]
                alive[c][g] = alive[c][g].copy()
                alive[c][g][ids] = False
    layers: list[Layer] = []
    values: list[np.ndarray] = []
    groups = {i: (c, g) for c, chain in enumerate(state.chains) for g, i in enumerate(chain)}
    for i, layer in enumerate(kept):
        if np.any(wanted[i]) and recipe.growth is not None:
            c, g = groups[i]
            taken = np.setdiff1d(state.layers[i].ids, layer.ids, assume_unique=True) if recipe.exclude_removed else None
            ids = grow(layer, wanted[i], recipe.growth, sample=recipe.draw == "sample", gradient=None if gradients is None else gradients[i],
                       alive=(alive[c][g], alive[c][g + 1]) if recipe.chain else None, exclude=taken, seed=rng)
            row, col = np.divmod(ids, layer.n_out)
            grown[i][recipe.growth] = row, col
            if recipe.stop is not None and len(ids):
                back = np.isin(ids, np.setdiff1d(state.layers[i].ids, layer.ids, assume_unique=True)).mean()
                settled = tuple(done or (j == i and bool(back > recipe.stop)) for j, done in enumerate(settled))
            layer = layer | layer.with_links(row, col)
        layers.append(layer)
        values.append(_carry(state.layers[i], state.weights[i], kept[i], layer, recipe, rng))
    after = State(tuple(layers), tuple(values), state.chains, tuple(map(tuple, alive)), state.evolving, state.events + 1, settled)
    return after, Event(removed, grown, dead)


def _falling(layer: Layer, weights: np.ndarray, recipe: Recipe, progress: float, generator: np.random.Generator) -> np.ndarray:
    """Which links the removal takes."""
    if recipe.scope is not None:
        counts = pq_counts(layer, weights, scope=recipe.scope, **vars(recipe.pq))
        if recipe.scope == "neuron":
            gone, order = np.zeros(layer.n_links, dtype=bool), np.argsort(layer.links[1], kind="stable")
            for mine, count in zip(np.split(order, np.cumsum(layer.in_degrees)[:-1]), counts):
                gone[mine[choose(-np.abs(weights[mine]), int(count), generator)]] = True
            return gone
        count = int(counts[0])
        share = count / max(layer.n_links, 1)
    else:
        share = RATES[recipe.rate](progress, recipe.zeta, recipe.until)
        count = int(share * layer.n_links + 1e-9)
    if recipe.removal == "signed":
        return _both_signs(weights, share, generator)
    assert recipe.removal is not None  # else nothing falls
    score = SCORES[recipe.removal](layer, weights)
    exponent = recipe.exponent[0] + (recipe.exponent[1] - recipe.exponent[0]) * progress
    return ~choose(score, layer.n_links - count, generator, sample=recipe.keep == "sample", exponent=exponent)


def _both_signs(weights: np.ndarray, share: float, generator: np.random.Generator) -> np.ndarray:
    """SET: the smallest positive and the largest negative weights, the same share of each; zeros count as positive."""
    gone = np.zeros(len(weights), dtype=bool)
    for side in (np.flatnonzero(weights >= 0), np.flatnonzero(weights < 0)):
        gone[side[choose(-np.abs(weights[side]), int(share * len(side) + 1e-9), generator)]] = True
    return gone


def _carry(before: Layer, weights: np.ndarray, kept: Layer, after: Layer, recipe: Recipe, generator: np.random.Generator) -> np.ndarray:
    """Weights of the layer after the event, from those before it."""
    out = np.zeros(after.n_links) if recipe.fresh == "zero" else generator.normal(0, 0.1, after.n_links)
    source = before.find(*after.links)
    old = source >= 0 if recipe.returning == "keep" else kept.find(*after.links) >= 0
    out[old] = weights[source[old]]
    return out.astype(np.asarray(weights).dtype)


def _ends(layer: Layer, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    row, col = layer.links
    return row[mask], col[mask]
