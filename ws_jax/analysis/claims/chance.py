"""Whether networks have learned anything: what a guess of the class would score."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from ws_jax.analysis import statistics

BEYOND = 2  # times the accuracy of a guess, by which learning is shown; ours


def unlearned(
    accuracies: Mapping[str, pd.Series], classes: int, ratio: float = 0.0
) -> str:
    """Says which networks are not shown to have learned; empty if all are.

    One is if the whole 95 % interval of its accuracy lies above twice that of a guess.
    Networks that learned nothing are as good as each other, and to beat one of them, or
    to lose to one that has learned, says nothing of either.

    Args:
      accuracies: by seed or fold, of each network that is compared.
      classes: of the data.
      ratio: of validation to training images, where values are by fold
        (`statistics.corrected_t_test`); 0 for seeds.

    Example:
      >>> nothing = pd.Series([0.10, 0.11, 0.10])
      >>> unlearned({"a": nothing + 0.5, "b": nothing + 0.6}, 10)
      ''
      >>> unlearned({"a": nothing, "b": nothing + 0.6}, 10)
      'not shown to have learned, to be above 20 %, twice a guess: a (10.3)'
    """
    least = BEYOND / classes
    short = []
    for name, own in accuracies.items():
        if not statistics.corrected_t_test(own, ratio).low > least:
            score = f"{100 * own.mean():.1f}" if len(own) else "not scored"
            short.append(f"{name} ({score})")
    if not short:
        return ""
    asked = f"above {100 * least:g} %, twice a guess"
    return f"not shown to have learned, to be {asked}: {', '.join(short)}"
