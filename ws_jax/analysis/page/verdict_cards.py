"""The report's part on claims: an overview and a card for each."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import pandas as pd

from ws_jax.analysis import labels
from ws_jax.analysis.claims import checks, samples
from ws_jax.analysis.claims.verdicts import Verdict
from ws_jax.analysis.page import pieces

_METHOD = """Only the paper’s runs count, those of one length and setting at a time. A
check passes if the whole 95 % interval of the mean over {over} lies on the claim’s side
of a threshold, fails if all of it lies on the other, and is open otherwise, or when
runs are missing, too short, not settled or under way, or a network that it hangs on is
not shown to have learned (one that has to reach an accuracy by itself has failed then).
Where a run diverged, those left may be the better ones: of the network that should lead
they may fail a check but not pass it, of the one that it is compared with pass it but
not fail. Where more than one of the {over} is not there, or lacks in one of the
networks, those left may be better or worse, and nothing is decided. Effect d is the
mean difference over its standard deviation between {over}. Nothing is corrected for the
number of checks."""


def section(verdicts: Sequence[Verdict], method: str = "") -> str:
    """Returns the overview, the cards and how claims are judged, as HTML.

    What has no numbers is named, not shown: a data set and reading without any run, and
    a claim for which the runs at hand are not enough.

    Args:
      verdicts: of a paper.
      method: what it reads of a run, and how its intervals are made, in sentences.
    """
    if not verdicts:  # no run is the paper's; which were left out is said elsewhere
        return "<p>None of the paper’s claims can be judged on these runs.</p>"
    known = [v for v in verdicts if has_numbers(v)]
    if not known:
        data = dict.fromkeys(name for v in verdicts for name in v.claim.data)
        names = " and ".join(map(labels.data, data))
        return (
            f"<p>None of the paper’s claims can be judged: they are about {names}.</p>"
            + pieces.folded("What they need", _needs(verdicts))
        )
    places = {where(v) for v in known}
    tried = [v for v in verdicts if where(v) in places]
    rest = [v for v in verdicts if where(v) not in places]
    numbers = sorted({v.claim.number for v in tried})
    cards = [_card([v for v in tried if v.claim.number == n]) for n in numbers]
    over = _over(check for verdict in known for check in verdict.checks)
    words = [_METHOD.format(over=over.lower()), *filter(None, [method])]
    told = "".join(f"<p>{pieces.escape(text)}</p>" for text in words)
    folded = pieces.folded("How claims are judged", told)
    return f"{_overview(tried)}{_absent(rest, tried)}{folded}{''.join(cards)}"


def _absent(rest: Sequence[Verdict], tried: Sequence[Verdict]) -> str:
    """Names what has no numbers: claims, where other claims have some, and places."""
    runs = {_runs(v) for v in tried}
    shown = {v.claim.number for v in tried}
    claims: dict[int, list[Verdict]] = {}
    for verdict in rest:
        if _runs(verdict) in runs or verdict.claim.number not in shown:
            claims.setdefault(verdict.claim.number, []).append(verdict)
    notes = []
    for number, found in sorted(claims.items()):
        own = [v for v in found if _runs(v) in runs]
        places = map(where, own) if own else (labels.data(v.data) for v in found)
        claim = found[0].claim
        notes.append(
            f"Claim {number}, “{claim.title}”, has no numbers on "
            f"{'; '.join(dict.fromkeys(places))}. Needs {claim.needs}."
        )
    empty = dict.fromkeys(where(v) for v in rest if _runs(v) not in runs)
    notes += [f"No runs: {'; '.join(empty)}."] if empty else []
    return "".join(f'<p class="note">{pieces.escape(text)}</p>' for text in notes)


def _runs(verdict: Verdict) -> tuple:
    """What runs a verdict is on: some claims cut them further, by a setting."""
    return verdict.data, verdict.semantics, verdict.init, verdict.epochs


def _over(found: Iterable[checks.Check]) -> str:
    """Returns what means are over, `Folds` or `Seeds`, as the head of a column."""
    found = list(found)
    kinds = {check.over for check in found if check.found.folds}
    kinds = kinds or {check.over for check in found}
    return " or ".join(f"{kind}s" for kind in sorted(kinds)).capitalize()


def has_numbers(verdict: Verdict) -> bool:
    """Returns whether any check of a verdict has a number, be it that of few runs."""
    return any(not math.isnan(check.found.mean) for check in verdict.checks)


def where(verdict: Verdict) -> str:
    """Returns what runs a verdict is on: data, reading, length, setting."""
    reading = (
        f"{verdict.semantics} semantics"
        if verdict.semantics == verdict.init
        else f"{verdict.semantics} semantics, {verdict.init} init"
    )
    length = f", {labels.epochs(verdict.epochs)}" if verdict.epochs else ""
    setting = f", {verdict.setting}" if verdict.setting else ""
    return f"{labels.data(verdict.data)}, {reading}{length}{setting}"


def _overview(verdicts: Sequence[Verdict]) -> str:
    """Returns a table of claims against data sets and readings."""
    columns = list(dict.fromkeys(where(v) for v in verdicts))
    claims = {v.claim.number: v.claim for v in verdicts}
    cells = {(v.claim.number, where(v)): v for v in verdicts}
    head = "".join(f"<th>{pieces.escape(text)}</th>" for text in columns)
    rows = []
    for number, claim in claims.items():
        row = f'<th scope="row">{number}. {pieces.escape(claim.title)}</th>'
        for column in columns:
            verdict = cells.get((number, column))
            row += f"<td>{pieces.chip(verdict.outcome) if verdict else ''}</td>"
        rows.append(f"<tr>{row}</tr>")
    return (
        '<div class="scroll"><table class="overview"><thead><tr><th></th>'
        f"{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></div>"
    )


def _card(verdicts: Sequence[Verdict]) -> str:
    claim = verdicts[0].claim
    known = [v for v in verdicts if has_numbers(v)]
    absent = [where(v) for v in verdicts if not has_numbers(v)]
    findings = "".join(_finding(verdict) for verdict in known)
    if not known:
        chip = pieces.chip(checks.UNDECIDED)
        findings = f'<div class="finding">{chip}<p>Needs {claim.needs}.</p></div>'
    elif absent:
        text = f"{'; '.join(absent)}: no numbers. Needs {claim.needs}."
        findings += f'<div class="finding soft">{pieces.escape(text)}</div>'
    section_name = claim.section
    if section_name[0].isdigit():
        section_name = f"Section {section_name}"
    return (
        f'<article class="card"><h3><span class="number">{claim.number}</span>'
        f"{pieces.escape(claim.title)}</h3>"
        f"<p>{pieces.escape(claim.statement)} ({section_name})</p>"
        f'<div class="findings">{findings}</div></article>'
    )


def _finding(verdict: Verdict) -> str:
    missing = ""
    if verdict.missing:
        text = "; ".join(verdict.missing)
        missing = f'<p class="note">Missing: {pieces.escape(text)}.</p>'
    return (
        f'<div class="finding"><span class="where">{pieces.escape(where(verdict))}'
        f"</span>{pieces.chip(verdict.outcome)}"
        f"<p>{pieces.escape(verdict.sentence)}</p>"
        f"{pieces.folded('All checks', _checks(verdict) + missing)}</div>"
    )


def _checks(verdict: Verdict) -> str:
    rows, over = [], _over(verdict.checks)
    for check in verdict.checks:
        found = check.found
        rows.append(
            {
                "Check": check.what,
                "Outcome": pieces.chip(check.outcome),
                "Mean": _number(check.show(found.mean)),
                "95 % interval": _number(
                    f"{check.show(found.low)} to {check.show(found.high)}"
                ),
                "Asked for": check.asked,
                "Paper": _number(check.show(check.published)),
                "Effect d": _effect(check),
                over: found.folds,
                "Amiss": samples.said(check.amiss) or "–",
                "Epochs": check.epochs,
            }
        )
    numbers = (
        "Mean",
        "95 % interval",
        "Asked for",
        "Paper",
        "Effect d",
        over,
        "Epochs",
    )
    return pieces.words_table(pd.DataFrame(rows), numbers, markup=("Outcome",))


def _effect(check: checks.Check) -> str:
    """Returns a difference's effect size; an accuracy by itself has none."""
    effect = check.found.effect
    if math.isnan(effect) or check.unit == "percent":
        return "–"
    text = f"{effect:.1f}" if abs(effect) < 100 else f"{math.copysign(100, effect):.0f}"
    return ("beyond " if abs(effect) >= 100 else "") + text.replace("-", "−")


def _number(text: str) -> str:
    return "–" if "nan" in text else text


def _needs(verdicts: Sequence[Verdict]) -> str:
    claims = {v.claim.number: v.claim for v in verdicts}
    items = "".join(
        f"<li>{pieces.escape(c.title)}: {pieces.escape(c.needs)}.</li>"
        for c in claims.values()
    )
    return f"<ol>{items}</ol>"
