r"""ResNet-20 on CIFAR-10 with four shifted copies of every image in a batch.

Convolution and free network without sharing, each copy shifted by up to 8 pixels and
flipped by itself; read together with `cifar10`, which shifts none. By how much the
paper shifts and how often it copies is not known to us. Three seeds. 6 runs of 200
epochs, each four times the work of one of `cifar10`; a GPU's work.

python -m launch.sweep --config=configs/pogodin2021/cifar10_translations.py \
    --workdir=results/pogodin_cifar10_translations --data_dir=DIR
"""

from ws_jax.papers.pogodin2021.presets import NEVER, cifar


def get_config():
    """Returns the sweep."""
    return cifar("cifar10_translations", padding=8, copies=4, cadences=(NEVER,))
