"""A mistake in a part of one's own is one sentence that names its line, in time."""

import re

import pytest

from ws_jax import cli
from ws_jax.config import ConfigError
from ws_jax.engine.sweep import check_start
from ws_jax.measure import Measure
from ws_jax.optimizers import Optimizer, Schedule
from ws_jax.phases import Phase
from ws_jax.schemes import SCHEMES
from ws_jax.tasks import LossTerm, Task
from ws_jax.transforms import Transform

KINDS = LossTerm, Measure, Optimizer, Phase, Schedule, Task, Transform

HEAD = """
import jax.numpy as jnp
import numpy as np
import optax
from ws_jax.config import config, data
from ws_jax.measure import Measure
from ws_jax.models import ConvNet
from ws_jax.optimizers import Optimizer, SGD, Schedule
from ws_jax.phases import Phase
from ws_jax.runs import Data, Evaluation, Run, Sweep, Train
from ws_jax.schemes import SCHEMES, Scheme
from ws_jax.sharing import Sharing
from ws_jax.tasks import Classification, LossTerm, Task
from ws_jax.transforms import Transform

def sweep(network=ConvNet(sharing="free", features=(4,), kernel_sizes=(3,),
                          strides=(2,), hidden=8), train=(), **parts):
    train = Train(epochs=1, batch_size=16, **dict(train))
    data = Data("synthetic:60x10x10x1", num_folds=3)
    return Run(data=data, network=network, train=train, **parts)

"""
TASK = """
@config("mine")
class Mine(Task):
    watched = "err"
    maximized = False

    def losses(self, outputs, targets):
        return jnp.mean(outputs**2, axis=1)

    def totals(self, outputs, targets, losses):
        return {"loss": losses, "err": losses}

    def metrics(self, totals):
        return {n: t.total / t.count for n, t in totals.items()}

def get_config():
    return sweep(task=Mine())
"""
BATCH = """
Mine.batch = lambda self, keys, images, targets: made(images, targets)
Mine.num_outputs = lambda self, num_classes, shape: three()

def made(images, targets):
    return images, targets

def three():
    return 3

def check_data(self, labels, num_classes):
    del labels

Mine.check_data = check_data
"""
TERM = """
@config("mine")
class Mine(LossTerm):
    strength: float = data(0.1, "factor", low=0)

    def value(self, layers, params):
        return jnp.sum(layers[0].kernel(params) ** 2)

def get_config():
    return sweep(task=Classification(terms=(Mine(),)))
"""
MEASURE = """
@config("mine")
class Mine(Measure):
    def measure(self, layers, params):
        return {"size": jnp.sum(layers[0].kernel(params) ** 2)}

def get_config():
    return sweep(evaluation=Evaluation(measures=(Mine(),)))
"""
OPTIMIZER = """
@config("mine")
class Mine(Optimizer):
    learning_rate: float = data(1e-3, "rate", low=0)

    def direction(self):
        return [optax.scale_by_sign()]

def get_config():
    return sweep(train={"optimizer": Mine()})
"""
SCHEDULE = """
@config("mine")
class Mine(Schedule):
    def make(self, num_steps, steps_per_epoch):
        return lambda step: 1 / (1 + step)

def get_config():
    return sweep(train={"optimizer": SGD(schedule=Mine())})
"""
PHASE = """
@config("mine")
class Mine(Phase):
    every: int = data(2, "steps", low=1)

    def init(self, layers, params):
        return jnp.int32(0)

    def due(self, moment):
        return moment.step % self.every == 0

    def apply(self, moment, layers, params, state):
        return params, state + 1

def get_config():
    return sweep(train={"phase": Mine()})
"""
TRANSFORM = """
@config("mine")
class Mine(Transform):
    gain: float = data(0.5, "of pixels", low=0, high=1)

    def apply(self, key, image, place):
        return image * self.gain

def get_config():
    return sweep(transforms=(Mine(),))
"""
SCHEME = """
class Mine(Scheme):
    def sharing(self, sites):
        return Sharing(np.eye(*sites, dtype=np.int32))

SCHEMES["mine"] = Mine

def get_config():
    return sweep(network=ConvNet(sharing="mine", features=(4,), kernel_sizes=(3,),
                                 strides=(2,), hidden=8))
"""
CLASS = '@config("mine")'
# By a file that is right: what is put in place of what, and what is said; {at} is the
# file and the line that begins the second last, of the class if it does not say.
MISTAKES = [
    (TASK, "axis=1)", "axis=1) - targets[:, None]", "return jnp.mean",
     r"^for 2 images .* they do not fit: {at}: Input dtypes"),
    (TASK, "return jnp.mean", "assert outputs[0, 0] > 0\n        return jnp.mean",
     "assert outputs",
     r"^task mine: {at}: TracerBoolConversionError: Attempted boolean"),
    (TASK, "outputs**2, axis=1)", "outputs**2, axis=1).sise", "return jnp.mean",
     r"^task mine: {at}: AttributeError: .*sise"),
    (TASK, "t.total / t.count", "np.sqrt(t.total)", "return {n",
     r"^task mine: {at}: TracerArrayConversionError: The numpy.ndarray conversion"),
    (TASK, "in totals.items()", 'in totals["lost"].items()', "return {n",
     r"^task mine: {at}: KeyError: 'lost'"),
    (TASK, '"loss": losses, ', '"loss": outputs, ', CLASS,
     "^task mine has no total 'loss' of one number an image"),
    (TASK + BATCH, "return images, targets", "return images[:1], targets", CLASS,
     r"^task mine: {at}: batch\(\) makes of images \(16, 10, 10, 1\), float32, .* "
     r"must return images of that shape and type, and targets \[16, \.\.\.\]"),
    (TASK + BATCH, "return images, targets", "return images, targets[:2]", CLASS,
     r"^task mine: {at}: batch\(\) makes of images \(16, 10, 10, 1\)"),
    (TASK + BATCH, "return images, targets",
     "return images.reshape(-1, 3, 10, 10, 1)[:, 0], targets", "return images",
     r"^task mine: {at}: TypeError: cannot reshape array of shape \(16, 10, 10, 1\)"),
    (TASK + BATCH, "return images, targets", "return images", CLASS,
     r"^task mine: {at}: batch\(\) makes"),
    (TASK + BATCH, "return images, targets", "return images, targets.lost", "return im",
     r"^task mine: {at}: AttributeError: .*lost"),
    (TASK + BATCH, "return 3", "return 1 / 0", "return 1 / 0",
     r"^task mine: {at}: ZeroDivisionError: division by zero$"),
    (TASK + BATCH, "return 3", "return 3.0", CLASS,
     r"^task mine: {at}: num_outputs\(\) gives 3.0, and must give a whole number"),
    (TASK + BATCH, "del labels", "del label", "del label",
     r"^task mine: {at}: UnboundLocalError: .*label"),
    (TRANSFORM, "def apply", "def shape(self, shape):\n        return shape[:2]\n\n"
     "    def apply", CLASS,
     r"^transform mine: {at}: shape\(\) gives \(10, 10\), and must"),
    (TERM, "** 2)", "** 2, axis=(0, 1, 2, 3, 4))", CLASS,
     r"^loss term mine: {at}: value\(\) gives shape \(4,\), and must give one number"),
    (TERM, "strength: float", "power: float", CLASS,
     r"^loss term mine: {at}: it has no strength, which is needed: declare strength"),
    (TERM, "layers[0]", "layers[3]", "return jnp.sum",
     r"^loss term mine: {at}: IndexError: tuple index out of range$"),
    (MEASURE, '{"size": jnp.sum(layers[0].kernel(params) ** 2)}', "[params]", CLASS,
     r"^measure mine: {at}: measure\(\) gives a list, and must give a dict"),
    (MEASURE, "layers[0]", "layers[3]", "return {",
     r"^measure mine: {at}: IndexError: tuple index out of range$"),
    (OPTIMIZER, "[optax.scale_by_sign()]", "optax.scale_by_sign()", CLASS,
     r"^optimizer mine: {at}: direction\(\) gives a single one, and must give a list"),
    (OPTIMIZER, "optax.scale_by_sign()", "jnp.sign", CLASS,
     r"^optimizer mine: {at}: direction\(\) gives list, and must give a list of"),
    (OPTIMIZER, "learning_rate: float", "rate: float", CLASS,
     r"^optimizer mine: {at}: it has no learning_rate, which is needed"),
    (OPTIMIZER, "by_sign", "by_sing", "return [",
     r"^optimizer mine: {at}: AttributeError: module 'optax' .*'scale_by_sing'"),
    (SCHEDULE, "make(self", "factor(self", CLASS,
     r"^schedule mine: {at}: it has no make\(\)$"),
    (SCHEDULE, "(1 + step)", "jnp.ones(2)", CLASS,
     r"^schedule mine: {at}: ValueError: Operands could not be broadcast"),
    (PHASE, "return params, state + 1", "return params", CLASS,
     r"^phase mine: {at}: apply\(\) must give the parameters and the phase's state"),
    (PHASE, "state + 1", "jnp.float32(state)", CLASS,
     r"^phase mine: {at}: apply\(\) must give .* shapes and dtypes that it had$"),
    (PHASE, "return moment.step %", "return 0 if moment.step else", "return 0",
     r"^phase mine: {at}: TracerBoolConversionError: Attempted boolean conversion"),
    (PHASE, "return moment.step", "moment.step", CLASS,
     r"^phase mine: due\(\) gives nothing, and must give one truth value$"),
    (TRANSFORM, "image * self.gain", "image[1:]", CLASS,
     r"^transform mine: {at}: apply\(\) makes float32 images of shape \(9, 10, 1\) of "
     r"those of shape \(10, 10, 1\), and must make float32 ones of shape \(10, 10, 1"),
    (TRANSFORM, "image * self.gain", "image > self.gain", CLASS,
     r"^transform mine: {at}: apply\(\) makes bool images"),
    (TRANSFORM, "gain: float =", "gain: float | None =", CLASS,
     r"transforms.mine.gain is declared as float \| None: a field is int, float"),
    (SCHEME.replace("mine", "of_four"), "np.eye(*sites", "np.eye(2", "class",
     r"^scheme of_four: its sharing is of \(2, 2\) sites, and layer conv_0 has \(4, 4"),
    (SCHEME.replace("mine", "of_1"), "np.eye", "1 + np.eye", "return S",
     r"^network convnet: {at}: ValueError: sites must use every kernel from 0 to 2"),
]  # fmt: skip


