"""`Study`: many networks, splits and methods, computed cell by cell, each written as it ends.

A cell is one method on one split of one network. Its seeds follow from the study's seed and the names alone, so that a cell is the
same number whoever computes it, and a study may grow: more networks, methods or repeats keep the cells at hand.
"""

from __future__ import annotations

import functools
import glob
import hashlib
import inspect
import json
import os
import re
import sys
import time
import tokenize
import warnings
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import CellType
from typing import Any, NamedTuple
from urllib.parse import quote

import numpy as np
import scipy.sparse as sp

from netsnn import __version__
from netsnn.errors import FileError, StudyError, check_whole, check_within, type_name
from netsnn.graph import Graph, Layer
from netsnn.hints import PathLike
from netsnn.io import read
from netsnn.io.atomic import write_bytes
from netsnn.linkpred.evaluation import METRICS, _check_test, evaluate_nodes_scorer, evaluate_scorer
from netsnn.linkpred.methods import METHODS
from netsnn.linkpred.scorers import make_scorer
from netsnn.linkpred.splits import NEGATIVES, REMOVALS, Split, split
from netsnn.linkpred.studies.result import Result, is_plan, is_record, read_json
from netsnn.linkpred.studies.workers import Failure, in_processes, inline, on_dask

__all__ = ["NODE_METRICS", "NULL", "Cell", "Study", "read_networks"]

NODE_METRICS = ["node_precision", "node_recall", "vcmpr"]
IN_FOLDERS = (".edges", ".graphml", ".gexf", ".net", ".mtx")
NULL = "pa"  # the degree product: what a method must beat to have found more than degrees


class Cell(NamedTuple):
    network: str
    split: int
    method: str


