"""Measures of layers and networks: numbers that tell how a topology is built."""

from netsnn.measures.change import explored, overlap, retained, topology_distance
from netsnn.measures.degrees import HUB_RULES, assortativity, degrees, gini, hubs, network_degrees
from netsnn.measures.modularity import Communities, barber, communities
from netsnn.measures.nulls import AgainstNull, against_null, null_layer, null_layers
from netsnn.measures.organisation import SmallWorld, lcp_correlation, small_world, structural_consistency
from netsnn.measures.paths import Distances, components, distances
from netsnn.measures.persistence import (
    DeepGraphPersistence,
    NeuralPersistence,
    PermutationNull,
    deep_graph_persistence,
    neural_persistence,
    permutation_null,
    sortedness,
    weight_variance,
)
from netsnn.measures.powerlaw import Alternative, PowerLaw, power_law
from netsnn.measures.spectra import Spectrum, spectrum
from netsnn.measures.structure import Latapy, RichClub, latapy, nodf, rich_club, robins_alexander
from netsnn.measures.summary import MEASURES, network_summary, summary

__all__ = ["DeepGraphPersistence", "NeuralPersistence", "PermutationNull", "deep_graph_persistence", "neural_persistence", "permutation_null", "sortedness", "weight_variance", "HUB_RULES", "MEASURES", "AgainstNull", "Alternative", "Communities", "Distances", "Latapy", "PowerLaw", "RichClub", "SmallWorld", "Spectrum",
           "against_null", "assortativity", "barber", "communities", "components", "degrees", "distances", "explored", "gini", "hubs", "latapy",
           "lcp_correlation", "network_degrees", "network_summary", "nodf", "null_layer", "null_layers", "overlap", "power_law", "retained",
           "rich_club", "robins_alexander", "small_world", "spectrum", "structural_consistency", "summary", "topology_distance"]
