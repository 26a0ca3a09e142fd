"""Executes the notebooks: from NAME.py, which people write, to NAME.ipynb.

python tools/notebooks.py [--output=DIR] [NAME ...]

The variables WS_JAX_RESULTS and WS_JAX_WORKDIR say what results the notebooks show.
"""

import argparse
import os
import re
import sys
from pathlib import Path

import jupytext
import nbformat
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from traitlets import default

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "notebooks"
_COLOUR = re.compile(r"\x1b\[[\d;]*m")  # of a terminal, in tracebacks
# Only what is the same on every machine, so that a new execution changes what it shows.
_METADATA = {
    "kernelspec": {
        "display_name": "Python 3",
        "language": "python",
        "name": "python3",
    },
    "language_info": {"name": "python"},
}


class OwnKernelManager(AsyncKernelManager):
    """Starts the interpreter that runs this tool, whatever kernels are registered."""

    @default("kernel_spec_manager")
    def _no_registered_kernels(self) -> KernelSpecManager:
        return KernelSpecManager(kernel_dirs=[])

    @default("transport_encryption")
    def _encrypted_if_possible(self) -> str:
        return "auto"


def read_source(path: Path) -> nbformat.NotebookNode:
    """Reads a notebook without outputs; its cells are numbered."""
    notebook = jupytext.read(path, fmt="py:percent")
    notebook.metadata = nbformat.from_dict(_METADATA)
    for index, cell in enumerate(notebook.cells):
        cell.id = f"cell-{index}"
    return notebook


def execute(path: Path) -> nbformat.NotebookNode:
    """Runs a source in its own folder and returns the notebook with its outputs.

    Raises:
      CellExecutionError: if a cell fails.
    """
    notebook = read_source(path)
    search = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    client = NotebookClient(
        notebook,
        kernel_manager_class=OwnKernelManager,
        resources={"metadata": {"path": str(path.parent)}},
        timeout=600,
        record_timing=False,
    )
    client.execute(env={**os.environ, "PYTHONPATH": os.pathsep.join(search)})
    notebook.metadata = nbformat.from_dict(_METADATA)
    return notebook


def main() -> int:
    """Executes notebooks; returns the exit status."""
    names = sorted(path.stem for path in FOLDER.glob("*.py"))
    parser = argparse.ArgumentParser(description="Executes the notebooks.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(names))
    parser.add_argument("--output", type=Path, default=FOLDER, metavar="DIR")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.names) - set(names))
    if unknown:
        parser.error(f"no notebook {', '.join(unknown)}; there are {', '.join(names)}")
    arguments.output.mkdir(parents=True, exist_ok=True)
    for name in arguments.names or names:
        try:
            notebook = execute(FOLDER / f"{name}.py")
        except CellExecutionError as error:
            text = _COLOUR.sub("", str(error))
            print(f"error: notebook {name} fails\n{text}", file=sys.stderr)
            return 1
        target = arguments.output / f"{name}.ipynb"
        nbformat.write(notebook, target)
        print(f"notebook: {target}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
