"""Normalisation, pooling and shortcuts that know the layout between layers."""

from __future__ import annotations

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array

from ws_jax.config import check_name
from ws_jax.sharing import Size


class BatchNorm(nn.Module):
    """Normalises each channel over the batch and all sites.

    Statistics, scale and offset are float32 whatever the activations are; running
    averages lie in the collection `batch_stats`, which a run carries.

    Parameters: `scale` and `bias`, [c].

    Attributes:
      layout: order of the axes of input and output.
      momentum: memory of the running averages.
      epsilon: added to the variance.
    """

    layout: str = "NHWC"
    momentum: float = 0.9
    epsilon: float = 1e-5

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        """Normalises by the batch while training, else by the running averages.

        Source: Ioffe & Szegedy 2015; momentum and epsilon as PyTorch's defaults. The
        running variance is the biased one, of all values of a channel.
        """
        axis = self.layout.index("C")
        shape = [1] * 4
        shape[axis] = channels = x.shape[axis]
        others = tuple(i for i in range(4) if i != axis)
        scale = self.param("scale", nn.initializers.ones, (channels,))
        bias = self.param("bias", nn.initializers.zeros, (channels,))
        zeros, ones = (lambda: jnp.zeros(channels)), (lambda: jnp.ones(channels))
        mean = self.variable("batch_stats", "mean", zeros)
        var = self.variable("batch_stats", "var", ones)
        wide = x.astype(jnp.float32)
        if train:
            now_mean = jnp.mean(wide, others)
            now_var = jnp.mean((wide - now_mean.reshape(shape)) ** 2, others)
            if not self.is_initializing():
                keep = self.momentum
                mean.value = keep * mean.value + (1 - keep) * now_mean
                var.value = keep * var.value + (1 - keep) * now_var
        else:
            now_mean, now_var = mean.value, var.value
        factor = scale * lax.rsqrt(now_var + self.epsilon)
        y = (wide - now_mean.reshape(shape)) * factor.reshape(shape)
        return (y + bias.reshape(shape)).astype(x.dtype)


def global_average(x: Array, layout: str) -> Array:
    """Averages over all sites, in float32: [n, c]."""
    axes = (layout.index("H"), layout.index("W"))
    mean = jnp.mean(x.astype(jnp.float32), axes)
    kept = [axis for axis in layout if axis not in "HW"]
    return mean if kept == ["N", "C"] else mean.T


def pool(
    x: Array,
    layout: str,
    how: str,
    window: Size,
    strides: Size,
    pads: tuple[tuple[int, int], tuple[int, int]] = ((0, 0), (0, 0)),
) -> Array:
    """Pools over windows of sites.

    Args:
      x: with its axes in the order of `layout`.
      layout: as said.
      how: `max`, or `average` of the sites that lie inside, summed in float32.
      window: of sites, down and across.
      strides: of the window.
      pads: ((top, bottom), (left, right)).
    """
    check_name("pooling", how, ("max", "average"))
    sizes, steps, around = [1] * 4, [1] * 4, [(0, 0)] * 4
    for place, axis in enumerate("HW"):
        index = layout.index(axis)
        sizes[index], steps[index] = window[place], strides[place]
        around[index] = tuple(pads[place])
    # Starts are NumPy's: of what JAX traces it would know no gradient.
    if how == "max":
        least = np.array(-np.inf, x.dtype)
        return lax.reduce_window(x, least, lax.max, sizes, steps, around)
    zero = np.array(0, np.float32)
    one = jnp.ones(
        [n if axis in "HW" else 1 for n, axis in zip(x.shape, layout, strict=True)]
    )
    total, count = (
        lax.reduce_window(a, zero, lax.add, sizes, steps, around)
        for a in (x.astype(jnp.float32), one)
    )
    return (total / count).astype(x.dtype)


def subsample(x: Array, layout: str, stride: int, features: int) -> Array:
    """Takes every `stride`-th site, and adds channels of zeros after those there are.

    Source: He et al. 2016, Section 4.2: shortcuts without parameters (option A).
    """
    cut, pads = [slice(None)] * 4, [(0, 0)] * 4
    for axis in "HW":
        cut[layout.index(axis)] = slice(None, None, stride)
    channels = layout.index("C")
    pads[channels] = (0, features - x.shape[channels])
    return jnp.pad(x[tuple(cut)], pads)
