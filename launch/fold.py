"""Folds a trained run with a template bank: alike layers are tied, and loop.

python -m launch.fold --workdir=results/small --run=NAME --thresholds=0.8,0.9,0.99

--epochs trains each folded network on.
"""

from pathlib import Path

from absl import flags

from ws_jax import cli

CONFIG = cli.define_parts()
WORKDIR = cli.define_workdir("Folder of the sweep.")
DATA_DIR = cli.define_data_dir()
RUN = flags.DEFINE_string("run", None, "Name of the run, as in the results.")
OUTPUT = flags.DEFINE_string("output", None, "Folder; else WORKDIR_folded/RUN.")
THRESHOLDS = flags.DEFINE_list(
    "thresholds", "0.5,0.7,0.8,0.9,0.95,0.99", "Least similarity of tied layers."
)
LINK = flags.DEFINE_string(
    "link", "connected", "connected: chains of similar pairs; or complete: all pairs."
)
KERNEL = flags.DEFINE_string("kernel", "first", "Of tied layers: first, or mean.")
SCALE = flags.DEFINE_string(
    "scale", "kept", "A tied layer's own scale and sign: kept, sign, or dropped."
)
EPOCHS = flags.DEFINE_integer("epochs", 0, "Epochs to train on for.", 0)
RATE = flags.DEFINE_float(
    "learning_rate", 0.0, "Of these epochs; 0: with which the run ended.", 0.0
)
OVERWRITE = cli.define_overwrite("Replace foldings that are in the folder.")


def main() -> None:
    """Folds the run."""
    workdir, run = cli.required(WORKDIR), cli.required(RUN)
    cli.goes_with(RATE, EPOCHS)
    cli.setup_jax()
    cli.load_parts(CONFIG)
    from ws_jax.folding import loops
    from ws_jax.folding.report import entry_text
    from ws_jax.folding.run import fold_run

    how = {"link": LINK.value, "kernel": KERNEL.value, "scale": SCALE.value}
    rules = loops.read_rules(THRESHOLDS.value, **how)
    output = OUTPUT.value or f"{Path(workdir).absolute()}_folded/{run}"
    report = fold_run(
        workdir, run, output, rules, epochs=EPOCHS.value, learning_rate=RATE.value,
        data_dir=DATA_DIR.value, overwrite=OVERWRITE.value,
    )  # fmt: skip
    for entry in report["foldings"]:
        print(entry_text(entry, report["before"]))
    print(f"foldings: {output}")


if __name__ == "__main__":
    cli.run(main)
