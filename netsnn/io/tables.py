"""Text tables of links: decoding, splitting and checking, shared by the text formats."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence

import numpy as np

from netsnn.io.record import fail

__all__ = ["decode", "exact_float64", "fast_columns", "float_texts", "numbers", "whole_numbers"]

Column = Sequence[str] | np.ndarray
Lines = Sequence[int] | np.ndarray


def decode(source: str, data: bytes) -> list[str]:
    """The lines of a text file."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        fail(source, f"not a text file (byte 0x{data[error.start]:02x} is not UTF-8)", data.count(b"\n", 0, error.start) + 1)
    zero = text.find("\0")
    if zero >= 0:
        fail(source, "not a text file (it holds a zero byte)", text.count("\n", 0, zero) + 1)
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def fast_columns(body: bytes, width: int, delimiter: str | None = None, whole: bool = False) -> list[np.ndarray] | None:
    """The columns of a table of two ids and perhaps a weight (a whole number if `whole`), one row on every line.

    None where anything is out of the ordinary: then the slow way, line by line, decides and finds the line.
    """
    fields = [("u", np.int64), ("v", np.int64), ("w", np.int64 if whole else np.float64)][:width]
    n_lines = body.count(b"\n") + (not body.endswith(b"\n"))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # NumPy only warns of an id such as 1.5
            table = np.loadtxt(io.BytesIO(body), dtype=fields, comments=None, delimiter=delimiter, encoding="utf-8", ndmin=1)
    except (ValueError, OverflowError, Warning):
        return None
    return [np.ascontiguousarray(table[name]) for name, _ in fields] if len(table) == n_lines else None


def whole_numbers(source: str, texts: Column, lines: Lines, low: int, high: int, what: str) -> np.ndarray:
    """The texts as whole numbers from low to high; the first that is not is an error with its line."""
    try:
        values = texts if isinstance(texts, np.ndarray) else np.array([int(text) for text in texts], dtype=np.int64)
        if not len(values) or (values.min() >= low and values.max() <= high):
            return values
    except (ValueError, OverflowError):
        pass
    for text, line in zip(texts, lines):
        try:
            value = int(text)
        except ValueError:
            fail(source, f"{what} must be a whole number, got {text[:40]!r}", line)
        if not low <= value <= high:
            fail(source, f"{what} {value} lies outside {low} .. {high}", line)
    raise AssertionError("unreachable")


def numbers(source: str, texts: Column, lines: Lines) -> np.ndarray:
    """The texts as weights; NaN and anything that is no number is an error with its line."""
    try:
        values = texts if isinstance(texts, np.ndarray) else np.array([float(text) for text in texts], dtype=np.float64)
        if not np.isnan(values).any():
            return values
    except ValueError:
        pass
    for text, line in zip(texts, lines):
        try:
            if np.isnan(float(text)):
                fail(source, "the weight is NaN", line)
        except ValueError:
            fail(source, f"a weight must be a number, got {text[:40]!r}", line)
    raise AssertionError("unreachable")


def float_texts(weights: np.ndarray) -> list[str]:
    """Shortest texts that read back to the same numbers."""
    if weights.dtype.kind == "f":
        return [repr(value) for value in exact_float64(weights).tolist()]
    exact_float64(weights)
    return [str(int(value)) for value in weights.tolist()]


def exact_float64(weights: np.ndarray) -> np.ndarray:
    """The weights as float64, the type in which they will be read; those that it cannot hold are refused."""
    with np.errstate(invalid="ignore", over="ignore"):
        values = weights.astype(np.float64)
        lost = np.flatnonzero(values.astype(weights.dtype) != weights)
    if len(lost):
        raise ValueError(f"the weight {weights[lost[0]]} has more digits than float64 holds; npz can carry it")
    return values
