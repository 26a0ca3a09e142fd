"""The answer to `--help`: flags, and the fields of a config, at 80 columns."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from absl import flags

if TYPE_CHECKING:
    from ws_jax.config import Config, Rule
    from ws_jax.runs import Sweep

WIDTH = 80


def flags_text(about: str, known: flags.FlagValues) -> str:
    """Returns what a launcher does, and its flags."""
    lines = [about.strip(), "", "flags:"]
    for flag in own_flags(known):
        form = f"[no]{flag.name}" if flag.boolean else f"{flag.name}=…"
        default = flag.default_unparsed
        default = ",".join(default) if isinstance(default, list) else default
        usual = f" (default: {default})" if default not in (None, "", False) else ""
        # absl adds a clause to a sentence that has ended.
        said = flag.help.replace(".; repeat this option", "; repeat this option")
        lines += _entry(f"--{form}", f"{said}{usual}")
    lines += ["", _wrapped("--helpfull lists the flags of all modules that are used.")]
    return "\n".join(lines)


def own_flags(known: flags.FlagValues) -> list[flags.Flag]:
    """Returns the flags of a launcher: those of ours, and how much is told."""
    own = ("ws_jax.", "launch.")
    found = [
        flag
        for module, defined in known.flags_by_module_dict().items()
        if module == sys.argv[0] or module.startswith(own)
        for flag in defined
    ]
    return [*found, known["verbosity"]]


def fields_text(sweep: Sweep, name: str) -> str:
    """Returns the fields of a sweep's runs: name, value, meaning, and what is allowed.

    Args:
      sweep: checked.
      name: of its file.
    """
    intro = (
        f"fields of {name}, set by --config.FIELD=VALUE, swept by --axis=FIELD=V1,V2; "
        "the end of a name is enough where that is clear. Values of a data field train "
        "in one program; another value of a static one is another program."
    )
    lines = [_wrapped(intro), ""]
    for path, value, meaning in _fields(sweep.base):
        if path in sweep.axes:
            value = f"{_shown(sweep.axes[path])} (swept)"
        elif _common_axis(sweep, path):
            value = f"{_shown(sweep.axes[_common_axis(sweep, path)])} (swept)"
        lines += _entry(f"{path} = {value}", meaning)
    return "\n".join(lines)


def _common_axis(sweep: Sweep, path: str) -> str:
    from ws_jax.config import common_path

    common = common_path(sweep.base, path)
    return common if common in sweep.axes else ""


def _fields(base: Config) -> Iterator[tuple[str, str, str]]:
    from ws_jax.config import leaves

    for path, value, rule in leaves(base):
        if rule.role == "part":
            shown = "+".join(value) or "none" if isinstance(value, tuple) else value
            kinds = f"kinds: {', '.join(_kinds(base, path))}"
            yield path, shown, f"{rule.meaning}; {kinds}"
        else:
            meaning = "; ".join([rule.meaning, *allowed(rule), rule.role])
            yield path, _shown(value), meaning


def _kinds(base: Config, path: str) -> list[str]:
    from typing import get_args

    from ws_jax.config import owner_of
    from ws_jax.config.fields import type_of

    owner, name = owner_of(base, path)
    hint = type_of(type(owner), name)
    return list((get_args(hint) or (hint,))[0].kinds)


def allowed(rule: Rule) -> list[str]:
    """Returns what a field allows, in words; nothing if anything of its type."""
    from ws_jax.config import MOST, NEVER

    found = [f"one of {', '.join(rule.names)}"] if rule.names else []
    if rule.low is not None:
        found.append(f"{'above' if rule.open_low else 'at least'} {rule.low:g}")
    if rule.high == MOST:
        found.append(f"at most {MOST}, or {NEVER}, which is that")
    elif rule.high is not None:
        found.append(f"{'below' if rule.open_high else 'at most'} {rule.high:.10g}")
    return [*found, f"not swept: {rule.fixed}"] if rule.fixed else found


def _shown(value: Any) -> str:
    if isinstance(value, tuple) and value and hasattr(value[0], "kind"):
        return "+".join(part.kind for part in value)
    if isinstance(value, tuple):
        return f"({', '.join(map(_shown, value))})"
    return str(getattr(value, "kind", value))


def _entry(head: str, text: str) -> Iterable[str]:
    yield from textwrap.wrap(
        head, WIDTH, initial_indent="  ", subsequent_indent="      "
    )
    yield from textwrap.wrap(
        " ".join(text.split()),
        WIDTH,
        initial_indent="      ",
        subsequent_indent="      ",
        break_on_hyphens=False,
    )


def _wrapped(text: str) -> str:
    return textwrap.fill(text, WIDTH, break_on_hyphens=False)
