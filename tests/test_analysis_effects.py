"""The values of a swept field are compared at the others' best setting for each."""

import numpy as np
import pandas as pd
import pytest
import study_frames
from test_analysis_own_study import runs

from ws_jax.analysis import aggregate, effects, question, swept
from ws_jax.analysis.page import sweep_page

RATES = (0.001, 0.003, 0.01)


def by_rate(**values):
    """Networks at three rates, on three seeds: their values at each rate."""
    cases = [
        {"model": model, "learning_rate": rate} for model in values for rate in RATES
    ]
    frame = runs(*cases, seeds=(0, 1, 2), epochs=6)
    for model, own in values.items():
        for rate, value in zip(RATES, own, strict=True):
            here = (frame["model"] == model) & (frame["learning_rate"] == rate)
            bonus = 0.01 * frame["seed"] * (1 + 0.1 * (model == "cnn"))
            frame.loc[here, "val_acc"] = value + bonus
    return frame


def answer_to(frame, name):
    found = question.answers(swept.collect(aggregate.tidy(frame)))
    (text,) = (text for text in found if text.startswith(f"{name}: "))
    return text


def test_each_value_is_compared_at_the_others_best_setting_for_it():
    # The means over rates are 62, 78 and 71 %: one rate that is too large decides.
    frame = by_rate(cnn=(0.8, 0.95, 0.1), fcn=(0.75, 0.78, 0.8), rings=(0.7, 0.72, 0.7))
    text = answer_to(frame, "network")
    # By hand: seeds add .001 each to what is .15.
    assert "CNN is ahead of FCN by 15.1 points (95 % interval 14.9 to 15.3" in text
    assert "of rings, the last, by 23.1 points" in text
    assert (
        "each at its best learning rate (CNN: 0.003; FCN: 0.01; rings: 0.003)" in text
    )
    # What is clear there is not so everywhere, and that is said along with it.
    assert (
        "clear of the spread between seeds; but FCN is the best at learning rate 0.01."
        in text
    )
    rates = answer_to(frame, "learning rate")
    assert "0.003 is ahead of 0.001 by 15.0 points" in rates
    best = "learning rate 0.003: CNN; learning rate 0.001: CNN; learning rate 0.01: FCN"
    assert f"each at its best network ({best})" in rates


def test_one_best_setting_of_all_values_is_named_once():
    frame = by_rate(cnn=(0.8, 0.95, 0.9), fcn=(0.75, 0.8, 0.78))
    text = answer_to(frame, "network")
    assert "seeds), each at its best learning rate (0.003): clear of the" in text
    assert "; but" not in text


@pytest.mark.slow
def test_many_other_settings_with_another_order_are_counted():
    frame = by_rate(cnn=(0.8, 0.95, 0.1), fcn=(0.75, 0.8, 0.78))
    frame = frame.assign(**{"train.batch_size": 16})
    more = [frame]
    for size in (32, 64, 128, 256):
        other = by_rate(cnn=(0.6, 0.7, 0.1), fcn=(0.5, 0.6, 0.4))
        more.append(other.assign(**{"train.batch_size": size}))
    frame = study_frames.identified(pd.concat(more, ignore_index=True))
    text = answer_to(frame, "network")
    assert (
        "each at its best learning rate and batch size (learning rate 0.003, batch"
        in text
    )
    assert "; but at 5 of 15 settings of the others another is the best (FCN at" in text


def test_a_rate_at_which_one_network_diverges_still_counts_for_the_others():
    frame = by_rate(cnn=(0.8, 0.9, 0.95), fcn=(0.75, 0.8, 0.1))
    lost = (frame["model"] == "fcn") & (frame["learning_rate"] == 0.01)
    frame.loc[lost, "status"] = "diverged"
    text = answer_to(frame, "network")
    assert "each at its best learning rate (CNN: 0.01; FCN: 0.003)" in text
    assert "CNN is ahead of FCN by 15.1 points" in text


def test_what_lacks_a_field_is_not_given_a_value_of_it():
    cases = [{"model": "cnn"}]
    cases += [{"model": "fcn", "train.phase.amount": a} for a in (1, 2)]
    frame = runs(*cases, seeds=(0, 1, 2), epochs=6)
    gain = 0.1 * (frame["model"] == "fcn") * frame["train.phase.amount"].fillna(0)
    jitter = 0.01 * frame["seed"] * (1 + (frame["model"] == "cnn"))
    frame = frame.assign(val_acc=0.5 + gain + jitter)
    text = answer_to(frame, "network")
    assert "each at its best amount (FCN: 2; CNN: has none)" in text


