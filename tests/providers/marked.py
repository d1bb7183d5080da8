"""Prompts with markers in short: ``"system A 600 5m"`` is a system block of 600 tokens,
called A, with a marker of five minutes. A token is a word."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headstart.prompt import Controls, Kind, Prompt, Segment
from headstart.providers import Emulator, Lookup, Recall, emulate
from headstart.providers.contract import Ticket
from tests.providers.prompts import TODAY, words

TTLS = {"5m": 300.0, "30m": 1800.0, "1h": 3600.0, "12h": 43200.0}
KINDS = {"tools": Kind.TOOL, "system": Kind.SYSTEM}
CLAUDE = "claude-opus-5-5"
GPT = "gpt-6.1-sol"


def segment(part: str, message: int) -> Segment:
    """``ROLE[:TYPE] NAME TOKENS [TTL] [end]``; "end": the provider may break here."""
    role, name, tokens, *marks = part.split()
    role, _, kind = role.partition(":")
    shown = " ".join(f"{name}{i}" for i in range(int(tokens)))
    ttls = [TTLS[mark] for mark in marks if mark in TTLS]
    return Segment(
        KINDS.get(role, Kind.MESSAGE),
        role,
        message,
        0,
        shown,
        {"type": kind or "text", "text": shown},
        ttls[0] if ttls else None,
        kind or "text",
        boundary="end" in marks,
    )


def prompt(
    *parts: str, model: str = CLAUDE, settings: Mapping[str, str] | None = None, **controls: Any
) -> Prompt:
    """One message a part."""
    segments = tuple(segment(part, i) for i, part in enumerate(parts))
    return Prompt(model, segments, settings or {}, Controls(**controls))


class Cache:
    """An emulator and whole requests to it."""

    def __init__(
        self, provider: str = "anthropic", model: str = CLAUDE, *, limit: int = 1000, **knobs: Any
    ) -> None:
        self.model = model
        self.recall = Recall(10_000)
        self.emulator: Emulator = emulate(
            provider, model, TODAY, count=words, knobs=knobs, limit=limit, recall=self.recall
        )

    def peek(self, now: float, *parts: str, scope: str = "", **rest: Any) -> Lookup:
        return self.emulator.peek(prompt(*parts, model=self.model, **rest), now, scope=scope)

    def begin(self, now: float, *parts: str, scope: str = "", **rest: Any) -> Ticket:
        return self.emulator.begin(prompt(*parts, model=self.model, **rest), now, scope=scope)

    def send(self, now: float, *parts: str, scope: str = "", **rest: Any) -> Lookup:
        """A whole request, answered at once."""
        ticket = self.begin(now, *parts, scope=scope, **rest)
        ticket.first_byte(now)
        return ticket.lookup

    def read(self, now: float, *parts: str, **rest: Any) -> int:
        """Tokens that a whole request reads."""
        return self.send(now, *parts, **rest).usage.read
