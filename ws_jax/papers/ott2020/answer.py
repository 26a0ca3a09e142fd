"""The paper's question, answered in two sentences from the results at hand."""

from __future__ import annotations

import pandas as pd

from ws_jax.analysis import aggregate, labels, settings, statistics
from ws_jax.analysis.claims.checks import FAILS, HOLDS
from ws_jax.analysis.claims.samples import Amiss, said
from ws_jax.analysis.claims.verdicts import Verdict
from ws_jax.papers.ott2020 import published, runs
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
_USUAL = 0.2  # the level that is looked at, or that which is nearest
_LEAST = 5  # epochs on data that the paper does not have, before anything is concluded
NEAR_CHANCE = 0.2  # of images right: twice what guessing among ten classes gets
_PAPER_FIRST = {"mnist": 0, "cifar10": 1}


def answer(frame: pd.DataFrame) -> list[str]:
    """Answers the question by the study that has most to say.

    That is one with CNN and FCN at level 0 and above; on the paper's data sets before
    others, of the longest trainings, with the most runs.

    Args:
      frame: results, tidy or not.

    Returns:
      Two sentences; none where there is no such study (`TAKES` says what it takes).
      Runs that are under way, short or near chance, folds that lack a value (more than
      one of a cell), or a gap that is not clearly above 0, are given with their
      numbers, and nothing is concluded from them.
    """
    found = [case for case in _cases(aggregate.tidy(frame)) if case is not None]
    if not found:
        return []
    return _sentences(min(found, key=lambda case: case["rank"]))


def _cases(rows: pd.DataFrame):
    for data in rows["data"].unique():
        chosen = aggregate.of_kind(runs.select(rows, data).rows, "translation")
        chosen = chosen[chosen["vcp"] == 0]
        for semantics, own in chosen.groupby("semantics"):
            for _, part in settings.parts(own):
                # Several readings may have been trained; the bundle's own is shown.
                inits = set(part.loc[part["model"] == "fcn", "init"])
                init = semantics if semantics in inits else min(inits, default="")
                kept = (part["model"] == "cnn") | (part["init"] == init)
                yield _case(part[kept], str(data), str(semantics), init)


def _case(rows: pd.DataFrame, data: str, semantics: str, init: str) -> dict | None:
    """Returns the medians that the sentences need; None if any is missing."""
    values = {}
    for metric in ("val_acc", "translation"):
        ends = aggregate.run_values(rows, metric, "last_epoch")
        values[metric] = ends.groupby(["model", "aug"])["value"].median().dropna()
    pairs = [set(v.index) for v in values.values()]
    known = pairs[0] & pairs[1]
    levels = {x for m, x in known if ("cnn", x) in known and ("fcn", x) in known}
    raised = levels - {0.0}
    if 0.0 not in levels or not raised:
        return None
    level = min(raised, key=lambda x: abs(x - _USUAL))
    used = rows[rows["aug"].isin([0.0, level]) & rows["model"].isin(["cnn", "fcn"])]
    ended = aggregate.runs_of(used)
    folds = _scored(used).groupby(["model", "aug"]).apply(_folds)
    order = (_PAPER_FIRST.get(data, 2), -used["epoch"].max(), -len(ended), semantics)
    return {
        "rank": order,
        "data": data,
        "semantics": semantics,
        "init": init,
        "level": level,
        "values": values,
        "runs": ended,
        "epochs": int(used["epoch"].max()),
        "folds": (int(folds.min()), int(folds.max())),
        "early": _too_early(used, data),
        "claims": {n: _outcome(rows, n, data, semantics, init) for n in (3, 4)},
    }


def _scored(used: pd.DataFrame) -> pd.DataFrame:
    """Returns one row a run, with a value where both accuracies are known."""
    plain = aggregate.run_values(used, "val_acc", "last_epoch")
    moved = aggregate.run_values(used, "translation", "last_epoch")
    return plain.assign(value=plain["value"] + moved["value"])


def _folds(runs_of_cell: pd.DataFrame) -> int:
    """Counts the folds that have a value; a run that diverged has none."""
    return runs_of_cell.loc[runs_of_cell["value"].notna(), "fold"].nunique()


def _too_early(used: pd.DataFrame, data: str) -> str:
    """Says why these runs answer nothing yet; empty if they may."""
    setting = published.SETTINGS.get(data)
    settled = setting.patience if setting else _LEAST
    plain = aggregate.run_values(used, "val_acc", "last_epoch")
    moved = aggregate.run_values(used, "translation", "last_epoch")
    shortest = int(plain["trained"].min())
    why = _incomplete(_scored(used))
    if shortest < settled:
        few = f"{shortest} epochs are too few" if shortest > 1 else "1 epoch is too few"
        why.append(f"{few}, it takes {settled}")
    if why:
        return "; ".join(why)
    medians = plain.groupby(["model", "aug"])["value"].median()
    if medians.min() < NEAR_CHANCE:
        return f"a network gets under {_percent(NEAR_CHANCE)} of plain images right"
    gaps = plain.assign(value=plain["value"] - moved["value"])
    for model, own in gaps[gaps["aug"] == 0].groupby("model"):
        values = own.groupby("fold")["value"].mean()
        ratio = statistics.test_train_ratio(int(own["num_folds"].iloc[0]))
        found = statistics.corrected_t_test(values, ratio)
        if not found.low > 0:
            name = labels.model(str(model))
            return f"translation does not clearly cost the {name} anything at level 0"
    return ""


