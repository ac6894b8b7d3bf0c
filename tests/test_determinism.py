"""Everything public that draws: same seed, same bits, whatever the threads, the process, the order of calls and the state of global generators.

Across an end and a resume: `tests/snn/test_training.py` (runs, killed anywhere), `tests/bridge/test_evolver.py` (an Evolver's checkpoint), `tests/linkpred/studies/test_study.py`
(studies, killed anywhere); here only what they leave out, a run that goes on with another number of threads. As a program this computes the table and prints digests.
"""

import ast
import dataclasses
import hashlib
import importlib
import inspect
import json
import os
import pkgutil
import random
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_limits

import netsnn
import netsnn as ns
from netsnn.bridge.compute import Pattern, sparse_linear
from netsnn.bridge.latent import dormant
from netsnn.evolve import spines
from netsnn.evolve.initial import kaiming, normal_tenth, sswi, swi
from netsnn.evolve.latent import deep_r_start, deep_r_step, grad_r_start
from netsnn.evolve.survival import bcm
from netsnn.kernels.draws import keep_new
from netsnn.linkpred.drawing import draw_ch3_l3
from netsnn.linkpred.scorers import make_scorer
from netsnn.linkpred.spectral import perturbation
from netsnn.linkpred.studies.statistics import bootstrap
from netsnn.measures.checks import generators
from netsnn.snn import encodings, train
from netsnn.snn.data import Dataset
from netsnn.wiring.counts import draw_ids, spread
from tests.snn.runs import SMALL, everything

LAYER = ns.wiring.scale_free(40, 50, links=400, seed=0)
GRAPH = ns.Graph.from_edges(*LAYER.links, 50, simplify=True)
WEIGHTS = np.random.default_rng(0).standard_normal(LAYER.n_links)
SPIKES = (np.random.default_rng(0).random((60, 4, 24)) < 0.3).astype(np.float32)
VALUES = np.random.default_rng(0).integers(1, 4, (8, 5)) / 4  # few values: ties
SIZE = {"n_in": 40, "n_out": 50, "links": 400}
TEST = ns.linkpred.split(LAYER, 0.05, seed=0)
generator = np.random.default_rng


def evolved(recipe, seed):
    """A small network after some steps under an Evolver, and what it recorded."""
    model = ns.sparsify(ns.snn.mlp(24, 40, 30, 5, seed=0), recipe, calibration=SPIKES, seed=0)
    with torch.no_grad():
        for module in ns.bridge.sparse_layers(model).values():
            module.weight.view(-1)[::7] = 0  # weights without a sign
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    inputs, labels = torch.from_numpy(SPIKES.transpose(1, 0, 2).copy()), torch.arange(60) % 5
    with tempfile.TemporaryDirectory() as folder:
        evolver = ns.Evolver(model, optimizer, recipe, steps_per_epoch=2, epochs=3, history=folder, seed=seed)
        for _ in range(6):
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(inputs), labels).backward()
            optimizer.step()
            evolver.step()
        evolver.close()
        recorded = [(snapshot.layers, snapshot.removed, snapshot.grown) for snapshot in evolver.history]
    return model, recorded


def trained(**settings):
    with tempfile.TemporaryDirectory() as folder:
        return everything(train(out=Path(folder) / "run", **{**SMALL, "epochs": 2, **settings}).folder)


def sparse(seed):
    model = ns.snn.mlp(24, 40, 30, 5, seed=0)
    return [ns.bridge.to_graph(ns.sparsify(model, recipe, calibration=SPIKES, seed=seed), weights=True) for recipe in (ns.evolve.ch_snn(0.9), ns.evolve.cht(0.9))]


