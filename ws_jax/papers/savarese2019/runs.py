"""Which rows of results are of the third paper's networks, and what they are."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ws_jax.analysis import aggregate

# Columns of a network's fields, with what holds where a table does not tell.
_FIELDS = {"network.depth": 28, "network.width": 10, "network.templates": 0}
MEASURE = "layer_similarity_"
BANKS = tuple(f"{MEASURE}stage_{stage}_bank" for stage in range(3))


def concerns(frame: pd.DataFrame) -> bool:
    """Returns whether results have runs of wide residual networks."""
    return "network" in frame.columns and bool((frame["network"] == "wrn").any())


def select(frame: pd.DataFrame) -> pd.DataFrame:
    """Returns the tidy rows of wide residual networks, with more columns.

    Those are `depth`, `width`, `templates`, `title` (SWRN-28-1-2) and `parameters`.
    """
    if not concerns(frame):
        return pd.DataFrame(columns=[*frame.columns, "title", "parameters"])
    rows = aggregate.tidy(frame)
    rows = rows[rows["network"] == "wrn"]
    told = {}
    for path, default in _FIELDS.items():
        values = rows[path] if path in rows.columns else pd.Series(np.nan, rows.index)
        told[path.rpartition(".")[2]] = values.astype(float).fillna(default).astype(int)
    rows = rows.assign(**told)
    cases = rows[["depth", "width", "templates", "data"]].drop_duplicates()
    sizes = {case: parameters(*case) for case in cases.itertuples(index=False)}
    keys = zip(*(rows[name] for name in cases.columns), strict=True)
    return rows.assign(
        title=[
            title(d, w, k)
            for d, w, k in zip(rows["depth"], rows["width"], rows["templates"],
                               strict=True)
        ],
        parameters=[sizes[key] for key in keys],
    )  # fmt: skip


def title(depth: int, width: int, templates: int) -> str:
    """Returns a network's name, as SWRN-28-10-2 or WRN-28-10."""
    plain = f"WRN-{depth}-{width}"
    return f"S{plain}-{templates}" if templates else plain


def parameters(depth: int, width: int, templates: int, data: str = "cifar10") -> int:
    """Returns how many numbers a network's parameters are.

    Colour images are assumed, and 100 classes for `cifar100`, else 10.

    Example:
      >>> parameters(28, 10, 2), parameters(28, 10, 0, "cifar100")
      (17125630, 36536884)
    """
    n = (16, 16 * width, 32 * width, 64 * width)
    classes = 100 if data == "cifar100" else 10
    shared = 2 * ((depth - 4) // 6 - 1)
    total = 432 + 2 * n[3] + n[3] * classes + classes
    for before, here in zip(n, n[1:], strict=False):
        total += 2 * before + 2 * here + 2 * shared * here  # normalisations
        total += 9 * (before * here + here**2)  # the first block
        total += before * here if before != here else 0  # the shortcut
        total += (templates or shared) * 9 * here**2
    return total + 3 * shared * templates


def best(rows: pd.DataFrame) -> pd.DataFrame:
    """Returns the row of each run's best validation epoch.

    It has `score`, the test accuracy there, or the validation accuracy where no test
    images were scored, and `scored`, which of the two.
    """
    scored = rows.dropna(subset=["val_acc"])
    found = scored.loc[scored.groupby("training")["val_acc"].idxmax()]
    has_test = "test_acc" in found.columns and bool(found["test_acc"].notna().all())
    scored_by = "test_acc" if has_test and len(found) else "val_acc"
    return found.assign(score=found[scored_by], scored=scored_by)


def matrices(rows: pd.DataFrame, column: str) -> list[tuple[int, np.ndarray]]:
    """Returns the similarity of one bank by epoch, the mean over runs.

    Args:
      rows: of one network.
      column: of `BANKS`.
    """
    if column not in rows.columns:
        return []
    found = []
    for epoch, own in rows.dropna(subset=[column]).groupby("epoch"):
        stacked = [np.stack([np.asarray(r, float) for r in m]) for m in own[column]]
        found.append((int(epoch), np.mean(stacked, axis=0)))
    return found
