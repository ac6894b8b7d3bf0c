"""Persistence along training, and two caveats: the variance of the weights explains it in later layers, and masking alone raises it.

    python -m analysis.persistence [--jobs 2] [--minutes 15] [--report] [--quick]

Dense and sparse networks learn the digits at several learning rates; beside each dense one of two layers, a linear classifier. Writes
analysis/results/persistence: runs.csv, one row a run; layers.csv, one row a run, epoch and layer (layer "all": the network); linear.csv, the linear
classifiers; masked.csv, the dense networks with random masks after training; README.md and the figures. Neural persistence is scaled by the largest
weight of the layer it is of; `largest` is that weight over the network's largest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from operator import itemgetter
from pathlib import Path

import numpy as np
import torch
from torch import nn

import netsnn as ns
from analysis import drawing
from analysis.measured import result
from analysis.methods import NAMES, config
from analysis.runs import Place, Rows, Study, command
from netsnn import measures
from netsnn.snn import Config
from netsnn.style import COLORS, GREY, PAGE, style, whole

HIDDEN = {"2FC": (300,), "3FC": (300, 300), "4FC": (300, 300, 300)}
EPOCHS = 10
RATES = (1e-3, 3e-3, 1e-2)
LEVELS = (0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995)
DRAWS = 10
PLACES = {"linear": "linear classifier, 784 x 10", "first": "first, 784 x 300", "hidden": "hidden, 300 x 300", "last": "last, 300 x 10"}
LOOKS = dict(zip(PLACES, zip((COLORS[4], COLORS[0], COLORS[1], COLORS[2]), "Dosv")))
TRAINED = {"ch_snn": "p", "set": "^"}
SHOWN = (("dense", None), ("ch_snn", 0.9), ("ch_snn", 0.98), ("set", 0.9), ("set", 0.98))


def study(place: Place, quick: bool = False) -> Study:
    """Dense networks of two to four layers; CH-SNN and SET of two and three, at 90 and 98 %."""
    cells = {}
    for net, lr, seed in product(HIDDEN, RATES, (0, 1)):
        cells[f"{net}/dense/lr={lr:g}/{seed}"] = settings(net, "dense", None, lr, seed)
    for net, method, level, lr, seed in product(("2FC", "3FC"), ("ch_snn", "set"), (0.9, 0.98), RATES[1:], (0, 1)):
        cells[f"{net}/{method}/{level:g}/lr={lr:g}/{seed}"] = settings(net, method, level, lr, seed)
    if quick:
        small = {"hidden": (100, 100), "epochs": 4, "samples": 1000}
        cells = {name: cells[name].replace(**small if name[0] == "3" else {**small, "hidden": (100,)})
                 for name in ("2FC/dense/lr=0.003/0", "3FC/dense/lr=0.003/0", "3FC/ch_snn/0.9/lr=0.003/0")}
    return Study("persistence", cells, measure, ("runs", "layers", "linear", "masked"), place)


def settings(net: str, method: str, level: float | None, lr: float, seed: int) -> Config:
    return config("digits", "2fc" if net == "2FC" else "3fc", method, level, lr, seed).replace(hidden=HIDDEN[net], epochs=EPOCHS)


# ---- what is measured -------------------------------------------------------------------------


def measure(run) -> dict[str, Rows]:
    found = {"runs": [result(run)], "layers": over_training(run)}
    if run.config.method == "dense":
        found["masked"] = masked(run)
        if len(run.config.hidden) == 1:
            found["linear"] = linear(run.config)
    return found


def over_training(run) -> Rows:
    """One row for each epoch (0: the start) and layer, and one for the network. Accuracy is that before the event that may end an epoch."""
    history, rows = run.history, []
    accuracy = {row["step"]: row["accuracy"] for row in run.log}
    for snapshot in history:
        if snapshot.step not in accuracy and snapshot.step:
            continue
        at = {"epoch": snapshot.step // run.log[0]["step"], "accuracy": accuracy.get(snapshot.step, "")}
        layers = [weighted(layer, values) for layer, values in zip(snapshot.layers, snapshot.weights)]
        ends = snapshot.step in (0, history.steps[-1])
        rows += [{**at, "layer": name, **of_layer(one, run.config.seed, ends), "largest": largest}
                 for name, one, largest in zip(history.names, layers, shares(layers))]
        rows.append({**at, "layer": "all", **of_network(layers)})
    return rows


def masked(run) -> Rows:
    """The trained network with links left out by chance, no training since: rows as in `over_training`, with the sparsity.

    Each layer stays scaled by the largest weight that it had, so that the links alone differ. Of the network (layer "all") the last layer stays whole, as
    in the sparse methods.
    """
    last, rows = run.history[-1], []
    rng = np.random.default_rng([run.config.seed, 11])
    for sparsity in (0.0, *LEVELS):
        layers = [thinned(layer, values, sparsity, rng) for layer, values in zip(last.layers, last.weights)]
        rows += [{"sparsity": sparsity, "layer": name, **of_layer(one, run.config.seed, scale=float(np.abs(values).max()))}
                 for name, one, values in zip(run.history.names, layers, last.weights)]
        network = [*layers[:-1], weighted(last.layers[-1], last.weights[-1])]
        null = measures.permutation_null(network, depths, draws=DRAWS, links=True, seed=run.config.seed)
        rows.append({"sparsity": sparsity, "layer": "all", **of_network(network), "deep_null": null.mean[0], "deep_aware_null": null.mean[1]})
    return rows


def linear(config: Config) -> Rows:
    """A linear classifier of the pixels, trained with the learning rate, seed, epochs and batches of the run: rows as in `over_training`."""
    (x, y), (x_test, y_test) = (map(torch.from_numpy, ns.snn.data.load(config.data, train=train)[:count or None])
                                for train, count in ((True, config.samples), (False, config.test_samples)))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        model = nn.Linear(x[0].numel(), 10, bias=False)
    optimizer = torch.optim.AdamW(model.parameters(), lr=config.lr, weight_decay=config.weight_decay)
    rows = []
    for epoch in range(config.epochs + 1):
        with torch.no_grad():
            accuracy = float((model(x_test.flatten(1)).argmax(1) == y_test).float().mean())
        rows.append({"epoch": epoch, "accuracy": accuracy, "layer": "linear",
                     **of_layer(model.weight.detach().numpy().T, config.seed, ends=epoch in (0, config.epochs))})
        order = torch.from_numpy(np.random.default_rng([config.seed, 12, epoch]).permutation(len(x)))
        for batch in order.split(config.batch):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x[batch].flatten(1)), y[batch]).backward()
            optimizer.step()
    return rows


def weighted(layer: ns.Layer, values: np.ndarray):
    """A layer with its weights, as an array if no link is missing."""
    return layer.to_dense(values) if layer.density == 1 else (layer, values)


def thinned(layer: ns.Layer, values: np.ndarray, sparsity: float, rng: np.random.Generator):
    """A full layer with a share of its links left out by chance."""
    kept = np.sort(rng.choice(layer.n_links, round((1 - sparsity) * layer.n_links), replace=False))
    row, col = layer.links
    return weighted(layer.with_links(row[kept], col[kept]), values[kept])


def of_layer(weights, seed: int, ends: bool = False, scale: str | float = "layer") -> dict:
    """Persistence as the authors take it and without what missing links add; what may explain it: variance and sortedness; and its value by chance.

    null: the weights shuffled among the links. null_moved: the links too, as many in other places (of a full layer the same).
    """
    pair = [weights]
    found = measures.neural_persistence(pair, scale=scale)
    shuffled, moved = (measures.permutation_null(pair, lambda one: measures.neural_persistence(one, scale=scale).mean, draws=DRAWS, links=links, seed=seed)
                       for links in (False, True))
    shape, links = (weights[0].shape, weights[0].n_links) if isinstance(weights, tuple) else (weights.shape, weights.size)
    return {"neurons": sum(shape), "links": links, "density": links / (shape[0] * shape[1]),
            "isolated": int(found.isolated[0]), "components": int(found.components[0]), "persistence": float(found.normalized[0]),
            "persistence_present": float(measures.neural_persistence(pair, missing="absent", nodes="active", scale=scale).normalized[0]),
            "null": shuffled.mean, "null_sd": shuffled.std, "z": shuffled.z, "null_moved": moved.mean, "null_moved_sd": moved.std, "z_moved": moved.z,
            "weight_variance": measures.weight_variance(pair), "link_variance": measures.weight_variance(pair, missing="absent"),
            **({"sortedness": float(measures.sortedness(pair)[0])} if ends else {})}


def of_network(layers: list) -> dict:
    """The numbers reported for a network: persistence is the mean over layers, scaled by the network's largest weight."""
    deep, aware = depths(layers)
    return {"persistence": measures.neural_persistence(layers).mean, "deep": deep, "deep_aware": aware, "weight_variance": measures.weight_variance(layers),
            "link_variance": measures.weight_variance(layers, missing="absent")}


