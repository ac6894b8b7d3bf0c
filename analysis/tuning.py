"""Hyperparameters, chosen on a validation split of the training set: eight runs for each method and data set.

    python -m analysis.tuning [--jobs 2] [--minutes 60]

Writes analysis/results/tuning: runs.csv, which the other studies read.
"""

from __future__ import annotations

from analysis.measured import result
from analysis.methods import DATASETS, METHODS, candidates
from analysis.runs import Place, Study, arguments_of


def study(place: Place, quick: bool = False) -> Study:
    cells = {name: one for data in (["digits"] if quick else DATASETS) for method in METHODS for name, one in candidates(data, method).items()}
    return Study("tuning", cells, measure, place=place)


def measure(run) -> dict:
    return {"runs": [result(run)]}


def main() -> None:
    _, place = arguments_of(__doc__)
    study(place).run()


if __name__ == "__main__":
    main()
