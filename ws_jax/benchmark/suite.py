"""All measurements of one run of the benchmark, section by section."""

from __future__ import annotations

import dataclasses
import math
import platform
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import jax
import jaxlib

from ws_jax.benchmark import ceilings, compaction, epochs, layers, startup
from ws_jax.benchmark.networks import PRESETS, Benchmark, make_benchmark
from ws_jax.benchmark.peers import Peers
from ws_jax.benchmark.steps import Steps
from ws_jax.benchmark.timing import Case, Timing, time_cases
from ws_jax.cli import num_cores
from ws_jax.config import ConfigError, check_name

MODELS = ("full", "free")
TILES = (4, 2)
COMPILED_RUNS = (1, 8, 55)
# Words that Adam moves for each parameter: it reads parameter, two moments and the
# gradient, and writes the first three.
ADAM_WORDS = 7

# Peers that take minutes to prepare and were no faster: compiled, and a sparse matrix.
SLOW_PEERS = ("compile", "LocallyConnected2D 3")

Row = dict[str, Any]


@dataclasses.dataclass(frozen=True)
class Options:
    """What to measure, and how long."""

    networks: tuple[str, ...] = ("mnist", "cifar10")
    runs: tuple[int, ...] = (1, 8, 55)
    rounds: int = 7
    steps: int = 8  # in one timed call
    peers: str = ""  # Python of the environment that has them
    slow_peers: bool = False  # those, too, that take minutes to prepare

    def __post_init__(self):
        for name in self.networks:
            check_name("network", name, list(PRESETS))


