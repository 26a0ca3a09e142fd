"""From Python: a sweep, its trained networks, and their outputs."""

import dataclasses
import inspect
import re
from pathlib import Path

import numpy as np
import pytest
from filled import network_variables

from ws_jax import cli, data, results
from ws_jax.checkpoint import load_run
from ws_jax.config import ConfigError, replace_field
from ws_jax.engine import predict, run_sweep
from ws_jax.engine.predict import check_asked
from ws_jax.engine.program import network_program
from ws_jax.models import ConvNet
from ws_jax.runs import Data, Evaluation, Run, Sweep, Train
from ws_jax.tasks import Segmentation
from ws_jax.transforms import Centre

ROOT = Path(__file__).parents[1]
NETWORK = {"features": (4,), "kernel_sizes": (3,), "strides": (2,), "hidden": 8}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    base = Run(
        data=Data("synthetic:60x10x10x1", num_folds=3),
        network=ConvNet(**NETWORK),
        evaluation=Evaluation(views=()),
        train=Train(epochs=1, batch_size=16),
    )
    sweep = Sweep("small", base, {"sharing": ("full", "free")}).checked()
    folder = tmp_path_factory.mktemp("small")
    run_sweep(sweep, folder)
    return sweep, folder


@pytest.mark.slow
@pytest.mark.parametrize("model", ["cnn", "fcn"])
def test_outputs_score_as_the_sweep_did(trained, model):
    sweep, folder = trained
    dataset = data.load("synthetic:60x10x10x1")
    (run,) = (
        r for r in sweep.runs() if (r.network.sharing == "free") == (model == "fcn")
    )
    split = data.make_splits(dataset, run.data)[0].validation
    logits = predict(
        run, load_run(folder, model=model), dataset.images[split], dataset.num_classes
    )
    assert logits.shape == (len(split), dataset.num_classes)
    right = (logits.argmax(axis=1) == dataset.labels[split]).mean()
    table = results.read(folder)
    last = table[(table["model"] == model) & (table["epoch"] == 1)]
    np.testing.assert_allclose(right, last["val_acc"].item(), atol=1e-6)


def test_images_are_cut_as_in_evaluation():
    network = ConvNet(**NETWORK)
    run = Run(network=network, task=Segmentation(), transforms=(Centre(size=8),))
    program = network_program(run, (12, 12, 1), 2)
    assert (program.image_shape, program.num_outputs) == ((8, 8, 1), 64)
    variables = network_variables(program, run)
    images = np.random.default_rng(0).integers(0, 256, (3, 12, 12, 1), dtype=np.uint8)
    whole = predict(run, variables, images, 2)
    assert whole.shape == (3, 64)
    images[:, :2] = 0  # outside the centre
    np.testing.assert_array_equal(predict(run, variables, images, 2), whole)


def test_slips_are_one_sentence_and_no_images_give_no_outputs():
    run = Run(network=ConvNet(**NETWORK))
    program = network_program(run, (10, 10, 1), 10)
    variables = network_variables(program, run)
    images = np.zeros((2, 10, 10, 1), np.uint8)
    assert predict(run, variables, images[:0], 10).shape == (0, 10)
    free = Run(network=ConvNet(**NETWORK, sharing="free"))
    for slip in (
        lambda: predict(run, variables, images[:, 2:], 10),
        lambda: predict(run, variables, images, 7),
        lambda: predict(free, variables, images, 10),
        lambda: predict(run, variables["params"], images, 10),
    ):
        with pytest.raises(ConfigError, match="not those of this run's network on"):
            slip()


@pytest.mark.parametrize(
    "change, message",
    [
        ({"run": Sweep("own", Run(), {})}, "run is a Sweep, needs a Run"),
        ({"run": {"params": {}}}, "run is a dict, needs a Run"),
        ({"variables": None}, "variables are a NoneType, need a mapping"),
        ({"num_classes": 10.0}, "num_classes is 10.0, needs an integer from 1"),
        ({"num_classes": None}, "num_classes is None, needs"),
        ({"images": [[1, 2], [3]]}, r"images must be uint8 \[n, h, w, c\]: "),
        ({"images": np.zeros((1, 0, 0, 1), np.uint8)}, "0x0"),
        ({"images": np.zeros((1, 2, 2, 1), np.uint8)}, "2x2"),
    ],
)
def test_what_is_not_what_was_asked_for_is_named(change, message, monkeypatch):
    asked = {
        "run": Run(network=ConvNet(**NETWORK)),
        "variables": {"params": {}},
        "images": np.zeros((1, 10, 10, 1), np.uint8),
        "num_classes": 10,
    }
    # As outside of tests, where types of arguments are not checked.
    plain = inspect.unwrap(predict)
    monkeypatch.setitem(plain.__globals__, "check_asked", inspect.unwrap(check_asked))
    with pytest.raises(ConfigError, match=message):
        plain(**asked | change)


@pytest.mark.slow
def test_what_cannot_be_asked_is_said(trained):
    sweep, _ = trained
    with pytest.raises(ConfigError, match=r"must be uint8 \[n, h, w, c\], got float"):
        predict(sweep.base, {"params": {}}, np.zeros((2, 10, 10, 1)), 10)
    severed = Run(network=ConvNet(sharing="free", severing="units", vcp=0.5))
    with pytest.raises(ConfigError, match="severs connections"):
        predict(severed, {"params": {}}, np.zeros((2, 28, 28, 1), np.uint8), 10)


@pytest.mark.slow
def test_the_readmes_way_from_a_config_to_outputs(tmp_path, monkeypatch, capsys):
    text = (ROOT / "README.md").read_text("utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    (block,) = (block for block in blocks if "predict(" in block)
    monkeypatch.chdir(ROOT)
    load_sweep = cli.load_sweep

    def fewer_images(name):
        sweep = load_sweep(name)
        base = replace_field(sweep.base, "data.num_images", 800)
        return dataclasses.replace(sweep, base=base)

    monkeypatch.setattr(cli, "load_sweep", fewer_images)
    exec(block.replace("results/smoke", str(tmp_path / "smoke")), {})
    assert 0.3 < float(capsys.readouterr().out) <= 1
    (line,) = re.findall(r"`(table\.to_csv\(.*?\))`", text)
    table = results.read(tmp_path / "smoke")
    exec(line.replace("study.csv", str(tmp_path / "study.csv")), {"table": table})
    assert len((tmp_path / "study.csv").read_text().splitlines()) == len(table) + 1
