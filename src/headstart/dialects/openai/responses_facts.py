"""How a Responses response ended, and what it says of the cache: ``prompt_cache_diagnostics``.

Source: openai 3.54.0, ``Response``.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from headstart.dialects.hosted import Diagnosis
from headstart.dialects.openai.usage_fields import at
from headstart.usage import MissReason

_REASONS: Final[Mapping[str, MissReason]] = MappingProxyType(
    {
        "model_changed": MissReason.MODEL_CHANGED,
        "prompt_cache_key_changed": MissReason.SCOPE_CHANGED,
        "tools_changed": MissReason.TOOLS_CHANGED,
        "text_format_changed": MissReason.SETTINGS_CHANGED,
        "reasoning_effort_changed": MissReason.SETTINGS_CHANGED,
        "verbosity_changed": MissReason.SETTINGS_CHANGED,
        "service_tier_changed": MissReason.SETTINGS_CHANGED,
        "context_compacted": MissReason.DIVERGED,
        "input_changed": MissReason.DIVERGED,
    }
)


def diagnosis_of(response: Any) -> Diagnosis | None:
    """None where it says nothing: not asked, nothing to compare with, unavailable. Never
    raises."""
    found = at(response, "prompt_cache_diagnostics")
    if not isinstance(found, dict):
        return None
    if found.get("type") == "cache_hit":
        return Diagnosis(None, 0)
    named = found.get("reason")
    reason = _REASONS.get(named) if isinstance(named, str) else None
    if found.get("type") != "cache_miss" or reason is None:
        return None
    missed = found.get("cache_missed_tokens")
    return Diagnosis(reason, missed if type(missed) is int and missed >= 0 else None)


def stop_of(response: Any) -> str | None:
    """ "tool" where a function's result is awaited, else the reason for being incomplete, else
    the status; None before the end. Never raises."""
    output, status = at(response, "output"), at(response, "status")
    if not isinstance(status, str) or status == "in_progress":
        return None
    if isinstance(output, list) and any(at(item, "type") in _CALLS for item in output):
        return "tool"
    reason = at(response, "incomplete_details.reason")
    return reason if isinstance(reason, str) else status


_CALLS: Final = frozenset({"function_call", "custom_tool_call", "local_shell_call"})
