# %% [markdown]
# # What are free networks good for?
#
# **A CNN is a useful model of vision for engineers. Is a network without sharing, which
# is closer to a brain, a useful model of anything?**
#
# The paper (Section 5.5, Appendix C) looks at two things. A free network knows where it
# looks, so that it should lose more than a CNN when two quadrants of an image change
# places; published for MNIST: the CNN keeps about 13 points more. And its connections
# may differ from place to place, so that it should stand losing many of them.

# %%
# %matplotlib inline
# %config InlineBackend.print_figure_kwargs = {"dpi": 120}
import os
from pathlib import Path

import pandas as pd
from IPython.display import Markdown, display

import ws_jax.data
from ws_jax import results
from ws_jax.analysis import aggregate, labels, statistics, summaries
from ws_jax.papers.ott2020 import gallery, judge, pictures, runs

ROOT = next(p for p in (Path.cwd() / "_").parents if (p / "pyproject.toml").exists())
frame = results.read(ROOT / os.environ.get("WS_JAX_RESULTS", "docs/results"))
rows = aggregate.tidy(frame)
studies = {
    (data, semantics): part
    for data in sorted(set(rows["data"]), reverse=True)
    for semantics, part in runs.select(rows, data).rows.groupby("semantics")
}
summaries.summary(frame).round(2)

# %% [markdown]
# ## Two quadrants change places
#
# Networks never see a swapped image in training. Upper right and lower left are
# exchanged:

# %%
digits = ws_jax.data.load("mnist_5k")
digit = digits.images[(digits.labels == 3).argmax()] / 255
pictures.augmentation_figure(digit, "swap")

# %%
shown = [i for i in gallery.items(rows) if i.title.startswith("Quadrant swap")]
for item in shown:
    text = f"**{item.title}** ({item.name or 'ours'}). {item.caption}"
    display(Markdown(text), item.draw())
if not shown:
    display(Markdown("No network was shown swapped images at level 0 here."))

# %% [markdown]
# Accuracy on swapped images jumps by several points from epoch to epoch, so that one
# epoch says nothing. Below it is the mean over the second half of the epochs, in
# percent; then the CNN's less the FCN's on the same folds, in points, with its 95 %
# interval (corrected resampled t-test).

# %%
chosen = aggregate.matching(pd.concat(studies.values()), vcp=0)
free, shared = (chosen[chosen["model"] == name] for name in ("fcn", "cnn"))
found = statistics.compare(shared, free, "swap", "second_half")
table = summaries.comparison(found, "CNN", "FCN", scale=100).round(2)
display(table if len(table) else Markdown("No free networks were tested beside a CNN."))

# %% [markdown]
# ## Connections that are cut
#
# Before training each connection of the free layers is severed with probability p, and
# stays so (in the released code: each input unit of a layer).

# %%
wanted = ("Severed connections", "Against the probability")
shown = [i for i in gallery.items(rows) if i.title.startswith(wanted)]
for item in shown:
    text = f"**{item.title}** ({item.name or 'ours'}). {item.caption}"
    display(Markdown(text), item.draw())
if not shown:
    text = "No runs with severed connections: `configs/mnist_vcp.py` makes them."
    display(Markdown(text))

# %% [markdown]
# ## What these results say
#
# The paper's claims, judged on the runs at hand.

# %%
head = ["Claim | Data | Semantics, init | Verdict | Evidence", "--- | " * 4 + "---"]
judged = [
    f"{v.claim.title} | {labels.data(v.data)} | {v.semantics}, {v.init} | "
    f"**{v.outcome}** | {v.sentence}"
    for v in judge.judge(rows)
    if v.claim.number in (7, 8) and (v.data, v.semantics) in studies
]
Markdown(
    "\n".join(head + judged)
    if judged
    else "The claims are about MNIST and CIFAR-10: no runs."
)

# %% [markdown]
# ## And what they do not
#
# - The swap hangs on how the free kernels were initialised, most of all in the first
#   epochs. Where both readings are here, trust what they agree on.
# - One seed a fold: the luck of a start is in the intervals, and cannot be told from
#   the difficulty of a fold.
# - Where severing leaves accuracy as it was, other connections may do the work or none
#   may have been needed; these results do not tell which.
# - None of it compares networks with people or brains. It says what the networks do.
