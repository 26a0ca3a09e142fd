"""A sweep: a base run and values for any of its fields.

Its runs are the product of the values of its axes, doubles left out.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from absl import logging

from ws_jax.config import (
    Config,
    ConfigError,
    axis_bases,
    axis_path,
    base_of,
    called,
    check_config,
    check_together,
    common_path,
    from_values,
    has_field,
    map_parts,
    names_part,
    paths,
    replace_field,
    require,
    simplify,
    to_values,
    typed,
)
from ws_jax.data.splits import SPLITS
from ws_jax.runs.run import Run


@dataclasses.dataclass(frozen=True)
class Sweep:
    """A base run, and the values of the fields along which runs differ.

    Attributes:
      name: of the sweep, as results tell it.
      base: what all runs have in common.
      axes: from a field's dotted name, or its end, to the values; the product of all
        axes, the last one varying fastest. An empty axis `fold` is all folds.
    """

    ALL_FOLDS: ClassVar[tuple] = ()

    name: str = "sweep"
    base: Run = Run()
    axes: Mapping[str, Sequence | np.ndarray] = dataclasses.field(default_factory=dict)

    def checked(self) -> Sweep:
        """Returns the same sweep with every value checked and every axis in full.

        Two values of an axis that make the same runs, whatever the other axes say, are
        warned of; of a field that changes no training, as views, they are an error,
        since what only one of them has would be missing from the results.

        Raises:
          ConfigError: for a value that is not allowed, an axis that names no field or
            one twice, has no or equal values, or a field that cannot be swept.
        """
        if self._axes_checked == self.axes:
            return self
        sweep = self._in_full()
        sweep._check_kinds()
        for run in sweep.runs():
            check_together(run)
        sweep._check_severing()
        sweep._check_values_differ()
        return sweep

    def _in_full(self) -> Sweep:
        """Returns the same sweep, its values of their fields' types, its axes in full.

        A sweep that is so already is returned as it is.
        """
        # A file, the command line and the engine each ask, of a thousand runs maybe.
        if self._axes_checked == self.axes:
            return self
        base = check_config(self.base)
        sweep = dataclasses.replace(self, base=base, axes=self._checked_axes(base))
        vars(sweep)["_axes_checked"] = dict(sweep.axes)
        return sweep

    @functools.cached_property
    def _axes_checked(self) -> Mapping[str, Any] | None:
        """The axes of a sweep that was checked, as they were then."""
        return None

    def _checked_axes(self, base: Run) -> dict[str, tuple]:
        """Parts come first: the kinds that they bring have fields, too."""
        found: dict[str, tuple[str, tuple]] = {}
        bases = [base]
        for parts in (True, False):
            for name in [n for n in self.axes if n not in found]:
                if not parts or names_part(bases, name):
                    path = axis_path(bases, name)
                    found[name] = path, self._values(bases, path, self.axes[name])
            bases = axis_bases(base, dict(found.values()))
        self._check_once({name: path for name, (path, _) in found.items()}, bases)
        return dict(found[name] for name in self.axes)

    def _check_once(self, named: Mapping[str, str], bases: Sequence[Run]) -> None:
        """Raises `ConfigError` if two axes are of one field, or one of it and others.

        Args:
          named: from an axis, as it was typed, to its field.
          bases: that may have the field.
        """
        for one, other in itertools.permutations(self.axes, 2):
            path, single = named[one], named[other]
            if path == single:
                raise ConfigError(
                    f"two axes for one field, {path}: {one!r} and {other!r}"
                )
            having = [base for base in bases if has_field(base, single)]
            if path in [common_path(base, single) for base in having]:
                raise ConfigError(
                    f"two axes for one field, {single}: {other!r}, and {one!r}, which "
                    f"is that of all {single.rpartition('.')[0].rpartition('.')[0]}"
                )

    def _values(self, bases: list[Run], path: str, values: Any) -> tuple:
        rule = next(rule for b in bases if (rule := paths(b).get(path)) is not None)
        if rule.fixed:
            raise ConfigError(f"{path} cannot be swept: {rule.fixed}")
        if isinstance(values, str) or not isinstance(values, Iterable):
            raise ConfigError(f"axis {path} is {values!r}, needs a tuple of values")
        found = tuple(typed(bases, path, value) for value in values)
        if path == "fold" and not found:
            found = tuple(range(SPLITS[bases[0].data.split].count(bases[0].data)))
        require(len(found) > 0, f"axis {path} is empty: name a value")
        repeated = any(a == b for a, b in itertools.combinations(found, 2))
        require(not repeated, f"axis {path} repeats a value: {found}")
        return found

    def _check_kinds(self) -> None:
        """Raises `ConfigError` if two classes go by one name: they would be doubles."""
        found: dict[tuple[type | None, str], type] = {}

        def add(part: Config) -> Config:
            one = found.setdefault((base_of(part), part.kind), type(part))
            if part.kind and one is not type(part):
                raise ConfigError(
                    f"two classes of this sweep are called {part.kind!r}: "
                    f"{called(one)} and {called(type(part))}; give each its own name"
                )
            return part

        map_parts(add, self.base)
        for value in itertools.chain.from_iterable(self.axes.values()):
            for part in value if isinstance(value, tuple) else (value,):
                if isinstance(part, Config):
                    map_parts(add, part)

    def _check_severing(self) -> None:
        """Raises `ConfigError` if connections were to be severed, and none are."""
        base = getattr(self.base.network, "vcp", 0.0)
        asked = max(self.axes.get("network.vcp", (base,)))
        rates = [getattr(run.network, "vcp", asked) for run in self.runs()]
        if asked > 0 and not any(rates):
            raise ConfigError(
                f"network.vcp {asked} would sever nothing: all sites share kernels in "
                "every network of this sweep; set network.sharing to free, or tiles:2"
            )

    def runs(self) -> list[Run]:
        """Returns the runs, each once.

        Raises:
          ConfigError: for an axis that names no field or changes no run, or a value
            that is not allowed.
        """
        return list(self._runs)

    @functools.cached_property
    def _runs(self) -> list[Run]:
        found: dict[str, Run] = {}
        for told, run in self._product:
            found.setdefault(told, run)
        return _aligned(list(found.values()))

    @functools.cached_property
    def _product(self) -> list[tuple[str, Run]]:
        """Each run of the product of all axes, doubles included, after its identity."""
        found, sweep = [], self._in_full()
        idle = dict.fromkeys(sweep.axes)
        for values in itertools.product(*sweep.axes.values()):
            run = sweep.base
            chosen = zip(sweep.axes, values, strict=True)
            # A part as a whole before the fields that it then has.
            for path, value in sorted(chosen, key=lambda item: item[0].count(".")):
                if has_field(run, path):
                    run = replace_field(run, path, value)
                    idle.pop(path, None)
            run = simplify(run)
            found.append((json.dumps(run.identity, sort_keys=True), run))
        for path in idle:
            raise ConfigError(f"axis {path}: no run of this sweep has such a field")
        return found

    def _check_values_differ(self) -> None:
        """Warns, or raises `ConfigError`, of values that make the same runs throughout.

        All but one vanish, and with them what only they have, as a view's column.
        """
        told = [identity for identity, _ in self._product]
        numbers = {identity: number for number, identity in enumerate(told)}
        runs = np.array([numbers[identity] for identity in told], np.int64)
        runs = runs.reshape([len(values) for values in self.axes.values()])
        for place, (path, values) in enumerate(self.axes.items()):
            made: dict[bytes, list[Any]] = {}
            rows = (row.tobytes() for row in np.moveaxis(runs, place, 0))
            for value, row in zip(values, rows, strict=True):
                made.setdefault(row, []).append(value)
            for same in filter(lambda own: len(own) > 1, made.values()):
                _tell_same(path, same)

    def single(self) -> Sweep:
        """Returns the sweep of its first run alone."""
        axes = {path: values[:1] for path, values in self.checked().axes.items()}
        return dataclasses.replace(self, axes=axes)

    def values(self) -> dict[str, Any]:
        """Writes the sweep out, fit for JSON."""
        axes = {
            path: [_written(value) for value in values]
            for path, values in self.axes.items()
        }
        return {"name": self.name, "base": to_values(self.base), "axes": axes}

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> Sweep:
        """Reads what `values` has written; checks it."""
        base = from_values(Run, values["base"])
        return cls(values["name"], base, dict(values["axes"])).checked()


def _aligned(runs: list[Run]) -> list[Run]:
    """Gives all runs a decay in their program if one of them decays.

    So they train in one program. One without any is left as it is: adding zero times
    the parameters would change its rounding.
    """
    path = "train.optimizer.decays"
    able = [run for run in runs if has_field(run, path)]
    kinds = {type(r.train.optimizer) for r in able if r.train.optimizer.decays}
    return [
        replace_field(run, path, True) if type(run.train.optimizer) in kinds else run
        for run in runs
    ]


def _tell_same(path: str, values: Sequence[Any]) -> None:
    """Says that values of an axis make the same runs: an error, or a warning."""
    listed = ", ".join(map(_in_words, values[:-1]))
    said = f"axis {path}: {listed} and {_in_words(values[-1])} make the same runs"
    if path.startswith("evaluation."):
        raise ConfigError(
            f"{said}: it changes no training, so ask for all in one value"
        )
    logging.warning("%s, which are trained once", said)


def _in_words(value: Any) -> str:
    if isinstance(value, tuple):
        return "+".join(map(_in_words, value)) or "none"
    return value.kind if isinstance(value, Config) else str(value)


def _written(value: Any) -> Any:
    if isinstance(value, Config):
        return to_values(value)
    return [_written(v) for v in value] if isinstance(value, tuple) else value
