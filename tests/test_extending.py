"""Every example of docs/extending.md is a config that trains as it stands there."""

import re
from pathlib import Path

import numpy as np
import pytest

from ws_jax import cli, results
from ws_jax.engine import run_sweep

PAGE = Path(__file__).parents[1] / "docs" / "extending.md"


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
    "A transform": (2, 1, "transforms.least"),
    "A scheme": (2, 2, "sharing"),
    "A phase": (4, 1, "train.phase.factor"),
    "An optimiser": (2, 1, "train.optimizer.weight_decay"),
    "A measure": (2, 2, "kernel_norms"),
    "A data set": (1, 1, "val_acc"),
}


def test_there_is_one_of_each():
    assert list(EXAMPLES) == list(EXPECTED)


@pytest.mark.parametrize("heading", EXAMPLES)
def test_an_example_is_short_and_trains(heading, tmp_path):
    text = EXAMPLES[heading]
    own = text[: text.index("def get_config")]
    code = [line for line in own.splitlines() if line and "import" not in line]
    assert len(code) < 30
    path = tmp_path / "my_config.py"
    path.write_text(text)
    sweep = cli.load_sweep(str(path))
    run_sweep(sweep, tmp_path / "results")
    frame = results.read(tmp_path / "results")
    runs, groups, column = EXPECTED[heading]
    assert frame["run"].nunique() == runs
    assert len(list((tmp_path / "results" / "checkpoints").iterdir())) == groups
    assert set(frame["status"]) == {"finished"} and frame[column].notna().all()
    trained = frame[frame["epoch"] == 1]
    assert np.isfinite(trained["val_loss"]).all()
