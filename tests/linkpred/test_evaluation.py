import itertools
import tracemalloc

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st

import netsnn as ns
from netsnn.linkpred import METRICS, Evaluation, evaluate, evaluate_nodes
from tests.linkpred.test_scores import random_graph, random_layer

SCORED = st.integers(2, 8).flatmap(lambda n: st.tuples(
    st.lists(st.integers(0, 1), min_size=n, max_size=n), st.lists(st.sampled_from([0.0, 1.0, 1.5, 3.0]), min_size=n, max_size=n))
).filter(lambda x: 0 < sum(x[0]) < len(x[0]))


def by_rank(labels):
    """Every metric of one strict order, from the definitions, one candidate at a time (labels: the best first)."""
    labels = np.asarray(labels)
    p, n = int(labels.sum()), int((1 - labels).sum())
    tp, fp, rank = np.cumsum(labels), np.cumsum(1 - labels), np.arange(1, len(labels) + 1)
    precision, recall = tp / rank, tp / p
    x, m = np.log(1 + fp) / np.log(1 + n), np.log(1 + tp) / np.log(1 + p)
    random = np.log(1 + fp * p / n) / np.log(1 + p)
    with np.errstate(invalid="ignore", divide="ignore"):
        y = (m - random) / (1 - random) * (1 - x) + x
    y[fp == n] = 1
    area = lambda x, y: sum((b - a) * (c + d) / 2 for a, b, c, d in zip(x[:-1], x[1:], y[:-1], y[1:]))
    h = tp[p - 1]
    wrong = p - h
    scale = np.sqrt(float(p) * p * n * n)
    return {
        "precision": precision[p - 1],
        "average_precision": precision[labels == 1].mean(),
        "auc_pr": 1.0 if recall[0] == 1 else area(recall, precision) / (1 - recall[0]),
        "auc_precision": precision[0] if p == 1 else area(np.arange(1, p + 1), precision[:p]) / (p - 1),
        "auc_roc": area(np.append(0, fp / n), np.append(0, recall)),
        "auc_mroc": area(np.append(0, x), np.append(0, y)),
        "ndcg": (labels / np.log(1 + rank)).sum() / (1 / np.log(1 + np.arange(1, p + 1))).sum(),
        "mcc": (h * (n - wrong) - wrong * wrong) / scale,
    }


def all_orders(labels, scores):
    """Labels in every order that the scores allow: each permutation within ties."""
    groups = [[y for y, s in zip(labels, scores) if s == value] for value in sorted(set(scores), reverse=True)]
    for parts in itertools.product(*(list(itertools.permutations(group)) for group in groups)):
        yield [y for part in parts for y in part]


@settings(max_examples=60, deadline=None)
@given(SCORED)
def test_every_metric_is_its_mean_over_all_orders_of_ties(case):
    values = [by_rank(order) for order in all_orders(*case)]
    found = Evaluation.from_scores(*case).summary()
    assert set(found) == set(METRICS) == set(values[0])
    for name in METRICS:
        assert found[name] == pytest.approx(np.mean([value[name] for value in values]), abs=1e-12), name


def test_shuffles_of_large_ties_agree():
    rng = np.random.default_rng(0)
    labels, scores = (rng.random(3000) < 0.05).astype(int), np.floor(rng.exponential(1.5, 3000) + rng.random(3000) * 0.4)
    found = Evaluation.from_scores(labels, scores).summary()
    values = []
    for _ in range(400):
        order = np.lexsort((rng.random(3000), -scores))
        values.append(by_rank(labels[order]))
    for name in METRICS:
        mine = np.array([value[name] for value in values])
        assert abs(mine.mean() - found[name]) < 4.5 * mine.std() / 20 + 1e-12, name


@pytest.mark.parametrize("n", [20_000, 300_000])
def test_long_rankings_without_ties_follow_the_definitions(n):
    rng = np.random.default_rng(n)
    labels = np.zeros(n, dtype=int)
    labels[rng.choice(n, 200, replace=False)] = 1
    scores = rng.permutation(n) + labels * n * rng.random(n)
    found = Evaluation.from_scores(labels, scores).summary()
    expected = by_rank(labels[np.argsort(-scores)])
    for name in METRICS:
        assert found[name] == pytest.approx(expected[name], rel=1e-9), name


