"""The numbers in README.md and docs/results are those of the stored tables."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from ws_jax import augment, results
from ws_jax.analysis.claims.checks import FAILS, HOLDS, UNDECIDED
from ws_jax.folding.grouping import similarity
from ws_jax.papers.ott2020 import published
from ws_jax.papers.pogodin2021 import cadence, claims
from ws_jax.papers.pogodin2021 import runs as sleep_runs

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
    found = re.findall(r"(?<!at )(?<![\d.])\.\d+", text)  # but no level
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
    told += [short(value, 4) for *_, pair in last_distances(rows) for value in pair]
    for model, init in (("cnn", "paper"), ("fcn", "released")):
        for level in (0.0, 0.2):
            where = {"model": model, "init": init, "aug": level}
            told.append(short(medians(rows, "cifar10_reduced", **where)["val_acc"]))
    for severing, p, metrics in (
        ("released", 0.99, ["val_acc", "acc"]),
        ("paper", 0.99, ["acc", "translation", "val_acc"]),
        ("released", 0.9, ["val_acc"]),
        ("paper", 0.9, ["val_acc"]),
    ):
        value = medians(rows, "mnist_vcp_reduced", severing=severing, vcp=p)
        told += [short(value[metric]) for metric in metrics]
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
    for sweep, words in (("study", "in `study`"), ("mnist_released", "released`:")):
        pair = [swapped(rows, sweep, **plain, **m) for m in (cnn, fcn)]
        assert "{} {} against {}".format(words, *pair) in TEXT
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
    other = swapped(rows, "cifar10_reduced", **plain, **fcn, init="released")
    assert f"; {other} under the released one)" in TEXT
    measured = rows[(rows["aug"] == 0) & (rows["vcp"] == 0) & rows["swap"].notna()]
    told = {"study", "mnist_reduced", "mnist_released", "cifar10_reduced"}
    assert set(measured[measured["epoch"] > 0]["sweep"]) == told


def test_how_often_the_small_study_shared_is_what_it_came_to(rows):
    for sweep in ("pogodin_cifar10_reduced", "pogodin_cifar10_reduced_unshifted"):
        own = rows[rows["sweep"] == sweep]
        (found,) = [
            c for _, c in cadence.known(sleep_runs.own(own)).items() if c.differs
        ]
        assert (found.every, found.batches, found.acted) == (100, 50, 50.0)
    assert "1, 10 and 100 batches (an epoch has 50" in TEXT and "to every 50)" in TEXT


def last_distances(rows):
    """Distances at r = 1 and 4 after the last epoch, as the README has them in order.

    All that were measured: of both initialisations at both levels.
    """
    for init, level in (
        ("paper", 0.0), ("paper", 0.2), ("released", 0.2), ("released", 0.0)
    ):  # fmt: skip
        where = {"model": "fcn", "aug": level, "init": init}
        found = medians(rows, "mnist_reduced", ["dist_1", "dist_4"], **where)
        yield init, level, (found["dist_1"], found["dist_4"])


def test_the_order_of_radii_is_said_of_all_that_was_measured(rows):
    (text,) = re.findall(r"Here, after eight, it is there (.*?)\. On CIFAR-10", TEXT)
    there, lacking = text.split("not yet")
    found = list(last_distances(rows))
    own = rows[(rows["sweep"] == "mnist_reduced") & (rows["model"] == "fcn")]
    assert len(found) == own.groupby(["init", "aug"]).ngroups
    for init, level, (near, far) in found:
        said = there if near < far else lacking
        assert f"{short(near, 4)}, {short(far, 4)}" in said, (init, level)


def test_what_has_begun_to_learn_is_not_said_to_do_no_better(rows):
    own = rows[(rows["sweep"] == "mnist_vcp_reduced") & (rows["vcp"] == 0.99)]
    last = own[own["epoch"] == 3].groupby("severing")["acc"].mean()
    assert last["paper"] > 0.15 > last["released"]
    (text,) = re.findall(r"of single connections \(paper\) (.*?)\(one fold\)", TEXT)
    assert text.startswith("it has begun to learn") and "below a guess" in text
    assert "no better" not in TEXT[: TEXT.index("## Launch a sweep")]


def step_times(name, section):
    """Median seconds of a step by what takes it, of a benchmark's record."""
    record = json.loads((ROOT / f"docs/benchmarks/{name}.json").read_text())
    return {one["name"]: one["median_s"] for one in record["sections"][section]}


