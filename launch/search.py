"""Searches for the best point of some fields, batch by batch of mapped runs.

python -m launch.search --config=configs/ott2020/mnist_grid.py --workdir=results/search

Any field can be searched: --range=weight_decay=1e-6,1e-2,log --choice=hidden=256,1024
By default it is the learning rate, and the depths that the config sweeps.
"""

from absl import flags

from ws_jax import cli

CONFIG = cli.define_config()
AXIS = cli.define_axes()
WORKDIR = cli.define_workdir()
DATA_DIR = cli.define_data_dir()
RANGE = flags.DEFINE_multi_string(
    "range", [], "A field and its ends, FIELD=LOW,HIGH or FIELD=LOW,HIGH,log."
)
CHOICE = flags.DEFINE_multi_string("choice", [], "A field and its values, FIELD=V1,V2.")
BATCHES = flags.DEFINE_integer("batches", 4, "How often points are asked for.")
BATCH_SIZE = flags.DEFINE_integer(
    "batch_size", 8, "Points asked for at a time (not train.batch_size). Those that "
    "differ in one field train together, others one after the other."
)  # fmt: skip
SEED = flags.DEFINE_integer("seed", 0, "Seed of the search.")


def main() -> None:
    """Runs the search and prints its points, the best first."""
    sweep = cli.read_config(CONFIG, AXIS.value)
    workdir = cli.required(WORKDIR)
    cli.setup_jax()
    from ws_jax import search

    space = search.read_space(sweep, RANGE.value, CHOICE.value) or None
    study = search.search(
        sweep,
        workdir,
        num_batches=BATCHES.value,
        batch_size=BATCH_SIZE.value,
        space=space,
        data_dir=DATA_DIR.value,
        seed=SEED.value,
    )
    print(search.value_text(sweep, space))
    for trial in search.best_first(study):
        print(search.point_text(trial))


if __name__ == "__main__":
    cli.run(main)
