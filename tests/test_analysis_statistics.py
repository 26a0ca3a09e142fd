import numpy as np
import pandas as pd
import pytest
import study_frames
from scipy import stats

from ws_jax.analysis import aggregate, statistics


def test_by_hand():
    # Values 1 to 5: mean 3, variance 2.5, (1/5 + 1/4) * 2.5 = 1.125.
    found = statistics.corrected_t_test(np.arange(1.0, 6.0), 0.25)
    error = np.sqrt(1.125)
    assert found.t == pytest.approx(3 / error)
    assert found.high - found.mean == pytest.approx(2.7764451 * error)
    assert found.mean - found.low == pytest.approx(2.7764451 * error)
    assert found.effect == pytest.approx(3 / np.sqrt(2.5))
    assert (found.mean, found.folds) == (3.0, 5)


def test_published_example():
    # scikit-learn, "Statistical comparison of models using grid search": over ten times
    # ten folds an uncorrected t of 2.611 (p .005) becomes .750 (p .227).
    values = stats.norm.ppf((np.arange(100) + 0.5) / 100)
    values = values / values.std(ddof=1) + 0.2611
    found = statistics.corrected_t_test(values, 1 / 9, alternative="greater")
    assert found.t == pytest.approx(0.750, abs=5e-4)
    assert found.p == pytest.approx(0.227, abs=1e-3)


def test_no_ratio_is_the_paired_t_test():
    first = np.array([0.91, 0.93, 0.90, 0.95])
    second = np.array([0.90, 0.91, 0.91, 0.92])
    want = stats.ttest_rel(first, second)
    found = statistics.corrected_t_test(first - second, 0.0)
    assert found.t == pytest.approx(want.statistic)
    assert found.p == pytest.approx(want.pvalue)
    want_interval = want.confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx(tuple(want_interval))


def test_tails_add_up():
    values = np.array([0.1, 0.3, -0.1, 0.2, 0.4])
    p = {
        side: statistics.corrected_t_test(values, 0.25, alternative=side).p
        for side in ("two-sided", "greater", "less")
    }
    assert p["greater"] + p["less"] == pytest.approx(1)
    assert p["two-sided"] == pytest.approx(2 * p["greater"])


def test_few_values_give_no_interval():
    for values in ([], [0.3], [0.3, np.nan]):
        found = statistics.corrected_t_test(np.array(values), 0.25)
        assert np.isnan([found.low, found.high, found.p, found.effect]).all()
    assert found.mean == 0.3


def test_equal_folds_are_no_error():
    found = statistics.corrected_t_test(np.full(5, 0.5), 0.25)
    assert (found.low, found.high, found.p) == (0.5, 0.5, 0.0)


def test_errors():
    with pytest.raises(ValueError, match="greater"):
        statistics.corrected_t_test(np.zeros(3), 0.25, alternative="grater")
    with pytest.raises(ValueError, match="at least 2"):
        statistics.test_train_ratio(1)
    assert statistics.test_train_ratio(5) == 0.25


def test_pairs_by_fold():
    # Fold 2 is in one study only; seeds of a fold are averaged before.
    cnn = [
        study_frames.run_rows(model="cnn", fold=fold, epochs=3, seed=seed)
        for fold in (0, 1, 2)
        for seed in (0, 1)
    ]
    fcn = [
        study_frames.run_rows(model="fcn", init="released", fold=f, epochs=3)
        for f in (0, 1)
    ]
    cnn[1]["swap"] += 0.1  # seed 1 of fold 0
    frame = aggregate.tidy(study_frames.frame([*cnn, *fcn]))
    first, second = (frame[frame["model"] == name] for name in ("cnn", "fcn"))
    found = statistics.paired(first, second, "swap")
    assert found.folds == 2
    assert found.mean == pytest.approx(0.13 + 0.1 / 4)


def test_pairs_of_different_cuts_are_refused():
    first = study_frames.frame([study_frames.run_rows(epochs=2)])
    second = study_frames.frame([study_frames.run_rows(epochs=2, num_folds=3)])
    with pytest.raises(ValueError, match=r"\[3, 5\]"):
        statistics.paired(first, second, "swap")


def test_pairs_of_nothing():
    empty = pd.DataFrame()
    tidy = aggregate.tidy(empty)
    assert statistics.paired(tidy, tidy, "swap").folds == 0
