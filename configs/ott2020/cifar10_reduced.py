r"""The first paper in small: CIFAR-10, CNN and FCN, with and without translation.

Two of five folds, levels 0 and 0.2, three epochs where the paper has up to 500; the FCN
under both readings of its initialisation. 12 runs; an estimated 25 minutes on two idle
CPU cores, not timed.

python -m launch.sweep --config=configs/ott2020/cifar10_reduced.py \
    --workdir=results/cifar10_reduced --data_dir=DIR
"""

from ws_jax.papers.ott2020.presets import cifar10


def get_config():
    """Returns the sweep."""
    return cifar10(
        "cifar10_reduced",
        epochs=3,
        init=("paper", "released"),
        levels=(0.0, 0.2),
        folds=(0, 1),
    )
