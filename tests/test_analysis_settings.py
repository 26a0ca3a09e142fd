"""Runs that differ in anything that can change a number are never put together."""

import json

import pandas as pd
import pytest
import study_frames

from ws_jax.analysis import (
    aggregate,
    curves,
    labels,
    settings,
    statistics,
    summaries,
    varying,
    wording,
)
from ws_jax.analysis import tables as plain_tables
from ws_jax.analysis.claims import comparable
from ws_jax.analysis.claims.checks import UNDECIDED
from ws_jax.analysis.page import report
from ws_jax.config import MOST
from ws_jax.papers.ott2020 import gallery, judge, runs, tables
from ws_jax.papers.ott2020.claims import CLAIMS
from ws_jax.papers.ott2020.evidence import Evidence
from ws_jax.papers.pages import PAPERS
from ws_jax.storage import results, standins

ALL = list(PAPERS.values())


def two_sweeps(data="mnist_5k", value=0.5, **fields):
    """Two sweeps that are alike but for fields of the config; the second is worse."""
    first = study_frames.study(data, folds=(0, 1), epochs=2, sweep="first")
    second = study_frames.study(data, folds=(0, 1), epochs=2, sweep="second", **fields)
    second["val_acc"] = value
    second.loc[second["epoch"] == 0, "val_acc"] = float("nan")
    return pd.concat([first, second], ignore_index=True)


def values(frame, **where):
    cells = aggregate.cells(frame, ["val_acc"], "all_epochs")
    return sorted(aggregate.matching(cells, **where)["value"])


FIELDS = [
    {"train.batch_size": 32},
    {"train.optimizer.weight_decay": 1e-4},
    {"network.features": (2, 2, 2)},
    {"semantics.rotation_centre": "released"},
]


@pytest.mark.parametrize("fields", FIELDS, ids=lambda fields: next(iter(fields)))
def test_cells_of_differing_configs_are_not_pooled(fields):
    frame = two_sweeps(**fields)
    found = values(frame, model="cnn", aug=0.2)
    assert len(found) == 2 and found[0] == 0.5 and found[1] > 0.9
    assert aggregate.repeats(frame) == []
    ((name, value),) = fields.items()
    said = set(aggregate.tidy(frame)["setting"])
    assert said == {f"{name} by default", f"{name} {wording.word(value)}"}


@pytest.mark.slow
def test_a_page_keeps_them_apart_and_says_what_differs():
    frame = two_sweeps(**{"train.batch_size": 32})
    text = report.make_report(frame, papers=ALL, figures=False)
    assert "these settings are kept apart everywhere:" in text
    assert "CNN, train.batch_size 32" in text
    assert "CNN, train.batch_size by default" in text


def test_a_sweep_over_one_field_beside_one_over_another():
    parts = [
        study_frames.study("mnist_5k", folds=(0, 1), epochs=2, sweep=sweep, **{f: v})
        for sweep, f, steps in (
            ("batches", "train.batch_size", (32, 64)),
            ("decays", "train.optimizer.weight_decay", (0.0, 1e-4)),
        )
        for v in steps
    ]
    for number, part in enumerate(parts):
        part["run"] += f"-{number}"
    frame = pd.concat(parts, ignore_index=True)
    assert len(values(frame, model="cnn", aug=0.2)) == 4
    rows = aggregate.tidy(frame)
    table = plain_tables.level_table(rows, "mnist_5k", "translation")
    assert table.cells["row"].nunique() == 4 * 2
    assert table.cells["value"].notna().all()


def test_where_no_column_tells_the_sweep_does():
    frame = two_sweeps()
    other = frame["sweep"] == "second"
    frame.loc[other, ["digest", "cell"]] += "+"
    rows = aggregate.tidy(frame)
    assert set(rows["setting"]) == {"sweep first", "sweep second"}
    assert len(values(rows, model="fcn", aug=0.0)) == 2


