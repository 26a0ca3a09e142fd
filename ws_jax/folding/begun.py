"""A network with given parameters as a sweep that has begun: its scores, its folder."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import threading
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from absl import logging

from ws_jax.engine.chunk import Chunk, describe_chunks
from ws_jax.engine.evaluate import evaluate
from ws_jax.engine.mapping import stack_inputs
from ws_jax.engine.program import Program, RunState, make_program
from ws_jax.engine.study import Study, make_record
from ws_jax.engine.table import SweepTable
from ws_jax.engine.train import begin, run_masks
from ws_jax.folding.loops import Folded
from ws_jax.layers import MASKS
from ws_jax.metrics import epoch_metrics
from ws_jax.runs import Run
from ws_jax.storage.checkpoint import open_chunk
from ws_jax.storage.locks import Lock
from ws_jax.storage.results import ResultsError
from ws_jax.storage.stored import Saved, steps
from ws_jax.storage.workdir import Workdir


def score(study: Study, run: Run, variables: Any, epoch: int = 1) -> dict[str, float]:
    """Returns a network's metrics on validation and test images, as columns have them.

    Args:
      study: whose data and splits serve.
      run: of the network.
      variables: its collections.
      epoch: from 1, of which the images are, where a transform draws new ones.
    """
    plain = dataclasses.replace(run.evaluation, views=())
    run = dataclasses.replace(run, evaluation=plain)
    program, inputs, state = _state(study, run, variables)
    roles = {"val": "validation"} | ({"test": "test"} if _has_test(study) else {})

    @functools.partial(jax.jit, static_argnums=3)
    def one(examples, inputs, state, role):
        masks = run_masks(program, inputs)
        return evaluate(
            program, examples, inputs, state, masks, jnp.int32(epoch - 1), role
        )

    found: dict[str, float] = {}
    for name, role in roles.items():
        totals = jax.device_get(one(study.examples, inputs, state, role))
        found |= epoch_metrics(run.task, [], {name: totals[name]})
    return {name: value for name, value in found.items() if isinstance(value, float)}


def _has_test(study: Study) -> bool:
    return bool(study.splits[0].test.size)


def _state(study: Study, run: Run, variables: Any) -> tuple[Program, Any, RunState]:
    """Returns a run's program, inputs, and state with given parameters."""
    program = make_program(run, study.dataset, study.splits)
    inputs = jax.tree.map(lambda a: a[0], stack_inputs([run]))
    wanted = {name: v for name, v in program.variables.items() if name != MASKS}
    if _shapes(dict(variables)) != _shapes(wanted):
        raise ResultsError("the saved parameters are not those of this network")
    others = jax.tree.map(jnp.asarray, dict(variables))
    params = others.pop("params")
    return program, inputs, begin(program, inputs.config, params, others)


def _shapes(tree: Any) -> Any:
    return jax.tree.map(lambda leaf: tuple(leaf.shape), tree)


def write_begun(
    study: Study,
    folded: Folded,
    scores: dict[str, float],
    folder: Path,
    *,
    done: bool,
    overwrite: bool,
) -> None:
    """Writes the folder of a sweep of one run that has begun, at epoch 0.

    If it is there already it stays as it is; its table says what its checkpoint says.

    Args:
      study: the sweep.
      folded: its run's network.
      scores: of it, which stand in its row of epoch 0.
      folder: as said.
      done: whether it is not to be trained.
      overwrite: whether what is there may be removed.
    Raises:
      WorkdirError: if another sweep is there, or one to be removed is in use.
    """
    group = study.groups[0]
    run, chunk = group.run, Chunk(group, 0, group.runs)
    columns = study.columns[run]
    with Workdir(folder) as held:
        new = make_record(study.sweep, study.dataset)
        with held.planning(threading.Event(), alone=overwrite):
            record = held.find(new, overwrite) or held.begin(
                {**new, "chunks": describe_chunks(study, [chunk])}
            )
        table = SweepTable(study, [chunk], record, folder, held_lock, held.check_there)
        place, digest = table.where(chunk)
        if not steps(place):
            _, _, state = _state(study, run, folded.variables)
            kept: Any = state
            if done:
                kept = {"params": state.params, "model_state": state.model_state}
            stacked = jax.tree.map(lambda a: np.asarray(a)[None], kept)
            status = "finished" if done else "running"
            row = {**columns, **scores, "epoch": 0, "seconds": 0.0, "status": status}
            with (
                held_lock(table.chunk_lock(chunk)),
                open_chunk(place, run.execution.keep, digest) as checkpoints,
            ):
                if checkpoints.latest() is None:  # no other process was faster
                    checkpoints.save(stacked, Saved(0, done, [row]))
        # From the checkpoint, which may be that of a process killed before its table.
        table.begin()


def held_lock(lock: Lock) -> contextlib.AbstractContextManager[None]:
    """Waits for a lock, which is told, and holds it for a block."""

    def waiting(holder: str) -> None:
        logging.info("waiting for %s, which holds %s", holder, lock.path)

    return lock.held(threading.Event(), waiting)
