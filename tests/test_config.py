"""Configs: declared, read strictly, swept over any field, told apart truly."""

import dataclasses
import hashlib
import json
import re
from pathlib import Path

import jax
import numpy as np
import pytest

from ws_jax import cli, free_fields, keys
from ws_jax.config import (
    Config,
    ConfigError,
    check_config,
    config,
    data,
    find_field,
    from_values,
    labels,
    leaves,
    parse,
    part,
    paths,
    replace_field,
    split_values,
    static,
    to_values,
    without_field,
)
from ws_jax.engine.mapping import stack_inputs
from ws_jax.engine.study import make_groups, prepare
from ws_jax.models import ConvNet, Network
from ws_jax.names import run_columns
from ws_jax.optimizers import SGD, Adam, Steps
from ws_jax.papers.ott2020.presets import cifar10, mnist
from ws_jax.phases import Couple
from ws_jax.runs import Data, Evaluation, Execution, Run, Sweep, Train
from ws_jax.tasks import Classification, Task, WeightNorm
from ws_jax.transforms import (
    EdgeNoise,
    Flip,
    Noise,
    Rotation,
    Transform,
    Translation,
)

ROOT = Path(__file__).parents[1]
CONFIGS = sorted(
    path
    for path in (ROOT / "configs").rglob("*.py")
    if "def get_config" in path.read_text()
)
FREE = Run(network=ConvNet(sharing="free"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_config_is_sound_and_says_how_it_is_run(path):
    sweep = cli.load_sweep(str(path)).checked()
    # Small studies of several papers are called alike: those have their paper's name.
    paper = path.parent.name.rstrip("0123456789")
    assert sweep.name in (path.stem, f"{paper}_{path.stem}")
    runs = sweep.runs()
    columns = run_columns(sweep, runs, "data")
    assert len({found["run"] for found in columns.values()}) == len(runs) > 0
    assert len({found["digest"] for found in columns.values()}) == len(runs)
    assert f"--config={path.relative_to(ROOT).as_posix()}" in path.read_text()
    assert Sweep.from_values(json.loads(json.dumps(sweep.values()))) == sweep


def studies():
    spec = {}
    exec((ROOT / "configs/ott2020/paper.py").read_text(), spec)
    return spec["STUDIES"]


@pytest.mark.slow
def test_the_paper_names_studies_that_are_there():
    folder = ROOT / "configs/ott2020"
    runs = [
        run
        for name in studies()
        for run in cli.load_sweep(str(folder / f"{name}.py")).checked().runs()
    ]
    # 11 levels x 5 folds x 2 models; three kinds without level 0; VCP; two grids.
    assert len(runs) == 2 * (110 + 3 * 100 + 5 * 11 * 5 + 6 * 2 * 2) == 1418


# Which study each figure of the paper is drawn from; Figure 4 alone is of CIFAR-10.
FIGURES = {
    "mnist_translation": ["3", "5", "6"],
    "cifar10_translation": ["4"],
    "mnist_rotation": ["B.6"],
    "mnist_noise": ["B.7"],
    "mnist_vcp": ["C.1"],
    "cifar10_vcp": ["C.2"],
}


def test_studies_name_the_figures_that_are_theirs():
    for name in studies():
        text = (ROOT / f"configs/ott2020/{name}.py").read_text()
        told = re.findall(r"Figures? ([\w., ]+?) of Ott", text)
        numbers = re.findall(r"[BC]\.\d|\d", " ".join(told))
        assert numbers == FIGURES.get(name, []), name


def test_the_published_sweep_is_the_one_of_the_paper():
    sweep = cli.load_sweep(str(ROOT / "configs/ott2020/mnist_translation.py"))
    groups = make_groups(sweep.checked())
    assert [len(group.runs) for group in groups] == [55, 55]
    assert {run.levels for run in groups[1].runs} == {
        (level,) for level in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.99)
    } | {()}


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
        ({"network": {"features": 3}}, "config.network.features is 3, needs a tuple"),
        ({"network": {"features": ("a",)}}, r"network.features\[0\] is 'a'"),
        ({"network": {"name": "convnt"}}, "did you mean 'convnet'"),
        ({"train": {"optimizer": {"name": "adm"}}}, "did you mean 'adam'"),
        ({"transforms": [{"name": "nois"}]}, "did you mean 'noise'"),
        ({"network": {"sharing": "fre"}}, "did you mean 'free'"),
        ({"transforms": [{"name": "noise", "level": 1.0}]}, r"1.0 is not in \[0, 1\)"),
        ({"fold": 5}, "5 is not in 0..4"),
        ({"data": {"num_folds": 1}}, "data.num_folds: 1 must be at least 2"),
        ({"data": {"split": "fold"}}, "did you mean 'folds'"),
        ({"train": {"epochs": -3}}, "train.epochs: -3 must be at least 1"),
        ({"evaluation": {"views": [{"name": "swap"}] * 2}}, "names one twice"),
        ({"seed": 2**32}, "seed: 4294967296 is not in"),
        ({"train": {"optimizer": {"learning_rate": float("nan")}}}, "nan must be"),
    ],
)
def test_what_is_refused(values, message):
    with pytest.raises(ConfigError, match=message):
        check_config(from_values(Run, values))


