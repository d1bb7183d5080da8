"""A log of two applications with planted faults, one request a line."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

START = datetime(2026, 11, 20, 8, tzinfo=UTC)
RULES = "Be brief. Quote the handbook. Never promise what the handbook does not say. " * 90
NAMES = ("chapters", "dates", "names", "places", "tables", "errata")
HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(2)>\x1b[31mred\x1b[0m\x1b]0;title\x07"
    "\u202egnp.exe\u2066[bold]markup[/bold] ``` </textarea>{{7*7}}"
)


def support(hours: int, turns: int = 4, head: str = "") -> Iterator[dict[str, Any]]:
    """Chats whose system text begins with the time of day: nothing behind it is ever read."""
    for hour in range(hours):
        messages: list[dict[str, Any]] = []
        for turn in range(turns):
            at = START + timedelta(hours=hour, seconds=20 * turn)
            messages.append({"role": "user", "content": f"Question {hour}.{turn}: what of it?"})
            system = f"{head}You are the help desk. It is {at:%Y-%m-%d %H:%M:%S}.\n{RULES}"
            yield _row(at, "claude-opus-5-5", f"chat-{hour}", system, [], list(messages))
            messages.append({"role": "assistant", "content": f"Answer {hour}.{turn}. " * 8})


def search(hours: int, seed: int = 1) -> Iterator[dict[str, Any]]:
    """Single questions whose tools come in any order."""
    chance = random.Random(seed)
    tools = [
        {"name": f"find_{name}", "description": RULES[:800], "input_schema": {"type": "object"}}
        for name in NAMES
    ]
    for number in range(hours * 6):
        at = START + timedelta(minutes=10 * number // 4, seconds=number)
        chance.shuffle(tools)
        messages = [{"role": "user", "content": f"Find number {number}."}]
        yield _row(at, "claude-sonnet-5-5", f"find-{number}", RULES, list(tools), messages)


def _row(
    at: datetime,
    model: str,
    conversation: str,
    system: str,
    tools: list[dict[str, Any]],
    messages: list[dict[str, Any]],
) -> dict[str, Any]:
    block = {"type": "text", "text": system, "cache_control": {"type": "ephemeral"}}
    body: dict[str, Any] = {"model": model, "max_tokens": 100, "system": [block]}
    if tools:
        body["tools"] = tools
    body["messages"] = messages
    return {"timestamp": at.isoformat(), "conversation_id": conversation, "request": body}


def write(path: Path, rows: Iterator[dict[str, Any]]) -> Path:
    with path.open("w", encoding="utf-8") as file:
        for row in sorted(rows, key=lambda row: row["timestamp"]):
            file.write(json.dumps(row) + "\n")
    return path


def faulty(path: Path, hours: int = 30, head: str = "") -> Path:
    """Both applications."""
    return write(path, iter([*support(hours, head=head), *search(hours)]))
