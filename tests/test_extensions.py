"""What comes later fits on the same engine: networks with state, banks, phases.

Each goes through the real sweep, from config to results and back from a checkpoint.
"""

import dataclasses

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
import pytest
from studies import TINY, stop_at_once

from ws_jax import engine, results
from ws_jax.checkpoint import load_run
from ws_jax.config import config, replace_field
from ws_jax.conv import shared_conv
from ws_jax.initializers import glorot_uniform
from ws_jax.layers import SharedConv
from ws_jax.models import Network
from ws_jax.optimizers import SGD, Cosine
from ws_jax.phases import couple
from ws_jax.runs import Sweep
from ws_jax.schemes import layer_scheme
from ws_jax.sharing import full

pytestmark = pytest.mark.usefixtures("kept_programs")


class TwoBlocks(nn.Module):
    """Two residual blocks, each with a normalisation that keeps running averages."""

    @nn.compact
    def __call__(self, x, train=False):
        for i in range(2):
            y = SharedConv(
                features=4,
                window=(3, 3),
                strides=(1, 1),
                padding="SAME",
                scheme=layer_scheme("tiles:2", i),
                kernel_init=glorot_uniform(),
                name=f"block_{i}",
            )(x)
            y = nn.BatchNorm(use_running_average=not train, name=f"norm_{i}")(y)
            x = x + nn.relu(y)
        return nn.Dense(10)(x.mean(axis=(1, 2)))


class OneBank(nn.Module):
    """Two layers, each mixing its kernel from the two templates of one bank."""

    @nn.compact
    def __call__(self, x, train=False):
        bank = self.param("bank", glorot_uniform(), (2, 3, 3, 4, 4))
        x = jnp.pad(x, ((0, 0), (0, 0), (0, 0), (0, 3)))
        for i in range(2):
            mixing = self.param(f"mixing_{i}", nn.initializers.normal(1.0), (2,))
            kernel = jnp.tensordot(mixing, bank, axes=1)
            x = nn.relu(
                shared_conv(x, kernel[None], full(x.shape[1:3]), padding="SAME")
            )
        return nn.Dense(10)(x.mean(axis=(1, 2)))


@pytest.fixture
def kinds(monkeypatch):
    """Networks by name, of which those that a test adds are gone after it."""
    monkeypatch.setattr(Network, "kinds", dict(Network.kinds))


def network_of(name, module):
    """Makes a kind of network whose module is `module`; returns its config."""

    class Own(Network):
        def make(self, num_outputs, arithmetic):
            return module()

    Own.__qualname__ = module.__name__
    return config(name)(Own)()


def run_in_halves(sweep, workdir, monkeypatch):
    """Runs a sweep that is stopped after its first epoch, and goes on."""
    stop_at_once(sweep, workdir, monkeypatch)
    engine.run_sweep(sweep, workdir)
    return results.read(workdir)


NUMBERS = ["epoch", "loss", "acc", "val_loss", "val_acc", "translation"]


@pytest.mark.slow
@pytest.mark.parametrize("name, module", [("two_block", TwoBlocks), ("bank", OneBank)])
def test_a_network_of_another_kind_trains_stops_and_goes_on(
    name, module, tmp_path, monkeypatch, kinds
):
    sweep = Sweep(
        "own",
        dataclasses.replace(TINY, network=network_of(name, module)),
        {"transforms.level": (0.0, 0.3)},
    )
    momentum = SGD(learning_rate=1e-3, momentum=0.9, schedule=Cosine())
    base = replace_field(sweep.base, "train.optimizer", momentum)
    base = replace_field(base, "evaluation.measures", ())
    sweep = dataclasses.replace(sweep, base=base)
    engine.run_sweep(sweep, tmp_path / "whole")
    whole = results.read(tmp_path / "whole")
    halves = run_in_halves(sweep, tmp_path / "halves", monkeypatch)
    np.testing.assert_array_equal(whole[NUMBERS], halves[NUMBERS])
    assert len(whole) == 4 and whole["val_acc"].notna().all()

    run = load_run(tmp_path / "whole", aug=0.3)
    if name == "two_block":
        means = [run["batch_stats"][f"norm_{i}"]["mean"] for i in range(2)]
        assert all(np.abs(mean).max() > 1e-3 for mean in means)  # 0 at the start
    else:
        assert set(run["params"]) == {"bank", "mixing_0", "mixing_1", "Dense_0"}


def test_full_coupling_under_sgd_follows_a_convolution():
    rng = np.random.default_rng(0)
    sharing = full((3, 2))
    start = rng.normal(size=(2, 2, 1, 3)).astype(np.float32)
    grads = rng.normal(size=(3, 2, 2, 2, 1, 3)).astype(np.float32)
    field = jnp.broadcast_to(start, grads.shape)
    coupled = couple(field - 0.1 * grads, sharing, 1.0)
    # A shared kernel's gradient is the sum over sites; its rate is divided by them.
    shared = start - 0.1 / 6 * grads.sum(axis=(0, 1))
    np.testing.assert_allclose(coupled, np.broadcast_to(shared, grads.shape), atol=1e-6)
    np.testing.assert_array_equal(couple(jnp.asarray(grads), sharing, 0.0), grads)
