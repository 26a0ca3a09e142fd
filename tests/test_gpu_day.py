"""What waits for a GPU: its data travel, its steps are whole, and it goes on."""

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import gpu_data, gpu_home, gpu_steps
from ws_jax import cli, engine
from ws_jax.data import DataError, Dataset, load, make_splits, make_synthetic
from ws_jax.runs import Data
from ws_jax.storage import results

ROOT = Path(__file__).parents[1]
# What a machine with a GPU may lack; the code must do without.
LACKING = (
    "ml_collections",
    "mlxtend",
    "tensorflow_datasets",
    "array_record",
    "beartype",
)


def smooth_colours(n=60):
    """Images that are much smaller as differences than as they are."""
    rng = np.random.default_rng(0)
    slope = np.indices((32, 32)).sum(axis=0)[None, ..., None]
    images = slope * 3 + rng.integers(0, 60, (n, 1, 1, 3))
    images = (images + rng.integers(0, 3, (n, 32, 32, 3))).astype(np.uint8)
    labels = rng.integers(0, 10, n).astype(np.int32)
    return Dataset("cifar10", "made", images, labels, 10, n - 10)


def digits(n=60):
    made = make_synthetic((n, 28, 28, 1))
    return dataclasses.replace(made, name="mnist", fingerprint="")


@pytest.mark.parametrize("parts", [1, 3])
@pytest.mark.parametrize(
    "make, form", [(digits, "plain"), (smooth_colours, "differences")]
)
def test_data_come_out_as_they_went_in(tmp_path, make, form, parts):
    dataset = make()
    paths = gpu_data.pack(dataset, tmp_path, parts)
    assert len(paths) == parts
    head = json.loads(paths[0].read_bytes().partition(b"\n")[0])
    assert head["form"] == form
    if form == "differences":
        assert sum(path.stat().st_size for path in paths) < dataset.images.nbytes
    found = gpu_data.unpack(tmp_path, dataset.name)
    np.testing.assert_array_equal(found.images, dataset.images)
    np.testing.assert_array_equal(found.labels, dataset.labels)
    assert found.identity == dataset.identity
    assert found.num_train == dataset.num_train


def test_parts_that_are_missing_damaged_or_strange_are_named(tmp_path):
    paths = gpu_data.pack(digits(), tmp_path / "a", 3)
    assert gpu_data.missing(tmp_path / "a", "cifar10") == "all parts"
    whole = paths[1].read_bytes()
    paths[1].unlink()
    with pytest.raises(DataError, match="lacks part 2 of the data set 'mnist'"):
        gpu_data.unpack(tmp_path / "a", "mnist")
    paths[1].write_bytes(whole[:-20])
    with pytest.raises(DataError, match=r"mnist-2-of-3\S* is damaged .* pack it again"):
        gpu_data.unpack(tmp_path / "a", "mnist")
    gpu_data.pack(digits(50), tmp_path / "b", 3)
    (tmp_path / "b/mnist-2-of-3.bz2part").replace(paths[1])
    with pytest.raises(DataError, match="are of different data sets"):
        gpu_data.unpack(tmp_path / "a", "mnist")


def test_parts_of_several_calls_are_collected(tmp_path, monkeypatch):
    first, second = tmp_path / "first", tmp_path / "second"
    paths = gpu_data.pack(digits(), first, 2)
    second.mkdir()
    paths[1].replace(second / paths[1].name)
    gpu_data.collect(first, tmp_path / "all")
    assert gpu_data.missing(tmp_path / "all", "mnist") == "part 2"
    gpu_data.collect(second, tmp_path / "all")
    monkeypatch.setattr("ws_jax.data.sources.DATASETS", {})
    monkeypatch.setattr(
        gpu_data, "DATASETS", sys.modules["ws_jax.data.sources"].DATASETS
    )
    gpu_data.enter(tmp_path / "all", ["mnist"])
    assert load("mnist").identity == digits().identity


LATER = {
    "pogodin_cifar10",
    "pogodin_translations",
    "savarese_paths",
    "savarese_cifar10",
}


@pytest.fixture
def planned(monkeypatch, tmp_path):
    """Sweeps by step, as the steps would train them, without training."""

    def plan(small):
        found = {}
        for name, step in gpu_steps.steps().items():
            if step.resumes:
                monkeypatch.setattr(
                    engine,
                    "run_sweep",
                    lambda sweep, folder, name=name: found.update({name: sweep}),
                )
                step.do(gpu_steps.Context(tmp_path, small))
        return found

    return plan


