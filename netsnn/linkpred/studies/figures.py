"""The figures of a study: curves, the diagram of mean ranks, the map of methods by networks. Each takes an Axes and returns it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from netsnn.linkpred.studies.statistics import mean_ranks
from netsnn.style import COLORS, COLUMN, GREY, PAGE, axes, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from netsnn.linkpred.studies.result import Result

__all__ = ["FIGURES", "heatmap", "modified_roc", "precision_recall", "rank_diagram"]


def precision_recall(result: Result, *, network: str | None = None, methods: Sequence[str] | None = None, ax: Axes | None = None, **_: Any) -> Axes:
    """Precision over recall of each method on one network, mean over splits at equal ranks."""
    with style():
        ax = axes(ax, COLUMN * 1.3)
        network = network or result.networks[0]
        for color, name, x, y in _curves(result, network, methods, lambda rank, hits, test, _: (hits / test, hits / rank)):
            ax.plot(x, y, color=color, label=result.label(name), ls="--" if color == GREY else "-")
        ax.set(xlabel="recall", ylabel="precision", title=network, xlim=(0, 1), ylim=(0, None))
        _legend(ax)
    return ax


def modified_roc(result: Result, *, network: str | None = None, methods: Sequence[str] | None = None, ax: Axes | None = None, **_: Any) -> Axes:
    """The modified ROC curve: ln(1 + TP) over ln(1 + FP), both normalised to 1."""
    with style():
        ax = axes(ax, COLUMN * 1.3)
        network = network or result.networks[0]
        scaled = lambda rank, hits, test, candidates: (np.log1p(rank - hits) / np.log1p(max(candidates - test, 1)), np.log1p(hits) / np.log1p(test))
        for color, name, x, y in _curves(result, network, methods, scaled):
            ax.plot(np.append(0, x), np.append(0, y), color=color, label=result.label(name), ls="--" if color == GREY else "-")
        p, n = np.mean([(r["test"], max(r["candidates"] - r["test"], 1)) for r in result.records if r["network"] == network and "curve" in r], axis=0)
        f = np.expm1(np.linspace(0, np.log1p(n), 200))
        ax.plot(np.log1p(f) / np.log1p(n), np.log1p(f * p / n) / np.log1p(p), color="#c8c8c8", lw=0.8, label="random", zorder=0)
        ax.set(xlabel="ln(1 + FP) / ln(1 + N)", ylabel="ln(1 + TP) / ln(1 + P)", title=network, xlim=(0, 1), ylim=(0, 1.02))
        _legend(ax)
    return ax


def rank_diagram(result: Result, *, metric: str = "precision", methods: Sequence[str] | None = None, ax: Axes | None = None, **_: Any) -> Axes:
    """Mean ranks over networks, the best to the right; bars join methods closer than the critical difference (Nemenyi, 0.05)."""
    with style():
        found = result.compare(metric, methods=methods)
        ranks = mean_ranks(found.values)
        order = np.argsort(ranks, kind="stable")
        k, width = len(ranks), found.critical_difference
        bars = [(ranks[order[i]], ranks[order[j]]) for i, j in _cliques(ranks[order], width)] if np.isfinite(width) else []
        rows = (k + 1) // 2
        ax = axes(ax, COLUMN * 1.25, 0.75 + 0.2 * rows + 0.12 * len(bars))
        top, step, first = 0.0, 1.0, 0.9 + 0.5 * len(bars)
        low, high = 1, max(k, 2)
        ax.set(xlim=(high + 0.15, low - 0.15), ylim=(first + step * rows + 0.1, -2.3))
        ax.axis("off")
        ax.plot([low, high], [top, top], color="black", lw=0.8)
        for tick in range(low, high + 1):
            ax.plot([tick, tick], [top, top - 0.3], color="black", lw=0.8)
            ax.text(tick, top - 0.4, str(tick), ha="center", va="bottom")
        for i, (a, b) in enumerate(bars):
            y = 0.45 + 0.5 * i
            ax.plot([a - 0.04, b + 0.04], [y, y], color="black", lw=3, solid_capstyle="round")
        for place, m in enumerate(order):
            right = place < rows
            y = first + step * (place if right else k - 1 - place) + 0.4
            edge = low - 0.1 if right else high + 0.1
            ax.plot([ranks[m], ranks[m], edge], [top, y, y], color=GREY if result.label(found.methods[m]) != found.methods[m] else COLORS[0], lw=0.9)
            ax.text(edge, y, f" {result.label(found.methods[m])} {ranks[m]:.2f}" if right else f"{ranks[m]:.2f} {result.label(found.methods[m])} ",
                    ha="left" if right else "right", va="center", clip_on=False)
        if np.isfinite(width) and width < high - low:
            ax.plot([high, high - width], [-1.55, -1.55], color="black", lw=0.8, marker="|", ms=5)
            ax.text(high - width / 2, -1.65, f"critical difference {width:.2f}", ha="center", va="bottom")
        ax.set_title(f"mean rank by {metric}, {len(found.networks)} networks", y=1.0)
    return ax


def heatmap(result: Result, *, metric: str = "precision", methods: Sequence[str] | None = None, ax: Axes | None = None, **_: Any) -> Axes:
    """Methods by networks: colour tells the share of the best value on the network, the number is the value itself."""
    with style():
        chosen = result._named("method", result.methods, methods or result.methods)
        means = result.means(metric)[:, [result.methods.index(name) for name in chosen]]
        best = np.nanmax(np.where(np.isnan(means), -np.inf, means), axis=1, keepdims=True)
        with np.errstate(divide="ignore", invalid="ignore"):
            share = np.where(best > 0, means / best, np.nan)
        ax = axes(ax, min(PAGE, 1.4 + 0.62 * len(chosen)), 0.8 + 0.19 * len(means))
        image = ax.imshow(np.ma.masked_invalid(share), cmap="viridis", vmin=0, vmax=1, aspect="auto")
        for (i, j), value in np.ndenumerate(means):
            text = "–" if np.isnan(value) else f"{value:.3f}"
            ax.text(j, i, text, ha="center", va="center", fontsize=6.5, fontweight="bold" if share[i, j] > 1 - 1e-12 else None,
                    color="black" if np.isnan(share[i, j]) or share[i, j] > 0.6 else "white")
        ax.set_xticks(range(len(chosen)), [result.label(name) for name in chosen], rotation=35, ha="right", rotation_mode="anchor")
        ax.set_yticks(range(len(result.networks)), result.networks)
        ax.tick_params(length=0)
        ax.spines[:].set_visible(False)
        bar = ax.figure.colorbar(image, ax=ax, shrink=min(1, 6 / len(means)), aspect=12, pad=0.02)
        bar.set_label("share of the best")
        bar.outline.set_visible(False)
        ax.set_title(metric)
    return ax


FIGURES = {"pr": precision_recall, "mroc": modified_roc, "ranks": rank_diagram, "heatmap": heatmap}


def _legend(ax: Axes) -> None:
    """Beside the curves, where it hides none."""
    ax.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), handlelength=1.4)


def _curves(result: Result, network: str, methods: Sequence[str] | None, point: Callable[[np.ndarray, np.ndarray, int, int], tuple[np.ndarray, np.ndarray]]
            ) -> list[tuple[str, str, np.ndarray, np.ndarray]]:
    """(color, method, x, y): of each split `point`(rank, hits, test links, candidates) at the ranks of the longest, then means over splits."""
    chosen = result._named("method", result.methods, methods or result.methods)
    color = iter(COLORS * 10)
    found = []
    for name in chosen:
        mine = [r for r in result.records if r["network"] == network and r["method"] == name and "curve" in r]
        if not mine:
            continue
        rank = np.array(max(mine, key=lambda r: r["candidates"])["curve"]["rank"])
        x, y = np.mean([point(np.minimum(rank, r["candidates"]), np.interp(rank, r["curve"]["rank"], r["curve"]["hits"]), r["test"], r["candidates"]) for r in mine], axis=0)
        found.append((GREY if result.label(name) != name else next(color), name, x, y))
    if not found:
        raise ValueError(f"no method has a value on {network!r}")
    return found


def _cliques(ranks: np.ndarray, width: float) -> list[tuple[int, int]]:
    """Longest runs of sorted ranks within `width`, as (first, last), runs inside another left out."""
    runs: list[tuple[int, int]] = []
    for i in range(len(ranks)):
        j = int(np.searchsorted(ranks, ranks[i] + width, side="right")) - 1
        if j > i and (not runs or j > runs[-1][1]):
            runs.append((i, j))
    return runs
