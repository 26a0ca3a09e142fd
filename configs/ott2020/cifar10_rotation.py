r"""CNN and FCN on CIFAR-10 under rotation, at the levels above 0.

Reproduces Table B.3 of Ott et al. 2020 for CIFAR-10. Level 0 is the same
run for all kinds of augmentation: read the results together with those of
`cifar10_translation`. 100 runs of up to 500 epochs.

python -m launch.sweep --config=configs/ott2020/cifar10_rotation.py \
    --workdir=results/cifar10_rotation --data_dir=DIR
"""

from ws_jax.papers.ott2020.presets import OWN_LEVELS, cifar10


def get_config():
    """Returns the sweep."""
    return cifar10("cifar10_rotation", augmentations=("rotation",), levels=OWN_LEVELS)
