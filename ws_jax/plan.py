"""From a config to its runs: which there are, and which train in one program.

A `Run` is one training; a `Spec` is the static part of runs, what sets the program;
a `Group` is all runs of one spec. Pure Python: nothing here touches a device.
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
from collections.abc import Mapping
from typing import Any

from ws_jax.config import (
    ConfigError,
    ExecutionConfig,
    ExperimentConfig,
    SweepConfig,
    parse_scheme,
)

MODEL_NAMES = {"full": "cnn", "free": "fcn"}  # as in the original study's tables


@dataclasses.dataclass(frozen=True)
class Run:
    """One training, by everything that tells it from others of its sweep."""

    sharing: str
    init: str
    num_layers: int
    augmentation: str  # `none` at level 0, where all kinds are the same
    level: float
    severing: float
    learning_rate: float
    fold: int
    seed: int

    @property
    def name(self) -> str:
        """A readable name, unique in a sweep and fit for a file."""
        return (
            f"{_slug(self.sharing)}-{self.init}-{self.num_layers}layers-"
            f"{self.augmentation}{_short(self.level)}-p{_short(self.severing)}-"
            f"lr{_short(self.learning_rate)}-fold{self.fold}-seed{self.seed}"
        )

    @property
    def model(self) -> str:
        """`cnn`, `fcn`, or the sharing scheme."""
        return MODEL_NAMES.get(self.sharing, self.sharing)

    def stream(self) -> int:
        """Returns the 32 bits from which the run's random stream is made.

        They depend on fold, sharing and level (the seed starts the stream), never on
        the place in a sweep. Runs that differ otherwise, in the initialisation's
        reading or the learning rate, say, draw the same numbers: compared pairwise,
        they differ by what was changed and not by luck.
        """
        return _bits(f"{self.fold}/{self.sharing}/{self.level!r}")

    def evaluation_stream(self) -> int:
        """Returns 32 bits for the draws of the perturbed evaluations.

        Equal for all runs on a fold, so that all are judged on the same images.
        """
        return _bits(f"evaluation/{self.fold}")


@dataclasses.dataclass(frozen=True)
class Spec:
    """The static part of runs: what sets shapes or changes the program."""

    config: ExperimentConfig  # its sweep is empty: the axes are below, or run data
    sharing: str
    init: str
    augmentation: str
    num_layers: int
    severing: str  # `none`, or the reading by which connections are severed


@dataclasses.dataclass(frozen=True)
class Group:
    """The runs of one spec, which one program trains."""

    spec: Spec
    runs: tuple[Run, ...]

    @property
    def name(self) -> str:
        """A readable name, unique in a sweep and fit for a folder."""
        spec = self.spec
        severed = "" if spec.severing == "none" else f"-severed_{spec.severing}"
        return (
            f"{_slug(spec.sharing)}-{spec.init}-{spec.num_layers}layers-"
            f"{spec.augmentation}{severed}"
        )


def make_plan(config: ExperimentConfig) -> tuple[Group, ...]:
    """Returns the groups of a sweep, each run in just one of them.

    Level 0 of all augmentations is one run: it trains with the first kind.
    """
    groups, seen = [], set()
    sweep = config.sweep
    inits = sweep.init or (config.semantics.resolve().init,)
    depths = sweep.num_layers or (config.network.num_layers,)
    for sharing, depth, init, kind in itertools.product(
        sweep.sharing, depths, inits, sweep.augmentations
    ):
        group = _make_group(config, sharing, depth, init, kind, seen)
        if group.runs:
            groups.append(group)
            seen.update(group.runs)
    return tuple(groups)


def _make_group(config, sharing, depth, init, kind, seen) -> Group:
    sweep = config.sweep
    unshared = any(name != "full" for name, _ in parse_scheme(sharing))
    severed = unshared and any(p > 0 for p in sweep.severing)
    spec = Spec(
        config=static_part(config),
        sharing=sharing,
        init=init if unshared else "paper",  # the readings agree on one kernel
        augmentation=kind,
        num_layers=depth,
        severing=config.semantics.resolve().severing if severed else "none",
    )
    folds = sweep.folds or tuple(range(num_folds(config)))
    runs = []
    for seed, fold, level, p, rate in itertools.product(
        sweep.seeds, folds, sweep.levels, sweep.severing, sweep.learning_rates
    ):
        level = 0.0 if kind == "none" else level
        run = Run(
            sharing=sharing,
            init=spec.init,
            num_layers=depth,
            augmentation=kind if level > 0 else "none",
            level=level,
            severing=p if unshared else 0.0,
            learning_rate=rate,
            fold=fold,
            seed=seed,
        )
        if run not in seen and run not in runs:
            runs.append(run)
    return Group(spec, tuple(runs))


def single_run(config: ExperimentConfig, asked: Mapping[str, Any]) -> ExperimentConfig:
    """Cuts a sweep down to one run.

    Args:
      config: of the sweep.
      asked: from axes of `SweepConfig` to the value wanted; an axis that is absent or
        None takes the first value that the sweep has.
    """
    axes = {}
    for field in dataclasses.fields(config.sweep):
        axis, value = getattr(config.sweep, field.name), asked.get(field.name)
        axes[field.name] = axis[:1] if value is None else (value,)
    axes["folds"] = axes["folds"] or (0,)
    return dataclasses.replace(config, sweep=SweepConfig(**axes))


def num_folds(config: ExperimentConfig) -> int:
    """Returns how many ways the data are cut into training and validation."""
    return config.data.num_folds if config.data.split == "folds" else 1


def static_part(config: ExperimentConfig) -> ExperimentConfig:
    """Returns the config without what is swept or only says how work is done.

    Configs that are equal in it give a run the same program and the same numbers,
    rounding apart.
    """
    execution = ExecutionConfig(
        lowering=config.execution.lowering, precision=config.execution.precision
    )
    return dataclasses.replace(
        config, name="", sweep=SweepConfig(), execution=execution
    )


def layer_sites(
    config: ExperimentConfig, depth: int, image_shape: tuple[int, int, int]
) -> tuple[tuple[int, int], ...]:
    """Returns the output sites (oh, ow) of each convolutional layer.

    Raises:
      ConfigError: if the image is too small for the layers' windows and strides.
    """
    net, size, sites = config.network, image_shape[:2], []
    for i in range(depth):
        k, s = net.kernel_sizes[i], net.strides[i]
        pad = k - 1 if net.padding == "SAME" else 0
        size = tuple((n + pad - k) // s + 1 for n in size)
        if min(size) < 1:
            raise ConfigError(
                f"images of {image_shape[0]}x{image_shape[1]} are too small for the "
                f"network: nothing is left after layer {i + 1} (window {k}x{k}, "
                f"stride {s}, padding {net.padding})"
            )
        sites.append(size)
    return tuple(sites)


def check_fits(config: ExperimentConfig, image_shape: tuple[int, int, int]) -> None:
    """Raises `ConfigError` if the network or its measures do not suit the images."""
    schemes = [parse_scheme(scheme) for scheme in config.sweep.sharing]
    measured = any(scheme[0][0] != "full" for scheme in schemes)
    for depth in config.sweep.num_layers or (config.network.num_layers,):
        first = layer_sites(config, depth, image_shape)[0]
        for radius in config.evaluation.radii if measured else ():
            if min(first) <= 2 * radius:
                raise ConfigError(
                    f"evaluation.radii: {radius} needs more than {2 * radius} sites a "
                    f"side, the first layer has {first[0]}x{first[1]}"
                )


def _short(number: float) -> str:
    """Formats a number, as short as can be read back."""
    short = f"{number:g}"
    return short if float(short) == number else repr(number)


def _slug(scheme: str) -> str:
    return scheme.replace(":", "").replace("/", "+")


def _bits(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
