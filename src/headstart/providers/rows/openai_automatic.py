"""OpenAI up to gpt-5.5, and Azure OpenAI's same models: caching without markers."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Final

from headstart.prompt import Kind
from headstart.providers.rules import Lifetime, Rules, Source

_GUIDE: Final = Source(
    "developers.openai.com/api/docs/guides/prompt-caching, copy of 2026-09-20",
    date(2026, 9, 20),
    "H",
)
_AZURE: Final = Source(
    "learn.microsoft.com/azure/foundry/openai/how-to/prompt-caching, through a research note",
    date(2026, 10, 1),
    "M",
)
_OURS: Final = Source("not stated; a default of ours", date(2026, 11, 23), "U")

_IDLE: Final = Lifetime(300, None)
"""in_memory: 5 to 10 minutes idle, an hour at most. The least of it: a cache that is
relied on must be there."""
_EXTENDED: Final = Lifetime(1800, None)
"""24h: typically about 30 minutes, a day at most."""
_RETENTIONS: Final = {"in_memory": _IDLE.seconds, "24h": _EXTENDED.seconds}

_SETTINGS: Final = {
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

_GPT_5_5: Final = Rules(
    provider="openai",
    family="gpt-5.5",
    models=("gpt-5.5", "gpt-5.5-*"),
    since=date(2024, 1, 1),
    scheme="granular",
    lifetimes=(_EXTENDED,),
    minimum=1024,
    granularity=2048,
    report=128,
    implicit="always",
    readable="first_byte",
    settings=_SETTINGS,
    isolation="organization and processing region",
    routed=True,
    rate_limit="counts",
    retentions={"24h": _EXTENDED.seconds},
    overflow=15,
    notes=(
        "implicit breakpoints every 2048 tokens from the start of a hidden system message, "
        "whose length is the knob `hidden`; what is reported is rounded down to 128",
        "prompt_cache_options and prompt_cache_breakpoint are refused with status 400 [L]",
        "requests are routed by their first tokens and prompt_cache_key; more than about 15 a "
        "minute with one key overflow (knob `machines`; 1: routing always finds the entry)",
    ),
    sources={
        "*": _GUIDE,
        "minimum": _GUIDE._replace(
            where=_GUIDE.where + ': "varies by request settings"', confidence="M"
        ),
        "lifetimes": _GUIDE._replace(
            where=_GUIDE.where + ": typically 30 minutes, up to 24 hours; the least is taken"
        ),
        "hidden": _OURS,
        "machines": _OURS,
        "readable": _OURS,
    },
)

_EARLIER: Final = replace(
    _GPT_5_5,
    family="before gpt-5.5",
    models=("gpt-5", "gpt-5-*", "gpt-5.[0-4]*", "gpt-4*", "o1*", "o3*", "o4*", "chatgpt-4o*"),
    lifetimes=(_EXTENDED, _IDLE),
    granularity=128,
    retentions=_RETENTIONS,
    notes=(
        "the interval of implicit breakpoints depends on the model and is not stated; 128, the "
        "step of what is reported, is taken",
        "retention is 24h unless the organization has zero data retention: then in_memory",
        *_GPT_5_5.notes[1:],
    ),
    sources={**_GPT_5_5.sources, "granularity": _OURS},
)


def _azure(row: Rules, family: str, models: tuple[str, ...], first: Lifetime) -> Rules:
    lives = tuple(sorted(row.lifetimes, key=lambda life: life != first))
    return replace(
        row,
        provider="azure",
        family=family,
        models=models,
        lifetimes=lives,
        granularity=128,
        isolation="subscription",
        rate_limit="unknown",
        overflow=None,
        notes=(
            "the first 1,024 tokens must be identical; hits come in steps of 128",
            "set prompt_cache_key: Azure gives the opposite advice to OpenAI's",
        ),
        sources={"*": _AZURE, "lifetimes": row.sources["lifetimes"], "readable": _OURS},
    )


ROWS: Final[tuple[Rules, ...]] = (
    _GPT_5_5,
    _EARLIER,
    _azure(_GPT_5_5, "gpt-5.5", _GPT_5_5.models, _EXTENDED),
    _azure(_EARLIER, "before gpt-5.5", _EARLIER.models, _IDLE),
)
