"""The parts of an experiment's config: frozen, checked while they are built."""

from __future__ import annotations

import dataclasses
import math

from ws_jax.config.checks import (
    AUGMENTATION_NAMES,
    LOWERING_NAMES,
    NETWORK_NAMES,
    OPTIMIZER_NAMES,
    PERTURBATION_NAMES,
    PHASE_NAMES,
    PRECISION_NAMES,
    READINGS,
    SCHEDULE_NAMES,
    check_name,
    parse_scheme,
    require,
)


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """Which images, and how they are cut into training and validation."""

    name: str = "mnist_5k"
    # `folds`: contiguous folds over the joined set; `published`: its own test part.
    split: str = "folds"
    num_folds: int = 5
    num_images: int = 0  # first images of the joined set that are used; 0 is all

    def __post_init__(self):
        check_name("data split", self.split, ["folds", "published"])
        require(self.num_folds >= 2, f"num_folds is {self.num_folds}, at least 2")
        require(self.num_images >= 0, f"num_images is {self.num_images}, below 0")


@dataclasses.dataclass(frozen=True)
class NetworkConfig:
    """A stack of (locally) convolutional layers and a dense head (Table A.2)."""

    name: str = "convnet"
    features: tuple[int, ...] = (32, 64, 128)
    kernel_sizes: tuple[int, ...] = (3, 3, 3)
    strides: tuple[int, ...] = (2, 2, 1)
    padding: str = "VALID"
    hidden: int = 1024

    def __post_init__(self):
        check_name("network", self.name, NETWORK_NAMES)
        check_name("padding", self.padding, ["VALID", "SAME"])
        lengths = {len(self.features), len(self.kernel_sizes), len(self.strides)}
        require(
            len(lengths) == 1 and lengths != {0},
            "network.features, kernel_sizes and strides need one entry a layer, got "
            f"{self.features}, {self.kernel_sizes}, {self.strides}",
        )
        sizes = (*self.features, *self.kernel_sizes, *self.strides, self.hidden)
        require(min(sizes) > 0, f"network sizes must be positive, got {sizes}")

    @property
    def num_layers(self) -> int:
        """Number of convolutional layers."""
        return len(self.features)


def mnist_network() -> NetworkConfig:
    """Returns the network for 28x28x1 images (Ott et al., Table A.2)."""
    return NetworkConfig()


def cifar10_network() -> NetworkConfig:
    """Returns the network for 32x32x3 images (Ott et al., Table A.2)."""
    return NetworkConfig(features=(64, 128, 256), kernel_sizes=(5, 5, 3))


@dataclasses.dataclass(frozen=True)
class SemanticsConfig:
    """Whose word holds where the paper and its released code differ.

    `bundle` sets all fields; a field that is not empty overrides it. Which fields
    there are, and what each reading means: `docs/design/0005-semantics.md`.
    """

    bundle: str = "paper"
    init: str = ""  # fans of a free kernel: per location, or of the stored shape
    edge_noise: str = ""  # border of every image, or of the batch
    severing: str = ""  # per connection, or per input unit of a layer
    rotation_centre: str = ""  # the centre of the image, or one pixel off
    batches: str = ""  # perturbed validation on the whole fold, or on whole batches
    shuffling: str = ""  # always, or not under noise and edge noise

    def __post_init__(self):
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value or field.name == "bundle":
                check_name(f"reading semantics.{field.name}", value, READINGS)

    def resolve(self) -> SemanticsConfig:
        """Returns the same semantics with every field filled in."""
        values = dataclasses.asdict(self)
        return SemanticsConfig(**{k: v or self.bundle for k, v in values.items()})


@dataclasses.dataclass(frozen=True)
class OptimizerConfig:
    """An optimiser for unit learning rate; the rate itself belongs to a run."""

    name: str = "adam"
    b1: float = 0.9
    b2: float = 0.999
    eps: float = 1e-7
    momentum: float = 0.0
    nesterov: bool = False
    weight_decay: float = 0.0  # added to the gradient, as L2 regularisation
    schedule: str = "constant"
    milestones: tuple[float, ...] = (0.3, 0.6, 0.8)  # `steps`: as parts of training
    decay: float = 0.2  # `steps`: the factor at each milestone

    def __post_init__(self):
        check_name("optimizer", self.name, OPTIMIZER_NAMES)
        check_name("schedule", self.schedule, SCHEDULE_NAMES)
        require(self.eps > 0, f"optimizer.eps is {self.eps}, must be positive")
        for name in ("b1", "b2", "momentum"):
            value = getattr(self, name)
            require(0 <= value < 1, f"optimizer.{name} is {value}, not in [0, 1)")


