"""Evolution of wirings during training: recipes made of named parts, and the events they cause. No torch here."""

from netsnn.evolve.growth import GROWTHS, grow
from netsnn.evolve.rates import pq_counts, pq_index, pq_retained
from netsnn.evolve.recipe import Recipe
from netsnn.evolve.recipes import (
    RECIPES,
    ch_snn,
    cht,
    chts,
    deep_r,
    dense,
    dpap,
    esl_snn,
    grad_r,
    pq,
    rigl,
    sd_snn,
    set_,
    static,
    stds,
)
from netsnn.evolve.rewiring import Event, State, rewire, start
from netsnn.evolve.rules import DPAP, PQ, SDSNN, STDS, DeepR, GradR
from netsnn.evolve.scores import SCORES, choose, likelihood, lrs, magnitude, relative_importance

__all__ = ["DPAP", "GROWTHS", "PQ", "RECIPES", "SCORES", "SDSNN", "STDS", "DeepR", "Event", "GradR", "Recipe", "State", "ch_snn", "choose", "cht", "chts", "deep_r", "dense",
           "dpap", "esl_snn", "grad_r", "grow", "likelihood", "lrs", "magnitude", "pq", "pq_counts", "pq_index", "pq_retained", "relative_importance", "rewire", "rigl",
           "sd_snn", "set_", "start", "static", "stds"]
