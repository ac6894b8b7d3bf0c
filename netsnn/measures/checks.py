"""Whether a measure was asked of what it is a measure of."""

from __future__ import annotations

import numpy as np

from netsnn.errors import type_name
from netsnn.hints import Seed, generator

__all__ = ["check_kind", "generators"]


def check_kind(value: object, kinds: type | tuple[type, ...], what: str) -> None:
    """Refuse anything but a Layer (or whichever `kinds` there are) with one line that says what was given."""
    kinds = kinds if isinstance(kinds, tuple) else (kinds,)
    if not isinstance(value, kinds):
        raise ValueError(f"{what} needs a {' or '.join(kind.__name__ for kind in kinds)}, got {type_name(value)}")


def generators(seed: Seed, count: int) -> list[np.random.Generator]:
    """`count` independent generators of one seed. A SeedSequence counts those it has given, so that a copy must give them: the same one shall give the same."""
    return generator(np.random.SeedSequence(**seed.state) if isinstance(seed, np.random.SeedSequence) else seed).spawn(count)
