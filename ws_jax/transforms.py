"""Changes to images, as configs: in training, and as views of the validation data.

A run has an ordered tuple of them. Each changes one image at a time, by a key of its
own; its strength is run data. Those that draw act in training only; those that do not
(normalisation, say) act on the images of every evaluation, too. An evaluation's views
are single transforms by which the validation images are changed first.

What they do to an image is in `ws_jax.augment`.
"""

from __future__ import annotations

import zlib
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, Key

from ws_jax import augment
from ws_jax.config import (
    MOST,
    Config,
    ConfigError,
    config,
    data,
    labels,
    require,
    static,
)

Image = Float[Array, "h w c"]
Shape = tuple[int, int, int]


class Place(NamedTuple):
    """Where an image stands among those that are changed together, and when."""

    index: Array | int  # in its batch
    size: int  # of the batch
    epoch: Array | int = 0  # epochs of training done before this one


class Transform(Config):
    """The base of all transforms.

    Attributes:
      draws: whether it is random: then it acts in training only.
      moves: whether it moves pixels; what is true of single pixels moves with them.
      copies: how often an image stands in the batch afterwards.
      makes: whether it makes images anew, whatever there was. A view that does takes
        the place of those of the run's transforms that do.
    """

    kinds: ClassVar[dict] = {}
    draws: ClassVar[bool] = True
    moves: ClassVar[bool] = False
    makes: ClassVar[bool] = False

    @property
    def copies(self) -> int:
        """How often each image stands in the batch from here on."""
        return 1

    def keeps_order(self) -> Any:
        """Whether batches are in the order of the data; may be traced."""
        return False

    def acts(self) -> Any:
        """Whether it changes anything at its strength; may be traced."""
        return True

    def check_images(self, shape: Shape) -> None:
        """Raises `ConfigError` if images of [h, w, c] cannot be changed so."""

    def shape(self, shape: Shape) -> Shape:
        """Returns the shape [h, w, c] that it makes of images of `shape`."""
        return shape

    def apply(
        self, key: Key[Array, ""], image: Image, place: Place
    ) -> Float[Array, "oh ow c"]:
        """Changes one image.

        Args:
          key: of the draw.
          image: float32 [h, w, c].
          place: of the image in its batch.
        """
        raise NotImplementedError


class Leveled(Transform):
    """A transform with a level, which at level 0 leaves every image as it is."""

    level: float

    def acts(self) -> Any:
        """Not at level 0."""
        return self.level > 0

    def essence(self) -> Transform | None:
        """At level 0 it does not count: all kinds are the same run there."""
        return None if self.level == 0 else self


def _level(meaning: str) -> Any:
    return data(0.0, meaning, low=0, high=1, open_high=True)


@config("translation")
class Translation(Leveled):
    """Shifts an image, each axis by itself; uncovered pixels repeat the edge.

    Source: Ott et al. 2020, Section 4.1; Keras's `ImageDataGenerator`.
    """

    moves: ClassVar[bool] = True
    level: float = _level("largest shift, as part of the side")

    def apply(self, key, image, place):
        """Shifts by a draw that is uniform in ± level of each side."""
        del place
        dy, dx = self.level * jax.random.uniform(key, (2,), minval=-1.0, maxval=1.0)
        return augment.shift(image, dy * image.shape[0], dx * image.shape[1])


@config("rotation")
class Rotation(Leveled):
    """Turns an image; uncovered pixels take the nearest edge pixel.

    Source: Ott et al. 2020, Section 4.1; Keras's `ImageDataGenerator`.
    """

    moves: ClassVar[bool] = True
    level: float = _level("largest turn, as part of a full one")
    centre: str = static(
        "middle",
        "what is turned about: the middle, or as Keras once did one pixel off it",
        names=tuple(augment.CENTRES),
    )
    whole_degrees: bool = static(
        False, "whether the largest turn is cut down to whole degrees"
    )

    def apply(self, key, image, place):
        """Turns by a draw that is uniform in ± level of a full turn."""
        del place
        draw = jax.random.uniform(key, minval=-1.0, maxval=1.0)
        if self.whole_degrees:
            degrees = augment.whole_degrees(self.level) * draw
        else:
            degrees = 360 * (self.level * draw)
        return augment.rotate(image, degrees, self.centre)


@config("noise")
class Noise(Leveled):
    """Adds Gaussian noise to every pixel; nothing is clipped."""

    level: float = _level("standard deviation, images in [0, 1]")
    shuffled: bool = static(True, "whether batches are shuffled while it acts")

    def keeps_order(self) -> Any:
        """Not at level 0, which is one run for all kinds."""
        return False if self.shuffled else self.level > 0

    def apply(self, key, image, place):
        """Adds N(0, level)."""
        del place
        return augment.add_noise(key, image, self.level)


