"""The main job on real data, in two minutes: train CH-SNN on 4,000 digits beside its dense twin, and report how it did and what its wiring became.

    make demo        # or: python -m analysis.demo [--out demo] [--epochs 12]

Writes the two runs, one report with all figures (report.html) and one figure (demo.png), and names them at the end.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch is loaded: its threads shall not spin while the kernels' work

import argparse
import shutil
import time
from pathlib import Path

import numpy as np

import netsnn as ns

DATA = Path(__file__).parent.parent / "data"
SHARED = dict(data="digits", hidden=[1568], steps=8, batch=64, seed=0)
RUNS = {"CH-SNN": dict(method="ch_snn", sparsity=0.98, lr=5e-3), "dense": dict(method="dense", lr=2e-3)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="demo", type=Path, help="folder for the results (default: demo); runs of an earlier demo in it are replaced")
    parser.add_argument("--epochs", default=12, type=int, help="of training (default 12)")
    arguments = parser.parse_args()
    out = arguments.out
    print(f"1. A spiking network 784-1568-10 learns 4,000 MNIST digits in {arguments.epochs} epochs of {SHARED['steps']} time steps, and is tested on 1,000 others.", flush=True)
    runs = {name: trained(name, out / name.lower().replace("-", "_"), epochs=arguments.epochs, **settings) for name, settings in RUNS.items()}
    rows = [[name, *numbers(run)] for name, run in runs.items()]
    print("\n2. What came out of it:\n")
    for line in ([*HEAD], *rows):
        print("   " + "".join(f"{cell:>{width}}" for cell, width in zip(line, (8, 14, 14, 14, 16, 18, 14))))

    found = connectome()
    from netsnn.plot import report

    figure, axes = draw(runs["CH-SNN"])
    figure.savefig(out / "demo.png", dpi=130)
    page = report(runs["CH-SNN"].history, out / "report.html", title="netsnn demo: CH-SNN on digits", opening=[
        f"A spiking network 784-1568-10 learned 4,000 MNIST digits, once with 2 % of the links of its first layer, once with all, and was tested on 1,000 others. Settings: {out}/*/config.toml.",
        (HEAD, rows), (axes, "Accuracy of both; links of each pixel before and after training; degrees of the hidden neurons before and after."), found,
        "What follows is the sparse network: how its wiring evolved, and what it became."])
    print(f"\n3. {found}\n\nReport: {page}\nFigure: {out / 'demo.png'}\nRuns:   " + ", ".join(str(run.folder) for run in runs.values()) +
          f"\n        (netsnn train --config {runs['CH-SNN'].folder}/config.toml --method set --out {out}/set trains another)")


HEAD = ("", "accuracy", "weights", "active", "firing rate", "SOPs / image", "energy")


def trained(name: str, folder: Path, **settings) -> ns.snn.Run:
    shutil.rmtree(folder, ignore_errors=True)
    begin = time.perf_counter()
    run = ns.snn.train(out=folder, **SHARED, **settings, tell=lambda line: print(f"   {name:7} {line}", flush=True), progress=True)
    print(f"   {name:7} {time.perf_counter() - begin:.0f} s", flush=True)
    return run


def numbers(run: ns.snn.Run) -> list[str]:
    """A line of the table: accuracy, share of weights that exist, neurons on a path, firing rate, operations and energy of an inference."""
    test = ns.snn.data.load("digits", train=False)
    images, _ = test[np.arange(0, len(test), 5)]
    import torch

    work = ns.snn.energy(run.model, ns.snn.encodings.rate(torch.from_numpy(images), SHARED["steps"], seed=0))
    last = run.log[-1]
    return [f"{last['accuracy']:.1%}", f"{last['network_density']:.2%}", f"{last['active']:.1%}", f"{work.rate:.3f}", f"{work.sops:,.0f}", f"{1e6 * work.joules:.3f} uJ"]


def connectome() -> str:
    """Link prediction on a real network, in a sentence."""
    network = ns.read(DATA / "celegans_neuromuscular.edges")
    found = ns.linkpred.best(network, "ch3_l3", 3, seed=0)
    names = ", ".join(f"{network.input_names[u]} to {network.output_names[v]}" for u, v in zip(found.u.tolist(), found.v.tolist()))
    study = ns.linkpred.Study({"neuromuscular": network}, ["ch3_l3"], fraction=0.1, repeats=10, seed=0).run()
    share = dict(zip(study.methods, study.means("precision")[0].tolist()))
    return (f"The same scores work on any network: of 10 % hidden synapses between motor neurons and muscles of C. elegans, CH3-L3 finds {share['ch3_l3']:.1%} among as many "
            f"best pairs (the degree product {share['pa (null)' if 'pa (null)' in share else 'pa']:.1%}); the likeliest missing ones: {names}.")


def draw(run: ns.snn.Run):
    """Accuracy, the first layer's receptive field and degrees, before and after."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    from netsnn.style import COLORS

    dense = ns.snn.open_run(run.folder.parent / "dense")
    first, last = run.history[0].layers[0], run.history[-1].layers[0]
    with ns.plot.style("paper"):
        figure, axes = plt.subplots(1, 4, figsize=(10.4, 2.5), layout="constrained", gridspec_kw={"width_ratios": [1.25, 1, 1, 1.25]})
        for (name, one), color in zip((("CH-SNN, 2 % of links", run), ("dense", dense)), COLORS):
            axes[0].plot([row["epoch"] for row in one.log], [100 * row["accuracy"] for row in one.log], label=name, color=color)
        axes[0].set(xlabel="epoch", ylabel="test accuracy in %", title="accuracy")
        axes[0].xaxis.get_major_locator().set_params(integer=True)
        axes[0].legend(loc="lower right")
        most = max(first.out_degrees.max(), last.out_degrees.max())
        for ax, layer, when in ((axes[1], first, "before"), (axes[2], last, "after")):
            picture = ax.imshow(layer.out_degrees.reshape(28, 28), cmap="viridis", vmax=most)
            ax.set(title=f"links of each pixel, {when}", xticks=[], yticks=[])
        figure.colorbar(picture, ax=axes[2], shrink=0.8)
        for layer, when, color in ((first, "before", COLORS[2]), (last, "after", COLORS[0])):
            degrees = np.sort(layer.in_degrees[layer.in_degrees > 0])
            axes[3].plot(degrees, 1 - np.arange(len(degrees)) / len(degrees), label=f"{when}, {len(degrees)} neurons", color=color)
        axes[3].set(xlabel="links k of a hidden neuron", ylabel="share with at least k", title="degrees", yscale="log")
        axes[3].legend(loc="lower left")
    return figure, axes[0]


if __name__ == "__main__":
    main()
