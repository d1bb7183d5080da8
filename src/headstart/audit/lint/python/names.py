"""What names mean in one module: imports, definitions, functions; all of it by plain AST."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

Function = ast.FunctionDef | ast.AsyncFunctionDef
Block = ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
_GROWS = ("append", "add", "extend", "insert", "appendleft", "update")


class Definition(NamedTuple):
    """Something that a name's value consists of."""

    line: int
    value: ast.expr
    replaces: bool
    """It is all of the value, and on every way that leads past it."""
    adds: bool
    """It is added to what the name had."""
    loops: tuple[ast.expr, ...]
    """What the loops around it go over, within the same block."""
    whole: bool
    """The value itself, rather than an element of it."""


@dataclass
class Scope:
    """A module, a class or a function, and what is around it."""

    node: Block
    parent: Scope | None
    names: dict[str, list[Definition]] = field(default_factory=dict)
    functions: dict[str, Function] = field(default_factory=dict)
    classes: dict[str, Scope] = field(default_factory=dict)
    called: dict[str, set[str]] = field(default_factory=dict)
    """Method or function to the names that it orders anew in place: sort, shuffle."""
    nodes: list[ast.Call | ast.Dict | ast.Assign | ast.AnnAssign | ast.AugAssign] = field(
        default_factory=list
    )
    """Those of its own that may write a prompt, in the order of the source."""
    bound: dict[str, tuple[ast.expr, Scope]] = field(default_factory=dict)
    """Parameters whose arguments are known, with the scope to read them in."""

    @property
    def module(self) -> Scope:
        """The outermost."""
        return self if self.parent is None else self.parent.module

    @property
    def owner(self) -> Scope | None:
        """The class that it, or a function around it, is in."""
        if isinstance(self.node, ast.ClassDef):
            return self
        return self.parent.owner if self.parent is not None else None

    def qualified(self) -> str:
        """``Agent.run``; "" for the module."""
        above = self.parent.qualified() if self.parent is not None else ""
        own = "" if isinstance(self.node, ast.Module) else self.node.name
        return ".".join(filter(None, (above, own)))


