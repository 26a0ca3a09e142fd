"""What a person sees while a sweep trains: a bar on a terminal, lines in a log.

The loop tells a `Progress`, in this order, what it does: `say` and `compiling` while
it gets ready, `plan` and `skip` once it knows the work, then for every chunk `begin`,
`ready`, and `update` after every epoch. A terminal or a notebook has a bar. Else there
are lines: through absl's log, or straight to stderr where nobody has set up a log.
"""

from __future__ import annotations

import builtins
import contextlib
import logging as logging_levels
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from absl import flags, logging

_COLUMNS = 80  # of a bar, where the terminal does not tell its own


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


def counted(number: int, word: str) -> str:
    """Counts things for a person.

    Example:
      >>> counted(1, "run"), counted(2, "run")
      ('1 run', '2 runs')
    """
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"


def fit_words(where: str, name: str, value: str, left: str, room: int) -> str:
    """Puts together what a bar says, in so many signs if that can be.

    A long name of a metric is cut; if that is not enough it goes with its value.

    Example:
      >>> fit_words("epoch 1/9", "val accuracy", "0.5", "5s left", 40)
      'epoch 1/9 val accuracy 0.5 5s left'
      >>> fit_words("epoch 1/9", "val accuracy", "0.5", "5s left", 30)
      'epoch 1/9 val ac.. 0.5 5s left'
      >>> fit_words("epoch 1/9", "val accuracy", "0.5", "5s left", 20)
      'epoch 1/9 5s left'
    """
    spare = room - len(f"{where}  {value} {left}")
    if len(name) <= spare:
        return f"{where} {name} {value} {left}"
    short = f"{name[: spare - 2]}.. {value} " if spare > 2 else ""
    return f"{where} {short}{left}"


