"""Figures of a recorded run: how the topology evolved, which links lived, which communities merged; and several runs side by side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from netsnn.errors import check_whole
from netsnn.graph import Layer
from netsnn.history import History
from netsnn.measures import communities, power_law
from netsnn.measures.checks import check_kind
from netsnn.network import Network
from netsnn.style import COLORS, GREY, PAGE, axes, colors, legend_below, plain, style, whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

__all__ = ["CURVES", "alluvial", "compare", "evolution", "follows", "link_ages", "topology_row"]


def topology_row(layer: Layer) -> dict[str, float]:
    """What `evolution` follows of each layer, beside what the history itself knows."""
    law = power_law(layer.in_degrees, alternatives=False)
    fitted = law.tail >= 20 and law.gamma < 9.99  # else no tail to speak of: the exponent is at its bound
    return {"modularity": communities(layer, restarts=1).modularity, "gamma": law.gamma if fitted else float("nan"),
            "active": float(np.count_nonzero(layer.in_degrees) / max(layer.n_out, 1))}


CURVES = {
    "accuracy": "accuracy, if it was recorded",
    "turnover": "share of links exchanged since the snapshot before",
    "itop": "links that any snapshot so far had, over all possible",
    "anp": "active neurons: hidden neurons on an input-to-output path (layers that follow each other), or outputs with links",
    "modularity": "Barber's modularity",
    "gamma": "exponent of the outputs' degree law (left out where fewer than 20 neurons make its tail)",
}
TITLES = {"itop": "itop (links ever had)", "anp": "anp (active neurons)", "gamma": "gamma (degree law)"}
NARROW = 0.05
"""A panel shows at least this share of its largest value: a change in the fourth place shall not look like a cliff."""


def evolution(history: History, *, curves: str | Iterable[str] | None = None, ax: Axes | None = None) -> Axes:
    """What changed over the snapshots: one small panel a curve (see `CURVES`), one line a layer; scalars have one line.

    Given `ax`, draws the panels inside it.

    Parameters
    ----------
    history : History
    curves : one or more names in `CURVES`, or of scalars that were recorded
        By default all that the history has.
    ax : Axes, optional

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> history = History("data/run")                   # of netsnn's checkout
    >>> ax = evolution(history, curves=["accuracy", "turnover"], ax=Figure().subplots())
    >>> [panel.get_title() for panel in ax.child_axes]
    ['accuracy', 'turnover']
    """
    check_kind(history, History, "plot.evolution")
    chosen = _chosen([name for name in CURVES if name != "accuracy" or "accuracy" in history.scalars] if curves is None else curves)
    if not len(history):
        raise ValueError(f"{history.folder}: the history is empty")
    if not chosen:
        raise ValueError("evolution needs at least one curve")
    lines = {name: curve(history, name) for name in chosen}
    longest = max(lines.values(), key=len)
    columns = min(3, len(chosen))
    rows = -(-len(chosen) // columns)
    with style():
        ax = axes(ax, PAGE, 0.4 + 1.55 * rows + (0.2 + 0.07 * min(len(longest), 24) if len(longest) > 1 else 0))
        ax.axis("off")
        legend: tuple[list, list[str]] = [], []
        for i, name in enumerate(chosen):
            r, c = divmod(i, columns)
            box = (c / columns + 0.055, 1 - (r + 1) / rows + 0.2 / rows, 1 / columns - 0.085, 0.66 / rows)
            panel = ax.inset_axes(box)
            several = len(lines[name]) > 1
            for color, (label, values) in zip(colors(len(lines[name])) if several else ["black"], lines[name].items()):  # no layer's colour; on the report's page that of its text
                drawn = _line(panel, history, name, values, color)
                if lines[name] is longest and several:
                    legend[0].append(drawn)
                    legend[1].append(plain(label))
            _frame(panel, history.steps, lines[name].values())
            panel.set_title(_title(name))
            panel.set_xlabel("step" if r == rows - 1 else "")
        if legend[0]:
            legend_below(ax, *legend)
    return ax


def _chosen(curves: str | Iterable[str]) -> list[str]:
    """The names of curves as a list; one may be given as a text."""
    return [curves] if isinstance(curves, str) else list(curves)


def _line(panel: Axes, history: History, name: str, values: np.ndarray, color: str) -> Line2D:
    """A curve over the snapshots; of a scalar over those that have it, as one in the middle of an epoch has no accuracy."""
    known = ~np.isnan(values) if name in history.scalars else slice(None)
    return panel.plot(history.steps[known], values[known], color=color, marker="o", ms=2)[0]


def _frame(panel: Axes, steps: np.ndarray, lines: Iterable[np.ndarray]) -> None:
    """The same steps across in every panel, and no magnified trifles; a panel without values says so."""
    first, last = int(steps[0]), int(steps[-1])
    room = 0.03 * (last - first) or 0.5
    panel.set_xlim(first - room, last + room)
    whole(panel.xaxis)
    if not any(np.isfinite(np.asarray(values, dtype=float)).any() for values in lines):
        panel.text(0.5, 0.5, "no values", transform=panel.transAxes, ha="center", va="center", fontsize=7, color=GREY)
        panel.set_yticks([])
        return
    low, high = panel.get_ylim()
    if (missing := NARROW * max(abs(low), abs(high)) - (high - low)) > 0:
        panel.set_ylim(low - missing / 2, high + missing / 2)


def _title(name: str) -> str:
    return TITLES.get(name, plain(name))


def curve(history: History, name: str) -> dict[str, np.ndarray]:
    """The lines of one curve: label to values over the snapshots."""
    if name in history.scalars:
        return {name: history.scalars[name]}
    if name not in CURVES:
        raise ValueError(f"no curve {name!r}; curves: {', '.join(dict.fromkeys([*CURVES, *history.scalars]))}")
    if name == "accuracy":
        raise ValueError(f"{history.folder}: no accuracy was recorded")
    labels = [str(label) for label in history.names or [f"layer {i}" for i in range(len(history.shapes))]]
    if name in ("turnover", "itop"):
        return {label: history.turnover(i)[name] for i, label in enumerate(labels)}
    if name == "anp" and follows(history) and len(labels) > 1:
        return {"hidden neurons": np.array([_active(snapshot.network()) for snapshot in history])}
    frame = history.frame(topology_row)
    column = "active" if name == "anp" else name
    values = np.asarray(frame[column], dtype=float).reshape(len(history), len(labels))
    return {label: values[:, i] for i, label in enumerate(labels)}


def _active(network: Network) -> float:
    """The share of hidden neurons that lie on an input-to-output path."""
    return float(np.concatenate(network.active[1:-1]).mean())


def follows(history: History) -> bool:
    """Whether each layer starts on the neurons where the one before ends: by their number, and their names."""
    form = history._index.form
    shared = zip(form.neurons[1:-1:2], form.neurons[2::2])
    return form.network or (all(a[1] == b[0] for a, b in zip(form.shapes, form.shapes[1:]))
                            and all(a is None or b is None or a == b for a, b in shared))


def link_ages(history: History, *, layer: int | str = 0, at: int = -1, ax: Axes | None = None) -> Axes:
    """Ages of the links of a snapshot, in steps; those that had lived before and came back are marked.

    Parameters
    ----------
    history : History
    layer : int or str
        Its number or name.
    at : int
        Number of the snapshot, from the end if negative.
    ax : Axes, optional

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> history = History("data/run")                   # of netsnn's checkout
    >>> link_ages(history, layer="first", ax=Figure().subplots()).get_ylabel()
    'links'
    """
    check_kind(history, History, "plot.ages")
    found = history.ages(layer, at)
    with style():
        ax = axes(ax)
        steps = history.steps
        present = steps[:range(len(steps))[at] + 1]
        edges = present[-1] - present[::-1]
        width = np.diff(edges).min() * 0.85 if len(edges) > 1 else 1.0
        back = found["earlier"] > 0
        first = np.array([np.count_nonzero((found["age"] == age) & ~back) for age in edges])
        again = np.array([np.count_nonzero((found["age"] == age) & back) for age in edges])
        ax.bar(edges, first, width=width, color=COLORS[0], label="grown once")
        if again.any():
            ax.bar(edges, again, width=width, bottom=first, color=COLORS[1], label="grown again")
            ax.legend()
        ax.set(xlabel=f"age in steps at step {present[-1]}", ylabel="links", title=_label(history, layer), ylim=(0, None if len(found["age"]) else 1))
        if len(edges) == 1:
            ax.set(xlim=(-2, 2), xticks=[0])
        whole(ax.yaxis)
    return ax


def alluvial(history: History, *, layer: int | str = 0, snapshots: Sequence[int] | None = None, ax: Axes | None = None) -> Axes:
    """How communities merge and split: at each of a few snapshots the neurons stacked by community, ribbons for those that go together.

    Parameters
    ----------
    history : History
    layer : int or str
        Its number or name.
    snapshots : list of int
        By default the first, the last and up to three between. Neurons without links stand at the bottom, in grey.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> history = History("data/run")                   # of netsnn's checkout
    >>> ax = alluvial(history, layer="first", snapshots=[0, -1], ax=Figure().subplots())
    >>> len(ax.get_xticks())
    2
    """
    check_kind(history, History, "plot.alluvial")
    n = len(history)
    chosen = sorted({round(x) for x in np.linspace(0, n - 1, min(n, 5))}) if snapshots is None else _numbers(snapshots, n)
    if len(chosen) < 2:
        raise ValueError(f"an alluvial diagram needs two snapshots, got {len(chosen)}")
    groups: list[np.ndarray] = []
    for number in chosen:
        one = history[number].layer(layer)
        found = communities(one)
        label = np.concatenate([found.inputs, found.outputs])
        label[np.concatenate([one.out_degrees, one.in_degrees]) == 0] = -1  # idle
        groups.append(_follow(groups[-1], label) if groups else label)
    with style():
        ax = axes(ax, PAGE * 0.75, 3.0)
        bases = [_draw_blocks(ax, x, group) for x, group in enumerate(groups)]
        for x, (before, after) in enumerate(zip(groups, groups[1:])):
            _draw_ribbons(ax, x, before, after, bases[x], bases[x + 1])
        ax.set_xticks(range(len(chosen)), [f"step {history.steps[i]}\n{len(set(g.tolist()) - {-1})} communities" for i, g in zip(chosen, groups)])
        ax.set(yticks=[], xlim=(-0.15, len(chosen) - 0.85), title=_label(history, layer))
        if (idle := np.count_nonzero(groups[0] == -1)) > 0.05 * len(groups[0]):  # else no room
            ax.text(0.06, idle / len(groups[0]) / 2, f"{idle} without links", va="center", fontsize=7)
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
    return ax


def compare(histories: Mapping[str, History], *, curves: str | Iterable[str] | None = None, layer: int | str = 0, ax: Axes | None = None) -> Axes:
    """Several runs side by side: one panel a curve, one line a run (of the given layer, where the curve has one line a layer).

    Parameters
    ----------
    histories : dict
        Name to History.
    curves : one or more names in `CURVES`, or of scalars that all runs recorded
        By default accuracy (if all runs recorded it), turnover, modularity and anp.
    layer : int or str
        Its number or name.

    Examples
    --------
    >>> from matplotlib.figure import Figure
    >>> history = History("data/run")                   # of netsnn's checkout
    >>> ax = compare({"a run": history, "itself": history}, curves=["accuracy"], ax=Figure().subplots())
    >>> [text.get_text() for text in ax.get_legend().get_texts()]
    ['a run', 'itself']
    """
    if not isinstance(histories, Mapping) or not histories:
        raise ValueError("compare needs a dict of at least one history: {name: History(...)}")
    for label, history in histories.items():
        check_kind(history, History, f"{label}: plot.compare")
        if not len(history):
            raise ValueError(f"{label}: the history is empty")
        history._layer(layer)
    if curves is None:
        curves = [name for name in ("accuracy", "turnover", "modularity", "anp") if name != "accuracy" or all(name in h.scalars for h in histories.values())]
    chosen = _chosen(curves)
    if not chosen:
        raise ValueError("compare needs at least one curve")
    lines = {name: [curve(history, name) for history in histories.values()] for name in chosen}
    with style():
        ax = axes(ax, PAGE, 2.1)
        ax.axis("off")
        for i, name in enumerate(chosen):
            panel = ax.inset_axes((i / len(chosen) + 0.045, 0.26, 1 / len(chosen) - 0.07, 0.6))
            handles, shown = [], []
            for color, history, found in zip(colors(len(histories)), histories.values(), lines[name]):
                values = list(found.values())[history._layer(layer) if len(found) > 1 else 0]
                handles.append(_line(panel, history, name, values, color))
                shown.append(values)
            _frame(panel, np.sort(np.concatenate([history.steps for history in histories.values()])), shown)
            panel.set(title=_title(name), xlabel="step")
        legend_below(ax, handles, [plain(label) for label in histories])
    return ax


def _label(history: History, layer: int | str) -> str:
    return plain(layer if isinstance(layer, str) else history.names[layer] if history.names else f"layer {layer}")


def _numbers(snapshots: Sequence[int], n: int) -> list[int]:
    """Numbers of snapshots, from the end if negative, as places from 0."""
    if np.ndim(snapshots) != 1:
        raise ValueError(f"snapshots must be a list of whole numbers, got {snapshots!r}")
    for i in snapshots:
        if check_whole("a snapshot", i, -n) >= n:
            raise ValueError(f"a snapshot must lie in {-n} .. {n - 1}, got {i}")
    return [range(n)[i] for i in snapshots]


def _follow(before: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Communities renamed after the earlier one that most of their neurons come from, each name given once."""
    out, fresh = np.full(len(label), -1), int(max(before.max(), label.max())) + 1
    taken: set[int] = set()
    size, shared = _sizes(label), _shared(before, label)
    origins: dict[int, list[tuple[int, int]]] = {group: [] for group in size}
    for (origin, group), count in shared.items():
        origins[group].append((count, origin))
    for group in sorted(set(label.tolist()) - {-1}, key=lambda g: -size[g]):
        found = [(count, g) for count, g in origins[group] if g != -1 and g not in taken]
        name = max(found)[1] if found else fresh
        fresh += not found
        taken.add(name)
        out[label == group] = name
    return out


