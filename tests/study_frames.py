"""Made-up results, for tests of the analysis: nothing here was ever trained.

**Fabricated throughout.** Accuracies on training, plain and translated images arrive at
the published medians, where the paper has one. All else is invented so that the paper's
claims hold: .6 for what it has no number of (rotated and noisy validation, say),
swapped accuracies of .47 (CNN) and .34 (FCN), what severing costs, kernel distances,
the spread between folds, and all that a curve does before its end. None of these
numbers may be quoted as a result, of the paper or of ours.
"""

import itertools

import numpy as np
import pandas as pd

from ws_jax.analysis import aggregate
from ws_jax.papers.ott2020 import published
from ws_jax.storage.results import COLUMNS, RUN_COLUMNS, make_frame
from ws_jax.storage.standins import IDENTITY_COLUMNS

MODELS = (("cnn", "paper"), ("fcn", "released"))
# Fields of the config that are not at the engine's defaults.
FIELDS = {
    "cifar10": {
        "network.features": "(64, 128, 256)",
        "network.kernel_sizes": "(5, 5, 3)",
        "train.batch_size": 128,
        "train.patience": 100,
    }
}
# Invented, like all that follows.
FOLD_OFFSETS = (0.0, -0.001, 0.001, -0.0005, 0.0005)  # their median is 0


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
    kept=None,
    **columns,
):
    """One run as rows of the tidy frame, of all epochs or of some that are `kept`.

    Without `curved` every epoch has the same value: the expected one plus the fold's
    offset, so that any reading of a cell yields the expected number.
    """
    rows = learning_curves(data, kind, level, model, fold, epochs, vcp, curved, seed)
    rows = {name: np.append(np.nan, values) for name, values in rows.items()}
    rows["epoch"] = np.arange(epochs + 1)
    if model == "fcn":
        rows |= distances(rows["epoch"], level, kind)
    if kept is not None:
        there = np.isin(rows["epoch"], list(kept))
        rows = {name: values[there] for name, values in rows.items()}
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
        **FIELDS.get(data, {}),
        **semantics_fields(semantics, kind if level else "none"),
        "status": "stopped",
        "seconds": 1.5,
        **columns,
    }
    # A field may hold a tuple, the same in every row.
    identity = {
        name: [value] * len(rows["epoch"]) if isinstance(value, tuple) else value
        for name, value in identity.items()
    }
    run = f"{model}-{init}-{kind}{level}-p{vcp}-fold{fold}-seed{seed}"
    return pd.DataFrame({**rows, "run": run, **identity})


def semantics_fields(semantics, kind):
    """The fields of the config that follow from whose word holds."""
    released = semantics == "released"
    fields = {"evaluation.whole_batches": released}
    if released:
        fields["task.clip"] = 1e-7
        fields["evaluation.views.rotation.centre"] = "pixel_off"
        fields["evaluation.views.edge_noise.border"] = "batch"
    if released and kind == "rotation":
        fields["transforms.rotation.centre"] = "pixel_off"
        fields["transforms.rotation.whole_degrees"] = True
    if released and kind == "edge_noise":
        fields["transforms.edge_noise.border"] = "batch"
    if released and kind in ("noise", "edge_noise"):
        fields[f"transforms.{kind}.shuffled"] = False
    return fields


def learning_curves(data, kind, level, model, fold, epochs, vcp, curved, seed):
    """The numbers of a run after each epoch, its kernel distances left out."""
    draw = np.random.default_rng([fold, seed, int(1000 * level), int(1000 * vcp)])
    epoch = np.arange(1, epochs + 1)
    rise = 1 - 0.4 * np.exp(-epoch / 6) if curved else np.ones(epochs)
    # Invented: severing hurts late.
    loss = 0.01 * vcp + 0.88 * max(0, vcp - 0.9) / 0.09
    values = {}
    for metric in ("acc", "val_acc", "translation", "rotation", "noise", "edge_noise"):
        final = expected(data, kind, level, model, metric) * (1 - loss)
        jitter = draw.normal(0, 0.002, epochs) if curved else 0
        values[metric] = final * rise + FOLD_OFFSETS[fold] + jitter
    gap = 0.13 if model == "cnn" else 0.0
    values["swap"] = (
        0.34 + gap + draw.normal(0, 0.02 * curved, epochs) + FOLD_OFFSETS[fold]
    )
    values["loss"], values["val_loss"] = 1 - values["acc"], 1 - values["val_acc"]
    return {"epoch": epoch, **values}


def distances(epoch, level, kind):
    """Invented distances: they dip, then rise without translation and fall with it.

    Under rotation and noise they rise, but under very high noise.
    """
    dip = 0.010 * (1 - np.exp(-epoch / 1.5))
    change = {
        "translation": 0.0125 - 0.04 * level,
        "noise": 0.012 + 0.002 * level - 0.008 * (level > 0.75),
    }.get(kind, 0.012 + 0.002 * level)
    back = change * (1 - np.exp(-epoch / 15))
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
    whole = pd.concat(runs, ignore_index=True)
    like = make_frame(whole[:1].to_dict("records"))
    return identified(whole.reindex(columns=like.columns).astype(COLUMNS))


def identified(whole):
    """Writes what identifies a training, as the engine does.

    That is all columns that can change a number, fields of the config among them; the
    sweep, and how long it may train (the longest run of the sweep, if nothing else is
    said), cannot.
    """
    whole = whole.copy()
    if "epochs" not in whole.columns:
        whole["epochs"] = whole.groupby("sweep")["epoch"].transform("max")
    fields = [name for name in whole.columns if "." in name]
    keys = [name for name in RUN_COLUMNS if name not in ("run", "sweep")] + fields
    # All rows of a training have the same; so each is written once.
    number = whole.groupby(keys, dropna=False, sort=False).ngroup()
    first = whole[~number.duplicated()]
    told = first[keys].round(4).astype("str")
    rate = first["learning_rate"].map("{:.5g}".format)
    names = [name for name in keys if name not in ("fold", "seed", "learning_rate")]
    cell = rate.str.cat(told[names], "|")
    digest = cell.str.cat(told[["fold", "seed"]], "|")
    whole["cell"], whole["digest"] = cell.array[number], digest.array[number]
    return whole


def planned(whole, frame):
    """Rows of which all runs of a whole study were planned, as its record tells."""
    told = [*RUN_COLUMNS, *IDENTITY_COLUMNS, "network", "task"]
    names = [name for name in whole.columns if name in told or "." in name]
    runs = whole.drop_duplicates(["cell", "fold", "seed"])[names]
    record = {"chunks": [{"runs": runs.to_dict("records")}]}
    return aggregate.with_plan(frame, [record])
