"""The products of a training step, each alone: they bound what the step can reach."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array

from ws_jax.benchmark.networks import Benchmark
from ws_jax.benchmark.timing import Case, call_case
from ws_jax.mapping import RunAxis

Kind = Literal["output", "weights", "input"]
_KINDS: tuple[Kind, ...] = ("output", "weights", "input")
_REPEATS = 8


@dataclasses.dataclass(frozen=True)
class Product:
    """One batched product of a training step, as the step computes it.

    Attributes:
      place: of the layer in its network.
      kind: what comes out: the layer's output, or a gradient.
      kernels: products in the batch.
      taps: inputs of one output.
      features: outputs.
      columns: images, times the sites that share a kernel.
    """

    place: str
    kind: Kind
    kernels: int
    taps: int
    features: int
    columns: int

    @property
    def name(self) -> str:
        """As it is called in tables."""
        return f"{self.place} {self.kind}"

    @property
    def flops(self) -> float:
        """Operations, a multiplication and an addition counted as two."""
        return 2.0 * self.kernels * self.taps * self.features * self.columns

    def case(self, axis: RunAxis) -> Case:
        """The product alone, one on each device; seconds are per product.

        It is repeated within one program, as in a scan over steps, so that it writes
        to memory that is already mapped.
        """
        a, b = self.operands(axis)
        number = len(axis.devices) * _REPEATS
        return call_case(self.name, self.compute(axis), a, b, per=number)

    def operands(self, axis: RunAxis) -> list[Array]:
        """Random operands, for each device."""
        k, t, o, m = self.kernels, self.taps, self.features, self.columns
        w, x, g = (k, t, o), (k, t, m), (k, o, m)
        shapes = {"output": (w, x), "weights": (g, x), "input": (w, g)}[self.kind]
        number = len(axis.devices)
        return [
            axis.place(jax.random.normal(jax.random.key(i), (number, *shape)))
            for i, shape in enumerate(shapes)
        ]

    def compute(self, axis: RunAxis) -> Any:
        """The repeated product of operands, to be compiled."""
        contracted = {"output": (1, 1), "weights": (2, 2), "input": (2, 1)}[self.kind]
        return axis.jit(_repeated(*contracted))


def _repeated(a_axis: int, b_axis: int) -> Callable[[Array, Array], Array]:
    numbers = (((a_axis,), (b_axis,)), ((0,), (0,)))

    def product(a, b):
        return lax.dot_general(a, b, numbers, precision="highest")

    def repeated(a, b):
        out = jax.eval_shape(product, a, b)

        def once(number, carry):
            a, _ = carry
            # One element differs, so that nothing moves out of the loop.
            a = a.at[0, 0, 0].set(number.astype(a.dtype))
            return a, product(a, b)

        carry = (a, jnp.zeros(out.shape, out.dtype))
        return lax.fori_loop(0, _REPEATS, once, carry)[1]

    return repeated


def step_products(benchmark: Benchmark) -> Iterator[Product]:
    """Yields every product of one training step of one run."""
    number = benchmark.batch
    for layer in benchmark.layers():
        kernels = layer.sharing(benchmark.scheme).num_kernels
        sites = layer.sites[0] * layer.sites[1]
        columns = -(-sites // kernels) * number
        shape = (kernels, layer.taps, layer.features, columns)
        place = f"{benchmark.name} layer {layer.index + 1}"
        for kind in _KINDS if layer.index else _KINDS[:2]:
            yield Product(place, kind, *shape)
    for index, (taps, features) in enumerate(benchmark.dense_shapes()):
        place = f"{benchmark.name} dense {index + 1}"
        for kind in _KINDS:
            yield Product(place, kind, 1, taps, features, number)
