"""Raw rows in every dialect, with bodies and responses as dialects and SDKs write them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from headstart.dialects import Call, Hosted, Reply
from headstart.explain import dialect_named
from headstart.usage import Usage
from tests.audit.importers.reads import read, written
from tests.audit.importers.samples import claude_body, claude_message, completion
from tests.explain.bodies import CASES, Make

USAGE = Usage(fresh=12, read=2000, write_5m=300, output=40)
each = pytest.mark.parametrize(("name", "make", "model", "providers"), CASES)


def reply_of(hosted: Hosted, model: str) -> Reply:
    return Reply("An answer.", "stop", USAGE, model, "answer-1", 1_764_000_000)


@each
@pytest.mark.parametrize("form", ["object", "text"])
def test_usage_is_in_the_response_s_own_convention(
    name: str, make: Make, model: str | None, providers: tuple[str, ...], form: str, tmp_path: Path
) -> None:
    hosted, body = dialect_named(name), make("15:00:00", "May I return it?")
    data = hosted.render(reply_of(hosted, model or body["model"]))
    response = json.loads(data) if form == "object" else data.decode()
    request = body if form == "object" else json.dumps(body)
    row = {"ts": 1_764_000_000, "model": model, "request": request, "response": response}
    [record] = read(written(tmp_path / "log.jsonl", [row])).records
    expected = hosted.usage(data)
    assert expected is not None
    assert expected.read == 2000 or name == "openai-chat"
    assert record.usage == expected
    assert record.output == 40
    assert record.dialect == name
    assert record.provider == providers[0]
    assert record.prompt is not None
    assert record.prompt.segments[-1].text == "May I return it?"
    assert record.model == (model or body["model"])


@each
def test_event_streams_logged_as_text(
    name: str, make: Make, model: str | None, providers: tuple[str, ...], tmp_path: Path
) -> None:
    hosted, body = dialect_named(name), make("15:00:00", "May I return it?")
    if hosted.stream_type.startswith("application/vnd"):
        pytest.skip("a binary stream, which no log has as text")
    call: Call = hosted.read(json.dumps(body).encode(), model=model)
    frames = hosted.render_stream(
        reply_of(hosted, call.prompt.model), ["An ", "answer."], _asking(call)
    )
    text = b"".join(frames).decode()
    events = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]
    rows = [
        {"model": model, "request": body, "response": text},
        {"model": model, "request": body, "response": {"status": 200, "body": text}},
        {"model": model, "request": body, "response": events},
    ]
    reader = hosted.usage_reader()
    reader.feed(text.encode())
    records = read(written(tmp_path / "log.jsonl", rows)).records
    assert [record.usage for record in records] == [reader.usage] * 3
    assert reader.usage is not None


def _asking(call: Call) -> Call:
    return Call(call.prompt, call.operation, True, call.max_tokens, True, call.body)


@pytest.mark.parametrize(
    ("url", "provider", "dialect", "model"),
    [
        ("https://api.anthropic.com/v1/messages", "anthropic", "anthropic", "claude-sonnet-4-5"),
        ("/v1/messages", "anthropic", "anthropic", "claude-sonnet-4-5"),
        (
            "https://us-east5-aiplatform.googleapis.com/v1/projects/p/locations/l/publishers/"
            "anthropic/models/claude-x:streamRawPredict",
            "vertex",
            "anthropic",
            "claude-x",
        ),
    ],
)
def test_a_url_says_whose_it_is(
    url: str, provider: str, dialect: str, model: str, tmp_path: Path
) -> None:
    row = {"request": {"url": url, "body": claude_body(0, "text")}}
    [record] = read(written(tmp_path / "log.jsonl", [row])).records
    assert (record.provider, record.dialect, record.model) == (provider, dialect, model)


def test_chat_completions_are_read_as_their_provider_reads_them(tmp_path: Path) -> None:
    usage = {
        "prompt_tokens": 100,
        "prompt_cache_hit_tokens": 64,
        "prompt_cache_miss_tokens": 36,
        "completion_tokens": 5,
    }
    body = {"model": "my-own-name", "messages": [{"role": "user", "content": "hi"}]}
    rows = [
        {"provider": "deepseek", "request": body, "response": {"usage": usage}},
        {
            "request": {"url": "https://api.deepseek.com/chat/completions", "body": body},
            "response": {"usage": usage},
        },
    ]
    for record in read(written(tmp_path / "log.jsonl", rows)).records:
        assert record.usage == Usage(36, 64, output=5)
        assert (record.provider, record.dialect) == ("deepseek", "deepseek")


def test_the_response_s_convention_counts_and_not_the_request_s(tmp_path: Path) -> None:
    """A gateway may answer a request in another provider's terms."""
    row = {"request": claude_body(0, "text"), "response": completion(0)}
    [record] = read(written(tmp_path / "log.jsonl", [row])).records
    assert record.usage == Usage(12, 2000, write_30m=300, output=40)


def test_a_provider_s_own_word_on_a_miss_is_kept(tmp_path: Path) -> None:
    said = {"cache_miss_reason": {"type": "tools_changed", "cache_missed_input_tokens": 9}}
    row = {
        "request": claude_body(0, "text"),
        "response": {**claude_message(0), "diagnostics": said},
    }
    [record] = read(written(tmp_path / "log.jsonl", [row])).records
    assert record.confirmed == "tools_changed"


def test_directives_stay_on_their_blocks(tmp_path: Path) -> None:
    [record] = read(written(tmp_path / "log.jsonl", [claude_body(0, "text")])).records
    assert record.prompt is not None
    assert [segment.ttl for segment in record.prompt.segments] == [3600.0, None]


