"""What papers have to say of results: which claims they fill, and what comes first.

A paper stands first where a claim of it has numbers. Of results that fill no claim it
says no more than why not, and only where they are on its data.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import pandas as pd

from ws_jax.analysis import labels, swept, watched
from ws_jax.analysis.claims.checks import FAILS, HOLDS, UNDECIDED
from ws_jax.analysis.claims.verdicts import Verdict
from ws_jax.analysis.page import pieces, sweep_page, verdict_cards
from ws_jax.analysis.page.paper import Paper
from ws_jax.analysis.tables import Table

_LONG = 300  # letters of what is left out, from which on it is folded
_PLACES = 3  # that a sentence names


@dataclasses.dataclass(frozen=True)
class Standing:
    """What a paper has to say of results.

    Attributes:
      paper: it.
      verdicts: on its claims.
      data: data sets on which a claim has numbers, by the names that results have.
      answered: data sets of these, or others that ask its question, that answer it.
      answer: to its question; empty if there is none.
    """

    paper: Paper
    verdicts: list[Verdict]
    data: tuple[str, ...]
    answered: tuple[str, ...]
    answer: tuple[str, ...]

    @property
    def known(self) -> list[Verdict]:
        """The verdicts that have numbers."""
        return [v for v in self.verdicts if verdict_cards.has_numbers(v)]


@dataclasses.dataclass(frozen=True)
class Own:
    """A study that no paper's question is answered by, and what a page shows of it.

    Attributes:
      found: the study.
      has_table: whether its settings are a table.
      has_figures: whether its fields are figures.
      has_levels: whether its medians stand by level, since it asks a paper's question.
      is_more: whether it has runs besides those of the paper whose claims it fills.
    """

    found: swept.Swept
    has_table: bool
    has_figures: bool
    has_levels: bool
    is_more: bool = False


def standings(rows: pd.DataFrame, papers: Sequence[Paper]) -> list[Standing]:
    """Returns what each paper has to say of tidy rows, those that are filled first."""
    found = [_standing(rows, paper, papers) for paper in papers]
    return sorted(found, key=lambda standing: not standing.data)


def _standing(rows: pd.DataFrame, paper: Paper, papers: Sequence[Paper]) -> Standing:
    judged = paper.verdicts(rows)
    filled = {v.data for v in judged if verdict_cards.has_numbers(v)}
    published = {data for other in papers for data in other.data}
    data, answers = [], {}
    for name, own in rows.groupby("data"):
        if paper.called(str(name)) in filled:
            data.append(str(name))
        elif name in published or not paper.asks(own):
            continue
        answers[str(name)] = paper.answer(own)
    answers = {name: told for name, told in answers.items() if told}
    told = next(iter(answers.values()), [])
    if len(answers) > 1:  # the paper knows which of them has most to say
        told = paper.answer(rows[rows["data"].isin(answers)])
    return Standing(paper, judged, tuple(data), tuple(answers), tuple(told))


def own_studies(
    rows: pd.DataFrame,
    found: Sequence[Standing],
    built: Sequence[Sequence[Table]],
    held: Mapping[str, set[str]],
) -> list[Own]:
    """Reads as studies what answers no paper's question.

    Those are data sets on which none is answered; and sweeps that are not a paper's,
    where one is.

    Args:
      rows: tidy.
      found: what papers have to say of them.
      built: the tables of each of these papers.
      held: the digests of each sweep's trainings, see `aggregate.of_sweeps`.
    """
    return [
        _read(own, str(name), found, built)
        for name, on_data in rows.groupby("data")
        for own in watched.by_metric(_unanswered(on_data, str(name), found, held))
    ]


def _read(
    rows: pd.DataFrame,
    name: str,
    found: Sequence[Standing],
    built: Sequence[Sequence[Table]],
) -> Own:
    """Reads rows on a data set, of one watched metric, as a study."""
    if name not in {data for standing in found for data in standing.paper.data}:
        asked = any(standing.paper.asks(rows) for standing in found)
        return Own(swept.collect(rows), not asked, not asked, asked)
    if any(name in standing.answered for standing in found):
        return Own(swept.collect(rows), True, True, False)
    return _own(rows, name, found, built)


def _unanswered(
    rows: pd.DataFrame,
    name: str,
    found: Sequence[Standing],
    held: Mapping[str, set[str]],
) -> pd.DataFrame:
    """Returns what no paper's answer is on, of the rows on a data set.

    Where a paper answers, these are the sweeps that are not all of papers with numbers
    there. They are whole: what a paper's runs among them are, others are compared with;
    and so are trainings that tidy rows have of another sweep.
    """
    published = {data for standing in found for data in standing.paper.data}
    answered = any(name in standing.answered for standing in found)
    if name not in published or not answered:
        return rows
    rest = rows
    for standing in found:
        if name in {*standing.data, *standing.answered}:
            rest = rest[~rest.index.isin(standing.paper.selected(rest).index)]
    names = set(rest["sweep"])
    shared = set().union(*(held.get(sweep, set()) for sweep in names))
    return rows[rows["sweep"].isin(names) | rows["digest"].isin(shared)]


def _own(
    rows: pd.DataFrame,
    name: str,
    found: Sequence[Standing],
    built: Sequence[Sequence[Table]],
) -> Own:
    """Reads one on published data as a study.

    What papers show of it is not shown again, unless there is more than theirs.
    """
    fills = [(s, made) for s, made in zip(found, built, strict=True) if name in s.data]
    more = any(standing.paper.left_out(rows) for standing, _ in fills)
    tables = any(table.has_results for _, made in fills for table in made)
    return Own(swept.collect(rows), more or not tables, more or not fills, False, more)


def in_short(found: Sequence[Standing], own: Sequence[Own]) -> str:
    """Returns the answers that results give, those to a paper that they fill first.

    A study that has more than the paper's runs is a sweep before it is that.
    """
    more = [one.found for one in own if one.is_more]
    less = [one.found for one in own if not one.is_more]
    names = {name for standing in found for name in standing.data}
    names |= {str(one.found.rows["data"].iloc[0]) for one in own}
    several = len(names) > 1
    first = [standing for standing in found if standing.data]
    rest = [standing for standing in found if not standing.data]
    return (
        sweep_page.answers(more, several)
        + "".join(map(_answer, first))
        + sweep_page.answers(less, several)
        + "".join(map(_answer, rest))
    )


def _answer(standing: Standing) -> str:
    """Answers a paper's question; else says how its claims fare."""
    paper, parts = standing.paper, []
    if standing.data and not standing.answer:
        parts.append((f"Claims of {paper.citation}.", _outcomes(standing.known)))
    if standing.answer:
        parts.append((paper.question, " ".join(standing.answer)))
    elif paper.question and standing.data:
        parts.append((paper.question, f"There is no answer yet: {paper.takes}."))
    return "".join(
        f"<p><strong>{pieces.escape(head)}</strong> {pieces.escape(text)}</p>"
        for head, text in parts
    )


