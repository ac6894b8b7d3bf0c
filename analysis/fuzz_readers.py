"""Every function of netsnn that reads a file or folder of a user: small good files of each format, and what a value read from one must fulfil.

Nothing else of netsnn reads: the tables and pages of `analysis/` are its own, but for the CSV files that studies of training runs go on from.
"""

from __future__ import annotations

import contextlib
import functools
import gzip
import io
import itertools
import math
import os
import struct
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

import netsnn as ns
from netsnn.errors import FileError, NetsnnError

__all__ = ["READERS", "Broken", "Files", "Reader"]

Files = dict[str, bytes]
"""The files of a folder: their places in it, and what they hold."""


class Broken(Exception):
    """A value was read that is not what its type promises."""


@dataclass(frozen=True)
class Reader:
    """`seeds()` gives good files, `read(folder, files)` reads and checks them; only the files named in `spoiled` (all, if empty) are spoiled."""

    seeds: Callable[[], list[Files]]
    read: Callable[[Path, Files], Any]
    errors: tuple[type[Exception], ...] = (FileError,)
    """What it may raise: one line that names the file."""
    spoiled: tuple[str, ...] = ()
    forms: dict[str, str] = field(default_factory=dict)
    """The form of files whose extension does not tell it."""
    writes: bool = False
    """Whether it may write into its folder."""
    elsewhere: bool = False
    """Whether its files may name files outside of its folder."""

    def form(self, name: str) -> str:
        """The extension of a file, or what stands for it."""
        base = os.path.basename(name)
        return self.forms.get(base, os.path.splitext(base)[1])


def demand(fact: object, what: str) -> None:
    if not fact:
        raise Broken(what)


# ---- layers, graphs, networks -----------------------------------------------------------------

LAYER = ns.Layer.from_edges([0, 0, 2, 3], [1, 3, 0, 2], (4, 5))
NAMED = ns.Layer.from_edges([0, 0, 2], [1, 2, 0], (3, 3), input_names=["a b", "c<&>", "é"], output_names=["w", "x", "z'"])
GRAPH = ns.Graph.from_edges([0, 1, 4, 0], [2, 3, 5, 1], 6)
CALLED = ns.Graph.from_edges([0, 1, 0], [2, 3, 1], 4, names=["a b", "c<&>", "é", "d"])
NETWORK = ns.Network([LAYER, ns.Layer.from_edges([0, 4], [0, 1], (5, 2))], ["first", "second"])
VALUES: list[tuple[Any, Any]] = [(LAYER, None), (LAYER, [0.5, 0.0, -2.5e-300, 7.0]), (NAMED, [1.0, 2.0, 3.0]), (GRAPH, None), (GRAPH, [1.0, 0.25, 3.0, 1e300]), (CALLED, [0.5, 1.5, 2.5]), (NETWORK, None),
                                 (NETWORK, [[1.0, 2.0, 3.0, 4.0], [5.0, 6.0]])]


@contextlib.contextmanager
def steady() -> Any:
    """The names of files that are drawn at random are the same every time."""
    drawn = itertools.count()
    with mock.patch("secrets.token_hex", lambda n: f"{next(drawn):0{2 * n}x}"):
        yield


def written(extension: str, *texts: str, networks: bool = True) -> Callable[[], list[Files]]:
    """Files that netsnn writes, and hand-made ones: "name: content"."""
    def seeds() -> list[Files]:
        found = []
        with tempfile.TemporaryDirectory() as folder:
            for value, weights in VALUES:
                if networks or not isinstance(value, ns.Network):
                    path = Path(folder) / f"x.{extension}"
                    ns.write(value, path, weights=weights)
                    found.append({path.name: undated(path.read_bytes())})
        return found + [{name: text.encode()} for name, _, text in (text.partition(": ") for text in texts)]

    return seeds


def undated(data: bytes) -> bytes:
    """A MATLAB file without the time at which it was made."""
    return b"MATLAB 5.0 MAT-file".ljust(116) + data[116:] if data.startswith(b"MATLAB 5.0") else data


