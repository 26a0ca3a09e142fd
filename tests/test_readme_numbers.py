"""The numbers in README.md and docs/results are those of the stored tables."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from ws_jax import augment, results
from ws_jax.folding.grouping import similarity
from ws_jax.papers.ott2020 import published

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "README.md").read_text("utf-8")
MEASURES = ["acc", "val_acc", "translation"]


@pytest.fixture(scope="module")
def rows():
    return results.read(ROOT / "docs/results")


def short(value, digits=3):
    # Halves go up, though a double falls just short of them.
    return f"{value + 1e-7:.{digits}f}".removeprefix("0")


def medians(rows, sweep, metrics=MEASURES, epoch=None, **where):
    """Medians over folds after the last epoch, or after another, of one cell's runs."""
    own = rows[rows["sweep"] == sweep]
    for name, value in where.items():
        own = own[own[name] == value]
    if epoch is None:
        own = own.sort_values("epoch").groupby("run").tail(1)
    else:
        own = own[own["epoch"] == epoch]
    assert len(own)
    return own[metrics].median()


def table_rows():
    """The rows of the README's table of results, as (sweep, model, level, numbers)."""
    sweep = ""
    lines = TEXT[TEXT.index("| study | model | level |") :].split("\n\n")[0]
    for line in lines.splitlines()[2:]:
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        sweep = re.findall("`(.*?)`", cells[0])[0] if cells[0] else sweep
        yield sweep, cells[1], float(cells[2]), cells[3:]


def test_the_readmes_table_is_that_of_the_stored_results(rows):
    shown = list(table_rows())
    for sweep, model, level, numbers in shown:
        init = "released" if "released" in model else "paper"
        found = medians(
            rows, sweep, model=model[:3].lower(), init=init, aug=level, vcp=0.0
        )
        assert numbers == [short(found[m]) for m in MEASURES], (sweep, model, level)
    # Nothing that was run in these studies is left out.
    stored = rows[rows["sweep"].isin({sweep for sweep, *_ in shown})]
    cells = stored.groupby(["sweep", "model", "init", "aug"]).ngroups
    assert cells == len(shown)


def test_the_readmes_sentences_say_what_is_stored(rows):
    free = {"model": "fcn", "aug": 0.0}
    reduced = "mnist_reduced"
    said = []
    for init, level, epochs in (
        ("paper", 0.0, (0, 8)),
        ("paper", 0.2, (0, 8)),
        ("released", 0.0, (0, 1, 8)),
        ("released", 0.2, (0, 1, 8)),
    ):
        where = {**free, "init": init, "aug": level}
        said += [
            medians(rows, reduced, ["dist_1"], epoch, **where)["dist_1"]
            for epoch in epochs
        ]
    words = [short(value, 4) for value in said]
    for a, b in ((0, 2), (2, 4), (4, 7), (7, 10)):
        assert ", ".join(words[a:b]) in TEXT or " to ".join(words[a:b]) in TEXT
    for severing, p in (
        ("released", 0.99),
        ("released", 0.9),
        ("paper", 0.99),
        ("paper", 0.9),
    ):
        value = medians(rows, "mnist_vcp_reduced", severing=severing, vcp=p)
        assert short(value["val_acc"]) in TEXT, (severing, p)
    kinds = rows[rows["sweep"] == "mnist_kinds_reduced"]
    last = kinds.sort_values("epoch").groupby("run").tail(1)
    cells = last.groupby(["model", "aug_type"])["translation"].median()
    ends = f"({short(cells.min(), 2)} to {short(cells.max(), 2)})"
    assert f"does not help on translated ones {ends}" in TEXT


def test_every_number_of_the_readmes_sentences_is_a_stored_or_published_one(rows):
    """Those that `test_the_readmes_sentences_…` looks for, and no others."""
    text = TEXT[TEXT.index("Without translated training images") :].split("\n\n")[0]
    found = re.findall(r"(?<![\d.])\.\d+", text)
    table = published.table("mnist", "translation")
    told = [
        short(table.value(level, model, "translation"))
        for level in (0.0, 0.2)
        for model in ("cnn", "fcn")
    ]
    for init, level, epochs in (
        ("paper", 0.0, (0, 8)),
        ("paper", 0.2, (0, 8)),
        ("released", 0.0, (0, 1, 8)),
        ("released", 0.2, (0, 1, 8)),
    ):
        where = {"model": "fcn", "init": init, "aug": level}
        for epoch in epochs:
            value = medians(rows, "mnist_reduced", ["dist_1"], epoch, **where)
            told.append(short(value["dist_1"], 4))
    for init, epoch in (("released", 8), ("paper", 1)):
        where = {"model": "fcn", "init": init, "aug": 0.0}
        columns = ["dist_1", "dist_4"]
        value = medians(rows, "mnist_reduced", columns, epoch, **where)
        told += [short(value[column], 4) for column in columns]
    for model, init in (("cnn", "paper"), ("fcn", "released")):
        for level in (0.0, 0.2):
            where = {"model": model, "init": init, "aug": level}
            told.append(short(medians(rows, "cifar10_reduced", **where)["val_acc"]))
    severed = [("released", 0.99), ("paper", 0.99), ("released", 0.9), ("paper", 0.9)]
    for severing, p in severed:
        value = medians(rows, "mnist_vcp_reduced", severing=severing, vcp=p)
        told.append(short(value["val_acc"]))
    kinds = rows[rows["sweep"] == "mnist_kinds_reduced"]
    last = kinds.sort_values("epoch").groupby("run").tail(1)
    ends = last.groupby(["model", "aug_type"])["translation"].median()
    told += [short(ends.min(), 2), short(ends.max(), 2)]
    assert found == told


