"""What the records of two sweeps differ in: one that is there, and one asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from absl import logging

from ws_jax.config import differing_fields, without_field
from ws_jax.free_fields import SAVING
from ws_jax.storage.integrity import (
    WorkdirError,
)


def differences(here: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Lists the fields in which a sweep differs from one that is asked for.

    What the base has in a field that is an axis of both is in no run, and not asked.
    """
    both = swept_in_both(here, new)
    begun, asked = (_fixed(record["config"], both) for record in (here, new))
    fields = differing_fields(begun, asked)
    return fields + differing_fields(here["data"], new["data"], "(data) ")


def swept_in_both(here: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Lists the fields that are axes of a sweep and of one that is asked for."""
    axes = (record["config"].get("axes", {}) for record in (here, new))
    return sorted(set.intersection(*map(set, axes)))


def changed_code(here: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Names the files of a user's own that differ from those a sweep began with.

    Args:
      here: its record; those of older versions do not tell.
      new: the record of what is asked for.
    """
    before, after = here.get("code"), new["code"]
    if before is None:
        return []
    names = sorted({*before, *after})
    return [name for name in names if before.get(name) != after.get(name)]


def check_code(path: Path, here: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Checks that a sweep goes on with the code it began with, or may go on anyhow.

    Raises:
      WorkdirError: if it may not; it names the files.
    """
    files = changed_code(here, new)
    if files and not new["config"]["base"]["execution"]["changed_code"]:
        raise WorkdirError(
            f"{path} holds a sweep that began with other code in {', '.join(files)}: "
            "its runs would be trained by the one and by the other. Put back what was "
            "there, or train anew, in another folder with --workdir or here with "
            "--overwrite. If the change alters no number, "
            "--config.execution.changed_code=true goes on; the record then says so"
        )


def with_code(here: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the record of a sweep that goes on with changed code, and says so."""
    files = ", ".join(changed_code(here, new))
    logging.warning("the code of %s was changed since this sweep began", files)
    past = {key: here[key] for key in ("code", "versions") if key in here}
    changed = [*here.get("code_before", []), past]
    return {**here, "code": new["code"], "code_before": changed}


def _fixed(config: Mapping[str, Any], swept: Sequence[str]) -> dict[str, Any]:
    """Returns a sweep's config without what may be another when it goes on."""
    base = config.get("base", config)
    for path in (*SAVING, *swept):
        base = without_field(base, path)
    return {**config, "base": base}
