"""Curves over epochs and over levels: the parts that figures are made of."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from ws_jax.analysis import aggregate, labels, settings, style, watched, wording

SCORES = ("acc", "val_acc")
ACCURACIES = (*SCORES, *watched.VIEWS)
_POINTS = 80  # of a drawn curve; more would not be seen


def draw_epochs(axes: Axes, rows: pd.DataFrame, metric: str, **line) -> None:
    """Draws one measure over epochs: the median over runs, and their whole range.

    Beyond the epoch at which the first of the runs stopped the curve is dotted: there
    it stands for fewer folds.

    Args:
      axes: where to draw.
      rows: tidy rows of the runs that the curve stands for.
      metric: the measure.
      **line: of `Axes.plot`, with `color`.
    """
    known = rows.dropna(subset=[metric])
    if known.empty:
        return
    by_epoch = known.groupby("epoch")[metric]
    named = {name: getattr(by_epoch, name)() for name in ("median", "min", "max")}
    epochs = pd.DataFrame({**named, "size": by_epoch.size()})
    step = -(-len(epochs) // _POINTS)
    whole = epochs[epochs["size"] == epochs["size"].max()].index.max()
    keep = np.arange(len(epochs)) % step == 0
    keep |= epochs.index.isin([whole, epochs.index.max()])
    epochs = epochs[keep]
    colour = line["color"]
    if epochs["size"].max() > 1:
        axes.fill_between(
            epochs.index,
            epochs["min"],
            epochs["max"],
            color=colour,
            alpha=0.16,
            linewidth=0,
        )
    full, rest = epochs.loc[:whole], epochs.loc[whole:]
    single = {"marker": "o"} if len(epochs) == 1 else {}
    axes.plot(full.index, full["median"], **line, **single)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    if len(rest) > 1:
        axes.plot(rest.index, rest["median"], color=colour, linestyle=":")


@dataclasses.dataclass(frozen=True)
class Panel:
    """One panel of curves over epochs.

    Attributes:
      title: over the panel.
      label: of its vertical axis.
      rows: tidy rows of the runs.
      metric: the measure.
    """

    title: str
    label: str
    rows: pd.DataFrame
    metric: str


def by_setting(panels: Sequence[Panel | None], columns: int, by: str) -> Figure:
    """Draws panels of curves over epochs, coloured by level or by another number.

    Args:
      panels: row by row; None leaves a place empty.
      columns: of panels.
      by: `aug` (level), `vcp` (probability of severing), `learning_rate`, `coupling`,
        or a field of the config by its dotted name.
    """
    drawn = [panel for panel in panels if panel]
    values = sorted({x for panel in drawn for x in panel.rows[by].unique()})
    colours = style.colours(values, by)
    titles = iter(_titles([panel.title for panel in drawn], columns))
    titles = [next(titles) if panel else "" for panel in panels]
    lines = max(title.count("\n") + 1 for title in titles)
    figure, axes = style.make_axes(-(-len(panels) // columns), columns, lines=lines)
    empty = [None] * (axes.size - len(panels))
    shown: list[tuple[Axes, Panel]] = []
    with matplotlib.rc_context(style.STYLE):
        for place, panel, title in zip(
            axes.flat, [*panels, *empty], [*titles, *empty], strict=True
        ):
            if panel is None:
                place.remove()
                continue
            shown.append((place, panel))
            place.set_title(title)
            place.set_ylabel(panel.label)
            for value, part in panel.rows.groupby(by):
                draw_epochs(place, part, panel.metric, color=colours[value])
            share = watched.is_share(panel.rows, panel.metric)
            (style.in_percent if share else style.in_short)(place)
            _skip_beginning(place, panel)
        lowest = {place.get_subplotspec().colspan.start: place for place, _ in shown}
        for place in lowest.values():
            place.set_xlabel("Epoch")
        _share_limits(shown)
    if len(values) > 1:
        words = wording.column_in_words(pd.Series(values)) if "." in by else ()
        title = _TITLES.get(by, by.rpartition(".")[2].replace("_", " "))
        style.legend(figure, style.handles(values, by, list(words)), title)
    return figure


_TITLES = {"aug": "Level", "vcp": "p", "learning_rate": "Rate", "coupling": "Coupling"}


def _titles(names: Sequence[str], columns: int) -> list[str]:
    """Returns titles with their letters, in lines that fit over panels."""
    width = style.panel_width(columns) + 0.1
    named = [f"({style.letter(i)}) {name}" for i, name in enumerate(names)]
    return [style.wrapped(name, width, 9.5) for name in named]


def _skip_beginning(axes: Axes, panel: Panel) -> None:
    """Fits the vertical range to what follows the first tenth of the epochs.

    Otherwise the first epochs leave no room for what tells curves apart. Distances
    start at a value that is of interest; short trainings are shown whole.
    """
    length = panel.rows["epoch"].max()
    late = panel.rows.loc[panel.rows["epoch"] > length / 10, panel.metric]
    if panel.metric in ACCURACIES and length >= 20 and late.notna().any():
        margin = 0.05 * (late.max() - late.min()) + 1e-4
        axes.set_ylim(late.min() - margin, late.max() + margin)


def _share_limits(shown: Sequence[tuple[Axes, Panel]]) -> None:
    """Gives panels of one measure the same limits, if no row has another one, too."""
    rows: dict[object, list[tuple[Axes, str]]] = {}
    for place, panel in shown:
        start = place.get_subplotspec().rowspan.start
        rows.setdefault(start, []).append((place, panel.metric))
    alike: dict[str, list[Axes]] = {}
    for row in rows.values():
        if len({metric for _, metric in row}) == 1:
            alike.setdefault(row[0][1], []).extend(place for place, _ in row)
    for places in alike.values():
        limits = [place.get_ylim() for place in places]
        for place in places:
            place.set_ylim(min(low for low, _ in limits), max(h for _, h in limits))


def learning_curves(
    rows: pd.DataFrame, metrics: Sequence[str] = (), by: str = "aug"
) -> Figure:
    """Draws learning curves: a row per measure, a column per model.

    Args:
      rows: tidy rows of one data set.
      metrics: measures; empty: all accuracies that were evaluated, and what else
        tasks are scored by.
      by: what colours stand for, see `by_setting`.
    """
    known = [*SCORES, *watched.own_metrics(rows), *watched.VIEWS]
    wanted = metrics or [m for m in known if rows[m].notna().any()]
    columns = _columns(rows, by)
    if not columns or not wanted:
        return style.message("No epochs yet.")
    common = common_words(rows, by)
    told = [_WORDS.split(name) for name, _ in columns]
    names = [", ".join(word for word in own if word not in common) for own in told]
    across = _across(names)
    empty = [None] * (-len(columns) % across)
    panels: list[Panel | None] = []
    for metric in wanted:
        for place, (name, (_, part)) in enumerate(zip(names, columns, strict=True)):
            label = "" if place % across else labels.metric(metric)
            panels.append(Panel(name, label, part, metric))
        panels += empty
    return by_setting(panels, across, by)


_MOST_ACROSS, _MOST_LINES = 4, 4  # panels in a row, and lines of their titles


def _across(names: Sequence[str]) -> int:
    """Returns how many panels stand in a row: about as many in each, fewer if long."""
    for most in range(_MOST_ACROSS, 1, -1):
        across = -(-len(names) // -(-len(names) // most))
        if all(t.count("\n") < _MOST_LINES for t in _titles(names, across)):
            return across
    return min(len(names), 2)


def common_words(rows: pd.DataFrame, by: str) -> list[str]:
    """Returns what the columns of learning curves have in common, left out over them.

    Args:
      rows: that are drawn.
      by: what colours stand for.
    """
    told = [_WORDS.split(name) for name, _ in _columns(rows, by)]
    if not told:
        return []
    common = [word for word in told[0] if all(word in own for own in told)]
    # A panel of nothing but these would have no title.
    return common if all(set(own) - set(common) for own in told) else []


_WORDS = re.compile(r", (?![^(]*\))")  # the values of a tuple are one word


def _columns(rows: pd.DataFrame, by: str) -> list[tuple[str, pd.DataFrame]]:
    """Parts rows by model and setting, and names the parts by what tells them apart."""
    inits = set(rows.loc[rows["model"] != "cnn", "init"])
    several = rows["semantics"].nunique() > 1
    keys = ["aug_type", *settings.SETTING]
    telling = settings.differing(_alike(rows), [k for k in keys if k != by])
    found = []
    for semantics, init, model in aggregate.variants(rows):
        own = aggregate.matching(
            _alike(rows), semantics=semantics, init=init, model=model
        )
        name = model_name(model, init, inits)
        name += f" ({semantics})" if several else ""
        # By setting in a fixed order, the words being those of all columns.
        groups = settings.grouped(own, telling) if telling else [((), own)]
        for values, part in groups:
            told = dict(zip(telling, values, strict=True))
            words = settings.of_model(told, part, rows)
            found.append((f"{name}, {words}" if words else name, part))
    return found


def _alike(rows: pd.DataFrame) -> pd.DataFrame:
    """Calls level 0 by the kind that it is the beginning of, if there is one."""
    kinds = set(rows.loc[rows["aug"] > 0, "aug_type"])
    if len(kinds) != 1:
        return rows
    none = rows["aug_type"] == "none"
    return rows.assign(aug_type=rows["aug_type"].where(~none, kinds.pop()))


def model_name(model: str, init: str, inits: set[str]) -> str:
    """Returns a model's label; the initialisation only where it tells two apart."""
    return labels.variant(model, init, inits if model != "cnn" else ())


