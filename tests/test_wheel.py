"""What is installed works where there is no checkout."""

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest
from test_launch import TINY

ROOT = Path(__file__).parents[1]


@pytest.mark.slow
def test_a_wheel_holds_all_that_a_sweep_from_another_folder_needs(tmp_path):
    pytest.importorskip("hatchling", reason="needs the extra `dev`")
    elsewhere, installed = tmp_path / "elsewhere", tmp_path / "installed"
    elsewhere.mkdir()
    started(ROOT, "hatchling", "build", "-t", "wheel", "-d", str(tmp_path))
    (wheel,) = tmp_path.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(installed)
    inside = shipped(installed / "ws_jax")
    assert {Path("py.typed"), Path("analysis/page/page.css")} < inside
    assert inside == {
        *shipped(ROOT / "ws_jax"),
        *(Path("launch", path) for path in shipped(ROOT / "launch")),
        *(Path("configs", path) for path in shipped(ROOT / "configs")),
    }
    # Without `site`, an editable install of the checkout is not found.
    paths = str(installed), sysconfig.get_path("purelib")
    flags = ("--config=smoke", *TINY[1:], "--dry_run")
    said = started(elsewhere, "ws_jax.launch.sweep", *flags, paths=paths)
    assert "4 runs in 2 groups" in said and "nothing was trained" in said
    assert not list(elsewhere.iterdir())


def shipped(folder):
    """The files of a folder that are no work of Python's, relative to it."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {p.relative_to(folder) for p in files if "__pycache__" not in p.parts}


def started(cwd, module, *flags, paths=None):
    """What a module says that is started in a folder, with these paths alone."""
    only = [] if paths is None else ["-S", "-P"]
    found = {} if paths is None else {"PYTHONPATH": os.pathsep.join(paths)}
    done = subprocess.run(
        [sys.executable, *only, "-m", module, *flags],
        cwd=cwd,
        env={**os.environ, **found},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
