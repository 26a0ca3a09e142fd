"""How the values of a swept field compare, each at the others' best setting for it.

Means over the other fields would answer another question: one learning rate that is too
large for a network would turn its place round. The best of several settings is picked
from the numbers that are then compared, for all values alike.
"""

from __future__ import annotations

import collections
import dataclasses
import functools
import math

import pandas as pd

from ws_jax.analysis import labels, statistics
from ws_jax.analysis.swept import Swept, key, named

_MOST_UPSETS = 2  # settings with another order that a sentence names


@dataclasses.dataclass(frozen=True)
class Effect:
    """The values of a field, compared.

    Attributes:
      order: the values, the best first.
      ahead: how far the first is ahead of each of the others.
      best: for each value the others' setting that is best for it, as words by the
        place of a field; they are empty for a field that its runs lack.
      settings: all settings of the others that were compared, the same way.
      upsets: those at which another value is the best, each with that value.
      dropped: settings that are not compared: not all values were trained there.
      passed: for a value whose best setting is not that of its best median, since more
        runs diverged there: that of its best median, and how many of its runs did.
    """

    order: list[str]
    ahead: list[statistics.Difference]
    best: dict[str, dict[int, str]]
    settings: list[dict[int, str]]
    upsets: list[tuple[dict[int, str], str]]
    dropped: list[dict[int, str]]
    passed: dict[str, tuple[dict[int, str], str]]


@dataclasses.dataclass(frozen=True)
class _Best:
    """The numbers of a value's best setting, and of that of its best median."""

    setting: int
    passed: int
    lost: str  # how many of how many runs diverged there; empty if it is the best


def effect(found: Swept, place: int) -> Effect | None:
    """Compares the values of a field.

    All values have the same settings of the other fields to choose from: those in which
    all were trained; where there is none, those of as many values as stand beside each
    other. The best has the largest share of runs that did not diverge, and of these
    the best median, on the folds or seeds that all settings have: more seeds of a
    setting do not make it the best. Differences are by folds (corrected for their
    overlap), or by seeds where there is one fold.

    Args:
      found: the study.
      place: of the field.

    Returns:
      The comparison; None if no two values stand beside each other.
    """
    runs = _beside(found, place)
    if runs.empty:
        return None
    table = _side_by_side(found, place, runs)
    numbers = [int(n) for n in table.index.get_level_values("setting").unique()]
    wide = table["mean"].dropna(axis="columns", how="all")
    best = {value: _best(table.xs(value, axis=1, level=1)) for value in wide.columns}
    chosen = {value: wide.loc[one.setting, value] for value, one in best.items()}
    ahead = _ahead(found, pd.DataFrame(chosen))
    if len(ahead) < 2:
        return None
    order = list(ahead)
    upsets = _upsets(wide.groupby(level="setting").mean(), order[0])
    tried = set(runs.loc[runs[key(place)].isin(order), "setting"])
    words = functools.partial(_words, found, place, runs)
    return Effect(
        order,
        [ahead[other] for other in order[1:]],
        {value: words(one.setting, value) for value, one in best.items()},
        [words(number, "") for number in numbers],
        [(words(number, value), value) for number, value in upsets],
        [words(number, "") for number in sorted(tried - set(numbers))],
        {
            value: (words(best[value].passed, value), best[value].lost)
            for value in order
            if best[value].lost
        },
    )


def _side_by_side(found: Swept, place: int, runs: pd.DataFrame) -> pd.DataFrame:
    """Puts values beside each other: a row for each setting and fold or seed.

    Returns:
      For each value its runs (`size`), those that did not diverge (`count`) and their
      signed `mean`: columns (what, value).
    """
    cells = runs.groupby(["setting", found.repeated, key(place)])["value"]
    table = cells.agg(["size", "count", "mean"]).unstack()
    there = _complete(table["size"].notna())
    table = table.loc[there.index, (slice(None), there.columns)]
    table["mean"] *= found.sign
    return table


def _ahead(found: Swept, each: pd.DataFrame) -> dict[str, statistics.Difference]:
    """Returns how far the best is ahead of each value, by folds or seeds; best first.

    Values that have no fold or seed in common with it are left out.
    """
    common = each.dropna() if len(each.dropna()) > 1 else each
    order = list(common.mean().sort_values(ascending=False, kind="stable").index)
    count = int(found.runs["num_folds"].max())
    by_fold = found.repeated == "fold" and count > 1
    ratio = statistics.test_train_ratio(count) if by_fold else 0.0
    leads = {
        value: statistics.corrected_t_test(each[order[0]] - each[value], ratio)
        for value in order
    }
    return {value: lead for value, lead in leads.items() if lead.folds}


def _beside(found: Swept, place: int) -> pd.DataFrame:
    """Returns the runs that have the field, with the number of the others' setting.

    Runs that lack one of the others stand beside each of its values; `told 0` and so on
    are the words that they have of themselves. Those that diverged have no value.
    """
    runs = found.runs
    runs = runs[runs["value"].notna() | (runs["status"] == "diverged")]
    runs = runs[runs[key(place)] != ""]
    others = [i for i in range(len(found.fields)) if i != place]
    runs = runs.assign(setting=0, **{_told(i): runs[key(i)] for i in others})
    for i in others:
        runs = _beside_each(runs, key(i), found.fields[i].values)
    if others:
        runs["setting"] = runs.groupby([key(i) for i in others]).ngroup()
    return runs


