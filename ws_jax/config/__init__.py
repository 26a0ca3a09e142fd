"""Everything that an experiment is, as frozen and validated values.

A config file's `get_config()` builds an `ExperimentConfig` and hands it out as a
`ConfigDict`, so that a person can override any field on the command line;
`ExperimentConfig.from_config_dict` turns the result back, strictly. Nothing else in
the package sees a `ConfigDict`. A wrong value raises `ConfigError` while the object is
built, long before anything compiles.
"""

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
    SCHEME_NAMES,
    ConfigError,
    check_name,
    nearest,
    parse_scheme,
)
from ws_jax.config.experiment import ExperimentConfig, differing_fields
from ws_jax.config.parts import (
    DataConfig,
    EvaluationConfig,
    ExecutionConfig,
    NetworkConfig,
    OptimizerConfig,
    PhaseConfig,
    SemanticsConfig,
    SweepConfig,
    TrainConfig,
    cifar10_network,
    mnist_network,
)

__all__ = [
    "AUGMENTATION_NAMES",
    "LOWERING_NAMES",
    "NETWORK_NAMES",
    "OPTIMIZER_NAMES",
    "PERTURBATION_NAMES",
    "PHASE_NAMES",
    "PRECISION_NAMES",
    "READINGS",
    "SCHEDULE_NAMES",
    "SCHEME_NAMES",
    "ConfigError",
    "DataConfig",
    "EvaluationConfig",
    "ExecutionConfig",
    "ExperimentConfig",
    "NetworkConfig",
    "OptimizerConfig",
    "PhaseConfig",
    "SemanticsConfig",
    "SweepConfig",
    "TrainConfig",
    "check_name",
    "cifar10_network",
    "differing_fields",
    "mnist_network",
    "nearest",
    "parse_scheme",
]
