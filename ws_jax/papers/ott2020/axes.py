"""In what the paper's runs may differ, by columns of results and fields of a config."""

from __future__ import annotations

from ws_jax.analysis.claims.departures import HARMLESS, HARMLESS_SECTIONS

# What its training images are changed by; at level 0 by nothing.
KINDS = ("none", "translation", "rotation", "noise", "edge_noise")
# Fields in which a run may differ from the paper's and is still one of them. The axes
# of its studies, folds, seeds and epochs have columns of their own.
FREE = (
    *HARMLESS,
    "transforms.kinds",  # compared with `KINDS`
    "semantics",  # the bundle, by which a preset is chosen
)
FREE_SECTIONS = HARMLESS_SECTIONS
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
