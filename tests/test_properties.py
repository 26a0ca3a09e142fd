"""What holds for all values of a kind, tried on drawn ones, the same ones always."""

import json
import math

import chex
import jax
import numpy as np
import pytest
from studies import mapped_group, one_scheme, tiny

from ws_jax import sharing
from ws_jax.config import (
    ConfigError,
    check_config,
    from_values,
    get_field,
    leaves,
    parse,
    replace_field,
    split_values,
    to_values,
)
from ws_jax.data import SPLITS, DataError, Dataset, folds, make_splits
from ws_jax.engine.living import LivingRuns
from ws_jax.engine.program import draw_masks
from ws_jax.models import ConvNet, WideResNet
from ws_jax.optimizers import SGD
from ws_jax.phases import Couple
from ws_jax.runs import Data, Run, Train
from ws_jax.storage.checkpoint import open_chunk
from ws_jax.storage.integrity import digest_of, seal, unseal
from ws_jax.storage.stored import Saved
from ws_jax.transforms import Flip, Noise

pytest.importorskip("hypothesis", reason="needs the extra `test`")
from hypothesis import HealthCheck, assume, example, given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402


def drawn(count):
    """Few examples, always the same, however long they take."""
    return settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )


RUNS = [
    Run(),
    Run(
        network=WideResNet(depth=16, width=1, templates=2),
        transforms=(Flip(), Noise(level=0.1), Noise(level=0.2)),
        train=Train(optimizer=SGD(), phase=Couple()),
    ),
]


def values_of(rule, old):
    """Draws values that a field may have, by what its declaration says."""
    if rule.names and isinstance(old, str):
        return st.sampled_from(rule.names)
    if isinstance(old, bool):
        return st.booleans()
    low = -1e6 if rule.low is None else rule.low
    high = 1e6 if rule.high is None else rule.high
    if isinstance(old, int):
        most = 2**31 - 1 if rule.high is None else int(high)
        return st.integers(math.ceil(low) + rule.open_low, most - rule.open_high)
    if isinstance(old, float):
        return st.floats(
            low, high, exclude_min=rule.open_low, exclude_max=rule.open_high
        )
    return st.just(old)


# Outside of what draws: what checks types draws at random, too.
FIELDS = [
    (run, path, values_of(rule, value))
    for run in RUNS
    for path, value, rule in leaves(run)
    if rule.role != "part"
]


@st.composite
def changed_runs(draw):
    """A run and a field of it with another value."""
    run, path, values = draw(st.sampled_from(FIELDS))
    return run, path, draw(values)


@pytest.mark.slow
@drawn(150)
@given(changed_runs())
def test_what_is_typed_written_and_read_again_is_the_same(change):
    run, path, value = change
    try:
        changed = check_config(replace_field(run, path, value))
    except ConfigError as error:  # values that do not go together
        assert "\n" not in str(error) and str(error)
        return
    assert from_values(Run, json.loads(json.dumps(to_values(changed)))) == changed
    assert parse(run, path, str(value)) == get_field(changed, path)
    assert jax.tree.unflatten(*jax.tree.flatten(changed)[::-1]) == changed


@drawn(100)
@given(changed_runs(), st.text(max_size=8))
@example((RUNS[0], "train.epochs", 1), "1e3")
@example((RUNS[0], "network.sharing", "free"), "[[")
def test_any_text_is_a_value_or_a_sentence(change, text):
    run, path, _ = change
    try:
        value = parse(run, path, text)
    except ConfigError as error:
        assert path.split(".")[-1] in str(error)
    else:
        assert type(value) is type(get_field(run, path))


@drawn(50)
@given(st.lists(st.integers() | st.tuples(st.integers(), st.integers()), min_size=1))
def test_values_of_an_axis_are_cut_where_they_were_joined(values):
    texts = [str(value) for value in values]
    assert split_values(",".join(texts)) == texts


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@drawn(50)
@given(st.dictionaries(st.text(max_size=3), JSON, max_size=4))
def test_a_sealed_record_is_read_as_it_was_and_knows_another(record):
    assume("sha256" not in record)
    assert unseal(json.dumps(seal(record))) == json.loads(json.dumps(record))
    assert digest_of(record) != digest_of({**record, "another": 1})


@drawn(60)
@given(st.integers(2, 200), st.data())
def test_folds_validate_each_image_once_and_differ_by_one(count, data):
    number = data.draw(st.integers(2, count))
    found = folds(count, number)
    validated = np.concatenate([fold.validation_index for fold in found])
    np.testing.assert_array_equal(validated, np.arange(count))
    sizes = {fold.num_validation for fold in found}
    assert max(sizes) - min(sizes) <= 1
    for fold in found:
        both = np.concatenate([fold.train_index, fold.validation_index])
        np.testing.assert_array_equal(np.sort(both), np.arange(count))


@drawn(60)
@given(
    st.sampled_from(sorted(SPLITS)),
    st.integers(1, 60),
    st.integers(1, 60),
    st.integers(2, 9),
    st.floats(0.01, 0.99),
)
def test_splits_cut_the_set_or_are_refused(way, count, num_train, number, holdout):
    dataset = Dataset(
        name="toy",
        version="1",
        images=np.zeros((count, 1, 1, 1), np.uint8),
        labels=np.zeros(count, np.int32),
        num_classes=1,
        num_train=min(num_train, count),
    )
    config = Data("toy", split=way, num_folds=number, holdout=holdout)
    try:
        found = make_splits(dataset, config)
    except DataError as error:
        assert "\n" not in str(error)
        return
    assert len(found) == SPLITS[way].count(config)
    for split in found:
        assert split.train.size and split.validation.size
        parts = [split.train, split.validation, split.test]
        np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(count))


