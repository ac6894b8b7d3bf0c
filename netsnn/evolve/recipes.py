"""The published methods whose masks change at events, assembled from named parts. Constants are the papers' where they are known."""

from __future__ import annotations

from netsnn.evolve.recipe import Recipe

__all__ = ["RECIPES", "ch_snn", "cht", "chts", "dense", "esl_snn", "pq", "rigl", "set_", "static"]


def ch_snn(sparsity: float = 0.99, **changes) -> Recipe:
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


def cht(sparsity: float = 0.99, **changes) -> Recipe:
    """CHT: correlated wiring (CSTI), SWI, removal by magnitude, chain removal, regrowth of the best by CH3-L3.

    The program's stop when removed and regrown links overlap by 0.9 is not part of the recipe.

    References
    ----------
    Zhang et al., ICLR 2024 (Epitopological learning and Cannistraci-Hebb network shape intelligence).
    """
    return Recipe("cht", sparsity, wiring="uniform", first_wiring="csti", weights="swi", removal="magnitude", growth="ch3_l3", rate="constant", zeta=0.3, chain=True,
                  returning="keep", replaces_step=True).replace(**changes)


def chts(sparsity: float = 0.99, **changes) -> Recipe:
    """CHTs: receptive fields, SWI, removal and regrowth (CH2-L3n) both sampled, the removal's exponent rising from 1 to 3.

    References
    ----------
    Zhang et al., Brain network science modelling of sparse neural networks, arXiv 2501.19107 (2025).
    """
    return Recipe("chts", sparsity, wiring="receptive_field", weights="swi", removal="lrs", keep="sample", exponent=(1.0, 3.0), growth="ch2_l3n", draw="sample",
                  rate="constant", zeta=0.3, chain=True, returning="keep", replaces_step=True).replace(**changes)


def set_(sparsity: float = 0.99, **changes) -> Recipe:
    """SET: Erdos-Renyi, the smallest positive and largest negative weights go once an epoch, as many grow anywhere.

    References
    ----------
    Mocanu et al. (2018), Nat. Commun. 9:2383.
    """
    return Recipe("set", sparsity, allocation="erk", wiring="erdos_renyi", weights="kaiming", removal="signed", growth="uniform", zeta=0.3,
                  fresh="normal_tenth").replace(**changes)


def rigl(sparsity: float = 0.99, **changes) -> Recipe:
    """RigL: ERK densities, every 100 steps the smallest weights go and the largest gradients of absent weights grow; cosine to three quarters.

    The event takes an optimizer step's place; a link that goes and comes back at once keeps its weight.

    References
    ----------
    Evci et al., Rigging the lottery, ICML 2020.
    """
    return Recipe("rigl", sparsity, allocation="erk", wiring="erdos_renyi", weights="kaiming", removal="magnitude", growth="gradient", rate="cosine", zeta=0.3,
                  until=0.75, every=100, returning="keep", replaces_step=True).replace(**changes)


def esl_snn(sparsity: float = 0.9, **changes) -> Recipe:
    """ESL-SNN: Erdos-Renyi, removal by magnitude, growth by the running mean of the gradient, once an epoch.

    Inferred (the paper's constants were not at hand): zeta 0.5 with a cosine to the end; equal densities.

    References
    ----------
    Shen et al., ESL-SNNs, AAAI 2023, arXiv 2306.03693.
    """
    return Recipe("esl_snn", sparsity, wiring="erdos_renyi", removal="magnitude", growth="momentum", rate="cosine", zeta=0.5).replace(**changes)


def pq(sparsity: float = 0.5, scope: str = "layer", kappa: float = 1.0, **changes) -> Recipe:
    """Two-stage structure learning: the PQ index of each layer or neuron says how many of its weights go; growth by the running mean of the gradient.

    kappa is how many grow for each that went: 1 is the paper's algorithm (constant density), 0 its published density curve. Inferred: p = 0.5,
    q = 1, eta = 0.001, gamma = 1, beta = 0.9 (they fit that curve); all layers, the last one too; removed links do not come back at once.

    References
    ----------
    Shen, Xu, Pan, Chen, arXiv 2502.13572 (ICLR 2025).
    """
    return Recipe("pq", sparsity, wiring="erdos_renyi", removal="magnitude", growth="momentum", scope=scope, regrow=kappa, exclude_removed=True,
                  last="evolve").replace(**changes)


def static(sparsity: float = 0.99, **changes) -> Recipe:
    """A fixed random wiring: the control."""
    return Recipe("static", sparsity, wiring="erdos_renyi", removal=None, growth=None).replace(**changes)


def dense(**changes) -> Recipe:
    """All links: the twin that sparse networks are compared with."""
    return Recipe("dense", 0.0, wiring="dense", removal=None, growth=None).replace(**changes)


RECIPES = {"ch_snn": ch_snn, "cht": cht, "chts": chts, "set": set_, "rigl": rigl, "esl_snn": esl_snn, "pq": pq, "static": static, "dense": dense}
