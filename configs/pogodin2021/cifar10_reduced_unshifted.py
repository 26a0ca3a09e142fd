r"""The reduced study without shifts: images are flipped, as by the released commands.

It differs from `cifar10_reduced` in this alone. 15 runs in two programs.

python -m launch.sweep --config=configs/pogodin2021/cifar10_reduced_unshifted.py \
    --workdir=results/pogodin_cifar10_reduced_unshifted --data_dir=DIR
"""

from ws_jax.papers.pogodin2021.presets import reduced


def get_config():
    """Returns the sweep."""
    return reduced("pogodin_cifar10_reduced_unshifted", padding=0)
