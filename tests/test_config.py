"""Configs: what is refused, with which words, and that all shipped ones hold."""

import dataclasses
import runpy
from pathlib import Path

import pytest
from studies import tiny

from ws_jax.augment import AUGMENTATIONS, PERTURBATIONS
from ws_jax.config import (
    AUGMENTATION_NAMES,
    LOWERING_NAMES,
    NETWORK_NAMES,
    OPTIMIZER_NAMES,
    PERTURBATION_NAMES,
    PHASE_NAMES,
    SCHEDULE_NAMES,
    SCHEME_NAMES,
    ConfigError,
    ExperimentConfig,
    SemanticsConfig,
    differing_fields,
    parse_scheme,
)
from ws_jax.conv import LOWERINGS
from ws_jax.models import NETWORKS
from ws_jax.optimizers import OPTIMIZERS, SCHEDULES
from ws_jax.phases import PHASES
from ws_jax.plan import make_plan, single_run
from ws_jax.sharing import SCHEMES

ROOT = Path(__file__).parents[1]
CONFIGS = sorted(
    path for path in (ROOT / "configs").glob("*.py") if path.stem != "paper"
)


def read(path):
    values = runpy.run_path(str(path))["get_config"]()
    return ExperimentConfig.from_config_dict(values)


def test_names_in_configs_are_those_of_the_code():
    assert set(AUGMENTATION_NAMES) == set(AUGMENTATIONS)
    assert set(PERTURBATION_NAMES) == set(PERTURBATIONS)
    assert set(LOWERING_NAMES) == {"auto", *LOWERINGS}
    assert set(NETWORK_NAMES) == set(NETWORKS)
    assert set(OPTIMIZER_NAMES) == set(OPTIMIZERS)
    assert set(SCHEDULE_NAMES) == set(SCHEDULES)
    assert set(PHASE_NAMES) == set(PHASES)
    assert set(SCHEME_NAMES) == set(SCHEMES)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_config_is_sound_and_says_how_it_is_run(path):
    config = read(path)
    assert config.name == path.stem
    runs = [run for group in make_plan(config) for run in group.runs]
    assert len({run.name for run in runs}) == len(runs) > 0
    assert f"--config=configs/{path.name}" in path.read_text()
    assert ExperimentConfig.from_config_dict(config.to_config_dict()) == config


def test_the_paper_names_studies_that_are_there():
    studies = runpy.run_path(str(ROOT / "configs" / "paper.py"))["STUDIES"]
    assert set(studies) <= {path.stem for path in CONFIGS}
    runs = [run for s in studies for g in make_plan(read(ROOT / f"configs/{s}.py"))
            for run in g.runs]  # fmt: skip
    # 11 levels x 5 folds x 2 models; three kinds without level 0; VCP; two grids.
    assert len(runs) == 2 * (110 + 3 * 100 + 5 * 11 * 5 + 6 * 2 * 2) == 1418


def test_the_published_sweep_is_the_one_of_the_paper():
    groups = make_plan(read(ROOT / "configs" / "mnist_translation.py"))
    assert [len(group.runs) for group in groups] == [55, 55]
    assert {run.level for run in groups[1].runs} == {
        0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.99,
    }  # fmt: skip