def test_a_run_without_a_term_stands_beside_each_of_its_strengths():
    """Where the list of terms was a field, a CNN stood beside no shared network."""
    shared = {"network.templates": 2, "task.terms": "layer_similarity"}
    strength = "task.terms.layer_similarity.strength"
    cases = [{"network.templates": 0, "task.terms": "()"}]
    cases += [{**shared, strength: value} for value in (0.0, 0.01)]
    frame = runs(*cases, seeds=(0, 1, 2), epochs=6)
    gain = 0.1 * (frame["network.templates"] == 0) + frame[strength].fillna(0)
    jitter = 0.01 * frame["seed"] * (1 + (frame["network.templates"] == 0))
    frame = frame.assign(val_acc=0.5 + gain + jitter)
    text = answer_to(frame, "templates")
    assert "0 is ahead of 2 by 10.0 points" in text
    assert "each at its best strength (templates 0: has none; templates 2: 0.01" in text


def changed(kinds, gains, **columns):
    """Runs whose images are changed by some transforms, with what each lot gains."""
    draws = {"flip", "crop"}
    cases = [
        {
            "aug_type": "+".join(k for k in kind.split("+") if k in draws) or "none",
            "transforms.kinds": kind,
            "model": model,
        }
        for kind in kinds
        for model in ("cnn", "fcn")
    ]
    frame = runs(*cases, seeds=(0, 1, 2), epochs=6, **columns)
    gain = frame["transforms.kinds"].map(gains)
    return frame.assign(val_acc=0.5 + gain + 0.01 * frame["seed"] * (1 + gain))


def told(frame):
    return [f.name for f in swept.collect(aggregate.tidy(frame)).fields]


@pytest.mark.slow
def test_one_fact_in_two_columns_is_one_field():
    """Kinds of transforms and the augmentation were each the other's “else”."""
    kinds = {"flip+normalize": 0.0, "flip+normalize+crop": 0.1}
    frame = changed(kinds, kinds)
    assert told(frame) == ["network", "augmentation"]
    text = answer_to(frame, "augmentation")
    assert "flip + crop is ahead of flip by 10.1 points" in text
    # What draws nothing is a field of its own, beside it or alone.
    kinds = {"flip": 0, "flip+normalize": 0.1, "flip+crop": 0.2, "flip+normalize+crop":
             0.4}  # fmt: skip
    frame = changed(kinds, kinds)
    assert told(frame) == ["network", "augmentation", "kinds"]
    assert "normalize is ahead of none by 20.2" in answer_to(frame, "kinds")
    alone = changed({"flip": 0, "flip+normalize": 0}, kinds)
    assert told(alone) == ["network", "kinds"]
    assert "flip+normalize is ahead of flip by" in answer_to(alone, "kinds")
    # Where both change at once nothing says which of them it was: both are named.
    both = changed({"flip+normalize": 0, "flip+crop": 0}, kinds)
    assert told(both) == ["network", "augmentation with kinds"]
    text = answer_to(both, "augmentation with kinds")
    first, second = "flip + crop with kinds none", "flip with kinds normalize"
    assert f"{first} is ahead of {second} by 10.1 points" in text
    # In their order alone kinds may differ, too.
    turned = {"crop+normalize": 0, "normalize+crop": 0.1, "flip": 0}
    assert told(changed(turned, turned)) == ["network", "augmentation", "kinds"]


def test_a_sweep_without_kinds_has_those_of_its_augmentation():
    first = changed({"flip+normalize": 0.0}, {"flip+normalize": 0.0})
    plain = runs({"model": "cnn"}, {"model": "fcn"}, seeds=(0, 1, 2), epochs=6)
    frame = pd.concat([first, plain.assign(sweep="plain")], ignore_index=True)
    found = {f.name: f.values for f in swept.collect(aggregate.tidy(frame)).fields}
    both = ["flip with kinds normalize", "none with kinds none"]
    assert found["augmentation with kinds"] == both


def test_a_split_and_its_number_of_folds_are_one_field():
    cases = [{"num_folds": 5, "data.split": None, "sweep": "folds"}]
    cases += [
        {"num_folds": 1, "data.split": split, "sweep": split}
        for split in ("holdout", "published")
    ]
    frame = runs(*cases, seeds=(0, 1, 2), epochs=6)
    gain = frame["sweep"].map({"folds": 0.2, "holdout": 0.1, "published": 0.0})
    frame = frame.assign(val_acc=0.5 + gain + 0.01 * frame["seed"] * (1 + gain))
    assert told(frame) == ["split"]
    assert "5 folds is ahead of held-out part by" in answer_to(frame, "split")


