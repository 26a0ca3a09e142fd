"""Splits: every way cuts a set into roles that do not overlap."""

import dataclasses

import numpy as np
import pytest

from ws_jax import data
from ws_jax.config import ConfigError, check_config
from ws_jax.data import SPLITS, make_splits
from ws_jax.engine.program import make_examples
from ws_jax.runs import Data

ROLES = ("train", "validation", "test")
CASES = [
    (way, n, num_train, folds, holdout)
    for way in SPLITS
    for n, num_train in [(10, 8), (11, 8), (23, 17), (60, 59)]
    for folds in (2, 3, 7)
    for holdout in (0.1, 0.5)
]


def dataset_of(n, num_train):
    return data.Dataset(
        name="toy",
        version="1",
        images=np.arange(n, dtype=np.uint8).reshape(n, 1, 1, 1),
        labels=np.zeros(n, np.int32),
        num_classes=1,
        num_train=num_train,
    )


def splits_of(way, n, num_train, folds=5, holdout=0.1):
    config = check_config(Data("toy", split=way, num_folds=folds, holdout=holdout))
    return make_splits(dataset_of(n, num_train), config), config


@pytest.mark.parametrize(("way", "n", "num_train", "folds", "holdout"), CASES)
def test_roles_cut_the_set_and_do_not_overlap(way, n, num_train, folds, holdout):
    splits, config = splits_of(way, n, num_train, folds, holdout)
    assert len(splits) == SPLITS[way].count(config)
    for split in splits:
        parts = [getattr(split, role) for role in ROLES]
        assert all(part.dtype == np.int32 for part in parts)
        assert all((np.diff(part) > 0).all() for part in parts)
        np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(n))
        assert split.train.size and split.validation.size


def test_folds_validate_every_image_once():
    splits, _ = splits_of("folds", 23, 17, folds=4)
    validated = np.concatenate([split.validation for split in splits])
    np.testing.assert_array_equal(validated, np.arange(23))
    assert all(split.test.size == 0 for split in splits)
    for split, fold in zip(splits, data.folds(23, 4), strict=True):
        np.testing.assert_array_equal(split.train, fold.train_index)
        np.testing.assert_array_equal(split.validation, fold.validation_index)


def test_published_validates_on_the_test_part():
    ((split,), _) = splits_of("published", 12, 8)
    np.testing.assert_array_equal(split.train, np.arange(8))
    np.testing.assert_array_equal(split.validation, np.arange(8, 12))
    assert split.test.size == 0


@pytest.mark.parametrize(
    ("part", "count"), [(0.1, 2), (0.25, 5), (0.5, 10), (0.07, 1), (0.9, 18)]
)
def test_holdout_validates_on_the_last_of_the_training_part(part, count):
    ((split,), _) = splits_of("holdout", 25, 20, holdout=part)
    np.testing.assert_array_equal(split.train, np.arange(20 - count))
    np.testing.assert_array_equal(split.validation, np.arange(20 - count, 20))
    np.testing.assert_array_equal(split.test, np.arange(20, 25))


def test_a_set_without_a_test_part():
    with pytest.raises(data.DataError, match="no published test part"):
        splits_of("published", 12, 12)
    ((split,), _) = splits_of("holdout", 20, 20)
    assert split.test.size == 0 and len(split.validation) == 2


@pytest.mark.parametrize(("part", "num_train"), [(0.01, 20), (0.99, 20)])
def test_a_holdout_of_nothing_is_refused(part, num_train):
    with pytest.raises(data.DataError, match=f"holdout {part} of {num_train} images"):
        splits_of("holdout", 25, num_train, holdout=part)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"split": "fold"}, "did you mean 'folds'"),
        ({"num_folds": 1}, "num_folds: 1 must be at least 2"),
        ({"holdout": 0.0}, r"holdout: 0.0 is not in \(0, 1\)"),
        ({"holdout": 1.0}, r"holdout: 1.0 is not in \(0, 1\)"),
    ],
)
def test_what_is_refused(change, message):
    with pytest.raises(ConfigError, match=message):
        check_config(dataclasses.replace(Data(), **change))


def test_more_folds_than_images():
    with pytest.raises(data.DataError, match="5 images into 7 folds"):
        splits_of("folds", 5, 4, folds=7)


@pytest.mark.parametrize("way", SPLITS)
def test_stacked_splits_come_with_their_sizes(way):
    dataset = dataset_of(23, 17)
    splits, _ = splits_of(way, 23, 17, folds=4)
    examples = make_examples(dataset, splits)
    for role in ROLES:
        stacked, sizes = getattr(examples, role), getattr(examples, f"num_{role}")
        assert stacked.dtype == sizes.dtype == np.int32
        for row, size, split in zip(stacked, sizes, splits, strict=True):
            np.testing.assert_array_equal(row[:size], getattr(split, role))


def test_what_a_way_does_not_use_is_no_part_of_a_run():
    def kept(**fields):
        return Data("toy", **fields).essence()

    assert kept(split="published", num_folds=7) == kept(split="published")
    assert kept(split="holdout", num_folds=7) == kept(split="holdout")
    assert kept(split="folds", holdout=0.3) == kept(split="folds")
    assert kept(split="holdout", holdout=0.3) != kept(split="holdout")
    assert kept(split="folds", num_folds=7) != kept(split="folds")
    assert kept(num_images=9) != kept()
