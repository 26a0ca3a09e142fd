"""A table that would take far more memory than its file says is not read."""

import io
import json
import logging

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from ws_jax.neural_fit import table as fit_table
from ws_jax.single_layer import study
from ws_jax.storage import ledger, results, unpacked
from ws_jax.storage.integrity import Damage, seal

NUM_ROWS = 4
ZEROS = 100_000  # for each row


def packed(columns):
    buffer = io.BytesIO()
    parquet.write_table(pa.table(columns), buffer, compression="zstd")
    return buffer.getvalue()


def zeros():
    values = pa.array(np.zeros(NUM_ROWS * ZEROS, np.int8))
    offsets = pa.array(np.arange(0, NUM_ROWS * ZEROS + 1, ZEROS, dtype=np.int32))
    return packed({"counts": pa.ListArray.from_arrays(offsets, values)})


def repeated_text(length, times):
    texts = pa.DictionaryArray.from_arrays(
        pa.array(np.zeros(times, np.int32)), pa.array(["x" * length])
    )
    return packed({"train.note": texts})


def fixed_texts(length, times):
    values = [b"x" * length] * times
    return packed({"train.note": pa.array(values, pa.binary(length))})


def texts_below_the_limit(length, times, columns):
    """Each column of them could hold no more than is allowed."""
    texts = pa.array(["x" * length] * times)
    buffer = io.BytesIO()
    table = pa.table({f"note{i}": texts for i in range(columns)})
    parquet.write_table(table, buffer, compression="zstd", write_statistics=False)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "make, least",
    [
        (zeros, 8 * NUM_ROWS * ZEROS),
        (lambda: repeated_text(10_000, 4_000), 40_000_000),
        (lambda: fixed_texts(1_000, 20_000), 20_000_000),
        (lambda: texts_below_the_limit(400, 1_000, 20), 2**20),
    ],
)
def test_a_small_table_that_unpacks_to_a_lot_is_refused(
    make, least, tmp_path, monkeypatch
):
    monkeypatch.setattr(unpacked, "ALWAYS_BYTES", 2**20)
    monkeypatch.setattr(pd, "read_parquet", None)
    content = make()
    assert len(content) < 5_000
    assert unpacked.unpacked_bytes(content, 2**20) >= least
    (tmp_path / results.RESULTS_FILE).write_bytes(content)
    with pytest.raises(results.ResultsError, match="would unpack to .* are allowed"):
        results.read(tmp_path)
    assert not results.holds(tmp_path, [])


def test_what_a_table_takes_is_what_its_values_take():
    names = [f"run {i % 3}" for i in range(50)]
    frame = pd.DataFrame({"run": names, "loss": np.linspace(0, 1, 50)})
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    content = buffer.getvalue()
    footer = parquet.read_metadata(io.BytesIO(content)).row_group(0)
    told = footer.column(0).total_uncompressed_size
    assert told < sum(map(len, names)) + 8 * 50
    loss = max(8 * 50, footer.column(1).total_uncompressed_size)
    assert unpacked.unpacked_bytes(content, 10**9) == max(8 * 50, told) + loss
    # Where they could be more than is allowed, texts are counted one by one.
    most = told * 50 - 1
    want = max(8 * 50, told) + loss + sum(map(len, names))
    assert unpacked.unpacked_bytes(content, most) == want


def test_tables_of_other_studies_are_checked_before_they_are_read(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(unpacked, "ALWAYS_BYTES", 2**20)
    monkeypatch.setattr(pd, "read_parquet", None)
    content = zeros()
    (tmp_path / study.TABLE).write_bytes(content)
    (tmp_path / fit_table.TABLE).write_bytes(content)
    (tmp_path / fit_table.RECORD).write_text(json.dumps(seal({"table": None})))
    for read in (study.read, fit_table.read):
        with pytest.raises(results.ResultsError, match="would unpack to .* make it"):
            read(tmp_path)
        with monkeypatch.context() as free:
            free.setattr(unpacked, "MOST_PACKED", 10**6)
            free.setattr(unpacked, "host_free", lambda: 2_000)
            with pytest.raises(MemoryError, match="parquet cannot be read: .* free"):
                read(tmp_path)


@pytest.mark.parametrize(
    "drop, message", [([], "a row is there twice"), (["trial"], "it lacks trial")]
)
def test_rows_of_single_layers_are_there_once(drop, message, tmp_path):
    row = {"rule": "instant", "window": 3, "gamma": 0.1, "trial": 0, "input": 1}
    frame = pd.DataFrame([row, row]).drop(columns=drop)
    (tmp_path / study.TABLE).write_bytes(results.to_bytes(frame))
    with pytest.raises(results.ResultsError, match=f"{message}.*launch.single_layer"):
        study.read(tmp_path)


def test_a_table_that_does_not_fit_the_memory_is_refused_and_stays(
    tmp_path, monkeypatch
):
    frame = pd.DataFrame({"loss": np.arange(100.0)})
    content = results.to_bytes(frame)
    path = tmp_path / results.RESULTS_FILE
    path.write_bytes(content)
    unpacked.check_unpacked(content)
    monkeypatch.setattr(unpacked, "host_free", lambda: 2_000)
    with pytest.raises(MemoryError, match=f"{path} cannot be read: .* are free"):
        results.read_table(path)
    # Of a chunk that is not done: what it holds is not known, and nothing is changed.
    with pytest.raises(MemoryError):
        ledger.rows_to_keep(tmp_path, {("group", 0): ["a"]}, {"b": True}, {})
    assert path.read_bytes() == content
    # What is to be written is there already: the table is not needed.
    monkeypatch.setattr(logging.getLogger("absl"), "propagate", True)
    other = frame.assign(loss=1.0)
    ledger.settle(other, tmp_path)
    assert path.read_bytes() == results.to_bytes(other)


def test_texts_in_lists_count_as_long_as_they_may_be():
    texts = pa.DictionaryArray.from_arrays(
        pa.array(np.zeros(6_000, np.int32)), pa.array(["x" * 100_000])
    )
    offsets = pa.array(np.array([0, 6_000], np.int32))
    content = packed({"texts": pa.ListArray.from_arrays(offsets, texts)})
    assert len(content) < 200_000
    with pytest.raises(Damage, match="would unpack"):
        unpacked.check_unpacked(content)
