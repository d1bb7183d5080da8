"""What reaches a place in a program: the pieces that an expression's value consists of.

Plain reading, no running: names defined in the same function, class or module, and calls of
functions of the same file, one level deep.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Final

from headstart.audit.lint.finding import Edit
from headstart.audit.lint.python.calls import SORTABLE, spelled, taken, volatile_call
from headstart.audit.lint.python.fixes import Source
from headstart.audit.lint.python.flow_calls import Calls
from headstart.audit.lint.python.functions import (
    argument,
    bound,
    dotted_name,
    returned,
    shown,
)
from headstart.audit.lint.python.names import Function, Names, Scope, target_name
from headstart.audit.lint.python.order import LISTING, SET, Known, Order, Unordered, definitions
from headstart.audit.lint.python.pieces import (
    Fixed,
    Hole,
    Piece,
    Varying,
    longest,
    recoded,
    varying,
)

_MOST_DEPTH: Final = 14
_MOST_STEPS: Final = 4000
"""Expressions looked at for one place: what is written to blow this up is given up on."""


class Flow:
    """Answers for one module."""

    def __init__(self, names: Names, source: Source) -> None:
        self.names = names
        self.order = Order(names)
        self.source = source
        self._calls = Calls(self)
        self._steps = 0
        self._active: set[int] = set()
        self._inlined = 0

    def of(self, node: ast.expr, scope: Scope) -> list[Piece]:
        """The pieces of an expression's value as text, in order."""
        self._steps = 0
        return self.pieces(node, scope, 0)

    def pieces(self, node: ast.expr, scope: Scope, depth: int) -> list[Piece]:
        """The same, on the way."""
        self._steps += 1
        if depth > _MOST_DEPTH or self._steps > _MOST_STEPS or id(node) in self._active:
            return [Hole(None, node)]
        self._active.add(id(node))
        try:
            return self._pieces(node, scope, depth + 1)
        finally:
            self._active.discard(id(node))

    def all(self, nodes: Sequence[ast.expr], scope: Scope, depth: int) -> list[Piece]:
        """Of several expressions, one behind the other."""
        return [piece for node in nodes for piece in self.pieces(node, scope, depth)]

    def shuffled(self, found: Unordered, around: ast.expr | None = None) -> Varying:
        """An order of chance; ``around`` is what may be sorted without changing more."""
        what = (
            "the order of a set" if found.code != LISTING else f"the order of {shown(found.node)}"
        )
        edits: tuple[Edit, ...] = ()
        if "sorted" not in self.names.imports and "sorted" not in self.names.module.functions:
            if around is not None:
                edits = self.source.sorted_around(around)
            elif isinstance(found.node, ast.Call) and (
                self.names.dotted(found.node.func) in SORTABLE
            ):
                edits = self.source.sorted_around(found.node)
        return Varying(found.code, around or found.node, what, edits)

    def inlined(
        self, function: Function, call: ast.Call, scope: Scope, holder: Scope, depth: int
    ) -> list[Piece]:
        """What a function of this file returns, its parameters being the call's arguments."""
        if self._inlined >= 2:
            return [Hole(function.name, call)]
        own = next((s for s in self.names.scopes if s.node is function), None)
        if own is None:
            return [Hole(function.name, call)]
        inside = Scope(function, own.parent, own.names, own.functions, own.classes, own.called)
        inside.bound = bound(function, call, scope)
        self._inlined += 1
        try:
            found: list[Piece] = []
            for value in returned(function):
                found += self.pieces(value, inside, depth)
            return found
        finally:
            self._inlined -= 1

    def _pieces(self, node: ast.expr, scope: Scope, depth: int) -> list[Piece]:
        match node:
            case ast.Constant(value=value):
                return [] if value is None else [Fixed(str(value))]
            case ast.JoinedStr():
                return self._formatted(node, scope, depth)
            case ast.BinOp():
                return self._operation(node, scope, depth)
            case ast.BoolOp():
                return longest([self.pieces(one, scope, depth) for one in node.values])
            case ast.IfExp():
                ways = (node.body, node.orelse)
                return longest([self.pieces(one, scope, depth) for one in ways])
            case ast.NamedExpr() | ast.Await() | ast.Starred():
                return self.pieces(node.value, scope, depth)
            case ast.Subscript():
                found = varying(self.pieces(node.value, scope, depth))
                return [*found] or [Hole(None, node)]
            case ast.Call():
                return self._call(node, scope, depth)
            case ast.Name() | ast.Attribute():
                return self._named(node, scope, depth)
            case ast.List() | ast.Tuple():
                return self._contained(node.elts, scope, depth)
            case ast.Dict():
                return self._dict(node, scope, depth)
            case ast.ListComp() | ast.GeneratorExp() | ast.SetComp():
                return [*self._order(node, scope), *self.pieces(node.elt, scope, depth)]
            case ast.DictComp():
                return [*self._order(node, scope), *self.pieces(node.value, scope, depth)]
            case ast.Set():
                return self._order(node, scope)
        return []

    def _order(self, node: ast.expr, scope: Scope) -> list[Piece]:
        found = self.order.of(node, scope)
        return [] if found is None else [self.shuffled(found)]

    def _formatted(self, node: ast.JoinedStr, scope: Scope, depth: int) -> list[Piece]:
        found: list[Piece] = []
        for value in node.values:
            if not isinstance(value, ast.FormattedValue):
                found += self.pieces(value, scope, depth)
                continue
            inner = self.pieces(value.value, scope, depth)
            spec = value.format_spec
            if isinstance(spec, ast.JoinedStr):
                text = "".join(
                    str(part.value) for part in spec.values if isinstance(part, ast.Constant)
                )
                inner = [
                    new
                    for piece in inner
                    for new in (
                        recoded([piece], spelled(piece.code, text))
                        if isinstance(piece, Varying)
                        else [piece]
                    )
                ]
            found += inner
        return found

    def _operation(self, node: ast.BinOp, scope: Scope, depth: int) -> list[Piece]:
        order = self._order(node, scope)
        if order:
            return order
        if isinstance(node.op, ast.Add | ast.BitOr):
            return self.all([node.left, node.right], scope, depth)
        if isinstance(node.op, ast.Mod):
            filled = self._calls.percent(node, scope, depth)
            if filled is not None:
                return filled
        if isinstance(node.op, ast.Mult):
            return [p for p in self.pieces(node.left, scope, depth) if not isinstance(p, Hole)]
        return [*varying(self.all([node.left, node.right], scope, depth))]

    def _call(self, node: ast.Call, scope: Scope, depth: int) -> list[Piece]:
        dotted = self.names.dotted(node.func)
        shadowed = isinstance(node.func, ast.Name) and node.func.id in scope.module.functions
        code = volatile_call(dotted, node, shadowed)
        if code is not None and not (code == "HS017" and self.names.seeded):
            return [Varying(code, node, f"{shown(node.func)}()")]
        return self._calls.of(node, dotted, scope, depth)

    def _named(self, node: ast.Name | ast.Attribute, scope: Scope, depth: int) -> list[Piece]:
        name = target_name(node)
        found = definitions(name, node.lineno, scope) if name else None
        if name and found:
            return self._defined(name, node, found, scope, depth)
        if isinstance(node, ast.Name):
            value = argument(node.id, scope)
            order = self._order(node, scope)
            return order or (
                self.pieces(value[0], value[1], depth) if value else [Hole(node.id, node)]
            )
        if name is None:
            inner = varying(self.pieces(node.value, scope, depth))
            if inner:
                return [p for one in inner for p in recoded([one], taken(one.code, node.attr))]
        return [Hole(dotted_name(node), node)]

    def _defined(
        self, name: str, node: ast.expr, known: Known, scope: Scope, depth: int
    ) -> list[Piece]:
        holder, several = known
        found: list[Piece] = []
        if name in holder.called.get("shuffle", ()) and not self.names.seeded:
            found.append(Varying("HS017", node, f"random.shuffle({name})"))
        order = self.order.of(node, scope)
        if order is not None:
            found.append(self.shuffled(order))
        ways = [self.pieces(one.value, holder, depth) for one in several if not one.adds]
        added = [self.pieces(one.value, holder, depth) for one in several if one.adds]
        inner = [*longest(ways), *(piece for pieces in added for piece in pieces)]
        ordered = name in holder.called.get("sort", ()) or name in scope.called.get("sort", ())
        told = (SET, LISTING) if ordered else (order.code,) if order is not None else ()
        inner = [p for p in inner if not (isinstance(p, Varying) and p.code in told)]
        return [*found, *inner] or [Hole(name, node)]

    def _dict(self, node: ast.Dict, scope: Scope, depth: int) -> list[Piece]:
        keys = [key.value for key in node.keys if isinstance(key, ast.Constant)]
        if "role" in keys and "content" in keys:
            return []  # a message: looked at on its own
        return self._contained(node.values, scope, depth)

    def _contained(self, nodes: Sequence[ast.expr], scope: Scope, depth: int) -> list[Piece]:
        """Elements. A set in a container is no text yet."""
        found: list[Piece] = []
        for node in nodes:
            inner = self.pieces(node, scope, depth)
            if isinstance(node, ast.Set | ast.SetComp | ast.Name | ast.Attribute | ast.BinOp):
                inner = [p for p in inner if not (isinstance(p, Varying) and p.code == SET)]
            found += inner
        return found
