"""The benchmark: what it counts, how it times, and what it refuses."""

import dataclasses
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import jax
import numpy as np
import pytest

from benchmarks import (
    ceilings,
    epochs,
    networks,
    products,
    residual,
    saving,
    suite,
)
from benchmarks.networks import make_benchmark
from benchmarks.options import Options, read_runs
from benchmarks.peers.client import PeerError, Peers
from benchmarks.peers.network import Trainer
from benchmarks.peers.residual import Residual
from benchmarks.peers.worker import Worker
from benchmarks.session import Session
from benchmarks.steps import Steps
from benchmarks.timing import Case, Timing, carry_case, time_cases
from ws_jax.config import ConfigError, replace_field
from ws_jax.engine.describe import count_parameters
from ws_jax.engine.mapping import RunAxis
from ws_jax.models import ResNet


def test_cases_take_turns_and_the_first_call_is_not_counted():
    calls = []

    def case(name, *seconds):
        left = iter(seconds)

        def measure():
            calls.append(name)
            return next(left)

        return Case(name, measure)

    timings = time_cases([case("a", 90, 3, 1, 2), case("b", 80, 6, 4, 5)], rounds=3)
    assert calls == ["a", "b"] * 4
    assert (timings["a"].median, timings["a"].best, timings["a"].worst) == (2, 1, 3)
    assert timings["b"].median == 5 and timings["b"].rounds == 3


def test_a_slow_case_is_left_out_of_further_rounds():
    clock = [0.0]

    def takes(seconds):
        clock[0] += seconds
        return seconds / 100  # a mean of many steps: no measure of what it took

    cases = [Case(str(seconds), lambda s=seconds: takes(s)) for seconds in (1, 9, 11)]
    timings = time_cases(cases, rounds=7, budget=10, clock=lambda: clock[0])
    assert [timing.rounds for timing in timings.values()] == [7, 2, 1]


def test_a_carried_state_goes_from_call_to_call():
    seen = []
    case = carry_case("count", lambda state: seen.append(state) or state + 1, 0)
    case.measure(), case.measure(), case.measure()
    assert seen == [0, 1, 2]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("network", "scheme"), [("mnist", "full"), ("mnist", "free"), ("cifar10", "full")]
)
def test_products_are_the_operations_of_a_step_as_xla_counts_them(network, scheme):
    benchmark = make_benchmark(network, scheme)
    ours = sum(product.flops for product in products.step_products(benchmark))
    counted = Steps(benchmark, 1, 1).lower().cost_analysis()["flops"]
    # The rest is Adam, activations and the loss.
    assert 1 < counted / ours < 1.08


def test_layers_have_the_sites_of_the_network():
    mnist, cifar = (
        make_benchmark(name, "free").layers() for name in ("mnist", "cifar10")
    )
    assert [layer.sites for layer in mnist] == [(13, 13), (6, 6), (4, 4)]
    assert [layer.sites for layer in cifar] == [(14, 14), (5, 5), (3, 3)]
    assert [layer.taps for layer in cifar] == [75, 1600, 1152]


def test_an_epoch_is_its_steps_and_forward_passes():
    whole = object.__new__(epochs.Epochs)
    whole.evaluations = 6
    assert whole.bare(step=2.0, forward=0.5) == 16 * 2 + 6 * 4 * 0.5


@pytest.mark.parametrize("kernels", [1, 3])
@pytest.mark.parametrize("form", ["to,tm->om", "tm,om->to", "mo,to->mt"])
def test_a_lone_product_is_what_its_form_says(form, kernels):
    product = products.Product("layer", form, kernels, taps=4, features=5, columns=6)
    assert product.flops == 2 * kernels * 4 * 5 * 6
    axis = RunAxis(jax.local_devices()[:1])
    a, b = product.operands(axis)
    lowered = product.compute(axis).lower(a, b)
    batched = "...{},...{}->...{}".format(*re.split(",|->", form))
    assert lowered.out_info.shape == np.einsum(batched, a, b).shape
    # It is computed anew each time: it has not moved out of the loop, and nothing is
    # copied for that.
    text = lowered.compile().as_text()
    (body,) = re.findall(r"body=%([\w.]+)", text)
    (home,) = [part for part in text.split("\n\n") if " dot(" in part]
    assert home.strip().startswith(f"%{body} ")
    assert not re.search(r"f32\S+ copy\(", text)


def test_peers_that_are_not_installed_are_told():
    told = {}
    with Peers(sys.executable) as peers:
        benchmark = make_benchmark("mnist", "free")
        assert peers.prepare(benchmark, 1, 1, False, told.__setitem__) == []
    assert set(told) & {"torch", "tf_keras", "tensorflow"}


