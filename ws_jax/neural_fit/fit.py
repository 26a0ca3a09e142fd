"""A table of how well each layer of a run fits neural data."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from absl import logging

from ws_jax.checkpoint import load_run_with_epoch
from ws_jax.config import ConfigError, check_name, require
from ws_jax.data import Dataset
from ws_jax.engine.recorded import find_run
from ws_jax.engine.study import Study
from ws_jax.names import OWN_CODE
from ws_jax.neural_fit.activations import check_layers, layer_names, record
from ws_jax.neural_fit.ceiling import noise_ceiling
from ws_jax.neural_fit.neural_data import NeuralData, read_neural
from ws_jax.neural_fit.regression import Prediction, cut, pls, ridge
from ws_jax.neural_fit.similarity import (
    DISTANCES,
    linear_cka,
    real,
    rsa_ceiling,
    rsa_of_repeats,
)
from ws_jax.neural_fit.table import ACTIVATIONS, RECORD, TABLE, write, write_activations
from ws_jax.runs import Run
from ws_jax.storage.holds import check_holds
from ws_jax.storage.integrity import (
    WorkdirError,
    make_folder,
)
from ws_jax.storage.workdir import versions

MEASURES = ("cka", "cka_debiased", "rsa", "ridge", "pls")
# Neurons below have too much noise for a score in units of their ceiling.
_LEAST_CEILING = 0.3


@dataclasses.dataclass(frozen=True)
class Settings:
    """How layers are compared with neurons.

    Attributes:
      measures: of `MEASURES`; none only records activations.
      folds: of images, for what is fitted.
      seed: of the folds.
      components: of PLS, at most.
      distance: of RSA, `correlation` or `euclidean`.
    """

    measures: tuple[str, ...] = ("cka", "cka_debiased", "rsa", "ridge")
    folds: int = 5
    seed: int = 0
    components: int = 25
    distance: str = "correlation"

    def check(self) -> None:
        """Raises `ConfigError` for what is not known, or twice."""
        for name in self.measures:
            check_name("measure", name, MEASURES)
        require(
            len(set(self.measures)) == len(self.measures),
            f"measures: {', '.join(self.measures)}: one is there twice",
        )
        check_name("distance", self.distance, DISTANCES)
        require(self.folds >= 2, f"folds: {self.folds} must be at least 2")
        require(
            self.components >= 1, f"components: {self.components} must be at least 1"
        )


def compare(
    activations: Mapping[str, np.ndarray], neural: NeuralData, settings: Settings
) -> pd.DataFrame:
    """Compares what layers make of images with neural responses to them.

    Args:
      activations: [images, …], by layer.
      neural: of the same images.
      settings: as said.
    Returns:
      A row for each layer and measure: `layer, units, measure, score, ceiling,
      normalized, reliable`. CKA compares mean responses of all neurons at once, RSA
      those of each repetition, of which it has the mean; its ceiling is the upper one.
      Ridge and PLS have the median over neurons of the correlation with held-out mean
      responses, of its ceiling, and of their ratio, over the `reliable` neurons whose
      ceiling is at least 0.3. Without repetitions
      there is no ceiling.
    Raises:
      ConfigError: for other images, or too few, or what is no real numbers.
    """
    settings.check()
    _check_responses(neural, settings)
    score = _scorer(neural, settings)
    activations = {name: real(x, f"layer {name!r}") for name, x in activations.items()}
    rows = [
        {
            "layer": layer,
            "units": int(np.prod(values.shape[1:])),
            "measure": name,
            **score(name, values),
        }
        for layer, values in activations.items()
        for name in settings.measures
    ]
    columns = ["layer", "units", "measure", "score", "ceiling", "normalized"]
    return pd.DataFrame(rows, columns=[*columns, "reliable"])


def _check_responses(neural: NeuralData, settings: Settings) -> None:
    require(
        neural.responses.shape[2] > 0 or not settings.measures,
        "the neural data have no responses: layers can only be recorded; leave "
        "measures empty",
    )


def _scorer(
    neural: NeuralData, settings: Settings
) -> Callable[[str, np.ndarray], dict[str, float]]:
    """Returns what scores a layer by a measure; ceilings are found once."""
    mean = neural.mean
    ceilings = noise_ceiling(neural.responses) if neural.repeated else None
    upper = np.nan
    if neural.repeated and "rsa" in settings.measures:
        upper = rsa_ceiling(neural.responses, settings.distance)[1]

    def score(name: str, values: np.ndarray) -> dict[str, float]:
        if name == "rsa":
            repeats = neural.responses
            return _row(rsa_of_repeats(values, repeats, settings.distance), upper)
        if name in ("cka", "cka_debiased"):
            return _row(linear_cka(values, mean, name == "cka_debiased"), np.nan)
        if name == "ridge":
            found = ridge(values, mean, settings.folds, settings.seed)
        else:
            parts = settings.folds, settings.seed, settings.components
            found = pls(values, mean, *parts)
        return _of_neurons(found, ceilings)

    return score


def _row(score: float, ceiling: float) -> dict[str, float]:
    return {
        "score": score,
        "ceiling": ceiling,
        "normalized": score / ceiling if ceiling > 0 else np.nan,
        "reliable": np.nan,
    }


def _of_neurons(found: Prediction, ceilings: np.ndarray | None) -> dict[str, float]:
    """Sums up what was predicted of each neuron, by medians."""
    row = _row(float(np.median(found.r)), np.nan)
    if ceilings is None:
        return row
    kept = ceilings >= _LEAST_CEILING
    ratio = float(np.median(found.r[kept] / ceilings[kept])) if kept.any() else np.nan
    median = float(np.median(ceilings))
    return {**row, "ceiling": median, "normalized": ratio, "reliable": int(kept.sum())}


def fit_run(
    workdir: str | Path,
    run: str,
    neural: str | Path,
    output: str | Path,
    settings: Settings | None = None,
    *,
    layers: Sequence[str] = (),
    save_activations: bool = False,
    data_dir: str | None = None,
    overwrite: bool = False,
) -> pd.DataFrame:
    """Compares the layers of a trained run with neural data, and writes a table.

    Args:
      workdir: of its sweep.
      run: its name there.
      neural: file of `read_neural`.
      output: folder of what is written: `neural_fit.parquet`, `neural_fit.json`, and
        `activations.npz` if asked for, an array for each layer by its name.
      settings: see `Settings`; None is the default.
      layers: names of `layer_names`, or of these with `:relu`; none takes those that
        are not within another.
      save_activations: whether to write `activations.npz`.
      data_dir: of the data that it was trained on.
      overwrite: whether an earlier table in `output` may be replaced.
    Returns:
      The table, see `compare`.
    Raises:
      ConfigError: for what does not go together; nothing has been loaded then but the
        neural data.
      ResultsError: if there is no such run.
      WorkdirError: if `output` holds a table and may not be overwritten, holds
        something else, as a sweep, or cannot be written to.
    """
    settings = settings or Settings()
    settings.check()
    folder = Path(output)
    check_holds(folder, "a neural fit", "output")
    if not overwrite:
        _check_free(folder)
    data = read_neural(neural)
    study, chosen = find_run(workdir, run, data_dir)
    _check_images(run, study.dataset, data)
    _check_responses(data, settings)
    if {"ridge", "pls"} & set(settings.measures):
        cut(len(data.images), settings.folds, settings.seed)  # that there are enough
    names = _compared_layers(chosen, study.dataset, layers)
    make_folder(folder, "output")
    variables, epoch = load_run_with_epoch(workdir, run=run)
    classes = study.dataset.num_classes
    found = record(chosen, variables, data.images, classes, names)
    logging.info("recorded %d layers, %d images", len(names), len(data.images))
    table = compare(found, data, settings)
    for name in (TABLE, RECORD, ACTIVATIONS):  # what is replaced
        (folder / name).unlink(missing_ok=True)
    if save_activations:
        write_activations(found, folder / ACTIVATIONS)
    about = {"run": run, "epoch": epoch, **_source(study, chosen)}
    write(table, {**about, **_record(data, settings, names)}, folder)
    return table


def _check_images(name: str, dataset: Dataset, neural: NeuralData) -> None:
    """Raises `ConfigError` if neurons saw images of another size than the run."""
    trained, shown = dataset.image_shape, neural.images.shape[1:]
    if trained != shown:
        raise ConfigError(
            f"images of the neural data are {_times(shown)}, {name} was trained on "
            f"{_times(trained)}: bring them to that size"
        )


def _compared_layers(run: Run, dataset: Dataset, asked: Sequence[str]) -> list[str]:
    """Returns the layers that are asked for; if none, those not within another."""
    known = layer_names(run, dataset.image_shape, dataset.num_classes)
    names = list(asked) or [name for name in known if "/" not in name]
    check_layers(names, known)
    return names


def _check_free(folder: Path) -> None:
    """Refuses a folder that holds a table; a record alone is of a killed write."""
    if not (folder / TABLE).exists():
        return
    if (folder / RECORD).exists():
        raise WorkdirError(f"{folder} holds a table: name another, or --overwrite")
    raise WorkdirError(
        f"{folder} holds a table without its {RECORD}, which says of what: put that "
        "back, name another folder, or --overwrite"
    )


def _source(study: Study, run: Run) -> dict[str, Any]:
    """Returns what a record says of a run beside its name, which other sweeps have."""
    columns = study.columns[run]
    told = {name: columns[name] for name in ("digest", OWN_CODE) if name in columns}
    return {"sweep": study.sweep.name, **told, "versions": versions()}


def _record(
    data: NeuralData, settings: Settings, layers: Sequence[str]
) -> dict[str, Any]:
    return {
        "neural": data.checksum,
        "images": len(data.images),
        "repeats": len(data.responses),
        "neurons": list(data.neurons),
        "layers": list(layers),
        "settings": json.loads(json.dumps(dataclasses.asdict(settings))),
    }


def _times(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))