def read_file(folder: Path, files: Files) -> Any:
    """A file called layer.* or graph.* is read as one."""
    name = next(iter(files))
    kind = name.partition(".")[0]
    value, weights = ns.read(folder / name, kind=kind if kind in ("layer", "graph") else None, weights=True)
    demand(kind == "x" or type(value).__name__.lower() == kind, "another kind than asked for")
    check(value, weights)
    names = [value.names] if not isinstance(value, ns.Layer) else [value.input_names, value.output_names]
    demand(all(type(name) is str for part in names for name in part or ()), "names that are no texts")
    return value


def check(value: Any, weights: Any = None) -> None:
    """A canonical value, and weights that suit it."""
    if isinstance(value, ns.Network):
        demand(weights is None or len(weights) == len(value), "not one array of weights a layer")
        for i, layer in enumerate(value):
            check(layer, None if weights is None else weights[i])
        demand(all(a.n_out == b.n_in for a, b in zip(value, value.layers[1:])), "layers that do not follow on each other")
        check_names(value.names, len(value))
        return
    rows, columns = value.shape
    demand(value.indptr.dtype == value.indices.dtype == np.int32 and len(value.indptr) == rows + 1 and value.indptr[0] == 0 and value.indptr[-1] == len(value.indices), "no CSR form")
    degrees = value.indptr[1:] - value.indptr[:-1]
    demand(not rows or degrees.min() >= 0, "pointers that fall")
    if len(value.indices):
        demand(0 <= value.indices.min() and value.indices.max() < columns, "links to neurons that are not there")
        ids = np.repeat(np.arange(rows), degrees) * columns + value.indices
        demand((ids[1:] > ids[:-1]).all(), "links out of order, or twice")
    if isinstance(value, ns.Graph):
        u, v = value.links
        demand(len(u) * 2 == len(value.indices) and (u < v).all(), "a graph that is not symmetric")
        check_names(value.names, rows)
    else:
        check_names(value.input_names, rows)
        check_names(value.output_names, columns)
    if weights is not None:
        demand(weights.shape == (value.n_links,) and weights.dtype.kind in "biuf" and not np.isnan(weights).any(), "weights that are no numbers, or not one a link")


def check_names(names: Any, n: int) -> None:
    if names is not None:
        demand(type(names) is tuple and len(set(names)) == len(names) == n, "names that are not different, one each")


def scipy_files() -> list[Files]:
    import scipy.sparse as sp

    found = []
    for form in (sp.csr_array, sp.csc_array, sp.coo_array):
        file = io.BytesIO()
        sp.save_npz(file, form(LAYER.to_scipy([1.0, 2.0, 3.0, 4.0])))
        found.append({"x.npz": file.getvalue()})
        file = io.BytesIO()
        sp.save_npz(file, form(GRAPH.to_scipy()))
        found += [{"graph.npz": file.getvalue()}]
    return written("npz")() + found


def matlab_files() -> list[Files]:
    from scipy.io import savemat

    found = []
    for name, content in (("x", {"net": LAYER.to_scipy().tocsc(), "note": "text", "info": {"a": [1, 2], "b": {"c": "d"}}, "cells": np.array([1, "a", np.eye(2)], dtype=object), "z": np.array([[1 + 2j]])}),
                          ("graph", {"A": GRAPH.to_dense().astype(float)}), ("layer", {"x": np.arange(6, dtype=np.int16).reshape(2, 3)})):
        file = io.BytesIO()
        savemat(file, content, do_compression=name == "graph")
        found.append({f"{name}.mat": undated(file.getvalue())})
    return written("mat")() + found


EDGES = written("edges", "x.edges: 0 1\n1 2\n2 0\n", "layer.txt: % a comment\n0 0\n1 0\n1 2\n", "layer.edges: p x\nq x\nq y\n", "x.txt: # davis nodes=5 edges=2 bipartite n_left=2 n_right=3 components=1\n0 2\n1 4\n",
                "x.edges: u v\nv w\n", "graph.edges: 0 1 0.5\n1 2 -1e-3\n", "x.edges: # netsnn network nodes=6 edges=3 sizes=2,3,1\n0 2 1\n1 3 2\n3 5 3\n")


