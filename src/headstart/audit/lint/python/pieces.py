"""What the value of an expression consists of: fixed text, holes, and what changes."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, replace

from headstart.audit.lint.finding import Edit


@dataclass(frozen=True)
class Fixed:
    """Text that is always the same."""

    text: str


@dataclass(frozen=True)
class Hole:
    """A value that is not known here; ``name`` as far as it has one."""

    name: str | None
    node: ast.expr


@dataclass(frozen=True)
class Varying:
    """Something that is another one each time."""

    code: str
    node: ast.expr
    what: str
    """For people: the call, or what it does."""
    fix: tuple[Edit, ...] = ()


Piece = Fixed | Hole | Varying


def varying(pieces: Sequence[Piece]) -> list[Varying]:
    """Only what changes."""
    return [piece for piece in pieces if isinstance(piece, Varying)]


def recoded(pieces: Sequence[Piece], code: str | None) -> list[Piece]:
    """What changes under another code; None: it does not any more."""
    if code is None:
        return []
    return [replace(piece, code=code) for piece in varying(pieces)]


def fixed_behind(pieces: Sequence[Piece], index: int) -> int:
    """Characters of fixed text behind a piece, white space aside."""
    return sum(
        len("".join(piece.text.split()))
        for piece in pieces[index + 1 :]
        if isinstance(piece, Fixed)
    )


def text_behind(pieces: Sequence[Piece], index: int) -> str:
    """The fixed text behind a piece."""
    return "".join(piece.text for piece in pieces[index + 1 :] if isinstance(piece, Fixed))


def is_prose(pieces: Sequence[Piece]) -> bool:
    """Words for a reader, rather than a file's name, a key or a URL."""
    text = "".join(piece.text for piece in pieces if isinstance(piece, Fixed))
    return len(text) >= 15 and len(text.split()) >= 3


def longest(ways: Sequence[Sequence[Piece]]) -> list[Piece]:
    """Of values that stand for each other the one with most fixed text, behind what changes in
    the others."""
    if not ways:
        return []
    chosen = max(ways, key=lambda pieces: fixed_behind(pieces, -1))
    others = (piece for pieces in ways if pieces is not chosen for piece in varying(pieces))
    return [*others, *chosen]
