"""Sparse linear layers in a spiking CNN and a small Spikformer: CH-SNN and SET at 90 and 95 % beside the dense twin, on Fashion-MNIST.

    python -m analysis.convolutions [--jobs 2] [--minutes 60]      # goes on where it was

Sparse are all linear layers but the last, for SET and CH-SNN alike at the same density: fc1 (6272 x 300) of 2conv2fc, and the twelve layers of the
attention and of the perceptrons in spikformer-small (dim 64, 2 blocks). Convolutions and the last layer are dense.

What two cores can train in an hour, 100 core-minutes with the tuning: T = 4 steps, the image as a constant current (direct: the first layer is a convolution, which
takes it as it is, once), batches of 64, one pass over 60,000 (2conv2fc, 3 minutes a run) or 40,000 images (spikformer-small, 7 minutes), so that
nothing is seen twice; 30 rounds of rewiring, of which CH-SNN's recipe leaves out the last quarter; the accuracy is that of all 10,000 test images.

The learning rate is the best of five (six, where the best of the five was at the edge) for each model and method, at 95 % for the sparse ones: one pass over 12,000 training images, tested on 2,400 others of
the training set, with as many steps between rounds (40 of the 100 minutes). Writes analysis/results/convolutions: tuning/runs.csv, runs.csv, README.md, convolutions.png and .pdf.
"""

from __future__ import annotations

import math
from itertools import product

import torch
from matplotlib.ticker import LogLocator

import netsnn as ns
from analysis import drawing
from analysis.measured import result
from analysis.methods import NAMES, NO_EVENTS, ROUNDS
from analysis.runs import Place, Rows, Study, command
from netsnn.snn import Config
from netsnn.style import PAGE

MODELS = {"2conv2fc": 60_000, "spikformer-small": 40_000}
"""And how many images they train on."""
METHODS = {"dense": {}, "set": {"allocation": "equal"}, "ch_snn": {}}
LEVELS = (0.9, 0.95)
CELLS = (("dense", None), *product(("set", "ch_snn"), LEVELS))
RATES = (2.5e-4, 1e-3, 4e-3, 1.6e-2, 6.4e-2)
BEYOND = {("2conv2fc", "dense"): (6.25e-5,)}
"""Where the best of the five was the lowest or the highest: the next one."""
TRIED = {"samples": 14_400, "validation": 1 / 6}
QUICK = {"samples": 6400, "steps": 2, "batch": 32}
PUBLISHED = """\
Published (CH-SNN, arXiv 2511.05581, by way of a digest), for comparison of the signs, not of the numbers: other data, longer training.

| network, data | absent weights, whole network | accuracy, % | gain on dense |
|---|---:|---:|---:|
| 2Conv2FC, N-MNIST | 94.73 % | 99.15 | +0.08 |
| Spikformer (size not public), CIFAR-100 | 82.11 % | not public to us | +0.75 |"""


def study(place: Place, quick: bool = False) -> Study:
    """The runs of all models and methods for which `tuning` is done."""
    cells = {f"{model}/{method}/{level or 0:g}/{seed}": settings(model, method, level, lr, seed, quick)
             for seed, model, (method, level) in product((0,), MODELS, CELLS) if (lr := chosen(place, quick, model, method))}
    return Study("convolutions", cells, measure, place=place)


def tuning(place: Place, quick: bool = False) -> Study:
    """Five learning rates for each model and method (quick: one)."""
    cells = {f"{model}/{method}/lr={lr:g}": settings(model, method, None if method == "dense" else 0.95, lr, 0, quick, **({**TRIED, "samples": 960} if quick else TRIED))
             for model, method in product(MODELS, METHODS) for lr in (RATES[2:3] if quick else (*RATES, *BEYOND.get((model, method), ())))}
    return Study("convolutions/tuning", cells, tried, place=place)


