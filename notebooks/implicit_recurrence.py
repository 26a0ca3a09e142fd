# %% [markdown]
# # Do layers that share templates become loops?
#
# **If the kernels of many layers are mixtures of a few templates, do layers come to use
# the same mixture, so that the network repeats itself?** And is such a network better
# at what an algorithm that repeats itself solves?
#
# The third paper's answers (Savarese & Maire 2019, abstract): shared templates save
# parameters and cost no accuracy; loops emerge, and the network can be folded into one
# that really loops; on tasks that an algorithm solves it trains faster and carries
# further.

# %%
# %matplotlib inline
# %config InlineBackend.print_figure_kwargs = {"dpi": 120}
import os
from pathlib import Path

from IPython.display import Markdown, display

from ws_jax import results
from ws_jax.analysis import aggregate, labels, summaries
from ws_jax.papers.savarese2019 import (
    foldings,
    page,
    path_figures,
    path_page,
    path_pictures,
    path_runs,
    runs,
)

ROOT = next(p for p in (Path.cwd() / "_").parents if (p / "pyproject.toml").exists())
workdir = ROOT / os.environ.get("WS_JAX_WORKDIR", "results/savarese_paths_reduced")
study_name = os.environ.get("WS_JAX_SAVARESE", "results/savarese_reduced")
study_dir = ROOT / study_name
folders = [ROOT / os.environ.get("WS_JAX_RESULTS", "docs/results")]
folders += [study_dir] if any(study_dir.glob("**/results.parquet")) else []
records = [record for folder in folders for record in results.read_records(folder)]
frame = aggregate.with_plan(results.read(folders), records)
TO_RUN = (
    " Run `python -m launch.sweep --config=configs/savarese2019/cifar10_reduced.py "
    f"--workdir={study_name} --data_dir=DIR`, and execute this notebook again, with "
    "`WS_JAX_SAVARESE` set to another folder if there is one."
)
images, paths = runs.select(frame), path_runs.select(frame)
found = page.items(frame)


def show(start, otherwise):
    """Draws the figures whose titles begin so, or says what there is not."""
    shown = [item for item in found if item.title.startswith(start)]
    for item in shown:
        display(Markdown(f"**{item.title}**. {item.caption}"), item.draw())
    if not shown:
        display(Markdown(otherwise))


ours = frame[frame["network"].isin(["wrn", "grid_net"])] if "network" in frame else []
display(
    summaries.summary(ours).round(2) if len(ours) else Markdown("No runs of these.")
)

# %% [markdown]
# ## Which layers are alike
#
# The similarity of two layers is the absolute cosine of the coefficients with which
# they mix the templates: 1 if their kernels are the same up to scale and sign. A layer
# and itself are on the diagonal. With two templates coefficients lie in a plane, where
# many of them are alike wherever they point: what counts is what training adds to
# epoch 0.

# %%
show("Similarity", "No similarities were measured in these results.")

# %% [markdown]
# ## Parameters and accuracy
#
# Networks on images, in each run's best validation epoch: small signs are runs, large
# ones means over seeds. Colours tell depth and width. Empty squares: every layer has a
# kernel of its own (WRN); other signs: templates (SWRN), as many as the last number of
# the name says. To look for: does a deep network with templates stand above a shallow
# one with as many parameters, and how far below the deep one without?
#
# The environment variable `WS_JAX_SAVARESE` names the folder of such a study.

# %%
show("Accuracy by", f"No wide residual networks in these results.{TO_RUN}")
if len(images):
    ends = runs.best(images).groupby(["data", "epochs", "title"], sort=False)
    table = ends.agg(
        parameters=("parameters", "first"),
        seeds=("seed", "nunique"),
        mean=("score", "mean"),
        lowest=("score", "min"),
        highest=("score", "max"),
    )
    percent = {name: 100 * table[name] for name in ("mean", "lowest", "highest")}
    display(table.assign(**percent).round(1))

# %% [markdown]
# ## What folding costs
#
# Layers that are alike by a threshold are tied, and the network loops; a line is a run.
# The higher the threshold the fewer layers are tied: the less kernels change, and the
# less is saved. A bank of two templates has two kernels, so folding saves something
# only where a stage is left with one.

# %%
beside = [study_dir, workdir]
folded = foldings.items(beside)
for item in folded:
    display(Markdown(f"**{item.title}**. {item.caption}"), item.draw())
if folded:
    columns = ["network", "seed", "threshold", "change", "left", "before", "after"]
    display(foldings.read(beside)[columns].round(3))
else:
    display(
        Markdown(
            "No network was folded here. Train the study above, then, for each run of "
            f"it with templates: `python -m launch.fold --workdir={study_name} "
            "--run=RUN --data_dir=DIR`; its runs are named in the column `run` of "
            f"`ws_jax.results.read('{study_name}')`. Networks on grids fold as well."
        )
    )

# %% [markdown]
# ## Shortest paths, while training
#
# A grid has obstacles and two ends; asked for are all cells on shortest paths between
# them. While training the ends move apart. F1 weighs cells that are missed against
# cells that are said in error.
#
# Some networks have a term in their loss that raises the similarity of layers; `term`
# is its weight. In the small study that this project keeps it makes all layers alike
# within five epochs, and these networks are the last at every measure of what they
# trained on: layers that are alike came cheap, and were no help.

# %%
show("Shortest paths", "No runs on shortest paths in these results.")

# %% [markdown]
# ## Other distances and grids

# %%
show("Other distances", "No runs on shortest paths in these results.")
for title, rows in path_page.parts(frame):
    display(Markdown(f"**{title}**. {path_page.BESIDE}"), path_page.table(rows))

# %% [markdown]
# ## What the networks say
#
# Grids that no network has seen: first such as were trained on, then with ends further
# apart. Dark squares are obstacles, dots the ends; the bluer a cell, the more probable
# a network finds it that a shortest path passes.

# %%
if (workdir / "checkpoints").is_dir() and len(paths):
    seen = results.read(workdir)  # without the view, its runs were not asked
    for view in ["", "far"] if "far" in seen else [""]:
        grids, said = path_pictures.predicted(workdir, view, count=3)
        display(path_figures.pictures(grids, said))
else:
    display(
        Markdown(
            "No checkpoints here: `python -m launch.sweep "
            "--config=configs/savarese2019/shortest_paths_reduced.py "
            "--workdir=results/savarese_paths_reduced` makes them."
        )
    )

# %% [markdown]
# ## What these results say
#
# The abstract's claims, judged on the runs at hand.

# %%
head = ["Claim | Data | Verdict | Evidence", "--- | " * 3 + "---"]
judged = [
    f"{v.claim.title} | {labels.data(v.data)} | **{v.outcome}** | {v.sentence}"
    for v in page.PAPER.verdicts(frame)
]
Markdown("\n".join(head + judged) if judged else "No runs to judge.")

# %% [markdown]
# ## And what they do not
#
# - The small study of paths is ours in all but its idea: grids, distances, width,
#   number of templates and rates are not the paper's, and a network with few templates
#   has fewer parameters than the CNN beside it.
# - Every epoch draws new grids, so nobody runs out of examples: what sharing may gain
#   where examples are few is not asked.
# - A cell is seen by a layer's window only so far: twelve layers of 3x3 carry nothing
#   over more than twelve cells, whatever they share.
# - Intervals are over seeds, few of them.
