"""How many runs train at once: what they need of memory, and how much there is.

What a group of runs needs is told by its compiled epoch, before anything is put on a
device; training then takes what was compiled.
"""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from absl import logging

from ws_jax.config import ConfigError
from ws_jax.engine.mapping import MappedProgram, gather_rows, over_runs
from ws_jax.engine.program import Examples, RunInputs
from ws_jax.engine.train import init_run
from ws_jax.host import host_free

MARGIN = 0.1  # of what is free: left to checkpoints, other programs and fragmentation
# What a process comes to hold besides its programs: Python, JAX, the compiler, Orbax
# and pyarrow; programs that are compiled anew take most. Measured on a CPU with
# `configs/smoke.py` at several widths and batches: 597 to 1,036 MiB besides them. As it
# is, its process was seen to reach 910 to 920 MiB, programs included (three starts,
# nothing cached, two of them cut off by time): 280 are there after all imports, most of
# the rest comes as it compiles. With fewer arenas of glibc, MALLOC_ARENA_MAX=2, it was
# 798 (one start).
PROCESS_BYTES = 1_100 * 2**20


def default_runs(num_runs: int, platform: str, num_devices: int) -> int:
    """Returns how many runs of a group train in one program if memory is no concern.

    On a CPU one on each core: a run fills a core, a small working set stays in the
    caches, and a stopped run costs nothing. Elsewhere all at once. Measured in
    docs/design/0007.
    """
    return min(num_runs, num_devices) if platform == "cpu" else num_runs


