"""How many threads compute: one pool for the compiled kernels, which release the GIL, and one thread of BLAS where bits count."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from itertools import islice
from typing import Any, TypeVar

__all__ = ["n_threads", "one_blas_thread", "run"]

Task = TypeVar("Task")
Result = TypeVar("Result")
_pool: ThreadPoolExecutor | None = None


def n_threads() -> int:
    """How many threads kernels use: the environment's NETSNN_THREADS, or the processors this process may use."""
    wanted = os.environ.get("NETSNN_THREADS", "")
    if wanted:
        if not wanted.isdigit() or int(wanted) < 1:
            raise ValueError(f"NETSNN_THREADS must be a whole number of at least 1, got {wanted!r}")
        return int(wanted)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Dense linear algebra on one thread: BLAS sums in another order, to other last bits, on each number of threads."""
    with _blas().limit(limits=1, user_api="blas"):
        yield


@cache
def _blas() -> Any:
    """NumPy's and SciPy's BLAS, both loaded: looking for them takes a millisecond, setting their threads a twentieth of it."""
    import scipy.linalg  # noqa: F401
    import threadpoolctl

    return threadpoolctl.ThreadpoolController()


def run(function: Callable[[Task], Result], tasks: Iterable[Task]) -> Iterator[Result]:
    """Results of `function` for each task in order, a few tasks ahead of the reader and no more."""
    global _pool
    threads = n_threads()
    tasks = iter(tasks)
    first = list(islice(tasks, 2))
    if threads == 1 or len(first) < 2:
        yield from map(function, first)
        yield from map(function, tasks)
        return
    if _pool is None or _pool._max_workers != threads:
        _pool = ThreadPoolExecutor(threads, thread_name_prefix="netsnn")
    waiting = [_pool.submit(function, task) for task in first]
    waiting += [_pool.submit(function, task) for task in islice(tasks, threads)]
    try:
        while waiting:
            result = waiting.pop(0).result()
            waiting += [_pool.submit(function, task) for task in islice(tasks, 1)]
            yield result
    finally:
        for future in waiting:
            future.cancel()


def _forget_pool() -> None:
    global _pool
    _pool = None  # a forked child inherits the pool but not its threads


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pool)
