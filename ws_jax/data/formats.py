"""The two small binary formats in which MNIST and CIFAR-10 were published."""

import math

import numpy as np
from jaxtyping import Int32, UInt8

from ws_jax.data.dataset import DataError

_IDX_UINT8 = 8
_CIFAR_SHAPE = (3, 32, 32)


def decode_idx(content: bytes) -> UInt8[np.ndarray, "..."]:
    """Decodes an IDX file of unsigned bytes.

    Two zero bytes, the type, the number of axes; each axis's size as a big-endian
    32-bit integer; the values, last axis fastest.

    Raises:
      DataError: if the header is another, or the content has not the length it tells.

    Source: Y. LeCun, "The MNIST database", section "File formats".
    """
    num_axes = content[3] if len(content) > 3 else 0
    start = 4 + 4 * num_axes
    if content[:3] != bytes([0, 0, _IDX_UINT8]) or len(content) < start:
        raise DataError("not an IDX file of unsigned bytes")
    shape = tuple(int(size) for size in np.frombuffer(content[4:start], ">u4"))
    if len(content) - start != math.prod(shape):
        raise DataError(
            f"an IDX file of shape {shape} needs {math.prod(shape)} bytes of values, "
            f"and {len(content) - start} are there"
        )
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def decode_cifar10(
    content: bytes,
) -> tuple[UInt8[np.ndarray, "n 32 32 3"], Int32[np.ndarray, " n"]]:
    """Decodes one file of CIFAR-10's binary version.

    A record is the label's byte, then 32 x 32 bytes of red, of green and of blue.

    Returns:
      Images as NHWC, and labels.

    Raises:
      DataError: if the content is not a whole number of records.

    Source: A. Krizhevsky, "The CIFAR-10 dataset", section "Binary version".
    """
    size = 1 + math.prod(_CIFAR_SHAPE)
    if not content or len(content) % size:
        raise DataError(f"{len(content)} bytes are not CIFAR-10 records of {size} each")
    records = np.frombuffer(content, np.uint8).reshape(-1, size)
    planes = records[:, 1:].reshape(-1, *_CIFAR_SHAPE)
    images = np.ascontiguousarray(planes.transpose(0, 2, 3, 1))
    return images, records[:, 0].astype(np.int32)
