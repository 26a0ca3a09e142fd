"""Studies of a single layer: how fast its kernels become alike.

A study simulates pools of neurons under the instant rule and in the circuit, and leaves
a table, a record and a picture of minus the logarithm of the SNR beside its limits.
"""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import matplotlib
import numpy as np
import pandas as pd
from absl import logging
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from ws_jax.analysis import labels, style
from ws_jax.config import (
    ConfigError,
    check_config,
    check_name,
    parse,
    require,
    rules,
    to_values,
)
from ws_jax.engine.memory import available_bytes, mebibytes
from ws_jax.single_layer.pool import Pool
from ws_jax.single_layer.rules import Circuit, Instant
from ws_jax.storage.holds import SINGLE_LAYER, check_holds
from ws_jax.storage.integrity import (
    Damage,
    WorkdirError,
    make_folder,
    seal,
    seal_parquet,
    unseal,
    write_atomically,
)
from ws_jax.storage.results import ResultsError
from ws_jax.storage.unpacked import read_sealed_parquet
from ws_jax.storage.workdir import environment

TABLE, RECORD, PICTURE = (f"{SINGLE_LAYER}.{end}" for end in ("parquet", "json", "png"))
_KEYS = ["rule", "window", "gamma", "trial", "input"]  # a row of each
POOLS: dict[str, type[Pool]] = {"instant": Instant, "circuit": Circuit}
TITLES = {"instant": "Instant rule", "circuit": "Circuit"}


def read_pools(
    names: Sequence[str], changes: Sequence[str] = (), allow_diverging: bool = False
) -> list[Pool]:
    """Returns the rules to simulate, with what a person changed in them, checked.

    Args:
      names: of rules, `instant` and `circuit`.
      changes: each `FIELD=VALUE`, for all rules that have the field, or
        `RULE.FIELD=VALUE`, for one.
      allow_diverging: whether also those whose kernels or rates diverge.
    Raises:
      ConfigError: for what is no rule, field or value, or what diverges.
    """
    for name in names:
        check_name("rule", name, POOLS)
    if len(set(names)) != len(names) or not names:
        raise ConfigError(f"rules: {list(names)} are none, or one is there twice")
    pools = {name: POOLS[name]() for name in names}
    for change in changes:
        pools = _changed(pools, change)
    for name, pool in pools.items():
        check_config(pool, f"{name}.")
        if not allow_diverging:
            pool.check_converges()
        _check_fits(pool, name)
    return list(pools.values())


def _check_fits(pool: Pool, name: str) -> None:
    free = available_bytes(jax.local_devices()[:1])
    require(
        pool.least_bytes <= free,
        f"{name}: {pool.num_runs:,} runs of {pool.neurons:,} neurons with up to "
        f"{max(pool.windows) ** 2:,} taps need at least {mebibytes(pool.least_bytes)}, "
        f"of {mebibytes(free)} that can be used: lower trials or neurons, or name "
        "fewer windows or gammas",
    )


def _changed(pools: dict[str, Pool], change: str) -> dict[str, Pool]:
    path, equals, text = change.partition("=")
    if not equals:
        raise ConfigError(f"set: {change!r} has no value; needs FIELD=VALUE")
    rule, dot, field = path.rpartition(".")
    if dot:
        check_name("rule", rule, pools)
    chosen = [rule] if dot else list(pools)
    known = {name: rules(pools[name]) for name in chosen}
    check_name("field", field, {f for fields in known.values() for f in fields})
    found = dict(pools)
    for name in chosen:
        if field in known[name]:
            value = parse(pools[name], field, _listed(pools[name], field, text))
            found[name] = dataclasses.replace(pools[name], **{field: value})
    return found


def _listed(pool: Pool, field: str, text: str) -> str:
    if not text.strip(" ,()"):
        raise ConfigError(f"{field} has no value; needs FIELD=VALUE, as in {field}="
                          f"{_shown(getattr(pool, field))}")  # fmt: skip
    if text.count("(") != text.count(")"):
        raise ConfigError(f"{field} is {text!r}, with a bracket that has no other")
    if {"nan", "inf"} & {word.strip(" ()+-").lower() for word in text.split(",")}:
        raise ConfigError(f"{field} is {text!r}, needs numbers that are finite")
    return f"({text.strip('()')},)" if isinstance(getattr(pool, field), tuple) else text


def fields_text(names: Sequence[str]) -> str:
    """Lists the fields of rules: name, value, meaning."""
    for name in names:
        check_name("rule", name, POOLS)
    lines = []
    for name in names:
        for field, rule in rules(POOLS[name]).items():
            shown = _shown(getattr(POOLS[name](), field))
            lines.append(f"{name}.{field}={shown}: {rule.meaning}")
    return "\n".join(lines)


