"""Spiking neural networks in torch: neurons that are fast on the CPU and plain torch elsewhere."""

from netsnn.snn.neuron import LIF, SURROGATES, lif

__all__ = ["LIF", "SURROGATES", "lif"]
