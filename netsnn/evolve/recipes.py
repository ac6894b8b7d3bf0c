"""The published methods, assembled from named parts. Constants are the papers' where they are known; what is inferred says so."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from netsnn.evolve.recipe import Recipe
from netsnn.evolve.rules import DPAP, SDSNN, STDS, DeepR, GradR

__all__ = ["RECIPES", "ch_snn", "cht", "chts", "deep_r", "dense", "dpap", "esl_snn", "grad_r", "pq", "rigl", "sd_snn", "set_", "static", "stds"]


def ch_snn(sparsity: float = 0.99, **changes: Any) -> Recipe:
    """CH-SNN: SSCTI, SSWI, removal by LRS, chain removal, regrowth by CH3-L3, both sampled; the last layer dense.

    Inferred, for the paper's text was not at hand: zeta 0.3 with a cosine to 0 at three quarters of training; the kept links are drawn
    (exponent 1); as many links regrow as removal and chain removal took; a new link's weight is 0, a returning link keeps its own.

    References
    ----------
    CH-SNN, arXiv 2511.05581 (ICLR 2026).

    Examples
    --------
    >>> ch_snn(0.95).growth, ch_snn(growth="ch2_l3").growth
    ('ch3_l3', 'ch2_l3')
    """
    return Recipe("ch_snn", sparsity, wiring="uniform", first_wiring="sscti", weights="sswi", removal="lrs", keep="sample", growth="ch3_l3", draw="sample",
                  rate="cosine", zeta=0.3, until=0.75, chain=True, returning="keep", replaces_step=True).replace(**changes)


def cht(sparsity: float = 0.99, **changes: Any) -> Recipe:
    """CHT: correlated wiring (CSTI), SWI, removal by magnitude, chain removal, regrowth of the best by CH3-L3.

    Evolution ends when in each layer, once, more than 0.9 of the links grown had just been removed (inferred: a layer stays counted).

    References
    ----------
    Zhang et al., ICLR 2024 (Epitopological learning and Cannistraci-Hebb network shape intelligence).

    Examples
    --------
    >>> recipe = cht(sparsity=0.95)
    >>> recipe.removal, recipe.growth, recipe.stop
    ('magnitude', 'ch3_l3', 0.9)
    """
    return Recipe("cht", sparsity, wiring="uniform", first_wiring="csti", weights="swi", removal="magnitude", growth="ch3_l3", rate="constant", zeta=0.3, chain=True,
                  stop=0.9, returning="keep", replaces_step=True).replace(**changes)


def chts(sparsity: float = 0.99, **changes: Any) -> Recipe:
    """CHTs: receptive fields, SWI, removal and regrowth (CH2-L3n) both sampled, the removal's exponent rising from 1 to 3.

    Inferred: a constant zeta of 0.3 once an epoch (the MLP program's options vary), equal densities but the last layer dense.

    References
    ----------
    Zhang et al., Brain network science modelling of sparse neural networks, arXiv 2501.19107 (2025).

    Examples
    --------
    >>> recipe = chts()
    >>> recipe.growth, recipe.exponent
    ('ch2_l3n', (1.0, 3.0))
    """
    return Recipe("chts", sparsity, wiring="receptive_field", weights="swi", removal="lrs", keep="sample", exponent=(1.0, 3.0), growth="ch2_l3n", draw="sample",
                  rate="constant", zeta=0.3, chain=True, returning="keep", replaces_step=True).replace(**changes)


def set_(sparsity: float = 0.99, **changes: Any) -> Recipe:
    """SET: Erdos-Renyi, the smallest positive and largest negative weights go once an epoch, as many grow anywhere.

    References
    ----------
    Mocanu et al. (2018), Nat. Commun. 9:2383.

    Examples
    --------
    >>> recipe = set_(0.9)
    >>> recipe.wiring, recipe.removal, recipe.growth
    ('erdos_renyi', 'signed', 'uniform')
    """
    return Recipe("set", sparsity, allocation="erk", wiring="erdos_renyi", weights="kaiming", removal="signed", growth="uniform", zeta=0.3,
                  fresh="normal_tenth").replace(**changes)


def rigl(sparsity: float = 0.99, **changes: Any) -> Recipe:
    """RigL: ERK densities, every 100 steps the smallest weights go and the largest gradients of absent weights grow; cosine to three quarters.

    The event takes an optimizer step's place; a link that goes and comes back at once keeps its weight. Inferred: the last layer stays dense.

    References
    ----------
    Evci et al., Rigging the lottery, ICML 2020.

    Examples
    --------
    >>> recipe = rigl(0.9)
    >>> recipe.allocation, recipe.growth, recipe.every
    ('erk', 'gradient', 100)
    """
    return Recipe("rigl", sparsity, allocation="erk", wiring="erdos_renyi", weights="kaiming", removal="magnitude", growth="gradient", rate="cosine", zeta=0.3,
                  until=0.75, every=100, returning="keep", replaces_step=True).replace(**changes)


def esl_snn(sparsity: float = 0.9, **changes: Any) -> Recipe:
    """ESL-SNN: Erdos-Renyi, removal by magnitude, growth by the running mean of the gradient, once an epoch.

    Inferred (the paper's constants were not at hand): zeta 0.5 with a cosine to the end; equal densities, but the last layer dense.

    References
    ----------
    Shen et al., ESL-SNNs, AAAI 2023, arXiv 2306.03693.

    Examples
    --------
    >>> esl_snn().growth, esl_snn(zeta=0.3).zeta
    ('momentum', 0.3)
    """
    return Recipe("esl_snn", sparsity, wiring="erdos_renyi", convolutions=True, removal="magnitude", growth="momentum", rate="cosine", zeta=0.5).replace(**changes)


def pq(sparsity: float = 0.5, scope: str = "layer", kappa: float = 1.0, shrink_every: int = 0, **changes: Any) -> Recipe:
    """Two-stage structure learning: the PQ index of each layer or neuron says how many of its weights go; growth by the running mean of the gradient.

    kappa is how many grow for each that went: 1 is the paper's algorithm (constant density), 0 its published density curve; between the two, with
    shrink_every = epochs / 10, each epoch rewires at constant density and each tenth of training ends with an event that only removes. Inferred: p = 0.5,
    q = 1, eta = 0.001, gamma = 1, beta = 0.9 (they fit that curve); all layers, the last one too; removed links do not come back at once.

    `scope` is "layer" or "neuron".

    References
    ----------
    Shen, Xu, Pan, Chen, arXiv 2502.13572 (ICLR 2025).

    Examples
    --------
    >>> pq(scope="neuron", kappa=0.5).regrow
    0.5
    """
    return Recipe("pq", sparsity, wiring="erdos_renyi", convolutions=True, removal="magnitude", growth="momentum", scope=scope, regrow=kappa,
                  shrink_every=shrink_every, exclude_removed=True,
                  last="evolve").replace(**changes)


def deep_r(sparsity: float = 0.99, *, l1: float = 1e-5, temperature: float = 0.0, scope: str = "layer", **changes: Any) -> Recipe:
    """Deep R: as many links as at the start for ever; one whose weight would turn its sign goes, and another comes anywhere, at every step.

    Of the paper's own program; the noise is the paper's, sqrt(2 lr temperature), and off by default. Grad R's authors compare with a weaker form.

    `l1`, `temperature` and `scope` are those of `rules.DeepR`.

    References
    ----------
    Bellec, Kappel, Maass, Legenstein, Deep rewiring, ICLR 2018.

    Examples
    --------
    >>> deep_r(0.9, temperature=1e-6).rule
    DeepR(l1=1e-05, temperature=1e-06, scope='layer')
    """
    return Recipe("deep_r", sparsity, wiring="erdos_renyi", convolutions=True, weights="kaiming", rule=DeepR(l1, temperature, scope), removal=None, growth=None,
                  last="evolve").replace(**changes)


def grad_r(*, alpha: float = 1e-3, target: float = 0.95, steer: float = 0.0, **changes: Any) -> Recipe:
    """Grad R: w = sign relu(theta) from a dense start; the gradient moves absent weights as if they were there. Published with Adam, lr 1e-4, no decay.

    With the published constants the target has no effect, and alpha, lr and the number of steps set the density; `steer` changes that (see `rules.GradR`).

    References
    ----------
    Chen, Yu, Fang, Huang, Tian, Pruning of deep spiking neural networks through gradient rewiring, IJCAI 2021, arXiv 2105.04916.

    Examples
    --------
    >>> grad_r(alpha=1e-4).rule
    GradR(alpha=0.0001, target=0.95, steer=0.0)
    """
    return Recipe("grad_r", 0.0, wiring="dense", convolutions=True, weights="own", rule=GradR(alpha, target, steer), removal=None, growth=None,
                  last="evolve").replace(**changes)


def stds(*, final: float = 1.0, schedule: str = "sine", **changes: Any) -> Recipe:
    """STDS: w = sign(theta) relu(|theta| - D) from a dense start, D rising to `final`, the only knob of the density.

    `schedule` of D: "sine" or "linear".

    References
    ----------
    Chen, Yu, Fang, Ma, Huang, Tian, State transition of dendritic spines improves learning of sparse spiking neural networks, ICML 2022.

    Examples
    --------
    >>> stds(final=2.0).rule
    STDS(final=2.0, schedule='sine')
    """
    return Recipe("stds", 0.0, wiring="dense", convolutions=True, weights="own", rule=STDS(final, schedule), removal=None, growth=None,
                  last="evolve").replace(**changes)


def sd_snn(**options: Any) -> Recipe:
    """SD-SNN: weights bounded like spines, neurons of weak spines pruned, links that keep pulling regrown, once an epoch, from a dense start.

    Sparsity is an outcome. Options are those of `rules.SDSNN` (patience, faithful, ...); others are parts of the recipe. The default mends what is
    defective in the published program.

    References
    ----------
    Han, Zhao, Pan, Zeng, arXiv 2211.12219; Information Sciences 689:121481 (2025).

    Examples
    --------
    >>> sd_snn(patience=5).rule.patience
    5
    """
    return _ruled("sd_snn", SDSNN, options)


def dpap(**options: Any) -> Recipe:
    """DPAP: neurons and links whose survival, fed by the traces of their spikes, runs out die for good; no regrowth, from a dense start.

    Sparsity is an outcome. Options are those of `rules.DPAP`; others are parts of the recipe.

    References
    ----------
    Han, Zhao, Zeng, Shen, Developmental plasticity-inspired adaptive pruning for deep spiking and artificial neural networks, arXiv 2211.12714; TPAMI 47:240 (2025).

    Examples
    --------
    >>> dpap(upper=80.0).rule.upper
    80.0
    """
    return _ruled("dpap", DPAP, options)


def static(sparsity: float = 0.99, **changes: Any) -> Recipe:
    """A fixed random wiring: the control.

    Examples
    --------
    >>> static(0.9).evolves
    False
    """
    return Recipe("static", sparsity, wiring="erdos_renyi", removal=None, growth=None).replace(**changes)


def dense(**changes: Any) -> Recipe:
    """All links: the twin that sparse networks are compared with.

    Examples
    --------
    >>> dense().evolves, dense().wiring
    (False, 'dense')
    """
    return Recipe("dense", 0.0, wiring="dense", removal=None, growth=None).replace(**changes)


def _ruled(name: str, kind: type, options: dict) -> Recipe:
    own = {field.name for field in dataclasses.fields(kind)}
    rule = kind(**{key: value for key, value in options.items() if key in own})
    recipe = Recipe(name, 0.0, wiring="dense", convolutions=True, weights="own", rule=rule, removal=None, growth=None)
    return recipe.replace(**{key: value for key, value in options.items() if key not in own})


RECIPES: dict[str, Callable[..., Recipe]] = {"ch_snn": ch_snn, "cht": cht, "chts": chts, "set": set_, "rigl": rigl, "esl_snn": esl_snn, "pq": pq, "deep_r": deep_r,
           "grad_r": grad_r, "stds": stds, "sd_snn": sd_snn, "dpap": dpap, "static": static, "dense": dense}
