"""The audit end to end, on small logs of real shape."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import msgspec
import pytest

from headstart.audit.audit import audit_records
from headstart.audit.options import Options
from headstart.audit.record import Broken, Place, Record
from headstart.dialects import AnthropicHosted

TEXT = "\n".join(f"Rule {i}: answer questions about order {i} politely." for i in range(300))
MARK = {"cache_control": {"type": "ephemeral"}}
QUICK = Options(planner=False, compare=())


def conversation(
    turns: int, head: str = "", gap: float = 20.0, volatile: bool = False
) -> Iterator[Record]:
    """A growing conversation, marked at the ends of system text and prompt."""
    for turn in range(turns):
        said = f"Request id: {uuid.UUID(int=turn + 7**30)}\n" if volatile else head
        messages = [
            {
                "role": "user" if i % 2 == 0 else "assistant",
                "content": [{"type": "text", "text": f"message {i} " + "words " * 40}],
            }
            for i in range(2 * turn + 1)
        ]
        messages[-1]["content"][-1] |= MARK  # type: ignore[index, operator]
        body = {
            "model": "claude-sonnet-4-6",
            "max_tokens": 10,
            "system": [{"type": "text", "text": said + TEXT} | MARK],
            "messages": messages,
        }
        prompt = AnthropicHosted().read(msgspec.json.encode(body)).prompt
        yield Record(
            Place("log", turn + 1),
            model="claude-sonnet-4-6",
            provider="anthropic",
            time=1_790_000_000.0 + gap * turn,
            dialect="anthropic",
            prompt=prompt,
        )


def test_a_clean_conversation_is_not_accused() -> None:
    found = audit_records(conversation(8), QUICK)
    assert found.culprits == ()
    assert found.now.total.hits == 7


def test_an_id_at_the_head_of_the_system_text_is_named() -> None:
    found = audit_records(conversation(8, volatile=True), QUICK)
    clean = audit_records(conversation(8), QUICK)
    (culprit,) = found.culprits
    assert (culprit.cause, culprit.section, culprit.where) == ("uuid", "system", "system.0")
    assert culprit.lost == pytest.approx(clean.now.total.read, rel=0.02)
    assert culprit.fixes
    assert culprit.a is not None
    assert culprit.a.offset == len("Request id: ")


def test_pauses_longer_than_the_lifetime_are_named() -> None:
    found = audit_records(conversation(6, gap=900.0), QUICK)
    assert [culprit.cause for culprit in found.culprits] == ["expired"]
    assert "ttl_1h" in {fix.action for fix in found.culprits[0].fixes}


def test_what_never_changed_is_latent_and_costs_nothing() -> None:
    found = audit_records(conversation(4, head="The current time is 2026-05-15 15:00:00.\n"), QUICK)
    assert found.culprits == ()
    assert [one.cause for one in found.latent] == ["timestamp"]


def test_an_empty_log_and_broken_rows_are_told() -> None:
    found = audit_records([Broken(Place("log", 3), "not JSON")], QUICK)
    assert found.sources[0].broken == 1
    assert "there is no request in these logs" in found.notes
