"""What the comparison of a swept field's values says, in a sentence."""

from __future__ import annotations

import math

from ws_jax.analysis import effects, labels, statistics
from ws_jax.analysis.effects import Effect, unlike
from ws_jax.analysis.swept import Swept, key, named

_MOST_UPSETS = 2  # settings with another order that a sentence names
_ALIKE = "no difference"  # between settings, for a value


def sentence(found: Swept, place: int) -> str:
    """Tells the best value of a field in a sentence, and where it is the best."""
    field = found.fields[place]
    compared = effects.effect(found, place)
    if compared is None:
        return f"{field.name}: {effects.why_not(found, place)}."
    order, ahead = compared.order, compared.ahead
    aside = _passed(found, place, compared) + _aside(found, place, order)
    level = [order[0]]  # all that are as good as the first
    level += [v for v, lead in zip(order[1:], ahead, strict=True) if lead.mean == 0]
    behind = [v for v in order if v not in level]
    leads = ahead[len(ahead) - len(behind) :]
    ends = zip(behind, leads, strict=True)
    tail = [value for value, lead in ends if _alike(lead, ahead[-1])]
    named_values = dict.fromkeys([*level[:2], *behind[:1], *tail[:2]])
    where = _where(found, place, compared, list(named_values))
    other_order = _upset(found, compared)
    if not behind:
        text = f"{field.name}: no difference between {_listed(order)}"
        return f"{text}{where}{other_order}.{aside}"
    first, last = leads[0], leads[-1]
    several = len(level) > 1
    is_ahead = "do not differ, and are ahead" if several else "is ahead"
    text = f"{field.name}: {_listed(level)} {is_ahead} of "
    lasts = f"{_listed(tail)}, the last, by {_lead(found, last)}"
    if len(tail) > 1:
        lasts = f"{_listed(tail)}, which do not differ, by {_lead(found, last)}"
    if behind == tail[:1]:
        text += f"{behind[0]} by {_lead(found, first)}"
    elif behind == tail:
        text += lasts
    else:
        text += f"{behind[0]} by {_lead(found, first)} and of {lasts}"
    clear = not math.isnan(first.low) and first.low > 0 and not found.is_short
    said = f"clear of the spread between {found.repeated}s"
    said = said if clear else "too early to say"
    return f"{text}{where}: {said}{other_order}.{aside}"


def _alike(one: statistics.Difference, other: statistics.Difference) -> bool:
    """Returns whether two leads are the same, their intervals too, if they have any."""
    pairs = [(getattr(one, n), getattr(other, n)) for n in ("mean", "low", "high")]
    return all(math.isclose(a, b) or (a != a and b != b) for a, b in pairs)


def _lead(found: Swept, lead: statistics.Difference) -> str:
    said = f"{found.difference(lead.mean)}{found.unit}"
    if math.isnan(lead.low):
        return f"{said} (one {found.repeated}, no interval)"
    ends = f"{found.difference(lead.low)} to {found.difference(lead.high)}"
    counted = labels.count(lead.folds, found.repeated)
    return f"{said} (95 % interval {ends}, {counted})"


def _aside(found: Swept, place: int, order: list[str]) -> str:
    """Says which values are not compared, and why."""
    runs = found.runs
    alone = [value for value in found.fields[place].values if value not in order]
    lost = [
        value
        for value in alone
        if (runs.loc[runs[key(place)] == value, "status"] == "diverged").all()
    ]
    alone = [value for value in alone if value not in lost]
    text = f" All runs of {', '.join(lost)} diverged." if lost else ""
    if alone:
        text += f" Nothing stands beside {', '.join(alone)}, all else equal."
    return text


def _varied(compared: Effect) -> list[int]:
    """Lists the other fields in which the settings that were compared differ."""
    first = compared.settings[0]
    return [i for i in first if len({words[i] for words in compared.settings}) > 1]


