"""Which rows of results are of the third paper's networks, and what they are."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ws_jax.analysis import aggregate
from ws_jax.papers.savarese2019.own import IMAGES, with_parameters

_FIELDS = ("network.depth", "network.width", "network.templates")
MEASURE = "layer_similarity_"
BANKS = tuple(f"{MEASURE}stage_{stage}_bank" for stage in range(3))


def concerns(frame: pd.DataFrame) -> bool:
    """Returns whether results have runs of wide residual networks."""
    return "network" in frame.columns and bool((frame["network"] == "wrn").any())


def networks(frame: pd.DataFrame) -> pd.DataFrame:
    """Returns the tidy rows of wide residual networks, however trained.

    More columns are `depth`, `width`, `templates` and `title` (SWRN-28-1-2).
    """
    if not concerns(frame):
        return pd.DataFrame(columns=[*frame.columns, "title"])
    rows = aggregate.tidy(frame)
    rows = rows[rows["network"] == "wrn"]
    told = {
        path.rpartition(".")[2]: IMAGES.values(rows, path).astype(int)
        for path in _FIELDS
    }
    names = [title(*sizes) for sizes in zip(*told.values(), strict=True)]
    return rows.assign(**told, title=names)


def select(frame: pd.DataFrame) -> pd.DataFrame:
    """Returns those of `networks` that tables, figures and verdicts are about.

    They have `parameters`, and `scale`, in what they are smaller or larger than the
    paper's.
    """
    rows = networks(frame)
    if rows.empty:
        return rows.assign(parameters=0, scale="")
    rows = IMAGES.own(rows)
    if rows.empty:
        return rows.assign(parameters=0)
    return pd.concat(
        with_parameters(own, "wrn", (32, 32, 3), 100 if data == "cifar100" else 10)
        for data, own in rows.groupby("data")
    ).sort_index()


def left_out(frame: pd.DataFrame) -> list[str]:
    """Names the runs of wide residual networks that are not the paper's, and why."""
    rows = networks(frame)
    return IMAGES.left_out(rows) if len(rows) else []


def title(depth: int, width: int, templates: int) -> str:
    """Returns a network's name, as SWRN-28-10-2 or WRN-28-10."""
    plain = f"WRN-{depth}-{width}"
    return f"S{plain}-{templates}" if templates else plain


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


def scored(rows: pd.DataFrame) -> pd.Series:
    """Says of each row of which images its run's score is, and of which epoch.

    Of the validation images, and of the test images where these are validated on, the
    best epoch's score is the best of many, and so too good.
    """
    lacking = pd.Series("", rows.index, dtype="str")
    known = rows.get("test_acc", pd.Series(np.nan, rows.index)).notna()
    tested = known.groupby(rows["training"]).transform("any")
    words = np.where(
        rows.get("data.split", lacking) == "published",
        "test images scored in their best epoch",
        np.where(
            tested,
            "test images scored in the best validation epoch",
            "validation images scored in their best epoch",
        ),
    )
    return pd.Series(words, rows.index, dtype="str")


def matrices(rows: pd.DataFrame, column: str) -> list[tuple[int, np.ndarray]]:
    """Returns the similarity of one bank by epoch, the mean over runs.

    Args:
      rows: of one network.
      column: of `BANKS`.
    """
    if column not in rows.columns:
        return []
    found = []
    for epoch, own in rows[["epoch", column]].dropna().groupby("epoch"):
        stacked = [np.stack([np.asarray(r, float) for r in m]) for m in own[column]]
        found.append((int(epoch), np.mean(stacked, axis=0)))
    return found
