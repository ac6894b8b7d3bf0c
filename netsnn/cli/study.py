"""`netsnn study`: a link-prediction study described in a TOML file."""

from __future__ import annotations

import argparse
import sys

__all__ = ["add_to"]

EXAMPLE = """\
an example of study.toml (file names are relative to it):

  networks = ["data/", "more/jazz.edges"]       # files, and folders of them
  simplify = false                              # true drops self-loops and links given twice, which are errors otherwise
  methods = ["l3", "ch3_l3", "spm", "cha"]      # see `netsnn predict --methods`; pa, the null, is always added
  fraction = 0.1                                # of the links are hidden
  repeats = 10
  removal = "connected"                         # or "random"
  negatives = "all"                             # or "degree_matched", "sampled"
  seed = 0

  [method.katz_01]                              # a method with options
  method = "katz"
  beta = 0.01

  [network.jazz]
  domain = "social"
  # test = ["jazz.test1.edges"]                 # fixed splits instead of drawn ones

Results go to the folder `out` of the file (default: its name without .toml): cells/ (one file a cell), cells.csv, tables/, figures/.
However a run ended, the same command goes on from there, to the same numbers.
"""


def add_to(commands: argparse._SubParsersAction) -> None:
    """Add the subcommand to the parser of `netsnn`."""
    parser = commands.add_parser(
        "study", help="compare link scores over many networks and splits; resumes",
        description="Run the study that a TOML file describes: hide links, score, evaluate, compare, and write tables and figures.",
        epilog=EXAMPLE, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", metavar="STUDY.toml", help="the study")
    parser.add_argument("-j", "--jobs", type=int, default=1, metavar="N", help="processes (default 1)")
    parser.add_argument("-o", "--out", metavar="FOLDER", help="folder of the results, instead of the file's own `out`")
    parser.add_argument("--dask", nargs="?", const="", metavar="ADDRESS", help="spread the cells over the Dask cluster at ADDRESS (tcp://...), "
                        "or without an address over N worker processes here")
    parser.add_argument("--retry", action="store_true", help="compute failed cells again")
    parser.add_argument("--check", action="store_true", help="read the file and the networks, say what would run, and stop")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Read, run, print the first table, write the rest."""
    from netsnn.errors import StudyError
    from netsnn.linkpred.studies.study_file import read_study_file

    if arguments.out in ("", "-"):
        raise ValueError("--out must name a folder")
    study, out, metrics = read_study_file(arguments.file)
    out = arguments.out or out
    cells = study.cells()
    if arguments.check:
        print(f"networks: {len(study.networks)}, methods: {len(study.methods)}, cells: {len(cells)}; results to {out}")
        for name, graph in study.networks.items():
            print(f"  {name:24} {graph!r}")
        return
    try:
        result = study.run(out, arguments.jobs, backend="processes" if arguments.dask is None else "dask", scheduler=arguments.dask or None,
                           retry=arguments.retry)
    except StudyError as error:
        if isinstance(error.__context__, KeyboardInterrupt):
            raise KeyboardInterrupt(str(error).removeprefix("interrupted; ")) from None
        raise
    paths = result.save(out, metrics)
    print(result.table(metrics[0]))
    print(f"\n{len(cells)} cells in {out}; tables: {out}/tables, figures: {out}/figures ({len(paths)} files)")
    sys.stdout.flush()
    if result.failed:
        first = result.failed[0]
        raise StudyError(f"{len(result.failed)} of {len(cells)} cells failed (first: {first['network']}, split {first['split']}, {first['method']}: "
                         f"{first['error']}); all are listed in {out}/cells.csv, --retry computes them again")
