"""How well a ranking of candidate pairs finds the test links: every metric from one small summary of the ranking.

Scores stream past in blocks and are only counted, between and at the scores of the test links. These counts (an
`Evaluation`) hold all that the metrics need: candidates without a test link among them matter by their number alone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
import scipy.integrate
import scipy.special
from numpy.typing import ArrayLike

from netsnn.errors import check_whole
from netsnn.graph import Graph, Layer
from netsnn.hints import Pairs, Seed
from netsnn.linkpred.adaptive import area_at_thresholds
from netsnn.linkpred.blocks import DenseBlock, RowsBlock
from netsnn.linkpred.scorers import Scorer, check_pairs, free_pairs, make_scorer

__all__ = ["METRICS", "Evaluation", "NodeEvaluation", "evaluate", "evaluate_nodes"]

METRICS = {
    "precision": "share of test links among the P best candidates, P the number of test links",
    "average_precision": "mean over test links of the precision at their rank (no interpolation; scikit-learn's average_precision_score)",
    "auc_pr": "the Cannistraci-Hebb papers' AUC-PR: trapezia under precision over recall, from the first candidate on, "
              "divided by 1 - its recall",
    "auc_precision": "trapezia under the precision at 1 .. P, divided by P - 1",
    "auc_roc": "chance that a test link stands before another candidate",
    "auc_mroc": "area under the modified ROC curve (Muscoloni, Cannistraci 2022): ln(1 + TP) over ln(1 + FP), normalised so that a random ranking "
                "gives 0.5",
    "ndcg": "normalised discounted cumulative gain: sum over test links of 1 / ln(1 + rank), divided by that of a perfect ranking",
    "mcc": "Matthews correlation of the P best candidates with the test links",
}


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A ranking as groups of tied candidates, the best first: how many test links and how many others each group holds.

    Every metric is the expected value over all orders of the candidates within each group, in closed form (sums over
    long groups to about 1e-10). Without ties it is the metric itself. Groups without a test link may hold different scores: no metric asks.
    """

    positive: np.ndarray
    negative: np.ndarray

    def __post_init__(self) -> None:
        if not self.n_positive:
            raise ValueError("an evaluation needs at least one test link")

    @classmethod
    def from_scores(cls, labels: ArrayLike, scores: ArrayLike) -> Evaluation:
        """From arrays: labels (1 or True for test links) and scores (higher is better) of all candidates.

        >>> round(Evaluation.from_scores([1, 0, 1, 0], [0.9, 0.5, 0.5, 0.1]).average_precision, 3)
        0.917
        """
        labels, scores = np.asarray(labels), np.asarray(scores, dtype=np.float64)
        if labels.shape != scores.shape or labels.ndim != 1:
            raise ValueError(f"labels and scores must be two arrays of the same length, got shapes {labels.shape} and {scores.shape}")
        if not np.isin(labels, (0, 1)).all():
            raise ValueError("labels must be 0 or 1")
        if np.isnan(scores).any():
            raise ValueError(f"the score of candidate number {int(np.isnan(scores).argmax())} is NaN")
        labels = labels.astype(bool)
        counts = _Tally(scores[labels]).add(scores[~labels])
        return counts.evaluation(0)

    @property
    def n_positive(self) -> int:
        """P, the number of test links."""
        return int(self.positive.sum())

    @property
    def n_negative(self) -> int:
        """N, the number of other candidates."""
        return int(self.negative.sum())

    @cached_property
    def _ends(self) -> tuple[np.ndarray, np.ndarray]:
        """Candidates and test links up to and including each group, from 0."""
        ends, ends_positive = (np.concatenate([[0], np.cumsum(x)]).astype(np.float64) for x in (self.positive + self.negative, self.positive))
        return ends, ends_positive

    def hits(self, k: Any) -> np.ndarray:
        """Expected number of test links among the k best (k may be an array).

        >>> tied = Evaluation.from_scores([1, 0, 1, 0], [0.9, 0.5, 0.5, 0.1])
        >>> tied.hits([1, 2, 3]).tolist()
        [1.0, 1.5, 2.0]
        """
        return np.interp(k, *self._ends)

    def precision(self, k: int | None = None) -> float:
        """Share of test links among the k best candidates (default: as many as there are test links).

        hits(k) / k.

        >>> found = Evaluation.from_scores([1, 0, 1, 0], [0.9, 0.7, 0.5, 0.1])
        >>> found.precision(), round(found.precision(3), 3)
        (0.5, 0.667)
        """
        k = self.n_positive if k is None else _check_k(k)
        return float(self.hits(k)) / k

    def recall(self, k: int | None = None) -> float:
        """Share of all test links that stand among the k best.

        hits(k) / P.

        >>> found = Evaluation.from_scores([1, 0, 1, 0], [0.9, 0.7, 0.5, 0.1])
        >>> found.recall(1), found.recall(3)
        (0.5, 1.0)
        """
        k = self.n_positive if k is None else _check_k(k)
        return float(self.hits(k)) / self.n_positive

    def mcc(self, k: int | None = None) -> float:
        """Matthews correlation of the k best with the test links; 0 where it is not defined.

        (TP TN - FP FN) / sqrt((TP + FP) (TP + FN) (TN + FP) (TN + FN)), where TP = hits(k), FP = k - TP, FN = P - TP, TN = N - FP.

        >>> found = Evaluation.from_scores([1, 0, 1, 0], [0.9, 0.7, 0.5, 0.1])
        >>> found.mcc(), round(found.mcc(1), 3)
        (0.0, 0.577)
        """
        p, n = self.n_positive, self.n_negative
        k = min(p if k is None else _check_k(k), p + n)
        scale = np.sqrt(float(k) * p * n * (p + n - k))
        return float((self.hits(k) * (p + n) - k * p) / scale) if scale else 0.0

    @cached_property
    def average_precision(self) -> float:
        """Mean over test links of the precision at their rank.

        (1 / P) sum over test links of hits(rank) / rank: no interpolation, as scikit-learn's `average_precision_score`.

        >>> found = Evaluation.from_scores([1, 0, 1, 0], [0.9, 0.7, 0.5, 0.1])
        >>> round(found.average_precision, 3)
        0.833
        """
        return float(self._precision_sums(0).sum() / self.n_positive)

    @cached_property
    def auc_pr(self) -> float:
        """The Cannistraci-Hebb papers' AUC-PR: see `METRICS`.

        With p_k = hits(k) / k and r_k = hits(k) / P: sum over k > 1 of (r_k - r_(k-1)) (p_k + p_(k-1)) / 2, divided by 1 - r_1; p_1 if r_1 = 1.

        >>> found = Evaluation.from_scores([1, 0, 1, 0], [0.9, 0.7, 0.5, 0.1])
        >>> round(found.auc_pr, 3)
        0.583
        """
        p, n = int(self.positive[0]), int(self.negative[0])
        total = 0.0
        if n:  # the first candidate is no test link
            rest = Evaluation(np.concatenate([[0], self.positive]), np.concatenate([[1], [n - 1], self.negative[1:]]))
            total += n / (p + n) * rest._trapezia()
        if p:
            if self.n_positive == 1:
                return float(total + p / (p + n))
            rest = Evaluation(np.concatenate([[1, p - 1], self.positive[1:]]), np.concatenate([[0], self.negative]))
            total += p / (p + n) * rest._trapezia() / (1 - 1 / self.n_positive)
        return float(total)

    @cached_property
    def auc_pr_thresholds(self) -> float:
        """AUC-PR with one point for each distinct score, as the authors' program draws it; equal to `auc_pr` without ties.

        The sum in `auc_pr`, with k only at the end of each group of ties.

        >>> tied = Evaluation.from_scores([1, 0, 1, 0], [0.9, 0.5, 0.5, 0.1])
        >>> round(tied.auc_pr_thresholds, 3), round(tied.auc_pr, 3)
        (0.833, 0.792)
        """
        keep = self.positive + self.negative > 0
        return area_at_thresholds(self.positive[keep], self.negative[keep])

    @cached_property
    def auc_precision(self) -> float:
        """Trapezia under the precision at 1 .. P, divided by P - 1.

        With p_k = hits(k) / k: sum over k = 2 .. P of (p_k + p_(k-1)) / 2, divided by P - 1; for one test link p_1.

        >>> found = Evaluation.from_scores([1, 0, 1, 0], [0.9, 0.7, 0.5, 0.1])
        >>> round(found.auc_precision, 3)
        0.75
        """
        k = np.arange(1, self.n_positive + 1)
        precision = self.hits(k) / k
        return float(scipy.integrate.trapezoid(precision) / (len(k) - 1)) if len(k) > 1 else float(precision[0])

    @cached_property
    def auc_roc(self) -> float:
        """Chance that a test link stands before another candidate; NaN without others.

        (pairs (test link, other) in which the test link stands before + half the tied pairs) / (P N).

        >>> found = Evaluation.from_scores([1, 0, 1, 0], [0.9, 0.7, 0.5, 0.1])
        >>> round(found.auc_roc, 3)
        0.75
        """
        if not self.n_negative:
            return float("nan")
        before = np.cumsum(self.negative) - self.negative
        worse = self.n_negative - before - self.negative
        return float(np.sum(self.positive * (worse + self.negative / 2)) / self.n_positive / self.n_negative)

    @cached_property
    def auc_mroc(self) -> float:
        """Area under the modified ROC curve: see `METRICS`.

        The area under y over x = ln(1 + FP) / ln(1 + N), where y = (m - r) / (1 - r) (1 - x) + x, m = ln(1 + TP) / ln(1 + P),
        and r is m of a random ranking, TP = FP P / N.

        >>> found = Evaluation.from_scores([1, 0, 1, 0], [0.9, 0.7, 0.5, 0.1])
        >>> round(found.auc_mroc, 3)
        0.767
        """
        from netsnn.kernels.ranking import modified_roc

        if not self.n_negative:
            return float("nan")
        return float(modified_roc(self.positive.astype(np.int64), self.negative.astype(np.int64), *_gauss()))

    @cached_property
    def ndcg(self) -> float:
        """Normalised discounted cumulative gain: see `METRICS`.

        sum over test links of 1 / ln(1 + rank), divided by the sum over i = 1 .. P of 1 / ln(1 + i).

        >>> found = Evaluation.from_scores([1, 0, 1, 0], [0.9, 0.7, 0.5, 0.1])
        >>> round(found.ndcg, 3)
        0.92
        """
        tied = self.positive > 0
        size = (self.positive + self.negative)[tied].astype(np.float64)
        gain = np.sum(self.positive[tied] / size * _discounts(self._ends[0][:-1][tied], size))
        return float(gain / _discounts(np.zeros(1), np.array([float(self.n_positive)]))[0])

    def metric(self, name: str) -> float:
        """The value of a metric by its name in `METRICS`.

        >>> found = Evaluation.from_scores([1, 0, 1, 0], [0.9, 0.7, 0.5, 0.1])
        >>> found.metric("auc_roc")
        0.75
        """
        if name not in METRICS:
            raise ValueError(f"no metric {name!r}; metrics: {', '.join(METRICS)}")
        value = getattr(self, name)
        return value() if callable(value) else value

    def summary(self) -> dict[str, float]:
        """All metrics by name.

        >>> found = Evaluation.from_scores([1, 0, 1, 0], [0.9, 0.7, 0.5, 0.1])
        >>> {name: round(value, 2) for name, value in found.summary().items() if name.startswith("auc")}
        {'auc_pr': 0.58, 'auc_precision': 0.75, 'auc_roc': 0.75, 'auc_mroc': 0.77}
        """
        return {name: self.metric(name) for name in METRICS}

    def curve(self, points: int = 400) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(rank, hits, false): expected test links and other candidates among the best, at `points` ranks close together at the top.

        >>> found = Evaluation.from_scores([1, 0, 1, 0], [0.9, 0.7, 0.5, 0.1])
        >>> rank, hits, false = found.curve()
        >>> rank.tolist(), hits.tolist(), false.tolist()
        ([1.0, 2.0, 3.0, 4.0], [1.0, 1.0, 2.0, 2.0], [0.0, 1.0, 1.0, 2.0])
        """
        ends = self._ends[0]
        ranks = np.unique(np.concatenate([[1, self.n_positive], np.geomspace(1, ends[-1], points)]).round())
        hits = self.hits(ranks)
        return ranks, hits, ranks - hits

    def _precision_sums(self, before: int) -> np.ndarray:
        """For each group the expected sum over its test links of (test links up to here) / rank; with before=1, one place earlier."""
        size, first = (self.positive + self.negative).astype(np.float64), self._ends[0][:-1]
        tied = (self.positive > 0) & (first + size > before)
        size, first = size[tied], first[tied]
        p, found = self.positive[tied].astype(np.float64), self._ends[1][:-1][tied]
        # the link at place i of the group (i = 1 .. size) stands at rank first + i; before it stand found + (i - 1) slope others
        slope = np.divide(p - 1, size - 1, out=np.zeros_like(p), where=size > 1)
        at_zero = found + (1 - before) - slope  # number counted at i = 0
        skip = np.maximum(before - first, 0)  # places without a rank before them
        start, length = first - before + skip, size - skip
        return p / size * (slope * length + (at_zero - slope * (first - before)) * _harmonic(start, length))

    def _trapezia(self) -> float:
        """Expected area under precision over recall, from the first candidate on (the first group is a single one)."""
        first = float(self.positive[0])  # the first candidate's own recall is not under the curve
        return (self._precision_sums(0).sum() - first + self._precision_sums(1).sum()) / 2 / self.n_positive


@dataclass(frozen=True, eq=False)
class NodeEvaluation:
    """For each node with test links: how many it has, and how many stand among its own k best candidates (expected)."""

    k: int
    nodes: np.ndarray
    test_links: np.ndarray
    hits: np.ndarray

    @property
    def precision(self) -> np.ndarray:
        """Share of test links among each node's k best.

        >>> nodes = NodeEvaluation(k=2, nodes=np.array([0, 3]), test_links=np.array([1, 4]), hits=np.array([1.0, 1.0]))
        >>> nodes.precision.tolist()
        [0.5, 0.5]
        """
        return self.hits / self.k

    @property
    def recall(self) -> np.ndarray:
        """Share of each node's test links that stand among its k best.

        >>> nodes = NodeEvaluation(k=2, nodes=np.array([0, 3]), test_links=np.array([1, 4]), hits=np.array([1.0, 1.0]))
        >>> nodes.recall.tolist()
        [1.0, 0.25]
        """
        return self.hits / self.test_links

    @property
    def vcmpr(self) -> np.ndarray:
        """VCMPR@k (Menand, Seshadhri, PNAS 2024): the larger of precision and recall at each node.

        >>> nodes = NodeEvaluation(k=2, nodes=np.array([0, 3]), test_links=np.array([1, 4]), hits=np.array([1.0, 1.0]))
        >>> nodes.vcmpr.tolist()
        [1.0, 0.5]
        """
        return self.hits / np.minimum(self.k, self.test_links)


def evaluate(graph: Layer | Graph, method: str | Callable, test: Pairs, *, negatives: Pairs | None = None, seed: Seed = 0, **options: Any) -> Evaluation:
    """Rank all unlinked pairs of `graph` by a score and see where the test links stand.

    Memory is that of the links and a block of scores, not that of all pairs. Scores within 1e-12 of each other (relative)
    are ties: so much is rounding.

    Parameters
    ----------
    graph : Layer or Graph
        The training graph, without the test links.
    method : str or function
        A name in `METHODS`, or a function of the graph that returns all scores (see `scores`).
    test : (u, v)
        The hidden links. In a Layer u are inputs and v outputs; only such cross pairs are candidates.
    negatives : (u, v), optional
        The other candidates; by default all unlinked pairs that are no test links.
    seed, **options
        As in `scores`.

    References
    ----------
    The formulas are in `METRICS`. AUC-PR, AUC-precision and AUC-mROC are those of Muscoloni, Cannistraci (2022).

    Examples
    --------
    >>> graph = Graph.from_edges([0, 0, 1, 1, 2, 3], [1, 2, 2, 3, 3, 4], 5)
    >>> found = evaluate(graph, "ra", test=([0], [3]))
    >>> found.precision(), found.n_negative
    (1.0, 3)
    """
    u, v = _check_test(graph, test, "test")
    if not len(u):
        raise ValueError("test holds no links; an evaluation needs at least one")
    scored = make_scorer(graph, method, seed, options)
    return evaluate_scorer(graph, scored, (u, v), None if negatives is None else _check_test(graph, negatives, "negatives"))


def evaluate_scorer(graph: Layer | Graph, scored: Scorer, test: Pairs, negatives: Pairs | None = None) -> Evaluation:
    """As `evaluate`, of a scorer at hand and checked pairs."""
    counts = _Tally(scored.pairs(*test))
    if negatives is not None:
        if len(np.intersect1d(_ids(graph, test), _ids(graph, negatives))):
            raise ValueError("negatives holds some of the test links")
        return counts.add(scored.pairs(*negatives)).evaluation(0)
    for _ in scored.stream(counts.take):
        pass
    counts.forget_own()
    return counts.evaluation(free_pairs(graph) - len(test[0]))


def evaluate_nodes(graph: Layer | Graph, method: str | Callable, test: Pairs, k: int, *, seed: Seed = 0, **options: Any) -> NodeEvaluation:
    """Rank each node's own candidates: precision, recall and VCMPR at k for every node with test links.

    In a Layer the outputs are the nodes from n_in on. Ties count by expectation.

    Parameters
    ----------
    graph, method, test, seed, **options
        As in `evaluate`.
    k : int
        How many of a node's best candidates count.

    References
    ----------
    Menand, Seshadhri (2024), PNAS (VCMPR: vertex-centric maximum of precision and recall).

    Examples
    --------
    >>> graph = Graph.from_edges([0, 0, 1, 1, 2, 3], [1, 2, 2, 3, 3, 4], 5)
    >>> evaluate_nodes(graph, "ra", test=([0], [3]), k=1).vcmpr
    array([1., 1.])
    """
    u, v = _check_test(graph, test, "test")
    return evaluate_nodes_scorer(graph, make_scorer(graph, method, seed, options), (u, v), _check_k(k))


def evaluate_nodes_scorer(graph: Layer | Graph, scored: Scorer, test: Pairs, k: int) -> NodeEvaluation:
    """As `evaluate_nodes`, of a scorer at hand and checked pairs."""
    from netsnn.kernels.ranking import tally_at_nodes

    u, v = test
    shift = graph.n_in if isinstance(graph, Layer) else 0
    n = shift + graph.shape[1]
    score = scored.pairs(u, v)
    node, value = np.concatenate([u, v + shift]), np.concatenate([score, score])
    order = np.argsort(node, kind="stable")
    begin = np.searchsorted(node[order], np.arange(n + 1))
    tallies = {x: _Tally(value[order[begin[x]:begin[x + 1]]]) for x in np.unique(node).tolist()}
    size = np.zeros(n + 1, dtype=np.uint64)
    size[[x + 1 for x in tallies]] = [len(tally.lower) for tally in tallies.values()]
    ptr = np.cumsum(size, dtype=np.uint64)
    lower, upper = (np.concatenate([np.empty(0), *(getattr(tally, side) for tally in tallies.values())]) for side in ("lower", "upper"))
    counts: dict[int, np.ndarray] = {}

    def take(block: RowsBlock | DenseBlock) -> None:
        mine = counts.setdefault(threading.get_ident(), np.zeros(2 * len(lower) + n + 1, dtype=np.int64))
        values, begin, end, first_col = _ranges(block)
        col = np.empty(0, dtype=np.uint32) if isinstance(block, DenseBlock) else block.col
        tally_at_nodes(values, begin, end, block.rows, col, first_col, block.transposed, shift, ptr, lower, upper, mine)

    for _ in scored.stream(take):
        pass
    total = sum(counts.values(), start=np.zeros(2 * len(lower) + n + 1, dtype=np.int64))
    degrees = np.concatenate([graph.out_degrees, graph.in_degrees]) if isinstance(graph, Layer) else graph.degrees
    candidates = np.concatenate([np.full(graph.shape[0], graph.shape[1]), np.full(graph.shape[1], graph.shape[0])]) \
        if isinstance(graph, Layer) else np.full(n, n - 1)
    nodes, links, hits = [], [], []
    for x, tally in tallies.items():
        at = 2 * int(ptr[x]) + x
        tally.counts[:] = total[at:at + len(tally.counts)]
        tally.forget_own()
        found = tally.evaluation(int(candidates[x] - degrees[x]) - tally.n)
        nodes.append(x)
        links.append(tally.n)
        hits.append(float(found.hits(k)))
    return NodeEvaluation(k, np.array(nodes, dtype=np.int64), np.array(links, dtype=np.int64), np.array(hits))


class _Tally:
    """Counts candidates between and at the scores of the test links, each an interval of what rounding may make of it."""

    def __init__(self, own: np.ndarray) -> None:
        own = own + 0.0  # no negative zero
        self.n = len(own)
        value = np.unique(own)
        if np.isnan(value).any():
            raise ValueError("a test link has the score NaN")
        margin = np.where(np.isfinite(value), 1e-12 * np.abs(value), 0)
        starts = np.flatnonzero(np.append(True, value[1:] - margin[1:] > value[:-1] + margin[:-1])[:len(value)])
        ends = np.append(starts[1:], len(value))[:len(starts)] - 1
        self.lower, self.upper = value[starts] - margin[starts], value[ends] + margin[ends]
        self.own = np.bincount(np.searchsorted(self.upper, own), minlength=len(self.lower))
        self.counts = np.zeros(2 * len(self.lower) + 1, dtype=np.int64)
        self.parts: dict[int, np.ndarray] = {}
        self._bucket()

    def _bucket(self) -> None:
        upper = self.upper[self.upper > 0]
        bits = upper.view(np.uint64)
        self.lowest = bits[0] if len(bits) else np.uint64(2**63)
        span = int(bits[-1] - bits[0]) if len(bits) else 0
        self.shift = np.uint64(max(0, span.bit_length() - 14))
        n_buckets = (span >> int(self.shift)) + 2
        begin = (self.lowest + (np.arange(n_buckets, dtype=np.uint64) << self.shift)).view(np.float64)
        below = len(self.upper) - len(upper)
        first = below + np.searchsorted(upper, begin)
        self.bucket = np.append(first, len(self.upper)).astype(np.uint64)

    def take(self, block: RowsBlock | DenseBlock) -> None:
        """Count a block of scores (in any thread)."""
        from netsnn.kernels.ranking import tally

        mine = self.parts.setdefault(threading.get_ident(), np.zeros_like(self.counts))
        values, begin, end, _ = _ranges(block)
        tally(values, values.view(np.uint64), begin, end, self.lower, self.upper, self.bucket, self.lowest, self.shift, mine)

    def add(self, scores: np.ndarray) -> _Tally:
        """Count these scores of other candidates, zeros included."""
        if np.isnan(scores).any():
            raise ValueError("a candidate has the score NaN")
        first = np.searchsorted(self.upper, scores)
        inside = np.zeros(len(scores), dtype=bool)
        inside[first < len(self.lower)] = scores[first < len(self.lower)] >= self.lower[first[first < len(self.lower)]]
        self.counts += np.bincount(2 * first + inside, minlength=len(self.counts))
        return self

    def forget_own(self) -> None:
        """The stream held the test links too: count them out (those of score 0 were never counted)."""
        self.counts += sum(self.parts.values(), start=np.zeros_like(self.counts))
        self.parts = {}
        zero = (self.lower == 0) & (self.upper == 0)
        self.counts[1::2] -= np.where(zero, 0, self.own)
        if (self.counts < 0).any():
            raise RuntimeError("the scores of a stream differ from those of its pairs")

    def evaluation(self, others: int) -> Evaluation:
        """The ranking, with `others` candidates in all; those not counted yet have score 0."""
        missing = max(0, others - int(self.counts.sum()))
        at = int(np.searchsorted(self.upper, 0.0))
        self.counts[2 * at + bool(at < len(self.lower) and self.lower[at] <= 0)] += missing
        positive = np.zeros_like(self.counts)
        positive[1::2] = self.own
        keep = (positive + self.counts) > 0
        return Evaluation(positive[keep][::-1], self.counts[keep][::-1])


def _ranges(block: RowsBlock | DenseBlock) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A block's values in one row; where each of its rows begins and ends there (only v > u of an upper block); its first column."""
    if not isinstance(block, DenseBlock):
        return block.val, block.ptr[:-1], block.ptr[1:], np.zeros(len(block.rows), dtype=np.int64)
    width = block.values.shape[1]
    begin = np.arange(len(block.rows), dtype=np.int64) * width
    skip = np.clip(block.rows.astype(np.int64) + 1 - block.first_col, 0, width) if block.upper else np.zeros_like(begin)
    return block.values.reshape(-1), begin + skip, begin + width, block.first_col + skip


