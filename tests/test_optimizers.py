"""Optimisers against formulas written out in NumPy, and against optax's own."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ws_jax.config import ConfigError, check_config, config, data, replace_field
from ws_jax.optimizers import (
    SGD,
    Adam,
    AdamW,
    Cosine,
    Optimizer,
    Steps,
    make_optimizer,
)
from ws_jax.runs import Run, Sweep

NUM_STEPS, EPOCH = 100, 10


def follow(config, grads, params=0.0):
    optimizer = make_optimizer(config, NUM_STEPS, EPOCH)
    state, path = optimizer.init(jnp.float32(params)), []
    for g in grads:
        update, state = optimizer.update(jnp.float32(g), state, jnp.float32(params))
        path.append(float(update))
    return path


@pytest.mark.parametrize("scale", [1.0, 1e-6])
def test_adam_is_that_of_keras(scale):
    # Keras: p -= lr sqrt(1 - b2^t) / (1 - b1^t) m / (sqrt(v) + eps).
    grads = scale * np.array([1.0, -0.5, 0.25, 2.0])
    m = v = 0.0
    want = []
    for t, g in enumerate(grads, 1):
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
        rate = np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
        want.append(rate * m / (np.sqrt(v) + 1e-7))
    np.testing.assert_allclose(follow(Adam(), grads), want, rtol=2e-6)


def test_sgd_with_momentum_and_decay():
    config = SGD(momentum=0.9, weight_decay=0.1, decays=True)
    got = follow(config, [1.0, 1.0], params=2.0)
    np.testing.assert_allclose(got, [1.2, 0.9 * 1.2 + 1.2], rtol=1e-6)
    assert follow(SGD(), [1.0, -3.0]) == [1.0, -3.0]


PARAMS = {
    "conv": {"kernel": jnp.array([1.0, -2.0]), "bias": jnp.array([0.5])},
    "norm": {"scale": jnp.array([3.0]), "bias": jnp.array([-1.0])},
}


@pytest.mark.parametrize(
    "ours, theirs",
    [
        (SGD(momentum=0.9), optax.sgd(0.1, 0.9)),
        (SGD(momentum=0.9, nesterov=True), optax.sgd(0.1, 0.9, nesterov=True)),
        (Adam(eps=1e-8, eps_hat=False), optax.adam(0.1)),
        (
            AdamW(weight_decay=0.3, decays=True),
            optax.adamw(0.1, weight_decay=0.3),
        ),
        (
            AdamW(weight_decay=0.3, decays=True, no_decay=("bias", "norm")),
            optax.adamw(
                0.1,
                weight_decay=0.3,
                mask={
                    "conv": {"kernel": True, "bias": False},
                    "norm": {"scale": False, "bias": False},
                },
            ),
        ),
        (
            SGD(clip=1.0),
            optax.chain(optax.clip_by_global_norm(1.0), optax.sgd(0.1)),
        ),
    ],
    ids=["momentum", "nesterov", "adam", "adamw", "adamw-masked", "clip"],
)
def test_three_steps_are_those_of_optax(ours, theirs):
    optimizer = make_optimizer(ours, NUM_STEPS, EPOCH)
    params, other = PARAMS, PARAMS
    state, other_state = optimizer.init(params), theirs.init(other)
    for step in range(3):
        grads = jax.tree.map(lambda p, s=step: jnp.sin(p * (s + 1)) * 3, PARAMS)
        updates, state = optimizer.update(grads, state, params)
        params = jax.tree.map(lambda p, u: p - 0.1 * u, params, updates)
        with jax.numpy_dtype_promotion("standard"):
            updates, other_state = theirs.update(grads, other_state, other)
        other = optax.apply_updates(other, updates)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-6),
        params,
        other,
    )


def factors(schedule, steps):
    made = schedule.make(NUM_STEPS, EPOCH)
    return [round(float(made(jnp.float32(step))), 6) for step in steps]


def test_schedules_at_their_edges():
    edges = (0, 29, 30, 60, 80)
    assert factors(Steps(), edges) == [1.0, 1.0, 0.2, 0.04, 0.008]
    by_epoch = Steps(milestones=(3, 6, 8), unit="epoch")
    assert factors(by_epoch, edges) == [1.0, 1.0, 0.2, 0.04, 0.008]
    by_step = Steps(milestones=(30, 61), unit="step", decay=0.1)
    assert factors(by_step, edges) == [1.0, 1.0, 0.1, 0.1, 0.01]
    assert factors(Cosine(), (0, 50, 100)) == [1, 0.5, 0]


def test_a_warm_up_rises_to_the_full_rate():
    assert factors(Steps(warmup=0.5), (0, 1, 4, 5, 30)) == [0.2, 0.4, 1, 1, 0.2]
    risen = factors(Cosine(warmup=1), (0, 4, 9, 10, 55, 100))
    assert risen == [0.1, 0.5, 1.0, 1.0, 0.5, 0.0]


def test_rates_and_decays_may_be_traced():
    @jax.jit
    def update(decay, momentum):
        config = SGD(momentum=momentum, weight_decay=decay, decays=True)
        optimizer = make_optimizer(config, NUM_STEPS, EPOCH)
        state = optimizer.init(PARAMS)
        return optimizer.update(PARAMS, state, PARAMS)[0]

    got = update(jnp.float32(0.5), jnp.float32(0.9))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, 1.5 * b), got, PARAMS)


@pytest.mark.parametrize(
    "config, message",
    [
        (Adam(learning_rate=0.0), "learning_rate: 0.0 must be above 0"),
        (Adam(weight_decay=-1e-4), "weight_decay: -0.0001 must be at least 0"),
        (SGD(momentum=1.0), "momentum: 1.0 is not in"),
        (SGD(schedule=Steps(milestones=(30.0,))), "1 is its end"),
    ],
)
def test_what_is_not_allowed_is_refused(config, message):
    with pytest.raises(ConfigError, match=message):
        check_config(config)


@pytest.mark.parametrize("decay, step", [(None, 1.0), (0.0, 1.0), (0.5, 2.0)])
def test_an_optimiser_of_ones_own_needs_a_rate_only(decay, step, monkeypatch):
    monkeypatch.setattr(Optimizer, "kinds", dict(Optimizer.kinds))

    class Plain(Optimizer):
        learning_rate: float = data(1e-3, "learning rate")

        def direction(self):
            return [self.decay()]

    class Decaying(Plain):
        learning_rate: float = data(1e-3, "learning rate")
        weight_decay: float = data(0.0, "added to the gradient")

    own = (
        config("own")(Plain)()
        if decay is None
        else config("own")(Decaying)(weight_decay=decay)
    )
    base = replace_field(Run(), "train.optimizer", own)
    (run,) = Sweep("s", base).checked().runs()
    made = make_optimizer(run.train.optimizer, 10, 5)
    params = {"kernel": jnp.float32(2)}
    moved, _ = made.update({"kernel": jnp.float32(1)}, made.init(params), params)
    assert moved["kernel"] == step
