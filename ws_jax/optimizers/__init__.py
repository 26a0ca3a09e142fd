"""Optimisers as optax chains for unit learning rate, their rates and decays run data.

The learning rate multiplies what a chain returns, where the parameters are moved
(`engine.train`); all else is in the chain, which is built anew wherever it is used:
its numbers may be traced.
"""

from ws_jax.optimizers.kinds import SGD, Adam, AdamW, scale_by_adam
from ws_jax.optimizers.optimizer import Optimizer, make_optimizer
from ws_jax.optimizers.schedules import Constant, Cosine, Schedule, Steps

__all__ = [
    "SGD",
    "Adam",
    "AdamW",
    "Constant",
    "Cosine",
    "Optimizer",
    "Schedule",
    "Steps",
    "make_optimizer",
    "scale_by_adam",
]
