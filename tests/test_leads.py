"""What the first sentences of a page say of ties, and of seeds not in common."""

import pytest
import study_frames
from test_analysis_effects import RATES, answer_to, by_rate
from test_kinds import lot, sentences, together


def on_other_seeds():
    """Two networks at two rates: the first on three seeds, the second on another."""
    first = lot("own", *({"model": m} for m in ("cnn", "fcn")), gains=(0.2, 0.0),
                learning_rate=RATES[0])  # fmt: skip
    second = lot("own", *({"model": m} for m in ("cnn", "fcn")), gains=(0.0, 0.3),
                 learning_rate=RATES[1], seeds=(3,))  # fmt: skip
    return together(first, second)


def test_values_are_compared_at_settings_that_share_seeds():
    """Each had its best on seeds of its own, and none was said to stand beside it."""
    frame = on_other_seeds()
    text = answer_to(frame, "network")
    assert "CNN is ahead of FCN by 20.2 points" in text and "3 seeds" in text
    assert ", at learning rate 0.001, which shares no seed with others:" in text
    # Of more such settings the best of each value is told.
    more = lot("own", *({"model": m} for m in ("cnn", "fcn")), gains=(0.1, 0.15),
               learning_rate=RATES[2])  # fmt: skip
    text = answer_to(together(frame, more), "network")
    assert "CNN is ahead of FCN by 5.0 points" in text
    best = "learning rate of those with seeds in common (CNN: 0.001; FCN: 0.01)"
    assert best in text
    # Of rates themselves no seed can be compared.
    said = "learning rate: values that stand beside each other have no seed in common."
    assert answer_to(frame, "learning rate") == said


def test_values_that_diverged_on_all_seeds_in_common_are_said_to():
    frame = by_rate(cnn=RATES, fcn=RATES)
    lost = (frame["model"] == "cnn") == (frame["seed"] > 0)
    frame.loc[lost, "status"] = "diverged"
    text = answer_to(frame, "network")
    assert text == (
        "network: values that stand beside each other have no seed in common on which "
        "they did not diverge."
    )
    lost = frame["model"] == "cnn"
    frame = by_rate(cnn=RATES, fcn=RATES)
    frame.loc[lost, "status"] = "diverged"
    text = answer_to(frame, "network")
    assert text == "network: all runs but those of one value diverged."


# Ties.


def factors(**values):
    """Networks under a phase of two factors, and their gains under each."""
    cases = [
        {"model": model, "phase": "shrink", "train.phase.factor": factor}
        for model in values
        for factor in (0.98, 1)
    ]
    return lot("own", *cases, gains=[g for own in values.values() for g in own])


@pytest.mark.slow
def test_equal_settings_are_not_told_as_best():
    frame = factors(fcn=(0.0, 0.1), cnn=(0.05, 0.05), rings=(0.01, 0.01))
    text = answer_to(frame, "network")
    assert "FCN is ahead of CNN by 5.0 points" in text
    assert "each at its best factor (FCN: 1; CNN, rings: no difference)" in text
    frame = factors(fcn=(0.1, 0.1), cnn=(0.05, 0.05))
    text = answer_to(frame, "network")
    assert "3 seeds), with no difference by factor: clear" in text


def test_equal_values_are_not_ahead_of_each_other():
    frame = factors(fcn=(0.1, 0.1), cnn=(0.1, 0.1), rings=(0.0, 0.0))
    text = answer_to(frame, "network")
    said = "network: CNN and FCN do not differ, and are ahead of rings by 10.1 points"
    assert text.startswith(said)
    best = sentences(frame)[1]
    assert "CNN, factor 0.98, 61.1 %" in best and "3 others are as good." in best


def test_equal_values_are_not_one_the_last_of_them():
    frame = factors(fcn=(0.1, 0.1), cnn=(0.0, 0.0), rings=(0.0, 0.0))
    text = answer_to(frame, "network")
    said = (
        r"network: FCN is ahead of CNN and rings, which do not differ, by 10.1 points"
    )
    assert text.startswith(said) and "the last" not in text
    frame = lot("own", *({"model": m} for m in ("cnn", "fcn", "rings", "own")),
                gains=(0.0, 0.2, 0.1, 0.0))  # fmt: skip
    text = answer_to(frame, "network")
    assert "FCN is ahead of rings by 10.1 points" in text
    assert ") and of CNN and own, which do not differ, by 20.2 points" in text
    assert "the last" not in text


def test_one_better_run_makes_a_setting_the_best():
    frame = factors(fcn=(0.0, 0.0), cnn=(0.3, 0.3))
    last = (frame["train.phase.factor"] == 1) & (frame["seed"] == 2)
    frame.loc[last, "val_acc"] += 0.01
    text = answer_to(frame, "network")
    assert "each at its best factor (1)" in text
    best = sentences(frame)[1]
    assert "CNN, factor 1, 81.6 %" in best and "as good" not in best


def test_a_field_without_a_difference_is_left_out_of_the_best():
    frame = by_rate(cnn=(0.8, 0.95, 0.1), fcn=(0.75, 0.78, 0.8))
    lots = [frame.assign(**{"train.batch_size": size}) for size in (16, 32)]
    frame = study_frames.identified(together(*lots))
    text = answer_to(frame, "network")
    assert "(CNN: learning rate 0.003, any batch size; FCN: learning rate 0.0" in text


# What nobody swept.


def test_code_that_changed_differs_besides():
    columns = {"own.code": "c767"}
    frame = on_other_seeds()
    codes = frame["seed"].map(lambda seed: "c767" if seed < 3 else "f7a9")
    frame = study_frames.identified(frame.assign(**{"own.code": codes}))
    swept_, *rest = sentences(frame)
    assert "code" not in swept_.split(". ")[0]
    assert "They differ besides in their code (c767, f7a9)" in swept_
    assert not any(text.startswith("code: ") for text in rest)
    alone = lot("own", {"model": "cnn"}, **columns)
    other = lot("own", {"model": "cnn"}, gains=(0.1,), **{"own.code": "f7a9"})
    (first, *_) = sentences(together(alone, other))
    assert first.startswith("Nothing was swept")