def test_what_generates_nothing_is_left_out_and_told(tmp_path: Path) -> None:
    body = {"model": "text-embedding-3-small", "input": "hello"}
    rows = [
        {"request": {"url": "https://api.openai.com/v1/embeddings", "body": body}},
        {"request": {"url": "/v1/messages/count_tokens", "body": claude_body(0, "text")}},
        {"request": claude_body(0, "text")},
    ]
    found = read(written(tmp_path / "log.jsonl", rows))
    assert len(found.records) == 1
    assert not found.broken
    assert found.notes == ["2 calls without a prompt (embeddings, counts) left out"]


def test_a_request_that_failed_is_one_all_the_same(tmp_path: Path) -> None:
    rows = [
        {"request": {"body": {"messages": "nonsense"}}, "response": {"status": 400, "body": {}}},
        {"request": claude_body(0, "text"), "response": {"status_code": 529, "body": "<html>"}},
    ]
    found = read(written(tmp_path / "log.jsonl", rows))
    assert [record.status for record in found.records] == [400, 529]


def test_usage_without_a_readable_prompt_counts(tmp_path: Path) -> None:
    row = {"request": {"messages": 7, "model": "m"}, "response": claude_message(0)}
    found = read(written(tmp_path / "log.jsonl", [{**row, "provider": "aws.bedrock"}]))
    assert [record.provider for record in found.records] == ["bedrock"]
    assert [record.usage.read for record in found.records if record.usage] == [2000]
    assert found.notes == ["1 requests whose prompt can't be read: usage alone"]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"request": {"model": "m", "messages": []}}, "not a request that openai-chat takes"),
        ({"request": {"model": "m", "prompt": "x"}}, "its request is in no dialect that is known"),
        ({"request": 7}, "its request is no JSON object"),
        ({"request": None, "response": {}}, "neither a request nor a response with usage"),
        ({"hello": "world"}, "of no known kind"),
        ([1, 2], "not a JSON object"),
    ],
)
def test_what_is_broken_says_why_and_where(row: Any, why: str, tmp_path: Path) -> None:
    found = read(written(tmp_path / "log.jsonl", [claude_body(0, "text"), row]))
    assert len(found.records) == 1
    [broken] = found.broken
    assert broken.place.line == 2
    assert broken.why.startswith(why)


def test_ids_are_the_provider_s_or_else_the_log_s(tmp_path: Path) -> None:
    body = {"request": claude_body(0, "text")}
    rows = [
        {**body, "id": "row-of-the-log", "response": claude_message(7)},
        {**body, "id": "row-of-the-log"},
        {**body, "id": 3},
        body,
    ]
    path = written(tmp_path / "log.jsonl", rows)
    ids = [record.id for record in read(path).records]
    # A short id counts rows of this file: in another one it is another request's.
    assert ids == [f"msg_{7:024}", "row-of-the-log", f"{path}#3", None]


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (1_764_000_000, 1_764_000_000.0),
        (1_764_000_000.25, 1_764_000_000.25),
        ("1764000000", 1_764_000_000.0),
        (1_764_000_000_250, 1_764_000_000.25),
        (1_764_000_000_250_000, 1_764_000_000.25),
        (1_764_000_000_250_000_000, 1_764_000_000.25),
        ("2025-11-24T16:00:00Z", 1_764_000_000.0),
        ("2025-11-24T16:00:00", 1_764_000_000.0),
        ("2025-11-24 17:00:00.123456789+01:00", 1_764_000_000.123456),
        ("yesterday", None),
        ("9999999-01-01", None),
        (-5, None),
        (True, None),
        (None, None),
        ("", None),
        (10**400, None),
        ("1e999", None),
    ],
)
def test_times_of_every_kind(value: Any, seconds: float | None, tmp_path: Path) -> None:
    row = {"timestamp": value, "request": claude_body(0, "text")}
    [record] = read(written(tmp_path / "log.jsonl", [row])).records
    assert record.time == (None if seconds is None else pytest.approx(seconds, abs=1e-6))


def test_rows_of_several_kinds_in_one_file(tmp_path: Path) -> None:
    from tests.audit.importers.samples import bedrock, chat, helicone, litellm, raw_openai

    path = tmp_path / "mixed.jsonl"
    made = [make(2, "text") for make in (raw_openai, chat, litellm, bedrock, helicone)]
    path.write_bytes(b"".join(made) + b"\xff\xfe not json\n")
    found = read(path)
    assert len(found.records) == 10
    assert [broken.place.line for broken in found.broken] == [11]
    assert sorted(found.formats[0].split("+")) == [
        *("bedrock", "chat", "helicone", "litellm", "raw"),
    ]


def test_hostile_strings_are_kept_as_they_are_and_names_are_not(tmp_path: Path) -> None:
    text = "<script>alert(1)</script>\x1b[2J\u202e"
    body = {**claude_body(0, text), "model": f"claude\x1b[2J\n{'x' * 10_000}"}
    [record] = read(written(tmp_path / "log.jsonl", [{"request": body}])).records
    assert record.prompt is not None
    assert record.prompt.segments[0].text == text
    assert "\x1b" not in record.model
    assert "\n" not in record.model
    assert len(record.model) < 1000


def test_a_large_row(tmp_path: Path) -> None:
    """10 MB here; ``benchmarks.importers`` reads one of 100 MB."""
    row = {"request": claude_body(0, "x" * 10_000_000), "response": claude_message(0)}
    [record] = read(written(tmp_path / "log.jsonl", [row])).records
    assert record.prompt is not None
    assert len(record.prompt.segments[0].text) == 10_000_000
