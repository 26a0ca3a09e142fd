"""Times training steps of the same networks in PyTorch and Keras 2, on the CPU.

Run as a script by an environment that has those frameworks and need not have ours:
it imports NumPy, torch, tensorflow and tf_keras, never `ws_jax` or jax. It answers
one JSON object a line on stdout for each one a line on stdin, until stdin ends:

  {"op": "cases", "network": {...}}             {"cases": [name, ...]}
  {"op": "prepare", "case": name}               {"parameters": int, "loss": float}
  {"op": "time", "case": name, "steps": k}      {"seconds": of one training step}
  {"op": "forward", "case": name, "steps": k}   {"seconds": of one forward pass}
  {"op": "drop", "case": name}                  {}

Anything that fails answers {"error": reason}. The first line, unasked, tells versions
and what is missing. The name of a case ends in the kind of its network: "(cnn)" shares
a kernel among all sites, "(fcn)" has an own kernel and bias at every site.
"""

import argparse
import dataclasses
import functools
import gc
import importlib
import json
import math
import os
import shutil
import sys
import time
from collections.abc import Callable
from typing import Any, TextIO

import numpy as np

LEARNING_RATE = 1e-3
BETAS = (0.9, 0.999)
EPSILON = 1e-7
WARM_UP_STEPS = 3
MEMORY_LIMIT_GIB = 6.0


@dataclasses.dataclass(frozen=True)
class Layer:
    """One convolution, shared or local, over square windows and without padding."""

    in_height: int
    in_width: int
    in_channels: int
    features: int
    kernel_size: int
    stride: int

    @property
    def height(self) -> int:
        """Rows of output sites."""
        return (self.in_height - self.kernel_size) // self.stride + 1

    @property
    def width(self) -> int:
        """Columns of output sites."""
        return (self.in_width - self.kernel_size) // self.stride + 1

    @property
    def taps(self) -> int:
        """Entries of one kernel for one feature."""
        return self.kernel_size**2 * self.in_channels

    @property
    def kernel_std(self) -> float:
        """He's initialisation, from the true fan-in whatever the kernel's layout."""
        return math.sqrt(2 / self.taps)


@dataclasses.dataclass(frozen=True)
class Network:
    """Convolutions with ReLU, a hidden dense layer with ReLU, a dense layer."""

    image: tuple[int, int, int]
    features: tuple[int, ...]
    kernel_sizes: tuple[int, ...]
    strides: tuple[int, ...]
    hidden: int
    classes: int
    batch: int

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> "Network":
        """Reads the protocol's object, of which the lists become tuples."""
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in fields.items()
        }
        return cls(**values)

    def layers(self) -> list[Layer]:
        """The convolutions, first to last."""
        layers = []
        shape = self.image
        for features, kernel_size, stride in zip(
            self.features, self.kernel_sizes, self.strides, strict=True
        ):
            layer = Layer(*shape, features, kernel_size, stride)
            layers.append(layer)
            shape = (layer.height, layer.width, features)
        return layers

    def dense_shapes(self) -> list[tuple[int, int]]:
        """Inputs and outputs of the two dense layers."""
        last = self.layers()[-1]
        flat = last.height * last.width * last.features
        return [(flat, self.hidden), (self.hidden, self.classes)]

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """One batch of noise images [n, h, w, c] in [0, 1] and random labels [n]."""
        generator = np.random.default_rng(0)
        images = generator.random((self.batch, *self.image), dtype=np.float32)
        return images, generator.integers(self.classes, size=self.batch)


@dataclasses.dataclass
class Trainer:
    """A network ready to train; both functions return when the work is done."""

    step: Callable[[], float]
    forward: Callable[[], Any]
    num_parameters: int
    forward_is_warm: bool = False


# PyTorch. Kernels of a site are stored as [oh, ow, kh, kw, c, o], as ours.


def torch_init(network: Network, *, local: bool) -> list[Any]:
    """Kernel and bias of every layer in turn."""
    import torch  # pyrefly: ignore[missing-import]

    parameters = []
    for layer in network.layers():
        o, c, k = layer.features, layer.in_channels, layer.kernel_size
        sites = (layer.height, layer.width) if local else ()
        window = (k, k, c, o) if local else (o, c, k, k)
        parameters.append(torch.randn(*sites, *window) * layer.kernel_std)
        parameters.append(torch.zeros(*sites, o))
    for fan_in, fan_out in network.dense_shapes():
        parameters.append(torch.randn(fan_in, fan_out) / math.sqrt(fan_in))
        parameters.append(torch.zeros(fan_out))
    return parameters


