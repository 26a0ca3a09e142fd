r"""Learning rate and depth on CIFAR-10, on its published split.

Reproduces the grid search of Ott et al. 2020, Appendix A.1: six learning rates, two or
three layers, CNN and FCN without augmentation. 24 runs of up to 200 epochs.

python -m launch.sweep --config=configs/ott2020/cifar10_grid.py \
    --workdir=results/cifar10_grid --data_dir=DIR
"""

from ws_jax.papers.ott2020.presets import cifar10
from ws_jax.runs import Data


def get_config():
    """Returns the sweep."""
    return cifar10(
        "cifar10_grid",
        data=Data("cifar10", split="published"),
        epochs=200,
        patience=50,
        learning_rates=(1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6),
        num_layers=(2, 3),
    )
