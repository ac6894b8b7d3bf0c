"""`netsnn predict`: the most likely missing links of a network."""

from __future__ import annotations

import argparse
import csv
import io
import sys
import textwrap
from typing import Any

__all__ = ["add_to"]

EXAMPLES = """\
examples:
  netsnn predict data/karate.edges --method ra --top 10
  netsnn predict layer.npz --method ch3_l3 --top 500 --sample --seed 1 -o links.csv
  cat graph.edges | netsnn predict - --format edges --method l3
"""


class _ListMethods(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        print(methods_table())
        parser.exit()


def add_to(commands: argparse._SubParsersAction) -> None:
    """Add the subcommand to the parser of `netsnn`."""
    from netsnn.cli.sources import add_simplify
    from netsnn.io import FORMATS

    parser = commands.add_parser(
        "predict", help="rank the unlinked pairs of a network by a link score",
        description="Score every unlinked pair of a network and give the best. A bipartite file gives pairs (input, output), "
                    "any other file unordered pairs of nodes.",
        epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", metavar="FILE", help="network to read; - reads standard input (give --format)")
    parser.add_argument("-m", "--method", default="ch3_l3", metavar="M", help="link score (default ch3_l3); see --methods")
    parser.add_argument("--methods", nargs=0, action=_ListMethods, help="list the link scores and their formulas, and stop")
    parser.add_argument("-k", "--top", type=int, default=20, metavar="K", help="how many pairs (default 20)")
    parser.add_argument("--sample", action="store_true", help="draw the K pairs in proportion to their scores instead of taking the highest")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="for ties, --sample and spm (default 0)")
    parser.add_argument("--option", action="append", default=[], metavar="NAME=VALUE",
                        help="an option of the method, such as beta=0.01 for katz; may be given several times")
    parser.add_argument("--kind", choices=["layer", "graph"], help="read the file as a bipartite layer or as an undirected graph, "
                        "where the file does not say")
    parser.add_argument("--format", choices=sorted(FORMATS), help="format of FILE, if not told by its extension")
    add_simplify(parser)
    parser.add_argument("-o", "--output", default="-", metavar="FILE", help="write CSV to this file (default: a table on a terminal, "
                        "CSV into a pipe)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Read, score, and write the table."""
    from netsnn.cli.sources import check_output
    from netsnn.graph import Layer
    from netsnn.io import read, write_text
    from netsnn.linkpred.methods import METHODS
    from netsnn.network import Network

    if arguments.top < 0:
        raise ValueError(f"--top must be at least 0, got {arguments.top}")
    if arguments.seed < 0:
        raise ValueError(f"--seed must be at least 0, got {arguments.seed}")
    method = arguments.method.lower().replace("-", "_")
    if method not in METHODS:
        raise ValueError(f"no method {arguments.method!r}; methods: {', '.join(METHODS)}")
    options: dict[str, Any] = dict(_option(text) for text in arguments.option)
    known = METHODS[method].options
    if unknown := next((name for name in options if name not in known), None):
        raise ValueError(f"{method!r} has no option {unknown!r}; options: {', '.join(known) or 'none'}")
    check_output(arguments.output, arguments.file)
    graph = read(arguments.file, kind=arguments.kind, simplify=arguments.simplify, format=arguments.format)
    if isinstance(graph, Network):
        raise ValueError(f"{arguments.file} holds a network of {len(graph)} layers; predict works on one layer or graph")
    from netsnn.linkpred import best

    found = best(graph, method, arguments.top, sample=arguments.sample, seed=arguments.seed, **options)
    if isinstance(graph, Layer):
        head, names = ("input", "output", "score"), (graph.input_names, graph.output_names)
    else:
        head, names = ("u", "v", "score"), (graph.names, graph.names)
    ends = [[ids[i] if ids is not None else i for i in end.tolist()] for end, ids in zip((found.u, found.v), names)]
    rows = list(zip(*ends, found.score.tolist()))
    if arguments.output == "-" and sys.stdout.isatty():
        print(_table(head, rows))
    else:
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(head)
        writer.writerows(rows)
        write_text(text.getvalue(), arguments.output)


def methods_table() -> str:
    """The scores by family: name, where it is defined, formula."""
    from netsnn.linkpred.methods import METHODS

    lines = ["Link scores. d = degree; i, e = links inside and outside the local community of a pair.", ""]
    for name, method in METHODS.items():
        where = " and ".join(word for word, yes in (("layers", method.bipartite), ("graphs", method.unipartite)) if yes)
        formula = method.formula if name == method.name else f"the same as {method.name}"
        options = f" [options: {', '.join(method.options)}]" if method.options and name == method.name else ""
        lines += textwrap.wrap(f"{formula}{options}", 100, initial_indent=f"  {name:13} {where:18} ", subsequent_indent=" " * 35)
    return "\n".join(lines)


def _table(head: tuple[str, ...], rows: list[tuple]) -> str:
    cells = [("rank", *head), *((str(i), str(u), str(v), f"{score:.6g}") for i, (u, v, score) in enumerate(rows, 1))]
    widths = [max(len(row[c]) for row in cells) for c in range(4)]
    return "\n".join(f"{rank:>{widths[0]}}  {u:<{widths[1]}}  {v:<{widths[2]}}  {score:>{widths[3]}}" for rank, u, v, score in cells)


def _option(text: str) -> tuple[str, float | int | str | list[str]]:
    """A name, and a number, a text, or texts between commas."""
    name, equals, value = (part.strip() for part in text.partition("="))
    if not (name and equals and value):
        raise ValueError(f"--option must look like beta=0.01, got {text!r}")
    try:
        number = float(value)
    except ValueError:
        return name, value.split(",") if "," in value else value
    return name, int(number) if number.is_integer() and abs(number) < 2**53 else number
