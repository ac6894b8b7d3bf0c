"""Link prediction: scores of unlinked pairs, the choice of the best of them, and studies of how well that works."""

from netsnn.linkpred.adaptive import SPCORR
from netsnn.linkpred.evaluation import METRICS, Evaluation, NodeEvaluation, evaluate, evaluate_nodes
from netsnn.linkpred.methods import METHODS, Method
from netsnn.linkpred.scoring import Best, best, scores
from netsnn.linkpred.splits import NEGATIVES, REMOVALS, Split, read_split, split
from netsnn.linkpred.studies.result import Result, read_study
from netsnn.linkpred.studies.statistics import Comparison, compare, nadeau_bengio
from netsnn.linkpred.studies.study import Study

__all__ = ["METHODS", "METRICS", "NEGATIVES", "REMOVALS", "SPCORR", "Best", "Comparison", "Evaluation", "Method", "NodeEvaluation", "Result", "Split",
           "Study", "best", "compare", "evaluate", "evaluate_nodes", "nadeau_bengio", "read_split", "read_study", "scores", "split"]
