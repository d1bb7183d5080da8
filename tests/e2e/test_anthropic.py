"""The real anthropic SDK against the built-in model, over a real socket."""

from __future__ import annotations

import anthropic
import pytest
from anthropic.types import MessageParam, ToolParam

from tests.e2e.conftest import KEYS, marked

MODEL = "smollm2-135m"
HELLO: list[MessageParam] = [{"role": "user", "content": "Say hello."}]
TOPIC = "The lighthouse of {} stands on a cliff above the sea. Its keeper counts the ships. "


def test_a_message(claude: anthropic.Anthropic) -> None:
    message = claude.messages.create(model=MODEL, max_tokens=12, messages=HELLO)
    assert message.model == MODEL
    assert message.role == "assistant"
    assert message.stop_reason in ("end_turn", "max_tokens")
    assert message.content[0].type == "text"
    assert message.content[0].text
    assert 1 <= message.usage.output_tokens <= 12


def test_a_stream_gives_what_it_counts(claude: anthropic.Anthropic) -> None:
    with claude.messages.stream(model=MODEL, max_tokens=12, messages=HELLO) as stream:
        types = [event.type for event in stream]
        message = stream.get_final_message()
    assert types[0] == "message_start"
    assert types[-1] == "message_stop"
    assert "content_block_delta" in types
    assert message.usage.output_tokens >= 1
    assert message.content[0].type == "text"
    assert message.content[0].text


def test_a_greedy_stream_says_what_the_whole_says(url: str) -> None:
    # The older SDK's sampling parameters go as plain JSON: the newer one has them no more.
    client = anthropic.Anthropic(base_url=url, api_key=KEYS["acme"], max_retries=0)
    greedy = {"temperature": 0}
    whole = client.messages.create(
        model=MODEL, max_tokens=16, messages=HELLO, extra_body=greedy
    ).content[0]
    with client.messages.stream(
        model=MODEL, max_tokens=16, messages=HELLO, extra_body=greedy
    ) as stream:
        text = stream.get_final_text()
    assert whole.type == "text"
    assert whole.text == text


def test_the_second_request_reads_what_the_first_wrote(claude: anthropic.Anthropic) -> None:
    system = marked(TOPIC.format("Alta") * 12)
    first = claude.messages.create(model=MODEL, max_tokens=4, system=system, messages=HELLO).usage
    second = claude.messages.create(
        model=MODEL,
        max_tokens=4,
        system=system,
        messages=[{"role": "user", "content": "Who counts the ships?"}],
    ).usage
    assert first.cache_creation is not None
    assert first.cache_creation_input_tokens == first.cache_creation.ephemeral_5m_input_tokens
    assert first.cache_creation_input_tokens is not None
    assert first.cache_creation_input_tokens > 200
    assert second.cache_read_input_tokens is not None
    assert second.cache_read_input_tokens >= first.cache_creation_input_tokens
    assert second.cache_creation_input_tokens == 0


def test_usage_adds_up_to_the_count(claude: anthropic.Anthropic) -> None:
    system = marked(TOPIC.format("Bodø") * 8, ttl="1h")
    counted = claude.messages.count_tokens(model=MODEL, system=system, messages=HELLO)
    for _ in range(2):
        with claude.messages.stream(
            model=MODEL, max_tokens=4, system=system, messages=HELLO
        ) as stream:
            usage = stream.get_final_message().usage
        total = (
            usage.input_tokens
            + (usage.cache_read_input_tokens or 0)
            + (usage.cache_creation_input_tokens or 0)
        )
        assert total == counted.input_tokens
        assert (usage.cache_read_input_tokens or 0) < counted.input_tokens


def test_without_a_marker_nothing_is_written_but_it_is_read(claude: anthropic.Anthropic) -> None:
    system = TOPIC.format("Cuxhaven") * 12
    usages = [
        claude.messages.create(model=MODEL, max_tokens=2, system=system, messages=HELLO).usage
        for _ in range(2)
    ]
    assert [usage.cache_creation_input_tokens for usage in usages] == [0, 0]
    assert (
        usages[1].cache_read_input_tokens
        == usages[1].input_tokens + (usages[1].cache_read_input_tokens or 0) - 1
    )


def test_mixed_lifetimes_are_split(claude: anthropic.Anthropic) -> None:
    system = marked(TOPIC.format("Dover") * 8, ttl="1h") + marked(TOPIC.format("Ebba") * 8)
    usage = claude.messages.create(model=MODEL, max_tokens=2, system=system, messages=HELLO).usage
    assert usage.cache_creation is not None
    assert usage.cache_creation.ephemeral_1h_input_tokens > 100
    assert usage.cache_creation.ephemeral_5m_input_tokens > 100


def test_prewarm_writes_without_answering(claude: anthropic.Anthropic) -> None:
    system = marked(TOPIC.format("Faro") * 12)
    warm = claude.messages.create(model=MODEL, max_tokens=0, system=system, messages=HELLO)
    assert warm.content == []
    assert warm.stop_reason == "max_tokens"
    assert warm.usage.output_tokens == 0
    assert (warm.usage.cache_creation_input_tokens or 0) > 200
    after = claude.messages.create(model=MODEL, max_tokens=2, system=system, messages=HELLO)
    assert (after.usage.cache_read_input_tokens or 0) > 200


def test_a_stop_sequence_ends_the_message(claude: anthropic.Anthropic) -> None:
    message = claude.messages.create(
        model=MODEL,
        max_tokens=40,
        messages=[{"role": "user", "content": "Count: one, two, three, four, five."}],
        stop_sequences=["e"],
    )
    assert message.stop_reason == "stop_sequence"
    assert message.stop_sequence == "e"
    assert all(block.type != "text" or "e" not in block.text for block in message.content)


def test_tools_are_refused_where_the_template_has_no_place_for_them(
    claude: anthropic.Anthropic,
) -> None:
    tool: ToolParam = {
        "name": "weather",
        "description": "The weather of a city",
        "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}},
    }
    with pytest.raises(anthropic.BadRequestError, match="takes no tools"):
        claude.messages.create(model=MODEL, max_tokens=8, tools=[tool], messages=HELLO)


def test_both_ways_to_send_the_key(url: str) -> None:
    bearer = anthropic.Anthropic(base_url=url, api_key=KEYS["acme"], max_retries=0)
    older = anthropic.Anthropic(
        base_url=url,
        api_key="wrong",
        max_retries=0,
        default_headers={"x-api-key": KEYS["acme"]},
    )
    for client in (bearer, older):
        assert client.messages.count_tokens(model=MODEL, messages=HELLO).input_tokens > 0


def test_a_wrong_key_is_an_authentication_error(url: str) -> None:
    client = anthropic.Anthropic(base_url=url, api_key="wrong", max_retries=0)
    with pytest.raises(anthropic.AuthenticationError):
        client.messages.create(model=MODEL, max_tokens=4, messages=HELLO)


@pytest.mark.parametrize("version", ["2023-06-01", "2026-10-21"])
def test_sampling_parameters_are_accepted_on_both_versions(url: str, version: str) -> None:
    client = anthropic.Anthropic(
        base_url=url,
        api_key=KEYS["acme"],
        max_retries=0,
        default_headers={"anthropic-version": version},
    )
    extra = {"temperature": 0.7, "top_p": 0.9, "top_k": 20}
    message = client.messages.create(model=MODEL, max_tokens=4, messages=HELLO, extra_body=extra)
    assert message.usage.output_tokens >= 1