def depths(layers: Sequence) -> tuple[float, float]:
    """Deep graph persistence, standardised over all entries and over the links alone."""
    return measures.deep_graph_persistence(layers).normalized, measures.deep_graph_persistence(layers, masked="aware").normalized


def shares(layers: list) -> list[float]:
    """Each layer's largest weight over the network's."""
    most = [float(np.abs(one[1] if isinstance(one, tuple) else one).max(initial=0)) for one in layers]
    return [one / max(most) for one in most]


# ---- what it says -----------------------------------------------------------------------------


def explained(points: np.ndarray) -> float:
    """R^2 of a straight line through points (x, y): the share of the variance of y that x explains; NaN where one of them is constant."""
    return float(np.corrcoef(points.T)[0, 1] ** 2) if np.ptp(points, axis=0).all() else np.nan


def over_runs(statistic: Callable[[np.ndarray], float], runs: Sequence[np.ndarray], draws: int = 1000, seed: int = 0) -> tuple[float, float, float]:
    """A number of the rows of all runs, and its 95 % interval: runs are drawn again, with all their rows."""
    rng = np.random.default_rng(seed)
    drawn = np.array([statistic(np.concatenate([runs[i] for i in rng.integers(len(runs), size=len(runs))])) for _ in range(draws)])
    known = drawn[~np.isnan(drawn)]
    return statistic(np.concatenate(runs)), *(np.percentile(known, (2.5, 97.5)).tolist() if len(known) else (np.nan, np.nan))


