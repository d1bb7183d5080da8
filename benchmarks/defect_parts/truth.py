"""What a log would have read, by replay in the emulator: the truth about its defects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

from benchmarks.defect_parts.apps import Ask
from headstart.providers import Emulator, emulate
from headstart.tokens import Counter, counter_of
from headstart.usage import Usage


def replayed(asks: Sequence[Ask], knobs: Mapping[str, Any] | None = None) -> list[Usage]:
    """Input tokens of each request, in order, each answered at once."""
    emulators: dict[tuple[str, str], Emulator] = {}
    found = []
    for ask in asks:
        key = ask.app.provider, ask.model
        if key not in emulators:
            day = datetime.fromtimestamp(ask.time, UTC).date()
            count = _counter(*key).count
            emulators[key] = emulate(*key, day, count=count, knobs=knobs or {})
        ticket = emulators[key].begin(ask.call().prompt, ask.time)
        ticket.first_byte(ask.time)
        found.append(ticket.lookup.usage)
    return found


def lost(asks: Sequence[Usage], cured: Sequence[Usage]) -> tuple[int, int]:
    """Tokens that were not read and would have been, and in how many requests."""
    pairs = list(zip(asks, cured, strict=True))
    total = sum(better.read - usage.read for usage, better in pairs)
    return total, sum(better.read > usage.read for usage, better in pairs)


@cache
def _counter(provider: str, model: str) -> Counter:
    return counter_of(provider, model)
