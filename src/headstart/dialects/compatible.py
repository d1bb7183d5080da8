"""Providers and engines that speak Chat Completions, each as what it does differently.

Sources: the providers' own pages on prompt caching as of 2026-11 (DeepSeek, xAI, Mistral,
Groq, Qwen, OpenRouter, Azure), Moonshot's forum for Kimi, protocol.py of vLLM 0.33 and
SGLang 0.5.23. Stated by nobody, or by one source that is not the provider: where Kimi puts
written tokens (not read here), usage inside ``choices`` of its streams, Qwen's
``cache_creation`` by lifetime, and the error bodies of xAI, Kimi and Qwen (OpenAI's here).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from headstart.dialects.openai import Format, OpenAIChat
from headstart.dialects.openai.directives import (
    BREAKPOINT,
    CACHE_CONTROL,
    TTL_5M_1H,
    TTL_30M,
    OptionFields,
)
from headstart.dialects.openai.hosted_chat import OPENAI_CHAT
from headstart.dialects.openai.settings import CHAT
from headstart.dialects.openai.usage_fields import UsageFields

_DETAILS = "prompt_tokens_details"
_CACHED = UsageFields()
_RENDERED = ("chat_template", "chat_template_kwargs")

_FORMATS = (
    # GPT-5.6 and later take breakpoints, of 30 minutes only.
    replace(OPENAI_CHAT, name="azure", directives=(replace(BREAKPOINT, ttls=TTL_30M),)),
    Format(
        name="deepseek",
        usage=UsageFields(
            cached=("prompt_cache_hit_tokens", f"{_DETAILS}.cached_tokens"),
            missed="prompt_cache_miss_tokens",
        ),
        settings=(*CHAT, "thinking"),
        key=False,
        user="user_id",
    ),
    Format(name="groq", usage=_CACHED, settings=CHAT, key=False),
    Format(
        name="kimi",
        usage=UsageFields(cached=("cached_tokens", f"{_DETAILS}.cached_tokens")),
        settings=(*CHAT, "thinking"),
        options=OptionFields((), TTL_5M_1H),
        key=False,
        usage_in_choice=True,
        always_usage=True,
    ),
    Format(name="mistral", usage=_CACHED, settings=CHAT, errors="flat"),
    Format(
        name="openrouter",
        # Whose lifetime it is depends on the provider behind it, which usage does not name.
        usage=UsageFields(written=f"{_DETAILS}.cache_write_tokens", bucket="write_other"),
        settings=(*CHAT, "reasoning", "provider"),
        directives=(CACHE_CONTROL, BREAKPOINT),
        options=OPENAI_CHAT.options,
        automatic=True,
        session_fields=("session_id",),
        session_headers=("x-session-id",),
        always_usage=True,
        errors="code-message",
    ),
    Format(
        name="qwen",
        usage=UsageFields(
            written=f"{_DETAILS}.cache_creation_input_tokens",
            by_ttl={f"{_DETAILS}.cache_creation.ephemeral_5m_input_tokens": "write_5m"},
            bucket="write_5m",
        ),
        settings=(*CHAT, "enable_thinking"),
        # Qwen4 takes both, models before it the first alone.
        directives=(CACHE_CONTROL, replace(BREAKPOINT, ttls=TTL_5M_1H, default=300.0)),
        key=False,
    ),
    Format(
        name="sglang",
        usage=_CACHED,
        settings=(*CHAT, *_RENDERED),
        key=False,
        session_fields=("session_id",),
        salts=("cache_salt", "extra_key"),
        errors="flat",
    ),
    Format(
        name="vllm",
        usage=_CACHED,
        settings=(*CHAT, *_RENDERED),
        key=False,
        session_fields=("session_id",),
        salts=("cache_salt",),
        errors="nested-status",
    ),
    Format(
        name="xai",
        usage=_CACHED,
        settings=CHAT,
        session_headers=("x-grok-conv-id",),
        # The body's prompt_cache_key is documented for Responses alone.
        key_header="x-grok-conv-id",
    ),
)

COMPATIBLE: Mapping[str, OpenAIChat] = MappingProxyType(
    {form.name: OpenAIChat(form) for form in _FORMATS}
)
"""By name of the provider."""
