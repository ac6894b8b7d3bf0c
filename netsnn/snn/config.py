"""The settings of a training run: one flat value that a TOML file holds completely."""

from __future__ import annotations

import dataclasses
import difflib
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

from netsnn.errors import FileError, check_whole
from netsnn.evolve import RECIPES, Recipe
from netsnn.io.atomic import write_bytes

__all__ = ["ENCODINGS", "OPTIMIZERS", "Config", "read_config", "write_config"]

ENCODINGS = ("rate", "direct", "latency")
OPTIMIZERS = ("adamw", "adam", "sgd")
SCHEDULES = ("cosine", "constant")
COMPUTES = ("auto", "links", "dense")


@dataclass(frozen=True)
class Config:
    """What a run is, from data to seed.

    data, folder : name of the data set (see `snn.data.load`) and where its files lie
    samples, test_samples : how many of the training and test set to use, drawn by the seed; 0: all
    validation : share of the training samples that is kept apart; accuracy is then measured on it, not on the test set
    model : a name in `snn.MODELS`;  hidden : numbers of hidden neurons instead of the model's own ("2fc" and "3fc")
    neuron : options of `snn.LIF`
    method, sparsity, options : a name in `evolve.RECIPES`, its sparsity (if it has one), and other parts of the recipe
    steps, encoding : time steps; how values become spikes: "rate", "direct" (the same current at every step) or "latency"; frames of events need none
    epochs, batch, optimizer, lr, weight_decay, momentum, schedule, warmup, clip : of training; warm-up in epochs, clip 0: no clipping of gradients
    calibration : how many training samples the first wiring sees
    compute : "auto" measures for each sparse layer whether its links alone are faster, "links", "dense"
    snapshots : whether the history keeps the weights as well
    seed : of everything
    """

    data: str = "digits"
    folder: str = ""
    samples: int = 0
    test_samples: int = 0
    validation: float = 0.0
    model: str = "2fc"
    hidden: tuple[int, ...] = ()
    method: str = "ch_snn"
    sparsity: float | None = None
    steps: int = 8
    encoding: str = "rate"
    epochs: int = 10
    batch: int = 128
    optimizer: str = "adamw"
    lr: float = 2e-3
    weight_decay: float = 0.01
    momentum: float = 0.9
    schedule: str = "cosine"
    warmup: float = 0.0
    clip: float = 0.0
    calibration: int = 1000
    compute: str = "auto"
    snapshots: bool = True
    seed: int = 0
    neuron: dict = field(default_factory=dict)
    options: dict = field(default_factory=dict)

    def __post_init__(self) -> None:
        from netsnn.snn.data import DATASETS
        from netsnn.snn.models import MODELS

        for name, choices in (("data", DATASETS), ("model", MODELS), ("method", RECIPES), ("encoding", ENCODINGS), ("optimizer", OPTIMIZERS), ("schedule", SCHEDULES),
                              ("compute", COMPUTES)):
            if getattr(self, name) not in choices:
                close = difflib.get_close_matches(str(getattr(self, name)).replace("-", "_"), list(choices), 1)
                raise ValueError(f"no {name} {getattr(self, name)!r}" + (f", did you mean {close[0]!r}?" if close else "") + f"; choices: {', '.join(choices)}")
        for name, least in (("steps", 1), ("epochs", 1), ("batch", 1), ("calibration", 1), ("seed", 0), ("samples", 0), ("test_samples", 0)):
            check_whole(name, getattr(self, name), least)
        for name, low, high in (("lr", 0, None), ("weight_decay", 0, None), ("momentum", 0, 1), ("warmup", 0, None), ("clip", 0, None), ("validation", 0, 0.9)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not value >= low or (high is not None and value > high):
                raise ValueError(f"{name} must {f'be at least {low}' if high is None else f'lie in [{low}, {high}]'}, got {value!r}")
        object.__setattr__(self, "hidden", tuple(check_whole("hidden", size, 1) for size in self.hidden))
        if self.hidden and self.model not in ("2fc", "3fc"):
            raise ValueError(f'hidden is for the models "2fc" and "3fc", not {self.model!r}')
        self.recipe()

    def recipe(self) -> Recipe:
        """The recipe that method, sparsity and options make."""
        make = RECIPES[self.method]
        takes_sparsity = "sparsity" in make.__code__.co_varnames[:make.__code__.co_argcount]
        if self.sparsity is not None and not takes_sparsity:
            raise ValueError(f"the sparsity of {self.method} is an outcome, not a setting; its options: options.alpha and the like")
        sparsity = {} if self.sparsity is None else {"sparsity": self.sparsity}
        try:
            return make(**sparsity, **self.options)
        except TypeError as error:
            raise ValueError(f"options of {self.method}: {error}") from None

    def replace(self, **changes) -> Config:
        """The settings with some exchanged."""
        known = [entry.name for entry in dataclasses.fields(self)]
        for name in changes:
            if name not in known:
                close = difflib.get_close_matches(name, known, 1)
                raise ValueError(f"no setting {name!r}" + (f", did you mean {close[0]!r}?" if close else f"; settings: {', '.join(known)}"))
        return dataclasses.replace(self, **changes)


def read_config(path) -> Config:
    """The settings in a TOML file."""
    try:
        content = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise FileError(f"{path}: {error.strerror or error}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FileError(f"{path}: {error}") from None
    try:
        return Config().replace(**content)
    except (ValueError, TypeError) as error:
        raise FileError(f"{path}: {error}") from None


def write_config(config: Config, path, comment: str = "") -> None:
    """Write the settings as TOML, every one of them."""
    lines, tables = [f"# {line}" for line in comment.splitlines()], []
    for entry in dataclasses.fields(config):
        value = getattr(config, entry.name)
        if isinstance(value, dict):
            tables += ["", f"[{entry.name}]", *(f"{key} = {_toml(part)}" for key, part in value.items())] if value else []
        elif value is not None:
            lines.append(f"{entry.name} = {_toml(value)}")
    write_bytes(("\n".join([*lines, *tables]) + "\n").encode(), path)


def _toml(value) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'"{escaped}"'
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_toml(part) for part in value)}]"
    raise ValueError(f"{value!r} cannot be written to a settings file")
