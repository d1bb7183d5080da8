"""Mistral: automatic, in blocks of 64 tokens; ``prompt_cache_key`` raises the chance."""

from __future__ import annotations

from datetime import date
from typing import Final

from headstart.providers.rules import Lifetime, Rules, Source

_DOC: Final = Source(
    "docs.mistral.ai/inference/conversations/advanced/prompt-caching", date(2026, 11, 23), "H"
)
_BLOCKS: Final = _DOC._replace(confidence="M")
_OURS: Final = Source("not stated; a default of ours", date(2026, 11, 23), "U")

ROWS: Final[tuple[Rules, ...]] = (
    Rules(
        provider="mistral",
        family="mistral",
        models=(
            "*mistral*",
            "mixtral*",
            "ministral*",
            "magistral*",
            "codestral*",
            "devstral*",
            "pixtral*",
            "voxtral*",
        ),
        since=date(2024, 1, 1),
        scheme="granular",
        lifetimes=(Lifetime(300, None),),
        minimum=64,
        granularity=64,
        implicit="always",
        readable="first_byte",
        isolation="not stated",
        routed=True,
        notes=("prompt_cache_key raises the chance of a hit: knob `machines`",),
        sources={
            "*": _DOC,
            "minimum": _BLOCKS,
            "granularity": _BLOCKS,
            "lifetimes": _OURS,
            "readable": _OURS,
            "isolation": _OURS,
            "machines": _OURS,
        },
    ),
)