def _shown(value: Any) -> str:
    """Returns a field's value as a person types it."""
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def describe(pool: Pool) -> str:
    """Says in a line what a rule's simulation takes."""
    count = labels.count(pool.num_runs, "run")
    windows = ", ".join(f"{w}x{w}" for w in pool.windows)
    gammas = ", ".join(f"{g:g}" for g in pool.gammas)
    return (
        f"{TITLES[pool.kind]}: {count} in one program; {pool.neurons} neurons, kernels "
        f"of {windows} taps, gamma {gammas}, {labels.count(pool.trials, 'trial')} "
        f"each, {pool.inputs:,} inputs"
    )


def simulate(pools: Sequence[Pool]) -> pd.DataFrame:
    """Simulates rules, each in one program.

    Returns:
      A row for each run and measured input: `rule, window, gamma, trial, seed, input`;
      `log_inverse`, the logarithm of the released code's inverse SNR; `minus_log_snr`,
      of the paper's; `mean`, the norm of the mean kernel in units of that at the start;
      `cosine` between the two; `limit`, by how much theory has the logarithm fall;
      `status`, `finished` or `diverged`. Logarithms are natural.
    """
    return pd.concat([_table(pool) for pool in pools], ignore_index=True)


def _table(pool: Pool) -> pd.DataFrame:
    records = pool.simulate()
    inverse, ratio, mean, cosine = (np.asarray(a, np.float32) for a in records)
    times = pool.recorded()
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(inverse), -np.log(ratio)
    # Neither a number too large to hold nor kernels further apart than at the start.
    bad = ~np.isfinite(inverse).all(axis=1) | ~(inverse[:, -1] <= 10 * inverse[:, 0])
    parts = [
        pd.DataFrame(
            {
                "rule": pool.kind,
                "window": np.int32(run.window),
                "gamma": run.gamma,
                "trial": np.int32(run.trial),
                "seed": np.int32(pool.seed),
                "input": times,
                "log_inverse": logs[0][i],
                "minus_log_snr": logs[1][i],
                "mean": mean[i],
                "cosine": cosine[i],
                "limit": np.float32(pool.limit(run.gamma)),
                "status": "diverged" if bad[i] else "finished",
            }
        )
        for i, run in enumerate(pool.runs())
    ]
    return pd.concat(parts, ignore_index=True)


def draw(frame: pd.DataFrame) -> Figure:
    """Draws minus the logarithm of the SNR over inputs, a row for each rule.

    Lines are means over trials, bands their whole range; dashed is the limit in theory:
    the mean at the start and what it falls by in the long run.

    Args:
      frame: as `simulate` returns it.
    """
    frame = frame[frame["status"] == "finished"]
    if frame.empty:
        return style.message("No run has converged.")
    found = [rule for rule in POOLS if rule in set(frame["rule"])]
    windows = sorted(set(frame["window"]))
    gammas = sorted(set(frame["gamma"]), reverse=True)
    colours = dict(zip(gammas, map(style.series, range(len(gammas))), strict=True))
    figure, axes = style.make_axes(len(found), len(windows), 1.7)
    with matplotlib.rc_context(style.STYLE):
        for row, rule in zip(axes, found, strict=True):
            for panel, window in zip(row, windows, strict=True):
                own = frame[(frame["rule"] == rule) & (frame["window"] == window)]
                for gamma, lines in own.groupby("gamma"):
                    _draw_lines(panel, lines, colours[gamma])
                panel.set_title(f"{TITLES[rule]}, {window}x{window}")
                panel.xaxis.set_major_locator(MaxNLocator(4, prune="upper"))
            row[0].set_ylabel("− log SNR")
        for panel in axes[-1]:
            panel.set_xlabel("Inputs")
        style.letters(axes)
    lines = [Line2D([], [], color=colours[g], label=f"γ = {g:g}") for g in gammas]
    limit = Line2D([], [], color=style.INK, linestyle="--", linewidth=0.8)
    limit.set_label("limit in theory")
    style.legend(figure, [*lines, limit])
    return figure


def _draw_lines(panel: Any, lines: pd.DataFrame, colour: str) -> None:
    by_trial = lines.pivot(index="input", columns="trial", values="minus_log_snr")
    mean = by_trial.mean(axis=1)
    panel.plot(mean.index, mean, color=colour)
    low, high = by_trial.min(axis=1), by_trial.max(axis=1)
    panel.fill_between(mean.index, low, high, color=colour, alpha=0.2, linewidth=0)
    limit = mean.iloc[0] + float(lines["limit"].iloc[0])
    if np.isfinite(limit):
        panel.axhline(limit, color=colour, linestyle="--", linewidth=0.8)