def tables() -> list[Files]:
    texts = {"x.csv": ['source,target,weight\nann,bob,2\nbob,"c, d",0.5\n', "from,to\n0,1\n1,2\n", "0,1,2.5\n1,2,-1\n"], "layer.csv": ["input,output\n0,0\n1,0\n1,2\n", '"a ""b""",x\nc,y\n'],
             "x.tsv": ["u\tv\na b\tc\nc\td\n", "0\t1\t1\n1\t2\t2\n"], "layer.tsv": ["p\tq\t0.5\nr\tq\t1.5\n"], "graph.csv": ["0,1\n1,2\n"]}
    return [{name: text.encode()} for name, parts in texts.items() for text in parts]


GRAPHML = written("graphml", '''x.graphml: <?xml version="1.0" encoding="UTF-8"?>
<graphml xmlns="http://graphml.graphdrawing.org/xmlns"><key id="d0" for="node" attr.name="bipartite" attr.type="long"/><key id="d1" for="edge" attr.name="weight" attr.type="double"><default>2</default></key>
<key id="d2" for="node" attr.name="type" attr.type="boolean"><default>false</default></key>
<graph edgedefault="directed"><node id="n0"><data key="d0">0</data></node><node id="n1"><data key="d0">1</data></node><node id="n2"><data key="d2">true</data></node>
<edge source="n0" target="n1"><data key="d1">0.5</data></edge><edge source="n0" target="n2"/></graph></graphml>''', '''graph.graphml: <graphml><graph edgedefault="undirected"><node id="a"/><node id="b"/><node id="c"/>
<edge source="a" target="b"/><edge source="b" target="c"/></graph></graphml>''')
GEXF = written("gexf", '''x.gexf: <?xml version="1.0" encoding="UTF-8"?><gexf version="1.2"><graph defaultedgetype="undirected"><attributes class="node"><attribute id="7" title="bipartite" type="integer"/></attributes>
<attributes class="edge"><attribute id="1" title="weight" type="double"/></attributes><nodes><node id="a" label="A"><attvalues><attvalue for="7" value="0"/></attvalues></node>
<node id="b" label="B"><attvalues><attvalue for="7" value="1"/></attvalues></node></nodes><edges><edge id="0" source="a" target="b"><attvalues><attvalue for="1" value="2.5"/></attvalues></edge></edges></graph></gexf>''',
               'graph.gexf: <gexf><graph><nodes><node id="0"/><node id="1"/></nodes><edges><edge source="0" target="1" weight="3"/></edges></graph></gexf>')
PAJEK = written("net", 'x.net: *Vertices 3 2\n1 "a"\n2 "b"\n3 "c"\n*Arcs\n1 3 1\n2 3 1\n', "x.net: *Network t\n*vertices 3\n*edgeslist\n1 2 3\n", 'graph.net: *Vertices 2\n1 O\'Brien 0.5 0.5\n2 "a \\"b\\"" ic Red\n*Edges\n1 2 0.5\n',
                networks=False)
MARKET = written("mtx", "graph.mtx: %%MatrixMarket matrix coordinate pattern general\n2 2 2\n1 2\n2 1\n", "layer.mtx: %%MatrixMarket matrix coordinate pattern symmetric\n2 2 2\n2 1\n2 2\n",
                 "x.mtx: %%MatrixMarket matrix array real general\n2 2\n0\n1\n0\n2\n", "x.mtx: %%MatrixMarket matrix coordinate integer general\n% c\n3 2 2\n1 2 5\n3 1 -7\n", networks=False)


# ---- histories --------------------------------------------------------------------------------


def history_files() -> list[Files]:
    """The folder of a network's history, with all that may be recorded, and one of separate layers."""
    found = []
    with steady(), tempfile.TemporaryDirectory() as folder:
        network = Path(folder) / "a"
        history = ns.History(network)
        after = ns.Network([NAMED, ns.Layer.from_edges([0, 2], [0, 1], (3, 2))], ["first", "second"])
        before = ns.Network([NAMED.with_links([0, 1], [1, 2]), after[1]], ["first", "second"])
        history.record(before, step=0, scalars={"accuracy": 0.5, "loss": float("nan")}, weights=[np.ones(2, dtype=np.float32), None])
        history.record(after, step=10, scalars={"accuracy": 0.75}, weights=[np.arange(3.0), np.ones(2)], removed=[{"magnitude": ([1], [2])}, {}], grown=[{"score": ([0], [2]), "random": ([2], [0])}, None],
                       dead=[[1], [], [0]], note="an event")
        history.frame(spread)
        found.append({str(path.relative_to(network)): path.read_bytes() for path in sorted(network.rglob("*")) if path.is_file()})
        plain = Path(folder) / "b"
        history = ns.History(plain)
        history.record([LAYER, LAYER.T], step=-3)
        history.record([LAYER, LAYER.T], step=4, dead=[[0], [], [1, 2], []])
        history.frame(spread)
        found.append({str(path.relative_to(plain)): path.read_bytes() for path in sorted(plain.rglob("*")) if path.is_file()})
    return found