def level_curves(
    rows: pd.DataFrame,
    kind: str,
    metrics: Sequence[str],
    published: pd.DataFrame | None = None,
) -> Figure:
    """Draws medians over all epochs and folds against the level.

    Runs in different settings, or of different length, are no part of one line.

    Args:
      rows: tidy rows of one semantics.
      kind: training augmentation.
      metrics: measures, a panel each.
      published: numbers of a paper to draw beside them, with the columns `aug`,
        `model`, `metric` and `published`.
    """
    rows = aggregate.of_kind(rows, kind)
    rows = rows[rows["vcp"] == 0]
    lines = _columns(rows, by="aug")
    if not lines:
        return style.message("No runs yet.")
    figure, axes = style.make_axes(1, len(metrics), height=1.8)
    handles = []
    with matplotlib.rc_context(style.STYLE):
        for panel, metric in zip(axes.flat, metrics, strict=True):
            for place, (_, part) in enumerate(lines):
                cells = aggregate.cells(part, [metric], "all_epochs")
                _draw_cells(panel, cells, _line(part, place, lines))
            if published is not None:
                _draw_published(panel, published, metric)
            panel.set_title(labels.short_metric(metric))
            style.over_levels(panel, "Level")
            if watched.is_share(rows, metric):
                style.in_percent(panel)
        style.letters(axes)
        for place, (name, part) in enumerate(lines):
            line = _line(part, place, lines)
            handles.append(Line2D([], [], label=name, **{"marker": "o", **line}))
        if published is not None:
            handles.append(_published_handle())
    style.legend(figure, handles)
    return figure


