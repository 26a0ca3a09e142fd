"""Kernel initialisers, with both ways to count the fans of a free kernel."""

from __future__ import annotations

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jaxtyping import Array

from ws_jax.config import check_name

# How fans are counted, see `fans`.
FANS = ("kernel", "stored")


def fans(shape: tuple[int, ...], counting: str) -> tuple[int, int]:
    """Returns (fan_in, fan_out) of a dense matrix, a kernel, a bank or a field.

    Args:
      shape: [..., c, o]. Four axes are one kernel [kh, kw, c, o]; further leading
        axes count kernels (a bank) or sites (a field).
      counting: `kernel` counts each kernel by itself. `stored` counts as Keras does
        from the shape in which a free kernel is stored there, (sites, taps, o): the
        sites join both fans, and the window is left out of the second. Both agree on
        a single kernel.
    Source: Ott et al. 2020, Section 4 ("Xavier uniform"), and Keras 2's
      `LocallyConnected2D`, which their released code uses.
    Example:
      >>> fans((13, 13, 3, 3, 1, 32), "kernel")
      (9, 288)
      >>> fans((13, 13, 3, 3, 1, 32), "stored")
      (1521, 5408)
    """
    check_name("way to count fans", counting, FANS)
    *window, c, o = shape
    kernels, window = window[:-2], window[-2:]
    taps = math.prod(window) * c
    if counting == "stored" and kernels:
        count = math.prod(kernels)
        return count * taps, count * o
    return taps, math.prod(window) * o


def glorot_uniform(counting: str = "kernel"):
    """Returns a linen initialiser: uniform in ±sqrt(6 / (fan_in + fan_out)).

    Every kernel of a bank or field is drawn by itself.
    """

    def init(key: Array, shape: tuple[int, ...], dtype=jnp.float32) -> Array:
        limit = math.sqrt(6.0 / sum(fans(shape, counting)))
        return jax.random.uniform(key, shape, dtype, -limit, limit)

    return init


def kaiming_normal(counting: str = "kernel", fan: str = "out"):
    """Returns a linen initialiser: normal with variance 2 / fan.

    Every kernel of a bank or field is drawn by itself.

    Args:
      counting: see `fans`.
      fan: `in`, taps times input channels (He et al. 2015, eq. 10; Savarese & Maire
        2019), or `out`, taps times output channels (eq. 14; the released code of
        Pogodin et al. 2021).
    """
    place = ("in", "out").index(fan)

    def init(key: Array, shape: tuple[int, ...], dtype=jnp.float32) -> Array:
        scale = math.sqrt(2.0 / fans(shape, counting)[place])
        return scale * jax.random.normal(key, shape, dtype)

    return init


def bounded_uniform(fan_in: int):
    """Returns a linen initialiser: uniform in ±1 / sqrt(fan_in).

    Its variance is 1 / (3 fan_in). For the kernel and the bias of a dense layer: a
    bias has no fan of its own.

    Args:
      fan_in: inputs of the layer.
    Source: PyTorch's default of `nn.Linear`, which the released code of Pogodin et al.
      2021 keeps.
    """
    limit = 1 / math.sqrt(fan_in)

    def init(key: Array, shape: tuple[int, ...], dtype=jnp.float32) -> Array:
        return jax.random.uniform(key, shape, dtype, -limit, limit)

    return init


def near_shared(kernel_init: Callable[..., Array], noise: float | Array):
    """Returns a linen initialiser: one draw for all sites, and noise of each site.

    A kernel is (shared + noise * own) / sqrt(1 + noise^2), so that its variance is
    that of `kernel_init` whatever the noise; 0 is a convolution at the start. A single
    kernel [kh, kw, c, o] is the shared draw itself: a convolution of equal key starts
    from the same one.

    Args:
      kernel_init: draws one kernel or many, each by itself.
      noise: of each site, as part of the shared draw; may be traced.
    Source: Pogodin et al. 2021, released code `networks/locally_connected_utils.py`.
    """

    def init(key: Array, shape: tuple[int, ...], dtype=jnp.float32) -> Array:
        *sites, kh, kw, c, o = shape
        shared = kernel_init(key, (kh, kw, c, o), dtype)
        if not sites:
            return shared
        own = kernel_init(jax.random.fold_in(key, 1), shape, dtype)
        scale = 1 / jnp.sqrt(1 + jnp.asarray(noise, dtype) ** 2)
        shared = jnp.expand_dims(shared, tuple(range(len(sites))))
        return scale * (shared + noise * own)

    return init
