"""Logs of every kind, as their writers document them: one file's bytes for so many requests.

Each request carries ``text`` and then a question of its own. What a reader has to find in them
is stated here too.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from headstart.usage import Usage

START = 1_764_000_000
"""Unix seconds of the first request; one every ten seconds."""
SECRET = "sk-ant-api03-THIS-IS-A-SECRET"
"""Stands wherever a log has a credential: no record may have it."""

Make = Callable[[int, str], bytes]


class Sample(NamedTuple):
    """``usage``, ``model`` and ``provider`` are those of every request in it."""

    format: str
    make: Make
    usage: Usage | None
    model: str
    provider: str | None
    prompt: bool = True
    timed: bool = True
    suffix: str = ".jsonl"


def lines(rows: Iterable[Any]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def iso(n: int, more: float = 0.0) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(START + 10 * n + more, UTC).isoformat().replace("+00:00", "Z")


HEADERS = {"authorization": f"Bearer {SECRET}", "x-api-key": SECRET, "cookie": SECRET}


def messages(n: int, text: str) -> list[dict[str, Any]]:
    return [{"role": "system", "content": text}, {"role": "user", "content": f"Question {n}?"}]


CLAUDE = {
    "input_tokens": 12,
    "cache_read_input_tokens": 2000,
    "cache_creation_input_tokens": 300,
    "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 200},
    "output_tokens": 40,
}
CLAUDE_USAGE = Usage(12, 2000, write_5m=100, write_1h=200, output=40)
GPT = {
    "prompt_tokens": 2312,
    "completion_tokens": 40,
    "total_tokens": 2352,
    "prompt_tokens_details": {"cached_tokens": 2000, "cache_write_tokens": 300},
}
GPT_USAGE = Usage(12, 2000, write_30m=300, output=40)


def claude_body(n: int, text: str) -> dict[str, Any]:
    block = {"type": "text", "text": text, "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    return {
        "model": "claude-sonnet-4-5",
        "max_tokens": 100,
        "system": [block],
        "messages": [{"role": "user", "content": f"Question {n}?"}],
    }


def claude_message(n: int) -> dict[str, Any]:
    return {
        "id": f"msg_{n:024}",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5",
        "content": [{"type": "text", "text": "An answer."}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": CLAUDE,
    }


def completion(n: int) -> dict[str, Any]:
    message = {"role": "assistant", "content": "An answer.", "refusal": None}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
    return {
        "id": f"chatcmpl-{n:024}",
        "object": "chat.completion",
        "created": START + 10 * n,
        "model": "gpt-5.4",
        "choices": [choice],
        "usage": GPT,
    }


def raw_anthropic(count: int, text: str) -> bytes:
    return lines(
        {
            "timestamp": iso(n),
            "session_id": "s",
            "request": claude_body(n, text),
            "response": claude_message(n),
            "headers": HEADERS,
        }
        for n in range(count)
    )


def raw_openai(count: int, text: str) -> bytes:
    """As a logging proxy writes it: bodies as text, with everything around."""
    return lines(
        {
            "time": (START + 10 * n) * 1000,
            "request": {
                "method": "POST",
                "url": "https://api.openai.com/v1/chat/completions",
                "headers": HEADERS,
                "body": json.dumps({"model": "gpt-5.4", "messages": messages(n, text)}),
            },
            "response": {"status": 200, "headers": HEADERS, "body": json.dumps(completion(n))},
            "latency_ms": 1500,
        }
        for n in range(count)
    )


def bare(count: int, text: str) -> bytes:
    return lines(claude_body(n, text) for n in range(count))


def chat(count: int, text: str) -> bytes:
    rows = []
    for n in range(count):
        said = [*messages(n, text), {"role": "assistant", "content": "An answer."}]
        rows.append({"conversation": f"c{n}", "messages": said})
    return lines(rows)


def agent_sessions(count: int, text: str) -> bytes:
    return lines(
        {
            "timestamp": (START + 10 * n) * 1_000_000,
            "input": f"{text}\n\nQuestion {n}?",
            "output": "An answer.",
            "session_id": "s",
        }
        for n in range(count)
    )


def mooncake(count: int, text: str) -> bytes:
    return lines(
        {
            "timestamp": 10_000 * n,
            "input_length": 1100,
            "output_length": 40,
            "hash_ids": [0, 1, 100 + n],
        }
        for n in range(count)
    )


def bailian(count: int, text: str) -> bytes:
    return lines(
        {
            "chat_id": n,
            "parent_chat_id": n - 1,
            "timestamp": 10.0 * n,
            "input_length": 40,
            "output_length": 40,
            "type": "text",
            "turn": n + 1,
            "hash_ids": [7, 8, 100 + n],
        }
        for n in range(count)
    )


def claude_code_blocks(count: int, text: str) -> bytes:
    requests = [
        {
            "t": 10.0 * n,
            "type": "s",
            "model": "claude-sonnet-4-5",
            "in": 150,
            "out": 40,
            "hash_ids": [1, 2],
            "ttft": 1.5,
            "api_time": 4.0,
        }
        for n in range(count)
    ]
    session = {
        "id": "trace",
        "block_size": 64,
        "hash_id_scope": "local",
        "tool_tokens": 64,
        "system_tokens": 64,
        "requests": requests,
    }
    return json.dumps(session).encode()


def claude_code(count: int, text: str) -> bytes:
    return lines(_claude_code(count, text))


def _claude_code(count: int, text: str) -> Iterator[dict[str, Any]]:
    common = {"sessionId": "s", "cwd": "/home/me", "version": "2.1.0", "isSidechain": False}
    yield {"type": "summary", "summary": text, "leafUuid": "x"}
    parent = None
    for n in range(count):
        user = {"role": "user", "content": f"Question {n}?"}
        yield {
            **common,
            "type": "user",
            "uuid": f"u{n}",
            "parentUuid": parent,
            "timestamp": iso(n),
            "message": user,
        }
        parent = f"u{n}"
        for part, more in enumerate(({"type": "text"}, {"type": "tool_use", "name": "Bash"})):
            # The first line has what was known when the answer began.
            usage = CLAUDE if part else {**CLAUDE, "output_tokens": 1}
            yield {
                **common,
                "type": "assistant",
                "uuid": f"a{n}-{part}",
                "parentUuid": parent,
                "timestamp": iso(n, 4 + part),
                "requestId": f"req_{n}",
                "message": {**claude_message(n), "content": [more], "usage": usage},
            }
            parent = f"a{n}-{part}"


def codex(count: int, text: str) -> bytes:
    return lines(_codex(count, text))


def _codex(count: int, text: str) -> Iterator[dict[str, Any]]:
    meta = {"id": "s", "cwd": "/home/me", "model_provider": "openai", "instructions": text}
    yield {"timestamp": iso(0), "type": "session_meta", "payload": meta}
    yield {"timestamp": iso(0), "type": "turn_context", "payload": {"model": "gpt-5.4"}}
    last = {
        "input_tokens": 2312,
        "cached_input_tokens": 2000,
        "cache_write_input_tokens": 300,
        "output_tokens": 40,
        "reasoning_output_tokens": 10,
        "total_tokens": 2352,
    }
    for n in range(count):
        asked = {"type": "user_message", "message": f"Question {n}?"}
        yield {"timestamp": iso(n), "type": "event_msg", "payload": asked}
        said = {"type": "message", "role": "assistant", "content": [{"type": "output_text"}]}
        yield {"timestamp": iso(n, 3), "type": "response_item", "payload": said}
        totals = {name: value * (n + 1) for name, value in last.items()}
        info = {"last_token_usage": last, "total_token_usage": totals}
        for more in (4, 5):  # told again when rate limits change
            counted = {"type": "token_count", "info": info, "rate_limits": {}}
            yield {"timestamp": iso(n, more), "type": "event_msg", "payload": counted}


LITELLM_USAGE = {
    "prompt_tokens": 2312,
    "completion_tokens": 40,
    "total_tokens": 2352,
    "prompt_tokens_details": {"cached_tokens": 2000},
    "cache_read_input_tokens": 2000,
    "cache_creation_input_tokens": 300,
}


def litellm(count: int, text: str) -> bytes:
    """Spend logs, as a table's JSON export has them."""
    return lines(
        {
            "request_id": f"req-{n:020}",
            "call_type": "acompletion",
            "api_key": SECRET,
            "spend": 0.01,
            "prompt_tokens": 2312,
            "completion_tokens": 40,
            "startTime": iso(n),
            "completionStartTime": iso(n, 1),
            "endTime": iso(n, 4),
            "model": "anthropic/claude-sonnet-4-5",
            "custom_llm_provider": "anthropic",
            "cache_hit": "False",
            "session_id": "s",
            "metadata": json.dumps({"user_api_key": SECRET, "usage_object": LITELLM_USAGE}),
            "messages": {},
            "response": {},
            "proxy_server_request": json.dumps(
                {"messages": messages(n, text), "model": "sonnet", "max_tokens": 100}
            ),
            "status": "success",
        }
        for n in range(count)
    )


