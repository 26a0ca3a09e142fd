# %% [markdown]
# # A first look
#
# **What does a sweep leave behind, and how do I look at it?**
#
# A sweep trains many networks that differ in how kernels are shared: a CNN has one
# kernel for all places of the image, a free convolutional network (FCN) has an own
# kernel at each. It leaves a table of results, one row per run and epoch, and
# checkpoints of the trained networks. Here we read both from one folder: the one that
# `make study` fills, or another that the variable `WS_JAX_WORKDIR` names. It takes a
# sweep of the same network (`convnet`), with free ones (`sharing=free`) among its runs.

# %%
# %matplotlib inline
# %config InlineBackend.print_figure_kwargs = {"dpi": 120}
import dataclasses
import os
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
from IPython.display import Markdown, display

from ws_jax import checkpoint, measure, results
from ws_jax.analysis import aggregate, labels, style, summaries
from ws_jax.analysis.page import render
from ws_jax.papers.ott2020 import figures, tables

ROOT = next(p for p in (Path.cwd() / "_").parents if (p / "pyproject.toml").exists())
workdir = ROOT / os.environ.get("WS_JAX_WORKDIR", "results/study")
frame = results.read(workdir)
summaries.summary(frame).round(2)

# %% [markdown]
# ## How they learn
#
# Accuracy in percent on training images (as they are augmented), on held-out images,
# and on held-out images shifted by up to a quarter of their side. Colours are levels of
# augmentation; a band is the range over folds.

# %%
rows = aggregate.tidy(frame)
studies = rows[["data", "semantics"]].drop_duplicates().itertuples(index=False)
for data, semantics in studies:
    title = f"{labels.data(data)}, {semantics} semantics"
    display(Markdown(f"**{title}**"), figures.accuracy_curves(rows, data, semantics))

# %% [markdown]
# ## Medians
#
# A cell is the median over all epochs of all folds, as in the paper's tables. Where the
# paper has the cell, its number and the difference from it stand there too.

# %%
for data in rows["data"].unique():
    table = tables.level_table(rows, data, "translation")
    filled, _ = render.groups_by_results(table)
    shown = table.cells[table.cells["group"].isin(filled)]
    table = dataclasses.replace(table, cells=shown)
    display(Markdown(render.to_markdown(table)))

# %% [markdown]
# ## Kernels from a checkpoint
#
# `load_run` lifts one run out of a sweep, as NumPy arrays. A layer of a free network
# keeps its kernels as a field: an own kernel at each site, `[rows, columns, height,
# width, inputs, outputs]`. We take the free network with the most augmentation.

# %%
free = rows[rows["sharing"] == "free"].sort_values(["aug", "fold", "epoch"])
last = free.iloc[-1]
params = checkpoint.load_run(workdir, run=last["run"])["params"]
kernel = params["conv_0"]["kernel"]
display(Markdown(f"The run `{last['run']}` after {last['epoch']} epochs:"))
pd.Series({f"{n} {k}": v.shape for n, p in params.items() for k, v in p.items()})

# %% [markdown]
# Four filters of the first layer, each at 5 x 5 neighbouring sites in the middle of the
# image. A convolution would show the same small picture 25 times.

# %%
top, left = (max(0, side // 2 - 2) for side in kernel.shape[:2])
patch = kernel[top : top + 5, left : left + 5].mean(axis=4)
lines = [(0, 0), (0, 0), (0, 1), (0, 1), (0, 0)]  # between the sites
patch = np.pad(patch, lines, constant_values=np.nan).transpose(0, 2, 1, 3, 4)
patch = patch.reshape(patch.shape[0] * patch.shape[1], -1, patch.shape[-1])
figure, axes = style.make_axes(1, 4, height=1.6)
with matplotlib.rc_context(style.STYLE):
    for index, panel in enumerate(axes.flat):
        reach = np.nanmax(np.abs(patch))
        panel.imshow(patch[..., index], cmap="RdBu_r", vmin=-reach, vmax=reach)
        panel.set_title(f"Filter {index}")
        panel.set_axis_off()
display(figure)

# %% [markdown]
# How far apart are kernels at neighbouring sites? `kernel_distance` measured it on the
# device after every epoch; measured again on the checkpoint it gives the same number.

# %%
measured = {
    f"{name}_{radius}": float(value)
    for radius in (1, 4)
    if pd.notna(last[f"dist_{radius}"])
    for name, value in zip(
        ("dist", "cos"), measure.kernel_distance(kernel, radius), strict=True
    )
}
recorded = last[list(measured)].astype("float64")
np.testing.assert_allclose(list(measured.values()), recorded, rtol=1e-4)
pd.DataFrame({"recorded": recorded, "measured again": measured}).rename(labels.metric)

# %% [markdown]
# ## What this says, and what it does not
#
# These numbers are the sweep's own: they show that training works and what was kept. A
# short sweep on few digits says little about the paper's claims; the other notebooks
# ask its questions of larger ones:
# [overfitting](overfitting.ipynb), [translation](translation.ipynb),
# [approximate sharing](approximate_sharing.ipynb),
# [what free networks are good for](using_free_networks.ipynb).
