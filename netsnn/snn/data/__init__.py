"""Data sets for training: images and recordings of event cameras, read from files that lie on this machine.

`load` reads a data set by its name, `Dataset` also takes arrays of your own. Nothing is downloaded: where files are missing, the error
says which, and where to get them. Every file is checked before it is believed, and nothing in a file is ever executed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from netsnn.hints import PathLike
from netsnn.snn.data import cifar, cifar10_dvs, digits, gesture, idx, nmnist
from netsnn.snn.data.dataset import Dataset
from netsnn.snn.data.events import Events, Frames, Recordings, bin_events

__all__ = ["DATASETS", "Dataset", "Events", "Frames", "Recordings", "bin_events", "load"]

DATASETS: dict[str, Callable[..., Dataset]] = {
    "digits": digits.load,
    "mnist": partial(idx.load, "mnist"),
    "fashion-mnist": partial(idx.load, "fashion-mnist"),
    "cifar-10": partial(cifar.load, "cifar-10"),
    "cifar-100": partial(cifar.load, "cifar-100"),
    "n-mnist": nmnist.load,
    "dvs-gesture": gesture.load,
    "cifar10-dvs": cifar10_dvs.load,
}
"""The names that `load` knows."""


def load(name: str, folder: PathLike | None = None, *, train: bool | None = True, verify: bool = True) -> Dataset:
    """The data set of a name, from the files in a folder.

    Parameters
    ----------
    name : str
        One of `DATASETS`. Images: digits (5,000 of MNIST's, which come with netsnn), mnist, fashion-mnist, cifar-10, cifar-100.
        Recordings of event cameras: n-mnist, dvs-gesture, cifar10-dvs.
    folder : path, optional
        Where the files lie: as they were published, or in the folders that torchvision and tonic make below it. It may be left out for
        digits, and for fashion-mnist after `apt-get install dataset-fashion-mnist`.
    train : bool or None
        The training set, the test set, or None for both, one after the other. Where none was published: the test set of digits is the last
        100 of each class, that of cifar10-dvs the recordings 0 to 99 of each class (Duan et al., NeurIPS 2022).
    verify : bool
        Whether the set must be the published one, by its numbers of samples and, for images, by its checksums. If False, other data in
        the same format are read too; damaged files are refused all the same.

    Returns
    -------
    Dataset
        Images are held in memory. Recordings are read when they are asked for, so that damaged ones are found then.

    Examples
    --------
    >>> digits = load("digits")
    >>> digits
    Dataset(digits: 4000 samples of 1 x 28 x 28, 10 classes)
    >>> images, labels = digits[[0, 1500]]
    >>> images.shape, str(images.dtype), labels
    ((2, 1, 28, 28), 'float32', array([0, 3]))
    """
    if name not in DATASETS:
        raise ValueError(f"no data set {name!r}; data sets: {', '.join(DATASETS)}")
    if train not in (True, False, None):
        raise ValueError(f"train must be True, False or None (both), got {train!r}")
    return DATASETS[name](folder, ("train", "test") if train is None else ("train",) if train else ("test",), verify)
