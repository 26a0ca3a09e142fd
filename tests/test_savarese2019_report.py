"""What the report shows of the third paper, from results made up for it."""

import functools

import numpy as np
import pandas as pd
import pytest
from marks import fast_first
from study_frames import planned

from ws_jax.analysis.page import report
from ws_jax.models import WideResNet
from ws_jax.names import run_columns
from ws_jax.papers.pages import PAPERS
from ws_jax.papers.savarese2019 import claims, figures, own, page, runs
from ws_jax.papers.savarese2019.presets import cifar
from ws_jax.storage import results

EPOCHS = 40


def made_up(**how):
    """Made-up results; those that are asked for again are made once."""
    return _made_up(**how).copy()


@functools.cache
def _made_up(
    seeds=(0, 1, 2, 3), templates=(0, 2), alike=1.0, ahead=0.0, at=0.9, **options
):
    """Results in which shared networks are `ahead`, and their layers `alike`."""
    sweep = cifar(
        "made_up", templates=templates, seeds=seeds, epochs=EPOCHS, **options
    ).checked()  # fmt: skip
    rows = []
    columns = run_columns(sweep, sweep.runs(), "images")
    for run in sweep.runs():
        shared = run.network.templates > 0
        for epoch in (0, 20, EPOCHS):
            row = {**columns[run], "epoch": epoch, "status": "finished"}
            if shared:
                off = alike * (1 - np.eye(6)) * epoch / EPOCHS
                matrix = (np.eye(6) + off).tolist()
                row |= dict.fromkeys(runs.BANKS, matrix)
            if epoch:
                gained = 0.001 * run.seed + (ahead if shared else 0.0)
                row |= {"val_acc": at + gained + epoch / 1e4, "val_loss": 1.0}
                row |= {"loss": 1.0, "acc": 1.0, "seconds": 1.0}
                row["test_acc"] = row["val_acc"] - 0.01
            rows.append(row)
    return results.make_frame(rows)


SIZES = [((28, 10, 2), 17_125_630), ((28, 10, 0), 36_479_194), ((16, 1, 1), 126_688)]


@pytest.mark.parametrize("size, count", fast_first(SIZES[::-1]))
def test_parameters_are_the_published(size, count):
    depth, width, templates = size
    net = WideResNet(depth=depth, width=width, templates=templates)
    assert own.parameters(net, (32, 32, 3), 10) == count
    more = 90 * (64 * width + 1)
    assert own.parameters(net, (32, 32, 3), 100) == count + more


@pytest.mark.slow
@pytest.mark.parametrize(
    "sharing, count", [("full", 175_998), ("tiles:4", 1_668_558), ("free", 26_659_278)]
)
def test_parameters_count_the_kernels_of_every_site(sharing, count):
    row = {"network.depth": 28, "network.width": 1.0, "network.templates": 2}
    net = own.network_of({**row, "sharing": sharing}, WideResNet())
    assert own.parameters(net, (32, 32, 3), 10) == count


def test_the_best_validation_epoch_is_scored_on_test_images():
    rows = runs.select(made_up())
    assert set(rows["title"]) == {"WRN-28-10", "SWRN-28-10-2"}
    ends = runs.best(rows)
    assert (ends["epoch"] == EPOCHS).all() and set(ends["scored"]) == {"test_acc"}
    np.testing.assert_allclose(ends["score"], ends["val_acc"] - 0.01)


@pytest.mark.parametrize(
    "ahead, alike, outcomes",
    [
        (0.0, 1.0, ["holds", "holds"]),
        (-0.05, 0.5, ["does not hold", "does not hold"]),
    ],
)
def test_claims_are_judged(ahead, alike, outcomes):
    verdicts = claims.judge(made_up(ahead=ahead, alike=alike))
    assert [verdict.outcome for verdict in verdicts] == outcomes
    assert "53 % fewer parameters" in verdicts[0].sentence
    assert "4 seeds" in verdicts[0].sentence


