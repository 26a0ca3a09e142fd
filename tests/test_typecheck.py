"""Annotations of the library are checked in every test, with shapes and without."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from beartype.roar import BeartypeCallHintViolation
from jaxtyping import TypeCheckError

from ws_jax.initializers import kaiming_normal
from ws_jax.lowerings import Geometry, extract_patches, flatten
from ws_jax.names import short
from ws_jax.runs import Sweep


def test_wrong_types_are_found():
    assert short(3) == "3"  # a whole number where a float is asked for
    with pytest.raises(BeartypeCallHintViolation):
        short("0.5")


def test_wrong_fields_are_found():
    with pytest.raises(BeartypeCallHintViolation):
        Sweep("no run", "base")


def test_wrong_shapes_are_found():
    assert flatten(jnp.ones((2, 3, 4, 1)), "NHWC").shape == (2, 12)
    with pytest.raises(TypeCheckError):
        extract_patches(
            jnp.ones((2, 3, 4)), Geometry((1, 1), (1, 1), ((0, 0),) * 2, None)
        )


def test_a_function_made_anew_is_checked_and_is_itself():
    key, shape = jax.random.key(0), (1, 1, 2, 8)
    draws = [kaiming_normal(fan=fan) for fan in ("in", "out")]
    for draw in draws:
        with pytest.raises(BeartypeCallHintViolation):
            draw("key", shape)
    by_inputs, by_outputs = (draw(key, shape) for draw in draws)
    np.testing.assert_allclose(by_inputs, 2 * by_outputs, rtol=1e-6)