def _incomplete(scored: pd.DataFrame) -> list[str]:
    """Says which cells have runs under way, or lack values of more than one fold.

    What a cell should have are the folds that any of the cells has.
    """
    running, lacking = [], []
    asked = scored["fold"].nunique()
    least = max(asked - 1, min(asked, 2))
    for (model, level), own in scored.groupby(["model", "aug"]):
        where = f"{labels.model(str(model))} at level"
        under_way = int((own["status"] == "running").sum())
        if under_way:
            text = f"{under_way} of {labels.count(len(own), 'run')} under way"
            running.append(Amiss(where, float(level), text))
        known = _folds(own)
        if known < least:
            text = f"{known} of {labels.count(asked, 'fold')} with a value"
            lacking.append(Amiss(where, float(level), text))
    return [said(part) for part in (running, lacking) if part]


def _outcome(rows: pd.DataFrame, claim: int, data: str, semantics: str, init: str):
    """Returns the verdict on one of the paper's claims; empty if it makes none."""
    if data not in published.SETTINGS:
        return ""
    of = Evidence(rows, data, semantics, init)
    parts = tuple(CLAIMS[claim - 1].checks(of))
    return Verdict(CLAIMS[claim - 1], data, semantics, init, parts).outcome


def _sentences(case: dict) -> list[str]:
    plain, moved = case["values"]["val_acc"], case["values"]["translation"]
    level, ended = case["level"], case["runs"]
    ahead = plain["cnn", 0.0] - plain["fcn", 0.0]
    than = f"{abs(ahead) * 100:.1f} points {'behind' if ahead > 0 else 'ahead of'}"
    least, most = case["folds"]
    count = f"{least}" if least == most else f"{least} to {most}"
    amiss = [
        f"{(ended['status'] == status).sum()} {word}"
        for status, word in (("diverged", "diverged"), ("running", "under way"))
        if (ended["status"] == status).any()
    ]
    how = (
        f"medians over {count} folds after the last of {labels.epochs(case['epochs'])}"
    )
    how += f", {case['semantics']} semantics"
    how += f", {case['init']} init" if case["init"] != case["semantics"] else ""
    how += f"; of {len(ended)} runs {' and '.join(amiss)}" if amiss else ""
    first = (
        f"Trained on images of {labels.data(case['data'])} as they are, the FCN gets "
        f"{_percent(plain['fcn', 0.0])} of the validation images right, {than} the "
        f"CNN’s {_percent(plain['cnn', 0.0])} ({how})."
    )
    second = (
        f"On translated images it gets {_percent(moved['fcn', 0.0])}, the CNN "
        f"{_percent(moved['cnn', 0.0])}; trained with translation "
        f"{labels.level(level)} they get {_percent(moved['fcn', level])} and "
        f"{_percent(moved['cnn', level])}: {_conclusion(case)}."
    )
    return [first, second]


def _conclusion(case: dict) -> str:
    """What follows; each network is held against its own gap at level 0."""
    if case["early"]:
        return f"it is too early to say what follows ({case['early']})"
    plain, moved = case["values"]["val_acc"], case["values"]["translation"]
    level = case["level"]
    gap, left = (
        {m: plain[m, x] - moved[m, x] for m in ("cnn", "fcn")} for x in (0.0, level)
    )
    alone = "does not" if gap["cnn"] > 0.5 * gap["fcn"] else "does"
    said = f"sharing alone {alone} make a network indifferent to where things are"
    closed = left["fcn"] < 0.2 * gap["fcn"]
    part = not closed and left["fcn"] < 0.5 * gap["fcn"]
    # Where the paper's claim that translation closes the gap was judged, it decides.
    if case["claims"][4] == FAILS:
        closed, part = False, closed or part
    said += ", " + (
        "and training on translated images does what sharing was thought to do"
        if closed
        else "and training on translated images makes up for part of it"
        if part
        else "and here training on translated images does not make up for it"
    )
    judged = {
        n: outcome for n, outcome in case["claims"].items() if outcome in (HOLDS, FAILS)
    }
    words = {
        3: "that CNNs are more accurate",
        4: "that translation closes the gap of the FCN",
    }
    for outcome in (HOLDS, FAILS):
        told = [words[n] for n, found in judged.items() if found == outcome]
        if told:
            said += f"; the paper’s claim {' and '.join(told)} {outcome}"
    return said


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"
