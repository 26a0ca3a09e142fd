"""Which runs count as the first paper's: every field that matters is asked."""

import pytest
import study_frames

from ws_jax.config import leaves
from ws_jax.names import COLUMN_OF
from ws_jax.papers.ott2020 import presets, runs

# What has rows of its own, tells how the work is done or what else is looked at, or
# has no effect in the paper's runs.
FREE = {
    "data.name",
    "data.holdout",
    "fold",
    "seed",
    "network.sharing",
    "network.fans",
    "network.severing",
    "network.vcp",
    "task.top",
    "task.confusion",
    "transforms",
    "transforms.translation.level",
    "train.epochs",
    "train.optimizer.decays",
    "train.optimizer.no_decay",
    "evaluation.views",
    "evaluation.views.rotation.whole_degrees",
    "evaluation.views.noise.shuffled",
    "evaluation.views.edge_noise.shuffled",
    "evaluation.measures",
    "evaluation.measures.distances.radii",
    "evaluation.test",
    "execution.chunk",
    "execution.lowering",
    "execution.checkpoint_every",
    "execution.keep",
    "execution.keep_state",
    "semantics",
}
BASE = presets.mnist("all", levels=(0.0, 0.2), semantics="released").base
FIELDS = {path: value for path, value, _ in leaves(BASE) if path not in FREE}


@pytest.fixture(scope="module")
def frame():
    return study_frames.study(epochs=2, folds=(0, 1), levels=(0.2,))


def other(value):
    """A value that a field does not have in the paper's runs."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    return f"{value}, but another"


def test_the_papers_runs_are_its_own(frame):
    assert runs.select(frame, "mnist").left_out == []


def test_no_field_is_exempt_that_is_gone():
    assert FREE <= {path for path, _, _ in leaves(BASE)}


@pytest.mark.parametrize("path", FIELDS)
def test_a_run_that_differs_in_one_field_is_not_the_papers(frame, path):
    name = COLUMN_OF.get(path, path)
    changed = study_frames.identified(frame.assign(**{name: other(FIELDS[path])}))
    chosen = runs.select(changed, "mnist")
    assert chosen.rows.empty
    (text,) = chosen.left_out
    assert text.partition(": ")[2]