def rewired(seed):
    names = ("ch_snn", "chts", "set", "rigl", "pq", "esl_snn")
    states = [(recipe, ns.evolve.start(recipe, [(24, 40), (40, 30), (30, 5)], samples=SPIKES, silence=0.7, own=[np.ones((24, 40)), np.ones((40, 30)), np.ones((30, 5))], seed=0))
              for recipe in (ns.evolve.RECIPES[name](0.8) for name in names)]
    gradients = [np.round(np.random.default_rng(1).random(shape), 1) for shape in ((24, 40), (40, 30), (30, 5))]
    return [ns.evolve.rewire(state, recipe, progress=0.2, gradients=gradients, seed=seed) for recipe, state in states]


def studied(seed):
    result = ns.linkpred.Study({"layer": LAYER, "graph": GRAPH}, {"l3": "l3", "spm": {"method": "spm", "repeats": 2}}, repeats=2, seed=seed).run()
    return result.plan, result.records


@cache
def result_of_a_study():
    layers = {f"layer {i}": ns.wiring.erdos_renyi(12, 15, links=60, seed=i) for i in range(6)}
    return ns.linkpred.Study(layers, ["l3", "ch3_l3"], repeats=1).run()


def tied(seed):
    state = dataclasses.replace(spines.spines_start(np.zeros((6, 12))), rate=40.0)
    return spines.spines_prune(state, seed=seed)


def spines_of_an_epoch(seed):
    rule = ns.evolve.SDSNN(patience=1)
    state = dataclasses.replace(spines.spines_start(np.zeros((6, 12))), rate=40.0)
    return spines.spines_epoch(state, np.zeros((6, 12)), np.zeros((6, 12)), 4, rule, seed=seed)


METHODS = ("l3", "lp", "katz", "spm", "ch2_l3", "ch3_l3", "ch2_l3n", "cra", "car", "cpa", "bra", "cha")
IN_GRAPHS = ("cn", "ra", "jaccard", "l3", "katz", "spm", "ch3_l2", "ch3_l3", "ch3_l3_nodes", "cha")
PAIRS = np.arange(40), np.arange(40)[::-1].copy()
few = lambda name: {"repeats": 2} if name == "spm" else {}

