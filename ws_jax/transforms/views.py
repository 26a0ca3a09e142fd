"""The views: each the validation images changed by one transform."""

from __future__ import annotations

from ws_jax.transforms.leveled import EdgeNoise, Noise, Rotation, Translation
from ws_jax.transforms.transform import Transform
from ws_jax.transforms.usual import Swap

# The changes under which the first paper evaluates after every epoch: shifts within
# 25 % of the side, turns within 45 degrees, noise with standard deviation 0.15. What
# one of these draws depends on its place here: others belong behind them.
VIEWS: dict[str, Transform] = {
    "translation": Translation(level=0.25),
    "rotation": Rotation(level=45 / 360),
    "noise": Noise(level=0.15),
    "edge_noise": EdgeNoise(level=0.15),
    "swap": Swap(),
}