@pytest.mark.slow
def test_every_check_fails_on_some_results_that_break_its_claim():
    """A check that cannot fail would be hidden by others of its claim that do."""
    banks, known, seen = (0, 1, 2, 4), set(), set()
    for verdict in claims.judge(made_up(templates=banks)):
        assert verdict.outcome == "holds"
        known |= {check.what.partition("(")[0] for check in verdict.checks}
    for change in ({"ahead": -0.05}, {"alike": 0.5}):
        for verdict in claims.judge(made_up(templates=banks, **change)):
            failed = [c for c in verdict.checks if c.outcome == "does not hold"]
            seen |= {check.what.partition("(")[0] for check in failed}
    assert len(known) == 4 and seen == known


def lost(frame, shared, seeds, after=EPOCHS):
    """Has runs diverge: they get worse from the start, and end after some epochs."""
    own = ((frame["network.templates"] > 0) == shared) & frame["seed"].isin(seeds)
    frame.loc[own, "status"] = "diverged"
    frame.loc[own & (frame["epoch"] > 0), ["val_acc", "test_acc"]] -= 0.3
    return frame[~own | (frame["epoch"] <= after)]


def test_seeds_that_diverged_leave_claims_open():
    frame = lost(lost(made_up(), True, [0]), False, [0])
    assert {v.outcome for v in claims.judge(frame)} == {"not enough data"}


@pytest.mark.slow
@pytest.mark.parametrize("after", [20, EPOCHS])
@pytest.mark.parametrize("ahead", [0.0, -0.05])
def test_seeds_that_diverged_may_have_been_the_worse_ones(ahead, after):
    """Of the leader, or of the network that it is compared with; early or late."""
    for shared, wanted in (
        (True, {0.0: "not enough data", -0.05: "does not hold"}),
        (False, {0.0: "holds", -0.05: "not enough data"}),
    ):
        first = claims.judge(lost(made_up(ahead=ahead), shared, [0], after))[0]
        assert first.outcome == wanted[ahead]
        assert first.decisive.found.mean == pytest.approx(ahead, abs=1e-6)
        assert "3 seeds, 40 epochs" in first.sentence
        said = "open, since seeds are lost" in first.sentence
        assert said == (first.outcome == "not enough data")


def test_a_network_that_diverged_as_a_whole_has_no_value_and_is_not_left_out():
    for shared in (True, False):
        first = claims.judge(lost(made_up(ahead=-0.05), shared, range(4)))[0]
        assert first.outcome == "not enough data"
        assert "not known, no seed was trained by both" in first.sentence
    frame = made_up(templates=(0, 1, 2))
    frame.loc[frame["network.templates"] == 1, "status"] = "diverged"
    first = claims.judge(frame)[0]
    assert [c.outcome for c in first.checks] == ["not enough data", "holds"]
    assert "SWRN-28-10-1, seed 0, 1, 2, 3: diverged" in first.sentence


def test_runs_that_diverged_are_in_no_figure_and_no_mean():
    frame = lost(made_up(), True, [0])
    nothing = np.full((6, 6), np.nan).tolist()
    own = (frame["status"] == "diverged") & (frame["epoch"] == EPOCHS)
    for bank in runs.BANKS:
        told = zip(frame[bank], own, strict=True)
        frame[bank] = [nothing if gone else known for known, gone in told]
    rows = runs.select(frame)
    assert len(runs.best(rows)) == 7
    (*_, (_, last)) = runs.matrices(rows, runs.BANKS[0])
    np.testing.assert_allclose(last, 1.0)
    (panel,) = figures.size_and_accuracy(rows).axes
    assert [len(line.get_ydata()) for line in panel.lines[:4]] == [4, 1, 3, 1]
    second = claims.judge(frame)[1]
    assert second.outcome == "not enough data" and "(0.1667)" in second.sentence


