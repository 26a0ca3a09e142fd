"""Sweeps are read together: what comes with a kind is no field of other kinds."""

import re
from pathlib import Path

import pandas as pd
import pytest
from test_analysis_effects import answer_to, told
from test_analysis_own_study import runs

from ws_jax.analysis import aggregate, kinds, question, swept
from ws_jax.analysis.page import report
from ws_jax.config import rules
from ws_jax.optimizers import Optimizer
from ws_jax.phases import Phase
from ws_jax.storage import results

SEEDS = (0, 1, 2)


def lot(sweep, *cases, gains=(0.0,), seeds=SEEDS, **columns):
    """A table of its own: made runs of some cases, of which each gains something."""
    made = [
        runs(case, seeds=seeds, epochs=6, sweep=sweep, **columns).assign(
            val_acc=lambda f, gain=gain: 0.5 + gain + 0.01 * f["seed"] * (1 + gain)
        )
        for case, gain in zip(cases, gains, strict=True)
    ]
    return pd.concat(made, ignore_index=True)


def together(*lots):
    return pd.concat(lots, ignore_index=True)


def sentences(frame):
    return question.answers(swept.collect(aggregate.tidy(frame)))


def copies():
    """Free networks and a CNN, with one image of each and with four."""
    cnn, phase = {"model": "cnn"}, {"model": "fcn", "phase": "group_mean"}
    free = [{**phase, "train.phase.every": every} for every in (1, 10)]
    one = {"aug_type": "flip", "transforms.kinds": "flip"}
    four = {
        "aug_type": "repeat+flip",
        "transforms.kinds": "repeat+flip",
        "transforms.repeat.times": 4,
    }
    return together(
        lot("one", cnn, *free, gains=(0.2, 0.1, 0.0), **one),
        lot("four", cnn, free[1], gains=(0.25, 0.15), **four),
    )


@pytest.mark.slow
def test_copies_of_images_have_a_lead_beside_a_sweep_without_them():
    """Runs without copies had `times` by default, so that two things differed."""
    frame = copies()
    assert told(frame) == ["network", "augmentation", "every"]
    text = answer_to(frame, "augmentation")
    # By hand: .05, and .0005 a seed on seeds 0, 1 and 2.
    assert "repeat + flip is ahead of flip by 5.1 points" in text
    assert "times" not in " ".join(sentences(frame))


def test_a_phase_has_a_lead_beside_one_that_has_a_field_more():
    phase = {"model": "fcn", "train.phase.every": 10}
    mean = {**phase, "phase": "group_mean", "train.phase.sharing": "periodic:window"}
    more = {**mean, "train.phase.every": 1}
    sleep = {**phase, "phase": "hebbian"}
    frame = together(
        lot("means", {"model": "cnn"}, mean, more, gains=(0.3, 0.0, 0.1)),
        lot("sleep", sleep, gains=(0.04,)),
    )
    assert told(frame) == ["network", "phase", "every"]
    text = answer_to(frame, "phase")
    assert "hebbian is ahead of group_mean by 4.0 points" in text
    assert ", at every 10, the only setting at which all were trained" in text


def test_optimisers_of_which_one_has_a_field_more_are_compared():
    sgd = {"optimizer": "sgd", "train.optimizer.momentum": 0.9}
    steps = {**sgd, "train.optimizer.schedule": "steps"}
    steps |= {"train.optimizer.schedule.decay": 0.25}
    frame = together(
        lot("adam", {"optimizer": "adam"}),
        lot("sgd", sgd, gains=(0.1,)),
        lot("steps", steps, gains=(0.2,)),
    )
    assert told(frame) == ["optimiser", "schedule"]
    assert "sgd is ahead of adam by 10.1 points" in answer_to(frame, "optimiser")
    assert "steps is ahead of by default by 10.1" in answer_to(frame, "schedule")