def litellm_payload(count: int, text: str) -> bytes:
    """Standard logging payloads."""
    return lines(
        {
            "id": f"chatcmpl-{n:020}",
            "trace_id": "s",
            "call_type": "completion",
            "stream": False,
            "response_cost": 0.01,
            "status": "success",
            "custom_llm_provider": "anthropic",
            "prompt_tokens": 2312,
            "completion_tokens": 40,
            "startTime": START + 10.0 * n,
            "endTime": START + 10.0 * n + 4,
            "completionStartTime": START + 10.0 * n + 1,
            "model": "claude-sonnet-4-5",
            "metadata": {"user_api_key_hash": SECRET, "usage_object": LITELLM_USAGE},
            "cache_hit": None,
            "messages": messages(n, text),
            "response": {"id": "r", "usage": LITELLM_USAGE},
            "model_parameters": {"max_tokens": 100},
        }
        for n in range(count)
    )


def bedrock(count: int, text: str) -> bytes:
    return lines(_converse(n, text) for n in range(count))


def _converse(n: int, text: str) -> dict[str, Any]:
    usage = {
        "inputTokens": 12,
        "outputTokens": 40,
        "totalTokens": 2352,
        "cacheReadInputTokens": 2000,
        "cacheWriteInputTokens": 300,
        "cacheDetails": [{"ttl": "1h", "inputTokens": 200}, {"ttl": "5m", "inputTokens": 100}],
    }
    return {
        "schemaType": "ModelInvocationLog",
        "schemaVersion": "1.0",
        "timestamp": iso(n),
        "accountId": "123456789012",
        "identity": {"arn": "arn:aws:iam::123456789012:user/me"},
        "region": "us-east-1",
        "requestId": f"00000000-0000-0000-0000-{n:012}",
        "operation": "Converse",
        "modelId": "arn:aws:bedrock:us-east-1:1:inference-profile/us.anthropic.claude-sonnet-4-5",
        "input": {
            "inputContentType": "application/json",
            "inputBodyJson": {
                "system": [{"text": text}, {"cachePoint": {"type": "default", "ttl": "1h"}}],
                "messages": [{"role": "user", "content": [{"text": f"Question {n}?"}]}],
            },
            "inputTokenCount": 12,
            "cacheReadInputTokenCount": 2000,
            "cacheWriteInputTokenCount": 300,
        },
        "output": {
            "outputContentType": "application/json",
            "outputBodyJson": {
                "output": {"message": {"role": "assistant", "content": [{"text": "An answer."}]}},
                "stopReason": "end_turn",
                "metrics": {"latencyMs": 4000},
                "usage": usage,
            },
            "outputTokenCount": 40,
        },
    }


