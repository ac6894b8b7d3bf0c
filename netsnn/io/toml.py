"""Settings in TOML, read with care: Python's own reader takes memory that grows as the square of a dotted key, and values nested without end."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from netsnn.errors import FileError
from netsnn.hints import PathLike

__all__ = ["parse_toml", "read_toml"]

DEEPEST = 20
"""Tables, lists and parts of a dotted key in each other."""
LONG_KEY = re.compile(rf"""(?<![\w-])(?:(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){{{DEEPEST}}}""")


def read_toml(path: PathLike) -> dict[str, Any]:
    """The content of a TOML file."""
    try:
        text = Path(path).read_bytes().decode()
    except OSError as error:
        raise FileError(f"{path}: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise FileError(f"{path}: no TOML: {error}") from None
    return parse_toml(text, path)


def parse_toml(text: str, source: object) -> dict[str, Any]:
    """The content of a TOML text; errors name its source.

    >>> parse_toml('hidden = [100]\\noptions.zeta = 0.3', "x")
    {'hidden': [100], 'options': {'zeta': 0.3}}
    """
    try:
        content = None if LONG_KEY.search(text) else tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # also of numbers too long, and of brackets too deep
        raise FileError(f"{source}: no TOML: {' '.join(str(error).split())}") from None
    if content is None or not _flat(content, DEEPEST):
        raise FileError(f"{source}: nested more than {DEEPEST} deep")
    return content


def _flat(value: Any, levels: int) -> bool:
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return levels > 0 and all(_flat(part, levels - 1) for part in parts)