@pytest.mark.parametrize(
    "axes, message",
    [
        ({"weight_decy": (0,)}, "no field 'weight_decy': did you mean 'weight_decay'"),
        ({"level": (0.2, 1.0)}, r"transforms.level: 1.0 is not in \[0, 1\)"),
        ({"level": ("a",)}, r"transforms.level is 'a' \(str\), needs float"),
        ({"level": ()}, "axis transforms.level is empty"),
        ({"level": (0.1, 0.1)}, "repeats a value"),
        (
            {"hidden": (8,), "network.hidden": (9,)},
            "two axes for one field, network.hidden: 'hidden' and 'network.hidden'",
        ),
        (
            {"level": (0.1, 0.4), "transforms.translation.level": (0.2, 0.3)},
            "two axes for one field, transforms.translation.level: 'transforms.transl.*"
            "and 'level', which is that of all transforms",
        ),
        (
            {"transforms.translation.level": (0.2,), "transforms.level": (0.1,)},
            "two axes for one field, transforms.translation.level: .*all transforms",
        ),
        ({"clip": (0.1, 0.4)}, "may be task.clip or train.optimizer.clip: name it in"),
        ({"data.name": ("mnist",)}, "cannot be swept: all runs of a sweep see one"),
        ({"chunk": (1, 2)}, "cannot be swept: it says how the work is done"),
        ({"fold": (0, 5)}, "fold: 5 is not in 0..4"),
        ({"num_layers": (2, 4)}, "4 is not in 1..3"),
        ({"batch_size": (0,)}, "train.batch_size: 0 must be at least 1"),
        ({"weight_decay": (-1e-4,)}, "must be at least 0"),
        ({"strength": (0.5,)}, "no field 'strength'"),
        ({"vcp": (0.5,)}, "nothing would be severed"),
        ({"sharing": ("tiles",)}, "needs a size"),
        ({"network": ("resnt",)}, "unknown network 'resnt'"),
    ],
)
def test_axes_that_are_refused(axes, message):
    with pytest.raises(ConfigError, match=message):
        Sweep("bad", FREE, axes).checked()


def test_keys_are_of_one_generator_whatever_the_environment_says():
    """On TPUs another is often set: all numbers were others under one digest."""
    run = Run(seed=7)
    with jax.default_prng_impl("rbg"):
        inputs = stack_inputs([run])
    streams = np.uint32([run.stream(), run.evaluation_stream()])
    for made, stream in zip((inputs.key, inputs.evaluation_key), streams, strict=True):
        want = jax.random.fold_in(jax.random.key(7, impl="threefry2x32"), stream)
        assert made.dtype == want.dtype
        data = jax.random.key_data(made)[0]
        np.testing.assert_array_equal(data, jax.random.key_data(want))


@pytest.mark.parametrize(
    "name, value",
    [
        ("jax_threefry_partitionable", False),
        ("jax_random_seed_offset", 3),
        ("jax_enable_x64", True),
    ],
)
def test_other_draws_from_the_same_keys_are_refused(name, value):
    usual = getattr(jax.config, name)
    jax.config.update(name, value)
    try:
        with pytest.raises(
            ConfigError, match=f"{name} is {value}, needs {usual}: runs"
        ):
            prepare(Sweep("s", Run(data=Data("synthetic:60x10x10x1"))))
        keys.settle_draws()
        keys.check_draws()
        assert getattr(jax.config, name) == usual
    finally:
        jax.config.update(name, usual)


