"""Which engine brings which rule into torch."""

from __future__ import annotations

from netsnn.bridge.engine import Engine
from netsnn.bridge.latent import DeepRewiring, GradientRewiring, SoftThreshold
from netsnn.bridge.neurons import SpineBounds, Survival
from netsnn.evolve.rules import DPAP, SDSNN, STDS, DeepR, GradR

__all__ = ["ENGINES"]

ENGINES: dict[type, type[Engine]] = {GradR: GradientRewiring, DeepR: DeepRewiring, STDS: SoftThreshold, SDSNN: SpineBounds, DPAP: Survival}
