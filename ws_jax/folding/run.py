"""Folds a run of a sweep: at several thresholds, scored before and after, trained on.

What folding gives is the folder of a sweep that has begun: its one run is the folded
network, its checkpoint of epoch 0 the folded parameters. So whatever reads a sweep
reads it, and it trains on as any sweep goes on.
"""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from absl import logging

from ws_jax.checkpoint import last_epoch, load_run_with_epoch
from ws_jax.config import require
from ws_jax.engine import run_sweep
from ws_jax.engine.program import make_program
from ws_jax.engine.recorded import find_run
from ws_jax.engine.study import Study, make_groups
from ws_jax.folding.begun import score, write_begun
from ws_jax.folding.layout import called, check_foldable
from ws_jax.folding.loops import Folded, Rule, as_rules, fold
from ws_jax.folding.report import (
    TRAINED,
    UNTRAINED,
    add_folding,
    check_report,
    entry_text,
    folder_of,
    make_entry,
)
from ws_jax.optimizers import Constant
from ws_jax.runs import Run, Sweep
from ws_jax.storage import results
from ws_jax.storage.holds import check_holds
from ws_jax.storage.integrity import array_sums, digest_of
from ws_jax.storage.results import ResultsError
from ws_jax.tasks import SimilarityTerm

THRESHOLDS = (0.5, 0.7, 0.8, 0.9, 0.95, 0.99)


