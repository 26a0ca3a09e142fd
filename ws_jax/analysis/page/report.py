"""One page that shows whatever a workdir holds: verdicts, tables, figures, curves."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from absl import logging

from ws_jax.analysis import labels, tables, watched
from ws_jax.analysis.page import (
    gallery,
    glossary,
    pieces,
    render,
    standing,
    sweep_page,
    what_was_run,
)
from ws_jax.analysis.page.judged import Judged, judge
from ws_jax.analysis.page.paper import Paper, named
from ws_jax.analysis.page.standing import Own
from ws_jax.config import ConfigError
from ws_jax.storage.integrity import write_atomically


def write_report(frame: pd.DataFrame, path: str | os.PathLike, **options: Any) -> Path:
    """Writes the report: one HTML file that needs no other and no network.

    Args:
      frame: as `make_report`.
      path: of the file; it is replaced whole or not at all.
      **options: as `make_report`: a title, records, papers and so on.

    Returns:
      The path.
    Raises:
      ConfigError: if the path is a folder, in none, or that of a file that is no page.
    """
    path = Path(path)
    _check_place(path)  # before the time that it takes
    write_atomically(path, make_report(frame, **options).encode())
    return path


def _check_place(path: Path) -> None:
    if path.is_dir() or not path.parent.is_dir():
        raise ConfigError(
            f"{path} cannot be the page: name a file in a folder that is there, with "
            "--output"
        )
    if not path.exists():
        return
    with open(path, "rb") as file:
        start = file.read(len(pieces.START))
    # Not the table or the record of a sweep, say, or somebody's config.
    if start.lower() != pieces.START.encode():
        raise ConfigError(
            f"{path} cannot be the page: there is a file that is no page, which would "
            "be lost; name another one with --output"
        )


# A section by its anchor: its name and its HTML.
_Sections = dict[str, tuple[str, str]]


# Tables are small: there Python's strings take three quarters of the time of Arrow's.
@pd.option_context("mode.string_storage", "python")
def make_report(
    frame: pd.DataFrame,
    title: str = "Weight sharing",
    records: Sequence[Mapping[str, Any]] = (),
    image: np.ndarray | None = None,
    papers: Sequence[Paper] = (),
    join_lengths: bool = False,
    figures: bool = True,
    folders: Sequence[str | os.PathLike] = (),
    workdirs: Sequence[str | os.PathLike] = (),
) -> str:
    """Returns the report: a page of HTML that needs no other file and no network.

    Args:
      frame: results, as `ws_jax.results.read` gives them; any part of a study will do,
        an empty frame too.
      title: of the page.
      records: of the sweeps, as `ws_jax.results.read_records` gives them: versions,
        devices, and how many runs were planned.
      image: [h, w, c] in [0, 1]; if given, the page shows what augmentations make of
        it (this starts JAX).
      papers: whose claims are judged, and whose tables and figures are shown; those
        of this project are `ws_jax.papers.pages.PAPERS`.
      join_lengths: whether runs that may take different numbers of epochs are joined by
        lines and judged together.
      figures: whether there are any; words and tables alone take a fifth of the time.
      folders: of sweeps, whose checkpoints' kernels are drawn (this starts JAX).
      workdirs: folders of results; what other commands wrote in them or beside them is
        drawn, too, foldings say.
    """
    logging.info("judging %s rows of results", f"{len(frame):,}")
    judged = judge(frame, records, papers, join_lengths)
    sections = _words(judged, records)
    if figures:
        beside = [item for paper in papers for item in paper.beside(workdirs)]
        sections |= _drawings(judged, beside, folders, image)
    told = "".join(text for _, text in sections.values())
    words = glossary.words(judged.rows, judged.papers, told)
    sections["answer"] = ("In short", sections["answer"][1] + words)
    sections = _ordered(sections, judged)
    return _document(title, _lead(judged.rows), sections, judged.papers)


def _words(judged: Judged, records: Sequence[Mapping[str, Any]]) -> _Sections:
    """Returns the sections of words and tables."""
    frame, rows, found, theirs, built, own = judged
    was_run = what_was_run.section(frame, rows, records, not theirs.empty)
    return {
        "answer": ("In short", standing.in_short(found, own)),
        "study": ("What was run", was_run),
        "verdicts": ("Verdicts", standing.verdicts(rows, found)),
        "tables": ("Tables", _tables(rows, own, built)),
        "comparisons": ("Beside other numbers", _comparisons(theirs, judged.papers)),
    }


def _drawings(
    judged: Judged,
    beside: Sequence[gallery.Item],
    folders: Sequence[str | os.PathLike],
    image: np.ndarray | None,
) -> _Sections:
    """Returns the sections of figures."""
    papers = judged.papers
    shown = _own_figures(judged.own) + _paper_figures(judged.theirs, papers)
    return {
        "figures": ("Figures", shown + _figures(beside, 4000)),
        "kernels": ("Kernels", _kernels(folders, papers)),
        "augmentations": ("Augmentations", _pictures(image, papers)),
        "curves": ("Learning curves", _curves(judged.frame, papers)),
    }


def _ordered(sections: _Sections, judged: Judged) -> _Sections:
    """Puts sections in the order of a page; those without content are left out.

    Verdicts come late where the data are of no paper.
    """
    lacking = _tables_without_results(judged.tables)
    rest = dict(sections)
    verdicts = rest.pop("verdicts")
    if any(one.data for one in judged.standings):
        first = {key: rest.pop(key) for key in ("answer", "study")}
        rest["tables"] = ("Tables", rest["tables"][1] + lacking)
        rest = {**first, "verdicts": verdicts, **rest}
    else:
        rest["verdicts"] = ("Claims of papers", verdicts[1] + lacking)
    return {key: both for key, both in rest.items() if both[1]}


def _document(
    title: str,
    lead: str,
    sections: Mapping[str, tuple[str, str]],
    papers: Sequence[Paper],
) -> str:
    """Joins sections, each a name and its HTML by an anchor, to a page with links."""
    links = "".join(
        f'<a href="#{key}">{name}</a>' for key, (name, _) in sections.items()
    )
    parts = [
        f"<header><h1>{pieces.escape(title)}</h1>",
        f'<p class="lead">{pieces.escape(lead)}</p><nav>{links}</nav></header>',
    ]
    for key, (name, content) in sections.items():
        parts.append(f'<section id="{key}"><h2>{name}</h2>{content}</section>')
    sources = "; ".join(paper.citation for paper in papers)
    if sources:
        parts.append(f"<footer>Published numbers: {pieces.escape(sources)}.</footer>")
    return pieces.document(title, "".join(parts))


def _lead(rows: pd.DataFrame) -> str:
    if rows.empty:
        return "There are no results yet."
    names = [labels.data(name) for name in sorted(rows["data"].unique())]
    trainings = labels.count(rows["training"].nunique(), "training")
    longest = labels.epochs(int(rows["epoch"].max()))
    return f"{trainings} on {'; '.join(names)}, of up to {longest}."


_READ = (
    "Shares (accuracies, F1) in percent. All epochs: the median over all epochs of all "
    "runs together. Best and last: one epoch of each run, the best by the validation "
    "metric that its task watches (the accuracy, if nothing else is said) or the last, "
    "and the median over runs. A mark as 2/5 folds tells how many folds or seeds stand "
    "behind a row or a cell if fewer than were planned; – is a cell without runs."
)
_MOVING = (
    " Where validation images change with the epochs, as grids do whose distances "
    "grow, no epoch is the best: the last stands there, too."
)
_PUBLISHED = (
    " Under each value of ours its difference in points from the paper, whose tables "
    "were made with the released semantics; its cells are medians over all epochs."
)


def _tables(
    rows: pd.DataFrame, own: Sequence[Own], built: Sequence[tables.Table]
) -> str:
    parts = [sweep_page.settings_table(one.found) for one in own if one.has_table]
    shown = [table for table in built if table.has_results]
    for one in own:
        shown += _level_tables(one.found.rows) if one.has_levels else []
    if shown:
        note = _READ + _MOVING * bool(watched.moving(rows).any())
        note += _PUBLISHED * any(table.has_published for table in shown)
        parts.append(f'<p class="note">{note}</p>')
    return "".join([*parts, *map(_table, shown)])


def _tables_without_results(built: Sequence[tables.Table]) -> str:
    """Returns a paper's tables that the results do not fill, folded."""
    empty = [table for table in built if not table.has_results]
    if not empty:
        return ""
    names = ", ".join(f"{table.name} ({table.title})" for table in empty)
    inside = "".join(_table(table) for table in empty)
    return pieces.folded("Tables without results", f"<p>{names}.</p>{inside}")


