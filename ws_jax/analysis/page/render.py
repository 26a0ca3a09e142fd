"""A table as a pandas frame, as Markdown and as HTML."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ws_jax.analysis import labels
from ws_jax.analysis.tables import READINGS, Table


def to_frame(table: Table) -> pd.DataFrame:
    """Returns the table in wide form, accuracies in [0, 1].

    Returns:
      One row per `group` and `row`; columns (column, reading, what) with `what` being
      `value`, `difference` (if the paper has numbers) and `mark`, besides
      (column, `published`, `value`).
    """
    fields = ["value", "mark"]
    if table.has_published:
        fields.insert(1, "difference")
    wide: dict[tuple[str, str, str], pd.Series] = {}
    cells = table.cells
    order = cells[["group", "row"]].drop_duplicates()
    rows = pd.MultiIndex.from_frame(order, names=[table.row_name, "model"])
    for column in cells["column"].unique():
        part = cells[cells["column"] == column]
        for reading in READINGS:
            one = part[part["reading"] == reading].set_index(["group", "row"])
            if table.has_published:
                wide[column, "published", "value"] = one["published"]
            wide |= {(column, reading, field): one[field] for field in fields}
    frame = pd.DataFrame({key: series.reindex(rows) for key, series in wide.items()})
    frame = frame.reindex(rows)
    names = ["measure", "reading", "what"]
    frame.columns = pd.MultiIndex.from_tuples(list(wide) or [], names=names)
    return frame


def to_markdown(table: Table, reading: str = "all_epochs") -> str:
    """Returns one reading as a Markdown table, shares in percent.

    A cell reads `98.81 (+0.02)`: ours and its difference from the paper in points. What
    is amiss stands after it, as `[2 of 5 folds]`.
    """
    cells = table.cells[table.cells["reading"] == reading]
    columns = list(cells["column"].unique())
    head = [table.row_name, "Model"]
    for column in columns:
        head += [f"{column}, paper", column] if table.has_published else [column]
    lines = [_line(head), _line(["---"] * len(head))]
    for (group, row), part in cells.groupby(["group", "row"], sort=False):
        by_column = {cell["column"]: cell for cell in part.to_dict("records")}
        line = [str(group), str(row)]
        for column in columns:
            cell = by_column[column]
            if table.has_published:
                line.append(number(cell, "published"))
            line.append(_markdown_cell(cell))
        lines.append(_line(line))
    title = f"**{table.name}. {table.title}** ({labels.READINGS[reading]})"
    return "\n".join([title, "", *lines, "", table.note])


def to_html(table: Table, groups: Sequence[str] | None = None) -> str:
    """Returns all readings side by side as an HTML table, shares in percent.

    Under each value of ours stands its difference from the paper in points.

    Args:
      table: any.
      groups: which of its groups (levels, say); None for all.
    """
    cells = table.cells
    columns = list(cells["column"].unique())
    if groups is not None:
        cells = cells[cells["group"].isin(groups)]
    names = [labels.READINGS[reading] for reading in READINGS]
    if table.has_published:
        names.insert(0, "paper")
    top = "".join(
        f'<th colspan="{len(names)}" scope="colgroup">{html.escape(c)}</th>'
        for c in columns
    )
    sub = "".join(f"<th>{name}</th>" for name in names) * len(columns)
    groups_of: dict[str, dict[str, list[dict]]] = {}
    for cell in cells.to_dict("records"):
        lines = groups_of.setdefault(str(cell["group"]), {})
        lines.setdefault(str(cell["row"]), []).append(cell)
    body = [
        _html_group(group, lines, columns, table.has_published)
        for group, lines in groups_of.items()
    ]
    return (
        '<div class="scroll"><table><thead>'
        f'<tr><th class="side" rowspan="2">{table.row_name}</th>'
        f'<th class="side" rowspan="2">Model</th>{top}</tr>'
        f"<tr>{sub}</tr></thead>{''.join(body)}</table></div>"
    )


def groups_by_results(table: Table) -> tuple[list[str], list[str]]:
    """Returns the groups of a table that have a value, and those that have none."""
    found = table.cells.groupby("group", sort=False)["value"].count() > 0
    return list(found.index[found]), list(found.index[~found])


def _html_group(
    group: str,
    models: Mapping[str, Sequence[Mapping[str, Any]]],
    columns: Sequence[str],
    has_published: bool,
) -> str:
    """Returns the lines of one group, whose cells are given by the model's name."""
    lines = []
    for index, (row, part) in enumerate(models.items()):
        cells = {(c["column"], c["reading"]): c for c in part}
        marks = {c["mark"] for c in cells.values() if not np.isnan(c["value"])}
        # What holds of a whole row is said once, by its name.
        common = marks.pop() if len(marks) == 1 else ""
        line = (
            f'<th rowspan="{len(models)}" scope="rowgroup">{html.escape(group)}</th>'
            if index == 0
            else ""
        )
        line += f'<th scope="row">{html.escape(row)}{_mark(common)}</th>'
        for column in columns:
            if has_published:
                paper = number(cells[column, READINGS[0]], "published")
                line += f'<td class="paper">{paper}</td>'
            for place, reading in enumerate(READINGS):
                first = not (has_published or place)
                line += _html_cell(cells[column, reading], common, first)
        lines.append(f"<tr>{line}</tr>")
    return f"<tbody>{''.join(lines)}</tbody>"


def _html_cell(cell: Mapping[str, Any], common: str, first: bool) -> str:
    mark = cell["mark"]
    if np.isnan(cell["value"]):
        return f'<td class="none" title="{mark}">{_short(mark)}</td>'
    text = number(cell, "value")
    if not np.isnan(cell["difference"]):
        text += f'<span class="delta">{points(cell["difference"])}</span>'
    if mark != common:
        text += _mark(mark)
    trained = f"trained {cell['shortest']} to {cell['longest']} epochs"
    if cell["shortest"] == cell["longest"]:
        trained = f"trained {labels.epochs(cell['longest'])}"
    kind = ' class="first"' if first else ""
    return f'<td{kind} title="{trained}">{text}</td>'


def _mark(mark: str) -> str:
    return f'<span class="mark" title="{mark}">{_short(mark)}</span>' if mark else ""


def _short(mark: str) -> str:
    """Shortens a mark for a narrow cell; its whole text is shown on hovering."""
    return mark.replace(" of ", "/").replace("missing", "–")


def _markdown_cell(cell: Mapping[str, Any]) -> str:
    if np.isnan(cell["value"]):
        return f"[{cell['mark']}]"
    text = number(cell, "value")
    if not np.isnan(cell["difference"]):
        text += f" ({points(cell['difference'])})"
    return f"{text} [{cell['mark']}]" if cell["mark"] else text


def _line(values) -> str:
    return f"| {' | '.join(values)} |"


def number(cell: Mapping[str, Any], name: str) -> str:
    """Returns a number of a cell: a share in percent, anything else as it is."""
    value = cell[name]
    if cell.get("share", True) or np.isnan(value):
        return percent(value)
    return f"{value:.4g}"


def percent(value: float) -> str:
    """Returns an accuracy in percent, or nothing for NaN."""
    return "" if np.isnan(value) else f"{100 * value:.2f}"


def points(value: float) -> str:
    """Returns a difference of accuracies in points, with its sign."""
    rounded = round(100 * value, 2) + 0.0  # no minus zero
    return f"{rounded:+.2f}".replace("-", "−")
