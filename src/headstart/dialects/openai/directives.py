"""Cache directives of the OpenAI family: on content parts, and for a whole request.

Source: SDK types of openai 3.54.0; for other providers, the sources named in
``dialects/compatible.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

import msgspec

from headstart.dialects.base import DialectError
from headstart.dialects.body import Fields, one_of
from headstart.dialects.hosted import Unmarkable
from headstart.dialects.openai.errors import bracketed

TTL_30M: Mapping[str, float] = MappingProxyType({"30m": 1800.0})
TTL_30M_12H: Mapping[str, float] = MappingProxyType({"30m": 1800.0, "12h": 43200.0})
TTL_5M_1H: Mapping[str, float] = MappingProxyType({"5m": 300.0, "1h": 3600.0})


@dataclass(frozen=True, slots=True)
class Directive:
    """One key of a content part that marks the end of a reusable prefix."""

    key: str
    tag: str
    """The member that says what it is, and the one value that it may have."""
    value: str
    ttls: Mapping[str, float]
    default: float
    """Seconds, where neither it nor, in a way that suits it, the request says so."""

    def ttl(self, part: Fields, request: float | None) -> float | None:
        """Seconds of the one on ``part``; None without one; DialectError."""
        directive = part.child(self.key)
        if directive is None:
            return None
        directive.choice(self.tag, (self.value,))
        inherited = request if request in self.ttls.values() else self.default
        return named_ttl(directive, self.ttls) or inherited

    def member(self, ttl: float | None) -> bytes:
        """``"key":{...}`` to splice in; Unmarkable for a TTL that it can't ask for."""
        value = {self.tag: self.value}
        if ttl is not None:
            names = [name for name, seconds in self.ttls.items() if seconds == ttl]
            if not names:
                raise Unmarkable(f"{self.key} has no ttl of {ttl} seconds")
            value["ttl"] = names[0]
        return msgspec.json.encode({self.key: value})[1:-1]


BREAKPOINT = Directive("prompt_cache_breakpoint", "mode", "explicit", TTL_30M_12H, 1800.0)
CACHE_CONTROL = Directive("cache_control", "type", "ephemeral", TTL_5M_1H, 300.0)


@dataclass(frozen=True, slots=True)
class OptionFields:
    """What ``prompt_cache_options`` may hold."""

    modes: tuple[str, ...]
    ttls: Mapping[str, float]
    others: tuple[str, ...] = ()


class Options(NamedTuple):
    """What it holds in one request; None and False where it does not say."""

    mode: Literal["implicit", "explicit"] | None = None
    ttl: float | None = None
    prewarm: bool = False


def read_options(body: Fields, allowed: OptionFields | None) -> Options:
    """``prompt_cache_options``, unread where the provider has none; DialectError."""
    options = body.child("prompt_cache_options") if allowed else None
    if options is None or allowed is None:
        return Options()
    known = (*(["mode"] if allowed.modes else []), "ttl", *allowed.others)
    for key in options.data:
        if key not in known:
            raise unknown(options, key)
    mode: Literal["implicit", "explicit"] | None = None
    if options.data.get("mode") is not None:
        mode = "explicit" if options.choice("mode", allowed.modes) == "explicit" else "implicit"
    prewarm = options.optional("prewarm", bool) or False
    options.optional("comparison_response_id", str)
    return Options(mode, named_ttl(options, allowed.ttls), prewarm)


def named_ttl(fields: Fields, ttls: Mapping[str, float]) -> float | None:
    """The seconds that ``ttl`` names; DialectError."""
    name = fields.optional("ttl", str)
    if name is None:
        return None
    if name not in ttls:
        raise fields.fail("ttl", "value", f"Input should be {one_of(tuple(ttls))}")
    return ttls[name]


def unknown(fields: Fields, key: str) -> DialectError:
    """A field that is not there to be set."""
    param = bracketed((*fields.path, key))
    text = f"Unknown parameter: '{param}'."
    return DialectError(400, "invalid_request_error", text, param, "unknown_parameter")


def without(content: Mapping[str, Any], keys: Set[str]) -> Mapping[str, Any]:
    """A block without the directives on it and on the parts of its ``output``."""
    output = content.get("output")
    if isinstance(output, list) and any(
        isinstance(part, dict) and not keys.isdisjoint(part) for part in output
    ):
        parts = [without(part, keys) if isinstance(part, dict) else part for part in output]
        content = {**content, "output": parts}
    if keys.isdisjoint(content):
        return content
    return {key: value for key, value in content.items() if key not in keys}
