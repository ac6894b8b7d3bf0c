"""CHA against a slow program written from its description: Dijkstra by networkx, Spearman by scipy, ranks by sorting tuples."""

import networkx as nx
import numpy as np
import pytest
import scipy.stats
import sklearn.metrics

import netsnn as ns
from netsnn.linkpred import best, scores
from tests.linkpred.test_scores import random_graph, random_layer


def reference(graph, methods, spcorr):
    layer = isinstance(graph, ns.Layer)
    shift = graph.n_in if layer else 0
    whole = graph.to_graph() if layer else graph
    pairs = [(u, v) for u in range(graph.shape[0]) for v in range(graph.shape[1]) if layer or u < v]
    linked = [bool(graph.find([u], [v])[0] >= 0) for u, v in pairs]
    best_area, answer = -1, None
    for method in methods:
        s = scores(graph, method, links=True)
        key = [(round(s[u, v], 9), 0) for u, v in pairs]
        if spcorr != "none":
            net = nx.Graph()
            net.add_nodes_from(range(whole.n))
            least, most = (s[s > 0].min(), s.max()) if (s > 0).any() else (0, 0)
            for u, v in zip(*graph.links):
                net.add_edge(int(u), int(v) + shift, weight=1 / (1 + s[u, v]) if spcorr == "spearman" else abs(s[u, v] - least - most))
            distance = np.full((whole.n, whole.n), np.inf)
            for source, found in nx.all_pairs_dijkstra_path_length(net):
                for target, d in found.items():
                    distance[source, target] = round(d, 11)
            if spcorr == "spearman":
                correlate = lambda a, b: scipy.stats.spearmanr(a, b).statistic
            else:
                correlate = lambda a, b: np.corrcoef(a, b)[0, 1]
                total = sum(max(distance[a, b] for a in part for b in part) for part in nx.connected_components(net))
                distance[np.isinf(distance)] = total
            key = [(k[0], round(correlate(distance[u], distance[v + shift]), 9)) for k, (u, v) in zip(key, pairs)]
        ranks = {k: i + 1 for i, k in enumerate(sorted(set(key)))}
        rank = np.array([ranks[k] for k in key])
        precision, recall, _ = sklearn.metrics.precision_recall_curve(linked, rank)
        precision, recall = precision[:-1][::-1], recall[:-1][::-1]
        area = precision[0] if recall[0] == 1 else np.trapezoid(precision, recall) / (1 - recall[0])
        if area > best_area + 1e-12:
            best_area, answer = area, (method, rank)
    return answer, pairs, best_area


CASES = [random_graph(25, 0.2, 1), random_graph(30, 0.06, 2), random_layer((14, 18), 0.2, 3), random_layer((15, 15), 0.08, 0)]


@pytest.mark.parametrize("spcorr", ["spearman", "pearson", "none"])
@pytest.mark.parametrize("graph", CASES)
def test_cha_follows_its_description(graph, spcorr):
    methods = ("ch2_l3", "ch3_l3") if isinstance(graph, ns.Layer) else ("ch2_l2", "ch3_l2", "ch2_l3", "ch3_l3")
    (name, ranks), pairs, area = reference(graph, methods, spcorr)
    from netsnn.linkpred.scorers import make_scorer

    scorer = make_scorer(graph, "cha", options={"spcorr": spcorr})
    assert scorer.stated["selected"] == name and scorer.stated["training auc_pr"][name] == pytest.approx(area)
    found = scores(graph, "cha", spcorr=spcorr, links=True)
    assert [found[p] for p in pairs] == ranks.tolist()


def test_spcorr_orders_ties_of_one_score():
    graph = CASES[1]
    plain, ordered = scores(graph, "ch3_l3"), scores(graph, "cha", methods="ch3_l3")
    free = np.triu(~graph.to_dense(), 1)
    a, b = plain[free], ordered[free]
    assert len(np.unique(b)) > len(np.unique(a))
    order = np.argsort(b, kind="stable")
    assert (np.diff(a[order]) > -1e-12).all()  # never against the score


def test_cha_is_a_method_like_any_other():
    u, v, rank = best(CASES[2], "cha", 5, seed=0)
    assert len(u) == 5 and (CASES[2].find(u, v) < 0).all() and (np.diff(rank) <= 0).all()


@pytest.mark.parametrize(("options", "message"), [
    ({"spcorr": "kendall"}, "spcorr must be one of spearman, pearson, none, got 'kendall'"),
    ({"methods": ["ra", "best"]}, "cha chooses among link scores, got 'best'"),
    ({"methods": ["cha"]}, "cha chooses among link scores, got 'cha'"),
    ({"beta": 1}, "'cha' has no option 'beta'; options: methods, spcorr"),
])
def test_wrong_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        scores(CASES[0], "cha", **options)