def fitting_runs(
    name: str,
    mapped: MappedProgram,
    num_runs: int,
    examples: Examples,
    inputs: RunInputs,
) -> int:
    """Returns how many runs of a group train in one program: as many as fit.

    Args:
      name: of the group, for a person.
      mapped: its program; what is compiled to learn of its need stays in it.
      num_runs: of the group.
      examples: the images.
      inputs: of any runs; only their shapes matter.
    Raises:
      ConfigError: if the memory does not suffice for one run a device; of a CPU, whose
        devices share its memory, for one run.
    """
    devices = mapped.axis.devices
    available = available_bytes(devices)
    need = functools.cache(
        lambda places: epoch_need(mapped, places * len(devices), examples, inputs)
    )
    platform = devices[0].platform
    asked = default_runs(num_runs, platform, len(devices))
    most = -(-asked // len(devices))
    shared = examples.nbytes
    places = largest_fit(need, available, most, shared)
    if places == most:
        return asked
    fitting, for_one = places * len(devices), available
    if not places and platform == "cpu":
        for_one = available * len(devices)
        fitting = int(for_one // need(1))  # on fewer cores
    if not fitting:
        raise ConfigError(
            f"one run of {name} needs {mebibytes(need(1))} of memory, "
            f"{mebibytes(for_one)} can be used: take a smaller train.batch_size, "
            "network or data.num_images, or another device; "
            "--config.execution.chunk=1 tries it all the same"
        )
    logging.info(
        "%s: %d runs at once need %s of memory, %s can be used: "
        "they train in chunks of at most %d",
        name,
        asked,
        mebibytes(need(most) * len(devices)),
        mebibytes(available * len(devices)),
        fitting,
    )
    return fitting


def epoch_need(
    mapped: MappedProgram, size: int, examples: Examples, inputs: RunInputs
) -> float:
    """Returns the bytes that an epoch of `size` runs needs on each device.

    It compiles that epoch unless it is, from shapes alone.

    Returns:
      The bytes; infinite if the compiler gave up for want of memory.
    """
    try:
        return program_bytes(mapped.compile(*_shapes(mapped, size, examples, inputs)))
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" in str(error):
            return math.inf
        raise


def _shapes(mapped, size: int, examples: Examples, inputs: RunInputs) -> tuple:
    """The arguments of a mapped epoch of `size` runs, as shapes."""

    def placed(tree, sharding):
        return jax.tree.map(
            lambda a: jax.ShapeDtypeStruct(a.shape, a.dtype, sharding=sharding), tree
        )

    inputs = jax.eval_shape(lambda i: gather_rows(i, [0], size), inputs)
    init = over_runs(functools.partial(init_run, mapped.program), 0)
    state, _ = jax.eval_shape(init, inputs)
    shared = placed(examples, mapped.axis.shared)
    return shared, np.int32(0), *placed((inputs, state), mapped.axis.spread)


def largest_fit(
    need: Callable[[int], float], available: float, most: int, shared: float = 0
) -> int:
    """Returns the size of the fewest equal parts of `most` that fit, 0 if not even 1.

    It asks for few needs, since asking compiles: first for that of `most`. From one
    that is too large it guesses the next, which is checked in turn.

    Args:
      need: from a size to the bytes it needs, infinite if that cannot be told.
      available: bytes that there are.
      most: the largest size asked for.
      shared: bytes known to be needed alike at any size.
    Example:
      >>> largest_fit(lambda size: 100 + 10 * size, 160, most=10, shared=100)
      5
    """
    size, tried = most, []
    while (needed := need(size)) > available or math.isinf(needed):
        if size == 1:
            return 0
        tried.append((size, needed))
        guess = _guess(tried[-2:], available, shared)
        parts = -(-most // max(1, min(guess, size - 1)))
        size = -(-most // parts)
    return size


def _guess(tried: list[tuple[int, float]], available: float, shared: float) -> int:
    """Solves for the size at which the need, affine in it, is what is available."""
    (*before, (size, needed)) = tried
    if math.isinf(needed):
        return size // 2
    for other, more in before:
        if math.isfinite(more):  # two sizes tell what is shared besides
            slope = (more - needed) / (other - size)
            shared = max(shared, needed - slope * size)
    return int((available - shared) / max((needed - shared) / size, 1))


def program_bytes(compiled: Any) -> int:
    """Returns the bytes that a compiled program needs on each of its devices.

    These are its arguments, its results but for those in place of an argument, and
    what it needs in between.
    """
    sizes = compiled.memory_analysis()
    if sizes is None:  # a backend that does not tell
        return 0
    results = sizes.output_size_in_bytes - sizes.alias_size_in_bytes
    return sizes.argument_size_in_bytes + results + sizes.temp_size_in_bytes


def available_bytes(devices: Sequence[jax.Device]) -> float:
    """Returns the bytes that may be used on each device, a margin left.

    Infinite for a device that does not tell.
    """
    if devices[0].platform == "cpu":
        left = max(0, host_free() - process_reserve())
        free: float = left / len(devices)
    else:
        free = min(device_free(device.memory_stats()) for device in devices)
    return (1 - MARGIN) * free


def device_free(stats: Mapping[str, int] | None) -> float:
    """Returns the bytes left by what a device tells of its memory, or infinity."""
    if not stats or "bytes_limit" not in stats:
        return math.inf
    return stats["bytes_limit"] - stats.get("bytes_in_use", 0)


def process_reserve(root: Path = Path("/")) -> int:
    """Returns the bytes that this process is yet to take besides its programs.

    Args:
      root: of the file system; another one in tests.
    """
    try:
        pages = int((root / "proc/self/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):  # not Linux
        return 0
    return max(0, PROCESS_BYTES - pages * os.sysconf("SC_PAGE_SIZE"))


def is_exhausted(error: BaseException) -> bool:
    """Returns whether an error says that memory, of a device or the host, ran out."""
    said = str(error)
    return isinstance(error, MemoryError) or (
        isinstance(error, RuntimeError)
        and ("RESOURCE_EXHAUSTED" in said or "Out of memory" in said)
    )


def explain_exhausted(error: BaseException) -> str:
    """Returns one sentence for a person whose memory ran out while runs trained."""
    reason = (str(error).splitlines() or [""])[0][:200]
    return (
        f"the memory ran out ({reason or 'of the host'}); what was saved stays: end "
        "other programs and start the same command again, or train fewer runs at once "
        "with --config.execution.chunk in another --workdir"
    )


def mebibytes(number: float) -> str:
    """Formats bytes for a person; a need that the compiler could not tell, too."""
    return f"{enough(number / 2**20)} MiB" if math.isfinite(number) else "too much"


def enough(number: float) -> str:
    """Formats an amount with as many digits as tell it from none.

    Example:
      >>> enough(1234.5), enough(9.96), enough(0.00123), enough(0)
      ('1,234', '10', '0.0012', '0')
    """
    if number >= 9.95 or number == 0:
        return f"{number:,.0f}"
    return np.format_float_positional(float(f"{number:.2g}"), trim="-")
