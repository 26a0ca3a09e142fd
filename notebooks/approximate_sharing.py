# %% [markdown]
# # Does approximate sharing emerge?
#
# **If nothing ties the kernels of a free network together, do those at different places
# grow alike by themselves?**
#
# The paper's answer (Section 5.4): yes, with translated training images, and the more
# the images move the more so. Kernels close by are more alike than kernels further
# away. Without translation the kernels drift apart. Published for MNIST: a distance of
# .109 before training, .07 after 250 epochs with much translation, .110 without.

# %%
# %matplotlib inline
# %config InlineBackend.print_figure_kwargs = {"dpi": 120}
import os
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from IPython.display import Markdown, display

from ws_jax import checkpoint, measure, results
from ws_jax.analysis import aggregate, labels, statistics, style, summaries
from ws_jax.papers.ott2020 import gallery, judge, runs

ROOT = next(p for p in (Path.cwd() / "_").parents if (p / "pyproject.toml").exists())
workdir = ROOT / os.environ.get("WS_JAX_WORKDIR", "results/study")
frame = results.read(ROOT / os.environ.get("WS_JAX_RESULTS", "docs/results"))
rows = aggregate.tidy(frame)
studies = {
    (data, semantics): part
    for data in sorted(set(rows["data"]), reverse=True)
    for semantics, part in runs.select(rows, data).rows.groupby("semantics")
}
summaries.summary(frame).round(2)

# %% [markdown]
# ## Distances over epochs
#
# The first layer's kernels as one field, divided by its norm. The distance at r is the
# mean over all pairs of kernels r sites apart; it is 0 if all kernels are equal, and
# about 1.41 over the side of the field if they have nothing in common (.109 for 13 x 13
# sites).

# %%
shown = [i for i in gallery.items(rows) if i.title.startswith("Distances")]
for item in shown:
    text = f"**{item.title}** ({item.name or 'ours'}). {item.caption}"
    display(Markdown(text), item.draw())
if not shown:
    display(Markdown("No distances were measured in these results."))

# %% [markdown]
# ## From the first epoch to the last
#
# The distance before training, after it, and the change with its 95 % interval over
# folds (corrected resampled t-test). Below 0: the kernels have grown alike.

# %%
free = aggregate.matching(pd.concat(studies.values()), model="fcn", vcp=0)
parts = []
for radius in (1, 4):
    found = statistics.compare(free, free, f"dist_{radius}", "last_epoch", "start")
    parts.append(summaries.comparison(found, "after", "before").assign(r=radius))
table = pd.concat(parts).set_index("r", append=True).sort_index().round(4)
display(table if len(table) else Markdown("No free networks with distances here."))

# %% [markdown]
# ## Looking at kernels
#
# Two free networks from the checkpoints of a sweep (`WS_JAX_WORKDIR`, else the one that
# `make study` leaves), on the same fold: the lowest and the highest level.

# %%
kernels = {}
try:
    own = aggregate.matching(results.read(workdir), sharing="free", vcp=0, fold=0)
    for level in (own["aug"].min(), own["aug"].max()):
        run = own[own["aug"] == level].sort_values(["init", "epoch"]).iloc[-1]
        params = checkpoint.load_run(workdir, run=run["run"])["params"]
        kernels[level] = params["conv_0"]["kernel"]
    text = f"{labels.data(run['data'])}, after {run['epoch']} epochs."
except (results.ResultsError, IndexError, KeyError):
    text = "No sweep with free networks and checkpoints: `make study` makes one."
Markdown(text)

# %% [markdown]
# Where are kernels alike? Each square of a map is a site of the first layer; its colour
# is the cosine between the site's kernel and the mean of all others. Kernels with
# nothing in common scatter around 0, a convolution's are 1 everywhere. On the right the
# distance against r; dashed, kernels with nothing in common.

# %%
figure = style.message("No kernels to look at.")
if kernels:
    units = {x: k.reshape(*k.shape[:2], -1) for x, k in kernels.items()}
    units = {x: u / np.linalg.norm(u, axis=-1, keepdims=True) for x, u in units.items()}
    others = {x: u.sum(axis=(0, 1)) - u for x, u in units.items()}
    maps = {
        x: (u * others[x]).sum(axis=-1) / np.linalg.norm(others[x], axis=-1)
        for x, u in units.items()
    }
    reach = max(np.abs(values).max() for values in maps.values())
    colours = style.colours(list(kernels))
    figure, axes = style.make_axes(1, 3, height=1.7)
    with matplotlib.rc_context(style.STYLE):
        for panel, (level, values) in zip(axes.flat, maps.items(), strict=False):
            panel.imshow(values, cmap="RdBu_r", vmin=-reach, vmax=reach)
            panel.set_title(f"Level {labels.level(level)}, mean {values.mean():.3f}")
            panel.set_axis_off()
        for level, kernel in kernels.items():
            radii = range(1, min(kernel.shape[:2]) // 3 + 1)
            far = [float(measure.kernel_distance(kernel, r)[0]) for r in radii]
            axes[0, 2].plot(radii, far, "o-", color=colours[level])
        apart = np.sqrt(2 / np.prod(kernel.shape[:2]))
        axes[0, 2].axhline(apart, color=style.INK, linestyle="--", linewidth=0.7)
        axes[0, 2].set(title="Distance", xlabel="r")
    style.legend(figure, style.handles(list(kernels)), "Level")
    display(Markdown(f"Colours from {-reach:.2f} (blue) to {reach:.2f} (red)."))
display(figure)

# %% [markdown]
# ## What these results say
#
# The paper's claim, judged on the runs at hand.

# %%
head = ["Claim | Data | Semantics, init | Verdict | Evidence", "--- | " * 4 + "---"]
judged = [
    f"{v.claim.title} | {labels.data(v.data)} | {v.semantics}, {v.init} | "
    f"**{v.outcome}** | {v.sentence}"
    for v in judge.judge(rows)
    if v.claim.number == 6 and (v.data, v.semantics) in studies
]
Markdown("\n".join(head + judged) if judged else "The claim is about MNIST: no runs.")

# %% [markdown]
# ## And what they do not
#
# - A few epochs show which way the distances set out. How far they go, and whether
#   they turn, takes the paper's 250.
# - The distance starts from random kernels, of which nothing need be forgotten: parts
#   of them that training never touches keep it up. So it does not fall to 0 even where
#   what was learned is shared. The maps show the same in another way.
# - Sites that learned the same filters in another order count as different.
# - Distances are of the first layer only.
