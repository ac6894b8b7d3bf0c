"""The settings of a training run: one flat value that a TOML file holds completely."""

from __future__ import annotations

import dataclasses
import difflib
import inspect
import json
import math
import os
from dataclasses import dataclass, field
from typing import Any

from netsnn.errors import FileError, check_whole, check_within
from netsnn.evolve import RECIPES, Recipe
from netsnn.evolve.rules import PQ
from netsnn.hints import PathLike
from netsnn.io.atomic import write_bytes
from netsnn.io.toml import parse_toml, read_toml

__all__ = ["ENCODINGS", "OPTIMIZERS", "Config", "parse_config", "read_config", "to_toml", "write_config"]

ENCODINGS = ("rate", "direct", "latency")
OPTIMIZERS = ("adamw", "adam", "sgd")
SCHEDULES = ("cosine", "constant")
COMPUTES = ("auto", "links", "dense")


@dataclass(frozen=True)
class Config:
    """What a run is, from data to seed.

    data, folder : name of the data set (see `snn.data.load`) and where its files lie (kept as an absolute path, so that the settings hold anywhere)
    samples, test_samples : how many of the training and test set to use, drawn by the seed; 0: all
    validation : share of the training samples that is kept apart; accuracy is then measured on it, not on the test set
    model : a name in `snn.MODELS`;  hidden : numbers of hidden neurons, in any number of layers, instead of the model's own ("mlp", "2fc" and "3fc")
    neuron : options of `snn.LIF`; in TOML, where nothing is None, "none" stands for it (reset = "none")
    method, sparsity, options : a name in `evolve.RECIPES`, its sparsity (if it has one), and other parts of the recipe ("none" as in `neuron`)
    steps, encoding : time steps; how values become spikes: "rate", "direct" (the same current at every step) or "latency"; frames of events need none
    epochs, batch, optimizer, lr, weight_decay, momentum, schedule, warmup, clip : of training; warm-up in epochs, clip 0: no clipping of gradients
    calibration : how many training samples the first wiring sees
    compute : "links": sparse linear layers compute on their links alone, "dense": with all weights, "auto": on their links where that is mostly faster,
        in layers of at least 50,000 weights of which at most a tenth are links when training begins. A stopwatch could tell better, but not twice
        the same, and the same settings shall give the same numbers
    snapshots : whether the history keeps the weights as well
    seed : of everything

    Examples
    --------
    >>> config = Config(method="set", sparsity=0.95)
    >>> config.recipe().growth, config.replace(epochs=3).epochs
    ('uniform', 3)
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

        if isinstance(self.method, str):
            self._set("method", self.method.lower().replace("-", "_"))
        for name, choices in (("data", DATASETS), ("model", MODELS), ("method", RECIPES), ("encoding", ENCODINGS), ("optimizer", OPTIMIZERS), ("schedule", SCHEDULES),
                              ("compute", COMPUTES)):
            if not isinstance(getattr(self, name), str) or getattr(self, name) not in choices:
                close = difflib.get_close_matches(str(getattr(self, name)).replace("-", "_"), list(choices), 1)
                raise ValueError(f"no {name} {getattr(self, name)!r}" + (f", did you mean {close[0]!r}?" if close else "") + f"; choices: {', '.join(choices)}")
        for name, least in (("steps", 1), ("epochs", 1), ("batch", 1), ("calibration", 1), ("seed", 0), ("samples", 0), ("test_samples", 0)):
            self._set(name, check_whole(name, getattr(self, name), least))
        if self.seed >= 2**63:
            raise ValueError(f"seed must be less than 2^63, got {self.seed}")
        for name, interval in (("lr", "[0, inf)"), ("weight_decay", "[0, inf)"), ("momentum", "[0, 1]"), ("warmup", "[0, inf)"), ("clip", "[0, inf)"), ("validation", "[0, 0.9]")):
            check_within(name, getattr(self, name), interval)
            self._set(name, _number(name, getattr(self, name)))
        if self.sparsity is not None:
            self._set("sparsity", _number("sparsity", self.sparsity))
        if not isinstance(self.snapshots, bool):
            raise ValueError(f"snapshots must be true or false, got {self.snapshots!r}")
        if not isinstance(self.folder, (str, os.PathLike)):
            raise ValueError(f"folder must be a path, got {self.folder!r}")
        self._set("folder", os.path.abspath(os.path.expanduser(self.folder)) if str(self.folder) else "")
        hidden = (self.hidden,) if isinstance(self.hidden, int) else self.hidden
        if not isinstance(hidden, (list, tuple)):
            raise ValueError(f"hidden must be a list of whole numbers such as [500, 300], got {hidden!r}")
        self._set("hidden", tuple(check_whole("hidden", size, 1) for size in hidden))
        if max(self.hidden, default=0) >= 2**31:
            raise ValueError(f"hidden must be less than 2^31, got {max(self.hidden)}")
        if self.hidden and self.model not in ("mlp", "2fc", "3fc"):
            raise ValueError(f'hidden is for the models "mlp", "2fc" and "3fc", not {self.model!r}')
        for name in ("neuron", "options"):
            if not isinstance(getattr(self, name), dict):
                raise ValueError(f"{name} must be a table of names and values, got {getattr(self, name)!r}")
            self._set(name, {key: _plain(f"{name}.{key}", value) for key, value in getattr(self, name).items()})
        self._check_neuron()
        self.recipe()

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)

    def _check_neuron(self) -> None:
        from netsnn.snn.neuron import LIF

        known = [name for name in inspect.signature(LIF).parameters if name not in ("steps", "record")]
        unknown = next((name for name in self.neuron if name not in known), None)
        if unknown is not None:
            raise ValueError(f"no option neuron.{unknown}; options: {', '.join(known)}")
        try:
            LIF(**self.neuron)
        except ValueError as error:
            raise ValueError(f"neuron.{error}") from None

    def recipe(self) -> Recipe:
        """The recipe that method, sparsity and options make."""
        make = RECIPES[self.method]
        takes_sparsity = "sparsity" in inspect.signature(make).parameters
        if self.sparsity is not None and not takes_sparsity:
            raise ValueError(f"{self.method} takes no sparsity" + ("" if self.method == "dense" else ": it is an outcome of its options"))
        sparsity = {} if self.sparsity is None else {"sparsity": self.sparsity}
        try:
            options = {**self.options, **({"pq": PQ(**self.options["pq"])} if isinstance(self.options.get("pq"), dict) else {})}
            return make(**sparsity, **options)
        except TypeError as error:
            raise ValueError(f"options of {self.method}: {error}") from None

    def replace(self, **changes: Any) -> Config:
        """The settings with some exchanged."""
        known = [entry.name for entry in dataclasses.fields(self)]
        for name in changes:
            if name not in known:
                close = difflib.get_close_matches(name, known, 1)
                raise ValueError(f"no setting {name!r}" + (f", did you mean {close[0]!r}?" if close else f"; settings: {', '.join(known)}"))
        return dataclasses.replace(self, **changes)


def read_config(path: PathLike) -> Config:
    """The settings in a TOML file; what it leaves out is as in `Config()`.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "config.toml"
    >>> _ = path.write_text('method = "rigl"\\nsparsity = 0.9\\n')
    >>> read_config(path) == Config(method="rigl", sparsity=0.9)
    True
    """
    return _config(read_toml(path), path)


def parse_config(text: str, source: object) -> Config:
    """The settings in a text; errors name its source."""
    return _config(parse_toml(text, source), source)


def write_config(config: Config, path: PathLike, comment: str = "") -> None:
    """Write the settings as TOML, every one of them.

    `comment` stands above them. `read_config` gives an equal Config.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "config.toml"
    >>> write_config(Config(epochs=3), path, comment="a short run")
    >>> path.read_text().splitlines()[0], read_config(path).epochs
    ('# a short run', 3)
    """
    write_bytes(to_toml(config, comment).encode(), path)


def to_toml(config: Config, comment: str = "") -> str:
    """The settings as text, every one of them."""
    lines, tables = [f"# {line}" for line in comment.splitlines()], []
    for entry in dataclasses.fields(config):
        value = getattr(config, entry.name)
        if isinstance(value, dict):
            tables += ["", f"[{entry.name}]", *(f"{key} = {_toml(part)}" for key, part in value.items())] if value else []
        elif value is not None:
            lines.append(f"{entry.name} = {_toml(value)}")
    return "\n".join([*lines, *tables]) + "\n"


# ---- inside -----------------------------------------------------------------------------------


def _config(content: dict[str, Any], source: object) -> Config:
    try:
        return Config().replace(**content)
    except (ValueError, TypeError) as error:
        raise FileError(f"{source}: {error}") from None


def _number(name: str, value: Any) -> float:
    """A finite number as Python's own int or float, which TOML can hold; not larger than torch's."""
    if isinstance(value, (bool, str)) or not hasattr(value, "__float__") or not -math.inf < value < math.inf:
        raise ValueError(f"{name} must be a number, got {value!r}")
    _check_size(name, value)
    return value if type(value) is int else float(value)


def _check_size(name: str, value: float) -> None:
    if math.inf > abs(value) > 3e38:
        raise ValueError(f"{name} must be at most 3e38, which float32 holds, got {value:.6g}" if isinstance(value, float) else f"{name} must be at most 3e38, which float32 holds")


def _plain(name: str, value: Any) -> Any:
    """An option as TOML gives it back, so that settings read from a file equal those that were written: tuples for lists, None for "none"."""
    if value is None or value == "none":
        return None
    if isinstance(value, (bool, str)):
        return value
    if isinstance(value, PQ):
        value = dataclasses.asdict(value)
    if isinstance(value, dict):
        return {key: _plain(f"{name}.{key}", part) for key, part in value.items()}
    if isinstance(value, (list, tuple)):
        return tuple(_plain(name, part) for part in value)
    if hasattr(value, "item"):  # a NumPy number
        value = value.item()
    if isinstance(value, (int, float)):
        _check_size(name, value)
        return value
    raise ValueError(f"{name} cannot be kept in a settings file: {value!r}")


def _toml(value: Any) -> str:
    if value is None:
        return '"none"'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key} = {_toml(part)}' for key, part in value.items())}}}"
    return f"[{', '.join(_toml(part) for part in value)}]"
