"""Where the values of a JSON body lie in its bytes, found without parsing them.

msgspec reports how long each value of one object or array is, at C speed; the way to it is
then walked and every step compared with what msgspec saw. Whatever leaves a doubt about the
place (a key that stands twice, a byte order mark, lone surrogates, anything that is no
JSON) is ``Unmarkable``. Bytes inside of strings are not looked at: whether they are UTF-8
is for a parser to say, and no place depends on it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import msgspec

from headstart.dialects.hosted import Span, Unmarkable

_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])
_SPACES = b" \t\n\r"
_SPACES_AND_COMMA = b" \t\n\r,"
_SPACE = re.compile(rb"[ \t\n\r]*+")
_COMMA = re.compile(rb"[ \t\n\r]*+,[ \t\n\r]*+")
_KEY = rb'("[^"\\]*+(?:\\.[^"\\]*+)*+")[ \t\n\r]*+:[ \t\n\r]*+'
_FIRST = re.compile(rb"[ \t\n\r]*+" + _KEY, re.DOTALL)
_NEXT = re.compile(rb"[ \t\n\r]*+,[ \t\n\r]*+" + _KEY, re.DOTALL)

T = TypeVar("T")


class Member(NamedTuple):
    """One key of an object and its value: bytes ``start`` to ``end``, the value's from
    ``value`` on."""

    start: int
    value: int
    end: int

    @property
    def span(self) -> Span:
        """The value alone."""
        return Span(self.value, self.end)

    @property
    def whole(self) -> Span:
        """Key and value."""
        return Span(self.start, self.end)


def root(body: bytes) -> Span:
    """The outermost value. ``members`` or ``elements`` checks what stands in it."""
    return Span(_skip(body, 0), len(body.rstrip(_SPACES)))


def kind(body: bytes, span: Span) -> str:
    """The first character of a value: ``{``, ``[``, ``"``, or that of a scalar."""
    return chr(body[span.start]) if span.start < span.end else ""


def members(body: bytes, span: Span) -> dict[str, Member]:
    """The members of the object at ``span``, in order; Unmarkable."""
    raws = decoded(_OBJECT, body, span)
    found: dict[str, Member] = {}
    pattern, at = _FIRST, span.start + 1
    for _ in raws:
        match = pattern.match(body, at, span.end)
        if match is None:
            raise Unmarkable(f"no key at byte {at}")
        literal, value = match[1], match.end()
        key = _name(literal) if b"\\" in literal else literal[1:-1].decode()
        raw = raws.get(key)
        # A key that stands twice is decoded to its last value: the first one, if it is
        # equal, uses up its turn here, and the closing brace is then not where it has to be.
        if raw is None or key in found or not body.startswith(raw, value):
            raise Unmarkable(f"a key stands twice in the object at byte {span.start}")
        at = value + memoryview(raw).nbytes
        found[key] = Member(match.start(1), value, at)
        pattern = _NEXT
    _closed(body, at if found else _skip(body, at), span)
    return found


def elements(body: bytes, span: Span) -> list[Span]:
    """The elements of the array at ``span``, in order; Unmarkable."""
    raws = decoded(_ARRAY, body, span)
    found = list(_from_start(body, span, raws, len(raws) - 1).values())
    _closed(body, found[-1].end if found else span.start + 1, span)
    return found


def picked(body: bytes, span: Span, indices: Sequence[int]) -> list[Span]:
    """Elements of the array at ``span`` by index, in the order given; Unmarkable. The cost
    beyond that of reading the array once is their distance from the nearer end."""
    raws = decoded(_ARRAY, body, span)
    if any(not 0 <= index < len(raws) for index in indices):
        raise Unmarkable(f"the array at byte {span.start} has {len(raws)} elements")
    half = len(raws) // 2
    found = _from_start(body, span, raws, max((i for i in indices if i < half), default=-1))
    found |= _from_end(body, span, raws, min((i for i in indices if i >= half), default=len(raws)))
    return [found[index] for index in indices]


def find(body: bytes, *path: str | int) -> Span | None:
    """The value at a path of keys and indices; None where it is absent; Unmarkable where
    it is not certain, or where the path leads through something else."""
    span = root(body)
    for step in path:
        if isinstance(step, str):
            member = members(body, span).get(step)
            if member is None:
                return None
            span = member.span
        else:
            items = elements(body, span)
            if step >= len(items):
                return None
            span = items[step]
    return span


def decoded(decoder: msgspec.json.Decoder[T], body: bytes, span: Span) -> T:
    """What a decoder makes of the value at ``span``, without copying it; Unmarkable."""
    try:
        return decoder.decode(memoryview(body)[span.start : span.end])
    except RecursionError:
        raise Unmarkable("nested too deeply") from None
    except ValueError as exc:  # msgspec's own errors and UnicodeDecodeError
        raise Unmarkable(f"at byte {span.start}: {exc}") from None


def _from_start(body: bytes, span: Span, raws: Sequence[msgspec.Raw], last: int) -> dict[int, Span]:
    """The elements up to ``last``."""
    found: dict[int, Span] = {}
    at = _skip(body, span.start + 1)
    for index in range(last + 1):
        if index:
            at = _past_comma(body, at)
        end = at + len(memoryview(raws[index]))
        found[index] = Span(at, end)
        at = end
    return found


def _from_end(body: bytes, span: Span, raws: Sequence[msgspec.Raw], first: int) -> dict[int, Span]:
    """The elements from ``first`` on."""
    found: dict[int, Span] = {}
    end = span.end - 1
    for index in range(len(raws) - 1, first - 1, -1):
        while body[end - 1] in _SPACES:
            end -= 1
        start = end - len(memoryview(raws[index]))
        if not body.startswith(raws[index], start):
            raise Unmarkable(f"no element ends at byte {end}")
        found[index] = Span(start, end)
        end = start
        while body[end - 1] in _SPACES_AND_COMMA:
            end -= 1
    return found


def _name(literal: bytes) -> str:
    return str(msgspec.json.decode(literal))


def _skip(body: bytes, at: int) -> int:
    match = _SPACE.match(body, at)
    return match.end() if match else at


def _past_comma(body: bytes, at: int) -> int:
    match = _COMMA.match(body, at)
    if match is None:
        raise Unmarkable(f"no comma at byte {at}")
    return match.end()


def _closed(body: bytes, at: int, span: Span) -> None:
    if _skip(body, at) != span.end - 1:
        raise Unmarkable(f"a key stands twice, or the value at byte {span.start} goes on")
