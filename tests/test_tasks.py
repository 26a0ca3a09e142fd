"""Tasks: losses and scores against scikit-learn and optax, and metrics of totals."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from sklearn import metrics as sklearn_metrics
from studies import make_mapped, one_scheme

from ws_jax import engine, results
from ws_jax.config import ConfigError, check_config, config
from ws_jax.engine import train
from ws_jax.engine.mapping import stack_inputs
from ws_jax.layers import Layer
from ws_jax.lowerings import Geometry
from ws_jax.metrics import Total, epoch_metrics, measured, sum_leading
from ws_jax.sharing import full
from ws_jax.tasks import Classification, Segmentation, Task, WeightNorm

RANDOM = np.random.default_rng(5)
N, CLASSES = 60, 7
LOGITS = RANDOM.normal(size=(N, CLASSES)).astype(np.float32)
LABELS = np.concatenate(
    [np.arange(CLASSES), RANDOM.integers(0, CLASSES, N - CLASSES)]
).astype(np.int32)
MASK_LOGITS = RANDOM.normal(size=(9, 6, 5)).astype(np.float32)
MASKS = (RANDOM.random((9, 6, 5)) < 0.3).astype(np.float32)


def totals_of(task, outputs, targets, counted=None):
    """Sums over examples, as the engine makes them."""
    outputs, targets = jnp.asarray(outputs), jnp.asarray(targets)
    counted = np.ones(len(outputs)) if counted is None else np.asarray(counted)
    values = jax.jit(
        lambda: task.totals(outputs, targets, task.losses(outputs, targets))
    )()
    assert all(len(value) == len(outputs) for value in values.values())
    return {
        name: Total(np.tensordot(counted, np.float64(value), 1), counted.sum())
        for name, value in values.items()
    }


def metrics_of(task, *args):
    return task.metrics(totals_of(task, *args))


def softmax(logits):
    return np.asarray(jax.nn.softmax(jnp.asarray(logits)))


def test_classification_is_scored_as_scikit_learn_does():
    found = metrics_of(Classification(top=(2, 5), confusion=True), LOGITS, LABELS)
    said, classes = LOGITS.argmax(-1), np.arange(CLASSES)
    assert found["acc"] == pytest.approx(sklearn_metrics.accuracy_score(LABELS, said))
    loss = sklearn_metrics.log_loss(LABELS, softmax(np.float64(LOGITS)))
    assert found["loss"] == pytest.approx(loss, rel=1e-6)
    for k in (2, 5):
        want = sklearn_metrics.top_k_accuracy_score(LABELS, LOGITS, k=k, labels=classes)
        assert found[f"top{k}"] == pytest.approx(want)
    want = sklearn_metrics.confusion_matrix(LABELS, said, labels=classes)
    np.testing.assert_array_equal(found["confusion"], want)


def test_what_does_not_count_is_left_out():
    counted = np.arange(N) % 3 > 0
    task = Classification(top=(3,), confusion=True)
    got = metrics_of(task, LOGITS, LABELS, counted)
    want = metrics_of(task, LOGITS[counted], LABELS[counted])
    for name in ("loss", "acc", "top3", "confusion"):
        np.testing.assert_allclose(got[name], want[name], rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5, 1.0])
def test_smoothed_labels_are_those_of_optax(smoothing):
    def want(logits):
        onehot = optax.smooth_labels(jax.nn.one_hot(LABELS, CLASSES), smoothing)
        return optax.softmax_cross_entropy(logits, onehot)

    def got(logits):
        task = Classification(label_smoothing=smoothing)
        return task.losses(logits, jnp.asarray(LABELS))

    logits = jnp.asarray(30 * LOGITS)
    np.testing.assert_allclose(got(logits), want(logits), rtol=2e-5, atol=2e-5)
    gradients = (jax.grad(lambda z, f=f: f(z).mean())(logits) for f in (got, want))
    np.testing.assert_allclose(*gradients, atol=1e-6)


def test_smoothing_may_be_traced():
    def loss(smoothing):
        task = Classification(label_smoothing=smoothing)
        return task.losses(jnp.asarray(LOGITS), jnp.asarray(LABELS))

    got = jax.jit(jax.vmap(loss))(jnp.array([0.0, 0.2], jnp.float32))
    np.testing.assert_allclose(got, [loss(0.0), loss(0.2)], rtol=1e-6)


def test_what_is_not_a_number_is_not_among_the_best():
    logits = np.full((4, CLASSES), np.nan, np.float32)
    found = metrics_of(Classification(top=(2,)), logits, np.array([1, 2, 3, 4]))
    assert found["top2"] == found["acc"] == 0 and np.isnan(found["loss"])
    mixed = np.array([[np.nan, np.nan, 5.0, 1.0]], np.float32)
    assert metrics_of(Classification(top=(2,)), mixed, np.array([2]))["top2"] == 0


@pytest.mark.parametrize("flat", [False, True])
def test_segmentation_is_scored_as_scikit_learn_does(flat):
    outputs = MASK_LOGITS.reshape(9, 30) if flat else MASK_LOGITS
    found = metrics_of(Segmentation(), outputs, MASKS)
    said, true = MASK_LOGITS.ravel() > 0, MASKS.ravel() > 0
    assert found["f1"] == pytest.approx(sklearn_metrics.f1_score(true, said))
    assert found["acc"] == pytest.approx(sklearn_metrics.accuracy_score(true, said))
    probabilities = 1 / (1 + np.exp(-np.float64(MASK_LOGITS.ravel())))
    want = sklearn_metrics.log_loss(true, probabilities)
    assert found["loss"] == pytest.approx(want, rel=1e-6)
    # Of all pixels, which the mean of the images' own F1 is not.
    each = [
        sklearn_metrics.f1_score(t.ravel() > 0, s.ravel() > 0)
        for t, s in zip(MASKS, MASK_LOGITS, strict=True)
    ]
    assert abs(found["f1"] - np.mean(each)) > 1e-4


@pytest.mark.slow
def test_totals_of_batches_add_up():
    for task, outputs, targets in [
        (Classification(confusion=True), LOGITS, LABELS),
        (Segmentation(), MASK_LOGITS, MASKS),
    ]:
        parts = [totals_of(task, outputs[i::3], targets[i::3]) for i in range(3)]
        stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *parts)
        got = task.metrics(sum_leading(stacked))
        want = metrics_of(task, outputs, targets)
        for name in want:
            np.testing.assert_allclose(got[name], want[name], rtol=1e-6)


def test_metrics_of_an_epoch_have_their_names():
    task = Classification(top=(2,), confusion=True)
    train, val = (totals_of(task, LOGITS[s], LABELS[s]) for s in (np.s_[:9], np.s_[9:]))
    totals = {
        "train": train,
        "val": val,
        "test": train,
        "view_noise": train,
        "measured": {"dist_1": measured(jnp.float32(0.25))},
    }
    found = epoch_metrics(task, ["noise"], totals)
    names = {"loss", "acc", "top2", "confusion"}
    assert set(found) == (
        {f"{prefix}{name}" for prefix in ("", "val_", "test_") for name in names}
        | {"noise", "dist_1"}
    )
    assert (
        found["acc"] == found["noise"] == (LOGITS[:9].argmax(-1) == LABELS[:9]).mean()
    )
    assert found["val_acc"] == (LOGITS[9:].argmax(-1) == LABELS[9:]).mean()
    assert found["dist_1"] == 0.25
    assert np.array(found["confusion"]).shape == (CLASSES, CLASSES)
    assert isinstance(found["acc"], float) and isinstance(found["confusion"], list)
    assert epoch_metrics(task, [], {"measured": {}}) == {}


def test_f1_of_nothing_is_no_number():
    task = Segmentation()
    totals = totals_of(task, -np.ones((2, 3, 3), "f4"), np.zeros((2, 3, 3), "f4"))
    found = epoch_metrics(task, [], {"val": totals})
    assert np.isnan(found["val_f1"]) and found["val_acc"] == 1


@pytest.mark.slow
def test_a_norm_of_the_kernels_is_half_their_squares():
    geometry = Geometry((3, 3), (1, 1), ((0, 0), (0, 0)), None)
    layers = [
        Layer((*path, "conv"), full((4, 4)), geometry, (6, 6, 1), 2)
        for path in ((), ("block",))
    ]
    kernels = RANDOM.normal(size=(2, 3, 3, 1, 2)).astype(np.float32)
    params = {
        "conv": {"kernel": jnp.asarray(kernels[0]), "bias": jnp.ones(2)},
        "block": {"conv": {"kernel": jnp.asarray(kernels[1])}},
        "dense": {"kernel": jnp.ones((9, 9))},
    }
    got = WeightNorm(strength=0.1).value(layers, params)
    np.testing.assert_allclose(got, (kernels**2).sum() / 2, rtol=1e-6)
    gradient = jax.grad(lambda p: WeightNorm().value(layers, p))(params)
    np.testing.assert_allclose(gradient["block"]["conv"]["kernel"], kernels[1])
    assert not np.any(gradient["dense"]["kernel"])


def test_what_tasks_ask_of_the_data():
    Classification(top=(2, 6)).check_data(LABELS, CLASSES)
    Segmentation().check_data(MASKS.astype(np.int32), 2)
    with pytest.raises(ConfigError, match="7 is not below the 7 classes"):
        Classification(top=(7,)).check_data(LABELS, CLASSES)
    with pytest.raises(ConfigError, match=r"one label an image.*\(6, 5\)"):
        Classification().check_data(MASKS, CLASSES)
    with pytest.raises(ConfigError, match="a mask"):
        Segmentation().check_data(LABELS, CLASSES)
    with pytest.raises(ConfigError, match="labels up to 2"):
        Segmentation().check_data(2 * MASKS.astype(np.int32), CLASSES)
    assert Classification().num_outputs(7, (28, 20, 1)) == 7
    assert Segmentation().num_outputs(7, (28, 20, 1)) == 560


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (
            Classification(label_smoothing=1.5),
            r"label_smoothing: 1.5 is not in \[0, 1\]",
        ),
        (Classification(top=(1,)), "top: 1 must be at least 2"),
        (Classification(terms=(WeightNorm(strength=-1.0),)), "strength: -1.0 must be"),
    ],
)
def test_what_is_refused(task, message):
    with pytest.raises(ConfigError, match=message):
        check_config(task)


def test_which_kinds_there_are():
    assert {"classification", "segmentation"} <= set(Task.kinds)
    assert Classification.watched == "acc" and Segmentation.watched == "f1"
    assert Task.maximized and Segmentation.dense and not Classification.dense


def test_a_task_of_ones_own_needs_no_terms():
    class Own(Task):
        watched = "loss"

    assert Own().terms == ()


@config("told_by_noise")
class ToldByNoise(Classification):
    """The label is drawn, and written into every pixel."""

    def batch(self, keys, images, targets):
        """Images of one value each, which is the target."""
        drawn = jax.vmap(lambda key: jax.random.randint(key, (), 0, 10))(keys)
        pixels = drawn[:, None, None, None].astype(jnp.float32) / 10
        return jnp.broadcast_to(pixels, images.shape), drawn


def test_a_task_makes_the_batch_of_a_training_step():
    sweep = one_scheme(task=ToldByNoise(), evaluation__views=())
    _, group, mapped, examples = make_mapped(sweep, 0)
    config = jax.tree.map(lambda a: a[0], stack_inputs(group.runs)).config
    seen = []
    for step in range(2):
        keys = jax.random.key(7), jax.random.key(step)
        args = examples, config, jnp.arange(16), jnp.ones(16, bool)
        batch = train.make_batch(mapped.program, keys, *args)
        seen.append(np.asarray(batch.targets))
        np.testing.assert_allclose(batch.x[:, 0, 0, 0], seen[step] / 10, rtol=1e-6)
    assert np.any(seen[0] != seen[1])


def test_a_task_makes_the_batches_of_evaluation_equal_for_runs_of_a_seed(tmp_path):
    """Whatever their rates and the sizes of their batches are."""
    rates, sizes = (1e-3, 1e-2), (16, 12)
    axes = {"train.optimizer.learning_rate": rates, "train.batch_size": sizes}
    task = ToldByNoise(confusion=True)
    sweep = one_scheme(axes, task=task, evaluation__views=())
    frame = results.read(engine.run_sweep(sweep, tmp_path).parent)
    frame = frame[frame["epoch"] > 0]
    drawn = []
    for _, rows in frame.groupby("epoch"):
        counts = [np.stack(found).sum(axis=1) for found in rows["val_confusion"]]
        assert len(counts) == 4 and counts[0].sum() == 20
        for other in counts[1:]:  # how often each class was the target
            np.testing.assert_array_equal(other, counts[0])
        drawn.append(counts[0])
    assert np.any(drawn[0] != drawn[1])
