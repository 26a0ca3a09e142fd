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
JOIN_LENGTHS = flags.DEFINE_bool(
    "join_lengths", False, "Join and judge runs of different epochs together."
)
FIGURES = flags.DEFINE_bool(
    "figures", True, "With figures; without, words and tables come sooner."
)


def main() -> None:
    """Writes the report."""
    folders = [name for value in WORKDIR.value for name in value.split(",") if name]
    if not folders:
        raise ConfigError("--workdir is missing")
    from ws_jax.analysis import report
    from ws_jax.papers.pages import PAPERS
    from ws_jax.storage import results

    path = report.write_report(
        results.read(folders),
        OUTPUT.value or Path(folders[0]) / "report.html",
        title=", ".join(Path(name).resolve().name for name in folders),
        records=[record for name in folders for record in results.read_records(name)],
        image=_digit() if AUGMENTATIONS.value else None,
        papers=list(PAPERS.values()),
        join_lengths=JOIN_LENGTHS.value,
        figures=FIGURES.value,
    )
    print(f"report: {path}")


def _digit():
    """Returns a digit of the embedded data set, [28, 28, 1] in [0, 1]."""
    from ws_jax import data

    digits = data.load("mnist_5k")
    first_three = int((digits.labels == 3).argmax())
    return digits.images[first_three] / 255


if __name__ == "__main__":
    cli.run(main)
