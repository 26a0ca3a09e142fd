"""A study that is no paper's, on the page: its own transforms, fields and repeats."""

import itertools
import re
import warnings

import numpy as np
import pandas as pd
import pytest
import study_frames

from ws_jax.analysis import (
    aggregate,
    effects,
    labels,
    own_files,
    question,
    settings,
    statistics,
    style,
    swept,
    tables,
    watched,
)
from ws_jax.analysis.page import report, sweep_page
from ws_jax.analysis.page.gallery import sweep_curves
from ws_jax.config import MOST
from ws_jax.papers.pages import PAPERS

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
    found = [panel.get_title(loc="left") for panel in figure.axes]
    return [title.replace("\n", " ").split(") ", 1)[1] for title in found]


@pytest.mark.slow
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


def own_page(frame, records=(), figures=False):
    text = report.make_report(
        frame, "mine", records, papers=list(PAPERS.values()), figures=figures
    )
    body = text.split("</style>", 1)[1]
    return re.sub(r"\s+", " ", re.sub(r"<svg.*?</svg>", "", body, flags=re.DOTALL))


def section(text, name):
    return text[text.index(f'id="{name}"') :].split("</section>")[0]


def record(frame, folds, seeds):
    cells = sorted(set(frame["cell"]))
    planned = [
        {"cell": c, "fold": f, "seed": s} for c in cells for f in folds for s in seeds
    ]
    return {
        "config": {"name": "own"},
        "versions": {"jax": "1.2.3"},
        "device": {"platform": "cpu", "kind": "cpu", "count": 1},
        "chunks": [{"runs": planned}],
    }


@pytest.mark.slow
def test_fewer_folds_are_amiss_only_if_more_were_planned():
    frame = runs({"model": "cnn"}, {"model": "fcn"}, seeds=(0, 1))
    text = own_page(frame, [record(frame, (0,), (0, 1))])
    assert "Behind each row: 1 fold, 2 seeds" in text
    assert "of 3 folds" not in text.replace("<td>1 of 3</td>", "")
    assert "1/3 folds" not in text
    more = [record(frame, (0, 1), (0, 1, 2))]
    assert "1 of 2 folds, 2 of 3 seeds" in own_page(frame, more)
    # Without a record all folds of the data are what there could be.
    (cell,) = aggregate.cells(
        runs({"model": "cnn"}), ["val_acc"], "best_epoch"
    ).to_dict("records")
    assert aggregate.mark(cell) == "1 of 3 folds"


def by_network():
    """Two networks at three rates, on three seeds of one fold."""
    cases = [
        {"model": model, "learning_rate": rate}
        for model in ("cnn", "fcn", "rings")
        for rate in (1e-4, 1e-3, 1e-2)
    ]
    frame = runs(*cases, seeds=(0, 1, 2), epochs=6)
    gain = {"cnn": 0.0, "fcn": 0.1, "rings": 0.3}
    value = 0.5 + frame["model"].map(gain) + 10 * frame["learning_rate"]
    jitter = 0.01 * frame["seed"] * (1 + 0.5 * (frame["model"] == "rings"))
    return frame.assign(val_acc=(value + jitter).where(frame["epoch"] > 0))


@pytest.mark.slow
def test_the_first_words_answer_the_sweeps_own_question(monkeypatch):
    # Only words are asked for.
    monkeypatch.setattr(report.pieces, "svg", lambda *_, **__: "")
    frame = by_network()
    text = own_page(frame, figures=True)
    first = section(text, "answer")
    assert "Swept: network (CNN, FCN, rings); learning rate" in first
    assert "The best of 9 settings" in first and "rings, learning rate 0.01" in first
    # By hand: .2 and .005 a seed on seeds 0, 1 and 2; 4.303 * .005 / sqrt(3).
    assert (
        "rings is ahead of FCN by 20.5 points (95 % interval 19.3 to 21.7, 3" in first
    )
    assert "clear of the spread between seeds" in first
    assert "rings</dt><dd>a network or sharing scheme of this study" in first
    for word in ("Semantics", "Level", "Does a network"):
        assert word not in first
    assert "difference in points from the paper" not in section(text, "tables")
    assert "published medians" not in text
    assert "somewhere/" not in text
    # No paper's data, and no paper's question.
    assert "Tables without results" not in text and "Table B.1" not in text


