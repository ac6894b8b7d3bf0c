"""The null model: layers of the same degrees, and what a measure is beside them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple, overload

import numpy as np

from netsnn.errors import check_whole, type_name
from netsnn.graph import Layer
from netsnn.hints import Seed, generator
from netsnn.measures.checks import generators

__all__ = ["AgainstNull", "against_null", "null_layer", "null_layers"]


class AgainstNull(NamedTuple):
    """A value beside the same measure of random layers of equal degrees: z = (value - mean) / std."""

    value: float
    mean: float
    std: float
    z: float


def null_layer(layer: Layer, *, rounds: int = 50, seed: Seed = 0) -> Layer:
    """A random layer in which every neuron has the degree that it has in `layer`; all such layers are equally likely.

    Curveball trades: two neurons of the smaller side at a time deal the partners that only one of them has out anew.

    Parameters
    ----------
    rounds : int
        How often every neuron trades. Fifty rounds forget the layer they began from, with heavy-tailed degrees too.

    References
    ----------
    Strona et al. (2014), Nat. Commun. 5:4114; Carstens, Berger, Strona (2018), arXiv 1609.05137.

    Examples
    --------
    >>> layer = Layer.from_edges([0, 0, 1, 2, 2], [0, 1, 1, 2, 3], shape=(3, 4))
    >>> null = null_layer(layer, seed=1)
    >>> null.out_degrees.tolist(), null.in_degrees.tolist()
    ([2, 1, 2], [1, 2, 1, 1])
    """
    from netsnn.kernels.nulls import trade

    if not isinstance(layer, Layer):
        raise ValueError(f"the null model is one of layers, got {type_name(layer)}")
    check_whole("rounds", rounds, 1)
    wide = layer.n_in > layer.n_out
    side = layer.T if wide else layer
    if side.n_in < 2 or not layer.n_links:
        return layer
    indices = side.indices.copy()
    trade(side.indptr, indices, side.n_out, int(rounds), np.uint64(generator(seed).integers(2**63)))
    row = np.repeat(np.arange(side.n_in), np.diff(side.indptr))
    return layer.with_links(indices, row) if wide else layer.with_links(row, indices)


def null_layers(layer: Layer, draws: int, *, rounds: int = 50, seed: Seed = 0) -> Iterator[Layer]:
    """`draws` independent null layers.

    Each is a walk of its own from the layer: see `null_layer`, which also tells what `rounds` are.

    References
    ----------
    As in `null_layer`.

    Examples
    --------
    >>> layer = Layer.from_edges([0, 0, 1, 2], [0, 1, 1, 2], shape=(3, 3))
    >>> [bool((null.out_degrees == layer.out_degrees).all()) for null in null_layers(layer, 2, seed=0)]
    [True, True]
    """
    check_whole("draws", draws, 0)
    for rng in generators(seed, int(draws)):
        yield null_layer(layer, rounds=rounds, seed=rng)


@overload
def against_null(layer: Layer, measure: Callable[[Layer], float], *, draws: int = 20, rounds: int = 50, seed: Seed = 0) -> AgainstNull: ...


@overload
def against_null(layer: Layer, measure: Callable[[Layer], Mapping[str, float]], *, draws: int = 20, rounds: int = 50, seed: Seed = 0) -> dict[str, AgainstNull]: ...


def against_null(layer: Layer, measure: Callable, *, draws: int = 20, rounds: int = 50, seed: Seed = 0) -> Any:
    """A measure of the layer beside its values on null layers.

    Parameters
    ----------
    layer : Layer
    measure : function
        Of a Layer, to a number or to a flat dict of numbers.
    draws, rounds, seed
        How many null layers, and how they are drawn: see `null_layer`.

    Returns
    -------
    AgainstNull, or a dict of them
        z is NaN where the null layers all have the same value (as anything that degrees alone decide).

    Examples
    --------
    >>> blocks = np.kron(np.eye(4, dtype=bool), np.ones((5, 6), dtype=bool))
    >>> from netsnn.measures import robins_alexander
    >>> found = against_null(Layer.from_dense(blocks), robins_alexander, draws=10)
    >>> found.value, bool(found.z > 20)
    (1.0, True)
    """
    if not callable(measure):
        raise ValueError(f"measure must be a function of a Layer, got {measure!r}")
    check_whole("draws", draws, 2)
    value = measure(layer)
    drawn = [measure(null) for null in null_layers(layer, int(draws), rounds=rounds, seed=seed)]
    if not isinstance(value, Mapping):
        return _beside(value, drawn)
    return {name: _beside(value[name], [one.get(name, float("nan")) for one in drawn]) for name in value}


def _beside(value: float, drawn: list[float]) -> AgainstNull:
    with np.errstate(invalid="ignore"):  # of infinite values: z is NaN
        mean, std = float(np.mean(drawn)), float(np.std(drawn, ddof=1))
    z = (value - mean) / std if std > 1e-12 * max(1.0, abs(mean)) else float("nan")
    return AgainstNull(float(value), mean, std, float(z))
