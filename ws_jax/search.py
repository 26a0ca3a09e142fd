"""Search for a learning rate and a depth, by batches of points that train together.

Optuna asks for a batch of points; those of one depth differ by run data only, so they
train as one mapped program. A batch is a sweep in a folder of its own, so a search
that was stopped goes on: asked again, Optuna gives the same points, and finished
batches are read, not trained.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ws_jax import results
from ws_jax.config import ConfigError, ExperimentConfig
from ws_jax.experiment import run_sweep

if TYPE_CHECKING:
    import optuna


def search(
    config: ExperimentConfig,
    workdir: str | Path,
    *,
    num_batches: int,
    batch_size: int,
    rates: tuple[float, float] = (1e-6, 1e-1),
    data_dir: str | None = None,
    seed: int = 0,
) -> optuna.Study:
    """Searches for the learning rate and depth with the best validation accuracy.

    Args:
      config: of the runs; the depths are its `sweep.num_layers`. Its other axes are
        trained at every point, and a point's value is the mean over them of the best
        epoch's validation accuracy.
      workdir: folder of the search, made if missing.
      num_batches: how often points are asked for.
      batch_size: points asked for at a time.
      rates: lowest and highest learning rate, searched on a logarithmic scale.
      data_dir: folder with prepared or raw data.
      seed: of the search.
    Returns:
      The Optuna study, every point told.
    Raises:
      ConfigError: if Optuna is missing (the extra `search`) or a number makes no sense.
    Source: Ott et al. 2020, Appendix A.1, whose grid these points fill.
    """
    if num_batches < 1 or batch_size < 1 or not 0 < rates[0] < rates[1]:
        raise ConfigError(
            f"a search needs at least one batch of one point and rising rates, got "
            f"{num_batches} of {batch_size} and {rates}"
        )
    try:
        import optuna
    except ImportError as error:
        raise ConfigError(
            "a search needs Optuna: install the extra 'search'"
        ) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    depths = config.sweep.num_layers or (config.network.num_layers,)
    space: dict[str, optuna.distributions.BaseDistribution] = {
        "learning_rate": optuna.distributions.FloatDistribution(*rates, log=True),
        "num_layers": optuna.distributions.CategoricalDistribution(depths),
    }
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=2 * batch_size)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    for batch in range(num_batches):
        trials = [study.ask(space) for _ in range(batch_size)]
        folder = Path(workdir) / f"batch_{batch:03d}"
        values = _train(config, [t.params for t in trials], folder, data_dir)
        for trial, value in zip(trials, values, strict=True):
            study.tell(trial, value)
    return study


def _train(
    config: ExperimentConfig,
    points: Sequence[dict],
    folder: Path,
    data_dir: str | None,
) -> list[float]:
    """Trains a batch of points, those of one depth together; returns their values."""
    best = {}
    for depth in sorted({point["num_layers"] for point in points}):
        rates = {p["learning_rate"] for p in points if p["num_layers"] == depth}
        sweep = dataclasses.replace(
            config.sweep, num_layers=(depth,), learning_rates=tuple(sorted(rates))
        )
        part = folder / f"{depth}layers"
        run_sweep(dataclasses.replace(config, sweep=sweep), part, data_dir=data_dir)
        frame = results.read(part)
        by_run = frame.groupby(["learning_rate", "run"])["val_acc"].max()
        means = by_run.groupby("learning_rate").mean()
        best |= {(depth, rate): value for rate, value in means.items()}
    return [best[point["num_layers"], point["learning_rate"]] for point in points]
