"""What is not there decides nothing: one property of all claims of all papers.

Of each claim results are made up that break it in some seeds (or folds), so that it is
open or does not hold. Whatever is done to the runs that break it, it must not hold
then: where they are deleted, alone or with all runs of their network, where they were
not measured, and where they diverged. Of the last those are left out that lie in the
network which a claim wants to be behind: to diverge is to be behind
(docs/design/0016).
"""

import functools

import numpy as np
import pandas as pd
import pytest
import study_frames
import test_analysis_claims as share
import test_pogodin_claims as sleep
import test_savarese2019_report as depth
import test_savarese_paths_report as paths

from ws_jax.analysis import aggregate, planned
from ws_jax.analysis.claims.checks import FAILS, HOLDS, UNDECIDED
from ws_jax.papers.pogodin2021 import runs as sleep_runs
from ws_jax.papers.savarese2019 import claims, path_claims, path_runs, runs

SEEDS = range(4)
SCORES = ["val_acc", "test_acc"]


def attacks(rows, broken, measures, changed, diverged=True):
    """Yields names and rows in which runs that break a claim are lost.

    Args:
      rows: of a study, with `cell`.
      broken: marks the rows of the runs that break a claim.
      measures: columns of all that is measured.
      changed: the measures by which they break it.
      diverged: whether they may diverge, too.
    """
    cells = rows["cell"].isin(rows.loc[broken, "cell"])
    yield "deleted", rows[~broken]
    yield "all deleted", rows[~cells]
    for name, where, columns in (
        ("not measured", broken, measures),
        ("one measure lacks", broken, changed),
        ("one measure lacks in all", cells, changed),
    ):
        yield name, rows.assign(**{c: lacking(rows[c], where) for c in columns})
    if diverged:
        yield "diverged", rows.assign(status=rows["status"].mask(broken, "diverged"))


def lacking(values, where):
    """The same values, but for some that are not there."""
    told = [None if no else v for no, v in zip(where, values, strict=True)]
    return pd.Series(told, values.index, dtype=values.dtype)


def check(judge, good, bad, measures, diverged=True, fails=True, column="seed"):
    """Judges what breaks a claim, and what is left where that is lost.

    Args:
      judge: from all rows, and those that are left, to an outcome.
      good: rows on which the claim holds.
      bad: the same rows, on which it does not.
      measures: as `attacks`.
      diverged: as `attacks`.
      fails: whether it fails on the bad rows, and is not open.
      column: of seeds or folds.
    """
    told = {name: bad[name].map(repr) != good[name].map(repr) for name in measures}
    changed = [name for name, own in told.items() if own.any()]
    touched = pd.DataFrame(told).any(axis=1)
    assert judge(good, good) == HOLDS
    assert judge(bad, bad) == (FAILS if fails else UNDECIDED)
    # Many of the seeds, one of few, all: these may then diverge in any network.
    few = {2: None, 3: ("deleted", "one measure lacks"), 0: ("diverged",)}
    for least, asked in few.items():
        some = good[column] >= least
        rows = good.assign(**{c: good[c].mask(some, bad[c]) for c in changed})
        broken = good["training"].isin(good.loc[touched & some, "training"])
        broken &= good[column] > 1
        assert broken.any() and judge(rows, rows) != HOLDS
        lost = diverged or not least
        for name, left in attacks(rows, broken, measures, changed, lost):
            if asked is None or name in asked:
                assert judge(rows, left) != HOLDS, (least, name)


def add(by, columns, shared=None, templates=None):
    """A change: adds to scores of networks that share, of their twin, or of all."""

    def change(rows):
        own = rows["epoch"] > 0
        if shared is not None:
            own &= (rows["templates"] > 0) == shared
        if templates is not None:
            own &= rows["templates"] == templates
        return rows.assign(**{c: rows[c] + by * own for c in columns})

    return change


def unlike(rows):
    """A change: no two layers are alike any more after training."""
    own = (rows["templates"] > 0) & (rows["epoch"] > 0)
    eye = (0.5 + 0.5 * np.eye(6)).tolist()
    banks = {
        name: [eye if no else m for no, m in zip(own, rows[name], strict=True)]
        for name in runs.BANKS
    }
    return rows.assign(**banks)


@functools.cache
def wide(templates):
    return runs.select(depth.made_up(seeds=SEEDS, templates=templates))


@functools.cache
def grids():
    return path_runs.select(paths.made_up(seeds=SEEDS, ahead=0.05, late=0.1))


def of_paper(claim, select):
    """Judges a claim of the third paper, with what was planned."""

    def judge(whole, left):
        rows = planned.joined(study_frames.planned(whole, left), select)
        found = [v.outcome for v in claims.judged([claim], rows)]
        return found[0] if found else ""

    return judge


@pytest.mark.slow
@pytest.mark.parametrize("number, change, diverged, fails", [
    (0, add(-0.05, SCORES, True), True, True),
    (0, add(-0.05, SCORES, True, 1), True, True),
    (0, add(0.05, SCORES, False), False, True),
    (0, add(-0.8, SCORES), True, False),
    (1, unlike, True, True),
    (1, add(-0.8, SCORES), True, False),
])  # fmt: skip
def test_networks_on_images(number, change, diverged, fails):
    good = wide((0, 1, 2) if number == 0 else (0, 2, 4))
    judge = of_paper(claims.CLAIMS[number], runs.select)
    measures = [*SCORES, *runs.BANKS]
    check(judge, good, change(good), measures, diverged, fails)


