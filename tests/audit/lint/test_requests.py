"""Requests of every dialect: what changes in them, where, and what it costs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.audit.lint.linting import LONG, block, body, codes, findings, outcome

NOW = "The current time is 2026-11-23T10:00:01Z. "


@pytest.mark.parametrize(
    ("request_body", "where"),
    [
        (json.loads(body(system=NOW)), "system"),
        (json.loads(body(system=[block(NOW)])), "system.0.text"),
        (
            {"model": "gpt-5.6", "messages": [{"role": "developer", "content": NOW}]},
            "messages.0.content",
        ),
        ({"model": "gpt-5.6", "instructions": NOW, "input": "Hi"}, "instructions"),
        (
            {
                "systemInstruction": {"parts": [{"text": NOW}]},
                "contents": [{"role": "user", "parts": [{"text": "Hi"}]}],
            },
            "systemInstruction.parts.0.text",
        ),
        (
            {
                "system": [{"text": NOW}],
                "messages": [{"role": "user", "content": [{"text": "Hi"}]}],
            },
            "system.0.text",
        ),
        (
            {
                "anthropic_version": "bedrock-2023-05-31",
                "max_tokens": 9,
                "system": NOW,
                "messages": [{"role": "user", "content": "Hi"}],
            },
            "system",
        ),
        (
            json.loads(body(tools=[{"name": "t", "description": NOW, "input_schema": {}}])),
            "tools.0.description",
        ),
    ],
)
def test_every_dialect(tmp_path: Path, request_body: dict[str, object], where: str) -> None:
    (found,) = findings(tmp_path / "a.json", json.dumps(request_body))
    assert (found.code, found.where) == ("HS001", where)


def test_the_place_is_the_span_itself(tmp_path: Path) -> None:
    text = body(system='Say "é😀".\n' + NOW).replace("\\ud83d\\ude00", "😀")
    (found,) = findings(tmp_path / "a.json", "\n\n" + text)
    line = text[found.place.column - 1 : found.place.end_column - 1]
    assert (found.place.line, line) == (3, "2026-11-23T10:00:01Z")


def test_what_a_user_says_is_no_finding(tmp_path: Path) -> None:
    said = [{"role": "user", "content": NOW + "uuid 123e4567-e89b-42d3-a456-426614174000"}]
    assert codes(tmp_path / "a.json", body(messages=said)) == []


def test_samples_in_a_schema_are_no_finding(tmp_path: Path) -> None:
    schema = {
        "type": "object",
        "properties": {
            "day": {"type": "string", "examples": ["today is 2026-11-23"]},
            "default": {"type": "string", "description": f"{NOW}"},
        },
    }
    tools = [{"name": "t", "input_schema": schema}]
    (found,) = findings(tmp_path / "a.json", body(tools=tools))
    assert found.where == "tools.0.input_schema.properties.default.description"


def test_money_is_that_of_the_tokens_behind(tmp_path: Path) -> None:
    from headstart.pricing import Pricer
    from headstart.usage import Usage

    text = body(system=[block(NOW + LONG), block(LONG, "1h")])
    found = findings(tmp_path / "a.json", text, model="claude-opus-5-5")
    first = next(one for one in found if one.code == "HS001")
    assert first.tokens is not None
    assert first.usd is not None
    price = Pricer("anthropic", "claude-opus-5-5", None)
    more, less = price.cost(Usage(write_1h=first.tokens)), price.cost(Usage(read=first.tokens))
    assert more is not None
    assert less is not None
    assert first.usd == pytest.approx((more - less) * 1000)
    half = findings(tmp_path / "b.json", body(system=[block(LONG + NOW), block(LONG, "1h")]))
    assert half[0].tokens is not None
    assert half[0].tokens < first.tokens * 0.6


def test_below_the_minimum_nothing_is_lost(tmp_path: Path) -> None:
    (found,) = findings(tmp_path / "a.json", body(system=NOW + "Be kind."))
    assert found.tokens == 0
    assert found.usd is None


def test_a_body_is_reported_once_a_place(tmp_path: Path) -> None:
    lines = "\n".join([body(system=NOW)] * 5)
    (found,) = findings(tmp_path / "a.jsonl", lines)
    assert (found.place.line, found.times) == (1, 5)


def test_a_template_of_a_request(tmp_path: Path) -> None:
    text = (
        '{"model": "claude-opus-5-5", "system": "It is {{ current_time }}.", "messages": {{ m }}}'
    )
    found = outcome(tmp_path / "a.json", text)
    assert found.problems  # messages are no list: what a list would hold can't be told
    listed = text.replace("{{ m }}", '[{"role": "user", "content": {{ q }}}]')
    assert codes(tmp_path / "b.json", listed) == ["HS003"]


def test_hostile_content_is_only_content(tmp_path: Path) -> None:
    deep = '{"a":' * 5000 + "1" + "}" * 5000
    text = f'{{"messages": [{{"role": "user", "content": "x"}}], "metadata": {deep}}}'
    found = outcome(tmp_path / "a.json", text)
    assert "nested" in found.problems[0].message
