"""What of a file of a user's own counts in its digest, by its syntax tree."""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Any

from ws_jax.engine.newness import Newness

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
        node
        for node in body
        if getattr(node, "name", "") == _MAKER and not _acts(node, body)
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


def _acts(maker: ast.stmt, body: list[ast.stmt]) -> bool:
    """Returns whether a function does more than to build values.

    That is if it defines a class, sets a part of something that it did not make or
    changes it in place (`+=`), or calls what it did not make for the effect alone:
    nothing takes the result. What it did not make stays so in a list that it makes.
    """
    new = Newness(maker, body)
    for node in ast.walk(maker):
        if isinstance(node, ast.ClassDef | ast.Global):
            return True
        if isinstance(node, ast.Attribute | ast.Subscript):
            set_ = isinstance(node.ctx, ast.Store | ast.Del)
            if set_ and not _is_made(node.value, new):
                return True
        if isinstance(node, ast.AugAssign) and not _is_made(node.target, new):
            return True
        if isinstance(node, ast.Expr) and not _is_remark(node):
            if not _is_own_call(node.value, new):
                return True
    return False


def _is_made(node: ast.expr, new: Newness) -> bool:
    """Returns whether a function made an expression's value, or what it is part of."""
    return new.depths.get(_root(node), 0) >= 1 and new.of(node) >= 1


def _is_own_call(node: ast.expr, new: Newness) -> bool:
    """Returns whether a statement calls what its function made, or only tells."""
    if not isinstance(node, ast.Call):
        return False
    root = _root(node)
    if root in _SETTERS and isinstance(node.func, ast.Name):
        return bool(node.args) and _is_made(node.args[0], new)
    if root in _TELLERS:
        return True
    if isinstance(node.func, ast.Attribute):
        return _is_made(node.func.value, new)
    return not isinstance(node.func, ast.Name) and _is_made(node.func, new)


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
