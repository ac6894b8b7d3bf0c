"""The figure of evolved topologies in the README, from the recorded run in data/run.

    python -m analysis.evolved
"""

from __future__ import annotations

from pathlib import Path

import matplotlib

import netsnn as ns

matplotlib.use("Agg")
import matplotlib.pyplot as plt

ROOT = Path(__file__).parent.parent
OUT = ROOT / "analysis" / "results" / "evolved.png"


def main() -> None:
    run = ns.History(ROOT / "data" / "run")
    with ns.plot.style("paper-wide"):
        figure = plt.figure(figsize=(10, 6.6), layout="constrained")
        top, bottom = figure.subfigures(2, 1, height_ratios=[1.25, 1])
        ns.plot.evolution(run, ax=top.subplots())
        left, middle, right = bottom.subplots(1, 3, width_ratios=[1.5, 1, 1])
        ns.plot.alluvial(run, layer="first", ax=left)
        ns.plot.degrees(run[-1].layer("first"), ax=middle)
        ns.plot.ages(run, layer="first", ax=right)
    ns.plot.save(left, OUT)
    print(OUT)


if __name__ == "__main__":
    main()
