"""The openai SDK, unmodified: Chat Completions, Responses, Azure, and those compatible."""

from __future__ import annotations

from typing import Any

import openai
import pytest

from tests.server.emulate.conftest import HOUSE_RULES, Emulate, Emulated

OLD, NEW = "gpt-5.5", "gpt-5.6"


def _client(emulated: Emulated, prefix: str = "", key: str = "k") -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{emulated.url}{prefix}/v1", api_key=key, max_retries=0)


def _messages(question: str = "Hi", rules: str = HOUSE_RULES) -> list[Any]:
    return [{"role": "system", "content": rules}, {"role": "user", "content": question}]


def _chat(client: openai.OpenAI, model: str, question: str = "Hi", **more: Any) -> Any:
    made = client.chat.completions.create(
        model=model, messages=more.pop("messages", None) or _messages(question), **more
    )
    return made.usage


def test_chat_reads_in_steps_without_being_asked(emulated: Emulated) -> None:
    client = _client(emulated)
    first = _chat(client, OLD)
    second = _chat(client, OLD, "What else?")
    assert first.prompt_tokens_details.cached_tokens == 0
    cached = second.prompt_tokens_details.cached_tokens
    assert cached > 2_000
    assert cached % 128 == 0
    assert second.prompt_tokens > cached
    assert second.total_tokens == second.prompt_tokens + second.completion_tokens
    other = _chat(client, OLD, messages=_messages(rules=f"At 9:41. {HOUSE_RULES}"))
    assert other.prompt_tokens_details.cached_tokens == 0
    emulated.advance(86_401)
    assert _chat(client, OLD).prompt_tokens_details.cached_tokens == 0
    assert emulated.last()["reason"] == "expired"


def test_chat_writes_are_reported_by_the_newer_models(emulated: Emulated) -> None:
    client = _client(emulated)
    asked: list[Any] = _messages()
    asked[0]["content"] = [
        {"type": "text", "text": HOUSE_RULES, "prompt_cache_breakpoint": {"mode": "explicit"}}
    ]
    first = _chat(client, NEW, messages=asked).prompt_tokens_details
    assert first.cache_write_tokens > 2_000
    assert first.cached_tokens == 0
    asked[1]["content"] = "Something else?"
    second = _chat(client, NEW, messages=asked).prompt_tokens_details
    assert 2_000 < second.cached_tokens <= first.cache_write_tokens


def test_chat_streams(emulated: Emulated) -> None:
    client = _client(emulated)
    whole = _chat(client, OLD)
    chunks = list(
        client.chat.completions.create(
            model=OLD, messages=_messages(), stream=True, stream_options={"include_usage": True}
        )
    )
    usage = chunks[-1].usage
    assert usage is not None
    assert usage.prompt_tokens_details is not None
    assert usage.prompt_tokens == whole.prompt_tokens
    assert usage.prompt_tokens_details.cached_tokens
    assert usage.completion_tokens == whole.completion_tokens
    assert chunks[0].id.startswith("chatcmpl-")
    bare = list(client.chat.completions.create(model=OLD, messages=_messages(), stream=True))
    assert all(chunk.usage is None for chunk in bare)


@pytest.mark.parametrize("stream", [False, True])
def test_responses(emulated: Emulated, stream: bool) -> None:
    client = _client(emulated)
    asked: dict[str, Any] = {"model": NEW, "instructions": HOUSE_RULES, "input": "Hi"}
    first = client.responses.create(**asked).usage
    if stream:
        events = list(client.responses.create(**asked, stream=True))
        assert events[-1].type == "response.completed"
        second = events[-1].response.usage
    else:
        second = client.responses.create(**asked).usage
    assert first is not None
    assert first.input_tokens_details.cache_write_tokens > 2_000
    assert second.input_tokens_details.cached_tokens > 2_000
    assert second.input_tokens == first.input_tokens


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("prompt_cache_options", {"mode": "explicit"}),
        ("prompt_cache_retention", "in_memory"),
    ],
)
def test_fields_that_an_older_model_refuses(emulated: Emulated, field: str, value: Any) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        _chat(_client(emulated), OLD, extra_body={field: value})
    assert caught.value.body == {
        "message": f"{field} is not supported on this model",
        "type": "invalid_request_error",
        "param": field,
        "code": "invalid_parameter",
    }
    assert emulated.requests() == []


