r"""The reduced study with the Hebbian sleep in place of instant sharing.

Every 10 of the 50 batches of an epoch, with the constants of the released code. Read
together with `cifar10_reduced`, whose other settings it has. 3 runs.

python -m launch.sweep --config=configs/pogodin2021/cifar10_reduced_sleep.py \
    --workdir=results/pogodin_cifar10_reduced_sleep --data_dir=DIR
"""

from ws_jax.papers.pogodin2021.presets import SLEEP, reduced


def get_config():
    """Returns the sweep."""
    return reduced(
        "pogodin_cifar10_reduced_sleep",
        sharing=("free",),
        phases=(SLEEP,),
        cadences=(10,),
    )
