"""The products of a training step, each alone: they bound what the step can reach."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import jax
from jax import lax
from jaxtyping import Array

from benchmarks.networks import Benchmark, Layer
from benchmarks.timing import Case, call_case, repeated
from ws_jax.engine.mapping import RunAxis
from ws_jax.lowerings import default_lowering
from ws_jax.winograd import Plan

_KINDS = ("output", "weights", "input")
# How a step computes them, by lowering: letters are [t]aps, features [o], colu[m]ns.
_CONV_FORMS = {
    "winograd": ("to,tm->om", "tm,om->to", "to,om->tm"),
    "patches": ("mt,to->mo", "mt,mo->to", "mo,to->mt"),
}
_DENSE_FORMS = {
    "winograd": ("tm,to->mo", "tm,mo->to", "to,mo->tm"),
    "patches": ("mt,to->mo", "mt,mo->to", "mo,to->mt"),
}
_REPEATS = 16


@dataclasses.dataclass(frozen=True)
class Product:
    """One product of a training step, as the step computes it.

    Attributes:
      name: of the layer in its network, and what comes out: the layer's output, or the
        gradient of its weights or its input.
      form: the axes of both operands and of the result, as in an einsum.
      kernels: products in the batch.
      taps: inputs of one output.
      features: outputs.
      columns: images, times the sites that share a kernel.
    """

    name: str
    form: str
    kernels: int
    taps: int
    features: int
    columns: int

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
        sizes = {"t": self.taps, "o": self.features, "m": self.columns}
        lead = (len(axis.devices), *self._batch)
        return [
            axis.place(jax.random.normal(jax.random.key(i), (*lead, *shape)))
            for i, shape in enumerate(
                [sizes[letter] for letter in operand]
                for operand in self.form.split("->")[0].split(",")
            )
        ]

    def compute(self, axis: RunAxis) -> Any:
        """The repeated product of operands, to be compiled."""
        a, b = self.form.split("->")[0].split(",")
        (summed,) = set(a) & set(b)
        lead = tuple(range(len(self._batch)))
        left, right = (len(lead) + operand.index(summed) for operand in (a, b))
        numbers = (((left,), (right,)), (lead, lead))

        def product(a, b):
            return lax.dot_general(a, b, numbers, precision="highest")

        return axis.jit(repeated(product, _REPEATS))

    @property
    def _batch(self) -> tuple[int, ...]:
        return (self.kernels,) if self.kernels > 1 else ()


def step_products(benchmark: Benchmark) -> Iterator[Product]:
    """Yields every product of one training step of one run, by the default lowering."""
    number = benchmark.batch
    lowering = default_lowering(jax.default_backend())
    for layer in benchmark.layers():
        sharing = layer.sharing(benchmark.scheme)
        kernels = sharing.num_kernels
        columns = -(-sharing.sites.size // kernels) * number
        shape = (kernels, layer.taps, layer.features, columns)
        name = f"{benchmark.name} layer {layer.index + 1}"
        forms = dict(zip(_KINDS, _CONV_FORMS[lowering], strict=True))
        if layer.index == 0:
            del forms["input"]
        plan = layer.filter(benchmark.scheme) if lowering == "winograd" else None
        if plan:
            rows = len(plan.down.data) * len(plan.across.data)
            shape = (rows, layer.channels, layer.features, number)
            yield from _transforms(name, plan, layer, number)
        for kind, form in forms.items():
            yield Product(f"{name} {kind}", form, *shape)
    for index, (taps, features) in enumerate(benchmark.dense_shapes()):
        for kind, form in zip(_KINDS, _DENSE_FORMS[lowering], strict=True):
            name = f"{benchmark.name} dense {index + 1} {kind}"
            yield Product(name, form, 1, taps, features, number)


def _transforms(name: str, plan: Plan, layer: Layer, number: int) -> Iterator[Product]:
    """The small matrices of minimal filtering, as `winograd` multiplies by them."""
    inner = {
        "data": layer.channels * number,
        "kernel": layer.channels * layer.features,
        "result": layer.features * number,
    }
    for part, columns in inner.items():
        down, across = (getattr(side, part).shape for side in plan)
        passes = {"forward": "ot,tm->om", "backward": "ot,om->tm"}
        if part == "data" and layer.index == 0:
            del passes["backward"]
        for direction, form in passes.items():
            start = f"{name} {part} {direction}"
            shape = (1, down[1], down[0], across[1] * columns)
            yield Product(f"{start}, down", form, *shape)
            shape = (down[0], across[1], across[0], columns)
            yield Product(f"{start}, across", form, *shape)
