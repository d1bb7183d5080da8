"""What to do about a difference between two prompts: one sentence each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from headstart.prompt.diff_shape import Shape
from headstart.prompt.prompt import Kind
from headstart.prompt.volatile_kinds import CLOCK, VolatileKind

_BEHIND = "Move the {what} behind the last cache breakpoint, into the newest message"
_WHAT: Final[Mapping[VolatileKind, str]] = {
    VolatileKind.UUID: "UUID",
    VolatileKind.ULID: "ULID",
    VolatileKind.REQUEST_ID: "request id",
    VolatileKind.SESSION_ID: "session id",
    VolatileKind.TRACE_ID: "trace id",
    VolatileKind.HASH: "hash",
    VolatileKind.JWT: "JWT",
    VolatileKind.TOKEN: "random token",
    VolatileKind.COUNTER: "counter",
    VolatileKind.EMAIL: "e-mail address",
    VolatileKind.USER: "user's name or id",
    VolatileKind.TEMP_PATH: "temporary path",
    VolatileKind.PORT: "port number",
}
_SAME: Final[Mapping[VolatileKind, str]] = {
    VolatileKind.TOOL_ORDER: "Send the tools in one fixed order, such as sorted by name.",
    VolatileKind.EXAMPLE_ORDER: "Send these items in one fixed order: sort them, or shuffle them "
    "with a seed that stays the same.",
    VolatileKind.KEY_ORDER: "Serialise this JSON with its keys in one fixed order, such as sorted.",
    VolatileKind.WHITESPACE: "Normalise whitespace before sending: to a cache it is content.",
    VolatileKind.LINE_ENDINGS: "Send one kind of line ending: convert CRLF to LF.",
    VolatileKind.UNICODE_FORM: "Normalise the text to one Unicode form, such as NFC.",
    VolatileKind.NUMBER_FORMAT: "Format numbers in one way, whatever their type or locale.",
    VolatileKind.CASE: "Write this text in one case: to a cache capitals are other letters.",
}
_CHANGED: Final[Mapping[Kind, str]] = {
    Kind.TOOL: "Send the same tools in every request, and limit their use by tool_choice: tools "
    "come first, so that a change in one undoes the cache of all that follows.",
    Kind.SYSTEM: "Move what changes out of the system prompt, behind the last cache breakpoint.",
    Kind.MESSAGE: "Append to the messages and leave earlier ones as they were sent; or, where "
    "requests share no more than what is in front, end that with a breakpoint of its own.",
}


def remedy(kind: VolatileKind | None, shape: Shape, section: Kind) -> str:
    """One sentence, by what differs and where."""
    if kind is None:
        if section is Kind.MESSAGE and shape == "deletion":
            return "Keep earlier messages: cut a long history seldom and by much, not every turn."
        return _CHANGED[section]
    if kind in _SAME:
        return _SAME[kind]
    if kind in CLOCK:
        day = "" if kind is VolatileKind.DATE else ", or send the day alone"
        return _BEHIND.format(what=kind) + day + "."
    return _BEHIND.format(what=_WHAT[kind]) + ", or leave it out."
