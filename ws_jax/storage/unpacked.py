"""How much memory a table takes, before it is read: a small file may hold a lot."""

from __future__ import annotations

import io

from ws_jax.host import host_free
from ws_jax.storage.integrity import Damage

# Tables of sweeps hold 0.2 to 3 times their file, as docs/results; sparse matrices and
# texts that repeat, a hundred times and more.
MOST_PACKED = 1_000
ALWAYS_BYTES = 2**28  # so much may be unpacked however small the file
# Of what the values of a table take: what reading them takes for a while. Measured with
# pyarrow 26 and pandas 3.1 on lists of 40 million zeros: 3.0 of floats, 2.2 of bytes.
READING = 3


def check_unpacked(content: bytes) -> None:
    """Checks that a Parquet file may be read, from its footer; its texts by themselves.

    Raises:
      Damage: if it would unpack to far more than a table of its size does.
      MemoryError: if that is more than the memory that is free.
    """
    most = max(ALWAYS_BYTES, MOST_PACKED * len(content))
    need = unpacked_bytes(content, most)
    if need > most:
        raise Damage(
            f"it has {_mebibytes(len(content))} and would unpack to {_mebibytes(need)} "
            f"or more, {_mebibytes(most)} are allowed"
        )
    if READING * need > (free := host_free()):
        raise MemoryError(
            f"reading takes {_mebibytes(READING * need)}, {_mebibytes(free)} are free"
        )


def unpacked_bytes(content: bytes, most: int) -> int:
    """Returns the bytes of all values in a Parquet file; texts with their repeats.

    Args:
      content: of the file.
      most: once there are more, the rest is not counted.
    """
    from pyarrow import parquet  # only where there is a table

    footer = parquet.read_metadata(io.BytesIO(content))
    total, texts = 0, set()
    for group in range(footer.num_row_groups):
        for place in range(footer.num_columns):
            column = footer.row_group(group).column(place)
            told = column.total_uncompressed_size
            total += max(8 * column.num_values, told)
            at_most = told * column.num_values
            if column.physical_type != "BYTE_ARRAY" or at_most <= most:
                continue
            if footer.schema.column(place).max_repetition_level:  # in lists
                total += at_most
            else:
                texts.add(column.path_in_schema)
    for name in sorted(texts):
        if total > most:
            break
        total += _text_bytes(content, name)
    return total


def _text_bytes(content: bytes, name: str) -> int:
    """Returns the bytes of a column of texts, of which each may be stored once."""
    from pyarrow import compute, parquet

    file = parquet.ParquetFile(io.BytesIO(content), read_dictionary=[name])
    total = 0
    for part in file.iter_batches(columns=[name]):
        texts = part.column(0)
        lengths = compute.call_function("binary_length", [texts.dictionary])
        lengths = lengths.take(texts.indices)
        total += compute.call_function("sum", [lengths]).as_py() or 0
    return total


def _mebibytes(number: float) -> str:
    return f"{number / 2**20:,.1f} MiB"
