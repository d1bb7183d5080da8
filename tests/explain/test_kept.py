from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from headstart.explain import Outline, detect, explain_kept
from headstart.tokens import counter_of
from headstart.usage import MissReason, RequestRecord, Usage
from tests.explain.bodies import anthropic, encoded

COUNT = counter_of("anthropic", "claude-opus-5-5", plain=True).count


def record(number: int, body: dict[str, Any], **more: Any) -> RequestRecord:
    given: dict[str, Any] = {
        "id": f"r{number}",
        "time": 1_795_000_000.0 + 60 * number,
        "tenant": "t",
        "route": "claude",
        "provider": "anthropic",
        "model": "claude-opus-5-5",
        "usage": Usage(fresh=10, write_5m=5000),
        "status": 200,
        "reason": MissReason.DIVERGED,
        "lost": 5000,
        "lost_cost": 0.03,
        "against": "r0",
        **more,
    }
    return RequestRecord(**given)


def outlined(body: dict[str, Any]) -> bytes:
    return Outline.of(detect(encoded(body)).read(encoded(body)).prompt, COUNT).pack()


BEFORE, NOW = anthropic("15:00:00", "a?"), anthropic("15:02:00", "b?")


def test_with_prompts_it_is_explained_to_the_character() -> None:
    one = record(0, BEFORE, prompt=json.dumps(BEFORE))
    found = explain_kept(record(1, NOW, prompt=json.dumps(NOW), confirmed=True), one)
    assert found.split is not None
    assert "15:02:00" in found.split.render()
    assert (found.lost, found.wasted, found.against) == (5000, 0.03, "r0")
    assert "diverged (confirmed by the provider)" in found.render()
    assert found.remedy.startswith("Move the timestamp")


def test_with_outlines_to_the_block() -> None:
    one = record(0, BEFORE, outline=outlined(BEFORE))
    found = explain_kept(record(1, NOW, outline=outlined(NOW)), one)
    assert found.split is not None
    assert found.split.render().startswith(
        "segment 0 (system), characters 0 to 512: perhaps a timestamp; more differs after it"
    )
    assert found.facts()["divergence"] == {"segment": 0, "volatile": "timestamp"}
    assert found.remedy.startswith("Move the timestamp")


def test_with_neither_there_is_the_reason_and_the_money() -> None:
    expired = record(1, NOW, reason=MissReason.EXPIRED)
    found = explain_kept(expired, record(0, BEFORE, time=expired.time - 400))
    assert found.split is None
    assert found.remedy.startswith("It lives 5 min, and 6.67 min had passed")
    assert "lost    5,000 tokens, $0.03 a call, $30.00 in 1,000 calls" in found.render()
    assert explain_kept(expired).remedy.startswith("It lives 5 min: ask for")


def test_what_cannot_be_read_is_left_out() -> None:
    broken = record(0, BEFORE, outline=b"\xff", prompt="{")
    other = record(1, NOW, outline=outlined(NOW), prompt='{"model": 1}')
    assert explain_kept(other, broken).split is None
    odd = replace(other, provider="a-provider-of-mine", estimated=True)
    found = explain_kept(odd, broken)
    assert found.remedy == "Nothing is known of this provider's cache."
    assert "it is estimated" in found.render()