def _told(place: int) -> str:
    return f"told {place}"


def _beside_each(runs: pd.DataFrame, column: str, values: list[str]) -> pd.DataFrame:
    """Puts runs that lack a field beside each of its values."""
    lacking = runs[column] == ""
    if not lacking.any() or lacking.all():
        return runs
    copies = [runs[lacking].assign(**{column: value}) for value in values]
    return pd.concat([runs[~lacking], *copies])


def _complete(there: pd.DataFrame) -> pd.DataFrame:
    """Keeps the rows that have the most columns, all of the same, and these columns."""
    # Columns are values, which may have any name: nothing is written beside them.
    alike = collections.Counter(map(tuple, there.to_numpy(dtype=bool).tolist()))
    most = max(sorted(alike), key=lambda kept: (sum(kept), alike[kept]))
    there = there.loc[:, list(most)]
    return there[there.all(axis=1)]


def _best(own: pd.DataFrame) -> _Best:
    """Returns which setting is the best for a value, by what is behind each."""
    settings = own.index.get_level_values("setting")
    everywhere = own.groupby(level=1)["size"].transform("size") == settings.nunique()
    common = own[everywhere]
    own = common if common["count"].any() else own
    how = {"size": "sum", "count": "sum", "mean": "median"}
    each = own.groupby(level="setting").agg(how)
    each["share"] = each["count"] / each["size"]
    each = each.sort_values(["share", "mean"], ascending=False, kind="stable")
    first, hoped = int(each.index[0]), int(each["mean"].idxmax())
    if each["mean"][hoped] <= each["mean"][first]:
        return _Best(first, first, "")
    size = int(each["size"][hoped])
    lost = size - int(each["count"][hoped])
    return _Best(first, hoped, f"{lost} of {labels.count(size, 'run')}")


def _upsets(means: pd.DataFrame, first: str) -> list[tuple[int, str]]:
    """Lists settings at which another value is the best, each with that value."""
    known = means.dropna(how="all")
    winners = known.idxmax(axis=1)
    tied = known[first] == known.max(axis=1)
    return [(int(n), v) for n, v in winners[~tied].items() if v != first]


def _words(
    found: Swept, place: int, runs: pd.DataFrame, number: int, value: str
) -> dict[int, str]:
    """Returns the words of a setting of the others; of a value's runs, if it is one."""
    own = runs[runs["setting"] == number]
    own = own[own[key(place)] == value] if value else own
    column = _told if value else key
    others = [i for i in range(len(found.fields)) if i != place]
    return {i: str(own[column(i)].iloc[0]) for i in others}


def sentence(found: Swept, place: int) -> str:
    """Tells the best value of a field in a sentence, and where it is the best."""
    field = found.fields[place]
    compared = effect(found, place)
    if compared is None:
        return f"{field.name}: no two values stand beside each other, all else equal."
    order, ahead = compared.order, compared.ahead
    first, last = ahead[0], ahead[-1]
    aside = _passed(found, place, compared) + _aside(found, place, order)
    named_values = [order[0], order[1], order[-1]] if len(order) > 2 else order
    where = _where(found, place, compared, named_values)
    other_order = _upset(found, compared)
    if all(lead.mean == 0 for lead in ahead):
        text = f"{field.name}: no difference between {_listed(order)}"
        return f"{text}{where}{other_order}.{aside}"
    text = f"{field.name}: {order[0]} is ahead of {order[1]} by {_lead(found, first)}"
    if len(order) > 2:
        text += f" and of {order[-1]}, the last, by {_lead(found, last)}"
    clear = not math.isnan(first.low) and first.low > 0 and not found.is_short
    said = f"clear of the spread between {found.repeated}s"
    said = said if clear else "too early to say"
    return f"{text}{where}: {said}{other_order}.{aside}"


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
    varied, dropped = _varied(compared), compared.dropped
    same = compared.settings[0]
    fixed = [
        i for i in same if i not in varied and any(d[i] != same[i] for d in dropped)
    ]
    text = _named(found, {i: same[i] for i in fixed})
    text = f", at {text}" if text else ""
    if not varied:
        return f"{text}, the only setting at which all were trained" if text else ""
    words = {v: _said(found, varied, compared.best[v]) for v in values}
    if len(set(words.values())) == 1:
        told = words[values[0]]
    else:
        field = [found.fields[place]]
        told = "; ".join(f"{named(field, v)}: {said}" for v, said in words.items())
    text += f", each at its best {_listed([found.fields[i].name for i in varied])}"
    text += " of those at which all were trained" if dropped else ""
    return f"{text} ({told})"


def _passed(found: Swept, place: int, compared: Effect) -> str:
    """Says which values are judged elsewhere than at their best median, and why."""
    text, field = "", [found.fields[place]]
    for value, (words, lost) in compared.passed.items():
        text += f" {named(field, value)} has a better median at "
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
