"""Make data/run: the recorded evolution of a small sparse spiking network that learns the embedded digits.

    python data/make_run.py

784-300-100-10 leaky integrate-and-fire neurons over 4 time steps, trained by surrogate gradients on 4,000 of the 5,000 digits (accuracy is on the
others). The first layer is wired by SSCTI at 97 % sparsity, the second uniformly at 95 %, the last is dense. After each epoch 30 % of the links of
the first two layers of least |weight| go, dead neurons' links with them, and as many are drawn by CH3-L3: the steps of CH-SNN (arXiv
2511.05581) in some fifty lines, and no reproduction of it.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import torch

import netsnn as ns

HERE = Path(__file__).parent
STEPS, EPOCHS, BATCH, SEED, ZETA = 4, 12, 50, 0, 0.3


class Spike(torch.autograd.Function):
    """A spike where the potential reaches 1; backwards the slope of an arctangent."""

    @staticmethod
    def forward(context, potential):
        context.save_for_backward(potential)
        return (potential >= 1).float()

    @staticmethod
    def backward(context, gradient):
        potential, = context.saved_tensors
        return gradient / (1 + (torch.pi * (potential - 1)) ** 2)


def forward(x: torch.Tensor, weights: list[torch.Tensor]) -> torch.Tensor:
    """Mean potential of the outputs over the steps; x is the input current at every step."""
    potentials = [torch.zeros(len(x), w.shape[1]) for w in weights]
    total = torch.zeros(len(x), weights[-1].shape[1])
    for _ in range(STEPS):
        signal = x
        for i, w in enumerate(weights):
            potentials[i] = potentials[i] / 2 + signal @ w
            if i < len(weights) - 1:
                signal = Spike.apply(potentials[i])
                potentials[i] = potentials[i] * (1 - signal.detach())
        total = total + potentials[-1]
    return total / STEPS


def evolve(layers: list[ns.Layer], weights: list[torch.Tensor], seed: int):
    """Remove, percolate, regrow: the new layers, and why each link went or came."""
    removed, kept = [{} for _ in layers], []
    for i, layer in enumerate(layers):
        if i == len(layers) - 1:
            kept.append(layer)
            continue
        row, col = layer.links
        strength = np.abs(weights[i].detach().numpy()[row, col])
        gone = np.zeros(layer.n_links, dtype=bool)
        gone[np.argsort(strength, kind="stable")[:round(ZETA * layer.n_links)]] = True
        removed[i]["magnitude"] = row[gone], col[gone]
        kept.append(layer.select(~gone))
    percolation = ns.Network(kept).percolate()
    grown = [{} for _ in layers]
    for i, (before, after) in enumerate(zip(kept[:-1], percolation.network)):
        removed[i]["chain"] = (before - after).links
        u, v, _ = ns.linkpred.best(after, "ch3_l3", layers[i].n_links - after.n_links, sample=True, fill=True, seed=seed + i)
        grown[i]["ch3_l3"] = u, v
        kept[i] = after | after.with_links(u, v)
    return kept, removed, grown, percolation.killed


def main() -> None:
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    data = np.load(HERE.parent / "netsnn" / "snn" / "data" / "digits.npz")
    order = np.random.default_rng(SEED).permutation(len(data["labels"]))
    images, labels = torch.tensor(data["images"][order] / 255, dtype=torch.float32), torch.tensor(data["labels"][order].astype(np.int64))
    spikes = np.random.default_rng(SEED).random((4000, STEPS, 784)) < images[:4000].numpy()[:, None]
    layers = [ns.wiring.sscti(spikes, n_out=300, sparsity=0.97, seed=SEED), ns.wiring.uniform(300, 100, sparsity=0.95, seed=SEED),
              ns.Layer.from_dense(np.ones((100, 10), dtype=bool))]
    weights = []
    for layer in layers:
        scale = torch.tensor(np.sqrt(2 / np.maximum(layer.in_degrees, 1)), dtype=torch.float32)
        weights.append((torch.randn(layer.shape) * scale * torch.tensor(layer.to_dense())).requires_grad_())
    optimizer = torch.optim.Adam(weights, lr=2e-3)
    shutil.rmtree(HERE / "run", ignore_errors=True)
    history = ns.History(HERE / "run")
    step, removed, grown, dead = 0, None, None, None
    for epoch in range(EPOCHS + 1):
        with torch.no_grad():
            output = forward(images[4000:], weights)
            accuracy = float((output.argmax(1) == labels[4000:]).float().mean())
            loss = float(torch.nn.functional.cross_entropy(output, labels[4000:]))
        values = [w.detach().numpy()[layer.links] for w, layer in zip(weights, layers)]
        history.record(ns.Network(layers, names=["first", "second", "output"]), step=step, weights=values, scalars={"accuracy": accuracy, "loss": loss},
                       removed=removed, grown=grown, dead=dead, note=f"epoch {epoch}")
        print(f"epoch {epoch}: accuracy {accuracy:.3f}")
        if epoch == EPOCHS:
            break
        masks = [torch.tensor(layer.to_dense()) for layer in layers]
        for batch in torch.randperm(4000).split(BATCH):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(forward(images[batch], weights), labels[batch]).backward()
            for w, mask in zip(weights, masks):
                w.grad *= mask
            optimizer.step()
            with torch.no_grad():
                for w, mask in zip(weights, masks):
                    w *= mask
            step += 1
        layers, removed, grown, dead = evolve(layers, weights, seed=100 * epoch)
        with torch.no_grad():  # new links begin at 0
            for w, layer in zip(weights, layers):
                w *= torch.tensor(layer.to_dense())


if __name__ == "__main__":
    main()
