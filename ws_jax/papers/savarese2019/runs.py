"""Which rows of results are of the third paper's networks, and what they are."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ws_jax.analysis import aggregate
from ws_jax.papers.savarese2019.own import IMAGES, with_parameters

_FIELDS = ("network.depth", "network.width", "network.templates")
MEASURE = "layer_similarity_"
TESTED = "test images scored in the best validation epoch"
VALIDATED = "validation images scored in their best epoch"
BEST_OF_MANY = "test images scored in their best epoch"
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
    """Returns the row of each run's best validation epoch; none of one that diverged.

    It has `score`, the test accuracy there, or the validation accuracy where test
    images were not scored in all of these epochs, and `scored`, which of the two.
    """
    sound = rows[rows["status"] != "diverged"].dropna(subset=["val_acc"])
    found = sound.loc[sound.groupby("training")["val_acc"].idxmax()]
    scored_by = "test_acc" if _tested(found) else "val_acc"
    return found.assign(score=found[scored_by], scored=scored_by)


def _tested(ends: pd.DataFrame) -> bool:
    """Whether test images were scored in each run's best validation epoch."""
    if ends.empty or "test_acc" not in ends.columns:
        return False
    return bool(ends["test_acc"].notna().all())


def scored(rows: pd.DataFrame) -> pd.Series:
    """Says of each row of which images its run's score is, and of which epoch.

    Of the validation images, and of the test images where these are validated on, the
    best epoch's score is the best of many, and so too good. Runs on one data set and of
    one length are scored alike, as `best` does: those without a score on test images
    would else be judged apart from the others, and these by a choice of runs.
    """
    lacking = pd.Series("", rows.index, dtype="str")
    published = rows.get("data.split", lacking) == "published"
    words = pd.Series(BEST_OF_MANY, rows.index, dtype="str")
    for _, own in rows[~published].groupby(["data", "epochs"]):
        words[own.index] = TESTED if _tested(best(own)) else VALIDATED
    return words


def matrices(rows: pd.DataFrame, column: str) -> list[tuple[int, np.ndarray]]:
    """Returns the similarity of one bank by epoch, the mean over runs.

    Those of runs that diverged, which may be no numbers, do not count.

    Args:
      rows: of one network.
      column: of `BANKS`.
    """
    if column not in rows.columns:
        return []
    found = []
    sound = rows.loc[rows["status"] != "diverged", ["epoch", column]]
    for epoch, own in sound.dropna().groupby("epoch"):
        stacked = [np.stack([np.asarray(r, float) for r in m]) for m in own[column]]
        found.append((int(epoch), np.mean(stacked, axis=0)))
    return found
