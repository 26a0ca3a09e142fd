"""The run axis: a mapped run equals the run alone; stops, NaN, compaction."""

import dataclasses

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from studies import tiny

from ws_jax import experiment, train
from ws_jax.config import DataConfig, PhaseConfig
from ws_jax.mapping import MappedProgram, chunk_sizes, over_runs, stack_inputs
from ws_jax.plan import make_plan
from ws_jax.program import Status
from ws_jax.study import prepare
from ws_jax.sweep import LivingRuns, split_runs


def mapped_group(config, which=1, devices=1):
    """The living runs of one group of a study, started, and its data."""
    study = prepare(config)
    group = study.groups[which]
    mapped = MappedProgram(
        study.program(group), len(group.runs), jax.local_devices()[:devices]
    )
    data = (study.dataset.images, study.dataset.labels)
    return study, group, mapped, mapped.axis.replicate(data)


def train_runs(config, runs=None, epochs=2, which=1):
    """Trains some runs of a group together; returns states and metrics by epoch."""
    study, group, mapped, data = mapped_group(config, which)
    living = LivingRuns(mapped, runs or group.runs, study.folds)
    metrics = [living.start()]
    metrics += [living.train_epoch(*data, epoch) for epoch in range(epochs)]
    return jax.tree.map(np.asarray, living.all_states()), metrics, group.runs


@pytest.mark.parametrize("which", [0, 1], ids=["cnn", "fcn"])
def test_a_run_of_a_sweep_equals_the_run_alone(which):
    config = tiny(sweep__learning_rates=(1e-3, 1e-2))
    states, metrics, runs = train_runs(config, which=which)
    for i in (0, len(runs) - 1):
        alone, alone_metrics, _ = train_runs(config, runs=runs[i : i + 1], which=which)
        of_run = jax.tree.map(lambda a: a[i : i + 1], (states, metrics))  # noqa: B023
        chex.assert_trees_all_close(
            of_run, (alone, alone_metrics), rtol=1e-4, atol=1e-5
        )


def test_runs_differ_by_what_they_are_told():
    states, _, runs = train_runs(tiny())
    kernels = states.params["hidden"]["kernel"]
    for i in range(len(runs)):
        for j in range(i):
            assert np.abs(kernels[i] - kernels[j]).max() > 1e-3, (runs[i], runs[j])


def test_epochs_folds_levels_and_rates_never_trace_again(monkeypatch):
    counted = chex.assert_max_traces(train.train_epoch, n=1)
    monkeypatch.setattr("ws_jax.mapping.train_epoch", counted)
    config = tiny(sweep__learning_rates=(1e-3, 1e-2))
    study, group, mapped, data = mapped_group(config)
    assert len(group.runs) == 8
    for chunk in split_runs(group.runs, 4):
        living = LivingRuns(MappedProgramOf(mapped, 4), chunk, study.folds)
        living.start()
        for epoch in range(3):
            living.train_epoch(*data, epoch)


def MappedProgramOf(mapped, chunk):  # noqa: N802
    """The same compiled programs, with places for `chunk` runs."""
    mapped.sizes = (chunk,)
    return mapped


def test_stopped_runs_are_compacted_with_equal_results():
    # A rate of 10 diverges or stalls, so that runs stop at different epochs.
    config = tiny(
        train__patience=1, train__epochs=8, sweep__learning_rates=(1e-3, 3e-3, 1.0)
    )
    study, group, mapped, data = mapped_group(config)
    sizes, results = [], []
    for compacting in (True, False):
        if not compacting:
            mapped.sizes = mapped.sizes[:1]
        living = LivingRuns(mapped, group.runs, study.folds)
        living.start()
        history = []
        for epoch in range(8):
            if not living.alive:
                break
            metrics = living.train_epoch(*data, epoch)
            acc = metrics["val_acc"].mean()
            history += [
                (run, epoch, a) for run, a in zip(living.trained, acc, strict=True)
            ]
            sizes.append(len(living._placed.level))
        results.append((history, jax.tree.map(np.asarray, living.all_states())))
    assert min(sizes) < len(group.runs)
    (history, states), (full_history, full_states) = results
    assert [h[:2] for h in history] == [h[:2] for h in full_history]
    np.testing.assert_allclose(
        # One image of the 20 in a fold may fall otherwise by rounding.
        [h[2] for h in history],
        [h[2] for h in full_history],
        atol=0.051,
    )
    chex.assert_trees_all_close(states.status, full_states.status)


