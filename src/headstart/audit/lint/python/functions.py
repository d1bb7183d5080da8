"""Functions as the flow sees them: what they return, and what they were called with."""

from __future__ import annotations

import ast
from typing import Final

from headstart.audit.lint.python.names import Function, Scope, parameters

_MOST_SHOWN: Final = 60


def shown(node: ast.AST) -> str:
    """An expression on one short line."""
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"


def returned(function: Function) -> list[ast.expr]:
    """What a function returns, but not those within it."""
    found: list[ast.expr] = []
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            continue
        if isinstance(node, ast.Return) and node.value is not None:
            found.append(node.value)
        waiting += list(ast.iter_child_nodes(node))
    return found


def bound(function: Function, call: ast.Call, scope: Scope) -> dict[str, tuple[ast.expr, Scope]]:
    """Parameters whose arguments a call names, with the scope to read them in."""
    a = function.args
    names = [one.arg for one in (*a.posonlyargs, *a.args)]
    if names[:1] in (["self"], ["cls"]) and isinstance(call.func, ast.Attribute):
        names = names[1:]
    found = {
        name: (value, scope)
        for name, value in zip(names, call.args, strict=False)
        if not isinstance(value, ast.Starred)
    }
    found |= {one.arg: (one.value, scope) for one in call.keywords if one.arg}
    return found


def argument(name: str, scope: Scope) -> tuple[ast.expr, Scope] | None:
    """What a parameter was called with; None where that is not known."""
    at: Scope | None = scope
    while at is not None:
        if name in at.bound:
            return at.bound[name]
        if name in parameters(at.node):
            return None
        at = at.parent
    return None


def dotted_name(node: ast.expr) -> str | None:
    """``a.b.c``; the attributes alone where they are those of no name."""
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return ".".join((node.id, *reversed(parts))) if isinstance(node, ast.Name) else parts[0]
