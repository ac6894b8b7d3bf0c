"""Inputs with labels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from netsnn.errors import check_within
from netsnn.hints import Seed, generator
from netsnn.snn.data.events import Frames, Recordings

__all__ = ["Dataset"]


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """Inputs and their labels: `dataset[indices]` is a batch, `len(dataset)` the number of samples.

    Parameters
    ----------
    inputs : array (N, C, H, W) or (N, n), Recordings or Frames
        Bytes (uint8) mean 0 to 255, and come out of `dataset[indices]` as float32 from 0 to 1; other numbers as float32, unchanged.
    labels : array (N,) of int64
        The number of each sample's class, from 0.
    name : str
    classes : tuple of str, optional
        What the classes are called; if left out, their numbers, up to the largest label.

    Examples
    --------
    >>> mine = Dataset(np.array([[0, 51], [255, 0], [102, 0]], dtype=np.uint8), [0, 1, 1])
    >>> mine[[1, 2]]
    (array([[1. , 0. ],
           [0.4, 0. ]], dtype=float32), array([1, 1]))
    """

    inputs: np.ndarray | Recordings | Frames
    labels: np.ndarray
    name: str = "arrays"
    classes: tuple[str, ...] = None  # type: ignore[assignment]  # filled in below

    def __post_init__(self) -> None:
        inputs = self.inputs if isinstance(self.inputs, Recordings | Frames) else np.asarray(self.inputs)
        labels = np.asarray(self.labels)
        if isinstance(inputs, np.ndarray) and (inputs.ndim < 2 or inputs.dtype.kind not in "biuf"):
            raise ValueError(f"inputs must be numbers, one row or image a sample, got shape {inputs.shape} of {inputs.dtype}")
        if labels.shape != (len(inputs),) or (labels.dtype.kind not in "iu" and len(labels)):
            raise ValueError(f"labels must be {len(inputs)} whole numbers, one a sample, got shape {labels.shape} of {labels.dtype}")
        classes = tuple(str(i) for i in range(int(labels.max(initial=-1)) + 1)) if self.classes is None else tuple(self.classes)
        if len(labels) and not 0 <= labels.min() <= labels.max() < len(classes):
            raise ValueError(f"labels must lie in 0 .. {len(classes) - 1}, got {labels.min()} .. {labels.max()}")
        for name, value in (("inputs", inputs), ("labels", labels.astype(np.int64)), ("classes", classes)):
            object.__setattr__(self, name, value)

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, indices: Any) -> tuple[np.ndarray, np.ndarray]:
        """(inputs, labels) of an array of indices, a slice or a mask, as arrays of their own: float32 (batch, ...) and int64 (batch,).

        Frames come time first: (steps, batch, 2, H, W). One index gives one sample, without the batch's axis.
        """
        if isinstance(self.inputs, Recordings):
            raise ValueError(f"{self.name} holds recordings of events: choose how many frames each becomes, dataset.frames(steps)")
        chosen = self._places(indices)
        inputs = self.inputs[chosen]
        if isinstance(self.inputs, np.ndarray):
            inputs = np.array(inputs, dtype=np.float32)
            if self.inputs.dtype == np.uint8:
                inputs /= np.float32(255)
        return inputs, self.labels[chosen]

    def __repr__(self) -> str:
        shape = self.inputs.shape[1:] if isinstance(self.inputs, np.ndarray | Frames) else (2, *self.inputs.sensor)
        what = "recordings" if isinstance(self.inputs, Recordings) else "samples"
        return f"Dataset({self.name}: {len(self)} {what} of {' x '.join(map(str, shape))}, {len(self.classes)} classes)"

    @property
    def events(self) -> bool:
        """Whether the inputs come from an event camera; a batch of their frames has an axis of time, the first."""
        return isinstance(self.inputs, Recordings | Frames)

    @property
    def image(self) -> tuple[int, int, int] | None:
        """(channels, height, width) of an image or frame, None for inputs without such a shape."""
        if isinstance(self.inputs, Recordings | Frames):
            return (2, *self.inputs.sensor)
        return self.inputs.shape[1:] if self.inputs.ndim == 4 else None

    def frames(self, steps: int, *, by: str = "number", dtype: DTypeLike = "float32") -> Dataset:
        """The same recordings, each as `steps` frames that count its events (2, H, W): OFF events first, then ON.

        They are counted when a batch is asked for, and not kept: this takes some 0.1 ms a recording of N-MNIST, 1 ms of CIFAR10-DVS and
        10 ms of DVS Gesture, far less than a step of training on it. See `bin_events` for `by` and `dtype`.
        """
        if not isinstance(self.inputs, Recordings | Frames):
            raise ValueError(f"{self.name} holds no events; netsnn.snn.encodings turns its values into spikes")
        recordings = self.inputs.recordings if isinstance(self.inputs, Frames) else self.inputs
        return replace(self, inputs=Frames(recordings, steps, by, np.dtype(dtype)))

    def subset(self, indices: Any) -> Dataset:
        """The samples of an array of indices, a slice or a mask, in that order."""
        places = np.atleast_1d(self._places(indices))
        inputs = self.inputs[places] if isinstance(self.inputs, np.ndarray) else self.inputs.take(places)
        return replace(self, inputs=inputs, labels=self.labels[places])

    def split(self, share: float, *, seed: Seed) -> tuple[Dataset, Dataset]:
        """(rest, part): exactly round(share * N) samples drawn for the part, each class by its share; both in the order of the set.

        Parameters
        ----------
        share : float in [0, 1]
        seed : int or numpy.random.Generator

        Examples
        --------
        >>> rest, part = Dataset(np.zeros((10, 2)), [0, 1] * 5).split(0.4, seed=0)
        >>> len(rest), sorted(part.labels.tolist())
        (6, [0, 0, 1, 1])
        """
        check_within("share", share, "[0, 1]")
        rng = generator(seed)
        exact = share * np.bincount(self.labels, minlength=len(self.classes))
        counts = np.floor(exact + 1e-9).astype(np.int64)
        order = np.lexsort((rng.random(len(counts)), counts - exact))  # the largest remainders first, equal ones by the seed
        counts[order[:round(share * len(self)) - counts.sum()]] += 1
        drawn = [rng.permutation(np.flatnonzero(self.labels == label))[:count] for label, count in enumerate(counts)]
        part = np.zeros(len(self), dtype=bool)
        part[np.concatenate([np.empty(0, dtype=np.int64), *drawn])] = True
        return self.subset(~part), self.subset(part)

    def _places(self, indices: Any) -> np.ndarray:
        """Indices of any kind that NumPy takes as places from 0; an IndexError if one lies outside."""
        indices = np.empty(0, dtype=np.int64) if isinstance(indices, list | tuple) and not len(indices) else indices
        places = np.arange(len(self))[indices]
        if places.ndim > 1:
            raise ValueError(f"indices must be one row, got shape {places.shape}")
        return places
