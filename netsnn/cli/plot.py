"""`netsnn plot`: a figure of a layer, a network or a recorded run, as a file."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from netsnn.history import Snapshot

__all__ = ["add_to"]

LAYER = {"layer": "links between the two sides", "spy": "the wiring as a picture, with degrees", "degrees": "degree distribution with its power law",
         "receptive-field": "the inputs' links as an image"}
NETWORK = {"hubs": "degrees and hubs of every group of neurons"}
RUN = {"evolution": "what changed over the snapshots", "ages": "how old the links are", "alluvial": "how communities merged and split",
       "persistence": "persistence diagram of the weights", "barcode": "persistence barcode of a layer's weights"}
TAKES = {"layer": (*LAYER, "ages", "alluvial", "barcode"), "snapshot": (*LAYER, *NETWORK, "ages", "persistence", "barcode", "view"), "order": ("layer", "spy", "view"),
         "image": ("receptive-field",)}
"""Figures that heed an option."""
EXAMPLES = """\
examples:
  netsnn plot data/celegans_neuromuscular.edges --figure layer --order community -o layer.pdf
  netsnn plot runs/a --figure evolution -o evolution.pdf
  netsnn plot runs/a --figure degrees --layer 0 --snapshot 0 -o before.svg
  netsnn plot layer.npz --figure view -o layer.html           # a page to explore in a browser
"""


def add_to(commands: argparse._SubParsersAction) -> None:
    """Add the subcommand to the parser of `netsnn`."""
    from netsnn.cli.sources import add_file_options

    lists = "\n".join(f"  {name:16} {text}" for name, text in (LAYER | NETWORK | RUN | {"view": "a page to explore (HTML)"}).items())
    parser = commands.add_parser(
        "plot", help="draw a figure of a layer, a network or a recorded run", formatter_class=argparse.RawDescriptionHelpFormatter,
        description=f"Figures (of a run: of its last snapshot, or --snapshot):\n{lists}", epilog=EXAMPLES)
    parser.add_argument("source", metavar="FILE|RUN", help="a file of a layer or network (- reads standard input: give --format), or the folder of a run")
    parser.add_argument("-f", "--figure", required=True, type=lambda name: name.lower().replace("_", "-"), choices=[*LAYER, *NETWORK, *RUN, "view"], metavar="NAME", help="which figure; see above")
    parser.add_argument("-o", "--output", required=True, metavar="FILE", help="file to write: .pdf, .svg, .png, ... (.html for view)")
    parser.add_argument("--layer", metavar="L", help="number or name of the layer (default: the first)")
    parser.add_argument("--snapshot", type=int, metavar="N", help="of a run: which snapshot (default: the last)")
    parser.add_argument("--order", metavar="O", help="for layer, spy and view: given, degree, community or barycentre")
    parser.add_argument("--image", metavar="HxW", help="for receptive-field: shape of the inputs, such as 28x28")
    add_file_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Read, draw, save."""
    import matplotlib.pyplot

    matplotlib.use("Agg")
    from netsnn import plot
    from netsnn.cli.sources import check_output

    if (arguments.figure == "view") != arguments.output.lower().endswith((".html", ".htm")):
        raise ValueError(f"{arguments.output}: view is written as .html, every other figure as a picture")
    check_output(arguments.output, arguments.source)
    for option, figures in TAKES.items():
        if getattr(arguments, option) is not None and arguments.figure not in figures:
            raise ValueError(f"{arguments.figure} takes no --{option}; it is for {', '.join(figures)}")
    drawn = _draw(arguments, plot)
    if isinstance(drawn, plot.View):
        drawn.save(arguments.output)
        return
    try:
        plot.save(drawn, arguments.output)
    except ValueError as error:
        raise ValueError(f"{arguments.output}: {error}") from None
    finally:
        matplotlib.pyplot.close(drawn.figure.figure)


def _draw(arguments: argparse.Namespace, plot: ModuleType) -> Axes:
    from netsnn.cli.sources import is_run, open_run, refuse_file_options
    from netsnn.graph import Layer
    from netsnn.io import read
    from netsnn.network import Network

    name = arguments.figure
    ordered = {"order": arguments.order} if arguments.order else {}
    if is_run(arguments.source):
        refuse_file_options(arguments)
        history = open_run(arguments.source)
        if not len(history):
            raise ValueError(f"{arguments.source}: the run has no snapshot yet")
        at = -1 if arguments.snapshot is None else arguments.snapshot
        if not -len(history) <= at < len(history):
            raise ValueError(f"--snapshot must lie in {-len(history)} .. {len(history) - 1}, got {at}")
        snapshot, key = history[at], _key(arguments.layer, history.names)
        if name == "evolution":
            return plot.evolution(history)
        if name in ("ages", "alluvial"):
            return getattr(plot, name)(history, layer=key, **({"at": at} if name == "ages" else {}))
        if name in ("persistence", "barcode"):
            return _persistence(snapshot, key, name, plot)
        value = snapshot.network() if name in ("hubs", "view") else snapshot.layer(key)
    else:
        if name in RUN:
            raise ValueError(f"{name} is a figure of a recorded run, and {arguments.source} is a file")
        if arguments.snapshot is not None:
            raise ValueError(f"--snapshot is one of a recorded run, and {arguments.source} is a file")
        value = read(arguments.source, kind=arguments.kind, simplify=arguments.simplify, format=arguments.format)
        if not isinstance(value, (Layer, Network)):
            raise ValueError(f"{arguments.source} holds an undirected graph, and the figures are those of bipartite layers; predict, study and convert take graphs")
        if isinstance(value, Layer) and arguments.layer is not None:
            raise ValueError(f"{arguments.source} holds one layer: --layer {arguments.layer} is none of it")
        if isinstance(value, Network) and name in LAYER:
            network = value
            try:
                key = _key(arguments.layer, network.names)
                value = network[key]
            except (KeyError, IndexError):
                raise ValueError(f"no layer {key!r}; layers: {', '.join(map(str, network.names or range(len(network))))}") from None
    if name == "view":
        return plot.view(value, **ordered)
    if name in ("layer", "spy"):
        return getattr(plot, name)(value, **ordered)
    if name == "receptive-field":
        try:
            image = tuple(map(int, arguments.image.lower().split("x"))) if arguments.image else None
        except ValueError:
            raise ValueError(f"--image must look like 28x28, got {arguments.image!r}") from None
        return plot.receptive_field(value, image)
    return getattr(plot, name)(value)


def _persistence(snapshot: Snapshot, key: int | str, name: str, plot: ModuleType) -> Axes:
    from netsnn.measures import neural_persistence

    if snapshot.weights is None or any(weights is None for weights in snapshot.weights):
        raise ValueError(f"snapshot {snapshot.number} was recorded without weights")
    found = neural_persistence(list(zip(snapshot.layers, snapshot.weights)))
    if name == "persistence":
        return plot.persistence(found)
    return plot.barcode(found, layer=snapshot._form.number(key))


def _key(layer: str | None, names: Sequence[str] | None) -> int | str:
    """The layer of this name, else of this number (layers of torch's Sequential have numbers for names); without either the first."""
    if layer is None:
        return 0
    try:
        return layer if layer in (names or ()) else int(layer)
    except ValueError:
        return layer
