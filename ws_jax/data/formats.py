"""The two small binary formats in which MNIST and the CIFAR sets were published."""

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


def decode_cifar(
    content: bytes, num_labels: int = 1
) -> tuple[UInt8[np.ndarray, "n 32 32 3"], Int32[np.ndarray, " n"]]:
    """Decodes one file of the binary version of CIFAR-10 or CIFAR-100.

    A record is the label's byte, or the coarse label's and the fine label's, then
    32 x 32 bytes of red, of green and of blue.

    Args:
      content: of the file.
      num_labels: bytes of labels in a record, of which the last is taken.

    Returns:
      Images as NHWC, and labels.

    Raises:
      DataError: if the content is not a whole number of records.

    Source: A. Krizhevsky, "The CIFAR-10 dataset" and "The CIFAR-100 dataset", sections
      "Binary version".
    """
    size = num_labels + math.prod(_CIFAR_SHAPE)
    if not content or len(content) % size:
        raise DataError(f"{len(content)} bytes are not CIFAR records of {size} each")
    records = np.frombuffer(content, np.uint8).reshape(-1, size)
    planes = records[:, num_labels:].reshape(-1, *_CIFAR_SHAPE)
    images = np.ascontiguousarray(planes.transpose(0, 2, 3, 1))
    return images, records[:, num_labels - 1].astype(np.int32)
