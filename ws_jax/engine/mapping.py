"""The run axis: programs of one run mapped over many, spread over the devices.

`train` knows one run; here its functions are mapped over runs that train in step. All
that a group has of them use the same compiled program.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jaxtyping import Array

from ws_jax.engine.evaluate import evaluate
from ws_jax.engine.program import Examples, Program, RunInputs, RunState
from ws_jax.engine.train import init_run, run_masks, train_epoch
from ws_jax.keys import make_key
from ws_jax.metrics import Metrics
from ws_jax.runs import Run

RUN_AXIS = "run"


def stack_inputs(runs: Sequence[Run]) -> RunInputs:
    """Makes the arrays of runs of one structure, each with a leading run axis."""
    bits = np.array([[r.seed, r.stream(), r.evaluation_stream()] for r in runs])
    seed, stream, evaluation = jnp.asarray(bits.astype(np.uint32)).T

    @jax.vmap
    def keys(seed, data):
        return jax.random.fold_in(make_key(seed), data)

    structure = jax.tree.structure(runs[0])
    columns = zip(*map(jax.tree.leaves, runs), strict=True)
    config = jax.tree.unflatten(structure, [_column(values) for values in columns])
    return RunInputs(keys(seed, stream), keys(seed, evaluation), config)


def _column(values: tuple) -> Array:
    if isinstance(values[0], float):
        return jnp.asarray(np.array(values, np.float32))
    # A seed may be larger than int32; its bits wrap, and the program reads none.
    return jnp.asarray(np.array(values, np.int64).astype(np.uint32).view(np.int32))


class RunAxis:
    """Devices over which runs that train in step are spread.

    Attributes:
      devices: each takes an equal part of the runs.
      mesh: of the devices, with the one axis `RUN_AXIS`.
    """

    def __init__(self, devices: Sequence[jax.Device]):
        """Takes the devices."""
        self.devices = tuple(devices)
        self.mesh = Mesh(np.array(self.devices), (RUN_AXIS,))

    def place(self, tree: Any) -> Any:
        """Puts a tree with a run axis on the devices, its runs spread over them."""
        return jax.device_put(tree, self.spread)

    def replicate(self, tree: Any) -> Any:
        """Puts a tree that all runs share on every device."""
        return jax.device_put(tree, self.shared)

    @property
    def spread(self) -> NamedSharding:
        """How arrays with a run axis lie on the devices."""
        return NamedSharding(self.mesh, PartitionSpec(RUN_AXIS))

    @property
    def shared(self) -> NamedSharding:
        """How arrays that all runs share lie on the devices."""
        return NamedSharding(self.mesh, PartitionSpec())

    def jit(self, function: Callable, num_shared: int = 0, **options: Any) -> Any:
        """Maps a function of one run and prepares it for compilation.

        The run axis is cut over the devices; each maps over its own part, on a CPU
        one run after the other.

        Args:
          function: of arguments that all runs share, then of those of one run.
          num_shared: how many arguments all runs share.
          **options: of `jax.jit`. Of arguments, one at most can be donated.
        """
        on_cpu = self.devices[0].platform == "cpu"
        used_up = options.get("donate_argnums") if on_cpu else None
        mapped = over_runs(function, num_shared, on_cpu, used_up)
        mapped = self._cut(mapped, num_shared)
        if on_cpu and len(self.devices) > 1:
            # Each core has its run: products that spread over cores would only wait.
            options["compiler_options"] = {"xla_cpu_multi_thread_eigen": False}
        return jax.jit(mapped, **options)

    def _cut(self, function: Callable, num_shared: int) -> Callable:
        """Cuts the run axis over the devices."""
        if len(self.devices) == 1:
            return function
        runs, shared = PartitionSpec(RUN_AXIS), PartitionSpec()

        def cut(*args):
            specs = (shared,) * num_shared + (runs,) * (len(args) - num_shared)
            return jax.shard_map(
                function,
                mesh=self.mesh,
                in_specs=specs,
                out_specs=runs,
                check_vma=False,
            )(*args)

        return cut


class MappedProgram:
    """A program mapped over runs that train in step.

    Attributes:
      program: of one run.
      axis: the devices that the runs are spread over.
      sizes: the numbers of runs for which it may be compiled, falling.
    """

    def __init__(self, program: Program, most: int, devices: Sequence[jax.Device]):
        """Takes the largest number of runs; nothing compiles yet.

        Of the devices it takes no more than there are runs.
        """
        self.program = program
        self.axis = RunAxis(devices[:most])
        self.sizes = place_counts(most, len(self.axis.devices))
        self._compiled: dict[int, Any] = {}

    def resized(self, most: int) -> MappedProgram:
        """Returns the same for at most `most` runs, with what is compiled for them."""
        other = MappedProgram(self.program, most, self.axis.devices)
        if (other.sizes, other.axis.devices) == (self.sizes, self.axis.devices):
            return self
        if other.axis.devices == self.axis.devices:
            kept = self._compiled.items()
            other._compiled = {n: c for n, c in kept if n in other.sizes}
        return other

    def size_for(self, num_runs: int) -> int:
        """Returns the smallest size with a place for each of `num_runs` runs."""
        return min(size for size in self.sizes if size >= num_runs)

    def init(self, inputs: RunInputs) -> tuple[RunState, Metrics]:
        """Makes the states of stacked runs, and what is measured before training."""
        return self._init(inputs)

    def test(
        self, examples: Examples, inputs: RunInputs, state: RunState, epoch
    ) -> Metrics:
        """Returns the totals of stacked runs on the test images, as of an epoch."""
        return self._test(examples, np.int32(epoch), inputs, state)

    def epoch(
        self, examples: Examples, inputs: RunInputs, state: RunState, epoch
    ) -> tuple[RunState, Metrics]:
        """Trains stacked runs for one epoch; `state` is used up."""
        args = (examples, np.int32(epoch), inputs, state)
        return self.compile(*args)(*args)

    def compile(self, *args) -> Any:
        """Returns the compiled epoch for these arguments' number of runs."""
        size = args[-1].status.shape[0]
        if size not in self._compiled:
            self._compiled[size] = self._epoch.lower(*args).compile()
        return self._compiled[size]

    def is_compiled(self, num_places: int) -> bool:
        """Returns whether the epoch of so many runs is compiled."""
        return num_places in self._compiled

    @functools.cached_property
    def _init(self) -> Any:
        return self.axis.jit(functools.partial(init_run, self.program))

    @functools.cached_property
    def _epoch(self) -> Any:
        def one(examples, epoch, inputs, state):
            return train_epoch(self.program, examples, inputs, state, epoch)

        return self.axis.jit(one, num_shared=2, donate_argnums=3)

    @functools.cached_property
    def _test(self) -> Any:
        def one(examples, epoch, inputs, state):
            masks = run_masks(self.program, inputs)
            args = (self.program, examples, inputs, state, masks, epoch, "test")
            return evaluate(*args)

        return self.axis.jit(one, num_shared=2)


