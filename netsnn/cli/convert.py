"""`netsnn convert`: a network from one file format to another."""

from __future__ import annotations

import argparse

__all__ = ["add_to"]

EXAMPLES = """\
examples:
  netsnn convert layer.npz layer.graphml            open it in Gephi, Cytoscape or networkx
  netsnn convert graph.net graph.edges
  netsnn convert pairs.csv layer.mtx --kind layer   column 1 are inputs, column 2 outputs
  cat graph.edges | netsnn convert - - --from edges --to graphml
"""


def add_to(commands: argparse._SubParsersAction) -> None:
    """Add the subcommand to the parser of `netsnn`."""
    from netsnn.cli.sources import add_simplify
    from netsnn.io import FORMATS

    extensions = "\n".join(f"  {name:10} {', '.join('.' + e.lstrip('.') for e in form.extensions):28} {form.description}"
                           for name, form in FORMATS.items())
    parser = commands.add_parser(
        "convert", help="convert a network from one file format to another",
        description="Convert a network between file formats, weights and names included. Formats follow from the extensions.",
        epilog=f"formats:\n{extensions}\n\n{EXAMPLES}", formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", metavar="IN", help="file to read; - reads standard input (give --from)")
    parser.add_argument("target", metavar="OUT", help="file to write; - writes standard output (give --to)")
    parser.add_argument("--from", dest="source_format", choices=sorted(FORMATS), help="format of IN, if not told by its extension")
    parser.add_argument("--to", dest="target_format", choices=sorted(FORMATS), help="format of OUT, if not told by its extension")
    parser.add_argument("--kind", choices=["layer", "graph", "network"], help="what IN holds, where the file does not say")
    add_simplify(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Read one, write the other."""
    import sys

    from netsnn.cli.sources import check_output
    from netsnn.io import read, write

    check_output(arguments.target, arguments.source)
    value, weights = read(arguments.source, kind=arguments.kind, weights=True, simplify=arguments.simplify, format=arguments.source_format)
    write(value, arguments.target, weights=weights, format=arguments.target_format)
    if arguments.target != "-":
        print(f"{value} -> {arguments.target}", file=sys.stderr)