class Progress:
    """Counts the epochs of all runs of a sweep, and shows how they do.

    Epochs that early stopping saves are taken off the work left. What is left takes
    as long as the epochs of its group took, or those of all groups while its own has
    none, and besides the compilation of groups still to come: times of compilation
    and of epochs are taken apart.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        """Takes the clock, another one in tests; nothing is known yet."""
        self._clock = clock
        self._since = clock()
        self._left: dict[str, int] = {}  # by group, epochs of single runs
        self._images = 0
        self._trained: dict[str, tuple[float, int]] = {}  # seconds, epochs of runs
        self._compiled: dict[str, float] = {}
        self._total = self._done = 0
        self._where, self._training = ("", ""), ""
        self._bar: Any = None

    def plan(self, run_epochs: Mapping[str, int], images_per_epoch: int) -> None:
        """Notes the work of each group, in epochs of runs, and images in an epoch."""
        self._left = dict(run_epochs)
        self._total = sum(run_epochs.values())
        self._images = images_per_epoch
        self._since = self._clock()

    def say(self, text: str) -> None:
        """Tells what is going on."""
        if self._bar is None:
            write_line(text)
            return
        with type(self._bar).external_write_mode(file=sys.stderr):
            write_line(text)

    def warn(self, text: str) -> None:
        """Tells what a person should know, however little they want to hear."""
        clean = contextlib.nullcontext()
        if self._bar is not None:
            clean = type(self._bar).external_write_mode(file=sys.stderr)
        with clean:
            logging.warning("%s", text)

    @contextlib.contextmanager
    def compiling(self, group: str, detail: str = "") -> Iterator[None]:
        """Tells that a group's program compiles, and takes the time."""
        self.say(f"compiling {self._numbered(group)}{detail}")
        yield
        now = self._clock()
        # With what came before it: drawing the initial states compiles, too.
        self._compiled[group] = self._compiled.get(group, 0.0) + now - self._since
        self._since = now

    def skip(self, group: str, run_epochs: int) -> None:
        """Notes epochs that need no training, as of an earlier start of the sweep."""
        self._left[group] -= run_epochs
        self._done += run_epochs

    def begin(self, group: str, chunk: int, num_chunks: int) -> None:
        """Notes which chunk of which group trains next; from 0."""
        number, of = list(self._left).index(group) + 1, len(self._left)
        part = f", chunk {chunk + 1} of {num_chunks}" if num_chunks > 1 else ""
        short = f"group {number}/{of}"
        if num_chunks > 1:
            short += f" chunk {chunk + 1}/{num_chunks}"
        self._training = group
        self._where = (f"{self._numbered(group)}{part}", short)
        self._since = self._clock()
        if self._bar is None and bar_wanted():
            import tqdm

            self._bar = tqdm.tqdm(
                total=self._total,
                initial=self._done,
                bar_format="{desc} |{bar}| {percentage:3.0f}%",
                dynamic_ncols=not _in_notebook(),
                ncols=_COLUMNS,
                leave=True,
            )
        if self._bar is not None:
            self._bar.set_description_str(short)
        else:
            write_line(f"{self._where[0]} starts")

    def ready(self) -> None:
        """Notes that a chunk's states are there: what drew them had to compile."""
        group, now = self._training, self._clock()
        self._compiled[group] = self._compiled.get(group, 0.0) + now - self._since
        self._since = now

    def update(
        self,
        group: str,
        epoch: int,
        epochs: int,
        num_runs: int,
        watched: tuple[str, np.ndarray],
        saved: int,
        maximized: bool = True,
    ) -> None:
        """Notes an epoch of `num_runs` runs, and `saved` epochs that need no training.

        Args:
          group: what is training.
          epoch: epochs done.
          epochs: the most there may be.
          num_runs: runs that trained in this epoch.
          watched: the name of the watched metric, and its values.
          saved: epochs of runs that have stopped before their last.
          maximized: whether more of the watched metric is better.
        """
        now = self._clock()
        seconds, trained = self._trained.get(group, (0.0, 0))
        self._trained[group] = seconds + now - self._since, trained + num_runs
        rate = num_runs / max(now - self._since, 1e-9)
        self._since = now
        self._left[group] -= num_runs + saved
        self._done += num_runs + saved
        left = f"{format_seconds(self.seconds_left())} left"
        name, (best, middle) = (
            watched[0].replace("_", " "),
            _best_and_median(watched[1], maximized),
        )
        if self._bar is None:
            runs = counted(num_runs, "run")
            write_line(
                f"{self._where[0]}: epoch {epoch} of {epochs}, {runs} alive, {name} "
                f"best {best:.4f} median {middle:.4f}, "
                f"{rate * self._images:.0f} images/s, {left}"
            )
            return
        room = (self._bar.format_dict["ncols"] or _COLUMNS) - len(" |#| 100%")
        where = f"{self._where[1]} epoch {epoch}/{epochs}"
        words = fit_words(where, name, f"{best:.4f}", left, room)
        self._bar.set_description_str(words, refresh=False)
        self._bar.update(num_runs + saved)

    def seconds_left(self) -> float:
        """Returns how long the rest will take, as far as can be told."""
        seconds, epochs = (
            sum(part) for part in zip(*self._trained.values(), strict=True)
        )
        usual = seconds / epochs
        total = 0.0
        for group, left in self._left.items():
            own_seconds, own = self._trained.get(group, (0.0, 0))
            total += left * (own_seconds / own if own else usual)
            if left and not own and group not in self._compiled and self._compiled:
                total += sum(self._compiled.values()) / len(self._compiled)
        return total

    def close(self) -> None:
        """Leaves the terminal in order."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _numbered(self, group: str) -> str:
        number, of = list(self._left).index(group) + 1, len(self._left)
        return f"group {number} of {of} ({group})"


def bar_wanted() -> bool:
    """Returns whether a bar is drawn: someone looks, and has not asked for silence."""
    return _heard() and (sys.stderr.isatty() or _in_notebook())


def _in_notebook() -> bool:
    return "ipykernel" in sys.modules and hasattr(builtins, "__IPYTHON__")


def _heard() -> bool:
    """Whether `--verbosity`, where there are flags, lets INFO through."""
    return not flags.FLAGS.is_parsed() or logging.get_verbosity() >= logging.INFO


def write_line(text: str) -> None:
    """Tells one line, to whoever listens."""
    # Imports leave a handler at the root that lets warnings through alone: what counts
    # is whether anyone hears a line.
    if flags.FLAGS.is_parsed() or logging.get_absl_logger().isEnabledFor(
        logging_levels.INFO
    ):
        logging.info("%s", text)
    else:
        sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")
        sys.stderr.flush()


def _best_and_median(values: np.ndarray, maximized: bool) -> tuple[Any, Any]:
    finite = values[np.isfinite(values)]
    if finite.size == 0:
        return np.nan, np.nan
    return finite.max() if maximized else finite.min(), np.median(finite)
