"""What a hundred thousand, a million and ten million links cost: time, peak memory and growth of every operation meant for large networks.

    python -m analysis.bench.load                            # all of it (hours)
    python -m analysis.bench.load --missing                  # what the table does not have yet
    python -m analysis.bench.load --only "best *" --sizes 100000 1000000
    python -m analysis.bench.load --seconds 600 --memory 20  # patience, and GiB

Layers are bipartite scale-free (degrees fall as k^-3), n_in = n_out = links / 32 ("sparser": links / 8); graphs are the same links with input i and output i
as one node, so that nodes have 64 links on average. Mean degrees do not grow with the size: time in proportion to the links has the exponent 1. The largest
degrees do grow, and walks over hubs with them. `best` asks for one pair in a hundred links, and so many links are hidden before `evaluate`.

Every operation runs in a process of its own, once on a tiny network (which loads what is compiled), then on the one measured; short calls are repeated,
and the least time counts. Seconds are those of the processor, of all threads together, for others use the machine too; the time on the wall stands in the
CSV. Memory is the most that the process held, the network included, less what it held before the network was there. An operation beyond --seconds
or --memory is stopped, and not tried where its growth so far foresees that (some were given 1500 s in a later call). The tables are analysis/results/bench_load.md and .csv; rows of earlier calls stay.
"""

from __future__ import annotations

import argparse
import csv
import fnmatch
import math
import multiprocessing
import os
import platform
import resource
import shutil
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import cached_property
from multiprocessing.connection import Connection
from pathlib import Path

import igraph  # noqa: F401  # what children use is loaded once, before they are forked
import matplotlib
import networkx  # noqa: F401
import numpy as np
import scipy.optimize
import scipy.sparse.linalg
import scipy.stats  # noqa: F401

import netsnn as ns
from analysis.bench.measure import RESULTS, _peak, _reset_peak, cpu
from netsnn.measures.structure import _shared
from netsnn.threads import n_threads

matplotlib.use("agg")
import matplotlib.pyplot as plt  # noqa: E402

SIZES, TINY, DEGREE = (100_000, 1_000_000, 10_000_000), 3_200, 32
FIELDS = ["operation", "links", "seconds", "wall", "peak_mb", "outcome"]
WALKS = "scores all pairs that walks of three links join: here nearly all n^2 of them; see the sparser layers"
STEEP = 1.3  # from this exponent on an operation is named in NAMED
HUBS = "pairs of links that share a neuron: their number, a sum of squared degrees, grows faster than the links where hubs grow"
CACHES = "near linear up to 1e6 (exponent {:.2f}); at 1e7 its arrays no longer fit the caches, the likely cause"
NAMED = {
    **{f"{what} {name}": WALKS for what in ("best", "evaluate") for name in ("l3", "lp", "ch2_l3", "ch3_l3", "ch2_l3n", "cra", "bra", "car", "ch3_l3, sample=True")},
    **{f"best {name} in a graph": WALKS for name in ("l3", "ch3_l3")},
    "evaluate_nodes l3": WALKS,
    "evolve.rewire, CHTs": "regrowth by CH2-L3n: it " + WALKS,
    **{f"{what}, sparser": "walks grow faster than links where hubs grow, and tables outgrow the caches" for what in
       ("best l3", "best ch2_l3", "best ch3_l3", "best ch2_l3n", "best ch3_l3, sample=True", "evaluate l3", "evaluate ch3_l3")},
    "best ch3_l2 in a graph": "walks grow faster than links where hubs grow, and each pair's neighbours are counted link by link",
    **{name: HUBS for name in ("scores ra, of given pairs in a graph", "best cn in a graph", "best ra in a graph", "best jaccard in a graph", "evaluate ra in a graph", "measure clustering", "measure nestedness",
                               "measures.summary")},
    **dict.fromkeys(("measure modularity", "plot.view", 'plot.spy(order="community")', "plot.evolution"), "Louvain's passes, more of them in larger networks"),
    "wiring.receptive_field": "draws from all pairs, n_in n_out of them, as its documentation says; memory does not grow so",
    "best spm": "dense linear algebra, O(n^3)",
    "best katz": "every pair has a Katz score: n^2 of them",
    "best pa": "every pair has a degree product: n^2 of them",
    "evaluate pa": "every pair has a degree product: n^2 of them",
    "measure consistency": "dense linear algebra over all pairs",
    "measures.deep_graph_persistence": "the strongest path of every input to every output: a dense n_in x n_out array",
    "measures.sortedness": "ranks all places, absent links too: a dense n_in x n_out array",
    "measures.topology_distance": "matches neurons by the Hungarian method, O(n^3), on a dense n x n array",
}