HEAD = """# Persistence along training, and two caveats

{state}

Spiking networks 784-300-10 (2FC), 784-300-300-10 (3FC) and 784-300-300-300-10 (4FC) learned 4,000 digits for 10 epochs at learning rates of 0.001 to 0.01. NP
is normalised neural persistence with the authors' convention, of a layer scaled by that layer's largest weight; DGP normalised deep graph persistence.
Variance is that of |w| / max |w|. Brackets: 95 % intervals, runs drawn again with all their epochs. "Shuffled" and "null" are means of ten shuffles. The
paper is Girrbach et al., *Addressing caveats of neural persistence with deep graph persistence*, TMLR 2023 (arXiv 2307.10865), known here by its abstract and
code; its networks do not spike."""
FIRST = """## 1. Variance explains it in later layers

The paper: variance and spatial concentration of large weights drive NP; that is informative in linear classifiers, but later layers have no relevant spatial
structure, and there NP is roughly the variance. So shuffling the weights of a layer should change NP in a linear classifier and not in later layers. Dense
networks, all epochs but the start:"""
WHY_FIRST = """- **Agrees:** NP is a fifth above its value shuffled in linear classifiers and in first layers, whose inputs are pixels, many of them never on; in
  last layers it is 1 % above. In hidden and last layers log variance explains 99 and 95 % of NP.
- **Differs:** log variance explains NP as well in first layers, and nearly so in linear classifiers. Structure and variance change together as
  training proceeds; R² does not tell where there is structure, the shuffle does.
- **Differs:** hidden layers of these networks are not without structure. NP is 4 to 5 % above its value shuffled at the smaller learning rates, and
  17 % at the largest. z is large even where the share is small, for NP of 90,000 shuffled weights hardly varies: read the share.
- The relation is falling: the longer the tail of the weights, the smaller is the variance of |w| / max |w|, and the larger NP.

Is DGP, which standardises the weights, freer of the variance?"""
WHY_DEEP = """Less tied to it than NP, as the paper says, but not free. These are epochs of trainings in which everything moves together, and the intervals are
wide."""
SECOND = """## 2. Masking alone raises it

The paper has no masks. By the definition a missing link has weight 0 and an isolated neuron adds 1, the most a point can add. Dense networks after training,
links left out by chance, no training since; "present": `missing="absent", nodes="active"`; "null": as many links elsewhere, weights shuffled
(`permutation_null(links=True)`). Means over the dense runs; layers keep the scale that they had."""
WHY_SECOND = """- **Confirmed for NP:** from all links to 2 % of them it rises by a half in first layers and by two thirds in hidden ones, where hardly a neuron is
  isolated yet: a sparser forest must take smaller weights. Last layers, 300 x 10, lose neurons from 80 % on, and come near 1.
- **What helps:** leaving out missing links and idle neurons takes away the part of the isolated neurons, in last layers and above 98 %; the other
  rise stays. The distance to the null does not rise. It shrinks to 0, for among few random links little is left of the structure that was there.
- **DGP** (last layer whole): aware of the masks it rises all the way; as the authors compute it, it first falls, for missing links get a strength
  when weights are standardised, and rises from 95 % on. Both leave their value by chance less and less."""
