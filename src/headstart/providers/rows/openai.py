"""OpenAI from gpt-5.6 on: breakpoints, implicit by default, and paid writes."""

from __future__ import annotations

from datetime import date
from typing import Final

from headstart.prompt import Kind
from headstart.providers.rules import Lifetime, Rules, Source

GUIDE: Final = Source(
    "developers.openai.com/api/docs/guides/prompt-caching, copy of 2026-09-20",
    date(2026, 9, 20),
    "H",
)
OURS: Final = Source("not stated; a default of ours", date(2026, 11, 23), "U")
_SDK: Final = Source("SDK types of openai 3.54.0", date(2026, 11, 23), "H")

THIRTY_MINUTES: Final = Lifetime(1800.0, "write_30m")
TWELVE_HOURS: Final = Lifetime(43200.0, "write_12h")
MODELS: Final = ("gpt-5.6*", "gpt-6*")

SETTINGS: Final = {
    "parallel_tool_calls": Kind.TOOL,
    "text.format": Kind.TOOL,
    "response_format": Kind.TOOL,
    "reasoning.effort": Kind.TOOL,
    "reasoning_effort": Kind.TOOL,
    "text.verbosity": Kind.TOOL,
    "verbosity": Kind.TOOL,
    "context_management": Kind.TOOL,
    "service_tier": Kind.TOOL,
}

ROW: Final = Rules(
    provider="openai",
    family="gpt-5.6 and later",
    models=MODELS,
    since=date(2026, 7, 1),
    scheme="breakpoints",
    lifetimes=(THIRTY_MINUTES, TWELVE_HOURS),
    minimum=1024,
    marker="prompt_cache_breakpoint",
    most_markers=4,
    excess="latest",
    implicit="default",
    readable="first_byte",
    settings=SETTINGS,
    key_partitions=True,
    isolation="organization and processing region",
    rate_limit="counts",
    lookups=(2, 50, 20),
    notes=(
        "the guide looks up the first 2 and latest 50 explicit breakpoints; the SDK's types say "
        '"up to the latest 80 breakpoints" (knob `lookups`: [0, 80, 80])',
        "30m is the least that an entry lives after its last use; it may live longer",
        "12h, and a TTL on a single part, are in the SDK's types but not in the guide; mixed "
        "TTLs are billed as Anthropic documents for its own",
        "whether entries of one project serve another is not stated",
        "breakpoints on function_call_output are said to write nothing [L]; here they write",
    ),
    sources={
        "*": GUIDE,
        "since": OURS,
        "lifetimes": _SDK,
        "lookups": OURS,
        "readable": OURS,
    },
)

ROWS: Final[tuple[Rules, ...]] = (ROW,)
