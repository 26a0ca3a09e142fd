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
from scipy import stats

from ws_jax.analysis import aggregate
from ws_jax.config import check_name

_TAILS = {
    "two-sided": lambda t, df: 2 * stats.t.sf(abs(t), df),
    "greater": lambda t, df: stats.t.sf(t, df),
    "less": lambda t, df: stats.t.cdf(t, df),
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
    half = float(stats.t.ppf((1 + confidence) / 2, n - 1)) * error
    # Folds that agree to the last digit give infinite statistics, not an error.
    with np.errstate(divide="ignore", invalid="ignore"):
        t = float(np.float64(mean) / error)
        effect = float(np.float64(mean) / spread)
    p = float(_TAILS[alternative](t, n - 1))
    return Difference(mean, mean - half, mean + half, t, p, effect, n)


def fold_values(frame: pd.DataFrame, metric: str, reading: str) -> pd.Series:
    """Returns a measure of some runs by fold, the mean over seeds.

    Args:
      frame: tidy rows of one cell (one model, level and setting).
      metric: the measure's column.
      reading: how a run's epochs become one number, see `aggregate.READINGS`.

    Returns:
      Values indexed by fold; folds without one are absent.
    """
    runs = aggregate.run_values(frame, metric, reading).dropna(subset=["value"])
    return runs.groupby("fold")["value"].mean()


def paired(
    first: pd.DataFrame,
    second: pd.DataFrame,
    metric: str,
    reading: str = "all_epochs",
    **options,
) -> Difference:
    """Tests first - second over the folds that both have.

    Args:
      first: tidy rows of one cell.
      second: tidy rows of another, on the same folds of the same data.
      metric: the measure's column.
      reading: how a run's epochs become one number.
      **options: see `corrected_t_test`.

    Raises:
      ValueError: if the two were cut into different numbers of folds.
    """
    counts = sorted({*first["num_folds"], *second["num_folds"]})
    if len(counts) > 1:
        raise ValueError(f"folds out of {counts} cannot be paired")
    gap = fold_values(first, metric, reading) - fold_values(second, metric, reading)
    ratio = test_train_ratio(int(counts[0])) if counts else math.nan
    return corrected_t_test(gap.dropna(), ratio, **options)
