"""Time and peak memory of a call, in this process."""

from __future__ import annotations

import ctypes
import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Cost:
    """Median seconds of the repeats, and the most memory that the whole process held during one call."""

    seconds: float
    peak_mb: float


def cost(function: Callable[[], object], repeats: int = 5, longest: float = 20.0) -> Cost:
    """Cost of `function` after one call that is not counted; fewer repeats once they have taken `longest` seconds."""
    _reset_peak()
    function()
    peak = _peak()
    times: list[float] = []
    while len(times) < repeats and sum(times) < longest:
        begin = time.perf_counter()
        function()
        times.append(time.perf_counter() - begin)
    return Cost(statistics.median(times), peak)


def _reset_peak() -> None:
    gc.collect()
    if malloc := getattr(ctypes.CDLL(None), "malloc_trim", None):
        malloc(0)  # give back what earlier calls left
    try:
        Path("/proc/self/clear_refs").write_text("5")  # Linux: the high-water mark falls to what is in use now
    except OSError:
        pass


def _peak() -> float:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1e3
    return float("nan")
