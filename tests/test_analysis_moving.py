"""Where validation images change with the epochs, runs are compared in their last."""

from pathlib import Path

import pytest
import study_frames
from test_analysis_standing import page, section
from test_savarese_paths_report import made_up as paths

from ws_jax.analysis import aggregate, question, swept, watched
from ws_jax.analysis.page import sweep_page
from ws_jax.names import run_columns
from ws_jax.papers.savarese2019.path_presets import shortest_paths
from ws_jax.storage import results

STORED = Path(__file__).parents[1] / "docs" / "results"


def growing(**fields):
    """The columns of a run on grids whose distances grow, or else."""
    options = dict(distances=(2, 4, 10), growth=2, every=4, seeds=(0,))
    sweep = shortest_paths("made_up", size=10, num_grids=100, **{**options, **fields})
    columns = run_columns(sweep.checked(), sweep.runs(), "grids").values()
    return results.make_frame([{**own, "epoch": 1} for own in columns])


def test_results_tell_whose_validation_images_change_with_the_epochs():
    assert watched.moving(growing()).all()
    assert not watched.moving(growing(growth=0)).any()
    assert not watched.moving(growing(distances=(2, 4, 4))).any()
    assert not watched.moving(results.read(STORED / "mnist_quick")).any()


def easy_first(**options):
    """Runs that score best in epoch 2, on small distances, and .7 at last."""
    frame = paths(**options)
    score = frame["val_f1"].where(frame["epoch"] != 2, 0.99)
    score = score.where(frame["epoch"] != frame["epoch"].max(), 0.7)
    return frame.assign(val_f1=score)


def test_the_best_epoch_is_the_last_where_validation_images_change():
    rows = aggregate.tidy(easy_first())
    values = aggregate.run_values(rows, "val_f1", "best_epoch")["value"]
    assert (values == 0.7).all()
    cells = aggregate.cells(rows, ["val_f1"], "best_epoch")
    assert (cells["value"] == 0.7).all()
    fixed = rows.assign(**{"transforms.draw_paths.growth": 0})
    values = aggregate.run_values(fixed, "val_f1", "best_epoch")["value"]
    assert (values == 0.99).all()


@pytest.mark.slow
def test_the_page_says_that_the_last_epoch_counts():
    text = page(easy_first())
    first = section(text, "answer")
    assert (
        "by validation f1 at each run’s last epoch, since validation images change "
        "with the epochs:" in first
    )
    assert "99.0 %" not in text and "best epoch" not in text
    assert "no epoch is the best: the last stands there, too" in section(text, "tables")
    found = swept.collect(aggregate.tidy(easy_first()))
    assert "Val f1, best" not in sweep_page.table(found)
    assert "there is no best one" in sweep_page.note(found)
    captions = [item.caption for item in sweep_page.figures(found)]
    assert captions and all("Each run at its last epoch." in c for c in captions)


def test_last_epochs_of_different_numbers_are_cautioned_against():
    frame = easy_first()
    short = (frame["seed"] == 1) & (frame["epoch"] > 6)
    found = swept.collect(aggregate.tidy(frame[~short]))
    (text,) = question.cautions(found)
    assert "runs are compared after 6 to 20 epochs" in text
    # One run whose images change makes all of them be compared so.
    mixed = frame.assign(
        **{"transforms.draw_paths.growth": 2 * (frame["network.templates"] > 0)}
    )
    assert swept.collect(aggregate.tidy(study_frames.identified(mixed))).moves
