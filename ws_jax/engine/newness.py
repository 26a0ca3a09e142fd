"""How deep the values in a function are new, by its syntax tree.

Depth 0 is a value that was there before the function ran; 1 a new container of such
values, as `[SCHEMES]`; 2 a new container of those, and so on. A part of a value is one
less deep than it. What a call returns is taken to be new all through, unless it is
known to hand on what it was given, as `list(TABLES)` and `tables.values()` do.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Iterable, Iterator

ALL = math.inf  # new all through, or nothing that can be changed in place

# Functions and methods that give a new container of what is in their arguments, or of
# what is in that whose method it is; those that give pairs of it; those that give one.
_COPYING = (
    "list tuple set frozenset dict sorted reversed iter filter",
    "values keys copy",
)
_PAIRING = ("enumerate zip", "items")
_PICKING = ("next getattr", "get pop popitem setdefault")

# Methods that put their arguments in a container; those that put in what is in these.
_INSERTING = frozenset(("append", "add", "insert", "setdefault"))
_MERGING = frozenset(("update", "extend"))


class Newness:
    """The depth of each name that a function binds, and of expressions in it."""

    def __init__(self, function: ast.AST, body: Iterable[ast.stmt] = ()):
        """Finds the depths.

        Args:
          function: whose names are told.
          body: of its file, whose constants nothing can change in place.
        """
        self._top = _assigned_once(body)
        stored = {
            node.id
            for node in ast.walk(function)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        }
        self.depths: dict[str, float] = dict.fromkeys(stored, ALL)
        while True:
            before = dict(self.depths)
            for node in ast.walk(function):
                for name, value in _bindings(node):
                    self._lower(name, self.of(value))
                for name, depth in self._insertions(node):
                    self._lower(name, depth)
            if self.depths == before:
                break

    def of(self, node: ast.expr) -> float:
        """Returns the depth of an expression."""
        if isinstance(node, ast.Name):
            fixed = node.id in self._top and _is_fixed(self._top[node.id])
            return self.depths.get(node.id, ALL if fixed else 0)
        if isinstance(node, ast.Attribute | ast.Subscript | ast.Starred):
            return self._part(node.value)
        if isinstance(node, ast.Call):
            return self._returned(node)
        if isinstance(node, ast.IfExp):
            return min(self.of(node.body), self.of(node.orelse))
        if isinstance(node, ast.BoolOp):
            return min(map(self.of, node.values))
        if isinstance(node, ast.NamedExpr):
            return self.of(node.value)
        if isinstance(node, ast.BinOp):
            return max(1, min(self.of(node.left), self.of(node.right)))
        if isinstance(node, ast.List | ast.Tuple | ast.Set | ast.Dict):
            return 1 + min(map(self.of, _held(node)), default=ALL)
        if isinstance(node, ast.ListComp | ast.SetComp | ast.GeneratorExp):
            return 1 + self._within(node.generators, node.elt)
        if isinstance(node, ast.DictComp):
            return 1 + self._within(node.generators, node.value)
        return ALL

    def _part(self, node: ast.expr) -> float:
        """Returns the depth of what is in an expression."""
        if isinstance(node, ast.Name) and node.id not in self.depths:
            top = self._top.get(node.id)
            if top is not None and (held := _held(top)) and all(map(_is_fixed, held)):
                return ALL
        return max(0, self.of(node) - 1)

    def _returned(self, node: ast.Call) -> float:
        """Returns the depth of what a call returns."""
        others = [self.of(arg) for arg in node.args[1:]]
        if isinstance(node.func, ast.Attribute):
            name, kind, givers = node.func.attr, 1, [node.func.value]
        elif isinstance(node.func, ast.Name):
            name, kind, givers = node.func.id, 0, node.args
        else:
            return ALL
        if name == "filter":
            givers = givers[1:]
        elif name == "enumerate":
            givers = givers[:1]
        given = [self._part(giver) for giver in givers]
        if name == "dict":  # `**more` gives what is in it
            given += [
                self.of(keyword.value) if keyword.arg else self._part(keyword.value)
                for keyword in node.keywords
            ]
        if name in _COPYING[kind].split():
            return 1 + min(given, default=ALL)
        if name in _PAIRING[kind].split():
            return 2 + min(given, default=ALL)
        if name in _PICKING[kind].split():
            return min([*given[:1], *others], default=ALL)
        return ALL

    def _within(self, generators: list[ast.comprehension], node: ast.expr) -> float:
        """Returns the depth of an expression in a comprehension, with names of its own.

        Args:
          generators: what binds them.
          node: the expression.
        """
        before = self.depths
        self.depths = dict(before)
        for one in generators:
            bound = list(_entry_bindings(one.target, one.iter))
            depths = [(name, self.of(value)) for name, value in bound]
            self.depths |= {name: ALL for name, _ in bound}
            for name, depth in depths:
                self._lower(name, depth)
        found = self.of(node)
        self.depths = before
        return found

    def _lower(self, name: str, depth: float) -> None:
        self.depths[name] = min(depth, self.depths.get(name, ALL))

    def _insertions(self, node: ast.AST) -> Iterator[tuple[str, float]]:
        """Yields names that a statement puts something in, and how deep they stay."""
        placed: list[tuple[ast.expr, float]] = []
        if isinstance(node, ast.Assign):
            placed = [(target, self.of(node.value)) for target in node.targets]
        elif isinstance(node, ast.AugAssign):
            placed = [(node.target, max(1, self.of(node.value)))]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            named = [1 + self.of(keyword.value) for keyword in node.keywords]
            if node.func.attr in _INSERTING:
                depths = [1 + self.of(arg) for arg in node.args]
            elif node.func.attr in _MERGING:
                depths = [max(1, self.of(arg)) for arg in node.args]
            else:
                return
            placed = [(node.func.value, min([*depths, *named], default=ALL))]
        for target, depth in placed:
            steps = 0
            while isinstance(target, ast.Attribute | ast.Subscript):
                target, steps = target.value, steps + 1
            if not isinstance(target, ast.Name) or target.id not in self.depths:
                continue
            if steps or not isinstance(node, ast.Assign):  # else it is bound anew
                yield target.id, steps + depth


def _bindings(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Yields the names that a statement binds, and each value that they may have."""
    if isinstance(node, ast.Assign):
        for target in node.targets:
            yield from _pairs(target, node.value)
    elif isinstance(node, ast.AnnAssign | ast.NamedExpr) and node.value is not None:
        yield from _pairs(node.target, node.value)
    elif isinstance(node, ast.For):
        yield from _entry_bindings(node.target, node.iter)


