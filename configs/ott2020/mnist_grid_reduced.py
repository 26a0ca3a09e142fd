r"""The grid search on MNIST in small, read as the released code.

All six learning rates and both depths of Ott et al. 2020, Appendix A.1, CNN and FCN
without augmentation, on MNIST's published split and under the `released` bundle; 3
epochs where the paper has up to 100, and plain validation alone. 24 runs; an estimated
8 minutes on two idle CPU cores.

python -m launch.sweep --config=configs/ott2020/mnist_grid_reduced.py \
    --workdir=results/mnist_grid_reduced --data_dir=DIR
"""

from ws_jax.papers.ott2020.presets import mnist
from ws_jax.runs import Data, Evaluation


def get_config():
    """Returns the sweep."""
    return mnist(
        "mnist_grid_reduced",
        data=Data("mnist", split="published"),
        epochs=3,
        patience=25,
        evaluation=Evaluation(views=(), measures=()),
        semantics="released",
        learning_rates=(1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6),
        num_layers=(2, 3),
    )
