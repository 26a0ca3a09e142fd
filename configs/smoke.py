"""A few short runs, to see that everything works.

CNN and FCN, levels 0 and 0.2 of translation, one fold of `mnist_5k`; under a minute on
two CPU cores.

python -m launch.sweep --config=configs/smoke.py --workdir=results/smoke
"""

from ws_jax.config import (
    DataConfig,
    EvaluationConfig,
    ExperimentConfig,
    SweepConfig,
    TrainConfig,
)


def get_config():
    """Returns the config."""
    return ExperimentConfig(
        name="smoke",
        data=DataConfig(name="mnist_5k"),
        train=TrainConfig(epochs=2, patience=2),
        evaluation=EvaluationConfig(perturbations=("translation",), radii=(1, 4)),
        sweep=SweepConfig(levels=(0.0, 0.2), folds=(0,)),
    ).to_config_dict()
