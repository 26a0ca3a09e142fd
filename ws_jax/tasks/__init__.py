"""Tasks: what is learned, and how it is scored."""

from ws_jax.tasks.classification import Classification
from ws_jax.tasks.segmentation import Segmentation
from ws_jax.tasks.shortest_paths import ShortestPaths
from ws_jax.tasks.similarity import SimilarityTerm
from ws_jax.tasks.task import LossTerm, Task, WeightNorm

__all__ = [
    "Classification",
    "LossTerm",
    "Segmentation",
    "ShortestPaths",
    "SimilarityTerm",
    "Task",
    "WeightNorm",
]
