"""What the wirings become: statistics over training, final wirings against chance, first-layer receptive fields.

    python -m analysis.topology            # reads the tables of analysis.accuracy; computes nothing anew

Writes analysis/results/topology: README.md and figures. Every run's statistics, epoch by epoch, are in analysis/results/accuracy/topology.csv (one row a run,
epoch and layer), those of final wirings beside layers of the same degrees in nulls.csv.
"""

from __future__ import annotations

import math
import textwrap
from collections import defaultdict

import numpy as np

from analysis import accuracy, drawing
from analysis.methods import NAMES
from analysis.runs import ROOT, Rows, Study, arguments_of
from netsnn.style import GREY, PAGE

CURVES = {  # column: (title, layer)
    "active": ("active neurons (ANP)", "all"), "overlap_before": ("links kept in an epoch (Jaccard)", "fc1"), "overlap_start": ("links of the start kept (Jaccard)", "fc1"),
    "in_degree_gini": ("inequality of hidden degrees (Gini)", "fc1"), "hub_outputs": ("hidden hubs", "fc1"), "in_degree_gamma": ("exponent of hidden degrees", "fc1"),
    "modularity": ("modularity (Barber)", "fc1"), "clustering": ("clustering (Robins-Alexander)", "fc1"), "path_length": ("path length", "fc1"),
    "out_degree_gini": ("inequality of input degrees (Gini)", "fc1"), "persistence": ("neural persistence", "fc1"), "explored": ("links ever present, share", "fc1"),
}
STATISTICS = {"clustering": "clustering", "modularity": "modularity", "path_length": "path length", "assortativity": "assortativity", "spectral_gap": "spectral gap", "nodf": "nestedness"}
OTHERS = {"active": "active neurons", "out_degree_gini": "Gini of input degrees", "in_degree_gini": "Gini of hidden degrees", "hub_outputs": "hidden hubs", "idle_inputs": "inputs without links",
          "in_degree_gamma": "exponent of hidden degrees", "overlap_start": "overlap with the start", "explored": "links ever present", "persistence": "neural persistence",
          "weight_variance": "variance of weights"}
COMPARED = ("ch_snn", "set", "rigl")


def report(source: Study) -> None:
    folder = source.place.results / "topology"
    cells = {row["cell"]: {**row, **accuracy.parts(row["cell"])} for row in source.rows()}
    rows = [{**cells[row["cell"]], **row} for row in source.rows("topology")]
    shown = _shown(cells)
    if shown is None:
        raise SystemExit("no runs to look at yet: python -m analysis.accuracy")
    data, model, level, seed = shown
    here = [row for row in rows if (row["data"], row["model"], row["seed"]) == (data, model, seed) and row["level"] in (level, 0.0)]
    what = f"{data}, {model.upper()}, {100 * level:g} % sparsity, seed {seed}"
    over_epochs(here, folder / "evolution", what)
    fields([{**cells[row["cell"]], **row} for row in source.rows("fields")], (data, model, level, seed), folder / "receptive_fields")
    final = {(row["cell"], row["layer"]): row for row in rows if row["epoch"] == row["epochs"]}
    nulls = [{**cells[row["cell"]], **row} for row in source.rows("nulls")]
    against = chance(nulls)
    draw_chance(nulls, folder / "against_chance")
    differences = paired(final, nulls)
    drawing.write_text(folder / "README.md", f"# Topology\n\nMade by `python -m analysis.topology` from the tables of `analysis.accuracy`, whose state is: {source.state()}",
                       f"## Over training\n\n{what}, first layer. ![curves](evolution.png)", "## Receptive fields\n\nLinks of each pixel after training (and before, of those whose "
                       "first wiring looks at the data). ![fields](receptive_fields.png)",
                       "## Final wirings against chance\n\nEach layer beside 20 layers of the same degrees: how many times the null's mean the statistic is, and z, medians over all runs "
                       "(data sets, models, sparsities, seeds, layers).", against, "![z](against_chance.png)",
                       "## CH-SNN beside SET and RigL\n\nPairs of runs with the same data, model, sparsity, seed and layer. d is the mean difference over its standard deviation "
                       "(Cohen's d of pairs); share is how often CH-SNN's value is larger.", differences)


def _shown(cells: dict[str, dict]) -> tuple | None:
    """The combination that most methods have, best at 98 % on the largest data."""
    count = defaultdict(set)
    for row in cells.values():
        if row["level"] not in ("own", 0.0):
            count[row["data"], row["model"], row["level"], row["seed"]].add(row["method"])
    return max(count, key=lambda key: (len(count[key]), key[0] == "fashion-mnist", key[1] == "2fc", key[2] == 0.98, -key[3]), default=None)


@drawing.styled
def over_epochs(rows: Rows, path, title: str) -> None:
    """One panel a statistic, one line a method."""
    figure, axes = drawing.figure(4, 3, PAGE, 7.4, sharex=True)
    for ax, (column, (label, layer)) in zip(axes.flat, CURVES.items()):
        for method, look in drawing.LOOK.items():
            points = sorted((row["epoch"], row[column]) for row in rows if row["method"] == method and row["layer"] == layer and row.get(column) is not None
                            and not (column.endswith("gamma") and row[column] > 9.99))
            if points and not (method == "dense" and column not in ("active", "persistence")):
                ax.plot(*zip(*points), label=NAMES[method], **{**look, "ms": 2.5})
        ax.set_title(label)
    for ax in axes[-1]:
        ax.set_xlabel("epoch")
        ax.xaxis.get_major_locator().set_params(integer=True)
    handles = {label: handle for ax in axes.flat for handle, label in zip(*ax.get_legend_handles_labels())}
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=6)
    figure.suptitle(title, fontsize=8)
    drawing.keep(figure, path)