WHY_SPARSE = """Networks trained sparse, at the end of training (last layer dense, scaled by the largest weight they have), beside masked dense ones. CH-SNN's high NP
is its wiring: with its own links kept, shuffled weights have nearly the same NP; above links elsewhere it stands far, for it leaves many neurons
without links in the layer. SET stands at or below the masked dense networks, and in its first layer at 98 % keeps more structure than they do."""
THIRD = """## 3. Along training

Means over learning rates and seeds; NP is the mean over layers scaled by the network's largest weight, as the authors report it."""
FIGURES = """NP and DGP of dense and SET networks rise in the first epochs and then stand; those of CH-SNN begin where its wiring puts them and move little.
Accuracy does not follow: CH-SNN with 2 % of the links has the largest NP and DGP and the lowest accuracy (here: SSCTI wants at least as many hidden
neurons as pixels, and 300 leave most pixels out). Compare networks of one density and wiring, or distances to the null.

![Persistence over epochs, by layer](training.png)

![What explains persistence, and what masks do to it](caveats.png)"""


def report(study: Study) -> list[Path]:
    """README.md and two figures of the runs that are done."""
    cells = {row["cell"]: row for row in study.rows() if not row["problem"]}
    rows = {name: [{**cells[row["cell"]], **row, "net": row["cell"][:3], "place": place_of(row)} for row in study.rows(name) if row["cell"] in cells]
            for name in ("layers", "linear", "masked")}
    dense = [row for row in rows["layers"] if row["method"] == "dense"] + rows["linear"]
    folder = study.folder
    with style():
        draw_training(rows["layers"], folder / "training.png")
        draw_caveats(dense, rows["masked"], rows["layers"], folder / "caveats.png")
    drawing.write_text(
        folder / "README.md", HEAD.format(state=study.state()), FIRST, explained_table(dense), WHY_FIRST, deep_table(dense), WHY_DEEP,
        SECOND, masked_table(rows["masked"]), deep_masked_table(rows["masked"]), WHY_SECOND,
        WHY_SPARSE, sparse_table(rows["layers"], rows["masked"]), THIRD, training_table(rows["layers"]), FIGURES)
    return [folder / name for name in ("README.md", "training.png", "caveats.png")]


def place_of(row: dict) -> str:
    """Where a layer stands: first, hidden (between hidden neurons), last; "linear", "all"."""
    if not row["layer"].startswith("fc"):
        return row["layer"]
    return "first" if row["layer"] == "fc1" else "last" if int(row["layer"][2:]) == int(row["cell"][0]) else "hidden"


def chosen(rows: Rows, **values) -> Rows:
    return [row for row in rows if all(row[key] == value for key, value in values.items())]


def by_run(rows: Rows, *columns: Callable[[dict], float]) -> list[np.ndarray]:
    """One array a run, with one line a row."""
    runs: dict[str, list] = {}
    for row in rows:
        runs.setdefault(row["cell"], []).append([column(row) for column in columns])
    return [np.array(values, dtype=float) for values in runs.values()]


