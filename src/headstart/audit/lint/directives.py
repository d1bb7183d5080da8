"""Cache directives of a request as they stand in it, whether the provider takes them or not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from headstart.audit.lint.strings import MESSAGES, SYSTEM, TOOLS
from headstart.dialects.body import Path

_KEYS: Final = ("cache_control", "cachePoint", "prompt_cache_breakpoint")
_OPAQUE: Final = (
    "input_schema",
    "inputSchema",
    "parameters",
    "parametersJsonSchema",
    "arguments",
    "args",
    *_KEYS,
)
"""What others wrote: a key in there is no directive."""
_SECONDS: Final = {"5m": 300.0, "30m": 1800.0, "1h": 3600.0, "12h": 43200.0}


class Directive(NamedTuple):
    """One of them. ``ttl`` in seconds; None where it names no lifetime that is known."""

    path: Path
    ttl: float | None


def directives(data: Mapping[str, Any]) -> list[Directive]:
    """Tools', then system's, then messages'; one for the whole request comes last."""
    found = []
    for name in (*TOOLS, *SYSTEM, *MESSAGES):
        found += list(_below((name,), data.get(name)))
    if isinstance(data.get("cache_control"), dict):
        found.append(_directive(("cache_control",), data["cache_control"]))
    return found


def without(value: Any) -> Any:
    """The same JSON without its directives."""
    if isinstance(value, list):
        kept = [item for item in value if not (isinstance(item, dict) and set(item) == {_KEYS[1]})]
        return [without(item) for item in kept]
    if isinstance(value, dict):
        return {
            key: item if key in _OPAQUE else without(item)
            for key, item in value.items()
            if key not in (*_KEYS, "prompt_cache_options", "prompt_cache_retention")
        }
    return value


def _below(path: Path, value: Any) -> Iterator[Directive]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _below((*path, index), item)
    elif isinstance(value, dict):
        # A directive stands on its block: behind those of the blocks in it.
        for key, item in value.items():
            if key not in _OPAQUE and not (key == "input" and path[0] in MESSAGES):
                yield from _below((*path, key), item)
        for key in _KEYS:
            if isinstance(value.get(key), dict):
                yield _directive((*path, key), value[key])


def _directive(path: Path, value: Mapping[str, Any]) -> Directive:
    ttl = value.get("ttl")
    return Directive(path, _SECONDS.get(ttl if isinstance(ttl, str) else "5m"))
