"""Text tables of links: decoding, splitting and checking, shared by the text formats."""

from __future__ import annotations

import numpy as np

from netsnn.io.record import fail

__all__ = ["decode", "float_texts", "numbers", "whole_numbers"]


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


def whole_numbers(source: str, texts: list[str], lines, low: int, high: int, what: str) -> np.ndarray:
    """The texts as whole numbers from low to high; the first that is not is an error with its line."""
    try:
        values = np.array([int(text) for text in texts], dtype=np.int64)
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


def numbers(source: str, texts: list[str], lines) -> np.ndarray:
    """The texts as weights; NaN and anything that is no number is an error with its line."""
    try:
        values = np.array([float(text) for text in texts], dtype=np.float64)
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
        return [repr(value) for value in weights.astype(np.float64).tolist()]
    return [str(int(value)) for value in weights.tolist()]
