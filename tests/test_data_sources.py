"""Where data sets are looked for: prepared directories, original files, downloads."""

import gzip
import hashlib
import io
import json
import socket
import struct
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ws_jax import data
from ws_jax.data import cache, download, prepared, raw

NUM_CLASSES = 5


@pytest.fixture(autouse=True)
def nothing_outside(tmp_path, monkeypatch):
    """No data directory, cache or network but those that a test makes."""
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "no_data"))
    monkeypatch.setenv("WS_JAX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(download, "find_obstacle", lambda url: "switched off")
    monkeypatch.setattr(
        download,
        "registered_urls",
        lambda name: {"file.gz": f"https://example.org/{name}/file.gz"},
    )


def make_images(num_images, channels=1, seed=0):
    random = np.random.RandomState(seed)
    images = random.randint(0, 256, (num_images, 6, 7, channels)).astype(np.uint8)
    return images, random.randint(0, NUM_CLASSES, num_images).astype(np.int32)


def encode_example(image, label):
    from tensorflow_datasets.proto import tf_example_pb2

    file = io.BytesIO()
    Image.fromarray(image.squeeze()).save(file, "PNG")
    example = tf_example_pb2.Example()
    example.features.feature["image"].bytes_list.value.append(file.getvalue())
    example.features.feature["label"].int64_list.value.append(int(label))
    return example.SerializeToString()


def write_shard(path, images, labels):
    from array_record.python import array_record_module

    writer = array_record_module.ArrayRecordWriter(str(path), "group_size:1")
    for image, label in zip(images, labels, strict=True):
        writer.write(encode_example(image, label))
    writer.close()


def describe(kind, **fields):
    package = "tensorflow_datasets.core.features"
    return {"pythonClassName": f"{package}.{kind}", **fields}


def image_features(shape, label="label", dtype="uint8"):
    sizes = {"dimensions": [str(size) for size in shape]}
    image = {"shape": sizes, "dtype": dtype, "encodingFormat": "png"}
    number = {"shape": {}, "dtype": "int64", "encoding": "none"}
    labels = {
        "label": describe(
            "class_label_feature.ClassLabel",
            classLabel={"numClasses": str(NUM_CLASSES)},
        ),
        "number": describe("scalar.Scalar", tensor=number),
    }
    features = {"image": describe("image_feature.Image", image=image)}
    features["label"] = labels[label]
    return describe("features_dict.FeaturesDict", featuresDict={"features": features})


def prepare(directory, parts, *, features=None, file_format="array_record"):
    """Writes what TFDS's `download_and_prepare` leaves behind.

    `parts` maps a part's name to a list of shards, each a pair of images and labels.
    """
    directory.mkdir(parents=True)
    shape = next(iter(parts.values()))[0][0].shape[1:]
    splits = []
    for part, shards in parts.items():
        lengths = [str(len(images)) for images, _ in shards]
        template = "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"
        splits.append(
            {"name": part, "shardLengths": lengths, "filepathTemplate": template}
        )
        for i, shard in enumerate(shards):
            place = f"{i:05d}-of-{len(shards):05d}"
            write_shard(directory / f"toy-{part}.{file_format}-{place}", *shard)
    keys = {"tuple": {"items": [{"featureKey": "image"}, {"featureKey": "label"}]}}
    info = {
        "name": "toy",
        "version": directory.name,
        "fileFormat": file_format,
        "splits": splits,
        "supervisedKeys": keys,
    }
    (directory / "dataset_info.json").write_text(json.dumps(info))
    features = features or image_features(shape)
    (directory / "features.json").write_text(json.dumps(features))
    return directory


@pytest.fixture
def toy(tmp_path):
    """A prepared data set with 30 + 20 training images and 12 test images."""
    parts = {
        "test": [make_images(12, seed=2)],
        "train": [make_images(30, seed=0), make_images(20, seed=1)],
    }
    return prepare(tmp_path / "data" / "toy" / "1.2.0", parts)


@pytest.mark.parametrize("channels", [1, 3])
def test_prepared_images_come_training_part_first(tmp_path, channels):
    train, more, test = (make_images(n, channels, n) for n in (30, 20, 12))
    parts = {"test": [test], "train": [train, more]}
    prepare(tmp_path / "data" / "toy" / "1.2.0", parts)
    dataset = data.load("toy", data_dir=tmp_path / "data")
    for got, place in ((dataset.images, 0), (dataset.labels, 1)):
        want = np.concatenate([train[place], more[place], test[place]])
        np.testing.assert_array_equal(got, want)
    assert (dataset.num_train, dataset.num_classes) == (50, NUM_CLASSES)
    assert (dataset.name, dataset.version) == ("toy", "tfds:1.2.0")


def test_examples_are_decoded_in_chunks(toy, monkeypatch):
    whole = data.load("toy", data_dir=toy.parents[1])
    cache.cache_path(prepared.find("toy", toy.parents[1]), cache.default_dir()).unlink()
    monkeypatch.setattr(prepared, "_CHUNK", 7)
    parts = data.load("toy", data_dir=toy.parents[1])
    assert parts.fingerprint == whole.fingerprint


def test_decoded_images_load_without_tfds(toy, monkeypatch):
    first = data.load("toy", data_dir=toy.parents[1])
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    second = data.load("toy", data_dir=toy.parents[1])
    assert second.identity == first.identity


def test_data_dir_from_the_environment(toy, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(toy.parents[1]))
    assert len(data.load("toy")) == 62
    monkeypatch.delenv("TFDS_DATA_DIR")
    assert prepared.default_dir() == Path.home() / "tensorflow_datasets"


def test_other_files_are_not_served_from_the_cache(toy):
    first = data.load("toy", data_dir=toy.parents[1])
    other = prepare(
        toy.parents[2] / "other" / "toy" / "1.2.0", {"train": [make_images(40)]}
    )
    second = data.load("toy", data_dir=other.parents[1])
    assert first.version == second.version
    assert (len(second), second.num_train) == (40, 40)


def test_files_of_another_size_are_other_files(toy):
    before = prepared.find("toy", toy.parents[1])
    assert prepared.find("toy", toy.parents[1]).digest == before.digest
    cut(toy / TRAIN, 65536)
    assert prepared.find("toy", toy.parents[1]).digest != before.digest


def test_newest_version_wins(toy):
    for version, count in (("1.10.0", 9), ("1.9.9", 8), ("2.0.0.incomplete", 7)):
        prepare(toy.parent / version, {"train": [make_images(count)]})
    assert data.load("toy", data_dir=toy.parents[1]).version == "tfds:1.10.0"


def test_validation_part_stands_in_for_a_test_part(tmp_path):
    parts = {"validation": [make_images(5)], "train": [make_images(9)]}
    prepare(tmp_path / "toy" / "1.0.0", {**parts, "extra": [make_images(3)]})
    dataset = data.load("toy", data_dir=tmp_path)
    assert (len(dataset), dataset.num_train) == (14, 9)


def test_configs_are_named(tmp_path):
    prepare(tmp_path / "toy" / "small" / "1.0.0", {"train": [make_images(9)]})
    assert data.load("toy/small", data_dir=tmp_path).name == "toy/small"
    with pytest.raises(data.DataError, match=r"there is toy/small"):
        data.load("toy", data_dir=tmp_path)
    with pytest.raises(data.DataError, match="did you mean 'toy/small'"):
        data.load("toy/smal", data_dir=tmp_path)


def cut(path, size):
    path.write_bytes(path.read_bytes()[:size])


def overwrite(path):
    content = bytearray(path.read_bytes())
    place = content.index(b"IDAT")
    content[place : place + 30] = bytes(30)
    path.write_bytes(content)


TRAIN = "toy-train.array_record-00001-of-00002"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda toy: (toy / "dataset_info.json").unlink(), "dataset_info.json"),
        (lambda toy: (toy / "features.json").unlink(), "features.json"),
        (lambda toy: cut(toy / "dataset_info.json", 50), "dataset_info.json"),
        (lambda toy: cut(toy / "features.json", 50), "features.json"),
        (lambda toy: (toy / "features.json").write_text("{}"), "damaged"),
        (lambda toy: (toy / TRAIN).unlink(), "of its 2 'train' files 1 are there"),
        (lambda toy: cut(toy / TRAIN, 65536), "damaged"),
        (lambda toy: cut(toy / TRAIN, 0), "damaged"),
        (lambda toy: overwrite(toy / TRAIN), "damaged"),
    ],
)
def test_half_copied_directory(toy, spoil, message):
    spoil(toy)
    with pytest.raises(data.DataError, match=message) as caught:
        data.load("toy", data_dir=toy.parents[1])
    assert str(toy) in str(caught.value)
    assert "copy or prepare it again" in str(caught.value)
    assert not list(cache.default_dir().glob("*"))


