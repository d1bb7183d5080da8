"""OpenRouter: the rules of the provider that a model's name begins with, passed through."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date
from typing import Final

from headstart.providers.rows import (
    anthropic,
    deepseek,
    gemini,
    kimi,
    mistral,
    openai,
    openai_automatic,
    qwen,
    xai,
)
from headstart.providers.rules import Rules, Source

_DOC: Final = Source(
    "openrouter.ai/docs/guides/best-practices/prompt-caching", date(2026, 11, 23), "H"
)
_UNDERLYING: Final[Mapping[str, tuple[Rules, ...]]] = {
    "anthropic": anthropic.ROWS,
    "openai": (*openai.ROWS, *openai_automatic.ROWS),
    "google": gemini.ROWS,
    "deepseek": deepseek.ROWS,
    "x-ai": xai.ROWS,
    "mistralai": mistral.ROWS,
    "moonshotai": kimi.ROWS,
    "qwen": qwen.ROWS,
}
_MAKERS: Final = frozenset(
    {"anthropic", "openai", "gemini", "deepseek", "xai", "mistral", "kimi", "qwen"}
)
_STICKY: Final = (
    "requests of one account, model and conversation (session_id, or a hash of the first system "
    "and the first other message) go to the same provider for 10 minutes of idleness, unless "
    "provider.order is set; taken as certain",
    "explicit cache objects are not passed through",
)


def _named(pattern: str, prefix: str) -> tuple[str, ...]:
    """A pattern as OpenRouter spells names, with versions by dots as well as by dashes."""
    dotted = re.sub(r"(?<=\d)-(?=\d)", ".", pattern)
    return tuple(dict.fromkeys((f"{prefix}/{pattern}", f"{prefix}/{dotted}")))


def _through(prefix: str, row: Rules) -> Rules:
    minimums = {name: n for key, n in row.minimums.items() for name in _named(key, prefix)}
    return replace(
        row,
        provider="openrouter",
        family=f"{row.provider} {row.family}",
        models=tuple(name for pattern in row.models for name in _named(pattern, prefix)),
        minimums=minimums,
        routed=True,
        rate_limit="unknown",
        resources=False,
        notes=(*row.notes, *_STICKY),
        sources={**row.sources, "routed": _DOC},
    )


def _all() -> Iterator[Rules]:
    for prefix, rows in _UNDERLYING.items():
        yield from (_through(prefix, row) for row in rows if row.provider in _MAKERS)


ROWS: Final[tuple[Rules, ...]] = (
    *_all(),
    Rules(
        provider="openrouter",
        family="others",
        models=("*",),
        since=date(2024, 1, 1),
        scheme="none",
        lifetimes=(),
        notes=("models of makers without rules here are taken to have no cache",),
        sources={"*": _DOC},
    ),
)
