r"""The second paper in small: convolution, free, and free with sharing in sleep.

ResNet-8 of 8 channels on 5,000 images of CIFAR-10, 20 epochs, three seeds, instant
sharing every 1, 10 and 100 of the 50 batches of an epoch, or never. 15 runs in two
programs.

python -m launch.sweep --config=configs/pogodin2021/cifar10_reduced.py \
    --workdir=results/pogodin_cifar10_reduced --data_dir=DIR
"""

from ws_jax.papers.pogodin2021.presets import reduced


def get_config():
    """Returns the sweep."""
    return reduced("pogodin_cifar10_reduced")
