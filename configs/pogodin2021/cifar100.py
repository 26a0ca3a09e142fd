r"""ResNet-20 on CIFAR-100: shared, free, and free with sharing in sleep.

The CIFAR-100 rows of the paper's accuracy table; see `cifar10`. 15 runs of 200 epochs;
a GPU's work.

python -m launch.sweep --config=configs/pogodin2021/cifar100.py \
    --workdir=results/pogodin_cifar100 --data_dir=DIR
"""

from ws_jax.papers.pogodin2021.presets import cifar


def get_config():
    """Returns the sweep."""
    return cifar("cifar100", "cifar100")
