"""Accuracy against sparsity, and what an inference costs: eleven methods on Fashion-MNIST and on the embedded digits.

    python -m analysis.accuracy [--jobs 2] [--minutes 60]      # goes on where it was; needs analysis.tuning

Spiking networks 784-784-10 and 784-784-784-10, T = 8, rate code; every method trains equally long, with what `analysis.tuning` chose. Writes
analysis/results/accuracy: runs.csv, topology.csv and nulls.csv (for `analysis.topology`), README.md, figures.
"""

from __future__ import annotations

from collections.abc import Iterator

from analysis import drawing
from analysis.measured import against_chance, fields, over_training, result, work
from analysis.methods import DATASETS, HIDDEN, LEVELS, METHODS, NAMES, VARIANTS, chosen, config, own, small
from analysis.runs import Place, Rows, Study, command
from netsnn.snn import Config
from netsnn.style import PAGE

MAIN = (0.98, 0.99)  # with three seeds, but for 3FC on Fashion-MNIST
OUTCOME = ("sd_snn", "pq_layer", "pq_neuron")  # also with the sparsity that their own constants give


def study(place: Place, quick: bool = False) -> Study:
    if quick:
        cells = {name: small(one) for name, one in _cells("digits", "2fc", (0.9, 0.98), (0,))}
    else:
        cells = dict(_in_order())
    return Study("accuracy", cells, measure, ("runs", "topology", "nulls", "fields"), place)


def _in_order() -> Iterator[tuple[str, Config]]:
    """What says most comes first."""
    others = tuple(level for level in LEVELS if level not in MAIN)
    yield from _cells("fashion-mnist", "2fc", MAIN, (0,))
    yield from _cells("digits", "2fc", LEVELS, (0,))
    yield from _cells("fashion-mnist", "2fc", others, (0,))
    yield from _cells("digits", "2fc", MAIN, (1, 2))
    yield from _cells("digits", "3fc", LEVELS, (0,))
    yield from _cells("fashion-mnist", "2fc", MAIN, (1, 2))
    yield from _cells("fashion-mnist", "2fc", MAIN, (0, 1, 2), tuple(VARIANTS))
    yield from _cells("fashion-mnist", "3fc", MAIN, (0,))
    for data, method in ((data, method) for data in ("digits", "fashion-mnist") for method in OUTCOME):
        yield f"{data}/2fc/{method}/own/0", own(data, "2fc", method, **chosen(data, method))
    yield from _cells("fashion-mnist", "3fc", others, (0,))
    yield from _cells("digits", "3fc", MAIN, (1, 2))


def _cells(data: str, model: str, levels, seeds, methods=tuple(METHODS)) -> Iterator[tuple[str, Config]]:
    for seed in seeds:
        for level in levels:
            for method in methods:
                if method != "dense":
                    yield f"{data}/{model}/{method}/{level:g}/{seed}", config(data, model, method, level, seed=seed, **chosen(data, method, level))
        if "dense" in methods and (levels == MAIN or data == "digits"):
            yield f"{data}/{model}/dense/0/{seed}", config(data, model, "dense", None, seed=seed, **chosen(data, "dense"))


def measure(run) -> dict[str, Rows]:
    return {"runs": [{**result(run), **work(run)}], "topology": over_training(run), "nulls": against_chance(run), "fields": fields(run) if run.config.seed == 0 else []}


# ---- report -----------------------------------------------------------------------------------


def parts(cell: str) -> dict:
    """What a cell's name says."""
    data, model, method, level, seed = cell.split("/")
    return {"data": data, "model": model, "method": method, "level": level if level == "own" else float(level), "seed": int(seed)}


