"""The page's figure of foldings, from reports made up for it."""

import json

import numpy as np
import pytest
from test_launch import launch
from test_savarese2019_report import made_up

from ws_jax.analysis.page import report
from ws_jax.papers.pages import PAPERS
from ws_jax.papers.savarese2019 import foldings
from ws_jax.storage import results
from ws_jax.storage.integrity import seal
from ws_jax.storage.results import ResultsError

THRESHOLDS = (0.5, 0.9, 0.99)


def told(seed=0, network="SWRN-28-1-2", watched="acc", **more):
    """A report as `launch.fold` writes it."""
    entries = [
        {
            "threshold": at, "link": "connected", "kernel": "first", "scale": "kept",
            "change": [[0.0, 0.3 * (1 - at)], []], "parameters": int(100 * at),
            "saved": 100 - int(100 * at),
            "after": {f"val_{watched}": 0.6 * at, f"test_{watched}": 0.5 * at},
        }
        for at in THRESHOLDS
    ]  # fmt: skip
    before = {f"val_{watched}": 0.7, f"test_{watched}": 0.6, "val_loss": 1.0}
    return {
        "run": f"wrn-seed{seed}", "network": network, "sweep": "small",
        "data": "cifar10", "seed": seed, "epoch": 9, "watched": watched,
        "parameters": 100, "before": before, "similarity": [], "foldings": entries,
        **more,
    }  # fmt: skip


def write(folder, *reports):
    for number, content in enumerate(reports):
        (folder / f"run{number}").mkdir(parents=True)
        (folder / f"run{number}" / "fold.json").write_text(json.dumps(content))


def test_reports_are_found_in_folders_and_beside_them(tmp_path):
    write(tmp_path / "a" / "sweep_folded", told(0))
    write(tmp_path / "a" / "other", told(1))
    write(tmp_path / "b_folded", told(2))
    (tmp_path / "b").mkdir()
    seeds = {name: set(foldings.read([tmp_path / name])["seed"]) for name in "ab"}
    assert seeds == {"a": {0, 1}, "b": {2}}
    twice = foldings.read([tmp_path, tmp_path / "a", tmp_path / "b"])
    assert len(twice) == 3 * len(THRESHOLDS)
    assert foldings.items([tmp_path / "a" / "sweep"])  # which need not be there
    assert foldings.items([]) == foldings.items([tmp_path / "nowhere"]) == []


def test_a_line_is_a_run_and_all_axes_are_labelled(tmp_path):
    reports = [told(seed, net) for seed in (0, 1) for net in ("SWRN-28-1-2", "other")]
    reports = [{**r, "run": f"{r['run']}-{r['network']}"} for r in reports]
    write(tmp_path, *reports)
    (item,) = foldings.items([tmp_path])
    assert item.title == "Folding into loops, CIFAR-10, sweep small"
    assert "test images" in item.caption and "scale: kept" in item.caption
    figure = item.draw()
    score, change, kept, saved = figure.axes
    assert [len(panel.lines) for panel in figure.axes] == [8, 4, 8, 4]
    assert all(panel.get_xlabel() and panel.get_ylabel() for panel in figure.axes)
    after, before = score.lines[:2]
    np.testing.assert_allclose(after.get_ydata(), 0.5 * np.array(THRESHOLDS))
    assert set(before.get_ydata()) == {0.6} and before.get_linestyle() == ":"
    np.testing.assert_allclose(change.lines[0].get_ydata(), [0.15, 0.03, 0.003])
    np.testing.assert_allclose(kept.lines[0].get_xdata(), [0.5, 0.9, 0.99])
    np.testing.assert_allclose(saved.lines[0].get_ydata(), [0.5, 0.1, 0.01])
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["SWRN-28-1-2", "other", "before"]


