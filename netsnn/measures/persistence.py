"""Persistence of weighted layers: at which weights their neurons join, alone (neural) or along paths (deep graph persistence).

Both numbers follow the variance of the weights and, once links are missing, the sparsity: read them beside `weight_variance`, `sortedness`
and a `permutation_null` (Girrbach et al. 2023).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property, reduce
from typing import Any

import numpy as np
import scipy.sparse as sp

from netsnn.errors import check_memory, check_whole, check_within
from netsnn.graph import Layer
from netsnn.hints import Seed, generator
from netsnn.threads import run

__all__ = ["DeepGraphPersistence", "NeuralPersistence", "PermutationNull", "deep_graph_persistence", "neural_persistence", "permutation_null",
           "sortedness", "weight_variance"]

Weights = Any  # an (n_in, n_out) array, a pair (Layer, values), or a sequence of them
SPARSE = 0.1  # up to this share of links, the max-min product walks the links of its right factor


@dataclass(frozen=True, eq=False)
class NeuralPersistence:
    """Neural persistence of each layer.

    raw, normalized : arrays, one number a layer
    diagrams : one array (k, 2) a layer: the points (birth, death), largest death first
    components : components of each layer's links, an isolated neuron being one
    isolated : neurons of each layer without a link
    """

    raw: np.ndarray
    normalized: np.ndarray
    diagrams: list[np.ndarray]
    components: np.ndarray
    isolated: np.ndarray

    @property
    def mean(self) -> float:
        """The mean of `normalized` over layers: the number reported for a network."""
        return float(self.normalized.mean())


@dataclass(frozen=True, eq=False)
class DeepGraphPersistence:
    """Deep graph persistence of a network.

    raw, normalized : the persistence of S / max S, and that over sqrt(n_in + n_out - 1), the number to report
    previous, previous_normalized : the same of S itself
    summarisation : S, (n_in, n_out): the strongest path from each input to each output, where a path is as strong as its weakest link
    vanilla : the normalised persistence of the signed weights' max-min product, without standardisation (computed when asked for)
    """

    raw: float
    normalized: float
    previous: float
    previous_normalized: float
    summarisation: np.ndarray
    _weights: tuple[_Weights, ...] = field(repr=False)

    @cached_property
    def vanilla(self) -> float:
        """The normalised persistence of the signed weights' max-min product, without standardisation."""
        product = np.abs(reduce(_max_min, (layer.dense() for layer in self._weights)))
        return _of_matrix(product, product.max())[1]


@dataclass(frozen=True, eq=False)
class PermutationNull:
    """A measure beside its values on shuffled weights: mean, standard deviation (n - 1) and z = (measured - mean) / std of the draws.

    Numbers, or arrays if the measure gives arrays; `draws` has the draws in front. z is NaN where all draws are equal.
    """

    measured: Any
    mean: Any
    std: Any
    z: Any
    draws: np.ndarray


