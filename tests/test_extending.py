"""Every example of docs/extending.md is a config that trains as it stands there."""

import pkgutil
import re
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import jax
import numpy as np
import pytest

from ws_jax import cli, results
from ws_jax.config import ConfigError
from ws_jax.data import DATASETS
from ws_jax.engine import run_sweep
from ws_jax.engine.mapping import init_run, stack_inputs
from ws_jax.engine.study import prepare
from ws_jax.schemes import SCHEMES

PAGE = Path(__file__).parents[1] / "docs" / "extending.md"


@pytest.fixture(autouse=True)
def forgets():
    """What an example enters by name is not there for other tests."""
    before = [(entries, dict(entries)) for entries in (SCHEMES, DATASETS)]
    yield
    for entries, known in before:
        for name in set(entries) - set(known):
            del entries[name]


def examples():
    """Returns the config files of the page, by their headings."""
    parts = re.split(r"^## ", PAGE.read_text(), flags=re.MULTILINE)[1:]
    found = {}
    for part in parts:
        blocks = re.findall(r"```python\n(.*?)```", part, flags=re.DOTALL)
        if blocks:
            (found[part.splitlines()[0]],) = blocks
    return found


EXAMPLES = examples()
# By heading: runs, groups, and a column that the example adds.
EXPECTED = {
    "A network": (4, 2, "network.hidden"),
    "A task": (2, 1, "val_error"),
    "A task that makes its batch": (1, 1, "val_acc"),
    "A transform": (2, 1, "transforms.least"),
    "A scheme": (2, 2, "sharing"),
    "A phase": (4, 1, "train.phase.factor"),
    "An optimiser": (2, 1, "train.optimizer.weight_decay"),
    "A measure": (2, 2, "kernel_norms"),
    "A data set": (1, 1, "val_acc"),
}


def test_there_is_one_of_each():
    assert list(EXAMPLES) == list(EXPECTED)


@pytest.mark.parametrize("name", re.findall(r"`(ws_jax\.[\w.]+)`", PAGE.read_text()))
def test_what_the_page_names_is_there(name):
    assert pkgutil.resolve_name(name) is not None


def loaded(heading, tmp_path):
    path = tmp_path / "my_config.py"
    path.write_text(EXAMPLES[heading])
    return cli.load_sweep(str(path))


@pytest.mark.parametrize("heading", EXAMPLES)
def test_an_example_is_short_and_made_ready(heading, tmp_path):
    """What it defines is found, checked, fits the data, and can be traced."""
    text = EXAMPLES[heading]
    own = text[: text.index("def get_config")]
    code = [line for line in own.splitlines() if line and "import" not in line]
    assert len(code) < 30
    study = prepare(loaded(heading, tmp_path))
    runs, groups, _ = EXPECTED[heading]
    assert len(study.columns) == runs and len(study.groups) == groups
    for group in study.groups:
        program, inputs = study.program(group), stack_inputs(group.runs)
        state, _ = jax.eval_shape(jax.vmap(partial(init_run, program)), inputs)
        assert jax.tree.leaves(state.params)


# One trains among the fast tests, all among the slow ones.
TRAINED = [
    heading if heading == "A task" else pytest.param(heading, marks=pytest.mark.slow)
    for heading in EXAMPLES
]


@pytest.mark.slow
@pytest.mark.parametrize("heading", TRAINED)
def test_an_example_trains(heading, tmp_path):
    sweep = loaded(heading, tmp_path)
    run_sweep(sweep, tmp_path / "results")
    frame = results.read(tmp_path / "results")
    runs, groups, column = EXPECTED[heading]
    assert frame["run"].nunique() == runs
    assert len(list((tmp_path / "results" / "checkpoints").iterdir())) == groups
    assert set(frame["status"]) == {"finished"} and frame[column].notna().all()
    trained = frame[frame["epoch"] == 1]
    assert np.isfinite(trained["val_loss"]).all()


SHARED = """\
from ws_jax.banks import TemplateBank
from ws_jax.initializers import glorot_uniform
from ws_jax.layers import SharedConv
from ws_jax.schemes import layer_scheme
"""


def test_layers_of_a_network_of_ones_own_share_as_the_page_says(tmp_path):
    page = PAGE.read_text()
    (layer,) = re.findall(r"`(SharedConv\(features=.*?)`", page)
    (bank,) = re.findall(r"`(bank = TemplateBank\(.*?)`", page)
    (drawn,) = re.findall(r"`(SharedConv\(\.\.\., bank.*?)`", page)
    own = layer.removeprefix("SharedConv(").removesuffix(")")
    body = f"""\
        x = {layer}(x)
        num_templates, num_layers = 2, 3
        {bank}
        for i in range(num_layers):
            x = nn.relu({drawn.replace("...", own)}(x))
"""
    dense = "        x = nn.relu(nn.Dense(self.hidden)(x.reshape(x.shape[0], -1)))\n"
    assert dense in EXAMPLES["A network"]
    path = tmp_path / "my_config.py"
    text = EXAMPLES["A network"].replace(dense, f"{body}{dense}")
    path.write_text(SHARED + text.replace('"hidden": (8, 16)', '"hidden": (8,)'))
    study = prepare(cli.load_sweep(str(path)))
    layers = study.program(study.groups[0]).layers
    assert [layer.features for layer in layers] == [8] * 4
    assert all(layer.sharing.is_free for layer in layers)
    assert [bool(layer.bank) for layer in layers] == [False, True, True, True]


def test_a_phase_that_is_never_due_is_refused(tmp_path):
    path = tmp_path / "my_config.py"
    for every, message in [(3, ""), (4, "phase shrink would never act.* 3 steps")]:
        text = EXAMPLES["A phase"].replace('"every": (1, 3)', f'"every": (1, {every})')
        path.write_text(text)
        with pytest.raises(ConfigError, match=message) if message else nullcontext():
            prepare(cli.load_sweep(str(path)))


def test_a_network_that_fails_is_one_sentence_that_names_its_line(tmp_path):
    path = tmp_path / "my_config.py"
    text = EXAMPLES["A network"].replace("Dense(self.", "Dense(hidden=self.")
    path.write_text(text)
    number = text[: text.index("Dense(hidden=")].count("\n") + 1
    message = rf"network perceptron: {path}, line {number}: TypeError: .*'hidden'"
    with pytest.raises(ConfigError, match=message):
        prepare(cli.load_sweep(str(path)))
