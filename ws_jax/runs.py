"""What a run is, wholly, and a sweep: a base run and values for any of its fields.

A `Run` describes one training, fold and seed included. Its data fields are the leaves
of a pytree, all else is its structure: runs of equal structure train in one program.
A `Sweep` is the product of the values of its axes, doubles left out.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import itertools
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

from ws_jax.config import (
    MOST,
    Config,
    ConfigError,
    axis_bases,
    axis_path,
    check_config,
    check_name,
    check_together,
    config,
    essence,
    from_values,
    get_field,
    has_axis,
    has_field,
    part,
    paths,
    replace_field,
    require,
    rules,
    simplify,
    static,
    to_values,
    typed,
)
from ws_jax.config import data as number  # a field of `Run` is called data
from ws_jax.data.splits import SPLITS
from ws_jax.lowerings import LOWERINGS
from ws_jax.measure import Measure
from ws_jax.models import ConvNet, Network
from ws_jax.optimizers import Adam, Optimizer
from ws_jax.phases import NoPhase, Phase
from ws_jax.tasks import Classification, Task
from ws_jax.transforms import VIEWS, Transform, Translation

_ONE_DATA_SET = "all runs of a sweep see one data set: start a sweep for each"
_HOW = "it says how the work is done, not what is trained"


@config
class Data(Config):
    """Which images, and how they are cut into training, validation and test."""

    name: str = static("mnist_5k", "data set, see README", fixed=_ONE_DATA_SET)
    split: str = static(
        "folds", "folds of the joined set, or the published parts", fixed=_ONE_DATA_SET
    )
    num_folds: int = static(5, "into which it is cut", low=2, fixed=_ONE_DATA_SET)
    holdout: float = static(
        0.1, "last part of the training images that `holdout` validates on",
        low=0, high=1, open_low=True, open_high=True, fixed=_ONE_DATA_SET,
    )  # fmt: skip
    num_images: int = static(
        0, "first images of the joined set that are used; 0: all", low=0,
        fixed=_ONE_DATA_SET,
    )  # fmt: skip

    def check(self) -> None:
        """The split must be one that is known."""
        check_name("data split", self.split, SPLITS)

    def essence(self):
        """What its way to split does not use does not count."""
        default, used = Data(), SPLITS[self.split].fields
        unused = {"num_folds", "holdout"} - set(used)
        same = {name: getattr(default, name) for name in unused}
        return dataclasses.replace(self, **same)


@config
class Train(Config):
    """How one run is trained."""

    epochs: int = static(250, "the most it takes", low=1)
    patience: int = number(
        50, "epochs without a better watched metric", low=1, high=MOST
    )
    batch_size: int = static(256, "images before any repetition", low=1)
    optimizer: Optimizer = part(Adam(), "how parameters move")
    phase: Phase = part(NoPhase(), "what happens to kernels between steps")


@config
class Evaluation(Config):
    """What is evaluated and measured after every epoch."""

    views: tuple[Transform, ...] = part(
        (VIEWS["translation"],), "changes under which validation images are scored"
    )
    whole_batches: bool = static(False, "whether views end at the last whole batch")
    measures: tuple[Measure, ...] = part((), "of the parameters")

    def check(self) -> None:
        """No two views have one name."""
        names = [view.kind for view in self.views]
        twice = len(set(names)) < len(names)
        require(not twice, f"evaluation.views names one twice: {', '.join(names)}")

    def essence(self):
        """What is looked at changes nothing, but views that are not the usual."""
        usual = VIEWS.values()
        unusual = tuple(view for view in self.views if view not in usual)
        return dataclasses.replace(self, views=unusual, measures=())


@config
class Execution(Config):
    """How the work is done; it may change rounding, never what is asked."""

    chunk: int = static(
        0, "runs mapped in one program; 0: as many as suit the device", low=0,
        fixed=_HOW, identity=False,
    )  # fmt: skip
    lowering: str = static("auto", "of the op", names=("auto", *LOWERINGS), fixed=_HOW)
    precision: str = static(
        "highest", "of products; `high` allows TF32 on a GPU",
        names=("highest", "high", "default"), fixed=_HOW,
    )  # fmt: skip
    checkpoint_every: int = static(10, "epochs", low=1, fixed=_HOW, identity=False)
    keep: int = static(
        1, "newest checkpoints that are kept", low=1, fixed=_HOW, identity=False
    )
    keep_state: bool = static(
        False, "whether what is done keeps all that more epochs need",
        fixed=_HOW, identity=False,
    )  # fmt: skip


@config
class Run(Config):
    """One training, by everything that can change its numbers."""

    data: Data = part(Data(), "images")
    fold: int = number(0, "validation fold, from 0", low=0)
    seed: int = number(0, "of all random numbers", low=0, high=2**32 - 1)
    network: Network = part(ConvNet(), "what is trained")
    task: Task = part(Classification(), "what is learned")
    transforms: tuple[Transform, ...] = part(
        (Translation(),), "of the training images, in order"
    )
    train: Train = part(Train(), "how")
    evaluation: Evaluation = part(Evaluation(), "what is looked at")
    execution: Execution = part(Execution(), "how the work is done")
    semantics: str = static(
        "paper", "whose readings a preset has set, for the reader",
        fixed="presets set it", identity=False,
    )  # fmt: skip

    def check(self) -> None:
        """The fold must be one of the split's."""
        last = SPLITS[self.data.split].count(self.data) - 1
        require(0 <= self.fold <= last, f"fold: {self.fold} is not in 0..{last}")

    def simplified(self):
        """A phase has nothing to do where no site has a kernel of its own."""
        if self.train.phase.kind == NoPhase.kind or self.network.stores_fields():
            return self
        train = dataclasses.replace(self.train, phase=NoPhase())
        return dataclasses.replace(self, train=train)

    @property
    def levels(self) -> tuple[float, ...]:
        """The levels of its transforms, of those that change anything."""
        leveled = [t for t in self.transforms if "level" in rules(t)]
        levels = (get_field(t, "level") for t in leveled)
        return tuple(level for level in levels if level > 0)

    def stream(self) -> int:
        """Returns the 32 bits from which the run's random stream is made.

        They depend on fold, sharing and level (the seed starts the stream), never on
        the place in a sweep. Runs that differ otherwise, in the initialisation or the
        learning rate, say, draw the same numbers: compared pairwise, they differ by
        what was changed and not by luck.
        """
        sharing = getattr(self.network, "sharing", self.network.kind)
        levels = "+".join(map(repr, self.levels)) or repr(0.0)
        return _bits(f"{self.fold}/{sharing}/{levels}")

    def evaluation_stream(self) -> int:
        """Returns 32 bits for the draws of the views.

        Equal for all runs on a fold, so that all are judged on the same images.
        """
        return _bits(f"evaluation/{self.fold}")

    def digest(self, data_fingerprint: str, pooled: bool = False) -> str:
        """Returns what tells this training from others, equal for equal ones only.

        Args:
          data_fingerprint: of the images and labels, in their order.
          pooled: whether folds and seeds are left out, as where they are pooled.
        """
        kept = essence(self)
        for name in ("fold", "seed") if pooled else ():
            kept.pop(name, None)
        text = json.dumps([data_fingerprint, kept], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def _bits(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


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
    axes: Mapping[str, Sequence] = dataclasses.field(default_factory=dict)

    def checked(self) -> Sweep:
        """Returns the same sweep with every value checked and every axis in full.

        Raises:
          ConfigError: for a value that is not allowed, an axis that names no field or
            one twice, has no or equal values, or a field that cannot be swept.
        """
        base = check_config(self.base)
        sweep = dataclasses.replace(self, base=base, axes=self._checked_axes(base))
        for run in sweep.runs():
            check_together(run)
        sweep._check_severing()
        return sweep

    def _checked_axes(self, base: Run) -> dict[str, tuple]:
        """Those of the base's fields first: kinds that they bring have fields, too."""
        found: dict[str, tuple[str, tuple]] = {}
        bases = [base]
        for last in (False, True):
            for name in self.axes.keys() - found.keys():
                if last or has_axis(bases, name):
                    path = axis_path(bases, name)
                    found[name] = path, self._values(bases, path, self.axes[name])
            bases = axis_bases(base, dict(found.values()))
        axes: dict[str, tuple] = {}
        for name in self.axes:
            path, values = found[name]
            if path in axes:
                raise ConfigError(f"two axes for one field: {path}, as {name}")
            axes[path] = values
        return axes

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
          ConfigError: for an axis that changes no run.
        """
        return list(self._runs)

    @functools.cached_property
    def _runs(self) -> list[Run]:
        found: dict[str, Run] = {}
        idle = dict.fromkeys(self.axes)
        for values in itertools.product(*self.axes.values()):
            run = self.base
            chosen = zip(self.axes, values, strict=True)
            # A part as a whole before the fields that it then has.
            for path, value in sorted(chosen, key=lambda item: item[0].count(".")):
                if has_field(run, path):
                    run = replace_field(run, path, value)
                    idle.pop(path, None)
            run = simplify(run)
            found.setdefault(json.dumps(essence(run), sort_keys=True), run)
        for path in idle:
            raise ConfigError(f"axis {path}: no run of this sweep has such a field")
        return _aligned(list(found.values()))

    def variants(self) -> list[Run]:
        """Returns the base, and with each part that an axis brings."""
        return axis_bases(self.base, self.axes)

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
    kinds = {type(r.train.optimizer) for r in runs if r.train.optimizer.decays}
    return [
        replace_field(run, "train.optimizer.decays", True)
        if type(run.train.optimizer) in kinds
        else run
        for run in runs
    ]


def _written(value: Any) -> Any:
    if isinstance(value, Config):
        return to_values(value)
    return [_written(v) for v in value] if isinstance(value, tuple) else value
