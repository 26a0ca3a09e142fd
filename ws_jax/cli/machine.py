"""The machine: its cores, and where JAX keeps compiled programs."""

from __future__ import annotations

import logging as logging_levels
import os
from pathlib import Path


def setup_jax() -> None:
    """Keeps compiled programs on disk, and makes each CPU core a device."""
    import jax

    from ws_jax.cli import compile_cache
    from ws_jax.keys import settle_draws

    # Its INFO lines tell of backends that are not there.
    logging_levels.getLogger("jax").setLevel(logging_levels.WARNING)
    folder = os.environ.get("WS_JAX_CACHE") or Path.home() / ".cache" / "ws_jax"
    compile_cache.remove_damaged(Path(folder) / "xla")
    jax.config.update("jax_compilation_cache_dir", str(Path(folder) / "xla"))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
    if "xla_force_host_platform_device_count" not in os.environ.get("XLA_FLAGS", ""):
        # A run on each core beats all cores on one run (docs/design/0007).
        jax.config.update("jax_num_cpu_devices", num_cores())
    settle_draws()
    jax.config.update("jax_numpy_rank_promotion", "raise")
    jax.config.update("jax_numpy_dtype_promotion", "strict")


def num_cores() -> int:
    """Returns how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
