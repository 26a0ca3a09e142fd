"""The headline concludes nothing that its runs do not show; the grid takes its own."""

import itertools

import numpy as np
import pandas as pd
import pytest
import study_frames

from ws_jax.analysis import aggregate
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


def test_translation_that_hurts_is_no_help_though_the_gap_closes():
    for level in (0.25, 0.55):
        frame = put(study(), {"val_acc": level, "translation": level},
                    model="fcn", aug=0.2)  # fmt: skip
        assert "does not make up for it" in answer.answer(frame)[1]


def test_a_run_that_diverged_early_does_not_make_the_others_short():
    frame = study()
    own = (frame["model"] == "fcn") & (frame["aug"] == 0.2) & (frame["fold"] == 0)
    frame.loc[own, "status"] = "diverged"
    first, text = answer.answer(frame[~own | (frame["epoch"] <= 3)])
    assert "of 20 runs 1 diverged" in first
    assert "does what sharing was thought to do" in text


UNITS = {  # columns of five runs of a cell: on folds, or on one split of seeds
    "fold": [{"fold": i} for i in range(5)],
    "seed": [{"seed": i, "num_folds": 1, "data.split": "holdout"} for i in range(5)],
}
LEVELS = (0.0, 0.1, 0.2)


@pytest.fixture(scope="module", params=UNITS)
def small(request):
    """A study on data of one's own as tidy rows, and over what its medians are."""
    runs = [
        study_frames.run_rows("mnist_5k", level=level, model=model, init=init, epochs=5,
                              kept=(0, 5), **columns)
        for (model, init), level, columns in itertools.product(
            study_frames.MODELS, LEVELS, UNITS[request.param])
    ]  # fmt: skip
    frame = study_frames.frame(runs)
    return aggregate.tidy(study_frames.planned(frame, frame)), request.param


def test_one_split_is_answered_by_its_seeds(small):
    frame, unit = small
    first, text = answer.answer(frame)
    assert f"(medians over 5 {unit}s after the last" in first and EARLY not in text
    alone = frame[frame[unit] == 0].assign(**{f"planned_{unit}s": 1})
    first, text = answer.answer(alone)
    assert f"(one {unit} after the last of 5 epochs" in first
    assert f"{EARLY} (one {unit} gives no interval)" in text


def concluded(frame, first=0):
    """What an answer concludes from its first study on; nothing if it is too early."""
    text = " ".join(answer.answer(frame)[first : first + 2])
    return "" if EARLY in text else text.partition("sharing alone")[2]


# What a run may have got on plain and translated images; medians of these decide.
DRAWN = {
    ("cnn", 0.0): (0.95, 0.58, 0.65), ("cnn", 0.1): (0.95, 0.9, 0.95),
    ("cnn", 0.2): (0.95, 0.9, 0.95), ("fcn", 0.0): (0.95, 0.3, 0.32),
    ("fcn", 0.1): (0.95, 0.3, 0.9), ("fcn", 0.2): (0.95, 0.5, 0.7, 0.9),
}  # fmt: skip


def drawn(frame, rng):
    """The study with results of each run drawn anew."""
    ends = frame["epoch"] > 0
    for (model, level), (plain, *moved) in DRAWN.items():
        own = ends & (frame["model"] == model) & (frame["aug"] == level)
        frame.loc[own, "val_acc"] = plain - 0.5 * (
            rng.random(own.sum()) < 0.3 * (model == "fcn" and level > 0)
        )
        frame.loc[own, "translation"] = rng.choice(moved, own.sum())
    return frame


def lost(frame, unit, rng):
    """The study where runs were deleted, have not begun, diverged or lack a measure."""
    gone = pd.Series(False, frame.index)
    for _ in range(rng.integers(1, 4)):
        own = frame[unit].isin(rng.choice(5, rng.choice([1, 1, 2, 5]), replace=False))
        if rng.random() < 0.7:  # of one cell; else of all
            model, level = list(DRAWN)[rng.integers(len(DRAWN))]
            own &= (frame["model"] == model) & (frame["aug"] == level)
        how = rng.choice(["gone", "gone", "diverged", "not measured"])
        if how == "not measured":
            frame.loc[own, "translation"] = np.nan
        elif how == "diverged":
            frame.loc[own, "status"] = "diverged"
        else:
            gone |= own
    return frame[~gone]