def neural_persistence(weights: Weights, *, convention: str = "reference", missing: str = "zero", nodes: str = "all",
                       scale: str | float = "global", p: float = 2) -> NeuralPersistence:
    """Neural persistence: how far apart the absolute weights lie at which a layer's neurons join into one component.

    With x = |w| / scale, links appear from the largest x down, and each link of a maximum spanning forest joins two
    components, born at 1, at its own x:

        raw = (sum over the forest of (1 - x)^p + unjoined)^(1/p)        normalized = raw / (N - 1)^(1/p)

    N is the number of neurons on both sides. `unjoined` is the number of components of the links: a missing link is one of weight 0, which
    joins at 0, and the last component dies there too ("finite": one less). So a neuron without links adds 1, the most a point can
    add, and pruning alone raises the number: read it beside `components` and `isolated`. Normalised, the "reference" lies between
    1 / sqrt(N - 1) and sqrt(N / (N - 1)) for p = 2, the "finite" one between 0 and 1.

    Parameters
    ----------
    weights : array, (Layer, values), or a sequence of them
        One layer or several. An array is (n_in, n_out) (a torch weight is the transpose), and its zeros are missing links. Of a pair
        all links count, those of weight 0 too.
    convention : {"reference", "finite"}
        Whether the last component counts as a point (1, 0), as in the authors' program, or not.
    missing : {"zero", "absent"}
        Missing links join components at 0, or never: then `unjoined` is 0 under either convention, and only the forest's points are left.
    nodes : {"all", "active"}
        Whether N and the components include neurons without links. A layer without links has 0 active ones and persistence 0.
    scale : {"global", "layer"} or float
        The largest absolute weight of all layers, that of each layer, or a number no weight exceeds. If it is 0, every x is 0.
    p : float
        The order of the norm.

    Returns
    -------
    NeuralPersistence
        In its diagrams, points with birth = death (x = 1) are left out, as in the authors' program.

    References
    ----------
    Rieck et al. (2019), Neural persistence: a complexity measure for deep neural networks using algebraic topology, ICLR.

    Examples
    --------
    >>> found = neural_persistence([np.array([[1.0, 0.5], [0.0, 0.25]])])
    >>> found.raw.round(4), found.diagrams[0].tolist()
    (array([1.3463]), [[1.0, 0.5], [1.0, 0.25], [1.0, 0.0]])
    """
    _check_choice("convention", convention, ("reference", "finite"))
    _check_choice("missing", missing, ("zero", "absent"))
    _check_choice("nodes", nodes, ("all", "active"))
    check_within("p", p, "(0, inf)")
    layers = _read(weights)
    raw, normalized, diagrams, components, isolated = [], [], [], [], []
    for layer, unit in zip(layers, _scales(layers, scale)):
        joins = layer.joins
        n = layer.n_in + layer.n_out
        components.append(n - len(joins))
        isolated.append(layer.isolated if components[-1] > 1 else 0)
        unjoined = components[-1]
        if nodes == "active":
            n, unjoined = n - isolated[-1], unjoined - isolated[-1]
        unjoined = 0 if missing == "absent" else max(unjoined - (convention == "finite"), 0)
        deaths = np.concatenate([joins / unit if unit else np.zeros(len(joins)), np.zeros(unjoined)])
        raw.append(_norm(deaths, p))
        normalized.append(raw[-1] / (n - 1) ** (1 / p) if n else 0.0)
        deaths = deaths[deaths < 1]
        diagrams.append(np.column_stack([np.ones(len(deaths)), deaths]))
    return NeuralPersistence(np.array(raw), np.array(normalized), diagrams, np.array(components), np.array(isolated))


def deep_graph_persistence(weights: Weights, *, masked: str = "reference") -> DeepGraphPersistence:
    """Deep graph persistence: the neural persistence of a whole network's strongest input-to-output paths.

    Each layer is standardised, z = |w - mean| / std, all are divided by the largest z of the network, and the layers are
    multiplied from the left by the max-min product

        S[i, k] = max over j of min(S[i, j], z[j, k])

    whose neural persistence under the "reference" convention is taken. Time n_in * (sum of n_l * n_(l+1)) at most, memory that of a few
    dense layers.

    Parameters
    ----------
    weights : array, (Layer, values), or a sequence of them
        The layers in order, as in `neural_persistence`.
    masked : {"reference", "aware"}
        Whether mean and standard deviation run over all entries, which gives a missing link the strength |0 - mean| / std, or over the
        links alone, where a missing link has strength 0 (an extension: the authors have no masks).

    Returns
    -------
    DeepGraphPersistence
        All NaN but `vanilla` if the weights of a layer are all equal (or, if "aware", there are none): they cannot be standardised.

    References
    ----------
    Girrbach et al. (2023), Addressing caveats of neural persistence with deep graph persistence, TMLR.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> found = deep_graph_persistence([rng.normal(size=(6, 5)), rng.normal(size=(5, 3))])
    >>> found.summarisation.shape, round(found.normalized, 4)
    ((6, 3), 0.4413)
    """
    _check_choice("masked", masked, ("reference", "aware"))
    layers = _read(weights)
    for i, (before, after) in enumerate(zip(layers, layers[1:])):
        if before.n_out != after.n_in:
            raise ValueError(f"layer {i + 1} starts on {after.n_in} neurons but layer {i} ends on {before.n_out}")
    product, largest = None, 0.0
    for layer in layers:
        check_memory("deep_graph_persistence", (layer.n_in, layer.n_out), 4)
    for layer in layers:
        strength = _standardise(layer, masked)
        if strength is None:
            nothing = np.full((layers[0].n_in, layers[-1].n_out), np.nan)
            return DeepGraphPersistence(np.nan, np.nan, np.nan, np.nan, nothing, tuple(layers))
        largest = max(largest, strength.max())
        product = strength if product is None else _max_min(product, strength)
    assert product is not None  # there is a layer
    product /= largest  # order is all that the max-min product sees: to divide it or the layers is the same to the last digit
    return DeepGraphPersistence(*_of_matrix(product, product.max()), *_of_matrix(product, 1.0), product, tuple(layers))


