"""``json.dumps``: whether the order of its keys is fixed, by what stands in the source."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from headstart.audit.lint.python.names import Scope, target_name
from headstart.audit.lint.python.order import definitions
from headstart.audit.lint.python.pieces import Piece, Varying

if TYPE_CHECKING:
    from headstart.audit.lint.python.flow import Flow

DUMPS: Final = ("json.dumps", "simplejson.dumps", "ujson.dumps", "orjson.dumps")
_UNSORTED: Final = "HS032"
_MOST_DEPTH: Final = 6


def dumped(flow: Flow, node: ast.Call, scope: Scope, depth: int) -> list[Piece]:
    """What a call's text consists of; of unknown keys, that they are in no fixed order."""
    found: list[Piece] = []
    if not _sorts(node) and node.args and not _fixed_order(node.args[0], scope):
        edits = (
            () if ast.unparse(node.func).startswith("orjson") else (flow.source.sorted_keys(node))
        )
        name = ast.unparse(node.func)
        found.append(Varying(_UNSORTED, node, f"{name}() without sort_keys", edits))
    order = flow.order.of(node.args[0], scope) if node.args else None
    inner = flow.all(node.args[:1], scope, depth)
    if order is not None and not any(
        isinstance(p, Varying) and p.code == order.code for p in inner
    ):
        found.append(flow.shuffled(order))
    return [*found, *inner]


def _sorts(node: ast.Call) -> bool:
    """Told to sort; what comes in ``**options`` may say so as well."""
    for keyword in node.keywords:
        if keyword.arg is None:
            return True
        if keyword.arg == "sort_keys":
            return not (isinstance(keyword.value, ast.Constant) and not keyword.value.value)
        if keyword.arg == "option" and "SORT_KEYS" in ast.unparse(keyword.value):
            return True
    return False


def _fixed_order(node: ast.expr, scope: Scope, depth: int = 0) -> bool:
    """The keys stand in the source, or there are none."""
    if depth > _MOST_DEPTH:
        return False
    depth += 1
    match node:
        case ast.Dict():
            if any(key is None for key in node.keys):
                return False
            nested = (v for v in node.values if isinstance(v, ast.Dict | ast.List | ast.Call))
            return all(_fixed_order(v, scope, depth) for v in nested)
        case ast.List() | ast.Tuple():
            return all(_fixed_order(one, scope, depth) for one in node.elts)
        case ast.ListComp() | ast.GeneratorExp():
            keys = ast.unparse(node.generators[0].iter).endswith(".keys()")
            return (
                keys
                or isinstance(node.elt, ast.Constant | ast.JoinedStr)
                or (isinstance(node.elt, ast.Dict) and _fixed_order(node.elt, scope, depth))
            )
        case ast.Constant() | ast.JoinedStr() | ast.Subscript(slice=ast.Slice()):
            return True
        case ast.Call():
            name = node.func.id if isinstance(node.func, ast.Name) else ""
            if name in ("sorted", "list", "tuple") and node.args:
                return _fixed_order(node.args[0], scope, depth)
            return name in ("str", "repr", "len", "int", "float", "bool", "sum")
        case ast.Name() | ast.Attribute():
            name = target_name(node) or ""
            found = definitions(name, node.lineno, scope)
            return found is not None and all(
                _fixed_order(one.value, found[0], depth) for one in found[1]
            )
    return False
