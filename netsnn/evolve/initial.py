"""Weights of links at the start."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from netsnn.graph import Layer

__all__ = ["INITIAL", "READINGS", "kaiming", "normal_tenth", "sswi", "swi", "sswi_variance"]

UNIT = math.sqrt(math.pi) / (math.sqrt(2) * math.exp(-0.5))  # 2.066: 1 / (2 phi(1)), phi the standard normal density
READINGS = {"sswi": "silence", "sswi_rate": "rate", "sswi_inverse": "inverse"}
"""What SSWI's S_t may be, by the name of the weights."""


def sswi_variance(layer: Layer, *, position: str, theta: float = 0.5, silence: float | None = None, reading: str = "silence") -> float:
    """Variance of SSWI, sparse spike weight initialisation; n inputs, density D.

    first: S_t / (n D), S_t the temporal activation sparsity; middle: theta^2 sqrt(pi) / (sqrt(2) e^(-1/2) n D); last (dense): the same without D.

    Parameters
    ----------
    position : "first", "middle" or "last"
    theta : firing threshold
    silence : the share of zeros among input spikes; needed for "first"
    reading : S_t as "silence" (inferred: the paper's definition was not at hand), as "rate" = 1 - silence, or as "inverse" = 1 / rate (weights whose
        sum over spikes has variance 1)

    References
    ----------
    CH-SNN, arXiv 2511.05581 (2025).

    Examples
    --------
    >>> layer = Layer.from_edges([0, 1], [0, 1], shape=(4, 2))
    >>> sswi_variance(layer, position="first", silence=0.75), round(sswi_variance(layer, position="middle"), 3)
    (0.75, 0.517)
    """
    n, density = layer.n_in, layer.density
    if not layer.n_links:
        return 0.0
    if position == "first":
        if silence is None or not 0 <= silence <= 1:
            raise ValueError(f"the first layer's SSWI needs silence, the share of zeros in the input spikes, in [0, 1]; got {silence!r}")
        temporal = {"silence": silence, "rate": 1 - silence, "inverse": 1 / (1 - silence) if silence < 1 else 1.0}
        return temporal[reading] / (n * density)
    if position == "middle":
        return theta**2 * UNIT / (n * density)
    if position == "last":
        return theta**2 * UNIT / n
    raise ValueError(f"position must be first, middle or last, got {position!r}")


def sswi(layer: Layer, generator: np.random.Generator, **options: Any) -> np.ndarray:
    """Normal weights of variance `sswi_variance`."""
    variance = sswi_variance(layer, **options)
    if layer.n_links and not variance and options["position"] == "first":
        raise ValueError("SSWI makes all weights of the first layer 0 for inputs that are never silent, or always; "
                         "take samples that spike at times, or other weights, as ch_snn(weights='swi')")
    return generator.normal(0, math.sqrt(variance), layer.n_links)


def swi(layer: Layer, generator: np.random.Generator, **_: Any) -> np.ndarray:
    """Sparse weight initialisation (CHT): normal of variance 2 / (density n_in), He's for the mean number of inputs that are linked."""
    return generator.normal(0, math.sqrt(2 / max(layer.density * layer.n_in, 1e-12)), layer.n_links)


def kaiming(layer: Layer, generator: np.random.Generator, **_: Any) -> np.ndarray:
    """Uniform on +-sqrt(6 / n_in), as a dense layer of this size (He et al. 2015)."""
    bound = math.sqrt(6 / max(layer.n_in, 1))
    return generator.uniform(-bound, bound, layer.n_links)


def normal_tenth(layer: Layer, generator: np.random.Generator, **_: Any) -> np.ndarray:
    """Normal of standard deviation 0.1 (SET's sparse program)."""
    return generator.normal(0, 0.1, layer.n_links)


INITIAL: dict[str, Callable[..., np.ndarray]] = {**{name: partial(sswi, reading=reading) for name, reading in READINGS.items()}, "swi": swi, "kaiming": kaiming, "normal_tenth": normal_tenth}
