"""Figures: every function takes an Axes and returns it, or makes one of a journal column's size."""

from netsnn.plot.interactive import View, view
from netsnn.plot.layers import ORDERS, receptive_field, spy
from netsnn.plot.layers import degree_distribution as degrees
from netsnn.plot.layers import hub_map as hubs
from netsnn.plot.layers import layer_drawing as layer
from netsnn.plot.report import report
from netsnn.plot.runs import CURVES, alluvial, compare, evolution
from netsnn.plot.runs import link_ages as ages
from netsnn.plot.topology import barcode
from netsnn.plot.topology import persistence_diagram as persistence
from netsnn.style import STYLES, save
from netsnn.style import use as style

__all__ = ["CURVES", "ORDERS", "STYLES", "View", "ages", "alluvial", "barcode", "compare", "degrees", "evolution", "hubs", "layer", "persistence",
           "receptive_field", "report", "save", "spy", "style", "view"]
