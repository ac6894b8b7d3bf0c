"""A study described in a TOML file."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from netsnn.errors import FileError, check_flag
from netsnn.hints import PathLike
from netsnn.io import read
from netsnn.io.toml import read_toml
from netsnn.linkpred.evaluation import METRICS
from netsnn.linkpred.splits import read_split
from netsnn.linkpred.studies.study import NODE_METRICS, Study, read_networks

__all__ = ["StudyFile", "read_study_file"]

SETTINGS = {"fraction": (int, float), "repeats": int, "removal": str, "negatives": str, "seed": int, "node_k": int}
KEYS = ["networks", "simplify", "methods", *SETTINGS, "metrics", "out", "method", "network"]
NETWORK_KEYS = ["path", "domain", "kind", "test", "negatives"]


class StudyFile(NamedTuple):
    study: Study
    out: Path
    metrics: list[str]


def read_study_file(path: PathLike) -> StudyFile:
    """Read `study.toml`; file names in it are relative to it.

    Keys: `networks` (files and folders), `simplify` (drop their self-loops and links given twice), `methods`, and the settings of `Study`; `metrics` for the tables; `out`, the folder of the
    results (default: the file's name without .toml, beside it). `[method.LABEL]` gives a method with options,
    `[network.NAME]` a network's path, domain, kind, and files of fixed splits (`test`, and `negatives`, lists of edge lists).
    """
    path = Path(path)
    content = read_toml(path)
    try:
        return _study_file(path, content)
    except ValueError as error:
        raise FileError(f"{path}: {error}") from None


def _study_file(path: Path, content: dict) -> StudyFile:
    _known(content, KEYS, "")
    folder = path.parent
    settings = {}
    for key, types in SETTINGS.items():
        if key in content:
            if isinstance(content[key], bool) or not isinstance(content[key], types):
                raise ValueError(f"{key} must be a {'number' if key == 'fraction' else 'text' if types is str else 'whole number'}, got {content[key]!r}")
            settings[key] = content[key]
    simplify = content.get("simplify", False)
    check_flag("simplify", simplify)
    paths = [folder / name for name in _texts(content, "networks")]
    networks = read_networks(paths, simplify) if paths else {}
    tables = _tables(content, "network")
    splits, domains = {}, {}
    for name, table in tables.items():
        _known(table, NETWORK_KEYS, f"[network.{name}] ")
        if "path" in table:
            networks[name] = read(folder / _text(table, "path", name), kind=table.get("kind"), simplify=simplify)
        elif name in networks and "kind" in table:
            raise ValueError(f"[network.{name}] gives a kind but no path; give both, and leave the file out of `networks`")
        elif name not in networks:
            raise ValueError(f"[network.{name}] has no path, and `networks` holds no file of this name; networks: {', '.join(networks) or 'none'}")
        if "domain" in table:
            domains[name] = _text(table, "domain", name)
        tests, others = _texts(table, "test"), _texts(table, "negatives")
        if others and len(others) != len(tests):
            raise ValueError(f"[network.{name}] gives {len(tests)} test files and {len(others)} of negatives")
        if tests:
            splits[name] = [read_split(networks[name], folder / test, folder / other if other else None)
                            for test, other in zip(tests, others or [None] * len(tests))]
    methods = {name: name for name in _texts(content, "methods")}
    for label, table in _tables(content, "method").items():
        methods[label] = table
    metrics = _texts(content, "metrics") or ["precision", "average_precision", "auc_roc"]
    unknown = next((name for name in metrics if name not in METRICS and not ("node_k" in content and name in NODE_METRICS)), None)
    if unknown is not None:
        raise ValueError(f"no metric {unknown!r}; metrics: {', '.join([*METRICS, *NODE_METRICS])} (the last three need node_k)")
    if not isinstance(content.get("out", ""), str):
        raise ValueError(f"out must be a text, got {content['out']!r}")
    out = folder / content["out"] if content.get("out") else path.with_suffix("") if path.suffix else path.with_name(path.name + "_results")
    return StudyFile(Study(networks, methods, splits=splits, domains=domains, **settings), out, metrics)


def _known(table: Mapping, keys: list[str], where: str) -> None:
    for key in table:
        if key not in keys:
            close = difflib.get_close_matches(key, keys, 1)
            raise ValueError(f"{where}unknown key {key!r}" + (f", did you mean {close[0]!r}?" if close else f"; keys: {', '.join(keys)}"))


def _texts(table: Mapping, key: str) -> list[str]:
    value = table.get(key, [])
    value = [value] if isinstance(value, str) else value
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError(f"{key} must be a list of texts, got {value!r}")
    return value


def _text(table: Mapping, key: str, name: str) -> str:
    if not isinstance(table[key], str):
        raise ValueError(f"[network.{name}] {key} must be a text, got {table[key]!r}")
    return table[key]


def _tables(content: Mapping, key: str) -> dict[str, dict]:
    tables = content.get(key, {})
    if not isinstance(tables, Mapping) or not all(isinstance(table, Mapping) for table in tables.values()):
        raise ValueError(f"{key} must be tables, as [{key}.NAME]")
    return dict(tables)
