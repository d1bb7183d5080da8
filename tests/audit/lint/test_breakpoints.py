"""Directives: too few, too many, too early, out of order, behind a change."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.audit.lint.linting import LONG, block, body, codes, findings

NOW = "It is now 2026-11-23T10:00:01Z."


def test_a_well_marked_request_is_clean(tmp_path: Path) -> None:
    assert codes(tmp_path / "a.json", body(system=[block(LONG, "1h"), block(LONG, "5m")])) == []
    assert codes(tmp_path / "b.json", body(system=LONG, cache_control={"type": "ephemeral"})) == []


def test_no_directive(tmp_path: Path) -> None:
    (found,) = findings(tmp_path / "a.json", body(system=LONG))
    assert found.code == "HS043"
    assert found.usd is not None
    assert codes(tmp_path / "b.json", body(system="Be kind.")) == []


def test_who_caches_by_itself_needs_none(tmp_path: Path) -> None:
    chat = [{"role": "system", "content": LONG}, {"role": "user", "content": "Hi"}]
    for model in ("gpt-5.6", "deepseek-chat", "grok-4.7"):
        assert codes(tmp_path / "a.json", json.dumps({"model": model, "messages": chat})) == []


def test_behind_a_change(tmp_path: Path) -> None:
    text = body(system=[block(NOW), block(LONG, marked=True)])
    found = {one.code: one for one in findings(tmp_path / "a.json", text)}
    assert set(found) == {"HS001", "HS044"}
    assert found["HS044"].where == "system.1.cache_control"
    assert found["HS044"].usd is not None
    before = body(system=[block(LONG, marked=True), block(NOW)])
    assert codes(tmp_path / "b.json", before) == ["HS001"]


@pytest.mark.parametrize("where", ["system", "messages"])
def test_too_many(tmp_path: Path, where: str) -> None:
    blocks = [block(f"{n} {LONG}", marked=True) for n in range(5)]
    fields = {"messages": [{"role": "user", "content": blocks}]}
    text = body(**({"system": blocks} if where == "system" else fields))
    assert codes(tmp_path / "a.json", text) == ["HS045"]


def test_too_many_cache_points(tmp_path: Path) -> None:
    point = {"cachePoint": {"type": "default"}}
    system = [part for n in range(5) for part in ({"text": f"{n} {LONG}"}, point)]
    data = {"system": system, "messages": [{"role": "user", "content": [{"text": "Hi"}]}]}
    found = codes(tmp_path / "a.json", json.dumps(data), model="claude-opus-4-5")
    assert found == ["HS045"]


def test_lifetimes_out_of_order(tmp_path: Path) -> None:
    (found,) = findings(tmp_path / "a.json", body(system=[block(LONG, "5m"), block(LONG, "1h")]))
    assert (found.code, found.where) == ("HS046", "system.1.cache_control")


def test_below_the_minimum(tmp_path: Path) -> None:
    text = body(system=[block("Be kind.", marked=True), block(LONG, marked=True)])
    (found,) = findings(tmp_path / "a.json", text)
    assert (found.code, found.where) == ("HS047", "system.0.cache_control")
    assert codes(tmp_path / "a.json", text, model="claude-opus-4-5")[:1] == ["HS047"]


def test_a_directive_that_is_refused(tmp_path: Path) -> None:
    wrong = {"type": "text", "text": LONG, "cache_control": {"type": "ephemeral", "ttl": "2h"}}
    found = findings(tmp_path / "a.json", body(system=[wrong]))
    assert found[0].code == "HS049"
    assert "5m" in found[0].message


def test_a_key_of_one_request(tmp_path: Path) -> None:
    data = {"model": "gpt-5.6", "input": "Hi", "prompt_cache_key": "req_7f3a9c21de"}
    assert codes(tmp_path / "a.json", json.dumps(data)) == ["HS054"]
    data["prompt_cache_key"] = "support-bot"
    assert codes(tmp_path / "b.json", json.dumps(data)) == []


def test_a_schema_may_speak_of_directives(tmp_path: Path) -> None:
    schema = {"properties": {"cache_control": {"type": "object"}}}
    tools = [{"name": f"t{n}", "input_schema": schema} for n in range(6)]
    assert codes(tmp_path / "a.json", body(tools=tools)) == []
