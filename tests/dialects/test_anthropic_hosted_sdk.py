"""The real client and what the hosted dialect reads and writes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import anthropic
import pytest

from headstart.dialects import AnthropicHosted, DialectError
from tests.dialects.hosted_stub import PIECES, USAGE, Stub, serving

USER = {"role": "user", "content": "Hi"}
TEXT = "".join(PIECES)


@pytest.fixture
def stub() -> Iterator[Stub]:
    with serving(AnthropicHosted()) as stub:
        yield stub


@pytest.fixture
def client(stub: Stub) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=stub.url, api_key="sk-ant-fake", max_retries=0) as client:
        yield client


def _check(message: anthropic.types.Message) -> None:
    assert (message.id, message.model, message.stop_reason) == ("msg_1", "m", "end_turn")
    assert [block.text for block in message.content] == [TEXT]
    usage = message.usage
    assert (usage.input_tokens, usage.cache_read_input_tokens) == (7, 1_800)
    assert usage.cache_creation_input_tokens == 248
    assert usage.cache_creation.ephemeral_5m_input_tokens == 148
    assert usage.cache_creation.ephemeral_1h_input_tokens == 100
    assert usage.output_tokens == 5


def test_a_message_with_every_kind_of_marker(stub: Stub, client: anthropic.Anthropic) -> None:
    hour = {"type": "ephemeral", "ttl": "1h"}
    message = client.messages.create(
        model="m",
        max_tokens=9,
        tools=[{"name": "t", "input_schema": {"type": "object"}, "cache_control": hour}],
        system=[{"type": "text", "text": "Be kind.", "cache_control": hour}],
        messages=[USER],
        cache_control={"type": "ephemeral"},
    )
    _check(message)
    prompt = stub.calls[0].prompt
    assert [segment.ttl for segment in prompt.segments] == [3600.0, 3600.0, 300.0]
    assert prompt.controls.automatic


def test_a_stream_accumulates_to_the_same_message(stub: Stub, client: anthropic.Anthropic) -> None:
    stub.reply = replace(stub.reply, extra={"diagnostics": None})
    with client.messages.stream(model="m", max_tokens=9, messages=[USER]) as stream:
        assert "".join(stream.text_stream) == TEXT
        message = stream.get_final_message()
    _check(message)
    assert message.diagnostics is None
    assert stub.calls[0].stream
    reader = stub.hosted.usage_reader()
    for frame in stub.sent:
        reader.feed(frame)
    assert reader.usage == USAGE


def test_diagnostics_are_the_clients_own(stub: Stub, client: anthropic.Anthropic) -> None:
    reason = {"type": "tools_changed", "cache_missed_input_tokens": 12}
    stub.reply = replace(stub.reply, extra={"diagnostics": {"cache_miss_reason": reason}})
    message = client.messages.create(
        model="m", max_tokens=9, messages=[USER], diagnostics={"previous_message_id": "msg_0"}
    )
    assert message.diagnostics.cache_miss_reason.type == "tools_changed"
    assert message.diagnostics.cache_miss_reason.cache_missed_input_tokens == 12


def test_counting(stub: Stub, client: anthropic.Anthropic) -> None:
    assert client.messages.count_tokens(model="m", messages=[USER]).input_tokens == 2_055
    assert stub.calls[0].operation == "count"


def test_this_client_speaks_the_version_without_sampling(client: anthropic.Anthropic) -> None:
    with pytest.raises(anthropic.BadRequestError) as caught:
        client.messages.create(
            model="m", max_tokens=9, messages=[USER], extra_body={"temperature": 1.0}
        )
    assert caught.value.api_message == "temperature: Extra inputs are not permitted"
    assert caught.value.type == "invalid_request_error"
    assert caught.value.request_id == "req_test"


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("status", "kind", "error"),
    [
        (429, "rate_limit_error", anthropic.RateLimitError),
        (529, "overloaded_error", anthropic.APIStatusError),
    ],
)
def test_errors(
    stub: Stub,
    client: anthropic.Anthropic,
    status: int,
    kind: str,
    error: type[anthropic.APIStatusError],
    streamed: bool,
) -> None:
    stub.failure = DialectError(status, kind, "what went wrong")
    with pytest.raises(error) as caught:
        client.messages.create(model="m", max_tokens=9, messages=[USER], stream=streamed)
    assert (caught.value.status_code, caught.value.type) == (status, kind)


def test_five_markers_are_one_too_many(stub: Stub, client: anthropic.Anthropic) -> None:
    blocks = [{"type": "text", "text": letter} for letter in "abcde"]
    for block in blocks:
        block["cache_control"] = {"type": "ephemeral"}
    with pytest.raises(anthropic.BadRequestError, match=r"Found 5\."):
        client.messages.create(
            model="m", max_tokens=9, messages=[{"role": "user", "content": blocks}]
        )
