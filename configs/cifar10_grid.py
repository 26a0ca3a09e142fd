r"""Learning rate and depth on CIFAR-10, on its published split.

Reproduces the grid search of Ott et al. 2020, Appendix A.1: six learning rates, two or
three layers, CNN and FCN without augmentation. 24 runs of up to 200 epochs.

python -m launch.sweep --config=configs/cifar10_grid.py \
    --workdir=results/cifar10_grid --data_dir=DIR
"""

import dataclasses

from ws_jax.config.presets import cifar10


def get_config():
    """Returns the config."""
    config = cifar10(
        "cifar10_grid",
        epochs=200,
        patience=50,
        learning_rates=(1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6),
        num_layers=(2, 3),
    )
    return dataclasses.replace(
        config, data=dataclasses.replace(config.data, split="published")
    ).to_config_dict()