@pytest.mark.slow
def test_the_steps_are_the_whole_paper_under_both_readings(planned):
    sweeps = planned(small=False)
    done = {
        (sweep.name, sweep.base.semantics)
        for name, sweep in sweeps.items()
        if name not in LATER
    }
    studies = cli.load_studies("ott2020")
    assert {(n, s) for n in studies for s in ("paper", "released")} == done
    assert sweeps.keys() >= LATER
    assert all(sweeps[name].base.execution.chunk == 0 for name in LATER)
    for name in ("table_1_released", "table_1_paper"):
        base = sweeps[name].base
        assert len(list(sweeps[name].runs())) == 110
        assert (base.train.epochs, base.train.patience) == (250, 50)
        assert base.execution.precision == "highest"
        assert base.execution.chunk == gpu_steps.CHUNK
    whole = sweeps["level_0_cifar10_released"]
    assert whole.base.train.patience == whole.base.train.epochs == 500
    assert {run.fold for run in whole.runs()} == set(range(5))
    steps = list(gpu_steps.steps())
    assert steps[0] == "agreement"
    assert steps.index("table_1_released") < steps.index("table_2_released")


@pytest.mark.slow
def test_in_miniature_every_study_is_a_few_tiny_runs(planned):
    for name, sweep in planned(small=True).items():
        runs = list(sweep.runs())
        tiny = name in LATER or runs[0].network.features == (2, 2, 2)
        assert len(runs) <= 24 and tiny, name
        assert sweep.base.train.epochs == 2
        assert isinstance(sweep.base.data, Data)
        images = make_synthetic((70_000, 2, 2, 1))
        if few := sweep.base.data.num_images:
            images = images.first(few)
        assert make_splits(images, sweep.base.data), name


def test_only_chunks_that_have_ended_are_a_table_to_go_on_from():
    chunks = [
        {"runs": [{"run": name} for name in names]} for names in ("ab", "cd", "e")
    ]
    ends = {"a": "stopped", "b": "diverged", "c": "finished", "d": "running"}
    table = results.make_frame(_rows(ends))
    assert gpu_home.finished(table, chunks) == {"a", "b"}


def _rows(ends):
    columns = {name: 0 for name in results.COLUMNS}
    return [
        {**columns, "run": run, "status": status, "epoch": epoch}
        for run, status in ends.items()
        for epoch in (1, 2)
    ]


def day(tmp_path, *flags):
    """A call in miniature, where optional packages cannot be imported."""
    blocked = tmp_path / "blocked"
    blocked.mkdir(exist_ok=True)
    text = f"import sys\nsys.modules.update(dict.fromkeys({LACKING}))\n"
    (blocked / "sitecustomize.py").write_text(text)
    told = subprocess.run(
        [sys.executable, "-m", "benchmarks.gpu_day", "--small", *flags],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(blocked)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    return told.stdout


@pytest.mark.slow
def test_a_day_waits_for_its_data(tmp_path):
    gpu_data.pack(digits(), tmp_path / "data", 2)[1].unlink()
    said = day(
        tmp_path,
        "--only=table_1_paper,table_2_paper",
        f"--data={tmp_path}/data",
        f"--workdir={tmp_path}/work",
    )
    assert "table_1_paper: waits for part 2 of the data mnist" in said
    assert "table_2_paper: waits for all parts of the data cifar10" in said


@pytest.mark.slow
def test_a_day_goes_on_from_what_came_home(tmp_path):
    gpu_data.pack(digits(300), tmp_path / "data")
    home = f"--home={tmp_path}/home.tar.gz"
    data = f"--data={tmp_path}/data"
    first = day(
        tmp_path, "--only=vcp_released", data, home, f"--workdir={tmp_path}/a",
        "--minutes=30",
    )  # fmt: skip
    assert "vcp_released: done" in first
    record = json.loads((tmp_path / "a/steps/vcp_released/record.json").read_text())
    assert record["command"].startswith("python -m benchmarks.gpu_day --step=vcp")
    assert record["machine"]["versions"]["jax"] and record["machine"]["device"]["kind"]
    # Another machine, with nothing but what came home.
    again = day(tmp_path, "--only=vcp_released", data, home, f"--workdir={tmp_path}/b")
    assert "vcp_released: done before" in again
    table = results.read(tmp_path / "b/steps/vcp_released/sweep")
    assert set(table["status"]) == {"finished"} and table["run"].nunique() == 4
    assert not (tmp_path / "b/steps/vcp_released/sweep/checkpoints").exists()
