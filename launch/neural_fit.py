"""Compares the layers of a trained run with neural responses to the same images.

python -m launch.neural_fit --workdir=results/small --run=NAME --neural=FILE.npz

FILE.npz holds images, uint8 [images, h, w, c], and responses, floats [images, neurons]
or [repeats, images, neurons]; see docs/neural_fit.md.
"""

from pathlib import Path

from absl import flags

from ws_jax import cli

CONFIG = cli.define_parts()
WORKDIR = cli.define_workdir("Folder of the sweep.")
DATA_DIR = cli.define_data_dir()
RUN = flags.DEFINE_string("run", None, "Name of the run, as in the results.")
NEURAL = flags.DEFINE_string("neural", None, "File of images and responses.")
OUTPUT = flags.DEFINE_string("output", None, "Folder; else WORKDIR_neural/RUN.")
LAYERS = flags.DEFINE_list(
    "layers", [], "Names of layers, or NAME:relu; else all that are not within another."
)
MEASURES = flags.DEFINE_list(
    "measures", "cka,cka_debiased,rsa,ridge", "Of cka, cka_debiased, rsa, ridge, pls; "
    "empty only records."
)  # fmt: skip
FOLDS = flags.DEFINE_integer("folds", 5, "Of images, for ridge and pls.")
SEED = flags.DEFINE_integer("seed", 0, "Of the folds.", 0)
COMPONENTS = flags.DEFINE_integer("components", 25, "Of pls, at most.")
DISTANCE = flags.DEFINE_string("distance", "correlation", "Of rsa; or euclidean.")
ACTIVATIONS = flags.DEFINE_bool("activations", False, "Write activations.npz, too.")
OVERWRITE = cli.define_overwrite("Replace the table that is in the folder.")


def main() -> None:
    """Compares, prints and writes the table."""
    workdir, run = cli.required(WORKDIR), cli.required(RUN)
    neural = cli.required(NEURAL)
    cli.setup_jax()
    cli.load_parts(CONFIG)
    from ws_jax.neural_fit import as_text, fit

    measures = tuple(name for name in MEASURES.value if name)
    settings = fit.Settings(
        measures, FOLDS.value, SEED.value, COMPONENTS.value, DISTANCE.value
    )
    output = OUTPUT.value or f"{Path(workdir).absolute()}_neural/{run}"
    table = fit.fit_run(
        workdir, run, neural, output, settings, layers=LAYERS.value,
        save_activations=ACTIVATIONS.value, data_dir=DATA_DIR.value,
        overwrite=OVERWRITE.value,
    )  # fmt: skip
    print(as_text(table))
    print(f"neural fit: {output}")


if __name__ == "__main__":
    cli.run(main)
