"""What a measure is asked of: the wrong kind gets one clear line, and the degenerate layer a defined value."""

import numpy as np
import pytest

from netsnn import measures as m
from netsnn.graph import Graph, Layer
from netsnn.network import Network

LAYER = Layer.from_dense(np.random.default_rng(0).random((8, 6)) < 0.4)
OF_LAYERS = (m.degrees, m.hubs, m.assortativity, m.communities, m.spectrum, m.robins_alexander, m.latapy, m.nodf, m.rich_club, m.small_world, m.null_layer, m.summary)


@pytest.mark.parametrize("measure", [*OF_LAYERS, m.lcp_correlation, m.structural_consistency, m.components, m.distances, m.network_summary, m.network_degrees])
def test_the_wrong_kind_is_named(measure):
    wrong = [LAYER.to_dense(), None]
    wrong += [LAYER.to_graph(), Network([LAYER])] if measure in OF_LAYERS else [LAYER] if measure in (m.network_summary, m.network_degrees) else []
    for value in wrong:
        with pytest.raises(ValueError, match=type(value).__name__):
            measure(value)


def test_the_wrong_kind_of_a_comparison_is_named():
    for measure in (m.overlap, m.retained, lambda a, b: m.explored([a, b])):
        with pytest.raises(ValueError, match="needs a Layer, got Network"):
            measure(Network([LAYER]), Network([LAYER]))
    with pytest.raises(ValueError, match="topology_distance needs a Layer or Network, got Graph"):
        m.topology_distance(LAYER.to_graph(), LAYER.to_graph())
    with pytest.raises(ValueError, match="must be a function of a Layer, got 'nodf'"):
        m.against_null(LAYER, "nodf")
    with pytest.raises(ValueError, match="draws must be a whole number of at least 0, got -1"):
        m.rich_club(LAYER, draws=-1)


@pytest.mark.parametrize("shape", [(4, 6), (1, 9), (9, 1), (1, 1)])
def test_a_full_layer_is_one_community(shape):
    found = m.communities(Layer.from_dense(np.ones(shape, dtype=bool)))
    assert found.modularity == 0 and found.count == 1 and not found.inputs.any() and not found.outputs.any()


def test_idle_neurons_are_communities_of_their_own_beside_a_single_link():
    found = m.communities(Layer.from_edges([2], [1], (3, 2)))
    assert found.count == 1 and len(set(found.inputs) | set(found.outputs)) == 4


def test_an_array_that_was_handed_out_cannot_spoil_the_next():
    with pytest.raises(ValueError, match="read-only"):
        m.latapy(LAYER).inputs[:] = 0


def test_the_diameter_of_a_long_path():
    n = 5000
    assert m.distances(Graph.from_edges(np.arange(n - 1), np.arange(1, n), n), sources=n).diameter == n - 1


def test_no_entropy_is_minus_zero():
    assert "-0.0" not in map(str, m.degrees(Layer.from_edges([0], [0], (4, 5))).values())