def torch_dense(parameters: list[Any], x: Any) -> Any:
    """The two dense layers, on [n, inputs]."""
    kernel, bias, out_kernel, out_bias = parameters
    return out_bias.addmm(bias.addmm(x, kernel).relu(), out_kernel)


def torch_conv(strides: tuple[int, ...], parameters: list[Any], x: Any) -> Any:
    """Logits with one kernel shared by all sites, of images [n, c, h, w]."""
    import torch  # pyrefly: ignore[missing-import]

    for i, stride in enumerate(strides):
        kernel, bias = parameters[2 * i : 2 * i + 2]
        x = torch.conv2d(x, kernel, bias, stride=stride).relu()
    return torch_dense(parameters[-4:], x.flatten(1))


def torch_einsum(strides: tuple[int, ...], parameters: list[Any], x: Any) -> Any:
    """Logits with a kernel a site, as most people write it: unfold and einsum."""
    import torch  # pyrefly: ignore[missing-import]

    for i, stride in enumerate(strides):
        kernel, bias = parameters[2 * i : 2 * i + 2]
        size = kernel.shape[2]
        patches = x.unfold(2, size, stride).unfold(3, size, stride)
        x = torch.einsum("nchwij,hwijco->nohw", patches, kernel)
        x = (x + bias.permute(2, 0, 1)).relu()
    return torch_dense(parameters[-4:], x.flatten(1))


def torch_bmm(strides: tuple[int, ...], parameters: list[Any], x: Any) -> Any:
    """Logits with a kernel a site, by one batched product a layer.

    Activations stay [h, w, n, c], the order in which the products read and write
    them, so that a layer copies nothing but its patches.
    """
    x = x.permute(2, 3, 0, 1)
    for i, stride in enumerate(strides):
        kernel, bias = parameters[2 * i : 2 * i + 2]
        height, width, size, _, _, features = kernel.shape
        sites = height * width
        patches = x.unfold(0, size, stride).unfold(1, size, stride)
        patches = patches.permute(0, 1, 2, 4, 5, 3).reshape(sites, x.shape[2], -1)
        bias = bias.view(sites, 1, features)
        x = bias.baddbmm(patches, kernel.view(sites, -1, features)).relu()
        x = x.view(height, width, -1, features)
    # By channel, row, column, as the others: the same parameters, the same logits.
    return torch_dense(parameters[-4:], x.permute(2, 3, 0, 1).flatten(1))


