"""How a layer is first connected: random, structured, or from the correlations of its inputs."""

from netsnn.wiring.correlation import csti, phi, sscti
from netsnn.wiring.random import erdos_renyi, uniform
from netsnn.wiring.structured import receptive_field, scale_free, small_world

__all__ = ["csti", "erdos_renyi", "phi", "receptive_field", "scale_free", "small_world", "sscti", "uniform"]
