"""How fast and how lean the link scores are, beside named alternatives, all in one process.

    python -m analysis.bench.linkpred            # the whole table (about 10 minutes on 2 cores)
    python -m analysis.bench.linkpred --quick    # the small cases

Kernels are compiled before the clock starts (every case runs once uncounted); what compilation and loading cost is stated in the
last lines, measured in fresh processes. A time with ~ is extrapolated from a part of the rows or pairs. The table
is written to analysis/results/bench_linkpred.md and .csv.
"""

from __future__ import annotations

import argparse
import csv
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import networkx as nx
import numpy as np
import scipy.sparse as sp

import netsnn as ns
from analysis.bench.measure import cost
from netsnn.threads import n_threads

RESULTS = Path(__file__).parent.parent / "results"
COLUMNS = ["method", "graph", "walks", "what", "seconds", "walks per s", "ns per walk", "peak MB", "alternative", "its seconds", "ratio"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small cases only")
    quick = parser.parse_args().quick
    rows = [*layers(quick), *graphs(quick)]
    starts = cold_starts()
    save(rows, starts, quick)


def save(rows: list[dict], starts: list[str], quick: bool) -> None:
    """Write the table as CSV and Markdown, and print it."""
    RESULTS.mkdir(exist_ok=True)
    name = "bench_linkpred_quick" if quick else "bench_linkpred"
    with open(RESULTS / f"{name}.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    head = (f"`python -m analysis.bench.linkpred{' --quick' if quick else ''}`: netsnn {ns.__version__}, {n_threads()} threads, "
            f"{_cpu()}, Python {platform.python_version()}, numpy {np.__version__}, {time.strftime('%Y-%m-%d')}.")
    legend = ("Seconds are medians after one uncounted call; ratio = alternative / netsnn; ~ is extrapolated from a part of the rows or pairs; "
              "peak MB is the most memory of the whole process, with all libraries loaded. igraph returns lists of lists and is left out at "
              "10,000 nodes. SciPy's products hold links and diagonal too, and are sparse; `all non-links` fills a dense array. `katz (exact)` keeps to one "
              "thread of BLAS, NumPy takes all.")
    table = ["| " + " | ".join(COLUMNS) + " |", "|" + "---|" * len(COLUMNS), *("| " + " | ".join(row[c] for c in COLUMNS) + " |" for row in rows)]
    text = "\n".join(["# Link scores: time and memory", "", head, "", legend, "", *table, "", "## Cold start", "", *starts, ""])
    (RESULTS / f"{name}.md").write_text(text)
    print(text)


# ---- bipartite layers ---------------------------------------------------------------------------------


def layers(quick: bool):
    for n_in, n_out, density in [(1000, 1000, 0.01), (784, 1000, 0.05), (1000, 1000, 0.1), (4096, 4096, 0.005)]:
        layer = ns.wiring.erdos_renyi(n_in, n_out, density=density, seed=0)
        other = cost(lambda: scipy_ch3_l3(layer), repeats=3)
        yield row("ch3_l3", layer, "all non-links", cost(lambda: ns.linkpred.scores(layer, "ch3_l3"), 9), "SciPy L @ R", other.seconds)
        k = layer.n_links * 3 // 10
        yield row("ch3_l3", layer, f"best, sample of {k}", cost(lambda: ns.linkpred.best(layer, "ch3_l3", k, sample=True)),
                  "SciPy L @ R", other.seconds)
        if quick:
            return
    layer = ns.wiring.erdos_renyi(32768, 512, density=0.05, seed=0)
    part = extrapolated(layer, np.arange(0, 32768, 2048), np.arange(0, 32768, 128))
    yield row("ch3_l3", layer, "best, sample of 25000",
              cost(lambda: ns.linkpred.best(layer, "ch3_l3", 25_000, sample=True), repeats=3), "SciPy L @ R, 256 rows", part, "~")
    layer = ns.wiring.erdos_renyi(100_000, 100_000, links=1_000_000, seed=0)
    part = extrapolated(layer, np.arange(0, 100_000, 1000), np.arange(0, 100_000, 10))
    yield row("ch3_l3", layer, "best 100000", cost(lambda: ns.linkpred.best(layer, "ch3_l3", 100_000), repeats=3),
              "SciPy L @ R, 10000 rows", part, "~")


def extrapolated(layer: ns.Layer, few: np.ndarray, more: np.ndarray) -> float:
    """Seconds of the SciPy form for all rows, from two sets of rows: R is made once, the product grows with the walks."""
    times = [cost(lambda rows=rows: scipy_ch3_l3(layer, rows), repeats=1).seconds for rows in (few, more)]
    walks = [_walks(layer, rows) for rows in (few, more)]
    return times[0] + (times[1] - times[0]) / (walks[1] - walks[0]) * (_walks(layer) - walks[0])


def scipy_ch3_l3(layer: ns.Layer, rows: np.ndarray | None = None) -> sp.csr_array:
    """CH3-L3 as the plain product of two sparse matrices: S = L R over the links e = (b, a).

    L[u, e] = A[u, a] / sqrt(d(b) - C[b, u]) and R[e, v] = A[b, v] / sqrt(d(a) - C[a, v]).
    """
    a = layer.to_scipy()
    b_of, a_of = layer.links
    links = np.arange(layer.n_links)
    one = np.ones(layer.n_links)
    u_side = a if rows is None else a[rows]
    left = (u_side @ sp.csr_array((one, (a_of, links)), shape=(layer.n_out, layer.n_links))).tocoo()
    right = (sp.csr_array((one, (links, b_of)), shape=(layer.n_links, layer.n_in)) @ a).tocoo()
    u = left.row if rows is None else rows[left.row]
    left.data = 1 / np.sqrt(np.maximum(layer.out_degrees[b_of[left.col]] - _entries(a @ u_side.T, b_of[left.col], left.row), 1e-300))
    right.data = 1 / np.sqrt(np.maximum(layer.in_degrees[a_of[right.row]] - _entries(a.T @ a, a_of[right.row], right.col), 1e-300))
    left.data[b_of[left.col] == u] = 0  # walks back to u, and to v, end on links
    right.data[a_of[right.row] == right.col] = 0
    scores = left.tocsr() @ right.tocsr()
    return scores - scores.multiply(u_side)


def _entries(matrix, row, col) -> np.ndarray:
    """matrix[row, col] of a sparse matrix."""
    matrix = matrix.tocsr()
    if matrix.shape[0] * matrix.shape[1] <= 2**28:
        return matrix.toarray()[row, col]
    matrix.sort_indices()
    keys = np.repeat(np.arange(matrix.shape[0], dtype=np.int64), np.diff(matrix.indptr)) * matrix.shape[1] + matrix.indices
    return matrix.data[np.searchsorted(keys, row.astype(np.int64) * matrix.shape[1] + col)]


def _walks(layer: ns.Layer, rows: np.ndarray | None = None) -> float:
    a = layer.to_scipy()
    each = a @ (a.T @ layer.out_degrees.astype(float))
    return float(each.sum() if rows is None else each[rows].sum())


# ---- undirected graphs --------------------------------------------------------------------------------


def graphs(quick: bool):
    for n in (2000,) if quick else (2000, 10_000):
        for name, made in (("ER", nx.gnm_random_graph(n, 10 * n, seed=0)), ("BA", nx.barabasi_albert_graph(n, 10, seed=0))):
            graph = ns.Graph.from_networkx(made)
            label = f"{name} {n}"
            some = _some_pairs(graph)
            share = (n * (n - 1) / 2 - graph.n_links) / len(some)
            for method in ("cn", "ra", "aa", "jaccard", "l3"):
                dense = cost(lambda: ns.linkpred.scores(graph, method), 3)
                stream = cost(lambda: ns.linkpred.best(graph, method, 100_000), 3)
                for what, mine in (("all non-links", dense), ("best 100000", stream)):
                    yield graph_row(method, label, what, mine, "SciPy", cost(lambda: scipy_local(graph, method), 3).seconds)
                for alternative, call in others(graph, made, method, some).items():
                    whole = alternative.startswith("igraph")
                    seconds = cost(call, repeats=1).seconds * (1 if whole else share)
                    yield graph_row(method, label, "all non-links", dense, alternative, seconds, "" if whole else "~")
            yield graph_row("katz (5 steps)", label, "all non-links", cost(lambda: ns.linkpred.scores(graph, "katz", length=5), 3),
                            "SciPy x NumPy", cost(lambda: scipy_katz(graph, 5), 1).seconds)
            yield graph_row("katz (exact)", label, "all non-links", cost(lambda: ns.linkpred.scores(graph, "katz"), 1),
                            "NumPy inverse", cost(lambda: numpy_katz(graph), 1).seconds)


def scipy_local(graph: ns.Graph, method: str):
    """The sparse-product form of a local score; links and diagonal are still in it."""
    a = graph.to_scipy()
    degrees = graph.degrees.astype(float)
    scale = sp.diags_array
    if method == "l3":
        root = scale(1 / np.sqrt(np.maximum(degrees, 1)))
        return a @ root @ a @ root @ a
    with np.errstate(divide="ignore"):
        weight = {"ra": 1 / degrees, "aa": 1 / np.log(degrees)}.get(method)
    if weight is not None:
        weight[~np.isfinite(weight)] = 0
        return a @ scale(weight) @ a
    shared = a @ a
    if method == "jaccard":
        shared = shared.tocoo()
        shared.data = shared.data / (degrees[shared.row] + degrees[shared.col] - shared.data)
    return shared


def others(graph: ns.Graph, made: nx.Graph, method: str, some: list[tuple[int, int]]):
    """Other libraries' calls for the same score: on some pairs (networkx, networkit) or all (igraph)."""
    calls = {}
    in_networkx = {"ra": nx.resource_allocation_index, "aa": nx.adamic_adar_index, "jaccard": nx.jaccard_coefficient,
                   "cn": lambda g, pairs: ((u, v, sum(1 for _ in nx.common_neighbors(g, u, v))) for u, v in pairs)}
    if method in in_networkx:
        calls["networkx"] = lambda: list(in_networkx[method](made, some))
    in_igraph = {"jaccard": "similarity_jaccard", "aa": "similarity_inverse_log_weighted"}
    if method in in_igraph and graph.n <= 2000:
        own = graph.to_igraph()
        calls["igraph"] = getattr(own, in_igraph[method])
    try:
        import networkit as nk
    except ImportError:
        return calls
    in_networkit = {"cn": "CommonNeighborsIndex", "ra": "ResourceAllocationIndex", "aa": "AdamicAdarIndex", "jaccard": "JaccardIndex"}
    if method in in_networkit:
        own = nk.nxadapter.nx2nk(made)
        calls["networkit"] = lambda: getattr(nk.linkprediction, in_networkit[method])(own).runOn(some)
    return calls


def scipy_katz(graph: ns.Graph, length: int) -> np.ndarray:
    a, beta = graph.to_scipy(), 0.5 / float(sp.linalg.eigsh(graph.to_scipy(), k=1, return_eigenvectors=False)[0])
    term = beta * a.toarray()
    total = term.copy()
    for _ in range(length - 1):
        term = beta * (a @ term)
        total += term
    return total


def numpy_katz(graph: ns.Graph) -> np.ndarray:
    a, beta = graph.to_dense().astype(float), 0.5 / float(sp.linalg.eigsh(graph.to_scipy(), k=1, return_eigenvectors=False)[0])
    return np.linalg.inv(np.eye(graph.n) - beta * a) - np.eye(graph.n)


def _some_pairs(graph: ns.Graph, count: int = 100_000) -> list[tuple[int, int]]:
    generator = np.random.default_rng(0)
    u, v = generator.integers(graph.n, size=(2, count + graph.n))
    keep = (u < v) & (graph.find(u, v) < 0)
    return list(zip(u[keep].tolist(), v[keep].tolist()))[:count]


# ---- the table ----------------------------------------------------------------------------------------


def row(method, layer, what, mine, alternative, seconds, mark=""):
    walks = _walks(layer)
    return _row(method, f"{layer.n_in}x{layer.n_out} at {100 * layer.density:.3g} %", f"{walks:.3g}", what, mine,
                (f"{walks / mine.seconds:.3g}", f"{mine.seconds / walks * 1e9:.3g}"), alternative, seconds, mark)


def graph_row(method, label, what, mine, alternative, seconds, mark=""):
    return _row(method, label, "", what, mine, ("", ""), alternative, seconds, mark)


def _row(method, graph, walks, what, mine, per_walk, alternative, seconds, mark):
    values = [method, graph, walks, what, f"{mine.seconds:.4g}", *per_walk, f"{mine.peak_mb:.0f}", alternative,
              f"{mark}{seconds:.4g}", f"{mark}{seconds / mine.seconds:.3g}"]
    print("  ".join(str(value) for value in values), file=sys.stderr, flush=True)
    return dict(zip(COLUMNS, values))


def cold_starts() -> list[str]:
    """What starting costs, each in fresh processes: the import, and the first call with an empty and with a filled cache."""
    call = "import time; b = time.perf_counter(); import netsnn as ns; l = ns.wiring.erdos_renyi(100, 100, density=0.1, seed=0); " \
           "ns.linkpred.{}; print(time.perf_counter() - b)"
    lines = [f"- `import netsnn`: {min(_run('import time; b = time.perf_counter(); import netsnn; print(time.perf_counter() - b)') for _ in range(5)):.3f} s"]
    for text in ('scores(l, "ch3_l3")', 'best(l, "ch3_l3", 10)'):
        with tempfile.TemporaryDirectory() as cache:
            first = _run(call.format(text), NUMBA_CACHE_DIR=cache)
            later = min(_run(call.format(text), NUMBA_CACHE_DIR=cache) for _ in range(3))
        lines.append(f"- import and `{text}`: {first:.2f} s the first time after installation (compilation), {later:.2f} s in every later process")
    return lines


def _run(code: str, **environment: str) -> float:
    done = subprocess.run([sys.executable, "-c", code], env={**os.environ, **environment}, capture_output=True, text=True, check=True)
    return float(done.stdout)


def _cpu() -> str:
    try:
        return next(line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor()


if __name__ == "__main__":
    main()
