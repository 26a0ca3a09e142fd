"""Studies of weight sharing in vision: over space, over depth and over time.

Import the parts by name, as in `from ws_jax import conv`: this module imports none
of them, so that a flag error or a version query never waits for JAX.
"""

__version__ = "0.1.0"
