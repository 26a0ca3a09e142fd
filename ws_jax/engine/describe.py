"""What a sweep will do and cost, told before it starts."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Iterable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from absl import logging

from ws_jax.engine import memory
from ws_jax.engine.chunk import group_need, make_chunks
from ws_jax.engine.evaluate import task_batch, to_targets
from ws_jax.engine.living import LivingRuns
from ws_jax.engine.mapping import MappedProgram, over_runs, stack_inputs
from ws_jax.engine.program import Program, RunInputs, forward
from ws_jax.engine.progress import counted, format_seconds
from ws_jax.engine.study import Group, Study, map_groups, prepare
from ws_jax.engine.train import Batch, init_run, run_masks, train_step
from ws_jax.phases import Moment
from ws_jax.runs import Sweep
from ws_jax.transforms import num_copies


@dataclasses.dataclass(frozen=True)
class GroupCost:
    """What one group of runs asks of the machine."""

    name: str
    num_runs: int
    at_once: int  # runs that train in one program
    num_parameters: int  # of one run
    steps_per_epoch: int
    flops_per_epoch: float  # of one run: steps, and all evaluations
    memory_bytes: float  # of an epoch of those, on each device; inf if too much


def group_cost(
    study: Study, group: Group, mapped: MappedProgram, at_once: int
) -> GroupCost:
    """Computes what a group costs: shapes traced, an epoch compiled, nothing run."""
    program = study.program(group)
    inputs = jax.eval_shape(lambda: stack_inputs(group.runs[:at_once]))
    init = over_runs(lambda i: init_run(program, i)[0], 0)
    state = jax.eval_shape(init, inputs)
    labels = study.dataset.labels
    one = lambda i, s: _step(program, i, s, labels)  # noqa: E731
    step = jax.jit(over_runs(one, 0), donate_argnums=1)
    lowered = step.lower(inputs, state)
    return GroupCost(
        name=group.name,
        num_runs=len(group.runs),
        at_once=at_once,
        num_parameters=count_parameters(program),
        steps_per_epoch=program.steps_per_epoch,
        flops_per_epoch=_flops_per_epoch(program, lowered, at_once),
        memory_bytes=group_need(study, group, mapped, at_once),
    )


def count_parameters(program: Program) -> int:
    """Returns the number of trainable scalars of one run."""
    params = program.variables["params"]
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(params))


def plan(sweep: Sweep, data_dir: str | None = None, timed: bool = False) -> str:
    """Returns `plan_text` of a sweep, and logs what is being done for it meanwhile."""
    logging.info("loading the data %s", sweep.base.data.name)
    return plan_text(prepare(sweep, data_dir), timed)


def plan_text(study: Study, timed: bool = False) -> str:
    """Returns the plan of a sweep for a person to read.

    Args:
      study: the sweep.
      timed: whether two steps of each group are trained, to tell how long it takes.

    Raises:
      ConfigError: if the memory does not suffice for one run a device.
    """
    data, epochs = study.dataset, _epochs(study)
    mapped = map_groups(study)
    chunks = make_chunks(study, mapped)
    costs = []
    for number, group in enumerate(study.groups, 1):
        count = f"group {number} of {len(study.groups)}"
        logging.info("compiling %s (%s), to tell what it takes", count, group.name)
        largest = max(len(c.runs) for c in chunks if c.group == group)
        costs.append(group_cost(study, group, mapped[group.name], largest))
    width = max(len(cost.name) for cost in costs)
    shape = "x".join(map(str, data.image_shape))
    lines = [
        f"{study.sweep.name}: {counted(study.num_runs, 'run')} in "
        f"{counted(len(costs), 'group')}, on {counted(len(data), 'image')} of {shape} "
        f"({data.name})",
        training_line(study),
        "",
        f"{'group':{width}}  runs  mapped  parameters  steps/epoch  GFLOP/epoch"
        "  memory",
    ]
    lines += [_cost_line(cost, width) for cost in costs]
    total = sum(
        cost.flops_per_epoch * cost.num_runs * n
        for cost, n in zip(costs, epochs, strict=True)
    )
    available = memory.available_bytes(jax.local_devices())
    lines += [
        "",
        "memory on each device, of the runs that are mapped in one program; "
        f"{memory.mebibytes(available)} can be used",
        "besides, on the host, the process itself takes about "
        f"{memory.mebibytes(memory.PROCESS_BYTES)}",
        f"in all at most {memory.enough(total / 1e12)} TFLOP; nothing was trained",
    ]
    return "\n".join([*lines, *(time_lines(study, costs) if timed else ())])


def training_line(study: Study) -> str:
    """Says in a line how the runs of a sweep are trained and evaluated."""
    runs = [run for group in study.groups for run in group.runs]
    seen = [{view.kind for view in run.evaluation.views} for run in runs]
    views = dict.fromkeys(view.kind for run in runs for view in run.evaluation.views)
    told = [
        kind if all(kind in own for own in seen) else f"{kind} (some runs)"
        for kind in views
    ]
    return (
        f"up to {counted(max(run.train.epochs for run in runs), 'epoch')}, "
        f"patience {_span(run.train.patience for run in runs)}, "
        f"batches of {_span(run.train.batch_size for run in runs)}; "
        f"evaluated each epoch: {', '.join(['plain', *told])}"
    )


def _span(values: Iterable[int]) -> str:
    found = set(values)
    return " to ".join(map(str, sorted({min(found), max(found)})))


def _epochs(study: Study) -> list[int]:
    return [group.run.train.epochs for group in study.groups]


def time_lines(study: Study, costs: Sequence[GroupCost]) -> list[str]:
    """Times two steps of each group here, and says how long all may take."""
    compiling = training = 0.0
    lines = ["", "estimated from two steps of each group on this device:"]
    for group, cost in zip(study.groups, costs, strict=True):
        logging.info("timing %s", cost.name)
        first, epoch = time_epoch(study, group, cost)
        chunks = -(-cost.num_runs // cost.at_once)
        longest = chunks * group.run.train.epochs * epoch
        compiling, training = compiling + first, training + longest
        lines.append(
            f"{cost.name}: {epoch:.3g} s an epoch of {counted(cost.at_once, 'run')}, "
            f"at most {format_seconds(longest)} after {format_seconds(first)} of "
            "compiling"
        )
    whole = format_seconds(compiling + training)
    return [*lines, f"in all about {whole} at most; early stopping makes it less"]


def time_epoch(study: Study, group: Group, cost: GroupCost) -> tuple[float, float]:
    """Trains an epoch of two steps; returns seconds of compiling, and of an epoch.

    The seconds of a whole epoch are those of the small one, times how much more there
    is to compute.
    """
    size = group.run.train.batch_size
    splits = tuple(
        dataclasses.replace(
            split,
            train=split.train[: 2 * size],
            validation=split.validation[:size],
        )
        for split in study.splits
    )
    small = dataclasses.replace(study, splits=splits)
    devices = jax.local_devices()
    mapped = MappedProgram(small.program(group), cost.at_once, devices)
    living = LivingRuns(mapped, group.runs[: cost.at_once])
    start = time.monotonic()
    living.start()
    examples = mapped.axis.replicate(small.examples)
    living.compile(examples)
    compiling = time.monotonic() - start
    seconds = []
    for epoch in range(2):  # the first one warms up
        if living.alive:
            start = time.monotonic()
            living.train_epoch(examples, epoch)
            seconds.append(time.monotonic() - start)
    part = group_cost(small, group, mapped, cost.at_once).flops_per_epoch
    return compiling, min(seconds) * cost.flops_per_epoch / part


def _cost_line(cost: GroupCost, width: int) -> str:
    return (
        f"{cost.name:{width}}  {cost.num_runs:4d}  {cost.at_once:6d}  "
        f"{cost.num_parameters:10,d}  {cost.steps_per_epoch:11d}  "
        f"{memory.enough(cost.flops_per_epoch / 1e9):>11}  "
        f"{memory.mebibytes(cost.memory_bytes)}"
    )


def _one_input(program: Program) -> RunInputs:
    """The shapes of one run's inputs."""
    stacked = jax.eval_shape(lambda: stack_inputs([program.run]))
    return jax.eval_shape(lambda i: jax.tree.map(lambda a: a[0], i), stacked)


