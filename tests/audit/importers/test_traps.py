"""Every trap that a format is known to have."""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from headstart.audit.importers import Duplicates, Reading, planned, reconciled
from headstart.dialects import BedrockConverse, Reply
from headstart.usage import Usage
from tests.audit.importers import samples
from tests.audit.importers.reads import read, written
from tests.audit.importers.samples import CLAUDE, CLAUDE_USAGE, iso


def rows_of(make: samples.Make, count: int = 1) -> list[dict[str, Any]]:
    return [json.loads(line) for line in make(count, "text").splitlines()]


def changed(make: samples.Make, **fields: Any) -> dict[str, Any]:
    return {**rows_of(make)[0], **fields}


def test_what_the_samples_hold_is_what_the_sdks_read() -> None:
    from anthropic.types import Message
    from openai.types.chat import ChatCompletion

    message = Message.model_validate(samples.claude_message(0), strict=True)
    assert message.usage.cache_creation is not None
    assert message.usage.cache_creation.ephemeral_1h_input_tokens == 200
    answer = ChatCompletion.model_validate(samples.completion(0), strict=True)
    assert answer.usage is not None
    assert answer.usage.prompt_tokens_details is not None
    assert answer.usage.prompt_tokens_details.cached_tokens == 2000


class TestClaudeCode:
    def test_one_line_a_block_is_one_request_with_its_last_usage(self, tmp_path: Path) -> None:
        rows = rows_of(samples.claude_code, 3)
        assert sum(row["type"] == "assistant" for row in rows) == 6
        records = read(written(tmp_path / "s.jsonl", rows)).records
        assert [record.usage for record in records] == [CLAUDE_USAGE] * 3
        assert [record.latency for record in records] == [5.0] * 3

    def test_a_session_that_was_resumed_repeats_its_rows(self, tmp_path: Path) -> None:
        for name in ("first", "second"):
            written(tmp_path / f"{name}.jsonl", rows_of(samples.claude_code, 3))
        duplicates = Duplicates()
        records = read(tmp_path).records
        assert [duplicates.seen(record) for record in records] == [False] * 3 + [True] * 3

    def test_subagents_are_conversations_of_their_own(self, tmp_path: Path) -> None:
        main = rows_of(samples.claude_code, 1)
        side = [{**row, "isSidechain": True, "agentId": "a1"} for row in main]
        for row in side:
            row["requestId"] = "req_side"
        written(tmp_path / "main.jsonl", main)
        written(tmp_path / "agent-a1.jsonl", side)
        found = {record.kind: record.conversation for record in read(tmp_path).records}
        assert found == {"main": "s", "subagent": "s/a1"}

    def test_what_claude_code_made_up_itself_is_no_request(self, tmp_path: Path) -> None:
        rows = rows_of(samples.claude_code, 1)
        rows[-1]["message"]["model"] = rows[-2]["message"]["model"] = "<synthetic>"
        assert not read(written(tmp_path / "s.jsonl", rows)).records

    def test_that_its_counts_can_be_placeholders_is_told(self, tmp_path: Path) -> None:
        [note] = read(written(tmp_path / "s.jsonl", rows_of(samples.claude_code))).notes
        assert "placeholders" in note

    def test_a_prompt_goes_on_from_its_parent_s_and_a_compaction_cuts_it(
        self, tmp_path: Path
    ) -> None:
        rows = rows_of(samples.claude_code, 3)
        sizes = iter((1000, 2000, 1280))
        for row in rows:
            if row.get("uuid", "").endswith("-0"):
                usage = {**CLAUDE, "cache_read_input_tokens": 640, "input_tokens": 0}
                usage["cache_creation_input_tokens"] = next(sizes) - 640
            if row["type"] == "assistant":
                row["message"]["usage"] = usage
        last = next(n for n, row in enumerate(rows) if row.get("uuid") == "u2")
        boundary = {
            "type": "system",
            "subtype": "compact_boundary",
            "sessionId": "s",
            "uuid": "cut",
            "parentUuid": None,
            "logicalParentUuid": "a1-1",
            "compactMetadata": {"trigger": "auto", "preTokens": 2000},
        }
        rows.insert(last, boundary)
        rows[last + 1]["parentUuid"] = "cut"
        one, two, three = (r.blocks for r in read(written(tmp_path / "s.jsonl", rows)).records)
        assert one is not None
        assert two is not None
        assert three is not None
        whole = 1000 // 64
        assert two.ids[:whole] == one.ids[:whole]
        assert three.ids[:10] == two.ids[:10]
        assert not set(three.ids[10:]) & set(two.ids)

    def test_a_model_that_reports_no_split_writes_for_five_minutes(self, tmp_path: Path) -> None:
        rows = rows_of(samples.claude_code)
        for row in rows:
            if row["type"] == "assistant":
                del row["message"]["usage"]["cache_creation"]
        [record] = read(written(tmp_path / "s.jsonl", rows)).records
        assert record.usage is not None
        assert record.usage.write_5m == 300