def persistence(row: dict) -> float:
    return row["persistence"]


def variance(row: dict) -> float:
    return np.log10(row["weight_variance"])


def change(row: dict) -> float:
    """How much more than with shuffled weights, in percent of that."""
    return 100 * (row["persistence"] / row["null"] - 1)


def excess(row: dict) -> float:
    """How much more than with as many links in other places and their weights shuffled."""
    return row["persistence"] - row["null_moved"]


def present(row: dict) -> float:
    return row["persistence_present"]


def isolated(row: dict) -> float:
    return row["isolated"] / row["neurons"]


def mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if len(values) else np.nan


def text(found: tuple[float, float, float], digits: int = 2) -> str:
    return "{0:.{3}f} [{1:.{3}f}, {2:.{3}f}]".format(*found, digits)


def trained(rows: Rows) -> Rows:
    """Without the start, which is the same for all learning rates."""
    return [row for row in rows if row["epoch"]]


def at_end(rows: Rows) -> Rows:
    return [row for row in rows if row["epoch"] == row["epochs"]]


def explained_table(dense: Rows) -> str:
    head = ("layer", "runs", "R² of NP on log variance", "the same, last epoch", "R² of NP on its value shuffled", "NP over shuffled, %", "by learning rate",
            "z (median)", "sortedness, start", "sortedness, end")
    lines = []
    for place, name in PLACES.items():
        if rows := chosen(trained(dense), place=place):
            found = [over_runs(explained, by_run(some, *pair)) for some, pair in (
                (rows, (variance, persistence)), (at_end(rows), (variance, persistence)), (rows, (itemgetter("null"), persistence)))]
            lines.append((name, len(by_run(rows, variance)), *map(text, found), text(over_runs(mean, by_run(rows, change)), 1),
                          " / ".join(f"{mean([change(row) for row in chosen(rows, lr=lr)]):.1f}" for lr in sorted({row["lr"] for row in rows})),
                          f"{np.nanmedian([row['z'] for row in rows]):.1f}",
                          *(f"{mean([row['sortedness'] for row in some]):.2f}" for some in (chosen(dense, place=place, epoch=0), at_end(rows)))))
    return drawing.table(head, lines)


def deep_table(dense: Rows) -> str:
    lines = []
    for net in HIDDEN:
        if rows := chosen(trained(dense), net=net, place="all"):
            found = [over_runs(explained, by_run(rows, variance, itemgetter(name))) for name in ("persistence", "deep")]
            lines.append((net, len(by_run(rows, variance)), *map(text, found)))
    return drawing.table(("dense network", "runs", "R² of NP (mean of layers) on log variance", "R² of DGP on log variance"), lines)


def masked_table(masked: Rows) -> str:
    columns = {"NP": (persistence, 2), "isolated %": (lambda row: 100 * isolated(row), 1), "NP present": (present, 2), "NP - null": (excess, 3)}
    wanted = list(product(columns, ("first", "hidden", "last")))
    lines = []
    for level in (0, *LEVELS):
        at = {place: chosen(masked, sparsity=level, place=place) for place in ("first", "hidden", "last")}
        lines.append((f"{100 * level:g} %", *(f"{mean([columns[name][0](row) for row in at[place]]):.{columns[name][1]}f}" for name, place in wanted)))
    return drawing.table(("masked", *(f"{name}, {place}" for name, place in wanted)), lines)


def deep_masked_table(masked: Rows) -> str:
    lines = []
    for level in (0, *LEVELS):
        if rows := chosen(masked, sparsity=level, place="all"):
            names = ("deep", "deep_null", "deep_aware", "deep_aware_null")
            lines.append((f"{100 * level:g} %", *(text(over_runs(mean, by_run(rows, itemgetter(name)))) for name in names)))
    return drawing.table(("masked", "DGP, reference", "its null", "DGP, aware", "its null"), lines)