def batch(count: int, text: str) -> bytes:
    return lines(
        {
            "custom_id": f"request-{n}",
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {"model": "gpt-5.4", "messages": messages(n, text)},
        }
        for n in range(count)
    )


def batch_results(count: int, text: str) -> bytes:
    return lines(
        {
            "id": f"batch_req_{n}",
            "custom_id": f"request-{n}",
            "response": {"status_code": 200, "request_id": f"r{n}", "body": completion(n)},
            "error": None,
        }
        for n in reversed(range(count))
    )


def stored(count: int, text: str) -> bytes:
    return lines(
        {**completion(n), "metadata": {}, "messages": messages(n, text)} for n in range(count)
    )


def attribute(key: str, value: Any) -> dict[str, Any]:
    kind = "intValue" if isinstance(value, int) else "stringValue"
    return {"key": key, "value": {kind: str(value)}}


def otel(count: int, text: str) -> bytes:
    """One OTLP document, as an exporter to files writes it."""
    spans = []
    for n in range(count):
        parts = [{"type": "text", "content": f"Question {n}?"}]
        values = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": "anthropic",
            "gen_ai.request.model": "claude-sonnet-4-5",
            "gen_ai.response.id": f"msg_{n:024}",
            "gen_ai.conversation.id": "s",
            "gen_ai.usage.input_tokens": 2312,
            "gen_ai.usage.output_tokens": 40,
            "gen_ai.usage.cache_read.input_tokens": 2000,
            "gen_ai.usage.cache_creation.input_tokens": 300,
            "gen_ai.system_instructions": json.dumps([{"type": "text", "content": text}]),
            "gen_ai.input.messages": json.dumps([{"role": "user", "parts": parts}]),
            "http.request.header.authorization": f"Bearer {SECRET}",
        }
        spans.append(
            {
                "traceId": "0af7651916cd43dd8448eb211c80319c",
                "spanId": f"{n:016x}",
                "name": "chat claude-sonnet-4-5",
                "startTimeUnixNano": str((START + 10 * n) * 10**9),
                "endTimeUnixNano": str((START + 10 * n + 4) * 10**9),
                "attributes": [attribute(key, value) for key, value in values.items()],
            }
        )
    document = {"resourceSpans": [{"resource": {}, "scopeSpans": [{"spans": spans}]}]}
    return json.dumps(document, indent=1).encode()


