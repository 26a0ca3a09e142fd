import numpy as np
import pandas as pd
import pytest
import study_frames

from ws_jax.analysis import aggregate, labels
from ws_jax.analysis.page import gallery, render
from ws_jax.analysis.tables import level_table
from ws_jax.papers.ott2020 import published, runs, tables

EMPTY = pd.DataFrame()


def small_frame(**columns):
    """Two folds whose medians are worked out in the test below."""
    first = study_frames.run_rows(fold=0, epochs=3, **columns)
    second = study_frames.run_rows(fold=1, epochs=2, **columns)
    first["val_acc"] = [np.nan, 0.5, 0.9, 0.7]
    second["val_acc"] = [np.nan, 0.6, 0.8]
    first["translation"] = [np.nan, 0.1, 0.2, 0.3]
    second["translation"] = [np.nan, 0.5, 0.4]
    return study_frames.frame([first, second])


@pytest.mark.parametrize(
    ("reading", "val_acc", "translation"),
    [
        # Of .5 .9 .7 .6 .8 together, and of .1 .2 .3 .5 .4.
        ("all_epochs", 0.7, 0.3),
        # Best epochs by validation are 2 and 2: medians of (.9, .8) and (.2, .4).
        ("best_epoch", 0.85, 0.3),
        # Last epochs: (.7, .8) and (.3, .4).
        ("last_epoch", 0.75, 0.35),
    ],
)
def test_medians_by_hand(reading, val_acc, translation):
    cells = aggregate.cells(small_frame(), ["val_acc", "translation"], reading)
    assert list(cells["value"]) == pytest.approx([val_acc, translation])
    assert list(cells["folds"]) == [2, 2]


def regression():
    """The same two folds, judged by an error of which less is better."""
    frame = small_frame(
        data="mine", **{"task.watched": "error", "task.maximized": False}
    )
    frame["val_error"] = 100 * frame["val_acc"]
    frame["val_votes"] = [[1, 2]] * len(frame)
    return frame.assign(acc=np.nan, val_acc=np.nan)


def test_the_best_epoch_is_that_of_the_watched_metric():
    cells = aggregate.cells(regression(), ["val_error", "translation"], "best_epoch")
    # The first epochs of both, 50 and 60, and their translation.
    assert list(cells["value"]) == pytest.approx([55, 0.3])
    both = pd.concat([small_frame(), regression()], ignore_index=True)
    found = aggregate.cells(both, ["val_acc", "val_error"], "best_epoch")
    assert list(found["value"].dropna()) == pytest.approx([0.85, 55])


def test_a_task_of_ones_own_has_its_metrics_in_tables_and_curves():
    rows = aggregate.tidy(regression())
    table = level_table(rows, "mine", "none")
    assert {"val_error", "translation"} <= set(table.cells["metric"])
    assert not {"val_votes", "acc", "val_acc"} & set(table.cells["metric"])
    text = render.to_markdown(table, "best_epoch")
    # What the views keep is an error, too: no share, no percent.
    assert "| 55 [2 of 5 folds] | 0.3 [2" in text and "not evaluated" not in text
    (item,) = gallery.sweep_curves(regression())
    assert "Validation error" in {place.get_ylabel() for place in item.draw().axes}


