"""Optimisers against formulas written out in NumPy."""

import jax.numpy as jnp
import numpy as np
import pytest

from ws_jax.config import OptimizerConfig
from ws_jax.optimizers import make_optimizer, make_schedule


def follow(optimizer, grads, params=0.0):
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
    got = follow(make_optimizer(OptimizerConfig(), 10), grads)
    np.testing.assert_allclose(got, want, rtol=2e-6)


def test_sgd_with_momentum_and_decay():
    config = OptimizerConfig(name="sgd", momentum=0.9, weight_decay=0.1)
    got = follow(make_optimizer(config, 10), [1.0, 1.0], params=2.0)
    np.testing.assert_allclose(got, [1.2, 0.9 * 1.2 + 1.2], rtol=1e-6)


def test_schedules_at_their_edges():
    steps = make_schedule(OptimizerConfig(schedule="steps"), 100)
    assert [round(float(steps(s)), 6) for s in (0, 29, 30, 60, 80)] == [
        1.0,
        1.0,
        0.2,
        0.04,
        0.008,
    ]
    cosine = make_schedule(OptimizerConfig(schedule="cosine"), 100)
    np.testing.assert_allclose([cosine(0), cosine(50), cosine(100)], [1, 0.5, 0])
