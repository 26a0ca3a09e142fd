"""The engine: from a sweep to results.

One run: `program`, `train`, `evaluate`. Many: `mapping`, `memory`, `chunk`. The host's
side: `study`, which makes a sweep ready, and `sweep`, the loop that trains it.
"""

from ws_jax.engine.sweep import run_sweep

__all__ = ["run_sweep"]
