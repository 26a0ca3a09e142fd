"""What the launchers share: flags to a sweep, and errors as one clear line."""

from __future__ import annotations

import functools
import logging as logging_levels
import os
import re
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from absl import app, flags, logging

# JAX takes seconds to import, and with it all of `ws_jax`: what needs it is imported
# where it is used, so that a wrong flag is answered at once, and a person sees a first
# line.
if TYPE_CHECKING:
    from ws_jax.runs import Sweep

# Overrides `--config.FIELD=VALUE`, taken out of the command line before absl reads it.
_overrides: list[tuple[str, str]] = []


def define_config() -> flags.FlagHolder:
    """Defines `--config=configs/NAME.py`, with `--config.FIELD=VALUE` overrides."""
    return flags.DEFINE_string(
        "config", None, "Config file, as configs/smoke.py, or its name, as smoke. "
        "Its fields are set by --config.FIELD=VALUE; with --help they are listed."
    )  # fmt: skip


def define_axes() -> flags.FlagHolder:
    """Defines `--axis=FIELD=V1,V2,…`, which can be given several times."""
    return flags.DEFINE_multi_string(
        "axis", [], "A field to sweep and its values, as weight_decay=0,1e-4; any "
        "field of a run, by its dotted name or the end of it"
    )  # fmt: skip


def define_workdir() -> flags.FlagHolder:
    """Defines `--workdir=DIR`."""
    return flags.DEFINE_string(
        "workdir", None, "Folder of checkpoints and results, made if missing."
    )


def define_data_dir() -> flags.FlagHolder:
    """Defines `--data_dir=DIR`."""
    return flags.DEFINE_string(
        "data_dir",
        None,
        "Folder with data that TFDS has prepared, or with the original files; else "
        "TFDS_DATA_DIR, else TFDS's own folder.",
    )


def define_overwrite() -> flags.FlagHolder:
    """Defines `--overwrite`."""
    return flags.DEFINE_bool(
        "overwrite", False, "Remove what another sweep has left in the folder."
    )


def define_extend() -> flags.FlagHolder:
    """Defines `--extend`."""
    return flags.DEFINE_bool(
        "extend", False, "Add runs or epochs to the sweep that is in the folder."
    )


def read_config(holder: flags.FlagHolder, axes: Sequence[str] = ()) -> Sweep:
    """Returns the sweep that the flags describe, checked."""
    if holder.value:
        logging.info("reading %s", holder.value)
    from ws_jax.commandline import files
    from ws_jax.config import ConfigError

    if not holder.value:
        raise ConfigError(f"name a config: --config=FILE. {files.known_configs()}")
    return change_sweep(files.load_sweep(holder.value), dict(_overrides), axes)


def typed_config(config: flags.FlagHolder, axes: flags.FlagHolder) -> list[str]:
    """Returns the flags of a config as they were typed, for another process."""
    fields = [f"--config.{name}={value}" for name, value in _overrides]
    return [f"--config={config.value}", *fields, *(f"--axis={a}" for a in axes.value)]


def load_sweep(name: str) -> Sweep:
    """Returns the sweep of a config file, see `commandline.files.load_sweep`."""
    from ws_jax.commandline import files

    return files.load_sweep(name)


def load_studies(paper: str) -> dict[str, str]:
    """Returns the configs of a paper, see `commandline.files.load_studies`."""
    from ws_jax.commandline import files

    return files.load_studies(paper)


def paper_reading(paper: str, asked: str) -> str:
    """Returns whose word holds in a paper, see `commandline.files.paper_reading`."""
    from ws_jax.commandline import files

    return files.paper_reading(paper, asked)


def change_sweep(
    sweep: Sweep, overrides: Mapping[str, str], axes: Sequence[str] = ()
) -> Sweep:
    """Returns a sweep as a person changed it, see `commandline.typed.change_sweep`."""
    from ws_jax.commandline import typed

    return typed.change_sweep(sweep, overrides, axes)


