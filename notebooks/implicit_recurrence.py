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
import json
import os
from pathlib import Path

from IPython.display import Markdown, display

from ws_jax import results
from ws_jax.analysis import labels, study
from ws_jax.papers.savarese2019 import (
    figures,
    page,
    path_figures,
    path_page,
    path_pictures,
    path_runs,
    runs,
)

ROOT = next(p for p in (Path.cwd() / "_").parents if (p / "pyproject.toml").exists())
workdir = ROOT / os.environ.get("WS_JAX_WORKDIR", "results/savarese_paths_reduced")
frame = results.read(ROOT / os.environ.get("WS_JAX_RESULTS", "docs/results"))
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
display(study.summary(ours).round(2) if len(ours) else Markdown("No runs of these."))

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
# Networks on images, with templates (dots) and without (squares).

# %%
show(
    "Accuracy by",
    "No wide residual networks in these results: "
    "`configs/savarese2019/cifar10_reduced.py` is a small study of them.",
)

# %% [markdown]
# ## What folding costs
#
# Layers that are alike by a threshold are tied, and the network loops. Left, accuracy
# after folding (dotted: before); middle, how far the kernels were moved; right, what is
# left of the parameters.

# %%
reports = sorted(workdir.parent.glob(f"{workdir.name}_folded/*/fold.json"))
for report in reports:
    display(
        Markdown(f"**{report.parent.name}**"),
        figures.fold_curve(json.loads(report.read_text())),
    )
if not reports:
    display(
        Markdown(
            "No network was folded here: `python -m launch.fold` does it with wide "
            "residual networks."
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
# ## Beyond what was trained on

# %%
show("Beyond", "No runs on shortest paths in these results.")
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
    for view in ("", "far"):
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