def _sizes(group: np.ndarray) -> dict[int, int]:
    """How many neurons each group has."""
    return dict(zip(*(x.tolist() for x in np.unique(group, return_counts=True))))


def _shared(before: np.ndarray, after: np.ndarray) -> dict[tuple[int, int], int]:
    """How many neurons each group before and each after have in common, where they have any."""
    pairs, counts = np.unique(np.stack([before, after]), axis=1, return_counts=True)
    return dict(zip(zip(*pairs.tolist()), counts.tolist()))


def _draw_blocks(ax: Axes, x: int, group: np.ndarray) -> dict[int, float]:
    """A bar a community, the largest on top; where each begins."""
    total, gap, y, base, size = len(group), 0.012, 0.0, {}, _sizes(group)
    order = sorted(set(group.tolist()), key=lambda g: (g != -1, size[g]))
    for g in order:
        height = size[g] / total
        base[g] = y
        ax.bar(x, height, bottom=y, width=0.06, color=_color(g), zorder=3)
        y += height + gap
    return base


def _draw_ribbons(ax: Axes, x: int, before: np.ndarray, after: np.ndarray, low: dict[int, float], high: dict[int, float]) -> None:
    total, shared = len(before), _shared(before, after)
    left, right = dict(low), dict(high)
    t = np.linspace(0, 1, 30)
    ease = 3 * t**2 - 2 * t**3
    for a in low:
        for b in high:
            share = shared.get((a, b), 0) / total
            if share:
                bottom = left[a] + (right[b] - left[a]) * ease
                ax.fill_between(x + 0.03 + 0.94 * t, bottom, bottom + share, color=_color(a), alpha=0.35, linewidth=0)
                left[a] += share
                right[b] += share


def _color(group: int) -> str:
    return GREY if group < 0 else COLORS[group % len(COLORS)]