def make_torch_trainer(
    network: Network,
    logits_fn: Callable[[tuple[int, ...], list[Any], Any], Any],
    *,
    local: bool,
    channels_last: bool = False,
    compiled: bool = False,
) -> Trainer:
    """A training step with the fused Adam, on one batch that is already in place."""
    import torch  # pyrefly: ignore[missing-import]

    torch.manual_seed(0)
    memory_format = torch.channels_last if channels_last else torch.contiguous_format
    parameters = [
        p.contiguous(
            memory_format=memory_format if p.ndim == 4 else torch.preserve_format
        ).requires_grad_()
        for p in torch_init(network, local=local)
    ]
    images, labels = (torch.from_numpy(a) for a in network.data())
    images = images.permute(0, 3, 1, 2).contiguous(memory_format=memory_format)
    optimizer = torch.optim.Adam(
        parameters, lr=LEARNING_RATE, betas=BETAS, eps=EPSILON, fused=True
    )
    logits_fn = functools.partial(logits_fn, network.strides)

    def loss_fn(parameters: list[Any], images: Any, labels: Any) -> Any:
        logits = logits_fn(parameters, images)
        return torch.nn.functional.cross_entropy(logits, labels)

    if compiled:
        loss_fn = torch.compile(loss_fn, dynamic=False)
        logits_fn = torch.compile(logits_fn, dynamic=False)

    def step() -> float:
        optimizer.zero_grad(set_to_none=True)
        loss = loss_fn(parameters, images, labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    def forward() -> Any:
        with torch.inference_mode():
            return logits_fn(parameters, images)

    return Trainer(step, forward, sum(p.numel() for p in parameters))


# Keras 2.


def keras_conv(layer: Layer) -> Any:
    """A shared convolution with its ReLU."""
    import tf_keras  # pyrefly: ignore[missing-import]

    return tf_keras.layers.Conv2D(
        layer.features,
        layer.kernel_size,
        layer.stride,
        activation="relu",
        kernel_initializer=tf_keras.initializers.RandomNormal(stddev=layer.kernel_std),
    )


def keras_local(layer: Layer, *, implementation: int) -> Any:
    """A locally connected layer with its ReLU, already built."""
    import tf_keras  # pyrefly: ignore[missing-import]

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
    import tensorflow as tf  # pyrefly: ignore[missing-import]
    import tf_keras  # pyrefly: ignore[missing-import]

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

    @tf.function(jit_compile=False)
    def traced_forward() -> Any:
        return model(images, training=False)

    return Trainer(
        step=lambda: float(traced_step()),
        forward=lambda: traced_forward().numpy(),
        num_parameters=count_keras_parameters(model),
    )


def make_keras_local_trainer(network: Network, *, implementation: int) -> Trainer:
    """The network of locally connected layers, if its step fits into memory."""
    check_memory(network, implementation)
    make_layer = functools.partial(keras_local, implementation=implementation)
    return make_keras_trainer(network, make_layer)


# The protocol.


def torch_cases(*, can_compile: bool) -> dict[str, Callable[[Network], Trainer]]:
    """What PyTorch can be timed at."""

    def make(logits_fn: Any, **options: bool) -> Callable[[Network], Trainer]:
        return functools.partial(make_torch_trainer, logits_fn=logits_fn, **options)

    cases = {
        "torch conv2d (cnn)": make(torch_conv, local=False),
        "torch conv2d channels_last (cnn)": make(
            torch_conv, local=False, channels_last=True
        ),
        "torch einsum (fcn)": make(torch_einsum, local=True),
        "torch bmm (fcn)": make(torch_bmm, local=True),
    }
    if can_compile:
        # Not `torch_bmm`: with two threads or more torch 2.13 compiles its gradient to
        # a scatter that writes out of bounds (pytorch issue 191837).
        cases |= {
            "torch compile conv2d (cnn)": make(torch_conv, local=False, compiled=True),
            "torch compile einsum (fcn)": make(torch_einsum, local=True, compiled=True),
        }
    return cases


def keras_cases() -> dict[str, Callable[[Network], Trainer]]:
    """What Keras can be timed at."""
    shared = functools.partial(make_keras_trainer, make_layer=keras_conv)
    return {"keras Conv2D (cnn)": shared} | {
        f"keras LocallyConnected2D {i} (fcn)": functools.partial(
            make_keras_local_trainer, implementation=i
        )
        for i in (1, 2, 3)
    }


def time_calls(fn: Callable[[], Any], count: int) -> float:
    """Mean seconds of one call, of `count` back to back."""
    start = time.perf_counter()
    for _ in range(count):
        fn()
    return (time.perf_counter() - start) / count


class Worker:
    """Answers the requests; holds the cases that are prepared."""

    def __init__(self, makers: dict[str, Callable[[Network], Trainer]]):
        """Takes what builds each case; nothing is built before it is asked for."""
        self._makers = makers
        self._trainers: dict[str, Trainer] = {}
        self._network: Network | None = None

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """Does what one request asks; a failure is an answer, too."""
        try:
            match request["op"]:
                case "cases":
                    return self._cases(request["network"])
                case "prepare":
                    return self._prepare(request["case"])
                case "time":
                    trainer = self._trainers[request["case"]]
                    return {"seconds": time_calls(trainer.step, request["steps"])}
                case "forward":
                    return self._forward(request["case"], request["steps"])
                case "drop":
                    return self._drop(request["case"])
                case op:
                    raise ValueError(f"unknown op {op!r}")
        except Exception as error:
            return {"error": describe_error(error)}

    def _cases(self, network: dict[str, Any]) -> dict[str, Any]:
        self._network = Network.from_json(network)
        self._trainers.clear()
        gc.collect()
        return {"cases": list(self._makers)}

    def _prepare(self, name: str) -> dict[str, Any]:
        if self._network is None:
            raise ValueError("no network yet: ask for its cases first")
        self._drop(name)
        trainer = self._makers[name](self._network)
        loss = [trainer.step() for _ in range(WARM_UP_STEPS)][-1]
        self._trainers[name] = trainer
        return {"parameters": trainer.num_parameters, "loss": loss}

    def _forward(self, name: str, steps: int) -> dict[str, Any]:
        trainer = self._trainers[name]
        if not trainer.forward_is_warm:
            time_calls(trainer.forward, WARM_UP_STEPS)
            trainer.forward_is_warm = True
        return {"seconds": time_calls(trainer.forward, steps)}

    def _drop(self, name: str) -> dict[str, Any]:
        self._trainers.pop(name, None)
        gc.collect()
        return {}


def describe_error(error: BaseException) -> str:
    """Type and first line of the message."""
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0][:300]}"