@pytest.mark.slow
def test_equal_digests_are_one_training_and_the_other_is_named():
    frame = two_sweeps()
    assert len(values(frame, model="cnn", aug=0.2)) == 1
    (said,) = aggregate.repeats(frame)
    assert said.startswith("sweep second, 8 runs: also in first, whose numbers differ")
    text = report.make_report(frame, figures=False)
    assert f"Left out: {said}." in text
    same = frame.assign(val_acc=0.5)
    assert aggregate.repeats(same) == ["sweep second, 8 runs: the same as in first"]


def test_a_column_that_repeats_a_usual_one_tells_nothing():
    frame = study_frames.study("mnist_5k", folds=(0,), epochs=2)
    frame = frame.assign(**{"augmentation.level": frame["aug"]})
    assert set(aggregate.tidy(frame)["setting"]) == {""}


def test_a_default_is_known_where_a_cell_stands_in_both():
    frame = two_sweeps(**{"train.batch_size": 256})
    frame["digest"] = frame["digest"].str.replace("|256", "|nan")
    frame[["digest", "cell"]] = frame[["digest", "cell"]].replace(
        r"\|(256\.?0?|nan)", "", regex=True
    )
    assert set(aggregate.tidy(frame)["setting"]) == {""}


def test_lines_and_comparisons_join_one_setting_only():
    frame = two_sweeps("mnist", **{"train.batch_size": 32})
    rows = aggregate.tidy(frame)
    panel = curves.level_curves(rows, "translation", ["val_acc"]).axes[0]
    joined = [line for line in panel.get_lines() if line.get_linestyle() != "None"]
    assert len(joined) == 4
    assert all(len(line.get_xdata()) == 2 for line in joined)
    cnn, fcn = (rows[rows["model"] == name] for name in ("cnn", "fcn"))
    found = statistics.compare(cnn, fcn, "swap")
    assert len(found) == 4  # two levels, two settings; none across
    words = summaries.comparison(found, "CNN", "FCN")
    assert "setting" in words.index.names


def record(**train):
    config = {
        "name": "old",
        "data": {"name": "mnist_5k", "num_folds": 5, "num_images": 0},
        "train": {"epochs": 2, "batch_size": 64, "optimizer": {"b1": 0.9}, **train},
        "sweep": {"levels": [0.0]},
        "execution": {"chunk": 0},
    }
    data = {"name": "mnist_5k", "fingerprint": "abc"}
    return {"config": config, "data": data, "chunks": []}


def write_old(folder, sweep, frame, **train):
    """A sweep's folder as it was before tables had digests."""
    folder.mkdir()
    old = frame.drop(columns=list(standins.IDENTITY_COLUMNS))
    results.write(old.assign(sweep=sweep), folder)
    (folder / "sweep.json").write_text(json.dumps(record(**train)))


@pytest.mark.parametrize(
    "train", [{"batch_size": 32}, {"epochs": 3}, {"optimizer": {"b1": 0.8}}]
)
def test_old_sweeps_that_differ_are_not_merged(tmp_path, train):
    frame = study_frames.study("mnist_5k", folds=(0,), epochs=2)
    write_old(tmp_path / "a", "a", frame)
    write_old(tmp_path / "b", "b", frame, **train)
    write_old(tmp_path / "c", "c", frame)
    read = results.read(tmp_path)
    assert read["digest"].nunique() == 2 * 4
    rows = aggregate.tidy(read)
    assert rows["training"].nunique() == 2 * 4
    (named,) = aggregate.repeats(read)
    assert named in (
        "sweep c, 4 runs: the same as in a",
        "sweep a, 4 runs: the same as in c",
    )
    if train == {"batch_size": 32}:
        said = {"train.batch_size 64", "train.batch_size 32"}
        assert set(rows["setting"]) == said
    if train == {"epochs": 3}:
        assert set(rows["epochs"]) == {2, 3}


def test_tables_without_a_record_are_never_the_same():
    frame = study_frames.study("mnist_5k", folds=(0,), epochs=2)
    frame = frame.drop(columns=list(standins.IDENTITY_COLUMNS))
    both = pd.concat([frame, frame.assign(sweep="other")], ignore_index=True)
    rows = aggregate.tidy(both)
    assert rows["training"].nunique() == 2 * 4
    assert set(rows["setting"]) == {"sweep mnist_5k_translation", "sweep other"}


