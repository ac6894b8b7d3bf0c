"""SD-SNN: weights bounded like dendritic spines, neurons of weak spines pruned, synapses that keep pulling regrown.

A layer's state is dense (n_in, n_out); neurons are its outputs. The rates follow the published program; where that program is defective the default
mends it and says so, and `faithful=True` keeps it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from netsnn.evolve.rules import SDSNN
from netsnn.hints import Seed, generator

__all__ = ["Spines", "spine_activity", "spines_clamp", "spines_epoch", "spines_live", "spines_prune", "spines_regrow", "spines_start", "spines_update", "pruning_rate", "regrowth_percentile"]


@dataclass(frozen=True, eq=False)
class Spines:
    """State of one layer. upper, lower: bounds of each weight; n_*: how many epochs in a row it was outside or shrank; excess_*: by how much in
    all; last: |w| an epoch ago; mask: links; candidate: epochs in a row that a masked link asked to return; pruned: neurons ever pruned;
    rate: P, per cent of neurons pruned so far."""

    upper: np.ndarray
    lower: np.ndarray
    n_upper: np.ndarray
    n_lower: np.ndarray
    n_inside: np.ndarray
    excess_upper: np.ndarray
    excess_lower: np.ndarray
    last: np.ndarray
    mask: np.ndarray
    candidate: np.ndarray
    pruned: np.ndarray
    rate: float


def spines_epoch(state: Spines | None, weights: np.ndarray, pull: np.ndarray, epoch: int, rule: SDSNN, *, kind: str = "linear", kernel: int = 1, after: int = 10,
                 mask: np.ndarray | None = None, seed: Seed = 0) -> tuple[Spines, np.ndarray, np.ndarray]:
    """What happens to a layer at the end of an epoch (counted from 0): (state, weights, ids of the newly pruned neurons).

    Epoch 0 sets the bounds. Later ones update them; after `patience` epochs weights are held within them; after twice as many, links return and neurons go.

    Parameters
    ----------
    pull : minus the sum of gradients times the learning rate, of present links too; in the program, which lets absent weights move, the weights
    kind, kernel : "conv" and the weights of a kernel (its links return together), or "linear"
    after : living neurons of the next layer, to which the pruning rate is relative
    mask : links at the start, where not all are there

    Examples
    --------
    >>> rng, state = np.random.default_rng(0), None
    >>> weights = rng.normal(size=(60, 40))
    >>> for epoch in range(50):
    ...     weights = weights + 0.1 * rng.normal(size=weights.shape)
    ...     state, weights, gone = spines_epoch(state, weights, np.zeros_like(weights), epoch, SDSNN())
    >>> int(state.pruned.sum()), bool(weights[:, state.pruned].any())
    (2, False)
    """
    if kind not in ("conv", "linear"):
        raise ValueError(f"kind must be conv or linear, got {kind!r}")
    nobody = np.empty(0, dtype=np.int64)
    if state is None:
        rate = rule.rate_conv if kind == "conv" else rule.rate_linear
        return spines_start(weights, rate=rate, mask=mask, faithful=rule.faithful), np.asarray(weights), nobody
    if not (rule.faithful and kind == "conv"):  # in the program the bounds of convolutions never move
        state = spines_update(state, weights, patience=rule.patience, shrink=rule.shrink)
    if epoch > rule.patience:
        weights = spines_clamp(state, weights)
    t, new = epoch - 2 * rule.patience - 1, nobody
    if t >= 0:
        if rule.regrow:
            first = rule.percentile_conv if kind == "conv" else rule.percentile_linear
            state = spines_regrow(state, pull, t, patience=rule.patience, first=first, kernel=kernel, kind=kind, rule=rule, faithful=rule.faithful)
        state, new = spines_prune(state, seed=seed)
        rate = pruning_rate(state.rate, t, live=spines_live(state.mask, kind, rule), after=after, kind=kind, epoch=epoch, rule=rule)
        state = replace(state, rate=min(rate, 100.0))
    return state, np.where(state.mask, weights, 0.0), new


def spines_live(mask: np.ndarray, kind: str = "linear", rule: SDSNN = SDSNN()) -> int:  # noqa: B008
    """Neurons with enough links to count as living: 20 of a convolution's, 50 of a linear layer's, or all where there are fewer.

    >>> spines_live(np.arange(60)[:, None] < [60, 50, 49])
    2
    """
    return int((mask.sum(axis=0) >= _enough(kind, rule, len(mask))).sum())


def spines_start(weights: np.ndarray, *, rate: float = 2.0, mask: np.ndarray | None = None, faithful: bool = False) -> Spines:
    """After the first epoch: bounds at the layer's largest and smallest weight (the program: + and - the largest), all links present if no mask is given.

    rate: P at the start, in per cent: 0.5 for convolutions, 2 for linear layers.

    >>> state = spines_start([[0.5, -0.25], [0.1, 0.0]])
    >>> state.upper.tolist(), state.lower[0].tolist()
    ([[0.5, 0.5], [0.5, 0.5]], [-0.25, -0.25])
    """
    weights = np.asarray(weights, dtype=np.float64)
    zeros = np.zeros(weights.shape)
    counts = np.full(weights.shape, -1, dtype=np.int64)  # -1: not so in the last epoch
    top = float(weights.max(initial=0.0))
    bottom = -top if faithful else float(weights.min(initial=0.0))
    return Spines(np.full(weights.shape, max(top, 0.0)), np.full(weights.shape, min(bottom, 0.0)), counts, counts, counts, zeros, zeros, np.abs(weights),
                  np.ones(weights.shape, dtype=bool) if mask is None else np.array(mask, dtype=bool), counts, np.zeros(weights.shape[1], dtype=bool), float(rate))


def spines_update(state: Spines, weights: np.ndarray, *, patience: int = 18, shrink: float = 0.75) -> Spines:
    """Once an epoch: a bound exceeded for `patience` epochs in a row widens by the mean excess; weights that shrank as long narrow both by `shrink`.

    References
    ----------
    Han, Zhao, Pan, Zeng, arXiv 2211.12219; Information Sciences 689:121481 (2025).

    Examples
    --------
    >>> state = spines_start([[1.0], [0.5]])
    >>> for _ in range(3):  # the first epoch opens the count
    ...     state = spines_update(state, [[1.5], [0.5]], patience=2)
    >>> state.upper.ravel().tolist()
    [1.5, 1.0]
    """
    weights = np.asarray(weights, dtype=np.float64)
    above, below = (weights >= state.upper) & state.mask, (weights <= state.lower) & state.mask
    n_upper, n_lower = np.where(above, state.n_upper + 1, -1), np.where(below, state.n_lower + 1, -1)
    excess_upper = np.where(n_upper > 0, state.excess_upper + weights - state.upper, 0.0)  # the first epoch outside only opens the count
    excess_lower = np.where(n_lower > 0, state.excess_lower + weights - state.lower, 0.0)
    shrinking = (np.abs(weights) < state.last) & ~above & ~below
    n_inside = np.where(shrinking, state.n_inside + 1, -1)
    wide, low, narrow = n_upper >= patience, n_lower >= patience, n_inside >= patience
    upper = np.where(wide, state.upper + excess_upper / patience, state.upper)
    lower = np.where(low, state.lower + excess_lower / patience, state.lower)
    return replace(state, upper=np.where(narrow, upper * shrink, upper), lower=np.where(narrow, lower * shrink, lower), n_upper=np.where(wide, 0, n_upper),
                   n_lower=np.where(low, 0, n_lower), n_inside=np.where(narrow, 0, n_inside), excess_upper=np.where(wide, 0.0, excess_upper),
                   excess_lower=np.where(low, 0.0, excess_lower), last=np.abs(weights))


def spines_clamp(state: Spines, weights: np.ndarray) -> np.ndarray:
    """The synaptic constraint: weights within their bounds, and 0 where masked.

    >>> spines_clamp(spines_start([[0.5, -0.25]], mask=[[True, False]]), np.array([[0.75, 0.1]]))
    array([[0.5, 0. ]])
    """
    return np.where(state.mask, np.clip(weights, state.lower, state.upper), 0.0)


def spine_activity(state: Spines) -> np.ndarray:
    """D of each neuron: the sum over its links of the spine's size upper + |lower|, scaled to 0 .. 1 over the layer.

    Where all spines have one size nothing tells neurons apart but how many links they have.

    >>> spine_activity(spines_start(np.ones((3, 2)), mask=[[True, True], [True, False], [True, False]]))
    array([3., 1.])
    """
    size = state.upper + np.abs(state.lower)
    spread = np.ptp(size) if size.size else 0.0
    scaled = (size - size.min()) / spread if spread > 0 else np.ones_like(size)
    return (scaled * state.mask).sum(axis=0)


def regrowth_percentile(t: int, *, first: float = 60.0, rule: SDSNN = SDSNN()) -> float:  # noqa: B008
    """g(t) = min(99, first + 1.1^t), first = 65 for convolutions, 60 for linear layers: ever fewer links may return.

    >>> regrowth_percentile(0), round(regrowth_percentile(20), 1), regrowth_percentile(100)
    (61.0, 66.7, 99.0)
    """
    return float(min(rule.cap, first + rule.base ** min(t, 200)))


def spines_regrow(state: Spines, pull: np.ndarray, t: int, *, patience: int = 18, first: float = 60.0, kernel: int = 1, kind: str = "linear",
                  rule: SDSNN = SDSNN(), faithful: bool = False) -> Spines:  # noqa: B008
    """Masked links (of a convolution: kernels of so many) whose pull stands above the layer's g(t)-th percentile for more than `patience` epochs in a row return.

    The pull of each link, present or not, is minus the sum of its gradients times the learning rate. The program compares the signed pull; the default its size.

    >>> state = spines_start(np.ones((2, 2)), mask=[[True, False], [True, False]])
    >>> for _ in range(3):  # the first epoch opens the count
    ...     state = spines_regrow(state, [[0.0, 3.0], [2.0, 1.0]], 0, patience=1)
    >>> state.mask.tolist()
    [[True, True], [True, False]]
    """
    n_in, n_out = state.mask.shape
    pull = np.asarray(pull, dtype=np.float64).reshape(n_in // kernel, kernel, n_out).sum(axis=1)
    pull = pull if faithful else np.abs(pull)
    if not pull.size:
        return state
    masked = ~state.mask.reshape(n_in // kernel, kernel, n_out).any(axis=1)
    asks = np.repeat((pull > np.percentile(pull, regrowth_percentile(t, first=first, rule=rule))) & masked, kernel, axis=0)
    candidate = np.where(asks, state.candidate + 1, -1)
    back = candidate > patience
    mask = state.mask | back
    pruned = state.pruned if faithful else state.pruned & (mask.sum(axis=0) < _enough(kind, rule, n_in))  # one that lives again may be pruned again
    return replace(state, mask=mask, candidate=np.where(back, -1, candidate), pruned=pruned)


def pruning_rate(rate: float, t: int, *, live: int, after: int, kind: str = "linear", epoch: int = 0, rule: SDSNN = SDSNN()) -> float:  # noqa: B008
    """P after one more epoch: convolutions P + exp(-t / 5) live / live in the next layer; linear P + a live / `after` (10 classes in the program) with a = exp(-t) / 2 up to epoch
    60 and 0.0005 later. It only grows, ever slower as the layer thins.

    >>> pruning_rate(2.0, 0, live=100, after=10), round(pruning_rate(0.5, 5, live=64, after=128, kind="conv"), 3)
    (7.0, 0.684)
    """
    if kind == "conv":
        return rate + float(np.exp(-t / rule.pace)) * live / max(after, 1)
    if kind != "linear":
        raise ValueError(f"kind must be conv or linear, got {kind!r}")
    return rate + (rule.early * float(np.exp(-t)) if epoch <= rule.switch else rule.late) * live / max(after, 1)


def spines_prune(state: Spines, *, seed: Seed = 0) -> tuple[Spines, np.ndarray]:
    """Prune the neurons of least activity until int(neurons * P / 100) have been: (state, ids of the newly pruned). Ties at random.

    >>> state, new = spines_prune(spines_start(np.ones((2, 4)), rate=50, mask=[[True, True, False, True], [True, False, False, True]]))
    >>> new.tolist(), state.mask.sum(axis=0).tolist()
    ([1, 2], [2, 0, 0, 2])
    """
    n = state.mask.shape[1]
    count = max(min(int(n * state.rate / 100), n - 1), 0)  # the last neuron stays
    order = np.lexsort((generator(seed).random((n,)), spine_activity(state)))
    order = np.concatenate([order[state.pruned[order]], order[~state.pruned[order]]])  # the pruned fill the first places
    new = order[:count][~state.pruned[order[:count]]]
    mask, pruned = state.mask.copy(), state.pruned.copy()
    mask[:, new] = False
    pruned[new] = True
    return replace(state, mask=mask, pruned=pruned), np.sort(new)


def _enough(kind: str, rule: SDSNN, n_in: int) -> int:
    return min(rule.enough_conv if kind == "conv" else rule.enough_linear, n_in)
