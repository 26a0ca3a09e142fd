"""Only the paper's runs count as such: any other field that is changed is told."""

import dataclasses

import pandas as pd
import pytest
import study_frames

from ws_jax import free_fields, names
from ws_jax.analysis import aggregate
from ws_jax.analysis.claims.checks import FAILS, HOLDS, UNDECIDED
from ws_jax.config import leaves, replace_field, rules
from ws_jax.models import ResNet
from ws_jax.optimizers import SGD, Cosine
from ws_jax.papers.ott2020 import axes, judge, presets, runs, tables
from ws_jax.papers.ott2020.evidence import Evidence
from ws_jax.phases import Couple
from ws_jax.storage import results
from ws_jax.tasks import LossTerm, WeightNorm
from ws_jax.transforms import (
    VIEWS,
    Centre,
    Crop,
    Cut,
    Cutout,
    DrawPaths,
    EdgeNoise,
    Far,
    Farther,
    Flip,
    Larger,
    Largest,
    Leveled,
    Noise,
    Normalize,
    Repeat,
    ResizedCut,
    Rotation,
    Swap,
    Transform,
    Translation,
)

ENDED = {"status": "finished", "seconds": 1.0}


def measured(run):
    """What is measured of a run: each view has a column."""
    return ["acc", "val_acc", *(view.kind for view in run.evaluation.views)]


def table_of(*chosen, semantics="paper"):
    """The table that runs would write, without a training."""
    sweep = presets.mnist("made", semantics=semantics)
    columns = names.run_columns(sweep, list(chosen), "abc")
    rows = [
        {**columns[run], **dict.fromkeys(measured(run), 0.9), "epoch": e, **ENDED}
        for run in chosen
        for e in (1, 2)
    ]
    return results.make_frame(rows)


def base_run(semantics="paper", kind="translation", level=0.2):
    sweep = presets.mnist("m", semantics=semantics, augmentations=(kind,), folds=(0,))
    return replace_field(sweep.runs()[0], "transforms.level", level)


def left_out(run, semantics="paper"):
    return runs.select(table_of(run, semantics=semantics), "mnist").left_out


def test_a_whole_study_of_the_paper_is_its_own():
    frame = study_frames.study(epochs=2, folds=(0, 1), levels=(0.2,))
    assert runs.select(frame, "mnist").left_out == []


@pytest.mark.parametrize("semantics", ["paper", "released"])
@pytest.mark.parametrize("kind", aggregate.LEVELED)
@pytest.mark.parametrize("level", [0.0, 0.2])
def test_the_papers_own_runs_are_its_own(semantics, kind, level):
    assert left_out(base_run(semantics, kind, level), semantics) == []


def another(path, value, rule):
    """Another value of a field; of a part one of another kind."""
    parts = {
        "network": None,
        "task": None,
        "task.terms": (WeightNorm(strength=0.1),),
        "transforms": (Flip(),),
        "train.optimizer": SGD(learning_rate=1e-3),
        "train.optimizer.schedule": Cosine(),
        "train.phase": Couple(),
        "evaluation.views": (),
        "network.num_layers": 2,
        "evaluation.measures": (),
    }
    if path in parts:
        return parts[path]
    if rule.names:
        return next(name for name in rule.names if name != value)
    if isinstance(value, bool):
        return not value
    if isinstance(value, str):
        return {"data.split": "published", "network.sharing": "tiles:2"}.get(path)
    if isinstance(value, tuple):
        return tuple(v + 1 for v in value) or (
            ("bias",) if path.endswith("no_decay") else (3,)
        )
    return value + 1 if isinstance(value, int) else value / 2 + 0.01


# What has rows of its own, tells how the work is done or what else is looked at.
ALLOWED = {
    *("fold", "seed", "train.epochs", "transforms.level"),
    *("network.sharing", "network.fans", "network.severing", "network.vcp"),
    *("task.top", "task.confusion"),
    *("evaluation.views", "evaluation.measures", "evaluation.test"),
    "evaluation.measures.distances.radii",
    *(*free_fields.WORK, *free_fields.ROUNDED, *free_fields.IMPLIED),
}


@pytest.mark.slow
@pytest.mark.parametrize("semantics", ["paper", "released"])
def test_every_field_is_told_or_is_listed(semantics):
    frames, free = [], {}
    for kind in aggregate.LEVELED:
        run = base_run(semantics, kind)
        for path, value, rule in leaves(run):
            shown_apart = ("transforms", "views") if kind != "translation" else ("",)
            if not any(word in path for word in shown_apart):
                continue
            new = another(path, value, rule)
            if new is None:  # data set, network, task: of another table altogether
                continue
            changed = replace_field(run, path, new)
            assert changed != run, path
            name = f"{kind} {path} {new}"
            free[name] = path in ALLOWED or path == f"transforms.{kind}.level"
            own = table_of(changed, semantics=semantics)
            frames.append(own.assign(sweep=name, digest=name))  # doubles stay
    others = runs.select(pd.concat(frames, ignore_index=True), "mnist").others
    found = set(others["sweep"])
    assert found == {name for name, harmless in free.items() if not harmless}


def test_the_list_of_what_may_differ_has_only_fields():
    known = {path for path, *_ in leaves(base_run())}
    listed = {*axes.FREE, *axes.AXES} - {"transforms.kinds", "data.fingerprint"}
    assert listed - {"transforms.level"} <= known


OTHERS = [
    (Flip(),), (Crop(),), (Cutout(),), (Swap(),), (Repeat(4),), (Normalize(),),
    (Translation(0.2), Normalize()), (Translation(0.2), Repeat(4)),
    (Flip(), Translation(0.2)), (Translation(0.2), Cutout()),
    (Translation(0.2), Swap()), (Translation(0.2), Noise(0.3)),
    (Cut(28),), (Centre(28),), (ResizedCut(28),),
    (DrawPaths(),), (Far(),), (Farther(),), (Larger(),), (Largest(),),
]  # fmt: skip