@pytest.mark.parametrize(
    ("features", "parts"),
    [
        (image_features((6, 7, 1), label="number"), ["train"]),
        (image_features((6, 7, 1), dtype="uint16"), ["train"]),
        (image_features((-1, 7, 1)), ["train"]),
        (None, ["test"]),
    ],
)
def test_other_than_labelled_images(tmp_path, features, parts):
    shards = {part: [make_images(5)] for part in parts}
    prepare(tmp_path / "toy" / "1.0.0", shards, features=features)
    with pytest.raises(data.DataError, match="does not hold|has no part 'train'"):
        data.load("toy", data_dir=tmp_path)


def test_prepared_as_tfrecord(tmp_path):
    parts = {"train": [make_images(5)]}
    prepare(tmp_path / "toy" / "1.0.0", parts, file_format="tfrecord")
    with pytest.raises(data.DataError, match="file_format='array_record'"):
        data.load("toy", data_dir=tmp_path)


def encode_idx(array):
    header = struct.pack(">HBB", 0, 8, array.ndim)
    return header + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()


def mnist_files():
    """Small files in MNIST's form, by name, and what they hold."""
    (train, train_labels), (test, test_labels) = make_images(20), make_images(8, seed=1)
    contents = {
        "train-images-idx3-ubyte": encode_idx(train[..., 0]),
        "train-labels-idx1-ubyte": encode_idx(train_labels.astype(np.uint8)),
        "t10k-images-idx3-ubyte": encode_idx(test[..., 0]),
        "t10k-labels-idx1-ubyte": encode_idx(test_labels.astype(np.uint8)),
    }
    images = np.concatenate([train, test])
    return contents, images, np.concatenate([train_labels, test_labels])