def unequal():
    """Level 0 for 8 epochs, level .2 for 2, as from two sweeps."""
    return pd.concat(
        [
            study_frames.study(levels=(0.0,), epochs=8, sweep="long"),
            study_frames.study(levels=(0.2,), epochs=2, sweep="short"),
        ],
        ignore_index=True,
    )


@pytest.mark.slow
def test_unequal_training_is_not_joined():
    rows = aggregate.tidy(unequal())
    panel = curves.level_curves(rows, "translation", ["val_acc"]).axes[0]
    joined = [line for line in panel.get_lines() if line.get_linestyle() != "None"]
    assert {len(line.get_xdata()) for line in joined} == {1}
    table = tables.level_table(rows, "mnist", "translation")
    names = set(table.cells.dropna(subset=["value"])["row"])
    assert {"CNN, 8 epochs", "CNN, 2 epochs"} <= names
    assert "2 or 8 epochs at most, each in rows of its own" in table.note
    titles = [item.title for item in gallery.items(rows)]
    assert any("8 epochs" in t for t in titles) and any("2 epochs" in t for t in titles)


@pytest.mark.slow
def test_unequal_training_is_not_judged_together_unless_asked():
    frame = unequal()
    apart = [v for v in judge.judge(frame) if v.checks and v.data == "mnist"]
    both = [
        v
        for v in apart
        if v.claim.number == 2 and (v.semantics, v.init) == ("released", "released")
    ]
    assert [v.epochs for v in both] == [8, 2]
    assert all(v.missing for v in both)
    joined = judge.judge(frame, join_lengths=True)
    (one,) = [
        v
        for v in joined
        if v.claim.number == 2
        and v.data == "mnist"
        and (v.semantics, v.init) == ("released", "released")
    ]
    assert one.outcome == UNDECIDED
    assert any("2 epochs are too few" in check.sentence for check in one.checks)
    text = report.make_report(frame, papers=ALL, figures=False)
    assert "runs of at most 2 and 8 epochs" in text
    assert "not joined by a line" in text
    rows = aggregate.tidy(frame, join_lengths=True)
    panel = curves.level_curves(rows, "translation", ["val_acc"]).axes[0]
    joined = [line for line in panel.get_lines() if line.get_linestyle() != "None"]
    assert {len(line.get_xdata()) for line in joined} == {2}


def test_early_stopping_is_not_unequal_training():
    frame = study_frames.study(levels=(0.0, 0.2), epochs=8)
    frame = frame[(frame["aug"] == 0) | (frame["epoch"] <= 5)]
    rows = aggregate.tidy(frame)
    assert set(rows["epochs"]) == {8}
    cells = aggregate.cells(rows, ["val_acc"], "last_epoch")
    assert set(zip(cells["aug"], cells["longest"], strict=True)) == {(0.0, 8), (0.2, 5)}


SOME = (0, *range(5, 61, 5))  # epochs: rows of all would only take time
NOT_THE_PAPERS = [
    {"network.features": (2, 2, 2)},
    {"train.batch_size": 32},
    {"data.num_images": 500},
    {"train.patience": 5},
    {"train.optimizer.weight_decay": 1e-4},
    {"train.optimizer.schedule": "cosine"},
    {"semantics.rotation_centre": "released"},
    {"evaluation.whole_batches": False},
    {"evaluation.views.rotation.centre": "middle"},
]


@pytest.mark.slow
@pytest.mark.parametrize(
    "fields", NOT_THE_PAPERS, ids=lambda fields: next(iter(fields))
)
def test_other_runs_fill_none_of_the_papers_tables_and_verdicts(fields):
    frame = study_frames.study(levels=(0.0, 0.2), epochs=60, kept=SOME, **fields)
    frame = aggregate.tidy(frame)
    table = tables.level_table(frame, "mnist", "translation")
    assert not table.has_results
    ((name, value),) = fields.items()
    assert f"{name} {wording.word(value)} (the paper: " in table.note
    assert all(v.outcome == UNDECIDED for v in judge.judge(frame))
    (apart,) = tables.apart_tables(frame, "mnist")
    assert apart.has_results and not apart.has_published
    assert runs.left_out(frame)[0] in f"MNIST, {apart.note.split('paper’s: ')[-1]}" or (
        f"{name} {wording.word(value)}" in apart.note
    )


