"""Prompts whose tokens are their words, and emulators of rows by provider."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

from headstart.prompt import Chain, Controls, Kind, Prompt, Segment
from headstart.providers.granular import GranularEmulator
from headstart.providers.granular_base import Flow
from headstart.providers.resources import CacheResources
from headstart.providers.rules import Rules
from headstart.providers.table import rules_for
from headstart.providers.units import UnitEmulator

TODAY = date(2026, 11, 23)


def words(segment: Segment) -> int:
    """One token a word."""
    return len(segment.text.split())


def text(tokens: int, word: str = "w") -> str:
    """So many words, all different, so that no piece of it is like another."""
    return " ".join(f"{word}{i}" for i in range(tokens))


def segment(content: str, role: str = "user", at: int = 0) -> Segment:
    kind = {"system": Kind.SYSTEM, "tools": Kind.TOOL}.get(role, Kind.MESSAGE)
    return Segment(kind, role, at, 0, content, {"type": "text", "text": content}, None)


def prompt(
    *parts: str | tuple[str, str],
    model: str = "m",
    settings: dict[str, str] | None = None,
    **controls: Any,
) -> Prompt:
    """Each part is a user's text, or a role and a text."""
    pairs = [("user", part) if isinstance(part, str) else part for part in parts]
    segments = tuple(segment(content, role, i) for i, (role, content) in enumerate(pairs))
    return Prompt(model, segments, settings or {}, Controls(**controls))


def rules_of(provider: str, model: str, at: date = TODAY) -> Rules:
    """The newest row for a model on a day, which must name it."""
    rules, warnings = rules_for(provider, model, at)
    assert not warnings
    return rules


def emulator(provider: str, model: str, at: date = TODAY, **knobs: Any) -> Flow:
    """What the rules of a day do, with some of their knobs turned."""
    rules = replace(rules_of(provider, model, at), **knobs)
    kind = UnitEmulator if rules.scheme == "units" else GranularEmulator
    return kind(rules, model, count=words)


def resources(provider: str, model: str, **options: Any) -> CacheResources:
    return CacheResources(rules_of(provider, model), count=words, **options)


def send(flow: Flow, what: Prompt | Chain, now: float, scope: str = "") -> int:
    """A whole request; the tokens that it read."""
    ticket = flow.begin(what, now, scope=scope)
    ticket.first_byte(now)
    return ticket.lookup.usage.read


def blocks(count: int, size: int = 16, tag: str = "b", **options: Any) -> Chain:
    """A tokenised prompt of numbered blocks."""
    return Chain.of_blocks("m", [f"{tag}{i}".encode() for i in range(count)], size, **options)