@dataclass(frozen=True)
class Study:
    """Which methods find hidden links of which networks, over repeated splits that all methods share.

    Parameters
    ----------
    networks : mapping of name to Layer or Graph; or file names, or a folder of network files
        In Layers the candidates are the pairs (input, output).
    methods : names in `METHODS`, or mapping of label to a name, a function of the graph, or a dict {"method": name, option: value, ...}
        The degree product `pa`, the null, is always added. A method that is not defined for a network's kind is left out there.
    fraction, removal, negatives :
        How links are hidden and who the other candidates are, as in `split`. Default: 10 % of all links at random, all unlinked pairs.
    repeats : int
        Splits a network.
    seed : int
        Everything drawn follows from it.
    splits : mapping of network name to a list of Split, optional
        Fixed splits (see `read_split`) in the place of drawn ones.
    domains : mapping of network name to text, optional
        For the breakdown by domain.
    node_k : int, optional
        Also the mean over nodes of precision, recall and VCMPR at this k (costs a second pass over all scores).

    Examples
    --------
    >>> import networkx as nx
    >>> networks = {"karate": Graph.from_networkx(nx.karate_club_graph()), "women": Layer.from_networkx(nx.davis_southern_women_graph())}
    >>> study = Study(networks, ["l3", "ch3_l3"], repeats=3, seed=0)
    >>> result = study.run()
    >>> result
    Result(networks=2, methods=3, cells=18)
    >>> {method: round(rank, 2) for method, rank in result.ranks("auc_roc").items()}
    {'ch3_l3': 1.0, 'l3': 2.0, 'pa': 3.0}
    """

    networks: Mapping[str, Layer | Graph] | Sequence | str | os.PathLike
    methods: Sequence[str] | Mapping[str, object]
    fraction: float = 0.1
    repeats: int = 10
    removal: str = "random"
    negatives: str = "all"
    seed: int = 0
    splits: Mapping[str, Sequence[Split]] = field(default_factory=dict)
    domains: Mapping[str, str] = field(default_factory=dict)
    node_k: int | None = None

    def __post_init__(self) -> None:
        put = lambda name, value: object.__setattr__(self, name, value)
        put("networks", _networks(self.networks))
        put("methods", _methods(self.methods))
        put("splits", {str(name): list_ for name, list_ in self.splits.items()})
        put("domains", {str(name): text for name, text in self.domains.items()})
        check_within("fraction", self.fraction, "(0, 1)")
        put("fraction", float(self.fraction))
        for name, least in (("repeats", 1), ("seed", 0), *((("node_k", 1),) if self.node_k is not None else ())):
            put(name, check_whole(name, getattr(self, name), least))
        wrong = next((name for name, text in self.domains.items() if not isinstance(text, str)), None)
        if wrong is not None:
            raise ValueError(f"the domain of {wrong!r} must be a text, got {self.domains[wrong]!r}")
        for name, allowed in (("removal", REMOVALS), ("negatives", NEGATIVES)):
            if getattr(self, name) not in allowed:
                raise ValueError(f"{name} must be one of {', '.join(allowed)}, got {getattr(self, name)!r}")
        for name, given in (("splits", self.splits), ("domains", self.domains)):
            unknown = next((key for key in given if key not in self.networks), None)
            if unknown is not None:
                raise ValueError(f"{name} names {unknown!r}, which is no network of the study; networks: {', '.join(self.networks)}")
        put("splits", {name: _splits(name, self.networks[name], given) for name, given in self.splits.items()})

    # ---- the plan ---------------------------------------------------------------------------------

    def cells(self) -> list[Cell]:
        """All cells, the first split of every network before the second: early numbers cover everything.

        >>> blocks = Layer.from_dense(np.kron(np.eye(3), np.ones((4, 4))))
        >>> study = Study({"blocks": blocks}, ["l3"], repeats=2)
        >>> [tuple(cell) for cell in study.cells()]
        [('blocks', 0, 'pa'), ('blocks', 0, 'l3'), ('blocks', 1, 'pa'), ('blocks', 1, 'l3')]
        """
        most = max(self.n_splits(name) for name in self.networks)
        return [Cell(name, number, label) for number in range(most) for name in self.networks if number < self.n_splits(name)
                for label in self.methods if self._defined(label, name)]

    def split(self, network: str, number: int) -> Split:
        """Split `number` (from 0) of a network: every method gets this one.

        >>> blocks = Layer.from_dense(np.kron(np.eye(3), np.ones((4, 4))))
        >>> study = Study({"blocks": blocks}, ["l3"], repeats=2)
        >>> hidden = study.split("blocks", 0)
        >>> hidden.train.n_links, len(hidden.test[0])
        (43, 5)
        """
        if network in self.splits:
            return self.splits[network][number]
        return split(self.networks[network], self.fraction, removal=self.removal, negatives=self.negatives, seed=self._seed(network, number))

    def compute(self, cell: Cell) -> dict:
        """The record of one cell: plain numbers and texts.

        >>> blocks = Layer.from_dense(np.kron(np.eye(3), np.ones((4, 4))))
        >>> study = Study({"blocks": blocks}, ["l3"], repeats=2)
        >>> record = study.compute(study.cells()[1])
        >>> record["method"], record["test"], record["metrics"]["precision"]
        ('l3', 5, 1.0)
        """
        return self._compute_on((self.networks[cell.network], self.splits.get(cell.network)), cell)

    def plan(self) -> dict:
        """What the cells depend on, as plain data: two studies with equal entries have equal cells.

        >>> blocks = Layer.from_dense(np.kron(np.eye(3), np.ones((4, 4))))
        >>> study = Study({"blocks": blocks}, ["l3"], repeats=2)
        >>> study.plan()["methods"]
        {'pa': {'method': 'pa', 'options': {}}, 'l3': {'method': 'l3', 'options': {}}}
        """
        networks = {name: {"kind": type(graph).__name__.lower(), "shape": list(graph.shape), "links": graph.n_links, "digest": _digest(graph),
                           **({"splits": [_digest(*s.test, *(s.negatives or ())) for s in self.splits[name]]} if name in self.splits else {}),
                           "domain": self.domains.get(name, "")} for name, graph in self.networks.items()}
        methods = {label: {"method": _name(what), "options": _plain(options)} | ({"code": _code(what)} if callable(what) else {})
                   for label, (what, options) in self.methods.items()}
        settings = {"netsnn": __version__, "fraction": self.fraction, "removal": self.removal, "negatives": self.negatives,
                    "seed": int(self.seed), "node_k": self.node_k}
        return {"settings": settings, "repeats": int(self.repeats), "networks": networks, "methods": methods}

    # ---- running it -------------------------------------------------------------------------------

    def run(self, out: PathLike | None = None, jobs: int = 1, *, backend: str = "processes", scheduler: Any = None,
            retry: bool = False, progress: bool | None = None) -> Result:
        """Compute what is missing, and give the result of the whole.

        Parameters
        ----------
        out : folder, optional
            Each cell is written there as it ends. However the run ended, the same call goes on from there to the same
            numbers. Without it the cells live in memory alone.
        jobs : int
            Processes of this machine.
        backend : "processes" or "dask"
            With "dask" the cells spread over the cluster at `scheduler` (an address, a Client, or None for `jobs`
            local workers); this process alone writes them.
        retry : bool
            Compute failed cells again. (Those that only a dying process cost are always computed again.)
        progress : bool, optional
            Show a bar with the time left; by default where standard error is a terminal.

        Examples
        --------
        >>> import tempfile
        >>> blocks = Layer.from_dense(np.kron(np.eye(3), np.ones((4, 4))))
        >>> study = Study({"blocks": blocks}, ["l3"], repeats=2)
        >>> result = study.run(folder := tempfile.mkdtemp())
        >>> result, result.ranks()
        (Result(networks=1, methods=2, cells=4), {'l3': 1.0, 'pa': 2.0})
        >>> Study({"blocks": blocks}, ["l3"], repeats=3).run(folder)  # computes the third split alone
        Result(networks=1, methods=2, cells=6)
        """
        check_whole("jobs", jobs, 1)
        if backend not in ("processes", "dask"):
            raise ValueError(f"backend must be processes or dask, got {backend!r}")
        plan, cells, done = self.plan(), self.cells(), {}
        store = None if out is None else _Store(Path(out), plan)
        if store:
            done = {cell: record for cell in cells if (record := store.read(cell)) is not None and not ("error" in record and (retry or "lost" in record))}
        missing = [cell for cell in cells if cell not in done]
        if backend == "dask":
            results = on_dask(self._bare()._compute_on, missing, {name: (graph, self.splits.get(name)) for name, graph in self.networks.items()},
                              lambda cell: cell.network, scheduler, jobs)
        else:
            results = in_processes(self.compute, missing, min(jobs, len(missing))) if jobs > 1 and missing else inline(self.compute, missing)
        try:
            for cell, record in _with_progress(results, len(cells), len(done), progress):
                if isinstance(record, Failure):
                    record = cell._asdict() | {"error": record.reason} | ({"lost": True} if record.lost else {})
                done[cell] = record
                if store:
                    store.write(cell, record)
        except KeyboardInterrupt:
            where = f"; the same command goes on from {len(done)} of {len(cells)} cells in {out}" if store else ""
            raise StudyError(f"interrupted{where}") from None
        finally:
            results.close()
        return Result(plan, [done[cell] for cell in cells], list(METRICS) + (NODE_METRICS if self.node_k else []))

    # ---- inside -----------------------------------------------------------------------------------

    def _compute_on(self, network: tuple[Layer | Graph, Sequence[Split] | None], cell: Cell) -> dict:
        graph, fixed = network
        if fixed is not None:
            hidden = fixed[cell.split]
        else:
            key, kept = (cell.network, cell.split), self.__dict__.get("_kept", (None, None))
            if kept[0] != key:  # the cells of one split follow each other
                kept = key, split(graph, self.fraction, removal=self.removal, negatives=self.negatives, seed=self._seed(*key))
                self.__dict__["_kept"] = kept
            hidden = kept[1]
        what, options = self.methods[cell.method]
        seed = self._seed(cell.network, cell.split, cell.method)
        scorer = make_scorer(hidden.train, what, seed, options)
        found = evaluate_scorer(hidden.train, scorer, hidden.test, hidden.negatives)
        metrics = found.summary()
        if self.node_k:
            nodes = evaluate_nodes_scorer(hidden.train, scorer, hidden.test, self.node_k)
            metrics |= dict(zip(NODE_METRICS, (float(x.mean()) for x in (nodes.precision, nodes.recall, nodes.vcmpr))))
        rank, hits, _ = found.curve()
        return cell._asdict() | {"metrics": metrics, "stated": scorer.stated, "test": found.n_positive, "candidates": found.n_positive + found.n_negative,
                                 "links": hidden.train.n_links, "curve": {"rank": rank.tolist(), "hits": hits.tolist()}}

    def n_splits(self, network: str) -> int:
        """How many splits a network has: its fixed ones, or `repeats`.

        >>> Study({"blocks": Layer.from_dense(np.kron(np.eye(3), np.ones((4, 4))))}, ["l3"], repeats=2).n_splits("blocks")
        2
        """
        return len(self.splits[network]) if network in self.splits else self.repeats

    def _defined(self, label: str, network: str) -> bool:
        what = self.methods[label][0]
        layer = isinstance(self.networks[network], Layer)
        return callable(what) or (METHODS[what].bipartite if layer else METHODS[what].unipartite)

    def _seed(self, *names: object) -> int:
        mixed = np.random.SeedSequence([int(self.seed), *(zlib.crc32(str(name).encode()) for name in names)])
        return int(mixed.generate_state(1, np.uint64)[0] >> np.uint64(1))

    def _bare(self) -> Study:
        """Without the networks and their splits, which travel apart."""
        bare = object.__new__(Study)
        bare.__dict__.update(self.__dict__)
        bare.__dict__.update(networks={}, splits={})
        bare.__dict__.pop("_kept", None)
        return bare


