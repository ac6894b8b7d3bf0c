import functools
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from netsnn.errors import FileError
from netsnn.graph import Layer
from netsnn.history import History, frames
from netsnn.history import snapshot as snapshot_module
from netsnn.network import Network

SHAPE = (3, 4)


def layer_of(ids, shape=SHAPE, **names):
    ids = np.array(sorted(ids), dtype=np.int64)
    return Layer.from_edges(ids // max(shape[1], 1), ids % max(shape[1], 1), shape, **names)


def random_layer(seed, shape=SHAPE, density=0.5):
    rng = np.random.default_rng(seed)
    return layer_of(np.flatnonzero(rng.random(shape[0] * shape[1]) < density), shape)


def recorded(folder, sets, steps=None, shape=SHAPE):
    history = History(folder)
    for t, ids in enumerate(sets):
        history.record([layer_of(ids, shape)], step=t if steps is None else steps[t])
    return history


def files(history):
    return sorted(path for path in history.folder.rglob("*") if path.is_file())


def same(a, b):
    """Equal arrays, NaN and type among them."""
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


# ---- what goes in comes out ---------------------------------------------------------------------------

numbers = st.one_of(st.integers(-(2**63) + 1, 2**63 - 1), st.floats(width=64))
texts = st.text(st.characters(codec=None), max_size=6)  # lone surrogates, zero bytes and line breaks among them
dtypes = st.sampled_from([np.float16, np.float32, np.float64, np.int8, np.int64, np.uint16, np.bool_])


@st.composite
def snapshots(draw, shapes, names, groups):
    """The arguments of one call of `record`."""
    layers = [layer_of(draw(st.sets(st.integers(0, n_in * n_out - 1), max_size=8)) if n_in * n_out else (), (n_in, n_out)) for n_in, n_out in shapes]

    def links(n_in, n_out):
        n = draw(st.integers(0, 4)) if n_in and n_out else 0
        return tuple(draw(hnp.arrays(np.int64, n, elements=st.integers(0, max(size - 1, 0)))) for size in (n_in, n_out))

    reasons = st.none() | st.just([{reason: links(*shape) for reason in draw(st.lists(texts, max_size=3, unique=True))} for shape in shapes])
    weights = [draw(st.none() | dtypes.flatmap(lambda dtype: hnp.arrays(dtype, layer.n_links))) for layer in layers]
    dead = [draw(hnp.arrays(np.int64, st.integers(0, 3) if size else 0, elements=st.integers(0, max(size - 1, 0)))) for size in groups]
    return layers, {"weights": draw(st.sampled_from([None, weights])), "scalars": draw(st.dictionaries(texts, numbers, max_size=3)),
                    "removed": draw(reasons), "grown": draw(reasons), "dead": draw(st.sampled_from([None, dead])), "note": draw(texts)}


@st.composite
def histories(draw):
    n = draw(st.integers(1, 3))
    sizes = draw(st.lists(st.integers(0, 5) | st.just(300), min_size=n + 1, max_size=n + 1))
    shapes = list(zip(sizes, sizes[1:]))
    network = draw(st.booleans())
    names = draw(st.none() | st.lists(texts, min_size=n, max_size=n, unique=True))
    groups = sizes if network else [size for shape in shapes for size in shape]
    return network, names, draw(st.lists(snapshots(shapes, names, groups), min_size=1, max_size=3))


@settings(max_examples=40)
@given(histories())
def test_whatever_is_recorded_is_read_back(drawn):
    network, names, items = drawn
    with tempfile.TemporaryDirectory() as folder:
        writer = History(folder)
        for i, (layers, more) in enumerate(items):
            writer.record(Network(layers, names) if network else dict(zip(names, layers)) if names else layers, step=10 * i, **more)
        for history in (writer, History(folder)):
            assert history.steps.tolist() == [10 * i for i in range(len(items))]
            for i, (snapshot, (layers, more)) in enumerate(zip(history, items)):
                assert (snapshot.number, snapshot.step, snapshot.note, snapshot.layers) == (i, 10 * i, more["note"], layers)
                assert snapshot.names == (None if names is None else tuple(names))
                assert repr(snapshot.scalars) == repr(more["scalars"])  # repr: NaN, -0.0 and 1 against 1.0
                assert snapshot.layer(names[-1] if names else -1) == layers[-1]
                expected = more["weights"] if more["weights"] and any(w is not None for w in more["weights"]) else None
                assert (snapshot.weights is None) == (expected is None)
                for mine, theirs in zip(snapshot.weights or (), expected or ()):
                    assert mine is theirs if theirs is None else same(mine, theirs)
                for what in ("removed", "grown"):
                    found, given_ = getattr(snapshot, what), more[what]
                    assert (found is None) == (given_ is None)
                    for mine, theirs in zip(found or (), given_ or ()):
                        assert list(mine) == list(theirs)
                        assert all(np.array_equal(x, y) for reason in mine for x, y in zip(mine[reason], theirs[reason], strict=True))
                assert (snapshot.dead is None) == (more["dead"] is None)
                assert all(np.array_equal(x, y) for x, y in zip(snapshot.dead or (), more["dead"] or (), strict=True))
                if network:
                    assert snapshot.network() == Network(layers, names)


def test_names_of_layers_and_neurons_are_kept_whatever_they_are(tmp_path):
    one = Layer.from_edges([0], [1], (2, 2), input_names=['a"\n\\', 7], output_names=["\udc80\0", 2.5])
    two = random_layer(0)
    history = History(tmp_path / "names \n'\"#%é")
    history.record({"../x": one, "": two}, step=0)
    again = History(history.folder)
    assert again.names == ("../x", "") and again.shapes == ((2, 2), SHAPE)
    assert again[0].layers == [one, two] and again[0].layer("../x").input_names == one.input_names
    with pytest.raises(ValueError, match="the inputs of layer '../x' are named otherwise in the first snapshot"):
        again.record({"../x": layer_of([1], (2, 2)), "": two}, step=1)
    with pytest.raises(ValueError, match="text or a number"):
        History(tmp_path / "other").record([layer_of([], (1, 1), input_names=[(1, 2)])], step=0)


def test_numpy_and_torch_like_numbers_are_numbers(tmp_path):
    history = History(tmp_path)
    history.record([random_layer(0)], step=np.int64(3), scalars={"a": np.float32(0.5), "b": np.array(2), "c": True, "d": 2**70})
    assert History(tmp_path)[0].scalars == {"a": 0.5, "b": 2, "c": 1, "d": 2.0**70} and History(tmp_path).steps.tolist() == [3]


def test_arrays_are_stored_in_the_smallest_type_and_numpy_opens_the_file(tmp_path):
    history = History(tmp_path)
    layer = random_layer(0, (50, 300))
    history.record([layer], step=0, weights=[np.ones(layer.n_links, np.float32)])
    with np.load(history[0].path, allow_pickle=False) as file:
        assert {name: file[name].dtype for name in file} == {"degrees0": np.uint16, "columns0": np.uint16, "weights0": np.float32}
        assert np.array_equal(file["columns0"], layer.links[1]) and np.array_equal(file["degrees0"], layer.out_degrees)


def test_mappings_may_name_some_layers_only(tmp_path):
    history = History(tmp_path)
    layers = {"a": layer_of([0, 5]), "b": layer_of([1])}
    history.record(layers, step=0, weights={"b": [2.5]}, removed={"a": {"chain": ([1], [2])}}, grown={1: {}})
    snapshot = History(tmp_path)[0]
    assert snapshot.weights[0] is None and snapshot.weights[1].tolist() == [2.5]
    assert [{k: (r.tolist(), c.tolist()) for k, (r, c) in x.items()} for x in snapshot.removed] == [{"chain": ([1], [2])}, {}]
    assert snapshot.grown == [{}, {}] and snapshot.dead is None


def test_counts_of_reasons_come_from_the_index_alone(tmp_path):
    history = History(tmp_path)
    history.record([layer_of([0])], step=0)
    history.record([layer_of([1])], step=1, removed=[{"magnitude": ([0, 1], [0, 0]), "chain": ([2], [2])}], grown=[{"score": ([0], [1])}])
    history.record([layer_of([2])], step=2, removed=[{"chain": ([0, 0], [1, 2])}])
    shutil.rmtree(tmp_path / "snapshots")
    assert {k: v.tolist() for k, v in History(tmp_path).reasons("removed").items()} == {"magnitude": [0, 2, 0], "chain": [0, 1, 2]}
    assert {k: v.tolist() for k, v in History(tmp_path).reasons("grown", -1).items()} == {"score": [0, 1, 0]}
    with pytest.raises(ValueError, match="removed or grown"):
        history.reasons("dead")


# ---- reading ------------------------------------------------------------------------------------------


def test_nothing_is_read_from_a_snapshot_until_asked(tmp_path, monkeypatch):
    opened = []
    reading = snapshot_module._reading
    monkeypatch.setattr(snapshot_module, "_reading", lambda path: opened.append(path.name[:6]) or reading(path))
    history = History(tmp_path)
    for step in range(5):
        history.record([random_layer(step)], step=step, scalars={"a": step})
    history = History(tmp_path)
    assert (len(history), history.steps.tolist(), history.scalars["a"].tolist()) == (5, [0, 1, 2, 3, 4], [0, 1, 2, 3, 4])
    found = [*history, history[-1], *history[1:3], history.at(2)]
    assert [snapshot.step for snapshot in found] == [0, 1, 2, 3, 4, 4, 1, 2, 2] and repr(found[3]).startswith("Snapshot(3: step 3, 1 layers")
    assert opened == []
    assert found[3].layers == [random_layer(3)] and found[3].layer(0) is found[3].layers[0] and opened == ["000003"]


def test_only_the_layer_asked_for_is_read(tmp_path):
    history = History(tmp_path)
    history.record([random_layer(0), random_layer(1)], step=0)
    data = bytearray(history[0].path.read_bytes())
    at = data.index(b"\x93NUMPY", data.index(b"columns1.npy"))
    data[at + 130] ^= 255
    history[0].path.write_bytes(data)
    assert history[0].layer(0) == random_layer(0)
    with pytest.raises(FileError):
        history[0].layer(1)


def test_indices_slices_and_steps_that_do_not_exist(tmp_path):
    history = recorded(tmp_path, [{1}, {2}, {3}], steps=[-5, 0, 7])
    assert [history[i].step for i in (0, 1, 2, -1, -3, np.int64(1))] == [-5, 0, 7, 7, -5, 0]
    assert [s.step for s in history[::-1]] == [7, 0, -5] and history[5:] == []
    for i in (3, -4):
        with pytest.raises(IndexError, match=f"no snapshot {i} in a history of 3"):
            history[i]
    with pytest.raises(ValueError, match="no snapshot of step 3; nearest: 0, 7"):
        history.at(3)
    with pytest.raises(ValueError, match="the history is empty"):
        History(tmp_path / "none").at(3)
    with pytest.raises(ValueError, match="no layer 'x'; layers: 0"):
        history[0].layer("x")
    with pytest.raises(TypeError):
        history["0"]


def test_a_snapshot_is_frozen(tmp_path):
    snapshot = recorded(tmp_path, [{1}])[0]
    with pytest.raises(AttributeError):
        snapshot.step = 2


def test_a_history_that_is_not_there_is_empty_and_opening_leaves_no_folder(tmp_path):
    history = History(tmp_path / "a" / "b")
    assert (len(history), history.steps.tolist(), history.scalars, list(history), history.names, history.shapes) == (0, [], {}, [], None, ())
    assert repr(history) == "History(0 snapshots)"
    history.rewind(3)
    with pytest.raises(ValueError, match="history is empty"):
        history.turnover()
    assert not (tmp_path / "a").exists()
    assert list(History(tmp_path / "a").frame(hubs)) == ["snapshot", "step", "layer"]


def test_missing_scalars_are_nan(tmp_path):
    history = History(tmp_path)
    for step, scalars in enumerate([{"a": 1}, None, {"b": np.inf, "a": 3}]):
        history.record([random_layer(step)], step=step, scalars=scalars)
    assert repr({k: v.tolist() for k, v in history.scalars.items()}) == "{'a': [1.0, nan, 3.0], 'b': [nan, nan, inf]}"
    assert all("NaN" not in line and json.loads(line) for line in (tmp_path / "index.jsonl").read_text().splitlines())


# ---- links over time, against sets --------------------------------------------------------------------


@st.composite
def evolutions(draw):
    n = draw(st.integers(1, 7))
    sets = [draw(st.sets(st.integers(0, 11), max_size=9)) for _ in range(n)]
    return sets, np.cumsum(draw(st.lists(st.integers(1, 50), min_size=n, max_size=n))).tolist()


def naive_spells(sets):
    return sorted((link, born, next((t for t in range(born, len(sets)) if link not in sets[t]), len(sets)))
                  for born, links in enumerate(sets) for link in links if born == 0 or link not in sets[born - 1])


def part(a, b, empty=1.0):
    return a / b if b else empty


@settings(max_examples=30)
@given(evolutions())
def test_turnover_overlap_survival_and_ages_agree_with_sets(drawn):
    sets, steps = drawn
    n = len(sets)
    with tempfile.TemporaryDirectory() as folder:
        history = recorded(folder, sets, steps)
        assert list(zip(*(x.tolist() for x in history.spells()))) == naive_spells(sets)

        found = history.turnover()
        assert found["step"].tolist() == steps and found["links"].tolist() == [len(links) for links in sets]
        ever = [set().union(*sets[:t + 1]) for t in range(n)]
        assert found["ever"].tolist() == [len(links) for links in ever]
        assert np.allclose(found["itop"], [len(links) / 12 for links in ever])
        assert all(found[name][0] == 0 for name in ("kept", "lost", "gained", "regrown"))
        assert all(np.isnan(found[name][0]) for name in ("retained", "jaccard", "turnover"))
        for t, (a, b) in enumerate(zip(sets, sets[1:]), start=1):
            assert (found["kept"][t], found["lost"][t], found["gained"][t]) == (len(a & b), len(a - b), len(b - a))
            assert found["regrown"][t] == len((b - a) & ever[t - 1])
            assert np.allclose((found["retained"][t], found["jaccard"][t], found["turnover"][t]),
                               (part(len(a & b), len(a)), part(len(a & b), len(a | b)), part(len(a ^ b), len(a) + len(b), 0.0)))

        assert np.allclose(history.overlap(), [[part(len(a & b), len(a | b)) for b in sets] for a in sets])
        assert np.allclose(history.overlap(of="retained"), [[part(len(a & b), len(a)) for b in sets] for a in sets])

        for at in range(-n, n):
            now = at % n
            birth = {link: next((t + 1 for t in range(now, -1, -1) if link not in sets[t]), 0) for link in sets[now]}
            earlier = {link: sum(link in sets[t] and link not in sets[t + 1] for t in range(now)) for link in sets[now]}
            found = history.ages(at=at)
            links = layer_of(sets[now]).links
            assert found["row"].tolist() == links[0].tolist() and found["col"].tolist() == links[1].tolist()
            assert found["age"].tolist() == [steps[now] - steps[birth[link]] for link in sorted(sets[now])]
            assert found["earlier"].tolist() == [earlier[link] for link in sorted(sets[now])]

        lived = [(steps[min(died, n - 1)] - steps[born], died < n) for _, born, died in naive_spells(sets)]
        found = history.survival()
        assert found["age"].tolist() == sorted({0} | {age for age, _ in lived})
        fraction = 1.0
        for i, age in enumerate(found["age"]):
            at_risk, ended = sum(x >= age for x, _ in lived), sum(x == age and over for x, over in lived)
            fraction *= 1 - part(ended, at_risk, 0.0)
            assert (found["at_risk"][i], found["ended"][i]) == (at_risk, ended) and np.isclose(found["fraction"][i], fraction)

        for cohort in range(n):
            found = history.survival(cohort=cohort)
            alive = {0: 1.0} | {steps[t] - steps[cohort]: part(len(set.intersection(*sets[cohort:t + 1])), len(sets[cohort]))
                                for t in range(cohort, n)}
            assert all(np.isclose(x, alive[age]) for age, x in zip(found["age"].tolist(), found["fraction"]))


def test_a_case_done_by_hand(tmp_path):
    history = recorded(tmp_path, [{0, 1, 2, 3}, {0, 1, 4, 5}, {0, 2, 4, 5}, {0, 2, 3, 4}], steps=[0, 10, 30, 60])
    found = history.turnover()
    assert found["regrown"].tolist() == [0, 0, 1, 1] and found["ever"].tolist() == [4, 6, 6, 6] and found["itop"].tolist() == [4 / 12] + [0.5] * 3
    assert found["jaccard"][1:].tolist() == [2 / 6, 3 / 5, 3 / 5] and found["turnover"][1:].tolist() == [0.5, 0.25, 0.25]
    ages = history.ages()
    assert (ages["age"].tolist(), ages["earlier"].tolist()) == ([60, 30, 0, 50], [0, 1, 1, 0])
    assert history.overlap()[0].tolist() == [1.0, 1 / 3, 1 / 3, 3 / 5]
    curve = history.survival(cohort=0)  # links 0 1 2 3: two gone at 10, one at 30, one stays
    assert curve["age"].tolist() == [0, 10, 30, 60] and np.allclose(curve["fraction"], [1, 0.5, 0.25, 0.25])
    assert curve["at_risk"].tolist() == [4, 4, 2, 1] and curve["ended"].tolist() == [0, 2, 1, 0]


def test_links_over_time_follow_what_is_recorded_and_rewound(tmp_path):
    history = recorded(tmp_path, [{0, 1}])
    assert history.turnover()["links"].tolist() == [2]
    history.record([layer_of({1})], step=1)
    assert history.turnover()["lost"].tolist() == [0, 1]
    history.rewind(0)
    assert history.turnover()["lost"].tolist() == [0]


def test_nothing_as_large_as_the_dense_layer_is_made(tmp_path):
    shape = (200_000, 200_000)
    history = recorded(tmp_path, [{0, 4 * 10**10 - 1, 7}, {4 * 10**10 - 1, 8}], shape=shape)
    assert history.turnover()["kept"].tolist() == [0, 1] and history.overlap()[0, 1] == 0.25
    assert history.ages()["row"].tolist() == [0, 199_999] and history[1].layers[0].ids.tolist() == [8, 4 * 10**10 - 1]


# ---- frame --------------------------------------------------------------------------------------------


def hubs(layer):
    return {"links": layer.n_links, "largest": layer.in_degrees.max(initial=0), "nan": np.nan}


def columns(frame):
    return {name: list(frame[name]) for name in frame}


@pytest.fixture
def three(tmp_path):
    history = History(tmp_path / "three")
    for step in range(3):
        layers = {"a": random_layer(step), "b": random_layer(step + 10)}
        history.record(layers, step=10 * step, weights=[np.full(x.n_links, step, np.float32) for x in layers.values()])
    return history


def test_a_frame_has_a_row_a_snapshot_and_layer(three):
    import pandas

    found = three.frame(hubs)
    assert isinstance(found, pandas.DataFrame)
    assert columns(found[["snapshot", "step", "layer"]]) == {"snapshot": [0, 0, 1, 1, 2, 2], "step": [0, 0, 10, 10, 20, 20], "layer": list("ababab")}
    layers = [layer for snapshot in three for layer in snapshot.layers]
    assert list(found["links"]) == [layer.n_links for layer in layers] and found["links"].dtype == np.int64
    assert list(found["largest"]) == [layer.in_degrees.max() for layer in layers] and found["nan"].isna().all()


def test_without_pandas_a_frame_is_a_dict_of_arrays(three, monkeypatch):
    with_pandas = columns(three.frame(hubs).drop(columns="nan"))
    monkeypatch.setitem(sys.modules, "pandas", None)
    found = three.frame(hubs)
    assert type(found) is dict and all(type(x) is np.ndarray for x in found.values())
    found.pop("nan")
    assert columns(found) == with_pandas


def test_a_second_frame_reads_nothing_and_the_cache_may_go(three, monkeypatch):
    first = three.frame(hubs)
    with monkeypatch.context() as patch:
        patch.setattr(snapshot_module, "_reading", None)
        assert History(three.folder).frame(hubs).equals(first)
    shutil.rmtree(three.folder / "cache")
    assert History(three.folder).frame(hubs).equals(first)


def test_a_frame_measures_only_what_is_new(three):
    three.frame(hubs)
    seen = []

    def counted(layer):
        seen.append(layer.n_links)
        return layer.n_links

    three.frame(counted)  # not cached: `seen` belongs to it, and changes
    three.record({"a": random_layer(7), "b": random_layer(8)}, step=99)
    opened, reading = [], snapshot_module._reading
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(snapshot_module, "_reading", lambda path: opened.append(path.name[:6]) or reading(path))
        found = three.frame(hubs)
    assert opened == ["000003"] and list(found["links"])[-2:] == [random_layer(7).n_links, random_layer(8).n_links]


def test_results_of_a_dropped_snapshot_are_not_its_successors(tmp_path):
    history = recorded(tmp_path, [{0}, {1, 2}])
    assert list(history.frame(hubs)["links"]) == [1, 2]
    history.rewind(0)
    history.record([layer_of({1, 2, 3})], step=1)
    assert list(history.frame(hubs)["links"]) == [1, 3]


def test_measures_that_differ_share_no_results(three):
    links, degrees = (lambda layer: layer.n_links), (lambda layer: layer.n_in)  # one line, one name
    def times(k):
        return lambda layer: k * layer.n_links
    def scaled(layer, by=1):
        return by * layer.n_links
    n = np.array([layer.n_links for snapshot in three for layer in snapshot.layers])
    for measure, expected in [(links, n), (degrees, n * 0 + 3), (times(2), 2 * n), (times(3), 3 * n), (scaled, n),
                              (functools.partial(scaled, by=5), 5 * n), (functools.partial(scaled, by=6), 6 * n), (Times(7), 7 * n),
                              (Times(8), 8 * n), (Times(9).measure, 9 * n), (times(np.array(4)), 4 * n)] * 2:
        found = three.frame(measure)
        assert np.array_equal(found[list(found)[-1]], expected)
    assert len(list((three.folder / "cache").iterdir())) == 11


class Times:
    def __init__(self, k):
        self.k = k

    def __call__(self, layer):
        return self.k * layer.n_links

    def measure(self, layer):
        return self.k * layer.n_links


def helper(layer):
    return FACTOR * layer.n_links


FACTOR = 2


def test_a_changed_helper_or_constant_is_another_measure(three, monkeypatch):
    def measure(layer):
        return helper(layer)

    n = np.array([layer.n_links for snapshot in three for layer in snapshot.layers])
    assert np.array_equal(three.frame(measure)["measure"], 2 * n)
    monkeypatch.setattr(sys.modules[__name__], "FACTOR", 3)
    assert np.array_equal(three.frame(measure)["measure"], 3 * n)
    monkeypatch.setattr(sys.modules[__name__], "helper", lambda layer: -layer.n_links)
    assert np.array_equal(three.frame(measure)["measure"], -n)


@pytest.mark.parametrize("source", [
    "class H:\n    @staticmethod\n    def f(layer): return ANSWER\ndef m(layer): return H.f(layer)",
    "def f(layer): return ANSWER\ntable = {'a': f}\ndef m(layer): return table['a'](layer)",
    "table = [lambda layer: ANSWER]\ndef m(layer): return table[0](layer)",
    "import functools\ndef f(layer): return ANSWER\nm = functools.partial(f)",
    "import functools\ndef f(layer): return ANSWER\ndef g(h, layer): return h(layer)\nm = functools.partial(g, f)",
    "class C:\n    def f(self, layer): return ANSWER\n    def __call__(self, layer): return self.f(layer)\nm = C()",
    "class C:\n    def f(self, layer): return ANSWER\n    def g(self, layer): return self.f(layer)\nm = C().g",
])
def test_an_edited_function_is_another_measure_wherever_it_is_held(three, monkeypatch, source):
    import types

    for answer in "12":
        module = types.ModuleType("edited")
        monkeypatch.setitem(sys.modules, "edited", module)
        exec(source.replace("ANSWER", answer), vars(module))
        found = three.frame(module.m)
        assert set(found[list(found)[-1]]) == {int(answer)}


def test_a_measure_is_known_in_another_process(three):
    code = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent.parent)!r})
