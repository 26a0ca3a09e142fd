"""Folding a trained run: its report, its folders, and training on."""

import dataclasses
import json
import shutil
import threading
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from test_launch import launch

from ws_jax import cli, engine
from ws_jax.checkpoint import load_run
from ws_jax.config import ConfigError
from ws_jax.engine.recorded import find_run
from ws_jax.folding import report as fold_report
from ws_jax.folding import run as fold_module
from ws_jax.folding.begun import score
from ws_jax.folding.loops import Rule, as_rules, read_rules
from ws_jax.folding.report import add_folding, check_report
from ws_jax.folding.run import fold_run
from ws_jax.measure import layer_similarity
from ws_jax.models import WideResNet
from ws_jax.optimizers import SGD
from ws_jax.papers.savarese2019 import foldings
from ws_jax.runs import Data, Evaluation, Run, Sweep, Train
from ws_jax.storage import results
from ws_jax.storage.integrity import (
    WorkdirError,
    array_sums,
    digest_of,
    seal,
    unseal,
)
from ws_jax.storage.locks import part_lock
from ws_jax.storage.results import ResultsError
from ws_jax.storage.workdir import Workdir

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("kept_programs")]

ROOT = Path(__file__).parents[1]


def study(templates=2, test="end"):
    base = Run(
        data=Data("synthetic:48x8x8x3", split="holdout", holdout=0.2),
        network=WideResNet(depth=16, width=1, templates=templates),
        transforms=(),
        train=Train(
            epochs=1,
            batch_size=16,
            optimizer=SGD(
                learning_rate=0.05,
                momentum=0.9,
                weight_decay=1e-3,
                no_decay=("coefficients",),
            ),
        ),
        evaluation=Evaluation(views=(), test=test),
    )
    return Sweep("small", base, {"seed": (0,)})


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    workdir = tmp_path_factory.mktemp("trained") / "sweep"
    engine.run_sweep(study(), workdir)
    (name,) = set(results.read(workdir)["run"])
    return workdir, name


_scores = {}


@pytest.fixture(autouse=True)
def scored_once(monkeypatch):
    """What tests score again is looked up: the same network, of the same numbers."""

    def once(study, run, variables, epoch):
        key = (run, epoch, digest_of(array_sums(variables)))
        if key not in _scores:
            _scores[key] = score(study, run, variables, epoch)
        return _scores[key]

    monkeypatch.setattr(fold_module, "score", once)


def test_scores_before_are_those_of_the_results(trained, tmp_path):
    workdir, name = trained
    report = fold_run(workdir, name, tmp_path, [Rule(1.0), Rule(0.0)])
    row = results.read(workdir).iloc[-1]
    for column in ("val_loss", "val_acc", "test_loss", "test_acc"):
        np.testing.assert_allclose(report["before"][column], row[column], rtol=1e-5)
    none, all_tied = report["foldings"]
    assert none["groups"] == [[0, 1]] * 3 and all_tied["groups"] == [[0, 0]] * 3
    # Nothing is tied at 1, so all numbers stay; the coefficients go.
    np.testing.assert_allclose(
        none["after"]["val_loss"], report["before"]["val_loss"], rtol=1e-4
    )
    kernels = 9 * (16**2 + 32**2 + 64**2)
    assert report["parameters"] == 175_078  # 2 templates, 12 coefficients
    assert (none["saved"], all_tied["saved"]) == (12, kernels + 12 - 6)
    written = unseal((tmp_path / "fold.json").read_bytes())
    assert written == report
    about = ("run", "network", "sweep", "data", "seed", "epoch", "watched")
    assert [report[word] for word in about] == [
        name, "SWRN-16-1-2", "small", "synthetic:48x8x8x3", 0, 1, "acc"
    ]  # fmt: skip
    # What was written is a sweep, whose run can be loaded as any.
    variables = load_run(tmp_path / "threshold_0", fold=0)
    assert variables["params"]["stage_1_kernels"].shape == (1, 3, 3, 32, 32)
    frame = results.read(tmp_path / "threshold_0")
    assert list(frame["epoch"]) == [0] and frame["status"].iloc[0] == "finished"
    np.testing.assert_allclose(frame["val_acc"], all_tied["after"]["val_acc"])
    # What is said of kernels is true of those before and after.
    before = load_run(workdir, run=name)["params"]
    for stage, similar in enumerate(report["similarity"]):
        own = before[f"stage_{stage}_block_1"]
        rows = [own[layer]["coefficients"] for layer in ("conv_0", "conv_1")]
        np.testing.assert_allclose(similar, layer_similarity(np.stack(rows)), atol=1e-5)
        mixed = np.tensordot(rows, before[f"stage_{stage}_bank"]["templates"], axes=1)
        params = variables["params"]
        loop = params[f"stage_{stage}_loop"]["block"]
        for number, kernel in enumerate(mixed):
            scale = loop[f"conv_{number}"]["coefficients"][0]
            lost = kernel - scale * params[f"stage_{stage}_kernels"][0]
            change = np.linalg.norm(lost) / np.linalg.norm(kernel)
            assert all_tied["change"][stage][number] == pytest.approx(change, abs=1e-5)
            assert none["change"][stage][number] < 1e-6


