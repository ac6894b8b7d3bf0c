"""The `netsnn` command: thin, one module a subcommand, no logic of its own."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import warnings
from collections.abc import Sequence

import netsnn
from netsnn.cli import convert, measure, plot, predict, report, study, train
from netsnn.errors import NetsnnError, ShortfallWarning

__all__ = ["main"]

DESCRIPTION = "netsnn: sparse spiking neural networks, and any other network, as graphs."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `netsnn ARGUMENTS`; returns the exit code: 0 done, 1 a problem with a file or its data, 2 a wrong command."""
    parser = argparse.ArgumentParser(prog="netsnn", description=DESCRIPTION,
                                     epilog="`netsnn COMMAND --help` explains a command and shows examples.")
    parser.add_argument("--version", action="version", version=f"netsnn {netsnn.__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for module in (train, predict, study, measure, plot, report, convert):
        module.add_to(commands)
    parsed = parser.parse_args(arguments)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always", ShortfallWarning)
            warnings.showwarning = lambda message, *_, **__: print(f"netsnn: warning: {message}", file=sys.stderr)
            parsed.run(parsed)
        sys.stdout.flush()
        return 0
    except ValueError as error:  # an argument that a function of the library refused
        print(f"netsnn: error: {error}", file=sys.stderr)
        return 2
    except (NetsnnError, MemoryError) as error:
        print(f"netsnn: error: {error or 'not enough memory'}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader (head, less) has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:  # a full disk behind standard output
        print(f"netsnn: error: {error.strerror or error}", file=sys.stderr)
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt as stop:
        print(f"netsnn: interrupted{f'; {stop}' if str(stop) else ''}", file=sys.stderr)
        return 1
