"""The names of the link scores: what each is, and on which graphs it is defined."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

__all__ = ["METHODS", "Method"]

Factor = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Method:
    """A link score.

    `factor` is the value of one node inside the local community as a function of its degree d, its internal links i and its
    external links e (the links to the two ends are neither).
    """

    name: str
    family: str
    bipartite: bool
    unipartite: bool
    formula: str
    paper: str
    factor: Factor | None = field(default=None, repr=False)
    options: tuple[str, ...] = ()


CANNISTRACI_2018 = "Muscoloni, Abdelhamid, Cannistraci, bioRxiv 346916 (2018)"
CHT = "Zhang et al., Epitopological learning and Cannistraci-Hebb network shape intelligence, ICLR 2024"
CHTS = "Zhang et al., Brain network science modelling of sparse neural networks (CHTs), arXiv 2501.19107 (2025)"
DAMINELLI = "Daminelli et al., New J. Phys. 17:113037 (2015)"
CHA = "Muscoloni, Cannistraci, Adaptive network automata modelling of complex networks, iScience 26:105697 (2022)"
CAR_PAPER = "Cannistraci, Alanis-Lobato, Ravasi, Sci. Rep. 3:1613 (2013); bipartite: Daminelli et al., New J. Phys. 17:113037 (2015)"
NODES = "; internal = links to any node on an L3 path (the 2018-2022 definition)"

ra: Factor = lambda d, i, e: 1 / d
cra: Factor = lambda d, i, e: i / d
ch1: Factor = lambda d, i, e: np.sqrt(i / d)
ch2: Factor = lambda d, i, e: np.sqrt((1 + i) / (1 + e))
ch3: Factor = lambda d, i, e: 1 / np.sqrt(1 + e)

_ALL = [
    Method("cn", "local", False, True, "|N(u) & N(v)|", "Newman, Phys. Rev. E 64:025102 (2001)", lambda d, i, e: np.ones_like(d)),
    Method("jaccard", "local", False, True, "|N(u) & N(v)| / |N(u) | N(v)|", "Jaccard, Bull. Soc. Vaud. 37:547 (1901)",
           lambda d, i, e: np.ones_like(d)),
    Method("aa", "local", False, True, "sum over common neighbours z of 1 / ln d(z)", "Adamic, Adar, Soc. Networks 25:211 (2003)",
           lambda d, i, e: 1 / np.log(d)),
    Method("ra", "local", False, True, "sum over common neighbours z of 1 / d(z)", "Zhou, Lu, Zhang, Eur. Phys. J. B 71:623 (2009)", ra),
    Method("pa", "local", True, True, "d(u) d(v)", "Barabasi, Albert, Science 286:509 (1999)"),
    Method("l3", "path", True, True, "sum over L3 paths u-a-b-v of 1 / sqrt(d(a) d(b))", "Kovacs et al., Nat. Commun. 10:1240 (2019)",
           lambda d, i, e: 1 / np.sqrt(d)),
    Method("lp", "path", True, True, "(A^2 + eps A^3)[u,v]; eps = 0.01", "Zhou, Lu, Zhang, Eur. Phys. J. B 71:623 (2009)", None, ("eps",)),
    Method("katz", "spectral", True, True, "sum for l = 1 .. length of beta^l (A^l)[u,v]; beta = 0.5 / largest eigenvalue, length unbounded",
           "Katz, Psychometrika 18:39 (1953)", None, ("beta", "length")),
    Method("spm", "spectral", True, True, "mean over perturbations of sum_k (x_k' A x_k) x_k x_k' with x_k of the perturbed graph",
           "Lu, Pan, Zhou, Zhang, Stanley, PNAS 112:2325 (2015)", None, ("fraction", "repeats")),
    Method("ch1_l2", "cannistraci-hebb", False, True, "sum over common neighbours z of i(z) / d(z)", CANNISTRACI_2018, cra),
    Method("ch2_l2", "cannistraci-hebb", False, True, "sum over common neighbours z of (1 + i(z)) / (1 + e(z))", CANNISTRACI_2018,
           lambda d, i, e: (1 + i) / (1 + e)),
    Method("ch3_l2", "cannistraci-hebb", False, True, "sum over common neighbours z of 1 / (1 + e(z))", CANNISTRACI_2018,
           lambda d, i, e: 1 / (1 + e)),
    Method("ch1_l3", "cannistraci-hebb", True, True, "sum over L3 paths u-a-b-v of sqrt(i(a) i(b) / (d(a) d(b)))", CHT, ch1),
    Method("ch2_l3", "cannistraci-hebb", True, True, "sum over L3 paths of sqrt((1 + i(a)) (1 + i(b)) / ((1 + e(a)) (1 + e(b))))", CHT, ch2),
    Method("ch3_l3", "cannistraci-hebb", True, True, "sum over L3 paths of 1 / sqrt((1 + e(a)) (1 + e(b)))", CHT, ch3),
    Method("ch31_l3", "cannistraci-hebb", True, True, "sum over L3 paths of 1 / sqrt((1/(1+i(a)) + e(a)) (1/(1+i(b)) + e(b)))", CHT,
           lambda d, i, e: 1 / np.sqrt(1 / (1 + i) + e)),
    Method("ilcl_l3", "cannistraci-hebb", True, True, "sum over L3 paths of sqrt(i(a) i(b) / ((1 + i(a)) (1 + i(b))))", CHT,
           lambda d, i, e: np.sqrt(i / (1 + i))),
    Method("ch1_l3_nodes", "cannistraci-hebb", True, True, "as ch1_l3" + NODES, CANNISTRACI_2018, ch1),
    Method("ch2_l3_nodes", "cannistraci-hebb", True, True, "as ch2_l3" + NODES, CANNISTRACI_2018, ch2),
    Method("ch3_l3_nodes", "cannistraci-hebb", True, True, "as ch3_l3" + NODES, CANNISTRACI_2018, ch3),
    Method("ch2_l3n", "cannistraci-hebb", True, False, "sum over nodes z on L3 paths, once each, of (1 + i(z)) / (1 + e(z))", CHTS,
           lambda d, i, e: (1 + i) / (1 + e)),
    Method("ch3_l3n", "cannistraci-hebb", True, False, "sum over nodes z on L3 paths, once each, of 1 / (1 + e(z))", CHTS,
           lambda d, i, e: 1 / (1 + e)),
    Method("lcl", "car", True, True, "number of links within the local community", CAR_PAPER, lambda d, i, e: i / 2),
    Method("car", "car", True, True, "CN lcl, with CN the number of nodes in the local community", CAR_PAPER),
    Method("cpa", "car", True, True, "f(u) f(v) + f(u) CAR + f(v) CAR + CAR^2, with f the neighbours outside the local community", CAR_PAPER),
    Method("cra", "car", True, True, "sum over nodes z of the local community of i(z) / d(z)", CAR_PAPER, cra),
    Method("caa", "car", True, True, "sum over nodes z of the local community of i(z) / log2 d(z)", CAR_PAPER, lambda d, i, e: i / np.log2(d)),
    Method("cjc", "car", True, True, "CAR / |N(u) | N(v)|", CAR_PAPER),
    Method("bcn", "car", True, False, "CN, the number of nodes on L3 paths u-a-b-v", DAMINELLI, lambda d, i, e: np.ones_like(d)),
    Method("bjc", "car", True, False, "CN / |N(u) | N(v)|", DAMINELLI),
    Method("baa", "car", True, False, "sum over nodes z on L3 paths, once each, of 1 / ln d(z)", DAMINELLI, lambda d, i, e: 1 / np.log(d)),
    Method("bra", "car", True, False, "sum over nodes z on L3 paths, once each, of 1 / d(z)", DAMINELLI, ra),
    Method("cha", "adaptive", True, True, "rank under the one of the Cannistraci-Hebb scores (graphs: ch2_l2 ch3_l2 ch2_l3 ch3_l3; layers: ch2_l3 ch3_l3) "
           "that best tells the links from other pairs, ties ordered by SPcorr (spearman or pearson)", CHA, None, ("methods", "spcorr")),
]

METHODS: dict[str, Method] = {method.name: method for method in _ALL}
METHODS["ra_l3"] = METHODS["l3"]
