"""Time and peak memory of a call, in this process; the machine's name, and the page that a bench writes."""

from __future__ import annotations

import ctypes
import gc
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

RESULTS = Path(__file__).parent.parent / "results"


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


def cpu() -> str:
    """What the processor calls itself."""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.machine()


def write_page(name: str, title: str, head: str, legend: str, columns: list[str], rows: list[list[str]]) -> None:
    """Write a table to analysis/results/NAME.md, and print it."""
    table = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns), *("| " + " | ".join(row) + " |" for row in rows)]
    text = "\n".join([f"# {title}", "", head, "", legend, "", *table, ""])
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.md").write_text(text)
    print(text)


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