def _step(program: Program, inputs: RunInputs, state, labels: np.ndarray):
    """One step on a blank batch: only its shapes and types matter here.

    Args:
      program: of the group.
      inputs: of a run.
      state: of the run.
      labels: of the data.
    """
    run, zero = program.run, jnp.int32(0)
    size = run.train.batch_size * num_copies(run.transforms)
    x = jnp.zeros((size, *program.image_shape), jnp.float32)
    targets = to_targets(run, jnp.zeros((size, *labels.shape[1:]), jnp.int32))
    x, targets = task_batch(inputs.config, inputs.key, x, targets)
    batch = Batch(x, targets, jnp.ones(size, bool))
    masks, moment = run_masks(program, inputs), Moment(inputs.key, zero, zero, zero)
    return train_step(program, inputs, masks, state, batch, moment, inputs.key)


def _flops_per_epoch(program: Program, lowered_step, at_once: int) -> float:
    run = program.run
    size = run.train.batch_size

    def start(inputs):
        state = init_run(program, inputs)[0]
        x = jnp.zeros((size, *program.image_shape), jnp.float32)
        return inputs.config, state, run_masks(program, inputs), x

    def outputs(config, s, masks, x):
        return forward(program, config, s.params, s.model_state, masks, x)[0]

    lowered = jax.jit(outputs).lower(*jax.eval_shape(start, _one_input(program)))
    sets = 1 + len(run.evaluation.views)
    batches = -(-max(program.sizes["validation"]) // size)
    steps = program.steps_per_epoch * _flops(lowered_step) / at_once
    return steps + sets * batches * _flops(lowered)


def _flops(lowered: Any) -> float:
    return lowered.cost_analysis()["flops"]