def weight_variance(weights: Weights, *, missing: str = "zero") -> float:
    """Variance of |w| / max |w| over the entries of all layers; of links alone with missing="absent".

    With x = |w| / max |w|, the maximum taken over all layers: the mean of (x - mean x)^2. 0 if all weights are 0. One of the plain numbers that
    neural persistence follows.

    References
    ----------
    Girrbach et al. (2023), Addressing caveats of neural persistence with deep graph persistence, TMLR.

    Examples
    --------
    >>> weight_variance([np.array([[1.0, -1.0], [0.0, 0.0]])])
    0.25
    """
    _check_choice("missing", missing, ("zero", "absent"))
    layers = _read(weights)
    largest = max(layer.largest for layer in layers)
    links = [np.abs(layer.links[2]).astype(np.float64) for layer in layers]
    count = sum(map(len, links)) if missing == "absent" else sum(layer.n_in * layer.n_out for layer in layers)
    if not (largest and count):
        return 0.0
    links = [values / largest for values in links]
    mean = sum(values.sum() for values in links) / count
    squares = sum(np.square(values - mean).sum() for values in links) + (count - sum(map(len, links))) * mean**2
    return float(squares / count)


def sortedness(weights: Weights) -> np.ndarray:
    """How far large absolute weights of each layer gather at some of its neurons: one number a layer, NaN where all are equal.

    Inputs and outputs are sorted by their mean |w|; the value is the largest of three Kendall taus (tau-b) between |w| and its place:
    the diagonal (input rank + output rank), row by row, column by column. Neurons of equal mean keep their order, and places on one
    diagonal are ties (the authors' program orders them by chance, which moves the value in the third digit).

    References
    ----------
    Girrbach et al. (2023), Addressing caveats of neural persistence with deep graph persistence, TMLR.

    Examples
    --------
    >>> sortedness(np.add.outer([1, 2, 3], [10, 20, 30])).round(3)
    array([1.])
    """
    layers = _read(weights)
    for layer in layers:
        check_memory("sortedness", (layer.n_in, layer.n_out), 13)
    return np.array([_sortedness(np.abs(layer.dense())) for layer in layers])


def permutation_null(weights: Weights, measure: Callable[[Sequence], Any] | None = None, *, draws: int = 100, links: bool = False,
                     seed: Seed = None) -> PermutationNull:
    """A measure of the weights beside its values when each layer's weights are shuffled: does it matter where they stand?

    z = (measured - mean) / std, with the mean and standard deviation (n - 1) of the draws; NaN where all draws are equal.

    Parameters
    ----------
    weights : array, (Layer, values), or a sequence of them
        The entries of an array are shuffled, zeros too; of a pair the values among the links, which stay.
    measure : function
        Takes the list of layers and returns a number or an array; by default the mean of `neural_persistence`.
    draws : int
        How many shuffles.
    links : bool
        Whether a pair's links move too: as many in places drawn uniformly.
    seed : int or numpy Generator

    References
    ----------
    Girrbach et al. (2023), Addressing caveats of neural persistence with deep graph persistence, TMLR (shuffled weights).

    Examples
    --------
    >>> weights = np.outer([1.0, 2.0, 4.0], [1.0, 3.0, 9.0])  # gathered at one input and one output
    >>> null = permutation_null(weights, draws=50, seed=0)
    >>> null.measured > null.mean, null.draws.shape
    (True, (50,))
    """
    check_whole("draws", draws, 2)
    rng = generator(seed)
    measure = measure or _mean_persistence
    layers = _read(weights)
    values = np.array([measure([layer.shuffled(rng, links) for layer in layers]) for _ in range(draws)], dtype=np.float64)
    measured = np.asarray(measure([layer.given for layer in layers]), dtype=np.float64)
    mean, std = values.mean(axis=0), values.std(axis=0, ddof=1)
    z = np.divide(measured - mean, std, out=np.full(np.shape(mean), np.nan), where=std > 0)
    measured, mean, std, z = (x if np.ndim(x) else float(x) for x in (measured, mean, std, z))
    return PermutationNull(measured, mean, std, z, values)


