"""What a run has learned, read back: for notebooks and scripts of one's own.

How it is kept is in `ws_jax.storage.checkpoint`.
"""

from ws_jax.storage.checkpoint import last_epoch, load_run

__all__ = ["last_epoch", "load_run"]
