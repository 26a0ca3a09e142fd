"""The settings of the original study, from which its configs are cut.

Source: Ott et al. 2020, Table A.2 and Section 4.1.
"""

from __future__ import annotations

from typing import Any

from ws_jax.config.checks import PERTURBATION_NAMES
from ws_jax.config.experiment import ExperimentConfig
from ws_jax.config.parts import (
    DataConfig,
    EvaluationConfig,
    SweepConfig,
    TrainConfig,
    cifar10_network,
    mnist_network,
)

LEVELS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.99)
# Level 0 is the same run for all kinds: it trains with translation.
OWN_LEVELS = LEVELS[1:]
# Of the translation levels, those at which connections are severed (Appendix C).
SEVERED_LEVELS = LEVELS[:5]
EVERYTHING = EvaluationConfig(perturbations=tuple(PERTURBATION_NAMES), radii=(1, 4))


def mnist(
    name: str, *, epochs: int = 250, patience: int = 50, **sweep: Any
) -> ExperimentConfig:
    """Returns a study of MNIST as in the paper; `sweep` are axes of its sweep."""
    return ExperimentConfig(
        name=name,
        data=DataConfig(name="mnist"),
        network=mnist_network(),
        train=TrainConfig(epochs=epochs, patience=patience, batch_size=256),
        evaluation=EVERYTHING,
        sweep=_sweep(1e-3, sweep),
    )


def cifar10(
    name: str, *, epochs: int = 500, patience: int = 100, **sweep: Any
) -> ExperimentConfig:
    """Returns a study of CIFAR-10 as in the paper; `sweep` are axes of its sweep."""
    return ExperimentConfig(
        name=name,
        data=DataConfig(name="cifar10"),
        network=cifar10_network(),
        train=TrainConfig(epochs=epochs, patience=patience, batch_size=128),
        evaluation=EVERYTHING,
        sweep=_sweep(1e-4, sweep),
    )


def _sweep(learning_rate: float, axes: dict[str, Any]) -> SweepConfig:
    axes.setdefault("learning_rates", (learning_rate,))
    return SweepConfig(**axes)