@pytest.mark.slow
def test_one_run_each_is_no_finding():
    cases = [{"model": model} for model in ("cnn", "fcn")]
    first = section(own_page(runs(*cases, epochs=6)), "answer")
    assert "one seed, no interval" in first and "too early to say" in first
    short = section(own_page(by_network()[lambda f: f["epoch"] <= 2]), "answer")
    assert "clear of the spread" not in short
    assert "runs of 2 epochs are short" in short


def test_an_effect_over_folds_is_that_of_the_corrected_test():
    cases = [{"model": "cnn", "learning_rate": rate} for rate in (1e-3, 1e-2)]
    frame = runs(*cases, folds=(0, 1, 2), epochs=6, num_folds=3)
    bonus = (frame["learning_rate"] == 1e-2) * (0.1 + 0.02 * frame["fold"])
    frame = frame.assign(val_acc=frame["val_acc"] + bonus)
    found = swept.collect(aggregate.tidy(frame))
    effect = effects.effect(found, 0)
    want = statistics.corrected_t_test(np.array([0.1, 0.12, 0.14]), 0.5)
    assert effect.order == ["0.01", "0.001"]
    (ahead,) = effect.ahead
    np.testing.assert_allclose([ahead.low, ahead.high], [want.low, want.high])


def test_values_are_compared_though_another_stands_beside_none():
    cases = [{"model": "cnn", "train.phase.amount": 0, "train.phase.kinds": "()"}]
    cases += [
        {"model": "cnn", "train.phase.amount": a, "train.phase.kinds": "decay"}
        for a in (2, 4)
    ]
    frame = runs(*cases, seeds=(0, 1, 2), epochs=6)
    bonus = (frame["train.phase.amount"] == 4) * (0.1 + 0.01 * frame["seed"])
    frame = frame.assign(val_acc=frame["val_acc"] + bonus)
    found = swept.collect(aggregate.tidy(frame))
    names = [field.name for field in found.fields]
    effect = effects.effect(found, names.index("amount"))
    assert effect.order == ["4", "2"]
    np.testing.assert_allclose(effect.ahead[0].mean, 0.11)
    said = " ".join(question.answers(found))
    assert "amount: 4 is ahead of 2 by 11.0 points" in said
    assert "Nothing stands beside 0, all else equal." in said
    assert "kinds: no two values stand beside each other" in said
    # What is empty has a word.
    assert "kinds (decay, none)" in said and "()" not in said


@pytest.mark.slow
def test_the_lead_names_each_data_set_apart():
    names = ["cifar10", "mnist", "mnist_5k"]
    frame = study_frames.frame(
        [study_frames.run_rows(data=name, epochs=2) for name in names]
    )
    text = own_page(frame)
    assert "3 trainings on CIFAR-10; MNIST; MNIST, 5,000 digits, of up to 2 ep" in text


def many():
    """16 settings of four fields."""
    fields = ("train.batch_size", "train.optimizer.weight_decay", "train.phase.amount")
    cases = [
        {
            "model": "fcn",
            "transforms.gain.spread": spread,
            **dict(zip(fields, v, strict=True)),
        }
        for *v, spread in itertools.product((16, 32), (0.0, 0.01), (0.0, 0.1), (1, 9))
    ]
    return runs(*cases, seeds=(0, 1))


@pytest.mark.slow
def test_many_settings_are_columns_figures_and_a_folded_list():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        text = own_page(many(), figures=True)
    heads = re.findall(r"<th[^>]*>([^<]*)</th>", section(text, "tables"))
    fields = ["batch size", "weight decay", "amount", "spread"]
    assert heads[:6] == [*fields, "Validation, best", "Training, best"]
    assert "<summary>mine: 16 settings are kept apart" in section(text, "study")
    for field in fields:
        assert f"Validation accuracy against “{field}”, mine" in text


def test_a_figure_against_a_field_shows_medians_on_a_log_axis():
    (item,) = sweep_page.figures(swept.collect(aggregate.tidy(by_network())))
    (panel,) = item.draw().axes
    assert panel.get_xscale() == "log" and len(panel.containers) == 3
    line = panel.containers[2].lines[0]
    x, y = (np.asarray(line.get_data()[axis], dtype="float64") for axis in (0, 1))
    np.testing.assert_allclose(x, [1e-4, 1e-3, 1e-2])
    np.testing.assert_allclose(y, 0.815 + 10 * x)
    assert "1 fold, 3 seeds" in item.caption