def test_what_a_phase_tells_by_its_name_is_no_field():
    phases = {"none": 0.0, "group_mean": 1.0}
    cases = [
        {"model": "fcn", "phase": phase, "coupling": by} for phase, by in phases.items()
    ]
    assert told(runs(*cases, seeds=(0, 1))) == ["phase"]
    couple = [{"model": "fcn", "phase": "couple", "coupling": by} for by in (0.0, 0.5)]
    frame = runs(cases[0], *couple, seeds=(0, 1))
    found = {f.name: f for f in swept.collect(aggregate.tidy(frame)).fields}
    assert list(found) == ["phase", "coupling"]
    assert found["coupling"].values == ["0", ".5"]
    severed = [{"model": "fcn", "vcp": p, "severing": "paper"} for p in (0.2, 0.5)]
    whole = {"model": "fcn", "vcp": 0.0, "severing": "none"}
    assert told(runs(whole, *severed, seeds=(0, 1))) == ["severed"]


def test_what_diverged_everywhere_is_said_to():
    frame = by_rate(cnn=(0.8, 0.9, 0.95), fcn=(0.75, 0.8, 0.1), rings=(0.5, 0.6, 0.5))
    frame.loc[frame["model"] == "fcn", "status"] = "diverged"
    text = answer_to(frame, "network")
    assert "CNN is ahead of rings by 35.1 points" in text
    assert text.endswith("All runs of FCN diverged.")
    frame = frame.assign(status="diverged")
    (text,) = question.answers(swept.collect(aggregate.tidy(frame)))
    assert text.startswith("All 27 runs diverged. Swept: network")


@pytest.mark.parametrize("name", ["rows", "columns", "setting", "seed", "size", "mean"])
def test_a_value_may_have_any_name(name):
    """Values were columns beside counts, which a scheme called `rows` overwrote."""
    frame = by_rate(
        cnn=(0.8, 0.95, 0.9), fcn=(0.7, 0.8, 0.78), **{name: (0.75, 0.85, 0.8)}
    )
    text = answer_to(frame, "network")
    assert f"CNN is ahead of {name} by 10.1 points" in text
    assert "of FCN, the last, by 15.1 points" in text


def with_seeds(frame, chosen, seeds=(3, 4, 5)):
    """Adds runs on more seeds, with the numbers of seed 0."""
    first = frame[chosen & (frame["seed"] == 0)]
    added = [
        first.assign(seed=seed, run=first["run"] + f"-{seed}", digest=first["digest"]
                     + f"-{seed}")
        for seed in seeds
    ]  # fmt: skip
    return pd.concat([frame, *added], ignore_index=True)


@pytest.mark.slow
def test_more_seeds_of_a_setting_do_not_make_it_the_best():
    frame = by_rate(cnn=(0.3, 0.7, 0.9), fcn=(0.35, 0.6, 0.8))
    more = with_seeds(frame, frame["learning_rate"] == RATES[0])
    assert answer_to(more, "network") == answer_to(frame, "network")
    assert "each at its best learning rate (0.01)" in answer_to(more, "network")
    frame = by_rate(cnn=(0.4, 0.7, 0.9), fcn=(0.35, 0.6, 0.8))
    more = with_seeds(frame, frame["model"] == "fcn")
    text = answer_to(more, "learning rate")
    assert "each at its best network (CNN)" in text


def test_another_setting_than_the_best_mean_is_said_to_be_for_divergence():
    frame = by_rate(cnn=(0.3, 0.7, 0.9), fcn=(0.35, 0.6, 0.8))
    assert "diverged" not in answer_to(frame, "network")
    lost = (frame["model"] == "cnn") & (frame["learning_rate"] == RATES[2])
    frame.loc[lost & (frame["seed"] == 1), "status"] = "diverged"
    text = answer_to(frame, "network")
    assert "each at its best learning rate (FCN: 0.01; CNN: 0.003)" in text
    said = "CNN has a better mean at learning rate 0.01, where 1 of 3 runs diverged."
    assert text.endswith(said)


