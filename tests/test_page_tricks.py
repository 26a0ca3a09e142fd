"""Tables that would fool a reader, written to a folder: the page says what is wrong."""

import html
import re

import pytest
import study_frames
from test_launch import launch

from ws_jax.papers.ott2020 import published

pytestmark = pytest.mark.slow

LEVELS = published.LEVELS


def page_of(frame, tmp_path):
    """The page of a table as text, from the command line."""
    frame.to_parquet(tmp_path / "results.parquet")
    done = launch("report", f"--workdir={tmp_path}", "--nofigures")
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "report.html").read_text()
    shown = re.sub(r"<[^>]*>", " ", page)
    return re.sub(r"\s+", " ", html.unescape(shown))


def finding(text, title):
    """What the card of a claim says of it."""
    return text[text.rindex(title) :][:4000]


def test_a_small_network_fills_no_table_and_no_verdict(tmp_path):
    small = {"network.features": "(2, 2, 2)", "data.num_images": 500}
    frame = study_frames.study(
        epochs=6, folds=(0, 1), **small, **{"train.batch_size": 32}
    )
    text = page_of(frame, tmp_path)
    assert "Not judged, since not the paper’s runs" in text
    assert "network.features (2, 2, 2) (the paper: (32, 64, 128))" in text
    assert "data.num_images 500 (the paper: all)" in text
    assert "train.batch_size 32 (the paper: 256)" in text
    assert "None of the paper’s claims can be judged" in text
    assert "✓ holds" not in text and "✗ does not hold" not in text
    assert "None of these runs is the paper's" in text


@pytest.mark.slow
def test_reversed_levels_do_not_hold(tmp_path):
    frame = study_frames.study(levels=LEVELS, epochs=50)
    other = dict(zip(LEVELS[1:], LEVELS[:0:-1], strict=True))
    frame["aug"] = frame["aug"].map({0.0: 0.0, **other})
    text = page_of(study_frames.identified(frame), tmp_path)
    for title, words in (
        ("Approximate sharing emerges", "Last distance at r ="),
        ("Translated data close the FCN’s translation gap", "gap between plain and"),
    ):
        said = finding(text, title)
        assert "✗ does not hold" in said
        assert re.search(r"this one does not: |\d fails?[,;]", said) and words in said


@pytest.mark.slow
def test_severed_to_chance_does_not_hold(tmp_path):
    runs = [
        study_frames.run_rows(
            level=level, model="fcn", init="released", fold=fold, vcp=p, epochs=50
        )
        for level in (0.2, 0.3)
        for p in LEVELS
        for fold in range(5)
    ]
    frame = study_frames.frame(runs)
    text = finding(page_of(frame, tmp_path), "Free networks stand severed connections")
    assert "✓ holds" in text
    frame.loc[(frame["vcp"] >= 0.6) & (frame["epoch"] > 0), "val_acc"] = 0.1
    text = finding(page_of(frame, tmp_path), "Free networks stand severed connections")
    assert "✗ does not hold" in text and "✓ holds" in text  # of single checks
    assert "Validation accuracy lost from p = 0 to .6" in text


@pytest.mark.parametrize(
    "status, words", [("diverged", "diverged"), ("running", "under way")]
)
def test_the_page_says_what_is_amiss(tmp_path, status, words):
    frame = study_frames.study(epochs=50, levels=(0.0,))
    lost = (frame["fold"] == 1) & (frame["model"] == "cnn")
    frame.loc[lost, "status"] = status
    text = page_of(frame, tmp_path)
    assert f"1 of 5 runs {words}" in finding(text, "The CNN withstands a quadrant swap")
    assert f"1 {status}" in text[text.index("Tables") :]
    assert f"of 20 runs 1 {words}" in text or "There is no answer yet" in text