def _comparisons(theirs: pd.DataFrame, papers: Sequence[Paper]) -> str:
    parts = []
    for paper in papers:
        for found in paper.comparisons(paper.rows_of(theirs, papers)):
            parts.append(f"<h3>{pieces.escape(found.title)}</h3>")
            parts.append(f'<p class="note">{pieces.escape(found.note)}</p>')
            parts.append(pieces.words_table(found.cells, list(found.cells)[2:]))
    return "".join(parts)


def _level_tables(rows: pd.DataFrame) -> list[tables.Table]:
    """Returns the medians by level of a data set that no paper has tables of."""
    kinds = sorted(set(rows["aug_type"]) - {"none"}) or ["none"]
    data = str(rows["data"].iloc[0])
    return [tables.level_table(rows, data, kind) for kind in kinds]


def _table(table: tables.Table) -> str:
    """Returns a table; the levels without any run are folded away."""
    found, empty = render.groups_by_results(table)
    content = render.to_html(table, found if table.has_results else None)
    if table.has_results and empty:
        names = f"{table.row_name} {', '.join(empty)}: no runs"
        content += pieces.folded(names, render.to_html(table, empty))
    return (
        f'<h3><span class="name">{pieces.escape(table.name)}</span>'
        f"{pieces.escape(table.title)}</h3>"
        f'<p class="note">{pieces.escape(table.note)}</p>{content}'
    )