CALLS = {
    "bridge.engine.Engine": lambda seed: evolved(ns.evolve.static(0.9), seed),
    "bridge.evolver.Evolver": lambda seed: [evolved(ns.evolve.RECIPES[name](0.9), seed) for name in ("ch_snn", "rigl")],
    "bridge.latent.DeepRewiring": lambda seed: evolved(ns.evolve.deep_r(0.9, temperature=1e-3), seed),
    "bridge.latent.GradientRewiring": lambda seed: evolved(ns.evolve.grad_r(), seed),
    "bridge.latent.SoftThreshold": lambda seed: evolved(ns.evolve.stds(), seed),
    "bridge.latent.dormant": lambda seed: [dormant(torch.arange(200).view(10, 20) % m == 0, 30, torch.Generator().manual_seed(seed)) for m in (2, 50)],
    "bridge.model.sparsify": sparse,
    "bridge.neurons.SpineBounds": lambda seed: evolved(ns.evolve.sd_snn(patience=1), seed),
    "bridge.neurons.Survival": lambda seed: evolved(ns.evolve.dpap(), seed),
    "evolve.growth.grow": lambda seed: [ns.evolve.grow(LAYER, 100, rule, sample=sample, gradient=np.round(np.random.default_rng(2).random(LAYER.shape), 1), seed=seed)
                                        for rule in ("uniform", "gradient", "ch3_l3", "ch2_l3n") for sample in (False, True)],
    "evolve.initial.kaiming": lambda seed: kaiming(LAYER, generator(seed)),
    "evolve.initial.normal_tenth": lambda seed: normal_tenth(LAYER, generator(seed)),
    "evolve.initial.sswi": lambda seed: sswi(LAYER, generator(seed), position="middle"),
    "evolve.initial.swi": lambda seed: swi(LAYER, generator(seed)),
    "evolve.latent.deep_r_start": lambda seed: deep_r_start(LAYER, WEIGHTS, seed=seed),
    "evolve.latent.deep_r_step": lambda seed: deep_r_step(deep_r_start(LAYER, WEIGHTS), LAYER.to_dense(30 * WEIGHTS), temperature=1e-3, seed=seed),
    "evolve.latent.grad_r_start": lambda seed: grad_r_start(LAYER.to_dense(WEIGHTS), seed=seed),
    "evolve.rewiring.rewire": rewired,
    "evolve.rewiring.start": lambda seed: [ns.evolve.start(ns.evolve.Recipe("mine", 0.9, wiring=wiring, weights=weights), [(24, 40), (40, 30), (30, 5)], seed=seed)
                                           for wiring, weights in (("uniform", "sswi"), ("scale_free", "swi"), ("receptive_field", "kaiming"), ("small_world", "normal_tenth"))],
    "evolve.scores.choose": lambda seed: [ns.evolve.choose(VALUES.ravel(), 10, generator(seed), sample=sample) for sample in (False, True)],
    "evolve.spines.spines_epoch": spines_of_an_epoch,
    "hints.generator": lambda seed: ns.hints.generator(seed).random(9),
    "evolve.spines.spines_prune": tied,
    "linkpred.drawing.draw_ch3_l3": lambda seed: [draw_ch3_l3(LAYER, 500, few_walks=walks, effort=effort, exclude=np.arange(0, 2000, 3), seed=seed)
                                                  for walks, effort in ((-1, 100), (-1, 1), (10**9, 1))],
    "linkpred.evaluation.evaluate": lambda seed: [ns.linkpred.evaluate(TEST.train, name, TEST.test, seed=seed, **few(name)).summary() for name in METHODS],
    "linkpred.evaluation.evaluate_nodes": lambda seed: [ns.linkpred.evaluate_nodes(TEST.train, name, TEST.test, 5, seed=seed, **few(name)) for name in ("ch3_l3", "spm")],
    "linkpred.scorers.make_scorer": lambda seed: [make_scorer(LAYER, name, seed, few(name)).pairs(*PAIRS) for name in METHODS],
    "linkpred.scoring.best": lambda seed: [ns.linkpred.best(graph, name, 100, sample=sample, seed=seed, **few(name)) for graph, names in ((LAYER, METHODS), (GRAPH, IN_GRAPHS))
                                           for name in names for sample in (False, True)],
    "linkpred.scoring.scores": lambda seed: [ns.linkpred.scores(graph, name, seed=seed, **few(name)) for graph, names in ((LAYER, METHODS), (GRAPH, IN_GRAPHS)) for name in names],
    "linkpred.spectral.perturbation": lambda seed: [perturbation(graph, seed, repeats=2).pairs(*PAIRS) for graph in (LAYER, GRAPH)],
    "linkpred.splits.split": lambda seed: [ns.linkpred.split(graph, removal=removal, negatives=negatives, seed=seed) for graph in (LAYER, GRAPH)
                                           for removal in ns.linkpred.REMOVALS for negatives in ns.linkpred.NEGATIVES],
    "linkpred.studies.result.Result.compare": lambda seed: result_of_a_study().compare("auc_roc", seed=seed),
    "linkpred.studies.statistics.bootstrap": lambda seed: bootstrap(VALUES, lambda x: x.mean(axis=0), draws=200, seed=seed),
    "linkpred.studies.statistics.compare": lambda seed: ns.linkpred.compare(VALUES, "abcde", "stuvwxyz", seed=seed),
    "linkpred.studies.study.Study": studied,
    "measures.checks.generators": lambda seed: [rng.random(3) for rng in generators(seed, 4)],
    "measures.modularity.communities": lambda seed: ns.measures.communities(LAYER, seed=seed),
    "measures.nulls.against_null": lambda seed: ns.measures.against_null(LAYER, ns.measures.nodf, draws=4, seed=seed),
    "measures.nulls.null_layer": lambda seed: ns.measures.null_layer(LAYER, seed=seed),
    "measures.nulls.null_layers": lambda seed: list(ns.measures.null_layers(LAYER, 3, seed=seed)),
    "measures.organisation.small_world": lambda seed: ns.measures.small_world(LAYER, draws=3, sources=20, seed=seed),
    "measures.organisation.structural_consistency": lambda seed: [ns.measures.structural_consistency(graph, repeats=3, rank=rank, seed=seed)
                                                                  for graph in (LAYER, GRAPH) for rank in (None, 20)],
    "measures.paths.distances": lambda seed: ns.measures.distances(LAYER, sources=70, seed=seed),
    "measures.persistence.permutation_null": lambda seed: [ns.measures.permutation_null((LAYER, WEIGHTS), draws=5, links=links, seed=seed) for links in (False, True)],
    "measures.powerlaw.power_law": lambda seed: ns.measures.power_law(LAYER.in_degrees, samples=30, seed=seed),
    "measures.structure.rich_club": lambda seed: ns.measures.rich_club(LAYER, draws=3, seed=seed),
    "measures.summary.summary": lambda seed: ns.measures.summary(LAYER, "all", nulls=3, seed=seed),
    "snn.config.Config": lambda seed: [trained(seed=seed), trained(seed=seed, model="3fc", hidden=[30, 20], method="deep_r", compute="links", options={"temperature": 1e-3})],
    "snn.data.dataset.Dataset.split": lambda seed: [part.labels for part in Dataset(np.arange(80).reshape(40, 2), np.arange(40) % 3).split(0.3, seed=seed)]
    + [part.inputs for part in Dataset(np.arange(80).reshape(40, 2), np.arange(40) % 3).split(0.3, seed=seed)],
    "snn.encodings.rate": lambda seed: encodings.rate(torch.from_numpy(VALUES), 8, seed=seed),
    "snn.models.conv": lambda seed: ns.snn.conv((1, 8, 8), (4, "P"), 10, 3, seed=seed),
    "snn.models.mlp": lambda seed: ns.snn.mlp(24, 40, 5, seed=seed),
    "snn.models.spikformer": lambda seed: ns.snn.spikformer((1, 16, 16), 8, 2, 1, 3, seed=seed),
    "wiring.correlation.csti": lambda seed: ns.wiring.csti(SPIKES, 40, links=940, seed=seed),
    "wiring.correlation.sscti": lambda seed: ns.wiring.sscti(SPIKES, 40, links=940, seed=seed),
    "wiring.counts.draw_ids": lambda seed: [draw_ids(1000, count, generator(seed), np.arange(0, 1000, 7)) for count in (50, 700)],
    "wiring.counts.spread": lambda seed: spread(100, 30, generator(seed)),
    "wiring.random.erdos_renyi": lambda seed: ns.wiring.erdos_renyi(**SIZE, seed=seed),
    "wiring.random.uniform": lambda seed: ns.wiring.uniform(**SIZE, seed=seed),
    "wiring.structured.receptive_field": lambda seed: [ns.wiring.receptive_field(**SIZE, degrees=degrees, seed=seed) for degrees in ("fixed", "random")],
    "wiring.structured.scale_free": lambda seed: ns.wiring.scale_free(**SIZE, seed=seed),
    "wiring.structured.small_world": lambda seed: ns.wiring.small_world(**SIZE, seed=seed),
}
"""What each of them gives for a seed, by module and name."""

