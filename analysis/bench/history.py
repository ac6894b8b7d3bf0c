"""Time and size of a history: 100 snapshots of 3 layers of 100,000 links, written with every flush to the disk, and read back.

    python -m analysis.bench.history [--folder DIR]          # some 20 seconds; DIR on the disk to be measured

Between snapshots 5 % of the links turn over, as in dynamic sparse training. Files are read from the system's cache: what is measured is the
library, not the disk. Beside it stand the plainest files one could write instead: `numpy.savez` of the same links as int32 pairs (no flush, no
index), and the bare flushes of as many bytes. The table goes to analysis/results/bench_history.md.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import netsnn as ns
from netsnn.history import History
from netsnn.io.atomic import write_bytes
from netsnn.linkpred.studies.tables import FORMATS, Table

ROOT = Path(__file__).parent.parent.parent
SIZES, LINKS, SNAPSHOTS, REPEATS = (2000, 1500, 2000, 1000), 100_000, 100, 7


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, help="where the histories are written; default: the system's temporary folder")
    load_before, networks = os.getloadavg()[0], evolution()
    weights = [np.random.default_rng(1).standard_normal(LINKS).astype(np.float32) for _ in SIZES[1:]]
    times: dict[str, list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory(dir=parser.parse_args().folder) as folder:
        for repeat in range(REPEATS):
            clock = lambda name, function: times.setdefault(name, []).append(seconds(function))
            path, plain, bare = (Path(folder) / f"{name}{repeat}" for name in ("history", "plain", "bare"))
            for made in (plain, bare):
                made.mkdir()
            clock("write", lambda: write(path, networks))
            clock("write, with float32 weights", lambda: write(Path(folder) / f"weights{repeat}", networks, weights))
            clock("open, steps and scalars", lambda: (History(path).steps, History(path).scalars))
            clock("read all layers", lambda: [snapshot.layers for snapshot in History(path)])
            clock("turnover of one layer", lambda: History(path).turnover())
            clock("overlap of one layer, after turnover", overlap_after(path))
            clock("survival of one layer, after turnover", survival_after(path))
            clock("frame of three numbers a layer", lambda: History(path).frame(numbers))
            clock("frame again", lambda: History(path).frame(numbers))
            clock("numpy.savez of int32 pairs, no flush", lambda: savez(plain, networks))
            clock("numpy.load of them, into layers", lambda: load(plain, networks))
            clock("the flushes alone: as many bytes, as many files", lambda: flushes(path, bare))
        sizes = {"write": size(path), "write, with float32 weights": size(Path(folder) / f"weights{repeat}"),
                 "numpy.savez of int32 pairs, no flush": size(plain)}
    goals = {"write": "1", "read all layers": "0.3"}
    rows = []
    for name, found in times.items():
        wall, cpu = zip(*found)
        rows.append([name, f"{statistics.median(wall):.3f}", f"{min(wall):.3f}", f"{max(wall):.3f}", f"{statistics.median(cpu):.3f}",
                     goals.get(name, ""), f"{sizes[name] / 1e6:.1f}" if name in sizes else ""])
        print(f"{name:50} median {rows[-1][1]} s   {rows[-1][2]} .. {rows[-1][3]} s   CPU {rows[-1][4]} s   {rows[-1][6]}", flush=True)
    table = Table(["what", "median, s", "least, s", "most, s", "CPU, s", "goal, s", "on disk, MB"], rows, None,
                  f"{SNAPSHOTS} snapshots of {len(SIZES) - 1} layers of {LINKS} links ({' -> '.join(map(str, SIZES))}), 5 % turned over between "
                  f"snapshots; {REPEATS} repeats, each of a new history through new objects, on {os.cpu_count()} cores under a load of "
                  f"{load_before:.1f} when it began: the flushes wait for the disk that all share.")
    out = ROOT / "analysis" / "results" / "bench_history.md"
    write_bytes(FORMATS["markdown"](table).encode(), out)
    print(f"Table: {out}")


def evolution() -> list[ns.Network]:
    """A random network whose links turn over."""
    rng, found = np.random.default_rng(0), []
    shapes = list(zip(SIZES, SIZES[1:]))
    ids = [rng.choice(n_in * n_out, LINKS, replace=False) for n_in, n_out in shapes]
    for _ in range(SNAPSHOTS):
        for i, (n_in, n_out) in enumerate(shapes):
            kept = rng.permutation(ids[i])[LINKS // 20:]
            new = np.setdiff1d(rng.choice(n_in * n_out, LINKS // 10, replace=False), kept)
            ids[i] = np.concatenate([kept, rng.permutation(new)[:LINKS - len(kept)]])
        found.append(ns.Network([ns.Layer.from_edges(x // shape[1], x % shape[1], shape) for x, shape in zip(ids, shapes)]))
    return found


def write(path: Path, networks: list[ns.Network], weights=None) -> None:
    history = History(path)
    for i, network in enumerate(networks):
        history.record(network, step=100 * i, weights=weights, scalars={"accuracy": i / len(networks), "loss": 1 / (i + 1)})


def overlap_after(path: Path) -> Callable[[], object]:
    history = History(path)
    history.spells()
    return history.overlap


def survival_after(path: Path) -> Callable[[], object]:
    history = History(path)
    history.spells()
    return history.survival


def numbers(layer: ns.Layer) -> dict:
    return {"links": layer.n_links, "most": layer.in_degrees.max(), "idle": (layer.out_degrees == 0).sum()}


def savez(folder: Path, networks: list[ns.Network]) -> None:
    for i, network in enumerate(networks):
        np.savez(folder / f"{i}.npz", **{name + str(j): side for j, layer in enumerate(network) for name, side in zip(("row", "col"), layer.links)})


def load(folder: Path, networks: list[ns.Network]) -> None:
    for i, network in enumerate(networks):
        with np.load(folder / f"{i}.npz") as file:
            for j, layer in enumerate(network):
                ns.Layer.from_edges(file[f"row{j}"], file[f"col{j}"], layer.shape)


def flushes(path: Path, folder: Path) -> None:
    with open(folder / "lines", "wb", buffering=0) as lines:
        for file in sorted((path / "snapshots").iterdir()):
            write_bytes(bytes(file.stat().st_size), folder / file.name)
            lines.write(bytes(300))
            os.fsync(lines.fileno())


def seconds(function: Callable[[], object]) -> tuple[float, float]:
    """On the wall's clock, and of this process alone."""
    begin, busy = time.perf_counter(), time.process_time()
    function()
    return time.perf_counter() - begin, time.process_time() - busy


def size(path: Path) -> int:
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file() and "cache" not in file.parts)


if __name__ == "__main__":
    main()
