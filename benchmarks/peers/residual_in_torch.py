"""Residual networks and their training step in PyTorch.

Shared layers are `conv2d`. Local ones are computed as the released code of Pogodin et
al. 2021 does: windows are unfolded, and summed with the kernels by one einsum, whose
kernels are stored as [c, o, oh, ow, kh, kw].
"""

import functools
import math
from collections.abc import Callable
from typing import Any

import torch  # pyrefly: ignore[missing-import]
from torch import nn  # pyrefly: ignore[missing-import]
from torch.nn import functional  # pyrefly: ignore[missing-import]

from benchmarks.peers.network import Trainer
from benchmarks.peers.residual import STAGES, Residual


def cases(*, can_compile: bool) -> dict[str, Callable[[Residual], Trainer]]:
    """What PyTorch can be timed at."""
    make = functools.partial
    found = {
        "torch conv2d (residual)": make_trainer,
        "torch conv2d channels_last (residual)": make(make_trainer, channels_last=True),
        "torch unfold einsum (local residual)": make_trainer,
    }
    if can_compile:
        found["torch compile conv2d (residual)"] = make(make_trainer, compiled=True)
    return found


class Conv(nn.Module):
    """A square layer without bias, padded by half its window."""

    def __init__(self, inputs: int, outputs: int, size: int, stride: int):
        """Draws the kernel."""
        super().__init__()
        self.stride, self.pad = stride, size // 2
        std = math.sqrt(2 / (outputs * size**2))
        self.weight = nn.Parameter(torch.randn(outputs, inputs, size, size) * std)

    def forward(self, x: Any) -> Any:
        """Maps [n, c, h, w]."""
        return functional.conv2d(x, self.weight, stride=self.stride, padding=self.pad)


class LocalConv(nn.Module):
    """The same with a kernel of its own at every site."""

    def __init__(self, inputs: int, outputs: int, size: int, stride: int, side: int):
        """Draws the kernels; `side` is that of the output."""
        super().__init__()
        self.size, self.stride, self.pad = size, stride, size // 2
        std = math.sqrt(2 / (outputs * size**2))
        shape = (inputs, outputs, side, side, size, size)
        self.weight = nn.Parameter(torch.randn(*shape) * std)

    def forward(self, x: Any) -> Any:
        """Maps [n, c, h, w]."""
        x = functional.pad(x, (self.pad,) * 4)
        for axis in (2, 3):
            x = x.unfold(axis, self.size, self.stride)
        return torch.einsum("nchwij,cohwij->nohw", x, self.weight)


class BankConv(nn.Module):
    """A 3x3 layer that mixes its kernel from the templates of a bank."""

    def __init__(self, templates: Any, coefficients: Any):
        """Takes the bank's templates [t, o, c, 3, 3], and coefficients [t]."""
        super().__init__()
        self.templates = templates
        self.coefficients = nn.Parameter(coefficients.clone())

    def forward(self, x: Any) -> Any:
        """Maps [n, c, h, w]."""
        kernel = torch.tensordot(self.coefficients, self.templates, dims=1)
        return functional.conv2d(x, kernel, padding=1)


class PostBlock(nn.Module):
    """Two layers, each normalised after; a 1x1 layer past them where shapes change."""

    def __init__(self, first: Any, second: Any, shortcut: Any, features: int):
        """Takes the layers; `shortcut` is None where shapes stay."""
        super().__init__()
        self.first, self.second, self.shortcut = first, second, shortcut
        self.norms = nn.ModuleList(nn.BatchNorm2d(features) for _ in range(2))
        self.past = nn.BatchNorm2d(features) if shortcut else None

    def forward(self, x: Any) -> Any:
        """Maps [n, c, h, w]."""
        y = self.norms[0](self.first(x)).relu()
        y = self.norms[1](self.second(y))
        return (y + (self.past(self.shortcut(x)) if self.past else x)).relu()


class PreBlock(nn.Module):
    """Two layers, each normalised before; a 1x1 layer past them where shapes change."""

    def __init__(self, first: Any, second: Any, shortcut: Any, sizes: tuple[int, int]):
        """Takes the layers; `sizes` are the channels before and after."""
        super().__init__()
        self.first, self.second, self.shortcut = first, second, shortcut
        self.norms = nn.ModuleList(nn.BatchNorm2d(size) for size in sizes)

    def forward(self, x: Any) -> Any:
        """Maps [n, c, h, w]."""
        inner = self.norms[0](x).relu()
        past = self.shortcut(inner) if self.shortcut else x
        return past + self.second(self.norms[1](self.first(inner)).relu())