def test_the_readmes_ratios_of_speed_say_of_how_many_runs_they_are():
    times = step_times("cpu-2-cores-steps", "steps")
    (text,) = re.findall(r"a training step of the MNIST FCN is (.*?) An epoch", TEXT)
    wanted = []
    for model, runs, peers in (
        ("fcn", 1, ("torch", "keras")), ("fcn", 8, ("torch", "keras")),
        ("cnn", 1, ("torch", "keras")), ("cnn", 8, ("torch", "keras")),
    ):  # fmt: skip
        own = times[f"mnist {model}: ws_jax {runs}"]
        for peer in peers:
            start = f"mnist {model}: {peer}"
            best = min(took for name, took in times.items() if name.startswith(start))
            wanted.append(f"{best / own:.1f}")
    assert re.findall(r"\d\.\d", text) == wanted
    assert text.count("with one run") == text.count("with 8 runs") == 2
    times = step_times("cpu-2-cores-residual", "residual")
    (text,) = re.findall(r"A locally connected ResNet-20 takes (.*?)\(\[records", TEXT)
    ratios = {}
    for name in ("ResNet-20 local", "ResNet-20", "WRN-28-2", "SWRN-28-2-2"):
        peers = [took for n, took in times.items() if n.startswith(f"{name}: torch")]
        own = [times[f"{name}: ws_jax {runs}"] for runs in (1, 2)]
        ratios[name] = [one / min(peers) for one in own]
    local = [f"{1 / ratio:.1f}" for ratio in ratios.pop("ResNet-20 local")]
    others = [f"{pair[place]:.1f}" for place in (0, 1) for pair in ratios.values()]
    assert re.findall(r"(?<![\d-])\d\.\d", text) == local + others
    assert text.count("with one run") == text.count("with 2") == 2


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


def test_the_readmes_numbers_of_a_quarter_of_the_paper(rows):
    own = rows[rows["sweep"] == "pogodin_cifar10_quarter"]
    every = own["train.phase.every"].fillna(0)
    found = own[own["epoch"] > 8].groupby(every)["val_acc"].mean()
    (text,) = re.findall(
        r"last two of its ten epochs the (accuracy .*?) without\.", TEXT
    )
    assert re.findall(r"\.\d{3}", text) == [short(value) for value in found]
    told = {v.claim.number: v for v in claims.judge(own) if v.data == "cifar10"}
    outcomes = [told[n].outcome for n in range(1, 6)]
    assert outcomes == [HOLDS, FAILS, FAILS, UNDECIDED, HOLDS]
    (text,) = re.findall(r"lost without sharing \((.*?)\)", TEXT)
    lost = told[1].decisive.found
    ends = [f"{100 * value:.1f}" for value in (lost.mean, lost.low, lost.high)]
    assert re.findall(r"\d\.\d", text) == ends
    (text,) = re.findall(r"every 100 is (7.*?)\), where", TEXT)
    worse = told[2].decisive.found
    ends = [f"{-100 * value:.1f}" for value in (worse.mean, worse.high, worse.low)]
    assert re.findall(r"\d\.\d", text) == ends


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
    before, ties = fold["before"]["val_acc"], fold["foldings"]
    (text,) = re.findall(r"was folded\. Tied at (.*?) before\)\.", TEXT)
    scores = [short(part["after"]["val_acc"]) for part in ties]
    tied = [short(part["threshold"], 2).rstrip("0") for part in ties]
    assert re.findall(r"\.\d+", text) == [*tied, *scores, short(before)]
    kernels = [str(sum(len(set(groups)) for groups in part["groups"])) for part in ties]
    assert f"keeps {', '.join(kernels[:-1])} and {kernels[-1]} kernels of 18" in text
    images = round(0.1 * 6000)  # held out
    more = round(images * (max(p["after"]["val_acc"] for p in ties) - before))
    error = round((images * before * (1 - before)) ** 0.5)
    assert f"Of {images} validation images .482 is {more} more" in TEXT
    assert f"their standard error of {error}" in TEXT
    (saving,) = [part for part in ties if part["saved"] > 0]
    assert f"Only at {short(saving['threshold'], 1)} are parameters saved" in TEXT
    assert f"({saving['saved']:,} of {fold['parameters']:,})" in TEXT
