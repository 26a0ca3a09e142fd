"""What a sweep of one's own asks, and how it answers: the best value of each field.

Runs are compared by the validation metric that their task watches, each at its best
epoch. The best of several is picked from the numbers that rank them, so its lead looks
a little larger than it is.
"""

from __future__ import annotations

import dataclasses
import math

import pandas as pd

from ws_jax.analysis import aggregate, labels, statistics, varying, watched

SHORT = 5  # epochs; what trained for fewer tells little


@dataclasses.dataclass(frozen=True)
class Study:
    """The runs on one data set, and what they are compared by.

    Attributes:
      rows: tidy.
      fields: those in which the runs differ.
      metric: the column of the watched validation metric.
      sign: 1 where more of it is better, else -1.
      runs: one row per run: `fold`, `seed`, `num_folds`, `value` (at its best epoch)
        and a column of words for each field, `field 0` and so on.
    """

    rows: pd.DataFrame
    fields: list[varying.Field]
    metric: str
    sign: int
    runs: pd.DataFrame

    def show(self, value: float) -> str:
        """Returns a value of the metric, a share in percent."""
        if watched.is_share(self.rows, self.metric):
            return f"{100 * value:.1f} %"
        return f"{value:.4g}"

    def difference(self, value: float) -> str:
        """Returns a difference of two values, of shares in points."""
        if watched.is_share(self.rows, self.metric):
            return f"{100 * value + 0.0:.1f}".replace("-", "−")
        return f"{value:.3g}".replace("-", "−")

    @property
    def unit(self) -> str:
        """The unit of differences."""
        return " points" if watched.is_share(self.rows, self.metric) else ""


def study(rows: pd.DataFrame) -> Study:
    """Reads tidy rows of one data set as a study."""
    metric = str(watched.names(rows).mode()[0])
    metric = metric if metric in rows.columns else "val_acc"
    sign = 1
    if "task.maximized" in rows.columns and (rows["task.maximized"] == False).any():  # noqa: E712
        sign = -1
    fields = varying.fields(rows)
    values = aggregate.run_values(rows, metric, "best_epoch")
    words = pd.DataFrame({key(i): field.words for i, field in enumerate(fields)})
    first = words.groupby(rows["training"]).first()
    runs = values[["fold", "seed", "num_folds", "status", "value"]].join(first)
    return Study(rows, fields, metric, sign, runs)


def answers(found: Study) -> list[str]:
    """Says what was swept, the best setting, and for each field the best value.

    Returns:
      Sentences, those of the fields from the third on; one where nothing was swept.
    """
    runs = found.runs.dropna(subset=["value"])
    repeats = varying.repeats(found.rows)
    if not found.fields or runs.empty:
        value = found.show(runs["value"].median()) if len(runs) else "not known"
        return [
            f"Nothing was swept. {labels.metric(found.metric)}: {value} ({repeats})."
        ]
    swept = "; ".join(f"{f.name} ({', '.join(f.values)})" for f in found.fields)
    medians = _medians(found, runs)
    best = medians.iloc[0]
    name = named(found.fields, medians.index[0])
    spread = f"; {found.show(best['min'])} to {found.show(best['max'])}"
    spread = spread if best["size"] > 1 else ""
    sentences = [
        f"Swept: {swept}. Behind each setting: {repeats}.",
        f"The best of {labels.count(len(medians), 'setting')}, by "
        f"{labels.metric(found.metric).lower()} at each run’s best epoch"
        f"{'' if found.sign > 0 else ' (less is better)'}: {name}, "
        f"{found.show(best['median'])} (median of {labels.count(best['size'], 'run')}"
        f"{spread}).",
    ]
    return sentences + [
        text for i in range(len(found.fields)) if (text := _of(found, i))
    ]


def is_short(found: Study) -> bool:
    """Returns whether no run trained long enough to tell much."""
    return int(found.rows["epoch"].max()) < SHORT


def cautions(found: Study) -> list[str]:
    """Says why it may be too early for an answer."""
    said = []
    runs = found.runs
    if is_short(found):
        epochs = int(found.rows["epoch"].max())
        said.append(f"runs of {labels.epochs(epochs)} are short")
    if (runs["status"] == "running").any():
        count = int((runs["status"] == "running").sum())
        said.append(f"{count} of {labels.count(len(runs), 'run')} under way")
    if varying.repeats(found.rows) == "1 fold, 1 seed":
        said.append("there is one run of each setting, which gives no interval")
    return [f"Too early to say more: {'; '.join(said)}."] if said else []