@pytest.mark.parametrize("which", [0, 1], ids=["cnn", "fcn"])
def test_runs_in_step_are_runs_in_turn(which):
    study, group, mapped, data = mapped_group(tiny(), which)
    inputs = stack_inputs(group.runs, study.folds)
    state, _ = mapped.init(inputs)

    def one(images, labels, inputs, state):
        return train.train_epoch(
            mapped.program, images, labels, inputs, state, jnp.int32(0)
        )

    in_turn, in_step = (
        jax.jit(over_runs(one, 2, in_turn=turn))(*data, inputs, state)
        for turn in (True, False)
    )
    chex.assert_trees_all_close(in_step, in_turn, rtol=1e-4, atol=1e-5)


def test_runs_in_turn_leave_their_results_where_their_arguments_were():
    def one(scale, level, state):
        key = jax.random.fold_in(state["key"], 1)

        def step(number, pair):
            # Two of one shape change places.
            return pair[1] + level + number, pair[0] * scale + jax.random.uniform(key)

        a, b = jax.lax.fori_loop(0, 3, step, (state["a"], state["b"]))
        state = {"a": a, "b": b, "key": key, "level": level}
        return state, {"total": a.sum()}, jax.random.key_data(key)

    shape = (9, 300, 300)
    a, b = (jax.random.normal(jax.random.key(seed), shape) for seed in (0, 1))
    state = {"a": a, "b": b, "key": jax.random.split(jax.random.key(2), 9)}
    args = (jnp.float32(3), jnp.arange(9.0), state)
    want = jax.jit(over_runs(one, 1))(*args)
    in_turn = jax.jit(over_runs(one, 1, True, used_up=2), donate_argnums=2)
    analysis = in_turn.lower(*args).compile().memory_analysis()
    assert analysis.alias_size_in_bytes >= a.nbytes + b.nbytes
    assert analysis.temp_size_in_bytes < a.nbytes
    got = in_turn(*args)
    for result in (got, want):
        result[0].pop("key")
    chex.assert_trees_all_close(got, want, rtol=1e-6)


