"""What a page's cards on claims say besides the verdicts: how, and what is absent."""

import dataclasses
import html
import re

import pandas as pd
import pytest
import study_frames
from test_pogodin_claims import HOLDING, made

from ws_jax.analysis import aggregate, statistics
from ws_jax.analysis.claims.checks import Check
from ws_jax.analysis.claims.verdicts import Claim, Verdict
from ws_jax.analysis.page import standing, verdict_cards
from ws_jax.papers.pages import PAPERS
from ws_jax.papers.pogodin2021 import claims

NAN = float("nan")


def words(verdicts, method=""):
    text = re.sub(r"<[^>]*>", " ", verdict_cards.section(verdicts, method))
    return html.unescape(re.sub(r"\s+", " ", text))


def section(frame, name):
    rows = aggregate.tidy(frame)
    found = standing.standings(rows, [PAPERS[name]])
    text = re.sub(r"<[^>]*>", " ", standing.verdicts(rows, found))
    return html.unescape(re.sub(r"\s+", " ", text))


@pytest.mark.slow
def test_each_paper_says_how_its_claims_are_judged():
    """The first paper's folds stood on the page of the second, judged by seeds."""
    second = section(made(), "pogodin2021")
    assert "mean over seeds lies" in second and "the last quarter of its" in second
    assert "ordinary t-test over seeds" in second
    assert "patience" not in second
    assert "Folds" not in second and "over folds" not in second
    assert "Effect d Seeds Amiss Epochs" in second
    first = section(study_frames.study(levels=(0.0, 0.1)), "ott2020")
    assert "mean over folds lies" in first and "the second half of its" in first
    assert "Nadeau and Bengio" in first and "than the paper’s patience, nei" in first
    assert "Effect d Folds Amiss Epochs" in first and "seeds" not in first
    assert all(paper.method for paper in PAPERS.values())


def test_where_no_run_is_a_papers_the_page_says_that_nothing_is_judged():
    said = words([]).strip()
    assert said == "None of the paper’s claims can be judged on these runs."


@pytest.mark.slow
def test_a_claim_that_lacks_runs_is_named_with_what_it_needs():
    few = {key: value for key, value in HOLDING.items() if key[2] == 1}
    unshifted = made(few, options={"padding": 0}).assign(sweep="other")
    text = words(claims.judge(pd.concat([made(few), unshifted], ignore_index=True)))
    needs = "Claim 4, “Translated data help, and leave a gap”, has no numbers on "
    needs += "CIFAR-10, paper semantics, 100 epochs, validation images scored. Needs "
    assert needs + "convolution and free network with 1 and 4 copies" in text
    (absent,) = re.findall(r"No runs: .*?\.", text)
    assert "CIFAR-10" not in absent and "imagenet" in absent
    whole = words(claims.judge(made()))
    assert "has no numbers" not in whole and "4. Translated data help" in whole


def test_a_claim_on_other_data_is_named_too():
    cifar = study_frames.study("cifar10", levels=(0.0, 0.1), folds=(0, 1))
    text = words(PAPERS["ott2020"].verdicts(cifar))
    assert re.search("Claim 7, “[^”]*”, has no numbers on MNIST. Needs ", text)
    assert "No runs: MNIST, paper semantics; " in text


def check(**parts):
    found = statistics.Difference(0.1, 0.0, 0.2, 1.0, 0.1, 1.0, 3)
    whole = Check("It", "points", "above", 0.05, found, NAN, 100, 50, ())
    return dataclasses.replace(whole, **parts)


@pytest.mark.parametrize(
    ("thresholds", "lead"),
    [
        ((0.1, 0.1), "0 of 2 checks pass, 2 are open; one of them: "),
        ((-1, 0.1, 0.1), "1 of 3 checks pass, 2 are open; one of them: "),
        ((-1, 0.1), "1 of 2 checks pass; this one is open: "),
        ((0.9, 0.8), "0 of 2 checks pass, 2 fail; the clearest: "),
        ((-1, 0.9, 0.1), "1 of 3 checks pass, 1 fails, 1 is open; the one that fails"),
        ((-1, 0.9), "1 of 2 checks pass; this one does not: "),
        ((-1, -2), "All 2 checks pass, the closest being: "),
    ],
)
def test_the_lead_counts_what_is_open_and_what_fails(thresholds, lead):
    claim = Claim(1, "t", "s", "1", ("mnist",), "runs", lambda of: ())
    found = tuple(check(threshold=one) for one in thresholds)
    verdict = Verdict(claim, "mnist", "paper", "paper", found)
    assert verdict.sentence.startswith(lead)
