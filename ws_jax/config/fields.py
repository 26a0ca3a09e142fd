"""How a config is declared: frozen, typed, its fields data, static, or configs again.

Every field says in its declaration what it is. **Data** fields are numbers that a
compiled program takes as arguments; **static** ones set shapes or change the program;
**parts** are configs of their own, or tuples of them. A config is registered with JAX
as a pytree whose leaves are its data fields and whose structure holds all else, so
runs of equal structure train in one program, stacked leaf by leaf.

Kinds of a part (networks, tasks, transforms, …) derive from one base class, and each
has a name: `@config("resnet") class ResNet(Network)`. The base keeps them by name.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, get_type_hints

from ws_jax.config.checks import ConfigError, check_name
from ws_jax.config.kinds import called, is_again
from ws_jax.own_files import makers

C = TypeVar("C", bound="Config")
MOST = 2**31 - 1  # the largest whole number that a program takes as an argument
NEVER = "never"  # how a person writes it
_KEY = "ws_jax"  # of our part of a field's metadata


@dataclasses.dataclass(frozen=True)
class Rule:
    """What a field's declaration says besides its type and default.

    Attributes:
      role: `data`, `static` or `part`.
      meaning: in a few words, with the unit; what `--help` shows.
      low: smallest value that is allowed, of numbers and of each number in a tuple.
      high: largest value that is allowed.
      open_low: whether `low` itself is not allowed.
      open_high: whether `high` itself is not allowed.
      names: values that are allowed, of words and of each word in a tuple.
      fixed: why a sweep cannot have several values of it; empty if it can.
      identity: whether it can change a number; if not, runs that differ in it are one.
    """

    role: str
    meaning: str
    low: float | None = None
    high: float | None = None
    open_low: bool = False
    open_high: bool = False
    names: tuple[str, ...] = ()
    fixed: str = ""
    identity: bool = True


def data(default: float, meaning: str, **rule: Any) -> Any:
    """Declares a number that a compiled program takes as an argument."""
    return _field(default, Rule("data", meaning, **rule))


def static(default: Any, meaning: str, **rule: Any) -> Any:
    """Declares a value that sets a shape or changes the program."""
    return _field(default, Rule("static", meaning, **rule))


def part(default: Any, meaning: str, **rule: Any) -> Any:
    """Declares a config, or a tuple of configs, within a config."""
    return _field(default, Rule("part", meaning, **rule))


def _field(default: Any, rule: Rule) -> Any:
    return dataclasses.field(default=default, metadata={_KEY: rule})


class Config:
    """The base of all configs; frozen dataclasses made by `config`."""

    # Of a class that has kinds: from a name to the class of that kind.
    kinds: ClassVar[dict[str, type[Config]] | None] = None
    # Of a kind: its name, the field `name` wherever configs are written out.
    kind: ClassVar[str] = ""
    # Of a class that has kinds: the one that is meant if none is named.
    default_kind: ClassVar[str] = ""
    # The modules in whose functions this class was made, see `own_files.makers`.
    made_by: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **options: Any) -> None:
        """Notes which functions of a user's own make a class, if any do."""
        super().__init_subclass__(**options)
        cls.made_by = makers()

    if TYPE_CHECKING:
        # Static checkers know defaults only as keywords of what declares a field.
        __dataclass_fields__: ClassVar[dict[str, Any]]

        def __init__(self, *values: Any, **fields: Any) -> None:
            """Takes the fields."""

    def check(self) -> None:
        """Raises `ConfigError` for values that do not go together."""

    def simplified(self: C) -> C:
        """Returns the same training with what has no effect at its default."""
        return self

    def essence(self) -> Config | None:
        """Returns what of it can change a number; None if nothing at all can."""
        return self


def config(cls_or_name: type | str) -> Any:
    """Makes a class a config; with a name, a kind of the base class it derives from.

    Raises:
      TypeError: if a field is not declared by `data`, `static` or `part`.
      ConfigError: if another class has that name already.
    """
    if isinstance(cls_or_name, str):
        return functools.partial(_make, kind=cls_or_name)
    return _make(cls_or_name)


def _make(cls: type, kind: str = "") -> type:
    made: Any = dataclasses.dataclass(frozen=True)(cls)
    _check_names(made)
    # JAX rebuilds configs with what it likes in data fields, tracers say; values are
    # judged once, when a config is read.
    made.__init__.__no_type_check__ = True
    roles: dict[str, list[str]] = {"data": [], "static": [], "part": []}
    for field in dataclasses.fields(made):
        if _KEY not in field.metadata:
            raise TypeError(
                f"{cls.__name__}.{field.name}: declare it as data(default, meaning), "
                "static(default, meaning) or part(default, meaning)"
            )
        roles[field.metadata[_KEY].role].append(field.name)
    from jax import tree_util  # only here: what a flag may be is told without JAX

    tree_util.register_dataclass(
        made, [*roles["data"], *roles["part"]], roles["static"]
    )
    if kind:
        made.kind = kind
        if made.kinds is None:
            raise TypeError(f"{cls.__name__} derives from no class that has kinds")
        old = made.kinds.get(kind)
        if old is not None and not is_again(made, old):
            raise ConfigError(
                f"two kinds are called {kind!r}: {called(old)} and {called(made)}; "
                "give yours another name"
            )
        made.kinds[kind] = made
    return made