@pytest.mark.parametrize(("model", "value"), [(OLD, "24h"), ("gpt-5.1", "in_memory")])
def test_retentions_that_a_model_takes(emulated: Emulated, model: str, value: str) -> None:
    more: Any = {"prompt_cache_retention": value}
    assert _chat(_client(emulated), model, **more).prompt_tokens > 2_000


def test_azure_by_deployment_and_by_its_v1_path(emulated: Emulated) -> None:
    client = openai.AzureOpenAI(
        azure_endpoint=emulated.url, api_key="k", api_version="2025-04-01-preview", max_retries=0
    )
    _chat(client, OLD)
    assert _chat(client, OLD, "Again?").prompt_tokens_details.cached_tokens > 2_000
    _chat(_client(emulated, "/openai"), OLD)
    assert {entry["provider"] for entry in emulated.requests()} == {"azure"}
    assert {entry["model"] for entry in emulated.requests()} == {OLD}


def test_credentials_share_nothing(emulated: Emulated) -> None:
    _chat(_client(emulated, key="a"), OLD)
    assert _chat(_client(emulated, key="b"), OLD).prompt_tokens_details.cached_tokens == 0
    assert _chat(_client(emulated, key="a"), OLD).prompt_tokens_details.cached_tokens > 0


# Enough for two requests of every one to meet: its model, and the seconds between them.
PROVIDERS = {
    "azure": "gpt-5.5",
    "deepseek": "deepseek-chat",
    "groq": "moonshotai/kimi-k2-instruct-0905",
    "kimi": "kimi-k2.5",
    "mistral": "mistral-large-latest",
    "openrouter": "openai/gpt-5.5",
    "qwen": "qwen3-max",
    "sglang": "meta-llama/Llama-3.1-8B-Instruct",
    "vllm": "meta-llama/Llama-3.1-8B-Instruct",
    "xai": "grok-4",
}


@pytest.mark.parametrize("provider", sorted(PROVIDERS))
def test_compatible_providers(emulated: Emulated, provider: str) -> None:
    client = _client(emulated, f"/{provider}")
    asked: list[Any] = _messages()
    first = _chat(client, PROVIDERS[provider], messages=asked, max_tokens=40)
    emulated.advance(30)
    second = _chat(client, PROVIDERS[provider], messages=asked, max_tokens=40)
    assert (first.prompt_tokens_details.cached_tokens or 0) == 0
    cached = second.prompt_tokens_details.cached_tokens
    assert 2_000 < cached <= second.prompt_tokens
    assert [entry["provider"] for entry in emulated.requests()] == [provider] * 2
    shown = second.model_dump()
    if provider == "deepseek":
        assert shown["prompt_cache_hit_tokens"] == cached
        assert shown["prompt_cache_miss_tokens"] == second.prompt_tokens - cached
    if provider == "kimi":
        assert shown["cached_tokens"] == cached


def test_a_shared_path_goes_by_the_models_name_or_as_told(emulate: Emulate) -> None:
    by_name = emulate()
    for model in ("deepseek-chat", "gpt-5.5", "who-knows"):
        _chat(_client(by_name), model)
    assert [e["provider"] for e in by_name.requests()] == ["deepseek", "openai", "openai"]
    assert by_name.requests()[-1]["warnings"]
    told = emulate(provider="vllm")
    _chat(_client(told), "gpt-5.5")
    assert told.last()["provider"] == "vllm"


def test_at_a_shared_path_fields_are_the_providers_own(emulate: Emulate) -> None:
    by_name = emulate()
    shown = _chat(_client(by_name), "deepseek-chat").model_dump()
    assert shown["prompt_cache_hit_tokens"] == 0
    assert shown["prompt_cache_miss_tokens"] == shown["prompt_tokens"]
    assert shown["prompt_tokens_details"]["cache_write_tokens"] is None
    assert by_name.last()["dialect"] == "deepseek"
    told = emulate(provider="kimi")
    assert _chat(_client(told), "gpt-5.5").model_dump()["cached_tokens"] == 0


def test_an_unknown_path_is_told_in_the_dialect(emulated: Emulated) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        _client(emulated).embeddings.create(model="m", input="x")
    assert "/v1/embeddings" in caught.value.message
    assert emulated.http.post("/nobody/v1/chat/completions", json={}).status_code == 404
    assert emulated.http.get("/v1/chat/completions").status_code == 405