def test_the_commands_of_the_results_folder_name_configs_that_are_there():
    text = (ROOT / "docs/results/README.md").read_text("utf-8")
    named = re.findall(r"--config=(\S+\.py)", text)
    assert named and all((ROOT / name).is_file() for name in named)


def test_the_epochs_of_the_results_folder_are_said(rows):
    text = (ROOT / "docs/results/README.md").read_text("utf-8")
    told = dict(re.findall(r"`(\w+)` (\d+)", text.split("differ in epochs")[1]))
    found = rows.groupby("sweep")["epoch"].max()
    assert {name: int(count) for name, count in told.items()} == found.to_dict()


def swapped(rows, sweep, **where):
    return short(medians(rows, sweep, ["swap"], **where)["swap"])


def test_the_readmes_quadrant_swaps(rows):
    plain = {"aug": 0.0, "vcp": 0.0}
    cnn, fcn = {"model": "cnn"}, {"model": "fcn"}
    own = {"init": "paper"}
    reduced = [
        swapped(rows, "mnist_reduced", **plain, **m)
        for m in (cnn, {**fcn, **own}, {**fcn, "init": "released"})
    ]
    assert (
        "{} against {} (paper initialisation) and {} (released)".format(*reduced)
        in TEXT
    )
    study = [swapped(rows, "study", **plain, **m) for m in (cnn, fcn)]
    assert "in `study` {} against {}".format(*study) in TEXT
    for kind, words in (
        ("edge_noise", "edge noise"),
        ("noise", "and noise"),
        ("rotation", "under rotation"),
    ):
        where = {"aug_type": kind}
        pair = [swapped(rows, "mnist_kinds_reduced", **where, **m) for m in (fcn, cnn)]
        assert f"{words} ({pair[0]} and {pair[1]})" in TEXT
    pair = [swapped(rows, "cifar10_reduced", **plain, **own, **m) for m in (fcn, cnn)]
    assert f"CIFAR-10 at level 0 ({pair[0]} and {pair[1]}, paper init" in TEXT


def test_the_order_of_radii_is_said(rows):
    for init, epoch in (("released", 8), ("paper", 1)):
        where = {"model": "fcn", "aug": 0.0, "init": init}
        found = medians(rows, "mnist_reduced", ["dist_1", "dist_4"], epoch, **where)
        assert found["dist_1"] > found["dist_4"]
        assert f"({short(found['dist_1'], 4)}, {short(found['dist_4'], 4)})" in TEXT


@pytest.mark.parametrize("folder", ["docs", "docs/design", "."])
def test_files_that_pages_name_are_there(folder):
    pages = sorted((ROOT / folder).glob("*.md"))
    assert pages
    for page in pages:
        if page.name == "CHANGELOG.md":  # which tells of what was
            continue
        for name in re.findall(
            r"`([\w.-]+/[\w/.-]+\.(?:py|md|json))`", page.read_text()
        ):
            places = (ROOT, ROOT / "ws_jax", ROOT / "docs", ROOT / "docs/results")
            there = any((place / name).exists() for place in places)
            assert there or "WORKDIR" in name or "NAME" in name, (page.name, name)


def test_commands_and_names_in_the_notes_are_there():
    text = (ROOT / "docs/results/README.md").read_text("utf-8")
    configs = re.findall(r"--config=(\S+?\.py)", text)
    assert configs and all((ROOT / name).is_file() for name in configs)
    note = (ROOT / "docs/design/0005-semantics.md").read_text("utf-8")
    names = re.findall(r"`augment\.(\w+)`", note)
    assert names and all(hasattr(augment, name) for name in names)


