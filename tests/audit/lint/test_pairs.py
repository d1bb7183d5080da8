"""Requests against the ones before them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from headstart.audit.lint import Config, Linter
from tests.audit.lint.linting import DAY, body, codes

TURNS = [
    {"role": "user", "content": "Hi"},
    {"role": "assistant", "content": "Yes?"},
    {"role": "user", "content": "Where is my bag?"},
]


def lines(*requests: str) -> str:
    return "\n".join(requests)


def tool(name: str, **schema: Any) -> dict[str, Any]:
    return {"name": name, "input_schema": {"type": "object", **schema}}


def test_a_conversation_that_goes_on_is_clean(tmp_path: Path) -> None:
    two = lines(body(messages=TURNS[:1]), body(messages=TURNS))
    assert codes(tmp_path / "a.jsonl", two) == []


def test_other_conversations_are_clean(tmp_path: Path) -> None:
    other = [{"role": "user", "content": "Cancel it"}]
    two = lines(body(messages=TURNS), body(messages=other, tool_choice={"type": "any"}))
    assert codes(tmp_path / "a.jsonl", two) == []


def test_tools_in_another_order_across_files(tmp_path: Path) -> None:
    (tmp_path / "1.json").write_text(body(tools=[tool("a"), tool("b")]))
    (tmp_path / "2.json").write_text(body(tools=[tool("b"), tool("a")]))
    first, second = Linter(Config(at=DAY)).lint([tmp_path])
    assert not first.findings
    assert [one.code for one in second.findings] == ["HS021"]


def test_keys_in_another_order(tmp_path: Path) -> None:
    one = tool("a", properties={"x": {"type": "string"}, "y": {"type": "string"}})
    other = tool("a", properties={"y": {"type": "string"}, "x": {"type": "string"}})
    two = lines(body(tools=[one]), body(tools=[other]))
    assert codes(tmp_path / "a.jsonl", two) == ["HS023"]


def test_settings(tmp_path: Path) -> None:
    choice = lines(body(messages=TURNS), body(messages=TURNS, tool_choice={"type": "any"}))
    assert codes(tmp_path / "a.jsonl", choice) == ["HS051"]
    thinking = lines(body(messages=TURNS), body(messages=TURNS, thinking={"type": "adaptive"}))
    assert codes(tmp_path / "b.jsonl", thinking) == ["HS052"]


def test_models(tmp_path: Path) -> None:
    two = lines(body(messages=TURNS[:1]), body(messages=TURNS, model="claude-sonnet-5-5"))
    assert codes(tmp_path / "a.jsonl", two) == ["HS053"]


def test_keys_of_the_cache(tmp_path: Path) -> None:
    def turn(count: int, key: str) -> str:
        return json.dumps({"model": "gpt-5.6", "messages": TURNS[:count], "prompt_cache_key": key})

    assert codes(tmp_path / "a.jsonl", lines(turn(1, "one"), turn(3, "two"))) == ["HS054"]
    assert codes(tmp_path / "b.jsonl", lines(turn(1, "one"), turn(3, "one"))) == []