@config("edge_noise")
class EdgeNoise(Leveled):
    """Adds Gaussian noise to the border; nothing is clipped."""

    level: float = _level("standard deviation, images in [0, 1]")
    border: str = static(
        "image",
        "of each image; or of the batch: all of its first and last five images, and "
        "five rows above and below of all others",
        names=tuple(augment.BORDERS),
    )
    shuffled: bool = static(True, "whether batches are shuffled while it acts")

    def keeps_order(self) -> Any:
        """Not at level 0, which is one run for all kinds."""
        return False if self.shuffled else self.level > 0

    def apply(self, key, image, place):
        """Adds N(0, level) at the border."""
        region = augment.BORDERS[self.border](image.shape, place.index, place.size)
        return augment.add_edge_noise(key, image, self.level, region)


@config("swap")
class Swap(Transform):
    """Exchanges the upper right and the lower left quadrant, always."""

    moves: ClassVar[bool] = True

    def apply(self, key, image, place):
        """Swaps."""
        del key, place
        return augment.swap_quadrants(image)


@config("flip")
class Flip(Transform):
    """Mirrors an image left to right."""

    moves: ClassVar[bool] = True
    probability: float = data(0.5, "that it is mirrored", low=0, high=1)

    def acts(self) -> Any:
        """Not if it never mirrors."""
        return self.probability > 0

    def essence(self) -> Transform | None:
        """Never mirrored is not changed."""
        return None if self.probability == 0 else self

    def apply(self, key, image, place):
        """Mirrors with its probability."""
        del place
        mirrored = jax.random.uniform(key) < self.probability
        return jnp.where(mirrored, image[:, ::-1], image)


@config("crop")
class Crop(Transform):
    """Pads an image with zeros and cuts its old size out of that, anywhere.

    After `normalize` the padding is zero in normalised units, before it in pixels.
    """

    moves: ClassVar[bool] = True
    padding: int = static(4, "pixels added on each side", low=1)

    def apply(self, key, image, place):
        """Cuts at a place that is uniform over all there are."""
        del place
        pad = self.padding
        padded = jnp.pad(image, ((pad, pad), (pad, pad), (0, 0)))
        down, across = jax.random.randint(key, (2,), 0, 2 * pad + 1)
        return jax.lax.dynamic_slice(padded, (down, across, 0), image.shape)


@config("cutout")
class Cutout(Transform):
    """Sets a square of pixels to zero, wherever its centre falls in the image.

    Source: DeVries & Taylor 2017; the square is cut off at the border.
    """

    size: int = data(16, "side of the square, pixels", low=1, high=MOST)

    def apply(self, key, image, place):
        """Blanks the square."""
        del place
        h, w, _ = image.shape
        limit = jnp.array([h, w])
        y, x = jax.random.randint(key, (2,), 0, limit) - self.size // 2
        rows, columns = jnp.arange(h)[:, None, None], jnp.arange(w)[None, :, None]
        inside = (rows >= y) & (rows < y + self.size)
        inside &= (columns >= x) & (columns < x + self.size)
        return jnp.where(inside, 0, image)


@config("normalize")
class Normalize(Transform):
    """Subtracts a mean from each channel and divides by a deviation."""

    draws: ClassVar[bool] = False
    mean: tuple[float, ...] = static((0.5,), "of each channel, images in [0, 1]")
    std: tuple[float, ...] = static((0.5,), "of each channel", low=0, open_low=True)

    def check_images(self, shape):
        """One number serves all channels, or each has its own."""
        for name in ("mean", "std"):
            count = len(getattr(self, name))
            require(
                count in (1, shape[2]),
                f"normalize.{name} has {count} numbers for {shape[2]} channels",
            )

    def apply(self, key, image, place):
        """Normalises."""
        del key, place
        mean, std = jnp.array(self.mean, image.dtype), jnp.array(self.std, image.dtype)
        return (image - mean[None, None]) / std[None, None]


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


# The changes under which the first paper evaluates after every epoch: shifts within
# 25 % of the side, turns within 45 degrees, noise with standard deviation 0.15.
VIEWS: dict[str, Transform] = {
    "translation": Translation(level=0.25),
    "rotation": Rotation(level=45 / 360),
    "noise": Noise(level=0.15),
    "edge_noise": EdgeNoise(level=0.15),
    "swap": Swap(),
}