@st.composite
def maps(draw):
    """Any map of few sites to kernels, of the schemes and none."""
    height, width = draw(st.sampled_from([(1, 1), (2, 3), (4, 4)]))
    size = height * width
    drawn = draw(st.lists(st.integers(0, size - 1), min_size=size, max_size=size))
    _, sites = np.unique(drawn, return_inverse=True)
    return sharing.Sharing(sites.reshape(height, width))


@pytest.mark.slow
@drawn(40)
@given(maps(), st.integers(0, 9))
def test_maps_expand_and_average_as_written_out(drawn_map, seed):
    field = np.random.default_rng(seed).normal(size=(*drawn_map.shape, 2))
    field = field.astype(np.float32)
    mean = np.zeros_like(field)
    for kernel in range(drawn_map.num_kernels):
        same = drawn_map.sites == kernel
        assert same.any()
        mean[same] = field[same].mean(axis=0)
    found = sharing.group_mean(field, drawn_map)
    np.testing.assert_allclose(found, mean, rtol=1e-5, atol=1e-6)
    # A field that is shared already goes through its bank unchanged.
    bank = sharing.collapse(found, drawn_map)
    assert bank.shape == (drawn_map.num_kernels, 2)
    np.testing.assert_allclose(
        sharing.expand(bank, drawn_map), found, rtol=1e-6, atol=1e-7
    )
    assert drawn_map.is_full == (drawn_map.num_kernels == 1)
    assert drawn_map == sharing.Sharing(drawn_map.sites.copy())


@drawn(60)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 12))
def test_tiles_and_periods_share_what_they_say(height, width, size):
    tiles = sharing.tiles((height, width), size).sites
    periodic = sharing.periodic((height, width), size).sites
    down, across = np.mgrid[:height, :width]
    for sites, key in [
        (tiles, (down // size, across // size)),
        (periodic, (down % size, across % size)),
    ]:
        _, alike = np.unique(
            np.stack([key[0].ravel(), key[1].ravel()]), axis=1, return_inverse=True
        )
        same = alike.ravel()[:, None] == alike.ravel()
        np.testing.assert_array_equal(sites.ravel()[:, None] == sites.ravel(), same)


@pytest.fixture(scope="module")
def severed():
    """The program of a network that severs connections."""
    _, group, mapped, _ = mapped_group(
        one_scheme(**{"network.severing": "connections", "network.vcp": 0.5}), which=0
    )
    return mapped.program, group.run


@pytest.mark.slow
@drawn(8)
@given(st.floats(0, 0.99), st.floats(0, 0.99), st.integers(0, 2**31 - 1))
def test_masks_are_of_ones_and_zeros_and_fewer_connections_stay_of_those(
    severed, one, other, seed
):
    program, run = severed
    key = jax.random.key(seed)
    masks = [
        jax.tree.leaves(draw_masks(program, replace_field(run, "network.vcp", p), key))
        for p in sorted((one, other))
    ]
    assert len(masks[0]) == len(ConvNet(features=(4, 6)).features)
    for more, fewer in zip(*masks, strict=True):
        assert set(np.unique(more)) <= {0, 1}
        assert (fewer <= more).all()
    kept = np.mean(np.concatenate([mask.ravel() for mask in masks[0]]))
    count = sum(mask.size for mask in masks[0])
    assert abs(kept - 1 + min(one, other)) <= 5 * math.sqrt(0.25 / count)


@pytest.fixture(scope="module")
def trained():
    """States of two runs after each of four epochs, undisturbed."""
    _, group, mapped, examples = mapped_group(tiny(train__epochs=4), which=1)
    living = LivingRuns(mapped, group.runs)
    living.start()
    states = [jax.tree.map(np.array, living.all_states())]
    for epoch in range(4):
        living.train_epoch(examples, epoch)
        states.append(jax.tree.map(np.array, living.all_states()))
    return mapped, group.runs, examples, states


@pytest.mark.slow
@drawn(6)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=3).map(sorted))
@example([0, 1, 2, 3])
def test_what_resumes_at_any_epochs_goes_on_to_the_same_bits(
    trained, tmp_path_factory, epochs
):
    mapped, runs, examples, states = trained
    folder, here = tmp_path_factory.mktemp("resumed"), None
    for stop in epochs:
        living = LivingRuns(mapped, runs)
        if here is None:
            living.start()
        else:
            with open_chunk(folder, keep=1) as checkpoints:
                assert checkpoints.latest().epoch == here
                living.resume(checkpoints.restore)
        for epoch in range(here or 0, stop):
            living.train_epoch(examples, epoch)
        with open_chunk(folder, keep=1) as checkpoints:
            checkpoints.save(living.all_states(), Saved(stop, False, [{"run": "r"}]))
        here = stop
    with open_chunk(folder, keep=1) as checkpoints:
        found = checkpoints.restore(states[here])
    chex.assert_trees_all_equal(found, states[here])
