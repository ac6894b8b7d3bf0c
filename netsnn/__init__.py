"""netsnn: sparse spiking neural networks as graphs.

The public names load on first use, so that `import netsnn` costs little and needs no torch, matplotlib,
numba, igraph or networkx.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from netsnn import bridge, evolve, linkpred, measures, plot, snn, wiring
    from netsnn.bridge import Evolver, sparsify
    from netsnn.errors import FileError, NetsnnError, ShortfallWarning, StudyError, TrainingError
    from netsnn.graph import Graph, Layer
    from netsnn.history import History
    from netsnn.io import read, write
    from netsnn.network import Network

_HOMES = {
    "FileError": "errors", "NetsnnError": "errors", "ShortfallWarning": "errors", "StudyError": "errors", "TrainingError": "errors",
    "Graph": "graph", "Layer": "graph", "Network": "network", "read": "io", "write": "io",
    "History": "history", "Evolver": "bridge", "sparsify": "bridge", "bridge": "", "snn": "", "evolve": "", "linkpred": "", "measures": "", "plot": "", "wiring": "",
}

__all__ = ["Evolver", "FileError", "Graph", "History", "Layer", "NetsnnError", "Network", "ShortfallWarning", "StudyError", "TrainingError", "bridge", "evolve", "linkpred", "measures", "plot", "read", "snn", "sparsify", "wiring", "write"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'netsnn' has no attribute {name!r}")
    home = _HOMES[name]
    module = importlib.import_module(f"netsnn.{home or name}")
    value = getattr(module, name) if home else module
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOMES])