NOTHING_DRAWN = {"bridge.engine.Engine": "what the rules have in common", "bridge.latent.SoftThreshold": "STDS", "bridge.neurons.Survival": "DPAP",
                 "bridge.neurons.SpineBounds": "SD-SNN draws among neurons of equal activity alone"}
"""They take a seed as all of their kind do; another one need not change a thing."""

NUMBERS = {"bridge.evolver.Evolver", "bridge.engine.Engine", "bridge.latent.DeepRewiring", "bridge.latent.GradientRewiring", "bridge.latent.SoftThreshold", "bridge.latent.dormant",
           "bridge.neurons.SpineBounds", "bridge.neurons.Survival", "linkpred.studies.study.Study", "snn.config.Config", "snn.models.conv", "snn.models.mlp", "snn.models.spikformer"}
"""Their seed is a whole number (or, of `dormant`, torch's generator), not all that numpy.random.default_rng takes."""


def drawing() -> set[str]:
    """The public functions, classes and methods that take a seed or a generator."""
    found = set()
    for module in pkgutil.walk_packages(netsnn.__path__, "netsnn."):
        if module.name.startswith("netsnn.kernels") or module.name.endswith("__main__"):
            continue
        home = importlib.import_module(module.name)
        for name in getattr(home, "__all__", []):
            value = getattr(home, name)
            methods = [method for key, method in vars(value).items() if not key.startswith("_")] if inspect.isclass(value) else []
            for function in filter(callable, [value, *(getattr(method, "__func__", method) for method in methods)]):
                try:
                    parameters = inspect.signature(function).parameters.values()
                except (TypeError, ValueError):
                    continue
                if any(p.name in ("seed", "rng", "random_state", "generator") or "Seed" in str(p.annotation) or "Generator" in str(p.annotation) for p in parameters):
                    found.add(f"{function.__module__}.{function.__qualname__}".removeprefix("netsnn."))
    return found