def test_one_huge_tie_follows_the_sums_over_its_places():
    """All candidates tie: the expectation as a sum over ranks of hypergeometric laws, with no shortcut."""
    p, n = 3, 60_000
    found = Evaluation(np.array([p]), np.array([n]))
    rank = np.arange(1, p + n + 1, dtype=float)
    share = p / (p + n)
    before = (rank - 1) * (p - 1) / (p + n - 1)
    assert found.average_precision == pytest.approx((share * (1 + before) / rank).sum() / p, rel=1e-12)
    assert found.ndcg == pytest.approx(share * (1 / np.log(1 + rank)).sum() / (1 / np.log([2, 3, 4])).sum(), rel=1e-10)
    assert found.auc_roc == 0.5 and found.precision() == pytest.approx(share)
    from scipy.stats import nhypergeom

    f = np.arange(n, dtype=float)
    # test links before the negative that f others precede: a negative hypergeometric law
    mean = sum(np.log(1 + t) * nhypergeom(p + n, p, f + 1).pmf(t) for t in range(1, p + 1)) / np.log(1 + p)
    x = lambda f: np.log1p(f) / np.log1p(n)
    r = lambda f: np.log1p(f * p / n) / np.log1p(p)
    with np.errstate(invalid="ignore", divide="ignore"):
        height = lambda f: np.where(f >= n, 1, (mean - r(f)) / (1 - r(f)) * (1 - x(f)) + x(f))
        area = ((x(f + 1) - x(f)) * (height(f) + height(f + 1)) / 2).sum()
    assert found.auc_mroc == pytest.approx(area, rel=1e-8)


@settings(max_examples=60, deadline=None)
@given(SCORED)
def test_scikit_learn_agrees_where_its_definition_is_the_same(case):
    labels, scores = case
    found = Evaluation.from_scores(labels, scores)
    assert found.auc_roc == pytest.approx(sklearn.metrics.roc_auc_score(labels, scores))
    assert found.ndcg == pytest.approx(sklearn.metrics.ndcg_score([labels], [scores]))  # it averages over ties too
    strict = np.array(scores) + np.arange(len(scores)) * 1e-3  # with ties its average precision takes each group's last rank
    strict_found = Evaluation.from_scores(labels, strict)
    assert strict_found.average_precision == pytest.approx(sklearn.metrics.average_precision_score(labels, strict))
    order = np.argsort(-strict)
    p = sum(labels)
    assert strict_found.mcc() == pytest.approx(sklearn.metrics.matthews_corrcoef(np.array(labels)[order], np.arange(len(labels)) < p))


@settings(max_examples=40, deadline=None)
@given(SCORED)
def test_auc_pr_at_thresholds_has_one_point_a_score(case):
    labels, scores = (np.array(x) for x in case)
    precision, recall, _ = sklearn.metrics.precision_recall_curve(labels, scores)
    precision, recall = precision[:-1][::-1], recall[:-1][::-1]  # without scikit-learn's own first point
    expected = precision[0] if recall[0] == 1 else np.trapezoid(precision, recall) / (1 - recall[0])
    # the curve of scikit-learn ends once recall is 1, where no area is left
    assert Evaluation.from_scores(labels, scores).auc_pr_thresholds == pytest.approx(expected)


def test_perfect_and_random_rankings_have_known_values():
    perfect = Evaluation(np.array([50, 0]), np.array([0, 5000]))
    assert all(perfect.metric(name) == pytest.approx(1) for name in METRICS)
    random = Evaluation(np.array([50]), np.array([5000]))
    assert random.auc_roc == 0.5 and random.auc_mroc == pytest.approx(0.5, abs=0.02) and random.mcc() == pytest.approx(0)


