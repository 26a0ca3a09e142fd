"""Claims of the second and third paper are judged on their own runs; others are named.

Made-up scores, through the columns that a sweep would write.
"""

import dataclasses

import pytest

from ws_jax.analysis import aggregate
from ws_jax.analysis.page import report
from ws_jax.config import replace_field
from ws_jax.names import run_columns
from ws_jax.papers.pages import PAPERS
from ws_jax.papers.pogodin2021 import claims as sleep_claims
from ws_jax.papers.pogodin2021 import presets as sleep
from ws_jax.papers.pogodin2021 import runs as sleep_runs
from ws_jax.papers.savarese2019 import claims, path_claims, path_runs, runs
from ws_jax.papers.savarese2019.path_presets import reduced, shortest_paths
from ws_jax.papers.savarese2019.presets import cifar
from ws_jax.storage import results

SEEDS = (0, 1, 2, 3)


def rows_of(sweep, changes, ahead, scores=("val_acc", "test_acc"), every=10):
    """Rows of a sweep with changed fields, in which some runs are ahead.

    Args:
      sweep: of a paper.
      changes: values by field.
      ahead: whether a run is.
      scores: columns of them.
      every: epochs between two rows.
    """
    base = sweep.base
    for path, value in changes.items():
        base = replace_field(base, path, value)
    sweep = dataclasses.replace(sweep, base=base).checked()
    told, rows = run_columns(sweep, sweep.runs(), "images"), []
    for run in sweep.runs():
        score = 0.5 + 0.001 * run.seed + (0.05 if ahead(run) else 0)
        for epoch in range(0, run.train.epochs + 1, every):
            row = {**told[run], "epoch": epoch, "status": "finished"}
            row |= dict.fromkeys(scores, score) | {"loss": 1.0} if epoch else {}
            rows.append(row)
    return results.make_frame(rows)


def wide(**changes):
    sweep = cifar("x", depths=(28,), widths=(1,), templates=(0, 2), seeds=SEEDS,
                  epochs=40)  # fmt: skip
    return rows_of(sweep, changes, lambda run: run.network.templates > 0)


def in_sleep(**changes):
    sweep = sleep.cifar("x", seeds=SEEDS, epochs=50)
    return rows_of(sweep, changes, lambda run: run.network.sharing == "full")


def paths(make=shortest_paths, **changes):
    found = make("x", epochs=24)
    shared = lambda run: run.network.templates > 0  # noqa: E731
    frame = rows_of(found, changes, shared, ("val_f1", *path_runs.VIEWS), every=1)
    return frame.assign(val_ones_f1=0.2)


# By the names of fields, with `__` for a dot: what is said of them.
IMAGES = [
    ({"network__sharing": "free"}, "sharing free (the paper: full)"),
    ({"network__sharing": "tiles:4"}, "sharing tiles:4 (the paper: full)"),
    ({"network__dtype": "bfloat16"}, "network.dtype bfloat16 (the paper: float32)"),
    ({"train__batch_size": 8}, "train.batch_size 8 (the paper: 128)"),
    ({"train__patience": 5}, "train.patience 5 (the paper: all epochs)"),
    ({"train__optimizer__learning_rate": 1e-9}, "rate 1e-09 (the paper: 0.1)"),
    ({"train__optimizer__weight_decay": 0.1}, "weight_decay 0.1 (the paper: 0.0005)"),
    ({"transforms": ()}, "transforms.kinds none"),
    ({"data__name": "mnist"}, "data mnist"),
]
SLEEP = [
    ({"network__severing": "units", "network__vcp": 0.9}, "severing released"),
    ({"network__fans": "stored"}, "init released (the paper: paper)"),
    ({"network__dtype": "float32"}, "network.dtype float32 (the paper: bfloat16)"),
    ({"train__optimizer__learning_rate": 1e-9}, "rate 1e-09 (the paper: 0.01)"),
    ({"train__batch_size": 8}, "train.batch_size 8 (the paper: 512)"),
    ({"train__phase__count": "training"}, "train.phase.count training"),
]
PATHS = [
    ({"train__optimizer__learning_rate": 1e-9}, "rate 1e-09 (the paper: 0.001)"),
    ({"transforms__draw_paths__density": 0.4}, "density 0.4 (the paper: 0.1)"),
    ({"network__skip": 1}, "network.skip 1"),
    ({"evaluation__views__larger__density": 0.0}, "larger.density 0 (the paper: 0.1)"),
    ({"evaluation__views__far__connectivity": 8}, "far.connectivity 8 (the paper: 4)"),
    ({"evaluation__views__farther__label": "one"}, "farther.label one (the paper: all"),
]


