r"""CNN and FCN on CIFAR-10 under translation, at 11 levels.

Reproduces Table 2 and Figure 4 of Ott et al. 2020: learning curves and accuracy by
level. Kernel distances and quadrant swap, which the paper shows for MNIST, come along.
110 runs of up to 500 epochs.

python -m launch.sweep --config=configs/ott2020/cifar10_translation.py \
    --workdir=results/cifar10_translation --data_dir=DIR
"""

from ws_jax.papers.ott2020.presets import LEVELS, cifar10


def get_config():
    """Returns the sweep."""
    return cifar10("cifar10_translation", levels=LEVELS)
