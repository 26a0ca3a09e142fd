"""One page that shows whatever a workdir holds: verdicts, tables, figures, curves."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ws_jax.analysis import (
    aggregate,
    gallery,
    labels,
    page,
    render,
    study,
    tables,
    verdict_cards,
)
from ws_jax.analysis.paper import Paper


def write_report(
    frame: pd.DataFrame,
    path: str | os.PathLike,
    *,
    title: str = "Weight sharing",
    records: Sequence[Mapping[str, Any]] = (),
    image: np.ndarray | None = None,
    papers: Sequence[Paper] = (),
    join_lengths: bool = False,
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
      papers: whose claims are judged, and whose tables and figures are shown; those
        of this project are `ws_jax.papers.pages.PAPERS`.
      join_lengths: whether runs that may take different numbers of epochs are joined by
        lines and judged together.

    Returns:
      The path.
    """
    path = Path(path)
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(
        make_report(frame, title, records, image, papers, join_lengths), "utf-8"
    )
    os.replace(temporary, path)
    return path


def make_report(
    frame: pd.DataFrame,
    title: str = "Weight sharing",
    records: Sequence[Mapping[str, Any]] = (),
    image: np.ndarray | None = None,
    papers: Sequence[Paper] = (),
    join_lengths: bool = False,
) -> str:
    """Returns the page that `write_report` writes."""
    rows = aggregate.tidy(frame, join_lengths)
    sections = {
        "answer": ("In short", _answers(rows, papers)),
        "study": ("What was run", _study(frame, rows, records)),
        "verdicts": ("Verdicts", _verdicts(rows, papers)),
        "tables": ("Tables", _tables(rows, papers)),
        "figures": ("Figures", _paper_figures(rows, papers)),
        "augmentations": ("Augmentations", _pictures(image, papers)),
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
    sources = "; ".join(paper.citation for paper in papers)
    if sources:
        parts.append(f"<footer>Published numbers: {page.escape(sources)}.</footer>")
    return page.document(title, "".join(parts))


def _lead(rows: pd.DataFrame) -> str:
    if rows.empty:
        return "There are no results yet."
    runs = rows["training"].nunique()
    names = [labels.data(name) for name in sorted(rows["data"].unique())]
    epochs = rows["epoch"].max()
    word = "training" if runs == 1 else "trainings"
    return f"{runs:,} {word} on {' and '.join(names)}, of up to {epochs} epochs."


def _answers(rows: pd.DataFrame, papers: Sequence[Paper]) -> str:
    """Returns what a reader wants to know first, and the words that it takes."""
    parts = []
    for paper in papers if len(rows) else ():
        if paper.question:
            told = " ".join(paper.answer(rows))
            parts.append(
                f"<p><strong>{page.escape(paper.question)}</strong> "
                f"{page.escape(told)}</p>"
            )
        words = [
            f"<dt>{page.escape(word)}</dt><dd>{page.escape(meaning)}.</dd>"
            for word, meaning in paper.words
        ]
        parts += [f'<dl class="glossary">{"".join(words)}</dl>'] if words else []
    return "".join(parts)


def _study(
    frame: pd.DataFrame, rows: pd.DataFrame, records: Sequence[Mapping[str, Any]]
) -> str:
    lines = study.summary(frame, records)
    if lines.empty:
        return "<p>No run has finished an epoch.</p>"
    if (lines["severing"] == "none").all():
        lines = lines.drop(columns="severing")
    lines = lines.assign(hours=[f"{hours:.2f}" for hours in lines["hours"]])
    lines.columns = [name.capitalize() for name in lines.columns]
    parts = [page.words_table(lines, numbers=("Hours",))]
    again = aggregate.repeats(frame)
    if again:
        parts.append(
            '<p class="note">Runs that stand in more than one sweep count once, the '
            f"longest of each. Left out: {page.escape('; '.join(again))}.</p>"
        )
    parts += [f'<p class="note">{text}</p>' for text in _apart(rows)]
    parts += [f'<p class="note">{page.escape(_made_with(r))}</p>' for r in records]
    return "".join(parts)


def _apart(rows: pd.DataFrame) -> list[str]:
    """Says of each data set what its runs differ in, and that this keeps them apart."""
    found = []
    for data, own in rows.groupby("data"):
        limits = sorted(own["epochs"].unique().tolist())
        if len(limits) > 1:
            listed = ", ".join(map(str, limits[:-1])) + f" and {limits[-1]}"
            found.append(
                f"{labels.data(data)}: runs of at most {listed} epochs. Those of "
                "different length are not joined by a line, nor judged together."
            )
        names = sorted(set(own["setting"]) - {""})
        if names:
            found.append(
                f"{labels.data(data)}: these settings are kept apart everywhere, since "
                f"their numbers differ: {'; '.join(names)}."
            )
    return list(map(page.escape, found))


def _made_with(record: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{k} {v}" for k, v in record["versions"].items())
    device = record["device"]
    return (
        f"{record['config']['name']}: {device['count']} x {device['kind']} "
        f"({device['platform']}); {versions}."
    )


_TABLE_NOTE = """<p class="note">Shares (accuracies, F1) in percent; under each value of
ours its difference in points from the paper, whose tables were made with the released
semantics. All epochs: the median over all epochs of all folds together, which is what
the paper’s cells are. Best and last: one epoch of each run, the best by the validation
metric that its task watches (the accuracy, if nothing else is said) or the last, and
the median over runs. A mark as 2/5 folds tells how many folds stand behind a row or a
cell if not all; – is a cell without runs.</p>"""


def _tables(rows: pd.DataFrame, papers: Sequence[Paper]) -> str:
    built = [table for paper in papers for table in paper.tables(rows)]
    built += _level_tables(rows, {data for paper in papers for data in paper.data})
    shown = [_table(table) for table in built if table.has_results]
    empty = [table for table in built if not table.has_results]
    parts = [_TABLE_NOTE, *shown] if shown else []
    if empty:
        names = ", ".join(f"{table.name} ({table.title})" for table in empty)
        inside = "".join(_table(table) for table in empty)
        parts.append(page.folded("Tables without results", f"<p>{names}.</p>{inside}"))
    return "".join(parts)


def _level_tables(rows: pd.DataFrame, known: Collection[str]) -> list[tables.Table]:
    """Returns the medians by level on data sets that no paper has tables of."""
    found = []
    for data in sorted(set(rows["data"]) - set(known)):
        own = rows[rows["data"] == data]
        kinds = sorted(set(own["aug_type"]) - {"none"}) or ["none"]
        found += [tables.level_table(own, data, kind) for kind in kinds]
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


def _paper_figures(rows: pd.DataFrame, papers: Sequence[Paper]) -> str:
    items = [item for paper in papers for item in paper.figures(rows)]
    lacking = [name for paper in papers for name in paper.without_figures(rows)]
    text = f"Shown in the learning curves of their sweeps only: {'; '.join(lacking)}."
    note = f'<p class="note">{page.escape(text)}</p>' if lacking and items else ""
    return note + _figures(items, 100)


def _curves(frame: pd.DataFrame) -> str:
    return "".join(
        page.folded(item.title, _figures([item], 1000 + i))
        for i, item in enumerate(gallery.sweep_curves(frame))
    )


def _verdicts(rows: pd.DataFrame, papers: Sequence[Paper]) -> str:
    parts = []
    for paper in papers:
        parts += [f"<h3>{page.escape(paper.citation)}</h3>"] if len(papers) > 1 else []
        left_out = paper.left_out(rows)
        if left_out:
            text = f"Not judged, since not the paper’s runs: {'; '.join(left_out)}."
            parts.append(f'<p class="note">{page.escape(text)}</p>')
        parts.append(verdict_cards.section(paper.verdicts(rows)))
    return "".join(parts)


def _pictures(image: np.ndarray | None, papers: Sequence[Paper]) -> str:
    if image is None:
        return ""
    return _figures([item for paper in papers for item in paper.pictures(image)], 2000)
