"""What the second paper's runs are: its presets, and in what they may differ."""

from __future__ import annotations

import functools
from pathlib import PurePath
from typing import TYPE_CHECKING

from ws_jax.analysis.claims.departures import Presets

if TYPE_CHECKING:  # a report does not wait for what trains
    from ws_jax.runs import Run

DATA = ("cifar10", "cifar100", "tiny_imagenet", "imagenet")
# How the SNR was measured: no matter for training, but verdicts must say it.
MEASURED = tuple(f"evaluation.measures.weight_snr.{f}" for f in ("form", "border"))
_WHOLE = ("", "32", "32/32")  # cuts of a folder that leave CIFAR's images as they are
# What the paper's data sets are called by others: by TFDS, or as they are unpacked.
_NAMES = {
    "imagenet2012": "imagenet",
    "ilsvrc2012": "imagenet",
    "tiny_imagenet_200": "tiny_imagenet",
}


def known_data(name: str) -> str:
    """Returns the paper's name of a data set; a name of another one as it is.

    A folder of images is the data set that its own name is, without what stands around
    it: not a part of it in a folder below, nor one whose name has others' words in it.
    CIFAR's images are trained on as they are: resized or cut ones are other data.

    Example:
      >>> known_data("folder:data/imagenet@256/256"), known_data("folder:imagenet/dogs")
      ('imagenet', 'folder:imagenet/dogs')
      >>> known_data("folder:cifar10@32"), known_data("folder:cifar10@16")
      ('cifar10', 'folder:cifar10@16')
    """
    kind, _, path = name.partition(":")
    path, _, cut = path.partition("@")
    word = (PurePath(path).name if kind == "folder" else name).replace("-", "_").lower()
    word = _NAMES.get(word, word)
    whole = cut in _WHOLE or not word.startswith("cifar")
    return word if word in DATA and whole else name


@functools.cache
def _paper(data: str, epochs: int) -> tuple[Run, ...]:
    from ws_jax.papers.pogodin2021 import presets

    name = known_data(data)
    if name not in DATA:
        return ()
    if name == "imagenet":
        return _kinds(presets.imagenet("own", epochs=epochs))
    if name == "tiny_imagenet":
        make = functools.partial(presets.tiny_imagenet, "own", epochs=epochs)
        return tuple(run for n in (1, 4) for run in _kinds(make(copies=n)))
    return tuple(
        run
        for copies in (1, 4)
        for padding in (4, 0)
        for whole in (True, False)
        for run in _kinds(
            presets.cifar(
                "own",
                name,
                copies=copies,
                padding=padding,
                all_images=whole,
                epochs=epochs,
            )
        )
    )


@functools.cache
def _reduced(data: str, epochs: int) -> tuple[Run, ...]:
    from ws_jax.papers.pogodin2021 import presets

    if data != "cifar10":
        return ()
    small = [
        presets.reduced("own", copies=copies, padding=padding, epochs=epochs)
        for copies in (1, 4)
        for padding in (4, 0)
    ]
    small.append(presets.quarter("own", epochs=epochs))
    return tuple(run for sweep in small for run in _kinds(sweep))


def _kinds(sweep) -> tuple[Run, ...]:
    """Returns a run of each kind: shared, free, and free under each kind of phase."""
    from ws_jax.config import replace_field
    from ws_jax.papers.pogodin2021 import presets
    from ws_jax.phases import NoPhase

    free = replace_field(sweep.base, "network.sharing", "free")
    phases = (presets.INSTANT, presets.SLEEP, NoPhase())
    shared = replace_field(sweep.base, "train.phase", NoPhase())
    return (shared, *(replace_field(free, "train.phase", phase) for phase in phases))


OWN = Presets(
    data="cifar10",
    paper=_paper,
    reduced=_reduced,
    free=(
        "network.start",
        "network.start_noise",
        "train.phase.every",
        "transforms.repeat.times",
        "transforms.crop.padding",  # what the paper's table has is not known to us
    ),
    scale=("network.depth", "network.width", "data.num_images", *MEASURED),
    kept=MEASURED,
)
