"""What is trained: a run, wholly described, and a sweep over any of its fields."""

from ws_jax.runs.run import Data, Evaluation, Execution, Run, Train
from ws_jax.runs.sweep import Sweep

__all__ = ["Data", "Evaluation", "Execution", "Run", "Sweep", "Train"]
