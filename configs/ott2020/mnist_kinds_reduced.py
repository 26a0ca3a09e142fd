r"""The other augmentations in small: MNIST, CNN and FCN under rotation and noises.

Shows in short what Tables B.1 to B.3 of Ott et al. 2020 show: networks trained on
rotated or noisy images are as lost on translated ones as those trained on plain images,
below .39 in accuracy. Level 0.2, two of five folds, 2 epochs where the paper has up to
250. Level 0 and translation are those of `mnist_reduced` (8 epochs): read the results
together. 12 runs; an estimated 12 minutes on two idle CPU cores, not timed.

python -m launch.sweep --config=configs/ott2020/mnist_kinds_reduced.py \
    --workdir=results/mnist_kinds_reduced --data_dir=DIR
"""

from ws_jax.papers.ott2020.presets import mnist


def get_config():
    """Returns the sweep."""
    return mnist(
        "mnist_kinds_reduced",
        epochs=2,
        init=("paper",),
        augmentations=("rotation", "noise", "edge_noise"),
        levels=(0.2,),
        folds=(0, 1),
    )
