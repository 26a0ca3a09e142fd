"""Stand-ins for the identity of runs, for tables that are older than it.

The engine writes with every row which training it belongs to (`IDENTITY_COLUMNS`), and
a column for every field of the config that is swept or differs from its default. A
table without them gets what its record (`sweep.json`) says.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # see `results`
    import pandas as pd

# Which training a row belongs to, whatever sweep and table hold it.
IDENTITY_COLUMNS = {
    "digest": "str",  # of all that can change a number: equal digests, same training
    "cell": "str",  # the same without fold and seed: what may be pooled
    "epochs": "int64",  # that the run may take at most
}
OLD = "old:"  # what stands-in digests begin with
# Sections of records without identities that change no number or have columns. Their
# digests are on disk, so these follow no later list.
_NO_NUMBER = ("name", "sweep", "execution", "evaluation")
_TOLD = {
    "data.name",
    "data.num_folds",
    "semantics.bundle",
    "semantics.init",
    "semantics.severing",
    "train.epochs",
    "train.optimizer.name",
    "train.phase.name",
    "train.phase.strength",
}


def training_columns(train: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the columns that say how the runs of an older sweep were trained.

    Args:
      train: the part `train` of its config; empty if that is not known.
    """
    phase = train.get("phase", {"name": "none", "strength": 0.0})
    strengths = {"none": 0.0, "couple": phase["strength"]}
    return {
        "optimizer": train.get("optimizer", {}).get("name", "adam"),
        "phase": phase["name"],
        "coupling": strengths.get(phase["name"], 1.0),
    }


def identified(
    frame: pd.DataFrame,
    run_columns: Collection[str],
    record: Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    """Adds stand-ins for `IDENTITY_COLUMNS` to rows of a table that is older than they.

    A record's config and data take the place of the digest's, and the fields of the
    config that no column tells become columns of their dotted names. Without a record
    nothing is known of them: then no two sweeps hold the same training.

    Args:
      frame: rows of one sweep; with `record=None`, of several.
      run_columns: that tell the runs of one sweep apart.
      record: the sweep's, as `ws_jax.results.read_records` gives it.
    """
    frame = frame.reset_index(drop=True)
    known = [name for name in IDENTITY_COLUMNS if name in frame.columns]
    old = ~frame[known].notna().all(axis=1) | (len(known) < len(IDENTITY_COLUMNS))
    if not old.any():
        missing = [name for name in IDENTITY_COLUMNS if name not in known]
        frame = frame.reindex(columns=[*frame.columns, *missing])
        return frame.astype(IDENTITY_COLUMNS)
    rows = frame[old]
    fields = _fields(record["config"]) if record else {}
    longest = rows.groupby(["sweep", "data"])["epoch"].transform("max")
    added: dict[str, Any] = {"epochs": fields.get("train.epochs", longest)}
    if record:
        data = {
            k: record.get("data", {}).get(k) for k in ("name", "count", "fingerprint")
        }
        common = json.dumps([fields, data], sort_keys=True, default=str)
    else:
        common = ""
    keys = _identity(rows, set(run_columns) - ({"run", "sweep"} if record else {"run"}))
    added["cell"] = _hashes(keys.drop(columns=["fold", "seed"]), common)
    added["digest"] = _hashes(keys, common)
    added |= {k: v for k, v in fields.items() if k not in {*_TOLD, *frame.columns}}
    added |= {k: rows[k].fillna(added[k]) for k in known}
    rows = rows.assign(**{k: added[k] for k in sorted(added, key=_place)})
    import pandas as pd

    whole = pd.concat([frame[~old], rows]).sort_index() if (~old).any() else rows
    return whole.astype(IDENTITY_COLUMNS)


def _place(name: str) -> tuple[bool, str]:
    """Sorts the identity's columns first, then fields of the config."""
    return "." in name, name


def _fields(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flattens a config to dotted fields, without those that change no number."""
    found: dict[str, Any] = {}
    for name, value in config.items():
        if not prefix and name in _NO_NUMBER:
            continue
        if isinstance(value, Mapping):
            found |= _fields(value, f"{prefix}{name}.")
        else:
            found[prefix + name] = (
                str(tuple(value)) if isinstance(value, list) else value
            )
    return found


def _identity(rows: pd.DataFrame, names: Collection[str]) -> pd.DataFrame:
    """Returns the columns that identify a run, as far as they change its numbers.

    Levels and rates may have passed through float32. Level 0 is no augmentation, and a
    probability of 0 severs nothing.
    """
    keys = rows[sorted(names)]
    aug, vcp = rows["aug"].round(4), rows["vcp"].round(4)
    rates = {rate: f"{rate:.5g}" for rate in rows["learning_rate"].unique()}
    return keys.assign(
        aug=aug,
        vcp=vcp,
        learning_rate=rows["learning_rate"].map(rates),
        aug_type=rows["aug_type"].where(aug > 0, "none"),
        severing=rows["severing"].where(vcp > 0, "none"),
    )


def _hashes(keys: pd.DataFrame, common: str) -> pd.Series:
    """Returns a short hash for each row of identifying columns."""
    number = keys.groupby(list(keys), dropna=False, sort=False).ngroup()
    first, hashes = ~number.duplicated(), {}
    told = keys[first].itertuples(index=False)
    for index, row in zip(number[first], told, strict=True):
        text = common + json.dumps(list(row), default=str)
        hashes[index] = OLD + hashlib.sha256(text.encode()).hexdigest()[:16]
    return number.map(hashes).astype("str")
