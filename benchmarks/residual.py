"""Steps of residual networks, shared, local and with template banks, beside peers."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import Any

import jax.numpy as jnp

from benchmarks.networks import NUM_CLASSES, Benchmark
from benchmarks.peers.client import Peers
from benchmarks.session import Session, timed_row
from benchmarks.steps import Steps
from benchmarks.timing import Case, call_case
from ws_jax.engine.describe import count_parameters
from ws_jax.engine.study import make_groups
from ws_jax.models import Network, ResNet, WideResNet
from ws_jax.papers.pogodin2021 import presets as sleeping
from ws_jax.papers.savarese2019 import presets as banked
from ws_jax.phases import Moment, Periodically
from ws_jax.runs import Data, Evaluation, Run, Sweep, Train

# How often kernels are shared where the cost of it is told.
CADENCE = 10
_STEPS = 2  # in a call: some of these take seconds


@dataclasses.dataclass(frozen=True)
class Setting:
    """A network as it is timed.

    Attributes:
      name: in tables.
      network: as said.
      optimizer: of its paper, by the word that peers know.
    """

    name: str
    network: Network
    optimizer: str


SETTINGS = (
    Setting("ResNet-20", ResNet(), "adamw"),
    Setting("ResNet-20 local", ResNet(sharing="free"), "adamw"),
    Setting("WRN-28-2", WideResNet(depth=28, width=2), "sgd"),
    Setting("SWRN-28-2-2", WideResNet(depth=28, width=2, templates=2), "sgd"),
)
PHASES: dict[str, Periodically] = {
    "instant sharing": sleeping.INSTANT,
    "sleep": sleeping.SLEEP,
}


@dataclasses.dataclass(frozen=True)
class ResidualBenchmark(Benchmark):
    """A residual network on square colour images, with its runs."""

    side: int = 32

    @property
    def name(self) -> str:
        """As it is called in tables."""
        return self.network

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Height, width and channels."""
        return (self.side, self.side, 3)

    @property
    def is_local(self) -> bool:
        """Whether every site has a kernel of its own."""
        return self.scheme == "free"

    def for_peers(self, optimizer: str) -> dict[str, Any]:
        """Returns what the peers are told of the network."""
        net: Any = self.run.network
        wide = isinstance(net, WideResNet)
        return {
            "kind": "residual",
            "image": self.image_shape,
            "family": "wrn" if wide else "resnet",
            "blocks": net.num_blocks if wide else net.blocks,
            "stem": 16 if wide else net.width,
            "width": 16 * net.width if wide else net.width,
            "templates": net.templates if wide else 0,
            "local": self.is_local,
            "optimizer": optimizer,
            "classes": NUM_CLASSES,
            "batch": self.batch,
        }


def make_residual(
    setting: Setting, batch: int = 128, side: int = 32
) -> ResidualBenchmark:
    """Returns a network with its paper's optimiser, eleven runs of it.

    Args:
      setting: as said.
      batch: images in a step.
      side: of the images, in pixels.
    """
    recipe = sleeping.recipe(1e-2, 1e-4, batch, 1).optimizer
    optimizer = recipe if setting.optimizer == "adamw" else banked.optimizer()
    base = Run(
        data=Data("cifar10", split="holdout"),
        network=setting.network,
        transforms=(),
        train=Train(epochs=1, batch_size=batch, optimizer=optimizer),
        evaluation=Evaluation(views=(), measures=()),
    )
    sweep = Sweep(setting.name, base, {"seed": tuple(range(11))})
    (group,) = make_groups(sweep.checked())
    scheme = str(getattr(setting.network, "sharing", "full"))
    return ResidualBenchmark(setting.name, scheme, group, side)


def measure(session: Session) -> None:
    """Times a step of every network beside the peers', and of what sharing costs."""
    python = session.options.peers
    with Peers(python) if python else contextlib.nullcontext() as peers:
        if peers:
            session.peers = peers.versions
        for setting in SETTINGS:
            measure_one(session, setting, make_residual(setting), peers)


def measure_one(
    session: Session,
    setting: Setting,
    benchmark: ResidualBenchmark,
    peers: Peers | None,
) -> None:
    """Times a network: ours with few and many runs, sharing, and the peers'."""
    runs = session.runs(benchmark, states=2)
    if not runs:
        return
    ours = {number: Steps(benchmark, number, _STEPS) for number in runs}
    steps = {n: own.step_case(f"ws_jax {n}") for n, own in ours.items()}
    several = session.options.several if session.options.several in ours else min(ours)
    sharing = _sharing_cases(ours[several]) if benchmark.is_local else []
    cases = [*steps.values()]
    if peers:
        cases += _peer_cases(session, setting, benchmark, peers, ours[several])
    timings = session.time([*cases, *sharing])
    base = timings[steps[several].name].median
    for case in cases:
        ratio = timings[case.name].median / base
        name = f"{benchmark.name}: {case.name}"
        row = timed_row(name, timings[case.name], against_ours=ratio)
        session.keep("residual", row, ["ms", "against_ours"])
    for case in sharing:
        part = timings[case.name].median / CADENCE / base
        row = timed_row(
            f"{benchmark.name}: {case.name}", timings[case.name], of_a_step=part
        )
        session.keep("residual", row, ["ms", "of_a_step"])


def _sharing_cases(steps: Steps) -> list[Case]:
    """Returns a pause of each kind; seconds are per run."""

    def case(name: str, phase: Periodically) -> Case:
        def one(inputs, params):
            moment = Moment(inputs.key, *(jnp.int32(1) for _ in range(3)))
            return phase.act(moment, steps.program.layers, params)

        function = steps.mapped.axis.jit(one)
        # Of their own, since steps use up theirs.
        state, _ = steps.mapped.init(steps.inputs)
        args = (steps.inputs, state.params)
        return call_case(name, function, *args, per=steps.num_runs)

    return [
        case(f"{word}, each {CADENCE} steps", phase) for word, phase in PHASES.items()
    ]


def _peer_cases(
    session: Session,
    setting: Setting,
    benchmark: ResidualBenchmark,
    peers: Peers,
    ours: Steps,
) -> list[Case]:
    def tell(case: str, reason: str) -> None:
        session.show(f"  {benchmark.name}: {case}: {reason}")

    return peers.prepare_network(
        benchmark.for_peers(setting.optimizer),
        "(local residual)" if benchmark.is_local else "(residual)",
        benchmark.name,
        count_parameters(ours.program),
        _STEPS,
        session.options.slow_peers,
        tell,
    )