def test_the_readmes_numbers_of_sharing_in_sleep(rows):
    own = rows[(rows["sweep"] == "pogodin_cifar10_reduced") & (rows["epoch"] > 15)]
    every = own["train.phase.every"].fillna(0)  # a convolution has no such phase
    found = own.groupby(every)["val_acc"].mean()
    (text,) = re.findall(r"last five epochs is ([^;]*?) for the free network", TEXT)
    assert re.findall(r"\.\d{3}", text) == [short(value) for value in found]
    own = rows[rows["sweep"] == "pogodin_cifar10_reduced_unshifted"]
    own = own[own["epoch"] > 15]
    found = own.groupby(own["train.phase.every"].fillna(0))["val_acc"].mean()
    (text,) = re.findall(r"all else equal\) it is (.*?) without:", TEXT)
    assert re.findall(r"\.\d{3}", text) == [short(value) for value in found]
    for word, said in (("sleep", "it is"), ("start", "gives")):
        own = rows[rows["sweep"] == f"pogodin_cifar10_reduced_{word}"]
        (text,) = re.findall(rf"\(`_{word}`\),? {said} (\.\d+)", TEXT)
        assert text == short(own[own["epoch"] > 15]["val_acc"].mean())
    own = rows[rows["sweep"] == "pogodin_cifar10_reduced_translations"]
    found = own[own["epoch"] > 15].groupby("sharing")["val_acc"].mean()
    (text,) = re.findall(r"\(`_translations`: .*?\) (.*?) It takes", TEXT)
    wanted = [short(found["full"]), short(found["free"])]
    assert re.findall(r"\.\d{3}", text) == wanted


def test_the_readmes_numbers_of_paths(rows):
    own = rows[rows["sweep"] == "shortest_paths_reduced"]
    own = own[own["network.templates"].notna()]
    term = own["task.terms.layer_similarity.strength"].fillna(0)
    found = own.groupby([own["network.templates"], term > 0])["val_f1"].mean()
    (text,) = re.findall(r"than the CNN \((.*?)\) and carry", TEXT)
    wanted = [found[2, False], found[4, False], found[0, False]]
    assert re.findall(r"\.\d{3}", text) == [short(value) for value in wanted]
    (text,) = re.findall(r"makes layers alike it is (.*?)\. They", TEXT)
    wanted = [found[2, True], found[4, True]]
    assert re.findall(r"\.\d{3}", text) == [short(value) for value in wanted]


def alike_pairs(rows, epoch):
    """How many pairs of layers are more alike than .95, for each seed."""
    found = []
    for _, row in rows[rows["epoch"] == epoch].sort_values("seed").iterrows():
        stages = [row[f"layer_similarity_stage_{i}_bank"] for i in range(3)]
        pairs = [
            values[i][j]
            for values in stages
            for i in range(len(values))
            for j in range(i)
        ]
        assert len(pairs) == 45
        found.append(sum(value > 0.95 for value in pairs))
    return found


def test_the_readmes_numbers_of_depth_and_templates(rows):
    own = rows[rows["sweep"] == "savarese_cifar10_reduced"]
    last = own[own["epoch"] == 10]
    cells = [(16, 0), (16, 2), (28, 0), (28, 2)]
    found = last.groupby(["network.depth", "network.templates"])["val_acc"].mean()
    assert (
        last.groupby(["network.depth", "network.templates"])["seed"]
        .nunique()
        .eq(3)
        .all()
    )
    (text,) = re.findall(r"after ten epochs is (.*?)\. Ten epochs", TEXT)
    assert re.findall(r"\.\d{3}", text) == [short(found[cell]) for cell in cells]
    fold = json.loads(
        (ROOT / "docs/results/savarese_cifar10_reduced/folded/fold.json").read_text()
    )
    drawing = own[(own["network.depth"] == 28) & (own["network.templates"] == 2)]
    alike = {epoch: alike_pairs(drawing, epoch) for epoch in (0, 10)}
    words = [f"{a}, {b} and {c}" for a, b, c in alike.values()]
    assert f"of 45 pairs of layers {words[1]} (three seeds of SWRN-28-1-2)" in TEXT
    assert f"than .95, and {words[0]} were so before training" in TEXT
    random, pairs = np.random.default_rng(0), np.triu_indices(6, 1)
    drawn = np.linalg.qr(random.normal(size=(6000, 6, 2)))[0]  # two thousand networks
    alike = sum((similarity(one)[pairs] > 0.95).sum() for one in drawn) / 2000
    assert f"Random coefficients have {alike:.1f}." in TEXT
    ties = {part["threshold"]: part for part in fold["foldings"]}
    for threshold in (0.95, 0.9):
        kernels = sum(len(set(groups)) for groups in ties[threshold]["groups"])
        after = short(ties[threshold]["after"]["val_acc"])
        assert f"{kernels} kernels" in TEXT and after in TEXT
    assert short(fold["before"]["val_acc"]) in TEXT
