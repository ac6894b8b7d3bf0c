"""Constants of methods. Those that do not remove and grow at events stand in a recipe's `rule`; their steps are in `latent`, `spines` and `survival`."""

from __future__ import annotations

from dataclasses import dataclass

from netsnn.errors import check_flag, check_whole, check_within
from netsnn.evolve.rates import check_norms

__all__ = ["DPAP", "PQ", "SDSNN", "STDS", "DeepR", "GradR", "Rule"]


@dataclass(frozen=True)
class GradR:
    """Gradient rewiring: w = sign relu(theta); the optimizer moves theta by dL/dw, which absent links have too. See `latent.grad_r_step`.

    alpha : strength of the prior, in the published program the only knob of the density
    target : target sparsity, which places the prior's centre
    steer : after each epoch alpha <- alpha exp(steer (density - (1 - target))), so that the target is met (an extension of ours; 0: off)
    """

    alpha: float = 1e-3
    target: float = 0.95
    steer: float = 0.0

    def __post_init__(self) -> None:
        check_within("alpha", self.alpha, "[0, inf)")
        check_within("target", self.target, "[0.5, 1)")
        check_within("steer", self.steer, "[0, inf)")


@dataclass(frozen=True)
class DeepR:
    """Deep rewiring: a link whose weight would turn its sign goes, at any step, and another comes anywhere. See `latent.deep_r_step`.

    l1 : pull of all weights towards 0;  temperature : of the noise of standard deviation sqrt(2 lr temperature)
    scope : "layer": each layer keeps its number of links; "model": all of them together (new ones are shared out by the layers' first numbers)
    """

    l1: float = 1e-5
    temperature: float = 0.0
    scope: str = "layer"

    def __post_init__(self) -> None:
        check_within("l1", self.l1, "[0, inf)")
        check_within("temperature", self.temperature, "[0, inf)")
        if self.scope not in ("layer", "model"):
            raise ValueError(f"scope must be layer or model, got {self.scope!r}")


@dataclass(frozen=True)
class STDS:
    """Spine state transition: w = sign(theta) relu(|theta| - D), D rising to `final` over training. See `latent.soft_threshold`, `latent.stds_threshold`."""

    final: float = 1.0
    schedule: str = "sine"

    def __post_init__(self) -> None:
        check_within("final", self.final, "[0, inf)")
        if self.schedule not in ("sine", "linear"):
            raise ValueError(f"schedule must be sine or linear, got {self.schedule!r}")


@dataclass(frozen=True)
class SDSNN:
    """Spine constraint, neuron pruning, regeneration, adaptive rates. See `spines`.

    patience : epochs in a row after which a bound moves or a link returns (the program's N_spine); structure changes from 2 patience + 1 on
    shrink : factor of bounds whose weight shrank for so long
    rate_conv, rate_linear : P at the start, in per cent;  percentile_conv, percentile_linear, base, cap : g(t) = min(cap, percentile + base^t)
    pace : a convolution's P grows by exp(-t / pace) live / live in the next layer
    early, late, switch : a linear layer's by a live / live in the next layer, a = early exp(-t) up to epoch `switch` and `late` from then on
    enough_conv, enough_linear : links with which a neuron counts as living (all of them, where there are fewer)
    regrow : whether links return
    faithful : keep what is defective in the published program (bounds of convolutions that never move, a lower bound of minus the largest weight, no masking
        within an epoch, regrown neurons that are never pruned again)
    """

    patience: int = 18
    shrink: float = 0.75
    rate_conv: float = 0.5
    rate_linear: float = 2.0
    percentile_conv: float = 65.0
    percentile_linear: float = 60.0
    base: float = 1.1
    cap: float = 99.0
    pace: float = 5.0
    early: float = 0.5
    late: float = 0.0005
    switch: int = 60
    enough_conv: int = 20
    enough_linear: int = 50
    regrow: bool = True
    faithful: bool = False

    def __post_init__(self) -> None:
        check_whole("patience", self.patience, 1)
        check_within("shrink", self.shrink, "(0, 1]")
        for name in ("rate_conv", "rate_linear", "percentile_conv", "percentile_linear", "cap"):
            check_within(name, getattr(self, name), "[0, 100]")
        for name in ("base", "pace", "early", "late"):
            check_within(name, getattr(self, name), "[0, inf)")
        for name in ("switch", "enough_conv", "enough_linear"):
            check_whole(name, getattr(self, name), 0)
        for name in ("regrow", "faithful"):
            check_flag(name, getattr(self, name))


@dataclass(frozen=True)
class DPAP:
    """Survival of neurons by the traces of their spikes, and of links by their plasticity. See `survival`.

    decay : of the traces, a step;  pace : of the running mean of traces that BCM compares with, a batch (inferred)
    synapses : whether single links of linear layers die too
    start, fade, begin : survival at first, its factor an epoch, and the epoch after which it changes and neurons may die
    upper : percentile of the scores that counts as fully alive
    k_conv, k_linear, bonus_conv, bonus_linear, span_conv, span_linear : of delta = 2 u - k, of positive deltas, and epochs until deltas fall to 1 / e
    """

    decay: float = 0.5
    pace: float = 0.1
    synapses: bool = True
    start: float = 10.0
    fade: float = 0.999
    begin: int = 4
    upper: float = 75.0
    k_conv: float = 0.65
    k_linear: float = 1.5
    bonus_conv: float = 5.0
    bonus_linear: float = 2.0
    span_conv: int = 12
    span_linear: int = 13

    def __post_init__(self) -> None:
        for name in ("decay", "pace", "fade"):
            check_within(name, getattr(self, name), "[0, 1]")
        check_within("upper", self.upper, "[0, 100]")
        for name in ("start", "k_conv", "k_linear", "bonus_conv", "bonus_linear"):
            check_within(name, getattr(self, name), "[0, inf)")
        for name, least in (("begin", 0), ("span_conv", 1), ("span_linear", 1)):
            check_whole(name, getattr(self, name), least)
        check_flag("synapses", self.synapses)


@dataclass(frozen=True)
class PQ:
    """How many links the PQ index lets go. See `rates.pq_counts`.

    p, q : of the norms;  eta, gamma, beta : of the bound, the share above it, and the largest share
    """

    p: float = 0.5
    q: float = 1.0
    eta: float = 0.001
    gamma: float = 1.0
    beta: float = 0.9

    def __post_init__(self) -> None:
        check_norms(self.p, self.q)
        check_within("eta", self.eta, "[0, inf)")
        check_within("gamma", self.gamma, "[0, inf)")
        check_within("beta", self.beta, "[0, 1]")


Rule = GradR | DeepR | STDS | SDSNN | DPAP
