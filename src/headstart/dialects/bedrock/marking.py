"""Cache points spliced into the bytes of a request, and cut out of them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

import msgspec

from headstart.dialects.hosted import Marked, Placement, Span, Unmarkable
from headstart.dialects.spans import Member, decoded, elements, kind, members, picked, root
from headstart.dialects.splice import Insert, after, cut, into_object, leaving_out, splice

_POINT = "cachePoint"
_POINTS = {
    None: b'"cachePoint":{"type":"default"}',
    300.0: b'"cachePoint":{"type":"default","ttl":"5m"}',
    3600.0: b'"cachePoint":{"type":"default","ttl":"1h"}',
}


class _Message(msgspec.Struct):
    """A message, its blocks told apart by their keys alone."""

    content: list[dict[str, msgspec.Raw]]


_MESSAGES = msgspec.json.Decoder(list[_Message])


class _Block(NamedTuple):
    """A segment, and whether a cache point stands behind it."""

    span: Span
    marked: bool


def mark(body: bytes, placements: Sequence[Placement], *, on_block: bool = False) -> Marked:
    """Splice cache points in, each behind its segment, or with ``on_block`` in it, as far
    as it is one of a message or of the system text; Unmarkable. How many a request may
    have, and in which order of TTLs, is the business of whoever places them."""
    wanted = sorted(placements, key=lambda placement: placement.segment)
    numbers = [placement.segment for placement in wanted]
    if any(a >= b for a, b in zip([-1, *numbers], numbers, strict=False)):
        raise Unmarkable("segments are counted from 0, and take one cache point each")
    blocks, tools = _located(body, numbers)
    inserts: list[Insert] = []
    for placement, block in zip(wanted, blocks, strict=True):
        point = _POINTS.get(placement.ttl)
        if point is None:
            raise Unmarkable(f"there is no ttl of {placement.ttl} seconds")
        found = members(body, block.span)
        if block.marked or _POINT in found:
            raise Unmarkable("the segment has a cache point already")
        if "reasoningContent" in found:
            raise Unmarkable("the segment takes no cache point")
        if on_block and placement.segment >= tools:
            inserts.append(into_object(body, block.span, point))
        else:
            inserts.append(after(block.span, b"{" + point + b"}"))
    return splice(body, inserts)


def strip(body: bytes) -> bytes:
    """The body without any cache point; Unmarkable."""
    top = members(body, root(body))
    cuts = _cuts(body, _tools(body, top.get("toolConfig"))) + _cuts(body, top.get("system"))
    messages = top.get("messages")
    if messages is not None and _may_hold(body, messages.span):
        for message in elements(body, messages.span):
            if _may_hold(body, message):
                cuts += _cuts(body, members(body, message).get("content"))
    return cut(body, cuts)


def _located(body: bytes, numbers: Sequence[int]) -> tuple[list[_Block], int]:
    """The segments that are asked for in rising order, and the number of tools."""
    top = members(body, root(body))
    tools = _blocks(body, _tools(body, top.get("toolConfig")))
    head = tools + _blocks(body, top.get("system"))
    found = [head[number] for number in numbers if number < len(head)]
    rest = [number - len(head) for number in numbers if number >= len(head)]
    if rest:
        found += _in_messages(body, top.get("messages"), rest)
    return found, len(tools)


def _in_messages(body: bytes, messages: Member | None, numbers: Sequence[int]) -> list[_Block]:
    """The same, counted from the first block of the first message on."""
    if messages is None:
        raise Unmarkable("there are no messages")
    ends = list(
        accumulate(
            sum(1 for block in message.content if len(block) != 1 or _POINT not in block)
            for message in decoded(_MESSAGES, body, messages.span)
        )
    )
    if not ends or numbers[-1] >= ends[-1]:
        raise Unmarkable("the prompt has no such segment")
    at = [bisect_right(ends, number) for number in numbers]
    found: list[_Block] = []
    for number, index, item in zip(numbers, at, picked(body, messages.span, at), strict=True):
        blocks = _blocks(body, members(body, item)["content"])
        found.append(blocks[number - ends[index]])  # from the end: always negative
    return found


def _tools(body: bytes, config: Member | None) -> Member | None:
    if config is None or kind(body, config.span) == "n":
        return None
    return members(body, config.span).get("tools")


def _blocks(body: bytes, section: Member | None) -> list[_Block]:
    """The segments of one list."""
    if section is None or kind(body, section.span) == "n":
        return []
    found: list[_Block] = []
    for item in elements(body, section.span):
        if not _is_point(body, item):
            found.append(_Block(item, False))
        elif found:
            found[-1] = _Block(found[-1].span, True)
    return found


def _cuts(body: bytes, section: Member | None) -> list[Span]:
    """What to cut so that a list has no cache points, nor its blocks."""
    if section is None or kind(body, section.span) != "[" or not _may_hold(body, section.span):
        return []
    items = elements(body, section.span)
    points = [index for index, item in enumerate(items) if _is_point(body, item)]
    cuts = leaving_out(items, points)
    for index, item in enumerate(items):
        if index not in points and _may_hold(body, item):
            block = members(body, item)
            own = [place for place, key in enumerate(block) if key == _POINT]
            cuts += leaving_out([member.whole for member in block.values()], own)
    return cuts


def _is_point(body: bytes, item: Span) -> bool:
    """Whether an element is a cache point and nothing else."""
    return _may_hold(body, item) and list(members(body, item)) == [_POINT]


def _may_hold(body: bytes, span: Span) -> bool:
    """Whether a cache point can be in there: its name stands there, plain or escaped."""
    return any(body.find(name, span.start, span.end) >= 0 for name in (b"cachePoint", b"\\u00"))
