"""The first paper in small: real MNIST, CNN and FCN, with and without translation.

Reproduces in short what Tables 1 and Figures 3, 5 and 6 of Ott et al. 2020 show:
levels 0 and 0.2, all five folds, the FCN under both readings of its initialisation,
all perturbed evaluations and the kernel distances; 8 epochs where the paper has up to
250. 30 runs; about 70 minutes on two CPU cores.

python -m launch.sweep --config=configs/mnist_reduced.py \
    --workdir=results/mnist_reduced --data_dir=DIR
"""

from ws_jax.config import (
    PERTURBATION_NAMES,
    DataConfig,
    EvaluationConfig,
    ExperimentConfig,
    SweepConfig,
    TrainConfig,
)


def get_config():
    """Returns the config."""
    return ExperimentConfig(
        name="mnist_reduced",
        data=DataConfig(name="mnist"),
        train=TrainConfig(epochs=8),
        evaluation=EvaluationConfig(
            perturbations=tuple(PERTURBATION_NAMES), radii=(1, 4)
        ),
        sweep=SweepConfig(init=("paper", "released"), levels=(0.0, 0.2)),
    ).to_config_dict()
