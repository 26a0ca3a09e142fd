"""Our level 0 beside the original's own runs, on made-up numbers."""

import re

import numpy as np
import pandas as pd
import pytest
import study_frames

from ws_jax.analysis.page import report
from ws_jax.papers.ott2020 import original, page, published


@pytest.fixture
def made():
    """Made-up runs that have the original's means after each of its epochs."""
    frame = study_frames.study(epochs=8, levels=(0.0, 0.2))
    frame = frame.sort_values(["run", "epoch"], ignore_index=True)
    for row in published.released_level0().itertuples():
        place = (frame["aug"] == 0) & (frame["model"] == row.model)
        place &= frame["epoch"] == row.epoch
        offsets = np.array([-2.0, -1.0, 0.0, 1.0, 2.0]) * row.sd_over_folds
        frame.loc[place, row.metric] = row.mean + offsets[frame.loc[place, "fold"]]
    return frame


def move(frame, metric, units, **where):
    """Moves a measure at level 0 by units of the original's spread."""
    told = published.released_level0()
    told = told[told["metric"] == metric]
    place = frame["aug"] == 0
    for name, value in where.items():
        told = told[told[name] == value]
        place &= frame[name] == value
    frame = frame.copy()
    frame.loc[place, metric] += units * told["sd_over_folds"].item()
    return frame


def test_the_published_numbers_are_those_of_five_folds_after_three_epochs():
    told = published.released_level0()
    assert set(told["epoch"]) == {1, 3, 8} and set(told["model"]) == {"cnn", "fcn"}
    assert {"rotation", "swap", "acc", "val_acc"} <= set(told["metric"])
    assert not told.duplicated(["model", "epoch", "metric"]).any()
    assert (told["sd_over_folds"] > 0).all()


def test_equal_means_differ_by_nothing(made):
    found = original.beside_original(made)
    assert len(found) == len(published.released_level0())
    np.testing.assert_allclose(found["units"], 0, atol=1e-9)
    assert (found["folds"] == 5).all() and not found["outside"].any()


@pytest.mark.slow
@pytest.mark.parametrize(
    "metric, units, outside",
    [("swap", 1.9, False), ("swap", -2.1, True), ("rotation", 2.1, True)],
)
def test_a_difference_is_in_units_of_the_originals_spread(made, metric, units, outside):
    frame = move(made, metric, units, model="fcn", epoch=3)
    found = original.beside_original(frame).set_index(["model", "epoch", "metric"])
    row = found.loc["fcn", 3, metric]
    assert row["units"] == pytest.approx(units) and row["outside"] == outside
    assert found["outside"].sum() == outside


def test_distances_of_a_row_are_those_before_its_epoch(made):
    start = made.loc[(made["epoch"] == 0) & (made["model"] == "fcn"), "dist_1"].iloc[0]
    after = made.loc[(made["epoch"] == 1) & (made["model"] == "fcn"), "dist_1"].iloc[0]
    assert start != after
    told = {"model": "fcn", "epoch": 1, "metric": "dist_1", "mean": start}
    (row,) = original.beside_original(
        made, pd.DataFrame([{**told, "sd_over_folds": 0.001}])
    ).to_dict("records")
    assert row["ours"] == pytest.approx(start) and row["units"] == pytest.approx(0)


@pytest.mark.slow
def test_only_whole_released_runs_at_level_0_count(made):
    paper = study_frames.study(epochs=8, levels=(0.0,), semantics="paper")
    other = made[(made["aug"] == 0) & (made["model"] == "fcn")].assign(
        init="paper", swap=0.9
    )
    small = made.assign(**{"train.batch_size": 32, "swap": 0.9})
    more = [study_frames.identified(x) for x in (other, small)]
    found = original.beside_original(pd.concat([made, paper, *more]))
    np.testing.assert_allclose(found["units"], 0, atol=1e-9)
    assert original.comparisons(paper) == []


@pytest.mark.slow
def test_diverged_runs_are_left_out_and_said(made):
    lost = (made["fold"] == 4) & (made["model"] == "fcn") & (made["aug"] == 0)
    made.loc[lost, "status"] = "diverged"
    found = original.beside_original(made)
    assert set(found.loc[found["model"] == "fcn", "folds"]) == {4}
    (section,) = original.comparisons(made)
    assert "FCN: 4 folds of ours. FCN: 1 diverged, left out." in section.note


@pytest.mark.slow
def test_the_page_marks_what_lies_outside(made):
    frame = move(made, "rotation", -3.0, model="cnn", epoch=8)
    text = report.make_report(frame, papers=[page.PAPER], figures=False)
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", text))
    assert "MNIST at level 0, beside the original’s own runs" in text
    assert "Of 42 numbers 1 lie outside 2, marked *: CNN, rotated validation, " in text
    assert "epoch 8 (−3.0)" in text and "−3.0 *" in text
    assert "The folds are not the same images" in text


def test_short_runs_leave_later_epochs_open(made):
    (section,) = original.comparisons(made[made["epoch"] <= 3])
    assert "14 of 42 numbers have no run of ours." in section.note
    assert (section.cells["Epoch 8, ours"] == "–").all()
