"""Variables of networks, filled by NumPy: nothing is compiled to draw them."""

import jax
import jax.numpy as jnp
import numpy as np

from ws_jax.engine.program import init_variables


def filled(shapes, seed=0):
    """Fills a tree of shapes with random numbers of a size that suits their names.

    Kernels and templates have the variance of one over their inputs, what scales is
    about one and positive, what shifts is small; nothing is at a round value.
    """
    random = np.random.default_rng(seed)

    def fill(path, leaf):
        name = path[-1].key
        if name in ("scale", "var"):
            values = random.uniform(0.8, 1.3, leaf.shape)
        elif name in ("bias", "mean"):
            values = random.normal(0.05, 0.1, leaf.shape)
        elif name == "coefficients":
            values = random.normal(size=leaf.shape)
        else:
            inputs = leaf.shape[-4:-1] if len(leaf.shape) > 2 else leaf.shape[:1]
            values = random.normal(0, np.prod(inputs) ** -0.5, leaf.shape)
        return jnp.asarray(values, leaf.dtype)

    return jax.tree_util.tree_map_with_path(fill, shapes)


def module_variables(module, *inputs, seed=0):
    """Random variables of a module, as `init` would shape them.

    Args:
      module: of the network.
      *inputs: as it is called with; arrays of JAX's.
      seed: of the numbers.
    """
    shapes = jax.eval_shape(lambda: module.init(jax.random.key(0), *inputs))
    return filled(shapes, seed)


def network_variables(program, run, seed=0):
    """Random variables of a run's network."""
    key = jax.random.key(0)
    return filled(jax.eval_shape(lambda: init_variables(program, run, key)), seed)