def report(found: Study) -> None:
    rows = [{**row, **parts(row["cell"])} for row in found.rows()]
    panels = [(data, model) for data in DATASETS for model in HIDDEN if any((row["data"], row["model"]) == (data, model) for row in rows)]
    of = lambda data, model, method, level: [row for row in rows if (row["data"], row["model"], row["method"], row["level"]) == (data, model, method, level)]
    levels = sorted({row["level"] for row in rows if row["level"] not in ("own", 0.0)})
    _draw(rows, panels, "density", "links of the sparse layers, share", found.folder / "accuracy")
    _draw(rows, panels, "sops", "synaptic operations an inference", found.folder / "energy")
    text = [f"# Accuracy and energy\n\n{found.state()}"]
    for data, model in panels:
        sizes = "-".join(map(str, (784, *HIDDEN[model], 10)))
        dense = of(data, model, "dense", 0.0)
        shown = [method for method in NAMES if method != "dense" and any((row["data"], row["model"], row["method"]) == (data, model, method) for row in rows)]
        said = drawing.mean_text(row["accuracy"] for row in dense) or "not there yet"
        base = drawing.interval(row["accuracy"] for row in dense)[0]
        text.append(f"## {data}, {sizes}\n\nTest accuracy in %, by sparsity of the sparse layers (mean and 95 % interval over seeds where there are several). "
                    f"Dense: **{said}**.")
        text.append(drawing.table(["method", *(f"{100 * level:g} %" for level in levels)],
                                  [[NAMES[method], *(_accuracy(of(data, model, method, level), base) for level in levels)] for method in shown]))
        text.append("What an inference costs (SOPs: synaptic operations; idle nodes: hidden neurons without a path from input to output; firing rate: spikes a neuron and step):")
        full = drawing.interval(row["sops"] for row in dense)[0]
        text.append(drawing.table(["method", *(f"{name}, {100 * level:g} %" for level in MAIN for name in ("SOPs", "times fewer", "idle nodes, %", "firing rate"))],
                                  [[NAMES[method], *(cell for level in MAIN for cell in _work(of(data, model, method, level), full))] for method in shown]
                                  + [["dense", *_work(dense, full), *[""] * 4]]))
        outcomes = [row for row in rows if (row["data"], row["model"], row["level"]) == (data, model, "own")]
        if outcomes:
            text.append("With the sparsity that comes out of the published constants:")
            text.append(drawing.table(["method", "sparsity, %", "accuracy, %", "gain on dense"],
                                      [[NAMES[row["method"]], f"{100 * (1 - row['density']):.2f}", f"{100 * row['accuracy']:.2f}", f"{100 * (row['accuracy'] - base):+.2f}"]
                                       for row in outcomes]))
    drawing.write_text(found.folder / "README.md", *text)


def _accuracy(rows: Rows, dense: float) -> str:
    """Accuracy, bold where it reaches the dense twin; with the sparsity where that is an outcome and missed the level by more than a tenth of the links."""
    if not rows:
        return ""
    mean = drawing.interval(row["accuracy"] for row in rows)[0]
    text = drawing.mean_text(row["accuracy"] for row in rows)
    density = drawing.interval(row["density"] for row in rows)[0]
    missed = abs(density / (1 - rows[0]["level"]) - 1) > 0.1
    return (f"**{text}**" if mean >= dense else text) + (f" (at {100 * (1 - density):.1f} %)" if missed else "")


def _work(rows: Rows, dense: float) -> list[str]:
    if not rows:
        return [""] * 4
    mean = lambda name: drawing.interval(row[name] for row in rows)[0]
    return [f"{mean('sops'):,.0f}", f"{dense / mean('sops'):.1f}" if dense == dense else "", f"{100 * (1 - mean('active')):.1f}", f"{mean('firing'):.3f}"]


@drawing.styled
def _draw(rows: Rows, panels, x: str, label: str, path) -> None:
    """Accuracy against x: a panel a data set and model, a line a method."""
    columns = min(2, len(panels)) or 1
    figure, axes = drawing.figure(-(-len(panels) // columns), columns, PAGE, 0.5 + 2.4 * -(-len(panels) // columns))
    for ax in axes.flat[len(panels):]:
        ax.axis("off")
    for ax, (data, model) in zip(axes.flat, panels):
        here = [row for row in rows if (row["data"], row["model"]) == (data, model) and row["level"] != "own"]
        for method, look in drawing.LOOK.items():
            mine = [row for row in here if row["method"] == method]
            points = sorted((drawing.interval(row[x] for row in some)[0], *drawing.interval(100 * row["accuracy"] for row in some))
                            for level in {row["level"] for row in mine} for some in [[row for row in mine if row["level"] == level]])
            if not points:
                continue
            if method == "dense" and x == "density":
                ax.axhline(points[0][1], label=NAMES[method], zorder=1, **look)
            else:
                ax.errorbar(*zip(*((a, b) for a, b, _ in points)), yerr=[0 if c != c else c for _, _, c in points], label=NAMES[method], elinewidth=0.7,
                            **{"ms": 3.5, **look, **({"marker": "*", "ls": "", "ms": 8} if method == "dense" else {})})
        ax.set(xscale="log", title=f"{data}, {'-'.join(map(str, (784, *HIDDEN[model], 10)))}", xlabel=label, ylabel="test accuracy in %")
        accuracies = [100 * row["accuracy"] for row in here if row["method"] not in ("sd_snn", "grad_r") and row["accuracy"]]
        if accuracies:  # SD-SNN with a dozen neurons would squeeze the rest
            ax.set_ylim(min(accuracies) - 1.5, max(accuracies) + 0.8)
        if x == "density":
            ax.set_xticks([1 - level for level in LEVELS], [f"{100 * (1 - level):g} %" for level in LEVELS])
            ax.minorticks_off()
            ax.set_xlim(0.12, 0.004)
    named = {label: handle for ax in axes.flat for handle, label in zip(*ax.get_legend_handles_labels())}
    figure.legend(named.values(), named, loc="outside lower center", ncols=6)
    drawing.keep(figure, path)


if __name__ == "__main__":
    command(__doc__, study, report)