@dataclasses.dataclass(frozen=True)
class PhaseConfig:
    """What happens to the kernels between steps (`ws_jax.phases`)."""

    name: str = "none"
    every: int = 100  # steps
    sharing: str = "full"  # the sites that are brought together
    strength: float = 1.0  # `couple`: the part of the way to the group mean

    def __post_init__(self):
        check_name("phase", self.name, PHASE_NAMES)
        require(self.every > 0, f"phase.every is {self.every}, must be positive")
        require(0 <= self.strength <= 1, f"phase.strength {self.strength} not in 0..1")
        one = len(parse_scheme(self.sharing)) == 1
        require(one, f"phase.sharing is one scheme for all layers, got {self.sharing}")


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """How one run is trained."""

    epochs: int = 250
    patience: int = 50  # epochs without a better validation accuracy
    batch_size: int = 256
    optimizer: OptimizerConfig = OptimizerConfig()
    phase: PhaseConfig = PhaseConfig()

    def __post_init__(self):
        for name in ("epochs", "patience", "batch_size"):
            value = getattr(self, name)
            require(value > 0, f"train.{name} is {value}, must be positive")


@dataclasses.dataclass(frozen=True)
class EvaluationConfig:
    """What is evaluated and measured after every epoch."""

    perturbations: tuple[str, ...] = ("translation",)
    radii: tuple[int, ...] = ()  # kernel distances of the first layer (Section 5.4)

    def __post_init__(self):
        for name in self.perturbations:
            check_name("perturbation", name, PERTURBATION_NAMES)
        require(
            all(r > 0 for r in self.radii),
            f"evaluation.radii are {self.radii}, must be positive",
        )


@dataclasses.dataclass(frozen=True)
class SweepConfig:
    """The axes of a sweep; its runs are their product, doubles left out.

    `sharing`, `init`, `augmentations` and `num_layers` change the program, so they
    part the runs into groups. All others are run data: they never compile anew.
    """

    sharing: tuple[str, ...] = ("full", "free")
    init: tuple[str, ...] = ()  # readings; empty: as the semantics say
    augmentations: tuple[str, ...] = ("translation",)
    num_layers: tuple[int, ...] = ()  # first layers that are used; empty: all
    levels: tuple[float, ...] = (0.0,)
    severing: tuple[float, ...] = (0.0,)  # probability (VCP); shared kernels have none
    learning_rates: tuple[float, ...] = (1e-3,)
    folds: tuple[int, ...] = ()  # empty: all
    seeds: tuple[int, ...] = (0,)

    def __post_init__(self):
        for field in dataclasses.fields(self):
            axis = getattr(self, field.name)
            spare = field.name in ("init", "num_layers", "folds")
            require(spare or len(axis) > 0, f"sweep.{field.name} is empty")
            repeated = len(set(axis)) < len(axis)
            require(not repeated, f"sweep.{field.name} repeats a value: {axis}")
        for name in ("levels", "severing", "learning_rates"):
            # So that equal configs are written, hashed and drawn alike.
            floats = tuple(float(value) for value in getattr(self, name))
            object.__setattr__(self, name, floats)
        for scheme in self.sharing:
            parse_scheme(scheme)
        for name in self.init:
            check_name("reading sweep.init", name, READINGS)
        for name in self.augmentations:
            check_name("augmentation", name, AUGMENTATION_NAMES)
        self._check_numbers()

    def _check_numbers(self):
        for name in ("levels", "severing"):
            for value in getattr(self, name):
                require(0 <= value < 1, f"sweep.{name}: {value} is not in [0, 1)")
        for rate in self.learning_rates:
            ok = rate > 0 and math.isfinite(rate)
            require(ok, f"sweep.learning_rates: {rate} is not positive")
        for seed in self.seeds:
            require(0 <= seed < 2**32, f"sweep.seeds: {seed} is not in [0, 2**32)")


@dataclasses.dataclass(frozen=True)
class ExecutionConfig:
    """How the work is done; it may change rounding, never what is asked."""

    chunk: int = 0  # runs mapped in one program; 0: as many as suit the device
    lowering: str = "auto"
    precision: str = "highest"  # of every product; `high` allows TF32 on a GPU
    checkpoint_every: int = 10  # epochs
    keep: int = 1  # newest checkpoints that are kept

    def __post_init__(self):
        check_name("lowering", self.lowering, LOWERING_NAMES)
        check_name("precision", self.precision, PRECISION_NAMES)
        require(self.chunk >= 0, f"execution.chunk is {self.chunk}, below 0")
        for name in ("checkpoint_every", "keep"):
            value = getattr(self, name)
            require(value > 0, f"execution.{name} is {value}, must be positive")
