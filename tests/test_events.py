"""Event files, against protobuf's own reader and the published checksum."""

import struct

import numpy as np
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from studies import tiny

from ws_jax import engine, results
from ws_jax.engine.progress import Progress
from ws_jax.storage import events

FIELDS = {
    "Value": [("tag", 1, "STRING", 0), ("simple_value", 2, "FLOAT", 0)],
    "Summary": [("value", 1, "MESSAGE", "Value")],
    "SessionLog": [("status", 1, "INT32", 0)],
    "Event": [
        ("wall_time", 1, "DOUBLE", 0),
        ("step", 2, "INT64", 0),
        ("file_version", 3, "STRING", 0),
        ("summary", 5, "MESSAGE", "Summary"),
        ("session_log", 7, "MESSAGE", "SessionLog"),
    ],
}


def event_class():
    """The message as TensorFlow declares it, as far as it is written."""
    file = descriptor_pb2.FileDescriptorProto(name="e.proto", package="e")
    for name, fields in FIELDS.items():
        message = file.message_type.add(name=name)
        for field, number, kind, of in fields:
            proto = descriptor_pb2.FieldDescriptorProto
            entry = message.field.add(name=field, number=number, label=1)
            entry.type = getattr(proto, f"TYPE_{kind}")
            if of:
                entry.type_name = f".e.{of}"
                entry.label = 3 if field == "value" else 1
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("e.Event"))


def read(path):
    """The events of a file, its checksums checked."""
    content, found = path.read_bytes(), []
    while content:
        (length,) = struct.unpack("<Q", content[:8])
        message = content[12 : 12 + length]
        assert content[: 16 + length] == events.record(message)
        found.append(event_class().FromString(message))
        content = content[16 + length :]
    return found


@pytest.mark.parametrize(
    "content, crc",
    [
        (b"123456789", 0xE3069283),
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
    ],
)
def test_the_checksum_is_the_published_one(content, crc):
    assert events.crc32c(content) == crc


def test_scalars_are_read_back(tmp_path):
    files = events.EventFiles(tmp_path)
    scalars = {"loss": 0.1, "dist_ä": float("nan"), "acc": -1e-30}
    files.add("run", 0, {})
    files.add("run", 300_000, scalars)
    files.add("other", 1, {"loss": 2.0})
    (path,) = (tmp_path / "run").iterdir()
    version, start, empty, event = read(path)
    assert start.session_log.status == 1 and start.step == 0  # 1: START
    assert version.file_version == "brain.Event:2"
    assert not empty.summary.value and event.step == 300_000
    got = {value.tag: value.simple_value for value in event.summary.value}
    assert list(got) == list(scalars)
    np.testing.assert_array_equal(
        list(got.values()), np.float32(list(scalars.values()))
    )


def test_a_sweep_writes_events(tmp_path):
    sweep = tiny(sweep__levels=(0.0,), sweep__folds=(0,), sweep__sharing=("free",))
    engine.run_sweep(sweep, tmp_path, tensorboard=True)
    frame = results.read(tmp_path)
    (path,) = (tmp_path / events.EVENT_FOLDER).rglob("events*")
    assert path.parent.name == frame["run"][0]
    told = read(path)[2:]
    assert [event.step for event in told] == list(frame["epoch"])
    for event, (_, row) in zip(told, frame.iterrows(), strict=True):
        got = {value.tag: value.simple_value for value in event.summary.value}
        assert {"seed", "epoch", "status"}.isdisjoint(got)
        assert ("val_acc" in got) == (row["epoch"] > 0) and "dist_1" in got
        for name, value in got.items():
            assert value == np.float32(row[name])


@pytest.mark.slow
def test_events_that_cannot_be_written_stop_no_training(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(Progress, "warn", lambda self, text: said.append(text))
    (tmp_path / events.EVENT_FOLDER).write_text("in the way")
    sweep = tiny(sweep__levels=(0.0,), sweep__folds=(0,), sweep__sharing=("free",))
    engine.run_sweep(sweep, tmp_path, tensorboard=True)
    assert set(results.read(tmp_path)["status"]) == {"finished"}
    assert len(said) == 1 and "no events for TensorBoard" in said[0]
