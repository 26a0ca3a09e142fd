"""What a transform is: a change of one image at a time, by a key of its own."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

from jaxtyping import Array, Float, Key

from ws_jax.config import Config

Image = Float[Array, "h w c"]
Shape = tuple[int, int, int]


class Place(NamedTuple):
    """Where an image stands among those that are changed together, and when."""

    index: Array | int  # in its batch
    size: int  # of the batch
    epoch: Array | int = 0  # epochs of training done before this one


class Transform(Config):
    """The base of all transforms.

    One that acts in evaluations and asks for more with the epochs has a field `growth`,
    above 0 where it does. By that pages of results know that no epoch is the best.

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

    def after(self, epoch: int) -> Transform:
        """Returns the same for a training that goes on where one of epochs ended.

        Args:
          epoch: epochs of it that were done; the new one counts from 0 again.
        """
        del epoch
        return self

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
