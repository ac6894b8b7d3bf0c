"""DPAP: neurons live on traces of their spikes, and die when their survival runs out."""

from __future__ import annotations

import numpy as np

from netsnn.evolve.rules import DPAP
from netsnn.threads import one_blas_thread

__all__ = ["bcm", "scaled", "survival_step", "trace"]


def trace(spikes: np.ndarray, decay: float = 0.5) -> np.ndarray:
    """tr <- decay tr + spike over time, at the end divided by the number of steps; spikes are (time, batch, neurons).

    >>> trace(np.ones((2, 1, 1)))
    array([[0.75]])
    """
    spikes = np.asarray(spikes, dtype=np.float64)
    now = np.zeros(spikes.shape[1:])
    for step in spikes:
        now = decay * now + step
    return now / max(len(spikes), 1)


@one_blas_thread()
def bcm(before: np.ndarray, after: np.ndarray, threshold: np.ndarray) -> np.ndarray:
    """BCM plasticity of a layer over a batch: sum of tr_j (tr_j - threshold_j) tr_i, an (inputs, outputs) array.

    >>> bcm(np.array([[1.0, 0.5]]), np.array([[0.5]]), np.array([0.25]))
    array([[0.125 ],
           [0.0625]])
    """
    return before.T @ (after * (after - threshold))


def scaled(values: np.ndarray) -> np.ndarray:
    """Values from 0 (the smallest) to 1; all 0.5 where they are equal.

    >>> scaled([2, 3, 6])
    array([0.  , 0.25, 1.  ])
    """
    values = np.asarray(values, dtype=np.float64)
    spread = np.ptp(values) if values.size else 0.0
    return (values - values.min()) / spread if spread > 0 else np.full_like(values, 0.5)


def survival_step(survival: np.ndarray, spine: np.ndarray, *, epoch: int, kind: str = "linear", rule: DPAP = DPAP()) -> tuple[np.ndarray, np.ndarray]:  # noqa: B008
    """One epoch: (survival, which neurons die). Pruning begins after epoch 4.

    spine: how alive a neuron looks, minmax(sum_i B_ji) minmax(sum tr_j). delta = 2 u(spine) - k, u scaled from the smallest to the 75th percentile and cut to 0 .. 1,
    k = 0.65 for convolutions, 1.5 for linear layers; positive deltas gain 5 or 2; S <- 0.999 S + delta exp(-floor((epoch - 5) / 12)), 13 for linear
    layers; S below 0 dies, for good.

    References
    ----------
    Han, Zhao, Zeng, Shen, Developmental plasticity-inspired adaptive pruning for deep spiking and artificial neural networks, arXiv 2211.12714; TPAMI 47:240 (2025).

    Examples
    --------
    >>> survival, dead = survival_step(np.array([10.0, 0.5]), np.array([1.0, 0.0]), epoch=5)
    >>> survival.round(2), dead
    (array([12.49, -1.  ]), array([False,  True]))
    """
    if kind not in ("conv", "linear"):
        raise ValueError(f"kind must be conv or linear, got {kind!r}")
    k, bonus, span = (rule.k_conv, rule.bonus_conv, rule.span_conv) if kind == "conv" else (rule.k_linear, rule.bonus_linear, rule.span_linear)
    spine = np.asarray(spine, dtype=np.float64)
    low, high = (spine.min(), np.percentile(spine, rule.upper)) if spine.size else (0.0, 0.0)
    scaled = np.clip((spine - low) / (high - low), 0, 1) if high > low else np.full_like(spine, 0.5)
    delta = 2 * scaled - k
    delta = np.where(delta > 0, delta + bonus, delta)
    after = np.array(survival, dtype=np.float64)
    if epoch > rule.begin:
        after = rule.fade * after + delta * np.exp(-((epoch - rule.begin - 1) // span))
    return after, after < 0
