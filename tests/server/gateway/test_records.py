"""What a request leaves in the ledger: the provider's own word, what automatic caching would
have cost, and enough to explain a miss without its text."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import anthropic
import httpx
import openai
from typer.testing import CliRunner

from headstart.cli.main import app
from headstart.explain import Outline, explain_kept, part
from headstart.ledger import Ledger, Reader, Which
from headstart.planner import Outcome, Plan, TrafficPlanner, Wake
from headstart.server.emulate import State
from headstart.usage import MissReason
from tests.server.gateway.conftest import Running, Start, upstreams
from tests.server.gateway.raw import RawUpstream, resetting, sending, stream
from tests.server.gateway.test_fidelity import body, post
from tests.waiting import wait_until

WORDS = [f"word{number} of the house rules," for number in range(1500)]
RULES = " ".join(WORDS)
Emulated = tuple[str, State]


def ask(running: Running, system: str, question: str, **more: Any) -> dict[str, Any]:
    asked = {
        "model": "claude-opus-5",
        "max_tokens": 9,
        "system": system,
        "messages": [{"role": "user", "content": question}],
        **more,
    }
    headers = {"x-api-key": "sk-ant-1", "anthropic-version": "2023-06-01"}
    got = httpx.post(f"{running.url}/v1/messages", json=asked, headers=headers)
    assert got.status_code == 200, got.text
    found: dict[str, Any] = got.json()
    return found


def test_anthropics_diagnostics_are_the_truth(start: Start, emulator: Emulated) -> None:
    running = start(upstreams(emulator[0]))
    first = ask(running, RULES, "one", diagnostics={"previous_message_id": None})
    second = ask(running, f"1. {RULES}", "one", diagnostics={"previous_message_id": first["id"]})
    why = second["diagnostics"]["cache_miss_reason"]
    assert why["type"] == "system_changed"
    records = running.records(2)
    assert not records[0].confirmed
    assert (records[1].reason, records[1].confirmed) == (MissReason.DIVERGED, True)
    assert records[1].lost == why["cache_missed_input_tokens"] > 1000
    assert records[1].lost_cost


def test_diagnostics_in_streams(start: Start, emulator: Emulated) -> None:
    running = start(upstreams(emulator[0]))
    claude = anthropic.Anthropic(base_url=running.url, api_key="sk-ant-1", max_retries=0)
    before = None
    for model in ("claude-opus-5", "claude-sonnet-5"):
        with claude.messages.stream(
            model=model,
            max_tokens=9,
            system=RULES,
            messages=[{"role": "user", "content": "x"}],
            extra_body={"diagnostics": {"previous_message_id": before}},
        ) as events:
            before = events.get_final_message().id
    client = openai.OpenAI(base_url=f"{running.url}/v1", api_key="sk-1", max_retries=0)
    asked: dict[str, Any] = {"model": "gpt-5.6", "instructions": RULES, "input": "x"}
    first = client.responses.create(**asked)
    options = {"prompt_cache_options": {"comparison_response_id": first.id}}
    for change in ({}, {"reasoning": {"effort": "low"}}):
        with client.responses.stream(**asked, **change, extra_body=options) as parts:
            parts.until_done()
    records = running.records(5)
    found = [(record.reason, record.confirmed) for record in records]
    assert found[1] == (MissReason.MODEL_CHANGED, True)
    assert found[3:] == [(None, True), (MissReason.SETTINGS_CHANGED, True)]
    assert (records[3].lost, records[4].lost > 1000) == (0, True)


def test_stop_reasons_reach_the_planner(start: Start, raw: RawUpstream) -> None:
    stops: list[str | None] = []

    class Listening(TrafficPlanner):
        def settle(self, plan: Plan, outcome: Outcome) -> Wake | None:
            stops.append(outcome.stop)
            return super().settle(plan, outcome)

    running = start(upstreams(raw.url), planner=Listening())
    usage = b'"usage":{"input_tokens":5,"output_tokens":2}'
    event = b'data: {"type":"message_delta","delta":{"stop_reason":"tool_use"},%s}\n\n' % usage
    raw.answer = sending(stream(event))
    post(running.url, body(stream=True))
    raw.answer = resetting(stream(event, whole=False))
    with contextlib.suppress(httpx.RemoteProtocolError):
        post(running.url, body(stream=True))
    running.records(2)
    assert stops[0] == "tool_use"


def test_what_automatic_caching_would_have_cost(start: Start, emulator: Emulated) -> None:
    """Chats share a system text, which a breakpoint at the end never finds."""
    running = start(upstreams(emulator[0]))
    for number in range(6):
        ask(running, RULES, f"question {number}")
    records = running.records(6)
    # Each is written whole, at 1.25 of the input price, and nothing is read.
    for record in records:
        assert record.cost_automatic is not None
        assert record.cost_uncached is not None
        output = 25e-6 * record.usage.output
        uncached, automatic = record.cost_uncached - output, record.cost_automatic - output
        assert abs(automatic / uncached - 1.25) < 1e-6
    assert sum(r.cost or 0 for r in records) < 0.6 * sum(r.cost_automatic or 0 for r in records)


def test_automatic_caching_where_it_is_what_happens(start: Start, emulator: Emulated) -> None:
    running = start(upstreams(emulator[0]))
    client = openai.OpenAI(base_url=f"{running.url}/deepseek/v1", api_key="sk-1", max_retries=0)
    messages: Any = [{"role": "system", "content": RULES}, {"role": "user", "content": "x"}]
    for model in ("deepseek-chat", "deepseek-chat"):
        client.chat.completions.create(model=model, messages=messages)
    for record in running.records(2):
        assert record.cost_automatic == record.cost


def test_no_automatic_mode_no_figure(start: Start, emulator: Emulated) -> None:
    running = start(upstreams(emulator[0]))
    asked = {"messages": [{"role": "user", "content": [{"text": RULES}]}]}
    url = f"{running.url}/model/anthropic.claude-sonnet-4-5/converse"
    aws = {"authorization": "AWS4-HMAC-SHA256 Credential=AK/20260101/us/bedrock/aws4_request"}
    assert httpx.post(url, json=asked, headers=aws).status_code == 200
    assert running.records(1)[0].cost_automatic is None


def test_a_miss_is_explained_from_hashes_alone(
    start: Start, emulator: Emulated, tmp_path: Path
) -> None:
    file = tmp_path / "ledger.db"
    ledger = Ledger.open(file)
    running = start(upstreams(emulator[0]), sink=ledger.record)
    changed = [*WORDS]
    changed[700] = "another word,"
    for system in (RULES, RULES, " ".join(changed)):
        ask(running, system, "one")
    wait_until(lambda: ledger.written == 3)
    ledger.close()
    assert b"house rules" not in file.read_bytes()
    result = CliRunner().invoke(app, ["report", "--ledger", str(file), "--json"])
    assert json.loads(result.stdout)["total"]["requests"] == 3
    with Reader.open(file) as reader:
        latest, _, first = reader.records(Which(), 3)
    assert latest.against
    assert latest.prompt is None
    result = CliRunner().invoke(app, ["explain", latest.id, "--ledger", str(file)])
    assert result.exit_code == 0, result.output
    parted = part(Outline.unpack(first.outline or b""), Outline.unpack(latest.outline or b""))
    assert parted is not None
    assert parted.block is not None
    at = RULES.index(WORDS[700])
    assert parted.block.start <= at < parted.block.end
    assert f"segment 0 (system), characters {parted.block.start:,} to" in result.stdout
    assert "diverged (inferred)" in result.stdout


def test_bodies_are_kept_only_where_a_route_says_so(start: Start, emulator: Emulated) -> None:
    running = start(upstreams(emulator[0], store_prompts=True))
    silent = start(upstreams(emulator[0]))
    for system in (RULES, RULES.replace("word7 ", "w7 ")):
        ask(running, system, "one")
        ask(silent, system, "one")
    assert [record.prompt for record in silent.records(2)] == [None, None]
    before, record = running.records(2)
    assert RULES in json.loads(before.prompt or "")["system"]
    told = explain_kept(record, before)
    assert told.split is not None
    assert "word7" in told.render()


def test_outlines_of_one_secret_compare(start: Start, emulator: Emulated) -> None:
    one = start(upstreams(emulator[0]), secret=b"s" * 32)
    two = start(upstreams(emulator[0]), secret=b"s" * 32)
    other = start(upstreams(emulator[0]), secret=b"t" * 32)
    for running in (one, two, other):
        ask(running, RULES, "one")
    outlines = [running.records(1)[0].outline for running in (one, two, other)]
    assert outlines[0] == outlines[1] != outlines[2]