class TestCodex:
    def test_cached_is_inside_input_and_repeated_counts_are_one_request(
        self, tmp_path: Path
    ) -> None:
        rows = rows_of(samples.codex, 3)
        counted = [r for r in rows if r["payload"].get("type") == "token_count"]
        assert len(counted) == 6
        records = read(written(tmp_path / "r.jsonl", rows)).records
        assert [record.usage for record in records] == [samples.GPT_USAGE] * 3
        assert [record.latency for record in records] == [4.0] * 3

    def test_totals_are_cumulative(self, tmp_path: Path) -> None:
        """Where the last call's own counts are missing, it is the difference."""
        rows = rows_of(samples.codex, 3)
        for row in rows:
            if row["payload"].get("type") == "token_count":
                del row["payload"]["info"]["last_token_usage"]
        records = read(written(tmp_path / "r.jsonl", rows)).records
        assert [record.usage for record in records] == [samples.GPT_USAGE] * 3

    def test_counts_without_any_are_passed(self, tmp_path: Path) -> None:
        row = {"type": "event_msg", "payload": {"type": "token_count", "info": None}}
        found = read(written(tmp_path / "r.jsonl", [*rows_of(samples.codex), row]))
        assert len(found.records) == 1
        assert not found.broken

    def test_the_model_of_the_turn_counts(self, tmp_path: Path) -> None:
        rows = rows_of(samples.codex, 2)
        turn = {"timestamp": iso(1), "type": "turn_context", "payload": {"model": "gpt-6"}}
        rows.insert(7, turn)
        records = read(written(tmp_path / "r.jsonl", rows)).records
        assert [record.model for record in records] == ["gpt-5.4", "gpt-6"]


class TestLiteLLM:
    def test_its_own_cache_of_responses_is_no_prompt_cache(self, tmp_path: Path) -> None:
        rows = [*rows_of(samples.litellm, 2), changed(samples.litellm, cache_hit="True")]
        rows.append(changed(samples.litellm_payload, cache_hit=True))
        found = read(written(tmp_path / "l.jsonl", rows))
        assert len(found.records) == 2
        assert found.notes == ["2 answers out of LiteLLM's own cache left out"]

    def test_bodies_may_be_empty(self, tmp_path: Path) -> None:
        row = changed(samples.litellm, proxy_server_request={}, messages={}, response={})
        [record] = read(written(tmp_path / "l.jsonl", [row])).records
        assert record.prompt is None
        assert record.usage == Usage(12, 2000, write_5m=300, output=40)

    def test_input_of_which_nothing_is_said_is_fresh_and_told(self, tmp_path: Path) -> None:
        row = changed(samples.litellm, metadata={}, response={})
        found = read(written(tmp_path / "l.jsonl", [row]))
        assert found.records[0].usage == Usage(2312, output=40)
        assert found.notes == ["1 rows say nothing of the cache: all their input is fresh"]

    def test_other_calls_are_left_out(self, tmp_path: Path) -> None:
        row = changed(samples.litellm, call_type="aembedding")
        found = read(written(tmp_path / "l.jsonl", [row]))
        assert not found.records
        assert not found.broken

    def test_directives_on_openai_parts_for_anthropic_are_kept(self, tmp_path: Path) -> None:
        part = {"type": "text", "text": "long", "cache_control": {"type": "ephemeral"}}
        said = [{"role": "system", "content": [part]}, {"role": "user", "content": "hi"}]
        rows = [
            changed(samples.litellm_payload, messages=said),
            changed(samples.litellm, proxy_server_request={"messages": said}),
        ]
        for record in read(written(tmp_path / "l.jsonl", rows)).records:
            assert record.prompt is not None
            assert record.prompt.segments[0].ttl == 300.0
            assert record.provider == "anthropic"


