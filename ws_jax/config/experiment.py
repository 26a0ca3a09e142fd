"""The whole config of an experiment, and how it is made from what a person typed."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from ws_jax.config.checks import ConfigError, nearest, require
from ws_jax.config.parts import (
    DataConfig,
    EvaluationConfig,
    ExecutionConfig,
    NetworkConfig,
    SemanticsConfig,
    SweepConfig,
    TrainConfig,
)

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class ExperimentConfig:
    """A sweep: data, network, training, and the axes along which runs differ."""

    name: str = "sweep"
    data: DataConfig = DataConfig()
    network: NetworkConfig = NetworkConfig()
    semantics: SemanticsConfig = SemanticsConfig()
    train: TrainConfig = TrainConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    sweep: SweepConfig = SweepConfig()
    execution: ExecutionConfig = ExecutionConfig()

    def __post_init__(self):
        deepest = self.network.num_layers
        for n in self.sweep.num_layers:
            ok = 1 <= n <= deepest
            require(ok, f"sweep.num_layers: {n} is not in 1..{deepest}")
        last = self.data.num_folds - 1 if self.data.split == "folds" else 0
        for fold in self.sweep.folds:
            ok = 0 <= fold <= last
            require(ok, f"sweep.folds: {fold} is not in 0..{last}")

    def to_config_dict(self):
        """Returns the `ConfigDict` that command-line overrides are applied to."""
        import ml_collections

        return ml_collections.ConfigDict(dataclasses.asdict(self))

    @classmethod
    def from_config_dict(cls, values: Any) -> ExperimentConfig:
        """Builds the config from a `ConfigDict` or nested mapping, strictly.

        Raises:
          ConfigError: for an unknown field (the nearest known one is named), a value
            of another type than the field's, or a value out of its range.
        """
        return _build(cls, values, "config")

    def digest(self) -> str:
        """Returns a short hash that is equal for equal configs only."""
        text = json.dumps(dataclasses.asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def differing_fields(a: Mapping, b: Mapping, prefix: str = "") -> list[str]:
    """Lists the dotted names of the fields in which two nested mappings differ.

    Example:
      >>> differing_fields({"train": {"epochs": 1}}, {"train": {"epochs": 2}})
      ['train.epochs: 1 -> 2']
    """
    found = []
    for key in sorted({*a, *b}):
        x, y = a.get(key, "absent"), b.get(key, "absent")
        if isinstance(x, Mapping) and isinstance(y, Mapping):
            found += differing_fields(x, y, f"{prefix}{key}.")
        elif x != y:
            found.append(f"{prefix}{key}: {x} -> {y}")
    return found


def _build(cls: type[T], values: Any, path: str) -> T:
    """Makes the dataclass `cls` from a mapping whose place in the config is `path`."""
    hints = get_type_hints(cls)
    known = [field.name for field in dataclasses.fields(cls)]  # type: ignore[arg-type]
    for name in values:
        if name not in known:
            raise ConfigError(f"unknown field {path}.{name}: {nearest(name, known)}")
    return cls(**{n: _value(hints[n], values[n], f"{path}.{n}") for n in values})


def _value(hint: Any, value: Any, path: str) -> Any:
    """Checks one value against its field's type; makes lists tuples, ints floats."""
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        if not isinstance(value, Mapping):
            # A ConfigDict is not a Mapping, but its `items` are those of one.
            if not hasattr(value, "items"):
                raise ConfigError(f"{path} is {value!r}, needs fields")
            value = dict(value.items())
        return _build(hint, value, path)
    if get_origin(hint) is tuple:
        if not isinstance(value, tuple | list):
            raise ConfigError(f"{path} is {value!r}, needs a tuple, as in '(1, 2)'")
        item = get_args(hint)[0]
        return tuple(_value(item, v, f"{path}[{i}]") for i, v in enumerate(value))
    if hint is float and type(value) is int:
        return float(value)
    if type(value) is not hint:
        raise ConfigError(
            f"{path} is {value!r} ({type(value).__name__}), needs {hint.__name__}"
        )
    return value
