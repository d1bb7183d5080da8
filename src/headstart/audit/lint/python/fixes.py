"""Edits of Python source that can't change what it means but for an order that was free."""

from __future__ import annotations

import ast
import io
import tokenize
from functools import cached_property

from headstart.audit.lint.finding import Edit
from headstart.audit.lint.position import Lines

_SKIPPED = (
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.COMMENT,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
)


class Source:
    """A module's bytes, and where its nodes lie in them."""

    def __init__(self, data: bytes) -> None:
        """SyntaxError, ValueError, RecursionError, MemoryError as ``ast.parse``."""
        self.data = data
        self.lines = Lines(data)
        self.tree = ast.parse(data)

    @cached_property
    def _parents(self) -> dict[ast.AST, ast.AST]:
        return {child: node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)}

    def span(self, node: ast.expr) -> tuple[int, int]:
        """Bytes of an expression; of the whole f-string or statement around it where the
        interpreter does not say where exactly it is."""
        at: ast.AST = node
        while isinstance(at, ast.expr) and self.exact(at) is None and at in self._parents:
            at = self._parents[at]
        if isinstance(at, ast.expr | ast.stmt):
            return self._bytes(at)
        return self._bytes(node)

    def exact(self, node: ast.expr) -> tuple[int, int] | None:
        """Bytes that hold this expression and nothing else; None where that is not certain
        (older interpreters misplace what is inside of f-strings)."""
        start, end = self._bytes(node)
        try:
            parsed = ast.parse(b"(" + self.data[start:end] + b"\n)", mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return None
        return (start, end) if ast.dump(parsed) == ast.dump(node) else None

    def sorted_keys(self, call: ast.Call) -> tuple[Edit, ...]:
        """``sort_keys=True`` as the call's last argument; () where that is not safe."""
        place = self.exact(call)
        if place is None or not call.args or any(isinstance(a, ast.Starred) for a in call.args):
            return ()
        names = {keyword.arg for keyword in call.keywords}
        if None in names or "sort_keys" in names or isinstance(call.args[0], ast.GeneratorExp):
            return ()
        return self._last_argument(*place)

    def sorted_around(self, node: ast.expr) -> tuple[Edit, ...]:
        """``sorted(...)`` around an expression; () where that is not safe."""
        place = self.exact(node)
        if place is None or isinstance(node, ast.Starred):
            return ()
        # A generator that is a call's only argument lies within the call's own parentheses.
        opening = b"(sorted" if isinstance(node, ast.GeneratorExp) else b"sorted("
        return (Edit(place[0], opening), Edit(place[1], b")"))

    def _last_argument(self, start: int, end: int) -> tuple[Edit, ...]:
        text = self.data[start:end].decode()
        try:
            tokens = list(tokenize.generate_tokens(io.StringIO(text, newline="").readline))
        except (tokenize.TokenError, SyntaxError):
            return ()
        shown = [token for token in tokens if token.type not in _SKIPPED]
        if len(shown) < 3 or shown[-1].string != ")":
            return ()
        last = shown[-2]
        lines = text.splitlines(keepends=True)
        row, column = last.end
        at = start + len("".join(lines[: row - 1]).encode()) + len(lines[row - 1][:column].encode())
        if last.string != ",":
            return (Edit(at, b", sort_keys=True"),)
        line = lines[row - 1]
        own_line = row > 1 and shown[-1].start[0] > row
        if not own_line:
            return (Edit(at, b" sort_keys=True,"),)
        indent = line[: len(line) - len(line.lstrip())]
        ending = "\r\n" if line.endswith("\r\n") else "\n"
        return (Edit(at, f"{ending}{indent}sort_keys=True,".encode()),)

    def _bytes(self, node: ast.expr | ast.stmt) -> tuple[int, int]:
        start = self.lines.byte(node.lineno, node.col_offset)
        if node.end_lineno is None or node.end_col_offset is None:
            return start, start
        return start, self.lines.byte(node.end_lineno, node.end_col_offset)