def settings(model: str, method: str, level: float | None, lr: float, seed: int, quick: bool = False, **changes) -> Config:
    use = {"samples": MODELS[model], "steps": 4, "batch": 64, **(QUICK if quick else {}), **changes}
    options = {**METHODS[method], **({} if method in NO_EVENTS else {"every": max(1, use["samples"] // use["batch"] // ROUNDS) if quick else MODELS[model] // use["batch"] // ROUNDS})}
    return Config(data="fashion-mnist", model=model, method=method, sparsity=level, lr=lr, seed=seed, epochs=1, encoding="direct", snapshots=False, options=options,
                  test_samples=500 if quick else 0, **use)


def chosen(place: Place, quick: bool, model: str, method: str) -> float | None:
    """The learning rate that did best in `tuning`, once all have been tried."""
    done, start = tuning(place, quick), f"{model}/{method}/"
    rows = [row for row in done.rows() if row["cell"].startswith(start)]
    if len(rows) < sum(name.startswith(start) for name in done.cells):
        return None
    return max((row for row in rows if math.isfinite(row["accuracy"])), key=lambda row: row["accuracy"])["lr"]


def tried(run) -> dict[str, Rows]:
    return {"runs": [result(run)]}


def measure(run) -> dict[str, Rows]:
    """The result, weights that exist, and the work of an inference: of all layers, and of those that SET and CH-SNN make sparse."""
    images, _ = ns.snn.data.load(run.config.data, train=False)[:run.config.test_samples or 500]
    work = ns.snn.energy(run.model, torch.from_numpy(images).split(100))
    inner = list(ns.bridge.sparse_layers(run.model))[:-1]
    weights = sum(p.numel() for p in run.model.parameters() if p.ndim > 1)
    row = result(run)
    return {"runs": [{**row, "weights": round(row["network_density"] * weights), "sops": work.sops, "sops_sparse": math.fsum(one.sops for one in work.layers if one.name in inner),
                      "macs": work.macs, "joules": work.joules}]}


# ---- report -----------------------------------------------------------------------------------


def report(found: Study) -> None:
    """Table and figure of the runs that are done."""
    rows = {name: row for row in found.rows() for name in [row["cell"]] if row["accuracy"] is not None and math.isfinite(row["accuracy"])}
    text = ["# Sparse linear layers in convolutional and attention networks", found.state(),
            "Fashion-MNIST, one seed: test accuracy, gain against the dense twin; synaptic operations (SOPs) an image, of the whole "
            "network and of the layers that may be sparse. Convolutions are dense in all and do most of the work that is left; the first one multiplies the image's grey values (MACs). "
            "What was trained, and how the learning rates were chosen: the head of analysis/convolutions.py."]
    for model in MODELS:
        lines = [line for method, level in CELLS if (line := _line(rows, model, method, level))]
        text += [f"## {model}", drawing.table(["method", "absent: sparse layers, %", "whole network, %", "weights", "accuracy, %", "gain", "SOPs", "times fewer",
                                               "SOPs, sparse layers", "times fewer", "MACs"], lines) if lines else "Not trained yet."]
    drawing.write_text(found.folder / "README.md", *text, "## Beside what is published", PUBLISHED)
    _draw(rows, found.folder / "convolutions")


def _runs(rows: dict, model: str, method: str, level: float | None) -> dict[str, dict]:
    """By seed."""
    start = f"{model}/{method}/{level or 0:g}/"
    return {name.removeprefix(start): row for name, row in rows.items() if name.startswith(start)}


def _line(rows: dict, model: str, method: str, level: float | None) -> list[str]:
    mine, dense = _runs(rows, model, method, level), _runs(rows, model, "dense", None)
    if not mine:
        return []
    mean = lambda name, some=mine: math.fsum(row[name] for row in some.values()) / len(some)
    accuracies = [100 * row["accuracy"] for row in mine.values()]
    gains = [100 * (row["accuracy"] - dense[seed]["accuracy"]) for seed, row in mine.items() if seed in dense]
    fewer = lambda name: f"{mean(name, dense) / mean(name):.1f}" if dense and mean(name) else ""
    return [NAMES[method], f"{100 * (1 - mean('density')):.1f}" if level else "0", f"{100 * (1 - mean('network_density')):.2f}", f"{mean('weights'):,.0f}",
            f"{math.fsum(accuracies) / len(accuracies):.2f}" + (f" ({min(accuracies):.2f} .. {max(accuracies):.2f})" if len(accuracies) > 1 else ""),
            f"{math.fsum(gains) / len(gains):+.2f}" if level and gains else "", f"{mean('sops'):,.0f}", fewer("sops"), f"{mean('sops_sparse'):,.0f}", fewer("sops_sparse"), f"{mean('macs'):,.0f}"]


@drawing.styled
def _draw(rows: dict, path) -> None:
    """Accuracy and work at both levels: mean and range over seeds, the dense twin as a line."""
    figure, axes = drawing.figure(2, len(MODELS), PAGE, 4.2, sharex=True)
    for column, model in zip(axes.T, MODELS):
        for ax, key, factor, label in zip(column, ("accuracy", "sops_sparse"), (100, 1e-3), ("test accuracy in %", "thousand SOPs an image,\nlayers that may be sparse")):
            values = lambda method, level: [factor * row[key] for row in _runs(rows, model, method, level).values() if row[key]]
            if dense := values("dense", None):
                ax.axhline(sum(dense) / len(dense), label=NAMES["dense"], **drawing.LOOK["dense"])
                ax.axhspan(min(dense), max(dense), color="black", alpha=0.08, lw=0)
            for method, shift in (("set", -0.04), ("ch_snn", 0.04)):
                points = [(at + shift, sum(some) / len(some), min(some), max(some)) for at, level in enumerate(LEVELS) if (some := values(method, level))]
                if points:
                    x, mean, low, high = zip(*points)
                    ax.errorbar(x, mean, yerr=[[a - b for a, b in zip(mean, low)], [b - a for a, b in zip(mean, high)]], label=NAMES[method], ms=4.5, elinewidth=0.8, capsize=2,
                                **drawing.LOOK[method])
            ax.set_ylabel(label)
        column[0].set_title(model)
        column[1].set(yscale="log", xlim=(-0.4, len(LEVELS) - 0.6), xlabel="absent links of the sparse layers")
        column[1].yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        column[1].yaxis.set_major_formatter("{x:,g}")
        column[1].yaxis.set_minor_formatter("")
        column[1].set_xticks(range(len(LEVELS)), [f"{100 * level:g} %" for level in LEVELS])
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    drawing.keep(figure, path)


if __name__ == "__main__":
    command(__doc__, study, report, before=tuning)
