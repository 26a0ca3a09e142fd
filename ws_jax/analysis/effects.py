"""How the values of a swept field compare, each at the others' best setting for it.

Means over the other fields would answer another question: one learning rate that is too
large for a network would turn its place round. The best of several settings is picked
from the numbers that are then compared, for all values alike.
"""

from __future__ import annotations

import collections
import dataclasses
import functools
from collections.abc import Iterable

import pandas as pd

from ws_jax.analysis import labels, statistics
from ws_jax.analysis.swept import Swept, key

ROUNDED = 12  # digits of means: the order in which runs are added up is no difference


@dataclasses.dataclass(frozen=True)
class Effect:
    """The values of a field, compared.

    Attributes:
      order: the values, the best first.
      ahead: how far the first is ahead of each of the others.
      best: for each value the others' settings that are best for it (several, if none
        of them is better), as words by the place of a field; they are empty for a field
        that its runs lack.
      own: for each value all settings of the others that were compared, the same way.
      settings: these, of no value: without empty words.
      upsets: those at which another value is the best, each with that value.
      dropped: settings that are not compared: not all values were trained there.
      apart: settings that are not compared: their folds or seeds are others.
      passed: for a value whose best setting is not that of its best mean, since more
        runs diverged there: that of its best mean, and how many of its runs did.
    """

    order: list[str]
    ahead: list[statistics.Difference]
    best: dict[str, list[dict[int, str]]]
    own: dict[str, list[dict[int, str]]]
    settings: list[dict[int, str]]
    upsets: list[tuple[dict[int, str], str]]
    dropped: list[dict[int, str]]
    apart: list[dict[int, str]]
    passed: dict[str, tuple[dict[int, str], str]]


@dataclasses.dataclass(frozen=True)
class _Best:
    """The numbers of a value's best setting, and of that of its best mean."""

    setting: int
    tied: list[int]  # itself, and others that are as good
    passed: int
    lost: str  # how many of how many runs diverged there; empty if it is the best


def effect(found: Swept, place: int) -> Effect | None:
    """Compares the values of a field.

    All values have the same settings of the other fields to choose from: those in which
    all were trained; where there is none, those of as many values as stand beside each
    other. Of these the most that have a fold or seed in common are compared, since
    other seeds are other luck. The best has the largest share of runs that did not
    diverge, and of these the best mean, on the folds or seeds that all settings have:
    more seeds of a setting do not make it the best. Differences are of means, too, by
    folds (corrected for their overlap), or by seeds where there is one fold. Medians
    only break ties: a setting that is picked by them and compared by its mean may lose
    to another of the same value.

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
    complete, table = _numbers(table), _on_common_seeds(table)
    numbers = _numbers(table)
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
    apart = [number for number in complete if number not in numbers]
    return Effect(
        order,
        [ahead[other] for other in order[1:]],
        {v: unlike(words(number, v) for number in best[v].tied) for v in order},
        {v: unlike(words(number, v) for number in numbers) for v in order},
        [words(number, "") for number in numbers],
        [(words(number, value), value) for number, value in upsets],
        [words(number, "") for number in sorted(tried - set(complete))],
        [words(number, "") for number in apart],
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


def _numbers(table: pd.DataFrame) -> list[int]:
    """Lists the settings of a table's rows."""
    return [int(n) for n in table.index.get_level_values("setting").unique()]


def _on_common_seeds(table: pd.DataFrame) -> pd.DataFrame:
    """Keeps the most settings that have a fold or seed in common, the most of these."""
    there = table["size"].notna().any(axis=1).unstack(fill_value=False)

    def shared(seed) -> tuple[int, int]:
        """How many settings have it, and how many seeds all of these have."""
        own = there[there[seed]]
        return len(own), int(own.all().sum())

    kept = there.index[there[max(there.columns, key=shared)]]
    return table[table.index.get_level_values("setting").isin(kept)]


def unlike(words: Iterable[dict[int, str]]) -> list[dict[int, str]]:
    """Lists settings once each."""
    found: list[dict[int, str]] = []
    for one in words:
        found += [] if one in found else [one]
    return found


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
    by_setting = own.groupby(level="setting")
    each = by_setting.agg({"size": "sum", "count": "sum", "mean": "mean"})
    each["share"] = each["count"] / each["size"]
    each["mean"] = each["mean"].round(ROUNDED)
    each["median"] = by_setting["mean"].median()  # of equal means
    order = ["share", "mean", "median"]
    each = each.sort_values(order, ascending=False, kind="stable")
    first, hoped = int(each.index[0]), int(each["mean"].idxmax())
    good = (each[order] == each.loc[first, order]).all(axis=1)
    tied = [first, *(int(n) for n in each.index[good] if n != first)]
    if each["mean"][hoped] <= each["mean"][first]:
        return _Best(first, tied, first, "")
    size = int(each["size"][hoped])
    lost = size - int(each["count"][hoped])
    return _Best(first, tied, hoped, f"{lost} of {labels.count(size, 'run')}")


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


def why_not(found: Swept, place: int) -> str:
    """Says why no two values of a field can be compared."""
    runs = _beside(found, place)
    column, beside, seed = key(place), "stand beside each other", found.repeated
    if runs.empty or runs.groupby("setting")[column].nunique().max() < 2:
        return f"no two values {beside}, all else equal"
    said = f"values that {beside} have no {seed} in common"
    if runs.groupby(["setting", seed])[column].nunique().max() < 2:
        return said
    if runs.loc[runs["value"].notna(), column].nunique() < 2:
        return "all runs but those of one value diverged"
    return f"{said} on which they did not diverge"
