"""What transforms make of a batch of images: copies, changes, and their size."""

from __future__ import annotations

import zlib
from typing import ClassVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from ws_jax.config import ConfigError, config, labels, static
from ws_jax.transforms.transform import Place, Shape, Transform


@config("repeat")
class Repeat(Transform):
    """Puts every image into the batch several times; what follows changes each.

    Source: Pogodin et al. 2021, Section 4 ("translations").
    """

    draws: ClassVar[bool] = True
    times: int = static(1, "how often", low=1)

    @property
    def copies(self) -> int:
        """As said."""
        return self.times

    def essence(self) -> Transform | None:
        """Once is not repeated."""
        return None if self.times == 1 else self

    def apply(self, key, image, place):
        """Leaves each copy as it is."""
        del key, place
        return image


def num_copies(transforms: tuple[Transform, ...]) -> int:
    """Returns how often an image of a training batch stands in it."""
    total = 1
    for transform in transforms:
        total *= transform.copies
    return total


def transform_batch(
    key: Key[Array, ""],
    transforms: tuple[Transform, ...],
    images: Float[Array, "n h w c"],
    targets: Array,
    *,
    dense: bool = False,
    start: int | Int[Array, ""] = 0,
    batch_size: int | None = None,
    epoch: int | Int[Array, ""] = 0,
) -> tuple[Float[Array, "m oh ow c"], Array]:
    """Changes every image of a batch by the transforms in turn, each with own draws.

    The draws of an image depend on `key` and on `start` plus its index only: a set
    gives the same images in one piece or in several, each with its `start`.

    Args:
      key: of the draws.
      transforms: in order.
      images: [n, h, w, c].
      targets: of the images, [n, ...].
      dense: whether targets are images [n, h, w], which move as theirs do.
      start: place of the first image in the set that `key` serves.
      batch_size: into which batches that set is cut; None takes it as one batch.
      epoch: of training, from 0.
    Returns:
      Images [m, oh, ow, c] and targets, m = n times what `Repeat` asks for; copies
      stand side by side. Their size is that of `images` but for what is cut.
    """
    alone = _draws_alone(transforms)
    for transform, label in zip(transforms, labels(transforms), strict=True):
        if isinstance(transform, Repeat):
            images = jnp.repeat(images, transform.copies, axis=0)
            targets = jnp.repeat(targets, transform.copies, axis=0)
            start = start * transform.copies
            batch_size = batch_size and batch_size * transform.copies
            continue
        size = batch_size or images.shape[0]
        args = (key, transform, stream_of(label), alone, start, size, epoch)
        images = _change(images, *args)
        if dense and transform.moves:
            targets = _change(targets[..., None], *args)[..., 0]
    return images, targets


def _draws_alone(transforms: tuple[Transform, ...]) -> bool | Array:
    """Whether at most one transform draws; what has level 0 does not count."""
    drawing = [t for t in transforms if t.draws and not isinstance(t, Repeat)]
    if len(drawing) < 2:
        return True
    return sum(jnp.where(t.acts(), 1, 0) for t in drawing) < 2


def _change(images, key, transform, stream, alone, start, size, epoch):
    index = start + jnp.arange(images.shape[0])

    def change(index, image):
        draw_key = jax.random.fold_in(key, index)
        # One that draws alone takes the image's key as it is.
        if alone is not True:
            own = jax.random.fold_in(draw_key, stream)
            draw_key = jnp.where(alone, draw_key, own)
        return transform.apply(draw_key, image, Place(index % size, size, epoch))

    return jax.vmap(change)(index, images)


def stream_of(name: str) -> int:
    """Returns 32 bits that stand for a name, to fold a key with."""
    return zlib.crc32(name.encode())


def fixed_transforms(
    transforms: tuple[Transform, ...], makes: bool = False
) -> tuple[Transform, ...]:
    """Returns the transforms that act in evaluations, too, where nothing draws.

    Args:
      transforms: of a run.
      makes: whether those that make images anew are among them.
    """
    return tuple(t for t in transforms if not t.draws and (makes or not t.makes))


def check_transforms(transforms: tuple[Transform, ...], shape: Shape) -> None:
    """Raises `ConfigError` if transforms cannot serve images of [h, w, c]."""
    for transform in transforms:
        transform.check_images(shape)
        shape = transform.shape(shape)
    fixed = [t.kind for t in transforms if not t.draws]
    if len(set(fixed)) < len(fixed):
        raise ConfigError(f"transforms: {fixed} names one twice that needs no draw")


def output_shape(transforms: tuple[Transform, ...], shape: Shape) -> Shape:
    """Returns the shape [h, w, c] that transforms make of images of `shape`.

    Raises:
      ConfigError: if evaluations, where nothing draws, would see another one.
    """
    training = evaluation = shape
    for transform in transforms:
        training = transform.shape(training)
        if not transform.draws:
            evaluation = transform.shape(evaluation)
    if training != evaluation:
        seen = ["x".join(map(str, found[:2])) for found in (training, evaluation)]
        raise ConfigError(
            f"transforms make images of {seen[0]} in training and {seen[1]} in "
            f"evaluation, where none draws: end them with centre of size {training[0]}"
        )
    return training
