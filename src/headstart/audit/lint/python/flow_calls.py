"""What the value of a call consists of: formatting, joining, dumping, wrapping, local functions."""

from __future__ import annotations

import ast
import re
from typing import TYPE_CHECKING, Final

from headstart.audit.lint.python.calls import formatted, taken
from headstart.audit.lint.python.dumps import DUMPS, dumped
from headstart.audit.lint.python.names import Scope, target_name
from headstart.audit.lint.python.order import definitions
from headstart.audit.lint.python.pieces import Fixed, Hole, Piece, Varying, recoded, varying

if TYPE_CHECKING:
    from headstart.audit.lint.python.flow import Flow

PASSES: Final = frozenset(
    (
        "str", "repr", "ascii", "format", "int", "round", "float", "list", "tuple", "dedent",
        "indent", "fill", "cleandoc", "escape", "enumerate", "reversed", "next", "iter", "zip",
        "dict", "map", "filter", "cast", "deepcopy", "copy",
    )
)  # fmt: skip
"""Functions whose value says what their arguments say."""
KEEPS_TEXT: Final = frozenset(
    (
        "strip", "lstrip", "rstrip", "upper", "lower", "title", "capitalize", "replace",
        "encode", "decode", "removeprefix", "removesuffix", "expandtabs", "split", "splitlines",
        "copy", "hex", "isoformat", "timestamp", "ctime", "render", "astimezone", "format_map",
        "substitute", "safe_substitute", "partial",
    )
)  # fmt: skip
"""Methods whose value says what their object says."""
_CONTENT: Final = ("content", "text", "parts", "template", "system", "description")
_PERCENT: Final = re.compile(r"%(?:\((\w+)\))?[-+ #0]*[\d*.]*[sdrfiaxXeEgGc]|%%")
_BRACES: Final = re.compile(r"\{\{|\}\}|\{([^{}!:]*)(?:![rsa])?(?::[^{}]*)?\}")


