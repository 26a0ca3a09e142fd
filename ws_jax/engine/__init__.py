"""The engine: from a sweep to results.

One run: `program`, `train`, `evaluate`. Many: `mapping`, `memory`, `living`. The host's
side: `study`, which makes a sweep ready, `recorded`, which does so from a folder,
`chunk`, and `sweep`, which trains it; `predict`, which asks a trained network for
outputs.
"""

from ws_jax.engine.predict import predict
from ws_jax.engine.sweep import check_start, run_sweep

__all__ = ["check_start", "predict", "run_sweep"]
