r"""Severed connections in small: FCN on translated MNIST.

Shows in short what Figure C.1 of Ott et al. 2020 shows: severing probabilities 0, 0.5,
0.9 and 0.99 at translation level 0.2, one fold, 3 epochs where the paper has up to 250.
Under `--config.semantics.bundle=released` (in a workdir of its own) input units of a
layer are severed, else single connections. 4 runs; an estimated 5 minutes on two idle
CPU cores, not timed.

python -m launch.sweep --config=configs/ott2020/mnist_vcp_reduced.py \
    --workdir=results/mnist_vcp_reduced --data_dir=DIR
"""

from ws_jax.papers.ott2020.presets import mnist


def get_config():
    """Returns the sweep."""
    return mnist(
        "mnist_vcp_reduced",
        epochs=3,
        sharing=("free",),
        levels=(0.2,),
        severing=(0.0, 0.5, 0.9, 0.99),
        folds=(0,),
    )