class Calls:
    """The part of the flow that is calls."""

    def __init__(self, flow: Flow) -> None:
        self._flow = flow

    def of(self, node: ast.Call, dotted: str | None, scope: Scope, depth: int) -> list[Piece]:
        """A call of nothing that changes by itself."""
        if dotted in DUMPS:
            return dumped(self._flow, node, scope, depth)
        order = self._flow.order.of(node, scope)
        if order is not None:
            return [self._flow.shuffled(order), *self._elements(node, scope, depth, order.code)]
        local = self._local(node, scope, depth)
        if local is not None:
            return local
        if isinstance(node.func, ast.Attribute):
            return self._method(node, node.func, scope, depth)
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name == "sorted":
            inner = self._flow.all(node.args[:1], scope, depth)
            return [p for p in inner if not (isinstance(p, Varying) and p.code in _ORDERS)]
        if name in PASSES:
            values = [*node.args, *(one.value for one in node.keywords)]
            return self._flow.all(values, scope, depth)
        return self._wrapped(name, node, scope, depth)

    def percent(self, node: ast.BinOp, scope: Scope, depth: int) -> list[Piece] | None:
        """``"..." % values``; None where the left side is no known text."""
        left = self._text(node.left, scope, depth)
        if left is None:
            return None
        right = node.right
        several = list(right.elts) if isinstance(right, ast.Tuple) else [right]
        named = _named_values(right)
        found: list[Piece] = []
        for text, key, hole in _split(_PERCENT, left):
            found.append(Fixed(text))
            if not hole:
                continue
            value = named.get(key) if key else (several.pop(0) if several else None)
            found += self._flow.pieces(value, scope, depth) if value is not None else []
        return found

    def _elements(self, node: ast.Call, scope: Scope, depth: int, code: str) -> list[Piece]:
        inner = self._flow.all(node.args, scope, depth)
        return [p for p in inner if not (isinstance(p, Varying) and p.code == code)]

    def _local(self, node: ast.Call, scope: Scope, depth: int) -> list[Piece] | None:
        """A function of this file, or a method of this class."""
        if isinstance(node.func, ast.Name):
            at: Scope | None = scope
            while at is not None:
                if node.func.id in at.functions and not isinstance(at.node, ast.ClassDef):
                    return self._flow.inlined(at.functions[node.func.id], node, scope, at, depth)
                at = at.parent
            return None
        name = target_name(node.func)
        owner = scope.owner
        if name is not None and owner is not None and name[5:] in owner.functions:
            return self._flow.inlined(owner.functions[name[5:]], node, scope, owner, depth)
        return None

    def _method(self, node: ast.Call, func: ast.Attribute, scope: Scope, depth: int) -> list[Piece]:
        if func.attr == "join" and len(node.args) == 1:
            return self._joined(node.args[0], scope, depth)
        if func.attr == "format":
            filled = self._braces(node, func, scope, depth)
            if filled is not None:
                return filled
        receiver = self._flow.pieces(func.value, scope, depth)
        if func.attr in ("strftime", "format"):
            found: list[Piece] = []
            for piece in receiver:
                if isinstance(piece, Varying):
                    found += recoded([piece], formatted(piece.code, node))
                elif isinstance(piece, Hole):
                    found.append(piece)
            return found
        if func.attr in KEEPS_TEXT:
            values = [*node.args, *(one.value for one in node.keywords)]
            more = func.attr in ("replace", "format_map", "substitute", "safe_substitute", "render")
            # Of what a template may use, not all is in it: what is only a name is not told.
            return [*(varying(self._flow.all(values, scope, depth)) if more else []), *receiver]
        inner = varying(receiver)
        if inner:
            return [p for one in inner for p in recoded([one], taken(one.code, func.attr))]
        if func.attr in PASSES:
            return self._flow.all(node.args, scope, depth)
        return self._wrapped(func.attr, node, scope, depth)

    def _joined(self, argument: ast.expr, scope: Scope, depth: int) -> list[Piece]:
        order = self._flow.order.of(argument, scope)
        if order is None:
            return self._flow.pieces(argument, scope, depth)
        around = argument if self._whole(argument, scope) else None
        return [
            self._flow.shuffled(order, around) if around else self._flow.shuffled(order),
            *self._rest(argument, scope, depth, order.code),
        ]

    def _rest(self, node: ast.expr, scope: Scope, depth: int, code: str) -> list[Piece]:
        inner = self._flow.pieces(node, scope, depth)
        return [p for p in inner if not (isinstance(p, Varying) and p.code == code)]

    def _whole(self, node: ast.expr, scope: Scope) -> bool:
        """Sorting what is joined takes the chance out of it: its elements are the set's own,
        or each made of one of them alone."""
        if isinstance(node, ast.ListComp | ast.GeneratorExp):
            return len(node.generators) == 1 and self._whole(node.generators[0].iter, scope)
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else ""
            if name in ("list", "tuple", "iter") and len(node.args) == 1:
                return self._whole(node.args[0], scope)
            return name not in ("enumerate", "zip", "map", "filter", "reversed")
        if isinstance(node, ast.Name | ast.Attribute):
            name = target_name(node) or ""
            found = definitions(name, node.lineno, scope)
            # A list that grew in a loop may hold numbers of its places.
            return found is None or not any(one.adds and one.loops for one in found[1])
        return isinstance(node, ast.Set | ast.SetComp | ast.BinOp)

    def _braces(
        self, node: ast.Call, func: ast.Attribute, scope: Scope, depth: int
    ) -> list[Piece] | None:
        """``"...".format(...)``; None where the object is no known text."""
        text = self._text(func.value, scope, depth)
        if text is None:
            values = [*node.args, *(one.value for one in node.keywords)]
            receiver = self._flow.pieces(func.value, scope, depth)
            if varying(receiver):
                return None  # a clock's own format()
            return [*varying(self._flow.all(values, scope, depth)), *receiver]
        named = {one.arg: one.value for one in node.keywords if one.arg}
        several = list(node.args)
        found: list[Piece] = []
        for part, key, hole in _split(_BRACES, text):
            found.append(Fixed(part))
            if not hole:
                continue
            first = re.split(r"[.\[]", key)[0]
            value = named.get(first)
            if value is None and (not first or first.isdigit()):
                at = int(first) if first else 0
                value = several[at] if at < len(several) else None
                if not first and several:
                    several = several[1:]
            found += (
                self._flow.pieces(value, scope, depth)
                if value is not None
                else [Hole(key or None, node)]
            )
        return found

    def _text(self, node: ast.expr, scope: Scope, depth: int) -> str | None:
        """A text that is fixed to the last character."""
        pieces = self._flow.pieces(node, scope, depth)
        if not pieces or not all(isinstance(piece, Fixed) for piece in pieces):
            return None
        return "".join(piece.text for piece in pieces if isinstance(piece, Fixed))

    def _wrapped(self, name: str, node: ast.Call, scope: Scope, depth: int) -> list[Piece]:
        """A function of another file. One named like a class keeps what it is given; of
        others only what is called content, text ... goes on."""
        kept = [one.value for one in node.keywords if one.arg in _CONTENT]
        if name[:1].isupper() or name in ("from_text", "text", "dict"):
            kept = [*node.args, *kept] if name != "dict" else [one.value for one in node.keywords]
        found = self._flow.all(kept, scope, depth)
        return found or [Hole(name.removeprefix("get_") or None, node)]


_ORDERS: Final = ("HS031", "HS033", "HS021")


def _named_values(node: ast.expr) -> dict[str, ast.expr]:
    if not isinstance(node, ast.Dict):
        return {}
    return {
        str(key.value): value
        for key, value in zip(node.keys, node.values, strict=True)
        if isinstance(key, ast.Constant)
    }


def _split(pattern: re.Pattern[str], text: str) -> list[tuple[str, str, bool]]:
    """Text in front of each hole, the hole's key, and whether there is one: the last has none."""
    found, at = [], 0
    for match in pattern.finditer(text):
        if match[0] in ("{{", "}}", "%%"):
            continue
        found.append((text[at : match.start()], match[1] or "", True))
        at = match.end()
    found.append((text[at:], "", False))
    return found
