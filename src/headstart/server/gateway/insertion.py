"""Single members of a request's JSON, set in its own bytes: all others stay as they were."""

from __future__ import annotations

from collections.abc import Sequence

from headstart.dialects import Call, Hosted, OpenAIChat, Span, Unmarkable
from headstart.dialects.spans import Member, kind, members, root
from headstart.dialects.splice import into_object, splice

_USAGE = ("stream_options", "include_usage")


def placed(body: bytes, path: Sequence[str], value: bytes) -> bytes:
    """The body with ``value``, which is JSON, at a path of keys: in the place of what was
    there, or as a new member, in new objects where there are none. Unmarkable."""
    *parents, name = path
    span = root(body)
    for depth, parent in enumerate(parents):
        found = members(body, span).get(parent)
        if found is None:
            return _added(body, span, parent, _nested(path[depth + 1 :], value))
        if kind(body, found.span) == "n":
            return _replaced(body, found, _nested(path[depth + 1 :], value))
        if kind(body, found.span) != "{":
            raise Unmarkable(f"{parent} is no object")
        span = found.span
    found = members(body, span).get(name)
    return _added(body, span, name, value) if found is None else _replaced(body, found, value)


def asking_for_usage(hosted: Hosted, call: Call, body: bytes) -> bytes:
    """A chat stream's body with ``stream_options.include_usage``, unless the client has said
    whether it wants any. Unmarkable."""
    if not (isinstance(hosted, OpenAIChat) and call.stream and not call.include_usage):
        return body
    options = call.body.get(_USAGE[0])
    said = isinstance(options, dict) and options.get(_USAGE[1]) is not None
    return body if said else placed(body, _USAGE, b"true")


def _nested(path: Sequence[str], value: bytes) -> bytes:
    for name in reversed(path):
        value = b'{"%b":%b}' % (name.encode(), value)
    return value


def _added(body: bytes, span: Span, name: str, value: bytes) -> bytes:
    return splice(body, [into_object(body, span, b'"%b":%b' % (name.encode(), value))]).body


def _replaced(body: bytes, member: Member, value: bytes) -> bytes:
    return b"%b%b%b" % (body[: member.value], value, body[member.end :])
