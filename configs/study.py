"""The main job in small, on the embedded digits: no download, no GPU.

CNN and FCN on `mnist_5k`, with and without translation, two of five folds, with every
evaluation and the kernel distances. 8 runs; three minutes on two CPU cores.

python -m launch.sweep --config=configs/study.py --workdir=results/study
"""

from ws_jax.papers.ott2020.presets import mnist
from ws_jax.runs import Data


def get_config():
    """Returns the sweep."""
    return mnist(
        "study",
        data=Data("mnist_5k"),
        epochs=10,
        batch_size=64,
        levels=(0.0, 0.2),
        folds=(0, 1),
    )
