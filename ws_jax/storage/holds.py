"""What a folder holds, by the files that say so: a sweep, a search, foldings, a fit.

Whatever reads results takes all that lies at or below a folder, so one that holds two
of them would mix runs that nobody set beside each other.
"""

from __future__ import annotations

import glob
from pathlib import Path

from ws_jax.storage.integrity import WorkdirError

SWEEP_FILE, SEARCH_FILE, FOLD_FILE = "sweep.json", "search.json", "fold.json"
NEURAL_FIT, SINGLE_LAYER = "neural_fit", "single_layer"  # beginnings of their files

# From what is held to the patterns of files that say so.
_FILES = {
    "a sweep": (SWEEP_FILE,),
    # An old search has no record of its own.
    "a search": (SEARCH_FILE, f"batch_*/*/{SWEEP_FILE}"),
    # Those of each run are in a folder of its name.
    "foldings": (FOLD_FILE, f"*/{FOLD_FILE}"),
    "a neural fit": (f"{NEURAL_FIT}.json", f"{NEURAL_FIT}.parquet"),
    "single layers": (f"{SINGLE_LAYER}.json", f"{SINGLE_LAYER}.parquet"),
}


def check_holds(folder: Path, asked: str, flag: str) -> None:
    """Checks that a folder holds nothing but what is to be written there.

    One that holds both already, as an older version let it, stays in use.

    Args:
      folder: need not be there.
      asked: what is to be written, as `a sweep` or `a search`.
      flag: that names another folder.
    Raises:
      WorkdirError: if it holds something else.
    """
    if _is_there(folder, asked):
        return
    for other in _FILES:
        if other != asked and _is_there(folder, other):
            raise WorkdirError(
                f"{folder} holds {other}, with which {asked} would be mixed: name "
                f"another folder with --{flag}"
            )


def _is_there(folder: Path, what: str) -> bool:
    start = Path(glob.escape(str(folder)))
    return any(glob.glob(str(start / pattern)) for pattern in _FILES[what])