def test_never_is_a_tick_and_what_lacks_the_field_a_dashed_line():
    cases = [{"model": "fcn", "train.phase.every": n} for n in (1, 10, MOST)]
    frame = runs({"model": "cnn"}, *cases)
    (item,) = sweep_page.figures(swept.collect(aggregate.tidy(frame)))
    figure = item.draw()
    (panel,) = figure.axes
    ticks = [tick.get_text() for tick in panel.get_xticklabels()]
    assert ticks == ["1", "10", "never"]
    assert panel.get_xlim()[1] < 100
    assert panel.lines[-1].get_linestyle() == "--"
    (legend,) = figure.legends
    words = [text.get_text() for text in legend.get_texts()]
    assert words == ["FCN", "CNN (has none)"]
    assert "Dashed: medians of what has no such field." in item.caption


def test_folded_networks_that_were_trained_on_are_not_ranked_among_others():
    cases = [{"learning_rate": rate} for rate in (0.1, 0.2)]
    cases.append({"learning_rate": 0.01, "network.origin": "a:b:first:kept"})
    found = swept.collect(aggregate.tidy(runs(*cases)))
    assert [field.column for field in found.fields] == ["learning_rate"]
    assert len(found.runs) == 2 and found.foldings == 1
    assert question.cautions(found)[0].startswith(
        "Not among these: 1 run of networks that were folded"
    )
    alone = swept.collect(aggregate.tidy(runs(cases[2])))
    assert len(alone.runs) == 1 and not alone.foldings


def test_two_tasks_on_one_data_set_are_two_studies():
    told = {"learning_rate": 0.1}, {"learning_rate": 0.2}
    one = runs(*told, seeds=(0, 1), epochs=9)
    other = runs(*told, seeds=(0, 1), epochs=9, sweep="other").assign(
        **{"task.watched": "error", "task.maximized": False, "val_acc": np.nan}
    )
    other["val_error"] = 1 - 2 * one["val_acc"]
    joined = pd.concat([one, other], ignore_index=True)
    frames = (one, study_frames.identified(other), study_frames.identified(joined))
    *alone, both = (section(own_page(frame), "answer") for frame in frames)
    for text in alone:
        said = text[text.index("The best of") : text.index("0.2 ")]
        assert said in both
    assert "(less is better)" in alone[1] and "(less is better)" not in alone[0]


@pytest.mark.parametrize("each", [False, True])
def test_test_scores_are_in_the_table_of_settings(each):
    frame = runs({"learning_rate": 0.1}, {"learning_rate": 0.2}, epochs=3)
    test = (frame["val_acc"] - 0.5).where(each | (frame["epoch"] == 3))
    frame["test_acc"] = test.where(frame["epoch"] > 0)
    text = section(own_page(frame), "tables")
    heads = re.findall(r"<th[^>]*>([^<]*)</th>", text)
    told = [head for head in heads if head.startswith("Test accuracy")]
    assert told == ["Test accuracy, best"] * each + ["Test accuracy, last"]
    said = "after each epoch; the best" if each else "after the last epoch."
    assert f"Test images were scored {said}" in text
    last = frame.loc[frame["epoch"] == 3, "test_acc"]
    assert all(f">{100 * value:.2f}<" in text for value in last)


def test_folded_networks_are_explained():
    text = own_page(runs({"model": "grid_net_folded", "sharing": "grid_net_folded"}))
    assert "a grid_net whose alike layers were tied, so that it loops" in text
    assert "of this study’s own" not in text


def test_one_is_one():
    text = own_page(runs({"num_conv_layers": 1, "num_folds": 1}, epochs=1))
    assert "1 training on mine, of up to 1 epoch." in text and "1 layer," in text
    for wrong in ("1 trainings", "1 layers", "1 epochs", "1 folds"):
        assert wrong not in text


def test_a_field_may_be_called_as_a_column_of_the_table():
    cases = [{"task.amiss": word} for word in ("early", "late")]
    frame = runs(*cases, seeds=(0, 1), folds=(0,))
    text = own_page(frame, [record(frame, (0,), (0, 1, 2))])
    assert "2 of 3 seeds" in text
    assert all(f"<td>{word}</td>" in text for word in ("early", "late"))


@pytest.mark.parametrize(
    "column, numbers",
    [
        ("coupling", (0.001, 0.0015)),
        ("aug", (0.1, 0.1004)),
        ("vcp", (0.995, 0.9954)),
        ("learning_rate", (0.0012, 0.0012345)),
        ("train.optimizer.weight_decay", (1e6, 1000000.5)),
    ],
)
def test_different_numbers_are_different_values(column, numbers):
    alike = {"coupling": {"phase": "couple"}, "aug": {"aug_type": "noise"}}
    cases = [{column: number, **alike.get(column, {})} for number in numbers]
    frame = runs({"model": "fcn"} | cases[0], {"model": "fcn"} | cases[1])
    frame["val_acc"] += 0.1 * (frame[column] == numbers[1])
    found = swept.collect(aggregate.tidy(frame))
    (field,) = found.fields
    assert list(map(float, field.values)) == list(numbers)
    assert "Swept: " in question.answers(found)[0]
    assert sweep_page.table(found).count("<tr>") == 3
    parts = settings.parts(found.rows, [column]) if "." not in column else []
    assert len({words for words, _ in parts}) in (0, 2)