@pytest.mark.parametrize("seed", range(4))
def test_the_best_setting_has_the_best_value_of_each_field(seed):
    frame = by_rate(cnn=(0, 0, 0), fcn=(0, 0, 0), rings=(0, 0, 0))
    run = frame.groupby("digest").ngroup()
    frame["val_acc"] = np.random.default_rng(seed).uniform(size=27)[run] ** 3
    found = swept.collect(aggregate.tidy(frame))
    means = found.runs.groupby(["field 0", "field 1"])["value"].mean()
    for place, best in enumerate(means.idxmax()):
        compared = effects.effect(found, place)
        assert compared.order[0] == best
        assert compared.best[best] == [{1 - place: means.idxmax()[1 - place]}]
    assert ", learning rate ".join(means.idxmax()) in question.answers(found)[1]


def test_a_best_median_that_is_not_the_best_mean_is_told():
    frame = by_rate(cnn=(0.3, 0.6, 0.5), fcn=(0.3, 0.5, 0.4))
    own = (frame["model"] == "cnn") & (frame["learning_rate"] == RATES[1])
    frame.loc[own & (frame["seed"] == 0), "val_acc"] = 0.1
    best = question.answers(swept.collect(aggregate.tidy(frame)))[1]
    assert "CNN, learning rate 0.01, 51.1 % (mean of 3 runs, 50.0 % to 52.2 %)." in best
    said = " The best median is another’s: CNN, learning rate 0.003, 61.1 % against 5"
    assert said in best


def test_what_diverged_counts_as_a_share_on_seeds_in_common():
    frame = by_rate(cnn=(0.3, 0.7, 0.9), fcn=(0.35, 0.6, 0.8))
    cnn = frame["model"] == "cnn"
    lost = cnn & (frame["learning_rate"] == RATES[2]) & (frame["seed"] == 1)
    lost |= cnn & (frame["learning_rate"] != RATES[2]) & (frame["seed"] > 0)
    frame.loc[lost, "status"] = "diverged"
    # One of 3 at the last rate; 2 of 9 at the others, but of the same seeds 2 of 3.
    more = with_seeds(frame, frame["learning_rate"] != RATES[2], range(3, 9))
    text = answer_to(more, "network")
    assert "each at its best learning rate (0.01)" in text
    assert "better mean" not in text


@pytest.mark.slow
def test_settings_that_a_value_lacks_are_said_to_be_left_out():
    frame = by_rate(cnn=(0.3, 0.7, 0.9), fcn=(0.35, 0.6, 0.8), rings=(0.2, 0.5, 0.9))
    lacks = (frame["model"] == "rings") & (frame["learning_rate"] == RATES[2])
    text = answer_to(frame[~lacks], "network")
    best = "each at its best learning rate of those at which all were trained (0.003)"
    assert best in text
    lacks = (frame["model"] == "rings") & (frame["learning_rate"] != RATES[0])
    text = answer_to(frame[~lacks], "network")
    assert ", at learning rate 0.001, the only setting at which all were tr" in text
    assert "of those at which" not in answer_to(frame, "network")
    # What is compared with nothing leaves no setting out.
    alone = (frame["model"] != "rings") | (frame["learning_rate"] != RATES[0])
    frame = frame[
        alone & ((frame["model"] == "rings") != (frame["learning_rate"] > 0.005))
    ]
    text = answer_to(frame, "network")
    assert "Nothing stands beside rings" in text
    assert "all were trained" not in text


def test_values_that_are_all_equal_do_not_differ():
    frame = by_rate(cnn=RATES, fcn=RATES, rings=RATES).assign(val_acc=0.5)
    text = answer_to(frame, "network")
    assert text.startswith("network: no difference between CNN, FCN and rings")
    assert "ahead" not in text


# Fields that change together.


def in_pairs(*pairs):
    """Two networks under a phase, swept as a whole: its values of two fields."""
    cases = [
        {"model": model, "phase": "shrink", "train.phase.cadence": cadence,
         "train.phase.factor": factor}
        for model in ("cnn", "fcn")
        for cadence, factor in pairs
    ]  # fmt: skip
    frame = runs(*cases, seeds=(0, 1), epochs=6)
    order = [cadence for cadence, _ in pairs]
    gain = frame["train.phase.cadence"].map(order.index)
    return frame.assign(val_acc=0.3 + 0.1 * gain + 0.01 * (frame["model"] == "fcn"))


def test_fields_that_always_change_together_are_one_that_is_compared():
    frame = in_pairs((10, 0.9), (2, 0.5))
    found = swept.collect(aggregate.tidy(frame))
    assert [field.name for field in found.fields] == ["network", "cadence with factor"]
    values = ["cadence 2 with factor 0.5", "cadence 10 with factor 0.9"]
    assert found.fields[1].values == values
    text = answer_to(frame, "cadence with factor")
    said = "cadence 2 with factor 0.5 is ahead of cadence 10 with factor 0.9 by 10.0 p"
    assert said in text and "at its best network (FCN)" in text
    assert f"FCN, {values[0]}, 41.0 %" in question.answers(found)[1]