def test_a_table_that_a_kill_left_unwritten_is_written(trained, tmp_path):
    workdir, name = trained
    fold_run(workdir, name, tmp_path, [Rule(0.0)])
    table = tmp_path / "threshold_0" / results.RESULTS_FILE
    before = results.read_table(table)
    table.unlink()  # as after a kill between checkpoint and table
    fold_run(workdir, name, tmp_path, [Rule(0.0)])
    assert results.same(results.read_table(table), before)
    # And what was folded alone is not taken for trained.
    with pytest.raises(WorkdirError, match="epochs: 0 -> 1.*with --output"):
        fold_run(workdir, name, tmp_path, [Rule(0.0)], epochs=1)
    with pytest.raises(ResultsError, match="folded and not trained"):
        fold_module.last_row(tmp_path / "threshold_0")


def test_a_fold_of_other_parameters_is_refused_where_one_is(
    trained, tmp_path, monkeypatch
):
    workdir, name = trained
    first = fold_run(workdir, name, tmp_path, [Rule(0.0)])["foldings"][0]["after"]
    # As if the run had gone on since.
    other = jax.tree.map(lambda a: a * 1.5, load_run(workdir, run=name))
    monkeypatch.setattr(fold_module, "load_run_with_epoch", lambda *_, **__: (other, 1))
    for threshold in (0.0, 1.0):
        with pytest.raises(
            WorkdirError, match=r"of other parameters \(source: .*--over"
        ):
            fold_run(workdir, name, tmp_path, [Rule(threshold)])
    assert not (tmp_path / "threshold_1").exists()
    with Workdir(tmp_path / "threshold_0") as user:
        with user.planning(threading.Event()):
            pass  # a worker of the sweep from now on
        with pytest.raises(WorkdirError, match="is in use by another process"):
            fold_run(workdir, name, tmp_path, [Rule(0.0)], overwrite=True)
    again = fold_run(workdir, name, tmp_path, [Rule(0.0)], overwrite=True)
    assert again["foldings"][0]["after"] != first
    table = results.read(tmp_path)
    assert table["val_loss"].iloc[0] == again["foldings"][0]["after"]["val_loss"]


