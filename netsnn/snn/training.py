"""Training: a run in a folder, which records what it does, survives any end, and goes on to the same bits."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from torch import nn

from netsnn import __version__
from netsnn.bridge import Evolver, choose_compute, compute_on_links, density, on_links, sparse_layers, sparsify, to_graph
from netsnn.errors import FileError, TrainingError
from netsnn.history import History
from netsnn.io.atomic import write_bytes
from netsnn.network import Network
from netsnn.snn import encodings
from netsnn.snn.config import Config, read_config, write_config
from netsnn.snn.data import Dataset, load
from netsnn.snn.models import MODELS, mlp
from netsnn.snn.neuron import LIF

__all__ = ["Run", "open_run", "train"]


@dataclass(frozen=True)
class Run:
    """A finished or interrupted run.

    log : one dict an epoch: epoch, step, loss and accuracy in training, accuracy (on the test or validation set), links and density of the layers that the method
        wires, share of active neurons (on a path through their chain), mean firing rate and share of silent neurons in that measurement, learning rate
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


def train(config: Config | None = None, *, out, resume: bool = False, tell: Callable[[str], None] | None = None, progress: bool = False, **settings) -> Run:
    """Train a spiking network by the settings; the folder `out` then holds config.toml, log.csv, checkpoint.pt and history/.

    After every epoch a checkpoint is written, whole or not at all. However a run ended, `resume=True` goes on from the last one, to the same weights,
    wirings and log, bit for bit (with the same number of threads, on the same kind of machine).

    Parameters
    ----------
    config : Config, optional
        And `settings` by name, which replace its own. Not both are needed to resume: the folder's config.toml is taken.
    tell : called with one line an epoch
    progress : whether to show a progress bar on stderr

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     run = train(out=folder, data="digits", samples=200, test_samples=100, hidden=[50], sparsity=0.9, epochs=2, seed=0)
    ...     [row["epoch"] for row in run.log], sorted(path.name for path in run.folder.iterdir())
    ([1, 2], ['checkpoint.pt', 'config.toml', 'history', 'log.csv'])
    """
    folder = Path(out)
    if resume:
        known = read_config(folder / "config.toml")
        asked = known if config is None else config
        asked = asked.replace(**settings)
        if asked != known:
            name = next(entry.name for entry in fields(Config) if getattr(asked, entry.name) != getattr(known, entry.name))
            raise TrainingError(f"{folder}: the run has {name} = {getattr(known, name)!r}, not {getattr(asked, name)!r}; a run goes on as it began")
        config = known
    else:
        config = (config or Config()).replace(**settings)
        if (folder / "config.toml").exists() or (folder / "checkpoint.pt").exists():
            raise TrainingError(f"{folder} already holds a run: resume it, or choose another folder")
    training = _Training(config, folder)
    if resume and (folder / "checkpoint.pt").exists():
        training.load()
    else:
        training.begin()
    for epoch in range(training.epoch, config.epochs):
        training.run_epoch(epoch, progress)
        training.save()
        if tell is not None:
            tell(_line(training.log[-1], config))
    training.evolver.close()
    return Run(folder, config, training.log, training.model)


def open_run(folder) -> Run:
    """The run in a folder, with the model as of its last checkpoint."""
    training = _Training(read_config(Path(folder) / "config.toml"), Path(folder))
    training.load()
    training.evolver.close()
    return Run(Path(folder), training.config, training.log, training.model)


# ---- inside -----------------------------------------------------------------------------------


