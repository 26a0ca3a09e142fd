"""A study that is no paper's, on the page: its own transforms, fields and repeats."""

import itertools

import study_frames

from ws_jax.analysis import aggregate, labels, settings, style
from ws_jax.analysis.gallery import sweep_curves

DATA = "somewhere/mine.npz"


def runs(*cases, folds=(0,), seeds=(0,), epochs=2, **columns):
    """A frame of made runs: those of every case, on every fold and seed."""
    columns = {"data": DATA, "sweep": "own", "num_folds": 3, **columns}
    return study_frames.frame(
        [
            study_frames.run_rows(**{**columns, "init": "paper", **case}, fold=fold,
                                  seed=seed, epochs=epochs, semantics="paper")
            for case, fold, seed in itertools.product(cases, folds, seeds)
        ]
    )  # fmt: skip


def titles(figure):
    return [panel.get_title(loc="left").split(") ", 1)[1] for panel in figure.axes]


def test_transforms_without_a_level_are_told_by_name():
    kinds = ("none", "flip", "cutout", "translation+flip")
    frame = runs(*({"aug_type": kind} for kind in kinds))
    rows = aggregate.tidy(frame)
    assert set(rows["aug_type"]) == set(kinds)
    assert set(rows["setting"]) == {""}  # not "sweep own, cell 1ff30e60"
    assert labels.kind("translation+flip") == "translation + flip"
    (item,) = sweep_curves(frame)
    found = titles(item.draw())
    assert found[:4] == ["CNN, cutout", "CNN, flip", "CNN", "CNN, translation + flip"]
    # Level 0 of a kind that has levels is none of it, and common to all of these.
    rows = aggregate.tidy(runs({"aug_type": "rotation", "aug": 0.0}))
    assert set(rows["aug_type"]) == {"none"}
    assert len(aggregate.of_kind(aggregate.tidy(frame), "flip")) == 6


def phased():
    shared = {"model": "cnn"}
    free = [
        {"model": "fcn", "phase": "decay", "train.phase.amount": amount}
        for amount in (0.0, 0.1)
    ]
    return aggregate.tidy(runs(shared, *free))


def test_runs_that_lack_a_field_stand_beside_each_of_its_values():
    found = settings.parts(phased())
    assert [set(own["model"]) for _, own in found] == [{"cnn", "fcn"}] * 2
    for (words, _), amount in zip(found, ("0", "0.1"), strict=True):
        assert words.endswith(f"train.phase.amount {amount} (CNN: has none)")
    # The cells of what lacks it have nothing to say of it.
    rows = phased()
    assert set(rows.loc[rows["model"] == "cnn", "setting"]) == {""}


def test_a_free_network_without_the_phase_has_a_figure_with_the_cnn():
    cases = [{"model": "cnn"}]
    cases += [{"model": "fcn", "phase": phase} for phase in ("none", "decay")]
    found = dict(settings.parts(aggregate.tidy(runs(*cases))))
    assert {words: set(own["model"]) for words, own in found.items()} == {
        "phase none": {"cnn", "fcn"},
        "phase decay (CNN: has none)": {"cnn", "fcn"},
    }


def test_no_letter_is_beyond_z():
    found = [style.letter(index) for index in (0, 25, 26, 51, 52, 701, 702)]
    assert found == ["a", "z", "aa", "az", "ba", "zz", "aaa"]
    figure, axes = style.make_axes(10, 3)
    style.letters(axes)
    assert axes[-1, -1].get_title().strip() == "(ad)"
