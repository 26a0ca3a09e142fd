"""Chunks fitted to the memory: guesses, limits, and a sweep that is cut."""

import functools
import math
import os
import subprocess
import sys
from types import SimpleNamespace

import jax
import numpy as np
import pytest
from studies import one_scheme, tiny
from test_launch import ROOT, TINY

from ws_jax import data, engine, host
from ws_jax.config import ConfigError
from ws_jax.data import dataset
from ws_jax.engine import describe, memory
from ws_jax.engine.chunk import group_need, make_chunks
from ws_jax.engine.mapping import MappedProgram, stack_inputs
from ws_jax.engine.study import map_groups, prepare
from ws_jax.storage import results
from ws_jax.transforms import Noise

ONE_GROUP = {
    "sweep__sharing": ("free",),
    "sweep__folds": (0,),
    "sweep__levels": (0.0, 0.1, 0.2, 0.3),
    "train__epochs": 1,
    "evaluation__views": (),
    "execution__chunk": 0,
}
NUMBERS = ["epoch", "loss", "acc", "val_loss", "val_acc", "dist_1"]


@pytest.mark.parametrize("available", [0, 129, 130, 300, 555, 1099, 1100, 10**6])
@pytest.mark.parametrize("shared", [0, 60, 100])
@pytest.mark.parametrize("most", [1, 7, 100])
def test_the_fewest_equal_parts_that_fit_are_found_with_few_needs(
    available, shared, most
):
    asked = []

    def need(size):
        asked.append(size)
        return 100 + 30 * size

    def fits(parts):
        return 100 + 30 * -(-most // parts) <= available

    found = memory.largest_fit(need, available, most, shared)
    parts = next(filter(fits, range(1, most + 1)), None)
    assert found == (-(-most // parts) if parts else 0)
    assert asked[0] == most and len(asked) == len(set(asked)) <= 4


def test_two_needs_tell_what_is_shared_besides():
    asked = []

    def need(size):
        asked.append(size)
        return 10_000 + size

    assert memory.largest_fit(need, 10_010, most=100) == 10
    assert len(asked) <= 4


def test_a_need_that_grows_in_jumps_is_checked_and_shrunk():
    def need(size):
        return 1000 * -(-size // 8) + 10 * size

    for available in range(1010, 14000, 500):
        found = memory.largest_fit(need, available, most=100)
        assert 1 <= found and need(found) <= available


def test_a_need_that_the_compiler_cannot_tell_is_halved():
    found = memory.largest_fit(
        lambda size: math.inf if size > 20 else 10 * size, 170, most=100
    )
    assert 10 <= found <= 17
    assert memory.largest_fit(lambda size: math.inf, math.inf, most=8) == 0


def files(root, contents):
    for name, text in contents.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def v1(folder, limit, used, cached=0):
    return {
        f"{folder}/memory.limit_in_bytes": f"{limit}\n",
        f"{folder}/memory.usage_in_bytes": f"{used}\n",
        f"{folder}/memory.stat": f"inactive_file 1\ntotal_inactive_file {cached}\n",
    }


def v2(folder, limit, used, cached=0, high="max"):
    return {
        f"{folder}/memory.max": f"{limit}\n",
        f"{folder}/memory.high": f"{high}\n",
        f"{folder}/memory.current": f"{used}\n",
        f"{folder}/memory.stat": f"anon 10\ninactive_file {cached}\n",
    }


MEMINFO = {"proc/meminfo": "MemTotal: 900 kB\nMemAvailable:    700 kB\n"}
V2 = "sys/fs/cgroup/job"
V1 = "sys/fs/cgroup/memory"


UNLIMITED = 2**63 - 4096  # as the first version says it
NESTED = "4:memory:/job/step\n"
CGROUPS = {
    "machine": ({}, 700 * 1024),
    "second, of a parent": (
        {
            "proc/self/cgroup": "0::/job/step\n",
            **v2(V2, 5000, 3000, 400),
            **v2(f"{V2}/step", "max", 10),
        },
        2400,
    ),
    "second, its own": (
        {
            "proc/self/cgroup": "0::/job/step\n",
            **v2(V2, 5000, 1000),
            **v2(f"{V2}/step", 2000, 1500, 100),
        },
        600,
    ),
    "second, throttled above": (
        {"proc/self/cgroup": "0::/job\n", **v2(V2, 5000, 3000, high=4000)},
        1000,
    ),
    "second, throttled and else not limited": (
        {"proc/self/cgroup": "0::/job\n", **v2(V2, "max", 3000, high=4000)},
        1000,
    ),
    "second, older than throttling": (
        {
            "proc/self/cgroup": "0::/job\n",
            f"{V2}/memory.max": "5000\n",
            f"{V2}/memory.current": "3000\n",
            f"{V2}/memory.stat": "inactive_file 0\n",
        },
        2000,
    ),
    "second, no limit": (
        {"proc/self/cgroup": "0::/job\n", **v2(V2, "max", 3000)},
        700 * 1024,
    ),
    "second, over the limit": (
        {"proc/self/cgroup": "0::/job\n", **v2(V2, 5000, 6000)},
        0,
    ),
    "second, of a container": (
        {"proc/self/cgroup": "0::/\n", **v2("sys/fs/cgroup", 4000, 1000)},
        3000,
    ),
    "second, beside the first": (
        {
            "proc/self/cgroup": "1:cpu:/\n0::/job\n",
            **v2("sys/fs/cgroup/unified/job", 4000, 1000),
        },
        3000,
    ),
    "first, of a parent": (
        {
            "proc/self/cgroup": NESTED,
            **v1(V1, UNLIMITED, 9000),
            **v1(f"{V1}/job", 5000, 3000, 400),
            **v1(f"{V1}/job/step", UNLIMITED, 10),
        },
        2400,
    ),
    "first, its own": (
        {
            "proc/self/cgroup": NESTED,
            **v1(f"{V1}/job", 5000, 1000),
            **v1(f"{V1}/job/step", 2000, 1500),
        },
        500,
    ),
    "first, mounted with another": (
        {
            "proc/self/cgroup": "4:cpu,memory:/job/step\n",
            **v1(f"{V1}/job/step", 2000, 1500),
        },
        500,
    ),
    "first, no limit": (
        {"proc/self/cgroup": NESTED, **v1(f"{V1}/job/step", UNLIMITED, 1500)},
        700 * 1024,
    ),
    # The path is that outside, the mount is the own group.
    "first, of a container": (
        {
            "proc/self/cgroup": "9:name=systemd:/\n4:memory:/outside/a b\n0::/\n",
            **v1(V1, 9000, 3000, 500),
        },
        6500,
    ),
}


@pytest.mark.parametrize("name", CGROUPS)
def test_what_is_free_on_the_host(name, tmp_path):
    """Of both versions of control groups, the smallest limit on the way up holds."""
    contents, free = CGROUPS[name]
    assert memory.host_free(files(tmp_path, {**MEMINFO, **contents})) == free


ALONE = {"memory.max": "5000\n", "memory.current": "3000\n"}


@pytest.mark.parametrize("text", ["0::/\n", "nonsense\n0::/\n", "0::/\udcff\n", None])
def test_a_limit_holds_though_little_else_can_be_read(text, tmp_path):
    contents = {f"sys/fs/cgroup/{name}": value for name, value in ALONE.items()}
    root = files(tmp_path, {**MEMINFO, **contents})
    if text is not None:
        place = root / "proc/self/cgroup"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(text.encode(errors="surrogateescape"))
    assert memory.host_free(root) == 2000


def test_a_host_without_proc_has_the_memory_of_the_machine(tmp_path):
    assert memory.host_free(tmp_path) >= memory.host_free() > 2**20


def test_images_must_fit_into_what_a_container_gives(monkeypatch, tmp_path):
    contents, free = CGROUPS["second, of a container"]
    root = files(tmp_path, {**MEMINFO, **contents})
    monkeypatch.setattr(dataset, "host_free", functools.partial(host.host_free, root))
    dataset.check_fits("mine", (free,))
    with pytest.raises(data.DataError, match="data mine take"):
        dataset.check_fits("mine", (free + 1,))


def test_what_is_free_on_devices(monkeypatch):
    assert memory.device_free({"bytes_limit": 1000, "bytes_in_use": 300}) == 700
    assert memory.device_free(None) == memory.device_free({"pool": 1}) == math.inf
    monkeypatch.setattr(memory, "host_free", lambda: 1000)
    monkeypatch.setattr(memory, "process_reserve", lambda: 200)
    cpu = jax.local_devices()[0]
    assert memory.available_bytes([cpu, cpu]) == pytest.approx(360)
    monkeypatch.setattr(memory, "process_reserve", lambda: 2000)
    assert memory.available_bytes([cpu, cpu]) == 0


def test_what_the_process_itself_is_yet_to_take(tmp_path):
    page = os.sysconf("SC_PAGE_SIZE")
    held = 300 * 2**20
    root = files(tmp_path, {"proc/self/statm": f"99999999 {held // page} 1 1 0 1 0"})
    assert memory.process_reserve(root) == memory.PROCESS_BYTES - held
    files(tmp_path, {"proc/self/statm": f"99999999 {2**34 // page} 1 1 0 1 0"})
    assert memory.process_reserve(root) == 0
    assert memory.process_reserve(tmp_path / "not Linux") == 0


# Prints the peak of a command, in kilobytes, after what that prints.
PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the unit of the peak is Linux's")
def test_a_process_takes_about_what_a_plan_says_of_it(tmp_path):
    """Its programs are of a few kilobytes, so that it is the process itself.

    A small process starts it: Linux counts the peak of what a program was forked from.
    """
    few = ["--config.sweep.sharing=('free',)", "--config.sweep.folds=(0,)"]
    flags = [*TINY, *few, f"--workdir={tmp_path}/w"]
    command = [sys.executable, "-m", "launch.sweep", *flags]
    anew = {"WS_JAX_CACHE": f"{tmp_path}/c", "JAX_COMPILATION_CACHE_DIR": f"{tmp_path}"}
    plain = {name: v for name, v in os.environ.items() if name != "XLA_FLAGS"}
    done = subprocess.run(
        [sys.executable, "-c", PEAK, *command],
        cwd=ROOT,
        env={**plain, **anew},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    peak = int(done.stdout.split()[-1]) * 1024
    assert memory.PROCESS_BYTES / 2 < peak < memory.PROCESS_BYTES


def test_one_run_a_device_on_a_cpu_and_all_runs_elsewhere():
    assert memory.default_runs(10, "cpu", 1) == 1
    assert memory.default_runs(10, "cpu", 4) == 4
    assert memory.default_runs(3, "cpu", 4) == 3
    assert memory.default_runs(10, "gpu", 4) == 10


@pytest.fixture
def all_at_once(monkeypatch):
    """As on an accelerator; returns a function that sets the memory there is."""
    monkeypatch.setattr(memory, "default_runs", lambda num_runs, *_: num_runs)
    return lambda available: monkeypatch.setattr(
        memory, "available_bytes", lambda devices: available
    )


def need_of(config, chunk):
    """The bytes that a chunk of the first group's runs needs."""
    study = prepare(config)
    group = study.groups[0]
    return group_need(study, group, map_groups(study)[group.name], chunk)


def chunk_lengths(config):
    study = prepare(config)
    return [len(chunk.runs) for chunk in make_chunks(study, map_groups(study))]


def chunk_sizes_in(workdir):
    (record,) = results.read_records(workdir)
    return [len(chunk["runs"]) for chunk in record["chunks"]]


@pytest.mark.slow
def test_a_sweep_too_large_for_the_memory_is_cut_with_equal_results(
    all_at_once, tmp_path, monkeypatch
):
    lines = []
    log = SimpleNamespace(info=lambda text, *args: lines.append(text % args))
    monkeypatch.setattr(memory, "logging", log)
    config = tiny(**ONE_GROUP)
    all_at_once(10**12)
    engine.run_sweep(config, tmp_path / "whole")
    assert chunk_sizes_in(tmp_path / "whole") == [4] and not lines

    all_at_once(need_of(config, 2))
    engine.run_sweep(config, tmp_path / "cut")
    assert chunk_sizes_in(tmp_path / "cut") == [2, 2]
    (line,) = lines
    assert "4 runs at once need" in line and "at most 2" in line

    cut, whole = (results.read(tmp_path / name) for name in ("cut", "whole"))
    assert list(cut["run"]) == list(whole["run"])
    np.testing.assert_allclose(cut[NUMBERS], whole[NUMBERS], rtol=2e-3, atol=1e-3)

    # What is begun goes on as it was begun, and nothing compiles to decide it.
    all_at_once(0)
    monkeypatch.setattr(memory.MappedProgram, "compile", None)
    engine.run_sweep(config, tmp_path / "cut")


@pytest.mark.slow
def test_what_was_compiled_to_learn_its_need_trains(all_at_once, tmp_path, monkeypatch):
    all_at_once(10**12)
    compiled, compile_ = [], jax.stages.Lowered.compile

    def counted(lowered):
        compiled.append(lowered)
        return compile_(lowered)

    monkeypatch.setattr(jax.stages.Lowered, "compile", counted)
    engine.run_sweep(tiny(**ONE_GROUP), tmp_path)
    assert len(compiled) == 1


def test_the_chunk_of_the_config_is_taken_as_it_is(all_at_once, monkeypatch):
    all_at_once(0)
    monkeypatch.setattr(memory.MappedProgram, "compile", None)
    assert chunk_lengths(tiny(**{**ONE_GROUP, "execution__chunk": 3})) == [2, 2]
    assert chunk_lengths(tiny(**{**ONE_GROUP, "execution__chunk": 4})) == [4]


@pytest.mark.slow
def test_memory_too_short_for_one_run_is_one_clear_error(all_at_once, tmp_path):
    config = tiny(**ONE_GROUP)
    all_at_once(need_of(config, 1) - 1)
    with pytest.raises(ConfigError, match=r"one run of free-.* needs .* MiB .*chunk=1"):
        engine.run_sweep(config, tmp_path)
    # Nothing was begun, and what is here is not removed for what cannot start.
    assert not (tmp_path / results.RECORD_FILE).exists()
    (tmp_path / results.RESULTS_FILE).touch()
    with pytest.raises(ConfigError):
        engine.run_sweep(config, tmp_path, overwrite=True)
    assert (tmp_path / results.RESULTS_FILE).exists()


def test_cores_share_the_memory_so_that_fewer_of_them_train(monkeypatch):
    study = prepare(tiny(**ONE_GROUP))
    four = [jax.local_devices()[0]] * 4
    mapped = MappedProgram(study.program(study.groups[0]), 4, four)
    inputs = stack_inputs(study.groups[0].runs)

    def chunk(total):
        monkeypatch.setattr(memory, "available_bytes", lambda d: total / len(d))
        return memory.fitting_runs("g", mapped, 9, study.examples, inputs)

    # Four runs, one on each device, need 100 on each.
    monkeypatch.setattr(memory, "epoch_need", lambda mapped, size, *_: 25.0 * size)
    assert [chunk(total) for total in (400, 399, 299, 100)] == [4, 3, 2, 1]
    with pytest.raises(ConfigError, match=r"one run of g needs .* MiB"):
        chunk(99)


@pytest.mark.slow
def test_the_plan_shows_the_chunk_and_its_need(all_at_once):
    config = tiny(**ONE_GROUP)
    need = need_of(config, 2)
    all_at_once(need)
    text = describe.plan_text(prepare(config))
    (line,) = [line for line in text.splitlines() if line.startswith("free-")]
    assert line.split()[1:3] == ["4", "2"]
    assert line.endswith(memory.mebibytes(need))
    assert f"{memory.mebibytes(need)} can be used" in text


@pytest.mark.slow
def test_needs_grow_with_the_runs_and_hold_their_states():
    config = tiny(**ONE_GROUP)
    study = prepare(config)
    parameters = describe.count_parameters(study.program(study.groups[0]))
    needs = [need_of(config, chunk) for chunk in (1, 2, 4)]
    assert needs[0] < needs[1] < needs[2]
    # Parameters, two moments and a gradient.
    assert needs[2] > 4 * 4 * 4 * parameters


@pytest.mark.slow
def test_a_plan_says_what_is_swept():
    axes = {
        "train.batch_size": (8, 16),
        "train.patience": (3,),
        "train.epochs": (2, 5),
        "evaluation.views": ((), (Noise(level=0.3),)),
    }
    assert describe.training_line(prepare(one_scheme(axes))) == (
        "up to 5 epochs, patience 3, batches of 8 to 16; evaluated each epoch: "
        "plain, noise (some runs)"
    )
    assert describe.training_line(prepare(one_scheme())) == (
        "up to 2 epochs, patience 10, batches of 16; evaluated each epoch: plain, "
        "translation"
    )