class TestBedrock:
    def test_invoke_model_has_the_model_s_own_bodies(self, tmp_path: Path) -> None:
        body = samples.claude_body(0, "text")
        del body["model"]
        given = {"inputBodyJson": {"anthropic_version": "bedrock-2023-05-31", **body}}
        row = changed(
            samples.bedrock,
            operation="InvokeModel",
            modelId="anthropic.claude-sonnet-4-5-20250929-v1:0",
            input=given,
            output={"outputBodyJson": samples.claude_message(0)},
        )
        [record] = read(written(tmp_path / "b.jsonl", [row])).records
        assert record.usage == CLAUDE_USAGE
        assert record.dialect == "bedrock-invoke"
        assert record.model == "anthropic.claude-sonnet-4-5-20250929-v1:0"
        assert record.prompt is not None
        assert record.prompt.segments[0].ttl == 3600.0

    def test_a_stream_of_invoke_model_is_a_list_of_events(self, tmp_path: Path) -> None:
        lines = samples.stream(0).splitlines()
        events = [json.loads(line[6:]) for line in lines if line.startswith("data: ")]
        row = changed(
            samples.bedrock,
            operation="InvokeModelWithResponseStream",
            output={"outputBodyJson": events},
        )
        [record] = read(written(tmp_path / "b.jsonl", [row])).records
        assert record.usage == CLAUDE_USAGE
        assert record.stream is True

    def test_large_bodies_lie_in_s3(self, tmp_path: Path) -> None:
        given = {
            "inputBodyS3Path": "s3://bucket/key",
            "inputTokenCount": 12,
            "cacheReadInputTokenCount": 2000,
            "cacheWriteInputTokenCount": 300,
        }
        row = changed(samples.bedrock, input=given, output={"outputTokenCount": 40})
        found = read(written(tmp_path / "b.jsonl", [row]))
        assert found.records[0].usage == Usage(12, 2000, write_5m=300, output=40)
        assert found.records[0].prompt is None
        assert found.notes == ["1 prompts lie in S3 and not in the log: usage alone"]

    @pytest.mark.parametrize("name", ["message", "@message"])
    def test_cloudwatch_wraps_it(self, name: str, tmp_path: Path) -> None:
        inner = rows_of(samples.bedrock)[0]
        rows = [
            {"timestamp": 1, name: json.dumps(inner)},
            {"timestamp": 1, name: {**inner, "requestId": "another"}},
        ]
        found = read(written(tmp_path / "b.jsonl", rows))
        assert found.formats == ["bedrock"]
        assert [record.usage for record in found.records] == [CLAUDE_USAGE] * 2


