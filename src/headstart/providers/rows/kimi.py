"""Moonshot's Kimi: automatic; from K3 on writes are billed, by the lifetime asked for."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Final

from headstart.providers.rules import Lifetime, Rules, Source

_FORUM: Final = Source(
    "forum.moonshot.ai/t/613 and a client's notes on caching", date(2026, 11, 23), "M"
)
_MEASURED: Final = Source("one client's measurement, coding endpoint", date(2026, 11, 23), "L")
_OURS: Final = Source("not stated; a default of ours", date(2026, 11, 23), "U")

_FREE: Final = Rules(
    provider="kimi",
    family="kimi without billed writes",
    models=("kimi*", "moonshot*"),
    since=date(2024, 1, 1),
    scheme="granular",
    lifetimes=(Lifetime(300, None),),
    granularity=256,
    implicit="always",
    readable="first_byte",
    isolation="account",
    notes=("markers and keys are ignored, and the cache is shared by all API formats [L]",),
    sources={
        "*": _FORUM,
        "lifetimes": _OURS,
        "granularity": _MEASURED,
        "minimum": _OURS,
        "readable": _OURS,
    },
)

ROWS: Final[tuple[Rules, ...]] = (
    replace(
        _FREE,
        family="kimi k3",
        models=("kimi-k3*",),
        since=date(2026, 9, 1),
        lifetimes=(Lifetime(300, "write_5m"), Lifetime(3600, "write_1h")),
        notes=(
            "writes cost 1.0 (5m) and 2.0 (1h) times input; prompt_cache_options.ttl chooses, 5m "
            "if it is left out; what is read keeps the lifetime it was written with",
            "billed since autumn 2026, the day is not known: 2026-09-01 is taken",
            "which field of usage has the written tokens is not known; one reseller could not "
            "confirm 1h",
            *_FREE.notes,
        ),
        sources={**_FREE.sources, "lifetimes": _FORUM, "since": _OURS},
    ),
    _FREE,
)
