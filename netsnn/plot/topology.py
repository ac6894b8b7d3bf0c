"""Figures of persistence: the diagram and the barcode."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from netsnn.errors import check_whole
from netsnn.measures import NeuralPersistence
from netsnn.measures.checks import check_kind
from netsnn.style import COLORS, COLUMN, PAGE, axes, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["barcode", "persistence_diagram"]


def persistence_diagram(persistence: NeuralPersistence, *, ax: Axes | None = None) -> Axes:
    """Where components merge as the weight threshold falls: each point is a merger, on the strength of its link; one colour a layer.

    `persistence` is what `netsnn.measures.neural_persistence` returns. All components are born at 1, so the points stand in
    one column; they are spread sideways here, and the histogram beside them tells how many there are.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from netsnn.measures import neural_persistence
    >>> found = neural_persistence([np.array([[1.0, 0.5], [0.2, 0.1]])])
    >>> persistence_diagram(found, ax=Figure().subplots()).get_ylabel()
    'death: weight / largest weight'
    """
    check_kind(persistence, NeuralPersistence, "plot.persistence")
    with style():
        crowded = len(persistence.diagrams) > 4
        ax = axes(ax, PAGE if crowded else COLUMN, 2.8)
        rng = np.random.default_rng(0)  # where a point stands sideways means nothing
        for i, (diagram, color) in enumerate(zip(persistence.diagrams, COLORS * 4)):
            death = np.asarray(diagram)[:, 1]
            ax.scatter(i + rng.uniform(-0.3, 0.1, len(death)), death, s=5, color=color, alpha=0.5, linewidths=0, rasterized=len(death) > 20_000)
            if len(death):
                counts, edges = np.histogram(death, bins=24, range=(0, 1))
                ax.barh((edges[1:] + edges[:-1]) / 2, 0.28 * counts / counts.max(), left=i + 0.14, height=1 / 24, color=color, alpha=0.8)
        ax.set_xticks(range(len(persistence.diagrams)), [f"layer {i}\nNP {value:.3f}" for i, value in enumerate(persistence.normalized)],
                      rotation=90 if len(persistence.diagrams) > 9 else 0)
        ax.set(ylabel="death: weight / largest weight", ylim=(-0.03, 1.05), xlim=(-0.5, len(persistence.diagrams) - 0.4))
        ax.axhline(1, color="#c0c0c0", lw=0.8, zorder=0)
        ax.text(ax.get_xlim()[1], 1.01, "birth", ha="right", va="bottom", fontsize=7, color="#808080")
        ax.tick_params(axis="x", length=0)
    return ax


def barcode(persistence: NeuralPersistence, *, layer: int = 0, most: int = 400, ax: Axes | None = None) -> Axes:
    """The life of each component of one layer as a bar, from birth at 1 down to its merger; at most `most` bars, evenly chosen.

    `persistence` is what `netsnn.measures.neural_persistence` returns.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> from netsnn.measures import neural_persistence
    >>> found = neural_persistence([np.array([[1.0, 0.5], [0.2, 0.1]])])
    >>> barcode(found, ax=Figure().subplots()).get_ylabel()
    '3 components'
    """
    check_kind(persistence, NeuralPersistence, "plot.barcode")
    check_whole("most", most, 1)
    if check_whole("layer", layer, -len(persistence.diagrams)) >= len(persistence.diagrams):
        raise ValueError(f"layer must lie in 0 .. {len(persistence.diagrams) - 1}, got {layer}")
    with style():
        ax = axes(ax, COLUMN, 2.6)
        death = np.sort(np.asarray(persistence.diagrams[layer])[:, 1])[::-1]
        shown = death[np.unique(np.linspace(0, len(death) - 1, min(most, len(death))).astype(int))] if len(death) else death
        ax.hlines(np.arange(len(shown)), shown, 1, color=COLORS[layer % len(COLORS)], lw=max(0.3, min(2.0, 150 / max(len(shown), 1))))
        ax.set(xlim=(1.01, -0.01), yticks=[], xlabel="weight / largest weight", ylabel=f"{len(shown)} of {len(death)} components" if len(shown) < len(death)
               else f"{len(death)} components", title=f"layer {layer}")
    return ax
