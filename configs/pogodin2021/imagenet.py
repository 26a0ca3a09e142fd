r"""ResNet-18 of half width on ImageNet: shared, free, and free with sharing in sleep.

The ImageNet rows of the paper's accuracy table. DIR holds `imagenet/train/CLASS/` and
`imagenet/val/CLASS/`. Those in `val` are scored. All images, at 256x256, are decoded
first and kept in memory: 265 GB. Three seeds. 15 runs of 200 epochs; days on a GPU for
each.

python -m launch.sweep --config=configs/pogodin2021/imagenet.py \
    --workdir=results/pogodin_imagenet --data_dir=DIR
"""

from ws_jax.papers.pogodin2021.presets import imagenet


def get_config():
    """Returns the sweep."""
    return imagenet("imagenet")
