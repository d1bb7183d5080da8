"""Gemini's Developer API: the implicit cache, and ``cachedContents``."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Final

from headstart.prompt import Kind
from headstart.providers.rules import Lifetime, Rules, Source

_OURS: Final = Source("not documented; a default of ours", date(2026, 11, 23), "U")
_PAGE: Final = Source(
    "ai.google.dev/gemini-api/docs/caching, earlier version", date(2026, 3, 1), "M"
)
_NOTE: Final = Source(
    "ai.google.dev/gemini-api/docs/caching, through a research note", date(2026, 10, 1), "M"
)
_PROBE: Final = Source("requests to the production API, 2026-09-07", date(2026, 9, 7), "H")

_EARLIER: Final = Rules(
    provider="gemini",
    family="gemini 2.5 and later",
    models=("gemini-2.5*", "gemini-3*", "gemini-4*", "gemini-flash*", "gemini-pro*"),
    since=date(2024, 1, 1),
    scheme="granular",
    lifetimes=(Lifetime(300, None),),
    minimum=4096,
    minimums={"*flash*": 1024},
    implicit="always",
    readable="first_byte",
    settings={"toolConfig": Kind.TOOL},
    isolation="project",
    rate_limit="counts",
    resources=True,
    resource_minimum=4096,
    resource_minimums={"gemini-3.5-flash-lite*": 1024},
    notes=(
        "implicit hits are not guaranteed; their lifetime, scope and steps are not documented: "
        "5 minutes, the project and single tokens are taken",
        "the documented minimum of implicit caching changed: 1,024 on Flash and 4,096 on Pro, "
        "then by generation; override `minimum` and `minimums` if yours differs",
    ),
    sources={
        "*": _PAGE,
        "lifetimes": _OURS,
        "granularity": _OURS,
        "readable": _OURS,
        "isolation": _OURS,
        "settings": _OURS,
        "resources": _PROBE,
        "resource_minimums": _PROBE,
        "resource_minimum": Source("observed on other models", date(2026, 9, 7), "M"),
    },
)

ROWS: Final[tuple[Rules, ...]] = (
    replace(
        _EARLIER,
        since=date(2026, 10, 1),
        minimum=4096,
        minimums={"gemini-2.5*": 2048},
        sources={**_EARLIER.sources, "*": _NOTE},
    ),
    _EARLIER,
)