def langfuse(count: int, text: str) -> bytes:
    """A JSON array, as its interface exports it."""
    rows = [
        {
            "id": f"observation-{n}",
            "traceId": "trace",
            "sessionId": "s",
            "type": "GENERATION",
            "name": "answer",
            "startTime": iso(n),
            "completionStartTime": iso(n, 1),
            "endTime": iso(n, 4),
            "model": "claude-sonnet-4-5",
            "input": messages(n, text),
            "output": {"role": "assistant", "content": "An answer."},
            "usageDetails": {
                "input": 12,
                "input_cache_read": 2000,
                "input_cache_creation": 300,
                "input_cache_creation_5m": 100,
                "input_cache_creation_1h": 200,
                "output": 40,
                "total": 2352,
            },
            "costDetails": {"total": 0.01},
        }
        for n in range(count)
    ]
    return json.dumps(rows, indent=2).encode()


def helicone(count: int, text: str) -> bytes:
    return lines(
        {
            "request_id": f"00000000-0000-0000-0000-{n:012}",
            "request_created_at": iso(n),
            "request_path": "https://api.anthropic.com/v1/messages",
            "request_model": "claude-sonnet-4-5",
            "request_body": claude_body(n, text),
            "response_body": claude_message(n),
            "response_status": 200,
            "provider": "ANTHROPIC",
            "delay_ms": 4000,
            "time_to_first_token": 1000,
            "prompt_tokens": 12,
            "completion_tokens": 40,
            "prompt_cache_read_tokens": 2000,
            "prompt_cache_write_tokens": 300,
            "request_properties": {"Helicone-Session-Id": "s", "Helicone-Auth": SECRET},
            "cache_reference_id": "00000000-0000-0000-0000-000000000000",
            "auth_hash": SECRET,
        }
        for n in range(count)
    )


