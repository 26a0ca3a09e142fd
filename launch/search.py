"""Searches for a learning rate and a depth, batch by batch of mapped runs.

python -m launch.search --config=configs/mnist_grid.py --workdir=results/search
"""

from absl import flags

from ws_jax import cli

CONFIG = cli.define_config()
WORKDIR = cli.define_workdir()
DATA_DIR = cli.define_data_dir()
BATCHES = flags.DEFINE_integer("batches", 4, "How often points are asked for.")
BATCH_SIZE = flags.DEFINE_integer("batch_size", 8, "Points asked for at a time.")
SEED = flags.DEFINE_integer("seed", 0, "Seed of the search.")


def main() -> None:
    """Runs the search and prints its points, the best first."""
    config = cli.read_config(CONFIG)
    workdir = cli.required(WORKDIR)
    cli.setup_jax()
    from ws_jax.search import search

    study = search(
        config,
        workdir,
        num_batches=BATCHES.value,
        batch_size=BATCH_SIZE.value,
        data_dir=DATA_DIR.value,
        seed=SEED.value,
    )
    for trial in sorted(study.trials, key=lambda t: t.value or 0.0, reverse=True):
        point = trial.params
        rate, depth = point["learning_rate"], point["num_layers"]
        print(f"{trial.value:.4f}  learning rate {rate:.2e}, {depth} layers")


if __name__ == "__main__":
    cli.run(main)