from netsnn.history import History
from tests.test_history import in_set
from netsnn.history import frames
print(frames._path(History({str(three.folder)!r}).folder / "cache", in_set, False).name)
"""
    found = set()
    for seed in "12":
        environment = os.environ | {"PYTHONHASHSEED": seed}
        found.add(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment).stdout)
    assert found == {frames._path(Path(), in_set, False).name + "\n"}


def in_set(layer):
    return {"small": layer.n_links in {1, 2, "three", "four", None}}


def test_a_measure_that_cannot_be_identified_is_computed_anew(three):
    lock = __import__("threading").Lock()  # cannot be pickled
    calls = []

    def guarded(layer):
        with lock:
            calls.append(1)
            return 1

    three.frame(guarded)
    three.frame(guarded)
    assert len(calls) == 12 and not (three.folder / "cache").exists()


def test_a_measure_may_want_the_weights(three):
    def mean(layer, values):
        return {"mean": values.mean(), "fits": len(values) == layer.n_links}

    found = three.frame(mean, weights=True)
    assert list(found["mean"]) == [0, 0, 1, 1, 2, 2] and all(found["fits"])
    three.record({"a": random_layer(1), "b": random_layer(2)}, step=50)
    with pytest.raises(ValueError, match=r"snapshot 3 \(step 50\) holds no weights"):
        three.frame(mean, weights=True)


def test_measures_need_not_name_the_same_numbers(three):
    found = three.frame(lambda layer: {f"n{layer.n_links % 2}": 1})
    odd = [layer.n_links % 2 for snapshot in three for layer in snapshot.layers]
    assert {name for name in found} == {"snapshot", "step", "layer"} | {f"n{x}" for x in odd}
    for x in set(odd):
        assert np.array_equal(found[f"n{x}"].isna(), [y != x for y in odd])


@pytest.mark.parametrize(("measure", "message"), [
    (lambda layer: "many", "must be a number, got 'many'"), (lambda layer: {"a": [1]}, r"'a' of <lambda> must be a number, got \[1\]"),
    (lambda layer: {"step": 1}, "names a number 'step'"), (lambda layer: {3: 1}, "names a number 3"), (None, "must be a function"),
    (lambda layer: None, "must be a number"), (lambda layer: np.arange(3), "must be a number"),
])
def test_a_measure_that_gives_no_numbers_is_refused(three, measure, message):
    with pytest.raises(ValueError, match=message):
        three.frame(measure)


def test_results_survive_an_error_in_the_measure_and_torn_or_senseless_lines(three):
    def fragile(layer):
        if layer == BROKEN["layer"]:
            raise RuntimeError("broken")
        return layer.n_links

    expected = [layer.n_links for snapshot in three for layer in snapshot.layers]
    BROKEN["layer"] = three[2].layers[1]
    path = frames._path(three.folder / "cache", hubs, False)
    three.frame(hubs)
    good = path.read_bytes()
    for cut in range(0, len(good), 7):
        path.write_bytes(good[:cut] + b"\xff{\x00")
        assert list(three.frame(hubs)["links"]) == expected
        assert list(three.frame(hubs)["links"]) == expected
    path.write_bytes(b'{"rows":1}\n[]\n{"rows":[{"links":"x"}],"snapshot":"y"}\n{"rows":[{}],"snapshot":7}\n' + b"[" * 100_000 + good)
    assert list(three.frame(hubs)["links"]) == expected
    with pytest.raises(RuntimeError, match="broken"):
        three.frame(fragile)


BROKEN = {}


def test_a_cache_that_cannot_be_written_does_not_matter(three):
    (three.folder / "cache").write_text("in the way")
    assert list(three.frame(hubs)["links"]) == list(three.frame(hubs)["links"])


# ---- kills --------------------------------------------------------------------------------------------

KILLS = """
import itertools, json, os, signal, sys, time
sys.path.insert(0, ROOT)
import numpy as np
from tests.test_history import links_of, made
from netsnn.history import History

