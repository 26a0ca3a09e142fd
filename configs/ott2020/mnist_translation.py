r"""CNN and FCN on MNIST under translation, at 11 levels.

Reproduces Table 1 of Ott et al. 2020 (translation), and for MNIST Figures 3, 5 and 6,
as far as they show translation: learning curves, accuracy by level, kernel distances
and quadrant swap. 110 runs of up to 250 epochs.

python -m launch.sweep --config=configs/ott2020/mnist_translation.py \
    --workdir=results/mnist_translation --data_dir=DIR
"""

from ws_jax.papers.ott2020.presets import LEVELS, mnist


def get_config():
    """Returns the sweep."""
    return mnist("mnist_translation", levels=LEVELS)
