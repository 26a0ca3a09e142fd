r"""ResNet-20 on CIFAR-10: shared, free, and free with sharing in sleep.

The CIFAR-10 rows of the paper's accuracy table, in the recipe of its released code:
convolution, no sharing, and instant sharing every 1, 10 and 100 of the 98 batches of an
epoch; all 50,000 images, none shifted, the test images scored, three seeds. 15 runs of
200 epochs; a GPU's work.

python -m launch.sweep --config=configs/pogodin2021/cifar10.py \
    --workdir=results/pogodin_cifar10 --data_dir=DIR
"""

from ws_jax.papers.pogodin2021.presets import cifar


def get_config():
    """Returns the sweep."""
    return cifar("cifar10")