class _Store:
    """A study's folder: study.json (the plan) and cells/NETWORK/SPLIT/METHOD.json."""

    def __init__(self, out: Path, plan: dict) -> None:
        self.cells = out / "cells"
        self.plan, path = plan, out / "study.json"
        try:
            self.cells.mkdir(parents=True, exist_ok=True)
            self._sweep(out)
            if path.exists():
                self._check(path, plan)
            else:
                write_bytes((json.dumps(plan, indent=1) + "\n").encode(), path)
        except OSError as error:
            raise FileError(f"{out}: {error.strerror or error}") from None

    def path(self, cell: Cell) -> Path:
        return self.cells / _file_name(cell.network) / str(cell.split) / f"{_file_name(cell.method)}.json"

    def read(self, cell: Cell) -> dict | None:
        path = self.path(cell)
        if not path.exists():
            return None
        record, metrics = read_json(path), [*METRICS, *(NODE_METRICS if self.plan["settings"]["node_k"] else ())]
        if not is_record(record, self.plan) or any(record[key] != value for key, value in cell._asdict().items()) or list(record.get("metrics", metrics)) != metrics:
            raise FileError(f"{path}: damaged; delete it, and the same command computes it again")
        return record

    def write(self, cell: Cell, record: dict) -> None:
        path = self.path(cell)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FileError(f"{path.parent}: {error.strerror or error}") from None
        write_bytes((json.dumps(record) + "\n").encode(), path)

    def _check(self, path: Path, plan: dict) -> None:
        """The plan on disk must agree where both have an entry; what is new there or here is added."""
        old, new = read_json(path), json.loads(json.dumps(plan))
        if not is_plan(old):
            raise FileError(f"{path}: damaged, or no study of netsnn")
        parts = {f"{part} {key}": (value, old[part].get(key, value)) for part in ("settings", "networks", "methods") for key, value in new[part].items()}
        bare = lambda entry: {key: value for key, value in entry.items() if key != "domain"} if isinstance(entry, dict) else entry  # no cell depends on it
        differ = [name for name, (mine, theirs) in parts.items() if bare(mine) != bare(theirs)]
        if differ:
            mine, theirs = parts[differ[0]]
            raise StudyError(f"{path.parent} holds another study: {', '.join(differ)} differ"
                             + (f" ({theirs!r} there, {mine!r} here)" if not isinstance(mine, dict) else "") + "; choose another folder")
        merged = old | new | {part: old[part] | new[part] for part in ("networks", "methods")} | {"repeats": max(old["repeats"], new["repeats"])}
        if merged != old:
            write_bytes((json.dumps(merged, indent=1) + "\n").encode(), path)

    @staticmethod
    def _sweep(out: Path) -> None:
        """Remove what a killed writer left behind, unless it may be still at work."""
        for stale in out.rglob(".netsnn-*"):
            if stale.stat().st_mtime < time.time() - 3600:
                stale.unlink(missing_ok=True)


