"""What a page says first: a paper whose claims are filled, or a sweep's own answer."""

import dataclasses
import functools
import html
import itertools
import re
from pathlib import Path

import pandas as pd
import pytest
import study_frames
from test_analysis_verdicts import make_check

from ws_jax.analysis.claims.checks import FAILS, HOLDS, UNDECIDED
from ws_jax.analysis.claims.verdicts import Verdict
from ws_jax.analysis.page import report, standing
from ws_jax.papers.ott2020.claims import CLAIMS
from ws_jax.papers.pages import PAPERS
from ws_jax.storage import results

STORED = Path(__file__).parents[1] / "docs" / "results"
OTT, POGODIN, SAVARESE = (paper.citation for paper in PAPERS.values())


@functools.cache
def stored(name):
    return page(results.read(STORED / name))


def page(frame):
    return report.make_report(frame, papers=list(PAPERS.values()), figures=False)


def section(text, name):
    text = text[text.index(f'<section id="{name}"') :].split("</section>")[0]
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", text)))


STUDIES = {
    "pogodin_cifar10_reduced": (
        POGODIN,
        "Not enough data yet: Without sharing accuracy is lost; More frequent sharing",
        "Swept: network (CNN, FCN); every (1, 10, 100, never).",
    ),
    "savarese_cifar10_reduced": (
        SAVARESE,
        "Not enough data yet: Fewer parameters at equal accuracy; Loops emerge.",
        "Swept: depth (16, 28); templates (0, 2).",
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", STUDIES)
def test_a_paper_whose_claims_are_filled_comes_first(name):
    citation, outcomes, fields = STUDIES[name]
    first = section(stored(name), "answer")
    assert f"Claims of {citation}. {outcomes}" in first and fields in first
    assert first.index("Claims of") < first.index("Swept:")
    assert "Does a network for images" not in first and "no answer yet" not in first
    # The other paper on these data says why it says nothing, in a line.
    judged = section(stored(name), "verdicts")
    assert judged.index(citation) < judged.index(OTT)
    rest = judged[judged.index(OTT) :]
    assert "None of its claims can be judged on these runs." in rest
    assert "<summary>Not judged, since not the paper’s runs</summary>" in stored(name)
    assert "All settings" in section(stored(name), "tables")


def told(number, data, outcome, epochs=60):
    claim = CLAIMS[number - 1]
    found = make_check("above", *{HOLDS: (1, 2), FAILS: (-2, -1)}.get(outcome, (-1, 1)))
    found = dataclasses.replace(found, epochs=epochs)
    return Verdict(claim, data, "released", "released", (found,), epochs)


@pytest.mark.parametrize("outcomes, wanted", [
    ([HOLDS], "Holds on MNIST, released semantics, 60 epochs: "),
    ([HOLDS, HOLDS],
     "Holds on MNIST, released semantics, 60 epochs; CIFAR-10, released semantics, 60 "
     "epochs: "),
    ([HOLDS, UNDECIDED],
     "Holds on MNIST, released semantics, 60 epochs, not enough data on 1 other part "
     "of the runs: "),
    ([UNDECIDED, FAILS],
     "Does not hold on CIFAR-10, released semantics, 60 epochs, not enough data on 1 "
     "other part of the runs: "),
    ([FAILS, HOLDS],
     "Holds on CIFAR-10, released semantics, 60 epochs but does not hold on MNIST, "
     "released semantics, 60 epochs: "),
    ([UNDECIDED, UNDECIDED], "Not enough data yet: "),
])  # fmt: skip
def test_it_is_said_on_what_a_claim_holds_and_what_is_open(outcomes, wanted):
    known = [
        told(4, data, outcome)
        for data, outcome in zip(("mnist", "cifar10"), outcomes, strict=False)
    ]
    assert standing._outcomes(known) == f"{wanted}{known[0].claim.title}."


def test_many_places_are_counted():
    known = [told(4, "mnist", HOLDS, epochs) for epochs in range(60, 65)]
    assert "62 epochs; and 2 more: " in standing._outcomes(known)


@pytest.mark.slow
def test_a_paper_on_other_data_is_not_named():
    judged = section(stored("savarese_paths_reduced"), "verdicts")
    assert "Ott" not in judged and "Shared networks learn paths faster" in judged


@pytest.mark.slow
def test_a_sweep_that_no_claim_can_be_judged_on_is_its_own():
    text = stored("mnist_grid_reduced")
    first = section(text, "answer")
    assert "Swept: network (CNN, FCN); layers (2, 3); learning rate" in first
    assert "There is no answer yet" not in first
    assert text.index('id="tables"') < text.index('id="verdicts"')
    # Of a paper's own runs, too, that do not answer its question.
    first = section(stored("mnist_kinds_reduced"), "answer")
    assert f"Claims of {OTT}. Not enough data yet: Only translation" in first
    assert "There is no answer yet: it takes CNN and FCN, each trained" in first
    assert "Swept: network (CNN, FCN); augmentation" in first


@pytest.mark.slow
def test_a_sweep_that_has_a_papers_runs_among_others_is_first_its_own():
    frame = study_frames.frame(
        [
            study_frames.run_rows(
                model=model, init="paper", semantics="paper", seed=seed, epochs=9,
                learning_rate=rate, sweep="own",
            )
            for model in ("cnn", "fcn")
            for seed in (0, 1)
            for rate in (1e-3, 3e-3)  # the first is the paper's
        ]
    )  # fmt: skip
    text = page(frame)
    first = section(text, "answer")
    assert first.index("Swept: network (CNN, FCN)") < first.index(f"Claims of {OTT}.")
    assert "All settings" in section(text, "tables")


@pytest.mark.slow
def test_a_papers_answer_is_given_alone():
    first = section(stored("mnist_quick"), "answer")
    assert "Does a network for images have to share its kernels? Trained on" in first
    assert "Swept:" not in first and "Claims of" not in first


@pytest.mark.slow
def test_studies_in_one_folder_are_answered_each():
    frame = study_frames.frame(
        [
            study_frames.run_rows(
                model=model, init="paper", semantics="paper", fold=fold, level=level
            )
            for model in ("cnn", "fcn")
            for fold in range(5)
            for level in (0.0, 0.2)
        ]
        + [
            study_frames.run_rows("cifar10", learning_rate=rate, sweep="own", epochs=9)
            for rate in (0.1, 0.2)
        ]
    )
    first = section(page(frame), "answer")
    assert "have to share its kernels? Trained on images of MNIST" in first
    assert "CIFAR-10. Swept: learning rate (0.1, 0.2)." in first


@pytest.mark.slow
def test_a_sweep_beside_a_papers_answer_is_answered_too():
    answered, own = (
        results.read(STORED / f"mnist_{n}") for n in ("quick", "grid_reduced")
    )
    text = page(pd.concat([answered, own], ignore_index=True))
    first, alone = section(text, "answer"), section(page(own), "answer")
    told = alone[alone.index("Swept: network") : alone.index("Too early to say more")]
    assert "learning rate: 0.001 is ahead of 0.01" in told and told in first
    assert first.index("Does a network for images") < first.index("Swept:")
    assert "All settings" in section(text, "tables")
    assert "Swept:" not in section(page(answered), "answer")


@pytest.mark.parametrize("name", ["own", "a"])
def test_a_sweep_beside_an_answer_keeps_the_runs_that_both_have(name):
    answered = [
        study_frames.run_rows(model=model, init="paper", semantics="paper", fold=fold,
                              level=level)
        for model in ("cnn", "fcn") for fold in range(3) for level in (0.0, 0.2)
    ]  # fmt: skip
    own = []
    for model, fold, rate in itertools.product(("cnn", "fcn"), range(3), (1e-3, 3e-3)):
        rows = study_frames.run_rows(
            model=model, init="paper", semantics="paper", fold=fold, epochs=60,
            learning_rate=rate, sweep=name,
        )  # fmt: skip
        rows["val_acc"] -= 0.05 * (rate == 3e-3)
        own.append(rows)
    alone, both = (
        section(page(study_frames.frame(runs)), "answer")
        for runs in (own, [*answered, *own])
    )
    told = alone[alone.index("learning rate: 0.001 is ahead of 0.003") :]
    assert told[: told.index(":", 20)] in both
    assert "The best of 4 settings" in both