def over_runs(
    function: Callable,
    num_shared: int,
    in_turn: bool = False,
    used_up: int | None = None,
) -> Callable:
    """Maps a function of one run over the run axis of all but its first arguments.

    Either all runs advance together (`vmap`), or one after the other within one
    program, which is as quick where a run fills the machine, and keeps to the caches.

    A single run is not mapped but unwrapped: its products then are the plain ones,
    for which a backend has its fastest code.

    Args:
      function: of arguments that all runs share, then of those of one run.
      num_shared: how many arguments all runs share.
      in_turn: whether runs go one after the other.
      used_up: an argument whose memory the results may take, run by run.
    """

    def mapped(*args):
        shared, stacked = args[:num_shared], args[num_shared:]
        one = functools.partial(function, *shared)
        if jax.tree.leaves(stacked)[0].shape[0] > 1:
            if in_turn:
                return _in_turn(one, stacked, used_up, num_shared)
            return jax.vmap(one)(*stacked)
        alone = one(*jax.tree.map(lambda a: a[0], stacked))
        return jax.tree.map(lambda a: a[None], alone)

    return mapped


def _in_turn(
    one: Callable, stacked: tuple, used_up: int | None, num_shared: int
) -> Any:
    """Maps by a loop; `lax.map` would hold what is used up beside the results."""
    one = jax.jit(one)  # traced once, though its shapes are asked for first
    arguments, tree = jax.tree.flatten(stacked)
    owners = [i for i, arg in enumerate(stacked) for _ in jax.tree.leaves(arg)]
    free = [n for n, i in enumerate(owners) if i + num_shared == used_up]
    first = jax.tree.map(lambda a: a[0], stacked)
    results, result_tree = jax.tree.flatten(jax.eval_shape(one, *first))
    homes = {}  # of results, among the arguments
    for number, result in enumerate(results):
        like = (result.shape, result.dtype)
        fits = (n for n in free if (arguments[n].shape[1:], arguments[n].dtype) == like)
        if (home := next(fits, None)) is not None:
            homes[number] = home
            free.remove(home)

    def body(held, run):
        # Of what is held, the part of this run is still the argument.
        now = dict(enumerate(arguments)) | dict(zip(homes.values(), held, strict=True))
        parts = [lax.dynamic_index_in_dim(now[n], run, keepdims=False) for n in now]
        found = jax.tree.leaves(one(*jax.tree.unflatten(tree, parts)))
        held = [
            lax.dynamic_update_index_in_dim(whole, found[number], run, 0)
            for number, whole in zip(homes, held, strict=True)
        ]
        return held, [leaf for n, leaf in enumerate(found) if n not in homes]

    start = [arguments[home] for home in homes.values()]
    held, others = lax.scan(body, start, jnp.arange(arguments[0].shape[0]))
    settled, rest = dict(zip(homes, held, strict=True)), iter(others)
    leaves = [settled[n] if n in homes else next(rest) for n in range(len(results))]
    return jax.tree.unflatten(result_tree, leaves)


def place_counts(most: int, num_devices: int) -> tuple[int, ...]:
    """Returns for how many runs to compile: `most` and halves, in whole devices.

    Example:
      >>> place_counts(55, 1)
      (55, 28, 14, 7, 4, 2, 1)
      >>> place_counts(10, 4)
      (12, 8, 4)
    """
    per_device = -(-most // num_devices)
    sizes = [per_device]
    while sizes[-1] > 1:
        sizes.append(-(-sizes[-1] // 2))
    return tuple(size * num_devices for size in sizes)


def gather_rows(tree: Any, rows: Sequence[int], size: int) -> Any:
    """Takes rows of a stacked tree, filled up to `size` with the first of them."""
    index = np.array([*rows, *[rows[0]] * (size - len(rows))], np.int32)
    return jax.tree.map(lambda a: a[index], tree)
