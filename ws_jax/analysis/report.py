"""One page that shows whatever a workdir holds: verdicts, tables, figures, curves."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ws_jax.analysis import (
    aggregate,
    gallery,
    labels,
    page,
    pictures,
    published,
    render,
    study,
    tables,
    verdict_cards,
    verdicts,
)


def write_report(
    frame: pd.DataFrame,
    path: str | os.PathLike,
    *,
    title: str = "Weight sharing",
    records: Sequence[Mapping[str, Any]] = (),
    image: np.ndarray | None = None,
) -> Path:
    """Writes the report: one HTML file that needs no other and no network.

    Args:
      frame: results, as `ws_jax.results.read` gives them; any part of a study will do,
        an empty frame too.
      path: of the file; it is replaced whole or not at all.
      title: of the page.
      records: of the sweeps, as `ws_jax.results.read_records` gives them: versions,
        devices, and how many runs were planned.
      image: [h, w, c] in [0, 1]; if given, the page shows what augmentations make of
        it (this starts JAX).

    Returns:
      The path.
    """
    path = Path(path)
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(make_report(frame, title, records, image), "utf-8")
    os.replace(temporary, path)
    return path


def make_report(
    frame: pd.DataFrame,
    title: str = "Weight sharing",
    records: Sequence[Mapping[str, Any]] = (),
    image: np.ndarray | None = None,
) -> str:
    """Returns the page that `write_report` writes."""
    rows = aggregate.tidy(frame)
    sections = {
        "study": ("What was run", _study(frame, records)),
        "verdicts": ("Verdicts", verdict_cards.section(verdicts.judge(rows))),
        "tables": ("Tables", _tables(rows)),
        "figures": ("Figures", _figures(gallery.items(rows), 100)),
        "augmentations": ("Augmentations", _pictures(image)),
        "curves": ("Learning curves", _curves(frame)),
    }
    sections = {key: both for key, both in sections.items() if both[1]}
    links = "".join(
        f'<a href="#{key}">{name}</a>' for key, (name, _) in sections.items()
    )
    parts = [
        f"<header><h1>{page.escape(title)}</h1>",
        f'<p class="lead">{page.escape(_lead(rows))}</p><nav>{links}</nav></header>',
    ]
    for key, (name, content) in sections.items():
        parts.append(f'<section id="{key}"><h2>{name}</h2>{content}</section>')
    parts.append(f"<footer>Published numbers: {page.escape(published.PAPER)}.</footer>")
    return page.document(title, "".join(parts))


def _lead(rows: pd.DataFrame) -> str:
    if rows.empty:
        return "There are no results yet."
    runs = rows["training"].nunique()
    names = [labels.data(name) for name in sorted(rows["data"].unique())]
    epochs = rows["epoch"].max()
    word = "training" if runs == 1 else "trainings"
    return f"{runs:,} {word} on {' and '.join(names)}, of up to {epochs} epochs."


def _study(frame: pd.DataFrame, records: Sequence[Mapping[str, Any]]) -> str:
    lines = study.summary(frame, records)
    if lines.empty:
        return "<p>No run has finished an epoch.</p>"
    if (lines["severing"] == "none").all():
        lines = lines.drop(columns="severing")
    lines = lines.assign(hours=[f"{hours:.2f}" for hours in lines["hours"]])
    lines.columns = [name.capitalize() for name in lines.columns]
    parts = [page.words_table(lines, numbers=("Hours",))]
    left_out = aggregate.repeats(frame)
    if left_out:
        parts.append(
            f'<p class="note">{left_out} runs stand in more than one sweep. The '
            "longest of each counts in tables, figures and verdicts.</p>"
        )
    parts += [f'<p class="note">{page.escape(_made_with(r))}</p>' for r in records]
    return "".join(parts)


def _made_with(record: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{k} {v}" for k, v in record["versions"].items())
    device = record["device"]
    return (
        f"{record['config']['name']}: {device['count']} x {device['kind']} "
        f"({device['platform']}); {versions}."
    )


_TABLE_NOTE = """<p class="note">Percent; under each value of ours its difference in
points from the paper, whose tables were made with the released semantics. All epochs:
the median over all epochs of all folds together, which is what the paper’s cells are.
Best and last: one epoch of each run, the best by validation accuracy or the last, and
the median over runs. A mark as 2/5 folds tells how many folds stand behind a row or a
cell if not all; – is a cell without runs.</p>"""


def _tables(rows: pd.DataFrame) -> str:
    built = [*tables.paper_tables(rows), *_other_tables(rows)]
    shown = [_table(table) for table in built if table.has_results]
    empty = [table for table in built if not table.has_results]
    parts = [_TABLE_NOTE, *shown] if shown else []
    if empty:
        names = ", ".join(f"{table.name} ({table.title})" for table in empty)
        inside = "".join(_table(table) for table in empty)
        parts.append(page.folded("Tables without results", f"<p>{names}.</p>{inside}"))
    return "".join(parts)


def _other_tables(rows: pd.DataFrame) -> list[tables.Table]:
    """Returns the tables that the paper gives no numbers for."""
    found = []
    for data in sorted(rows["data"].unique()):
        own = rows[rows["data"] == data]
        if data not in published.SETTINGS:
            kinds = sorted(set(own["aug_type"]) - {"none"}) or ["none"]
            found += [tables.level_table(rows, data, kind) for kind in kinds]
        if (own["vcp"] > 0).any():
            found.append(tables.severing_table(rows, data))
        plain = own[(own["aug"] == 0) & (own["vcp"] == 0)]
        searched = plain[["learning_rate", "num_conv_layers"]].drop_duplicates()
        if len(searched) > 1:
            found.append(tables.grid_table(rows, data))
    return found


def _table(table: tables.Table) -> str:
    """Returns a table; the levels without any run are folded away."""
    found, empty = render.groups_by_results(table)
    content = render.to_html(table, found if table.has_results else None)
    if table.has_results and empty:
        names = f"{table.row_name} {', '.join(empty)}: no runs"
        content += page.folded(names, render.to_html(table, empty))
    return (
        f'<h3><span class="name">{page.escape(table.name)}</span>'
        f"{page.escape(table.title)}</h3>"
        f'<p class="note">{page.escape(table.note)}</p>{content}'
    )


def _figures(items: Sequence[gallery.Item], start: int) -> str:
    return "".join(
        page.figure(item.draw(), start + i, item.name, item.title, item.caption)
        for i, item in enumerate(items)
    )


def _curves(frame: pd.DataFrame) -> str:
    return "".join(
        page.folded(item.title, _figures([item], 1000 + i))
        for i, item in enumerate(gallery.sweep_curves(frame))
    )


def _pictures(image: np.ndarray | None) -> str:
    if image is None:
        return ""
    titles = {kind: labels.kind(kind).capitalize() for kind in pictures.NAMES}
    titles["swap"] = "Quadrant swap"
    caption = "Made by ws_jax.augment; noise is one draw, shown between 0 and 1."
    return "".join(
        page.figure(
            pictures.augmentation_figure(image, kind),
            2000 + i,
            name,
            titles[kind],
            caption,
        )
        for i, (kind, name) in enumerate(pictures.NAMES.items())
    )