class Net(nn.Module):
    """Stem, stages, mean over sites, classifier."""

    def __init__(self, network: Residual):
        """Draws all parameters."""
        super().__init__()
        pre = network.family == "wrn"
        side, before = network.image[0], network.stem
        self.stem = layer(network, network.image[2], before, 3, 1, side)
        last = network.features(STAGES - 1)
        self.norm = nn.BatchNorm2d(last if pre else network.stem)
        blocks = []
        for stage in range(STAGES):
            features, stride = network.features(stage), 2 if stage else 1
            side //= stride
            blocks.append(make_block(network, before, features, stride, side))
            blocks += later_blocks(network, features, side)
            before = features
        self.blocks = nn.Sequential(*blocks)
        self.output = nn.Linear(before, network.classes)
        self.pre = pre

    def forward(self, x: Any) -> Any:
        """Maps images [n, c, h, w] to logits."""
        x = self.stem(x)
        x = self.blocks(x if self.pre else self.norm(x).relu())
        x = self.norm(x).relu() if self.pre else x
        return self.output(x.mean((2, 3)))


def layer(
    network: Residual, inputs: int, outputs: int, size: int, stride: int, side: int
) -> Any:
    """Makes a layer, shared or local; `side` is that of its output."""
    if network.local:
        return LocalConv(inputs, outputs, size, stride, side)
    return Conv(inputs, outputs, size, stride)


def make_block(
    network: Residual, before: int, features: int, stride: int, side: int
) -> Any:
    """Makes a block of kernels of its own; `side` is that of its output."""
    changes = before != features or stride != 1
    shortcut = layer(network, before, features, 1, stride, side) if changes else None
    first = layer(network, before, features, 3, stride, side)
    second = layer(network, features, features, 3, 1, side)
    if network.family == "wrn":
        return PreBlock(first, second, shortcut, (before, features))
    return PostBlock(first, second, shortcut, features)


def later_blocks(network: Residual, features: int, side: int) -> list[Any]:
    """Makes all blocks of a stage but the first, with a bank if there is one."""
    count = network.blocks - 1
    if not network.templates:
        return [make_block(network, features, features, 1, side) for _ in range(count)]
    std = math.sqrt(2 / (features * 9))
    shape = (network.templates, features, features, 3, 3)
    templates = nn.Parameter(torch.randn(*shape) * std)
    rows = torch.eye(2 * count, network.templates)
    drawn = [BankConv(templates, row) for row in rows]
    sizes = (features, features)
    pairs = zip(drawn[::2], drawn[1::2], strict=True)
    return [PreBlock(first, second, None, sizes) for first, second in pairs]


def make_trainer(
    network: Residual, *, channels_last: bool = False, compiled: bool = False
) -> Trainer:
    """A training step in float32, on one batch that is already in place."""
    torch.manual_seed(0)
    memory_format = torch.channels_last if channels_last else torch.contiguous_format
    net = Net(network).train()
    for parameter in net.parameters():
        if parameter.ndim == 4:  # not the templates of a bank
            parameter.data = parameter.data.contiguous(memory_format=memory_format)
    # Before it is wrapped: templates that several layers draw from count once.
    parameters = list(net.parameters())
    images, labels = (torch.from_numpy(a) for a in network.data())
    images = images.permute(0, 3, 1, 2).contiguous(memory_format=memory_format)
    optimizer: Any
    if network.optimizer == "adamw":
        optimizer = torch.optim.AdamW(
            parameters, lr=1e-3, weight_decay=1e-4, fused=True
        )
    else:
        optimizer = torch.optim.SGD(
            parameters, lr=1e-3, momentum=0.9, nesterov=True, weight_decay=5e-4,
            fused=True,
        )  # fmt: skip
    forward = torch.compile(net, dynamic=False) if compiled else net

    def step() -> float:
        optimizer.zero_grad(set_to_none=True)
        loss = functional.cross_entropy(forward(images), labels)
        loss.backward()
        optimizer.step()
        return loss.item()

    return Trainer(step, sum(p.numel() for p in parameters))