def digest(value) -> str:
    """Of all the bits of a value, however it is nested."""
    told = hashlib.blake2b(digest_size=12)

    def tell(value):
        if isinstance(value, torch.nn.Module):
            value = value.state_dict()
        if torch.is_tensor(value):
            value = value.detach().numpy()
        if isinstance(value, np.ndarray):
            told.update(f"{value.dtype} {value.shape}".encode() + (repr(value.tolist()).encode() if value.dtype == object else value.tobytes()))
        elif isinstance(value, (ns.Layer, ns.Graph)):
            tell([type(value).__name__, value.shape, value.indptr, value.indices])
        elif isinstance(value, dict):
            tell([*value.items()])
        elif isinstance(value, (list, tuple)):
            told.update(f"{type(value).__name__} {len(value)}".encode())
            for part in value:
                tell(part)
        elif dataclasses.is_dataclass(value):
            tell([getattr(value, field.name) for field in dataclasses.fields(value)])
        elif value is None or isinstance(value, (bool, int, float, str, bytes, np.generic)):
            told.update(f"{type(value).__name__} {value!r}".encode())
        else:
            raise TypeError(f"no digest of {type(value).__name__}")

    tell(value)
    return told.hexdigest()


def stir(seed):
    """Put all global generators somewhere else."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


BIG = ns.wiring.scale_free(1200, 1500, links=40_000, seed=0)
BIG_GRAPH = ns.Graph.from_edges(*ns.wiring.scale_free(500, 600, links=5000, seed=0).links, 600, simplify=True)
DENSE = np.random.default_rng(0).random((700, 90))


def on_links():
    """The product of a layer on its links, and all its gradients."""
    torch.manual_seed(0)
    x, weight, bias = torch.randn(130, 300, requires_grad=True), (torch.randn(200, 300) * (torch.rand(200, 300) < 0.1)).requires_grad_(), torch.randn(200, requires_grad=True)
    y = sparse_linear(x, weight, bias, Pattern(weight != 0))
    y.backward(torch.randn(130, 200))
    return [y, *(given.grad.to_dense() for given in (x, weight, bias))]


SUMS = {  # large enough that BLAS and torch would split them among threads; names begin with that of the module
    "linkpred: spm": lambda: ns.linkpred.scores(BIG_GRAPH, "spm", seed=0, repeats=2),
    "linkpred: katz of a graph": lambda: ns.linkpred.scores(BIG_GRAPH, "katz"),
    "linkpred: katz of a layer": lambda: ns.linkpred.scores(BIG, "katz"),
    "linkpred: cha": lambda: ns.linkpred.scores(BIG_GRAPH, "cha"),
    "measures: summary": lambda: ns.measures.summary(BIG, [name for name in ns.measures.MEASURES if name not in ("small_world", "consistency")]),
    "measures: structural_consistency": lambda: [ns.measures.structural_consistency(BIG, repeats=2, rank=rank, seed=0) for rank in (50, None)],
    "measures: gini": lambda: ns.measures.gini(np.random.default_rng(0).random(100_000)),
    "wiring: correlated": lambda: ns.wiring.csti(DENSE, n_out=300, density=0.1, seed=0),
    "evolve: bcm": lambda: bcm(DENSE[:, :60], DENSE[:, 60:], np.full(30, 0.5)),
    "bridge: layers on their links": on_links,
    "snn: train on links": lambda: trained(**{**SMALL, "method": "ch_snn", "compute": "links"}),
    "snn: train": lambda: trained(**{**SMALL, "hidden": [300], "method": "ch_snn"}),
    "snn: train, dense": lambda: trained(**{**SMALL, "hidden": [300], "method": "dense", "sparsity": None}),
}


def state():
    return digest([random.getstate(), list(np.random.get_state()), torch.get_rng_state()])


# ---- the tests --------------------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def one_thread_of_blas_and_of_torch():
    """Which on a busy machine wait for each other; other processes vary them, below."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    with threadpool_limits(1, user_api="blas"):
        yield
    torch.set_num_threads(before)


