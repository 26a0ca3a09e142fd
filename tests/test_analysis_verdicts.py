import math

import numpy as np
import pandas as pd
import pytest
import study_frames

from ws_jax.analysis import evidence, statistics, verdicts
from ws_jax.analysis.claims import CLAIMS
from ws_jax.analysis.evidence import FAILS, HOLDS, UNDECIDED

WHERE = ("released", "released")


@pytest.fixture(scope="module")
def whole():
    """MNIST runs that all eight claims hold on, everything exactly as published."""
    options = {"epochs": 60}
    severed = [
        study_frames.run_rows(model="fcn", init="released", fold=fold, vcp=p, **options)
        for p in (0.5, 0.99)
        for fold in range(5)
    ]
    return pd.concat(
        [
            study_frames.study(levels=(0.0, 0.1, 0.2, 0.3), **options),
            study_frames.study(
                kinds=("edge_noise", "noise", "rotation"), levels=(0.1, 0.2), **options
            ),
            study_frames.frame(severed),
        ],
        ignore_index=True,
    )


def verdict(frame, number, data="mnist", where=WHERE):
    """One of the verdicts of `verdicts.judge`, without the others."""
    claim = CLAIMS[number - 1]
    runs = evidence.Evidence(frame, data, *where)
    return verdicts.Verdict(claim, data, *where, tuple(claim.checks(runs)))


def change(frame, metric, by, **where):
    """Adds to a measure in the rows whose columns have the given values."""
    rows = np.ones(len(frame), dtype=bool)
    for name, value in where.items():
        rows &= (frame[name] == value).to_numpy()
    assert rows.any()
    frame = frame.copy()
    frame.loc[rows, metric] += by
    return frame


@pytest.mark.parametrize("claim", CLAIMS, ids=lambda claim: claim.title)
def test_claims_hold_on_the_published_numbers(whole, claim):
    found = verdict(whole, claim.number)
    assert found.outcome == HOLDS, found.sentence
    assert found.missing == ()
    for check in found.checks:
        assert check.found.low <= check.found.mean <= check.found.high
        assert check.found.folds == 5


BROKEN = {
    1: ("val_acc", 0.05, {"aug": 0.0}),
    2: ("val_acc", -0.05, {"model": "fcn", "aug": 0.2, "aug_type": "translation"}),
    3: ("val_acc", -0.05, {"model": "fcn", "aug_type": "translation"}),
    4: ("translation", 0.40, {"aug": 0.0}),
    5: ("translation", 0.20, {"aug_type": "noise", "aug": 0.2, "model": "fcn"}),
    6: ("dist_1", 0.03, {"aug_type": "translation"}),
    7: ("swap", -0.20, {"model": "cnn"}),
    8: ("val_acc", -0.20, {"vcp": 0.5}),
}


@pytest.mark.parametrize("number", BROKEN)
def test_claims_fail_on_contrary_numbers(whole, number):
    metric, by, where = BROKEN[number]
    found = verdict(change(whole, metric, by, **where), number)
    assert found.outcome == FAILS
    assert found.decisive.outcome == FAILS
    assert found.decisive.show(found.decisive.found.mean) in found.sentence


LACKING = {
    1: ("acc", "with values of acc"),
    2: ({"aug": 0.2, "model": "fcn"}, "FCN at translation .2"),
    3: ({"aug": 0.1, "aug_type": "translation"}, "CNN at translation .1"),
    4: ({"aug": 0.3}, "CNN at translation .3"),
    5: ({"aug_type": "rotation"}, "CNN at rotation .1"),
    6: ("dist_4", "with values of dist_4"),
    7: ({"model": "cnn"}, "CNN at level 0"),
    8: ({"vcp": 0.99}, "FCN at level 0, p .99"),
}


@pytest.mark.parametrize("number", LACKING)
def test_claims_name_what_is_missing(whole, number):
    lacking, text = LACKING[number]
    if isinstance(lacking, str):
        frame = whole.assign(**{lacking: np.nan})
    else:
        keep = np.zeros(len(whole), dtype=bool)
        for name, value in lacking.items():
            keep |= (whole[name] != value).to_numpy()
        frame = whole[keep]
    found = verdict(frame, number)
    assert found.outcome == UNDECIDED
    assert any(text in name for name in found.missing), found.missing
    assert text in found.sentence or found.decisive.missing == ()


