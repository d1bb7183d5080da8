"""``cache_control`` spliced into the bytes of a Messages request, and cut out of them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from itertools import accumulate

import msgspec

from headstart.dialects.anthropic.segments import THINKING
from headstart.dialects.hosted import Marked, Placement, Span, Unmarkable
from headstart.dialects.spans import Member, decoded, elements, kind, members, picked, root
from headstart.dialects.splice import Insert, cut, into_object, leaving_out, splice, wrap

_KEY = "cache_control"
_DIRECTIVES = {
    None: b'"cache_control":{"type":"ephemeral"}',
    300.0: b'"cache_control":{"type":"ephemeral","ttl":"5m"}',
    3600.0: b'"cache_control":{"type":"ephemeral","ttl":"1h"}',
}


class _Message(msgspec.Struct):
    """A message, its blocks counted and no more."""

    content: list[msgspec.Raw] | str


_MESSAGES = msgspec.json.Decoder(list[_Message])
_ANYTHING: msgspec.json.Decoder[object] = msgspec.json.Decoder(object)


def mark(body: bytes, placements: Sequence[Placement]) -> Marked:
    """Splice directives in; Unmarkable. How many a request may have, and in which order
    of TTLs, is the business of whoever places them."""
    wanted = sorted(placements, key=lambda placement: placement.segment)
    inserts: list[Insert] = []
    for placement, span in zip(wanted, locate(body, wanted), strict=True):
        directive = _DIRECTIVES.get(placement.ttl)
        if directive is None:
            raise Unmarkable(f"there is no ttl of {placement.ttl} seconds")
        inserts += _inserted(body, span, directive)
    return splice(body, inserts)


def strip(body: bytes) -> bytes:
    """The body without any ``cache_control`` where the API takes one; Unmarkable."""
    top = members(body, root(body))
    cuts = _without(top)
    for name in ("tools", "system"):
        cuts += _cuts(body, top.get(name))
    messages = top.get("messages")
    if messages is not None and _may_hold(body, messages.span):
        for message in elements(body, messages.span):
            if _may_hold(body, message):
                cuts += _cuts(body, members(body, message).get("content"))
    return cut(body, cuts)


def locate(body: bytes, wanted: Sequence[Placement]) -> list[Span]:
    """Where the segments of a request lie that are asked for in rising order; Unmarkable."""
    numbers = [placement.segment for placement in wanted]
    if any(a >= b for a, b in zip([-1, *numbers], numbers, strict=False)):
        raise Unmarkable("segments are counted from 0, and take one directive each")
    top = members(body, root(body))
    found: list[Span] = []
    base = 0
    for name in ("tools", "system"):
        blocks = _blocks(body, top.get(name))
        found += [blocks[n - base] for n in numbers if base <= n < base + len(blocks)]
        base += len(blocks)
    rest = [n - base for n in numbers if n >= base]
    return found + _in_messages(body, top.get("messages"), rest) if rest else found


def _in_messages(body: bytes, messages: Member | None, numbers: Sequence[int]) -> list[Span]:
    """The same, counted from the first block of the first message on."""
    if messages is None:
        raise Unmarkable("there are no messages")
    counted = [
        1 if isinstance(message.content, str) else len(message.content)
        for message in decoded(_MESSAGES, body, messages.span)
    ]
    ends = list(accumulate(counted))
    if not ends or numbers[-1] >= ends[-1]:
        raise Unmarkable("the prompt has no such segment")
    at = [bisect_right(ends, number) for number in numbers]
    found: list[Span] = []
    for number, index, item in zip(numbers, at, picked(body, messages.span, at), strict=True):
        content = members(body, item)["content"]
        blocks = [content.span] if kind(body, content.span) == '"' else elements(body, content.span)
        found.append(blocks[number - ends[index]])  # from the end: always negative
    return found


def _blocks(body: bytes, section: Member | None) -> list[Span]:
    """The segments of tools or system text."""
    opening = kind(body, section.span) if section is not None else ""
    if section is None or opening == "n" or section.end - section.value == 2:
        return []  # absent, null, or nothing between two quotes or brackets
    return [section.span] if opening == '"' else elements(body, section.span)


def _inserted(body: bytes, span: Span, directive: bytes) -> Sequence[Insert]:
    if body[span.start : span.end] == b'""':
        raise Unmarkable("an empty text takes no directive")
    if kind(body, span) == '"':
        return wrap(span, b'[{"type":"text","text":', b"," + directive + b"}]")
    block = members(body, span)
    if _KEY in block:
        raise Unmarkable("the segment has a directive already")
    if (
        _value(body, block, "type") in THINKING
        or _value(body, block, "text") == ""
        or _value(body, block, "defer_loading") is True
    ):
        raise Unmarkable("the segment takes no directive")
    return (into_object(body, span, directive),)


def _value(body: bytes, block: Mapping[str, Member], key: str) -> object:
    """A member's value where it is short: a name, a flag, an empty text."""
    member = block.get(key)
    if member is None or member.end - member.value > 64:
        return None
    return decoded(_ANYTHING, body, member.span)


def _without(block: Mapping[str, Member]) -> list[Span]:
    """What to cut so that an object's directive goes."""
    dropped = [index for index, key in enumerate(block) if key == _KEY]
    return leaving_out([member.whole for member in block.values()], dropped)


def _cuts(body: bytes, section: Member | None) -> list[Span]:
    """The same for a list of blocks, and for the blocks in them."""
    if section is None or kind(body, section.span) != "[" or not _may_hold(body, section.span):
        return []
    cuts: list[Span] = []
    for item in elements(body, section.span):
        if kind(body, item) == "{" and _may_hold(body, item):
            block = members(body, item)
            cuts += _without(block) + _cuts(body, block.get("content"))
    return cuts


def _may_hold(body: bytes, span: Span) -> bool:
    """Whether a directive can be in there: its name stands there, plain or escaped."""
    return any(body.find(name, span.start, span.end) >= 0 for name in (b"cache_control", b"\\u00"))
