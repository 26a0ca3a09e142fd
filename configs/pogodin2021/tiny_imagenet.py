r"""ResNet-20 on TinyImageNet, 48x48 pixels: shared, free, and free with sharing.

The TinyImageNet rows of the paper's accuracy table. DIR holds `tiny-imagenet-200` as it
is published: the middle of every training image is trained on, those in `val` are
scored. Three seeds. 15 runs of 200 epochs; a GPU's work.

python -m launch.sweep --config=configs/pogodin2021/tiny_imagenet.py \
    --workdir=results/pogodin_tiny_imagenet --data_dir=DIR
"""

from ws_jax.papers.pogodin2021.presets import tiny_imagenet


def get_config():
    """Returns the sweep."""
    return tiny_imagenet("tiny_imagenet")