@pytest.mark.slow
@pytest.mark.parametrize("number, change, diverged, fails", [
    (0, add(-0.3, ["val_f1"], True), True, True),
    (0, add(0.3, ["val_f1"], False), False, True),
    (0, add(0.9, ["val_ones_f1"]), True, False),
    (1, add(-0.3, ["largest"], True, 2), True, True),
])  # fmt: skip
def test_networks_on_grids(number, change, diverged, fails):
    judge = of_paper(path_claims.CLAIMS[number], path_runs.select)
    measures = ["val_f1", "val_ones_f1", *path_runs.VIEWS]
    check(judge, grids(), change(grids()), measures, diverged, fails)


@functools.cache
def slept():
    return sleep_runs.select(sleep.made(seeds=len(SEEDS)))


def otherwise(changes):
    """A change: networks have other accuracies, or kernels are less alike."""

    def change(rows):
        if not isinstance(changes, dict):
            return changes(rows)
        by = {sleep.CALLED[k]: v - sleep.HOLDING[k] for k, v in changes.items()}
        more = rows["condition"].map(by).fillna(0.0) * (rows["epoch"] > 0)
        return rows.assign(val_acc=rows["val_acc"] + more)

    return change


def leads(number, changes):
    """Whether all networks that a change is of are ahead of others, or not scored."""
    return number == 5 or all(key[0] == "full" for key in changes)


@pytest.mark.slow
@pytest.mark.parametrize("place", range(len(sleep.BREAKING)))
def test_sharing_in_sleep(place):
    number, changes = sleep.BREAKING[place]

    def judge(whole, left):
        told = study_frames.planned(whole, left)
        return sleep.only(planned.joined(told, sleep_runs.select), number).outcome

    bad = otherwise(changes)(slept())
    check(judge, slept(), bad, ["val_acc", "snr"], leads(number, changes))


@pytest.fixture(scope="module")
def shared():
    """The first paper's runs on MNIST, on which all its claims hold."""
    return share.whole("mnist")


@pytest.mark.slow
@pytest.mark.parametrize("number", range(1, 9))
def test_to_share_or_not(shared, number):
    """A fold in five may lack, as four are left: so three break a claim here."""
    names = ["acc", "val_acc", "translation", "swap", "dist_1", "dist_4"]
    cases = share.BOTH.get(number, {}) | share.MNIST.get(number, {})
    cases.pop("levels reversed", None)  # which changes no measure
    chosen = list(cases.values())[:: max(1, len(cases) // 2)][:2]

    def judge(whole, left):
        return share.verdict(shared, number, lambda rows: left).outcome

    for change in chosen:
        bad = change(shared.rows.copy())
        lost = number in (1, 2, 6)  # others want an accuracy to be low, or behind
        check(judge, shared.rows, bad, names, lost, column="fold")


def test_runs_that_have_not_begun_are_rows_of_their_own():
    whole = depth.made_up(seeds=(0, 1), templates=(0, 2))
    some = whole[whole["network.templates"] == 0]
    frame = study_frames.planned(whole, some)
    rows = planned.joined(runs.select(frame), runs.select)
    more = rows[rows["status"] == planned.STATUS]
    assert len(rows) == len(some) + 2 and planned.begun(rows).index.equals(some.index)
    assert set(more["title"]) == {"SWRN-28-10-2"} and set(more["seed"]) == {0, 1}
    assert (more["epoch"] == 0).all() and more[SCORES].isna().all(axis=None)
    assert more["training"].nunique() == 2 and rows["training"].nunique() == 4
    # As many again where lengths are joined, and none where all have begun.
    joined = runs.select(aggregate.tidy(frame, join_lengths=True))
    assert set(planned.joined(joined, runs.select)["epochs"]) == {0}
    assert planned.NOT_BEGUN not in study_frames.planned(whole, whole)


def test_records_tell_which_cells_have_begun():
    whole = depth.made_up(seeds=(0, 1), templates=(0, 2))
    runs_of = study_frames.planned(whole, whole[:1])[planned.NOT_BEGUN].iloc[0].runs
    record = {
        "chunks": [{"runs": runs_of}],
        "data": {"fingerprint": "0123456789abcdef"},
    }
    told = aggregate.with_plan(whole[:1], [record, record])[planned.NOT_BEGUN].iloc[0]
    assert len(told.runs) == 2 * len(runs_of)
    assert {run["data.fingerprint"] for run in told.runs} == {"0123456789ab"}
    # Stand-ins of an old table are not the cells of its record.
    old = whole.assign(cell="old:" + whole["cell"])
    assert planned.NOT_BEGUN not in aggregate.with_plan(old, [record])
    # Records that tell no identity plan nothing that could be known.
    bare = [{name: run[name] for name in ("cell", "fold", "seed")} for run in runs_of]
    frame = aggregate.with_plan(whole[:1], [{"chunks": [{"runs": bare}]}])
    assert planned.NOT_BEGUN not in frame
