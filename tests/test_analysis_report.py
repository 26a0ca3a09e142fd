import html.parser
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import study_frames
from matplotlib.figure import Figure

from ws_jax.analysis import aggregate, curves, style, summaries
from ws_jax.analysis.page import pieces, report
from ws_jax.analysis.page.gallery import sweep_curves
from ws_jax.papers.ott2020 import figures, gallery, pictures, published
from ws_jax.papers.pages import PAPERS

EMPTY = pd.DataFrame()
ALL = list(PAPERS.values())
SEMANTICS = "released"


@pytest.fixture(scope="module")
def smoke():
    """Two levels, two folds, a few epochs, as a first sweep leaves them."""
    models = (*study_frames.MODELS, ("fcn", "paper"))
    return study_frames.study(
        "mnist_5k", folds=(0, 1), epochs=3, models=models, curved=True
    )


RECORD = {
    "config": {"name": "mnist_5k_translation"},
    "versions": {"jax": "1.2.3"},
    "device": {"platform": "cpu", "kind": "cpu", "count": 1},
    "chunks": [{"runs": [{"run": f"run {i}"} for i in range(20)]}],
}


@pytest.fixture(scope="module")
def smoke_page(smoke):
    return report.make_report(smoke, "a < b", [RECORD], papers=ALL)


@pytest.fixture(scope="module")
def mixed():
    """A bit of everything, with a run that stopped early and severed connections."""
    severed = study_frames.frame(
        [
            study_frames.run_rows(
                model="fcn", init="released", vcp=p, epochs=25, sweep="vcp", curved=True
            )
            for p in (0.5, 0.99)
        ]
    )
    main = study_frames.study(epochs=25, folds=(0, 1), curved=True)
    early = (main["fold"] == 1) & (main["epoch"] > 15)
    kinds = study_frames.study(kinds=("rotation",), levels=(0.2,), epochs=2, folds=(0,))
    return pd.concat([main[~early], kinds, severed], ignore_index=True)


def draw_all(frame, data):
    return [
        figures.accuracy_curves(frame, data, SEMANTICS),
        figures.accuracy_levels(frame, data, SEMANTICS),
        figures.distances(frame, data, SEMANTICS, "released"),
        figures.distances(frame, data, SEMANTICS, "released", "rotation"),
        figures.swap(frame, SEMANTICS),
        figures.severing_curves(frame, data, SEMANTICS, "released", "released"),
        figures.severing_levels(frame, data, SEMANTICS, "released", "released"),
    ]


@pytest.mark.slow
@pytest.mark.parametrize("data", ["mnist", "cifar10", "mnist_5k"])
def test_every_figure_of_an_empty_and_of_a_partial_frame(smoke, data):
    for frame in (EMPTY, smoke):
        for number, figure in enumerate(draw_all(frame, data)):
            assert isinstance(figure, Figure)
            text = pieces.svg(figure, f"figure{number}", "label")
            assert "<text" in text
    words = pieces.svg(figures.swap(EMPTY, SEMANTICS), "swap", "label")
    assert "No quadrant-swapped validation" in words


def test_severed_networks_stand_beside_whole_ones_of_their_own_folds():
    runs = [
        study_frames.run_rows(
            level=0.2, model="fcn", init="released", fold=fold, vcp=p, epochs=3
        )
        for p, folds in ((0.0, range(5)), (0.5, [0]))
        for fold in folds
    ]
    frame = study_frames.frame(runs)
    for fold in range(5):
        frame.loc[(frame["fold"] == fold) & (frame["vcp"] == 0), "acc"] = (
            0.5 + fold / 10
        )
    figure = figures.severing_levels(frame, "mnist", SEMANTICS, "released", "released")
    (line,) = figure.axes[0].lines
    assert line.get_xdata()[0] == 0 and line.get_ydata()[0] == 0.5


def test_curves_show_medians_and_end_with_the_folds(mixed):
    figure = figures.accuracy_curves(mixed, "mnist", SEMANTICS)
    assert len(figure.axes) == 3 * 2  # training, plain, translated; CNN and FCN
    panel = figure.axes[4]
    assert panel.get_title(loc="left") == "(e) CNN"
    assert panel.get_ylabel() == "Translated validation"
    solid, dotted = panel.get_lines()[:2]
    own = mixed[(mixed["model"] == "cnn") & (mixed["aug"] == 0) & (mixed["epoch"] > 0)]
    median = own.groupby("epoch")["translation"].median()
    assert list(solid.get_xdata()) == list(range(1, 16))
    np.testing.assert_allclose(solid.get_ydata(), median.loc[:15])
    assert (dotted.get_linestyle(), max(dotted.get_xdata())) == (":", 25)