class _Training:
    """Data, model, optimizer, evolver, and how far they are."""

    def __init__(self, config: Config, folder: Path) -> None:
        self.config, self.folder, self.epoch, self.log = config, folder, 0, []
        self.train, self.test = _data(config)
        self.recipe = config.recipe()
        self.constant = config.encoding == "direct" and not self.train.events
        self.model = _model(config, self.train, config.steps if self.constant else None)
        self.steps_per_epoch = max(1, len(self.train) // config.batch)

    def begin(self) -> None:
        """Wire, weigh, choose how to compute; nothing is written before all of this went well."""
        config = self.config
        some = np.sort(np.random.default_rng([config.seed, 1]).choice(len(self.train), min(config.calibration, len(self.train)), replace=False))
        inputs = self._inputs(self.train, some, [config.seed, 2])[0]
        sparsify(self.model, self.recipe, calibration=_flat(inputs) if not self.constant else inputs.flatten(1), theta=self._theta(), seed=config.seed)
        if config.compute == "links":
            compute_on_links(self.model)
        elif config.compute == "auto" and self.recipe.name != "dense":
            self.model.train()
            choose_compute(self.model, self._inputs(self.train, np.arange(min(config.batch, len(self.train))), [config.seed, 3])[0])
        self.folder.mkdir(parents=True, exist_ok=True)
        write_config(config, self.folder / "config.toml", f"netsnn {__version__}; `netsnn train --config THIS --out FOLDER` repeats the run")
        self._equip()

    def load(self) -> None:
        path = self.folder / "checkpoint.pt"
        try:
            content = torch.load(io.BytesIO(path.read_bytes()), weights_only=True)
            masks = {name: content["model"][f"{name}.weight_mask"] for name in content["sparse"]}
        except OSError as error:
            raise FileError(f"{path}: {error.strerror or error}") from None
        except Exception as error:  # whatever torch makes of a damaged file
            raise FileError(f"{path}: not a checkpoint of netsnn ({type(error).__name__})") from None
        modules = dict(self.model.named_modules())
        for name, mask in masks.items():
            modules[name].register_buffer("weight_mask", mask)
        self.model.load_state_dict(content["model"])
        compute_on_links(self.model, content["on_links"])
        self.epoch, self.log = content["epoch"], [dict(row) for row in content["log"]]
        self._equip()
        self.optimizer.load_state_dict(content["optimizer"])
        self.evolver.load_state_dict(content["evolver"])
        self._write_log()

    def save(self) -> None:
        """The checkpoint, then the log that says the same."""
        layers = sparse_layers(self.model)
        content = {"epoch": self.epoch, "model": self.model.state_dict(), "optimizer": self.optimizer.state_dict(), "evolver": self.evolver.state_dict(), "log": self.log,
                   "sparse": list(layers), "on_links": [name for name, module in layers.items() if on_links(module)]}
        file = io.BytesIO()
        torch.save(content, file)
        write_bytes(file.getvalue(), self.folder / "checkpoint.pt")
        self._write_log()

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
                raise TrainingError(f"{self.folder}: the loss is {value} at epoch {epoch + 1}, step {i + 1}; the checkpoint of epoch {self.epoch} is kept. "
                                    f"A smaller lr (now {config.lr:g}) may help")
            loss.backward()
            if config.clip:
                self.evolver.clip_gradients(config.clip)
            self.optimizer.step()
            losses, right = losses + value, right + int((logits.argmax(-1) == labels).sum())
            last = i == self.steps_per_epoch - 1
            if last:  # measured before the event that may come now: what has just grown has not learned yet
                self.log.append(self._measure(epoch, losses / self.steps_per_epoch, right / (self.steps_per_epoch * min(config.batch, len(self.train))), lr))
                self.evolver.scalars = {key: float(value) for key, value in self.log[-1].items() if key in ("loss", "accuracy", "active", "firing")}
            self.evolver.step()
        self.epoch = epoch + 1

    def _measure(self, epoch: int, loss: float, train_accuracy: float, lr: float) -> dict:
        self.model.eval()
        neurons = [module for module in self.model.modules() if isinstance(module, LIF)]
        right, firing = 0, 0.0
        with torch.no_grad():
            for first in range(0, len(self.test), 500):
                rows = np.arange(first, min(first + 500, len(self.test)))
                inputs, labels = self._inputs(self.test, rows, [self.config.seed, 6, first])
                right += int((self.model(inputs).argmax(-1) == labels).sum())
                firing += len(rows) * float(np.mean([module.firing for module in neurons])) if neurons else 0.0
        self.model.train()
        layers = to_graph(self.model)
        wired = [layers[name] for name, takes_part in zip(self.evolver.names, self.evolver.evolving) if takes_part]
        active = np.concatenate([group for chain in self.evolver.chains for group in Network([layers[self.evolver.names[i]] for i in chain]).active])
        return {"epoch": epoch + 1, "step": (epoch + 1) * self.steps_per_epoch, "loss": loss, "train_accuracy": train_accuracy, "accuracy": right / max(len(self.test), 1),
                "links": sum(layer.n_links for layer in wired), "density": sum(layer.n_links for layer in wired) / max(sum(layer.n_in * layer.n_out for layer in wired), 1),
                "network_density": density(self.model)["parameters"], "active": float(active.mean()), "firing": firing / max(len(self.test), 1), "lr": lr}

    def _inputs(self, data: Dataset, rows: np.ndarray, seed: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
        values, labels = data[rows]
        values, labels = torch.from_numpy(values), torch.from_numpy(labels)
        if data.events or self.constant:
            return values, labels
        if self.config.encoding == "rate":
            return encodings.rate(values, self.config.steps, seed=np.random.SeedSequence(seed)), labels
        return (encodings.direct if self.config.encoding == "direct" else encodings.latency)(values, self.config.steps), labels

    def _equip(self) -> None:
        config = self.config
        decayed = [p for p in self.model.parameters() if p.ndim > 1]
        groups = [{"params": decayed}, {"params": [p for p in self.model.parameters() if p.ndim <= 1], "weight_decay": 0.0}]
        made = {"adamw": lambda: torch.optim.AdamW(groups, lr=config.lr, weight_decay=config.weight_decay),
                "adam": lambda: torch.optim.Adam(groups, lr=config.lr, weight_decay=config.weight_decay),
                "sgd": lambda: torch.optim.SGD(groups, lr=config.lr, momentum=config.momentum, weight_decay=config.weight_decay)}
        self.optimizer = made[config.optimizer]()
        self.evolver = Evolver(self.model, self.optimizer, self.recipe, steps_per_epoch=self.steps_per_epoch, epochs=config.epochs, history=self.folder / "history",
                               weights=config.snapshots, seed=config.seed)

    def _set_lr(self, step: int) -> float:
        config, total = self.config, self.steps_per_epoch * self.config.epochs
        warm = config.warmup * self.steps_per_epoch
        share = min(1.0, (step + 1) / warm) if step < warm else 1.0
        if config.schedule == "cosine" and step >= warm:
            share = (1 + math.cos(math.pi * (step - warm) / max(total - warm, 1))) / 2
        for group in self.optimizer.param_groups:
            group["lr"] = config.lr * share
        return config.lr * share

    def _theta(self) -> float:
        return next((module.threshold for module in self.model.modules() if isinstance(module, LIF)), 0.5)

    def _write_log(self) -> None:
        text = io.StringIO()
        if self.log:
            writer = csv.DictWriter(text, list(self.log[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(self.log)
        write_bytes(text.getvalue().encode(), self.folder / "log.csv")


def _data(config: Config) -> tuple[Dataset, Dataset]:
    """What is trained on, and what accuracy is measured on."""
    sets = []
    for train, count in ((True, config.samples), (False, config.test_samples)):
        data = load(config.data, config.folder or None, train=train)
        data = data.frames(config.steps) if data.events else data
        if count and count < len(data):
            _, data = data.split(count / len(data), seed=[config.seed, 7, int(train)])
        sets.append(data)
    if config.validation:
        sets = list(sets[0].split(config.validation, seed=[config.seed, 8]))
    return sets[0], sets[1]


def _model(config: Config, data: Dataset, steps: int | None) -> nn.Sequential:
    shape = data.image if data.image is not None else data.inputs.shape[1:]
    if config.hidden:
        return mlp(math.prod(shape), *config.hidden, len(data.classes), steps=steps, seed=config.seed, **config.neuron)
    return MODELS[config.model](shape=shape, classes=len(data.classes), steps=steps, seed=config.seed, **config.neuron)


def _flat(inputs: torch.Tensor) -> torch.Tensor:
    """(samples, steps, inputs) of (steps, samples, ...)."""
    return inputs.flatten(2).transpose(0, 1)


def _line(row: dict, config: Config) -> str:
    return (f"epoch {row['epoch']:>{len(str(config.epochs))}}/{config.epochs}  loss {row['loss']:.4f}  accuracy {row['accuracy']:.2%}  density {row['density']:.2%}  "
            f"active neurons {row['active']:.1%}  firing {row['firing']:.3f}")


def _bar(values, label: str, show: bool) -> Iterator:
    if not show:
        return iter(values)
    from tqdm.auto import tqdm

    return iter(tqdm(values, desc=label, leave=False, disable=None))
