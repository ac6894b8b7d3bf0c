"""Methods whose weights are functions of hidden parameters: the wiring follows from them, at every step (Grad R, Deep R, STDS)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from netsnn.errors import check_within
from netsnn.graph import Layer
from netsnn.hints import Seed, generator

__all__ = ["DeepRState", "GradRState", "deep_r_start", "deep_r_step", "grad_r_start", "grad_r_step", "soft_threshold", "stds_threshold"]


@dataclass(frozen=True, eq=False)
class GradRState:
    """State of gradient rewiring: w = sign relu(theta), with Adam's moments of dL/dw, dense."""

    theta: np.ndarray
    sign: np.ndarray
    first: np.ndarray
    second: np.ndarray
    step: int = 0

    @property
    def weights(self) -> np.ndarray:
        return self.sign * np.maximum(self.theta, 0)


def grad_r_start(weights: np.ndarray, seed: Seed = 0) -> GradRState:
    """From dense first weights: theta = |w|, sign = sign(w), drawn where w is 0 (else such a weight could never grow).

    >>> state = grad_r_start([0.5, -0.25, 0.0])
    >>> state.theta.tolist(), abs(state.sign).tolist()
    ([0.5, 0.25, 0.0], [1.0, 1.0, 1.0])
    """
    weights = np.asarray(weights, dtype=np.float64)
    drawn = np.where(generator(seed).random(weights.shape) < 0.5, -1.0, 1.0)
    sign = np.where(weights == 0, drawn, np.sign(weights))
    return GradRState(np.abs(weights), sign, np.zeros_like(weights), np.zeros_like(weights))


def grad_r_step(state: GradRState, gradient: np.ndarray, *, lr: float = 1e-4, alpha: float = 1e-3, target: float = 0.95, betas: tuple[float, float] = (0.9, 0.999),
                eps: float = 1e-8) -> GradRState:
    """One step of gradient rewiring on dL/dw, which absent weights have too.

    m, v as in Adam; theta <- theta - lr' (sign m / (sqrt(v') + eps)) - alpha lr' sign(theta - mu) with lr' = lr / (1 - b1^t), v' = v / (1 - b2^t),
    mu = ln(2 (1 - target)) / alpha: the Laplace prior whose mass above 0 is the target density. With the published constants theta never comes near mu, so that
    alpha, lr and the number of steps set the density, not the target.

    References
    ----------
    Chen, Yu, Fang, Huang, Tian, Pruning of deep spiking neural networks through gradient rewiring, IJCAI 2021, arXiv 2105.04916.

    Examples
    --------
    >>> state = grad_r_start(np.array([0.5, -0.5, 1e-4]))
    >>> grad_r_step(state, np.array([1.0, -1.0, 1.0]), lr=0.01, alpha=0.0).weights.round(2)
    array([ 0.49, -0.49,  0.  ])
    """
    check_within("target sparsity", target, "[0.5, 1)")
    step = state.step + 1
    first = betas[0] * state.first + (1 - betas[0]) * gradient
    second = betas[1] * state.second + (1 - betas[1]) * np.square(gradient)
    rate = lr / (1 - betas[0] ** step)
    theta = state.theta - rate * state.sign * first / (np.sqrt(second) / np.sqrt(1 - betas[1] ** step) + eps)
    if alpha > eps:
        theta = theta - alpha * rate * np.sign(state.theta - np.log(2 * (1 - target)) / alpha)
    return GradRState(theta, state.sign, first, second, step)


@dataclass(frozen=True, eq=False)
class DeepRState:
    """State of deep rewiring: active links (a mask), their theta >= 0, and every place's sign."""

    active: np.ndarray
    theta: np.ndarray
    sign: np.ndarray

    @property
    def weights(self) -> np.ndarray:
        return np.where(self.active, self.sign * self.theta, 0.0)


