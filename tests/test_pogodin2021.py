"""The second paper's settings as the engine has them, and its phases in sweeps."""

import dataclasses
import json
import math
import signal
from pathlib import Path

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from forks import Forks
from studies import stop_at_once

from ws_jax import cli, engine, results
from ws_jax.checkpoint import load_run
from ws_jax.config import ConfigError, essence, replace_field
from ws_jax.data import Dataset, make_splits
from ws_jax.engine.program import Program
from ws_jax.measure import WeightSNR
from ws_jax.models import ResNet, ResNet18
from ws_jax.optimizers import make_optimizer
from ws_jax.papers.pogodin2021 import presets
from ws_jax.phases import Moment
from ws_jax.runs import Data, Evaluation, Execution, Sweep
from ws_jax.transforms import Crop, Normalize, transform_batch

STUDIES = {
    "cifar10": presets.cifar("cifar10"),
    "cifar100": presets.cifar("cifar100", "cifar100"),
    "tiny_imagenet": presets.tiny_imagenet("tiny_imagenet"),
    "imagenet": presets.imagenet("imagenet"),
    "translations": presets.cifar("translations", padding=8, copies=4),
    "reduced": presets.reduced("reduced"),
}


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_is_shared_free_and_every_cadence_in_two_programs(name):
    sweep = STUDIES[name].checked()
    runs = sweep.runs()
    phases = [
        (run.network.sharing, getattr(run.train.phase, "every", 0)) for run in runs
    ]
    want = [("full", 0), *(("free", every) for every in presets.CADENCES)]
    assert sorted(set(phases)) == sorted(want) and len(runs) == 3 * len(want)
    assert {run.seed for run in runs} == {0, 1, 2}
    assert len({jax.tree.structure(run) for run in runs}) == 2


def test_one_phase_is_no_axis_so_that_its_fields_can_be_set():
    asked = {"sharing": ("free",), "cadences": (10,), "phases": (presets.SLEEP,)}
    sweep = presets.reduced("sleep", **asked)
    assert "train.phase" not in sweep.axes
    assert {run.train.phase for run in sweep.checked().runs()} == {presets.SLEEP}
    other = replace_field(sweep.base, "train.phase.rate", 0.2)
    assert dataclasses.replace(sweep, base=other).runs()[0].train.phase.rate == 0.2
    both = presets.reduced("both", phases=(presets.INSTANT, presets.SLEEP))
    assert both.axes["train.phase"] == (presets.INSTANT, presets.SLEEP)


@pytest.mark.parametrize(
    "name, rate, decay, batch, dtype",
    [
        ("cifar10", 1e-2, 1e-4, 512, "bfloat16"),
        ("cifar100", 1e-2, 1e-4, 512, "bfloat16"),
        ("tiny_imagenet", 1e-2, 1e-4, 512, "bfloat16"),
        ("imagenet", 5e-4, 1e-2, 256, "bfloat16"),
    ],
)
def test_recipes_are_the_published_ones(name, rate, decay, batch, dtype):
    run = STUDIES[name].checked().base
    train, optimizer = run.train, run.train.optimizer
    assert (optimizer.kind, optimizer.learning_rate) == ("adamw", rate)
    assert (optimizer.weight_decay, train.batch_size) == (decay, batch)
    assert (train.epochs, train.patience, run.network.dtype) == (200, 200, dtype)
    assert (run.task.top, run.data.split) == ((5,), "published")
    assert run.network.output_init == "uniform"
    factor = optimizer.schedule.make(200 * 98, 98)
    factors = [factor(jnp.float32(epoch * 98)) for epoch in (0, 99, 100, 149, 150, 199)]
    np.testing.assert_allclose(factors, [1, 1, 0.25, 0.25, 0.0625, 0.0625])
    phase = train.phase
    assert (phase.kind, phase.count, phase.first) == ("group_mean", "epoch", 1)
    assert (phase.sharing, phase.border) == ("periodic:window", True)


