"""Figures can be read: no text leaves one, and none lies on another."""

import itertools
from pathlib import Path

import pytest
import study_frames
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from readable import amiss, assert_readable, drawn_texts

from ws_jax.analysis import aggregate, curves, style, swept
from ws_jax.analysis.page import gallery, sweep_page
from ws_jax.analysis.page.paper import named
from ws_jax.papers.ott2020 import figures as ott2020
from ws_jax.papers.pages import PAPERS
from ws_jax.storage import results

STORED = Path(__file__).parents[1] / "docs" / "results"


def words(figure):
    return [text for text, _ in drawn_texts(figure)]


def test_texts_that_leave_a_figure_or_lie_on_another_are_found():
    figure = Figure(figsize=(2, 1))
    figure.text(0.1, 0.1, "one")
    figure.text(0.12, 0.15, "other")
    figure.text(0.9, 0.7, "too far to the right")
    figure.text(0.1, 0.1, "not drawn", visible=False)
    assert amiss(figure) == [
        "'too far to the right' leaves the figure",
        "'one' lies on 'other'",
    ]


def own_rows():
    """Runs of twelve settings, each with words that fill a row of a figure."""
    cases = [
        {"model": model, "phase": phase, "train.phase.every": every,
         "network.features": "(64, 128, 256)" if model == "rings" else "(64, 128)"}
        for model, phase, every in itertools.product(
            ("fcn", "rings"), ("group_mean_of_windows", "decay"), (1, 10, 1000)
        )
    ]  # fmt: skip
    return study_frames.frame(
        [
            study_frames.run_rows(
                **case, fold=0, data="mine", sweep="own", init="paper", epochs=2,
                semantics="paper", num_folds=3,
            )
            for case in cases
        ]
    )  # fmt: skip


@pytest.mark.slow
def test_learning_curves_of_a_dozen_settings_can_be_read():
    rows = aggregate.tidy(own_rows())
    figure = curves.learning_curves(rows, ["acc", "val_acc"])
    assert_readable(figure)
    assert len(figure.axes) == 24
    assert max(panel.get_subplotspec().colspan.stop for panel in figure.axes) <= 3
    assert min(panel.get_position().width for panel in figure.axes) > 0.2
    titles = [panel.get_title(loc="left") for panel in figure.axes]
    assert max(title.count("\n") for title in titles) < 4
    low = {panel.get_ylim() for panel in figure.axes[:12]}
    assert len(low) == 1  # of one measure, over all its rows


@pytest.mark.slow
def test_words_that_all_panels_share_are_said_below():
    frame = own_rows()
    frame = frame[frame["model"] == "fcn"]
    (item,) = gallery.sweep_curves(frame)
    assert item.caption.endswith(" All panels: FCN.")
    figure = curves.learning_curves(aggregate.tidy(frame), ["loss"])
    assert_readable(figure)
    assert not any("FCN" in text for text in words(figure))
    # A panel of the shared words alone would have no title.
    (item,) = gallery.sweep_curves(frame.assign(**{"train.phase.every": 1}))
    assert "All panels: FCN." in item.caption
    one = frame[(frame["phase"] == "decay") & (frame["train.phase.every"] == 1)]
    (item,) = gallery.sweep_curves(one)
    assert "All panels" not in item.caption
    figure = curves.learning_curves(aggregate.tidy(one), ["loss"])
    assert "(a) FCN" in words(figure)


def test_a_figure_against_a_field_leaves_room_for_its_legend():
    (item,) = sweep_page.figures(swept.collect(aggregate.tidy(own_rows())))
    assert_readable(item.draw())
    long = own_rows()
    # Few lines are named in whole, below each other.
    long = long[(long["train.phase.every"] != 1) | (long["model"] == "fcn")]
    for item in sweep_page.figures(swept.collect(aggregate.tidy(long))):
        assert_readable(item.draw())


