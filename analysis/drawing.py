"""How methods look in figures, and numbers in tables."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from scipy.stats import t

from netsnn.io.atomic import write_bytes
from netsnn.style import COLORS, GREY, save, style

__all__ = ["LOOK", "figure", "interval", "keep", "mean_text", "styled", "table", "write_text"]

LOOK = {
    "dense": {"color": "black", "ls": "--", "lw": 1.0},
    "static": {"color": GREY, "marker": "s"},
    "set": {"color": COLORS[2], "marker": "^"},
    "rigl": {"color": COLORS[3], "marker": "v"},
    "deep_r": {"color": COLORS[5], "marker": "D"},
    "grad_r": {"color": COLORS[4], "marker": "P"},
    "sd_snn": {"color": COLORS[7], "marker": "X"},
    "pq_layer": {"color": COLORS[6], "marker": "<"},
    "pq_neuron": {"color": COLORS[6], "marker": ">", "ls": ":"},
    "cht": {"color": COLORS[0], "marker": "o", "ls": ":"},
    "ch_snn": {"color": COLORS[1], "marker": "o", "lw": 2.0},
    "ch_snn_sw": {"color": COLORS[1], "marker": "*", "ls": ":", "ms": 6},
}


def styled(function):
    """All that the function draws and writes has the package's look."""
    @functools.wraps(function)
    def inner(*arguments, **named):
        with style():
            return function(*arguments, **named)
    return inner


def figure(rows: int, columns: int, width: float, height: float, **options):
    """A figure and its axes, always two-dimensional; for functions that are `styled`."""
    return plt.subplots(rows, columns, figsize=(width, height), layout="constrained", squeeze=False, **options)


def keep(figure, path: Path) -> None:
    """Write a figure as PNG and PDF."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for ending in (".png", ".pdf"):
        save(figure, path.with_suffix(ending))
    plt.close(figure)


def interval(values: Iterable[float]) -> tuple[float, float]:
    """Mean and half the width of its 95 % interval (Student's t over seeds), NaN for fewer than three values."""
    values = np.asarray([value for value in values if value is not None and math.isfinite(value)], dtype=float)
    if not len(values):
        return math.nan, math.nan
    half = t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / math.sqrt(len(values)) if len(values) > 2 else math.nan
    return float(values.mean()), float(half)


def mean_text(values: Iterable[float], digits: int = 2, factor: float = 100) -> str:
    """The mean, and its interval where there is one; "" without values."""
    mean, half = interval(values)
    if math.isnan(mean):
        return ""
    return f"{factor * mean:.{digits}f}" + ("" if math.isnan(half) else f" ± {factor * half:.{digits}f}")


def table(head: Sequence[str], rows: Iterable[Sequence]) -> str:
    """Markdown."""
    line = lambda cells: "| " + " | ".join(str(cell) for cell in cells) + " |"
    return "\n".join([line(head), "|" + "|".join(["---", *["---:"] * (len(head) - 1)]) + "|", *map(line, rows)]) + "\n"


def write_text(path: Path, *parts: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bytes(("\n\n".join(part.strip() for part in parts) + "\n").encode(), path)