def spread(layer: ns.Layer) -> dict[str, float]:
    """The measure of `History.frame` here."""
    return {"links": layer.n_links, "largest": float(layer.out_degrees.max(initial=0)), "lack": math.nan}


def read_history(folder: Path, files: Files) -> Any:
    """All that a history offers."""
    history = ns.History(folder)
    steps, n = history.steps, len(history)
    demand(len(steps) == n and (steps[1:] > steps[:-1]).all(), "steps that do not rise")
    demand(all(values.shape == (n,) and values.dtype == float for values in history.scalars.values()), "scalars that are not one number a snapshot")
    repr(history), history.names
    for i in range(len(history.shapes)):
        for what in ("removed", "grown"):
            demand(all(counts.shape == (n,) and counts.min() >= 0 for counts in history.reasons(what, i).values()), "counts that are none")
    for snapshot in history:
        repr(snapshot)
        demand(isinstance(snapshot.note, str), "a note that is no text")
        check_snapshot(history, snapshot)
    if n:
        history.turnover(0), history.ages(0)
    return history


def check_snapshot(history: ns.History, snapshot: Any) -> None:
    layers = snapshot.layers
    demand([layer.shape for layer in layers] == list(history.shapes), "layers of another shape")
    for i, layer in enumerate(layers):
        check(layer)
        demand(snapshot.layer(i) == layer, "one layer read apart differs")
    for layer, values in zip(layers, snapshot.weights or [None] * len(layers)):
        demand(values is None or values.shape == (layer.n_links,) and values.dtype.kind in "biuf", "weights that are not one number a link")
    for found in (snapshot.removed, snapshot.grown):
        for layer, reasons in zip(layers, found or []):
            for row, col in reasons.values():
                demand(row.shape == col.shape and (row >= 0).all() and (row < layer.n_in).all() and (col >= 0).all() and (col < layer.n_out).all(), "a recorded link outside of its layer")
    demand(snapshot.dead is None or all((ids >= 0).all() for ids in snapshot.dead), "a dead neuron that is none")
    if history._index.form.network:
        snapshot.network()


def read_frame(folder: Path, files: Files) -> Any:
    """A table measured earlier."""
    history = ns.History(folder)
    table = history.frame(spread)
    demand(list(table["step"]) == [step for step in history.steps for _ in history.shapes], "another number of rows")
    demand(all(np.asarray(table[name]).dtype.kind in "if" for name in table if name != "layer"), "a number that is none")
    return table


# ---- studies ----------------------------------------------------------------------------------

STUDY = b'''networks = ["*.edges"]
methods = ["l3", "ch3_l3"]
fraction = 0.25
repeats = 2
removal = "random"
negatives = "all"
seed = 3
metrics = ["precision", "auc_roc"]
out = "results"

[method.katz_01]
method = "katz"
beta = 0.01

[network.ring]
domain = "social"

[network.layer]
path = "layer.csv"
kind = "layer"
test = ["layer.test.txt"]
'''
MORE = b'''networks = "ring.edges"
methods = "ra"
node_k = 2

[network.ring]
test = ["test.txt", "test.txt"]
negatives = ["others.txt", "others.txt"]
'''
SPLITS = {"ring.edges": b"0 1\n1 2\n2 3\n3 4\n4 5\n5 0\n", "layer.csv": b"a,x\nb,y\nc,x\nc,y\n", "layer.test.txt": b"a x\nc y\n", "test.txt": b"0 1\n3 4\n", "others.txt": b"0 2\n1 4\n"}