def cifar_files():
    """Small files in CIFAR-10's form, by name, and what they hold."""
    random = np.random.RandomState(0)
    images = random.randint(0, 256, (12, 32, 32, 3)).astype(np.uint8)
    labels = random.randint(0, 10, 12).astype(np.int32)
    names = [f"data_batch_{i}.bin" for i in range(1, 6)] + ["test_batch.bin"]
    contents = {}
    for i, name in enumerate(names):
        records = [
            bytes([labels[n]]) + images[n].transpose(2, 0, 1).tobytes()
            for n in (2 * i, 2 * i + 1)
        ]
        contents[name] = b"".join(records)
    return contents, images, labels


def cifar100_files():
    """The same in CIFAR-100's form: a coarse label, then the fine one."""
    random = np.random.RandomState(0)
    images = random.randint(0, 256, (12, 32, 32, 3)).astype(np.uint8)
    labels = random.randint(0, 100, 12).astype(np.int32)
    records = [
        bytes([label // 5, label]) + image.transpose(2, 0, 1).tobytes()
        for image, label in zip(images, labels, strict=True)
    ]
    contents = {"train.bin": b"".join(records[:10]), "test.bin": b"".join(records[10:])}
    return contents, images, labels


FILES = {"mnist": mnist_files, "cifar10": cifar_files, "cifar100": cifar100_files}
NUM_TRAIN = {"mnist": 20, "cifar10": 10, "cifar100": 10}


@pytest.fixture(params=["mnist", "cifar10", "cifar100"])
def original(request, monkeypatch):
    """Name, contents, images, labels of small original files; checksums to match."""
    name = request.param
    contents, images, labels = FILES[name]()
    sha256 = {file: hashlib.sha256(x).hexdigest() for file, x in contents.items()}
    assert list(sha256) == list(raw.ORIGINALS[name].sha256)
    small = raw.dataclasses.replace(raw.ORIGINALS[name], sha256=sha256)
    monkeypatch.setitem(raw.ORIGINALS, name, small)
    return name, contents, images, labels


def write_plain(directory, contents):
    directory.mkdir(parents=True)
    for file, content in contents.items():
        (directory / file).write_bytes(content)


def write_gzipped(directory, contents):
    zipped = {f"{file}.gz": gzip.compress(x) for file, x in contents.items()}
    write_plain(directory, zipped)


def write_archive(directory, name, contents):
    original = raw.ORIGINALS[name]
    directory.mkdir(parents=True)
    with tarfile.open(directory / original.archive, "w:gz") as archive:
        members = {"readme.html": b"hello", **contents}
        for file, content in reversed(members.items()):
            member = tarfile.TarInfo(f"{original.folder}/{file}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
@pytest.mark.parametrize("target", ["../../../secret", "data_batch_1.bin", "gone"])
def test_links_in_an_archive_lead_nowhere(tmp_path, kind, target):
    (tmp_path / "secret").write_bytes(b"of another")
    original = raw.ORIGINALS["cifar10"]
    path = tmp_path / "a/b" / original.archive
    path.parent.mkdir(parents=True)
    with tarfile.open(path, "w:gz") as archive:
        member = tarfile.TarInfo(f"{original.folder}/data_batch_1.bin")
        member.type, member.linkname = kind, target
        archive.addfile(member)
    with pytest.raises(data.DataError, match="data_batch_1.bin .* checksum differs"):
        raw.decode_files("cifar10", [path])


@pytest.mark.parametrize("write", ["plain", "gzip", "archive"])
def test_no_more_is_unpacked_than_an_original_file_holds(tmp_path, monkeypatch, write):
    name = "cifar10" if write == "archive" else "mnist"
    small = raw.dataclasses.replace(raw.ORIGINALS[name], largest=1_000)
    monkeypatch.setitem(raw.ORIGINALS, name, small)
    contents = {file: bytes(1_001) for file in small.sha256}
    if write == "archive":
        write_archive(tmp_path / "data", name, contents)
    else:
        (write_gzipped if write == "gzip" else write_plain)(tmp_path / "data", contents)
    read = []
    whole = raw._read_all

    def watched(some, *args):
        asked = lambda count: read.append(count) or some(count)  # noqa: E731
        return whole(asked, *args)

    monkeypatch.setattr(raw, "_read_all", watched)
    with pytest.raises(data.DataError, match="more than the 1,000 bytes"):
        data.load(name, data_dir=tmp_path / "data")
    assert read == [1_001]  # bytes of the first file, and no other


def assert_holds(dataset, original):
    name, _, images, labels = original
    np.testing.assert_array_equal(dataset.images, images)
    np.testing.assert_array_equal(dataset.labels, labels)
    assert (dataset.name, dataset.version) == (name, "original")
    num_classes = 100 if name == "cifar100" else 10
    assert (dataset.num_train, dataset.num_classes) == (NUM_TRAIN[name], num_classes)


@pytest.mark.parametrize("write", [write_plain, write_gzipped])
@pytest.mark.parametrize("place", ["", "{name}"])
def test_original_files(original, tmp_path, write, place):
    name, contents, *_ = original
    write(tmp_path / "data" / place.format(name=name), contents)
    assert_holds(data.load(name, data_dir=tmp_path / "data"), original)


@pytest.mark.parametrize("original", ["cifar10", "cifar100"], indirect=True)
@pytest.mark.parametrize("place", ["", "{name}"])
def test_original_archive(original, tmp_path, place):
    name, contents, *_ = original
    write_archive(tmp_path / "data" / place.format(name=name), name, contents)
    assert_holds(data.load(name, data_dir=tmp_path / "data"), original)


@pytest.mark.parametrize("original", ["cifar10", "cifar100"], indirect=True)
@pytest.mark.parametrize("place", ["", "{name}"])
def test_unpacked_archive(original, tmp_path, place):
    name, contents, *_ = original
    folder = tmp_path / "data" / place.format(name=name) / raw.ORIGINALS[name].folder
    write_plain(folder, contents)
    assert_holds(data.load(name, data_dir=tmp_path / "data"), original)


def test_missing_original_file(original, tmp_path):
    name, contents, *_ = original
    *others, last = contents
    write_gzipped(tmp_path / "data", {file: contents[file] for file in others})
    with pytest.raises(data.DataError, match=f"incomplete: it lacks {last}"):
        data.load(name, data_dir=tmp_path / "data")


def test_damaged_original_file(original, tmp_path):
    name, contents, *_ = original
    file = list(contents)[1]
    changed = contents[file][:-1] + bytes([contents[file][-1] ^ 1])
    write_gzipped(tmp_path / "data", contents | {file: changed})
    with pytest.raises(data.DataError, match=f"{file} .* checksum differs"):
        data.load(name, data_dir=tmp_path / "data")


@pytest.mark.parametrize("size", [0, 1, 20, -9])
def test_half_copied_original_file(original, tmp_path, size):
    name, contents, *_ = original
    write_gzipped(tmp_path / "data", contents)
    file = list(contents)[-1]
    cut(tmp_path / "data" / f"{file}.gz", size)
    with pytest.raises(data.DataError, match=f"{file}.*not fully copied"):
        data.load(name, data_dir=tmp_path / "data")


@pytest.mark.parametrize("original", ["cifar10", "cifar100"], indirect=True)
@pytest.mark.parametrize("size", [0, 1, 4000, -2000])
def test_half_copied_archive(original, tmp_path, size):
    name, contents, *_ = original
    write_archive(tmp_path / "data", name, contents)
    cut(tmp_path / "data" / raw.ORIGINALS[name].archive, size)
    with pytest.raises(data.DataError, match="not fully copied"):
        data.load(name, data_dir=tmp_path / "data")


def test_prepared_directory_comes_before_original_files(original, tmp_path):
    name, contents, *_ = original
    write_gzipped(tmp_path / "data" / name, contents)
    prepare(tmp_path / "data" / name / "1.0.0", {"train": [make_images(9)]})
    assert data.load(name, data_dir=tmp_path / "data").version == "tfds:1.0.0"


def test_tfrecord_directory_gives_way_to_original_files(original, tmp_path):
    name, contents, *_ = original
    write_gzipped(tmp_path / "data" / name, contents)
    parts = {"train": [make_images(9)]}
    prepare(tmp_path / "data" / name / "1.0.0", parts, file_format="tfrecord")
    assert_holds(data.load(name, data_dir=tmp_path / "data"), original)


class Server:
    """Stands in for the network: holds the files that a data set was published as."""

    def __init__(self, contents, archive):
        self.contents = contents
        self.archive = archive
        self.urls = {
            file: f"https://example.org/{file}"
            for file in ([archive] if archive else [f"{x}.gz" for x in contents])
        }
        self.asked = []

    def fetch(self, name, urls, directory):
        """Leaves files under names of its own, as the manager of TFDS does."""
        self.asked.append(name)
        if self.archive:
            write_archive(directory / "tmp", name, self.contents)
        else:
            write_gzipped(directory / "tmp", self.contents)
        assert set(urls.values()) == set(self.urls.values())
        paths = {file: directory / "tmp" / file for file in urls}
        return {
            file: path.rename(path.with_name(f"example.org_{i}"))
            for i, (file, path) in enumerate(paths.items())
        }


@pytest.fixture
def server(original, monkeypatch):
    name, contents, *_ = original
    server = Server(contents, raw.ORIGINALS[name].archive)
    monkeypatch.setattr(download, "registered_urls", lambda name: server.urls)
    monkeypatch.setattr(download, "find_obstacle", lambda url: "")
    monkeypatch.setattr(download, "fetch_by_tfds", server.fetch)
    return server


def test_download_once(original, server, tmp_path, monkeypatch):
    name = original[0]
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(download.tempfile, "tempdir", str(scratch))
    for _ in range(2):
        assert_holds(data.load(name), original)
    assert server.asked == [name]
    assert list(scratch.iterdir()) == []
    # Later, without network.
    monkeypatch.setattr(download, "find_obstacle", lambda url: "switched off")
    assert_holds(data.load(name), original)


def test_original_files_are_not_downloaded(original, server, tmp_path):
    name, contents, *_ = original
    write_plain(tmp_path / "data", contents)
    assert_holds(data.load(name, data_dir=tmp_path / "data"), original)
    assert server.asked == []


def test_download_of_something_else(original, server):
    file = next(iter(server.contents))
    server.contents = server.contents | {file: b"<html>Please log in</html>"}
    with pytest.raises(data.DataError, match=f"{file} .* checksum differs"):
        data.load(original[0])


def test_download_that_breaks_off(original, server, monkeypatch):
    def break_off(name, urls, directory):
        raise ConnectionResetError("reset by peer:\nmany\nlines")

    monkeypatch.setattr(download, "fetch_by_tfds", break_off)
    with pytest.raises(data.DataError) as caught:
        data.load(original[0])
    assert str(caught.value) == (
        f"downloading {original[0]} failed: ConnectionResetError: reset by peer"
    )


@pytest.mark.parametrize("name", ["mnist", "cifar10", "cifar100"])
def test_nowhere_is_one_sentence_that_says_what_to_do(tmp_path, name):
    (tmp_path / "data").mkdir()
    with pytest.raises(data.DataError) as caught:
        data.load(name, data_dir=tmp_path / "data")
    message = str(caught.value)
    assert "\n" not in message
    for part in [
        f"'{name}' was not found",
        str(tmp_path / "data" / name),
        "example.org cannot be reached (switched off)",
        "--data_dir",
        "TFDS_DATA_DIR",
        "mnist_5k or synthetic",
    ]:
        assert part in message


def test_data_dir_that_does_not_exist(tmp_path):
    with pytest.raises(data.DataError, match="data_? ?dir.* does not exist"):
        data.load("mnist", data_dir=tmp_path / "typo")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("minst", "did you mean 'mnist'"),
        ("cifar-10", "did you mean 'cifar10'"),
        ("mnist_5000", "did you mean 'mnist_5k'"),
        ("mnist:3.0.1", "did you mean 'mnist'"),
        ("tiy", "did you mean 'toy'"),
        ("../toy", "did you mean 'toy'"),
        ("", "Known: cifar10, cifar100, mnist, mnist_5k, paths, synthetic, toy"),
    ],
)
def test_unknown_name(toy, name, hint):
    with pytest.raises(data.DataError, match="unknown data set") as caught:
        data.load(name, data_dir=toy.parents[1])
    assert hint in str(caught.value)


@pytest.mark.parametrize("name", ["mnist", "cifar10", "cifar100"])
def test_tfds_registers_the_files_that_we_decode(name, monkeypatch):
    monkeypatch.undo()
    urls = download.registered_urls(name)
    original = raw.ORIGINALS[name]
    wanted = {f"{file}.gz" for file in original.sha256}
    assert set(urls) == ({original.archive} if original.archive else wanted)
    assert all(url.endswith(f"/{file}") for file, url in urls.items())


def test_obstacles_are_named(monkeypatch):
    monkeypatch.undo()
    monkeypatch.setenv("NO_PROXY", "*")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        # Takes the connection, and never answers.
        silent = download.find_obstacle(f"http://127.0.0.1:{port}/", timeout_s=0.1)
    assert silent in ("ReadTimeout", "no answer within 0.1 s")
    refused = download.find_obstacle(f"http://127.0.0.1:{port}/", timeout_s=5.0)
    assert refused == "ConnectionError"


def test_images_with_their_channels_first_are_refused(tmp_path):
    images = np.zeros((5, 3, 12, 12), np.uint8)
    np.savez(tmp_path / "first.npz", images=images, labels=np.arange(5) % 2)
    with pytest.raises(data.DataError, match="channels first: save np.moveaxis"):
        data.load(str(tmp_path / "first.npz"))