@pytest.mark.slow
def test_a_folded_network_trains_on_from_its_fold(trained, tmp_path):
    workdir, name = trained
    rules = [Rule(0.0, scale="dropped")]
    report = fold_run(workdir, name, tmp_path, rules, epochs=2, learning_rate=1e-6)
    frame = results.read(tmp_path / "threshold_0")
    assert list(frame["epoch"]) == [0, 1, 2]
    # So small a rate moves running averages only: the parameters are the folded ones.
    variables = load_run(tmp_path / "threshold_0", fold=0)
    again = fold_run(workdir, name, tmp_path / "again", rules)
    first = load_run(tmp_path / "again" / "threshold_0", fold=0)
    for stage in range(3):
        kernels = f"stage_{stage}_kernels"
        np.testing.assert_allclose(
            variables["params"][kernels], first["params"][kernels], atol=1e-4
        )
    assert again["foldings"][0]["after"] == report["foldings"][0]["after"]
    assert report["foldings"][0]["trained"]["epoch"] == 2
    # The same command finds all done.
    same = fold_run(workdir, name, tmp_path, rules, epochs=2, learning_rate=1e-6)
    assert same["foldings"][0]["trained"] == report["foldings"][0]["trained"]


@pytest.mark.parametrize("table", [True, False])
def test_a_fold_whose_checkpoint_is_gone_is_not_trained_from_a_draw(
    trained, tmp_path, table
):
    asked = {"rules": (Rule(0.0),), "epochs": 1}
    fold_run(*trained, tmp_path, **asked)
    frame = results.read(tmp_path)
    workdir = tmp_path / "threshold_0"
    sweep, begun = find_run(workdir, frame["run"][0])[0].sweep, frame["epoch"] == 0
    # As where it was killed in its first epoch, and its checkpoint removed.
    stored = results.read_table(workdir / "results.parquet")[begun]
    results.write(stored.assign(status="running"), workdir)
    if not table:
        (workdir / "results.parquet").unlink()
    (chunk,) = workdir.glob("checkpoints/*/chunk_000")
    shutil.rmtree(chunk)
    with pytest.raises(WorkdirError, match="folded parameters.*launch.fold with --ov"):
        engine.run_sweep(sweep, workdir)
    assert not list(workdir.glob("checkpoints/*/*/*"))
    fold_run(*trained, tmp_path, **asked, overwrite=True)
    pd.testing.assert_series_equal(results.read(tmp_path)["loss"], frame["loss"])


def test_test_images_are_scored_after_every_epoch_if_asked(tmp_path):
    sweep = study(test="epoch")
    base = dataclasses.replace(
        sweep.base, train=dataclasses.replace(sweep.base.train, epochs=2)
    )
    engine.run_sweep(dataclasses.replace(sweep, base=base), tmp_path)
    frame = results.read(tmp_path)
    assert len(frame) == 2 and frame["test_acc"].notna().all()


def test_runs_that_are_not_there_or_have_no_bank_are_refused(trained, tmp_path):
    workdir, name = trained
    with pytest.raises(ResultsError, match=f"did you mean '{name}'"):
        fold_run(workdir, name[:-1], tmp_path)
    with pytest.raises(ResultsError, match="no sweep in"):
        fold_run(tmp_path, name, tmp_path)
    with pytest.raises(ConfigError, match="1.5 is not in"):
        fold_run(workdir, name, tmp_path, [Rule(1.5)])
    with pytest.raises(ConfigError, match="'high' is no number"):
        read_rules(["0.5", "high"])
    assert [rule.threshold for rule in read_rules(["0.5", "1"])] == [0.5, 1.0]
    assert not list(tmp_path.iterdir())


def test_thresholds_alone_are_rules(trained, tmp_path):
    assert as_rules([0.5, Rule(1.0, kernel="mean")]) == [
        Rule(0.5), Rule(1.0, kernel="mean")
    ]  # fmt: skip
    assert [type(r.threshold) for r in as_rules(np.float32([0.25, 1]))] == [float] * 2
    report = fold_run(*trained, tmp_path, [1.0])
    assert [entry["threshold"] for entry in report["foldings"]] == [1.0]