@pytest.mark.slow
def test_a_network_that_was_planned_and_has_not_begun_leaves_its_claims_open():
    """A verdict would turn when the last network of a sweep begins."""
    whole = made_up(templates=(0, 1, 2))
    worse = (whole["network.templates"] == 1) & (whole["epoch"] > 0)
    whole.loc[worse, ["val_acc", "test_acc"]] -= 0.05
    assert claims.judge(whole)[0].outcome == "does not hold"
    frame = planned(whole, whole[whole["network.templates"] != 1])
    first, second = claims.judge(frame)
    assert [c.outcome for c in first.checks] == ["not enough data", "holds"]
    said = "SWRN-28-10-1, seed 0, 1, 2, 3: planned and not trained"
    assert said in first.sentence and second.outcome == "holds"
    # The twin, and the bank of which loops are asked.
    frame = planned(whole, whole[whole["network.templates"] > 0])
    assert claims.judge(frame)[0].outcome == "not enough data"
    frame = planned(whole, whole[whole["network.templates"] < 2])
    second = claims.judge(frame)[1]
    assert second.outcome == "not enough data" and "two templates" in second.missing[0]
    # Of runs that were all planned nothing is said, nor of another length of theirs.
    longer = made_up(templates=(0, 1, 2)).assign(epochs=80, sweep="longer")
    longer["cell"] = longer["cell"] + " longer"
    assert len(claims.judge(planned(longer, whole))) == 2


def test_similarities_that_some_seeds_lack_decide_nothing():
    frame = made_up(seeds=range(6))
    some = (frame["network.templates"] > 0) & (frame["seed"] > 1)
    one_stage = frame.copy()
    for place, bank in enumerate(runs.BANKS):
        told = [None if own else m for own, m in zip(some, frame[bank], strict=True)]
        frame[bank] = told
        one_stage[bank] = one_stage[bank] if place else told
    for rows in (frame, one_stage):
        first, second = claims.judge(rows)
        assert first.outcome == "holds" and second.outcome == "not enough data"
        assert "since 4 seeds are not there" in second.sentence
        assert "SWRN-28-10-2, seed 2, 3, 4, 5: not measured" in second.sentence


def test_loops_are_not_judged_on_accuracies_that_some_seeds_lack():
    frame = made_up(seeds=range(6))
    frame.loc[frame["seed"] > 2, ["val_acc", "test_acc"]] = np.nan
    for verdict in claims.judge(frame):
        assert verdict.outcome == "not enough data"
        assert "since 3 seeds are not there" in verdict.sentence


def test_a_bank_that_was_not_measured_is_not_left_out():
    frame = made_up(templates=(0, 2, 4))
    for bank in runs.BANKS:
        own = frame["network.templates"] == 4
        frame[bank] = [
            None if no else m for no, m in zip(own, frame[bank], strict=True)
        ]
    second = claims.judge(frame)[1]
    assert [c.outcome for c in second.checks] == ["holds", "not enough data"]
    assert "SWRN-28-10-4, seed 0, 1, 2, 3: not measured" in second.sentence


@pytest.mark.slow
@pytest.mark.parametrize("ahead", [0.0, -0.05])
@pytest.mark.parametrize("shared", [True, False])
def test_seeds_that_are_not_there_decide_nothing(shared, ahead):
    """Deleted, or planned and not trained: what is left may be a choice."""
    whole = made_up(seeds=range(5), ahead=ahead)
    own = (whole["network.templates"] > 0) == shared
    some = whole[~(own & (whole["seed"] > 2))]
    for frame in (some, planned(whole, some)):
        first = claims.judge(frame)[0]
        assert first.outcome == "not enough data"
        assert "open, since 2 seeds are not there: the others" in first.sentence
    one = claims.judge(whole[~(own & (whole["seed"] == 4))])[0]
    assert one.outcome == ("does not hold" if ahead else "holds")
    few = whole[(whole["seed"] < 4) & ~(own & (whole["seed"] == 3))]
    first = claims.judge(few)[0]
    assert first.outcome == "not enough data"
    assert "open, since 1 seed is not there: the others may be" in first.sentence


