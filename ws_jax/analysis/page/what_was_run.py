"""The section of a report that says what was run, and what of it is kept apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from ws_jax.analysis import aggregate, labels, summaries, wording
from ws_jax.analysis.page import pieces
from ws_jax.storage.environments import changes, device_text, environments


def section(
    frame: pd.DataFrame,
    rows: pd.DataFrame,
    records: Sequence[Mapping[str, Any]],
    of_papers: bool,
) -> str:
    """Returns the section, as HTML.

    Args:
      frame: results, with what was planned.
      rows: the same, tidy.
      records: of the sweeps.
      of_papers: whether any of it is what a paper asks, so that readings matter.
    """
    lines = summaries.summary(frame, records)
    if lines.empty:
        return "<p>No run has finished an epoch.</p>"
    if (lines["severing"] == "none").all():
        lines = lines.drop(columns="severing")
    if not of_papers and lines["semantics"].nunique() == 1:
        lines = lines.drop(columns="semantics")
    lines = lines.assign(hours=[f"{hours:.2f}" for hours in lines["hours"]])
    lines.columns = [name.capitalize() for name in lines.columns]
    parts = [pieces.words_table(lines, numbers=("Hours",))]
    again = aggregate.repeats(frame)
    if again:
        text = "Runs that stand in more than one sweep or folder count once, the "
        text += f"longest of each. Left out: {'; '.join(again)}."
        if any("numbers differ" in one for one in again):
            text += " Numbers of one training differ by rounding, or since other code, "
            text += "another version or another device made them."
        parts.append(f'<p class="note">{pieces.escape(text)}</p>')
    parts += _apart(rows)
    made = dict.fromkeys(map(_made_with, records))  # folders may say the same
    parts += [f'<p class="note">{pieces.escape(text)}</p>' for text in made]
    return "".join(parts)


_FEW = 3  # settings that one sentence can name


def _apart(rows: pd.DataFrame) -> list[str]:
    """Says of each data set what its runs differ in, and that this keeps them apart."""
    found = []
    for data, own in rows.groupby("data"):
        name = labels.data(str(data))
        limits = sorted(own["epochs"].unique().tolist())
        if len(limits) > 1:
            listed = ", ".join(map(str, limits[:-1])) + f" and {limits[-1]}"
            found.append(
                f"{name}: runs of at most {listed} epochs. Those of "
                "different length are not joined by a line, nor judged together."
            )
        names = sorted(set(own["setting"]) - {""}, key=wording.in_order)
        if 0 < len(names) <= _FEW:
            found.append(
                f"{name}: these settings are kept apart everywhere: {'; '.join(names)}."
            )
    notes = [f'<p class="note">{pieces.escape(text)}</p>' for text in found]
    return notes + _folded_settings(rows)


def _folded_settings(rows: pd.DataFrame) -> list[str]:
    """Lists the settings that are too many for a sentence, folded."""
    parts = []
    for data, own in rows.groupby("data"):
        names = sorted(set(own["setting"]) - {""}, key=wording.in_order)
        if len(names) > _FEW:
            items = "".join(f"<li>{pieces.escape(name)}</li>" for name in names)
            head = f"{labels.data(str(data))}: {len(names)} settings are kept apart "
            head += "everywhere"
            parts.append(pieces.folded(head, f'<ul class="note">{items}</ul>'))
    return parts


def _made_with(record: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{k} {v}" for k, v in record["versions"].items())
    device, flags = device_text(record["device"]), " ".join(record.get("flags", []))
    text = f"{record['config']['name']}: {device}; {versions}"
    text += f"; XLA_FLAGS {flags}." if flags else "."
    first, *others = environments(record)
    if others:
        listed = "; ".join(", ".join(changes(first, other)) for other in others)
        text += f" Some of it was trained with others (these -> those): {listed}."
    return text
