"""Strict numerics for every test, and compiled programs kept in the checkout.

Workers that run tests side by side share them, as do the processes that tests start.
"""

import functools
import gc
import os
from importlib.metadata import version
from pathlib import Path

_CACHE = Path(__file__).parents[1] / ".cache"
# Also for the processes that tests start; set before JAX is imported.
os.environ["WS_JAX_CACHE"] = str(_CACHE)
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(_CACHE / "xla"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.1")
# Tests compile many small programs and run each a few times: quick code would cost more
# than it saves.
_FLAGS = ["--xla_backend_optimization_level=0"]
if version("jaxlib").startswith("0.10."):  # XLA refuses flags that it does not know
    # The former way to make fused loops compiles in half the time.
    _FLAGS.append("--xla_cpu_use_fusion_emitters=false")
os.environ["XLA_FLAGS"] = " ".join([os.environ.get("XLA_FLAGS", ""), *_FLAGS])

import jax  # noqa: E402
import pandas as pd  # noqa: E402
import pytest  # noqa: E402
import typecheck  # noqa: E402

typecheck.use_beartype_alone_without_shapes()

# Traces are large heaps of small objects that are freed without the collector, which
# walks them all, and JAX's own with them, each time.
gc.collect()
gc.freeze()
gc.set_threshold(100_000, 50, 50)

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")


# Small tables, as those of tests, are quicker with strings of Python than of Arrow.
pd.set_option("mode.string_storage", "python")


@pytest.fixture
def quick_code(monkeypatch):
    """For tests that compute long: what they compile is as quick as in a study."""
    options = {"xla_backend_optimization_level": 2}
    monkeypatch.setattr(
        jax, "jit", functools.partial(jax.jit, compiler_options=options)
    )


@pytest.fixture
def kept_programs(monkeypatch):
    """For tests of how runs train and are kept: they share compiled programs."""
    from studies import keep_programs  # after the checks of annotations are in place

    keep_programs(monkeypatch)
