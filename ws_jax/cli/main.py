"""Runs a launcher: its flags, its log, and errors as one clear line."""

from __future__ import annotations

import functools
import logging as logging_levels
import re
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from absl import app, flags, logging

from ws_jax.cli import options, sweeps


def run(main: Callable[..., None], takes_words: bool = False) -> None:
    """Parses the flags and runs `main`; an error that a person can mend is one line.

    Args:
      main: what is run.
      takes_words: whether it takes what is no flag, as a list.
    """

    def guarded(argv: list[str]) -> None:
        if len(argv) > 1 and not takes_words:
            sys.exit(_fail(_positional(argv[1:])))
        set_up_log()
        status = guard(functools.partial(main, argv[1:]) if takes_words else main)
        # All is written: a signal from now on ends the process without a traceback.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        sys.exit(status)

    app.run(guarded, flags_parser=functools.partial(_parse, takes_words=takes_words))


def _positional(names: Sequence[str]) -> str:
    said = f"unexpected argument {names[0]!r}: flags have the form --NAME=VALUE"
    if names[0].endswith(".py") and "config" in flags.FLAGS:
        return f"{said}; did you mean --config={names[0]}?"
    return said


class _Lines(logging_levels.Formatter):
    """A log line as a person reads it: the time, and what happened."""

    def format(self, record: logging_levels.LogRecord) -> str:
        record.message = record.getMessage()
        level = (
            "" if record.levelno <= logging_levels.INFO else record.levelname.lower()
        )
        text = f"{level}: {record.message}" if level else record.message
        return f"{self.formatTime(record, '%H:%M:%S')} {text}"


def set_up_log() -> None:
    """Shows what is done, from INFO on unless `--verbosity` says otherwise."""
    if not flags.FLAGS["verbosity"].present:
        logging.set_verbosity(logging.INFO)
    handler = logging.get_absl_handler()
    handler.setFormatter(_Lines())
    # Orbax tells of every file it writes, TFDS gives advice, through the same logger.
    handler.addFilter(is_ours)


# Of TFDS, as it reads images: no other decoder is among what we depend on.
_ADVICE = "OpenCV is not installed. We recommend"


def is_ours(record: logging_levels.LogRecord) -> bool:
    """Returns whether a record is shown: ours, or more than information."""
    if str(record.msg).startswith(_ADVICE):
        return False
    own = (Path(__file__).parents[1], Path(__file__).parents[2] / "launch")
    ours = any(Path(record.pathname).is_relative_to(folder) for folder in own)
    # What a library's thread logs with a traceback is raised once more where its end
    # is waited for, and told there.
    return ours or (record.levelno > logging_levels.INFO and not record.exc_info)


def guard(function: Callable[[], None]) -> int:
    """Runs a function; returns the exit status, after a line on what went wrong."""
    try:
        function()
    except KeyboardInterrupt:
        sys.stderr.write("interrupted\n")
        return 130
    except Exception as error:
        from ws_jax.config import ConfigError
        from ws_jax.data import DataError
        from ws_jax.engine import memory
        from ws_jax.storage.results import ResultsError
        from ws_jax.storage.workdir import Interrupted, WorkdirError

        if isinstance(error, Interrupted):
            logging.info("%s", error)
            return 143
        if memory.is_exhausted(error):
            return _fail(memory.explain_exhausted(error))
        # An OSError is a full disk, say.
        known = (ConfigError, DataError, ResultsError, WorkdirError, OSError)
        if not isinstance(error, known):
            raise
        return _fail(error)
    return 0


def _fail(error: Exception | str) -> int:
    sys.stderr.write(f"error: {error}\n")
    return 1


_NO_FIELDS = "fields are set where a sweep is started, by launch.sweep say"


def _parse(argv: list[str], takes_words: bool = False) -> list[str]:
    """Reads the flags, those of a config's fields apart; answers `--help`."""
    rest, overrides, missing = options.split_overrides(argv)
    if missing:
        sys.exit(_fail(f"{missing} needs a value: {missing}=VALUE"))
    options.overrides.extend(overrides)
    asked = {"--help", "-help", "-h", "-?", "--helpshort"} & set(rest)
    try:
        left = flags.FLAGS([arg for arg in rest if arg not in asked])
    except flags.Error as error:
        sys.exit(_fail(_flag_error(error, takes_words)))
    if overrides and not options.sets_fields():
        sys.exit(_fail(f"--config.{overrides[0][0]} sets nothing: {_NO_FIELDS}"))
    if asked:
        sys.exit(guard(_help))
    return left


def _flag_error(error: flags.Error, takes_words: bool = False) -> str:
    """Says what is wrong with a flag; one that is a field gets its right form."""
    name = getattr(error, "flagname", "")
    if isinstance(error, flags.IllegalFlagValueError):
        # What Python says of a word that is no number, and absl of one that is no bool.
        text = re.sub(r"\('Non-boolean.*", "needs true or false", str(error))
        return re.sub(r"(invalid literal for int|could not conv).*", "no number", text)
    if not isinstance(error, flags.UnrecognizedFlagError):
        return str(error)
    if takes_words and name == "workdir":
        return "unknown flag --workdir: name folders without a flag, as results/smoke"
    from ws_jax.cli import helptext
    from ws_jax.config import nearest

    path = _field(name) if options.sets_fields() else ""
    if not path:
        known = [flag.name for flag in helptext.own_flags(flags.FLAGS)]
        return f"unknown flag --{name}: {nearest(name, known)}"
    given = getattr(error, "flagvalue", "") or ""
    value = given.rpartition("=")[2] or "VALUE"
    return (
        f"unknown flag --{name}: did you mean --config.{path}={value}, or "
        f"--axis={path}=V1,V2?"
    )


def _field(name: str) -> str:
    """Returns the whole name of a run's field; nothing if there is none."""
    from ws_jax.config import ConfigError, find_field
    from ws_jax.runs import Run

    try:
        return find_field(Run(), name)
    except ConfigError:
        return ""


def _help() -> None:
    from ws_jax.cli import helptext

    about = sys.modules["__main__"].__doc__ or ""
    text = helptext.flags_text(about, flags.FLAGS)
    if options.sets_fields() and (name := flags.FLAGS["config"].value):
        axes = flags.FLAGS["axis"].value or ()
        loaded = sweeps.load_sweep(name)
        sweep = sweeps.change_sweep(loaded, dict(options.overrides), axes)
        text += f"\n\n{helptext.fields_text(sweep, name)}"
    elif options.sets_fields():
        from ws_jax.cli import files

        known = "\n".join(f"  {path}" for path in files.config_files())
        text += f"\n\nconfigs here; --config=FILE --help lists the fields:\n{known}"
    sys.stdout.write(f"{text}\n")