def sparse_table(layers: Rows, masked: Rows) -> str:
    """Trained sparse networks at the end, beside dense ones masked after training, of two and three layers."""
    columns = ((persistence, 3), (lambda row: 100 * isolated(row), 1), (present, 3), (lambda row: row["persistence"] - row["null"], 3), (excess, 3))
    lines = []
    for level, place in product((0.9, 0.98), ("first", "hidden")):
        groups = {"dense, masked": [row for row in chosen(masked, sparsity=level, place=place) if row["net"] != "4FC"],
                  **{NAMES[method]: at_end(chosen(layers, method=method, sparsity=level, place=place)) for method in ("ch_snn", "set")}}
        lines += [(f"{100 * level:g} %, {place}: {name}", len(rows), *(text(over_runs(mean, by_run(rows, column)), digits) for column, digits in columns))
                  for name, rows in groups.items() if rows]
    return drawing.table(("layer", "runs", "NP", "isolated %", "NP present", "NP - null, links kept", "NP - null, links moved"), lines)


def training_table(layers: Rows) -> str:
    lines = []
    for net, (method, level) in product(HIDDEN, SHOWN):
        if rows := chosen(layers, net=net, method=method, sparsity=level, place="all"):
            start, end = chosen(rows, epoch=0), at_end(rows)
            lines.append((f"{net} {label(method, level)}", len(end), f"{100 * mean([row['accuracy'] for row in end]):.1f}",
                          *(f"{mean([row[name] for row in some]):#.2g}" for name in ("persistence", "deep", "deep_aware", "weight_variance") for some in (start, end))))
    return drawing.table(("network", "runs", "accuracy %", *(f"{name}, {when}" for name in ("NP", "DGP", "DGP aware", "variance") for when in ("start", "end"))), lines)


def label(method: str, level: float | None) -> str:
    return NAMES[method] + (f" {100 * level:g} %" if level else "")


# ---- figures ----------------------------------------------------------------------------------


def draw_training(layers: Rows, path: Path) -> None:
    """Mean over learning rates and seeds, and their range, of persistence in each layer and of deep graph persistence."""
    columns = {"first": ("first layer, NP", "persistence"), "hidden": ("hidden layer, NP", "persistence"), "last": ("last layer, NP", "persistence"),
               "all": ("network, DGP", "deep")}
    sheet, axes = drawing.figure(2, 4, PAGE, 3.4, sharex=True, sharey=True)
    for line, net in zip(axes, ("2FC", "3FC")):
        for ax, (place, (title, name)) in zip(line, columns.items()):
            for method, level in SHOWN:
                rows = chosen(layers, net=net, method=method, sparsity=level, place=place)
                epochs = sorted({row["epoch"] for row in rows})
                values = [[row[name] for row in chosen(rows, epoch=epoch)] for epoch in epochs]
                color = drawing.LOOK[method]["color"]
                ax.plot(epochs, [mean(one) for one in values], color=color, ls=":" if level == 0.9 else "-", label=label(method, level))
                ax.fill_between(epochs, [min(one) for one in values], [max(one) for one in values], color=color, alpha=0.12, lw=0)
            ax.set_title(f"{net}, {title}")
            whole(ax.xaxis)
        line[0].set_ylabel("normalised persistence")
    for ax in axes[1]:
        ax.set_xlabel("epoch")
    axes[0, 1].axis("off")
    axes[0, 1].set_title("")
    axes[0, 1].legend(*axes[0, 0].get_legend_handles_labels(), loc="center", title="mean and range")
    drawing.keep(sheet, path)


def draw_caveats(dense: Rows, masked: Rows, layers: Rows, path: Path) -> None:
    """What explains persistence in dense networks, and what random masks make of it."""
    sheet, (above, below) = drawing.figure(2, 3, PAGE, 5.2)
    draw_explained(*above, trained(dense))
    draw_masked(*below, masked, layers)
    for ax in (*above, *below):
        if ax.get_legend_handles_labels()[0]:
            ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.24), ncols=2, handlelength=1.8, columnspacing=1.0, handletextpad=0.4, borderpad=0)
    drawing.keep(sheet, path)


