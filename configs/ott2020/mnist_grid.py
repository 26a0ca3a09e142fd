r"""Learning rate and depth on MNIST, on its published split.

Reproduces the grid search of Ott et al. 2020, Appendix A.1: six learning rates, two or
three layers, CNN and FCN without augmentation. 24 runs of up to 100 epochs.

python -m launch.sweep --config=configs/ott2020/mnist_grid.py \
    --workdir=results/mnist_grid --data_dir=DIR
"""

from ws_jax.papers.ott2020.presets import mnist
from ws_jax.runs import Data


def get_config():
    """Returns the sweep."""
    return mnist(
        "mnist_grid",
        data=Data("mnist", split="published"),
        epochs=100,
        patience=25,
        learning_rates=(1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6),
        num_layers=(2, 3),
    )
