"""The beginning of a request that a cache object can stand for, found and replaced in its bytes.

An object holds a request's ``systemInstruction``, ``tools`` and ``toolConfig`` and the first
of its ``contents``; a request that continues it names it and may have none of these (400), and
contents of its own must be left. An object's contents must not end on a model's turn. What an
object can't hold and its tokens may depend on, ``mediaResolution``, leaves a request alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any, NamedTuple

import msgspec

from headstart.dialects.hosted import Span, Unmarkable
from headstart.dialects.spans import Member, decoded, elements, kind, members, root
from headstart.dialects.splice import cut, into_object, leaving_out, splice

_HELD = ("systemInstruction", "tools", "toolConfig")
_SNAKE = {
    "systemInstruction": "system_instruction",
    "toolConfig": "tool_config",
    "cachedContent": "cached_content",
    "generationConfig": "generation_config",
}
_NAME = re.compile(
    r"(?:projects/[A-Za-z0-9._:-]{1,128}/locations/[a-z0-9-]{1,64}/)?"
    r"cachedContents/[A-Za-z0-9_-]{1,256}"
)


class _Content(msgspec.Struct):
    role: str | None = None


class _Generation(msgspec.Struct):
    one: Any = msgspec.field(default=None, name="mediaResolution")
    other: Any = msgspec.field(default=None, name="media_resolution")


class _Usage(msgspec.Struct):
    totalTokenCount: int


class _Shown(msgspec.Struct):
    name: str
    usageMetadata: _Usage


_CONTENTS = msgspec.json.Decoder(list[_Content])
_GENERATION = msgspec.json.Decoder(_Generation)
_SHOWN = msgspec.json.Decoder(_Shown)


class Outline(NamedTuple):
    """Where in a body lies what an object could hold."""

    held: Mapping[str, Span]
    """Values of ``systemInstruction``, ``tools`` and ``toolConfig``, in this order, of those
    that are there."""
    replaced: tuple[int, ...]
    """Indices of the body's members that go when an object is named."""
    members: tuple[Span, ...]
    contents: tuple[Span, ...]
    counts: tuple[int, ...]
    """How many contents an object may hold, rising: 0 where it would hold tools or system text,
    and all of them too, which a longer prompt may continue."""


class Made(NamedTuple):
    """What the answer to a creation says."""

    name: str
    tokens: int


def outline(body: bytes) -> Outline | None:
    """None for a request that is to be left alone; Unmarkable for a body whose places are not
    certain."""
    found = members(body, root(body))
    if _value(body, _named(found, "cachedContent")) is not None or _resolved(body, found):
        return None
    contents = _value(body, found.get("contents"))
    if contents is None or kind(body, contents) != "[":
        return None
    held = {name: span for name in _HELD if (span := _value(body, _named(found, name))) is not None}
    roles = [content.role for content in decoded(_CONTENTS, body, contents)]
    counts = [0] if held.keys() - {"toolConfig"} else []
    counts += [n for n, role in enumerate(roles, 1) if role != "model"]
    gone = {*_HELD, "cachedContent"}
    gone |= {_SNAKE[name] for name in gone if name in _SNAKE}
    return Outline(
        held,
        tuple(index for index, name in enumerate(found) if name in gone),
        tuple(member.whole for member in found.values()),
        tuple(elements(body, contents)),
        tuple(counts),
    )


def digests(body: bytes, shape: Outline, counts: Iterable[int]) -> dict[int, bytes]:
    """For each number of contents a digest of all bytes that an object with so many of them
    holds: equal ones are interchangeable."""
    state = sha256()
    for name, span in shape.held.items():
        state.update(b"%s %d " % (name.encode(), span.end - span.start))
        state.update(memoryview(body)[span.start : span.end])
    found: dict[int, bytes] = {}
    at = 0
    for count in sorted(set(counts)):
        for span in shape.contents[at:count]:
            state.update(b"contents %d " % (span.end - span.start))
            state.update(memoryview(body)[span.start : span.end])
        at = count
        found[count] = state.copy().digest()
    return found


def continuing(body: bytes, shape: Outline, count: int, name: str) -> bytes:
    """The request that continues the object of that name, which holds ``count`` contents: all
    other bytes are the client's. Unmarkable if nothing would be left to ask."""
    if not 0 <= count < len(shape.contents) or count not in shape.counts:
        raise Unmarkable(f"no request continues {count} of {len(shape.contents)} contents")
    if not sound(name):
        raise Unmarkable("that is no name of an object")
    gone = leaving_out(shape.members, shape.replaced)
    gone += leaving_out(shape.contents, range(count))
    rest = cut(body, gone)
    member = b'"cachedContent":"%s"' % name.encode()
    return splice(rest, [into_object(rest, root(rest), member)]).body


def creation(body: bytes, shape: Outline, count: int, model: str, seconds: int) -> bytes:
    """A request to create that object: the client's values byte for byte."""
    parts = [b'"model":' + msgspec.json.encode(model)]
    parts += [
        b'"%s":%s' % (name.encode(), body[span.start : span.end])
        for name, span in shape.held.items()
    ]
    if count:
        texts = (body[span.start : span.end] for span in shape.contents[:count])
        parts.append(b'"contents":[%s]' % b",".join(texts))
    parts += [b'"ttl":"%ds"' % seconds, b'"displayName":"headstart"']
    return b"{%s}" % b",".join(parts)


def extension(seconds: int) -> bytes:
    """A request to let it live so long from now."""
    return b'{"ttl":"%ds"}' % seconds


def read_made(body: bytes) -> Made:
    """The answer to a creation; ValueError for anything that is none."""
    shown = _SHOWN.decode(body)
    if not sound(shown.name) or shown.usageMetadata.totalTokenCount < 1:
        raise ValueError("no cache object")
    return Made(shown.name, shown.usageMetadata.totalTokenCount)


def sound(name: str) -> bool:
    """Whether it can be the name of an object, and so be put into a path or a body."""
    return _NAME.fullmatch(name) is not None


def _named(found: Mapping[str, Member], name: str) -> Member | None:
    """A member under either of its names; Unmarkable under both."""
    one, other = found.get(name), found.get(_SNAKE.get(name, ""))
    if one is not None and other is not None:
        raise Unmarkable(f"{name} is given twice")
    return one if one is not None else other


def _value(body: bytes, member: Member | None) -> Span | None:
    """Null is as good as nothing."""
    if member is None or kind(body, member.span) == "n":
        return None
    return member.span


def _resolved(body: bytes, found: Mapping[str, Member]) -> bool:
    config = _value(body, _named(found, "generationConfig"))
    if config is None:
        return False
    read = decoded(_GENERATION, body, config)
    return read.one is not None or read.other is not None