def work(folder, say, seed, steps):
    # Each operation says before and after it how long the history is then.
    history, rng = History(folder), np.random.default_rng(seed)
    for i in steps:
        last = int(history.steps[-1]) if len(history) else -1
        if rng.random() < 0.15 and len(history) > 4:
            say(f"{len(history) - 2} ")
            history.rewind(int(history.steps[-3]))
        else:
            nonce = seed * 1000 + i
            say(f"{len(history) + 1} ")
            history.record([made(nonce)], step=last + 1 + i % 3, scalars={"nonce": nonce}, removed=[{"chain": made(nonce).links}])
        say(f"{len(history)} ")
        if rng.random() < 0.3:
            history.frame(links_of)

def check(folder, said, some=slice(-5, None)):
    # The history is as it was before or after the last operation that began.
    history = History(folder)
    allowed = said[-1:] if len(said) % 2 else said[-2:]
    assert len(history) in allowed, (len(history), said)
    assert (np.diff(history.steps) > 0).all()
    for snapshot in history[some]:
        layer = made(snapshot.scalars["nonce"])
        assert snapshot.layers == [layer]
        row, col = snapshot.removed[0]["chain"]
        assert np.array_equal(row, layer.links[0]) and np.array_equal(col, layer.links[1])
    frame = history.frame(links_of)
    assert list(frame.get("links_of", [])) == [made(snapshot.scalars["nonce"]).n_links for snapshot in history]
    return len(history)

