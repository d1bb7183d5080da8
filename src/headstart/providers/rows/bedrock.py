"""Amazon Bedrock: cache points in Converse, the models' own markers in InvokeModel."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Final

from headstart.providers.rows.anthropic import FIVE_MINUTES, KEEPING, ONE_HOUR, SETTINGS, STRIPPING
from headstart.providers.rows.openai import ROW as OPENAI
from headstart.providers.rows.openai import THIRTY_MINUTES
from headstart.providers.rules import Rules, Source

_GUIDE: Final = Source(
    "docs.aws.amazon.com/bedrock/latest/userguide/prompt-caching.html, copy of autumn 2026",
    date(2026, 10, 1),
    "H",
)
_ANTHROPIC: Final = Source(
    "platform.claude.com/docs/en/build-with-claude/prompt-caching, copy of about 2026-09",
    date(2026, 9, 1),
    "H",
)
_OURS: Final = Source("not stated; a default of ours", date(2026, 11, 23), "U")

MINIMUMS: Final = {
    "*fable-5*": 512,
    "*mythos-preview*": 4096,
    "*mythos-5*": 512,
    "*opus-5*": 512,
    "*sonnet-5[-.]5*": 512,
    "*opus-4[-.]8*": 1024,
    "*opus-4[-.][567]*": 4096,
    "*sonnet-5*": 1024,
    "*sonnet-4[-.][56]*": 1024,
    "*3[-.]7-sonnet*": 1024,
    "*haiku-4[-.]5*": 4096,
}

_CLAUDE: Final = Rules(
    provider="bedrock",
    family="claude",
    models=KEEPING,
    since=date(2024, 12, 1),
    scheme="breakpoints",
    lifetimes=(FIVE_MINUTES, ONE_HOUR),
    minimum=1024,
    minimums=MINIMUMS,
    marker="cachePoint",
    most_markers=4,
    excess="refuse",
    lookback=20,
    longer_first=True,
    readable="first_byte",
    settings=SETTINGS,
    isolation="organization",
    rate_limit="free",
    notes=(
        "the lookback is approximately 20 blocks; whether runs of tool calls count as one is "
        "not stated (knob `runs`)",
        "implicit caching exists as well, at best effort and without a field; it is not emulated",
        "not in batch inference; inference across regions may write more",
    ),
    sources={
        "*": _GUIDE,
        "since": _OURS,
        "minimum": _OURS,
        "runs": _OURS,
        "settings": _ANTHROPIC._replace(confidence="M"),
        "isolation": _ANTHROPIC,
        "readable": _ANTHROPIC._replace(confidence="M"),
    },
)

_STRIPPING: Final = replace(
    _CLAUDE,
    family="claude without earlier thinking",
    models=STRIPPING,
    strips_thinking=True,
    sources={**_CLAUDE.sources, "strips_thinking": _ANTHROPIC._replace(confidence="M")},
)

_SHORT_LIVED: Final = replace(
    _STRIPPING,
    family="claude 3.7 and 3.5 v2",
    models=("*claude-3[-.]7-sonnet*", "*claude-3[-.]5-sonnet*v2*"),
    lifetimes=(FIVE_MINUTES,),
)

_NOVA: Final = replace(
    _CLAUDE,
    family="nova",
    models=("*nova-*",),
    lifetimes=(FIVE_MINUTES,),
    minimums={},
    longer_first=False,
    settings={},
    notes=(
        "writing costs what fresh input costs, and usage reports it all the same",
        "neither minimum nor TTL of Nova was seen in a source: 1,024 tokens, 5 minutes",
    ),
    sources={"*": _GUIDE, "since": _OURS, "minimum": _OURS, "lifetimes": _OURS, "runs": _OURS},
)

_OPENAI: Final = replace(
    OPENAI,
    provider="bedrock",
    family="openai",
    models=("*gpt-5.6*", "*gpt-6*"),
    lifetimes=(THIRTY_MINUTES,),
    rate_limit="free",
    isolation="account",
    notes=("through the Responses API on bedrock-runtime; a ttl of 30m only", *OPENAI.notes[:1]),
    sources={**OPENAI.sources, "lifetimes": _GUIDE, "rate_limit": _GUIDE, "isolation": _OURS},
)

ROWS: Final[tuple[Rules, ...]] = (_CLAUDE, _SHORT_LIVED, _STRIPPING, _NOVA, _OPENAI)