def test_level_curves_show_cells_beside_the_published_ones():
    frame = study_frames.study(levels=(0.0, 0.2), folds=(0, 1, 2), epochs=2)
    panel = figures.accuracy_levels(frame, "mnist", SEMANTICS).axes[1]
    lines = {line.get_marker(): line for line in panel.get_lines()}
    want = published.table("mnist", "translation")
    np.testing.assert_allclose(
        panel.get_lines()[0].get_ydata(),
        [want.value(level, "cnn", "val_acc") for level in (0.0, 0.2)],
    )
    assert len(lines["x"].get_xdata()) == 11
    hollow = [
        line
        for line in panel.get_lines()
        if line.get_marker() == "o" and line.get_markerfacecolor() == "none"
    ]
    assert [len(line.get_xdata()) for line in hollow] == [2, 2]  # 3 of 5 folds


def test_distances_start_before_training():
    frame = study_frames.study(epochs=4, folds=(0, 1))
    figure = figures.distances(frame, "mnist", SEMANTICS, "released")
    first = figure.axes[0].get_lines()[0]
    assert first.get_xdata()[0] == 0
    assert first.get_ydata()[0] == pytest.approx(np.sqrt(2) / 13)


def test_long_curves_are_thinned_but_keep_their_ends():
    frame = study_frames.study(levels=(0.0,), folds=(0,), epochs=500)
    panel = figures.accuracy_curves(frame, "mnist", SEMANTICS).axes[0]
    x = panel.get_lines()[0].get_xdata()
    assert len(x) <= 90
    assert (x[0], x[-1]) == (1, 500)


def test_a_model_looks_the_same_everywhere():
    paper, released = (style.model_style("fcn", i) for i in ("paper", "released"))
    assert (
        paper["color"]
        == released["color"]
        != style.model_style("cnn", "paper")["color"]
    )
    assert paper["linestyle"] != released["linestyle"]
    few, many = style.colours([0.0, 0.2]), style.colours(published.LEVELS)
    assert few[0.2] == many[0.2]
    assert len(set(many.values())) == 11
    assert len(set(style.colours((1e-1, 1e-3, 1e-6), "learning_rate").values())) == 3


@pytest.mark.slow
def test_learning_curves_of_a_grid_search_are_coloured_by_rate():
    runs = [
        study_frames.run_rows(
            epochs=2,
            learning_rate=rate,
            num_conv_layers=depth,
            num_folds=1,
            sweep="grid",
        )
        for rate in (1e-2, 1e-3)
        for depth in (2, 3)
    ]
    (item,) = sweep_curves(study_frames.frame(runs))
    figure = item.draw()
    titles = [panel.get_title(loc="left") for panel in figure.axes[:2]]
    assert titles == ["(a) 2 layers", "(b) 3 layers"]
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert words == ["Rate", "1e-3", ".01"]


def test_gallery_has_the_papers_figures(mixed):
    names = [item.name for item in gallery.items(mixed)]
    for name in ("Figure 3", "Figure 5", "Figure B.6", "Figure 6", "Figure C.1"):
        assert name in names
    assert gallery.items(EMPTY) == []


def test_gallery_skips_kinds_that_an_initialisation_was_not_run_under():
    # The released initialisation has translation, and rotation only when severed.
    both = study_frames.study(models=(("fcn", "paper"), ("fcn", "released")), epochs=2)
    turned, severed = (
        study_frames.study(
            kinds=("rotation", "noise"),
            levels=(0.2,),
            models=(("fcn", init),),
            epochs=2,
            vcp=vcp,
        )
        for init, vcp in (("paper", 0.0), ("released", 0.5))
    )
    frame = pd.concat([both, turned, severed], ignore_index=True)
    items = [i for i in gallery.items(frame) if i.title.startswith("Distances")]
    found = [(item.name, item.title.split(", ")[-1]) for item in items]
    assert found == [
        ("Figure 5", "paper init"),
        ("Figure B.6", "paper init"),
        ("Figure B.7", "paper init"),
        ("Figure 5", "released init"),
    ]


def test_curves_of_no_rows():
    rows = aggregate.tidy(EMPTY)
    assert isinstance(curves.learning_curves(rows), Figure)


@pytest.mark.slow
@pytest.mark.parametrize("kind", list(pictures.NAMES))
def test_pictures_of_augmentations(kind):
    image = np.random.default_rng(0).random((28, 28, 1))
    figure = pictures.augmentation_figure(image, kind)
    shown = [panel.get_images()[0].get_array() for panel in figure.axes]
    assert len(shown) == (2 if kind == "swap" else 11)
    np.testing.assert_allclose(shown[0], image[..., 0])
    assert all(not np.allclose(other, shown[0]) for other in shown[1:])


def test_pictures_come_from_the_code():
    image = np.random.default_rng(0).random((28, 28, 1)).astype(np.float32)
    moved = pictures.augmented(image, "translation", 0.25)  # 7 pixels down
    np.testing.assert_allclose(moved[7:], image[:-7], atol=1e-6)
    np.testing.assert_allclose(moved[:7], np.repeat(image[:1], 7, axis=0), atol=1e-6)
    colours = np.random.default_rng(0).random((32, 32, 3))
    assert len(pictures.augmentation_figure(colours, "noise").axes) == 11
    with pytest.raises(ValueError, match="did you mean 'noise'"):
        pictures.augmented(image, "nois", 0.1)