def test_curves_end_with_everything_found():
    rank, hits, false = Evaluation.from_scores([1, 0, 1, 0, 0], [5, 4, 3, 3, 1]).curve()
    assert rank.tolist() == [1, 2, 3, 4, 5] and hits.tolist() == [1, 1, 1.5, 2, 2] and (hits + false == rank).all()


def hide(graph, count, seed):
    hidden = np.zeros(graph.n_links, dtype=bool)
    hidden[np.random.default_rng(seed).choice(graph.n_links, count, replace=False)] = True
    return graph.select(~hidden), tuple(x[hidden].astype(np.int64) for x in graph.links)


CASES = [(random_graph(60, 0.15, 0), m) for m in ("cn", "aa", "l3", "pa", "katz", "lp", "spm", "ch2_l2", "ch3_l3", "cpa", "cha")] + \
        [(random_layer((40, 55), 0.12, 1), m) for m in ("l3", "pa", "katz", "spm", "ch3_l3", "ch3_l3n", "car", "cpa", "bjc", "cha")]


@pytest.mark.parametrize(("graph", "method"), CASES)
def test_streaming_gives_what_the_array_of_all_scores_gives(graph, method):
    train, test = hide(graph, 30, 0)
    found = evaluate(train, method, test, seed=3)
    every = ns.linkpred.scores(train, method, seed=3)
    labels = np.zeros(graph.shape, dtype=int)
    labels[test] = 1
    free = ~train.to_dense() if isinstance(graph, ns.Layer) else np.triu(~train.to_dense(), 1)
    expected = Evaluation.from_scores(labels[free], every[free])
    assert found.n_positive == 30 and found.n_negative == free.sum() - 30
    for name in METRICS:
        assert found.metric(name) == pytest.approx(expected.metric(name), rel=1e-10), name


@pytest.mark.parametrize(("graph", "method"), CASES)
def test_nodes_rank_their_own_candidates(graph, method):
    train, test = hide(graph, 30, 1)
    found = evaluate_nodes(train, method, test, 5, seed=3)
    every = ns.linkpred.scores(train, method, seed=3)
    free, truth = ~train.to_dense(), np.zeros(graph.shape, dtype=int)
    truth[test] = 1
    if isinstance(graph, ns.Layer):
        rows = [(truth[i], every[i], free[i]) for i in range(graph.n_in)] + [(truth[:, j], every[:, j], free[:, j]) for j in range(graph.n_out)]
    else:
        truth |= truth.T
        free &= ~np.eye(graph.n, dtype=bool)
        rows = [(truth[i], every[i], free[i]) for i in range(graph.n)]
    wanted = [i for i, (t, _, _) in enumerate(rows) if t.any()]
    assert found.nodes.tolist() == wanted
    for i, hits, links in zip(wanted, found.hits, found.test_links):
        t, s, f = rows[i]
        expected = Evaluation.from_scores(t[f], s[f]).hits(5)
        assert hits == pytest.approx(float(expected)) and links == t.sum()
    np.testing.assert_allclose(found.vcmpr, np.maximum(found.precision, found.recall))


def test_given_negatives_are_the_only_other_candidates():
    train, test = hide(random_graph(60, 0.15, 0), 20, 0)
    u, v = np.nonzero(np.triu(~train.to_dense(), 1))
    others = np.setdiff1d(u * 60 + v, test[0] * 60 + test[1])[::7]
    negatives = others // 60, others % 60
    found = evaluate(train, "ra", test, negatives=negatives)
    scores = ns.linkpred.scores(train, "ra", pairs=tuple(np.concatenate(x) for x in zip(test, negatives)))
    expected = Evaluation.from_scores(np.repeat([1, 0], [20, len(others)]), scores)
    assert found.summary() == pytest.approx(expected.summary())
    with pytest.raises(ValueError, match="negatives holds some of the test links"):
        evaluate(train, "ra", test, negatives=test)