def deep_r_start(layer: Layer, weights: np.ndarray, seed: Seed = 0) -> DeepRState:
    """From a layer and its weights: as many links stay active for ever. The signs of absent links are drawn.

    >>> state = deep_r_start(Layer.from_edges([0, 1], [0, 1], shape=(2, 2)), [0.5, -0.25])
    >>> state.active.tolist(), state.weights.tolist()
    ([[True, False], [False, True]], [[0.5, 0.0], [0.0, -0.25]])
    """
    dense = layer.to_dense(np.asarray(weights, dtype=np.float64)) if layer.n_links else np.zeros(layer.shape)
    drawn = np.where(generator(seed).random(layer.shape) < 0.5, -1.0, 1.0)
    return DeepRState(layer.to_dense(), np.abs(dense), np.where(dense == 0, drawn, np.sign(dense)))


def deep_r_step(state: DeepRState, gradient: np.ndarray, *, lr: float = 0.05, l1: float = 1e-5, temperature: float = 0.0, seed: Seed = 0) -> DeepRState:
    """One step of deep rewiring: a link whose weight would change its sign goes, and another of the same layer comes anywhere.

    theta <- theta - lr (sign dL/dw + l1) + noise of standard deviation sqrt(2 lr temperature), of active links; those at 0 or below go, exactly as many
    dormant ones, each as likely, come with theta 1e-12.

    References
    ----------
    Bellec, Kappel, Maass, Legenstein, Deep rewiring, ICLR 2018.

    Examples
    --------
    >>> layer = Layer.from_edges([0, 1], [0, 1], shape=(2, 2))
    >>> state = deep_r_step(deep_r_start(layer, [0.1, 0.1]), np.array([[4.0, 0.0], [0.0, 0.0]]))
    >>> int(state.active.sum()), bool(state.active[0, 0])
    (2, False)
    """
    rng = generator(seed)
    theta = state.theta - lr * (state.sign * gradient + l1)
    if temperature:
        theta = theta + np.sqrt(2 * lr * temperature) * rng.standard_normal(theta.shape)
    stays = state.active & (theta > 0)
    dormant = np.flatnonzero(~state.active.reshape(-1))
    missing = int(state.active.sum() - stays.sum())
    active, theta = stays.copy(), np.where(stays, theta, 0.0)
    if missing > len(dormant):  # a nearly full layer: those that just went come back too
        dormant = np.flatnonzero(~stays.reshape(-1))
    chosen = rng.choice(dormant, missing, replace=False) if missing else dormant[:0]
    active.reshape(-1)[chosen] = True
    theta.reshape(-1)[chosen] = 1e-12
    return DeepRState(active, theta, state.sign)


def soft_threshold(theta: np.ndarray, threshold: float) -> np.ndarray:
    """STDS: w = sign(theta) relu(|theta| - threshold); its gradient is passed to theta unchanged, everywhere.

    References
    ----------
    Chen et al., State transition of dendritic spines improves learning of sparse spiking neural networks, ICML 2022.

    Examples
    --------
    >>> soft_threshold(np.array([-1.5, 0.4, 2.0]), 0.5)
    array([-1. ,  0. ,  1.5])
    """
    return np.sign(theta) * np.maximum(np.abs(theta) - threshold, 0) + 0.0


def stds_threshold(progress: float, final: float, schedule: str = "sine") -> float:
    """The threshold rises from 0 to `final`: "sine" as final (1 + sin(pi (t - 1/2))) / 2, "linear" as final t.

    >>> [stds_threshold(t, 2.0) for t in (0, 0.5, 1)]
    [0.0, 1.0, 2.0]
    """
    if schedule not in ("sine", "linear"):
        raise ValueError(f"schedule must be sine or linear, got {schedule!r}")
    check_within("progress", progress, "[0, 1]")
    return float(final * (1 + np.sin(np.pi * (progress - 0.5))) / 2) if schedule == "sine" else final * progress