class _Checker(html.parser.HTMLParser):
    """Notes unbalanced tags, repeated ids and whatever a page would fetch."""

    VOID = {"meta", "br", "hr", "img", "link", "input"}

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.fetched, self.problems = [], [], [], []

    def handle_starttag(self, tag, attrs):
        if tag not in self.VOID:
            self.open.append(tag)
        self._note(tag, dict(attrs))

    def handle_startendtag(self, tag, attrs):
        self._note(tag, dict(attrs))

    def _note(self, tag, attrs):
        if "id" in attrs:
            self.ids.append(attrs["id"])
        for name in ("src", "href", "xlink:href"):
            if not attrs.get(name, "#").startswith(("#", "data:")):
                self.fetched.append((tag, attrs[name]))
        if tag in ("script", "link", "iframe"):
            self.problems.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.problems.append(f"</{tag}>")


def check_page(text):
    checker = _Checker()
    checker.feed(text)
    assert checker.problems == []
    assert checker.open == []
    assert checker.fetched == []
    assert len(set(checker.ids)) == len(checker.ids)
    assert not re.search(r"https?://|url\((?!#)|@import", text)
    links = set(re.findall(r'href="#([\w.-]+)"|url\(#([\w.-]+)\)', text))
    assert {a or b for a, b in links} <= set(checker.ids)


@pytest.mark.slow
def test_the_page_needs_nothing_else(mixed, tmp_path):
    image = np.zeros((28, 28, 1))
    path = report.write_report(mixed, tmp_path / "report.html", image=image, papers=ALL)
    text = path.read_text()
    check_page(text)
    for heading in ("What was run", "Verdicts", "Tables", "Figures", "Learning curves"):
        assert f"<h2>{heading}</h2>" in text
    for name in ("Table 1", "Table B.3", "Figure 3", "Figure 2", "Figure C.1"):
        assert name in text
    body = text.split("</style>", 1)[1]
    assert "currentColor" in body and style.INK not in body
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


def test_the_page_of_a_smoke_study(smoke_page):
    check_page(smoke_page)
    assert "2/5 folds" in smoke_page
    assert "None of the paper’s claims can be judged" in smoke_page
    assert "<h1>a &lt; b</h1>" in smoke_page


def test_records_tell_versions_and_what_is_to_come(smoke_page):
    assert "12 stopped, 8 not begun" in smoke_page
    assert "jax 1.2.3" in smoke_page


def test_the_page_of_nothing():
    text = report.make_report(EMPTY, papers=ALL)
    check_page(text)
    assert "There are no results yet." in text
    assert "Tables without results" in text


def test_names_are_escaped(smoke):
    summary = summaries.summary(smoke.assign(sweep="<script>&"))
    assert "&lt;script&gt;&amp;" in pieces.words_table(summary)
    drawn = pieces.figure(style.message("none"), 1, "", "<script>&", "<b>")
    assert "<script>" not in drawn and "<b>" not in drawn


def test_a_figure_is_the_same_twice(smoke):
    first, second = (
        pieces.svg(figures.swap(smoke, SEMANTICS), "swap", "label") for _ in range(2)
    )
    assert first == second


def test_study_summary(mixed):
    lines = summaries.summary(mixed).set_index("sweep")
    assert lines.loc["mnist_translation", "augmentation"] == "level 0; translation .2"
    assert lines.loc["mnist_translation", "folds"] == "2 of 5"
    assert lines.loc["mnist_translation", "epochs"] == "15 to 25"
    assert lines.loc["vcp", "severing"] == "p .5, .99"
    assert lines.loc["vcp", "models"] == "FCN"
    assert summaries.summary(EMPTY).empty


@pytest.mark.slow
def test_reports_do_not_wait_for_what_trains_nor_need_papers():
    code = (
        "import sys; import pandas as pd; from ws_jax.analysis.page import report; "
        "assert not [name for name in sys.modules if name.startswith('ws_jax.papers')];"
        "from ws_jax.papers.pages import PAPERS; "
        "report.make_report(pd.DataFrame(), papers=list(PAPERS.values())); "
        "assert not {'flax', 'optax', 'orbax'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.slow
def test_the_launcher(smoke, tmp_path):
    from ws_jax.storage import results

    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        results.write(smoke.assign(sweep=name), tmp_path / name)
    output = tmp_path / "page.html"
    command = [sys.executable, "-m", "launch.report", f"--output={output}"]
    both = f"--workdir={tmp_path}/a,{tmp_path}/b"
    done = subprocess.run([*command, both], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    check_page(output.read_text())
    assert "sweep b, 12 runs: the same as in a" in output.read_text()
    wrong = subprocess.run(
        [*command, f"--workdir={tmp_path}/c"], capture_output=True, text=True
    )
    assert wrong.returncode == 1
    assert "no results in" in wrong.stderr


@pytest.mark.slow
def test_a_page_asked_for_kernels_says_that_there_are_none(tmp_path):
    frame = study_frames.frame([study_frames.run_rows(epochs=2)]).iloc[:0]
    said = "There are no kernels to show"
    papers = list(PAPERS.values())
    assert said in report.make_report(frame, papers=papers, folders=[tmp_path])
    assert said not in report.make_report(frame, papers=papers)
