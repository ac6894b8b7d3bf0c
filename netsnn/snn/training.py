"""Training: a run in a folder, which records what it does, survives any end, and goes on to the same bits."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from netsnn import __version__
from netsnn.bridge import Evolver, compute_on_links, density, on_links, sparse_layers, sparsify, to_graph
from netsnn.bridge.engine import check_form
from netsnn.errors import DivergedError, FileError, TrainingError
from netsnn.evolve.initial import READINGS
from netsnn.hints import PathLike
from netsnn.history import History
from netsnn.io.atomic import write_bytes
from netsnn.network import Network
from netsnn.snn import checkpoint, encodings
from netsnn.snn.config import Config, parse_config, read_config, to_toml, write_config
from netsnn.snn.data import Dataset, load
from netsnn.snn.models import MODELS, mlp
from netsnn.snn.neuron import LIF

__all__ = ["Run", "open_run", "share_of_rate", "train"]

PARTS = {"epoch": int, "config": str, "model": dict, "optimizer": dict, "evolver": dict, "log": list, "sparse": list, "on_links": list, "threads": int}
"""What a checkpoint holds, and what an epoch's row in the log."""
LOG = ("epoch", "step", "loss", "train_accuracy", "accuracy", "links", "density", "network_density", "active", "firing", "lr")


@dataclass(frozen=True)
class Run:
    """A finished or interrupted run.

    log : one dict an epoch, as in log.csv:
        epoch, step;  loss and train_accuracy, means over the epoch's batches;  accuracy on the test set, or on the validation set if there is one
        links, density : of the layers that the method wires;  network_density : of all linear layers and convolutions
        active : ANP, share of hidden neurons on a path through their chain (of layers that follow no other: of outputs with links)
        firing : spikes per neuron and step in the measurement of the accuracy;  lr : of the epoch's last step

    A row describes the network before the event that may end its epoch, for what has just grown has not learned yet; with methods that act at every
    step, or prune for good, after it. The last row describes the network that the run ends with.
    """

    folder: Path
    config: Config
    log: list[dict]
    model: nn.Module

    @property
    def history(self) -> History:
        """The wiring at the start, after each event and each epoch."""
        return History(self.folder / "history")

    @property
    def accuracy(self) -> float:
        """The last epoch's."""
        return self.log[-1]["accuracy"] if self.log else math.nan


def train(config: Config | None = None, *, out: PathLike, resume: bool = False, tell: Callable[[str], None] | None = None, progress: bool = False, **settings: Any) -> Run:
    """Train a spiking network by the settings; the folder `out` then holds config.toml, log.csv, checkpoint.pt and history/.

    A checkpoint is written before the first epoch and after each, whole or not at all. However a run ended, `resume=True` goes on from the last one, to
    the same weights, wirings and log, bit for bit (on the same kind of machine; convolutions with the same number of torch's threads). One process at a time.

    Parameters
    ----------
    config : Config, optional
        And `settings` by name, which replace its own.
    out : path
        The run's folder: a new one, unless it goes on.
    resume : whether to go on with the run in the folder, whose settings are known; if any are given, they must be the same, and the run begins
        if there is none yet
    tell : called with one line an epoch
    progress : whether to show a progress bar on stderr
    **settings
        Any field of `Config`.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     run = train(out=folder, data="digits", samples=200, test_samples=100, hidden=[50], sparsity=0.9, epochs=2, seed=0)
    ...     [row["epoch"] for row in run.log], sorted(path.name for path in run.folder.iterdir())
    ([1, 2], ['checkpoint.pt', 'config.toml', 'history', 'log.csv'])
    """
    folder = Path(out)
    try:
        known = read_config(folder / "config.toml") if resume and ((folder / "config.toml").exists() or (config is None and not settings)) else None
        if known is None:
            _check_free(folder)
        if folder.exists() and not folder.is_dir():
            raise FileError(f"{folder}: Not a directory")
    except OSError as error:  # below a file, or in a folder that is closed to us
        raise FileError(f"{folder}: {error.strerror or error}") from None
    if known is not None:
        _check_same((config or known).replace(**settings), known, folder)
        config = known
    else:
        config = (config or Config()).replace(**settings)
    training = _Training(config, folder)
    try:
        if known is not None and (folder / "checkpoint.pt").exists():
            training.load(tell)
        else:
            training.begin(anew=known is not None)
        for epoch in range(training.epoch, config.epochs):
            training.run_epoch(epoch, progress)
            training.save()
            if tell is not None:
                tell(_line(training.log[-1], config))
    finally:
        training.close()
    return Run(folder, config, training.log, training.model)


