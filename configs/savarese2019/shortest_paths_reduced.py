r"""Shortest paths in small: a CNN of 12 layers, and the same from one bank.

Two or four templates for all layers, with and without the term that raises
similarities. Grids of 10x10; the largest distance grows from 4 to 10 in the first half
of 24 epochs of 2,000 new grids. Scored on distances up to 18 and on grids of 14x14 and
18x18. Four seeds, 20 runs in three programs; it needs no data.

python -m launch.sweep --config=configs/savarese2019/shortest_paths_reduced.py \
    --workdir=results/savarese_paths_reduced
"""

from ws_jax.papers.savarese2019.path_presets import reduced


def get_config():
    """Returns the sweep."""
    return reduced("shortest_paths_reduced")
