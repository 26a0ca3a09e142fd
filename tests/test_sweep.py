"""The run axis: a mapped run equals the run alone; stops, NaN, compaction."""

import dataclasses

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from studies import make_mapped, mapped_group, tiny

from ws_jax import engine, results
from ws_jax.config import ConfigError
from ws_jax.engine import train
from ws_jax.engine.chunk import split_runs
from ws_jax.engine.living import LivingRuns
from ws_jax.engine.mapping import over_runs, place_counts, stack_inputs
from ws_jax.engine.program import Status
from ws_jax.engine.study import make_groups
from ws_jax.names import augmentation
from ws_jax.phases import Couple


def train_runs(sweep, runs=None, epochs=2, which=1):
    """Trains some runs of a group together; returns states and metrics by epoch."""
    _, group, mapped, examples = mapped_group(sweep, which)
    living = LivingRuns(mapped, runs or group.runs)
    metrics = [living.start()]
    metrics += [living.train_epoch(examples, epoch) for epoch in range(epochs)]
    return jax.tree.map(np.asarray, living.all_states()), metrics, group.runs


@pytest.mark.parametrize(
    "which",
    [pytest.param(0, id="cnn", marks=pytest.mark.slow), pytest.param(1, id="fcn")],
)
def test_a_run_of_a_sweep_equals_the_run_alone(which):
    config = tiny(sweep__learning_rates=(1e-3, 1e-2))
    group = make_groups(config.checked())[which]
    assert len(group.runs) == 8
    runs = [group.runs[i] for i in (0, 3, 5, 7)]  # by rate, fold, and level
    states, metrics = train_runs(config, runs=runs, which=which)[:2]
    for i in (0, 3):
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


def train_staggered(mapped, runs, examples):
    """Trains runs of which one stops before each epoch; returns what came of it.

    That is the accuracy of each run in each epoch, the states of all runs at the end,
    and how many places the program of each epoch had.
    """
    living = LivingRuns(mapped, runs)
    living.start()
    history, sizes = {}, []
    for epoch in range(len(runs)):
        sizes.append(living.places)
        living.stop([living.alive[0]])
        acc = living.train_epoch(examples, epoch)["val"]["acc"]
        means = acc.total / acc.count
        history |= {(r, epoch): m for r, m in zip(living.trained, means, strict=True)}
        living.compact()
    assert not living.alive
    return history, jax.tree.map(np.asarray, living.all_states()), sizes


@pytest.mark.slow
def test_stopped_runs_are_compacted_with_equal_results(monkeypatch):
    _, group, mapped, examples = mapped_group(tiny())
    history, states, sizes = train_staggered(mapped, group.runs, examples)
    assert sizes == [4, 4, 2, 1]
    monkeypatch.setattr(mapped, "sizes", (4,))
    whole, whole_states, sizes = train_staggered(mapped, group.runs, examples)
    assert sizes == [4] * 4
    assert history.keys() == whole.keys() and len(history) == 4 + 3 + 2 + 1
    # One image of the 20 in a fold may fall otherwise by rounding.
    np.testing.assert_allclose(list(history.values()), list(whole.values()), atol=0.051)
    # Every place of the result holds what its own run has come to, and stopped with.
    # But for the optimiser's state: nothing reads that of a stopped run.
    held, wanted = (
        dataclasses.replace(s, opt_state=None) for s in (states, whole_states)
    )
    chex.assert_trees_all_close(held, wanted, rtol=1e-3, atol=1e-4)
    assert np.all(states.status == Status.STOPPED)
    # That is closer than any two runs are to each other.
    kernels = whole_states.params["hidden"]["kernel"]
    apart = [np.abs(a - b).max() for i, a in enumerate(kernels) for b in kernels[:i]]
    assert min(apart) > 1e-2