def open_run(folder: PathLike) -> Run:
    """The run in a folder, with the model as of its last checkpoint. Nothing is written, so that the run may still be going on.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = train(out=folder, data="digits", samples=200, test_samples=100, hidden=[50], sparsity=0.9, epochs=1, seed=0)
    ...     run = open_run(folder)
    >>> run.config.hidden, len(run.log)
    ((50,), 1)
    """
    training = _Training(read_config(Path(folder) / "config.toml"), Path(folder))
    training.restore(training.read())
    return Run(Path(folder), training.config, training.log, training.model)


# ---- inside -----------------------------------------------------------------------------------


class _Training:
    """Data, model, optimizer, evolver, and how far they are."""

    evolver: Evolver  # like the optimizer, from `_equip` on
    lock: int | None = None

    def __init__(self, config: Config, folder: Path) -> None:
        self.config, self.folder, self.epoch = config, folder, 0
        self.log: list[dict] = []
        self.train, self.test = _data(config)
        self.recipe = config.recipe()
        self.constant = config.encoding == "direct" and not self.train.events
        try:
            self.model = _model(config, self.train, config.steps if self.constant else None)
        except MemoryError as error:
            raise TrainingError(f"{folder}: {error}") from None
        self.steps_per_epoch = max(1, len(self.train) // config.batch)

    def begin(self, anew: bool) -> None:
        """Wire, weigh, and write the settings and the first checkpoint; nothing is written before wiring went well. Anew: it had begun, and was killed."""
        config = self.config
        sparsify(self.model, self.recipe, calibration=self._calibration(), theta=self._theta(), seed=config.seed)
        if config.compute != "dense":
            layers = {name: module for name, module in sparse_layers(self.model).items() if isinstance(module, nn.Linear)}
            compute_on_links(self.model, [name for name, module in layers.items() if config.compute == "links" or _pays_on_links(module)])
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FileError(f"{self.folder}: {error.strerror or error}") from None
        self._hold()
        if not anew:
            _check_free(self.folder)  # again: another run may have begun, and ended, while this one read its data
            write_config(config, self.folder / "config.toml", f"netsnn {__version__}; `netsnn train --config THIS --out FOLDER` repeats the run")
        history = History(self.folder / "history")
        history.rewind(-1)
        self._equip(history)
        self.save()

    def load(self, tell: Callable[[str], None] | None) -> None:
        """Go on from the checkpoint; what was recorded after it goes."""
        self._hold()
        content = self.read()
        self.restore(content)
        history = History(self.folder / "history")
        if content["evolver"]["steps"] not in history.steps:
            raise FileError(f"{history.folder}: the snapshot of step {content['evolver']['steps']}, where the checkpoint stands, is not in this history")
        try:
            history._check({name: layer for name, layer in to_graph(self.model).items() if name in content["sparse"]})
        except ValueError as error:
            raise FileError(f"{history.folder}: {error}") from None
        self._equip(history)
        with self._fitting():
            self._restore_optimizer(content["optimizer"]["state"])
            self.evolver.load_state_dict(content["evolver"])
        self._write_log()
        if tell is not None and content["threads"] != torch.get_num_threads() and self.epoch < self.config.epochs:
            tell(f"goes on with {torch.get_num_threads()} threads, began with {content['threads']}: the last bits may differ")

    def read(self) -> dict:
        """The content of the checkpoint."""
        path = self.folder / "checkpoint.pt"
        try:
            content = checkpoint.load(path.read_bytes())
            began, epoch = content["config"], content["epoch"]
            if not all(isinstance(content[name], kind) for name, kind in PARTS.items()) or type(content["evolver"]["steps"]) is not int or not 0 <= epoch <= self.config.epochs \
                    or not _is_log(content["log"], epoch):
                raise ValueError("a part that is none")
        except OSError as error:
            raise FileError(f"{path}: {error.strerror or error}") from None
        except Exception as error:  # whatever comes of a damaged archive
            raise FileError(f"{path}: not a checkpoint of netsnn, or damaged ({type(error).__name__})") from None
        _check_same(self.config, parse_config(began, path), self.folder / "config.toml")
        return content

    def restore(self, content: dict) -> None:
        """The model, the epoch and the log of a checkpoint."""
        with self._fitting():
            modules = dict(self.model.named_modules())
            sparse = [modules[name] for name in content["sparse"]]
            for module in sparse:
                module.register_buffer("weight_mask", torch.ones_like(module.weight, dtype=torch.bool))
            self.model.load_state_dict(content["model"])
            if any(module.weight[~module.get_buffer("weight_mask")].any() for module in sparse):
                raise ValueError("there are weights where there is no link")
            compute_on_links(self.model, content["on_links"])
            self.epoch, self.log = content["epoch"], [dict(row) for row in content["log"]]

    def _restore_optimizer(self, state: dict) -> None:
        """What the optimizer kept of each weight; all else about it follows from the settings."""
        parameters = [parameter for group in self.optimizer.param_groups for parameter in group["params"]]
        names = {"momentum_buffer"} if self.config.optimizer == "sgd" else {"step", "exp_avg", "exp_avg_sq"}
        for i, kept in state.items():
            if type(i) is not int or not 0 <= i < len(parameters) or kept.keys() != names:
                raise ValueError("the optimizer's state is that of another model or optimizer")
            for name, value in kept.items():
                if value is not None or name != "momentum_buffer":
                    check_form(value, torch.zeros(()) if name == "step" else parameters[i].detach(), f"the optimizer's {name}")
        self.optimizer.load_state_dict({"state": state, "param_groups": self.optimizer.state_dict()["param_groups"]})

    def save(self) -> None:
        """The checkpoint, then the log that says the same."""
        layers = sparse_layers(self.model)
        content = {"epoch": self.epoch, "config": to_toml(self.config), "model": self.model.state_dict(), "optimizer": self.optimizer.state_dict(),
                   "evolver": self.evolver.state_dict(), "log": self.log, "sparse": list(layers),
                   "on_links": [name for name, module in layers.items() if on_links(module)], "threads": torch.get_num_threads()}
        file = io.BytesIO()
        torch.save(content, file)
        write_bytes(file.getbuffer(), self.folder / "checkpoint.pt")
        self._write_log()

    def close(self) -> None:
        """Let go of the optimizer, the model and the folder."""
        if hasattr(self, "evolver"):
            self.evolver.close()
        if self.lock is not None:
            os.close(self.lock)

    def run_epoch(self, epoch: int, progress: bool) -> None:
        config, losses, right = self.config, 0.0, 0
        order = np.random.default_rng([config.seed, 4, epoch]).permutation(len(self.train))
        self.model.train()
        for i in _bar(range(self.steps_per_epoch), f"epoch {epoch + 1}/{config.epochs}", progress):
            rows = order[i * config.batch:(i + 1) * config.batch]
            inputs, labels = self._inputs(self.train, rows, [config.seed, 5, epoch, i])
            lr = self._set_lr(epoch * self.steps_per_epoch + i)
            self.optimizer.zero_grad()
            logits = self.model(inputs)
            loss = nn.functional.cross_entropy(logits, labels)
            if not math.isfinite(value := loss.item()):
                raise self._diverged(f"the loss is {value}", epoch, i)
            loss.backward()
            if config.clip:
                self.evolver.clip_gradients(config.clip)
            self.optimizer.step()
            losses, right = losses + value, right + int((logits.argmax(-1) == labels).sum())
            if i == self.steps_per_epoch - 1:
                lost = next((name for name, value in self.model.state_dict().items() if value.is_floating_point() and not value.isfinite().all()), None)
                if lost is not None:  # neurons that get NaN are silent: it need not be seen in the loss
                    raise self._diverged(f"{lost} is not finite", epoch, i)
                means = losses / self.steps_per_epoch, right / (self.steps_per_epoch * min(config.batch, len(self.train)))
                measure = partial(self._measure, epoch, *means, lr)
                self.evolver.scalars = measure if self.recipe.rule is not None else measure()  # see `Run`
            try:
                self.evolver.step()
            except TrainingError as error:
                raise self._diverged(str(error), epoch, i) from None
        self.evolver.scalars = {}  # an event in the middle of the next epoch has none
        self.epoch = epoch + 1

    def _diverged(self, what: str, epoch: int, i: int) -> DivergedError:
        kept = f"the checkpoint of epoch {self.epoch} is kept" if self.epoch else "no epoch was finished"
        return DivergedError(f"{self.folder}: {what} at epoch {epoch + 1}, step {i + 1}; {kept}. A new run with a smaller lr (now {self.config.lr:g}) "
                             "or with clip may do better")

    def _measure(self, epoch: int, loss: float, train_accuracy: float, lr: float) -> dict[str, float]:
        """Add a row to the log; returns what the history shall know of it."""
        self.model.eval()
        neurons = [module for module in self.model.modules() if isinstance(module, LIF)]
        right = spikes = places = 0
        with torch.no_grad():
            for first in range(0, len(self.test), self.config.batch):
                rows = np.arange(first, min(first + self.config.batch, len(self.test)))
                inputs, labels = self._inputs(self.test, rows, [self.config.seed, 6, first])
                right += int((self.model(inputs).argmax(-1) == labels).sum())
                for module in neurons:
                    fired, n = module._count or (0, 0)
                    spikes, places = spikes + int(fired), places + n
        self.model.train()
        layers = to_graph(self.model)
        wired = [layers[name] for name, takes_part in zip(self.evolver.names, self.evolver.evolving) if takes_part]
        groups = [Network([layers[self.evolver.names[i]] for i in chain]).active for chain in self.evolver.chains]
        active = np.concatenate([part for active in groups for part in (active[1:-1] if len(active) > 2 else active[1:])])
        row = {"epoch": epoch + 1, "step": (epoch + 1) * self.steps_per_epoch, "loss": loss, "train_accuracy": train_accuracy, "accuracy": right / len(self.test),
               "links": sum(layer.n_links for layer in wired), "density": sum(layer.n_links for layer in wired) / max(sum(layer.n_in * layer.n_out for layer in wired), 1),
               "network_density": density(self.model)["parameters"], "active": float(active.mean()), "firing": spikes / max(places, 1), "lr": lr}
        self.log.append(row)
        return {key: float(row[key]) for key in ("loss", "accuracy", "active", "firing")}

    def _calibration(self) -> torch.Tensor | None:
        """What the first wiring and its weights look at: inputs of some training samples, (samples, steps, inputs), or (samples, inputs) if constant."""
        if self.recipe.first_wiring is None and self.recipe.weights not in READINGS:
            return None
        drawn = np.random.default_rng([self.config.seed, 1]).choice(len(self.train), min(self.config.calibration, len(self.train)), replace=False)
        inputs = self._inputs(self.train, np.sort(drawn), [self.config.seed, 2])[0]
        return inputs.flatten(1) if self.constant else inputs.flatten(2).transpose(0, 1)

    def _inputs(self, data: Dataset, rows: np.ndarray, seed: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
        values, labels = data[rows]
        values, labels = torch.from_numpy(values), torch.from_numpy(labels)
        if data.events or self.constant:
            return values, labels
        if self.config.encoding == "rate":
            return encodings.rate(values, self.config.steps, seed=np.random.SeedSequence(seed)), labels
        return (encodings.direct if self.config.encoding == "direct" else encodings.latency)(values, self.config.steps), labels

    def _equip(self, history: History) -> None:
        config = self.config
        decayed = [p for p in self.model.parameters() if p.ndim > 1]
        groups: list[dict] = [{"params": decayed}, {"params": [p for p in self.model.parameters() if p.ndim <= 1], "weight_decay": 0.0}]
        made: dict[str, Callable[[], torch.optim.Optimizer]] = {"adamw": lambda: torch.optim.AdamW(groups, lr=config.lr, weight_decay=config.weight_decay),
                "adam": lambda: torch.optim.Adam(groups, lr=config.lr, weight_decay=config.weight_decay),
                "sgd": lambda: torch.optim.SGD(groups, lr=config.lr, momentum=config.momentum, weight_decay=config.weight_decay)}
        self.optimizer = made[config.optimizer]()
        self.evolver = Evolver(self.model, self.optimizer, self.recipe, steps_per_epoch=self.steps_per_epoch, epochs=config.epochs, history=history,
                               weights=config.snapshots, seed=config.seed)

    def _set_lr(self, step: int) -> float:
        lr = self.config.lr * share_of_rate(self.config, self.steps_per_epoch, step)
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        return lr

    def _theta(self) -> float:
        return next((module.threshold for module in self.model.modules() if isinstance(module, LIF)), 0.5)

    def _write_log(self) -> None:
        if self.log:
            text = io.StringIO()
            writer = csv.DictWriter(text, list(self.log[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(self.log)
            write_bytes(text.getvalue().encode(), self.folder / "log.csv")

    def _hold(self) -> None:
        """The folder is this process's alone, until it ends, however it does; what a killed one was writing goes."""
        try:
            import fcntl
        except ImportError:  # not on this system
            return
        try:
            self.lock = os.open(self.folder, os.O_RDONLY)
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TrainingError(f"{self.folder}: another process is training here") from None
        except OSError:  # a file system without locks
            return
        for path in self.folder.glob(".netsnn-*"):
            with suppress(OSError):
                path.unlink()

    @contextmanager
    def _fitting(self) -> Iterator[None]:
        """What does not fit is the checkpoint's fault."""
        try:
            yield
        except (RuntimeError, ValueError, LookupError, TypeError, AttributeError, OverflowError) as error:
            raise FileError(f"{self.folder / 'checkpoint.pt'}: does not fit the model of config.toml ({' '.join(str(error).split())[:200]})") from None


def _is_log(log: list, epoch: int) -> bool:
    """Whether there is a row for each epoch."""
    return len(log) == epoch and all(isinstance(row, dict) and tuple(row) == LOG and all(type(value) in (int, float) for value in row.values()) for row in log)


def _data(config: Config) -> tuple[Dataset, Dataset]:
    """What is trained on, and what accuracy is measured on."""
    sets = []
    for train, count, name in ((True, config.samples, "samples"), (False, config.test_samples, "test_samples")):
        data = load(config.data, config.folder or None, train=train)
        data = data.frames(config.steps) if data.events else data
        if count > len(data):
            raise ValueError(f"{name} must be at most {len(data)}, all that {config.data} has, got {count}")
        if count and count < len(data):
            _, data = data.split(count / len(data), seed=[config.seed, 7, int(train)])
        sets.append(data)
    if config.validation:
        sets = list(sets[0].split(config.validation, seed=[config.seed, 8]))
        if not len(sets[0]) or not len(sets[1]):
            raise ValueError(f"a validation of {config.validation:g} leaves {len(sets[0])} samples to train on and {len(sets[1])} to measure on")
    return sets[0], sets[1]


def _model(config: Config, data: Dataset, steps: int | None) -> nn.Sequential:
    shape = data.inputs.shape[1:] if isinstance(data.inputs, np.ndarray) else data.image or ()
    if config.hidden:
        return mlp(math.prod(shape), *config.hidden, len(data.classes), steps=steps, seed=config.seed, **config.neuron)
    return MODELS[config.model](shape=shape, classes=len(data.classes), steps=steps, seed=config.seed, **config.neuron)


def _pays_on_links(module: nn.Linear) -> bool:
    """The rule of compute="auto", see `Config`."""
    return module.weight.numel() >= 50_000 and int(module.get_buffer("weight_mask").sum()) <= round(module.weight.numel() / 10)


def share_of_rate(config: Config, steps_per_epoch: int, step: int) -> float:
    """Of the learning rate at a step: a line up during warmup, then a cosine to 0, or all of it."""
    warm, total = config.warmup * steps_per_epoch, config.epochs * steps_per_epoch
    if step < warm:
        return min(1.0, (step + 1) / warm)
    return (1 + math.cos(math.pi * (step - warm) / max(total - warm, 1))) / 2 if config.schedule == "cosine" else 1.0


def _check_free(folder: Path) -> None:
    there = next((name for name in ("config.toml", "checkpoint.pt", "history") if (folder / name).exists()), None)
    if there is not None:
        raise TrainingError(f"{folder} already holds {'a run' if there == 'config.toml' else there}: "
                            f"{'resume it, or choose' if there == 'config.toml' else 'choose'} another folder")


def _check_same(asked: Config, known: Config, where: Path) -> None:
    for entry in fields(Config):
        now, then = getattr(asked, entry.name), getattr(known, entry.name)
        if now != then:
            raise TrainingError(f"{where}: the run began with {entry.name} = {then!r}, not {now!r}; a run goes on as it began")


def _line(row: dict, config: Config) -> str:
    return (f"epoch {row['epoch']:>{len(str(config.epochs))}}/{config.epochs}  loss {row['loss']:.4f}  accuracy {row['accuracy']:.2%}  "
            f"sparsity {1 - row['density']:.2%}  ANP {row['active']:.1%}  firing rate {row['firing']:.3f}")


def _bar(values: Iterable[Any], label: str, show: bool) -> Iterator:
    if not show:
        return iter(values)
    from tqdm.auto import tqdm

    return iter(tqdm(values, desc=label, leave=False, disable=None))