@pytest.mark.parametrize("length", range(1, 13))
def test_quarters_of_short_runs_are_their_last_epochs(length):
    epochs = range(1, length + 1)
    rows = pd.DataFrame({"training": 0, "epoch": epochs, "val_acc": epochs})
    read = {
        n: aggregate.READINGS[f"{n}_quarter"](rows, ["val_acc"])
        for n in ("second", "last")
    }
    last = range(length - max(1, length // 4) + 1, length + 1)
    assert read["last"]["val_acc"].tolist() == [np.mean(last)]
    second = [
        e
        for e in epochs
        if max(4, length) <= 4 * (e - 1 + max(0, 4 - length)) < 2 * max(4, length)
    ]
    assert read["second"]["val_acc"].tolist() == ([np.mean(second)] if second else [])


def test_second_half_and_start():
    # Epochs 2 and 3 of three, epoch 2 of two.
    runs = aggregate.run_values(small_frame(), "val_acc", "second_half")
    assert list(runs["value"]) == pytest.approx([0.8, 0.8])
    assert list(runs["trained"]) == [3, 2]
    free = study_frames.frame([study_frames.run_rows(model="fcn", epochs=2)])
    start = aggregate.run_values(free, "dist_1", "start")
    assert list(start["value"]) == pytest.approx([np.sqrt(2) / 13])


def marks(frame, level=0.0, metric="val_acc"):
    table = tables.level_table(frame, "mnist", "translation")
    cells = table.cells
    own = (cells["aug"] == level) & (cells["metric"] == metric)
    own &= cells["reading"] == "all_epochs"
    return dict(zip(cells.loc[own, "model"], cells.loc[own, "mark"], strict=True))


@pytest.mark.slow
def test_missing_and_partial_cells_are_marked():
    frame = study_frames.study(levels=(0.0,), folds=(0, 1), epochs=3)
    assert marks(frame) == {"cnn": "2 of 5 folds", "fcn": "2 of 5 folds"}
    assert marks(frame, level=0.1) == {"cnn": "missing", "fcn": "missing"}
    whole = study_frames.study(levels=(0.0,), epochs=3)
    assert marks(whole) == {"cnn": "", "fcn": ""}


@pytest.mark.slow
def test_diverged_running_and_unevaluated_cells_are_marked():
    frame = study_frames.study(levels=(0.0,), epochs=3)
    frame.loc[(frame["fold"] == 0) & (frame["model"] == "cnn"), "status"] = "diverged"
    frame.loc[(frame["fold"] == 1) & (frame["model"] == "fcn"), "status"] = "running"
    frame["translation"] = np.nan
    assert marks(frame) == {"cnn": "4 of 5 folds, 1 diverged", "fcn": "1 running"}
    assert marks(frame, metric="translation")["fcn"] == "not evaluated"


def test_diverged_runs_do_not_count():
    frame = small_frame()
    frame.loc[frame["fold"] == 0, "status"] = "diverged"
    cells = aggregate.cells(frame, ["val_acc"], "all_epochs")
    assert cells.loc[0, "value"] == pytest.approx(0.7)  # of .6 and .8
    assert tuple(cells.loc[0, ["runs", "folds", "diverged"]]) == (2, 1, 1)


def test_published_tables():
    found = published.tables()
    names = [table.name for table in found]
    assert names == ["Table 1", "Table 2"] + [f"Table B.{i // 2 + 1}" for i in range(6)]
    for table in found:
        assert tuple(sorted(table.values["aug"].unique())) == published.LEVELS
        assert len(table.values) == 11 * 2 * len(table.metrics)
        assert table.values["published"].between(0, 1).all()
    assert found[0].value(0.2, "fcn", "translation") == 0.977033
    assert found[1].value(0.0, "cnn", "acc") == 1.0
    with pytest.raises(ValueError, match="did you mean 'rotation'"):
        published.table("mnist", "rotatoin")
    with pytest.raises(ValueError, match="cifar10"):
        published.table("cifar", "rotation")


def test_differences_from_the_paper_vanish_on_its_own_numbers():
    frame = study_frames.study("cifar10", levels=published.LEVELS, epochs=4)
    table = tables.level_table(frame, "cifar10", "translation")
    assert len(table.cells) == 11 * 2 * 3 * 3
    assert (table.cells["mark"] == "").all()
    np.testing.assert_allclose(table.cells["difference"], 0, atol=1e-12)


def test_level_0_is_shared_by_all_kinds():
    frame = study_frames.study(levels=(0.0,), epochs=3)
    table = tables.level_table(frame, "mnist", "rotation")
    filled = table.cells.dropna(subset=["value"])
    assert set(filled["aug"]) == {0.0}
    assert not table.has_results  # nothing of rotation itself
    assert tables.level_table(frame, "mnist", "translation").has_results


def test_settings_are_never_mixed():
    frame = study_frames.study(levels=(0.0,), epochs=3)
    other = study_frames.study(
        levels=(0.0,), epochs=3, learning_rate=0.1, sweep="grid", folds=(0,)
    )
    other["val_acc"] = 0.1
    table = tables.level_table(pd.concat([frame, other]), "mnist", "translation")
    cells = table.cells[table.cells["metric"] == "val_acc"].dropna(subset=["value"])
    assert cells["value"].min() > 0.98
    assert "Left out: sweep grid, 2 runs: rate .1." in table.note


@pytest.mark.slow
def test_ways_to_train_are_never_mixed():
    papers = study_frames.study(levels=(0.0,), epochs=3)
    other = study_frames.study(
        levels=(0.0,), epochs=3, sweep="sgd", optimizer="sgd", learning_rate=1
    )
    coupled = study_frames.study(
        levels=(0.0,), epochs=3, sweep="coupled", phase="couple", coupling=0.5
    )
    frame = pd.concat([papers, other, coupled], ignore_index=True)
    assert aggregate.repeats(frame) == []
    chosen = runs.select(frame, "mnist")
    assert set(chosen.rows["phase"]) == {"none"}
    assert chosen.left_out == [
        "sweep sgd, 10 runs: rate 1, sgd",
        "sweep coupled, 10 runs: phase couple, coupling .5",
    ]
    # Without the paper's there is nothing in the paper's table.
    other = frame[frame["optimizer"] == "sgd"]
    assert runs.select(other, "mnist").rows.empty
    assert not tables.level_table(other, "mnist", "translation").has_results
    table = tables.grid_table(frame, "mnist")
    plain = tables.grid_table(papers, "mnist")
    pd.testing.assert_frame_equal(table.cells, plain.cells)
    assert "sweep sgd, 10 runs" in table.note


def test_repeated_runs_count_once_and_the_longest_counts():
    short = study_frames.study(levels=(0.0,), epochs=2, sweep="a", folds=(0,))
    short["val_acc"] = 0.1
    long = study_frames.study(levels=(0.0,), epochs=4, sweep="b", folds=(0,))
    both = pd.concat([short, long], ignore_index=True)
    (said,) = aggregate.repeats(both)
    assert said.startswith("sweep a, 2 runs: also in b, whose numbers differ (valid")
    rows = aggregate.tidy(both)
    assert set(rows["sweep"]) == {"b"}
    assert len(rows) == len(long)
    # Two copies of one sweep, as from two folders, are one.
    assert len(aggregate.tidy(pd.concat([long, long]))) == len(long)


def test_a_measure_that_only_the_copy_left_out_has_is_kept():
    long = study_frames.study(levels=(0.0,), epochs=4, sweep="a", folds=(0,))
    short = study_frames.study(levels=(0.0,), epochs=2, sweep="b", folds=(0,))
    both = pd.concat([long.assign(rotation=np.nan), short.assign(extra=1.0)])
    rows = aggregate.tidy(both)
    assert set(rows["sweep"]) == {"a"}
    late = rows["epoch"] > 2
    assert rows.loc[late, ["rotation", "extra"]].isna().all(axis=None)
    assert (rows.loc[~late, "extra"] == 1).all()
    assert sorted(rows["rotation"].dropna()) == sorted(short["rotation"].dropna())
    # What the copy that counts measured itself is its own.
    assert sorted(rows["val_acc"].dropna()) == sorted(long["val_acc"].dropna())


def test_levels_that_went_through_float32_are_one():
    frame = study_frames.study(levels=(0.2,), epochs=2)
    frame["aug"] = frame["aug"].astype("float32").astype("float64")
    frame["learning_rate"] = frame["learning_rate"].astype("float32").astype("float64")
    assert marks(frame, level=0.2) == {"cnn": "", "fcn": ""}


def test_initialisations_are_rows_of_their_own():
    models = (*study_frames.MODELS, ("fcn", "paper"), ("tiles:2", "paper"))
    frame = study_frames.study(levels=(0.0,), epochs=2, models=models)
    table = tables.level_table(frame, "mnist", "translation")
    assert list(table.cells["row"].unique()) == [
        "CNN",
        "FCN, paper init",
        "FCN, released init",
        "tiles 2, paper init",
    ]
    tiles = table.cells[table.cells["model"] == "tiles:2"]
    assert tiles["published"].isna().all()


def severed_frame(levels=(0.0, 0.2)):
    runs = [
        study_frames.run_rows(
            level=level, model="fcn", init="released", fold=fold, vcp=p, epochs=3
        )
        for level in levels
        for p in (0.0, 0.5, 0.99)
        for fold in range(2)
    ]
    return study_frames.frame(runs)


def test_severing_table():
    table = tables.severing_table(severed_frame(), "mnist")
    frame = render.to_frame(table)
    assert list(frame.index.get_level_values("p")) == [
        labels.level(p) for p in published.LEVELS
    ]
    value = frame[("Level .2", "all_epochs", "value")].to_numpy()
    marked = frame[("Level .2", "all_epochs", "mark")].to_numpy()
    plain = study_frames.expected("mnist", "translation", 0.2, "fcn", "val_acc")
    offset = np.median(study_frames.FOLD_OFFSETS[:2])
    assert value[0] == pytest.approx(plain + offset)
    assert value[5] == pytest.approx(plain * (1 - 0.01 * 0.5) + offset)
    assert (marked[0], marked[1]) == ("2 of 5 folds", "missing")
    assert frame[("Level .4", "all_epochs", "value")].isna().all()


def test_severing_both_ways_shares_the_runs_without():
    frame = severed_frame(levels=(0.0,))
    other = frame[frame["vcp"] > 0].assign(severing="paper")
    other = study_frames.identified(other)
    other["run"] += "-paper"
    table = tables.severing_table(pd.concat([frame, other]), "mnist")
    plain = table.cells[(table.cells["vcp"] == 0) & (table.cells["aug"] == 0)]
    assert set(plain["severing"]) == {"paper", "released"}
    assert plain["value"].notna().all()


def test_grid_table():
    runs = [
        study_frames.run_rows(
            epochs=2, learning_rate=rate, num_conv_layers=depth, num_folds=1
        )
        for rate in (1e-2, 1e-3)
        for depth in (2, 3)
    ]
    table = tables.grid_table(study_frames.frame(runs), "mnist")
    frame = render.to_frame(table)
    assert list(frame.index.get_level_values(0).unique()) == [
        "1e-1",
        "1e-2",
        "1e-3",
        "1e-4",
        "1e-5",
        "1e-6",
    ]
    assert frame[("2 layers", "best_epoch", "value")].notna().sum() == 2
    assert frame.loc[("1e-1", "CNN"), ("3 layers", "best_epoch", "mark")] == "missing"


def all_tables(frame):
    found = tables.paper_tables(frame)
    for data in ("mnist", "mnist_5k"):
        found.append(tables.level_table(frame, data, "noise"))
        found.append(tables.severing_table(frame, data))
        found.append(tables.grid_table(frame, data))
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    "frame", [EMPTY, study_frames.study("mnist_5k", epochs=2, folds=(3,))]
)
def test_every_table_of_a_frame_that_lacks_all_or_most(frame):
    for table in all_tables(frame):
        wide = render.to_frame(table)
        assert len(wide) == len(table.cells[["group", "row"]].drop_duplicates())
        assert table.cells["value"].notna().any() or not table.has_results
        assert (table.cells.loc[table.cells["value"].isna(), "mark"] != "").all()
        assert table.title in render.to_markdown(table)
        assert render.to_html(table).startswith("<div")


def test_a_frame_without_identity_is_refused():
    frame = study_frames.study(epochs=2).drop(columns=["fold", "aug"])
    with pytest.raises(ValueError, match="aug, fold"):
        aggregate.tidy(frame)


def test_measures_may_be_absent():
    frame = study_frames.study(epochs=2).drop(columns=["swap", "translation"])
    assert marks(frame, metric="translation")["cnn"] == "not evaluated"


def test_unknown_reading():
    with pytest.raises(ValueError, match="did you mean 'last_epoch'"):
        aggregate.cells(EMPTY, ["acc"], "last_epochs")


def test_markdown_and_html_of_a_cell():
    frame = study_frames.study(levels=(0.2,), folds=(0, 1, 2), epochs=2)
    table = tables.level_table(frame, "mnist", "translation")
    lines = render.to_markdown(table).splitlines()
    row = next(line for line in lines if line.startswith("| .2 | FCN"))
    # The offsets of folds 0 to 2 have the median 0.
    assert "| 97.70 | 97.70 (+0.00) [3 of 5 folds] |" in row
    page = render.to_html(table, [".2"])
    assert page.count("<tbody>") == 1
    assert '<span class="delta">+0.00</span>' in page
    assert '<span class="mark" title="3 of 5 folds">3/5 folds</span>' in page
    assert page.count("3 of 5 folds") == 2  # once a row, not in every cell


def test_labels():
    assert [labels.level(x) for x in (0.0, 0.2, 0.99, 1e-3)] == [
        "0",
        ".2",
        ".99",
        "1e-3",
    ]
    assert labels.listed([0.1, 0.2, 0.3, 0.99]) == ".1 to .3, .99"
    assert labels.listed([0.0, 0.2]) == "0, .2"
