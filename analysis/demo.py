"""The main job on real data, in a minute: wire a layer, predict its links and those of a connectome, and draw them.

    make demo        # or: python -m analysis.demo [--out demo]

Writes layer files, predictions as CSV, one figure and a report, and names them at the end.
"""

from __future__ import annotations

import argparse
import csv
import time
from pathlib import Path

import numpy as np

import netsnn as ns

DATA = Path(__file__).parent.parent / "data"
STEPS, SPARSITY, SEED = 8, 0.99, 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", default="demo", type=Path, help="folder for the results (default: demo)")
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    lines = ["# netsnn demo", ""]

    def say(text: str) -> None:
        print(text, flush=True)
        lines.append(text)

    images = np.load(DATA / "digits.npz")["images"]
    say(f"1. SSCTI: {len(images)} MNIST digits as spikes over {STEPS} steps wire 784 inputs to 1568 neurons at {SPARSITY:.0%} sparsity.")
    begin = time.perf_counter()
    layer = ns.wiring.sscti(spike_batches(images), n_out=1568, sparsity=SPARSITY, seed=SEED)
    say(f"   {layer}, {time.perf_counter() - begin:.1f} s; {np.count_nonzero(layer.out_degrees)} inputs and "
        f"{np.count_nonzero(layer.in_degrees)} neurons have links.")
    ns.write(layer, out / "layer.npz")
    ns.write(layer, out / "layer.graphml")

    count = round(0.3 * layer.n_links)
    begin = time.perf_counter()
    grown = ns.linkpred.best(layer, "ch3_l3", count, sample=True, seed=SEED)
    say(f"2. CH3-L3 draws {len(grown.u)} new links for it, as one regrowth round of CH-SNN does, in {time.perf_counter() - begin:.1f} s.")
    save(out / "layer_links.csv", ("input", "output", "score"), zip(*(x.tolist() for x in grown)))

    network = ns.read(DATA / "celegans_neuromuscular.edges")
    say(f"3. C. elegans, motor neurons to muscles: {network}. Most likely missing links by CH3-L3:")
    found = ns.linkpred.best(network, "ch3_l3", 20, seed=SEED)
    named = [(network.input_names[u], network.output_names[v], s) for u, v, s in zip(*(x.tolist() for x in found))]
    save(out / "celegans_links.csv", ("neuron", "muscle", "score"), named)
    for neuron, muscle, score in named[:5]:
        say(f"   {neuron:>8} -> {muscle:<12} {score:8.3f}")
    study = ns.linkpred.Study({"neuromuscular": network}, ["l3", "ch3_l3", "spm"], fraction=0.1, repeats=10, seed=SEED).run()
    recovered = dict(zip(study.methods, study.means("precision")[0].tolist()))
    say("   Of 10 % hidden links, found among as many best pairs (mean of 10 splits; pa, the degree product, is the null): "
        + ", ".join(f"{method} {value:.1%}" for method, value in recovered.items()) + ".")

    draw(layer, grown, recovered, out / "demo.png")
    lines += ["", "![demo](demo.png)", "", "Files: layer.npz and layer.graphml (the SSCTI layer), layer_links.csv (its predicted links), "
              "celegans_links.csv (predicted synapses).", ""]
    (out / "report.md").write_text("\n".join(lines))
    print(f"\nReport: {out / 'report.md'}\nFigure: {out / 'demo.png'}\nFiles:  "
          + ", ".join(str(out / name) for name in ("layer.npz", "layer.graphml", "layer_links.csv", "celegans_links.csv")))


def spike_batches(images: np.ndarray, batch: int = 1000):
    """Bernoulli spikes (samples, steps, pixels): a pixel fires with its brightness as probability."""
    generator = np.random.default_rng(SEED)
    for first in range(0, len(images), batch):
        rate = images[first:first + batch, None, :] / 255
        yield generator.random((len(rate), STEPS, rate.shape[2])) < rate


def save(path: Path, head, rows) -> None:
    with open(path, "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(head)
        writer.writerows(rows)


def draw(layer: ns.Layer, grown, recovered: dict[str, float], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 4, figsize=(13, 3.1), layout="constrained")
    for ax, counts, title in ((axes[0], layer.out_degrees, "links of each pixel (SSCTI)"),
                              (axes[1], np.bincount(grown.u, minlength=784), "links that CH3-L3 adds")):
        image = ax.imshow(np.reshape(counts, (28, 28)), cmap="viridis")
        figure.colorbar(image, ax=ax, shrink=0.8)
        ax.set(title=title, xticks=[], yticks=[])
    positive = layer.in_degrees[layer.in_degrees > 0]
    axes[2].hist(positive, bins=np.arange(1, positive.max() + 2) - 0.5, color="#0072b2")
    axes[2].set(title="links of each hidden neuron", xlabel="in-degree", ylabel="neurons")
    axes[3].barh(list(recovered), list(recovered.values()), color="#d55e00")
    axes[3].set(title="C. elegans: hidden links found", xlabel="precision")
    axes[3].invert_yaxis()
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