def read_study_file(folder: Path, files: Files) -> Any:
    from netsnn.linkpred.studies.study_file import read_study_file

    study, out, metrics = read_study_file(folder / "study.toml")
    demand(metrics and all(isinstance(name, str) for name in metrics) and isinstance(out, Path), "no metrics, or no place for the results")
    if study.repeats < 1000:
        demand(study.cells(), "no cells")
    study.plan()
    for graph in study.networks.values():
        check(graph)
    for name, splits in study.splits.items():
        for split in splits:
            check_split(study.networks[name], split)
    return study


def read_split(folder: Path, files: Files) -> Any:
    """A fixed split, of a graph without names and of a layer with them."""
    layer = "layer.test.txt" in files
    graph = NAMED if layer else ns.Graph.from_edges([0, 1, 2, 3, 4, 5], [1, 2, 3, 4, 5, 0], 6)
    test, others = ("layer.test.txt", "layer.others.txt") if layer else ("test.txt", "others.txt")
    split = ns.linkpred.read_split(graph, folder / test, folder / others)
    check_split(graph, split)
    return split


def check_split(graph: Any, split: Any) -> None:
    check(split.train)
    u, v = split.test
    demand((graph.find(u, v) >= 0).all() and (split.train.find(u, v) < 0).all() and split.train.n_links + len(u) == graph.n_links, "test links that are none, or are left in")
    if split.negatives is not None:
        demand((graph.find(*split.negatives) < 0).all(), "negatives that are links")


def study_files() -> list[Files]:
    """The folder of a study that has run."""
    with steady(), tempfile.TemporaryDirectory() as folder:
        _study().run(folder, progress=False)
        return [{str(path.relative_to(folder)): path.read_bytes() for path in sorted(Path(folder).rglob("*.json"))}]


def _study() -> Any:
    ring = ns.Graph.from_edges([0, 1, 2, 3, 4, 5, 6, 7, 0], [1, 2, 3, 4, 5, 6, 7, 0, 4], 8)
    return ns.linkpred.Study({"ring": ring, "layer": LAYER}, {"k": {"method": "katz", "beta": 0.01}}, fraction=0.25, repeats=2, domains={"ring": "social"})


def read_study(folder: Path, files: Files) -> Any:
    """The results, and all tables of them that need no figure."""
    result = ns.linkpred.read_study(folder)
    repr(result), result.failed
    for kind in ("networks", "cells"):
        result.table(result.metrics[0] if result.metrics else "precision", kind=kind)
    values = result.values(result.metrics[0])
    demand(values.shape[:2] == (len(result.networks), len(result.methods)) and values.dtype == float, "values that are no numbers")
    result.frame()
    return result


def resume_study(folder: Path, files: Files) -> Any:
    """A study that goes on from its folder; there is nothing left to do."""
    study = _study()
    result = study.run(folder, progress=False)
    demand(len(result.records) == len(study.cells()), "cells are missing")
    result.table("precision", kind="cells")
    return result


# ---- training runs ----------------------------------------------------------------------------

CONFIG = b'''# netsnn; a comment
data = "digits"
folder = ""
samples = 12
validation = 0.0
model = "2fc"
hidden = [5]
method = "ch_snn"
sparsity = 0.5
steps = 2
encoding = "rate"
epochs = 2
batch = 12
optimizer = "adamw"
lr = 0.002
snapshots = true
seed = 0

[neuron]
tau = 2.0
threshold = 0.5
reset = "none"

[options]
zeta = 0.3
'''
SETTINGS = (dict(method="ch_snn", sparsity=0.5), dict(method="deep_r", sparsity=0.5, optimizer="sgd"), dict(method="rigl", sparsity=0.5, optimizer="adam", compute="links", options={"growth": "momentum"}),
            dict(method="pq", sparsity=0.5, hidden=[5, 5], model="3fc"), dict(method="stds", snapshots=False),
            dict(method="sd_snn"), dict(method="dpap"), dict(method="grad_r", optimizer="adam"))


def config_files() -> list[Files]:
    from netsnn.snn.config import Config, to_toml

    made = [to_toml(Config(data="digits", hidden=settings.pop("hidden", [5]), **settings)).encode() for settings in map(dict, SETTINGS)]
    return [{"config.toml": text} for text in (CONFIG, *made)]


def read_config(folder: Path, files: Files) -> Any:
    from netsnn.snn.config import parse_config, read_config, to_toml

    config = read_config(folder / "config.toml")
    demand(parse_config(to_toml(config), "x") == config, "settings that do not come back as they were written")
    return config


