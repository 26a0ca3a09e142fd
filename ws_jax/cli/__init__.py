"""What the launchers share: flags to a sweep, and errors as one clear line.

JAX takes seconds to import, and with it all of `ws_jax`: what needs it is imported
where it is used, so that a wrong flag is answered at once, and a person sees a first
line.
"""

from ws_jax.cli.machine import num_cores, setup_jax
from ws_jax.cli.main import run
from ws_jax.cli.options import (
    define_axes,
    define_config,
    define_data_dir,
    define_extend,
    define_overwrite,
    define_parts,
    define_workdir,
    either,
    goes_with,
    required,
    split_overrides,
    typed_config,
)
from ws_jax.cli.sweeps import (
    change_sweep,
    load_parts,
    load_studies,
    load_sweep,
    paper_reading,
    read_config,
    read_run,
)

__all__ = [
    "change_sweep",
    "define_axes",
    "define_config",
    "define_data_dir",
    "define_extend",
    "define_overwrite",
    "define_parts",
    "define_workdir",
    "either",
    "goes_with",
    "load_parts",
    "load_studies",
    "load_sweep",
    "num_cores",
    "paper_reading",
    "read_config",
    "read_run",
    "required",
    "run",
    "setup_jax",
    "split_overrides",
    "typed_config",
]
