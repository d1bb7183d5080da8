"""The real client reads what the dialect writes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import anthropic
import pytest

from headstart.dialects import DialectError, ErrorKind, Outcome
from headstart.usage import Usage
from tests.dialects.wire import TEXT, Wire

USER = {"role": "user", "content": "Hi"}


@pytest.fixture
def client(wire: Wire) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=wire.url, api_key="sk-ant-fake", max_retries=0) as client:
        yield client


def _check(message: anthropic.types.Message) -> None:
    assert message.id.startswith("msg_")
    assert (message.type, message.role, message.model) == ("message", "assistant", "m")
    assert [block.type for block in message.content] == ["text"]
    assert message.content[0].text == TEXT
    assert message.stop_reason == "end_turn"
    usage = message.usage
    assert usage.input_tokens == 7
    assert usage.cache_read_input_tokens == 1_800
    assert usage.cache_creation_input_tokens == 248
    assert usage.cache_creation.ephemeral_5m_input_tokens == 148
    assert usage.cache_creation.ephemeral_1h_input_tokens == 100
    assert usage.output_tokens == 5


def test_a_message(wire: Wire, client: anthropic.Anthropic) -> None:
    system = [{"type": "text", "text": "Be kind.", "cache_control": {"type": "ephemeral"}}]
    message = client.messages.create(
        model="m", max_tokens=9, system=system, messages=[USER], extra_body={"cache_salt": "s"}
    )
    _check(message)
    assert wire.seen[0].marks == ((0, 0, 300.0),)
    assert (wire.seen[0].cache_salt, wire.seen[0].max_tokens) == ("s", 9)


def test_a_stream_accumulates_to_the_same_message(client: anthropic.Anthropic) -> None:
    with client.messages.stream(model="m", max_tokens=9, messages=[USER]) as stream:
        assert "".join(stream.text_stream) == TEXT
        _check(stream.get_final_message())


def test_the_order_of_events(wire: Wire, client: anthropic.Anthropic) -> None:
    events = list(client.messages.create(model="m", max_tokens=9, messages=[USER], stream=True))
    kinds = [event.type for event in events]
    texts = sum(1 for piece in wire.pieces if piece)
    assert kinds == [
        "message_start",
        "content_block_start",
        *["content_block_delta"] * texts,
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    assert events[0].message.usage.cache_creation.ephemeral_1h_input_tokens == 100
    assert events[-2].usage.cache_read_input_tokens == 1_800


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    ("reason", "sequence", "stop_reason"),
    [("stop_sequence", "END", "stop_sequence"), ("length", None, "max_tokens")],
)
def test_stop_reasons(
    wire: Wire,
    client: anthropic.Anthropic,
    reason: str,
    sequence: str,
    stop_reason: str,
    streamed: bool,
) -> None:
    wire.outcome = wire.outcome._replace(reason=reason, stop_sequence=sequence)
    request = {"model": "m", "max_tokens": 9, "messages": [USER], "stop_sequences": ["END"]}
    if streamed:
        with client.messages.stream(**request) as stream:
            message = stream.get_final_message()
    else:
        message = client.messages.create(**request)
    assert (message.stop_reason, message.stop_sequence) == (stop_reason, sequence)
    assert wire.seen[0].stop == ("END",)


def test_a_prewarm_answers_nothing(wire: Wire, client: anthropic.Anthropic) -> None:
    wire.outcome = Outcome("", "length", None, Usage(write_5m=30))
    message = client.messages.create(model="m", max_tokens=0, messages=[USER])
    assert message.content == []
    assert message.stop_reason == "max_tokens"
    assert message.usage.output_tokens == 0


def test_a_stream_without_text_has_no_block(wire: Wire, client: anthropic.Anthropic) -> None:
    wire.outcome = wire.outcome._replace(text="")
    wire.pieces = ("",)
    with client.messages.stream(model="m", max_tokens=9, messages=[USER]) as stream:
        assert stream.get_final_message().content == []


def test_writes_of_other_lifetimes_keep_the_sum(wire: Wire, client: anthropic.Anthropic) -> None:
    usage = replace(wire.outcome.usage, write_other=10)
    wire.outcome = wire.outcome._replace(usage=usage)
    seen = client.messages.create(model="m", max_tokens=9, messages=[USER]).usage
    split = seen.cache_creation
    assert seen.cache_creation_input_tokens == 258
    assert split.ephemeral_5m_input_tokens + split.ephemeral_1h_input_tokens == 258


def test_counting(wire: Wire, client: anthropic.Anthropic) -> None:
    assert client.messages.count_tokens(model="m", messages=[USER]).input_tokens == 2_055
    assert wire.seen[0].max_tokens is None


@pytest.mark.parametrize(
    ("status", "kind", "error"),
    [
        (400, "invalid_request_error", anthropic.BadRequestError),
        (401, "authentication_error", anthropic.AuthenticationError),
        (403, "permission_error", anthropic.PermissionDeniedError),
        (404, "not_found_error", anthropic.NotFoundError),
        (413, "request_too_large", anthropic.APIStatusError),
        (429, "rate_limit_error", anthropic.RateLimitError),
        (500, "api_error", anthropic.InternalServerError),
        (529, "overloaded_error", anthropic.APIStatusError),
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
def test_errors_map_to_the_clients_own(
    wire: Wire,
    client: anthropic.Anthropic,
    status: int,
    kind: ErrorKind,
    error: type[anthropic.APIStatusError],
    streamed: bool,
) -> None:
    wire.failure = DialectError(status, kind, "what went wrong")
    with pytest.raises(error) as caught:
        client.messages.create(model="m", max_tokens=9, messages=[USER], stream=streamed)
    assert caught.value.status_code == status
    assert (caught.value.type, caught.value.api_message) == (kind, "what went wrong")
    assert caught.value.request_id == "req_test"
    assert caught.value.body["request_id"] == "req_test"


def test_a_refused_request_names_its_fault(client: anthropic.Anthropic) -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": ""}}
    with pytest.raises(anthropic.BadRequestError, match=r"messages\.0\.content\.0: 'image'"):
        client.messages.create(
            model="m", max_tokens=9, messages=[{"role": "user", "content": [image]}]
        )


def test_an_error_in_mid_stream_is_raised(wire: Wire, client: anthropic.Anthropic) -> None:
    wire.late_failure = DialectError(529, "overloaded_error", "Overloaded")
    with (
        pytest.raises(anthropic.APIStatusError, match="Overloaded") as caught,
        client.messages.stream(model="m", max_tokens=9, messages=[USER]) as stream,
    ):
        stream.get_final_message()
    assert caught.value.type == "overloaded_error"