@pytest.mark.parametrize("title", ["", "p"])
@pytest.mark.parametrize(
    "names",
    [
        ["convolution", *(f"free, sharing every {n}" for n in (1, 10, 100)), "free"],
        [f"network {n}, a setting of its own and more" for n in range(8)],
        [" and ".join(f"setting {n}" for n in range(20)), "short"],
        [f"{n / 20:.2f}" for n in range(20)],
    ],
)
def test_a_legend_has_as_many_rows_as_it_needs(names, title):
    figure, axes = style.make_axes(1, 1, height=1)
    axes[0, 0].set_xlabel("Factor")
    style.legend(figure, [Line2D([], [], label=name) for name in names], title)
    assert_readable(figure)
    # From left to right, then down.
    places = {text.replace("\n", " "): box for text, box in drawn_texts(figure)}
    boxes = [places[name] for name in names]
    assert boxes == sorted(boxes, key=lambda box: (-round(box.y0), box.x0))


def test_a_note_stands_within_the_figure():
    rows = [study_frames.run_rows(epochs=20, model=model) for model in ("cnn", "fcn")]
    rows.append(study_frames.run_rows(epochs=20, learning_rate=0.01))
    frame = study_frames.frame(rows)
    figure = ott2020.accuracy_curves(frame, "mnist", "released", metrics=("acc",))
    assert_readable(figure)
    assert any("Left out" in text for text in words(figure))
    height = figure.axes[0].get_position().height * figure.get_figheight()
    assert height == pytest.approx(1.6)
    assert_readable(style.noted(style.message("None yet."), "left out, " * 60))


def test_titles_are_broken_after_commas_first():
    text = "FCN, phase group_mean, coupling 1, train.phase.every 100"
    assert style.wrapped(text, 2.2, 9.5).split("\n")[0] == "FCN, phase group_mean,"
    assert style.wrapped("short", 2.2) == "short" and style.wrapped("", 2.2) == ""
    parts = style.wrapped("network.kernel_sizes_of_all_layers", 1.5).split("\n")
    tuples = style.wrapped("network.features (64, 128), epochs 3", 1.9)
    assert tuples == "network.features (64, 128),\nepochs 3"
    assert len(parts) > 1 and all(style.text_width(part) <= 1.5 for part in parts)


def amiss_in(folder, whole=False):
    """Returns what is amiss in figures of stored results, of papers and of sweeps.

    Not `whole`, of the learning curves of the sweep those of one measure are drawn.
    """
    frame = results.read(STORED / folder)
    frame = aggregate.with_plan(frame, results.read_records(STORED / folder))
    rows = named(aggregate.tidy(frame), list(PAPERS.values()))
    papers = [paper for paper in PAPERS.values() if paper.concerns(rows)]
    items = [item for paper in papers for item in paper.figures(rows)]
    items += sweep_page.figures(swept.collect(rows))
    if whole:
        items += gallery.sweep_curves(frame, lambda rows: named(rows, papers))
        items += [item for paper in papers for item in paper.beside([STORED / folder])]
    found = {item.title: amiss(item.draw()) for item in items}
    found["curves"] = amiss(curves.learning_curves(rows, ["val_acc"]))
    return {title: said for title, said in found.items() if said}


@pytest.mark.slow
@pytest.mark.parametrize(
    "folder", ["mnist_quick", "pogodin_cifar10_reduced", "savarese_paths_reduced"]
)
def test_figures_of_the_papers_can_be_read(folder):
    assert not amiss_in(folder)


@pytest.mark.slow
@pytest.mark.parametrize(
    "folder",
    # Of several small studies of one paper the largest.
    sorted(
        place.parent.name
        for place in STORED.glob("*/sweep.json")
        if not place.parent.name.startswith(("pogodin_cifar10_reduced_", "mnist_"))
    ),
)
def test_all_stored_figures_can_be_read(folder):
    assert not amiss_in(folder, whole=True)