@pytest.mark.parametrize(
    "values, message",
    [
        ({"trian": {}}, "unknown field config.trian: did you mean 'train'"),
        ({"train": {"epocs": 1}}, "config.train.epocs: did you mean 'epochs'"),
        (
            {"train": {"epochs": 1.5}},
            r"config.train.epochs is 1.5 \(float\), needs int",
        ),
        ({"train": {"epochs": True}}, "needs int"),
        ({"train": 3}, "config.train is 3, needs fields"),
        ({"sweep": {"levels": 0.5}}, "config.sweep.levels is 0.5, needs a tuple"),
        ({"sweep": {"levels": ("a",)}}, r"config.sweep.levels\[0\] is 'a'"),
        ({"sweep": {"levels": (0.2, 1.0)}}, r"1.0 is not in \[0, 1\)"),
        ({"sweep": {"levels": (-0.1,)}}, r"-0.1 is not in \[0, 1\)"),
        ({"sweep": {"levels": (0.1, 0.1)}}, "repeats a value"),
        ({"sweep": {"levels": ()}}, "sweep.levels is empty"),
        ({"sweep": {"learning_rates": (0.0,)}}, "0.0 is not positive"),
        ({"sweep": {"sharing": ("fre",)}}, "did you mean 'free'"),
        ({"sweep": {"sharing": ("tiles",)}}, "needs a size"),
        ({"sweep": {"sharing": ("free:2",)}}, "takes no size"),
        ({"sweep": {"folds": (5,)}}, "5 is not in 0..4"),
        ({"sweep": {"num_layers": (4,)}}, "4 is not in 1..3"),
        ({"sweep": {"init": ("keras",)}}, "Known: paper, released"),
        ({"semantics": {"bundle": "paper "}}, "did you mean 'paper'"),
        ({"evaluation": {"perturbations": ("turn",)}}, "unknown perturbation"),
        ({"network": {"strides": (1, 1)}}, "one entry a layer"),
        ({"data": {"num_folds": 1}}, "at least 2"),
    ],
)
def test_what_is_refused(values, message):
    with pytest.raises(ConfigError, match=message):
        ExperimentConfig.from_config_dict(values)


def test_whole_numbers_are_floats_where_floats_are_asked():
    config = ExperimentConfig.from_config_dict({"sweep": {"levels": [0]}})
    assert config.sweep.levels == (0.0,) and type(config.sweep.levels[0]) is float


def test_semantics_are_a_bundle_that_single_fields_override():
    semantics = SemanticsConfig(bundle="released", init="paper").resolve()
    assert semantics.init == "paper" and semantics.edge_noise == "released"
    assert set(dataclasses.asdict(SemanticsConfig().resolve()).values()) == {"paper"}


def test_schemes_by_layer():
    assert parse_scheme("full/tiles:2/free") == (("full", 0), ("tiles", 2), ("free", 0))


def test_differing_fields_are_named():
    a, b = (dataclasses.asdict(tiny(train__epochs=n)) for n in (1, 2))
    assert differing_fields(a, b) == ["train.epochs: 1 -> 2"]
    assert differing_fields({"a": 1}, {}) == ["a: 1 -> absent"]


def test_one_run_is_cut_out_of_a_sweep():
    config = single_run(tiny(), {"levels": 0.3, "sharing": "free", "seeds": 7})
    ((run,),) = [group.runs for group in make_plan(config)]
    assert (run.level, run.sharing, run.fold, run.seed) == (0.3, "free", 0, 7)


def test_shared_kernels_have_one_initialisation_and_are_not_severed():
    config = tiny(sweep__init=("paper", "released"), sweep__severing=(0.0, 0.5))
    groups = {(g.spec.sharing, g.spec.init): g for g in make_plan(config)}
    assert set(groups) == {("full", "paper"), ("free", "paper"), ("free", "released")}
    assert len(groups["full", "paper"].runs) == 4
    assert len(groups["free", "paper"].runs) == 8
    assert groups["full", "paper"].spec.severing == "none"
    assert groups["free", "paper"].spec.severing == "paper"


def test_run_names_are_unique_and_equal_configs_are_drawn_alike():
    close = tiny(sweep__levels=(0.1, 0.1000001), sweep__folds=(0,))
    runs = [run for group in make_plan(close) for run in group.runs]
    assert len({run.name for run in runs}) == len(runs) == 4
    whole, real = (tiny(sweep__levels=(zero,)) for zero in (0, 0.0))
    assert whole.digest() == real.digest()
    assert make_plan(whole)[0].runs[0].stream() == make_plan(real)[0].runs[0].stream()
