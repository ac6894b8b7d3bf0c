"""What arguments may be, named once for annotations."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np

__all__ = ["Pairs", "PathLike", "Seed"]

Pairs: TypeAlias = Sequence[Any] | np.ndarray
"""Two arrays of the ids of nodes: (u, v)."""
PathLike: TypeAlias = str | os.PathLike[str]
Seed: TypeAlias = int | Sequence[int] | np.random.SeedSequence | np.random.Generator | None
"""What `numpy.random.default_rng` takes; a Generator goes on from where it is."""
