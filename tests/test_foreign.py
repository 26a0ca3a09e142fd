"""Parts of a user's own whose code changes between the start and the going on."""

import json
import re
from pathlib import Path

import pytest
from test_extending import EXAMPLES

from ws_jax import cli, results
from ws_jax.engine import check_start, run_sweep
from ws_jax.storage.foreign import foreign_code
from ws_jax.storage.workdir import WorkdirError

TASK = EXAMPLES["A task"]


def load(path: Path, text: str):
    path.write_text(text)
    return cli.load_sweep(str(path))


def test_what_changes_no_number_does_not_count(tmp_path):
    def digest(text):
        sweep = load(tmp_path / "mine.py", text)
        return foreign_code([type(sweep.base.task), type(sweep.base)])

    first = digest(TASK)
    assert list(first) == ["mine.py"]
    told = re.sub(r"\n\n\n", "\n\n# A remark.\n\n", TASK)
    told = told.replace(
        "get_config():", 'get_config():\n    """Said."""\n    spare = 1'
    )
    assert told != TASK and digest(told) == first
    assert digest("FACTOR = 2\n" + TASK) != first


def test_a_sweep_goes_on_under_the_code_that_began_it_or_if_asked(tmp_path, caplog):
    config, workdir = tmp_path / "mine.py", tmp_path / "results"
    sweep = load(config, TASK)
    run_sweep(sweep, workdir)
    before = results.read(workdir)
    code = json.loads((workdir / "sweep.json").read_text())["code"]
    changed = load(config, "FACTOR = 2\n" + TASK)
    for call in (run_sweep, check_start):
        with pytest.raises(
            WorkdirError, match="as mine.py was before its code changed"
        ):
            call(changed, workdir)
    assert results.read(workdir).equals(before)
    run_sweep(load(config, TASK), workdir)  # the code put back
    check_start(load(config, "FACTOR = 2\n" + TASK), workdir, extend=True)
    run_sweep(changed, workdir, extend=True)
    assert "the code of mine.py has changed" in caplog.text
    record = json.loads((workdir / "sweep.json").read_text())
    assert record["extended_from"][-1]["code"] == code != record["code"]
    run_sweep(changed, workdir)
