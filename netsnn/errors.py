"""The exceptions that netsnn raises about files, studies and training runs (about arguments it raises ValueError), and the checks of numbers and of memory."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from numbers import Real
from typing import cast

__all__ = ["DivergedError", "FileError", "NetsnnError", "ShortfallWarning", "StudyError", "TrainingError", "check_flag", "check_memory", "check_whole", "check_within",
           "type_name"]

UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""What a terminal would obey, and halves of characters, which no file or terminal takes."""
LONGEST = 1000


class NetsnnError(Exception):
    """The family: catch this to catch every error about a file or a study. The message is one line, whatever it quotes from a file."""

    def __init__(self, message: object = "") -> None:
        line = UNPRINTABLE.sub(lambda found: found[0].encode("unicode_escape").decode(), " ".join(str(message).splitlines()))
        super().__init__(line if len(line) <= LONGEST else f"{line[:LONGEST - 300]} ... {line[-290:]}")


class FileError(NetsnnError):
    """A file that cannot be read or written: one line with the file, the place in it and the reason."""


class StudyError(NetsnnError):
    """A study that cannot run or go on: one line with what is wrong."""


class TrainingError(NetsnnError):
    """A training run that cannot begin or go on: one line with what is wrong, and what was kept."""


class DivergedError(TrainingError):
    """A training run whose loss or weights are no numbers any more: another try would end the same way."""


class ShortfallWarning(UserWarning):
    """Fewer candidates than asked for: the result is shorter than the caller may expect."""


def check_whole(name: str, value: object, least: int) -> int:
    """`value` as an int; a ValueError that says its name if it is no whole number of at least `least`."""
    import numpy as np  # here: the commands import this module, and start without NumPy

    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least:
        raise ValueError(f"{name} must be a whole number of at least {least}, got {value!r}")
    return int(value)


def check_within(name: str, value: object, interval: str) -> None:
    """A ValueError that says `name` if the value is no number in the interval, as [0, 1) or (0, inf)."""
    low, high = map(float, interval[1:-1].split(","))
    x = cast(float, value) if isinstance(value, Real) and not isinstance(value, bool) else math.nan
    if not ((low < x or x == low and interval[0] == "[") and (x < high or x == high and interval[-1] == "]")):
        words = ("be a number" if not abs(x) < math.inf else "be a positive number" if interval == "(0, inf)"
                 else f"be at least {low:g}" if interval[0] == "[" and high == math.inf else f"lie in {interval}")
        raise ValueError(f"{name} must {words}, got {value!r}")


def check_flag(name: str, value: object) -> None:
    """A ValueError that says `name` if the value is neither True nor False: the text "False" would count as true."""
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be true or false, got {value!r}")


def type_name(value: object) -> str:
    """The type of a value in a message: with its package, if that is another's (networkx.Graph)."""
    package = type(value).__module__.partition(".")[0]
    return type(value).__name__ if package in ("builtins", "netsnn") else f"{package}.{type(value).__name__}"


def check_memory(what: str, shape: Sequence[int], arrays: int) -> None:
    """A MemoryError before anything is made, if `arrays` dense ones of float64 and of this shape are more than the machine's memory: else it would end in the middle."""
    n, m = shape
    needed, there = 8 * arrays * n * m, os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 2**63
    if needed > there:
        raise MemoryError(f"{what} takes {arrays} dense array{'s' * (arrays > 1)} of {n} x {m} numbers, {needed / 1e9:.3g} GB, and this machine has {there / 1e9:.3g} GB")