class Suite:
    """Measures, prints what it finds as it goes, and keeps it for the record."""

    def __init__(self, options: Options, show: Callable[[str], None]):
        """Takes what to measure and where to print."""
        self.options = options
        self.show = show
        self.sections: dict[str, list[Row]] = {}
        self._flops = math.nan
        self._bandwidth = math.nan

    def record(self) -> dict[str, Any]:
        """Returns all that was measured, with the machine and the versions."""
        return {
            "machine": machine(),
            "options": dataclasses.asdict(self.options),
            "sections": self.sections,
        }

    def ceilings(self) -> None:
        """Times a large product and a copy."""
        on_cpu = jax.default_backend() == "cpu"
        products = ceilings.product_cases(2048 if on_cpu else 8192)
        copy, moved = ceilings.copy_case(128 if on_cpu else 1024)
        timings = self._time([*products, copy])
        rows = []
        for case, flops in products.items():
            rate = flops / timings[case.name].median
            rows.append(_row(case.name, timings, GFLOPs=rate / 1e9))
        self._flops = rows[0]["GFLOPs"] * 1e9
        self._bandwidth = moved / timings["copy"].median
        rows.append(_row("copy", timings, GBps=self._bandwidth / 1e9))
        self._keep("ceilings", rows, ["GFLOPs", "GBps"])

    def layers(self) -> None:
        """Times each lowering of each layer, value and gradients."""
        for network, scheme in self._pairs():
            benchmark = make_benchmark(network, scheme)
            for layer in benchmark.layers():
                for runs in sorted({1, min(8, max(self.options.runs))}):
                    makers = layers.layer_cases(benchmark, layer, runs)
                    timings = self._time([make() for make in makers.values()])
                    flops = layers.layer_flops(layer, benchmark.batch)
                    name = f"{benchmark.name} layer {layer.index + 1}, {runs} mapped"
                    self._keep(
                        "layers",
                        [
                            _row(
                                f"{name}: {lowering}",
                                {f"{name}: {lowering}": timing},
                                GFLOPs=flops / timing.median / 1e9,
                                of_ceiling=flops / timing.median / self._flops,
                            )
                            for lowering, timing in timings.items()
                        ],
                        ["ms", "GFLOPs", "of_ceiling"],
                    )

    def steps(self) -> None:
        """Times whole steps, of peers too, and the products that bound them."""
        peers = Peers(self.options.peers) if self.options.peers else None
        try:
            for network, scheme in self._pairs():
                self._steps(make_benchmark(network, scheme), peers)
        finally:
            if peers:
                peers.close()
        for network in self.options.networks:
            self._sharing(network)

    def _steps(self, benchmark: Benchmark, peers: Peers | None) -> None:
        steps, cases = self.options.steps, []
        for runs in self.options.runs:
            cases.append(Steps(benchmark, runs, steps).step_case(_ours(runs)))
        naive = make_benchmark(benchmark.network, benchmark.scheme, "lax")
        eight = min(8, max(self.options.runs))
        cases.append(
            Steps(naive, eight, 1, plainly=True).step_case(f"vmap lax {eight}")
        )
        names = []
        for name in peers.cases(benchmark) if peers else ():
            slow = any(mark in name for mark in SLOW_PEERS)
            if _model(name) != benchmark.scheme or slow > self.options.slow_peers:
                continue
            error = peers.prepare(name).get("error") if peers else None
            if error:
                self.show(f"  {name}: {error}")
            elif peers:
                names.append(name)
                cases.append(peers.case(name, steps))
        products = list(layers.step_products(benchmark))
        # One product on each device, as the steps of as many runs compute them.
        one = Steps(benchmark, len(jax.local_devices()), 1)
        lone = [product.case(one.mapped) for product in products]
        timings = self._time([*cases, *lone])
        for name in names:
            if peers:
                peers.drop(name)
        moved = ADAM_WORDS * one.parameter_bytes()
        alone = sum(timings[product.name].median for product in products)
        bound = alone + moved / self._bandwidth
        flops = sum(product.flops for product in products)
        best = _ours(eight)
        rows = [
            _row(
                f"{benchmark.name}: {case.name}",
                {f"{benchmark.name}: {case.name}": timings[case.name]},
                GFLOPs=flops / timings[case.name].median / 1e9,
                of_ceiling=flops / timings[case.name].median / self._flops,
                of_roofline=bound / timings[case.name].median,
                against_ours=timings[case.name].median / timings[best].median,
            )
            for case in cases
        ]
        columns = ["ms", "GFLOPs", "of_ceiling", "of_roofline", "against_ours"]
        self._keep("steps", rows, columns)
        self.sections.setdefault("products", []).extend(
            _row(p.name, timings, GFLOPs=p.flops / timings[p.name].median / 1e9)
            for p in products
        )

    def _sharing(self, network: str) -> None:
        """Times a step from free over tiles to full sharing."""
        schemes = ["free", *[f"tiles:{n}" for n in reversed(TILES)], "full"]
        benchmarks = [make_benchmark(network, scheme) for scheme in schemes]
        runs = len(jax.local_devices())
        cases = [
            Steps(b, runs, self.options.steps).step_case(f"{network} {b.scheme}")
            for b in benchmarks
        ]
        timings = self._time(cases)
        free = timings[cases[0].name].median
        rows = [
            _row(case.name, timings, of_free=timings[case.name].median / free)
            for case in cases
        ]
        self._keep("sharing", rows, ["ms", "of_free"])

    def epochs(self) -> None:
        """Times whole epochs against the steps and forward passes in them."""
        for network, scheme in self._pairs():
            benchmark = make_benchmark(network, scheme)
            for runs in self.options.runs:
                whole = epochs.Epochs(benchmark, runs)
                bare = Steps(benchmark, runs, self.options.steps)
                step, forward = bare.step_case("step"), bare.forward_case("forward")
                timings = self._time([step, forward, whole.case("epoch")])
                floor = whole.bare(timings["step"].median, timings["forward"].median)
                name = f"{benchmark.name}, {runs} runs"
                row = _row(
                    name,
                    {name: timings["epoch"]},
                    step_ms=timings["step"].median * 1e3,
                    forward_ms=timings["forward"].median * 1e3,
                    over_bare=timings["epoch"].median / floor,
                )
                columns = ["ms", "step_ms", "forward_ms", "over_bare"]
                self._keep("epochs", [row], columns)

    def compilation(self) -> None:
        """Compiles the epochs of one run and of many, and reads what they need."""
        for network, scheme in self._pairs():
            benchmark = make_benchmark(network, scheme)
            for runs in COMPILED_RUNS:
                compiled = epochs.Epochs(benchmark, runs).compiled
                row = {
                    "name": f"{benchmark.name}, {runs} runs",
                    "compile_s": compiled.seconds,
                    "arguments_MB": compiled.arguments / 1e6,
                    "temporary_MB": compiled.temporary / 1e6,
                }
                self._keep("compilation", [row], list(row)[1:])

    def compaction(self) -> None:
        """Times a chunk in which one run stops in each epoch."""
        runs = min(8, max(self.options.runs))
        for network in self.options.networks:
            benchmark = make_benchmark(network, "free")
            held, compacted = (
                compaction.train_staggered(benchmark, runs, compact)
                for compact in (False, True)
            )
            pairs = zip(
                jax.tree.leaves(held.params),
                jax.tree.leaves(compacted.params),
                strict=True,
            )
            difference = max(float(abs(a - b).max()) for a, b in pairs)
            row = {
                "name": f"{benchmark.name}, {runs} runs, one stops in each epoch",
                "held_s": held.seconds,
                "compacted_s": compacted.seconds,
                "of_held": compacted.seconds / held.seconds,
                "largest_difference": difference,
                "sizes": compacted.sizes,
            }
            columns = ["held_s", "compacted_s", "of_held", "largest_difference"]
            self._keep("compaction", [row], columns)

    def startup(self) -> None:
        """Times the smoke sweep from the command line."""
        timings = self._time(startup.startup_cases(), rounds=3)
        self._keep("startup", [_row(name, timings) for name in timings], ["ms"])

    def _pairs(self) -> Iterable[tuple[str, str]]:
        return [(n, scheme) for n in self.options.networks for scheme in MODELS]

    def _time(self, cases: Sequence[Case], rounds: int = 0) -> dict[str, Timing]:
        return time_cases(cases, rounds or self.options.rounds)

    def _keep(self, section: str, rows: list[Row], columns: Sequence[str]) -> None:
        if section not in self.sections:
            self.show(f"\n{section}")
        self.sections.setdefault(section, []).extend(rows)
        for row in rows:
            self.show(line(row, columns))


