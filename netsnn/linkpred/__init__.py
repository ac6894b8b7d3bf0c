"""Link prediction: scores of unlinked pairs, the choice of the best of them, and studies of how well that works."""

from netsnn.linkpred.adaptive import SPCORR
from netsnn.linkpred.evaluation import METRICS, Evaluation, NodeEvaluation, evaluate, evaluate_nodes
from netsnn.linkpred.methods import METHODS, Method
from netsnn.linkpred.scoring import Best, best, scores
from netsnn.linkpred.splits import NEGATIVES, REMOVALS, Split, read_split, split

__all__ = ["METHODS", "METRICS", "NEGATIVES", "REMOVALS", "SPCORR", "Best", "Evaluation", "Method", "NodeEvaluation", "Split", "best", "evaluate",
           "evaluate_nodes", "read_split", "scores", "split"]