def fold_run(
    workdir: str | Path,
    run: str,
    output: str | Path,
    rules: Any = THRESHOLDS,
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
        of a sweep of one run, `threshold_T`. Foldings of the same parameters that are
        there at other thresholds stay.
      rules: a sequence of how to fold, or of thresholds alone; no two of one
        threshold.
      epochs: for which folded networks are trained on; 0: not at all.
      learning_rate: of these epochs, constant; 0: that with which the run ended.
      data_dir: folder with prepared or raw data.
      overwrite: whether the report in `output` of other parameters may be replaced,
        and foldings there at the same thresholds.
    Returns:
      What the report says, of all thresholds; see `docs/design/0011`.
    Raises:
      ConfigError: for a run without a bank, or a rule that is not allowed.
      ResultsError: if there is no such run, it was not saved, or it diverged.
      WorkdirError: if `output` holds foldings of another run or of other parameters,
        or made otherwise at a threshold, and may not be overwritten; or if it holds
        something else, as a sweep.
    """
    rules = _checked(rules)
    check_holds(Path(output), "foldings", "output")
    whole = _load(workdir, run, data_dir)
    about = _about(whole, run)
    trained = {
        "epochs": epochs,
        "learning_rate": learning_rate or _last_learning_rate(whole),
    }
    if not overwrite:
        check_report(Path(output), about, rules, trained)
    about["parameters"] = size = num_parameters(whole.variables)
    about["before"] = before = whole.score()
    known: dict[Any, dict[str, float]] = {}
    report: dict[str, Any] = {}
    for rule in rules:
        folded = whole.fold(rule)
        about["similarity"] = [bank.similarity.tolist() for bank in folded.banks]
        folder = Path(output) / folder_of(rule.threshold)
        new = _folded_study(whole, folded, **trained)
        if folded.network not in known:
            known[folded.network] = whole.score(folded)
        after = known[folded.network]
        write_begun(new, folded, after, folder, done=not epochs, overwrite=overwrite)
        left = num_parameters(folded.variables)
        entry = make_entry(rule, folded, after, left, size) | trained
        report = add_folding(Path(output), about, rule, entry, overwrite)
        logging.info("%s", entry_text(entry, before))
        if epochs:
            run_sweep(new.sweep, folder, data_dir=data_dir)
            entry["trained"] = last_row(folder)
            report = add_folding(Path(output), about, rule, entry, overwrite)
    return report


def _checked(asked: Any) -> list[Rule]:
    """Returns rules; `ConfigError` for what is not allowed, none, or one twice."""
    rules = as_rules(asked)
    given = [rule.threshold for rule in rules]
    folders = {folder_of(threshold) for threshold in given}
    require(bool(given), "thresholds: none is named, needs at least one, as 0.9")
    require(
        len(folders) == len(given),
        f"thresholds: {', '.join(map(str, given))}: one is there twice",
    )
    return rules


class _Whole(NamedTuple):
    """A run as it was saved, before it is folded."""

    study: Study
    run: Run
    variables: Any
    epoch: int
    source: str  # which parameters these are

    def fold(self, rule: Rule) -> Folded:
        """Folds it by a rule."""
        # The same groups of layers may have other kernels.
        origin = f"{self.source}:{rule.kernel}:{rule.scale}"
        return fold(self.run.network, self.variables, rule, origin)

    def score(self, folded: Folded | None = None) -> dict[str, float]:
        """Scores it, or what it became, on the same images where they are drawn."""
        if folded is None:
            return score(self.study, self.run, self.variables, self.epoch)
        one = _folded_run(self.run, folded)
        return score(self.study, one, folded.variables, self.epoch)


def _load(workdir: str | Path, name: str, data_dir: str | None) -> _Whole:
    """Loads a run that can be folded; raises as `fold_run`."""
    study, run = find_run(workdir, name, data_dir)
    check_foldable(run.network)
    ended, status = last_epoch(workdir, run=name)
    if status == "diverged":
        raise ResultsError(
            f"{name} diverged in epoch {ended}, its parameters say nothing of which "
            "layers are alike: fold a run that did not"
        )
    variables, epoch = load_run_with_epoch(workdir, run=name)
    digest = study.columns[run]["digest"]
    source = f"{digest}:{epoch}:{digest_of(array_sums(variables))[:12]}"
    return _Whole(study, run, variables, epoch, source)


def _about(whole: _Whole, name: str) -> dict[str, Any]:
    """Returns what the report says of the run that was folded."""
    run = whole.run
    strengths = [t.strength for t in run.task.terms if isinstance(t, SimilarityTerm)]
    term = "".join(f", term {strength:g}" for strength in strengths if strength)
    return {
        "run": name,
        "network": called(run.network) + term,
        "sweep": whole.study.sweep.name,
        "data": run.data.name,
        "seed": run.seed,
        "epoch": whole.epoch,
        "watched": run.task.watched,
        "source": whole.source,
    }


def _folded_study(
    whole: _Whole, folded: Folded, epochs: int, learning_rate: float
) -> Study:
    """Makes a sweep of the folded network alone ready, to be trained on.

    Args:
      whole: the run that was folded.
      folded: what it became.
      epochs: for which it is trained on.
      learning_rate: of these.
    """
    study, run = whole.study, whole.run
    optimizer = dataclasses.replace(
        run.train.optimizer, learning_rate=learning_rate, schedule=Constant()
    )
    count = max(epochs, 1)
    train = dataclasses.replace(
        run.train, epochs=count, patience=count, optimizer=optimizer
    )
    base = dataclasses.replace(
        _folded_run(run, folded),
        transforms=tuple(transform.after(whole.epoch) for transform in run.transforms),
        train=train,
    )
    # One that is not trained has an epoch in its config, too: none is not allowed.
    name = study.sweep.name + (TRAINED if epochs else UNTRAINED)
    sweep = Sweep(name, base, {}).checked()
    return Study(sweep, study.dataset, study.splits, make_groups(sweep))


def _last_learning_rate(whole: _Whole) -> float:
    """Returns the rate with which a run ended."""
    study, optimizer = whole.study, whole.run.train.optimizer
    program = make_program(whole.run, study.dataset, study.splits)
    steps, last = program.steps_per_epoch, program.num_steps - 1
    schedule = optimizer.schedule.make(program.num_steps, steps)
    return optimizer.learning_rate * float(schedule(jnp.float32(last)))


def _folded_run(run: Run, folded: Folded) -> Run:
    """Returns the run of the folded network, where no layers are left to be alike."""
    terms = tuple(t for t in run.task.terms if not isinstance(t, SimilarityTerm))
    task = dataclasses.replace(run.task, terms=terms) if run.task.terms else run.task
    return dataclasses.replace(run, network=folded.network, task=task)


def num_parameters(variables: Any) -> int:
    """Returns how many numbers a network's parameters are."""
    return sum(math.prod(np.shape(a)) for a in jax.tree.leaves(variables["params"]))


def last_row(folder: Path) -> dict[str, float]:
    """Returns the metrics of a run's last epoch; `ResultsError` if it is 0."""
    row = results.read(folder).sort_values("epoch").iloc[-1]
    if row["epoch"] == 0:
        raise ResultsError(f"{folder} was folded and not trained: remove it")
    names = [n for n in row.index if n.startswith(("val_", "test_"))]
    found = {name: row[name] for name in ["epoch", *names]}
    return {n: float(v) for n, v in found.items() if isinstance(v, float | np.number)}
