"""Groq: automatic on supported models, two hours idle; cached tokens are free of limits."""

from __future__ import annotations

from datetime import date
from typing import Final

from headstart.providers.rules import Lifetime, Rules, Source

_DOC: Final = Source("console.groq.com/docs/prompt-caching", date(2026, 11, 23), "H")
_OURS: Final = Source("not stated; a default of ours", date(2026, 11, 23), "U")

ROWS: Final[tuple[Rules, ...]] = (
    Rules(
        provider="groq",
        family="supported models",
        models=("*gpt-oss*", "*kimi-k2*"),
        since=date(2024, 1, 1),
        scheme="granular",
        lifetimes=(Lifetime(7200, None),),
        implicit="always",
        readable="first_byte",
        isolation="organization",
        rate_limit="free",
        notes=(
            "cached tokens are taken off the rate limit only after the request, so that it can "
            "still trip",
            "the minimum depends on the model and is not stated: knob `minimum`",
        ),
        sources={
            "*": _DOC,
            "minimum": _OURS,
            "granularity": _OURS,
            "readable": _OURS,
            "isolation": _OURS,
        },
    ),
)
