"""The anthropic SDK, unmodified, against the emulating server."""

from __future__ import annotations

from typing import Any

import anthropic
import pytest

from tests.server.emulate.conftest import HOUSE_RULES, Emulated

MODEL = "claude-opus-5"
BEDROCK_MODEL = "us.anthropic.claude-opus-5-v1:0"


def _client(emulated: Emulated, key: str = "k") -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=emulated.url, api_key=key, max_retries=0)


def _asked(question: str = "Hi", rules: str = HOUSE_RULES, **more: Any) -> dict[str, Any]:
    control = {"type": "ephemeral", **more.pop("control", {})}
    return {
        "model": MODEL,
        "max_tokens": 30,
        "system": [{"type": "text", "text": rules, "cache_control": control}],
        "messages": [{"role": "user", "content": question}],
        **more,
    }


def test_first_second_diverged_expired(emulated: Emulated) -> None:
    client = _client(emulated)
    first = client.messages.create(**_asked()).usage
    assert first.cache_read_input_tokens == 0
    assert first.cache_creation is not None
    written = first.cache_creation_input_tokens
    assert written == first.cache_creation.ephemeral_5m_input_tokens
    assert written is not None
    assert written > 2_000
    assert first.input_tokens < 20

    second = client.messages.create(**_asked("And now?")).usage
    assert (second.cache_read_input_tokens, second.cache_creation_input_tokens) == (written, 0)

    other = client.messages.create(**_asked(rules=f"{HOUSE_RULES}Today is Monday.")).usage
    assert other.cache_read_input_tokens == 0
    assert emulated.last()["reason"] == "diverged"

    emulated.advance(299)
    assert client.messages.create(**_asked()).usage.cache_read_input_tokens == written
    emulated.advance(299)  # The read before this one has refreshed it.
    assert client.messages.create(**_asked()).usage.cache_read_input_tokens == written
    emulated.advance(300)
    assert client.messages.create(**_asked()).usage.cache_creation_input_tokens == written
    assert emulated.last()["reason"] == "expired"


def test_streams_tell_the_same_usage(emulated: Emulated) -> None:
    client = _client(emulated)
    whole = client.messages.create(**_asked())
    with client.messages.stream(**_asked()) as stream:
        text = "".join(stream.text_stream)
        message = stream.get_final_message()
    assert text == whole.content[0].text  # type: ignore[union-attr]
    assert message.usage.cache_read_input_tokens == whole.usage.cache_creation_input_tokens
    assert message.usage.output_tokens == whole.usage.output_tokens
    assert message.stop_reason == whole.stop_reason
    assert message.id.startswith("msg_")
    assert [entry["stream"] for entry in emulated.requests()] == [False, True]


def test_an_hour_costs_more_and_lasts_longer(emulated: Emulated) -> None:
    client = _client(emulated)
    usage = client.messages.create(**_asked(control={"ttl": "1h"})).usage
    assert usage.cache_creation is not None
    assert usage.cache_creation.ephemeral_1h_input_tokens == usage.cache_creation_input_tokens
    hour = emulated.last()["cost"]
    emulated.advance(3_599)
    read = client.messages.create(**_asked(control={"ttl": "1h"})).usage
    assert read.cache_read_input_tokens == usage.cache_creation_input_tokens
    client.messages.create(**_asked(rules=HOUSE_RULES[::-1]))
    short = emulated.last()
    assert hour > short["cost_without_cache"] * 1.5
    assert hour == pytest.approx(short["cost_without_cache"] * 2, rel=0.1)


def test_counting_writes_nothing(emulated: Emulated) -> None:
    client = _client(emulated)
    given = {key: value for key, value in _asked().items() if key != "max_tokens"}
    tokens = client.messages.count_tokens(**given).input_tokens
    assert emulated.requests() == []
    usage = client.messages.create(**_asked()).usage
    assert usage.cache_creation_input_tokens is not None
    assert tokens == usage.input_tokens + usage.cache_creation_input_tokens


def test_a_short_prefix_is_not_cached_and_no_error(emulated: Emulated) -> None:
    client = _client(emulated)
    for _ in range(2):
        usage = client.messages.create(**_asked(rules="Be brief.")).usage
        assert (usage.cache_read_input_tokens, usage.cache_creation_input_tokens) == (0, 0)
    assert emulated.last()["reason"] == "below_minimum"