def _harmonic(start: np.ndarray, length: np.ndarray) -> np.ndarray:
    """1 / (start + 1) + ... + 1 / (start + length), to full relative precision."""
    near = start < 30
    middle, end = np.where(near, 30.5, start + 0.5), np.where(near, 30.5, start + length + 0.5)
    far = np.log1p(length / middle) + (end**-2 - middle**-2) / 24 - 7 * (end**-4 - middle**-4) / 960
    with np.errstate(invalid="ignore"):
        close = scipy.special.digamma(start + length + 1) - scipy.special.digamma(start + 1)
    return np.where(near, close, far)


def _discounts(first: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Sum of 1 / ln(1 + rank) over the ranks first + 1 .. first + size."""
    out = np.zeros(len(first))
    here = np.minimum(size, 256)  # the beginning of each group term by term, the rest as an integral (Euler-Maclaurin)
    group = np.repeat(np.arange(len(first)), here.astype(np.int64))
    place = np.arange(len(group)) - np.repeat(np.cumsum(here) - here, here.astype(np.int64))
    np.add.at(out, group, 1 / np.log(first[group] + place + 2))
    long = size > here
    a, b = first[long] + here[long] + 1.5, first[long] + size[long] + 1.5  # of x = 1 + rank
    slope = lambda x: -1 / (x * np.log(x) ** 2)
    out[long] += scipy.special.expi(np.log(b)) - scipy.special.expi(np.log(a)) - (slope(b) - slope(a)) / 24
    return out


@cache
def _gauss() -> tuple[np.ndarray, np.ndarray]:
    """Nodes and weights of Gauss-Legendre quadrature on 0 .. 1."""
    nodes, weights = np.polynomial.legendre.leggauss(12)
    return (nodes + 1) / 2, weights / 2


def _check_k(k: object) -> int:
    return check_whole("k", k, 1)


def _ids(graph: Layer | Graph, pairs: Pairs) -> np.ndarray:
    u, v = pairs
    return (u if isinstance(graph, Layer) else np.minimum(u, v)) * graph.shape[1] + (v if isinstance(graph, Layer) else np.maximum(u, v))


def _check_test(graph: Layer | Graph, pairs: Pairs, what: str) -> tuple[np.ndarray, np.ndarray]:
    u, v = check_pairs(graph, pairs, what)
    if isinstance(graph, Graph) and (u == v).any():
        raise ValueError(f"{what} holds node {int(u[u == v][0])} with itself")
    linked = graph.find(u, v) >= 0
    if linked.any():
        at = int(linked.argmax())
        raise ValueError(f"{what} holds {int(u[at])} - {int(v[at])}, which is a link of the training graph")
    ids = np.sort(_ids(graph, (u, v)))
    if (ids[1:] == ids[:-1]).any():
        twice = int(ids[1:][ids[1:] == ids[:-1]][0])
        raise ValueError(f"{what} holds {twice // graph.shape[1]} - {twice % graph.shape[1]} twice")
    return (u, v) if isinstance(graph, Layer) else (np.minimum(u, v), np.maximum(u, v))