def _outcomes(known: Sequence[Verdict]) -> str:
    """Says in sentences which claims hold, and on what; runs that differ are told."""
    found: dict[str, list[Verdict]] = {}
    for verdict in known:
        found.setdefault(verdict.claim.title, []).append(verdict)
    groups: dict[str, list[str]] = {}
    for title, own in found.items():
        groups.setdefault(_outcome(own), []).append(title)
    said = [f"{word}: {'; '.join(titles)}" for word, titles in groups.items()]
    text = ". ".join(part[:1].upper() + part[1:] for part in said)
    return f"{text}."


def _outcome(own: Sequence[Verdict]) -> str:
    """Says what is found of one claim, and of which runs, each part of them apart."""
    places: dict[str, list[str]] = {HOLDS: [], FAILS: [], UNDECIDED: []}
    for verdict in own:
        places[verdict.outcome].append(verdict_cards.where(verdict))
    words = [
        f"{outcome} on {_listed(places[outcome])}"
        for outcome in (HOLDS, FAILS)
        if places[outcome]
    ]
    if not words:
        return f"{UNDECIDED} yet"
    others = len(places[UNDECIDED])
    rest = f", {UNDECIDED} on {labels.count(others, 'other part')} of the runs"
    return " but ".join(words) + (rest if others else "")


def _listed(places: Sequence[str]) -> str:
    """Names the first of what runs a verdict is on, and counts the others."""
    names = list(dict.fromkeys(places))
    more = len(names) - _PLACES
    told = "; ".join(names[:_PLACES])
    return f"{told}; and {more} more" if more > 0 else told


def verdicts(rows: pd.DataFrame, found: Sequence[Standing]) -> str:
    """Returns the section on claims, as HTML.

    Where any paper's claims have numbers, others that have none take a line; and only
    if results are on their data, so that a reader may look for them.
    """
    filled = any(standing.data for standing in found)
    parts = []
    for standing in found:
        left_out = standing.paper.left_out(rows)
        if filled and not standing.data and not left_out:
            continue
        text = _left_out(left_out)
        if filled and not standing.data:
            text = f"<p>None of its claims can be judged on these runs.</p>{text}"
        else:
            text += verdict_cards.section(standing.verdicts, standing.paper.method)
        parts.append((f"<h3>{pieces.escape(standing.paper.citation)}</h3>", text))
    return "".join(head * (len(parts) > 1) + text for head, text in parts)


def _left_out(names: Sequence[str]) -> str:
    """Names the runs that are not a paper's; folded if that takes many lines."""
    if not names:
        return ""
    head = "Not judged, since not the paper’s runs"
    if sum(map(len, names)) > _LONG:
        items = "".join(f"<li>{pieces.escape(name)}</li>" for name in names)
        return pieces.folded(head, f'<ul class="note">{items}</ul>')
    text = f"{head}: {'; '.join(names)}."
    return f'<p class="note">{pieces.escape(text)}</p>'
