"""The paper's question, answered in two sentences from the results at hand."""

from __future__ import annotations

import pandas as pd

from ws_jax.analysis import aggregate, labels, settings
from ws_jax.papers.ott2020 import runs

QUESTION = "Does a network for images have to share its kernels?"
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
_PAPER_FIRST = {"mnist": 0, "cifar10": 1}


def answer(frame: pd.DataFrame) -> list[str]:
    """Answers the question by the study that has most to say.

    That is one with CNN and FCN at level 0 and above; on the paper's data sets before
    others, of the longest trainings, with the most runs.

    Args:
      frame: results, tidy or not.

    Returns:
      Two sentences; one, that says what is missing, where there is no such study.
    """
    found = [case for case in _cases(aggregate.tidy(frame)) if case is not None]
    if not found:
        return [
            "There is no answer yet: it takes CNN and FCN, each trained with and "
            "without translated images."
        ]
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
    }


def _sentences(case: dict) -> list[str]:
    plain, moved = case["values"]["val_acc"], case["values"]["translation"]
    level, ended = case["level"], case["runs"]
    ahead = plain["cnn", 0.0] - plain["fcn", 0.0]
    than = f"{abs(ahead) * 100:.1f} points {'behind' if ahead > 0 else 'ahead of'}"
    folds = ended.groupby(["model", "aug"])["fold"].nunique()
    count = f"{folds.min()}" if folds.min() == folds.max() else f"up to {folds.max()}"
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
    gained = moved["fcn", level] - moved["fcn", 0.0]
    gap = plain["fcn", 0.0] - moved["fcn", 0.0]
    tail = {
        True: "so training on translated images does what sharing was thought to do",
        False: "so here training on translated images does not make up for it",
    }[gained > 0.5 * gap]
    second = (
        f"On translated images it gets {_percent(moved['fcn', 0.0])}, the CNN "
        f"{_percent(moved['cnn', 0.0])}: sharing alone "
        + ("does not" if moved["cnn", 0.0] - moved["fcn", 0.0] < 0.5 * gap else "does")
        + " make a network indifferent to where things are; trained with translation "
        f"{labels.level(level)} they get {_percent(moved['fcn', level])} and "
        f"{_percent(moved['cnn', level])}, {tail}."
    )
    return [first, second]


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"
