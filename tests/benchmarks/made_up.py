"""An app's requests without a defect, made up on the spot, and what a row of a log used."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import Any

from benchmarks.defect_parts.apps import App, Ask, asks, tools_of
from benchmarks.defect_parts.sessions import Said, Session


def used(row: dict[str, Any]) -> int:
    """Input tokens of a row, by its response."""
    usage = row["response"]["usage"]
    if "prompt_tokens" in usage:
        return int(usage["prompt_tokens"])
    kinds = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
    return sum(usage[kind] for kind in kinds)


def clean(provider: str, model: str) -> list[Ask]:
    """An app's requests without a defect: four conversations of five turns, made up."""

    def turn(name: int, number: int) -> tuple[Said, ...]:
        asked = Said("user", f"Question {number} of {name}: " + "what is it about? " * 30)
        answered = Said("assistant", f"It is about {name}. " + "Let me explain. " * 30)
        return (asked,) if number == 0 else (answered, asked)

    text = "\n".join(f"Rule {i}: keep to what paragraph {i} of it says." for i in range(200))
    found = [Session(f"s{i}", text, tuple(turn(i, n) for n in range(5))) for i in range(4)]
    app = App("app", provider, model, text, tools_of(found, "app"))
    start = datetime(2026, 11, 3, 23, 57, tzinfo=UTC).timestamp()
    return asks(app, found, start, random.Random(1), mixed=False)
