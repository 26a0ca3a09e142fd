"""Folds networks whose layers share templates: alike layers are tied, and loop.

Layers of a bank whose coefficients point the same way have the same kernel up to scale
and sign. They are grouped by a threshold on their similarity, each group takes one
kernel, and the network becomes one that loops over them: a `models.FoldedWideResNet` or
a `models.FoldedGridNet`.

Everything here acts on one run's variables as NumPy arrays, and is computed in float64.

Source: Savarese & Maire 2019, as told by others; what no source settles is in
`docs/design/0011`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

import jax
import numpy as np

from ws_jax.banks import COEFFICIENTS, TEMPLATES
from ws_jax.config import ConfigError, check_name
from ws_jax.folding import layout
from ws_jax.folding.grouping import LINKS, group_layers, similarity
from ws_jax.folding.layout import Loop, Path, check_foldable, folded_network, loops
from ws_jax.models import Network

KERNELS = ("first", "mean")
SCALES = ("kept", "sign", "dropped")

Matrix = Any  # float NumPy array, [layers, k]


@dataclasses.dataclass(frozen=True)
class Rule:
    """How layers are folded.

    Attributes:
      threshold: least similarity of layers that are tied, in [0, 1].
      link: `connected`, a chain of similar pairs ties two layers; or `complete`, all
        pairs of a group are similar.
      kernel: that of a group: of its `first` layer, or the `mean`.
      scale: whether a layer's own scale and sign by which it takes its group's kernel
        are `kept`, only its `sign` is, or both are `dropped`.
    """

    threshold: float
    link: str = "connected"
    kernel: str = "first"
    scale: str = "kept"

    def check(self) -> None:
        """Raises `ConfigError` for what is not allowed."""
        number = isinstance(self.threshold, int | float | np.number)
        if not number or isinstance(self.threshold, bool):
            raise ConfigError(f"threshold: {self.threshold!r} is no number in [0, 1]")
        if not 0 <= self.threshold <= 1:
            raise ConfigError(
                f"threshold: {self.threshold} is not in [0, 1], where similarities lie"
            )
        check_name("link", self.link, LINKS)
        check_name("kernel", self.kernel, KERNELS)
        check_name("scale", self.scale, SCALES)


def as_rules(rules: Any) -> list[Rule]:
    """Returns rules, each checked; of a threshold alone it is the usual rule.

    Args:
      rules: what a person gave as a sequence of rules and thresholds.

    Raises:
      ConfigError: for a rule that is not allowed, or what is no sequence of them.
    """
    if isinstance(rules, str) or not isinstance(rules, Iterable):
        raise ConfigError(
            f"rules are {rules!r}, needs a sequence of thresholds, as (0.9,)"
        )
    found = [rule if isinstance(rule, Rule) else _usual_rule(rule) for rule in rules]
    for rule in found:
        rule.check()
    return found


def _usual_rule(threshold: Any) -> Rule:
    number = isinstance(threshold, int | float | np.integer | np.floating)
    if isinstance(threshold, bool) or not number:
        raise ConfigError(f"threshold: {threshold!r} is no number in [0, 1]")
    return Rule(float(threshold))  # numbers of NumPy are none of JSON


def read_rules(thresholds: Sequence[Any], **how: str) -> list[Rule]:
    """Returns the rules that a person typed.

    Args:
      thresholds: their texts.
      **how: the other fields of a `Rule`.
    Raises:
      ConfigError: for a text that is no number, or a rule that is not allowed.
    """
    found = []
    for text in thresholds:
        try:
            rule = Rule(text if isinstance(text, bool) else float(text), **how)
        except (TypeError, ValueError):
            raise ConfigError(f"threshold: {text!r} is no number in [0, 1]") from None
        rule.check()
        found.append(rule)
    return found


@dataclasses.dataclass(frozen=True)
class FoldedBank:
    """What became of a bank.

    Attributes:
      groups: of each layer, the number of its group, from 0.
      scales: of each layer, by which it takes its group's kernel.
      similarity: of the layers, [layers, layers].
      change: of each layer's kernel, the norm of the difference by its own norm.
    """

    groups: tuple[int, ...]
    scales: np.ndarray
    similarity: np.ndarray
    change: np.ndarray


@dataclasses.dataclass(frozen=True)
class Folded:
    """A folded network.

    Attributes:
      network: its config.
      variables: its collections, `params` among them.
      banks: what became of each bank.
    """

    network: layout.Folded
    variables: dict[str, Any]
    banks: tuple[FoldedBank, ...]


def tie(
    coefficients: Matrix, groups: Sequence[int], kernel: str, scale: str
) -> tuple[np.ndarray, np.ndarray]:
    """Gives each group one vector of coefficients.

    Args:
      coefficients: of the layers, [layers, k].
      groups: of each layer, the number of its group.
      kernel: see `Rule`.
      scale: see `Rule`.
    Returns:
      The vectors, [groups, k], and for each layer the number by which it takes its
      group's: 1 where it is dropped, and for a layer that is alone; with `first`, for
      the first one, too.
    """
    rows = np.asarray(coefficients, np.float64)
    tied, scales = [], np.ones(len(rows))
    for number in range(max(groups) + 1):
        members = [i for i, group in enumerate(groups) if group == number]
        own, first = rows[members], rows[members[0]]
        if len(members) == 1:
            tied.append(first)
            continue
        signs = np.where(own @ first < 0, -1.0, 1.0)
        vector = first if kernel == "first" else _mean(own, signs, scale)
        if scale == "sign":
            scales[members] = signs
        elif scale == "kept":
            scales[members] = own @ vector / max(vector @ vector, 1e-300)
        tied.append(vector)
    # As they are stored: what differs from 1 by rounding alone is 1.
    return np.stack(tied), scales.astype(np.float32).astype(np.float64)


def _mean(own: np.ndarray, signs: np.ndarray, scale: str) -> np.ndarray:
    """The mean of vectors, without what each layer keeps for itself."""
    if scale == "dropped":
        return own.mean(axis=0)
    own = own * signs[:, None]
    if scale == "sign":
        return own.mean(axis=0)
    norms = np.linalg.norm(own, axis=1, keepdims=True)
    return (own / np.where(norms > 0, norms, 1)).mean(axis=0) * norms.mean()


def fold(network: Network, variables: Any, rule: Rule, origin: str = "") -> Folded:
    """Folds a trained network.

    Args:
      network: its config.
      variables: its collections as NumPy arrays, as `checkpoint.load_run` gives them.
      rule: how.
      origin: says which parameters these are, of which run, and how they are folded.
    Raises:
      ConfigError: for a network or rule that cannot be.
    """
    network = check_foldable(network)
    rule.check()
    parts = loops(network)
    params = dict(variables["params"])
    banks, kernels = [], {}
    for loop in parts:
        templates = np.asarray(params.pop(loop.bank)[TEMPLATES], np.float64)
        rows = np.stack([_at(params, path)[COEFFICIENTS] for path in loop.layers])
        bank, tied = _fold_bank(rows, templates, rule)
        kernels[loop.kernels] = tied.astype(np.float32)
        banks.append(bank)
    scaled = any((bank.scales != 1).any() for bank in banks)
    numbers = tuple(number for bank in banks for number in bank.groups)
    params = _looped(parts, params) | kernels
    for loop, bank in zip(parts, banks if scaled else (), strict=scaled):
        scales = bank.scales.astype(np.float32).reshape(-1, loop.width)
        for place, path in enumerate(loop.places()):
            own = _made(params[loop.name], path)
            own[COEFFICIENTS] = scales[:, place, None]
    others = {n: _looped(parts, v) for n, v in variables.items() if n != "params"}
    folded = folded_network(network, numbers, scaled, origin)
    return Folded(folded, {"params": params, **others}, tuple(banks))


def _fold_bank(
    rows: np.ndarray, templates: np.ndarray, rule: Rule
) -> tuple[FoldedBank, np.ndarray]:
    """Returns what becomes of a bank, and the kernels of its groups."""
    similar = similarity(rows)
    groups = group_layers(similar, rule.threshold, rule.link)
    vectors, scales = tie(rows, groups, rule.kernel, rule.scale)
    flat = templates.reshape(len(templates), -1)
    before = np.linalg.norm(rows @ flat, axis=1)
    after = vectors[list(groups)] * scales[:, None]
    change = np.linalg.norm((rows - after) @ flat, axis=1)
    change = change / np.where(before > 0, before, 1)
    kernels = np.tensordot(vectors, templates, axes=1)
    return FoldedBank(groups, scales, similar, change), kernels


def _looped(parts: Sequence[Loop], tree: Any) -> dict[str, Any]:
    """Stacks what the steps of each loop have, but for coefficients."""
    found = dict(tree)
    for loop in parts:
        steps = []
        for taken in loop.steps:
            step: dict[str, Any] = {}
            for name, path in taken.items():
                own = _without(found.pop(name, {}), COEFFICIENTS)
                if own:
                    _made(step, path[:-1])[path[-1]] = own
            steps.append(step)
        if steps[0]:
            found[loop.name] = jax.tree.map(lambda *a: np.stack(a), *steps)
    return found


def _at(tree: Any, path: Path) -> Any:
    for name in path:
        tree = tree[name]
    return tree


def _made(tree: dict[str, Any], path: Path) -> dict[str, Any]:
    """Returns what lies at a path, which is made if it is not there."""
    for name in path:
        tree = tree.setdefault(name, {})
    return tree


def _without(tree: Any, name: str) -> Any:
    if not isinstance(tree, dict):
        return tree
    inner = {key: _without(value, name) for key, value in tree.items() if key != name}
    return {k: v for k, v in inner.items() if not isinstance(v, dict) or v}
