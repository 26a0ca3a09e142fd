"""What a sweep will do and cost, told before it starts."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import jax
import jax.numpy as jnp

from ws_jax import memory
from ws_jax.mapping import MappedProgram, over_runs, stack_inputs
from ws_jax.plan import Group
from ws_jax.program import Program, RunInputs, forward
from ws_jax.study import Study, group_need, make_chunks, map_groups
from ws_jax.train import init_run, run_masks, train_step


@dataclasses.dataclass(frozen=True)
class GroupCost:
    """What one group of runs asks of the machine."""

    name: str
    num_runs: int
    chunk: int  # runs that train in one program
    num_parameters: int  # of one run
    steps_per_epoch: int
    flops_per_epoch: float  # of one run: steps, and all evaluations
    memory_bytes: float  # of one chunk's epoch, on each device; inf if too much


def group_cost(
    study: Study, group: Group, mapped: MappedProgram, chunk: int
) -> GroupCost:
    """Computes what a group costs: shapes traced, an epoch compiled, nothing run."""
    program = study.program(group)
    inputs = jax.eval_shape(lambda: stack_inputs(group.runs[:chunk], study.folds))
    init = over_runs(lambda i: init_run(program, i)[0], 0)
    state = jax.eval_shape(init, inputs)
    step = jax.jit(over_runs(lambda i, s: _step(program, i, s), 0), donate_argnums=1)
    lowered = step.lower(inputs, state)
    return GroupCost(
        name=group.name,
        num_runs=len(group.runs),
        chunk=chunk,
        num_parameters=count_parameters(program),
        steps_per_epoch=program.steps_per_epoch,
        flops_per_epoch=_flops_per_epoch(program, lowered, chunk),
        memory_bytes=group_need(study, group, mapped, chunk),
    )


def count_parameters(program: Program) -> int:
    """Returns the number of trainable scalars of one run."""
    params = jax.eval_shape(lambda i: init_run(program, i)[0].params, _one_input())
    return sum(math.prod(leaf.shape) for leaf in jax.tree.leaves(params))


def plan_text(study: Study) -> str:
    """Returns the plan of a sweep for a person to read.

    Raises:
      ConfigError: if the memory does not suffice for one run a device.
    """
    config, data = study.config, study.dataset
    mapped = map_groups(study)
    chunks = make_chunks(study, mapped)
    costs = []
    for group in study.groups:
        largest = max(len(c.runs) for c in chunks if c.group == group)
        costs.append(group_cost(study, group, mapped[group.name], largest))
    width = max(len(cost.name) for cost in costs)
    lines = [
        f"{config.name}: {study.num_runs} runs in {len(costs)} groups, on "
        f"{len(data):,} images of {'x'.join(map(str, data.image_shape))} ({data.name})",
        f"up to {config.train.epochs} epochs, patience {config.train.patience}, "
        f"batches of {config.train.batch_size}; evaluated each epoch: plain"
        + "".join(f", {name}" for name in config.evaluation.perturbations),
        "",
        f"{'group':{width}}  runs  mapped  parameters  steps/epoch  GFLOP/epoch"
        "  memory",
    ]
    lines += [_cost_line(cost, width) for cost in costs]
    total = sum(c.flops_per_epoch * c.num_runs for c in costs) * config.train.epochs
    available = memory.available_bytes(jax.local_devices())
    lines += [
        "",
        "memory on each device, of the runs that are mapped in one program; "
        f"{memory.mebibytes(available)} can be used",
        f"in all at most {total / 1e12:,.1f} TFLOP; nothing was trained",
    ]
    return "\n".join(lines)


def _cost_line(cost: GroupCost, width: int) -> str:
    return (
        f"{cost.name:{width}}  {cost.num_runs:4d}  {cost.chunk:6d}  "
        f"{cost.num_parameters:10,d}  {cost.steps_per_epoch:11d}  "
        f"{cost.flops_per_epoch / 1e9:11,.0f}  {memory.mebibytes(cost.memory_bytes)}"
    )


def _one_input() -> RunInputs:
    """The shapes of one run's inputs."""

    def blank():
        key, number, index = jax.random.key(0), jnp.float32(0), jnp.int32(0)
        return RunInputs(key, key, number, number, number, index, index)

    return jax.eval_shape(blank)


def _step(program: Program, inputs, state):
    """One step on a blank batch: only its shapes matter here."""
    size = program.spec.config.train.batch_size
    x = jnp.zeros((size, *program.image_shape), jnp.float32)
    batch = (x, jnp.zeros(size, jnp.int32), jnp.ones(size, bool))
    masks = run_masks(program, inputs)
    return train_step(program, inputs, masks, state, batch, jnp.int32(0))


def _flops_per_epoch(program: Program, lowered_step, chunk: int) -> float:
    size = program.spec.config.train.batch_size

    def classify(inputs):
        state = init_run(program, inputs)[0]
        x = jnp.zeros((size, *program.image_shape), jnp.float32)
        masks = run_masks(program, inputs)
        return state, masks, x

    state, masks, x = jax.eval_shape(classify, _one_input())
    lowered = jax.jit(
        lambda s, m, x: forward(program, s.params, s.model_state, m, x, train=False)
    ).lower(state, masks, x)
    sets = 1 + len(program.spec.config.evaluation.perturbations)
    batches = -(-program.num_validation // size)
    steps = program.steps_per_epoch * _flops(lowered_step) / chunk
    return steps + sets * batches * _flops(lowered)


def _flops(lowered: Any) -> float:
    return lowered.cost_analysis()["flops"]
