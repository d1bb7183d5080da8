"""An upstream that answers at once, whole or in 36 events, with usage."""

from __future__ import annotations

import json
import re
from typing import Any

from starlette.types import Receive, Scope, Send

_WORDS = 32
_STREAM = re.compile(rb'"stream": ?true')
"""However it is written: the floor writes each body anew, without spaces."""
_PROMPT = {"prompt_tokens": 2048, "completion_tokens": 32, "total_tokens": 2080}
_CHAT_USAGE = {**_PROMPT, "prompt_tokens_details": {"cached_tokens": 1920}}
_USAGE = {
    "input_tokens": 128,
    "cache_creation_input_tokens": 0,
    "cache_read_input_tokens": 1920,
    "output_tokens": 32,
}


def _chat(kind: str, **choice: Any) -> dict[str, Any]:
    choices = [{"index": 0, **choice}] if choice else []
    return {
        "id": "chatcmpl-1",
        "object": kind,
        "created": 1_700_000_000,
        "model": "gpt-4.1",
        "choices": choices,
    }


def _message(**more: Any) -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-6",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": _USAGE,
        **more,
    }


def _event(kind: str, **more: Any) -> bytes:
    data = json.dumps({"type": kind, **more}).encode()
    return b"event: " + kind.encode() + b"\ndata: " + data + b"\n\n"


def _data(value: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


_TEXT = "hello from here " * 8
_CHUNK = "chat.completion.chunk"
CHAT = json.dumps(
    {
        **_chat(
            "chat.completion",
            message={"role": "assistant", "content": _TEXT},
            finish_reason="stop",
        ),
        "usage": _CHAT_USAGE,
    }
).encode()
CHAT_EVENTS = [
    _data(_chat(_CHUNK, delta={"role": "assistant", "content": ""})),
    *(_data(_chat(_CHUNK, delta={"content": f"tok{i} "})) for i in range(_WORDS)),
    _data(_chat(_CHUNK, delta={}, finish_reason="stop")),
    _data({**_chat(_CHUNK), "usage": _CHAT_USAGE}),
    b"data: [DONE]\n\n",
]
MESSAGE = json.dumps(
    _message(content=[{"type": "text", "text": _TEXT}], stop_reason="end_turn")
).encode()
MESSAGE_EVENTS = [
    _event("message_start", message=_message()),
    _event("content_block_start", index=0, content_block={"type": "text", "text": ""}),
    *(
        _event("content_block_delta", index=0, delta={"type": "text_delta", "text": f"tok{i} "})
        for i in range(_WORDS)
    ),
    _event("content_block_stop", index=0),
    _event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 32}),
    _event("message_stop"),
]


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Whether a stream is asked for is told by the body's ends: parsing all would cost more
    than answering."""
    if scope["type"] != "http":
        return
    parts: list[bytes] = []
    more = True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    ends = parts[0][:4096] + parts[-2 if len(parts) > 1 else -1][-4096:] + parts[-1][-4096:]
    messages = scope["path"].endswith("/messages")
    if _STREAM.search(ends) is None:
        body = MESSAGE if messages else CHAT
        headers = [(b"content-type", b"application/json")]
        headers.append((b"content-length", str(len(body)).encode()))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})
        return
    headers = [(b"content-type", b"text/event-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for event in MESSAGE_EVENTS if messages else CHAT_EVENTS:
        await send({"type": "http.response.body", "body": event, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
