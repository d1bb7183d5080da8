"""Parameters of a request that a provider's cache may key by.

Names in ``Prompt.settings`` are those of the fields, dotted (``reasoning.effort``). One at
its documented default counts as not given.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from headstart.dialects.openai.outline import canonical
from headstart.dialects.openai.usage_fields import at

CHAT = (
    "tool_choice",
    "parallel_tool_calls",
    "response_format",
    "reasoning_effort",
    "verbosity",
    "service_tier",
    "modalities",
    "web_search_options",
    "function_call",
)
RESPONSES = (
    "tool_choice",
    "parallel_tool_calls",
    "text.format",
    "text.verbosity",
    "reasoning.effort",
    "reasoning.summary",
    "context_management",
    "service_tier",
    "truncation",
)
_DEFAULTS: Mapping[str, Any] = {
    "tool_choice": "auto",
    "parallel_tool_calls": True,
    "response_format": {"type": "text"},
    "text.format": {"type": "text"},
    "text.verbosity": "medium",
    "verbosity": "medium",
    "service_tier": "auto",
    "modalities": ["text"],
    "truncation": "disabled",
}


def settings_of(body: Mapping[str, Any], names: Sequence[str]) -> dict[str, str]:
    """Name -> canonical JSON of those that are given and not at their default."""
    given = {name: at(body, name) for name in names}
    return {
        name: canonical(value).decode()
        for name, value in given.items()
        if value is not None and value != _DEFAULTS.get(name)
    }
