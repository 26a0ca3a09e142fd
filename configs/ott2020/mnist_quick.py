r"""Real MNIST for a CPU: few epochs, few levels, all five folds.

CNN and FCN at translation levels 0 and 0.2 for three epochs, evaluated plain and
translated. 20 runs; 27 minutes on one busy CPU core.

python -m launch.sweep --config=configs/ott2020/mnist_quick.py \
    --workdir=results/mnist_quick --data_dir=DIR
"""

from ws_jax.papers.ott2020.presets import mnist, named_views
from ws_jax.runs import Evaluation


def get_config():
    """Returns the sweep."""
    return mnist(
        "mnist_quick",
        epochs=3,
        evaluation=Evaluation(views=named_views(["translation"])),
        levels=(0.0, 0.2),
    )