def test_fields_of_different_parts_have_nothing_to_do_with_each_other():
    """The deeper one was passed over without a word."""
    free = replace_field(FREE, "train.phase", Couple())
    for run, name, told in (
        (free, "clip", "task.clip or train.optimizer.clip"),
        (free, "sharing", "network.sharing or train.phase.sharing"),
    ):
        with pytest.raises(
            ConfigError, match=f"'{name}' may be {told}: name it in full"
        ):
            find_field(run, name)
    assert find_field(free, "optimizer.clip") == "train.optimizer.clip"
    assert find_field(FREE, "sharing") == "network.sharing"


def test_an_axis_of_fields_that_two_kinds_bring_is_named_in_full(kinds):
    """Which of them was swept hung on the order of a set, from process to process."""

    @config("of_margin")
    class Net(Network):
        margin: float = data(1.0, "a number", low=0)

    @config("of_margin")
    class Own(Classification):
        margin: float = data(1.0, "a number", low=0)

    axes = {"network": (ConvNet(), Net()), "task": (Classification(), Own())}
    with pytest.raises(
        ConfigError, match="'margin' may be network.margin or task.marg"
    ):
        Sweep("s", Run(), {**axes, "margin": (0.1, 0.2)}).checked()
    sweep = Sweep("s", Run(), {**axes, "task.margin": (0.1, 0.2)}).checked()
    assert [*sweep.axes] == ["network", "task", "task.margin"]
    # What the base has itself comes first.
    sweep = Sweep("s", Run(task=Own()), {"network": (Net(),), "margin": (0.1, 0.2)})
    assert [*sweep.checked().axes] == ["network", "task.margin"]


@pytest.mark.parametrize("turned", [False, True])
def test_an_axis_means_the_transforms_that_another_brings_before_views(turned):
    base = Run(evaluation=Evaluation(views=(Noise(level=0.3),)))
    axes = {"transforms": ((Noise(),), (Rotation(),)), "noise.level": (0.1, 0.2)}
    axes = dict(reversed(axes.items())) if turned else axes
    sweep = Sweep("s", base, axes).checked()
    assert {*sweep.axes} == {"transforms", "transforms.noise.level"}
    assert len(sweep.runs()) == 3
    typed = ["transforms=noise,rotation", "noise.level=0.1,0.2"]
    typed = typed[::-1] if turned else typed
    changed = cli.change_sweep(Sweep("s", base), {}, typed)
    assert {*changed.runs()} == {*sweep.runs()}


def test_fields_go_by_the_end_of_their_names():
    run = Run(transforms=(Translation(), Noise()))
    assert find_field(run, "weight_decay") == "train.optimizer.weight_decay"
    assert find_field(run, "optimizer.weight_decay") == "train.optimizer.weight_decay"
    assert find_field(run, "level") == "transforms.level"
    assert find_field(run, "noise.level") == "transforms.noise.level"
    assert find_field(run, "transforms.noise.level") == "transforms.noise.level"
    with pytest.raises(ConfigError, match="a.value or b.value: name it in full"):
        find_field(Two(), "value")
    both = replace_field(run, "transforms.level", 0.5)
    assert both.levels == (0.5, 0.5)
    assert replace_field(run, "transforms.noise.level", 0.5).levels == (0.5,)


@config
class Inner(Config):
    value: int = static(1, "a number")


@config
class Two(Config):
    a: Inner = part(Inner(), "one")
    b: Inner = part(Inner(), "another")


def test_declarations_that_are_no_configs_are_refused():
    with pytest.raises(TypeError, match="Bare.value: declare it as data"):

        @config
        class Bare(Config):
            value: int = 3

    with pytest.raises(ConfigError, match="two kinds are called 'noise'"):

        @config("noise")
        class Other(Transform):
            pass


@pytest.fixture
def kinds(monkeypatch):
    """Kinds that a test enters are known in it alone."""
    for base in (Transform, Network, Task):
        monkeypatch.setattr(base, "kinds", {**base.kinds})


class Upside(Flip):
    """A transform of one's own whose name was forgotten."""

    def apply(self, key, image, place):
        return image[::-1]


class Wide(ConvNet):
    pass


class Direct(Transform):
    pass


