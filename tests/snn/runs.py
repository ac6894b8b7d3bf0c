"""Runs of training that are killed, and everything that a run's folder says. As a program (`python -m tests.snn.runs WHAT FOLDER`) it forks what it kills."""

import contextlib
import dataclasses
import itertools
import json
import os
import signal
import sys
import time
import warnings
from functools import partial
from pathlib import Path

import numpy as np
import torch

from netsnn.history import History
from netsnn.snn import MODELS, conv, train
from netsnn.snn.data import nmnist
from tests.snn.test_data import write_nmnist

SMALL = {"data": "digits", "samples": 120, "test_samples": 60, "hidden": [30], "sparsity": 0.9, "steps": 3, "batch": 40, "epochs": 3, "calibration": 50, "seed": 5}
"""Three epochs of three steps."""

WAYS = {
    "ch_snn on links, rate, snapshots of weights": {"compute": "links"},
    "ch_snn, auto, latency, clipped, warmed up": {"encoding": "latency", "hidden": [80], "sparsity": 0.95, "clip": 0.5, "warmup": 1.5},
    "set, dense, direct, sgd": {"method": "set", "compute": "dense", "encoding": "direct", "optimizer": "sgd", "lr": 0.1},
    "set on links, validation": {"method": "set", "compute": "links", "validation": 0.25, "batch": 30, "snapshots": False},
    "rigl on links, events within epochs": {"method": "rigl", "compute": "links", "options": {"every": 2}},
    "pq, two layers": {"method": "pq", "model": "3fc", "hidden": [30, 20], "compute": "links"},
    "cht, adam": {"method": "cht", "optimizer": "adam"},
    "deep_r on links": {"method": "deep_r", "compute": "links"},
    "deep_r, noise": {"method": "deep_r", "options": {"temperature": 1e-3, "scope": "model"}},
    "grad_r": {"method": "grad_r", "sparsity": None, "options": {"alpha": 0.1, "steer": 0.5}},
    "sd_snn": {"method": "sd_snn", "sparsity": None, "options": {"patience": 1}},
    "dpap": {"method": "dpap", "sparsity": None},
    "stds": {"method": "stds", "sparsity": None},
    "dense": {"method": "dense", "sparsity": None},
    "convolutions, pq": {"model": "2conv2fc", "hidden": [], "method": "pq", "encoding": "direct"},
    "convolutions, ch_snn": {"model": "2conv2fc", "hidden": []},
    "spikformer, set": {"model": "spikformer-small", "hidden": [], "method": "set", "steps": 2, "samples": 30, "test_samples": 20, "batch": 10},
    "events, set": {"data": "n-mnist", "samples": 0, "test_samples": 0, "batch": 6, "method": "set", "hidden": [20]},
}


def small_models() -> None:
    MODELS["2conv2fc"] = partial(conv, shape=(2, 34, 34), channels=(4, "P", 4, "P"), hidden=20, classes=10)


def small_events(folder) -> str:
    """The folder of a data set as N-MNIST's, and from now on the published one has as many recordings."""
    for part in nmnist.COUNTS:
        write_nmnist(Path(folder), part=part.title())
        nmnist.COUNTS[part] = (2,) * 10
    return str(folder)


def everything(folder, settings: bool = True) -> dict:
    """All that a finished run says, by name, as bytes and plain values: two runs are the same if these are equal."""
    folder, found = Path(folder), {}
    checkpoint = torch.load(folder / "checkpoint.pt", weights_only=True)
    checkpoint.pop("threads")
    for name, value in _flat(checkpoint):
        found[f"checkpoint {name}"] = value
    found["log.csv"] = (folder / "log.csv").read_bytes()
    found["config.toml"] = (folder / "config.toml").read_bytes()
    found["files"] = sorted(path.name for path in folder.iterdir())
    for snapshot in History(folder / "history"):
        parts = {"scalars": snapshot.scalars, "layers": [layer.links for layer in snapshot.layers], "weights": snapshot.weights, "removed": snapshot.removed,
                 "grown": snapshot.grown, "dead": snapshot.dead, "note": snapshot.note}
        for name, value in _flat(parts):
            found[f"snapshot of step {snapshot.step} {name}"] = value
    return found


def _flat(value, name=""):
    if dataclasses.is_dataclass(value):
        value = dataclasses.asdict(value)
    if isinstance(value, dict):
        yield name + " keys", list(value)
    if isinstance(value, (dict, list, tuple)):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _flat(part, f"{name}.{key}")
    elif torch.is_tensor(value) or isinstance(value, np.ndarray):
        array = np.asarray(value)
        yield name, (array.dtype.str, array.shape, array.tobytes())
    else:
        yield name, repr(value)


# ---- the program: it has one thread, so that what it forks can train ----------------------------------


def child(function) -> int:
    """The exit code of a process that does this."""
    pid = os.fork()
    if not pid:
        try:
            function()
        except BaseException as error:
            os.write(2, f"{error!r}\n".encode())
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def killed_at(place: str, n: int, **settings) -> int:
    """The exit code of a run that kills itself at the n-th call of something."""
    left = itertools.count(n - 1, -1)

    def dying(function, when=lambda *_: True):
        def wrapped(*arguments, **named):
            if when(*arguments) and next(left) == 0:
                die()
            return function(*arguments, **named)
        return wrapped

    def work():
        import netsnn.bridge.evolver as evolver

        if place == "step":
            torch.optim.Optimizer.zero_grad = dying(torch.optim.Optimizer.zero_grad)
        elif place == "event":  # a layer has its new wiring, the next one not yet, or the history does not know
            put, difference = evolver.put, evolver._difference
            evolver.put = lambda *arguments: (put(*arguments), next(left) == 0 and die())
            evolver._difference = lambda *arguments: (next(left) == 0 and die(), difference(*arguments))[1]
        elif place == "record":
            History.record = dying(History.record)
        else:  # a file is there under another name, and is about to be called this
            os.replace = dying(os.replace, lambda _, target: str(target).endswith(place))
        train(**settings)

    return child(work)


