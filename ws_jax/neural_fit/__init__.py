"""How well a network's layers fit neural responses to the same images.

`activations` records what layers make of images, `neural_data` reads responses,
`similarity` compares representations as they are (CKA, RSA), `regression` predicts
responses from activations (ridge, PLS), `ceiling` says how much could be predicted, and
`fit` puts all of it in a table.

Source: what Pogodin et al. 2021 used Brain-Score for; none of its data are here.
"""

from ws_jax.neural_fit.activations import layer_names, record
from ws_jax.neural_fit.ceiling import noise_ceiling, reliability
from ws_jax.neural_fit.fit import Settings, compare, fit_run
from ws_jax.neural_fit.neural_data import NeuralData, read_neural
from ws_jax.neural_fit.regression import Prediction, pls, ridge
from ws_jax.neural_fit.similarity import (
    dissimilarities,
    linear_cka,
    rsa,
    rsa_ceiling,
    rsa_of_repeats,
)
from ws_jax.neural_fit.table import as_text, read

__all__ = [
    "NeuralData",
    "Prediction",
    "Settings",
    "as_text",
    "compare",
    "dissimilarities",
    "fit_run",
    "layer_names",
    "linear_cka",
    "noise_ceiling",
    "pls",
    "read",
    "read_neural",
    "record",
    "reliability",
    "ridge",
    "rsa",
    "rsa_ceiling",
    "rsa_of_repeats",
]