def test_a_part_of_ones_own_needs_a_name_of_its_own():
    """It went by its parent's, and was left out of a sweep as a double of it."""
    place = r"Upside \(.*test_config.py:\d+\)"
    message = f'{place} derives from Flip and has no name of its own: put @config."ups'
    for sweep in (
        Sweep("s", Run(transforms=(Upside(),))),
        Sweep("s", Run(), {"transforms": ((Flip(),), (Upside(),))}),
    ):
        with pytest.raises(ConfigError, match=message):
            sweep.checked()
    with pytest.raises(ConfigError, match='Wide .* from ConvNet .*put @config."wide"'):
        Sweep("s", Run(), {"network": (ConvNet(), Wide())}).checked()
    with pytest.raises(ConfigError, match="Direct .* derives from Transform and has"):
        check_config(Run(transforms=(Direct(),)))
    bare = config(type("BareOne", (Flip,), {}))
    with pytest.raises(ConfigError, match='BareOne derives .*put @config."bare_one"'):
        check_config(Run(transforms=(bare(),)))


def test_a_sweep_has_one_class_for_each_name(kinds):
    """Two of one name, which a function has made say, were doubles of each other."""

    def dimmed():
        @config("dimmed")
        class Dimmed(Flip):
            pass

        return Dimmed

    one, two = dimmed(), dimmed()
    with pytest.raises(ConfigError, match="two classes .* called 'dimmed': .*Dimmed"):
        Sweep("s", Run(), {"transforms": ((one(),), (two(),))}).checked()
    assert len(Sweep("s", Run(), {"transforms": ((Flip(),), (two(),))}).runs()) == 2
    # A file that runs again makes its classes anew; ours stay what they are.
    with pytest.raises(ConfigError, match="two kinds are called 'flip'"):
        config("flip")(type("Flip", (Flip,), {}))


@pytest.mark.parametrize("name", ["name", "kind", "kinds", "default_kind", "check"])
def test_a_field_does_not_hide_what_every_config_has(name, kinds):
    """With a field `name`, what a record says of the kind could not be read back."""
    values = {name: static("a", "letter"), "__annotations__": {name: "str"}}
    message = f"L.{name}: give the field another name, for .*`{name}`"
    with pytest.raises(ConfigError, match=message):
        config("lettered")(type("L", (Transform,), values))


def test_values_are_read_as_their_fields_have_them():
    run = Run()
    assert parse(run, "network.features", "(4, 6)") == (4, 6)
    assert parse(run, "network.sharing", "tiles:2") == "tiles:2"
    assert parse(run, "train.epochs", "3") == 3
    assert type(parse(run, "train.optimizer.weight_decay", "0")) is float
    assert parse(run, "evaluation.whole_batches", "true") is True
    assert parse(run, "train.optimizer.no_decay", "bias,scale") == ("bias", "scale")
    assert parse(run, "transforms", "flip+noise") == (Flip(), Noise())
    assert parse(run, "transforms", "none") == ()
    with pytest.raises(ConfigError, match=r"transforms: names .* by \+, as in flip\+n"):
        parse(run, "transforms", "flip, noise")
    assert split_values("(4,6),(8,12)") == ["(4,6)", "(8,12)"]
    # Another kind keeps the fields that both have.
    slow = replace_field(run, "train.optimizer.learning_rate", 0.5)
    assert parse(slow, "train.optimizer", "sgd") == SGD(learning_rate=0.5)


def test_whole_numbers_are_floats_where_floats_are_asked():
    sweep = Sweep("s", Run(), {"level": [0]}).checked()
    (level,) = sweep.axes["transforms.level"]
    assert level == 0.0 and type(level) is float
    assert sweep == Sweep("s", Run(), {"level": (0.0,)}).checked()


def test_a_config_of_parts_survives_being_written():
    run = Run(
        network=ConvNet(sharing="free"),
        task=Classification(terms=(WeightNorm(strength=0.1),)),
        transforms=(Flip(), Noise(level=0.1), Noise(level=0.2)),
        train=Train(optimizer=SGD(schedule=Steps()), phase=Couple()),
    )
    values = json.loads(json.dumps(to_values(run)))
    assert from_values(Run, values) == run
    assert values["train"]["phase"]["name"] == "couple"
    assert labels(run.transforms) == ["flip", "noise", "noise_2"]


