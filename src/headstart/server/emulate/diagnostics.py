"""The providers' own answers to "why was this not read?", for requests that ask.

Anthropic compares with the message that ``diagnostics.previous_message_id`` names, OpenAI's
Responses with ``prompt_cache_options.comparison_response_id``; both compare requests, not
what was read. Source: SDK types of anthropic 2.12.0 and openai 3.54.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import takewhile
from typing import Any

from headstart.dialects import Call
from headstart.prompt import Kind, Prompt
from headstart.server.emulate.journal import Entry, Journal

_MODEL = ("model", "speed")
_REPEATED = ("prompt_cache_key", "prompt_cache_options", "prompt_cache_retention")
"""Fields of a Responses request that its response repeats."""
_OPENAI_REASONS = (
    ("reasoning", "reasoning_effort_changed"),
    ("text.format", "text_format_changed"),
    ("text.verbosity", "verbosity_changed"),
    ("service_tier", "service_tier_changed"),
)


def diagnostics(call: Call, entry: Entry, journal: Journal) -> Mapping[str, Any] | None:
    """The extra fields of a response; None if it has none."""
    if entry.dialect == "anthropic":
        asked = call.body.get("diagnostics")
        if isinstance(asked, dict):
            return {"diagnostics": _anthropic(asked.get("previous_message_id"), entry, journal)}
    if entry.dialect == "openai-responses":
        shown = {name: call.body[name] for name in _REPEATED if name in call.body}
        options = call.body.get("prompt_cache_options")
        other = options.get("comparison_response_id") if isinstance(options, dict) else None
        if isinstance(other, str):
            shown["prompt_cache_diagnostics"] = _openai(other, entry, journal)
        return shown or None
    return None


def _anthropic(other: object, entry: Entry, journal: Journal) -> dict[str, Any] | None:
    if not isinstance(other, str):
        return None
    earlier = _earlier(other, entry, journal)
    if earlier is None:
        return {"cache_miss_reason": {"type": "previous_message_not_found"}}
    before, now = earlier.prompt, entry.prompt
    missed = {"cache_missed_input_tokens": entry.lost}
    if any(_value(before, name) != _value(now, name) for name in _MODEL):
        return {"cache_miss_reason": {"type": "model_changed", **missed}}
    if _section(before, Kind.TOOL) != _section(now, Kind.TOOL):
        return {"cache_miss_reason": {"type": "tools_changed", **missed}}
    if _section(before, Kind.SYSTEM) != _section(now, Kind.SYSTEM):
        return {"cache_miss_reason": {"type": "system_changed", **missed}}
    if before.settings != now.settings:
        return {"cache_miss_reason": {"type": "unavailable"}}
    if not _continues(before, now):
        return {"cache_miss_reason": {"type": "messages_changed", **missed}}
    return None


def _openai(other: str, entry: Entry, journal: Journal) -> dict[str, Any]:
    earlier = _earlier(other, entry, journal)
    if earlier is None:
        return {"type": "comparison_response_not_found"}
    reason = _openai_reason(earlier.prompt, entry.prompt)
    if reason is None and entry.lookup.lost == 0:
        return {"type": "cache_hit"}
    if reason is None:
        return {"type": "unavailable"}
    return {"type": "cache_miss", "reason": reason, "cache_missed_tokens": entry.lost}


def _openai_reason(before: Prompt, now: Prompt) -> str | None:
    if before.model != now.model:
        return "model_changed"
    if before.controls.key != now.controls.key:
        return "prompt_cache_key_changed"
    if _section(before, Kind.TOOL) != _section(now, Kind.TOOL):
        return "tools_changed"
    for name, reason in _OPENAI_REASONS:
        if _value(before, name) != _value(now, name):
            return reason
    return None if _continues(before, now) else "input_changed"


def _earlier(response_id: str, entry: Entry, journal: Journal) -> Entry | None:
    """Another request of the same account: one of somebody else's is not found."""
    found = journal.get(response_id)
    own = found is not None and found.account == entry.account and found is not entry
    return found if own else None


def _value(prompt: Prompt, name: str) -> object:
    if name == "model":
        return prompt.model
    return sorted(
        item
        for item in prompt.settings.items()
        if item[0] == name or item[0].startswith(f"{name}.")
    )


def _section(prompt: Prompt, kind: Kind) -> list[bytes]:
    return [segment.canonical for segment in prompt.segments if segment.kind is kind]


def _continues(before: Prompt, now: Prompt) -> bool:
    """Whether every segment of ``before`` stands at its place in ``now``."""
    pairs = zip(before.segments, now.segments, strict=False)
    same = takewhile(
        lambda pair: (pair[0].role, pair[0].canonical) == (pair[1].role, pair[1].canonical), pairs
    )
    return sum(1 for _ in same) == len(before.segments)