@contextlib.contextmanager
def tiny_data() -> Any:
    """Runs train on twelve images of four points: what is read is not their data."""
    from netsnn.snn import training
    from netsnn.snn.data import Dataset

    data = Dataset(np.random.default_rng(0).integers(0, 256, (12, 1, 2, 2), dtype=np.uint8), [0, 1] * 6, "digits")
    before, training._data = training._data, lambda config: (data, data)
    try:
        yield
    finally:
        training._data = before


@functools.cache
def run_files() -> list[Files]:
    """The folders of runs that were stopped after the first of two epochs."""
    def stop(_: str) -> None:
        raise KeyboardInterrupt

    found = []
    with steady(), tiny_data(), tempfile.TemporaryDirectory() as folder:
        for i, settings in enumerate(SETTINGS):
            out = Path(folder) / str(i)
            with contextlib.suppress(KeyboardInterrupt):
                ns.snn.train(out=out, tell=stop, **{"data": "digits", "hidden": [5], "epochs": 2, "batch": 12, "steps": 2, **settings})
            found.append({str(path.relative_to(out)): path.read_bytes() for path in sorted(out.rglob("*")) if path.is_file()})
    return found


def read_run(folder: Path, files: Files) -> Any:
    """A run to look at."""
    with tiny_data():
        run = ns.snn.open_run(folder)
    check_run(run)
    return run


def resume_run(folder: Path, files: Files) -> Any:
    """A run that goes on: one more epoch."""
    with tiny_data():
        run = ns.snn.train(out=folder, resume=True)
    check_run(run)
    return run


def check_run(run: Any) -> None:
    import torch

    from netsnn.bridge import to_graph

    demand(all(type(row) is dict and all(isinstance(value, (int, float)) for value in row.values()) for row in run.log) and isinstance(run.accuracy, (int, float)), "a log that holds no numbers")
    for layer in to_graph(run.model).values():
        check(layer)
    for module in run.model.modules():
        mask = getattr(module, "weight_mask", None)
        demand(mask is None or mask.dtype == torch.bool and mask.shape == module.weight.shape and not module.weight[~mask].any(), "weights where there is no link")
    with torch.no_grad():
        demand(run.model(torch.zeros(2, 3, 1, 2, 2)).shape == (3, 2), "a model that does not run")


def table_files() -> list[Files]:
    run = run_files()[0]
    return [{"log.csv": run["log.csv"]}, {"runs.csv": b'cell,settings,data,accuracy,seconds,problem\na/0,12e4567890,digits,0.95,12.5,\n"b, c",7,digits,nan,-3,"the loss is nan"\n'}]


def read_table(folder: Path, files: Files) -> Any:
    from analysis.runs import read_table

    rows = read_table(folder / next(iter(files)))
    demand(all(type(row) is dict and all(type(key) is str and isinstance(value, str | int | float | None) for key, value in row.items()) for row in rows), "rows that are no names and values")
    return rows


# ---- data sets --------------------------------------------------------------------------------


def _idx(values: np.ndarray) -> bytes:
    return bytes([0, 0, 8, values.ndim]) + b"".join(struct.pack(">I", n) for n in values.shape) + values.tobytes()


def idx_files() -> list[Files]:
    images, labels = np.arange(24, dtype=np.uint8).reshape(4, 2, 3), np.array([3, 1, 4, 9], dtype=np.uint8)
    plain = {"train-images-idx3-ubyte": _idx(images), "train-labels-idx1-ubyte": _idx(labels)}
    packed = {f"{name}.gz": gzip.compress(data, mtime=0) for name, data in plain.items()}
    return [plain, packed, {f"FashionMNIST/raw/{name}": data for name, data in packed.items()}]


