"""What waits for a GPU, in order of worth, each as a step that goes on where it was."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ws_jax.storage.integrity import write_atomically

FIRST_PAPER = "ott2020"
# Of a sweep: the runs of a chunk are lost with the machine until all have ended.
CHUNK = 11
_TINY = {"train.epochs": "2", "train.batch_size": "32", "execution.chunk": "4"}
# Of each paper's networks and data, and what a study of it may have as axes.
# fmt: off
_TINY_FIELDS = {
    FIRST_PAPER: {"network.features": "(2, 2, 2)", "network.hidden": "8"},
    "pogodin2021": {
        "network.width": "2", "data.num_images": "320", "data.split": "holdout",
    },
    "savarese2019": {
        "network.width": "1", "network.depth": "16", "data.num_images": "320",
    },
    "paths": {
        "network.width": "2", "network.depth": "4", "data.name": "paths:160x32",
    },
}
# fmt: on
_TINY_AXES = {
    "sweep.folds": "(0, 1)",
    "sweep.levels": "(0.2,)",
    "sweep.severing": "(0.0, 0.9)",
}


@dataclasses.dataclass(frozen=True)
class Context:
    """Where a step works.

    Attributes:
      folder: of the step, for its files.
      small: whether it is tried in miniature.
    """

    folder: Path
    small: bool

    def write(self, name: str, record: Any) -> None:
        """Writes a file of the step, whole or not at all."""
        text = json.dumps(record, indent=1) + "\n"
        write_atomically(self.folder / name, text.encode())


@dataclasses.dataclass(frozen=True)
class Step:
    """One thing to do.

    Attributes:
      name: of its folder.
      about: what it shows.
      do: does it; a second call goes on, or does it anew.
      data: data sets that it needs.
      resumes: whether a second call goes on where the first was stopped.
      minutes: fewer left, and it is not begun.
    """

    name: str
    about: str
    do: Callable[[Context], None]
    data: tuple[str, ...] = ()
    resumes: bool = False
    minutes: float = 1.0


def steps() -> dict[str, Step]:
    """Returns all steps by name, those of most worth first."""
    found = [
        Step("agreement", "op and gradients against lax, by precision", _agree),
        *[_measured("lowerings", "mnist"), _measured("steps", "mnist")],
        *[_measured("lowerings", "cifar10"), _measured("steps", "cifar10")],
        _measured("startup", "mnist"),
        _study("table_1", "mnist_translation", "released", "Table 1, Figures 3, 5, 6"),
        _study("table_1", "mnist_translation", "paper", "Table 1, Figures 3, 5, 6"),
        *[_measured("epochs", "mnist"), _measured("layers", "mnist")],
        _table_1_tf32(),
        _study("table_2", "cifar10_translation", "released", "Table 2, Figure 4"),
        _study("vcp", "mnist_vcp", "released", "Figure C.1"),
        _study("table_b3", "mnist_rotation", "released", "Table B.3, Figure B.6"),
        _study("table_b2", "mnist_noise", "released", "Table B.2, Figure B.7"),
        _study("table_b1", "mnist_edge_noise", "released", "Table B.1"),
        *_later_papers(),
        _study("table_2", "cifar10_translation", "paper", "Table 2, Figure 4"),
        _study("vcp", "mnist_vcp", "paper", "Figure C.1"),
        _study("table_b3", "mnist_rotation", "paper", "Table B.3, Figure B.6"),
        _study("table_b2", "mnist_noise", "paper", "Table B.2, Figure B.7"),
        _study("table_b1", "mnist_edge_noise", "paper", "Table B.1"),
        _long("mnist", 250),
        _long("cifar10", 500),
        _study("grid", "mnist_grid", "released", "Appendix A.1"),
        _study("grid", "mnist_grid", "paper", "Appendix A.1"),
        *_other_cifar10(),
        *[_measured("epochs", "cifar10"), _measured("layers", "cifar10")],
        *[_measured("sharing", "mnist"), _measured("compilation", "mnist")],
    ]
    return {step.name: step for step in found}


def _other_cifar10() -> list[Step]:
    return [
        _study(f"{name}_cifar10", f"cifar10_{config}", semantics, about)
        for semantics in ("released", "paper")
        for name, config, about in (
            ("table_b3", "rotation", "Table B.3"),
            ("table_b2", "noise", "Table B.2"),
            ("table_b1", "edge_noise", "Table B.1"),
            ("vcp", "vcp", "Figure C.2"),
            ("grid", "grid", "Appendix A.1"),
        )
    ]


def _later_papers() -> list[Step]:
    cifar, paths = ("cifar10",), ()
    return [
        _measured("residual"),
        _config("pogodin_cifar10", "pogodin2021/cifar10", cifar, "ResNet-20, sharing "
                "in sleep or not"),
        _config("pogodin_translations", "pogodin2021/cifar10_translations", cifar,
                "ResNet-20, copies of every image"),
        _config("savarese_paths", "savarese2019/shortest_paths", paths, "shortest "
                "paths, with templates or not"),
        _config("savarese_cifar10", "savarese2019/cifar10", cifar, "WRN-28-10 and "
                "SWRN-28-10-k"),
    ]  # fmt: skip


def _agree(context: Context) -> None:
    from benchmarks import agreement

    networks = ("mnist",) if context.small else ("mnist", "cifar10")
    batch, layers = (2, 1) if context.small else (32, 99)
    rows = agreement.compare(networks, batch, layers)
    apart = [row["name"] for row in rows if not row["within"]]
    context.write("measured.json", {"all_within": not apart, "rows": rows})
    print(f"{len(rows) - len(apart)} of {len(rows)} within their bounds")
    for name in apart:
        print(f"  not within: {name}")


def _measured(section: str, network: str = "") -> Step:
    """A section of the benchmark, with the ceilings; begun anew if stopped.

    Without a network it is a section that has its own.
    """

    def do(context: Context) -> None:
        from benchmarks import session, suite
        from benchmarks.options import Options

        options = Options(
            sections=(section,),
            networks=(network or "mnist",),
            runs=(1,) if context.small else (1, 8, 55),
            rounds=2 if context.small else 5,
            steps=1 if context.small else 16,
        )
        measured = session.Session(options, lambda line: print(line, flush=True))
        suite.measure(
            measured, lambda: context.write("measured.json", measured.record())
        )

    words = [section, network] if network else [section]
    about = f"benchmark, section {', '.join(words)}"
    return Step("_".join(words), about, do, minutes=3.0)


def _study(
    name: str,
    config: str,
    semantics: str,
    about: str,
    data: str = "",
    fields: dict[str, str] | None = None,
) -> Step:
    """A config of the first paper as a step."""
    data = data or config.partition("_")[0]

    def do(context: Context) -> None:
        bundle = {"semantics.bundle": semantics, **(fields or {})}
        train(context, f"{FIRST_PAPER}/{config}", bundle)

    about = f"{about}, {semantics} semantics ({config})"
    return Step(f"{name}_{semantics}", about, do, (data,), True)


def _table_1_tf32() -> Step:
    fields = {"execution.precision": "high"}
    about = "Table 1 with products in TF32"
    return _study("table_1_tf32", "mnist_translation", "released", about, fields=fields)


def _long(data: str, epochs: int) -> Step:
    """Level 0 without early stopping: whole curves, distances included."""
    fields = {"train.patience": str(epochs), "sweep.levels": "(0.0,)"}
    return _study(
        f"level_0_{data}",
        f"{data}_translation",
        "released",
        f"level 0 for all {epochs} epochs",
        fields=fields,
    )


def _config(name: str, config: str, data: tuple[str, ...], about: str) -> Step:
    """A config of a later paper as a step."""

    def do(context: Context) -> None:
        train(context, config, {})

    return Step(name, f"{about} ({config})", do, data, True)


def train(context: Context, config: str, fields: dict[str, str]) -> None:
    """Trains a config in a step's folder; a second call goes on.

    Args:
      context: as said.
      config: its folder and name, as `ott2020/mnist_translation`.
      fields: values of fields, as on the command line.

    Raises:
      Interrupted: after SIGTERM, once all is saved.
    """
    from ws_jax import cli, engine

    sweep = cli.load_sweep(f"configs/{config}.py")
    paper = config.partition("/")[0]
    chunk = str(CHUNK) if paper == FIRST_PAPER else "0"  # the others are larger
    every = {"execution.chunk": chunk, "execution.checkpoint_every": "50"}
    fields = every | fields
    axes: list[str] = []
    if context.small:
        kind = "paths" if "paths" in config else paper
        fields |= _TINY | _TINY_FIELDS[kind]
        if paper == FIRST_PAPER:
            fields |= {k: v for k, v in _TINY_AXES.items() if _has_axis(sweep, k)}
        axes = [f"{k}={fields.pop(k)}" for k in list(fields) if k in sweep.axes]
    sweep = cli.change_sweep(sweep, fields, axes)
    path = engine.run_sweep(sweep, context.folder / "sweep")
    print(f"results: {path}")


def _has_axis(sweep: Any, word: str) -> bool:
    from ws_jax.papers.ott2020.presets import AXES

    if sweep.base.data.split != "folds" and word == "sweep.folds":
        return False
    return AXES[word.removeprefix("sweep.")] in sweep.axes
