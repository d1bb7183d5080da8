"""``usageMetadata``: totals that include what was cached, and that say nothing of a miss.

Output is candidates and thoughts together; what tools put into the prompt is fresh input.
"""

from __future__ import annotations

from typing import Any

from headstart.dialects.hosted import Facts
from headstart.usage import Usage

_MOST = 2**63 - 1


def read_usage(response: Any) -> Usage | None:
    """Exclusive buckets of a response or a chunk; None without usage. Never raises."""
    found = response.get("usageMetadata") if isinstance(response, dict) else None
    if not isinstance(found, dict):
        return None
    total = _count(found, "promptTokenCount")
    read = min(_count(found, "cachedContentTokenCount"), total)
    fresh = total - read + _count(found, "toolUsePromptTokenCount")
    output = _count(found, "candidatesTokenCount") + _count(found, "thoughtsTokenCount")
    return Usage(fresh=fresh, read=read, output=output)


def read_facts(response: Any) -> Facts:
    """Usage and the first candidate's ``finishReason``. Never raises."""
    found = response.get("candidates") if isinstance(response, dict) else None
    first = found[0] if isinstance(found, list) and found else None
    stop = first.get("finishReason") if isinstance(first, dict) else None
    return Facts(read_usage(response), stop if isinstance(stop, str) else None)


def usage_metadata(usage: Usage) -> dict[str, Any]:
    """The object on the wire; without the cached fields if nothing was read."""
    shown: dict[str, Any] = {
        "promptTokenCount": usage.input,
        "candidatesTokenCount": usage.output,
        "totalTokenCount": usage.input + usage.output,
    }
    if usage.read:
        shown["cachedContentTokenCount"] = usage.read
    shown["promptTokensDetails"] = [{"modality": "TEXT", "tokenCount": usage.input}]
    if usage.read:
        shown["cacheTokensDetails"] = [{"modality": "TEXT", "tokenCount": usage.read}]
    shown["serviceTier"] = "standard"
    return shown


def _count(found: dict[str, Any], key: str) -> int:
    value = found.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _MOST:
        return 0
    return value
