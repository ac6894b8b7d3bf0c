"""`netsnn measure`: the numbers of a layer, a network or a recorded run."""

from __future__ import annotations

import argparse
import csv
import io
import json
import math
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from netsnn.graph import Layer

__all__ = ["add_to"]

FORMS = {".txt": "text", ".csv": "csv", ".json": "json"}
EXAMPLES = """\
examples:
  netsnn measure data/celegans_neuromuscular.edges
  netsnn measure layer.npz --measures degrees,modularity --nulls 20
  netsnn measure runs/a -o measures.csv                       # one row a snapshot and layer
"""


def add_to(commands: argparse._SubParsersAction) -> None:
    """Add the subcommand to the parser of `netsnn`."""
    from netsnn.cli.sources import add_file_options

    parser = commands.add_parser(
        "measure", help="measure the topology of a layer, a network or a recorded run",
        description="Degrees, power laws, clustering, modularity, distances, spectra and more. A file of a network gives one row a layer, "
                    "a run's folder one row a snapshot and layer.",
        epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", metavar="FILE|RUN", help="a file of a layer or network (- reads standard input: give --format), or the folder of a run")
    parser.add_argument("-m", "--measures", metavar="A,B", help="groups of measures, or all (default: the quick ones); see --list")
    parser.add_argument("--list", nargs=0, action=_List, help="list the groups of measures, and stop")
    parser.add_argument("--nulls", type=int, default=0, metavar="N", help="z-scores against N random layers of the same degrees")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="for --nulls (default 0)")
    add_file_options(parser)
    parser.add_argument("-o", "--output", type=_output, default="-", metavar="FILE", help="file to write (.csv, .json, .txt), or csv, json or text for standard output "
                        "(default: text on a terminal, csv into a pipe)")
    parser.set_defaults(run=run)


class _List(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from netsnn.measures.summary import MEASURES, QUICK

        for name, measure in MEASURES.items():
            about = (measure.__doc__ or "").partition("\n")[0]
            print(f"{name:15}{about}{'' if name in QUICK else ' (not by default)'}")
        parser.exit()


def run(arguments: argparse.Namespace) -> None:
    """Measure, and write the rows."""
    from netsnn.cli.sources import check_output
    from netsnn.io import write_text
    from netsnn.measures import summary

    names = None if arguments.measures is None else [name.strip() for name in arguments.measures.split(",")]
    names = "all" if names == ["all"] else names
    if arguments.nulls < 0 or arguments.nulls == 1:
        raise ValueError(f"--nulls must be 0 or at least 2, got {arguments.nulls}")
    if arguments.nulls > 1_000_000:
        raise ValueError(f"--nulls must be at most 1000000, got {arguments.nulls}")
    if arguments.seed < 0:
        raise ValueError(f"--seed must be at least 0, got {arguments.seed}")
    form, target = arguments.output
    check_output(target, arguments.source)
    rows = []
    for head, layer in _layers(arguments):
        rows.append(head | summary(layer, names, nulls=arguments.nulls, seed=arguments.seed))
    write_text(_formatted(rows, form), target)


def _output(text: str) -> tuple[str, str]:
    """(form, where to) of what -o was given."""
    form = FORMS.get(os.path.splitext(text)[1].lower())
    if text == "-":
        text = "text" if sys.stdout.isatty() else "csv"
    if text in FORMS.values():
        return text, "-"
    if form is None:
        raise argparse.ArgumentTypeError(f"{text or 'an empty name'}: the ending must be {', '.join(FORMS)}; {', '.join(FORMS.values())} alone go to standard output")
    return form, text


def _formatted(rows: list[dict], form: str) -> str:
    """Rows of the same names as aligned text (names down), CSV or JSON."""
    if form == "json":
        clean = [{name: None if isinstance(value, float) and not math.isfinite(value) else value for name, value in row.items()} for row in rows]
        return json.dumps(clean[0] if len(clean) == 1 else clean, indent=1) + "\n"
    if form == "csv":
        out = io.StringIO()
        writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return out.getvalue()
    cells = [[name, *(_short(row[name]) for row in rows)] for name in rows[0]]
    widths = [max(len(line[i]) for line in cells) for i in range(len(cells[0]))]
    return "".join("  ".join([line[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(line[1:], widths[1:]))]) + "\n" for line in cells)


def _layers(arguments: argparse.Namespace) -> Iterator[tuple[dict[str, Any], Layer]]:
    """(columns that say which layer it is, the layer) of everything in the source."""
    from netsnn.cli.sources import is_run, open_run, refuse_file_options
    from netsnn.graph import Layer
    from netsnn.io import read
    from netsnn.network import Network

    source = arguments.source
    if is_run(source):
        refuse_file_options(arguments)
        history = open_run(source)
        if not len(history):
            raise ValueError(f"{source}: the run has no snapshot yet")
        for snapshot in history:
            for i, layer in enumerate(snapshot.layers):
                yield {"snapshot": snapshot.number, "step": snapshot.step, "layer": history.names[i] if history.names else i}, layer
        return
    value = read(source, kind=arguments.kind, simplify=arguments.simplify, format=arguments.format)
    if isinstance(value, Layer):
        yield {}, value
    elif isinstance(value, Network):
        for i, layer in enumerate(value):
            yield {"layer": value.names[i] if value.names else i}, layer
    else:
        raise ValueError(f"{source} holds an undirected graph, and the measures are those of bipartite layers; predict, study and convert take graphs")


def _short(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.0f}" if math.isfinite(value) and value == round(value) and abs(value) < 1e9 else f"{value:.4g}"
    return str(value)
