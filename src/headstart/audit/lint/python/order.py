"""Whether an expression's elements come in an order of chance: a set's, or a directory's."""

from __future__ import annotations

import ast
from typing import NamedTuple

from headstart.audit.lint.python.calls import LISTING_METHODS, LISTINGS
from headstart.audit.lint.python.names import Definition, Names, Scope, parameters, target_name

SET, LISTING = "HS031", "HS033"
_SET_TYPES = ("set", "frozenset", "Set", "FrozenSet", "AbstractSet", "MutableSet")
_SET_METHODS = ("union", "intersection", "difference", "symmetric_difference")
_KEEPS = ("list", "tuple", "iter", "reversed", "enumerate", "map", "filter", "zip")
_MOST_DEPTH = 8


Known = tuple[Scope, list[Definition]]
"""Where a name got its value, and what that consists of."""


class Unordered(NamedTuple):
    """Which order it is, and where it comes from."""

    code: str
    node: ast.expr


class Order:
    """Answers for one module."""

    def __init__(self, names: Names) -> None:
        self._names = names

    def of(self, node: ast.expr, scope: Scope, depth: int = 0) -> Unordered | None:
        """None where the order is fixed, or not known."""
        if depth > _MOST_DEPTH:
            return None
        depth += 1
        match node:
            case ast.Set():
                return None if _few_hashes(node) else Unordered(SET, node)
            case ast.SetComp():
                return Unordered(SET, node)
            case ast.ListComp() | ast.GeneratorExp() | ast.DictComp():
                found = (self.of(one.iter, scope, depth) for one in node.generators)
                return next(filter(None, found), None)
            case ast.BinOp(op=ast.BitOr() | ast.BitAnd() | ast.Sub() | ast.BitXor()):
                return self.of(node.left, scope, depth) or self.of(node.right, scope, depth)
            case ast.BinOp(op=ast.Add()):
                return self.of(node.left, scope, depth) or self.of(node.right, scope, depth)
            case ast.IfExp():
                return self.of(node.body, scope, depth) or self.of(node.orelse, scope, depth)
            case ast.Starred() | ast.Await() | ast.NamedExpr():
                return self.of(node.value, scope, depth)
            case ast.Call():
                return self._call(node, scope, depth)
            case ast.Name() | ast.Attribute():
                return self._named(node, scope, depth)
        return None

    def _call(self, node: ast.Call, scope: Scope, depth: int) -> Unordered | None:
        dotted = self._names.dotted(node.func)
        if dotted in LISTINGS:
            return Unordered(LISTING, node)
        name = node.func.id if isinstance(node.func, ast.Name) else None
        if name in ("set", "frozenset"):
            return Unordered(SET, node) if node.args or name == "set" else None
        if name in _KEEPS:
            found = (self.of(argument, scope, depth) for argument in node.args)
            return next(filter(None, found), None)
        if isinstance(node.func, ast.Attribute):
            method, receiver = node.func.attr, node.func.value
            if method in LISTING_METHODS or (method == "glob" and dotted is None):
                return Unordered(LISTING, node)
            if method in _SET_METHODS or method == "copy":
                return self.of(receiver, scope, depth)
            if method == "fromkeys" and node.args:
                return self.of(node.args[0], scope, depth)
            if method in ("keys", "values", "items"):
                return self.of(receiver, scope, depth)
        return None

    def _named(self, node: ast.Name | ast.Attribute, scope: Scope, depth: int) -> Unordered | None:
        name = target_name(node)
        if name is None:
            return None
        found = definitions(name, node.lineno, scope)
        if found is None:
            return self._parameter(name, node, scope, depth)
        holder, several = found
        if name in holder.called.get("sort", ()) or name in scope.called.get("sort", ()):
            return None
        for one in several:
            loops = (self.of(loop, holder, depth) for loop in one.loops) if one.adds else ()
            order = next(filter(None, loops), None)
            if order is None and one.whole:
                order = self.of(one.value, holder, depth)
            if order is not None:
                return Unordered(order.code, node if order.code == SET else order.node)
        return None

    def _parameter(self, name: str, node: ast.expr, scope: Scope, depth: int) -> Unordered | None:
        at: Scope | None = scope
        while at is not None:
            if name in at.bound:
                value, where = at.bound[name]
                return self.of(value, where, depth)
            known = parameters(at.node)
            if name in known:
                return Unordered(SET, node) if _is_set_type(known[name]) else None
            at = at.parent
        return None


def definitions(name: str, line: int, scope: Scope) -> Known | None:
    """Where a name got its value, with what it consists of at ``line``, in order; None for a
    parameter, and for what the module does not define."""
    if name.startswith("self."):
        owner = scope.owner
        found = owner.names.get(name[5:]) if owner is not None else None
        return (owner, found) if owner is not None and found else None
    at: Scope | None = scope
    while at is not None:
        if not isinstance(at.node, ast.ClassDef) or at is scope:
            if name in at.names:
                own = at.names[name]
                if at is scope:
                    own = _current([one for one in own if one.line < line] or own)
                return at, own
            if name in at.bound or name in parameters(at.node):
                return None
        at = at.parent
    return None


def _current(found: list[Definition]) -> list[Definition]:
    """From the last one on that replaces all before it."""
    last = max((i for i, one in enumerate(found) if one.replaces), default=0)
    return found[last:]


def _few_hashes(node: ast.Set) -> bool:
    """Numbers have the same hash in every process, and a set of one has no order."""
    fixed = all(isinstance(e, ast.Constant) and isinstance(e.value, int | float) for e in node.elts)
    return fixed or len(node.elts) < 2


def _is_set_type(annotation: ast.expr | None) -> bool:
    if isinstance(annotation, ast.Constant) and isinstance(annotation.value, str):
        try:
            annotation = ast.parse(annotation.value, mode="eval").body
        except SyntaxError:
            return False
    if isinstance(annotation, ast.BinOp):
        return _is_set_type(annotation.left)
    if isinstance(annotation, ast.Subscript):
        annotation = annotation.value
    if isinstance(annotation, ast.Attribute):
        return annotation.attr in _SET_TYPES
    return isinstance(annotation, ast.Name) and annotation.id in _SET_TYPES