def child(function):
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            function(lambda text: os.write(writing, text.encode()))
        except BaseException as error:
            os.write(2, repr(error).encode())
            os._exit(1)
        os._exit(0)
    os.close(writing)
    return pid, reading

def end(pid, reading):
    status = os.waitpid(pid, 0)[1]
    with os.fdopen(reading) as file:
        return os.waitstatus_to_exitcode(status), [int(word) for word in file.read().split()]
"""


def made(nonce):
    return random_layer(nonce, (20, 30), 0.3)


def links_of(layer):
    return layer.n_links


def run_script(text, *arguments, timeout=120):
    """A Python process of its own: it forks and is killed, limited and made powerless."""
    root = str(Path(__file__).parent.parent)
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", text.replace("ROOT", repr(root)), *map(str, arguments)],
                          capture_output=True, text=True, timeout=timeout)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return json.loads(done.stdout)


def test_killed_at_random_moments_at_most_the_last_snapshot_is_missing(tmp_path):
    found = run_script(KILLS + """
folder = sys.argv[1]
rng, said, leftovers, kills, begin = np.random.default_rng(0), [0], 0, 0, time.perf_counter()
while kills < 45 and time.perf_counter() - begin < 30:
    pid, reading = child(lambda say: work(folder, say, kills + 1, itertools.count()))
    time.sleep(rng.exponential(0.03))
    os.kill(pid, signal.SIGKILL)
    code, told = end(pid, reading)
    assert code == -signal.SIGKILL, code
    kills += 1
    length = len(History(folder))
    known = {entry.file for entry in History(folder)._index.entries}
    leftovers += sum(name not in known for _, _, names in os.walk(folder) for name in names if name.endswith(".npz") or name.startswith(".netsnn-"))
    said = [check(folder, said + told)]
