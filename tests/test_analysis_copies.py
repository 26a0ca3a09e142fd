"""One training in several folders counts once, whole, and the page says which."""

import json

import pandas as pd
import pytest
import study_frames

from ws_jax.analysis import aggregate, settings, summaries
from ws_jax.analysis.page import report
from ws_jax.storage import results
from ws_jax.storage.integrity import seal

DATA = "mnist_5k"
SWEEP = f"{DATA}_translation"


def trained(epochs=3, **columns):
    return study_frames.study(
        DATA, levels=(0.0,), folds=(0, 1), epochs=epochs, **columns
    )


def write(folder, frame, planned=None):
    """A sweep's folder: its table, and the record of what was planned."""
    folder.mkdir(parents=True)
    results.write(frame, folder)
    runs = (frame if planned is None else planned).drop_duplicates("digest")
    runs = runs[["run", "cell", "fold", "seed", "digest"]].to_dict("records")
    record = {
        "config": {"name": str(frame["sweep"].iloc[0])},
        "data": {"name": DATA},
        "versions": {"jax": "1.2.3"},
        "device": {"platform": "cpu", "kind": "cpu", "count": 1},
        "chunks": [{"group": "all", "index": 0, "runs": runs}],
    }
    (folder / "sweep.json").write_text(json.dumps(seal(record)))


def page(folder):
    return report.make_report(
        results.read(folder), records=results.read_records(folder), figures=False
    )


def stopped(frame, value=0.111):
    """The same after one epoch, with other numbers, as on another machine."""
    begun = frame[frame["epoch"] <= 1]
    return begun.assign(
        val_acc=begun["val_acc"].where(begun["epoch"] == 0, value), status="running"
    )


def test_tables_are_told_apart_by_their_folder(tmp_path):
    write(tmp_path / "a/x", trained())
    assert set(results.read(tmp_path)["folder"]) == {"."}
    write(tmp_path / "b/x", trained())
    assert set(results.read(tmp_path)["folder"]) == {"a/x", "b/x"}
    both = results.read([tmp_path / "a", tmp_path / "b"])
    assert set(both["folder"]) == {"a/x", "b/x"}
    # A folder that is named twice is read once.
    again = results.read([tmp_path / "a", tmp_path, tmp_path / "a/x"])
    assert len(again) == len(both)
    write(tmp_path / "b/x/old", trained())
    assert set(results.read(tmp_path / "b")["folder"]) == {".", "old"}
    # What is stored has no such column.
    assert "folder" not in results.read_table(tmp_path / "a/x/results.parquet")


def test_a_sweep_that_was_moved_and_linked_back_is_read(tmp_path, caplog):
    results_, away = tmp_path / "results", tmp_path / "larger_disk"
    write(results_ / "a", trained())
    write(away / "deep" / "b", trained().assign(sweep="other"))
    (away / "deep" / "back").symlink_to(away)  # round in circles
    write(tmp_path / "disk" / "mine" / "c", trained().assign(sweep="third"))
    write(tmp_path / "disk" / "others" / "d", trained().assign(sweep="fourth"))
    (tmp_path / "disk" / "mine" / "c" / "all").symlink_to(tmp_path / "disk")
    (results_ / "up").symlink_to(tmp_path)  # what is above is not below
    (results_ / "0").symlink_to(results_ / "a")  # one table by two ways
    (results_ / "gone").symlink_to(tmp_path / "gone")
    write(tmp_path / "aside", trained())
    assert set(results.read(results_)["folder"]) == {"."}
    (results_ / "b").symlink_to(away)
    rows = results.read(results_)
    assert set(rows["folder"]) == {"a", "b/deep/b"}
    assert len(rows) == 2 * len(trained())
    assert len(results.read([results_, away])) == len(rows)
    assert len(results.read_records(results_)) == 2
    (told,) = {line for line in caplog.messages if "left out" in line}
    gone = f"{results_ / 'gone'} leads to {tmp_path / 'gone'}, which is not there"
    assert told == f"{gone}: what lies there is left out"
    # What holds the folder that a link lies in is above it, wherever reading began.
    (results_ / "c").symlink_to(tmp_path / "disk" / "mine" / "c")
    assert set(results.read(results_)["folder"]) == {"a", "b/deep/b", "c"}
    # A folder that is itself named by a link is read as ever.
    assert set(results.read(results_ / "b")["folder"]) == {"."}


