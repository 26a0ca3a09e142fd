"""Folders of images as a data set, on small ones in the form of the real ones."""

import dataclasses
import itertools
import os
import shutil

import numpy as np
import pytest
from PIL import EpsImagePlugin, Image

from ws_jax import data, engine, results
from ws_jax.data import DataError, cache, dataset, folders
from ws_jax.models import ConvNet
from ws_jax.runs import Data, Run, Sweep, Train

RANDOM = np.random.default_rng(0)
WORDS = ("n01", "n02", "n03")


@pytest.fixture(autouse=True)
def private_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("WS_JAX_CACHE", str(tmp_path / "cache"))


def write(path, shape=(9, 9, 3)):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = RANDOM.integers(0, 256, shape, np.uint8)
    Image.fromarray(pixels).save(path)
    return pixels


def make(root, counts=((4, 5, 6), (2, 2, 3)), shape=(9, 9, 3), below=""):
    """Writes a folder; returns its images by (part, class)."""
    return {
        (part, word): [
            write(root / part / word / below / f"{word}_{i}.png", shape)
            for i in range(n)
        ]
        for part, numbers in zip(("train", "val"), counts, strict=True)
        for word, n in zip(WORDS, numbers, strict=True)
    }


def as_sets(images):
    return [sorted(image.tobytes() for image in group) for group in images]


@pytest.mark.parametrize("below", ["", "images"])
def test_a_folder_is_read_class_by_class_and_shuffled(tmp_path, below):
    written = make(tmp_path / "own", below=below)
    found = data.load("folder:own", data_dir=tmp_path)
    assert found.images.shape == (22, 9, 9, 3) and found.num_classes == 3
    assert found.num_train == 15 and found.name == "folder:own"
    for part, where in (("train", slice(15)), ("val", slice(15, None))):
        images, labels = found.images[where], found.labels[where]
        got = [images[labels == i] for i in range(3)]
        assert as_sets(got) == as_sets([written[part, word] for word in WORDS])
    assert len(set(found.labels[:5].tolist())) > 1  # not class by class
    again = data.load(f"folder:{tmp_path / 'own'}")
    np.testing.assert_array_equal(again.images, found.images)


def test_what_is_hidden_is_left_out_and_links_are_followed(tmp_path, caplog):
    caplog.set_level("INFO")
    written = make(tmp_path / "own")
    train = tmp_path / "own" / "train"
    before = folders.find("folder:own", tmp_path)
    write(train / ".ipynb_checkpoints" / "0-checkpoint.png")
    write(train / "n01" / ".ipynb_checkpoints" / "n01_0-checkpoint.png")
    (train / "n02" / "._n02_0.png").write_bytes(b"of another system")
    assert folders.find("folder:own", tmp_path).digest == before.digest
    assert not caplog.messages
    written["train", "n03"].append(write(tmp_path / "elsewhere" / "deep" / "one.png"))
    (train / "n03" / "more").symlink_to(tmp_path / "elsewhere")
    for name in ("a.tif", "b.TIF", "c.gif"):
        (train / "n01" / name).touch()
    found = data.load("folder:own", data_dir=tmp_path)
    images, labels = found.images[: found.num_train], found.labels[: found.num_train]
    got = [images[labels == i] for i in range(3)]
    assert as_sets(got) == as_sets([written["train", word] for word in WORDS])
    (told,) = set(caplog.messages)
    assert told == "folder:own: files that are no images are left out: 1 .gif, 2 .tif"


def test_images_are_decoded_once(tmp_path, monkeypatch):
    make(tmp_path / "own")
    first = data.load("folder:own", data_dir=tmp_path)
    monkeypatch.setattr(folders, "decode_image", None)
    assert data.load("folder:own", data_dir=tmp_path).fingerprint == first.fingerprint
    assert len(list(cache.default_dir().iterdir())) == 1
    # Another file is another data set.
    write(tmp_path / "own" / "train" / "n01" / "more.png")
    with pytest.raises(TypeError):
        data.load("folder:own", data_dir=tmp_path)


def test_more_images_than_memory_are_refused_after_the_first(tmp_path, monkeypatch):
    make(tmp_path / "own")
    decode, decoded = folders.decode_image, []
    watched = lambda path, **how: decoded.append(path) or decode(path, **how)  # noqa: E731
    monkeypatch.setattr(folders, "decode_image", watched)
    monkeypatch.setattr(dataset, "host_free", lambda: 22 * 9 * 9 * 3 - 1)
    with pytest.raises(
        DataError, match="take .* of memory are free here: ask for fewer"
    ):
        data.load("folder:own", data_dir=tmp_path)
    assert len(decoded) == 1