@pytest.fixture(autouse=True)
def forgets(monkeypatch):
    """What a file enters by name is gone after its test."""
    for cls in KINDS:
        monkeypatch.setattr(cls, "kinds", dict(cls.kinds))
    before = dict(SCHEMES)
    yield
    SCHEMES.clear()
    SCHEMES.update(before)


def checked(text, tmp_path):
    path = tmp_path / "my_config.py"
    path.write_text(HEAD + text)
    check_start(cli.load_sweep(str(path)), tmp_path / "results")


@pytest.mark.parametrize(("text", "right", "wrong", "line", "message"), MISTAKES)
def test_a_mistake_is_one_sentence_before_a_folder_is_made(
    text, right, wrong, line, message, tmp_path
):
    assert text.count(right) == 1
    text = text.replace(right, wrong)
    lines = [found.strip() for found in (HEAD + text).splitlines()]
    (number,) = [n for n, found in enumerate(lines, 1) if found.startswith(line)][-1:]
    at = f"{re.escape(str(tmp_path / 'my_config.py'))}, line {number}"
    with pytest.raises(ConfigError) as caught:
        checked(text, tmp_path)
    assert re.search(message.format(at=at), str(caught.value))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    "text",
    [TASK, TASK + BATCH, TERM, MEASURE, OPTIMIZER, SCHEDULE, PHASE, TRANSFORM, SCHEME],
)
def test_without_the_mistakes_the_files_are_right(text, tmp_path):
    checked(text, tmp_path)
