r"""The first paper in small: real MNIST, CNN and FCN, with and without translation.

Reproduces in short what Table 1 and Figures 3, 5 and 6 of Ott et al. 2020 show: levels
0 and 0.2, all five folds, the FCN under both readings of its initialisation, all
perturbed evaluations and the kernel distances; 8 epochs where the paper has up to 250.
30 runs; an estimated 70 minutes on two idle CPU cores.

python -m launch.sweep --config=configs/ott2020/mnist_reduced.py \
    --workdir=results/mnist_reduced --data_dir=DIR
"""

from ws_jax.papers.ott2020.presets import mnist


def get_config():
    """Returns the sweep."""
    return mnist(
        "mnist_reduced", epochs=8, init=("paper", "released"), levels=(0.0, 0.2)
    )
