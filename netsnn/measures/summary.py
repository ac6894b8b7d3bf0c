"""All the numbers of a layer, or of a network, at once."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from netsnn.errors import check_whole, type_name
from netsnn.graph import Layer
from netsnn.hints import Seed
from netsnn.measures.change import topology_distance
from netsnn.measures.checks import check_kind
from netsnn.measures.degrees import assortativity, degrees, hubs
from netsnn.measures.modularity import communities
from netsnn.measures.nulls import against_null
from netsnn.measures.organisation import lcp_correlation, structural_consistency
from netsnn.measures.organisation import small_world as _small_world
from netsnn.measures.paths import components, distances
from netsnn.measures.powerlaw import power_law
from netsnn.measures.spectra import spectrum
from netsnn.measures.structure import latapy, nodf, robins_alexander
from netsnn.network import Network

__all__ = ["MEASURES", "network_summary", "summary"]


def _degrees(layer: Layer) -> dict[str, float]:
    """Density, epsilon, mean, spread and inequality of the degrees of both sides."""
    return degrees(layer)


def _hub_counts(layer: Layer) -> dict[str, float]:
    """How many inputs and outputs have more links than mean + 2 sd."""
    inputs, outputs = hubs(layer)
    return {"hub_inputs": float(len(inputs)), "hub_outputs": float(len(outputs))}


def _assortativity(layer: Layer) -> dict[str, float]:
    """Whether links join neurons of alike degrees."""
    return {"assortativity": assortativity(layer)}


def _power_laws(layer: Layer) -> dict[str, float]:
    """Power laws fitted to the degrees, and what else might fit."""
    found: dict[str, float] = {}
    for side, d in (("out_degree", layer.out_degrees), ("in_degree", layer.in_degrees)):
        fit = power_law(d)
        ratios = {a.name: a.log_ratio for a in fit.alternatives}
        found |= {f"{side}_gamma": fit.gamma, f"{side}_xmin": fit.xmin, f"{side}_ks": fit.distance, f"{side}_tail": float(fit.tail),
                  f"{side}_vs_lognormal": ratios.get("lognormal", float("nan")), f"{side}_vs_exponential": ratios.get("exponential", float("nan"))}
    return found


def _clustering(layer: Layer) -> dict[str, float]:
    """Squares among paths of three links (Robins-Alexander), and neighbours in common (Latapy)."""
    inputs, outputs = latapy(layer)
    mean = lambda x: float(x.mean()) if len(x) else 0.0
    return {"clustering": robins_alexander(layer), "clustering_inputs": mean(inputs), "clustering_outputs": mean(outputs)}


def _communities(layer: Layer) -> dict[str, float]:
    """Bipartite communities, and Barber's modularity."""
    found = communities(layer)
    return {"modularity": found.modularity, "communities": float(found.count)}


def _connectivity(layer: Layer) -> dict[str, float]:
    """Components, path lengths, efficiency, diameter."""
    sizes, _ = components(layer)
    found = distances(layer, sources=_sources(sum(layer.shape)))
    return {"components": float(len(sizes)), "giant": float(sizes.max(initial=0) / max(sum(layer.shape), 1)), "path_length": found.mean,
            "efficiency": found.efficiency, "diameter": float(found.diameter)}


def _spectral(layer: Layer) -> dict[str, float]:
    """Largest singular values of the 0/1 wiring, and their gap."""
    return {f"spectral_{name}" if name in ("gap", "irregular") else name: value for name, value in spectrum(layer)._asdict().items()}


def _nestedness(layer: Layer) -> dict[str, float]:
    """NODF: whether neighbours of neurons with few links are among those of neurons with many."""
    return {"nodf": nodf(layer)}


def _lcp(layer: Layer) -> dict[str, float]:
    """LCP-corr: whether local communities of more nodes have more links within."""
    return {"lcp_correlation": lcp_correlation(layer)}


def _small_worlds(layer: Layer) -> dict[str, float]:
    """Sigma and omega against random and lattice layers."""
    found = _small_world(layer, sources=_sources(sum(layer.shape)))
    return {"small_world_sigma": found.sigma, "small_world_omega": found.omega}


def _consistency(layer: Layer) -> dict[str, float]:
    """Structural consistency: how well the spectrum without some links foresees them."""
    return {"structural_consistency": structural_consistency(layer)}


def _sources(n: int) -> int | None:
    """From how many of n neurons distances are taken: all (None), or some where all of them would take time in proportion to the square."""
    return None if n <= 10_000 else 512


MEASURES = {
    "degrees": _degrees,
    "hubs": _hub_counts,
    "assortativity": _assortativity,
    "power_law": _power_laws,
    "clustering": _clustering,
    "modularity": _communities,
    "paths": _connectivity,
    "spectrum": _spectral,
    "nestedness": _nestedness,
    "lcp": _lcp,
    "small_world": _small_worlds,
    "consistency": _consistency,
}
"""Groups of measures by name. `summary` takes all but the last three by default, which take longer: `lcp` lists the communities of all links, the others need null models or whole spectra."""

QUICK = tuple(name for name in MEASURES if name not in ("lcp", "small_world", "consistency"))


