"""Gemini on Vertex AI: as the Developer API, with other minimums, scopes and resource names.

Claude on Vertex has Anthropic's rules, and rows of its own.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Final

from headstart.providers.rows.gemini import ROWS as GEMINI
from headstart.providers.rules import Rules, Source

_NOTE: Final = Source(
    "cloud.google.com/vertex-ai context caching overview, through a research note",
    date(2026, 10, 1),
    "M",
)

ROWS: Final[tuple[Rules, ...]] = (
    replace(
        GEMINI[0],
        provider="vertex",
        since=date(2024, 1, 1),
        minimum=4096,
        minimums={"gemini-2*": 2048},
        resource_minimum=4096,
        resource_minimums={"gemini-2*": 2048},
        least_ttl=60.0,
        isolation="project and region",
        rate_limit="unknown",
        notes=(
            "implicit caching of some Gemini 3 models starts at 6,144 tokens: knob `minimum`",
            "a project may switch implicit caching off: a `minimum` beyond any prompt does it here",
            *GEMINI[0].notes[:1],
        ),
        sources={
            **GEMINI[0].sources,
            "*": _NOTE,
            "isolation": _NOTE,
            "resource_minimum": _NOTE,
            "resource_minimums": _NOTE,
        },
    ),
)
