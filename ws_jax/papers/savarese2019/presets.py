"""The settings of the third paper, from which its configs are cut.

What is otherwise than in the released code, which trains in PyTorch:

- Which 5,000 training images are validated on: the last ones; the released code draws
  them at random.
- A last batch that the images do not fill (72 of 128, of 45,000) is filled with 56
  others of the epoch: normalisations see them twice, loss and gradient do not count
  them. The released last batch is short.
- The running variance of a normalisation is the biased one, of all values of a channel;
  PyTorch's is the unbiased one.

Source: Savarese & Maire 2019, authors' code `main.py`, `utils.py` and README.
"""

from __future__ import annotations

from collections.abc import Sequence

from ws_jax.banks import COEFFICIENTS
from ws_jax.measure import LayerSimilarity
from ws_jax.models import WideBottleneck, WideResNet
from ws_jax.optimizers import SGD, Steps
from ws_jax.runs import Data, Evaluation, Run, Sweep, Train
from ws_jax.tasks import Classification, SimilarityTerm
from ws_jax.transforms import (
    Centre,
    Crop,
    Cutout,
    Flip,
    Normalize,
    ResizedCut,
    Transform,
)

# Of each channel, pixels from 0 to 255: mean, standard deviation.
STATISTICS = {
    "cifar10": ((125.3, 123.0, 113.9), (63.0, 62.1, 66.7)),
    "cifar100": ((129.3, 124.1, 112.4), (68.2, 65.4, 70.4)),
}
# The same of ImageNet, as torchvision has it, pixels from 0 to 1.
IMAGENET = Normalize((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
EPOCHS = 200
# Epochs 60, 120 and 160 of 200; in shorter trainings the same parts of them.
MILESTONES = (0.3, 0.6, 0.8)


def optimizer(**fields) -> SGD:
    """Returns the paper's optimiser, with other `fields` if named.

    The rate is multiplied by 0.2 at 30, 60 and 80 % of training. Coefficients do not
    decay; all else does, templates and normalisations included.
    """
    usual = {
        "learning_rate": 0.1,
        "momentum": 0.9,
        "nesterov": True,
        "weight_decay": 5e-4,
        "no_decay": (COEFFICIENTS,),
        "schedule": Steps(milestones=MILESTONES, unit="training", decay=0.2),
    }
    return SGD(**{**usual, **fields})


def transforms(data: str, *, cutout: bool = True) -> tuple[Transform, ...]:
    """Returns what happens to training images, in order.

    Padding is black, in pixels before normalisation; what Cutout blanks is of the mean
    colour, since it comes after.

    Args:
      data: whose statistics hold; those of CIFAR-10 for other data than CIFAR-100.
      cutout: whether a square is blanked.
    """
    mean, std = (
        tuple(value / 255 for value in values)
        for values in STATISTICS.get(data, STATISTICS["cifar10"])
    )
    cut = (Cutout(size=16),) if cutout else ()
    return (Flip(), Crop(padding=4), Normalize(mean=mean, std=std), *cut)


def cifar(
    name: str,
    data: str = "cifar10",
    *,
    depths: Sequence[int] = (28,),
    widths: Sequence[int] = (10,),
    templates: Sequence[int] = (0, 1, 2, 4, 6),
    seeds: Sequence[int] = (0, 1, 2),
    strengths: Sequence[float] = (),
    all_images: bool = False,
    cutout: bool = True,
    num_images: int = 0,
    epochs: int = EPOCHS,
    batch_size: int = 128,
) -> Sweep:
    """Returns a study of CIFAR as in the paper.

    45,000 of the training images are trained on, the last 5,000 are validated on, and
    the test images are scored after every epoch, so that the best validation epoch's
    score can be read off. The released code draws the 5,000 at random.

    Args:
      name: of the sweep.
      data: `cifar10`, `cifar100`, or another set of colour images.
      depths: of the networks.
      widths: of the networks.
      templates: of each stage's bank; 0 is the plain WRN.
      seeds: of the runs.
      strengths: of the loss term that raises similarities; none: without the term.
      all_images: whether all training images are trained on, and the test images
        validated on; what a best epoch is then is not known without them.
      cutout: whether a square of each image is blanked.
      num_images: first images of the joined set that are used; 0: all.
      epochs: as said; the rate falls at the same parts of them.
      batch_size: as said.
    """
    split = "published" if all_images else "holdout"
    terms = (SimilarityTerm(),) if strengths else ()
    base = Run(
        data=Data(data, split=split, holdout=0.1, num_images=num_images),
        network=WideResNet(),
        task=Classification(terms=terms),
        transforms=transforms(data, cutout=cutout),
        train=Train(
            epochs=epochs,
            patience=epochs,
            batch_size=batch_size,
            optimizer=optimizer(),
        ),
        evaluation=Evaluation(views=(), measures=(LayerSimilarity(),), test="epoch"),
    )
    axes: dict[str, tuple] = {
        "network.depth": tuple(depths),
        "network.width": tuple(widths),
        "network.templates": tuple(templates),
        "seed": tuple(seeds),
    }
    if strengths:
        axes["task.terms.layer_similarity.strength"] = tuple(strengths)
    return Sweep(name, base, axes)


def imagenet(
    name: str,
    folder: str = "imagenet",
    *,
    widths: Sequence[int] = (2,),
    templates: Sequence[int] = (0, 1, 2),
    seeds: Sequence[int] = (0,),
    epochs: int = 90,
    dtype: str = "bfloat16",
) -> Sweep:
    """Returns a study of ImageNet: WRN-50-2 of bottleneck blocks and its SWRN twins.

    No source says how the paper trained on ImageNet. The recipe is that of WRN-50-2
    without banks: SGD with Nesterov momentum from a rate of 0.1, a tenth of it from
    epochs 30 and 60, decay 1e-4, but of coefficients, batches of 256. All training
    images are trained on, and those in `val` scored after every epoch. Parts are cut
    from the middle square of every image, 256 pixels a side, which is what is held.

    Source of the recipe: He et al. 2016, Section 3.4; Zagoruyko & Komodakis 2016,
    Section 3; how parts are cut: torchvision's reference training.

    Args:
      name: of the sweep.
      folder: of the images, see `ws_jax.data.folders`. All of them in memory take 265
        GB, so most machines take a part of the classes.
      widths: of the networks.
      templates: of each stage's bank; 0 is the plain WRN. The smallest stage has two
        layers that draw.
      seeds: of the runs.
      epochs: as said; the rate falls at the same parts of them.
      dtype: of products and activations.
    """
    side = 224
    falls = Steps(milestones=(1 / 3, 2 / 3), unit="training", decay=0.1)
    base = Run(
        data=Data(f"folder:{folder}@256/256", split="published"),
        network=WideBottleneck(dtype=dtype),
        task=Classification(top=(5,)),
        transforms=(ResizedCut(size=side), Flip(), IMAGENET, Centre(size=side)),
        train=Train(
            epochs=epochs,
            patience=epochs,
            batch_size=256,
            optimizer=optimizer(weight_decay=1e-4, schedule=falls),
        ),
        evaluation=Evaluation(views=(), measures=(LayerSimilarity(),)),
    )
    axes: dict[str, tuple] = {
        "network.width": tuple(widths),
        "network.templates": tuple(templates),
        "seed": tuple(seeds),
    }
    return Sweep(name, base, axes)
