"""The `netsnn` command: thin, one module a subcommand, no logic of its own."""

from __future__ import annotations

import argparse
import contextlib
import errno
import os
import signal
import sys
import threading
import warnings
from collections.abc import Sequence
from typing import Any, NoReturn

import netsnn
from netsnn.cli import convert, measure, plot, predict, report, study, train
from netsnn.errors import NetsnnError, ShortfallWarning

__all__ = ["main"]

DESCRIPTION = "netsnn: sparse spiking neural networks, and any other network, as graphs."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `netsnn ARGUMENTS`; returns the exit code: 0 done, 1 a problem with a file or its data, 2 a wrong command, 130 interrupted (143 by SIGTERM)."""
    stopped: list[int] = []
    if arguments is None:  # the process is ours
        _open_closed_streams()
        _listen(stopped)
    try:
        _run(arguments)
        code = 0
    except SystemExit:
        raise
    except BaseException as error:
        code = _end(error, stopped)
    if arguments is None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)  # all is done, but for what Python does at its end
    return code


def _end(error: BaseException, stopped: list[int]) -> int:
    """Say what ended a command in one line; the exit code."""
    if isinstance(error, KeyboardInterrupt):
        return _say(f"interrupted{f'; {error}' if str(error) else ''}", 128 + (stopped or [signal.SIGINT])[-1])
    if stopped:  # an import makes something else of it
        return _say("interrupted", 128 + stopped[-1])
    if isinstance(error, ValueError):  # an argument that a function of the library refused
        return _say(f"error: {error}", 2)
    if isinstance(error, (NetsnnError, MemoryError)):
        return _say(f"error: {str(error) or 'not enough memory'}", 1)
    if isinstance(error, ModuleNotFoundError):
        return _say(f"error: this needs {error.name}, which is not installed: pip install {error.name}", 1)
    if isinstance(error, RuntimeError) and "memory" in str(error):  # of torch
        return _say("error: not enough memory", 1)
    if isinstance(error, BrokenPipeError):  # the reader (head, less) has had enough
        return _drop_output(1)
    if isinstance(error, OSError) and error.filename:
        return _say(f"error: {error.filename}: {error.strerror or error}", 1)
    if isinstance(error, OSError):  # a full disk behind standard output
        return _drop_output(_say("error: standard output is closed" if error.errno == errno.EBADF else f"error: {error.strerror or error}", 1))
    raise error


def _run(arguments: Sequence[str] | None) -> None:
    try:
        parser = _Parser(prog="netsnn", description=DESCRIPTION, epilog="`netsnn COMMAND --help` explains a command and shows examples.")
        parser.add_argument("--version", action="version", version=f"netsnn {netsnn.__version__}")
        commands = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command", required=True)
        for module in (train, predict, study, measure, plot, report, convert):
            module.add_to(commands)
        parsed, unknown = parser.parse_known_args(arguments)
        if unknown:
            commands.choices[parsed.command].error(f"unrecognized arguments: {' '.join(unknown)}")
        with warnings.catch_warnings():
            warnings.simplefilter("always", ShortfallWarning)
            warnings.showwarning = lambda message, *_, **__: print(f"netsnn: warning: {message}", file=sys.stderr)
            parsed.run(parsed)
    except SystemExit:  # of the parser: help was asked for, or the command is no command
        sys.stdout.flush()
        raise
    sys.stdout.flush()


class _Parser(argparse.ArgumentParser):
    def _print_message(self, message: str, file: Any = None) -> None:
        """As argparse's own, which hides that nothing could be written."""
        (file or sys.stderr).write(message)

    def error(self, message: str) -> NoReturn:
        """One line, as of all that goes wrong."""
        self.exit(2, f"netsnn: error: {message} (`{self.prog} --help` explains)\n")


def _say(text: str, code: int) -> int:
    with contextlib.suppress(OSError):  # nobody listens
        print(f"netsnn: {text}", file=sys.stderr, flush=True)
    return code


def _drop_output(code: int) -> int:
    """What standard output has not taken yet goes nowhere; else Python would try again at its end."""
    with contextlib.suppress(OSError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, sys.stdout.fileno())
        os.close(null)
    return code


def _open_closed_streams() -> None:
    """In the place of a closed standard stream one that refuses to be used; else a file that is opened would get its number, and messages."""
    for number, name, way in ((0, "stdin", os.O_WRONLY), (1, "stdout", os.O_RDONLY), (2, "stderr", os.O_WRONLY)):
        if getattr(sys, name) is None:
            null = os.open(os.devnull, way)
            if null != number:
                os.dup2(null, number)
                os.close(null)
            setattr(sys, name, open(number, "w" if number else "r", closefd=False))


class _Stop(KeyboardInterrupt):
    """Not KeyboardInterrupt itself: if that passes through an exec (of an import, a dataclass), Python dies of it at its end, though it was caught."""


def _listen(stopped: list[int]) -> None:
    """SIGTERM ends a command as Ctrl-C does: nothing half-written stays, and what was done is kept."""
    def stop(number: int, _: object) -> None:
        stopped.append(number)
        raise _Stop

    def again(lost: sys.UnraisableHookArgs) -> None:
        """What is raised where Python calls back (as an object goes) does not come through."""
        if isinstance(lost.exc_value, _Stop):
            threading.Timer(0.01, os.kill, (os.getpid(), stopped[-1])).start()
        else:
            sys.__unraisablehook__(lost)

    sys.unraisablehook = again

    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) in (signal.default_int_handler, signal.SIG_DFL):
            signal.signal(number, stop)
