"""The providers' own SDKs through the gateway, over real sockets."""

from __future__ import annotations

import anthropic
import boto3
import openai
import pytest
from botocore.config import Config
from google import genai
from google.genai import types

from headstart.server.emulate import State
from headstart.server.gateway import Upstream
from tests.server.gateway.conftest import Start, upstreams

TEXT = "The mill of Kalmar grinds rye. " * 400
Emulated = tuple[str, State]


def test_anthropic_reads_what_the_gateway_marked(start: Start, emulator: Emulated) -> None:
    running = start(upstreams(emulator[0]))
    client = anthropic.Anthropic(base_url=running.url, api_key="sk-ant-1", max_retries=0)
    for question in ("one", "two"):
        answer = client.messages.create(
            model="claude-sonnet-4-6",
            max_tokens=16,
            system=TEXT,
            messages=[{"role": "user", "content": question}],
        )
    assert answer.usage.cache_read_input_tokens
    with client.messages.stream(
        model="claude-sonnet-4-6",
        max_tokens=16,
        system=TEXT,
        messages=[{"role": "user", "content": "three"}],
    ) as stream:
        assert stream.get_final_message().usage.cache_read_input_tokens
    counted = client.messages.count_tokens(
        model="claude-sonnet-4-6", messages=[{"role": "user", "content": "three"}]
    )
    assert counted.input_tokens > 0
    records = running.records(3)
    assert [record.usage.read > 0 for record in records] == [False, True, True]
    assert [record.predicted and record.predicted.input for record in records] == [
        record.usage.input for record in records
    ]
    assert all(record.cost is not None and record.ttft for record in records)
    assert records[-1].stream


def test_openai_chat_and_responses(start: Start, emulator: Emulated) -> None:
    running = start(upstreams(emulator[0]))
    client = openai.OpenAI(base_url=f"{running.url}/v1", api_key="sk-1", max_retries=0)
    messages = [{"role": "system", "content": TEXT}, {"role": "user", "content": "one"}]
    whole = client.chat.completions.create(model="gpt-4.1", messages=messages)  # type: ignore[arg-type]
    assert whole.usage
    chunks = list(
        client.chat.completions.create(  # type: ignore[call-overload]
            model="gpt-4.1", messages=messages, stream=True
        )
    )
    assert all(chunk.usage is None for chunk in chunks)
    answer = client.responses.create(model="gpt-4.1", instructions=TEXT, input="two")
    assert answer.usage
    assert [record.estimated for record in running.records(3)] == [False, True, False]
    assert running.kept[0].usage.input == whole.usage.prompt_tokens


def test_gemini(start: Start, emulator: Emulated) -> None:
    running = start(upstreams(emulator[0]))
    options = types.HttpOptions(base_url=running.url)
    client = genai.Client(api_key="AIza-1", http_options=options)
    model = "gemini-2.5-flash"
    assert client.models.generate_content(model=model, contents=TEXT).text
    assert [
        chunk.text for chunk in client.models.generate_content_stream(model=model, contents="x")
    ]
    assert [record.model for record in running.records(2)] == [model, model]
    assert running.kept[0].usage.input > 1000


def test_bedrock_is_signed_anew(
    start: Start, emulator: Emulated, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = start({"bedrock": _bedrock(emulator[0], monkeypatch)})
    client = boto3.client(
        "bedrock-runtime",
        region_name="eu-west-1",
        endpoint_url=running.url,
        aws_access_key_id="CLIENTKEY",
        aws_secret_access_key="client-secret",
        config=Config(retries={"max_attempts": 1}),
    )
    model = "anthropic.claude-sonnet-4-5-20250929-v1:0"
    asked = {"modelId": model, "messages": [{"role": "user", "content": [{"text": TEXT}]}]}
    assert client.converse(**asked)["usage"]["inputTokens"] >= 0
    events = list(client.converse_stream(**asked)["stream"])
    assert any("metadata" in event for event in events)
    assert [record.model for record in running.records(2)] == [model, model]
    assert not any(record.estimated for record in running.kept)


def _bedrock(url: str, monkeypatch: pytest.MonkeyPatch) -> Upstream:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "GATEWAYKEY")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "gateway-secret")
    return Upstream(base_url=url, provider="bedrock", auth="aws", region="us-east-1")


def test_an_upstream_that_the_path_names(start: Start, emulator: Emulated) -> None:
    named = upstreams(f"{emulator[0]}/deepseek")
    running = start({"openai": upstreams(emulator[0])["openai"], "deepseek": named["deepseek"]})
    client = openai.OpenAI(base_url=f"{running.url}/deepseek", api_key="sk-1", max_retries=0)
    answer = client.chat.completions.create(
        model="deepseek-chat", messages=[{"role": "user", "content": TEXT}]
    )
    assert answer.usage
    assert [record.route for record in running.records(1)] == ["deepseek"]
    assert running.kept[0].provider == "deepseek"
