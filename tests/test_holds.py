"""A folder holds one thing: what would mix another in is refused before it writes."""

import pytest

from ws_jax import engine, neural_fit
from ws_jax.engine.sweep import check_start
from ws_jax.folding.run import fold_run
from ws_jax.runs import Data, Run, Sweep
from ws_jax.search import search
from ws_jax.single_layer import study
from ws_jax.storage.holds import check_holds
from ws_jax.storage.integrity import WorkdirError

SWEEP = Sweep("some", Run(data=Data("synthetic:40x8x8x1")))
WRITES = {
    "a sweep": lambda folder: engine.run_sweep(SWEEP, folder, overwrite=True),
    "a search": lambda folder: search(SWEEP, folder, num_batches=1, batch_size=1),
    "foldings": lambda folder: fold_run("gone", "run", folder, overwrite=True),
    "a neural fit": lambda folder: neural_fit.fit_run(
        "gone", "run", "gone.npz", folder, overwrite=True
    ),
    "single layers": lambda folder: study.write([], folder, overwrite=True),
}
MARKS = {
    "sweep.json": "a sweep",
    "search.json": "a search",
    "batch_000/some/sweep.json": "a search",
    "fold.json": "foldings",
    "a_run/fold.json": "foldings",
    "neural_fit.json": "a neural fit",
    "neural_fit.parquet": "a neural fit",
    "single_layer.json": "single layers",
}


def marked(folder, name):
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("{}")
    return folder


@pytest.mark.parametrize("mark", MARKS)
@pytest.mark.parametrize("asked", WRITES)
def test_what_holds_something_else_is_refused(asked, mark, tmp_path):
    folder = marked(tmp_path / "own [1]", mark)
    if asked == MARKS[mark]:
        check_holds(folder, asked, "workdir")
        return
    if asked == "a search":
        pytest.importorskip("optuna")
    before = sorted(folder.rglob("*"))
    with pytest.raises(WorkdirError) as caught:
        WRITES[asked](folder)
    said = str(caught.value)
    assert f"holds {MARKS[mark]}, with which {asked} would be mixed: name" in said
    assert sorted(folder.rglob("*")) == before


def test_a_start_is_refused_before_a_job_is_submitted(tmp_path):
    with pytest.raises(WorkdirError, match="holds a search, with which a sweep would"):
        check_start(SWEEP, marked(tmp_path, "search.json"))


def test_a_folder_that_holds_both_already_goes_on(tmp_path):
    marked(marked(tmp_path, "search.json"), "sweep.json")
    for asked in ("a sweep", "a search"):
        check_holds(tmp_path, asked, "workdir")
    with pytest.raises(WorkdirError, match="holds a sweep, with which foldings"):
        check_holds(tmp_path, "foldings", "output")
