r"""The reduced study with free networks that start as a convolution does.

Read together with `cifar10_reduced`, whose other settings it has. 12 runs.

python -m launch.sweep --config=configs/pogodin2021/cifar10_reduced_start.py \
    --workdir=results/pogodin_cifar10_reduced_start --data_dir=DIR
"""

from ws_jax.papers.pogodin2021.presets import reduced


def get_config():
    """Returns the sweep."""
    return reduced(
        "pogodin_cifar10_reduced_start", sharing=("free",), starts=("shared",)
    )
