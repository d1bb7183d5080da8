"""boto3, unmodified, and what the two Bedrock dialects read and write."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import anthropic
import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EventStreamError

from headstart.dialects import BedrockConverse, BedrockInvoke, DialectError
from headstart.dialects.bedrock.eventstream import exception
from tests.dialects.hosted_stub import PIECES, USAGE, Stub, serving

CLAUDE = "us.anthropic.claude-opus-5-v1:0"
NOVA = "amazon.nova-pro-v1:0"
TEXT = "".join(PIECES)
TURNS: list[Any] = [
    {"role": "user", "content": [{"text": "Hi"}, {"cachePoint": {"type": "default"}}]}
]
SHOWN = {
    "inputTokens": 7,
    "outputTokens": 5,
    "totalTokens": 2_060,
    "cacheReadInputTokens": 1_800,
    "cacheWriteInputTokens": 248,
    "cacheDetails": [{"ttl": "1h", "inputTokens": 100}, {"ttl": "5m", "inputTokens": 148}],
}


@pytest.fixture
def converse() -> Iterator[Stub]:
    with serving(BedrockConverse()) as stub:
        yield stub


@pytest.fixture
def invoke() -> Iterator[Stub]:
    with serving(BedrockInvoke()) as stub:
        yield stub


@pytest.fixture(scope="module")
def session() -> boto3.Session:
    """One for all tests: loading the service's model takes its time."""
    return boto3.Session(
        aws_access_key_id="fake", aws_secret_access_key="fake", region_name="us-east-1"
    )


def _client(session: boto3.Session, stub: Stub) -> Any:
    config = Config(retries={"max_attempts": 1})
    return session.client("bedrock-runtime", endpoint_url=stub.url, config=config)


def test_converse(session: boto3.Session, converse: Stub) -> None:
    answer = _client(session, converse).converse(
        modelId=CLAUDE,
        messages=TURNS,
        system=[{"text": "Be kind."}, {"cachePoint": {"type": "default", "ttl": "1h"}}],
    )
    assert answer["output"]["message"] == {"role": "assistant", "content": [{"text": TEXT}]}
    assert (answer["stopReason"], answer["usage"]) == ("end_turn", SHOWN)
    prompt = converse.calls[0].prompt
    assert (prompt.model, [s.ttl for s in prompt.segments]) == (CLAUDE, [3600.0, 300.0])


def test_converse_stream(session: boto3.Session, converse: Stub) -> None:
    answer = _client(session, converse).converse_stream(modelId=CLAUDE, messages=TURNS)
    events = list(answer["stream"])
    assert [next(iter(event)) for event in events] == [
        "messageStart",
        *["contentBlockDelta"] * sum(1 for piece in PIECES if piece),
        "contentBlockStop",
        "messageStop",
        "metadata",
    ]
    deltas = [event["contentBlockDelta"] for event in events if "contentBlockDelta" in event]
    assert "".join(delta["delta"]["text"] for delta in deltas) == TEXT
    assert events[-1]["metadata"]["usage"] == SHOWN
    assert converse.calls[0].stream


def test_an_exception_in_mid_stream(session: boto3.Session, converse: Stub) -> None:
    converse.late = exception("throttlingException", "Too many requests")
    answer = _client(session, converse).converse_stream(modelId=CLAUDE, messages=TURNS)
    with pytest.raises(EventStreamError, match="Too many requests"):
        list(answer["stream"])


def test_a_count(session: boto3.Session, converse: Stub) -> None:
    client = _client(session, converse)
    counted = client.count_tokens(modelId=CLAUDE, input={"converse": {"messages": TURNS}})
    assert counted["inputTokens"] == 2_055


