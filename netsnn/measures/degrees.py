"""Degrees: how unequal they are, who the hubs are, and whether hubs link to hubs."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from netsnn.errors import check_within
from netsnn.graph import Layer
from netsnn.measures.checks import check_kind
from netsnn.network import Network

__all__ = ["HUB_RULES", "assortativity", "degrees", "gini", "hub_ids", "hubs", "network_degrees"]

HUB_RULES = {
    "share": "the `value` (a share) of neurons with the largest degrees, ties at the edge included",
    "sigma": "degree above mean + value * standard deviation",
    "count": "degree of at least `value`",
}


def degrees(layer: Layer) -> dict[str, float]:
    """Numbers of the degrees of both sides.

    density: links / (n_in n_out). epsilon: SET's, density = epsilon (n_in + n_out) / (n_in n_out), so epsilon = links / (n_in + n_out).
    For each side (out_degree of inputs, in_degree of outputs): mean, largest, cv (standard deviation / mean), gini, entropy (of the
    neurons' shares of links, over ln of the number of neurons: 1 if all are equal), and how many neurons have no link.

    References
    ----------
    epsilon: Mocanu et al. (2018), Nat. Commun. 9:2383.

    Examples
    --------
    >>> layer = Layer.from_edges([0, 0, 0, 1], [0, 1, 2, 0], shape=(3, 3))
    >>> {name: round(value, 3) for name, value in degrees(layer).items() if name.startswith("out")}
    {'out_degree_mean': 1.333, 'out_degree_max': 3.0, 'out_degree_cv': 0.935, 'out_degree_gini': 0.5, 'out_degree_entropy': 0.512}
    """
    check_kind(layer, Layer, "degrees")
    n_in, n_out = layer.shape
    out = {"n_in": float(n_in), "n_out": float(n_out), "links": float(layer.n_links), "density": layer.density, "sparsity": 1 - layer.density,
           "epsilon": layer.n_links / (n_in + n_out) if n_in + n_out else 0.0}
    for side, d, idle in (("out_degree", layer.out_degrees, "idle_inputs"), ("in_degree", layer.in_degrees, "idle_outputs")):
        d = d.astype(np.float64)
        mean = float(d.mean()) if len(d) else 0.0
        share = d[d > 0] / d.sum() if d.any() else np.ones(1)
        out |= {f"{side}_mean": mean, f"{side}_max": float(d.max(initial=0)), f"{side}_cv": float(d.std() / mean) if mean else 0.0,
                f"{side}_gini": gini(d), f"{side}_entropy": float((share * -np.log(share)).sum() / np.log(len(d)) + 0.0) if len(d) > 1 else 0.0,
                idle: float((d == 0).sum())}
    return out


def gini(values: ArrayLike) -> float:
    """Gini coefficient: half the mean absolute difference of two values, over the mean. 0: all equal; towards 1: one has all.

    With the n values in rising order: G = sum over i = 1 .. n of (2 i - n - 1) x_i / (n sum x). 0 if all values are 0.

    References
    ----------
    Gini (1912), Variabilita e mutabilita.

    Examples
    --------
    >>> gini([1, 1, 1, 1]), gini([0, 0, 0, 4])
    (0.0, 0.75)
    """
    values = np.sort(np.asarray(values, dtype=np.float64))
    if len(values) and values[0] < 0:
        raise ValueError(f"gini needs values of at least 0, got {values[0]}")
    n, total = len(values), values.sum()
    return float(((2 * np.arange(1, n + 1) - n - 1) * values).sum() / (n * total)) if total else 0.0


def hubs(layer: Layer, rule: str = "sigma", value: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    """Ids of the hubs among the inputs and among the outputs, the largest degree first.

    The literature has no fixed definition: see `HUB_RULES`, and state the one you use.

    Parameters
    ----------
    layer : Layer
    rule : str
        A name in `HUB_RULES`.
    value : float
        The rule's number.

    Examples
    --------
    >>> layer = Layer.from_edges([0, 0, 0, 1], [0, 1, 2, 0], shape=(3, 3))
    >>> [ids.tolist() for ids in hubs(layer, "share", 0.3)]
    [[0], [0]]
    """
    check_kind(layer, Layer, "hubs")
    return hub_ids(layer.out_degrees, rule, value), hub_ids(layer.in_degrees, rule, value)


def network_degrees(network: Network) -> tuple[np.ndarray, ...]:
    """Degrees of all neurons of each group: links in and out together.

    Examples
    --------
    >>> network = Network([Layer.from_edges([0, 1], [0, 0], shape=(2, 2)), Layer.from_edges([0], [1], shape=(2, 2))])
    >>> [d.tolist() for d in network_degrees(network)]
    [[1, 1], [3, 0], [0, 1]]
    """
    check_kind(network, Network, "network_degrees")
    into = [np.zeros(network.sizes[0], dtype=np.int64), *(layer.in_degrees for layer in network)]
    out_of = [*(layer.out_degrees for layer in network), np.zeros(network.sizes[-1], dtype=np.int64)]
    return tuple(np.asarray(a, dtype=np.int64) + b for a, b in zip(into, out_of))


def assortativity(layer: Layer) -> float:
    """Pearson correlation over links of the input's and the output's degree; NaN where one side's degrees are all equal.

    With k_i the degree of input i and d_j that of output j: r = cov(k_i, d_j) / (std(k_i) std(d_j)) over the links (i, j).
    Newman's coefficient of the whole graph (igraph, networkx) is another number: it also compares the two sides' mean
    degrees, and is -1 on any complete layer of unequal sides.

    References
    ----------
    Newman (2002), Phys. Rev. Lett. 89:208701 (of graphs with one kind of node); here between the two sides.

    Examples
    --------
    >>> round(assortativity(Layer.from_edges([0, 0, 1], [0, 1, 0], shape=(3, 3))), 3)
    -0.5
    """
    check_kind(layer, Layer, "assortativity")
    row, col = layer.links
    x, y = layer.out_degrees[row].astype(np.float64), layer.in_degrees[col].astype(np.float64)
    if layer.n_links < 2 or not np.ptp(x) or not np.ptp(y):
        return float("nan")
    return pearson(x, y)


def pearson(x: np.ndarray, y: np.ndarray) -> float:
    """Pearson's correlation; in NumPy's own sums, which are the same on any threads."""
    x, y = x - x.mean(), y - y.mean()
    return float((x * y).sum() / np.sqrt((x * x).sum() * (y * y).sum()))


def hub_ids(d: np.ndarray, rule: str, value: float) -> np.ndarray:
    """Ids of the hubs among neurons of degrees d, the largest degree first; see `HUB_RULES`."""
    if rule not in HUB_RULES:
        raise ValueError(f"rule must be one of {', '.join(HUB_RULES)}, got {rule!r}")
    check_within(*("a share", value, "(0, 1]") if rule == "share" else ("value", value, "(-inf, inf)"))
    order = np.argsort(-d, kind="stable")
    if not len(d):
        return order
    if rule == "share":
        edge = d[order[max(1, round(value * len(d))) - 1]]
        chosen = (d[order] >= edge) & (d[order] > 0)
    else:
        chosen = d[order] > d.mean() + value * d.std() if rule == "sigma" else d[order] >= value
    return order[chosen]