def _networks(given: Any) -> dict[str, Layer | Graph]:
    if isinstance(given, Mapping):
        networks = _by_text(given, "networks")
        for name, graph in networks.items():
            if not isinstance(graph, (Layer, Graph)):
                raise ValueError(f"network {name!r} must be a Layer or a Graph, got {type_name(graph)}")
    else:
        paths = [given] if isinstance(given, (str, os.PathLike, Layer, Graph)) else list(given)
        if any(isinstance(path, (Layer, Graph)) for path in paths):
            raise ValueError('give networks by name, as {"name": graph}')
        networks = read_networks(paths)
    if not networks:
        raise ValueError("a study needs at least one network")
    return networks


def _splits(name: str, graph: Layer | Graph, given: Sequence[Split]) -> list[Split]:
    """A network's fixed splits, checked as `evaluate` checks its arguments."""
    if isinstance(given, Split) or not len(given):
        raise ValueError(f"splits of {name!r} must be a list of at least one Split, got {given!r}")
    checked = []
    for number, hidden in enumerate(given):
        if not isinstance(hidden, Split):
            raise ValueError(f"splits of {name!r} must be a list of Split, got {type(hidden).__name__}")
        if type(hidden.train) is not type(graph) or hidden.train.shape != graph.shape:
            raise ValueError(f"split {number} of {name!r} trains on {hidden.train!r}, which is no part of {graph!r}")
        what = f"of split {number} of {name!r}"
        test = _check_test(hidden.train, hidden.test, f"test {what}")
        if not len(test[0]):
            raise ValueError(f"test {what} holds no links; an evaluation needs at least one")
        others = None if hidden.negatives is None else _check_test(hidden.train, hidden.negatives, f"negatives {what}")
        checked.append(Split(hidden.train, test, others))
    return checked