def test_nothing_is_known_of_nothing():
    found = verdicts.judge(pd.DataFrame())
    assert {v.outcome for v in found} == {UNDECIDED}
    assert {v.claim.number for v in found} == set(range(1, 9))
    assert {(v.semantics, v.init) for v in found} == set(verdicts.BUNDLES)
    assert all(v.missing for v in found)
    assert len(verdicts.to_frame(found)) == sum(len(v.checks) for v in found)


def test_all_claims_are_judged_on_their_data_under_every_reading(whole):
    found = verdicts.judge(whole)
    places = {(v.claim.number, v.data, v.semantics, v.init) for v in found}
    assert len(places) == len(found) == 2 * sum(len(c.data) for c in CLAIMS)
    held = {v.claim.number for v in found if v.outcome == HOLDS}
    assert held == set(range(1, 9))
    assert {v.semantics for v in found if v.outcome == HOLDS} == {"released"}


def test_every_reading_is_judged_on_its_own_runs(whole):
    own = whole[whole["model"] == "fcn"].assign(init="paper")
    own["run"] += "-paper-init"
    own["swap"] += 0.3
    frame = pd.concat([whole, own])
    assert verdict(frame, 7).outcome == HOLDS
    assert verdict(frame, 7, where=("released", "paper")).outcome == FAILS
    assert verdict(frame, 7, where=("paper", "paper")).outcome == UNDECIDED


def test_cifar_has_thresholds_of_its_own():
    frame = study_frames.study("cifar10", levels=(0.0, 0.1, 0.2, 0.3), epochs=100)
    for number in (1, 2, 3, 4):
        assert verdict(frame, number, "cifar10").outcome == HOLDS
    # A gap of 25 points is enough for MNIST's "above 0" and not for "over 30".
    narrow = change(frame, "acc", -0.09, aug=0.0, model="fcn")
    assert verdict(narrow, 1, "cifar10").outcome == FAILS


def test_swap_is_judged_over_a_window(whole):
    # At the last epoch the FCN is far ahead; the second half says otherwise.
    last = (whole["epoch"] == 60) & (whole["model"] == "fcn")
    frame = whole.copy()
    frame.loc[last, "swap"] += 0.5
    found = verdict(frame, 7)
    assert found.outcome == HOLDS
    assert found.checks[0].found.mean == pytest.approx(0.13 - 0.5 / 30)


def test_short_runs_decide_nothing_of_what_comes_late(whole):
    short = whole[whole["epoch"] <= 8]
    assert verdict(short, 7).outcome == HOLDS
    found = verdict(short, 2)
    assert found.outcome == UNDECIDED
    assert "8 epochs are too few, it takes 50" in found.sentence
    assert verdict(whole[whole["epoch"] <= 4], 7).outcome == UNDECIDED


def test_folds_that_disagree_decide_nothing(whole):
    frame = whole
    for fold, by in enumerate((-0.2, 0.2, -0.1, 0.1, -0.13)):
        frame = change(frame, "swap", by, fold=fold, model="cnn")
    found = verdict(frame, 7)
    assert found.outcome == UNDECIDED
    assert "the interval includes the threshold" in found.sentence


def test_one_fold_decides_nothing(whole):
    found = verdict(whole[whole["fold"] == 0], 7)
    assert found.outcome == UNDECIDED
    assert "on one fold" in found.sentence
    assert found.checks[0].found.mean == pytest.approx(0.13)


def test_other_settings_do_not_count(whole):
    assert verdict(whole.assign(num_conv_layers=2), 7).outcome == UNDECIDED
    assert verdict(whole.assign(learning_rate=0.1), 7).outcome == UNDECIDED


def make_check(sense, low, high, threshold=0.0):
    middle = (low + high) / 2
    found = statistics.Difference(middle, low, high, 1.0, 0.1, 1.0, 5)
    return evidence.Check(
        "It", "points", sense, threshold, found, math.nan, 100, 50, ()
    )


@pytest.mark.parametrize(
    ("sense", "low", "high", "outcome"),
    [
        ("above", 0.1, 0.3, HOLDS),
        ("above", -0.3, -0.1, FAILS),
        ("above", -0.1, 0.3, UNDECIDED),
        ("below", 0.1, 0.3, FAILS),
        ("below", -0.3, -0.1, HOLDS),
        ("below", -0.1, 0.3, UNDECIDED),
    ],
)
def test_intervals_decide(sense, low, high, outcome):
    check = make_check(sense, low, high)
    assert check.outcome == outcome
    assert (check.margin > 1) == (outcome == HOLDS)


def test_sentences_have_no_minus_zero():
    assert "−0.00" not in make_check("above", -0.00001, 0.00001).sentence
    assert "asked for: over 0;" in make_check("above", -0.1, 0.3).sentence
