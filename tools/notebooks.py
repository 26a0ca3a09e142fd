"""Executes the notebooks: from NAME.py, which people write, to NAME.ipynb.

python tools/notebooks.py [--output=DIR] [--one_process] [NAME ...]

The variables WS_JAX_RESULTS and WS_JAX_WORKDIR say what results the notebooks show.
"""

import argparse
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

import jupytext
import nbformat
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbclient.util import run_sync
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


_ANEW = "get_ipython().reset(new_session=True)"


def execute(
    path: Path, kernel: OwnKernelManager | None = None
) -> nbformat.NotebookNode:
    """Runs a source in its own folder and returns the notebook with its outputs.

    Args:
      path: of the source.
      kernel: which runs it, and may have run others, of which it knows nothing; by
        default one of its own.

    Raises:
      CellExecutionError: if a cell fails.
    """
    notebook = read_source(path)
    if kernel is not None:
        notebook.cells.insert(0, nbformat.v4.new_code_cell(_ANEW))
    search = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    client = NotebookClient(
        notebook,
        km=kernel,
        kernel_manager_class=OwnKernelManager,
        resources={"metadata": {"path": str(path.parent)}},
        timeout=600,
        record_timing=False,
    )
    client.execute(env={**os.environ, "PYTHONPATH": os.pathsep.join(search)})
    notebook.metadata = nbformat.from_dict(_METADATA)
    if kernel is not None:
        del notebook.cells[0]
    return notebook


def main() -> int:
    """Executes notebooks; returns the exit status."""
    names = sorted(path.stem for path in FOLDER.glob("*.py"))
    parser = argparse.ArgumentParser(description="Executes the notebooks.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(names))
    parser.add_argument("--output", type=Path, default=FOLDER, metavar="DIR")
    parser.add_argument(
        "--one_process",
        action="store_true",
        help="one after the other in one kernel, which spares starts",
    )
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.names) - set(names))
    if unknown:
        parser.error(f"no notebook {', '.join(unknown)}; there are {', '.join(names)}")
    arguments.output.mkdir(parents=True, exist_ok=True)
    kernel = OwnKernelManager() if arguments.one_process else None
    try:
        return _execute_all(arguments.names or names, arguments.output, kernel)
    finally:
        if kernel is not None:
            run_sync(kernel.shutdown_kernel)(now=True)


def _execute_all(
    names: Sequence[str], output: Path, kernel: OwnKernelManager | None
) -> int:
    for name in names:
        try:
            notebook = execute(FOLDER / f"{name}.py", kernel)
        except CellExecutionError as error:
            text = _COLOUR.sub("", str(error))
            print(f"error: notebook {name} fails\n{text}", file=sys.stderr)
            return 1
        target = output / f"{name}.ipynb"
        nbformat.write(notebook, target)
        print(f"notebook: {target}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