def read_run(holder: flags.FlagHolder, axes: Sequence[str], words: Mapping[str, Any]):
    """Returns the sweep of one run: the first that the flags describe.

    Args:
      holder: of the config.
      axes: each as `FIELD=VALUE`.
      words: axes by the words of the first paper's presets, to the value wanted.
    """
    from ws_jax.config import ConfigError, split_values
    from ws_jax.papers.ott2020.presets import with_words

    sweep = read_config(holder, axes)
    for text in axes:
        if len(split_values(text.partition("=")[2])) > 1:
            raise ConfigError(f"--axis={text}: one run has one value")
    if words:
        sweep = with_words(sweep, {f"sweep.{w}": (v,) for w, v in words.items()})
    return sweep.single()


def required(holder: flags.FlagHolder) -> str:
    """Returns a flag's value, or raises if it was not given."""
    from ws_jax.config import ConfigError

    if not holder.value:
        value = "DIR" if holder.name.endswith("dir") else "NAME"
        raise ConfigError(f"--{holder.name} is missing: --{holder.name}={value}")
    return holder.value


def either(holder: flags.FlagHolder, old: flags.FlagHolder) -> Any:
    """Returns the value of a flag, or of the one that it was before it was renamed."""
    from ws_jax.config import ConfigError

    if old.value is None:
        return holder.value
    if holder.value is not None:
        raise ConfigError(f"--{old.name} is the old name of --{holder.name}: take one")
    logging.warning("--%s is called --%s now", old.name, holder.name)
    return old.value


def goes_with(holder: flags.FlagHolder, other: flags.FlagHolder) -> None:
    """Raises if a flag is set that says nothing without another."""
    from ws_jax.config import ConfigError

    if holder.value and not other.value:
        raise ConfigError(f"--{holder.name} needs --{other.name}")


