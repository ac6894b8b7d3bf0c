"""Figures of one layer, or of a network's layers: its links, degrees, hubs and fields."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from netsnn.errors import check_whole
from netsnn.graph import Layer
from netsnn.measures import communities, network_degrees, power_law
from netsnn.measures.checks import check_kind
from netsnn.measures.degrees import hub_ids
from netsnn.measures.powerlaw import STEEPEST
from netsnn.network import Network
from netsnn.style import COLORS, COLUMN, GREY, PAGE, axes, style, whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["ORDERS", "degree_distribution", "hub_map", "layer_drawing", "receptive_field", "spy"]

ORDERS = {
    "given": "as numbered",
    "degree": "most links first",
    "community": "by community (Barber's modularity), the largest first",
    "barycentre": "each side in turn by the mean place of its partners, which draws structure together",
}
VECTOR = 20_000  # more marks than this are drawn as an image inside the vector file
MOST_LINES = 200_000  # more lines than this nobody tells apart


def layer_drawing(layer: Layer, *, order: str = "barycentre", ax: Axes | None = None) -> Axes:
    """Inputs on the left, outputs on the right, links between; neurons as large as their degrees, coloured by community.

    Up to 200,000 links, the rest left out evenly (and said so).

    Parameters
    ----------
    layer : Layer
    order : str
        See `ORDERS`. Neurons without links are left out.
    ax : Axes, optional

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> layer = Layer.from_edges([0, 0, 1, 2], [0, 1, 1, 2], shape=(3, 4))
    >>> layer_drawing(layer, ax=Figure().subplots()) is not None
    True
    """
    check_kind(layer, Layer, "plot.layer")
    rows, cols = _places(layer, order)
    row, col = layer.links
    left, right = (_spread(places, d > 0) for places, d in ((rows, layer.out_degrees), (cols, layer.in_degrees)))
    found = communities(layer, restarts=2)
    step = -(-layer.n_links // MOST_LINES) or 1
    row, col = row[::step], col[::step]
    with style():
        from matplotlib.collections import LineCollection

        ax = axes(ax, COLUMN, 3.6)
        ends = np.stack([np.column_stack([np.zeros(len(row)), left[row]]), np.column_stack([np.ones(len(col)), right[col]])], axis=1)
        alpha = float(np.clip(30 / max(len(row), 1) ** 0.6, 0.03, 0.6))
        same = found.inputs[row] == found.outputs[col]
        for inside in (False, True):
            mine = same == inside
            colors = [COLORS[c % len(COLORS)] for c in found.inputs[row[mine]]] if inside else GREY
            ax.add_collection(LineCollection(ends[mine], colors=colors, linewidths=0.5, alpha=alpha if not inside else min(1.0, 2 * alpha),
                                             rasterized=layer.n_links > VECTOR))
        for x, places, d, group in ((0, left, layer.out_degrees, found.inputs), (1, right, layer.in_degrees, found.outputs)):
            linked = d > 0
            room = min(1.0, 60 / max(linked.sum(), 1))  # of a crowd each is smaller, and has no white rim, which would hide its neighbours
            ax.scatter(np.full(linked.sum(), x), places[linked], s=2 + 26 * room * d[linked] / d.max(initial=1), zorder=3, linewidths=0.3 if room == 1 else 0, edgecolors="white",
                       c=[COLORS[c % len(COLORS)] for c in group[linked]])
        idle = [int((d == 0).sum()) for d in (layer.out_degrees, layer.in_degrees)]
        labels = [f"{n} {what}" + (f"\n({k} idle)" if k else "") for n, what, k in zip(layer.shape, ("inputs", "outputs"), idle)]
        ax.set_xticks([0, 1], labels)
        ax.set(xlim=(-0.12, 1.12), ylim=(1.03, -0.03), yticks=[])
        if step > 1:
            ax.set_xlabel(f"one link of {step} is drawn")
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
    return ax


def spy(layer: Layer, *, order: str = "given", ax: Axes | None = None) -> Axes:
    """The wiring as a picture, inputs down and outputs across, with both sides' degrees along the edges.

    `order` is a name in `ORDERS`.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> layer = Layer.from_edges([0, 0, 1, 2], [0, 1, 1, 2], shape=(3, 4))
    >>> ax = spy(layer, order="degree", ax=Figure().subplots())
    >>> ax.get_xlabel()
    'output, ordered: degree'
    """
    check_kind(layer, Layer, "plot.spy")
    rows, cols = _places(layer, order)
    row, col = layer.links
    with style():
        ax = axes(ax, COLUMN, 3.2)
        box = ax.get_window_extent().transformed(ax.figure.dpi_scale_trans.inverted())
        cell = 72 * min(box.width / max(layer.n_out, 1), box.height / max(layer.n_in, 1))
        ax.scatter(cols[col], rows[row], s=float(np.clip(cell, 0.4, 12)) ** 2, color=COLORS[0], marker="s", linewidths=0, rasterized=layer.n_links > VECTOR)
        ax.set(xlim=(-0.5, max(layer.n_out, 1) - 0.5), ylim=(max(layer.n_in, 1) - 0.5, -0.5), xlabel="output", ylabel="input")
        whole(ax.xaxis)
        whole(ax.yaxis)
        ax.spines[:].set_visible(True)
        for box, d, places, along in (((0, 1.05, 1, 0.18), layer.in_degrees, cols, "x"), ((1.05, 0, 0.18, 1), layer.out_degrees, rows, "y")):
            side = ax.inset_axes(box, sharex=ax if along == "x" else None, sharey=ax if along == "y" else None)
            ordered = np.zeros(len(d))
            ordered[places] = d
            draw = side.stairs
            draw(ordered, np.arange(len(d) + 1) - 0.5, orientation="vertical" if along == "x" else "horizontal", fill=True, color=GREY)
            side.tick_params(labelbottom=along == "y", labelleft=along == "x", length=2)
            (side.set_ylim if along == "x" else side.set_xlim)(0, None if d.any() else 1)
            whole(side.yaxis if along == "x" else side.xaxis, 2)
            side.set_xlim(ax.get_xlim()) if along == "x" else side.set_ylim(ax.get_ylim())
            (side.set_ylabel if along == "x" else side.set_xlabel)("degree")
        if order != "given":
            ax.set(xlabel=f"output, ordered: {order}", ylabel=f"input, ordered: {order}")
    return ax


def degree_distribution(layer: Layer, *, fit: bool = True, ax: Axes | None = None) -> Axes:
    """Share of neurons of at least each degree (CCDF), both sides, on log axes, with the fitted power law of the tail.

    With `fit=False` without the power law. See `netsnn.measures.power_law`.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> layer = Layer.from_edges([0, 0, 1, 2], [0, 1, 1, 2], shape=(3, 4))
    >>> ax = degree_distribution(layer, fit=False, ax=Figure().subplots())
    >>> ax.get_xscale(), ax.get_yscale()
    ('log', 'log')
    """
    check_kind(layer, Layer, "plot.degrees")
    with style():
        ax = axes(ax)
        lowest, degrees = 1.0, [1]
        for color, what, d in zip(COLORS, ("inputs", "outputs"), (layer.out_degrees, layer.in_degrees)):
            positive = np.sort(d[d > 0])
            if not len(positive):
                continue
            x, first = np.unique(positive, return_index=True)
            share = (len(positive) - first) / len(d)
            lowest, degrees = min(lowest, share[-1]), [*degrees[len(degrees) == 1:], x[0], x[-1]]
            ax.plot(x, share, "o", ms=3, color=color, label=f"{what}, mean {d.mean():.3g}", mew=0)
            law = power_law(d, alternatives=False) if fit else None
            if law is not None and law.tail and law.gamma < STEEPEST - 0.01:  # else the exponent is at its bound: no tail to speak of
                from scipy.special import zeta

                tail = np.geomspace(law.xmin, x[-1], 60)
                ax.plot(tail, zeta(law.gamma, tail) / zeta(law.gamma, law.xmin) * (d >= law.xmin).mean(), "-", color=color, lw=0.9,
                        label=rf"$\gamma$ = {law.gamma:.2f} from {law.xmin:.0f} ({law.tail} neurons)")
        ax.set(xscale="log", yscale="log", xlabel="degree k", ylabel="share of neurons with degree ≥ k", ylim=(min(lowest / 1.8, 0.06), 1.25))
        first, last = min(degrees), max(degrees)
        if last < 14 * first:  # at least a decade across: equal degrees would have no axis, and close ones labels over each other
            from matplotlib.ticker import FormatStrFormatter, LogLocator, NullFormatter

            middle = math.sqrt(first * last)
            ax.set_xlim(max(middle / 4, 0.8), max(middle, 3) * 4)
            ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            ax.xaxis.set_major_formatter(FormatStrFormatter("%g"))
            ax.xaxis.set_minor_formatter(NullFormatter())
        if ax.lines:
            ax.legend(loc="lower left")
    return ax


def hub_map(network: Network | Layer, *, rule: str = "sigma", value: float = 2.0, ax: Axes | None = None) -> Axes:
    """Degrees of all neurons of a network, group by group, hubs marked; a hub of two groups' layers counts all its links.

    Each dot is a neuron: its group across, its degree up. See `netsnn.measures.HUB_RULES` for the rule.

    Parameters
    ----------
    network : Network or Layer
    rule, value
        As in `netsnn.measures.hubs`.
    ax : Axes, optional

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> layer = Layer.from_edges([0, 0, 1, 2], [0, 1, 1, 2], shape=(3, 4))
    >>> hub_map(layer, rule="count", value=2, ax=Figure().subplots()).get_ylabel()
    'degree (links in and out)'
    """
    check_kind(network, (Network, Layer), "plot.hubs")
    network = Network([network]) if isinstance(network, Layer) else network
    every = network_degrees(network)
    crowded = len(every) > 7
    with style():
        ax = axes(ax, PAGE if crowded else PAGE * 0.65)
        for g, d in enumerate(every):
            linked = d > 0
            order = np.argsort(np.argsort(d, kind="stable"), kind="stable")
            x = g + 0.7 * (order / max(len(d) - 1, 1) - 0.5)
            chosen = np.zeros(len(d), dtype=bool)
            chosen[hub_ids(d, rule, value)] = True
            ax.scatter(x[linked & ~chosen], d[linked & ~chosen], s=4, color=GREY, linewidths=0, rasterized=len(d) > VECTOR)
            ax.scatter(x[chosen], d[chosen], s=9, color=COLORS[1], linewidths=0, label="hubs" if g == 0 else None)
            ax.text(g, 1.02, f"{chosen.sum()} hubs\n{(~linked).sum()} idle", transform=ax.get_xaxis_transform(), ha="center", va="bottom", fontsize=7,
                    rotation=90 if crowded else 0)
        names = ["inputs", *(f"hidden {i}" for i in range(1, len(every) - 1)), "outputs"]
        ax.set_xticks(range(len(every)), [f"{name}\n{len(d)}" for name, d in zip(names, every)], rotation=90 if crowded else 0)
        ax.set(ylabel="degree (links in and out)", xlim=(-0.5, len(every) - 0.5), ylim=(0, None if any(d.any() for d in every) else 1))
        whole(ax.yaxis)
        ax.tick_params(axis="x", length=0)
    return ax


def receptive_field(layer: Layer, image: Sequence[int] | None = None, *, output: int | None = None, weights: ArrayLike | None = None, ax: Axes | None = None) -> Axes:
    """The inputs as an image: how many links each has, or with `output` which inputs one neuron has (their weights, if given).

    Parameters
    ----------
    image : (height, width), or (channels, height, width)
        By default a square, if the inputs make one. Channels are added up.
    output : int, optional
        One output neuron.
    weights : array, optional
        One value a link of the layer.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> layer = Layer.from_edges([0, 3, 3], [0, 0, 1], shape=(4, 2))
    >>> ax = receptive_field(layer, (2, 2), ax=Figure().subplots())
    >>> ax.images[0].get_array().tolist()
    [[1.0, 0.0], [0.0, 2.0]]
    """
    check_kind(layer, Layer, "plot.receptive_field")
    n = layer.n_in
    if image is None:
        side = math.isqrt(n)
        if side * side != n:
            raise ValueError(f"{n} inputs are no square: give image=(height, width)")
        image = side, side
    if np.shape(image) not in ((2,), (3,)):
        raise ValueError(f"image must be (height, width) or (channels, height, width), got {image!r}")
    image = tuple(check_whole("a size of the image", size, 1) for size in image)
    if math.prod(image) != n:
        raise ValueError(f"an image of {' x '.join(map(str, image))} has {math.prod(image)} pixels, the layer {n} inputs")
    if output is None:
        values, label = layer.out_degrees.astype(float), "links"
    else:
        if check_whole("output", output, 0) >= layer.n_out:
            raise ValueError(f"output must lie in 0 .. {layer.n_out - 1}, got {output}")
        row, col = layer.links
        mine = col == output
        values = np.zeros(n)
        if weights is not None and np.shape(weights) != (layer.n_links,):
            raise ValueError(f"weights must be one number a link ({layer.n_links}), got shape {np.shape(weights)}")
        values[row[mine]] = 1 if weights is None else np.asarray(weights)[mine]
        label = "link" if weights is None else "weight"
    values = values.reshape(image).reshape(-1, *image[-2:]).sum(axis=0)
    with style():
        ax = axes(ax, 2.4, 2.2)
        known = values[np.isfinite(values)]  # a diverged weight is left white
        signed = known.min(initial=0) < 0
        top = np.abs(known).max(initial=0) or 1
        picture = ax.imshow(values, cmap="RdBu_r" if signed else "viridis", vmin=-top if signed else 0, vmax=top, interpolation="nearest")
        ax.set(xticks=[], yticks=[])
        ax.figure.colorbar(picture, ax=ax, shrink=0.85, label=label)
        blank = int((layer.out_degrees == 0).sum())
        ax.set_xlabel(f"{blank} of {n} inputs without links" if output is None else f"output {output}: {int(layer.in_degrees[output])} inputs")
    return ax


def _places(layer: Layer, order: str) -> tuple[np.ndarray, np.ndarray]:
    """The place of each input and of each output."""
    if order not in ORDERS:
        raise ValueError(f"order must be one of {', '.join(ORDERS)}, got {order!r}")
    if order == "given" or not layer.n_links:
        return np.arange(layer.n_in), np.arange(layer.n_out)
    if order == "degree":
        return _rank(-layer.out_degrees), _rank(-layer.in_degrees)
    if order == "community":
        found = communities(layer, restarts=2)
        rows, cols = (_rank(group * (d.max(initial=0) + 1.0) - d) for group, d in ((found.inputs, layer.out_degrees), (found.outputs, layer.in_degrees)))
        return rows, cols
    matrix = layer.to_scipy()
    rows, cols = layer.out_degrees, layer.in_degrees
    left, right = np.arange(layer.n_in) / max(layer.n_in, 1), np.arange(layer.n_out) / max(layer.n_out, 1)
    for _ in range(24):  # idle neurons go last
        right = _rank(np.where(cols > 0, matrix.T @ left / np.maximum(cols, 1), 2)) / max(layer.n_out, 1)
        left = _rank(np.where(rows > 0, matrix @ right / np.maximum(rows, 1), 2)) / max(layer.n_in, 1)
    return _rank(left), _rank(right)


def _rank(values: np.ndarray) -> np.ndarray:
    out = np.empty(len(values), dtype=np.int64)
    out[np.argsort(values, kind="stable")] = np.arange(len(values))
    return out


def _spread(places: np.ndarray, linked: np.ndarray) -> np.ndarray:
    """Places of linked neurons as heights from 0 to 1."""
    out = np.full(len(places), 0.5)
    order = _rank(places[linked])
    out[linked] = order / (len(order) - 1) if len(order) > 1 else 0.5
    return out
