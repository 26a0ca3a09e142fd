"""The networks and their training step in Keras 2."""

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf  # pyrefly: ignore[missing-import]
import tf_keras  # pyrefly: ignore[missing-import]

from benchmarks.peers.network import (
    BETAS,
    EPSILON,
    LEARNING_RATE,
    Layer,
    Network,
    Trainer,
)

MEMORY_LIMIT_GIB = 6.0


def cases() -> dict[str, Callable[[Network], Trainer]]:
    """What Keras can be timed at."""
    shared = functools.partial(make_keras_trainer, make_layer=keras_conv)
    return {"keras Conv2D (cnn)": shared} | {
        f"keras LocallyConnected2D {i} (fcn)": functools.partial(
            make_keras_local_trainer, implementation=i
        )
        for i in (1, 2, 3)
    }


def keras_conv(layer: Layer) -> Any:
    """A shared convolution with its ReLU."""
    return tf_keras.layers.Conv2D(
        layer.features,
        layer.kernel_size,
        layer.stride,
        activation="relu",
        kernel_initializer=tf_keras.initializers.RandomNormal(stddev=layer.kernel_std),
    )


def keras_local(layer: Layer, *, implementation: int) -> Any:
    """A locally connected layer with its ReLU, already built."""
    local = tf_keras.layers.LocallyConnected2D(
        layer.features,
        layer.kernel_size,
        layer.stride,
        activation="relu",
        kernel_initializer=tf_keras.initializers.RandomNormal(stddev=layer.kernel_std),
        implementation=implementation,
    )
    local.build((None, layer.in_height, layer.in_width, layer.in_channels))
    if implementation == 3:
        # A list of millions of tuples, which every trace would convert anew.
        local.kernel_idxs = np.asarray(local.kernel_idxs, np.int64)
    return local


def check_memory(network: Network, implementation: int) -> None:
    """Refuses what would not fit, before it takes the machine down.

    Raises:
      MemoryError: if a training step needs more than `MEMORY_LIMIT_GIB`, roughly.
    """
    layers = network.layers()
    inputs = [a.in_height * a.in_width * a.in_channels for a in layers]
    outputs = [a.height * a.width * a.features for a in layers]
    entries = [o * a.taps for o, a in zip(outputs, layers, strict=True)]
    if implementation == 2:
        # A dense matrix from every input to every output of a layer: its values, the
        # masked ones, both gradients, two moments of Adam.
        floats = 6 * sum(i * o for i, o in zip(inputs, outputs, strict=True))
    elif implementation == 3:
        # The gradient gathers, for every entry, its input and its output of the batch;
        # twice that was seen in use. Building lists the entries as Python tuples.
        floats = 4 * network.batch * max(entries) + 60 * sum(entries)
    else:
        floats = 0
    needed_gib = 4 * floats / 2**30
    if needed_gib > MEMORY_LIMIT_GIB:
        raise MemoryError(
            f"needs about {needed_gib:.1f} GiB, more than {MEMORY_LIMIT_GIB:g}"
        )


def count_keras_parameters(model: Any) -> int:
    """Trained values, without those that a locally connected layer masks to zero."""
    count = model.count_params()
    for layer in model.layers:
        mask = getattr(layer, "kernel_mask", None)
        if mask is not None:
            stored = math.prod(layer.kernel.shape)
            count -= stored - round(stored * float(np.mean(mask)))
    return count


def make_keras_trainer(
    network: Network,
    make_layer: Callable[[Layer], Any],
) -> Trainer:
    """A traced training step, without the overhead of `fit` and `train_on_batch`."""
    tf_keras.utils.set_random_seed(0)
    model = tf_keras.Sequential(
        [
            tf_keras.Input(network.image, network.batch),
            *(make_layer(layer) for layer in network.layers()),
            tf_keras.layers.Flatten(),
            tf_keras.layers.Dense(network.hidden, activation="relu"),
            tf_keras.layers.Dense(network.classes),
        ]
    )
    # The legacy Adam is one fused kernel a tensor, faster on CPU than the newer one.
    optimizer = tf_keras.optimizers.legacy.Adam(LEARNING_RATE, *BETAS, EPSILON)
    images, labels = (tf.constant(a) for a in network.data())

    @tf.function(jit_compile=False)
    def traced_step() -> Any:
        with tf.GradientTape() as tape:
            logits = model(images, training=True)
            loss = tf.reduce_mean(
                tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
            )
        variables = model.trainable_variables
        gradients = tape.gradient(loss, variables)
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return loss

    return Trainer(
        step=lambda: float(traced_step()),
        num_parameters=count_keras_parameters(model),
    )


def make_keras_local_trainer(network: Network, *, implementation: int) -> Trainer:
    """The network of locally connected layers, if its step fits into memory."""
    check_memory(network, implementation)
    make_layer = functools.partial(keras_local, implementation=implementation)
    return make_keras_trainer(network, make_layer)
