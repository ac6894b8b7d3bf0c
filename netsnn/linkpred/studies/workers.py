"""Where the cells of a study are computed: here, in processes of this machine, or on a Dask cluster.

Each way is a generator of (task, result), in the order in which tasks end. A result that is a `Failure` says why there is none. Whoever
reads the generator writes the results; workers write nothing.
"""

from __future__ import annotations

import contextlib
import ctypes
import multiprocessing
import os
import pickle
import signal
from collections.abc import Callable, Generator, Hashable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, cast

import threadpoolctl

from netsnn.errors import StudyError
from netsnn.threads import n_threads

__all__ = ["Failure", "in_processes", "inline", "on_dask"]

Task = Hashable
Results = Generator[tuple[Any, Any], None, None]


@dataclass(frozen=True)
class Failure:
    """Why a task has no result, in one line; `lost`: its process died, so that another try may well have one."""

    reason: str
    lost: bool = False


def attempt(function: Callable, task: Task) -> object:
    """function(task), or the Failure that it ended in."""
    try:
        return function(task)
    except MemoryError as error:
        return Failure(f"not enough memory: {' '.join(str(error).split()) or type(error).__name__}")
    except (Exception, SystemExit) as error:
        kind = "" if isinstance(error, (ValueError, ArithmeticError)) else f"{type(error).__name__}: "
        return Failure(kind + (" ".join(str(error).split()) or type(error).__name__))


def inline(function: Callable, tasks: Sequence[Task]) -> Results:
    """One after the other, in this process."""
    for task in tasks:
        yield task, attempt(function, task)


def in_processes(function: Callable, tasks: Sequence[Task], jobs: int) -> Results:
    """In `jobs` processes, which share the memory of what `function` refers to where the system can fork.

    A process that dies (killed, or out of memory) costs its own task alone: another process tries it once more, and if that dies too
    it is recorded.
    """
    method = "fork" if "fork" in multiprocessing.get_all_start_methods() and os.uname().sysname == "Linux" else "spawn"
    if method == "spawn":
        try:
            pickle.dumps(function)
        except (pickle.PicklingError, AttributeError, TypeError) as error:
            raise StudyError(f"on this system processes cannot share a function defined in a notebook or a lambda ({error}); use jobs=1, or put it into a module") from None
    context: Any = multiprocessing.get_context(method)
    threads = max(1, n_threads() // jobs)
    waiting, died = list(reversed(tasks)), set()
    running: dict[Any, list[Any]] = {}  # connection to [process, task]

    def start() -> None:
        mine, theirs = context.Pipe()
        process = context.Process(target=_work, args=(function, theirs, threads, os.getpid()), daemon=True)
        process.start()
        theirs.close()
        running[mine] = [process, None]
        give(mine)

    def give(connection: Connection) -> None:
        running[connection][1] = waiting.pop() if waiting else None
        if running[connection][1] is not None:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it has just died: reading from it will tell
                connection.send(running[connection][1])

    try:
        for _ in range(min(jobs, len(tasks))):
            start()
        while busy := [connection for connection, (_, task) in running.items() if task is not None]:
            for connection in cast(list[Connection], wait(busy)):
                process, task = running[connection]
                try:
                    result = connection.recv()
                except (EOFError, ConnectionResetError):
                    del running[connection]
                    connection.close()
                    process.join()
                    if task not in died:
                        died.add(task)
                        waiting.append(task)
                        start()
                        continue
                    result = Failure(_death(process.exitcode), lost=True)
                    if waiting:
                        start()
                else:
                    give(connection)
                yield task, result
    finally:
        for process, _ in running.values():
            process.kill()
        for connection, (process, _) in running.items():
            process.join()
            connection.close()


def _work(function: Callable, connection: Connection, threads: int, parent: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the parent, which ends its workers
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    with contextlib.suppress(OSError, AttributeError):  # Linux: die with the parent, whatever it dies of
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    os.environ["NETSNN_THREADS"] = str(threads)
    with threadpoolctl.threadpool_limits(threads), contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        while True:
            while not connection.poll(1.0):
                if os.getppid() != parent:  # it was killed: siblings hold the pipe's other end, so that no EOF tells
                    return
            connection.send(attempt(function, connection.recv()))


def _death(code: int | None) -> str:
    if code is not None and code < 0:
        name = signal.Signals(-code).name
        return f"the process was ended by {name}" + (", perhaps for want of memory" if name == "SIGKILL" else "")
    return f"the process ended with code {code}"


def on_dask(function: Callable, tasks: Sequence[Task], shared: dict, key_of: Callable[[Any], str], scheduler: str | None, jobs: int) -> Results:
    """On a Dask cluster: function(shared[key_of(task)], task), each value of `shared` sent once and remade where its holder dies.

    `scheduler` is an address ("tcp://..."), a distributed Client, or None for a cluster of `jobs` processes here.
    """
    try:
        from distributed import Client, as_completed
    except ImportError:
        raise StudyError('backend="dask" needs Dask: pip install "netsnn[dask]"') from None
    try:
        with contextlib.ExitStack() as stack:
            client = scheduler if isinstance(scheduler, Client) else stack.enter_context(
                Client(scheduler, timeout=10) if scheduler else Client(n_workers=jobs, threads_per_worker=1, dashboard_address=None))
            values = {key: client.submit(_same, shared[key], pure=False) for key in dict.fromkeys(map(key_of, tasks))}
            futures = {client.submit(_dask_cell, function, values[key_of(task)], task, pure=False, retries=0): task for task in tasks}
            try:
                for future in as_completed(list(futures)):
                    if future.cancelled():  # as all are once the scheduler is gone
                        raise StudyError("the Dask cluster was lost; the same command goes on from the cells that are done")
                    error = future.exception() if future.status in ("error", "lost") else None
                    yield futures[future], Failure(f"{type(error).__name__}: {' '.join(str(error).split())}", lost=True) if error else future.result()
            finally:
                client.cancel(list(futures))
    except (OSError, TimeoutError) as error:
        raise StudyError(f"no Dask cluster answers at {scheduler}: {' '.join(str(error).split())}") from None


def _same(value: Any) -> Any:
    return value


def _dask_cell(function: Callable, value: Any, task: Task) -> Any:
    return attempt(lambda task: function(value, task), task)