def changed(changes):
    return {name.replace("__", "."): value for name, value in changes.items()}


@pytest.mark.slow
def test_the_papers_own_runs_are_judged():
    assert runs.left_out(wide()) == sleep_runs.left_out(in_sleep()) == []
    assert path_runs.left_out(paths()) == path_runs.left_out(paths(reduced)) == []
    assert claims.judge(wide())[0].outcome == "holds"
    assert sleep_claims.judge(in_sleep())[0].outcome == "holds"
    assert path_claims.judge(paths(reduced))[0].outcome == "holds"


@pytest.mark.parametrize("changes, said", IMAGES, ids=lambda v: str(v)[:40])
def test_other_runs_of_wide_networks_are_named_not_judged(changes, said):
    frame = aggregate.tidy(wide(**changed(changes)))
    left_out = runs.left_out(frame)
    assert left_out and all(said in text for text in left_out)
    assert sum(int(text.split(", ")[1].split()[0]) for text in left_out) == 8
    assert claims.judge(frame) == [] and runs.select(frame).empty


@pytest.mark.slow
@pytest.mark.parametrize("changes, said", SLEEP, ids=lambda v: str(v)[:40])
def test_other_runs_in_sleep_are_named_not_judged(changes, said):
    frame = aggregate.tidy(in_sleep(**changed(changes)))
    assert any(said in text for text in sleep_runs.left_out(frame))
    verdicts = [v for v in sleep_claims.judge(frame) if v.claim.number < 4]
    assert {v.outcome for v in verdicts[4:]} == {"not enough data"}


@pytest.mark.parametrize("changes, said", PATHS, ids=lambda v: str(v)[:40])
def test_other_runs_on_grids_are_named_not_judged(changes, said):
    frame = aggregate.tidy(paths(**changed(changes)))
    left_out = path_runs.left_out(frame)
    assert left_out and all(said in text for text in left_out)
    assert path_claims.judge(frame) == []


def test_other_ways_to_share_are_named():
    (text,) = sleep_runs.left_out(in_sleep(**{"train.phase.sharing": "full"}))
    assert "16 runs: train.phase.sharing full (the paper: periodic:window)" in text


def test_other_schemes_are_named():
    tiled = sleep.cifar("x", seeds=SEEDS, sharing=("full", "tiles:4"), epochs=20)
    frame = rows_of(tiled, {}, lambda run: run.network.sharing == "full", every=1)
    (text,) = sleep_runs.left_out(frame)
    assert "16 runs: sharing tiles:4 (the paper: " in text


@pytest.mark.slow
def test_what_makes_a_study_smaller_is_said_and_judged():
    small = {"data.num_images": 49_900, "network.depth": 8, "network.width": 1}
    verdict = sleep_claims.judge(in_sleep(**small))[0]
    assert verdict.outcome == "holds"
    for said in ("data.num_images 49900 (the paper: all)", "depth 8 (the paper: 20)",
                 "network.width 1 (the paper: 16)"):  # fmt: skip
        assert said in verdict.otherwise and said in verdict.sentence
    verdict = claims.judge(wide(**{"data.num_images": 40_000}))[0]
    assert verdict.outcome == "holds" and "num_images 40000" in verdict.sentence
    assert (
        "rate 0.002 (the paper: 0.001)"
        in path_claims.judge(paths(reduced))[0].otherwise
    )


def test_lengths_that_are_joined_are_no_departure():
    for frame, own in ((wide(), runs), (in_sleep(), sleep_runs), (paths(), path_runs)):
        assert own.left_out(aggregate.tidy(frame, join_lengths=True)) == []


@pytest.mark.slow
def test_the_page_says_which_runs_are_not_judged():
    frame = wide(**{"network.sharing": "free"})
    text = report.make_report(frame, papers=list(PAPERS.values()), figures=False)
    assert (
        "Not judged, since not the paper’s runs: sweep x, 8 runs: sharing free" in text
    )
    assert "Shared networks" not in text
