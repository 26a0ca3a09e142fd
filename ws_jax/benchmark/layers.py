"""Single layers under each lowering, and the lone products that bound them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import jax
from jax import lax
from jaxtyping import Array

from ws_jax.benchmark.networks import Benchmark, Layer
from ws_jax.benchmark.timing import Case, call_case
from ws_jax.conv import shared_conv
from ws_jax.lowerings import LOWERINGS, natural_layout
from ws_jax.mapping import MappedProgram


@dataclasses.dataclass(frozen=True)
class Product:
    """One batched product of a training step, as the step computes it.

    `x` is what goes in, `w` the kernel, `g` the gradient of what comes out.
    """

    name: str
    batch: int  # kernels
    taps: int
    features: int
    columns: int  # images, times the sites that share a kernel

    @property
    def flops(self) -> float:
        """Operations, a multiplication and an addition counted as two."""
        return 2.0 * self.batch * self.taps * self.features * self.columns

    def case(self, mapped: MappedProgram) -> Case:
        """The product alone, one on each device; seconds are per product."""
        k, t, o, m = self.batch, self.taps, self.features, self.columns
        w, x, g = (k, t, o), (k, t, m), (k, o, m)
        operands, contracted = {
            "output": ((w, x), (1, 1)),
            "weights": ((g, x), (2, 2)),
            "input": ((w, g), (2, 1)),
        }[self.name.rsplit(" ", 1)[1]]
        number = mapped.sizes[0]
        a, b = (
            mapped.place(_random((number, *shape), i))
            for i, shape in enumerate(operands)
        )
        return call_case(self.name, mapped.jit(_product(*contracted)), a, b, per=number)


def _product(a_axis: int, b_axis: int) -> Callable[[Array, Array], Array]:
    numbers = (((a_axis,), (b_axis,)), ((0,), (0,)))
    return lambda a, b: lax.dot_general(a, b, numbers, precision="highest")


def _random(shape: tuple[int, ...], seed: int) -> Array:
    return jax.random.normal(jax.random.key(seed), shape)


def step_products(benchmark: Benchmark) -> Iterator[Product]:
    """Yields every product of one training step of one run."""
    number = benchmark.batch
    for layer in benchmark.layers():
        kernels = layer.sharing(benchmark.scheme).num_kernels
        sites = layer.sites[0] * layer.sites[1]
        columns = -(-sites // kernels) * number
        shape = (kernels, layer.taps, layer.features, columns)
        kinds = ("output", "weights", "input") if layer.index else ("output", "weights")
        for kind in kinds:
            yield Product(f"{benchmark.name} layer {layer.index + 1} {kind}", *shape)
    for place, (taps, features) in enumerate(benchmark.dense_shapes()):
        for kind in ("output", "weights", "input"):
            name = f"{benchmark.name} dense {place + 1} {kind}"
            yield Product(name, 1, taps, features, number)


def layer_flops(layer: Layer, batch: int) -> float:
    """Operations of a layer's value and gradients; the first has no input gradient."""
    sites = layer.sites[0] * layer.sites[1]
    products = 3 if layer.index else 2
    return 2.0 * products * sites * layer.taps * layer.features * batch


def layer_cases(
    benchmark: Benchmark, layer: Layer, num_runs: int
) -> dict[str, Callable[[], Case]]:
    """Returns, by lowering, a maker of the case: value and gradients of one layer.

    The images are in the lowering's own layout, as they are within a network; time is
    per run.
    """
    return {
        name: lambda name=name: _layer_case(benchmark, layer, num_runs, name)
        for name in LOWERINGS
    }


def _layer_case(
    benchmark: Benchmark, layer: Layer, num_runs: int, lowering: str
) -> Case:
    sharing = layer.sharing(benchmark.scheme)
    layout = natural_layout(lowering, sharing.is_full)
    sizes = (benchmark.batch, *layer.size, layer.channels)
    out = (benchmark.batch, *layer.sites, layer.features)
    x, g = (tuple(s["NHWC".index(axis)] for axis in layout) for s in (sizes, out))
    kernel = (layer.window, layer.window, layer.channels, layer.features)
    bank = (sharing.num_kernels, *kernel)

    def one(x, bank, g):
        def value(x, bank):
            return shared_conv(
                x,
                bank,
                sharing,
                strides=(layer.stride,) * 2,
                lowering=lowering,
                layout=layout,
            )

        if layer.index:
            y, pull = jax.vjp(value, x, bank)
        else:
            y, pull = jax.vjp(lambda bank: value(x, bank), bank)
        return y, pull(g)

    arrays = [_random((num_runs, *s), i) for i, s in enumerate((x, bank, g))]
    function = jax.vmap(one)
    if num_runs == 1:
        function, arrays = one, [a[0] for a in arrays]
    return call_case(lowering, jax.jit(function), *arrays, per=num_runs)