@pytest.mark.parametrize(
    "rules, message",
    [
        (["0.5"], "threshold: '0.5' is no number in"),
        ([True], "threshold: True is no number in"),
        ([None], "threshold: None is no number in"),
        (0.5, "rules are 0.5, needs a sequence of thresholds, as .0.9,"),
        ("0.5", "rules are '0.5', needs a sequence"),
        ([], "thresholds: none is named"),
        ([0.5, Rule(0.5)], "0.5, 0.5: one is there twice"),
    ],
)
def test_what_is_no_rule_is_refused(rules, message, tmp_path):
    with pytest.raises(ConfigError, match=message):
        fold_run("gone", "run", tmp_path, rules)
    if rules == [True]:
        with pytest.raises(ConfigError, match=message):
            read_rules(rules)


def test_a_run_that_diverged_is_not_folded(trained, tmp_path, monkeypatch):
    workdir, name = trained
    monkeypatch.setattr(fold_module, "last_epoch", lambda *a, **b: (1, "diverged"))
    with pytest.raises(ResultsError, match=f"^{name} diverged in epoch 1, its param"):
        fold_run(workdir, name, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_launcher_folds_and_refuses_in_one_line(trained, tmp_path):
    workdir, name = trained
    flags = [f"--workdir={workdir}", f"--run={name}", f"--output={tmp_path}"]
    done = launch("fold", *flags, "--thresholds=0.5")
    assert done.returncode == 0, done.stderr
    assert "threshold 0.5: groups" in done.stdout
    for bad, message in (
        (["--thresholds=2"], "error: threshold: 2.0 is not in [0, 1]"),
        (["--scale=keep"], "did you mean 'kept'"),
        (["--run=other"], "error: no run 'other'"),
    ):
        refused = launch("fold", *flags, *bad)
        assert refused.returncode == 1 and message in refused.stderr
        assert "Traceback" not in refused.stderr


OWN = """
from ws_jax.config import config
from ws_jax.measure import layer_similarity
from ws_jax.models import WideResNet
from ws_jax.runs import Data, Evaluation, Run, Sweep, Train
from ws_jax.transforms import Transform

@config("own_half")
class Half(Transform):
    draws = False

    def apply(self, key, image, place):
        return image / 2

def get_config():
    base = Run(
        data=Data("synthetic:48x8x8x3", split="holdout", holdout=0.2),
        network=WideResNet(depth=16, width=1, templates=2),
        transforms=(Half(),),
        train=Train(epochs=1, batch_size=16),
        evaluation=Evaluation(views=()),
    )
    return Sweep("own", base)
"""


@pytest.mark.slow
def test_a_run_of_parts_of_ones_own_is_folded_by_its_config(tmp_path):
    (tmp_path / "own_half.py").write_text(OWN)
    workdir = tmp_path / "sweep"
    engine.run_sweep(cli.load_sweep(str(tmp_path / "own_half.py")), workdir)
    (name,) = set(results.read(workdir)["run"])
    flags = [f"--workdir={workdir}", f"--run={name}", "--thresholds=0.5"]
    refused = launch("fold", *flags)
    assert refused.returncode == 1 and "Traceback" not in refused.stderr
    assert "of own_half.py: name its config file with --config=FILE" in refused.stderr
    assert not (tmp_path / "sweep_folded").exists()
    done = launch("fold", *flags, f"--config={tmp_path / 'own_half.py'}")
    assert done.returncode == 0 and "may be others" not in done.stderr, done.stderr
    found = unseal((tmp_path / "sweep_folded" / name / "fold.json").read_bytes())
    row = results.read(workdir).iloc[-1]
    np.testing.assert_allclose(found["before"]["val_loss"], row["val_loss"], rtol=1e-5)


def test_reports_are_written_one_at_a_time(tmp_path, monkeypatch):
    real, free = fold_report.write_atomically, []

    def write(path, content):
        with part_lock(tmp_path, "report").tried() as taken:
            free.append(taken)
        real(path, content)

    monkeypatch.setattr(fold_report, "write_atomically", write)
    add_folding(tmp_path, {"run": "r"}, Rule(0.5), {"threshold": 0.5}, False)
    assert free == [False]
    written = unseal((tmp_path / "fold.json").read_bytes())
    assert written == {"run": "r", "foldings": [{"threshold": 0.5}]}


def test_further_thresholds_join_a_report(trained, tmp_path):
    workdir, name = trained
    first = fold_run(workdir, name, tmp_path, [Rule(1.0)])
    both = fold_run(workdir, name, tmp_path, [Rule(0.0)])
    assert both["foldings"][0] == first["foldings"][0]
    assert [entry["folder"] for entry in both["foldings"]] == [
        "threshold_1", "threshold_0"
    ]  # fmt: skip
    assert unseal((tmp_path / "fold.json").read_bytes()) == both
    assert (
        fold_run(workdir, name, tmp_path, [Rule(1.0)])["foldings"] == (both["foldings"])
    )
    assert set(foldings.read([tmp_path])["threshold"]) == {0.0, 1.0}


ABOUT = {"run": "r", "epoch": 3, "seed": 0, "source": "d:3:s", "before": {"a": 0.5}}


def entry(threshold, link="connected", **more):
    return {"threshold": threshold, "link": link, **more}


@pytest.mark.parametrize(
    "changed, message",
    [
        ({"run": "other"}, r"holds foldings of other parameters \(run: r -> other\)"),
        ({"epoch": 4}, r"of other parameters \(epoch: 3 -> 4\): name another folder"),
        ({"source": "d:3:t"}, r"\(source: d:3:s -> d:3:t\).* by --overwrite$"),
    ],
)
def test_foldings_of_other_parameters_are_not_mixed(changed, message, tmp_path):
    old = add_folding(tmp_path, ABOUT, Rule(0.5), entry(0.5), False)
    other = {**ABOUT, **changed}
    for ask in (
        lambda: check_report(tmp_path, other, [Rule(0.9)]),
        lambda: add_folding(tmp_path, other, Rule(0.9), entry(0.9), False),
    ):
        with pytest.raises(WorkdirError, match=message) as caught:
            ask()
        assert "\n" not in str(caught.value)
    assert unseal((tmp_path / "fold.json").read_bytes()) == old
    new = add_folding(tmp_path, other, Rule(0.9), entry(0.9), True)
    assert new == {**other, "foldings": [entry(0.9)]}


def test_one_way_to_fold_stands_at_a_threshold(tmp_path):
    add_folding(tmp_path, ABOUT, Rule(0.5), entry(0.5, trained={"epoch": 2}), False)
    add_folding(tmp_path, ABOUT, Rule(0.9), entry(0.9), False)
    # What was trained on is not forgotten while it is folded again.
    again = add_folding(tmp_path, ABOUT, Rule(0.5), entry(0.5), False)
    assert again["foldings"] == [entry(0.5, trained={"epoch": 2}), entry(0.9)]
    other = Rule(0.5, link="complete")
    with pytest.raises(WorkdirError, match=r"at threshold 0.5 .*connected -> complete"):
        add_folding(tmp_path, ABOUT, other, entry(0.5, "complete"), False)
    new = add_folding(tmp_path, ABOUT, other, entry(0.5, "complete"), True)
    assert new["foldings"] == [entry(0.5, "complete"), entry(0.9)]


def test_other_epochs_at_a_threshold_are_refused_by_what_a_fold_can_do(tmp_path):
    how = {"epochs": 2, "learning_rate": 0.1}
    add_folding(tmp_path, ABOUT, Rule(0.5), entry(0.5, **how), False)
    check_report(tmp_path, ABOUT, [Rule(0.5)], how)
    check_report(tmp_path, ABOUT, [Rule(0.9)], {**how, "epochs": 4})
    for changed, message in (
        (
            {"epochs": 4},
            r"threshold 0.5 .*\(epochs: 2 -> 4\): name another folder with --o",
        ),
        ({"learning_rate": 0.2}, r"\(learning_rate: 0.1 -> 0.2\).* by --overwrite$"),
    ):
        with pytest.raises(WorkdirError, match=message):
            check_report(tmp_path, ABOUT, [Rule(0.5)], how | changed)
        with pytest.raises(WorkdirError, match=message):
            again = entry(0.5, **(how | changed))
            add_folding(tmp_path, ABOUT, Rule(0.5), again, False)
    # Older reports do not say how it was trained on.
    old = tmp_path / "old"
    old.mkdir()
    add_folding(old, ABOUT, Rule(0.5), entry(0.5), False)
    check_report(old, ABOUT, [Rule(0.5)], how)


def test_a_fold_with_other_epochs_is_refused_before_it_is_scored(
    trained, tmp_path, monkeypatch
):
    fold_run(*trained, tmp_path, [Rule(0.0)])
    same = fold_run(*trained, tmp_path, [Rule(0.0)])["foldings"][0]
    rate = same["learning_rate"]
    assert fold_run(*trained, tmp_path, [Rule(0.0)], learning_rate=rate)
    monkeypatch.setattr(fold_module, "score", None)
    with pytest.raises(
        WorkdirError, match=r"epochs: 0 -> 2\): name another folder with"
    ):
        fold_run(*trained, tmp_path, [Rule(0.0)], epochs=2)


@pytest.mark.parametrize("report", [True, False])
def test_an_older_folding_with_other_epochs_is_refused_as_a_newer_one_is(
    report, trained, tmp_path, monkeypatch
):
    """Older reports do not say for how many; a fold may be killed before its own."""
    made = fold_run(*trained, tmp_path, [Rule(0.0)])
    path = tmp_path / "fold.json"
    if report:
        (first,) = made["foldings"]
        older = [{k: first[k] for k in first.keys() - {"epochs", "learning_rate"}}]
        path.write_text(json.dumps(seal({**made, "foldings": older})))
    else:
        path.unlink()
    monkeypatch.setattr(fold_module, "score", None)
    for asked, changed in (
        ({"epochs": 2}, "epochs: 0 -> 2"),
        ({"learning_rate": 0.5}, "learning_rate: .* -> 0.5"),
    ):
        message = rf"at threshold 0 .*\({changed}\): name another folder with --output"
        with pytest.raises(WorkdirError, match=message):
            fold_run(*trained, tmp_path, [Rule(0.0)], **asked)
    monkeypatch.undo()
    assert fold_run(*trained, tmp_path, [Rule(0.0)]) == made


def test_reports_of_before_are_added_to_and_damaged_ones_are_named(tmp_path):
    stored = "docs/results/savarese_cifar10_reduced/folded/fold.json"
    path = tmp_path / "fold.json"
    path.write_bytes((ROOT / stored).read_bytes())
    old = unseal(path.read_bytes())
    about = {**{k: v for k, v in old.items() if k != "foldings"}, "source": "d:10:s"}
    new = add_folding(tmp_path, about, Rule(0.7), entry(0.7), False)
    assert new["foldings"] == [*old["foldings"], entry(0.7)]
    path.write_text(path.read_text()[:-9])
    with pytest.raises(WorkdirError, match="fold.json is damaged .* finds what is d"):
        check_report(tmp_path, about, [Rule(0.7)])
    add_folding(tmp_path, about, Rule(0.7), entry(0.7), True)
    check_report(tmp_path, about, [Rule(0.7)])


def test_parameters_of_another_network_are_not_scored(trained):
    ready, run = find_run(*trained)
    variables = load_run(trained[0], run=trained[1])
    params = {**variables["params"], "stage_0_bank": {"templates": jnp.zeros(3)}}
    with pytest.raises(ResultsError, match="are not those of this network"):
        score(ready, run, {**variables, "params": params})
