"""Outlines that remember segments are the outlines that are made from nothing."""

from __future__ import annotations

import json
from datetime import date

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headstart.dialects import AnthropicHosted
from headstart.explain import Outline
from headstart.prompt import Prompt, Segment
from headstart.providers import emulate
from headstart.server.gateway import outlines
from headstart.server.gateway.outlines import Outlines

EMULATOR = emulate(
    "anthropic", "claude-opus-5", date(2026, 11, 20), count=lambda s: len(s.text) // 4 + 1
)
TEXTS = st.sampled_from(["a", "b" * 300, "c" * 3000, "c" * 2999 + "d", "ä\u2028" * 40])


def prompt(texts: list[str]) -> Prompt:
    messages = [
        {"role": "user" if number % 2 == 0 else "assistant", "content": text}
        for number, text in enumerate(texts)
    ]
    asked = {"model": "claude-opus-5", "max_tokens": 1, "system": "s", "messages": messages}
    return AnthropicHosted().read(json.dumps(asked).encode()).prompt


def count(segment: Segment) -> int:
    return len(segment.text) // 4 + 1


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.lists(TEXTS, min_size=1, max_size=6), max_size=8))
def test_like_from_nothing(prompts: list[list[str]]) -> None:
    made = Outlines(b"k")
    for texts in prompts:
        asked = prompt(texts)
        chain = EMULATOR.chain(asked)
        plain = Outline.of(asked, count, b"k", volatile=False).pack()
        assert made.packed(asked, chain) == plain


def test_memory_is_bounded() -> None:
    made = Outlines(b"k")
    for number in range(20):
        asked = prompt([f"{number}.{part}" for part in range(1000)])
        assert made.packed(asked, EMULATOR.chain(asked))
    assert len(made) == outlines.MOST_PIECES


def test_one_that_is_too_long_is_not_kept() -> None:
    asked = prompt([f"{part}" for part in range(4000)])
    assert Outlines(b"k").packed(asked, EMULATOR.chain(asked)) is None
