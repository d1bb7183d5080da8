"""Usage and finish reasons in OpenAI's terms. Source: openai 3.54.0, ``CompletionUsage`` and
``ResponseUsage``."""

from __future__ import annotations

from headstart.dialects.openai.usage_fields import UsageFields

FINISH_REASONS = {"stop": "stop", "stop_sequence": "stop", "length": "length"}

CHAT_USAGE = UsageFields(
    written="prompt_tokens_details.cache_write_tokens",
    bucket="write_30m",
    constants={
        "prompt_tokens_details.audio_tokens": 0,
        "completion_tokens_details.reasoning_tokens": 0,
        "completion_tokens_details.audio_tokens": 0,
    },
)
"""Chat Completions: one number for all that was written, whatever its lifetime."""

_DETAILS = "input_tokens_details.cache_write_tokens_details"
RESPONSES_USAGE = UsageFields(
    input="input_tokens",
    output="output_tokens",
    cached=("input_tokens_details.cached_tokens",),
    written="input_tokens_details.cache_write_tokens",
    by_ttl={f"{_DETAILS}.ttl_30m_tokens": "write_30m", f"{_DETAILS}.ttl_12h_tokens": "write_12h"},
    bucket="write_30m",
    constants={"output_tokens_details.reasoning_tokens": 0},
)