def test_the_table_holds_all_that_draws():
    assert drawing() == set(CALLS)
    assert set(NOTHING_DRAWN) | NUMBERS <= set(CALLS)


@pytest.mark.parametrize("name", CALLS)
def test_a_seed_gives_the_same_bits_on_any_threads_and_leaves_global_generators_alone(name, monkeypatch):
    found = []
    for threads, elsewhere in (("1", 1), ("2", 2)):
        monkeypatch.setenv("NETSNN_THREADS", threads)
        stir(elsewhere)
        before = state()
        found.append(digest(CALLS[name](7)))
        assert state() == before
    assert found[0] == found[1]
    if name not in NOTHING_DRAWN:
        assert digest(CALLS[name](8)) != found[0]


@pytest.mark.parametrize("name", [name for name in CALLS if name not in NUMBERS])
def test_a_seed_sequence_is_not_used_up_and_a_generator_goes_on(name):
    if "generator(seed)" not in inspect.getsource(CALLS[name]).split(f'"{name}"')[-1].split('\n    "')[0]:
        sequence = np.random.SeedSequence(7)
        assert digest(CALLS[name](sequence)) == digest(CALLS[name](sequence))
    assert digest(CALLS[name](generator(7))) == digest(CALLS[name](generator(7)))
    rng = generator(7)
    assert digest(CALLS[name](rng)) != digest(CALLS[name](rng))


def test_other_processes_with_other_threads_of_all_kinds_hashes_order_and_kernels_just_compiled_give_the_same_bits(tmp_path):
    programs = []
    for threads, hashes, order in (("1", "1", "forwards"), ("2", "77", "backwards")):
        environment = os.environ | {"NETSNN_THREADS": threads, "PYTHONHASHSEED": hashes, "OPENBLAS_NUM_THREADS": threads, "OMP_NUM_THREADS": threads}
        if order == "forwards":
            environment["NUMBA_CACHE_DIR"] = str(tmp_path)  # empty
        programs.append(subprocess.Popen([sys.executable, "-m", "tests.test_determinism", order], cwd=Path(__file__).parent.parent, env=environment, stdout=subprocess.PIPE,
                                         stderr=subprocess.PIPE, text=True))
    said = [program.communicate() for program in programs]
    assert [program.returncode for program in programs] == [0, 0], said
    found = [json.loads(output) for output, _ in said]
    assert [name for name in found[0] if found[0][name] != found[1][name]] == [] and set(found[0]) == set(CALLS) | set(SUMS)