# Another value for every field that a run may have.
CHANGES = {
    "data.name": "mnist",
    "data.split": "published",
    "data.num_folds": 6,
    "data.num_images": 100,
    "network.sharing": "tiles:2",
    "network.padding": "SAME",
    "network.fans": "stored",
    "network.severing": "units",
    "network.dtype": "bfloat16",
    "network.num_layers": 2,
    "task.label_smoothing": 0.1,
    "task.top": (3,),
    "train.optimizer.no_decay": ("bias",),
    "execution.lowering": "lax",
    "execution.precision": "high",
    "transforms": (Flip(),),
    "train.phase.sharing": "tiles:2",
    "train.phase.count": "epoch",
    "transforms.rotation.centre": "pixel_off",
    "evaluation.views.translation.level": 0.3,
}
# Said, but no number of a training depends on them.
NO_NUMBER = {
    *free_fields.WORK,
    *free_fields.IMPLIED,
    "evaluation.views",
    "evaluation.measures",
    "evaluation.test",
    "data.holdout",  # of another split
}
BASE = Run(
    network=ConvNet(sharing="free", severing="connections", vcp=0.5),
    transforms=(Rotation(level=0.2),),
    train=Train(phase=Couple(strength=0.5), optimizer=Adam(weight_decay=1e-4)),
)


def changed(path, value, rule):
    if path in CHANGES:
        return CHANGES[path]
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        other = value + 1
        within = rule.high is None or other < rule.high
        return other if within else value / 2 if value else 0.25
    if isinstance(value, tuple) and value and isinstance(value[0], int):
        return (*value[:-1], value[-1] + 1)
    return None


EVERY = [(path, value, rule) for path, value, rule in leaves(BASE)]


@pytest.mark.parametrize("path, value, rule", EVERY, ids=[entry[0] for entry in EVERY])
def test_every_field_that_can_change_a_number_tells_runs_apart(path, value, rule):
    new = changed(path, value, rule)
    if new is None:  # kinds are tried below
        assert rule.role == "part" or path in NO_NUMBER
        return
    other = replace_field(BASE, path, new)
    same = BASE.digest("data") == other.digest("data")
    assert same == (path in NO_NUMBER), path
    pooled = BASE.digest("data", pooled=True) == other.digest("data", pooled=True)
    assert pooled == (path in NO_NUMBER or path in ("fold", "seed"))


@pytest.mark.parametrize(
    "path, text",
    [
        ("train.optimizer", "sgd"),
        ("train.phase", "group_mean"),
        ("task", "segmentation"),
        ("train.optimizer.schedule", "cosine"),
        ("transforms", "rotation+flip"),
    ],
)
def test_kinds_tell_runs_apart(path, text):
    other = replace_field(BASE, path, parse(BASE, path, text))
    assert BASE.digest("data") != other.digest("data")


def test_other_data_are_another_training():
    assert Run().digest("a") != Run().digest("b")


def test_what_has_no_effect_makes_no_other_run():
    plain = Run(transforms=()).digest("data")
    for kind in (Translation(), Rotation(), Noise(), EdgeNoise(border="batch")):
        assert Run(transforms=(kind,)).digest("data") == plain
    full = Run(network=ConvNet(fans="stored", severing="units", vcp=0.5))
    assert full.digest("data") == plain
    assert Run(network=ConvNet(num_layers=3)).digest("data") == plain
    phased = Run(train=Train(phase=Couple()))
    assert phased.digest("data") == plain  # on kernels that all sites share
    usual = Evaluation(views=())
    assert Run(evaluation=usual).digest("data") == plain
    assert Run(execution=Execution(chunk=3, keep=2)).digest("data") == plain
    assert FREE.digest("data") != plain
    whole = Data(split="published", num_folds=7)
    assert Run(data=whole).digest("d") == Run(data=Data(split="published")).digest("d")


def test_groups_are_runs_of_one_structure():
    decays = {"weight_decay": (0, 1e-4), "strength": (0, 0.5, 1), "seed": (0, 1)}
    coupled = replace_field(FREE, "train.phase", Couple())
    (group,) = make_groups(Sweep("one", coupled, decays).checked())
    assert len(group.runs) == 12
    two = make_groups(
        Sweep("two", FREE, {"hidden": (32, 64), "seed": (0, 1)}).checked()
    )
    assert [len(group.runs) for group in two] == [2, 2]
    assert len({group.name for group in two}) == 2