def setup_jax() -> None:
    """Keeps compiled programs on disk, and makes each CPU core a device."""
    import jax

    from ws_jax import compile_cache

    # Its INFO lines tell of backends that are not there.
    logging_levels.getLogger("jax").setLevel(logging_levels.WARNING)
    folder = os.environ.get("WS_JAX_CACHE") or Path.home() / ".cache" / "ws_jax"
    compile_cache.remove_damaged(Path(folder) / "xla")
    jax.config.update("jax_compilation_cache_dir", str(Path(folder) / "xla"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
    if "xla_force_host_platform_device_count" not in os.environ.get("XLA_FLAGS", ""):
        # A run on each core beats all cores on one run (docs/design/0007).
        jax.config.update("jax_num_cpu_devices", num_cores())
    jax.config.update("jax_numpy_rank_promotion", "raise")
    jax.config.update("jax_numpy_dtype_promotion", "strict")


def num_cores() -> int:
    """Returns how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run(main: Callable[..., None], takes_words: bool = False) -> None:
    """Parses the flags and runs `main`; an error that a person can mend is one line.

    Args:
      main: what is run.
      takes_words: whether it takes what is no flag, as a list.
    """

    def guarded(argv: list[str]) -> None:
        if len(argv) > 1 and not takes_words:
            sys.exit(_fail(_positional(argv[1:])))
        _set_up_log()
        status = _guard(functools.partial(main, argv[1:]) if takes_words else main)
        # All is written: a signal from now on ends the process without a traceback.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        sys.exit(status)

    app.run(guarded, flags_parser=_parse)


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


def _set_up_log() -> None:
    """Shows what is done, from INFO on unless `--verbosity` says otherwise."""
    if not flags.FLAGS["verbosity"].present:
        logging.set_verbosity(logging.INFO)
    handler = logging.get_absl_handler()
    handler.setFormatter(_Lines())
    # Orbax tells of every file it writes, TFDS gives advice, through the same logger.
    handler.addFilter(_is_ours)


# Of TFDS, as it reads images: no other decoder is among what we depend on.
_ADVICE = "OpenCV is not installed. We recommend"


def _is_ours(record: logging_levels.LogRecord) -> bool:
    if str(record.msg).startswith(_ADVICE):
        return False
    own = (Path(__file__).parent, Path(__file__).parents[1] / "launch")
    ours = any(Path(record.pathname).is_relative_to(folder) for folder in own)
    # What a library's thread logs with a traceback is raised once more where its end
    # is waited for, and told there.
    return ours or (record.levelno > logging_levels.INFO and not record.exc_info)


def _guard(function: Callable[[], None]) -> int:
    """Runs a function; returns the exit status, after a line on what went wrong."""
    try:
        function()
    except KeyboardInterrupt:
        sys.stderr.write("interrupted: start the same command again to go on\n")
        return 130
    except Exception as error:
        from ws_jax.config import ConfigError
        from ws_jax.data import DataError
        from ws_jax.engine import memory
        from ws_jax.results import ResultsError
        from ws_jax.workdir import Interrupted, WorkdirError

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


def _parse(argv: list[str]) -> list[str]:
    """Reads the flags, those of a config's fields apart; answers `--help`."""
    rest, overrides, missing = split_overrides(argv)
    if missing:
        sys.exit(_fail(f"{missing} needs a value: {missing}=VALUE"))
    _overrides.extend(overrides)
    asked = {"--help", "-help", "-h", "-?", "--helpshort"} & set(rest)
    try:
        left = flags.FLAGS([arg for arg in rest if arg not in asked])
    except flags.Error as error:
        sys.exit(_fail(_flag_error(error)))
    if asked:
        sys.exit(_guard(_help))
    return left


def split_overrides(
    argv: Sequence[str],
) -> tuple[list[str], list[tuple[str, str]], str]:
    """Takes `--config.FIELD=VALUE`, or `--config.FIELD VALUE`, out of a command line.

    Returns:
      The other arguments, the fields with their texts, and the last field if it has no
      value.

    Example:
      >>> split_overrides(["x", "--config.train.epochs", "3", "--axis=fold=0"])
      (['x', '--axis=fold=0'], [('train.epochs', '3')], '')
    """
    rest: list[str] = []
    found: list[tuple[str, str]] = []
    open_name = ""
    for arg in argv:
        name, equals, value = arg.lstrip("-").partition("=")
        if open_name and not re.match("--|-[a-z]", arg):
            found.append((open_name.removeprefix("config."), arg))
            open_name = ""
        elif open_name:
            break
        elif not arg.startswith("-") or not name.startswith("config."):
            rest.append(arg)
        elif equals:
            found.append((name.removeprefix("config."), value))
        else:
            open_name = name
    return rest, found, f"--{open_name}" if open_name else ""


def _flag_error(error: flags.Error) -> str:
    """Says what is wrong with a flag; one that is a field gets its right form."""
    name = getattr(error, "flagname", "")
    if isinstance(error, flags.IllegalFlagValueError):
        # What Python says of a word that is no number, and absl of one that is no bool.
        text = re.sub(r"\('Non-boolean.*", "needs true or false", str(error))
        return re.sub(r"(invalid literal for int|could not conv).*", "no number", text)
    if (
        not isinstance(error, flags.UnrecognizedFlagError)
        or "config" not in flags.FLAGS
    ):
        return str(error)
    from ws_jax.config import ConfigError, find_field
    from ws_jax.runs import Run

    try:
        path = find_field(Run(), name)
    except ConfigError:
        return str(error)
    given = getattr(error, "flagvalue", "") or ""
    value = given.rpartition("=")[2] or "VALUE"
    return (
        f"unknown flag --{name}: did you mean --config.{path}={value}, or "
        f"--axis={path}=V1,V2?"
    )


def _help() -> None:
    from ws_jax.commandline import helptext

    about = sys.modules["__main__"].__doc__ or ""
    text = helptext.flags_text(about, flags.FLAGS)
    if "config" in flags.FLAGS and (name := flags.FLAGS["config"].value):
        axes = (flags.FLAGS["axis"].value or ()) if "axis" in flags.FLAGS else ()
        sweep = change_sweep(load_sweep(name), dict(_overrides), axes)
        text += f"\n\n{helptext.fields_text(sweep, name)}"
    elif "config" in flags.FLAGS:
        from ws_jax.commandline import files

        known = "\n".join(f"  {path}" for path in files.config_files())
        text += f"\n\nconfigs here; --config=FILE --help lists the fields:\n{known}"
    sys.stdout.write(f"{text}\n")
