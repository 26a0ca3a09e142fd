r"""WRN-50-2 of bottleneck blocks on ImageNet, and SWRN-50-2-1 and SWRN-50-2-2.

DIR holds `imagenet/train/CLASS/` and `imagenet/val/CLASS/`. Those in `val` are scored.
All images, at 256x256, are decoded first and kept in memory: 265 GB. No source has the
paper's recipe; this is that of the network without banks. 3 runs of 90 epochs, one
seed; days on a GPU for each.

python -m launch.sweep --config=configs/savarese2019/imagenet.py \
    --workdir=results/savarese_imagenet --data_dir=DIR
"""

from ws_jax.papers.savarese2019.presets import imagenet


def get_config():
    """Returns the sweep."""
    return imagenet("imagenet")