def data_set(name: str, train: bool = True, steps: int = 0) -> Callable[[Path, Files], Any]:
    """`load`, and everything that it then gives."""
    def read(folder: Path, files: Files) -> Any:
        if name == "dvs-gesture":
            from netsnn.snn.data import aedat

            aedat._index.cache_clear()  # it knows a file by its size and time; here several are written in one tick of the clock
        data = ns.snn.data.load(name, folder, train=train, verify=False)
        demand(data.labels.dtype == np.int64 and len(data.labels) == len(data.inputs) and (not len(data) or 0 <= data.labels.min() <= data.labels.max() < len(data.classes)), "labels of no class")
        if data.events:
            height, width = data.inputs.sensor
            for i in range(len(data)):
                events = data.inputs[i]
                demand(len({len(part) for part in events}) == 1, "columns of different lengths")
                for part, most in ((events.x, width), (events.y, height), (events.p, 2)):
                    demand(not len(part) or 0 <= part.min() <= part.max() < most, "an event outside of the sensor")
                demand(events.t.dtype == np.int64 and (not len(events.t) or events.t.min() >= 0), "times that are none")
                for by in ("number", "time") if steps else ():
                    demand(ns.snn.data.bin_events(events, steps, data.inputs.sensor, by).sum() == len(events.t), "frames that lose events")
        else:
            inputs, _ = data[:]
            demand(data.inputs.dtype == np.uint8 and data.inputs.ndim == 4 and inputs.dtype == np.float32, "images of another form")
        return data

    return read


