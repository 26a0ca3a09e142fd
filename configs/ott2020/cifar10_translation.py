r"""CNN and FCN on CIFAR-10 under translation, at 11 levels.

Reproduces Table 2 of Ott et al. 2020 (translation), and for CIFAR-10 Figures 3 to 6, as
far as they show translation: learning curves, accuracy by level, kernel distances and
quadrant swap. 110 runs of up to 500 epochs.

python -m launch.sweep --config=configs/ott2020/cifar10_translation.py \
    --workdir=results/cifar10_translation --data_dir=DIR
"""

from ws_jax.papers.ott2020.presets import LEVELS, cifar10


def get_config():
    """Returns the sweep."""
    return cifar10("cifar10_translation", levels=LEVELS)