def test_labels_tell_numbers_apart():
    assert [labels.level(v) for v in (0.0015, 10.5, 20.25, -0.5, 0.00019)] == [
        "0.0015", "10.5", "20.2", "-.5", "0.00019",
    ]  # fmt: skip
    draw = np.random.default_rng(0)
    for value in 10 ** draw.uniform(-6, 2, 200):
        np.testing.assert_allclose(float(labels.level(value)), value, rtol=5e-3)
    rates = (0.001, 0.0012, 0.0015, 0.00150001)
    shown = [line.get_label() for line in style.handles(rates, "learning_rate")]
    assert list(map(float, shown)) == list(rates)
    assert shown[0] == "1e-3"
    assert labels.listed([0.5, 0.5004]) == ".5, .5004"


def test_runs_that_all_diverged_are_said_to():
    cases = [{"learning_rate": rate} for rate in (1e-3, 1e3)]
    found = swept.collect(aggregate.tidy(runs(*cases, seeds=(0, 1), status="diverged")))
    assert question.answers(found) == [
        "All 4 runs diverged. Swept: learning rate (0.001, 1000). Behind each setting: "
        "1 fold, 2 seeds."
    ]
    assert question.cautions(found) == [] == sweep_page.figures(found)
    alone = swept.collect(aggregate.tidy(runs({}, status="diverged")))
    assert question.answers(alone)[0].startswith("The only run diverged. Nothing was")


def scores_alone(frame):
    """The same with accuracies alone, which are quicker to draw."""
    others = ("loss", "val_loss", *watched.VIEWS)
    return frame.assign(**dict.fromkeys(others, np.nan))


def every_other(frame):
    return frame["train.phase.every"].map({1: 2, 3: 1, 10: 2, 40: 1})


@pytest.mark.slow
def test_numbers_stand_in_their_order():
    cases = [{"train.phase.every": n} for n in (1, 3, 10, 40)]
    frame = scores_alone(runs(*cases, phase="hebbian", model="fcn"))
    rows = aggregate.tidy(frame)
    want = ["1", "3", "10", "40"]
    assert [words.split()[-1] for words, _ in settings.parts(rows)] == want
    (item,) = sweep_curves(frame.assign(**{"network.hidden": every_other(frame)}))
    found = [re.search(r"every (\d+)", title)[1] for title in titles(item.draw())[:4]]
    assert found == want
    listed = section(own_page(frame), "study")
    places = [listed.index(f"<li>train.phase.every {n}</li>") for n in want]
    assert places == sorted(places)
    (figure,) = sweep_page.figures(swept.collect(rows))
    assert figure.title.startswith("Validation accuracy against “every”, ")


@pytest.mark.parametrize("count", [2, 5])
def test_measures_of_ones_own_are_drawn_or_named(count):
    frame = runs({}, seeds=(0, 1))
    names = [f"norm_{number}" for number in range(count)]
    frame = scores_alone(frame).assign(**dict.fromkeys(names, 2.0))
    (item,) = sweep_curves(frame)
    drawn = [panel.get_ylabel() for panel in item.draw().axes]
    assert ("norm 0" in drawn, "norm_0" in item.caption) == (count == 2, count == 5)
    assert ("All that was evaluated" in item.caption) == (count == 2)


def test_vectors_are_named_as_not_drawn():
    frame = scores_alone(runs({}))
    frame["norms"] = [np.array([1.0, 2.0])] * len(frame)
    (item,) = sweep_curves(frame)
    assert item.caption.startswith("What was evaluated, over epochs.")
    assert "Columns of the results that are not drawn here: norms." in item.caption


def test_a_view_of_ones_own_has_a_column_of_the_table():
    frame = scores_alone(runs({})).assign(negate=0.25, total=21.0)
    frame["evaluation.views.negate.level"] = 1.0
    found = swept.collect(aggregate.tidy(frame))
    table = sweep_page.table(found)
    assert "negate" in table and "25.0" in table
    assert "total" not in table  # a measure, which is drawn


