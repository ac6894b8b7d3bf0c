"""How fast persistence is, beside the spanning trees of SciPy and igraph, gudhi's diagrams and a NumPy max-min product, all in one process.

    python -m analysis.bench.persistence            # the whole table (about 5 minutes on 2 cores)
    python -m analysis.bench.persistence --quick    # the small cases

Kernels are compiled before the clock starts (every case runs once uncounted). netsnn is timed from weights to diagram; of the others the
tree or diagram alone, without making their graphs. Persistence is checked to agree before anything is timed. The table is written to
analysis/results/bench_persistence.md.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Callable, Iterator

import gudhi
import igraph
import numpy as np
import scipy
import scipy.sparse as sp
from scipy.sparse.csgraph import minimum_spanning_tree

import netsnn as ns
from analysis.bench.measure import Cost, cost, cpu, write_page
from netsnn.measures.persistence import _max_min, deep_graph_persistence, neural_persistence
from netsnn.threads import n_threads

COLUMNS = ["what", "layers", "seconds", "CPU seconds", "peak MB", "alternative", "its seconds", "its CPU seconds", "ratio", "CPU ratio"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small cases only")
    quick = parser.parse_args().quick
    rows = [*neural(quick), *deep(quick)]
    head = (f"`python -m analysis.bench.persistence{' --quick' if quick else ''}`: netsnn {ns.__version__}, {n_threads()} threads, {cpu()}, "
            f"Python {platform.python_version()}, numpy {np.__version__}, scipy {scipy.__version__}, igraph {igraph.__version__}, "
            f"gudhi {gudhi.__version__}, {time.strftime('%Y-%m-%d')}, load average {os.getloadavg()[1]:.1f} (other work ran at the same time).")
    legend = ("Seconds are medians after one uncounted call; CPU seconds, of all threads together, are the least of three calls and suffer less "
              "from other work; ratio = alternative / netsnn; ~ is extrapolated from a part of the rows; peak MB is the most memory of the whole "
              "process during netsnn's call, with its input and all libraries loaded. Weights are float64 unless said.")
    write_page(f"bench_persistence{'_quick' if quick else ''}", "Persistence: time and memory", head, legend, COLUMNS, rows)


# ---- neural persistence -------------------------------------------------------------------------------


def neural(quick: bool) -> Iterator[list[str]]:
    rng = np.random.default_rng(0)
    for n_in, n_out in [(784, 300), (1000, 1000), (4096, 4096)][:2 if quick else 3]:
        dense = rng.standard_normal((n_in, n_out))
        others = {"SciPy": scipy_np} if n_in == 4096 else {"SciPy": scipy_np, "igraph": igraph_np, "gudhi": gudhi_np}
        yield from compare(f"{n_in}x{n_out} dense", dense, dense, others)
        yield from compare(f"{n_in}x{n_out} dense, float32", dense.astype(np.float32), dense, {})
        layer = ns.wiring.erdos_renyi(n_in, n_out, density=0.05, seed=0)
        pair = layer, rng.standard_normal(layer.n_links)
        yield from compare(f"{n_in}x{n_out} at 5 %, (Layer, values)", pair, pair, {"SciPy": scipy_np, "igraph": igraph_np})
        yield from compare(f"{n_in}x{n_out} at 5 %, array", layer.to_dense(pair[1]), pair, {"SciPy": scipy_np})


def compare(name: str, weights, same, others: dict[str, Callable]) -> Iterator[list[str]]:
    """A row for each alternative, which gets the weights `same`."""
    what = "neural persistence", name
    ours = measured(lambda: neural_persistence(weights))
    if not others:
        yield row(*what, ours)
    for alternative, prepare in others.items():
        call, value = prepare(same)
        assert abs(value(call()) - neural_persistence(weights).raw[0]) < 1e-9, alternative
        yield row(*what, ours, alternative, measured(call))


def scipy_np(weights):
    """The minimum spanning forest of 2 - x: SciPy takes 0 for a missing link."""
    row, col, x, n_in, n = _links(weights)
    graph = sp.csr_array((2 - x, (row, col + n_in)), shape=(n, n))
    return lambda: minimum_spanning_tree(graph), lambda tree: _persistence(2 - tree.data, n)


def igraph_np(weights):
    row, col, x, n_in, n = _links(weights)
    graph = igraph.Graph(n=n, edges=np.column_stack([row, col + n_in]))
    cost_of = (1 - x).tolist()
    return lambda: graph.spanning_tree(cost_of, return_tree=False), lambda tree: _persistence(x[tree], n)


def gudhi_np(weights):
    row, col, x, n_in, n = _links(weights)
    tree = gudhi.SimplexTree()
    tree.insert_batch(np.arange(n, dtype=np.int32)[None], np.zeros(n))
    tree.insert_batch(np.stack([row, col + n_in]).astype(np.int32), 1 - x)

    def call():
        tree.compute_persistence(min_persistence=-1)
        return tree.persistence_intervals_in_dimension(0)

    return call, lambda pairs: _persistence(1 - pairs[np.isfinite(pairs[:, 1]), 1], n)


def _links(weights) -> tuple[np.ndarray, np.ndarray, np.ndarray, int, int]:
    if isinstance(weights, tuple):
        layer, values = weights
        row, col = (ids.astype(np.int64) for ids in layer.links)
        shape = layer.shape
    else:
        row, col = (ids.ravel() for ids in np.indices(weights.shape))
        values, shape = weights.ravel(), weights.shape
    return row, col, np.abs(values) / np.abs(values).max(), shape[0], sum(shape)


def _persistence(joins: np.ndarray, n: int) -> float:
    return float(np.sqrt(np.square(1 - joins).sum() + n - len(joins)))


# ---- deep graph persistence ---------------------------------------------------------------------------


def deep(quick: bool) -> Iterator[list[str]]:
    rng = np.random.default_rng(0)
    for sizes, part in [((784, 300, 100), 1), ((1000, 1000, 100), 1), ((1000, 1000, 1000), 10), ((2048, 2048, 2048), 100)][:2 if quick else 4]:
        weights = [rng.standard_normal(shape) for shape in zip(sizes, sizes[1:])]
        strengths = [np.abs(w) for w in weights]
        ours, theirs = measured(lambda: _max_min(*strengths)), measured(lambda: numpy_max_min(strengths[0][::part], strengths[1]))
        assert np.array_equal(_max_min(*strengths)[::part], numpy_max_min(strengths[0][::part], strengths[1]))
        yield row("max-min product", _name(sizes), ours, "NumPy, row by row", theirs, part)
        yield row("deep graph persistence", _name(sizes), measured(lambda: deep_graph_persistence(weights)))
    for density in (0.01, 0.05):
        size = 1000 if quick else 4096
        layers = [ns.wiring.erdos_renyi(size, size, density=density, seed=seed) for seed in range(3)]
        pairs = [(layer, rng.standard_normal(layer.n_links)) for layer in layers]
        for masked in ("aware", "reference"):
            yield row(f"deep graph persistence, {masked}", f"{_name((size,) * 4)} at {100 * density:g} %",
                      measured(lambda: deep_graph_persistence(pairs, masked=masked)))


def numpy_max_min(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """One (n_middle, n_out) array a row: the (n_in, n_middle, n_out) array of the authors' program would not fit."""
    return np.array([np.minimum(row[:, None], right).max(axis=0) for row in left])


