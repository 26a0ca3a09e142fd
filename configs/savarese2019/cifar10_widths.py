r"""SWRN-28-w-k on CIFAR-10, all 50,000 images: parameters against accuracy.

Widths 10, 14 and 18, one and two templates, one seed; the network with fewest errors in
the paper fits SWRN-28-14-2. The test images are validated on. 6 runs; meant for a GPU.

python -m launch.sweep --config=configs/savarese2019/cifar10_widths.py \
    --workdir=results/savarese_widths --data_dir=DIR
"""

from ws_jax.papers.savarese2019.presets import cifar


def get_config():
    """Returns the sweep."""
    return cifar(
        "cifar10_widths",
        widths=(10, 14, 18),
        templates=(1, 2),
        seeds=(0,),
        all_images=True,
    )