class Names:
    """A module's imports, and a scope for each of its blocks."""

    def __init__(self, tree: ast.Module) -> None:
        self.imports: dict[str, str] = {}
        self.scopes: list[Scope] = []
        self.seeded = False
        self.module = self._scope(tree, None)
        self._walk(tree)

    def dotted(self, node: ast.expr) -> str | None:
        """The full name of ``a.b.c`` if its first part was imported: ``datetime.datetime.now``."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name) or node.id not in self.imports:
            return None
        return ".".join((self.imports[node.id], *reversed(parts)))

    def _walk(self, tree: ast.Module) -> None:
        """Everything that takes a look at each node, at once."""
        scopes = {scope.node: scope for scope in self.scopes}
        waiting: list[tuple[ast.AST, Scope]] = [(tree, self.module)]
        seeds: list[ast.expr] = []
        imports: list[ast.Import | ast.ImportFrom] = []
        while waiting:
            node, scope = waiting.pop()
            if isinstance(node, ast.Call | ast.Dict | ast.Assign | ast.AnnAssign | ast.AugAssign):
                scope.nodes.append(node)
                if isinstance(node, ast.Call) and _ends_in_seed(node.func):
                    seeds.append(node.func)
            elif isinstance(node, ast.Import | ast.ImportFrom):
                imports.append(node)
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                scope = scopes.get(node, scope)
            waiting += [(child, scope) for child in ast.iter_child_nodes(node)]
        for one in sorted(imports, key=lambda one: one.lineno):  # the last one counts
            self.imports.update(_imported(one))
        for scope in self.scopes:
            scope.nodes.sort(key=lambda one: (one.lineno, one.col_offset))
        self.seeded = any(self.dotted(func) == "random.seed" for func in seeds)

    def _scope(self, node: Block, parent: Scope | None) -> Scope:
        scope = Scope(node, parent)
        self.scopes.append(scope)
        for statement in node.body:
            self._statement(statement, scope, (), 0)
        return scope

    def _statement(
        self, node: ast.stmt, scope: Scope, loops: tuple[ast.expr, ...], depth: int
    ) -> None:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            scope.functions[node.name] = node
            self._scope(node, scope)
            return
        if isinstance(node, ast.ClassDef):
            scope.classes[node.name] = self._scope(node, scope)
            return
        for name, definition in _defined(node, loops, depth):
            holder = scope
            if name.startswith("self."):
                name, holder = name[5:], scope.owner or scope
                definition = definition._replace(line=0)
            holder.names.setdefault(name, []).append(definition)
        if isinstance(node, ast.Expr):
            for what, name in _reordered(node.value):
                scope.called.setdefault(what, set()).add(name)
        inner = (*loops, node.iter) if isinstance(node, ast.For | ast.AsyncFor) else loops
        # What stands in a "with" is always passed; in anything else perhaps.
        deeper = depth + (not isinstance(node, ast.With | ast.AsyncWith))
        for below in _blocks(node):
            self._statement(below, scope, inner, deeper)


def _ends_in_seed(func: ast.expr) -> bool:
    name = func.attr if isinstance(func, ast.Attribute) else getattr(func, "id", "")
    return name == "seed"


def target_name(node: ast.expr) -> str | None:
    """``x`` or ``self.x``."""
    if isinstance(node, ast.Name):
        return node.id
    own = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    if own and isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return f"self.{node.attr}" if node.value.id in ("self", "cls") else None
    return None


def _imported(node: ast.Import | ast.ImportFrom) -> Iterator[tuple[str, str]]:
    for alias in node.names:
        if isinstance(node, ast.Import):
            local = alias.asname or alias.name.partition(".")[0]
            yield local, alias.name if alias.asname else local
        elif node.level == 0 and node.module:
            yield alias.asname or alias.name, f"{node.module}.{alias.name}"


def _defined(
    node: ast.stmt, loops: tuple[ast.expr, ...], depth: int
) -> Iterator[tuple[str, Definition]]:
    """Names that a statement itself gives a value."""
    line, sure = node.lineno, depth == 0
    if isinstance(node, ast.Assign):
        for target in node.targets:
            for one, value in _pairs(target, node.value):
                name = target_name(one)
                if name:
                    yield name, Definition(line, value, sure, False, loops, True)
    elif isinstance(node, ast.AnnAssign) and node.value is not None:
        name = target_name(node.target)
        if name:
            yield name, Definition(line, node.value, sure, False, loops, True)
    elif isinstance(node, ast.AugAssign) and isinstance(node.op, ast.Add | ast.BitOr):
        name = target_name(node.target)
        if name:
            yield name, Definition(line, node.value, False, True, loops, True)
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        call = node.value
        if isinstance(call.func, ast.Attribute) and call.func.attr in _GROWS and call.args:
            name = target_name(call.func.value)
            whole = call.func.attr in ("extend", "update")
            if name:
                yield name, Definition(line, call.args[-1], False, True, loops, whole)


def _pairs(target: ast.expr, value: ast.expr) -> Iterator[tuple[ast.expr, ast.expr]]:
    if isinstance(target, ast.Tuple | ast.List):
        if isinstance(value, ast.Tuple | ast.List) and len(value.elts) == len(target.elts):
            for one, part in zip(target.elts, value.elts, strict=True):
                yield from _pairs(one, part)
    else:
        yield target, value


def _reordered(call: ast.expr) -> Iterator[tuple[str, str]]:
    """``names.sort()`` and ``random.shuffle(names)``."""
    if not isinstance(call, ast.Call):
        return
    if isinstance(call.func, ast.Attribute) and call.func.attr == "sort":
        name = target_name(call.func.value)
        if name:
            yield "sort", name
    elif ast.unparse(call.func) in ("random.shuffle", "shuffle") and call.args:
        name = target_name(call.args[0])
        if name:
            yield "shuffle", name


def parameters(node: Block) -> dict[str, ast.expr | None]:
    """Names of a function's parameters, with their annotations."""
    if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return {}
    a = node.args
    every = [*a.posonlyargs, *a.args, *a.kwonlyargs, *filter(None, (a.vararg, a.kwarg))]
    return {one.arg: one.annotation for one in every}


def _blocks(node: ast.stmt) -> Sequence[ast.stmt]:
    found: list[ast.stmt] = []
    for name in ("body", "orelse", "finalbody"):
        found += getattr(node, name, [])
    for handler in getattr(node, "handlers", []):
        found += handler.body
    for case in getattr(node, "cases", []):
        found += case.body
    return found
