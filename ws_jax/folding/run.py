"""Folds a run of a sweep: at several thresholds, scored before and after, trained on.

What folding gives is the folder of a sweep that has begun: its one run is the folded
network, its checkpoint of epoch 0 the folded parameters. So whatever reads a sweep
reads it, and it trains on as any sweep goes on.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from absl import logging

from ws_jax.checkpoint import load_run_with_epoch
from ws_jax.config import require
from ws_jax.engine import run_sweep
from ws_jax.engine.program import make_program
from ws_jax.engine.recorded import find_run
from ws_jax.engine.study import Study, make_groups
from ws_jax.folding.begun import held_lock, score, write_begun
from ws_jax.folding.layout import called, check_foldable
from ws_jax.folding.loops import Folded, Rule, fold
from ws_jax.optimizers import Constant
from ws_jax.runs import Run, Sweep
from ws_jax.storage import results
from ws_jax.storage.integrity import array_sums, digest_of, seal, write_atomically
from ws_jax.storage.locks import part_lock
from ws_jax.storage.results import ResultsError
from ws_jax.tasks import SimilarityTerm

REPORT_FILE = "fold.json"
THRESHOLDS = (0.5, 0.7, 0.8, 0.9, 0.95, 0.99)


def fold_run(
    workdir: str | Path,
    run: str,
    output: str | Path,
    rules: Sequence[Rule] = tuple(Rule(threshold) for threshold in THRESHOLDS),
    *,
    epochs: int = 0,
    learning_rate: float = 0.0,
    data_dir: str | None = None,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Folds a trained run by each rule, and writes networks and a report.

    Args:
      workdir: of its sweep.
      run: its name there.
      output: folder of what is written: `fold.json`, and for each threshold the folder
        of a sweep of one run, `threshold_T`.
      rules: how to fold; no two of one threshold.
      epochs: for which folded networks are trained on; 0: not at all.
      learning_rate: of these epochs, constant; 0: that with which the run ended.
      data_dir: folder with prepared or raw data.
      overwrite: whether earlier foldings in `output` may be removed.
    Returns:
      What the report says, see `docs/design/0011`.
    Raises:
      ConfigError: for a run without a bank, or a rule that is not allowed.
      ResultsError: if there is no such run, or it was not saved.
      WorkdirError: if `output` holds other foldings and may not be overwritten.
    """
    _check_rules(rules)
    study, chosen = find_run(workdir, run, data_dir)
    network = check_foldable(chosen.network)
    variables, epoch = load_run_with_epoch(workdir, run=run)
    before = score(study, chosen, variables, epoch)
    size = num_parameters(variables)
    source = _source(study, chosen, epoch, variables)
    known: dict[Any, dict[str, float]] = {}
    similarity, foldings = [], []
    for rule in rules:
        # The same groups of layers may have other kernels.
        folded = fold(network, variables, rule, f"{source}:{rule.kernel}:{rule.scale}")
        similarity = [bank.similarity.tolist() for bank in folded.banks]
        folder = Path(output) / f"threshold_{rule.threshold:g}"
        new = _folded_study(study, chosen, folded, epoch, epochs, learning_rate)
        if folded.network not in known:
            # On the images that it was scored on before, also where they are drawn.
            one = _folded_run(chosen, folded)
            known[folded.network] = score(study, one, folded.variables, epoch)
        after = known[folded.network]
        write_begun(new, folded, after, folder, done=not epochs, overwrite=overwrite)
        entry = _entry(rule, folded, after, size)
        logging.info("%s", entry_text(entry, before))
        if epochs:
            run_sweep(new.sweep, folder, data_dir=data_dir)
            entry["trained"] = _last_row(folder)
        foldings.append({**entry, "folder": folder.name})
    about = _about(study, chosen, run, epoch)
    numbers = {"parameters": size, "before": before, "similarity": similarity}
    return _written(Path(output), {**about, **numbers, "foldings": foldings})


def _check_rules(rules: Sequence[Rule]) -> None:
    """Raises `ConfigError` for a rule that is not allowed, or none, or one twice."""
    for rule in rules:
        rule.check()
    given = [rule.threshold for rule in rules]
    require(
        len(set(given)) == len(given) > 0, f"thresholds: {given} are none, or twice"
    )


def _about(study: Study, run: Run, name: str, epoch: int) -> dict[str, Any]:
    """Returns what the report says of the run that was folded."""
    strengths = [t.strength for t in run.task.terms if isinstance(t, SimilarityTerm)]
    term = "".join(f", term {strength:g}" for strength in strengths if strength)
    return {
        "run": name,
        "network": called(run.network) + term,
        "sweep": study.sweep.name,
        "data": run.data.name,
        "seed": run.seed,
        "epoch": epoch,
        "watched": run.task.watched,
    }


