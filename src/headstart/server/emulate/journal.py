"""What was asked of the emulating server, and what its caches made of it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from headstart.prompt import Prompt, Split, diverge
from headstart.providers import Lookup
from headstart.usage import Usage


@dataclass(slots=True)
class Entry:
    """One request. The prompt stays in memory only, for as long as the entry does."""

    id: str
    number: int
    """1 for the first one since the start."""
    time: float
    """Seconds since the epoch on the server's clock."""
    provider: str
    dialect: str
    model: str
    account: str
    """A digest of the credential: what the provider isolates by."""
    stream: bool
    prompt: Prompt
    lookup: Lookup
    output: int = 0
    """Tokens."""
    status: str = "open"
    """open, ok, or aborted."""
    response_id: str = ""
    lost: int = 0
    """Tokens that were seen before and not read, or would have been read but for something
    volatile in front of them."""
    wasted: float | None = None
    """USD that it cost more than if those had been read; None without a price."""

    @property
    def usage(self) -> Usage:
        """Exclusive buckets, output included."""
        return self.lookup.usage + Usage(output=self.output)


MOST_BYTES = 1 << 29
"""Of prompts that a journal holds; the latest one stays whatever its size."""


class Journal:
    """The latest requests, oldest first, at most ``limit`` of them, and prompts of at most
    ``most_bytes``."""

    def __init__(self, limit: int = 10_000, most_bytes: int = MOST_BYTES) -> None:
        self.limit = limit
        self.most_bytes = most_bytes
        self._bytes = 0
        self._entries: OrderedDict[str, Entry] = OrderedDict()
        self._responses: dict[str, Entry] = {}
        self.count = 0
        """All requests since the start."""

    def __iter__(self) -> Iterator[Entry]:
        return iter(list(self._entries.values()))

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, entry: Entry) -> None:
        """Put it in; the oldest one goes if there are too many."""
        self._entries[entry.id] = entry
        self._responses[entry.response_id] = entry
        self._bytes += _size(entry.prompt)
        while len(self._entries) > self.limit or (
            self._bytes > self.most_bytes and len(self._entries) > 1
        ):
            _, oldest = self._entries.popitem(last=False)
            del self._responses[oldest.response_id]
            self._bytes -= _size(oldest.prompt)

    def get(self, request: str) -> Entry | None:
        """The entry of this id, or of this response id."""
        return self._entries.get(request) or self._responses.get(request)

    def earlier(self, entry: Entry) -> Entry | None:
        """The request that an entry's prompt left; None where there is none, or it is no
        longer held."""
        divergence = entry.lookup.divergence
        if divergence is None or divergence.against is None:
            return None
        return self._entries.get(divergence.against)

    def clear(self) -> None:
        """Forget all entries."""
        self._entries.clear()
        self._responses.clear()
        self._bytes = 0

    def split(self, entry: Entry) -> Split | None:
        """Where an entry's prompt leaves the nearest earlier one, to the character; None
        where there is none, or it is no longer held."""
        earlier = self.earlier(entry)
        return None if earlier is None else diverge(earlier.prompt, entry.prompt)


def _size(prompt: Prompt) -> int:
    """About the bytes that a prompt's text takes."""
    return sum(len(segment.text) + len(segment.canonical) for segment in prompt.segments)


def summary(entry: Entry) -> dict[str, Any]:
    """One entry for a list: no text of the prompt."""
    lookup = entry.lookup
    return {
        "id": entry.id,
        "number": entry.number,
        "time": entry.time,
        "provider": entry.provider,
        "dialect": entry.dialect,
        "model": entry.model,
        "account": entry.account,
        "stream": entry.stream,
        "status": entry.status,
        "response_id": entry.response_id,
        "usage": counts(entry.usage),
        "hit_rate": lookup.usage.hit_rate,
        "cost": lookup.cost,
        "cost_without_cache": lookup.uncached,
        "reason": lookup.reason,
        "lost": entry.lost,
        "wasted": entry.wasted,
        "divergence": _divergence(lookup),
        "warnings": list(lookup.warnings),
    }


def _divergence(lookup: Lookup) -> dict[str, Any] | None:
    found = lookup.divergence
    return None if found is None else {"segment": found.segment, "volatile": found.volatile}


def counts(usage: Usage) -> dict[str, int]:
    """The buckets by name, those that are empty left out but for fresh, read and output."""
    always = ("fresh", "read", "output")
    buckets = {name: getattr(usage, name) for name in usage.__slots__}
    return {name: tokens for name, tokens in buckets.items() if tokens or name in always}
