"""Shared and plain networks train alike; the similarity term makes layers alike."""

import dataclasses

import numpy as np
import pytest

from ws_jax import engine, results
from ws_jax.config import replace_field
from ws_jax.papers.savarese2019 import runs
from ws_jax.papers.savarese2019.presets import cifar


def small(**axes):
    """A study of seconds a run: 200 synthetic images of 8x8, only normalised."""
    sweep = cifar("small", widths=(1,), epochs=6, batch_size=16, cutout=False, **axes)
    data = {"data.name": "synthetic:250x8x8x3", "data.holdout": 0.2}
    base = sweep.base
    for path, value in data.items():
        base = replace_field(base, path, value)
    base = dataclasses.replace(base, transforms=base.transforms[2:])
    return dataclasses.replace(sweep, base=base)


@pytest.mark.slow
def test_shared_networks_learn_as_plain_ones_do(tmp_path):
    sweep = small(depths=(16,), templates=(0, 2), seeds=(0, 1))
    engine.run_sweep(sweep, tmp_path)
    rows = results.read(tmp_path)
    templates = rows["network.templates"]
    assert set(templates) == {0, 2}
    losses = rows[rows["epoch"] > 0].groupby([templates, "epoch"])["loss"].mean()
    for number in (0, 2):
        assert losses[number][6] < losses[number][1] - 0.3
    # Ten classes: both are above chance, however they share.
    scores = rows.groupby([templates, "seed"])["test_acc"].max()
    assert (scores.groupby("network.templates").mean() > 0.15).all()


@pytest.mark.slow
def test_the_term_makes_layers_alike(tmp_path):
    sweep = small(depths=(22,), templates=(3,), seeds=(0, 1), strengths=(0.0, 0.3))
    engine.run_sweep(sweep, tmp_path)
    rows = results.read(tmp_path)
    column = "task.terms.layer_similarity.strength"
    off = ~np.eye(4, dtype=bool)
    means = {}
    for strength, own in rows.groupby(column):
        bank = [dict(runs.matrices(own, name)) for name in runs.BANKS]
        means[strength] = [np.mean([b[e][off] for b in bank]) for e in (0, 6)]
    (first, plain), (start, drawn) = means[0.0], means[0.3]
    assert first == pytest.approx(start, abs=1e-6)
    assert drawn > plain + 0.1 and drawn > start + 0.1