def test_seeds_without_a_partner_are_named():
    frame = made_up()
    twin = frame["network.templates"] == 0
    first, _ = claims.judge(frame[~(twin & frame["seed"].isin((2, 3)))])
    assert "(SWRN-28-10-2, seed 2, 3: without a partner)" in first.sentence
    assert "partner" not in claims.judge(frame)[0].sentence


@pytest.mark.slow
def test_a_bank_that_saves_little_shows_no_large_part():
    for templates, depth in ((5, 28), (4, 28), (9, 40)):
        first, _ = claims.judge(made_up(templates=(0, templates), depths=(depth,)))
        assert first.outcome == "not enough data"
        assert "at least a third fewer parameters" in first.missing[0]
    first, _ = claims.judge(made_up(templates=(0, 2, 5)))
    assert first.outcome == "holds" and len(first.checks) == 1
    assert "a third fewer being the least “large part”" in first.sentence


def test_seeds_that_were_planned_and_are_not_there_are_named():
    whole = made_up(seeds=range(5))
    own = whole["network.templates"] > 0
    frame = planned(whole, whole[~(own & whole["seed"].isin((1, 3)))])
    for verdict in claims.judge(frame):
        assert verdict.outcome == "not enough data"
        assert "SWRN-28-10-2, seed 1, 3: planned and not trained" in verdict.sentence
    one = claims.judge(planned(whole, whole[~(own & (whole["seed"] == 1))]))
    assert [verdict.outcome for verdict in one] == ["holds", "holds"]
    assert all("seed 1: planned and not trained" in v.sentence for v in one)
    gone = whole.assign(status=np.where(whole["seed"] == 2, "diverged", "finished"))
    assert "WRN-28-10, seed 2: diverged" in claims.judge(gone)[0].sentence


def test_two_trainings_are_not_pooled_and_the_term_is_left_out():
    frames = [made_up(), made_up(ahead=0.2)]
    other = {name: frames[1][name] + " again" for name in ("cell", "digest", "sweep")}
    both = pd.concat([frames[0], frames[1].assign(**other)], ignore_index=True)
    verdicts = claims.judge(both)
    assert {verdict.outcome for verdict in verdicts} == {"not enough data"}
    assert "one training" in verdicts[0].sentence
    strength = np.where(both["digest"].str.endswith(" again"), 0.1, 0.0)
    with_term = both.assign(**{"task.terms.layer_similarity.strength": strength})
    found = claims.judge(with_term)
    assert [v.outcome for v in found] == ["holds", "holds"]
    assert found[0].decisive.found.mean == pytest.approx(0, abs=1e-6)
    assert all(check.chosen for v in found for check in v.checks)


def test_what_is_missing_is_said():
    verdicts = claims.judge(made_up(templates=(0,)))
    assert [verdict.outcome for verdict in verdicts] == ["not enough data"] * 2
    assert all(verdict.missing for verdict in verdicts)
    short = made_up()
    short = short[short["epoch"] <= 20]
    outcomes = [verdict.outcome for verdict in claims.judge(short)]
    assert outcomes == ["not enough data"] * 2


def test_networks_that_learned_nothing_are_equal_and_decide_nothing():
    for verdict in claims.judge(made_up(at=0.1)):
        assert verdict.outcome == "not enough data"
        said = "not shown to have learned, to be above 20 %, twice a guess: "
        assert said in verdict.sentence


def test_a_twin_that_learned_nothing_is_no_reference():
    first, second = claims.judge(made_up(at=0.1, ahead=0.8))
    assert first.outcome == "not enough data" and second.outcome == "holds"
    said = "not shown to have learned, to be above 20 %, twice a guess: WRN-28-10 (9."
    assert said in first.sentence