def summary(layer: Layer, measures: Iterable[str] | None = None, *, nulls: int = 0, seed: Seed = 0) -> dict[str, float]:
    """A flat dict of named numbers: one row of a table.

    Parameters
    ----------
    measures : names in `MEASURES`, optional
        "all" for everything; by default the quick ones.
    nulls : int
        Draw so many null layers of the same degrees, at least 2, and give NAME_z beside NAME for all that degrees do not decide alone.

    Returns
    -------
    dict
        | name | unit |
        |---|---|
        | n_in, n_out, links, idle_inputs, idle_outputs, hub_inputs, hub_outputs (degree > mean + 2 sd) | count |
        | density, sparsity, giant (largest component) | share, 0 .. 1 |
        | epsilon | links a neuron: links / (n_in + n_out) |
        | out_degree_* of inputs, in_degree_* of outputs: mean, max | links |
        | ... cv, gini, entropy | 1; 0 equal .. 1 unequal, entropy 1 equal |
        | ... gamma, xmin, ks, tail | exponent; links; distance 0 .. 1; neurons in the tail |
        | ... vs_lognormal, vs_exponential | log-likelihood ratio, > 0 for the power law |
        | assortativity, lcp_correlation | correlation, -1 .. 1 |
        | clustering (Robins-Alexander), clustering_inputs, clustering_outputs (Latapy) | 0 .. 1 |
        | modularity (Barber), communities | 0 .. 1; count |
        | components; path_length, diameter; efficiency | count; hops; 0 .. 1 |
        | sigma1, sigma2, spectral_gap, ramanujan, spectral_irregular | singular values of the 0/1 wiring |
        | nodf | 0 .. 100 |
        | small_world_sigma, small_world_omega; structural_consistency | ratio; -1 .. 1; 0 .. 1 |

    Examples
    --------
    >>> from netsnn.wiring import erdos_renyi
    >>> row = summary(erdos_renyi(50, 60, density=0.1, seed=0))
    >>> row["links"], round(row["path_length"], 2)
    (300.0, 3.09)
    """
    if not isinstance(layer, Layer):
        raise ValueError(f"summary is one of a Layer, got {type_name(layer)} (network_summary is one of a Network)")
    if check_whole("nulls", nulls, 0) == 1:
        raise ValueError("nulls must be 0, or at least 2, got 1")
    chosen = _chosen(measures)
    row: dict[str, float] = {}
    for name in chosen:
        row |= {key: float(value) for key, value in MEASURES[name](layer).items()}
    compared = [name for name in chosen if name not in ("degrees", "hubs", "power_law", "small_world")]
    if nulls and compared:
        found = against_null(layer, lambda one: {key: value for name in compared for key, value in MEASURES[name](one).items()}, draws=nulls, seed=seed)
        row |= {f"{key}_z": beside.z for key, beside in found.items()}
    return row


def network_summary(network: Network, *, before: Network | None = None) -> dict[str, float]:
    """Numbers of a whole network: who is alive, what is effective, how many paths, how far neurons are apart.

    active_inputs and active_neurons (ANP: hidden neurons on an input-to-output path, over all hidden ones) are shares; effective_sparsity counts
    only links on such paths; log10_paths is of the exact number. With `before`, distance_to_before is `topology_distance`.

    Examples
    --------
    >>> network = Network([Layer.from_edges([0, 1], [0, 1], (2, 3)), Layer.from_edges([0, 2], [0, 0], (3, 1))])
    >>> {name: round(value, 3) for name, value in network_summary(network).items() if name in ("active_neurons", "effective_links", "log10_paths")}
    {'active_neurons': 0.333, 'effective_links': 2.0, 'log10_paths': 0.0}
    """
    check_kind(network, Network, "network_summary")
    active = network.active
    hidden = np.concatenate([np.zeros(0, dtype=bool), *active[1:-1]])
    effective = network.effective()
    possible = sum(layer.n_in * layer.n_out for layer in network)
    paths = network.n_paths
    sizes, _ = components(network)
    found = distances(network, sources=_sources(sum(network.sizes)))
    row = {"neurons": float(sum(network.sizes)), "links": float(network.n_links), "sparsity": 1 - network.density,
           "active_inputs": float(active[0].mean()) if len(active[0]) else 0.0, "active_neurons": float(hidden.mean()) if len(hidden) else float("nan"),
           "active_outputs": float(active[-1].mean()) if len(active[-1]) else 0.0, "effective_links": float(effective.n_links),
           "effective_sparsity": 1 - effective.n_links / possible if possible else 0.0, "log10_paths": _log10(paths),
           "components": float(len(sizes)), "giant": float(sizes.max(initial=0) / max(sum(network.sizes), 1)), "path_length": found.mean,
           "efficiency": found.efficiency, "diameter": float(found.diameter)}
    if before is not None:
        row["distance_to_before"] = topology_distance(network, before)
    return row


def _chosen(measures: Iterable[str] | None) -> list[str]:
    if measures is None:
        return list(QUICK)
    if isinstance(measures, str):
        measures = list(MEASURES) if measures == "all" else [measures]
    unknown = next((name for name in measures if name not in MEASURES), None)
    if unknown is not None:
        raise ValueError(f"no measure {unknown!r}; measures: {', '.join(MEASURES)}")
    return list(measures)


def _log10(number: int) -> float:
    """log10 of a whole number of any size; -inf for 0."""
    if number <= 0:
        return float("-inf")
    shift = max(0, number.bit_length() - 1000)
    return float(np.log10(float(number >> shift)) + shift * np.log10(2))
