"""Digests of a prompt's parts, each on its own, whatever stands before it.

Chained digests tell nothing of two prompts that differ at their very start: in their first
tool, or in a date at the head of the system text. These find the earlier one all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from headstart.prompt.cuts import digest

LEAST: Final = 64
"""Bytes; what is shorter may be the same by chance."""
EDGE: Final = 256
"""Bytes of the system text's head and tail."""


class Parts(NamedTuple):
    """Each is empty where the prompt has no such part, or a very short one."""

    tools: bytes = b""
    """All tools in their order, of any length."""
    tool_set: bytes = b""
    """All tools in any order."""
    system: bytes = b""
    head: bytes = b""
    tail: bytes = b""
    """Of the system text: all of it, its start, its end."""
    message: bytes = b""
    """The first block of the first message."""


NO_PARTS: Final = Parts()
"""Where nothing is known of them."""


def parts_of(tools: Sequence[bytes], system: Sequence[bytes], first: bytes) -> Parts:
    """The parts of a prompt out of the canonical bytes of its segments."""
    text = b"".join(system)
    long = len(text) >= 2 * EDGE
    return Parts(
        digest(b"tools", b"\x00".join(tools)) if tools else b"",
        _named(b"tool set", b"\x00".join(sorted(tools))),
        _named(b"system", text),
        _named(b"head", text[:EDGE]) if long else b"",
        _named(b"tail", text[-EDGE:]) if long else b"",
        _named(b"message", first),
    )


def _named(name: bytes, content: bytes) -> bytes:
    return digest(name, content) if len(content) >= LEAST else b""
