"""Claims of the second and third paper compare runs that differ in nothing else."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import test_pogodin_claims as sleep
import test_savarese2019_report as depth
import test_savarese_paths_report as paths

from ws_jax.papers.pogodin2021 import claims as sleep_claims
from ws_jax.papers.savarese2019 import claims, path_claims
from ws_jax.papers.savarese2019.kernels import by_chance

OPEN, HOLDS, FAILS = "not enough data", "holds", "does not hold"


def changed(frame, chosen, column, value):
    """Results in which a field of some runs, which are others then, is another one."""
    columns = {column: frame.get(column, pd.Series(np.nan, frame.index))}
    columns |= {name: frame[name] for name in ("cell", "digest")}
    new = {name: old.copy() for name, old in columns.items()}
    new[column] = new[column].where(~chosen, value)
    for name in ("cell", "digest"):
        new[name] = new[name].where(~chosen, new[name] + "x")
    return frame.assign(**new)


@pytest.mark.parametrize(
    "column, value", [("data.holdout", 0.2), ("data.num_images", 90)]
)
def test_sharing_in_sleep_is_not_judged_across_settings(column, value):
    frame = sleep.made()
    never = (frame["train.phase.every"] == sleep.MOST) & (frame["sharing"] == "free")
    other = changed(frame, never, column, value)
    (first,) = [v for v in sleep_claims.judge(other) if v.claim.number == 1 and v.checks
                and v.data == "cifar10"]  # fmt: skip
    assert first.outcome == OPEN and column in first.sentence


def test_depth_is_not_judged_across_settings():
    frame = depth.made_up()
    twin = frame["network.templates"] == 0
    assert claims.judge(frame)[0].outcome == HOLDS
    other = changed(frame, twin, "data.num_images", 600.0)
    first = claims.judge(other)[0]
    assert first.outcome == OPEN and "data.num_images" in first.sentence


@pytest.mark.slow
def test_paths_are_not_judged_across_settings_nor_below_saying_yes_everywhere():
    frame = paths.made_up(ahead=0.05, late=0.1)
    assert {v.outcome for v in path_claims.judge(frame)} == {HOLDS}
    cnn = frame["network.templates"] == 0
    for verdict in path_claims.judge(changed(frame, cnn, "network.skip", 3.0)):
        assert verdict.outcome == OPEN
    ones = [name for name in frame.columns if name.endswith("ones_f1")]
    for verdict in path_claims.judge(frame.assign(**dict.fromkeys(ones, 0.9))):
        assert verdict.outcome == OPEN
        assert (
            "neither network is shown to beat the F1 of saying yes" in verdict.sentence
        )
    for verdict in path_claims.judge(frame.drop(columns=ones)):
        assert verdict.outcome == OPEN and "was not measured" in verdict.sentence


def looped(matrix, first=None):
    """Results in which all banks have a matrix in the end, and another one at first."""
    frame = depth.made_up()
    found = frame["network.templates"] > 0
    for column in depth.runs.BANKS:
        values = [
            (first if epoch == 0 and first is not None else matrix) if own else np.nan
            for own, epoch in zip(found, frame["epoch"], strict=True)
        ]
        frame[column] = pd.Series(values, frame.index, dtype=object)
    return frame


@pytest.mark.slow
def test_loops_are_layers_that_repeat():
    turns = np.arange(6) % 2
    textbook = (turns[:, None] == turns[None]).astype(float).tolist()
    none = (np.eye(6) + 0.5 * (1 - np.eye(6))).tolist()
    assert claims.judge(looped(textbook, none))[1].outcome == HOLDS
    # Layers that are no more alike than coefficients by chance are no loop.
    pair = np.eye(6)
    pair[0, 1] = pair[1, 0] = 1.0
    assert claims.judge(looped(pair.tolist(), none))[1].outcome == FAILS
    same = claims.judge(looped(none, none))[1]
    assert same.outcome == OPEN and "those of before training" in same.sentence


@pytest.mark.slow
@pytest.mark.parametrize("templates", [6, 7, 8])
def test_banks_with_a_template_for_each_layer_show_no_loops(templates):
    frame = looped(np.eye(6).tolist())
    own = frame["network.templates"] > 0
    frame = changed(frame, own, "network.templates", float(templates))
    assert claims.judge(frame)[-1].outcome == OPEN


def test_kernels_by_chance_are_those_of_random_directions():
    # Two templates, two layers: orthogonal rows, always two kernels.
    assert by_chance(2, 2) == 2
    assert 3 < by_chance(6, 2) < 4.5 and by_chance(6, 5) > 5.5


def test_kernels_by_chance_are_those_of_the_note():
    notes = Path(__file__).parents[1] / "docs" / "design"
    text = (notes / "0016-verdicts.md").read_text("utf-8")
    found = re.search(
        r"([\d.]+) of 6 layers for two templates, ([\d.]+) for four", text
    )
    numbers = [by_chance(6, templates) for templates in (2, 4)]
    assert found and list(found.groups()) == [f"{number:.1f}" for number in numbers]
