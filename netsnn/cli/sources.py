"""What a command is given: a file with a layer, graph or network, or the folder of a run."""

from __future__ import annotations

from pathlib import Path

from netsnn.errors import FileError
from netsnn.history import History

__all__ = ["is_run", "open_run"]


def is_run(path: str) -> bool:
    """Whether this is a folder (a run), not a file."""
    return path != "-" and Path(path).is_dir()


def open_run(path: str) -> History:
    """The history of a run: of the folder itself, or of history/ in it."""
    for folder in (Path(path) / "history", Path(path)):
        if (folder / "index.jsonl").exists():
            return History(folder)
    raise FileError(f"{path}: no recorded run in this folder (neither index.jsonl nor history/index.jsonl)")
