"""A request body's JSON: strict decoding, and fields read with their path at hand.

msgspec decodes: it refuses NaN, numbers out of range, invalid UTF-8 and lone surrogates,
where the standard library lets all four through, and it is the one JSON library here that
can also hand out raw spans of the input. What it lets through and we do not: duplicate
keys (two readers of one request could disagree on what it says), integers beyond 64 bits,
and nesting that would exhaust the stack of whoever walks the value later.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Literal, TypeVar

import msgspec

from headstart.dialects.base import DialectError

MAX_DEPTH = 100
"""Nested arrays and objects; JSON schemas of real tools stay below 30."""

Path = tuple[str | int, ...]
Problem = Literal["missing", "type", "value", "unsupported"]
Complain = Callable[[Path, Problem, str], DialectError]

T = TypeVar("T", str, bool, int, float, list[Any], dict[str, Any])

_STRING_OR_KEY = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"(\s*+:)?', re.DOTALL)
_BEFORE_COLON = re.compile(rb'"[ \t\n\r]*+:')
_ESCAPES_BEFORE_COLON = re.compile(rb'(\\++)"[ \t\n\r]*+:')
_SALT_LENGTH = 1024
_NAMES: dict[type, str] = {
    str: "a valid string",
    bool: "a valid boolean",
    int: "a valid integer",
    float: "a valid number",
    list: "a valid list",
    dict: "a valid dictionary",
}


class MalformedBody(ValueError):
    """The bytes are not one JSON object that can be read without doubt."""


def decode(body: bytes) -> dict[str, Any]:
    """The object in ``body``; MalformedBody on anything else."""
    try:
        value = msgspec.json.decode(body)
    except RecursionError:
        raise MalformedBody(f"nested deeper than {MAX_DEPTH} levels") from None
    except ValueError as exc:  # msgspec's own errors and UnicodeDecodeError
        raise MalformedBody(str(exc)) from None
    if not isinstance(value, dict):
        raise MalformedBody("expected an object")
    if _repeated(body, _inspect(value)):
        raise MalformedBody("an object has the same key twice")
    return value


def _repeated(body: bytes, keys: int) -> bool:
    """Whether the objects in ``body``, valid JSON, have more keys than the ``keys`` that
    decoding left."""
    # A colon follows every key's closing quote; in strings, it may follow others as well. If
    # all of these quotes together are no more than the keys, nothing has to be told apart.
    quotes = len(_BEFORE_COLON.findall(body))
    if quotes != keys:
        escapes = _ESCAPES_BEFORE_COLON.findall(body)
        quotes -= sum(len(run) % 2 for run in escapes)
    if quotes == keys:
        return False
    return keys != sum(1 for found in _STRING_OR_KEY.finditer(body) if found.group(1))


def _inspect(value: Any) -> int:
    """Number of keys in all objects of a decoded value; MalformedBody beyond the limits."""
    keys = 0
    todo: list[tuple[Any, int]] = [(value, 1)]
    while todo:
        container, depth = todo.pop()
        if depth > MAX_DEPTH:
            raise MalformedBody(f"nested deeper than {MAX_DEPTH} levels")
        if isinstance(container, dict):
            keys += len(container)
            items = iter(container.values())
        else:
            items = iter(container)
        for item in items:
            if isinstance(item, (dict, list)):
                todo.append((item, depth + 1))
            elif isinstance(item, int) and not -(2**63) <= item < 2**64:
                raise MalformedBody("an integer does not fit 64 bits")
    return keys


class Fields:
    """One JSON object of a request, its path, and how its dialect words a complaint."""

    __slots__ = ("complain", "data", "path")

    def __init__(self, data: dict[str, Any], path: Path, complain: Complain) -> None:
        self.data = data
        self.path = path
        self.complain = complain

    def fail(self, key: str, problem: Problem, text: str) -> DialectError:
        """The error to raise about one field."""
        return self.complain((*self.path, key), problem, text)

    def optional(self, key: str, kind: type[T]) -> T | None:
        """The field, or None where it is absent or null."""
        value = self.data.get(key)
        return None if value is None else self._typed(value, key, kind)

    def required(self, key: str, kind: type[T]) -> T:
        """The field; absent is "missing", null is a wrong type."""
        if key not in self.data:
            raise self.fail(key, "missing", "Field required")
        return self._typed(self.data[key], key, kind)

    def _typed(self, value: Any, key: str, kind: type[T]) -> T:
        result: Any = _as(value, kind)
        if result is None:
            raise self.fail(key, "type", f"Input should be {_NAMES[kind]}")
        # `kind` is what makes it a T: `_as` has looked.
        return result  # type: ignore[no-any-return]

    def number(self, key: str, low: float, high: float, default: float) -> float:
        """A number within bounds, both included."""
        value = self.optional(key, float)
        if value is None:
            return default
        self._bounded(key, value, low, high)
        return value

    def integer(self, key: str, low: int) -> int | None:
        """An integer from ``low`` to what 63 bits hold."""
        value = self.optional(key, int)
        if value is not None:
            self._bounded(key, value, low, 2**63 - 1)
        return value

    def _bounded(self, key: str, value: float, low: float, high: float) -> None:
        if value < low:
            text = f"Input should be greater than or equal to {low:g}"
            raise self.fail(key, "value", text)
        if value > high:
            raise self.fail(key, "value", f"Input should be less than or equal to {high:g}")

    def choice(self, key: str, options: tuple[str, ...]) -> str:
        """A required string out of a closed list."""
        value = self.required(key, str)
        if value not in options:
            raise self.fail(key, "value", f"Input should be {one_of(options)}")
        return value

    def strings(self, key: str, most: int | None = None) -> tuple[str, ...]:
        """A list of non-empty strings; () where it is absent or null."""
        found: list[str] = []
        for index, item in enumerate(self.optional(key, list) or []):
            path = (*self.path, key, index)
            if not isinstance(item, str):
                raise self.complain(path, "type", "Input should be a valid string")
            if not item:
                raise self.complain(path, "value", "String should have at least 1 character")
            found.append(item)
        if most is not None and len(found) > most:
            text = f"List should have at most {most} items, not {len(found)}"
            raise self.fail(key, "value", text)
        return tuple(found)

    def child(self, key: str) -> Fields | None:
        """An object field, or None where it is absent or null."""
        value = self.optional(key, dict)
        return None if value is None else Fields(value, (*self.path, key), self.complain)

    def children(self, key: str) -> list[Fields]:
        """The objects of a list field; [] where it is absent or null."""
        items = self.optional(key, list) or []
        return [self.item(key, index, item) for index, item in enumerate(items)]

    def item(self, key: str, index: int, item: Any) -> Fields:
        """One object of a list field."""
        path = (*self.path, key, index)
        if not isinstance(item, dict):
            raise self.complain(path, "type", f"Input should be {_NAMES[dict]}")
        return Fields(item, path, self.complain)

    def salt(self) -> str | None:
        """``cache_salt``, an extension both dialects take (name and length are vLLM's)."""
        salt = self.optional("cache_salt", str)
        if salt is not None and not 1 <= len(salt) <= _SALT_LENGTH:
            text = f"String should have 1 to {_SALT_LENGTH} characters"
            raise self.fail("cache_salt", "value", text)
        return salt


def one_of(options: tuple[str, ...]) -> str:
    """``'a', 'b' or 'c'``."""
    quoted = [f"'{option}'" for option in options]
    return " or ".join([", ".join(quoted[:-1]), quoted[-1]] if quoted[1:] else quoted)


def _as(value: Any, kind: type) -> Any:
    """The value as ``kind`` if JSON means the same by it, else None."""
    if isinstance(value, bool):
        return value if kind is bool else None
    if kind is float and isinstance(value, int):
        return float(value)
    if kind is int and isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, kind) else None
