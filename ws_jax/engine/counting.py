"""What of a file of a user's own counts in its digest, by its syntax tree."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import Any

_MAKER = "get_config"  # what it says stands in the config
_TELLERS = ("print", "logging", "warnings")  # calls that change nothing
_SETTERS = ("setattr", "delattr")


def counting(body: list[ast.stmt], taken: frozenset[str]) -> list[ast.stmt]:
    """Returns the statements of a file that count where values alone are built.

    Args:
      body: of the file.
      taken: the names that other files import from it; `*` are all.
    """
    makers = [
        node for node in body if getattr(node, "name", "") == _MAKER and not _acts(node)
    ]
    others = [node for node in body if node not in makers]
    used = _names(makers, ast.Load)
    return [
        node
        for node in others
        if not (
            (set_ := _set_by(node))
            and set_ <= used
            and not taken & {"*", *set_}
            and not set_ & _names([o for o in others if o is not node], ast.Load)
        )
    ]


def _acts(maker: ast.stmt) -> bool:
    """Returns whether a function does more than to build values.

    That is if it defines a class, sets a part of something that it did not make, or
    calls what it did not make for the effect alone: nothing takes the result.
    """
    made = _made(maker)
    for node in ast.walk(maker):
        if isinstance(node, ast.ClassDef | ast.Global):
            return True
        if isinstance(node, ast.Attribute | ast.Subscript):
            own = _root(node) in made
            if isinstance(node.ctx, ast.Store | ast.Del) and not own:
                return True
        if isinstance(node, ast.Expr) and not _is_remark(node):
            if not _is_own_call(node.value, made):
                return True
    return False


def _is_own_call(node: ast.expr, made: set[str]) -> bool:
    """Returns whether a statement calls what its function made, or only tells."""
    if not isinstance(node, ast.Call):
        return False
    root = _root(node)
    if root in _SETTERS and isinstance(node.func, ast.Name):
        return bool(node.args) and _root(node.args[0]) in made
    return root in _TELLERS or (root in made and not isinstance(node.func, ast.Name))


def _made(maker: ast.stmt) -> set[str]:
    """Returns the names of what a function makes itself, by calls or as literals.

    A name given to something that is there already is none of them.
    """
    given: dict[str, list[ast.expr]] = {}
    for node in ast.walk(maker):
        for target, value in _bindings(node):
            if isinstance(target, ast.Name):
                given.setdefault(target.id, []).append(value)
    made = _names([maker], ast.Store)
    while others := {
        n for n in made if not all(_is_new(v, made) for v in given.get(n, ()))
    }:
        made -= others
    return made


def _bindings(node: ast.AST) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Yields what a statement binds, and each value that it may bind it to."""
    if isinstance(node, ast.Assign):
        pairs = [(target, node.value) for target in node.targets]
    elif isinstance(node, ast.AnnAssign | ast.NamedExpr) and node.value is not None:
        pairs = [(node.target, node.value)]
    elif isinstance(node, ast.For):
        pairs = [(node.target, value) for value in _entries(node.iter) or [node.iter]]
    else:
        return
    for target, value in pairs:
        targets = _entries(target)
        if not targets:
            yield target, value
            continue
        values = _entries(value)
        fits = len(values) == len(targets)
        yield from zip(targets, values if fits else [value] * len(targets), strict=True)


def _entries(node: ast.expr) -> list[ast.expr]:
    """Returns what a tuple or a list that is written out has in it; else nothing."""
    return node.elts if isinstance(node, ast.Tuple | ast.List) else []


def _is_new(value: ast.expr, made: set[str]) -> bool:
    """Returns whether a value is none that was there before its function ran."""
    if isinstance(value, ast.IfExp):
        return _is_new(value.body, made) and _is_new(value.orelse, made)
    if isinstance(value, ast.BoolOp):
        return all(_is_new(one, made) for one in value.values)
    if isinstance(value, ast.Name | ast.Attribute | ast.Subscript):
        return _root(value) in made
    return True


def _root(node: ast.AST) -> str:
    """Returns the name that a chain of attributes, entries and calls begins with."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""


def _set_by(node: ast.stmt) -> set[str]:
    """Returns the names that a statement sets; none if it may do anything else."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {alias.asname or alias.name.partition(".")[0] for alias in node.names}
    if not isinstance(node, ast.Assign | ast.AnnAssign):
        return set()
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    names = [target.id for target in targets if isinstance(target, ast.Name)]
    return set(names) if len(names) == len(targets) else set()


def _names(nodes: Iterable[ast.AST], context: type) -> set[str]:
    return {
        inner.id
        for node in nodes
        for inner in ast.walk(node)
        if isinstance(inner, ast.Name) and isinstance(inner.ctx, context)
    }


def plain(node: Any) -> Any:
    """Returns a syntax tree as lists and texts, the same under every Python.

    What a younger Python adds to a tree is empty in the code of an older one; 3.12 adds
    empty texts to f-strings. A text that stands alone is a remark.
    """
    if isinstance(node, list):
        return [plain(item) for item in node if not _is_remark(item)]
    if isinstance(node, ast.JoinedStr):
        texts = [v for v in node.values if getattr(v, "value", None) != ""]
        return ["JoinedStr", plain(texts)]
    if isinstance(node, ast.AST):
        fields = [(name, plain(value)) for name, value in ast.iter_fields(node)]
        return [type(node).__name__, *(f for f in fields if f[1] not in (None, []))]
    return None if node is None else ascii(node)


def _is_remark(node: Any) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
