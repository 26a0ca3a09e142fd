r"""The first paper in small, read as its released code: real MNIST, levels 0 and 0.2.

CNN and FCN under the whole `released` bundle (docs/design/0005), with which the tables
of Ott et al. 2020 were made: all five folds, all perturbed evaluations and the kernel
distances; 8 epochs where the paper has up to 250. The report sets its level 0 beside
the original's own curves at epochs 1, 3 and 8. 20 runs; an estimated 45 minutes on two
idle CPU cores.

python -m launch.sweep --config=configs/ott2020/mnist_released.py \
    --workdir=results/mnist_released --data_dir=DIR
"""

from ws_jax.papers.ott2020.presets import mnist


def get_config():
    """Returns the sweep."""
    return mnist("mnist_released", epochs=8, levels=(0.0, 0.2), semantics="released")