def test_a_batch_that_a_smaller_fold_leaves_empty_is_no_step():
    # Of 33 images 16 or 17 are for training: one batch, or two.
    config = tiny(
        data=DataConfig(name="synthetic:33x10x10x1", num_folds=2),
        sweep__levels=(0.3,),
    )
    study, _, mapped, _ = mapped_group(config)
    assert mapped.program.last_batch_may_be_empty
    states, metrics, runs = train_runs(config, epochs=1)
    train_images = [33 - (f.stop - f.start) for f in study.folds]
    assert sorted(train_images) == [16, 17]
    (adam,) = states.opt_state
    for run, count, trained in zip(
        runs, adam.count, metrics[1]["acc"].count, strict=True
    ):
        assert trained == train_images[run.fold]
        assert count == -(-train_images[run.fold] // 16)


@pytest.mark.parametrize("phase", ["none", "couple"])
def test_a_stopped_run_keeps_its_network(phase):
    config = tiny(train__phase=PhaseConfig(name=phase, every=1, strength=0.5))
    study, group, mapped, data = mapped_group(config)
    mapped.sizes = mapped.sizes[:1]
    living = LivingRuns(mapped, group.runs, study.folds)
    living.start()
    living.train_epoch(*data, 0)
    before = jax.tree.map(np.asarray, living.all_states().params)
    living.stop([0])
    living.train_epoch(*data, 1)
    after = jax.tree.map(np.asarray, living.all_states().params)
    for old, new in zip(jax.tree.leaves(before), jax.tree.leaves(after), strict=True):
        np.testing.assert_array_equal(new[0], old[0])
        assert (new[1] != old[1]).any()


def test_a_run_that_diverges_stops_alone():
    config = tiny(sweep__learning_rates=(1e-3, 1e30), sweep__levels=(0.0,))
    states, _, runs = train_runs(config, epochs=3)
    wild = np.array([run.learning_rate > 1 for run in runs])
    assert np.all(states.status[wild] == Status.DIVERGED)
    assert np.all(states.status[~wild] == Status.ALIVE)
    sane, _, _ = train_runs(tiny(sweep__levels=(0.0,)), epochs=3)
    kept = jax.tree.map(lambda a: a[~wild], states.params)
    chex.assert_trees_all_close(kept, sane.params, rtol=1e-4, atol=1e-5)


def test_patience_is_that_of_keras():
    """After `patience` epochs in a row without a better one, and no sooner."""
    config = tiny(
        train__patience=2, sweep__learning_rates=(1e-30,), sweep__levels=(0.0,)
    )
    # Nothing moves: the first epoch is the best, the third ends the run.
    for epochs, status in [(2, Status.ALIVE), (3, Status.STOPPED)]:
        states, _, _ = train_runs(config, epochs=epochs)
        assert np.all(states.status == status)


def test_level_zero_is_one_run_for_all_kinds():
    config = tiny(sweep__augmentations=("translation", "rotation", "noise"))
    runs = [run for group in make_plan(config) for run in group.runs]
    assert len(runs) == len(set(runs)) == 2 * (2 + 3 * 2)
    assert sum(run.augmentation == "none" for run in runs) == 4


def test_level_zero_is_the_same_under_every_kind():
    trained = []
    for kind in ("translation", "rotation", "noise", "edge_noise", "none"):
        config = tiny(sweep__augmentations=(kind,), sweep__levels=(0.0,))
        config = dataclasses.replace(
            config, semantics=dataclasses.replace(config.semantics, bundle="released")
        )
        trained.append(train_runs(config, epochs=1)[0].params)
    for other in trained[1:]:
        chex.assert_trees_all_close(other, trained[0], rtol=1e-5, atol=1e-6)


def test_every_training_image_is_seen_once_an_epoch():
    study, group, mapped, _ = mapped_group(tiny(data__num_folds=7))
    inputs = jax.tree.map(
        lambda a: a[0], LivingRuns(mapped, group.runs[-1:], study.folds)._inputs
    )
    fold = study.folds[group.runs[-1].fold]
    where, counted = train.epoch_order(mapped.program, jax.random.key(0), inputs)
    where, counted = np.asarray(where), np.asarray(counted)
    assert len(where) % 16 == 0 and counted.sum() == fold.num_train
    assert sorted(where[counted]) == fold.train_index.tolist()
    assert not np.isin(where, fold.validation_index).any()
    again, _ = train.epoch_order(mapped.program, jax.random.key(1), inputs)
    assert not np.array_equal(where, again)


def test_chunks_are_of_nearly_equal_size():
    run = make_plan(tiny())[0].runs[0]
    assert [len(c) for c in split_runs([run] * 55, 16)] == [14, 14, 14, 13]
    assert chunk_sizes(1, 1) == (1,)
    assert chunk_sizes(8, 2) == (8, 4, 2)


@pytest.mark.parametrize("chunk", [1, 3])
def test_chunks_that_do_not_divide_the_runs(chunk, tmp_path):
    from ws_jax import results

    frames = []
    for size in (chunk, 4):
        config = tiny(execution__chunk=size)
        experiment.run_sweep(config, tmp_path / str(size))
        frames.append(results.read(tmp_path / str(size)))
    mine, whole = frames
    assert list(mine["run"]) == list(whole["run"])
    numbers = ["epoch", "loss", "acc", "val_loss", "val_acc", "translation", "dist_1"]
    np.testing.assert_allclose(mine[numbers], whole[numbers], rtol=2e-3, atol=1e-3)


def test_a_stopped_run_is_left_as_it_is_while_others_train():
    study, group, mapped, data = mapped_group(tiny())
    living = LivingRuns(mapped, group.runs, study.folds)
    living.start()
    living.stop([1])
    before = jax.tree.map(np.array, living.all_states())
    living.train_epoch(*data, 0)
    after = jax.tree.map(np.asarray, living.all_states())
    for run in range(len(group.runs)):
        old, new = (jax.tree.map(lambda a: a[run], s) for s in (before, after))  # noqa: B023
        if run == 1:  # nothing reads the optimiser's state of a stopped run
            new = dataclasses.replace(new, opt_state=old.opt_state)
            chex.assert_trees_all_equal(old, new)
        else:
            moved = old.params["hidden"]["kernel"] != new.params["hidden"]["kernel"]
            assert moved.any()