def _where(found: Swept, place: int, compared: Effect, values: list[str]) -> str:
    """Says at which setting of the others each value is compared."""
    varied, aside = _varied(compared), [*compared.dropped, *compared.apart]
    same = compared.settings[0]
    fixed = [i for i in same if i not in varied and any(d[i] != same[i] for d in aside)]
    text = _named(found, {i: same[i] for i in fixed})
    text = f", at {text}" if text else ""
    if not varied:
        return f"{text}, {_only(found, compared)}" if text else ""
    names = _listed([found.fields[i].name for i in varied])
    words = {v: _best(found, varied, compared, v) for v in values}
    told = set(words.values())
    if told == {_ALIKE}:
        return f"{text}, with {_ALIKE} by {names}"
    text += f", each at its best {names}{_of_those(found, compared)}"
    if len(told) == 1:
        return f"{text} ({words[values[0]]})"
    field = [found.fields[place]]
    parts = [f"{named(field, v)}: {w}" for v, w in words.items() if w != _ALIKE]
    alike = [named(field, v) for v, w in words.items() if w == _ALIKE]
    parts += [f"{', '.join(alike)}: {_ALIKE}"] if alike else []
    return f"{text} ({'; '.join(parts)})"


def _only(found: Swept, compared: Effect) -> str:
    """Says why there is one setting at which values are compared."""
    trained = " at which all were trained" if compared.dropped else ""
    if compared.apart:
        return f"which shares no {found.repeated} with others{trained}"
    return f"the only setting{trained}"


def _of_those(found: Swept, compared: Effect) -> str:
    """Says among which settings the best were looked for, if not among all."""
    said = ["at which all were trained"] if compared.dropped else []
    said += [f"with {found.repeated}s in common"] if compared.apart else []
    return f" of those {' and '.join(said)}" if said else ""


def _best(found: Swept, varied: list[int], compared: Effect, value: str) -> str:
    """Says which setting is the best for a value, of the fields that vary."""
    tied = _cut(compared.best[value], varied)
    own = _cut(compared.own[value], varied)
    if len(tied) == 1:
        return _said(found, varied, tied[0])
    if len(tied) == len(own):
        return _ALIKE
    fixed = [i for i in varied if len({words[i] for words in tied}) == 1]
    fits = [words for words in own if all(words[i] == tied[0][i] for i in fixed)]
    if fixed and len(fits) == len(tied):
        told = {i: tied[0][i] for i in fixed}
        rest = [f"any {found.fields[i].name}" for i in varied if i not in fixed]
        return ", ".join([_named(found, told), *rest])
    return " or ".join(_said(found, varied, words) for words in tied)


def _cut(settings: list[dict[int, str]], varied: list[int]) -> list[dict[int, str]]:
    """Keeps some fields of settings, each setting once."""
    return unlike({i: words[i] for i in varied} for words in settings)


def _passed(found: Swept, place: int, compared: Effect) -> str:
    """Says which values are judged elsewhere than at their best mean, and why."""
    text, field = "", [found.fields[place]]
    for value, (words, lost) in compared.passed.items():
        text += f" {named(field, value)} has a better mean at "
        text += f"{_named(found, words)}, where {lost} diverged."
    return text


def _named(found: Swept, words: dict[int, str]) -> str:
    """Says a setting of some fields; nothing of those that it lacks."""
    return named([found.fields[i] for i in words], tuple(words.values()))


def _listed(names: list[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def _said(found: Swept, places: list[int], words: dict[int, str]) -> str:
    if len(places) == 1:
        return words[places[0]] or "has none"
    fields = [found.fields[i] for i in places]
    return named(fields, tuple(words[i] for i in places)) or "has none"


def _upset(found: Swept, compared: Effect) -> str:
    """Says at which settings of the others another value is the best."""
    upsets, varied = compared.upsets, _varied(compared)
    if not upsets:
        return ""
    fields = [found.fields[i] for i in varied]
    told = [
        (named(fields, tuple(words[i] for i in varied)), value)
        for words, value in upsets
    ]
    if len(told) <= _MOST_UPSETS:
        places: dict[str, list[str]] = {}
        for words, value in told:
            places.setdefault(value, []).append(f"at {words}")
        listed = [f"{v} is the best {' and '.join(p)}" for v, p in places.items()]
        return f"; but {', '.join(listed)}"
    words, value = told[0]
    return (
        f"; but at {len(told)} of {len(compared.settings)} settings of the others "
        f"another is the best ({value} at {words}, say)"
    )
