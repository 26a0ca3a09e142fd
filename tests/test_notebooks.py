"""The notebooks: they run on a small sweep, and lie executed beside their sources."""

import itertools
import json
import os
import re
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from studies import tiny
from test_foldings_page import told
from test_savarese2019_report import made_up

from ws_jax import engine
from ws_jax.analysis import aggregate
from ws_jax.papers.pages import PAPERS
from ws_jax.papers.pogodin2021 import runs
from ws_jax.papers.pogodin2021.patterns import patterns
from ws_jax.papers.savarese2019.path_presets import shortest_paths
from ws_jax.results import read as read_results
from ws_jax.results import read_records
from ws_jax.storage import results
from ws_jax.transforms import VIEWS

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
SOURCES = sorted((ROOT / "notebooks").glob("*.py"))
# On the small sweep: one data set, one semantics, everything evaluated and measured.
PICTURES = {
    "first_look": 2,
    "overfitting": 1,
    "translation": 2,
    "approximate_sharing": 2,
    "using_free_networks": 4,
    "sharing_in_sleep": 4,
}
# Of another paper than the rest: with results and a study of its own.
OTHER = "sharing_in_sleep"
PATHS = "implicit_recurrence"  # on a small sweep of its own


def modules():
    """jupytext and nbformat, which are not in the extra `test`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import jupytext
        import nbformat
    return jupytext, nbformat


def execute(folder, output, workdir, names=(), **more):
    """Executes notebooks in a process of their own and returns them by name."""
    output.mkdir()
    env = {**os.environ, "WS_JAX_RESULTS": folder, "WS_JAX_WORKDIR": workdir}
    env |= {"WS_JAX_SAVARESE": output / "nowhere", **more}
    done = subprocess.run(
        [
            sys.executable,
            "tools/notebooks.py",
            "--one_process",
            f"--output={output}",
            *names,
        ],
        cwd=ROOT,
        env={name: str(value) for name, value in env.items()},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return {path.stem: read(path) for path in output.glob("*.ipynb")}


def read(path):
    return modules()[1].read(path, as_version=4)


def outputs(notebook, kind):
    """What cells showed of a MIME type, or wrote to a stream."""
    code = (cell for cell in notebook.cells if cell.cell_type == "code")
    found = [output for cell in code for output in cell.outputs]
    if kind in ("stdout", "stderr"):
        return [o.text for o in found if o.get("name") == kind]
    return [o.data[kind] for o in found if kind in o.get("data", ())]


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """The folder of a small sweep, with checkpoints."""
    workdir = tmp_path_factory.mktemp("sweep")
    config = tiny(
        evaluation__views=tuple(VIEWS.values()),
        sweep__levels=(0.0, 0.2),
        sweep__severing=(0.0, 0.5),
    )
    engine.run_sweep(config, workdir)
    return workdir


@pytest.fixture(scope="module")
def as_mnist(sweep, tmp_path_factory):
    """The sweep's results as if they were MNIST's, so that claims are judged."""
    folder = tmp_path_factory.mktemp("results")
    frame = results.read(sweep).assign(data="mnist", num_conv_layers=3, num_folds=5)
    # Without the fields of its config, which say that these are not the paper's runs.
    results.write(frame[[name for name in frame if "." not in name]], folder)
    return folder


@pytest.fixture(scope="module")
def slept(tmp_path_factory):
    """The folder of the study that the notebook on sleep trains if it is not there."""
    folder = tmp_path_factory.mktemp("slept")
    engine.run_sweep(patterns(folder), folder / "sweep")
    return folder


@pytest.fixture(scope="module")
def executed(sweep, slept, as_mnist, tmp_path_factory):
    output = tmp_path_factory.mktemp("out") / "all"
    return execute(as_mnist, output, sweep, PICTURES, WS_JAX_SLEEP=slept)


def test_more_sharing_is_better_where_places_do_not_matter(slept):
    rows = runs.own(results.read(slept / "sweep"))
    last = rows[rows["epoch"] == 8]
    found = last.groupby("condition")["val_acc"].agg(["mean", "min", "max"])
    order = [runs.CONV, *(runs.shared(every) for every in (1, 10, 100)), runs.FREE]
    for more, less in itertools.pairwise(order):
        # Two seeds: steps of some points may be luck.
        assert found["mean"][more] > found["mean"][less] - 0.05, found
    conv, every, *_, free = order
    assert found["min"][conv] > found["max"][every], found
    assert found["min"][every] > found["max"][free], found


def test_every_notebook_is_known():
    assert {path.stem for path in SOURCES} == {*PICTURES, PATHS}


@pytest.mark.parametrize("name", PICTURES)
def test_notebooks_run_on_a_small_sweep(executed, name):
    notebook = executed[name]
    assert not outputs(notebook, "stderr")
    assert len(outputs(notebook, "image/png")) == PICTURES[name]


def test_what_the_notebooks_say(executed):
    first_look = "".join(outputs(executed["first_look"], "text/html"))
    assert "recorded" in first_look and "Euclidean distance, r = 1" in first_look
    for name in PICTURES:
        said = "\n".join(outputs(executed[name], "text/markdown"))
        assert "No " not in said and "no runs" not in said
        if name not in ("first_look", OTHER):
            assert "**not enough data**" in said
    ours = outputs(executed[OTHER], "text/markdown")
    assert "None in these results." in "".join(ours)


def test_the_notebook_on_recurrence_shows_paths_and_says_what_is_missing(
    as_mnist, tmp_path
):
    sweep = shortest_paths(
        "small", size=6, num_grids=80, distances=(1, 2, 4), beyond=((5, 6), (7, 8)),
        sizes=(7, 9), depth=2, width=4, templates=(0, 2), strengths=(0.01,),
        seeds=(0, 1), epochs=2,
    )  # fmt: skip
    engine.run_sweep(sweep, tmp_path / "sweep")
    folder = tmp_path / "sweep"
    (found,) = execute(folder, tmp_path / "out", folder, [PATHS]).values()
    assert not outputs(found, "stderr")
    # Similarities, curves, what lies beyond, and two pictures of grids.
    assert len(outputs(found, "image/png")) == 5
    said = "\n".join(outputs(found, "text/markdown"))
    assert "No wide residual networks" in said and "No network was folded" in said
    assert "configs/savarese2019/cifar10_reduced.py --workdir=" in said
    assert f"launch.fold --workdir={tmp_path / 'out' / 'nowhere'} --run=RUN" in said
    assert f"results.read('{tmp_path / 'out' / 'nowhere'}')" in said
    assert "learn paths faster | paths:80x6 | **not enough data**" in said
    nowhere = tmp_path / "nowhere"
    (found,) = execute(as_mnist, tmp_path / "bare", nowhere, [PATHS]).values()
    said = "\n".join(outputs(found, "text/markdown"))
    for words in ("No runs of these", "No similarities", "No runs on shortest paths",
                  "No checkpoints here", "No runs to judge"):  # fmt: skip
        assert words in said


def test_the_notebook_on_recurrence_shows_a_study_of_images(as_mnist, tmp_path):
    images = tmp_path / "images"
    images.mkdir()
    results.write(made_up(seeds=(0, 1), templates=(0, 2)), images)
    for seed in (0, 1):
        folder = tmp_path / "images_folded" / f"seed{seed}"
        folder.mkdir(parents=True)
        (folder / "fold.json").write_text(json.dumps(told(seed)))
    (found,) = execute(
        as_mnist, tmp_path / "out", tmp_path / "none", [PATHS], WS_JAX_SAVARESE=images
    ).values()
    assert not outputs(found, "stderr")
    # Similarities, accuracy by parameters, and the fold curve.
    assert len(outputs(found, "image/png")) == 3
    said = "\n".join(outputs(found, "text/markdown"))
    assert "Accuracy by parameters. CIFAR-10, 40 epochs" in said
    assert "Folding into loops, CIFAR-10, sweep small" in said
    assert "No wide residual networks" not in said and "was folded here" not in said
    tables = "".join(outputs(found, "text/html"))
    assert "17125630" in tables and "SWRN-28-1-2" in tables


def test_what_is_missing_is_said(as_mnist, tmp_path):
    frame = results.read(as_mnist)
    bare = frame[(frame["model"] == "cnn") & (frame["aug"] == 0)]
    results.write(bare.assign(swap=float("nan")), tmp_path)
    names = [name for name in PICTURES if name not in ("first_look", OTHER)]
    found = execute(tmp_path, tmp_path / "out", tmp_path / "nowhere", names)
    said = {k: "\n".join(outputs(v, "text/markdown")) for k, v in found.items()}
    assert "No free networks" in said["overfitting"]
    assert "[missing]" in said["translation"]
    assert "No distances" in said["approximate_sharing"]
    assert "`make study`" in said["approximate_sharing"]
    assert "No runs with severed connections" in said["using_free_networks"]
    assert all("FCN" in text for text in said.values())


def test_stored_notebooks_have_the_verdicts_of_the_stored_results():
    stored = ROOT / "docs/results"
    frame = aggregate.with_plan(read_results(stored), read_records(stored))
    verdicts = [v for paper in PAPERS.values() for v in paper.verdicts(frame)]
    known = {f"**{verdict.outcome}** | {verdict.sentence}" for verdict in verdicts}
    line = re.compile(r"\*\*(?:holds|does not hold|not enough data)\*\* \| .*")
    for source in SOURCES:
        text = "\n".join(outputs(read(source.with_suffix(".ipynb")), "text/markdown"))
        assert set(line.findall(text)) <= known, source.stem


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_stored_notebooks_are_their_sources_with_pictures(source):
    jupytext, _ = modules()
    stored = read(source.with_suffix(".ipynb"))
    written = jupytext.read(source, fmt="py:percent")
    cells = [[(c.cell_type, c.source) for c in n.cells] for n in (stored, written)]
    assert cells[0] == cells[1], "stale: `make notebooks` executes the sources anew"
    assert outputs(stored, "image/png") and not outputs(stored, "stderr")
    code = [cell for cell in stored.cells if cell.cell_type == "code"]
    assert [c.execution_count for c in code] == list(range(1, len(code) + 1))
