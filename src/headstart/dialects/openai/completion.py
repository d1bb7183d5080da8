"""The body of a whole Chat Completions response."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def completion(
    text: str,
    finish_reason: str,
    usage: Mapping[str, Any],
    *,
    model: str,
    response_id: str,
    created: int,
    extra: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """One choice; ``extra`` goes to the top."""
    message = {"role": "assistant", "content": text, "refusal": None}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish_reason}
    return {
        "id": response_id,
        "object": "chat.completion",
        "created": created,
        "model": model,
        "choices": [choice],
        "usage": usage,
        **(extra or {}),
    }