def load_torch(num_threads: int) -> str:
    """Imports PyTorch for this many threads; returns its version."""
    torch = importlib.import_module("torch")
    torch.set_num_threads(num_threads)
    torch.set_num_interop_threads(1)
    # As TensorFlow and XLA do in their threads: a network that has learnt its one
    # batch by heart would otherwise slow down on denormal moments of Adam.
    torch.set_flush_denormal(True)
    # Every network compiles the same functions again.
    torch._dynamo.config.recompile_limit = 64
    return torch.__version__


def load_tensorflow(num_threads: int) -> str:
    """Imports TensorFlow for this many threads; returns its version."""
    tf = importlib.import_module("tensorflow")
    tf.config.threading.set_intra_op_parallelism_threads(num_threads)
    tf.config.threading.set_inter_op_parallelism_threads(num_threads)
    return tf.__version__


def load_keras() -> str:
    """Imports Keras 2; returns its version."""
    return importlib.import_module("tf_keras").__version__


def load_frameworks(num_threads: int) -> tuple[dict[str, str], dict[str, str]]:
    """Versions of what there is, and why the rest is missing."""
    versions, missing = {}, {}
    for name, load in {
        "torch": functools.partial(load_torch, num_threads),
        "tensorflow": functools.partial(load_tensorflow, num_threads),
        "tf_keras": load_keras,
    }.items():
        try:
            versions[name] = load()
        except Exception as error:
            missing[name] = describe_error(error)
    if not shutil.which(os.environ.get("CXX", "g++")):
        missing["torch.compile"] = "no C++ compiler"
    return versions, missing


def quieten() -> None:
    """Sets what the frameworks read when they are imported."""
    # Modules beside this script must not hide others of the same name.
    own_folder = os.path.dirname(os.path.realpath(__file__))
    sys.path[:] = [p for p in sys.path if p != own_folder]
    os.environ |= {
        "CUDA_VISIBLE_DEVICES": "-1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        # Idle threads sleep: another framework may be on the clock meanwhile.
        "OMP_WAIT_POLICY": "PASSIVE",
        "KMP_BLOCKTIME": "0",
        # Compile in this process, without a pool that stays.
        "TORCHINDUCTOR_COMPILE_THREADS": "1",
    }


def claim_stdout() -> TextIO:
    """Keeps stdout for the protocol; what libraries print goes to stderr."""
    protocol = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    return protocol


def send(protocol: TextIO, message: dict[str, Any]) -> None:
    """Writes one line, at once."""
    protocol.write(json.dumps(message) + "\n")
    protocol.flush()


def main() -> None:
    """Answers until stdin ends."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--threads", type=int, required=True)
    num_threads = parser.parse_args().threads
    protocol = claim_stdout()
    quieten()
    versions, missing = load_frameworks(num_threads)
    send(protocol, {"versions": versions, "missing": missing})
    makers = {}
    if "torch" in versions:
        makers |= torch_cases(can_compile="torch.compile" not in missing)
    if "tf_keras" in versions:
        makers |= keras_cases()
    worker = Worker(makers)
    for line in sys.stdin:
        send(protocol, worker.answer(json.loads(line)))


if __name__ == "__main__":
    main()
