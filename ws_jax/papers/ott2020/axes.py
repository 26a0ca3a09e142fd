"""In what the paper's runs may differ, by columns of results and fields of a config."""

from __future__ import annotations

# What its training images are changed by; at level 0 by nothing.
KINDS = ("none", "translation", "rotation", "noise", "edge_noise")
# Fields in which a run may differ from the paper's and is still one of them. The axes
# of its studies, folds, seeds and epochs have columns of their own.
FREE = (
    "transforms.kinds",  # compared with `KINDS`
    # What is looked at besides: each view and measure has a column of its own.
    "evaluation.views",
    "evaluation.measures",
    "task.top",
    "task.confusion",
    # The same products in another order; `execution.precision` asks for others.
    "execution.lowering",
    "execution.chunk",
    "execution.checkpoint_every",
    "execution.keep",
    "execution.keep_state",
    "execution.changed_code",
    "evaluation.test",
    "train.optimizer.decays",  # whether a decay of 0 is taken along as an argument
    "semantics",  # the bundle, by which a preset is chosen
    "data.fingerprint",  # the order of the images: judged apart, not left out
)
FREE_SECTIONS = ("evaluation.measures.", "sweep.")
# Fields that are axes of the paper's studies, or are told in rows of their own.
AXES = (
    "network.sharing",
    "network.fans",
    "network.severing",
    "network.vcp",
    "transforms.level",
    "fold",
    "seed",
    "train.epochs",
)
