r"""The third paper in small: depth and templates on a tenth of CIFAR-10, three seeds.

WRN-16-1, WRN-28-1 and SWRN-28-1-2, whose parameters are nearly those of WRN-16-1
(175,066 against 175,998), and SWRN-16-1-2, which is WRN-16-1 with its kernels
written as mixtures. The recipe is the paper's, its rate falling at the same parts of
10 epochs, on 5,400 images; validation on 600. 12 runs.

python -m launch.sweep --config=configs/savarese2019/cifar10_reduced.py \
    --workdir=results/savarese_reduced --data_dir=DIR
"""

from ws_jax.papers.savarese2019.presets import cifar


def get_config():
    """Returns the sweep."""
    return cifar(
        "savarese_cifar10_reduced",
        depths=(16, 28),
        widths=(1,),
        templates=(0, 2),
        num_images=6_000,
        epochs=10,
    )
