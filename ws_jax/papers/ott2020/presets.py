"""The settings of the first paper, from which its configs are cut.

Source: Ott et al. 2020, Table A.2 and Section 4.1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ws_jax.config import check_name
from ws_jax.measure import Distances
from ws_jax.models import ConvNet
from ws_jax.optimizers import Adam
from ws_jax.papers.ott2020.semantics import FANS, with_semantics
from ws_jax.runs import Data, Evaluation, Run, Sweep, Train
from ws_jax.transforms import VIEWS, Transform

LEVELS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.99)
# Level 0 is the same run for all kinds: it trains with translation.
OWN_LEVELS = LEVELS[1:]
# Of the translation levels, those at which connections are severed (Appendix C).
SEVERED_LEVELS = LEVELS[:5]
EVERYTHING = Evaluation(views=tuple(VIEWS.values()), measures=(Distances((1, 4)),))

# The axes of the paper's sweeps by the words of its presets, in the order in which
# its runs are listed: those that part the runs into programs come first.
AXES = {
    "sharing": "network.sharing",
    "num_layers": "network.num_layers",
    "init": "network.fans",
    "augmentations": "transforms",
    "seeds": "seed",
    "folds": "fold",
    "levels": "transforms.level",
    "severing": "network.vcp",
    "learning_rates": "train.optimizer.learning_rate",
}


_MNIST, _CIFAR10 = Data("mnist"), Data("cifar10")


def mnist(
    name: str,
    *,
    epochs: int = 250,
    patience: int = 50,
    data: Data = _MNIST,
    batch_size: int = 256,
    evaluation: Evaluation = EVERYTHING,
    semantics: str = "paper",
    **axes: Sequence,
) -> Sweep:
    """Returns a study of MNIST as in the paper.

    Args:
      name: of the sweep.
      epochs: the most a run takes.
      patience: epochs without a better validation accuracy.
      data: another data set of such images, or another split.
      batch_size: as said.
      evaluation: what is looked at after every epoch.
      semantics: whose readings hold, see `with_semantics`.
      **axes: of the sweep, by the words in `AXES`; CNN and FCN over all folds if not
        said otherwise.
    """
    _check_words(axes)
    train = Train(epochs=epochs, patience=patience, batch_size=batch_size)
    base = Run(data=data, network=ConvNet(), train=train, evaluation=evaluation)
    return with_semantics(make_sweep(name, base, **axes), semantics)


def cifar10(
    name: str,
    *,
    epochs: int = 500,
    patience: int = 100,
    data: Data = _CIFAR10,
    batch_size: int = 128,
    evaluation: Evaluation = EVERYTHING,
    semantics: str = "paper",
    **axes: Sequence,
) -> Sweep:
    """Returns a study of CIFAR-10 as in the paper; see `mnist` for the arguments."""
    _check_words(axes)
    network = ConvNet(features=(64, 128, 256), kernel_sizes=(5, 5, 3))
    optimizer = Adam(learning_rate=1e-4)
    train = Train(epochs, patience, batch_size, optimizer)
    base = Run(data=data, network=network, train=train, evaluation=evaluation)
    return with_semantics(make_sweep(name, base, **axes), semantics)


def _check_words(axes: Mapping[str, Any]) -> None:
    """Raises `ConfigError` for an argument of `mnist` and `cifar10` that is none."""
    known = (
        "epochs patience data batch_size evaluation semantics".split()  # and axes
    )
    for word in axes:
        check_name("argument", word, [*known, *AXES])


def make_sweep(name: str, base: Run, **axes: Sequence) -> Sweep:
    """Returns a sweep of CNN and FCN over all folds, unless `axes` say otherwise."""
    asked = {"sharing": ("full", "free"), "folds": Sweep.ALL_FOLDS, **axes}
    return Sweep(name, base, axis_values(asked))


def axis_values(asked: Mapping[str, Any]) -> dict[str, tuple]:
    """Returns axes by field, in order, from axes by the words in `AXES`."""
    for word in asked:
        check_name("axis", word, AXES)
    axes = {
        path: tuple(_VALUES.get(word, tuple)(asked[word]))
        for word, path in AXES.items()
        if word in asked
    }
    return without_idle_levels(axes)


def without_idle_levels(axes: Mapping[str, Any]) -> dict[str, Any]:
    """Returns axes without the levels where nothing is there that has one."""
    if "transforms" not in axes or any(axes["transforms"]):
        return dict(axes)
    return {path: v for path, v in axes.items() if path != "transforms.level"}


def named_transforms(name: str) -> tuple[Transform, ...]:
    """Returns a transform by its kind, as it is by default; none for `none`."""
    if name == "none":
        return ()
    check_name("augmentation", name, {**Transform.kinds, "none": None})
    return (Transform.kinds[name](),)


def named_views(names: Sequence[str]) -> tuple[Transform, ...]:
    """Returns the paper's views by name."""
    for name in names:
        check_name("perturbation", name, VIEWS)
    return tuple(VIEWS[name] for name in names)


def _fans(readings: Sequence[str]) -> list[str]:
    for reading in readings:
        check_name("reading of init", reading, FANS)
    return [FANS[reading] for reading in readings]


_VALUES: dict[str, Callable[[Any], Any]] = {
    "init": _fans,
    "augmentations": lambda names: map(named_transforms, names),
}
