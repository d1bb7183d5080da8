"""What each segment adds to the digests of a prompt.

A prompt is hashed several times over, under one key and another. A long segment is digested
once, and its digest with both its ends then stands for all of it.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Final, NamedTuple

from headstart.prompt.canonical import canonical_json
from headstart.prompt.known import Mine
from headstart.prompt.parts import EDGE
from headstart.prompt.prompt import Segment

LONG: Final = 2048
"""Bytes of a segment's canonical form from which on it is condensed."""
_MOST_TYPE: Final = 64
"""Characters of a block's type, which may be any text of the client's, in what is remembered."""


class Content(NamedTuple):
    """One segment's role and content: the same text from another speaker is another prompt."""

    key: bytes
    """What stands for it: all of it, or of a long one its ends and its digest."""
    role: str
    canonical: bytes
    digest: bytes | None
    """Of a long one alone."""

    @property
    def whole(self) -> bytes:
        """All of it."""
        return self.role.encode() + b"\x00" + self.canonical


def content_of(segment: Segment) -> Content:
    """ValueError where a segment without a canonical form holds what is no JSON."""
    whole = segment.canonical or canonical_json(segment.content).encode("utf-8", "surrogatepass")
    head = segment.role.encode() + b"\x00"
    if len(whole) < LONG:
        return Content(head + whole, segment.role, whole, None)
    # SHA-256 has instructions of its own on most machines: BLAKE2 takes twice as long there.
    middle = sha256(whole).digest()
    # A zero byte is in no JSON, so that no short content can look like this.
    short = b"%b%b\0%b\0%b" % (head, whole[:EDGE], middle, whole[-EDGE:])
    return Content(short, segment.role, whole, middle)


def counted(
    segment: Segment, content: Content, count: Callable[[Segment], int], known: Mine | None
) -> int:
    """Tokens of a segment; of a long one that was met before, those found then."""
    if known is None or content.digest is None or len(segment.type) > _MOST_TYPE:
        return count(segment)
    key = ("tokens", content.digest, segment.type, segment.part == 0, len(segment.text))
    found: int | None = known.get(*key)
    if found is None:
        found = count(segment)
        known.put(found, 0, *key)
    return found
