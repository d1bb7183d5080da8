"""Request bodies as the providers document them, one a dialect, each with a clock in its
system text."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

POLICY = "Refunds are paid within 30 days, to the card that was charged. " * 400
"""About 5,000 tokens, which is more than any provider's minimum."""


def system(clock: str) -> str:
    return f"The current time is 2026-11-20 {clock}.\n{POLICY}"


def anthropic(clock: str, question: str) -> dict[str, Any]:
    block = {"type": "text", "text": system(clock), "cache_control": {"type": "ephemeral"}}
    return {
        "model": "claude-opus-5-5",
        "max_tokens": 100,
        "system": [block],
        "messages": [{"role": "user", "content": question}],
    }


def chat(clock: str, question: str, model: str = "gpt-5.4") -> dict[str, Any]:
    return {
        "model": model,
        "messages": [
            {"role": "system", "content": system(clock)},
            {"role": "user", "content": question},
        ],
    }


def responses(clock: str, question: str) -> dict[str, Any]:
    return {"model": "gpt-5.4", "instructions": system(clock), "input": question}


def gemini(clock: str, question: str) -> dict[str, Any]:
    return {
        "systemInstruction": {"parts": [{"text": system(clock)}]},
        "contents": [{"role": "user", "parts": [{"text": question}]}],
    }


def converse(clock: str, question: str) -> dict[str, Any]:
    return {
        "system": [{"text": system(clock)}, {"cachePoint": {"type": "default"}}],
        "messages": [{"role": "user", "content": [{"text": question}]}],
        "inferenceConfig": {"maxTokens": 100},
    }


def invoke(clock: str, question: str) -> dict[str, Any]:
    body = anthropic(clock, question)
    del body["model"]
    return {"anthropic_version": "bedrock-2023-05-31", **body}


def nova(clock: str, question: str) -> dict[str, Any]:
    text = {"text": system(clock), "cachePoint": {"type": "default"}}
    return {
        "schemaVersion": "messages-v1",
        "system": [text],
        "messages": [{"role": "user", "content": [{"text": question}]}],
    }


def compatible(model: str) -> Callable[[str, str], dict[str, Any]]:
    return lambda clock, question: chat(clock, question, model)


Make = Callable[[str, str], dict[str, Any]]
CASES: tuple[tuple[str, Make, str | None, tuple[str, ...]], ...] = (
    ("anthropic", anthropic, None, ("anthropic", "vertex", "azure")),
    ("openai-chat", chat, None, ("openai", "azure")),
    ("openai-responses", responses, None, ("openai", "azure")),
    ("gemini", gemini, "gemini-3-pro", ("gemini", "vertex")),
    ("bedrock-converse", converse, "anthropic.claude-opus-5-5-v1:0", ("bedrock",)),
    ("bedrock-invoke", invoke, "anthropic.claude-opus-5-5-v1:0", ("bedrock",)),
    ("bedrock-invoke", nova, "amazon.nova-pro-v1:0", ("bedrock",)),
    ("deepseek", compatible("deepseek-chat"), None, ("deepseek",)),
    ("xai", compatible("grok-4.3"), None, ("xai",)),
    ("kimi", compatible("kimi-k3"), None, ("kimi",)),
    ("mistral", compatible("mistral-large-latest"), None, ("mistral",)),
    ("qwen", compatible("qwen4-max"), None, ("qwen",)),
    ("openrouter", compatible("google/gemini-3-pro"), None, ("openrouter",)),
    ("groq", compatible("openai/gpt-oss-120b"), "gpt-oss-120b", ("groq",)),
)
"""Dialect, its bodies, the model if the body names none (or another one counts), and the
providers that take it."""


def encoded(body: object) -> bytes:
    return json.dumps(body).encode()
