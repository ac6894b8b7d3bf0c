"""Link scores from their definitions alone: every path of every pair is listed. Slow, and independent of netsnn."""

from itertools import product
from math import log, log2, sqrt

import numpy as np


def paths(neighbours, u, v, length):
    """Intermediate nodes of all simple paths of 2 or 3 links from u to v."""
    if length == 2:
        return [(z,) for z in neighbours[u] if z in neighbours[v] and z not in (u, v)]
    return [(a, b) for a in neighbours[u] if a != v for b in neighbours[a] if b not in (u, a, v) and b in neighbours[v]]


def community(neighbours, found, u, v, of_nodes):
    """Internal and external links of every intermediate node."""
    members = {z for path in found for z in path}
    if of_nodes:
        links = {frozenset((z, w)) for z in members for w in neighbours[z] & members}
    else:
        links = {frozenset(path) for path in found}
    inner = {z: sum(z in link for link in links) for z in members}
    outer = {z: len(neighbours[z]) - inner[z] - (u in neighbours[z]) - (v in neighbours[z]) for z in members}
    return inner, outer


CH = {
    "ch1": lambda d, i, e: i / d,
    "ch2": lambda d, i, e: (1 + i) / (1 + e),
    "ch3": lambda d, i, e: 1 / (1 + e),
    "ch31": lambda d, i, e: 1 / (1 / (1 + i) + e),
    "ilcl": lambda d, i, e: i / (1 + i),
    "l3": lambda d, i, e: 1 / d,
}


CAR = ("lcl", "car", "cpa", "cra", "caa", "cjc", "bcn", "bjc", "baa", "bra")


def score(neighbours, u, v, method, bipartite):
    degree = {z: len(near) for z, near in neighbours.items()}
    if method == "pa":
        return degree[u] * degree[v]
    shared = neighbours[u] & neighbours[v]
    if method == "cn":
        return len(shared)
    if method == "jaccard":
        return len(shared) / len(neighbours[u] | neighbours[v]) if shared else 0
    if method == "aa":
        return sum(1 / log(degree[z]) for z in shared)
    if method == "ra":
        return sum(1 / degree[z] for z in shared)
    long = method == "ra_l3" or "l3" in method or (bipartite and method in CAR)
    found = paths(neighbours, u, v, 3 if long else 2)
    inner, outer = community(neighbours, found, u, v, of_nodes=not long or method.endswith("_nodes"))
    if method in CAR:
        union = len(neighbours[u] | neighbours[v])
        lcl = sum(inner.values()) / 2
        car = len(inner) * lcl
        free_u, free_v = len(neighbours[u] - set(inner) - {v}), len(neighbours[v] - set(inner) - {u})
        return {"lcl": lcl, "car": car, "cra": sum(inner[z] / degree[z] for z in inner),
                "caa": sum(inner[z] / log2(degree[z]) for z in inner), "cjc": car / union if car else 0,
                "bcn": len(inner), "bjc": len(inner) / union if inner else 0, "baa": sum(1 / log(degree[z]) for z in inner),
                "bra": sum(1 / degree[z] for z in inner),
                "cpa": free_u * free_v + free_u * car + free_v * car + car**2}[method]
    factor = CH[method.removesuffix("_nodes").removesuffix("n").removesuffix("_l3").removesuffix("_l2").replace("ra", "l3")]
    value = {z: factor(degree[z], inner[z], outer[z]) for z in inner}
    if method.endswith("n"):
        return sum(value.values())
    return sum(value[p[0]] if len(p) == 1 else sqrt(value[p[0]] * value[p[1]]) for p in found)


def all_scores(adjacency, method, n_left=None):
    """Scores of all pairs, linked or not; of the cross pairs of a bipartite graph whose first n_left nodes are one side."""
    n = len(adjacency)
    neighbours = {i: set(np.flatnonzero(adjacency[i]).tolist()) for i in range(n)}
    if n_left is None:
        out = np.zeros((n, n))
        for u, v in product(range(n), repeat=2):
            if u != v:
                out[u, v] = score(neighbours, u, v, method, False)
        return out
    return np.array([[score(neighbours, u, v, method, True) for v in range(n_left, n)] for u in range(n_left)]
                    ).reshape(n_left, n - n_left)
