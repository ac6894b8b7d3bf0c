"""Link prediction: scores of unlinked pairs, and the choice of the best of them."""

from netsnn.linkpred.methods import METHODS, Method
from netsnn.linkpred.scoring import Best, best, scores

__all__ = ["METHODS", "Best", "Method", "best", "scores"]