def test_images_kept_under_other_rules_of_reading_are_decoded_anew(
    tmp_path, monkeypatch
):
    """White images of before 16 bits were refused would live on in the cache."""
    make(tmp_path / "own")
    monkeypatch.setattr(folders, "READING", b"")
    data.load("folder:own", data_dir=tmp_path)
    monkeypatch.undo()
    monkeypatch.setenv("WS_JAX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(folders, "decode_image", None)
    with pytest.raises(TypeError):
        data.load("folder:own", data_dir=tmp_path)


def test_an_image_edited_at_its_size_is_read_anew(tmp_path):
    make(tmp_path / "own", counts=((2, 2, 2), (1, 1, 1)))
    path = tmp_path / "own" / "train" / "n01" / "edited.bmp"
    write(path)
    first, before = data.load("folder:own", data_dir=tmp_path), path.stat()
    Image.new("RGB", (9, 9), (255, 255, 255)).save(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    assert path.stat().st_size == before.st_size
    second = data.load("folder:own", data_dir=tmp_path)
    assert first.fingerprint != second.fingerprint
    assert (second.images == 255).all(axis=(1, 2, 3)).any()


def test_a_copy_with_the_times_of_another_is_read_by_itself(tmp_path):
    for name, value in (("a", 10), ("b", 200)):
        for part, label in itertools.product(("train", "val"), ("n01", "n02")):
            path = tmp_path / name / "own" / part / label / "one.bmp"
            path.parent.mkdir(parents=True)
            Image.new("RGB", (9, 9), (value,) * 3).save(path)
            os.utime(path, ns=(10**18, 10**18))
    for name, value in (("a", 10), ("b", 200), ("a", 10)):
        found = data.load("folder:own", data_dir=tmp_path / name)
        assert (found.images == value).all(), name
    # What has changed in its place at its size and time, too.
    shutil.rmtree(tmp_path / "a" / "own")
    shutil.copytree(tmp_path / "b" / "own", tmp_path / "a" / "own")
    assert (data.load("folder:own", data_dir=tmp_path / "a").images == 200).all()


def test_a_pipe_is_no_picture(tmp_path):
    make(tmp_path / "own")
    before = data.load("folder:own", data_dir=tmp_path)
    os.mkfifo(tmp_path / "own" / "train" / "n01" / "pipe.png")
    found = data.load("folder:own", data_dir=tmp_path)
    assert len(found.images) == len(before.images)


def test_the_middle_is_cut_and_sides_are_resized(tmp_path):
    written = make(tmp_path / "own", shape=(9, 11, 3))
    cut = data.load("folder:own@5", data_dir=tmp_path)
    wanted = [image[2:7, 3:8] for image in sum(written.values(), [])]
    assert as_sets([cut.images]) == as_sets([wanted])
    half = data.load("folder:own@18/16", data_dir=tmp_path)
    assert half.images.shape[1:] == (16, 16, 3)
    one = written["val", "n01"][0]
    resized = np.asarray(
        Image.fromarray(one).resize((22, 18), Image.Resampling.BILINEAR)
    )
    wanted = resized[1:17, 3:19].tobytes()
    assert wanted in {image.tobytes() for image in half.images}


def test_grey_and_odd_sized_images_become_alike(tmp_path):
    make(tmp_path / "own")
    write(tmp_path / "own" / "train" / "n01" / "grey.png", (20, 30))
    found = data.load("folder:own@9/9", data_dir=tmp_path)
    assert found.images.shape == (23, 9, 9, 3)


def test_images_of_more_than_eight_bits_are_refused(tmp_path):
    make(tmp_path)
    deep = np.linspace(0, 65535, 64).reshape(8, 8).astype(np.uint16)
    path = next(tmp_path.rglob("*.png"))
    Image.fromarray(deep).save(path)
    with pytest.raises(
        data.DataError, match=f"{path.name} has pixels of mode I;16.* to 255"
    ):
        data.load(f"folder:{tmp_path}")


def test_annotations_of_test_images_are_read(tmp_path):
    make(tmp_path / "own", counts=((2, 2, 2), (0, 0, 0)))
    lines, images = [], []
    for i, word in enumerate(("n02", "n01")):
        images.append(write(tmp_path / "own" / "val" / "images" / f"val_{i}.png"))
        lines.append(f"val_{i}.png\t{word}\t0\t0\t62\t62")
    annotations = tmp_path / "own" / "val" / "val_annotations.txt"
    annotations.write_text("\n".join(lines))
    found = data.load("folder:own", data_dir=tmp_path)
    np.testing.assert_array_equal(found.images[6:], images)
    np.testing.assert_array_equal(found.labels[6:], [1, 0])
    annotations.write_text("val_0.png\tn04\t0")
    with pytest.raises(data.DataError, match="class 'n04' is not among .*did you mean"):
        data.load("folder:own", data_dir=tmp_path)


@pytest.mark.parametrize("file", ["../../../out.png", "{}/out.png", "..", "a\\b.png"])
def test_annotations_lead_to_no_other_folder(tmp_path, file):
    make(tmp_path / "own", counts=((2, 2, 2), (0, 0, 0)))
    write(tmp_path / "out.png")
    (tmp_path / "own" / "val" / "images").mkdir(parents=True)
    annotations = tmp_path / "own" / "val" / "val_annotations.txt"
    annotations.write_text(file.format(tmp_path) + "\tn01\t0")
    with pytest.raises(data.DataError, match="is no name of a file in .*images"):
        data.load("folder:own", data_dir=tmp_path)


def binary_annotations(root):
    (root / "val" / "val_annotations.txt").write_bytes(b"\xff\xfe\tn01\n")


def huge_file(root):
    # Packs to 49 KB; as pixels it is 1.2 GB.
    Image.new("1", (20000, 20000)).save(root / "train" / "n02" / "n02_0.png")


def spoil_file(root):
    (root / "train" / "n02" / "n02_0.png").write_bytes(b"no image")


def cut_file(root):
    path = root / "val" / "n03" / "n03_1.png"
    path.write_bytes(path.read_bytes()[:60])


def resize_file(root):
    write(root / "train" / "n02" / "n02_0.png", (9, 10, 3))


def lose_class(root):
    (root / "val" / "n03").rename(root / "val" / "n04")


def empty_class(root):
    for path in (root / "train" / "n02").iterdir():
        path.unlink()


def lose_train(root):
    (root / "train").rename(root / "training")


@pytest.mark.parametrize(
    "spoil, message",
    [
        (spoil_file, "n02_0.png cannot be read as an image"),
        (cut_file, "n03_1.png cannot be read as an image"),
        (huge_file, "n02_0.png cannot be read as an image .*400000000 pixels"),
        (binary_annotations, "val_annotations.txt cannot be read .*needs lines of"),
        (resize_file, r"pixels.*folder:own@64/64, which resizes"),
        (lose_class, "val are not those of .*train: it has n04, and lacks n03"),
        (empty_class, "n02 holds no image: needs files that end in .jpeg"),
        (lose_train, "there is no folder .*train; a data set is a folder with train/"),
    ],
)
def test_a_folder_that_cannot_be_used_is_one_sentence(tmp_path, spoil, message):
    make(tmp_path / "own")
    spoil(tmp_path / "own")
    with pytest.raises(data.DataError, match=message) as caught:
        data.load("folder:own", data_dir=tmp_path)
    assert "\n" not in str(caught.value)
    assert not list(cache.default_dir().glob("*"))


def test_no_program_is_started_for_what_is_called_a_picture(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *_: asked.append(1))
    Image.new("RGB", (8, 8)).save(tmp_path / "postscript.png", "EPS")
    with pytest.raises(data.DataError, match="cannot be read as an image"):
        folders.decode_image(tmp_path / "postscript.png", 0, 0)
    assert not asked


def test_a_single_class_is_refused(tmp_path):
    write(tmp_path / "own" / "train" / "n01" / "a.png")
    with pytest.raises(data.DataError, match="train has 1 folders .* at least two"):
        data.load("folder:own", data_dir=tmp_path)


@pytest.mark.parametrize(
    "name, message",
    [
        ("folder:", "write folder:PATH, folder:PATH@CROP"),
        ("folder:own@32/64", "from sides of 32 pixels no square of 64"),
        ("folder:own@0/64", "from sides of 0 pixels no square of 64"),
        ("folder:own@0", "a square of 0 pixels has no image; .* none: folder:own$"),
        ("folder:own@8/0", "a square of 0 pixels has no image"),
        ("folder:own@10", "has 9x9 pixels, from which no 10x10 can be cut"),
        ("folder:none", "there is no folder none/train"),
    ],
)
def test_names_that_cannot_be_are_refused(tmp_path, name, message):
    make(tmp_path / "own")
    with pytest.raises(data.DataError, match=message):
        data.load(name, data_dir=tmp_path)


def test_a_folder_without_a_test_part_is_all_training(tmp_path):
    make(tmp_path / "own")
    (tmp_path / "own" / "val").rename(tmp_path / "rest")
    assert data.load("folder:own", data_dir=tmp_path).num_train == 15


@pytest.mark.slow
def test_a_sweep_trains_on_a_folder(tmp_path):
    make(tmp_path / "own", counts=((8, 8, 8), (3, 3, 3)))
    base = Run(
        data=Data("folder:own@8", split="holdout", holdout=0.25),
        network=ConvNet(features=(2,), kernel_sizes=(3,), strides=(2,), hidden=4),
        transforms=(),
        train=Train(epochs=1, batch_size=6),
    )
    sweep = dataclasses.replace(Sweep("own", base), axes={"seed": (0,)})
    engine.run_sweep(sweep, tmp_path / "work", data_dir=str(tmp_path))
    table = results.read(tmp_path / "work")
    assert set(table["data"]) == {"folder:own@8"}
    assert np.isfinite(table["test_acc"].iloc[-1])