class TestBatches:
    def test_requests_and_results_are_joined_whatever_their_order(self, tmp_path: Path) -> None:
        (tmp_path / "a_in.jsonl").write_bytes(samples.batch(5, "text"))
        (tmp_path / "b_out.jsonl").write_bytes(samples.batch_results(4, "text"))
        found = read(tmp_path)
        assert len(found.records) == 5
        for n, record in enumerate(found.records[:4]):
            assert record.prompt is not None
            assert record.prompt.segments[-1].text == f"Question {n}?"
            assert record.usage == samples.GPT_USAGE
            assert record.id == f"chatcmpl-{n:024}"
            assert record.kind == "batch"
        assert found.records[4].usage is None
        assert found.notes == ["1 requests of batches without a result"]

    def test_results_whose_request_is_missing_count(self, tmp_path: Path) -> None:
        (tmp_path / "in.jsonl").write_bytes(samples.batch(2, "text"))
        (tmp_path / "out.jsonl").write_bytes(samples.batch_results(3, "text"))
        found = read(tmp_path)
        assert [record.usage for record in found.records] == [samples.GPT_USAGE] * 3
        assert found.records[2].prompt is None
        assert found.records[2].place.path.endswith("out.jsonl")

    def test_progress_counts_both_files(self, tmp_path: Path) -> None:
        (tmp_path / "in.jsonl").write_bytes(samples.batch(2, "text"))
        (tmp_path / "out.jsonl").write_bytes(samples.batch_results(2, "text"))
        [work] = planned([tmp_path])
        done: list[int] = []
        list(Reading(work, done.append))
        assert sum(done) == work.size

    def test_a_custom_id_in_two_batches_is_told(self, tmp_path: Path) -> None:
        for name in ("1", "2"):
            (tmp_path / f"in{name}.jsonl").write_bytes(samples.batch(2, "text"))
            (tmp_path / f"out{name}.jsonl").write_bytes(samples.batch_results(2, "text"))
        found = read(tmp_path)
        assert [record.usage for record in found.records] == [samples.GPT_USAGE] * 4
        assert "in the order of the files" in found.notes[0]

    def test_a_request_that_failed(self, tmp_path: Path) -> None:
        (tmp_path / "in.jsonl").write_bytes(samples.batch(1, "text"))
        row = {"id": "x", "custom_id": "request-0", "response": None, "error": {"code": "expired"}}
        written(tmp_path / "out.jsonl", [row])
        [record] = read(tmp_path).records
        assert record.status == 400

    def test_anthropic_s(self, tmp_path: Path) -> None:
        asked = {"custom_id": "a", "params": samples.claude_body(0, "text")}
        done = {"type": "succeeded", "message": samples.claude_message(0)}
        written(tmp_path / "in.jsonl", [asked])
        written(tmp_path / "out.jsonl", [{"custom_id": "a", "result": done}])
        [record] = read(tmp_path).records
        assert record.usage == CLAUDE_USAGE
        assert record.dialect == "anthropic"
        assert record.time is None