def test_a_peer_of_another_size_is_refused(monkeypatch):
    answers = [{"cases": ["torch bmm (fcn)"]}, {"parameters": 7, "loss": 1.0}]
    with Peers(sys.executable) as peers, pytest.raises(PeerError, match="7 parameters"):
        monkeypatch.setattr(peers, "ask", lambda **request: answers.pop(0))
        peers.prepare(make_benchmark("mnist", "free"), 8, 1, False, print)


def test_an_environment_without_python_is_refused():
    with pytest.raises(PeerError, match="cannot start nowhere/python"):
        Peers("nowhere/python")


THREE_RUNS = """
from benchmarks import layers, steps
from benchmarks.networks import make_benchmark
benchmark = make_benchmark("mnist", "full")
print(layers.layer_case(benchmark, benchmark.layers()[0], 3, "columns").measure())
print(steps.Steps(benchmark, 3, steps=1).step_case("steps").measure())
"""


@pytest.mark.slow
def test_runs_that_devices_cannot_share_evenly_are_timed_all_the_same():
    devices = "--xla_force_host_platform_device_count=2"
    told = subprocess.run(
        [sys.executable, "-c", THREE_RUNS],
        cwd=Path(__file__).parents[1],
        env={**os.environ, "XLA_FLAGS": f"{os.environ['XLA_FLAGS']} {devices}"},
        capture_output=True,
        text=True,
    )
    assert told.returncode == 0, told.stderr
    assert all(float(seconds) > 0 for seconds in told.stdout.split())


