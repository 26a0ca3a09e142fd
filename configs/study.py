"""The main job in small, on the embedded digits: no download, no GPU.

CNN and FCN on `mnist_5k`, with and without translation, two of five folds, with every
evaluation and the kernel distances. 8 runs; three minutes on two CPU cores.

python -m launch.sweep --config=configs/study.py --workdir=results/study
"""

import dataclasses

from ws_jax.config import DataConfig
from ws_jax.config.presets import mnist


def get_config():
    """Returns the config."""
    config = mnist("study", epochs=10, levels=(0.0, 0.2), folds=(0, 1))
    return dataclasses.replace(
        config,
        data=DataConfig(name="mnist_5k"),
        train=dataclasses.replace(config.train, batch_size=64),
    ).to_config_dict()
