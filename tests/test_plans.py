"""What a plan counts, and which field a message of a network of one's own names."""

import dataclasses
import math

import flax.linen as nn
import pytest

from ws_jax import cli
from ws_jax.config import ConfigError, config, static
from ws_jax.engine import describe
from ws_jax.engine.memory import mebibytes
from ws_jax.engine.study import prepare
from ws_jax.models import Network
from ws_jax.runs import Data, Evaluation, Run, Sweep, Train
from ws_jax.schemes import layer_scheme
from ws_jax.tasks import Task


@pytest.fixture
def own(monkeypatch):
    """A sweep of a small network of one's own, which has schemes and never says so."""
    monkeypatch.setattr(Network, "kinds", dict(Network.kinds))

    @config("own_small")
    class Small(Network):
        sharing: str = static("full", "scheme")

        def make(self, num_outputs, arithmetic):
            layer_scheme(self.sharing, 0)
            return Flat(num_outputs)

    run = Run(
        data=Data("synthetic:30x4x4x1", num_folds=3),
        network=Small(),
        train=Train(epochs=1, batch_size=16),
        evaluation=Evaluation(views=(), measures=()),
        transforms=(),
    )
    return Sweep("own", run, {"network.sharing": ("full",)})


class Flat(nn.Module):
    num_outputs: int

    @nn.compact
    def __call__(self, x, train=False):
        return nn.Dense(self.num_outputs)(x.reshape(x.shape[0], -1))


def test_a_message_of_an_own_network_names_the_field(own):
    for sweep in (
        cli.change_sweep(own, {}, ["sharing=full,cheker"]),
        cli.change_sweep(own, {}, ["sharing=full/cheker:2"]),
    ):
        with pytest.raises(ConfigError) as caught:
            prepare(sweep)
        said = str(caught.value)
        assert said.startswith("network.sharing ")
        assert ": unknown sharing scheme 'cheker'" in said


@pytest.mark.slow
def test_a_plan_of_one_small_run_has_counted_words_and_digits(own):
    text = describe.plan_text(prepare(own), timed=True)
    first, second = text.splitlines()[:2]
    assert first == "own: 1 run in 1 group, on 30 images of 4x4x1 (synthetic:30x4x4x1)"
    assert second.startswith("up to 1 epoch, ")
    assert "s an epoch of 1 run, at most" in text
    line = next(x for x in text.splitlines() if x.startswith("own_small-full"))
    flops, need, unit = line.split()[-3:]
    assert 0 < float(flops) < 0.01 and 0 < float(need) < 10 and unit == "MiB"
    (total,) = [line for line in text.splitlines() if "TFLOP; nothing" in line]
    assert float(total.split()[4]) > 0


@pytest.mark.slow
def test_a_plan_takes_the_targets_that_a_task_makes(own, monkeypatch):
    monkeypatch.setattr(Task, "kinds", dict(Task.kinds))

    @config("own_autoencoding")
    class Autoencoding(Task):
        watched, maximized = "loss", False

        def num_outputs(self, num_classes, shape):
            return math.prod(shape)

        def batch(self, keys, images, targets):
            return images, images.reshape(len(images), -1)

        def losses(self, outputs, targets):
            return ((outputs - targets) ** 2).mean(axis=1)

        def totals(self, outputs, targets, losses):
            return {"loss": losses}

        def metrics(self, totals):
            return {name: total.total / total.count for name, total in totals.items()}

    task = dataclasses.replace(own.base, task=Autoencoding())
    text = describe.plan_text(prepare(dataclasses.replace(own, base=task)))
    assert "TFLOP; nothing was trained" in text


def test_small_amounts_keep_their_digits():
    assert [mebibytes(2**20 * n) for n in (0, 0.0012, 9.96, 1234)] == [
        "0 MiB", "0.0012 MiB", "10 MiB", "1,234 MiB"]  # fmt: skip
