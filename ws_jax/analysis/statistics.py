"""What differences between runs on the same folds say, and what they cannot.

What five folds can show. Folds of a cross-validation share most of their training
images, so differences on them are not independent and the plain paired t-test finds
too much. The corrected test of Nadeau and Bengio widens the variance by the share of
validation to training images (1/4 for five folds): with five folds the 95 % interval
is mean +- 1.86 standard deviations. Differences well above the spread between folds
are found; a difference of the size of that spread is not, whatever its cause.

What they cannot show. Rank tests are of no use: over five pairs the exact Wilcoxon and
sign-flip tests cannot fall below p = 0.0625 (two-sided). Bootstrapping five numbers is
too narrow. One seed a fold mixes the luck of a start with the difficulty of a fold;
both are in the spread, neither can be told apart. The data set itself is never drawn
anew, so nothing here speaks of other data. And p-values are not corrected for the
number of claims or levels looked at: read intervals, and few of them.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pandas as pd
from scipy import special

from ws_jax.analysis import aggregate
from ws_jax.config import check_name

# `scipy.stats` has the same functions, which are slower to import and to call.
_TAILS = {
    "two-sided": lambda t, df: 2 * special.stdtr(df, -abs(t)),
    "greater": lambda t, df: special.stdtr(df, -t),
    "less": lambda t, df: special.stdtr(df, t),
}


@dataclasses.dataclass(frozen=True)
class Difference:
    """A mean over folds with its uncertainty; NaN where the folds are too few.

    Attributes:
      mean: of the values, in their unit.
      low: lower end of the confidence interval.
      high: upper end.
      t: the corrected statistic against a mean of 0.
      p: its p-value.
      effect: the mean over the standard deviation between folds (Cohen's d_z).
      folds: number of values.
    """

    mean: float
    low: float
    high: float
    t: float
    p: float
    effect: float
    folds: int


def test_train_ratio(num_folds: int) -> float:
    """Returns validation over training images in a cross-validation: 1 / (k - 1).

    Raises:
      ValueError: for fewer than two folds.
    """
    if num_folds < 2:
        raise ValueError(f"num_folds is {num_folds}, a cross-validation has at least 2")
    return 1 / (num_folds - 1)


def corrected_t_test(
    values: np.ndarray | pd.Series,
    ratio: float,
    *,
    alternative: str = "two-sided",
    confidence: float = 0.95,
) -> Difference:
    """Tests whether differences over folds have mean 0 (corrected resampled t-test).

    t = mean / sqrt((1 / n + ratio) * variance), with n - 1 degrees of freedom and the
    variance over n - 1.

    Args:
      values: one difference for each fold; NaN are left out.
      ratio: of validation to training images, see `test_train_ratio`.
      alternative: `two-sided`, `greater` or `less`; of the p-value only.
      confidence: of the two-sided interval.

    Returns:
      The mean and all else; from fewer than two values everything but the mean is NaN.

    Raises:
      ConfigError: for an unknown alternative.

    Source: Nadeau and Bengio, "Inference for the generalization error", Machine
    Learning 52 (2003), Section 5.
    """
    check_name("alternative", alternative, _TAILS)
    known = np.asarray(values, dtype=np.float64)
    known = known[~np.isnan(known)]
    n, nan = known.size, math.nan
    if n < 2:
        mean = float(known[0]) if n else nan
        return Difference(mean, nan, nan, nan, nan, nan, n)
    mean, spread = float(known.mean()), float(known.std(ddof=1))
    error = math.sqrt(1 / n + ratio) * spread
    half = float(special.stdtrit(n - 1, (1 + confidence) / 2)) * error
    # Folds that agree to the last digit give infinite statistics, not an error.
    with np.errstate(divide="ignore", invalid="ignore"):
        t = float(np.float64(mean) / error)
        effect = float(np.float64(mean) / spread)
    p = float(_TAILS[alternative](t, n - 1))
    return Difference(mean, mean - half, mean + half, t, p, effect, n)


def compare(
    first: pd.DataFrame,
    second: pd.DataFrame,
    metric: str,
    reading: str = "all_epochs",
    second_reading: str = "",
) -> pd.DataFrame:
    """Tests first - second in every cell that both have, over the folds that both have.

    Two cells are compared if they differ in nothing but model and initialisation: what
    trained for other lengths or in another setting is not. They
    must have the same initialisation too, unless one is the CNN: a kernel that all
    sites share has one reading. Results that are no cross-validation are left out.

    Args:
      first: results of one model.
      second: results of another; or of the same, for another reading of its epochs.
      metric: the measure's column.
      reading: how a run's epochs become one number, see `aggregate.run_values`.
      second_reading: that of the second model, if it is another.

    Returns:
      One row for each two cells: what they share of `aggregate.CELL_KEYS`; `init`, the
      CNN's only if both are; `first` and `second`, the means over seeds and folds; and
      the fields of `Difference`, with a 95 % interval from `corrected_t_test`.

    Source: Nadeau and Bengio, "Inference for the generalization error", Machine
    Learning 52 (2003), Section 5.
    """
    shared = [
        key for key in aggregate.CELL_KEYS if key not in ("model", "init", "cell")
    ]
    pairs = _fold_values(first, metric, reading).merge(
        _fold_values(second, metric, second_reading or reading),
        on=[*shared, "fold"],
        suffixes=("_first", "_second"),
    )
    init = pairs["init_first"].where(
        pairs["model_first"] != "cnn", pairs["init_second"]
    )
    is_cnn = (pairs["model_first"] == "cnn") | (pairs["model_second"] == "cnn")
    alike = is_cnn | (pairs["init_first"] == pairs["init_second"])
    pairs = pairs.assign(init=init)[alike & (pairs["num_folds"] > 1)]
    keys, lines = [*shared, "init"], []
    for cell, own in pairs.groupby(keys):
        place = dict(zip(keys, cell, strict=True))
        a, b = own["value_first"], own["value_second"]
        found = corrected_t_test(a - b, test_train_ratio(place["num_folds"]))
        means = {"first": a.mean(), "second": b.mean()}
        lines.append(place | means | dataclasses.asdict(found))
    fields = [field.name for field in dataclasses.fields(Difference)]
    return pd.DataFrame(lines, columns=[*keys, "first", "second", *fields])


def _fold_values(frame: pd.DataFrame, metric: str, reading: str) -> pd.DataFrame:
    """Returns a measure by cell and fold, the mean over seeds; NaN are left out."""
    runs = aggregate.run_values(frame, metric, reading).dropna(subset=["value"])
    keys = [*aggregate.CELL_KEYS, "fold"]
    return runs.groupby(keys, as_index=False)["value"].mean()
