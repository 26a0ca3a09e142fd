"""A sweep of one's own on the page: its settings as a table, its fields as figures."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ws_jax.analysis import (
    aggregate,
    labels,
    question,
    style,
    swept,
    tables,
    varying,
    watched,
    wording,
)
from ws_jax.analysis.page import gallery, pieces, render
from ws_jax.config import MOST

_MOST_NAMED = 6  # lines that a legend names one by one
_MOST_BESIDE = 3  # settings without a field that stand beside those that have it
_NEVER = 4.0  # times the largest number: where `never` stands


def answers(own: Sequence[swept.Swept], named: bool) -> str:
    """Answers what sweeps ask that are no paper's, as HTML.

    Args:
      own: the sweeps.
      named: whether the data set of each is named.
    """
    parts = []
    for found in own:
        first, *rest = question.answers(found)
        name = labels.data(str(found.rows["data"].iloc[0]))
        head = f"<strong>{pieces.escape(name)}.</strong> " if named else ""
        parts.append(f"<p>{head}{pieces.escape(' '.join([first, *rest[:1]]))}</p>")
        items = "".join(f"<li>{pieces.escape(text)}</li>" for text in rest[1:])
        parts += [f"<ul>{items}</ul>"] if items else []
        parts += [f"<p>{pieces.escape(text)}</p>" for text in question.cautions(found)]
    return "".join(parts)


def settings_table(found: swept.Swept) -> str:
    """Returns the table with its name and how to read it."""
    name = labels.data(str(found.rows["data"].iloc[0]))
    return (
        f'<h3><span class="name">All settings</span>{pieces.escape(name)}</h3>'
        f'<p class="note">{pieces.escape(note(found))}</p>'
        f"{table(found)}"
    )


def table(found: swept.Swept) -> str:
    """Returns all settings as an HTML table, a narrow column for each field."""
    rows = found.rows
    metrics = tables.default_metrics(rows)
    metrics = tuple(sorted(metrics, key=lambda name: name != found.metric))
    test, each = _test_metric(found)
    metrics += (test,) if test else ()
    first = _first(found)
    lines: dict[tuple, dict[str, str]] = {}
    marks: dict[tuple, str] = {}
    for reading in ("last_epoch",) if found.moves else ("best_epoch", "last_epoch"):
        once = reading == "best_epoch" and not each
        shown = tuple(name for name in metrics if not (once and name == test))
        cells = aggregate.cells(rows, shown, reading).to_dict("records")
        for cell in sorted(cells, key=lambda c: metrics.index(c["metric"])):
            key = first.loc[cell["cell"], cell["epochs"]]
            head = f"{labels.short_metric(cell['metric'])}, {labels.READINGS[reading]}"
            share = watched.is_share(rows, cell["metric"])
            shown = {"value": cell["value"], "share": share}
            lines.setdefault(key, {})[head] = render.number(shown, "value")
            marks[key] = max(marks.get(key, ""), aggregate.mark(cell))
    heads = list(next(iter(lines.values()), {}))
    order = sorted(lines, key=lambda key: _order(found, key))
    names = [*(field.name for field in found.fields), *heads]
    cells = [[*key, *(lines[key].get(head, "") for head in heads)] for key in order]
    if any(marks.values()):  # a field may be called so, too
        names.append("amiss")
        cells = [[*line, marks[key]] for line, key in zip(cells, order, strict=True)]
    frame = pd.DataFrame(cells, columns=names)
    text = pieces.words_table(frame, numbers=heads)
    return text.replace('class="words"', 'class="words settings"', 1)


def _test_metric(found: swept.Swept) -> tuple[str, bool]:
    """Returns the watched metric on test images, and whether each epoch has it.

    The name is empty where no test images were scored.
    """
    name = f"test_{found.metric.removeprefix('val_')}"
    if name not in found.rows.columns:
        return "", False
    known = found.rows[found.rows[name].notna()]
    return name if len(known) else "", bool(known["training"].duplicated().any())


def _first(found: swept.Swept) -> pd.Series:
    """Returns the words of all fields for each cell and its epochs."""
    words = list(zip(*(f.words for f in found.fields), strict=True))
    words = words or [()] * len(found.rows)
    series = pd.Series(words, found.rows.index)
    return series.groupby([found.rows["cell"], found.rows["epochs"]]).first()


def _order(found: swept.Swept, key: tuple) -> list[int]:
    return [
        field.values.index(value) if value else -1
        for field, value in zip(found.fields, key, strict=True)
    ]


def note(found: swept.Swept) -> str:
    """Says how to read the table."""
    share = watched.is_share(found.rows, found.metric)
    test, each = _test_metric(found)
    tested = "Test images were scored after the last epoch. " if test else ""
    if each:
        best = "" if found.moves else "; the best epoch is validation’s"
        tested = f"Test images were scored after each epoch{best}. "
    count = labels.count(found.foldings, "run")
    apart = f"Without {count} of folded networks. " if found.foldings else ""
    which = (
        "at each run’s last epoch; validation images change with the epochs, so that "
        "there is no best one. "
        if found.moves
        else "best: at each run’s best epoch by the watched validation metric, "
        "last: at its last. "
    )
    return (
        f"{'Percent. ' if share else ''}Medians over all runs of a setting "
        f"(“In short” has means); {which}{tested}{apart}"
        f"{tables.note(found.rows)}"
    )


def figures(found: swept.Swept) -> list[gallery.Item]:
    """Lists figures of the watched metric against each numeric field."""
    items = []
    axes = [(i, axis) for i, field in enumerate(found.fields) for axis in field.axes]
    for place, field in axes:
        if field.numbers is None or field.numbers.nunique() < 2:
            continue
        lines = _lines(found, place, field)
        if all(runs.empty for runs in lines.values()):
            continue
        other = _colouring(found, place)
        told = "Colours tell the others’ values." if len(lines) <= _MOST_NAMED else (
            f"One thin line for each setting of the others; colours tell the "
            f"{found.fields[other].name}." if other >= 0 else ""
        )  # fmt: skip
        usual = field.column in varying.NAMES
        against = f"the {field.name}" if usual else f"“{field.name}”"
        name = f"{labels.metric(found.metric)} against {against}"
        items.append(
            gallery.Item(
                "",
                f"{name}, {labels.data(found.rows['data'].iloc[0])}",
                f"Each run at its {found.epoch}. Lines are medians over folds and "
                f"seeds, bars their whole range ({varying.repeats(found.rows)}). "
                f"{_along(found.fields[place], field)}"
                f"{_beside(found, place, field)}"
                f"{told if len(lines) > 1 else ''}".strip(),
                functools.partial(_against, found, place, field),
            )
        )
    return items


def _beside(found: swept.Swept, place: int, field: varying.Field) -> str:
    """Says which runs have no such field; nothing if all have it."""
    runs = _with_numbers(found, field)
    without, usual = runs["word"] == "", runs["x"].isna() & (runs["word"] != "")
    text = ""
    if without.any() and _lacking(found, place, field):
        text = "Dashed: medians of what has no such field. "
    elif without.any():
        count = labels.count(int(without.sum()), "run")
        text = f"Not drawn: {count} without such a field. "
    if usual.any():
        count = labels.count(int(usual.sum()), "run")
        told = ", ".join(sorted(set(runs.loc[usual, "word"])))
        text += f"Not drawn: {count}, {told}. "
    return text


def _along(whole: varying.Field, field: varying.Field) -> str:
    """Says what changes along a field."""
    others = [f"“{part.name}”" for part in whole.parts if part.column != field.column]
    if not others:
        return ""
    verb = "changes" if len(others) == 1 else "change"
    return f"With it {verb} {' and '.join(others)}. "


def _lines(
    found: swept.Swept, place: int, field: varying.Field
) -> dict[str, pd.DataFrame]:
    """Returns the runs of each setting of the other fields, by its words.

    Args:
      found: the study.
      place: of the field along which lines run.
      field: this field, or the one of its parts that tells where.
    """
    assert field.numbers is not None
    runs = _with_numbers(found, field).dropna(subset=["x"])
    others = [i for i in range(len(found.fields)) if i != place]
    if not others:
        return {"": runs}
    keys = [swept.key(i) for i in others]
    named = [found.fields[i] for i in others]
    return {swept.named(named, values): own for values, own in runs.groupby(keys)}


def _with_numbers(found: swept.Swept, field: varying.Field) -> pd.DataFrame:
    """Returns runs that have a value, with a field's `word`, `number` and place `x`.

    The number of no end, which pages call never, stands behind all others.
    """
    assert field.numbers is not None
    numbers = field.numbers.groupby(found.rows["training"]).first()
    ends = numbers[numbers != MOST].dropna()
    behind = ends.max() * _NEVER if len(ends) and ends.max() > 0 else 1.0
    places = numbers.where(numbers != MOST, behind)
    words = field.words.groupby(found.rows["training"]).first()
    runs = found.runs.assign(number=numbers, x=places, word=words)
    return runs.dropna(subset=["value"])


def _lacking(
    found: swept.Swept, place: int, field: varying.Field
) -> dict[str, pd.Series]:
    """Returns values of the runs that have no such field, by what they are called.

    These are few: networks that have no part of that kind, say.
    """
    runs = _with_numbers(found, field)
    runs = runs[runs["word"] == ""]
    others = [i for i in range(len(found.fields)) if i != place]
    keys = [swept.key(i) for i in others]
    if not len(runs) or not keys:
        return {}
    named = [found.fields[i] for i in others]
    each = {swept.named(named, v): own["value"] for v, own in runs.groupby(keys)}
    return each if len(each) <= _MOST_BESIDE else {}


def _colouring(found: swept.Swept, place: int) -> int:
    """Returns the field that colours tell where there are many lines."""
    others = [i for i in range(len(found.fields)) if i != place]

    def spread(i: int) -> float:
        means = found.runs.groupby(swept.key(i))["value"].mean()
        return float(means.max() - means.min())

    return max(others, key=spread, default=-1)


def _against(found: swept.Swept, place: int, field: varying.Field) -> Figure:
    lines = _lines(found, place, field)
    many = len(lines) > _MOST_NAMED
    other = _colouring(found, place)
    figure, axes = style.make_axes(1, 1, height=2.6)
    panel, handles = axes[0, 0], {}
    with matplotlib.rc_context(style.STYLE):
        for words, runs in lines.items():
            told = runs[swept.key(other)].iloc[0] if many else words
            if many and not told:
                told = f"no {found.fields[other].name}"
            colour = style.series(list(handles).index(told) if told in handles
                                  else len(handles))  # fmt: skip
            medians = runs.groupby("x")["value"].agg(["median", "min", "max"])
            ends = np.abs(
                medians[["min", "max"]].T.to_numpy() - medians["median"].to_numpy()
            )
            panel.errorbar(
                medians.index, medians["median"], ends, color=colour, marker="o",
                linewidth=0.7 if many else 1.4, elinewidth=0.7, capsize=2,
                alpha=0.7 if many else 1,
            )  # fmt: skip
            handles.setdefault(told, Line2D([], [], color=colour, label=told))
        for words, values in _lacking(found, place, field).items():
            colour, label = style.series(len(handles)), f"{words} (has none)"
            panel.axhline(values.median(), color=colour, linestyle="--", linewidth=1)
            handles[label] = Line2D([], [], color=colour, linestyle="--", label=label)
        _scale(panel, field, _with_numbers(found, field))
        panel.set_ylabel(labels.metric(found.metric))
        if watched.is_share(found.rows, found.metric):
            style.in_percent(panel)
    order = found.fields[other].values if many else list(handles)
    shown = [handles[told] for told in sorted(handles, key=_place_in(order)) if told]
    title = found.fields[other].name if many else ""
    style.legend(figure, shown, title)
    return figure


def _place_in(order: list[str]) -> Callable[[str], int]:
    """Returns the key that sorts words in an order, others behind."""
    return lambda told: order.index(told) if told in order else len(order)


def _scale(panel, field: varying.Field, runs: pd.DataFrame) -> None:
    """Gives the axis of a field its values as ticks, by powers of ten if it must.

    Args:
      panel: of the axis.
      field: it.
      runs: as `_with_numbers` returns them.
    """
    ticks = runs[["x", "number"]].dropna().drop_duplicates().sort_values("x")
    values = ticks["x"].tolist()
    positive = [value for value in values if value > 0]
    if values[0] > 0 and values[-1] / values[0] >= 9:
        panel.set_xscale("log")
    elif values[0] == 0 and len(positive) > 1 and positive[-1] / positive[0] >= 9:
        panel.set_xscale("symlog", linthresh=positive[0])
    panel.set_xlabel(field.name[:1].upper() + field.name[1:])
    if len(values) <= 12:
        digits = labels.digits_apart(ticks["number"], least=4)
        panel.set_xticks(values, [wording.word(n, digits) for n in ticks["number"]])
        panel.minorticks_off()