def _medians(found: Study, runs: pd.DataFrame) -> pd.DataFrame:
    keys = [key(i) for i in range(len(found.fields))]
    table = runs.groupby(keys)["value"].agg(["median", "min", "max", "size"])
    return table.sort_values("median", ascending=found.sign < 0, kind="stable")


def named(fields: list[varying.Field], values) -> str:
    """Says the values of some fields, as `FCN, learning rate 0.01`."""
    values = values if isinstance(values, tuple) else (values,)
    return ", ".join(
        value if field.column in ("model", "aug_type") else f"{field.name} {value}"
        for field, value in zip(fields, values, strict=True)
        if value
    )


def effect(found: Study, place: int) -> tuple[list[str], list[statistics.Difference]]:
    """Compares the values of a field where all else is equal.

    Args:
      found: the study.
      place: of the field.

    Returns:
      The values, the best first, and how far the first is ahead of each of the others:
      by folds (corrected for their overlap), or by seeds where there is one fold. Where
      no setting of the other fields has all values, of as many as stand beside each
      other. Both empty if no two values do.
    """
    runs = found.runs.dropna(subset=["value"])
    runs = runs[runs[key(place)] != ""]
    others = [key(i) for i in range(len(found.fields)) if i != place]
    for i, field in enumerate(found.fields):
        runs = runs if i == place else _beside_each(runs, key(i), field.values)
    by = "fold" if runs["fold"].nunique() > 1 else "seed"
    wide = runs.pivot_table(
        index=[*others, by], columns=key(place), values="value", aggfunc="mean"
    )
    wide = found.sign * _complete(wide)
    if wide.empty or wide.shape[1] < 2:
        return [], []
    order = list(wide.mean().sort_values(ascending=False, kind="stable").index)
    count = int(runs["num_folds"].max())
    ratio = statistics.test_train_ratio(count) if by == "fold" and count > 1 else 0.0
    each = wide.groupby(level=by).mean()
    return order, [
        statistics.corrected_t_test(each[order[0]] - each[other], ratio)
        for other in order[1:]
    ]


def _complete(wide: pd.DataFrame) -> pd.DataFrame:
    """Keeps the rows that have the most columns, all of the same, and these columns."""
    if wide.empty:
        return wide
    there = wide.notna()
    alike = there.groupby(list(there.columns)).size().reset_index(name="rows")
    alike["columns"] = alike[list(there.columns)].sum(axis=1)
    most = alike.sort_values(["columns", "rows"], ascending=False, kind="stable")
    kept = most.iloc[0][list(there.columns)].astype(bool)
    return wide.loc[:, kept.to_numpy()].dropna()


def key(place: int) -> str:
    """Returns the column of a field in `Study.runs`."""
    return f"field {place}"


def _beside_each(runs: pd.DataFrame, column: str, values: list[str]) -> pd.DataFrame:
    """Puts runs that lack a field beside each of its values."""
    lacking = runs[column] == ""
    if not lacking.any() or lacking.all():
        return runs
    copies = [runs[lacking].assign(**{column: value}) for value in values]
    return pd.concat([runs[~lacking], *copies])


def _of(found: Study, place: int) -> str:
    """Tells the best value of a field in a sentence."""
    field = found.fields[place]
    order, ahead = effect(found, place)
    if not order:
        return f"{field.name}: no two values stand beside each other, all else equal."
    first, last = ahead[0], ahead[-1]
    alone = [value for value in field.values if value not in order]
    aside = f" Nothing stands beside {', '.join(alone)}, all else equal." * bool(alone)
    if first.mean == 0 and len(order) == 2:
        same = f"{field.name}: no difference between {order[0]} and {order[1]}."
        return same + aside
    lead = f"{found.difference(first.mean)}{found.unit}"
    text = f"{field.name}: {order[0]} is ahead of {order[1]} by {lead}"
    text += f" ({_interval(found, first)})"
    if len(order) > 2:
        text += f" and of {order[-1]}, the last, by "
        text += f"{found.difference(last.mean)}{found.unit}"
        text += f" ({_interval(found, last)})"
    clear = not math.isnan(first.low) and first.low > 0 and not is_short(found)
    by = "folds" if found.runs["fold"].nunique() > 1 else "seeds"
    said = f"clear of the spread between {by}" if clear else "too early to say"
    return f"{text}: {said}.{aside}"


def _interval(found: Study, lead: statistics.Difference) -> str:
    by = "fold" if found.runs["fold"].nunique() > 1 else "seed"
    if math.isnan(lead.low):
        return f"one {by}, no interval"
    ends = f"{found.difference(lead.low)} to {found.difference(lead.high)}"
    return f"95 % interval {ends}, {labels.count(lead.folds, by)}"
