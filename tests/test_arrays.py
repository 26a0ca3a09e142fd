"""A user's own `.npz` file: what it may hold, and how large it may unpack."""

import io
import zipfile

import numpy as np
import pytest
from numpy.lib import format as npy

from ws_jax import data
from ws_jax.data import arrays

IMAGES = np.arange(6 * 4 * 4, dtype=np.uint8).reshape(6, 4, 4)
LABELS = np.arange(6) % 3


def packed(path, **parts):
    """Writes arrays, or the bytes of their files, to a packed `.npz`."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, value in parts.items():
            content = value
            if not isinstance(value, bytes):
                buffer = io.BytesIO()
                np.save(buffer, value)
                content = buffer.getvalue()
            file.writestr(f"{name}.npy", content)
    return str(path)


def header(shape):
    buffer = io.BytesIO()
    told = {"descr": "|u1", "fortran_order": False, "shape": shape}
    npy.write_array_header_1_0(buffer, told)
    return buffer.getvalue()


def refusal(name):
    with pytest.raises(data.DataError) as caught:
        data.load(name)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_and_numbers_are_read_and_others_left_alone(tmp_path, save):
    path = tmp_path / "own.npz"
    notes = np.array(["a"], object)  # would need unpickling
    save(path, images=IMAGES, labels=LABELS, num_train=4, num_classes=5, notes=notes)
    found = data.load(str(path))
    np.testing.assert_array_equal(found.images, IMAGES[..., None])
    np.testing.assert_array_equal(found.labels, LABELS)
    assert (found.num_train, found.num_classes) == (4, 5)


def test_a_header_that_says_more_than_is_there_is_refused(tmp_path):
    lie = header((2**40, 32, 32, 1)) + bytes(100)
    name = packed(tmp_path / "lie.npz", images=lie, labels=LABELS)
    assert "takes 1125899906842624 bytes, and there are 100" in refusal(name)


def test_what_unpacks_to_far_more_than_the_file_is_refused(tmp_path, monkeypatch):
    images = np.zeros((6, 400, 400), np.uint8)
    name = packed(tmp_path / "bomb.npz", images=images, labels=LABELS)
    assert data.load(name).images.shape == (6, 400, 400, 1)  # small, however packed
    monkeypatch.setattr(arrays, "_ALWAYS_BYTES", 2**10)
    monkeypatch.setattr(npy, "read_array", None)  # nothing is unpacked
    assert "would unpack to 1 MiB, allowed are 0 MiB here (100 times" in refusal(name)


@pytest.mark.parametrize(
    "key, value, message",
    [
        ("num_classes", [3, 4], "num_classes is int64[2], need one whole number"),
        ("num_train", 2.5, "num_train is float64[], need one whole number"),
        ("num_train", -5, "its training part has -5 of 6 images"),
        ("labels", b"no array", "cannot be read"),
        ("labels", np.array(["a"] * 6, object), "Object arrays cannot be loaded"),
    ],
)
def test_arrays_that_make_no_data_set_are_refused(tmp_path, key, value, message):
    value = value if isinstance(value, bytes) else np.asarray(value)
    parts = {"images": IMAGES, "labels": LABELS, key: value}
    assert message in refusal(packed(tmp_path / "own.npz", **parts))


@pytest.mark.parametrize("label", [2**31, 2**32, 2**63, -1])
def test_labels_that_would_wrap_are_refused(tmp_path, label):
    dtype = np.uint64 if label > 0 else np.int64
    labels = np.array([0, 1, 2, 0, 1, label], dtype)
    name = packed(tmp_path / "own.npz", images=IMAGES, labels=labels, num_classes=3)
    low, high = sorted((label, 2 if label < 0 else 0))
    assert f"labels run from {low} to {high}, need whole numbers" in refusal(name)


def test_files_that_are_no_archive_or_lack_arrays_are_refused(tmp_path):
    name = packed(tmp_path / "less.npz", images=IMAGES, others=LABELS)
    told = f"{name} has no array 'labels': it holds images, others"
    assert refusal(name) == told
    with open(tmp_path / "plain.npz", "wb") as file:
        np.save(file, IMAGES)
    assert "cannot be read (File is not a zip file)" in refusal(str(file.name))
    (tmp_path / "cut.npz").write_bytes((tmp_path / "less.npz").read_bytes()[:200])
    assert "cannot be read" in refusal(str(tmp_path / "cut.npz"))