def _mean_persistence(weights: Sequence) -> float:
    return neural_persistence(weights).mean


# ---- what the caller gave -----------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Weights:
    """One layer: an array, or a Layer with the values of its links."""

    layer: Layer | None
    values: np.ndarray  # (n_in, n_out) without a layer, otherwise in links order; float32 or float64
    largest: float
    n_links: int

    @property
    def n_in(self) -> int:
        return self.values.shape[0] if self.layer is None else self.layer.n_in

    @property
    def n_out(self) -> int:
        return self.values.shape[1] if self.layer is None else self.layer.n_out

    @property
    def given(self) -> Any:
        return self.values if self.layer is None else (self.layer, self.values)

    @property
    def links(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(row, col, value) of every link."""
        if self.layer is not None:
            return *self.layer.links, self.values
        ids = np.flatnonzero(self.values != 0)  # four times faster than np.nonzero of two dimensions
        row, col = ids // self.n_out, ids % self.n_out
        return row, col, self.values[row, col]

    def dense(self) -> np.ndarray:
        """A float64 copy as (n_in, n_out), 0 where there is no link."""
        return (self.values if self.layer is None else self.layer.to_dense(self.values)).astype(np.float64)

    def present(self) -> np.ndarray:
        """Where there are links: (n_in, n_out) booleans."""
        return self.values != 0 if self.layer is None else self.layer.to_dense()

    @property
    def isolated(self) -> int:
        if self.layer is not None:
            return int((self.layer.out_degrees == 0).sum() + (self.layer.in_degrees == 0).sum())
        return int((~self.values.any(axis=0)).sum() + (~self.values.any(axis=1)).sum())

    @property
    def joins(self) -> np.ndarray:
        """Absolute weights of a maximum spanning forest's links, the largest first."""
        if self.layer is None and _prim_is_faster(self.n_links, self.values.size):
            tree = _tree(self.values)
            found = tree[tree > 0]
        else:
            row, col, values = self.links
            found = _forest(row, col, np.abs(values), self.n_in, self.n_out)
        return np.sort(found.astype(np.float64))[::-1]

    def shuffled(self, rng: np.random.Generator, move_links: bool) -> Any:
        """The layer as it was given, its weights shuffled."""
        if self.layer is None:
            return rng.permutation(self.values.ravel()).reshape(self.values.shape)
        layer = self.layer
        if move_links:
            ids = rng.choice(layer.n_in * layer.n_out, layer.n_links, replace=False, shuffle=False)
            layer = layer.with_links(ids // layer.n_out, ids % layer.n_out)
        return layer, rng.permutation(self.values)


def _read(weights: Weights) -> list[_Weights]:
    if _is_pair(weights) or not isinstance(weights, Iterable) or getattr(weights, "ndim", 3) == 2:
        weights = [weights]
    layers = [_read_layer(i, item) for i, item in enumerate(weights)]
    if not layers:
        raise ValueError("weights must hold at least one layer")
    return layers


def _is_pair(item: Any) -> bool:
    return isinstance(item, (tuple, list)) and len(item) == 2 and isinstance(item[0], Layer) and not isinstance(item[1], (Layer, tuple))


def _read_layer(i: int, item: Any) -> _Weights:
    if isinstance(item, Layer) or sp.issparse(item):
        raise ValueError(f"layer {i} must be an array (n_in, n_out) or a pair (Layer, values), got a {type(item).__name__} alone")
    layer, values = item if _is_pair(item) else (None, item)
    values = np.asarray(values)
    if values.dtype.kind not in "fiub":
        raise ValueError(f"layer {i}: weights must be real numbers, got dtype {values.dtype}")
    values = values.astype(np.float32 if values.dtype.itemsize == 4 and values.dtype.kind == "f" else np.float64, copy=False)
    if layer is None and values.ndim != 2:
        raise ValueError(f"layer {i} must be an array (n_in, n_out) or a pair (Layer, values), got shape {values.shape}")
    if layer is not None and values.shape != (layer.n_links,):
        raise ValueError(f"layer {i}: there must be one weight a link ({layer.n_links}), got shape {values.shape}")
    shape = values.shape if layer is None else layer.shape
    if not all(shape):
        raise ValueError(f"layer {i} has no neurons on one side: shape {shape}")
    largest, count = _survey(values)
    if not np.isfinite(largest):
        place = tuple(int(x) for x in np.argwhere(~np.isfinite(values))[0])
        raise ValueError(f"layer {i}: the weight at {place if layer is None else place[0]} is {values[place]}")
    return _Weights(layer, values, largest, count if layer is None else layer.n_links)


def _survey(values: np.ndarray) -> tuple[float, int]:
    """Largest absolute value (NaN or infinity if there is one) and how many are not 0."""
    from netsnn.kernels.persistence import survey

    if not values.size:
        return 0.0, 0
    bits, mask = _bits(np.atleast_2d(values))
    found = list(run(lambda rows: survey(bits[rows], mask), _blocks(len(bits), bits.shape[1])))
    return float(bits.dtype.type(max(largest for largest, _ in found)).view(values.dtype)), sum(count for _, count in found)


def _scales(layers: Sequence[_Weights], scale: str | float) -> list[float]:
    """By what the absolute weights of each layer are divided."""
    if isinstance(scale, str):
        _check_choice("scale", scale, ("global", "layer"))
        return [layer.largest if scale == "layer" else max(other.largest for other in layers) for layer in layers]
    largest = max(layer.largest for layer in layers)
    if not (isinstance(scale, (int, float, np.number)) and 0 < scale < np.inf and scale >= largest):
        raise ValueError(f"scale must be 'global', 'layer' or a positive number no smaller than the largest absolute weight {largest:g}, "
                         f"got {scale!r}")
    return [float(scale)] * len(layers)


def _check_choice(name: str, value: Any, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ValueError(f"{name} must be {' or '.join(map(repr, choices))}, got {value!r}")


# ---- spanning trees -----------------------------------------------------------------------------------


def _prim_is_faster(n_links: int, size: int) -> bool:
    """Whether to take an array as it is, rather than find and sort its links (as measured: one that stays in the cache always)."""
    return size <= 2**20 or n_links > 0.1 * size


def _tree(weights: np.ndarray) -> np.ndarray:
    """Absolute weights of a maximum spanning tree of the complete bipartite graph, 0 where only missing links join."""
    from netsnn.kernels.persistence import dense_tree, transpose

    bits, mask = _bits(weights)
    back = np.empty(bits.shape[::-1], bits.dtype)
    list(run(lambda rows: transpose(bits, rows.start, rows.stop, back), _blocks(*bits.shape)))
    tree = np.empty(sum(bits.shape) - 1, bits.dtype)
    dense_tree(bits, back, mask, tree)
    return tree.view(weights.dtype)


def _forest(row: np.ndarray, col: np.ndarray, strength: np.ndarray, n_in: int, n_out: int) -> np.ndarray:
    """Strengths of a maximum spanning forest's links.

    Only the strongest links are sorted and joined, then those weaker ones that still join two components: after four links a neuron few do.
    """
    from netsnn.kernels.persistence import crossing, join

    parent = np.arange(n_in + n_out, dtype=np.uint32)
    joined, count = np.empty(n_in + n_out, np.uint32), 0
    left, most = np.arange(len(strength), dtype=np.uint32), 4 * (n_in + n_out)
    while len(left):
        strong, weak = left, left[:0]
        if len(left) > 2 * most:
            values = strength[left]
            sample = np.sort(values[::len(values) // 2**12 + 1])
            is_strong = values >= sample[-(len(sample) * most // len(values)) - 1]  # any bound is right, this one leaves about `most`
            strong, weak = left[is_strong], left[~is_strong]
        count = join(strong[np.argsort(-strength[strong], kind="stable")], row, col, n_in, parent, count, joined)
        left = np.empty(len(weak) + 1, np.uint32)
        left = left[:crossing(weak, row, col, n_in, parent, left)]
        most *= 2  # however the links lie, few rounds
    return strength[joined[:count]]


def _of_matrix(strength: np.ndarray, scale: float) -> tuple[float, float]:
    """Raw and normalised neural persistence of one dense layer of non-negative weights."""
    joins = np.sort(_tree(strength))
    raw = _norm(np.concatenate([joins / scale if scale else joins, [0.0]]), 2)
    return raw, raw / float(np.sqrt(sum(strength.shape) - 1))


def _norm(deaths: np.ndarray, p: float) -> float:
    return float(np.sum((1 - deaths) ** p) ** (1 / p))


def _bits(weights: np.ndarray) -> tuple[np.ndarray, np.integer]:
    """The floats read as integers, row-major (transposed, if that saves a copy), and the mask that clears their sign."""
    if weights.flags.f_contiguous and not weights.flags.c_contiguous:
        weights = weights.T
    integer = np.int32 if weights.dtype == np.float32 else np.int64
    return np.ascontiguousarray(weights).view(integer), integer(np.iinfo(integer).max)


def _blocks(n_rows: int, n_columns: int) -> Iterator[slice]:
    """Rows in blocks of about a million entries."""
    step = max(2**20 // max(n_columns, 1), 1)
    return (slice(start, min(start + step, n_rows)) for start in range(0, n_rows, step))


# ---- layers multiplied, layers sorted -----------------------------------------------------------------


def _standardise(layer: _Weights, masked: str) -> np.ndarray | None:
    """|w - mean| / std as a dense array; None if all weights are equal, so that std is 0 but for rounding."""
    values = layer.dense()
    present = layer.present() if masked == "aware" else np.s_[:]
    chosen = values[present]
    if chosen.size == 0 or chosen.min() == chosen.max():
        return None
    values[present] = np.abs(chosen - chosen.mean()) / chosen.std()
    return values


def _max_min(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """The max-min product: out[i, k] = max over j of min(left[i, j], right[j, k])."""
    from netsnn.kernels.persistence import max_min, max_min_sparse

    left, right = np.ascontiguousarray(left), np.ascontiguousarray(right)
    out = np.empty((len(left), right.shape[1]))
    floor = min(left.min(), right.min())
    rows = [(start, min(start + 64, len(left))) for start in range(0, len(left), 64)]
    if floor == 0 and np.count_nonzero(right) <= SPARSE * right.size:
        links = sp.csr_array(right)
        list(run(lambda block: max_min_sparse(left, links.indptr, links.indices, links.data, *block, out), rows))
    else:
        ceiling = right.max(axis=0)
        list(run(lambda block: max_min(left, right, ceiling, floor, *block, out), rows))
    return out


def _sortedness(strength: np.ndarray) -> float:
    from scipy.stats import kendalltau  # here, because scipy.stats takes long to load

    if strength.min() == strength.max():
        return float("nan")
    strength = strength / strength.max()
    strength = strength[np.argsort(strength.mean(axis=1), kind="stable")]
    strength = strength[:, np.argsort(strength.mean(axis=0), kind="stable")]
    n_in, n_out = strength.shape
    row, col = np.indices(strength.shape)
    places = row + col, row * n_out + col, col * n_in + row
    return float(max(kendalltau(place, strength, method="asymptotic").statistic for place in places))
