"""What is measured of a finished run: its result, its work, its wiring over training, and its wiring against chance."""

from __future__ import annotations

import numpy as np
import torch

import netsnn as ns
from analysis.runs import Rows, settings
from netsnn import measures

__all__ = ["against_chance", "fields", "over_training", "result", "work"]

QUICK = ("degrees", "hubs", "power_law", "clustering", "paths", "assortativity")
EPOCHS = (0, 1, 2, 3, 4, 5, 6, 8, 10, 12)  # and the last: a training changes most at its beginning
KEPT = ("links", "density", "epsilon", "out_degree_mean", "out_degree_max", "out_degree_gini", "in_degree_mean", "in_degree_max", "in_degree_gini", "idle_inputs",
        "idle_outputs", "hub_inputs", "hub_outputs", "out_degree_gamma", "in_degree_gamma", "out_degree_vs_exponential", "in_degree_vs_exponential", "clustering", "modularity",
        "communities", "path_length", "efficiency", "giant", "assortativity")
NULLS = ("clustering", "modularity", "path_length", "assortativity", "spectral_gap", "nodf")


def result(run: ns.snn.Run) -> dict:
    """Settings and the last epoch."""
    last = run.log[-1]
    return {**settings(run.config), "accuracy": last["accuracy"], "best_accuracy": max(row["accuracy"] for row in run.log),
            **{name: last[name] for name in ("train_accuracy", "loss", "links", "density", "network_density", "active", "firing")}}


def work(run: ns.snn.Run, samples: int = 500) -> dict:
    """Synaptic operations of an inference, counted on the first test samples, and how many neurons they find alive."""
    config = run.config
    values, _ = ns.snn.data.load(config.data, config.folder or None, train=False)[:samples]
    values = torch.from_numpy(values)
    if config.encoding == "rate":
        values = ns.snn.encodings.rate(values, config.steps, seed=config.seed)
    batches = values.split(100, dim=1 if config.encoding == "rate" else 0)
    found = ns.snn.energy(run.model, batches)
    return {"sops": found.sops, "macs": found.macs, "joules": found.joules, "rate": found.rate}


def over_training(run: ns.snn.Run) -> Rows:
    """One row for an epoch of EPOCHS (0: the start) and layer but the last, which is dense; and one for the network (layer "all")."""
    history, per_epoch, last = run.history, run.log[0]["step"], run.log[-1]["step"]
    rows, first, before, seen = [], None, None, [np.zeros(layer.shape, dtype=bool) for layer in history[0].layers]
    for snapshot in history:
        layers = dict(zip(history.names, snapshot.layers))
        for ever, layer in zip(seen, layers.values()):
            ever[layer.links] = True
        if snapshot.step % per_epoch or not (snapshot.step // per_epoch in EPOCHS or snapshot.step == last):
            continue
        weights = dict(zip(history.names, snapshot.weights)) if snapshot.weights is not None else {}
        first, before = first or layers, before or layers
        at = {"epoch": snapshot.step // per_epoch, "step": snapshot.step}
        for i, name in enumerate(list(layers)[:-1]):
            layer = layers[name]
            numbers = measures.summary(layer, QUICK) | modularity(layer) if layer.density < 1 else measures.summary(layer, ("degrees",))
            rows.append({**at, "layer": name, **{key: numbers[key] for key in KEPT if key in numbers}, "overlap_start": measures.overlap(first[name], layer),
                         "overlap_before": measures.overlap(before[name], layer), "explored": seen[i].mean(),
                         **of_weights(layer, weights.get(name), end=snapshot.step == last)})
        network = ns.Network(list(layers.values()))
        active = network.active
        whole = measures.network_summary(network) if network.density < 1 else {}
        rows.append({**at, "layer": "all", "links": network.n_links, "density": network.density, "active_inputs": active[0].mean(),
                     "active": np.concatenate(active[1:-1]).mean(), **{key: whole[key] for key in ("effective_sparsity", "path_length", "efficiency") if key in whole},
                     **of_network(network, [weights[name] for name in layers] if weights else None)})
        before = layers
    return rows


def modularity(layer: ns.Layer) -> dict:
    """From one start: the best of five, as in `summary`, is up to 3 % larger, in five times the time."""
    found = measures.communities(layer, restarts=1)
    return {"modularity": found.modularity, "communities": found.count}


def of_weights(layer: ns.Layer, weights, end: bool) -> dict:
    """Neural persistence of a layer, scaled by its own largest weight, and what may explain it: the variance and (at the end) the sortedness of its weights."""
    if weights is None or not layer.n_links:
        return {}
    pair = [(layer, weights)]
    return {"persistence": float(measures.neural_persistence(pair).normalized[0]), "weight_variance": measures.weight_variance(pair),
            **({"sortedness": float(measures.sortedness(pair)[0])} if end else {})}


def of_network(network: ns.Network, weights) -> dict:
    if weights is None:
        return {}
    pairs = list(zip(network, weights))
    return {"persistence": float(measures.neural_persistence(pairs).normalized.mean()), "deep_graph_persistence": measures.deep_graph_persistence(pairs).normalized,
            "weight_variance": measures.weight_variance(pairs)}


def against_chance(run: ns.snn.Run, draws: int = 20) -> Rows:
    """The final wiring of each layer but the last beside layers of the same degrees: value, mean and deviation of the null, z."""
    rows, history = [], run.history
    for name, layer in list(zip(history.names, history[-1].layers))[:-1]:
        if not 0 < layer.density < 1:
            continue
        found = measures.against_null(layer, lambda one: {key: value for key, value in
                                                          (measures.summary(one, ("clustering", "paths", "assortativity", "spectrum", "nestedness")) | modularity(one)).items()
                                                          if key in NULLS}, draws=draws, seed=run.config.seed)
        rows += [{"layer": name, "statistic": key, "value": beside.value, "null_mean": beside.mean, "null_sd": beside.std, "z": beside.z} for key, beside in found.items()]
    return rows


def fields(run: ns.snn.Run) -> Rows:
    """Links of each input before and after training."""
    history = run.history
    name = history.names[0]
    return [{"when": when, "degrees": " ".join(map(str, snapshot.layer(name).out_degrees))} for when, snapshot in (("before", history[0]), ("after", history[-1]))]
