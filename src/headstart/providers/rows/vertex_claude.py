"""Anthropic's Claude on Google Cloud: Anthropic's own fields and rules, another isolation."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Final

from headstart.providers.rows.anthropic import ROWS as ANTHROPIC
from headstart.providers.rules import Rules, Source

_GUIDE: Final = Source(
    "platform.claude.com/docs/en/build-with-claude/prompt-caching, copy of about 2026-09",
    date(2026, 9, 1),
    "M",
)

ROWS: Final[tuple[Rules, ...]] = tuple(
    replace(
        row,
        provider="vertex",
        isolation="organization (elsewhere: Google Cloud project)",
        rate_limit="unknown",
        sources={**row.sources, "isolation": _GUIDE},
    )
    for row in ANTHROPIC
)