def test_rounding_makes_no_order_among_equal_scores():
    """In a complete bipartite layer less one link for each of many equal inputs, all candidates are alike."""
    mask = np.ones((40, 40), dtype=bool)
    mask[np.arange(40), np.arange(40)] = False
    train = ns.Layer.from_dense(mask)
    for method in ("l3", "ch2_l3", "ch3_l3", "katz", "cha"):
        found = evaluate(train, method, ([0, 1, 2], [0, 1, 2]))
        assert found.positive.tolist() == [3] and found.negative.tolist() == [37], method


def test_the_number_of_threads_does_not_matter(monkeypatch):
    train, test = hide(random_graph(300, 0.05, 2), 100, 0)
    values = []
    for threads in ("1", "2", "5"):
        monkeypatch.setenv("NETSNN_THREADS", threads)
        values.append([evaluate(train, method, test).summary() for method in ("ra", "ch3_l3", "katz")])
    assert values[0] == values[1] == values[2]


def test_ten_thousand_nodes_need_no_array_of_all_pairs():
    rng = np.random.default_rng(0)
    u, v = np.sort(rng.integers(10_000, size=(2, 60_000)), axis=0)
    graph = ns.Graph.from_edges(u[u != v], v[u != v], 10_000, simplify=True)
    train, test = hide(graph, 5000, 0)
    evaluate(train, "ra", test)  # compiled
    tracemalloc.start()
    found = evaluate(train, "ra", test)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.n_negative == 10_000 * 9999 // 2 - graph.n_links
    assert peak < 60e6  # the scores of all pairs alone would be 400 MB


def test_a_function_is_a_method():
    train, test = hide(random_graph(40, 0.2, 0), 15, 0)

    def product(graph):
        return np.outer(graph.degrees, graph.degrees)

    assert evaluate(train, product, test).summary() == evaluate(train, "pa", test).summary()
    sparse = evaluate(train, lambda graph, power: (graph.to_scipy() ** 0 if power == 0 else graph.to_scipy() @ graph.to_scipy()), test, power=1)
    assert sparse.summary() == pytest.approx(evaluate(train, "cn", test).summary())
    noisy = lambda graph, seed: np.random.default_rng(seed).random(graph.n)[:, None] + np.zeros((1, graph.n))
    with pytest.raises(ValueError, match=r"must return a symmetric array for an undirected graph; it differs from its transpose by up to 0\.9"):
        evaluate(train, noisy, test, seed=1)
    with pytest.raises(ValueError, match=r"product must return scores of shape \(3, 4\), got \(3,\)"):
        def product(graph):
            return np.zeros(3)
        evaluate(random_layer((3, 4), 0, 0), product, ([0], [0]))
    with pytest.raises(ValueError, match="must return finite numbers only"):
        evaluate(train, lambda graph: np.full(graph.shape, np.nan), test)


@pytest.mark.parametrize(("test", "message"), [
    (([], []), "test holds no links"),
    (([0], [1]), "test holds 0 - 1, which is a link of the training graph"),
    (([0, 2], [2, 0]), "test holds 0 - 2 twice"),
    (([0], [0]), "test holds node 0 with itself"),
    (([0], [9]), r"v of test holds 9, outside 0 \.\. 2"),
    (([0, 1], [2]), "u and v of test must have the same length, got 2 and 1"),
])
def test_a_wrong_test_set_is_named(test, message):
    with pytest.raises(ValueError, match=message):
        evaluate(ns.Graph.from_edges([0, 1], [1, 2], 3), "ra", test)


def test_wrong_labels_and_scores_are_named():
    for labels, scores, message in (([0, 0], [1, 2], "needs at least one test link"), ([0, 2], [1, 2], "labels must be 0 or 1"),
                                    ([0, 1], [1, np.nan], "the score of candidate number 1 is NaN"), ([0, 1], [1], "same length")):
        with pytest.raises(ValueError, match=message):
            Evaluation.from_scores(labels, scores)
    with pytest.raises(ValueError, match="k must be a whole number of at least 1, got 0"):
        Evaluation.from_scores([1, 0], [1, 2]).precision(0)
    with pytest.raises(ValueError, match="no metric 'auc'; metrics: precision, average_precision"):
        Evaluation.from_scores([1, 0], [1, 2]).metric("auc")
