"""Single layers under each lowering: value and gradients."""

from __future__ import annotations

import jax

from benchmarks.networks import Benchmark, Layer
from benchmarks.session import Session, timed_row
from benchmarks.timing import Case, call_case, repeated
from ws_jax.conv import shared_conv
from ws_jax.engine.mapping import RunAxis, place_counts
from ws_jax.lowerings import LOWERINGS, natural_layout

_REPEATS = 4


def measure(session: Session) -> None:
    """Times each lowering of each layer, alone and mapped."""
    for benchmark in session.benchmarks():
        for layer in benchmark.layers():
            for runs in sorted({1, session.options.several}):
                cases = [layer_case(benchmark, layer, runs, n) for n in LOWERINGS]
                flops = layer.flops(benchmark.batch)
                name = f"{benchmark.name} layer {layer.index + 1}, {runs} mapped"
                for lowering, timing in session.time(cases).items():
                    rate = flops / timing.median
                    row = timed_row(
                        f"{name}: {lowering}",
                        timing,
                        GFLOPs=rate / 1e9,
                        of_ceiling=rate / session.product_rate,
                    )
                    session.keep("layers", row, ["ms", "GFLOPs", "of_ceiling"])


def layer_case(
    benchmark: Benchmark, layer: Layer, num_runs: int, lowering: str
) -> Case:
    """Value and gradients of one layer under a lowering; seconds are per run.

    The images are in the lowering's own layout, as they are within a network.
    """
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

    axis = RunAxis(jax.local_devices()[:num_runs])
    places = place_counts(num_runs, len(axis.devices))[0]
    arrays = [
        axis.place(jax.random.normal(jax.random.key(i), (places, *shape)))
        for i, shape in enumerate((x, bank, g))
    ]
    function = axis.jit(repeated(one, _REPEATS))
    return call_case(lowering, function, *arrays, per=num_runs * _REPEATS)
