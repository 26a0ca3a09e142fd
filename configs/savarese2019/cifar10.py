r"""WRN-28-10 and SWRN-28-10-k on CIFAR-10, with Cutout, three seeds.

The recipe of Savarese & Maire 2019: 200 epochs on 45,000 images, of which validation on
5,000 others picks the best. 15 runs; meant for a GPU.

python -m launch.sweep --config=configs/savarese2019/cifar10.py \
    --workdir=results/savarese_cifar10 --data_dir=DIR
"""

from ws_jax.papers.savarese2019.presets import cifar


def get_config():
    """Returns the sweep."""
    return cifar("cifar10", "cifar10")