class TestOtel:
    def span(self, **values: Any) -> dict[str, Any]:
        given = {
            "gen_ai.operation.name": "chat",
            "gen_ai.request.model": "claude-sonnet-4-5",
            **{key.replace("__", "."): value for key, value in values.items()},
        }
        return {"name": "x", "spanId": "1", "attributes": given, "startTimeUnixNano": "1"}

    @pytest.mark.parametrize(
        ("read_name", "write_name"),
        [
            ("cache_read.input_tokens", "cache_creation.input_tokens"),
            ("cache_read_input_tokens", "cache_creation_input_tokens"),
            ("input_cached_tokens", "cache_write_input_tokens"),
            ("cache_read.input_tokens", "cache_write.input_tokens"),
        ],
    )
    def test_input_includes_what_was_cached_under_each_name(
        self, read_name: str, write_name: str, tmp_path: Path
    ) -> None:
        span = self.span(gen_ai__usage__input_tokens=2312, gen_ai__usage__output_tokens=40)
        span["attributes"][f"gen_ai.usage.{read_name}"] = 2000
        span["attributes"][f"gen_ai.usage.{write_name}"] = 300
        [record] = read(written(tmp_path / "o.jsonl", [span])).records
        assert record.usage == Usage(12, 2000, write_other=300, output=40)

    def test_parts_that_are_more_than_the_whole_stand_beside_it(self, tmp_path: Path) -> None:
        span = self.span(
            gen_ai__usage__input_tokens=12,
            gen_ai__usage__cache_read_input_tokens=2000,
            gen_ai__usage__output_tokens=40,
        )
        found = read(written(tmp_path / "o.jsonl", [span]))
        assert found.records[0].usage == Usage(12, 2000, output=40)
        assert "beside their input" in found.notes[0]

    @pytest.mark.parametrize("operation", ["invoke_agent", "execute_tool", "embeddings"])
    def test_spans_around_a_call_repeat_its_counts(self, operation: str, tmp_path: Path) -> None:
        outer = self.span(gen_ai__usage__input_tokens=9)
        outer["attributes"]["gen_ai.operation.name"] = operation
        rows = [outer, self.span(gen_ai__usage__input_tokens=9)]
        found = read(written(tmp_path / "o.jsonl", rows))
        assert len(found.records) == 1
        assert found.notes == ["1 spans that are no call of a model left out"]

    def test_tools_calls_and_results_are_in_the_prompt(self, tmp_path: Path) -> None:
        call = {"type": "tool_call", "id": "c", "name": "f", "arguments": {"a": 1}}
        result = {"type": "tool_call_response", "id": "c", "response": "fine"}
        span = self.span(
            gen_ai__input__messages=[
                {"role": "user", "parts": [{"type": "text", "content": "hi"}]},
                {"role": "assistant", "parts": [call]},
                {"role": "tool", "parts": [result]},
            ],
            gen_ai__tool__definitions=[{"type": "function", "name": "f", "parameters": {}}],
            gen_ai__system_instructions=[{"type": "text", "content": "be nice"}],
        )
        [record] = read(written(tmp_path / "o.jsonl", [span])).records
        assert record.prompt is not None
        kinds = [(s.role, s.type) for s in record.prompt.segments]
        assert kinds == [
            ("tools", "tool"),
            ("system", "text"),
            ("user", "text"),
            ("assistant", "tool_use"),
            ("tool", "tool_result"),
        ]

    def test_older_forms_of_a_prompt(self, tmp_path: Path) -> None:
        numbered = self.span()
        numbered["attributes"] |= {
            "gen_ai.prompt.1.role": "user",
            "gen_ai.prompt.1.content": "hi",
            "gen_ai.prompt.0.role": "system",
            "gen_ai.prompt.0.content": "be nice",
        }
        told = self.span()
        told["events"] = [
            {"name": "gen_ai.system.message", "attributes": {"content": "be nice"}},
            {
                "name": "gen_ai.user.message",
                "attributes": [{"key": "content", "value": {"stringValue": "hi"}}],
            },
        ]
        for record in read(written(tmp_path / "o.jsonl", [numbered, told])).records:
            assert record.prompt is not None
            assert [s.text for s in record.prompt.segments] == ["be nice", "hi"]


class TestLangfuse:
    def test_older_data_counts_cached_tokens_twice(self, tmp_path: Path) -> None:
        details = {"input": 2312, "input_cached_tokens": 2300, "output": 40, "total": 2352}
        path = tmp_path / "l.json"
        row = {**json.loads(samples.langfuse(1, "text"))[0], "usageDetails": details}
        path.write_text(json.dumps([row]))
        found = read(path)
        assert found.records[0].usage == Usage(12, 2300, output=40)
        assert found.notes == ["1 generations count cached tokens twice: mended"]

    def test_spans_are_left_out(self, tmp_path: Path) -> None:
        row = {**json.loads(samples.langfuse(1, "text"))[0], "type": "SPAN"}
        found = read(written(tmp_path / "l.jsonl", [row]))
        assert not found.records
        assert found.notes == ["1 observations that are no generation left out"]


class TestHelicone:
    def test_its_own_cache_of_responses_is_no_prompt_cache(self, tmp_path: Path) -> None:
        row = changed(samples.helicone, cache_reference_id="11111111-0000-0000-0000-000000000000")
        found = read(written(tmp_path / "h.jsonl", [row]))
        assert not found.records
        assert found.notes == ["1 answers out of Helicone's own cache left out"]

    @pytest.mark.parametrize(("provider", "total"), [("ANTHROPIC", 12), ("OPENAI", 2312)])
    def test_without_bodies_counts_are_as_the_provider_counts(
        self, provider: str, total: int, tmp_path: Path
    ) -> None:
        row = changed(
            samples.helicone,
            request_body={},
            response_body=None,
            provider=provider,
            prompt_tokens=total,
        )
        [record] = read(written(tmp_path / "h.jsonl", [row])).records
        assert record.usage == Usage(12, 2000, write_other=300, output=40)