@pytest.mark.parametrize("parts", OTHERS, ids=lambda p: "+".join(t.kind for t in p))
def test_other_changes_of_training_images_are_told(parts):
    run = dataclasses.replace(base_run(), transforms=parts)
    (text,) = left_out(run)
    assert "+".join(t.kind for t in parts) in text


@pytest.mark.slow
@pytest.mark.parametrize("parts", [(Flip(),), (Translation(0.2), Noise(0.3))])
def test_runs_with_other_changes_stand_in_tables_apart(parts):
    run = dataclasses.replace(base_run(), transforms=parts)
    (text,) = left_out(run)
    table = tables.level_table(table_of(run), "mnist", "translation")
    assert not table.has_results and text in table.note
    assert all(t.has_results for t in tables.apart_tables(table_of(run), "mnist"))


def test_what_acts_not_is_not_told():
    run = dataclasses.replace(
        base_run(), transforms=(Translation(0.2), Noise(0.0), Flip(0.0), Repeat(1))
    )
    assert left_out(run) == []


def test_all_kinds_of_changes_were_tried():
    tried = {t.kind for parts in OTHERS for t in parts} | {*aggregate.LEVELED}
    own = {k for k, c in Transform.kinds.items() if c.__module__.startswith("ws_jax")}
    assert tried == own


def test_the_kinds_that_have_levels():
    own = {k: c for k, c in Transform.kinds.items() if "ws_jax" in c.__module__}
    leveled = {kind for kind, cls in own.items() if issubclass(cls, Leveled)}
    assert set(aggregate.LEVELED) == leveled
    assert {"level" in rules(cls()) for k, cls in own.items() if k in leveled} == {True}


def test_every_term_of_the_loss_is_told():
    for kind, cls in LossTerm.kinds.items():
        if cls.__module__.startswith("ws_jax"):
            run = replace_field(base_run(), "task.terms", (cls(strength=0.1),))
            (text,) = left_out(run)
            assert kind in text


def test_of_another_network_only_that_it_is_another_is_told():
    """Layers of the paper's default network were told of a residual network."""
    run = presets.mnist("made", folds=(0,)).runs()[0]
    rows = aggregate.tidy(table_of(dataclasses.replace(run, network=ResNet(width=2))))
    (text,) = runs.departures(rows, "mnist").unique()
    assert "network resnet (the paper: convnet)" in text and "network.width 2" in text
    assert "network.features" not in text and "network.kernel_sizes" not in text


def test_a_view_that_is_not_looked_at_tells_nothing():
    frame = study_frames.study(epochs=2, folds=(0, 1))
    plain = frame.drop(columns="evaluation.views.rotation.centre")
    (text,) = runs.select(plain, "mnist").left_out
    assert "evaluation.views.rotation.centre middle (the paper: pixel_off)" in text
    unseen = plain.assign(rotation=float("nan"))
    assert runs.select(unseen, "mnist").left_out == []


def test_rotation_and_edge_noise_views():
    for view in (Rotation(VIEWS["rotation"].level, whole_degrees=True), EdgeNoise(0.5)):
        others = tuple(v for v in VIEWS.values() if v.kind != view.kind)
        run = replace_field(base_run(), "evaluation.views", (*others, view))
        (text,) = left_out(run)
        assert f"evaluation.views.{view.kind}." in text


def judged(frame, number):
    return [
        v
        for v in judge.judge(frame)
        if v.claim.number == number and v.semantics == v.init == "released" and v.checks
        and v.data == "mnist"
    ]  # fmt: skip


def with_order(frame, fingerprint):
    """The same on images in another order."""
    own = frame.assign(**{"data.fingerprint": fingerprint})
    return own.assign(
        cell=own["cell"] + fingerprint, digest=own["digest"] + fingerprint
    )


@pytest.mark.slow
def test_folds_of_other_images_are_never_paired():
    frame = study_frames.study(levels=(0.0,), epochs=60)
    both = [
        with_order(frame[frame["model"] == m], f"order-{m}") for m in ("cnn", "fcn")
    ]
    found = judged(pd.concat(both, ignore_index=True), 7)
    assert {v.outcome for v in found} == {UNDECIDED}
    assert {v.setting for v in found} == {"data.fingerprint order-fcn"}
    # Two whole orders are judged each by itself.
    orders = [with_order(frame, name) for name in ("a", "b")]
    worse = orders[1]
    worse.loc[worse["model"] == "cnn", "swap"] -= 0.3
    found = judged(pd.concat(orders, ignore_index=True), 7)
    assert [v.outcome for v in found] == [HOLDS, FAILS]


def test_two_trainings_are_no_sample():
    frame = study_frames.study(levels=(0.0,), epochs=60)
    other = with_order(frame, "b").drop(columns="data.fingerprint")
    both = pd.concat([frame, other.assign(sweep="other")], ignore_index=True)
    of = Evidence(both, "mnist", "released", "released")
    sample = of.sample("cnn", "swap")
    assert not len(sample.values)
    (text,) = sample.missing
    assert "as one training; there are" in text and "sweep other" in text


def test_the_order_of_the_data_is_read_from_the_record(tmp_path):
    frame = study_frames.study(levels=(0.0,), epochs=2, folds=(0,))
    results.write(frame, tmp_path)
    assert "data.fingerprint" not in results.read(tmp_path).columns
    record = {"config": {}, "data": {"fingerprint": "0123456789abcdef"}, "chunks": []}
    results.write_record(record, tmp_path)
    assert set(results.read(tmp_path)["data.fingerprint"]) == {"0123456789ab"}