for path, _, names in os.walk(folder):
    for name in names:
        os.utime(os.path.join(path, name), (0, 0))  # a writer cleans up after those of an hour ago and more
pid, reading = child(lambda say: work(folder, say, 999, range(3)))
code, told = end(pid, reading)
length = check(folder, said + told, slice(None))
known = {snapshot.path.name for snapshot in History(folder)}
print(json.dumps([kills, leftovers, code, length, sorted(known) == sorted(os.listdir(folder + "/snapshots"))]))
""", tmp_path / "history")
    kills, leftovers, code, length, clean = found
    assert kills >= 30 and leftovers > 5 and code == 0 and length > 5
    assert clean  # what the killed writers left behind is gone


def test_killed_around_every_system_call_nothing_is_lost(tmp_path):
    found = run_script(KILLS + """
CALLS, OURS = {"truncate", "fsync", "replace", "mkdir", "unlink"}, {"open", "write", "flush", "fdopen", "seek"}
lengths = set()
for n in itertools.count(1):
    folder, calls = f"{sys.argv[1]}/{n}", [0]
    def at_call(frame, event, called):
        if event == "c_call" and called.__name__ in (OURS | CALLS if "/netsnn/" in frame.f_code.co_filename else CALLS):
            calls[0] += 1
            if calls[0] == n:
                os.kill(os.getpid(), signal.SIGKILL)
    def operations(say):
        sys.setprofile(at_call)
        history = History(folder)
        for i in range(3):
            say(f"{len(history) + 1} ")
            history.record([made(i)], step=i, scalars={"nonce": i}, removed=[{"chain": made(i).links}])
            say(f"{len(history)} ")
        history.frame(links_of)
        say("2 ")
        history.rewind(1)
        say("2 ")
        say("3 ")
        history.record([made(9)], step=2, scalars={"nonce": 9}, removed=[{"chain": made(9).links}])
        say("3 ")
    pid, reading = child(operations)
    code, told = end(pid, reading)
    length = check(folder, [0, *told], slice(None))
    lengths.add(length)
    if code == 0:
        break
    assert code == -signal.SIGKILL, code
    history = History(folder)
    history.record([made(5)], step=50, scalars={"nonce": 5}, removed=[{"chain": made(5).links}])
    check(folder, [length + 1], slice(None))