@drawing.styled
def fields(rows: Rows, shown: tuple, path) -> None:
    """Links of each pixel, a picture a method."""
    data, model, level, seed = shown
    mine = {(row["method"], row["when"]): np.array(str(row["degrees"]).split(), dtype=float) for row in rows
            if (row["data"], row["model"], row["level"], row["seed"]) == (data, model, level, seed)}
    order = [(method, when) for method in NAMES for when in ("before", "after") if (method, when) in mine and not (when == "before" and method not in ("cht", "ch_snn"))]
    lines = 2
    columns = -(-len(order) // lines)
    figure, axes = drawing.figure(lines, columns, PAGE, 0.2 + 1.5 * lines)
    for ax in axes.flat:
        ax.axis("off")
    for ax, (method, when) in zip(axes.flat, order):
        degrees = mine[method, when].reshape(28, 28)
        ax.imshow(degrees, cmap="viridis", vmin=0, vmax=np.quantile(degrees, 0.995))
        name = "\n".join(textwrap.wrap(NAMES[method] + (", at the start" if when == "before" else ""), 16))
        ax.set_title(f"{name}\n0 to {degrees.max():g} links", fontsize=7)
    drawing.keep(figure, path)


def chance(rows: Rows) -> str:
    """Statistic by method: value / null mean (z)."""
    lines = []
    for column, label in STATISTICS.items():
        cells = []
        for method in (name for name in NAMES if any(row["method"] == name for row in rows)):
            mine = [row for row in rows if row["method"] == method and row["statistic"] == column and row["z"] is not None and math.isfinite(row["z"])]
            ratio = [row["value"] / row["null_mean"] for row in mine if row["null_mean"]]
            cells.append(f"{np.median(ratio):.2f}x ({np.median([row['z'] for row in mine]):+.0f})" if mine and column != "assortativity" else
                         f"{np.median([row['value'] - row['null_mean'] for row in mine]):+.2f} ({np.median([row['z'] for row in mine]):+.0f})" if mine else "")
        lines.append([label, *cells])
    return drawing.table(["statistic", *(NAMES[name] for name in NAMES if any(row["method"] == name for row in rows))], lines)


@drawing.styled
def draw_chance(rows: Rows, path) -> None:
    """z of each run: a column of points a method."""
    methods = [name for name in NAMES if any(row["method"] == name for row in rows)]
    figure, axes = drawing.figure(2, 3, PAGE, 4.2, sharey=True)
    for ax, (column, label) in zip(axes.flat, STATISTICS.items()):
        ax.axvspan(-2, 2, color="0.92", zorder=0)
        for i, method in enumerate(methods):
            z = np.array([row["z"] for row in rows if row["method"] == method and row["statistic"] == column and row["z"] is not None])
            look = drawing.LOOK[method]
            ax.plot(z, i + 0.25 * np.linspace(-1, 1, len(z)) if len(z) > 1 else [i] * len(z), ls="", marker=look["marker"], ms=2.5, color=look["color"], alpha=0.7)
            if len(z):
                ax.plot([np.median(z)] * 2, [i - 0.35, i + 0.35], color="black", lw=1)
        ax.axvline(0, color=GREY, lw=0.6)
        ax.set_xscale("symlog", linthresh=2, linscale=0.3)
        ax.margins(x=0.05)
        ax.set(title=label, xticks=[tick for tick in (-1000, -100, -10, 0, 10, 100, 1000) if ax.get_xlim()[0] <= tick <= ax.get_xlim()[1]], yticks=range(len(methods)), yticklabels=[NAMES[name] for name in methods])
        ax.xaxis.set_major_formatter("{x:g}")
    axes[-1, 1].set_xlabel("z against layers of the same degrees")
    axes.flat[0].invert_yaxis()
    drawing.keep(figure, path)


def paired(final: dict, nulls: Rows) -> str:
    """CH-SNN minus SET and minus RigL over matched runs."""
    values: dict[str, dict[tuple, dict[str, float]]] = defaultdict(lambda: defaultdict(dict))
    for row in final.values():
        key = (row["data"], row["model"], row["level"], row["seed"], row["layer"])
        for column in (*OTHERS, *STATISTICS):
            if row.get(column) is not None and row["method"] in COMPARED and math.isfinite(row[column]):
                values[column][key][row["method"]] = row[column]
    for row in nulls:
        key = (row["data"], row["model"], row["level"], row["seed"], row["layer"])
        if row["statistic"] in STATISTICS and row["method"] in COMPARED and row["z"] is not None and math.isfinite(row["z"]):
            values[f"z {row['statistic']}"][key][row["method"]] = row["z"]
    lines = []
    for column, label in {**OTHERS, **STATISTICS, **{f"z {name}": f"z of {label}" for name, label in STATISTICS.items()}}.items():
        full = [pair for pair in values[column].values() if len(pair) == len(COMPARED)]
        if len(full) < 2:
            continue
        cells = [f"{np.mean([pair[method] for pair in full]):.3g}" for method in COMPARED]
        for other in COMPARED[1:]:
            differences = np.array([pair["ch_snn"] - pair[other] for pair in full])
            spread = differences.std(ddof=1)
            cells += [f"{differences.mean() / spread:+.2f}" if spread > 0 else "-", f"{np.mean(differences > 0):.0%}"]
        lines.append([label, *cells, len(full)])
    return drawing.table(["statistic", *(NAMES[name] for name in COMPARED), "d to SET", "share", "d to RigL", "share", "pairs"], lines)


def main() -> None:
    arguments, place = arguments_of(__doc__)
    report(accuracy.study(place, arguments.quick))
    print(f"Report: {(place.results / 'topology' / 'README.md').relative_to(ROOT)}")


if __name__ == "__main__":
    main()