def test_what_is_not_known_to_come_with_a_kind_has_its_default():
    """An own kind may have any field, and images at level 0 are of every kind."""
    own = {"model": "fcn", "phase": "shrink"}
    other = {"model": "fcn", "phase": "group_mean", "train.phase.every": 10}
    frame = together(lot("own", own), lot("means", other))
    said = set(aggregate.tidy(frame)["setting"])
    assert said == {"train.phase.every by default", "train.phase.every 10"}
    moved = [{"aug_type": "noise", "aug": level} for level in (0.0, 0.2)]
    changed = [{**case, "transforms.noise.shuffled": False} for case in moved[1:]]
    frame = together(lot("usual", *moved, gains=(0, 0)), lot("other", *changed))
    said = aggregate.tidy(frame).groupby("sweep")["setting"].agg(set)
    assert said["usual"] == {"transforms.noise.shuffled by default"}


@pytest.mark.parametrize(
    "base, part", [(Phase, "train.phase"), (Optimizer, "train.optimizer")]
)
def test_the_list_of_kinds_is_that_of_their_declarations(base, part):
    ours = {
        name: set(rules(kind)) - kinds.COMMON.get(part, set())
        for name, kind in base.kinds.items()
        if kind.__module__.startswith("ws_jax.")
    }
    assert {name: set(fields) for name, fields in kinds.FIELDS[part].items()} == ours


STORED = Path(__file__).parents[1] / "docs/results"


def best(name, **where):
    """The best epochs' accuracies of a stored study's runs, by seed."""
    rows = pd.read_parquet(STORED / name / "results.parquet")
    for column, value in where.items():
        rows = rows[rows[column] == value]
    return rows.groupby("seed")["val_acc"].max()


@pytest.mark.slow
def test_stored_studies_say_together_what_they_were_run_for():
    small = "pogodin_cifar10_reduced"
    parts = ("", "_sleep", "_start", "_translations", "_unshifted")
    frame = results.read([STORED / f"{small}{part}" for part in parts])
    every = {"train.phase.every": 10}
    sleep = best(f"{small}_sleep", **every) - best(small, **every)
    copied = best(f"{small}_translations", model="cnn") - best(small, model="cnn")
    text = answer_to(frame, "phase")
    said = f"hebbian is ahead of group_mean by {100 * sleep.mean():.1f} points"
    assert said in text and "at flip + crop, every 10, start by default" in text
    text = answer_to(frame, "augmentation")
    said = f"of flip + crop, the last, by {100 * copied.mean():.1f} points"
    assert "repeat + flip + crop is ahead of flip by" in text and said in text


def test_a_page_keeps_a_sweep_of_one_field_apart_from_one_of_another():
    """Each sweep has a field that the other one leaves at its default."""
    sizes = [{"train.batch_size": size} for size in (32, 64)]
    decays = [{"train.optimizer.weight_decay": decay} for decay in (0.0, 1e-4)]
    frame = together(
        lot("sizes", *sizes, gains=(0.0, 0.1)), lot("decays", *decays, gains=(0.2, 0.3))
    )
    text = report.make_report(frame, "own", figures=False)
    body = re.sub(r"<[^>]+>", " ", text.split("</style>", 1)[1])
    body = re.sub(r"\s+", " ", body)
    assert "batch size (32, 64, by default); weight decay (0, 0.0001, by def" in body
    assert "The best of 4 settings" in body
    assert "batch size: 64 is ahead of 32 by 10.1 points" in body
    assert "weight decay: 0.0001 is ahead of 0 by 10.1 points" in body
    rows = re.findall(r"<tr>(.*?)</tr>", text, re.DOTALL)
    cells = {tuple(re.findall(r"<td[^>]*>([^<]*)</td>", row))[:2] for row in rows}
    wanted = {("32", "by default"), ("64", "by default")}
    wanted |= {("by default", "0"), ("by default", "0.0001")}
    assert wanted <= cells
