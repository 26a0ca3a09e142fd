"""What `launch.fold` wrote beside sweeps: its reports as a table, and their figure."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ws_jax.analysis import labels, style
from ws_jax.analysis.page.gallery import Item
from ws_jax.folding.file import REPORT_FILE, damaged
from ws_jax.storage.below import walk
from ws_jax.storage.integrity import Damage, unseal
from ws_jax.storage.results import RESULTS_FILE, ResultsError, read_table

_SEED = re.compile(r"seed(\d+)")
_CAPTION = """Layers whose coefficients are alike by a threshold are tied, and the
network loops; a line is a run. {} Left, the score on {} images: solid after folding,
dotted before{}; against the parameters that are left, a ring is the network before.
Right, the largest change of a kernel by its own norm, and the parameters that folding
saves (below 0 it costs some: more kernels than templates are left)."""
_REPLACED = """Of parameters that the sweep no longer has, since these runs were trained
anew with other settings: {}; fold them again."""
_IN_PERCENT = {"acc": "Accuracy (%)", "f1": "F1 (%)"}


def find(folders: Sequence[str | os.PathLike]) -> list[Path]:
    """Finds the reports in folders and below them, and in `FOLDER_folded` beside."""
    found: dict[Path, None] = {}
    for folder in folders:
        whole = Path(os.path.abspath(folder))
        for root in (whole, whole.with_name(f"{whole.name}_folded")):
            for at, _, files in walk(root):
                if REPORT_FILE in files:
                    found[Path(at, REPORT_FILE)] = None
    return sorted(found)


def read(folders: Sequence[str | os.PathLike]) -> pd.DataFrame:
    """Reads the reports that `find` finds.

    Returns:
      A row for each run and threshold: `data`, `sweep`, `network`, `run`, `seed`,
      `metric`, `threshold`, `link`, `kernel`, `scale`, `parameters`, `left` and `saved`
      (parts of the parameters), `change` (the largest of all kernels), `before`,
      `after`, and `trained`, the score after training on; NaN where it was not;
      `replaced`: whether the sweep beside no longer has the parameters that were folded
      (older reports do not say which these were).
    Raises:
      ResultsError: if a report is damaged.
    """
    rows: list[dict[str, Any]] = []
    for path in find(folders):
        try:
            told = unseal(path.read_bytes())
            replaced = _is_replaced(path, told)
            rows += [{**row, "replaced": replaced} for row in _rows(told)]
        except (Damage, ValueError, LookupError, TypeError, AttributeError) as error:
            raise ResultsError(damaged(path, error)) from error
    return pd.DataFrame(rows).drop_duplicates(ignore_index=True)


def _is_replaced(path: Path, report: Any) -> bool:
    """Whether the sweep that a report is beside has trained its run anew, otherwise."""
    digest = str(report.get("source", "")).partition(":")[0]
    folder = path.parent
    places = [folder, folder.parent]
    places += [p.with_name(p.name.removesuffix("_folded")) for p in places]
    tables = [place / RESULTS_FILE for place in places]
    there = next((table for table in tables if table.is_file()), None)
    if not digest or there is None:
        return False
    table = read_table(there)
    return digest not in set(table.loc[table["run"] == str(report["run"]), "digest"])


def _rows(report: Any) -> Iterator[dict[str, Any]]:
    """Returns the rows of one report; older ones do not say of what they are."""
    run, before = str(report["run"]), report["before"]
    watched, seed = report.get("watched", "acc"), _SEED.search(run)
    metric = f"test_{watched}" if f"test_{watched}" in before else f"val_{watched}"
    for entry in report["foldings"]:
        left = entry["parameters"] / report["parameters"]
        yield {
            "data": report.get("data", ""),
            "sweep": report.get("sweep", ""),
            "network": report["network"],
            "run": run,
            "seed": report.get("seed", int(seed[1]) if seed else 0),
            "metric": metric,
            "threshold": float(entry["threshold"]),
            **{how: entry.get(how, "") for how in ("link", "kernel", "scale")},
            "parameters": int(entry["parameters"]),
            "left": left,
            "saved": 1 - left,
            "change": max(max(own, default=0.0) for own in entry["change"]),
            "before": float(before[metric]),
            "after": float(entry["after"][metric]),
            "trained": float(entry.get("trained", {}).get(metric, np.nan)),
        }


def items(folders: Sequence[str | os.PathLike]) -> list[Item]:
    """Returns a figure for each data set, sweep and way to fold, if there are any."""
    table = read(folders)
    if table.empty:
        return []
    found = []
    for _, own in table.groupby(["data", "sweep", "metric", "link", "kernel", "scale"]):
        first = own.iloc[0]
        where = [labels.data(first["data"]), f"sweep {first['sweep']}"]
        title = ", ".join(["Folding into loops", *where]) if first["sweep"] else (
            "Folding into loops"
        )  # fmt: skip
        found.append(Item("", title, caption(own), functools.partial(fold_curves, own)))
    return found


def caption(table: pd.DataFrame) -> str:
    """Says how to read the figure of one way to fold."""
    first = table.iloc[0]
    on = ", dashed after training on" if table["trained"].notna().any() else ""
    if on and first["metric"].endswith("_f1"):  # grids are drawn anew in every epoch
        on += " (on grids of its own, those of its last epoch)"
    scored = "test" if first["metric"].startswith("test_") else "validation"
    how = f"Links: {first['link']}; kernel: {first['kernel']}; scale: {first['scale']}."
    text = _CAPTION.format(how if first["link"] else "", scored, on)
    replaced = sorted(set(table.loc[table["replaced"], "run"]))
    return f"{text} {_REPLACED.format(', '.join(replaced))}" if replaced else text


def fold_curves(table: pd.DataFrame) -> Figure:
    """Draws what folding costs and saves, by threshold; a line for each run.

    Args:
      table: of one way to fold, as `read` returns it.
    """
    networks = sorted(set(table["network"]))
    metric = table["metric"].iloc[0].split("_", 1)[1]  # of test or validation images
    score = _IN_PERCENT.get(metric, labels.metric(metric))
    figure, axes = style.make_axes(2, 2, height=1.9)
    with matplotlib.rc_context(style.STYLE):
        for index, network in enumerate(networks):
            own, color = table[table["network"] == network], style.series(index)
            for _, line in own.sort_values("threshold").groupby("run"):
                _draw_run(axes, line, color)
        names = ((score, "Kernel change (%)"),
                 (score, "Parameters saved (%)"))  # fmt: skip
        for row, across in zip(axes, names, strict=True):
            for panel, name in zip(row, across, strict=True):
                panel.set_ylabel(name)
                if name.endswith("(%)"):
                    style.in_percent(panel)
        for panel in (axes[0, 0], axes[0, 1], axes[1, 1]):
            panel.set_xlabel("Threshold of similarity")
        axes[1, 0].set_xlabel("Parameters left (%)")
        axes[1, 0].xaxis.set_major_formatter(lambda value, _: f"{100 * value:.4g}")
    style.legend(figure, _handles(networks, bool(table["trained"].notna().any())))
    return figure


def _draw_run(axes: np.ndarray, line: pd.DataFrame, color: str) -> None:
    """Draws one run in all four panels."""
    at, before = line["threshold"], line["before"].iloc[0]
    thin = {"color": color, "linewidth": 1, "markersize": 3}
    for panel, column in ((axes[0, 0], "after"), (axes[0, 1], "change"),
                          (axes[1, 1], "saved")):  # fmt: skip
        panel.plot(at, line[column], "o-", alpha=0.8, **thin)
    _level(axes[0, 0], at, before, color)
    kept = line.sort_values("left")
    axes[1, 0].plot(kept["left"], kept["after"], "o-", alpha=0.8, **thin)
    axes[1, 0].plot([1], [before], "o", fillstyle="none", color=color, markersize=6)
    if line["trained"].notna().any():
        axes[0, 0].plot(at, line["trained"], "s--", alpha=0.8, **thin)
        axes[1, 0].plot(kept["left"], kept["trained"], "s--", alpha=0.8, **thin)


def _level(panel: Axes, at: pd.Series, value: float, color: str) -> None:
    ends = [at.min(), at.max()] if at.nunique() > 1 else [at.min() - 0.05, 1]
    panel.plot(ends, [value] * 2, ":", color=color, linewidth=1)


def _handles(networks: Iterable[str], trained: bool) -> list[Line2D]:
    lines = [
        Line2D([], [], color=style.series(index), label=network)
        for index, network in enumerate(networks)
    ]
    words = {"before": ":", **({"trained on": "s--"} if trained else {})}
    return lines + [
        Line2D([], [], color=style.INK, marker=how.rstrip("-:"), markersize=3,
               linestyle=how.lstrip("s"), label=word)
        for word, how in words.items()
    ]  # fmt: skip
