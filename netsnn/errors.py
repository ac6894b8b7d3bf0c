"""The exceptions that netsnn raises about files, studies and training runs (about arguments it raises ValueError), and the check of whole numbers."""

from __future__ import annotations

__all__ = ["FileError", "NetsnnError", "ShortfallWarning", "StudyError", "TrainingError", "check_whole"]


class NetsnnError(Exception):
    """The family: catch this to catch every error about a file or a study."""


class FileError(NetsnnError):
    """A file that cannot be read or written: one line with the file, the place in it and the reason."""


class StudyError(NetsnnError):
    """A study that cannot run or go on: one line with what is wrong."""


class TrainingError(NetsnnError):
    """A training run that cannot begin or go on: one line with what is wrong, and what was kept."""


class ShortfallWarning(UserWarning):
    """Fewer candidates than asked for: the result is shorter than the caller may expect."""


def check_whole(name: str, value: object, least: int) -> int:
    """`value` as an int; a ValueError that says its name if it is no whole number of at least `least`."""
    import numpy as np  # here: the commands import this module, and start without NumPy

    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise ValueError(f"{name} must be a whole number of at least {least}, got {value!r}")
    return int(value)
