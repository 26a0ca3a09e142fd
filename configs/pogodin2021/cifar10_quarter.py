r"""The second paper on a small network, for a quarter of its training steps.

ResNet-8 of 8 channels on all of CIFAR-10 as the released commands train, none shifted:
convolution, no sharing, and instant sharing every 1, 10 and 100 of the 500 batches of
an epoch; 5,000 steps, three seeds. 15 runs in two programs: about an hour on two CPU
cores.

python -m launch.sweep --config=configs/pogodin2021/cifar10_quarter.py \
    --workdir=results/pogodin_cifar10_quarter --data_dir=DIR
"""

from ws_jax.papers.pogodin2021.presets import quarter


def get_config():
    """Returns the sweep."""
    return quarter("pogodin_cifar10_quarter")
