"""Network: the ordered layers of one net that share neurons, its dead neurons and its paths."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from netsnn.errors import type_name
from netsnn.graph import Layer

__all__ = ["Network", "Percolation"]


class Percolation(NamedTuple):
    """What percolation left and whom it found dead."""

    network: Network
    """The network without the links of dead neurons."""
    dead: tuple[np.ndarray, ...]
    """Ids of the dead neurons of each group (the inputs first): those on no input-to-output path."""
    killed: tuple[np.ndarray, ...]
    """Ids of those among them that still had a link before percolation."""


@dataclass(frozen=True, repr=False)
class Network:
    """Layers in order, each starting on the neurons where the one before ends.

    A net with a convolution or an attention block between linear layers is several Networks: links
    cannot be followed across such a border.

    Examples
    --------
    >>> first = Layer.from_edges([0, 1], [0, 1], shape=(2, 3))
    >>> second = Layer.from_edges([0, 2], [0, 0], shape=(3, 1))
    >>> network = Network([first, second])
    >>> result = network.percolate()
    >>> result.network.n_links, [ids.tolist() for ids in result.dead]
    (2, [[1], [1, 2], []])
    >>> network.n_paths
    1
    """

    layers: tuple[Layer, ...]
    names: tuple[str, ...] | None = None

    def __init__(self, layers: Sequence[Layer], names: Sequence[str] | None = None) -> None:
        if not isinstance(layers, Iterable):
            raise ValueError(f"layers must be a list of Layers, got {layers!r}: write Network([layer])")
        layers = tuple(layers)
        if not layers:
            raise ValueError("a network needs at least one layer")
        found = None if names is None else (names,) if isinstance(names, str) else tuple(names) if isinstance(names, Iterable) else ()
        if found is not None and (len(found) != len(layers) or len(set(found)) != len(found)):
            raise ValueError(f"names must be {len(layers)} different names, one a layer, got {names!r}")
        for i, layer in enumerate(layers):
            if not isinstance(layer, Layer):
                raise ValueError(f"layer {i} of a network must be a Layer, got {type_name(layer)}")
        for i, (before, after) in enumerate(zip(layers, layers[1:])):
            if before.n_out != after.n_in:
                raise ValueError(f"layer {i + 1} starts on {after.n_in} neurons but layer {i} ends on {before.n_out}")
            if before.output_names is not None and after.input_names is not None and before.output_names != after.input_names:
                raise ValueError(f"layers {i} and {i + 1} name the neurons they share differently")
        object.__setattr__(self, "layers", layers)
        object.__setattr__(self, "names", found)

    def __len__(self) -> int:
        return len(self.layers)

    def __iter__(self) -> Iterator[Layer]:
        return iter(self.layers)

    def __getitem__(self, key: int | str) -> Layer:
        if isinstance(key, str):
            if self.names is None or key not in self.names:
                raise KeyError(f"no layer {key!r}; layers: {self.names or tuple(range(len(self)))}")
            key = self.names.index(key)
        return self.layers[key]

    def __repr__(self) -> str:
        return f"Network({' -> '.join(map(str, self.sizes))}, {self.n_links} links, density {100 * self.density:.4g}%)"

    @property
    def sizes(self) -> tuple[int, ...]:
        """Neurons in each group: the inputs, the hidden groups, the outputs.

        >>> network = Network([Layer.from_edges([0, 1], [0, 1], shape=(2, 3)), Layer.from_edges([0, 2], [0, 0], shape=(3, 1))])
        >>> network.sizes
        (2, 3, 1)
        """
        return (self.layers[0].n_in, *(layer.n_out for layer in self.layers))

    @property
    def n_links(self) -> int:
        """Links of all layers."""
        return sum(layer.n_links for layer in self.layers)

    @property
    def density(self) -> float:
        """Links over possible links of all layers.

        >>> network = Network([Layer.from_edges([0, 1], [0, 1], shape=(2, 3)), Layer.from_edges([0, 2], [0, 0], shape=(3, 1))])
        >>> network.n_links, round(network.density, 3)
        (4, 0.444)
        """
        possible = sum(layer.n_in * layer.n_out for layer in self.layers)
        return self.n_links / possible if possible else 0.0

    def percolate(self) -> Percolation:
        """Remove dead neurons' links until none is left, and report who died.

        A hidden neuron without links on one side is dead; its links on the other side go too, which may
        kill others. Inputs are dead without a link out, outputs without a link in. One backward and one
        forward sweep reach the fixpoint: the forward sweep only strips neurons that nothing reaches, and
        so never takes the last outgoing link of a neuron that something reaches (Zhang et al. 2024,
        Cannistraci-Hebb training).

        >>> network = Network([Layer.from_edges([0, 1], [0, 1], shape=(2, 3)), Layer.from_edges([0, 2], [0, 0], shape=(3, 1))])
        >>> result = network.percolate()
        >>> result.network.n_links, [ids.tolist() for ids in result.killed]
        (2, [[1], [1, 2], []])
        """
        reached, leading = self._reached(), self._leading()
        alive = [forward & backward for forward, backward in zip(reached, leading)]
        layers = []
        for layer, before, after in zip(self.layers, alive, alive[1:]):
            row, col = layer.links
            layers.append(layer.select(before[row] & after[col]))
        network = Network(layers, self.names)
        had_link = self._has_link()
        return Percolation(network, tuple(np.flatnonzero(~a) for a in alive),
                           tuple(np.flatnonzero(~a & had) for a, had in zip(alive, had_link)))

    def effective(self) -> Network:
        """The network of those links only that lie on a path from an input to an output.

        >>> network = Network([Layer.from_edges([0, 1], [0, 1], shape=(2, 3)), Layer.from_edges([0, 2], [0, 0], shape=(3, 1))])
        >>> network.n_links, network.effective().n_links
        (4, 2)
        """
        return self.percolate().network

    @property
    def active(self) -> tuple[np.ndarray, ...]:
        """For each group, which neurons lie on an input-to-output path.

        >>> network = Network([Layer.from_edges([0, 1], [0, 1], shape=(2, 3)), Layer.from_edges([0, 2], [0, 0], shape=(3, 1))])
        >>> [group.tolist() for group in network.active]
        [[True, False], [True, False, False], [True]]
        """
        return tuple(f & b for f, b in zip(self._reached(), self._leading()))

    def path_counts(self) -> tuple[np.ndarray, ...]:
        """For each group, through how many input-to-output paths each neuron goes.

        Exact whole numbers: arrays of Python integers where 64 bits would not do.

        >>> network = Network([Layer.from_dense([[1, 1], [0, 1]]), Layer.from_dense([[1, 0], [1, 1]])])
        >>> [counts.tolist() for counts in network.path_counts()]
        [[3, 2], [1, 4], [3, 2]]
        """
        from_inputs = [np.ones(self.sizes[0], dtype=np.int64)]
        for layer in self.layers:
            from_inputs.append(_count_into(layer, from_inputs[-1]))
        to_outputs = [np.ones(self.sizes[-1], dtype=np.int64)]
        for layer in reversed(self.layers):
            to_outputs.append(_count_into(layer.T, to_outputs[-1]))
        return tuple(_product(a, b) for a, b in zip(from_inputs, reversed(to_outputs)))

    @property
    def n_paths(self) -> int:
        """How many paths lead from an input to an output: an exact whole number of any size.

        >>> Network([Layer.from_dense([[1, 1], [0, 1]]), Layer.from_dense([[1, 0], [1, 1]])]).n_paths
        5
        """
        return sum(map(int, self.path_counts()[0]))

    def _has_link(self) -> list[np.ndarray]:
        groups = [np.zeros(n, dtype=bool) for n in self.sizes]
        for layer, before, after in zip(self.layers, groups, groups[1:]):
            row, col = layer.links
            before[row] = True
            after[col] = True
        return groups

    def _reached(self) -> list[np.ndarray]:
        """For each group, which neurons a path from an input reaches."""
        groups = [np.ones(self.sizes[0], dtype=bool)]
        for layer in self.layers:
            row, col = layer.links
            after = np.zeros(layer.n_out, dtype=bool)
            after[col[groups[-1][row]]] = True
            groups.append(after)
        return groups

    def _leading(self) -> list[np.ndarray]:
        """For each group, which neurons lead to an output."""
        return Network([layer.T for layer in reversed(self.layers)])._reached()[::-1]


def _count_into(layer: Layer, counts: np.ndarray) -> np.ndarray:
    """Sum `counts` of the inputs over the links of each output, exactly."""
    row, col = layer.links
    largest = int(max(counts, default=0)) * int(max(layer.in_degrees, default=0))
    total = np.zeros(layer.n_out, dtype=np.int64 if largest < 2**63 else object)
    np.add.at(total, col, counts.astype(total.dtype)[row])
    return total


def _product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    largest = int(max(a, default=0)) * int(max(b, default=0))
    dtype = np.int64 if largest < 2**63 else object
    return a.astype(dtype) * b.astype(dtype)
