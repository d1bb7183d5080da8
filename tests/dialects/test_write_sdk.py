"""A conversation, written, sent by the providers' own SDKs, and read from the cache of the
emulating server from its second turn on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import anthropic
import boto3
import openai
import pytest
from botocore.config import Config
from google import genai
from google.genai import types

from headstart.dialects import (
    COMPATIBLE,
    AnthropicHosted,
    BedrockConverse,
    BedrockInvoke,
    Gemini,
    OpenAIChat,
    OpenAIResponses,
)
from headstart.prompt import Conversation, Prompt, PromptBuilder
from headstart.server import EmbeddedServer
from headstart.server.emulate import State, create_emulator, emulated_accounts
from headstart.usage import Usage

MANUAL = "\n".join(f"Rule {n}: a refund of order {n} takes {n % 9 + 2} days." for n in range(400))
SCHEMA = {"type": "object", "properties": {"order": {"type": "string"}}, "required": ["order"]}
QUESTIONS = ("Where is order 17?", "And its refund?", "And order 18?")

Ask = Callable[[Prompt], Usage]
"""Sends a prompt and gives the buckets of its input."""


@pytest.fixture(scope="module")
def state() -> State:
    return State(emulated_accounts())


@pytest.fixture(scope="module")
def url(state: State) -> Iterator[str]:
    app = create_emulator(state)
    with EmbeddedServer(app, host="127.0.0.1", port=0, grace=1.0) as server:
        yield server.url


def turns(model: str, ask: Ask, *, ttl: float = 300.0) -> list[Usage]:
    """The usage of each turn; questions and results of tool calls take turns."""
    start = PromptBuilder(model, ttl=ttl, always_ttl=3600.0)
    start = start.tool("look_up", "Finds an order.", SCHEMA)
    conversation = Conversation(start.system("You answer for a shop.").system(MANUAL))
    found: list[Usage] = []

    def turn() -> None:
        found.append(ask(conversation.prompt()))
        conversation.record(found[-1])

    for number, question in enumerate(QUESTIONS):
        conversation.user(question)
        turn()
        call = {"type": "tool_use", "id": f"c{number}", "name": "look_up"}
        conversation.assistant(
            [{"type": "text", "text": "I look."}, {**call, "input": {"order": "17"}}]
        )
        conversation.tool_results({f"c{number}": "It left the house on day 3. " * 40})
        turn()
        conversation.assistant("On its way.")
    assert conversation.statistics.hit_rate > 0.7
    return found


def every_turn_reads_the_one_before(found: list[Usage]) -> None:
    """All that was asked before, to the token."""
    assert found[0].read == 0
    for before, now in pairwise(found):
        assert now.read == before.read + before.written > 4_000
        assert 0 < now.written < 600
    assert {usage.fresh for usage in found[1:]} == {found[0].fresh}


def test_anthropic(url: str) -> None:
    hosted = AnthropicHosted()
    with anthropic.Anthropic(api_key="fake-a", base_url=url, max_retries=0) as client:

        def ask(prompt: Prompt) -> Usage:
            message = client.messages.create(max_tokens=64, **hosted.write(prompt))
            usage = message.usage
            return Usage(
                fresh=usage.input_tokens,
                read=usage.cache_read_input_tokens or 0,
                write_5m=usage.cache_creation.ephemeral_5m_input_tokens,
                write_1h=usage.cache_creation.ephemeral_1h_input_tokens,
            )

        found = turns("claude-opus-5", ask)
    every_turn_reads_the_one_before(found)
    assert found[0].write_1h > 4_000
    assert all(usage.write_1h == 0 < usage.write_5m for usage in found[1:])


@pytest.fixture
def client(url: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(api_key="fake-o", base_url=f"{url}/v1", max_retries=0) as client:
        yield client


def test_openai_chat(client: openai.OpenAI) -> None:
    hosted = OpenAIChat()

    def ask(prompt: Prompt) -> Usage:
        answer = client.chat.completions.create(**hosted.write(prompt))
        return hosted.usage(answer.model_dump_json().encode()) or Usage()

    every_turn_reads_the_one_before(turns("gpt-6.1-sol", ask, ttl=1800.0))


def test_openai_chat_without_directives(client: openai.OpenAI) -> None:
    hosted = OpenAIChat()

    def ask(prompt: Prompt) -> Usage:
        answer = client.chat.completions.create(**hosted.write(prompt))
        details = answer.usage.prompt_tokens_details
        return Usage(
            fresh=answer.usage.prompt_tokens - details.cached_tokens, read=details.cached_tokens
        )

    found = turns("gpt-5.5", ask)
    assert found[0].read == 0
    assert all(usage.read > 4_000 for usage in found[1:])


def test_openai_responses(client: openai.OpenAI) -> None:
    hosted = OpenAIResponses()

    def ask(prompt: Prompt) -> Usage:
        answer = client.responses.create(**hosted.write(prompt))
        return hosted.usage(answer.model_dump_json().encode()) or Usage()

    found = turns("gpt-6.1-terra", ask, ttl=1800.0)
    every_turn_reads_the_one_before(found)


def test_deepseek(url: str, state: State) -> None:
    """Which reads what was written some seconds before, and takes no directive."""
    hosted = COMPATIBLE["deepseek"]
    with openai.OpenAI(api_key="fake-d", base_url=f"{url}/deepseek", max_retries=0) as client:

        def ask(prompt: Prompt) -> Usage:
            answer = client.chat.completions.create(**hosted.write(prompt))
            state.clock.advance(60)
            return hosted.usage(answer.model_dump_json().encode()) or Usage()

        found = turns("deepseek-chat", ask)
    assert found[0].read == 0
    assert all(usage.read > 4_000 for usage in found[1:])


def test_gemini(url: str) -> None:
    hosted = Gemini()
    options = types.HttpOptions(base_url=url)
    with genai.Client(api_key="fake-g", http_options=options) as client:

        def ask(prompt: Prompt) -> Usage:
            usage = client.models.generate_content(**hosted.write(prompt)).usage_metadata
            assert usage is not None
            read = usage.cached_content_token_count or 0
            return Usage(fresh=(usage.prompt_token_count or 0) - read, read=read)

        found = turns("gemini-3.5-flash", ask)
    assert found[0].read == 0
    assert all(usage.read > 4_000 for usage in found[1:])


@pytest.fixture(scope="module")
def bedrock(url: str) -> Any:
    session = boto3.Session(
        aws_access_key_id="fake-b", aws_secret_access_key="fake", region_name="us-east-1"
    )
    config = Config(retries={"max_attempts": 1})
    return session.client("bedrock-runtime", endpoint_url=url, config=config)


@pytest.mark.parametrize("model", ["us.anthropic.claude-opus-5-v1:0", "amazon.nova-pro-v1:0"])
def test_converse(bedrock: Any, model: str) -> None:
    hosted = BedrockConverse()

    def ask(prompt: Prompt) -> Usage:
        answer = bedrock.converse(**hosted.write(prompt))
        return hosted.usage(json.dumps({"usage": answer["usage"]}).encode()) or Usage()

    found = turns(model, ask)
    every_turn_reads_the_one_before(found)
    assert (found[0].write_1h > 4_000) == ("claude" in model)


@pytest.mark.parametrize("model", ["us.anthropic.claude-opus-4-8", "amazon.nova-lite-v1:0"])
def test_invoke_model(bedrock: Any, model: str) -> None:
    hosted = BedrockInvoke()

    def ask(prompt: Prompt) -> Usage:
        return hosted.usage(bedrock.invoke_model(**hosted.write(prompt))["body"].read()) or Usage()

    every_turn_reads_the_one_before(turns(model, ask))