def count_of(spec):
    """Parameters of a residual network, from what peers are told of it."""
    sides = [spec.image[0] // 2**stage for stage in range(3)]

    def layer(inputs, outputs, size, side):
        return inputs * outputs * size**2 * (side**2 if spec.local else 1)

    total, before = layer(spec.image[2], spec.stem, 3, sides[0]), spec.stem
    for stage, side in enumerate(sides):
        features = spec.features(stage)
        new = stage > 0 or before != features
        total += layer(before, features, 3, side) + layer(features, features, 3, side)
        total += layer(before, features, 1, side) * new
        later = 2 * (spec.blocks - 1)
        total += (
            (spec.templates or later) * 9 * features**2 * (side**2 if spec.local else 1)
        )
        total += later * spec.templates
        # Two numbers a channel: before each layer, or after each, shortcuts included.
        norms = (before + features) if spec.family == "wrn" else (2 + new) * features
        total += 2 * (norms + later * features)
        before = features
    total += 2 * (before if spec.family == "wrn" else spec.stem)
    return total + (before + 1) * spec.classes


@pytest.mark.slow
@pytest.mark.parametrize("setting", residual.SETTINGS, ids=lambda s: s.name)
def test_peers_are_told_of_the_residual_network_that_is_timed(setting):
    benchmark = residual.make_residual(setting, batch=4, side=32)
    told = json.loads(json.dumps(benchmark.for_peers(setting.optimizer)))
    assert told.pop("kind") == "residual"
    spec = Residual.from_json(told)
    program = benchmark.program(benchmark.dataset(2, 1))
    assert count_of(spec) == count_parameters(program)
    published = {"ResNet-20": 272_474, "ResNet-20 local": 40_814_762}
    published |= {"WRN-28-2": 1_467_610}
    assert count_of(spec) == published.get(setting.name, count_of(spec))


@pytest.mark.slow
def test_a_worker_has_the_cases_of_the_kind_of_network_alone():
    def make(network):
        return Trainer(lambda: 0.5, network.batch)

    names = ["a (cnn)", "a (fcn)", "a (residual)", "a (local residual)"]
    worker = Worker(dict.fromkeys(names, make))
    setting = residual.SETTINGS[0]
    told = residual.make_residual(setting, batch=4).for_peers(setting.optimizer)
    assert worker.answer({"op": "cases", "network": told})["cases"] == names[2:]
    answer = worker.answer({"op": "prepare", "case": "a (residual)"})
    assert answer == {"parameters": 4, "loss": 0.5}
    plain = {"image": (9, 9, 1), "features": [2], "kernel_sizes": [3], "strides": [1],
             "hidden": 2, "classes": 2, "batch": 4}  # fmt: skip
    assert worker.answer({"op": "cases", "network": plain})["cases"] == names[:2]


@pytest.mark.slow
def test_residual_networks_are_timed_with_what_sharing_costs():
    setting = residual.Setting(
        "small", ResNet(depth=8, width=2, sharing="free"), "adamw"
    )
    options = Options(("residual",), runs=(1, 2), rounds=2, steps=1)
    session = Session(options, lambda text: None)
    benchmark = residual.make_residual(setting, batch=4, side=12)
    residual.measure_one(session, setting, benchmark, None)
    rows = {row["name"]: row for row in session.sections["residual"]}
    assert list(rows) == [
        "small: ws_jax 1", "small: ws_jax 2",
        "small: instant sharing, each 10 steps", "small: sleep, each 10 steps",
    ]  # fmt: skip
    assert rows["small: ws_jax 2"]["against_ours"] == 1
    step = rows["small: ws_jax 2"]["median_s"]
    pause = rows["small: sleep, each 10 steps"]
    np.testing.assert_allclose(pause["of_a_step"], pause["median_s"] / 10 / step)


@pytest.mark.slow
def test_a_benchmark_prints_and_keeps_what_it_measured(monkeypatch):
    preset, shape = networks.PRESETS["mnist"]

    def small(*args, **axes):
        sweep = preset(*args, **axes)
        base = replace_field(sweep.base, "train.batch_size", 4)
        return dataclasses.replace(sweep, base=base)

    monkeypatch.setitem(networks.PRESETS, "mnist", (small, shape))
    monkeypatch.setattr(epochs, "TRAIN_BATCHES", 2)
    monkeypatch.setattr(epochs, "VALIDATION_BATCHES", 1)
    cases = ceilings.product_cases
    monkeypatch.setattr(ceilings, "product_cases", lambda size: cases(64))
    shown = []
    sections = ("epochs",)
    options = Options(sections, networks=("mnist",), runs=(1,), rounds=2, steps=1)
    measured = Session(options, shown.append)
    written = []
    kept = jax.config.jax_enable_compilation_cache
    suite.measure(measured, lambda: written.append(list(measured.sections)))
    assert jax.config.jax_enable_compilation_cache == kept  # off while it measures
    assert written == [["ceilings"], ["ceilings", "epochs"]]
    record = json.loads(json.dumps(measured.record()))
    names = [row["name"] for row in record["sections"]["epochs"]]
    assert names == ["mnist cnn, 1 runs", "mnist fcn, 1 runs"]
    for row in record["sections"]["epochs"]:
        assert row["median_s"] > 0 and np.isfinite(row["over_bare"])
    assert record["device"]["platform"] == jax.default_backend()
    assert any("mnist fcn, 1 runs" in line for line in shown)


def test_what_saving_costs_is_told_of_a_whole_epoch(monkeypatch):
    trained, state = [], {"params": {"a": np.ones(250_000, np.float32)}}

    class Epochs:
        def __init__(self, benchmark, runs):
            self.living = SimpleNamespace(all_states=lambda: state)
            self.train = trained.append

    monkeypatch.setattr(saving, "Epochs", Epochs)
    options = Options(("saving",), networks=("mnist",), runs=(8,), rounds=2)
    measured = Session(options, lambda line: None)
    taken = {"epochs": 2.0, "saved": 2.5, "alone": 1.0}
    times = {name: Timing(t, t, t, 2) for name, t in taken.items()}

    def time_once(cases):
        assert all(case.measure() > 0 for case in cases)
        return times

    monkeypatch.setattr(measured, "time", time_once)
    saving.measure(measured)
    (row,) = measured.sections["saving"]
    assert trained == [1, 2, 3] * 2
    assert row["name"] == "mnist fcn, 8 runs, saved after each epoch"
    # 16 batches of 256 took 2 s, 56,000 images take 27.34; saving takes .5 of them.
    assert row["whole_epoch_s"] == pytest.approx(27.34375)
    assert row["of_whole_epoch"] == pytest.approx(0.5 / 27.34375)
    assert row["at_most"] == pytest.approx(1 / 27.34375)
    assert row["state_MB"] == 1.0


@pytest.mark.parametrize(
    "runs, several", [((1, 8, 55), 8), ((1, 4, 55), 4), ((20, 55), 20)]
)
def test_sweeps_are_compared_at_about_eight_runs(runs, several):
    assert Options(runs=runs).several == several


@pytest.mark.parametrize(
    "wrong, message",
    [
        (lambda: read_runs(["1", "-8"]), "runs '-8' is no number from 1"),
        (lambda: read_runs([]), "runs is empty"),
        (lambda: Options(networks=("minst",)), "did you mean 'mnist'"),
        (lambda: Options(sections=("step",)), "did you mean 'steps'"),
        (lambda: Options(peers="nowhere/python"), "'nowhere/python': no such program"),
    ],
)
def test_what_cannot_be_measured_is_refused(wrong, message):
    with pytest.raises(ConfigError, match=message):
        wrong()
