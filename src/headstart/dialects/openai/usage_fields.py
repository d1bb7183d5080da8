"""Where usage stands on the wire: totals that include what was cached and written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

from headstart.usage import Usage

Bucket = Literal["write_5m", "write_30m", "write_1h", "write_12h", "write_other"]

_MOST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class UsageFields:
    """Dotted paths into one provider's ``usage``; the first cached one that is there counts
    when reading, all are there when writing."""

    input: str = "prompt_tokens"
    output: str = "completion_tokens"
    cached: tuple[str, ...] = ("prompt_tokens_details.cached_tokens",)
    missed: str | None = None
    """Input that was not cached, where the provider reports it too."""
    written: str | None = None
    by_ttl: Mapping[str, Bucket] = field(default_factory=dict)
    """Parts of ``written``."""
    bucket: Bucket = "write_other"
    """Of written tokens that are in none of ``by_ttl``."""
    constants: Mapping[str, int] = field(default_factory=dict)
    """What else clients expect to find."""

    def read(self, usage: Any) -> Usage | None:
        """Exclusive buckets; None if ``usage`` is none. Never raises; counts that make no
        sense are 0, and no part is more than what is left of the total."""
        if not isinstance(usage, dict):
            return None
        found = (_count(usage, path) for path in self.cached)
        read = next((count for count in found if count is not None), 0)
        total = _count(usage, self.input)
        if total is None:
            missed = _count(usage, self.missed) if self.missed else None
            total = read + (missed or 0)
        read = min(read, total)
        written = min(_count(usage, self.written) or 0 if self.written else 0, total - read)
        buckets: dict[Bucket, int] = {}
        left = written
        for path, bucket in self.by_ttl.items():
            buckets[bucket] = min(_count(usage, path) or 0, left)
            left -= buckets[bucket]
        buckets[self.bucket] = buckets.get(self.bucket, 0) + left
        output = _count(usage, self.output) or 0
        return Usage(fresh=total - read - written, read=read, output=output, **buckets)

    def render(self, usage: Usage) -> dict[str, Any]:
        """The object on the wire."""
        shown: dict[str, Any] = {
            self.input: usage.input,
            self.output: usage.output,
            "total_tokens": usage.input + usage.output,
        }
        for path in self.cached:
            _put(shown, path, usage.read)
        if self.missed:
            _put(shown, self.missed, usage.input - usage.read)
        if self.written:
            _put(shown, self.written, usage.written)
        for path, bucket in self.by_ttl.items():
            _put(shown, path, getattr(usage, bucket))
        for path, value in self.constants.items():
            _put(shown, path, value)
        return shown


@lru_cache(maxsize=256)
def _steps(path: str) -> tuple[str, ...]:
    return tuple(path.split("."))


def at(value: Any, path: str) -> Any:
    """The value at a dotted path of keys and indices; None where it leads nowhere."""
    for step in _steps(path):
        if isinstance(value, dict):
            value = value.get(step)
        elif isinstance(value, list) and step.isdigit() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def _count(usage: dict[str, Any], path: str) -> int | None:
    value = at(usage, path)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST:
        return None
    return value


def _put(shown: dict[str, Any], path: str, value: int) -> None:
    *parents, name = path.split(".")
    for parent in parents:
        shown = shown.setdefault(parent, {})
    shown[name] = value
