"""The methods that are compared, their settings, and what is tuned: the same number of runs for each, on a validation split, at 98 % sparsity.

All train equally long, and those that rewire at events do so equally often (30 rounds). The last layer is dense in all. Densities are the same in each
sparse layer. Grad R's and SD-SNN's sparsity is an outcome: of `alpha`, chosen so that it comes near a level, and of the share of neurons pruned.
"""

from __future__ import annotations

import math
from itertools import product
from pathlib import Path

import numpy as np

from analysis.runs import ROOT, read_table
from netsnn.snn import Config

__all__ = ["DATASETS", "LEVELS", "METHODS", "NAMES", "VARIANTS", "candidates", "chosen", "config", "own", "small"]

LEVELS = (0.9, 0.95, 0.98, 0.99, 0.995)
ROUNDS = 30
HIDDEN = {"2fc": (784,), "3fc": (784, 784)}
# steps of an epoch: 60,000 or 4,000 samples in batches of 64
DATASETS = {"digits": {"epochs": 15, "batch": 64, "steps_per_epoch": 62},
            "fashion-mnist": {"epochs": 6, "batch": 64, "steps_per_epoch": 937}}
TUNED_ON = {"digits": {"validation": 0.2, "steps_per_epoch": 50}, "fashion-mnist": {"samples": 24_000, "validation": 1 / 6, "steps_per_epoch": 312}}

# name here: (name of the recipe, fixed options, what is tuned beside the learning rate)
METHODS = {
    "dense": ("dense", {}, ("weight_decay", (0.01, 0.1))),
    "static": ("static", {}, ("weight_decay", (0.01, 0.1))),
    "set": ("set", {"allocation": "equal"}, ("zeta", (0.1, 0.3))),
    "rigl": ("rigl", {"allocation": "equal"}, ("zeta", (0.1, 0.3))),
    "deep_r": ("deep_r", {"last": "dense"}, ("l1", (1e-5, 1e-2))),
    "grad_r": ("grad_r", {"last": "dense"}, ("alpha", (0.05, 0.1, 0.2, 0.4))),
    "sd_snn": ("sd_snn", {"early": 0.0, "late": 0.0}, ("patience", (2, 4))),
    "pq_layer": ("pq", {"scope": "layer", "last": "dense"}, ("decay", (0.9, 0.99))),
    "pq_neuron": ("pq", {"scope": "neuron", "last": "dense"}, ("decay", (0.9, 0.99))),
    "cht": ("cht", {}, ("zeta", (0.1, 0.3))),
    "ch_snn": ("ch_snn", {}, ("zeta", (0.1, 0.3))),
}
# a variant of a method, with what was tuned for it: the one that did best in `analysis.ablations` on Fashion-MNIST
VARIANTS = {"ch_snn_sw": ("ch_snn", {"first_wiring": "small_world"})}
NAMES = {"dense": "dense", "static": "static", "set": "SET", "rigl": "RigL", "deep_r": "Deep R", "grad_r": "Grad R", "sd_snn": "SD-SNN", "pq_layer": "PQ (layers)",
         "pq_neuron": "PQ (neurons)", "cht": "CHT", "ch_snn": "CH-SNN",
         "ch_snn_sw": "CH-SNN from a small world"}
RATES = {"digits": (5e-3, 1e-2, 2e-2, 4e-2), "fashion-mnist": (2e-3, 5e-3, 1e-2, 2e-2)}  # six times as many steps like smaller ones
NO_EVENTS = ("dense", "static", "deep_r", "grad_r")


