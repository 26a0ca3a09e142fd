"""What is refused before anything compiles, since its parts do not suit each other."""

import flax.linen as nn
import jax.numpy as jnp
import pytest
from studies import TINY, tiny

from ws_jax.config import ConfigError, config, replace_field, static
from ws_jax.engine.study import prepare
from ws_jax.measure import Distances, Measure
from ws_jax.models import Network
from ws_jax.runs import Sweep
from ws_jax.tasks import Classification


@config("named_by_its_user")
class Named(Measure):
    """A measure whose column is called as its config says."""

    column: str = static("size", "name of the column")
    power: int = static(1, "of the norm")

    def measure(self, layers, params):
        return {self.column: jnp.float32(self.power)}


@config("of_three_outputs")
class OfThree(Network):
    """A network that has three outputs, whatever is asked for."""

    def make(self, num_outputs, arithmetic):
        return nn.Sequential([lambda x, train: x.reshape(len(x), -1), nn.Dense(3)])


@config("of_the_whole_batch")
class OfTheBatch(Classification):
    """A task whose loss is one number for all images."""

    def losses(self, outputs, targets):
        return super().losses(outputs, targets).mean()


@config("of_one_class")
class OfOneClass(Classification):
    """A task that cannot take outputs and targets together."""

    def check_outputs(self, outputs, targets, num_outputs):
        pass

    def losses(self, outputs, targets):
        return jnp.sum(outputs - jnp.zeros((7, 7)), axis=-1)


@config("of_another_dtype")
class OfDtype(Classification):
    """A task that takes whole numbers from floats, which JAX is told not to mix."""

    def losses(self, outputs, targets):
        return outputs[:, 0] - targets


@config("of_what_is_not_there")
class OfNothing(Classification):
    """A task that watches no metric of its own."""

    watched = "f1"


@config("of_a_column")
class OfColumn(Classification):
    """A task whose watched metric has a number an output, of which there is one."""

    def totals(self, outputs, targets, losses):
        made = super().totals(outputs, targets, losses)
        return {**made, "acc": made["acc"][:, None]}


@config("of_errors_alone")
class OfErrors(Classification):
    """A task that leaves out the loss of its totals."""

    watched = "err"

    def totals(self, outputs, targets, losses):
        return {"err": losses}

    def metrics(self, totals):
        return {name: entry.total / entry.count for name, entry in totals.items()}


@pytest.mark.parametrize(
    ("measures", "message"),
    [
        ((Named("loss"),), "fill the column 'loss', which is filled by task"),
        ((Named("seed"),), "'seed', which is a column that tells of the run"),
        ((Named("cell"),), "'cell', which is a column that tells of the run"),
        ((Named("folder"),), "'folder', which is a column that tells of the run"),
        ((Named("training"),), "'training', which is a column that tells of the run"),
        ((Named("val_acc"),), "'val_acc'"),
        ((Named("translation"),), "filled by evaluation.views.translation"),
        ((Named(), Named(power=2)), "filled by evaluation.measures.named_by"),
        ((Distances((1,)), Distances((1,))), "fill the column 'cos_1'"),
    ],
)
def test_a_column_says_one_thing(measures, message):
    with pytest.raises(ConfigError, match=message):
        prepare(tiny(sweep__sharing=("free",), evaluation__measures=measures))


@pytest.mark.parametrize(
    ("part", "value", "message"),
    [
        ("network", OfThree(), r"needs outputs of shape \(2, 10\) .* gives \(2, 3\)"),
        ("task", OfTheBatch(), r"its losses of shape \(\) is not one entry an image"),
        ("task", OfOneClass(), "do not fit: .*incompatible shapes"),
        (
            "task",
            OfDtype(),
            r"^for 2 images .* \(2, 10\), float32, .* \(2,\), int32: they do not fit: "
            r".*test_fits.py, line \d+: Input dtypes \('",
        ),
        ("task", OfErrors(), "of_errors_alone has no total 'loss' .* totals are err$"),
        ("task", OfNothing(), "watches 'f1', which is none of its metrics: acc, loss"),
        (
            "task",
            OfColumn(),
            r"watches 'acc', which is of shape \(1,\), not one number",
        ),
    ],
)
def test_outputs_suit_the_labels(part, value, message):
    sweep = Sweep("parts", replace_field(TINY, part, value))
    with pytest.raises(ConfigError, match=message):
        prepare(sweep)


def test_measures_whose_columns_do_not_tell_their_fields_tell_runs_apart():
    def digest(*measures):
        return tiny(evaluation__measures=measures).runs()[0].digest("data")

    assert digest(Named()) != digest(Named(power=2))
    assert digest(Distances((1,))) == digest(Distances((2,))) == digest()
