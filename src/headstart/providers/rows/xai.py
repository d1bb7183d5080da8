"""xAI: automatic, on single servers, with a conversation id as the routing hint."""

from __future__ import annotations

from datetime import date
from typing import Final

from headstart.providers.rules import Lifetime, Rules, Source

_DOC: Final = Source(
    "docs.x.ai/developers/advanced-api-usage/prompt-caching", date(2026, 11, 23), "H"
)
_OURS: Final = Source("not stated; a default of ours", date(2026, 11, 23), "U")

ROWS: Final[tuple[Rules, ...]] = (
    Rules(
        provider="xai",
        family="grok",
        models=("grok*",),
        since=date(2024, 1, 1),
        scheme="granular",
        lifetimes=(Lifetime(300, None),),
        granularity=128,
        implicit="always",
        readable="first_byte",
        isolation="server; between teams not stated",
        routed=True,
        notes=(
            "entries live on one server and may be evicted at any time; x-grok-conv-id (Chat) or "
            "prompt_cache_key (Responses) sends a conversation to the same one: knob `machines`",
            "editing earlier messages or leaving out reasoning content breaks the prefix",
        ),
        sources={
            "*": _DOC,
            "lifetimes": _OURS,
            "minimum": _OURS,
            "granularity": Source("one community measurement", date(2026, 11, 23), "L"),
            "readable": _OURS,
            "machines": _OURS,
        },
    ),
)
