import numpy as np
import pandas as pd
import pytest
import study_frames
from scipy import stats

from ws_jax.analysis import aggregate, statistics, summaries


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


def models(*runs):
    """Tidy rows of runs, cut into those of the CNN and of the FCN."""
    frame = aggregate.tidy(study_frames.frame([*runs]))
    return (frame[frame["model"] == name] for name in ("cnn", "fcn"))


def test_comparison_is_the_paired_t_test_with_a_wider_error():
    # scipy's paired test over five folds: t times sqrt((1/5) / (1/5 + 1/4)) = 2/3.
    runs = [
        study_frames.run_rows(model=model, fold=fold, epochs=4, curved=True, seed=fold)
        for model in ("cnn", "fcn")
        for fold in range(5)
    ]
    for run, shift in zip(runs, (0.01, 0.05, -0.02, 0.03, 0.0), strict=False):
        run["swap"] += shift
    # The frames have an epoch 0 without accuracies: the last two are the second half.
    values = np.array([run["swap"].to_numpy()[-2:].mean() for run in runs])
    want = stats.ttest_rel(values[:5], values[5:])
    interval = want.confidence_interval(0.95)
    (found,) = statistics.compare(*models(*runs), "swap", "second_half").itertuples()
    assert found.t == pytest.approx(want.statistic * 2 / 3)
    assert found.p == pytest.approx(2 * stats.t.sf(abs(found.t), 4))
    assert found.high - found.low == pytest.approx(1.5 * (interval.high - interval.low))
    assert found.first == pytest.approx(values[:5].mean())
    assert found.second == pytest.approx(values[5:].mean())
    assert found.mean == pytest.approx(found.first - found.second)
    assert found.folds == 5


def test_comparison_pairs_by_fold():
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
    (found,) = statistics.compare(*models(*cnn, *fcn), "swap").itertuples()
    assert (found.folds, found.init) == (2, "released")
    assert found.mean == pytest.approx(0.13 + 0.1 / 4)


def test_comparison_is_cell_by_cell():
    frame = study_frames.study(
        kinds=("translation", "rotation"),
        models=(("cnn", "paper"), ("fcn", "paper"), ("fcn", "released")),
        folds=(0, 1),
        epochs=2,
    )
    alone = [  # what nothing is like
        study_frames.run_rows(model="fcn", level=0.3, epochs=2),
        study_frames.run_rows(model="fcn", vcp=0.5, epochs=2),
        study_frames.run_rows(model="cnn", semantics="paper", epochs=2),
    ]
    frame = aggregate.tidy(pd.concat([frame, *alone], ignore_index=True))
    cnn, fcn = (frame[frame["model"] == name] for name in ("cnn", "fcn"))
    for first, second in ((cnn, fcn), (fcn, cnn)):
        found = statistics.compare(first, second, "val_acc")
        cells = found[["aug_type", "aug", "init"]].itertuples(index=False, name=None)
        assert set(cells) == {
            (kind, level, init)
            for kind, level in (("none", 0.0), ("translation", 0.2), ("rotation", 0.2))
            for init in ("paper", "released")
        }
        assert len(found) == 6 and set(found["folds"]) == {2}


def test_comparison_of_two_readings_of_the_same_runs():
    frame = study_frames.study(
        models=(("fcn", "paper"), ("fcn", "released")), levels=(0.2,), epochs=40
    )
    found = statistics.compare(frame, frame, "dist_1", "last_epoch", "start")
    assert list(found["init"]) == ["paper", "released"]
    change = study_frames.distances(np.array([0, 40]), 0.2, "translation")["dist_1"]
    np.testing.assert_allclose(found["first"], change[1])
    np.testing.assert_allclose(found["second"], change[0])
    np.testing.assert_allclose(found["mean"], change[1] - change[0])


def test_different_cuts_and_single_splits_are_not_compared():
    five = study_frames.frame([study_frames.run_rows(epochs=2)])
    three = study_frames.frame([study_frames.run_rows(epochs=2, num_folds=3)])
    assert statistics.compare(five, three, "swap").empty
    one = study_frames.frame([study_frames.run_rows(epochs=2, num_folds=1)])
    assert statistics.compare(one, one, "swap").empty
    assert statistics.compare(five, five, "swap")["folds"].tolist() == [1]


def test_comparison_of_nothing_and_in_words():
    empty = aggregate.tidy(pd.DataFrame())
    nothing = statistics.compare(empty, empty, "swap")
    assert summaries.comparison(nothing, "CNN", "FCN").empty
    cnn, fcn = models(
        *(study_frames.run_rows(model=m, epochs=2, fold=0) for m in ("cnn", "fcn"))
    )
    words = summaries.comparison(
        statistics.compare(cnn, fcn, "swap"), "CNN", "FCN", scale=100
    )
    assert words.index.tolist() == [
        ("MNIST", "released", "paper", "no augmentation", 0)
    ]
    assert list(words.columns) == ["FCN", "CNN", "CNN - FCN", "from", "to", "folds"]
    np.testing.assert_allclose(words.iloc[0, :3], [34, 47, 13])
    assert words["folds"].tolist() == [1]
