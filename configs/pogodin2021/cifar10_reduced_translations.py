r"""The reduced study with four shifted copies of every image in a batch.

Convolution and free network without sharing; read together with `cifar10_reduced`,
which has one copy. 6 runs.

python -m launch.sweep --config=configs/pogodin2021/cifar10_reduced_translations.py \
    --workdir=results/pogodin_cifar10_reduced_translations --data_dir=DIR
"""

from ws_jax.papers.pogodin2021.presets import NEVER, reduced


def get_config():
    """Returns the sweep."""
    return reduced("pogodin_cifar10_reduced_translations", copies=4, cadences=(NEVER,))