@pytest.mark.slow
@pytest.mark.parametrize("names", ["ab", "ba"])
def test_copies_in_two_folders_are_not_spliced(tmp_path, names):
    whole = trained()
    write(tmp_path / names[0], stopped(whole))
    write(tmp_path / names[1], whole)
    rows = aggregate.tidy(results.read(tmp_path))
    assert len(rows) == len(whole)
    assert set(rows["folder"]) == {names[1]} and set(rows["status"]) == {"stopped"}
    assert sorted(rows["val_acc"].dropna()) == sorted(whole["val_acc"].dropna())
    text = page(tmp_path)
    amount = 100 * (whole["val_acc"].max() - 0.111)
    assert (
        f"Left out: sweep {SWEEP} in folder {names[0]}, 4 runs: also in folder "
        f"{names[1]}, whose numbers differ (validation accuracy by up to {amount:.2g} "
        "points)." in text
    )
    assert "other code, another version or another device" in text


def test_copies_that_are_put_together_by_hand_are_not_spliced():
    whole = trained()
    whole = whole[whole["epoch"] > 0]  # a CNN has no distances before training
    both = pd.concat([stopped(whole), whole], ignore_index=True)
    rows = aggregate.tidy(both)
    assert sorted(rows["val_acc"].dropna()) == sorted(whole["val_acc"].dropna())
    (said,) = aggregate.repeats(both)
    assert said.startswith(f"sweep {SWEEP} in copy 1, 4 runs: also in copy 2, whose")
    # In another order nothing tells copies apart, and nothing gets lost.
    rows = aggregate.tidy(pd.concat([whole, whole]).sort_values("epoch"))
    assert len(rows) == len(whole)


@pytest.mark.slow
def test_equal_copies_are_the_same_and_counted_once(tmp_path):
    for name in ("a", "b"):
        write(tmp_path / name, trained())
    text = page(tmp_path)
    assert (
        f"Left out: sweep {SWEEP} in folder b, 4 runs: the same as in folder a." in text
    )
    assert text.count("jax 1.2.3") == 1
    assert "4 stopped<" in text and "not begun" not in text
    assert "numbers differ" not in text and "another device" not in text


ALONE = "validation accuracy is finite in one of the two alone"
LATE = ["loss", "val_loss", "acc", "val_acc"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "late, columns, differ",
    [
        (float("nan"), {"status": "diverged"}, "one of the two diverged"),
        (float("nan"), {}, ALONE),
        (float("inf"), {}, ALONE),
        (None, {"status": "diverged"}, "one of the two diverged"),
        (None, {"status": "finished"}, ""),
        (None, {"status": "running"}, ""),
        (None, {"rotation": float("nan")}, ""),  # was not looked at
    ],
)
def test_a_copy_that_diverged_is_not_the_same(tmp_path, late, columns, differ):
    """What has no number any more differs from what has, and fills no gaps."""
    whole = trained().assign(rotation=0.3)
    bad = whole.assign(sparsity=0.5, **columns)
    if late is not None:
        bad.loc[bad["epoch"] >= 2, LATE] = late
    good = whole.assign(sparsity=float("nan"))
    # The first by name counts among equals: once that of numbers, once of none.
    if late == float("inf"):
        good, bad = bad.assign(sparsity=good["sparsity"]), good.assign(sparsity=0.5)
    write(tmp_path / "a", good)
    write(tmp_path / "b", bad.assign(sweep="zz"))
    (said,) = aggregate.repeats(results.read(tmp_path))
    same = f"sweep zz, 4 runs: the same as in {SWEEP}"
    other = f"sweep zz, 4 runs: also in {SWEEP}, whose numbers differ ({differ})"
    assert said == (other if differ else same)
    rows = aggregate.tidy(results.read(tmp_path))
    assert set(rows["sparsity"].dropna()) == (set() if differ else {0.5})


def test_a_copy_that_lost_another_tasks_scores_is_not_the_same(tmp_path):
    whole = trained().rename(columns={"acc": "f1", "val_acc": "val_f1"})
    bad = whole.assign(sparsity=0.5)
    bad.loc[bad["epoch"] >= 2, ["f1", "val_f1"]] = float("nan")
    write(tmp_path / "a", whole.assign(sparsity=float("nan")))
    write(tmp_path / "b", bad.assign(sweep="zz"))
    (said,) = aggregate.repeats(results.read(tmp_path))
    assert "also in" in said and "finite in one of the two alone" in said
    assert aggregate.tidy(results.read(tmp_path))["sparsity"].isna().all()


