"""What a person sees while a sweep trains: a bar on a terminal, lines in a log."""

from __future__ import annotations

import sys
import time
from typing import Any

import numpy as np
from absl import logging


def format_seconds(seconds: float) -> str:
    """Formats a duration for a person.

    Example:
      >>> format_seconds(5), format_seconds(125), format_seconds(7384)
      ('5s', '2m05s', '2h03m')
    """
    minutes, s = divmod(int(round(seconds)), 60)
    hours, m = divmod(minutes, 60)
    if hours:
        return f"{hours}h{m:02d}m"
    return f"{m}m{s:02d}s" if m else f"{s}s"


class Progress:
    """Counts the epochs of all runs of a sweep, and shows how they do.

    Epochs that early stopping saves are taken off the work left.
    """

    def __init__(self, run_epochs: int, images_per_epoch: int):
        """Takes the work in epochs of single runs, and images trained in each."""
        self._left = run_epochs
        self._images = images_per_epoch
        self._trained = 0
        self._start = time.monotonic()
        self._bar = None
        if sys.stderr.isatty():
            import tqdm

            self._bar = tqdm.tqdm(total=run_epochs, unit="epoch", dynamic_ncols=True)

    def skip(self, run_epochs: int) -> None:
        """Notes epochs that an earlier start of the sweep has trained."""
        self._left -= run_epochs
        if self._bar is not None:
            self._bar.update(run_epochs)

    def update(
        self, group: str, epoch: int, num_runs: int, accuracies: np.ndarray, saved: int
    ) -> None:
        """Notes an epoch of `num_runs` runs, and `saved` epochs that need no training.

        Args:
          group: what is training.
          epoch: epochs done.
          num_runs: runs that trained in this epoch.
          accuracies: their validation accuracies.
          saved: epochs of runs that have stopped before their last.
        """
        self._trained += num_runs
        self._left -= num_runs + saved
        fields = self._fields(epoch, num_runs, accuracies)
        if self._bar is not None:
            self._bar.set_description_str(group)
            self._bar.set_postfix_str(", ".join(fields), refresh=False)
            self._bar.update(num_runs + saved)
        else:
            logging.info("%s: %s", group, ", ".join(fields))

    def close(self) -> None:
        """Leaves the terminal in order."""
        if self._bar is not None:
            self._bar.close()

    def _fields(self, epoch: int, num_runs: int, accuracies: np.ndarray) -> list[str]:
        elapsed = time.monotonic() - self._start
        rate = self._trained / elapsed
        best, middle = _best_and_median(accuracies)
        runs = "1 run" if num_runs == 1 else f"{num_runs} runs"
        return [
            f"epoch {epoch}",
            f"{runs} alive",
            f"val acc best {best:.4f} median {middle:.4f}",
            f"{rate * self._images:.0f} images/s",
            f"{format_seconds(self._left / rate)} left",
        ]


def _best_and_median(accuracies: np.ndarray) -> tuple[Any, Any]:
    finite = accuracies[np.isfinite(accuracies)]
    if finite.size == 0:
        return np.nan, np.nan
    return finite.max(), np.median(finite)
