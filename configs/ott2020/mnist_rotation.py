r"""CNN and FCN on MNIST under rotation, at the levels above 0.

Reproduces Table B.3 and Figure B.6 of Ott et al. 2020 for MNIST. Level 0 is the same
run for all kinds of augmentation: read the results together with those of
`mnist_translation`. 100 runs of up to 250 epochs.

python -m launch.sweep --config=configs/ott2020/mnist_rotation.py \
    --workdir=results/mnist_rotation --data_dir=DIR
"""

from ws_jax.papers.ott2020.presets import OWN_LEVELS, mnist


def get_config():
    """Returns the sweep."""
    return mnist("mnist_rotation", augmentations=("rotation",), levels=OWN_LEVELS)
