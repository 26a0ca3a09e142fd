r"""The reduced study with free networks that start as a convolution does.

Read together with `cifar10_reduced`, whose other settings it has: whether what counts
is to begin alike or to share again. None of them shares. 3 runs.

python -m launch.sweep --config=configs/pogodin2021/cifar10_reduced_start.py \
    --workdir=results/pogodin_cifar10_reduced_start --data_dir=DIR
"""

from ws_jax.papers.pogodin2021.presets import NEVER, reduced


def get_config():
    """Returns the sweep."""
    return reduced(
        "pogodin_cifar10_reduced_start",
        sharing=("free",),
        starts=("shared",),
        cadences=(NEVER,),
    )
