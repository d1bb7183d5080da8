"""Fields under either of their names, and what Google's names and times say.

Google's JSON takes a field in lowerCamelCase and, as it stands in the proto, in snake_case.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from headstart.dialects.body import Fields
from headstart.dialects.gemini.errors import complain, invalid

_SNAKE = re.compile(r"_([a-z0-9])")
_DURATION = re.compile(r"(-?\d{1,12})(\.\d{1,9})?s")
_TIME = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt](\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?([Zz]|[+-]\d{2}:\d{2})"
)

_LATEST = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()


def camel(fields: Fields) -> Fields:
    """The object with its own keys, but none further in, in lowerCamelCase; DialectError
    where one field is given under both names."""
    if not any("_" in key for key in fields.data):
        return fields
    renamed: dict[str, Any] = {}
    for key, value in fields.data.items():
        name = _SNAKE.sub(lambda match: match[1].upper(), key)
        if name in renamed:
            raise complain((*fields.path, key), "value", f"{name} is given twice")
        renamed[name] = value
    return Fields(renamed, fields.path, fields.complain)


def model_id(name: str) -> str:
    """``gemini-x`` of ``models/gemini-x`` and of ``projects/.../models/gemini-x``."""
    return name.rpartition("models/")[2]


def duration(text: Any, param: str) -> float:
    """Seconds of ``"300s"`` or ``"3.5s"``; DialectError."""
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        raise invalid(
            f"Invalid value at '{param}' (type.googleapis.com/google.protobuf.Duration),"
            " Illegal duration format; duration must end with 's'",
            param,
        )
    return float(match[1] + (match[2] or ""))


def instant(text: Any, param: str) -> float:
    """Unix seconds of an RFC 3339 time; DialectError."""
    match = _TIME.fullmatch(text) if isinstance(text, str) else None
    try:
        if match is None:
            raise ValueError(text)
        zone = "+00:00" if match[4] in "Zz" else match[4]
        whole = datetime.fromisoformat(f"{match[1]}T{match[2]}{zone}").timestamp()
        return whole + float(f"0.{match[3] or 0}")
    except (ValueError, OverflowError):
        raise invalid(
            f"Invalid value at '{param}' (type.googleapis.com/google.protobuf.Timestamp)", param
        ) from None


def rfc3339(seconds: float) -> str:
    """Unix seconds as Google writes them: UTC, microseconds, ``Z``; the end of the year
    9999 for what is later."""
    return datetime.fromtimestamp(min(seconds, _LATEST), UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