class TestHar:
    def entry(self) -> dict[str, Any]:
        document = json.loads(samples.har(1, "text"))
        entry: dict[str, Any] = document["log"]["entries"][0]
        return entry

    def read(self, path: Path, *entries: dict[str, Any]) -> Any:
        path.write_text(json.dumps({"log": {"entries": entries}}, indent=1))
        return read(path)

    def test_streams_are_put_together_also_from_base64(self, tmp_path: Path) -> None:
        entry = self.entry()
        text = entry["response"]["content"]["text"]
        entry["response"]["content"] = {
            "text": b64encode(text.encode()).decode(),
            "encoding": "base64",
        }
        found = self.read(tmp_path / "x.har", entry)
        assert found.records[0].usage == CLAUDE_USAGE

    def test_binary_streams_of_bedrock(self, tmp_path: Path) -> None:
        hosted = BedrockConverse()
        body = {"messages": [{"role": "user", "content": [{"text": "hi"}]}]}
        call = hosted.read(json.dumps(body).encode(), model="m")
        reply = Reply("An answer.", "stop", CLAUDE_USAGE, "m", "r", 1)
        data = b"".join(hosted.render_stream(reply, ["An answer."], call))
        entry = self.entry()
        entry["request"]["url"] = (
            "https://bedrock-runtime.us-east-1.amazonaws.com/model/m/converse-stream"
        )
        entry["request"]["postData"]["text"] = json.dumps(body)
        entry["response"]["content"] = {
            "mimeType": hosted.stream_type,
            "text": b64encode(data).decode(),
            "encoding": "base64",
        }
        [record] = self.read(tmp_path / "x.har", entry).records
        assert record.usage == CLAUDE_USAGE
        assert (record.provider, record.model, record.stream) == ("bedrock", "m", True)

    def test_other_traffic_is_left_out(self, tmp_path: Path) -> None:
        page = {
            "startedDateTime": iso(0),
            "request": {"method": "GET", "url": "https://example.com/", "headers": []},
            "response": {"status": 200, "content": {"text": "<html>"}},
        }
        found = self.read(tmp_path / "x.har", page, self.entry(), page)
        assert len(found.records) == 1
        assert found.records[0].place.line == 2
        assert found.notes == ["2 entries that call no model left out"]


class TestAnthropicReport:
    def test_it_is_for_comparison_only(self, tmp_path: Path) -> None:
        result = {
            "uncached_input_tokens": 60,
            "cache_read_input_tokens": 10_000,
            "cache_creation": {
                "ephemeral_5m_input_tokens": 500,
                "ephemeral_1h_input_tokens": 1000,
            },
            "output_tokens": 300,
            "model": "claude-sonnet-4-5",
            "api_key_id": samples.SECRET,
        }
        bucket = {"starting_at": iso(0), "ending_at": iso(360), "results": [result]}
        report = tmp_path / "report.json"
        report.write_text(json.dumps({"data": [bucket], "has_more": False}, indent=1))
        [work] = planned([report])
        reading = Reading(work)
        assert not list(reading)
        assert reading.format == "anthropic-usage-report"
        assert reading.notes == ("a usage report: sums without requests, for comparison only",)
        log = tmp_path / "log.jsonl"
        log.write_bytes(samples.raw_anthropic(5, "text"))
        [compared] = reconciled(reading.sums, read(log).records)
        assert compared.model == "claude-sonnet-4-5"
        assert compared.recorded == Usage(60, 10_000, 500, 1000, output=200)
        assert compared.reported == Usage(60, 10_000, 500, 1000, output=300)