def test_stacked_runs_are_arrays_of_their_kind():
    sweep = Sweep("s", FREE, {"level": (0.0, 0.2), "seed": (1, 2**32 - 1)}).checked()
    inputs = stack_inputs(sweep.runs())
    (translation,) = inputs.config.transforms
    np.testing.assert_array_equal(translation.level, np.float32([0, 0, 0.2, 0.2]))
    assert inputs.config.fold.dtype == np.int32
    assert inputs.config.train.optimizer.learning_rate.dtype == np.float32
    assert inputs.config.network.sharing == "free"
    keys = jax.random.key_data(inputs.key)
    assert len(np.unique(keys, axis=0)) == 4


def test_runs_are_those_of_a_checked_sweep():
    axes = {
        "weight_decay": np.array([0, 1e-4]),
        "seed": np.arange(2),
        "fold": (),
    }
    sweep = Sweep("some", Run(data=Data("synthetic:40x8x8x1", num_folds=3)), axes)
    assert sweep.runs() == sweep.checked().runs()
    assert len(sweep.runs()) == 2 * 2 * 3
    with pytest.raises(ConfigError, match="no field 'weight_decoy': did you mean"):
        Sweep("some", axes={"weight_decoy": (0,)}).runs()


def test_a_run_draws_by_what_it_is_and_not_by_its_place():
    one = Sweep("one", FREE, {"level": (0.2,), "fold": (1,)}).checked().runs()
    many = Sweep("many", Run(), {"sharing": ("full", "free"), "level": (0.0, 0.2),
                                 "fold": ()}).checked().runs()  # fmt: skip
    (same,) = [run for run in many if run == one[0]]
    assert same.stream() == one[0].stream()
    assert len({run.stream() for run in many}) == len(many) == 20
    # What the first studies drew by: fold, sharing and level.
    assert one[0].stream() == _bits("1/free/0.2")


def _bits(text):
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


def test_many_runs_are_planned_with_little_work(monkeypatch):
    axes = {"sharing": ("full", "free"), "level": (0.0, 0.2), "fold": (),
            "seed": tuple(range(50))}  # fmt: skip
    counted = []
    real = dataclasses.replace

    def replace(*args, **changes):
        counted.append(args)
        return real(*args, **changes)

    monkeypatch.setattr(dataclasses, "replace", replace)
    runs = Sweep("many", Run(), axes).checked().runs()
    assert len(runs) == 1000
    assert len(counted) < 40 * len(runs)


def test_columns_say_what_is_swept_or_not_usual():
    base = replace_field(FREE, "train.batch_size", 32)
    sweep = Sweep("s", base, {"hidden": (8, 9), "weight_decay": (0.0, 0.1)}).checked()
    columns = list(run_columns(sweep, sweep.runs(), "data").values())
    told = {"train.batch_size", "network.hidden", "train.optimizer.weight_decay"}
    assert {name for name in columns[0] if "." in name} == told
    assert [c["network.hidden"] for c in columns] == [8, 8, 9, 9]
    assert columns[0]["sharing"] == "free" and columns[0]["epochs"] == 250
    assert set(paths(base)) >= {"transforms.level", "transforms.translation.level"}


@pytest.mark.parametrize(
    "path, left",
    [
        ("parts.level", [{"name": "a"}, {"name": "b"}, {"name": "a"}]),
        ("parts.a_2.level", [{"name": "a", "level": 1}, {"name": "b"}, {"name": "a"}]),
        ("parts.c.level", [{"name": "a", "level": 1}, {"name": "b"}, {"name": "a",
                                                                      "level": 2}]),
    ],
)  # fmt: skip
def test_a_field_is_left_out_of_those_that_its_name_means(path, left):
    parts = [{"name": "a", "level": 1}, {"name": "b"}, {"name": "a", "level": 2}]
    assert without_field({"parts": parts, "seed": 0}, path) == {
        "parts": left, "seed": 0,
    }  # fmt: skip


def test_a_misspelt_argument_of_a_preset_is_named():
    with pytest.raises(ConfigError, match="unknown argument 'epoch': .*'epochs'"):
        mnist("x", epoch=(3,))
    with pytest.raises(ConfigError, match="unknown argument 'level': .*'levels'"):
        cifar10("x", level=(0.2,))
