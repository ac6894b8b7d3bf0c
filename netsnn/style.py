"""How figures look: sizes of journal columns, colours that colour-blind readers can tell apart, text that stays text."""

from __future__ import annotations

from contextlib import contextmanager

__all__ = ["COLORS", "COLUMN", "PAGE", "axes", "save", "style"]

COLUMN, PAGE = 3.5, 7.2  # width of one and of two journal columns, inches
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f5fb0", "#8c6d31")  # Okabe, Ito (2008), and two more
GREY = "#8a8a8a"

_SETTINGS = {
    "font.size": 8, "axes.titlesize": 8, "axes.labelsize": 8, "xtick.labelsize": 7, "ytick.labelsize": 7, "legend.fontsize": 7,
    "axes.spines.top": False, "axes.spines.right": False, "axes.linewidth": 0.6, "xtick.major.width": 0.6, "ytick.major.width": 0.6,
    "lines.linewidth": 1.2, "legend.frameon": False, "pdf.fonttype": 42, "ps.fonttype": 42, "svg.fonttype": "none", "savefig.dpi": 300,
}


@contextmanager
def style():
    """Matplotlib with these settings, and as it was afterwards.

    Nothing but these settings is put back: rc_context would also undo what a backend sets when it first draws, and
    a notebook would show no figure after the first.
    """
    import matplotlib

    before = {key: matplotlib.rcParams[key] for key in _SETTINGS}
    matplotlib.rcParams.update(_SETTINGS)
    try:
        yield
    finally:
        matplotlib.rcParams.update(before)


def axes(ax=None, width: float = COLUMN, height: float = 2.6):
    """The given Axes, or new ones in a figure of this size."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    with style():
        return plt.subplots(figsize=(width, height), layout="constrained")[1]


def save(ax, path) -> None:
    """Write the figure of these Axes to a file, whole or not at all (format by its extension)."""
    import io
    import os

    from netsnn.io.atomic import write_bytes

    data = io.BytesIO()
    with style():
        ax.figure.savefig(data, format=os.path.splitext(str(path))[1].lstrip(".") or "png")
    write_bytes(data.getvalue(), path)
