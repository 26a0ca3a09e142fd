"""Whether networks have learned anything: what a guess of the class would score."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from ws_jax.analysis import statistics

BEYOND = 2  # times the accuracy of a guess, by which learning is shown; ours


def unlearned(accuracies: Mapping[str, pd.Series], classes: int) -> str:
    """Says that no network is shown to have learned; empty if one is.

    One is if the whole 95 % interval of its accuracy over seeds lies above twice that
    of a guess. Networks that learned nothing are as good as each other, and what they
    differ by is luck.

    Args:
      accuracies: by seed, of each network that is compared.
      classes: of the data.

    Example:
      >>> nothing = pd.Series([0.10, 0.11, 0.10])
      >>> unlearned({"a": nothing, "b": nothing + 0.6}, 10)
      ''
      >>> unlearned({"a": nothing}, 10)
      'no network is shown to have learned: none is above 20 %, twice a guess (a 10.3)'
    """
    least = BEYOND / classes
    known = {name: values for name, values in accuracies.items() if len(values)}
    found = [statistics.corrected_t_test(own, 0.0) for own in known.values()]
    if any(one.low > least for one in found):
        return ""
    scores = ", ".join(f"{name} {100 * own.mean():.1f}" for name, own in known.items())
    return (
        f"no network is shown to have learned: none is above {100 * least:g} %, twice "
        f"a guess ({scores or 'none was scored'})"
    )
