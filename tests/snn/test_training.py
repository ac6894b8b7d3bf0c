import io
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import tomllib
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

import netsnn as ns
from netsnn.errors import FileError, TrainingError
from netsnn.evolve import RECIPES
from netsnn.evolve.rules import PQ
from netsnn.snn import LIF, Config, checkpoint, open_run, read_config, train, write_config
from netsnn.snn import training as module
from netsnn.snn.config import COMPUTES, ENCODINGS, OPTIMIZERS, SCHEDULES
from tests.snn import runs
from tests.snn.runs import SMALL, WAYS, everything

torch.set_num_threads(1)
ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A finished run; not to be changed."""
    folder = tmp_path_factory.mktemp("training") / "whole"
    return train(out=folder, **SMALL)


def copy_of(run, folder):
    shutil.copytree(run.folder, folder)
    return folder


def program(what, folder, *arguments):
    """A process of its own: it forks what it kills."""
    done = subprocess.run([sys.executable, "-m", "tests.snn.runs", what, str(folder), *arguments], capture_output=True, text=True, timeout=300, cwd=ROOT)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return json.loads(done.stdout)


def stopped(monkeypatch, out, at=5, how=KeyboardInterrupt, **settings):
    """A run that stops at a step."""
    steps = iter(range(1, 10**9))

    def zero_grad(self, *_, _zero=torch.optim.Optimizer.zero_grad):
        if next(steps) == at:
            raise how
        _zero(self)

    with monkeypatch.context() as patch:
        patch.setattr(torch.optim.Optimizer, "zero_grad", zero_grad)
        with pytest.raises(how):
            train(out=out, **{**SMALL, **settings})
    return out


def damage(text, old, new):
    assert text.count(old) == 1
    return text.replace(old, new)


# ---- what a run says is true ---------------------------------------------------------------------------


def test_a_run_learns():
    with tempfile.TemporaryDirectory() as folder:
        run = train(out=folder, data="digits", samples=1000, test_samples=300, hidden=[100], sparsity=0.9, epochs=4, batch=50, lr=5e-3)
    assert run.accuracy > 0.7 and run.log[-1]["train_accuracy"] > 0.7 and run.log[-1]["loss"] < run.log[0]["loss"]


@pytest.mark.parametrize("name", ["ch_snn on links, rate, snapshots of weights", "set, dense, direct, sgd", "deep_r on links", "grad_r", "sd_snn", "dpap", "stds",
                                  "set on links, validation"])
def test_the_last_row_of_the_log_describes_the_network_that_is_kept(name, tmp_path):
    run = train(out=tmp_path / "run", **{**SMALL, **WAYS[name]})
    kept, row, config = open_run(tmp_path / "run"), run.log[-1], run.config
    if config.validation:
        data = ns.snn.data.load("digits", train=True)
        data = data.split(config.samples / len(data), seed=[config.seed, 7, 1])[1].split(config.validation, seed=[config.seed, 8])[1]
        assert len(data) == 30
    else:
        data = ns.snn.data.load("digits", train=False)
        data = data.split(config.test_samples / len(data), seed=[config.seed, 7, 0])[1]
    right, spikes, places = 0, 0, 0
    model = kept.model.eval()
    fired = []
    model.fc1_lif.register_forward_hook(lambda *found: fired.append(found[2]))
    for first in range(0, len(data), config.batch):
        values, labels = (torch.from_numpy(x) for x in data[first:first + config.batch])
        if config.encoding == "rate":
            values = ns.snn.encodings.rate(values, config.steps, seed=np.random.SeedSequence([config.seed, 6, first]))
        with torch.no_grad():
            right += int((model(values).argmax(1) == labels).sum())
        spikes, places = spikes + float(fired[-1].sum()), places + fired[-1].numel()
    assert row["accuracy"] == kept.accuracy == right / len(data)
    assert row["firing"] == pytest.approx(spikes / places)
    layers = ns.bridge.to_graph(model)
    wired = [layers["fc1"]] if RECIPES[config.method]().last == "dense" else list(layers.values())
    assert row["links"] == sum(layer.n_links for layer in wired) and row["density"] == row["links"] / sum(layer.n_in * layer.n_out for layer in wired)
    assert row["network_density"] == pytest.approx(sum(layer.n_links for layer in layers.values()) / sum(layer.n_in * layer.n_out for layer in layers.values()))
    network = ns.Network(list(layers.values()))
    assert row["active"] == ns.measures.network_summary(network)["active_neurons"]
    last = run.history[-1]
    assert last.layers == list(layers.values()) and last.step == row["step"] == 3 * (len(run.log))
    assert last.scalars == {key: row[key] for key in ("loss", "accuracy", "active", "firing")}


def test_the_log_is_the_file_and_its_means_are_those_of_the_steps(tmp_path, monkeypatch):
    losses, cross_entropy = [], torch.nn.functional.cross_entropy
    with monkeypatch.context() as patch:
        patch.setattr(torch.nn.functional, "cross_entropy", lambda *given: (losses.append(cross_entropy(*given)), losses[-1])[1])
        said = []
        run = train(out=tmp_path / "run", **{**SMALL, "warmup": 1.0}, tell=said.append)
    assert [row["loss"] for row in run.log] == pytest.approx(np.reshape([float(loss.detach()) for loss in losses], (3, 3)).mean(1).tolist())
    assert [row["lr"] for row in run.log] == pytest.approx([2e-3, 2e-3 * (1 + np.cos(np.pi / 3)) / 2, 2e-3 * (1 + np.cos(np.pi * 5 / 6)) / 2])
    head, *rows = [line.split(",") for line in (tmp_path / "run" / "log.csv").read_text().splitlines()]
    assert head == list(run.log[0]) and [[float(x) for x in row] for row in rows] == [[float(x) for x in row.values()] for row in run.log]
    row = run.log[1]
    assert said[1] == f"epoch 2/3  loss {row['loss']:.4f}  accuracy {row['accuracy']:.2%}  sparsity 90.00%  ANP {row['active']:.1%}  firing rate {row['firing']:.3f}"


def test_the_history_holds_the_start_the_events_and_the_epochs(tmp_path):
    run = train(out=tmp_path / "run", **{**SMALL, "method": "rigl", "options": {"every": 2}})
    assert run.history.steps.tolist() == [0, 2, 3, 4, 6, 9]  # none after three quarters of 9 steps
    assert [sorted(snapshot.scalars) for snapshot in run.history] == [[] if step % 3 else ["accuracy", "active", "firing", "loss"] for step in (1, 2, 3, 4, 6, 9)]
    assert run.history.names == ("fc1", "fc2") and all(snapshot.weights is not None for snapshot in run.history)
    assert train(out=tmp_path / "other", **{**SMALL, "snapshots": False}).history[-1].weights is None


# ---- the same again --------------------------------------------------------------------------------------


def test_the_same_settings_give_the_same_run_and_another_seed_another_one(whole, tmp_path):
    again = train(Config(**SMALL), out=tmp_path / "again")
    assert everything(again.folder) == everything(whole.folder)
    other = train(out=tmp_path / "other", **{**SMALL, "seed": 6})
    assert other.history[0].layers != whole.history[0].layers and other.log != whole.log


def test_what_is_computed_on_does_not_hang_on_a_stopwatch(tmp_path, monkeypatch):
    monkeypatch.setattr("time.perf_counter", lambda: 1 / 0)
    for hidden, sparsity, chosen in (([100], 0.95, ["fc1"]), ([100], 0.8, []), ([40], 0.95, [])):
        train(out=tmp_path / f"{hidden}{sparsity}", **{**SMALL, "epochs": 1, "hidden": hidden, "sparsity": sparsity})
        assert torch.load(tmp_path / f"{hidden}{sparsity}" / "checkpoint.pt", weights_only=True)["on_links"] == chosen


@pytest.mark.parametrize("name", ["ch_snn, auto, latency, clipped, warmed up", "deep_r, noise", "grad_r"])
def test_the_settings_written_beside_the_results_repeat_the_run(name, tmp_path):
    run = train(out=tmp_path / "one", **{**SMALL, "epochs": 2, **WAYS[name]})
    config = read_config(tmp_path / "one" / "config.toml")
    assert config == run.config
    again = train(config, out=tmp_path / "two")
    assert everything(again.folder) == everything(run.folder)


# ---- kills -----------------------------------------------------------------------------------------------


def test_killed_at_random_moments_a_run_ends_with_the_same_bits(tmp_path):
    found = program("moments", tmp_path)
    assert found["differences"] == [] and found["kills"] >= 10 and found["epochs"] >= 4


@pytest.mark.slow
def test_killed_at_each_call_that_changes_the_disk_a_run_ends_with_the_same_bits(tmp_path):
    found = program("calls", tmp_path)
    assert found["differences"] == [] and found["kills"] > 40 and found["begun"] == [False, True]


QUICK = ["ch_snn on links, rate, snapshots of weights", "set, dense, direct, sgd", "set on links, validation", "rigl on links, events within epochs", "pq, two layers",
         "deep_r on links", "grad_r", "sd_snn", "dense", "convolutions, pq", "events, set"]


@pytest.mark.parametrize("names", [QUICK, pytest.param([name for name in WAYS if name not in QUICK], marks=pytest.mark.slow)], ids=["quick", "others"])
def test_killed_in_steps_events_records_and_checkpoints_each_method_ends_with_the_same_bits(names, tmp_path):
    found = program("ways", tmp_path, *names)
    assert found == {name: [6 if name == "dense" else 7, []] for name in names}


def test_nothing_of_a_killed_writer_stays(tmp_path, monkeypatch, whole):
    out = stopped(monkeypatch, tmp_path / "run")
    (out / ".netsnn-0123456789abcdef").write_text("half a checkpo")
    train(out=out, resume=True)
    assert everything(out) == everything(whole.folder)


# ---- other ends ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", [1, 3, 4, 8])
def test_interrupted_by_hand_a_run_goes_on_to_the_same_bits(at, tmp_path, monkeypatch, whole):
    out = stopped(monkeypatch, tmp_path / "run", at=at)
    epochs = (at - 1) // 3
    assert len(open_run(out).log) == epochs and (out / "log.csv").exists() == (epochs > 0)
    assert (out / "log.csv").read_bytes().count(b"\n") == epochs + 1 if epochs else True
    run = train(out=out, resume=True)
    assert everything(out) == everything(whole.folder) and len(run.log) == 3


def test_a_finished_run_that_is_resumed_stays_as_it_is(tmp_path, whole):
    out = copy_of(whole, tmp_path / "run")
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    run = train(out=out, resume=True, tell=pytest.fail, **SMALL)
    assert run.log == whole.log and {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


def test_a_lost_or_damaged_log_comes_back(tmp_path, whole):
    out = copy_of(whole, tmp_path / "run")
    for spoil in ((out / "log.csv").unlink, lambda: (out / "log.csv").write_text("epoch,st")):
        spoil()
        train(out=out, resume=True)
        assert everything(out) == everything(whole.folder)


def test_a_loss_that_is_not_a_number_stops_and_keeps_the_last_checkpoint(tmp_path, monkeypatch):
    out, saved, save = tmp_path / "run", [], module._Training.save
    monkeypatch.setattr(module._Training, "save", lambda self: (save(self), saved.append((out / "checkpoint.pt").read_bytes())))
    entropy, calls = torch.nn.functional.cross_entropy, iter(range(100))
    monkeypatch.setattr(torch.nn.functional, "cross_entropy", lambda *given: entropy(*given) * (torch.nan if next(calls) == 7 else 1))
    with pytest.raises(TrainingError) as error:
        train(out=out, **SMALL)
    assert str(error.value) == (f"{out}: the loss is nan at epoch 3, step 2; the checkpoint of epoch 2 is kept. A new run with a smaller lr (now 0.002) or with clip "
                                "may do better")
    assert len(saved) == 3 and (out / "checkpoint.pt").read_bytes() == saved[-1] and len(open_run(out).log) == 2
    assert (out / "log.csv").read_text().count("\n") == 3


@pytest.mark.parametrize("more", [{"method": "set"}, {"method": "dense", "sparsity": None}, {"method": "rigl", "options": {"every": 2}}, {"method": "sd_snn", "sparsity": None}])
def test_a_learning_rate_that_is_far_too_large_ends_in_one_line(more, tmp_path):
    with pytest.raises(TrainingError, match=r"run: .* at epoch 1, step \d; no epoch was finished. A new run with a smaller lr \(now 1e\+38\)"):
        train(out=tmp_path / "run", **{**SMALL, "optimizer": "sgd", "lr": 1e38, "schedule": "constant", "hidden": [30, 30], "model": "3fc", **more})
    assert all(torch.isfinite(p).all() for p in open_run(tmp_path / "run").model.parameters())


def test_weights_that_are_lost_without_a_trace_in_the_loss_are_seen(tmp_path, monkeypatch):
    """Neurons that get NaN are silent: the loss stays finite."""
    spoiled, measured = [], module._Training._set_lr

    def spoil(self, step):
        if step == 5:
            spoiled.append(next(p for name, p in self.model.named_parameters() if name == "conv1.conv.weight").data.fill_(torch.nan))
        return measured(self, step)

    monkeypatch.setattr(module._Training, "_set_lr", spoil)
    monkeypatch.setitem(ns.snn.MODELS, "2conv2fc", lambda **named: ns.snn.conv(**{**named, "channels": (2, "P", 2, "P"), "hidden": 10, "norm": False}))
    with pytest.raises(TrainingError, match="conv1.conv.weight is not finite at epoch 2, step 3; the checkpoint of epoch 1 is kept"):
        train(out=tmp_path / "run", **{**SMALL, "model": "2conv2fc", "hidden": []})
    assert all(torch.isfinite(p).all() for p in open_run(tmp_path / "run").model.parameters())


@pytest.mark.parametrize("what", ["checkpoint.pt", "history", "log.csv", "config.toml"])
def test_where_a_file_no_longer_fits_nothing_finished_is_lost(what, tmp_path, monkeypatch, whole):
    """A limit on the size of files, as a full disk: a file is written in part, then writing fails."""
    out, write = tmp_path / "run", {"history": "netsnn.history.history.write_bytes", "config.toml": "netsnn.snn.config.write_bytes"}.get(what, "netsnn.snn.training.write_bytes")
    from netsnn.io.atomic import write_bytes
    calls = iter(range(100))

    def full(data, path):
        if what in str(path) and next(calls) == (0 if what == "config.toml" else 1):
            resource.setrlimit(resource.RLIMIT_FSIZE, (len(data) // 2, resource.RLIM_INFINITY))
        try:
            write_bytes(data, path)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    with monkeypatch.context() as patch:
        patch.setattr(write, full)
        with pytest.raises(FileError, match=rf"run/{what}.*: File too large$"):
            train(out=out, **SMALL)
    if what == "config.toml":
        assert not any(out.iterdir())
    train(out=out, resume=True, **SMALL)
    assert everything(out) == everything(whole.folder)


def test_on_a_full_disk_nothing_finished_is_lost(tmp_path, whole):
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.getuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1500k", "tmpfs", str(disk)], capture_output=True).returncode:
        pytest.skip("no disk may be mounted here")
    try:
        with pytest.raises(FileError, match=rf"^{disk}/run/.*: No space left on device$"):
            train(out=disk / "run", **SMALL, tell=lambda _: (disk / "ballast").write_bytes(b"x" * (os.statvfs(disk).f_bavail * os.statvfs(disk).f_bsize - 8192)))
        assert len(open_run(disk / "run").log) == 1
        (disk / "ballast").unlink()
        subprocess.run(["mount", "-o", "remount,size=8m", str(disk)], check=True)
        train(out=disk / "run", resume=True)
        assert everything(disk / "run") == everything(whole.folder)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_who_may_not_write_hears_so_and_may_look():
    with tempfile.TemporaryDirectory() as folder:  # not below tmp_path, which is closed to others
        found = program("powerless", folder)
        assert found["errors"] == [f"{folder}/other: Permission denied", f"{folder}/run/log.csv: Permission denied"]
        assert 0 <= found["accuracy"] <= 1


# ---- what cannot go on -------------------------------------------------------------------------------------


def test_a_folder_that_holds_something_is_not_overwritten(tmp_path, whole):
    for name, message in (("config.toml", "already holds a run: resume it, or choose another folder"), ("checkpoint.pt", "already holds checkpoint.pt: choose another folder"),
                          ("history", "already holds history: choose another folder")):
        out = tmp_path / name.replace(".", "")
        out.mkdir()
        (out / name).mkdir() if name == "history" else (out / name).write_text("mine")
        with pytest.raises(TrainingError, match=message):
            train(out=out, **SMALL)
        assert [path.name for path in out.iterdir()] == [name]
    (tmp_path / "file").write_text("mine")
    for out in (tmp_path / "file", tmp_path / "file" / "below"):
        for resume in (False, True):
            with pytest.raises(FileError, match=f"^{out}: Not a directory$"):
                train(out=out, resume=resume, **SMALL)
    assert (tmp_path / "file").read_text() == "mine"


def test_to_resume_nothing_is_an_error_and_with_settings_a_beginning(tmp_path, whole):
    with pytest.raises(FileError, match="config.toml: No such file or directory"):
        train(out=tmp_path / "run", resume=True)
    assert not (tmp_path / "run").exists()
    train(out=tmp_path / "run", resume=True, **SMALL)
    assert everything(tmp_path / "run") == everything(whole.folder)


def test_a_run_goes_on_as_it_began(tmp_path, monkeypatch, whole):
    out = stopped(monkeypatch, tmp_path / "run")
    for change, message in (({"epochs": 9}, "epochs = 3, not 9"), ({"hidden": [31]}, r"hidden = \(30,\), not \(31,\)"), ({"options": {"zeta": 0.1}}, "options = {}, not {'zeta': 0.1}")):
        with pytest.raises(TrainingError, match=f"{out}: the run began with {message}; a run goes on as it began"):
            train(out=out, resume=True, **change)
    text = (out / "config.toml").read_text()
    (out / "config.toml").write_text(damage(text, "epochs = 3", "epochs = 4"))
    for function in (lambda: train(out=out, resume=True), lambda: open_run(out)):
        with pytest.raises(TrainingError, match="config.toml: the run began with epochs = 3, not 4"):
            function()
    (out / "config.toml").write_text(text)
    train(Config(**SMALL), out=out, resume=True, seed=5)
    assert everything(out) == everything(whole.folder)


@pytest.mark.parametrize(("spoil", "message"), [
    (lambda data: data[:len(data) // 2], "not a checkpoint of netsnn, or damaged"), (lambda data: b"", "not a checkpoint"), (lambda data: b"\0" * 500, "not a checkpoint"),
    (lambda data: data[:9000] + bytes([data[9000] ^ 1]) + data[9001:], "not a checkpoint"),
])
def test_a_damaged_checkpoint_is_named(spoil, message, tmp_path, whole):
    out = copy_of(whole, tmp_path / "run")
    (out / "checkpoint.pt").write_bytes(spoil((out / "checkpoint.pt").read_bytes()))
    for function in (lambda: train(out=out, resume=True), lambda: open_run(out)):
        with pytest.raises(FileError, match=f"^{out}/checkpoint.pt: {message}") as error:
            function()
        assert "\n" not in str(error.value)


def test_a_checkpoint_of_another_network_does_not_fit(tmp_path, whole):
    out, content = copy_of(whole, tmp_path / "run"), torch.load(whole.folder / "checkpoint.pt", weights_only=True)
    for change in ({"sparse": ["fc7"]}, {"model": {}}, {"model": {**content["model"], "fc1.weight": torch.ones(2, 2)}}, {"optimizer": {}}, {"evolver": {"steps": 9}}):
        torch.save({**content, **change}, out / "checkpoint.pt")
        with pytest.raises(FileError, match="checkpoint.pt: (does not fit the model of config.toml|not a checkpoint)"):
            train(out=out, resume=True)
    torch.save([1, 2], out / "checkpoint.pt")
    with pytest.raises(FileError, match="checkpoint.pt: not a checkpoint of netsnn"):
        train(out=out, resume=True)


@pytest.mark.parametrize("method", [{"method": "rigl", "options": {"growth": "momentum"}, "optimizer": "adam"}, {"method": "deep_r", "optimizer": "sgd"}, {"method": "sd_snn", "sparsity": None},
                                    {"method": "dpap", "sparsity": None}], ids=lambda more: more["method"])
def test_a_checkpoint_that_would_fail_in_the_middle_of_training_is_refused_at_once(method, tmp_path, monkeypatch):
    def off_mask(content):
        content["model"]["fc1.weight_mask"][0, 0], content["model"]["fc1.weight"][0, 0] = False, 1

    out = stopped(monkeypatch, tmp_path / "run", **method)
    kept = (out / "checkpoint.pt").read_bytes()
    changes = [lambda c: c.update(epoch=-1), lambda c: c.update(epoch=99), lambda c: c.update(epoch=1.0), lambda c: c.update(log={}), lambda c: c.update(log=[]), lambda c: c["log"].append(dict(c["log"][0])), lambda c: c["log"].append(3), lambda c: c["log"][0].pop("loss"), lambda c: c["log"][0].update(accuracy="high"),
               lambda c: c.update(config=0.5), lambda c: c.pop("threads"), lambda c: c["evolver"].update(steps="1"), lambda c: c["evolver"].update(seed=-1), lambda c: c["evolver"].update(alive=[]),
               lambda c: c["evolver"]["alive"][0].__setitem__(0, torch.ones(3, dtype=torch.bool)), lambda c: c["evolver"].update(settled=[1]), lambda c: c["evolver"].update(means={0: torch.ones(2)}), lambda c: c["evolver"].update(means={7: torch.ones(2)}),
               lambda c: c["evolver"].update(rule=[]) if c["evolver"]["rule"] is not None else c.pop("on_links"), lambda c: c["optimizer"].update(state={0: {"exp_avg": 1}}), lambda c: c["optimizer"].update(state={99: {}}), lambda c: c["optimizer"].update(state=torch.ones(2)), lambda c: c["optimizer"]["state"].update({0: torch.ones(2)}),
               lambda c: [part.update(step=10**400) for part in c["optimizer"]["state"].values()], lambda c: c.update(sparse=[]),
               lambda c: c["model"].update({"fc1.weight_mask": torch.ones(1)}), off_mask]
    for name, part in (torch.load(out / "checkpoint.pt", weights_only=True)["evolver"]["rule"] or {}).items():
        if isinstance(part, dict):
            changes += [lambda c, name=name: c["evolver"]["rule"].update({name: {}}), lambda c, name=name: c["evolver"]["rule"][name].update({next(iter(c["evolver"]["rule"][name])): {"upper": 1}})]
    for change in changes:
        content = torch.load(io.BytesIO(kept), weights_only=True)
        change(content)
        torch.save(content, out / "checkpoint.pt")
        with pytest.raises(FileError, match=f"^{out}/(checkpoint.pt|history): ") as error:
            train(out=out, resume=True)
        assert "\n" not in str(error.value)
    (out / "checkpoint.pt").write_bytes(kept)
    content = torch.load(out / "checkpoint.pt", weights_only=True)
    content["optimizer"]["param_groups"] = [{"lr": "high"}]  # all of it follows from the settings
    torch.save(content, out / "checkpoint.pt")
    assert len(train(out=out, resume=True).log) == SMALL["epochs"]


def test_what_torch_saves_comes_back_from_our_own_reader():
    shared = torch.arange(12.0)
    content = {"numbers": [1, -2, 300, 70_000, -2**40, 2**100, 0.1, float("inf"), True, False, None], "text": ["a", "é", "", "\ud800", "a"], "tuple": (1, (), ("x", 2, 3)), 5: {"model": torch.nn.BatchNorm1d(3).state_dict()},
               "tensors": [torch.rand(3, 4).T, shared[::2], shared[3:], torch.zeros(0, 3), torch.tensor(2.5), *(torch.ones(2, dtype=dtype) for dtype in (torch.bool, torch.int64, torch.uint8, torch.float64, torch.bfloat16))]}
    file = io.BytesIO()
    torch.save(content, file)
    found, expected = checkpoint.load(file.getvalue()), torch.load(io.BytesIO(file.getvalue()), weights_only=True)
    assert found.pop("tuple") == expected.pop("tuple") and found["numbers"] == expected["numbers"] and found["text"] == expected["text"]
    for one, other in zip([*found["tensors"], *found[5]["model"].values()], [*expected["tensors"], *expected[5]["model"].values()]):
        assert one.dtype == other.dtype and one.shape == other.shape and one.stride() == other.stride() and torch.equal(one, other)
    assert found[5]["model"]._metadata == expected[5]["model"]._metadata and found["tensors"][1].data_ptr() != found["tensors"][2].data_ptr()
    found["tensors"][1][2] = 7
    assert found["tensors"][2][1] == 7  # they share their numbers


def saved(content, **members):
    """A checkpoint, some members of its archive replaced, checksums and all."""
    file, out = io.BytesIO(), io.BytesIO()
    torch.save(content, file)
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(out, "w") as new:
        for info in old.infolist():
            name = info.filename.partition("/")[2]
            new.writestr(info.filename, members.get(name, lambda data: data)(old.read(info)))
    return out.getvalue()


@pytest.mark.parametrize(("change", "message"), [
    (lambda data: data.replace(b"K\x06tq", b"J\xff\xff\xff\x7ftq", 1), "24 bytes for 2147483647 numbers"), (lambda data: data.replace(b"K\x06\x85", b"K\x07\x85", 1), "a tensor larger than its numbers"),
    (lambda data: data.replace(b"K\x06\x85", b"J\xff\xff\xff\x7f\x85", 1).replace(b"K\x01\x85", b"K\x00\x85", 1), "a tensor larger than its numbers"), (lambda data: data.replace(b"_rebuild_tensor_v2", b"_rebuild_parameter"), "a name that checkpoints do not need"),
    (lambda data: data.replace(b"FloatStorage", b"DoubleStorage"), "24 bytes for 6 numbers"), (lambda data: b"\x80\x02ctorch\nFloatStorage\nJ\xff\xff\xff\x7f\x85R.", "a call that checkpoints do not need"),
    (lambda data: b"\x80\x02cos\nsystem\nX\x04\0\0\0true\x85R.", "a name that checkpoints do not need"), (lambda data: b"\x80\x02}q\0X\1\0\0\0a]q\1(h\1h\1es.", "a value that is used twice"),
    (lambda data: data[:-9], "it ends|missing|other than one dict"), (lambda data: b"\x80\x02X\xff\xff\xff\x7fa.", "it ends at byte"),
])
def test_a_checkpoint_gets_no_more_memory_than_it_brings(change, message):
    tracemalloc.start()
    with pytest.raises(ValueError, match=message):
        checkpoint.load(saved({"a": torch.arange(6.0)}, **{"data.pkl": change}))
    assert tracemalloc.get_traced_memory()[1] < 3e6
    tracemalloc.stop()
    with pytest.raises(ValueError, match="5 bytes for 5 numbers"):
        checkpoint.load(saved({"a": torch.ones(5, dtype=torch.bool)}, **{"data/0": lambda data: b"\1\0\7\1\1"}))


def test_a_history_of_another_network_is_not_continued(tmp_path, monkeypatch):
    out = stopped(monkeypatch, tmp_path / "run")
    index = out / "history" / "index.jsonl"
    index.write_text(index.read_text().replace('"fc1"', '"fc7"', 1))
    with pytest.raises(FileError, match=f"^{out}/history: the layers are named"):
        train(out=out, resume=True)


def test_nothing_in_a_checkpoint_is_executed(tmp_path, whole):
    import pickle

    class Evil:
        def __reduce__(self):
            return os.mkdir, (str(tmp_path / "executed"),)

    out = copy_of(whole, tmp_path / "run")
    (out / "checkpoint.pt").write_bytes(pickle.dumps(Evil()))
    with pytest.raises(FileError, match="not a checkpoint"):
        open_run(out)
    assert not (tmp_path / "executed").exists()


def test_a_history_that_lacks_the_checkpoints_step_is_not_continued(tmp_path, monkeypatch):
    out = stopped(monkeypatch, tmp_path / "run", at=8)
    kept = (out / "history" / "index.jsonl").read_text()
    (out / "history" / "index.jsonl").write_text("".join(kept.splitlines(keepends=True)[:-1]))
    with pytest.raises(FileError, match="history: the snapshot of step 6, where the checkpoint stands, is not in this history"):
        train(out=out, resume=True)
    shutil.rmtree(out / "history")
    with pytest.raises(FileError, match="the snapshot of step 6"):
        train(out=out, resume=True)
    assert not (out / "history").exists()


def test_one_process_at_a_time_trains_and_others_may_look(tmp_path):
    out, seen = tmp_path / "run", []

    def meanwhile(_):
        with pytest.raises(TrainingError, match=f"^{out}: another process is training here$"):
            train(out=out, resume=True)
        found = open_run(out)
        seen.append((len(found.log), len(found.history)))

    train(out=out, **SMALL, tell=meanwhile)
    assert seen == [(1, 2), (2, 3), (3, 4)]


def test_to_look_at_a_run_changes_nothing(tmp_path, monkeypatch):
    out = stopped(monkeypatch, tmp_path / "run", method="rigl", options={"every": 1}, at=6)
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in out.rglob("*") if path.is_file()}
    assert open_run(out).history.steps.tolist() == [0, 1, 2, 3, 4, 5]  # two more than the checkpoint knows
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in out.rglob("*") if path.is_file()} == before


def test_another_number_of_threads_is_told(tmp_path, monkeypatch):
    out, said = stopped(monkeypatch, tmp_path / "run"), []
    content = torch.load(out / "checkpoint.pt", weights_only=True)
    torch.save({**content, "threads": 77}, out / "checkpoint.pt")
    train(out=out, resume=True, tell=said.append)
    assert said[0] == f"goes on with {torch.get_num_threads()} threads, began with 77: the last bits may differ" and len(said) == 3


# ---- settings --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("settings", [
    {}, {"method": "chts", "options": {"exponent": [1, 3], "growth": None}}, {"method": "pq", "options": {"pq": PQ(0.3), "scope": "neuron"}},
    {"lr": np.float64(0.1), "seed": np.int64(3), "hidden": np.arange(1, 3).tolist(), "sparsity": np.float32(0.5)}, {"neuron": {"reset": None, "tau": np.float64(3)}},
    {"folder": Path("some where/\\ \"quoted\"\x7f ü")}, {"hidden": 50}, {"method": "deep-r", "options": {"l1": 1e-5}}, {"options": {"chain": False, "stop": "none"}},
])
def test_settings_come_back_from_their_file(settings, tmp_path):
    config = Config(**settings)
    write_config(config, tmp_path / "config.toml", "a comment\nof two lines")
    assert read_config(tmp_path / "config.toml") == config and read_config(tmp_path / "config.toml").recipe() == config.recipe()
    tomllib.loads((tmp_path / "config.toml").read_text())


def test_none_pq_and_relative_folders_mean_what_they_say(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert Config(folder="data").folder == str(tmp_path / "data") and Config().folder == ""
    assert Config(options={"growth": "none"}).recipe().growth is None and Config(neuron={"reset": "none"}).neuron == {"reset": None}
    assert Config(method="pq", options={"pq": {"p": 0.25}}).recipe().pq == PQ(p=0.25)
    assert Config(options={"exponent": [1, 3]}).recipe().exponent == (1, 3)
    (tmp_path / "short.toml").write_text('epochs = 3\n[neuron]\ntau = 4.0\n')
    assert read_config("short.toml") == Config(epochs=3, neuron={"tau": 4.0})


def test_the_learning_rate_rises_in_warmup_and_falls_as_a_cosine(tmp_path):
    run = train(out=tmp_path / "run", data="digits", samples=60, test_samples=10, hidden=[10], sparsity=0.5, batch=20, epochs=5, warmup=1.5, lr=1.0)
    assert [row["lr"] for row in run.log] == pytest.approx([3 / 4.5, *((1 + np.cos(np.pi * (step - 4.5) / 10.5)) / 2 for step in (5, 8, 11, 14))])


@pytest.mark.parametrize(("settings", "message"), [
    ({"epochs": "ten"}, "epochs must be a whole number of at least 1, got 'ten'"), ({"sparsity": "x"}, "sparsity must be a number, got 'x'"),
    ({"sparsity": 1.5}, r"sparsity must lie in \[0, 1\), got 1.5"), ({"sparsity": float("nan")}, "sparsity must be a number, got nan"),
    ({"sparsity": True}, "sparsity must be a number, got True"), ({"lr": -1}, "lr must be at least 0, got -1"), ({"lr": float("inf")}, "lr must be a number, got inf"),
    ({"validation": 0.95}, r"validation must lie in \[0, 0.9\], got 0.95"), ({"momentum": "0.9"}, "momentum must be a number, got '0.9'"),
    ({"hidden": "500"}, r"hidden must be a list of whole numbers such as \[500, 300\], got '500'"), ({"hidden": [0]}, "hidden must be a whole number of at least 1, got 0"),
    ({"model": "6conv2fc", "hidden": [5]}, 'hidden is for the models "mlp", "2fc" and "3fc"'), ({"data": "fashion_mnist"}, "did you mean 'fashion-mnist'"),
    ({"method": "chsnn"}, "no method 'chsnn', did you mean 'ch_snn'"), ({"method": ["set"]}, "no method"), ({"epoch": 3}, "no setting 'epoch', did you mean 'epochs'"),
    ({"neuron": 3}, "neuron must be a table"), ({"neuron": {"tua": 2}}, "no option neuron.tua; options: tau, threshold"),
    ({"neuron": {"tau": "x"}}, "neuron.tau must be a number, got 'x'"), ({"neuron": {"decay_input": "False"}}, "neuron.decay_input must be true or false, got 'False'"), ({"neuron": {"tau": 0.5}}, "tau must be at least 1"), ({"neuron": {"steps": 3}}, "no option neuron.steps"),
    ({"options": {"zeta": "x"}}, "zeta must be a number, got 'x'"), ({"options": {"exponent": 3}}, "exponent must be two numbers"),
    ({"options": {"rate": {"a": 1}}}, "rate must be one of"), ({"options": {"exponent": [1, float("nan")]}}, "exponent must be a number"),
    ({"method": "sd_snn", "options": {"faithful": "False"}}, "faithful must be true or false, got 'False'"), ({"options": {"pq": {"p": "a"}}}, "p must be a number, got 'a'"),
    ({"options": {"chain": "yes"}}, "chain must be true or false, got 'yes'"), ({"options": {"nonsense": 1}}, "a recipe has no part 'nonsense'; parts: name, sparsity"),
    ({"options": {"rule": object()}}, "options.rule cannot be kept in a settings file"), ({"options": {"pq": {"r": 1}}}, "options of ch_snn: "),
    ({"snapshots": "no"}, "snapshots must be true or false, got 'no'"), ({"seed": -1}, "seed must be"), ({"seed": 2**63}, "seed must be less than"),
    ({"folder": 3}, "folder must be a path, got 3"), ({"method": "grad_r", "sparsity": 0.9}, "grad_r takes no sparsity: it is an outcome of its options"),
    ({"method": "dense", "sparsity": 0.9}, "dense takes no sparsity$"),
])
def test_settings_that_cannot_be_are_refused_in_one_line(settings, message, tmp_path):
    with pytest.raises(ValueError, match=message) as error:
        train(out=tmp_path / "run", **settings)
    assert "\n" not in str(error.value) and not (tmp_path / "run").exists()


@pytest.mark.parametrize(("settings", "message"), [
    ({"samples": 5000}, "samples must be at most 4000, all that digits has, got 5000"), ({"test_samples": 1001}, "test_samples must be at most 1000"),
    ({"validation": 0.001}, "a validation of 0.001 leaves 120 samples to train on and 0 to measure on"),
    ({"encoding": "direct"}, 'fc1 does not see spikes .* take first_wiring="csti" among the options of the recipe'),
])
def test_settings_that_do_not_fit_the_data_leave_no_folder(settings, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        train(out=tmp_path / "run", **{**SMALL, **settings})
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("text", "message"), [
    ("epochs = ", "no TOML: "), ("epochs = \n= 3", "no TOML: "), ("epochs = 'ten'", "epochs must be a whole number"), ("epoch = 3", "no setting 'epoch', did you mean 'epochs'?"),
    ("[options]\nzeta = 3", r"zeta must lie in \[0, 1\]"), ("[epochs]\nx = 1", "epochs must be a whole number"), ("\0", "no TOML: "),
    ("a = " + "[" * 5000, "no TOML: "), ("seed = " + "9" * 5000, "no TOML: .*digits"),
])
def test_a_damaged_settings_file_is_named(text, message, tmp_path):
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(FileError, match=f"^{path}: {message}") as error:
        read_config(path)
    assert "\n" not in str(error.value)
    path.write_bytes(b"epochs = '\xff'")
    with pytest.raises(FileError, match=f"^{path}: no TOML: .*invalid start byte"):
        read_config(path)


def test_the_choices_are_all_checked():
    for name, choices in (("encoding", ENCODINGS), ("optimizer", OPTIMIZERS), ("schedule", SCHEDULES), ("compute", COMPUTES), ("method", RECIPES)):
        for choice in choices:
            assert getattr(Config(**{name: choice}), name) == choice
        with pytest.raises(ValueError, match=f"no {name} 'nonsense'.*; choices: {', '.join(choices)}$"):
            Config(**{name: "nonsense"})


def test_firing_is_the_mean_over_neurons_not_over_layers(tmp_path):
    run = train(out=tmp_path / "run", **{**SMALL, "model": "3fc", "hidden": [40, 10], "method": "set", "epochs": 1})
    neurons = [part for part in run.model.modules() if isinstance(part, LIF)]
    counts = np.array([part._count[1] for part in neurons], dtype=float)
    assert counts[0] == 4 * counts[1] and neurons[0].firing != neurons[1].firing
    data = ns.snn.data.load("digits", train=False)
    data = data.split(60 / len(data), seed=[5, 7, 0])[1]
    spikes = 0
    for first in (0, 40):
        with torch.no_grad():
            run.model.eval()(ns.snn.encodings.rate(torch.from_numpy(data[first:first + 40][0]), 3, seed=np.random.SeedSequence([5, 6, first])))
        spikes += sum(int(part._count[0]) for part in neurons)
    assert run.log[-1]["firing"] == spikes / (60 * 3 * 50)


def test_ways_name_what_they_are():
    assert set(QUICK) <= set(WAYS) and {WAYS[name].get("method", "ch_snn") for name in QUICK} >= {"ch_snn", "set", "rigl", "pq", "deep_r", "grad_r", "sd_snn", "dense"}
    assert runs.SMALL["epochs"] == 3


def test_a_model_larger_than_the_memory_is_refused_before_it_is_made(tmp_path):
    with pytest.raises(TrainingError, match=f"^{tmp_path}/run: fc1 takes 1 dense array of 784 x 2147483647 numbers, .* GB, and this machine has "):
        train(out=tmp_path / "run", **{**SMALL, "hidden": [2**31 - 1]})
    assert not (tmp_path / "run").exists()