def test_fields_that_change_apart_stay_fields_of_their_own():
    frame = in_pairs((10, 0.9), (2, 0.5), (2, 0.9))
    fields = swept.collect(aggregate.tidy(frame)).fields
    assert [field.name for field in fields] == ["network", "cadence", "factor"]


PAIRS = [(16 * 2**i, 0.9 - i / 10) for i in range(6)]


def one_network(*pairs):
    return in_pairs(*pairs).query("model == 'cnn'")


def test_numbers_of_a_search_whose_points_have_tables_of_their_own_stay_apart():
    frame = one_network(*PAIRS)
    frame = frame.assign(folder="cadence-" + frame["train.phase.cadence"].astype(str))
    fields = swept.collect(aggregate.tidy(frame)).fields
    assert [field.name for field in fields] == ["cadence", "factor"]
    assert all(field.numbers is not None for field in fields)


@pytest.mark.parametrize("count", [2, 4, 5, 6])
def test_any_number_of_values_that_change_together_is_compared(count):
    frame = one_network(*PAIRS[:count])
    fields = swept.collect(aggregate.tidy(frame)).fields
    assert [field.name for field in fields] == ["cadence with factor"]
    text = answer_to(frame, "cadence with factor")
    assert "is ahead of" in text and "of cadence 16 with factor 0.9" in text


def test_numbers_that_change_together_are_each_drawn_against():
    found = swept.collect(aggregate.tidy(in_pairs(*PAIRS[:3])))
    items = sweep_page.figures(found)
    against = ["“cadence”", "“factor”"]
    assert [item.title.split(" against ")[1][: len(a)]
            for item, a in zip(items, against, strict=True)] == against  # fmt: skip
    assert "With it changes “factor”." in items[0].caption
    for item, numbers in zip(items, zip(*PAIRS[:3], strict=True), strict=True):
        lines = [line.get_xdata() for line in item.draw().axes[0].get_lines()]
        assert lines and all(sorted(line) == sorted(numbers) for line in lines)


def test_a_name_that_changes_with_a_number_has_no_line_along_it():
    cases = [{"model": "cnn", "learning_rate": 0.1}, {"model": "fcn"}]
    found = swept.collect(aggregate.tidy(runs(*cases, seeds=(0, 1))))
    assert [field.name for field in found.fields] == ["network with learning rate"]
    assert sweep_page.figures(found) == []


def test_fields_go_together_only_if_the_runs_that_are_planned_do_so_too():
    cases = [
        {"model": model, "learning_rate": rate}
        for model in ("cnn", "fcn")
        for rate in RATES[:2]
    ]
    whole = runs(*cases, seeds=(0, 1))
    first = (whole["model"] == "fcn") == (whole["learning_rate"] == RATES[1])
    frame = study_frames.planned(whole, whole[first])
    fields = swept.collect(aggregate.tidy(frame)).fields
    assert [field.name for field in fields] == ["network", "learning rate"]
    assert "no two values stand beside each other" in answer_to(frame, "network")
    # As they are where the plan was no more than these.
    frame = study_frames.planned(whole[first], whole[first])
    assert len(swept.collect(aggregate.tidy(frame)).fields) == 1


def test_a_best_median_that_is_shown_alike_is_not_told():
    frame = runs({"model": "cnn"}, {"model": "fcn"}, seeds=(0, 1, 2), epochs=6)
    values = {"cnn": (0.9871, 0.9873, 0.989), "fcn": (0.985, 0.9874, 0.9876)}
    scores = [values[m][s] for m, s in zip(frame["model"], frame["seed"], strict=True)]
    text = question.answers(swept.collect(aggregate.tidy(frame.assign(val_acc=scores))))
    assert "CNN, 98.8 %" in text[1] and "median" not in text[1]


@pytest.mark.parametrize("strength, columns", [(0.0, ["templates"]), (0.1, None)])
def test_a_term_of_strength_0_is_no_difference(strength, columns):
    cases = [
        {"network.templates": 0, "task.terms": "()"},
        {
            "network.templates": 2,
            "task.terms": "layer_similarity",
            "task.terms.layer_similarity.strength": strength,
        },
    ]
    found = swept.collect(aggregate.tidy(runs(*cases))).fields
    assert [field.name for field in found] == (columns or ["templates with terms"])