def test_a_run_that_went_on_after_its_copy_had_stopped_is_the_same(tmp_path):
    whole = trained()
    write(tmp_path / "a", whole.assign(status="diverged"))
    begun = whole[whole["epoch"] <= 1].assign(status="finished")
    write(tmp_path / "b", begun)
    (said,) = aggregate.repeats(results.read(tmp_path))
    assert said.endswith("the same as in folder a")


def test_a_backup_in_the_folder_itself_is_named(tmp_path):
    write(tmp_path / "x", trained())
    write(tmp_path / "x/old", stopped(trained(), 0.5))
    (said,) = aggregate.repeats(results.read(tmp_path))
    assert said.startswith(
        f"sweep {SWEEP} in folder old, 4 runs: also in the uppermost f"
    )


def test_a_measure_of_a_copy_with_other_numbers_is_not_taken(tmp_path):
    whole = trained(epochs=2)
    write(tmp_path / "a", whole.assign(rotation=float("nan")))
    begun = whole[whole["epoch"] <= 1]
    write(tmp_path / "b", begun.assign(val_acc=begun["val_acc"] - 0.2))
    write(tmp_path / "c", begun.assign(val_acc=begun["val_acc"] - 0.002, rotation=0.4))
    rows = aggregate.tidy(results.read(tmp_path))
    assert set(rows["folder"]) == {"a"}
    assert set(rows["rotation"].dropna()) == {0.4}


@pytest.mark.slow
def test_runs_that_were_planned_in_two_folders_are_not_begun_once(tmp_path):
    whole = trained()
    begun = whole[whole["fold"] == 0]
    write(tmp_path / "a", begun, planned=whole)
    write(tmp_path / "b", begun[begun["model"] == "cnn"], planned=whole)
    assert "2 stopped, 2 not begun" in page(tmp_path)
    # Records that are older than digests are the same if they plan the same.
    old = results.read_records(tmp_path)
    for record in old:
        record["chunks"][0]["runs"] = [
            {key: run[key] for key in ("run", "fold")}
            for run in record["chunks"][0]["runs"]
        ]
    lines = summaries.summary(results.read(tmp_path), old)
    assert set(lines["runs"]) == {"2 stopped, 2 not begun"}
    old[1]["data"] = {"name": "other"}
    lines = summaries.summary(results.read(tmp_path), old)
    assert set(lines["runs"]) == {"2 stopped, 6 not begun"}


def test_a_table_without_a_column_has_the_default_whatever_its_sweep_is_called(
    tmp_path,
):
    usual = trained(sweep="own")
    other = trained(sweep="own", **{"train.batch_size": 32})
    write(tmp_path / "a", usual)
    write(tmp_path / "b", other)
    rows = aggregate.tidy(results.read(tmp_path))
    said = {"train.batch_size by default", "train.batch_size 32"}
    assert set(rows["setting"]) == said
    assert {words for words, _ in settings.parts(rows)} == said


def test_where_no_column_tells_the_folder_does(tmp_path):
    frame = trained(sweep="own")
    names = {cell: f"{number}" for number, cell in enumerate(set(frame["cell"]))}
    frame = frame.assign(cell=frame["cell"].map(names))
    write(tmp_path / "a", frame)
    write(tmp_path / "b", frame.assign(digest=frame["digest"] + "+",
                                       cell=frame["cell"] + "+"))  # fmt: skip
    rows = aggregate.tidy(results.read(tmp_path))
    assert set(rows["setting"]) == {"sweep own in folder a", "sweep own in folder b"}
    assert aggregate.repeats(results.read(tmp_path)) == []
    # Seeds of one cell in two folders are pooled, so that a folder cannot name it.
    write(tmp_path / "c", frame.assign(seed=1, digest=frame["digest"] + "-1"))
    rows = aggregate.tidy(results.read(tmp_path))
    of_cell = rows.groupby("cell")["setting"].nunique()
    assert (of_cell == 1).all() and rows["setting"].nunique() == rows["cell"].nunique()
