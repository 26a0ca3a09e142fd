"""The headline concludes nothing that its runs do not show; the grid takes its own."""

import numpy as np
import pytest
import study_frames

from ws_jax.papers.ott2020 import answer, tables

METRICS = ["acc", "val_acc", "translation"]
EARLY = "it is too early to say what follows"


def study(epochs=50, **options):
    return study_frames.study(levels=(0.0, 0.2), epochs=epochs, **options)


def put(frame, values, **where):
    place = frame["epoch"] > 0
    for name, value in where.items():
        place &= frame[name] == value
    for name, value in values.items():
        frame.loc[place, name] = value
    return frame


def test_a_study_as_published_is_answered():
    _, text = answer.answer(study())
    assert "sharing alone does not make a network indifferent" in text
    assert "does what sharing was thought to do" in text and EARLY not in text


def test_what_has_no_translated_images_answers_nothing():
    assert answer.answer(study_frames.study(levels=(0.0,), epochs=3)) == []
    assert answer.TAKES.startswith("it takes CNN and FCN")


NONSENSE = {
    "everything at chance": (dict.fromkeys(METRICS, 0.1), {}),
    "the FCN at chance": (dict.fromkeys(METRICS, 0.12), {"model": "fcn"}),
    "no gap": ({"val_acc": 0.9, "translation": 0.9}, {"aug": 0.0}),
}


@pytest.mark.slow
@pytest.mark.parametrize("values, where", NONSENSE.values(), ids=NONSENSE)
def test_nonsense_is_not_concluded_from(values, where):
    first, text = answer.answer(put(study(), values, **where))
    assert EARLY in text and "sharing alone" not in text
    assert "%" in first and "%" in text


@pytest.mark.parametrize("data, epochs", [("mnist", 49), ("cifar10", 99)])
def test_short_runs_answer_nothing_yet(data, epochs):
    _, text = answer.answer(study(epochs, data=data))
    assert f"{EARLY} ({epochs} epochs are too few" in text


def test_runs_under_way_answer_nothing_yet():
    frame = study()
    frame.loc[frame["fold"].isin((1, 2, 3)), "status"] = "running"
    first, text = answer.answer(frame)
    said = "CNN at level 0, .2: 3 of 5 runs under way; FCN at level 0, .2: 3 of 5 runs"
    assert f"{EARLY} ({said} under way)" in text and "of 20 runs 12 under" in first


@pytest.mark.slow
@pytest.mark.parametrize("lost, early", [((0,), False), ((0, 1), True)])
@pytest.mark.parametrize("status", ["diverged", "gone"])
def test_folds_without_a_value_are_counted_and_all_but_one_are_asked_for(
    status, lost, early
):
    frame = study()
    own = (frame["model"] == "fcn") & (frame["aug"] == 0.2) & frame["fold"].isin(lost)
    gone = status == "gone"
    frame = frame[~own] if gone else frame.assign(
        status=np.where(own, status, frame["status"])
    )  # fmt: skip
    first, text = answer.answer(frame)
    assert f"medians over {5 - len(lost)} to 5 folds" in first
    assert ("1 diverged" in first) == (not gone and not early)
    said = f"{EARLY} (FCN at level .2: 3 of 5 folds with a value)"
    assert (said in text) == early and (EARLY in text) == early


@pytest.mark.slow
@pytest.mark.parametrize("lost, early", [(0, False), (1, True)])
def test_a_study_of_two_folds_answers_by_both(lost, early):
    frame = study()
    frame = frame[frame["fold"] < 2]
    frame = frame[
        (frame["model"] != "cnn") | (frame["aug"] > 0) | (frame["fold"] >= lost)
    ]
    first, text = answer.answer(frame)
    assert (f"{EARLY} (CNN at level 0: 1 of 2 folds with a value)" in text) == early
    assert ("medians over 2 folds" in first) is not early


def test_a_value_that_was_not_measured_is_none():
    frame = put(study(), {"translation": np.nan}, model="cnn", aug=0.0)
    frame.loc[frame["fold"] == 0, "translation"] = 0.4
    first, text = answer.answer(frame)
    assert "medians over 1 to 5 folds" in first
    assert f"{EARLY} (CNN at level 0: 1 of 5 folds with a value)" in text


def test_translation_that_does_not_help_is_said():
    frame = put(study(), {"translation": 0.4}, model="fcn", aug=0.2)
    assert "does not make up for it" in answer.answer(frame)[1]


def test_a_cnn_that_is_indifferent_is_held_against_its_own_gap():
    frame = put(study(), {"translation": 0.9}, model="cnn", aug=0.0)
    assert "sharing alone does make" in answer.answer(frame)[1]


def grid(sweep="mnist_grid", **fields):
    return [
        study_frames.run_rows(
            model=model, init=init, epochs=3, learning_rate=rate, num_folds=1,
            num_conv_layers=depth, sweep=sweep, **{"data.split": "published"}, **fields,
        )
        for rate in (0.1, 1e-3)
        for depth in (2, 3)
        for model, init in study_frames.MODELS
    ]  # fmt: skip


@pytest.mark.slow
def test_the_grid_takes_the_papers_networks_only():
    small = grid("small", **{"network.hidden": 8, "data.num_images": 500})
    alone = tables.grid_table(study_frames.frame(small), "mnist")
    assert not alone.has_results
    both = study_frames.frame([*grid(), *small])
    table = tables.grid_table(both, "mnist")
    assert set(table.cells["runs"]) == {0, 1}
    assert "Left out: sweep small, 8 runs: " in table.note
    assert "network.hidden 8 (the paper: 1024)" in table.note
    (apart,) = tables.apart_tables(both, "mnist")
    assert "sweep small" in apart.note and "mnist_grid" not in apart.note


@pytest.mark.slow
def test_the_best_point_and_the_highest_rate_are_set_beside_the_papers():
    frame = put(study_frames.frame(grid()), {"acc": 0.11, "loss": 14.345},
                learning_rate=0.1)  # fmt: skip
    worse = put(frame.copy(), {"val_acc": 0.5}, num_conv_layers=3)
    frame = put(frame, {"val_acc": 0.098}, learning_rate=0.1)
    note = tables.grid_table(frame, "mnist").note
    assert "Best for the FCN, last epoch: 3 layers, rate 1e-3, as in the paper" in note
    assert "0.110 to 0.110: always certain of one digit, as the original’s" in note
    note = tables.grid_table(worse, "mnist").note
    assert "2 layers" in note and "not as in the paper" in note
    for loss, acc in ((0.3, 0.9), (2.3, 0.1)):  # it trains; it says nothing
        other = put(frame.copy(), {"loss": loss, "acc": acc}, learning_rate=0.1)
        note = tables.grid_table(other, "mnist").note
        assert "not always certain of one digit" in note