def config(data: str, model: str, method: str, sparsity: float | None, lr: float, seed: int = 0, tuning: bool = False, **knob) -> Config:
    """The settings of a run. `knob` is what was tuned: an option of the recipe, or weight_decay."""
    recipe, fixed = VARIANTS.get(method) or METHODS[method][:2]
    use = {**DATASETS[data], **(TUNED_ON[data] if tuning else {})}
    steps = use.pop("steps_per_epoch") * use["epochs"]
    options = {**fixed, **{name: value for name, value in knob.items() if name != "weight_decay"}}
    if method not in NO_EVENTS:
        options["every"] = max(1, steps // ROUNDS)
    if method == "sd_snn":
        options["rate_linear"] = 100 * sparsity
    return Config(data=data, model=model, hidden=HIDDEN[model], method=recipe, sparsity=None if method in ("dense", "grad_r", "sd_snn") else sparsity, lr=lr, seed=seed,
                  options=options, **use, **{name: value for name, value in knob.items() if name == "weight_decay"})


def own(data: str, model: str, method: str, lr: float, seed: int = 0, **knob) -> Config:
    """SD-SNN and PQ with the sparsity that comes out of their published constants: PQ from half the links in ten shrinking iterations."""
    made = config(data, model, method, 0.5, lr, seed, **knob)
    options = {name: value for name, value in made.options.items() if name not in ("early", "late", "rate_linear")}
    if method.startswith("pq"):
        options["shrink_every"] = ROUNDS // 10
    return made.replace(options=options)


def small(config: Config) -> Config:
    """For `--quick`: half the digits, half the epochs, as many rounds."""
    samples, epochs = 2000, 8
    options = {**config.options, "every": samples // config.batch * epochs // ROUNDS} if "every" in config.options else config.options
    return config.replace(samples=samples, epochs=epochs, options=options)


def candidates(data: str, method: str, results: Path = ROOT / "analysis" / "results") -> dict[str, Config]:
    """On the digits eight runs: learning rates and the method's own constant; on larger data four more, of rates, with the constant that did best there.

    Of Grad R, whose constant sets the density, constants and rates change places.
    """
    knob, values = METHODS[method][2]
    rates = RATES[data][1:3] if method == "grad_r" else RATES[data]
    if data != "digits":
        best = chosen("digits", method, results=results)
        rates, values = ((best["lr"],), values) if method == "grad_r" else (rates, (best[knob],))
    return {f"{data}/{method}/lr={lr:g},{knob}={value:g}": config(data, "2fc", method, 0.98, lr, tuning=True, **{knob: value}) for lr, value in product(rates, values)}


def chosen(data: str, method: str, level: float = 0.98, results: Path = ROOT / "analysis" / "results") -> dict[str, float]:
    """Learning rate and constant that did best in `analysis.tuning`; of Grad R the constant that comes near the level."""
    method, _ = VARIANTS.get(method, (method, None))
    tried = candidates(data, method, results)
    rows = [row for row in read_table(results / "tuning" / "runs.csv") if row["cell"] in tried]
    if len(rows) < len(tried):
        raise SystemExit(f"{method} has not been tuned on {data} yet: python -m analysis.tuning")
    if method == "grad_r":
        return _grad_r(data, rows, level)
    knob = METHODS[method][2][0]
    best = max((row for row in rows if math.isfinite(row["accuracy"])), key=lambda row: row["accuracy"])
    return {"lr": best["lr"], knob: _knob(best)}


def _grad_r(data: str, rows: list[dict], level: float) -> dict[str, float]:
    """The rate that does best at the level, and the constant that comes near it: both lie between runs of other densities."""
    found = {}
    for lr in {row["lr"] for row in rows}:
        mine = sorted((row for row in rows if row["lr"] == lr and row["density"]), key=lambda row: row["density"])
        at = lambda values, mine=mine: float(np.interp(math.log(1 - level), [math.log(row["density"]) for row in mine], values))
        found[lr] = at([row["accuracy"] for row in mine]), math.exp(at([math.log(_knob(row)) for row in mine]))
    lr = max(found, key=lambda rate: found[rate][0])
    steps = TUNED_ON[data]["steps_per_epoch"] / DATASETS[data]["steps_per_epoch"]  # the constant's pull adds up over them, weights wander with their root
    return {"lr": lr, "alpha": float(f"{found[lr][1] * math.sqrt(steps):.3g}")}


def _knob(row: dict) -> float:
    value = float(row["cell"].rsplit("=", 1)[1])
    return int(value) if value == int(value) else value
