"""Usage and finish reasons in Chat Completions' terms: totals include what was cached."""

from __future__ import annotations

from typing import Any

from headstart.usage import Usage

FINISH_REASONS = {"stop": "stop", "stop_sequence": "stop", "length": "length"}


def completion_usage(usage: Usage) -> dict[str, Any]:
    """``prompt_tokens`` holds cached and written tokens too."""
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
        "prompt_tokens_details": {
            "cached_tokens": usage.read,
            "cache_write_tokens": usage.written,
            "audio_tokens": 0,
        },
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }
