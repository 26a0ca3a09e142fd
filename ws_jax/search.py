"""Search over any fields of a run, by batches of points that train together.

Optuna asks for a batch of points; those that differ in one field only are a sweep in a
folder of its own, and train as one mapped program if that field is run data. So a
search that was stopped goes on: asked again, Optuna gives the same points, and
finished sweeps are read, not trained.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ws_jax.config import (
    Config,
    ConfigError,
    find_field,
    parse,
    split_values,
)
from ws_jax.engine import run_sweep
from ws_jax.names import in_name
from ws_jax.runs import Sweep
from ws_jax.search_record import (
    SEARCH_FILE,
    asked_for,
    differing,
    held,
    write_record,
)
from ws_jax.search_sweeps import (
    Point,
    best_values,
    line_field,
    mean_value,
    sweeps_of,
)
from ws_jax.storage import results
from ws_jax.storage.integrity import WorkdirError
from ws_jax.storage.results import RECORD_FILE

if TYPE_CHECKING:
    import optuna

# From a field, by its dotted name or the end of it, to (low, high) or (low, high,
# "log"), or to a list of choices.
Space = Mapping[str, tuple | list]
RATES = (1e-6, 1e-1, "log")


def search(
    sweep: Sweep,
    workdir: str | Path,
    *,
    num_batches: int,
    batch_size: int,
    space: Space | None = None,
    data_dir: str | None = None,
    seed: int = 0,
) -> optuna.Study:
    """Searches for the point whose runs have the best watched metric.

    Args:
      sweep: the runs. Its axes that are not searched are trained at every point, and a
        point's value is the mean over them of the best epoch's watched validation
        metric.
      workdir: folder of the search, made if missing.
      num_batches: how often points are asked for.
      batch_size: points asked for at a time.
      space: fields that are searched, see `Space`; if None, the learning rate and the
        depths of the sweep's axis `network.num_layers`.
      data_dir: folder with prepared or raw data.
      seed: of the search.
    Returns:
      The Optuna study, every point told; its parameters have the names of `space`, and
      values that are parts (optimisers, say) are told by their kind, several parts as
      `noise+rotation`, and without any as `none`. A point of which a run diverged has
      failed, and has no value.
    Raises:
      ConfigError: if Optuna is missing (the extra `search`) or a number makes no sense.
      WorkdirError: if the folder holds a search of another seed, batch size, space or
        config.
    Source: Ott et al. 2020, Appendix A.1, whose grid the default space fills.
    """
    if num_batches < 1 or batch_size < 1:
        raise ConfigError(
            f"a search needs at least one batch of one point, got {num_batches} of "
            f"{batch_size}"
        )
    sweep = sweep.checked()
    space = default_space(sweep) if space is None else dict(space)
    paths = {name: find_field(sweep.base, name) for name in space}
    if not space or len(set(paths.values())) < len(paths):
        raise ConfigError(f"a search needs fields, each once, got {list(space)}")
    _check(space)
    distributions = _distributions(space)
    asked = asked_for(sweep.values(), space, seed, batch_size)
    kept = {p: v for p, v in sweep.axes.items() if p not in paths.values()}
    sweep = dataclasses.replace(sweep, axes=kept)
    with held(Path(workdir), asked) as recorded:
        study = _new_study(sweep, batch_size, seed)
        for batch in range(num_batches):
            trials = [study.ask(distributions) for _ in range(batch_size)]
            folder = Path(workdir) / f"batch_{batch:03d}"
            points = [
                {paths[n]: _meant(space[n], v) for n, v in t.params.items()}
                for t in trials
            ]
            if folder.exists():
                last = not folder.with_name(f"batch_{batch + 1:03d}").exists()
                _check_batch(sweep, points, folder, recorded, last)
            elif not recorded:  # all that is there is this search's own
                write_record(Path(workdir), asked)
                recorded = True
            _tell(study, trials, train_points(sweep, points, folder, data_dir))
        if not recorded:
            write_record(Path(workdir), asked)
    return study


def _new_study(sweep: Sweep, batch_size: int, seed: int) -> optuna.Study:
    """Returns a study of Optuna's that draws its first two batches at random."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=2 * batch_size)
    direction = "maximize" if sweep.base.task.maximized else "minimize"
    return optuna.create_study(direction=direction, sampler=sampler)


def _tell(
    study: optuna.Study, trials: Sequence[optuna.trial.Trial], values: Sequence[float]
) -> None:
    """Tells the values of a batch; a point of which a run diverged has failed."""
    from optuna.trial import TrialState

    for trial, value in zip(trials, values, strict=True):
        if math.isfinite(value):
            study.tell(trial, value)
        else:
            study.tell(trial, state=TrialState.FAIL)


def _check_batch(
    sweep: Sweep, points: Sequence[Point], folder: Path, recorded: bool, last: bool
) -> None:
    """Checks that what there is of a batch is of these points; nothing is trained.

    Args:
      sweep: without the fields that are searched.
      points: of the batch, as the search that is asked for has them.
      folder: of the batch.
      recorded: whether the search's own record says that the folder is this one's;
        then only sweeps of the same name are compared.
      last: whether it may lack sweeps, since no later one has begun.
    Raises:
      WorkdirError: if it is of others.
    """
    parts = {place.name: part for _, part, place in sweeps_of(sweep, points, folder)}
    begun = {path.parent.name: path for path in folder.glob(f"*/{RECORD_FILE}")}
    wrong = begun.keys() - parts.keys() if last else begun.keys() ^ parts.keys()
    wrong = set() if recorded else wrong
    changed = [f"{name} is in one of them only" for name in sorted(wrong)]
    for name in sorted(begun.keys() & parts.keys()):
        there = results.read_record(begun[name])["config"]
        asked = json.loads(json.dumps(parts[name].values()))  # tuples are lists
        changed += [f"{name} {field}" for field in differing(there, asked)]
    if changed:
        lacks = "" if recorded else f", of which there is no {SEARCH_FILE}"
        raise WorkdirError(
            f"{folder} is of another search{lacks} (there -> asked): "
            f"{'; '.join(changed)}. Ask for what that one asked for, or "
            "name another folder with --workdir"
        )


def value_text(sweep: Sweep, space: Space | None = None) -> str:
    """Says in a line what the value of a point is, as a mean over which axes.

    Args:
      sweep: that is searched.
      space: as in `search`.
    """
    sweep = sweep.checked()
    space = default_space(sweep) if space is None else space
    searched = {find_field(sweep.base, name) for name in space}
    left = [
        f"{path} ({', '.join(str(one) for one in _words(list(values)))})"
        for path, values in sweep.axes.items()
        if path not in searched and len(values) > 1
    ]
    mean = f"mean over {' and '.join(left)} of " if left else ""
    return f"{mean}the best epoch's val_{sweep.base.task.watched}, and the point"


def point_text(trial: optuna.trial.FrozenTrial) -> str:
    """Returns a point and its value in a line, `diverged` where it has none."""
    value = "diverged" if trial.value is None else f"{trial.value:.4f}"
    point = [
        f"{name} {v:.6g}" if isinstance(v, float) else f"{name} {v}"
        for name, v in trial.params.items()
    ]
    return f"{value}  {', '.join(point)}"


def default_space(sweep: Sweep) -> dict[str, tuple | list]:
    """Returns the learning rate and the depths that a sweep has."""
    space: dict[str, tuple | list] = {"learning_rate": RATES}
    if depths := sweep.axes.get("network.num_layers"):
        space["num_layers"] = list(depths)
    return space


def read_space(
    sweep: Sweep, ranges: Sequence[str], choices: Sequence[str]
) -> dict[str, tuple | list]:
    """Returns the space that a person typed.

    Args:
      sweep: that has the fields.
      ranges: each `FIELD=LOW,HIGH` or `FIELD=LOW,HIGH,log`.
      choices: each `FIELD=V1,V2,…`.
    Raises:
      ConfigError: for a field that is not there or a value that is none of its.
    """
    space: dict[str, tuple | list] = {}
    for text in ranges:
        name, path, values = _split(sweep, text, "--range=FIELD=LOW,HIGH")
        log = values[2:] == ["log"]
        if len(values) != 2 + log:
            raise ConfigError(f"--range={text}: needs FIELD=LOW,HIGH or ...,log")
        ends = [parse(sweep.base, path, value) for value in values[:2]]
        if not all(type(end) in (int, float) for end in ends):
            raise ConfigError(
                f"--range={text}: {path} is no number: name its values, "
                f"--choice={name}=V1,V2"
            )
        space[name] = (*ends, "log") if log else tuple(ends)
    for text in choices:
        name, path, values = _split(sweep, text, "--choice=FIELD=V1,V2")
        space[name] = [parse(sweep.base, path, value) for value in values]
    return space


def _split(sweep: Sweep, text: str, form: str) -> tuple[str, str, list[str]]:
    name, _, values = text.partition("=")
    if not values:
        raise ConfigError(f"{text!r}: needs {form}")
    return name, find_field(sweep.base, name), split_values(values)


def best_first(study: optuna.Study) -> list[optuna.trial.FrozenTrial]:
    """Returns the points of a search, the best first; those without a value last."""
    sign = 1 if study.direction.name == "MINIMIZE" else -1

    def rank(trial):
        value = trial.value
        return math.inf if value is None or math.isnan(value) else sign * value

    return sorted(study.trials, key=rank)


def _check(space: Space) -> None:
    """Refuses fields without choices and ends that are none."""
    for name, values in space.items():
        if isinstance(values, list):
            if not values:
                raise ConfigError(f"the search has no choices for {name}")
            continue
        low, high, *rest = values
        log = rest == ["log"]
        if (rest and not log) or not low < high or (log and low <= 0):
            raise ConfigError(
                f"{name}={values}: a search needs rising ends, and 'log' or nothing "
                "after them; of logarithms both positive"
            )


def _distributions(space: Space) -> dict[str, Any]:
    """Makes Optuna's of a space that was checked."""
    try:
        from optuna import distributions
    except ImportError as error:
        raise ConfigError(
            "a search needs Optuna: install the extra 'search'"
        ) from error
    found: dict[str, Any] = {}
    for name, values in space.items():
        if isinstance(values, list):
            found[name] = distributions.CategoricalDistribution(_words(values))
            continue
        low, high, *log = values
        whole = isinstance(low, int) and isinstance(high, int)
        kind = distributions.IntDistribution if whole else None
        kind = kind or distributions.FloatDistribution
        found[name] = kind(low, high, log=bool(log))
    return found


def _words(values: Sequence[Any]) -> list[Any]:
    """Returns choices as Optuna keeps them: a part or a tuple as a word, each once."""
    found: list[Any] = []
    for value in values:
        plain = value is None or isinstance(value, str | int | float)
        word = value if plain else _word(value)
        again = sum(str(one).partition("-no")[0] == word for one in found)
        found.append(f"{word}-no{again + 1}" if again and not plain else word)
    return found


def _word(value: Any) -> str:
    """Returns the word of a part, of several (their kinds), or of a tuple."""
    if isinstance(value, tuple) and all(isinstance(one, Config) for one in value):
        return "+".join(map(in_name, value)) or "none"
    return in_name(value)


def _meant(values: tuple | list, word: Any) -> Any:
    """Returns the value that Optuna chose; a number of a range is itself."""
    return values[_words(values).index(word)] if isinstance(values, list) else word


def train_points(
    sweep: Sweep, points: Sequence[Point], folder: Path, data_dir: str | None
) -> list[float]:
    """Trains a batch of points; returns their values, NaN where a run diverged.

    Points that differ in nothing but the field of most values are one sweep.
    """
    path = line_field(points)
    found: dict[tuple, tuple[Sweep, Mapping[str, float]]] = {}
    for rest, part, place in sweeps_of(sweep, points, folder):
        run_sweep(part, place, data_dir=data_dir)
        found[rest] = part, best_values(part, results.read(place))
    values = []
    for point in points:
        rest = tuple((p, v) for p, v in point.items() if p != path)
        part, best = found[rest]
        values.append(mean_value(part, path, point[path], best))
    return values
