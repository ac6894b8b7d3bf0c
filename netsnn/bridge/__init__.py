"""The bridge to torch: layers become masked weights and come back, and an `Evolver` carries a recipe's events into a model in training."""

import os

from netsnn.bridge.evolver import Evolver
from netsnn.bridge.links import Choice, choose_compute, compute_dense, compute_on_links, on_links
from netsnn.bridge.model import density, from_graph, sparse_layers, sparsify, to_graph

os.environ.setdefault("MKL_CBWR", "AUTO,STRICT")  # torch's linear layers give the same bits on any number of threads; MKL reads it when first called

__all__ = ["Choice", "Evolver", "choose_compute", "compute_dense", "compute_on_links", "density", "from_graph", "on_links", "sparse_layers", "sparsify", "to_graph"]
