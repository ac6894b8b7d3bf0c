"""The report of a recorded run: one HTML page with everything in it."""

from __future__ import annotations

import html
import io
import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from netsnn.graph import Layer
from netsnn.hints import PathLike
from netsnn.history import History
from netsnn.io import write_text
from netsnn.measures import hubs, network_summary, neural_persistence, summary
from netsnn.measures.checks import check_kind
from netsnn.measures.powerlaw import STEEPEST
from netsnn.network import Network
from netsnn.plot import layers as draw
from netsnn.plot import runs
from netsnn.plot.topology import persistence_diagram
from netsnn.style import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["report"]

SHOWN = 1500  # more marks than this stand in a picture inside the figure: the page stays small
MEASURES = ("links", "density", "idle_inputs", "idle_outputs", "out_degree_gini", "in_degree_gini", "hub_inputs", "hub_outputs", "out_degree_gamma",
            "in_degree_gamma", "assortativity", "clustering", "modularity", "communities", "path_length", "components", "spectral_gap", "nodf")


def report(history: History, path: PathLike, *, title: str | None = None, opening: Iterable = ()) -> Path:
    """Write the report of a run as one self-contained page: figures as SVG, tables, light and dark, nothing loaded from elsewhere.

    Parameters
    ----------
    history : History
    path : file to write, .html
    title : str, optional
        By default the name of the run's folder.
    opening : what the page begins with, of your own: texts, tables as (head, rows of texts), figures as (Axes, caption)

    Examples
    --------
    >>> import tempfile
    >>> from netsnn import Layer
    >>> history = History(Path(tempfile.mkdtemp()) / "history")
    >>> for step in range(3):
    ...     history.record([Layer.from_edges([0, 1, step], [step, 1, 2], shape=(4, 3), simplify=True)], step=step)
    >>> report(history, history.folder.parent / "report.html").name
    'report.html'
    """
    check_kind(history, History, "plot.report")
    if not len(history):
        raise ValueError(f"{history.folder}: the history is empty")
    title = title or (history.folder.parent if history.folder.name == "history" else history.folder).name
    last, first = history[-1], history[0]
    labels = [str(name) for name in history.names or [f"layer {i}" for i in range(len(history.shapes))]]
    follows = runs.follows(history)
    figures = _Figures()
    parts = [_own(piece, figures) for piece in opening]
    parts += [_facts(history), "<h2>How it evolved</h2>", figures.add(runs.evolution(history), "What changed over the snapshots. " + " ".join(
        f"<b>{name}</b>: {text}." for name, text in runs.CURVES.items()))]
    if follows and len(labels) > 1:
        parts += ["<h2>The network</h2>", _network_table(first.network(), last.network()),
                  figures.add(draw.hub_map(last.network()), "Degrees of all neurons in the last snapshot; hubs (above mean + 2 standard deviations) in colour.")]
    parts += ["<h2>The layers</h2>", _layer_table(history, labels)]
    for i, label in enumerate(labels):
        one = last.layers[i]
        parts.append(f"<h3>{html.escape(label)}: {one.n_in} inputs, {one.n_out} outputs, {one.n_links} links</h3><div class='row'>")
        parts.append(figures.add(draw.layer_drawing(one, order="community"), "The last snapshot by communities."))
        parts.append(figures.add(draw.degree_distribution(one), "Degrees on both sides, with the fitted tails."))
        if one.n_in == math.isqrt(one.n_in) ** 2 and one.n_in >= 64 and i == 0:
            parts.append(figures.add(draw.receptive_field(one), "Links of each input, as an image."))
        if len(history) > 1:
            parts.append(figures.add(runs.link_ages(history, layer=i), "How old its links are."))
            parts.append(figures.add(runs.alluvial(history, layer=i), "How communities of neurons merged and split."))
        parts.append("</div>" + _hub_list(one))
    if last.weights is not None and all(w is not None and np.isfinite(w).all() for w in last.weights) and any(w is not None and w.any() for w in last.weights):
        found = neural_persistence(list(zip(last.layers, last.weights)))
        parts += ["<h2>Persistence</h2>", figures.add(persistence_diagram(found), "Neural persistence of the last snapshot's weights, missing links as weight 0 "
                                                      "(Rieck et al. 2019). It rises with sparsity by itself: compare equal sparsities only.")]
    page = PAGE.replace("__TITLE__", html.escape(title)).replace("__BODY__", "\n".join(parts))
    write_text(page, path)
    return Path(path)