def _source(study: Study, run: Run, epoch: int, variables: Any) -> str:
    """Returns what says of which parameters a folding is made."""
    digest = study.columns[run]["digest"]
    return f"{digest}:{epoch}:{digest_of(array_sums(variables))[:12]}"


def _written(output: Path, report: dict[str, Any]) -> dict[str, Any]:
    text = json.dumps(seal(report), indent=1, sort_keys=True)
    with held_lock(part_lock(output, "report")):  # another process may fold beside
        write_atomically(output / REPORT_FILE, text.encode())
    return report


def _folded_study(
    study: Study,
    run: Run,
    folded: Folded,
    done: int,
    epochs: int,
    learning_rate: float,
) -> Study:
    """Makes a sweep of the folded network alone ready, to be trained on.

    Args:
      study: of the run.
      run: that was folded.
      folded: what it became.
      done: epochs that the run had trained.
      epochs: for which it is trained on.
      learning_rate: of these; 0: that with which the run ended.
    """
    optimizer = run.train.optimizer
    if not learning_rate:
        program = make_program(run, study.dataset, study.splits)
        steps, last = program.steps_per_epoch, program.num_steps - 1
        schedule = optimizer.schedule.make(program.num_steps, steps)
        learning_rate = optimizer.learning_rate * float(schedule(jnp.float32(last)))
    optimizer = dataclasses.replace(
        optimizer, learning_rate=learning_rate, schedule=Constant()
    )
    count = max(epochs, 1)
    train = dataclasses.replace(
        run.train, epochs=count, patience=count, optimizer=optimizer
    )
    base = dataclasses.replace(
        _folded_run(run, folded),
        transforms=tuple(transform.after(done) for transform in run.transforms),
        train=train,
    )
    # One that is not trained has an epoch in its config, too: none is not allowed.
    name = f"{study.sweep.name}_folded" + ("_trained" if epochs else "")
    sweep = Sweep(name, base, {}).checked()
    return Study(sweep, study.dataset, study.splits, make_groups(sweep))


def _folded_run(run: Run, folded: Folded) -> Run:
    """Returns the run of the folded network, where no layers are left to be alike."""
    terms = tuple(t for t in run.task.terms if not isinstance(t, SimilarityTerm))
    task = dataclasses.replace(run.task, terms=terms) if run.task.terms else run.task
    return dataclasses.replace(run, network=folded.network, task=task)


def num_parameters(variables: Any) -> int:
    """Returns how many numbers a network's parameters are."""
    return sum(math.prod(np.shape(a)) for a in jax.tree.leaves(variables["params"]))


def _entry(
    rule: Rule, folded: Folded, scores: dict[str, float], before: int
) -> dict[str, Any]:
    size = num_parameters(folded.variables)
    return {
        **dataclasses.asdict(rule),
        "groups": [list(bank.groups) for bank in folded.banks],
        "change": [bank.change.tolist() for bank in folded.banks],
        "parameters": size,
        "saved": before - size,
        "after": scores,
    }


def _last_row(folder: Path) -> dict[str, float]:
    """Returns the metrics of a run's last epoch; `ResultsError` if it is 0."""
    row = results.read(folder).sort_values("epoch").iloc[-1]
    if row["epoch"] == 0:
        raise ResultsError(f"{folder} was folded and not trained: remove it")
    names = [n for n in row.index if n.startswith(("val_", "test_"))]
    found = {name: row[name] for name in ["epoch", *names]}
    return {n: float(v) for n, v in found.items() if isinstance(v, float | np.number)}


def entry_text(entry: dict[str, Any], before: dict[str, float]) -> str:
    """Says in a line what folding did.

    Args:
      entry: of the report's `foldings`.
      before: the metrics before it.
    """
    groups = "; ".join(" ".join(map(str, own)) for own in entry["groups"])
    change = max(max(own, default=0.0) for own in entry["change"])
    scores = ", ".join(
        f"{name} {before[name]:.4f} -> {value:.4f}"
        for name, value in entry["after"].items()
        if name in before
    )
    return (
        f"threshold {entry['threshold']:g}: groups {groups}; kernels change by up to "
        f"{100 * change:.2g} %; {scores}; {entry['parameters']:,} parameters, "
        f"{entry['saved']:,} saved"
    )
