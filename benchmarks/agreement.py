"""Whether every lowering equals `lax` here: values and both gradients, by precision."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.networks import SCHEMES, Benchmark, Layer, make_benchmark
from ws_jax.conv import shared_conv
from ws_jax.lowerings import LOWERINGS

# Of operands and products; the largest norm of a difference, over that of what `lax`
# gives in float32 for the same operands. TF32 keeps 10 bits, bfloat16 7.
PRECISIONS = {
    "float32": ("float32", "highest", 1e-5),
    "TF32": ("float32", "high", 3e-3),
    "bfloat16": ("bfloat16", "default", 3e-2),
}
PARTS = ("value", "input gradient", "kernel gradient")


def compare(
    networks: tuple[str, ...], batch: int, most_layers: int = 99
) -> list[dict[str, Any]]:
    """Compares all lowerings with `lax`, on every layer of the networks.

    `lax` itself, in float32, is compared with what the host's processor gives.

    Args:
      networks: of `benchmarks.options.NETWORKS`.
      batch: images.
      most_layers: of each network, from the first.

    Returns:
      A row for each layer, precision, lowering and part: `error`, the relative norm of
      the difference; `bound`; `within`, whether it is below. NaN never is.
    """
    rows = []
    for network in networks:
        for scheme in SCHEMES:
            benchmark = make_benchmark(network, scheme)
            for layer in benchmark.layers()[:most_layers]:
                rows += _compare_layer(benchmark, layer, batch)
    return rows


def _compare_layer(benchmark: Benchmark, layer: Layer, batch: int) -> list[dict]:
    rows = []
    name = f"{benchmark.name} layer {layer.index + 1}"
    for number, (precision, (dtype, _, bound)) in enumerate(PRECISIONS.items()):
        operands = _operands(benchmark.scheme, layer, batch, dtype, number)
        full = [jnp.asarray(x).astype(jnp.float32) for x in operands]
        wanted = _results(benchmark.scheme, layer, "lax", "highest", full)
        found = {}
        for lowering in LOWERINGS:
            if (lowering, precision) != ("lax", "float32"):
                got = _run(benchmark, layer, lowering, precision, operands)
                found[f"{lowering} against lax"] = (got, wanted)
        if precision == "float32":
            with jax.default_device(jax.local_devices(backend="cpu")[0]):
                host = [jnp.asarray(np.asarray(x)) for x in full]
                there = _results(benchmark.scheme, layer, "lax", "highest", host)
            found["lax against lax on the host"] = (wanted, there)
        for what, (got, reference) in found.items():
            errors = map(relative_error, got, reference)
            for part, error in zip(PARTS, errors, strict=True):
                rows.append(
                    {
                        "name": f"{name}, {precision}: {what}, {part}",
                        "error": error,
                        "bound": bound,
                        "within": bool(error < bound),
                    }
                )
    return rows


def relative_error(found: Any, wanted: Any) -> float:
    """Returns the norm of the difference over that of what is wanted, in float64."""
    a, b = (np.asarray(x).astype(np.float64) for x in (found, wanted))
    return float(np.linalg.norm(a - b) / np.linalg.norm(b))


def _run(benchmark: Benchmark, layer: Layer, lowering: str, precision: str, operands):
    product = PRECISIONS[precision][1]
    return _results(benchmark.scheme, layer, lowering, product, operands)


def _operands(scheme: str, layer: Layer, batch: int, dtype: str, seed: int):
    """Random images, bank, and the gradient that comes back."""
    window = (layer.window, layer.window, layer.channels, layer.features)
    bank = (layer.sharing(scheme).num_kernels, *window)
    shapes = (
        (batch, *layer.size, layer.channels),
        bank,
        (batch, *layer.sites, layer.features),
    )
    keys = jax.random.split(jax.random.key(seed), 3)
    return [
        jax.random.normal(key, shape, dtype)
        for key, shape in zip(keys, shapes, strict=True)
    ]


def _results(scheme: str, layer: Layer, lowering: str, precision: str, operands):
    """Returns the value and both gradients."""

    @jax.jit
    def run(x, bank, gradient):
        def value(x, bank):
            return shared_conv(
                x, bank, layer.sharing(scheme), strides=(layer.stride,) * 2,
                lowering=lowering, precision=precision,
            )  # fmt: skip

        y, pull = jax.vjp(value, x, bank)
        return y, *pull(gradient.astype(y.dtype))

    return jax.device_get(run(*operands))
