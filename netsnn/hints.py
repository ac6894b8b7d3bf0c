"""What arguments may be, named once for annotations, and the generator that a seed stands for."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

__all__ = ["Pairs", "PathLike", "Seed", "generator"]

Pairs: TypeAlias = Sequence[Any] | np.ndarray
"""Two arrays of the ids of nodes: (u, v)."""
PathLike: TypeAlias = str | os.PathLike[str]
Seed: TypeAlias = int | Sequence[int] | np.random.SeedSequence | np.random.Generator | None
"""What `numpy.random.default_rng` takes; a Generator goes on from where it is."""


def generator(seed: Seed) -> np.random.Generator:
    """The generator of a seed, as `numpy.random.default_rng` makes it; a ValueError that says `seed` if it is none."""
    try:
        return np.random.default_rng(seed)
    except (TypeError, ValueError):
        raise ValueError(f"seed must be a whole number of at least 0 or a numpy Generator, got {seed!r}") from None
