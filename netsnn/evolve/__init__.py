"""Evolution of wirings during training: recipes made of named parts, and the events they cause. No torch here."""

from netsnn.evolve.growth import GROWTHS, grow
from netsnn.evolve.latent import DeepR, GradR, deep_r_start, deep_r_step, grad_r_start, grad_r_step, soft_threshold, stds_threshold
from netsnn.evolve.rates import pq_counts, pq_index, pq_retained
from netsnn.evolve.recipe import Recipe
from netsnn.evolve.recipes import RECIPES, ch_snn, cht, chts, dense, esl_snn, pq, rigl, set_, static
from netsnn.evolve.rewiring import Event, State, rewire, start
from netsnn.evolve.scores import SCORES, choose, likelihood, lrs, magnitude, relative_importance

__all__ = ["GROWTHS", "RECIPES", "SCORES", "DeepR", "Event", "GradR", "Recipe", "State", "ch_snn", "choose", "cht", "chts", "deep_r_start", "deep_r_step", "dense", "esl_snn", "grad_r_start", "grad_r_step", "grow", "likelihood", "lrs", "magnitude",
           "pq", "pq_counts", "pq_index", "pq_retained", "relative_importance", "rewire", "rigl", "set_", "soft_threshold", "start", "static", "stds_threshold"]
