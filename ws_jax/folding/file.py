"""The file that says what folding a run did: its name, and that it is damaged."""

from __future__ import annotations

from pathlib import Path

from ws_jax.storage.holds import FOLD_FILE

REPORT_FILE = FOLD_FILE


def damaged(path: Path, error: Exception) -> str:
    """Returns the sentence that a report cannot be read.

    Args:
      path: of the report.
      error: that its reading raised.
    """
    return (
        f"{path} is damaged or was edited ({type(error).__name__}: {error}): remove it "
        "and fold the run again at all its thresholds, which finds what is done"
    )
