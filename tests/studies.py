"""Tiny studies that the tests of the engine share."""

import contextlib
import dataclasses
import threading

import pytest

from ws_jax import experiment
from ws_jax.config import (
    DataConfig,
    EvaluationConfig,
    ExecutionConfig,
    ExperimentConfig,
    NetworkConfig,
    SweepConfig,
    TrainConfig,
)
from ws_jax.workdir import Interrupted

TINY_NETWORK = NetworkConfig(
    features=(4, 6), kernel_sizes=(3, 3), strides=(2, 1), hidden=16
)


def tiny(**parts) -> ExperimentConfig:
    """A study of seconds: 60 synthetic images of 10x10, two layers, 2 epochs.

    Keywords replace whole parts, or single fields of them: `train__epochs=3`.
    """
    config = ExperimentConfig(
        name="tiny",
        data=DataConfig(name="synthetic:60x10x10x1", num_folds=3),
        network=TINY_NETWORK,
        train=TrainConfig(epochs=2, patience=10, batch_size=16),
        evaluation=EvaluationConfig(perturbations=("translation",), radii=(1,)),
        sweep=SweepConfig(levels=(0.0, 0.3), folds=(0, 1)),
        execution=ExecutionConfig(chunk=4, checkpoint_every=1),
    )
    for name, value in parts.items():
        part, _, field = name.partition("__")
        if field:
            value = dataclasses.replace(getattr(config, part), **{field: value})
        config = dataclasses.replace(config, **{part: value})
    return config


def stop_at_once(config, workdir, monkeypatch):
    """Runs a sweep that is asked to stop before its first epoch has ended."""

    @contextlib.contextmanager
    def asked_at_once():
        stop = threading.Event()
        stop.set()
        yield stop

    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        patch.setattr(experiment, "stop_requests", asked_at_once)
        experiment.run_sweep(config, workdir)