class _Figures:
    """Turns Axes into SVG for one page: ids kept apart, ink in the page's colour."""

    def __init__(self) -> None:
        self.n = 0

    def add(self, ax: Axes, caption: str) -> str:
        import matplotlib.pyplot as plt

        self.n += 1
        for collection in [c for a in (ax, *ax.child_axes) for c in a.collections]:
            if len(np.asarray(collection.get_offsets())) > SHOWN or len(collection.get_paths()) > SHOWN:
                collection.set_rasterized(True)
        out = io.StringIO()
        with style():
            ax.figure.figure.savefig(out, format="svg", transparent=True, dpi=170, metadata={"Date": None, "Creator": None})
        plt.close(ax.figure.figure)
        svg = out.getvalue()
        svg = svg[svg.index("<svg"):]
        svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.S)
        svg = svg.replace("#000000", "currentColor")
        svg = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>f{self.n}-", svg)
        width = float(re.findall(r'<svg [^>]*?width="([\d.]+)pt"', svg)[0])
        svg = re.sub(r'<svg [^>]*>', lambda tag: re.sub(r' (width|height)="[^"]*"', "", tag[0])[:-1] + f' role="img" style="max-width:{1.5 * width:.0f}px;min-width:{1.2 * width:.0f}px">', svg, count=1)
        wide = ' class="full"' if width > 330 else ""  # wider than a column: a row of its own
        return f"<figure{wide}>{svg}<figcaption>{caption}</figcaption></figure>"


def _own(piece: Any, figures: _Figures) -> str:
    if isinstance(piece, str):
        return f"<p>{html.escape(piece)}</p>"
    first, second = piece
    return figures.add(first, html.escape(second)) if isinstance(second, str) else _table(list(first), [list(row) for row in second])


def _facts(history: History) -> str:
    scalars = {name: values[np.isfinite(values)] for name, values in history.scalars.items() if np.isfinite(values).any()}  # the start has none
    rows = [("snapshots", f"{len(history)}, steps {history.steps[0]} to {history.steps[-1]}"),
            ("shape", " → ".join(map(str, [history.shapes[0][0], *(s[1] for s in history.shapes)])) if all(
                a[1] == b[0] for a, b in zip(history.shapes, history.shapes[1:])) else ", ".join(f"{a} x {b}" for a, b in history.shapes)),
            *((name, f"{values[0]:.4g} → {values[-1]:.4g}") for name, values in scalars.items())]
    return _table(["", ""], [[name, value] for name, value in rows], plain=True)


def _network_table(first: Network, last: Network) -> str:
    before, after = network_summary(first), network_summary(last, before=first)
    rows = [[name, _number(before[name]) if name in before else "", _number(value)] for name, value in after.items()]
    return _table(["whole network", "first", "last"], rows)


def _layer_table(history: History, labels: list[str]) -> str:
    ends = [[summary(layer) for layer in snapshot.layers] for snapshot in (history[0], history[-1])]
    head = ["measure", *(f"{label}, {when}" for label in labels for when in ("first", "last"))]
    cell = lambda name, value: f"≥ {STEEPEST:.0f}" if name.endswith("gamma") and value > STEEPEST - 0.01 else _number(value)  # at its bound
    rows = [[name, *(cell(name, end[i][name]) for i in range(len(labels)) for end in ends)] for name in MEASURES]
    return _table(head, rows)


def _hub_list(layer: Layer) -> str:
    texts = []
    for what, ids, d, names in zip(("inputs", "outputs"), hubs(layer), (layer.out_degrees, layer.in_degrees), (layer.input_names, layer.output_names)):
        if len(ids):
            texts.append(f"hubs among the {what}: " + ", ".join(f"{html.escape(str(names[i] if names else i))} ({d[i]})" for i in ids[:10])
                         + (f" and {len(ids) - 10} more" if len(ids) > 10 else ""))
    return f"<p class='quiet'>{'; '.join(texts)}</p>" if texts else ""


def _table(head: list[str], rows: list[list[str]], plain: bool = False) -> str:
    top = "" if plain else "<thead><tr>" + "".join(f"<th>{html.escape(cell)}</th>" for cell in head) + "</tr></thead>"
    body = "".join("<tr>" + "".join(f"<{'th' if not i else 'td'}>{html.escape(cell)}</{'th' if not i else 'td'}>" for i, cell in enumerate(row)) + "</tr>" for row in rows)
    return f"<div class='wide'><table>{top}<tbody>{body}</tbody></table></div>"


def _number(value: float) -> str:
    return "–" if math.isnan(value) else str(value).replace("inf", "∞") if math.isinf(value) else f"{value:.0f}" if value == round(value) and abs(value) < 1e9 else f"{value:.4g}"


PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>__TITLE__</title>
<style>
:root { color-scheme: light dark; --ink: #1d2024; --paper: #fff; --quiet: #666; --line: #ddd; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e6e6; --paper: #15171a; --quiet: #a0a0a0; --line: #3a3d42; } }
body { margin: 0 auto; max-width: 1180px; padding: 1em; font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
h1 { font-size: 1.6em; overflow-wrap: anywhere; } h2 { margin-top: 1.8em; border-bottom: 1px solid var(--line); } h3 { font-size: 1.05em; margin: 1.6em 0 .4em; }
figure.full { grid-column: 1 / -1; } figure { margin: .8em 0; overflow-x: auto; } figure svg { width: 100%; height: auto; display: block; } svg text { fill: currentColor; }
figcaption, .quiet { color: var(--quiet); font-size: .88em; max-width: 75ch; }
.row { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(330px, 100%), 1fr)); gap: .4em 2em; align-items: end; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: .92em; }
th, td { padding: .18em .9em .18em 0; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap; } th:first-child { text-align: left; font-weight: 500; }
</style></head><body>
<h1>__TITLE__</h1>
__BODY__
</body></html>
"""
