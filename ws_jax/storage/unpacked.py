"""How much memory a table takes, before it is read: a small file may hold a lot."""

from __future__ import annotations

import collections
import io
from typing import TYPE_CHECKING

from ws_jax.host import host_free
from ws_jax.storage.integrity import Damage, check_parquet

if TYPE_CHECKING:  # it takes half a second, and most that is checked is not read
    import pandas as pd

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
    total, at_most = 0, collections.Counter[str]()  # texts by their column
    lists = set()
    for group in range(footer.num_row_groups):
        for place in range(footer.num_columns):
            column, kind = (
                footer.row_group(group).column(place),
                footer.schema.column(place),
            )
            told = column.total_uncompressed_size
            of_each = kind.length if kind.physical_type == "FIXED_LEN_BYTE_ARRAY" else 8
            total += max(of_each * column.num_values, told)
            if kind.physical_type == "BYTE_ARRAY":
                at_most[column.path_in_schema] += told * column.num_values
            if kind.max_repetition_level:
                lists.add(column.path_in_schema)
    left = at_most.total()
    for name, most_of_it in at_most.most_common():
        if total > most or total + left <= most:
            break
        total += most_of_it if name in lists else _text_bytes(content, name)
        left -= most_of_it
    return total


def read_sealed_parquet(content: bytes) -> pd.DataFrame:
    """Reads a table from the bytes of its file, checked as far as can be before.

    Raises:
      Damage: if it is cut off, not what was written, or unpacks to far too much.
      MemoryError: if it needs more memory than is free.
      Exception: what pandas raises of tables of other writers is open.
    """
    import pandas as pd

    check_parquet(content)
    check_unpacked(content)
    return pd.read_parquet(io.BytesIO(content))


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