def draw_explained(variance_ax, shuffled_ax, network_ax, dense: Rows) -> None:
    for i, (place, (color, marker)) in enumerate(LOOKS.items()):
        if rows := chosen(dense, place=place):
            points = np.concatenate(by_run(rows, variance, persistence, change))
            variance_ax.scatter(10 ** points[:, 0], points[:, 1], s=5, color=color, marker=marker, lw=0, alpha=0.7, label=f"{place}, R² {explained(points[:, :2]):.2f}")
            jitter = np.random.default_rng(i).uniform(-0.25, 0.25, len(points))
            shuffled_ax.scatter(i + jitter, points[:, 2], s=4, color=color, marker=marker, lw=0, alpha=0.7)
            shuffled_ax.plot([i - 0.35, i + 0.35], 2 * [points[:, 2].mean()], color="black", lw=1.2)
    for net, color in zip(HIDDEN, (COLORS[5], COLORS[3], COLORS[6])):
        for name, marker, what in (("persistence", "o", "NP"), ("deep", "^", "DGP")):
            rows = chosen(dense, net=net, place="all")
            network_ax.scatter([row["weight_variance"] for row in rows], [row[name] for row in rows], s=5, color=color, marker=marker, lw=0, alpha=0.7,
                               label=f"{net}, {what}")
    shuffled_ax.axhline(0, color=GREY, lw=0.6)
    shuffled_ax.set(xticks=range(len(LOOKS)), xticklabels=list(LOOKS), ylabel="NP over shuffled, %", title="b  dense: NP and place of weights")
    for ax, title, height in ((variance_ax, "a  dense: NP and variance", "neural persistence"), (network_ax, "c  dense networks", "persistence")):
        ax.set(xscale="log", xlabel="variance of |w| / max |w|", ylabel=height, title=title, ylim=(0, None))
        ticks(ax.xaxis, (0.002, 0.005, 0.01, 0.02, 0.05))


def draw_masked(masked_ax, remedy_ax, deep_ax, masked: Rows, layers: Rows) -> None:
    levels = (0.0, *LEVELS)

    def line(ax, place, column, **look):
        ax.plot([100 * (1 - level) for level in levels], [mean([column(row) for row in chosen(masked, sparsity=level, place=place)]) for level in levels], **look)

    for place, (color, marker) in list(LOOKS.items())[1:]:
        line(masked_ax, place, persistence, color=color, marker=marker, ms=3, label=f"{place}, NP")
        line(masked_ax, place, isolated, color=color, ls=":", label=f"{place}, isolated")
        line(remedy_ax, place, present, color=color, ls="--", label=f"{place}, present")
        line(remedy_ax, place, excess, color=color, marker=marker, ms=3, label=f"{place}, NP - null")
    for (method, level), place in product(SHOWN[1:], ("first", "hidden")):
        rows = at_end(chosen(layers, method=method, sparsity=level, place=place))
        masked_ax.plot(100 * (1 - level), mean([row["persistence"] for row in rows]), color=LOOKS[place][0], mfc="white", ms=4.5, ls="", marker=TRAINED[method])
    for method, marker in TRAINED.items():
        masked_ax.plot([], [], color=GREY, mfc="white", ms=4.5, ls="", marker=marker, label=f"{NAMES[method]}, trained")
    for name, color, title in (("deep", COLORS[6], "reference"), ("deep_aware", COLORS[3], "aware")):
        line(deep_ax, "all", itemgetter(name), color=color, marker="o", ms=3, label=title)
        line(deep_ax, "all", lambda row, name=name: row[name] - row[f"{name}_null"], color=color, ls=":", label=f"{title} - null")
    for ax, title, height in ((masked_ax, "d  masked: NP, isolated neurons", "NP; share isolated"), (remedy_ax, "e  masked: remedies", "neural persistence"),
                              (deep_ax, "f  masked networks: DGP", "deep graph persistence")):
        ax.axhline(0, color=GREY, lw=0.6)
        ax.set(xscale="log", xlabel="links left, %", ylabel=height, title=title)
        ticks(ax.xaxis, (100, 20, 5, 2, 0.5))
        ax.invert_xaxis()


def ticks(axis, values: Sequence[float]) -> None:
    """Plain numbers on a logarithmic axis, those that lie in its range."""
    low, high = sorted(axis.get_view_interval())
    shown = [value for value in values if low <= value <= high]
    axis.set_ticks(shown, [f"{value:g}" for value in shown])
    axis.set_ticks([], minor=True)


if __name__ == "__main__":
    command(__doc__, study, report)
