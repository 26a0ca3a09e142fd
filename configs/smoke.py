"""A few short runs, to see that everything works.

CNN and FCN, levels 0 and 0.2 of translation, one fold of `mnist_5k`; under a minute on
two CPU cores.

python -m launch.sweep --config=configs/smoke.py --workdir=results/smoke
"""

from ws_jax.measure import Distances
from ws_jax.papers.ott2020.presets import mnist, named_views
from ws_jax.runs import Data, Evaluation


def get_config():
    """Returns the sweep."""
    return mnist(
        "smoke",
        data=Data("mnist_5k"),
        epochs=2,
        patience=2,
        evaluation=Evaluation(
            views=named_views(["translation"]), measures=(Distances((1, 4)),)
        ),
        levels=(0.0, 0.2),
        folds=(0,),
    )
