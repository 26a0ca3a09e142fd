"""Writes one page with tables, figures and verdicts of whatever there is.

python -m launch.report --workdir=results/smoke
"""

from pathlib import Path

from absl import flags

from ws_jax import cli
from ws_jax.config import ConfigError

WORKDIR = flags.DEFINE_multi_string(
    "workdir", [], "Folder with results at or below it; several, or a comma list."
)
OUTPUT = flags.DEFINE_string(
    "output", None, "File of the page; else report.html in the first folder."
)
AUGMENTATIONS = flags.DEFINE_bool(
    "augmentations", False, "Show what augmentations look like, too (starts JAX)."
)
KERNELS = flags.DEFINE_bool("kernels", False, "Show kernels before and after sleep.")
JOIN_LENGTHS = flags.DEFINE_bool("join_lengths", False, "Join runs of any epochs.")
FIGURES = flags.DEFINE_bool("figures", True, "With figures; without, it is sooner.")


def main() -> None:
    """Writes the report."""
    folders = [name for value in WORKDIR.value for name in value.split(",") if name]
    if not folders:
        raise ConfigError("--workdir is missing")
    for shown in (KERNELS, AUGMENTATIONS):
        cli.goes_with(shown, FIGURES)
    from ws_jax.analysis.page import report
    from ws_jax.papers.pages import PAPERS
    from ws_jax.storage import results

    image = None
    if AUGMENTATIONS.value:
        from ws_jax import data

        image = data.example("mnist_5k", label=3)
    path = report.write_report(
        results.read(folders),
        OUTPUT.value or Path(folders[0]) / "report.html",
        title=", ".join(Path(name).resolve().name for name in folders),
        records=[record for name in folders for record in results.read_records(name)],
        image=image,
        papers=list(PAPERS.values()),
        join_lengths=JOIN_LENGTHS.value,
        figures=FIGURES.value,
        folders=folders if KERNELS.value else (),
        workdirs=folders,
    )
    print(f"report: {path}")


if __name__ == "__main__":
    cli.run(main)
