"""An application as people write them: it answers questions by a long set of rules."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import anthropic

MODEL = "claude-opus-5"
RULES = "Be brief. Quote the handbook. Never promise what the handbook does not say. " * 120
NAMES = ("chapters", "dates", "names", "places", "tables")
TOOLS = [{"name": f"find_{name}", "input_schema": {"type": "object"}} for name in NAMES]


def ask(questions: Sequence[str], *, timestamp: bool = False, shuffled: bool = False) -> list[str]:
    """Answers, one request each. ``timestamp`` and ``shuffled`` are its two bugs."""
    client = anthropic.Anthropic(max_retries=0)
    answers = []
    for number, question in enumerate(questions):
        tools: list[Any] = list(TOOLS)
        if shuffled:
            random.Random(number).shuffle(tools)
        head = f"Now: {datetime(2026, 11, 23, 9, 30, number, tzinfo=UTC):%Y-%m-%d %H:%M:%S}\n"
        answer = client.messages.create(
            model=MODEL,
            max_tokens=50,
            tools=tools,
            system=[
                {
                    "type": "text",
                    "text": (head if timestamp else "") + RULES,
                    "cache_control": {"type": "ephemeral"},
                }
            ],
            messages=[{"role": "user", "content": question}],
        )
        answers.append("".join(block.text for block in answer.content if block.type == "text"))
    return answers
