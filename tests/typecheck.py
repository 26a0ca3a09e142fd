"""The type checker behind the shape annotations, named in pyproject.toml."""

from beartype import BeartypeConf, beartype

# An int passes where a float is asked for, as every static checker has it.
check = beartype(conf=BeartypeConf(is_pep484_tower=True))
