"""CIFAR-10 and CIFAR-100: the Python version of the published archives."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from netsnn.hints import PathLike
from netsnn.io.record import fail
from netsnn.snn.data.dataset import Dataset
from netsnn.snn.data.files import check_md5, content, existing
from netsnn.snn.data.unpickle import unpickle

__all__ = ["load", "read"]

MOST = 2**28


@dataclass(frozen=True)
class Source:
    """A data set in pickles of Python 2."""

    below: str
    """The folder in the archive."""
    labels: str
    md5: dict[str, dict[str, str]]
    """The files of each part, with their checksums."""
    classes: tuple[str, ...]


SOURCES = {
    "cifar-10": Source("cifar-10-batches-py", "labels", {
        "train": {"data_batch_1": "c99cafc152244af753f735de768cd75f", "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
                  "data_batch_3": "54ebc095f3ab1f0389bbae665268c751", "data_batch_4": "634d18415352ddfa80567beed471001a",
                  "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb"},
        "test": {"test_batch": "40351d587109b95175f43aff81a1287e"}},
        ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")),
    "cifar-100": Source("cifar-100-python", "fine_labels", {
        "train": {"train": "16019d7e3df5f24257cddd939b257f8d"}, "test": {"test": "f0ef6b0ae62326f3e7ffdfab6717acfc"}}, tuple("""
        apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle caterpillar cattle
        chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant flatfish forest fox girl hamster house
        kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle mountain mouse mushroom oak_tree orange
        orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal
        shark shrew skunk skyscraper snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger
        tractor train trout tulip turtle wardrobe whale willow_tree wolf woman worm""".split())),
}


def load(name: str, folder: PathLike | None, parts: tuple[str, ...], verify: bool) -> Dataset:
    """CIFAR-10 or CIFAR-100 (its hundred fine classes)."""
    source = SOURCES[name]
    files = {file: md5 for part in parts for file, md5 in source.md5[part].items()}
    archive = f"{name}-python.tar.gz"
    needs = f"{', '.join(files)} of {archive}, from https://www.cs.toronto.edu/~kriz/cifar.html"
    folder = existing(name, folder, needs)
    below = folder / source.below if (folder / source.below).is_dir() else folder
    missing = [file for file in files if not (below / file).is_file()]
    if missing:
        unpack = f"; unpack it first: tar xzf {archive}" if (folder / archive).exists() else ""
        fail(str(below), f"holds no {', no '.join(missing)}; {name} needs {needs}{unpack}")
    images, labels = zip(*(read(below / file, source.labels, len(source.classes), md5 if verify else None) for file, md5 in files.items()))
    return Dataset(np.concatenate(images), np.concatenate(labels), name, source.classes)


def read(path: Path, labels_name: str, classes: int, md5: str | None = None) -> tuple[np.ndarray, np.ndarray]:
    """(images (N, 3, 32, 32) of bytes, labels) of one file: a dict with rows of 1,024 red, green and blue values each, and a list."""
    data = content(path, MOST)
    source = str(path)
    if md5 is not None:
        check_md5(source, md5, data)
    batch = unpickle(source, data)
    rows, labels = batch.get(b"data"), batch.get(labels_name.encode())
    if not isinstance(rows, np.ndarray) or rows.ndim != 2 or rows.shape[1] != 3072 or not len(rows):
        fail(source, "holds no 'data' of n x 3072 bytes")
    if not isinstance(labels, list) or len(labels) != len(rows):
        fail(source, f"holds no list {labels_name!r} of {len(rows)} labels")
    for i, label in enumerate(labels):
        if type(label) is not int or not 0 <= label < classes:
            fail(source, f"label number {i + 1} is {label if type(label) is int else type(label).__name__}, outside 0 .. {classes - 1}")
    return rows.reshape(-1, 3, 32, 32), np.array(labels, dtype=np.int64)
