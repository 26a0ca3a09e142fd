"""Sharing schemes against maps written by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ws_jax import sharing
from ws_jax.config import ConfigError
from ws_jax.initializers import glorot_uniform
from ws_jax.layers import SharedConv
from ws_jax.schemes import SCHEMES, is_full, layer_scheme, parse_scheme
from ws_jax.sharing import MAPS


def test_the_four_schemes_by_hand():
    assert sharing.full((2, 2)).sites.tolist() == [[0, 0], [0, 0]]
    assert sharing.free((2, 3)).sites.tolist() == [[0, 1, 2], [3, 4, 5]]
    assert sharing.tiles((3, 3), 2).sites.tolist() == [[0, 0, 1], [0, 0, 1], [2, 2, 3]]
    assert sharing.periodic((3, 3), 2).sites.tolist() == [
        [0, 1, 0],
        [2, 3, 2],
        [0, 1, 0],
    ]


def test_blocks_are_rectangles_in_the_order_of_the_bank():
    assert sharing.full((4, 3)).blocks == (4, 3)
    assert sharing.free((4, 3)).blocks == (1, 1)
    assert sharing.tiles((5, 4), 3).blocks == (3, 3)
    assert sharing.tiles((2, 7), 3).blocks == (2, 3)
    assert sharing.periodic((4, 4), 2).blocks is None
    another_order = sharing.Sharing(np.array([[1, 1, 0], [1, 1, 0]]))
    assert another_order.blocks is None


def test_schemes_meet_at_their_ends():
    assert sharing.tiles((4, 5), 1) == sharing.free((4, 5))
    assert sharing.tiles((4, 5), 5) == sharing.full((4, 5))
    assert sharing.periodic((4, 5), 1) == sharing.full((4, 5))
    assert sharing.periodic((4, 5), 5) == sharing.free((4, 5))


def test_equal_maps_are_equal_and_hash_alike():
    a, b = sharing.tiles((4, 4), 4), sharing.full((4, 4))
    assert a == b and hash(a) == hash(b)
    assert a != sharing.full((4, 5))


@pytest.mark.parametrize("sites", [[[0, 2]], [[1, 1]], [[0.5]], [0, 1], [[]]])
def test_a_map_that_is_none_is_refused(sites):
    with pytest.raises(ValueError, match="sites must"):
        sharing.Sharing(np.array(sites))


def test_expand_and_group_mean_by_hand():
    tiles = sharing.tiles((2, 3), 2)
    field = jnp.arange(6.0).reshape(2, 3, 1)
    mean = sharing.group_mean(field, tiles)[..., 0]
    np.testing.assert_array_equal(mean, [[2, 2, 3.5], [2, 2, 3.5]])
    bank = jnp.array([[5.0], [7.0]])
    np.testing.assert_array_equal(
        sharing.expand(bank, tiles)[..., 0], [[5, 5, 7], [5, 5, 7]]
    )


@pytest.mark.slow
def test_group_mean_changes_nothing_when_repeated():
    field = jnp.sin(jnp.arange(5 * 4 * 6.0)).reshape(5, 4, 6)
    once = sharing.group_mean(field, sharing.periodic((5, 4), 3))
    twice = sharing.group_mean(once, sharing.periodic((5, 4), 3))
    np.testing.assert_allclose(once, twice, atol=1e-6)
    free = sharing.group_mean(field, sharing.free((5, 4)))
    np.testing.assert_array_equal(free, field)


def test_a_bank_of_another_size_is_refused():
    with pytest.raises(ValueError, match="does not fit"):
        sharing.expand(jnp.zeros((3, 1)), sharing.full((2, 2)))
    with pytest.raises(ValueError, match="does not fit"):
        sharing.group_mean(jnp.zeros((3, 1, 1)), sharing.full((2, 2)))


def test_names_map_sites():
    assert sharing.map_sites("tiles:2", (3, 3)) == sharing.tiles((3, 3), 2)
    assert sharing.map_sites("periodic:2", (3, 3)) == sharing.periodic((3, 3), 2)
    assert sharing.map_sites("full", (2, 3)) == sharing.full((2, 3))
    assert sharing.map_sites("free", (2, 3)) == sharing.free((2, 3))


def layer_sharing(text, layer, sites):
    return layer_scheme(text, layer).sharing(sites)


def test_schemes_by_layer():
    assert layer_sharing("full/tiles:2", 0, (4, 4)).is_full
    assert layer_sharing("full/tiles:2", 1, (4, 4)).num_kernels == 4
    assert layer_sharing("full/tiles:2", 2, (4, 4)).num_kernels == 4
    with pytest.raises(ConfigError, match="did you mean 'tiles'"):
        layer_sharing("tile:2", 0, (4, 4))


def test_schemes_are_equal_by_their_text():
    parsed = parse_scheme("full/tiles:2/free")
    assert [(s.name, s.size) for s in parsed] == [
        ("full", 0),
        ("tiles", 2),
        ("free", 0),
    ]
    assert parsed[1] == layer_scheme("tiles:2", 0) != layer_scheme("tiles:3", 0)
    assert hash(parsed[1]) == hash(layer_scheme("tiles:2", 0))
    assert is_full("full/full") and not is_full("full/tiles:2")
    assert set(SCHEMES) == {*MAPS, "mixed", "noisy"}


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("full", (3, 3, 2, 5)),
        ("free", (4, 6, 3, 3, 2, 5)),
        ("tiles:2", (6, 3, 3, 2, 5)),
        ("periodic:3", (9, 3, 3, 2, 5)),
        ("mixed:4", (4, 3, 3, 2, 5)),
    ],
)
def test_what_a_layer_stores(text, shape):
    params = layer_of(text).init(jax.random.key(0), jnp.zeros((1, 6, 8, 2)))["params"]
    assert params["kernel"].shape == shape
    bias = {"full": (5,), "tiles:2": (6, 5), "periodic:3": (9, 5)}
    assert params["bias"].shape == bias.get(text, (4, 6, 5))
    assert set(params) == {"kernel", "bias", *(["mixing"] if "mixed" in text else [])}


def layer_of(text, **options):
    return SharedConv(
        5, (3, 3), (1, 1), "VALID", layer_scheme(text, 0), glorot_uniform(), **options
    )
