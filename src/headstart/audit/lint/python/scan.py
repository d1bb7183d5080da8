"""Linting one Python file: from where it writes prompts back to what changes in them."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from headstart.audit.lint.codes import CODE_OF
from headstart.audit.lint.finding import Finding
from headstart.audit.lint.money import Model
from headstart.audit.lint.names import is_asked, kind_named
from headstart.audit.lint.python.fixes import Source
from headstart.audit.lint.python.flow import Flow
from headstart.audit.lint.python.names import Names
from headstart.audit.lint.python.pieces import (
    Hole,
    Piece,
    Varying,
    fixed_behind,
    is_prose,
    text_behind,
    varying,
)
from headstart.audit.lint.python.sinks import Sink, cache_keys, sinks
from headstart.audit.lint.text import ASKED, LONG_BEHIND, STABLE_BEHIND
from headstart.prompt import VolatileKind

_ORDERS = ("HS031", "HS033")
_TOOL_ORDER = CODE_OF[VolatileKind.TOOL_ORDER]
_RANDOM, _UNSORTED = "HS017", "HS032"


class NotPython(ValueError):
    """What keeps a file from being read as Python, in one line."""


def lint_python(name: str, data: bytes, model: Model | None) -> list[Finding]:
    """All findings of one file, in its order; NotPython."""
    try:
        source = Source(data)
        names = Names(source.tree)
        return _Scan(name, names, source, model).findings()
    except SyntaxError as error:
        raise NotPython(f"line {error.lineno}: not Python: {error.msg}") from None
    except ValueError as error:
        raise NotPython(f"not Python: {error}") from None
    except (RecursionError, MemoryError):
        raise NotPython("nested too deeply") from None


class _Scan:
    def __init__(self, name: str, names: Names, source: Source, model: Model | None) -> None:
        self._name = name
        self._names = names
        self._source = source
        self._model = model
        self._flow = Flow(names, source)
        self._found: dict[tuple[int, int, str], Finding] = {}

    def findings(self) -> list[Finding]:
        for sink in sinks(self._names):
            self._sink(sink)
        for sink in cache_keys(self._names):
            for piece in varying(self._flow.of(sink.node, sink.scope)):
                self._add("HS054", piece, sink, f"{piece.what} makes up the cache key", None)
        return sorted(self._found.values(), key=lambda one: one.place)

    def _sink(self, sink: Sink) -> None:
        pieces = self._flow.of(sink.node, sink.scope)
        prose = is_prose(pieces)
        for index, piece in enumerate(pieces):
            if isinstance(piece, Varying):
                random = piece.code == _RANDOM and sink.section == "system"
                if (prose or not sink.prose or random) and self._counts(sink, pieces, index):
                    self._varying(piece, sink, pieces, index)
            elif isinstance(piece, Hole) and prose and piece.name:
                self._hole(piece, piece.name, sink, pieces, index)

    def _counts(self, sink: Sink, pieces: Sequence[Piece], index: int) -> bool:
        """Whether something stands behind it that would be read but for it."""
        if sink.section in ("system", "tools"):
            return True
        # That keys might come in another order is the weakest suspicion of all.
        weak = getattr(pieces[index], "code", "") == _UNSORTED
        return fixed_behind(pieces, index) >= (LONG_BEHIND if weak else STABLE_BEHIND)

    def _varying(self, piece: Varying, sink: Sink, pieces: Sequence[Piece], index: int) -> None:
        code = piece.code
        if code in _ORDERS and sink.section == "tools":
            code = _TOOL_ORDER
        verb = "decides" if code in (_TOOL_ORDER, *_ORDERS) else "is in"
        what = "the prompt" if sink.section != "tools" else "the tools"
        self._add(code, piece, sink, f"{piece.what} {verb} {what}", text_behind(pieces, index))

    def _hole(
        self, piece: Hole, name: str, sink: Sink, pieces: Sequence[Piece], index: int
    ) -> None:
        kind = kind_named(name)
        if kind is not None and self._counts(sink, pieces, index):
            said = f"{name}, by its name a {kind.replace('_', ' ')}, is in the prompt"
            self._add(CODE_OF[kind], piece, sink, said, text_behind(pieces, index))
        elif (
            not isinstance(piece.node, ast.Call)
            and is_asked(name)
            and fixed_behind(pieces, index) >= LONG_BEHIND
        ):
            said = f"{name} stands in front of {fixed_behind(pieces, index):,} fixed characters"
            self._add(ASKED, piece, sink, said, text_behind(pieces, index))

    def _add(
        self, code: str, piece: Varying | Hole, sink: Sink, message: str, rest: str | None
    ) -> None:
        start, end = self._source.span(piece.node)
        key = (start, end, code)
        if key in self._found:
            return
        once = self._once(piece)
        tokens = usd = None
        if self._model is not None and rest is not None:
            tokens = self._model.tokens(rest)
            if tokens and not once:
                usd = self._model.lost(tokens, self._model.bucket(None), tokens)
        line = getattr(sink.node, "lineno", 0)
        place = self._source.lines.place(start, end)
        if line and not place.line <= line <= place.end_line:
            message += f" (line {line})"
        if once:
            message += ", another one in each process"
        edits = piece.fix if isinstance(piece, Varying) else ()
        self._found[key] = Finding(
            code,
            self._name,
            place,
            sink.where,
            message,
            tokens=tokens,
            usd=usd,
            model=self._model.name if self._model else None,
            edits=edits,
        )

    def _once(self, piece: Varying | Hole) -> bool:
        """It is run when the module is loaded, and not at each call."""
        line = piece.node.lineno
        functions = (
            scope.node
            for scope in self._names.scopes
            if isinstance(scope.node, ast.FunctionDef | ast.AsyncFunctionDef)
        )
        return not any(f.lineno <= line <= (f.end_lineno or f.lineno) for f in functions)
