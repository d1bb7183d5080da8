"""Anthropic's Claude on its own API (and on Claude Platform on AWS)."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Final

from headstart.prompt import Kind
from headstart.providers.rules import Lifetime, Rules, Source

GUIDE: Final = Source(
    "platform.claude.com/docs/en/build-with-claude/prompt-caching, copy of about 2026-09",
    date(2026, 9, 1),
    "H",
)
OURS: Final = Source("not stated; a default of ours", date(2026, 11, 23), "U")
_NOTE: Final = Source('research note "Prompt and context caching"', date(2026, 10, 1), "M")

FIVE_MINUTES: Final = Lifetime(300.0, "write_5m")
ONE_HOUR: Final = Lifetime(3600.0, "write_1h")

MINIMUMS: Final = {
    "*fable-5*": 512,
    "*mythos-preview*": 2048,
    "*mythos-5*": 512,
    "*opus-5*": 512,
    "*sonnet-5[-.]5*": 512,
    "*haiku-5*": 512,
    "*opus-4[-.]8*": 1024,
    "*opus-4[-.]7*": 2048,
    "*opus-4[-.][56]*": 4096,
    "*opus-4*": 1024,
    "*sonnet-[45]*": 1024,
    "*haiku-4[-.]5*": 4096,
    "*3-5-haiku*": 2048,
    "*haiku-3*": 2048,
}
"""Tokens; the first pattern that matches a model counts."""

SETTINGS: Final = {
    "web_search": Kind.SYSTEM,
    "citations": Kind.SYSTEM,
    "speed": Kind.SYSTEM,
    "tool_choice": Kind.MESSAGE,
    "images": Kind.MESSAGE,
    "thinking": Kind.MESSAGE,
    "output_config": Kind.MESSAGE,
}

KEEPING: Final = (
    "*claude-fable-5*",
    "*claude-mythos-*",
    "*claude-opus-4[-.][5-9]*",
    "*claude-opus-5*",
    "*claude-sonnet-4[-.][6-9]*",
    "*claude-sonnet-5*",
)
"""These see the thinking of earlier turns."""
STRIPPING: Final = (
    "*claude-haiku*",
    "*claude-3*",
    "*claude-opus-4",
    "*claude-opus-4[-.][0-4]*",
    "*claude-opus-4@*",
    "*claude-sonnet-4",
    "*claude-sonnet-4[-.][0-5]*",
    "*claude-sonnet-4@*",
)
"""These do not: every Haiku, Opus before 4.5, Sonnet before 4.6."""

_KEEPING: Final = Rules(
    provider="anthropic",
    family="claude",
    models=KEEPING,
    since=date(2026, 2, 19),
    scheme="breakpoints",
    lifetimes=(FIVE_MINUTES, ONE_HOUR),
    minimum=512,
    minimums=MINIMUMS,
    marker="cache_control",
    most_markers=4,
    excess="refuse",
    lookback=20,
    runs=frozenset({"tool_use", "tool_result"}),
    longer_first=True,
    implicit="optional",
    readable="first_byte",
    settings=SETTINGS,
    isolation="workspace",
    rate_limit="free",
    notes=(
        "thinking parameters and effort change the key from the messages on; for some models "
        "earlier, which is not stated (knob `settings`)",
        "a read does not refresh shorter entries (knob `refresh_ancestors`)",
        "a 1h marker over a live 5m entry reads and refreshes it as it is (knob `renew`)",
        "the cache reads of Haiku 3.5 count towards its rate limit",
        "server tools write a 5m breakpoint of their own, which no request shows",
    ),
    sources={
        "*": GUIDE,
        "minimums": GUIDE._replace(
            where=GUIDE.where + "; Opus, Sonnet and Haiku 5.5 by a research note of 2026-10-01"
        ),
        "implicit": Source("general availability of automatic caching", date(2026, 2, 19), "L"),
        "rate_limit": _NOTE._replace(confidence="H"),
        "renew": OURS,
        "refresh_ancestors": OURS,
        "minimum": OURS,
    },
)

_STRIPPING: Final = replace(
    _KEEPING,
    family="claude without earlier thinking",
    models=STRIPPING,
    minimum=1024,
    strips_thinking=True,
    notes=(*_KEEPING.notes, "whether Haiku 5.5 sees earlier thinking is not stated"),
    sources={**_KEEPING.sources, "strips_thinking": GUIDE},
)


def _before(row: Rules) -> Rules:
    """The same without automatic caching."""
    sources = {name: source for name, source in row.sources.items() if name != "implicit"}
    return replace(row, since=date(2024, 8, 14), implicit="none", sources=sources)


ROWS: Final[tuple[Rules, ...]] = (_KEEPING, _STRIPPING, _before(_KEEPING), _before(_STRIPPING))
