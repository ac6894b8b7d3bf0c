"""Hyperparameters, chosen on a validation split of the training set: eight runs for each method on the digits, four more on Fashion-MNIST.

    python -m analysis.tuning [--jobs 2] [--minutes 60]

Writes analysis/results/tuning: runs.csv, which the other studies read.
"""

from __future__ import annotations

from analysis.measured import result
from analysis.methods import DATASETS, METHODS, candidates
from analysis.runs import Place, Study, arguments_of


def study(place: Place, data: str) -> Study:
    return Study("tuning", {name: one for method in METHODS for name, one in candidates(data, method, place.results).items()}, measure, place=place)


def measure(run) -> dict:
    return {"runs": [result(run)]}


def run(place: Place) -> bool:
    """Whether all is tuned; the second data set builds on the first."""
    return all(study(place, data).run() for data in DATASETS)


def main() -> None:
    run(arguments_of(__doc__)[1])


if __name__ == "__main__":
    main()