def write(pools: Sequence[Pool], workdir: str | Path, overwrite: bool = False) -> Path:
    """Simulates rules, and writes table, record and picture; what was there counts.

    Returns:
      The folder. One that holds the same study already is left as it is.
    Raises:
      WorkdirError: if another study is there, and may not be overwritten, or something
        else, as a sweep, or the folder cannot be written to; nothing has been simulated
        then.
      ResultsError: if it is damaged.
    """
    folder = Path(workdir)
    check_holds(folder, "single layers", "workdir")
    config = {pool.kind: to_values(pool) for pool in pools}
    config = json.loads(json.dumps(config))
    if not overwrite and _is_there(folder, config):
        logging.info("%s holds this study already", folder)
        if not _is_picture(folder / PICTURE):
            write_atomically(folder / PICTURE, to_png(draw(read(folder))))
        return folder
    make_folder(folder, "workdir")
    frame = simulate(pools)
    count = frame[frame["status"] == "diverged"][["rule", "window", "gamma", "trial"]]
    if len(count):
        logging.warning(
            "%s diverged", labels.count(len(count.drop_duplicates()), "run")
        )
    picture = to_png(draw(frame))
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    content = seal_parquet(buffer.getvalue())
    table = hashlib.sha256(content).hexdigest()
    record = seal({"config": config, "table": table, **environment()})
    # However this ends: never a table beside the record of another study, or without.
    for name in (TABLE, RECORD):
        (folder / name).unlink(missing_ok=True)
    write_atomically(folder / RECORD, json.dumps(record, indent=1).encode())
    write_atomically(folder / PICTURE, picture)
    write_atomically(folder / TABLE, content)  # with it a study counts as done
    return folder


def _is_picture(path: Path) -> bool:
    """Returns whether a file begins and ends as a PNG does."""
    content = path.read_bytes() if path.is_file() else b""
    return content.startswith(b"\x89PNG") and content.endswith(b"IEND\xaeB`\x82")


def _is_there(folder: Path, config: dict[str, Any]) -> bool:
    """Returns whether a folder holds a study; `WorkdirError` if it is another one."""
    table, record = (folder / TABLE).exists(), (folder / RECORD).exists()
    if table and not record:
        raise WorkdirError(
            f"{folder} holds a table of single layers without its {RECORD}, which says "
            "of which study: put that back, name another folder, or --overwrite"
        )
    if record and read_record(folder)["config"] != config:
        raise WorkdirError(
            f"{folder} holds another study of single layers: name another folder, "
            "or --overwrite"
        )
    if table:
        read(folder)
    return table


def to_png(figure: Figure) -> bytes:
    """Returns a figure as a picture of 150 dots an inch."""
    buffer = io.BytesIO()
    with matplotlib.rc_context(style.STYLE):
        FigureCanvasAgg(figure)
        # Without the version of what drew it, so that the same is the same.
        figure.savefig(buffer, format="png", dpi=150, metadata={"Software": None})
    return buffer.getvalue()


def read_record(workdir: str | os.PathLike) -> dict[str, Any]:
    """Reads what a study says of itself; `ResultsError` if it cannot be read."""
    path = Path(workdir) / RECORD
    try:
        record = unseal(path.read_bytes())
        if "config" not in record:
            raise Damage("it does not say of what")
        return record
    except (OSError, Damage) as error:
        raise ResultsError(
            f"{path} cannot be read ({error}): make it anew by "
            "launch.single_layer --overwrite"
        ) from error


def read(workdir: str | os.PathLike) -> pd.DataFrame:
    """Reads the table of a study, as `simulate` returns it.

    Raises:
      ResultsError: if there is none, or it is damaged.
      MemoryError: if it needs more memory than is free.
    """
    path, record = Path(workdir) / TABLE, Path(workdir) / RECORD
    try:
        content = path.read_bytes()
        # A table alone may be read; older records do not say which theirs is.
        want = read_record(workdir).get("table") if record.exists() else None
        if want not in (None, hashlib.sha256(content).hexdigest()):
            raise Damage(f"it is not the table of {RECORD}")
        frame = read_sealed_parquet(content)
        if lacks := [name for name in _KEYS if name not in frame]:
            raise Damage(f"it lacks {', '.join(lacks)}")
        if frame.duplicated(_KEYS).any():
            raise Damage("a row is there twice")
        return frame
    except MemoryError as error:
        raise MemoryError(f"{path} cannot be read: {error}") from error
    except (OSError, Damage, ValueError) as error:
        raise ResultsError(
            f"{path} cannot be read ({error}): make it anew by "
            "launch.single_layer --overwrite"
        ) from error