class _Protocol2:
    """Pickles as Python 2 wrote them for CIFAR."""

    @staticmethod
    def dumps(batch: dict[bytes, Any]) -> bytes:
        out = [b"\x80\x02}q\x01("]
        for key, value in batch.items():
            out.append(b"U" + bytes([len(key)]) + key + b"q\x02")
            if isinstance(value, list):
                out.append(b"]q\x03(" + b"".join(b"K" + bytes([item]) if isinstance(item, int) else b"U" + bytes([len(item)]) + item for item in value) + b"e")
            elif isinstance(value, bytes):
                out.append(b"U" + bytes([len(value)]) + value)
            else:
                out.append(b"cnumpy.core.multiarray\n_reconstruct\nq\x04cnumpy\nndarray\nq\x05K\x00\x85U\x01b\x87Rq\x06(K\x01" + b"".join(b"M" + struct.pack("<H", n) for n in value.shape) + b"\x86cnumpy\ndtype\nq\x07U\x02u1K\x00K\x01\x87Rq\x08"
                           b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89T" + struct.pack("<i", value.size) + value.tobytes() + b"tb")
        return b"".join([*out, b"u."])


def cifar_files(file: str, labels: bytes, below: str) -> Callable[[], list[Files]]:
    def seeds() -> list[Files]:
        rows = np.arange(2 * 3072).astype(np.uint8).reshape(2, 3072)
        batch = {b"batch_label": b"testing batch 1 of 1", labels: [3, 7], b"data": rows, b"filenames": [b"a_s_000001.png", b"b.png"]}
        return [{f"{below}/{file}": _Protocol2.dumps(batch)}, {file: _Protocol2.dumps({b"data": rows[:1], labels: [9]})}]

    return seeds


def nmnist_files() -> list[Files]:
    events = lambda digit: b"".join(bytes([x, y]) + struct.pack(">I", p << 23 | t)[1:] for t, x, y, p in [(10, digit, 0, 1), (20, 3, 240, 0), (5, 33, 33, 0), (9000, 0, digit, 1)])
    return [{f"Train/{digit}/00001.bin": events(digit) for digit in range(10)}]


def dvs_files() -> list[Files]:
    from netsnn.snn.data import cifar10_dvs

    head = b"#!AER-DAT2.0\r\n# This is a raw AE data file - do not edit\r\n"
    events = lambda label: head + b"".join(struct.pack(">II", (127 - label) << 8 | (127 - t % 128) << 1 | t % 2, 100 * t) for t in range(5))
    return [{f"{name}/cifar10_{name}_100.aedat": events(label) for label, name in enumerate(cifar10_dvs.CLASSES)}]


def gesture_files() -> list[Files]:
    head = b"#!AER-DAT3.1\r\n#Format: RAW\r\n#Source 0: DVS128\r\n#!END-HEADER\r\n"

    def packet(events: list, kind: int = 1, over: int = 0) -> bytes:
        return struct.pack("<HHIIIIII", kind, 0, 8, 4, over, len(events), len(events), len(events)) + b"".join(struct.pack("<II", x << 17 | y << 2 | p << 1 | 1, t) for t, x, y, p in events)

    parts = [packet([(100 * i + j, i, j, j % 2) for j in range(5)]) for i in range(4)]
    return [{"trials_to_train.txt": b"user01_led.aedat\nuser02.aedat\n", "user01_led.aedat": head + packet([(0, 0, 0, 0)] * 2, kind=0) + b"".join(parts), "user01_led_labels.csv": b"class,startTime_usec,endTime_usec\n1,0,250\n8,300,401\n",
             "user02.aedat": head + packet([(7, 127, 127, 1)], over=1), "user02_labels.csv": b"11,0,4294967296\n"}]


def tonic_files() -> list[Files]:
    found: Files = {}
    for label, rows in ((0, np.array([[0, 1, 1, 0.5], [127, 2, 0, 3], [3, 127, 1, 9]])), (10, np.array([[5, 5, 1, 8]], dtype=np.int32))):
        file = io.BytesIO()
        np.save(file, rows)
        found[f"ibmGestureTrain/user01_led/{label}.npy"] = file.getvalue()
    return [found]


def digit_files() -> list[Files]:
    found = []
    for save in (np.savez, np.savez_compressed):
        file = io.BytesIO()
        save(file, images=np.arange(3 * 784).astype(np.uint8).reshape(3, 784), labels=np.array([1, 2, 9], dtype=np.uint8))
        found.append({"digits.npz": file.getvalue()})
    return found


READERS: dict[str, Reader] = {
    "npz": Reader(scipy_files, read_file),
    "edges": Reader(EDGES, read_file),
    "tables": Reader(tables, read_file),
    "graphml": Reader(GRAPHML, read_file),
    "gexf": Reader(GEXF, read_file),
    "pajek": Reader(PAJEK, read_file),
    "matrix-market": Reader(MARKET, read_file),
    "matlab": Reader(matlab_files, read_file),
    "history-index": Reader(history_files, read_history, spoiled=("index.jsonl",)),
    "history-snapshot": Reader(history_files, read_history, spoiled=("snapshots/",)),
    "history-cache": Reader(history_files, read_frame, spoiled=("cache/",), writes=True),
    "study-file": Reader(lambda: [SPLITS | {"study.toml": text} for text in (STUDY, MORE)], read_study_file, spoiled=("study.toml",), elsewhere=True),
    "study-networks": Reader(lambda: [SPLITS | {"study.toml": text} for text in (STUDY, MORE)], read_study_file, spoiled=("ring.edges", "layer.csv", "layer.test.txt", "test.txt", "others.txt")),
    "split": Reader(lambda: [{"test.txt": b"0 1\n3 4\n", "others.txt": b"0 2\n1 4\n"}, {"layer.test.txt": "a b\tx\né\tw\n".encode(), "layer.others.txt": b"c<&>\tw\n"}], read_split),
    "study-results": Reader(study_files, read_study, errors=(FileError, ns.StudyError)),
    "study-resumed": Reader(study_files, resume_study, errors=(FileError, ns.StudyError), writes=True),
    "config": Reader(config_files, read_config),
    "run": Reader(run_files, read_run, errors=(NetsnnError,), spoiled=("checkpoint.pt", "config.toml")),
    "run-resumed": Reader(run_files, resume_run, errors=(NetsnnError,), spoiled=("checkpoint.pt", "config.toml", "history/"), writes=True),
    "log-and-tables": Reader(table_files, read_table),
    "mnist": Reader(idx_files, data_set("mnist")),
    "fashion-mnist": Reader(idx_files, data_set("fashion-mnist")),
    "cifar-10": Reader(cifar_files("test_batch", b"labels", "cifar-10-batches-py"), data_set("cifar-10", train=False), forms={"test_batch": ".pickle"}),
    "cifar-100": Reader(cifar_files("test", b"fine_labels", "cifar-100-python"), data_set("cifar-100", train=False), forms={"test": ".pickle"}),
    "n-mnist": Reader(nmnist_files, data_set("n-mnist", steps=3)),
    "dvs-gesture": Reader(gesture_files, data_set("dvs-gesture", steps=3)),
    "dvs-gesture-npy": Reader(tonic_files, data_set("dvs-gesture", steps=3)),
    "cifar10-dvs": Reader(dvs_files, data_set("cifar10-dvs")),
    "digits": Reader(digit_files, data_set("digits", train=False)),
}