def test_how_long_is_counted_in_steps():
    # 36,000 images make 282 steps, 4,500 make 36.
    for images, outcome in ((40_000, "holds"), (5_000, "not enough data")):
        verdict = claims.judge(made_up(num_images=images))[0]
        assert verdict.outcome == outcome
    assert "40 epochs are too few, it takes 294 (10,584 steps)" in verdict.sentence


@pytest.mark.parametrize(
    "options, scores, said",
    [
        ({}, ["test_acc"], "test images scored in the best validation epoch"),
        ({}, [], "validation images scored in their best epoch"),
        ({"all_images": True}, [], "test images scored in their best epoch"),
    ],
)
def test_verdicts_say_which_images_are_scored(options, scores, said):
    frame = made_up(**options)
    frame = frame.drop(columns={"test_acc"} - set(scores))
    assert {verdict.setting for verdict in claims.judge(frame)} == {said}


@pytest.mark.parametrize("some", [slice(None), slice(1)])
def test_test_images_are_those_of_the_epoch_that_is_scored(some):
    """Scored at a run's end, or not in all runs: the score is of other images."""
    frame = made_up()
    frame.loc[frame["epoch"] == EPOCHS, "val_acc"] -= 0.01
    best = frame.index[frame["epoch"] == 20]
    frame.loc[best[some], "test_acc"] = np.nan
    assert set(runs.best(runs.select(frame))["scored"]) == {"val_acc"}
    for verdict in claims.judge(frame):
        assert verdict.setting == "validation images scored in their best epoch"
        assert verdict.outcome == "holds"


def test_only_networks_behind_a_claim_are_told_from_the_papers():
    # The WRN beside them is the twin of no network here.
    wide = pd.concat([made_up(), made_up(templates=(0,), widths=(2,))])
    assert not any("network.width" in v.sentence for v in claims.judge(wide))
    narrow = pd.concat([made_up(widths=(2,)), made_up(templates=(0,))])
    told = "network.width 2 (the paper: 10)"
    assert all(told in v.sentence for v in claims.judge(narrow))


def test_one_seed_decides_nothing():
    verdicts = claims.judge(made_up(seeds=(0,)))
    assert {verdict.outcome for verdict in verdicts} == {"not enough data"}


def test_the_figures_can_be_drawn():
    found = page.items(made_up())
    names = [item.title.partition(".")[0] for item in found]
    assert names == ["Accuracy by parameters", "Similarity of layers"]
    for item in found:
        assert item.draw().axes


@pytest.mark.slow
def test_accuracy_by_size_has_a_point_for_each_run_and_their_mean():
    rows = runs.select(made_up(templates=(0, 2, 4), ahead=0.02))
    (panel,) = figures.size_and_accuracy(rows).axes
    assert figures.network_order(rows) == ["WRN-28-10", "SWRN-28-10-2", "SWRN-28-10-4"]
    for place, size in enumerate((36_479_194, 17_125_630, 26_802_466)):
        points, mean = panel.lines[2 * place : 2 * place + 2]
        assert set(points.get_xdata()) == set(mean.get_xdata()) == {size}
        assert len(points.get_ydata()) == 4
        np.testing.assert_allclose(mean.get_ydata(), np.mean(points.get_ydata()))
    assert len({line.get_marker() for line in panel.lines}) == 3
    assert panel.get_xlabel() == "Parameters" and panel.get_ylabel() == "Accuracy (%)"
    (item, *_) = page.items(made_up())
    assert "1 fold, 4 seeds" in item.caption


def test_colour_bars_say_what_they_are_of():
    item = page.items(made_up())[-1]
    assert item.draw().axes[-1].get_xlabel() == figures.SIMILARITY


@pytest.mark.slow
def test_the_page_names_a_paper_only_where_it_has_something_to_say():
    papers = list(PAPERS.values())
    text = report.make_report(made_up(), papers=papers, figures=False)
    assert "Fewer parameters at equal accuracy" in text
    assert "Implicitly Recurrent" in text
    empty = report.make_report(made_up().iloc[:0], papers=papers, figures=False)
    assert "Implicitly Recurrent" not in empty
