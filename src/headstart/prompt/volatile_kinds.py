"""The kinds of what makes one request's prompt differ from another's: a closed list."""

from __future__ import annotations

from enum import StrEnum


class VolatileKind(StrEnum):
    """What a volatile span looks like, or how two texts of one meaning differ."""

    TIMESTAMP = "timestamp"
    """A day with a time, or seconds or milliseconds since 1970."""
    DATE = "date"
    TIME = "time"
    UUID = "uuid"
    ULID = "ulid"
    REQUEST_ID = "request_id"
    """Of a request, message, response, call or run."""
    SESSION_ID = "session_id"
    TRACE_ID = "trace_id"
    HASH = "hash"
    JWT = "jwt"
    TOKEN = "token"
    """Random characters: a key, a nonce, base64."""
    COUNTER = "counter"
    EMAIL = "email"
    USER = "user"
    """A person's name, or the name or id of an account."""
    TEMP_PATH = "temp_path"
    PORT = "port"

    # Only a comparison finds these.
    TOOL_ORDER = "tool_order"
    EXAMPLE_ORDER = "example_order"
    """The same lines, list items or messages in another order."""
    KEY_ORDER = "key_order"
    """The same JSON with its keys in another order."""
    WHITESPACE = "whitespace"
    LINE_ENDINGS = "line_endings"
    UNICODE_FORM = "unicode_form"
    """The same characters, composed in one text and decomposed in the other."""
    NUMBER_FORMAT = "number_format"
    CASE = "case"


CLOCK = frozenset({VolatileKind.TIMESTAMP, VolatileKind.DATE, VolatileKind.TIME})
"""What a clock gives: one program may write it as one kind now and as another later."""
