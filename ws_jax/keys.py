"""Keys of random numbers: all of one generator, whatever the environment sets.

JAX takes its usual generator, and how it draws, from settings that the environment can
change (`JAX_DEFAULT_PRNG_IMPL=rbg`, common on TPUs). All numbers of a run would be
others then, under the digest of the same run.
"""

from __future__ import annotations

from typing import Any

import jax
from jaxtyping import Array, Key

from ws_jax.config import ConfigError

GENERATOR = "threefry2x32"
# How it draws, what it starts from, and of how many bits: what a run is told by assumes
# JAX's own values.
_SETTINGS = {
    "jax_threefry_partitionable": True,
    "jax_random_seed_offset": 0,
    "jax_enable_x64": False,
}


def make_key(seed: Any) -> Key[Array, ""]:
    """Returns the key of a seed, a whole number from 0 to 2**32 - 1, maybe traced."""
    return jax.random.key(seed, impl=GENERATOR)


def settle_draws() -> None:
    """Sets JAX to draw as the digests of runs assume."""
    for name, value in _SETTINGS.items():
        jax.config.update(name, value)


def check_draws() -> None:
    """Raises `ConfigError` if JAX was set to draw other numbers from the same keys."""
    for name, value in _SETTINGS.items():
        found = getattr(jax.config, name)
        if found != value:
            raise ConfigError(
                f"{name} is {found}, needs {value}: runs would draw other random "
                "numbers under the same digest"
            )