def _figures(items: Sequence[gallery.Item], start: int) -> str:
    drawn = []
    for number, item in enumerate(items, start):
        said = ", ".join(filter(None, (item.name, item.title)))
        logging.info("drawing %s", said)
        drawn.append(
            pieces.figure(item.draw(), number, item.name, item.title, item.caption)
        )
    return "".join(drawn)


def _paper_figures(rows: pd.DataFrame, papers: Sequence[Paper]) -> str:
    shown = [(paper, paper.rows_of(rows, papers)) for paper in papers]
    items = [item for paper, own in shown for item in paper.figures(own)]
    lacking = [name for paper, own in shown for name in paper.without_figures(own)]
    text = f"Shown in the learning curves of their sweeps only: {'; '.join(lacking)}."
    note = f'<p class="note">{pieces.escape(text)}</p>' if lacking and items else ""
    return note + _figures(items, 100)


def _own_figures(own: Sequence[Own]) -> str:
    shown = [one.found for one in own if one.has_figures]
    items = [item for found in shown for item in sweep_page.figures(found)]
    return _figures(items, 5000)


def _curves(frame: pd.DataFrame, papers: Sequence[Paper]) -> str:
    items = gallery.sweep_curves(frame, lambda rows: named(rows, papers))
    each = enumerate(items, 1000)
    return "".join(pieces.folded(one.title, _figures([one], i)) for i, one in each)


def _pictures(image: np.ndarray | None, papers: Sequence[Paper]) -> str:
    if image is None:
        return ""
    return _figures([item for paper in papers for item in paper.pictures(image)], 2000)


def _kernels(folders: Sequence[str | os.PathLike], papers: Sequence[Paper]) -> str:
    if not folders:
        return ""
    items = [item for paper in papers for item in paper.kernels(folders)]
    note = (
        '<p class="note">There are no kernels to show: these folders hold no '
        "checkpoints of runs whose kernels a paper draws.</p>"
    )
    return _figures(items, 3000) if items else note
