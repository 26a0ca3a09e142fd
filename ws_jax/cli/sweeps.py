"""From what a person typed to a sweep.

Nothing of `ws_jax` is imported before it is used: JAX takes seconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from absl import flags, logging

from ws_jax.cli import options

if TYPE_CHECKING:
    from ws_jax.runs import Sweep


def read_config(holder: flags.FlagHolder, axes: Sequence[str] = ()) -> Sweep:
    """Returns the sweep that the flags describe, checked."""
    if holder.value:
        logging.info("reading %s", holder.value)
    from ws_jax.cli import files
    from ws_jax.config import ConfigError

    if not holder.value:
        raise ConfigError(f"name a config: --config=FILE. {files.known_configs()}")
    return change_sweep(files.load_sweep(holder.value), dict(options.overrides), axes)


def load_sweep(name: str) -> Sweep:
    """Returns the sweep of a config file, see `cli.files.load_sweep`."""
    from ws_jax.cli import files

    return files.load_sweep(name)


def load_parts(holder: flags.FlagHolder) -> None:
    """Runs a config file, if one is named, so that parts of its own are known."""
    if holder.value:
        load_sweep(holder.value)


def load_studies(paper: str) -> dict[str, str]:
    """Returns the configs of a paper, see `cli.files.load_studies`."""
    from ws_jax.cli import files

    return files.load_studies(paper)


def paper_reading(paper: str, asked: str) -> str:
    """Returns whose word holds in a paper, see `cli.files.paper_reading`."""
    from ws_jax.cli import files

    return files.paper_reading(paper, asked)


def change_sweep(
    sweep: Sweep, overrides: Mapping[str, str], axes: Sequence[str] = ()
) -> Sweep:
    """Returns a sweep as a person changed it, see `cli.typed.change_sweep`."""
    from ws_jax.cli import typed

    return typed.change_sweep(sweep, overrides, axes)


def read_run(holder: flags.FlagHolder, axes: Sequence[str], words: Mapping[str, Any]):
    """Returns the sweep of one run: the first that the flags describe.

    Args:
      holder: of the config.
      axes: each as `FIELD=VALUE`.
      words: axes by the words of a paper's presets, to the value wanted.
    """
    from ws_jax.config import ConfigError, split_values
    from ws_jax.papers.words import with_words

    sweep = read_config(holder, axes)
    for text in axes:
        if len(split_values(text.partition("=")[2])) > 1:
            raise ConfigError(f"--axis={text}: one run has one value")
    if words:
        sweep = with_words(sweep, {f"sweep.{w}": (v,) for w, v in words.items()})
    return sweep.single()