def read_networks(paths: Iterable[PathLike], simplify: bool = False) -> dict[str, Layer | Graph]:
    """Networks from files, from patterns such as nets/*.npz, and from folders, named by the files.

    In a folder only files count whose extension says that they hold a network (`IN_FOLDERS`): a .csv or .npz may be anything.
    """
    networks = {}
    for path in map(Path, paths):
        try:
            if path.is_dir():
                files = sorted(file for file in path.iterdir() if file.suffix.lower() in IN_FOLDERS)
            else:
                files = [Path(name) for name in sorted(glob.glob(str(path)))] or [path]
        except OSError as error:
            raise FileError(f"{path}: {error.strerror or error}") from None
        if files == [path] and not path.exists():
            raise FileError(f"{path}: No such file or directory")
        if not files:
            raise FileError(f"{path}: no network files in this folder ({', '.join(IN_FOLDERS)}); give others by name or pattern, as {path}/*.csv")
        for file in files:
            if file.stem in networks:
                raise ValueError(f"two network files are named {file.stem!r}; rename one, or give networks by name")
            networks[file.stem] = read(file, simplify=simplify)
            if not isinstance(networks[file.stem], (Layer, Graph)):
                raise ValueError(f"{file} holds a network of several layers; a study works on single layers and graphs")
    return networks


def _methods(given: Any) -> dict[str, tuple[str | Callable, dict]]:
    given = [given] if isinstance(given, str) else given
    if not isinstance(given, Mapping):
        given = list(given)
        labels = [what if isinstance(what, str) else getattr(what, "__name__", type(what).__name__) for what in given]
        twice = next((label for label, what in zip(labels, given) if not isinstance(what, str) and labels.count(label) > 1), None)
        if twice is not None:
            raise ValueError(f"several methods would be called {twice!r}; give them labels, as {{'mine': function}}")
        given = dict(zip(labels, given))
    methods = {}
    for label, what in _by_text(given, "methods").items():
        options = {}
        if isinstance(what, Mapping):
            options = {key: value for key, value in what.items() if key != "method"}
            what = what.get("method", label)
        if not callable(what) and not (isinstance(what, str) and what in METHODS):
            raise ValueError(f"no method {what!r}; methods: {', '.join(METHODS)}")
        unknown = [] if callable(what) else sorted(set(options) - set(METHODS[what].options))
        if unknown:
            raise ValueError(f"{what!r} has no option {unknown[0]!r}; options: {', '.join(METHODS[what].options) or 'none'}")
        methods[label] = (what, options)
    if not any(what == NULL for what, _ in methods.values()):
        if NULL in methods:
            raise ValueError(f"the label {NULL!r} is kept for the degree product; choose another")
        methods = {NULL: (NULL, {}), **methods}
    return methods