_MARKERS = "osD^vP"  # of the settings that one model was trained in


def _line(part: pd.DataFrame, place: int, lines: Sequence[tuple]) -> dict[str, object]:
    """Returns the style of a model's line, with a marker of its setting."""
    model, init = part["model"].iloc[0], part["init"].iloc[0]
    same = [(p["model"].iloc[0], p["init"].iloc[0]) for _, p in lines[:place]]
    marker = _MARKERS[same.count((model, init)) % len(_MARKERS)]
    return {**style.model_style(model, init), "marker": marker}


def _draw_cells(axes: Axes, cells: pd.DataFrame, line: dict[str, object]) -> None:
    """Draws one model; a cell that lacks folds has a hollow marker."""
    cells = cells.sort_values("aug")
    axes.plot(cells["aug"], cells["value"], **{**line, "marker": ""})
    whole = cells["folds"] >= cells["planned_folds"]
    for part, face in ((cells[whole], line["color"]), (cells[~whole], "none")):
        axes.plot(
            part["aug"],
            part["value"],
            linestyle="none",
            marker=line["marker"],
            markerfacecolor=face,
            markeredgecolor=line["color"],
        )


def _draw_published(axes: Axes, values: pd.DataFrame, metric: str) -> None:
    for model, part in values[values["metric"] == metric].groupby("model"):
        colour = style.model_style(model, "paper")["color"]
        axes.plot(
            part["aug"],
            part["published"],
            linestyle="none",
            marker="x",
            markersize=4.5,
            color=colour,
            alpha=0.75,
        )


def _published_handle() -> Line2D:
    return Line2D(
        [], [], linestyle="none", marker="x", color=style.INK, label="published"
    )
