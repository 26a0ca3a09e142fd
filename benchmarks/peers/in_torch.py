"""The networks and their training step in PyTorch.

Kernels of a site are stored as [oh, ow, kh, kw, c, o], as ours.
"""

import functools
import math
from collections.abc import Callable
from typing import Any

import torch  # pyrefly: ignore[missing-import]

from benchmarks.peers.network import (
    BETAS,
    EPSILON,
    LEARNING_RATE,
    Network,
    Trainer,
)


def cases(*, can_compile: bool) -> dict[str, Callable[[Network], Trainer]]:
    """What PyTorch can be timed at."""

    def make(logits_fn: Any, **options: bool) -> Callable[[Network], Trainer]:
        return functools.partial(make_torch_trainer, logits_fn=logits_fn, **options)

    found = {
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
        found |= {
            "torch compile conv2d (cnn)": make(torch_conv, local=False, compiled=True),
            "torch compile einsum (fcn)": make(torch_einsum, local=True, compiled=True),
        }
    return found


def torch_init(network: Network, *, local: bool) -> list[Any]:
    """Kernel and bias of every layer in turn."""
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
    for i, stride in enumerate(strides):
        kernel, bias = parameters[2 * i : 2 * i + 2]
        x = torch.conv2d(x, kernel, bias, stride=stride).relu()
    return torch_dense(parameters[-4:], x.flatten(1))


def torch_einsum(strides: tuple[int, ...], parameters: list[Any], x: Any) -> Any:
    """Logits with a kernel a site, as most people write it: unfold and einsum."""
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

    def step() -> float:
        optimizer.zero_grad(set_to_none=True)
        loss = loss_fn(parameters, images, labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    return Trainer(step, sum(p.numel() for p in parameters))
