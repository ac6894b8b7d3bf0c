"""Spiking neural networks: neurons, models, data, training, and the count of what they cost."""

from netsnn.snn import data, encodings
from netsnn.snn.config import Config, read_config, write_config
from netsnn.snn.energy import Energy, energy
from netsnn.snn.models import MODELS, conv, mlp, spikformer
from netsnn.snn.neuron import LIF, SURROGATES, lif
from netsnn.snn.training import Run, open_run, train

__all__ = ["LIF", "MODELS", "SURROGATES", "Config", "Energy", "Run", "conv", "data", "encodings", "energy", "lif", "mlp", "open_run", "read_config", "spikformer", "train",
           "write_config"]