def har(count: int, text: str) -> bytes:
    listed = [{"name": name, "value": value} for name, value in HEADERS.items()]
    entries = [
        {
            "startedDateTime": iso(n),
            "time": 4000.0,
            "request": {
                "method": "POST",
                "url": "https://api.anthropic.com/v1/messages?beta=true",
                "headers": listed,
                "cookies": [{"name": "session", "value": SECRET}],
                "postData": {
                    "mimeType": "application/json",
                    "text": json.dumps(claude_body(n, text)),
                },
            },
            "response": {
                "status": 200,
                "headers": listed,
                "content": {"mimeType": "text/event-stream", "text": stream(n)},
            },
            "timings": {"send": 1, "wait": 1000, "receive": 2999},
        }
        for n in range(count)
    ]
    return json.dumps({"log": {"version": "1.2", "entries": entries}}, indent=1).encode()


def stream(n: int) -> str:
    """A Messages event stream."""
    head = {**claude_message(n), "content": [], "usage": {**CLAUDE, "output_tokens": 1}}
    events = [
        {"type": "message_start", "message": head},
        {"type": "ping"},
        {"type": "message_delta", "delta": {}, "usage": {"output_tokens": 40}},
        {"type": "message_stop"},
    ]
    return "".join(f"event: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in events)


_OTHER_WRITES = Usage(12, 2000, write_other=300, output=40)
_5M_WRITES = Usage(12, 2000, write_5m=300, output=40)
_CLAUDE = ("claude-sonnet-4-5", "anthropic")

SAMPLES: tuple[Sample, ...] = (
    Sample("raw", raw_anthropic, CLAUDE_USAGE, *_CLAUDE),
    Sample("raw", raw_openai, GPT_USAGE, "gpt-5.4", "openai"),
    Sample("raw", bare, None, *_CLAUDE, timed=False),
    Sample("chat", chat, None, "", None, timed=False),
    Sample("agent-sessions", agent_sessions, None, "", None),
    Sample("mooncake", mooncake, None, "", None, prompt=False, timed=False),
    Sample("bailian", bailian, None, "", None, prompt=False, timed=False),
    Sample("claude-code-blocks", claude_code_blocks, None, *_CLAUDE, False, False, suffix=".json"),
    Sample("claude-code", claude_code, CLAUDE_USAGE, *_CLAUDE, prompt=False),
    Sample("codex", codex, GPT_USAGE, "gpt-5.4", "openai", prompt=False),
    Sample("litellm", litellm, _5M_WRITES, *_CLAUDE),
    Sample("litellm", litellm_payload, _5M_WRITES, *_CLAUDE),
    Sample("bedrock", bedrock, CLAUDE_USAGE, "us.anthropic.claude-sonnet-4-5", "bedrock"),
    Sample("batch", batch, None, "gpt-5.4", "openai", timed=False),
    Sample("batch-results", batch_results, GPT_USAGE, "gpt-5.4", None, prompt=False, timed=False),
    Sample("openai-stored", stored, GPT_USAGE, "gpt-5.4", "openai"),
    Sample("otel", otel, _OTHER_WRITES, *_CLAUDE, suffix=".json"),
    Sample("langfuse", langfuse, CLAUDE_USAGE, *_CLAUDE, suffix=".json"),
    Sample("helicone", helicone, CLAUDE_USAGE, *_CLAUDE),
    Sample("har", har, CLAUDE_USAGE, *_CLAUDE, suffix=".har"),
)
NAMES = [f"{sample.format}:{sample.make.__name__}" for sample in SAMPLES]
