"""What the Responses API answers: the response object, and the events that build it up.

Source: openai 3.54.0, ``Response``, and the sequence that its stream helper was seen to need.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from headstart.dialects.events import event
from headstart.dialects.hosted import Reply
from headstart.dialects.openai.usage import RESPONSES_USAGE


def response(reply: Reply, *, done: bool = True) -> dict[str, Any]:
    """The object; while it is not ``done``, without output and usage."""
    incomplete = done and reply.stop == "length"
    status = "incomplete" if incomplete else "completed"
    # What generates nothing (a pre-warm) has no output item.
    output = [_item(reply, reply.text, status)] if done and reply.text else []
    return {
        "id": reply.response_id,
        "object": "response",
        "created_at": reply.created,
        "status": status if done else "in_progress",
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if incomplete else None,
        "model": reply.model,
        "output": output,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "previous_response_id": None,
        "text": {"format": {"type": "text"}},
        "metadata": {},
        "usage": RESPONSES_USAGE.render(reply.usage) if done else None,
        **(reply.extra or {}),
    }


def response_events(reply: Reply, pieces: Sequence[str]) -> list[bytes]:
    """Every event of a streamed response, numbered."""
    begun = response(reply, done=False)
    events: list[tuple[str, dict[str, Any]]] = [
        ("response.created", {"response": begun}),
        ("response.in_progress", {"response": begun}),
    ]
    whole = response(reply)
    if whole["output"]:
        events += _item_events(reply, pieces, whole["output"][0])
    events.append((f"response.{whole['status']}", {"response": whole}))
    return [
        event({"type": name, "sequence_number": number, **data}, name)
        for number, (name, data) in enumerate(events)
    ]


def _item_events(
    reply: Reply, pieces: Sequence[str], item: dict[str, Any]
) -> list[tuple[str, dict[str, Any]]]:
    begun = {**item, "status": "in_progress", "content": []}
    output: dict[str, Any] = {"output_index": 0}
    place = {"item_id": item["id"], "output_index": 0, "content_index": 0}
    deltas = [
        ("response.output_text.delta", {**place, "delta": piece, "logprobs": []})
        for piece in pieces
        if piece
    ]
    return [
        ("response.output_item.added", {**output, "item": begun}),
        ("response.content_part.added", {**place, "part": _text("")}),
        *deltas,
        ("response.output_text.done", {**place, "text": reply.text, "logprobs": []}),
        ("response.content_part.done", {**place, "part": _text(reply.text)}),
        ("response.output_item.done", {**output, "item": item}),
    ]


def _item(reply: Reply, text: str, status: str) -> dict[str, Any]:
    name = f"msg_{reply.response_id.removeprefix('resp_')}"
    content = [_text(text)]
    return {
        "id": name, "type": "message", "role": "assistant", "status": status, "content": content,
    }  # fmt: skip


def _text(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
