"""What the launchers share: flags to a config, and errors as one clear line."""

from __future__ import annotations

import logging as logging_levels
import os
import sys
from collections.abc import Callable
from pathlib import Path

from absl import app, flags, logging

from ws_jax.config import ConfigError, ExperimentConfig, nearest


def define_config() -> flags.FlagHolder:
    """Defines `--config=configs/NAME.py`, with `--config.field=value` overrides."""
    from ml_collections import config_flags

    return config_flags.DEFINE_config_file(
        "config", None, "Config file, as configs/NAME.py; its fields can be overridden."
    )


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


def read_config(holder: flags.FlagHolder) -> ExperimentConfig:
    """Returns the config that the flags describe, checked."""
    if holder.value is None:
        raise ConfigError(f"name a config: --config={_known_configs()}")
    return ExperimentConfig.from_config_dict(holder.value)


def required(holder: flags.FlagHolder) -> str:
    """Returns a flag's value, or raises if it was not given."""
    if not holder.value:
        raise ConfigError(f"--{holder.name} is missing")
    return holder.value


def setup_jax() -> None:
    """Keeps compiled programs on disk, and makes each CPU core a device."""
    import jax

    # Its INFO lines tell of backends that are not there.
    logging_levels.getLogger("jax").setLevel(logging_levels.WARNING)
    folder = os.environ.get("WS_JAX_CACHE") or Path.home() / ".cache" / "ws_jax"
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


def run(main: Callable[[], None]) -> None:
    """Parses the flags and runs `main`; an error that a person can mend is one line."""

    def guarded(argv):
        if len(argv) > 1:
            raise app.UsageError(f"unexpected arguments: {' '.join(argv[1:])}")
        logging.set_verbosity(logging.INFO)
        # Orbax tells of every file it writes, through the same logger.
        logging.get_absl_handler().addFilter(_is_ours)
        sys.exit(_guard(main))

    app.run(guarded, flags_parser=_parse)


def _is_ours(record: logging_levels.LogRecord) -> bool:
    return "ws_jax" in record.pathname or record.levelno > logging_levels.INFO


def _guard(function: Callable[[], None]) -> int:
    # Imported late: a wrong flag is answered before JAX is loaded.
    from ws_jax.data import DataError
    from ws_jax.results import ResultsError
    from ws_jax.workdir import Interrupted, WorkdirError

    try:
        function()
    except (ConfigError, DataError, ResultsError, WorkdirError) as error:
        return _fail(error)
    except OSError as error:  # a full disk, say
        return _fail(error)
    except Interrupted as error:
        logging.info("%s", error)
        return 143
    return 0


def _fail(error: Exception) -> int:
    sys.stderr.write(f"error: {error}\n")
    return 1


def _parse(argv: list[str]) -> list[str]:
    _check_config_file(argv)
    try:
        return flags.FLAGS(argv, known_only=False)
    except flags.Error as error:
        sys.exit(_fail(error))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        # What ml_collections raises for an override that does not fit the config.
        sys.exit(_fail(error))


def _check_config_file(argv: list[str]) -> None:
    for arg in argv[1:]:
        name, _, value = arg.lstrip("-").partition("=")
        if name == "config" and value and not Path(value).is_file():
            hint = _known_configs(value)
            sys.exit(_fail(ConfigError(f"no config file {value}: {hint}")))


def _known_configs(name: str = "") -> str:
    paths = Path("configs").glob("*.py")
    known = [str(path) for path in paths if "def get_config" in path.read_text()]
    return nearest(name, known)
