r"""Real MNIST for a CPU: few epochs, few levels, all five folds.

CNN and FCN at translation levels 0 and 0.2 for three epochs, evaluated plain and
translated. 20 runs; 27 minutes on one busy CPU core.

python -m launch.sweep --config=configs/mnist_quick.py \
    --workdir=results/mnist_quick --data_dir=DIR
"""

import dataclasses

from ws_jax.config import EvaluationConfig
from ws_jax.config.presets import mnist


def get_config():
    """Returns the config."""
    config = mnist("mnist_quick", epochs=3, levels=(0.0, 0.2))
    return dataclasses.replace(
        config,
        evaluation=EvaluationConfig(perturbations=("translation",)),
    ).to_config_dict()
