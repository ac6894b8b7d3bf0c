"""`netsnn report`: the report of a recorded run, as one HTML page."""

from __future__ import annotations

import argparse
from pathlib import Path

__all__ = ["add_to"]


def add_to(commands: argparse._SubParsersAction) -> None:
    """Add the subcommand to the parser of `netsnn`."""
    parser = commands.add_parser(
        "report", help="write the report of a recorded run as one HTML page",
        description="One self-contained page: how the topology evolved, tables of measures, figures of every layer. Opens in any browser, offline.",
        epilog="example:\n  netsnn report runs/a                 # writes runs/a/report.html", formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", metavar="RUN", help="the folder of a run")
    parser.add_argument("-o", "--output", metavar="FILE", help="file to write (default: report.html in the folder; - is standard output)")
    parser.add_argument("--title", help="title of the page (default: the folder's name)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Read the history, write the page, say where."""
    import matplotlib

    matplotlib.use("Agg")
    from netsnn.cli.sources import open_run
    from netsnn.io.atomic import check_target
    from netsnn.plot import report

    output, history = arguments.output or Path(arguments.source) / "report.html", open_run(arguments.source)
    check_target(output)
    if str(output) != "-" and not str(output).lower().endswith((".html", ".htm")):
        raise ValueError(f"{output}: the report is written as .html")
    made = report(history, output, title=arguments.title or Path(arguments.source).resolve().name)
    if str(output) != "-":
        print(made)