def _entry_bindings(
    target: ast.expr, values: ast.expr
) -> Iterator[tuple[str, ast.expr]]:
    """Yields what is bound to one entry of some values after the other."""
    entries = values.elts if isinstance(values, ast.Tuple | ast.List) else []
    for entry in entries or [_any_of(values)]:
        yield from _pairs(target, entry)


def _pairs(target: ast.expr, value: ast.expr) -> Iterator[tuple[str, ast.expr]]:
    """Yields the names in a target, with what each of them is bound to."""
    if isinstance(target, ast.Name):
        yield target.id, value
    elif isinstance(target, ast.Starred):  # a new list of what is left
        yield from _pairs(target.value, ast.List([value], ast.Load()))
    elif isinstance(target, ast.Tuple | ast.List):
        held = value.elts if isinstance(value, ast.Tuple | ast.List) else []
        plain = not any(isinstance(n, ast.Starred) for n in (*held, *target.elts))
        fits = plain and len(held) == len(target.elts)
        values = held if fits else [_any_of(value)] * len(target.elts)
        for inner, entry in zip(target.elts, values, strict=True):
            yield from _pairs(inner, entry)


def _any_of(node: ast.expr) -> ast.expr:
    """Returns the expression of an entry, whichever, of a value."""
    return ast.Subscript(node, ast.Constant(0), ast.Load())


def _held(node: ast.expr) -> list[ast.expr]:
    """Returns what is in a container that is written out; `**more` as `*more`."""
    if isinstance(node, ast.Dict):
        return [
            value if key is not None else ast.Starred(value, ast.Load())
            for key, value in zip(node.keys, node.values, strict=True)
        ]
    return node.elts if isinstance(node, ast.List | ast.Tuple | ast.Set) else []


def _assigned_once(body: Iterable[ast.stmt]) -> dict[str, ast.expr]:
    """Returns what a file gives to names at its top, of those that it gives it once."""
    found: dict[str, list[ast.expr]] = {}
    for node in body:
        for name, value in _bindings(node):
            found.setdefault(name, []).append(value)
    stored = [
        node.id
        for statement in body
        if not isinstance(statement, ast.FunctionDef | ast.ClassDef)
        for node in ast.walk(statement)
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    ]
    return {n: v[0] for n, v in found.items() if len(v) == stored.count(n) == 1}


def _is_fixed(node: ast.expr) -> bool:
    """Returns whether an expression is a number, a text, or a tuple of such."""
    if isinstance(node, ast.Tuple):
        return all(map(_is_fixed, node.elts))
    if isinstance(node, ast.UnaryOp):
        return _is_fixed(node.operand)
    if isinstance(node, ast.BinOp):
        return _is_fixed(node.left) and _is_fixed(node.right)
    return isinstance(node, ast.Constant)
