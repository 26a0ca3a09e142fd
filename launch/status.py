"""Shows how far sweeps are, those at or below the folders that are named.

python -m launch.status results/mnist results/cifar --watch
"""

import time
from pathlib import Path

from absl import flags

from ws_jax import cli
from ws_jax.storage import status

WATCH = flags.DEFINE_bool(
    "watch", False, "Show it again and again, until all ended or are long silent."
)


def main(folders: list[str]) -> None:
    """Prints a table."""
    found = status.find(folders)
    missing = [folder for folder in folders if not Path(folder).is_dir()]
    if missing or not found:
        # Only here, since it takes JAX's seconds.
        from ws_jax.config import ConfigError

        if not folders:
            form = f"python -m {__package__}.status results/smoke"
            raise ConfigError(f"name a folder of sweeps: {form}")
        raise ConfigError(
            f"no sweep at or below {', '.join(missing or folders)}: name a folder that "
            "sweeps are in, as results/smoke"
        )
    while True:
        print(status.as_table(found, status.now()), flush=True)
        if not WATCH.value or status.all_ended(found, status.now()):
            return
        time.sleep(status.WRITE_SECONDS)
        print(flush=True)
        found = status.find(folders)


if __name__ == "__main__":
    cli.run(main, takes_words=True)
