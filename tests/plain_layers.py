"""flax's own layers, of which tests build the networks that ours must equal."""

import flax.linen as nn


def conv(features, window, stride, name):
    """A layer without bias, padded by half its window on all sides."""
    pads = ((window // 2, window // 2),) * 2
    return nn.Conv(
        features, (window,) * 2, stride, pads, use_bias=False, name=name,
        precision="highest",
    )  # fmt: skip


def flat(tree):
    """Joins the names of nested blocks, as a network without blocks has them."""
    found = {}
    for name, value in tree.items():
        if name.startswith("stage"):
            found |= {f"{name}/{inner}": part for inner, part in value.items()}
        else:
            found[name] = value
    return found
