"""Networks by name: `NETWORKS[name](spec, num_classes)` makes a linen module.

A network maps `(images [n, h, w, c], train)` to logits. State other than parameters
(running averages, say) lives in its linen collections and is carried by the run. In an
epoch's last batch it sees images twice, where the training set does not fill it: they
do not count in the loss, but they do in such averages.
"""

from __future__ import annotations

from collections.abc import Callable

import flax.linen as nn

from ws_jax.models.convnet import ConvNet, make_convnet
from ws_jax.plan import Spec

__all__ = ["NETWORKS", "ConvNet", "make_convnet"]

NETWORKS: dict[str, Callable[[Spec, int], nn.Module]] = {"convnet": make_convnet}
