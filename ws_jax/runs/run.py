"""What a run is, wholly: one training, fold and seed included.

Its data fields are the leaves of a pytree, all else is its structure: runs of equal
structure train in one program.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from ws_jax.config import (
    MOST,
    Config,
    check_name,
    config,
    essence,
    get_field,
    part,
    require,
    rules,
    static,
)
from ws_jax.config import data as number  # a field of `Run` is called data
from ws_jax.data.dataset import is_own
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
        if is_own(self.name):  # what is in the files tells, not where they lie
            same["name"] = "own"
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
    test: str = static(
        "end", "when the test images are scored, if there are any: at a run's end, or "
        "after every epoch", names=("end", "epoch"),
    )  # fmt: skip

    def check(self) -> None:
        """No two views have one name."""
        names = [view.kind for view in self.views]
        twice = len(set(names)) < len(names)
        require(not twice, f"evaluation.views names one twice: {', '.join(names)}")

    def essence(self):
        """What is looked at changes no training. Unusual views fill other columns.

        Measures say themselves whether their columns tell what they are.
        """
        usual = VIEWS.values()
        unusual = tuple(view for view in self.views if view not in usual)
        return dataclasses.replace(self, views=unusual, test="end")


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
    changed_code: bool = static(
        False, "whether to go on though code of your own was changed",
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
        task = self.task.suited(self.network)
        run = self if task == self.task else dataclasses.replace(self, task=task)
        if self.train.phase.kind == NoPhase.kind or self.network.stores_fields():
            return run
        train = dataclasses.replace(self.train, phase=NoPhase())
        return dataclasses.replace(run, train=train)

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

    @functools.cached_property
    def identity(self) -> Mapping[str, Any]:
        """What of it can change a number, see `config.essence`."""
        return essence(self)

    def digest(
        self, data_fingerprint: str, pooled: bool = False, code: str = ""
    ) -> str:
        """Returns what tells this training from others, equal for equal ones only.

        Args:
          data_fingerprint: of the images and labels, in their order.
          pooled: whether folds and seeds are left out, as where they are pooled.
          code: digest of a user's own code in it; empty if there is none.
        """
        return self.digests(data_fingerprint, code)[pooled]

    def digests(self, data_fingerprint: str, code: str = "") -> tuple[str, str]:
        """Returns both digests, the whole one and the pooled one."""
        kept = self.identity
        pooled = {k: v for k, v in kept.items() if k not in ("fold", "seed")}
        own = [code] if code else []
        texts = (
            json.dumps([data_fingerprint, part, *own], sort_keys=True)
            for part in (kept, pooled)
        )
        whole, cell = (hashlib.sha256(text.encode()).hexdigest() for text in texts)
        return whole[:16], cell[:16]


def _bits(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