print(json.dumps([n, sorted(lengths)]))
""", tmp_path)
    assert found[0] > 40 and found[1] == [0, 1, 2, 3]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # interrupted at the end of a `with`, a file is closed later
def test_interrupted_at_any_line_a_history_goes_on(tmp_path):
    history, said, lines = recorded(tmp_path, [{0}]), [1], [0]

    def at_line(frame, event, argument):
        if "/netsnn/history/" not in frame.f_code.co_filename:
            return None
        lines[0] += event == "line"
        if lines[0] == n:
            sys.settrace(None)
            raise KeyboardInterrupt
        return at_line

    before, ended = sys.gettrace(), False
    for n in range(1, 1000):
        lines[0], length = 0, len(history)
        try:
            sys.settrace(at_line)
            history.record([layer_of({n % 12})], step=n)
            ended = True
        except KeyboardInterrupt:
            pass
        finally:
            sys.settrace(before)
        assert length <= len(history) <= length + 1
        said += [n % 12] * (len(history) - length)
        again = History(tmp_path)
        assert again.steps.tolist() == history.steps.tolist() and again[-1].layers == history[-1].layers
        if ended:
            break
    assert n > 50 and ended and [s.layers[0].ids.tolist() for s in History(tmp_path)][1:] == [[x] for x in said[1:]]


def test_an_index_cut_anywhere_opens_and_goes_on(tmp_path):
    history = recorded(tmp_path / "whole", [{0}, {1, 2}, {3}])
    index = (history.folder / "index.jsonl").read_bytes()
    ends = [i + 1 for i, byte in enumerate(index) if byte == 10]
    for cut in range(ends[0], len(index) + 1, 5):
        shutil.rmtree(tmp_path / "cut", ignore_errors=True)
        shutil.copytree(history.folder, tmp_path / "cut")
        (tmp_path / "cut" / "index.jsonl").write_bytes(index[:cut])
        again = History(tmp_path / "cut")
        n = sum(end <= cut for end in ends) - 1
        assert len(again) == n and [s.layers[0].n_links for s in again] == [1, 2, 1][:n]
        again.record([layer_of({5, 6, 7})], step=9)
        assert [s.layers[0].n_links for s in History(tmp_path / "cut")] == [1, 2, 1][:n] + [3]


def test_a_snapshot_file_without_a_line_is_no_part_of_the_record(tmp_path):
    history = recorded(tmp_path, [{0}])
    shutil.copy(history[0].path, tmp_path / "snapshots" / "000001-00000000.npz")
    (tmp_path / "snapshots" / ".netsnn-0123").write_bytes(b"half")
    (tmp_path / "snapshots" / "mine.txt").write_text("a user's own")
    for path in (tmp_path / "snapshots").iterdir():
        os.utime(path, (0, 0))
    shutil.copy(history[0].path, tmp_path / "snapshots" / "000001-11111111.npz")
    history = History(tmp_path)
    assert len(history) == 1 and (tmp_path / "snapshots" / ".netsnn-0123").exists()  # a reader removes nothing
    history.record([layer_of({2})], step=1)
    assert {path.name for path in (tmp_path / "snapshots").iterdir()} == {
        history[0].path.name, history[1].path.name, "mine.txt", "000001-11111111.npz"}  # the last may be another writer's, just now


# ---- rewind -------------------------------------------------------------------------------------------


def test_a_step_recorded_twice_or_going_back_is_refused_until_rewound(tmp_path):
    history = recorded(tmp_path, [{0}, {1}, {2}, {3}], steps=[0, 10, 20, 30])
    for step in (30, 15):
        with pytest.raises(ValueError, match=rf"larger than the last snapshot's, 30, got {step}; history.rewind\({step - 1}\) drops"):
            history.record([layer_of({1})], step=step)
    history.rewind(14)
    for found in (history, History(tmp_path)):
        assert found.steps.tolist() == [0, 10] and [s.layers for s in found] == [[layer_of({0})], [layer_of({1})]]
    assert len(list((tmp_path / "snapshots").iterdir())) == 2
    history.record([layer_of({7})], step=15)
    assert History(tmp_path)[-1].layers == [layer_of({7})]
    before = files(history), (tmp_path / "index.jsonl").stat().st_ino
    history.rewind(15)
    history.rewind(100)
    assert (files(history), (tmp_path / "index.jsonl").stat().st_ino) == before  # nothing to drop, nothing written


def test_rewound_to_nothing_a_history_may_start_with_other_layers(tmp_path):
    history = recorded(tmp_path, [{0}])
    history.rewind(-1)
    assert len(History(tmp_path)) == 0
    history.record([random_layer(0, (9, 9))], step=0)
    assert History(tmp_path).shapes == ((9, 9),) and History(tmp_path)[0].layers == [random_layer(0, (9, 9))]


def test_a_reader_opened_before_a_rewind_is_told(tmp_path):
    history = recorded(tmp_path, [{0}, {1}])
    reader = History(tmp_path)
    history.rewind(0)
    history.record([layer_of({5})], step=1)
    assert reader[0].layers == [layer_of({0})]
    with pytest.raises(FileError, match="history was rewound since it was opened"):
        _ = reader[1].layers


def test_two_writers_do_not_mix(tmp_path):
    one = recorded(tmp_path, [{0}])
    two = History(tmp_path)
    one.record([layer_of({1})], step=1)
    for _ in range(2):
        with pytest.raises(FileError, match="changed by another process since this history was opened; open it anew"):
            two.record([layer_of({2})], step=1)
        with pytest.raises(FileError, match="changed by another process"):
            two.rewind(-1)
    for path in files(one):
        os.utime(path, (0, 0))
    with pytest.raises(FileError, match="changed by another process"):
        History.record(two, [layer_of({2})], step=5)
    one.record([layer_of({3})], step=2)
    assert [s.layers for s in History(tmp_path)] == [[layer_of({0})], [layer_of({1})], [layer_of({3})]]


# ---- files that are damaged, full or locked -----------------------------------------------------------


def test_a_damaged_snapshot_gives_one_clear_error_or_the_right_data(three):
    path, rng = three[1].path, np.random.default_rng(0)
    good = path.read_bytes()
    layers, weights = three[1].layers, three[1].weights
    damages = [good[:cut] for cut in range(0, len(good), 37)]
    for _ in range(300):
        bad = bytearray(good)
        bad[rng.integers(len(good))] ^= 1 << rng.integers(8)
        damages.append(bytes(bad))
    refused = 0
    for bad in damages:
        path.write_bytes(bad)
        try:
            snapshot = three[1]
            assert snapshot.layers == layers and all(map(same, snapshot.weights, weights))
        except FileError as error:
            refused += 1
            assert str(error).startswith(f"{path}: ") and "\n" not in str(error)
    assert refused > 250
    assert three[0].layers and three[2].layers  # the others can be read


def test_a_snapshot_file_with_wrong_content_is_refused(tmp_path):
    history = History(tmp_path)
    layer = layer_of({0, 5, 6})
    history.record([layer], step=0, removed=[{"chain": ([0], [1])}], dead=[[0], [1]])
    good = dict(np.load(history[0].path))

    def refused(ask, **wrong):
        np.savez(history[0].path, **{name: array for name, array in (good | wrong).items() if array is not None})
        with pytest.raises(FileError) as error:
            ask(history[0])
        return str(error.value).removeprefix(f"{history[0].path}: ")

    layers = lambda snapshot: snapshot.layers
    assert "member 'columns0' is missing" in refused(layers, columns0=None)
    assert "never loaded" in refused(layers, columns0=np.array([{}, 1, 2], dtype=object))
    assert "expected one of kind u" in refused(layers, columns0=np.array([-1, 1, 2]))
    assert "column 4 lies outside" in refused(layers, columns0=np.array([0, 1, 4], np.uint8))
    assert "indptr must rise from 0 to the 3 links" in refused(layers, degrees0=np.array([1, 1, 2], np.uint8))
    assert "must rise" in refused(layers, columns0=np.array([0, 2, 2], np.uint8))
    assert "has shape (2,), expected (3,)" in refused(layers, columns0=np.array([0, 1], np.uint8))
    assert "link outside 3 x 4" in refused(lambda snapshot: snapshot.removed, removed0=np.array([12], np.uint8))
    assert "neuron that does not exist" in refused(lambda snapshot: snapshot.dead, dead=np.array([3, 1], np.uint8))
    history[0].path.unlink()
    assert "there is no such file" in _error(lambda: history[0].layers)


def _error(call):
    with pytest.raises(FileError) as error:
        call()
    return str(error.value)


def test_a_folder_that_is_no_history_says_so(tmp_path):
    (tmp_path / "file").write_text("x")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("x")
    (tmp_path / "strange").mkdir()
    assert _error(lambda: History(tmp_path / "file")) == f"{tmp_path}/file: Not a directory"
    assert _error(lambda: History(tmp_path / "other")) == f"{tmp_path}/other: no history of netsnn (it has no index.jsonl, but notes.txt)"
    for text in ("", "hello", "hello\n", "{}\n", "[1]\n", '{"netsnn": "study", "format": 1}\n'):
        (tmp_path / "strange" / "index.jsonl").write_text(text)
        assert "line 1 is damaged, or" in _error(lambda: History(tmp_path / "strange"))
    (tmp_path / "strange" / "index.jsonl").write_text('{"netsnn": "history", "format": 9}\n')
    assert "format 9, this one reads 1" in _error(lambda: History(tmp_path / "strange"))
    assert "null" in _error(lambda: History("a\0b").record([random_layer(0)], step=0))


def test_a_damaged_line_of_the_index_is_named(tmp_path):
    history = recorded(tmp_path, [{0}, {1}, {2}])
    index = tmp_path / "index.jsonl"
    lines = index.read_text().splitlines(keepends=True)
    old = json.loads(lines[2])
    for change in ({"step": 7}, {"step": "1"}, {"file": "../../x.npz"}, {"links": [1, 2]}, {"links": ["1"]}, {"links": None}, {"scalars": []},
                   {"scalars": {"a": "x"}}, {"removed": [3]}, {"dead": [1]}, {"note": 3}, {"more": 1}, {"step": 2**70}, {"weights": None}, {"weights": [1]}, {"weights": {"a": 1}},
                   {"links": {"1": 1}}, {"x" * 9000: 1}, {"note": None}):
        index.write_text("".join([*lines[:2], json.dumps(old | change) + "\n", lines[3]]))
        assert re.match(rf"{re.escape(str(index))}: line {4 if change == {'step': 7} else 3} is damaged \(", _error(lambda: History(tmp_path)))
    for line in ("garbage\n", "\n", "[" * 100_000 + "\n", "\0\0\n"):
        index.write_text("".join([*lines[:2], line, lines[3]]))
        assert f"{index}: line 3 is damaged (" in _error(lambda: History(tmp_path))
    head = json.loads(lines[0])
    n_in, n_out = head["shapes"][0]
    for change in ({"shapes": [[3, -1]]}, {"shapes": []}, {"names": ["a", "b"]}, {"neurons": [None]}, {"shapes": 3}, {"shapes": [[2**31, 2]]}, {"names": "a"}, {"names": [["a"]]}, {"network": 1},
                   {"neurons": [["a"] * n_in, None]}, {"neurons": [["a"], None]}, {"neurons": [[None] * n_in, None]}, {"neurons": ["x" * n_in, None]}, {"neurons": [[["a"]] * n_in, None]}):
        index.write_text("".join([json.dumps(head | change) + "\n", *lines[1:]]))
        assert f"{index}: line 1 is damaged (" in _error(lambda: History(tmp_path))
    assert [s.layers for s in history] == [[layer_of({i})] for i in range(3)]


def test_the_index_of_a_network_whose_layers_do_not_follow_on_each_other_is_damaged(tmp_path):
    first, second = Layer.from_edges([0], [1], (2, 3), output_names=["a", "b", "c"]), Layer.from_edges([2], [0], (3, 1))
    History(tmp_path).record(Network([first, second], ["x", "y"]), step=0)
    index = tmp_path / "index.jsonl"
    head, line = index.read_text().splitlines(keepends=True)
    head = json.loads(head)
    for change in ({"shapes": [[2, 3], [4, 1]]}, {"neurons": [None, ["a", "b", "c"], ["a", "c", "b"], None]}, {"names": ["x", "x"]}):
        index.write_text(json.dumps(head | change) + "\n" + line)
        assert f"{index}: line 1 is damaged (" in _error(lambda: History(tmp_path))


def test_a_shape_in_the_index_that_no_file_bears_out_takes_no_memory(tmp_path):
    recorded(tmp_path, [{0}])
    index = tmp_path / "index.jsonl"
    head, line = index.read_text().splitlines(keepends=True)
    index.write_text(json.dumps(json.loads(head) | {"shapes": [[2**31 - 1, 4]]}) + "\n" + line)
    snapshot = History(tmp_path)[0]
    tracemalloc.start()
    assert "member 'degrees0' has shape" in _error(lambda: snapshot.layers)
    assert tracemalloc.get_traced_memory()[1] < 1e6
    tracemalloc.stop()


def test_kept_results_that_name_a_column_of_the_table_are_computed_anew(tmp_path):
    history = recorded(tmp_path, [{0}, {1}])
    before = history.frame(hubs)
    kept = next((tmp_path / "cache").iterdir())
    kept.write_text(kept.read_text().replace('"links":', '"step":9,"links":'))
    assert history.frame(hubs).equals(before)


def test_a_full_disk_loses_nothing_that_was_recorded(tmp_path):
    found = run_script("""