def _check_names(cls: type) -> None:
    """Raises `ConfigError` for a field that would hide what every config has."""
    taken = {
        name: f"every config has a `{name}`"
        for name in vars(Config)
        if not name.startswith("_")
    }
    if getattr(cls, "kinds", None) is not None:
        taken["name"] = "`name` is that of the kind"
    for field in dataclasses.fields(cls):
        if field.name in taken:
            raise ConfigError(
                f"{cls.__name__}.{field.name}: give the field another name, for "
                f"{taken[field.name]}"
            )


def rules(config: Config | type) -> dict[str, Rule]:
    """Returns what each field of a config declares, by the field's name."""
    return _rules(config if isinstance(config, type) else type(config))


@functools.cache
def _rules(cls: type) -> dict[str, Rule]:
    fields = dataclasses.fields(cls)
    return {field.name: field.metadata[_KEY] for field in fields}


@functools.cache
def type_of(cls: type, name: str) -> Any:
    """Returns the type of a field, as annotated."""
    return get_type_hints(cls)[name]


def base_of(value: Config) -> type | None:
    """Returns the class whose kinds a config belongs to; None if it has no kinds."""
    for cls in reversed(type(value).__mro__):
        if getattr(cls, "kinds", None) is not None:
            return cls
    return None


def kind_of(base: type, name: str, what: str) -> type:
    """Returns the kind of that name; an unknown one is a `ConfigError`."""
    check_name(what, name, base.kinds)
    return base.kinds[name]


def leaves(config: Config, prefix: str = "") -> Iterator[tuple[str, Any, Rule]]:
    """Walks over the fields of a config and of its parts: dotted name, value, rule.

    In a tuple of configs a config goes by its kind, the second of a kind by `kind_2`.
    """
    for name, rule in rules(config).items():
        value = getattr(config, name)
        if rule.role != "part":
            yield f"{prefix}{name}", value, rule
        elif isinstance(value, tuple):
            yield f"{prefix}{name}", tuple(item.kind for item in value), rule
            for label, item in zip(labels(value), value, strict=True):
                yield from leaves(item, f"{prefix}{name}.{label}.")
        else:
            if value.kind:
                yield f"{prefix}{name}", value.kind, rule
            yield from leaves(value, f"{prefix}{name}.")


def labels(parts: tuple[Config, ...]) -> list[str]:
    """Names the configs of a tuple by their kinds, the second of a kind `kind_2`."""
    return _numbered([part.kind for part in parts])


def _numbered(kinds: Sequence[str]) -> list[str]:
    found: list[str] = []
    for kind in kinds:
        number = kinds[: len(found)].count(kind) + 1
        found.append(kind if number == 1 else f"{kind}_{number}")
    return found


def map_parts(function: Callable[[Config], Config | None], config: C) -> Any:
    """Applies `function` to every config of a tree, the inner ones first.

    A config of a tuple for which it returns None is left out.
    """
    changes: dict[str, Any] = {}
    for name in _parts_of(type(config)):
        value = getattr(config, name)
        if not isinstance(value, tuple):
            new = map_parts(function, value)
            changes |= {name: new} if new is not value else {}
        elif value:
            parts = [map_parts(function, item) for item in value]
            new = tuple(item for item in parts if item is not None)
            changes |= {name: new} if new != value else {}
    return function(dataclasses.replace(config, **changes) if changes else config)


@functools.cache
def _parts_of(cls: type) -> tuple[str, ...]:
    return tuple(name for name, rule in rules(cls).items() if rule.role == "part")


def to_values(config: Config) -> dict[str, Any]:
    """Writes a config out as nested mappings and lists, fit for JSON.

    The kind of a part stands in it as `name`.
    """
    values: dict[str, Any] = {"name": config.kind} if config.kind else {}
    for name, rule in rules(config).items():
        value = getattr(config, name)
        if rule.role == "part":
            many = isinstance(value, tuple)
            value = [to_values(v) for v in value] if many else to_values(value)
        values[name] = _plain(value)
    return values


def _plain(value: Any) -> Any:
    return [_plain(v) for v in value] if isinstance(value, tuple) else value


def without_field(values: Any, path: str) -> Any:
    """Returns what `to_values` wrote, without the field of a dotted name.

    Of a list's configs those lose it that the name means. It need not be there.

    Example:
      >>> without_field({"train": {"epochs": 1, "patience": 2}}, "train.epochs")
      {'train': {'patience': 2}}
    """
    head, _, rest = path.partition(".")
    if isinstance(values, list):
        known = _numbered([item["name"] for item in values])
        meant, name = ({head}, rest) if rest and head in known else (known, path)
        pairs = zip(known, values, strict=True)
        return [without_field(v, name) if label in meant else v for label, v in pairs]
    if not isinstance(values, Mapping) or head not in values:
        return values
    if not rest:
        return {name: value for name, value in values.items() if name != head}
    return {**values, head: without_field(values[head], rest)}


def differing_fields(a: Mapping, b: Mapping, prefix: str = "") -> list[str]:
    """Lists the dotted names of the fields in which two nested mappings differ.

    Example:
      >>> differing_fields({"train": {"epochs": 1}}, {"train": {"epochs": 2}})
      ['train.epochs: 1 -> 2']
    """
    found = []
    for key in sorted({*a, *b}):
        x, y = a.get(key, "absent"), b.get(key, "absent")
        if isinstance(x, Mapping) and isinstance(y, Mapping):
            found += differing_fields(x, y, f"{prefix}{key}.")
        elif x != y:
            found.append(f"{prefix}{key}: {x} -> {y}")
    return found