@pytest.mark.parametrize(
    ("status", "kind", "name"),
    [
        (400, "invalid_request_error", "ValidationException"),
        (403, "permission_error", "AccessDeniedException"),
        (404, "not_found_error", "ResourceNotFoundException"),
        (429, "rate_limit_error", "ThrottlingException"),
        (500, "api_error", "InternalServerException"),
        (529, "overloaded_error", "ServiceUnavailableException"),
    ],
)
def test_errors_are_the_clients_own(
    session: boto3.Session, converse: Stub, status: int, kind: Any, name: str
) -> None:
    converse.failure = DialectError(status, kind, "what went wrong")
    client = _client(session, converse)
    with pytest.raises(getattr(client.exceptions, name), match="what went wrong"):
        client.converse(modelId=CLAUDE, messages=TURNS)


def test_a_lifetime_that_only_the_server_knows_to_be_wrong(
    session: boto3.Session, converse: Stub
) -> None:
    client = _client(session, converse)
    turn = {"role": "user", "content": [{"text": "a"}, {"cachePoint": _point("2h")}]}
    with pytest.raises(client.exceptions.ValidationException, match=r"\[5m, 1h\]"):
        client.converse(modelId=CLAUDE, messages=[turn])
    unknown = DialectError(403, "authentication_error", "bad token")
    converse.failure = unknown
    with pytest.raises(ClientError) as caught:
        client.converse_stream(modelId=CLAUDE, messages=TURNS)
    assert caught.value.response["Error"]["Code"] == "UnrecognizedClientException"


def _point(ttl: str) -> dict[str, str]:
    return {"type": "default", "ttl": ttl}


def _claude() -> bytes:
    turn = {"role": "user", "content": "Hi"}
    body = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9, "messages": [turn]}
    return json.dumps(body).encode()


def _nova() -> bytes:
    block = {"text": "Hi", "cachePoint": {"type": "default"}}
    return json.dumps({"messages": [{"role": "user", "content": [block]}]}).encode()


@pytest.mark.parametrize(("model", "body"), [(CLAUDE, _claude()), (NOVA, _nova())])
def test_invoke_model(session: boto3.Session, invoke: Stub, model: str, body: bytes) -> None:
    answer = _client(session, invoke).invoke_model(modelId=model, body=body)
    content = answer["body"].read()
    found = invoke.hosted.usage(content)
    assert found is not None
    assert (found.input, found.read, found.written) == (USAGE.input, USAGE.read, USAGE.written)
    shown = json.loads(content)
    blocks = shown["output"]["message"] if model == NOVA else shown
    assert [block["text"] for block in blocks["content"]] == [TEXT]


@pytest.mark.parametrize(("model", "body"), [(CLAUDE, _claude()), (NOVA, _nova())])
def test_invoke_model_streamed(
    session: boto3.Session, invoke: Stub, model: str, body: bytes
) -> None:
    client = _client(session, invoke)
    answer = client.invoke_model_with_response_stream(modelId=model, body=body)
    events = [json.loads(event["chunk"]["bytes"]) for event in answer["body"]]
    if model == NOVA:
        deltas = [event["contentBlockDelta"] for event in events if "contentBlockDelta" in event]
        assert events[-1]["metadata"]["usage"]["cacheReadInputTokenCount"] == 1_800
    else:
        deltas = [event for event in events if event["type"] == "content_block_delta"]
        assert events[0]["message"]["usage"]["cache_read_input_tokens"] == 1_800
    assert "".join(delta["delta"]["text"] for delta in deltas) == TEXT


def test_the_anthropic_client_for_bedrock(invoke: Stub) -> None:
    client = anthropic.AnthropicBedrock(
        base_url=invoke.url, aws_region="us-east-1", aws_access_key="f", aws_secret_key="f",
        max_retries=0,
    )  # fmt: skip
    asked: dict[str, Any] = {"model": CLAUDE, "max_tokens": 9}
    asked["messages"] = [{"role": "user", "content": "Hi"}]
    message = client.messages.create(**asked)
    assert message.content[0].text == TEXT
    assert message.usage.cache_read_input_tokens == 1_800
    with client.messages.stream(**asked) as stream:
        final = stream.get_final_message()
    assert final.content[0].text == TEXT
    assert final.usage.cache_creation.ephemeral_1h_input_tokens == 100
    assert [call.stream for call in invoke.calls] == [False, True]