# Of each study: images that train and that are scored, batches of an epoch, and how
# often an epoch shares kernels every 1, 10 and 100 batches: those of the released code.
EPOCHS = {
    "cifar10": (50_000, 10_000, 98, (98, 10, 1)),
    "cifar100": (50_000, 10_000, 98, (98, 10, 1)),
    "translations": (50_000, 10_000, 98, (98, 10, 1)),
    "tiny_imagenet": (100_000, 10_000, 196, (196, 20, 2)),
    "imagenet": (1_281_167, 50_000, 5005, (5005, 501, 51)),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", EPOCHS)
def test_all_images_train_and_the_published_test_images_are_scored(name):
    train, scored, batches, shares = EPOCHS[name]
    images = np.zeros((train + scored, 1, 1, 1), np.uint8)
    dataset = Dataset(
        "zeros", "1", images, np.arange(len(images), dtype=np.int32) % 2, 2, train
    )
    run = STUDIES[name].checked().base
    (split,) = make_splits(dataset, run.data)
    np.testing.assert_array_equal(split.train, np.arange(train))
    np.testing.assert_array_equal(split.validation, np.arange(train, train + scored))
    assert not len(split.test)
    program = Program(run, (1, 1, 1), 2, {"train": (len(split.train),)})
    assert program.steps_per_epoch == batches
    number = jnp.arange(1, batches + 1)
    for every, count in zip((1, 10, 100), shares, strict=True):
        phase = dataclasses.replace(run.train.phase, every=every)
        due = phase.due(Moment(None, 3 * batches + number, number, 3))
        assert int(due.sum()) == count and bool(due[0])


def test_colours_are_those_of_the_images_that_train():
    def colours(run):
        (normal,) = (t for t in run.transforms if isinstance(t, Normalize))
        return normal.std

    whole, held = presets.COLOURS["cifar10"], presets.COLOURS_HELD_OUT["cifar10"]
    assert whole == (
        (0.49139965, 0.4821585, 0.44653103), (0.24703225, 0.24348518, 0.26158783)
    )  # fmt: skip
    assert colours(STUDIES["cifar10"].base) == whole[1]
    part = presets.cifar("part", all_images=False).base
    assert colours(part) == colours(STUDIES["reduced"].base) == held[1]
    assert (part.data.split, part.data.holdout) == ("holdout", 0.1)
    assert colours(STUDIES["cifar100"].base) == presets.COLOURS["cifar100"][1]
    for name in ("cifar10", "cifar100"):
        both = zip(presets.COLOURS[name], presets.COLOURS_HELD_OUT[name], strict=True)
        for one, other in both:
            assert one != other
            np.testing.assert_allclose(one, other, atol=1e-3)


def test_the_stored_study_is_what_its_config_gives():
    folder = Path(__file__).parents[1] / "docs/results/pogodin_cifar10_reduced"
    record = json.loads((folder / "sweep.json").read_text())
    sweep = presets.reduced("pogodin_cifar10_reduced").checked()
    stored = Sweep.from_values(record["config"]).checked()
    assert "output_init" not in record["config"]["base"]["network"]
    assert essence(stored.base) == essence(sweep.base)
    kept = {run["digest"] for part in record["chunks"] for run in part["runs"]}
    data = record["data"]["fingerprint"]
    assert {run.digest(data) for run in sweep.runs()} == kept and len(kept) == 15
    assert {run.digest(data) for run in stored.runs()} == kept
    # The way of the full studies is another training.
    other = replace_field(sweep.base, "network.output_init", "uniform")
    assert other.digest(data) not in kept


def test_the_quarter_is_the_full_study_on_a_small_network():
    small, whole = presets.quarter("a").checked(), STUDIES["cifar10"].checked()
    base = dataclasses.replace(small.base, network=whole.base.network)
    train = dataclasses.replace(whole.base.train, batch_size=100)
    factor = train.optimizer.schedule.make(200 * 500, 500)
    short = small.base.train.optimizer.schedule.make(10 * 500, 500)
    for part in (0, 0.49, 0.5, 0.74, 0.75, 0.99):  # of the training
        assert short(jnp.float32(part * 5000)) == factor(jnp.float32(part * 100_000))
    told = replace_field(
        small.base.train.optimizer, "schedule", train.optimizer.schedule
    )
    train = dataclasses.replace(train, epochs=10, patience=10)
    assert dataclasses.replace(base.train, optimizer=told) == train
    assert dataclasses.replace(base, train=whole.base.train) == whole.base
    assert small.axes == whole.axes
    # It is what was stored.
    folder = Path(__file__).parents[1] / "docs/results/pogodin_cifar10_quarter"
    record = json.loads((folder / "sweep.json").read_text())
    kept = {run["digest"] for part in record["chunks"] for run in part["runs"]}
    data = record["data"]["fingerprint"]
    assert {run.digest(data) for run in small.runs()} == kept and len(kept) == 15


CONFIGS = Path(__file__).parents[1] / "configs" / "pogodin2021"


def test_full_configs_are_as_released_and_translations_shift_four_copies():
    found = {}
    for name in (*cli.load_studies("pogodin2021"), "imagenet"):
        sweep = cli.load_sweep(str(CONFIGS / f"{name}.py")).checked()
        runs = found[name] = sweep.runs()
        assert {run.seed for run in runs} == {0, 1, 2}
        assert {run.data.split for run in runs} == {"published"}
        assert {run.network.output_init for run in runs} == {"uniform"}
        assert f"{len(runs)} runs of 200" in " ".join(sweep_text(name).split())
    moved = found.pop("cifar10_translations")
    assert len(moved) == 6 and all(len(runs) == 15 for runs in found.values())
    for run in moved:
        kinds = {t.kind: t for t in run.transforms}
        assert (kinds["repeat"].times, kinds["crop"].padding) == (4, 8)
    del found["imagenet"]
    total = len(moved) + sum(map(len, found.values()))
    assert f"{total} runs" in " ".join(sweep_text("paper").split())


def sweep_text(name):
    return (CONFIGS / f"{name}.py").read_text()


def test_decay_is_decoupled_as_in_the_recipe():
    optimizer = STUDIES["cifar10"].checked().base.train.optimizer
    chain = make_optimizer(optimizer, 100, 10)
    params = {"w": jnp.array([2.0, -1.0])}
    updates, _ = chain.update({"w": jnp.zeros(2)}, chain.init(params), params)
    np.testing.assert_allclose(updates["w"], 1e-4 * params["w"], rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("all_images", [True, False])
@pytest.mark.parametrize("name", presets.COLOURS)
def test_a_pixel_of_the_mean_colour_and_all_padding_are_zero(name, all_images):
    normal = presets.normalize(name, all_images=all_images)
    whole = [255 * m for m in normal.mean]
    np.testing.assert_allclose(whole, np.round(whole), atol=1e-9)
    colours = presets.COLOURS
    if not all_images:
        colours = colours | presets.COLOURS_HELD_OUT
    means = colours[name][0]
    assert all(0 <= m - n < 1 / 255 for m, n in zip(means, normal.mean, strict=True))
    pixel = jnp.asarray(np.round(whole).astype(np.uint8) / np.float32(255))
    images = jnp.broadcast_to(pixel, (1, 8, 8, 3))
    got, _ = transform_batch(jax.random.key(0), (normal,), images, jnp.zeros(1))
    np.testing.assert_allclose(got, 0, atol=1e-6)
    ones = jnp.ones((64, 8, 8, 3))
    chain = (normal, Crop(padding=4))
    got, _ = transform_batch(jax.random.key(0), chain, ones, jnp.zeros(64))
    inside = transform_batch(jax.random.key(0), (normal,), ones, jnp.zeros(64))[0][
        0, 0, 0
    ]
    pixels = np.asarray(got).reshape(-1, 3)
    assert set(np.unique(pixels[:, 0])) == {0.0, float(inside[0])}


def test_translations_and_networks_of_each_study():
    kinds = {
        name: [t.kind for t in sweep.checked().base.transforms]
        for name, sweep in STUDIES.items()
    }
    assert kinds["cifar10"] == ["repeat", "flip", "normalize"]
    for name in ("translations", "reduced"):
        assert kinds[name] == ["repeat", "flip", "normalize", "crop"]
    assert STUDIES["reduced"].base.transforms[-1] == Crop(padding=4)
    assert kinds["tiny_imagenet"] == ["repeat", "cut", "normalize", "centre"]
    assert kinds["imagenet"] == ["resized_cut", "flip", "normalize", "centre"]
    networks = {name: sweep.base.network for name, sweep in STUDIES.items()}
    assert networks["imagenet"] == ResNet18(
        width=32, dtype="bfloat16", output_init="uniform"
    )
    assert networks["cifar10"] == ResNet(
        depth=20, width=16, dtype="bfloat16", output_init="uniform"
    )
    none = STUDIES["tiny_imagenet"].base
    assert none.data.name == "folder:tiny-imagenet-200@48"
    shifted = presets.tiny_imagenet("shifted", padding=8).base
    assert shifted.data.name == "folder:tiny-imagenet-200@64"
    assert any(isinstance(t, Normalize) for t in none.transforms)


def test_what_the_paper_does_not_have_is_refused():
    with pytest.raises(ConfigError, match="padding is 9, needs 0 to 8"):
        presets.tiny_imagenet("x", padding=9)
    with pytest.raises(ConfigError, match="did you mean 'cadences'"):
        presets.reduced("x", cadence=(1,))


def small():
    """ResNet-8 of two channels on 60 images: 3 steps in each of 2 epochs."""
    sweep = presets.reduced("small", epochs=2, seeds=(0,))
    base = dataclasses.replace(
        sweep.base,
        data=Data("synthetic:60x16x16x3", split="holdout"),
        network=ResNet(depth=8, width=2),
        execution=Execution(chunk=3, checkpoint_every=1),
        train=dataclasses.replace(sweep.base.train, batch_size=16),
    )
    base = replace_field(base, "train.optimizer.learning_rate", 1e-3)
    return dataclasses.replace(sweep, base=base)


@pytest.mark.slow
def test_stopped_and_resumed_gives_the_same_bits(tmp_path, monkeypatch, kept_programs):
    base = replace_field(small().base, "train.phase", presets.INSTANT)
    base = replace_field(base, "network.sharing", "free")
    sweep = Sweep("small", base, {"train.phase.every": (1, 2, presets.NEVER)})
    engine.run_sweep(sweep, tmp_path / "whole")
    stop_at_once(sweep, tmp_path / "halves", monkeypatch)
    engine.run_sweep(sweep, tmp_path / "halves")
    whole, halves = (results.read(tmp_path / name) for name in ("whole", "halves"))
    same = [c for c in whole.columns if c not in ("seconds",)]
    chex.assert_trees_all_equal(*(t[same].to_dict("list") for t in (whole, halves)))
    for every in (1, 2, presets.NEVER):
        runs = [
            load_run(tmp_path / name, **{"train.phase.every": every})
            for name in ("whole", "halves")
        ]
        chex.assert_trees_all_equal(*runs)
    assert whole["loss"].nunique() > 3 and np.isfinite(whole["val_loss"].iloc[-1])


def sleeping():
    """Three cadences of a short sleep, in step, for three epochs."""
    sleep = dataclasses.replace(presets.SLEEP, iterations=10)
    base = replace_field(small().base, "train.phase", sleep)
    base = replace_field(base, "network.sharing", "free")
    base = replace_field(base, "train.epochs", 3)
    return Sweep("sleeping", base, {"train.phase.every": (1, 2, presets.NEVER)})


SLEEPING = sleeping()


@pytest.mark.slow
def test_a_sleep_killed_in_its_last_epoch_goes_on_to_the_same_bits(tmp_path):
    forks = Forks("test_pogodin2021", tmp_path)
    try:
        # Two epochs have been saved, at least the first of them whole.
        aim = ("ws_jax.engine.living", "LivingRuns.train_epoch", 3)
        forks.start(tmp_path / "killed", "SLEEPING", aim=aim)
        status, errors = forks.wait()
        assert status == -signal.SIGKILL, errors
        assert any((tmp_path / "killed").glob("checkpoints/*/*/[0-9]*/state"))
        forks.start(tmp_path / "killed", "SLEEPING")
        status, errors = forks.wait()
        assert status == 0, errors
        assert "epoch 1 of 3" not in errors and "epoch 3 of 3" in errors
    finally:
        forks.close()
    engine.run_sweep(SLEEPING, tmp_path / "whole")
    whole, killed = (
        results.read(tmp_path / name).drop(columns="seconds")
        for name in ("whole", "killed")
    )
    pd.testing.assert_frame_equal(whole, killed, check_exact=True)
    for run in whole["run"].unique():
        chex.assert_trees_all_equal(
            *(load_run(tmp_path / name, run=run) for name in ("whole", "killed"))
        )
    assert whole.groupby("train.phase.every")["loss"].last().nunique() == 3


@pytest.mark.slow
def test_sharing_at_every_step_leaves_nine_kernels_and_never_leaves_all(tmp_path):
    base = replace_field(small().base, "network.sharing", "free")
    evaluation = Evaluation(views=(), measures=(WeightSNR(),))
    base = dataclasses.replace(base, evaluation=evaluation)
    sweep = Sweep("small", base, {"train.phase.every": (1, presets.NEVER)})
    engine.run_sweep(sweep, tmp_path)
    for every, distinct in ((1, 9), (presets.NEVER, 256)):
        run = load_run(tmp_path, **{"train.phase.every": every})
        kernel = run["params"]["stage_0_block_0"]["conv_0"]["kernel"]
        flat = np.asarray(kernel).reshape(256, -1)
        close = np.abs(flat[:, None] - flat[None]).max(-1) < 1e-6
        assert math.isclose(sum(1 / close.sum(1)), distinct)
    table = results.read(tmp_path)
    assert any(name.startswith("snr_stage_0") for name in table)