def ways(folder: Path, chosen: list[str]) -> dict:
    """Each way is trained to its end; and killed in a step, in an event, at a record of the history, at a checkpoint, then resumed to its end. What differs?"""
    small_models()
    events = small_events(folder / "events")
    found = {}
    for name in chosen:
        settings = {**SMALL, **WAYS[name], **({"folder": events} if "data" in WAYS[name] else {})}
        whole, broken = folder / name / "whole", folder / name / "broken"
        train(out=whole, **settings)
        codes = [killed_at(place, n, out=broken, resume=True, **settings)
                 for place, n in (("config.toml", 1), ("checkpoint.pt", 1), ("step", 5), ("event", 1), ("record", 2), ("checkpoint.pt", 1), ("log.csv", 2))
                 if place != "event" or name != "dense"]
        train(out=broken, resume=True)
        one, other = everything(whole), everything(broken)
        found[name] = [sum(code == -signal.SIGKILL for code in codes), sorted(key for key in {*one, *other} if one.get(key) != other.get(key))]
        assert all(code in (0, -signal.SIGKILL) for code in codes), (name, codes)
    return found


def moments(folder: Path) -> dict:
    """A run that is killed at random, and goes on, until it is finished."""
    settings = {**SMALL, "samples": 200, "hidden": [60], "epochs": 6, "compute": "links", "options": {"until": 1.0}}
    train(out=folder / "warm", **settings)
    begin = time.perf_counter()
    train(out=folder / "whole", **settings)
    lasts = time.perf_counter() - begin
    one, rng, kills, differences = everything(folder / "whole"), np.random.default_rng(0), 0, []
    begin, turn, stood = time.perf_counter(), 0, set()
    while kills < 16 and time.perf_counter() - begin < 25:
        turn, out, done = turn + 1, folder / f"broken{turn}", False
        while not done:
            pid = os.fork()
            if not pid:
                code = 1
                try:
                    train(out=out, resume=True, **settings)
                    code = 0
                finally:
                    os._exit(code)
            time.sleep(0.05 + rng.exponential(0.3 * lasts))
            os.kill(pid, signal.SIGKILL)
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            assert code in (0, -signal.SIGKILL), code
            done, kills = code == 0, kills + (code != 0)
            if (out / "checkpoint.pt").exists():
                stood.add(torch.load(out / "checkpoint.pt", weights_only=True)["epoch"])
        other = everything(out)
        differences += sorted(key for key in {*one, *other} if one.get(key) != other.get(key))
    return {"kills": kills, "epochs": len(stood), "differences": differences}


def calls(folder: Path) -> dict:
    """Killed at each call that changes something on the disk, one after the other."""
    names = {"fsync", "replace", "truncate", "mkdir", "unlink", "write"}
    settings = {**SMALL, "epochs": 2, "method": "set", "compute": "dense"}
    train(out=folder / "whole", **settings)
    one, differences, begun = everything(folder / "whole"), [], set()
    for n in itertools.count(1):
        left, out = itertools.count(n - 1, -1), folder / str(n)

        def at_call(frame, event, called):
            if event == "c_call" and called.__name__ in names and "/netsnn/" in frame.f_code.co_filename + frame.f_back.f_code.co_filename and next(left) == 0:
                die()

        def work():
            sys.setprofile(at_call)
            train(out=out, **settings)

        code = child(work)
        assert code in (0, -signal.SIGKILL), code
        begun.add((out / "config.toml").exists())
        train(out=out, resume=True, **settings)
        other = everything(out)
        differences += [f"{n}: {key}" for key in {*one, *other} if one.get(key) != other.get(key)]
        if code == 0:
            return {"kills": n - 1, "begun": sorted(begun), "differences": sorted(differences)}


def powerless(folder: Path) -> dict:
    """What one hears who may not write."""
    from netsnn.errors import FileError
    from netsnn.snn import open_run

    def stop(_: str) -> None:
        raise KeyboardInterrupt

    os.chmod(folder, 0o755)
    with contextlib.suppress(KeyboardInterrupt):
        train(out=folder / "run", tell=stop, **SMALL)
    for path in (folder, folder / "run"):
        os.chmod(path, 0o555)
    if not os.getuid():
        os.setuid(65534)  # root may write anywhere
    errors = []
    for work in (lambda: train(out=folder / "other", **SMALL), lambda: train(out=folder / "run", resume=True)):
        try:
            work()
        except FileError as error:
            errors.append(str(error))
    return {"errors": errors, "accuracy": open_run(folder / "run").accuracy}


if __name__ == "__main__":
    warnings.simplefilter("error")
    os.environ["NETSNN_THREADS"] = "1"
    torch.set_num_threads(1)
    what, at, *more = sys.argv[1:]
    print(json.dumps({"ways": ways, "moments": moments, "calls": calls, "powerless": powerless}[what](Path(at), *([more] if more else []))))
