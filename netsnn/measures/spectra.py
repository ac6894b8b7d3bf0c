"""Singular values of the wiring: the spectral gap, and Ramanujan's bound."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import scipy.sparse.linalg

from netsnn.graph import Layer
from netsnn.measures.checks import check_kind
from netsnn.threads import one_blas_thread

__all__ = ["Spectrum", "spectrum"]


class Spectrum(NamedTuple):
    """The two largest singular values of the 0/1 wiring, and how they stand to an ideal expander's.

    gap: sigma1 - sigma2. ramanujan: sqrt(dL - 1) + sqrt(dR - 1) - sigma2 with the mean degrees dL, dR of both sides, at least 0 for a
    Ramanujan graph (Feng, Li); irregular: 2 sqrt(sigma1 - 1) - sigma2, the form for unequal degrees. Both are NaN where the mean
    degree of a side is below 3, for which no bound is known.
    """

    sigma1: float
    sigma2: float
    gap: float
    ramanujan: float
    irregular: float


@one_blas_thread()
def spectrum(layer: Layer) -> Spectrum:
    """The spectral measures of a layer; neurons without links do not count.

    With singular values sigma1 >= sigma2 and mean degrees dL, dR of the two sides: gap = sigma1 - sigma2,
    ramanujan = sqrt(dL - 1) + sqrt(dR - 1) - sigma2, irregular = 2 sqrt(sigma1 - 1) - sigma2.

    References
    ----------
    Feng, Li (1996), Spectra of hypergraphs and applications, J. Number Theory 60:1 (the bound).
    Hoang et al. (2023), Revisiting pruning at initialization through the lens of Ramanujan graph, ICLR.

    Examples
    --------
    >>> spectrum(Layer.from_dense(np.ones((4, 4), dtype=bool)))._asdict()["gap"]
    4.0
    """
    check_kind(layer, Layer, "spectrum")
    matrix = layer.to_scipy()
    matrix = matrix[layer.out_degrees > 0][:, layer.in_degrees > 0]
    n_left, n_right = matrix.shape
    if not matrix.nnz:
        return Spectrum(0.0, 0.0, 0.0, float("nan"), float("nan"))
    if min(matrix.shape) <= 200:
        values = np.linalg.svd(matrix.toarray(), compute_uv=False)
    else:
        start = np.random.default_rng(0).standard_normal(min(matrix.shape))  # a fixed start: the same digits every time
        values = np.sort(scipy.sparse.linalg.svds(matrix, k=2, v0=start, return_singular_vectors=False))[::-1]
    first, second = float(values[0]), float(values[1]) if len(values) > 1 else 0.0
    second = second if second > 1e-12 * first else 0.0
    left, right = matrix.nnz / n_left, matrix.nnz / n_right
    known = min(left, right) >= 3
    return Spectrum(first, second, first - second, float(np.sqrt(left - 1) + np.sqrt(right - 1) - second) if known else float("nan"),
                    float(2 * np.sqrt(first - 1) - second) if known else float("nan"))
