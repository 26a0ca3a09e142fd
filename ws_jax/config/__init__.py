"""What a run is made of: declaring configs, reading them, and sweeps over them.

`fields` says how a config is declared, `kinds` which class a name stands for, `read`
and `text` how one is made from what a person typed, `paths` which field a dotted name
means, `axes` how a sweep's axes find theirs, `identity` what of a config tells runs
apart. Which fields a run has is said where they are used, and put together in
`ws_jax.runs`.
"""

from ws_jax.config.axes import axis_bases, axis_path, has_axis, names_part, typed
from ws_jax.config.checks import ConfigError, check_name, nearest, require
from ws_jax.config.fields import (
    MOST,
    NEVER,
    Config,
    Rule,
    base_of,
    config,
    data,
    differing_fields,
    labels,
    leaves,
    map_parts,
    part,
    rules,
    static,
    to_values,
    without_field,
)
from ws_jax.config.identity import essence, simplify
from ws_jax.config.kinds import called
from ws_jax.config.paths import (
    common_path,
    find_field,
    get_field,
    has_field,
    owner_of,
    owners_of,
    paths,
    replace_field,
)
from ws_jax.config.read import check_config, check_together, from_values
from ws_jax.config.text import parse, split_values

__all__ = [
    "MOST",
    "NEVER",
    "Config",
    "ConfigError",
    "Rule",
    "axis_bases",
    "axis_path",
    "base_of",
    "called",
    "check_config",
    "check_name",
    "check_together",
    "common_path",
    "config",
    "data",
    "differing_fields",
    "essence",
    "find_field",
    "from_values",
    "get_field",
    "labels",
    "leaves",
    "map_parts",
    "names_part",
    "nearest",
    "owner_of",
    "owners_of",
    "parse",
    "part",
    "replace_field",
    "require",
    "has_axis",
    "has_field",
    "paths",
    "rules",
    "simplify",
    "split_values",
    "static",
    "to_values",
    "typed",
    "without_field",
]