def _marked(ttl: str | None = None) -> dict[str, Any]:
    control = {"type": "ephemeral", **({"ttl": ttl} if ttl else {})}
    return {"type": "text", "text": "x", "cache_control": control}


@pytest.mark.parametrize(
    ("system", "text"),
    [
        ([_marked()] * 5, "A maximum of 4 blocks with cache_control may be provided. Found 5."),
        (
            [_marked("2h")],
            "system.0.cache_control.ephemeral.ttl: Input should be '5m' or '1h'",
        ),
        (
            [_marked("5m"), _marked("1h")],
            "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block.",
        ),
    ],
)
def test_markers_that_are_refused(emulated: Emulated, system: Any, text: str) -> None:
    with pytest.raises(anthropic.BadRequestError) as caught:
        _client(emulated).messages.create(**_asked(system=system))
    assert caught.value.type == "invalid_request_error"
    assert text in caught.value.message
    assert caught.value.request_id
    assert emulated.requests() == []


def test_credentials_share_nothing(emulated: Emulated) -> None:
    assert _client(emulated, "a").messages.create(**_asked()).usage.cache_creation_input_tokens
    usage = _client(emulated, "b").messages.create(**_asked()).usage
    assert usage.cache_read_input_tokens == 0
    assert emulated.last()["reason"] in ("first_sight", "scope_changed")
    again = _client(emulated, "a").messages.create(**_asked()).usage
    assert again.cache_read_input_tokens


@pytest.mark.parametrize("stream", [False, True])
def test_bedrock(emulated: Emulated, stream: bool) -> None:
    client = anthropic.AnthropicBedrock(
        base_url=emulated.url, aws_access_key="a", aws_secret_key="s", aws_region="us-east-1"
    )
    asked = _asked(model=BEDROCK_MODEL)
    first = client.messages.create(**asked).usage
    if stream:
        with client.messages.stream(**asked) as events:
            second = events.get_final_message().usage
    else:
        second = client.messages.create(**asked).usage
    assert first.cache_creation_input_tokens
    assert second.cache_read_input_tokens == first.cache_creation_input_tokens
    assert {entry["provider"] for entry in emulated.requests()} == {"bedrock"}


def test_vertex(emulated: Emulated) -> None:
    client = anthropic.AnthropicVertex(
        base_url=f"{emulated.url}/v1", region="us-east5", project_id="p", access_token="t"
    )
    first = client.messages.create(**_asked()).usage
    with client.messages.stream(**_asked()) as events:
        second = events.get_final_message().usage
    assert first.cache_creation_input_tokens
    assert second.cache_read_input_tokens == first.cache_creation_input_tokens
    counted = client.messages.count_tokens(
        model=MODEL, messages=[{"role": "user", "content": "How many?"}]
    )
    assert 0 < counted.input_tokens < 20
    assert {entry["provider"] for entry in emulated.requests()} == {"vertex"}


def test_an_unknown_path_is_told_in_the_dialect(emulated: Emulated) -> None:
    with pytest.raises(anthropic.NotFoundError) as caught:
        _client(emulated).models.list()
    assert caught.value.type == "not_found_error"
    assert "/v1/models" in caught.value.message


@pytest.mark.parametrize(
    ("model", "taken"),
    [
        ("claude-opus-4-8", True),
        ("claude-opus-5", True),
        ("claude-sonnet-5-5", True),
        ("claude-fable-5-2", True),
        ("claude-opus-4-1", False),
        ("claude-sonnet-5", False),
        ("claude-haiku-4-5", False),
    ],
)
def test_system_messages_among_the_turns_are_for_newer_models(
    emulated: Emulated, model: str, taken: bool
) -> None:
    turns = [{"role": "user", "content": "Hi"}, {"role": "system", "content": "Be brief."}]
    body = {"model": model, "max_tokens": 5, "messages": turns}
    answer = emulated.http.post("/v1/messages", json=body)
    assert answer.status_code == (200 if taken else 400)
    assert ("role 'system' is not supported on this model" in answer.text) is not taken
