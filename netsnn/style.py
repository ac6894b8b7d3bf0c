"""How figures look: sizes of journal columns, colours that colour-blind readers can tell apart, text that stays text."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Literal

from netsnn.hints import PathLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis

__all__ = ["COLORS", "COLUMN", "GREY", "PAGE", "STYLES", "axes", "colors", "legend_below", "plain", "save", "style", "use", "whole"]

COLUMN, PAGE = 3.5, 7.2  # width of one and of two journal columns, inches
COLORS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f5fb0", "#8c6d31")  # Okabe, Ito (2008), and two more
GREY = "#8a8a8a"

_SETTINGS = {
    "font.size": 8, "axes.titlesize": 8, "axes.labelsize": 8, "xtick.labelsize": 7, "ytick.labelsize": 7, "legend.fontsize": 7,
    "axes.spines.top": False, "axes.spines.right": False, "axes.linewidth": 0.6, "xtick.major.width": 0.6, "ytick.major.width": 0.6,
    "lines.linewidth": 1.2, "legend.frameon": False, "pdf.fonttype": 42, "ps.fonttype": 42, "svg.fonttype": "none", "svg.hashsalt": "netsnn", "savefig.dpi": 300,
}


STYLES = {
    "paper": _SETTINGS | {"figure.figsize": (COLUMN, 2.6)},
    "paper-wide": _SETTINGS | {"figure.figsize": (PAGE, 3.0)},
    "talk": _SETTINGS | {"font.size": 14, "axes.titlesize": 14, "axes.labelsize": 14, "xtick.labelsize": 12, "ytick.labelsize": 12, "legend.fontsize": 12,
                         "axes.linewidth": 1.0, "lines.linewidth": 2.2, "figure.figsize": (8.0, 5.0)},
}


def use(name: str = "paper") -> AbstractContextManager[None]:
    """Set matplotlib up for figures of your own in the same look: "paper" (one journal column), "paper-wide" (two) or "talk".

    It holds from the call on; as `with style("paper"): ...` until the end of the block. No LaTeX is needed: text stays text in PDF and SVG.

    `name` is one of `STYLES`.

    Examples
    --------
    >>> import matplotlib
    >>> with use("paper"):
    ...     matplotlib.rcParams["font.size"]
    8.0
    """
    if name not in STYLES:
        raise ValueError(f"no style {name!r}; styles: {', '.join(STYLES)}")
    return _apply(STYLES[name])


def style() -> AbstractContextManager[None]:
    """What figures of this package are drawn in: the settings of "paper" without a size."""
    return _apply(_SETTINGS)


def _apply(settings: dict) -> AbstractContextManager[None]:
    """Set matplotlib so, and at the end of a `with` as it was.

    Nothing but these settings is put back: rc_context would also undo what a backend sets when it first draws, and
    a notebook would show no figure after the first.
    """
    import matplotlib

    before = {key: matplotlib.rcParams[key] for key in settings}
    matplotlib.rcParams.update(settings)
    return _restoring(before)


@contextmanager
def _restoring(before: dict) -> Iterator[None]:
    import matplotlib

    try:
        yield
    finally:
        matplotlib.rcParams.update(before)


def axes(ax: Axes | None = None, width: float = COLUMN, height: float = 2.6) -> Axes:
    """The given Axes, or new ones in a figure of this size."""
    if ax is not None:
        return ax
    import matplotlib.pyplot as plt

    with style():
        return plt.subplots(figsize=(width, height), layout="constrained")[1]


def colors(n: int) -> list:
    """A colour for each of `n` lines: the palette, or shades in order where it would repeat."""
    if n <= len(COLORS):
        return list(COLORS[:n])
    import matplotlib

    return [matplotlib.colormaps["viridis"](i / (n - 1) * 0.95) for i in range(n)]


def plain(name: object, most: int = 48) -> str:
    """A name as text that matplotlib draws as it is: no mathematics, no legend entry left out, and not without end."""
    text = str(name)
    text = text if len(text) <= most else f"{text[:most // 2]}…{text[-(most // 2):]}"
    return ("\u200b" if text.startswith("_") else "") + text.replace("$", r"\$")


def legend_below(ax: Axes, handles: list, labels: list[str], most: int = 24) -> None:
    """One legend under the Axes, in as many columns as its labels leave room for; of very many lines an even choice."""
    step = -(-len(labels) // most) or 1
    handles, labels = handles[::step], labels[::step]
    longest = max((len(label) for label in labels), default=1)
    ax.legend(handles, labels, loc="upper center", bbox_to_anchor=(0.5, 0), ncols=max(1, min(len(labels), 110 // (longest + 7))), handlelength=1.2, columnspacing=1.2)


def whole(axis: Axis, most: int | Literal["auto"] = "auto") -> None:
    """Ticks of an axis at whole numbers only, on a short axis `most` + 1 of them."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator(nbins=most, integer=True, steps=[1, 2, 2.5, 5, 10], min_n_ticks=1))


def save(ax: Axes, path: PathLike) -> None:
    """Write the figure of these Axes to a file, whole or not at all (format by its extension). A figure drawn again gives the same bytes.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from matplotlib.figure import Figure
    >>> path = Path(tempfile.mkdtemp()) / "empty.svg"
    >>> save(Figure().subplots(), path)
    >>> path.read_text()[:5]
    '<?xml'
    """
    import io
    import os

    from netsnn.io.atomic import write_bytes

    data, kind = io.BytesIO(), os.path.splitext(str(path))[1].lstrip(".").lower() or "png"
    undated = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}.get(kind)
    with style():
        ax.figure.figure.savefig(data, format=kind, metadata=undated)
    write_bytes(data.getvalue(), path)
