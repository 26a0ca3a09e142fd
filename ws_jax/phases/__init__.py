"""What happens to kernels between steps: sharing in sleep, and coupling.

A phase is a config; its `apply` is a pure function, called after every optimiser step.
It knows where it is (`Moment`), may draw, may keep a state of its own, and sees the
network's layers as `layers.Layer` describes them, borders and all.
"""

# In the order in which help lists the kinds.
# isort: off
from ws_jax.phases.phase import Moment, NoPhase, Params, Phase
from ws_jax.phases.periodic import Periodically
from ws_jax.phases.means import (
    Couple,
    GroupMean,
    Grouped,
    couple,
    map_fields,
    share_instantly,
)
from ws_jax.phases.hebbian import hebbian_sleep
from ws_jax.phases.sleep import Hebbian
# isort: on

__all__ = [
    "Couple",
    "GroupMean",
    "Grouped",
    "Hebbian",
    "Moment",
    "NoPhase",
    "Params",
    "Periodically",
    "Phase",
    "couple",
    "hebbian_sleep",
    "map_fields",
    "share_instantly",
]