def _name(sizes: tuple[int, ...]) -> str:
    return "-".join(map(str, sizes))


def measured(call: Callable[[], object]) -> tuple[Cost, float]:
    """Wall time and memory of a call, and the least CPU seconds of three (of one, if it is long)."""
    wall = cost(call, 5, longest=5)
    times = []
    while len(times) < (3 if wall.seconds < 2 else 1):
        begin = time.process_time()
        call()
        times.append(time.process_time() - begin)
    return wall, min(times)


def row(what: str, layers: str, ours: tuple[Cost, float], alternative: str = "", theirs: tuple[Cost, float] | None = None,
        part: int = 1) -> list[str]:
    """One line of the table; `theirs` did one part in `part` of the work."""
    (wall, cpu), about = ours, "~" * (part > 1)
    line = [what, layers, f"{wall.seconds:.4g}", f"{cpu:.4g}", f"{wall.peak_mb:.0f}", alternative]
    if theirs is None:
        return [*line, "", "", "", ""]
    seconds = theirs[0].seconds * part, theirs[1] * part
    return [*line, *(f"{about}{x:.4g}" for x in seconds), f"{about}{seconds[0] / wall.seconds:.3g}", f"{about}{seconds[1] / cpu:.3g}"]


if __name__ == "__main__":
    main()
