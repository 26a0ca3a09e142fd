"""Changes to images, as configs: in training, and as views of the validation data.

A run has an ordered tuple of them. Each changes one image at a time, by a key of its
own; its strength is run data. Those that draw act in training only; those that do not
(normalisation, say) act on the images of every evaluation, too. An evaluation's views
are single transforms by which the validation images are changed first.

What they do to an image is in `ws_jax.augment`.
"""

# In the order in which help lists the kinds.
# isort: off
from ws_jax.transforms.transform import Image, Place, Shape, Transform
from ws_jax.transforms.leveled import (
    EdgeNoise,
    Leveled,
    Noise,
    Rotation,
    Translation,
)
from ws_jax.transforms.usual import Crop, Cutout, Flip, Normalize, Swap
from ws_jax.transforms.batch import (
    Repeat,
    check_transforms,
    fixed_transforms,
    num_copies,
    output_shape,
    stream_of,
    transform_batch,
)
from ws_jax.transforms.cuts import Centre, Cut, ResizedCut
from ws_jax.transforms.paths import DrawPaths, Far, Farther, Larger, Largest
from ws_jax.transforms.views import VIEWS
# isort: on

__all__ = [
    "VIEWS",
    "Centre",
    "Crop",
    "Cut",
    "Cutout",
    "DrawPaths",
    "EdgeNoise",
    "Far",
    "Farther",
    "Flip",
    "Image",
    "Larger",
    "Largest",
    "Leveled",
    "Noise",
    "Normalize",
    "Place",
    "Repeat",
    "ResizedCut",
    "Rotation",
    "Shape",
    "Swap",
    "Transform",
    "Translation",
    "check_transforms",
    "fixed_transforms",
    "num_copies",
    "output_shape",
    "stream_of",
    "transform_batch",
]