@pytest.mark.parametrize("view", watched.VIEWS)
def test_each_usual_view_has_a_column_of_the_table(view):
    rows = aggregate.tidy(scores_alone(runs({})).assign(**{view: 0.25}))
    assert tables.default_metrics(rows)[-1] == view


def test_a_best_epoch_before_a_phase_acted_does_not_win_silently():
    cases = [{"train.phase.every": n} for n in (1, 10, 40)]
    frame = runs(*cases, phase="hebbian", model="fcn", seeds=(0, 1), epochs=6)
    every, epoch = frame["train.phase.every"], frame["epoch"]
    value = 0.3 + 0.001 * every
    value = value.where((every < 40) | (epoch < 6), 0.1)  # it sleeps once, at the end
    value = value + 0.01 * ((epoch == 2) | ((frame["seed"] == 1) & (epoch == 3)))
    frame = frame.assign(val_acc=value.where(epoch > 0))
    said = question.answers(swept.collect(aggregate.tidy(frame)))[1]
    assert "every 40, 35.0 %" in said and said.endswith(
        "That is epoch 2 of 6, before which the phase may not have acted: at the last "
        "epochs every 40 has 10.0 %, and the best is every 10, 31.0 %."
    )
    # Where the same is the best at the end there is nothing to add; nor without a
    # phase, or with one that acts at every step.
    at_once = frame.assign(**{"train.phase.every": 1, "train.phase.rate": every / 100})
    at_once = study_frames.identified(at_once)
    for other in (frame[frame["epoch"] < 6], frame.assign(phase="none"), at_once):
        same = swept.collect(aggregate.tidy(other))
        assert "may not have acted" not in question.answers(same)[1]


@pytest.mark.slow
@pytest.mark.parametrize(
    "column, title", [("train.phase.every", "every"), ("coupling", "Coupling")]
)
def test_curves_are_coloured_by_the_only_number_in_which_runs_differ(column, title):
    cases = [{column: number} for number in (0.25, 0.5, 1)]
    frame = scores_alone(runs(*cases, phase="couple", model="fcn"))
    (item,) = sweep_curves(frame)
    figure = item.draw()
    assert set(titles(figure)) == {"FCN"}
    told = [text.get_text() for text in figure.legends[0].get_texts()]
    assert told[0] == title and list(map(float, told[1:])) == [0.25, 0.5, 1]
    (first, *_) = figure.axes
    assert len({line.get_color() for line in first.lines}) == 3
    # A run that lacks the field has no place among its colours.
    cases = [{"model": "cnn", "phase": "none"}] + [{"model": "fcn", **c} for c in cases]
    frame = scores_alone(runs(*cases, phase="couple"))
    (item,) = sweep_curves(frame)
    assert any(title.startswith("CNN") for title in titles(item.draw()))


def two_files(*paths):
    """Runs on two files of one name with other images, and the sweeps' records."""
    prints = [letter * 64 for letter in "ab"]
    frames = [
        runs({}, data="mine.npz", sweep=p[0], **{"data.fingerprint": p[:12]})
        for p in prints
    ]
    records = [
        {"data": {"name": path, "fingerprint": p}}
        for path, p in zip(paths, prints, strict=True)
    ]
    return pd.concat(frames, ignore_index=True), records


@pytest.mark.parametrize(
    "paths, names",
    [
        (("a/mine.npz", "b/mine.npz"), ["mine.npz in a", "mine.npz in b"]),
        (("a/x/mine.npz", "b/x/mine.npz"),
         ["mine.npz in x in a", "mine.npz in x in b"]),
        (("mine.npz", "b/mine.npz"), ["mine.npz", "mine.npz in b"]),
        (("/mine.npz", "/a/mine.npz"), ["mine.npz in /", "mine.npz in a"]),
        (("mine.npz", "mine.npz"), ["mine.npz"]),  # one file, which changed
    ],
)  # fmt: skip
def test_files_of_one_name_are_told_apart_by_their_folders(paths, names):
    frame, records = two_files(*paths)
    found = own_files.told_apart(frame, records)
    assert list(found["data"].unique()) == names
    fields = [
        field.column
        for _, own in aggregate.tidy(found).groupby("data")
        for field in swept.collect(own).fields
    ]
    assert (fields == []) == (len(names) == 2)
    assert own_files.told_apart(frame, [])["data"].unique() == ["mine.npz"]
    one = own_files.told_apart(frame[frame["sweep"] == "a"], records)
    assert one["data"].unique() == ["mine.npz"]
