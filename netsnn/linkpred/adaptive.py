"""CHA: the Cannistraci-Hebb score that suits the network, chosen on its own links, with ties ordered by SPcorr."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import scipy.stats
from scipy.sparse.csgraph import connected_components, dijkstra

from netsnn.errors import check_memory
from netsnn.graph import Graph, Layer
from netsnn.linkpred.blocks import DenseRows
from netsnn.linkpred.methods import METHODS
from netsnn.threads import one_blas_thread

__all__ = ["SPCORR", "adaptive", "area_at_thresholds"]

SPCORR = {
    "spearman": "Spearman correlation of shortest-path vectors, links as long as 1 / (1 + score) (Muscoloni, Cannistraci 2022)",
    "pearson": "Pearson correlation of shortest-path vectors, links as long as |score - least positive score - largest score|, "
               "unreachable nodes as far as all components' diameters together (the programs of Abdelhamid et al. 2023)",
    "none": "no order among ties",
}


def adaptive(graph: Layer | Graph, all_scores: Callable[[str], np.ndarray], methods: Sequence[str] | None = None, spcorr: str = "spearman") -> DenseRows:
    """CHA: each pair's rank (from 1, the least likely) under the one of `methods` that best tells links from other pairs.

    All pairs, linked ones too, are ranked by the score and, where it ties, by SPcorr; the method whose ranks have the largest AUC-PR
    of links against other pairs is chosen, the first of equals. Needs arrays of n x n.
    """
    if not isinstance(spcorr, str) or spcorr not in SPCORR:
        raise ValueError(f"spcorr must be one of {', '.join(SPCORR)}, got {spcorr!r}")
    layer = isinstance(graph, Layer)
    if methods is None:
        methods = ("ch2_l3", "ch3_l3") if layer else ("ch2_l2", "ch3_l2", "ch2_l3", "ch3_l3")
    if not isinstance(methods, (str, list, tuple)):
        raise ValueError(f"methods must be names of link scores, got {methods!r}")
    methods = [methods] if isinstance(methods, str) else list(methods)
    wrong = [name for name in methods if not isinstance(name, str) or name not in METHODS or name == "cha"]
    if wrong or not methods:
        raise ValueError(f"cha chooses among link scores, got {wrong[0] if wrong else 'none'!r}")
    if graph.n_links == 0:  # nothing to choose by, and every score is 0
        return DenseRows(graph, lambda rows: np.zeros((len(rows), graph.shape[1])), lambda u, v: np.zeros(len(u)))
    check_memory("cha", graph.shape, 8)
    pairs = tuple(x.ravel() for x in np.indices(graph.shape)) if layer else np.triu_indices(graph.shape[0], 1)
    linked = graph.find(*pairs) >= 0
    areas, chosen, ranks = {}, None, None
    for name in methods:
        score = all_scores(name)
        level = _levels(score[pairs])
        if spcorr != "none":
            level = _levels(_correlation(graph, score, spcorr)[pairs], level)
        at = np.bincount(level[linked], minlength=level.max() + 1)[:0:-1]
        areas[name] = area_at_thresholds(at, np.bincount(level)[:0:-1] - at)
        if chosen is None or areas[name] > areas[chosen]:
            chosen, ranks = name, level
    total = np.zeros(graph.shape)
    total[pairs] = ranks
    if not layer:
        total += total.T
    return DenseRows(graph, lambda rows: total[rows], lambda u, v: total[u, v],
                     stated={"selected": chosen, "spcorr": spcorr, "training auc_pr": areas})


def _levels(value: np.ndarray, first: np.ndarray | None = None) -> np.ndarray:
    """The rank of each value from 1 up, equal ones (within 1e-12) sharing it; `first`, if given, is compared before."""
    first = np.zeros(len(value), dtype=np.int64) if first is None else first
    order = np.lexsort((value, first))
    sorted_value, sorted_first = value[order], first[order]
    step = (np.diff(sorted_value) > 1e-12 * np.maximum(np.abs(sorted_value[1:]), 1e-3)) | (np.diff(sorted_first) > 0)
    out = np.empty(len(value), dtype=np.int64)
    out[order] = np.cumsum(np.append(True, step)[:len(value)])
    return out


def area_at_thresholds(positive: np.ndarray, negative: np.ndarray) -> float:
    """AUC-PR with one point for each group of equal scores, the best first: trapezia, divided by 1 - the first recall. No group is empty."""
    found, seen = np.cumsum(positive), np.cumsum(positive + negative)
    recall, precision = found / found[-1], found / seen
    if recall[0] == 1:
        return float(precision[0])
    return float(np.sum(np.diff(recall) * (precision[1:] + precision[:-1]) / 2) / (1 - recall[0]))


def _correlation(graph: Layer | Graph, score: np.ndarray, kind: str) -> np.ndarray:
    """SPcorr of every pair: how alike the two nodes' distances to all nodes are."""
    row, col = graph.links
    weight = score[row, col]
    if kind == "spearman":
        weight = 1 / (1 + weight)
    else:
        positive = score[score > 0]
        weight = np.abs(weight - positive.min() - score.max()) if len(positive) else np.ones(len(weight))
    whole = graph.to_graph() if isinstance(graph, Layer) else graph
    # to_graph keeps the order of links, so that weights stay aligned
    distance = dijkstra(whole.to_scipy(weight))
    if kind == "spearman":
        distance = scipy.stats.rankdata(np.round(distance, 12), axis=1)  # ties that rounding alone would break
    elif np.isinf(distance).any():
        component = connected_components(whole.to_scipy(), directed=False)[1]
        diameter = np.zeros(component.max() + 1)
        np.maximum.at(diameter, component, np.where(np.isinf(distance), 0, distance).max(axis=1))
        distance[np.isinf(distance)] = diameter.sum()
    distance -= distance.mean(axis=1, keepdims=True)
    spread = np.linalg.norm(distance, axis=1, keepdims=True)
    distance /= np.where(spread > 0, spread, 1)
    first = graph.shape[0] if isinstance(graph, Layer) else 0
    with one_blas_thread():
        return distance[:graph.shape[0]] @ distance[first:].T
