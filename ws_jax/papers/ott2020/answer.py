"""The paper's question, answered in two sentences from the results at hand."""

from __future__ import annotations

import dataclasses
import itertools

import pandas as pd

from ws_jax.analysis import aggregate, labels, planned, settings
from ws_jax.analysis.claims.checks import FAILS, HOLDS
from ws_jax.analysis.claims.verdicts import Verdict
from ws_jax.papers.ott2020 import cells, published, runs
from ws_jax.papers.ott2020.cells import MOVED, PLAIN, Cells, percent
from ws_jax.papers.ott2020.claims import CLAIMS
from ws_jax.papers.ott2020.evidence import Evidence

QUESTION = "Does a network for images have to share its kernels?"
TAKES = "it takes CNN and FCN, each trained with and without translated images"
WORDS = (
    (
        "CNN",
        "a convolutional network: one set of kernels is used at every place of an "
        "image, so that what is learned at one place is known at all",
    ),
    (
        "FCN",
        "a free convolutional network: the same, but with kernels of its own at every "
        "place; nothing is shared",
    ),
    (
        "Level",
        "how strongly training images are changed at random; translation at level .2 "
        "moves them by up to 20 % of the side, at level 0 they stay as they are",
    ),
    (
        "Semantics",
        "whose word holds where the paper and its released code differ: the paper’s "
        "or the released code’s, with which its tables were made",
    ),
)
_PAPER_FIRST = {"mnist": 0, "cifar10": 1}
_HELPS = {
    "all": "and training on translated images does what sharing was thought to do",
    "part": "and training on translated images makes up for part of it",
    "none": "and here training on translated images does not make up for it",
}
_CLAIMS = {
    3: "that CNNs are more accurate",
    4: "on how far translation closes the gap of the FCN",
}


def answer(frame: pd.DataFrame) -> list[str]:
    """Answers the question by the study that should have most to say.

    That is one with CNN and FCN at level 0 and above: on the paper's data sets before
    others, of the longest trainings, with the bundle's own initialisation before
    others, on the most folds. Where that says nothing yet,
    the first of the others that does is given besides, and never in its place.

    Args:
      frame: results, tidy or not; with what was planned (`aggregate.with_plan`), folds
        that have not begun are asked for, too.

    Returns:
      Two sentences, or two of each of two studies, and one of each initialisation that
      lacks; none where there is no study (`TAKES` says what it takes).
      Runs that are under way, short or near chance, folds that lack a value (more than
      one of a cell, or one on which it hangs what follows), or a gap that is not
      clearly above 0, are given with their numbers, and nothing is concluded from them.
    """
    found = sorted(_cases(aggregate.tidy(frame)), key=_rank)
    if not found:
        return []
    told = _sentences(found[0])
    others = (case for case in found[1:] if not case.cells.early)
    if found[0].cells.early and (other := next(others, None)):
        first, second = _sentences(other)
        told += [f"Another study here answers: t{first.removeprefix('T')}", second]
    return told + [
        f"The FCN of the {init} init was to be trained here too, and lacks values at "
        "level 0 or above."
        for init in found[0].lacking
    ]


@dataclasses.dataclass(frozen=True)
class _Case:
    """One study: its cells, on which data, by whose word, with which initialisation.

    `setting` is what tells it from other studies on these data, in words; `alone` says
    that its FCN has no other initialisation there; `lacking` are others that were
    planned, and have no values in one of the four cells.
    """

    cells: Cells
    data: str
    semantics: str
    init: str
    setting: str
    alone: bool
    lacking: tuple[str, ...] = ()

    @property
    def epochs(self) -> int:
        return int(self.cells.used["epoch"].max())


def _cases(rows: pd.DataFrame):
    for data in rows["data"].unique():
        chosen = _translated(rows, data)
        plans = planned.joined(
            chosen, lambda frame, data=data: _translated(frame, data)
        )
        for semantics, own in chosen.groupby("semantics"):
            for words, part in settings.parts(own):
                told = plans[plans["semantics"] == semantics]
                told = told[told["sweep"].isin(part["sweep"])]
                found = {}
                for init in sorted(set(told.loc[told["model"] == "fcn", "init"])):
                    own, plan = (
                        rows[(rows["model"] == "cnn") | (rows["init"] == init)]
                        for rows in (part, told)
                    )
                    found[str(init)] = cells.find(own, plan)
                lacking = tuple(init for init, four in found.items() if four is None)
                for init, four in found.items():
                    if four is not None:
                        names = (str(data), str(semantics), init, words)
                        yield _Case(four, *names, len(found) == 1, lacking)