@pytest.mark.slow
def test_a_run_that_stops_by_itself_gives_its_place_to_others():
    # A rate of 1 diverges or stalls, so that some runs stop before others.
    sweep = tiny(
        train__patience=1, sweep__learning_rates=(1e-2, 1.0), sweep__levels=(0.0,)
    )
    _, group, mapped, examples = mapped_group(sweep)
    living = LivingRuns(mapped, group.runs)
    living.start()
    sizes, lengths = [], np.zeros(len(group.runs), int)
    for epoch in range(8):
        if not living.alive:
            break
        living.train_epoch(examples, epoch)
        lengths[living.trained] = epoch + 1
        living.compact()
        sizes.append(living.places)
    states = living.all_states()
    assert min(sizes) < len(group.runs)
    ended = np.asarray(states.status) != Status.ALIVE
    assert sorted(np.flatnonzero(~ended)) == living.alive
    # Patience ran out an epoch after the best one.
    stopped = np.asarray(states.status) == Status.STOPPED
    assert stopped.any() and np.all(np.asarray(states.epochs_since_best)[stopped] == 1)
    assert np.all(lengths[stopped] >= 2)


@pytest.mark.slow
@pytest.mark.parametrize(
    "which",
    [pytest.param(0, id="cnn"), pytest.param(1, id="fcn")],
)
def test_runs_in_step_are_runs_in_turn(which):
    config = tiny(train__phase=Couple(every=2, strength=0.5))
    study, group, mapped, examples = mapped_group(config, which)
    inputs = stack_inputs(group.runs)
    state, _ = mapped.init(inputs)

    def one(examples, inputs, state):
        return train.train_epoch(mapped.program, examples, inputs, state, jnp.int32(0))

    in_step = jax.jit(over_runs(one, 1))(examples, inputs, state)
    in_turn = mapped.epoch(examples, inputs, state, 0)  # as on a CPU; uses the state up
    chex.assert_trees_all_close(in_step, in_turn, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_batch_that_a_smaller_fold_leaves_empty_is_no_step():
    # Of 33 images 16 or 17 are for training: one batch, or two.
    config = tiny(
        data__name="synthetic:33x10x10x1", data__num_folds=2, sweep__levels=(0.3,)
    )
    study, _, mapped, _ = mapped_group(config)
    assert mapped.program.last_batch_may_be_empty
    states, metrics, runs = train_runs(config, epochs=1)
    train_images = [len(split.train) for split in study.splits]
    assert sorted(train_images) == [16, 17]
    adam = states.opt_state[-1]
    for run, count, trained in zip(
        runs, adam.count, metrics[1]["train"]["acc"].count, strict=True
    ):
        assert trained == train_images[run.fold]
        assert count == -(-train_images[run.fold] // 16)


@pytest.mark.slow
def test_a_stopped_run_keeps_its_network_from_its_phase(monkeypatch):
    config = tiny(train__phase=Couple(every=1, strength=0.5))
    study, group, mapped, examples = mapped_group(config)
    monkeypatch.setattr(mapped, "sizes", (4,))
    living = LivingRuns(mapped, group.runs)
    living.start()
    living.train_epoch(examples, 0)
    before = jax.tree.map(np.asarray, living.all_states().params)
    living.stop([0])
    living.train_epoch(examples, 1)
    after = jax.tree.map(np.asarray, living.all_states().params)
    for old, new in zip(jax.tree.leaves(before), jax.tree.leaves(after), strict=True):
        np.testing.assert_array_equal(new[0], old[0])
        assert (new[1] != old[1]).any()


def test_a_run_that_diverges_stops_alone():
    config = tiny(sweep__learning_rates=(1e-3, 1e30), sweep__levels=(0.0,))
    states, _, runs = train_runs(config, epochs=3)
    wild = np.array([run.train.optimizer.learning_rate > 1 for run in runs])
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


def test_a_sweep_is_checked_once_and_again_when_its_axes_change():
    once = tiny().checked()
    assert once.checked() is once
    other = dataclasses.replace(once, axes={**once.axes, "seed": (-1,)})
    with pytest.raises(ConfigError, match="seed"):
        other.checked()
    once.axes["seed"] = (-1,)
    with pytest.raises(ConfigError, match="seed"):
        once.checked()


def test_level_zero_is_one_run_for_all_kinds():
    config = tiny(sweep__augmentations=("translation", "rotation", "noise"))
    runs = [run for group in make_groups(config.checked()) for run in group.runs]
    assert len(runs) == len(set(runs)) == 2 * (2 + 3 * 2)
    assert sum(augmentation(run) == ("none", 0.0) for run in runs) == 4


def at_level_zero(kind):
    """A sweep of one run at level 0 of a kind, read as the released code does."""
    return tiny(
        sweep__augmentations=(kind,),
        sweep__levels=(0.0,),
        sweep__folds=(0,),
        evaluation__views=(),
        semantics="released",
    )


KINDS = ("none", "translation", "rotation", "noise", "edge_noise")


@pytest.mark.slow
def test_level_zero_has_the_same_batches_under_every_kind():
    batches = []
    for kind in KINDS:
        study, group, mapped, examples = make_mapped(at_level_zero(kind))
        config = jax.tree.map(lambda a: a[0], stack_inputs(group.runs)).config

        @jax.jit
        def first(key, examples, config, program=mapped.program):
            args = train.epoch_order(program, key, examples, config)
            where, counted = (a[:16] for a in args)
            return where, train.make_batch(
                program, (key, key), examples, config, where, counted
            )

        batches.append(first(jax.random.key(0), examples, config))
    for other in batches[1:]:
        chex.assert_trees_all_close(other, batches[0], rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_level_zero_is_the_same_under_every_kind():
    trained = [train_runs(at_level_zero(kind), epochs=1)[0].params for kind in KINDS]
    for other in trained[1:]:
        chex.assert_trees_all_close(other, trained[0], rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_every_training_image_is_seen_once_an_epoch():
    study, group, mapped, examples = mapped_group(tiny(data__num_folds=7))
    run = group.runs[-1]
    config = jax.tree.map(lambda a: a[0], stack_inputs([run])).config
    split = study.splits[run.fold]

    def order(seed):
        key = jax.random.key(seed)
        return train.epoch_order(mapped.program, key, examples, config)

    where, counted = map(np.asarray, order(0))
    assert len(where) % 16 == 0 and counted.sum() == len(split.train)
    assert sorted(where[counted]) == split.train.tolist()
    assert not np.isin(where, split.validation).any()
    again, _ = order(1)
    assert not np.array_equal(where, again)


def test_chunks_are_of_nearly_equal_size():
    run = make_groups(tiny().checked())[0].runs[0]
    assert [len(c) for c in split_runs([run] * 55, 16)] == [14, 14, 14, 13]
    assert place_counts(1, 1) == (1,)
    assert place_counts(8, 2) == (8, 4, 2)


@pytest.mark.slow
@pytest.mark.parametrize("chunk", [1, 3])
def test_chunks_that_do_not_divide_the_runs(chunk, tmp_path):
    frames = []
    for size in (chunk, 4):
        config = tiny(execution__chunk=size)
        engine.run_sweep(config, tmp_path / str(size))
        frames.append(results.read(tmp_path / str(size)))
    mine, whole = frames
    assert list(mine["run"]) == list(whole["run"])
    numbers = ["epoch", "loss", "acc", "val_loss", "val_acc", "translation", "dist_1"]
    np.testing.assert_allclose(mine[numbers], whole[numbers], rtol=2e-3, atol=1e-3)


def test_a_stopped_run_is_left_as_it_is_while_others_train():
    study, group, mapped, examples = mapped_group(tiny())
    living = LivingRuns(mapped, group.runs)
    living.start()
    living.stop([1])
    before = jax.tree.map(np.array, living.all_states())
    living.train_epoch(examples, 0)
    after = jax.tree.map(np.asarray, living.all_states())
    for run in range(len(group.runs)):
        old, new = (jax.tree.map(lambda a: a[run], s) for s in (before, after))  # noqa: B023
        if run == 1:  # nothing reads the optimiser's state of a stopped run
            new = dataclasses.replace(new, opt_state=old.opt_state)
            chex.assert_trees_all_equal(old, new)
        else:
            moved = old.params["hidden"]["kernel"] != new.params["hidden"]["kernel"]
            assert moved.any()
