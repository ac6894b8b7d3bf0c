"""What a command is given: a file with a layer, graph or network, or the folder of a run."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from netsnn.errors import FileError
from netsnn.history import History
from netsnn.io import FORMATS
from netsnn.io.atomic import check_target

__all__ = ["add_file_options", "add_simplify", "check_output", "is_run", "open_run", "refuse_file_options"]

RUN_FILES = ("config.toml", "log.csv", "checkpoint.pt", "history", "index.jsonl", "snapshots", "cache")


def add_file_options(parser: argparse.ArgumentParser) -> None:
    """The options that say what a file holds."""
    parser.add_argument("--format", choices=sorted(FORMATS), help="format of FILE, if not told by its extension")
    parser.add_argument("--kind", choices=["layer"], help="read an edge list without a header as a bipartite layer")
    add_simplify(parser)


def add_simplify(parser: argparse.ArgumentParser) -> None:
    """The option to take files that name links twice."""
    parser.add_argument("--simplify", action="store_true", help="drop links given twice (the first stays) and a graph's self-loops, which are errors otherwise")


def check_output(output: str, source: str) -> None:
    """Before long work: that `output` can be written, and is not the very file that is read, or one of the run that is read."""
    check_target(output)
    target, given = os.path.realpath(output), os.path.realpath(source)
    if os.path.isfile(target) and os.path.exists(given) and os.path.samefile(target, given):
        raise ValueError(f"{output} is the file that is read: the result would take its place")
    if os.path.isfile(target) and os.path.isdir(given) and os.path.relpath(target, given).split(os.sep)[0] in RUN_FILES:
        raise ValueError(f"{output} belongs to the run that is read: the result would take its place")


def refuse_file_options(arguments: argparse.Namespace) -> None:
    """Of a run: nothing to say about what a file holds."""
    for option in ("format", "kind", "simplify"):
        if getattr(arguments, option):
            raise ValueError(f"--{option} is for files, and {arguments.source} is the folder of a run")


def is_run(path: str) -> bool:
    """Whether this is a folder (a run), not a file."""
    if path != "-" and not Path(path).exists():
        raise FileError(f"{path}: No such file or directory")
    return path != "-" and Path(path).is_dir()


def open_run(path: str) -> History:
    """The history of a run: of the folder itself, or of history/ in it."""
    if not is_run(path):
        raise FileError(f"{path}: not a folder, so not a recorded run")
    for folder in (Path(path) / "history", Path(path)):
        if (folder / "index.jsonl").exists():
            return History(folder)
    raise FileError(f"{path}: no recorded run in this folder (neither index.jsonl nor history/index.jsonl)")
