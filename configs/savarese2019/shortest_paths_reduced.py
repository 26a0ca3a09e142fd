r"""Shortest paths in small: a CNN of 12 layers, and the same from one bank.

Two or four templates for all layers, with and without the term that raises
similarities. Grids of 10x10; the largest distance grows from 4 to 10 in the first half
of 24 epochs of 2,000 new grids. Scored on distances up to 18 and on grids of 14x14 and
18x18. Four seeds, 20 runs in three programs; it needs no data.

python -m launch.sweep --config=configs/savarese2019/shortest_paths_reduced.py \
    --workdir=results/savarese_paths_reduced
"""

from ws_jax.papers.savarese2019.path_presets import shortest_paths


def get_config():
    """Returns the sweep."""
    return shortest_paths(
        "shortest_paths_reduced",
        size=10,
        num_grids=2_500,
        distances=(2, 4, 10),
        growth=2,
        every=4,
        beyond=((11, 13), (14, 18)),
        sizes=(14, 18),
        depth=12,
        width=12,
        templates=(0, 2, 4),
        strengths=(0.0, 0.01),
        seeds=(0, 1, 2, 3),
        epochs=24,
        batch_size=32,
        learning_rate=2e-3,
    )