# ---- the networks ---------------------------------------------------------------------------------


class Data:
    """What operations work on, in a folder, read when it is asked for."""

    def __init__(self, folder: Path, links: int) -> None:
        self.folder, self.links, self.n = folder, links, links // DEGREE

    @cached_property
    def layer(self) -> ns.Layer:
        return ns.read(self.folder / "layer.npz")

    @cached_property
    def sparse(self) -> ns.Layer:
        return ns.read(self.folder / "sparse.npz")

    @cached_property
    def other(self) -> ns.Layer:
        return ns.read(self.folder / "other.npz")

    @cached_property
    def graph(self) -> ns.Graph:
        return ns.read(self.folder / "graph.npz")

    @cached_property
    def weights(self) -> np.ndarray:
        return np.random.default_rng(0).standard_normal(self.layer.n_links)

    @cached_property
    def network(self) -> ns.Network:
        return ns.Network([self.layer, self.other])

    @cached_property
    def pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """As many pairs as one in a hundred links."""
        return tuple(np.random.default_rng(1).integers(self.n, size=(2, self.links // 100)))

    @cached_property
    def hidden(self) -> ns.linkpred.Split:
        return ns.linkpred.split(self.layer, 0.01, seed=0)

    @cached_property
    def hidden_in_sparse(self) -> ns.linkpred.Split:
        return ns.linkpred.split(self.sparse, 0.01, seed=0)

    @cached_property
    def hidden_in_graph(self) -> ns.linkpred.Split:
        return ns.linkpred.split(self.graph, 0.01, seed=0)

    @cached_property
    def state(self) -> ns.evolve.State:
        from netsnn.evolve.rewiring import living

        chains = ((0, 1),)
        recipe = ns.evolve.ch_snn()
        return ns.evolve.State((self.layer, self.other), (self.weights, self.weights), chains, living((self.layer, self.other), chains, recipe), (True, True))

    @cached_property
    def history(self) -> ns.History:
        return ns.History(self.folder / "history")

    @cached_property
    def sources(self) -> dict:
        return {"scipy": self.layer.to_scipy(), "edges": tuple(np.random.default_rng(0).permutation(np.stack(self.layer.links), axis=1))}

    @cached_property
    def networkx(self):
        return self.layer.to_networkx()

    @cached_property
    def igraph(self):
        return self.layer.to_igraph()

    def prepare(self) -> None:
        """Write what operations read: the layer, another with a tenth of its links moved, the graph, and a sparser layer."""
        self.folder.mkdir(parents=True, exist_ok=True)
        made = lambda name: (self.folder / name).exists()
        if not made("layer.npz"):
            ns.write(ns.wiring.scale_free(self.n, self.n, links=self.links, seed=0), self.folder / "layer.npz")
        if not made("other.npz"):
            kept = self.layer.select(np.random.default_rng(0).random(self.layer.n_links) < 0.9)
            fresh = ns.wiring.erdos_renyi(self.n, self.n, links=self.links // 5, seed=1) - self.layer
            drawn = np.random.default_rng(1).permutation(fresh.n_links) < self.layer.n_links - kept.n_links
            ns.write(kept | fresh.select(drawn), self.folder / "other.npz")
        if not made("graph.npz"):
            ns.write(ns.Graph.from_edges(*self.layer.links, self.n, simplify=True), self.folder / "graph.npz")
        if not made("sparse.npz"):
            ns.write(ns.wiring.scale_free(4 * self.n, 4 * self.n, links=self.links, seed=0), self.folder / "sparse.npz")


# ---- the operations -------------------------------------------------------------------------------


def _file(name: str) -> dict[str, tuple[Callable, Callable]]:
    """Writing one format, and reading it: (what is there before, what is measured)."""
    path = lambda d: d.folder / f"file.{name}"
    return {f"write {name}": (lambda d: d.layer, lambda d: ns.write(d.layer, path(d))),
            f"read {name}": (path, lambda d: ns.read(path(d), kind="layer" if name in ("edges", "mtx", "mat") else None))}


def _figure(draw: Callable) -> Callable:
    """The figure drawn and saved as PDF."""

    def call(d: Data) -> None:
        ax = draw(d)
        ax.figure.savefig(d.folder / "figure.pdf")
        plt.close(ax.figure)

    return call


def _record(d: Data) -> None:
    with tempfile.TemporaryDirectory(dir=d.folder) as folder:
        history = ns.History(Path(folder) / "history")
        for step, one in enumerate((d.layer, d.other, d.layer)):
            history.record([one], step=step, weights=[d.weights])


def _write_history(d: Data) -> None:
    """The history that readers read: written once, and what it keeps of earlier measures forgotten."""
    shutil.rmtree(d.folder / "history" / "cache", ignore_errors=True)
    if not (d.folder / "history").exists():
        history = ns.History(d.folder / "history")
        for step, one in enumerate((d.layer, d.other, d.layer)):
            history.record([one], step=step, weights=[d.weights])


layer, graph, network = (lambda d: d.layer), (lambda d: d.graph), (lambda d: d.network)
k = lambda d: d.links // 100
best, scores, evaluate, split = ns.linkpred.best, ns.linkpred.scores, ns.linkpred.evaluate, ns.linkpred.split
wire = lambda name: (lambda d: None, lambda d: getattr(ns.wiring, name)(d.n, d.n, links=d.links, seed=0))
OPERATIONS: dict[str, dict[str, tuple[Callable, Callable]]] = {
    "Files": {key: value for name in ("npz", "edges", "mtx", "mat", "net", "graphml", "gexf") for key, value in _file(name).items()},
    "Values and conversions": {
        "Layer.from_edges": (lambda d: d.sources, lambda d: ns.Layer.from_edges(*d.sources["edges"], (d.n, d.n))),
        "Layer.from_scipy": (lambda d: d.sources, lambda d: ns.Layer.from_scipy(d.sources["scipy"])),
        "Layer.to_scipy": (layer, lambda d: d.layer.to_scipy()),
        "Layer.to_graph": (layer, lambda d: d.layer.to_graph()),
        "Layer.to_networkx": (layer, lambda d: d.layer.to_networkx()),
        "Layer.from_networkx": (lambda d: d.networkx, lambda d: ns.Layer.from_networkx(d.networkx)),
        "Layer.to_igraph": (layer, lambda d: d.layer.to_igraph()),
        "Layer.from_igraph": (lambda d: d.igraph, lambda d: ns.Layer.from_igraph(d.igraph)),
        "Layer a | b, a & b, a - b": (network, lambda d: (d.layer | d.other, d.layer & d.other, d.layer - d.other)),
        "Layer.find": (lambda d: (d.layer, d.pairs), lambda d: d.layer.find(*d.pairs)),
        "Network.percolate": (network, lambda d: d.network.percolate()),
        "Network.path_counts": (network, lambda d: d.network.path_counts()),
    },
    "Wiring": {f"wiring.{name}": wire(name) for name in ("uniform", "erdos_renyi", "small_world", "scale_free", "receptive_field")},
    "Link prediction in layers": {
        "scores l3, of given pairs": (lambda d: (d.layer, d.pairs), lambda d: scores(d.layer, "l3", pairs=d.pairs)),
        "scores ch3_l3, of given pairs": (lambda d: (d.layer, d.pairs), lambda d: scores(d.layer, "ch3_l3", pairs=d.pairs)),
        "scores katz, of 100 given pairs": (lambda d: (d.layer, d.pairs), lambda d: scores(d.layer, "katz", pairs=[x[:100] for x in d.pairs])),
        **{f"best {name}": (layer, lambda d, name=name: best(d.layer, name, k(d))) for name in ("l3", "lp", "ch2_l3", "ch3_l3", "ch2_l3n", "cra", "bra", "car", "pa", "katz", "spm")},
        "best ch3_l3, sample=True": (layer, lambda d: best(d.layer, "ch3_l3", k(d), sample=True)),
        "split": (layer, lambda d: split(d.layer)),
        'split(removal="connected")': (layer, lambda d: split(d.layer, removal="connected")),
        'split(negatives="sampled")': (layer, lambda d: split(d.layer, negatives="sampled")),
        'split(negatives="degree_matched")': (layer, lambda d: split(d.layer, negatives="degree_matched")),
        **{f"evaluate {name}": (lambda d: d.hidden, lambda d, name=name: evaluate(d.hidden.train, name, d.hidden.test)) for name in ("l3", "ch3_l3", "pa")},
        "evaluate_nodes l3": (lambda d: d.hidden, lambda d: ns.linkpred.evaluate_nodes(d.hidden.train, "l3", d.hidden.test, 10)),
    },
    "Link prediction in sparser layers (8 links a neuron)": {
        **{f"best {name}, sparser": (lambda d: d.sparse, lambda d, name=name: best(d.sparse, name, k(d))) for name in ("l3", "ch2_l3", "ch3_l3", "ch2_l3n")},
        "best ch3_l3, sample=True, sparser": (lambda d: d.sparse, lambda d: best(d.sparse, "ch3_l3", k(d), sample=True)),
        **{f"evaluate {name}, sparser": (lambda d: d.hidden_in_sparse, lambda d, name=name: evaluate(d.hidden_in_sparse.train, name, d.hidden_in_sparse.test))
           for name in ("l3", "ch3_l3")},
    },
    "Link prediction in graphs": {
        "scores ra, of given pairs in a graph": (lambda d: (d.graph, d.pairs), lambda d: scores(d.graph, "ra", pairs=d.pairs)),
        **{f"best {name} in a graph": (graph, lambda d, name=name: best(d.graph, name, k(d))) for name in ("cn", "ra", "jaccard", "ch3_l2", "l3", "ch3_l3")},
        "evaluate ra in a graph": (lambda d: d.hidden_in_graph, lambda d: evaluate(d.hidden_in_graph.train, "ra", d.hidden_in_graph.test)),
        "split of a graph": (graph, lambda d: split(d.graph)),
    },
    "Measures": {
        **{f"measure {name}": (layer, lambda d, name=name: ns.measures.summary(d.layer, name)) for name in ns.measures.MEASURES},
        "measures.summary": (layer, lambda d: ns.measures.summary(d.layer)),
        "measures.network_summary": (network, lambda d: ns.measures.network_summary(d.network)),
        "measures.null_layer": (layer, lambda d: ns.measures.null_layer(d.layer, seed=0)),
        "measures.rich_club, 2 draws": (layer, lambda d: ns.measures.rich_club(d.layer, draws=2)),
        "measures.overlap": (network, lambda d: ns.measures.overlap(d.layer, d.other)),
        "measures.explored": (network, lambda d: ns.measures.explored([d.layer, d.other])),
        "measures.topology_distance": (network, lambda d: ns.measures.topology_distance(d.layer, d.other)),
        "measures.neural_persistence": (lambda d: (d.layer, d.weights), lambda d: ns.measures.neural_persistence((d.layer, d.weights))),
        "measures.weight_variance": (lambda d: (d.layer, d.weights), lambda d: ns.measures.weight_variance((d.layer, d.weights))),
        "measures.permutation_null, 2 draws": (lambda d: (d.layer, d.weights), lambda d: ns.measures.permutation_null((d.layer, d.weights), draws=2, seed=0)),
        "measures.sortedness": (lambda d: (d.layer, d.weights), lambda d: ns.measures.sortedness((d.layer, d.weights))),
        "measures.deep_graph_persistence": (lambda d: (d.network, d.weights),
                                            lambda d: ns.measures.deep_graph_persistence([(d.layer, d.weights), (d.other, d.weights)])),
    },
    "Evolution and history": {
        "evolve.rewire, CH-SNN": (lambda d: d.state, lambda d: ns.evolve.rewire(d.state, ns.evolve.ch_snn(), progress=0.0)),
        "evolve.rewire, CHTs": (lambda d: d.state, lambda d: ns.evolve.rewire(d.state, ns.evolve.chts(), progress=0.0)),
        "evolve.rewire, SET": (lambda d: d.state, lambda d: ns.evolve.rewire(d.state, ns.evolve.set_(), progress=0.0)),
        "evolve.grow ch3_l3, sampled, a tenth": (layer, lambda d: ns.evolve.grow(d.layer, d.links // 10, "ch3_l3", sample=True)),
        "evolve.lrs": (lambda d: (d.layer, d.weights), lambda d: ns.evolve.lrs(d.layer, d.weights)),
        "History.record, three snapshots": (lambda d: (d.network, d.weights), _record),
        "History: read the snapshots": (_write_history, lambda d: [(s.layers, s.weights) for s in ns.History(d.folder / "history")]),
        "History.turnover, overlap, survival": (_write_history, lambda d: [(h.turnover(), h.overlap(), h.survival()) for h in [ns.History(d.folder / "history")]]),
        "History.ages": (_write_history, lambda d: ns.History(d.folder / "history").ages()),
    },
    "Figures (drawn, and saved as PDF)": {
        "plot.spy": (layer, _figure(lambda d: ns.plot.spy(d.layer))),
        'plot.spy(order="community")': (layer, _figure(lambda d: ns.plot.spy(d.layer, order="community"))),
        "plot.degrees": (layer, _figure(lambda d: ns.plot.degrees(d.layer))),
        "plot.hubs": (network, _figure(lambda d: ns.plot.hubs(d.network))),
        "plot.layer": (layer, _figure(lambda d: ns.plot.layer(d.layer))),
        "plot.receptive_field": (layer, _figure(lambda d: ns.plot.receptive_field(d.layer, (1, d.n)))),
        "plot.persistence": (lambda d: (d.layer, d.weights), _figure(lambda d: ns.plot.persistence(ns.measures.neural_persistence((d.layer, d.weights))))),
        "plot.view": (layer, lambda d: ns.plot.view(d.layer).save(d.folder / "view.html")),
        "plot.evolution": (_write_history, _figure(lambda d: ns.plot.evolution(ns.History(d.folder / "history")))),
        "plot.alluvial": (_write_history, _figure(lambda d: ns.plot.alluvial(ns.History(d.folder / "history")))),
        "plot.ages": (_write_history, _figure(lambda d: ns.plot.ages(ns.History(d.folder / "history")))),
        "plot.report": (_write_history, lambda d: ns.plot.report(ns.History(d.folder / "history"), d.folder / "report.html")),
    },
}
EVERY = {name: call for group in OPERATIONS.values() for name, call in group.items()}


# ---- one operation, in a process of its own -----------------------------------------------------------


def child(tell: Connection, name: str, folder: Path, links: int, most: int) -> None:
    """Measure, and tell the parent when it begins and what came out."""
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    warnings.simplefilter("ignore")
    prepare, call = EVERY[name]
    try:
        tiny = Data(folder / str(TINY), TINY)
        prepare(tiny)
        call(tiny)
        del tiny
        _reset_peak()
        before, found = _peak(), 0.0
        times: list[tuple[float, float]] = []
        start = time.process_time()
        while not times or (time.process_time() - start < 2 and len(times) < 5):
            data = Data(folder / str(links), links)  # anew each time: layers keep what was asked of them
            _shared.cache_clear()
            prepare(data)
            if not times:
                _reset_peak()
                tell.send({"begin": time.process_time()})
            begin = time.process_time(), time.perf_counter()
            call(data)
            times.append((time.process_time() - begin[0], time.perf_counter() - begin[1]))
            found = _peak() - before if len(times) == 1 else found
        seconds, wall = (min(column) for column in zip(*times))
        tell.send({"seconds": f"{seconds:.3g}", "wall": f"{wall:.3g}", "peak_mb": f"{max(found, 0):.0f}", "outcome": ""})
    except (ValueError, MemoryError, ns.NetsnnError) as error:
        tell.send({"outcome": f"refused: {' '.join(str(error).split()) or type(error).__name__}"})
    except Exception as error:  # a fault of this program, told where it is read
        tell.send({"outcome": f"failed: {type(error).__name__}: {error}"[:200]})


def measured(name: str, folder: Path, links: int, seconds: float, memory: float) -> dict:
    """The row of one operation on one size."""
    row = {"operation": name, "links": links, "seconds": "", "wall": "", "peak_mb": "", "outcome": "failed: it said nothing"}
    hear, tell = multiprocessing.Pipe(duplex=False)
    most = int((memory + 6) * 2**30)  # of addresses, of which libraries and threads' stacks take some that they never touch
    process = multiprocessing.get_context("fork").Process(target=child, args=(tell, name, folder, links, most), daemon=True)
    process.start()
    tell.close()
    begun, begin = None, time.perf_counter()
    while process.is_alive() or hear.poll():
        if hear.poll(0.02):
            try:
                said = hear.recv()
            except EOFError:
                break
            begun = said.pop("begin", begun)
            row |= said
            continue
        resident, spent = _resident(process.pid), _spent(process.pid)
        if resident > memory * 1024:
            row["outcome"] = f"more than {memory:g} GiB"
        elif begun is not None and spent - begun > seconds:
            row["outcome"] = f"more than {seconds:g} s"
        elif time.perf_counter() - begin > 15 * seconds or (begun is None and spent > 5 * seconds):
            row["outcome"] = "its input took too long" if begun is None else f"more than {15 * seconds:g} s on the wall"
        else:
            continue
        process.kill()
        break
    process.join()
    return row


def _resident(pid: int) -> float:
    """MB of a process in memory now."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize() / 2**20
    except (OSError, IndexError):
        return 0.0


def _spent(pid: int) -> float:
    """Processor seconds of all threads of a process so far."""
    try:
        return sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13])) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError):
        return 0.0


# ---- the table ------------------------------------------------------------------------------------


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="+", default=["*"], metavar="PATTERN", help='operations, as in "best *"')
    parser.add_argument("--sizes", nargs="+", type=int, default=SIZES, metavar="LINKS")
    parser.add_argument("--seconds", type=float, default=120, help="most that an operation may take (default 120)")
    parser.add_argument("--memory", type=float, default=10, help="most GiB that a process may hold (default 10)")
    parser.add_argument("--folder", type=Path, help="where networks are kept between calls (default: a temporary folder)")
    parser.add_argument("--missing", action="store_true", help="only what the table does not have yet")
    arguments = parser.parse_args()
    rows = load_rows()
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.folder or Path(temporary)
        for links in (TINY, *sorted(arguments.sizes)):
            made = multiprocessing.get_context("fork").Process(target=Data(folder / str(links), links).prepare)
            made.start()
            made.join()
            for name in EVERY if links != TINY else ():
                if not any(fnmatch.fnmatchcase(name, pattern) for pattern in arguments.only) or (arguments.missing and (name, links) in rows):
                    continue
                row = {"operation": name, "links": links, "seconds": "", "wall": "", "peak_mb": "", "outcome": "not tried: fewer links were too many"}
                smaller = rows.get((name, max((size for size in SIZES if size < links), default=0)), {"outcome": ""})
                foreseen = _foreseen(name, links, rows)
                if foreseen > arguments.seconds:
                    row = row | {"outcome": f"not tried: some {float(f'{foreseen:.1g}'):g} s foreseen"}
                elif not smaller["outcome"] or smaller["outcome"].startswith("refused"):
                    row = measured(name, folder, links, arguments.seconds, arguments.memory)
                print(f"{name:45} {links:>9} {row['seconds']:>9} s {row['peak_mb']:>7} MB  {row['outcome']}", flush=True)
                if not row["outcome"].startswith("failed"):
                    rows[name, links] = row
                save(rows, arguments)
    save(rows, arguments)


def _foreseen(name: str, links: int, rows: dict[tuple[str, int], dict]) -> float:
    """Seconds that it would take if it grew on as it did between the two sizes before."""
    before = [rows.get((name, size), {}).get("seconds") for size in SIZES if size < links][-2:]
    return float(before[1]) ** 2 / float(before[0]) if len(before) == 2 and all(before) else 0.0


def load_rows() -> dict[tuple[str, int], dict]:
    path = RESULTS / "bench_load.csv"
    if not path.exists():
        return {}
    with open(path, newline="") as file:
        return {(row["operation"], int(row["links"])): row for row in csv.DictReader(file)}


def save(rows: dict[tuple[str, int], dict], arguments: argparse.Namespace) -> None:
    """Both tables, of all rows there are."""
    RESULTS.mkdir(exist_ok=True)
    with open(RESULTS / "bench_load.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, FIELDS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows[name, links] for name in EVERY for links in SIZES if (name, links) in rows)
    (RESULTS / "bench_load.md").write_text(page(rows, arguments))


def page(rows: dict[tuple[str, int], dict], arguments: argparse.Namespace) -> str:
    head = (f"`python -m analysis.bench.load`: netsnn {ns.__version__}, {n_threads()} threads, {cpu()}, Python {platform.python_version()}, numpy {np.__version__}, "
            f"{time.strftime('%Y-%m-%d')}. Other work kept the two cores and their caches busy all the while: seconds are some half more than on an idle machine, and "
            "exponents are to be read to about 0.1.")
    text = ["# Load: a hundred thousand to ten million links", "", head, "", *__doc__.split("\n\n", 2)[2].replace("--seconds", f"{arguments.seconds:g} s")
            .replace("--memory", f"{arguments.memory:g} GiB").strip().split("\n"), "",
            "Exponents are slopes of log time (memory) on log links from 1e6 to 1e7 links, in brackets from 1e5 to 1e6 where the largest was not reached; below 0.1 s, "
            "where constant costs rule, there is none.", ""]
    for group, calls in OPERATIONS.items():
        text += [f"## {group}", "", "| operation | 1e5, s | 1e6, s | 1e7, s | 1e5, MB | 1e6, MB | 1e7, MB | exponent of time | of memory | |", "|---|" + "---:|" * 8 + "---|"]
        text += [line(name, [rows.get((name, links)) for links in SIZES]) for name in calls if any((name, links) in rows for links in SIZES)]
        text += [""]
    return "\n".join(text)


def line(name: str, found: list[dict | None]) -> str:
    values = {what: [float(row[what]) if row and row[what] and not row["outcome"] else math.nan for row in found] for what in ("seconds", "peak_mb")}
    cells = [name.replace("|", "\\|")]
    for what in ("seconds", "peak_mb"):
        cells += [f"{value:.3g}" if value < 1000 else f"{value:.0f}" if not math.isnan(value) else "" for value in values[what]]
    cells += [slope(values["seconds"], 0.1), slope(values["peak_mb"], 30)]
    outcomes = [f"{links:.0e}: {row['outcome']}".replace("e+0", "e") for links, row in zip(SIZES, found) if row and row["outcome"]]
    steep = any(text.strip("()") and float(text.strip("()")) > STEEP for text in cells[-2:])
    remarks = [why(name, values["seconds"])] if steep or (outcomes and name in NAMED) else []
    return "| " + " | ".join([*cells, "; ".join([*remarks, *outcomes]).replace("|", "\\|")]) + " |"


def why(name: str, seconds: list[float]) -> str:
    """What makes an operation steep."""
    if name in NAMED:
        return NAMED[name]
    early = math.log10(seconds[1] / seconds[0])
    return CACHES.format(early) if early < 1.2 else "superlinear"


def slope(values: list[float], least: float) -> str:
    """The exponent between the two largest sizes there are."""
    for a, b, form in ((1, 2, "{:.2f}"), (0, 1, "({:.2f})")):
        if values[a] >= least / 3 and values[b] >= least:
            return form.format(math.log(values[b] / values[a]) / math.log(SIZES[b] / SIZES[a]))
    return ""


if __name__ == "__main__":
    main()
