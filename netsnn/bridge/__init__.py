"""The bridge to torch: layers become masked weights and come back, and an `Evolver` carries a recipe's events into a model in training."""

from netsnn.bridge.evolver import Evolver
from netsnn.bridge.model import density, from_graph, sparse_layers, sparsify, to_graph

__all__ = ["Evolver", "density", "from_graph", "sparse_layers", "sparsify", "to_graph"]
