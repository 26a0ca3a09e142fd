r"""CNN and FCN on CIFAR-10 under translation, at 11 levels.

Reproduces Table 2 of Ott et al. 2020 (translation), and Figure 4, as far as it shows
translation: learning curves and accuracy by level; kernel distances and quadrant swap
are measured, too. 110 runs of up to 500 epochs.

python -m launch.sweep --config=configs/ott2020/cifar10_translation.py \
    --workdir=results/cifar10_translation --data_dir=DIR
"""

from ws_jax.papers.ott2020.presets import LEVELS, cifar10


def get_config():
    """Returns the sweep."""
    return cifar10("cifar10_translation", levels=LEVELS)
