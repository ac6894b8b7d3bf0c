"""Whether a measure was asked of what it is a measure of."""

from __future__ import annotations

__all__ = ["check_kind"]


def check_kind(value: object, kinds: type | tuple[type, ...], what: str) -> None:
    """Refuse anything but a Layer (or whichever `kinds` there are) with one line that says what was given."""
    kinds = kinds if isinstance(kinds, tuple) else (kinds,)
    if not isinstance(value, kinds):
        raise ValueError(f"{what} needs a {' or '.join(kind.__name__ for kind in kinds)}, got {type(value).__name__}")
