"""How fast the spiking neuron is, beside those of spikingjelly (multi-step and single-step) and snnTorch, all in one process.

    python -m analysis.bench.neuron            # the whole table (about 2 minutes on 2 idle cores)
    python -m analysis.bench.neuron --quick    # fewer rounds

Every round calls each neuron once, so that other work on the machine disturbs all alike; the first rounds are not counted. Spikes of netsnn
and spikingjelly are checked to agree before anything is timed; snnTorch's neuron has other dynamics (it does not divide its input by tau).
The table is written to analysis/results/bench_neuron.md.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from importlib.metadata import version
from unittest import mock

import snntorch
import torch
from torch import Tensor, nn

import netsnn as ns
from analysis.bench.measure import cpu, write_page
from netsnn.snn import LIF
from netsnn.threads import n_threads

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from spikingjelly.activation_based import neuron, surrogate

STEPS, BATCH = 8, 128
COLUMNS = ["threads", "what", "neurons", "netsnn ms", "spikingjelly multi-step ms", "single-step ms", "snnTorch ms", "ratio", "ratio of CPU seconds"]
FIRST_CALL = """import time, torch
from netsnn.snn import lif
x = torch.randn(8, 4, 10, requires_grad=True)
begin = time.perf_counter()
lif(x).sum().backward()
print(time.perf_counter() - begin)"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    quick = parser.parse_args().quick
    torch.manual_seed(0)
    rows = []
    for threads in sorted({1, n_threads()}):
        torch.set_num_threads(threads)
        with mock.patch.dict(os.environ, NETSNN_THREADS=str(threads)):
            rows += [[str(threads), *row] for row in cases(9 if quick else 41)]
    cold, warm = first_calls()
    head = (f"`python -m analysis.bench.neuron{' --quick' if quick else ''}`: netsnn {ns.__version__}, {n_threads()} threads, {cpu()}, "
            f"Python {platform.python_version()}, torch {torch.__version__}, spikingjelly {version('spikingjelly')}, snntorch "
            f"{version('snntorch')}, {time.strftime('%Y-%m-%d')}, load average {os.getloadavg()[1]:.1f} (other work ran at the same time).")
    legend = (f"{STEPS} steps, batch {BATCH}, float32. Milliseconds are medians, in brackets the least; neurons are called in turn. Ratios are those "
              "of spikingjelly multi-step to netsnn, of the medians of the wall time and of the least CPU seconds of all threads together. Where other "
              "work takes a core, torch's threads wait for each other in each of its many small steps: then trust the rows of one thread. "
              f"The first call, forward and backward, takes {cold:.1f} s where nothing is compiled yet, and {warm:.2f} s in a later process.")
    write_page(f"bench_neuron{'_quick' if quick else ''}", "The spiking neuron: time", head, legend, COLUMNS, rows)


def cases(rounds: int) -> Iterator[list[str]]:
    for n in (100, 1000, 4096):
        x, g = torch.randn(STEPS, BATCH, n, requires_grad=True), torch.randn(STEPS, BATCH, n)
        ours, multi, single, leaky = layers("atan")
        assert torch.equal(ours(x), multi(x)), "spikes differ"
        yield row("forward", n, [inference(layer, x) for layer in (ours, multi, single, leaky)], rounds)
        yield row("forward + backward", n, [training(layer, x, g) for layer in (ours, multi, single, leaky)], rounds)
        ours, multi, single, leaky = layers("sigmoid")
        yield row("forward + backward, sigmoid", n, [training(layer, x, g) for layer in (ours, multi, single)], rounds)
        ours, multi, single, leaky = layers("atan")
        constant = torch.randn(BATCH, n, requires_grad=True)
        ours.steps = STEPS
        repeated = [Repeated(layer) for layer in (multi, single, leaky)]
        yield row("forward + backward, constant input", n, [training(layer, constant, g) for layer in (ours, *repeated)], rounds)
    models = [mlp(which) for which in range(4)]
    x, y = torch.rand(STEPS, BATCH, 784), torch.randint(10, (BATCH,))
    yield row("training step of 784-1000-1000-10 with SGD", 2010, [step(model, x, y) for model in models], rounds)


def layers(name: str) -> tuple[nn.Module, ...]:
    function = {"atan": surrogate.ATan, "sigmoid": surrogate.Sigmoid}[name]
    leaky = snntorch.Leaky(beta=0.5, spike_grad=snntorch.surrogate.atan(), reset_mechanism="zero", init_hidden=True)
    return (LIF(surrogate=name), neuron.LIFNode(tau=2.0, surrogate_function=function(), step_mode="m"),
            StepByStep(neuron.LIFNode(tau=2.0, surrogate_function=function())), StepByStep(leaky))


class StepByStep(nn.Module):
    """A neuron that takes one step a call."""

    def __init__(self, node: nn.Module):
        super().__init__()
        self.node = node

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([self.node(now) for now in x])


class Repeated(nn.Module):
    """A neuron under a constant input."""

    def __init__(self, node: nn.Module):
        super().__init__()
        self.node = node

    def forward(self, x: Tensor) -> Tensor:
        return self.node(x.expand(STEPS, *x.shape))


def mlp(which: int) -> nn.Module:
    torch.manual_seed(0)
    sizes = [784, 1000, 1000, 10]
    return nn.Sequential(*(module for n, m in zip(sizes, sizes[1:]) for module in (nn.Linear(n, m), layers("atan")[which])))


def inference(layer: nn.Module, x: Tensor) -> Callable[[], None]:
    def call() -> None:
        with torch.no_grad():
            layer(x)
        _forget(layer)

    return call


def training(layer: nn.Module, x: Tensor, g: Tensor) -> Callable[[], None]:
    def call() -> None:
        x.grad = None
        layer(x).backward(g)
        _forget(layer)

    return call


def step(model: nn.Module, x: Tensor, y: Tensor) -> Callable[[], None]:
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

    def call() -> None:
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x).mean(0), y).backward()
        optimizer.step()
        _forget(model)

    return call


def _forget(model: nn.Module) -> None:
    """Back to rest: netsnn's neurons keep nothing between calls."""
    for module in model.modules():
        if isinstance(module, neuron.LIFNode):
            module.reset()
        elif isinstance(module, snntorch.Leaky):
            module.mem = torch.zeros(0)


def row(what: str, n: int, calls: list[Callable[[], None]], rounds: int) -> list[str]:
    wall, cpu = [[] for _ in calls], [[] for _ in calls]
    for turn in range(rounds + 3):
        for call, walls, cpus in zip(calls, wall, cpu):
            begin = time.perf_counter(), time.process_time()
            call()
            if turn >= 3:
                walls.append(1e3 * (time.perf_counter() - begin[0]))
                cpus.append(time.process_time() - begin[1])
    median, least = [statistics.median(times) for times in wall], [min(times) for times in cpu]
    times = [f"{middle:.2f} ({min(times):.2f})" for middle, times in zip(median, wall)]
    line = [what, str(n), *times, *[""] * (4 - len(calls)), f"{median[1] / median[0]:.2f}", f"{least[1] / least[0]:.2f}"]
    print(*line, sep="\t", file=sys.stderr)
    return line


def first_calls() -> tuple[float, float]:
    """Seconds of the first call in two fresh processes, of which the first finds nothing compiled."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "NUMBA_CACHE_DIR": folder}
        cold, warm = (float(subprocess.run([sys.executable, "-c", FIRST_CALL], env=environment, capture_output=True, text=True, check=True).stdout)
                      for _ in range(2))
    return cold, warm


if __name__ == "__main__":
    main()
