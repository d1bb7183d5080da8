"""boto3, unmodified: Converse, InvokeModel, their streams, and token counts."""

from __future__ import annotations

import json
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from tests.server.emulate.conftest import HOUSE_RULES, Emulated

MODEL = "us.anthropic.claude-opus-5-v1:0"
NOVA = "us.amazon.nova-pro-v1:0"
PROFILE = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/abc123"


@pytest.fixture(scope="module")
def session() -> boto3.Session:
    """One for all tests: loading the service's model takes its time."""
    return boto3.Session(
        aws_access_key_id="fake", aws_secret_access_key="fake", region_name="us-east-1"
    )


def _client(session: boto3.Session, emulated: Emulated) -> Any:
    config = Config(retries={"max_attempts": 1})
    return session.client("bedrock-runtime", endpoint_url=emulated.url, config=config)


def _asked(question: str = "Hi", model: str = MODEL, **point: str) -> dict[str, Any]:
    return {
        "modelId": model,
        "system": [{"text": HOUSE_RULES}, {"cachePoint": {"type": "default", **point}}],
        "messages": [{"role": "user", "content": [{"text": question}]}],
    }


def _body(question: str = "Hi") -> str:
    control = {"type": "ephemeral"}
    return json.dumps(
        {
            "anthropic_version": "bedrock-2023-05-31",
            "max_tokens": 9,
            "system": [{"type": "text", "text": HOUSE_RULES, "cache_control": control}],
            "messages": [{"role": "user", "content": question}],
        }
    )


@pytest.mark.parametrize("model", [MODEL, NOVA, PROFILE])
def test_converse(session: boto3.Session, emulated: Emulated, model: str) -> None:
    client = _client(session, emulated)
    answer = client.converse(**_asked(model=model))
    first = answer["usage"]
    assert first["cacheWriteInputTokens"] > 1_000
    assert first["cacheReadInputTokens"] == 0
    assert answer["ResponseMetadata"]["RequestId"] == "req_1"
    second = client.converse(**_asked("And now?", model=model))["usage"]
    assert second["cacheReadInputTokens"] == first["cacheWriteInputTokens"]
    *_, last = client.converse_stream(**_asked(model=model))["stream"]
    assert last["metadata"]["usage"]["cacheReadInputTokens"] == first["cacheWriteInputTokens"]
    emulated.advance(301)
    third = client.converse(**_asked(model=model))["usage"]
    assert third["cacheWriteInputTokens"] == first["cacheWriteInputTokens"]
    assert {entry["model"] for entry in emulated.requests()} == {model}


def test_invoke_model(session: boto3.Session, emulated: Emulated) -> None:
    client = _client(session, emulated)
    first = json.loads(client.invoke_model(modelId=MODEL, body=_body())["body"].read())["usage"]
    answer = client.invoke_model(modelId=MODEL, body=_body("And now?"))
    second = json.loads(answer["body"].read())["usage"]
    assert second["cache_read_input_tokens"] == first["cache_creation_input_tokens"] > 1_000
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    assert headers["x-amzn-bedrock-input-token-count"] == str(second["input_tokens"])
    assert headers["x-amzn-bedrock-output-token-count"] == str(second["output_tokens"])
    assert headers["x-amzn-bedrock-cache-read-input-token-count"] == str(
        second["cache_read_input_tokens"]
    )
    stream = client.invoke_model_with_response_stream(modelId=MODEL, body=_body())["body"]
    events = [json.loads(event["chunk"]["bytes"]) for event in stream]
    assert events[0]["message"]["usage"]["cache_read_input_tokens"] > 1_000
    assert events[-1]["type"] == "message_stop"


def test_invoke_model_of_nova(session: boto3.Session, emulated: Emulated) -> None:
    body = {
        "schemaVersion": "messages-v1",
        "system": [{"text": HOUSE_RULES, "cachePoint": {"type": "default"}}],
        "messages": [{"role": "user", "content": [{"text": "Hi"}]}],
    }
    client = _client(session, emulated)
    for _ in range(2):
        answer = client.invoke_model(modelId=NOVA, body=json.dumps(body))
    assert json.loads(answer["body"].read())["usage"]["cacheReadInputTokenCount"] > 1_000


def test_count_tokens(session: boto3.Session, emulated: Emulated) -> None:
    client = _client(session, emulated)
    asked = _asked()
    del asked["modelId"]
    counted = client.count_tokens(modelId=MODEL, input={"converse": asked})["inputTokens"]
    assert emulated.requests() == []
    usage = client.converse(**_asked())["usage"]
    assert counted == usage["inputTokens"] + usage["cacheWriteInputTokens"]


def test_what_is_refused(session: boto3.Session, emulated: Emulated) -> None:
    client = _client(session, emulated)
    asked = _asked()
    asked["system"] *= 5
    with pytest.raises(ClientError) as caught:
        client.converse(**asked)
    error = caught.value.response["Error"]
    assert error["Code"] == "ValidationException"
    assert error["Message"]
    with pytest.raises(ClientError) as caught:
        client.apply_guardrail(
            guardrailIdentifier="g", guardrailVersion="1", source="INPUT", content=[]
        )
    assert caught.value.response["Error"]["Code"] == "ResourceNotFoundException"
    assert emulated.requests() == []