def _by_text(given: Mapping, what: str) -> dict:
    """With its keys as texts: they name files."""
    named = {str(key): value for key, value in given.items()}
    if len(named) < len(given) or "" in named:
        raise ValueError(f"{what} must have different names, none of them empty, got {', '.join(map(repr, given))}")
    return named


def _digest(*parts: Any) -> str:
    digest = hashlib.blake2b(digest_size=12)
    for part in parts:
        for array in (part.indptr, part.indices) if isinstance(part, (Layer, Graph)) else (part,):
            digest.update(np.ascontiguousarray(array, dtype=np.int64).tobytes())
    return digest.hexdigest()


def _name(what: str | Callable) -> str:
    return f"function {getattr(what, '__qualname__', type(what).__name__)}" if callable(what) else METHODS[what].name


def _code(function: Callable) -> str:
    """A digest of a function's text and of what it is bound to, so that an edited function, or one with another parameter, is another method."""
    return hashlib.blake2b(_essence(function, ()).encode(), digest_size=8).hexdigest()


def _essence(value: Any, above: tuple[int, ...]) -> str:
    """A text that tells values apart, the same in every process (no addresses)."""
    if id(value) in above or len(above) > 20:
        return "..."
    inner = lambda part: _essence(part, (*above, id(value)))
    if isinstance(value, functools.partial):
        return f"partial {inner(value.func)} {inner(value.args)} {inner(value.keywords)}"
    if inspect.ismethod(value):
        return f"method {inner(value.__func__)} {inner(value.__self__)}"
    if inspect.iscode(value):
        return f"{value.co_code!r} {value.co_names} {[inner(part) for part in value.co_consts]}"
    if inspect.isfunction(value):
        cells = [cell.cell_contents for cell in value.__closure__ or () if _filled(cell)]
        return f"{_source(value) or inner(value.__code__)} {inner(value.__defaults__)} {inner(value.__kwdefaults__)} {inner(cells)}"
    if isinstance(value, type) or inspect.ismodule(value) or inspect.isbuiltin(value):
        return getattr(value, "__qualname__", value.__name__)
    if isinstance(value, np.ndarray) and not value.dtype.hasobject:
        return f"{value.dtype} {value.shape} {hashlib.blake2b(np.ascontiguousarray(value).tobytes()).hexdigest()}"
    if isinstance(value, (Layer, Graph)):
        return f"{value!r} {_digest(value)}"
    if sp.issparse(value):  # its repr tells nothing of its content
        return inner((value.shape, *sp.find(value)))
    if isinstance(value, Mapping):
        return f"{{{[(inner(key), inner(part)) for key, part in value.items()]}}}"
    if isinstance(value, (list, tuple)):
        return f"{[inner(part) for part in value]}"
    if isinstance(value, (set, frozenset)):
        return f"{sorted(map(inner, value))}"
    if type(value).__repr__ is object.__repr__:  # type: ignore[comparison-overlap]
        return f"{_source(type(value)) or type(value).__qualname__} {inner(getattr(value, '__dict__', {}))}"
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))


def _source(thing: Any) -> str:
    try:
        return inspect.getsource(thing)
    except (OSError, TypeError, SyntaxError, tokenize.TokenError):  # made by exec, or typed in a session
        return ""


def _filled(cell: CellType) -> bool:
    try:
        return cell.cell_contents is not cell
    except ValueError:
        return False


def _plain(options: Mapping) -> dict:
    return json.loads(json.dumps(dict(options), default=repr))


def _file_name(text: str) -> str:
    name = quote(text, safe=" +,;=@()'")
    if len(name) > 200:  # longer than a file's name may be
        name = name[:160] + hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
    return "%2E" + name[1:] if name.startswith(".") else name


def _with_progress(results: Iterator, total: int, done: int, progress: bool | None) -> Iterator:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # in a notebook without ipywidgets the import warns, and shows a plain bar
        from tqdm.auto import tqdm

    hide = not (sys.stderr.isatty() if progress is None else progress)
    with tqdm(total=total, initial=done, desc="study", unit="cell", disable=hide, file=sys.stderr, dynamic_ncols=True) as bar:
        for cell, record in results:
            bar.set_postfix_str(f"{cell.network} {cell.method}", refresh=False)
            yield cell, record
            bar.update()