def test_the_papers_own_fields_are_the_papers():
    fields = {"network.features": "(32, 64, 128)", "train.batch_size": 256.0}
    frame = study_frames.study(levels=(0.0, 0.2), epochs=60, kept=SOME, **fields)
    frame = aggregate.tidy(frame)
    assert tables.level_table(frame, "mnist", "translation").has_results
    assert runs.left_out(frame) == []


def swap_verdict(frame):
    of = Evidence(frame, "mnist", "released", "released")
    _, gap, *_ = CLAIMS[6].checks(of)
    return gap


@pytest.mark.slow
def test_the_analysis_stands_without_papers():
    text = report.make_report(two_sweeps(), figures=False)
    # That it imports none of them is asked where reports are made in a new process.
    assert "Published numbers" not in text and "Medians" in text


def test_a_held_out_part_is_no_test_part_and_no_layers_are_not_counted():
    whole = {"num_folds": 1, "num_conv_layers": 0, "epochs": 2}
    for split, said in (("holdout", "held-out part"), ("published", "test part")):
        frame = study_frames.frame(
            [study_frames.run_rows("own", **whole, **{"data.split": split})]
        )
        assert summaries.summary(frame)["folds"].tolist() == [said]
        note = plain_tables.note(aggregate.tidy(frame))
        assert note.startswith(f"Rate 1e-3, {said}.") and "layer" not in note
        rows = study_frames.run_rows(**whole, **{"data.split": split})
        (told,) = runs.left_out(study_frames.frame([rows]))
        assert f"1 run: {said}, " in told and f"data.split {split} (" in told
    parts = [whole, {**whole, "num_folds": 5}]
    frames = [
        study_frames.run_rows("own", sweep=f"{i}", **part, **{"data.split": split})
        for i, (part, split) in enumerate(zip(parts, ("holdout", None), strict=True))
    ]
    cut = settings.parts(aggregate.tidy(study_frames.frame(frames)), ["num_folds"])
    assert {words for words, _ in cut} == {"held-out part", "5 folds"}


def test_sweeps_of_another_precision_are_told_apart_by_it():
    made = {
        name: study_frames.run_rows("own", epochs=2, sweep=name, **{
            "execution.precision": name, "execution.chunk": chunk})
        for chunk, name in enumerate(("highest", "high"))
    }  # fmt: skip
    rows = aggregate.tidy(study_frames.frame(list(made.values())))
    said = {"execution.precision highest", "execution.precision high"}
    assert set(rows["setting"]) == said
    apart = comparable.apart(rows.assign(name=rows["sweep"]), "name", ("sweep",))
    assert apart.startswith("execution.precision ") and "chunk" not in apart


def test_the_largest_number_of_a_config_is_that_of_no_end():
    runs = [
        study_frames.run_rows("own", epochs=2, **{"train.phase.every": every})
        for every in (10, MOST)
    ]
    rows = aggregate.tidy(study_frames.frame(runs))
    said = {"train.phase.every 10", "train.phase.every never"}
    assert set(rows["setting"]) == said
    assert wording.word((MOST, 1.0)) == "(never, 1)"


def test_measures_are_called_in_words():
    names = ("val_top5", "top1", "test_acc", "val_f1", "valley")
    assert [labels.metric(name) for name in names] == [
        "Validation top-5 accuracy",
        "top-1 accuracy",
        "Test accuracy",
        "Validation F1",
        "valley",
    ]


def test_every_column_of_a_run_tells_its_setting_or_is_known_not_to():
    told_otherwise = {"run", "sweep", "sharing", "fold", "seed"}
    assert {*results.RUN_COLUMNS, "epochs"} - told_otherwise == set(settings.USUAL)
    assert set(varying.NAMES) == set(settings.USUAL) - {
        "data"
    }  # each has a page's part
    assert set(settings.SETTING) <= {*settings.USUAL, "setting"}