import json, resource, sys
sys.path.insert(0, ROOT)
from tests.test_history import made, random_layer
from netsnn.errors import FileError
from netsnn.history import History

history, errors = History(sys.argv[1]), []
def attempt(limit, step, **more):
    before, kind = files(), resource.RLIMIT_FSIZE
    resource.setrlimit(kind, (limit, resource.RLIM_INFINITY))
    try:
        history.record([made(step)], step=step, **more)
    except FileError as error:
        errors.append(str(error))
    resource.setrlimit(kind, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert {name: data for name, data in files().items() if name in before} == before
    assert [s.layers for s in History(sys.argv[1])] == [[made(s.step)] for s in history]
def files():
    from pathlib import Path
    return {str(path): path.read_bytes() for path in Path(sys.argv[1]).rglob("*") if path.is_file()}
attempt(10, 0)                                    # not even the head of the index fits
history.record([made(1)], step=1, note="long " * 1000)
attempt(300, 2)                                   # the snapshot does not fit
size = (history.folder / "index.jsonl").stat().st_size
attempt(size + 40, 3)                             # the line of the index is torn in the middle
attempt(size, 4)
history.record([made(5)], step=5)
print(json.dumps([errors, History(sys.argv[1]).steps.tolist(), len(list((history.folder / "snapshots").iterdir()))]))
""", tmp_path / "history")
    errors, steps, n = found
    places = ["index.jsonl", r"snapshots/000001-\w+.npz", "index.jsonl", "index.jsonl"]
    assert len(errors) == 4 and all(re.fullmatch(rf"{re.escape(str(tmp_path))}/history/{place}: File too large", error)
                                    for place, error in zip(places, errors))
    assert steps == [1, 5] and n == 2


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_a_read_only_folder_can_be_read_and_measured_and_says_that_it_cannot_be_written():
    with tempfile.TemporaryDirectory() as outer:
        history = recorded(Path(outer) / "history", [{0}, {1, 2}])
        for path in (history.folder, history.folder / "snapshots", Path(outer)):
            path.chmod(0o555)
        before = {path: path.read_bytes() for path in files(history)}
        found = run_script("""
import json, os, sys
import pandas, tqdm.auto  # while this process may still read them
sys.path.insert(0, ROOT)
from tests.test_history import hubs, layer_of
from netsnn.errors import FileError
from netsnn.history import History
if not os.getuid():
    History(sys.argv[1])[0].layers  # the modules this needs are not for anybody either
    os.setuid(65534)  # root may write anywhere
history, errors = History(sys.argv[1]), []
new = History(sys.argv[1] + "/../new")
for write in (lambda: history.record([layer_of({3})], step=2), lambda: history.rewind(0), lambda: new.record([layer_of({3})], step=2)):
    try:
        write()
    except FileError as error:
        errors.append(str(error))
print(json.dumps([errors, history.frame(hubs)["links"].tolist(), history.turnover()["gained"].tolist()]))
""", history.folder)
        errors, links, gained = found
        assert (links, gained) == ([1, 2], [0, 2])
        assert len(errors) == 3 and all(error.startswith(outer) and error.endswith(": Permission denied") for error in errors)
        assert {path: path.read_bytes() for path in files(history)} == before
        for path in (history.folder, history.folder / "snapshots", Path(outer)):
            path.chmod(0o755)


# ---- arguments ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("arguments", "message"), [
    ({"layers": [random_layer(0), random_layer(0, (4, 6))]}, r"layer 1 has shape \(4, 6\), but \(4, 5\) in the first snapshot of .*history"),
    ({"layers": [random_layer(0)]}, "1 layers, but 2 in the first snapshot"),
    ({"layers": {"a": random_layer(0), "b": random_layer(0, (4, 5))}}, r"the layers are named \('a', 'b'\), but None"),
    ({"layers": [random_layer(0), random_layer(0, (4, 5))]}, "got separate layers, but a Network in the first snapshot"),
    ({"layers": random_layer(0)}, r"got a single Layer: write \[layer\]"), ({"layers": []}, "at least one layer"),
    ({"layers": [1, 2]}, "layer 0 must be a Layer, got int"), ({"layers": {1: random_layer(0)}}, "the name of a layer must be text, got 1"),
    ({"step": 1.5}, "step must be a whole number, got 1.5"), ({"step": True}, "step must be a whole number"), ({"step": 2**63}, "whole number"),
    ({"scalars": {"a": "high"}}, "scalar 'a' must be a number, got 'high'"), ({"scalars": {1: 1}}, "name of a scalar must be text, got 1"),
    ({"scalars": {"a": np.arange(3)}}, "scalar 'a' must be a number"), ({"scalars": {"a": 10**400}}, "scalar 'a' is larger than any float"),
    ({"note": 3}, "note must be text, got int"),
    ({"weights": [np.ones(3)]}, r"weights must hold one entry a layer \(2\), got 1"),
    ({"weights": [np.ones(3), None]}, r"the weights of layer 0 must be one number a link \(\d+\), got float64 of shape \(3,\)"),
    ({"weights": {"x": np.ones(3)}}, "weights: no layer 'x'; layers: 0, 1"), ({"weights": [["a"] * random_layer(0).n_links, None]}, "got <U1"),
    ({"removed": [{}]}, "removed must hold one entry a layer"), ({"grown": [[], {}]}, "grown of layer 0 must be a dict from reason to"),
    ({"grown": [{"score": ([3], [0])}, {}]}, "grown of layer 0: row of 'score' holds 3, outside 0 .. 2"),
    ({"grown": [{}, {"score": ([0], [-1])}]}, "grown of layer 1: col of 'score' holds -1, outside 0 .. 4"),
    ({"removed": [{"score": ([0, 1], [0])}, {}]}, "removed of layer 0: 'score' has 2 rows and 1 columns"),
    ({"removed": [{"score": 3}, {}]}, r"removed of layer 0: 'score' must give \(row, col\)"), ({"removed": [{3: 3}, {}]}, "a reason must be text"),
    ({"dead": [[], []]}, r"dead must hold one array a group of neurons \(3\), got 2"), ({"dead": [[], [4], []]}, "dead of group 1 holds 4"),
])
def test_a_wrong_argument_is_named_and_nothing_is_written(tmp_path, arguments, message):
    layers = Network([random_layer(0), random_layer(0, (4, 5))])
    history = History(tmp_path / "history")
    history.record(layers, step=0)
    before = {path: path.read_bytes() for path in files(history)}
    with pytest.raises(ValueError, match=message) as error:
        history.record(**({"layers": layers, "step": 1} | arguments))
    assert "\n" not in str(error.value)
    assert {path: path.read_bytes() for path in files(history)} == before and len(history) == 1
    if "layers" not in arguments:
        with pytest.raises(ValueError, match=message):
            History(tmp_path / "new").record(**({"layers": layers, "step": 1} | arguments))
        assert not (tmp_path / "new").exists()


def test_deaths_of_separate_layers_are_told_by_side(tmp_path):
    history = History(tmp_path)
    history.record([random_layer(0), random_layer(1)], step=0, dead=[[2], [], [0, 1], [3]])
    assert [ids.tolist() for ids in History(tmp_path)[0].dead] == [[2], [], [0, 1], [3]]
    with pytest.raises(ValueError, match=r"one array a side of each layer: its inputs, its outputs \(4\), got 3"):
        history.record([random_layer(0), random_layer(1)], step=1, dead=[[], [], []])


def test_the_killed_of_a_percolation_can_be_recorded_as_they_are(tmp_path):
    network = Network([random_layer(0), random_layer(3, (4, 5), 0.2)])
    result = network.percolate()
    history = History(tmp_path)
    lost = [before - after for before, after in zip(network, result.network)]
    history.record(result.network, step=0, removed=[{"percolation": layer.links} for layer in lost], dead=result.killed)
    snapshot = History(tmp_path)[0]
    assert snapshot.network() == result.network and all(map(np.array_equal, snapshot.dead, result.killed))
    assert [layer_of([], SHAPE).with_links(*snapshot.removed[0]["percolation"])] == lost[:1]


def test_other_choices_that_do_not_exist_are_refused(tmp_path):
    history = recorded(tmp_path, [{0}])
    with pytest.raises(ValueError, match="of must be jaccard or retained, got 'dice'"):
        history.overlap(of="dice")
    with pytest.raises(IndexError, match="no snapshot 4 in a history of 1"):
        history.survival(cohort=4)
    with pytest.raises(IndexError, match="no snapshot -2 in a history of 1"):
        history.ages(at=-2)
    with pytest.raises(ValueError, match="no layer 1; layers: 0"):
        history.turnover(1)
    with pytest.raises(ValueError, match="step must be a whole number"):
        history.rewind("last")


def test_importing_is_free_of_heavy_packages():
    heavy = ("torch", "matplotlib", "igraph", "networkx", "numba", "pandas")
    code = f"import netsnn.history, sys; print([m for m in {heavy} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_weights_may_be_parameters_of_torch(tmp_path):
    torch = pytest.importorskip("torch")
    history, layer = History(tmp_path / "a"), layer_of({0, 1, 2})
    history.record([layer], step=0, weights=[torch.nn.Parameter(torch.tensor([1.0, -2.0, 0.5]))])
    history.record([layer], step=1, weights=[torch.tensor([1.0, -2.0, 0.5], dtype=torch.bfloat16)])
    assert all(snapshot.weights[0].tolist() == [1.0, -2.0, 0.5] and snapshot.weights[0].dtype == np.float32 for snapshot in history)