def read_runs(texts: Sequence[str]) -> tuple[int, ...]:
    """Reads numbers of runs, such as ["1", "8"]; raises ConfigError for others."""
    for text in texts:
        if not text.isdigit() or int(text) == 0:
            raise ConfigError(f"runs {text!r} is no number from 1")
    return tuple(sorted({int(text) for text in texts}))


def compile_afresh() -> None:
    """Makes compile times what they are without programs kept on disk."""
    jax.config.update("jax_enable_compilation_cache", False)


SECTIONS = (
    "ceilings",
    "layers",
    "steps",
    "epochs",
    "compilation",
    "compaction",
    "startup",
)


def line(row: Row, columns: Sequence[str]) -> str:
    """Returns one row of a table for a person: the name, the time, the columns."""
    values = {"ms": row.get("median_s", 0) * 1e3, **row}
    cells = [f"{c} {values[c]:,.3g}" for c in columns if c in values]
    return f"  {row['name']:42}  " + "   ".join(cells)


def machine() -> dict[str, Any]:
    """Returns what the numbers hold for."""
    device = jax.devices()[0]
    return {
        "platform": device.platform,
        "device": device.device_kind,
        "processor": _processor() or platform.processor(),
        "cores": num_cores(),
        "devices": len(jax.local_devices()),
        "python": platform.python_version(),
        "jax": jax.__version__,
        "jaxlib": jaxlib.__version__,
    }


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as file:
            names = [line for line in file if line.startswith("model name")]
    except OSError:
        return ""
    return names[0].partition(":")[2].strip() if names else ""


def _ours(runs: int) -> str:
    return f"ws_jax {runs}"


def _model(name: str) -> str:
    return "full" if name.endswith("(cnn)") else "free"


def _row(name: str, timings: dict[str, Timing], **figures: float) -> Row:
    timing = timings[name]
    return {
        "name": name,
        "median_s": timing.median,
        "best_s": timing.best,
        "worst_s": timing.worst,
        "rounds": timing.rounds,
        **figures,
    }
