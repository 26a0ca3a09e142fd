"""What the report shows of shortest paths, from results made up for it."""

import functools

import numpy as np
import pandas as pd
import pytest
import study_frames
from matplotlib.text import Text
from study_frames import planned
from test_savarese2019_report import made_up as wide

from ws_jax.analysis import aggregate
from ws_jax.analysis.page import gallery, report
from ws_jax.analysis.page.paper import named
from ws_jax.models.grid_net import GridNet, count_parameters
from ws_jax.names import run_columns
from ws_jax.papers.ott2020 import runs
from ws_jax.papers.pages import PAPERS
from ws_jax.papers.savarese2019 import claims, own, path_claims, path_page, path_runs
from ws_jax.papers.savarese2019 import names as paper_names
from ws_jax.papers.savarese2019.path_presets import shortest_paths
from ws_jax.storage import results

EPOCHS = 20  # distances grow for 12
NETS = ["CNN", "2 templates", "2 templates, term 0.01"]


def made_up(**how):
    """Made-up results; those that are asked for again are made once."""
    return _made_up(**how).copy()


@functools.cache
def _made_up(
    seeds=(0, 1, 2),
    ahead=0.0,
    late=0.0,
    templates=(0, 2),
    status="finished",
    epochs=EPOCHS,
    beyond=((11, 13), (14, 18)),
    sizes=(14, 18),
):
    """Results in which shared networks are `ahead`, and on views `late`."""
    sweep = shortest_paths(
        "made_up", size=10, num_grids=100, templates=templates, seeds=seeds,
        epochs=epochs, beyond=beyond, distances=(2, 4, 10), growth=2, every=4,
        sizes=sizes,
    ).checked()  # fmt: skip
    columns, rows = run_columns(sweep, sweep.runs(), "grids"), []
    similarity = np.eye(20).tolist()
    for run in sweep.runs():
        shared = run.network.templates > 0
        for epoch in range(epochs + 1):
            row = {**columns[run], "epoch": epoch, "status": status}
            if shared:
                row["layer_similarity_bank"] = similarity
            if epoch:
                luck = 0.001 * (-1) ** (run.seed + shared)
                score = 0.5 + 0.01 * epoch + luck + ahead * shared
                row |= {"val_f1": score, "val_exact": 0.1, "val_ones_f1": 0.2}
                view = 0.5 + luck + (late * shared if epoch > epochs // 2 else 0)
                row |= dict.fromkeys(path_runs.VIEWS, view)
                row |= {f"{view}_ones_f1": 0.25 + 0.05 * place
                        for place, view in enumerate(path_runs.VIEWS)}  # fmt: skip
                row |= {"loss": 1.0, "val_loss": 1.0, "seconds": 1.0, "f1": score}
            rows.append(row)
    return results.make_frame(rows)


@pytest.mark.slow
def test_networks_are_named_and_told_apart():
    rows = path_runs.select(made_up())
    assert path_runs.nets(rows) == NETS
    assert rows["training"].nunique() == 9
    assert path_runs.asked(rows, "far") == "11 to 13"
    assert path_runs.asked(rows, "largest") == "18×18"
    assert path_runs.asked(rows, "") == "2 to 10"
    default = rows.drop(columns="evaluation.views.far.longest")
    default["evaluation.views.far.shortest"] = 7
    assert path_runs.asked(default, "far") == "7 to 8"


def test_means_are_over_the_epochs_that_count():
    rows = path_runs.select(made_up(late=0.2))
    every = path_runs.by_seed(rows, "val_f1")
    assert every.loc[0, "CNN"] == pytest.approx(0.5 + 0.01 * 10.5 + 0.001)
    late = path_runs.by_seed(rows, "far", late=True)
    assert late.loc[1, NETS[1]] == pytest.approx(0.5 + 0.001 + 0.2)
    assert path_runs.by_seed(rows, "nothing").empty


@pytest.mark.slow
@pytest.mark.parametrize(
    "ahead, late, outcomes",
    [
        (0.05, 0.1, ["holds", "holds"]),
        (-0.05, -0.1, ["does not hold", "does not hold"]),
        (0.0, 0.0, ["not enough data", "not enough data"]),
    ],
)
def test_claims_are_judged(ahead, late, outcomes):
    verdicts = path_claims.judge(made_up(ahead=ahead, late=late))
    assert [verdict.outcome for verdict in verdicts] == outcomes
    assert [len(verdict.checks) for verdict in verdicts] == [2, 8]
    assert all(check.chosen for verdict in verdicts for check in verdict.checks)
    assert "3 seeds" in verdicts[0].sentence


def test_checks_say_of_which_view_and_size_of_network_they_are():
    frame = made_up(ahead=0.05, late=0.1)
    later = frame["epoch"] > EPOCHS // 2
    shared = frame["network.templates"] > 0
    frame.loc[later & shared, "far"] -= 0.3
    faster, further = path_claims.judge(frame)
    sizes = [count_parameters(GridNet(templates=k)) for k in (2, 0)]
    start = "F1 at {}: 2 templates ({:,} parameters) less CNN ({:,})"
    named = {check.what: check.outcome for check in further.checks}
    assert named[start.format("11 to 13 steps", *sizes)] == "does not hold"
    assert named[start.format("14 to 18 steps", *sizes)] == "holds"
    assert further.outcome == "does not hold" and faster.outcome == "holds"


def lower(frame, metric):
    """Takes from one measure of the networks with templates."""
    shared = frame["network.templates"] > 0
    return frame.assign(**{metric: frame[metric] - 0.3 * shared})


def checks(rows):
    """The checks of all claims on rows that were selected."""
    found = claims.judged(path_claims.CLAIMS, rows)
    return [check for verdict in found for check in verdict.checks]


@pytest.mark.slow
def test_every_check_fails_on_some_results_that_break_its_claim():
    """A check that cannot fail would be hidden by others of its claim that do."""
    rows = path_runs.select(made_up(ahead=0.05, late=0.1))
    known, seen = {check.what for check in checks(rows)}, set()
    for metric in ("val_f1", *path_runs.VIEWS):
        every = checks(lower(rows, metric))
        failed = {c.what for c in every if c.outcome == "does not hold"}
        assert len(failed) == 2  # of the two networks, and nothing but what was broken
        seen |= failed
    assert len(known) == 10 and seen == known


@pytest.mark.slow
def test_a_network_with_a_template_for_each_layer_shares_nothing():
    for templates in ((0, 20), (0, 2, 20)):
        frame = made_up(ahead=0.05, late=0.1, templates=templates)
        for verdict in path_claims.judge(frame):
            whats = [check.what for check in verdict.checks if not check.missing]
            assert bool(whats) == (2 in templates)
            assert not any("20 templates" in what for what in whats)
    (first, _) = path_claims.judge(made_up(templates=(0, 20)))
    assert "a network with fewer templates than layers is missing" in first.sentence


@pytest.mark.slow
def test_which_networks_seeds_are_lost_decides_what_the_others_may_show():
    sides = ((True, 0.05, "not enough data"), (True, -0.05, "does not hold"),
             (False, 0.05, "holds"), (False, -0.05, "not enough data"))  # fmt: skip
    for shared, ahead, wanted in sides:
        frame = made_up(seeds=(0, 1, 2, 3), ahead=ahead)
        lost = (frame["seed"] == 3) & ((frame["network.templates"] > 0) == shared)
        frame.loc[lost, "status"] = "diverged"
        assert path_claims.judge(frame)[0].outcome == wanted


@pytest.mark.slow
@pytest.mark.parametrize("ahead", [0.05, -0.05])
@pytest.mark.parametrize("shared", [True, False])
def test_seeds_that_are_not_there_decide_nothing(shared, ahead):
    """Deleted, or planned and not trained: what is left may be a choice."""
    whole = made_up(seeds=range(5), ahead=ahead)
    own = (whole["network.templates"] > 0) == shared
    some = whole[~(own & whole["seed"].isin((1, 3)))]
    for frame in (some, planned(whole, some)):
        first = path_claims.judge(frame)[0]
        assert first.outcome == "not enough data"
        assert "open, since 2 seeds are not there: the others" in first.sentence
    one = path_claims.judge(whole[~(own & (whole["seed"] == 1))])[0]
    assert one.outcome == ("does not hold" if ahead < 0 else "holds")


@pytest.mark.slow
def test_a_measure_that_some_seeds_lack_decides_nothing():
    frame = made_up(seeds=range(6), ahead=0.05, late=0.1)
    some = (frame["network.templates"] > 0) & frame["seed"].isin((2, 3, 4, 5))
    for place, columns in enumerate((["val_f1"], list(path_runs.VIEWS))):
        lacking = frame.copy()
        lacking.loc[some, columns] = np.nan
        found = path_claims.judge(lacking)
        assert found[1 - place].outcome == "holds"
        assert found[place].outcome == "not enough data"
        assert "since 4 seeds are not there" in found[place].sentence
        assert "2 templates, seed 2, 3, 4, 5: not measured" in found[place].sentence
    # Nor what saying yes everywhere scores, which one of the two has to beat.
    frame.loc[frame["seed"] > 1, "val_ones_f1"] = np.nan
    assert path_claims.judge(frame)[0].outcome == "not enough data"


@pytest.mark.slow
@pytest.mark.parametrize("templates", [0, 2])
def test_a_network_that_diverged_as_a_whole_is_not_left_out(templates):
    frame = made_up(ahead=0.05, late=0.1)
    frame.loc[frame["network.templates"] == templates, "status"] = "diverged"
    for verdict in path_claims.judge(frame):
        assert verdict.outcome == "not enough data"
        assert "not known, no seed was trained by both" in verdict.sentence
        assert "seed 0, 1, 2: diverged" in verdict.sentence


@pytest.mark.slow
@pytest.mark.parametrize("templates, open_", [(0, 4), (4, 2)])
def test_a_network_that_was_planned_and_has_not_begun_leaves_its_claims_open(
    templates, open_
):
    whole = made_up(ahead=0.05, late=0.1, templates=(0, 2, 4))
    frame = planned(whole, whole[whole["network.templates"] != templates])
    faster, _ = path_claims.judge(frame)
    outcomes = [check.outcome for check in faster.checks]
    assert len(outcomes) == 4 and outcomes.count("not enough data") == open_
    assert ", seed 0, 1, 2: planned and not trained" in faster.sentence


@pytest.mark.slow
def test_seeds_without_a_partner_are_named():
    frame = made_up(ahead=0.05)
    cnn = frame["network.templates"] == 0
    first, _ = path_claims.judge(frame[~(cnn & (frame["seed"] == 2))])
    assert "2 templates, seed 2: without a partner" in first.sentence


@pytest.mark.slow
def test_views_that_ask_for_nothing_beyond_training_say_nothing_of_it():
    ahead = {"ahead": 0.05, "late": 0.1}
    frame = made_up(beyond=((2, 4), (11, 13)), sizes=(10, 14), **ahead)
    _, further = path_claims.judge(frame)
    assert further.outcome == "not enough data"
    said = [c.unsettled for c in further.checks if "2 templates (" in c.what]
    assert said == [
        "not beyond training: 2 steps and more, where training has up to 10",
        "",
        "not beyond training: grids of 10 cells a side, where training has 10",
        "",
    ]
    # Distances that have not grown to their limit were not trained on.
    rows = path_runs.select(made_up(beyond=((7, 8), (8, 9))))
    early = rows[rows["epoch"] <= 8]
    assert path_runs.within(rows, "far") and not path_runs.within(early, "far")


@pytest.mark.slow
def test_trainings_of_another_width_are_not_pooled():
    frames = [made_up(ahead=0.05).assign(**{"network.width": w}) for w in (8, 16)]
    frames = [f.assign(sweep=f"s{i}", cell=f["cell"] + str(i), digest=f["digest"] +
                       str(i)) for i, f in enumerate(frames)]  # fmt: skip
    verdicts = path_claims.judge(pd.concat(frames, ignore_index=True))
    assert {verdict.outcome for verdict in verdicts} == {"not enough data"}
    assert "one training each of 2 templates and CNN" in verdicts[0].sentence


@pytest.mark.parametrize("net", [GridNet(), GridNet(depth=6, width=5, templates=3)])
def test_parameters_are_those_of_the_network(net):
    assert own.parameters(net, (8, 8, 2), 2) == count_parameters(net)


@pytest.mark.slow
def test_what_is_missing_or_under_way_is_said():
    verdicts = path_claims.judge(made_up(templates=(0,)))
    assert all(verdict.missing for verdict in verdicts)
    running = path_claims.judge(made_up(ahead=0.1, late=0.1, status="running"))
    assert {verdict.outcome for verdict in running} == {"not enough data"}
    assert path_claims.judge(made_up().iloc[:0]) == []


@pytest.mark.slow
def test_runs_that_have_not_settled_decide_nothing_and_say_what_would():
    for verdict in path_claims.judge(made_up(ahead=0.1, late=0.1, epochs=10)):
        assert verdict.outcome == "not enough data"
        assert "not settled: trained for 10 epochs; 20 would settle it (our least)" in (
            verdict.sentence
        )
    longer = made_up(ahead=0.1, late=0.1)
    slow = longer.assign(**{"transforms.draw_paths.every": 8})
    said = "trained for 20 epochs; 32 would settle it (8 after distances have stopped "
    said += "growing, which takes 24)"
    assert all(said in v.sentence for v in path_claims.judge(slow))
    alone = path_claims.judge(made_up(seeds=(0,), epochs=10))
    assert all("no interval; not settled: trained" in v.sentence for v in alone)
    still = longer.drop(columns=[n for n in longer if n.endswith("draw_paths.growth")])
    assert path_claims.unsettled(path_runs.select(still)) == ""


@pytest.mark.slow
def test_networks_that_trained_for_unequal_lengths_are_not_settled():
    frame = made_up(ahead=0.1, late=0.1)
    shared = frame["network.templates"] > 0
    some = frame[~shared | (frame["epoch"] <= 18)]
    said = "trained for 18 to 20 epochs; as many of all networks and seeds would settle"
    for verdict in path_claims.judge(some):
        assert verdict.outcome == "not enough data" and said in verdict.sentence
    # One that diverged early has no say in this, nor in how many epochs are told.
    lost = shared & (frame["seed"] == 2)
    status = np.where(lost, "diverged", frame["status"])
    early = frame.assign(status=status)[~lost | (frame["epoch"] <= 5)]
    for verdict in path_claims.judge(early):
        assert "2 seeds, 20 epochs" in verdict.sentence
        assert "not settled" not in verdict.sentence
        assert "2 templates, seed 2: diverged" in verdict.sentence
    # Lengths that are joined by wish as well.
    frames = [made_up(ahead=0.1, late=0.1), made_up(epochs=30, templates=(0,))]
    both = pd.concat([frames[0][shared], frames[1]], ignore_index=True)
    joined = aggregate.tidy(both, join_lengths=True)
    assert all("20 to 30 epochs" in v.sentence for v in path_claims.judge(joined))


@pytest.mark.slow
def test_seeds_that_were_planned_and_are_not_there_are_named():
    whole = made_up(seeds=(0, 1, 2, 3, 4), ahead=0.1, late=0.1)
    lost = (whole["network.templates"] > 0) & whole["seed"].isin((2, 4))
    strength = whole["task.terms.layer_similarity.strength"]
    frame = planned(whole, whole[~(lost & (strength == 0))])
    for verdict in path_claims.judge(frame):
        assert "2 templates, seed 2, 4: planned and not trained" in verdict.sentence
        assert verdict.outcome == "not enough data"  # those left may be the better
        assert "CNN, seed" not in verdict.sentence
    one = planned(whole, whole[~((whole["seed"] == 4) & (strength == 0))])
    for verdict in path_claims.judge(one):
        assert "2 templates, seed 4: planned and not trained" in verdict.sentence
        assert verdict.outcome == "holds"


def test_the_table_has_what_is_said_without_a_network():
    cells = path_page.table(path_runs.select(made_up())).set_index("network")
    assert list(cells.index) == [*NETS, "all cells", "no cell"]
    assert cells.loc["all cells", "trained on"] == "20.0"
    assert cells.loc["no cell", "11 to 13"] == "0.0"
    views = ("all epochs", "11 to 13", "14 to 18", "14×14", "18×18")
    assert [cells.loc["all cells", v] for v in views] == [
        "20.0", "25.0", "30.0", "35.0", "40.0"
    ]  # fmt: skip
    old = made_up().drop(columns=[f"{view}_ones_f1" for view in path_runs.VIEWS])
    cells = path_page.table(path_runs.select(old)).set_index("network")
    assert cells.loc["all cells", "11 to 13"] == "–"
    assert cells.loc["all cells", "every cell right"] == "–"
    assert cells.loc["CNN", "14×14"].startswith("50.0 ± ")


@pytest.mark.slow
def test_the_figures_can_be_drawn():
    drawn = [item.draw() for item in path_page.items(made_up())]
    assert [len(figure.axes) for figure in drawn] == [6, 2, 13]
    dotted = [[line for line in axes.lines if line.get_linestyle() == ":"]
              for axes in drawn[0].axes]  # fmt: skip
    # Beside every F1, not beside the grids of which every cell is right.
    assert [len(lines) for lines in dotted] == [1, 1, 1, 0, 1, 1]
    assert dotted[1][0].get_ydata()[0] == pytest.approx(0.25)


def test_other_papers_leave_the_rows_alone():
    rows, papers = aggregate.tidy(made_up()), list(PAPERS.values())
    shown = {paper.name: len(paper.rows_of(rows, papers)) > 0 for paper in papers}
    assert shown == {"ott2020": False, "pogodin2021": False, "savarese2019": True}
    mnist = rows.assign(data="mnist")
    assert all(len(paper.rows_of(mnist, papers)) for paper in papers)
    assert runs.select(rows, rows["data"].iloc[0]).rows.empty


def test_rows_have_the_names_of_the_figures():
    rows = paper_names.named(aggregate.tidy(made_up(seeds=(0,))))
    assert sorted(set(rows["setting"])) == NETS[1:] + ["CNN"]
    two = [made_up(seeds=(0,)), made_up(seeds=(0,)).assign(**{"network.width": 8})]
    two[0]["network.width"] = 16
    two = [f.assign(sweep=f"s{i}", cell=f["cell"] + str(i), digest=f["digest"] + str(i))
           for i, f in enumerate(two)]  # fmt: skip
    rows = paper_names.named(aggregate.tidy(pd.concat(two, ignore_index=True)))
    assert "2 templates, term 0.01, network.width 8" in set(rows["setting"])
    assert rows["setting"].nunique() == 6
    images = paper_names.named(aggregate.tidy(wide(templates=(0, 2, 4))))
    names = {"WRN-28-10", "SWRN-28-10-2", "SWRN-28-10-4"}
    assert set(images["setting"]) == names
    mnist = aggregate.tidy(study_frames.study(levels=(0.0,), folds=(0,), epochs=2))
    assert paper_names.named(mnist).equals(mnist)


@pytest.mark.slow
def test_the_page_has_short_names_and_explains_data_and_term_once():
    papers = list(PAPERS.values())
    text = report.make_report(made_up(seeds=(0,)), papers=papers, figures=False)
    assert "grid_net, 2 templates, term 0.01" in text
    assert "network.templates 2" not in text
    grids = "100 grids of 10 by 10 cells with obstacles and two ends, drawn anew in "
    assert text.count(f"paths:100x10</dt><dd>{grids}every epoch") == 1
    assert text.count(grids) == 1
    assert text.count("term 0.01</dt><dd>the loss has a term of this weight") == 1
    plain = made_up(seeds=(0,), templates=(0,))
    text = report.make_report(plain, papers=papers, figures=False)
    assert "the loss has a term of this weight" not in text


@pytest.mark.slow
def test_curves_have_short_names_too():
    frame, papers = made_up(seeds=(0,)), list(PAPERS.values())
    (item,) = gallery.sweep_curves(frame, lambda rows: named(rows, papers))
    figure = item.draw()
    texts = [text.get_text() for text in figure.findobj(Text)]
    assert any("2 templates, term 0.01" in text for text in texts)
    assert not any("network.templates" in text for text in texts)


@pytest.mark.slow
def test_the_first_words_tell_what_the_network_is():
    papers = list(PAPERS.values())
    text = report.make_report(made_up(seeds=(0,)), papers=papers, figures=False)
    assert "grid_net</dt><dd>a network of convolutions without pooling" in text
    assert "templates</dt><dd>kernels that several layers mix" in text


@pytest.mark.slow
def test_the_page_has_the_figures_and_the_verdicts():
    text = report.make_report(made_up(), papers=list(PAPERS.values()))
    for words in ("Shared networks learn paths faster", "Other distances and grids",
                  "Shortest paths while training", "no cell"):  # fmt: skip
        assert words in text


def test_captions_say_which_views_are_beyond_training():
    def told(**how):
        return {item.caption for item in path_page.items(made_up(**how))[:2]}

    assert all("All views ask for what is beyond what was" in text for text in told())
    words = "Views not beyond what was trained on: 2 to 4 steps, 10×10 cells."
    inside = told(beyond=((2, 4), (14, 18)), sizes=(10, 18))
    assert all(text.endswith(words) for text in inside)
