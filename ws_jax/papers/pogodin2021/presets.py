"""The settings of the second paper, from which its configs are cut.

Every study is a product of axes: shared and free networks, and of the free ones each
way to share in sleep. A cadence of `NEVER` is the free network itself.

Full studies train as the released commands do (`--training-mode test`): on all training
images, shifting none, and after every epoch the published test images are scored: what
results call validation are these images there. No claim picks an epoch by them. Three
seeds are ours: what the paper has is not known to us. What else is otherwise than in
the released code:

- Products and activations are bfloat16, which needs no scaling of the loss; the
  released mixed precision is float16 with a `GradScaler`. Parameters, statistics of
  normalisations and the classifier are float32.
- The running variance of a normalisation is the biased one, of all values of a channel;
  PyTorch's is the unbiased one.
- A last batch that the images do not fill (336 of 512 on CIFAR) is filled with others
  of the epoch: normalisations see them twice, loss and gradient do not count them. The
  released last batch is short.
- ImageNet: see `imagenet`.

Source: Pogodin et al. 2021, released code (`README.md`, `utils.py`, `datasets.py`,
`experiments.py`, `networks/resnet.py`).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

from ws_jax.config import MOST, ConfigError, check_name, replace_field
from ws_jax.measure import WeightSNR
from ws_jax.models import Network, ResNet, ResNet18
from ws_jax.optimizers import AdamW, Steps
from ws_jax.phases import GroupMean, Hebbian
from ws_jax.runs import Data, Evaluation, Run, Sweep, Train
from ws_jax.tasks import Classification
from ws_jax.transforms import (
    Centre,
    Crop,
    Cut,
    Flip,
    Normalize,
    Repeat,
    ResizedCut,
    Transform,
)

NEVER = MOST
CADENCES = (1, 10, 100, NEVER)
SEEDS = (0, 1, 2)
# Means and standard deviations of each channel, of all training images. Those of
# CIFAR-100, which the released code computes, were not computed again here.
COLOURS = {
    "cifar10": (
        (0.49139965, 0.4821585, 0.44653103),
        (0.24703225, 0.24348518, 0.26158783),
    ),
    "cifar100": (
        (0.50707516, 0.48654887, 0.44091784),
        (0.26733429, 0.25643846, 0.27615047),
    ),
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
}
# Of the released code's 45,000 images of CIFAR, where the others are for validation.
COLOURS_HELD_OUT = {
    "cifar10": (
        (0.49147674, 0.48228467, 0.44654816),
        (0.24709952, 0.2434634, 0.2615838),
    ),
    "cifar100": (
        (0.5065967, 0.48631412, 0.44057995),
        (0.26733804, 0.2565225, 0.27617523),
    ),
}
# The paper's axes by the words of its presets, those that part programs first.
AXES = {
    "sharing": "network.sharing",
    "starts": "network.start",
    "phases": "train.phase",
    "copies": "transforms.repeat.times",
    "cadences": "train.phase.every",
    "noises": "network.start_noise",
    "seeds": "seed",
}
# Instant sharing and sleep as in the released code: the first batch of every epoch
# always shares, then every so many.
INSTANT = GroupMean(every=10, count="epoch", sharing="periodic:window", first=1)
SLEEP = Hebbian(every=10, count="epoch", first=1)


def normalize(name: str, *, all_images: bool = True) -> Normalize:
    """Returns the normalisation of a data set, its means cut to whole pixel values.

    So a pixel of the mean colour is zero, as is all that a crop pads with.

    Args:
      name: as in `COLOURS`.
      all_images: whether colours are those of all training images, or of what is left
        where a tenth of CIFAR is for validation; ImageNet's are the same.
    """
    check_name("data set of the paper", name, COLOURS)
    known = COLOURS if all_images else COLOURS | COLOURS_HELD_OUT
    means, deviations = known[name]
    return Normalize(tuple(math.floor(255 * m) / 255 for m in means), deviations)


def recipe(rate: float, decay: float, batch_size: int, epochs: int = 200) -> Train:
    """Returns the paper's training: AdamW, its rate a quarter from epochs 100 and 150.

    Args:
      rate: of learning, at the start.
      decay: of weights.
      batch_size: images before any repetition.
      epochs: of training; milestones stay in proportion.
    """
    milestones = (epochs / 2, 3 * epochs / 4)
    steps = Steps(milestones=milestones, unit="epoch", decay=0.25)
    return Train(
        epochs=epochs,
        patience=epochs,
        batch_size=batch_size,
        optimizer=AdamW(
            learning_rate=rate, weight_decay=decay, decays=True, schedule=steps
        ),
        phase=INSTANT,
    )


def make_sweep(
    name: str,
    data: Data,
    network: Network,
    transforms: tuple[Transform, ...],
    train: Train,
    **axes: Sequence,
) -> Sweep:
    """Returns a study: shared, and free at every cadence, unless `axes` say otherwise.

    One seed, unless `axes` say otherwise.

    Args:
      name: of the sweep.
      data: images and their split.
      network: as convolution; `axes` say where it is free.
      transforms: of training images.
      train: as `recipe` returns it.
      **axes: by the words in `AXES`.
    """
    base = Run(
        data=data,
        network=network,
        task=Classification(top=(5,)),
        transforms=transforms,
        train=train,
        evaluation=Evaluation(views=(), measures=(WeightSNR(),)),
    )
    asked: dict[str, Any] = {"sharing": ("full", "free"), "cadences": CADENCES, **axes}
    for word in asked:
        check_name("axis", word, AXES)
    if len(asked.get("phases", ())) == 1:  # no axis, so that its fields can be set
        base = replace_field(base, "train.phase", *asked.pop("phases"))
    found = {path: tuple(asked[word]) for word, path in AXES.items() if word in asked}
    return Sweep(name, base, found)


def translations(padding: int, copies: int) -> tuple[Transform, ...]:
    """Returns the transforms of CIFAR before and after its normalisation's place.

    Args:
      padding: shifts lie within ± so many pixels; 0 does not shift.
      copies: of each image in a batch, each shifted and flipped by itself.
    """
    crop = (Crop(padding=padding),) if padding else ()
    return (Repeat(copies), Flip(), *crop)


def cifar(
    name: str,
    data: str = "cifar10",
    *,
    padding: int = 0,
    copies: int = 1,
    all_images: bool = True,
    epochs: int = 200,
    dtype: str = "bfloat16",
    **axes: Sequence,
) -> Sweep:
    """Returns a study of CIFAR-10 or CIFAR-100: ResNet-20, three seeds.

    Args:
      name: of the sweep.
      data: `cifar10` or `cifar100`.
      padding: see `translations`; 0 is the released default. What the paper's table
        of translations has is not known to us.
      copies: see `translations`.
      all_images: whether all training images are trained on and the test images scored
        after every epoch, or the last tenth is for validation, as while the released
        code's settings are tuned (it draws the tenth at random), and the test images
        are scored at the end.
      epochs: of training.
      dtype: of products and activations.
      **axes: see `make_sweep`.
    """
    before = translations(padding, copies)
    normal = normalize(data, all_images=all_images)
    return make_sweep(
        name,
        Data(data, split="published" if all_images else "holdout"),
        ResNet(dtype=dtype, output_init="uniform"),
        (*before[:2], normal, *before[2:]),
        recipe(1e-2, 1e-4, 512, epochs),
        **{"seeds": SEEDS, **axes},
    )


def tiny_imagenet(
    name: str,
    folder: str = "tiny-imagenet-200",
    *,
    padding: int = 0,
    copies: int = 1,
    epochs: int = 200,
    dtype: str = "bfloat16",
    **axes: Sequence,
) -> Sweep:
    """Returns a study of TinyImageNet: ResNet-20 on 48x48 pixels, never flipped.

    All training images are trained on, and those in `val` scored after every epoch.
    Three seeds.

    Args:
      name: of the sweep.
      folder: of the images, see `ws_jax.data.folders`.
      padding: the middle 48 + 2 padding pixels of 64 are cut out at loading, and 48 of
        those while training; 8 takes the whole image, 0, the released default, is no
        augmentation.
      copies: of each image in a batch.
      epochs: of training.
      dtype: of products and activations.
      **axes: see `make_sweep`.
    Raises:
      ConfigError: for a padding beyond the image.
    """
    if not 0 <= padding <= 8:
        raise ConfigError(
            f"padding is {padding}, needs 0 to 8: images of 64x64 have no more around "
            "their middle 48x48"
        )
    side = 48
    cut = (Repeat(copies), Cut(size=side), normalize("imagenet"), Centre(size=side))
    return make_sweep(
        name,
        Data(f"folder:{folder}@{side + 2 * padding}", split="published"),
        ResNet(dtype=dtype, output_init="uniform"),
        cut,
        recipe(1e-2, 1e-4, 512, epochs),
        **{"seeds": SEEDS, **axes},
    )


def imagenet(
    name: str,
    folder: str = "imagenet",
    *,
    width: int = 32,
    epochs: int = 200,
    dtype: str = "bfloat16",
    **axes: Sequence,
) -> Sweep:
    """Returns a study of ImageNet: ResNet-18 on 224x224 pixels, at half its width.

    Unlike in the paper, parts are cut from the middle square of every image, 256
    pixels a side, which is what is held. All training images are trained on, and those
    in `val` scored after every epoch. Three seeds.

    Args:
      name: of the sweep.
      folder: of the images, see `ws_jax.data.folders`. All of them in memory take 265
        GB, so most machines take a part of the classes.
      width: channels of the first stage.
      epochs: of training.
      dtype: of products and activations.
      **axes: see `make_sweep`.
    """
    side = 224
    transforms = (
        ResizedCut(size=side),
        Flip(),
        normalize("imagenet"),
        Centre(size=side),
    )
    return make_sweep(
        name,
        Data(f"folder:{folder}@256/256", split="published"),
        ResNet18(width=width, dtype=dtype, output_init="uniform"),
        transforms,
        recipe(5e-4, 1e-2, 256, epochs),
        **{"seeds": SEEDS, **axes},
    )


def reduced(
    name: str,
    *,
    padding: int = 4,
    copies: int = 1,
    epochs: int = 20,
    num_images: int = 6000,
    **axes: Sequence,
) -> Sweep:
    """Returns the CIFAR-10 study in small: ResNet-8, 8 channels wide, in float32.

    A sixth of the first images are for validation, and no test is made. Three seeds.
    Unlike in the full studies images are shifted by up to 4 pixels unless `padding`
    says otherwise, colours are those of 45,000 images, and the classifier starts
    normally distributed: so the stored results were trained.

    Args:
      name: of the sweep.
      padding: see `translations`.
      copies: see `translations`.
      epochs: of training.
      num_images: of CIFAR-10.
      **axes: see `make_sweep`.
    """
    whole = cifar(name, padding=padding, copies=copies, all_images=False, epochs=epochs)
    train = dataclasses.replace(whole.base.train, batch_size=100)
    return make_sweep(
        name,
        Data("cifar10", split="holdout", holdout=1 / 6, num_images=num_images),
        ResNet(depth=8, width=8, output_init="normal"),
        whole.base.transforms,
        train,
        **{"seeds": SEEDS, **axes},
    )


def quarter(name: str, *, epochs: int = 10, **axes: Sequence) -> Sweep:
    """Returns the CIFAR-10 study on a small network for a quarter of the paper's steps.

    Images, transforms and splits are those of the full study, and so is what is scored:
    all 50,000 training images, none shifted, the test images after every epoch. Not the
    paper's are ResNet-8, 8 channels wide, in float32, and batches of 100: 5,000 steps
    in 10 epochs, where the paper takes 19,600 in 200. Three seeds.

    Args:
      name: of the sweep.
      epochs: of training.
      **axes: see `make_sweep`.
    """
    whole = cifar(name, epochs=epochs).base
    return make_sweep(
        name,
        whole.data,
        ResNet(depth=8, width=8, output_init="uniform"),
        whole.transforms,
        dataclasses.replace(whole.train, batch_size=100),
        **{"seeds": SEEDS, **axes},
    )
