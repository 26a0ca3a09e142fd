"""The flags that launchers share, and `--config.FIELD=VALUE` among them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from absl import flags, logging

# Overrides `--config.FIELD=VALUE`, taken out of the command line before absl reads it.
overrides: list[tuple[str, str]] = []


def define_config() -> flags.FlagHolder:
    """Defines `--config=configs/NAME.py`, with `--config.FIELD=VALUE` overrides."""
    return flags.DEFINE_string(
        "config", None, "Config file, as configs/smoke.py, or its name, as smoke. "
        "Its fields are set by --config.FIELD=VALUE; with --help they are listed."
    )  # fmt: skip


def define_parts() -> flags.FlagHolder:
    """Defines `--config=FILE` of a sweep that is there; no fields are set by it."""
    return flags.DEFINE_string(
        "config", None, "Config file of the sweep, as my_config.py: needed where it "
        "has parts of its own (docs/extending.md), which no package brings."
    )  # fmt: skip


def sets_fields() -> bool:
    """Returns whether the launcher takes `--config.FIELD=VALUE`."""
    return "axis" in flags.FLAGS


def define_axes() -> flags.FlagHolder:
    """Defines `--axis=FIELD=V1,V2,…`, which can be given several times."""
    return flags.DEFINE_multi_string(
        "axis", [], "A field to sweep and its values, as weight_decay=0,1e-4; any "
        "field of a run, by its dotted name or the end of it"
    )  # fmt: skip


def define_workdir(
    what: str = "Folder of checkpoints and results, made if missing.",
) -> flags.FlagHolder:
    """Defines `--workdir=DIR`, with what the help says of it."""
    return flags.DEFINE_string("workdir", None, what)


def define_data_dir() -> flags.FlagHolder:
    """Defines `--data_dir=DIR`."""
    return flags.DEFINE_string(
        "data_dir",
        None,
        "Folder with data that TFDS has prepared, or with the original files; else "
        "TFDS_DATA_DIR, else TFDS's own folder.",
    )


def define_overwrite(
    what: str = "Remove the sweep that is in the folder, also this one; start anew.",
) -> flags.FlagHolder:
    """Defines `--overwrite`, with what the help says of it."""
    return flags.DEFINE_bool("overwrite", False, what)


def define_extend() -> flags.FlagHolder:
    """Defines `--extend`."""
    return flags.DEFINE_bool(
        "extend", False, "Add runs or epochs to the sweep that is in the folder."
    )


def required(holder: flags.FlagHolder) -> str:
    """Returns a flag's value, or raises if it was not given."""
    from ws_jax.config import ConfigError

    if not holder.value:
        value = "DIR" if holder.name.endswith("dir") else "NAME"
        raise ConfigError(f"--{holder.name} is missing: --{holder.name}={value}")
    return holder.value


def typed_config(config: flags.FlagHolder, axes: flags.FlagHolder) -> list[str]:
    """Returns the flags of a config as they were typed, for another process."""
    fields = [f"--config.{name}={value}" for name, value in overrides]
    return [f"--config={config.value}", *fields, *(f"--axis={a}" for a in axes.value)]


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
