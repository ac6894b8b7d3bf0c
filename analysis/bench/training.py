"""How long a training step takes: dense, sparse by masks, and sparse on links, all in one process.

    python -m analysis.bench.training            # the whole table (about 20 minutes on 2 cores)
    python -m analysis.bench.training --quick    # 784-1000-1000-10 alone, fewer steps

Spiking networks 784-1000-1000-10 and 784-4096-4096-10, 8 time steps, batches of 128 digits in rate code, AdamW. A step is forward, backward and optimizer, with
what keeps absent weights at 0. The three twins have the same neurons and take turns; the dense one is a plain torch model without masks. One event of CH-SNN
comes on an epoch of 469 steps (60,000 samples): its time is measured apart and shared out. torch's threads wait passively (OMP_WAIT_POLICY=PASSIVE), as under
`netsnn train`. The table is written to analysis/results/bench_training.md.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # torch's threads shall not spin while the kernels' work: before torch is loaded

import argparse
import platform
import time
from copy import deepcopy
from pathlib import Path
from statistics import median

import numpy as np
import torch
from torch import nn

import netsnn as ns
from analysis.bench.measure import cpu, write_page
from netsnn.bridge import Evolver, choose_compute, compute_on_links, sparsify
from netsnn.evolve import ch_snn
from netsnn.snn import LIF
from netsnn.threads import n_threads

ROOT = Path(__file__).parent.parent.parent
STEPS, BATCH, EPOCH = 8, 128, 469
COLUMNS = ["network", "density", "dense ms", "masked ms", "links ms", "dense / links", "masked / links", "event s", "its share of a masked epoch", "of an epoch on links",
           "chosen on links"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="784-1000-1000-10 alone, fewer steps")
    quick = parser.parse_args().quick
    rows = [row for width in (1000, 4096)[:1 if quick else 2] for row in table(width, turns=5 if quick or width > 1000 else 15)]
    head = (f"`python -m analysis.bench.training{' --quick' if quick else ''}`: netsnn {ns.__version__}, torch {torch.__version__}, {torch.get_num_threads()} threads "
            f"(kernels {n_threads()}), {cpu()}, Python {platform.python_version()}, {time.strftime('%Y-%m-%d')}, load average {os.getloadavg()[1]:.1f}.")
    legend = ("Milliseconds of a whole step, medians of steps taken in turns after two uncounted ones; CH-SNN's event amortised over 469 steps is included in masked and "
              "links. dense: plain torch, all weights. masked: all weights computed, absent ones held at 0. links: every sparse layer computes on its links alone, "
              "and so does the optimizer (the last layer is dense everywhere). chosen: what `choose_compute` finds faster by itself.")
    write_page(f"bench_training{'_quick' if quick else ''}", "A training step: time", head, legend, COLUMNS, rows)


def table(width: int, turns: int) -> list[list[str]]:
    """A row for each density."""
    digits = np.load(ROOT / "netsnn" / "snn" / "data" / "digits.npz")
    generator = torch.Generator().manual_seed(0)
    pixels = torch.from_numpy(digits["images"][:BATCH].astype(np.float32) / 255)
    x, y = (torch.rand(STEPS, BATCH, 784, generator=generator) < pixels).float(), torch.from_numpy(digits["labels"][:BATCH].astype(np.int64))
    plain = network(width)
    rows = []
    for density in (0.1, 0.05, 0.01, 0.005):
        recipe = ch_snn(1 - density, zeta=0.3)
        masked = sparsify(deepcopy(plain), recipe, calibration=x, seed=0)
        sparse = deepcopy(masked)
        chosen = choose_compute(sparse, x, repeats=3)
        compute_on_links(sparse, [name for name in chosen if name != list(chosen)[-1]])
        seconds, events = run([deepcopy(plain), masked, sparse], recipe, x, y, turns)
        event = median(events)
        dense, masks, links = seconds[0], seconds[1] + event / EPOCH, seconds[2] + event / EPOCH
        picked = ", ".join(name for name, choice in chosen.items() if choice.on_links) or "none"
        rows.append([f"784-{width}-{width}-10", f"{100 * density:g} %", *(f"{1000 * s:.1f}" for s in (dense, masks, links)), f"{dense / links:.2f}", f"{masks / links:.2f}",
                     f"{event:.3g}", f"{100 * event / (EPOCH * masks):.2g} %", f"{100 * event / (EPOCH * links):.2g} %", picked])
        print(rows[-1], flush=True)
    return rows


def network(width: int) -> nn.Module:
    torch.manual_seed(0)
    neurons = dict(tau=2.0, threshold=0.5, decay_input=False)
    return nn.Sequential(nn.Linear(784, width, bias=False), LIF(**neurons), nn.Linear(width, width, bias=False), LIF(**neurons), nn.Linear(width, 10, bias=False))


def run(models: list[nn.Module], recipe, x: torch.Tensor, y: torch.Tensor, turns: int) -> tuple[list[float], list[float]]:
    """Median seconds of a step of each model, and seconds of events."""
    optimizers = [torch.optim.AdamW(model.parameters(), lr=1e-3) for model in models]
    evolvers = [None, *(Evolver(model, optimizer, recipe, steps_per_epoch=10**6, epochs=2) for model, optimizer in zip(models[1:], optimizers[1:]))]
    spent: list[list[float]] = [[] for _ in models]
    for turn in range(turns + 2):
        for model, optimizer, evolver, seconds in zip(models, optimizers, evolvers, spent):
            begin = time.perf_counter()
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x).mean(dim=0), y).backward()
            optimizer.step()
            if evolver is not None:
                evolver.step()
            if turn > 1:
                seconds.append(time.perf_counter() - begin)
    events = []
    for _ in range(2 if len(models[0][2].weight) > 1000 else 3):
        evolver = evolvers[2]
        evolver.steps = evolver.steps_per_epoch - 1
        begin = time.perf_counter()
        assert evolver.step() is not None
        events.append(time.perf_counter() - begin)
    for evolver in evolvers[1:]:
        evolver.close()
    return [median(seconds) for seconds in spent], events[1:]


if __name__ == "__main__":
    main()
