"""Values of fields from the text that a person typed."""

from __future__ import annotations

import ast
import dataclasses
from typing import Any, get_args, get_origin

from ws_jax.config.checks import require
from ws_jax.config.fields import Config, labels, rules, type_of
from ws_jax.config.paths import owner_of
from ws_jax.config.read import check_value, convert_field, from_values


def parse(config: Config, path: str, text: str) -> Any:
    """Reads the text of one value for a field of a config, which says of what type.

    Raises:
      ConfigError: if it is no value of the field's type, or not allowed.
    """
    owner, name = owner_of(config, path)
    hint = type_of(type(owner), name)
    value = _from_text(hint, text, getattr(owner, name), path)
    value = convert_field(type(owner), name, value, path)
    rule = rules(owner)[name]
    if rule.role != "part":
        check_value(path, value, rule)
    return value


def _from_text(hint: Any, text: str, current: Any, path: str) -> Any:
    text = text.strip()
    if hint is str:
        quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "'\""
        return text[1:-1] if quoted else text
    if hint is bool and text.lower() in ("true", "false"):
        return text.lower() == "true"
    if isinstance(hint, type) and issubclass(hint, Config):
        return _kept(current, from_values(hint, text, path))
    if get_origin(hint) is tuple:
        item = get_args(hint)[0]
        if isinstance(item, type) and issubclass(item, Config):
            names = [part for part in text.strip("()").split("+") if part]
            bare = [part.strip("',\" ") for part in names]
            require(
                not any("," in part for part in bare),
                f"{path}: names of parts are joined by +, as in "
                f"{'+'.join(bare).replace(',', '+').replace(' ', '')}; got {text!r}",
            )
            if names == ["none"]:
                names = []
            old = dict(zip(labels(current), current, strict=True))
            made = [from_values(item, part.strip("',\" "), path) for part in names]
            return tuple(old.get(part.kind, part) for part in made)
        if item is str and not text.startswith("("):
            return tuple(part.strip() for part in text.split(","))
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text  # no value of the type; the conversion says so


def _kept(current: Config, new: Config) -> Config:
    """Returns a part of another kind that keeps the fields which both kinds have."""
    if type(current) is type(new):
        return current
    default = type(current)()
    common = set(rules(current)) & set(rules(new))
    changed = {
        name: getattr(current, name)
        for name in common
        if getattr(current, name) != getattr(default, name)
    }
    return dataclasses.replace(new, **changed)


def split_values(text: str) -> list[str]:
    """Cuts `1,2` or `(1,2),(3,4)` into the texts of its values.

    Example:
      >>> split_values("(1,2),(3,4)"), split_values("a,b")
      (['(1,2)', '(3,4)'], ['a', 'b'])
    """
    found, depth = [""], 0
    for letter in text:
        depth += (letter in "([") - (letter in ")]")
        if letter == "," and not depth:
            found.append("")
        else:
            found[-1] += letter
    return [part.strip() for part in found if part.strip()]
