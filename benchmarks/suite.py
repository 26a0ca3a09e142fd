"""All sections of a benchmark, one after the other."""

from __future__ import annotations

from collections.abc import Callable

import jax

from benchmarks import (
    ceilings,
    compaction,
    epochs,
    layers,
    residual,
    saving,
    startup,
    steps,
    thousand,
)
from benchmarks.options import SECTIONS
from benchmarks.session import Session

_MEASURES: dict[str, Callable[[Session], None]] = {
    "ceilings": ceilings.measure,
    "layers": layers.measure,
    "steps": steps.measure,
    "lowerings": steps.measure_lowerings,
    "sharing": steps.measure_sharing,
    "residual": residual.measure,
    "epochs": epochs.measure,
    "compilation": epochs.measure_compilation,
    "compaction": compaction.measure,
    "saving": saving.measure,
    "startup": startup.measure,
    "thousand": thousand.measure,
}


def measure(session: Session, after_each: Callable[[], None]) -> None:
    """Measures the sections asked for, each network as CNN and as FCN.

    Args:
      session: what to measure, and where it is kept.
      after_each: called after each section, so that a stop loses one at the most.
    """
    # Compile times are to be what they are without programs kept on disk.
    before = jax.config.values["jax_enable_compilation_cache"]
    jax.config.update("jax_enable_compilation_cache", False)
    try:
        for name in SECTIONS:
            # Fractions of the ceilings need the ceilings.
            if name == "ceilings" or name in session.options.sections:
                _MEASURES[name](session)
                after_each()
    finally:
        jax.config.update("jax_enable_compilation_cache", before)
