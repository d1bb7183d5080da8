"""Which rules count: by provider, model and day, with knobs turned by the caller."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import date
from fnmatch import fnmatchcase
from functools import cache, lru_cache
from math import inf
from typing import Any, Final, get_type_hints

import msgspec

from headstart.providers.rows import ROWS
from headstart.providers.rules import Rules

_IDENTITY: Final = frozenset(
    {"provider", "family", "models", "since", "scheme", "sources", "unmarked"}
)
"""What a row is, rather than what it says: not to be replaced."""
_FIRST_PARTIES: Final = (
    "anthropic",
    "openai",
    "gemini",
    "deepseek",
    "xai",
    "mistral",
    "kimi",
    "qwen",
    "groq",
    "bedrock",
)
"""Whose model a bare name most likely is, in this order."""


class UnknownProvider(KeyError):
    """No row is of this provider."""

    def __str__(self) -> str:
        return str(self.args[0])


def providers() -> tuple[str, ...]:
    """All names, in alphabetical order."""
    return tuple(sorted({row.provider for row in ROWS}))


def rows_of(provider: str) -> tuple[Rules, ...]:
    """All rows of a provider, the newest family first; UnknownProvider."""
    rows = tuple(row for row in ROWS if row.provider == provider)
    if not rows:
        known = ", ".join(providers())
        raise UnknownProvider(f"unknown provider {provider!r} (known: {known})")
    return rows


def rules_for(provider: str, model: str, at: date) -> tuple[Rules, tuple[str, ...]]:
    """The newest row for a model that counted on that day, and what is doubtful about it.

    A model that no row names gets the provider's newest family, of those with a name like
    its own if there are any; a day before a model's
    first row gets that row. Both with a warning. UnknownProvider.
    """
    rows = rows_of(provider)
    named = [row for row in rows if names(row.models, model)]
    if not named:
        current = [row for row in rows if row.since <= at] or list(rows)
        row = max(current, key=lambda row: _likeness(row, model))
        return row, (f"{provider} has no rules for {model!r}: those of {row.family!r} are taken",)
    past = [row for row in named if row.since <= at]
    if past:
        return max(past, key=lambda row: row.since), ()
    row = min(named, key=lambda row: row.since)
    text = f"{provider} has no rules for {model!r} before {row.since}: those of that day are taken"
    return row, (text,)


@lru_cache(1024)
def provider_of_model(model: str) -> str | None:
    """The provider whose rows name a model, its maker before those who resell it; None if
    none does."""
    for provider in (*_FIRST_PARTIES, *(p for p in providers() if p not in _FIRST_PARTIES)):
        rows = [row for row in ROWS if row.provider == provider]
        if any(names([p for p in row.models if p != "*"], model) for row in rows):
            return provider
    return None


def names(patterns: tuple[str, ...] | list[str], model: str) -> bool:
    """Whether one of the glob patterns is the whole name, in any case."""
    return any(fnmatchcase(model.lower(), pattern.lower()) for pattern in patterns)


def _likeness(row: Rules, model: str) -> int:
    """Letters at the start of a pattern that the name has as well; a few of them say nothing."""
    stems = [re.split(r"[*?\[]", pattern.lstrip("*").lower())[0] for pattern in row.models]
    found = [n for stem in stems for n in range(4, len(stem) + 1) if stem[:n] in model.lower()]
    return max(found, default=0)


def minimum_of(rules: Rules, model: str) -> int:
    """Tokens that a prefix must have to be cached for this model."""
    stated = stated_minimum(rules, model)
    return rules.minimum if stated is None else stated


def stated_minimum(rules: Rules, model: str) -> int | None:
    """The same, if the rules name the model."""
    found = (least for pattern, least in rules.minimums.items() if names((pattern,), model))
    return next(found, None)


def with_knobs(rules: Rules, knobs: Mapping[str, Any]) -> Rules:
    """The rules with fields replaced; ValueError that names the key for a field that does
    not exist, may not be replaced, or is of another type. A ``minimum`` given here counts
    for all models."""
    known = {f.name for f in fields(Rules)} - _IDENTITY
    for key in knobs:
        if key not in known:
            raise ValueError(f"{key}: no such knob (known: {', '.join(sorted(known))})")
    if "minimum" in knobs and "minimums" not in knobs:
        knobs = {**knobs, "minimums": {}}
    return replace(rules, **{key: _typed(key, value) for key, value in knobs.items()})


def _typed(key: str, value: object) -> Any:
    try:
        typed = msgspec.convert(value, _types()[key])
    except msgspec.ValidationError as error:
        raise ValueError(f"{key}: {error}") from None
    if isinstance(typed, (int, float)) and not 0 <= typed < inf:
        raise ValueError(f"{key}: expected a number from 0 on, not {typed}")
    return typed


@cache
def _types() -> Mapping[str, Any]:
    return get_type_hints(Rules)
