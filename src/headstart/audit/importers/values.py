"""Values out of a log's rows: times, counts and names, or None for what is none of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from math import isfinite
from typing import Any, Final

import msgspec

Row = dict[str, msgspec.Raw]
"""One row: its own keys, and the JSON behind each of them, not yet decoded."""

MOST_COUNT: Final = 2**53
_MOST_CHARACTERS: Final = 512
_LATEST: Final = 253_402_300_800.0
"""The year 10000: what is later is no time."""
_UNITS: Final = ((1e17, 1e9), (1e14, 1e6), (1e11, 1e3))
_FRACTION: Final = re.compile(r"(\.\d{6})\d+")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def decoded(raw: msgspec.Raw | bytes | None) -> Any:
    """The JSON value; None where there is none, or none that can be read."""
    if raw is None:
        return None
    try:
        return msgspec.json.decode(raw)
    except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError
        return None


def head_of(raw: msgspec.Raw, size: int = 256) -> bytes:
    """The first bytes of the JSON, not yet decoded."""
    return bytes(memoryview(raw)[:size])


def begins(raw: msgspec.Raw, start: bytes) -> bool:
    """Whether the JSON, not yet decoded, begins so."""
    return head_of(raw, len(start)) == start


def first(row: Row, names: Iterable[str]) -> Any:
    """The first of these fields that is there and not null."""
    for name in names:
        raw = row.get(name)
        if raw is not None and (value := decoded(raw)) is not None:
            return value
    return None


def member(value: Any, *path: str) -> Any:
    """The value at a path of keys; None where it leads nowhere."""
    for step in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(step)
    return value


def any_of(value: Any, *names: str) -> Any:
    """The first of an object's members that is not null."""
    if not isinstance(value, Mapping):
        return None
    return next((value[name] for name in names if value.get(name) is not None), None)


def name_of(value: Any) -> str | None:
    """A name or an id, cut to a sane length, control characters taken out; numbers as their
    digits. None for an empty one."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value) if abs(value) < MOST_COUNT else ""
    if not isinstance(value, str):
        return None
    return _CONTROL.sub("", value[:_MOST_CHARACTERS]).strip() or None


def count_of(value: Any) -> int | None:
    """A whole number from 0 on."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_COUNT:
        return None
    return value


def number_of(value: Any) -> float | None:
    """A finite number; also as text, as some exports write it."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        value = float(value)
    except OverflowError:
        return None
    return value if isfinite(value) else None


def seconds_of(value: Any, unit: float = 1.0) -> float | None:
    """A duration from 0 on, given in units of so many seconds."""
    number = number_of(value)
    return None if number is None or number < 0 else number * unit


def between(start: float | None, end: float | None) -> float | None:
    """Seconds from one time to a later one."""
    return end - start if start is not None and end is not None and end > start else None


def instant_of(value: Any) -> float | None:
    """Unix seconds of an ISO 8601 text (UTC where it names no zone) or of a number: seconds,
    milliseconds, microseconds or nanoseconds, by its size."""
    if isinstance(value, str) and not value.isdigit():
        return _parsed(value)
    number = number_of(value)
    if number is None or number < 0:
        return None
    for least, unit in _UNITS:
        if number >= least:
            return number / unit
    return number


def _parsed(text: str) -> float | None:
    try:
        moment = datetime.fromisoformat(_FRACTION.sub(r"\1", text.strip()[:64]))
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        found = moment.timestamp()
    except (ValueError, OverflowError):
        number = number_of(text)
        return None if number is None else instant_of(number)
    return found if found < _LATEST else None