@pytest.mark.slow
def test_what_lacks_never_turns_an_answer_into_another(small):
    """It may be too early without it; but nothing else may follow."""
    whole, unit = small
    beside = whole.assign(data="fashion", training=whole["training"] + 1000)
    beside["epoch"] *= 3  # longer, and with nothing to say
    beside["translation"] = beside["val_acc"]
    rng, kept = np.random.default_rng(0), []
    while len(kept) < 20:
        frame = drawn(whole.copy(), rng)
        left, told = lost(frame.copy(), unit, rng), concluded(frame)
        # Of a level that is gone, and of no network, results tell nothing.
        if told and (left["aug"] == 0.2).any():
            found = concluded(left)
            assert found in ("", told)
            if found:
                both = pd.concat([beside, left])
                assert concluded(both) == "" and concluded(both, 2) == found
            kept.append(bool(found))
    assert 4 < sum(kept) < 16


@pytest.mark.slow
def test_seeds_that_a_fold_lacks_do_not_turn_the_answer():
    rows = [study_frames.study("mnist_5k", epochs=5, kept=(0, 5), seed=seed)
            for seed in range(3)]  # fmt: skip
    whole = study_frames.identified(pd.concat(rows, ignore_index=True))
    own = (whole["model"] == "fcn") & (whole["aug"] == 0.2)
    put(whole, {"translation": 0.4}, model="fcn", aug=0.2)
    whole.loc[own & (whole["seed"] == 0), "translation"] = 0.97
    first, second = answer.answer(study_frames.planned(whole, whole))
    assert "medians over 5 folds of 3 seeds" in first
    assert "does not make up for it" in second
    for folds in (3, 5):  # deleted, or not begun
        gone = own & (whole["seed"] > 0) & (whole["fold"] < folds)
        told = answer.answer(study_frames.planned(whole, whole[~gone]))[1]
        count = f"{5 - folds} of 5 folds with a value of each seed"
        assert f"{EARLY} (FCN at level .2: {count})" in told
    alone = study_frames.planned(whole, whole[whole["seed"] == 0])
    assert EARLY in answer.answer(alone)[1]
    # Seeds of one fold may lack: the median is bounded by all of them.
    one = own & (whole["seed"] > 0) & (whole["fold"] == 0)
    assert concluded(study_frames.planned(whole, whole[~one])) in ("", concluded(whole))


def test_folds_of_other_levels_do_not_turn_the_answer():
    """A verdict on all levels may come and go; what is said of one level stays."""
    frame = study_frames.study(levels=(0.0, 0.2, 0.3), kept=(0, 60))
    put(frame, {"translation": 0.9}, model="fcn", aug=0.3)
    fails = "on how far translation closes the gap of the FCN does not hold"
    whole, less = (
        concluded(study_frames.planned(frame, part))
        for part in (frame, frame[(frame["fold"] < 2) | (frame["aug"] != 0.3)])
    )
    assert fails in whole and fails not in less
    helps = "does what sharing was thought to do"
    assert helps in whole and helps in less


@pytest.mark.parametrize("beside", [
    {"epochs": 3, "kept": (0, 3)}, {"epochs": 61, "kept": (0, 61), "folds": (0,)},
])  # fmt: skip
def test_a_study_that_cannot_answer_hides_none_that_can(beside):
    good = study_frames.study("cifar10", epochs=120, kept=(0, 120))
    other = study_frames.study("mnist", **beside)
    both = pd.concat([other, good], ignore_index=True)
    told = answer.answer(good)
    assert "makes up for part of it" in told[1]
    first, early, another, second = answer.answer(study_frames.identified(both))
    assert "MNIST" in first and "too early" in early
    assert another == f"Another study here answers: t{told[0][1:]}"
    assert second == told[1]
    # One that answers needs no other.
    more = study_frames.study("mnist_5k", epochs=9, kept=(0, 9))
    both = pd.concat([more, good], ignore_index=True)
    assert answer.answer(study_frames.identified(both)) == told


