r"""Shortest paths on grids of 32x32: a CNN of 20 layers, and the same from one bank.

Four templates for 20 layers, with and without the term that raises similarities; the
largest distance grows from 8 to 24 in 250 epochs of 5,000 new grids. Scored on larger
distances and larger grids after every epoch. 15 runs in two programs; meant for a GPU.

python -m launch.sweep --config=configs/savarese2019/shortest_paths.py \
    --workdir=results/savarese_paths
"""

from ws_jax.papers.savarese2019.path_presets import shortest_paths


def get_config():
    """Returns the sweep."""
    return shortest_paths("shortest_paths")
