"""Results made up from the published tables, for tests of the analysis."""

import itertools

import numpy as np
import pandas as pd

from ws_jax.analysis import published
from ws_jax.results import make_frame

MODELS = (("cnn", "paper"), ("fcn", "released"))
FOLD_OFFSETS = (0.0, -0.002, 0.002, -0.001, 0.001)  # their median is 0


def expected(data, kind, level, model, metric):
    """The number that the runs of a cell arrive at, 0.6 where the paper has none."""
    table = published.table("cifar10" if data == "cifar10" else "mnist", kind)
    try:
        return table.value(level, model, metric)
    except KeyError:
        return 0.6


def run_rows(
    data="mnist",
    kind="translation",
    level=0.0,
    model="cnn",
    init="paper",
    fold=0,
    epochs=60,
    semantics="released",
    vcp=0.0,
    curved=False,
    seed=0,
    **columns,
):
    """One run as rows of the tidy frame.

    Without `curved` every epoch has the same value: the expected one plus the fold's
    offset, so that any reading of a cell yields the expected number.
    """
    rows = learning_curves(data, kind, level, model, fold, epochs, vcp, curved, seed)
    start = pd.DataFrame({"epoch": [0]})
    rows = pd.concat([start, rows], ignore_index=True)
    if model == "fcn":
        rows = rows.assign(**distances(rows["epoch"].to_numpy(), level))
    setting = published.SETTINGS.get(data, published.SETTINGS["mnist"])
    identity = {
        "sweep": f"{data}_{kind}",
        "data": data,
        "semantics": semantics,
        "init": init,
        "model": model,
        "sharing": {"cnn": "full", "fcn": "free"}.get(model, model),
        "aug_type": kind if level else "none",
        "aug": level,
        "severing": semantics if vcp else "none",
        "vcp": vcp,
        "num_conv_layers": setting.num_conv_layers,
        "learning_rate": setting.learning_rate,
        "fold": fold,
        "num_folds": 5,
        "seed": seed,
        "optimizer": "adam",
        "phase": "none",
        "coupling": 0.0,
        "status": "stopped",
        "seconds": 1.5,
        **columns,
    }
    run = f"{model}-{init}-{kind}{level}-p{vcp}-fold{fold}-seed{seed}"
    return rows.assign(run=run, **identity)


def learning_curves(data, kind, level, model, fold, epochs, vcp, curved, seed):
    """The numbers of a run after each epoch, its kernel distances left out."""
    draw = np.random.default_rng([fold, seed, int(1000 * level), int(1000 * vcp)])
    epoch = np.arange(1, epochs + 1)
    rise = 1 - 0.4 * np.exp(-epoch / 6) if curved else np.ones(epochs)
    loss = 0.96 * vcp**8  # severing hurts late
    values = {}
    for metric in ("acc", "val_acc", "translation", "rotation", "noise", "edge_noise"):
        final = expected(data, kind, level, model, metric) * (1 - loss)
        jitter = draw.normal(0, 0.002, epochs) if curved else 0
        values[metric] = final * rise + FOLD_OFFSETS[fold] + jitter
    gap = 0.13 if model == "cnn" else 0.0
    values["swap"] = (
        0.34 + gap + draw.normal(0, 0.02 * curved, epochs) + FOLD_OFFSETS[fold]
    )
    rows = pd.DataFrame({"epoch": epoch, **values, "loss": 1 - values["acc"]})
    rows["val_loss"] = 1 - rows["val_acc"]
    return rows


def distances(epoch, level):
    """Distances that dip, then rise without translation and fall with it."""
    dip = 0.010 * (1 - np.exp(-epoch / 1.5))
    back = (0.0125 - 0.04 * level) * (1 - np.exp(-epoch / 15))
    near = np.sqrt(2) / 13 - dip + back
    return {
        "dist_1": near,
        "dist_4": near + 0.003 * (epoch > 0),
        "cos_1": 1 - level * 0.1 * (1 - np.exp(-epoch / 30)),
        "cos_4": 1 - level * 0.09 * (1 - np.exp(-epoch / 30)),
    }


def study(
    data="mnist",
    kinds=("translation",),
    levels=(0.0, 0.2),
    folds=range(5),
    models=MODELS,
    **options,
):
    """A study: the product of kinds, levels, models and folds."""
    runs = [
        run_rows(data, kind, level, model, init, fold, **options)
        for kind, level, (model, init), fold in itertools.product(
            kinds, levels, models, folds
        )
        if level or kind == kinds[0]
    ]
    return frame(runs)


def frame(runs):
    """Joins runs to a frame with the columns and types of real results."""
    return make_frame(pd.concat(runs).to_dict("records"))