def test_a_study_that_answers_takes_not_the_place_of_one_that_lost_folds():
    good = study_frames.study("cifar10", epochs=120, kept=(0, 120))
    other = study_frames.study("mnist_5k", epochs=9, kept=(0, 9))
    both = study_frames.identified(pd.concat([good, other], ignore_index=True))
    assert "CIFAR-10" in answer.answer(both)[0]
    lost = (both["data"] == "cifar10") & (both["model"] == "fcn") & (both["fold"] > 2)
    first, early, another, _ = answer.answer(both[~lost])
    assert "CIFAR-10" in first and "too early" in early
    assert another.startswith("Another study here answers: trained on images of MNIST")


def test_of_several_settings_the_answer_says_which():
    one, other = (
        study_frames.study("mnist_5k", epochs=epochs, kept=(0, epochs), sweep="a",
                           **{"train.batch_size": size})
        for epochs, size in ((5, 16), (6, 64))
    )  # fmt: skip
    both = study_frames.identified(pd.concat([one, other], ignore_index=True))
    first, _ = answer.answer(both)
    assert (
        "(medians over 5 folds after the last of 6 epochs, released semantics" in first
    )
    assert first.endswith(", train.batch_size 64).")
    assert "batch" not in answer.answer(other)[0]


@pytest.mark.slow
def test_a_level_of_which_no_run_has_begun_is_waited_for():
    whole = study_frames.study(levels=(0.0, 0.1, 0.2), epochs=50, kept=(0, 50))
    told = answer.answer(study_frames.planned(whole, whole))
    assert "trained with translation .2" in told[1] and EARLY not in told[1]
    less = whole[whole["aug"] != 0.2]
    _, second = answer.answer(study_frames.planned(whole, less))
    assert f"{EARLY} (CNN at level .2: 0 of 5 folds with a value; FCN at" in second
    # Another sweep's levels are not.
    other = whole[whole["aug"] == 0.2].assign(sweep="other")
    apart = study_frames.planned(pd.concat([less, other]), less)
    assert EARLY not in answer.answer(apart)[1]


def test_an_initialisation_that_is_begun_does_not_silence_another():
    own = study(kept=(0, 50))
    paper = own.assign(init="paper", run=own["run"].str.replace("released", "paper"))
    cnn, fcn = own[own["model"] == "cnn"], own[own["model"] == "fcn"]
    paper = paper[paper["model"] == "fcn"]

    def told(*rows):
        both = pd.concat(rows, ignore_index=True)
        return answer.answer(study_frames.identified(both))

    alone = told(cnn, paper)
    assert EARLY not in alone[1] and "paper init" in alone[0]
    # One that lacks a cell wholly is none.
    *both, lacks = told(cnn, paper, fcn[fcn["aug"] == 0])
    assert both == alone and lacks.startswith("The FCN of the released init was to be")
    # So it is where its record tells of it, and nothing else does.
    whole = study_frames.identified(pd.concat([cnn, paper, fcn], ignore_index=True))
    left = whole[(whole["model"] == "cnn") | (whole["init"] == "paper")]
    assert answer.answer(study_frames.planned(whole, left)) == [*alone, lacks]
    begun = (fcn["aug"] == 0) | (fcn["fold"] < 2)
    first, early, another, second = told(cnn, paper, fcn[begun])
    assert "released init" in first and EARLY in early
    assert another == f"Another study here answers: t{alone[0][1:]}"
    assert second == alone[1]
    # The bundle's own leads where both answer.
    first, second = told(cnn, paper, fcn)
    assert "released init" in first and EARLY not in second


def test_a_level_that_one_network_was_never_planned_at_is_not_waited_for():
    whole = study_frames.study(levels=(0.0, 0.1, 0.2), epochs=50, kept=(0, 50))
    less = whole[(whole["model"] == "cnn") | (whole["aug"] != 0.2)]
    first, second = answer.answer(study_frames.planned(less, less))
    assert "the CNN was trained at level .2, too" in first
    assert "trained with translation .1" in second and EARLY not in second
    # It was planned and has not begun, or no record tells.
    for frame in (study_frames.planned(whole, less), less):
        first, second = answer.answer(frame)
        assert "too)" not in first
        assert f"{EARLY} (FCN at level .2: 0 of 5 folds with a value)" in second


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
