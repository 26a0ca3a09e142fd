"""The files of a neural fit: its table, the record of what it is of, activations."""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ws_jax.storage.holds import NEURAL_FIT
from ws_jax.storage.integrity import (
    Damage,
    seal,
    seal_parquet,
    unseal,
    write_atomically,
)
from ws_jax.storage.results import ResultsError
from ws_jax.storage.unpacked import read_sealed_parquet

TABLE, RECORD = f"{NEURAL_FIT}.parquet", f"{NEURAL_FIT}.json"
ACTIVATIONS = "activations.npz"


def write(table: pd.DataFrame, about: Mapping[str, Any], folder: Path) -> None:
    """Writes a table, and a record of what it is of, each with a checksum."""
    buffer = io.BytesIO()
    table.to_parquet(buffer, index=False)
    content = seal_parquet(buffer.getvalue())
    text = json.dumps(seal({**about, "table": _checksum(content)}), indent=1)
    # However this ends: never a table beside the record of another, or without.
    for name in (TABLE, RECORD):
        (folder / name).unlink(missing_ok=True)
    write_atomically(folder / RECORD, text.encode())
    write_atomically(folder / TABLE, content)


def read(output: str | os.PathLike) -> pd.DataFrame:
    """Reads the table that `fit_run` wrote, and checks it and its record.

    Args:
      output: the folder.

    Raises:
      ResultsError: if one of the two is not there, or is damaged.
      MemoryError: if the table needs more memory than is free.
    """
    path = Path(output, RECORD)
    try:
        want = unseal(path.read_bytes()).get("table")
        path = Path(output, TABLE)
        content = path.read_bytes()
        if want not in (None, _checksum(content)):  # older records do not say
            raise Damage(f"it is not the table of {RECORD}")
        return read_sealed_parquet(content)
    except MemoryError as error:
        raise MemoryError(f"{path} cannot be read: {error}") from error
    except (OSError, Damage, ValueError) as error:
        raise ResultsError(
            f"{path} cannot be read ({error}): make it anew by launch.neural_fit"
        ) from error


def write_activations(activations: Mapping[str, np.ndarray], path: Path) -> None:
    """Writes activations as an npz file: float32 [images, …] by the layer's name."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **activations)
    write_atomically(path, buffer.getvalue())


def as_text(table: pd.DataFrame) -> str:
    """Returns a table to be read on a terminal, a line for each layer and measure."""
    if table.empty:
        return "no measure was asked for"
    shown = table.assign(reliable=table["reliable"].astype("Int64"))
    return shown.to_string(index=False, float_format="{:.3f}".format, na_rep="–")


def _checksum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
