"""Azure OpenAI from gpt-5.6 on, and Claude on Microsoft Foundry."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Final

from headstart.providers.rows.anthropic import ROWS as ANTHROPIC
from headstart.providers.rows.openai import OURS, ROW, THIRTY_MINUTES
from headstart.providers.rules import Rules, Source

_GUIDE: Final = Source(
    "learn.microsoft.com/azure/foundry/openai/how-to/prompt-caching, through a research note",
    date(2026, 10, 1),
    "M",
)

_OPENAI: Final = replace(
    ROW,
    provider="azure",
    lifetimes=(THIRTY_MINUTES,),
    isolation="subscription",
    rate_limit="unknown",
    notes=(
        "explicit breakpoints on Standard pay-as-you-go only, not on provisioned throughput",
        "a ttl of 30m only",
        "set prompt_cache_key: Azure gives the opposite advice to OpenAI's",
        "models are deployments there: name them as the models that they serve",
        *ROW.notes[:1],
    ),
    sources={
        **ROW.sources,
        "lifetimes": _GUIDE,
        "isolation": _GUIDE,
        "minimum": _GUIDE,
        "rate_limit": OURS,
    },
)

ROWS: Final[tuple[Rules, ...]] = (
    _OPENAI,
    *(replace(row, provider="azure", rate_limit="unknown") for row in ANTHROPIC),
)
