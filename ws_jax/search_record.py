"""What the search in a folder asks for: `search.json`, so that another is refused."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ws_jax.storage.holds import SEARCH_FILE, check_holds
from ws_jax.storage.integrity import (
    Damage,
    WorkdirError,
    make_folder,
    seal,
    unseal,
    write_atomically,
)
from ws_jax.storage.locks import part_lock
from ws_jax.storage.records import differences


def asked_for(
    config: Mapping[str, Any],
    space: Mapping[str, tuple | list],
    seed: int,
    batch_size: int,
) -> dict[str, Any]:
    """Returns what a search asks for, as its record has it.

    Args:
      config: of its sweep.
      space: fields that are searched, see `search.Space`.
      seed: of the search.
      batch_size: points asked for at a time.
    """
    asked = {
        "--seed": seed,
        "--batch_size": batch_size,
        "--range": {k: v for k, v in space.items() if isinstance(v, tuple)},
        "--choice": {k: v for k, v in space.items() if isinstance(v, list)},
        "config": config,
    }
    return json.loads(json.dumps(asked, default=str))  # tuples are lists


@contextlib.contextmanager
def held(workdir: Path, asked: Mapping[str, Any]) -> Iterator[bool]:
    """Keeps a folder for one search during the block; made if missing.

    Other processes may work on the same search meanwhile.

    Yields:
      Whether the folder's record asks for this search. A folder without batches is
      taken, unless another search is at work there. One that has some, but no record,
      is not yet: each of them is to agree before.
    Raises:
      WorkdirError: if it asks for another search, cannot be read or written, or the
        folder holds something else, as a sweep.
    """
    check_holds(workdir, "a search", "workdir")
    make_folder(workdir, "workdir")
    here = part_lock(workdir, "search")
    try:
        with _planning(workdir):
            recorded = _is_recorded(workdir, asked, alone=here.take())
            here.take(shared=True)  # nobody takes it alone without planning
        yield recorded
    finally:
        here.release()


def _planning(workdir: Path) -> contextlib.AbstractContextManager[None]:
    return part_lock(workdir, "plan").held(threading.Event(), lambda holder: None)


def _is_recorded(workdir: Path, asked: Mapping[str, Any], alone: bool) -> bool:
    path = workdir / SEARCH_FILE
    # One that was refused before it trained binds nobody.
    if not any(workdir.glob("batch_*")) and (alone or not path.exists()):
        _write(workdir, asked)
        return True
    if not path.exists():
        return False
    try:
        there = unseal(path.read_bytes())
    except (OSError, Damage, ValueError) as error:
        raise WorkdirError(
            f"{path} cannot be read ({error}): remove it, and the search goes on that "
            "its batches agree with; or name another folder with --workdir"
        ) from error
    changed = [
        f"{name}: {_typed(there.get(name))} -> {_typed(value)}"
        for name, value in asked.items()
        if name != "config" and there.get(name) != value
    ]
    changed += differing(there.get("config", {}), asked["config"])
    if changed:
        raise WorkdirError(
            f"{workdir} holds another search (there -> asked): {'; '.join(changed)}. "
            "Name another folder with --workdir; here only --batches may be another"
        )
    return True


def write_record(workdir: Path, asked: Mapping[str, Any]) -> None:
    """Writes what a folder's search asks for.

    Raises:
      WorkdirError, OSError: if it cannot be written.
    """
    with _planning(workdir):  # its temporary file has a fixed name
        _write(workdir, asked)


def _write(workdir: Path, asked: Mapping[str, Any]) -> None:
    content = json.dumps(seal(asked), indent=1).encode()
    write_atomically(workdir / SEARCH_FILE, content)


def differing(there: Mapping[str, Any], asked: Mapping[str, Any]) -> list[str]:
    """Lists the fields in which the config of a sweep differs from one asked for."""
    both = ({"config": config, "data": {}} for config in (there, asked))
    return differences(*both)


def _typed(value: Any) -> str:
    """Returns what was asked for as a person types it."""
    if not isinstance(value, dict):
        return str(value)
    fields = [f"{k}={','.join(map(str, own))}" for k, own in value.items()]
    return " ".join(fields) or "none"