def _translated(frame: pd.DataFrame, data: str) -> pd.DataFrame:
    rows = aggregate.of_kind(runs.select(frame, data).rows, "translation")
    return rows[rows["vcp"] == 0]


def _rank(case: _Case) -> tuple:
    """Sorts studies by what they were made to say, whatever has come of it."""
    place = _PAPER_FIRST.get(case.data, 2)
    length = int(case.cells.used["epochs"].max())
    # The bundle's own reading leads, though another may have more folds.
    other = case.init != case.semantics
    names = (case.semantics, case.setting, case.init)
    return place, -length, other, -case.cells.asked, *names


def _sentences(case: _Case) -> list[str]:
    own = case.cells
    plain, moved = (
        {cell: own.medians[metric, *cell].value
         for cell in itertools.product(cells.MODELS, (0.0, own.level))}
        for metric in (PLAIN, MOVED)
    )  # fmt: skip
    ahead = plain["cnn", 0.0] - plain["fcn", 0.0]
    than = f"{abs(ahead) * 100:.1f} points {'behind' if ahead > 0 else 'ahead of'}"
    first = (
        f"Trained on images of {labels.data(case.data)} as they are, the FCN gets "
        f"{percent(plain['fcn', 0.0])} of the validation images right, {than} the "
        f"CNN’s {percent(plain['cnn', 0.0])} ({_how(case)})."
    )
    second = (
        f"On translated images it gets {percent(moved['fcn', 0.0])}, the CNN "
        f"{percent(moved['cnn', 0.0])}; trained with translation "
        f"{labels.level(own.level)} they get {percent(moved['fcn', own.level])} and "
        f"{percent(moved['cnn', own.level])}: {_conclusion(case)}."
    )
    return [first, second]


def _how(case: _Case) -> str:
    """Says of what runs the numbers are, and what is amiss with these."""
    ended, unit = aggregate.runs_of(case.cells.used), case.cells.unit
    least, most = case.cells.folds
    count = f"{least} to {most} {unit}s" if least < most else labels.count(most, unit)
    amiss = [
        f"{(ended['status'] == status).sum()} {word}"
        for status, word in (("diverged", "diverged"), ("running", "under way"))
        if (ended["status"] == status).any()
    ]
    how = f"one {unit}" if most == 1 else f"medians over {count}"
    how += f" of {case.cells.seeds} seeds" if case.cells.seeds > 1 else ""
    how += f" after the last of {labels.epochs(case.epochs)}"
    how += f", {case.semantics} semantics"
    named = case.init != case.semantics or not case.alone
    how += f", {case.init} init" if named else ""
    length = labels.epochs(int(case.cells.used["epochs"].max()))
    told = [text for text in case.setting.split(", ") if text not in ("", length)]
    how += "".join(f", {text}" for text in told)
    if case.cells.aside:
        model, level = case.cells.aside
        where = f"level {labels.level(level)}, too"
        how += f"; the {labels.model(model)} was trained at {where}"
    return how + (f"; of {len(ended)} runs {' and '.join(amiss)}" if amiss else "")


def _conclusion(case: _Case) -> str:
    """What follows; each network is held against its own gap at level 0."""
    if case.cells.early:
        return f"it is too early to say what follows ({case.cells.early})"
    found = case.cells.findings()[0]
    alone = "does" if found.alone else "does not"
    text = f"sharing alone {alone} make a network indifferent to where things are"
    text += f", {_HELPS[found.helps]}"
    # These are of other levels and numbers, too: they may fail where that is so.
    judged = {number: _outcome(case, number) for number in _CLAIMS}
    for outcome in (HOLDS, FAILS):
        told = [_CLAIMS[n] for n, given in judged.items() if given == outcome]
        if told:
            text += f"; the paper’s claim {' and '.join(told)} {outcome}"
    return text


def _outcome(case: _Case, claim: int) -> str:
    """Returns the verdict on one of the paper's claims; empty if it makes none."""
    if case.data not in published.SETTINGS:
        return ""
    of = Evidence(case.cells.rows, case.data, case.semantics, case.init)
    parts = tuple(CLAIMS[claim - 1].checks(of))
    return Verdict(
        CLAIMS[claim - 1], case.data, case.semantics, case.init, parts
    ).outcome