def test_a_run_that_goes_on_with_other_threads_ends_with_the_same_bits(tmp_path, monkeypatch):
    settings = {**SMALL, "method": "ch_snn", "compute": "links"}
    whole = everything(train(out=tmp_path / "whole", **settings).folder)
    monkeypatch.setenv("NETSNN_THREADS", "1")
    with pytest.raises(KeyboardInterrupt):
        train(out=tmp_path / "run", tell=interrupt, **settings)
    monkeypatch.setenv("NETSNN_THREADS", "2")
    stir(3)
    train(out=tmp_path / "run", resume=True)
    assert everything(tmp_path / "run") == whole


def interrupt(_line):
    raise KeyboardInterrupt


def test_a_report_and_a_view_are_the_same_page_each_time(tmp_path):
    for name in ("a", "b"):
        history = ns.History(tmp_path / name / "run" / "history")
        history.record([LAYER], step=0)
        ns.plot.report(history, tmp_path / f"{name}.report")
        ns.plot.view(LAYER).save(tmp_path / f"{name}.view")
    for what in ("report", "view"):
        assert (tmp_path / f"a.{what}").read_bytes() == (tmp_path / f"b.{what}").read_bytes()


@pytest.mark.parametrize("excluded", [0, 700])
def test_a_pair_drawn_again_changes_nothing(excluded):
    """The table of hashes against its definition: the first of each, in the order drawn."""
    rng = np.random.default_rng(excluded)
    taken, draws = rng.permutation(5000)[:excluded], rng.integers(-1, 5000, (6, 900)) * 2**33
    table, found = np.full(2**13, -1, dtype=np.int64), np.empty(0, dtype=np.int64)
    keep_new(taken * 2**33, table, np.empty(excluded, dtype=np.int64))
    for drawn in draws:
        out = np.empty(len(drawn), dtype=np.int64)
        found = np.concatenate([found, out[:keep_new(drawn, table, out)]])
    every = draws.ravel()[(draws.ravel() >= 0) & ~np.isin(draws.ravel(), taken * 2**33)]
    assert found.tolist() == every[np.sort(np.unique(every, return_index=True)[1])].tolist() and len(found) > 2000


GLOBAL = {"rand", "randn", "randint", "randperm", "normal", "bernoulli", "multinomial", "rand_like", "randn_like", "uniform_", "normal_", "random_", "bernoulli_", "exponential_",
          "manual_seed", "seed", "shuffle", "choice", "trunc_normal_", "kaiming_uniform_", "xavier_uniform_", "dropout"}


def test_no_source_draws_from_a_global_generator():
    """Numpy's and Python's are never touched, torch's only where a model without a seed is made as all of torch's modules are."""
    found = set()
    for path in Path(netsnn.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                names = [alias.name for alias in node.names] + [getattr(node, "module", "") or ""]
                if "random" in names and not (isinstance(node, ast.ImportFrom) and node.module.startswith("netsnn")):
                    found.add((path.name, "import random"))
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                owner = ast.unparse(node.func.value)
                if owner in ("np.random", "numpy.random", "random") and (node.func.attr not in ("default_rng", "SeedSequence", "Generator") or not (node.args or node.keywords)):
                    found.add((path.name, ast.unparse(node.func)))
                if owner in ("torch", "nn.init", "torch.nn.init", "functional", "nn.functional") and node.func.attr in GLOBAL and "generator" not in {k.arg for k in node.keywords}:
                    found.add((path.name, ast.unparse(node.func)))
    assert found == {("models.py", "torch.manual_seed")}  # inside fork_rng


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent.parent))
    order = list(CALLS) if sys.argv[1] == "forwards" else list(CALLS)[::-1]
    stir(len(sys.argv[1]))
    print(json.dumps({name: digest(CALLS[name](7)) for name in order} | {name: digest(call()) for name, call in SUMS.items()}))
