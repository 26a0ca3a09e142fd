r"""FCN on CIFAR-10 with severed connections (variable connection patterns).

Reproduces Figure C.2 of Ott et al. 2020: 11 probabilities at translation levels 0 to
0.4, all in one program. Under `--config.semantics.bundle=released` input units of a
layer are severed, else single connections. 275 runs of up to 500 epochs.

python -m launch.sweep --config=configs/ott2020/cifar10_vcp.py \
    --workdir=results/cifar10_vcp --data_dir=DIR
"""

from ws_jax.papers.ott2020.presets import LEVELS, SEVERED_LEVELS, cifar10


def get_config():
    """Returns the sweep."""
    return cifar10(
        "cifar10_vcp",
        sharing=("free",),
        levels=SEVERED_LEVELS,
        severing=LEVELS,
    )