def test_training_on_is_dashed_and_f1_is_the_score_of_paths(tmp_path):
    content = told(network="2 templates", watched="f1")
    for entry in content["foldings"]:
        entry["trained"] = {"test_f1": 0.8, "epoch": 2}
    write(tmp_path, content)
    (item,) = foldings.items([tmp_path])
    assert "dashed after training on (on grids of its own" in item.caption
    figure = item.draw()
    assert figure.axes[0].get_ylabel() == "F1 (%)"
    for panel in (figure.axes[0], figure.axes[2]):  # of one threshold it is a point
        dashed = [line for line in panel.lines if line.get_linestyle() == "--"]
        assert dashed and all(line.get_marker() == "s" for line in dashed)


def test_older_reports_are_read_as_far_as_they_tell(tmp_path):
    younger = ("sweep", "data", "seed", "epoch", "watched")
    old = {k: v for k, v in told(3).items() if k not in younger}
    write(tmp_path, old)
    (item,) = foldings.items([tmp_path])
    assert item.title == "Folding into loops" and item.draw().axes
    assert set(foldings.read([tmp_path])["seed"]) == {3}


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"run": "a"}', '{"run": 1, "foldings": 2']
)
def test_a_damaged_report_is_named(tmp_path, text):
    (tmp_path / "fold.json").write_text(text)
    with pytest.raises(
        ResultsError, match=r"fold.json is damaged .* fold the run again"
    ):
        foldings.read([tmp_path])


def test_a_changed_digit_of_a_report_is_named(tmp_path):
    text = json.dumps(seal(told()))
    assert text.count("0.45") == 1  # of threshold .9
    (tmp_path / "fold.json").write_text(text)
    assert 0.45 in set(foldings.read([tmp_path])["after"].round(6))
    (tmp_path / "fold.json").write_text(text.replace("0.45", "0.94"))
    with pytest.raises(ResultsError, match=r"fold.json is damaged .* what was written"):
        foldings.read([tmp_path])


def test_a_task_watched_by_a_metric_of_a_users_own_is_drawn(tmp_path):
    write(tmp_path, told(watched="pixel_error"))
    (item,) = foldings.items([tmp_path])
    assert item.draw().axes[0].get_ylabel() == "pixel error"


@pytest.mark.slow
def test_the_page_shows_foldings_where_there_are_any(tmp_path, monkeypatch):
    # Only titles are asked for.
    monkeypatch.setattr(report.pieces, "svg", lambda *_, **__: "")
    write(tmp_path / "sweep_folded", told())
    papers, frame = [PAPERS["savarese2019"]], made_up(seeds=(0,))
    text = report.make_report(frame, papers=papers, workdirs=[tmp_path / "sweep"])
    assert "Folding into loops, CIFAR-10, sweep small" in text
    for without in ({}, {"workdirs": [tmp_path / "other"]}):
        text = report.make_report(frame, papers=papers, **without)
        assert "Folding into loops" not in text


@pytest.mark.slow
def test_the_launcher_shows_them_too(tmp_path):
    results.write(made_up(seeds=(0,)), tmp_path)
    write(tmp_path / "folded", told())
    done = launch("report", f"--workdir={tmp_path}")
    assert done.returncode == 0, done.stderr
    assert "Folding into loops" in (tmp_path / "report.html").read_text()


def test_foldings_of_parameters_that_were_replaced_say_so(tmp_path):
    frame = made_up(seeds=(0,)).iloc[:2]
    (tmp_path / "sweep").mkdir()
    runs = {"run": ["wrn-seed0", "wrn-seed1"], "digest": ["new0", "new1"]}
    results.write(frame.assign(**runs), tmp_path / "sweep")
    reports = [
        told(0, source="old0:9:sum"), told(1, source="new1:9:sum"), told(2, source=""),
        told(3, source="new3:9:sum"),
    ]  # fmt: skip
    write(tmp_path / "sweep_folded", *reports)
    table = foldings.read([tmp_path / "sweep"])
    assert set(table.loc[table["replaced"], "seed"]) == {0, 3}
    (item,) = foldings.items([tmp_path / "sweep"])
    assert "no longer has" in item.caption and "wrn-seed0, wrn-seed3;" in item.caption
    assert "no longer has" not in foldings.caption(table[~table["replaced"]])
